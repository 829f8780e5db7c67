//! What a client and its handles share: the engine of a session, who waits for what, and what is to be told.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ixt_arcp::client::{Client as Engine, Event, Failure, JobInfo, RequestId, Settings};
use ixt_arcp::{Code, Refusal, Secret};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};

use super::update::{Told, Update};
use crate::arcp::seed::seed;
use crate::net::clock::Clock;

/// Events of one job that may wait to be read.
const QUEUE: usize = 10_000;

/// What a request is answered.
type Answer = Result<Answered, Failure>;

pub(super) enum Answered {
    Job(Box<Opened>),
    Cancelled(bool),
    /// And where the next list goes on.
    Jobs(Vec<JobInfo>, Option<String>),
}

/// A job that was accepted, or subscribed to.
pub(super) struct Opened {
    pub(super) info: JobInfo,
    pub(super) told: mpsc::Receiver<Told>,
    pub(super) credentials: Option<Secret>,
}

/// Whoever holds one is interested in the session; dropped by all, it is closed.
#[derive(Debug, Clone)]
pub(super) struct Session(Arc<Alive>);

struct Alive(Arc<Core>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Session {
    /// A session that says hello, and who hears of its welcome.
    pub(super) fn new(settings: Settings, token: &str) -> (Self, oneshot::Receiver<Result<(), Failure>>) {
        let clock = Clock::new();
        let mut engine = Engine::new(settings, seed(), clock.now_us());
        engine.hello(token, clock.now_us());
        let (told, welcomed) = oneshot::channel();
        let state = State {
            engine,
            waiting: HashMap::new(),
            jobs: HashMap::new(),
            welcomed: Some(told),
            over: None,
            closing: false,
            closed: false,
            cut: false,
            told: VecDeque::new(),
            agents: String::new(),
        };
        let core = Core { state: Mutex::new(state), clock, work: Notify::new(), turn: Notify::new() };
        (Self(Arc::new(Alive(Arc::new(core)))), welcomed)
    }

    /// What its connections work on; holding it does not keep the session open.
    pub(super) fn core(&self) -> Arc<Core> {
        Arc::clone(&self.0.0)
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&Engine) -> T) -> T {
        look(&self.0.0.lock().engine)
    }

    pub(super) fn agents(&self) -> String {
        self.0.0.lock().agents.clone()
    }

    /// Asks, once there is a connection, and waits for the answer.
    pub(super) async fn ask(
        &self,
        ask: impl FnOnce(&mut Engine, u64) -> Result<RequestId, Refusal>,
    ) -> Answer {
        let (told, answer) = oneshot::channel();
        let mut question = Some((ask, told));
        loop {
            let turn = self.0.0.turn.notified();
            self.0.0.with_state(|state, now_us| {
                if let Some(why) = &state.over {
                    return Err(why.clone());
                }
                if (state.cut || !state.engine.is_open()) && !state.closing {
                    return Ok(());
                }
                let Some((ask, told)) = question.take() else { return Ok(()) };
                let request = ask(&mut state.engine, now_us)?;
                state.waiting.insert(request, told);
                Ok(())
            })?;
            if question.is_none() {
                break;
            }
            turn.await;
        }
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    pub(super) async fn cancel(&self, job_id: &str, reason: &str) -> Result<bool, Failure> {
        match self.ask(|engine, now_us| engine.cancel(job_id, reason, now_us)).await? {
            Answered::Cancelled(already) => Ok(already),
            _ => Err(gone()),
        }
    }

    /// Breaks the connection, where there is one: what is asked from now on is asked on the next.
    pub(super) fn cut(&self) {
        let mut state = self.0.0.lock();
        state.cut = state.engine.is_open();
        drop(state);
        self.0.0.work.notify_one();
    }

    /// Ends the session in order, and waits until it is over.
    pub(super) async fn close(&self) {
        let core = &self.0.0;
        core.close();
        loop {
            let turn = core.turn.notified();
            if core.lock().over.is_some() {
                return;
            }
            turn.await;
        }
    }
}

pub(super) struct Core {
    state: Mutex<State>,
    pub(super) clock: Clock,
    /// Something is to be written, or it is over.
    pub(super) work: Notify,
    /// There is a connection again, or the session is over.
    turn: Notify,
}

pub(super) struct State {
    pub(super) engine: Engine,
    waiting: HashMap<RequestId, oneshot::Sender<Answer>>,
    jobs: HashMap<Arc<str>, mpsc::Sender<Told>>,
    /// Who waits for a welcome.
    welcomed: Option<oneshot::Sender<Result<(), Failure>>>,
    /// Why the session is over.
    pub(super) over: Option<Failure>,
    /// It is to be closed, and there will be no other connection.
    pub(super) closing: bool,
    /// The runtime has said that it is closed, or refused it.
    pub(super) closed: bool,
    /// The connection is to be dropped as it is.
    pub(super) cut: bool,
    /// What is to be handed to handles, in order.
    told: VecDeque<(Arc<str>, Told)>,
    agents: String,
}

impl Core {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Engine, u64) -> T) -> T {
        self.with_state(|state, now_us| work(&mut state.engine, now_us))
    }

    pub(super) fn with_state<T>(&self, work: impl FnOnce(&mut State, u64) -> T) -> T {
        let now_us = self.clock.now_us();
        let done = {
            let mut state = self.lock();
            let done = work(&mut state, now_us);
            state.drain(&self.turn);
            done
        };
        self.work.notify_one();
        done
    }

    fn close(&self) {
        self.with_state(|state, now_us| {
            state.engine.close("", now_us);
            state.closing = true;
        });
    }

    /// Hands to handles what they are to be told. Who does not read is waited for: the runtime waits then, too. Dropped
    /// while it waits, it loses nothing.
    pub(super) async fn deliver(&self) {
        loop {
            let full = self.lock().hand_out();
            let Some(full) = full else { return };
            // Until there is room, or nobody reads it any more.
            let _ = full.reserve().await;
        }
    }

    /// Ends it: nothing more comes.
    pub(super) fn end(&self, why: Failure) {
        let mut state = self.lock();
        state.over.get_or_insert(why.clone());
        state.jobs.clear();
        if let Some(welcomed) = state.welcomed.take() {
            let _ = welcomed.send(Err(why.clone()));
        }
        for (_, waiting) in state.waiting.drain() {
            let _ = waiting.send(Err(why.clone()));
        }
        drop(state);
        self.turn.notify_waiters();
    }
}

