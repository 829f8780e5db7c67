//! A client that says exactly what it is told to, and keeps all that it hears.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use ixt::arcp::Transport;
use ixt::arcp::engine::runtime::Frames;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::clock::{QUIET, now};
use super::verdict::{Stop, failed, holds, skipped};
use super::wire::{From, Wire};

/// How many times the patience with one answer is the patience with all that comes before it.
const MOST: u32 = 20;

/// The code by which a request was refused.
type Refused = String;

/// A job of ours.
pub(super) struct Job {
    pub(super) id: String,
    /// What was said as it was accepted, or subscribed to.
    pub(super) opened: Value,
}

/// How a job went.
pub(super) struct Ended {
    pub(super) events: Vec<Value>,
    pub(super) end: Value,
}

pub(super) struct Peer {
    transport: Transport,
    wire: Rc<Wire>,
    patience: Duration,
    come: VecDeque<Value>,
    /// What came while something else was waited for.
    kept: VecDeque<Value>,
    over: bool,
    /// Whether it says nothing of itself, and lets pings go unanswered.
    is_silent: bool,
    pub(super) session: Option<String>,
    pub(super) welcome: Value,
    pub(super) resume_token: String,
    offered: Vec<String>,
    pub(super) last: u64,
    /// What the next welcome goes on behind.
    goes_on: Option<u64>,
}

impl Peer {
    pub(super) fn new(transport: Transport, wire: Rc<Wire>, patience: Duration) -> Self {
        Self {
            transport,
            wire,
            patience,
            come: VecDeque::new(),
            kept: VecDeque::new(),
            over: false,
            is_silent: false,
            session: None,
            welcome: Value::Null,
            resume_token: String::new(),
            offered: Vec::new(),
            last: 0,
            goes_on: None,
        }
    }

    /// Says something as it stands.
    pub(super) async fn raw(&mut self, text: &str) -> Result<(), Stop> {
        self.wire.note(From::Us, text);
        let mut frames = Frames::default();
        frames.push(text.as_bytes());
        self.transport
            .send(&mut frames)
            .await
            .map_err(|error| failed(format!("the connection broke: {error}")))
    }

    /// Says a frame, and gives its id.
    pub(super) async fn say(&mut self, kind: &str, payload: Value) -> Result<String, Stop> {
        self.say_with(kind, payload, json!({})).await
    }

    /// The same, with more fields on the envelope.
    pub(super) async fn say_with(&mut self, kind: &str, payload: Value, more: Value) -> Result<String, Stop> {
        let id = self.wire.id();
        let mut frame = json!({"arcp": "1.1", "id": id, "type": kind, "payload": payload});
        if let Some(session) = &self.session {
            frame["session_id"] = json!(session);
        }
        // The draft shows it in payloads, and has a field for it on the envelope.
        if frame["payload"]["job_id"].is_string() {
            frame["job_id"] = frame["payload"]["job_id"].clone();
        }
        if let (Some(frame), Value::Object(more)) = (frame.as_object_mut(), more) {
            frame.extend(more);
        }
        self.raw(&frame.to_string()).await?;
        Ok(id)
    }

    /// Says hello, and gives the welcome or why there is none.
    pub(super) async fn hello(
        &mut self,
        token: Option<&str>,
        features: &[&str],
        resume: Option<Value>,
    ) -> Result<Result<(), Refused>, Stop> {
        let mut payload = json!({
            "client": {"name": "ixt-conform", "version": env!("CARGO_PKG_VERSION")},
            "capabilities": {"encodings": ["json"], "features": features},
        });
        if let Some(token) = token {
            payload["auth"] = json!({"scheme": "bearer", "token": token});
        }
        if let Some(resume) = &resume {
            self.goes_on = resume["last_event_seq"].as_u64();
            payload["resume"] = resume.clone();
        }
        self.say("session.hello", payload).await?;
        let welcome = match self.answer("session.welcome").await? {
            Ok(welcome) => welcome,
            Err(refused) => return Ok(Err(refused)),
        };
        if self.session.is_none() {
            return Err(failed("a welcome without `session_id`"));
        }
        self.offered = features.iter().map(|feature| (*feature).to_owned()).collect();
        self.welcome = welcome;
        Ok(Ok(()))
    }

    /// Skips what the runtime cannot.
    pub(super) fn needs(&self, feature: &str) -> Result<(), Stop> {
        let theirs = self.welcome["payload"]["capabilities"]["features"].as_array();
        let is_there = theirs.is_some_and(|all| all.iter().any(|one| one == feature))
            && self.offered.iter().any(|one| one == feature);
        if is_there { Ok(()) } else { Err(skipped(format!("the runtime has no `{feature}`"))) }
    }

