//! A runtime that ends without notice and begins again, with each store.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use ixt_arcp::Secret;
use ixt_arcp::client::{self, Client, JobInfo, Outcome, Submission};
use ixt_arcp::message::ListJobs;
use ixt_arcp::runtime::{ConnectionId, Event, Frames, Issued, JobKey, Principal, Settings, Start};
use ixt_arcp::{AgentRef, Code, Inventory, Refusal, Runtime};
use ixt_arcp_store::{Durability, Memory, Sqlite, Store};

const START_US: u64 = 1_790_000_000_000_000;
/// How long ended jobs are kept.
const WINDOW_US: u64 = 600_000_000;

/// A store that can be left without notice and found again.
trait Found: Store + Sized {
    fn made(path: &Path) -> Self;
    fn found(self, path: &Path) -> Self;
}

impl Found for Memory {
    fn made(_: &Path) -> Self {
        Self::default()
    }

    fn found(self, _: &Path) -> Self {
        self
    }
}

impl Found for Sqlite {
    fn made(path: &Path) -> Self {
        Self::open(path, Durability::Full).unwrap()
    }

    fn found(self, path: &Path) -> Self {
        drop(self);
        Self::made(path)
    }
}

/// A client, and what it was told.
struct End {
    engine: Client,
    connection: Option<ConnectionId>,
    token: &'static str,
    /// Frames that it reads before its connection breaks.
    reads: usize,
    events: Vec<client::Event>,
}

struct World<S> {
    folder: tempfile::TempDir,
    store: S,
    runtime: Runtime,
    now_us: u64,
    seed: u8,
    ends: Vec<End>,
    started: Vec<Start>,
    revoked: Vec<String>,
    loads: usize,
}

fn inventory() -> Inventory {
    let mut inventory = Inventory::default();
    for agent in ["plain", "again"] {
        inventory.register(AgentRef::parse(agent).unwrap()).unwrap();
    }
    inventory
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.store = true;
    settings.credentials = true;
    // So little is kept in memory that most is loaded.
    settings.max_log = 2000;
    settings.heartbeat_ms = u32::MAX / 4;
    settings
}

fn runtime(store: &mut impl Store, seed: u8, now_us: u64) -> Runtime {
    let restartable = HashSet::from(["again".to_owned()]);
    let snapshot = store.snapshot().unwrap();
    Runtime::restored(settings(), inventory(), restartable, snapshot, [seed; 32], now_us)
}

