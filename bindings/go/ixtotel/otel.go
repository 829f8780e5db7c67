// Package ixtotel gives the calls of a module spans by OpenTelemetry.
//
// The correlation id of a call is its trace id, its span id the span of the call, and the parent's span id the
// parent: a chain of calls is one trace, whichever languages it goes through.
//
//	m := sdk.NewModule("media",
//		sdk.WithHandlerInterceptors(ixtotel.Handlers()),
//		sdk.WithCallInterceptors(ixtotel.Propagate()))
//
// A host gives every stream its span (ixt host --otlp URL), so handlers have spans beneath those, and calls have
// none of their own. Where the host does not trace, or there is none, [Calls] takes the place of [Propagate] and
// gives every call its span too: two who export it would be seen as two spans of one id.
//
// It is a Go module of its own, so that the SDK depends on nothing.
package ixtotel

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// Option is a setting of the interceptors.
type Option func(*settings)

type settings struct {
	provider    trace.TracerProvider
	followFlags bool
}

// WithTracerProvider has spans by this provider, in place of the global one.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(s *settings) { s.provider = provider }
}

// FollowFlags lets the flag "sampled" of a call's context decide, where the sampler asks for it. Without it every
// call counts as sampled, since programs that trace nothing leave the flag at 0.
func FollowFlags() Option { return func(s *settings) { s.followFlags = true } }

type tracing struct {
	trace.Tracer
	followFlags bool
}

func of(options []Option) tracing {
	s := settings{provider: otel.GetTracerProvider()}
	for _, option := range options {
		option(&s)
	}
	return tracing{s.provider.Tracer("ixt"), s.followFlags}
}

// Handlers has a span for each call that is served, beneath that of the call. The handler's context is within it:
// spans that the handler starts are its children.
func Handlers(options ...Option) sdk.HandlerInterceptor {
	t := of(options)
	return func(next sdk.Handler) sdk.Handler {
		return func(ctx context.Context, call *sdk.Call) error {
			invocation := call.Invocation()
			target, kind := targetName(invocation.Target), trace.SpanKindServer
			if invocation.Target.Kind == sdk.TargetBroadcast {
				kind = trace.SpanKindConsumer
			}
			ctx, span := t.Start(trace.ContextWithRemoteSpanContext(ctx, t.remote(invocation)), spanName(target),
				trace.WithSpanKind(kind), trace.WithAttributes(
					attribute.String("rpc.system", "ixt"), attribute.String("ixt.target", target),
					attribute.String("ixt.kind", call.Kind().String()),
					attribute.String("ixt.caller", invocation.SourceModule)))
			outcome := "internal" // of a handler that panics
			defer func() { end(span, outcome) }()
			err := next(ctx, call)
			if outcome = sdk.ResultOf(err); outcome == "ok" {
				outcome = completed
			}
			return err
		}
	}
}

// Propagate puts calls that are made outside of a handler into the trace of the span in their context: that of an
// HTTP request, for one.
func Propagate() sdk.CallInterceptor {
	return func(next sdk.Caller) sdk.Caller {
		return func(ctx context.Context, r *sdk.Request) (*sdk.Call, error) {
			propagate(ctx, r)
			return next(ctx, r)
		}
	}
}

// Calls has a span for each call that is made, and does what [Propagate] does.
func Calls(options ...Option) sdk.CallInterceptor {
	t := of(options)
	return func(next sdk.Caller) sdk.Caller {
		return func(ctx context.Context, r *sdk.Request) (*sdk.Call, error) {
			target, kind := targetName(r.Target), trace.SpanKindClient
			if r.Target.Kind == sdk.TargetBroadcast {
				kind = trace.SpanKindProducer
			}
			propagate(ctx, r)
			under := ctx
			if cause, known := t.cause(ctx, r); known {
				under = trace.ContextWithRemoteSpanContext(ctx, cause)
			}
			_, span := t.Start(under, spanName(target), trace.WithSpanKind(kind), trace.WithAttributes(
				attribute.String("rpc.system", "ixt"), attribute.String("ixt.target", target),
				attribute.String("ixt.kind", r.Kind.String())))
			// A tracer that does nothing gives no ids of its own.
			if own := span.SpanContext(); span.IsRecording() && own.IsValid() {
				name(ctx, r, own)
			}
			call, err := next(ctx, r)
			if err != nil {
				end(span, sdk.ResultOf(err))
				return nil, err
			}
			call.OnEnd(func(outcome sdk.Outcome) { end(span, outcomeName(outcome)) })
			return call, nil
		}
	}
}

