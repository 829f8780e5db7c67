//! OpenTelemetry: traces and metrics of a [`Host`](crate::Host) ([`HostTelemetry`]), and the interceptors that give a
//! module's calls spans ([`Tracing`]) and metrics ([`Metrics`]).
//!
//! Everything goes by the API and the SDK of the OpenTelemetry project, so whoever uses this chooses the exporter.
//! The correlation id of a call is its trace id, its span id is the span of the call, and the parent's span id the
//! parent: a chain of calls is one trace, whichever languages it goes through.
//!
//! A host gives every stream its span, so a module adds [`Tracing::handlers`] and no more. [`Tracing::calls`] is for
//! callers whose host does not trace, or who have none: the span of a call has one id, and two who export it would
//! be seen as two spans of one id.
//!
//! Nothing that is exported holds a payload, a token, the name of an endpoint or the id of a reply. Metrics have the
//! names of services and modules alone, never ids.

mod host;
mod metrics;
mod tracing;

pub use host::HostTelemetry;
pub use metrics::Metrics;
pub use tracing::Tracing;

use opentelemetry::KeyValue;
use opentelemetry::trace::Status;

/// What instruments and spans are said to come from.
const SCOPE: &str = "ixt";

/// Upper bounds of durations, in seconds: calls on one machine take tens of microseconds.
const SECONDS: [f64; 12] = [0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0];

/// The name of a module as a label. The command line calls itself by its process id, of which there is no end.
fn module_label(name: &str) -> &str {
    match name.strip_prefix("cli-") {
        Some(number) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => "cli",
        _ => name,
    }
}

/// The status of a span that ended with this word, and what says so. Whoever gives a call up has no error.
fn status(outcome: &str) -> (Status, Option<KeyValue>) {
    let is_error = match outcome.strip_prefix("cancelled.") {
        Some(reason) => matches!(reason, "deadlineExceeded" | "backpressureTimeout"),
        None => outcome != "completed",
    };
    match is_error {
        true => (Status::error(outcome.to_owned()), Some(KeyValue::new("error.type", outcome.to_owned()))),
        false => (Status::Unset, None),
    }
}
