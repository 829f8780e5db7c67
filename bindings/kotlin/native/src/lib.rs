//! The library of the Kotlin SDK.
//!
//! Rules cross by what uniffi generates. Contexts, frames and streams cross by JNI, since a call through JNA costs
//! microseconds, a frame tens of nanoseconds and a context hundreds. The other side is
//! `io.github.hdv.ixt.internal.Native`, and the only caller; it holds the bounds and the locks that the functions
//! here ask for.
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(clippy::undocumented_unsafe_blocks, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod codec;
mod context;
mod env;
mod record;
mod scratch;
mod stream;

ixt_uniffi::uniffi_reexport_scaffolding!();
