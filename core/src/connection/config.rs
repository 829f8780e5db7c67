//! What an end of a connection is told before it begins, and what the ends tell each other.

use crate::wire::{Error, ErrorKind, Limits, MAX_CREDIT, MAX_PAYLOAD, Result};

/// The version of the connection protocol that this engine speaks.
pub const VERSION: u16 = 1;

/// The settings of one end. The defaults are safe against a hostile peer and quick enough for a friendly one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The largest payload of a data frame, in bytes, for sending and receiving; the smaller one of the two
    /// ends' holds. 1 MiB; at most 256 MiB.
    pub max_payload: u32,
    /// How many streams the peer may have open at once. 10,000.
    pub max_streams: u32,
    /// Data frames that every opener may send at once, without a round trip. At most the window. 64.
    pub initial_credit: u32,
    /// Data frames that a stream's sender may be ahead of its reader. 64.
    pub window: u32,
    /// Streams that the peer may open in a second; as many may come at once. 200,000.
    pub max_opens: u32,
    /// Bytes of one stream that may wait here to be sent before its senders have to wait: 1 MiB. One frame
    /// may go beyond it.
    pub max_queued_stream: usize,
    /// Bytes of all streams that may wait here to be sent: 16 MiB. One frame may go beyond it.
    pub max_queued: usize,
    /// Rules that the peer may break at once before the connection ends; one a second is forgiven. 100.
    pub max_violations: u32,
    /// Ids of ended streams that are remembered, so that what crosses with an end is told from what is
    /// wrong, and no id is used twice. 4,096, of 36 bytes each.
    pub remembered: u32,
    /// Without a byte of the peer for so long, in milliseconds, the connection ends; 0 means never. 60 s. So it does
    /// without a hello for so long, or for 10 s where that is less.
    pub idle_ms: u32,
    /// Without a byte of the peer for so long, in milliseconds, a ping is sent; 0 means never. 15 s.
    pub keepalive_ms: u32,
    /// What keeps a peer from choosing ids that collide in the table: a random number, which the core cannot
    /// draw itself. 0 is for tests.
    pub seed: u64,
    /// Whether streams that the peer opens go through here: their frames are events as they came, and a host
    /// moves them on. false.
    pub relay: bool,
    /// Told to the peer, for people; at most 128 bytes.
    pub software: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_payload: MAX_PAYLOAD as u32,
            max_streams: 10_000,
            initial_credit: 64,
            window: 64,
            max_opens: 200_000,
            max_queued_stream: 1 << 20,
            max_queued: 16 << 20,
            max_violations: 100,
            remembered: 4096,
            idle_ms: 60_000,
            keepalive_ms: 15_000,
            seed: 0,
            relay: false,
            software: String::new(),
        }
    }
}

/// Longest `software`, in bytes.
const MAX_SOFTWARE: usize = 128;
/// A peer that says who it is says it at once: who does not only takes a place.
const HELLO_MS: u32 = 10_000;

impl Config {
    /// Whether the settings make sense together.
    ///
    /// # Errors
    /// `InvalidArgument`, with the setting as the place.
    pub fn check(&self) -> Result<()> {
        let wrong = [
            ("max_payload", self.max_payload > 1 << 28),
            ("window", self.window == 0 || self.window > MAX_CREDIT),
            ("initial_credit", self.initial_credit > self.window),
            ("max_queued_stream", self.max_queued_stream == 0),
            ("max_queued", self.max_queued == 0),
            ("keepalive_ms", self.idle_ms != 0 && self.keepalive_ms >= self.idle_ms),
            ("software", self.software.len() > MAX_SOFTWARE || self.software.contains('\0')),
        ];
        match wrong.iter().find(|(_, wrong)| *wrong) {
            Some((field, _)) => Err(Error::new(ErrorKind::InvalidArgument).in_field(*field)),
            None => Ok(()),
        }
    }

    /// How long the peer's hello may take, in milliseconds.
    pub(super) fn hello_ms(&self) -> Option<u32> {
        (self.idle_ms != 0).then(|| self.idle_ms.min(HELLO_MS))
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            version: VERSION,
            max_payload: self.max_payload,
            max_streams: self.max_streams,
            initial_credit: self.initial_credit,
            idle_ms: self.idle_ms,
        }
    }
}

/// What one end tells the other in its hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The newest version of the connection protocol that it speaks; it speaks all before it too.
    pub version: u16,
    /// The largest payload that it takes, in bytes.
    pub max_payload: u32,
    /// How many streams its peer may have open at once.
    pub max_streams: u32,
    /// What it grants, as a responder, every opener at once.
    pub initial_credit: u32,
    /// It ends the connection when nothing came for so many milliseconds; 0 means never.
    pub idle_ms: u32,
}

impl Settings {
    /// The limits that both ends keep.
    pub(super) fn agreed(&self, other: &Self) -> Limits {
        Limits::with_max_payload(self.max_payload.min(other.max_payload) as usize)
    }
}