// remote is a call as the parent of spans here.
func (t tracing) remote(invocation *sdk.InvocationContext) trace.SpanContext {
	flags := trace.TraceFlags(invocation.TraceFlags)
	if !t.followFlags {
		flags |= trace.FlagsSampled
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(invocation.CorrelationID), SpanID: trace.SpanID(invocation.SpanID), TraceFlags: flags, Remote: true,
	})
}

// cause is what a call is caused by, where that is not the span of its context.
func (t tracing) cause(ctx context.Context, r *sdk.Request) (trace.SpanContext, bool) {
	current := trace.SpanContextFromContext(ctx)
	if parent := parentOf(ctx, r); parent != nil {
		// Spans of the handler are between its call and this one; those of another trace are not.
		return t.remote(parent), current.TraceID() != trace.TraceID(parent.CorrelationID)
	}
	if r.Invocation == nil || current.TraceID() == trace.TraceID(r.Invocation.CorrelationID) {
		return trace.SpanContext{}, false
	}
	cause := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(r.Invocation.CorrelationID), SpanID: trace.SpanID(r.Invocation.ParentSpanID),
		TraceFlags: trace.TraceFlags(r.Invocation.TraceFlags), Remote: true,
	})
	return cause, cause.IsValid()
}

// parentOf is the invocation of which the call is a child.
func parentOf(ctx context.Context, r *sdk.Request) *sdk.InvocationContext {
	if call := sdk.CallOf(ctx); call != nil && r.Invocation == nil {
		return call.Invocation()
	}
	return nil
}

func propagate(ctx context.Context, r *sdk.Request) {
	current := trace.SpanContextFromContext(ctx)
	if sdk.CallOf(ctx) != nil || !current.IsValid() || r.Invocation != nil && r.Invocation.CorrelationID != (sdk.CorrelationID{}) {
		return
	}
	own := invocationOf(r)
	own.CorrelationID, own.ParentSpanID = sdk.CorrelationID(current.TraceID()), sdk.SpanID(current.SpanID())
	own.TraceFlags = uint8(current.TraceFlags())
	r.Invocation = own
}

// name makes the span that of the call.
func name(ctx context.Context, r *sdk.Request, span trace.SpanContext) {
	if parentOf(ctx, r) != nil {
		r.SpanID = sdk.SpanID(span.SpanID())
		return
	}
	own := invocationOf(r)
	if own.CorrelationID == (sdk.CorrelationID{}) {
		own.CorrelationID = sdk.CorrelationID(span.TraceID())
	}
	own.SpanID, own.TraceFlags = sdk.SpanID(span.SpanID()), uint8(span.TraceFlags())
	r.Invocation = own
}

// invocationOf is a copy of the request's, which is the caller's.
func invocationOf(r *sdk.Request) *sdk.InvocationContext {
	if r.Invocation == nil {
		return &sdk.InvocationContext{}
	}
	own := *r.Invocation
	return &own
}

const completed = "completed"

// outcomeName is the word that a host has for it.
func outcomeName(o sdk.Outcome) string {
	switch {
	case o.IsSuccess():
		return completed
	case o.Kind == sdk.OutcomeFailed:
		return o.Code.String()
	case o.Kind == sdk.OutcomeCancelled:
		return "cancelled." + o.CancelReason.String()
	default:
		return "unknown"
	}
}

// end says how it went. Whoever gives a call up has no error.
func end(span trace.Span, outcome string) {
	span.SetAttributes(attribute.String("ixt.outcome", outcome))
	isError := outcome != completed
	if reason, cancelled := strings.CutPrefix(outcome, "cancelled."); cancelled {
		isError = reason == sdk.CancelDeadlineExceeded.String() || reason == sdk.CancelBackpressureTimeout.String()
	}
	if isError {
		span.SetAttributes(attribute.String("error.type", outcome))
		span.SetStatus(codes.Error, outcome)
	}
	span.End()
}

// targetName leaves out what names an endpoint or a reply: it is a secret.
func targetName(t sdk.Target) string {
	switch t.Kind {
	case sdk.TargetService:
		return "service:" + t.Name
	case sdk.TargetModule:
		return "module:" + t.Name
	case sdk.TargetBroadcast:
		return "broadcast:" + t.Name
	case sdk.TargetReply:
		return "reply"
	case sdk.TargetDynamicEndpoint:
		return "endpoint"
	default:
		return "unknown"
	}
}

func spanName(target string) string { return strings.TrimPrefix(target, "service:") }
