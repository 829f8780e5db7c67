//! Times as the protocol writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ixt::arcp::engine::Timestamp;

/// The time.
pub(super) fn now() -> String {
    from_now(0.0)
}

/// The time so many seconds from now, or before it.
pub(super) fn from_now(seconds: f64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_micros() as i64;
    let then = now.saturating_add((seconds * 1e6) as i64);
    Timestamp::from_micros(then).unwrap_or(Timestamp::EPOCH).to_string()
}
