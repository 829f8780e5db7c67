//! A host and its modules, in one process and on virtual time (specification 25).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod authority;
mod bounds;
mod calls;
mod ended;
mod ends;
mod hostile;
mod targets;
mod world;
