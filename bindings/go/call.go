package sdk

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"time"
)

// Call is one end of one stream of a connection: of an opener, who made it by a [Client], or of a responder,
// whose handler it is given to.
//
// One goroutine receives and one sends at a time; both may do so at once. Cancel, Outcome and the rest may be
// called by any goroutine. A message that was received belongs to the caller; small ones share memory, so that
// keeping one may keep some kilobytes. What is sent is copied before Send returns.
//
// An opener's call ends with its context. A call that is not read to its end is given up by Cancel; a handler's
// ends when the handler returns.
type Call struct {
	l       *link
	key     uint64
	id      StreamID
	kind    InteractionKind
	opener  bool
	ctx     context.Context
	encoded []byte
	decode  sync.Once
	// invocation is what encoded holds.
	invocation *InvocationContext
	unwatch    func() bool

	// batch is what was taken from the queue, received up to at; taken counts what was received and is not granted
	// again yet. They are the receiver's alone.
	batch [][]byte
	at    int
	taken uint32

	// What follows is under the link's lock.
	queue [][]byte
	one   [1][]byte
	// received says that the peer's direction is over, finished that this end's is, without its doing.
	received, finished bool
	// sent says that this end has closed its direction.
	sent    bool
	ended   bool
	outcome Outcome
	// listens says that a receiver waits for wake.
	listens bool
	wake    chan struct{}
	waiters []*sending
	// done is the context's channel, made when somebody asks for it.
	done  chan struct{}
	onEnd []func(Outcome)
	// discards says that nobody receives any more.
	discards bool

	// afterMu is taken within the link's lock and never the other way round: the context package calls under
	// locks of its own.
	afterMu sync.Mutex
	after   map[*func()]struct{}
	// doneAfter says that the context is done.
	doneAfter bool
}

// sending is a message that waits for credit. Whoever brings the credit sends it, so that messages leave in
// the order in which they came.
type sending struct {
	ticket  Ticket
	payload []byte
	done    chan struct{}
	kind    ErrorKind
}

func newCall(l *link, key uint64, kind InteractionKind, opener bool) *Call {
	c := &Call{l: l, key: key, kind: kind, opener: opener, wake: make(chan struct{}, 1)}
	c.queue = c.one[:0]
	return c
}

// StreamID is the stream's id.
func (c *Call) StreamID() StreamID { return c.id }

// Kind says how many messages each side may send.
func (c *Call) Kind() InteractionKind { return c.kind }

// Context is the call's: an opener's own, or the handler's, which is done when the stream has ended.
func (c *Call) Context() context.Context { return c.ctx }

// Invocation is who invokes what. It is shared, and not to be changed.
func (c *Call) Invocation() *InvocationContext {
	c.decode.Do(func() {
		invocation, err := DecodeInvocationContext(c.encoded)
		if err != nil { // the engine has decoded it before
			invocation = AnonymousContext()
		}
		c.invocation = invocation
	})
	return c.invocation
}

// Send sends one message, and waits for credit if there is none; those who wait are served in order. It gives
// up when the call's context is done. It fails with [*StreamEndError] once the stream has ended, and else as
// [StreamSender.SendData].
func (c *Call) Send(payload []byte) error { return c.SendContext(c.ctx, payload) }

// SendContext is [Call.Send] with another context.
func (c *Call) SendContext(ctx context.Context, payload []byte) error {
	l := c.l
	l.mu.Lock()
	// Who came first is served first.
	kind := ErrCreditExhausted
	if len(c.waiters) == 0 {
		kind = l.e.trySend(c.key, payload)
	}
	if kind == 0 {
		if c.sends() == 1 {
			c.sent = true
			l.e.close(c.key, CloseCompleted)
		}
		l.poke()
		l.mu.Unlock()
		return nil
	}
	if kind != ErrCreditExhausted && kind != ErrQueueFull {
		err := c.refused(kind)
		l.mu.Unlock()
		return err
	}
	ticket, kind := l.e.wait(c.key)
	if kind != 0 {
		err := c.refused(kind)
		l.mu.Unlock()
		return err
	}
	w := &sending{ticket: ticket, payload: payload, done: make(chan struct{})}
	c.waiters = append(c.waiters, w)
	l.tell()
	l.poke()
	l.mu.Unlock()
	select {
	case <-w.done:
	case <-ctx.Done():
		l.mu.Lock()
		if c.forget(w) {
			l.e.dropTicket(c.key, ticket)
			l.tell()
			l.poke()
			l.mu.Unlock()
			return context.Cause(ctx)
		}
		l.mu.Unlock()
		<-w.done
	}
	if w.kind != 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		return c.refused(w.kind)
	}
	return nil
}

