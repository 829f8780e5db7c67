package sdk

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

// Handler serves a stream that a caller opened. ctx is done when the stream has ended, by the caller's cancel or
// its deadline among others; calls made with it are children of the caller's invocation. When the handler
// returns, the stream ends: in order with nil, and what the caller still sends is dropped; else as [CodeError]
// says. A panic is [CodeInternal].
type Handler func(ctx context.Context, call *Call) error

// HandlerInterceptor stands around every handler of a module.
type HandlerInterceptor func(next Handler) Handler

// UnaryHandler answers one message with one.
type UnaryHandler func(ctx context.Context, request []byte) ([]byte, error)

// Module is a participant: it connects to a host, says what it provides, and serves what callers open. By its
// [Client] it calls others. Handlers are given before [Module.Serve]; all else may be called by any goroutine.
type Module struct {
	name     string
	o        moduleOptions
	services map[string]*service
	topics   map[string]Handler
	module   Handler
	reply    Handler
	// caller is what opens calls, with the interceptors around it.
	caller Caller

	mu        sync.Mutex
	link      *link
	control   *Call
	changed   chan struct{}
	state     HealthState
	since     time.Time
	err       error
	serving   bool
	stopping  bool
	stop      chan struct{}
	endpoints map[string]Handler
	asked     map[uint64]chan string
	asks      uint64
	// running counts handlers.
	running sync.WaitGroup
}

// service is what a module provides under a name.
type service struct {
	offer
	handlers map[InteractionKind]Handler
	unary    UnaryHandler
}

type moduleOptions struct {
	connection   ConnectionConfig
	token        []byte
	dial         Dialer
	clock        Clock
	tls          *tls.Config
	logger       *slog.Logger
	grace        time.Duration
	backoff      Backoff
	direct       bool
	interceptors []HandlerInterceptor
	callers      []CallInterceptor
}

// ModuleOption is a setting of [NewModule] and [Dial].
type ModuleOption func(*moduleOptions)

// WithConnection sets the limits and windows of the connection.
func WithConnection(config ConnectionConfig) ModuleOption {
	return func(o *moduleOptions) { o.connection = config }
}

// WithToken proves the module's name, where the host's policy demands it.
func WithToken(token []byte) ModuleOption {
	return func(o *moduleOptions) { o.token = append([]byte(nil), token...) }
}

// WithTLS sets how tls:// URLs are dialled, and what other transports do where their server demands TLS.
func WithTLS(config *tls.Config) ModuleOption { return func(o *moduleOptions) { o.tls = config } }

// WithDialer sets what makes connections, in the place of URLs.
func WithDialer(dial Dialer) ModuleOption { return func(o *moduleOptions) { o.dial = dial } }

// WithClock sets the time that the module lives by.
func WithClock(clock Clock) ModuleOption { return func(o *moduleOptions) { o.clock = clock } }

// WithLogger sets where panics of handlers and lost connections are told; slog.Default() where it is not given.
func WithLogger(logger *slog.Logger) ModuleOption {
	return func(o *moduleOptions) { o.logger = logger }
}

// WithGrace sets how long streams that run may go on when the module stops: 10 s.
func WithGrace(grace time.Duration) ModuleOption { return func(o *moduleOptions) { o.grace = grace } }

// WithBackoff sets how long the module waits before it connects again.
func WithBackoff(backoff Backoff) ModuleOption {
	return func(o *moduleOptions) { o.backoff = backoff }
}

// WithoutHost connects to another module, and not to a host: nothing is announced, and the services are those
// that it serves by [Module.ServeListener].
func WithoutHost() ModuleOption { return func(o *moduleOptions) { o.direct = true } }

// WithHandlerInterceptors puts interceptors around every handler, the first one outermost.
func WithHandlerInterceptors(interceptors ...HandlerInterceptor) ModuleOption {
	return func(o *moduleOptions) { o.interceptors = append(o.interceptors, interceptors...) }
}

// WithCallInterceptors puts interceptors around every call, the first one outermost.
func WithCallInterceptors(interceptors ...CallInterceptor) ModuleOption {
	return func(o *moduleOptions) { o.callers = append(o.callers, interceptors...) }
}

// Backoff says how long to wait before a connection is tried again: between half of and the whole of First,
// doubled after each failure in a row up to Most.
type Backoff struct {
	First, Most time.Duration
}

func (b Backoff) after(failures int) time.Duration {
	d := b.First
	for range failures - 1 {
		if d *= 2; d >= b.Most {
			d = b.Most
			break
		}
	}
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1))
}

