//! The spans and the metrics of a host.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ixt_host::{EndedStream, Refusal, Stats};
use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample, SpanData, SpanEvents, SpanLinks,
    SpanProcessor,
};

use super::{SCOPE, SECONDS, module_label, status};

/// Traces and metrics of a host, for [`HostBuilder::telemetry`](crate::HostBuilder::telemetry). Cheap to clone; the
/// clones are one.
///
/// ```
/// use ixt::Host;
/// use ixt::otel::HostTelemetry;
/// use opentelemetry_sdk::metrics::SdkMeterProvider;
/// use opentelemetry_sdk::trace::{BatchSpanProcessor, InMemorySpanExporter};
///
/// // In place of memory, the exporter of your choice: that of `opentelemetry-otlp`, for one.
/// let spans = BatchSpanProcessor::builder(InMemorySpanExporter::default()).build();
/// let meters = SdkMeterProvider::builder().build();
/// let telemetry = HostTelemetry::new().spans(spans).meters(&meters);
/// let builder = Host::builder().telemetry(&telemetry);
/// # drop(builder);
/// ```
#[derive(Clone, Default)]
pub struct HostTelemetry {
    spans: Option<Arc<Spans>>,
    metrics: Option<Arc<Metrics>>,
}

struct Spans {
    processor: Box<dyn SpanProcessor>,
    sampler: Box<dyn ShouldSample>,
    scope: InstrumentationScope,
    ids: RandomIdGenerator,
}

struct Metrics {
    meter: Meter,
    streams: Counter<u64>,
    duration: Histogram<f64>,
    blocked: Counter<f64>,
    refusals: Counter<u64>,
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build()
}

impl HostTelemetry {
    /// Neither traces nor metrics yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A span for every stream that has ended, an open that was refused among them. The processor is called by the
    /// tasks of the host, so it must not block: `BatchSpanProcessor` does not, and drops what does not fit.
    #[must_use]
    pub fn spans(self, processor: impl SpanProcessor + 'static) -> Self {
        self.sampled_spans(processor, Sampler::AlwaysOn)
    }

    /// As [`spans`](Self::spans), for those that the sampler wants. Its parent is the caller, with the flags of the
    /// call's context. As a program that traces nothing leaves the flag *sampled* at 0, `Sampler::ParentBased` drops
    /// the calls of such programs.
    #[must_use]
    pub fn sampled_spans(
        mut self,
        processor: impl SpanProcessor + 'static,
        sampler: impl Into<Box<dyn ShouldSample>>,
    ) -> Self {
        let (processor, ids) = (Box::new(processor), RandomIdGenerator::default());
        self.spans = Some(Arc::new(Spans { processor, sampler: sampler.into(), scope: scope(), ids }));
        self
    }

    /// The metrics of the host, by meters of this provider.
    #[must_use]
    pub fn meters(mut self, provider: &impl MeterProvider) -> Self {
        let meter = provider.meter_with_scope(scope());
        self.metrics = Some(Arc::new(Metrics {
            streams: meter
                .u64_counter("ixt.host.streams.ended")
                .with_unit("{stream}")
                .with_description("Streams that have ended, refused ones among them")
                .build(),
            duration: meter
                .f64_histogram("ixt.host.stream.duration")
                .with_unit("s")
                .with_description("How long streams lived that went through")
                .with_boundaries(SECONDS.to_vec())
                .build(),
            blocked: meter
                .f64_counter("ixt.host.stream.blocked")
                .with_unit("s")
                .with_description("How long senders of ended streams had no credit before they got more")
                .build(),
            refusals: meter
                .u64_counter("ixt.host.refusals")
                .with_unit("{refusal}")
                .with_description("Announcements and opens that were refused")
                .build(),
            meter,
        }));
        self
    }

    /// Exports what waits, and ends the processor of the spans. It blocks, for at most as long as is said; meters
    /// are ended by who made their provider.
    ///
    /// # Errors
    /// The processor's, among them that the time was too short.
    pub fn shutdown(&self, timeout: Duration) -> OTelSdkResult {
        self.spans.as_ref().map_or(Ok(()), |spans| spans.processor.shutdown_with_timeout(timeout))
    }

    pub(crate) fn ended(&self, stream: &EndedStream) {
        let outcome = stream.how.to_string();
        if let Some(spans) = &self.spans {
            spans.ended(stream, &outcome);
        }
        if let Some(metrics) = &self.metrics {
            metrics.ended(stream, outcome);
        }
    }

