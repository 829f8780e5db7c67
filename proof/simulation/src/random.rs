//! The one source of chance in a run.

use ixt_core::stream::StreamId;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Draws everything that a seed decides, in the order in which it is asked.
#[derive(Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 up to `end`, without it; 0 where that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.number() % (end as u64).max(1)) as usize
    }

    /// From `low` to `high`, both among them.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.number() % (high - low + 1)
    }

    /// True once in `times` on average.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.number().is_multiple_of(times)
    }

    pub(crate) fn one_of<T: Copy>(&mut self, first: T, rest: &[T]) -> T {
        match self.below(rest.len() + 1) {
            0 => first,
            chosen => rest.get(chosen - 1).copied().unwrap_or(first),
        }
    }

    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    pub(crate) fn id(&mut self) -> StreamId {
        loop {
            let mut bytes = [0; 16];
            self.0.fill_bytes(&mut bytes);
            // Nil is no id.
            if let Ok(id) = StreamId::new(bytes) {
                return id;
            }
        }
    }
}
