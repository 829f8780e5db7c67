//go:build go1.25

package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// stress is how many times as long the long runs take: 1 by default, IXT_STRESS=50 for a million cycles.
func stress(t *testing.T) int {
	t.Helper()
	if debugging {
		t.Skip("every call collects garbage")
	}
	text, set := os.LookupEnv("IXT_STRESS")
	if !set {
		return 1
	}
	times, err := strconv.Atoi(text)
	must(t, err)
	return times
}

// resident is the memory of the process in bytes, with all garbage collected and given back.
func resident(t *testing.T) int {
	t.Helper()
	for range 3 {
		runtime.GC()
	}
	var size, pages int
	if _, err := fmt.Sscan(string(readFile(t, "/proc/self/statm")), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// flat runs a cycle 20 000 times and then again, times the stress; memory must not follow.
func flat(t *testing.T, cycle func()) {
	t.Helper()
	if testing.Short() {
		t.Skip("the race detector, which runs the short tests, keeps memory of its own")
	}
	cycles := 20_000 * stress(t)
	for range 20_000 {
		cycle()
	}
	before := resident(t)
	for range cycles {
		cycle()
	}
	if grown := resident(t) - before; grown > 16<<20 {
		t.Errorf("%d bytes more after %d cycles", grown, cycles)
	}
}

func TestAMillionFramesAndContextsLeaveNothingBehind(t *testing.T) {
	frame := sdk.DataFrame(streamID, 7, make([]byte, 64))
	invocation := sdk.AnonymousContext()
	flat(t, func() {
		encoded, err := sdk.EncodeStreamFrame(&frame)
		must(t, err)
		_, err = sdk.DecodeStreamFrame(encoded)
		must(t, err)
		encoded, err = invocation.Encode()
		must(t, err)
		_, err = sdk.DecodeInvocationContext(encoded)
		must(t, err)
	})
}

// Each message is sent under credit, received, and its credit given back.
func TestAMillionMessagesLeaveNothingBehind(t *testing.T) {
	var there, back [][]byte
	keep := func(queue *[][]byte) sdk.FrameSinkFunc {
		return func(b []byte) error {
			*queue = append(*queue, append([]byte(nil), b...))
			return nil
		}
	}
	opener, err := sdk.OpenStream(t.Context(), streamID, sdk.BidiStream, nil, keep(&there), sdk.WithWindow(8))
	must(t, err)
	defer opener.Release()
	responder, err := sdk.AcceptStream(t.Context(), there[0], keep(&back), sdk.WithWindow(8))
	must(t, err)
	defer responder.Release()
	there = there[:0]
	payload := make([]byte, 64)
	flat(t, func() {
		for _, frame := range back {
			must(t, opener.Feed(frame))
		}
		back = back[:0]
		must(t, opener.Sender().SendDataContext(t.Context(), payload))
		must(t, responder.Feed(there[0]))
		there = there[:0]
		_, err := responder.Recv(t.Context())
		must(t, err)
	})
	if outcome := opener.Outcome(); outcome.Kind != sdk.OutcomeNone {
		t.Error(outcome)
	}
}

// Handles that are released, and handles that only the collector finds.
func TestAMillionHandlesLeaveNothingBehind(t *testing.T) {
	released := false
	sink := sdk.FrameSinkFunc(func([]byte) error { return nil })
	flat(t, func() {
		s, err := sdk.NewStreamSender(streamID, 1, sink)
		must(t, err)
		must(t, s.SendData(nil))
		if released = !released; released {
			s.Release()
			is(t, s.SendData(nil), sdk.ErrClosed)
			is(t, s.GrantCredit(1), sdk.ErrClosed)
		}
	})
}

// Waiters give up at any moment while others send, try and grant: every credit is then spent or free.
func TestWaitersThatGiveUpLoseNoCredit(t *testing.T) {
	each := 10
	if !debugging {
		each = 500 * stress(t)
	}
	sink := &sent{}
	s, err := sdk.NewStreamSender(streamID, 0, sink)
	must(t, err)
	const workers = 6
	var spent, granted atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				ctx, cancel := context.WithCancel(t.Context())
				if rand.IntN(2) == 0 {
					go cancel()
				}
				err := s.SendDataContext(ctx, []byte("x"))
				switch {
				case err == nil:
					spent.Add(1)
				case !errors.Is(err, context.Canceled):
					t.Error(err)
				}
				cancel()
			}
		})
	}
	all.Go(func() {
		for range each {
			if s.SendData([]byte("y")) == nil {
				spent.Add(1)
			}
		}
	})
	all.Go(func() {
		for range workers * each {
			if err := s.GrantCredit(1); err != nil {
				t.Error(err)
			}
			granted.Add(1)
			runtime.Gosched()
		}
	})
	// One who only tries may have taken the credit that a waiter was to get.
	for range each {
		must(t, s.GrantCredit(1))
		granted.Add(1)
	}
	all.Wait()
	frames := sink.take()
	if int64(len(frames)) != spent.Load() || int64(s.Credit()) != granted.Load()-spent.Load() {
		t.Errorf("%d granted, %d spent, %d frames, %d free", granted.Load(), spent.Load(), len(frames), s.Credit())
	}
	for i, f := range frames {
		if f.Data.Sequence != uint64(i) {
			t.Fatalf("frame %d has the sequence %d", i, f.Data.Sequence)
		}
	}
}
