//! Two clients of our engine and our runtime, over connections that carry a part at a time and break: each session's
//! numbers have no gap, each job's events are in order, and nothing is lost.

use std::collections::{HashMap, VecDeque};

use ixt_arcp::client::{self, Client, Outcome, Submission};
use ixt_arcp::runtime::{
    Batch, ConnectionId, Event, Frames, JobKey, LoadedEvent, Lsn, Principal, Record, Runtime, Settings,
};
use ixt_arcp::{AgentRef, Code, Inventory, Refusal};
use proptest::prelude::*;
use serde_json::Value;

/// 2026-09-21T14:13:20Z
const START_US: u64 = 1_790_000_000_000_000;

/// What may happen next; numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Step {
    Submit(usize),
    Emit(usize),
    Chunk(usize),
    Finish(usize),
    Fail(usize),
    Cancel(usize, usize),
    /// A session follows a job of the other one, from its beginning.
    Subscribe(usize, usize),
    Ack(usize),
    Break(usize),
    Connect(usize),
    /// So many frames go up, and so many bytes are written down, of which so many frames arrive.
    Pass(usize, usize, usize, usize),
    /// The oldest batch is stored.
    Stored,
    /// What was asked for is loaded.
    Loaded,
}

fn step() -> impl Strategy<Value = Step> {
    let (end, job) = (0..2_usize, 0..8_usize);
    prop_oneof![
        2 => end.clone().prop_map(Step::Submit),
        8 => job.clone().prop_map(Step::Emit),
        3 => job.clone().prop_map(Step::Chunk),
        1 => job.clone().prop_map(Step::Finish),
        1 => job.clone().prop_map(Step::Fail),
        1 => (end.clone(), job.clone()).prop_map(|(end, job)| Step::Cancel(end, job)),
        2 => (end.clone(), job).prop_map(|(end, job)| Step::Subscribe(end, job)),
        1 => end.clone().prop_map(Step::Ack),
        1 => end.clone().prop_map(Step::Break),
        3 => end.clone().prop_map(Step::Connect),
        12 => (end, 0..4_usize, 1..2000_usize, 0..8_usize)
            .prop_map(|(end, up, bytes, down)| Step::Pass(end, up, bytes, down)),
        4 => Just(Step::Stored),
        2 => Just(Step::Loaded),
    ]
}

/// What happened in a job, as its agent knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Happened {
    Log(u64),
    Chunk(Vec<u8>),
    Result(String),
    Streamed(Vec<u8>),
    Failed(Code),
}

struct Job {
    key: JobKey,
    id: String,
    owner: usize,
    happened: Vec<Happened>,
    streamed: Option<Vec<u8>>,
    /// Whether its result began as text.
    as_text: Option<bool>,
    ended: bool,
}

struct End {
    client: Client,
    connection: Option<ConnectionId>,
    up: VecDeque<Vec<u8>>,
    down: VecDeque<Vec<u8>>,
    /// The last number that arrived.
    sequence: u64,
    heard: HashMap<String, Vec<Happened>>,
    /// The jobs of the other session that it follows, or has asked to.
    follows: Vec<String>,
    asked: Vec<String>,
    welcomed: bool,
    /// Its hello has arrived, and the welcome has not.
    greeted: bool,
}

struct World {
    runtime: Runtime,
    ends: [End; 2],
    jobs: Vec<Job>,
    batches: VecDeque<Batch>,
    /// What is stored: the events of each job.
    stored: HashMap<(JobKey, u64), LoadedEvent>,
    next: u64,
    last_lsn: Lsn,
}

const NOW: u64 = START_US;

impl World {
    fn new(store: bool) -> Self {
        let mut inventory = Inventory::default();
        inventory.register(AgentRef::parse("a").unwrap()).unwrap();
        let mut settings = Settings::default();
        settings.store = store;
        if store {
            // Little is kept, so that much is loaded again.
            settings.max_log = 300;
        }
        let ends = [1, 2].map(|seed| {
            let mut settings = client::Settings::default();
            settings.ack_ms = 0;
            End {
                client: Client::new(settings, [seed; 32], NOW),
                connection: None,
                up: VecDeque::new(),
                down: VecDeque::new(),
                sequence: 0,
                heard: HashMap::new(),
                follows: Vec::new(),
                asked: Vec::new(),
                welcomed: false,
                greeted: false,
            }
        });
        Self {
            runtime: Runtime::new(settings, inventory, [3; 32], NOW),
            ends,
            jobs: Vec::new(),
            batches: VecDeque::new(),
            stored: HashMap::new(),
            next: 0,
            last_lsn: 0,
        }
    }

