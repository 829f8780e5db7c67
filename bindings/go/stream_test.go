//go:build go1.25

package sdk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// sent is a sink that keeps what it was given.
type sent struct {
	mu     sync.Mutex
	frames []sdk.StreamFrame
	err    error
}

func (s *sent) SendFrame(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	f, err := sdk.DecodeStreamFrame(b)
	s.frames = append(s.frames, f)
	return err
}

func (s *sent) take() []sdk.StreamFrame {
	s.mu.Lock()
	defer s.mu.Unlock()
	frames := s.frames
	s.frames = nil
	return frames
}

// last is the last frame, of this kind.
func (s *sent) last(t *testing.T, kind sdk.FrameKind) sdk.StreamFrame {
	t.Helper()
	frames := s.take()
	if len(frames) == 0 || frames[len(frames)-1].Kind != kind {
		t.Fatalf("sent %v, and no %v in the end", frames, kind)
	}
	return frames[len(frames)-1]
}

// wire carries frames to the other end, by a goroutine of its own.
type wire struct {
	frames chan []byte
}

func newWire() *wire { return &wire{make(chan []byte, 1024)} }

func (w *wire) SendFrame(b []byte) error {
	w.frames <- bytes.Clone(b)
	return nil
}

func (w *wire) deliver(t *testing.T, to *sdk.StreamHandle) {
	go func() {
		for b := range w.frames {
			if err := to.Feed(b); err != nil && !errors.Is(err, sdk.ErrClosed) {
				t.Error(err)
			}
		}
	}()
}

// pair opens a stream and accepts it.
func pair(t *testing.T, kind sdk.InteractionKind, options ...sdk.StreamOption) (opener, responder *sdk.StreamHandle) {
	t.Helper()
	there, back := newWire(), newWire()
	opener, err := sdk.OpenStream(t.Context(), streamID, kind, nil, there, options...)
	if err != nil {
		t.Fatal(err)
	}
	responder, err = sdk.AcceptStream(t.Context(), <-there.frames, back, options...)
	if err != nil {
		t.Fatal(err)
	}
	there.deliver(t, responder)
	back.deliver(t, opener)
	t.Cleanup(func() {
		opener.Release()
		responder.Release()
		close(there.frames)
		close(back.frames)
	})
	return opener, responder
}

func TestSendDataSpendsCreditAndIsRejectedWithoutAny(t *testing.T) {
	sink := &sent{}
	s, err := sdk.NewStreamSender(streamID, 1, sink)
	must(t, err)
	must(t, s.SendData([]byte("a")))
	err = s.SendData([]byte("b"))
	is(t, err, sdk.ErrRejected)
	is(t, err, sdk.ErrCreditExhausted)
	var send *sdk.StreamSendError
	if !errors.As(err, &send) || send.StreamID != streamID {
		t.Errorf("%v is no StreamSendError of the stream", err)
	}
	must(t, s.GrantCredit(1))
	must(t, s.SendData([]byte("c")))
	must(t, s.Close(sdk.CloseCompleted))
	must(t, s.Close(sdk.CloseCompleted))
	frames := sink.take()
	if len(frames) != 3 || string(frames[1].Data.Payload) != "c" || frames[1].Data.Sequence != 1 || frames[2].Close.FinalSequence != 2 {
		t.Errorf("sent %v", frames)
	}
	err = s.SendData([]byte("d"))
	is(t, err, sdk.ErrStreamEnded)
	var end *sdk.StreamEndError
	if !errors.As(err, &end) || !end.Outcome.IsSuccess() {
		t.Errorf("%v does not tell the outcome", err)
	}
}

func TestSendDataRefusesWhatIsTooLarge(t *testing.T) {
	sink := &sent{}
	s, err := sdk.NewStreamSender(streamID, 1, sink)
	must(t, err)
	is(t, s.SendData(make([]byte, sdk.DefaultMaxPayload+1)), sdk.ErrFrameTooLarge)
	if s.Credit() != 1 {
		t.Error("a credit was spent")
	}
	must(t, s.SendData(make([]byte, sdk.DefaultMaxPayload)))
	small, err := sdk.NewStreamSender(streamID, 1, sink, sdk.WithLimits(sdk.LimitPayload(3)))
	must(t, err)
	is(t, small.SendData(make([]byte, 4)), sdk.ErrFrameTooLarge)
	must(t, small.SendData(make([]byte, 3)))
}

func TestWaitersAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &sent{}
		s, err := sdk.NewStreamSender(streamID, 0, sink)
		must(t, err)
		for i := range 20 {
			go func() {
				if err := s.SendDataContext(t.Context(), []byte{byte(i)}); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		is(t, s.SendData(nil), sdk.ErrRejected)
		for range 4 {
			must(t, s.GrantCredit(5))
			synctest.Wait()
		}
		var got []byte
		for _, f := range sink.take() {
			got = append(got, f.Data.Payload...)
		}
		want := make([]byte, 20)
		for i := range want {
			want[i] = byte(i)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("served %v", got)
		}
	})
}

func TestACancelledWaiterLosesNoCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &sent{}
		s, err := sdk.NewStreamSender(streamID, 0, sink)
		must(t, err)
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		failed := make(chan error)
		go func() { failed <- s.SendDataContext(ctx, []byte("first")) }()
		synctest.Wait()
		served := make(chan error)
		go func() { served <- s.SendDataContext(t.Context(), []byte("second")) }()
		synctest.Wait()
		cancel(stop)
		is(t, <-failed, stop)
		must(t, s.GrantCredit(1))
		must(t, <-served)
		if f := sink.last(t, sdk.FrameData); string(f.Data.Payload) != "second" || f.Data.Sequence != 0 {
			t.Errorf("sent %v", f)
		}
		is(t, s.SendDataContext(ctx, nil), stop)
	})
}

// A grant and a cancel at the same moment: whoever wins, a credit that is not used is free again.
func TestCancelAndGrantRace(t *testing.T) {
	sink := &sent{}
	s, err := sdk.NewStreamSender(streamID, 0, sink)
	must(t, err)
	spent := 0
	for range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.SendDataContext(ctx, nil) }()
		go cancel()
		must(t, s.GrantCredit(1))
		if err := <-done; err == nil {
			spent++
		} else {
			is(t, err, context.Canceled)
		}
		cancel()
	}
	if free := int(s.Credit()); free+spent != 300 || len(sink.take()) != spent {
		t.Errorf("%d credits of 300 are left, and %d were spent", free, spent)
	}
}

func TestManySendersLoseNothing(t *testing.T) {
	sink := &sent{}
	s, err := sdk.NewStreamSender(streamID, 0, sink)
	must(t, err)
	const senders, each = 8, 200
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for range each {
				if err := s.SendDataContext(t.Context(), []byte("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range senders * each / 4 {
		must(t, s.GrantCredit(4))
	}
	all.Wait()
	for i, f := range sink.take() {
		if f.Data.Sequence != uint64(i) {
			t.Fatalf("frame %d has the sequence %d", i, f.Data.Sequence)
		}
	}
	if s.Credit() != 0 {
		t.Errorf("%d credits are left", s.Credit())
	}
}

func TestTheEndWakesThoseWhoWait(t *testing.T) {
	for name, end := range map[string]func(s *sdk.StreamSender) error{
		"close":  func(s *sdk.StreamSender) error { return s.Close(sdk.CloseCompleted) },
		"cancel": func(s *sdk.StreamSender) error { return s.Cancel(sdk.CancelSuperseded, "enough") },
		"error":  func(s *sdk.StreamSender) error { return s.SendError(sdk.CodeInternal, "broken", nil) },
		"peer": func(s *sdk.StreamSender) error {
			return s.Feed(encode(t, sdk.CancelFrame(streamID, sdk.CancelConsumerGone, "")))
		},
		"grant 0": func(s *sdk.StreamSender) error { return s.GrantCredit(0) },
		"release": func(s *sdk.StreamSender) error { s.Release(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := sdk.NewStreamSender(streamID, 0, &sent{})
				must(t, err)
				done := make(chan error)
				go func() { done <- s.SendDataContext(t.Context(), nil) }()
				synctest.Wait()
				must(t, end(s))
				is(t, <-done, sdk.ErrStreamEnded)
				<-s.Done()
			})
		})
	}
}

func TestASinkThatIsGoneEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &sent{}
		s, err := sdk.AcceptStream(t.Context(), open(t, 1, sdk.AnonymousContext()), sink)
		must(t, err)
		defer s.Release()
		gone := errors.New("gone")
		sink.err = gone
		must(t, s.Feed(encode(t, sdk.DataFrame(streamID, 0, []byte("a")))))
		is(t, s.Sender().SendData([]byte("b")), gone)
		is(t, s.Sender().SendData([]byte("c")), gone)
		is(t, context.Cause(s.Ctx()), gone)
		if payload, err := s.Recv(t.Context()); err != nil || string(payload) != "a" {
			t.Errorf("what came before is %q, %v", payload, err)
		}
		_, err = s.Recv(t.Context())
		is(t, err, gone)
	})
}

