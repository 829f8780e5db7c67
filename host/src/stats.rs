//! Figures of a host: how much there is now, and how much there was.

use crate::ends::{Both, Side};

/// What has gone through a host since it began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Relayed {
    pub(crate) frames: Both<u64>,
    pub(crate) bytes: Both<u64>,
    pub(crate) refused: u64,
}

impl Relayed {
    pub(crate) fn count(&mut self, side: Side, bytes: usize) {
        *self.frames.of_mut(side) += 1;
        *self.bytes.of_mut(side) += bytes as u64;
    }
}

/// The figures of a host at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections.
    pub connections: usize,
    /// Modules that are announced, the host's own among them.
    pub modules: usize,
    /// Streams that go through.
    pub streams: usize,
    /// Those of them of which a sender has nothing to send with: its reader, or the host, lets it wait.
    pub blocked: usize,
    /// Bytes that wait to be written, of all connections.
    pub queued_bytes: usize,
    /// Data frames relayed since the host began, by who sent them, caller first.
    pub frames: [u64; 2],
    /// Bytes of their payloads, caller first.
    pub bytes: [u64; 2],
    /// Opens and announcements refused since the host began.
    pub refused: u64,
}
