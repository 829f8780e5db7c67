//! One endpoint of one stream.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ixt_core::flow::{self, Config, Effect, Event, Outcome, Received, Ticket};
use ixt_core::stream::{
    CancelReason, CloseReason, Frame, FrameBody, FrameRef, InteractionKind, StreamErrorCode,
    StreamFrame as CoreFrame,
};
use ixt_core::{ErrorKind, Limits};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyList};

use crate::bytes::BytesLike;
use crate::call::call;
use crate::error::Result;
use crate::frame::{StreamFrame, encoded, limits};
use crate::id::StreamId;
use crate::names::{Enumerant, to_python};
use crate::number::Number;
use crate::outcome::{ended, event_to_python, outcome_to_python, state_to_python};
use crate::text::Text;

/// One endpoint of one stream, without IO: commands, frames and the time go in, frames and events come
/// out. After every input, take the outputs.
///
/// It may be used from any thread. No Python code runs while its lock is held.
#[pyclass(frozen, module = "ixt_sdk.streaming")]
pub(crate) struct Stream {
    inner: Mutex<Inner>,
    limits: Limits,
}

struct Inner {
    engine: flow::Stream,
    /// Frames that have not left yet, in wire order.
    out: VecDeque<Outgoing>,
    /// What was not told yet, in order.
    events: VecDeque<Told>,
    /// Somebody hands outputs on; what comes meanwhile is left to that thread.
    pumping: bool,
}

enum Outgoing {
    Open(CoreFrame),
    Data { sequence: u64, payload: Py<PyBytes> },
    Control(CoreFrame),
}

enum Told {
    /// The body of a frame of the peer: an open or a message.
    Body(Py<PyAny>),
    Event(Event),
}

/// What an input made superfluous, to be dropped once the lock is free.
type Dropped = VecDeque<Outgoing>;

impl Inner {
    /// Takes over what the engine has to say. Data that has not left when the stream fails or is
    /// cancelled never leaves, and neither does the close behind it.
    fn drain(&mut self) -> Dropped {
        while let Some(event) = self.engine.poll_event() {
            self.events.push_back(Told::Event(event));
        }
        let mut dropped = Dropped::new();
        if !self.out.is_empty()
            && matches!(self.engine.outcome(), Some(Outcome::Failed(_) | Outcome::Cancelled(_)))
        {
            let (kept, gone) = mem::take(&mut self.out).into_iter().partition(|outgoing| match outgoing {
                Outgoing::Data { .. } => false,
                Outgoing::Open(_) => true,
                Outgoing::Control(frame) => !matches!(frame.body, FrameBody::Close(_)),
            });
            (self.out, dropped) = (kept, gone);
        }
        while let Some(frame) = self.engine.poll_transmit() {
            self.out.push_back(Outgoing::Control(frame));
        }
        dropped
    }
}

impl Stream {
    fn of(engine: flow::Stream, limits: Limits) -> Self {
        let inner = Inner { engine, out: VecDeque::new(), events: VecDeque::new(), pumping: false };
        Self { inner: Mutex::new(inner), limits }
    }

