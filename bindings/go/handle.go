package sdk

import (
	"context"
	"sync"
	"time"
)

// Context is what serves one invocation: a context.Context that is done at the invocation's deadline and
// when its stream ends, with the reason as its cause, and who invoked.
type Context struct {
	context.Context
	invocation *InvocationContext
}

// errDeadline is the cause of a context that is done at the invocation's own deadline.
var errDeadline = &StreamEndError{Outcome{
	Kind: OutcomeCancelled, CancelReason: CancelDeadlineExceeded, By: ByLocal, Message: "the deadline passed",
}}

// NewContext makes the context of an invocation that does not come by a stream. Like context.WithCancel's,
// cancel must be called.
func NewContext(parent context.Context, invocation *InvocationContext) (c *Context, cancel context.CancelFunc) {
	if deadline, ok := monotonic(invocation.DeadlineMS); ok {
		inner, cancel := context.WithDeadline(parent, deadline)
		return &Context{inner, invocation}, cancel
	}
	inner, cancel := context.WithCancel(parent)
	return &Context{inner, invocation}, cancel
}

// monotonic is a deadline by the monotonic clock, so that a step of the wall clock does not move it.
// There is none where it is further away than a Duration reaches.
func monotonic(deadlineMS uint64) (time.Time, bool) {
	if deadlineMS == 0 {
		return time.Time{}, false
	}
	now := time.Now()
	nowMS := unixMilli(now)
	if deadlineMS <= nowMS {
		return now, true
	}
	left := milliseconds(deadlineMS - nowMS)
	if left > 100*365*24*time.Hour {
		return time.Time{}, false
	}
	return now.Add(left), true
}

// Invocation is who invokes what. It is shared, and not to be changed.
func (c *Context) Invocation() *InvocationContext { return c.invocation }

// Actor is on whose behalf. It is shared, and not to be changed.
func (c *Context) Actor() *ActorIdentity { return &c.invocation.Actor }

// HasCapability says whether the actor has a capability, a concrete one.
func (c *Context) HasCapability(required string) bool {
	return c.invocation.Actor.HasCapability(required)
}

// StreamOption is a setting of [OpenStream] and [AcceptStream].
type StreamOption func(*streamOptions)

type streamOptions struct {
	window, agreed uint32
	limits         Limits
}

// DefaultWindow is how many messages the peer may have under way, unless [WithWindow] says otherwise.
const DefaultWindow = 16

// maxCredit is the most that may be outstanding in one direction.
const maxCredit = 1<<31 - 1

// WithWindow sets how many messages the peer may have under way, 1 to 2^31 - 1. It bounds the queue of what
// was fed and not yet received.
func WithWindow(frames uint32) StreamOption {
	return func(o *streamOptions) { o.window = min(max(frames, 1), maxCredit) }
}

// WithLimits sets what the two ends agreed on.
func WithLimits(l Limits) StreamOption { return func(o *streamOptions) { o.limits = l } }

// WithAgreedCredit sets the credit that the opener has from the beginning because the connection agreed
// on it.
func WithAgreedCredit(frames uint32) StreamOption {
	return func(o *streamOptions) { o.agreed = min(frames, maxCredit) }
}

// StreamHandle is one end of a stream. The transport hands it the peer's frames by [StreamHandle.Feed];
// the application receives by [StreamHandle.Recv] or [StreamHandle.Incoming], and sends by
// [StreamHandle.Sender]. Any goroutine may use it.
//
// A handle whose stream has not ended is given up by [StreamHandle.Release], usually deferred.
type StreamHandle struct {
	e        *endpoint
	ctx      *Context
	kind     InteractionKind
	incoming func() <-chan []byte
}

// OpenStream opens a stream: it puts the open frame into sink, with the whole window as the responder's
// first credit. id is the caller's to make, a UUIDv7 by custom; invocation may be nil for anonymous.
//
// When ctx is done, the stream is cancelled: as deadlineExceeded by a deadline, else as userRequested.
func OpenStream(ctx context.Context, id StreamID, kind InteractionKind, invocation *InvocationContext, sink FrameSink, options ...StreamOption) (*StreamHandle, error) {
	o := settings(options)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if invocation == nil {
		invocation = AnonymousContext()
	}
	if invocation.DeadlineElapsed(time.Now()) {
		return nil, errDeadline
	}
	encoded, err := invocation.Encode()
	if err != nil {
		return nil, err
	}
	h, err := newOpener(kind, o.limits, o.window, o.agreed)
	if err != nil {
		return nil, err
	}
	frame, err := h.open(nil, id, o.window, encoded)
	if err != nil {
		h.free()
		return nil, err
	}
	s := newStreamHandle(ctx, h, id, kind, invocation, sink, o)
	s.e.opener = true
	s.e.one = kind == Unary || kind == ServerStream
	s.e.mu.Lock()
	err = s.e.put(frame)
	s.e.mu.Unlock()
	if err != nil {
		s.e.release()
		return nil, err
	}
	s.e.watch()
	return s, nil
}

