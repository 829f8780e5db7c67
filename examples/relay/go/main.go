// The Go hop of the relay: it provides relay.go and passes every message on to relay.c, and every answer back.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	sdk "github.com/h-dv/ixt/bindings/go"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("the host's URL is missing")
	}
	// A message is done with when the next one is taken, so this hop reads no faster than the next hop.
	module := sdk.NewModule("go", sdk.WithConnection(sdk.ConnectionConfig{Window: 8}))
	client := module.Client()
	module.Handle("relay.go", sdk.BidiStream, func(ctx context.Context, call *sdk.Call) error {
		// For this call, so that it has its deadline and no more authority, and ends with it.
		next, err := client.BidiStream(ctx, "relay.c")
		if err != nil {
			return err
		}
		forward := make(chan error, 1)
		go func() { forward <- passOn(call, next) }()
		if err := passOn(next, call); err != nil {
			return err
		}
		return <-forward
	}, sdk.Requires("relay.stream"))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := module.Serve(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

// passOn sends what one stream receives on another one, to its end.
func passOn(from, to *sdk.Call) error {
	for message, err := range from.All() {
		if err != nil {
			return err
		}
		if err := to.Send(message); err != nil {
			return err
		}
	}
	return to.CloseSend()
}
