//! The state machine of a job (ARCP §7.3), in every sequence of what can happen to it, up to six steps behind one
//! another: one end, nothing behind it, and the right one.
//!
//! Nothing can happen to a job that was not submitted, so that every sequence begins with the submit. Time moves to one
//! of two deadlines; which of them is the earlier is tried both ways.

use ixt_arcp::envelope::{Envelope, FrameLimits};
use ixt_arcp::message::{Cancelled, EventPayload, JobError, JobResult, kind};
use ixt_arcp::runtime::{ConnectionId, Event, Frames, JobKey, Principal, Runtime, Settings};
use ixt_arcp::{AgentRef, Code, Inventory, Refusal, Timestamp};

/// 2026-09-21T14:13:20Z
const START_US: u64 = 1_790_000_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Another job: it is no matter to the first one.
    Submit,
    Start,
    Emit,
    Chunk,
    Finish,
    Fail,
    Cancel,
    Timeout,
    Expiry,
}

const STEPS: [Step; 9] = [
    Step::Submit,
    Step::Start,
    Step::Emit,
    Step::Chunk,
    Step::Finish,
    Step::Fail,
    Step::Cancel,
    Step::Timeout,
    Step::Expiry,
];

/// What the client is told of the first job.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Event(&'static str),
    Result { streamed: bool },
    Error(&'static str, &'static str),
    Cancelled { already: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Running,
    /// With what its agent is told then.
    Ended(&'static str),
}

/// How it should be.
struct Model {
    state: State,
    streams: bool,
    now: u64,
    /// When it has run for too long, and when its lease ends, in seconds.
    limit: u64,
    lease: u64,
    told: Vec<Told>,
    started: usize,
    stopped: usize,
}

impl Model {
    fn end(&mut self, told: Told, code: &'static str) {
        if self.state == State::Running && matches!(told, Told::Error(..)) {
            self.stopped += 1;
        }
        self.told.push(told);
        self.state = State::Ended(code);
    }

    /// What the agent's command gives: the code of a refusal, or nothing.
    fn step(&mut self, step: Step) -> Option<&'static str> {
        let agent = match self.state {
            State::Running => None,
            State::Pending => Some("INVALID_REQUEST"),
            State::Ended(code) => Some(code),
        };
        let live = !matches!(self.state, State::Ended(_));
        match step {
            Step::Submit => None,
            Step::Start => {
                if self.state == State::Pending {
                    self.state = State::Running;
                    self.started += 1;
                }
                None
            }
            Step::Emit | Step::Chunk | Step::Finish | Step::Fail if agent.is_some() => agent,
            Step::Emit => {
                self.told.push(Told::Event("log"));
                None
            }
            Step::Chunk => {
                self.streams = true;
                self.told.push(Told::Event("result_chunk"));
                None
            }
            Step::Finish => {
                if self.streams {
                    // The last part, which the agent did not say.
                    self.told.push(Told::Event("result_chunk"));
                }
                self.end(Told::Result { streamed: self.streams }, "CANCELLED");
                None
            }
            Step::Fail => {
                self.end(Told::Error("error", "INTERNAL_ERROR"), "CANCELLED");
                None
            }
            Step::Cancel => {
                self.told.push(Told::Cancelled { already: !live });
                if live {
                    self.end(Told::Error("cancelled", "CANCELLED"), "CANCELLED");
                }
                None
            }
            Step::Timeout | Step::Expiry => {
                self.now = self.now.max(if step == Step::Timeout { self.limit } else { self.lease });
                let (late, expired) = (self.limit <= self.now, self.lease <= self.now);
                if live && late && (!expired || self.limit < self.lease) {
                    self.end(Told::Error("timed_out", "TIMEOUT"), "TIMEOUT");
                } else if live && expired {
                    self.end(Told::Error("error", "LEASE_EXPIRED"), "CANCELLED");
                }
                None
            }
        }
    }
}

