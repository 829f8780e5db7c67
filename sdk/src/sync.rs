//! The one lock of a stream. Under `--cfg shuttle` it is one whose every turn a scheduler decides, so that
//! `tests/schedules.rs` explores who comes first; otherwise it is the standard library's.

#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
