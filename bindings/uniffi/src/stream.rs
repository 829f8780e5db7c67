//! One endpoint of one stream.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ixt_core::flow::{self, Config, Effect, Ticket};
use ixt_core::stream::{FrameRef, StreamId};
use ixt_core::wire::{MESSAGE_OVERHEAD, Split, split};
use ixt_core::{Error, ErrorKind, Limits};

use crate::event::{Event, Outcome, State};
use crate::frame::{StreamFrame, limits};
use crate::names::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};
use crate::refusal::Result;

/// One endpoint of one stream, without IO: commands, frames and the time go in, frames and events come out.
///
/// **After every input, [`drain`](Self::drain)**; [`receive`](Self::receive) drains by itself. Data frames leave in
/// the order in which they were given, `close` after them, and after an `error` or a `cancel` nothing leaves.
///
/// Any thread may use it; each call is one step of the engine.
#[derive(Debug, uniffi::Object)]
pub struct Stream {
    inner: Mutex<Inner>,
    limits: Limits,
}

#[derive(Debug)]
struct Inner {
    engine: flow::Stream,
    /// The body of an open or a message, where it stands among the engine's events.
    told: Vec<Event>,
}

/// The settings of an endpoint.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct StreamConfig {
    /// The largest payload in bytes, on which both ends agreed; none: 1 MiB.
    #[uniffi(default = None)]
    pub max_payload: Option<u64>,
    /// How many messages of the peer may be under way; grants then follow what is consumed. None: grants by hand.
    #[uniffi(default = None)]
    pub window: Option<u32>,
    /// The credit that the opener has from the beginning because the connection agreed on it.
    #[uniffi(default = 0)]
    pub agreed_credit: u32,
}

impl StreamConfig {
    fn to_core(&self, limits: Limits) -> Result<Config> {
        let config = Config::default().with_limits(limits).with_agreed_credit(self.agreed_credit);
        Ok(match self.window {
            None => config,
            Some(window) if (1..=ixt_core::wire::MAX_CREDIT).contains(&window) => config.with_window(window),
            Some(_) => return Err(Error::new(ErrorKind::InvalidArgument).in_field("window").into()),
        })
    }
}

/// What there is to do after an input.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct Drained {
    /// Frames to transmit, back to back.
    pub transmit: Vec<u8>,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// What became of a read buffer.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct Received {
    /// How many bytes were whole frames; what follows is to be kept until there is more.
    pub consumed: u64,
    /// Frames that were ignored and counted; correct peers cause this by crossing.
    pub ignored: u32,
    /// Frames to transmit, back to back.
    pub transmit: Vec<u8>,
    /// What happened, in order: opens and messages among it.
    pub events: Vec<Event>,
}

impl Stream {
    fn of(engine: flow::Stream, limits: Limits) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::new(Inner { engine, told: Vec::new() }), limits })
    }

    /// The state, whatever a panic left: the engine changes nothing before it has checked.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn encoded(&self, frame: FrameRef<'_>) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        frame.encode_into(&mut out, self.limits)?;
        Ok(out)
    }

    fn drain_locked(&self, inner: &mut Inner) -> Result<Drained> {
        inner.take_events();
        let mut transmit = Vec::new();
        while let Some(frame) = inner.engine.poll_transmit() {
            frame.encode_into(&mut transmit, self.limits)?;
        }
        Ok(Drained { transmit, events: mem::take(&mut inner.told) })
    }
}

impl Inner {
    fn take_events(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            self.told.extend(Event::of(event));
        }
    }

    /// Takes one frame; false where it was ignored and counted.
    fn receive(&mut self, frame: FrameRef<'_>) -> bool {
        match self.engine.receive(frame) {
            flow::Received::Opened(open) => {
                self.told
                    .push(Event::Opened { kind: open.interaction.into(), context: open.context.to_vec() });
            }
            flow::Received::Data(data) => {
                self.told.push(Event::Data { sequence: data.sequence, payload: data.payload.to_vec() });
            }
            flow::Received::Done => {}
            flow::Received::Ignored => {
                self.take_events();
                return false;
            }
        }
        self.take_events();
        true
    }
}

/// The first frame of a byte stream and its size; none where it is not whole. The limit for messages holds. A
/// payload above the stream's own limit is let through, for it is the engine that fails the stream then.
fn next_frame(bytes: &[u8], limits: Limits) -> ixt_core::Result<Option<(FrameRef<'_>, usize)>> {
    let Split::Message(length) = split(bytes, limits.max_message())? else { return Ok(None) };
    let wider = Limits::with_max_payload(limits.max_payload().saturating_add(MESSAGE_OVERHEAD));
    let message = bytes.get(..length).unwrap_or_default();
    Ok(Some((FrameRef::decode_within(message, wider)?, length)))
}

