//! Our client in the place of the recorded ones: it asks what they asked, hears what they heard, and comes to the same
//! outcome.

use std::collections::HashMap;
use std::fmt::Write;

use ixt_arcp::Text;
use ixt_arcp::client::{Client, Event, JobInfo, Outcome, RequestId, Settings, Submission};
use ixt_arcp::message::{Filter, ListJobs};
use serde_json::{Value, json};

use crate::recording::{GO, Line, PYTHON, SUPERSET, TS, read};
use crate::world::START_US;

/// A session's client, and what it has heard on the present connection.
struct Session {
    client: Client,
    heard: Vec<Event>,
}

struct Replay {
    sessions: Vec<Session>,
    /// The session of each connection.
    of_conn: HashMap<u32, usize>,
    /// The ids of our messages for those of the recorded ones.
    ids: HashMap<String, String>,
    requests: HashMap<RequestId, &'static str>,
    now_us: u64,
    /// Whether the runtime knows `session.close`.
    knows_close: bool,
    /// What came of each connection, a line each.
    outcome: Vec<String>,
}

fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    value.pointer(path).and_then(Value::as_str)
}

impl Replay {
    fn session(&mut self, conn: u32) -> &mut Session {
        let place = self.of_conn[&conn];
        &mut self.sessions[place]
    }

    /// Takes the one frame that our client says, which is to mean the same as the recorded one.
    fn said(&mut self, conn: u32, recorded: &Value) {
        let mut frame = Vec::new();
        assert!(
            self.session(conn).client.poll_transmit(&mut frame),
            "nothing was said, where this was: {recorded}"
        );
        let said: Value = serde_json::from_slice(&frame).unwrap();
        assert!(!self.session(conn).client.poll_transmit(&mut frame), "{}", String::from_utf8_lossy(&frame));
        let (payload, other) = (&said["payload"], &recorded["payload"]);
        if recorded["type"] != "session.bye" {
            assert_eq!(said["type"], recorded["type"]);
            // The session's id is the runtime's, so that it stays as it was recorded.
            assert_eq!(said.get("session_id"), recorded.get("session_id"));
        }
        let same: &[&str] = match recorded["type"].as_str().unwrap() {
            "session.hello" => &["/auth", "/resume"],
            "session.pong" => &["/ping_nonce"],
            "session.ack" => &["/last_processed_seq"],
            "session.list_jobs" => &["/filter"],
            "job.submit" => &[
                "/agent",
                "/input",
                "/lease_request",
                "/lease_constraints",
                "/idempotency_key",
                "/max_runtime_sec",
            ],
            "job.subscribe" => &["/job_id", "/history"],
            _ => &[],
        };
        for path in same {
            let (one, two) = (payload.pointer(path), other.pointer(path));
            let alike = one == two
                || one.and_then(Value::as_f64).is_some()
                    && one.unwrap().as_f64() == two.and_then(Value::as_f64)
                || (one, two) == (Some(&json!(false)), None);
            assert!(alike, "{path} of {said}, where this was: {recorded}");
        }
        if recorded["type"] == "job.cancel" {
            assert_eq!(said["job_id"], recorded["job_id"]);
        }
        self.ids.insert(recorded["id"].as_str().unwrap().into(), said["id"].as_str().unwrap().into());
    }

