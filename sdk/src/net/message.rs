//! Calls in one message (specification 26): unary streams whose one message is a `HandlePayload`.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use ixt_core::invocation::{HandlePayload, HandlePayloadRef, InvocationContext};
use ixt_core::stream::{InteractionKind, StreamErrorCode};
use ixt_core::{ErrorKind, Limits};

use super::interceptor::Boxed;
use super::module::{ModuleBuilder, Service};
use super::{Call, CallBuilder, CallContext, CallError};

/// As large as a payload may be anywhere: the connection knows the limit that was agreed on, and holds every frame
/// to it.
const LIMITS: Limits = Limits::with_max_payload(usize::MAX);

/// A handler of streams that answers calls in one message: for [`ModuleBuilder::service`] and
/// [`ModuleBuilder::other`]. [`ModuleBuilder::handle_message`] does the first by itself.
///
/// A message that is none, or says another context than its open, ends the call with `invalidArgument`; the handler
/// does not see it.
pub fn message_handler<H, F, A>(
    handler: H,
) -> impl Fn(CallContext, Arc<Call>) -> Boxed<'static, Result<(), CallError>> + Send + Sync
where
    H: Fn(CallContext, HandlePayload) -> F + Send + Sync + 'static,
    F: Future<Output = Result<A, CallError>> + Send + 'static,
    A: AsRef<[u8]> + Send + 'static,
{
    let handler = Arc::new(handler);
    move |context, call| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let message = call.recv_one().await?;
            let payload =
                HandlePayloadRef::accept(&message, context.invocation(), LIMITS).map_err(refused)?;
            let payload = payload.into_owned();
            // Not both at once.
            drop(message);
            let answer = handler(context, payload).await?;
            call.finish(answer).await
        })
    }
}

/// What the caller is told of a message that is refused.
fn refused(error: ixt_core::Error) -> CallError {
    CallError::failed(
        StreamErrorCode::InvalidArgument,
        match error.kind() {
            ErrorKind::InvalidArgument => "the message says another context than its open".to_owned(),
            _ => error.to_string(),
        },
    )
}

impl ModuleBuilder {
    /// Answers calls in one message to a service: the handler gets the context and the [`HandlePayload`], and what it
    /// returns is the answer's body. [`CallBuilder::message`] makes such calls.
    ///
    /// ```
    /// # use ixt::{CallError, Module, StreamErrorCode};
    /// let module = Module::builder("media").handle_message("media", |_context, payload| async move {
    ///     match payload.method.as_str() {
    ///         "length" => Ok(payload.body.len().to_string()),
    ///         _ => Err(CallError::failed(StreamErrorCode::NotFound, "no such method")),
    ///     }
    /// });
    /// ```
    pub fn handle_message<H, F, A>(self, service: impl Into<Service>, handler: H) -> Self
    where
        H: Fn(CallContext, HandlePayload) -> F + Send + Sync + 'static,
        F: Future<Output = Result<A, CallError>> + Send + 'static,
        A: AsRef<[u8]> + Send + 'static,
    {
        self.service(service.into().kinds([InteractionKind::Unary]), message_handler(handler))
    }
}

impl CallBuilder {
    /// A call in one message: what is asked, and with what; the answer's body comes back.
    ///
    /// # Errors
    /// As [`unary`](Self::unary); `Refused` with `BadMethod` for a method that is empty or longer than 256 bytes.
    pub async fn message(self, method: impl AsRef<str>, body: impl AsRef<[u8]>) -> Result<Bytes, CallError> {
        let (method, body) = (method.as_ref(), body.as_ref());
        let say = |context: &InvocationContext| {
            let payload = HandlePayloadRef { context: context.clone(), method, body };
            let mut message = Vec::new();
            payload.encode_into(&mut message, LIMITS)?;
            Ok(Some(Cow::Owned(message)))
        };
        self.open_saying(InteractionKind::Unary, true, say)?.recv_one().await
    }
}
