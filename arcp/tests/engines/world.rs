//! A runtime, clients of our engine and peers that speak by hand, with time as a test says.

use std::collections::HashMap;

use ixt_arcp::client::{self, Client};
use ixt_arcp::runtime::{
    Audit, Batch, ConnectionId, Event, Frames, JobKey, Principal, Runtime, Scope, Settings, Start,
};
use ixt_arcp::{AgentRef, Code, Inventory, Refusal};
use serde_json::{Value, json};

/// 2026-09-21T14:13:20Z
pub(crate) const START_US: u64 = 1_790_000_000_000_000;

pub(crate) const ALL: [&str; 11] = [
    "heartbeat",
    "ack",
    "list_jobs",
    "subscribe",
    "lease_expires_at",
    "cost.budget",
    "model.use",
    "provisioned_credentials",
    "progress",
    "result_chunk",
    "agent_versions",
];

pub(crate) fn inventory() -> Inventory {
    let mut inventory = Inventory::default();
    for agent in ["echo@1.0.0", "echo@2.0.0", "slow", "again"] {
        inventory.register(AgentRef::parse(agent).unwrap()).unwrap();
    }
    inventory
}

/// A peer by hand.
#[derive(Default)]
pub(crate) struct Peer {
    pub(crate) connection: Option<ConnectionId>,
    /// Whether it reads.
    pub(crate) sleeps: bool,
    pub(crate) frames: Vec<Value>,
    pub(crate) closed: bool,
    next: u64,
}

/// A client of our engine.
pub(crate) struct End {
    pub(crate) engine: Client,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) events: Vec<client::Event>,
}

pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) now_us: u64,
    pub(crate) peers: Vec<Peer>,
    pub(crate) ends: Vec<End>,
    pub(crate) started: Vec<Start>,
    /// All else that the runtime wanted.
    pub(crate) wanted: Vec<Event>,
    pub(crate) audits: Vec<Audit>,
    /// Batches that were handed out; stored at once unless a test says otherwise.
    pub(crate) batches: Vec<Batch>,
    pub(crate) stores: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        Self::of(Runtime::new(settings, inventory(), [7; 32], START_US))
    }

    pub(crate) fn of(runtime: Runtime) -> Self {
        Self {
            runtime,
            now_us: START_US,
            peers: Vec::new(),
            ends: Vec::new(),
            started: Vec::new(),
            wanted: Vec::new(),
            audits: Vec::new(),
            batches: Vec::new(),
            stores: true,
        }
    }

    /// Whose token it is: `tok-a` is a's; `root` sees and cancels everything.
    fn principal(token: &str) -> Result<Principal, Refusal> {
        match token.strip_prefix("tok-") {
            Some("root") => Ok(Principal::new("root").observing(Scope::All).cancelling(Scope::All)),
            Some(name) => Ok(Principal::new(name)),
            None => Err(Refusal::new(Code::Unauthenticated, "nobody's token")),
        }
    }

    /// Lets pass what wants to pass.
    pub(crate) fn pump(&mut self) {
        loop {
            let mut moved = false;
            for place in 0..self.ends.len() {
                let mut frame = Vec::new();
                while self.ends[place].engine.poll_transmit(&mut frame) {
                    moved = true;
                    if let Some(connection) = self.ends[place].connection {
                        self.runtime.receive(connection, &frame, self.now_us);
                    }
                    frame.clear();
                }
                while let Some(event) = self.ends[place].engine.poll_event() {
                    moved = true;
                    self.ends[place].events.push(event);
                }
            }
            if self.stores {
                while let Some(batch) = self.runtime.poll_store() {
                    moved = true;
                    self.runtime.stored(batch.lsn);
                    self.batches.push(batch);
                }
            }
            let mut closing = Vec::new();
            while let Some(event) = self.runtime.poll_event() {
                moved = true;
                match event {
                    Event::Authenticate { connection, token, .. } => {
                        let answer = Self::principal(token.reveal());
                        self.runtime.authenticated(connection, answer, self.now_us);
                    }
                    Event::Start(start) => self.started.push(*start),
                    Event::Audit(audit) => self.audits.push(audit),
                    Event::Close { connection } => closing.push(connection),
                    other => self.wanted.push(other),
                }
            }
            while let Some(connection) = self.runtime.poll_writable() {
                let asleep = self.peers.iter().any(|peer| peer.connection == Some(connection) && peer.sleeps);
                if asleep {
                    continue;
                }
                let mut frames = Frames::default();
                while self.runtime.poll_transmit(connection, &mut frames, 1 << 16) {
                    moved = true;
                    self.deliver(connection, &frames);
                    frames.clear();
                }
            }
            for connection in closing {
                moved = true;
                let mut frames = Frames::default();
                while self.runtime.poll_transmit(connection, &mut frames, 1 << 16) {
                    self.deliver(connection, &frames);
                    frames.clear();
                }
                self.cut(connection);
            }
            if !moved {
                return;
            }
        }
    }

    fn deliver(&mut self, connection: ConnectionId, frames: &Frames) {
        for frame in frames.iter() {
            if let Some(peer) = self.peers.iter_mut().find(|peer| peer.connection == Some(connection)) {
                peer.frames.push(serde_json::from_slice(frame).unwrap());
            }
            if let Some(end) = self.ends.iter_mut().find(|end| end.connection == Some(connection)) {
                end.engine.receive(frame, self.now_us);
            }
        }
    }

    /// The transport of a connection is gone.
    pub(crate) fn cut(&mut self, connection: ConnectionId) {
        self.runtime.transport_ended(connection, self.now_us);
        for peer in self.peers.iter_mut().filter(|peer| peer.connection == Some(connection)) {
            peer.connection = None;
            peer.closed = true;
        }
        for end in self.ends.iter_mut().filter(|end| end.connection == Some(connection)) {
            end.connection = None;
            end.engine.transport_ended(self.now_us);
        }
    }

    pub(crate) fn wait_ms(&mut self, ms: u64) {
        self.now_us += ms * 1000;
        self.runtime.handle_timeout(self.now_us);
        for end in &mut self.ends {
            end.engine.handle_timeout(self.now_us);
        }
        self.pump();
    }

    // ---- peers by hand ----

    pub(crate) fn peer(&mut self) -> usize {
        let connection = self.runtime.connect(self.now_us);
        self.peers.push(Peer { connection: Some(connection), ..Peer::default() });
        self.peers.len() - 1
    }

    /// A peer whose session is open.
    pub(crate) fn welcomed(&mut self, token: &str) -> usize {
        self.welcomed_with(token, &ALL)
    }

    pub(crate) fn welcomed_with(&mut self, token: &str, features: &[&str]) -> usize {
        let peer = self.peer();
        self.say(
            peer,
            "session.hello",
            json!({"auth": {"scheme": "bearer", "token": token}, "capabilities": {"features": features}}),
        );
        assert_eq!(self.peers[peer].frames[0]["type"], "session.welcome", "{:?}", self.peers[peer].frames);
        peer
    }

    /// Sends text as it is.
    pub(crate) fn raw(&mut self, peer: usize, frame: &str) {
        if let Some(connection) = self.peers[peer].connection {
            self.runtime.receive(connection, frame.as_bytes(), self.now_us);
        }
        self.pump();
    }

    /// Sends a message, and gives its id.
    pub(crate) fn say(&mut self, peer: usize, kind: &str, payload: Value) -> String {
        self.peers[peer].next += 1;
        let id = format!("m{}", self.peers[peer].next);
        let frame = json!({"arcp": "1.1", "id": id, "type": kind, "payload": payload});
        self.raw(peer, &frame.to_string());
        id
    }

    /// Takes the frames that have come.
    pub(crate) fn take(&mut self, peer: usize) -> Vec<Value> {
        std::mem::take(&mut self.peers[peer].frames)
    }

    /// Sends a message, and gives the one frame that answers.
    pub(crate) fn ask(&mut self, peer: usize, kind: &str, payload: Value) -> Value {
        self.take(peer);
        self.say(peer, kind, payload);
        let frames = self.take(peer);
        assert_eq!(frames.len(), 1, "{frames:?}");
        frames[0].clone()
    }

    /// The code of the refusal that answers.
    pub(crate) fn refusal(&mut self, peer: usize, kind: &str, payload: Value) -> String {
        let frame = self.ask(peer, kind, payload);
        assert_eq!(frame["type"], "session.error", "{frame}");
        assert_eq!(frame["payload"]["request_id"], format!("m{}", self.peers[peer].next));
        frame["payload"]["code"].as_str().unwrap().to_owned()
    }

    /// Submits a job that runs then: its engine's name and its client's.
    pub(crate) fn submit(&mut self, peer: usize, payload: Value) -> (JobKey, String) {
        let accepted = self.ask(peer, "job.submit", payload);
        assert_eq!(accepted["type"], "job.accepted", "{accepted}");
        let job = self.started.last().unwrap().job;
        (job, accepted["payload"]["job_id"].as_str().unwrap().to_owned())
    }

    pub(crate) fn emit(&mut self, job: JobKey, kind: &str, body: Value) -> Result<(), Refusal> {
        let emitted = self.runtime.emit(job, kind, &body.to_string(), self.now_us);
        self.pump();
        emitted.map(|_| ())
    }

    pub(crate) fn finish(&mut self, job: JobKey, result: Value) {
        self.runtime.finish(job, Some(&result.to_string()), None, self.now_us).unwrap();
        self.pump();
    }

    // ---- clients of our engine ----

    pub(crate) fn client(&mut self, token: &str) -> usize {
        let seed = [self.ends.len() as u8; 32];
        let mut engine = Client::new(client::Settings::default(), seed, self.now_us);
        engine.hello(token, self.now_us);
        let connection = self.runtime.connect(self.now_us);
        self.ends.push(End { engine, connection: Some(connection), events: Vec::new() });
        self.pump();
        self.ends.len() - 1
    }

    /// A client comes back on a new connection.
    pub(crate) fn reconnect(&mut self, end: usize, token: &str) {
        let connection = self.runtime.connect(self.now_us);
        self.ends[end].connection = Some(connection);
        self.ends[end].engine.hello(token, self.now_us);
        self.pump();
    }

    pub(crate) fn events(&mut self, end: usize) -> Vec<client::Event> {
        std::mem::take(&mut self.ends[end].events)
    }
}

/// Field `name` of all frames of a kind, in order.
pub(crate) fn fields(frames: &[Value], kind: &str, path: &str) -> Vec<Value> {
    let of_kind = frames.iter().filter(|frame| frame["type"] == kind);
    of_kind.map(|frame| frame.pointer(path).cloned().unwrap_or(Value::Null)).collect()
}

/// How often each type of frame came.
pub(crate) fn count(frames: &[Value]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for frame in frames {
        *counts.entry(frame["type"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}