// NewModule makes a module of this name: [a-z0-9][a-z0-9_.-]{0,127}.
func NewModule(name string, options ...ModuleOption) *Module {
	m := &Module{
		name: name, services: map[string]*service{}, topics: map[string]Handler{}, changed: make(chan struct{}),
		stop: make(chan struct{}), endpoints: map[string]Handler{}, asked: map[uint64]chan string{},
	}
	m.o = moduleOptions{grace: 10 * time.Second, backoff: Backoff{100 * time.Millisecond, 10 * time.Second}}
	for _, option := range options {
		option(&m.o)
	}
	if m.o.clock == nil {
		m.o.clock = newWallClock()
	}
	if m.o.dial == nil {
		m.o.dial = dialURL(DialSettings{Module: name, TLS: m.o.tls}, dialTimeout)
	}
	if m.o.logger == nil {
		m.o.logger = slog.Default()
	}
	m.since = m.o.clock.Now()
	m.caller = m.open
	for i := len(m.o.callers) - 1; i >= 0; i-- {
		m.caller = m.o.callers[i](m.caller)
	}
	return m
}

// Name is the module's.
func (m *Module) Name() string { return m.name }

// HandleOption is a setting of a service.
type HandleOption func(*service)

// Requires sets the capability that a caller of the service needs. The host refuses who has it not.
func Requires(capability string) HandleOption { return func(s *service) { s.requires = capability } }

// Handle serves streams of one kind under a service's name: [a-z0-9][a-z0-9_.-]{0,127}. A service may have a
// handler for each kind.
func (m *Module) Handle(name string, kind InteractionKind, handler Handler, options ...HandleOption) {
	m.service(name, kind, options).handlers[kind] = m.around(handler)
}

// HandleUnary serves unary calls.
func (m *Module) HandleUnary(name string, handler UnaryHandler, options ...HandleOption) {
	if len(m.o.interceptors) > 0 {
		m.Handle(name, Unary, unaryAsStream(handler), options...)
		return
	}
	m.service(name, Unary, options).unary = handler
}

func unaryAsStream(handler UnaryHandler) Handler {
	return func(ctx context.Context, call *Call) error {
		request, err := call.Recv()
		if err != nil {
			return err
		}
		answer, err := handler(ctx, request)
		if err != nil {
			return err
		}
		return call.answer(answer)
	}
}

func (m *Module) service(name string, kind InteractionKind, options []HandleOption) *service {
	s := m.services[name]
	if s == nil {
		s = &service{offer: offer{name: name}, handlers: map[InteractionKind]Handler{}}
		m.services[name] = s
	}
	s.kinds |= 1 << kind
	for _, option := range options {
		option(s)
	}
	return s
}

func (m *Module) around(handler Handler) Handler {
	for i := len(m.o.interceptors) - 1; i >= 0; i-- {
		handler = m.o.interceptors[i](handler)
	}
	return handler
}

// HandleModule serves streams that are opened to the module itself, by its name.
func (m *Module) HandleModule(handler Handler) { m.module = m.around(handler) }

// HandleReply serves streams that are opened as replies to a call of this module's.
func (m *Module) HandleReply(handler Handler) { m.reply = m.around(handler) }

// Subscribe serves broadcasts of a topic. Nobody gets the handler's answers.
func (m *Module) Subscribe(topic string, handler Handler) { m.topics[topic] = m.around(handler) }

// Serve connects to the host at a URL (unix:///path/to.sock, tcp://host:port, tls://host:port, and what
// [RegisterDialer] was given), announces the module and serves until ctx is done, [Module.Stop] is called, or the
// host refuses the module. A connection that is lost is made again, with backoff. When ctx is done the module
// stops as by Stop, with its grace.
//
// It gives nil after a stop, and the refusal otherwise, such as [CodePermissionDenied].
func (m *Module) Serve(ctx context.Context, url string) error {
	if err := m.begin(); err != nil {
		return err
	}
	defer m.finish()
	stopWatch := context.AfterFunc(ctx, m.Stop)
	defer stopWatch()
	failures := 0
	var err error
	for {
		m.become(HealthConnecting, err)
		var served bool
		served, err = m.serveOnce(ctx, url)
		if m.stopped() {
			return nil
		}
		if refusedForGood(err) {
			m.become(HealthStopped, err)
			return err
		}
		m.become(HealthConnecting, err)
		if served { // a host that took it is there again soon, or was only started again
			failures = 0
		}
		failures++
		pause := m.o.backoff.after(failures)
		m.o.logger.Warn("ixt: no connection", "module", m.name, "error", err, "again_in", pause)
		woken := make(chan struct{})
		timer := m.o.clock.AfterFunc(pause, func() { close(woken) })
		select {
		case <-woken:
		case <-m.stop:
			timer.Stop()
			return nil
		}
	}
}

