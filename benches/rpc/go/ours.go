package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	sdk "github.com/h-dv/ixt/bindings/go"
	_ "github.com/h-dv/ixt/bindings/go/ixtnats" // nats:// in the place of a host
)

// As much as gRPC's 64 KiB lets 64-byte messages be under way.
var config = sdk.WithConnection(sdk.ConnectionConfig{Window: 1024, InitialCredit: 1024})

// serveOurs listens at the URL itself, or is a module at what is there: a host.
func serveOurs(url string, throughHost bool) error {
	module := sdk.NewModule("echo", config)
	module.HandleUnary("unary", func(_ context.Context, request []byte) ([]byte, error) { return request, nil })
	module.Handle("each", sdk.BidiStream, func(_ context.Context, call *sdk.Call) error {
		for {
			message, err := call.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := call.Send(message); err != nil {
				return err
			}
		}
	})
	module.Handle("count", sdk.ClientStream, func(_ context.Context, call *sdk.Call) error {
		bytes := 0
		for {
			message, err := call.Recv()
			if errors.Is(err, io.EOF) {
				return call.Send([]byte(strconv.Itoa(bytes)))
			}
			if err != nil {
				return err
			}
			bytes += len(message)
		}
	})
	ctx, stop := signal.NotifyContext(background, syscall.SIGTERM)
	defer stop()
	if throughHost {
		return module.Serve(ctx, url)
	}
	listener, err := net.Listen("unix", strings.TrimPrefix(url, "unix://"))
	if err != nil {
		return err
	}
	return module.ServeListener(ctx, listener)
}

type ours struct{ client *sdk.Client }

func connectOurs(url string, throughHost bool) (side, error) {
	options := []sdk.ModuleOption{config}
	if !throughHost {
		options = append(options, sdk.WithoutHost())
	}
	client, err := sdk.Dial(background, url, "caller", options...)
	return ours{client}, err
}

func (o ours) unary(payload []byte) (int, error) {
	answer, err := o.client.Unary(background, "unary", payload)
	return len(answer), err
}

func (o ours) each(payload []byte, count int) (int, error) {
	call, err := o.client.BidiStream(background, "each")
	if err != nil {
		return 0, err
	}
	sent := make(chan error, 1)
	go func() {
		for range count {
			if err := call.Send(payload); err != nil {
				sent <- err
				return
			}
		}
		sent <- call.CloseSend()
	}()
	bytes := 0
	for {
		message, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return bytes, <-sent
		}
		if err != nil {
			return 0, err
		}
		bytes += len(message)
	}
}

func (o ours) count(payload []byte, count int) (int, error) {
	call, err := o.client.ClientStream(background, "count")
	if err != nil {
		return 0, err
	}
	for range count {
		if err := call.Send(payload); err != nil {
			return 0, err
		}
	}
	answer, err := call.CloseAndRecv()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(answer))
}
