//! Our runtime in the place of the recorded ones: it is asked what they were asked, its agents do what theirs did, and
//! every official client gets what it needs.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ixt_arcp::runtime::{Event, JobKey, Runtime, Settings};
use ixt_arcp::{AgentRef, Code, Inventory, Refusal, Timestamp};
use serde_json::{Value, json};

use crate::recording::{GO, Line, PYTHON, PYTHON_TS, SUPERSET, TS, read};
use crate::world::{START_US, World};

/// A job whose agent emits progress every 50 ms, as `slow` of the recordings does.
struct Slow {
    job: JobKey,
    next_us: u64,
    done: u64,
    of: u64,
}

const STEP_US: u64 = 50_000;

/// The official clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sdk {
    Go,
    Python,
    TypeScript,
}

/// A recorded connection, replayed.
struct Conn {
    peer: usize,
    /// What was asked: the type and the id, in order.
    asked: Vec<(String, String)>,
    /// What the recorded runtime answered, and ours.
    theirs: Vec<Value>,
    ours: Vec<Value>,
}

struct Replay {
    sdk: Sdk,
    /// Whether the recorded runtime begins each job with an event of its own, so that its client counts one more.
    begins: bool,
    world: World,
    slow: Vec<Slow>,
    conns: HashMap<u32, Conn>,
    /// Our names for those of the recorded runtime: sessions, tokens, jobs.
    names: HashMap<String, String>,
}

/// How the frames of the recorded client are changed before our runtime reads them.
type Change = fn(&mut Value);

impl Replay {
    fn new(sdk: Sdk, begins: bool, start_us: u64) -> Self {
        let mut inventory = Inventory::default();
        for agent in ["echo@1.0.0", "echo@2.0.0", "chunky", "slow", "noop", "boom"] {
            inventory.register(AgentRef::parse(agent).unwrap()).unwrap();
        }
        let mut world = World::of(Runtime::new(Settings::default(), inventory, [9; 32], start_us));
        world.now_us = start_us;
        Self { sdk, begins, world, slow: Vec::new(), conns: HashMap::new(), names: HashMap::new() }
    }

    /// Lets time pass, and agents work.
    fn until(&mut self, at_us: u64) {
        loop {
            let slow = self.slow.iter().map(|slow| slow.next_us).min();
            let due = [slow, self.world.runtime.next_timeout()]
                .into_iter()
                .flatten()
                .filter(|due| *due <= at_us)
                .min();
            let Some(due) = due else { break };
            self.world.now_us = self.world.now_us.max(due);
            self.world.runtime.handle_timeout(self.world.now_us);
            self.world.pump();
            self.work();
        }
        self.world.now_us = self.world.now_us.max(at_us);
    }

