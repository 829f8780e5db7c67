//! A client: one session, over as many connections as it takes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use ixt_arcp::Secret;
use ixt_arcp::client::{Client as Engine, Event, Failure, JobInfo, RequestId, Settings, Submission};
use ixt_arcp::message::ListJobs;
use ixt_arcp::runtime::Frames;
use ixt_arcp::{Code, Features, Refusal};
use tokio::sync::{Notify, mpsc, oneshot};

use super::handle::{Job, Told, Update, gone};
use super::runtime::seed;
use super::transport::{Reader, Transport, TransportError, Writer};
use crate::ClientTls;
use crate::net::clock::Clock;

/// Events of one job that may wait to be read.
const QUEUE: usize = 10_000;
/// How long handles may take to read what came last.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Pauses between two tries to connect again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// What a request is answered.
type Answer = Result<Answered, Failure>;

enum Answered {
    Job(Box<Job>),
    Cancelled(bool),
    Jobs(Listing),
}

/// A list of jobs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Listing {
    /// The jobs.
    pub jobs: Vec<JobInfo>,
    /// Where the next list goes on; none where this was the last.
    pub next_cursor: Option<String>,
}

/// Describes a client.
#[must_use = "a client is nothing before it is connected"]
pub struct ClientBuilder {
    settings: Settings,
    tls: Option<ClientTls>,
    reconnects: bool,
}

impl ClientBuilder {
    /// Changes settings.
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Whom to trust, where the address is `wss://`.
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Whether it connects again by itself, and goes on with its session, when a connection breaks: true.
    pub fn reconnects(mut self, reconnects: bool) -> Self {
        self.reconnects = reconnects;
        self
    }

    /// Connects to `ws://host:port/arcp` or `wss://…`.
    ///
    /// # Errors
    /// Why there is no connection, or no welcome.
    pub async fn connect(self, url: &str, token: &str) -> Result<Client, Failure> {
        let transport =
            Transport::connect(url, self.tls.as_ref()).await.map_err(|error| no_connection(&error))?;
        let again = self.reconnects.then(|| Again { url: url.to_owned(), tls: self.tls });
        open(self.settings, transport, again, token).await
    }

    /// Speaks over a connection that is there. When it breaks the client ends.
    ///
    /// # Errors
    /// Why there is no welcome.
    pub async fn over(self, transport: Transport, token: &str) -> Result<Client, Failure> {
        open(self.settings, transport, None, token).await
    }
}

fn no_connection(error: &TransportError) -> Failure {
    Refusal::new(Code::InternalError, format!("no connection: {error}")).into()
}

/// How to connect again.
struct Again {
    url: String,
    tls: Option<ClientTls>,
}

/// A client with its session. Cheap to clone: all are the same one. When the last one and every [`Job`] is dropped, the
/// session is closed.
#[derive(Clone)]
pub struct Client {
    core: Arc<Core>,
    /// Says that somebody still is interested.
    _alive: Arc<Alive>,
}

struct Alive(Arc<Core>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.with(|engine, now_us| engine.close("", now_us));
        self.0.lock().closing = true;
        self.0.work.notify_one();
    }
}

struct Core {
    state: Mutex<State>,
    clock: Clock,
    /// Something is to be written, or it is over.
    work: Notify,
    /// The session has a connection, or gets none any more.
    open: Notify,
    alive: Mutex<Weak<Alive>>,
}

struct State {
    engine: Engine,
    waiting: HashMap<RequestId, oneshot::Sender<Answer>>,
    jobs: HashMap<Arc<str>, mpsc::Sender<Told>>,
    /// Who waits for a welcome.
    welcomed: Option<oneshot::Sender<Result<(), Failure>>>,
    /// Why the session is over.
    over: Option<Failure>,
    closing: bool,
    /// The connection is to be dropped as it is.
    cut: bool,
    /// What is to be handed to handles, in order.
    told: VecDeque<(Arc<str>, Told)>,
    agents: String,
}

