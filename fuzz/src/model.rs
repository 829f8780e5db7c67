//! One endpoint by the tables of specification 23, with none of the engine's code: what every step must
//! answer, transmit and raise, and the state after it. Slow and plain on purpose.

use std::collections::VecDeque;

use ixt_core::ErrorKind;
use ixt_core::flow::Half;
use ixt_core::stream::StreamErrorCode;

/// The largest payload of the endpoints that are driven here.
pub const MAX_PAYLOAD: usize = 4;
/// The deadline of [`Context::Deadline`], in milliseconds since the Unix epoch.
pub const DEADLINE: u64 = 100;

const MAX_CREDIT: u64 = (1 << 31) - 1;

/// The contexts that opens carry here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// Of zero bytes.
    Empty,
    /// With [`DEADLINE`].
    Deadline,
    /// Three bytes, which are `Truncated`.
    Malformed,
}

/// A frame of the peer.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum Peer {
    Open { kind: u16, credit: u32, context: Context },
    Data { sequence: u64, length: usize },
    Error { code: u16 },
    Close { reason: u16, last: u64 },
    Cancel { reason: u16 },
    Credit(u32),
    Later,
    Stranger,
}

/// An input.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum Step {
    Open { credit: u32, context: Context },
    Send { length: usize },
    SendWith { ticket: u64, length: usize },
    Wait,
    Drop(u64),
    Grant(u32),
    Consume(u32),
    Close(u16),
    Fail(u16),
    Cancel(u16),
    Time(u64),
    Receive(Peer),
}

/// What a step answered: done, ended before, ignored, or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Answer {
    Done,
    Ended,
    Ignored,
    Refused(ErrorKind),
    Ticket(u64),
    Opened,
    Data(u64),
}

/// A transmitted frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Sent {
    Open { credit: u32 },
    Data(u64),
    Error { code: u16, sequence: u64 },
    Close { reason: u16, last: u64 },
    Cancel { reason: u16 },
    Credit(u32),
}

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Seen {
    Credit(u32),
    Ready(u64),
    Ended(u64),
    Closed(u16),
    Finished,
    Failed { code: u16, by_peer: bool },
    Cancelled { reason: u16, by_peer: bool },
    UnknownStream,
    FrameAfterClose,
    UnknownFrame,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum End {
    Completed(u16),
    Failed { code: u16, by_peer: bool },
    Cancelled { reason: u16, by_peer: bool },
}

/// What is seen of a step from outside.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Output {
    pub answer: Answer,
    pub transmit: Vec<Sent>,
    pub events: Vec<Seen>,
    pub halves: (Half, Half),
    pub credit: u64,
    pub outstanding: u64,
    pub counts: (u64, u64, u64),
    pub end: Option<End>,
}

/// What an endpoint is told before its stream begins.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Setting {
    pub opener: bool,
    pub kind: u16,
    pub window: Option<u32>,
    pub agreed: u32,
}

/// The endpoint.
#[derive(Debug)]
pub struct Model {
    setting: Setting,
    kind: u16,
    deadline: Option<u64>,
    sender: Half,
    credit: u64,
    sent: u64,
    waiting: VecDeque<u64>,
    ready: Vec<u64>,
    tickets: u64,
    receiver: Half,
    outstanding: u64,
    received: u64,
    closed_at: Option<u64>,
    unconsumed: u64,
    consumed: u64,
    ignored: u64,
    own_reason: Option<u16>,
    peer_reason: Option<u16>,
    end: Option<End>,
    transmit: Vec<Sent>,
    events: Vec<Seen>,
}

impl Model {
    /// Before its open.
    pub fn new(setting: Setting) -> Self {
        Self {
            setting,
            kind: setting.kind,
            deadline: None,
            sender: Half::Idle,
            credit: 0,
            sent: 0,
            waiting: VecDeque::new(),
            ready: Vec::new(),
            tickets: 0,
            receiver: Half::Idle,
            outstanding: 0,
            received: 0,
            closed_at: None,
            unconsumed: 0,
            consumed: 0,
            ignored: 0,
            own_reason: None,
            peer_reason: None,
            end: None,
            transmit: Vec::new(),
            events: Vec::new(),
        }
    }