    /// What the agents of the recordings do.
    fn work(&mut self) {
        while let Some(start) = self.world.started.pop() {
            let (job, input) = (start.job, serde_json::from_str::<Value>(&start.input).unwrap());
            if self.begins {
                self.world.emit(job, "status", json!({"phase": "running"})).unwrap();
            }
            match &*start.agent {
                "echo@2.0.0" => self.echo(job, input),
                "chunky" => {
                    for part in [&b"hello "[..], b"world ", b"\x00\xff"] {
                        let _ = self.world.runtime.chunk(job, part, true, self.world.now_us).unwrap();
                    }
                    self.world.runtime.finish(job, None, Some("3 chunks"), self.world.now_us).unwrap();
                }
                "slow" => {
                    let of = input["n"].as_u64().unwrap_or(1000);
                    self.slow.push(Slow { job, next_us: self.world.now_us, done: 0, of });
                }
                "noop" => self.world.finish(job, input),
                "boom" => {
                    let why = Refusal::new(Code::InternalError, "boom");
                    self.world.runtime.fail(job, &why, self.world.now_us).unwrap();
                }
                other => panic!("{other}"),
            }
            self.world.pump();
        }
        for wanted in std::mem::take(&mut self.world.wanted) {
            match wanted {
                Event::Stop { job, .. } => self.slow.retain(|slow| slow.job != job),
                Event::Ready { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        let now = self.world.now_us;
        for slow in &mut self.slow {
            if slow.next_us > now {
                continue;
            }
            slow.next_us += STEP_US;
            if slow.done == slow.of {
                self.world.runtime.finish(slow.job, Some(r#"{"done":true}"#), None, now).unwrap();
                slow.next_us = u64::MAX;
            } else {
                let body = json!({"current": slow.done, "total": 1000});
                let _ = self.world.runtime.emit(slow.job, "progress", &body.to_string(), now).unwrap();
                slow.done += 1;
            }
        }
        self.slow.retain(|slow| slow.next_us != u64::MAX);
        self.world.pump();
    }

    fn echo(&mut self, job: JobKey, input: Value) {
        assert_eq!(
            self.world.runtime.authorize(job, "tool.call", "search.web", self.world.now_us).unwrap(),
            "search.web"
        );
        for (kind, body) in [
            ("status", json!({"phase": "working", "message": "starting"})),
            ("log", json!({"level": "info", "message": "hello from agent"})),
            ("thought", json!({"text": "thinking"})),
            ("tool_call", json!({"tool": "search.web", "args": {"q": "x"}, "call_id": "c1"})),
            ("tool_result", json!({"call_id": "c1", "result": {"ok": true}})),
            ("metric", json!({"name": "cost.inference", "value": 0.25, "unit": "USD"})),
            ("artifact_ref", json!({"uri": "s3://b/k", "content_type": "text/plain", "byte_size": 3})),
            ("progress", json!({"current": 1, "total": 2, "units": "steps", "message": "half"})),
            ("x-vendor.acme.note", json!({"k": 1})),
        ] {
            self.world.emit(job, kind, body).unwrap();
        }
        self.world.finish(job, json!({"echoed": input}));
    }

    fn client_says(&mut self, conn: u32, frame: &str, change: Change) {
        let mut frame = frame.to_owned();
        for (theirs, ours) in &self.names {
            frame = frame.replace(theirs, ours);
        }
        let mut value: Value = serde_json::from_str(&frame).unwrap();
        change(&mut value);
        if !self.conns.contains_key(&conn) {
            let peer = self.world.peer();
            self.conns.insert(conn, Conn { peer, asked: Vec::new(), theirs: Vec::new(), ours: Vec::new() });
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let asked = (text(&value["type"]), text(&value["id"]));
        let state = self.conns.get_mut(&conn).unwrap();
        state.asked.push(asked);
        let peer = state.peer;
        self.world.raw(peer, &value.to_string());
        self.work();
        self.take(conn);
    }

    fn take(&mut self, conn: u32) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        state.ours.extend(self.world.take(state.peer));
    }

    /// What the recorded runtime answered: its names stand for ours.
    fn runtime_said(&mut self, conn: u32, frame: &str) {
        let theirs: Value = serde_json::from_str(frame).unwrap();
        self.take(conn);
        let Some(state) = self.conns.get_mut(&conn) else { return };
        let kind = theirs["type"].clone();
        state.theirs.push(theirs.clone());
        let nth = state.theirs.iter().filter(|frame| frame["type"] == kind).count() - 1;
        let ours = state.ours.iter().filter(|frame| frame["type"] == kind).nth(nth);
        let paths: &[&str] = match kind.as_str().unwrap() {
            "session.welcome" => &["/session_id", "/payload/resume_token"],
            "job.accepted" => &["/job_id"],
            _ => return,
        };
        let ours = ours.unwrap_or_else(|| panic!("{conn}: ours did not say {theirs}: {:#?}", state.ours));
        for path in paths {
            let name = |frame: &Value| frame.pointer(path).unwrap().as_str().unwrap().to_owned();
            self.names.insert(name(&theirs), name(ours));
        }
    }

    fn gone(&mut self, conn: u32) {
        let Some(state) = self.conns.get(&conn) else { return };
        if let Some(connection) = self.world.peers[state.peer].connection {
            self.world.cut(connection);
        }
        self.take(conn);
    }
}

fn replay(name: &str, sdk: Sdk, change: Change) -> Replay {
    let lines = read(name);
    let start_us = start_us(&lines);
    let mut replay = Replay::new(sdk, name == TS, start_us);
    for line in &lines {
        replay.until(start_us + line.t * 1000);
        match &line.frame {
            Some(frame) if line.from_client => replay.client_says(line.conn, frame, change),
            Some(frame) => replay.runtime_said(line.conn, frame),
            None if line.from_client => replay.gone(line.conn),
            None => {}
        }
    }
    for conn in replay.conns.values_mut() {
        conn.ours.extend(replay.world.take(conn.peer));
    }
    replay
}

/// When the recording began: what was accepted says the time, a little before it passed by.
fn start_us(lines: &[Line]) -> u64 {
    let accepted = lines.iter().filter_map(|line| {
        let frame: Value = serde_json::from_str(line.frame.as_deref()?).ok()?;
        let at = Timestamp::parse(frame.pointer("/payload/accepted_at")?.as_str()?).ok()?;
        Some(u64::try_from(at.micros()).unwrap() - line.t * 1000)
    });
    accepted.max().unwrap_or(START_US)
}

/// The end of each job, in the order of the ends: the result or the status and code.
fn ends(frames: &[Value]) -> Vec<(String, Value)> {
    let end = |frame: &Value| {
        let payload = &frame["payload"];
        // To one of them every `job.error` is an error, and its code says the rest.
        let status = match payload["code"].as_str() {
            Some("CANCELLED") => "cancelled",
            Some("TIMEOUT") => "timed_out",
            _ => payload["final_status"].as_str().unwrap_or_default(),
        };
        let status = status.to_owned();
        match frame["type"].as_str()? {
            "job.result" if payload["result_id"].is_string() => Some((status, json!("streamed"))),
            // Python tells all ends so.
            "job.result" if status == "cancelled" => Some((status, json!("CANCELLED"))),
            "job.result" if status == "timed_out" => Some((status, json!("TIMEOUT"))),
            "job.result" => Some((
                status,
                payload.get("result").or(payload.get("output")).unwrap_or(&Value::Null).clone(),
            )),
            // The code says it, whatever a client is told of the status.
            "job.error" => {
                let status = match payload["code"].as_str()? {
                    "CANCELLED" => "cancelled",
                    "TIMEOUT" => "timed_out",
                    _ => "error",
                };
                Some((status.to_owned(), payload["code"].clone()))
            }
            _ => None,
        }
    };
    frames.iter().filter_map(end).collect()
}

/// The codes of refusals, whichever way they are told.
fn refusals(frames: &[Value]) -> Vec<Value> {
    frames
        .iter()
        .filter(|frame| frame["type"] == "session.error")
        .map(|frame| frame["payload"]["code"].clone())
        .collect()
}

fn of_kind<'f>(frames: &'f [Value], kind: &str) -> Vec<&'f Value> {
    frames.iter().filter(|frame| frame["type"] == kind).collect()
}

/// Where a value is `null`.
fn nulls(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Null => found.push(path.to_owned()),
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| nulls(value, &format!("{path}/{name}"), found))
        }
        Value::Array(list) => list.iter().for_each(|value| nulls(value, &format!("{path}/*"), found)),
        _ => {}
    }
}

