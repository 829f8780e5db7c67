//! One end of a connection.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ixt_core::ErrorKind;
use ixt_core::connection::{self, Config, Key};
use ixt_core::flow::{Effect, Ticket};
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::bytes::BytesLike;
use crate::context::InvocationContext;
use crate::error::Result;
use crate::id::StreamId;
use crate::names::Enumerant;
use crate::number::Number;
use crate::outcome::state_to_python;
use crate::text::Text;
use crate::told::{Batch, Call, Calls};

/// What a turn gives: bytes to write, events, when to take the next turn at the latest, and whether there is
/// more to write.
type Turn<'py> = (Option<Bound<'py, PyBytes>>, Option<Bound<'py, PyList>>, Option<u64>, bool);

/// One end of a connection, without IO: what was read, commands and the time go in; events and bytes to
/// write come out. After every input, take a `turn`.
///
/// Streams are named by keys, which are numbers; each names one stream and no later one. Events are tuples
/// that begin with one of the `EVENT_` numbers. The time is in microseconds since the Unix epoch.
///
/// It may be used from any thread. No Python code runs while its lock is held.
#[pyclass(frozen, module = "ixt_sdk.transport")]
pub(crate) struct Connection {
    inner: Mutex<Inner>,
}

struct Inner {
    engine: connection::Connection,
    calls: Calls,
    /// What is written next; kept for its memory.
    out: Vec<u8>,
}

/// Bytes that one turn gives at most.
const TURN: usize = 256 << 10;
/// Bytes of a buffer to begin with.
const FEW: usize = 16 << 10;

