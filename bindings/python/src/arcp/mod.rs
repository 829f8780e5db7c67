//! ARCP 1.1: the engines of a client and of a runtime, and what they need of Python.

pub(crate) mod client;
mod clock;
mod error;
pub(crate) mod json;
pub(crate) mod lease;
pub(crate) mod runtime;
pub(crate) mod socket;
pub(crate) mod store;
