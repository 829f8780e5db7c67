//! The events of one job, in its own order.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// A place in what goes to the store: ascends.
pub type Lsn = u64;

/// What kind of frame an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `job.event`
    Event,
    /// `job.result`
    Result,
    /// `job.error`
    Error,
}

impl Class {
    /// The type of its message.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => crate::message::kind::JOB_EVENT,
            Self::Result => crate::message::kind::JOB_RESULT,
            Self::Error => crate::message::kind::JOB_ERROR,
        }
    }
}

/// One event.
#[derive(Clone)]
pub(super) struct Entry {
    /// Once so much is stored, it may be told.
    pub(super) lsn: Lsn,
    pub(super) class: Class,
    /// The payload as JSON.
    pub(super) payload: Arc<str>,
    /// What the submitting session alone may see.
    pub(super) secret: Option<Arc<str>>,
}

/// Never what it says: it may be a secret.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.payload.len();
        f.debug_struct("Entry")
            .field("lsn", &self.lsn)
            .field("class", &self.class)
            .field("bytes", &bytes)
            .finish()
    }
}

/// The events of a job that are in memory, and how many there were.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// For each of them, how many bytes ever came before it.
    begins: VecDeque<u64>,
    /// Bytes that ever came.
    came: u64,
    /// How many were dropped: the oldest that is here has the number `dropped + 1`.
    dropped: u64,
    bytes: usize,
}

impl Log {
    /// One of which nothing is in memory.
    pub(super) fn restored(last: u64) -> Self {
        Self { dropped: last, ..Self::default() }
    }

    /// The number of the last event; 0 where there was none.
    pub(super) fn last(&self) -> u64 {
        self.dropped + self.entries.len() as u64
    }

    /// How many are not in memory any more.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the last `count` events, as far as they are in memory.
    pub(super) fn bytes_of_last(&self, count: u64) -> u64 {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.begins.len());
        self.begins.get(self.begins.len() - count).map_or(0, |begin| self.came - begin)
    }

    /// Adds an event and gives its number.
    pub(super) fn push(&mut self, entry: Entry) -> u64 {
        let bytes = size(&entry);
        self.bytes += bytes;
        self.begins.push_back(self.came);
        self.came += bytes as u64;
        self.entries.push_back(entry);
        self.last()
    }

    /// The event with this number, while it is in memory.
    pub(super) fn get(&self, number: u64) -> Option<&Entry> {
        let place = number.checked_sub(self.dropped + 1)?;
        self.entries.get(usize::try_from(place).ok()?)
    }

    /// Drops the oldest, which must be stored up to `stored`, until no more than `keep` bytes are left; the last one
    /// stays. Gives how many bytes that were.
    pub(super) fn shrink(&mut self, keep: usize, stored: Lsn) -> usize {
        let before = self.bytes;
        while self.bytes > keep
            && self.entries.len() > 1
            && let Some(oldest) = self.entries.front().filter(|entry| entry.lsn <= stored)
        {
            self.bytes -= size(oldest);
            self.entries.pop_front();
            self.begins.pop_front();
            self.dropped += 1;
        }
        before - self.bytes
    }
}

fn size(entry: &Entry) -> usize {
    entry.payload.len() + entry.secret.as_ref().map_or(0, |secret| secret.len()) + size_of::<Entry>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(lsn: Lsn, length: usize) -> Entry {
        Entry { lsn, class: Class::Event, payload: "x".repeat(length).into(), secret: None }
    }

    #[test]
    fn numbers_stay_when_the_oldest_are_dropped() {
        let mut log = Log::default();
        for lsn in 1..=10 {
            assert_eq!(log.push(entry(lsn, 100)), lsn);
        }
        let each = log.bytes() / 10;
        assert_eq!(log.shrink(3 * each, 5), 5 * each, "what is not stored stays");
        assert_eq!((log.dropped(), log.last()), (5, 10));
        assert!(log.get(5).is_none() && log.get(0).is_none() && log.get(11).is_none());
        assert_eq!(log.get(6).map(|entry| entry.lsn), Some(6));
        assert_eq!(log.bytes_of_last(2), 2 * each as u64);
        assert_eq!((log.bytes_of_last(0), log.bytes_of_last(99)), (0, log.bytes() as u64));
        log.shrink(0, 10);
        assert_eq!((log.dropped(), log.bytes()), (9, each));
    }
}