/// What every official client needs of every frame: the numbers are those of the list that a prototype proved against
/// them.
fn assert_frames(sdk: Sdk, conn: &Conn) {
    for frame in &conn.ours {
        // 1: `session_id` on every frame, errors before the welcome among them.
        assert!(frame["session_id"].as_str().is_some_and(|id| id.starts_with("sess_")), "{frame}");
        // 6: no `null`, but for where a list ends.
        let mut found = Vec::new();
        nulls(frame, "", &mut found);
        found.retain(|path| path != "/payload/next_cursor");
        assert!(found.is_empty(), "{found:?}: {frame}");
        let payload = &frame["payload"];
        match frame["type"].as_str().unwrap() {
            "session.welcome" => {
                // 2: what Python requires, and agents that TypeScript can read.
                assert_eq!(payload["session_id"], frame["session_id"]);
                Timestamp::parse(payload["accepted_at"].as_str().unwrap()).unwrap();
                let agents = payload["capabilities"]["agents"].as_array().unwrap();
                assert_eq!(agents.len(), 5);
                for agent in agents {
                    let versions = agent["versions"].as_array().unwrap();
                    let default = agent.get("default");
                    assert_eq!(default.is_some(), !versions.is_empty(), "{agent}");
                    assert!(default.is_none_or(|default| versions.contains(default)), "{agent}");
                }
            }
            "job.accepted" => {
                // 3: everything is there, and a budget is a number but for Python.
                assert!(payload["lease"].is_object(), "even where it is empty: {frame}");
                assert!(payload["agent"].is_string() && payload["request_id"].is_string(), "{frame}");
                assert_eq!(payload["job_id"], frame["job_id"]);
                Timestamp::parse(payload["accepted_at"].as_str().unwrap()).unwrap();
                let budget = payload.get("budget");
                assert_eq!(budget.is_some(), payload["lease"].get("cost.budget").is_some(), "{frame}");
                let expected = if sdk == Sdk::Python { json!({"USD": "USD:1"}) } else { json!({"USD": 1}) };
                assert!(budget.is_none_or(|budget| *budget == expected), "{frame}");
            }
            "job.result" => {
                // 5
                Timestamp::parse(payload["completed_at"].as_str().unwrap()).unwrap();
                assert_eq!(payload["final_status"], "success");
                assert_eq!(payload.get("result").is_some(), payload.get("result_id").is_none(), "{frame}");
                assert_eq!(
                    payload.get("output"),
                    payload.get("result").filter(|_| sdk == Sdk::Go),
                    "{frame}"
                );
            }
            "job.error" => {
                // 5
                Timestamp::parse(payload["completed_at"].as_str().unwrap()).unwrap();
                let status = payload["final_status"].as_str().unwrap();
                assert!(["error", "cancelled", "timed_out"].contains(&status), "{frame}");
                assert!(payload["code"].is_string() && payload["message"].is_string(), "{frame}");
                assert_eq!(payload["retryable"], payload["code"] == "INTERNAL_ERROR", "{frame}");
            }
            "session.jobs" => {
                // 6
                assert!(payload.get("next_cursor").is_some(), "always there: {frame}");
                assert!(payload["request_id"].is_string());
                for job in payload["jobs"].as_array().unwrap() {
                    assert_eq!(job["created_at"], job["submitted_at"]);
                    Timestamp::parse(job["created_at"].as_str().unwrap()).unwrap();
                    assert!(
                        job["lease"].is_object()
                            && job["last_event_seq"].is_u64()
                            && job["trace_id"].is_string()
                    );
                }
            }
            "job.subscribed" => {
                // 7
                assert!(payload["replayed"].is_boolean() && payload["request_id"].is_string(), "{frame}");
                assert!(payload["lease"].is_object() && payload["subscribed_from"].is_u64(), "{frame}");
            }
            "session.error" => {
                assert!(payload["code"].is_string() && payload["message"].is_string(), "{frame}");
                assert!(payload["retryable"].is_boolean(), "{frame}");
                assert!(payload["request_id"].is_string(), "Go reads whose refusal it is: {frame}");
            }
            "job.cancelled" => assert_eq!(payload["job_id"], frame["job_id"]),
            "job.event" => {
                Timestamp::parse(payload["ts"].as_str().unwrap()).unwrap();
                assert!(payload["kind"].is_string() && payload["body"].is_object(), "{frame}");
            }
            "session.closed" | "session.pong" | "session.ping" => {}
            other => panic!("{other}"),
        }
    }
    // The numbers of the session go on without a gap, whatever they count.
    let sequence: Vec<_> = conn.ours.iter().filter_map(|frame| frame["event_seq"].as_u64()).collect();
    assert!(sequence.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequence:?}");
}