// AcceptStream answers an open frame, and grants the whole window. When ctx is done, the stream is cancelled:
// as deadlineExceeded by a deadline, else as shutdown.
//
// It fails where the bytes are no open frame or do not decode, and as [*StreamEndError] where the open
// breaks a rule or its deadline has passed already; the peer has then been told by a frame in sink.
func AcceptStream(ctx context.Context, openFrame []byte, sink FrameSink, options ...StreamOption) (*StreamHandle, error) {
	o := settings(options)
	h, err := newResponder(o.limits, o.window, o.agreed)
	if err != nil {
		return nil, err
	}
	var frame StreamFrame
	received, err := h.receive(&frame, openFrame)
	if err == nil && frame.Kind != FrameOpen {
		err = failure(ErrInvalidArgument, "kind")
	}
	if err != nil {
		h.free()
		return nil, err
	}
	invocation := AnonymousContext()
	if received == ReceivedOpened {
		if invocation, err = DecodeInvocationContext(frame.Open.Context); err != nil {
			h.free()
			return nil, err
		}
		_ = h.handleTimeout(unixMilli(time.Now()))
	}
	kind := frame.Open.Interaction
	s := newStreamHandle(ctx, h, frame.StreamID, kind, invocation, sink, o)
	s.e.one = kind == Unary || kind == ClientStream
	s.e.mu.Lock()
	err = s.e.drain()
	if s.e.outcome.Kind != OutcomeNone {
		err = &StreamEndError{s.e.outcome}
	}
	s.e.mu.Unlock()
	if err != nil {
		s.e.release()
		return nil, err
	}
	s.e.watch()
	return s, nil
}

func settings(options []StreamOption) streamOptions {
	o := streamOptions{window: DefaultWindow}
	for _, option := range options {
		option(&o)
	}
	return o
}

func newStreamHandle(ctx context.Context, h *handle, id StreamID, kind InteractionKind, invocation *InvocationContext, sink FrameSink, o streamOptions) *StreamHandle {
	stop := func() {}
	if deadline, ok := monotonic(invocation.DeadlineMS); ok {
		ctx, stop = context.WithDeadlineCause(ctx, deadline, errDeadline)
	}
	e := newEndpoint(ctx, h, id, sink, int(max(o.window, o.agreed)))
	cancel := e.cancel
	e.cancel = func(cause error) {
		cancel(cause)
		stop()
	}
	e.deadlineMS = invocation.DeadlineMS
	s := &StreamHandle{e: e, ctx: &Context{e.ctx, invocation}, kind: kind}
	s.incoming = sync.OnceValue(s.pump)
	return s
}

// StreamID is the stream's id.
func (s *StreamHandle) StreamID() StreamID { return s.e.id }

// Kind says how many messages each side may send.
func (s *StreamHandle) Kind() InteractionKind { return s.kind }

// Ctx is the context of the invocation: done at its deadline and when the stream has ended, with how it
// did, an [*StreamEndError], as its cause.
func (s *StreamHandle) Ctx() *Context { return s.ctx }

// Invocation is who invokes what.
func (s *StreamHandle) Invocation() *InvocationContext { return s.ctx.invocation }

// Sender sends this end's direction.
func (s *StreamHandle) Sender() *StreamSender { return &StreamSender{s.e} }

// Feed takes one whole frame of the peer, of whichever kind; it is borrowed for the call. It does not wait
// for the application: what it queues is bounded by the window ([StreamHandle.BufferCapFrames]), since a
// peer that sends more breaks a rule.
//
// A frame that breaks a rule is no error of this call, but ends the stream and tells the peer. Bytes that do
// not decode are an error; nothing has changed then, and the peer's bytes cannot be trusted any more.
func (s *StreamHandle) Feed(frame []byte) error { return s.e.feed(frame) }

// BufferCapFrames is the most messages that the queue can hold.
func (s *StreamHandle) BufferCapFrames() int { return s.e.queueCap }

// Recv gives the next message, and grants: taking it counts as consuming it. It fails with io.EOF once
// the peer's direction has ended in order, with [*StreamEndError] where the stream failed, was cancelled or
// passed its deadline, and with the cause of ctx. Messages that came before are given first.
func (s *StreamHandle) Recv(ctx context.Context) ([]byte, error) {
	for {
		payload, err := s.e.next()
		if payload != nil || err != nil {
			return payload, err
		}
		select {
		case <-s.e.arrival:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Incoming is the messages as an unbuffered channel, and grants after each that was taken. The channel is
// closed when the peer's direction has ended in order and all has been taken, and at once when the stream
// failed, was cancelled, passed its deadline or was released: [StreamHandle.Outcome] says which.
//
// One goroutine feeds it, from the first call of Incoming until it is closed; an application that stops
// reading before that releases the handle. It is used in the place of Recv.
func (s *StreamHandle) Incoming() <-chan []byte { return s.incoming() }

func (s *StreamHandle) pump() <-chan []byte {
	messages := make(chan []byte)
	go func() {
		defer close(messages)
		for {
			payload, drained := s.e.peek()
			if drained {
				return
			}
			if payload == nil {
				select {
				case <-s.e.arrival:
					continue
				case <-s.e.dropped:
					return
				}
			}
			select {
			case messages <- payload:
				s.e.took()
			case <-s.e.dropped:
				return
			}
		}
	}()
	return messages
}

// peek is the message at the front, without taking it; nil where one is to be waited for. The second
// result says that there will be none.
func (e *endpoint) peek() ([]byte, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) > 0 {
		return e.queue[0], false
	}
	return nil, e.closed
}

// took takes what was peeked at, and grants.
func (e *endpoint) took() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) > 0 {
		e.queue[0] = nil
		e.queue = e.queue[1:]
		e.consumed()
	}
}

// Violations counts what the peer did against the rules without ending the stream, such as frames of
// another stream. It is for diagnosis; correct peers cause some of it by crossing.
func (s *StreamHandle) Violations() uint64 {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	return s.e.violations
}

// Outcome is how the stream ended; of kind [OutcomeNone] before its end.
func (s *StreamHandle) Outcome() Outcome { return s.e.result() }

// State is the halves and the counters; zero after Release.
func (s *StreamHandle) State() State { return s.e.state() }

// Release gives the stream up: see [StreamSender.Release].
func (s *StreamHandle) Release() { s.e.release() }
