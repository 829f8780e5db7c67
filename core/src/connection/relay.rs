//! Streams that go through: a host holds one half here and one on another connection, and moves the frames
//! (specification 24, "Relays").
//!
//! Frames go on as they came. Credit is counted here in both directions, so that a peer cannot send what nobody
//! granted, and what a reader has no credit for waits here and not there.

use super::engine::{Connection, relayed};
use super::receive::Heard;
use super::table::{Body, Place};
use super::{Event, Key};
use crate::flow::Role;
use crate::invocation::ContextRef;
use crate::stream::{
    Frame, FrameBody, FrameRef, InteractionKind, Open, StreamErrorCode, StreamFrame, StreamId,
};
use crate::wire::{MAX_CREDIT, Result};

/// The half of a relayed stream on one connection.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) id: StreamId,
    /// Of the host, towards this peer.
    pub(super) role: Role,
    kind: InteractionKind,
    /// Data frames that the peer takes.
    credit: u32,
    /// Data frames that the peer may send.
    outstanding: u32,
    /// Grants to the peer that have not left.
    pending: u32,
    /// Data frames that wait to leave. A close may wait behind them.
    waiting: u32,
    /// Data frames that have left since the host asked.
    gone: u32,
    /// The peer has closed its direction.
    closed: bool,
    /// Nothing more comes or goes but what waits.
    pub(super) done: bool,
}

impl Relay {
    fn new(id: StreamId, role: Role, kind: InteractionKind, credit: u32, outstanding: u32) -> Self {
        Self {
            id,
            role,
            kind,
            credit: if sends_one(role, kind) { 1 } else { credit },
            outstanding: if sends_one(other(role), kind) { 1 } else { outstanding },
            pending: 0,
            waiting: 0,
            gone: 0,
            closed: false,
            done: false,
        }
    }

    pub(super) fn has_transmit(&self) -> bool {
        self.pending > 0
    }

    pub(super) fn poll_transmit(&mut self) -> Option<StreamFrame> {
        let frames = std::mem::take(&mut self.pending);
        (frames > 0).then(|| Frame::credit(self.id, frames))
    }

    pub(super) fn may_leave(&self) -> bool {
        self.waiting == 0 || self.credit > 0
    }

    /// The oldest frame that waited has left.
    pub(super) fn left(&mut self) {
        if self.waiting > 0 {
            self.waiting -= 1;
            self.credit -= 1;
            self.gone += 1;
        }
    }

    /// Takes a frame of the peer. False: it is ignored.
    fn receive(&mut self, body: &FrameBody<&[u8], &str>) -> Result<bool, (StreamErrorCode, &'static str)> {
        use StreamErrorCode::{FlowControlViolation, ProtocolViolation};
        match body {
            _ if self.done => Ok(false),
            FrameBody::Data(_) | FrameBody::Close(_) if self.closed => Ok(false),
            FrameBody::Data(_) if self.outstanding == 0 => Err((FlowControlViolation, "data without credit")),
            FrameBody::Data(_) => {
                self.outstanding -= 1;
                Ok(true)
            }
            FrameBody::Close(_) => {
                self.closed = true;
                Ok(true)
            }
            FrameBody::Credit(_) if sends_one(self.role, self.kind) => Ok(false),
            FrameBody::Credit(credit) if credit.frames == 0 => Err((FlowControlViolation, "a grant of zero")),
            FrameBody::Credit(credit) if credit.frames > MAX_CREDIT - self.credit => {
                Err((FlowControlViolation, "credit beyond 2^31 - 1"))
            }
            FrameBody::Credit(credit) => {
                self.credit += credit.frames;
                Ok(true)
            }
            FrameBody::Open(_) => Err((ProtocolViolation, "a second open")),
            FrameBody::Error(_) | FrameBody::Cancel(_) | FrameBody::Unknown(_) => Ok(true),
        }
    }
}