    /// The state, whatever a panic left: the engine changes nothing before it has checked.
    #[inline]
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Inner> {
        self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the engine an input and takes over what it says.
    fn input<T>(
        &self,
        py: Python<'_>,
        input: impl FnOnce(&mut flow::Stream) -> ixt_core::Result<T>,
    ) -> Result<T> {
        let (result, outcome, dropped) = {
            let mut inner = self.lock(py);
            let result = input(&mut inner.engine);
            let dropped = inner.drain();
            let outcome = ended_as(result.as_ref().err(), &inner);
            (result, outcome, dropped)
        };
        drop(dropped);
        self.checked(py, result, outcome)
    }

    /// Sends by a free credit, or by that of a ticket; the frame joins those that have not left yet.
    #[inline]
    fn send(&self, py: Python<'_>, payload: &Bound<'_, PyBytes>, ticket: Option<Ticket>) -> Result<()> {
        // Cloned outside the lock; a reference moves in and nothing of Python is called in there.
        let kept = payload.clone().unbind();
        let (result, outcome) = {
            let mut inner = self.lock(py);
            let sent = match ticket {
                None => inner.engine.try_send(payload.as_bytes()),
                Some(ticket) => inner.engine.send_with(ticket, payload.as_bytes()),
            };
            match sent {
                Ok(Frame { body: FrameBody::Data(data), .. }) => {
                    inner.out.push_back(Outgoing::Data { sequence: data.sequence, payload: kept });
                    return Ok(());
                }
                Ok(_) => return Ok(()),
                Err(error) => {
                    let outcome = ended_as(Some(&error), &inner);
                    (Err(error), outcome)
                }
            }
        };
        self.checked(py, result, outcome)
    }

    /// The result, where a `StreamEnded` tells the outcome.
    fn checked<T>(
        &self,
        py: Python<'_>,
        result: ixt_core::Result<T>,
        outcome: Option<Option<Outcome>>,
    ) -> Result<T> {
        match (result, outcome) {
            (Ok(done), _) => Ok(done),
            (Err(_), Some(outcome)) => Err(ended(py, outcome.as_ref())?.into()),
            (Err(error), None) => Err(error.into()),
        }
    }

    /// The bytes of a frame that leaves.
    fn bytes_of<'py>(
        &self,
        py: Python<'py>,
        id: Option<ixt_core::stream::StreamId>,
        outgoing: &Outgoing,
    ) -> Result<Bound<'py, PyBytes>> {
        match outgoing {
            Outgoing::Open(frame) | Outgoing::Control(frame) => encoded(py, &frame.as_ref(), self.limits),
            Outgoing::Data { sequence, payload } => {
                let id = id.ok_or(ErrorKind::NotOpen)?;
                encoded(py, &Frame::data(id, *sequence, payload.as_bytes(py)), self.limits)
            }
        }
    }

    fn told_to_python<'py>(&self, py: Python<'py>, told: VecDeque<Told>) -> Result<Bound<'py, PyList>> {
        let events = PyList::empty(py);
        for told in told {
            match told {
                Told::Body(body) => events.append(body)?,
                Told::Event(event) => events.append(event_to_python(py, &event)?)?,
            }
        }
        Ok(events)
    }

    fn receive_frame(&self, py: Python<'_>, frame: &StreamFrame) -> Result<bool> {
        let body = frame.body(py);
        let view: FrameRef<'_> = frame.view(py);
        let (ignored, unused, dropped) = {
            let mut inner = self.lock(py);
            let (ignored, unused) = match inner.engine.receive(view) {
                Received::Opened(_) | Received::Data(_) => {
                    inner.events.push_back(Told::Body(body));
                    (false, None)
                }
                Received::Done => (false, Some(body)),
                Received::Ignored => (true, Some(body)),
            };
            (ignored, unused, inner.drain())
        };
        drop((unused, dropped));
        Ok(!ignored)
    }
}

/// The outcome to tell, where the error says that the stream has ended.
fn ended_as(error: Option<&ixt_core::Error>, inner: &Inner) -> Option<Option<Outcome>> {
    let ended = error.is_some_and(|error| error.kind() == ErrorKind::StreamEnded);
    ended.then(|| inner.engine.outcome().cloned())
}

fn config(limits: Limits, window: Option<Number<u32>>, agreed_credit: Number<u32>) -> Result<Config> {
    let config = Config::default().with_limits(limits).with_agreed_credit(agreed_credit.0);
    Ok(match window {
        None => config,
        Some(Number(window)) if (1..=ixt_core::wire::MAX_CREDIT).contains(&window) => {
            config.with_window(window)
        }
        Some(_) => return Err(crate::error::invalid("window")),
    })
}

