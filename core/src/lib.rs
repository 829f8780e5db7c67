//! The core of Ixt: the codecs of [`InvocationContext`](invocation::InvocationContext) and
//! [`StreamFrame`](stream::StreamFrame), and the credit engine ([`flow::Stream`]).
//!
//! Everything here is *sans-IO*: an engine takes bytes, commands and the time, and gives bytes and
//! events. It reads no clock, draws no random number, starts no thread and never waits or calls back.
//! One invariant holds for every engine: **after every input, drain the outputs until there are none.**
//!
//! The rules come from the specifications in `docs/spec/`: 20 (bytes, limits, refusals, text form),
//! 21 (invocation context) and 23 (streams).
//!
//! ```
//! use ixt_core::stream::{FrameRef, StreamFrame, StreamId};
//!
//! let id = StreamId::from_slice(&[7; 16])?;
//! let bytes = StreamFrame::data(id, 0, b"hello".to_vec()).encode()?;
//! let frame = FrameRef::decode(&bytes)?; // borrows the payload from `bytes`
//! assert_eq!(frame.into_owned(), StreamFrame::data(id, 0, b"hello".to_vec()));
//! # Ok::<(), ixt_core::Error>(())
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod connection;
pub mod flow;
pub mod invocation;
pub mod stream;
#[cfg(feature = "text")]
pub mod text;
pub mod wire;

pub use wire::{Error, ErrorKind, Limits, Result};
