package sdk

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultDeadline gives calls a deadline that have none: so long from now.
func DefaultDeadline(d time.Duration) CallInterceptor {
	return func(next Caller) Caller {
		return func(ctx context.Context, r *Request) (*Call, error) {
			_, has := ctx.Deadline()
			if !has && r.DeadlineMS == 0 && r.Timeout == 0 && (r.Invocation == nil || r.Invocation.DeadlineMS == 0) {
				r.Timeout = d
			}
			return next(ctx, r)
		}
	}
}

// HandlerDeadline refuses calls that have no deadline, or one further away: so long from now.
func HandlerDeadline(most time.Duration) HandlerInterceptor {
	return func(next Handler) Handler {
		return func(ctx context.Context, call *Call) error {
			deadline, has := ctx.Deadline()
			if !has || deadline.Sub(call.l.clock.Now()) > most {
				return Errorf(CodeInvalidArgument, "a deadline within %v is needed", most)
			}
			return next(ctx, call)
		}
	}
}

// AuditHandlers logs one line for each call that was served: who called what, and how it went. It has no payload
// and no token.
func AuditHandlers(logger *slog.Logger) HandlerInterceptor {
	return func(next Handler) Handler {
		return func(ctx context.Context, call *Call) error {
			started := call.l.clock.Now()
			err := next(ctx, call)
			invocation := call.Invocation()
			logger.LogAttrs(ctx, slog.LevelInfo, "ixt: served",
				slog.String("correlation_id", invocation.CorrelationID.String()),
				slog.String("source_module", invocation.SourceModule),
				slog.String("subject", invocation.Actor.Subject.Kind.String()+":"+invocation.Actor.Subject.Name),
				slog.String("target", invocation.Target.Kind.String()+":"+targetName(invocation.Target)),
				slog.String("kind", call.kind.String()), slog.String("result", ResultOf(err)),
				slog.Duration("took", call.l.clock.Now().Sub(started)))
			return err
		}
	}
}

// targetName hides the name of an endpoint, which is a secret.
func targetName(t Target) string {
	if t.Kind == TargetDynamicEndpoint {
		return redacted
	}
	return t.Name
}

// ResultOf is a word for how a handler went, of which there are few: "ok", or the name of the code that its caller
// is told.
func ResultOf(err error) string {
	if err == nil {
		return "ok"
	}
	return told(err).Code.String()
}

func resultOfOutcome(o Outcome) string {
	switch {
	case o.IsSuccess():
		return "ok"
	case o.Kind == OutcomeFailed:
		return o.Code.String()
	case o.Kind == OutcomeCancelled && o.CancelReason == CancelDeadlineExceeded:
		return CodeDeadlineExceeded.String()
	default:
		return CodeCancelled.String()
	}
}

// Metrics counts calls by target, side and result. The zero value is ready for use; any goroutine may use it.
type Metrics struct {
	running atomic.Int64
	mu      sync.Mutex
	series  map[Series]*SeriesValue
}

// Series names one row of [Metrics].
type Series struct {
	// Side is "caller" or "handler".
	Side string
	// Target is the service, or the kind of another target.
	Target string
	// Result is "ok", or the name of a code.
	Result string
}

// SeriesValue is one row: how many calls, and how long they took in all.
type SeriesValue struct {
	Count uint64
	Took  time.Duration
}

// Snapshot is all rows as they are now.
func (m *Metrics) Snapshot() map[Series]SeriesValue {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := make(map[Series]SeriesValue, len(m.series))
	for series, value := range m.series {
		rows[series] = *value
	}
	return rows
}

// Running is how many calls are going on.
func (m *Metrics) Running() int64 { return m.running.Load() }

func (m *Metrics) add(side string, target Target, result string, took time.Duration) {
	name := target.Kind.String()
	if target.Kind == TargetService {
		name = target.Name
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.series == nil {
		m.series = map[Series]*SeriesValue{}
	}
	value := m.series[Series{side, name, result}]
	if value == nil {
		value = &SeriesValue{}
		m.series[Series{side, name, result}] = value
	}
	value.Count++
	value.Took += took
}

// Handlers counts what is served.
func (m *Metrics) Handlers() HandlerInterceptor {
	return func(next Handler) Handler {
		return func(ctx context.Context, call *Call) error {
			started := call.l.clock.Now()
			m.running.Add(1)
			defer m.running.Add(-1)
			err := next(ctx, call)
			m.add("handler", call.Invocation().Target, ResultOf(err), call.l.clock.Now().Sub(started))
			return err
		}
	}
}

// Calls counts what is called.
func (m *Metrics) Calls() CallInterceptor {
	return func(next Caller) Caller {
		return func(ctx context.Context, r *Request) (*Call, error) {
			target := r.Target
			call, err := next(ctx, r)
			if err != nil {
				m.add("caller", target, ResultOf(err), 0)
				return nil, err
			}
			started := call.l.clock.Now()
			m.running.Add(1)
			call.OnEnd(func(outcome Outcome) {
				m.running.Add(-1)
				m.add("caller", target, resultOfOutcome(outcome), call.l.clock.Now().Sub(started))
			})
			return call, nil
		}
	}
}

// Tracer starts spans: a few lines over whichever library a program has. The correlation id of an invocation is
// the W3C trace-id. For OpenTelemetry there is the module github.com/h-dv/ixt/bindings/go/ixtotel.
type Tracer interface {
	// Start begins a span. parent is the span that caused it, of zeros where there is none. The function ends the
	// span; err is nil where it went well.
	Start(ctx context.Context, name string, trace CorrelationID, span, parent SpanID) (context.Context, func(err error))
}

// TraceHandlers has a tracer's span for each call that is served.
func TraceHandlers(tracer Tracer) HandlerInterceptor {
	return func(next Handler) Handler {
		return func(ctx context.Context, call *Call) error {
			i := call.Invocation()
			ctx, end := tracer.Start(ctx, "serve "+targetName(i.Target), i.CorrelationID, i.SpanID, i.ParentSpanID)
			err := next(ctx, call)
			end(err)
			return err
		}
	}
}

// TraceCalls has a tracer's span for each call that is made.
func TraceCalls(tracer Tracer) CallInterceptor {
	return func(next Caller) Caller {
		return func(ctx context.Context, r *Request) (*Call, error) {
			target := r.Target
			call, err := next(ctx, r)
			if err != nil {
				return nil, err
			}
			i := call.Invocation()
			_, end := tracer.Start(ctx, "call "+targetName(target), i.CorrelationID, i.SpanID, i.ParentSpanID)
			call.OnEnd(func(outcome Outcome) {
				if outcome.IsSuccess() {
					end(nil)
				} else {
					end(&StreamEndError{outcome})
				}
			})
			return call, nil
		}
	}
}
