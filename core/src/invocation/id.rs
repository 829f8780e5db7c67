//! Ids from bytes of any length, for callers whose language has no arrays.

use crate::{Error, ErrorKind, Result};

/// A correlation id, which is a W3C trace-id.
///
/// # Errors
/// `BadIdLength` unless there are 16 bytes.
pub fn correlation_id(bytes: &[u8]) -> Result<[u8; 16]> {
    bytes.try_into().map_err(|_| Error::new(ErrorKind::BadIdLength).in_field("correlation_id"))
}

/// A span id, which is a W3C parent-id.
///
/// # Errors
/// `BadIdLength` unless there are 8 bytes.
pub fn span_id(bytes: &[u8]) -> Result<[u8; 8]> {
    bytes.try_into().map_err(|_| Error::new(ErrorKind::BadIdLength).in_field("span_id"))
}
