//! The engine of an ARCP runtime.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ixt_arcp::runtime::{
    Audit, ConnectionId, Delegate, Emitted, Event, Frames, Issued, JobKey, Operation, PermitId, Principal,
    Runtime as Engine, Scope, Settings, Start,
};
use ixt_arcp::{AgentRef, Code, Features, Inventory, Lease, Refusal, Secret};
use ixt_arcp_store::Reply;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use serde_json::value::RawValue;

use super::clock::Clock;
use super::json::{to_json, to_python};
use super::socket::Socket;
use super::store::{ArcpStore, failure};
use crate::arcp::error::refused;
use crate::bytes::BytesLike;

/// The names of the numbers with which the tuples of events begin, in their order.
pub(crate) const NAMES: [&str; 10] = [
    "ARCP_AUTHENTICATE",
    "ARCP_START",
    "ARCP_STOP",
    "ARCP_READY",
    "ARCP_CHILD_ENDED",
    "ARCP_PROVISION",
    "ARCP_REVOKE",
    "ARCP_CLOSE",
    "ARCP_AUDIT",
    "ARCP_PERMIT",
];
const AUTHENTICATE: u8 = 0;
const START: u8 = 1;
const STOP: u8 = 2;
const READY: u8 = 3;
const CHILD_ENDED: u8 = 4;
const PROVISION: u8 = 5;
const REVOKE: u8 = 6;
const CLOSE: u8 = 7;
const AUDIT: u8 = 8;
const PERMIT: u8 = 9;

/// The engine of an ARCP runtime, without IO: frames, commands of agents and answers go in; what it wants, frames and
/// the time at which it wants to be told the time come out. After every input, take a `turn` and write what there is.
///
/// Connections and jobs are named by numbers, of which none is used again. Events are tuples that begin with one of the
/// `ARCP_` numbers. It may be used from any thread. No Python code runs while its lock is held.
#[pyclass(frozen, name = "ArcpRuntime", module = "ixt_sdk.arcp")]
pub(crate) struct Runtime {
    inner: Mutex<Engine>,
    clock: Clock,
    store: Option<Py<ArcpStore>>,
    /// Why the store has failed, where it has.
    broken: Mutex<Option<String>>,
}

/// What is wanted, connections that have something to write, and in how many seconds to take the next turn.
type Turn<'py> = (Option<Bound<'py, PyList>>, Option<Vec<u64>>, Option<f64>);

/// What stands for a refusal: its code, message and details.
type Why<'py> = (String, String, Option<Bound<'py, PyAny>>);

/// A credential: id, scheme, value, endpoint, profile and constraints.
type Credential<'py> = (String, String, String, String, Option<String>, Bound<'py, PyAny>);

fn refusal_of(why: Why<'_>) -> Refusal {
    let (code, message, details) = why;
    let refusal = Refusal::new(Code::parse(&code), message);
    let details = details.and_then(|details| to_json(&details, "details").ok());
    match details.and_then(|json| RawValue::from_string(json).ok()) {
        Some(details) => refusal.with_details(details),
        None => refusal,
    }
}

/// `None` is its own alone, `True` everybody's, else those of these principals too.
fn scope(given: &Bound<'_, PyAny>) -> PyResult<Scope> {
    if given.is_none() {
        return Ok(Scope::Own);
    }
    if let Ok(all) = given.extract::<bool>() {
        return Ok(if all { Scope::All } else { Scope::Own });
    }
    Ok(Scope::Of(given.extract::<Vec<String>>()?.into()))
}

