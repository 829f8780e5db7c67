//! What the engine tells the application.

use super::Ticket;
use crate::stream::{CancelReason, CloseReason, Open, StreamData, StreamErrorCode};

/// What became of a frame of the peer. Everything else that it caused is an [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Received<'a> {
    /// The responder's stream has begun. Before a handler sees it,
    /// [`handle_timeout`](super::Stream::handle_timeout) ends it if its deadline has passed already.
    Opened(Open<&'a [u8]>),
    /// A message, in order and under credit.
    Data(StreamData<&'a [u8]>),
    /// It changed the state or raised an event; there is nothing more to it.
    Done,
    /// It was ignored and counted; correct peers cause this by crossing.
    Ignored,
}

/// What happened, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The credit to send grew by this many frames.
    Credit(u32),
    /// The ticket has its credit: send with it, or drop it.
    Ready(Ticket),
    /// The stream, or its sender half, ended before the ticket had a credit.
    Ended(Ticket),
    /// The peer's direction ended in order.
    Closed(CloseReason),
    /// The responder's close ended this opener's sender half; no frame is sent for it.
    Finished,
    /// The stream failed, by the peer or by a check of this end.
    Failed(Failure),
    /// The stream was cancelled, by the peer or by its deadline.
    Cancelled(Cancellation),
    /// The peer broke a rule that ends no stream; for the host to count.
    Violation(Violation),
}

/// An event as it waits in the engine: what the outcome says is not kept twice, so that an idle stream
/// is small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Note {
    Credit(u32),
    Ready(Ticket),
    Ended(Ticket),
    Closed(CloseReason),
    Finished,
    /// Failed or cancelled, as the outcome says.
    Broken,
    Violation(Violation),
}

/// Who ended the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// The peer's frame.
    Peer,
    /// This end's application, deadline or check.
    Local,
}

impl By {
    /// `"peer"` or `"local"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Local => "local",
        }
    }
}

/// Why a stream failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Failure {
    /// The code.
    pub code: StreamErrorCode,
    /// For people, at most 4 KiB.
    pub message: String,
    /// The application's, at most 4 KiB.
    pub details: Vec<u8>,
    /// Who ended it.
    pub by: By,
}

/// Why a stream was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cancellation {
    /// The reason.
    pub reason: CancelReason,
    /// For people, at most 4 KiB.
    pub message: String,
    /// Who ended it.
    pub by: By,
}

/// How a stream ended. The first terminal event decides; nothing changes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Both directions ended in order. In a bidi stream that ends with two reasons, the one that is not
    /// `completed`, the peer's before one's own.
    Completed(CloseReason),
    /// An error frame, or a broken rule.
    Failed(Failure),
    /// A cancel frame, or the deadline.
    Cancelled(Cancellation),
}

impl Outcome {
    /// Whether the stream did what it was to do: completed, with the reason `completed`.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Completed(CloseReason::Completed))
    }
}

/// Whether a command that ends something did so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It did.
    Done,
    /// There was nothing left to end; the recorded [`Outcome`] stands and no frame is sent.
    AlreadyEnded,
}

/// A broken rule that ends no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// A frame of a stream that is not open here. A diagnostic, never a ground to drop a peer.
    UnknownStream,
    /// Data, or another final sequence, after the peer's close.
    FrameAfterClose,
    /// A kind of frame that this version does not know.
    UnknownFrame,
}

impl Violation {
    /// The name in the trace form, such as `"UnknownStream"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownStream => "UnknownStream",
            Self::FrameAfterClose => "FrameAfterClose",
            Self::UnknownFrame => "UnknownFrame",
        }
    }
}
