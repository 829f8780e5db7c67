//! One end of a stream, as the application that has it: how much it says, how quickly it reads, when it gives up.

use ixt_core::connection::{Connection, Key};
use ixt_core::flow::{Effect, Ticket};
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};
use ixt_core::{Error, ErrorKind};

use crate::ledger::{CallId, Did, End, OPENER};
use crate::payload::{self, Sizes};
use crate::random::Random;

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) call: CallId,
    pub(crate) side: usize,
    sizes: Sizes,
    /// Messages that it wants to send.
    total: u64,
    pace_us: u64,
    next_send_us: u64,
    start: Start,
    /// It waits for credit before it tries.
    waits_first: bool,
    ticket: Option<Ticket>,
    pub(crate) ready: Option<Ticket>,
    close: CloseReason,
    /// Its direction is over.
    pub(crate) is_silent: bool,
    give_up: Option<(u64, Did)>,
    /// How long it takes for a message.
    read_us: u64,
    next_read_us: u64,
    /// How long it has slept over messages.
    slept_us: u64,
    pub(crate) has_heard: bool,
    /// For when it is in the queue.
    pub(crate) expected_us: u64,
}

/// When an end begins to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    AtOnce,
    AfterFirst,
    AfterClose,
}

/// How long an application sleeps over what it reads, and how long over what it sends, in microseconds.
const SLEEP_US: u64 = 4_000_000;

impl Part {
    /// What an application does with a stream of this kind, by chance.
    pub(crate) fn new(
        (call, side): (CallId, usize),
        kind: InteractionKind,
        sizes: Sizes,
        now_us: u64,
        random: &mut Random,
    ) -> Self {
        use InteractionKind::{ClientStream, ServerStream, Unary};
        let sends_one = matches!((side, kind), (_, Unary) | (OPENER, ServerStream))
            || (side != OPENER && kind == ClientStream);
        let total = if sends_one {
            1
        } else if sizes.largest > 100_000 {
            random.between(0, 12)
        } else {
            let most = random.one_of(6, &[6, 40, 150]);
            random.between(0, most)
        };
        let start = match (side, kind) {
            (OPENER, _) => Start::AtOnce,
            (_, ClientStream) => {
                random.one_of(Start::AfterClose, &[Start::AfterClose, Start::AfterFirst, Start::AtOnce])
            }
            (_, Unary | ServerStream) => {
                random.one_of(Start::AfterFirst, &[Start::AfterClose, Start::AfterFirst, Start::AtOnce])
            }
            _ => random.one_of(Start::AtOnce, &[Start::AfterFirst, Start::AfterClose]),
        };
        let sleeps = |random: &mut Random, count: u64| random.between(0, SLEEP_US / count.max(1));
        let pace_us = if random.once_in(4) { sleeps(random, total) } else { 0 };
        let read_us = match random.below(8) {
            0 => sleeps(random, 10),
            1 => sleeps(random, 200),
            2 => random.between(1, 500),
            _ => 0,
        };
        let thinks_us = if random.once_in(3) { random.between(0, 500_000) } else { 0 };
        let did = match random.below(6) {
            0 => Did::Fail(StreamErrorCode::Internal),
            1 => Did::Fail(StreamErrorCode::Cancelled),
            2 => Did::Cancel(CancelReason::Superseded),
            3 => Did::Cancel(CancelReason::BackpressureTimeout),
            _ => Did::Cancel(CancelReason::UserRequested),
        };
        let most_us = random.one_of(1000, &[20_000, 2_000_000]);
        let give_up = random.once_in(6).then(|| (now_us + random.between(0, most_us), did));
        let close = if random.once_in(10) { CloseReason::LimitReached } else { CloseReason::Completed };
        Self {
            call,
            side,
            sizes,
            total,
            pace_us,
            next_send_us: now_us + thinks_us,
            start,
            waits_first: random.once_in(2),
            ticket: None,
            ready: None,
            close,
            is_silent: false,
            give_up,
            read_us,
            next_read_us: now_us,
            slept_us: 0,
            has_heard: false,
            expected_us: u64::MAX,
        }
    }

    /// Answers at once and gives nothing up: a subscriber of a broadcast.
    pub(crate) fn patient(mut self) -> Self {
        (self.give_up, self.start) = (None, Start::AfterFirst);
        self
    }

