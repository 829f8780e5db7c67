//! The time of an engine: the wall clock's when it was made, moved on by a monotonic clock (ARCP §14).

use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub(crate) struct Clock {
    base_us: u64,
    since: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { base_us: wall.as_micros() as u64, since: Instant::now() }
    }

    /// Microseconds since the Unix epoch.
    pub(crate) fn now_us(&self) -> u64 {
        self.base_us + self.since.elapsed().as_micros() as u64
    }

    /// Seconds until a moment; 0 where it has come.
    pub(crate) fn until(&self, at_us: u64) -> f64 {
        at_us.saturating_sub(self.now_us()) as f64 / 1e6
    }
}
