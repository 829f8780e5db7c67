//! From values to payloads and back.

use std::marker::PhantomData;

use ixt_core::stream::StreamErrorCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Bytes, CallError};

/// What a codec refuses a value or a payload with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Makes payloads of values, and values of payloads.
pub trait Codec: Send + Sync + 'static {
    /// What is sent.
    type Sent: 'static;
    /// What is received.
    type Received: Send + 'static;

    /// The payload of a value.
    ///
    /// # Errors
    /// The value has none.
    fn encode(value: &Self::Sent) -> Result<Bytes, BoxError>;

    /// The value of a payload.
    ///
    /// # Errors
    /// It is none of this codec.
    fn decode(payload: &[u8]) -> Result<Self::Received, BoxError>;
}

/// JSON, by serde.
pub struct Json<T>(PhantomData<fn() -> T>);

impl<T: Serialize + DeserializeOwned + Send + 'static> Codec for Json<T> {
    type Sent = T;
    type Received = T;

    fn encode(value: &T) -> Result<Bytes, BoxError> {
        Ok(serde_json::to_vec(value)?.into())
    }

    fn decode(payload: &[u8]) -> Result<T, BoxError> {
        Ok(serde_json::from_slice(payload)?)
    }
}

impl<T> std::fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Json")
    }
}

/// A value that is to be sent; its fault is this side's.
pub(super) fn encoded<C: Codec>(value: &C::Sent) -> Result<Bytes, CallError> {
    C::encode(value).map_err(|error| {
        CallError::failed(StreamErrorCode::Internal, format!("the message does not encode: {error}"))
    })
}

/// A payload that came; its fault is the other side's.
pub(super) fn decoded<C: Codec>(payload: &[u8]) -> Result<C::Received, CallError> {
    C::decode(payload).map_err(|error| {
        CallError::failed(StreamErrorCode::InvalidArgument, format!("the message does not decode: {error}"))
    })
}
