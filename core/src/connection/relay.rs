//! One half of a stream that goes through a host: what its peer may send and takes (specification 24, "Relays").
//!
//! Frames go on as they came. Credit is counted here in both directions, so that a peer cannot send what nobody
//! granted, and what a reader has no credit for waits here and not there.

use crate::flow::Role;
use crate::stream::{Frame, FrameBody, InteractionKind, StreamErrorCode, StreamFrame, StreamId};
use crate::wire::MAX_CREDIT;

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
    /// Data frames that the peer has sent, so the next sequence.
    received: u64,
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
    pub(super) fn new(
        id: StreamId,
        role: Role,
        kind: InteractionKind,
        credit: u32,
        outstanding: u32,
    ) -> Self {
        Self {
            id,
            role,
            kind,
            credit: if role.sends_exactly_one(kind) { 1 } else { credit },
            outstanding: if role.peer().sends_exactly_one(kind) { 1 } else { outstanding },
            received: 0,
            pending: 0,
            waiting: 0,
            gone: 0,
            closed: false,
            done: false,
        }
    }

    /// So many data frames have left by another way, under the credit of the beginning.
    pub(super) fn has_sent(&mut self, frames: u32) {
        self.credit = self.credit.saturating_sub(frames);
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

    /// A frame waits to leave: data, or the close behind it.
    pub(super) fn queue(&mut self, is_close: bool) {
        self.waiting += u32::from(!is_close);
    }

    /// Lets the peer send so many data frames more, where grants count.
    pub(super) fn grant(&mut self, frames: u32) {
        if !self.done && !self.role.peer().sends_exactly_one(self.kind) {
            let more = frames.min(MAX_CREDIT - self.outstanding);
            self.outstanding += more;
            self.pending += more;
        }
    }

    /// Nothing more comes or goes, but for what waits unless that is dropped.
    pub(super) fn finish(&mut self, drops: bool) {
        (self.done, self.pending) = (true, 0);
        if drops {
            self.waiting = 0;
        }
    }

    /// Data frames that have left since the last time.
    pub(super) fn take_gone(&mut self) -> u32 {
        std::mem::take(&mut self.gone)
    }

    /// What it looks like, with so many bytes that wait.
    pub(super) fn state(&self, queued: usize) -> RelayState {
        RelayState {
            id: self.id,
            kind: self.kind,
            opened_by_peer: self.role == Role::Responder,
            credit: self.credit,
            outstanding: self.outstanding,
            waiting: self.waiting,
            queued,
        }
    }

    /// The oldest frame that waited has left.
    pub(super) fn left(&mut self) {
        if self.waiting > 0 {
            self.waiting -= 1;
            self.credit -= 1;
            self.gone += 1;
        }
    }

    /// Takes a data frame of the peer. False where it may not come, and nothing has changed: [`receive`](Self::receive)
    /// says what it is.
    pub(super) fn takes(&mut self, sequence: u64) -> bool {
        let may = !self.done && !self.closed && self.outstanding > 0 && sequence == self.received;
        self.outstanding -= u32::from(may);
        self.received += u64::from(may);
        may
    }

    /// Takes a frame of the peer, and checks all that an end would, in its order (specification 23, "Receiver half"):
    /// what went through would be this end's own fault there.
    pub(super) fn receive(&mut self, body: &FrameBody<&[u8], &str>) -> Result<Taken, Refused> {
        use StreamErrorCode::{FlowControlViolation, ProtocolViolation, SequenceViolation};
        let one = self.role.peer().sends_exactly_one(self.kind);
        match body {
            _ if self.done => Ok(self.receive_late(body)),
            FrameBody::Data(_) | FrameBody::Close(_) if self.closed => Ok(Taken::Ignored),
            FrameBody::Data(_) if one && self.received > 0 => {
                Err((ProtocolViolation, "more than one message"))
            }
            FrameBody::Data(data) if data.sequence != self.received => {
                Err((SequenceViolation, "data out of sequence"))
            }
            FrameBody::Data(_) if self.outstanding == 0 => Err((FlowControlViolation, "data without credit")),
            FrameBody::Data(_) => {
                self.outstanding -= 1;
                self.received += 1;
                Ok(Taken::GoesOn)
            }
            FrameBody::Close(close) if close.final_sequence != self.received => {
                Err((SequenceViolation, "final sequence does not match"))
            }
            FrameBody::Close(_) if one && self.received == 0 => {
                Err((ProtocolViolation, "close without the required message"))
            }
            FrameBody::Close(_) => {
                self.closed = true;
                Ok(Taken::GoesOn)
            }
            FrameBody::Credit(_) if self.role.sends_exactly_one(self.kind) => Ok(Taken::Ignored),
            FrameBody::Credit(credit) if credit.frames == 0 => Err((FlowControlViolation, "a grant of zero")),
            FrameBody::Credit(credit) if credit.frames > MAX_CREDIT - self.credit => {
                Err((FlowControlViolation, "credit beyond 2^31 - 1"))
            }
            FrameBody::Credit(credit) => {
                self.credit += credit.frames;
                Ok(Taken::GoesOn)
            }
            FrameBody::Open(_) => Err((ProtocolViolation, "a second open")),
            FrameBody::Error(_) | FrameBody::Cancel(_) | FrameBody::Unknown(_) => Ok(Taken::GoesOn),
        }
    }

    /// Both directions have ended in order, and what waits needs credit still, until the peer wants it no more.
    fn receive_late(&mut self, body: &FrameBody<&[u8], &str>) -> Taken {
        match body {
            FrameBody::Credit(credit) if self.waiting > 0 => {
                self.credit = self.credit.saturating_add(credit.frames).min(MAX_CREDIT);
                Taken::Here
            }
            FrameBody::Error(_) | FrameBody::Cancel(_) => Taken::Unwanted,
            _ => Taken::Ignored,
        }
    }
}

/// What becomes of a frame of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is told to the host.
    GoesOn,
    /// It concerns this half alone.
    Here,
    /// What waits for the peer is dropped.
    Unwanted,
    Ignored,
}

/// How a stream fails whose peer broke a rule.
type Refused = (StreamErrorCode, &'static str);

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
