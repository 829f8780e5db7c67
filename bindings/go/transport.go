package sdk

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/url"
	"time"
)

// Dialer makes the byte stream of a connection to a host. A read or a write that waits must end when it is closed,
// which may be done again.
type Dialer func(ctx context.Context, url string) (io.ReadWriteCloser, error)

// dialTimeout is how long it may take to connect, with the TLS handshake. A network that is silent would else decide
// when the next attempt is made: TCP sends again ever more seldom, after minutes a minute apart.
const dialTimeout = 10 * time.Second

// dialURL is the usual dialer: unix:///path/to.sock, tcp://host:port, tls://host:port. It gives up after a while.
func dialURL(config *tls.Config, within time.Duration) Dialer {
	return func(ctx context.Context, address string) (io.ReadWriteCloser, error) {
		u, err := url.Parse(address)
		if err != nil {
			return nil, failure(ErrInvalidArgument, "url")
		}
		dialer := net.Dialer{Timeout: within}
		switch u.Scheme {
		case "unix":
			return dialer.DialContext(ctx, "unix", u.Path)
		case "tcp":
			return dialer.DialContext(ctx, "tcp", u.Host)
		case "tls":
			return (&tls.Dialer{NetDialer: &dialer, Config: config}).DialContext(ctx, "tcp", u.Host)
		}
		return nil, failure(ErrInvalidArgument, "url")
	}
}

// quickWriter is a transport that writes what it takes without waiting. What [Dialer] gives may have the method
// too.
type quickWriter interface {
	// TryWrite gives how many bytes were taken. What fails shows in the next write.
	TryWrite(b []byte) int
}

func quickWriterOf(transport io.ReadWriteCloser) quickWriter {
	if quick, ok := transport.(quickWriter); ok {
		return quick
	}
	return socketWriterOf(transport)
}