/// Every request has its answer, in the way that its client reads.
fn assert_answers(sdk: Sdk, conn: &Conn) {
    let by_request = |kind: &str, id: &str| {
        of_kind(&conn.ours, kind).into_iter().filter(|frame| frame["payload"]["request_id"] == id).count()
    };
    let submits = conn.asked.iter().filter(|(kind, _)| kind == "job.submit").count();
    let accepted = of_kind(&conn.ours, "job.accepted");
    let known = |id: &Value| accepted.iter().any(|frame| frame["job_id"] == *id);
    let jobs: Vec<_> =
        of_kind(&conn.ours, "job.error").into_iter().filter(|frame| !known(&frame["job_id"])).collect();
    for (kind, id) in &conn.asked {
        let refused = by_request("session.error", id);
        match kind.as_str() {
            "session.hello" => {
                assert!(refused + of_kind(&conn.ours, "session.welcome").len() == 1, "{:?}", conn.ours)
            }
            "job.submit" if sdk == Sdk::TypeScript => {
                // 4: TypeScript would take a `session.error` for the end of all that it waits for.
                assert_eq!(refused, 0);
                assert_eq!(accepted.len() + jobs.len(), submits, "{:?}", conn.ours);
                assert!(jobs.iter().all(|frame| frame["payload"]["final_status"] == "error"));
            }
            "job.submit" => assert_eq!(by_request("job.accepted", id) + refused, 1, "{:?}", conn.ours),
            "session.list_jobs" => assert_eq!(by_request("session.jobs", id), 1),
            "job.subscribe" => assert_eq!(by_request("job.subscribed", id) + refused, 1),
            "job.cancel" => assert_eq!(by_request("job.cancelled", id) + refused, 1),
            "session.close" => assert_eq!(of_kind(&conn.ours, "session.closed").len(), 1),
            "session.bye" => {
                assert_eq!(of_kind(&conn.ours, "session.closed").len(), 0, "9: a bye has no answer")
            }
            "session.ack" | "session.pong" => assert_eq!(refused, 0),
            other => panic!("{other}"),
        }
    }
    if sdk != Sdk::TypeScript {
        assert!(jobs.is_empty() || conn.asked.iter().all(|(kind, _)| kind != "job.submit"), "{jobs:?}");
    }
}

