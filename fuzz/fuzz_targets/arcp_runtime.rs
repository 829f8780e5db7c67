//! A runtime, three connections that say anything, agents that do anything, and a store that is slow; a line each, the
//! first character says what it is.
//!
//! Whatever comes, what leaves can be read, each session's numbers follow each other, nothing is emitted behind a job's
//! end, and what is kept is bounded.
#![no_main]

use std::collections::{HashMap, HashSet, VecDeque};

use ixt_arcp::envelope::{Envelope, FrameLimits};
use ixt_arcp::message::{Welcome, kind};
use ixt_arcp::runtime::{
    Batch, ConnectionId, Delegate, Event, Frames, JobKey, LoadedEvent, Principal, Record, Runtime, Settings,
};
use ixt_arcp::{AgentRef, Code, Inventory, Refusal};
use libfuzzer_sys::fuzz_target;

struct World {
    runtime: Runtime,
    now_us: u64,
    connections: [Option<ConnectionId>; 3],
    /// The last number on each connection.
    numbers: HashMap<ConnectionId, u64>,
    session: String,
    token: String,
    job_id: String,
    jobs: Vec<JobKey>,
    over: HashSet<JobKey>,
    batches: VecDeque<Batch>,
    stored: HashMap<(JobKey, u64), LoadedEvent>,
}

impl World {
    fn new(store: bool) -> Self {
        let now_us = 1_790_000_000_000_000;
        let mut inventory = Inventory::default();
        for agent in ["echo@1.0.0", "echo@2.0.0", "slow", "noop", "chunky", "boom"] {
            inventory.register(AgentRef::parse(agent).expect("it is one")).expect("each once");
        }
        let mut settings = Settings::default();
        (settings.store, settings.max_sessions, settings.max_sessions_total) = (store, 3, 4);
        (settings.max_jobs, settings.max_ended, settings.max_list, settings.backlog) = (6, 6, 3, 4);
        (settings.max_log, settings.max_logs, settings.max_unstored) = (600, 3000, 2000);
        (settings.max_chunk, settings.max_result, settings.max_body, settings.max_idempotency) =
            (64, 256, 2000, 3);
        Self {
            runtime: Runtime::new(settings, inventory, [2; 32], now_us),
            now_us,
            connections: [None; 3],
            numbers: HashMap::new(),
            session: String::new(),
            token: String::new(),
            job_id: String::new(),
            jobs: Vec::new(),
            over: HashSet::new(),
            batches: VecDeque::new(),
            stored: HashMap::new(),
        }
    }

    fn read(&mut self, connection: ConnectionId) {
        let mut frames = Frames::default();
        while self.runtime.poll_transmit(connection, &mut frames, 4096) {
            for frame in frames.iter() {
                let envelope =
                    Envelope::read(frame, FrameLimits::default()).expect("what leaves can be read");
                assert!(envelope.check_version().is_ok() && envelope.id.is_some());
                assert!(envelope.payload.get().starts_with('{'));
                let session = envelope.session_id.as_deref().expect("every frame names its session");
                if let Some(number) = envelope.event_seq {
                    let last = self.numbers.insert(connection, number);
                    assert!(last.is_none_or(|last| last + 1 == number), "{last:?} and then {number}");
                    assert!(envelope.job_id.is_some());
                }
                if let Some(job) = &envelope.job_id {
                    self.job_id = job.to_string();
                }
                if envelope.kind == kind::SESSION_WELCOME {
                    let welcome: Welcome<'_> = envelope.payload().expect("it is a welcome");
                    (self.session, self.token) = (session.to_owned(), welcome.resume_token.into_owned());
                }
            }
            frames.clear();
        }
    }

