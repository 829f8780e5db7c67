//! Modules on a real server of NATS.

#![allow(clippy::unwrap_used, missing_docs)]

mod calls;
mod deaths;
mod permissions;
mod server;
