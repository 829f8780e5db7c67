//! What happened, as a number that two runs of one seed must agree on, and as lines for people.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::{FixedState, FoldHasher};

/// Of one run.
pub(crate) struct Trace {
    hasher: FoldHasher<'static>,
    prints: bool,
    start_us: u64,
    events: u64,
}

impl Trace {
    pub(crate) fn new(prints: bool, start_us: u64) -> Self {
        Self { hasher: FixedState::default().build_hasher(), prints, start_us, events: 0 }
    }

    /// Something happened, to which these numbers belong.
    pub(crate) fn note(&mut self, now_us: u64, what: &str, numbers: &[u64]) {
        self.events += 1;
        self.hasher.write_u64(now_us);
        self.hasher.write(what.as_bytes());
        for number in numbers {
            self.hasher.write_u64(*number);
        }
        if self.prints {
            let us = now_us - self.start_us;
            println!("{:>4}.{:06} {what} {numbers:?}", us / 1_000_000, us % 1_000_000);
        }
    }

    pub(crate) fn prints(&self) -> bool {
        self.prints
    }

    /// Bytes came to somebody.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.hasher.write(bytes);
    }

    /// For people alone.
    pub(crate) fn say(&self, now_us: u64, what: impl FnOnce() -> String) {
        if self.prints {
            let us = now_us - self.start_us;
            println!("{:>4}.{:06}   {}", us / 1_000_000, us % 1_000_000, what());
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    pub(crate) fn events(&self) -> u64 {
        self.events
    }
}
