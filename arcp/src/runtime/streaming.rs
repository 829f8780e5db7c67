//! How far a streamed result is (ARCP §8.4).

use crate::message::Encoding;

/// A part of a result, as its agent gives it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> Part<'a> {
    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// How a stream that begins with it is written.
    pub(super) fn encoding(self) -> Encoding {
        match self {
            Self::Text(_) => Encoding::Utf8,
            Self::Bytes(_) => Encoding::Base64,
        }
    }
}

/// A result that is being streamed.
#[derive(Debug)]
pub(super) struct Streaming {
    pub(super) id: String,
    pub(super) chunks: u64,
    /// Bytes so far.
    pub(super) size: usize,
    /// The last part has come.
    pub(super) done: bool,
    /// As the first part was given, and never by what its bytes happen to be: one result has one.
    pub(super) encoding: Encoding,
    /// What has come, where the client does not know parts.
    pub(super) gathered: Option<Vec<u8>>,
}
