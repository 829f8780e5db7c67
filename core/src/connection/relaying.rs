//! Streams that go through: what a host commands, and what comes of their peers.

use super::engine::{Connection, relayed};
use super::receive::Heard;
use super::relay::{Relay, RelayState, Taken};
use super::table::{Body, Place};
use super::{Event, Key};
use crate::flow::Role;
use crate::invocation::ContextRef;
use crate::stream::{FrameBody, FrameRef, Open, StreamErrorCode, StreamId};
use crate::wire::{Error, ErrorKind, MAX_CREDIT, Result};

/// Bytes of control frames that may wait for a peer before it gets no new streams. A stream that is open adds one
/// error or cancel, so all that others can have it told has a bound.
const MAX_UNREAD_OPENS: usize = 4 << 20;

/// What a host commands. All of it names a stream that goes through; for a stream that is over it does nothing.
impl Connection {
    /// Opens a stream to the peer that goes through: `frame` is its open, whole. Data that the peer may send at
    /// once is what the open says.
    ///
    /// # Errors
    /// As [`open`](Self::open); `InvalidArgument` where it is no open frame; `MessageTooLarge` where the peer takes none
    /// of this size; `QueueFull` where the peer has yet to read so many others.
    pub fn relay_open(&mut self, frame: &[u8]) -> Result<Key> {
        let decoded = FrameRef::decode(frame)?;
        let FrameBody::Open(open) = decoded.body else { return Err(relayed()) };
        let peer = self.may_open(decoded.stream_id)?;
        if frame.len() > self.limits.max_message() {
            return Err(ErrorKind::MessageTooLarge.into());
        }
        if self.outbox.control_queued() > MAX_UNREAD_OPENS {
            return Err(ErrorKind::QueueFull.into());
        }
        let initial = open.initial_credit.min(MAX_CREDIT);
        let relay =
            Relay::new(decoded.stream_id, Role::Opener, open.interaction, peer.initial_credit, initial);
        self.outbox.control().extend_from_slice(frame);
        let (_, key) = self.table.insert(decoded.stream_id, Body::Relay(relay));
        self.count_open(Role::Opener);
        Ok(key)
    }

    /// Takes on a stream that this end has opened and whose open, with the first `sent` data frames, has reached
    /// the peer by another way than this connection. Data that the peer may send at once is what the open says.
    ///
    /// # Errors
    /// `NotEstablished` before the peer's hello; `Closed` after the end; `StreamIdInUse` for an id that lives or is
    /// remembered; `InvalidArgument` where it is no open frame.
    pub fn relay_adopt(&mut self, frame: &[u8], sent: u32) -> Result<Key> {
        let decoded = FrameRef::decode_within(frame, self.limits)?;
        let FrameBody::Open(open) = decoded.body else { return Err(relayed()) };
        if self.end.is_some() {
            return Err(ErrorKind::Closed.into());
        }
        let peer = self.peer.ok_or(ErrorKind::NotEstablished)?;
        if self.knows(decoded.stream_id) {
            return Err(Error::new(ErrorKind::StreamIdInUse).in_field("stream_id"));
        }
        let initial = open.initial_credit.min(MAX_CREDIT);
        let mut relay =
            Relay::new(decoded.stream_id, Role::Opener, open.interaction, peer.initial_credit, initial);
        relay.has_sent(sent);
        let (_, key) = self.table.insert(decoded.stream_id, Body::Relay(relay));
        self.count_open(Role::Opener);
        Ok(key)
    }

    /// Tells the peer how a stream ended that is not known on this connection: `frame` is the error or the cancel.
    pub fn relay_stray(&mut self, frame: &[u8]) {
        if self.end.is_none() && self.peer.is_some() {
            self.outbox.control().extend_from_slice(frame);
        }
    }

    /// Whether a stream of this id lives here, or is remembered as ended.
    #[must_use]
    pub fn knows(&self, id: StreamId) -> bool {
        self.table.knows(id) || self.control.has(id)
    }

