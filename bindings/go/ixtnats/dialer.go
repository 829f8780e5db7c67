// Package ixtnats has modules speak to each other through NATS, without a host. It is imported for its effect:
//
//	import _ "github.com/h-dv/ixt/bindings/go/ixtnats"
//
// after which a URL nats://[user[:password]@]host[:port][,host[:port]…][?creds=FILE] may stand wherever that of a host
// does. Port 4222 is the usual one; user and password are told to every server, and a user without a password is a token;
// creds is a file of NATS credentials. Where a server demands TLS, [sdk.WithTLS] says how, and the system's roots are trusted otherwise.
package ixtnats

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	sdk "github.com/h-dv/ixt/bindings/go"
)

func init() {
	sdk.RegisterDialer("nats", func(settings sdk.DialSettings) sdk.Dialer {
		return dialer(settings)
	})
}

// Dialer gives what dials nats:// URLs with options of the client's own, for [sdk.WithDialer]. Options that the
// protocol stands on are set behind them: what a client publishes does not come back to it, and it connects again by
// itself for as long as other modules wait for it, 5 s.
func Dialer(options ...nats.Option) sdk.Dialer {
	return dialer(sdk.DialSettings{Module: "go"}, options...)
}

func dialer(settings sdk.DialSettings, options ...nats.Option) sdk.Dialer {
	return func(ctx context.Context, url string) (io.ReadWriteCloser, error) {
		at, err := parse(url)
		if err != nil {
			return nil, err
		}
		return dial(ctx, at, settings, options)
	}
}

const (
	// lease is how long a node waits for another one that is silent; a client that is away for longer is given up.
	lease = 5 * time.Second
	// pingInterval finds a server that is gone without a word within the lease.
	pingInterval = 2 * time.Second
	// reconnectWait is the pause between attempts.
	reconnectWait = 100 * time.Millisecond
)

// dial makes one client and one node.
func dial(ctx context.Context, at *address, settings sdk.DialSettings, options []nats.Option) (io.ReadWriteCloser, error) {
	o := nats.GetDefaultOptions()
	o.Servers, o.User, o.Password, o.Token = at.servers, at.user, at.password, at.token
	o.Name = "ixt " + settings.Module
	o.TLSConfig = settings.TLS
	o.PingInterval, o.MaxPingsOut, o.FlusherTimeout = pingInterval, 2, lease
	o.ReconnectWait, o.ReconnectJitter, o.ReconnectJitterTLS = reconnectWait, reconnectWait, reconnectWait
	// The dialer looks hosts up, and gives that up with the context.
	o.SkipHostLookup = true
	if at.creds != "" {
		options = append([]nats.Option{nats.UserCredentials(at.creds)}, options...)
	}
	for _, option := range options {
		if err := option(&o); err != nil {
			return nil, refused(at, err)
		}
	}
	o.NoEcho, o.AllowReconnect, o.MaxReconnect, o.RetryOnFailedConnect = true, true, -1, false
	sockets := &sockets{ctx: ctx, next: o.CustomDialer, timeout: o.Timeout}
	o.CustomDialer = sockets
	p := newPipe(sockets)
	p.hear(&o)
	// The handshake ends with the context too.
	stop := context.AfterFunc(ctx, sockets.close)
	nc, err := o.Connect()
	if !stop() && err == nil {
		nc.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		if errors.Is(err, nats.ErrNoServers) && sockets.failed() != nil {
			err = sockets.failed()
		}
		return nil, refused(at, err)
	}
	if err := p.begin(nc); err != nil {
		nc.Close()
		return nil, err
	}
	return p, nil
}

// refused is what a socket that cannot be connected gives. It does not hold the password.
func refused(at *address, err error) error {
	return &net.OpError{Op: "dial", Net: "nats", Addr: at, Err: err}
}

// sockets dials for the client, knows its socket, and why there is none.
type sockets struct {
	ctx     context.Context
	next    nats.CustomDialer
	timeout time.Duration

	mu   sync.Mutex
	conn net.Conn
	// writing counts writes that have not returned.
	writing atomic.Int32
	err     error
	// connected says that ctx, which is for the first connection alone, holds no longer.
	connected bool
	closed    bool
}

// Dial is what the client calls.
func (s *sockets) Dial(network, host string) (net.Conn, error) {
	s.mu.Lock()
	ctx := s.ctx
	if s.connected {
		ctx = context.Background()
	}
	s.mu.Unlock()
	var conn net.Conn
	var err error
	if s.next != nil {
		conn, err = s.next.Dial(network, host)
	} else {
		dialer := net.Dialer{Timeout: s.timeout}
		conn, err = dialer.DialContext(ctx, network, host)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.err = conn, err
	if err != nil {
		return nil, err
	}
	if s.closed {
		_ = conn.Close()
	}
	return &socket{conn, s}, nil
}

// areWriting says whether the client is writing right now, which may last for as long as the server does not read.
func (s *sockets) areWriting() bool { return s.writing.Load() > 0 }

// socket counts its writes.
type socket struct {
	net.Conn
	of *sockets
}

func (s *socket) Write(b []byte) (int, error) {
	s.of.writing.Add(1)
	defer s.of.writing.Add(-1)
	return s.Conn.Write(b)
}

// SkipTLSHandshake is what the client asks of a dialer that may bring TLS itself.
func (s *sockets) SkipTLSHandshake() bool {
	own, ok := s.next.(interface{ SkipTLSHandshake() bool })
	return ok && own.SkipTLSHandshake()
}

// close ends whatever waits for the socket, and those to come.
func (s *sockets) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

func (s *sockets) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *sockets) didConnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected = true
}
