package sdk

/*
#include "ixt.h"

#cgo noescape ixt_stream_new_opener
#cgo nocallback ixt_stream_new_opener
#cgo noescape ixt_stream_new_responder
#cgo nocallback ixt_stream_new_responder
#cgo noescape ixt_sender_new
#cgo nocallback ixt_sender_new
#cgo noescape ixt_stream_free
#cgo nocallback ixt_stream_free
#cgo noescape ixt_stream_open
#cgo nocallback ixt_stream_open
#cgo noescape ixt_stream_try_send
#cgo nocallback ixt_stream_try_send
#cgo noescape ixt_stream_send_with
#cgo nocallback ixt_stream_send_with
#cgo noescape ixt_stream_wait
#cgo nocallback ixt_stream_wait
#cgo noescape ixt_stream_drop_ticket
#cgo nocallback ixt_stream_drop_ticket
#cgo noescape ixt_stream_grant
#cgo nocallback ixt_stream_grant
#cgo noescape ixt_stream_consume
#cgo nocallback ixt_stream_consume
#cgo noescape ixt_stream_close
#cgo nocallback ixt_stream_close
#cgo noescape ixt_stream_fail
#cgo nocallback ixt_stream_fail
#cgo noescape ixt_stream_cancel
#cgo nocallback ixt_stream_cancel
#cgo noescape ixt_stream_handle_timeout
#cgo nocallback ixt_stream_handle_timeout
#cgo noescape ixt_stream_receive
#cgo nocallback ixt_stream_receive
#cgo noescape ixt_stream_receive_frame
#cgo nocallback ixt_stream_receive_frame
#cgo noescape ixt_stream_drain
#cgo nocallback ixt_stream_drain
#cgo noescape ixt_stream_state
#cgo nocallback ixt_stream_state
#cgo noescape ixt_stream_id
#cgo nocallback ixt_stream_id
#cgo noescape ixt_stream_outcome
#cgo nocallback ixt_stream_outcome
#cgo noescape ixt_stream_outcome_message
#cgo nocallback ixt_stream_outcome_message
#cgo noescape ixt_stream_outcome_details
#cgo nocallback ixt_stream_outcome_details
#cgo noescape ixt_sender_grant_credit
#cgo nocallback ixt_sender_grant_credit
*/
import "C"

import (
	"math"
	"runtime"
	"unsafe"
)

// dataOverhead is what a data frame has beside its payload, at most.
const dataOverhead = 64

// handle owns one engine of the library. Whoever holds it sees to it that one call runs at a time.
type handle struct {
	c       *C.ixt_stream_t
	limits  Limits
	cleanup runtime.Cleanup
}

func newHandle(l Limits, create func(config *C.ixt_config_t, out **C.ixt_stream_t) C.ixt_status_t, window, agreed uint32) (*handle, error) {
	if abi != nil {
		return nil, abi
	}
	config := C.ixt_config_t{max_payload: l.max(), window: C.uint32_t(window), agreed_credit: C.uint32_t(agreed)}
	var c *C.ixt_stream_t
	if status := create(&config, &c); status != C.IXT_OK {
		return nil, failure(ErrorKind(status), "")
	}
	h := &handle{c: c, limits: l}
	h.cleanup = runtime.AddCleanup(h, func(c *C.ixt_stream_t) { C.ixt_stream_free(c) }, c)
	return h, nil
}

func newOpener(kind InteractionKind, l Limits, window, agreed uint32) (*handle, error) {
	return newHandle(l, func(config *C.ixt_config_t, out **C.ixt_stream_t) C.ixt_status_t {
		return C.ixt_stream_new_opener(C.uint16_t(kind), config, out)
	}, window, agreed)
}

func newResponder(l Limits, window, agreed uint32) (*handle, error) {
	return newHandle(l, func(config *C.ixt_config_t, out **C.ixt_stream_t) C.ixt_status_t {
		return C.ixt_stream_new_responder(config, out)
	}, window, agreed)
}

func newSender(id StreamID, credit uint32, l Limits) (*handle, error) {
	return newHandle(l, func(config *C.ixt_config_t, out **C.ixt_stream_t) C.ixt_status_t {
		return C.ixt_sender_new((*C.uint8_t)(&id[0]), C.uint32_t(credit), config, out)
	}, 0, 0)
}

