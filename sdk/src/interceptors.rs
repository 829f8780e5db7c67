//! What many programs want around their calls: deadlines, an audit, metrics and traces.
//!
//! They are given to a module by [`ModuleBuilder::interceptor`](crate::ModuleBuilder::interceptor), and stand around
//! the calls that it makes and those that it answers. One of your own is an [`Interceptor`].
//!
//! [`Metrics`] and [`Tracing`] need no library: they count, and hand over what was measured. Those for OpenTelemetry
//! are in `ixt::otel` (feature `otel`).

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use ixt_core::invocation::InvocationContext;
use serde_json::json;

use crate::{CallContext, CallError, Interceptor, Next, Over, Request};

type Around<'a> = Pin<Box<dyn Future<Output = Result<(), CallError>> + Send + 'a>>;

/// A deadline for calls that have none, of their own or of the call that causes them.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    timeout: Duration,
}

impl Deadline {
    /// So long from when the call is made.
    #[must_use]
    pub const fn new(timeout: Duration) -> Self {
        Self { timeout }
    }
}

impl Interceptor for Deadline {
    fn call(&self, request: &mut Request) -> Result<Option<Over>, CallError> {
        let inherited = request.parent().and_then(CallContext::deadline_ms);
        if request.deadline_ms.is_none() && request.timeout.is_none() && inherited.is_none() {
            request.timeout = Some(self.timeout);
        }
        Ok(None)
    }
}

/// On which side of a call something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The module makes the call.
    Caller,
    /// The module answers it.
    Handler,
}

/// `caller` or `handler`.
impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Caller => "caller",
            Self::Handler => "handler",
        })
    }
}

/// The word for how a call went: `completed`, the name of an error's code, or `cancelled.` and a reason. There are
/// few of them.
#[must_use]
pub fn result_name(result: &Result<(), CallError>) -> String {
    match result {
        Ok(()) => "completed".to_owned(),
        Err(CallError::Cancelled { reason, .. }) => format!("cancelled.{}", reason.name().unwrap_or("other")),
        Err(error) => error.code().map_or("refused", |code| code.name().unwrap_or("other")).to_owned(),
    }
}

/// A handler that is at work. Dropped before it has ended, it tells that its call was cancelled.
pub(crate) struct Running<F: FnOnce(&str)> {
    told: Option<F>,
}

impl<F: FnOnce(&str)> Running<F> {
    pub(crate) fn new(told: F) -> Self {
        Self { told: Some(told) }
    }

    /// Waits for it.
    pub(crate) async fn until(mut self, work: Around<'_>) -> Result<(), CallError> {
        let result = work.await;
        if let Some(told) = self.told.take() {
            told(&result_name(&result));
        }
        result
    }
}

impl<F: FnOnce(&str)> Drop for Running<F> {
    fn drop(&mut self) {
        if let Some(told) = self.told.take() {
            told("cancelled");
        }
    }
}

/// A line of JSON for each call: who, what, how it went. Never payloads, never tokens.
pub struct Audit {
    write: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Audit {
    /// Lines go to this function, without their ends. It must not block.
    pub fn new(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { write: Arc::new(write) }
    }
}

fn line(side: Side, context: &InvocationContext, result: &str) -> String {
    let id: String = context.correlation_id().iter().map(|byte| format!("{byte:02x}")).collect();
    let line = json!({
        "side": side.to_string(),
        "source": context.source_module(),
        "target": context.target().to_string(),
        "correlation_id": id,
        "subject": context.actor().subject().to_string(),
        "result": result,
    });
    line.to_string()
}

impl Interceptor for Audit {
    fn call(&self, _request: &mut Request) -> Result<Option<Over>, CallError> {
        let write = Arc::clone(&self.write);
        Ok(Some(Box::new(move |context, result| write(&line(Side::Caller, context, &result_name(result))))))
    }