/// Sets the settings that are named.
fn configure(settings: &mut Settings, given: &Bound<'_, PyDict>) -> PyResult<()> {
    for (name, value) in given.iter() {
        let name: String = name.extract()?;
        macro_rules! set {
            ($($field:ident)*) => {
                match name.as_str() {
                    $(stringify!($field) => settings.$field = value.extract()?,)*
                    "features" => {
                        let names: Vec<String> = value.extract()?;
                        settings.features = Features::of_names(names.iter().map(String::as_str));
                    }
                    "max_frame" => settings.frame.max_frame = value.extract()?,
                    "max_depth" => settings.frame.max_depth = value.extract()?,
                    "any_model_by_default" => settings.lease.any_model_by_default = value.extract()?,
                    _ => return Err(PyTypeError::new_err(format!("there is no setting {name}"))),
                }
            };
        }
        set! {
            name version hello_ms heartbeat_ms resume_window_ms unacked_window_ms max_sessions max_sessions_total
            max_jobs max_list max_runtime_sec max_chunk max_result max_body expiry_grace_ms conceal_existence
            credentials policy dialects backlog max_log max_logs max_unstored patience_ms max_ended idempotency_ms
            max_idempotency
        }
    }
    Ok(())
}

impl Runtime {
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Engine> {
        self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Engine, u64) -> Result<T, Refusal>,
    ) -> PyResult<T> {
        let now_us = self.clock.now_us();
        let done = work(&mut self.lock(py), now_us);
        done.map_err(|why| refused(py, &why))
    }

    fn hear<'f>(&self, py: Python<'_>, connection: u64, frames: impl Iterator<Item = &'f [u8]>) {
        let (connection, now_us) = (ConnectionId::from_raw(connection), self.clock.now_us());
        let mut engine = self.lock(py);
        for frame in frames {
            engine.receive(connection, frame, now_us);
        }
    }

    fn frames(&self, py: Python<'_>, connection: u64, limit: usize) -> Frames {
        let mut frames = Frames::default();
        self.lock(py).poll_transmit(ConnectionId::from_raw(connection), &mut frames, limit);
        frames
    }

    /// Hears what the store has done, and gives it what is to be done.
    fn keep(&self, engine: &mut Engine) {
        let Some(store) = &self.store else { return };
        let store = store.get();
        for reply in store.replies() {
            match reply {
                Reply::Stored(lsn) => engine.stored(lsn),
                Reply::Loaded(load, events) => engine.loaded(load, events),
                Reply::Failed(error) => {
                    *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                }
            }
        }
        let batches = std::iter::from_fn(|| engine.poll_store()).collect::<Vec<_>>();
        let loads = std::iter::from_fn(|| engine.poll_load()).collect::<Vec<_>>();
        if !batches.is_empty() || !loads.is_empty() {
            store.put(batches, loads);
        }
    }

    fn emitted(&self, py: Python<'_>, done: Result<Emitted, Refusal>) -> PyResult<bool> {
        match done {
            Ok(emitted) => Ok(emitted == Emitted::Wait),
            Err(why) => Err(refused(py, &why)),
        }
    }
}

#[pymethods]
impl Runtime {
    /// `settings` are those of the engine, by name; times are in milliseconds. With a `store` it goes on with what is
    /// there: `agents` are those that it has, and jobs of those whose names are `restartable` are started again.
    #[new]
    #[pyo3(signature = (settings, /, store=None, agents=None, restartable=None))]
    fn new(
        py: Python<'_>,
        settings: &Bound<'_, PyDict>,
        store: Option<Py<ArcpStore>>,
        agents: Option<Vec<String>>,
        restartable: Option<HashSet<String>>,
    ) -> PyResult<Self> {
        let mut chosen = Settings::default();
        configure(&mut chosen, settings)?;
        let mut inventory = Inventory::default();
        for agent in agents.unwrap_or_default() {
            let registered = AgentRef::parse(&agent).and_then(|agent| inventory.register(agent));
            registered.map_err(|why| refused(py, &why))?;
        }
        let (clock, seed) = (Clock::new(), crate::random(py)?);
        let engine = match &store {
            Some(store) => {
                chosen.store = true;
                let store = store.get();
                let snapshot = py.detach(|| store.snapshot()).map_err(|error| failure(&error))?;
                let restartable = restartable.unwrap_or_default();
                Engine::restored(chosen, inventory, restartable, snapshot, seed, clock.now_us())
            }
            None => Engine::new(chosen, inventory, seed, clock.now_us()),
        };
        Ok(Self { inner: Mutex::new(engine), clock, store, broken: Mutex::new(None) })
    }

