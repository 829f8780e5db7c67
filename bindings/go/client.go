package sdk

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"
)

// Request is a call that is about to be made; interceptors may change it.
type Request struct {
	Kind   InteractionKind
	Target Target
	// Payload is the one message of a unary call and of a server stream.
	Payload []byte
	// Method, where it is not empty, makes it a call in one message ([HandlePayload]), of which Payload is the body.
	Method string
	// Invocation, where it is not nil, is taken as it is but for the target, the module's name, ids that are
	// missing and an earlier deadline. Otherwise the call is a child of the handler's that ctx belongs to, or
	// else begins a new piece of work.
	Invocation *InvocationContext
	// Actor is that of a new piece of work; nil for anonymous.
	Actor *ActorIdentity
	// Capabilities narrows what a child may do; nil for all that its parent may.
	Capabilities []string
	// Metadata stands beside the parent's.
	Metadata Metadata
	// DeadlineMS is in milliseconds since the Unix epoch; 0 for none but that of ctx and of the parent.
	DeadlineMS uint64
	// Timeout, where it is not 0, is a deadline so long from the call on. Of several deadlines the earliest holds.
	Timeout time.Duration
	// SpanID names the call, where Invocation does not; zeros for random bytes.
	SpanID SpanID
}

// Caller makes a call: it opens the stream, and sends the one message of a unary call or of a server stream.
type Caller func(ctx context.Context, request *Request) (*Call, error)

// CallInterceptor stands around every call of a module. [Call.OnEnd] tells it how a call went.
type CallInterceptor func(next Caller) Caller

// CallOption is a setting of one call.
type CallOption func(*Request)

// To sends the call to another target than the service of its name.
func To(target Target) CallOption { return func(r *Request) { r.Target = target } }

// WithInvocation sets [Request.Invocation].
func WithInvocation(invocation *InvocationContext) CallOption {
	return func(r *Request) { r.Invocation = invocation }
}

// WithActor sets [Request.Actor].
func WithActor(actor ActorIdentity) CallOption { return func(r *Request) { r.Actor = &actor } }

// WithCapabilities sets [Request.Capabilities].
func WithCapabilities(capabilities ...string) CallOption {
	return func(r *Request) { r.Capabilities = append([]string{}, capabilities...) }
}

// WithMetadata adds an entry to [Request.Metadata].
func WithMetadata(key, value string) CallOption {
	return func(r *Request) { r.Metadata = append(r.Metadata, MetadataEntry{key, value}) }
}

// Client calls services, by the connection of its module. Any goroutine may use it.
//
// The deadline of ctx travels with the call, and when ctx is done the call is cancelled at both ends. While
// there is no connection, calls wait for one as long as their ctx allows. A call that fails gives
// [*StreamEndError], which errors.Is finds to be its code: errors.Is(err, [CodeNotFound]).
type Client struct {
	m    *Module
	stop func()
}

// Client calls by this module's connection, under its name.
func (m *Module) Client() *Client { return &Client{m: m} }

// Dial connects to the host at a URL as a module that provides nothing, under this name, and waits until it is
// accepted. [Client.Close] ends it.
func Dial(ctx context.Context, url, name string, options ...ModuleOption) (*Client, error) {
	m := NewModule(name, options...)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		_ = m.Serve(context.WithoutCancel(ctx), url)
	}()
	if err := m.Ready(ctx); err != nil {
		m.Stop()
		return nil, err
	}
	return &Client{m: m, stop: func() { m.Stop(); <-finished }}, nil
}

// Close ends a client that [Dial] made: calls that run may finish within the grace. One of a module's does
// nothing.
func (c *Client) Close() {
	if c.stop != nil {
		c.stop()
	}
}

// Module is the module by whose connection the client calls.
func (c *Client) Module() *Module { return c.m }

// Unary sends one message and gives the one that answers it.
func (c *Client) Unary(ctx context.Context, service string, payload []byte, options ...CallOption) ([]byte, error) {
	call, err := c.start(ctx, Unary, service, payload, options)
	if err != nil {
		return nil, err
	}
	return call.answered()
}

// ServerStream sends one message; the answers are received from the call.
func (c *Client) ServerStream(ctx context.Context, service string, payload []byte, options ...CallOption) (*Call, error) {
	return c.start(ctx, ServerStream, service, payload, options)
}

// ClientStream opens a call by which messages are sent; [Call.CloseAndRecv] gives the one answer.
func (c *Client) ClientStream(ctx context.Context, service string, options ...CallOption) (*Call, error) {
	return c.start(ctx, ClientStream, service, nil, options)
}

// BidiStream opens a call by which messages are sent and received.
func (c *Client) BidiStream(ctx context.Context, service string, options ...CallOption) (*Call, error) {
	return c.start(ctx, BidiStream, service, nil, options)
}

func (c *Client) start(ctx context.Context, kind InteractionKind, service string, payload []byte, options []CallOption) (*Call, error) {
	request := Request{Kind: kind, Target: ServiceTarget(service), Payload: payload}
	if len(options) == 0 && len(c.m.o.callers) == 0 {
		return c.m.open(ctx, &request)
	}
	own := request // what options and interceptors see escapes
	for _, option := range options {
		option(&own)
	}
	return c.m.caller(ctx, &own)
}

// answered waits for the one answer of a unary call, or for its context.
func (c *Call) answered() ([]byte, error) {
	done := c.ctx.Done()
	l := c.l
	for {
		l.mu.Lock()
		if c.isOver() {
			l.mu.Unlock()
			return c.only()
		}
		c.listens = true
		l.mu.Unlock()
		select {
		case <-c.wake:
		case <-done:
			c.giveUp()
			return c.only()
		}
	}
}

