//! What comes from the peer.

use std::ops::Range;

use super::control::{Broken, Said};
use super::engine::Connection;
use super::framer::Whole;
use super::table::{Body, Known, Place};
use super::{EndReason, Event, Key, VERSION};
use crate::flow::{self, By, Outcome, Received, Stream};
use crate::stream::{Frame, FrameBody, FrameRef, InteractionKind, Open, StreamErrorCode, StreamId, data};
use crate::wire::{ErrorKind, Limits, MESSAGE_OVERHEAD};

/// The events of what was read, one after the other; see [`Connection::receive`].
///
/// Dropped early, it leaves what it did not come to: [`rest`](Self::rest).
#[derive(Debug)]
#[must_use = "nothing is received before its events are asked for"]
pub struct Incoming<'c> {
    connection: &'c mut Connection,
    read: &'c [u8],
    at: usize,
}

/// What a frame comes to, with places in it for what the event will borrow.
pub(super) enum Heard {
    Opened { stream: Key, id: StreamId, kind: InteractionKind, context: Range<usize> },
    Message { stream: Key, sequence: u64, payload: Range<usize> },
    Relay { stream: Key },
}

impl<'c> Incoming<'c> {
    /// The next event; `None` when what was read has been taken in whole and there are no more.
    #[allow(clippy::should_implement_trait, reason = "what it gives borrows from it")]
    pub fn next(&mut self) -> Option<Event<'_>> {
        if let Some(message) = self.next_message() {
            return Some(message);
        }
        let (whole, heard) = loop {
            if let Some(event) = self.connection.poll_event() {
                return Some(event);
            }
            let Some(whole) = self.connection.next_frame(self.read, &mut self.at) else {
                // Bytes that are no frame end the connection, which is an event too.
                return self.connection.poll_event();
            };
            if let Some(heard) = self.connection.receive_frame(self.read, &whole) {
                break (whole, heard);
            }
        };
        let bytes = self.connection.framer.bytes(self.read, &whole);
        Some(match heard {
            Heard::Opened { stream, id, kind, context } => {
                Event::Opened { stream, id, kind, context: bytes.get(context).unwrap_or_default() }
            }
            Heard::Message { stream, sequence, payload } => {
                Event::Message { stream, sequence, payload: bytes.get(payload).unwrap_or_default() }
            }
            Heard::Relay { stream } => Event::Relay { stream, bytes },
        })
    }

    /// Nearly all that comes is messages, so these have a path of their own; `None` where anything else is to be done.
    #[inline]
    fn next_message(&mut self) -> Option<Event<'c>> {
        let connection = &mut *self.connection;
        if !connection.events.is_empty() || !connection.eventful.is_empty() || connection.end.is_some() {
            return None;
        }
        if !connection.framer.is_empty() {
            return None;
        }
        let read: &'c [u8] = self.read;
        let bytes = read.get(self.at..)?;
        let ((id, data), rest) = data::read_first(bytes, connection.limits)?;
        let Known::Live(place) = connection.table.find(id) else { return None };
        let (stream, entry) = connection.table.keyed_mut(place)?;
        let taken = bytes.len() - rest.len();
        let (is_taken, message) = match &mut entry.body {
            Body::Stream(receiver) => (
                receiver.takes(data.sequence),
                Event::Message { stream, sequence: data.sequence, payload: data.payload },
            ),
            Body::Relay(relay) => {
                (relay.takes(data.sequence), Event::Relay { stream, bytes: bytes.get(..taken)? })
            }
        };
        if !is_taken {
            return None;
        }
        self.at += taken;
        connection.stats.frames_in += 1;
        connection.stats.bytes_in += taken as u64;
        Some(message)
    }

    /// What has not been taken in yet: to be handed in again, before what is read next.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        self.read.get(self.at..).unwrap_or_default()
    }
}

impl Connection {
    /// Takes in what was read of the transport. Nothing happens but by [`Incoming::next`], until it gives
    /// `None`.
    ///
    /// Frames need not be whole: the beginning of one is kept. Payloads and contexts in the events borrow from
    /// `read`, but for a frame that came in parts.
    pub fn receive<'c>(&'c mut self, read: &'c [u8], now_us: u64) -> Incoming<'c> {
        self.now_us = self.now_us.max(now_us);
        if !read.is_empty() {
            self.heard_us = self.now_us;
        }
        Incoming { connection: self, read, at: 0 }
    }

