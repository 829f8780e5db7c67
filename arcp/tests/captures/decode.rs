//! Every frame is read as envelope and as what its type carries, and nothing of it is lost.

use ixt_arcp::envelope::{Envelope, FrameLimits};
use ixt_arcp::event::EventKind;
use ixt_arcp::message::{
    Accepted, Ack, Cancel, Cancelled, Chunk, Close, EventPayload, Hello, JobError, JobResult, Jobs, ListJobs,
    Listed, Ping, Pong, SessionError, Submit, Subscribe, Subscribed, Welcome, kind,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::recording::{GO, PYTHON, PYTHON_TS, RUST, SUPERSET, TS, read};
use crate::world::{World, fields};

/// Fields that some peers write and nothing reads.
const NOT_READ: [&str; 1] = ["/capabilities/agents/*/bare"];

fn value(raw: Option<&RawValue>) -> Value {
    raw.map_or(Value::Null, |raw| serde_json::from_str(raw.get()).unwrap())
}

fn listed(job: &Listed<'_>) -> Value {
    json!({
        "job_id": job.job_id, "agent": job.agent, "status": job.status, "lease": value(job.lease),
        "parent_job_id": job.parent_job_id, "created_at": job.created_at, "submitted_at": job.submitted_at,
        "trace_id": job.trace_id, "last_event_seq": job.last_event_seq,
    })
}

/// The payload once more, from what was read of it.
fn again(envelope: &Envelope<'_>) -> Value {
    fn written<'a, T: serde::Deserialize<'a> + serde::Serialize>(envelope: &Envelope<'a>) -> Value {
        serde_json::to_value(envelope.payload::<T>().unwrap()).unwrap()
    }
    match envelope.kind.as_str() {
        kind::SESSION_HELLO => written::<Hello<'_>>(envelope),
        kind::SESSION_WELCOME => written::<Welcome<'_>>(envelope),
        kind::SESSION_PING => written::<Ping<'_>>(envelope),
        kind::SESSION_PONG => written::<Pong<'_>>(envelope),
        kind::SESSION_ACK => written::<Ack>(envelope),
        kind::SESSION_LIST_JOBS => written::<ListJobs<'_>>(envelope),
        kind::SESSION_CLOSE | kind::SESSION_BYE | kind::SESSION_CLOSED => written::<Close<'_>>(envelope),
        kind::SESSION_ERROR => written::<SessionError<'_>>(envelope),
        kind::JOB_SUBMIT => written::<Submit<'_>>(envelope),
        kind::JOB_CANCEL => written::<Cancel<'_>>(envelope),
        kind::JOB_CANCELLED => written::<Cancelled<'_>>(envelope),
        kind::JOB_SUBSCRIBE => written::<Subscribe<'_>>(envelope),
        kind::JOB_ERROR => written::<JobError<'_>>(envelope),
        kind::JOB_EVENT => {
            let event: EventPayload<'_> = envelope.payload().unwrap();
            let kind = event.kind.as_str().to_owned();
            assert_eq!(EventKind::of(event.kind.clone()).as_str(), kind);
            if kind == "result_chunk" {
                let body = event.body.unwrap();
                let chunk: Chunk<'_> = serde_json::from_str(body.get()).unwrap();
                assert_eq!(serde_json::to_value(&chunk).unwrap(), value(Some(body)));
            }
            serde_json::to_value(&event).unwrap()
        }
        kind::SESSION_JOBS => {
            let jobs: Jobs<'_> = envelope.payload().unwrap();
            json!({"request_id": jobs.request_id, "jobs": jobs.jobs.iter().map(listed).collect::<Vec<_>>(),
                   "next_cursor": jobs.next_cursor})
        }
        kind::JOB_ACCEPTED => {
            let accepted: Accepted<'_> = envelope.payload().unwrap();
            json!({
                "job_id": accepted.job_id, "request_id": accepted.request_id, "agent": accepted.agent,
                "lease": value(accepted.lease), "lease_constraints": value(accepted.lease_constraints),
                "budget": value(accepted.budget), "accepted_at": accepted.accepted_at, "trace_id": accepted.trace_id,
            })
        }
        kind::JOB_SUBSCRIBED => {
            let subscribed: Subscribed<'_> = envelope.payload().unwrap();
            json!({
                "request_id": subscribed.request_id, "job_id": subscribed.job_id,
                "current_status": subscribed.current_status, "agent": subscribed.agent,
                "lease": value(subscribed.lease), "parent_job_id": subscribed.parent_job_id,
                "trace_id": subscribed.trace_id, "subscribed_from": subscribed.subscribed_from,
                "replayed": subscribed.replayed,
            })
        }
        kind::JOB_RESULT => {
            let result: JobResult<'_> = envelope.payload().unwrap();
            json!({
                "final_status": result.final_status, "result": value(result.result), "output": value(result.output),
                "result_id": result.result_id, "result_size": result.result_size, "summary": result.summary,
                "completed_at": result.completed_at,
            })
        }
        other => panic!("{other} is no message of the specification"),
    }
}

/// Compares what was sent with what was read of it. Absent and `null` are one; a number may be written otherwise.
fn compare(sent: &Value, read: &Value, path: &str, differs: &mut Vec<String>) {
    match (sent, read) {
        (Value::Object(sent), Value::Object(read)) => {
            for (name, value) in sent {
                compare(value, read.get(name).unwrap_or(&Value::Null), &format!("{path}/{name}"), differs);
            }
            // What was made up is nothing.
            let nothing =
                |value: &Value| [json!(null), json!(""), json!([]), json!({}), json!(false)].contains(value);
            for (name, value) in
                read.iter().filter(|(name, value)| !sent.contains_key(*name) && !nothing(value))
            {
                differs.push(format!("{path}/{name}: nobody said {value}"));
            }
        }
        (Value::Array(sent), Value::Array(read)) if sent.len() == read.len() => {
            for (sent, read) in sent.iter().zip(read) {
                compare(sent, read, &format!("{path}/*"), differs);
            }
        }
        (Value::Number(sent), Value::Number(read)) if sent.as_f64() == read.as_f64() => {}
        // Python counts what it replays.
        (Value::Number(sent), Value::Bool(read))
            if path == "/replayed" && (sent.as_u64() > Some(0)) == *read => {}
        _ if sent == read || NOT_READ.contains(&path) => {}
        _ => differs.push(format!("{path}: {sent} was read as {read}")),
    }
}

fn decode(frame: &str) {
    let envelope = Envelope::read(frame.as_bytes(), FrameLimits::default()).unwrap();
    envelope.check_version().unwrap();
    let sent: Value = serde_json::from_str(frame).unwrap();
    let head = json!({
        "arcp": envelope.version, "id": envelope.id, "type": envelope.kind, "session_id": envelope.session_id,
        "trace_id": envelope.trace_id, "job_id": envelope.job_id, "event_seq": envelope.event_seq,
        "payload": value(Some(envelope.payload)),
    });
    let mut differs = Vec::new();
    compare(&sent, &head, "", &mut differs);
    compare(&sent["payload"], &again(&envelope), "", &mut differs);
    assert!(differs.is_empty(), "{differs:#?}\n{frame}");
    assert!(envelope.unknown.is_empty(), "{frame}");

    // An event's body stays as it was written, byte for byte.
    if envelope.kind == kind::JOB_EVENT {
        let event: EventPayload<'_> = envelope.payload().unwrap();
        let payload = envelope.payload.get();
        let start = payload.find(r#""body":"#).unwrap() + 7;
        assert_eq!(event.body.unwrap().get(), payload[start..].strip_suffix('}').unwrap(), "{frame}");
    }

    // What a later version adds to an envelope is kept, with its spelling, and harms nothing.
    let later = r#"{ "deep" : [1.50, null, "\u00e9"] }"#;
    let extended = frame.replacen('{', &format!(r#"{{"x-later":{later},"":7,"#), 1);
    let extended = Envelope::read(extended.as_bytes(), FrameLimits::default()).unwrap();
    let unknown: Vec<_> = extended.unknown.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
    assert_eq!(unknown, [("x-later", later), ("", "7")]);
    assert_eq!((extended.payload.get(), extended.id), (envelope.payload.get(), envelope.id));
}

#[test]
fn every_frame_is_read_whole() {
    for (name, frames) in [(GO, 341), (PYTHON, 401), (PYTHON_TS, 40), (SUPERSET, 458), (TS, 429)] {
        let lines = read(name);
        let found: Vec<_> = lines.iter().filter_map(|line| line.frame.as_deref()).collect();
        assert_eq!(found.len(), frames, "{name}");
        found.into_iter().for_each(decode);
    }
}

/// A peer of another protocol hears once why it is not understood, and is not listened to any more.
#[test]
fn another_protocol_is_refused_politely() {
    let lines = read(RUST);
    let mut world = World::new();
    let mut said = 0;
    for line in lines.iter().filter(|line| line.from_client) {
        let Some(frame) = &line.frame else { continue };
        assert_eq!(line.conn, 1);
        // As recorded, on one connection; and each of its frames as the first one.
        if world.peers.is_empty() {
            world.peer();
        }
        world.raw(0, frame);
        let fresh = world.peer();
        world.raw(fresh, frame);
        for peer in [0, fresh] {
            let frames = &world.peers[peer].frames;
            assert_eq!(frames.len(), 1, "{frames:?}");
            assert_eq!(fields(frames, "session.error", "/payload/code"), [json!("INVALID_REQUEST")]);
            assert_eq!(fields(frames, "session.error", "/payload/retryable"), [json!(false)]);
            assert!(world.peers[peer].closed);
        }
        let id = serde_json::from_str::<Value>(frame).unwrap()["id"].clone();
        assert_eq!(fields(&world.peers[fresh].frames, "session.error", "/payload/request_id"), [id]);
        said += 1;
    }
    assert_eq!(said, 10);
    assert_eq!(world.runtime.sessions(), 0);
}