// refusedForGood says whether trying again would not help.
func refusedForGood(err error) bool {
	for _, code := range []StreamErrorCode{CodePermissionDenied, CodeUnauthenticated, CodeInvalidArgument} {
		if errors.Is(err, code) {
			return true
		}
	}
	return errors.Is(err, ErrInvalidArgument) || errors.Is(err, ErrABIMismatch)
}

func (m *Module) begin() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.serving || m.stopping {
		return failure(ErrAlreadyOpen, "module")
	}
	m.serving = true
	return nil
}

func (m *Module) finish() {
	m.running.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopping = true
	m.become0(HealthStopped, m.err)
}

func (m *Module) stopped() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stopping
}

// serveOnce lives for one connection, and says whether it was of use: the host had taken the module.
func (m *Module) serveOnce(ctx context.Context, url string) (bool, error) {
	transport, err := m.o.dial(ctx, url)
	if err != nil {
		return false, err
	}
	l, err := newLink(transport, &m.o.connection, m.o.clock)
	if err != nil {
		_ = transport.Close()
		return false, err
	}
	l.accept = m.acceptor(ctx, l)
	l.start()
	select {
	case <-l.established:
	case <-m.stop:
		l.finish(EndShutdown, "")
		<-l.done
		return false, nil
	}
	if err := l.ended(); err != nil {
		<-l.done
		return false, err
	}
	if !m.o.direct {
		if err := m.announce(l); err != nil {
			l.finish(EndShutdown, "")
			<-l.done
			return false, err
		}
	}
	m.use(l)
	select {
	case <-l.done:
	case <-m.stop:
		m.become(HealthDraining, nil)
		l.goAway(m.o.grace, "the module stops")
		m.dropControl()
		<-l.done
	}
	m.unuse(l)
	return true, l.ended()
}

// announce says who this is and what it provides, and waits for the host's word.
func (m *Module) announce(l *link) error {
	services := make([]offer, 0, len(m.services))
	for _, s := range m.services {
		services = append(services, s.offer)
	}
	topics := make([]string, 0, len(m.topics))
	for topic := range m.topics {
		topics = append(topics, topic)
	}
	message, err := encodeAnnounce(m.name, services, topics, m.o.token)
	if err != nil {
		return err
	}
	invocation := InvocationContext{Target: ServiceTarget("ixt.host")}
	call := newCall(l, 0, BidiStream, true)
	call.ctx, call.id = context.Background(), newStreamID(m.o.clock.Now())
	if call.encoded, err = invocation.Encode(); err != nil {
		return err
	}
	if err := l.open(call, nil, false, 0); err != nil {
		return err
	}
	if err := call.Send(message); err != nil {
		return err
	}
	answer, err := call.Recv()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = failure(ErrClosed, "announce")
		}
		return err
	}
	if accepted, _, _, err := decodeAnswer(answer); err != nil || !accepted {
		return errors.Join(failure(ErrInvalidArgument, "announce"), err)
	}
	m.mu.Lock()
	m.control = call
	m.mu.Unlock()
	go m.listen(call)
	return nil
}

// listen takes what the host says after that: endpoints.
func (m *Module) listen(control *Call) {
	for {
		answer, err := control.Recv()
		if err != nil {
			return
		}
		if accepted, number, name, err := decodeAnswer(answer); err == nil && !accepted {
			m.mu.Lock()
			asked := m.asked[number]
			delete(m.asked, number)
			m.mu.Unlock()
			if asked != nil {
				asked <- name
			}
		}
	}
}

func (m *Module) dropControl() {
	m.mu.Lock()
	control := m.control
	m.control = nil
	m.mu.Unlock()
	if control != nil {
		_ = control.CloseSend()
	}
}

// use has calls go by this connection.
func (m *Module) use(l *link) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.link = l
	m.become0(HealthServing, nil)
}

func (m *Module) unuse(l *link) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.link == l {
		m.link = nil
		m.control = nil
	}
	clear(m.endpoints)
	for number, asked := range m.asked {
		close(asked)
		delete(m.asked, number)
	}
}

