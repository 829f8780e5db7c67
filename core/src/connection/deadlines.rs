//! The deadlines of streams, soonest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Key;

/// Entries of streams that ended stay until they are due, or until they are most of what is kept.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(u64, Key)>>,
}

/// Below this many, nothing is swept out.
const FEW: usize = 64;

impl Deadlines {
    pub(super) fn insert(&mut self, at: u64, key: Key, live: usize, lives: impl Fn(Key) -> bool) {
        if self.heap.len() > FEW.max(2 * live) {
            self.heap.retain(|Reverse((_, key))| lives(*key));
        }
        self.heap.push(Reverse((at, key)));
    }

    /// The next deadline of a stream that lives.
    pub(super) fn next(&mut self, lives: impl Fn(Key) -> bool) -> Option<u64> {
        while let Some(Reverse((at, key))) = self.heap.peek() {
            if lives(*key) {
                return Some(*at);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes a stream whose deadline is at or before `now`.
    pub(super) fn due(&mut self, now: u64) -> Option<Key> {
        let Reverse((at, key)) = *self.heap.peek()?;
        if at > now {
            return None;
        }
        self.heap.pop();
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soonest_first_and_the_ended_are_swept_out() {
        let mut deadlines = Deadlines::default();
        let key = |number| Key::from_raw(number);
        for number in 0..10_000 {
            deadlines.insert(10_000 - number, key(number), 10, |key| key.raw() % 1000 == 0);
        }
        assert!(deadlines.heap.len() <= 2 * FEW + 2, "{}", deadlines.heap.len());
        assert_eq!(deadlines.next(|key| key.raw() == 9000), Some(1000));
        assert_eq!(deadlines.due(999), None);
        assert_eq!(deadlines.due(1000), Some(key(9000)));
    }
}
