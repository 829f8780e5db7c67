package sdk

import (
	"context"
	"errors"
	"fmt"
)

// By says who ended a stream.
type By uint8

// The values of By.
const (
	ByPeer  By = 1 // the peer's frame
	ByLocal By = 2 // this end's application, deadline or check
)

// String is "peer" or "local".
func (b By) String() string {
	switch b {
	case ByPeer:
		return "peer"
	case ByLocal:
		return "local"
	}
	return "nobody"
}

// OutcomeKind says how a stream ended.
type OutcomeKind uint8

// The values of OutcomeKind.
const (
	OutcomeNone      OutcomeKind = 0 // the stream has not ended
	OutcomeCompleted OutcomeKind = 1 // both directions ended in order
	OutcomeFailed    OutcomeKind = 2 // an error frame, or a broken rule
	OutcomeCancelled OutcomeKind = 3 // a cancel frame, or the deadline
)

// Outcome is how a stream ended. The first end decides; nothing changes it.
type Outcome struct {
	Kind OutcomeKind
	// CloseReason is that of a completed stream.
	CloseReason CloseReason
	// Code is that of a failed stream.
	Code StreamErrorCode
	// CancelReason is that of a cancelled stream.
	CancelReason CancelReason
	// By says who failed or cancelled the stream.
	By By
	// Message is for people. The peer's is untrusted text.
	Message string
	// Details of a failed stream are the application's.
	Details []byte
}

// IsSuccess says whether the stream did what it was to do: completed, with the reason completed.
func (o Outcome) IsSuccess() bool {
	return o.Kind == OutcomeCompleted && o.CloseReason == CloseCompleted
}

// String says how the stream ended, for people.
func (o Outcome) String() string {
	switch o.Kind {
	case OutcomeNone:
		return "not ended"
	case OutcomeCompleted:
		return fmt.Sprintf("completed (%v)", o.CloseReason)
	case OutcomeFailed:
		return fmt.Sprintf("failed by %v with %v: %s", o.By, o.Code, o.Message)
	default:
		return fmt.Sprintf("cancelled by %v as %v: %s", o.By, o.CancelReason, o.Message)
	}
}

// StreamEndError says that a stream has ended, and how. It is [ErrStreamEnded]; of a failed stream its code too,
// such as [CodeNotFound]; of a cancelled stream context.Canceled, or context.DeadlineExceeded.
type StreamEndError struct {
	Outcome Outcome
}

func (e *StreamEndError) Error() string {
	if e.Outcome.Kind == OutcomeNone {
		return ErrStreamEnded.Error()
	}
	return ErrStreamEnded.Error() + ": " + e.Outcome.String()
}

// Unwrap gives what the error is, for errors.Is.
func (e *StreamEndError) Unwrap() []error {
	switch {
	case e.Outcome.Kind == OutcomeFailed:
		return []error{ErrStreamEnded, e.Outcome.Code}
	case e.Outcome.Kind != OutcomeCancelled:
		return []error{ErrStreamEnded}
	case e.Outcome.CancelReason == CancelDeadlineExceeded:
		return []error{ErrStreamEnded, context.DeadlineExceeded}
	default:
		return []error{ErrStreamEnded, context.Canceled}
	}
}

// ErrRejected says that a message was not sent because there was no credit. The error is
// [ErrCreditExhausted] too.
var ErrRejected = errors.New("the message was rejected")

var errNoCredit = fmt.Errorf("%w: %w", ErrRejected, ErrCreditExhausted)

// StreamSendError says why a message, or the end of a stream, was not sent. Nothing has changed then,
// unless it is the sink that failed: errors.Is and errors.As look at Err.
type StreamSendError struct {
	StreamID StreamID
	Err      error
}

func (e *StreamSendError) Error() string {
	return "stream " + e.StreamID.String() + ": " + e.Err.Error()
}

// Unwrap gives the reason.
func (e *StreamSendError) Unwrap() error { return e.Err }
