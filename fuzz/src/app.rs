//! An application on one end of a connection that keeps every rule, and what must hold of all that it is told.

use std::collections::{BTreeMap, BTreeSet};

use ixt_core::ErrorKind;
use ixt_core::connection::{Connection, End, Event, Key};
use ixt_core::flow::{self, By, Half, Outcome, Ticket};
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode, StreamId};

use crate::input::Input;

/// One end, and what its application knows.
#[derive(Debug)]
pub struct App {
    /// The engine.
    pub engine: Connection,
    /// What it was told.
    pub told: Told,
    /// What was read and not yet taken in.
    unread: Vec<u8>,
}

/// What the application was told of its streams and of the connection.
#[derive(Debug, Default)]
pub struct Told {
    /// Of each stream that it knows.
    pub streams: BTreeMap<Key, Seen>,
    /// The stream that no command is to touch.
    pub kept: Option<Key>,
    /// Both hellos have passed.
    pub established: bool,
    /// An end goes away.
    pub is_going: bool,
    /// How often no stream was left while an end went away.
    pub drained: u32,
    /// How the connection ended.
    pub ended: Option<End>,
    /// Of peers that break rules, more is heard than of others.
    pub is_peer_hostile: bool,
    /// By its context, whether the messages of a stream of the other end are stamped; all are where this is not set.
    pub is_stamped: Option<fn(&[u8]) -> bool>,
    ready: Vec<(Key, Ticket)>,
}

/// What the application knows of a stream.
#[derive(Debug)]
pub struct Seen {
    /// Its id.
    pub id: StreamId,
    /// Its kind.
    pub kind: InteractionKind,
    /// It was opened here.
    pub is_opener: bool,
    /// Its messages are stamped, since its other end is another [`App`].
    pub is_stamped: bool,
    /// Messages that were taken, so that they leave.
    pub sent: u32,
    /// Messages that came.
    pub got: u32,
    /// The payload of the last one.
    pub last: Vec<u8>,
    /// How it ended.
    pub over: Option<Outcome>,
    unconsumed: u32,
    waiting: BTreeSet<Ticket>,
    /// Given up while they waited; it may have been told already that they are ready.
    given_up: BTreeSet<Ticket>,
}

impl Seen {
    fn new(id: StreamId, kind: InteractionKind, is_opener: bool) -> Self {
        Self {
            id,
            kind,
            is_opener,
            is_stamped: true,
            sent: 0,
            got: 0,
            last: Vec::new(),
            over: None,
            unconsumed: 0,
            waiting: BTreeSet::new(),
            given_up: BTreeSet::new(),
        }
    }
}

/// Bytes of a stamp, which is what a stamped message begins with: the end of the stream's id, who sent it, and how
/// many came before.
pub const STAMP: usize = 9;

fn stamp(id: StreamId, by_opener: bool, count: u32) -> [u8; STAMP] {
    let mut stamp = [u8::from(by_opener); STAMP];
    stamp[..4].copy_from_slice(&id.as_bytes()[12..]);
    stamp[4..8].copy_from_slice(&count.to_le_bytes());
    stamp
}

impl App {
    /// The application of an engine that was told nothing yet.
    pub fn new(engine: Connection) -> Self {
        Self { engine, told: Told::default(), unread: Vec::new() }
    }

    /// Takes in what was read, and what was left of it before; of the events so many, where it is said.
    pub fn read(&mut self, bytes: &[u8], now_us: u64, most: Option<usize>) {
        self.unread.extend_from_slice(bytes);
        let mut incoming = self.engine.receive(&self.unread, now_us);
        for _ in 0..most.unwrap_or(usize::MAX) {
            let Some(event) = incoming.next() else { break };
            self.told.hear(event);
        }
        let rest = incoming.rest().len();
        self.unread.drain(..self.unread.len() - rest);
    }