impl Connection {
    /// The state, whatever a panic left: the engine changes nothing before it has checked.
    #[inline]
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Inner> {
        self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn with<T>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut connection::Connection) -> ixt_core::Result<T>,
    ) -> Result<T> {
        Ok(work(&mut self.lock(py).engine)?)
    }

    /// Sends, and closes behind it; false where there is no credit or no room.
    #[inline]
    fn offer(
        &self,
        py: Python<'_>,
        key: u64,
        ticket: Option<u64>,
        payload: &[u8],
        close: bool,
    ) -> Result<bool> {
        let key = Key::from_raw(key);
        let sent = {
            let engine = &mut self.lock(py).engine;
            match ticket {
                None => engine.try_send(key, payload),
                Some(ticket) => engine.send_with(key, Ticket::from_raw(ticket), payload),
            }
            .and_then(|()| if close { engine.close(key, CloseReason::Completed).map(drop) } else { Ok(()) })
        };
        match sent {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::CreditExhausted | ErrorKind::QueueFull) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Sets a setting where it is given.
fn set<T>(setting: &mut T, given: Option<Number<T>>) {
    if let Some(given) = given {
        *setting = given.0;
    }
}

#[pymethods]
impl Connection {
    #[new]
    #[pyo3(signature = (
        now_us, *, max_payload=None, max_streams=None, initial_credit=None, window=None, max_opens=None,
        max_queued_stream=None, max_queued=None, max_violations=None, remembered=None, idle_ms=None,
        keepalive_ms=None, software=None,
    ))]
    #[allow(clippy::too_many_arguments, reason = "each is a keyword")]
    fn new(
        py: Python<'_>,
        now_us: Number<u64>,
        max_payload: Option<Number<u32>>,
        max_streams: Option<Number<u32>>,
        initial_credit: Option<Number<u32>>,
        window: Option<Number<u32>>,
        max_opens: Option<Number<u32>>,
        max_queued_stream: Option<Number<usize>>,
        max_queued: Option<Number<usize>>,
        max_violations: Option<Number<u32>>,
        remembered: Option<Number<u32>>,
        idle_ms: Option<Number<u32>>,
        keepalive_ms: Option<Number<u32>>,
        software: Option<Text<'_>>,
    ) -> Result<Self> {
        let mut config = Config::default();
        set(&mut config.max_payload, max_payload);
        set(&mut config.max_streams, max_streams);
        set(&mut config.window, window);
        config.initial_credit = config.initial_credit.min(config.window);
        set(&mut config.initial_credit, initial_credit);
        set(&mut config.max_opens, max_opens);
        set(&mut config.max_queued_stream, max_queued_stream);
        set(&mut config.max_queued, max_queued);
        set(&mut config.max_violations, max_violations);
        set(&mut config.remembered, remembered);
        set(&mut config.idle_ms, idle_ms);
        set(&mut config.keepalive_ms, keepalive_ms);
        config.seed = u64::from_le_bytes(crate::random(py)?);
        if let Some(software) = software {
            config.software = software.to_owned()?;
        }
        let engine = connection::Connection::new(config, StreamId::new_v7(py)?.0, now_us.0)?;
        Ok(Self { inner: Mutex::new(Inner { engine, calls: Calls::default(), out: Vec::new() }) })
    }

    /// Takes in what was read, and gives all its events.
    #[pyo3(signature = (data, now_us, /))]
    fn receive<'py>(
        &self,
        py: Python<'py>,
        data: BytesLike<'py>,
        now_us: Number<u64>,
    ) -> Result<Bound<'py, PyList>> {
        let mut batch = Batch::default();
        {
            let Inner { engine, calls, .. } = &mut *self.lock(py);
            let mut incoming = engine.receive(data.as_bytes(), now_us.0);
            while let Some(event) = incoming.next() {
                batch.tell(py, event, calls);
            }
        }
        batch.into_list(py)
    }

    /// Tells the time and drains: bytes to write where `write` says that they can be, events that come from
    /// no read, when to take the next turn at the latest, and whether there is more to write.
    #[pyo3(signature = (now_us, write=true, /))]
    fn turn<'py>(&self, py: Python<'py>, now_us: Number<u64>, write: bool) -> Result<Turn<'py>> {
        let mut batch = Batch::default();
        let mut data = None;
        let (timeout, more) = {
            let Inner { engine, calls, out } = &mut *self.lock(py);
            if engine.next_timeout().is_some_and(|at| at <= now_us.0) {
                engine.handle_timeout(now_us.0);
            }
            if write && engine.has_transmit() {
                let mut filled = 0;
                loop {
                    if out.len() - filled < FEW {
                        out.resize((out.len() * 2).clamp(FEW, TURN), 0);
                    }
                    let room = out.get_mut(filled..).unwrap_or_default();
                    let put = engine.poll_transmit(room);
                    filled += put;
                    if put == 0 || !engine.has_transmit() || (filled > 0 && out.len() == TURN) {
                        break;
                    }
                }
                data = out.get(..filled).filter(|data| !data.is_empty()).map(|data| PyBytes::new(py, data));
            }
            while let Some(event) = engine.poll_event() {
                batch.tell(py, event, calls);
            }
            (engine.next_timeout(), data.is_some() && engine.has_transmit())
        };
        let events = if batch.is_empty() { None } else { Some(batch.into_list(py)?) };
        Ok((data, events, timeout, more))
    }

    /// Opens a stream and gives its key.
    #[pyo3(signature = (kind, context, /))]
    fn open(
        &self,
        py: Python<'_>,
        kind: Enumerant<InteractionKind>,
        context: &InvocationContext,
    ) -> Result<u64> {
        let id = StreamId::new_v7(py)?.0;
        let context = context.to_bytes(py)?;
        let context = context.as_bytes(py);
        self.with(py, |engine| engine.open(id, kind.0, context)).map(Key::raw)
    }

    /// Opens a unary or server stream with its one message, and closes this direction. The answer to a unary
    /// one is told by one event.
    #[pyo3(signature = (kind, context, payload, /))]
    fn request(
        &self,
        py: Python<'_>,
        kind: Enumerant<InteractionKind>,
        context: &InvocationContext,
        payload: BytesLike<'_>,
    ) -> Result<u64> {
        let id = StreamId::new_v7(py)?.0;
        let context = context.to_bytes(py)?;
        let Inner { engine, calls, .. } = &mut *self.lock(py);
        // Nothing is opened for a message that cannot be sent.
        let limit = engine.peer().map_or(u32::MAX, |peer| peer.max_payload);
        if payload.as_bytes().len() > limit as usize {
            return Err(ErrorKind::FrameTooLarge.into());
        }
        let key = engine.open(id, kind.0, context.as_bytes(py))?;
        let sent =
            engine.try_send(key, payload.as_bytes()).and_then(|()| engine.close(key, CloseReason::Completed));
        if let Err(error) = sent {
            let _ = engine.cancel(key, CancelReason::Unspecified, "");
            return Err(error.into());
        }
        if kind.0 == InteractionKind::Unary {
            calls.insert(key, Call::Waiting);
        }
        Ok(key.raw())
    }

    /// Sends one message if there is credit and room; false where there is none.
    #[pyo3(signature = (key, payload, /))]
    fn try_send(&self, py: Python<'_>, key: u64, payload: BytesLike<'_>) -> Result<bool> {
        self.offer(py, key, None, payload.as_bytes(), false)
    }

    /// As `try_send`, and closes this direction behind the message.
    #[pyo3(signature = (key, payload, /))]
    fn finish(&self, py: Python<'_>, key: u64, payload: BytesLike<'_>) -> Result<bool> {
        self.offer(py, key, None, payload.as_bytes(), true)
    }

    /// Sends by the credit of a ready ticket; false where there is no room, and the ticket becomes ready
    /// again.
    #[pyo3(signature = (key, ticket, payload, close=false, /))]
    fn send_with(
        &self,
        py: Python<'_>,
        key: u64,
        ticket: Number<u64>,
        payload: BytesLike<'_>,
        close: bool,
    ) -> Result<bool> {
        self.offer(py, key, Some(ticket.0), payload.as_bytes(), close)
    }

    /// Queues for one credit and for room; `EVENT_READY` says when they are there.
    #[pyo3(signature = (key, /))]
    fn wait(&self, py: Python<'_>, key: u64) -> Result<u64> {
        self.with(py, |engine| engine.wait(Key::from_raw(key))).map(Ticket::raw)
    }

    /// Gives a ticket up. A credit that it held passes on.
    #[pyo3(signature = (key, ticket, /))]
    fn drop_ticket(&self, py: Python<'_>, key: u64, ticket: Number<u64>) {
        self.lock(py).engine.drop_ticket(Key::from_raw(key), Ticket::from_raw(ticket.0));
    }

    /// The application is done with so many messages of a stream.
    #[pyo3(signature = (key, messages, /))]
    fn consume(&self, py: Python<'_>, key: u64, messages: Number<u32>) -> Result<()> {
        self.with(py, |engine| engine.consume(Key::from_raw(key), messages.0))
    }

    /// Ends this end's direction in order; false where it had ended before.
    #[pyo3(
        signature = (key, reason=Enumerant(CloseReason::Completed), /),
        text_signature = "($self, key, reason=..., /)"
    )]
    fn close(&self, py: Python<'_>, key: u64, reason: Enumerant<CloseReason>) -> Result<bool> {
        self.with(py, |engine| engine.close(Key::from_raw(key), reason.0))
            .map(|effect| effect == Effect::Done)
    }

    /// Ends the stream as failed; false where it had ended before.
    #[pyo3(signature = (key, code, message=None, details=None, /))]
    fn fail(
        &self,
        py: Python<'_>,
        key: u64,
        code: Enumerant<StreamErrorCode>,
        message: Option<Text<'_>>,
        details: Option<BytesLike<'_>>,
    ) -> Result<bool> {
        let message = message.map_or_else(|| Ok(String::new()), |message| message.to_owned())?;
        let details = details.as_ref().map_or(&[][..], BytesLike::as_bytes);
        let effect = self.with(py, |engine| engine.fail(Key::from_raw(key), code.0, &message, details))?;
        Ok(effect == Effect::Done)
    }

    /// Ends the stream as cancelled; false where it had ended before.
    #[pyo3(signature = (key, reason, message=None, /))]
    fn cancel(
        &self,
        py: Python<'_>,
        key: u64,
        reason: Enumerant<CancelReason>,
        message: Option<Text<'_>>,
    ) -> Result<bool> {
        let message = message.map_or_else(|| Ok(String::new()), |message| message.to_owned())?;
        let effect = self.with(py, |engine| engine.cancel(Key::from_raw(key), reason.0, &message))?;
        Ok(effect == Effect::Done)
    }

    /// The halves and the counters of a stream; `None` when it is over.
    #[pyo3(signature = (key, /))]
    fn state<'py>(&self, py: Python<'py>, key: u64) -> Result<Option<Bound<'py, PyAny>>> {
        let state = self.lock(py).engine.state(Key::from_raw(key));
        state.map(|state| state_to_python(py, state)).transpose()
    }

    /// The byte stream from the peer has ended, or could not be read or written.
    fn transport_ended(&self, py: Python<'_>) {
        self.lock(py).engine.transport_ended();
    }

    /// Sends a ping, unless one is under way; `EVENT_PONG` follows.
    #[pyo3(signature = (now_us, /))]
    fn ping(&self, py: Python<'_>, now_us: Number<u64>) {
        let engine = &mut self.lock(py).engine;
        engine.handle_timeout(now_us.0);
        engine.ping();
    }

    /// Goes away in order; streams that run are cancelled after the grace.
    #[pyo3(signature = (grace_ms, now_us, message="", /))]
    fn go_away(&self, py: Python<'_>, grace_ms: Number<u32>, now_us: Number<u64>, message: &str) {
        let engine = &mut self.lock(py).engine;
        engine.handle_timeout(now_us.0);
        engine.go_away(grace_ms.0, message);
    }

    /// Ends the connection at once: every stream fails as `unavailable`.
    #[pyo3(signature = (message="", /))]
    fn end(&self, py: Python<'_>, message: &str) {
        self.lock(py).engine.end(connection::EndReason::Shutdown, message);
    }

    /// Whether the connection has ended; close the transport once nothing is left to write.
    #[getter]
    fn has_ended(&self, py: Python<'_>) -> bool {
        self.lock(py).engine.has_ended()
    }

    /// Bytes that wait to be written.
    #[getter]
    fn queued(&self, py: Python<'_>) -> usize {
        self.lock(py).engine.queued()
    }

    /// What has passed, by name.
    #[getter]
    fn stats<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>> {
        let stats = self.lock(py).engine.stats();
        let dict = PyDict::new(py);
        for (name, count) in [
            ("frames_in", stats.frames_in),
            ("frames_out", stats.frames_out),
            ("bytes_in", stats.bytes_in),
            ("bytes_out", stats.bytes_out),
            ("opened", stats.opened),
            ("refused", stats.refused),
            ("unknown", stats.unknown),
            ("ignored", stats.ignored),
            ("violations", stats.violations),
        ] {
            dict.set_item(name, count)?;
        }
        Ok(dict)
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.lock(py).engine.len()
    }

    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let engine = &self.lock(py).engine;
        let end =
            engine.end_reason().map_or_else(|| "lives".to_owned(), |end| format!("ended {}", end.reason));
        format!("<Connection {end} streams={} queued={}>", engine.len(), engine.queued())
    }

    fn __reduce_ex__(&self, _protocol: &Bound<'_, PyAny>) -> Result<()> {
        Err(PyTypeError::new_err("a connection does not pickle").into())
    }
}
