//! What an endpoint looks like from outside.

/// The state of one direction at this end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

impl Half {
    /// The name in the trace form: `"idle"`, `"open"`, `"closed"`, `"failed"` or `"cancelled"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn has_ended(self) -> bool {
        !matches!(self, Self::Idle | Self::Open)
    }
}

/// What an endpoint looks like at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The sender half.
    pub sender: Half,
    /// The receiver half.
    pub receiver: Half,
    /// Data frames that may be sent now and that no ticket holds; 0 unless the sender half is open.
    pub credit: u32,
    /// Data frames that the peer may still send; 0 unless the receiver half is open.
    pub outstanding: u32,
    /// Frames of the peer that were ignored.
    pub ignored: u64,
}