// get is the engine; nil once it is freed.
func (h *handle) get() *C.ixt_stream_t {
	c := h.c
	// Without KeepAlive behind its call, h might be collected from here on.
	stress()
	return c
}

// free may be called again.
func (h *handle) free() {
	if h.c != nil {
		h.cleanup.Stop()
		C.ixt_stream_free(h.c)
		h.c = nil
	}
}

func check(status C.ixt_status_t) error {
	if status != C.IXT_OK {
		return &Error{Kind: ErrorKind(status), Offset: -1}
	}
	return nil
}

func (h *handle) open(dst []byte, id StreamID, credit uint32, context []byte) ([]byte, error) {
	c := h.get()
	if c == nil {
		return dst, closed()
	}
	dst = room(dst, len(context)+88, context)
	var e C.ixt_error_t
	var written C.size_t
	bytes, length := slice(context)
	out, capacity := slice(dst[len(dst):cap(dst)])
	status := C.ixt_stream_open(c, (*C.uint8_t)(&id[0]), C.uint32_t(credit), bytes, length, out, capacity, &written, &e)
	runtime.KeepAlive(h)
	if status != C.IXT_OK {
		return dst, refusal(status, &e)
	}
	return dst[:len(dst)+int(written)], nil
}

// trySend appends the data frame. It allocates nothing where dst has room.
func (h *handle) trySend(dst, payload []byte) ([]byte, ErrorKind) {
	c := h.get()
	if c == nil {
		return dst, ErrClosed
	}
	// What is larger than the limit is refused without any room.
	if len(payload) <= h.limits.MaxPayload() {
		dst = room(dst, len(payload)+dataOverhead, payload)
	}
	var written C.size_t
	bytes, length := slice(payload)
	out, capacity := slice(dst[len(dst):cap(dst)])
	status := C.ixt_stream_try_send(c, bytes, length, out, capacity, &written)
	runtime.KeepAlive(h)
	if status != C.IXT_OK {
		return dst, ErrorKind(status)
	}
	return dst[:len(dst)+int(written)], 0
}

func (h *handle) sendWith(dst []byte, ticket Ticket, payload []byte) ([]byte, ErrorKind) {
	c := h.get()
	if c == nil {
		return dst, ErrClosed
	}
	if len(payload) <= h.limits.MaxPayload() {
		dst = room(dst, len(payload)+dataOverhead, payload)
	}
	var written C.size_t
	bytes, length := slice(payload)
	out, capacity := slice(dst[len(dst):cap(dst)])
	status := C.ixt_stream_send_with(c, C.uint64_t(ticket), bytes, length, out, capacity, &written)
	runtime.KeepAlive(h)
	if status != C.IXT_OK {
		return dst, ErrorKind(status)
	}
	return dst[:len(dst)+int(written)], 0
}

func (h *handle) wait() (Ticket, error) {
	c := h.get()
	if c == nil {
		return 0, closed()
	}
	var ticket C.uint64_t
	status := C.ixt_stream_wait(c, &ticket)
	runtime.KeepAlive(h)
	return Ticket(ticket), check(status)
}

func (h *handle) dropTicket(ticket Ticket) error {
	c := h.get()
	if c == nil {
		return closed()
	}
	status := C.ixt_stream_drop_ticket(c, C.uint64_t(ticket))
	runtime.KeepAlive(h)
	return check(status)
}

func (h *handle) grant(frames uint32) error {
	c := h.get()
	if c == nil {
		return closed()
	}
	status := C.ixt_stream_grant(c, C.uint32_t(frames))
	runtime.KeepAlive(h)
	return check(status)
}

// consume says whether there is a credit frame to drain.
func (h *handle) consume(frames uint32) (bool, error) {
	c := h.get()
	if c == nil {
		return false, closed()
	}
	var granted C.bool
	status := C.ixt_stream_consume(c, C.uint32_t(frames), &granted)
	runtime.KeepAlive(h)
	return bool(granted), check(status)
}

func (h *handle) grantCredit(frames uint32) error {
	c := h.get()
	if c == nil {
		return closed()
	}
	status := C.ixt_sender_grant_credit(c, C.uint32_t(frames), nil)
	runtime.KeepAlive(h)
	return check(status)
}

func (h *handle) close(reason CloseReason) (Effect, error) {
	c := h.get()
	if c == nil {
		return 0, closed()
	}
	var ended C.bool
	status := C.ixt_stream_close(c, C.uint16_t(reason), &ended)
	runtime.KeepAlive(h)
	return effect(ended), check(status)
}