    /// The byte stream from the peer has ended, or could not be read or written: the connection ends.
    pub fn transport_ended(&mut self) {
        let (reason, message, by) = if self.framer.is_torn() {
            (EndReason::TornFrame, "the byte stream ended within a frame".to_owned(), By::Peer)
        } else {
            (EndReason::Transport, "the byte stream ended".to_owned(), By::Peer)
        };
        self.finish(reason, message, by);
        // Nobody is there to read it.
        self.outbox.drop_all();
    }

    fn next_frame(&mut self, read: &[u8], at: &mut usize) -> Option<Whole> {
        if self.end.is_some() {
            *at = read.len();
            return None;
        }
        let before = *at;
        let next = self.framer.next(read, at, self.limits.max_message());
        self.stats.bytes_in += (*at - before) as u64;
        match next {
            Ok(whole) => whole,
            Err(error) => {
                *at = read.len();
                let reason = match error.kind() {
                    ErrorKind::MessageTooLarge => EndReason::OversizedFrame,
                    _ => EndReason::MalformedFrame,
                };
                self.finish(reason, error.to_string(), By::Local);
                None
            }
        }
    }

    fn receive_frame(&mut self, read: &[u8], whole: &Whole) -> Option<Heard> {
        // The frame borrows from the framer, so that stands aside meanwhile.
        let framer = std::mem::take(&mut self.framer);
        let heard = self.receive_bytes(framer.bytes(read, whole));
        self.framer = framer;
        if self.outbox.control_queued() > MAX_CONTROL {
            let message = "the peer does not read what it is told".to_owned();
            self.finish(EndReason::Overload, message, By::Local);
        }
        heard
    }

    fn receive_bytes(&mut self, bytes: &[u8]) -> Option<Heard> {
        self.stats.frames_in += 1;
        // A payload beyond the limit fails its stream and not the connection, so it has to decode.
        let lenient = Limits::with_max_payload(self.limits.max_payload() + MESSAGE_OVERHEAD);
        let frame = match FrameRef::decode_within(bytes, lenient) {
            Ok(frame) => frame,
            Err(error) => {
                self.finish(EndReason::MalformedFrame, error.to_string(), By::Local);
                return None;
            }
        };
        if !self.control.has_begun() {
            let begun = self.control.begin(frame);
            self.heed(begun.map(|()| Said::Nothing));
            return None;
        }
        if self.control.has(frame.stream_id) {
            let said = self.control.receive(frame, self.outbox.control());
            self.heed(said);
            return None;
        }
        match (self.table.find(frame.stream_id), frame.body) {
            (Known::Live(place), _) => self.receive_live(place, frame, bytes),
            (Known::Never, FrameBody::Open(open)) => self.receive_open(frame.stream_id, open, bytes),
            (Known::Ended, FrameBody::Open(_)) => {
                self.refuse(
                    frame.stream_id,
                    StreamErrorCode::ProtocolViolation,
                    "the stream id was used before",
                );
                self.violated();
                None
            }
            (Known::Ended, _) => {
                self.stats.ignored += 1;
                None
            }
            (Known::Never, _) => {
                self.stats.unknown += 1;
                self.events.push_back(Event::UnknownStream(frame.stream_id));
                None
            }
        }
    }

    #[inline]
    fn receive_live(&mut self, place: Place, frame: FrameRef<'_>, bytes: &[u8]) -> Option<Heard> {
        let key = self.table.key(place)?;
        let entry = self.table.get_mut(place)?;
        let Body::Stream(stream) = &mut entry.body else { return self.receive_relayed(place, frame) };
        let had_ended = stream.has_ended();
        if had_ended && matches!(frame.body, FrameBody::Error(_) | FrameBody::Cancel(_)) {
            // Nobody wants what waits of it, or its place.
            self.stats.ignored += 1;
            while entry.poll_transmit().is_some() {}
            self.outbox.drop_lane(entry);
            self.settle(place);
            return None;
        }
        let heard = match stream.receive(frame) {
            Received::Data(data) => {
                let payload = place_of(data.payload, bytes);
                Some(Heard::Message { stream: key, sequence: data.sequence, payload })
            }
            Received::Ignored => {
                self.stats.ignored += 1;
                None
            }
            _ => None,
        };
        if heard.is_some() {
            // A message alone changes nothing that anybody waits for.
            return heard;
        }
        let violated = !had_ended && broke_a_rule(stream);
        self.touch(place);
        if violated {
            self.violated();
        }
        None
    }

