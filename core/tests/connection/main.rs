//! Two connection engines and a pipe between them, a scenario a test (specification 24).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod calls;
mod ends;
mod fairness;
mod limits;
mod memory;
mod pipe;
mod random;