    /// One input, and all that follows from it.
    pub fn step(&mut self, step: Step) -> Output {
        let answer = match self.run(step) {
            Ok(answer) => answer,
            Err(kind) => Answer::Refused(kind),
        };
        let open = |half, number| if half == Half::Open { number } else { 0 };
        Output {
            answer,
            transmit: std::mem::take(&mut self.transmit),
            events: std::mem::take(&mut self.events),
            halves: (self.sender, self.receiver),
            credit: open(self.sender, self.credit),
            outstanding: open(self.receiver, self.outstanding),
            counts: (self.sent, self.received, self.ignored),
            end: self.end,
        }
    }

    /// Unary and serverStream: the opener sends exactly one; unary and clientStream: the responder.
    fn one(&self, by_opener: bool) -> bool {
        if by_opener { matches!(self.kind, 0 | 2) } else { matches!(self.kind, 0 | 1) }
    }

    fn sends_one(&self) -> bool {
        self.one(self.setting.opener)
    }

    fn receives_one(&self) -> bool {
        self.one(!self.setting.opener)
    }

    fn is_idle(&self) -> bool {
        self.sender == Half::Idle
    }

    fn has_ended(&self) -> bool {
        let over = |half| !matches!(half, Half::Idle | Half::Open);
        over(self.sender) && over(self.receiver)
    }

    fn begin(&mut self, credit: u32, outstanding: u32, context: Context) {
        self.sender = Half::Open;
        self.receiver = Half::Open;
        self.credit = if self.sends_one() { 1 } else { credit.into() };
        self.outstanding = if self.receives_one() { 1 } else { outstanding.into() };
        self.deadline = (context == Context::Deadline).then_some(DEADLINE);
    }

    fn run(&mut self, step: Step) -> Result<Answer, ErrorKind> {
        match step {
            Step::Open { credit, context } => {
                if !self.setting.opener {
                    return Err(ErrorKind::NotOpen);
                }
                if !self.is_idle() {
                    return Err(ErrorKind::AlreadyOpen);
                }
                if u64::from(credit) > MAX_CREDIT && !self.receives_one() {
                    return Err(ErrorKind::WindowOverflow);
                }
                if context == Context::Malformed {
                    return Err(ErrorKind::Truncated);
                }
                self.begin(self.setting.agreed, credit, context);
                self.transmit.push(Sent::Open { credit });
            }
            Step::Send { length } => {
                self.may_send(length)?;
                self.credit = self.credit.checked_sub(1).ok_or(ErrorKind::CreditExhausted)?;
                self.data();
            }
            Step::SendWith { ticket, length } => {
                self.may_send(length)?;
                let held = self.ready.iter().position(|held| *held == ticket);
                self.ready.remove(held.ok_or(ErrorKind::CreditExhausted)?);
                self.data();
            }
            Step::Wait => {
                self.sender_is_open()?;
                if self.sends_one() && self.credit == 0 {
                    return Err(ErrorKind::TooManyMessages);
                }
                let ticket = self.tickets;
                self.tickets += 1;
                self.waiting.push_back(ticket);
                self.hand_out();
                return Ok(Answer::Ticket(ticket));
            }
            Step::Drop(ticket) => {
                self.waiting.retain(|other| *other != ticket);
                if let Some(held) = self.ready.iter().position(|held| *held == ticket) {
                    self.ready.remove(held);
                    self.credit += 1;
                    self.hand_out();
                }
            }
            Step::Grant(frames) => match self.receiver {
                Half::Idle => return Err(ErrorKind::NotOpen),
                Half::Open if !self.receives_one() => {
                    if frames == 0 {
                        return Err(ErrorKind::InvalidGrant);
                    }
                    if self.outstanding + u64::from(frames) > MAX_CREDIT {
                        return Err(ErrorKind::WindowOverflow);
                    }
                    self.give(frames.into());
                }
                _ => {}
            },
            Step::Consume(frames) => {
                let Some(window) = self.setting.window.filter(|_| self.receiver == Half::Open) else {
                    return Ok(Answer::Done);
                };
                if self.receives_one() {
                    return Ok(Answer::Done);
                }
                if u64::from(frames) > self.unconsumed {
                    return Err(ErrorKind::InvalidGrant);
                }
                let due = self.consumed + u64::from(frames);
                let all = self.outstanding == 0 && u64::from(frames) == self.unconsumed;
                let grants = due >= u64::from((window / 2).max(1)) || all;
                if grants && self.outstanding + due > MAX_CREDIT {
                    return Err(ErrorKind::WindowOverflow);
                }
                self.unconsumed -= u64::from(frames);
                self.consumed = if grants { 0 } else { due };
                if grants {
                    self.give(due);
                }
            }
            Step::Close(reason) => {
                if self.is_idle() {
                    return Err(ErrorKind::NotOpen);
                }
                if self.sender != Half::Open {
                    return Ok(Answer::Ended);
                }
                if self.sends_one() && self.sent == 0 {
                    return Err(ErrorKind::MissingMessage);
                }
                self.transmit.push(Sent::Close { reason, last: self.sent });
                self.own_reason = Some(reason);
                self.end_sender(Half::Closed);
                if !self.setting.opener && self.kind != 3 {
                    self.receiver = Half::Closed;
                }
                self.complete();
            }
            Step::Fail(code) => {
                if self.is_idle() {
                    return Err(ErrorKind::NotOpen);
                }
                if self.has_ended() {
                    return Ok(Answer::Ended);
                }
                self.transmit.push(Sent::Error { code, sequence: self.sent });
                self.end_both(Half::Failed, End::Failed { code, by_peer: false });
            }
            Step::Cancel(reason) => {
                if self.is_idle() {
                    return Err(ErrorKind::NotOpen);
                }
                if self.has_ended() {
                    return Ok(Answer::Ended);
                }
                self.transmit.push(Sent::Cancel { reason });
                self.end_both(Half::Cancelled, End::Cancelled { reason, by_peer: false });
            }
            Step::Time(now) => {
                let open = !self.is_idle() && !self.has_ended();
                if open && self.deadline.is_some_and(|deadline| now >= deadline) {
                    const DEADLINE_EXCEEDED: u16 = 2;
                    let (reason, by_peer) = (DEADLINE_EXCEEDED, false);
                    self.events.push(Seen::Cancelled { reason, by_peer });
                    self.transmit.push(Sent::Cancel { reason });
                    self.end_both(Half::Cancelled, End::Cancelled { reason, by_peer });
                }
            }
            Step::Receive(frame) => return Ok(self.receive(frame)),
        }
        Ok(Answer::Done)
    }

