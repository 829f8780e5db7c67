//! What a module answers, and how a call is answered.

use std::collections::HashMap;
use std::sync::Arc;

use ixt_core::flow::Outcome;
use ixt_core::invocation::{InvocationContext, Target};
use ixt_core::stream::{InteractionKind, StreamErrorCode};
use ixt_host::ServiceOffer;

use super::call::Call;
use super::caught::caught;
use super::interceptor::{Handler, Interceptor, Next};
use super::link::{Link, Opened};
use super::{CallContext, CallError};

/// What a module is, beside its connection.
pub(super) struct Parts {
    pub(super) name: String,
    pub(super) offers: Vec<ServiceOffer>,
    pub(super) services: HashMap<String, Handler>,
    pub(super) topics: HashMap<String, Handler>,
    /// What has no handler of its own: calls to the module by name, replies and endpoints.
    pub(super) other: Option<Handler>,
    pub(super) interceptors: Vec<Arc<dyn Interceptor>>,
}

/// Runs the handler of a call, and ends its stream as the handler did.
pub(super) async fn answer(parts: &Parts, link: Arc<Link>, opened: Opened) {
    let clock = link.clock;
    let Opened { key, kind, context } = opened;
    let call = Arc::new(Call::new(link, key, kind));
    let Ok(invocation) = InvocationContext::decode(&context) else { return };
    let handler = parts.handler(&invocation);
    let context = CallContext::new(invocation, clock);
    let Some(handler) = handler else {
        call.fail(StreamErrorCode::NotFound, "the module has no such service", &[]);
        return;
    };
    let next =
        Next { rest: &parts.interceptors, context: &context, call: Arc::clone(&call), handler: &handler };
    // Without interceptors it is the handler itself.
    let run = if next.rest.is_empty() { handler(context.clone(), Arc::clone(&call)) } else { next.run() };
    let mut work = std::pin::pin!(context.clone().scope(run));
    // A stream that fails or is cancelled stops its handler; one that ended in order does not.
    let done = tokio::select! {
        biased;
        done = caught(work.as_mut()) => done,
        () = broken(&call) => return,
    };
    match done {
        Ok(Ok(())) => {
            if let Err(CallError::Refused(_)) = call.close() {
                call.fail(StreamErrorCode::Internal, "the handler ended without an answer", &[]);
            }
            // What the handler forgot is not left open for ever.
            if call.outcome().is_none() {
                finish_quietly(&call).await;
            }
        }
        Ok(Err(CallError::Failed { code, message, details, .. })) => call.fail(code, &message, &details),
        Ok(Err(error)) => {
            call.fail(error.code().unwrap_or(StreamErrorCode::Internal), &error.to_string(), &[])
        }
        Err(()) => call.fail(StreamErrorCode::Internal, "the handler panicked", &[]),
    }
}

/// Waits until a handler whose direction is closed has ended its stream altogether: a bidi stream's caller may send
/// on, and nobody reads.
async fn finish_quietly(call: &Call) {
    if call.kind() == InteractionKind::BidiStream {
        while let Ok(Some(_)) = call.recv().await {}
    }
    call.ended().await;
}

async fn broken(call: &Call) {
    loop {
        match call.ended().await {
            Some(Outcome::Completed(_)) => std::future::pending().await,
            _ => return,
        }
    }
}

impl Parts {
    fn handler(&self, invocation: &InvocationContext) -> Option<Handler> {
        match invocation.target() {
            Target::Service(name) => self.services.get(name).cloned(),
            Target::Broadcast(topic) => self.topics.get(topic).cloned(),
            _ => self.other.clone(),
        }
    }
}
