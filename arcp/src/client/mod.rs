//! The engine of a client: the end that submits jobs and follows them.
//!
//! It is handed whole frames ([`Client::receive`]), what the application asks ([`Client::submit`] and its kin) and the time;
//! it gives frames ([`Client::poll_transmit`]) and says what has happened ([`Client::poll_event`]). It reads no clock, draws
//! no random number and never waits. A session outlives its connections: after [`Client::transport_ended`], connect
//! again and call [`Client::hello`], and it goes on where it stopped (§6.3).
//!
//! It reads leniently what the peers that are known say otherwise than the specification, and always speaks as that
//! does.
//!
//! **After every input, drain the outputs until there are none.**

mod assemble;
mod event;
mod heard;
mod requests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

pub use event::{Event, Failure, JobEvent, JobInfo, Outcome};
pub use requests::Submission;

use crate::envelope::{Envelope, FrameLimits, Head};
use crate::error::{Code, Refusal};
use crate::features::{Feature, Features};
use crate::ids::Ids;
use crate::key::key;
use crate::message::{Ack, Auth, Capabilities, Close, Hello, Ping, Resume, Software, kind};
use crate::text::Text;
use crate::time::Timestamp;
use assemble::Assembler;
use requests::Waiting;

/// What a client is told before it begins.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The client's name, as the hello says it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it says that it can: all.
    pub features: Features,
    /// How large and how deep a frame may be.
    pub frame: FrameLimits,
    /// Whether streamed results are put together: true. Where not, their parts are events alone.
    pub assembles: bool,
    /// Bytes of a streamed result that is put together: 256 MiB. What is larger fails here, and the job goes on.
    pub max_result: usize,
    /// How often the runtime is told what is done with, in milliseconds: 250; 0: never, but by [`Client::ack`].
    pub ack_ms: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "ixt".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            features: Features::ALL,
            frame: FrameLimits { max_frame: 16 << 20, max_depth: 64 },
            assembles: true,
            max_result: 256 << 20,
            ack_ms: 250,
        }
    }
}

key! {
    /// Names a request of a client until its answer.
    RequestId
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is none, or its hello has not been said.
    Away,
    Greeting,
    Open,
    /// The session was closed, here or there.
    Closed,
}

/// A session that can be gone on with.
#[derive(Debug)]
struct Session {
    id: Arc<str>,
    resume_token: String,
    features: Features,
    heartbeat_us: Option<u64>,
}

/// What is known of a job.
#[derive(Debug, Default)]
struct Known {
    assembler: Option<Assembler>,
    /// How it ended has been told.
    ended: bool,
    /// The runtime says its trace.
    traced: bool,
}

/// A request whose answer has not come.
#[derive(Debug)]
struct Request {
    id: RequestId,
    waiting: Waiting,
    /// The job that it is about: not every peer says which request it answers.
    job: Option<Arc<str>>,
}

/// The engine of a client; see the [module](self) for the contract. Not shared: one thread at a time.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    phase: Phase,
    session: Option<Session>,
    now_us: u64,
    ids: Ids,
    next_request: u64,
    /// Requests whose answers have not come, by the ids of their messages.
    waiting: HashMap<Box<str>, Request>,
    jobs: HashMap<Arc<str>, Known>,
    /// Those that have ended, oldest first; of so many it is known.
    ended: VecDeque<Arc<str>>,
    /// Submits whose connection ended before the answer came: there may be jobs that nobody knows of here.
    orphans: usize,
    /// The runtime does not say which request it answers.
    anonymous: bool,
    /// Of jobs that are being subscribed to, what came before the answer: some peers tell what has happened first.
    held: HashMap<Arc<str>, Vec<Event>>,
    /// The highest number of an event that has come, and that the runtime has been told of.
    last: u64,
    acked: u64,
    ack_at_us: Option<u64>,
    heard_us: u64,
    sent_us: u64,
    transmit: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
}

