//! The whole stream: both halves, opening, ending and the deadline (specification 23, tables "Opening"
//! and "The whole stream").

use std::collections::VecDeque;

use super::event::Note;
use super::receiver::{Receiver, Refused};
use super::sender::Sender;
use super::state::{Half, State};
use super::{By, Cancellation, Config, Effect, Event, Failure, Outcome, Received, Role, Ticket, Violation};
use crate::invocation::ContextRef;
use crate::stream::{
    Cancel, CancelReason, Close, CloseReason, Frame, FrameBody, FrameRef, InteractionKind, Open, StreamError,
    StreamErrorCode, StreamFrame, StreamId, check_details, check_message,
};
use crate::wire::{Error, ErrorKind, Limits, MAX_CREDIT, Result};

/// One endpoint of one stream.
///
/// Not shared: one thread at a time, behind a lock of the language's own where it must be. See the
/// [module](super) for the contract.
///
/// A stream that is idle takes at most 256 bytes. Clones, comparisons and hashes are for models and tests:
/// equal streams answer everything equally, and two that go on from one state must not share a transport.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stream {
    role: Role,
    limits: Limits,
    agreed_credit: u32,
    /// Set by the open.
    id: Option<StreamId>,
    kind: InteractionKind,
    /// Unix milliseconds; 0 where there is none.
    deadline_ms: u64,
    sender: Sender,
    receiver: Receiver,
    /// The reasons of the two closes, own and peer's, as far as they are known.
    reasons: [Option<CloseReason>; 2],
    outcome: Option<Box<Outcome>>,
    last: Option<Last>,
    notes: VecDeque<Note>,
    ignored: u64,
}

/// The one frame that ends a direction or the stream and has not left yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Last {
    /// A close, with this end's reason.
    Close,
    /// The error or cancel of the outcome.
    Outcome,
}

impl Stream {
    /// The end that will open a stream of this kind.
    #[must_use]
    pub fn opener(kind: InteractionKind, config: Config) -> Self {
        Self {
            role: Role::Opener,
            limits: config.limits,
            agreed_credit: config.agreed_credit,
            id: None,
            kind,
            deadline_ms: 0,
            sender: Sender::idle(),
            receiver: Receiver::idle(config.window),
            reasons: [None; 2],
            outcome: None,
            last: None,
            notes: VecDeque::new(),
            ignored: 0,
        }
    }

    /// The end that will answer an open.
    #[must_use]
    pub fn responder(config: Config) -> Self {
        Self { role: Role::Responder, ..Self::opener(InteractionKind::BidiStream, config) }
    }

    /// The sending end alone of a stream that is open already, for who routes frames by hand: it sends
    /// under `credit`, takes the peer's credit, error and cancel, and has ended with its close.
    #[must_use]
    pub fn sender(id: StreamId, credit: u32, config: Config) -> Self {
        let mut stream = Self::opener(InteractionKind::BidiStream, config);
        stream.id = Some(id);
        stream.sender.open(false, credit.min(MAX_CREDIT));
        stream.receiver = Receiver::absent();
        stream.reasons = [None, Some(CloseReason::Completed)];
        stream
    }