    /// Whether all that came were whole frames, so that whole frames that come by another way may be read next.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        !self.framer.is_torn()
    }

    /// Queues a data frame, or the close behind them all, as it came. It leaves when the peer has credit.
    pub fn relay_data(&mut self, stream: Key, frame: &[u8], is_close: bool) {
        let Some(place) = self.table.resolve(stream) else { return };
        let Some(entry) = self.table.get_mut(place) else { return };
        if let Some(relay) = entry.relay().filter(|relay| !relay.done) {
            relay.queue(is_close);
            self.outbox.queue_bytes(stream, entry, frame);
        }
    }

    /// Lets the peer send so many data frames more. Grants that have not left are one frame.
    pub fn relay_grant(&mut self, stream: Key, frames: u32) {
        let Some(place) = self.table.resolve(stream) else { return };
        if let Some(relay) = self.table.get_mut(place).and_then(|entry| entry.relay()) {
            relay.grant(frames);
        }
        self.touch(place);
    }

    /// Sends a frame that waits for nothing: an error, a cancel, or one of a kind that is not known. After an
    /// error or a cancel the stream is over; what waits of it is dropped.
    pub fn relay_control(&mut self, stream: Key, frame: &[u8], is_last: bool) {
        let Some(place) = self.table.resolve(stream).filter(|_| self.end.is_none()) else { return };
        self.outbox.control().extend_from_slice(frame);
        if is_last {
            self.relay_over(place);
        }
    }

    /// The stream has ended in order: it is over when what waits has left, or at once where that is dropped.
    pub fn relay_done(&mut self, stream: Key, drops: bool) {
        let Some(place) = self.table.resolve(stream) else { return };
        if drops {
            self.relay_over(place);
            return;
        }
        if let Some(relay) = self.table.get_mut(place).and_then(|entry| entry.relay()) {
            relay.finish(false);
        }
        self.settle(place);
    }

    /// The next stream of which data frames have left, and how many.
    pub fn relay_left(&mut self) -> Option<(Key, u32)> {
        while let Some(place) = self.outbox.pop_left() {
            let key = self.table.key(place);
            if let Some(entry) = self.table.get_mut(place) {
                entry.flags.has_left = false;
                if let (Some(key), Some(relay)) = (key, entry.relay()) {
                    return Some((key, relay.take_gone()));
                }
            }
        }
        None
    }

    /// What a relayed stream looks like here; `None` when it is over.
    #[must_use]
    pub fn relay_state(&self, stream: Key) -> Option<RelayState> {
        let entry = self.table.get(self.table.resolve(stream)?)?;
        let Body::Relay(relay) = &entry.body else { return None };
        Some(relay.state(entry.lane.len()))
    }

    /// The relayed stream of which most bytes wait here.
    #[must_use]
    pub fn relay_largest(&self) -> Option<Key> {
        let relayed = self.table.iter().filter(|(_, entry)| matches!(entry.body, Body::Relay(_)));
        relayed
            .filter(|(_, entry)| !entry.lane.is_empty())
            .max_by_key(|(_, entry)| entry.lane.len())
            .map(|(key, _)| key)
    }

    pub(super) fn receive_relayed(&mut self, place: Place, frame: FrameRef<'_>) -> Option<Heard> {
        let stream = self.table.key(place)?;
        let limit = self.limits.max_payload();
        let entry = self.table.get_mut(place)?;
        let relay = entry.relay()?;
        let too_large = matches!(frame.body, FrameBody::Data(data) if data.payload.len() > limit);
        let received = match relay.receive(&frame.body) {
            Ok(Taken::GoesOn) if too_large => {
                Err((StreamErrorCode::ResourceExhausted, "payload larger than the limit"))
            }
            received => received,
        };
        match received {
            // Credit may let frames go that waited for it.
            Ok(Taken::GoesOn) => {
                self.outbox.waits(stream, entry);
                Some(Heard::Relay { stream })
            }
            Ok(Taken::Here) => {
                self.outbox.waits(stream, entry);
                None
            }
            Ok(Taken::Unwanted) => {
                self.relay_over(place);
                None
            }
            Ok(Taken::Ignored) => {
                self.stats.ignored += 1;
                None
            }
            Err((code, message)) => {
                let id = frame.stream_id;
                self.relay_ends(place, code, message);
                self.refuse(id, code, message);
                self.violated();
                None
            }
        }
    }

    /// Takes an open of the peer, of a stream that goes through. Checks in the order kind, credit, context.
    pub(super) fn receive_relayed_open(&mut self, id: StreamId, open: Open<&[u8]>) -> Option<Heard> {
        let kind = open.interaction;
        let counts = !Role::Responder.sends_exactly_one(kind);
        let refusal = if kind.name().is_none() {
            Some((StreamErrorCode::ProtocolViolation, "unknown interaction kind"))
        } else if counts && open.initial_credit > MAX_CREDIT {
            Some((StreamErrorCode::FlowControlViolation, "credit beyond 2^31 - 1"))
        } else if !open.context.is_empty() && ContextRef::decode(open.context).is_err() {
            Some((StreamErrorCode::InvalidArgument, "the context does not decode"))
        } else {
            None
        };
        if let Some((code, message)) = refusal {
            self.refuse(id, code, message);
            self.violated();
            return None;
        }
        let credit = open.initial_credit.min(MAX_CREDIT);
        let relay = Relay::new(id, Role::Responder, kind, credit, self.config.initial_credit);
        let (_, stream) = self.table.insert(id, Body::Relay(relay));
        self.count_open(Role::Responder);
        Some(Heard::Relay { stream })
    }

    /// Lets a relayed stream go at once.
    fn relay_over(&mut self, place: Place) {
        if let Some(entry) = self.table.get_mut(place) {
            self.outbox.drop_lane(entry);
            if let Some(relay) = entry.relay() {
                relay.finish(true);
            }
        }
        self.settle(place);
    }

    /// A relayed stream cannot go on: the host is told.
    pub(super) fn relay_ends(&mut self, place: Place, code: StreamErrorCode, message: &str) {
        if let Some(stream) = self.table.key(place) {
            self.events.push_back(Event::RelayFailed { stream, code, message: message.to_owned() });
        }
        self.relay_over(place);
    }
}
