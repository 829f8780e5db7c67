package sdk

/*
#include "ixt.h"

#cgo noescape ixt_capability_covers
#cgo nocallback ixt_capability_covers
#cgo noescape ixt_capability_attenuates
#cgo nocallback ixt_capability_attenuates
#cgo noescape ixt_traceparent_write
#cgo nocallback ixt_traceparent_write
#cgo noescape ixt_traceparent_read
#cgo nocallback ixt_traceparent_read
*/
import "C"

import "unsafe"

// CapabilityCovers says whether a granted pattern covers a required capability, a concrete one. "fs.*"
// covers "fs.read" and "fs.read.home", not "fs" and not "fsx.read". What is malformed covers nothing and
// is covered by nothing.
func CapabilityCovers(granted, required string) bool {
	var covered C.bool
	pattern, patternLength := text(granted)
	wanted, wantedLength := text(required)
	status := C.ixt_capability_covers(pattern, patternLength, wanted, wantedLength, &covered)
	return status == C.IXT_OK && abi == nil && bool(covered)
}

// Attenuates says whether each pattern of child is within one of parent's, so that handing on child hands
// on no authority that parent lacks. An empty child always is; a malformed pattern in child never is.
func Attenuates(parent, child []string) bool {
	for _, pattern := range child {
		if !within(parent, pattern) {
			return false
		}
	}
	return abi == nil
}

func within(parent []string, pattern string) bool {
	inner, innerLength := text(pattern)
	for _, held := range parent {
		var attenuates C.bool
		outer, outerLength := text(held)
		status := C.ixt_capability_attenuates(outer, outerLength, inner, innerLength, &attenuates)
		if status == C.IXT_OK && bool(attenuates) {
			return true
		}
	}
	return false
}

// Traceparent is what a W3C traceparent header says.
type Traceparent struct {
	// CorrelationID is the trace-id.
	CorrelationID CorrelationID
	// SpanID is the parent-id: the caller's span.
	SpanID SpanID
	// TraceFlags has bit 0 set where the trace is sampled.
	TraceFlags uint8
}

// ParseTraceparent reads a W3C traceparent header. One that is malformed counts as absent: false.
func ParseTraceparent(header string) (Traceparent, bool) {
	var read C.ixt_traceparent_t
	var found C.bool
	bytes, length := text(header)
	if status := C.ixt_traceparent_read(bytes, length, &read, &found); status != C.IXT_OK || !bool(found) || abi != nil {
		return Traceparent{}, false
	}
	return Traceparent{
		CorrelationID: *(*CorrelationID)(unsafe.Pointer(&read.correlation_id)),
		SpanID:        *(*SpanID)(unsafe.Pointer(&read.span_id)),
		TraceFlags:    uint8(read.trace_flags),
	}, true
}

// Traceparent is the W3C header of version 00. There is none where the correlation id or the span id is
// all zeros, which W3C forbids: false.
func (c *InvocationContext) Traceparent() (string, bool) {
	parent := C.ixt_traceparent_t{
		correlation_id: *(*[16]C.uint8_t)(unsafe.Pointer(&c.CorrelationID)),
		span_id:        *(*[8]C.uint8_t)(unsafe.Pointer(&c.SpanID)),
		trace_flags:    C.uint8_t(c.TraceFlags),
	}
	var header [C.IXT_TRACEPARENT]byte
	var written C.size_t
	out := (*C.char)(unsafe.Pointer(&header))
	if status := C.ixt_traceparent_write(&parent, out, C.IXT_TRACEPARENT, &written); status != C.IXT_OK || abi != nil {
		return "", false
	}
	return string(header[:written]), written > 0
}