    /// A ticket has its credit.
    pub(crate) fn is_ready(&mut self, ticket: Ticket) -> bool {
        let is_own = self.ticket == Some(ticket) || self.ticket.is_none();
        (self.ticket, self.ready) = (None, Some(ticket));
        is_own
    }

    /// A ticket has none and never will.
    pub(crate) fn is_ended(&mut self, ticket: Ticket) -> bool {
        self.is_silent = true;
        self.ticket.take() == Some(ticket)
    }

    /// Does what is to be done now, and says when it wants to go on.
    pub(crate) fn step(
        &mut self,
        engine: &mut Connection,
        key: Key,
        end: &mut End,
        now_us: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<u64>, String> {
        let refused = |what: &str, error: Error| format!("{what}: {error}");
        if end.outcome.is_some() {
            return Ok(None);
        }
        if let Some((at_us, did)) = self.give_up
            && now_us >= at_us
        {
            self.give_up = None;
            let effect = match did {
                Did::Fail(code) => engine.fail(key, code, "given up", b"why"),
                Did::Cancel(reason) => engine.cancel(key, reason, "given up"),
            };
            if effect.map_err(|error| refused("to give up", error))? == Effect::Done {
                end.did = Some(did);
            }
            return Ok(None);
        }
        let backlog = end.received - end.consumed;
        if backlog > 0 && now_us >= self.next_read_us {
            let count = if self.read_us == 0 { backlog } else { 1 };
            engine.consume(key, count as u32).map_err(|error| refused("to consume", error))?;
            end.consumed += count;
            self.next_read_us = now_us + self.read_us;
            // However many messages come, it does not sleep for ever.
            self.slept_us += self.read_us;
            if self.slept_us > SLEEP_US {
                self.read_us = 0;
            }
        }
        if self.may_send(end) {
            self.send(engine, key, end, now_us, buffer)?;
        }
        let reads = (end.received > end.consumed).then_some(self.next_read_us);
        let sends = (self.may_send(end) && self.ticket.is_none()).then_some(self.next_send_us);
        let gives_up = self.give_up.map(|(at_us, _)| at_us);
        Ok([reads, sends, gives_up].into_iter().flatten().min())
    }

    fn may_send(&self, end: &End) -> bool {
        !self.is_silent
            && match self.start {
                Start::AtOnce => true,
                Start::AfterFirst => self.has_heard || end.peer_closed.is_some(),
                Start::AfterClose => end.peer_closed.is_some(),
            }
    }

    fn send(
        &mut self,
        engine: &mut Connection,
        key: Key,
        end: &mut End,
        now_us: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<(), String> {
        while now_us >= self.next_send_us && end.sent < self.total {
            if self.ticket.is_some() {
                return Ok(());
            }
            if self.ready.is_none() && self.waits_first {
                return self.wait(engine, key);
            }
            payload::write(buffer, self.call, self.side, end.sent, self.sizes);
            let sent = match self.ready {
                Some(ticket) => engine.send_with(key, ticket, buffer),
                None => engine.try_send(key, buffer),
            };
            match sent.map_err(|error| error.kind()) {
                Ok(()) => {
                    self.ready = None;
                    end.sent += 1;
                    self.next_send_us = now_us + self.pace_us;
                }
                // The ticket keeps its credit, and becomes ready again.
                Err(ErrorKind::QueueFull) if self.ready.is_some() => {
                    self.ticket = self.ready.take();
                    return Ok(());
                }
                Err(ErrorKind::CreditExhausted | ErrorKind::QueueFull) => return self.wait(engine, key),
                Err(ErrorKind::StreamEnded) => {
                    self.is_silent = true;
                    return Ok(());
                }
                Err(kind) => return Err(format!("to send message {}: {kind:?}", end.sent)),
            }
        }
        if end.sent == self.total && now_us >= self.next_send_us {
            self.is_silent = true;
            let effect = engine.close(key, self.close).map_err(|error| format!("to close: {error}"))?;
            if effect == Effect::Done {
                end.closed = Some(self.close);
            }
        }
        Ok(())
    }

    fn wait(&mut self, engine: &mut Connection, key: Key) -> Result<(), String> {
        match engine.wait(key) {
            Ok(ticket) => self.ticket = Some(ticket),
            Err(error) if error.kind() == ErrorKind::StreamEnded => self.is_silent = true,
            Err(error) => return Err(format!("to wait: {error}")),
        }
        Ok(())
    }
}
