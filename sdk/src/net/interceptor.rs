//! What stands around every call, at the caller and at the handler.

use std::pin::Pin;
use std::sync::Arc;

use super::{Call, CallContext, CallError};

/// A future on the heap, as interceptors pass them on.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A handler, as it is kept.
pub(crate) type Handler =
    Arc<dyn Fn(CallContext, Arc<Call>) -> Boxed<'static, Result<(), CallError>> + Send + Sync>;

/// Stands around every call that a module answers: it may look at the context, time the call, refuse it, and see
/// how it went. Deadlines are the engine's, so none is needed for these.
pub trait Interceptor: Send + Sync + 'static {
    /// Runs the call by [`Next::run`], or does not and returns an error in its place.
    fn around<'a>(
        &'a self,
        context: &'a CallContext,
        next: Next<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send + 'a>>;
}

/// What is left of a call: the interceptors after this one, and the handler.
pub struct Next<'a> {
    pub(crate) rest: &'a [Arc<dyn Interceptor>],
    pub(crate) context: &'a CallContext,
    pub(crate) call: Arc<Call>,
    pub(crate) handler: &'a Handler,
}

impl<'a> Next<'a> {
    /// Goes on with the call.
    #[must_use]
    pub fn run(self) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send + 'a>> {
        match self.rest.split_first() {
            Some((first, rest)) => first.around(self.context, Next { rest, ..self }),
            None => (self.handler)(self.context.clone(), self.call),
        }
    }
}
