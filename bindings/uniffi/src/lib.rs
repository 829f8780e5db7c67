//! The core as Kotlin, Swift and Ruby see it.
//!
//! Thin and coarse: a whole frame, a whole context or a whole batch crosses in one call, never a field of it.
//! A value is a record that the language owns; what keeps state (a stream) or must not show ([`TokenRef`]) is
//! an object. Nothing here decides anything: checks, limits, credit and authority are the core's.
//!
//! The sources of the languages are generated from the built library by `ixt-bindgen`.
#![forbid(unsafe_op_in_unsafe_fn)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(feature = "values")]
mod batch;
mod capability;
mod error;
#[cfg(feature = "values")]
mod event;
#[cfg(feature = "values")]
mod frame;
#[cfg(feature = "values")]
mod invocation;
#[cfg(feature = "values")]
mod names;
#[cfg(feature = "values")]
mod parts;
#[cfg(feature = "values")]
mod refusal;
#[cfg(feature = "values")]
mod stream;
#[cfg(feature = "values")]
mod token;
mod traceparent;

pub use capability::{attenuates, covers};
pub use error::{KindOfError, error_kinds};
pub use traceparent::{TraceParent, from_traceparent};
#[cfg(feature = "values")]
pub use {
    batch::{FrameBatch, Split, decode_batch, encode_batch, split},
    event::{By, Event, Half, Outcome, State, Violation},
    frame::{FrameBody, StreamFrame, decode_frame, encode_frame},
    invocation::{ChildSpec, InvocationContext},
    names::{CancelReason, CloseReason, InteractionKind, StreamErrorCode},
    parts::{ContextParts, MetadataEntry, Subject, Target},
    refusal::{ErrorKind, IxtError, Result},
    stream::{Drained, Received, Stream, StreamConfig},
    token::TokenRef,
};

uniffi::setup_scaffolding!("ixt");
