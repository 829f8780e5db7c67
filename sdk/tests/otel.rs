//! Spans and metrics of calls, as an exporter of OpenTelemetry gets them.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ixt::host::Policy;
use ixt::otel::{HostTelemetry, Metrics, Tracing};
use ixt::testing::TestHost;
use ixt::{CallError, Client, Host, Module, StreamErrorCode};
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt, SpanId, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, Sampler, SdkTracerProvider, SimpleSpanProcessor, SpanData,
};

/// The exporter that remembers, and a provider for it.
fn memory() -> (InMemorySpanExporter, SdkTracerProvider) {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    (exporter, provider)
}

/// `outer` calls `inner`, which starts a span of its own.
async fn chain(
    host: &TestHost,
    provider: &SdkTracerProvider,
    around: impl Fn(ixt::ModuleBuilder) -> ixt::ModuleBuilder,
) -> [Module; 3] {
    let tracer = provider.tracer("of the application");
    let inner = around(Module::builder("inner")).unary("inner", move |_, message| {
        tracer.in_span("work", |_| ());
        async { Ok(message) }
    });
    let inner = host.connect(inner).await.unwrap();
    let to: Arc<Mutex<Option<Client>>> = Arc::default();
    let calls = Arc::clone(&to);
    let outer = around(Module::builder("outer")).unary("outer", move |_, message| {
        let client = calls.lock().unwrap().clone().unwrap();
        async move {
            match &message[..] {
                b"fail" => Err(CallError::failed(StreamErrorCode::NotFound, "")),
                b"sleep" => std::future::pending().await,
                _ => client.service("inner").unary(message).await,
            }
        }
    });
    let outer = host.connect(outer).await.unwrap();
    *to.lock().unwrap() = Some(outer.client());
    let caller = host.connect(around(Module::builder("caller"))).await.unwrap();
    [outer, inner, caller]
}

fn one<'s>(spans: &'s [SpanData], name: &str, kind: SpanKind) -> &'s SpanData {
    let mut found = spans.iter().filter(|span| span.name == name && span.span_kind == kind);
    let span = found.next().unwrap_or_else(|| panic!("{name} {kind:?} in {spans:#?}"));
    assert!(found.next().is_none());
    span
}

