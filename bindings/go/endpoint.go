package sdk

import (
	"context"
	"encoding/binary"
	"io"
	"sync"
)

// endpoint is one end of a stream with its sink, its queue and those who wait, behind one lock.
type endpoint struct {
	id   StreamID
	sink FrameSink
	// queueCap bounds the queue: what the peer may have under way.
	queueCap int
	// arrival holds a token whenever a message has come or no further one will.
	arrival chan struct{}
	// ended is closed when the stream has ended or was released.
	ended chan struct{}
	// ctx is done when the stream has ended, with how it did as its cause.
	ctx    context.Context
	cancel context.CancelCauseFunc
	// unwatch stops watching ctx.
	unwatch func() bool
	// deadlineMS is the deadline as the engine knows it; 0 for none.
	deadlineMS uint64
	// opener says which end it is.
	opener bool
	// one says that this end sends exactly one message, so that its close follows that at once.
	one bool

	mu sync.Mutex
	h  *handle
	// out and data are the frames that leave: those of the engine, and those of messages.
	out     []byte
	data    []byte
	events  []Event
	waiters map[Ticket]*waiter
	queue   [][]byte
	// closed says that no message comes any more; what is in the queue is still to be received.
	closed bool
	// dropped says that what is in the queue is not to be received through Incoming any more.
	dropped chan struct{}
	outcome Outcome
	// gone is why nothing can be sent any more, where the stream has not ended: the sink's error.
	gone     error
	released bool
	// violations counts broken rules of the peer that end no stream.
	violations uint64
}

// waiter is a message that waits for credit. Whoever brings the credit sends it, so that messages leave in
// the order in which they came.
type waiter struct {
	// payload is borrowed from the one who waits.
	payload []byte
	// done is closed when the message was sent, or will not be, as err says.
	done chan struct{}
	err  error
}

func (w *waiter) tell(err error) {
	w.err = err
	close(w.done)
}

func newEndpoint(ctx context.Context, h *handle, id StreamID, sink FrameSink, queueCap int) *endpoint {
	e := &endpoint{
		id: id, sink: sink, h: h, queueCap: queueCap,
		arrival: make(chan struct{}, 1), ended: make(chan struct{}), dropped: make(chan struct{}),
		waiters: map[Ticket]*waiter{},
	}
	e.ctx, e.cancel = context.WithCancelCause(ctx)
	return e
}

// watch ends the stream when its context is done: by the deadline, or by the context that it was made
// with. One timer, the context's, serves all who wait.
func (e *endpoint) watch() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unwatch = context.AfterFunc(e.ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.outcome.Kind != OutcomeNone || e.gone != nil || e.released {
			return
		}
		switch {
		case e.ctx.Err() != context.DeadlineExceeded && e.opener:
			_, _ = e.h.cancel(CancelUserRequested, "")
		case e.ctx.Err() != context.DeadlineExceeded:
			_, _ = e.h.cancel(CancelShutdown, "")
		case e.deadlineMS != 0 && context.Cause(e.ctx) == error(errDeadline):
			// The engine is told its own time: a step of the wall clock does not matter.
			_ = e.h.handleTimeout(e.deadlineMS)
		default:
			_, _ = e.h.cancel(CancelDeadlineExceeded, "")
		}
		_ = e.drain()
	})
}

func (e *endpoint) sendError(err error) error { return &StreamSendError{e.id, err} }

// refused is the error of a send that did not take place.
func (e *endpoint) refused(kind ErrorKind) error {
	switch kind {
	case ErrCreditExhausted:
		return e.sendError(errNoCredit)
	case ErrStreamEnded:
		if e.gone != nil {
			return e.sendError(e.gone)
		}
		return e.sendError(&StreamEndError{e.outcome})
	default:
		return e.sendError(failure(kind, ""))
	}
}

func (e *endpoint) send(payload []byte) error {
	if e.gone != nil {
		return e.sendError(e.gone)
	}
	out, kind := e.h.trySend(e.data[:0], payload)
	e.data = out
	if kind != 0 {
		return e.refused(kind)
	}
	if err := e.put(out); err != nil || !e.one {
		return err
	}
	// There is nothing more to send, and the message is there, so this is not refused.
	if _, err := e.h.close(CloseCompleted); err != nil {
		return err
	}
	return e.drain()
}

// wait queues a message for one credit.
func (e *endpoint) wait(payload []byte) (Ticket, *waiter, error) {
	ticket, err := e.h.wait()
	if err != nil {
		return 0, nil, e.refused(kindOf(err))
	}
	w := &waiter{payload: payload, done: make(chan struct{})}
	e.waiters[ticket] = w
	_ = e.drain() // whatever went wrong, the waiter is told
	return ticket, w, nil
}

// giveUp takes a message out of the queue; false where it has left it already.
func (e *endpoint) giveUp(ticket Ticket) bool {
	if _, waits := e.waiters[ticket]; !waits {
		return false
	}
	delete(e.waiters, ticket)
	if e.h.dropTicket(ticket) == nil {
		_ = e.drain()
	}
	return true
}

// serve sends the message whose ticket has its credit.
func (e *endpoint) serve(ticket Ticket) {
	w, waits := e.waiters[ticket]
	if !waits {
		return
	}
	delete(e.waiters, ticket)
	out, kind := e.h.sendWith(e.data[:0], ticket, w.payload)
	e.data = out
	if kind != 0 {
		w.tell(e.refused(kind))
		return
	}
	w.tell(e.put(out))
}

