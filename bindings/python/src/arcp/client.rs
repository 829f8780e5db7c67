//! The engine of an ARCP client.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ixt_arcp::client::{
    Client as Engine, Event, Failure, JobEvent, Outcome, RequestId, Settings, Submission,
};
use ixt_arcp::message::{Encoding, ListJobs};
use ixt_arcp::runtime::Frames;
use ixt_arcp::{Features, Refusal};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use serde_json::value::RawValue;

use super::clock::Clock;
use super::json::{to_json, to_python};
use super::socket::Socket;
use crate::arcp::error::refused;
use crate::bytes::BytesLike;

/// The names of the numbers with which the tuples of events begin, in their order.
pub(crate) const NAMES: [&str; 14] = [
    "ARCP_WELCOME",
    "ARCP_ACCEPTED",
    "ARCP_CANCELLED",
    "ARCP_JOBS",
    "ARCP_SUBSCRIBED",
    "ARCP_REFUSED",
    "ARCP_JOB",
    "ARCP_CHUNK",
    "ARCP_RESULT",
    "ARCP_FAILED",
    "ARCP_GAP",
    "ARCP_LOST",
    "ARCP_BROKEN",
    "ARCP_CLOSED",
];
const WELCOME: u8 = 0;
const ACCEPTED: u8 = 1;
const CANCELLED: u8 = 2;
const JOBS: u8 = 3;
const SUBSCRIBED: u8 = 4;
const REFUSED: u8 = 5;
const JOB: u8 = 6;
const CHUNK: u8 = 7;
const RESULT: u8 = 8;
const FAILED: u8 = 9;
const GAP: u8 = 10;
const LOST: u8 = 11;
const BROKEN: u8 = 12;
const CLOSED: u8 = 13;

/// The engine of an ARCP client, without IO: frames and commands go in; events, frames and the time at which it wants to
/// be told the time come out. After every input, take a `turn` and write what there is.
///
/// Events are tuples that begin with one of the `ARCP_` numbers. It may be used from any thread. No Python code runs
/// while its lock is held.
#[pyclass(frozen, name = "ArcpClient", module = "ixt_sdk.arcp")]
pub(crate) struct Client {
    inner: Mutex<Engine>,
    clock: Clock,
}

type Turn<'py> = (Bound<'py, PyList>, Option<f64>);