/// Each recorded connection comes to the same end, but for what the recorded runtime did wrong.
fn assert_ends(replay: &Replay, differs: &HashMap<u32, &[(&str, Value)]>) {
    for (number, conn) in &replay.conns {
        let (mut theirs, ours) = (ends(&conn.theirs), ends(&conn.ours));
        if let Some(differs) = differs.get(number) {
            theirs = differs.iter().map(|(status, value)| ((*status).to_owned(), value.clone())).collect();
        }
        assert_eq!(ours, theirs, "connection {number}");
        for streamed in of_kind(&conn.ours, "job.result")
            .into_iter()
            .filter(|end| end["payload"]["result_id"].is_string())
        {
            assert_stream(conn, streamed);
        }
    }
}

fn assert_stream(conn: &Conn, end: &Value) {
    let chunks: Vec<_> = of_kind(&conn.ours, "job.event")
        .into_iter()
        .filter(|event| event["payload"]["kind"] == "result_chunk")
        .collect();
    let mut bytes = Vec::new();
    for (place, chunk) in chunks.iter().enumerate() {
        let body = &chunk["payload"]["body"];
        assert_eq!(body["chunk_seq"], place);
        assert_eq!(body["result_id"], end["payload"]["result_id"]);
        assert_eq!(body["more"], place + 1 < chunks.len());
        let data = body["data"].as_str().unwrap();
        // 8: one encoding, as Go bears no other.
        assert_eq!(body["encoding"], "base64", "{chunk}");
        bytes.extend(STANDARD.decode(data).unwrap());
    }
    assert_eq!(bytes, b"hello world \x00\xff");
    assert_eq!(end["payload"]["result_size"], bytes.len());
}

fn assert_all(replay: &Replay, differs: &HashMap<u32, &[(&str, Value)]>) {
    for conn in replay.conns.values() {
        assert_frames(replay.sdk, conn);
        assert_answers(replay.sdk, conn);
    }
    assert_ends(replay, differs);
}

