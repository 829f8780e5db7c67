//! What a connection tells the application.

use super::{End, EndReason, Key, Settings};
use crate::flow;
use crate::stream::{InteractionKind, StreamErrorCode, StreamId};

/// What happened, in order.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Both hellos have passed: streams may be opened.
    Established {
        /// What the peer said of itself.
        peer: Settings,
        /// The peer's software, for people.
        software: String,
    },
    /// The peer opened a stream; its deadline has not passed.
    Opened {
        /// The stream.
        stream: Key,
        /// Its id.
        id: StreamId,
        /// How many messages each side may send.
        kind: InteractionKind,
        /// The encoded invocation context, which decodes; empty means anonymous.
        context: &'a [u8],
    },
    /// A message, in order and under credit.
    Message {
        /// The stream.
        stream: Key,
        /// 0, 1, 2, … in this direction.
        sequence: u64,
        /// The application's bytes.
        payload: &'a [u8],
    },
    /// What else happened to a stream.
    Stream(Key, flow::Event),
    /// The stream has ended, all of it that was to leave has left, and its key names nothing any more. Where the peer
    /// opened it, the error or cancel with which it ended here may be still among the control frames that wait.
    Over(Key, flow::Outcome),
    /// A frame of a stream that goes through, as it came: of an open, and of all that follows it. Only with
    /// [`Config::relay`](super::Config::relay).
    Relay {
        /// The stream on this connection.
        stream: Key,
        /// The whole frame.
        bytes: &'a [u8],
    },
    /// A stream that goes through cannot go on here: its peer broke a rule and was told, or the connection
    /// ended. Only with [`Config::relay`](super::Config::relay).
    RelayFailed {
        /// The stream on this connection; it is over.
        stream: Key,
        /// What to tell the other side.
        code: StreamErrorCode,
        /// For people.
        message: String,
    },
    /// A frame of a stream that is not known here; for a host to count. Correct peers cause it only by what follows an
    /// open that crossed with this end's going away.
    UnknownStream(StreamId),
    /// The answer to a ping came so many microseconds after it.
    Pong {
        /// The time that the ping and its answer took, in microseconds.
        round_trip_us: u64,
    },
    /// The peer goes away: no stream can be opened any more, and those that run should end.
    GoingAway {
        /// Why.
        reason: EndReason,
        /// How long it lets streams run, in milliseconds.
        grace_ms: u32,
        /// For people.
        message: String,
    },
    /// An end goes away and no stream is left: close the transport.
    Drained,
    /// The connection has ended, and every stream with it. What [`poll_transmit`](super::Connection::poll_transmit) still gives
    /// should leave; then close the transport.
    Ended(End),
}
