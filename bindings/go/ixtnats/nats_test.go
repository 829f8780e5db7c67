package ixtnats_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	sdk "github.com/h-dv/ixt/bindings/go"
	"github.com/h-dv/ixt/bindings/go/ixtnats"
)

// quiet keeps the pauses short, and the log empty.
var quiet = []sdk.ModuleOption{
	sdk.WithBackoff(sdk.Backoff{First: 20 * time.Millisecond, Most: 200 * time.Millisecond}),
	sdk.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))),
	sdk.WithGrace(2 * time.Second),
}

// echo is a module with all kinds under its name; sleeper never answers.
func echo(name string, options ...sdk.ModuleOption) *sdk.Module {
	m := sdk.NewModule(name, append(append([]sdk.ModuleOption{}, quiet...), options...)...)
	m.HandleUnary("echo", func(_ context.Context, b []byte) ([]byte, error) { return b, nil })
	m.HandleUnary("name", func(context.Context, []byte) ([]byte, error) { return []byte(name), nil })
	m.HandleUnary("sleep", func(ctx context.Context, _ []byte) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
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
	m.Handle("echo", sdk.ServerStream, func(_ context.Context, call *sdk.Call) error {
		message, err := call.Recv()
		for i := 0; i < 1000 && err == nil; i++ {
			err = call.Send(message)
		}
		return err
	})
	m.Handle("echo", sdk.ClientStream, func(_ context.Context, call *sdk.Call) error {
		var all []byte
		for message, err := range call.All() {
			if err != nil {
				return err
			}
			all = append(all, message...)
		}
		return call.Send(all)
	})
	return m
}

// serve has a module serve until the test ends, or what is given is called.
func serve(t testing.TB, m *sdk.Module, url string) (stop func()) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- m.Serve(context.Background(), url) }()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := m.Ready(ctx); err != nil {
		t.Fatalf("%s: %v", m.Name(), err)
	}
	once := sync.OnceFunc(func() {
		m.Stop()
		if err := <-served; err != nil {
			t.Errorf("%s: %v", m.Name(), err)
		}
	})
	t.Cleanup(once)
	return once
}

