package sdk

import (
	"context"
	"errors"
)

// FrameSink takes the frames of a stream that leave: one whole frame a call, in the order of the wire.
//
// It is called under the stream's lock: it must not call the stream, and as long as it blocks, everybody
// waits who uses the stream. A queue or a buffered writer is the usual sink; credit bounds what one stream
// can put into it. Several streams may share one sink; then it is called from several goroutines at once.
type FrameSink interface {
	// SendFrame takes a frame, which is borrowed for the call: a sink that keeps it copies it. An error
	// says that the transport is gone; the stream sends nothing more then.
	SendFrame(frame []byte) error
}

// FrameSinkFunc makes a function a [FrameSink].
type FrameSinkFunc func(frame []byte) error

// SendFrame calls the function.
func (f FrameSinkFunc) SendFrame(frame []byte) error { return f(frame) }

// StreamSender sends the messages of one direction of a stream, under credit. Any goroutine may use it. In a
// direction that carries exactly one message, sending it closes the direction too.
type StreamSender struct {
	e *endpoint
}

// NewStreamSender makes the sending end alone of a stream that is open already, for who routes frames by
// hand: it starts with so much credit, and is told the peer's grants by [StreamSender.GrantCredit]. Of the
// options, [WithLimits] counts.
func NewStreamSender(id StreamID, credit uint32, sink FrameSink, options ...StreamOption) (*StreamSender, error) {
	h, err := newSender(id, credit, settings(options).limits)
	if err != nil {
		return nil, err
	}
	return &StreamSender{newEndpoint(context.Background(), h, id, sink, 0)}, nil
}

// StreamID is the stream's id.
func (s *StreamSender) StreamID() StreamID { return s.e.id }

// SendData sends one message if there is credit that nobody waits for; else it fails with [ErrRejected]. It
// never waits. Errors are [*StreamSendError]; they wrap, in this order, [*StreamEndError], [ErrFrameTooLarge],
// [ErrTooManyMessages], [ErrRejected].
func (s *StreamSender) SendData(payload []byte) error {
	e := s.e
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.send(payload)
}

// SendDataContext sends one message, and waits for credit if there is none; those who wait are served in
// order. When ctx is done first, it gives its place up, and no credit is lost. Errors are those of
// [StreamSender.SendData], without ErrRejected, and the cause of ctx.
func (s *StreamSender) SendDataContext(ctx context.Context, payload []byte) error {
	e := s.e
	if ctx.Err() != nil {
		return e.sendError(context.Cause(ctx))
	}
	e.mu.Lock()
	err := e.send(payload)
	if !errors.Is(err, ErrRejected) {
		e.mu.Unlock()
		return err
	}
	ticket, w, err := e.wait(payload)
	e.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.giveUp(ticket) {
		return e.sendError(context.Cause(ctx))
	}
	<-w.done // it was sent, or the stream went, at the same moment
	return w.err
}

// GrantCredit takes a grant of the peer: the number of its credit frame. A grant of 0 or past 2^31 - 1 in all
// fails the stream, as it would in a frame. Whoever hands frames to [StreamSender.Feed] or
// [StreamHandle.Feed] does not need it.
func (s *StreamSender) GrantCredit(frames uint32) error {
	return s.e.command(func(h *handle) error { return h.grantCredit(frames) })
}

// Feed takes a frame of the peer, such as a credit or a cancel: see [StreamHandle.Feed].
func (s *StreamSender) Feed(frame []byte) error { return s.e.feed(frame) }

// Close ends this direction in order. Where it has ended already, nothing happens. It fails with
// [ErrMissingMessage] where the kind demands a message that was not sent.
func (s *StreamSender) Close(reason CloseReason) error {
	return s.e.command(func(h *handle) error { _, err := h.close(reason); return err })
}

// Cancel ends the stream as cancelled. Where it has ended already, nothing happens.
func (s *StreamSender) Cancel(reason CancelReason, message string) error {
	return s.e.command(func(h *handle) error { _, err := h.cancel(reason, message); return err })
}

// SendError ends the stream as failed. Where it has ended already, nothing happens.
func (s *StreamSender) SendError(code StreamErrorCode, message string, details []byte) error {
	return s.e.command(func(h *handle) error { _, err := h.fail(code, message, details); return err })
}

// Credit counts the messages that may be sent now.
func (s *StreamSender) Credit() uint32 { return s.e.state().Credit }

// Outcome is how the stream ended; of kind [OutcomeNone] before its end.
func (s *StreamSender) Outcome() Outcome { return s.e.result() }

// Done is closed when the stream has ended, in whatever way.
func (s *StreamSender) Done() <-chan struct{} { return s.e.ended }

// Release gives the stream up: one that has not ended is cancelled as consumerGone, everybody who waits
// fails, and the engine is freed. It may be called again; every other call fails with [ErrClosed] from
// then on.
func (s *StreamSender) Release() { s.e.release() }
