//! The stores of a runtime: that they agree, what they refuse, what survives.

mod file;
mod records;
mod writer;