func (h *handle) fail(code StreamErrorCode, message string, details []byte) (Effect, error) {
	c := h.get()
	if c == nil {
		return 0, closed()
	}
	var ended C.bool
	messageText, messageLength := text(message)
	detailBytes, detailLength := slice(details)
	status := C.ixt_stream_fail(c, C.uint16_t(code), messageText, messageLength, detailBytes, detailLength, &ended)
	runtime.KeepAlive(h)
	return effect(ended), check(status)
}

func (h *handle) cancel(reason CancelReason, message string) (Effect, error) {
	c := h.get()
	if c == nil {
		return 0, closed()
	}
	var ended C.bool
	messageText, messageLength := text(message)
	status := C.ixt_stream_cancel(c, C.uint16_t(reason), messageText, messageLength, &ended)
	runtime.KeepAlive(h)
	return effect(ended), check(status)
}

func effect(ended C.bool) Effect {
	if ended {
		return EffectAlreadyEnded
	}
	return EffectDone
}

func (h *handle) handleTimeout(nowMS uint64) error {
	c := h.get()
	if c == nil {
		return closed()
	}
	status := C.ixt_stream_handle_timeout(c, C.uint64_t(nowMS), nil)
	runtime.KeepAlive(h)
	return check(status)
}

// receive decodes one frame, hands it to the engine, and gives it, borrowing b, in one crossing.
func (h *handle) receive(f *StreamFrame, b []byte) (Received, error) {
	c := h.get()
	if c == nil {
		return 0, closed()
	}
	var received C.uint16_t
	var frame C.ixt_frame_t
	bytes, length := slice(b)
	status := C.ixt_stream_receive(c, bytes, length, &received, &frame, nil)
	if status != C.IXT_OK {
		return 0, h.receiveAgain(b)
	}
	runtime.KeepAlive(h)
	if f != nil {
		f.set(&frame, b)
	}
	return Received(received), nil
}

// receiveAgain asks for the place of a refusal, by which nothing has changed.
//
//go:noinline
func (h *handle) receiveAgain(b []byte) error {
	var received C.uint16_t
	var e C.ixt_error_t
	bytes, length := slice(b)
	status := C.ixt_stream_receive(h.c, bytes, length, &received, nil, &e)
	runtime.KeepAlive(h)
	return refusal(status, &e)
}

// receiveFrame hands a frame to the engine that was decoded before.
func (h *handle) receiveFrame(f *StreamFrame) (Received, error) {
	c := h.get()
	if c == nil {
		return 0, closed()
	}
	// All that a frame carries stands in one piece; two texts are put together.
	frame := C.ixt_frame_t{
		stream_id: *(*[16]C.uint8_t)(unsafe.Pointer(&f.StreamID)), kind: C.uint16_t(f.Kind), tag: C.uint16_t(f.Kind),
	}
	var input []byte
	switch f.Kind {
	case FrameData:
		input = f.Data.Payload
		frame.sequence, frame.payload.length = C.uint64_t(f.Data.Sequence), C.uint32_t(len(input))
	case FrameOpen:
		input = f.Open.Context
		frame.interaction, frame.credit = C.uint16_t(f.Open.Interaction), C.uint32_t(f.Open.InitialCredit)
		frame.context.length = C.uint32_t(len(input))
	case FrameError:
		input = append([]byte(f.Error.Message), f.Error.Details...)
		frame.code, frame.sequence = C.uint16_t(f.Error.Code), C.uint64_t(f.Error.Sequence)
		frame.message.length = C.uint32_t(len(f.Error.Message))
		frame.details = C.ixt_span_t{frame.message.length, C.uint32_t(len(f.Error.Details))}
	case FrameClose:
		frame.reason, frame.sequence = C.uint16_t(f.Close.Reason), C.uint64_t(f.Close.FinalSequence)
	case FrameCancel:
		input = []byte(f.Cancel.Message)
		frame.reason, frame.message.length = C.uint16_t(f.Cancel.Reason), C.uint32_t(len(input))
	case FrameCredit:
		frame.credit = C.uint32_t(f.Credit.Frames)
	default:
		input = f.Unknown.Bytes
		frame.kind, frame.frame.length = C.IXT_FRAME_UNKNOWN, C.uint32_t(len(input))
	}
	if uint64(len(input)) > math.MaxUint32 {
		return 0, failure(ErrMessageTooLarge, "")
	}
	var received C.uint16_t
	bytes, length := slice(input)
	status := C.ixt_stream_receive_frame(c, &frame, bytes, length, &received, nil)
	runtime.KeepAlive(h)
	if status != C.IXT_OK {
		return 0, failure(ErrorKind(status), f.Kind.String())
	}
	return Received(received), nil
}