async fn open(
    settings: Settings,
    transport: Transport,
    again: Option<Again>,
    token: &str,
) -> Result<Client, Failure> {
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
        cut: false,
        told: VecDeque::new(),
        agents: String::new(),
    };
    let core = Arc::new(Core {
        state: Mutex::new(state),
        clock,
        work: Notify::new(),
        open: Notify::new(),
        alive: Mutex::new(Weak::new()),
    });
    let alive = Arc::new(Alive(Arc::clone(&core)));
    *core.alive.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&alive);
    tokio::spawn(run(Arc::clone(&core), transport, again, Secret::new(token)));
    let client = Client { core, _alive: alive };
    welcomed.await.unwrap_or_else(|_| Err(gone()))?;
    Ok(client)
}

impl Client {
    /// Describes a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder { settings: Settings::default(), tls: None, reconnects: true }
    }

    /// Connects to `ws://host:port/arcp`, and connects again when the connection breaks.
    ///
    /// # Errors
    /// Why there is no connection, or no welcome.
    pub async fn connect(url: &str, token: &str) -> Result<Self, Failure> {
        Self::builder().connect(url, token).await
    }

    /// Speaks over a connection that is there.
    ///
    /// # Errors
    /// Why there is no welcome.
    pub async fn over(transport: Transport, token: &str) -> Result<Self, Failure> {
        Self::builder().over(transport, token).await
    }

    /// The session's id.
    #[must_use]
    pub fn session_id(&self) -> Option<Arc<str>> {
        self.core.lock().engine.session_id()
    }

    /// What both ends can.
    #[must_use]
    pub fn features(&self) -> Features {
        self.core.lock().engine.features()
    }

    /// The agents that jobs can be submitted to, as JSON.
    #[must_use]
    pub fn agents(&self) -> String {
        self.core.lock().agents.clone()
    }

    /// Asks, once the session has a connection, and waits for the answer.
    async fn ask(&self, ask: impl FnOnce(&mut Engine, u64) -> Result<RequestId, Refusal>) -> Answer {
        let (told, answer) = oneshot::channel();
        let mut question = Some((ask, told));
        loop {
            let open = self.core.open.notified();
            self.core.with_state(|state, now_us| {
                if let Some(why) = &state.over {
                    return Err(why.clone());
                }
                if !state.engine.is_open() && !state.closing {
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
            open.await;
        }
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Submits a job.
    ///
    /// # Errors
    /// Why it is refused; `INTERNAL_ERROR` where the connection broke before the answer: with an idempotency key it
    /// may be submitted again.
    pub async fn submit(&self, wanted: &Submission<'_>) -> Result<Job, Failure> {
        match self.ask(|engine, now_us| engine.submit(wanted, now_us)).await? {
            Answered::Job(job) => Ok(*job),
            _ => Err(gone()),
        }
    }

    /// Follows a job, with what has happened behind its event `history_from` first, where that is said.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn subscribe(&self, job_id: &str, history_from: Option<u64>) -> Result<Job, Failure> {
        match self.ask(|engine, now_us| engine.subscribe(job_id, history_from, now_us)).await? {
            Answered::Job(job) => Ok(*job),
            _ => Err(gone()),
        }
    }

    /// Cancels a job; true where it had ended before.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn cancel(&self, job_id: &str, reason: &str) -> Result<bool, Failure> {
        match self.ask(|engine, now_us| engine.cancel(job_id, reason, now_us)).await? {
            Answered::Cancelled(already) => Ok(already),
            _ => Err(gone()),
        }
    }

    /// Which jobs there are.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn list_jobs(&self, wanted: &ListJobs<'_>) -> Result<Listing, Failure> {
        match self.ask(|engine, now_us| engine.list_jobs(wanted, now_us)).await? {
            Answered::Jobs(listing) => Ok(listing),
            _ => Err(gone()),
        }
    }

    /// Breaks the connection, as a bad network would; for tests of what happens then.
    pub fn disconnect(&self) {
        self.core.lock().cut = true;
        self.core.work.notify_one();
    }

    /// Ends the session in order. Its jobs go on.
    pub async fn close(&self) {
        self.core.with(|engine, now_us| engine.close("", now_us));
        self.core.lock().closing = true;
        self.core.work.notify_one();
        while self.core.lock().over.is_none() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("session", &self.session_id()).finish_non_exhaustive()
    }
}

