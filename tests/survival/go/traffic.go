package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// pause is how long a worker waits after a call that did not end well.
const pause = 10 * time.Millisecond

// begin has two workers for each of these services of the provider call it, one call after the other.
func begin(ctx context.Context, client *sdk.Client, provider string, services []string, counts *tally) {
	round := counts.begin()
	kinds := map[string]func(context.Context, *sdk.Client, string, int) (bool, error){
		"upper": upper, "count": count, "sum": summed, "echo": echo,
	}
	for _, service := range services {
		for worker := range 2 {
			go func() {
				for turn := worker; counts.runs(round); turn += 2 {
					counts.do(func() { counts.busy++ })
					right, err := kinds[service](ctx, client, provider, turn)
					counts.called(service, err)
					if err != nil {
						time.Sleep(pause)
					} else if !right {
						counts.fail("%s.%s answers turn %d with something else", provider, service, turn)
					}
				}
			}()
		}
	}
}

func upper(ctx context.Context, client *sdk.Client, provider string, turn int) (bool, error) {
	size := turn * 7919 % 30_000
	answer, err := client.Unary(ctx, provider+".upper", bytes.Repeat([]byte("a"), size))
	return bytes.Equal(answer, bytes.Repeat([]byte("A"), size)), err
}

func count(ctx context.Context, client *sdk.Client, provider string, turn int) (bool, error) {
	until := 1 + turn*613%3000
	call, err := client.ServerStream(ctx, provider+".count", strconv.AppendInt(nil, int64(until), 10))
	if err != nil {
		return false, err
	}
	return counted(call, until)
}

// counted reads the numbers up to one that does not come any more.
func counted(call *sdk.Call, until int) (bool, error) {
	right, next := true, 0
	for message, err := range call.All() {
		if err != nil {
			return false, err
		}
		right = right && string(message) == strconv.Itoa(next)
		next++
	}
	return right && next == until, nil
}

func summed(ctx context.Context, client *sdk.Client, provider string, turn int) (bool, error) {
	count := 1 + turn*37%500
	call, err := client.ClientStream(ctx, provider+".sum")
	if err != nil {
		return false, err
	}
	for range count {
		if err := call.Send(bytes.Repeat([]byte{7}, 100)); err != nil {
			return false, err
		}
	}
	answer, err := call.CloseAndRecv()
	return string(answer) == fmt.Sprintf("%d:%d", count, count*100), err
}

// echo sends and reads at once.
func echo(ctx context.Context, client *sdk.Client, provider string, turn int) (bool, error) {
	count := 1 + turn*101%2000
	call, err := client.BidiStream(ctx, provider+".echo")
	if err != nil {
		return false, err
	}
	sent := make(chan error, 1)
	go func() {
		for number := range count {
			if err := call.Send(strconv.AppendInt(nil, int64(number), 10)); err != nil {
				sent <- err
				return
			}
		}
		sent <- call.CloseSend()
	}()
	right, err := counted(call, count)
	// What the reader hears says more than that the sender could not go on.
	if senders := <-sent; err == nil && !errors.Is(senders, io.EOF) {
		err = senders
	}
	return right, err
}
