//! Traces and metrics of `ixt host`, by OTLP.

use std::env;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ixt::otel::HostTelemetry;
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, SpanExporter, WithExportConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SpanData, SpanProcessor};

/// How long the last of them may take, when the host stops.
const LAST: Duration = Duration::from_secs(2);

/// What sends them.
pub(crate) struct Telemetry {
    of_host: HostTelemetry,
    meters: Option<SdkMeterProvider>,
}

impl Telemetry {
    pub(crate) fn of_host(&self) -> &HostTelemetry {
        &self.of_host
    }

    /// Sends what waits. It blocks, for a few seconds at most.
    pub(crate) fn shutdown(&self) {
        // A collector that is not there is no reason to fail: it was said before.
        let _ = self.of_host.shutdown(LAST);
        if let Some(meters) = &self.meters {
            let _ = meters.shutdown_with_timeout(LAST);
        }
    }
}

/// What the option and the environment ask for; `None` where they ask for nothing.
pub(crate) fn from(url: Option<&str>) -> io::Result<Option<Telemetry>> {
    if is("OTEL_SDK_DISABLED", "true") {
        return Ok(None);
    }
    let everything = url.is_some() || is_set(OTEL_EXPORTER_OTLP_ENDPOINT);
    let wanted = |exporter, endpoint| !is(exporter, "none") && (everything || is_set(endpoint));
    let traces = wanted("OTEL_TRACES_EXPORTER", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
    let metrics = wanted("OTEL_METRICS_EXPORTER", OTEL_EXPORTER_OTLP_METRICS_ENDPOINT);
    if !traces && !metrics {
        return Ok(None);
    }
    // For an https:// URL; where another part of the process has chosen, its choice stands.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let about = |error: ExporterBuildError| io::Error::other(format!("OpenTelemetry: {error}"));
    let mut telemetry = Telemetry { of_host: HostTelemetry::new(), meters: None };
    if traces {
        let mut builder = SpanExporter::builder().with_http();
        if let Some(url) = url {
            builder = builder.with_endpoint(below(url, "v1/traces"));
        }
        let exporter = Talking { inner: builder.build().map_err(about)?, fails: AtomicBool::new(false) };
        let mut spans = BatchSpanProcessor::builder(exporter).build();
        spans.set_resource(&resource());
        telemetry.of_host = telemetry.of_host.sampled_spans(spans, sampler()?);
    }
    if metrics {
        let mut builder = MetricExporter::builder().with_http();
        if let Some(url) = url {
            builder = builder.with_endpoint(below(url, "v1/metrics"));
        }
        let exporter = builder.build().map_err(about)?;
        let meters =
            SdkMeterProvider::builder().with_periodic_exporter(exporter).with_resource(resource()).build();
        telemetry.of_host = telemetry.of_host.meters(&meters);
        telemetry.meters = Some(meters);
    }
    Ok(Some(telemetry))
}

fn is_set(name: &str) -> bool {
    env::var(name).is_ok_and(|value| !value.is_empty())
}

fn is(name: &str, value: &str) -> bool {
    env::var(name).is_ok_and(|found| found.eq_ignore_ascii_case(value))
}

/// The path of a signal, as OTLP has it below a URL for all.
fn below(url: &str, path: &str) -> String {
    format!("{}/{path}", url.trim_end_matches('/'))
}

/// The process, by the name that the environment gives it, else `ixt-host`.
fn resource() -> Resource {
    let named = is_set("OTEL_SERVICE_NAME")
        || env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|all| {
            all.split(',')
                .any(|entry| entry.split('=').next().is_some_and(|key| key.trim() == "service.name"))
        });
    let builder = Resource::builder();
    if named { builder.build() } else { builder.with_service_name("ixt-host").build() }
}

/// `OTEL_TRACES_SAMPLER`, and everything where it is not set.
fn sampler() -> io::Result<Sampler> {
    let ratio = || match env::var("OTEL_TRACES_SAMPLER_ARG") {
        Err(_) => Ok(1.0),
        Ok(text) => match text.trim().parse() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
            _ => Err(io::Error::other("OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1")),
        },
    };
    let under = |sampler| Sampler::ParentBased(Box::new(sampler));
    Ok(match env::var("OTEL_TRACES_SAMPLER").unwrap_or_default().as_str() {
        "" | "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio()?),
        "parentbased_always_on" => under(Sampler::AlwaysOn),
        "parentbased_always_off" => under(Sampler::AlwaysOff),
        "parentbased_traceidratio" => under(Sampler::TraceIdRatioBased(ratio()?)),
        other => return Err(io::Error::other(format!("OTEL_TRACES_SAMPLER: `{other}` is not known"))),
    })
}

/// Says when the collector begins to take nothing, and when it takes something again.
#[derive(Debug)]
struct Talking<E> {
    inner: E,
    fails: AtomicBool,
}

impl<E: opentelemetry_sdk::trace::SpanExporter> opentelemetry_sdk::trace::SpanExporter for Talking<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exported = self.inner.export(batch).await;
        let failed = self.fails.swap(exported.is_err(), Ordering::Relaxed);
        match &exported {
            Err(error) if !failed => anstream::eprintln!("ixt host: spans cannot be exported: {error}"),
            Ok(()) if failed => anstream::eprintln!("ixt host: spans are exported again"),
            _ => {}
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
