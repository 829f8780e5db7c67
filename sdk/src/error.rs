//! What sending and receiving can fail with.

use ixt_core::flow::Outcome;
use ixt_core::{Error, ErrorKind};

use crate::SinkClosed;

/// Why something was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The engine refused it; nothing changed. `CreditExhausted` says that
    /// [`try_send_data`](crate::StreamSender::try_send_data) had no credit.
    #[error(transparent)]
    Refused(#[from] Error),
    /// The stream, or this direction of it, has ended; with the outcome once there is one.
    #[error("StreamEnded: the stream has ended{}", told(.0))]
    Ended(Option<Outcome>),
    /// The transport is gone.
    #[error(transparent)]
    SinkClosed(#[from] SinkClosed),
}

impl SendError {
    /// The kind, as every language names it; a closed sink counts as `StreamEnded`.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(error) => error.kind(),
            Self::Ended(_) | Self::SinkClosed(_) => ErrorKind::StreamEnded,
        }
    }
}

/// Why no further message comes, where the stream did not end in order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stream has ended{}", told(&Some(.0.clone())))]
pub struct RecvError(
    /// How it ended: failed or cancelled.
    pub Outcome,
);

fn told(outcome: &Option<Outcome>) -> String {
    match outcome {
        None => String::new(),
        Some(Outcome::Completed(reason)) => format!(": completed ({reason})"),
        Some(Outcome::Failed(failure)) => {
            format!(": failed by {} with {}: {}", failure.by.name(), failure.code, failure.message)
        }
        Some(Outcome::Cancelled(cancelled)) => {
            format!(": cancelled by {} as {}: {}", cancelled.by.name(), cancelled.reason, cancelled.message)
        }
    }
}