    fn drain(&mut self) {
        while let Some(batch) = self.runtime.poll_store() {
            assert!(batch.lsn >= self.last_lsn);
            self.last_lsn = batch.lsn;
            self.batches.push_back(batch);
        }
        while let Some(event) = self.runtime.poll_event() {
            match event {
                Event::Authenticate { connection, .. } => {
                    self.runtime.authenticated(connection, Ok(Principal::new("p")), NOW);
                }
                Event::Start(start) => {
                    let owner = serde_json::from_str::<usize>(&start.input).unwrap();
                    self.jobs.push(Job {
                        key: start.job,
                        id: start.job_id.to_string(),
                        owner,
                        happened: Vec::new(),
                        streamed: None,
                        as_text: None,
                        ended: false,
                    });
                }
                Event::Stop { job, reason, .. } => {
                    let job = self.jobs.iter_mut().find(|other| other.key == job).unwrap();
                    if !job.ended {
                        job.ended = true;
                        job.happened.push(Happened::Failed(reason.code));
                    }
                }
                Event::Close { connection } => {
                    let end = self.ends.iter().position(|end| end.connection == Some(connection));
                    // Only what a client has left behind is closed here.
                    assert_eq!(end, None);
                    self.runtime.transport_ended(connection, NOW);
                }
                Event::Ready { .. } | Event::Audit(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn job(&mut self, job: usize) -> Option<&mut Job> {
        let count = self.jobs.len();
        let job = self.jobs.get_mut(job % count.max(1))?;
        (!job.ended).then_some(job)
    }

    fn step(&mut self, step: &Step) {
        let next = self.next;
        self.next += 1;
        match *step {
            Step::Submit(end) => {
                let wanted = Submission::new("a");
                let owner = end.to_string();
                let _ = self.ends[end].client.submit(&wanted.with_input(&owner), NOW);
            }
            Step::Emit(job) => {
                let Some(job) = self.job(job) else { return };
                job.happened.push(Happened::Log(next));
                let key = job.key;
                let _ = self.runtime.emit(key, "log", &format!(r#"{{"n":{next}}}"#), NOW).unwrap();
            }
            Step::Chunk(job) => {
                let Some(key) = self.job(job).map(|job| job.key) else { return };
                let is_text = !next.is_multiple_of(3);
                let (part, done) = if is_text {
                    let part = format!("part {next} ");
                    let done = self.runtime.chunk_text(key, &part, true, NOW);
                    (part.into_bytes(), done)
                } else {
                    let part = vec![0xff, next as u8];
                    let done = self.runtime.chunk(key, &part, true, NOW);
                    (part, done)
                };
                let Some(job) = self.job(job) else { return };
                if *job.as_text.get_or_insert(is_text) && !is_text {
                    assert_eq!(done.unwrap_err().code, Code::InvalidRequest, "bytes in a stream of text");
                    return;
                }
                let _ = done.unwrap();
                job.streamed.get_or_insert_default().extend_from_slice(&part);
                job.happened.push(Happened::Chunk(part));
            }
            Step::Finish(job) => {
                let Some(job) = self.job(job) else { return };
                job.ended = true;
                let key = job.key;
                let result = match job.streamed.clone() {
                    Some(bytes) => {
                        // The runtime says the last part.
                        job.happened.push(Happened::Chunk(Vec::new()));
                        job.happened.push(Happened::Streamed(bytes));
                        None
                    }
                    None => {
                        job.happened.push(Happened::Result(next.to_string()));
                        Some(next.to_string())
                    }
                };
                self.runtime.finish(key, result.as_deref(), None, NOW).unwrap();
            }
            Step::Fail(job) => {
                let Some(job) = self.job(job) else { return };
                job.ended = true;
                job.happened.push(Happened::Failed(Code::PermissionDenied));
                let key = job.key;
                self.runtime.fail(key, &Refusal::new(Code::PermissionDenied, "x"), NOW).unwrap();
            }
            Step::Cancel(end, job) => {
                let Some(job) = self.job(job) else { return };
                let id = job.id.clone();
                let _ = self.ends[end].client.cancel(&id, "", NOW);
            }
            Step::Subscribe(end, job) => {
                let count = self.jobs.len();
                let Some(job) = self.jobs.get(job % count.max(1)) else { return };
                let state = &mut self.ends[end];
                // Once is enough: what is asked for twice comes twice.
                if job.owner == end || state.follows.contains(&job.id) || state.asked.contains(&job.id) {
                    return;
                }
                if state.client.subscribe(&job.id, Some(0), NOW).is_ok() {
                    state.asked.push(job.id.clone());
                }
            }
            Step::Ack(end) => {
                let last = self.ends[end].sequence;
                self.ends[end].client.ack(last, NOW);
            }
            Step::Break(end) => self.cut(end),
            Step::Connect(end) => {
                if self.ends[end].connection.is_none() {
                    self.ends[end].connection = Some(self.runtime.connect(NOW));
                    self.ends[end].client.hello("t", NOW);
                }
            }
            Step::Pass(end, up, bytes, down) => self.pass(end, up, bytes, down),
            Step::Stored => {
                let Some(batch) = self.batches.pop_front() else { return };
                for record in batch.records {
                    if let Record::Event { job, number, class, payload } = record {
                        self.stored.insert((job, number), LoadedEvent { class, payload });
                    }
                }
                self.runtime.stored(batch.lsn);
            }
            Step::Loaded => {
                while let Some(load) = self.runtime.poll_load() {
                    let numbers = load.from..load.from + load.count;
                    let events: Vec<_> =
                        numbers.map_while(|number| self.stored.get(&(load.job, number)).cloned()).collect();
                    assert!(!events.is_empty(), "what is dropped from memory was stored before");
                    self.runtime.loaded(load, events);
                }
            }
        }
        self.drain();
    }

    fn cut(&mut self, end: usize) {
        if self.ends[end].greeted {
            // The token that comes back is in the welcome: who loses that loses the session.
            return;
        }
        let Some(connection) = self.ends[end].connection.take() else { return };
        self.runtime.transport_ended(connection, NOW);
        let end = &mut self.ends[end];
        end.client.transport_ended(NOW);
        // What was on its way is lost, in both directions, and a subscription that was not answered may be made again.
        end.up.clear();
        end.down.clear();
        end.take_events();
    }

    fn pass(&mut self, place: usize, up: usize, bytes: usize, down: usize) {
        let end = &mut self.ends[place];
        let mut frame = Vec::new();
        while end.client.poll_transmit(&mut frame) {
            end.up.push_back(std::mem::take(&mut frame));
        }
        let Some(connection) = end.connection else { return };
        let passes: Vec<_> = end.up.drain(..up.min(end.up.len())).collect();
        for frame in passes {
            let is_hello = !self.ends[place].client.is_open();
            self.ends[place].greeted |= is_hello;
            self.runtime.receive(connection, &frame, NOW);
        }
        self.drain();
        let mut frames = Frames::default();
        self.runtime.poll_transmit(connection, &mut frames, bytes);
        let end = &mut self.ends[place];
        end.down.extend(frames.iter().map(<[u8]>::to_vec));
        let passes: Vec<_> = end.down.drain(..down.min(end.down.len())).collect();
        for frame in passes {
            end.hear(&frame);
        }
    }

    /// Everything comes to rest: all connected, stored, loaded, ended and read.
    fn settle(&mut self) {
        for _ in 0..3 {
            for job in 0..self.jobs.len() {
                self.step(&Step::Finish(job));
            }
            for end in 0..2 {
                self.step(&Step::Connect(end));
            }
            let mut quiet = 0;
            while quiet < 3 {
                let before = self.weight();
                for end in 0..2 {
                    self.step(&Step::Pass(end, usize::MAX, usize::MAX, usize::MAX));
                }
                while !self.batches.is_empty() {
                    self.step(&Step::Stored);
                }
                self.step(&Step::Loaded);
                quiet = if self.weight() == before { quiet + 1 } else { 0 };
            }
        }
    }

    fn weight(&self) -> (u64, u64, usize) {
        (self.runtime.stats().frames_in, self.runtime.stats().frames_out, self.batches.len())
    }

    fn check(&self) {
        for (place, end) in self.ends.iter().enumerate() {
            let mut told = 0;
            for job in &self.jobs {
                let heard = end.heard.get(&job.id).map_or(&[][..], Vec::as_slice);
                if job.owner == place || end.follows.contains(&job.id) {
                    assert_eq!(heard, job.happened, "job {} at session {place}", job.id);
                    told += job.happened.len() as u64;
                } else if !end.asked.contains(&job.id) {
                    assert!(heard.is_empty());
                }
            }
            if end.asked.is_empty() {
                assert_eq!(end.sequence, told, "every number stands for an event");
            }
        }
    }
}

impl End {
    fn hear(&mut self, frame: &[u8]) {
        let value: Value = serde_json::from_slice(frame).unwrap();
        if let Some(sequence) = value["event_seq"].as_u64() {
            assert_eq!(sequence, self.sequence + 1, "no gap, and nothing twice");
            self.sequence = sequence;
        }
        self.client.receive(frame, NOW);
        self.take_events();
    }

    fn take_events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            let (job, happened) = match event {
                client::Event::Job(event) => {
                    let body: Value = serde_json::from_str(event.body.get()).unwrap();
                    (event.job_id, Happened::Log(body["n"].as_u64().unwrap()))
                }
                client::Event::Chunk { job_id, bytes, .. } => (job_id, Happened::Chunk(bytes)),
                client::Event::Ended { job_id, outcome, .. } => match outcome {
                    Outcome::Result(result) => (job_id, Happened::Result(result.unwrap().get().to_owned())),
                    Outcome::Streamed { bytes, .. } => (job_id, Happened::Streamed(bytes.unwrap())),
                    Outcome::Failed(_, why) => (job_id, Happened::Failed(why.code)),
                    other => panic!("{other:?}"),
                },
                client::Event::Subscribed { job, .. } => {
                    self.asked.retain(|other| *other != job.job_id);
                    self.follows.push(job.job_id);
                    continue;
                }
                client::Event::Gap { .. } | client::Event::Nonsense(_) | client::Event::Failed(_) => {
                    panic!("{event:?}")
                }
                client::Event::Welcome { resumed, .. } => {
                    assert_eq!(resumed, self.sequence > 0 || self.welcomed);
                    self.welcomed = true;
                    self.greeted = false;
                    continue;
                }
                _ => continue,
            };
            self.heard.entry(job.to_string()).or_default().push(happened);
        }
    }
}

fn run(steps: &[Step], store: bool) {
    let mut world = World::new(store);
    for step in [Step::Connect(0), Step::Connect(1)].iter().chain(steps) {
        world.step(step);
    }
    world.settle();
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// ARCP §6.3, §8.3.
    #[test]
    fn sessions_lose_nothing_in_memory(steps in prop::collection::vec(step(), 1..150)) {
        run(&steps, false);
    }

    /// ARCP §6.3, §8.3.
    #[test]
    fn sessions_lose_nothing_over_a_slow_store(steps in prop::collection::vec(step(), 1..150)) {
        run(&steps, true);
    }
}

// What the property tests have found, step by step.

#[test]
fn a_client_that_had_all_when_it_came_back_loses_nothing() {
    use Step::{Break, Connect, Emit, Finish, Pass, Submit};
    run(
        &[
            Pass(0, 1, 1, 1),
            Submit(0),
            Submit(0),
            Pass(0, 2, 9999, 9),
            Finish(0),
            Emit(1),
            Pass(0, 0, 9999, 9),
            Break(0),
            Connect(0),
            Pass(0, 1, 1, 0),
        ],
        false,
    );
}

#[test]
fn the_end_of_a_job_whose_acceptance_was_lost_refuses_nothing_else() {
    use Step::{Break, Connect, Fail, Pass, Stored, Submit};
    run(
        &[
            Pass(1, 1, 1, 0),
            Stored,
            Pass(1, 0, 1, 1),
            Submit(1),
            Pass(1, 1, 1, 0),
            Break(1),
            Connect(1),
            Pass(1, 1, 1, 0),
            Stored,
            Fail(0),
            Stored,
            Pass(1, 0, 1, 1),
            Stored,
            Submit(1),
            Pass(1, 0, 9999, 9),
        ],
        true,
    );
}
