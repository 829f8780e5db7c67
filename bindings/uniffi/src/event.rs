//! What a stream tells the application.

use ixt_core::flow;

use crate::names::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};

/// Who ended a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum By {
    /// The peer's frame.
    Peer,
    /// This end's application, deadline or check.
    Local,
}

impl From<flow::By> for By {
    fn from(by: flow::By) -> Self {
        match by {
            flow::By::Peer => Self::Peer,
            flow::By::Local => Self::Local,
        }
    }
}

/// A broken rule of the peer that ends no stream; for the host to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Violation {
    /// A frame of a stream that is not open here. Never a ground to drop a peer.
    UnknownStream,
    /// Data, or another final sequence, after the peer's close.
    FrameAfterClose,
    /// A kind of frame that this version does not know.
    UnknownFrame,
}

impl From<flow::Violation> for Violation {
    fn from(violation: flow::Violation) -> Self {
        match violation {
            flow::Violation::UnknownStream => Self::UnknownStream,
            flow::Violation::FrameAfterClose => Self::FrameAfterClose,
            _ => Self::UnknownFrame,
        }
    }
}

/// What happened, in order.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Event {
    /// The responder's stream has begun.
    Opened {
        /// How many messages each side may send.
        kind: InteractionKind,
        /// The encoded context as it came.
        context: Vec<u8>,
    },
    /// A message, in order and under credit.
    Data {
        /// 0, 1, 2, …
        sequence: u64,
        /// The application's bytes.
        payload: Vec<u8>,
    },
    /// The credit to send grew.
    CreditGrown {
        /// By so many frames.
        frames: u32,
    },
    /// A ticket has its credit: send with it, or drop it.
    TicketReady {
        /// The ticket.
        ticket: u64,
    },
    /// The stream, or its sender half, ended before the ticket had a credit.
    TicketEnded {
        /// The ticket.
        ticket: u64,
    },
    /// The peer's direction ended in order.
    PeerClosed {
        /// Why.
        reason: CloseReason,
    },
    /// The responder's close ended this opener's sender half.
    Finished,
    /// The stream failed.
    Failed {
        /// Why.
        code: StreamErrorCode,
        /// For people.
        message: String,
        /// The application's.
        details: Vec<u8>,
        /// Who ended it.
        by: By,
    },
    /// The stream was cancelled.
    Cancelled {
        /// Why.
        reason: CancelReason,
        /// For people.
        message: String,
        /// Who ended it.
        by: By,
    },
    /// The peer broke a rule that ends no stream.
    RuleBroken {
        /// Which.
        violation: Violation,
    },
}

impl Event {
    /// The event; none of a kind that a later core adds.
    pub(crate) fn of(event: flow::Event) -> Option<Self> {
        Some(match event {
            flow::Event::Credit(frames) => Self::CreditGrown { frames },
            flow::Event::Ready(ticket) => Self::TicketReady { ticket: ticket.raw() },
            flow::Event::Ended(ticket) => Self::TicketEnded { ticket: ticket.raw() },
            flow::Event::Closed(reason) => Self::PeerClosed { reason: reason.into() },
            flow::Event::Finished => Self::Finished,
            flow::Event::Failed(failure) => Self::Failed {
                code: failure.code.into(),
                message: failure.message,
                details: failure.details,
                by: failure.by.into(),
            },
            flow::Event::Cancelled(cancellation) => Self::Cancelled {
                reason: cancellation.reason.into(),
                message: cancellation.message,
                by: cancellation.by.into(),
            },
            flow::Event::Violation(violation) => Self::RuleBroken { violation: violation.into() },
            _ => return None,
        })
    }
}

/// How a stream ended. The first end decides; nothing changes it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Outcome {
    /// Both directions ended in order; only the reason `Completed` is success.
    Completed {
        /// Why.
        reason: CloseReason,
    },
    /// An error frame, or a broken rule.
    Failed {
        /// Why.
        code: StreamErrorCode,
        /// For people.
        message: String,
        /// The application's.
        details: Vec<u8>,
        /// Who ended it.
        by: By,
    },
    /// A cancel frame, or the deadline.
    Cancelled {
        /// Why.
        reason: CancelReason,
        /// For people.
        message: String,
        /// Who ended it.
        by: By,
    },
}

impl From<&flow::Outcome> for Outcome {
    fn from(outcome: &flow::Outcome) -> Self {
        match outcome {
            flow::Outcome::Completed(reason) => Self::Completed { reason: (*reason).into() },
            flow::Outcome::Failed(failure) => Self::Failed {
                code: failure.code.into(),
                message: failure.message.clone(),
                details: failure.details.clone(),
                by: failure.by.into(),
            },
            flow::Outcome::Cancelled(cancellation) => Self::Cancelled {
                reason: cancellation.reason.into(),
                message: cancellation.message.clone(),
                by: cancellation.by.into(),
            },
        }
    }
}

/// The state of one direction at this end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Half {
    /// Before the open.
    Idle,
    /// Frames may pass.
    Open,
    /// Ended in order.
    Closed,
    /// Ended by an error.
    Failed,
    /// Ended by a cancel or the deadline.
    Cancelled,
}

impl From<flow::Half> for Half {
    fn from(half: flow::Half) -> Self {
        match half {
            flow::Half::Idle => Self::Idle,
            flow::Half::Open => Self::Open,
            flow::Half::Closed => Self::Closed,
            flow::Half::Failed => Self::Failed,
            flow::Half::Cancelled => Self::Cancelled,
        }
    }
}

/// The halves and the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct State {
    /// The sender half.
    pub sender: Half,
    /// The receiver half.
    pub receiver: Half,
    /// Messages that may be sent now and that no ticket holds.
    pub credit: u32,
    /// Messages that the peer may still send.
    pub outstanding: u32,
    /// Frames of the peer that were ignored.
    pub ignored: u64,
}

impl From<flow::State> for State {
    fn from(state: flow::State) -> Self {
        Self {
            sender: state.sender.into(),
            receiver: state.receiver.into(),
            credit: state.credit,
            outstanding: state.outstanding,
            ignored: state.ignored,
        }
    }
}
