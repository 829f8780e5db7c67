//! What is to happen, soonest first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use ixt_core::connection::Key;

use crate::pipe::{PipeId, Way};

/// What happens at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// Bytes, or the end, have come to the other side of a pipe.
    Arrive(PipeId, Way),
    /// The time that a module's engine asked for; of this session alone.
    ModuleTimer(usize, u64),
    /// The time that a station asked for; of this life of it alone.
    StationTimer(usize, u64),
    /// An application wants to go on with a stream of this session.
    Step(usize, u64, Key),
    /// A module makes a call.
    Call(usize),
    /// A module tries to connect.
    Connect(usize),
    /// An end has waited long enough for its peer to read the last word.
    Linger(PipeId, Way),
    /// A fault begins, or is over.
    Fault(usize),
    Heal(usize),
    /// A module is looked at: is it whole again?
    Look(usize),
    /// The time at which all must be quiet.
    Bound,
}

/// Events by time, and those of one time in the order in which they were put in.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    at_us: u64,
    number: u64,
    event: Event,
}

impl Entry {
    fn order(&self) -> (u64, u64) {
        (self.at_us, self.number)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl Queue {
    pub(crate) fn put(&mut self, at_us: u64, event: Event) {
        self.next += 1;
        self.heap.push(Reverse(Entry { at_us, number: self.next, event }));
    }

    pub(crate) fn take(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at_us, entry.event))
    }
}
