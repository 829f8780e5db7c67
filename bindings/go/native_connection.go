package sdk

/*
#include <stdlib.h>
#include "ixt.h"

#cgo noescape ixt_connection_config_init
#cgo nocallback ixt_connection_config_init
#cgo noescape ixt_connection_new
#cgo nocallback ixt_connection_new
#cgo noescape ixt_connection_free
#cgo nocallback ixt_connection_free
#cgo noescape ixt_connection_receive
#cgo nocallback ixt_connection_receive
#cgo noescape ixt_connection_drain
#cgo nocallback ixt_connection_drain
#cgo noescape ixt_connection_poll_events
#cgo nocallback ixt_connection_poll_events
#cgo noescape ixt_connection_has_transmit
#cgo nocallback ixt_connection_has_transmit
#cgo noescape ixt_connection_transport_ended
#cgo nocallback ixt_connection_transport_ended
#cgo noescape ixt_connection_handle_timeout
#cgo nocallback ixt_connection_handle_timeout
#cgo noescape ixt_connection_next_timeout
#cgo nocallback ixt_connection_next_timeout
#cgo noescape ixt_connection_open
#cgo nocallback ixt_connection_open
#cgo noescape ixt_connection_open_send_close
#cgo nocallback ixt_connection_open_send_close
#cgo noescape ixt_connection_try_send
#cgo nocallback ixt_connection_try_send
#cgo noescape ixt_connection_send_close
#cgo nocallback ixt_connection_send_close
#cgo noescape ixt_connection_send_with
#cgo nocallback ixt_connection_send_with
#cgo noescape ixt_connection_wait
#cgo nocallback ixt_connection_wait
#cgo noescape ixt_connection_drop_ticket
#cgo nocallback ixt_connection_drop_ticket
#cgo noescape ixt_connection_consume
#cgo nocallback ixt_connection_consume
#cgo noescape ixt_connection_close
#cgo nocallback ixt_connection_close
#cgo noescape ixt_connection_fail
#cgo nocallback ixt_connection_fail
#cgo noescape ixt_connection_cancel
#cgo nocallback ixt_connection_cancel
#cgo noescape ixt_connection_ping
#cgo nocallback ixt_connection_ping
#cgo noescape ixt_connection_go_away
#cgo nocallback ixt_connection_go_away
#cgo noescape ixt_connection_end
#cgo nocallback ixt_connection_end
#cgo noescape ixt_connection_stats
#cgo nocallback ixt_connection_stats
*/
import "C"

import (
	"math"
	"runtime"
	"time"
	"unsafe"
)

// Sizes of the memory that an engine shares with the library.
const (
	// readSize is the read buffer and the write buffer, each.
	readSize = 64 << 10
	// mostEvents is how many events one crossing brings.
	mostEvents = 256
)

// happening is an event of a connection, as the library wrote it.
type happening = C.ixt_connection_event_t

// The library's numbers of events.
const (
	eventOpened          = C.IXT_EVENT_OPENED
	eventData            = C.IXT_EVENT_DATA
	streamReady          = C.IXT_EVENT_READY
	streamEnded          = C.IXT_EVENT_ENDED
	streamClosed         = C.IXT_EVENT_CLOSED
	streamFinished       = C.IXT_EVENT_FINISHED
	streamFailed         = C.IXT_EVENT_FAILED
	streamCancelled      = C.IXT_EVENT_CANCELLED
	eventOver            = C.IXT_EVENT_OVER
	eventEstablished     = C.IXT_EVENT_ESTABLISHED
	eventPong            = C.IXT_EVENT_PONG
	eventGoingAway       = C.IXT_EVENT_GOING_AWAY
	eventDrained         = C.IXT_EVENT_DRAINED
	eventConnectionEnded = C.IXT_EVENT_CONNECTION_ENDED
)