    pub(crate) fn refused(&self, refusal: &Refusal) {
        if let Some(metrics) = &self.metrics {
            let labels = [
                KeyValue::new("ixt.wanted", refusal.wanted),
                KeyValue::new("ixt.code", refusal.code.clone()),
            ];
            metrics.refusals.add(1, &labels);
        }
    }

    /// Reads the figures of the host whenever metrics are collected, for as long as it gives any.
    pub(crate) fn observe(&self, stats: impl Fn() -> Option<Stats> + Send + Sync + 'static) {
        if let Some(metrics) = &self.metrics {
            metrics.observe(stats);
        }
    }
}

impl Spans {
    fn ended(&self, stream: &EndedStream, outcome: &str) {
        let flags = TraceFlags::new(stream.trace_flags);
        let mut trace_id = TraceId::from_bytes(stream.correlation_id);
        let mut parent = SpanId::from_bytes(stream.parent_span_id);
        if trace_id == TraceId::INVALID {
            // A call without a correlation is a trace of its own, and belongs to no other.
            (trace_id, parent) = (self.ids.new_trace_id(), SpanId::INVALID);
        }
        let mut span_id = SpanId::from_bytes(stream.span_id);
        if span_id == SpanId::INVALID {
            span_id = self.ids.new_span_id();
        }
        let (name, span_kind) = name_and_kind(stream);
        // For a sampler the caller is the parent also of a root: its flags say what it decided.
        let caller = if parent == SpanId::INVALID { span_id } else { parent };
        let caller = SpanContext::new(trace_id, caller, flags, true, TraceState::NONE);
        let context = Context::new().with_remote_span_context(caller);
        let sampling = self.sampler.should_sample(Some(&context), trace_id, &name, &span_kind, &[], &[]);
        if sampling.decision != SamplingDecision::RecordAndSample {
            return;
        }
        let (status, error) = status(outcome);
        let mut attributes = attributes(stream, outcome);
        attributes.extend(error);
        attributes.extend(sampling.attributes);
        self.processor.on_end(SpanData {
            span_context: SpanContext::new(
                trace_id,
                span_id,
                flags.with_sampled(true),
                false,
                sampling.trace_state,
            ),
            parent_span_id: parent,
            parent_span_is_remote: parent != SpanId::INVALID,
            span_kind,
            name,
            start_time: at(stream.opened_us),
            end_time: at(stream.ended_us),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

fn at(us: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(us)
}

/// The service or the target; what was refused has one name, since callers can make up targets without end.
fn name_and_kind(stream: &EndedStream) -> (Cow<'static, str>, SpanKind) {
    let target = stream.target.as_str();
    if stream.provider.is_some() {
        return (target.strip_prefix("service:").unwrap_or(target).to_owned().into(), SpanKind::Client);
    }
    if stream.how.is_success() {
        return ("broadcast".into(), SpanKind::Producer);
    }
    ("refused".into(), SpanKind::Client)
}

fn attributes(stream: &EndedStream, outcome: &str) -> Vec<KeyValue> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mut attributes = vec![
        KeyValue::new("rpc.system", "ixt"),
        KeyValue::new("ixt.target", stream.target.clone()),
        KeyValue::new("ixt.kind", stream.kind.to_string()),
        KeyValue::new("ixt.caller", stream.caller.clone()),
        KeyValue::new("ixt.outcome", outcome.to_owned()),
    ];
    if let Some(service) = stream.target.strip_prefix("service:") {
        attributes.push(KeyValue::new("rpc.service", service.to_owned()));
    }
    if let Some(provider) = &stream.provider {
        attributes.push(KeyValue::new("ixt.provider", provider.clone()));
        attributes.push(KeyValue::new("peer.service", provider.clone()));
    }
    let [caller, provider] = stream.frames;
    attributes.push(KeyValue::new("ixt.caller.frames", number(caller)));
    attributes.push(KeyValue::new("ixt.provider.frames", number(provider)));
    let [caller, provider] = stream.bytes;
    attributes.push(KeyValue::new("ixt.caller.bytes", number(caller)));
    attributes.push(KeyValue::new("ixt.provider.bytes", number(provider)));
    let [caller, provider] = stream.blocked_us;
    attributes.push(KeyValue::new("ixt.caller.blocked_us", number(caller)));
    attributes.push(KeyValue::new("ixt.provider.blocked_us", number(provider)));
    attributes
}

impl Metrics {
    fn ended(&self, stream: &EndedStream, outcome: String) {
        let kind = KeyValue::new("ixt.kind", stream.kind.name().unwrap_or("other"));
        let outcome = KeyValue::new("ixt.outcome", outcome);
        let Some(provider) = &stream.provider else {
            // Callers make up topics and what is not there; neither is a label.
            let target = if stream.how.is_success() { "broadcast" } else { "refused" };
            self.streams.add(1, &[KeyValue::new("ixt.target", target), kind, outcome]);
            return;
        };
        let target = KeyValue::new("ixt.target", target_label(&stream.target));
        self.streams.add(
            1,
            &[
                target.clone(),
                kind.clone(),
                outcome.clone(),
                KeyValue::new("ixt.caller", module_label(&stream.caller).to_owned()),
                KeyValue::new("ixt.provider", module_label(provider).to_owned()),
            ],
        );
        let seconds = stream.ended_us.saturating_sub(stream.opened_us) as f64 / 1e6;
        self.duration.record(seconds, &[target.clone(), kind, outcome]);
        for (sender, blocked_us) in SENDERS.into_iter().zip(stream.blocked_us) {
            if blocked_us > 0 {
                let labels = [target.clone(), KeyValue::new("ixt.sender", sender)];
                self.blocked.add(blocked_us as f64 / 1e6, &labels);
            }
        }
    }

    fn observe(&self, stats: impl Fn() -> Option<Stats> + Send + Sync + 'static) {
        let recent: Arc<Recent> = Arc::new(Recent { stats: Box::new(stats), last: Mutex::new(None) });
        let gauges: [Figure<usize>; 5] = [
            ("ixt.host.connections", "{connection}", "Connections", |stats| stats.connections),
            ("ixt.host.modules", "{module}", "Modules that are announced", |stats| stats.modules),
            ("ixt.host.streams.open", "{stream}", "Streams that go through", |stats| stats.streams),
            (
                "ixt.host.streams.blocked",
                "{stream}",
                "Streams that go through and of which a sender has no credit",
                |stats| stats.blocked,
            ),
            ("ixt.host.queued", "By", "What waits to be written, of all connections", |stats| {
                stats.queued_bytes
            }),
        ];
        for (name, unit, description, of) in gauges {
            let recent = Arc::clone(&recent);
            self.meter
                .i64_observable_up_down_counter(name)
                .with_unit(unit)
                .with_description(description)
                .with_callback(move |observer| {
                    if let Some(stats) = recent.stats() {
                        observer.observe(i64::try_from(of(&stats)).unwrap_or(i64::MAX), &[]);
                    }
                })
                .build();
        }
        let counters: [Figure<[u64; 2]>; 2] = [
            ("ixt.host.frames", "{frame}", "Data frames relayed", |stats| stats.frames),
            ("ixt.host.bytes", "By", "Bytes of the payloads of data frames relayed", |stats| stats.bytes),
        ];
        for (name, unit, description, of) in counters {
            let recent = Arc::clone(&recent);
            self.meter
                .u64_observable_counter(name)
                .with_unit(unit)
                .with_description(description)
                .with_callback(move |observer| {
                    if let Some(stats) = recent.stats() {
                        for (sender, count) in SENDERS.into_iter().zip(of(&stats)) {
                            observer.observe(count, &[KeyValue::new("ixt.sender", sender)]);
                        }
                    }
                })
                .build();
        }
    }
}

/// An instrument: its name, its unit, what it says, and where that is.
type Figure<T> = (&'static str, &'static str, &'static str, fn(&Stats) -> T);

const SENDERS: [&str; 2] = ["caller", "provider"];

/// A routed target; a module of the command line is one of many.
fn target_label(target: &str) -> String {
    match target.strip_prefix("module:") {
        Some(module) => format!("module:{}", module_label(module)),
        None => target.to_owned(),
    }
}

/// The figures, read once for all instruments of one collection: it takes the lock of the host.
struct Recent {
    stats: Box<dyn Fn() -> Option<Stats> + Send + Sync>,
    last: Mutex<Option<(Instant, Stats)>>,
}

impl Recent {
    const FRESH: Duration = Duration::from_millis(50);

    fn stats(&self) -> Option<Stats> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((at, stats)) if at.elapsed() < Self::FRESH => Some(stats),
            _ => {
                let stats = (self.stats)()?;
                *last = Some((Instant::now(), stats));
                Some(stats)
            }
        }
    }
}

impl std::fmt::Debug for HostTelemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostTelemetry")
            .field("spans", &self.spans.is_some())
            .field("metrics", &self.metrics.is_some())
            .finish()
    }
}
