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

#[cfg(feature = "streams")]
mod batch;
mod capability;
mod error;
#[cfg(feature = "streams")]
mod event;
#[cfg(feature = "streams")]
mod frame;
mod invocation;
#[cfg(feature = "streams")]
mod names;
mod parts;
#[cfg(feature = "streams")]
mod stream;
mod token;
mod traceparent;

#[cfg(feature = "streams")]
pub use batch::{FrameBatch, Split, decode_batch, encode_batch, split};
pub use capability::{attenuates, covers};
pub use error::{ErrorKind, IxtError, Result, error_kinds};
#[cfg(feature = "streams")]
pub use event::{By, Event, Half, Outcome, State, Violation};
#[cfg(feature = "streams")]
pub use frame::{FrameBody, StreamFrame, decode_frame, encode_frame};
pub use invocation::{ChildSpec, InvocationContext};
#[cfg(feature = "streams")]
pub use names::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};
pub use parts::{ContextParts, MetadataEntry, Subject, Target};
#[cfg(feature = "streams")]
pub use stream::{Drained, Received, Stream, StreamConfig};
pub use token::TokenRef;
pub use traceparent::{TraceParent, from_traceparent};

uniffi::setup_scaffolding!("ixt");
