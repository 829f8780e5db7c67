// Go's program of the matrix; see tests/matrix/README.md.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"

	sdk "github.com/h-dv/ixt/bindings/go"
	_ "github.com/h-dv/ixt/bindings/go/ixtnats" // nats:// in the place of a host
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case len(os.Args) == 4 && os.Args[1] == "serve":
		err = serve(ctx, os.Args[2], os.Args[3])
	case len(os.Args) == 5 && os.Args[1] == "call":
		err = call(ctx, os.Args[2], os.Args[3], os.Args[4])
	default:
		err = errors.New("usage: serve URL ROOTS | call URL ROOTS PROVIDER")
	}
	if err != nil {
		log.Fatal(err)
	}
}

func trusting(roots string) ([]sdk.ModuleOption, error) {
	if roots == "-" {
		return nil, nil
	}
	pem, err := os.ReadFile(roots)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + roots)
	}
	return []sdk.ModuleOption{sdk.WithTLS(&tls.Config{RootCAs: pool})}, nil
}

func backwards(message []byte) []byte {
	slices.Reverse(message)
	return message
}

func serve(ctx context.Context, url, roots string) error {
	options, err := trusting(roots)
	if err != nil {
		return err
	}
	module := sdk.NewModule("go", options...)
	module.HandleUnary("go.unary", func(_ context.Context, message []byte) ([]byte, error) {
		return backwards(bytes.Clone(message)), nil
	})
	module.HandleMessage("go.message", func(_ context.Context, payload *sdk.HandlePayload) ([]byte, error) {
		if payload.Method != "backwards" {
			return nil, sdk.Errorf(sdk.CodeNotFound, "%s", payload.Method)
		}
		return backwards(payload.Body), nil
	})
	module.Handle("go.client", sdk.ClientStream, func(_ context.Context, call *sdk.Call) error {
		count, size := 0, 0
		for message, err := range call.All() {
			if err != nil {
				return err
			}
			count++
			size += len(message)
		}
		return call.Send(fmt.Appendf(nil, "%d:%d", count, size))
	})
	module.Handle("go.server", sdk.ServerStream, func(_ context.Context, call *sdk.Call) error {
		message, err := call.Recv()
		if err != nil {
			return err
		}
		until, err := strconv.Atoi(string(message))
		if err != nil {
			return err
		}
		for number := range until {
			if err := call.Send(strconv.AppendInt(nil, int64(number), 10)); err != nil {
				return err
			}
		}
		return nil
	})
	module.Handle("go.bidi", sdk.BidiStream, func(_ context.Context, call *sdk.Call) error {
		for message, err := range call.All() {
			if err != nil {
				return err
			}
			if err := call.Send(backwards(message)); err != nil {
				return err
			}
		}
		return nil
	})
	return module.Serve(ctx, url)
}

// digest is FNV-1a over the length and the bytes of each message.
type digest struct{ hash.Hash64 }

func newDigest() digest { return digest{fnv.New64a()} }

func (d digest) add(message []byte) {
	d.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(message))))
	d.Write(message)
}

func call(ctx context.Context, url, roots, provider string) error {
	options, err := trusting(roots)
	if err != nil {
		return err
	}
	client, err := sdk.Dial(ctx, url, "go-calls-"+provider, options...)
	if err != nil {
		return err
	}
	defer client.Close()

	d := newDigest()
	for _, size := range []int{0, 1, 64, 70_000, 1 << 20} {
		message := make([]byte, size)
		for i := range message {
			message[i] = byte(i % 251)
		}
		answer, err := client.Unary(ctx, provider+".unary", message)
		if err != nil {
			return err
		}
		d.add(answer)
	}
	fmt.Printf("unary %016x\n", d.Sum64())

	d = newDigest()
	for _, size := range []int{0, 1, 64, 70_000, 1_000_000} {
		message := make([]byte, size)
		for i := range message {
			message[i] = byte(i % 251)
		}
		answer, err := client.Message(ctx, provider+".message", "backwards", message)
		if err != nil {
			return err
		}
		d.add(answer)
	}
	if _, err := client.Message(ctx, provider+".message", "forwards", nil); !errors.Is(err, sdk.CodeNotFound) {
		return fmt.Errorf("an unknown method: %v", err)
	}
	fmt.Printf("message %016x\n", d.Sum64())

	stream, err := client.ClientStream(ctx, provider+".client")
	if err != nil {
		return err
	}
	for size := range 300 {
		if err := stream.Send(bytes.Repeat([]byte{7}, size)); err != nil {
			return err
		}
	}
	answer, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	fmt.Printf("client %s\n", answer)

	d = newDigest()
	stream, err = client.ServerStream(ctx, provider+".server", []byte("1000"))
	if err != nil {
		return err
	}
	for message, err := range stream.All() {
		if err != nil {
			return err
		}
		d.add(message)
	}
	fmt.Printf("server %016x\n", d.Sum64())

	d = newDigest()
	stream, err = client.BidiStream(ctx, provider+".bidi")
	if err != nil {
		return err
	}
	for number := range 300 {
		if err := stream.Send(strconv.AppendInt(nil, int64(number), 10)); err != nil {
			return err
		}
		message, err := stream.Recv()
		if err != nil {
			return err
		}
		d.add(message)
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := stream.Recv(); err != io.EOF {
		return fmt.Errorf("a message too many, or %w", err)
	}
	fmt.Printf("bidi %016x\n", d.Sum64())
	return nil
}