// command runs a command and drains what it caused.
func (e *endpoint) command(run func(h *handle) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := run(e.h); err != nil {
		return e.refused(kindOf(err))
	}
	return e.drain()
}

// feed takes one frame of the peer.
func (e *endpoint) feed(b []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var frame StreamFrame
	received, err := e.h.receive(&frame, b)
	if err != nil {
		return err
	}
	if received == ReceivedData {
		e.arrive(frame.Data.Payload)
		return nil
	}
	return e.drain()
}

// arrive queues a message. The engine lets no more come than were granted, so the queue has room.
func (e *endpoint) arrive(payload []byte) {
	e.queue = append(e.queue, append(make([]byte, 0, len(payload)), payload...))
	e.notify()
}

func (e *endpoint) notify() {
	select {
	case e.arrival <- struct{}{}:
	default:
	}
}

// put hands one frame to the sink.
func (e *endpoint) put(frame []byte) error {
	if e.gone != nil {
		return e.sendError(e.gone)
	}
	if err := e.sink.SendFrame(frame); err != nil {
		e.breakOff(err)
		return e.sendError(err)
	}
	return nil
}

// drain hands frames to the sink, sends what has its credit, and tells those who wait. Every command ends
// with it.
func (e *endpoint) drain() error {
	out, events, err := e.h.drain(e.out[:0], e.events[:0])
	if err != nil {
		return err
	}
	e.out, e.events = out, events
	for rest := out; len(rest) > 0 && err == nil; {
		// They are of one segment: eight bytes, of which the last four count the words that follow.
		size := 8 + 8*int(binary.LittleEndian.Uint32(rest[4:]))
		err = e.put(rest[:size])
		rest = rest[size:]
	}
	ended := false
	for i := range events {
		switch event := &events[i]; event.Kind {
		case EventReady:
			e.serve(event.Ticket)
		case EventEnded:
			ended = true
		case EventClosed:
			e.closed = true
		case EventViolation:
			e.violations++
		}
	}
	e.settle()
	if ended {
		// None of them gets a credit any more; now it is known why.
		e.dismiss()
	}
	return err
}

// dismiss tells all who wait that their messages will not be sent.
func (e *endpoint) dismiss() {
	for _, w := range e.waiters {
		w.tell(e.refused(ErrStreamEnded))
	}
	clear(e.waiters)
}

// settle looks whether the stream has ended, and tells everybody once.
func (e *endpoint) settle() {
	if e.closed {
		e.notify()
	}
	if e.outcome.Kind != OutcomeNone || e.gone != nil {
		return
	}
	outcome, err := e.h.outcome()
	if err != nil || outcome.Kind == OutcomeNone {
		return
	}
	e.outcome = outcome
	e.finish(&StreamEndError{outcome})
	// What a responder's own close ends, it does not want to receive any more.
	if outcome.Kind != OutcomeCompleted || !e.closed {
		close(e.dropped)
	}
	e.closed = true
	e.notify()
}

// finish ends what belongs to a stream that is open.
func (e *endpoint) finish(cause error) {
	if e.unwatch != nil {
		e.unwatch()
	}
	e.cancel(cause)
	close(e.ended)
	e.dismiss()
}

// breakOff ends a stream whose sink is gone.
func (e *endpoint) breakOff(err error) {
	if e.gone != nil || e.outcome.Kind != OutcomeNone {
		return
	}
	e.gone = err
	e.finish(err)
	close(e.dropped)
	e.closed = true
	e.notify()
}

// next takes a message from the queue, and grants; io.EOF where the peer's direction has ended in order,
// nil and nil where one is to be waited for.
func (e *endpoint) next() ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) > 0 {
		payload := e.queue[0]
		e.queue[0] = nil
		e.queue = e.queue[1:]
		e.consumed()
		if len(e.queue) > 0 || e.closed {
			// One token may stand for several messages: pass it on to whoever else receives.
			e.notify()
		}
		return payload, nil
	}
	if !e.closed {
		return nil, nil
	}
	e.notify()
	switch {
	case e.released:
		return nil, closed()
	case e.outcome.Kind == OutcomeFailed || e.outcome.Kind == OutcomeCancelled:
		return nil, &StreamEndError{e.outcome}
	case e.gone != nil:
		return nil, e.gone
	}
	return nil, io.EOF
}

// consumed tells the engine that the application has a message, and sends the grant that may be due.
func (e *endpoint) consumed() {
	if granted, err := e.h.consume(1); err == nil && granted {
		_ = e.drain()
	}
}

func (e *endpoint) state() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	state, _ := e.h.state()
	return state
}

func (e *endpoint) result() Outcome {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.outcome
}

func (e *endpoint) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.released {
		return
	}
	if e.outcome.Kind == OutcomeNone && e.gone == nil {
		_, _ = e.h.cancel(CancelConsumerGone, "")
		_ = e.drain()
	}
	if e.outcome.Kind == OutcomeNone && e.gone == nil {
		// It was never opened.
		e.finish(closed())
		close(e.dropped)
		e.closed = true
	} else if e.outcome.Kind == OutcomeCompleted {
		select {
		case <-e.dropped:
		default:
			close(e.dropped)
		}
	}
	e.released = true
	e.queue = nil
	e.out, e.data = nil, nil
	e.h.free()
	e.notify()
}

func kindOf(err error) ErrorKind {
	if e, ok := err.(*Error); ok {
		return e.Kind
	}
	return ErrInvalidArgument
}
