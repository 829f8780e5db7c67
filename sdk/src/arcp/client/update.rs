//! What a handle of a job is told.

use ixt_arcp::client::{JobEvent, Outcome};

/// Something that happened in a job.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Update {
    /// An event of any kind but parts of results.
    Event(JobEvent),
    /// A part of a result came, of so many bytes; the result is put together by itself.
    Chunk {
        /// Its number in the session.
        event_seq: Option<u64>,
        /// The part.
        bytes: Vec<u8>,
        /// Its place.
        chunk_seq: u64,
        /// Whether another one follows.
        more: bool,
    },
}

/// The same, and the end.
#[derive(Debug)]
pub(super) enum Told {
    Update(Update),
    Ended(Outcome, Option<String>),
}