impl Core {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Engine, u64) -> T) -> T {
        self.with_state(|state, now_us| work(&mut state.engine, now_us))
    }

    fn with_state<T>(&self, work: impl FnOnce(&mut State, u64) -> T) -> T {
        let now_us = self.clock.now_us();
        let done = {
            let mut state = self.lock();
            let done = work(&mut state, now_us);
            self.drain(&mut state);
            done
        };
        self.work.notify_one();
        done
    }

    fn drain(&self, state: &mut State) {
        while let Some(event) = state.engine.poll_event() {
            self.see_to(state, event);
        }
    }

    fn see_to(&self, state: &mut State, event: Event) {
        match event {
            Event::Welcome { agents, .. } => {
                state.agents = agents;
                self.open.notify_waiters();
                if let Some(welcomed) = state.welcomed.take() {
                    let _ = welcomed.send(Ok(()));
                }
            }
            Event::Accepted { request, job, credentials } => self.handle(state, request, *job, credentials),
            Event::Subscribed { request, job, .. } => self.handle(state, request, *job, None),
            Event::Cancelled { request, already_terminal, .. } => {
                answer(state, request, Ok(Answered::Cancelled(already_terminal)));
            }
            Event::Jobs { request, jobs, next_cursor } => {
                answer(state, request, Ok(Answered::Jobs(Listing { jobs, next_cursor })));
            }
            Event::Refused { request, why } => answer(state, request, Err(why)),
            Event::Job(event) => {
                let job = Arc::clone(&event.job_id);
                state.told.push_back((job, Told::Update(Update::Event(event))));
            }
            Event::Chunk { job_id, event_seq, bytes, chunk_seq, more, .. } => {
                let chunk = Update::Chunk { event_seq, bytes, chunk_seq, more };
                state.told.push_back((job_id, Told::Update(chunk)));
            }
            Event::Ended { job_id, outcome, summary, .. } => {
                state.told.push_back((job_id, Told::Ended(outcome, summary)));
            }
            Event::Failed(why) => {
                match state.welcomed.take() {
                    Some(welcomed) => drop(welcomed.send(Err(why.clone()))),
                    // A session that cannot be gone on with is over; other errors are about one connection.
                    None if matches!(why.code, Code::ResumeWindowExpired | Code::Unauthenticated) => {}
                    None => return,
                }
                state.over = Some(why);
                state.closing = true;
            }
            Event::Closed => state.closing = true,
            _ => {}
        }
    }

    fn handle(&self, state: &mut State, request: RequestId, info: JobInfo, credentials: Option<Secret>) {
        let (sender, told) = mpsc::channel(QUEUE);
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let Some(alive) = alive else { return };
        let client = Client { core: Arc::clone(&alive.0), _alive: Arc::clone(&alive) };
        let job_id: Arc<str> = info.job_id.as_str().into();
        state.jobs.insert(Arc::clone(&job_id), sender);
        let job = Job { client, info, told, outcome: None, credentials, job_id };
        answer(state, request, Ok(Answered::Job(Box::new(job))));
    }

    /// Hands to handles what they are to be told. Who does not read is waited for: the runtime waits then, too. Dropped
    /// while it waits, it loses nothing.
    async fn deliver(&self) {
        loop {
            let sender = {
                let mut state = self.lock();
                let Some((job, _)) = state.told.front() else { return };
                match state.jobs.get(job).cloned() {
                    Some(sender) => sender,
                    None => {
                        state.told.pop_front();
                        continue;
                    }
                }
            };
            let permit = sender.reserve().await;
            let mut state = self.lock();
            let Some((job, told)) = state.told.pop_front() else { return };
            let is_end = matches!(told, Told::Ended(..));
            match permit {
                Ok(permit) => permit.send(told),
                Err(_) => drop(state.jobs.remove(&job)),
            }
            if is_end {
                state.jobs.remove(&job);
            }
        }
    }

    /// Ends it: nothing more comes.
    fn end(&self, why: Failure) {
        let mut state = self.lock();
        state.over.get_or_insert(why.clone());
        self.open.notify_waiters();
        state.jobs.clear();
        if let Some(welcomed) = state.welcomed.take() {
            let _ = welcomed.send(Err(why.clone()));
        }
        for (_, waiting) in state.waiting.drain() {
            let _ = waiting.send(Err(why.clone()));
        }
    }
}

