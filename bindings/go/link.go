package sdk

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

// link is one connection that lives: the engine with its streams, behind one lock, and two goroutines. One
// reads the transport and hands what it read to the engine, a buffer at a time; the other one writes what the
// engine has, until it has no more. Under the lock nobody waits: payloads are put into the queues of their
// streams, and those who wait for them are woken.
//
// A unary call on a connection that is idle otherwise is written by its own goroutine, in one system call that
// does not wait: waking another goroutine would cost more than the call.
type link struct {
	clock Clock
	// base is when the link began, and what the engine was told then.
	base   time.Time
	baseUS uint64
	io     io.ReadWriteCloser
	quick  quickWriter
	// accept serves a stream that the peer opened. It is called under the lock and must not wait.
	accept func(call *Call)
	// established is closed when streams may be opened, done when the link is over.
	established, done chan struct{}
	kick              chan struct{}
	// unread is closed when the reader has ended.
	unread chan struct{}
	// step is after how many messages a receiver grants: half of the window.
	step uint32

	mu    sync.Mutex
	e     *engine
	calls map[uint64]*Call
	// last is the stream of the last event: events of one stream often come together.
	last *Call
	// writing says that somebody writes: who adds something need not wake anybody.
	writing bool
	// kicked says that the writer was woken and has not looked yet.
	kicked bool
	// rest is what was left over when the transport did not take more.
	rest []byte
	// chunk is what small payloads are cut from.
	chunk []byte
	timer Timer
	// limit ends a link that goes away and does not come to an end.
	limit Timer
	// wakeUS is when the timer fires; 0 for never.
	wakeUS uint64
	// away says that no stream can be opened any more.
	away    bool
	drained bool
	end     *ConnectionEndError
	isUp    bool
	closed  bool
	// pings are those who wait for a pong.
	pings []chan time.Duration
}

// Payloads up to smallPayload are cut from chunks of chunkSize.
const (
	smallPayload = 1 << 10
	chunkSize    = 16 << 10
)

// lingerTime is how long the last words of a connection may take to be written.
const lingerTime = time.Second

func newLink(transport io.ReadWriteCloser, config *ConnectionConfig, clock Clock) (*link, error) {
	now := clock.Now()
	l := &link{
		clock: clock, base: now, baseUS: uint64(now.UnixMicro()), io: transport, quick: quickWriterOf(transport),
		established: make(chan struct{}), done: make(chan struct{}), kick: make(chan struct{}, 1), unread: make(chan struct{}),
		calls: map[uint64]*Call{}, step: max(config.window()/2, 1),
	}
	e, err := newEngine(config, newStreamID(now), rand.Uint64()|1, l.baseUS)
	if err != nil {
		return nil, err
	}
	l.e = e
	return l, nil
}

// start has the link live.
func (l *link) start() {
	l.mu.Lock()
	l.arm()
	l.poke()
	l.mu.Unlock()
	go l.read()
	go l.write()
}

func (l *link) nowUS() uint64 { return l.baseUS + uint64(l.clock.Now().Sub(l.base).Microseconds()) }

// read is the reader.
func (l *link) read() {
	defer close(l.unread)
	for {
		n, err := l.io.Read(l.e.in)
		l.mu.Lock()
		if n > 0 {
			l.take(n)
		}
		if err != nil {
			l.transportEnded()
			l.mu.Unlock()
			return
		}
		if l.end != nil {
			l.mu.Unlock()
			return
		}
		if l.e.hasTransmit() {
			l.flush()
		} else {
			l.mu.Unlock()
		}
	}
}

// take hands the first n bytes of the read buffer to the engine, and all its events to the streams.
func (l *link) take(n int) {
	nowUS := l.nowUS()
	for from := 0; ; {
		events, consumed, more := l.e.receive(from, n, nowUS)
		from += consumed
		for i := range events {
			l.dispatch(&events[i])
		}
		if !more {
			break
		}
	}
}

func (l *link) transportEnded() {
	l.e.transportEnded()
	l.tell()
	l.poke()
}

// tell passes on what happened by commands and the time.
func (l *link) tell() {
	for {
		events, more := l.e.tell()
		for i := range events {
			l.dispatch(&events[i])
		}
		if !more {
			return
		}
	}
}