    fn around<'a>(&'a self, context: &'a CallContext, next: Next<'a>) -> Around<'a> {
        let running =
            Running::new(|result: &str| (self.write)(&line(Side::Handler, context.invocation(), result)));
        Box::pin(running.until(next.run()))
    }
}

/// One row of [`Metrics`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Series {
    /// On which side.
    pub side: Side,
    /// The target, as `service:thumbs`.
    pub target: String,
    /// As [`result_name`] says it; `cancelled` where a handler was stopped.
    pub result: String,
}

/// How many calls there were of one row, and how long they took in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeriesValue {
    /// How many.
    pub count: u64,
    /// How long, in all.
    pub took: Duration,
}

/// Counts calls and how long they take. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    running: AtomicU64,
    series: Mutex<BTreeMap<Series, SeriesValue>>,
}

impl Metrics {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All rows as they are now.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<Series, SeriesValue> {
        self.inner.series.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Handlers that run.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.inner.running.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn add(&self, side: Side, target: String, result: &str, took: Duration) {
        let series = Series { side, target, result: result.to_owned() };
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let value = all.entry(series).or_default();
        value.count += 1;
        value.took += took;
    }
}

impl Interceptor for Metrics {
    fn call(&self, _request: &mut Request) -> Result<Option<Over>, CallError> {
        let (inner, begun) = (Arc::clone(&self.inner), Instant::now());
        Ok(Some(Box::new(move |context, result| {
            inner.add(Side::Caller, context.target().to_string(), &result_name(result), begun.elapsed());
        })))
    }

    fn around<'a>(&'a self, context: &'a CallContext, next: Next<'a>) -> Around<'a> {
        let begun = Instant::now();
        self.inner.running.fetch_add(1, Ordering::Relaxed);
        let running = Running::new(move |result: &str| {
            self.inner.running.fetch_sub(1, Ordering::Relaxed);
            self.inner.add(Side::Handler, context.target().to_string(), result, begun.elapsed());
        });
        Box::pin(running.until(next.run()))
    }
}

/// One call, as tracing systems want it. The correlation id is the trace id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Span {
    /// The correlation id.
    pub trace_id: [u8; 16],
    /// The span of the call.
    pub span_id: [u8; 8],
    /// The span that caused it; all zeros for none.
    pub parent_span_id: [u8; 8],
    /// The target, as `service:thumbs`.
    pub name: String,
    /// On which side it was seen.
    pub side: Side,
    /// When it began.
    pub started: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// As [`result_name`] says it; `cancelled` where a handler was stopped.
    pub result: String,
}

/// Hands over a [`Span`] for each call that has ended. Caller and handler speak of one invocation, so both of its
/// spans have one span id.
pub struct Tracing {
    export: Arc<dyn Fn(Span) + Send + Sync>,
}

impl Tracing {
    /// Spans go to this function. It must not block.
    pub fn new(export: impl Fn(Span) + Send + Sync + 'static) -> Self {
        Self { export: Arc::new(export) }
    }
}

fn span(side: Side, context: &InvocationContext, started: SystemTime, result: &str) -> Span {
    Span {
        trace_id: context.correlation_id(),
        span_id: context.span_id(),
        parent_span_id: context.parent_span_id(),
        name: context.target().to_string(),
        side,
        started,
        ended: SystemTime::now(),
        result: result.to_owned(),
    }
}

impl Interceptor for Tracing {
    fn call(&self, _request: &mut Request) -> Result<Option<Over>, CallError> {
        let (export, started) = (Arc::clone(&self.export), SystemTime::now());
        Ok(Some(Box::new(move |context, result| {
            export(span(Side::Caller, context, started, &result_name(result)));
        })))
    }

    fn around<'a>(&'a self, context: &'a CallContext, next: Next<'a>) -> Around<'a> {
        let started = SystemTime::now();
        let running = Running::new(move |result: &str| {
            (self.export)(span(Side::Handler, context.invocation(), started, result));
        });
        Box::pin(running.until(next.run()))
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Tracing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracing").finish_non_exhaustive()
    }
}
