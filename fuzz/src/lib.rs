//! What the fuzz targets share.
//!
//! - [`input`]: the fuzzer's bytes as choices.
//! - [`shape`]: bytes that get past the segment table more often than chance would have it.
//! - [`reference`]: both messages read by the `capnp` crate alone, with the rules of specification 20
//!   written a second time.
//! - [`model`]: the tables of specification 23 as a small model of one endpoint.
//! - [`app`]: an application on one end of a connection that keeps every rule, and what it must be told.
//! - [`hostile`]: a peer that keeps none.
//! - [`watch`]: what an engine sends, as its peer reads it.

pub mod app;
pub mod hostile;
pub mod input;
pub mod model;
pub mod reference;
pub mod shape;
pub mod watch;
