//! Cap'n Proto messages, by the capnp crate: any schema of the application's own.

use std::marker::PhantomData;

use capnp::message::{ReaderOptions, TypedBuilder, TypedReader};
use capnp::serialize::{OwnedSegments, read_message, write_message_to_words};
use capnp::traits::Owned;

use super::{BoxError, Codec};
use crate::Bytes;

/// Cap'n Proto messages whose root is a `T`, such as `picture::Owned` of generated code.
pub struct Capnp<T>(PhantomData<fn() -> T>);

impl<T: Owned + Send + 'static> Codec for Capnp<T> {
    type Sent = TypedBuilder<T>;
    type Received = TypedReader<OwnedSegments, T>;

    fn encode(value: &Self::Sent) -> Result<Bytes, BoxError> {
        Ok(write_message_to_words(value.borrow_inner()).into())
    }

    fn decode(payload: &[u8]) -> Result<Self::Received, BoxError> {
        let mut rest = payload;
        let message = read_message(&mut rest, ReaderOptions::new())?;
        if rest.is_empty() { Ok(message.into_typed()) } else { Err("bytes follow the message".into()) }
    }
}

impl<T> std::fmt::Debug for Capnp<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Capnp")
    }
}
