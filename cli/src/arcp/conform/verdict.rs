//! What comes of a check.

/// Why a check did not pass.
#[derive(Debug)]
pub(super) enum Stop {
    /// What is wrong.
    Failed(String),
    /// Why it cannot be told here.
    Skipped(String),
}

pub(super) type Verdict = Result<(), Stop>;

pub(super) fn failed(why: impl Into<String>) -> Stop {
    Stop::Failed(why.into())
}

pub(super) fn skipped(why: impl Into<String>) -> Stop {
    Stop::Skipped(why.into())
}

/// Fails with what is wrong where something does not hold.
macro_rules! holds {
    ($holds:expr, $($wrong:tt)+) => {
        if !$holds {
            return Err($crate::arcp::conform::verdict::failed(format!($($wrong)+)));
        }
    };
}
pub(super) use holds;