fn unchanged(_: &mut Value) {}

fn done() -> Value {
    json!({"done": true})
}

#[test]
fn the_go_client_gets_what_it_needs() {
    let replay = replay(GO, Sdk::Go, unchanged);
    assert_eq!(replay.conns.len(), 19);
    assert_all(&replay, &HashMap::new());
    for (conn, code) in [
        (11, "AGENT_NOT_AVAILABLE"),
        (12, "AGENT_VERSION_NOT_AVAILABLE"),
        (13, "INVALID_REQUEST"),
        (17, "UNAUTHENTICATED"),
    ] {
        assert_eq!(refusals(&replay.conns[&conn].ours), [json!(code)]);
    }
    assert_resumed(&replay, 9, 10);
    assert_subscribed(&replay, 7);
}

#[test]
fn the_python_client_gets_what_it_needs() {
    let replay = replay(PYTHON, Sdk::Python, unchanged);
    assert_eq!(replay.conns.len(), 24);
    // Theirs did not go on with a session that it had resumed.
    let done = [("success", done())];
    // It was resumed for 4 s, in which our job ends.
    let differs: HashMap<u32, &[(&str, Value)]> = [(14, &done[..])].into();
    assert_all(&replay, &differs);
    for (conn, code) in [
        // Theirs said nothing to this one.
        (9, "JOB_NOT_FOUND"),
        (11, "PERMISSION_DENIED"),
        (15, "AGENT_NOT_AVAILABLE"),
        (16, "AGENT_VERSION_NOT_AVAILABLE"),
        (17, "INVALID_REQUEST"),
        (21, "DUPLICATE_KEY"),
        (22, "UNAUTHENTICATED"),
    ] {
        assert_eq!(refusals(&replay.conns[&conn].ours), [json!(code)], "connection {conn}");
    }
    assert_resumed(&replay, 13, 14);
    assert_subscribed(&replay, 7);
}

#[test]
fn the_typescript_client_gets_what_it_needs() {
    for name in [TS, SUPERSET] {
        let replay = replay(name, Sdk::TypeScript, unchanged);
        assert_eq!(replay.conns.len(), 24);
        let one = json!(1);
        let key = [("success", one.clone()), ("success", one), ("error", json!("DUPLICATE_KEY"))];
        let version = [("error", json!("AGENT_VERSION_NOT_AVAILABLE"))];
        let (nothing, done): ([(&str, Value); 0], _) = ([], [("success", done())]);
        let mut differs: HashMap<u32, &[(&str, Value)]> = HashMap::new();
        if name == TS {
            // Theirs told who may not cancel a job its end, did not resume, refused one submit unlike the others, and
            // did not tell an end again.
            differs.extend([(9, &nothing[..]), (14, &done[..]), (16, &version[..]), (21, &key[..])]);
        }
        assert_all(&replay, &differs);
        for (conn, code) in [(9, "JOB_NOT_FOUND"), (11, "PERMISSION_DENIED"), (22, "UNAUTHENTICATED")] {
            assert_eq!(refusals(&replay.conns[&conn].ours), [json!(code)], "connection {conn}");
        }
        assert_resumed(&replay, 13, 14);
        assert_subscribed(&replay, 7);
    }
}

/// The recorded client would have had its session: theirs left out what it requires.
#[test]
fn the_python_client_is_welcome_in_its_words() {
    let replay = replay(PYTHON_TS, Sdk::Python, unchanged);
    assert_eq!(replay.conns.len(), 20);
    let mut refused = 0;
    for conn in replay.conns.values() {
        assert_frames(Sdk::Python, conn);
        assert_answers(Sdk::Python, conn);
        refused += refusals(&conn.ours).len();
    }
    assert_eq!(refused, 1, "the wrong token alone");
}