    fn sender_is_open(&self) -> Result<(), ErrorKind> {
        match self.sender {
            Half::Idle => Err(ErrorKind::NotOpen),
            Half::Open => Ok(()),
            _ => Err(ErrorKind::StreamEnded),
        }
    }

    fn may_send(&self, length: usize) -> Result<(), ErrorKind> {
        self.sender_is_open()?;
        if length > MAX_PAYLOAD {
            return Err(ErrorKind::FrameTooLarge);
        }
        if self.sends_one() && self.sent > 0 { Err(ErrorKind::TooManyMessages) } else { Ok(()) }
    }

    fn data(&mut self) {
        self.transmit.push(Sent::Data(self.sent));
        self.sent += 1;
    }

    fn hand_out(&mut self) {
        while self.credit > 0 {
            let Some(ticket) = self.waiting.pop_front() else { return };
            self.credit -= 1;
            self.ready.push(ticket);
            self.events.push(Seen::Ready(ticket));
        }
    }

    fn give(&mut self, frames: u64) {
        self.outstanding += frames;
        if frames > 0 {
            self.transmit.push(Sent::Credit(u32::try_from(frames).expect("a legal window")));
        }
    }

    fn receive(&mut self, frame: Peer) -> Answer {
        if matches!(frame, Peer::Stranger) || (self.is_idle() && !matches!(frame, Peer::Open { .. })) {
            self.events.push(Seen::UnknownStream);
            return Answer::Done;
        }
        match frame {
            Peer::Open { kind, credit, context } if self.is_idle() => {
                self.receive_open(kind, credit, context)
            }
            Peer::Data { sequence, length } => {
                if self.receiver != Half::Open {
                    return if self.closed_at.is_some() { self.after_close() } else { self.ignore() };
                }
                if self.receives_one() && self.received > 0 {
                    self.violate(StreamErrorCode::ProtocolViolation)
                } else if sequence != self.received {
                    self.violate(StreamErrorCode::SequenceViolation)
                } else if self.outstanding == 0 {
                    self.violate(StreamErrorCode::FlowControlViolation)
                } else if length > MAX_PAYLOAD {
                    self.violate(StreamErrorCode::ResourceExhausted)
                } else {
                    self.outstanding -= 1;
                    self.received += 1;
                    self.unconsumed += 1;
                    Answer::Data(sequence)
                }
            }
            Peer::Close { reason, last } => {
                if self.receiver != Half::Open {
                    let other = self.closed_at.is_some_and(|closed_at| closed_at != last);
                    return if other { self.after_close() } else { self.ignore() };
                }
                if last != self.received {
                    return self.violate(StreamErrorCode::SequenceViolation);
                }
                if self.receives_one() && self.received == 0 {
                    return self.violate(StreamErrorCode::ProtocolViolation);
                }
                self.receiver = Half::Closed;
                self.closed_at = Some(last);
                self.peer_reason = Some(reason);
                self.events.push(Seen::Closed(reason));
                if self.setting.opener && self.kind != 3 && self.sender == Half::Open {
                    self.events.push(Seen::Finished);
                    self.end_sender(Half::Closed);
                }
                self.complete();
                Answer::Done
            }
            Peer::Credit(frames) => {
                if self.sender != Half::Open || self.sends_one() {
                    return self.ignore();
                }
                let held = self.credit + self.ready.len() as u64;
                if frames == 0 || held + u64::from(frames) > MAX_CREDIT {
                    return self.violate(StreamErrorCode::FlowControlViolation);
                }
                self.credit += u64::from(frames);
                self.events.push(Seen::Credit(frames));
                self.hand_out();
                Answer::Done
            }
            _ if self.has_ended() => self.ignore(),
            Peer::Later => {
                self.events.push(Seen::UnknownFrame);
                self.ignore()
            }
            Peer::Open { .. } => self.violate(StreamErrorCode::ProtocolViolation),
            Peer::Error { code } => {
                self.events.push(Seen::Failed { code, by_peer: true });
                self.end_both(Half::Failed, End::Failed { code, by_peer: true });
                Answer::Done
            }
            Peer::Cancel { reason } => {
                self.events.push(Seen::Cancelled { reason, by_peer: true });
                self.end_both(Half::Cancelled, End::Cancelled { reason, by_peer: true });
                Answer::Done
            }
            Peer::Stranger => Answer::Done,
        }
    }