    fn receive_open(&mut self, id: StreamId, open: Open<&[u8]>, bytes: &[u8]) -> Option<Heard> {
        if self.peer.is_none() {
            self.heed(Err(Broken("a stream was opened before the hello".into())));
            return None;
        }
        if self.away.here || self.away.there {
            self.refuse(id, StreamErrorCode::Unavailable, "going away");
            return None;
        }
        if self.open[1] >= self.config.max_streams as usize {
            self.refuse(id, StreamErrorCode::ResourceExhausted, "too many streams");
            self.violated();
            return None;
        }
        if !self.opens.add(self.now_us) {
            self.refuse(id, StreamErrorCode::ResourceExhausted, "streams are opened too quickly");
            self.violated();
            return None;
        }
        if self.config.relay {
            return self.receive_relayed_open(id, open);
        }
        let config = flow::Config::default()
            .with_limits(self.limits)
            .with_window(self.config.window)
            .with_agreed_credit(self.config.initial_credit);
        let mut stream = Stream::responder(config);
        let received = stream.receive(Frame { stream_id: id, body: FrameBody::Open(open) });
        stream.handle_timeout(self.now_us / 1000);
        let violated = broke_a_rule(&stream);
        let lives = !stream.has_ended();
        let deadline = stream.next_timeout();
        let (place, key) = self.table.insert(id, Body::Stream(stream));
        self.count_open(flow::Role::Responder);
        if let Some(entry) = self.table.get_mut(place)
            && !lives
        {
            entry.flags.silent = true;
        }
        self.keep_deadline(key, deadline);
        self.touch(place);
        if violated {
            self.violated();
        }
        match received {
            Received::Opened(open) if lives => Some(Heard::Opened {
                stream: key,
                id,
                kind: open.interaction,
                context: place_of(open.context, bytes),
            }),
            _ => None,
        }
    }

    /// Answers an open with an error and keeps nothing of it.
    pub(super) fn refuse(&mut self, id: StreamId, code: StreamErrorCode, why: &str) {
        self.stats.refused += 1;
        if self.outbox.control_queued() > MAX_REFUSALS {
            let message = "the peer reads no answer to what it opens".to_owned();
            self.finish(EndReason::Overload, message, By::Local);
            return;
        }
        let frame: FrameRef<'_> = Frame::error(id, code, 0, why, &[]);
        let _ = frame.encode_into(self.outbox.control(), Limits::DEFAULT);
    }

    /// Counts a rule that the peer broke.
    pub(super) fn violated(&mut self) {
        self.stats.violations += 1;
        if !self.violations.add(self.now_us) {
            self.finish(EndReason::TooManyViolations, "the peer broke too many rules".to_owned(), By::Local);
        }
    }

    fn heed(&mut self, said: Result<Said, Broken>) {
        match said {
            Ok(Said::Nothing) => {}
            Ok(Said::Hello(peer, software)) => {
                if peer.version < VERSION {
                    let message = format!("the peer speaks version {}", peer.version);
                    self.finish(EndReason::Version, message, By::Local);
                    return;
                }
                self.limits = self.config.settings().agreed(&peer);
                self.peer = Some(peer);
                self.hello_by_us = None;
                self.events.push_back(Event::Established { peer, software });
            }
            Ok(Said::Pong(left_us)) => {
                let round_trip_us = self.now_us.saturating_sub(left_us);
                self.events.push_back(Event::Pong { round_trip_us });
            }
            Ok(Said::GoingAway { reason, grace_ms, message }) => {
                self.peer_goes_away(reason, grace_ms, message)
            }
            Err(Broken(message)) => self.finish(EndReason::ProtocolViolation, message, By::Local),
        }
    }
}

/// Bytes of refusals that may wait to be sent.
const MAX_REFUSALS: usize = 1 << 20;

/// Bytes of control frames that may wait for a peer that goes on talking. What others have it told, by opening and
/// ending streams through a host, stays below: [`super::relaying`].
const MAX_CONTROL: usize = 64 << 20;

/// Whether the stream failed by a check of this end.
fn broke_a_rule(stream: &Stream) -> bool {
    matches!(stream.outcome(), Some(Outcome::Failed(failure)) if failure.by == By::Local)
}

/// Where `part` stands in `bytes`, of which it is a part unless it is empty.
fn place_of(part: &[u8], bytes: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize);
    if part.is_empty() { 0..0 } else { start..start + part.len() }
}
