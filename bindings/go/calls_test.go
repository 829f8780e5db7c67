package sdk_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
	"github.com/h-dv/ixt/bindings/go/sdktest"
)

var quiet = sdk.WithLogger(slog.New(slog.DiscardHandler))

func module(h *sdktest.Host, name string, options ...sdk.ModuleOption) *sdk.Module {
	return sdk.NewModule(name, append(append(h.Options(), quiet), options...)...)
}

// provider has a service of each kind, named by it.
func provider(h *sdktest.Host, options ...sdk.ModuleOption) *sdk.Module {
	m := module(h, "provider", options...)
	serveAll(m)
	return m
}

func serveAll(m *sdk.Module) {
	m.HandleUnary("unary", func(_ context.Context, request []byte) ([]byte, error) {
		return append([]byte("re: "), request...), nil
	})
	m.Handle("count", sdk.ServerStream, func(_ context.Context, call *sdk.Call) error {
		request, err := call.Recv()
		if err != nil {
			return err
		}
		for i := range binary.LittleEndian.Uint32(request) {
			if err := call.Send(binary.LittleEndian.AppendUint32(nil, i)); err != nil {
				return err
			}
		}
		return nil
	})
	m.Handle("sum", sdk.ClientStream, func(_ context.Context, call *sdk.Call) error {
		var sum uint32
		for message, err := range call.All() {
			if err != nil {
				return err
			}
			sum += binary.LittleEndian.Uint32(message)
		}
		return call.Send(binary.LittleEndian.AppendUint32(nil, sum))
	})
	m.Handle("echo", sdk.BidiStream, func(_ context.Context, call *sdk.Call) error {
		for message, err := range call.All() {
			if err != nil {
				return err
			}
			if err := call.Send(message); err != nil {
				return err
			}
		}
		return nil
	})
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// messages is how many a stream has; fewer where every call into the library collects garbage.
func messages() int {
	if debugging {
		return 20
	}
	return 1000
}

// allKinds makes a call of each kind.
func allKinds(t *testing.T, client *sdk.Client) {
	t.Helper()
	ctx := within(t)
	answer, err := client.Unary(ctx, "unary", []byte("hello"))
	if string(answer) != "re: hello" || err != nil {
		t.Fatalf("unary: %q, %v", answer, err)
	}
	n := messages()
	call, err := client.ServerStream(ctx, "count", binary.LittleEndian.AppendUint32(nil, uint32(n)))
	if err != nil {
		t.Fatal(err)
	}
	got := uint32(0)
	for message, err := range call.All() {
		if err != nil || binary.LittleEndian.Uint32(message) != got {
			t.Fatalf("count: %d: %v, %v", got, message, err)
		}
		got++
	}
	if got != uint32(n) {
		t.Fatalf("count: %d", got)
	}
	if call, err = client.ClientStream(ctx, "sum"); err != nil {
		t.Fatal(err)
	}
	for i := range uint32(n) {
		if err := call.Send(binary.LittleEndian.AppendUint32(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	if answer, err = call.CloseAndRecv(); err != nil || int(binary.LittleEndian.Uint32(answer)) != n*(n-1)/2 {
		t.Fatalf("sum: %v, %v", answer, err)
	}
	if call, err = client.BidiStream(ctx, "echo"); err != nil {
		t.Fatal(err)
	}
	go func() {
		for i := range n {
			if call.Send(bytes.Repeat([]byte{byte(i)}, i)) != nil {
				return
			}
		}
		_ = call.CloseSend()
	}()
	echoed := 0
	for message, err := range call.All() {
		if err != nil || !bytes.Equal(message, bytes.Repeat([]byte{byte(echoed)}, echoed)) {
			t.Fatalf("echo: %d: %v, %v", echoed, message, err)
		}
		echoed++
	}
	if echoed != n {
		t.Fatalf("echo: %d", echoed)
	}
	eventually(t, func() bool { return call.Outcome().IsSuccess() })
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for range 2000 {
		if holds() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("never")
}

func TestAllKindsThroughTheHost(t *testing.T) {
	for _, window := range []uint32{0, 1, 1000} {
		t.Run(fmt.Sprint(window), func(t *testing.T) {
			host := sdktest.NewHost(t)
			config := sdk.WithConnection(sdk.ConnectionConfig{Window: window, Software: "test"})
			host.Start(provider(host, config))
			allKinds(t, host.Client("caller", config, quiet))
			eventually(t, func() bool { return host.Counts().Streams == 0 })
		})
	}
}

// The same over sockets: through a host, and directly.
func TestAllKindsOverSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ixt.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	sdktest.NewHost(t, sdktest.WithRealTime()).ServeListener(listener)
	m := sdk.NewModule("provider", quiet)
	serveAll(m)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- m.Serve(ctx, "unix://"+path) }()
	client, err := sdk.Dial(within(t), "unix://"+path, "caller", quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	allKinds(t, client)
	if took, err := m.Ping(within(t)); err != nil || took <= 0 {
		t.Errorf("%v, %v", took, err)
	}
	client.Close()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if state := m.Health().State; state != sdk.HealthStopped {
		t.Error(state)
	}
}

// A peer that has gone silent is noticed, by a setting of the module's.
func TestIdle(t *testing.T) {
	host := sdktest.NewHost(t)
	for _, c := range []struct {
		config sdk.ConnectionConfig
		ends   bool
	}{
		{sdk.ConnectionConfig{Idle: 2 * time.Second}, false}, // it pings, and the host answers
		{sdk.ConnectionConfig{Idle: 2 * time.Second, Keepalive: -1}, true},
		{sdk.ConnectionConfig{Idle: -1, Keepalive: -1}, false},
	} {
		lost := make(chan struct{}, 8)
		m := module(host, fmt.Sprintf("idle-%v", c.ends), sdk.WithConnection(c.config), sdk.WithDialer(func(ctx context.Context, url string) (io.ReadWriteCloser, error) {
			lost <- struct{}{}
			return host.Dial(ctx, url)
		}))
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- m.Serve(ctx, "") }()
		must(t, m.Ready(within(t)))
		<-lost
		host.Advance(10 * time.Second)
		ends := func() bool { return len(lost) > 0 || m.Health().Err != nil }
		if c.ends {
			eventually(t, ends)
		} else if ends() {
			t.Errorf("%+v: %v", c.config, m.Health())
		}
		cancel()
		<-served
	}
	m := module(host, "wrong", sdk.WithConnection(sdk.ConnectionConfig{Idle: time.Second, Keepalive: time.Second}))
	var wrong *sdk.Error
	if err := m.Serve(within(t), ""); !errors.As(err, &wrong) || wrong.Field != "keepalive_ms" {
		t.Error(err)
	}
}

// stuck is a transport that takes nothing and gives nothing once it is shut.
type stuck struct {
	net.Conn
	shut, closed chan struct{}
	once         sync.Once
}

func (s *stuck) Write(b []byte) (int, error) {
	select {
	case <-s.shut:
		<-s.closed
		return 0, net.ErrClosed
	default:
		return s.Conn.Write(b)
	}
}

func (s *stuck) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

// Whatever the transport does, a call ends when its context does.
func TestACallEndsWithItsContextOnATransportThatIsStuck(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := sdk.NewModule("provider", quiet, sdk.WithGrace(0))
	serveAll(m)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- m.ServeListener(ctx, listener) }()
	pipe := &stuck{shut: make(chan struct{}), closed: make(chan struct{})}
	client, err := sdk.Dial(within(t), "", "caller", sdk.WithoutHost(), quiet, sdk.WithGrace(0),
		sdk.WithDialer(func(context.Context, string) (io.ReadWriteCloser, error) {
			conn, err := net.Dial("tcp", listener.Addr().String())
			pipe.Conn = conn
			return struct{ io.ReadWriteCloser }{pipe}, err
		}))
	if err != nil {
		t.Fatal(err)
	}
	call, err := client.BidiStream(within(t), "echo")
	if err != nil {
		t.Fatal(err)
	}
	if err := call.Send([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := call.Recv(); err != nil {
		t.Fatal(err)
	}
	close(pipe.shut)
	short, stop := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer stop()
	if _, err := client.Unary(short, "unary", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	time.AfterFunc(30*time.Millisecond, func() { call.Cancel(sdk.CancelUserRequested, "") })
	if _, err := call.Recv(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	client.Close()
	cancel()
	<-served
}

func TestOverTLS(t *testing.T) {
	server, roots := certificate(t)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{server}})
	if err != nil {
		t.Fatal(err)
	}
	sdktest.NewHost(t, sdktest.WithRealTime()).ServeListener(listener)
	url := "tls://" + listener.Addr().String()
	secure := sdk.WithTLS(&tls.Config{RootCAs: roots})
	m := sdk.NewModule("provider", quiet, secure)
	serveAll(m)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- m.Serve(ctx, url) }()
	if err := m.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	client, err := sdk.Dial(within(t), url, "caller", quiet, secure)
	if err != nil {
		t.Fatal(err)
	}
	allKinds(t, client)
	client.Close()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	stranger := sdk.NewModule("stranger", quiet)
	go func() { served <- stranger.Serve(context.Background(), url) }()
	eventually(t, func() bool {
		err := stranger.Health().Err
		return err != nil && strings.Contains(err.Error(), "certificate")
	})
	short, stop := context.WithTimeout(context.Background(), time.Millisecond)
	defer stop()
	if err := stranger.Ready(short); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	stranger.Stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// certificate is one for 127.0.0.1, signed by itself.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	must(t, err)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, roots
}

func TestAllKindsDirectly(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := sdk.NewModule("provider", quiet)
	serveAll(m)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- m.ServeListener(ctx, listener) }()
	client, err := sdk.Dial(within(t), "tcp://"+listener.Addr().String(), "caller", sdk.WithoutHost(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	allKinds(t, client)
	var calls sync.WaitGroup
	for i := range messages() / 20 {
		calls.Add(1)
		go func() {
			defer calls.Done()
			for j := range messages() / 20 {
				text := fmt.Sprint(i, " ", j)
				if answer, err := client.Unary(ctx, "unary", []byte(text)); string(answer) != "re: "+text || err != nil {
					t.Errorf("%q, %v", answer, err)
				}
			}
		}()
	}
	calls.Wait()
	client.Close()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A reader that sleeps holds its sender back, and nothing piles up.
func TestBackpressure(t *testing.T) {
	host := sdktest.NewHost(t)
	config := sdk.WithConnection(sdk.ConnectionConfig{Window: 8})
	m := module(host, "provider", config)
	var sent atomic.Int64
	m.Handle("flood", sdk.ServerStream, func(_ context.Context, call *sdk.Call) error {
		message := make([]byte, 64<<10)
		for range 2 * messages() {
			if err := call.Send(message); err != nil {
				return err
			}
			sent.Add(1)
		}
		return nil
	})
	host.Start(m)
	client := host.Client("caller", config, quiet)
	call, err := client.ServerStream(within(t), "flood", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := int64(0)
	for message, err := range call.All() {
		if err != nil || len(message) != 64<<10 {
			t.Fatal(len(message), err)
		}
		got++
		if got == 10 || got == 100 {
			time.Sleep(50 * time.Millisecond)
			if ahead := sent.Load() - got; ahead > 32 {
				t.Errorf("the sender is %d ahead", ahead)
			}
		}
	}
	if got != int64(2*messages()) {
		t.Errorf("got %d", got)
	}
}

func TestCancelTravels(t *testing.T) {
	host := sdktest.NewHost(t)
	m := module(host, "provider")
	entered, gone := make(chan struct{}, 1), make(chan error, 1)
	m.Handle("wait", sdk.BidiStream, func(ctx context.Context, call *sdk.Call) error {
		entered <- struct{}{}
		_, err := call.Recv()
		<-ctx.Done()
		gone <- ctx.Err()
		return err
	})
	m.HandleUnary("wait", func(ctx context.Context, _ []byte) ([]byte, error) {
		entered <- struct{}{}
		<-ctx.Done()
		gone <- ctx.Err()
		return nil, ctx.Err()
	})
	m.Handle("leave", sdk.BidiStream, func(_ context.Context, call *sdk.Call) error {
		call.Cancel(sdk.CancelSuperseded, "another one came")
		return nil
	})
	host.Start(m)
	client := host.Client("caller", quiet)

	ctx, cancel := context.WithCancel(context.Background())
	call, err := client.BidiStream(ctx, "wait")
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	cancel()
	if _, err := call.Recv(); !errors.Is(err, context.Canceled) || !errors.Is(err, sdk.ErrStreamEnded) {
		t.Error(err)
	}
	if err := call.Send(nil); !errors.Is(err, sdk.ErrStreamEnded) {
		t.Error(err)
	}
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}

	ctx, cancel = context.WithCancel(context.Background())
	go func() {
		<-entered
		cancel()
	}()
	if _, err := client.Unary(ctx, "wait", nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := client.Unary(ctx, "wait", nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}

	if call, err = client.BidiStream(within(t), "leave"); err != nil {
		t.Fatal(err)
	}
	var end *sdk.StreamEndError
	if _, err := call.Recv(); !errors.As(err, &end) || end.Outcome.CancelReason != sdk.CancelSuperseded || end.Outcome.Message != "another one came" {
		t.Error(err)
	}
	eventually(t, func() bool { return host.Counts().Streams == 0 })
}

// A sender that waits for credit is woken by the end.
func TestCancelWakesASender(t *testing.T) {
	host := sdktest.NewHost(t)
	m := module(host, "provider")
	m.Handle("deaf", sdk.BidiStream, func(ctx context.Context, _ *sdk.Call) error {
		<-ctx.Done()
		return nil
	})
	host.Start(m)
	client := host.Client("caller", quiet)
	ctx, cancel := context.WithCancel(context.Background())
	call, err := client.BidiStream(ctx, "deaf")
	if err != nil {
		t.Fatal(err)
	}
	// All that the provider takes: the host lets more through once it has seen the first message.
	for {
		short, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
		err = call.SendContext(short, nil)
		stop()
		if err != nil {
			break
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := call.TrySend(nil); !errors.Is(err, sdk.ErrRejected) {
		t.Error(err)
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := call.Send(nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestErrorsOfHandlers(t *testing.T) {
	host := sdktest.NewHost(t)
	m := module(host, "provider")
	m.HandleUnary("fail", func(_ context.Context, request []byte) ([]byte, error) {
		switch string(request) {
		case "typed":
			return nil, &sdk.CodeError{Code: sdk.CodeResourceExhausted, Message: "no more room", Details: []byte("disk 1")}
		case "code":
			return nil, fmt.Errorf("wrapped: %w", sdk.CodeUnavailable)
		case "other":
			return nil, errors.New("the password is hunter2")
		case "long":
			return nil, sdk.Errorf(sdk.CodeNotFound, "%s", strings.Repeat("x", 5000))
		}
		panic("hunter2")
	})
	m.Handle("silent", sdk.Unary, func(context.Context, *sdk.Call) error { return nil })
	m.Handle("partly", sdk.ServerStream, func(_ context.Context, call *sdk.Call) error {
		_ = call.Send([]byte("one"))
		return sdk.Errorf(sdk.CodeUnavailable, "later")
	})
	host.Start(m)
	client := host.Client("caller", quiet)
	ctx := within(t)
	for _, c := range []struct {
		request string
		code    sdk.StreamErrorCode
		message string
	}{
		{"typed", sdk.CodeResourceExhausted, "no more room"}, {"code", sdk.CodeUnavailable, ""},
		{"other", sdk.CodeInternal, "the handler failed (*errors.errorString)"}, {"panic", sdk.CodeInternal, "the handler panicked"},
		{"long", sdk.CodeNotFound, ""},
	} {
		_, err := client.Unary(ctx, "fail", []byte(c.request))
		var end *sdk.StreamEndError
		if !errors.Is(err, c.code) || !errors.As(err, &end) || end.Outcome.Message != c.message || strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%s: %v", c.request, err)
		}
		if c.request == "typed" && string(end.Outcome.Details) != "disk 1" {
			t.Errorf("%q", end.Outcome.Details)
		}
	}
	if _, err := client.Unary(ctx, "silent", nil); !errors.Is(err, sdk.CodeInternal) {
		t.Error(err)
	}
	if _, err := client.BidiStream(ctx, "fail"); err != nil {
		t.Error(err)
	} else if call, _ := client.BidiStream(ctx, "fail"); call != nil {
		if _, err := call.Recv(); !errors.Is(err, sdk.CodeInvalidArgument) && !errors.Is(err, sdk.CodeNotFound) {
			t.Error("a kind that is not served:", err)
		}
	}
	call, err := client.ServerStream(ctx, "partly", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = call.Recv()
	if err == nil { // a failure may overtake what was sent before it
		_, err = call.Recv()
	}
	if !errors.Is(err, sdk.CodeUnavailable) {
		t.Error(err)
	}
	if _, err := client.Unary(ctx, "unary", make([]byte, 2<<20)); !errors.Is(err, sdk.ErrFrameTooLarge) {
		t.Error(err)
	}
}

// Calls within a handler are its children: of its correlation, with its deadline, cancelled with it.
func TestAChainOfCalls(t *testing.T) {
	host := sdktest.NewHost(t)
	seen := make(chan *sdk.InvocationContext, 3)
	last := module(host, "last")
	gone := make(chan error, 1)
	last.HandleUnary("last", func(ctx context.Context, request []byte) ([]byte, error) {
		seen <- sdk.InvocationOf(ctx)
		if string(request) == "wait" {
			<-ctx.Done()
			gone <- ctx.Err()
		}
		return request, nil
	})
	host.Start(last)
	first := module(host, "first")
	first.HandleUnary("first", func(ctx context.Context, request []byte) ([]byte, error) {
		seen <- sdk.InvocationOf(ctx)
		return first.Client().Unary(ctx, "last", request)
	})
	host.Start(first)
	client := host.Client("caller", quiet)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	actor := sdk.WithActor(sdk.ActorIdentity{Subject: sdk.OperatorSubject("alice"), Capabilities: []string{"fs.*"}})
	if answer, err := client.Unary(ctx, "first", []byte("x"), actor, sdk.WithMetadata("colour", "red")); string(answer) != "x" || err != nil {
		t.Fatalf("%q, %v", answer, err)
	}
	parent, child := <-seen, <-seen
	if parent.SourceModule != "caller" || child.SourceModule != "first" || parent.Actor.Subject.Name != "alice" {
		t.Errorf("%+v, %+v", parent, child)
	}
	if child.CorrelationID != parent.CorrelationID || child.ParentSpanID != parent.SpanID || child.SpanID == parent.SpanID || child.DeadlineMS != parent.DeadlineMS || parent.DeadlineMS == 0 {
		t.Errorf("%+v, %+v", parent, child)
	}
	if colour, _ := parent.Metadata.Get("colour"); colour != "red" || !child.HasCapability("fs.read") {
		t.Errorf("%+v, %+v", parent, child)
	}
	ctx, cancel = context.WithCancel(context.Background())
	go func() {
		<-seen
		<-seen
		cancel()
	}()
	if _, err := client.Unary(ctx, "first", []byte("wait")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPolicyAndCapabilities(t *testing.T) {
	host := sdktest.NewHost(t, sdktest.WithUID(7), sdktest.WithPolicy(`
[module.vault]
uid = 7
provide = ["*"]
token_sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
[module.caller]
uid = 7
call = ["*"]
capabilities = ["vault.read"]
subjects = ["operator"]
token_sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
`))
	vault := module(host, "vault", sdk.WithToken([]byte("secret")))
	vault.HandleUnary("vault", func(context.Context, []byte) ([]byte, error) { return []byte("gold"), nil }, sdk.Requires("vault.read"))
	host.Start(vault)
	client := host.Client("caller", quiet, sdk.WithToken([]byte("secret")))
	ctx := within(t)
	if _, err := client.Unary(ctx, "vault", nil); !errors.Is(err, sdk.CodePermissionDenied) {
		t.Error(err)
	}
	alice := sdk.WithActor(sdk.ActorIdentity{Subject: sdk.OperatorSubject("alice"), Capabilities: []string{"vault.read"}})
	if answer, err := client.Unary(ctx, "vault", nil, alice); string(answer) != "gold" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
	liar := module(host, "caller", sdk.WithToken([]byte("wrong")))
	if err := liar.Serve(ctx, "sdktest:"); !errors.Is(err, sdk.CodeUnauthenticated) && !errors.Is(err, sdk.CodePermissionDenied) {
		t.Error(err)
	}
	if lines := strings.Join(host.Refusals(), "\n"); !strings.Contains(lines, "announce") || strings.Contains(lines, "secret") {
		t.Error(lines)
	}
}

func TestReconnect(t *testing.T) {
	host := sdktest.NewHost(t)
	m := provider(host, sdk.WithBackoff(sdk.Backoff{First: time.Second, Most: 4 * time.Second}))
	m.Handle("hang", sdk.BidiStream, func(ctx context.Context, _ *sdk.Call) error { <-ctx.Done(); return nil })
	host.Start(m)
	client := host.Client("caller", quiet, sdk.WithBackoff(sdk.Backoff{First: time.Second, Most: 4 * time.Second}))
	call, err := client.BidiStream(within(t), "hang")
	if err != nil {
		t.Fatal(err)
	}
	host.Down()
	if _, err := call.Recv(); !errors.Is(err, sdk.CodeUnavailable) {
		t.Error(err)
	}
	eventually(t, func() bool { return m.Health().State == sdk.HealthConnecting && m.Health().Err != nil })
	answered := make(chan error, 1)
	go func() { // it waits for the next connection
		_, err := client.Unary(within(t), "unary", nil)
		answered <- err
	}()
	host.Advance(30 * time.Second)
	if m.Health().State != sdk.HealthConnecting {
		t.Error(m.Health())
	}
	host.Up()
	eventually(t, func() bool { host.Advance(time.Second); return m.Health().State == sdk.HealthServing })
	eventually(t, func() bool { host.Advance(time.Second); return client.Module().Health().State == sdk.HealthServing })
	if err := <-answered; err != nil && !errors.Is(err, sdk.CodeNotFound) { // the provider may have come later
		t.Error(err)
	}
	allKinds(t, client)
}

// A module that was taken begins with the shortest pause again, however often its host is lost.
func TestBackoffBeginsAnew(t *testing.T) {
	host := sdktest.NewHost(t)
	m := provider(host, sdk.WithBackoff(sdk.Backoff{First: time.Second, Most: time.Hour}))
	host.Start(m)
	for i := range 8 {
		host.Disconnect()
		eventually(t, func() bool { return m.Health().State == sdk.HealthConnecting && m.Health().Err != nil })
		host.Advance(time.Second)
		eventually(t, func() bool { return m.Health().State == sdk.HealthServing })
		if t.Failed() {
			t.Fatalf("after %d losses the pause is longer than a second", i+1)
		}
	}
}

func TestGracefulStop(t *testing.T) {
	host := sdktest.NewHost(t)
	m := module(host, "provider", sdk.WithGrace(time.Minute))
	entered, release := make(chan struct{}, 2), make(chan struct{})
	m.HandleUnary("slow", func(ctx context.Context, _ []byte) ([]byte, error) {
		entered <- struct{}{}
		select {
		case <-release:
			return []byte("done"), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- m.Serve(ctx, "") }()
	if err := m.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	client := host.Client("caller", quiet)
	answered := make(chan string, 2)
	call := func() {
		answer, err := client.Unary(context.Background(), "slow", nil)
		answered <- fmt.Sprint(string(answer), err)
	}
	go call()
	<-entered
	stop()
	eventually(t, func() bool { return m.Health().State == sdk.HealthDraining })
	select {
	case <-served:
		t.Fatal("it did not wait for its call")
	case <-time.After(20 * time.Millisecond):
	}
	if _, err := client.Unary(within(t), "slow", nil); err == nil {
		t.Error("a module that stops took a call")
	}
	close(release)
	if got := <-answered; got != "done<nil>" {
		t.Error(got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := m.Serve(context.Background(), ""); !errors.Is(err, sdk.ErrAlreadyOpen) {
		t.Error(err)
	}
}

// What does not finish within the grace is cancelled.
func TestTheGraceEnds(t *testing.T) {
	host := sdktest.NewHost(t)
	m := module(host, "provider", sdk.WithGrace(10*time.Second))
	entered := make(chan struct{})
	m.HandleUnary("stuck", func(ctx context.Context, _ []byte) ([]byte, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	served := make(chan error, 1)
	go func() { served <- m.Serve(context.Background(), "") }()
	if err := m.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	client := host.Client("caller", quiet)
	answered := make(chan error, 1)
	go func() {
		_, err := client.Unary(context.Background(), "stuck", nil)
		answered <- err
	}()
	<-entered
	m.Stop()
	eventually(t, func() bool { return m.Health().State == sdk.HealthDraining })
	host.Advance(11 * time.Second)
	if err := <-answered; !errors.Is(err, context.Canceled) && !errors.Is(err, sdk.CodeUnavailable) {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestInterceptors(t *testing.T) {
	host := sdktest.NewHost(t)
	var log lockedBuffer
	var served, called sdk.Metrics
	m := provider(host,
		sdk.WithHandlerInterceptors(sdk.AuditHandlers(slog.New(slog.NewTextHandler(&log, nil))), served.Handlers(), sdk.HandlerDeadline(time.Hour)))
	host.Start(m)
	client := host.Client("caller", quiet, sdk.WithCallInterceptors(called.Calls(), func(next sdk.Caller) sdk.Caller {
		return func(ctx context.Context, r *sdk.Request) (*sdk.Call, error) {
			r.Metadata = append(r.Metadata, sdk.MetadataEntry{Key: "by", Value: "interceptor"})
			return next(ctx, r)
		}
	}))
	allKinds(t, client)
	if _, err := client.Unary(context.Background(), "unary", nil); !errors.Is(err, sdk.CodeInvalidArgument) {
		t.Error("a call without a deadline:", err)
	}
	patient := host.Client("patient", quiet, sdk.WithCallInterceptors(sdk.DefaultDeadline(time.Minute)))
	if answer, err := patient.Unary(context.Background(), "unary", nil); string(answer) != "re: " || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
	eventually(t, func() bool {
		return called.Snapshot()[sdk.Series{Side: "caller", Target: "unary", Result: "invalidArgument"}].Count == 1
	})
	if ok := served.Snapshot()[sdk.Series{Side: "handler", Target: "echo", Result: "ok"}]; ok.Count != 1 {
		t.Errorf("%+v", served.Snapshot())
	}
	// A line is written once the answer has left.
	eventually(t, func() bool { return strings.Count(log.String(), "ixt: served") == 6 })
	if lines := log.String(); !strings.Contains(lines, "source_module=caller") {
		t.Error(lines)
	}
}

func TestBroadcastAndEndpoints(t *testing.T) {
	host := sdktest.NewHost(t)
	heard := make(chan string, 2)
	for _, name := range []string{"one", "two"} {
		m := module(host, name)
		m.Subscribe("news", func(_ context.Context, call *sdk.Call) error {
			message, err := call.Recv()
			heard <- name + " " + string(message)
			return err
		})
		host.Start(m)
	}
	owner := module(host, "owner")
	owner.HandleModule(func(_ context.Context, call *sdk.Call) error { return call.Send([]byte("the module")) })
	host.Start(owner)
	client := host.Client("caller", quiet)
	ctx := within(t)
	if err := client.Broadcast(ctx, "news", []byte("rain")); err != nil {
		t.Fatal(err)
	}
	if got := map[string]bool{<-heard: true, <-heard: true}; !got["one rain"] || !got["two rain"] {
		t.Error(got)
	}
	endpoint, err := owner.OpenEndpoint(ctx, func(_ context.Context, call *sdk.Call) error { return call.Send([]byte("the endpoint")) })
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[sdk.Target]string{sdk.ModuleTarget("owner"): "the module", sdk.DynamicEndpointTarget(endpoint.Name()): "the endpoint"} {
		if answer, err := client.Unary(ctx, "", nil, sdk.To(target)); string(answer) != want || err != nil {
			t.Errorf("%v: %q, %v", target.Kind, answer, err)
		}
	}
	// A reply to a call that waits: its stream's id names it.
	asker := module(host, "asker")
	replied := make(chan string, 1)
	asker.HandleReply(func(_ context.Context, call *sdk.Call) error {
		message, err := call.Recv()
		replied <- string(message)
		return errors.Join(err, call.Send([]byte("thanks")))
	})
	host.Start(asker)
	answerer := module(host, "answerer")
	answerer.HandleUnary("ask", func(ctx context.Context, _ []byte) ([]byte, error) {
		id := sdk.ReplyID(sdk.CallOf(ctx).StreamID())
		return answerer.Client().Unary(ctx, "", []byte("which one?"), sdk.To(sdk.ReplyTarget(id)))
	})
	host.Start(answerer)
	if answer, err := asker.Client().Unary(ctx, "ask", nil); string(answer) != "thanks" || err != nil || <-replied != "which one?" {
		t.Errorf("%q, %v", answer, err)
	}
	endpoint.Close()
	eventually(t, func() bool {
		_, err := client.Unary(ctx, "", nil, sdk.To(sdk.DynamicEndpointTarget(endpoint.Name())))
		return errors.Is(err, sdk.CodeNotFound)
	})
}

func TestTypedPayloads(t *testing.T) {
	type point struct{ X, Y int }
	host := sdktest.NewHost(t)
	m := module(host, "provider")
	swap := sdk.Method[point, point]{Service: "swap", Request: sdk.JSON[point](), Answer: sdk.JSON[point]()}
	swap.HandleUnary(m, func(_ context.Context, p point) (point, error) { return point{p.Y, p.X}, nil })
	swap.Handle(m, sdk.BidiStream, func(_ context.Context, call *sdk.TypedCall[point, point]) error {
		for p, err := range call.All() {
			if err != nil {
				return err
			}
			if err := call.Send(point{p.Y, p.X}); err != nil {
				return err
			}
		}
		return nil
	})
	host.Start(m)
	client := host.Client("caller", quiet)
	ctx := within(t)
	if p, err := swap.Unary(ctx, client, point{1, 2}); p != (point{2, 1}) || err != nil {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := client.Unary(ctx, "swap", []byte("{")); !errors.Is(err, sdk.CodeInvalidArgument) {
		t.Error(err)
	}
	call, err := swap.BidiStream(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	if err := call.Send(point{3, 4}); err != nil {
		t.Fatal(err)
	}
	if p, err := call.Recv(); p != (point{4, 3}) || err != nil {
		t.Errorf("%v, %v", p, err)
	}
	_ = call.CloseSend()
	if _, err := call.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// A stream opened by a handler on the handler's own connection ends by itself, and with the handler's call.
func TestStreamsWithinAHandler(t *testing.T) {
	host := sdktest.NewHost(t)
	entered, gone := make(chan struct{}), make(chan error, 1)
	last := provider(host)
	last.Handle("wait", sdk.BidiStream, func(ctx context.Context, _ *sdk.Call) error {
		close(entered)
		<-ctx.Done()
		gone <- ctx.Err()
		return nil
	})
	host.Start(last)
	middle := module(host, "middle")
	middle.HandleUnary("middle", func(ctx context.Context, request []byte) ([]byte, error) {
		for range 3 {
			call, err := middle.Client().ServerStream(ctx, "count", []byte{2, 0, 0, 0})
			if err != nil {
				return nil, err
			}
			n := 0
			for _, err := range call.All() {
				if n++; err != nil || n > 2 {
					return nil, errors.Join(err, errors.New("count"))
				}
			}
		}
		if string(request) == "wait" {
			call, err := middle.Client().BidiStream(ctx, "wait")
			if err != nil {
				return nil, err
			}
			_, err = call.Recv()
			return nil, err
		}
		return request, nil
	})
	host.Start(middle)
	client := host.Client("caller", quiet)
	if answer, err := client.Unary(within(t), "middle", []byte("x")); string(answer) != "x" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-entered
		cancel()
	}()
	if _, err := client.Unary(ctx, "middle", []byte("wait")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-gone; err == nil {
		t.Error("the stream of the handler goes on")
	}
	eventually(t, func() bool { return host.Counts().Streams == 0 })
}

// A handler that returns early does not hold its caller up.
func TestAHandlerThatDoesNotReadToTheEnd(t *testing.T) {
	host := sdktest.NewHost(t)
	m := module(host, "provider")
	m.Handle("short", sdk.BidiStream, func(_ context.Context, call *sdk.Call) error {
		message, err := call.Recv()
		return errors.Join(err, call.Send(message))
	})
	host.Start(m)
	call, err := host.Client("caller", quiet).BidiStream(within(t), "short")
	must(t, err)
	for range messages() {
		must(t, call.Send([]byte("x")))
	}
	if _, err := call.Recv(); err != nil {
		t.Error(err)
	}
	if _, err := call.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	must(t, call.CloseSend())
	eventually(t, func() bool { return call.Outcome().IsSuccess() })
}

// Nothing is left running when all has stopped.
func TestNoGoroutineOfModulesIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("a host, a module and calls", func(t *testing.T) {
		host := sdktest.NewHost(t)
		host.Start(provider(host))
		allKinds(t, host.Client("caller", quiet))
	})
	eventually(t, func() bool { return runtime.NumGoroutine() <= before })
}

// The program of the guide, in a process of its own.
func TestTheGuidesModule(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	guide, err := os.ReadFile("../../docs/guides/go.md")
	if err != nil {
		t.Skip("outside a checkout")
	}
	block := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindSubmatch(guide)
	if block == nil {
		t.Fatal("the guide has no program")
	}
	folder := program(t, here(t), string(block[1]))
	if out, err := command(t, folder, "build", "-o", "shout", "."); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	path := filepath.Join(t.TempDir(), "ixt.sock")
	listener, err := net.Listen("unix", path)
	must(t, err)
	host := sdktest.NewHost(t, sdktest.WithRealTime())
	host.ServeListener(listener)
	shout := exec.Command(filepath.Join(folder, "shout"), "unix://"+path)
	must(t, shout.Start())
	defer func() { _ = shout.Process.Kill() }()
	eventually(t, func() bool { return host.Counts().Modules == 1 })
	client := host.Client("test", quiet)
	if answer, err := client.Unary(within(t), "shout", []byte("hello")); string(answer) != "HELLO" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
	if _, err := client.Unary(within(t), "shout", nil); !errors.Is(err, sdk.CodeInvalidArgument) {
		t.Error(err)
	}
	must(t, shout.Process.Signal(os.Interrupt))
	if err := shout.Wait(); err != nil {
		t.Error(err)
	}
	eventually(t, func() bool { return host.Counts().Modules == 1 })
}

// A caller or a provider that is killed: the other one is told, and nothing is left.
func TestAProviderThatIsGone(t *testing.T) {
	host := sdktest.NewHost(t)
	entered := make(chan struct{})
	connections := make(chan io.ReadWriteCloser, 1)
	dial := sdk.WithDialer(func(ctx context.Context, url string) (io.ReadWriteCloser, error) {
		conn, err := host.Dial(ctx, url)
		select {
		case connections <- conn:
		default:
		}
		return conn, err
	})
	m := module(host, "provider", dial)
	m.HandleUnary("hang", func(ctx context.Context, _ []byte) ([]byte, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	host.Start(m)
	client := host.Client("caller", quiet)
	answered := make(chan error, 1)
	go func() {
		_, err := client.Unary(context.Background(), "hang", nil)
		answered <- err
	}()
	<-entered
	must(t, (<-connections).Close())
	if err := <-answered; !errors.Is(err, sdk.CodeUnavailable) {
		t.Error(err)
	}
	eventually(t, func() bool { return host.Counts().Streams == 0 })
}

// In steady state a message costs no allocation of its own but for its share of a chunk.
func TestStreamsAllocateLittle(t *testing.T) {
	if debugging {
		t.Skip("every call collects garbage")
	}
	host := sdktest.NewHost(t)
	host.Start(provider(host))
	call, err := host.Client("caller", quiet).BidiStream(within(t), "echo")
	must(t, err)
	message := make([]byte, 64)
	echo := func() {
		for range 32 {
			must(t, call.Send(message))
		}
		for range 32 {
			_, err := call.Recv()
			must(t, err)
		}
	}
	for range 50 {
		echo()
	}
	if n := testing.AllocsPerRun(200, echo) / 32; n > 0.5 {
		t.Errorf("%.2f allocations a message, there and back", n)
	}
	call.Cancel(sdk.CancelConsumerGone, "")
}
