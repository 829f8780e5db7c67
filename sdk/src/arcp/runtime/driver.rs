//! The runtime's engine behind a lock, and what its wishes come to.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ixt_arcp::Refusal;
use ixt_arcp::runtime::{Audit, ConnectionId, Event, Frames, JobKey, Runtime as Engine, Start};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

use super::issuer::Issuer;
use crate::arcp::auth::Verifier;
use crate::arcp::store::{self, Reply};
use crate::arcp::transport::{Reader, Transport, Writer};
use crate::net::caught::caught;
use crate::net::clock::Clock;

/// Bytes that are written to a connection at once.
const WRITE: usize = 64 << 10;

/// What an agent gives at last.
pub(super) struct Given {
    /// As JSON; `None` where it was streamed.
    pub(super) result: Option<String>,
    pub(super) summary: Option<String>,
}

/// An agent, as it is kept: it is given what its context is made of.
pub(super) type AgentFn = Arc<dyn Fn(Arc<Driver>, Arc<Running>, Start) -> Work + Send + Sync>;
/// Its work for one job.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<Given, Refusal>> + Send>>;

/// What came of a delegated job: its result as JSON, or why it failed.
pub type ChildEnd = Result<Arc<str>, Refusal>;

/// What is told to the audit.
pub(super) type AuditFn = Box<dyn Fn(Audit) + Send + Sync>;

/// All that a runtime is.
pub(super) struct Driver {
    state: Mutex<State>,
    pub(super) clock: Clock,
    /// Where tasks run, also when it is the store's thread that begins them.
    tasks: Handle,
    /// The time of the next timeout has changed.
    timer: Notify,
    pub(super) agents: HashMap<String, AgentFn>,
    pub(super) verifier: Box<dyn Verifier>,
    pub(super) issuer: Option<Box<dyn Issuer>>,
    pub(super) audit: Option<AuditFn>,
}

struct State {
    engine: Engine,
    connections: HashMap<ConnectionId, Arc<Line>>,
    jobs: HashMap<JobKey, Arc<Running>>,
    /// When the timer is due.
    due_us: Option<u64>,
    writer: Option<store::Writer>,
    /// Why the store has failed.
    broken: Option<String>,
}

/// A connection, as its two tasks see it.
#[derive(Default)]
struct Line {
    /// Something is to be written.
    work: Notify,
    /// What is left is written, and then it is closed.
    closing: AtomicBool,
    /// It is over.
    over: Notify,
}

/// A job whose agent runs here.
#[derive(Default)]
pub(super) struct Running {
    /// The agent has to wait before it emits more.
    pub(super) waits: AtomicBool,
    pub(super) ready: Notify,
    task: Mutex<Option<AbortHandle>>,
    /// Who waits for jobs that were delegated.
    pub(super) children: Mutex<HashMap<String, oneshot::Sender<ChildEnd>>>,
}

/// What is done once the lock is given back.
#[derive(Default)]
struct Todo {
    events: Vec<Event>,
    writable: Vec<Arc<Line>>,
    timer: bool,
}

impl Driver {
    pub(super) fn new(
        engine: Engine,
        clock: Clock,
        agents: HashMap<String, AgentFn>,
        verifier: Box<dyn Verifier>,
        issuer: Option<Box<dyn Issuer>>,
        audit: Option<AuditFn>,
    ) -> Arc<Self> {
        let state = State {
            engine,
            connections: HashMap::new(),
            jobs: HashMap::new(),
            due_us: None,
            writer: None,
            broken: None,
        };
        let driver = Arc::new(Self {
            state: Mutex::new(state),
            clock,
            tasks: Handle::current(),
            timer: Notify::new(),
            agents,
            verifier,
            issuer,
            audit,
        });
        tokio::spawn(tick(Arc::downgrade(&driver)));
        driver
    }

    /// Does something with the engine, and sees to what came of it.
    pub(super) fn with<T>(self: &Arc<Self>, work: impl FnOnce(&mut Engine, u64) -> T) -> T {
        let now_us = self.clock.now_us();
        let (done, todo) = {
            // Nothing panics while it is held but a defect, and then the engine is still whole.
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let done = work(&mut state.engine, now_us);
            (done, state.drain())
        };
        self.see_to(todo);
        done
    }

    fn see_to(self: &Arc<Self>, todo: Todo) {
        for line in todo.writable {
            line.work.notify_one();
        }
        if todo.timer {
            self.timer.notify_one();
        }
        for event in todo.events {
            self.see_to_event(event);
        }
    }

