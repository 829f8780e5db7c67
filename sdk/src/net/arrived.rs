//! Messages that have arrived on a stream and were not read yet, one behind the other in one piece of memory.

use std::collections::VecDeque;

use bytes::Bytes;

/// What the connection's reader appends to, under the connection's lock: a copy of each payload and no more.
#[derive(Default)]
pub(crate) struct Arrived {
    bytes: Vec<u8>,
    lengths: VecDeque<usize>,
}

impl Arrived {
    pub(crate) fn push(&mut self, payload: &[u8]) {
        if self.lengths.is_empty() {
            // Many streams carry one message: its memory is just as large.
            self.bytes.reserve_exact(payload.len());
        }
        self.bytes.extend_from_slice(payload);
        self.lengths.push_back(payload.len());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Moves everything to `taken`, which has nothing left.
    pub(crate) fn take(&mut self, taken: &mut Taken) {
        taken.bytes = Bytes::from(std::mem::take(&mut self.bytes));
        std::mem::swap(&mut self.lengths, &mut taken.lengths);
    }
}

/// Messages that a call has taken over, so that the connection's lock is taken once for many.
#[derive(Default)]
pub(crate) struct Taken {
    bytes: Bytes,
    lengths: VecDeque<usize>,
}

impl Taken {
    pub(crate) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.lengths.len()
    }
}

impl Iterator for Taken {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let length = self.lengths.pop_front()?;
        // The last one needs no share of the memory: it has it all.
        Some(if self.is_empty() { std::mem::take(&mut self.bytes) } else { self.bytes.split_to(length) })
    }
}
