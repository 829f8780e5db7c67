//! Spans of a module's calls.

use std::pin::Pin;

use ixt_core::invocation::Target;
use opentelemetry::trace::{
    FutureExt, Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer, TracerProvider,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};

use super::{SCOPE, status};
use crate::interceptors::{Running, result_name};
use crate::{CallContext, CallError, Interceptor, Next, Over, Request, Trace};

/// Spans by a tracer of OpenTelemetry.
///
/// [`handlers`](Self::handlers) gives every call that the module answers a span beneath that of the call, and runs
/// the handler within it: spans that the handler starts are its children. [`calls`](Self::calls) gives every call that
/// the module makes its span; see the [module](crate::otel) for when.
///
/// Both put a call that is no child into the trace of the span that is current where it is made: that of an HTTP
/// request, for one.
///
/// ```
/// use ixt::Module;
/// use ixt::otel::Tracing;
/// use opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let provider = SdkTracerProvider::builder().build();
/// let module = Module::builder("media").interceptor(Tracing::handlers(&provider));
/// # drop(module);
/// ```
#[derive(Debug, Clone)]
pub struct Tracing<T> {
    tracer: T,
    calls: bool,
    follows_flags: bool,
}

impl<T> Tracing<T>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    /// Spans of calls that the module answers.
    pub fn handlers(provider: &impl TracerProvider<Tracer = T>) -> Self {
        Self { tracer: tracer(provider), calls: false, follows_flags: false }
    }

    /// Spans of calls that the module makes.
    pub fn calls(provider: &impl TracerProvider<Tracer = T>) -> Self {
        Self { tracer: tracer(provider), calls: true, follows_flags: false }
    }

    /// Lets the flag *sampled* of a call's context decide, where the sampler asks for it. Without this every call
    /// counts as sampled, since programs that trace nothing leave the flag at 0.
    #[must_use]
    pub fn follow_flags(mut self) -> Self {
        self.follows_flags = true;
        self
    }

    /// The call as the parent of a span here.
    fn remote(&self, call: &CallContext) -> SpanContext {
        let flags = TraceFlags::new(call.invocation().trace_flags());
        SpanContext::new(
            TraceId::from_bytes(call.correlation_id()),
            SpanId::from_bytes(call.span_id()),
            if self.follows_flags { flags } else { flags.with_sampled(true) },
            true,
            TraceState::NONE,
        )
    }

    /// Gives the call that is about to be made a span, and that span's id.
    fn begin(&self, request: &mut Request, current: &SpanContext) -> T::Span {
        let parent = match request.parent() {
            // Spans of the handler are between its call and this one; those of another trace are not.
            Some(parent) if current.trace_id().to_bytes() != parent.correlation_id() => self.remote(parent),
            _ => current.clone(),
        };
        let name = request.target.to_string();
        let kind = match request.target {
            Target::Broadcast(_) => SpanKind::Producer,
            _ => SpanKind::Client,
        };
        let attributes = [
            KeyValue::new("rpc.system", "ixt"),
            KeyValue::new("ixt.target", name.clone()),
            KeyValue::new("ixt.kind", request.kind.to_string()),
        ];
        let builder = self.tracer.span_builder(short(name)).with_kind(kind).with_attributes(attributes);
        let span = self.tracer.build_with_context(builder, &beneath(parent));
        let own = span.span_context();
        // A tracer that does nothing gives no ids.
        if own.is_valid() {
            request.span_id = own.span_id().to_bytes();
            if let Some(trace) = &mut request.trace {
                trace.trace_flags = own.trace_flags().to_u8();
            } else {
                request.trace = Some(Trace {
                    correlation_id: own.trace_id().to_bytes(),
                    parent_span_id: [0; 8],
                    trace_flags: own.trace_flags().to_u8(),
                });
            }
        }
        span
    }
}

fn tracer<P: TracerProvider>(provider: &P) -> P::Tracer {
    let scope = InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build();
    provider.tracer_with_scope(scope)
}

/// Where spans have this parent, or none: to a sampler one without an id is a parent that was not sampled.
fn beneath(parent: SpanContext) -> Context {
    match parent.is_valid() {
        true => Context::new().with_remote_span_context(parent),
        false => Context::new(),
    }
}

/// The name of a span: a service's own.
fn short(target: String) -> String {
    match target.strip_prefix("service:") {
        Some(service) => service.to_owned(),
        None => target,
    }
}

impl<T> Interceptor for Tracing<T>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    fn call(&self, request: &mut Request) -> Result<Option<Over>, CallError> {
        let current = Context::current().span().span_context().clone();
        if request.parent().is_none() && request.trace.is_none() && current.is_valid() {
            request.trace = Some(Trace {
                correlation_id: current.trace_id().to_bytes(),
                parent_span_id: current.span_id().to_bytes(),
                trace_flags: current.trace_flags().to_u8(),
            });
        }
        if !self.calls {
            return Ok(None);
        }
        let mut span = self.begin(request, &current);
        Ok(Some(Box::new(move |_, result| end(&mut span, &result_name(result)))))
    }

    fn around<'a>(
        &'a self,
        context: &'a CallContext,
        next: Next<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send + 'a>> {
        if self.calls {
            return next.run();
        }
        let name = context.target().to_string();
        let kind = match context.target() {
            Target::Broadcast(_) => SpanKind::Consumer,
            _ => SpanKind::Server,
        };
        let attributes = [
            KeyValue::new("rpc.system", "ixt"),
            KeyValue::new("ixt.target", name.clone()),
            KeyValue::new("ixt.kind", next.call().kind().to_string()),
            KeyValue::new("ixt.caller", context.source_module().to_owned()),
        ];
        let builder = self.tracer.span_builder(short(name)).with_kind(kind).with_attributes(attributes);
        let span = self.tracer.build_with_context(builder, &beneath(self.remote(context)));
        let within = Context::new().with_span(span);
        let ended = within.clone();
        let running = Running::new(move |result: &str| {
            let span = ended.span();
            let (status, outcome) = outcome(result);
            span.set_attributes(outcome);
            span.set_status(status);
            span.end();
        });
        Box::pin(running.until(Box::pin(next.run().with_context(within))))
    }
}

fn end(span: &mut impl Span, result: &str) {
    let (status, outcome) = outcome(result);
    span.set_attributes(outcome);
    span.set_status(status);
    span.end();
}

/// What a span says at its end.
fn outcome(result: &str) -> (Status, impl Iterator<Item = KeyValue>) {
    let (status, error) = status(result);
    (status, [KeyValue::new("ixt.outcome", result.to_owned())].into_iter().chain(error))
}
