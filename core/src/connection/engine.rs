//! One end of a connection: what it holds, and what the application commands.

use std::collections::VecDeque;

use super::bucket::Bucket;
use super::control::Control;
use super::deadlines::Deadlines;
use super::framer::Framer;
use super::message::Message;
use super::outbox::Outbox;
use super::table::{Body, Place, Table};
use super::{Config, End, Event, Key, Settings};
use crate::flow::{self, Effect, Outcome, State, Stream, Ticket};
use crate::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode, StreamId};
use crate::wire::{Error, ErrorKind, Limits, Result};

/// One end of a connection: many streams over one ordered byte pipe.
///
/// Not shared: one thread at a time, behind a lock of the language's own where it must be. See the
/// [module](super) for the contract.
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Config,
    pub(super) framer: Framer,
    pub(super) table: Table,
    pub(super) control: Control,
    pub(super) outbox: Outbox,
    /// What both ends keep, once the peer's hello is here.
    pub(super) peer: Option<Settings>,
    pub(super) limits: Limits,
    /// Events of the connection.
    pub(super) events: VecDeque<Event<'static>>,
    /// Streams that have events.
    pub(super) eventful: VecDeque<Place>,
    pub(super) deadlines: Deadlines,
    pub(super) now_us: u64,
    /// When a byte of the peer last came.
    pub(super) heard_us: u64,
    /// When the last ping went, so that a quiet peer gets one and not many.
    pub(super) pinged_us: u64,
    /// Until when the peer's hello must be here.
    pub(super) hello_by_us: Option<u64>,
    pub(super) opens: Bucket,
    pub(super) violations: Bucket,
    pub(super) away: Away,
    pub(super) end: Option<End>,
    /// Where the end has come to in ending every stream.
    pub(super) swept: Place,
    pub(super) told_end: bool,
    /// Streams that may be over, while they are looked at; kept for its memory.
    pub(super) settled: Vec<Place>,
    pub(super) stats: Stats,
    /// Streams that live, by who opened them: here, there.
    pub(super) open: [usize; 2],
}

/// Who goes away.
#[derive(Debug, Default)]
pub(super) struct Away {
    pub(super) here: bool,
    pub(super) there: bool,
    /// When this end stops waiting for its streams, in microseconds.
    pub(super) until_us: Option<u64>,
    pub(super) drained: bool,
}

/// What has passed, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Frames that came whole.
    pub frames_in: u64,
    /// Frames that left, or have begun to.
    pub frames_out: u64,
    /// Bytes that came.
    pub bytes_in: u64,
    /// Bytes that left.
    pub bytes_out: u64,
    /// Streams that were opened, here or by the peer.
    pub opened: u64,
    /// Streams of the peer that were refused: too many, too quickly, going away, an id used before.
    pub refused: u64,
    /// Frames of streams that were never known here.
    pub unknown: u64,
    /// Frames that crossed with the end of their stream.
    pub ignored: u64,
    /// Rules of streams that the peer broke.
    pub violations: u64,
}

impl Connection {
    /// The end of a new connection. The control stream's open and the hello are the first that leave.
    ///
    /// `id` is that of the control stream: fresh, as every id of a stream. `now_us` is the time, in
    /// microseconds since the Unix epoch, here and in all that follows: read once at the start and moved on by
    /// a monotonic clock.
    ///
    /// # Errors
    /// `InvalidArgument` with the setting that makes no sense.
    pub fn new(config: Config, id: StreamId, now_us: u64) -> Result<Self> {
        config.check()?;
        let mut outbox = Outbox::default();
        let hello = Message::Hello(config.settings(), config.software.clone());
        let control = Control::new(id, hello, outbox.control())?;
        Ok(Self {
            framer: Framer::default(),
            table: Table::new(config.seed, config.remembered as usize),
            control,
            outbox,
            peer: None,
            limits: Limits::with_max_payload(config.max_payload as usize),
            events: VecDeque::new(),
            eventful: VecDeque::new(),
            deadlines: Deadlines::default(),
            now_us,
            heard_us: now_us,
            pinged_us: now_us,
            hello_by_us: config.hello_ms().map(|ms| now_us + u64::from(ms) * 1000),
            opens: Bucket::new(config.max_opens, config.max_opens),
            violations: Bucket::new(config.max_violations, 1),
            away: Away::default(),
            end: None,
            swept: 0,
            told_end: false,
            settled: Vec::new(),
            stats: Stats::default(),
            open: [0; 2],
            config,
        })
    }

