package sdk

/*
#include "ixt.h"

#cgo noescape ixt_context_decode
#cgo nocallback ixt_context_decode
#cgo noescape ixt_context_decode_canonical
#cgo nocallback ixt_context_decode_canonical
#cgo noescape ixt_context_view_encode
#cgo nocallback ixt_context_view_encode
#cgo noescape ixt_context_view_child
#cgo nocallback ixt_context_view_child
#cgo noescape ixt_context_deadline_elapsed
#cgo nocallback ixt_context_deadline_elapsed
#cgo noescape ixt_context_remaining
#cgo nocallback ixt_context_remaining
*/
import "C"

import (
	"math"
	"time"
	"unsafe"
)

// maxEntries is how many capabilities, and how many metadata entries, a context may have.
const maxEntries = C.IXT_MAX_ENTRIES

// DecodeInvocationContext decodes one whole context; no bytes at all are the anonymous one. It copies
// what it keeps.
func DecodeInvocationContext(b []byte) (*InvocationContext, error) {
	if abi != nil {
		return nil, abi
	}
	var view C.ixt_context_view_t
	bytes, length := slice(b)
	if status := C.ixt_context_decode(bytes, length, &view, nil); status != C.IXT_OK {
		var e C.ixt_error_t
		status = C.ixt_context_decode(bytes, length, &view, &e)
		return nil, refusal(status, &e)
	}
	return contextOf(&view, b), nil
}

// DecodeCanonicalInvocationContext decodes one whole context, and refuses with [ErrNotCanonical] bytes
// that its value does not encode to. It is for who compares, hashes or signs contexts.
func DecodeCanonicalInvocationContext(b []byte) (*InvocationContext, error) {
	if abi != nil {
		return nil, abi
	}
	var view C.ixt_context_view_t
	var e C.ixt_error_t
	bytes, length := slice(b)
	if status := C.ixt_context_decode_canonical(bytes, length, &view, &e); status != C.IXT_OK {
		return nil, refusal(status, &e)
	}
	return contextOf(&view, b), nil
}

// contextOf copies what was decoded from input: all texts in one piece.
func contextOf(view *C.ixt_context_view_t, input []byte) *InvocationContext {
	capabilities := view.capabilities[:view.capability_count]
	metadata := view.metadata[:view.metadata_count]

	size := int(view.source_module.length + view.target.length + view.subject.length)
	for i := range capabilities {
		size += int(capabilities[i].length)
	}
	for i := range metadata {
		size += int(metadata[i].key.length + metadata[i].value.length)
	}
	texts := make([]byte, 0, size)
	// The texts are not appended to past their room, so a string may stand in them.
	keep := func(span C.ixt_span_t) string {
		if span.length == 0 {
			return ""
		}
		from := len(texts)
		texts = append(texts, cut(input, span)...)
		return unsafe.String(&texts[from], int(span.length))
	}

	c := &InvocationContext{
		CorrelationID: *(*CorrelationID)(unsafe.Pointer(&view.correlation_id)),
		SpanID:        *(*SpanID)(unsafe.Pointer(&view.span_id)),
		ParentSpanID:  *(*SpanID)(unsafe.Pointer(&view.parent_span_id)),
		TraceFlags:    uint8(view.trace_flags),
		DeadlineMS:    uint64(view.deadline_ms),
		SourceModule:  keep(view.source_module),
		Target:        Target{Kind: TargetKind(view.target_tag), Name: keep(view.target)},
		Actor: ActorIdentity{
			Subject:  Subject{SubjectKind(view.subject_tag), keep(view.subject)},
			TokenRef: NewTokenRef(cut(input, view.token_ref)),
		},
	}
	if c.Target.Kind == TargetReply {
		c.Target.Reply = *(*ReplyID)(unsafe.Pointer(&view.reply))
	}
	if len(capabilities) > 0 {
		c.Actor.Capabilities = make([]string, len(capabilities))
		for i := range capabilities {
			c.Actor.Capabilities[i] = keep(capabilities[i])
		}
	}
	if len(metadata) > 0 {
		c.Metadata = make(Metadata, len(metadata))
		for i := range metadata {
			c.Metadata[i] = MetadataEntry{keep(metadata[i].key), keep(metadata[i].value)}
		}
	}
	if view.target_kind == C.IXT_TARGET_UNKNOWN || view.subject_kind == C.IXT_SUBJECT_UNKNOWN {
		c.original = hide(input)
	}
	return c
}

