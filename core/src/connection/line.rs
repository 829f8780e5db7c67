//! Streams that wait for something, the next one first.

use std::collections::VecDeque;

use super::Key;
use super::table::Table;

/// A stream that is over leaves its key behind, until that is come to or until such keys are most of the line.
#[derive(Debug, Default)]
pub(super) struct Line {
    keys: VecDeque<Key>,
    /// Keys of streams that are over.
    gone: usize,
}

/// So many keys are not swept out.
const FEW: usize = 64;

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.len() <= self.gone
    }

    pub(super) fn push(&mut self, key: Key) {
        self.keys.push_back(key);
    }

    pub(super) fn front(&self) -> Option<Key> {
        self.keys.front().copied()
    }

    pub(super) fn pop(&mut self) -> Option<Key> {
        self.keys.pop_front()
    }

    /// A key that was taken is of a stream that is over.
    pub(super) fn was_gone(&mut self) {
        self.gone = self.gone.saturating_sub(1);
    }

    /// The stream with a key that waits here is over; it has left the table.
    pub(super) fn goes(&mut self, table: &Table) {
        self.gone += 1;
        if self.gone > FEW.max(self.keys.len() / 2) {
            self.keys.retain(|key| table.resolve(*key).is_some());
            self.gone = 0;
        }
    }

    pub(super) fn clear(&mut self) {
        (self.keys, self.gone) = (VecDeque::new(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::table::Body;
    use crate::flow::{Config, Stream};
    use crate::stream::{InteractionKind, StreamId};

    #[test]
    fn keys_of_streams_that_are_over_are_few() {
        let mut table = Table::new(0, 0);
        let mut line = Line::default();
        let insert = |table: &mut Table, number: u64| {
            let id = StreamId::from_words(7, number).unwrap();
            let mut stream = Stream::opener(InteractionKind::Unary, Config::default());
            stream.open(id, 0, &[]).unwrap();
            table.insert(id, Body::Stream(stream))
        };
        let (_, stays) = insert(&mut table, 1_000_000);
        line.push(stays);
        for number in 0..10_000 {
            let (place, key) = insert(&mut table, number);
            line.push(key);
            table.remove(place);
            line.goes(&table);
            assert!(!line.is_empty() && line.keys.len() <= 2 * FEW + 2, "{}", line.keys.len());
        }
        assert_eq!(line.front(), Some(stays));
    }
}
