//! What a connection tells, collected under its lock and made into Python's values outside.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;
use ixt_core::connection::{End, Event, Key, Settings};
use ixt_core::flow::{self, Outcome};
use ixt_core::stream::{CloseReason, InteractionKind, StreamId};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::context::InvocationContext;
use crate::error::Result;
use crate::names::to_python;
use crate::outcome::{event_to_python, outcome_to_python};

/// The names of the numbers with which the tuples of events begin, in their order.
pub(crate) const NAMES: [&str; 13] = [
    "EVENT_MESSAGES",
    "EVENT_ANSWERED",
    "EVENT_OPENED",
    "EVENT_CLOSED",
    "EVENT_READY",
    "EVENT_NOT_READY",
    "EVENT_BROKEN",
    "EVENT_OVER",
    "EVENT_ESTABLISHED",
    "EVENT_PONG",
    "EVENT_GOING_AWAY",
    "EVENT_DRAINED",
    "EVENT_ENDED",
];
const MESSAGES: u8 = 0;
const ANSWERED: u8 = 1;
const OPENED: u8 = 2;
const CLOSED: u8 = 3;
const READY: u8 = 4;
const NOT_READY: u8 = 5;
const BROKEN: u8 = 6;
const OVER: u8 = 7;
const ESTABLISHED: u8 = 8;
const PONG: u8 = 9;
const GOING_AWAY: u8 = 10;
const DRAINED: u8 = 11;
const ENDED: u8 = 12;

/// Unary calls of this end, of which the answer is told once and in one piece.
pub(crate) type Calls = HashMap<Key, Call, RandomState>;

/// How far such a call has come.
pub(crate) enum Call {
    Waiting,
    Heard(Py<PyBytes>),
    Told,
}

/// Something to be told. Payloads stand beside, so that neighbours of one stream become one list.
enum Told {
    Messages(Key, Range<usize>),
    Answered(Key, usize, CloseReason),
    Opened {
        stream: Key,
        id: StreamId,
        kind: InteractionKind,
        context: Py<PyBytes>,
        payloads: Vec<Py<PyBytes>>,
        closed: bool,
    },
    Closed(Key, CloseReason),
    Ready(Key, u64),
    NotReady(Key, u64),
    Broken(Key, flow::Event),
    Over(Key, Outcome),
    Established(Settings, String),
    Pong(u64),
    GoingAway(&'static str, u32, String),
    Drained,
    Ended(End),
}

/// What happened, in order.
#[derive(Default)]
pub(crate) struct Batch {
    told: Vec<Told>,
    payloads: Vec<Py<PyBytes>>,
    /// Where the streams stand in `told` that were opened in this batch: their first messages go along.
    opened: HashMap<Key, usize, RandomState>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Takes an event over. It makes `bytes` and no other object, so that no collector runs under the lock.
    #[inline]
    pub(crate) fn tell(&mut self, py: Python<'_>, event: Event<'_>, calls: &mut Calls) {
        match event {
            Event::Message { stream, payload, .. } => {
                let payload = PyBytes::new(py, payload).unbind();
                self.message(stream, payload, calls);
            }
            Event::Opened { stream, id, kind, context } => {
                self.opened.insert(stream, self.told.len());
                self.told.push(Told::Opened {
                    stream,
                    id,
                    kind,
                    context: PyBytes::new(py, context).unbind(),
                    payloads: Vec::new(),
                    closed: false,
                });
            }
            Event::Stream(stream, event) => self.of_stream(stream, event, calls),
            Event::Over(stream, outcome) => match calls.remove(&stream) {
                Some(Call::Told) => {}
                _ => self.told.push(Told::Over(stream, outcome)),
            },
            Event::Established { peer, software } => self.told.push(Told::Established(peer, software)),
            Event::Pong { round_trip_us } => self.told.push(Told::Pong(round_trip_us)),
            Event::GoingAway { reason, grace_ms, message } => {
                self.told.push(Told::GoingAway(reason.name().unwrap_or_default(), grace_ms, message));
            }
            Event::Drained => self.told.push(Told::Drained),
            Event::Ended(end) => self.told.push(Told::Ended(end)),
            // Of relayed streams, which no module has, and of unknown ones, which `stats` counts.
            _ => {}
        }
    }