impl Client {
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Engine> {
        self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&mut Engine, u64) -> Result<RequestId, Refusal>,
    ) -> PyResult<u64> {
        let now_us = self.clock.now_us();
        let asked = ask(&mut self.lock(py), now_us);
        asked.map(RequestId::raw).map_err(|refusal| refused(py, &refusal))
    }

    fn hear<'py, 'f>(
        &self,
        py: Python<'py>,
        frames: impl Iterator<Item = &'f [u8]>,
    ) -> PyResult<Bound<'py, PyList>> {
        let now_us = self.clock.now_us();
        let mut told = Vec::new();
        {
            let mut engine = self.lock(py);
            for frame in frames {
                engine.receive(frame, now_us);
                while let Some(event) = engine.poll_event() {
                    told.push(event);
                }
            }
        }
        events(py, told)
    }

    fn frames(&self, py: Python<'_>) -> Frames {
        let (mut frames, mut frame) = (Frames::default(), Vec::new());
        let mut engine = self.lock(py);
        while engine.poll_transmit(&mut frame) {
            frames.push(&frame);
            frame.clear();
        }
        frames
    }
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (*, name, version, features=None, ack_ms=0))]
    fn new(
        py: Python<'_>,
        name: String,
        version: String,
        features: Option<Vec<String>>,
        ack_ms: u32,
    ) -> PyResult<Self> {
        let mut settings = Settings::default();
        (settings.name, settings.version) = (name, version);
        if let Some(features) = features {
            settings.features = Features::of_names(features.iter().map(String::as_str));
        }
        // Parts of a result go to who reads them, and are put together there.
        settings.assembles = false;
        settings.ack_ms = ack_ms;
        let clock = Clock::new();
        let engine = Engine::new(settings, crate::random(py)?, clock.now_us());
        Ok(Self { inner: Mutex::new(engine), clock })
    }

    /// Begins on a new connection; goes on with the session where there is one.
    fn hello(&self, py: Python<'_>, token: &str) {
        self.lock(py).hello(token, self.clock.now_us());
    }

    /// Goes on with this session, with the next hello.
    fn go_on_with(&self, py: Python<'_>, session_id: &str, resume_token: &str, last_event: u64) {
        self.lock(py).go_on_with(session_id, resume_token, last_event);
    }

    /// Gives the session up.
    fn forget_session(&self, py: Python<'_>) {
        self.lock(py).forget_session();
    }

    /// The connection is gone.
    fn transport_ended(&self, py: Python<'_>) {
        self.lock(py).transport_ended(self.clock.now_us());
    }

    /// Takes in whole frames, and gives all their events.
    #[pyo3(signature = (frames, /))]
    fn receive<'py>(&self, py: Python<'py>, frames: Vec<BytesLike<'py>>) -> PyResult<Bound<'py, PyList>> {
        self.hear(py, frames.iter().map(BytesLike::as_bytes))
    }

    /// Takes in a frame that is a `dict`.
    #[pyo3(signature = (frame, /))]
    fn receive_object<'py>(
        &self,
        py: Python<'py>,
        frame: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let json = to_json(frame, "frame").map_err(|refusal| refused(py, &refusal))?;
        self.hear(py, std::iter::once(json.as_bytes()))
    }

    /// Takes in what was read from a WebSocket: events, and false once nothing more comes.
    #[pyo3(signature = (socket, data, /))]
    fn receive_socket<'py>(
        &self,
        py: Python<'py>,
        socket: &Socket,
        data: BytesLike<'py>,
    ) -> PyResult<(Bound<'py, PyList>, bool)> {
        let mut frames = Frames::default();
        let goes_on = socket.take(py, data.as_bytes(), &mut frames);
        Ok((self.hear(py, frames.iter())?, goes_on))
    }

    /// The frames that are to be sent.
    fn transmit<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let frames = self.frames(py);
        PyList::new(py, frames.iter().map(|frame| PyBytes::new(py, frame)).collect::<Vec<_>>())
    }

    /// The frames that are to be sent, as what is to be written to a WebSocket; None where there is nothing.
    #[pyo3(signature = (socket, /))]
    fn transmit_socket<'py>(&self, py: Python<'py>, socket: &Socket) -> Option<Bound<'py, PyBytes>> {
        socket.put(py, &self.frames(py))
    }

    /// Tells the time: what has happened, and in how many seconds it wants to be told again.
    fn turn<'py>(&self, py: Python<'py>) -> PyResult<Turn<'py>> {
        let now_us = self.clock.now_us();
        let mut told = Vec::new();
        let due = {
            let mut engine = self.lock(py);
            if engine.next_timeout().is_some_and(|at| at <= now_us) {
                engine.handle_timeout(now_us);
            }
            while let Some(event) = engine.poll_event() {
                told.push(event);
            }
            engine.next_timeout()
        };
        Ok((events(py, told)?, due.map(|at| self.clock.until(at))))
    }

    #[allow(clippy::too_many_arguments, reason = "each is a keyword of the public call")]
    fn submit(
        &self,
        py: Python<'_>,
        agent: &str,
        input: &Bound<'_, PyAny>,
        lease: &Bound<'_, PyAny>,
        expires_at: Option<&str>,
        idempotency_key: Option<&str>,
        max_runtime_sec: Option<f64>,
        trace: Option<&str>,
    ) -> PyResult<u64> {
        let json = |value: &Bound<'_, PyAny>, field: &str| {
            (!value.is_none()).then(|| to_json(value, field)).transpose().map_err(|why| refused(py, &why))
        };
        let (input, lease) = (json(input, "input")?, json(lease, "lease_request")?);
        let mut wanted = Submission::new(agent);
        wanted.input = input.as_deref();
        wanted.lease_request = lease.as_deref();
        (wanted.expires_at, wanted.idempotency_key) = (expires_at, idempotency_key);
        (wanted.max_runtime_sec, wanted.trace) = (max_runtime_sec, trace);
        self.ask(py, |engine, now_us| engine.submit(&wanted, now_us))
    }

    fn cancel(&self, py: Python<'_>, job_id: &str, reason: &str) -> PyResult<u64> {
        self.ask(py, |engine, now_us| engine.cancel(job_id, reason, now_us))
    }

    /// `wanted` is the payload of `session.list_jobs`.
    fn list_jobs(&self, py: Python<'_>, wanted: &Bound<'_, PyAny>) -> PyResult<u64> {
        let json = to_json(wanted, "list_jobs").map_err(|why| refused(py, &why))?;
        let wanted: ListJobs<'_> = serde_json::from_str(&json)
            .map_err(|error| refused(py, &Refusal::invalid(format!("list_jobs: {error}"))))?;
        self.ask(py, |engine, now_us| engine.list_jobs(&wanted, now_us))
    }

    #[pyo3(signature = (job_id, history_from=None))]
    fn subscribe(&self, py: Python<'_>, job_id: &str, history_from: Option<u64>) -> PyResult<u64> {
        self.ask(py, |engine, now_us| engine.subscribe(job_id, history_from, now_us))
    }

    fn unsubscribe(&self, py: Python<'_>, job_id: &str) -> PyResult<()> {
        let now_us = self.clock.now_us();
        let done = self.lock(py).unsubscribe(job_id, now_us);
        done.map_err(|why| refused(py, &why))
    }

    fn ack(&self, py: Python<'_>, last: u64) {
        self.lock(py).ack(last, self.clock.now_us());
    }

    fn close(&self, py: Python<'_>, reason: &str) {
        self.lock(py).close(reason, self.clock.now_us());
    }

    #[getter]
    fn session_id(&self, py: Python<'_>) -> Option<String> {
        self.lock(py).session_id().map(|id| id.to_string())
    }

    /// What both ends can, by name.
    #[getter]
    fn features(&self, py: Python<'_>) -> Vec<&'static str> {
        self.lock(py).features().iter().map(|feature| feature.as_str()).collect()
    }

    #[getter]
    fn last_event(&self, py: Python<'_>) -> u64 {
        self.lock(py).last_event()
    }

    #[getter]
    fn is_open(&self, py: Python<'_>) -> bool {
        self.lock(py).is_open()
    }
}

