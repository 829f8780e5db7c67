package sdktest

/*
#cgo CFLAGS: -I${SRCDIR}/..
#include "ixt.h"

#cgo noescape ixt_host_new
#cgo nocallback ixt_host_new
#cgo noescape ixt_host_free
#cgo nocallback ixt_host_free
#cgo noescape ixt_host_connect
#cgo nocallback ixt_host_connect
#cgo noescape ixt_host_receive
#cgo nocallback ixt_host_receive
#cgo noescape ixt_host_poll_writable
#cgo nocallback ixt_host_poll_writable
#cgo noescape ixt_host_poll_transmit
#cgo nocallback ixt_host_poll_transmit
#cgo noescape ixt_host_transport_ended
#cgo nocallback ixt_host_transport_ended
#cgo noescape ixt_host_has_ended
#cgo nocallback ixt_host_has_ended
#cgo noescape ixt_host_handle_timeout
#cgo nocallback ixt_host_handle_timeout
#cgo noescape ixt_host_next_timeout
#cgo nocallback ixt_host_next_timeout
#cgo noescape ixt_host_go_away
#cgo nocallback ixt_host_go_away
#cgo noescape ixt_host_poll_refusal
#cgo nocallback ixt_host_poll_refusal
#cgo noescape ixt_host_counts
#cgo nocallback ixt_host_counts
*/
import "C"

import (
	"crypto/rand"
	"runtime"
	"unsafe"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// engine is the library's host. Who holds it sees to it that one call runs at a time.
type engine struct{ c *C.ixt_host_t }

func pointer(b []byte) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(b))), C.size_t(len(b))
}

func newEngine(policy string, nowUS uint64) (*engine, error) {
	var seed [32]byte
	_, _ = rand.Read(seed[:])
	var c *C.ixt_host_t
	text, length := pointer([]byte(policy))
	if status := C.ixt_host_new(text, length, (*C.uint8_t)(&seed[0]), C.uint64_t(nowUS), &c); status != C.IXT_OK {
		return nil, &sdk.Error{Kind: sdk.ErrorKind(status), Field: "policy", Offset: -1}
	}
	e := &engine{c}
	runtime.AddCleanup(e, func(c *C.ixt_host_t) { C.ixt_host_free(c) }, c)
	return e, nil
}

func (e *engine) connect(uid uint32, nowUS uint64) (uint64, error) {
	var link C.uint64_t
	status := C.ixt_host_connect(e.c, C.uint32_t(uid), C.uint64_t(nowUS), &link)
	runtime.KeepAlive(e)
	if status != C.IXT_OK {
		return 0, sdk.ErrorKind(status)
	}
	return uint64(link), nil
}

func (e *engine) receive(link uint64, b []byte, nowUS uint64) {
	bytes, length := pointer(b)
	C.ixt_host_receive(e.c, C.uint64_t(link), bytes, length, C.uint64_t(nowUS))
	runtime.KeepAlive(e)
}

func (e *engine) pollWritable() uint64 {
	var link C.uint64_t
	C.ixt_host_poll_writable(e.c, &link)
	runtime.KeepAlive(e)
	return uint64(link)
}

func (e *engine) pollTransmit(link uint64, out []byte) int {
	var filled C.size_t
	bytes, capacity := pointer(out)
	C.ixt_host_poll_transmit(e.c, C.uint64_t(link), bytes, capacity, &filled)
	runtime.KeepAlive(e)
	return int(filled)
}

func (e *engine) transportEnded(link uint64) {
	C.ixt_host_transport_ended(e.c, C.uint64_t(link))
	runtime.KeepAlive(e)
}

func (e *engine) hasEnded(link uint64) bool {
	var ended C.bool
	C.ixt_host_has_ended(e.c, C.uint64_t(link), &ended)
	runtime.KeepAlive(e)
	return bool(ended)
}

func (e *engine) handleTimeout(nowUS uint64) {
	C.ixt_host_handle_timeout(e.c, C.uint64_t(nowUS))
	runtime.KeepAlive(e)
}

// nextTimeout is 0 for never.
func (e *engine) nextTimeout() uint64 {
	var at C.uint64_t
	C.ixt_host_next_timeout(e.c, &at)
	runtime.KeepAlive(e)
	return uint64(at)
}

func (e *engine) goAway(graceMS uint32, message string) {
	bytes, length := pointer([]byte(message))
	C.ixt_host_go_away(e.c, C.uint32_t(graceMS), bytes, length)
	runtime.KeepAlive(e)
}

// refusal is one line of JSON; empty when there is none.
func (e *engine) refusal() string {
	var room [8192]byte
	var written C.size_t
	status := C.ixt_host_poll_refusal(e.c, (*C.uint8_t)(&room[0]), C.size_t(len(room)), &written)
	runtime.KeepAlive(e)
	if status != C.IXT_OK {
		return ""
	}
	return string(room[:written])
}

func (e *engine) counts() Counts {
	var counts C.ixt_host_counts_t
	C.ixt_host_counts(e.c, &counts)
	runtime.KeepAlive(e)
	return Counts{int(counts.connections), int(counts.modules), int(counts.streams)}
}