// engine owns one connection engine of the library, and memory of C for what crosses: the read buffer, to
// which payloads of events point, the write buffer and the events. Whoever holds it sees to it that one call
// runs at a time. The garbage collector frees it: nothing that waits in a system call on its memory can
// outlive it then.
type engine struct {
	c *C.ixt_connection_t
	// in and out are memory of C's.
	in, out []byte
	events  []happening
}

func newEngine(config *ConnectionConfig, id StreamID, seed, nowUS uint64) (*engine, error) {
	if abi != nil {
		return nil, abi
	}
	var settings C.ixt_connection_config_t
	C.ixt_connection_config_init(&settings)
	settings.seed = C.uint64_t(seed)
	var pinner runtime.Pinner
	defer pinner.Unpin()
	if config.Software != "" {
		pinner.Pin(unsafe.StringData(config.Software))
		settings.software.data, settings.software.length = text(config.Software)
	}
	set := func(field *C.uint32_t, value uint32) {
		if value != 0 {
			*field = C.uint32_t(value)
		}
	}
	set(&settings.max_payload, config.MaxPayload)
	set(&settings.max_streams, config.MaxStreams)
	set(&settings.window, config.Window)
	set(&settings.initial_credit, min(uint32(settings.initial_credit), uint32(settings.window)))
	set(&settings.initial_credit, config.InitialCredit)
	settings.idle_ms = milliseconds32(config.Idle, settings.idle_ms)
	usual := settings.keepalive_ms
	if settings.idle_ms != 0 {
		usual = min(usual, settings.idle_ms/4)
	}
	settings.keepalive_ms = milliseconds32(config.Keepalive, usual)
	if config.MaxQueuedStream > 0 {
		settings.max_queued_stream = C.size_t(config.MaxQueuedStream)
	}
	if config.MaxQueued > 0 {
		settings.max_queued = C.size_t(config.MaxQueued)
	}
	var c *C.ixt_connection_t
	var e C.ixt_error_t
	if status := C.ixt_connection_new(&settings, (*C.uint8_t)(&id[0]), C.uint64_t(nowUS), &c, &e); status != C.IXT_OK {
		return nil, refusal(status, &e)
	}
	const eventSize = C.size_t(unsafe.Sizeof(happening{}))
	memory := C.malloc(2*readSize + mostEvents*eventSize)
	bytes := unsafe.Slice((*byte)(memory), 2*readSize)
	made := &engine{
		c: c, in: bytes[:readSize:readSize], out: bytes[readSize:],
		events: unsafe.Slice((*happening)(unsafe.Add(memory, 2*readSize)), mostEvents),
	}
	runtime.AddCleanup(made, func(c *C.ixt_connection_t) { C.ixt_connection_free(c) }, c)
	runtime.AddCleanup(made, func(memory unsafe.Pointer) { C.free(memory) }, memory)
	return made, nil
}

// milliseconds32 is a setting: the usual one where nothing is said, and 0 for never.
func milliseconds32(d time.Duration, usual C.uint32_t) C.uint32_t {
	switch {
	case d == 0:
		return usual
	case d < 0:
		return 0
	default:
		return C.uint32_t(min(max(d.Milliseconds(), 1), math.MaxUint32))
	}
}

// get is the engine of the library.
func (e *engine) get() *C.ixt_connection_t {
	c := e.c
	// Without KeepAlive behind its call, e might be collected from here on.
	stress()
	return c
}

// receive hands over in[from:to] and gives events, whose bytes are valid until the next receive or drain; how
// much was taken; and whether to call again with the rest.
func (e *engine) receive(from, to int, nowUS uint64) (events []happening, consumed int, more bool) {
	c := e.get()
	var count, taken C.size_t
	var again C.bool
	bytes, length := slice(e.in[from:to])
	status := C.ixt_connection_receive(c, bytes, length, C.uint64_t(nowUS), &e.events[0], mostEvents, &count, &taken, &again)
	runtime.KeepAlive(e)
	if status != C.IXT_OK {
		return nil, to - from, false
	}
	return e.events[:count], int(taken), bool(again)
}

