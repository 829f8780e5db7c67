//! So many at once, and so many a second.

/// A bucket that fills by what happens and leaks by time.
#[derive(Debug)]
pub(super) struct Bucket {
    /// In millionths of what is counted.
    level: u64,
    at_us: u64,
    leak_per_second: u64,
    capacity: u64,
}

const ONE: u64 = 1_000_000;

impl Bucket {
    /// Holds `capacity`, and `leak_per_second` of it leak in a second.
    pub(super) fn new(capacity: u32, leak_per_second: u32) -> Self {
        Self {
            level: 0,
            at_us: 0,
            leak_per_second: leak_per_second.into(),
            capacity: u64::from(capacity) * ONE,
        }
    }

    /// Adds one; false when it does not fit any more.
    pub(super) fn add(&mut self, now_us: u64) -> bool {
        let elapsed = now_us.saturating_sub(self.at_us);
        self.at_us = self.at_us.max(now_us);
        self.level = self.level.saturating_sub(elapsed.saturating_mul(self.leak_per_second));
        if self.level + ONE > self.capacity {
            return false;
        }
        self.level += ONE;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_so_many_a_second() {
        let mut bucket = Bucket::new(3, 10);
        let mut add = |now_us| bucket.add(now_us);
        assert_eq!([add(5), add(5), add(5), add(5)], [true, true, true, false]);
        assert!(!add(100_004), "a tenth of a second is one");
        assert!(add(100_005));
        assert!(!add(100_005));
        assert!(!add(0), "time that goes back is no time");
        assert!(add(u64::MAX));
    }
}
