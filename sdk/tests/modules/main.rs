//! Modules and a host on real sockets, and within the process.

#![allow(clippy::unwrap_used, missing_docs)]

mod around;
mod calls;
mod lives;
mod messages;
mod sockets;
mod typed;