/// How it is.
struct Real {
    runtime: Runtime,
    connection: ConnectionId,
    now_us: u64,
    /// When the first job was submitted.
    since_us: u64,
    limit: u64,
    lease: u64,
    job: Option<(JobKey, String)>,
    told: Vec<Told>,
    started: usize,
    stopped: usize,
    sequence: u64,
}

impl Real {
    fn new(limit: u64, lease: u64) -> Self {
        let mut inventory = Inventory::default();
        inventory.register(AgentRef::parse("a").unwrap()).unwrap();
        let mut runtime = Runtime::new(Settings::default(), inventory, [3; 32], START_US);
        let connection = runtime.connect(START_US);
        let hello = br#"{"type":"session.hello","payload":{"auth":{"token":"t"},"capabilities":{"features":["lease_expires_at","result_chunk"]}}}"#;
        runtime.receive(connection, hello, START_US);
        assert!(matches!(runtime.poll_event(), Some(Event::Authenticate { .. })));
        runtime.authenticated(connection, Ok(Principal::new("p")), START_US);
        let mut real = Self {
            runtime,
            connection,
            now_us: START_US,
            since_us: START_US,
            limit,
            lease,
            job: None,
            told: Vec::new(),
            started: 0,
            stopped: 0,
            sequence: 0,
        };
        real.drain();
        real
    }

    /// Another sequence begins, with a job of its own.
    fn begin(&mut self) {
        self.told.clear();
        (self.started, self.stopped) = (0, 0);
        while self.runtime.poll_event().is_some() {}
        self.since_us = self.now_us;
        self.job = None;
        self.submit();
        let id = self.job.as_ref().map(|(_, id)| id.clone()).unwrap();
        self.job = Some((self.runtime.job(&id).unwrap(), id));
    }

    fn submit(&mut self) {
        let us = i64::try_from(self.since_us + self.lease * 1_000_000).unwrap();
        let expires_at = Timestamp::from_micros(us).unwrap();
        let (limit, id) = (self.limit, self.sequence);
        // What is submitted once its lease would have ended is refused, which is no matter to the first job either.
        let frame = format!(
            r#"{{"id":"s{id}","type":"job.submit","payload":{{"agent":"a","max_runtime_sec":{limit},"lease_constraints":{{"expires_at":"{expires_at}"}}}}}}"#
        );
        self.runtime.receive(self.connection, frame.as_bytes(), self.now_us);
        self.drain();
    }

    /// Reads all that was written.
    fn drain(&mut self) {
        let mut frames = Frames::default();
        while self.runtime.poll_transmit(self.connection, &mut frames, usize::MAX) {}
        for frame in frames.iter() {
            let envelope = Envelope::read(frame, FrameLimits::default()).unwrap();
            if let Some(sequence) = envelope.event_seq {
                assert_eq!(sequence, self.sequence + 1);
                self.sequence = sequence;
            }
            let Some(id) = &envelope.job_id else { continue };
            if self.job.is_none() {
                assert_eq!(envelope.kind, kind::JOB_ACCEPTED);
                self.job = Some((JobKey::from_raw(0), id.to_string()));
                continue;
            }
            if self.job.as_ref().is_some_and(|(_, first)| *first != **id) {
                continue;
            }
            self.told.push(match envelope.kind.as_str() {
                kind::JOB_EVENT => match envelope.payload::<EventPayload<'_>>().unwrap().kind.as_str() {
                    "log" => Told::Event("log"),
                    "result_chunk" => Told::Event("result_chunk"),
                    other => panic!("{other}"),
                },
                kind::JOB_RESULT => {
                    let result: JobResult<'_> = envelope.payload().unwrap();
                    assert_eq!(result.final_status.unwrap().as_str(), "success");
                    Told::Result { streamed: result.result_id.is_some() }
                }
                kind::JOB_ERROR => {
                    let error: JobError<'_> = envelope.payload().unwrap();
                    let code = Code::ALL.into_iter().find(|code| *code == Code::parse(&error.code)).unwrap();
                    Told::Error(error.final_status.unwrap().as_str(), leak(&code))
                }
                kind::JOB_CANCELLED => {
                    Told::Cancelled { already: envelope.payload::<Cancelled<'_>>().unwrap().already_terminal }
                }
                other => panic!("{other}"),
            });
        }
    }

