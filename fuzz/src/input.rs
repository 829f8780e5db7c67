//! The fuzzer's bytes as choices.

/// The fuzzer's bytes, and zeros past their end.
#[derive(Debug)]
pub struct Input<'a>(pub &'a [u8]);

/// More than ever waits in these targets.
pub const ALL: usize = 1 << 16;

impl<'a> Input<'a> {
    /// Whether all have been taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// As many of the next bytes as there are.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A choice among so many; 0 of none.
    pub fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count.max(1)
    }

    /// Small numbers, and those around the bounds.
    pub fn number(&mut self) -> u32 {
        match self.byte() {
            255 => u32::MAX,
            254 => 1 << 31,
            253 => (1 << 31) - 1,
            252 => (1 << 31) - 2,
            251 => 1 << 30,
            small => u32::from(small % 16),
        }
    }

    /// How much is passed at once: few bytes, some, or all.
    pub fn size(&mut self) -> usize {
        match self.byte() {
            few @ 0..64 => usize::from(few),
            some @ 64..192 => usize::from(some - 63) * 16,
            _ => ALL,
        }
    }
}
