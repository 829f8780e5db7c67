//! How a connection ends.

use std::fmt;

use crate::flow::By;
use crate::stream::enumeration;

enumeration! {
    /// Why a connection ends, or is about to (specification 24, "The end").
    EndReason {
        /// No reason given.
        Unspecified = 0 "unspecified",
        /// An end goes away in order.
        Shutdown = 1 "shutdown",
        /// Frames that the protocol does not allow where they stand.
        ProtocolViolation = 2 "protocolViolation",
        /// The byte stream ended within a frame.
        TornFrame = 3 "tornFrame",
        /// A frame larger than the limit.
        OversizedFrame = 4 "oversizedFrame",
        /// A frame that does not decode.
        MalformedFrame = 5 "malformedFrame",
        /// Broken rules of streams, too many of them.
        TooManyViolations = 6 "tooManyViolations",
        /// Nothing came for too long.
        Idle = 7 "idle",
        /// No version of the connection protocol in common.
        Version = 8 "version",
        /// More waits to be sent than the limits allow.
        Overload = 9 "overload",
        /// The peer may not connect.
        Refused = 10 "refused",
        /// The byte stream ended between frames, or could not be read or written.
        Transport = 11 "transport",
    }
}

/// How a connection ended. The first end decides; nothing changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub reason: EndReason,
    /// For people; never holds bytes of a payload or a context.
    pub message: String,
    /// Who ended it: this end, or the peer's word.
    pub by: By,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}
