//! libixt: the C library over [`ixt_core`].
//!
//! The header `include/ixt.h` is made from these files by `tests/header.rs`; what C programmers read
//! stands in the comments here. One concept a file. What unsafe code there is stands in `ffi`: every
//! other file sees references, slices and `Option`s.
//!
//! - Every export runs in [`guard::guard`]: a panic becomes `IXT_ERR_PANIC` and never crosses the border.
//! - Outputs are written on success alone (and the needed size with `IXT_ERR_BUFFER_TOO_SMALL`).
//! - Nothing waits, calls back, keeps the caller's pointers, or holds state of a thread.
#![allow(non_camel_case_types)] // the names are C's
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
#![cfg_attr(not(test), warn(clippy::panic))]
#![warn(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![warn(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]

#[cfg(test)]
mod border_tests;
pub mod capability;
pub mod connection;
#[cfg(test)]
mod connection_border_tests;
pub mod context;
pub mod error;
pub mod event;
pub mod ffi;
pub mod frame;
pub mod guard;
pub mod host;
pub mod id;
pub mod node;
#[cfg(test)]
mod node_border_tests;
pub mod payload;
pub mod sender;
pub mod span;
pub mod status;
pub mod stream;
pub mod traceparent;
pub mod version;