#[uniffi::export]
impl Stream {
    /// The end that will open a stream of this kind.
    ///
    /// # Errors
    /// `InvalidArgument` for a window that is not 1 to 2^31 - 1.
    #[uniffi::constructor]
    pub fn opener(kind: InteractionKind, config: &StreamConfig) -> Result<Arc<Self>> {
        let limits = limits(config.max_payload);
        Ok(Self::of(flow::Stream::opener(kind.into(), config.to_core(limits)?), limits))
    }

    /// The end that will answer an open.
    ///
    /// # Errors
    /// `InvalidArgument` for a window that is not 1 to 2^31 - 1.
    #[uniffi::constructor]
    pub fn responder(config: &StreamConfig) -> Result<Arc<Self>> {
        let limits = limits(config.max_payload);
        Ok(Self::of(flow::Stream::responder(config.to_core(limits)?), limits))
    }

    /// The sending end alone of a stream that is open already, for who routes frames by hand: it sends under
    /// `credit`, takes the peer's credit, error and cancel, and has ended with its close.
    ///
    /// # Errors
    /// `BadIdLength`, `NilStreamId`.
    #[uniffi::constructor]
    pub fn sender(stream_id: Vec<u8>, credit: u32, max_payload: Option<u64>) -> Result<Arc<Self>> {
        let limits = limits(max_payload);
        let config = Config::default().with_limits(limits);
        Ok(Self::of(flow::Stream::sender(StreamId::from_slice(&stream_id)?, credit, config), limits))
    }

    /// Opens the stream and gives the frame to transmit, before any other. No bytes of a context are `anonymous`.
    ///
    /// # Errors
    /// `AlreadyOpen`; `NotOpen` at a responder; `WindowOverflow`; a refusal of the id or the context.
    pub fn open(&self, stream_id: Vec<u8>, initial_credit: u32, context: Vec<u8>) -> Result<Vec<u8>> {
        let id = StreamId::from_slice(&stream_id)?;
        let mut inner = self.lock();
        let frame = inner.engine.open(id, initial_credit, &context)?;
        self.encoded(frame)
    }

    /// Spends a free credit and gives the data frame to transmit.
    ///
    /// # Errors
    /// In this order: `NotOpen` or `StreamEnded`, `FrameTooLarge`, `TooManyMessages`, `CreditExhausted`.
    pub fn try_send(&self, payload: Vec<u8>) -> Result<Vec<u8>> {
        let mut inner = self.lock();
        let frame = inner.engine.try_send(&payload)?;
        self.encoded(frame)
    }

    /// Spends the credit of a ready ticket and gives the data frame to transmit.
    ///
    /// # Errors
    /// As `try_send`; `CreditExhausted` where the ticket is not ready.
    pub fn send_with(&self, ticket: u64, payload: Vec<u8>) -> Result<Vec<u8>> {
        let mut inner = self.lock();
        let frame = inner.engine.send_with(Ticket::from_raw(ticket), &payload)?;
        self.encoded(frame)
    }

    /// Queues for one credit; `TicketReady` says when it is there, `TicketEnded` when the stream went first.
    ///
    /// # Errors
    /// `NotOpen`, `StreamEnded`, `TooManyMessages`.
    pub fn wait(&self) -> Result<u64> {
        Ok(self.lock().engine.wait()?.raw())
    }

    /// Gives a ticket up. A credit that it held passes on.
    pub fn drop_ticket(&self, ticket: u64) {
        self.lock().engine.drop_ticket(Ticket::from_raw(ticket));
    }

    /// Grants the peer so many further messages, where grants are by hand.
    ///
    /// # Errors
    /// `NotOpen`, `InvalidGrant`, `WindowOverflow`.
    pub fn grant(&self, frames: u32) -> Result<()> {
        Ok(self.lock().engine.grant(frames)?)
    }

    /// The application is done with so many messages: grants again where there is a window.
    ///
    /// # Errors
    /// `InvalidGrant` for more than was delivered; `WindowOverflow`.
    pub fn consume(&self, frames: u32) -> Result<()> {
        Ok(self.lock().engine.consume(frames)?)
    }

    /// Ends this end's direction in order; false where it had ended before.
    ///
    /// # Errors
    /// `NotOpen`; `MissingMessage` where the kind demands one that was not sent.
    pub fn close(&self, reason: CloseReason) -> Result<bool> {
        Ok(self.lock().engine.close(reason.into())? == Effect::Done)
    }

    /// Ends the stream as failed; false where it had ended before.
    ///
    /// # Errors
    /// `NotOpen`, `MessageTextTooLong`, `BadText`.
    pub fn fail(&self, code: StreamErrorCode, message: &str, details: Vec<u8>) -> Result<bool> {
        Ok(self.lock().engine.fail(code.into(), message, &details)? == Effect::Done)
    }

