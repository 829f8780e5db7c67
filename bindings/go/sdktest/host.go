// Package sdktest is for tests of modules: a [Host] in the process, without a socket, on a clock that the test
// moves by hand.
//
//	host := sdktest.NewHost(t)
//	module := sdk.NewModule("thumbs", host.Options()...)
//	module.HandleUnary("thumbs", makeThumb)
//	host.Start(module)
//	answer, err := host.Client("test").Unary(ctx, "thumbs", picture)
//
// It is the same host as `ixt host` runs: policies, deadlines, cancels and backpressure are the real ones.
package sdktest

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// Host is a host in this process. Any goroutine may use it.
type Host struct {
	t     testing.TB
	clock *Clock
	// time is what the host lives by: the clock, or the machine's.
	time sdk.Clock

	mu     sync.Mutex
	e      *engine
	pipes  map[uint64]*pipe
	buffer []byte
	// down says that nobody is let in.
	down bool
	uid  uint32
	// moved says that something was read or written since it was looked at.
	moved bool
}

// Counts is what a host has at one moment: connections, modules that are announced, streams that go through.
type Counts struct{ Connections, Modules, Streams int }

// Option is a setting of [NewHost].
type Option func(*options)

type options struct {
	policy string
	uid    uint32
	real   bool
}

// WithPolicy sets the host's policy, as in a policy file (TOML); by default every module may do everything.
func WithPolicy(toml string) Option { return func(o *options) { o.policy = toml } }

// WithUID sets the user id that the host takes modules to have: 1000.
func WithUID(uid uint32) Option { return func(o *options) { o.uid = uid } }

// WithRealTime has host and modules live by the machine's clock.
func WithRealTime() Option { return func(o *options) { o.real = true } }

// NewHost makes a host that lives as long as the test.
func NewHost(t testing.TB, settings ...Option) *Host {
	t.Helper()
	o := options{uid: 1000}
	for _, setting := range settings {
		setting(&o)
	}
	h := &Host{t: t, clock: newClock(), pipes: map[uint64]*pipe{}, buffer: make([]byte, 64<<10), uid: o.uid}
	h.time = h.clock
	if o.real {
		h.time = machine{}
	}
	e, err := newEngine(o.policy, h.nowUS())
	if err != nil {
		t.Fatal(err)
	}
	h.e = e
	t.Cleanup(h.close)
	return h
}

type machine struct{}

func (machine) Now() time.Time { return time.Now() }

func (machine) AfterFunc(d time.Duration, f func()) sdk.Timer { return time.AfterFunc(d, f) }

func (h *Host) nowUS() uint64 { return uint64(h.time.Now().UnixMicro()) }

// Options is what makes a module one of this host's: how it connects, and its clock.
func (h *Host) Options() []sdk.ModuleOption {
	return []sdk.ModuleOption{sdk.WithDialer(h.Dial), sdk.WithClock(h.time)}
}

// Start has a module serve until the test ends, and waits until the host has accepted it.
func (h *Host) Start(module *sdk.Module) {
	h.t.Helper()
	served := make(chan error, 1)
	go func() { served <- module.Serve(context.Background(), "sdktest:") }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := module.Ready(ctx); err != nil {
		h.t.Fatalf("module %s: %v", module.Name(), err)
	}
	h.t.Cleanup(func() {
		module.Stop()
		h.Disconnect()
		<-served
	})
}

// Client is that of a module of this name that provides nothing.
func (h *Host) Client(name string, more ...sdk.ModuleOption) *sdk.Client {
	h.t.Helper()
	module := sdk.NewModule(name, append(h.Options(), more...)...)
	h.Start(module)
	return module.Client()
}

// Advance moves the time, and does all that is due on the way: deadlines, pings, pauses before a module connects
// again. It returns when host and modules have told each other all of it.
func (h *Host) Advance(d time.Duration) {
	until := h.clock.Now().Add(d)
	for {
		due := h.clock.step(h.next(until))
		h.mu.Lock()
		h.e.handleTimeout(h.nowUS())
		h.pump()
		h.mu.Unlock()
		if due != nil {
			due()
		}
		h.settle()
		if due == nil && !h.clock.Now().Before(until) {
			return
		}
	}
}

// next is when the host has something to do, or the end of the way.
func (h *Host) next(until time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := time.UnixMicro(int64(h.e.nextTimeout()))
	if h.e.nextTimeout() == 0 || at.After(until) {
		return until
	}
	if now := h.clock.Now(); at.Before(now) {
		return now
	}
	return at
}

// settle waits until every module has read what was written to it, and nothing moves for a moment.
func (h *Host) settle() {
	for quiet := 0; quiet < 3; {
		h.mu.Lock()
		moved := h.moved
		h.moved = false
		for _, p := range h.pipes {
			moved = moved || len(p.out) > 0 || !p.reading
		}
		h.mu.Unlock()
		quiet++
		if moved {
			quiet = 0
		}
		time.Sleep(20 * time.Microsecond)
	}
}