// TrySend sends one message if there is credit and room; else it fails with [ErrRejected]. It never waits.
func (c *Call) TrySend(payload []byte) error {
	l := c.l
	l.mu.Lock()
	defer l.mu.Unlock()
	kind := ErrCreditExhausted
	if len(c.waiters) == 0 {
		kind = l.e.trySend(c.key, payload)
	}
	switch kind {
	case 0:
		l.poke()
		return nil
	case ErrCreditExhausted, ErrQueueFull:
		return errNoCredit
	default:
		return c.refused(kind)
	}
}

// answer sends the one message of a responder's, closes, and writes at once.
func (c *Call) answer(payload []byte) error {
	l := c.l
	l.mu.Lock()
	if kind := l.e.sendClose(c.key, payload); kind != 0 {
		err := c.refused(kind)
		l.mu.Unlock()
		return err
	}
	c.sent = true
	l.flush()
	return nil
}

// sends is how many messages this end may send: 1, or 0 for any number.
func (c *Call) sends() int {
	if c.kind == Unary || c.opener && c.kind == ServerStream || !c.opener && c.kind == ClientStream {
		return 1
	}
	return 0
}

// serve sends the message whose ticket has its credit.
func (c *Call) serve(ticket Ticket) {
	for i, w := range c.waiters {
		if w.ticket != ticket {
			continue
		}
		w.kind = c.l.e.sendWith(c.key, ticket, w.payload)
		if w.kind == ErrQueueFull {
			return // it becomes ready again
		}
		c.waiters = append(c.waiters[:i], c.waiters[i+1:]...)
		close(w.done)
		c.l.poke()
		return
	}
}

func (c *Call) forget(w *sending) bool {
	for i, other := range c.waiters {
		if other == w {
			c.waiters = append(c.waiters[:i], c.waiters[i+1:]...)
			return true
		}
	}
	return false
}

// dismiss tells all who wait that their messages will not be sent.
func (c *Call) dismiss() {
	for _, w := range c.waiters {
		w.kind = ErrStreamEnded
		close(w.done)
	}
	c.waiters = nil
}

// refused is the error of a command that did nothing.
func (c *Call) refused(kind ErrorKind) error {
	if kind == ErrStreamEnded && c.outcome.Kind != OutcomeNone {
		return &StreamEndError{c.outcome}
	}
	return failure(kind, "")
}

// Recv gives the next message, and grants in time: taking one counts as being done with the one before. It
// fails with io.EOF once the peer has ended its direction in order, and with [*StreamEndError] where the stream
// failed, was cancelled or passed its deadline. Messages that came before are given first.
func (c *Call) Recv() ([]byte, error) {
	if c.at == len(c.batch) {
		if err := c.refill(); err != nil {
			return nil, err
		}
	} else if c.taken >= c.l.step {
		c.l.mu.Lock()
		c.grant()
		c.l.mu.Unlock()
	}
	payload := c.batch[c.at]
	c.batch[c.at] = nil
	c.at++
	c.taken++
	return payload, nil
}

// grant says what was received, so that the peer may send more.
func (c *Call) grant() {
	if c.taken > 0 && !c.ended {
		c.l.e.consume(c.key, c.taken)
		if c.l.e.hasTransmit() {
			c.l.poke()
		}
	}
	c.taken = 0
}

