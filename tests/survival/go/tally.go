package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	sdk "github.com/h-dv/ixt/bindings/go"
)

type table map[string]map[string]int

func (t table) add(service, outcome string) {
	if t[service] == nil {
		t[service] = map[string]int{}
	}
	t[service][outcome]++
}

// tally is what happened to the calls that this program made, and to those that it answered.
type tally struct {
	mu sync.Mutex
	// round is that of the traffic; the next one ends it.
	round int
	// busy counts workers that are in a call, waiting those of them that wait for a connection.
	busy, waiting, answering int
	calls, answers           table
	// wrong says what came that was not what must come.
	wrong []string
}

func newTally() *tally { return &tally{calls: table{}, answers: table{}, wrong: []string{}} }

func (t *tally) do(work func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	work()
}

// begin begins a round of traffic, and gives its number.
func (t *tally) begin() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.round++
	return t.round
}

func (t *tally) runs(round int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.round == round
}

// whileOpening tells a call from one that only waits for a connection, as calls do here.
func (t *tally) whileOpening(next sdk.Caller) sdk.Caller {
	return func(ctx context.Context, request *sdk.Request) (*sdk.Call, error) {
		t.do(func() { t.waiting++ })
		defer t.do(func() { t.waiting-- })
		return next(ctx, request)
	}
}

func (t *tally) called(service string, err error) {
	outcome := "completed"
	var end *sdk.StreamEndError
	switch {
	case errors.As(err, &end):
		outcome = nameOf(end.Outcome)
	case err != nil:
		outcome = "refused:" + err.Error()
	}
	t.do(func() {
		t.busy--
		t.calls.add(service, outcome)
	})
}

// answered counts a stream that is being answered, until it is over.
func (t *tally) answered(service string, call *sdk.Call) {
	t.do(func() { t.answering++ })
	call.OnEnd(func(outcome sdk.Outcome) {
		t.do(func() {
			t.answering--
			t.answers.add(service, nameOf(outcome))
		})
	})
}

func nameOf(outcome sdk.Outcome) string {
	switch outcome.Kind {
	case sdk.OutcomeCompleted:
		return "completed"
	case sdk.OutcomeFailed:
		return "failed:" + outcome.Code.String()
	case sdk.OutcomeCancelled:
		return "cancelled:" + outcome.CancelReason.String()
	}
	return "none"
}

func (t *tally) fail(format string, values ...any) {
	t.do(func() { t.wrong = append(t.wrong, fmt.Sprintf(format, values...)) })
}

func (t *tally) reset() {
	t.do(func() { t.calls, t.answers, t.wrong = table{}, table{}, []string{} })
}

func (t *tally) report() map[string]any {
	t.mu.Lock()
	defer t.mu.Unlock()
	return map[string]any{
		"busy": t.busy - t.waiting, "waiting": t.waiting, "answering": t.answering, "wrong": t.wrong,
		"calls": t.calls, "answers": t.answers,
	}
}