// drain fills out and gives events, valid until the next receive or drain.
func (e *engine) drain() (filled int, events []happening, more bool) {
	c := e.get()
	var written, count C.size_t
	var again C.bool
	out, capacity := slice(e.out)
	status := C.ixt_connection_drain(c, out, capacity, &written, &e.events[0], mostEvents, &count, &again)
	runtime.KeepAlive(e)
	if status != C.IXT_OK {
		return 0, nil, false
	}
	return int(written), e.events[:count], bool(again)
}

// tell gives events and fills nothing.
func (e *engine) tell() (events []happening, more bool) {
	c := e.get()
	var count C.size_t
	status := C.ixt_connection_poll_events(c, &e.events[0], mostEvents, &count)
	runtime.KeepAlive(e)
	if status != C.IXT_OK {
		return nil, false
	}
	return e.events[:count], count == mostEvents
}

func (e *engine) hasTransmit() bool {
	c := e.get()
	var has C.bool
	C.ixt_connection_has_transmit(c, &has)
	runtime.KeepAlive(e)
	return bool(has)
}

func (e *engine) transportEnded() {
	c := e.get()
	C.ixt_connection_transport_ended(c)
	runtime.KeepAlive(e)
}

func (e *engine) handleTimeout(nowUS uint64) {
	c := e.get()
	C.ixt_connection_handle_timeout(c, C.uint64_t(nowUS))
	runtime.KeepAlive(e)
}

// nextTimeout is 0 for never.
func (e *engine) nextTimeout() uint64 {
	c := e.get()
	var at C.uint64_t
	C.ixt_connection_next_timeout(c, &at)
	runtime.KeepAlive(e)
	return uint64(at)
}

func (e *engine) open(id *StreamID, kind InteractionKind, context []byte) (uint64, error) {
	c := e.get()
	var key C.uint64_t
	bytes, length := slice(context)
	status := C.ixt_connection_open(c, (*C.uint8_t)(&id[0]), C.uint16_t(kind), bytes, length, &key, nil)
	runtime.KeepAlive(e)
	return uint64(key), check(status)
}

func (e *engine) openSendClose(id *StreamID, kind InteractionKind, context, payload []byte) (uint64, error) {
	c := e.get()
	var key C.uint64_t
	bytes, length := slice(context)
	message, messageLength := slice(payload)
	status := C.ixt_connection_open_send_close(c, (*C.uint8_t)(&id[0]), C.uint16_t(kind), bytes, length, message, messageLength, &key, nil)
	runtime.KeepAlive(e)
	return uint64(key), check(status)
}

func (e *engine) trySend(key uint64, payload []byte) ErrorKind {
	c := e.get()
	bytes, length := slice(payload)
	status := C.ixt_connection_try_send(c, C.uint64_t(key), bytes, length)
	runtime.KeepAlive(e)
	return ErrorKind(status)
}

func (e *engine) sendClose(key uint64, payload []byte) ErrorKind {
	c := e.get()
	bytes, length := slice(payload)
	status := C.ixt_connection_send_close(c, C.uint64_t(key), bytes, length, C.uint16_t(CloseCompleted))
	runtime.KeepAlive(e)
	return ErrorKind(status)
}

func (e *engine) sendWith(key uint64, ticket Ticket, payload []byte) ErrorKind {
	c := e.get()
	bytes, length := slice(payload)
	status := C.ixt_connection_send_with(c, C.uint64_t(key), C.uint64_t(ticket), bytes, length)
	runtime.KeepAlive(e)
	return ErrorKind(status)
}

func (e *engine) wait(key uint64) (Ticket, ErrorKind) {
	c := e.get()
	var ticket C.uint64_t
	status := C.ixt_connection_wait(c, C.uint64_t(key), &ticket)
	runtime.KeepAlive(e)
	return Ticket(ticket), ErrorKind(status)
}