/// What a relayed stream looks like on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayState {
    /// Its id.
    pub id: StreamId,
    /// Its kind.
    pub kind: InteractionKind,
    /// Whether the peer opened it.
    pub opened_by_peer: bool,
    /// Data frames that the peer takes.
    pub credit: u32,
    /// Data frames that the peer may send.
    pub outstanding: u32,
    /// Data frames for the peer that wait here.
    pub waiting: u32,
    /// Bytes for the peer that wait here.
    pub queued: usize,
}

fn other(role: Role) -> Role {
    match role {
        Role::Opener => Role::Responder,
        Role::Responder => Role::Opener,
    }
}

/// Whether the end with this role sends exactly one message.
fn sends_one(role: Role, kind: InteractionKind) -> bool {
    match role {
        Role::Opener => matches!(kind, InteractionKind::Unary | InteractionKind::ServerStream),
        Role::Responder => matches!(kind, InteractionKind::Unary | InteractionKind::ClientStream),
    }
}

/// What a host commands. All of it names a stream that goes through; for a stream that is over it does nothing.
impl Connection {
    /// Opens a stream to the peer that goes through: `frame` is its open, whole. Data that the peer may send at
    /// once is what the open says.
    ///
    /// # Errors
    /// As [`open`](Self::open); `InvalidArgument` where it is no open frame.
    pub fn relay_open(&mut self, frame: &[u8]) -> Result<Key> {
        let decoded = FrameRef::decode(frame)?;
        let FrameBody::Open(open) = decoded.body else { return Err(relayed()) };
        let peer = self.may_open(decoded.stream_id)?;
        let initial = open.initial_credit.min(MAX_CREDIT);
        let relay =
            Relay::new(decoded.stream_id, Role::Opener, open.interaction, peer.initial_credit, initial);
        self.outbox.control().extend_from_slice(frame);
        let (_, key) = self.table.insert(decoded.stream_id, Body::Relay(relay));
        self.count_open(Role::Opener);
        Ok(key)
    }

    /// Queues a data frame, or the close behind them all, as it came. It leaves when the peer has credit.
    pub fn relay_data(&mut self, stream: Key, frame: &[u8], is_close: bool) {
        let Some(place) = self.table.resolve(stream) else { return };
        let Some(entry) = self.table.get_mut(place) else { return };
        if let Some(relay) = entry.relay().filter(|relay| !relay.done) {
            relay.waiting += u32::from(!is_close);
            self.outbox.queue_bytes(place, entry, frame);
        }
    }

    /// Lets the peer send so many data frames more. Grants that have not left are one frame.
    pub fn relay_grant(&mut self, stream: Key, frames: u32) {
        let Some(place) = self.table.resolve(stream) else { return };
        if let Some(relay) = self.table.get_mut(place).and_then(|entry| entry.relay())
            && !relay.done
            && !sends_one(other(relay.role), relay.kind)
        {
            let more = frames.min(MAX_CREDIT - relay.outstanding);
            relay.outstanding += more;
            relay.pending += more;
        }
        self.touch(place);
    }

    /// Sends a frame that waits for nothing: an error, a cancel, or one of a kind that is not known. After an
    /// error or a cancel the stream is over; what waits of it is dropped.
    pub fn relay_control(&mut self, stream: Key, frame: &[u8], is_last: bool) {
        let Some(place) = self.table.resolve(stream) else { return };
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
            relay.done = true;
            relay.pending = 0;
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
                    return Some((key, std::mem::take(&mut relay.gone)));
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
        Some(RelayState {
            id: relay.id,
            kind: relay.kind,
            opened_by_peer: relay.role == Role::Responder,
            credit: relay.credit,
            outstanding: relay.outstanding,
            waiting: relay.waiting,
            queued: entry.lane.len(),
        })
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
            Ok(true) if too_large => {
                Err((StreamErrorCode::ResourceExhausted, "payload larger than the limit"))
            }
            received => received,
        };
        match received {
            Ok(true) => {
                // Credit may let frames go that waited for it.
                self.outbox.waits(place, entry);
                Some(Heard::Relay { stream })
            }
            Ok(false) => {
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
        let counts = !sends_one(Role::Responder, kind);
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
                (relay.done, relay.pending, relay.waiting) = (true, 0, 0);
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