    /// Opens a stream.
    ///
    /// `id` is fresh: SDKs make a UUIDv7. `context` is an encoded invocation context, or empty for anonymous.
    /// The window of the settings holds for what the peer sends on it.
    ///
    /// # Errors
    /// `NotEstablished` before the peer's hello; `GoingAway` once an end goes away; `Closed` after the end;
    /// `TooManyStreams`, as the peer allows; `QueueFull` while too much waits to be sent; `StreamIdInUse` for
    /// an id that lives or is remembered; a refusal of the context. Nothing changes then.
    pub fn open(&mut self, id: StreamId, kind: InteractionKind, context: &[u8]) -> Result<Key> {
        let peer = self.may_open(id)?;
        let config = flow::Config::default()
            .with_limits(self.limits)
            .with_window(self.config.window)
            .with_agreed_credit(peer.initial_credit);
        let mut stream = Stream::opener(kind, config);
        let frame = stream.open(id, self.config.window, context)?;
        let deadline = stream.next_timeout();
        frame.encode_into(self.outbox.control(), self.limits)?;
        let (_, key) = self.table.insert(id, Body::Stream(stream));
        self.count_open(flow::Role::Opener);
        self.keep_deadline(key, deadline);
        Ok(key)
    }

    pub(super) fn may_open(&mut self, id: StreamId) -> Result<Settings> {
        if self.end.is_some() {
            return Err(ErrorKind::Closed.into());
        }
        let peer = self.peer.ok_or(ErrorKind::NotEstablished)?;
        if self.away.here || self.away.there {
            return Err(ErrorKind::GoingAway.into());
        }
        if self.open[0] >= peer.max_streams as usize {
            return Err(ErrorKind::TooManyStreams.into());
        }
        if self.outbox.queued() >= self.config.max_queued {
            return Err(ErrorKind::QueueFull.into());
        }
        if self.knows(id) {
            return Err(Error::new(ErrorKind::StreamIdInUse).in_field("stream_id"));
        }
        Ok(peer)
    }

    /// Spends a free credit and queues the message.
    ///
    /// # Errors
    /// As [`Stream::try_send`]; `QueueFull` while too much of this stream, or of all, waits to be sent;
    /// `StreamEnded` for a stream that is over. Nothing changes then. Where it is `CreditExhausted` or
    /// `QueueFull`, [`wait`](Self::wait).
    pub fn try_send(&mut self, stream: Key, payload: &[u8]) -> Result<()> {
        self.send(stream, payload, None)
    }

    /// Spends the credit of a ready ticket and queues the message.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send), and the ticket keeps its credit. Where it is `QueueFull`, the ticket
    /// becomes ready again.
    pub fn send_with(&mut self, stream: Key, ticket: Ticket, payload: &[u8]) -> Result<()> {
        self.send(stream, payload, Some(ticket))
    }

    fn send(&mut self, stream: Key, payload: &[u8], ticket: Option<Ticket>) -> Result<()> {
        let (_, entry) = self.table.live_mut(stream).ok_or(ErrorKind::StreamEnded)?;
        let Body::Stream(sender) = &mut entry.body else { return Err(relayed()) };
        if self.outbox.is_full(&entry.lane, &self.config) && sender.state().sender == flow::Half::Open {
            if let Some(ticket) = ticket {
                self.outbox.hold_back(stream, ticket);
            }
            return Err(ErrorKind::QueueFull.into());
        }
        let (id, sequence) = sender.spend(payload.len(), ticket)?;
        self.outbox.queue_message(stream, entry, id, sequence, payload, self.limits)
    }