// Disconnect breaks all connections, as when the network fails. Modules connect again.
func (h *Host) Disconnect() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for link, p := range h.pipes {
		h.drop(link, p)
	}
	h.pump()
}

// Down has the host refuse connections, and break those that there are; Up takes them again.
func (h *Host) Down() {
	h.mu.Lock()
	h.down = true
	h.mu.Unlock()
	h.Disconnect()
}

// Up takes connections again.
func (h *Host) Up() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = false
}

// GoAway has the host leave in order.
func (h *Host) GoAway(grace time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.e.goAway(uint32(grace.Milliseconds()), "the host stops")
	h.pump()
}

// Counts is what the host has now.
func (h *Host) Counts() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.e.counts()
}

// Refusals takes the audit lines since the last time: JSON.
func (h *Host) Refusals() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	for line := h.e.refusal(); line != ""; line = h.e.refusal() {
		lines = append(lines, line)
	}
	return lines
}

func (h *Host) close() {
	h.Disconnect()
}

// pipe is a connection: what the host has written and the module has not read.
type pipe struct {
	h    *Host
	link uint64
	// wake is told of bytes and of the end, by the host's lock.
	wake *sync.Cond
	out  []byte
	// full says that the host has more than was taken.
	full, ended bool
	// reading says that the module waits for bytes.
	reading bool
}

// mostOut is how much a pipe holds, as a socket's buffer does.
const mostOut = 256 << 10

// Dial makes a connection to the host: the [sdk.Dialer] of [Host.Options].
func (h *Host) Dial(context.Context, string) (io.ReadWriteCloser, error) { return h.connect() }

func (h *Host) connect() (*pipe, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down {
		return nil, net.ErrClosed
	}
	link, err := h.e.connect(h.uid, h.nowUS())
	if err != nil {
		return nil, err
	}
	p := &pipe{h: h, link: link, wake: sync.NewCond(&h.mu)}
	h.pipes[link] = p
	h.pump()
	return p, nil
}

// pump moves what the host has into the pipes.
func (h *Host) pump() {
	for link := h.e.pollWritable(); link != 0; link = h.e.pollWritable() {
		if p := h.pipes[link]; p != nil {
			h.fill(p)
		}
	}
}

func (h *Host) fill(p *pipe) {
	p.full = false
	for {
		if len(p.out) >= mostOut {
			p.full = true
			break
		}
		n := h.e.pollTransmit(p.link, h.buffer)
		if n == 0 {
			break
		}
		p.out = append(p.out, h.buffer[:n]...)
	}
	if !p.full && h.e.hasEnded(p.link) {
		p.ended = true
		delete(h.pipes, p.link)
		h.e.transportEnded(p.link)
	}
	p.wake.Broadcast()
}

func (h *Host) drop(link uint64, p *pipe) {
	delete(h.pipes, link)
	h.e.transportEnded(link)
	p.ended = true
	p.wake.Broadcast()
}

// Read gives what the host wrote.
func (p *pipe) Read(b []byte) (int, error) {
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	for len(p.out) == 0 {
		if p.ended {
			return 0, io.EOF
		}
		p.reading = true
		p.wake.Wait()
		p.reading = false
	}
	p.h.moved = true
	n := copy(b, p.out)
	p.out = p.out[n:]
	if p.full {
		p.h.fill(p)
		p.h.pump()
	}
	return n, nil
}

// Write hands bytes to the host.
func (p *pipe) Write(b []byte) (int, error) {
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	if p.h.pipes[p.link] != p {
		return 0, net.ErrClosed
	}
	p.h.moved = true
	p.h.e.receive(p.link, b, p.h.nowUS())
	p.h.pump()
	return len(b), nil
}

// TryWrite is Write, which never waits.
func (p *pipe) TryWrite(b []byte) int {
	n, _ := p.Write(b)
	return n
}

// Close breaks the connection.
func (p *pipe) Close() error {
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	if p.h.pipes[p.link] == p {
		p.h.drop(p.link, p)
		p.h.pump()
	}
	return nil
}

// ServeListener takes connections of modules in other processes, until the test ends or the listener is closed:
// for tests over real sockets, with [WithRealTime].
func (h *Host) ServeListener(listener net.Listener) {
	h.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p, err := h.connect()
			if err != nil {
				_ = conn.Close()
				continue
			}
			go func() {
				_, _ = io.CopyBuffer(struct{ io.Writer }{p}, struct{ io.Reader }{conn}, make([]byte, 64<<10))
				_ = p.Close()
			}()
			go func() {
				_, _ = io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{p}, make([]byte, 64<<10))
				_ = conn.Close()
			}()
		}
	}()
}
