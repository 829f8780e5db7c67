package sdk

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Dialer makes the byte stream of a connection to a host. A read or a write that waits must end when it is closed,
// which may be done again.
type Dialer func(ctx context.Context, url string) (io.ReadWriteCloser, error)

// dialTimeout is how long it may take to connect, with the TLS handshake. A network that is silent would else decide
// when the next attempt is made: TCP sends again ever more seldom, after minutes a minute apart.
const dialTimeout = 10 * time.Second

// DialSettings is what a module tells whoever dials for it.
type DialSettings struct {
	// Module is the module's name.
	Module string
	// TLS is what [WithTLS] set; nil where it was not given.
	TLS *tls.Config
}

var (
	dialersMu sync.RWMutex
	dialers   = map[string]func(DialSettings) Dialer{}
)

// RegisterDialer has the URLs of a scheme dialled by what dialer gives for a module, wherever a URL is taken. A package
// that brings a transport calls it when it is imported; a scheme that has a dialer already is a defect, and panics.
func RegisterDialer(scheme string, dialer func(settings DialSettings) Dialer) {
	dialersMu.Lock()
	defer dialersMu.Unlock()
	if _, twice := dialers[scheme]; twice || scheme == "unix" || scheme == "tcp" || scheme == "tls" {
		panic("ixt: the scheme " + scheme + " has a dialer already")
	}
	dialers[scheme] = dialer
}

// brought is which import brings a scheme that this package does not have.
var brought = map[string]string{"nats": "github.com/h-dv/ixt/bindings/go/ixtnats"}

// dialURL is the usual dialer: unix:///path/to.sock, tcp://host:port, tls://host:port, and what was registered. It
// gives up after a while.
func dialURL(settings DialSettings, within time.Duration) Dialer {
	return func(ctx context.Context, address string) (io.ReadWriteCloser, error) {
		// Before it is parsed: a URL of another transport may be none by the rules of package url.
		if scheme, _, found := strings.Cut(address, "://"); found {
			dialersMu.RLock()
			registered := dialers[scheme]
			dialersMu.RUnlock()
			if registered != nil {
				return registered(settings)(ctx, address)
			}
			if path := brought[scheme]; path != "" {
				return nil, fmt.Errorf("%w: %s:// needs import _ %q", failure(ErrInvalidArgument, "url"), scheme, path)
			}
		}
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
			return (&tls.Dialer{NetDialer: &dialer, Config: settings.TLS}).DialContext(ctx, "tcp", u.Host)
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
