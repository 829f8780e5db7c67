//! The stores of a runtime: that they agree, what they refuse, what survives.

mod engine;
mod file;
mod kill;
mod queue;
mod records;
mod writer;