    fn drain(&mut self) {
        while let Some(batch) = self.runtime.poll_store() {
            self.batches.push_back(batch);
        }
        while let Some(event) = self.runtime.poll_event() {
            match event {
                Event::Authenticate { connection, token, .. } => {
                    let answer = match token.reveal() {
                        "tok-a" => Ok(Principal::new("a")),
                        "tok-b" => Ok(Principal::new("b")),
                        _ => Err(Refusal::new(Code::Unauthenticated, "nobody's")),
                    };
                    self.runtime.authenticated(connection, answer, self.now_us);
                }
                Event::Start(start) => self.jobs.push(start.job),
                Event::Stop { job, .. } => drop(self.over.insert(job)),
                Event::Close { connection } => {
                    self.read(connection);
                    self.runtime.transport_ended(connection, self.now_us);
                    for place in self.connections.iter_mut().filter(|place| **place == Some(connection)) {
                        *place = None;
                    }
                }
                _ => {}
            }
        }
        while let Some(connection) = self.runtime.poll_writable() {
            self.read(connection);
        }
    }

    fn said(&mut self, place: usize, frame: &str) {
        let frame = frame.replace("$S", &self.session).replace("$T", &self.token).replace("$J", &self.job_id);
        let connection = match self.connections.get(place).copied().flatten() {
            Some(connection) => connection,
            None => self.runtime.connect(self.now_us),
        };
        self.connections[place] = Some(connection);
        self.runtime.receive(connection, frame.as_bytes(), self.now_us);
    }

    fn agent(&mut self, what: char, rest: &str) {
        let Some(&job) = self.jobs.last() else { return };
        let (one, two) = rest.split_once(' ').unwrap_or((rest, "{}"));
        let now = self.now_us;
        let done = match what {
            'e' => self.runtime.emit(job, one, two, now).map(drop),
            'k' => self.runtime.chunk(job, rest.as_bytes(), true, now).map(drop),
            'w' => self.runtime.chunk_text(job, rest, true, now).map(drop),
            'K' => self.runtime.chunk(job, rest.as_bytes(), false, now).map(drop),
            'f' => self.runtime.finish(job, (!rest.is_empty()).then_some(rest), None, now),
            'x' => self.runtime.fail(job, &Refusal::new(Code::InternalError, rest.to_owned()), now),
            'd' => self.runtime.delegate(job, &Delegate::new("d", one, "1").with_lease(two), now).map(drop),
            _ => {
                let allowed = self.runtime.authorize(job, one, two, now).map(drop);
                let budget = self.runtime.budget(job);
                assert!(serde_json::from_str::<serde_json::Value>(&budget).is_ok(), "{budget}");
                allowed
            }
        };
        assert!(done.is_err() || !self.over.contains(&job), "nothing happens behind the end");
        if done.is_ok() && matches!(what, 'f' | 'x') {
            self.over.insert(job);
            // The one before goes on.
            self.jobs.pop();
        } else if self.over.contains(&job) {
            self.jobs.pop();
        }
    }

    fn line(&mut self, what: char, rest: &str) {
        match what {
            '0'..='2' => self.said(what as usize - '0' as usize, rest),
            'e' | 'k' | 'w' | 'K' | 'f' | 'x' | 'd' | 'a' => self.agent(what, rest),
            'c' => {
                let place = rest.parse::<usize>().unwrap_or_default() % 3;
                if let Some(connection) = self.connections[place].take() {
                    self.runtime.transport_ended(connection, self.now_us);
                }
            }
            't' => {
                self.now_us += u64::from(rest.parse::<u32>().unwrap_or(1000)) * 1000;
                self.runtime.handle_timeout(self.now_us);
            }
            's' => {
                if let Some(batch) = self.batches.pop_front() {
                    for record in batch.records {
                        if let Record::Event { job, number, class, payload } = record {
                            self.stored.insert((job, number), LoadedEvent { class, payload });
                        }
                    }
                    self.runtime.stored(batch.lsn);
                }
            }
            'l' => {
                while let Some(load) = self.runtime.poll_load() {
                    let numbers = load.from..load.from.saturating_add(load.count);
                    let events =
                        numbers.map_while(|number| self.stored.get(&(load.job, number)).cloned()).collect();
                    self.runtime.loaded(load, events);
                }
            }
            _ => {}
        }
        self.drain();
        assert!(self.runtime.sessions() <= 4);
    }
}

fuzz_target!(|text: &str| {
    let mut world = World::new(text.starts_with('S'));
    for line in text.split('\n') {
        let mut characters = line.chars();
        if let Some(what) = characters.next() {
            world.line(what, characters.as_str());
        }
    }
});
