package sdk

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"time"
)

// SubjectKind is the member of the schema's union that a [Subject] holds: its tag on the wire.
type SubjectKind uint16

// The kinds of subject. Numbers beyond are kinds of a later schema, which have no authority.
const (
	SubjectExternal SubjectKind = 0 // a principal that an ingress authenticated; without a name: anonymous
	SubjectOperator SubjectKind = 1 // a person who operates the deployment
	SubjectModule   SubjectKind = 2 // a module on its own behalf
	SubjectSystem   SubjectKind = 3 // the runtime itself; without a name
)

var subjectKindNames = [...]string{"external", "operator", "module", "system"}

// String is the name in the schema, or the number where there is none.
func (k SubjectKind) String() string { return name(subjectKindNames[:], uint16(k)) }

// IsKnown says whether the kind has a name in this version of the schema.
func (k SubjectKind) IsKnown() bool { return int(k) < len(subjectKindNames) }

// Subject says on whose behalf. It grants nothing: authority comes from capabilities alone. The zero
// value is an anonymous external caller.
type Subject struct {
	Kind SubjectKind
	Name string
}

// ExternalSubject is a principal that an ingress authenticated.
func ExternalSubject(principal string) Subject { return Subject{SubjectExternal, principal} }

// OperatorSubject is a person who operates the deployment.
func OperatorSubject(name string) Subject { return Subject{SubjectOperator, name} }

// ModuleSubject is a module on its own behalf.
func ModuleSubject(name string) Subject { return Subject{SubjectModule, name} }

// SystemSubject is the runtime itself.
func SystemSubject() Subject { return Subject{Kind: SubjectSystem} }

// TargetKind is the member of the schema's union that a [Target] holds: its tag on the wire.
type TargetKind uint16

// The kinds of target. Numbers beyond are kinds of a later schema, which are unroutable.
const (
	TargetService         TargetKind = 0 // any module that provides this service; without a name: no target
	TargetModule          TargetKind = 1 // this module
	TargetBroadcast       TargetKind = 2 // every module that subscribed to the topic; without one: every module
	TargetReply           TargetKind = 3 // one waiting call
	TargetDynamicEndpoint TargetKind = 4 // an endpoint that was handed out at run time
)

var targetKindNames = [...]string{"service", "module", "broadcast", "reply", "dynamicEndpoint"}

// String is the name in the schema, or the number where there is none.
func (k TargetKind) String() string { return name(targetKindNames[:], uint16(k)) }

// IsKnown says whether the kind has a name in this version of the schema.
func (k TargetKind) IsKnown() bool { return int(k) < len(targetKindNames) }

// Target says where an invocation goes. The zero value is no target.
type Target struct {
	Kind TargetKind
	// Name is the service, module, topic or endpoint.
	Name string
	// Reply is the id of a reply.
	Reply ReplyID
}

// ServiceTarget is any module that provides this service.
func ServiceTarget(service string) Target { return Target{Kind: TargetService, Name: service} }

// ModuleTarget is this module.
func ModuleTarget(module string) Target { return Target{Kind: TargetModule, Name: module} }

// BroadcastTarget is every module that subscribed to the topic; every module, where it is empty.
func BroadcastTarget(topic string) Target { return Target{Kind: TargetBroadcast, Name: topic} }

// ReplyTarget is one waiting call. [ReplyIDFromBytes] makes the id of bytes.
func ReplyTarget(id ReplyID) Target { return Target{Kind: TargetReply, Reply: id} }

// DynamicEndpointTarget is an endpoint that was handed out at run time.
func DynamicEndpointTarget(endpoint string) Target {
	return Target{Kind: TargetDynamicEndpoint, Name: endpoint}
}

// TokenRef is an opaque handle of the token that was presented, never the token itself.
//
// It never shows by itself: formatted with any verb, as text, as JSON or in a log it is "[redacted]".
// [TokenRef.Expose] reads it.
type TokenRef struct {
	secret hidden
}

// hidden is bytes that fmt does not print by reflection, where it finds them in an unexported field: behind
// one pointer it does so for a verb that does not fit, behind two it prints an address. Equal bytes are
// equal to reflect.DeepEqual.
type hidden **[]byte

func hide(b []byte) hidden {
	owned := append([]byte(nil), b...)
	inner := &owned
	return &inner
}

const redacted = "[redacted]"

// NewTokenRef copies a handle of at most 1 KiB. No bytes are no handle.
func NewTokenRef(handle []byte) TokenRef {
	if len(handle) == 0 {
		return TokenRef{}
	}
	return TokenRef{hide(handle)}
}

