//! What connecting and calling can fail with.

use ixt_core::connection::{End, EndReason};
use ixt_core::flow::{By, Outcome};
use ixt_core::stream::{CancelReason, StreamErrorCode};
use ixt_core::{Error, ErrorKind};

use super::{AddressError, TlsError};

/// Why a call did not end well.
///
/// A handler that returns one ends its stream with it: [`failed`](Self::failed) with the code that the caller is to
/// see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The stream failed, at either end.
    #[error("the call failed with {code}: {message}")]
    Failed {
        /// Why.
        code: StreamErrorCode,
        /// For people.
        message: String,
        /// The application's.
        details: Vec<u8>,
        /// Whether the other side said so, and not a check here.
        by_peer: bool,
    },
    /// The stream was cancelled, at either end, or its deadline passed.
    #[error("the call was cancelled: {reason}")]
    Cancelled {
        /// Why.
        reason: CancelReason,
        /// For people.
        message: String,
        /// Whether the other side said so.
        by_peer: bool,
    },
    /// The other side ended the stream in order, without what the call needs.
    #[error("the call ended without an answer")]
    NoAnswer,
    /// The engine refused it here; nothing was sent.
    #[error(transparent)]
    Refused(#[from] Error),
}

impl CallError {
    /// A failure with this code and message, for a handler to return.
    #[must_use]
    pub fn failed(code: StreamErrorCode, message: impl Into<String>) -> Self {
        Self::Failed { code, message: message.into(), details: Vec::new(), by_peer: false }
    }

    /// The code that says the same; `None` for what was refused here.
    #[must_use]
    pub fn code(&self) -> Option<StreamErrorCode> {
        match self {
            Self::Failed { code, .. } => Some(*code),
            Self::Cancelled { reason: CancelReason::DeadlineExceeded, .. } => {
                Some(StreamErrorCode::DeadlineExceeded)
            }
            Self::Cancelled { .. } => Some(StreamErrorCode::Cancelled),
            Self::NoAnswer => Some(StreamErrorCode::Internal),
            Self::Refused(error) => match error.kind() {
                ErrorKind::Closed | ErrorKind::GoingAway | ErrorKind::NotEstablished => {
                    Some(StreamErrorCode::Unavailable)
                }
                ErrorKind::TooManyStreams | ErrorKind::QueueFull => Some(StreamErrorCode::ResourceExhausted),
                _ => None,
            },
        }
    }

    /// Whether another attempt may go better: the other side was not there, or never saw the call.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.code() == Some(StreamErrorCode::Unavailable)
    }

    pub(crate) fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Completed(_) => None,
            Outcome::Failed(failure) => Some(Self::Failed {
                code: failure.code,
                message: failure.message.clone(),
                details: failure.details.clone(),
                by_peer: failure.by == By::Peer,
            }),
            Outcome::Cancelled(cancelled) => Some(Self::Cancelled {
                reason: cancelled.reason,
                message: cancelled.message.clone(),
                by_peer: cancelled.by == By::Peer,
            }),
        }
    }
}

/// Why there is no connection to the host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The settings make no sense.
    #[error(transparent)]
    Settings(#[from] Error),
    /// The operating system says no.
    #[error("cannot connect: {0}")]
    Io(#[from] std::io::Error),
    /// No TLS with this peer.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The connection ended before it was established.
    #[error("the connection ended: {0}")]
    Ended(End),
    /// The host does not take the module.
    #[error("the host refuses the module: {0}")]
    Refused(CallError),
}

impl ConnectError {
    /// Whether another attempt may go better: nobody listens yet, or the host went away. A module that is refused
    /// is refused again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Io(_) => true,
            Self::Ended(end) => {
                matches!(end.reason, EndReason::Transport | EndReason::Shutdown | EndReason::Idle)
            }
            // The host may not have noticed yet that the module's last connection is gone.
            Self::Refused(error) => {
                matches!(
                    error.code(),
                    Some(StreamErrorCode::Unavailable | StreamErrorCode::ResourceExhausted)
                )
            }
            _ => false,
        }
    }
}
