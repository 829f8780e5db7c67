//! A module on one connection: its engine, and what it hears.

use std::collections::{BTreeMap, VecDeque};

use ixt_core::connection::{Connection, Event, Key};
use ixt_core::flow;
use ixt_core::invocation::{ContextRef, Target};
use ixt_core::stream::{InteractionKind, StreamId};
use ixt_host::FromHost;

use crate::invariant::Invariant;
use crate::ledger::{Broken, End, Ledger, OPENER, RESPONDER};
use crate::part::Part;
use crate::payload;
use crate::pipe::PipeId;
use crate::random::Random;
use crate::trace::Trace;

/// A module while it is connected.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) engine: Connection,
    pub(crate) pipe: PipeId,
    /// For when its timer is in the queue.
    pub(crate) timer_us: u64,
    pub(crate) mind: Mind,
}

/// What it knows.
#[derive(Debug, Default)]
pub(crate) struct Mind {
    /// The stream on which it is announced.
    pub(crate) control: Option<Key>,
    pub(crate) is_established: bool,
    pub(crate) is_announced: bool,
    /// Its stream to the station has failed.
    pub(crate) is_refused: bool,
    /// It has opened its stream to the station.
    pub(crate) has_asked: bool,
    /// What it has to say on it still.
    pub(crate) wanted: VecDeque<Vec<u8>>,
    pub(crate) endpoint: Option<String>,
    pub(crate) parts: BTreeMap<Key, Part>,
    /// Streams to it of which it is not known yet which broadcast they bring.
    copies: BTreeMap<Key, StreamId>,
    /// It goes away, or was told to.
    pub(crate) is_leaving: bool,
    /// It has said itself that it goes away.
    pub(crate) has_gone_away: bool,
    /// No stream is left, and it is to close its pipe.
    pub(crate) is_drained: bool,
    pub(crate) has_ended: bool,
    /// Streams of which something was heard.
    pub(crate) dirty: Vec<Key>,
    /// Ends that are over, and were not looked at.
    pub(crate) over: Vec<(usize, usize)>,
}

/// What hearing needs of the world.
pub(crate) struct Ears<'w> {
    pub(crate) module: usize,
    pub(crate) session: u64,
    pub(crate) now_us: u64,
    pub(crate) window: u32,
    pub(crate) ledger: &'w mut Ledger,
    pub(crate) random: &'w mut Random,
    pub(crate) trace: &'w mut Trace,
}

/// What does not hold, and what was seen.
pub(crate) type Heard<T = ()> = Result<T, (Invariant, String)>;

fn broken<T>(invariant: Invariant, detail: impl Into<String>) -> Heard<T> {
    Err((invariant, detail.into()))
}

impl Session {
    pub(crate) fn new(engine: Connection, pipe: PipeId) -> Self {
        Self { engine, pipe, timer_us: u64::MAX, mind: Mind::default() }
    }

    /// Takes in what came on the pipe.
    pub(crate) fn receive(&mut self, bytes: &[u8], ears: &mut Ears<'_>) -> Heard {
        let mut incoming = self.engine.receive(bytes, ears.now_us);
        while let Some(event) = incoming.next() {
            self.mind.hear(event, ears)?;
        }
        Ok(())
    }

    /// Takes in what comes of no frame. False where there was nothing.
    pub(crate) fn poll(&mut self, ears: &mut Ears<'_>) -> Heard<bool> {
        let mut any = false;
        while let Some(event) = self.engine.poll_event() {
            any = true;
            self.mind.hear(event, ears)?;
        }
        Ok(any)
    }
}