func (e *engine) dropTicket(key uint64, ticket Ticket) {
	c := e.get()
	C.ixt_connection_drop_ticket(c, C.uint64_t(key), C.uint64_t(ticket))
	runtime.KeepAlive(e)
}

func (e *engine) consume(key uint64, frames uint32) {
	c := e.get()
	C.ixt_connection_consume(c, C.uint64_t(key), C.uint32_t(frames))
	runtime.KeepAlive(e)
}

func (e *engine) close(key uint64, reason CloseReason) ErrorKind {
	c := e.get()
	status := C.ixt_connection_close(c, C.uint64_t(key), C.uint16_t(reason), nil)
	runtime.KeepAlive(e)
	return ErrorKind(status)
}

func (e *engine) fail(key uint64, code StreamErrorCode, message string, details []byte) (Effect, ErrorKind) {
	c := e.get()
	messageText, messageLength := text(message)
	bytes, length := slice(details)
	var ended C.bool
	status := C.ixt_connection_fail(c, C.uint64_t(key), C.uint16_t(code), messageText, messageLength, bytes, length, &ended)
	runtime.KeepAlive(e)
	return effect(ended), ErrorKind(status)
}

func (e *engine) cancel(key uint64, reason CancelReason, message string) (Effect, ErrorKind) {
	c := e.get()
	messageText, messageLength := text(message)
	var ended C.bool
	status := C.ixt_connection_cancel(c, C.uint64_t(key), C.uint16_t(reason), messageText, messageLength, &ended)
	runtime.KeepAlive(e)
	return effect(ended), ErrorKind(status)
}

func (e *engine) ping() {
	c := e.get()
	C.ixt_connection_ping(c)
	runtime.KeepAlive(e)
}

func (e *engine) goAway(graceMS uint32, message string) {
	c := e.get()
	messageText, length := text(message)
	C.ixt_connection_go_away(c, C.uint32_t(graceMS), messageText, length)
	runtime.KeepAlive(e)
}

func (e *engine) end(reason EndReason, message string) {
	c := e.get()
	messageText, length := text(message)
	C.ixt_connection_end(c, C.uint16_t(reason), messageText, length)
	runtime.KeepAlive(e)
}

func (e *engine) stats() ConnectionStats {
	c := e.get()
	var s C.ixt_connection_stats_t
	C.ixt_connection_stats(c, &s)
	runtime.KeepAlive(e)
	return ConnectionStats{
		FramesIn: uint64(s.frames_in), FramesOut: uint64(s.frames_out),
		BytesIn: uint64(s.bytes_in), BytesOut: uint64(s.bytes_out),
		Opened: uint64(s.opened), Refused: uint64(s.refused),
		Ignored: uint64(s.ignored), Violations: uint64(s.violations),
		Streams: uint64(s.streams), Queued: uint64(s.queued),
	}
}

// bytesOf is what an event points to, in memory of the library's or of the read buffer.
func bytesOf(h *happening) []byte {
	if h.length == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(h.data)), int(h.length))
}

func detailsOf(h *happening) []byte {
	if h.details_length == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(h.details)), int(h.details_length))
}

func idOf(h *happening) StreamID { return *(*StreamID)(unsafe.Pointer(&h.stream_id)) }

// outcomeOf copies how a stream ended, of an event of its end.
func outcomeOf(h *happening) Outcome {
	return Outcome{
		Kind: OutcomeKind(h.outcome), CloseReason: closeReasonOf(h), Code: StreamErrorCode(h.code),
		CancelReason: cancelReasonOf(h), By: By(h.by), Message: string(bytesOf(h)),
		Details: append([]byte(nil), detailsOf(h)...),
	}
}

func closeReasonOf(h *happening) CloseReason {
	if h.outcome == C.IXT_OUTCOME_COMPLETED {
		return CloseReason(h.reason)
	}
	return 0
}

func cancelReasonOf(h *happening) CancelReason {
	if h.outcome == C.IXT_OUTCOME_CANCELLED {
		return CancelReason(h.reason)
	}
	return 0
}