    /// Queues for one credit and for room. [`flow::Event::Ready`] says when both are there, at once where they
    /// are; [`flow::Event::Ended`] when the stream went first.
    ///
    /// # Errors
    /// As [`Stream::wait`]; `StreamEnded` for a stream that is over.
    pub fn wait(&mut self, stream: Key) -> Result<Ticket> {
        self.with(stream, Stream::wait)
    }

    /// Gives a ticket up. Its credit goes to the next one, or is free again.
    pub fn drop_ticket(&mut self, stream: Key, ticket: Ticket) {
        self.outbox.forget(stream, ticket);
        let _ = self.with(stream, |stream| {
            stream.drop_ticket(ticket);
            Ok(())
        });
    }

    /// The application is done with so many messages of the stream: grants follow.
    ///
    /// # Errors
    /// As [`Stream::consume`]; none for a stream that is over.
    pub fn consume(&mut self, stream: Key, frames: u32) -> Result<()> {
        self.unless_over(stream, (), |stream| stream.consume(frames))
    }

    /// Ends this end's direction in order, behind what is queued.
    ///
    /// # Errors
    /// As [`Stream::close`]; none for a stream that is over.
    pub fn close(&mut self, stream: Key, reason: CloseReason) -> Result<Effect> {
        self.unless_over(stream, Effect::AlreadyEnded, |stream| stream.close(reason))
    }

    /// Ends the stream as failed; what is queued of it is dropped.
    ///
    /// # Errors
    /// As [`Stream::fail`]; none for a stream that is over.
    pub fn fail(
        &mut self,
        stream: Key,
        code: StreamErrorCode,
        message: &str,
        details: &[u8],
    ) -> Result<Effect> {
        self.unless_over(stream, Effect::AlreadyEnded, |stream| stream.fail(code, message, details))
    }

    /// Ends the stream as cancelled; what is queued of it is dropped.
    ///
    /// # Errors
    /// As [`Stream::cancel`]; none for a stream that is over.
    pub fn cancel(&mut self, stream: Key, reason: CancelReason, message: &str) -> Result<Effect> {
        self.unless_over(stream, Effect::AlreadyEnded, |stream| stream.cancel(reason, message))
    }

    /// The halves and the counters of a stream; `None` when it is over.
    #[must_use]
    pub fn state(&self, stream: Key) -> Option<State> {
        match &self.table.get(self.table.resolve(stream)?)?.body {
            Body::Stream(stream) => Some(stream.state()),
            Body::Relay(_) => None,
        }
    }

    /// All streams that live and have an end here: key, id, kind and state.
    pub fn streams(&self) -> impl Iterator<Item = (Key, Option<StreamId>, InteractionKind, State)> {
        self.table.iter().filter_map(|(key, entry)| match &entry.body {
            Body::Stream(stream) => Some((key, stream.id(), stream.kind(), stream.state())),
            Body::Relay(_) => None,
        })
    }

