//! What is to be looked at, and when.

use std::collections::BTreeSet;

use super::{ConnectionId, JobKey, SessionKey};

/// What time does. Each is looked at when it is due: a deadline that has moved on is set again then, and one whose
/// owner is gone is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Hello(ConnectionId),
    Heartbeat(ConnectionId),
    Patience(SessionKey),
    SessionEnd(SessionKey),
    Runtime(JobKey),
    Lease(JobKey),
    Forget,
    Keys,
    Revoke,
}

#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(u64, Timer)>);

impl Timers {
    pub(super) fn add(&mut self, at_us: u64, timer: Timer) {
        self.0.insert((at_us, timer));
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.0.first().map(|(at, _)| *at)
    }

    pub(super) fn due(&mut self, now_us: u64) -> Option<Timer> {
        if self.next()? > now_us {
            return None;
        }
        self.0.pop_first().map(|(_, timer)| timer)
    }
}