    /// The next frame that comes within some time; `None` where none does.
    async fn read(&mut self, until: Instant) -> Result<Option<Value>, Stop> {
        loop {
            if let Some(frame) = self.come.pop_front() {
                if frame["event_seq"].is_u64() && frame["type"] != "session.ping" {
                    self.last = frame["event_seq"].as_u64().unwrap_or(self.last);
                }
                if frame["type"] == "session.ping" && !self.is_silent {
                    let pong = json!({"ping_nonce": frame["payload"]["nonce"], "received_at": now()});
                    self.say("session.pong", pong).await?;
                }
                return Ok(Some(frame));
            }
            if self.over {
                return Ok(None);
            }
            let mut frames = Frames::default();
            match tokio::time::timeout_at(until, self.transport.receive(&mut frames)).await {
                Err(_) => return Ok(None),
                Ok(goes_on) => self.over = !goes_on,
            }
            for frame in frames.iter() {
                let text = String::from_utf8_lossy(frame);
                let read: Value = serde_json::from_str(&text).map_err(|error| {
                    self.wire.note(From::Them, &text);
                    failed(format!("a frame that is no JSON: {error}"))
                })?;
                if read["type"] == "session.welcome" {
                    self.begins(&read);
                }
                self.wire.came(&text, &read, self.session.as_deref());
                self.come.push_back(read);
            }
        }
    }

    /// A welcome has come: what follows it, in the same breath perhaps, is of its session.
    fn begins(&mut self, welcome: &Value) {
        let session = welcome["session_id"].as_str().or(welcome["payload"]["session_id"].as_str());
        self.session = session.map(str::to_owned);
        self.resume_token = welcome["payload"]["resume_token"].as_str().unwrap_or_default().to_owned();
        self.wire.hide(&self.resume_token);
        if let (Some(session), Some(last)) = (session, self.goes_on.take()) {
            self.last = last;
            self.wire.observed.borrow_mut().resumed(session, last);
        }
    }

    /// From now on it lets pings go unanswered, as a client does that hangs.
    pub(super) fn fall_silent(&mut self) {
        self.is_silent = true;
    }

    /// Whether the connection has ended.
    pub(super) fn is_over(&self) -> bool {
        self.over && self.come.is_empty()
    }

    /// The first frame that is wanted, of those kept and those that come. The others are kept.
    pub(super) async fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value, Stop> {
        if let Some(place) = self.kept.iter().position(&wanted)
            && let Some(frame) = self.kept.remove(place)
        {
            return Ok(frame);
        }
        let mut until = Instant::now() + self.patience;
        // Whatever comes: what is not there after so long never will be.
        let at_last = Instant::now() + self.patience * MOST;
        loop {
            match self.read(until.min(at_last)).await? {
                Some(frame) if wanted(&frame) => return Ok(frame),
                Some(frame) => {
                    // A runtime that has nothing to say has heartbeats to say, for ever.
                    if !matches!(frame["type"].as_str(), Some("session.ping" | "session.pong")) {
                        until = Instant::now() + self.patience;
                    }
                    self.kept.push_back(frame);
                }
                None if self.over => {
                    return Err(failed(format!("the connection ended, and no {what} had come")));
                }
                None => return Err(failed(format!("no {what} within {} s", self.patience.as_secs_f64()))),
            }
        }
    }

    /// Everything that comes until it has been quiet for so long.
    pub(super) async fn quiet(&mut self, pause: Duration) -> Result<Vec<Value>, Stop> {
        let mut frames: Vec<Value> = self.kept.drain(..).collect();
        while let Some(frame) = self.read(Instant::now() + pause).await? {
            frames.push(frame);
        }
        Ok(frames)
    }

    /// The answer of some kind, or a refusal.
    pub(super) async fn answer(&mut self, kind: &str) -> Result<Result<Value, Refused>, Stop> {
        let frame = self
            .until(kind, |frame| {
                let is = frame["type"].as_str().unwrap_or_default();
                // A refused submit may come as the error of a job that never was.
                is == kind
                    || is == "session.error"
                    || (is == "job.error" && kind == "job.accepted" && !frame["event_seq"].is_u64())
            })
            .await?;
        if frame["type"] == kind {
            return Ok(Ok(frame));
        }
        Ok(Err(frame["payload"]["code"].as_str().unwrap_or_default().to_owned()))
    }

    /// Asks, and gives the answer or the refusal.
    pub(super) async fn ask(
        &mut self,
        kind: &str,
        payload: Value,
        answer: &str,
    ) -> Result<Result<Value, Refused>, Stop> {
        self.say(kind, payload).await?;
        self.answer(answer).await
    }

    /// Asks for what is not to be refused.
    pub(super) async fn get(&mut self, kind: &str, payload: Value, answer: &str) -> Result<Value, Stop> {
        match self.ask(kind, payload, answer).await? {
            Ok(frame) => Ok(frame),
            Err(refused) => Err(failed(format!("{kind} was refused: {refused}"))),
        }
    }