func dial(t testing.TB, url, name string, options ...sdk.ModuleOption) *sdk.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client, err := sdk.Dial(ctx, url, name, append(append([]sdk.ModuleOption{}, quiet...), options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAllKinds(t *testing.T) {
	s := newServer(t, "")
	serve(t, echo("provider"), s.url())
	client, ctx := dial(t, s.url(), "caller"), limited(t)
	for _, size := range []int{0, 1, 64, 70_000, 1 << 20} {
		message := bytes.Repeat([]byte{7}, size)
		answer, err := client.Unary(ctx, "echo", message)
		if err != nil || !bytes.Equal(answer, message) {
			t.Fatalf("%d bytes: %d, %v", size, len(answer), err)
		}
	}
	call, err := client.ServerStream(ctx, "echo", []byte("again"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for message, err := range call.All() {
		if err != nil || string(message) != "again" {
			t.Fatal(string(message), err)
		}
		count++
	}
	if count != 1000 {
		t.Error(count)
	}
	call, err = client.ClientStream(ctx, "echo")
	for i := 0; i < 300 && err == nil; i++ {
		err = call.Send([]byte{byte(i)})
	}
	if err != nil {
		t.Fatal(err)
	}
	if all, err := call.CloseAndRecv(); err != nil || len(all) != 300 {
		t.Error(len(all), err)
	}
	call, err = client.BidiStream(ctx, "echo")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if err := call.Send([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		if message, err := call.Recv(); err != nil || message[0] != byte(i) {
			t.Fatal(message, err)
		}
	}
	if err := call.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := call.Recv(); err != io.EOF {
		t.Error(err)
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	s := newServer(t, "")
	serve(t, echo("provider"), s.url())
	client, ctx := dial(t, s.url(), "caller"), limited(t)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for j := range 40 {
				message := bytes.Repeat([]byte{byte(i)}, 1+j*97)
				if answer, err := client.Unary(ctx, "echo", message); err != nil || !bytes.Equal(answer, message) {
					t.Error(len(answer), err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestTwoProvidersShare(t *testing.T) {
	s := newServer(t, "")
	serve(t, echo("one"), s.url())
	serve(t, echo("two"), s.url())
	client, ctx := dial(t, s.url(), "caller"), limited(t)
	served := map[string]int{}
	for range 200 {
		name, err := client.Unary(ctx, "name", nil)
		if err != nil {
			t.Fatal(err)
		}
		served[string(name)]++
	}
	if served["one"] < 20 || served["two"] < 20 {
		t.Error(served)
	}
}

// Its own service is that of another one, or nobody's.
func TestAModuleDoesNotAnswerItself(t *testing.T) {
	s := newServer(t, "")
	one := echo("one")
	serve(t, one, s.url())
	ctx := limited(t)
	if name, err := one.Client().Unary(ctx, "name", nil); !errors.Is(err, sdk.CodeNotFound) {
		t.Error(string(name), err)
	}
	serve(t, echo("two"), s.url())
	for range 20 {
		if name, err := one.Client().Unary(ctx, "name", nil); string(name) != "two" || err != nil {
			t.Error(string(name), err)
		}
	}
}

func TestBroadcasts(t *testing.T) {
	s := newServer(t, "")
	var heard atomic.Int32
	for _, name := range []string{"one", "two"} {
		m := echo(name)
		m.Subscribe("news", func(_ context.Context, call *sdk.Call) error {
			message, err := call.Recv()
			if string(message) == "hello" && err == nil {
				heard.Add(1)
			}
			return err
		})
		serve(t, m, s.url())
	}
	client := dial(t, s.url(), "caller")
	if err := client.Broadcast(limited(t), "news", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both hear it", func() bool { return heard.Load() == 2 })
}

func TestNobodyAnswers(t *testing.T) {
	s := newServer(t, "")
	client, ctx := dial(t, s.url(), "caller"), limited(t)
	began := time.Now()
	if _, err := client.Unary(ctx, "nobody", nil); !errors.Is(err, sdk.CodeNotFound) {
		t.Error(err)
	}
	within(t, began, time.Second, "notFound")
}

func TestDeadlinesAndCancels(t *testing.T) {
	s := newServer(t, "")
	provider, ended := echo("provider"), make(chan error, 2)
	provider.HandleUnary("wait", func(ctx context.Context, _ []byte) ([]byte, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	serve(t, provider, s.url())
	client := dial(t, s.url(), "caller")
	ctx, cancel := context.WithTimeout(limited(t), 100*time.Millisecond)
	defer cancel()
	if _, err := client.Unary(ctx, "wait", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(limited(t))
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := client.Unary(ctx, "wait", nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the handler was not cancelled")
	}
}

// TestMain is the provider of the test below, in a process of its own.
func TestMain(m *testing.M) {
	if url := os.Getenv("IXTNATS_PROVIDE"); url != "" {
		_ = echo("provider").Serve(context.Background(), url)
		return
	}
	os.Exit(m.Run())
}

func TestAProviderThatIsKilled(t *testing.T) {
	s := newServer(t, "")
	provider := exec.Command(os.Args[0])
	provider.Env = append(os.Environ(), "IXTNATS_PROVIDE="+s.url())
	if err := provider.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = provider.Wait() }()
	client, ctx := dial(t, s.url(), "caller"), limited(t)
	eventually(t, "the provider is there", func() bool {
		_, err := client.Unary(ctx, "echo", nil)
		return err == nil
	})
	failed := make(chan error, 1)
	go func() {
		_, err := client.Unary(ctx, "sleep", nil)
		failed <- err
	}()
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	_ = provider.Process.Kill()
	select {
	case err := <-failed:
		if !errors.Is(err, sdk.CodeUnavailable) {
			t.Error(err)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("the call did not end")
	}
	within(t, began, 2*time.Second, "unavailable")
}

func TestAServerThatIsKilledAndStartedAgain(t *testing.T) {
	s := newServer(t, "")
	provider := echo("provider")
	serve(t, provider, s.url())
	client, ctx := dial(t, s.url(), "caller"), limited(t)
	if _, err := client.Unary(ctx, "echo", nil); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := client.Unary(ctx, "sleep", nil)
		failed <- err
	}()
	time.Sleep(50 * time.Millisecond)
	s.kill()
	// Longer than the client waits: the modules have to connect anew.
	select {
	case err := <-failed:
		if !errors.Is(err, sdk.CodeUnavailable) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the call did not end")
	}
	eventually(t, "the module finds that it has no connection", func() bool {
		return provider.Health().State == sdk.HealthConnecting
	})
	s.start()
	eventually(t, "calls arrive again", func() bool {
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		answer, err := client.Unary(short, "echo", []byte("again"))
		return err == nil && string(answer) == "again"
	})
}

// A server that is back within the lease: the clients come back by themselves, and the modules never know.
func TestAServerThatIsBackSoon(t *testing.T) {
	s := newServer(t, "")
	provider := echo("provider")
	serve(t, provider, s.url())
	client, ctx := dial(t, s.url(), "caller"), limited(t)
	if _, err := client.Unary(ctx, "echo", nil); err != nil {
		t.Fatal(err)
	}
	since := provider.Health().Since
	s.kill()
	s.start()
	eventually(t, "calls arrive again", func() bool {
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		answer, err := client.Unary(short, "echo", []byte("again"))
		return err == nil && string(answer) == "again"
	})
	if health := provider.Health(); health.State != sdk.HealthServing || !health.Since.Equal(since) {
		t.Errorf("%+v", health)
	}
}

// A server that neither reads nor writes holds nobody up beyond its deadline, nor a module that leaves.
func TestAServerThatStandsStill(t *testing.T) {
	s := newServer(t, "")
	serve(t, echo("provider"), s.url())
	client, ctx := dial(t, s.url(), "caller"), limited(t)
	if _, err := client.Unary(ctx, "echo", nil); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGSTOP)
	defer s.signal(syscall.SIGCONT)
	var all sync.WaitGroup
	for size := range 40 {
		all.Go(func() {
			short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
			defer cancel()
			began := time.Now()
			if _, err := client.Unary(short, "echo", make([]byte, size<<15)); err == nil {
				t.Error("answered by nobody")
			}
			within(t, began, 1500*time.Millisecond, "a call with a deadline of 0.5 s")
		})
	}
	all.Wait()
	began := time.Now()
	client.Close()
	within(t, began, 5*time.Second, "leaving")
}

// narrow has sockets hold little that was not read.
type narrow struct{}

func (narrow) Dial(network, address string) (net.Conn, error) {
	conn, err := net.Dial(network, address)
	if socket, ok := conn.(*net.TCPConn); ok {
		_ = socket.SetWriteBuffer(4 << 10)
	}
	return conn, err
}

// The same for small calls, which are published by who makes them: until the sockets hold no more.
func TestAServerThatStandsStillForSmallCalls(t *testing.T) {
	s := newServer(t, "")
	serve(t, echo("provider"), s.url())
	narrow := sdk.WithDialer(ixtnats.Dialer(nats.SetCustomDialer(narrow{})))
	client, ctx := dial(t, s.url(), "caller", narrow), limited(t)
	if _, err := client.Unary(ctx, "echo", nil); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGSTOP)
	defer s.signal(syscall.SIGCONT)
	for range 600 { // one after the other: each is written by its own goroutine
		short, cancel := context.WithTimeout(ctx, 3*time.Millisecond)
		began := time.Now()
		_, _ = client.Unary(short, "echo", make([]byte, 3000))
		within(t, began, time.Second, "a call with a deadline of 3 ms")
		cancel()
	}
}

func TestPermissions(t *testing.T) {
	s := newServer(t, `
authorization {
  users = [
    {user: "all", password: "secret"}
    {user: "few", password: "p@ss:word", permissions: {
      publish: {deny: ["ixt.s-echo.>"]}, subscribe: {deny: ["ixt.s-forbidden.>"]}}}
  ]
}`)
	as := func(user string) string { return "nats://" + user + "@" + s.address }
	serve(t, echo("provider"), as("all:secret"))
	client, ctx := dial(t, as("few:p%40ss%3Aword"), "caller"), limited(t)
	began := time.Now()
	_, err := client.Unary(ctx, "echo", nil)
	if !errors.Is(err, sdk.CodePermissionDenied) {
		t.Error(err)
	}
	within(t, began, time.Second, "permissionDenied")
	if name, err := client.Unary(ctx, "name", nil); err != nil || string(name) != "provider" {
		t.Error(string(name), err)
	}
	// Who may not listen is not announced, every time.
	for range 20 {
		m := sdk.NewModule("forbidden", quiet...)
		m.HandleUnary("forbidden", func(context.Context, []byte) ([]byte, error) { return nil, nil })
		if err := m.Serve(ctx, as("few:p%40ss%3Aword")); !errors.Is(err, sdk.CodePermissionDenied) {
			t.Fatal(err)
		}
	}
	// Nor who is not let in; the password is nobody's business.
	_, err = ixtnats.Dialer()(ctx, as("few:hunter2"))
	var refused *net.OpError
	if !errors.As(err, &refused) || !errors.Is(err, nats.ErrAuthorization) || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestLeavesInOrder(t *testing.T) {
	s := newServer(t, "")
	provider, entered := echo("provider"), make(chan struct{})
	provider.HandleUnary("slow", func(context.Context, []byte) ([]byte, error) {
		close(entered)
		time.Sleep(300 * time.Millisecond)
		return []byte("done"), nil
	})
	stop := serve(t, provider, s.url())
	client, ctx := dial(t, s.url(), "caller"), limited(t)
	answered := make(chan error, 1)
	go func() {
		answer, err := client.Unary(ctx, "slow", nil)
		if err == nil && string(answer) != "done" {
			err = errors.New(string(answer))
		}
		answered <- err
	}()
	<-entered
	began := time.Now()
	stop()
	within(t, began, 2*time.Second, "leaving")
	if err := <-answered; err != nil {
		t.Error(err)
	}
	began = time.Now()
	if _, err := client.Unary(ctx, "echo", nil); !errors.Is(err, sdk.CodeNotFound) {
		t.Error(err)
	}
	within(t, began, time.Second, "notFound")
}

// A provider under load leaves, and nobody's call is lost on the way: each is answered, or refused at once.
func TestLeavesUnderLoad(t *testing.T) {
	s := newServer(t, "")
	stop := serve(t, echo("one"), s.url())
	serve(t, echo("two"), s.url())
	client, ctx := dial(t, s.url(), "caller"), limited(t)
	var all sync.WaitGroup
	var lost atomic.Int32
	done := make(chan struct{})
	for range 8 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				began := time.Now()
				_, err := client.Unary(ctx, "name", nil)
				refused := errors.Is(err, sdk.CodeUnavailable) || errors.Is(err, sdk.CodeNotFound)
				if err != nil && !refused || time.Since(began) > 2*time.Second {
					lost.Add(1)
				}
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	stop()
	time.Sleep(100 * time.Millisecond)
	close(done)
	all.Wait()
	if lost.Load() != 0 {
		t.Errorf("%d calls", lost.Load())
	}
}

func TestARefusedConnection(t *testing.T) {
	s := newServer(t, "")
	s.kill()
	_, err := ixtnats.Dialer()(limited(t), "nats://alice:secret@"+s.address)
	var refused *net.OpError
	if !errors.As(err, &refused) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%#v", err)
	}
	if text := err.Error(); strings.Contains(text, "secret") || !strings.Contains(text, s.address) {
		t.Error(text)
	}
	// The second of two hosts will do.
	other := newServer(t, "")
	dial(t, "nats://"+s.address+","+other.address, "caller")
}

// A dial ends with its context, also where somebody listens who never says a word.
func TestADialIsGivenUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := ixtnats.Dialer()(ctx, "nats://"+listener.Addr().String()); err == nil {
		t.Error("connected to nobody")
	}
	within(t, began, time.Second, "giving up")
}