// poke wakes the writer, unless somebody writes already, who will look again.
func (l *link) poke() {
	if l.writing || l.kicked {
		return
	}
	l.kicked = true
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// write is the writer: it drains the engine until that has nothing more.
func (l *link) write() {
	defer l.shut()
	for {
		<-l.kick
		l.mu.Lock()
		l.kicked = false
		if l.writing {
			l.mu.Unlock() // who writes looks again
			continue
		}
		l.writing = true
		if len(l.calls) > 2 {
			// Others are about to add to what leaves: one system call for all.
			l.mu.Unlock()
			runtime.Gosched()
			l.mu.Lock()
		}
		for l.fill() {
			out := l.rest
			l.mu.Unlock()
			_, err := l.io.Write(out)
			l.mu.Lock()
			l.rest = nil
			if err != nil {
				l.transportEnded()
				break
			}
		}
		l.writing = false
		over := l.end != nil
		l.mu.Unlock()
		if over {
			return
		}
	}
}

// fill has the engine fill the write buffer, and passes on what happened; false when there is nothing to
// write. Only who writes calls it.
func (l *link) fill() bool {
	for len(l.rest) == 0 {
		filled, events, more := l.e.drain()
		l.rest = l.e.out[:filled]
		for i := range events {
			l.dispatch(&events[i])
		}
		if !more {
			break
		}
	}
	return len(l.rest) > 0
}

// flush writes at once, where nobody else does and the transport takes it without waiting; else it wakes the
// writer. It is called under the lock, and lets go of it.
func (l *link) flush() {
	if l.quick == nil || l.writing || l.kicked || len(l.calls) > 2 {
		l.poke()
		l.mu.Unlock()
		return
	}
	l.writing = true
	if !l.fill() {
		l.writing = false
		l.mu.Unlock()
		return
	}
	out := l.rest
	l.rest = nil
	l.mu.Unlock()
	n := l.quick.TryWrite(out)
	l.mu.Lock()
	l.rest = out[n:]
	l.writing = false
	if len(l.rest) > 0 || l.end != nil || l.e.hasTransmit() {
		l.poke()
	}
	l.mu.Unlock()
}

// shut closes what is left, once the last has been written.
func (l *link) shut() {
	_ = l.io.Close()
	<-l.unread
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.limit != nil {
		l.limit.Stop()
	}
	for _, pong := range l.pings {
		close(pong)
	}
	l.pings = nil
	close(l.done)
}

// arm sets the timer to when the engine has something to do.
func (l *link) arm() {
	at := l.e.nextTimeout()
	if at == 0 || l.closed {
		return
	}
	now := l.nowUS()
	l.wakeUS = at
	d := time.Duration(max(int64(at-now), 0)) * time.Microsecond
	if at < now {
		d = 0
	}
	if l.timer == nil {
		l.timer = l.clock.AfterFunc(d, l.tick)
	} else {
		l.timer.Reset(d)
	}
}

// tick tells the engine the time.
func (l *link) tick() {
	l.mu.Lock()
	if l.end != nil {
		l.mu.Unlock()
		return
	}
	l.e.handleTimeout(l.nowUS())
	l.tell()
	l.arm()
	l.flush()
}

// expect sees to it that the timer fires at a deadline.
func (l *link) expect(deadlineMS uint64) {
	if deadlineMS != 0 && (l.wakeUS == 0 || deadlineMS < l.wakeUS/1000) {
		l.arm()
	}
}

// dispatch passes one event on.
func (l *link) dispatch(h *happening) {
	if h.stream != 0 {
		l.dispatchStream(h)
		return
	}
	switch h.kind {
	case eventEstablished:
		if !l.isUp {
			l.isUp = true
			close(l.established)
		}
	case eventPong:
		for _, pong := range l.pings {
			pong <- time.Duration(h.number) * time.Microsecond
		}
		l.pings = nil
	case eventGoingAway:
		l.away = true
	case eventDrained:
		l.drained = true
		l.e.end(EndShutdown, "drained")
		l.poke()
	case eventConnectionEnded:
		l.end = &ConnectionEndError{EndReason(h.reason), By(h.by), string(bytesOf(h))}
		l.away = true
		l.poke()
		if !l.isUp {
			l.isUp = true
			close(l.established)
		}
		// What is left leaves, unless the transport does not take it.
		linger := lingerTime
		if l.end.By == ByPeer {
			linger = 0
		}
		time.AfterFunc(linger, func() { _ = l.io.Close() })
	}
}

func (l *link) dispatchStream(h *happening) {
	key := uint64(h.stream)
	if h.kind == eventOpened {
		call := newCall(l, key, InteractionKind(h.interaction), false)
		call.id = idOf(h)
		call.encoded = append([]byte(nil), bytesOf(h)...)
		l.calls[key] = call
		l.last = call
		l.accept(call)
		return
	}
	call := l.last
	if call == nil || call.key != key {
		if call = l.calls[key]; call == nil {
			return
		}
		l.last = call
	}
	switch h.kind {
	case eventData:
		if call.discards {
			l.e.consume(key, 1)
			return
		}
		call.queue = append(call.queue, l.keep(bytesOf(h)))
		call.wakeReceiver()
	case streamReady:
		call.serve(Ticket(h.number))
	case streamEnded:
		// The outcome follows and says why.
	case streamClosed:
		call.received = true
		call.wakeReceiver()
	case streamFinished:
		call.finished = true
	case streamFailed, streamCancelled:
		call.breakOff(broken(h))
	case eventOver:
		delete(l.calls, key)
		l.last = nil
		call.over(outcomeOf(h))
	}
}

// keep copies a payload out of the read buffer. Small ones share memory.
func (l *link) keep(b []byte) []byte {
	n := len(b)
	if n > smallPayload {
		return append(make([]byte, 0, n), b...)
	}
	if n > len(l.chunk) {
		l.chunk = make([]byte, chunkSize)
	}
	kept := l.chunk[:n:n]
	l.chunk = l.chunk[n:]
	copy(kept, b)
	return kept
}

// open opens a stream for a call that has a kind, a context and, where it carries one message, that.
func (l *link) open(call *Call, payload []byte, one bool, deadlineMS uint64) error {
	l.mu.Lock()
	var err error
	if one {
		call.key, err = l.e.openSendClose(&call.id, call.kind, call.encoded, payload)
		call.sent = err == nil
	} else {
		call.key, err = l.e.open(&call.id, call.kind, call.encoded)
	}
	if err != nil {
		l.mu.Unlock()
		return err
	}
	l.calls[call.key] = call
	if deadlineMS != 0 {
		l.expect(deadlineMS)
	}
	if one {
		l.flush()
		return nil
	}
	l.poke()
	l.mu.Unlock()
	return nil
}

// goAway begins to leave in order. A transport that takes nothing cannot hold it up: some time after the grace the
// link ends.
func (l *link) goAway(grace time.Duration, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end != nil {
		return
	}
	l.away = true
	l.e.goAway(uint32(max(grace.Milliseconds(), 0)), message)
	l.limit = l.clock.AfterFunc(grace+lingerTime, func() { l.finish(EndShutdown, message) })
	l.tell()
	l.arm()
	l.poke()
}

// finish ends the link at once.
func (l *link) finish(reason EndReason, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end != nil {
		return
	}
	l.e.end(reason, message)
	l.tell()
	l.poke()
}

// ended is how the link ended; nil while it lives.
func (l *link) ended() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end == nil {
		return nil
	}
	return l.end
}

var errPingCrossed = errors.New("the connection ended before the pong")

func (l *link) ping(ctx context.Context) (time.Duration, error) {
	pong := make(chan time.Duration, 1)
	l.mu.Lock()
	if l.end != nil {
		l.mu.Unlock()
		return 0, l.end
	}
	l.pings = append(l.pings, pong)
	l.e.ping()
	l.poke()
	l.mu.Unlock()
	select {
	case took, ok := <-pong:
		if !ok {
			return 0, errPingCrossed
		}
		return took, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// newStreamID makes a UUIDv7.
func newStreamID(now time.Time) StreamID {
	var id StreamID
	ms, high, low := uint64(now.UnixMilli()), rand.Uint64(), rand.Uint64()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6], id[7] = 0x70|byte(high>>8)&0x0f, byte(high)
	for i := range 8 {
		id[8+i] = byte(low >> (56 - 8*i))
	}
	id[8] = 0x80 | id[8]&0x3f
	return id
}
