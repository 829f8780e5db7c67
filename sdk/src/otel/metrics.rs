//! Metrics of a module's calls.

use std::pin::Pin;
use std::time::Instant;

use ixt_core::stream::InteractionKind;
use opentelemetry::metrics::{Histogram, MeterProvider, UpDownCounter};
use opentelemetry::{InstrumentationScope, KeyValue};

use super::{SCOPE, SECONDS};
use crate::interceptors::{Running, result_name};
use crate::{CallContext, CallError, Interceptor, Next, Over, Request};

/// Durations and counts of calls, those that a module makes (`ixt.call.duration`) and those that it answers
/// (`ixt.handler.duration`, `ixt.handler.running`), by target, kind and outcome.
#[derive(Debug, Clone)]
pub struct Metrics {
    calls: Histogram<f64>,
    handlers: Histogram<f64>,
    running: UpDownCounter<i64>,
}

impl Metrics {
    /// By meters of this provider.
    #[must_use]
    pub fn new(provider: &impl MeterProvider) -> Self {
        let scope = InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build();
        let meter = provider.meter_with_scope(scope);
        let seconds = |name: &'static str, description: &'static str| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .with_boundaries(SECONDS.to_vec())
                .build()
        };
        Self {
            calls: seconds("ixt.call.duration", "How long calls took, for who made them"),
            handlers: seconds("ixt.handler.duration", "How long handlers took"),
            running: meter
                .i64_up_down_counter("ixt.handler.running")
                .with_unit("{call}")
                .with_description("Handlers that run")
                .build(),
        }
    }
}

fn labels(target: String, kind: InteractionKind) -> [KeyValue; 2] {
    [KeyValue::new("ixt.target", target), KeyValue::new("ixt.kind", kind.name().unwrap_or("other"))]
}

fn with_outcome([target, kind]: [KeyValue; 2], outcome: &str) -> [KeyValue; 3] {
    [target, kind, KeyValue::new("ixt.outcome", outcome.to_owned())]
}

impl Interceptor for Metrics {
    fn call(&self, request: &mut Request) -> Result<Option<Over>, CallError> {
        let (calls, begun, kind) = (self.calls.clone(), Instant::now(), request.kind);
        Ok(Some(Box::new(move |context, result| {
            let labels = labels(context.target().to_string(), kind);
            calls.record(begun.elapsed().as_secs_f64(), &with_outcome(labels, &result_name(result)));
        })))
    }

    fn around<'a>(
        &'a self,
        context: &'a CallContext,
        next: Next<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send + 'a>> {
        let begun = Instant::now();
        let labels = labels(context.target().to_string(), next.call().kind());
        self.running.add(1, &labels);
        let running = Running::new(move |result: &str| {
            self.running.add(-1, &labels);
            self.handlers.record(begun.elapsed().as_secs_f64(), &with_outcome(labels, result));
        });
        Box::pin(running.until(next.run()))
    }
}