    fn step(&mut self, step: Step) -> Option<&'static str> {
        let (job, id) = self.job.clone().unwrap();
        let now = self.now_us;
        let refused = match step {
            Step::Submit => {
                self.submit();
                None
            }
            Step::Start => {
                while let Some(event) = self.runtime.poll_event() {
                    match event {
                        Event::Start(start) if start.job == job => self.started += 1,
                        Event::Stop { job: stopped, .. } if stopped == job => self.stopped += 1,
                        _ => {}
                    }
                }
                None
            }
            Step::Emit => self.runtime.emit(job, "log", "{}", now).err(),
            Step::Chunk => self.runtime.chunk(job, b"x", true, now).err(),
            Step::Finish => self.runtime.finish(job, None, None, now).err(),
            Step::Fail => self.runtime.fail(job, &Refusal::new(Code::InternalError, "x"), now).err(),
            Step::Cancel => {
                let frame = format!(r#"{{"id":"c","type":"job.cancel","job_id":"{id}"}}"#);
                self.runtime.receive(self.connection, frame.as_bytes(), now);
                None
            }
            Step::Timeout | Step::Expiry => {
                let until = if step == Step::Timeout { self.limit } else { self.lease };
                self.now_us = now.max(self.since_us + until * 1_000_000);
                self.runtime.handle_timeout(self.now_us);
                None
            }
        };
        self.drain();
        refused.map(|refusal| leak(&refusal.code))
    }
}

fn leak(code: &Code) -> &'static str {
    ["INVALID_REQUEST", "CANCELLED", "TIMEOUT", "INTERNAL_ERROR", "LEASE_EXPIRED"]
        .into_iter()
        .find(|name| *name == code.as_str())
        .unwrap_or_else(|| panic!("{code}"))
}

fn run(real: &mut Real, steps: &[Step], limit: u64, lease: u64) {
    real.begin();
    let mut model = Model {
        state: State::Pending,
        streams: false,
        now: 0,
        limit,
        lease,
        told: Vec::new(),
        started: 0,
        stopped: 0,
    };
    for (place, step) in steps.iter().enumerate() {
        let (expected, got) = (model.step(*step), real.step(*step));
        assert_eq!(got, expected, "{:?} of {steps:?}, {limit} {lease}", place);
        assert_eq!(real.told, model.told, "{:?} of {steps:?}, {limit} {lease}", place);
    }
    // What is wanted of the agent: it is started at most once, and stopped once where it did not end by itself.
    real.step(Step::Start);
    model.step(Step::Start);
    assert_eq!((real.started, real.stopped), (model.started, model.stopped), "{steps:?}, {limit} {lease}");
    let ends = real.told.iter().filter(|told| matches!(told, Told::Result { .. } | Told::Error(..))).count();
    assert_eq!(ends, usize::from(matches!(model.state, State::Ended(_))));
}

fn all(limit: u64, lease: u64) {
    let mut real = Real::new(limit, lease);
    // What is shorter is the beginning of these, and is compared on the way.
    for number in 0..STEPS.len().pow(5) {
        if number % 100 == 0 {
            // What is left over from the sequences before is no matter, and slow.
            real = Real::new(limit, lease);
        }
        let mut rest = number;
        let steps: [Step; 5] = std::array::from_fn(|_| {
            let step = STEPS[rest % STEPS.len()];
            rest /= STEPS.len();
            step
        });
        run(&mut real, &steps, limit, lease);
    }
}

#[test]
fn every_sequence_has_one_end_where_the_job_may_run_for_less_than_its_lease() {
    all(10, 20);
}

#[test]
fn every_sequence_has_one_end_where_the_lease_ends_first() {
    all(20, 10);
}