    /// Adds an agent: `name`, or `name@version`.
    fn register(&self, py: Python<'_>, agent: &str) -> PyResult<()> {
        self.with(py, |engine, _| engine.register(AgentRef::parse(agent)?))
    }

    /// Which version a name without one means.
    fn set_default(&self, py: Python<'_>, name: &str, version: &str) -> PyResult<()> {
        self.with(py, |engine, _| engine.set_default(name, version))
    }

    /// A new connection, and what names it.
    fn connect(&self, py: Python<'_>) -> u64 {
        self.lock(py).connect(self.clock.now_us()).raw()
    }

    /// A connection is gone.
    fn transport_ended(&self, py: Python<'_>, connection: u64) {
        self.lock(py).transport_ended(ConnectionId::from_raw(connection), self.clock.now_us());
    }

    /// Takes in whole frames.
    fn receive(&self, py: Python<'_>, connection: u64, frames: Vec<BytesLike<'_>>) {
        self.hear(py, connection, frames.iter().map(BytesLike::as_bytes));
    }

    /// Takes in a frame that is a `dict`.
    fn receive_object(&self, py: Python<'_>, connection: u64, frame: &Bound<'_, PyAny>) -> PyResult<()> {
        let json = to_json(frame, "frame").map_err(|why| refused(py, &why))?;
        self.hear(py, connection, std::iter::once(json.as_bytes()));
        Ok(())
    }

    /// Takes in what was read from a WebSocket; false once nothing more comes.
    fn receive_socket(&self, py: Python<'_>, connection: u64, socket: &Socket, data: BytesLike<'_>) -> bool {
        let mut frames = Frames::default();
        let goes_on = socket.take(py, data.as_bytes(), &mut frames);
        self.hear(py, connection, frames.iter());
        goes_on
    }

