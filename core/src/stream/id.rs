//! The id of a stream.

use std::fmt;

use crate::{Error, ErrorKind, Result};

/// The 16 bytes that name a stream; never all zeros.
///
/// The opener makes it (SDKs make a UUIDv7; any id that is not nil is read) and never uses it again.
/// Shown as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId([u8; 16]);

impl StreamId {
    /// The id with these bytes.
    ///
    /// # Errors
    /// `NilStreamId` when all are zero.
    #[inline]
    pub fn new(bytes: [u8; 16]) -> Result<Self> {
        if bytes == [0; 16] { Err(nil()) } else { Ok(Self(bytes)) }
    }

    /// The id with these bytes.
    ///
    /// # Errors
    /// `BadIdLength` unless there are 16, `NilStreamId` when all are zero.
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.try_into().map_err(|_| Error::new(ErrorKind::BadIdLength).in_field("stream_id"))?;
        Self::new(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The two words of the schema: the first and the last eight bytes, big-endian.
    #[inline]
    pub(crate) fn words(self) -> (u64, u64) {
        let both = u128::from_be_bytes(self.0);
        ((both >> 64) as u64, both as u64)
    }

    /// The id of the schema's two words.
    #[inline]
    pub(crate) fn from_words(high: u64, low: u64) -> Result<Self> {
        let both = u128::from(high) << 64 | u128::from(low);
        if both == 0 { Err(nil()) } else { Ok(Self(both.to_be_bytes())) }
    }
}

#[cold]
fn nil() -> Error {
    Error::new(ErrorKind::NilStreamId).in_field("stream_id")
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({self})")
    }
}