// Encode gives the canonical bytes. Capabilities and metadata may stand in any order. A context of a
// later schema, whose target or subject is not known, encodes to the bytes that it was decoded from,
// whatever has been changed since; one that was not decoded cannot be encoded.
func (c *InvocationContext) Encode() ([]byte, error) { return c.Append(nil) }

// Append appends the canonical bytes to dst. On failure it gives dst back as it was.
func (c *InvocationContext) Append(dst []byte) ([]byte, error) {
	if abi != nil {
		return dst, abi
	}
	if c.original != nil && !(c.Target.Kind.IsKnown() && c.Actor.Subject.Kind.IsKnown()) {
		return append(dst, **c.original...), nil
	}
	var view C.ixt_context_view_t
	var fixed [1024]byte
	own := parts{
		c.CorrelationID, c.SpanID, c.ParentSpanID, c.TraceFlags, c.DeadlineMS,
		c.SourceModule, c.Target, c.Actor.Subject, c.Actor.TokenRef.Expose(), c.Actor.Capabilities, c.Metadata,
	}
	arena, err := own.lay(&view, fixed[:0])
	if err != nil {
		return dst, err
	}
	dst = grow(dst, min(len(arena)+own.overhead(), C.IXT_MAX_CONTEXT))
	bytes, length := slice(arena)
	out, capacity := slice(dst[len(dst):cap(dst)])
	var written C.size_t
	if status := C.ixt_context_view_encode(&view, bytes, length, out, capacity, &written, nil); status != C.IXT_OK {
		var e C.ixt_error_t
		status = C.ixt_context_view_encode(&view, bytes, length, out, capacity, &written, &e)
		return dst, refusal(status, &e)
	}
	return dst[:len(dst)+int(written)], nil
}

// parts is what is encoded.
type parts struct {
	correlationID CorrelationID
	spanID        SpanID
	parentSpanID  SpanID
	traceFlags    uint8
	deadlineMS    uint64
	sourceModule  string
	target        Target
	subject       Subject
	tokenRef      []byte
	capabilities  []string
	metadata      Metadata
}

// lay puts all texts into one piece of memory, which the view points into: the library must not be
// handed pointers within Go's memory.
func (p *parts) lay(view *C.ixt_context_view_t, arena []byte) ([]byte, error) {
	put := func(s string) C.ixt_span_t {
		at := C.ixt_span_t{C.uint32_t(len(arena)), C.uint32_t(len(s))}
		arena = append(arena, s...)
		return at
	}
	if p.size() > math.MaxUint32 {
		return nil, failure(ErrContextTooLarge, "")
	}
	if !p.target.Kind.IsKnown() {
		return nil, failure(ErrInvalidArgument, "target")
	}
	if !p.subject.Kind.IsKnown() {
		return nil, failure(ErrInvalidArgument, "actor.subject")
	}
	view.correlation_id = *(*[16]C.uint8_t)(unsafe.Pointer(&p.correlationID))
	view.span_id = *(*[8]C.uint8_t)(unsafe.Pointer(&p.spanID))
	view.parent_span_id = *(*[8]C.uint8_t)(unsafe.Pointer(&p.parentSpanID))
	view.trace_flags = C.uint8_t(p.traceFlags)
	view.deadline_ms = C.uint64_t(p.deadlineMS)
	view.source_module = put(p.sourceModule)
	view.target_kind = C.uint16_t(p.target.Kind)
	view.target_tag = C.uint16_t(p.target.Kind)
	if p.target.Kind == TargetReply {
		view.reply = *(*[16]C.uint8_t)(unsafe.Pointer(&p.target.Reply))
	} else {
		view.target = put(p.target.Name)
	}
	view.subject_kind = C.uint16_t(p.subject.Kind)
	view.subject_tag = C.uint16_t(p.subject.Kind)
	view.subject = put(p.subject.Name)
	view.token_ref = C.ixt_span_t{C.uint32_t(len(arena)), C.uint32_t(len(p.tokenRef))}
	arena = append(arena, p.tokenRef...)

	// Past the limit the library refuses by the count alone.
	view.capability_count = C.uint32_t(len(p.capabilities))
	for i := range p.capabilities[:min(len(p.capabilities), maxEntries)] {
		view.capabilities[i] = put(p.capabilities[i])
	}
	view.metadata_count = C.uint32_t(len(p.metadata))
	for i := range p.metadata[:min(len(p.metadata), maxEntries)] {
		view.metadata[i] = C.ixt_entry_span_t{put(p.metadata[i].Key), put(p.metadata[i].Value)}
	}
	return arena, nil
}

