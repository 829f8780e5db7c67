//! The Agent Runtime Control Protocol: what a runtime needs beside its engine.

pub mod store;

/// The engine, without IO.
pub use ixt_arcp as engine;