impl std::fmt::Debug for Alive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl State {
    fn drain(&mut self, turn: &Notify) {
        while let Some(event) = self.engine.poll_event() {
            self.see_to(event, turn);
        }
    }

    fn see_to(&mut self, event: Event, turn: &Notify) {
        match event {
            Event::Welcome { agents, .. } => {
                self.agents = agents;
                turn.notify_waiters();
                if let Some(welcomed) = self.welcomed.take() {
                    let _ = welcomed.send(Ok(()));
                }
            }
            Event::Accepted { request, job, credentials, .. } => self.open(request, *job, credentials),
            Event::Subscribed { request, job, .. } => self.open(request, *job, None),
            Event::Cancelled { request, already_terminal, .. } => {
                self.answer(request, Ok(Answered::Cancelled(already_terminal)));
            }
            Event::Jobs { request, jobs, next_cursor, .. } => {
                self.answer(request, Ok(Answered::Jobs(jobs, next_cursor)));
            }
            Event::Refused { request, why } => self.answer(request, Err(why)),
            Event::Job(event) => {
                let job = Arc::clone(&event.job_id);
                self.told.push_back((job, Told::Update(Update::Event(event))));
            }
            Event::Chunk { job_id, event_seq, bytes, chunk_seq, more, .. } => {
                let chunk = Update::Chunk { event_seq, bytes, chunk_seq, more };
                self.told.push_back((job_id, Told::Update(chunk)));
            }
            Event::Ended { job_id, outcome, summary, .. } => {
                self.told.push_back((job_id, Told::Ended(outcome, summary)));
            }
            Event::Failed(why) => {
                match self.welcomed.take() {
                    Some(welcomed) => drop(welcomed.send(Err(why.clone()))),
                    // A session that cannot be gone on with is over; other errors are about one connection.
                    None if matches!(why.code, Code::ResumeWindowExpired | Code::Unauthenticated) => {}
                    None => return,
                }
                self.over = Some(why);
                self.closing = true;
                self.closed = true;
            }
            Event::Closed => {
                self.closing = true;
                self.closed = true;
            }
            _ => {}
        }
    }

    /// Hands out what is to be told, and gives the handle that has no room.
    fn hand_out(&mut self) -> Option<mpsc::Sender<Told>> {
        while let Some((job, told)) = self.told.pop_front() {
            let Some(sender) = self.jobs.get(&job) else { continue };
            let is_end = matches!(told, Told::Ended(..));
            match sender.try_send(told) {
                Ok(()) if !is_end => {}
                Ok(()) | Err(TrySendError::Closed(_)) => drop(self.jobs.remove(&job)),
                Err(TrySendError::Full(told)) => {
                    let full = sender.clone();
                    self.told.push_front((job, told));
                    return Some(full);
                }
            }
        }
        None
    }

    fn open(&mut self, request: RequestId, info: JobInfo, credentials: Option<Secret>) {
        let (sender, told) = mpsc::channel(QUEUE);
        self.jobs.insert(info.job_id.as_str().into(), sender);
        self.answer(request, Ok(Answered::Job(Box::new(Opened { info, told, credentials }))));
    }

    fn answer(&mut self, request: RequestId, answer: Answer) {
        if let Some(waiting) = self.waiting.remove(&request) {
            let _ = waiting.send(answer);
        }
    }
}

pub(super) fn gone() -> Failure {
    Refusal::new(Code::InternalError, "the client has ended").into()
}
