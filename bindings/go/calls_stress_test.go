package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
	"github.com/h-dv/ixt/bindings/go/sdktest"
)

// Calls of all kinds at once, with cancels, deadlines and connections that break at random moments: every call ends,
// with an answer or with a reason, and nothing is left.
func TestCallsUnderStress(t *testing.T) {
	host := sdktest.NewHost(t, sdktest.WithRealTime())
	quick := sdk.WithBackoff(sdk.Backoff{First: time.Millisecond, Most: 10 * time.Millisecond})
	m := provider(host, quick, sdk.WithConnection(sdk.ConnectionConfig{Window: 4}))
	m.HandleUnary("chain", func(ctx context.Context, request []byte) ([]byte, error) {
		return m.Client().Unary(ctx, "other", request)
	})
	host.Start(m)
	other := module(host, "other", quick)
	other.HandleUnary("other", func(_ context.Context, request []byte) ([]byte, error) { return request, nil })
	host.Start(other)
	client := host.Client("caller", quiet, quick)

	duration := 2 * time.Second
	if testing.Short() {
		duration = 500 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), duration)
	defer cancel()
	var good, bad atomic.Int64
	var workers sync.WaitGroup
	for worker := range 12 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for ctx.Err() == nil {
				if err := oneCall(ctx, client, random); err == nil {
					good.Add(1)
				} else if isReason(err) {
					bad.Add(1)
				} else {
					t.Errorf("no reason: %v", err)
				}
			}
		}()
	}
	workers.Add(1)
	go func() {
		defer workers.Done()
		for ctx.Err() == nil {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
			host.Disconnect()
		}
	}()
	finished := make(chan struct{})
	go func() { workers.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-time.After(60 * time.Second):
		panic("a call does not end")
	}
	if good.Load() < 10 && !debugging {
		t.Errorf("%d calls went well, %d did not", good.Load(), bad.Load())
	}
	eventually(t, func() bool { return host.Counts().Streams == 0 })
	eventually(t, func() bool {
		stats := m.Health().Connection
		return stats.Streams <= 1 // the announcement
	})
}

func oneCall(ctx context.Context, client *sdk.Client, random *rand.Rand) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(100)+1)*time.Millisecond)
	defer cancel()
	if random.IntN(4) == 0 {
		time.AfterFunc(time.Duration(random.IntN(2000))*time.Microsecond, cancel)
	}
	text := fmt.Appendf(nil, "%d", random.Uint64())
	switch random.IntN(4) {
	case 0:
		answer, err := client.Unary(ctx, "unary", text)
		if err == nil && string(answer) != "re: "+string(text) {
			return fmt.Errorf("another call's answer: %q", answer)
		}
		return err
	case 1:
		answer, err := client.Unary(ctx, "chain", text)
		if err == nil && string(answer) != string(text) {
			return fmt.Errorf("another call's answer: %q", answer)
		}
		return err
	case 2:
		call, err := client.ServerStream(ctx, "count", []byte{50, 0, 0, 0})
		if err != nil {
			return err
		}
		expected := byte(0)
		for message, err := range call.All() {
			if err != nil {
				return err
			}
			if message[0] != expected {
				return fmt.Errorf("message %d in the place of %d", message[0], expected)
			}
			expected++
			if expected == 25 && random.IntN(3) == 0 {
				call.Cancel(sdk.CancelConsumerGone, "enough")
			}
		}
		return nil
	default:
		call, err := client.BidiStream(ctx, "echo")
		if err != nil {
			return err
		}
		go func() {
			for range 20 {
				if call.Send(text) != nil {
					return
				}
			}
			_ = call.CloseSend()
		}()
		for {
			message, err := call.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if string(message) != string(text) {
				return fmt.Errorf("another call's message: %q", message)
			}
		}
	}
}

// isReason says whether a call may end so under the stress.
func isReason(err error) bool {
	for _, reason := range []error{
		context.Canceled, context.DeadlineExceeded, sdk.CodeUnavailable, sdk.CodeNotFound, sdk.CodeCancelled, sdk.CodeDeadlineExceeded,
	} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}
