package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// sum is the running sum of messages: how many, and the CRC-32 of all their bytes.
type sum struct {
	count uint64
	crc   uint32
}

func (s *sum) add(message []byte) {
	s.count++
	s.crc = crc32.Update(s.crc, crc32.IEEETable, message)
}

func (s *sum) String() string { return fmt.Sprintf("%d:%08x", s.count, s.crc) }

// message is its number in eight bytes, little-endian, and zeros.
func message(index, size uint64) []byte {
	message := make([]byte, size)
	binary.LittleEndian.PutUint64(message, index)
	return message
}

// pour sends into the provider's sink, whose reader is told to sleep first.
func pour(ctx context.Context, client *sdk.Client, provider string, count, size uint64, sleepMS string) (map[string]string, error) {
	call, err := client.ClientStream(ctx, provider+".sink")
	if err != nil {
		return nil, err
	}
	if err := call.Send([]byte(sleepMS)); err != nil {
		return nil, err
	}
	var sum sum
	for index := range count {
		message := message(index, size)
		sum.add(message)
		if err := call.Send(message); err != nil {
			return nil, err
		}
	}
	answer, err := call.CloseAndRecv()
	if err != nil {
		return nil, err
	}
	return map[string]string{"sent": sum.String(), "received": string(answer)}, nil
}

// draw reads the provider's source, after a sleep.
func draw(ctx context.Context, client *sdk.Client, provider, what string, sleep time.Duration) (map[string]string, error) {
	call, err := client.ServerStream(ctx, provider+".source", []byte(what))
	if err != nil {
		return nil, err
	}
	time.Sleep(sleep)
	var sum sum
	for message, err := range call.All() {
		if err != nil {
			return nil, err
		}
		sum.add(message)
	}
	return map[string]string{"received": sum.String()}, nil
}