// Expose gives the handle's bytes, which do not belong into a log. The caller must not change them.
func (t TokenRef) Expose() []byte {
	if t.secret == nil {
		return nil
	}
	return **t.secret
}

// IsEmpty says whether there is no handle.
func (t TokenRef) IsEmpty() bool { return t.secret == nil }

// Equal compares in a time that does not depend on where two handles of one length differ.
func (t TokenRef) Equal(other TokenRef) bool {
	return subtle.ConstantTimeCompare(t.Expose(), other.Expose()) == 1
}

// Format writes "[redacted]", whatever the verb.
func (t TokenRef) Format(s fmt.State, _ rune) { fmt.Fprint(s, redacted) }

// String is "[redacted]".
func (t TokenRef) String() string { return redacted }

// MarshalText writes "[redacted]".
func (t TokenRef) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON writes "[redacted]".
func (t TokenRef) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// LogValue is "[redacted]".
func (t TokenRef) LogValue() slog.Value { return slog.StringValue(redacted) }

// ActorIdentity says on whose behalf, and with which authority.
type ActorIdentity struct {
	Subject  Subject
	TokenRef TokenRef
	// Capabilities are granted patterns; decoded, they are sorted by bytes.
	Capabilities []string
}

// HasCapability says whether one of the patterns covers a required capability, a concrete one. A subject
// of a later schema has no authority.
func (a *ActorIdentity) HasCapability(required string) bool {
	if !a.Subject.Kind.IsKnown() {
		return false
	}
	for _, granted := range a.Capabilities {
		if CapabilityCovers(granted, required) {
			return true
		}
	}
	return false
}

// MetadataEntry is one key and its value.
type MetadataEntry struct {
	// Key is of [a-z0-9_.-], at most 128 bytes, and unique.
	Key string
	// Value is any text without NUL of at most 4 KiB.
	Value string
}

// Metadata is at most 64 entries; decoded, they are sorted by the bytes of the keys.
type Metadata []MetadataEntry

// Get gives the value of a key.
func (m Metadata) Get(key string) (string, bool) {
	for i := range m {
		if m[i].Key == key {
			return m[i].Value, true
		}
	}
	return "", false
}

// Conventional metadata keys. The ingress sets [MetadataTenant], [MetadataAuthStrength] and those that
// begin with "ingress."; a child's are its parent's. The prefix "ixt." is reserved.
const (
	MetadataTenant          = "tenant"
	MetadataAuthStrength    = "auth.strength"
	MetadataIngressKind     = "ingress.kind"
	MetadataIngressSourceIP = "ingress.source_ip"
	MetadataTraceState      = "tracestate"
	MetadataBaggage         = "baggage"
)

// InvocationContext says who invokes what, with which authority, until when (specification 21). The zero
// value is an anonymous external caller without capabilities. Formatted or as JSON, the token's handle is
// redacted.
type InvocationContext struct {
	CorrelationID CorrelationID
	SpanID        SpanID
	ParentSpanID  SpanID
	// TraceFlags are W3C's; bit 0 says sampled.
	TraceFlags uint8
	// DeadlineMS is in milliseconds since the Unix epoch; 0 for no deadline.
	DeadlineMS uint64
	// SourceModule is the module that sends it.
	SourceModule string
	Target       Target
	Actor        ActorIdentity
	Metadata     Metadata

	// original is the message of a context of a later schema, with a target or a subject that is not
	// known: what it encodes to. Hidden, since it holds the token's handle.
	original hidden
}

// AnonymousContext is an external caller without a name and without capabilities.
func AnonymousContext() *InvocationContext { return &InvocationContext{} }

// SystemContext is the runtime itself, with the capability "*". The authority is the capability's.
func SystemContext() *InvocationContext {
	return &InvocationContext{Actor: ActorIdentity{Subject: SystemSubject(), Capabilities: []string{"*"}}}
}

// HasCapability is [ActorIdentity.HasCapability] of the actor.
func (c *InvocationContext) HasCapability(required string) bool {
	return c.Actor.HasCapability(required)
}

// Deadline is DeadlineMS as a time; false where there is none.
func (c *InvocationContext) Deadline() (time.Time, bool) {
	if c.DeadlineMS == 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(min(c.DeadlineMS, math.MaxInt64))), true
}

func unixMilli(t time.Time) uint64 { return uint64(max(t.UnixMilli(), 0)) }

// milliseconds is a duration that saturates.
func milliseconds(ms uint64) time.Duration {
	if ms > uint64(math.MaxInt64/time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}
