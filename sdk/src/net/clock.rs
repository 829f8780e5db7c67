//! The time that engines are told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Microseconds since the Unix epoch: read once, and moved on by the monotonic clock, so that a deadline is not
/// moved by who sets the clock of the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
    start_us: u64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), start_us: micros(since) }
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.start_us + micros(self.start.elapsed())
    }

    /// The moment at which it will be this time.
    pub(crate) fn at(&self, us: u64) -> Instant {
        self.start + Duration::from_micros(us.saturating_sub(self.start_us).min(A_YEAR_US))
    }
}

/// Far enough, and within what every platform's timer takes.
const A_YEAR_US: u64 = 365 * 24 * 3600 * 1_000_000;

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
