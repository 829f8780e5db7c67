package ixtotel_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	sdk "github.com/h-dv/ixt/bindings/go"
	"github.com/h-dv/ixt/bindings/go/ixtotel"
	"github.com/h-dv/ixt/bindings/go/sdktest"
)

func memory() (*tracetest.InMemoryExporter, *sdktrace.TracerProvider) {
	exporter := tracetest.NewInMemoryExporter()
	return exporter, sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
}

// chain is two modules: outer calls inner, which starts a span of its own.
func chain(host *sdktest.Host, provider trace.TracerProvider, options ...sdk.ModuleOption) {
	outer := sdk.NewModule("outer", append(host.Options(), options...)...)
	outer.HandleUnary("outer", func(ctx context.Context, message []byte) ([]byte, error) {
		switch string(message) {
		case "fail":
			return nil, sdk.Errorf(sdk.CodeNotFound, "a secret")
		case "sleep":
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return outer.Client().Unary(ctx, "inner", message)
	})
	inner := sdk.NewModule("inner", append(host.Options(), options...)...)
	inner.HandleUnary("inner", func(ctx context.Context, message []byte) ([]byte, error) {
		_, span := provider.Tracer("of the application").Start(ctx, "work")
		defer span.End()
		return message, nil
	})
	host.Start(outer)
	host.Start(inner)
}

// until waits for so many spans: one that is served ends once its answer has left.
func until(t *testing.T, exporter *tracetest.InMemoryExporter, count int) tracetest.SpanStubs {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		spans := exporter.GetSpans()
		if len(spans) == count {
			return spans
		}
		if len(spans) > count || time.Now().After(late) {
			t.Fatalf("%d spans: %+v", len(spans), spans.Snapshots())
		}
	}
}

func one(t *testing.T, spans tracetest.SpanStubs, name string, kind trace.SpanKind) tracetest.SpanStub {
	t.Helper()
	i := slices.IndexFunc(spans, func(span tracetest.SpanStub) bool { return span.Name == name && span.SpanKind == kind })
	if i < 0 {
		t.Fatalf("no %s %v in %+v", kind, name, spans)
	}
	return spans[i]
}

func TestCallersAndHandlersThatTraceGiveOneTree(t *testing.T) {
	host := sdktest.NewHost(t)
	exporter, provider := memory()
	with := ixtotel.WithTracerProvider(provider)
	calls := sdk.WithCallInterceptors(ixtotel.Calls(with))
	chain(host, provider, sdk.WithHandlerInterceptors(ixtotel.Handlers(with)), calls)
	client := host.Client("caller", calls)
	// A request from outside.
	ctx, request := provider.Tracer("of the application").Start(context.Background(), "request")
	if _, err := client.Unary(ctx, "outer", nil); err != nil {
		t.Fatal(err)
	}
	request.End()
	spans := until(t, exporter, 6)
	parent := request.SpanContext()
	for _, wanted := range []struct {
		name string
		kind trace.SpanKind
	}{
		{"outer", trace.SpanKindClient}, {"outer", trace.SpanKindServer},
		{"inner", trace.SpanKindClient}, {"inner", trace.SpanKindServer}, {"work", trace.SpanKindInternal},
	} {
		span := one(t, spans, wanted.name, wanted.kind)
		if span.Parent.SpanID() != parent.SpanID() || span.SpanContext.TraceID() != parent.TraceID() {
			t.Errorf("%v %v: parent %v, not %v", wanted.name, wanted.kind, span.Parent.SpanID(), parent.SpanID())
		}
		parent = span.SpanContext
	}
	served := one(t, spans, "inner", trace.SpanKindServer)
	for _, wanted := range []attribute.KeyValue{
		attribute.String("ixt.target", "service:inner"), attribute.String("ixt.kind", "unary"),
		attribute.String("ixt.caller", "outer"), attribute.String("ixt.outcome", "completed"),
	} {
		if !slices.Contains(served.Attributes, wanted) {
			t.Errorf("no %v in %v", wanted, served.Attributes)
		}
	}
}

func TestHandlersStandBeneathTheirCalls(t *testing.T) {
	host := sdktest.NewHost(t)
	exporter, provider := memory()
	with := ixtotel.WithTracerProvider(provider)
	chain(host, provider, sdk.WithHandlerInterceptors(ixtotel.Handlers(with)))
	client := host.Client("caller", sdk.WithCallInterceptors(ixtotel.Propagate()))
	ctx, request := provider.Tracer("of the application").Start(context.Background(), "request")
	if _, err := client.Unary(ctx, "outer", nil); err != nil {
		t.Fatal(err)
	}
	spans := until(t, exporter, 3)
	inner := one(t, spans, "inner", trace.SpanKindServer)
	if work := one(t, spans, "work", trace.SpanKindInternal); work.Parent.SpanID() != inner.SpanContext.SpanID() {
		t.Error(work.Parent)
	}
	for _, span := range spans {
		// Between the request and a handler is the span of the call, which the host exports.
		if span.SpanContext.TraceID() != request.SpanContext().TraceID() || span.Parent.SpanID() == request.SpanContext().SpanID() {
			t.Errorf("%+v", span)
		}
	}
}

func TestWhatGoesWrongIsAStatus(t *testing.T) {
	host := sdktest.NewHost(t)
	exporter, provider := memory()
	with := ixtotel.WithTracerProvider(provider)
	calls := sdk.WithCallInterceptors(ixtotel.Calls(with))
	chain(host, provider, sdk.WithHandlerInterceptors(ixtotel.Handlers(with)), calls)
	client := host.Client("caller", calls)
	if _, err := client.Unary(context.Background(), "outer", []byte("fail")); !errors.Is(err, sdk.CodeNotFound) {
		t.Fatal(err)
	}
	for _, span := range until(t, exporter, 2) {
		if want := (sdktrace.Status{Code: codes.Error, Description: "notFound"}); span.Status != want || len(span.Events) > 0 {
			t.Errorf("%+v", span)
		}
	}
	exporter.Reset()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := client.Unary(ctx, "outer", []byte("sleep")); err == nil {
		t.Fatal("it was cancelled")
	}
	spans := until(t, exporter, 2)
	// Who gives up has no error, and the handler was stopped.
	if span := one(t, spans, "outer", trace.SpanKindClient); span.Status.Code != codes.Unset {
		t.Errorf("%+v", span)
	}
	if span := one(t, spans, "outer", trace.SpanKindServer); span.Status.Description != "cancelled" {
		t.Errorf("%+v", span)
	}
}

func TestTheFlagDecidesWhereItIsFollowed(t *testing.T) {
	for _, follows := range []bool{false, true} {
		host := sdktest.NewHost(t)
		exporter, provider := memory()
		options := []ixtotel.Option{ixtotel.WithTracerProvider(provider)}
		count := 3
		if follows {
			options, count = append(options, ixtotel.FollowFlags()), 0
		}
		chain(host, provider, sdk.WithHandlerInterceptors(ixtotel.Handlers(options...)))
		client := host.Client("caller")
		if _, err := client.Unary(context.Background(), "outer", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		until(t, exporter, count)
	}
}