func (p *parts) size() int {
	size := len(p.sourceModule) + len(p.target.Name) + len(p.subject.Name) + len(p.tokenRef)
	for i := range p.capabilities {
		size += len(p.capabilities[i])
	}
	for i := range p.metadata {
		size += len(p.metadata[i].Key) + len(p.metadata[i].Value)
	}
	return size
}

// overhead is at least what an encoding has beside the texts: pointers, structs, and for each text the
// bytes that fill up its last word.
func (p *parts) overhead() int { return 256 + 16*len(p.capabilities) + 32*len(p.metadata) }

// ChildSpec is what a child context has of its own.
type ChildSpec struct {
	// SpanID is the child's new span.
	SpanID       SpanID
	SourceModule string
	Target       Target
	// DeadlineMS counts where it is earlier than the parent's; 0 for none of its own.
	DeadlineMS uint64
	// Capabilities must each be covered by one of the parent's. With nil the child has its parent's; with
	// an empty slice it has none.
	Capabilities []string
	// Metadata stands beside the parent's, or in the place of an entry with the same key. The ingress's keys
	// cannot be given other values.
	Metadata Metadata
}

// Child makes the context of an invocation that this one causes: of the same correlation, trace flags,
// subject and token handle; with this span as its parent span, the earlier deadline, and authority that
// never grows. It fails with [ErrInvalidArgument] for a capability that is not covered and for another
// value of an ingress key, and else as [InvocationContext.Encode].
func (c *InvocationContext) Child(spec ChildSpec) (*InvocationContext, error) {
	parent, err := c.Encode()
	if err != nil {
		return nil, err
	}
	var view C.ixt_context_view_t
	own := parts{
		spanID: spec.SpanID, deadlineMS: spec.DeadlineMS, sourceModule: spec.SourceModule,
		target: spec.Target, capabilities: spec.Capabilities, metadata: spec.Metadata,
	}
	arena, err := own.lay(&view, nil)
	if err != nil {
		return nil, err
	}
	var out [C.IXT_MAX_CONTEXT]byte
	var e C.ixt_error_t
	var written C.size_t
	parentBytes, parentLength := slice(parent)
	bytes, length := slice(arena)
	child, capacity := slice(out[:])
	if status := C.ixt_context_view_child(parentBytes, parentLength, &view, bytes, length,
		C.bool(spec.Capabilities == nil), child, capacity, &written, &e); status != C.IXT_OK {
		return nil, refusal(status, &e)
	}
	return DecodeInvocationContext(out[:written])
}

// DeadlineElapsed says whether the deadline has passed: it has from its millisecond on. Never without a
// deadline.
func (c *InvocationContext) DeadlineElapsed(now time.Time) bool {
	var elapsed C.bool
	C.ixt_context_deadline_elapsed(C.uint64_t(c.DeadlineMS), C.uint64_t(unixMilli(now)), &elapsed)
	return bool(elapsed)
}

// Remaining is the time until the deadline has passed on every clock that differs from this one by at
// most maxSkew, in whole milliseconds: never below zero, and false without a deadline.
func (c *InvocationContext) Remaining(now time.Time, maxSkew time.Duration) (time.Duration, bool) {
	if c.DeadlineMS == 0 {
		return 0, false
	}
	var remaining C.uint64_t
	skew := uint64(max(maxSkew.Milliseconds(), 0))
	C.ixt_context_remaining(C.uint64_t(c.DeadlineMS), C.uint64_t(unixMilli(now)), C.uint64_t(skew), &remaining)
	return milliseconds(uint64(remaining)), true
}