impl Mind {
    fn hear(&mut self, event: Event<'_>, ears: &mut Ears<'_>) -> Heard {
        // The order in which an engine tells things belongs to the run.
        let (what, key) = name(&event);
        ears.trace.note(ears.now_us, what, &[ears.module as u64, key]);
        if self.has_ended {
            return broken(Invariant::Messages, format!("after the connection's end: {event:?}"));
        }
        match event {
            Event::Established { .. } => self.is_established = true,
            Event::Opened { stream, id, kind, context } => self.opened(stream, id, kind, context, ears)?,
            Event::Message { stream, payload, .. } if Some(stream) == self.control => self.told(payload)?,
            Event::Message { stream, sequence, payload } => self.message(stream, sequence, payload, ears)?,
            Event::Stream(stream, event) if Some(stream) == self.control => {
                self.is_refused |= matches!(
                    event,
                    flow::Event::Failed(_) | flow::Event::Cancelled(_) | flow::Event::Closed(_)
                );
            }
            Event::Stream(stream, event) => self.stream(stream, event, ears)?,
            Event::Over(stream, _) if Some(stream) == self.control => self.control = None,
            Event::Over(stream, outcome) => {
                self.copies.remove(&stream);
                let Some(part) = self.parts.remove(&stream) else {
                    // A copy that ended before its message came, or one that was never told.
                    return Ok(());
                };
                let end = ears.ledger.end_mut(part.call, part.side);
                if end.is_over() {
                    return broken(Invariant::Ends, format!("call {} is over twice", part.call));
                }
                end.outcome = Some(outcome);
                end.ended_us.get_or_insert(ears.now_us);
                ears.ledger.open_ends -= 1;
                self.over.push((part.call, part.side));
            }
            Event::GoingAway { .. } => self.is_leaving = true,
            Event::Drained => self.is_drained = true,
            Event::Ended(_) => {
                if let Some(part) = self.parts.values().next() {
                    return broken(Invariant::Ends, format!("call {} outlives its connection", part.call));
                }
                self.has_ended = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn opened(
        &mut self,
        stream: Key,
        id: StreamId,
        kind: InteractionKind,
        context: &[u8],
        ears: &mut Ears<'_>,
    ) -> Heard {
        let target =
            ContextRef::decode(context).map(|context| matches!(context.target(), Target::Broadcast(_)));
        if target == Ok(true) {
            self.copies.insert(stream, id);
            return Ok(());
        }
        let end = End::new(ears.module, ears.session, ears.window);
        let call = ears
            .ledger
            .opened(id, kind, context, end, ears.now_us)
            .map_err(|detail| (Invariant::Opening, detail))?;
        let sizes = ears.ledger.calls[call].sizes;
        let part = Part::new((call, RESPONDER), kind, sizes, ears.now_us, ears.random);
        self.parts.insert(stream, part);
        self.dirty.push(stream);
        Ok(())
    }

    fn told(&mut self, payload: &[u8]) -> Heard {
        match FromHost::decode(payload) {
            Ok(FromHost::Accepted) => self.is_announced = true,
            Ok(FromHost::Endpoint { name, .. }) => self.endpoint = Some(name),
            Err(error) => {
                return broken(Invariant::Messages, format!("the station says what is none: {error}"));
            }
        }
        Ok(())
    }

    fn message(&mut self, stream: Key, sequence: u64, payload: &[u8], ears: &mut Ears<'_>) -> Heard {
        if let Some(id) = self.copies.remove(&stream) {
            let of = payload::call_of(payload).unwrap_or(usize::MAX);
            let end = End::new(ears.module, ears.session, ears.window);
            let call = ears
                .ledger
                .copied(id, of, end, ears.now_us)
                .map_err(|detail| (Invariant::Messages, detail))?;
            let sizes = ears.ledger.calls[call].sizes;
            let unary = InteractionKind::Unary;
            let part = Part::new((call, RESPONDER), unary, sizes, ears.now_us, ears.random);
            self.parts.insert(stream, part.patient());
        }
        let Some(part) = self.parts.get_mut(&stream) else {
            return broken(Invariant::Messages, format!("message {sequence} of a stream that is over"));
        };
        part.has_heard = true;
        self.dirty.push(stream);
        ears.ledger.message(part.call, part.side, sequence, payload).map_err(|what| match what {
            Broken::Messages(detail) => (Invariant::Messages, detail),
            Broken::MoreThanSent(detail) => (Invariant::MoreThanSent, detail),
            Broken::Credit(detail) => (Invariant::Credit, detail),
        })
    }

    fn stream(&mut self, stream: Key, event: flow::Event, ears: &mut Ears<'_>) -> Heard {
        let Some(part) = self.parts.get_mut(&stream) else {
            // Of a copy nothing is known before its message.
            return if self.copies.contains_key(&stream) {
                Ok(())
            } else {
                broken(Invariant::Messages, format!("{event:?} of a stream that is over"))
            };
        };
        self.dirty.push(stream);
        let is_told_right = match event {
            flow::Event::Ready(ticket) => part.is_ready(ticket),
            flow::Event::Ended(ticket) => part.is_ended(ticket),
            flow::Event::Closed(reason) => {
                let received = ears.ledger.end(part.call, part.side).received;
                let is_all = ears.ledger.others(part.call, part.side).any(|other| other.sent == received);
                let call = &mut ears.ledger.calls[part.call];
                let end = &mut call.ends[part.side];
                end.peer_closed = Some(reason);
                if call.kind != InteractionKind::BidiStream && part.side == OPENER {
                    end.ended_us = Some(ears.now_us);
                }
                if !matches!(call.goal, crate::ledger::Goal::Broadcast(_)) && !is_all {
                    let detail = format!("call {}: closed after {received}: {call:?}", part.call);
                    return broken(Invariant::Complete, detail);
                }
                true
            }
            flow::Event::Finished => {
                part.is_silent = true;
                true
            }
            flow::Event::Violation(violation) => {
                return broken(Invariant::Outcome, format!("call {}: {violation:?}", part.call));
            }
            flow::Event::Failed(_) | flow::Event::Cancelled(_) => {
                // What it says of it may wait to leave, and it is over only then.
                ears.ledger.end_mut(part.call, part.side).ended_us.get_or_insert(ears.now_us);
                true
            }
            _ => true,
        };
        if is_told_right {
            Ok(())
        } else {
            broken(Invariant::Commands, format!("call {}: a ticket that is not waited for", part.call))
        }
    }
}

/// What an event is called in the trace, and its stream.
fn name(event: &Event<'_>) -> (&'static str, u64) {
    match event {
        Event::Opened { stream, .. } => ("opened", stream.raw()),
        Event::Message { stream, .. } => ("message", stream.raw()),
        Event::Stream(stream, event) => {
            let what = match event {
                flow::Event::Credit(_) => "credit",
                flow::Event::Ready(_) => "ready",
                flow::Event::Ended(_) => "ended ticket",
                flow::Event::Closed(_) => "closed",
                flow::Event::Finished => "finished",
                flow::Event::Failed(_) => "failed",
                flow::Event::Cancelled(_) => "cancelled",
                _ => "violation",
            };
            (what, stream.raw())
        }
        Event::Over(stream, _) => ("over", stream.raw()),
        Event::Established { .. } => ("established", 0),
        Event::GoingAway { .. } => ("going away", 0),
        Event::Drained => ("drained", 0),
        Event::Ended(_) => ("ended", 0),
        _ => ("other", 0),
    }
}