impl<S: Found> World<S> {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut store = S::made(&folder.path().join("store"));
        let runtime = runtime(&mut store, 1, START_US);
        let (started, revoked) = (Vec::new(), Vec::new());
        Self {
            folder,
            store,
            runtime,
            now_us: START_US,
            seed: 1,
            ends: Vec::new(),
            started,
            revoked,
            loads: 0,
        }
    }

    /// The runtime is no more, and what it had not stored neither; another one begins.
    fn crash(self) -> Self {
        let Self { folder, store, now_us, seed, mut ends, .. } = self;
        for end in &mut ends {
            end.connection = None;
            end.engine.transport_ended(now_us);
        }
        let mut store = store.found(&folder.path().join("store"));
        let (seed, now_us) = (seed + 1, now_us + 1_000_000);
        let runtime = runtime(&mut store, seed, now_us);
        let (started, revoked) = (Vec::new(), Vec::new());
        let mut world = Self { folder, store, runtime, now_us, seed, ends, started, revoked, loads: 0 };
        world.pump();
        world
    }

    fn connect(&mut self, token: &'static str) -> usize {
        let mut settings = client::Settings::default();
        settings.ack_ms = 0;
        let place = self.ends.len();
        let engine = Client::new(settings, [u8::try_from(place).unwrap() + 100; 32], self.now_us);
        self.ends.push(End { engine, connection: None, token, reads: usize::MAX, events: Vec::new() });
        self.reconnect(place);
        place
    }

    fn reconnect(&mut self, place: usize) {
        let connection = self.runtime.connect(self.now_us);
        let end = &mut self.ends[place];
        end.connection = Some(connection);
        end.reads = usize::MAX;
        end.engine.hello(end.token, self.now_us);
        self.pump();
        assert!(self.ends[place].engine.is_open(), "{:?}", self.ends[place].events);
    }

    /// Lets time pass.
    fn wait(&mut self, us: u64) {
        self.now_us += us;
        self.runtime.handle_timeout(self.now_us);
        self.pump();
    }

    fn pump(&mut self) {
        loop {
            let mut moved = false;
            for end in &mut self.ends {
                let mut frame = Vec::new();
                while end.engine.poll_transmit(&mut frame) {
                    moved = true;
                    if let Some(connection) = end.connection {
                        self.runtime.receive(connection, &frame, self.now_us);
                    }
                    frame.clear();
                }
                while let Some(event) = end.engine.poll_event() {
                    moved = true;
                    end.events.push(event);
                }
            }
            while let Some(batch) = self.runtime.poll_store() {
                moved = true;
                self.store.write(std::slice::from_ref(&batch)).unwrap();
                self.runtime.stored(batch.lsn);
            }
            while let Some(load) = self.runtime.poll_load() {
                moved = true;
                self.loads += 1;
                let events = self.store.load(&load).unwrap();
                self.runtime.loaded(load, events);
            }
            while let Some(event) = self.runtime.poll_event() {
                moved = true;
                self.heed(event);
            }
            while let Some(connection) = self.runtime.poll_writable() {
                let mut frames = Frames::default();
                while self.runtime.poll_transmit(connection, &mut frames, 1000) {
                    moved = true;
                    self.deliver(connection, &frames);
                    frames.clear();
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn heed(&mut self, event: Event) {
        match event {
            Event::Authenticate { connection, token, .. } => {
                let principal = Principal::new(token.reveal());
                self.runtime.authenticated(connection, Ok(principal), self.now_us);
            }
            Event::Start(start) => self.started.push(*start),
            Event::Provision { job, job_id, .. } => {
                let issued = Issued {
                    id: format!("cred of {job_id}"),
                    scheme: "bearer".into(),
                    value: Secret::new("the secret"),
                    endpoint: "https://models.example".into(),
                    profile: None,
                    constraints: None,
                };
                self.runtime.provisioned(job, Ok(vec![issued]), self.now_us);
            }
            Event::Revoke { credential, job, .. } => {
                self.revoked.push(credential.clone());
                // The service cannot be reached from job to job.
                let works = !credential.ends_with("unreachable");
                self.runtime.revoked(job, &credential, works, self.now_us);
            }
            _ => {}
        }
    }

    fn deliver(&mut self, connection: ConnectionId, frames: &Frames) {
        let Some(end) = self.ends.iter_mut().find(|end| end.connection == Some(connection)) else { return };
        for frame in frames.iter() {
            if end.reads == 0 {
                end.connection = None;
                end.engine.transport_ended(self.now_us);
                self.runtime.transport_ended(connection, self.now_us);
                return;
            }
            end.reads -= 1;
            end.engine.receive(frame, self.now_us);
        }
    }

    /// Submits, and gives the job's id and key.
    fn submit(&mut self, place: usize, wanted: &Submission<'_>) -> (String, JobKey) {
        let before = self.ends[place].events.len();
        self.ends[place].engine.submit(wanted, self.now_us).unwrap();
        self.pump();
        let accepted = self.ends[place].events[before..].iter().find_map(|event| match event {
            client::Event::Accepted { job, .. } => Some(job.job_id.clone()),
            _ => None,
        });
        let id = accepted.unwrap_or_else(|| panic!("{:?}", &self.ends[place].events[before..]));
        let key = self.runtime.job(&id).unwrap_or(JobKey::from_raw(0));
        (id, key)
    }

    fn log(&mut self, job: JobKey, count: u32) {
        for number in 0..count {
            let body = format!(r#"{{"level":"info","message":"{number} of {}"}}"#, job.raw());
            let _ = self.runtime.emit(job, "log", &body, self.now_us).unwrap();
            self.pump();
        }
    }

    fn list(&mut self, place: usize) -> Vec<JobInfo> {
        self.ends[place].engine.list_jobs(&ListJobs::default(), self.now_us).unwrap();
        self.pump();
        match self.ends[place].events.last() {
            Some(client::Event::Jobs { jobs, .. }) => jobs.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// What a new session is told of the whole history of a job: kinds and bodies, and the end.
    fn history(&mut self, token: &'static str, job_id: &str) -> Vec<String> {
        let place = self.connect(token);
        self.ends[place].engine.subscribe(job_id, Some(0), self.now_us).unwrap();
        self.pump();
        let history = self.ends[place].events.iter().filter_map(|event| match event {
            client::Event::Job(event) => Some(format!("{} {:?} {}", event.kind, event.ts, event.body)),
            client::Event::Ended { outcome, .. } => Some(format!("{outcome:?}")),
            client::Event::Gap { .. } | client::Event::Failed(_) => panic!("{event:?}"),
            _ => None,
        });
        history.collect()
    }

    /// The end that a client was told of a job, as often as it was.
    fn ends_of(&self, place: usize, job_id: &str) -> Vec<Outcome> {
        let ends = self.ends[place].events.iter().filter_map(|event| match event {
            client::Event::Ended { job_id: ended, outcome, .. } if **ended == *job_id => {
                Some(outcome.clone())
            }
            _ => None,
        });
        ends.collect()
    }
}

/// The numbers of all events that came, in their order.
fn numbers(end: &End) -> Vec<u64> {
    let number = |event: &client::Event| match event {
        client::Event::Job(event) => event.event_seq,
        client::Event::Ended { event_seq, .. } => *event_seq,
        client::Event::Gap { .. } | client::Event::Failed(_) => panic!("{event:?}"),
        _ => None,
    };
    end.events.iter().filter_map(number).collect()
}

fn is_died(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(_, why) if why.code == Code::InternalError && why.retryable)
}

fn shown(job: &JobInfo) -> String {
    format!("{job:?}")
}

fn everything_is_there_again<S: Found>() {
    let mut world = World::<S>::new();
    let ann = world.connect("ann");
    let done = Submission::new("plain").with_input("{\"n\":1}").with_key("done");
    let (done_id, done_job) = world.submit(ann, &done);
    let (died_id, died_job) = world.submit(ann, &Submission::new("plain").with_key("died"));
    let lease = r#"{"cost.budget":["USD:2.00"],"agent.delegate":["**"]}"#;
    let again = Submission::new("again").with_input("[2]").with_lease(lease);
    let (again_id, again_job) = world.submit(ann, &again);
    let (other_id, _) = {
        let ben = world.connect("ben");
        world.submit(ben, &Submission::new("plain"))
    };
    world.log(done_job, 300);
    world.log(died_job, 20);
    let cost = r#"{"name":"cost.model","value":0.5,"unit":"USD"}"#;
    let _ = world.runtime.emit(again_job, "metric", cost, world.now_us).unwrap();
    world.pump();
    // What a job delegated spends too, and ends with it.
    let child = ixt_arcp::runtime::Delegate::new("c1", "again", "{}");
    let child = world.runtime.delegate(again_job, &child, world.now_us).unwrap();
    world.pump();
    let _ = world.runtime.emit(child, "metric", cost, world.now_us).unwrap();
    world.pump();
    let part =
        ixt_arcp::runtime::Delegate::new("c2", "again", "{}").with_lease(r#"{"cost.budget":["USD:0.75"]}"#);
    let part = world.runtime.delegate(again_job, &part, world.now_us).unwrap();
    world.pump();
    let quarter = r#"{"name":"cost.model","value":0.25,"unit":"USD"}"#;
    let _ = world.runtime.emit(part, "metric", quarter, world.now_us).unwrap();
    world.pump();
    // The client has read some, is done with fewer, and its connection breaks in the middle.
    world.ends[ann].engine.ack(50, world.now_us);
    world.pump();
    world.ends[ann].reads = 7;
    world.log(done_job, 40);
    assert!(world.ends[ann].connection.is_none());
    world.runtime.finish(done_job, Some("{\"answer\":42}"), Some("done"), world.now_us).unwrap();
    world.pump();
    assert_eq!(world.revoked, [format!("cred of {done_id}")]);
    let history = world.history("ann", &done_id);
    assert_eq!(history.len(), 341);
    assert!(world.loads > 0, "so little is in memory that it was loaded");
    let observer = world.connect("ann");
    let listed: BTreeMap<_, _> =
        world.list(observer).iter().map(|job| (job.job_id.clone(), shown(job))).collect();
    assert_eq!(listed.len(), 5);

    let mut world = world.crash();

    // What lived is revoked and, where it may be, started again; nothing else is.
    world.revoked.sort();
    let mut live = [&died_id, &again_id, &other_id].map(|id| format!("cred of {id}"));
    live.sort();
    assert_eq!(world.revoked, live);
    let started: Vec<_> = world.started.iter().map(|start| (&*start.job_id, start.attempt)).collect();
    assert_eq!(started, [(&*again_id, 2)]);
    assert_eq!((&*world.started[0].agent, &*world.started[0].input), ("again", "[2]"));
    assert_eq!(world.runtime.budget(again_job), r#"{"USD":0.75}"#, "2.00 less 0.50, 0.50 and 0.25");

    // The session goes on where it stopped, and no event is missing or there twice.
    world.reconnect(ann);
    let numbers = numbers(&world.ends[ann]);
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let outcome = world.ends_of(ann, &done_id);
    assert!(matches!(&outcome[..], [Outcome::Result(Some(result))] if result.get() == "{\"answer\":42}"));
    let outcome = world.ends_of(ann, &died_id);
    assert!(matches!(&outcome[..], [died] if is_died(died)), "{outcome:?}");
    assert_eq!(world.ends_of(ann, &again_id).len(), 0);

    // Lists and histories are what they were, but for what the crash ended.
    assert_eq!(world.history("ann", &done_id), history);
    assert!(world.loads > 0);
    let after = world.list(ann);
    assert_eq!(after.len(), 5);
    for job in &after {
        let status = match &job.job_id {
            id if *id == done_id => "success",
            id if *id == again_id => "running",
            _ => "error",
        };
        assert_eq!(job.status, status, "{job:?}");
        if job.job_id == done_id {
            assert_eq!(Some(&shown(job)), listed.get(&job.job_id));
        }
    }

    // The same keys are the same jobs, in another session too, and end again as they ended.
    let second = world.connect("ann");
    let died = Submission::new("plain").with_key("died");
    for place in [ann, second] {
        assert_eq!(world.submit(place, &done).0, done_id);
        assert_eq!(world.submit(place, &died).0, died_id);
    }
    let outcome = world.ends_of(second, &done_id);
    assert!(matches!(&outcome[..], [Outcome::Result(Some(result))] if result.get() == "{\"answer\":42}"));
    let outcome = world.ends_of(second, &died_id);
    assert!(matches!(&outcome[..], [died] if is_died(died)), "{outcome:?}");
    world.ends[ann].engine.submit(&Submission::new("again").with_key("died"), world.now_us).unwrap();
    world.pump();
    let refused = world.ends[ann].events.last();
    assert!(
        matches!(refused, Some(client::Event::Refused { why, .. }) if why.code == Code::DuplicateKey),
        "{refused:?}"
    );

    // And what goes on ends as if nothing had been.
    world.log(again_job, 5);
    world.runtime.finish(again_job, Some("\"late\""), None, world.now_us).unwrap();
    world.pump();
    let outcome = world.ends_of(ann, &again_id);
    assert!(matches!(&outcome[..], [Outcome::Result(Some(result))] if result.get() == "\"late\""));
    let told = world.ends[ann].engine.last_event();
    assert!(told > numbers.len() as u64);
    world.ends[ann].engine.ack(told, world.now_us);
    world.pump();

    // A third one knows it all, with nothing left to do.
    let list = world.list(ann);
    let mut world = world.crash();
    assert_eq!((world.started.len(), world.revoked.len()), (0, 0));
    world.reconnect(ann);
    let again: Vec<_> = world.list(ann).iter().map(shown).collect();
    assert_eq!(again, list.iter().map(shown).collect::<Vec<_>>());
}

#[test]
fn everything_is_there_again_from_memory() {
    everything_is_there_again::<Memory>();
}

/// ARCP §6.3.
#[test]
fn everything_is_there_again_from_sqlite() {
    everything_is_there_again::<Sqlite>();
}

fn a_key_outlives_its_job<S: Found>() {
    let mut world = World::<S>::new();
    let ann = world.connect("ann");
    let keyed = Submission::new("plain").with_key("k");
    let (id, _) = world.submit(ann, &keyed);
    // The agent dies with its runtime, and that it did is kept with the key.
    let mut world = world.crash();
    world.reconnect(ann);
    assert_eq!(world.ends_of(ann, &id).len(), 1);
    let last = world.ends[ann].engine.last_event();
    world.ends[ann].engine.ack(last, world.now_us);
    world.pump();
    for _ in 0..3 {
        world.wait(WINDOW_US);
    }
    assert_eq!(world.runtime.jobs(), 0, "it is forgotten");
    // Ann's session ends too, and nothing has a name any more but the key.
    let connection = world.ends[ann].connection.take().unwrap();
    world.runtime.transport_ended(connection, world.now_us);
    world.ends[ann].engine.transport_ended(world.now_us);
    for _ in 0..3 {
        world.wait(WINDOW_US);
    }
    assert_eq!((world.runtime.jobs(), world.runtime.sessions()), (0, 0));
    let mut world = world.crash();
    let ben = world.connect("ben");
    let (others, _) = world.submit(ben, &Submission::new("plain"));
    for _ in 0..4 {
        // One of these would have had the forgotten job's key.
        world.submit(ben, &Submission::new("plain"));
    }
    let ann = world.connect("ann");
    let (same, _) = world.submit(ann, &keyed);
    assert_eq!(same, id);
    assert_ne!(same, others);
    let outcome = world.ends_of(ann, &id);
    assert!(matches!(&outcome[..], [died] if is_died(died)), "{outcome:?}");
}

#[test]
fn a_key_outlives_its_job_in_memory() {
    a_key_outlives_its_job::<Memory>();
}

/// ARCP §7.2.
#[test]
fn a_key_outlives_its_job_in_sqlite() {
    a_key_outlives_its_job::<Sqlite>();
}

fn a_credential_outlives_its_job<S: Found>() {
    let mut world = World::<S>::new();
    let ann = world.connect("ann");
    world.ends[ann].engine.submit(&Submission::new("plain"), world.now_us).unwrap();
    // By hand, as the service shall fail.
    let (job, job_id) = loop {
        let mut frame = Vec::new();
        while world.ends[ann].engine.poll_transmit(&mut frame) {
            let connection = world.ends[ann].connection.unwrap();
            world.runtime.receive(connection, &frame, world.now_us);
            frame.clear();
        }
        if let Some(Event::Provision { job, job_id, .. }) = world.runtime.poll_event() {
            break (job, job_id);
        }
    };
    let issued = Issued {
        id: "unreachable".into(),
        scheme: "bearer".into(),
        value: Secret::new("the secret"),
        endpoint: "https://models.example".into(),
        profile: None,
        constraints: None,
    };
    world.runtime.provisioned(job, Ok(vec![issued]), world.now_us);
    world.pump();
    world.runtime.finish(job, None, None, world.now_us).unwrap();
    world.pump();
    let last = world.ends[ann].engine.last_event();
    world.ends[ann].engine.ack(last, world.now_us);
    for _ in 0..2 {
        world.wait(WINDOW_US);
    }
    assert_eq!(world.runtime.jobs(), 0);
    assert!(world.revoked.len() > 1, "it is tried again");
    let mut world = world.crash();
    assert_eq!(world.revoked, ["unreachable"]);
    let snapshot = world.store.snapshot().unwrap();
    assert_eq!(snapshot.credentials, [(job, job_id, "unreachable".to_owned())]);
    world.runtime.revoked(job, "unreachable", true, world.now_us);
    world.pump();
    assert_eq!(world.crash().revoked, [""; 0]);
}

#[test]
fn a_credential_outlives_its_job_in_memory() {
    a_credential_outlives_its_job::<Memory>();
}

/// ARCP §9.8, §14.
#[test]
fn a_credential_outlives_its_job_in_sqlite() {
    a_credential_outlives_its_job::<Sqlite>();
}

#[test]
fn no_secret_is_in_the_file() {
    let mut world = World::<Sqlite>::new();
    let ann = world.connect("ann's own token");
    let (_, job) = world.submit(ann, &Submission::new("plain"));
    world
        .runtime
        .rotate(
            job,
            &format!("cred of {}", world.runtime.job_id(job).unwrap()),
            Secret::new("the secret's heir"),
            world.now_us,
        )
        .unwrap();
    world.runtime.fail(job, &Refusal::new(Code::InternalError, "said"), world.now_us).unwrap();
    world.pump();
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let has = |text: &str| bytes.windows(text.len()).any(|found| found == text.as_bytes());
        assert!(!has("the secret"));
    }
}