/// 9: what peers may say in one way and in another means the same.
#[test]
fn the_other_way_to_say_it_means_the_same() {
    fn otherwise(frame: &mut Value) {
        let kind = frame["type"].as_str().unwrap().to_owned();
        match kind.as_str() {
            "session.hello" if frame["payload"].get("resume").is_some() => {
                let mut payload = frame["payload"]["resume"].take();
                payload["auth"] = frame["payload"]["auth"].take();
                frame["type"] = json!("session.resume");
                frame["payload"] = payload;
            }
            // The hello's id is a sign of who it is.
            "session.hello" => {}
            "session.close" => {
                frame["type"] = json!("session.bye");
                frame["payload"] = json!({});
            }
            "job.cancel" => {
                frame["payload"] = json!({"job_id": frame["job_id"]});
                frame.as_object_mut().unwrap().remove("job_id");
            }
            "job.subscribe" => {
                frame["job_id"] = frame["payload"]["job_id"].take();
                frame["payload"].as_object_mut().unwrap().remove("job_id");
            }
            _ => {}
        }
        frame["x-vendor.later"] = json!({"unknown": [null]});
        frame["payload"]["x-later"] = json!(1);
        if kind != "session.hello" {
            frame["id"] = json!(format!("¡any text! {}", frame["id"].as_str().unwrap()));
            frame.as_object_mut().unwrap().remove("arcp");
            frame.as_object_mut().unwrap().remove("session_id");
        }
    }
    let replay = replay(GO, Sdk::Go, otherwise);
    let mut said = 0;
    for conn in replay.conns.values() {
        assert_frames(Sdk::Go, conn);
        said += conn.asked.len();
    }
    assert_eq!(said, read(GO).iter().filter(|line| line.from_client && line.frame.is_some()).count());
    assert_ends(&replay, &HashMap::new());
    assert_resumed(&replay, 9, 10);
    assert_subscribed(&replay, 7);
}

/// The second connection goes on where the first one stopped, with the same session, another token, and no event lost
/// or told twice to who has said what it has.
fn assert_resumed(replay: &Replay, first: u32, second: u32) {
    let (before, after) = (&replay.conns[&first].ours, &replay.conns[&second].ours);
    let welcome = |frames: &[Value]| of_kind(frames, "session.welcome")[0].clone();
    let (old, new) = (welcome(before), welcome(after));
    assert_eq!(old["session_id"], new["session_id"]);
    assert_ne!(old["payload"]["resume_token"], new["payload"]["resume_token"]);
    let events = |frames: &[Value]| {
        let of_it = frames.iter().filter(|frame| frame["event_seq"].is_u64());
        of_it
            .map(|frame| (frame["event_seq"].as_u64().unwrap(), frame["payload"]["body"]["current"].as_u64()))
            .collect::<Vec<_>>()
    };
    // All recorded clients had five events when they were cut off.
    let mut all = events(before);
    all.truncate(5);
    all.extend(events(after));
    let begins = u64::from(replay.begins);
    let current = |number: u64| number.checked_sub(1 + begins).filter(|current| *current < 60);
    let expected: Vec<_> = (1..=61 + begins).map(|number| (number, current(number))).collect();
    assert_eq!(all, expected);
}

/// A second session is told what has happened, and what happens then, in its own numbers.
fn assert_subscribed(replay: &Replay, conn: u32) {
    let frames = &replay.conns[&conn].ours;
    let subscribed = of_kind(frames, "job.subscribed")[0];
    assert_eq!(subscribed["payload"]["replayed"], true);
    let first = frames.iter().position(|frame| frame["type"] == "job.event").unwrap();
    let answer = frames.iter().position(|frame| frame["type"] == "job.subscribed").unwrap();
    assert!(answer < first, "the history comes behind what announces it");
    let told =
        of_kind(frames, "job.event").into_iter().filter(|event| event["payload"]["kind"] == "progress");
    let told: Vec<_> = told.map(|event| event["payload"]["body"]["current"].as_u64().unwrap()).collect();
    assert_eq!(told, (0..30).collect::<Vec<_>>());
    assert!(subscribed["payload"]["subscribed_from"].as_u64().unwrap() >= 8, "{subscribed}");
}
