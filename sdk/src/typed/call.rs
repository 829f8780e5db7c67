//! A stream of values.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use super::Codec;
use super::codec::{decoded, encoded};
use crate::{Call, CallError};

/// A [`Call`] whose messages have types: those of `S` are sent, those of `R` received. Cheap to clone; the call is
/// cancelled when the last one is dropped before its end. What has no message in it is the call's own: `close`, `fail`,
/// `cancel`, `ended`.
pub struct TypedCall<S, R> {
    call: Arc<Call>,
    codecs: PhantomData<fn() -> (S, R)>,
}

impl<S: Codec, R: Codec> TypedCall<S, R> {
    /// Gives a call's messages types.
    pub fn new(call: impl Into<Arc<Call>>) -> Self {
        Self { call: call.into(), codecs: PhantomData }
    }

    /// As [`Call::send`].
    ///
    /// # Errors
    /// As [`Call::send`]; `internal` where the value does not encode.
    pub fn send(&self, value: &S::Sent) -> impl Future<Output = Result<(), CallError>> + Send {
        // Before anything is waited for, so that the value is not held on to.
        let payload = encoded::<S>(value);
        async move { self.call.send(payload?).await }
    }

    /// As [`Call::recv`].
    ///
    /// # Errors
    /// As [`Call::recv`]; `invalidArgument` where the message does not decode.
    pub async fn recv(&self) -> Result<Option<R::Received>, CallError> {
        self.call.recv().await?.map(|payload| decoded::<R>(&payload)).transpose()
    }

    /// As [`Call::recv_one`].
    ///
    /// # Errors
    /// As [`Call::recv_one`]; `invalidArgument` where the message does not decode.
    pub async fn recv_one(&self) -> Result<R::Received, CallError> {
        decoded::<R>(&self.call.recv_one().await?)
    }

    /// As [`Call::finish`].
    ///
    /// # Errors
    /// As [`Call::finish`]; `internal` where the value does not encode.
    pub fn finish(&self, value: &S::Sent) -> impl Future<Output = Result<(), CallError>> + Send {
        let payload = encoded::<S>(value);
        async move { self.call.finish(payload?).await }
    }
}

impl<S, R> Deref for TypedCall<S, R> {
    type Target = Call;

    fn deref(&self) -> &Call {
        &self.call
    }
}

impl<S, R> Clone for TypedCall<S, R> {
    fn clone(&self) -> Self {
        Self { call: Arc::clone(&self.call), codecs: PhantomData }
    }
}

impl<S, R> std::fmt::Debug for TypedCall<S, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.call.fmt(f)
    }
}