    /// Opens the stream and gives the frame to transmit, before any other.
    ///
    /// `initial_credit` is what this end is ready to receive (0 to 2^31 − 1; without meaning where the
    /// responder sends exactly one message). `context` is an encoded invocation context, or empty for
    /// anonymous; its deadline is the stream's.
    ///
    /// # Errors
    /// `AlreadyOpen`; `NotOpen` at a responder; `WindowOverflow`; a refusal of the context. Nothing
    /// changes then.
    pub fn open<'c>(&mut self, id: StreamId, initial_credit: u32, context: &'c [u8]) -> Result<FrameRef<'c>> {
        if self.role == Role::Responder {
            return Err(ErrorKind::NotOpen.into());
        }
        if self.id.is_some() {
            return Err(ErrorKind::AlreadyOpen.into());
        }
        if initial_credit > MAX_CREDIT && !self.role.peer().sends_exactly_one(self.kind) {
            return Err(Error::new(ErrorKind::WindowOverflow).in_field("open.initial_credit"));
        }
        let deadline_ms = deadline_of(context)?;
        self.begin(id, self.kind, deadline_ms, self.agreed_credit, initial_credit);
        Ok(Frame::open(id, self.kind, initial_credit, context))
    }

    /// Spends a free credit and gives the data frame to transmit.
    ///
    /// # Errors
    /// In this order: `NotOpen` or `StreamEnded`, `FrameTooLarge`, `TooManyMessages`,
    /// `CreditExhausted`. Nothing changes then.
    #[inline]
    pub fn try_send<'p>(&mut self, payload: &'p [u8]) -> Result<FrameRef<'p>> {
        self.send(payload, None)
    }

    /// Spends the credit of a ready ticket and gives the data frame to transmit.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send); `CreditExhausted` where the ticket is not ready. The ticket
    /// keeps its credit then.
    #[inline]
    pub fn send_with<'p>(&mut self, ticket: Ticket, payload: &'p [u8]) -> Result<FrameRef<'p>> {
        self.send(payload, Some(ticket))
    }

    /// Queues for one credit. [`Event::Ready`] says when it is there, at once where credit is free;
    /// [`Event::Ended`] when the stream went first.
    ///
    /// # Errors
    /// `NotOpen`, `StreamEnded`, `TooManyMessages`.
    pub fn wait(&mut self) -> Result<Ticket> {
        let (ticket, ready) = self.sender.wait()?;
        if ready {
            self.note(Note::Ready(ticket));
        }
        Ok(ticket)
    }

    /// Gives a ticket up. A credit that it held goes to the next ticket in the queue, or is free again.
    /// Tickets that are spent or unknown are no matter.
    pub fn drop_ticket(&mut self, ticket: Ticket) {
        if let Some(next) = self.sender.drop_ticket(ticket) {
            self.note(Note::Ready(next));
        }
    }

    /// Grants the peer `frames` more, where grants are manual. Without effect in a direction that
    /// carries exactly one message, and once the direction has ended.
    ///
    /// # Errors
    /// `NotOpen`; `InvalidGrant` for 0; `WindowOverflow` past 2^31 − 1 outstanding.
    pub fn grant(&mut self, frames: u32) -> Result<()> {
        Ok(self.receiver.grant(frames)?)
    }

    /// The application has consumed `frames` messages: grants again once max(1, ⌊window ∕ 2⌋) are due,
    /// or all that the peer was granted has been sent and consumed.
    /// Without effect where grants are manual.
    ///
    /// # Errors
    /// `InvalidGrant` for more than was delivered and not yet consumed; `WindowOverflow` where the
    /// grant would pass 2^31 − 1 outstanding. Nothing changes then.
    pub fn consume(&mut self, frames: u32) -> Result<()> {
        Ok(self.receiver.consume(frames)?)
    }

    /// Ends this end's direction in order; a responder's close ends the stream in every kind but bidi.
    /// Tickets still waiting end.
    ///
    /// # Errors
    /// `NotOpen`; `MissingMessage` where the kind demands one that was not sent.
    pub fn close(&mut self, reason: CloseReason) -> Result<Effect> {
        if !self.sender.may_close()? {
            return Ok(Effect::AlreadyEnded);
        }
        self.last = Some(Last::Close);
        self.end_sender(Half::Closed);
        self.reasons[0] = Some(reason);
        if self.role == Role::Responder && self.kind != InteractionKind::BidiStream {
            // It drops what is still in flight.
            self.receiver.end(Half::Closed);
        }
        self.complete();
        Ok(Effect::Done)
    }

    /// Ends the stream as failed. Both halves fail, one that was closed too.
    ///
    /// # Errors
    /// `NotOpen`; `MessageTextTooLong` for more than 4 KiB of message or details; `BadText` for a NUL.
    pub fn fail(&mut self, code: StreamErrorCode, message: &str, details: &[u8]) -> Result<Effect> {
        if !self.may_end()? {
            return Ok(Effect::AlreadyEnded);
        }
        check_message(message, "message")?;
        check_details(details, "details")?;
        let failure = Failure { code, message: message.to_owned(), details: details.to_vec(), by: By::Local };
        self.end_both(Outcome::Failed(failure), Some(Last::Outcome));
        Ok(Effect::Done)
    }

    /// Ends the stream as cancelled. Both halves are cancelled, one that was closed too.
    ///
    /// # Errors
    /// `NotOpen`; `MessageTextTooLong` for more than 4 KiB of message; `BadText` for a NUL.
    pub fn cancel(&mut self, reason: CancelReason, message: &str) -> Result<Effect> {
        if !self.may_end()? {
            return Ok(Effect::AlreadyEnded);
        }
        check_message(message, "message")?;
        let cancellation = Cancellation { reason, message: message.to_owned(), by: By::Local };
        self.end_both(Outcome::Cancelled(cancellation), Some(Last::Outcome));
        Ok(Effect::Done)
    }

    /// Tells the time, in milliseconds since the Unix epoch. At or past the deadline the stream ends as
    /// cancelled(`deadlineExceeded`).
    pub fn handle_timeout(&mut self, now_ms: u64) {
        if self.next_timeout().is_some_and(|deadline| now_ms >= deadline) {
            self.break_away(CancelReason::DeadlineExceeded, "the deadline passed");
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do: the deadline of an open
    /// stream, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        (self.id.is_some() && !self.has_ended() && self.deadline_ms != 0).then_some(self.deadline_ms)
    }

    /// Takes a frame of the peer.
    pub fn receive<'a>(&mut self, frame: FrameRef<'a>) -> Received<'a> {
        match (self.id, frame.body) {
            (None, FrameBody::Open(open)) if self.role == Role::Responder => {
                self.receive_open(frame.stream_id, open)
            }
            (None, _) => self.violation(Violation::UnknownStream),
            (Some(id), _) if id != frame.stream_id => self.violation(Violation::UnknownStream),
            (_, FrameBody::Data(data)) => {
                let fits = data.payload.len() <= self.limits.max_payload();
                match self.receiver.data(data.sequence, fits) {
                    Ok(()) => Received::Data(data),
                    Err(refused) => self.refuse(refused),
                }
            }
            (_, FrameBody::Close(close)) => match self.receiver.close(close.final_sequence) {
                Ok(()) => self.peer_closed(close.reason),
                Err(refused) => self.refuse(refused),
            },
            (_, FrameBody::Credit(credit)) => self.receive_credit(credit.frames),
            _ if self.has_ended() => self.ignore(),
            (_, FrameBody::Unknown(_)) => {
                self.note(Note::Violation(Violation::UnknownFrame));
                self.ignore()
            }
            (_, FrameBody::Open(_)) => {
                self.break_off(StreamErrorCode::ProtocolViolation, "a second open".to_owned())
            }
            (_, FrameBody::Error(error)) => {
                let failure = Failure {
                    code: error.code,
                    message: error.message.to_owned(),
                    details: error.details.to_vec(),
                    by: By::Peer,
                };
                self.note(Note::Broken);
                self.end_both(Outcome::Failed(failure), None);
                Received::Done
            }
            (_, FrameBody::Cancel(cancel)) => {
                let cancellation =
                    Cancellation { reason: cancel.reason, message: cancel.message.to_owned(), by: By::Peer };
                self.note(Note::Broken);
                self.end_both(Outcome::Cancelled(cancellation), None);
                Received::Done
            }
        }
    }

    /// The next frame to transmit; `None` when there are none. Control frames need not wait for data
    /// that has not left yet; `close` alone must follow it.
    pub fn poll_transmit(&mut self) -> Option<StreamFrame> {
        let stream_id = self.id?;
        let body = match self.receiver.take_pending() {
            Some(frames) => FrameBody::Credit(crate::stream::Credit { frames }),
            None => {
                let last = self.last.take()?;
                self.body_of(last)?
            }
        };
        Some(Frame { stream_id, body })
    }

    /// The next event; `None` when there are none.
    pub fn poll_event(&mut self) -> Option<Event> {
        Some(match self.notes.pop_front()? {
            Note::Credit(frames) => Event::Credit(frames),
            Note::Ready(ticket) => Event::Ready(ticket),
            Note::Ended(ticket) => Event::Ended(ticket),
            Note::Closed(reason) => Event::Closed(reason),
            Note::Finished => Event::Finished,
            Note::Broken => match self.outcome.as_deref()? {
                Outcome::Failed(failure) => Event::Failed(failure.clone()),
                Outcome::Cancelled(cancellation) => Event::Cancelled(cancellation.clone()),
                Outcome::Completed(reason) => Event::Closed(*reason),
            },
            Note::Violation(violation) => Event::Violation(violation),
        })
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has a frame.
    #[must_use]
    pub fn has_transmit(&self) -> bool {
        self.receiver.has_pending() || self.last.is_some()
    }

    /// Whether [`poll_event`](Self::poll_event) has an event.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.notes.is_empty()
    }

    /// The halves and the counters.
    #[must_use]
    pub fn state(&self) -> State {
        State {
            sender: self.sender.half,
            receiver: self.receiver.half,
            credit: self.sender.credit(),
            outstanding: self.receiver.outstanding(),
            ignored: self.ignored,
        }
    }

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The id, once the stream is open.
    #[must_use]
    pub fn id(&self) -> Option<StreamId> {
        self.id
    }

    /// The interaction kind; at a responder it means nothing before the open.
    #[must_use]
    pub fn kind(&self) -> InteractionKind {
        self.kind
    }

    /// Whether what this end sends is exactly one message, so that its close follows that at once; at a
    /// responder it means nothing before the open.
    #[must_use]
    pub fn sends_exactly_one(&self) -> bool {
        self.role.sends_exactly_one(self.kind)
    }

    /// How the stream ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_deref()
    }

    /// Whether both halves have ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.sender.half.has_ended() && self.receiver.half.has_ended()
    }

    /// Data frames accepted for sending so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sender.sent()
    }

    /// Data frames received so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.receiver.received()
    }

    #[inline]
    fn send<'p>(&mut self, payload: &'p [u8], ticket: Option<Ticket>) -> Result<FrameRef<'p>> {
        let (id, sequence) = self.spend(payload.len(), ticket)?;
        Ok(Frame::data(id, sequence, payload))
    }

    /// Spends the credit for a message of so many bytes: what stands in its frame.
    #[inline]
    pub(crate) fn spend(&mut self, length: usize, ticket: Option<Ticket>) -> Result<(StreamId, u64)> {
        let fits = length <= self.limits.max_payload();
        let id = self.id.ok_or(ErrorKind::NotOpen)?;
        Ok((id, self.sender.send(fits, ticket)?))
    }

    /// Takes a data frame of this stream whose payload is not too large. False where it is not a message, and nothing
    /// has changed: [`receive`](Self::receive) says what it is.
    #[inline]
    pub(crate) fn takes(&mut self, sequence: u64) -> bool {
        self.id.is_some() && self.receiver.data(sequence, true).is_ok()
    }

    fn begin(
        &mut self,
        id: StreamId,
        kind: InteractionKind,
        deadline_ms: u64,
        credit: u32,
        outstanding: u32,
    ) {
        self.id = Some(id);
        self.kind = kind;
        self.deadline_ms = deadline_ms;
        self.sender.open(self.role.sends_exactly_one(kind), credit);
        self.receiver.open(self.role.peer().sends_exactly_one(kind), outstanding);
    }

    /// The responder's open. Checks in the order kind, credit, context.
    fn receive_open<'a>(&mut self, id: StreamId, open: Open<&'a [u8]>) -> Received<'a> {
        let kind = open.interaction;
        let counts = !self.role.sends_exactly_one(kind);
        let deadline_ms = if kind.name().is_none() {
            Err((StreamErrorCode::ProtocolViolation, "unknown interaction kind".to_owned()))
        } else if counts && open.initial_credit > MAX_CREDIT {
            Err((StreamErrorCode::FlowControlViolation, "credit beyond 2^31 - 1".to_owned()))
        } else {
            deadline_of(open.context).map_err(|error| (StreamErrorCode::InvalidArgument, error.to_string()))
        };
        match deadline_ms {
            Ok(deadline_ms) => {
                self.begin(id, kind, deadline_ms, open.initial_credit, self.agreed_credit);
                self.receiver.fill_window();
                Received::Opened(open)
            }
            Err((code, message)) => {
                self.id = Some(id);
                self.kind = kind;
                self.break_off(code, message)
            }
        }
    }

    fn receive_credit(&mut self, frames: u32) -> Received<'static> {
        match self.sender.add_credit(frames) {
            Ok(true) => {
                self.note(Note::Credit(frames));
                while let Some(ticket) = self.sender.hand_out() {
                    self.note(Note::Ready(ticket));
                }
                Received::Done
            }
            Ok(false) => self.ignore(),
            Err(why) => self.break_off(StreamErrorCode::FlowControlViolation, why.to_owned()),
        }
    }

    fn peer_closed(&mut self, reason: CloseReason) -> Received<'static> {
        self.note(Note::Closed(reason));
        self.reasons[1] = Some(reason);
        let finishes = self.role == Role::Opener && self.kind != InteractionKind::BidiStream;
        if finishes && self.sender.half == Half::Open {
            self.note(Note::Finished);
            self.end_sender(Half::Closed);
        }
        self.complete();
        Received::Done
    }

    /// Records the outcome once both directions have ended in order; a stream that ended otherwise takes no
    /// close any more.
    fn complete(&mut self) {
        if !self.has_ended() {
            return;
        }
        let [own, peer] = self.reasons;
        let reason = match (self.kind, self.role) {
            (InteractionKind::BidiStream, _) => {
                peer.filter(|reason| *reason != CloseReason::Completed).or(own)
            }
            (_, Role::Opener) => peer,
            (_, Role::Responder) => own,
        };
        self.outcome = reason.map(|reason| Box::new(Outcome::Completed(reason)));
    }

    fn may_end(&self) -> Result<bool> {
        if self.id.is_none() {
            return Err(ErrorKind::NotOpen.into());
        }
        Ok(!self.has_ended())
    }

    /// The peer broke a rule: one error frame, and the stream has failed.
    pub(crate) fn break_off(&mut self, code: StreamErrorCode, message: String) -> Received<'static> {
        let failure = Failure { code, message, details: Vec::new(), by: By::Local };
        self.note(Note::Broken);
        self.end_both(Outcome::Failed(failure), Some(Last::Outcome));
        Received::Done
    }

    /// Something else than the application cancels the stream, so the application is told.
    pub(crate) fn break_away(&mut self, reason: CancelReason, message: &str) {
        if !self.has_ended() {
            let cancellation = Cancellation { reason, message: message.to_owned(), by: By::Local };
            self.note(Note::Broken);
            self.end_both(Outcome::Cancelled(cancellation), Some(Last::Outcome));
        }
    }

    fn refuse(&mut self, refused: Refused) -> Received<'static> {
        match refused {
            Refused::Ignored => self.ignore(),
            Refused::AfterClose => self.violation(Violation::FrameAfterClose),
            Refused::Violates(code, why) => self.break_off(code, why.to_owned()),
        }
    }

    /// Keeps an event for [`poll_event`](Self::poll_event). One input causes no more than two, but for
    /// those of tickets, and an idle stream is to be small.
    fn note(&mut self, note: Note) {
        if self.notes.capacity() == 0 {
            self.notes.reserve_exact(2);
        }
        self.notes.push_back(note);
    }

    fn violation(&mut self, violation: Violation) -> Received<'static> {
        self.note(Note::Violation(violation));
        Received::Done
    }

    fn ignore(&mut self) -> Received<'static> {
        self.ignored += 1;
        Received::Ignored
    }

    /// What the frame that ends a direction or the stream says.
    #[cold]
    fn body_of(&self, last: Last) -> Option<FrameBody<Vec<u8>, String>> {
        let sequence = self.sender.sent();
        Some(match (last, self.outcome.as_deref()) {
            (Last::Outcome, Some(Outcome::Failed(failure))) => FrameBody::Error(StreamError {
                code: failure.code,
                sequence,
                message: failure.message.clone(),
                details: failure.details.clone(),
            }),
            (Last::Outcome, Some(Outcome::Cancelled(cancellation))) => FrameBody::Cancel(Cancel {
                reason: cancellation.reason,
                message: cancellation.message.clone(),
            }),
            _ => FrameBody::Close(Close { reason: self.reasons[0]?, final_sequence: sequence }),
        })
    }

    /// Ends both halves. A close that has not left yet gives way to `last`: no frame follows an end.
    fn end_both(&mut self, outcome: Outcome, last: Option<Last>) {
        let half = match outcome {
            Outcome::Completed(_) => Half::Closed,
            Outcome::Failed(_) => Half::Failed,
            Outcome::Cancelled(_) => Half::Cancelled,
        };
        self.outcome = Some(Box::new(outcome));
        self.last = last;
        self.receiver.end(half);
        self.end_sender(half);
    }

    fn end_sender(&mut self, half: Half) {
        let waiting = self.sender.end(half);
        self.notes.extend(waiting.into_iter().map(Note::Ended));
    }
}

/// The deadline of an encoded context, which is refused if it does not decode.
fn deadline_of(context: &[u8]) -> Result<u64> {
    if context.is_empty() {
        return Ok(0);
    }
    Ok(ContextRef::decode(context)?.deadline_ms().unwrap_or(0))
}