    /// Frames that are to be sent, of about so many bytes together; none where there are none.
    fn transmit<'py>(&self, py: Python<'py>, connection: u64, limit: usize) -> PyResult<Bound<'py, PyList>> {
        let frames = self.frames(py, connection, limit);
        PyList::new(py, frames.iter().map(|frame| PyBytes::new(py, frame)).collect::<Vec<_>>())
    }

    /// The same, as what is to be written to a WebSocket; None where there is nothing.
    fn transmit_socket<'py>(
        &self,
        py: Python<'py>,
        connection: u64,
        socket: &Socket,
        limit: usize,
    ) -> Option<Bound<'py, PyBytes>> {
        socket.put(py, &self.frames(py, connection, limit))
    }

    /// Tells the time, and drains.
    fn turn<'py>(&self, py: Python<'py>) -> PyResult<Turn<'py>> {
        let now_us = self.clock.now_us();
        let (mut told, mut writable) = (Vec::new(), Vec::new());
        let due = {
            let mut engine = self.lock(py);
            if engine.next_timeout().is_some_and(|at| at <= now_us) {
                engine.handle_timeout(now_us);
            }
            self.keep(&mut engine);
            while let Some(event) = engine.poll_event() {
                told.push(event);
            }
            while let Some(connection) = engine.poll_writable() {
                writable.push(connection.raw());
            }
            engine.next_timeout()
        };
        let told = if told.is_empty() { None } else { Some(events(py, told)?) };
        let writable = (!writable.is_empty()).then_some(writable);
        Ok((told, writable, due.map(|at| self.clock.until(at))))
    }

    /// Whose a token is, or why it is nobody's.
    #[pyo3(signature = (connection, principal, why=None, observes=None, cancels=None))]
    fn authenticated(
        &self,
        py: Python<'_>,
        connection: u64,
        principal: Option<String>,
        why: Option<Why<'_>>,
        observes: Option<Bound<'_, PyAny>>,
        cancels: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let answer = match (principal, why) {
            (Some(name), _) => {
                let mut principal = Principal::new(name);
                if let Some(observes) = observes {
                    principal = principal.observing(scope(&observes)?);
                }
                if let Some(cancels) = cancels {
                    principal = principal.cancelling(scope(&cancels)?);
                }
                Ok(principal)
            }
            (None, Some(why)) => Err(refusal_of(why)),
            (None, None) => Err(Refusal::new(Code::Unauthenticated, "the token is not known here")),
        };
        self.lock(py).authenticated(ConnectionId::from_raw(connection), answer, self.clock.now_us());
        Ok(())
    }

    /// An event of a job. True where the agent has to wait for `ARCP_READY` before the next one.
    fn emit(&self, py: Python<'_>, job: u64, kind: &str, body: &Bound<'_, PyAny>) -> PyResult<bool> {
        let body = to_json(body, "body").map_err(|why| refused(py, &why))?;
        let now_us = self.clock.now_us();
        let done = self.lock(py).emit(JobKey::from_raw(job), kind, &body, now_us);
        self.emitted(py, done)
    }

    /// A part of a streamed result, text or bytes. True as with `emit`.
    fn chunk(&self, py: Python<'_>, job: u64, data: &Bound<'_, PyAny>, more: bool) -> PyResult<bool> {
        let (job, now_us) = (JobKey::from_raw(job), self.clock.now_us());
        let done = if let Ok(text) = data.cast::<PyString>() {
            let text = text.to_str()?;
            self.lock(py).chunk_text(job, text, more, now_us)
        } else {
            let data: BytesLike<'_> = data.extract()?;
            self.lock(py).chunk(job, data.as_bytes(), more, now_us)
        };
        self.emitted(py, done)
    }

    /// Whether a job may do this; gives the target in the form that was held against the lease.
    fn authorize(&self, py: Python<'_>, job: u64, namespace: &str, target: &str) -> PyResult<String> {
        self.with(py, |engine, now_us| engine.authorize(JobKey::from_raw(job), namespace, target, now_us))
    }

    /// What a job has left of each currency: numbers, exactly as they are.
    fn budget(&self, py: Python<'_>, job: u64) -> String {
        self.lock(py).budget(JobKey::from_raw(job))
    }

    /// The job has succeeded; `result` is left out where it was streamed.
    #[pyo3(signature = (job, result, summary=None, streamed=false))]
    fn finish(
        &self,
        py: Python<'_>,
        job: u64,
        result: &Bound<'_, PyAny>,
        summary: Option<&str>,
        streamed: bool,
    ) -> PyResult<()> {
        let result =
            if streamed { None } else { Some(to_json(result, "result").map_err(|why| refused(py, &why))?) };
        self.with(py, |engine, now_us| {
            engine.finish(JobKey::from_raw(job), result.as_deref(), summary, now_us)
        })
    }

    /// The job has failed.
    fn fail(&self, py: Python<'_>, job: u64, why: Why<'_>) -> PyResult<()> {
        let why = refusal_of(why);
        self.with(py, |engine, now_us| engine.fail(JobKey::from_raw(job), &why, now_us))
    }

    /// Delegates work to another agent, and gives the key and the name of its job.
    #[allow(clippy::too_many_arguments, reason = "each is a keyword of the public call")]
    fn delegate(
        &self,
        py: Python<'_>,
        job: u64,
        delegate_id: &str,
        agent: &str,
        input: &Bound<'_, PyAny>,
        lease: &Bound<'_, PyAny>,
        constraints: &Bound<'_, PyAny>,
    ) -> PyResult<(u64, Option<String>)> {
        let json = |value: &Bound<'_, PyAny>, field: &str| {
            (!value.is_none()).then(|| to_json(value, field)).transpose().map_err(|why| refused(py, &why))
        };
        let input = to_json(input, "input").map_err(|why| refused(py, &why))?;
        let (lease, constraints) = (json(lease, "lease_request")?, json(constraints, "lease_constraints")?);
        let mut wanted = Delegate::new(delegate_id, agent, &input);
        (wanted.lease_request, wanted.lease_constraints) = (lease.as_deref(), constraints.as_deref());
        self.with(py, |engine, now_us| {
            let child = engine.delegate(JobKey::from_raw(job), &wanted, now_us)?;
            Ok((child.raw(), engine.job_id(child).map(|id| id.to_string())))
        })
    }

    /// A credential has a new value.
    fn rotate(&self, py: Python<'_>, job: u64, credential: &str, value: String) -> PyResult<()> {
        self.with(py, |engine, now_us| {
            engine.rotate(JobKey::from_raw(job), credential, Secret::new(value), now_us)
        })
    }

    /// The credentials of a job, or why there are none: id, scheme, value, endpoint, profile and constraints each.
    #[pyo3(signature = (job, issued, why=None))]
    fn provisioned<'py>(
        &self,
        py: Python<'py>,
        job: u64,
        issued: Vec<Credential<'py>>,
        why: Option<Why<'py>>,
    ) -> PyResult<()> {
        let answer = match why {
            Some(why) => Err(refusal_of(why)),
            None => issued.into_iter().map(issue).collect(),
        };
        self.lock(py).provisioned(JobKey::from_raw(job), answer, self.clock.now_us());
        Ok(())
    }

    /// Whether a credential was revoked.
    fn revoked(&self, py: Python<'_>, job: u64, credential: &str, is_revoked: bool) {
        self.lock(py).revoked(JobKey::from_raw(job), credential, is_revoked, self.clock.now_us());
    }

    /// The key of a job by the name that clients use.
    fn job(&self, py: Python<'_>, job_id: &str) -> Option<u64> {
        self.lock(py).job(job_id).map(JobKey::raw)
    }

    /// What clients call a job, whose it is, its agent and how far it is; None where there is no such job.
    fn about(&self, py: Python<'_>, job: u64) -> Option<(String, String, String, &'static str)> {
        let (job, engine) = (JobKey::from_raw(job), self.lock(py));
        let (id, principal) = (engine.job_id(job)?, engine.job_principal(job)?);
        let (agent, state) = (engine.job_agent(job)?, engine.job_state(job)?);
        Some((id.to_string(), principal.to_string(), agent.to_string(), state))
    }

    /// Of the jobs that `ARCP_PERMIT` asked about, those that are permitted.
    fn permitted(&self, py: Python<'_>, ticket: u64, allowed: Vec<u64>) {
        let allowed: Vec<_> = allowed.into_iter().map(JobKey::from_raw).collect();
        self.lock(py).permitted(PermitId::from_raw(ticket), &allowed, self.clock.now_us());
    }

    /// Why the store has failed, where it has: nothing more is told to anybody.
    #[getter]
    fn store_failure(&self, py: Python<'_>) -> Option<String> {
        self.broken.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many sessions and jobs there are.
    fn counts(&self, py: Python<'_>) -> (usize, usize) {
        let engine = self.lock(py);
        (engine.sessions(), engine.jobs())
    }
}

