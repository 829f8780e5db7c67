//! The sender half: credit, sequence and the queue of tickets (specification 23, table "Sender half").

use std::collections::VecDeque;

use super::state::Half;
use crate::wire::{ErrorKind, MAX_CREDIT};

/// A place in the queue for one credit.
///
/// Numbers ascend and are not used again within a stream, so the order of numbers is the order of the
/// queue. Dropping a ticket ([`Stream::drop_ticket`](super::Stream::drop_ticket)) loses no credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    /// The ticket with this number, for languages that carry the number.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// Its number.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }
}

/// The sender half.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Sender {
    pub(super) half: Half,
    /// Exactly one message, with its implicit credit.
    one: bool,
    /// Credit that nobody holds.
    credit: u32,
    /// Data frames accepted, so the next sequence.
    sent: u64,
    /// Tickets, oldest first. The first `held` hold one credit each; the others wait for theirs. Credit
    /// goes to those before anybody else, so while any waits, `credit` is 0.
    tickets: VecDeque<Ticket>,
    held: u32,
    next_ticket: u64,
}

impl Sender {
    pub(super) fn idle() -> Self {
        Self {
            half: Half::Idle,
            one: false,
            credit: 0,
            sent: 0,
            tickets: VecDeque::new(),
            held: 0,
            next_ticket: 0,
        }
    }

    pub(super) fn open(&mut self, one: bool, credit: u32) {
        self.half = Half::Open;
        self.one = one;
        self.credit = if one { 1 } else { credit };
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn credit(&self) -> u32 {
        if self.half == Half::Open { self.credit } else { 0 }
    }

    /// Spends a credit: that of the ticket, or a free one. Checks in the order state, size,
    /// cardinality, credit. Gives the sequence. A stream that has no id yet does not come so far.
    #[inline]
    pub(super) fn send(&mut self, fits: bool, ticket: Option<Ticket>) -> Result<u64, ErrorKind> {
        if self.half != Half::Open {
            return Err(ErrorKind::StreamEnded);
        }
        if !fits {
            return Err(ErrorKind::FrameTooLarge);
        }
        if self.one && self.sent > 0 {
            return Err(ErrorKind::TooManyMessages);
        }
        match ticket {
            None if self.credit > 0 => self.credit -= 1,
            Some(ticket) if self.take_held(ticket) => {}
            _ => return Err(ErrorKind::CreditExhausted),
        }
        let sequence = self.sent;
        self.sent += 1;
        Ok(sequence)
    }

    /// Joins the queue. The ticket is ready at once where credit is free.
    pub(super) fn wait(&mut self) -> Result<(Ticket, bool), ErrorKind> {
        match self.half {
            Half::Open => {}
            Half::Idle => return Err(ErrorKind::NotOpen),
            _ => return Err(ErrorKind::StreamEnded),
        }
        if self.one && self.credit == 0 {
            return Err(ErrorKind::TooManyMessages);
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.push_back(ticket);
        Ok((ticket, self.hand_out().is_some()))
    }

    /// Gives a ticket up. Where it held a credit, the credit passes on: to the ticket that is returned,
    /// or to nobody.
    pub(super) fn drop_ticket(&mut self, ticket: Ticket) -> Option<Ticket> {
        if self.take_held(ticket) {
            self.credit += 1;
            return self.hand_out();
        }
        if let Ok(place) = self.tickets.binary_search(&ticket) {
            self.tickets.remove(place);
        }
        None
    }

    /// Takes a credit frame; false where it is to be ignored.
    pub(super) fn add_credit(&mut self, frames: u32) -> Result<bool, &'static str> {
        if self.half != Half::Open || self.one {
            return Ok(false);
        }
        if frames == 0 {
            return Err("a grant of zero");
        }
        // Credit that tickets hold has not been spent, so it counts for the bound.
        let outstanding = u64::from(self.credit) + u64::from(self.held) + u64::from(frames);
        if outstanding > u64::from(MAX_CREDIT) {
            return Err("credit beyond 2^31 - 1");
        }
        self.credit += frames;
        Ok(true)
    }

    /// Gives one free credit to the oldest waiting ticket, if there are both.
    pub(super) fn hand_out(&mut self) -> Option<Ticket> {
        if self.credit == 0 {
            return None;
        }
        let ticket = *self.tickets.get(self.held as usize)?;
        self.credit -= 1;
        self.held += 1;
        Some(ticket)
    }

    /// Whether a close may leave: `NotOpen` and `MissingMessage` are errors, false means ended before.
    pub(super) fn may_close(&self) -> Result<bool, ErrorKind> {
        match self.half {
            Half::Idle => Err(ErrorKind::NotOpen),
            Half::Open if self.one && self.sent == 0 => Err(ErrorKind::MissingMessage),
            half => Ok(half == Half::Open),
        }
    }

    /// Ends the half; the tickets that still wait come back, oldest first.
    pub(super) fn end(&mut self, half: Half) -> VecDeque<Ticket> {
        self.half = half;
        let mut waiting = std::mem::take(&mut self.tickets);
        waiting.drain(..std::mem::take(&mut self.held) as usize);
        waiting
    }

    /// Takes a ticket that holds a credit out of the queue, and the credit from it.
    fn take_held(&mut self, ticket: Ticket) -> bool {
        match self.tickets.binary_search(&ticket) {
            Ok(place) if place < self.held as usize => {
                self.tickets.remove(place);
                self.held -= 1;
                true
            }
            _ => false,
        }
    }
}