    fn see_to_event(self: &Arc<Self>, event: Event) {
        match event {
            Event::Authenticate { connection, token, .. } => {
                let driver = Arc::clone(self);
                self.tasks.spawn(async move {
                    let answer = driver.verifier.verify(token.reveal().to_owned()).await;
                    driver.with(|engine, now_us| engine.authenticated(connection, answer, now_us));
                });
            }
            Event::Start(start) => self.start(*start),
            Event::Stop { job, .. } => {
                let running = self.lock().jobs.remove(&job);
                if let Some(running) = running
                    && let Some(task) = running.task.lock().unwrap_or_else(PoisonError::into_inner).take()
                {
                    task.abort();
                }
            }
            Event::Ready { job } => {
                if let Some(running) = self.lock().jobs.get(&job) {
                    running.waits.store(false, Ordering::Release);
                    running.ready.notify_waiters();
                }
            }
            Event::ChildEnded { parent, delegate_id, result } => {
                let waiting = self.lock().jobs.get(&parent).and_then(|running| {
                    running.children.lock().unwrap_or_else(PoisonError::into_inner).remove(&delegate_id)
                });
                if let Some(waiting) = waiting {
                    let _ = waiting.send(result);
                }
            }
            Event::Provision { job, job_id, lease, expires_at, budget } => {
                let driver = Arc::clone(self);
                self.tasks.spawn(async move {
                    let answer = match &driver.issuer {
                        Some(issuer) => issuer.issue(&job_id, &lease, expires_at, &budget).await,
                        None => Ok(Vec::new()),
                    };
                    driver.with(|engine, now_us| engine.provisioned(job, answer, now_us));
                });
            }
            // There is no policy here, so who sets that there is one permits nothing.
            Event::Permit { ticket, .. } => {
                self.with(|engine, now_us| engine.permitted(ticket, &[], now_us));
            }
            Event::Revoke { credential, job, job_id } => {
                let driver = Arc::clone(self);
                self.tasks.spawn(async move {
                    let is_revoked = match &driver.issuer {
                        Some(issuer) => issuer.revoke(&job_id, &credential).await,
                        None => false,
                    };
                    driver.with(|engine, now_us| engine.revoked(job, &credential, is_revoked, now_us));
                });
            }
            Event::Close { connection } => {
                if let Some(line) = self.lock().connections.get(&connection) {
                    line.closing.store(true, Ordering::Release);
                    line.work.notify_one();
                }
            }
            Event::Audit(audit) => {
                if let Some(told) = &self.audit {
                    told(audit);
                }
            }
            _ => {}
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs an agent for a job, and ends the job as it did.
    fn start(self: &Arc<Self>, start: Start) {
        let name = start.agent.to_string();
        let (job, running) = (start.job, Arc::<Running>::default());
        self.lock().jobs.insert(job, Arc::clone(&running));
        let Some(agent) = self.agents.get(&name).cloned() else {
            let why = Refusal::new(ixt_arcp::Code::InternalError, "the agent is not here");
            let _ = self.with(|engine, now_us| engine.fail(job, &why, now_us));
            return;
        };
        let driver = Arc::clone(self);
        let work = agent(Arc::clone(self), Arc::clone(&running), start);
        let task = self.tasks.spawn(async move {
            let result = match caught(work).await {
                Ok(result) => result,
                Err(()) => Err(Refusal::new(ixt_arcp::Code::InternalError, "the agent panicked")),
            };
            driver.lock().jobs.remove(&job);
            driver.with(|engine, now_us| {
                let ended = match result {
                    Ok(result) => {
                        engine.finish(job, result.result.as_deref(), result.summary.as_deref(), now_us)
                    }
                    Err(why) => engine.fail(job, &why, now_us),
                };
                // A result that cannot be sent is the agent's failure; one that comes too late is nobody's.
                if let Err(why) = ended {
                    let why = Refusal::new(ixt_arcp::Code::InternalError, why.message);
                    let _ = engine.fail(job, &why, now_us);
                }
            });
        });
        *running.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
        // It may have been stopped meanwhile.
        if !self.lock().jobs.contains_key(&job) && !task.is_finished() {
            task.abort();
        }
    }

    /// Serves a connection until it is over.
    pub(super) async fn serve(self: Arc<Self>, transport: Transport) {
        if self.store_failure().is_some() {
            return;
        }
        let line = Arc::<Line>::default();
        let id = {
            let now_us = self.clock.now_us();
            let mut state = self.lock();
            let id = state.engine.connect(now_us);
            state.connections.insert(id, Arc::clone(&line));
            id
        };
        self.with(|_, _| ());
        let Transport { reader, writer } = transport;
        let reading = tokio::spawn(Arc::clone(&self).read(id, reader, Arc::clone(&line)));
        Arc::clone(&self).write(id, writer, &line).await;
        reading.abort();
        self.lock().connections.remove(&id);
        self.with(|engine, now_us| engine.transport_ended(id, now_us));
    }

    async fn read(self: Arc<Self>, id: ConnectionId, mut reader: Reader, line: Arc<Line>) {
        let mut frames = Frames::default();
        while reader.read(&mut frames).await {
            self.with(|engine, now_us| {
                for frame in frames.iter() {
                    engine.receive(id, frame, now_us);
                }
            });
            frames.clear();
        }
        line.closing.store(true, Ordering::Release);
        line.over.notify_one();
    }

    async fn write(self: Arc<Self>, id: ConnectionId, mut writer: Writer, line: &Line) {
        let mut frames = Frames::default();
        loop {
            let closing = line.closing.load(Ordering::Acquire);
            if self.with(|engine, _| engine.poll_transmit(id, &mut frames, WRITE)) {
                let written = tokio::select! {
                    written = writer.write(&mut frames) => written.is_ok(),
                    // Nobody is there to read it.
                    () = line.over.notified() => false,
                };
                if !written {
                    return;
                }
                continue;
            }
            if closing {
                let _ = tokio::time::timeout(std::time::Duration::from_secs(1), writer.close()).await;
                return;
            }
            tokio::select! {
                () = line.work.notified() => {
                    // Who is ready to emit goes first, so that one write carries it all.
                    tokio::task::yield_now().await;
                }
                () = line.over.notified() => return,
            }
        }
    }

    pub(super) fn set_writer(self: &Arc<Self>, writer: store::Writer) {
        self.lock().writer = Some(writer);
        // What a runtime that begins again has to store.
        self.with(|_, _| ());
    }

    /// The store has done something.
    pub(super) fn replied(self: &Arc<Self>, reply: Reply) {
        match reply {
            Reply::Stored(lsn) => self.with(|engine, _| engine.stored(lsn)),
            Reply::Loaded(load, events) => self.with(|engine, _| engine.loaded(load, events)),
            Reply::Failed(error) => {
                self.lock().broken = Some(error.to_string());
                self.close_all();
            }
        }
    }

    /// Agents and connections end at once, and nobody is told.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.broken.get_or_insert_with(|| "the runtime was shut down".to_owned());
        for line in state.connections.values() {
            line.over.notify_one();
        }
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        for running in jobs.into_values() {
            if let Some(task) = running.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
                task.abort();
            }
        }
    }