    /// Takes the events of what is no frame.
    pub fn hear(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            self.told.hear(event);
        }
    }

    /// Opens a stream.
    pub fn open(&mut self, id: StreamId, kind: InteractionKind, context: &[u8]) -> Option<Key> {
        let key = self.engine.open(id, kind, context).ok()?;
        assert!(self.told.streams.insert(key, Seen::new(id, kind, true)).is_none(), "a key used twice");
        Some(key)
    }

    /// Goes away in order.
    pub fn go_away(&mut self, grace_ms: u32) {
        self.told.is_going = true;
        self.engine.go_away(grace_ms, "going");
    }

    /// Does something to a stream.
    pub fn act(&mut self, input: &mut Input<'_>) {
        let choice = input.byte() % 16;
        if choice == 0 {
            self.engine.ping();
            return;
        }
        if choice <= 3
            && let Some((key, ticket)) = self.told.ready.pop()
        {
            if choice == 3 {
                self.engine.drop_ticket(key, ticket);
            } else {
                self.send(input.size(), key, Some(ticket));
            }
            return;
        }
        let Some(key) = self.told.live(input.below(256)) else { return };
        match choice {
            1..=7 => {
                let size = input.size();
                self.send(size, key, None);
            }
            8 => {
                if let Ok(ticket) = self.engine.wait(key)
                    && let Some(seen) = self.told.streams.get_mut(&key)
                {
                    assert!(seen.waiting.insert(ticket), "a ticket given twice");
                }
            }
            9..=12 => {
                let most = input.number();
                self.consume(key, most);
            }
            13 => {
                let _ = self.engine.close(key, CloseReason::from_raw(u16::from(input.byte() % 6)));
            }
            14 => {
                let _ = self.engine.fail(key, StreamErrorCode::Internal, BY_APPLICATION, &[]);
            }
            _ => {
                let _ = self.engine.cancel(key, CancelReason::UserRequested, "");
            }
        }
    }

    /// Sends a stamped message, at least as long as the stamp.
    pub fn send(&mut self, size: usize, key: Key, ticket: Option<Ticket>) {
        let Some(seen) = self.told.streams.get_mut(&key) else { return };
        let mut payload = stamp(seen.id, seen.is_opener, seen.sent).to_vec();
        payload.resize(size.min(4000).max(STAMP), 0x55);
        let sent = match ticket {
            Some(ticket) => self.engine.send_with(key, ticket, &payload),
            None => self.engine.try_send(key, &payload),
        };
        match (sent, ticket) {
            (Ok(()), _) => seen.sent += 1,
            // It becomes ready again.
            (Err(error), Some(ticket)) if error.kind() == ErrorKind::QueueFull => {
                seen.waiting.insert(ticket);
            }
            (Err(_), Some(ticket)) => self.engine.drop_ticket(key, ticket),
            (Err(_), None) => {}
        }
    }

    /// Is done with at most so many messages.
    pub fn consume(&mut self, key: Key, most: u32) {
        let Some(seen) = self.told.streams.get_mut(&key) else { return };
        let count = most.min(seen.unconsumed);
        if count > 0 {
            seen.unconsumed -= count;
            self.engine.consume(key, count).expect("no more than came");
        }
    }

    /// Brings every stream nearer to an end in order: consumes all, gives up what waits, sends what is still owed, and closes.
    pub fn finish(&mut self) {
        for (key, ticket) in std::mem::take(&mut self.told.ready) {
            self.engine.drop_ticket(key, ticket);
        }
        for key in self.told.live_keys() {
            self.consume(key, u32::MAX);
            if let Some(seen) = self.told.streams.get_mut(&key) {
                for ticket in std::mem::take(&mut seen.waiting) {
                    self.engine.drop_ticket(key, ticket);
                    seen.given_up.insert(ticket);
                }
            }
            if self.engine.state(key).is_some_and(|state| state.sender == Half::Open)
                && self.engine.close(key, CloseReason::Completed).is_err()
            {
                // Its one message is owed.
                self.send(STAMP, key, None);
                let _ = self.engine.close(key, CloseReason::Completed);
            }
        }
    }

    /// What must hold at any time.
    pub fn check(&self, max_queued: usize, max_payload: usize) {
        // One frame may go beyond the limit, and closes wait behind the data of their streams.
        let most = max_queued + max_payload + 64 + 64 * self.told.streams.len();
        let queued = self.engine.queued() - self.engine.queued_control();
        assert!(queued <= most, "{queued} bytes of {most} wait");
        if self.told.ended.is_some() {
            assert!(self.engine.is_empty() && self.engine.has_ended());
            let open = self.told.streams.values().find(|seen| seen.over.is_none());
            assert!(open.is_none(), "never over: {open:?}");
        }
    }
}

