//! What stands around every call, at the caller and at the handler.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ixt_core::invocation::Target;
use ixt_core::stream::{InteractionKind, StreamErrorCode};

use super::caught::caught;
use super::{Call, CallContext, CallError, Over};

/// A future on the heap, as interceptors pass them on.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A handler, as it is kept.
pub(crate) type Handler =
    Arc<dyn Fn(CallContext, Arc<Call>) -> Boxed<'static, Result<(), CallError>> + Send + Sync>;

/// Stands around calls: those that a module makes, by [`call`](Self::call), and those that it answers, by
/// [`around`](Self::around). Each does nothing unless it is written. Those in [`interceptors`](crate::interceptors)
/// are ready.
pub trait Interceptor: Send + Sync + 'static {
    /// Before a call is opened, in the task that opens it: it may change the request. What it gives is told how the
    /// call went, when the caller learns that it is over or lets go of it; where nothing could be opened, with the
    /// reason, and where the request made no sense, it is dropped.
    ///
    /// # Errors
    /// The call is not made, and fails with this.
    fn call(&self, request: &mut Request) -> Result<Option<Over>, CallError> {
        let _ = request;
        Ok(None)
    }

    /// Runs the handler of a call by [`Next::run`], or does not and returns an error in its place. The future is
    /// dropped where the call is cancelled or fails meanwhile; a handler that panics gives `internal`.
    fn around<'a>(
        &'a self,
        context: &'a CallContext,
        next: Next<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send + 'a>> {
        let _ = context;
        next.run()
    }
}

/// A call that is about to be opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// Where it goes.
    pub target: Target,
    /// How many messages each side sends.
    pub kind: InteractionKind,
    /// Its deadline in milliseconds since the Unix epoch. Of this, the timeout and the parent's, the earliest holds.
    pub deadline_ms: Option<u64>,
    /// The same, from now on.
    pub timeout: Option<Duration>,
    /// Of a child those of its parent's capabilities that it gets, `None` for all; else those that it has.
    pub capabilities: Option<Vec<String>>,
    /// Sent along, beside the parent's.
    pub metadata: Vec<(String, String)>,
    /// The span of the call: fresh random bytes, not all zero.
    pub span_id: [u8; 8],
    /// The trace of a call that is no child; `None` for one of its own. A child is in its parent's.
    pub trace: Option<Trace>,
    pub(crate) parent: Option<CallContext>,
}

/// The trace that a call belongs to, which is caused by something else than a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The W3C trace-id; not all zero.
    pub correlation_id: [u8; 16],
    /// The span that causes the call; all zeros for none.
    pub parent_span_id: [u8; 8],
    /// The W3C trace-flags; bit 0 says sampled.
    pub trace_flags: u8,
}

impl Request {
    /// The call that causes this one; `None` where it is no child.
    #[must_use]
    pub fn parent(&self) -> Option<&CallContext> {
        self.parent.as_ref()
    }
}

/// What is left of a call: the interceptors after this one, and the handler.
pub struct Next<'a> {
    pub(crate) rest: &'a [Arc<dyn Interceptor>],
    pub(crate) context: &'a CallContext,
    pub(crate) call: Arc<Call>,
    pub(crate) handler: &'a Handler,
}

impl<'a> Next<'a> {
    /// The stream of the call.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Goes on with the call.
    #[must_use]
    pub fn run(self) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send + 'a>> {
        match self.rest.split_first() {
            Some((first, rest)) => first.around(self.context, Next { rest, ..self }),
            None => Box::pin(async move {
                let handled = caught((self.handler)(self.context.clone(), self.call)).await;
                handled.unwrap_or_else(|()| {
                    Err(CallError::failed(StreamErrorCode::Internal, "the handler panicked"))
                })
            }),
        }
    }
}