func TestUnaryCall(t *testing.T) {
	opener, responder := pair(t, sdk.Unary)
	must(t, opener.Sender().SendDataContext(t.Context(), []byte("question")))
	is(t, opener.Sender().SendData([]byte("again")), sdk.ErrStreamEnded)
	question, err := responder.Recv(t.Context())
	must(t, err)
	must(t, responder.Sender().SendDataContext(t.Context(), append(question, '!')))
	answer, err := opener.Recv(t.Context())
	must(t, err)
	if string(answer) != "question!" {
		t.Errorf("the answer is %q", answer)
	}
	if _, err := opener.Recv(t.Context()); err != io.EOF {
		t.Errorf("after the answer: %v", err)
	}
	<-opener.Sender().Done()
	if !opener.Outcome().IsSuccess() || !responder.Outcome().IsSuccess() {
		t.Errorf("%v, %v", opener.Outcome(), responder.Outcome())
	}
}

func TestIncomingGrantsAfterEachMessageTaken(t *testing.T) {
	opener, responder := pair(t, sdk.BidiStream, sdk.WithWindow(4))
	go func() {
		for i := range 500 {
			if err := opener.Sender().SendDataContext(t.Context(), fmt.Append(nil, i)); err != nil {
				t.Error(err)
			}
		}
		must(t, opener.Sender().Close(sdk.CloseCompleted))
	}()
	next := 0
	for payload := range responder.Incoming() {
		if string(payload) != fmt.Sprint(next) {
			t.Fatalf("message %d is %q", next, payload)
		}
		next++
	}
	if next != 500 {
		t.Errorf("%d messages came", next)
	}
	must(t, responder.Sender().Close(sdk.CloseCompleted))
	<-responder.Ctx().Done()
	if !responder.Outcome().IsSuccess() {
		t.Error(responder.Outcome())
	}
}

func TestFeedNeverBlocksAndItsQueueIsTheWindow(t *testing.T) {
	sink := &sent{}
	s, err := sdk.AcceptStream(t.Context(), open(t, 0, sdk.AnonymousContext()), sink, sdk.WithWindow(4))
	must(t, err)
	defer s.Release()
	if s.BufferCapFrames() != 4 || sink.last(t, sdk.FrameCredit).Credit.Frames != 4 {
		t.Error("the window was not granted")
	}
	for i := range 4 {
		must(t, s.Feed(encode(t, sdk.DataFrame(streamID, uint64(i), nil))))
	}
	if frames := sink.take(); len(frames) != 0 {
		t.Errorf("granted before anything was consumed: %v", frames)
	}
	must(t, s.Feed(encode(t, sdk.DataFrame(streamID, 4, nil))))
	if f := sink.last(t, sdk.FrameError); f.Error.Code != sdk.CodeFlowControlViolation {
		t.Errorf("sent %v", f)
	}
	for range 4 {
		_, err := s.Recv(t.Context())
		must(t, err)
	}
	_, err = s.Recv(t.Context())
	is(t, err, sdk.ErrStreamEnded)
	if frames := sink.take(); len(frames) != 0 {
		t.Errorf("granted after the end: %v", frames)
	}
}

func TestRecvGrantsInStepsOfHalfAWindow(t *testing.T) {
	sink := &sent{}
	s, err := sdk.AcceptStream(t.Context(), open(t, 0, sdk.AnonymousContext()), sink, sdk.WithWindow(4))
	must(t, err)
	defer s.Release()
	sink.take()
	must(t, s.Feed(encode(t, sdk.DataFrame(streamID, 0, nil))))
	must(t, s.Feed(encode(t, sdk.DataFrame(streamID, 1, nil))))
	for i, want := range []int{0, 1} {
		_, err := s.Recv(t.Context())
		must(t, err)
		if frames := sink.take(); len(frames) != want {
			t.Errorf("after message %d: %v", i, frames)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Recv(ctx)
	is(t, err, context.Canceled)
}

func TestATerminalFrameClosesIncomingAndCancelsCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sdk.AcceptStream(t.Context(), open(t, 0, sdk.AnonymousContext()), &sent{})
		must(t, err)
		defer s.Release()
		incoming := s.Incoming()
		must(t, s.Feed(encode(t, sdk.DataFrame(streamID, 0, []byte("never read")))))
		synctest.Wait()
		must(t, s.Feed(encode(t, sdk.ErrorFrame(streamID, sdk.CodeUnavailable, 1, "later", []byte("why")))))
		<-s.Ctx().Done()
		var end *sdk.StreamEndError
		if !errors.As(context.Cause(s.Ctx()), &end) || end.Outcome.Code != sdk.CodeUnavailable || end.Outcome.Message != "later" ||
			string(end.Outcome.Details) != "why" || end.Outcome.By != sdk.ByPeer {
			t.Errorf("the cause is %v", context.Cause(s.Ctx()))
		}
		synctest.Wait()
		if _, more := <-incoming; more {
			t.Error("Incoming went on")
		}
	})
}

func TestTheDeadlineCancelsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &sent{}
		deadline := time.Now().Add(2 * time.Second)
		invocation := &sdk.InvocationContext{DeadlineMS: uint64(deadline.UnixMilli())}
		s, err := sdk.AcceptStream(t.Context(), open(t, 0, invocation), sink)
		must(t, err)
		defer s.Release()
		if at, ok := s.Ctx().Deadline(); !ok || at.Sub(deadline).Abs() > time.Second {
			t.Errorf("the deadline of the context is %v", at)
		}
		done := make(chan error)
		go func() { done <- s.Sender().SendDataContext(t.Context(), nil) }()
		time.Sleep(3 * time.Second)
		is(t, <-done, context.DeadlineExceeded)
		is(t, context.Cause(s.Ctx()), context.DeadlineExceeded)
		is(t, context.Cause(s.Ctx()), sdk.ErrStreamEnded)
		if f := sink.last(t, sdk.FrameCancel); f.Cancel.Reason != sdk.CancelDeadlineExceeded {
			t.Errorf("sent %v", f)
		}
		if o := s.Outcome(); o.By != sdk.ByLocal || o.CancelReason != sdk.CancelDeadlineExceeded {
			t.Error(o)
		}
	})
}

func TestADeadlineThatHasPassedReachesNoHandler(t *testing.T) {
	sink := &sent{}
	_, err := sdk.AcceptStream(t.Context(), open(t, 0, &sdk.InvocationContext{DeadlineMS: 1}), sink)
	is(t, err, context.DeadlineExceeded)
	if f := sink.last(t, sdk.FrameCancel); f.Cancel.Reason != sdk.CancelDeadlineExceeded {
		t.Errorf("sent %v", f)
	}
	_, err = sdk.OpenStream(t.Context(), streamID, sdk.Unary, &sdk.InvocationContext{DeadlineMS: 1}, sink)
	is(t, err, context.DeadlineExceeded)
	if frames := sink.take(); len(frames) != 0 {
		t.Errorf("opened: %v", frames)
	}
}

func TestTheContextOfTheCallerCancelsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, opener := range []bool{true, false} {
			sink := &sent{}
			ctx, cancel := context.WithCancel(t.Context())
			var s *sdk.StreamHandle
			var err error
			want := sdk.CancelShutdown
			if opener {
				want = sdk.CancelUserRequested
				s, err = sdk.OpenStream(ctx, streamID, sdk.BidiStream, nil, sink)
			} else {
				s, err = sdk.AcceptStream(ctx, open(t, 0, sdk.AnonymousContext()), sink)
			}
			must(t, err)
			cancel()
			synctest.Wait()
			if f := sink.last(t, sdk.FrameCancel); f.Cancel.Reason != want {
				t.Errorf("sent %v", f)
			}
			s.Release()
		}
	})
}

func TestWhatIsAccepted(t *testing.T) {
	sink := &sent{}
	_, err := sdk.AcceptStream(t.Context(), []byte{1}, sink)
	is(t, err, sdk.ErrTruncated)
	_, err = sdk.AcceptStream(t.Context(), encode(t, sdk.CreditFrame(streamID, 1)), sink)
	is(t, err, sdk.ErrInvalidArgument)
	if frames := sink.take(); len(frames) != 0 {
		t.Errorf("answered what is no open: %v", frames)
	}
	for code, f := range map[sdk.StreamErrorCode]sdk.StreamFrame{
		sdk.CodeProtocolViolation:    sdk.OpenFrame(streamID, 9, 0, nil),
		sdk.CodeFlowControlViolation: sdk.OpenFrame(streamID, sdk.BidiStream, 1<<31, nil),
		sdk.CodeInvalidArgument:      sdk.OpenFrame(streamID, sdk.BidiStream, 1, []byte("no context")),
	} {
		_, err := sdk.AcceptStream(t.Context(), encode(t, f), sink)
		is(t, err, sdk.ErrStreamEnded)
		if f := sink.last(t, sdk.FrameError); f.Error.Code != code {
			t.Errorf("sent %v", f)
		}
	}
}