    fn receive_open(&mut self, kind: u16, credit: u32, context: Context) -> Answer {
        if self.setting.opener {
            self.events.push(Seen::UnknownStream);
            return Answer::Done;
        }
        self.kind = kind;
        if kind > 3 {
            return self.violate(StreamErrorCode::ProtocolViolation);
        }
        if u64::from(credit) > MAX_CREDIT && !self.sends_one() {
            return self.violate(StreamErrorCode::FlowControlViolation);
        }
        if context == Context::Malformed {
            return self.violate(StreamErrorCode::InvalidArgument);
        }
        self.begin(credit, self.setting.agreed, context);
        if let Some(window) = self.setting.window.filter(|_| !self.receives_one()) {
            self.give(u64::from(window).saturating_sub(self.outstanding));
        }
        Answer::Opened
    }

    fn violate(&mut self, code: StreamErrorCode) -> Answer {
        let (code, by_peer) = (code.raw(), false);
        self.events.push(Seen::Failed { code, by_peer });
        self.transmit.push(Sent::Error { code, sequence: self.sent });
        self.end_both(Half::Failed, End::Failed { code, by_peer });
        Answer::Done
    }

    fn after_close(&mut self) -> Answer {
        self.events.push(Seen::FrameAfterClose);
        Answer::Done
    }

    fn ignore(&mut self) -> Answer {
        self.ignored += 1;
        Answer::Ignored
    }

    fn end_sender(&mut self, half: Half) {
        self.sender = half;
        self.ready.clear();
        self.events.extend(self.waiting.drain(..).map(Seen::Ended));
    }

    fn end_both(&mut self, half: Half, end: End) {
        self.receiver = half;
        self.end_sender(half);
        self.end = Some(end);
    }

    /// In bidi the reason that is not `completed`, the peer's before one's own; else the responder's.
    fn complete(&mut self) {
        if !self.has_ended() {
            return;
        }
        const COMPLETED: u16 = 1;
        let reason = match (self.kind, self.setting.opener) {
            (3, _) => self.peer_reason.filter(|reason| *reason != COMPLETED).or(self.own_reason),
            (_, true) => self.peer_reason,
            (_, false) => self.own_reason,
        };
        self.end = reason.map(End::Completed);
    }
}