/// What the application says of a stream that it lets fail.
const BY_APPLICATION: &str = "by the application";

impl Told {
    fn live_keys(&self) -> Vec<Key> {
        let live = self.streams.iter().filter(|(key, seen)| seen.over.is_none() && self.kept != Some(**key));
        live.map(|(key, _)| *key).collect()
    }

    fn live(&self, number: usize) -> Option<Key> {
        let live = self.live_keys();
        live.get(number % live.len().max(1)).copied()
    }

    fn hear(&mut self, event: Event<'_>) {
        assert!(self.ended.is_none(), "after the end: {event:?}");
        match event {
            Event::Established { .. } => assert!(!std::mem::replace(&mut self.established, true)),
            Event::Opened { stream, id, kind, context } => {
                let mut seen = Seen::new(id, kind, false);
                seen.is_stamped = self.is_stamped.is_none_or(|is_stamped| is_stamped(context));
                assert!(self.streams.insert(stream, seen).is_none(), "a key used twice");
            }
            Event::Message { stream, sequence, payload } => self.message(stream, sequence, payload),
            Event::Stream(key, event) => self.stream(key, event),
            Event::Over(key, outcome) => {
                self.ready.retain(|(other, _)| *other != key);
                let seen = self.streams.get_mut(&key).expect("an end of a stream that is known");
                assert!(seen.waiting.is_empty(), "neither ready nor ended: {seen:?}");
                assert!(seen.over.replace(outcome).is_none(), "twice over: {seen:?}");
            }
            Event::Drained => self.drained += 1,
            Event::Ended(end) => {
                self.ready.clear();
                self.ended = Some(end);
            }
            // What follows an open that was refused, since one of them was going away.
            Event::UnknownStream(id) => assert!(self.is_peer_hostile || self.is_going, "of no stream: {id}"),
            Event::GoingAway { .. } => self.is_going = true,
            Event::Pong { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    fn message(&mut self, key: Key, sequence: u64, payload: &[u8]) {
        let seen = self.streams.get_mut(&key).expect("a message of a stream that is known");
        assert!(seen.over.is_none(), "after the end: {seen:?}");
        assert_eq!(sequence, u64::from(seen.got), "{seen:?}");
        if seen.is_stamped && !self.is_peer_hostile {
            let stamp = stamp(seen.id, !seen.is_opener, seen.got);
            assert!(payload.starts_with(&stamp), "{seen:?}: {payload:?}");
            assert!(payload[STAMP..].iter().all(|byte| *byte == 0x55));
        }
        seen.got += 1;
        seen.unconsumed += 1;
        seen.last = payload.to_vec();
    }

    fn stream(&mut self, key: Key, event: flow::Event) {
        let seen = self.streams.get_mut(&key).expect("an event of a stream that is known");
        assert!(seen.over.is_none(), "after the end: {seen:?}: {event:?}");
        match event {
            flow::Event::Ready(ticket) => {
                if seen.waiting.remove(&ticket) {
                    self.ready.push((key, ticket));
                } else {
                    assert!(seen.given_up.contains(&ticket), "ready, and nobody waits: {seen:?}: {ticket:?}");
                }
            }
            flow::Event::Ended(ticket) => {
                let was_known = seen.waiting.remove(&ticket) || seen.given_up.contains(&ticket);
                assert!(was_known, "ended, and nobody waits: {seen:?}: {ticket:?}");
            }
            flow::Event::Failed(failure) if !self.is_peer_hostile && seen.is_stamped => {
                assert!(is_fair(&failure), "{seen:?}: {failure:?}");
            }
            flow::Event::Violation(violation) if !self.is_peer_hostile && seen.is_stamped => {
                panic!("{seen:?}: {violation:?}");
            }
            _ => {}
        }
    }
}

/// Whether two ends that keep the rules can be told so: neither accuses the other, nor is refused as one who does too
/// much.
fn is_fair(failure: &flow::Failure) -> bool {
    use StreamErrorCode::{FlowControlViolation, ProtocolViolation, SequenceViolation, Unavailable};
    let accuses = [FlowControlViolation, ProtocolViolation, SequenceViolation].contains(&failure.code);
    let ends = failure.code == Unavailable;
    let too_much = ["too many streams", "streams are opened too quickly"].contains(&&*failure.message);
    !accuses && !too_much && (failure.by == By::Peer || ends)
}
