// The Go module of the system demo: it calls the module in Rust.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	sdk "github.com/h-dv/ixt/bindings/go"
	_ "github.com/h-dv/ixt/bindings/go/ixtnats" // nats:// in the place of a host
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("the host's URL is missing")
	}
	module := sdk.NewModule("go")
	client := module.Client()
	module.HandleUnary("go.shout", func(ctx context.Context, request []byte) ([]byte, error) {
		answer, err := client.Unary(ctx, "rust.shout", request)
		if err != nil {
			return nil, err
		}
		return fmt.Appendf(answer, ", called by Go for %s", sdk.InvocationOf(ctx).SourceModule), nil
	})
	module.HandleUnary("go.nap", func(ctx context.Context, request []byte) ([]byte, error) {
		defer told(ctx, "nap")
		return client.Unary(ctx, "rust.nap", request)
	})
	module.Handle("go.ticks", sdk.ServerStream, func(ctx context.Context, call *sdk.Call) error {
		defer told(ctx, "ticks")
		request, err := call.Recv()
		if err != nil {
			return err
		}
		ticks, err := client.ServerStream(ctx, "rust.ticks", request)
		if err != nil {
			return err
		}
		for {
			tick, err := ticks.Recv()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := call.Send(tick); err != nil {
				return err
			}
		}
	})

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		if module.Ready(ctx) == nil {
			fmt.Println("go: ready")
		}
	}()
	if err := module.Serve(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

// told says that a handler was stopped, and why.
func told(ctx context.Context, what string) {
	if ctx.Err() != nil {
		fmt.Printf("go: %s for %s was stopped: %v\n", what, sdk.InvocationOf(ctx).SourceModule, ctx.Err())
	}
}
