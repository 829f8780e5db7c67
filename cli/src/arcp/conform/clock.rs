//! Times as the protocol writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ixt::arcp::engine::Timestamp;

/// How long it has to be quiet until nothing more is expected.
pub(super) const QUIET: Duration = Duration::from_millis(400);

/// The time.
pub(super) fn now() -> String {
    from_now(0.0)
}

/// The same, in microseconds since 1970.
pub(super) fn micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_micros() as i64
}

/// The time so many seconds from now, or before it.
pub(super) fn from_now(seconds: f64) -> String {
    let then = micros().saturating_add((seconds * 1e6) as i64);
    Timestamp::from_micros(then).unwrap_or(Timestamp::EPOCH).to_string()
}