async fn until(exporter: &InMemorySpanExporter, count: usize) -> Vec<SpanData> {
    let late = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let spans = exporter.get_finished_spans().unwrap();
        if spans.len() >= count {
            return spans;
        }
        assert!(std::time::Instant::now() < late, "{spans:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn callers_and_handlers_that_trace_give_one_tree() {
    let (exporter, provider) = memory();
    let host = TestHost::new().unwrap();
    let [outer, _inner, caller] = chain(&host, &provider, |module| {
        module.interceptor(Tracing::handlers(&provider)).interceptor(Tracing::calls(&provider))
    })
    .await;
    // A request from outside, whose span is current.
    let tracer = provider.tracer("of the application");
    let request = Context::new().with_span(tracer.start("request"));
    let root = request.span().span_context().clone();
    caller.client().service("outer").unary("x").with_context(request.clone()).await.unwrap();
    request.span().end();

    let spans = until(&exporter, 6).await;
    assert_eq!(spans.len(), 6, "{spans:#?}");
    assert!(spans.iter().all(|span| span.span_context.trace_id() == root.trace_id()));
    let mut parent = root.span_id();
    for (name, kind) in [
        ("outer", SpanKind::Client),
        ("outer", SpanKind::Server),
        ("inner", SpanKind::Client),
        ("inner", SpanKind::Server),
        ("work", SpanKind::Internal),
    ] {
        let span = one(&spans, name, kind);
        assert_eq!(span.parent_span_id, parent, "{name} {:?}", span.span_kind);
        parent = span.span_context.span_id();
    }
    drop(outer);
}

#[tokio::test]
async fn handlers_stand_beneath_the_spans_of_the_host() {
    let (exporter, provider) = memory();
    let telemetry = HostTelemetry::new().spans(SimpleSpanProcessor::new(exporter.clone()));
    let host = Host::builder().policy(Policy::open()).telemetry(&telemetry);
    let host = TestHost::of(host).unwrap();
    let [_outer, _inner, caller] =
        chain(&host, &provider, |module| module.interceptor(Tracing::handlers(&provider))).await;
    caller.client().service("outer").unary("x").await.unwrap();
    let spans = until(&exporter, 5).await;
    assert_eq!(spans.len(), 5);
    let trace = spans[0].span_context.trace_id();
    assert!(spans.iter().all(|span| span.span_context.trace_id() == trace));
    let of_host = |name| one(&spans, name, SpanKind::Client);
    let handler = |name| one(&spans, name, SpanKind::Server);
    assert_eq!(of_host("outer").parent_span_id, SpanId::INVALID);
    assert_eq!(handler("outer").parent_span_id, of_host("outer").span_context.span_id());
    assert_eq!(of_host("inner").parent_span_id, of_host("outer").span_context.span_id());
    assert_eq!(handler("inner").parent_span_id, of_host("inner").span_context.span_id());
    let work = one(&spans, "work", SpanKind::Internal);
    assert_eq!(work.parent_span_id, handler("inner").span_context.span_id());
}

#[tokio::test]
async fn what_goes_wrong_is_a_status() {
    let (exporter, provider) = memory();
    let host = TestHost::new().unwrap();
    let [outer, _inner, caller] = chain(&host, &provider, |module| {
        module.interceptor(Tracing::handlers(&provider)).interceptor(Tracing::calls(&provider))
    })
    .await;
    let client = caller.client();
    assert!(client.service("outer").unary("fail").await.is_err());
    let spans = until(&exporter, 2).await;
    for span in &spans {
        assert_eq!(span.status, Status::error("notFound"));
    }
    exporter.reset();
    let timeout = Duration::from_millis(50);
    assert!(tokio::time::timeout(timeout, client.service("outer").unary("sleep")).await.is_err());
    let spans = until(&exporter, 2).await;
    // Who gives up has no error, and the handler was stopped.
    assert_eq!(one(&spans, "outer", SpanKind::Client).status, Status::Unset);
    assert_eq!(one(&spans, "outer", SpanKind::Server).status, Status::error("cancelled"));
    drop(outer);
}

#[tokio::test]
async fn the_flag_decides_where_it_is_followed() {
    for (follows, sampled) in [(false, true), (true, false)] {
        let (exporter, provider) = memory();
        let host = TestHost::new().unwrap();
        let tracing = Tracing::handlers(&provider);
        let tracing = if follows { tracing.follow_flags() } else { tracing };
        let module = Module::builder("echo").unary("echo", |_, message| async { Ok(message) });
        let _module = host.connect(module.interceptor(tracing)).await.unwrap();
        let caller = host.connect(Module::builder("caller")).await.unwrap();
        caller.client().service("echo").unary("x").await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(exporter.get_finished_spans().unwrap().len(), usize::from(sampled));
    }
}

#[tokio::test]
async fn a_sampler_that_wants_nothing_gets_nothing() {
    let (exporter, provider) = memory();
    let processor = SimpleSpanProcessor::new(exporter.clone());
    let telemetry = HostTelemetry::new().sampled_spans(processor, Sampler::AlwaysOff);
    let host = TestHost::of(Host::builder().telemetry(&telemetry)).unwrap();
    let [_outer, _inner, caller] = chain(&host, &provider, |module| module).await;
    caller.client().service("outer").unary("x").await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let spans = exporter.get_finished_spans().unwrap();
    // The application's own.
    assert_eq!(spans.iter().map(|span| span.name.as_ref()).collect::<Vec<_>>(), ["work"]);
}

#[tokio::test]
async fn metrics_of_both_sides() {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build();
    let host = TestHost::new().unwrap();
    let (_, tracers) = memory();
    let modules = chain(&host, &tracers, |module| module.interceptor(Metrics::new(&provider))).await;
    let client = modules[2].client();
    client.service("outer").unary("x").await.unwrap();
    assert!(client.service("outer").unary("fail").await.is_err());
    drop(modules);
    provider.force_flush().unwrap();
    let mut rows = Vec::new();
    for resource in exporter.get_finished_metrics().unwrap() {
        for metric in resource.scope_metrics().flat_map(|scope| scope.metrics()) {
            match metric.data() {
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                    for point in histogram.data_points() {
                        let mut labels: Vec<_> =
                            point.attributes().map(|label| label.value.to_string()).collect();
                        labels.sort();
                        rows.push(format!("{} {} {}", metric.name(), labels.join(" "), point.count()));
                    }
                }
                AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                    rows.extend(
                        sum.data_points().map(|point| format!("{} {}", metric.name(), point.value())),
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
    rows.sort();
    assert_eq!(
        rows,
        [
            "ixt.call.duration completed service:inner unary 1",
            "ixt.call.duration completed service:outer unary 1",
            "ixt.call.duration notFound service:outer unary 1",
            "ixt.handler.duration completed service:inner unary 1",
            "ixt.handler.duration completed service:outer unary 1",
            "ixt.handler.duration notFound service:outer unary 1",
            "ixt.handler.running 0",
            "ixt.handler.running 0",
        ]
    );
}