    #[inline]
    fn message(&mut self, stream: Key, payload: Py<PyBytes>, calls: &mut Calls) {
        let at = self.payloads.len();
        match self.told.last_mut() {
            Some(Told::Messages(of, range)) if *of == stream => range.end = at + 1,
            _ => {
                if let Some(Told::Opened { payloads, .. }) = self.opened_here(stream) {
                    payloads.push(payload);
                    return;
                }
                if !calls.is_empty()
                    && let Some(call) = calls.get_mut(&stream)
                {
                    *call = Call::Heard(payload);
                    return;
                }
                self.told.push(Told::Messages(stream, at..at + 1));
            }
        }
        self.payloads.push(payload);
    }

    /// The opening of a stream, where that is told in this batch.
    fn opened_here(&mut self, stream: Key) -> Option<&mut Told> {
        if self.opened.is_empty() {
            return None;
        }
        self.told.get_mut(*self.opened.get(&stream)?)
    }

    fn of_stream(&mut self, stream: Key, event: flow::Event, calls: &mut Calls) {
        match event {
            flow::Event::Closed(reason) => {
                if let Some(call) = calls.get_mut(&stream)
                    && let Call::Heard(payload) = std::mem::replace(call, Call::Told)
                {
                    let at = self.payloads.len();
                    self.payloads.push(payload);
                    self.told.push(Told::Answered(stream, at, reason));
                    return;
                }
                match self.opened_here(stream) {
                    Some(Told::Opened { closed, .. }) => *closed = true,
                    _ => self.told.push(Told::Closed(stream, reason)),
                }
            }
            flow::Event::Ready(ticket) => self.told.push(Told::Ready(stream, ticket.raw())),
            flow::Event::Ended(ticket) => self.told.push(Told::NotReady(stream, ticket.raw())),
            flow::Event::Failed(_) | flow::Event::Cancelled(_) => self.told.push(Told::Broken(stream, event)),
            // Credit is asked for by tickets; a direction that the peer finished is seen by the next send.
            _ => {}
        }
    }

    /// The events as tuples that begin with their number.
    pub(crate) fn into_list<'py>(self, py: Python<'py>) -> Result<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let payloads = self.payloads;
        let some = |range: Range<usize>| PyList::new(py, payloads.get(range).unwrap_or_default());
        for told in self.told {
            match told {
                Told::Messages(key, range) => list.append((MESSAGES, key.raw(), some(range)?))?,
                Told::Answered(key, at, reason) => {
                    list.append((ANSWERED, key.raw(), payloads.get(at), to_python(py, reason)?))?;
                }
                Told::Opened { stream, id, kind, context, payloads, closed } => {
                    let (context, service) = InvocationContext::received(context.bind(py))?;
                    let context = Py::new(py, context)?;
                    let kind = to_python(py, kind)?;
                    let id = PyBytes::new(py, id.as_bytes());
                    list.append((OPENED, stream.raw(), kind, id, context, service, payloads, closed))?;
                }
                Told::Closed(key, reason) => list.append((CLOSED, key.raw(), to_python(py, reason)?))?,
                Told::Ready(key, ticket) => list.append((READY, key.raw(), ticket))?,
                Told::NotReady(key, ticket) => list.append((NOT_READY, key.raw(), ticket))?,
                Told::Broken(key, event) => list.append((BROKEN, key.raw(), event_to_python(py, &event)?))?,
                Told::Over(key, outcome) => {
                    list.append((OVER, key.raw(), outcome_to_python(py, &outcome)?))?
                }
                Told::Established(peer, software) => {
                    list.append((ESTABLISHED, peer.max_payload, peer.max_streams, software))?;
                }
                Told::Pong(round_trip_us) => list.append((PONG, round_trip_us))?,
                Told::GoingAway(reason, grace_ms, message) => {
                    list.append((GOING_AWAY, reason, grace_ms, message))?;
                }
                Told::Drained => list.append((DRAINED,))?,
                Told::Ended(end) => {
                    let reason = end.reason.name().unwrap_or("unspecified");
                    list.append((ENDED, reason, end.message, end.by.name()))?;
                }
            }
        }
        Ok(list)
    }
}
