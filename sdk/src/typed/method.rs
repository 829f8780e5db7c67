//! A service with the types of its messages.

use std::marker::PhantomData;

use ixt_core::stream::InteractionKind;

use super::codec::{decoded, encoded};
use super::{Codec, TypedCall};
use crate::{CallBuilder, CallContext, CallError, Client, ModuleBuilder, Service};

/// A service with the codecs of its requests and its answers. A constant that caller and provider share.
pub struct Method<Q, A> {
    service: &'static str,
    requires: &'static str,
    codecs: PhantomData<fn() -> (Q, A)>,
}

impl<Q: Codec, A: Codec> Method<Q, A> {
    /// The service of this name, which anybody may call.
    #[must_use]
    pub const fn new(service: &'static str) -> Self {
        Self { service, requires: "", codecs: PhantomData }
    }

    /// The capability that a caller needs.
    #[must_use]
    pub const fn requires(self, capability: &'static str) -> Self {
        Self { requires: capability, ..self }
    }

    /// A call of it, that is yet to be described and made.
    pub fn call(&self, client: &Client) -> MethodCall<Q, A> {
        MethodCall { call: client.service(self.service), codecs: PhantomData }
    }

    /// Answers unary calls. A request that does not decode fails as `invalidArgument`, and the handler does not see it.
    pub fn handle_unary<H, F>(&self, module: ModuleBuilder, handler: H) -> ModuleBuilder
    where
        H: Fn(CallContext, Q::Received) -> F + Send + Sync + 'static,
        F: Future<Output = Result<A::Sent, CallError>> + Send + 'static,
    {
        let handler = std::sync::Arc::new(handler);
        module.unary(self.service(), move |context, payload| {
            let (request, handler) = (decoded::<Q>(&payload), std::sync::Arc::clone(&handler));
            async move { encoded::<A>(&handler(context, request?).await?) }
        })
    }

    /// Answers calls of these kinds: what it sends are answers, what it receives requests.
    pub fn handle<H, F>(
        &self,
        module: ModuleBuilder,
        kinds: impl IntoIterator<Item = InteractionKind>,
        handler: H,
    ) -> ModuleBuilder
    where
        H: Fn(CallContext, TypedCall<A, Q>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        module
            .service(self.service().kinds(kinds), move |context, call| handler(context, TypedCall::new(call)))
    }

    fn service(&self) -> Service {
        Service::new(self.service).requires(self.requires)
    }
}

impl<Q, A> std::fmt::Debug for Method<Q, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Method").field("service", &self.service).finish_non_exhaustive()
    }
}

/// A call of a [`Method`] that is being described.
#[must_use = "nothing is called before the kind is chosen"]
pub struct MethodCall<Q, A> {
    call: CallBuilder,
    codecs: PhantomData<fn() -> (Q, A)>,
}

impl<Q: Codec, A: Codec> MethodCall<Q, A> {
    /// Describes it further: `.with(|call| call.timeout(…).capabilities(…))`.
    pub fn with(self, describe: impl FnOnce(CallBuilder) -> CallBuilder) -> Self {
        Self { call: describe(self.call), ..self }
    }

    /// One message there, one back.
    ///
    /// # Errors
    /// As [`CallBuilder::unary`]; `internal` where the request does not encode, `invalidArgument` where the answer does
    /// not decode.
    pub fn unary(
        self,
        request: &Q::Sent,
    ) -> impl Future<Output = Result<A::Received, CallError>> + Send + use<Q, A> {
        // Before anything is waited for, so that the request is not held on to.
        let (call, payload) = (self.call, encoded::<Q>(request));
        async move { decoded::<A>(&call.unary(payload?).await?) }
    }

    /// One message there, any number back.
    ///
    /// # Errors
    /// As [`CallBuilder::server_stream`]; `internal` where the request does not encode.
    pub fn server_stream(self, request: &Q::Sent) -> Result<TypedCall<Q, A>, CallError> {
        Ok(TypedCall::new(self.call.server_stream(encoded::<Q>(request)?)?))
    }

    /// Any number of messages there, one back.
    ///
    /// # Errors
    /// As [`CallBuilder::client_stream`].
    pub fn client_stream(self) -> Result<TypedCall<Q, A>, CallError> {
        Ok(TypedCall::new(self.call.client_stream()?))
    }

    /// Any number of messages each way.
    ///
    /// # Errors
    /// As [`CallBuilder::bidi_stream`].
    pub fn bidi_stream(self) -> Result<TypedCall<Q, A>, CallError> {
        Ok(TypedCall::new(self.call.bidi_stream()?))
    }
}

impl<Q, A> std::fmt::Debug for MethodCall<Q, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MethodCall").finish_non_exhaustive()
    }
}