// open is the innermost caller.
func (m *Module) open(ctx context.Context, r *Request) (*Call, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	one := r.Kind == Unary || r.Kind == ServerStream
	var not *link
	for {
		l, err := m.connection(ctx, not)
		if err != nil {
			return nil, err
		}
		call := newCall(l, 0, r.Kind, true)
		call.ctx, call.id = ctx, newStreamID(m.o.clock.Now())
		deadlineMS, err := m.encode(ctx, call, r)
		if err != nil {
			return nil, err
		}
		payload := r.Payload
		if r.Method != "" {
			if payload, err = encodeHandlePayload(call.encoded, r.Method, r.Payload, anyPayload); err != nil {
				return nil, err
			}
		}
		err = l.open(call, payload, one, deadlineMS)
		if err == nil {
			if r.Kind != Unary {
				call.watch()
			}
			return call, nil
		}
		if !errors.Is(err, ErrGoingAway) && !errors.Is(err, ErrClosed) {
			return nil, err
		}
		// Nothing was sent: the next connection will do.
		not = l
	}
}

// encode makes the context of a call, and gives its deadline.
func (m *Module) encode(ctx context.Context, call *Call, r *Request) (uint64, error) {
	deadlineMS := r.DeadlineMS
	if r.Timeout > 0 {
		if at := unixMilli(m.o.clock.Now().Add(r.Timeout)); deadlineMS == 0 || at < deadlineMS {
			deadlineMS = at
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		// By the module's own clock, which need not be the machine's.
		at := unixMilli(m.o.clock.Now().Add(time.Until(deadline)))
		if parent := CallOf(ctx); parent != nil {
			if own, ok := parent.ctx.Deadline(); ok && own.Equal(deadline) {
				at = parent.Invocation().DeadlineMS
			}
		}
		if deadlineMS == 0 || at < deadlineMS {
			deadlineMS = at
		}
	}
	span := r.SpanID
	if span == (SpanID{}) {
		random(span[:])
	}
	if parent := CallOf(ctx); parent != nil && r.Invocation == nil {
		child, err := parent.Invocation().Child(ChildSpec{
			SpanID: span, SourceModule: m.name, Target: r.Target, DeadlineMS: deadlineMS,
			Capabilities: r.Capabilities, Metadata: r.Metadata,
		})
		if err != nil {
			return 0, err
		}
		call.encoded, err = child.Encode()
		return child.DeadlineMS, err
	}
	var own InvocationContext
	if r.Invocation != nil {
		own = *r.Invocation
	}
	if r.Actor != nil {
		own.Actor = *r.Actor
	}
	if r.Capabilities != nil {
		own.Actor.Capabilities = r.Capabilities
	}
	if len(r.Metadata) > 0 {
		own.Metadata = append(append(Metadata(nil), own.Metadata...), r.Metadata...)
	}
	own.Target = r.Target
	if !m.o.direct || own.SourceModule == "" {
		own.SourceModule = m.name
	}
	if own.CorrelationID == (CorrelationID{}) {
		random(own.CorrelationID[:])
	}
	if own.SpanID == (SpanID{}) {
		own.SpanID = span
	}
	if own.DeadlineMS == 0 || deadlineMS != 0 && deadlineMS < own.DeadlineMS {
		own.DeadlineMS = deadlineMS
	}
	encoded, err := own.Append(make([]byte, 0, 384))
	call.encoded = encoded
	return own.DeadlineMS, err
}

func random(b []byte) {
	for i := 0; i < len(b); i += 8 {
		word := rand.Uint64()
		for j := range b[i:min(i+8, len(b))] {
			b[i+j] = byte(word >> (8 * j))
		}
	}
}

// Broadcast tells every module that subscribed to a topic; it returns once the host has taken it.
func (c *Client) Broadcast(ctx context.Context, topic string, payload []byte, options ...CallOption) error {
	target := To(BroadcastTarget(topic))
	_, err := c.Unary(ctx, topic, payload, append([]CallOption{target}, options...)...)
	return err
}

// Endpoint is a name that the host made for a module: who knows it may call the module by it.
type Endpoint struct {
	m    *Module
	name string
}

// Name is what callers put into [DynamicEndpointTarget]. It is a secret of those to whom the module gives it.
func (e *Endpoint) Name() string { return e.name }

// OpenEndpoint asks the host for an endpoint, which lives as long as the connection, until it is closed.
func (m *Module) OpenEndpoint(ctx context.Context, handler Handler) (*Endpoint, error) {
	if err := m.Ready(ctx); err != nil {
		return nil, err
	}
	answer := make(chan string, 1)
	m.mu.Lock()
	control := m.control
	m.asks++
	number := m.asks
	m.asked[number] = answer
	m.mu.Unlock()
	if control == nil {
		return nil, failure(ErrNotOpen, "endpoint "+strconv.FormatUint(number, 10))
	}
	if err := control.SendContext(ctx, encodeOpenEndpoint(number)); err != nil {
		return nil, err
	}
	select {
	case name, ok := <-answer:
		if !ok {
			return nil, failure(ErrClosed, "endpoint")
		}
		m.mu.Lock()
		m.endpoints[name] = m.around(handler)
		m.mu.Unlock()
		return &Endpoint{m, name}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Close gives the endpoint up: later calls are refused.
func (e *Endpoint) Close() {
	e.m.mu.Lock()
	delete(e.m.endpoints, e.name)
	control := e.m.control
	e.m.mu.Unlock()
	if control != nil {
		_ = control.TrySend(encodeCloseEndpoint(e.name))
	}
}