    fn client_says(&mut self, conn: u32, recorded: &Value) {
        let now = self.now_us;
        let payload = &recorded["payload"];
        let job = text(recorded, "/job_id").or(text(payload, "/job_id")).unwrap_or_default().to_owned();
        match recorded["type"].as_str().unwrap() {
            "session.hello" => {
                let resumed = text(payload, "/resume/session_id");
                let known = resumed.and_then(|id| {
                    self.sessions
                        .iter()
                        .position(|session| session.client.session_id().as_deref() == Some(id))
                });
                let place = known.unwrap_or_else(|| {
                    assert_eq!(resumed, None);
                    let client = Client::new(settings(), [conn as u8; 32], now);
                    self.sessions.push(Session { client, heard: Vec::new() });
                    self.sessions.len() - 1
                });
                self.of_conn.insert(conn, place);
                self.sessions[place].client.hello(text(payload, "/auth/token").unwrap(), now);
            }
            "job.submit" => {
                let raw = |name: &str| payload.get(name).map(Value::to_string);
                let (input, lease) = (raw("input"), raw("lease_request"));
                let mut wanted = Submission::new(text(payload, "/agent").unwrap());
                if let Some(input) = &input {
                    wanted = wanted.with_input(input);
                }
                if let Some(lease) = &lease {
                    wanted = wanted.with_lease(lease);
                }
                if let Some(expires_at) = text(payload, "/lease_constraints/expires_at") {
                    wanted = wanted.with_expiry(expires_at);
                }
                if let Some(key) = text(payload, "/idempotency_key") {
                    wanted = wanted.with_key(key);
                }
                if let Some(seconds) = payload["max_runtime_sec"].as_f64() {
                    wanted = wanted.with_max_runtime(seconds);
                }
                let request = self.session(conn).client.submit(&wanted, now).unwrap();
                self.requests.insert(request, "submit");
            }
            "job.cancel" => {
                let reason = text(payload, "/reason").unwrap_or_default();
                let request = self.session(conn).client.cancel(&job, reason, now).unwrap();
                self.requests.insert(request, "cancel");
            }
            "job.subscribe" => {
                let history = (payload["history"] == true).then_some(0);
                let request = self.session(conn).client.subscribe(&job, history, now).unwrap();
                self.requests.insert(request, "subscribe");
            }
            "session.list_jobs" => {
                let status = payload["filter"]["status"].as_array().unwrap();
                let status = status.iter().map(|status| Text::from(status.as_str().unwrap())).collect();
                let wanted =
                    ListJobs { filter: Filter { status, ..Filter::default() }, ..ListJobs::default() };
                let request = self.session(conn).client.list_jobs(&wanted, now).unwrap();
                self.requests.insert(request, "list");
            }
            "session.ack" => {
                let last = payload["last_processed_seq"].as_u64().unwrap();
                self.session(conn).client.ack(last, now);
            }
            // It was said when the ping came.
            "session.pong" => {}
            "session.close" | "session.bye" => {
                self.session(conn).client.close(text(payload, "/reason").unwrap_or_default(), now);
            }
            other => panic!("{other}"),
        }
        self.said(conn, recorded);
        if recorded["type"] == "session.bye" {
            self.closes(conn);
        }
    }

    /// Those that were told `session.bye` answer a `session.close` so.
    fn closes(&mut self, conn: u32) {
        let session = self.session(conn).client.session_id().unwrap();
        let mut answer = json!({"arcp": "1.1", "id": "x", "type": "session.closed", "session_id": &*session, "payload": {}});
        if !self.knows_close {
            answer["type"] = json!("session.error");
            answer["payload"] = json!({"code": "INVALID_REQUEST", "message": "unknown type: session.close", "retryable": false});
        }
        self.hear(conn, &answer.to_string());
        if !self.knows_close {
            let mut frame = Vec::new();
            assert!(self.session(conn).client.poll_transmit(&mut frame));
            let said: Value = serde_json::from_slice(&frame).unwrap();
            assert_eq!((&said["type"], &said["session_id"]), (&json!("session.bye"), &json!(&*session)));
        }
    }