    /// Waits until the store has written what it was given, and closes it.
    pub(super) fn close_store(&self) {
        let writer = self.lock().writer.take();
        if let Some(writer) = writer {
            let _ = writer.close();
        }
    }

    pub(super) fn store_failure(&self) -> Option<String> {
        self.lock().broken.clone()
    }

    /// Ends every connection once what waits is written.
    pub(super) fn close_all(self: &Arc<Self>) {
        for line in self.lock().connections.values() {
            line.closing.store(true, Ordering::Release);
            line.work.notify_one();
        }
    }
}

impl State {
    fn drain(&mut self) -> Todo {
        let mut todo = Todo::default();
        while let Some(event) = self.engine.poll_event() {
            todo.events.push(event);
        }
        while let Some(id) = self.engine.poll_writable() {
            todo.writable.extend(self.connections.get(&id).cloned());
        }
        if let Some(writer) = &self.writer {
            // Where it has failed it has said so, and nothing more is told.
            while let Some(batch) = self.engine.poll_store() {
                let _ = writer.write(batch);
            }
            while let Some(load) = self.engine.poll_load() {
                let _ = writer.load(load);
            }
        }
        let due_us = self.engine.next_timeout();
        if due_us != self.due_us {
            // Later than it was is found out when it is due.
            todo.timer = due_us.is_some_and(|due| self.due_us.is_none_or(|was| due < was));
            self.due_us = due_us;
        }
        todo
    }
}

/// Tells the engine the time when it is due, as long as there is one.
async fn tick(driver: std::sync::Weak<Driver>) {
    loop {
        let Some(strong) = driver.upgrade() else { return };
        let due = strong.lock().due_us;
        let clock = strong.clock;
        let until = clock
            .at(due.unwrap_or(u64::MAX))
            .min(tokio::time::Instant::now() + std::time::Duration::from_secs(1));
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = strong.timer.notified() => continue,
        }
        strong.with(|engine, now_us| engine.handle_timeout(now_us));
    }
}