    /// Ends the stream as cancelled; false where it had ended before.
    ///
    /// # Errors
    /// `NotOpen`, `MessageTextTooLong`, `BadText`.
    pub fn cancel(&self, reason: CancelReason, message: &str) -> Result<bool> {
        Ok(self.lock().engine.cancel(reason.into(), message)? == Effect::Done)
    }

    /// Tells the time, in milliseconds since the Unix epoch; at the deadline the stream ends.
    pub fn handle_timeout(&self, now_ms: u64) {
        self.lock().engine.handle_timeout(now_ms);
    }

    /// When `handle_timeout` has something to do; none for never.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        self.lock().engine.next_timeout()
    }

    /// Takes a read buffer of the peer's frames, and drains.
    ///
    /// # Errors
    /// A refusal of specification 20, of any frame in it; nothing has changed then, and what the peer sends
    /// cannot be split any more. A frame that breaks a rule of streams is no error: it ends the stream.
    pub fn receive(&self, bytes: Vec<u8>) -> Result<Received> {
        let mut consumed = 0;
        let mut found = Vec::new();
        while let Some(rest) = bytes.get(consumed..)
            && let Some((frame, length)) = next_frame(rest, self.limits)?
        {
            found.push(frame);
            consumed += length;
        }
        let mut inner = self.lock();
        let mut ignored = 0;
        for frame in found {
            ignored += u32::from(!inner.receive(frame));
        }
        let Drained { transmit, events } = self.drain_locked(&mut inner)?;
        Ok(Received { consumed: consumed as u64, ignored, transmit, events })
    }

    /// Takes one frame of the peer by its value, which no codec need have seen, and drains.
    ///
    /// # Errors
    /// `BadIdLength`, `NilStreamId`; `InvalidArgument` for an unknown frame that is none.
    pub fn receive_frame(&self, frame: &StreamFrame) -> Result<Received> {
        let frame = frame.to_core()?;
        let mut inner = self.lock();
        let ignored = u32::from(!inner.receive(frame));
        let Drained { transmit, events } = self.drain_locked(&mut inner)?;
        Ok(Received { consumed: 0, ignored, transmit, events })
    }

    /// The frames to transmit and the events since the last time.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn drain(&self) -> Result<Drained> {
        let mut inner = self.lock();
        self.drain_locked(&mut inner)
    }

    /// The halves and the counters.
    #[must_use]
    pub fn state(&self) -> State {
        self.lock().engine.state().into()
    }

    /// How the stream ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.lock().engine.outcome().map(Into::into)
    }

    /// The id, once the stream is open.
    #[must_use]
    pub fn stream_id(&self) -> Option<Vec<u8>> {
        self.lock().engine.id().map(|id| id.as_bytes().to_vec())
    }

    /// Whether what this end sends is exactly one message, so that its close follows that at once; at a responder
    /// it means nothing before the open.
    #[must_use]
    pub fn sends_exactly_one(&self) -> bool {
        self.lock().engine.sends_exactly_one()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::{ErrorKind as Kind, IxtError};

    #[test]
    fn a_read_buffer_goes_in_and_all_its_events_come_out() {
        let opener = Stream::opener(InteractionKind::BidiStream, &StreamConfig::default()).unwrap();
        let responder =
            Stream::responder(&StreamConfig { window: Some(2), ..StreamConfig::default() }).unwrap();
        let open = opener.open(vec![1; 16], 4, Vec::new()).unwrap();
        let answer = responder.receive(open.clone()).unwrap();
        assert_eq!(answer.consumed, open.len() as u64);
        assert_eq!(answer.events, [Event::Opened { kind: InteractionKind::BidiStream, context: Vec::new() }]);
        let granted = opener.receive(answer.transmit).unwrap();
        assert_eq!(granted.events, [Event::CreditGrown { frames: 2 }]);

        let mut sent = opener.try_send(b"one".to_vec()).unwrap();
        sent.extend(opener.try_send(b"two".to_vec()).unwrap());
        let half = sent.len() - 1;
        let got = responder.receive(sent[..half].to_vec()).unwrap();
        assert_eq!(got.events, [Event::Data { sequence: 0, payload: b"one".to_vec() }]);
        let rest = responder.receive(sent[got.consumed as usize..].to_vec()).unwrap();
        assert_eq!(rest.events, [Event::Data { sequence: 1, payload: b"two".to_vec() }]);
    }

    #[test]
    fn bytes_that_do_not_decode_change_nothing() {
        let responder = Stream::responder(&StreamConfig::default()).unwrap();
        let opener = Stream::opener(InteractionKind::Unary, &StreamConfig::default()).unwrap();
        let mut bytes = opener.open(vec![1; 16], 0, Vec::new()).unwrap();
        bytes.extend([0xff; 8]);
        let Err(IxtError::Refused { kind, .. }) = responder.receive(bytes) else { panic!() };
        assert_eq!(kind, Kind::TooManySegments);
        assert_eq!(responder.stream_id(), None);
    }
}