fn issue((id, scheme, value, endpoint, profile, constraints): Credential<'_>) -> Result<Issued, Refusal> {
    let constraints = (!constraints.is_none()).then(|| to_json(&constraints, "constraints")).transpose()?;
    Ok(Issued { id, scheme, value: Secret::new(value), endpoint, profile, constraints })
}

fn events(py: Python<'_>, told: Vec<Event>) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for event in told {
        if let Some(event) = event_to_python(py, event)? {
            list.append(event)?;
        }
    }
    Ok(list)
}

fn lease_to_python<'py>(py: Python<'py>, lease: &Lease) -> PyResult<Bound<'py, PyAny>> {
    // A lease cannot fail to be JSON.
    to_python(py, &serde_json::to_string(lease).unwrap_or_else(|_| "{}".into()))
}

fn why_to_python<'py>(py: Python<'py>, why: &Refusal) -> PyResult<Bound<'py, PyTuple>> {
    let details = why.details.as_ref().map(|details| to_python(py, details.get())).transpose()?;
    (why.code.as_str(), &*why.message, why.retryable(), details).into_pyobject(py)
}

fn start_to_python(py: Python<'_>, start: Start) -> PyResult<Bound<'_, PyTuple>> {
    let credentials: Vec<_> = start
        .credentials
        .iter()
        .map(|one| {
            let constraints = one.constraints.as_ref().map(|json| to_python(py, json)).transpose()?;
            let tuple = (&one.id, &one.scheme, one.value.reveal(), &one.endpoint, &one.profile, constraints);
            tuple.into_pyobject(py)
        })
        .collect::<PyResult<_>>()?;
    let names = (&*start.job_id, &*start.agent, &*start.principal, start.session_id.as_deref());
    let trace = (start.trace.id().text().to_string(), start.trace.traceparent().map(str::to_owned));
    (
        START,
        start.job.raw(),
        names,
        to_python(py, &start.input)?,
        lease_to_python(py, &start.lease)?,
        start.expires_at.map(|at| at.exact_text().to_string()),
        trace,
        start.parent.map(JobKey::raw),
        start.attempt,
        credentials,
    )
        .into_pyobject(py)
}

fn event_to_python(py: Python<'_>, event: Event) -> PyResult<Option<Bound<'_, PyTuple>>> {
    let tuple = match event {
        Event::Start(start) => start_to_python(py, *start),
        Event::Ready { job } => (READY, job.raw()).into_pyobject(py),
        Event::Authenticate { connection, scheme, token } => {
            (AUTHENTICATE, connection.raw(), scheme, token.reveal()).into_pyobject(py)
        }
        Event::Stop { job, status, reason } => {
            (STOP, job.raw(), status.as_str(), why_to_python(py, &reason)?).into_pyobject(py)
        }
        Event::ChildEnded { parent, delegate_id, result } => match result {
            Ok(result) => {
                let result = to_python(py, &result)?;
                (CHILD_ENDED, parent.raw(), delegate_id, result, None::<u8>).into_pyobject(py)
            }
            Err(why) => (CHILD_ENDED, parent.raw(), delegate_id, None::<u8>, why_to_python(py, &why)?)
                .into_pyobject(py),
        },
        Event::Provision { job, job_id, lease, expires_at, budget } => {
            let expires_at = expires_at.map(|at| at.exact_text().to_string());
            let lease = lease_to_python(py, &lease)?;
            (PROVISION, job.raw(), &*job_id, lease, expires_at, budget).into_pyobject(py)
        }
        Event::Revoke { credential, job, job_id } => {
            (REVOKE, job.raw(), &*job_id, credential).into_pyobject(py)
        }
        Event::Close { connection } => (CLOSE, connection.raw()).into_pyobject(py),
        Event::Permit { ticket, principal, operation, jobs } => {
            let operation = match operation {
                Operation::List => "list",
                Operation::Subscribe => "subscribe",
                Operation::Cancel => "cancel",
            };
            let jobs: Vec<_> = jobs.into_iter().map(JobKey::raw).collect();
            (PERMIT, ticket.raw(), &*principal, operation, jobs).into_pyobject(py)
        }
        Event::Audit(audit) => {
            let Some(audit) = audit_to_python(py, audit)? else { return Ok(None) };
            (AUDIT, audit).into_pyobject(py)
        }
        _ => return Ok(None),
    };
    tuple.map(Some)
}

fn audit_to_python(py: Python<'_>, audit: Audit) -> PyResult<Option<Bound<'_, PyDict>>> {
    let told = PyDict::new(py);
    match audit {
        Audit::Subscribe { subscriber, job_id, owner, allowed } => {
            told.set_item("what", "subscribe")?;
            told.set_item("subscriber", &*subscriber)?;
            told.set_item("job_id", job_id)?;
            told.set_item("owner", owner.as_deref())?;
            told.set_item("allowed", allowed)?;
        }
        Audit::LeaseExpired { job_id, expires_at } => {
            told.set_item("what", "lease_expired")?;
            told.set_item("job_id", &*job_id)?;
            told.set_item("expires_at", &*expires_at.exact_text())?;
        }
        Audit::NotRevoked { credential, job_id, attempts } => {
            told.set_item("what", "not_revoked")?;
            told.set_item("credential", credential)?;
            told.set_item("job_id", &*job_id)?;
            told.set_item("attempts", attempts)?;
        }
        Audit::AckAhead { session_id, said, told: last } => {
            told.set_item("what", "ack_ahead")?;
            told.set_item("session_id", &*session_id)?;
            told.set_item("said", said)?;
            told.set_item("told", last)?;
        }
        _ => return Ok(None),
    }
    Ok(Some(told))
}
