package sdktest_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
	"github.com/h-dv/ixt/bindings/go/sdktest"
)

func TestAModuleIsCalled(t *testing.T) {
	host := sdktest.NewHost(t)
	module := sdk.NewModule("thumbs", host.Options()...)
	module.HandleUnary("thumbs", func(_ context.Context, request []byte) ([]byte, error) {
		return bytes.ToUpper(request), nil
	})
	host.Start(module)
	client := host.Client("test")
	answer, err := client.Unary(context.Background(), "thumbs", []byte("picture"))
	if string(answer) != "PICTURE" || err != nil {
		t.Fatalf("%q, %v", answer, err)
	}
	if _, err := client.Unary(context.Background(), "nothing", nil); !errors.Is(err, sdk.CodeNotFound) {
		t.Error(err)
	}
	if counts := host.Counts(); counts.Modules != 2 || counts.Streams != 0 {
		t.Errorf("%+v", counts)
	}
	if refusals := host.Refusals(); len(refusals) != 1 {
		t.Errorf("%q", refusals)
	}
}

// An hour's deadline passes at once, and not before its time.
func TestADeadlineByTheClockOfTheTest(t *testing.T) {
	host := sdktest.NewHost(t)
	module := sdk.NewModule("slow", host.Options()...)
	cancelled, entered := make(chan error, 1), make(chan struct{})
	module.HandleUnary("slow", func(ctx context.Context, _ []byte) ([]byte, error) {
		close(entered)
		<-ctx.Done()
		cancelled <- ctx.Err()
		return nil, ctx.Err()
	})
	host.Start(module)
	client := host.Client("test")
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		_, err := client.Unary(ctx, "slow", nil)
		answered <- err
	}()
	<-entered
	host.Advance(59 * time.Minute)
	select {
	case err := <-answered:
		t.Fatal("too early:", err)
	case <-time.After(20 * time.Millisecond):
	}
	host.Advance(2 * time.Minute)
	if err := <-answered; !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := <-cancelled; !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