func TestReleaseIsIdempotentAndUseAfterwardsFails(t *testing.T) {
	sink := &sent{}
	s, err := sdk.AcceptStream(t.Context(), open(t, 1, sdk.AnonymousContext()), sink)
	must(t, err)
	s.Release()
	s.Release()
	if f := sink.last(t, sdk.FrameCancel); f.Cancel.Reason != sdk.CancelConsumerGone {
		t.Errorf("sent %v", f)
	}
	_, recv := s.Recv(t.Context())
	for name, err := range map[string]error{
		"SendData": s.Sender().SendData(nil), "SendDataContext": s.Sender().SendDataContext(t.Context(), nil),
		"GrantCredit": s.Sender().GrantCredit(1), "Close": s.Sender().Close(0), "Cancel": s.Sender().Cancel(0, ""),
		"SendError": s.Sender().SendError(0, "", nil), "Feed": s.Feed(nil), "Recv": recv,
	} {
		if !errors.Is(err, sdk.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, more := <-s.Incoming(); more || s.State() != (sdk.State{}) {
		t.Error("something is left")
	}
	<-s.Ctx().Done()

	raw, err := sdk.NewOpener(sdk.BidiStream, sdk.StreamConfig{})
	must(t, err)
	raw.Release()
	raw.Release()
	_, open := raw.Open(nil, streamID, 0, nil)
	_, send := raw.TrySend(nil, nil)
	_, with := raw.SendWith(nil, 0, nil)
	_, wait := raw.Wait()
	_, ended := raw.Close(0)
	_, failed := raw.Fail(0, "", nil)
	_, cancelled := raw.Cancel(0, "")
	_, received := raw.Receive(nil, nil)
	_, value := raw.ReceiveFrame(&sdk.StreamFrame{})
	_, _, drained := raw.Drain(nil, nil)
	_, state := raw.State()
	_, id := raw.ID()
	_, outcome := raw.Outcome()
	for i, err := range []error{open, send, with, wait, ended, failed, cancelled, received, value, drained, state, id, outcome,
		raw.DropTicket(0), raw.Grant(1), raw.Consume(1), raw.HandleTimeout(1)} {
		if !errors.Is(err, sdk.ErrClosed) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// Frames of a stream that is released at the same time must not crash.
func TestReleaseWhileInUse(t *testing.T) {
	for range 50 {
		s, err := sdk.AcceptStream(t.Context(), open(t, 1<<20, sdk.AnonymousContext()), &sent{})
		must(t, err)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for s.Sender().SendData([]byte("x")) == nil {
					runtime.Gosched()
				}
			})
		}
		all.Go(func() {
			for range s.Incoming() {
			}
		})
		all.Go(s.Release)
		all.Wait()
	}
}

func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 50 {
		s, err := sdk.AcceptStream(t.Context(), open(t, 0, &sdk.InvocationContext{DeadlineMS: uint64(time.Now().Add(time.Hour).UnixMilli())}), &sent{})
		must(t, err)
		s.Incoming()
		must(t, s.Feed(encode(t, sdk.DataFrame(streamID, 0, nil))))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Sender().SendDataContext(ctx, nil) }()
		cancel()
		is(t, <-done, context.Canceled)
		s.Release()
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

// Engines that nobody releases are freed with what holds them.
func TestTheCollectorFreesEngines(t *testing.T) {
	resident := func() int {
		runtime.GC()
		var size, pages int
		content := readFile(t, "/proc/self/statm")
		if _, err := fmt.Sscan(string(content), &size, &pages); err != nil {
			t.Fatal(err)
		}
		return pages
	}
	churn := func(n int) {
		for range n {
			s, err := sdk.NewStreamSender(streamID, 1, &sent{})
			must(t, err)
			must(t, s.SendData(make([]byte, 256)))
		}
	}
	n := 20_000
	if debugging {
		n = 200
	}
	churn(n)
	before := resident()
	for range 5 {
		churn(n)
	}
	if after := resident(); after > before+before/2+1024 {
		t.Errorf("%d pages before, %d after", before, after)
	}
}
