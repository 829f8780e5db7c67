package sdk

import "strconv"

// Enumerations are integers equal to the ordinals on the wire. Numbers that are not here come from a later
// schema and are kept as they are.

// InteractionKind says how many messages each side may send.
type InteractionKind uint16

// The values of InteractionKind.
const (
	// Unary: one message each way.
	Unary InteractionKind = 0
	// ClientStream: any number from the opener, one back.
	ClientStream InteractionKind = 1
	// ServerStream: one from the opener, any number back.
	ServerStream InteractionKind = 2
	// BidiStream: any number each way.
	BidiStream InteractionKind = 3
)

var interactionKindNames = [...]string{"unary", "clientStream", "serverStream", "bidiStream"}

// String is the name in the schema, or the number where there is none.
func (v InteractionKind) String() string { return name(interactionKindNames[:], uint16(v)) }

// IsKnown says whether the value has a name in this version of the schema.
func (v InteractionKind) IsKnown() bool { return int(v) < len(interactionKindNames) }

// CloseReason says why a direction ended in order. Only [CloseCompleted] is success.
type CloseReason uint16

// The values of CloseReason.
const (
	// CloseUnspecified: no reason given; never reads as success.
	CloseUnspecified CloseReason = 0
	// CloseCompleted: all that there was has been sent.
	CloseCompleted CloseReason = 1
	// CloseLimitReached: a limit of the sender was reached.
	CloseLimitReached CloseReason = 2
	// CloseIdle: nothing was sent for too long.
	CloseIdle CloseReason = 3
	// CloseGoingAway: the sender is about to go.
	CloseGoingAway CloseReason = 4
)

var closeReasonNames = [...]string{"unspecified", "completed", "limitReached", "idle", "goingAway"}

// String is the name in the schema, or the number where there is none.
func (v CloseReason) String() string { return name(closeReasonNames[:], uint16(v)) }

// IsKnown says whether the value has a name in this version of the schema.
func (v CloseReason) IsKnown() bool { return int(v) < len(closeReasonNames) }

// CancelReason says why a stream was given up.
type CancelReason uint16

// The values of CancelReason.
const (
	// CancelUnspecified: no reason given.
	CancelUnspecified CancelReason = 0
	// CancelUserRequested: a person or the application asked for it.
	CancelUserRequested CancelReason = 1
	// CancelDeadlineExceeded: the deadline of the context passed.
	CancelDeadlineExceeded CancelReason = 2
	// CancelConsumerGone: nobody is there to take the messages.
	CancelConsumerGone CancelReason = 3
	// CancelSuperseded: a later invocation took its place.
	CancelSuperseded CancelReason = 4
	// CancelUpstreamCancelled: the invocation that caused this one was cancelled.
	CancelUpstreamCancelled CancelReason = 5
	// CancelBackpressureTimeout: the peer granted no credit for too long.
	CancelBackpressureTimeout CancelReason = 6
	// CancelShutdown: the process shuts down.
	CancelShutdown CancelReason = 7
)

var cancelReasonNames = [...]string{"unspecified", "userRequested", "deadlineExceeded", "consumerGone", "superseded", "upstreamCancelled", "backpressureTimeout", "shutdown"}

// String is the name in the schema, or the number where there is none.
func (v CancelReason) String() string { return name(cancelReasonNames[:], uint16(v)) }

// IsKnown says whether the value has a name in this version of the schema.
func (v CancelReason) IsKnown() bool { return int(v) < len(cancelReasonNames) }

// StreamErrorCode says why a stream failed.
type StreamErrorCode uint16

// The values of StreamErrorCode.
const (
	// CodeUnknown: no code given.
	CodeUnknown StreamErrorCode = 0
	// CodeCancelled: the work was cancelled.
	CodeCancelled StreamErrorCode = 1
	// CodeInvalidArgument: the request is wrong, whatever the state of the system.
	CodeInvalidArgument StreamErrorCode = 2
	// CodeDeadlineExceeded: the work took too long.
	CodeDeadlineExceeded StreamErrorCode = 3
	// CodeNotFound: what was asked for, or who was to do it, does not exist.
	CodeNotFound StreamErrorCode = 4
	// CodeUnauthenticated: the caller is not known.
	CodeUnauthenticated StreamErrorCode = 5
	// CodePermissionDenied: the caller is known and may not.
	CodePermissionDenied StreamErrorCode = 6
	// CodeResourceExhausted: a limit or quota is spent.
	CodeResourceExhausted StreamErrorCode = 7
	// CodeUnavailable: try again later.
	CodeUnavailable StreamErrorCode = 8
	// CodeInternal: a defect.
	CodeInternal StreamErrorCode = 9
	// CodeProtocolViolation: a frame that its state forbids, or too many or too few messages for the kind.
	CodeProtocolViolation StreamErrorCode = 10
	// CodeFlowControlViolation: data without credit, a grant of zero, or a window beyond 2^31 - 1.
	CodeFlowControlViolation StreamErrorCode = 11
	// CodeSequenceViolation: a gap, a duplicate, or a final sequence that does not match.
	CodeSequenceViolation StreamErrorCode = 12
)

var streamErrorCodeNames = [...]string{"unknown", "cancelled", "invalidArgument", "deadlineExceeded", "notFound", "unauthenticated", "permissionDenied", "resourceExhausted", "unavailable", "internal", "protocolViolation", "flowControlViolation", "sequenceViolation"}

// String is the name in the schema, or the number where there is none.
func (v StreamErrorCode) String() string { return name(streamErrorCodeNames[:], uint16(v)) }

// IsKnown says whether the value has a name in this version of the schema.
func (v StreamErrorCode) IsKnown() bool { return int(v) < len(streamErrorCodeNames) }

func name(names []string, value uint16) string {
	if int(value) < len(names) {
		return names[value]
	}
	return strconv.Itoa(int(value))
}