#[pymethods]
impl Stream {
    /// The end that will open a stream of this kind.
    #[staticmethod]
    #[pyo3(
        signature = (kind, *, max_payload=None, window=None, agreed_credit=Number(0)),
        text_signature = "(kind, *, max_payload=None, window=None, agreed_credit=0)"
    )]
    fn opener(
        kind: Enumerant<InteractionKind>,
        max_payload: Option<Number<usize>>,
        window: Option<Number<u32>>,
        agreed_credit: Number<u32>,
    ) -> Result<Self> {
        let limits = limits(max_payload);
        Ok(Self::of(flow::Stream::opener(kind.0, config(limits, window, agreed_credit)?), limits))
    }

    /// The end that will answer an open.
    #[staticmethod]
    #[pyo3(
        signature = (*, max_payload=None, window=None, agreed_credit=Number(0)),
        text_signature = "(*, max_payload=None, window=None, agreed_credit=0)"
    )]
    fn responder(
        max_payload: Option<Number<usize>>,
        window: Option<Number<u32>>,
        agreed_credit: Number<u32>,
    ) -> Result<Self> {
        let limits = limits(max_payload);
        Ok(Self::of(flow::Stream::responder(config(limits, window, agreed_credit)?), limits))
    }

    /// The sending end alone of a stream that is open already, for who routes frames by hand.
    #[staticmethod]
    #[pyo3(
        signature = (stream_id, credit=Number(0), *, max_payload=None),
        text_signature = "(stream_id, credit=0, *, max_payload=None)"
    )]
    fn sending(stream_id: &StreamId, credit: Number<u32>, max_payload: Option<Number<usize>>) -> Self {
        let limits = limits(max_payload);
        let config = Config::default().with_limits(limits);
        Self::of(flow::Stream::sender(stream_id.0, credit.0, config), limits)
    }

    /// Opens the stream; the open frame is the first to leave.
    #[pyo3(
        signature = (stream_id, initial_credit=Number(0), context=None),
        text_signature = "($self, stream_id, initial_credit=0, context=None)"
    )]
    fn open(
        &self,
        py: Python<'_>,
        stream_id: &StreamId,
        initial_credit: Number<u32>,
        context: Option<BytesLike<'_>>,
    ) -> Result<()> {
        let context = context.map_or_else(|| PyBytes::new(py, b""), |context| context.0);
        let mut inner = self.lock(py);
        let opened = inner.engine.open(stream_id.0, initial_credit.0, context.as_bytes());
        let opened = opened.map(Frame::into_owned).map(|frame| inner.out.push_back(Outgoing::Open(frame)));
        drop(inner);
        Ok(opened?)
    }

    /// Sends one message if there is credit that nobody waits for.
    #[pyo3(signature = (payload, /))]
    fn try_send(&self, py: Python<'_>, payload: BytesLike<'_>) -> Result<()> {
        self.send(py, &payload.0, None)
    }

    /// As `try_send`, but false where it would raise `CreditExhaustedError`.
    #[pyo3(signature = (payload, /))]
    fn offer(&self, py: Python<'_>, payload: BytesLike<'_>) -> Result<bool> {
        match self.send(py, &payload.0, None) {
            Err(crate::error::Failure::Core(error)) if error.kind() == ErrorKind::CreditExhausted => {
                Ok(false)
            }
            sent => sent.map(|()| true),
        }
    }

    /// Sends one message by the credit of a ready ticket.
    #[pyo3(signature = (ticket, payload, /))]
    fn send_with(&self, py: Python<'_>, ticket: Number<u64>, payload: BytesLike<'_>) -> Result<()> {
        self.send(py, &payload.0, Some(Ticket::from_raw(ticket.0)))
    }

    /// Queues for one credit; the event `TicketReady` says when it is there.
    fn wait(&self, py: Python<'_>) -> Result<u64> {
        self.input(py, |engine| engine.wait()).map(Ticket::raw)
    }

    /// Gives a ticket up. A credit that it held passes on.
    #[pyo3(signature = (ticket, /))]
    fn drop_ticket(&self, py: Python<'_>, ticket: Number<u64>) -> Result<()> {
        self.input(py, |engine| {
            engine.drop_ticket(Ticket::from_raw(ticket.0));
            Ok(())
        })
    }

    /// Grants the peer so many further messages, where grants are manual.
    #[pyo3(signature = (frames, /))]
    fn grant(&self, py: Python<'_>, frames: Number<u32>) -> Result<()> {
        self.input(py, |engine| engine.grant(frames.0))
    }

    /// The application is done with so many messages: grants again where there is a window.
    #[pyo3(signature = (frames, /))]
    fn consume(&self, py: Python<'_>, frames: Number<u32>) -> Result<()> {
        self.input(py, |engine| engine.consume(frames.0))
    }

    /// Ends this end's direction in order; false where it had ended before.
    #[pyo3(signature = (reason=Enumerant(CloseReason::Completed)))]
    fn close(&self, py: Python<'_>, reason: Enumerant<CloseReason>) -> Result<bool> {
        Ok(self.input(py, |engine| engine.close(reason.0))? == Effect::Done)
    }

    /// Ends the stream as failed; false where it had ended before.
    #[pyo3(signature = (code, message=None, details=None))]
    fn fail(
        &self,
        py: Python<'_>,
        code: Enumerant<StreamErrorCode>,
        message: Option<Text<'_>>,
        details: Option<BytesLike<'_>>,
    ) -> Result<bool> {
        let message = message.map_or_else(|| Ok(String::new()), |message| message.to_owned())?;
        let details = details.as_ref().map_or(&[][..], BytesLike::as_bytes);
        Ok(self.input(py, |engine| engine.fail(code.0, &message, details))? == Effect::Done)
    }

    /// Ends the stream as cancelled; false where it had ended before.
    #[pyo3(signature = (reason, message=None))]
    fn cancel(
        &self,
        py: Python<'_>,
        reason: Enumerant<CancelReason>,
        message: Option<Text<'_>>,
    ) -> Result<bool> {
        let message = message.map_or_else(|| Ok(String::new()), |message| message.to_owned())?;
        Ok(self.input(py, |engine| engine.cancel(reason.0, &message))? == Effect::Done)
    }

    /// Tells the time, in milliseconds since the Unix epoch; at the deadline the stream ends.
    #[pyo3(signature = (now_ms, /))]
    fn handle_timeout(&self, py: Python<'_>, now_ms: Number<u64>) -> Result<()> {
        self.input(py, |engine| {
            engine.handle_timeout(now_ms.0);
            Ok(())
        })
    }

    /// When `handle_timeout` has something to do; `None` for never.
    #[getter]
    fn next_timeout(&self, py: Python<'_>) -> Option<u64> {
        self.lock(py).engine.next_timeout()
    }

    /// Takes one frame of the peer; false where it was ignored and counted.
    #[pyo3(signature = (frame, /))]
    fn receive(&self, py: Python<'_>, frame: &Bound<'_, PyAny>) -> Result<bool> {
        if let Ok(frame) = frame.cast::<StreamFrame>() {
            return self.receive_frame(py, frame.get());
        }
        let bytes: BytesLike<'_> = frame.extract()?;
        let frame = FrameRef::decode_within(bytes.as_bytes(), self.limits)?;
        self.receive_frame(py, &StreamFrame::make(py, frame, None, Some(&bytes.0))?)
    }

    /// The frames to transmit, in wire order, one `bytes` each; they leave the stream by this.
    fn take_transmit<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyList>> {
        let (id, out) = {
            let mut inner = self.lock(py);
            (inner.engine.id(), mem::take(&mut inner.out))
        };
        let frames = PyList::empty(py);
        for outgoing in &out {
            frames.append(self.bytes_of(py, id, outgoing)?)?;
        }
        Ok(frames)
    }

    /// What happened, in order: `StreamOpen` and `StreamData` of the peer, and events.
    fn take_events<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyList>> {
        let told = mem::take(&mut self.lock(py).events);
        self.told_to_python(py, told)
    }

    /// Hands frames to `sink`, one a call, and then events to `tell`, until there are none. One thread
    /// does so at a time; another one that comes meanwhile returns at once, for its outputs go the
    /// same way. Where the sink raises, the stream ends as cancelled, and the exception passes on.
    #[pyo3(signature = (sink, tell, /))]
    fn _pump(&self, py: Python<'_>, sink: &Bound<'_, PyAny>, tell: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut raised = None;
        let mut pumping = false;
        loop {
            let (id, out, told) = {
                let mut inner = self.lock(py);
                if inner.pumping && !pumping {
                    return Ok(());
                }
                pumping = !inner.out.is_empty() || !inner.events.is_empty();
                inner.pumping = pumping;
                if !pumping {
                    break;
                }
                (inner.engine.id(), mem::take(&mut inner.out), mem::take(&mut inner.events))
            };
            let sent = match raised {
                None => out
                    .iter()
                    .try_for_each(|outgoing| call(sink, (self.bytes_of(py, id, outgoing)?,)).map(drop)),
                Some(_) => Ok(()),
            };
            let heard = if told.is_empty() {
                Ok(())
            } else {
                self.told_to_python(py, told)
                    .map_err(PyErr::from)
                    .and_then(|told| call(tell, (told,)).map(drop))
            };
            if let Err(error) = sent.and(heard) {
                raised.get_or_insert(error);
                // Ended before is as good.
                let gone = |engine: &mut flow::Stream| engine.cancel(CancelReason::ConsumerGone, "");
                drop(self.input(py, gone));
            }
        }
        raised.map_or(Ok(()), Err)
    }

    /// The halves and the counters.
    #[getter]
    fn state<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let state = self.lock(py).engine.state();
        state_to_python(py, state)
    }

    /// Messages that may be sent now and that no ticket holds.
    #[getter]
    fn credit(&self, py: Python<'_>) -> u32 {
        self.lock(py).engine.state().credit
    }

    /// The id, once the stream is open.
    #[getter]
    fn stream_id(&self, py: Python<'_>) -> Option<StreamId> {
        self.lock(py).engine.id().map(StreamId)
    }

    /// The interaction kind; at a responder it means nothing before the open.
    #[getter]
    fn kind(&self, py: Python<'_>) -> Result<Py<PyAny>> {
        let kind = self.lock(py).engine.kind();
        to_python(py, kind)
    }

    /// How the stream ended, once it has.
    #[getter]
    fn outcome<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>> {
        let outcome = self.lock(py).engine.outcome().cloned();
        outcome.map(|outcome| outcome_to_python(py, &outcome)).transpose()
    }

    /// Whether both halves have ended.
    #[getter]
    fn has_ended(&self, py: Python<'_>) -> bool {
        self.lock(py).engine.has_ended()
    }

    /// Messages accepted for sending so far.
    #[getter]
    fn sent(&self, py: Python<'_>) -> u64 {
        self.lock(py).engine.sent()
    }

    /// Messages received so far.
    #[getter]
    fn received(&self, py: Python<'_>) -> u64 {
        self.lock(py).engine.received()
    }

    /// The largest payload, for sending and receiving.
    #[getter]
    fn max_payload(&self) -> usize {
        self.limits.max_payload()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let inner = self.lock(py);
        let (id, state) = (inner.engine.id(), inner.engine.state());
        let id = id.map_or_else(|| "not open".to_owned(), |id| id.to_string());
        format!("<Stream {id} sender={} receiver={}>", state.sender.name(), state.receiver.name())
    }

    fn __reduce_ex__(&self, _protocol: &Bound<'_, PyAny>) -> Result<()> {
        Err(PyTypeError::new_err("a stream does not pickle").into())
    }
}