/// The names of one batch's jobs as Python's: neighbours are mostly of one job.
#[derive(Default)]
struct Names<'py>(Option<(Arc<str>, Bound<'py, PyString>)>);

impl<'py> Names<'py> {
    fn get(&mut self, py: Python<'py>, name: &Arc<str>) -> Bound<'py, PyString> {
        if let Some((known, made)) = &self.0
            && Arc::ptr_eq(known, name)
        {
            return made.clone();
        }
        let made = PyString::new(py, name);
        self.0 = Some((Arc::clone(name), made.clone()));
        made
    }
}

fn events(py: Python<'_>, told: Vec<Event>) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    let mut names = Names::default();
    for event in told {
        if let Some(event) = event_to_python(py, event, &mut names)? {
            list.append(event)?;
        }
    }
    Ok(list)
}

/// Why something failed: code, message, whether the same may work later, and more about it.
fn failure<'py>(py: Python<'py>, why: &Failure) -> PyResult<Bound<'py, PyTuple>> {
    let details = why.details.as_ref().map(|details| to_python(py, details.get())).transpose()?;
    (why.code.as_str(), &why.message, why.retryable, details).into_pyobject(py)
}

fn payload<'py>(py: Python<'py>, payload: &RawValue) -> PyResult<Bound<'py, PyAny>> {
    to_python(py, payload.get())
}

fn event_to_python<'py>(
    py: Python<'py>,
    event: Event,
    names: &mut Names<'py>,
) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let tuple = match event {
        Event::Job(JobEvent { job_id, event_seq, kind, ts, body, .. }) => {
            let body = to_python(py, body.get())?;
            (JOB, names.get(py, &job_id), event_seq, PyString::intern(py, &kind), ts, body).into_pyobject(py)
        }
        Event::Chunk { job_id, event_seq, result_id, chunk_seq, encoding, bytes, more } => {
            let is_text = encoding == Encoding::Utf8;
            let bytes = PyBytes::new(py, &bytes);
            (CHUNK, names.get(py, &job_id), event_seq, result_id, chunk_seq, is_text, bytes, more)
                .into_pyobject(py)
        }
        Event::Ended { job_id, event_seq, outcome, payload: raw, .. } => {
            let job_id = names.get(py, &job_id);
            let said = payload(py, &raw)?;
            match outcome {
                Outcome::Failed(status, why) => {
                    (FAILED, job_id, event_seq, status.as_str(), failure(py, &why)?, said).into_pyobject(py)
                }
                Outcome::Result(Some(result)) => {
                    let said = said.cast_into::<PyDict>()?;
                    if !said.contains("result")? {
                        // Other peers have other names for it.
                        said.set_item("result", to_python(py, result.get())?)?;
                    }
                    (RESULT, job_id, event_seq, said).into_pyobject(py)
                }
                _ => (RESULT, job_id, event_seq, said).into_pyobject(py),
            }
        }
        Event::Welcome { session_id, resumed, payload, .. } => {
            (WELCOME, &*session_id, resumed, to_python(py, payload.reveal())?).into_pyobject(py)
        }
        Event::Accepted { request, job, payload, .. } => {
            let said = to_python(py, payload.reveal())?;
            (ACCEPTED, request.raw(), job.job_id, job.trace_id, said).into_pyobject(py)
        }
        Event::Cancelled { request, job_id, already_terminal } => {
            (CANCELLED, request.raw(), names.get(py, &job_id), already_terminal).into_pyobject(py)
        }
        Event::Jobs { request, payload: said, .. } => {
            (JOBS, request.raw(), payload(py, &said)?).into_pyobject(py)
        }
        Event::Subscribed { request, job, payload: said, replayed, subscribed_from } => {
            let said = payload(py, &said)?;
            (SUBSCRIBED, request.raw(), job.job_id, replayed, subscribed_from, said).into_pyobject(py)
        }
        Event::Refused { request, why } => (REFUSED, request.raw(), failure(py, &why)?).into_pyobject(py),
        Event::Gap { expected, got } => (GAP, expected, got).into_pyobject(py),
        Event::Lost(why) => (LOST, failure(py, &why.into())?).into_pyobject(py),
        Event::Failed(why) => (BROKEN, failure(py, &why)?).into_pyobject(py),
        Event::Closed => (CLOSED,).into_pyobject(py),
        // What makes no sense was read over.
        _ => return Ok(None),
    };
    tuple.map(Some)
}
