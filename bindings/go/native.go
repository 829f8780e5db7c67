package sdk

/*
#include "ixt.h"

#if IXT_ABI_VERSION != 1
#error "ixt.h is of another ABI version than this package: take both from the same revision"
#endif

#cgo nocallback ixt_abi_version
#cgo nocallback ixt_version
#cgo nocallback ixt_status_name
#cgo nocallback ixt_status_says
*/
import "C"

import (
	"bytes"
	"unsafe"
)

// abi is the fault of a library of another version; everything that could fail, fails with it then.
var abi = checkABI(uint32(C.ixt_abi_version()))

func checkABI(found uint32) error {
	if found != C.IXT_ABI_VERSION {
		return failure(ErrABIMismatch, "")
	}
	return nil
}

// LibraryVersion is the version of the C library, such as "0.1.0".
func LibraryVersion() string { return C.GoString(C.ixt_version()) }

// nameOf and saysOf are the library's words for a kind: of a library that is newer than this package, more
// than the table here holds.
func nameOf(k ErrorKind) string { return C.GoString(C.ixt_status_name(C.ixt_status_t(k))) }

func saysOf(k ErrorKind) string { return C.GoString(C.ixt_status_says(C.ixt_status_t(k))) }

func slice(b []byte) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(b))), C.size_t(len(b))
}

func text(s string) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.StringData(s))), C.size_t(len(s))
}

// refusal makes a Go error of what the library wrote.
func refusal(status C.ixt_status_t, e *C.ixt_error_t) error {
	offset := -1
	if e.offset <= C.size_t(maxInt) {
		offset = int(e.offset)
	}
	field := unsafe.Slice((*byte)(unsafe.Pointer(&e.field[0])), len(e.field))
	if end := bytes.IndexByte(field, 0); end >= 0 {
		field = field[:end]
	}
	return &Error{Kind: ErrorKind(status), Field: string(field), Offset: offset}
}

const maxInt = int(^uint(0) >> 1)

// cut is the piece of an input that a span names.
func cut(input []byte, span C.ixt_span_t) []byte {
	if span.length == 0 {
		return nil
	}
	from, to := int(span.offset), int(span.offset)+int(span.length)
	return input[from:to:to]
}

// room makes room for n more bytes, that does not overlap what is to be read: a caller may well cut both from
// one buffer, and the library must not be handed them then.
func room(dst []byte, n int, input []byte) []byte {
	dst = grow(dst, n)
	if overlap(dst[len(dst):cap(dst)], input) {
		return append(make([]byte, 0, len(dst)+n), dst...)
	}
	return dst
}

// overlap says whether two pieces of memory have a byte in common.
func overlap(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	from, to := uintptr(unsafe.Pointer(unsafe.SliceData(a))), uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return from < to+uintptr(len(b)) && to < from+uintptr(len(a))
}

// grow makes room for n more bytes.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return append(b, make([]byte, n)...)[:len(b)]
}
