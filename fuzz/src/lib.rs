//! What the fuzz targets share.
//!
//! - [`shape`]: bytes that get past the segment table more often than chance would have it.
//! - [`reference`]: both messages read by the `capnp` crate alone, with the rules of specification 20
//!   written a second time.
//! - [`model`]: the tables of specification 23 as a small model of one endpoint.

pub mod model;
pub mod reference;
pub mod shape;
