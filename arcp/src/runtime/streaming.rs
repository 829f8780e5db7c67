//! How far a streamed result is (ARCP §8.4).

use crate::message::Encoding;

/// A result that is being streamed.
#[derive(Debug)]
pub(super) struct Streaming {
    pub(super) id: String,
    pub(super) chunks: u64,
    /// Bytes so far.
    pub(super) size: usize,
    /// The last part has come.
    pub(super) done: bool,
    /// As the first part was written: one result has one, wherever that can be.
    pub(super) encoding: Encoding,
    /// What has come, where the client does not know parts.
    pub(super) gathered: Option<Vec<u8>>,
}