// drain appends frames and events until there are none.
func (h *handle) drain(frames []byte, events []Event) ([]byte, []Event, error) {
	const most = 8
	c := h.get()
	if c == nil {
		return frames, events, closed()
	}
	for {
		var found [most]C.ixt_event_t
		var written, count C.size_t
		var more C.bool
		out, capacity := slice(frames[len(frames):cap(frames)])
		if status := C.ixt_stream_drain(c, out, capacity, &written, &found[0], most, &count, &more); status != C.IXT_OK {
			return frames, events, check(status)
		}
		frames = frames[:len(frames)+int(written)]
		for i := range found[:count] {
			events = append(events, h.event(&found[i]))
		}
		if !more {
			runtime.KeepAlive(h)
			return frames, events, nil
		}
		if written == 0 && count < most {
			// A frame did not find room.
			frames = grow(frames, C.IXT_MAX_CONTROL)
		}
	}
}

func (h *handle) event(e *C.ixt_event_t) Event {
	event := Event{Kind: EventKind(e.kind)}
	switch event.Kind {
	case EventCredit:
		event.Credit = uint32(e.credit)
	case EventReady, EventEnded:
		event.Ticket = Ticket(e.ticket)
	case EventClosed:
		event.CloseReason = CloseReason(e.reason)
	case EventViolation:
		event.Violation = Violation(e.violation)
	case EventFailed, EventCancelled:
		// The first end decides, so it is the outcome's.
		event.Outcome, _ = h.outcome()
	}
	return event
}

func (h *handle) state() (State, error) {
	c := h.get()
	if c == nil {
		return State{}, closed()
	}
	var s C.ixt_state_t
	status := C.ixt_stream_state(c, &s)
	runtime.KeepAlive(h)
	return State{
		Sender: Half(s.sender), Receiver: Half(s.receiver),
		Credit: uint32(s.credit), Outstanding: uint32(s.outstanding),
		Ignored: uint64(s.ignored), Sent: uint64(s.sent), Received: uint64(s.received),
		NextTimeoutMS: uint64(s.next_timeout_ms), Interaction: InteractionKind(s.interaction), Ended: s.ended != 0,
	}, check(status)
}

func (h *handle) id() (StreamID, error) {
	c := h.get()
	if c == nil {
		return StreamID{}, closed()
	}
	var id StreamID
	status := C.ixt_stream_id(c, (*C.uint8_t)(unsafe.Pointer(&id)))
	runtime.KeepAlive(h)
	return id, check(status)
}

func (h *handle) outcome() (Outcome, error) {
	c := h.get()
	if c == nil {
		return Outcome{}, closed()
	}
	defer runtime.KeepAlive(h)
	var found C.ixt_outcome_t
	if status := C.ixt_stream_outcome(c, &found); status != C.IXT_OK {
		return Outcome{}, check(status)
	}
	outcome := Outcome{Kind: OutcomeKind(found.kind), By: By(found.by)}
	switch outcome.Kind {
	case OutcomeCompleted:
		outcome.CloseReason = CloseReason(found.reason)
	case OutcomeFailed:
		outcome.Code = StreamErrorCode(found.code)
	case OutcomeCancelled:
		outcome.CancelReason = CancelReason(found.reason)
	}
	var written C.size_t
	if found.message_length > 0 {
		message := make([]byte, found.message_length)
		out, capacity := slice(message)
		if status := C.ixt_stream_outcome_message(c, out, capacity, &written); status != C.IXT_OK {
			return outcome, check(status)
		}
		outcome.Message = string(message)
	}
	if found.details_length > 0 {
		outcome.Details = make([]byte, found.details_length)
		out, capacity := slice(outcome.Details)
		if status := C.ixt_stream_outcome_details(c, out, capacity, &written); status != C.IXT_OK {
			return outcome, check(status)
		}
	}
	return outcome, nil
}

func closed() error { return failure(ErrClosed, "") }