    /// Asks for what is to be refused with one of some codes.
    pub(super) async fn denied(
        &mut self,
        kind: &str,
        payload: Value,
        answer: &str,
        codes: &[&str],
    ) -> Result<(), Stop> {
        let refused = match self.ask(kind, payload, answer).await? {
            Ok(_) => return Err(failed(format!("{kind} was not refused"))),
            Err(refused) => refused,
        };
        holds!(codes.contains(&refused.as_str()), "the code is {}, not {}", refused, codes.join(" or "));
        Ok(())
    }

    /// Cancels what it may not, and gives the code of the refusal; empty where nothing is said at all.
    pub(super) async fn refused_cancel(&mut self, job: &str) -> Result<Refused, Stop> {
        let kept = std::mem::take(&mut self.kept);
        self.say("job.cancel", json!({"job_id": job, "reason": "not mine"})).await?;
        let come = self.quiet(QUIET).await?;
        self.kept = kept;
        holds!(!come.iter().any(|frame| frame["type"] == "job.cancelled"), "job.cancel was not refused");
        let error = come.iter().find(|frame| frame["type"] == "session.error");
        Ok(error.and_then(|error| error["payload"]["code"].as_str()).unwrap_or_default().to_owned())
    }

    /// Submits a job.
    pub(super) async fn submit(&mut self, payload: Value) -> Result<Job, Stop> {
        let opened = self.get("job.submit", payload, "job.accepted").await?;
        job(opened)
    }

    /// The same, as a part of a trace.
    pub(super) async fn submit_in(&mut self, trace: &str, payload: Value) -> Result<Job, Stop> {
        self.say_with("job.submit", payload, json!({"trace_id": trace})).await?;
        match self.answer("job.accepted").await? {
            Ok(accepted) => job(accepted),
            Err(refused) => Err(failed(format!("job.submit was refused: {refused}"))),
        }
    }

    /// Subscribes to a job.
    pub(super) async fn subscribe(&mut self, id: &str, more: Value) -> Result<Job, Stop> {
        let mut payload = json!({"job_id": id});
        if let (Some(payload), Value::Object(more)) = (payload.as_object_mut(), more) {
            payload.extend(more);
        }
        let opened = self.get("job.subscribe", payload, "job.subscribed").await?;
        job(opened)
    }

    /// The next event of a job that is wanted.
    pub(super) async fn event(&mut self, job: &Job, wanted: impl Fn(&Value) -> bool) -> Result<Value, Stop> {
        self.until("such event of the job", |frame| {
            frame["type"] == "job.event" && frame["job_id"] == job.id && wanted(&frame["payload"])
        })
        .await
    }

    /// Reads a job to its end.
    pub(super) async fn ended(&mut self, job: &Job) -> Result<Ended, Stop> {
        let mut events = Vec::new();
        loop {
            let frame = self
                .until("end of the job", |frame| {
                    let of = frame["job_id"].as_str().or(frame["payload"]["job_id"].as_str());
                    of == Some(job.id.as_str())
                        && matches!(frame["type"].as_str(), Some("job.event" | "job.result" | "job.error"))
                })
                .await?;
            if frame["type"] != "job.event" {
                return Ended { events, end: frame }.supported();
            }
            events.push(frame);
        }
    }
}

/// The job that an answer is about.
pub(super) fn job(opened: Value) -> Result<Job, Stop> {
    let id = opened["payload"]["job_id"].as_str().or(opened["job_id"].as_str());
    let id = id.ok_or_else(|| failed("an answer without `job_id`"))?.to_owned();
    Ok(Job { id, opened })
}

impl Ended {
    /// An agent says by a status when it cannot do a step; that tells nothing of the runtime.
    fn supported(self) -> Result<Self, Stop> {
        let cannot = self.events.iter().map(|event| &event["payload"]).find_map(|payload| {
            (payload["kind"] == "status" && payload["body"]["phase"] == "unsupported")
                .then(|| payload["body"]["message"].as_str().unwrap_or("a step").to_owned())
        });
        match cannot {
            Some(step) => Err(skipped(format!("the agent has no step `{step}`"))),
            None => Ok(self),
        }
    }

    pub(super) fn is_success(&self) -> bool {
        self.end["type"] == "job.result"
    }

    pub(super) fn code(&self) -> &str {
        self.end["payload"]["code"].as_str().unwrap_or_default()
    }

    pub(super) fn status(&self) -> &str {
        self.end["payload"]["final_status"].as_str().unwrap_or_default()
    }

    /// The bodies of its events of a kind.
    pub(super) fn bodies(&self, kind: &str) -> Vec<&Value> {
        self.events
            .iter()
            .map(|event| &event["payload"])
            .filter(|payload| payload["kind"] == kind)
            .map(|payload| &payload["body"])
            .collect()
    }

    /// The messages of its log.
    pub(super) fn messages(&self) -> Vec<&str> {
        self.bodies("log").iter().filter_map(|body| body["message"].as_str()).collect()
    }

    /// What came of its calls, in order: the code of an error, or nothing.
    pub(super) fn calls(&self) -> Vec<Option<&str>> {
        self.bodies("tool_result").iter().map(|body| body["error"]["code"].as_str()).collect()
    }
}