    fn hear(&mut self, conn: u32, frame: &str) {
        let mut frame = frame.to_owned();
        for (recorded, ours) in &self.ids {
            frame =
                frame.replace(&format!(r#""request_id":"{recorded}""#), &format!(r#""request_id":"{ours}""#));
        }
        let now = self.now_us;
        let session = self.session(conn);
        session.client.receive(frame.as_bytes(), now);
        while let Some(event) = session.client.poll_event() {
            assert!(
                !matches!(event, Event::Nonsense(_) | Event::Gap { .. } | Event::Lost(_)),
                "{event:?}: {frame}"
            );
            session.heard.push(event);
        }
    }

    /// The connection is gone: what came of it.
    fn ends(&mut self, conn: u32, recorded: &[&Line]) {
        let now = self.now_us;
        let session = self.session(conn);
        session.client.transport_ended(now);
        while let Some(event) = session.client.poll_event() {
            session.heard.push(event);
        }
        let heard = std::mem::take(&mut session.heard);
        assert_events(conn, &heard, recorded);
        let mut told = format!("{conn}");
        for event in &heard {
            self.tell(event, &mut told);
        }
        self.outcome.push(told);
    }

    /// An event in few words.
    fn tell(&self, event: &Event, told: &mut String) {
        let failure = |why: &ixt_arcp::client::Failure| {
            format!("{}{}", why.code, if why.retryable { " again" } else { "" })
        };
        match event {
            Event::Welcome { resumed, .. } => {
                told.push_str(if *resumed { " | resumed" } else { " | welcome" })
            }
            Event::Accepted { job, credentials, .. } => {
                assert!(credentials.is_none());
                write!(told, " | accepted {}", about(job)).unwrap();
            }
            Event::Cancelled { already_terminal, .. } => {
                told.push_str(if *already_terminal { " | had ended" } else { " | cancelled" });
            }
            Event::Jobs { jobs, next_cursor, .. } => {
                assert_eq!(*next_cursor, None);
                write!(told, " | jobs").unwrap();
                for job in jobs {
                    assert!(job.created_at.is_some());
                    write!(told, " {} {} {:?}", about(job), job.status, job.last_event_seq).unwrap();
                }
            }
            Event::Subscribed { job, replayed, subscribed_from, .. } => {
                write!(told, " | subscribed {} {}", about(job), job.status).unwrap();
                write!(told, " from {} {replayed}", subscribed_from.unwrap()).unwrap();
            }
            Event::Refused { request, why } => {
                write!(told, " | {} refused: {}", self.requests[request], failure(why)).unwrap();
            }
            Event::Ended { outcome, summary, .. } => {
                match outcome {
                    Outcome::Result(result) => {
                        write!(told, " | result {}", result.as_ref().map_or("-", |result| result.get()))
                            .unwrap();
                    }
                    Outcome::Streamed { bytes, .. } => {
                        write!(told, " | streamed {}", bytes.as_ref().unwrap().escape_ascii()).unwrap();
                    }
                    Outcome::Failed(status, why) => {
                        write!(told, " | {}: {}", status.as_str(), failure(why)).unwrap();
                    }
                    other => panic!("{other:?}"),
                }
                if let Some(summary) = summary {
                    write!(told, " ({summary})").unwrap();
                }
            }
            Event::Failed(why) => write!(told, " | failed: {}", failure(why)).unwrap(),
            Event::Closed => told.push_str(" | closed"),
            // They are compared one by one.
            Event::Job(_) | Event::Chunk { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Acks are said when the recorded client said them.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.ack_ms = 0;
    settings
}

fn about(job: &JobInfo) -> String {
    let mut told = job.agent.clone();
    for (currency, amount) in &job.budget {
        write!(told, " {currency}={amount}").unwrap();
    }
    if let Some(lease) = job.lease.as_ref().filter(|lease| lease.get() != "{}") {
        write!(told, " {}", lease.get()).unwrap();
    }
    told
}

/// All events that were recorded came, none before the answer that makes its job known, each
/// as it was, in their order.
fn assert_events(conn: u32, heard: &[Event], recorded: &[&Line]) {
    let resumed = heard.iter().any(|event| matches!(event, Event::Welcome { resumed: true, .. }));
    let known = |event: &Event| matches!(event, Event::Accepted { .. } | Event::Subscribed { .. });
    let first = |is: &dyn Fn(&Event) -> bool| heard.iter().position(is).unwrap_or(usize::MAX);
    let happened = first(&|event| matches!(event, Event::Job(_) | Event::Chunk { .. } | Event::Ended { .. }));
    assert!(resumed || happened == usize::MAX || first(&known) < happened, "connection {conn}");
    let sent = recorded.iter().filter(|line| line.conn == conn && !line.from_client);
    let sent = sent.filter_map(|line| serde_json::from_str::<Value>(line.frame.as_deref()?).ok());
    let sent: Vec<_> = sent
        .filter(|frame| frame["type"] == "job.event")
        .map(|frame| (frame["event_seq"].as_u64(), frame["job_id"].clone(), frame["payload"].clone()))
        .collect();
    let heard = heard.iter().filter_map(|event| match event {
        Event::Job(event) => {
            let body: Value = serde_json::from_str(event.body.get()).unwrap();
            let payload = json!({"kind": event.kind, "ts": event.ts, "body": body});
            Some((event.event_seq, json!(&*event.job_id), payload))
        }
        Event::Chunk { job_id, event_seq, result_id, chunk_seq, encoding, bytes, more } => {
            let body = json!({"result_id": result_id, "chunk_seq": chunk_seq, "encoding": encoding, "more": more,
                "data": bytes.escape_ascii().to_string()});
            Some((*event_seq, json!(&**job_id), json!({"kind": "result_chunk", "body": body})))
        }
        _ => None,
    });
    let sent = sent.into_iter().map(|(sequence, job, mut payload)| {
        if payload["kind"] == "result_chunk" {
            payload.as_object_mut().unwrap().remove("ts");
            if payload["body"]["encoding"] == "base64" {
                assert_eq!(payload["body"]["data"], "AP8=");
                payload["body"]["data"] = json!("\\x00\\xff");
            }
        }
        (sequence, job, payload)
    });
    assert_eq!(heard.collect::<Vec<_>>(), sent.collect::<Vec<_>>(), "connection {conn}");
}

fn replay(name: &str, knows_close: bool) -> Vec<String> {
    let lines = read(name);
    let mut replay = Replay {
        sessions: Vec::new(),
        of_conn: HashMap::new(),
        ids: HashMap::new(),
        requests: HashMap::new(),
        now_us: START_US,
        knows_close,
        outcome: Vec::new(),
    };
    let all: Vec<&Line> = lines.iter().collect();
    let conns = lines.iter().map(|line| line.conn).max().unwrap();
    let last_of = |conn: u32| lines.iter().rposition(|line| line.conn == conn).unwrap();
    for (place, line) in lines.iter().enumerate() {
        replay.now_us = START_US + line.t * 1000;
        if let Some(frame) = &line.frame {
            let value: Value = serde_json::from_str(frame).unwrap();
            if line.from_client {
                if value["type"] != "session.pong" {
                    replay.client_says(line.conn, &value);
                } else {
                    replay.said(line.conn, &value);
                }
            } else if !replay.is_over(line.conn) {
                replay.hear(line.conn, frame);
            }
        }
        if last_of(line.conn) == place {
            replay.ends(line.conn, &all);
        }
    }
    assert_eq!(replay.outcome.len(), conns as usize);
    let number = |line: &String| line.split(' ').next().unwrap().parse::<u32>().unwrap();
    replay.outcome.sort_by_key(number);
    replay.outcome
}

impl Replay {
    /// Nothing is read behind a close that was answered.
    fn is_over(&mut self, conn: u32) -> bool {
        matches!(self.session(conn).heard.last(), Some(Event::Closed))
    }
}

const LEASE_GO: &str = r#"{"cost.budget":["USD:1.00"],"tool.call":["search.*"]}"#;
const LEASE: &str = r#"{"tool.call":["search.*"],"cost.budget":["USD:1.00"]}"#;

fn assert_outcome(got: &[String], expected: &[&str]) {
    let expected: Vec<_> = expected
        .iter()
        .enumerate()
        .map(|(place, rest)| {
            format!("{} | {rest}", place + 1).replace("ASKED_GO", LEASE_GO).replace("ASKED", LEASE)
        })
        .collect();
    for (got, expected) in got.iter().zip(&expected) {
        assert_eq!(got, expected);
    }
    assert_eq!(got.len(), expected.len(), "{got:#?}");
}

#[test]
fn go() {
    let done = r#"welcome | accepted slow | result {"done":true}"#;
    assert_outcome(
        &replay(GO, true),
        &[
            "welcome | closed",
            // `output` is the result.
            r#"welcome | accepted echo@2.0.0 USD=1 ASKED_GO | result {"echoed":{"x":1}} | closed"#,
            "welcome | accepted chunky | streamed hello world ",
            "welcome | accepted slow | jobs slow running Some(5) | closed",
            // The answer to a cancel has a number among the events.
            "welcome | accepted slow | cancelled | cancelled: CANCELLED | closed",
            &format!("{done} | closed"),
            r#"welcome | subscribed slow running from 0 true | result {"done":true}"#,
            &format!("{done} | accepted noop | result 1"),
            "welcome | accepted slow",
            r#"resumed | result {"done":true} | failed: HEARTBEAT_LOST again"#,
            "welcome | submit refused: AGENT_NOT_AVAILABLE",
            "welcome | submit refused: AGENT_VERSION_NOT_AVAILABLE",
            "welcome | submit refused: INVALID_REQUEST",
            "welcome | accepted slow | timed_out: TIMEOUT | closed",
            "welcome | accepted boom | error: INTERNAL_ERROR again | closed",
            "welcome | accepted slow | error: LEASE_EXPIRED | closed",
            "failed: UNAUTHENTICATED",
            r#"welcome | accepted noop | result "alive""#,
            "welcome | closed",
        ],
    );
}

#[test]
fn python() {
    let done = r#"welcome | accepted slow | result {"done":true} | closed"#;
    assert_outcome(
        &replay(PYTHON, false),
        &[
            "welcome | closed",
            // The budget came as `USD:1.00`.
            r#"welcome | accepted echo@2.0.0 USD=1 ASKED | result {"echoed":{"x":1}} | closed"#,
            r"welcome | accepted chunky | streamed hello world \x00\xff (3 chunks) | closed",
            r#"welcome | accepted slow | jobs slow running None | result {"done":true} | closed"#,
            // A cancel is answered by a `job.result` alone.
            "welcome | accepted slow | cancelled | cancelled: CANCELLED | closed",
            done,
            // The history came before what announces it, and `replayed` is a number.
            r#"welcome | subscribed slow running from 9 true | result {"done":true} | closed"#,
            done,
            // The cancel of another's job was answered by nothing.
            "welcome | closed | cancel refused: INTERNAL_ERROR again",
            done,
            // Refusals here name no request.
            "welcome | subscribe refused: PERMISSION_DENIED | closed",
            r#"welcome | accepted slow | result {"done":true} | accepted noop | result 1 | closed"#,
            "welcome | accepted slow",
            "resumed | closed",
            "welcome | submit refused: AGENT_NOT_AVAILABLE | closed",
            "welcome | submit refused: AGENT_VERSION_NOT_AVAILABLE | closed",
            "welcome | submit refused: INVALID_REQUEST | closed",
            "welcome | accepted slow | timed_out: TIMEOUT | closed",
            "welcome | accepted boom | error: INTERNAL_ERROR again | closed",
            "welcome | accepted slow | error: LEASE_EXPIRED | closed",
            "welcome | accepted noop | result 1 | accepted noop | result 1 | submit refused: DUPLICATE_KEY | closed",
            "failed: UNAUTHENTICATED",
            r#"welcome | accepted noop | result "alive" | closed"#,
            "welcome | closed",
        ],
    );
}

#[test]
fn typescript() {
    let done = r#"welcome | accepted slow | result {"done":true} | closed"#;
    assert_outcome(
        &replay(TS, false),
        &[
            "welcome | closed",
            r#"welcome | accepted echo@2.0.0 USD=1 ASKED | result {"echoed":{"x":1}} | closed"#,
            r"welcome | accepted chunky | streamed hello world \x00\xff (3 chunks) | closed",
            r#"welcome | accepted slow | jobs slow running Some(6) | result {"done":true} | closed"#,
            "welcome | accepted slow | cancelled | cancelled: CANCELLED | closed",
            done,
            r#"welcome | subscribed slow running from 10 true | result {"done":true} | closed"#,
            done,
            // The cancel of another's job was refused by a `job.error` of that job.
            "welcome | cancel refused: PERMISSION_DENIED | closed",
            done,
            "welcome | subscribe refused: PERMISSION_DENIED | closed",
            r#"welcome | accepted slow | result {"done":true} | accepted noop | result 1 | closed"#,
            "welcome | accepted slow",
            "failed: RESUME_WINDOW_EXPIRED",
            // A submit is refused by the `job.error` of a job that never was.
            "welcome | submit refused: AGENT_NOT_AVAILABLE | closed",
            "welcome | submit refused: AGENT_VERSION_NOT_AVAILABLE | closed",
            "welcome | submit refused: INVALID_REQUEST | closed",
            "welcome | accepted slow | timed_out: TIMEOUT again | closed",
            "welcome | accepted boom | error: INTERNAL_ERROR again | closed",
            "welcome | accepted slow | error: LEASE_EXPIRED | closed",
            // And one with a key that is taken, by a `job.error` of the job that has it.
            "welcome | accepted noop | result 1 | accepted noop | submit refused: DUPLICATE_KEY",
            "failed: UNAUTHENTICATED",
            r#"welcome | accepted noop | result "alive" | closed"#,
            "welcome | closed",
        ],
    );
}

#[test]
fn superset() {
    let done = r#"welcome | accepted slow@1.0.0 | result {"done":true} | closed"#;
    assert_outcome(
        &replay(SUPERSET, true),
        &[
            "welcome | closed",
            r#"welcome | accepted echo@2.0.0 USD=1 ASKED | result {"echoed":{"x":1}} | closed"#,
            "welcome | accepted chunky@1.0.0 | streamed hello world  (3 chunks) | closed",
            r#"welcome | accepted slow@1.0.0 | jobs slow@1.0.0 running Some(5) | result {"done":true} | closed"#,
            "welcome | accepted slow@1.0.0 | cancelled | cancelled: CANCELLED | closed",
            done,
            r#"welcome | subscribed slow@1.0.0 running from 9 true | result {"done":true} | closed"#,
            done,
            "welcome | cancel refused: JOB_NOT_FOUND | closed",
            done,
            "welcome | subscribe refused: PERMISSION_DENIED | closed",
            r#"welcome | accepted slow@1.0.0 | result {"done":true} | accepted noop@1.0.0 | result 1 | closed"#,
            "welcome | accepted slow@1.0.0",
            r#"resumed | result {"done":true} | closed"#,
            "welcome | submit refused: AGENT_NOT_AVAILABLE | closed",
            "welcome | submit refused: AGENT_VERSION_NOT_AVAILABLE | closed",
            "welcome | submit refused: INVALID_REQUEST | closed",
            "welcome | accepted slow@1.0.0 | timed_out: TIMEOUT | closed",
            "welcome | accepted boom@1.0.0 | error: INTERNAL_ERROR again | closed",
            "welcome | accepted slow@1.0.0 | error: LEASE_EXPIRED | closed",
            "welcome | accepted noop@1.0.0 | result 1 | accepted noop@1.0.0 | result 1 | submit refused: DUPLICATE_KEY | closed",
            "failed: UNAUTHENTICATED",
            r#"welcome | accepted noop@1.0.0 | result "alive" | closed"#,
            "welcome | closed",
        ],
    );
}