fn answer(state: &mut State, request: RequestId, answered: Answer) {
    if let Some(waiting) = state.waiting.remove(&request) {
        let _ = waiting.send(answered);
    }
}

/// Keeps a session going until it is closed or cannot be gone on with.
async fn run(core: Arc<Core>, transport: Transport, again: Option<Again>, token: Secret) {
    let mut transport = Some(transport);
    let mut pause = PAUSES.0;
    loop {
        if let Some(transport) = transport.take() {
            talk(&core, transport).await;
            core.with(|engine, now_us| engine.transport_ended(now_us));
        }
        if core.lock().closing {
            break;
        }
        let Some(again) = &again else { break };
        match Transport::connect(&again.url, again.tls.as_ref()).await {
            Ok(connected) => {
                core.with(|engine, now_us| engine.hello(token.reveal(), now_us));
                transport = Some(connected);
                pause = PAUSES.0;
            }
            Err(_) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
    // What has come is told, where somebody reads it.
    let _ = tokio::time::timeout(LAST_WORDS, core.deliver()).await;
    let lost = Refusal::new(Code::InternalError, "the connection ended").into();
    core.end(lost);
}

/// Speaks over one connection, until it ends.
async fn talk(core: &Arc<Core>, transport: Transport) {
    let Transport { reader, writer } = transport;
    tokio::select! {
        () = read(core, reader) => {}
        () = write(core, writer) => {}
    }
}

async fn read(core: &Arc<Core>, mut reader: Reader) {
    let mut frames = Frames::default();
    loop {
        core.deliver().await;
        if core.lock().over.is_some() || !reader.read(&mut frames).await {
            return;
        }
        core.with(|engine, now_us| {
            for frame in frames.iter() {
                engine.receive(frame, now_us);
            }
        });
        frames.clear();
    }
}

async fn write(core: &Arc<Core>, mut writer: Writer) {
    let (mut frames, mut frame) = (Frames::default(), Vec::new());
    loop {
        let (due, closing, cut) = {
            let mut state = core.lock();
            while state.engine.poll_transmit(&mut frame) {
                frames.push(&frame);
                frame.clear();
            }
            (state.engine.next_timeout(), state.closing, std::mem::take(&mut state.cut))
        };
        if cut {
            return;
        }
        if !frames.is_empty() {
            if writer.write(&mut frames).await.is_err() {
                return;
            }
            continue;
        }
        if closing {
            // The runtime answers a close; a moment is enough to hear it.
            tokio::time::sleep(Duration::from_millis(if core.lock().over.is_some() { 0 } else { 20 })).await;
            writer.close().await;
            return;
        }
        let until = core.clock.at(due.unwrap_or(u64::MAX));
        tokio::select! {
            () = core.work.notified() => {}
            () = tokio::time::sleep_until(until) => {
                core.with(|engine, now_us| engine.handle_timeout(now_us));
            }
        }
    }
}