// refill waits for messages, and takes all that have come.
func (c *Call) refill() error {
	l := c.l
	for {
		l.mu.Lock()
		c.grant()
		if len(c.queue) > 0 {
			// The two change places; who fills one does not meet who empties the other.
			c.batch, c.queue, c.at = c.queue, c.batch[:0], 0
			l.mu.Unlock()
			return nil
		}
		if c.isOver() && c.outcome.Kind != OutcomeCompleted {
			outcome := c.outcome
			l.mu.Unlock()
			return &StreamEndError{outcome}
		}
		if c.received || c.ended {
			l.mu.Unlock()
			return io.EOF
		}
		c.listens = true
		l.mu.Unlock()
		<-c.wake
	}
}

// All gives the messages one after the other; a failure comes with the last one, and the end in order just ends
// it.
func (c *Call) All() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for {
			payload, err := c.Recv()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(payload, err) || err != nil {
				return
			}
		}
	}
}

func (c *Call) wakeReceiver() {
	if c.listens {
		c.listens = false
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// CloseSend ends this end's direction in order. Where it has ended already, nothing happens.
func (c *Call) CloseSend() error { return c.closeWith(CloseCompleted) }

func (c *Call) closeWith(reason CloseReason) error {
	l := c.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.sent || c.ended {
		return nil
	}
	if kind := l.e.close(c.key, reason); kind != 0 {
		return c.refused(kind)
	}
	c.sent = true
	l.tell()
	l.poke()
	return nil
}

// CloseAndRecv ends this end's direction and gives the one answer: of a client stream.
func (c *Call) CloseAndRecv() ([]byte, error) {
	if err := c.CloseSend(); err != nil {
		return nil, err
	}
	return c.only()
}

// only is the one message of the peer's, when the stream has ended well.
func (c *Call) only() ([]byte, error) {
	l := c.l
	for {
		l.mu.Lock()
		if c.isOver() {
			break
		}
		c.listens = true
		l.mu.Unlock()
		<-c.wake
	}
	defer l.mu.Unlock()
	if !c.outcome.IsSuccess() || len(c.queue) == 0 {
		return nil, &StreamEndError{c.outcome}
	}
	return c.queue[0], nil
}

// discard takes what still comes, so that the peer is not held up, and keeps none of it.
func (c *Call) discard() {
	l := c.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.ended {
		return
	}
	c.discards = true
	c.taken += uint32(len(c.batch) - c.at + len(c.queue))
	c.batch, c.queue, c.at = nil, nil, 0
	c.grant()
}

// isOver says that no message comes any more that would count.
func (c *Call) isOver() bool {
	return c.ended || c.outcome.Kind == OutcomeFailed || c.outcome.Kind == OutcomeCancelled
}

// Cancel ends the stream as cancelled, at both ends. Where it has ended already, nothing happens.
func (c *Call) Cancel(reason CancelReason, message string) {
	c.end(Outcome{Kind: OutcomeCancelled, CancelReason: reason, By: ByLocal, Message: message}, func(e *engine) (Effect, ErrorKind) {
		return e.cancel(c.key, reason, message)
	})
}

// Fail ends the stream as failed. Where it has ended already, nothing happens. A handler returns an error
// instead.
func (c *Call) Fail(code StreamErrorCode, message string, details []byte) {
	c.end(Outcome{Kind: OutcomeFailed, Code: code, By: ByLocal, Message: message, Details: details}, func(e *engine) (Effect, ErrorKind) {
		effect, kind := e.fail(c.key, code, message, details)
		if kind != 0 { // the text cannot be sent
			effect, kind = e.fail(c.key, code, "", nil)
		}
		return effect, kind
	})
}

// end ends the stream here at once; that it is over follows when the peer's frame has left.
func (c *Call) end(outcome Outcome, command func(e *engine) (Effect, ErrorKind)) {
	l := c.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.ended {
		return
	}
	if effect, kind := command(l.e); kind == 0 && effect == EffectDone {
		c.breakOff(outcome)
	}
	l.tell()
	l.poke()
}

// Outcome is how the stream ended; of kind [OutcomeNone] before its end.
func (c *Call) Outcome() Outcome {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	return c.outcome
}

// OnEnd has f called with the outcome when the stream has ended, in a goroutine of its own; at once where it has.
func (c *Call) OnEnd(f func(Outcome)) {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	if c.ended {
		go f(c.outcome)
		return
	}
	c.onEnd = append(c.onEnd, f)
}

// breakOff takes notice of a failure or a cancel, before the stream is over.
func (c *Call) breakOff(outcome Outcome) {
	c.outcome = outcome
	c.dismiss()
	c.wakeReceiver()
	c.finishContext()
}

// broken is how a stream ended, of an event of its failure or cancel.
func broken(h *happening) Outcome {
	outcome := Outcome{
		Kind: OutcomeFailed, Code: StreamErrorCode(h.code), By: By(h.by), Message: string(bytesOf(h)),
		Details: append([]byte(nil), detailsOf(h)...),
	}
	if h.kind == streamCancelled {
		outcome.Kind, outcome.Code, outcome.CancelReason = OutcomeCancelled, 0, CancelReason(h.reason)
	}
	return outcome
}

// over takes notice that the stream has ended.
func (c *Call) over(outcome Outcome) {
	c.outcome = outcome
	c.ended = true
	c.dismiss()
	c.wakeReceiver()
	c.finishContext()
	for _, f := range c.onEnd {
		go f(outcome)
	}
	c.onEnd = nil
	if c.unwatch != nil {
		c.unwatch()
	}
}

func (c *Call) finishContext() {
	if c.done != nil {
		select {
		case <-c.done:
		default:
			close(c.done)
		}
	}
	c.afterMu.Lock()
	defer c.afterMu.Unlock()
	c.doneAfter = true
	for f := range c.after {
		go (*f)()
	}
	c.after = nil
}

// watch cancels an opener's stream when its context is done.
func (c *Call) watch() {
	if c.ctx.Done() == nil {
		return
	}
	unwatch := context.AfterFunc(c.ctx, c.giveUp)
	c.l.mu.Lock()
	c.unwatch = unwatch
	over := c.ended
	c.l.mu.Unlock()
	if over {
		unwatch()
	}
}

// giveUp cancels the stream because its context is done.
func (c *Call) giveUp() {
	reason := CancelUserRequested
	if errors.Is(c.ctx.Err(), context.DeadlineExceeded) {
		reason = CancelDeadlineExceeded
	} else if parent := CallOf(c.ctx); parent != nil {
		reason = CancelUpstreamCancelled
	}
	c.Cancel(reason, "")
}

// handlerContext is a context.Context of a responder's: done when its stream has ended.
type handlerContext struct {
	parent context.Context
	call   *Call
}

type callKey struct{}

// CallOf is the call whose handler has this context; nil in any other context.
func CallOf(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

// InvocationOf is the invocation that a handler's context serves; nil in any other context. Calls made with the
// context are its children.
func InvocationOf(ctx context.Context) *InvocationContext {
	if call := CallOf(ctx); call != nil {
		return call.Invocation()
	}
	return nil
}

func (c *handlerContext) Deadline() (time.Time, bool) { return c.call.Invocation().Deadline() }

func (c *handlerContext) Done() <-chan struct{} {
	call := c.call
	call.l.mu.Lock()
	defer call.l.mu.Unlock()
	if call.done == nil {
		call.done = make(chan struct{})
		if call.outcome.Kind != OutcomeNone {
			close(call.done)
		}
	}
	return call.done
}

func (c *handlerContext) Err() error {
	outcome := c.call.Outcome()
	switch {
	case outcome.Kind == OutcomeNone:
		return nil
	case outcome.Kind == OutcomeCancelled && outcome.CancelReason == CancelDeadlineExceeded:
		return context.DeadlineExceeded
	default:
		return context.Canceled
	}
}

// AfterFunc has package context watch without a goroutine.
func (c *handlerContext) AfterFunc(f func()) func() bool {
	call := c.call
	call.afterMu.Lock()
	defer call.afterMu.Unlock()
	if call.doneAfter {
		go f()
		return func() bool { return false }
	}
	if call.after == nil {
		call.after = map[*func()]struct{}{}
	}
	call.after[&f] = struct{}{}
	return func() bool {
		call.afterMu.Lock()
		defer call.afterMu.Unlock()
		_, waits := call.after[&f]
		delete(call.after, &f)
		return waits
	}
}

func (c *handlerContext) Value(key any) any {
	if key == (callKey{}) {
		return c.call
	}
	return c.parent.Value(key)
}