// acceptor routes what the peer opens.
func (m *Module) acceptor(ctx context.Context, l *link) func(*Call) {
	return func(call *Call) {
		call.ctx = &handlerContext{ctx, call}
		m.running.Add(1)
		go m.run(l, call)
	}
}

// run serves one stream.
func (m *Module) run(l *link, call *Call) {
	defer m.running.Done()
	invocation := call.Invocation()
	if invocation.DeadlineMS != 0 {
		l.mu.Lock()
		l.expect(invocation.DeadlineMS)
		l.mu.Unlock()
	}
	unary, handler, err := m.route(invocation, call.kind)
	switch {
	case err != nil:
	case unary != nil:
		var request, answer []byte
		if request, err = call.Recv(); err == nil {
			if answer, err = m.answer(call, unary, request); err == nil {
				err = call.answer(answer)
			}
		}
	default:
		err = m.handle(call, handler)
	}
	if err == nil {
		err = call.closeWith(CloseCompleted)
	}
	if err == nil {
		call.discard()
		return
	}
	if call.Outcome().Kind != OutcomeNone {
		return
	}
	if errors.Is(err, ErrMissingMessage) {
		err = &CodeError{Code: CodeInternal, Message: "the handler gave no answer"}
	}
	failed := told(err)
	call.Fail(failed.Code, failed.Message, failed.Details)
}

func (m *Module) answer(call *Call, handler UnaryHandler, request []byte) (answer []byte, err error) {
	defer m.recovered(&err)
	return handler(call.ctx, request)
}

func (m *Module) handle(call *Call, handler Handler) (err error) {
	defer m.recovered(&err)
	return handler(call.ctx, call)
}

func (m *Module) recovered(err *error) {
	if panicked := recover(); panicked != nil {
		m.o.logger.Error("ixt: a handler panicked", "module", m.name, "panic", panicked, "stack", string(debug.Stack()))
		*err = &CodeError{Code: CodeInternal, Message: "the handler panicked"}
	}
}

// route finds who serves a target.
func (m *Module) route(invocation *InvocationContext, kind InteractionKind) (UnaryHandler, Handler, error) {
	target := &invocation.Target
	var handler Handler
	switch target.Kind {
	case TargetService:
		s := m.services[target.Name]
		if s == nil {
			return nil, nil, Errorf(CodeNotFound, "no such service")
		}
		if kind == Unary && s.unary != nil {
			return s.unary, nil, nil
		}
		if handler = s.handlers[kind]; handler == nil {
			return nil, nil, Errorf(CodeInvalidArgument, "the service has no %v calls", kind)
		}
	case TargetModule:
		handler = m.module
	case TargetReply:
		handler = m.reply
	case TargetBroadcast:
		handler = m.topics[target.Name]
	case TargetDynamicEndpoint:
		m.mu.Lock()
		handler = m.endpoints[target.Name]
		m.mu.Unlock()
	}
	if handler == nil {
		return nil, nil, Errorf(CodeNotFound, "nobody serves this target")
	}
	return nil, handler, nil
}

// Stop stops the module in order: nothing new is taken, what runs may finish within the grace, and then Serve
// returns. It does not wait, and may be called again.
func (m *Module) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stopping {
		m.stopping = true
		close(m.stop)
	}
}

// ServeListener serves callers that connect directly, without a host, until ctx is done or the listener fails.
// Each says who it is by itself: this is for processes that trust each other. The listener is closed.
func (m *Module) ServeListener(ctx context.Context, listener net.Listener) error {
	if err := m.begin(); err != nil {
		return err
	}
	defer m.finish()
	stopWatch := context.AfterFunc(ctx, m.Stop)
	defer stopWatch()
	go func() {
		<-m.stop
		_ = listener.Close()
	}()
	m.become(HealthServing, nil)
	var connections sync.WaitGroup
	defer connections.Wait()
	for {
		transport, err := listener.Accept()
		if err != nil {
			if m.stopped() {
				return nil
			}
			m.Stop()
			return err
		}
		connections.Add(1)
		go func() {
			defer connections.Done()
			m.serveTransport(ctx, transport)
		}()
	}
}

func (m *Module) serveTransport(ctx context.Context, transport io.ReadWriteCloser) {
	l, err := newLink(transport, &m.o.connection, m.o.clock)
	if err != nil {
		_ = transport.Close()
		return
	}
	l.accept = m.acceptor(ctx, l)
	l.start()
	select {
	case <-l.done:
	case <-m.stop:
		l.goAway(m.o.grace, "the module stops")
		<-l.done
	}
}
