package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// serve adds what the program provides.
func serve(module *sdk.Module, counts *tally) {
	add := func(service string, kind sdk.InteractionKind, handler func(call *sdk.Call) error) {
		module.Handle(module.Name()+"."+service, kind, func(_ context.Context, call *sdk.Call) error {
			counts.answered(service, call)
			return handler(call)
		})
	}
	add("upper", sdk.Unary, func(call *sdk.Call) error {
		message, err := call.Recv()
		if err != nil {
			return err
		}
		return call.Send(bytes.ToUpper(message))
	})
	add("count", sdk.ServerStream, func(call *sdk.Call) error {
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
	add("sum", sdk.ClientStream, func(call *sdk.Call) error {
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
	add("echo", sdk.BidiStream, func(call *sdk.Call) error {
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
	add("sink", sdk.ClientStream, func(call *sdk.Call) error {
		message, err := call.Recv()
		if err != nil {
			return err
		}
		sleep, err := strconv.Atoi(string(message))
		if err != nil {
			return err
		}
		time.Sleep(time.Duration(sleep) * time.Millisecond)
		var sum sum
		for message, err := range call.All() {
			if err != nil {
				return err
			}
			sum.add(message)
		}
		return call.Send([]byte(sum.String()))
	})
	add("source", sdk.ServerStream, func(call *sdk.Call) error {
		request, err := call.Recv()
		if err != nil {
			return err
		}
		count, size, err := numbers(string(request))
		if err != nil {
			return err
		}
		for index := range count {
			if err := call.Send(message(index, size)); err != nil {
				return err
			}
		}
		return nil
	})
}
