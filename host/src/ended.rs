//! Streams that have ended: what tracing and metrics want to know of them.

use std::fmt;

use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode, StreamId};

/// A stream that went through and is over, a broadcast that was accepted, or an open that was refused. It holds no
/// payload, no token, and no name that is a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndedStream {
    /// Its id.
    pub id: StreamId,
    /// Its kind.
    pub kind: InteractionKind,
    /// The module that called; empty where a connection without a module did.
    pub caller: String,
    /// The module that answered; `None` for a broadcast, and for what was refused.
    pub provider: Option<String>,
    /// As `service:thumbs`. Of a refused open it is what the caller wrote, and may name what does not exist.
    pub target: String,
    /// The context's: the W3C trace-id; all zeros for none.
    pub correlation_id: [u8; 16],
    /// The context's; all zeros for none.
    pub span_id: [u8; 8],
    /// The context's; all zeros for none.
    pub parent_span_id: [u8; 8],
    /// The context's W3C trace-flags; bit 0 says sampled.
    pub trace_flags: u8,
    /// When it was opened, in microseconds since the Unix epoch.
    pub opened_us: u64,
    /// When it ended, in microseconds since the Unix epoch.
    pub ended_us: u64,
    /// Data frames that have come, by who sent them, caller first.
    pub frames: [u64; 2],
    /// Bytes of their payloads, caller first.
    pub bytes: [u64; 2],
    /// For how long each had nothing to send with before it was allowed more, in microseconds, caller first.
    pub blocked_us: [u64; 2],
    /// How it ended.
    pub how: HowEnded,
}

/// How a stream ended, as its host saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HowEnded {
    /// In order. Only [`CloseReason::Completed`] is success.
    Closed(CloseReason),
    /// It failed, at either end or in the host, or was refused.
    Failed(StreamErrorCode),
    /// It was cancelled, or its deadline passed.
    Cancelled(CancelReason),
}

impl HowEnded {
    /// Whether all went well.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Closed(CloseReason::Completed))
    }

    /// Both directions count: one that was given up is no success.
    pub(crate) fn closed(reasons: [Option<CloseReason>; 2]) -> Self {
        let [caller, provider] = reasons;
        let given_up = |reason: &CloseReason| *reason != CloseReason::Completed;
        let reason = provider.filter(given_up).or(caller.filter(given_up));
        Self::Closed(reason.unwrap_or(CloseReason::Completed))
    }
}

/// `completed`, the name of an error's code, `cancelled.` and a reason, or `closed.` and a reason. What this version
/// has no name for is `other`, so that there are few of them.
impl fmt::Display for HowEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const OTHER: &str = "other";
        match self {
            Self::Closed(CloseReason::Completed) => f.write_str("completed"),
            Self::Closed(reason) => write!(f, "closed.{}", reason.name().unwrap_or(OTHER)),
            Self::Failed(code) => f.write_str(code.name().unwrap_or(OTHER)),
            Self::Cancelled(reason) => write!(f, "cancelled.{}", reason.name().unwrap_or(OTHER)),
        }
    }
}