impl Client {
    /// A client without a session. `seed` is 32 random bytes. `now_us` is the time in microseconds since the Unix epoch,
    /// here and in all that follows.
    #[must_use]
    pub fn new(settings: Settings, seed: [u8; 32], now_us: u64) -> Self {
        Self {
            settings,
            phase: Phase::Away,
            session: None,
            now_us,
            ids: Ids::new(seed),
            next_request: 1,
            waiting: HashMap::new(),
            jobs: HashMap::new(),
            ended: VecDeque::new(),
            orphans: 0,
            anonymous: false,
            held: HashMap::new(),
            last: 0,
            acked: 0,
            ack_at_us: None,
            heard_us: now_us,
            sent_us: now_us,
            transmit: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Begins on a new connection: says who the client is, and which session goes on where there is one. The token is
    /// sent and not kept.
    pub fn hello(&mut self, token: &str, now_us: u64) {
        self.tick(now_us);
        self.heard_us = self.now_us;
        self.phase = Phase::Greeting;
        self.transmit.clear();
        let resume = self.session.as_ref().map(|session| Resume {
            session_id: Text::from(session.id.to_string()),
            resume_token: Text::from(session.resume_token.clone()),
            last_event_seq: self.last,
        });
        let names: Vec<_> =
            self.settings.features.iter().map(|feature| Text::from(feature.as_str())).collect();
        let (name, version) = (self.settings.name.clone(), self.settings.version.clone());
        let hello = Hello {
            client: Software { name: name.into(), version: version.into() },
            auth: Auth { scheme: "bearer".into(), token: Text::from(token.to_owned()) },
            capabilities: Capabilities { encodings: vec!["json".into()], features: names, agents: None },
            resume,
        };
        self.say(kind::SESSION_HELLO, None, &hello);
    }

    /// Goes on with a session of another client, with the next hello (§6.3): its id, the token of its last welcome, and the
    /// number of the last event that was taken in.
    pub fn go_on_with(&mut self, session_id: &str, resume_token: &str, last_event: u64) {
        self.forget_session();
        self.session = Some(Session {
            id: session_id.into(),
            resume_token: resume_token.to_owned(),
            features: Features::NONE,
            heartbeat_us: None,
        });
        (self.last, self.acked) = (last_event, last_event);
    }

    /// Gives the session up: the next hello begins another one.
    pub fn forget_session(&mut self) {
        self.session = None;
        self.jobs.clear();
        self.ended.clear();
        self.held.clear();
        (self.orphans, self.anonymous) = (0, false);
        (self.last, self.acked) = (0, 0);
    }

    /// The session's id, once it was welcomed.
    #[must_use]
    pub fn session_id(&self) -> Option<Arc<str>> {
        self.session.as_ref().map(|session| Arc::clone(&session.id))
    }

    /// What both ends can, once the session was welcomed.
    #[must_use]
    pub fn features(&self) -> Features {
        self.session.as_ref().map_or(Features::NONE, |session| session.features)
    }

    /// The number of the last event that came.
    #[must_use]
    pub fn last_event(&self) -> u64 {
        self.last
    }

    /// Whether requests can be made now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// The connection is gone. The session can be gone on with, unless it was closed. Requests that wait fail; a submit
    /// with an idempotency key may be made again.
    pub fn transport_ended(&mut self, now_us: u64) {
        self.tick(now_us);
        if self.phase != Phase::Closed {
            self.phase = Phase::Away;
        }
        self.transmit.clear();
        self.held.clear();
        self.ack_at_us = None;
        let is_submit = |request: &&Request| request.waiting == Waiting::Submit;
        self.orphans += self.waiting.values().filter(is_submit).count();
        let mut lost: Vec<_> = self.waiting.drain().map(|(_, request)| request.id).collect();
        lost.sort_unstable();
        for request in lost {
            let why = Refusal::new(Code::InternalError, "the connection ended before the answer came");
            self.events.push_back(Event::Refused { request, why: why.into() });
        }
    }

    /// Ends the session in order (§6.7). Its jobs go on.
    pub fn close(&mut self, reason: &str, now_us: u64) {
        self.tick(now_us);
        if self.phase == Phase::Open {
            if self.settings.ack_ms > 0 {
                self.send_ack(self.last);
            }
            let reason = (!reason.is_empty()).then(|| Text::from(reason.to_owned()));
            self.say(kind::SESSION_CLOSE, None, &Close { reason });
        }
        self.phase = Phase::Closed;
    }

    /// Takes in one whole frame.
    pub fn receive(&mut self, frame: &[u8], now_us: u64) {
        self.tick(now_us);
        self.heard_us = self.now_us;
        let heard = Envelope::read(frame, self.settings.frame).and_then(|envelope| self.hear(&envelope));
        if let Err(why) = heard {
            self.events.push_back(Event::Nonsense(why));
        }
    }

    /// Appends the next frame to be written; false when there is none.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(frame) = self.transmit.pop_front() else { return false };
        out.extend_from_slice(&frame);
        true
    }

    /// The next thing that has happened; `None` when there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do, in microseconds since the Unix epoch.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        if self.phase != Phase::Open {
            return None;
        }
        let heartbeat =
            self.heartbeat_us().map(|interval| (self.heard_us + 2 * interval).min(self.sent_us + interval));
        [self.ack_at_us, heartbeat].into_iter().flatten().min()
    }

    /// Tells the time: acks, heartbeats, a runtime that is silent.
    pub fn handle_timeout(&mut self, now_us: u64) {
        self.tick(now_us);
        if self.phase != Phase::Open {
            return;
        }
        if self.ack_at_us.is_some_and(|at| at <= self.now_us) {
            self.send_ack(self.last);
        }
        let Some(interval) = self.heartbeat_us() else { return };
        if self.now_us >= self.heard_us + 2 * interval {
            let why = Refusal::new(Code::HeartbeatLost, "nothing came for two heartbeat intervals");
            self.events.push_back(Event::Lost(why));
            self.transport_ended(now_us);
        } else if self.now_us >= self.sent_us + interval {
            let nonce = Text::from(format!("p_{}", self.ids.ulid(self.now_us)));
            let sent_at = Some(Text::from(self.now().text().to_string()));
            self.say(kind::SESSION_PING, None, &Ping { nonce, sent_at });
        }
    }

    /// The application is done with all events up to this number (§6.5), and with none that has not come. Not needed
    /// where the engine acks by itself.
    pub fn ack(&mut self, last: u64, now_us: u64) {
        self.tick(now_us);
        self.send_ack(last.min(self.last));
    }

    fn send_ack(&mut self, last: u64) {
        self.ack_at_us = None;
        if self.phase == Phase::Open && last > self.acked && self.features().contains(Feature::Ack) {
            self.acked = last;
            self.say(kind::SESSION_ACK, None, &Ack { last_processed_seq: last });
        }
    }

    fn heartbeat_us(&self) -> Option<u64> {
        self.session.as_ref().and_then(|session| session.heartbeat_us)
    }

    fn tick(&mut self, now_us: u64) {
        self.now_us = self.now_us.max(now_us);
    }

    fn now(&self) -> Timestamp {
        i64::try_from(self.now_us).ok().and_then(Timestamp::from_micros).unwrap_or(Timestamp::MAX)
    }

    /// Queues a message, and gives its id.
    fn say(&mut self, kind: &str, job_id: Option<&str>, payload: &impl Serialize) -> Box<str> {
        self.say_in(kind, job_id, None, payload)
    }

    fn say_in(
        &mut self,
        kind: &str,
        job_id: Option<&str>,
        trace_id: Option<&str>,
        payload: &impl Serialize,
    ) -> Box<str> {
        let id = self.ids.ulid(self.now_us).text();
        // A hello belongs to no session yet.
        let session =
            self.session.as_ref().map(|session| &*session.id).filter(|_| kind != kind::SESSION_HELLO);
        let head = Head { job_id, trace_id, ..Head::new(&id, kind, session) };
        let mut frame = Vec::with_capacity(256);
        head.write(payload, &mut frame);
        self.transmit.push_back(frame);
        self.sent_us = self.now_us;
        id.as_str().into()
    }
}