    /// How many streams live, those of the control not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no stream lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that wait to be sent.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.queued()
    }

    /// Bytes of control frames that wait to be sent.
    #[must_use]
    pub fn queued_control(&self) -> usize {
        self.outbox.control_queued()
    }

    /// What the peer said of itself, once its hello is here.
    #[must_use]
    pub fn peer(&self) -> Option<Settings> {
        self.peer
    }

    /// What both ends keep, once the peer's hello is here; this end's own until then. Frames beyond them end the
    /// connection at the peer, so a host passes none on.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// How the connection ended, once it has.
    #[must_use]
    pub fn end_reason(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// What has passed.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Does something to a stream that is not over, and looks after what came of it.
    fn with<T>(&mut self, stream: Key, work: impl FnOnce(&mut Stream) -> Result<T>) -> Result<T> {
        let place = self.table.resolve(stream).ok_or(ErrorKind::StreamEnded)?;
        let Some(entry) = self.table.get_mut(place) else { return Err(ErrorKind::StreamEnded.into()) };
        let done = work(entry.stream().ok_or_else(relayed)?);
        self.touch(place);
        done
    }

    fn unless_over<T>(
        &mut self,
        stream: Key,
        over: T,
        work: impl FnOnce(&mut Stream) -> Result<T>,
    ) -> Result<T> {
        if self.table.resolve(stream).is_none() { Ok(over) } else { self.with(stream, work) }
    }

    /// Counts a stream that this end has opened, or answers.
    pub(super) fn count_open(&mut self, role: flow::Role) {
        if let Some(count) = self.open.get_mut(usize::from(role == flow::Role::Responder)) {
            *count += 1;
        }
        self.stats.opened += 1;
    }

    /// Puts a stream into the lists that it belongs to after something was done to it.
    pub(super) fn touch(&mut self, place: Place) {
        let Some((key, entry)) = self.table.keyed_mut(place) else { return };
        if entry.has_events() && !entry.flags.has_events {
            entry.flags.has_events = true;
            self.eventful.push_back(place);
        }
        if entry.has_transmit() && !entry.flags.has_control {
            entry.flags.has_control = true;
            self.outbox.control_waits(key);
        }
        let outcome = entry.stream().and_then(|stream| stream.outcome());
        if matches!(outcome, Some(Outcome::Failed(_) | Outcome::Cancelled(_))) {
            self.outbox.drop_lane(entry);
            // Its opener may have ended it too, and open the next one before it reads this.
            if entry.role() == flow::Role::Responder {
                self.outbox.collect_last(key, entry, self.limits);
            }
        }
        self.settle(place);
    }

    /// Lets a stream go that has ended and has nothing left to say to anybody.
    pub(super) fn settle(&mut self, place: Place) {
        let Some(entry) = self.table.get(place) else { return };
        // It goes as soon as its peer may think so, which may open another one in its place at once.
        if !entry.has_ended() || entry.flags.has_events || entry.has_transmit() || !entry.lane.is_empty() {
            return;
        }
        self.release(place);
    }

    pub(super) fn release(&mut self, place: Place) {
        let Some((key, mut entry)) = self.table.remove(place) else { return };
        let held_back = self.outbox.release(key, &mut entry, &self.table);
        let silent = entry.flags.silent;
        let theirs = usize::from(entry.role() == flow::Role::Responder);
        if let Some(count) = self.open.get_mut(theirs) {
            *count -= 1;
        }
        if let Some(stream) = entry.stream().filter(|_| !silent) {
            // A stream without an outcome is let go only where the connection ends under it.
            let outcome = stream.outcome().cloned();
            let outcome = outcome.unwrap_or(Outcome::Completed(CloseReason::Unspecified));
            // Their room never came.
            let told = held_back.into_iter().map(|ticket| Event::Stream(key, flow::Event::Ended(ticket)));
            self.events.extend(told);
            self.events.push_back(Event::Over(key, outcome));
        }
        self.look_drained();
    }

    pub(super) fn look_drained(&mut self) {
        if (self.away.here || self.away.there)
            && self.table.len() == 0
            && !self.away.drained
            && self.end.is_none()
            && !self.outbox.has_last_words()
        {
            self.away.drained = true;
            self.events.push_back(Event::Drained);
        }
    }

    pub(super) fn keep_deadline(&mut self, key: Key, deadline_ms: Option<u64>) {
        if let Some(deadline_ms) = deadline_ms {
            let table = &self.table;
            let at = deadline_ms.saturating_mul(1000);
            self.deadlines.insert(at, key, table.len(), |key| table.resolve(key).is_some());
        }
    }
}

/// A command for an end of a stream, given for one that goes through.
pub(super) fn relayed() -> Error {
    Error::new(ErrorKind::InvalidArgument).in_field("stream")
}
