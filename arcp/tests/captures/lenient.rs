//! What the recorded peers may say, and did not in the recordings: our client bears it too.

use ixt_arcp::Code;
use ixt_arcp::client::{Client, Event, Outcome, Settings, Submission};
use serde_json::{Value, json};

use crate::world::START_US as NOW;

struct Talk {
    client: Client,
    next: u64,
}

impl Talk {
    fn new() -> Self {
        let mut settings = Settings::default();
        settings.ack_ms = 0;
        let mut talk = Self { client: Client::new(settings, [1; 32], NOW), next: 0 };
        talk.client.hello("t", NOW);
        talk.said();
        let features = ["ack", "subscribe", "result_chunk", "list_jobs"];
        let welcome = json!({"resume_token": "r", "capabilities": {"features": features}});
        talk.hears("session.welcome", json!({}), welcome);
        talk
    }

    /// Hears a frame with these fields on the envelope.
    fn hears(&mut self, kind: &str, more: Value, payload: Value) -> Vec<Event> {
        self.next += 1;
        let mut frame =
            json!({"id": format!("s{}", self.next), "type": kind, "session_id": "s", "payload": payload});
        frame.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.client.receive(frame.to_string().as_bytes(), NOW);
        let events: Vec<_> = std::iter::from_fn(|| self.client.poll_event()).collect();
        assert!(
            !events.iter().any(|event| matches!(event, Event::Nonsense(_) | Event::Gap { .. })),
            "{events:?}"
        );
        events
    }

    fn said(&mut self) -> Vec<Value> {
        let mut said = Vec::new();
        let mut frame = Vec::new();
        while self.client.poll_transmit(&mut frame) {
            said.push(serde_json::from_slice(&frame).unwrap());
            frame.clear();
        }
        said
    }

    /// A job that runs.
    fn job(&mut self, more: Value) {
        self.client.submit(&Submission::new("a"), NOW).unwrap();
        let mut head = json!({"job_id": "j"});
        head.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert!(matches!(&self.hears("job.accepted", head, json!({}))[..], [Event::Accepted { .. }]));
        self.said();
    }
}

fn chunk(place: u64, data: &str, more: bool) -> Value {
    json!({"kind": "result_chunk",
        "body": {"result_id": "r", "chunk_seq": place, "data": data, "encoding": "utf8", "more": more}})
}

fn at(sequence: u64) -> Value {
    json!({"job_id": "j", "event_seq": sequence})
}

#[test]
fn a_streamed_result_is_whole_whose_history_comes_before_the_subscription() {
    let mut talk = Talk::new();
    talk.client.subscribe("j", Some(0), NOW).unwrap();
    assert!(talk.hears("job.event", at(1), chunk(0, "one ", true)).is_empty(), "nobody knows of the job yet");
    assert!(talk.hears("job.event", at(2), chunk(1, "two", false)).is_empty());
    let events =
        talk.hears("job.subscribed", json!({"job_id": "j"}), json!({"replayed": 2, "subscribed_from": 2}));
    assert!(
        matches!(
            &events[..],
            [Event::Subscribed { replayed: true, .. }, Event::Chunk { .. }, Event::Chunk { .. }]
        ),
        "{events:?}"
    );
    let events = talk.hears("job.result", at(3), json!({"final_status": "success", "result_id": "r"}));
    let [Event::Ended { outcome: Outcome::Streamed { bytes: Some(bytes), .. }, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(bytes, b"one two");
}

#[test]
fn a_stream_that_is_told_from_its_beginning_again_is_put_together_once() {
    let mut talk = Talk::new();
    talk.job(json!({}));
    talk.hears("job.event", at(1), chunk(0, "one ", true));
    talk.client.subscribe("j", Some(0), NOW).unwrap();
    talk.hears("job.subscribed", json!({"job_id": "j"}), json!({"replayed": true, "subscribed_from": 1}));
    talk.hears("job.event", at(2), chunk(0, "one ", true));
    talk.hears("job.event", at(3), chunk(1, "two", false));
    let events = talk.hears("job.result", at(4), json!({"final_status": "success", "result_id": "r"}));
    assert!(
        matches!(&events[..], [Event::Ended { outcome: Outcome::Streamed { bytes: Some(bytes), .. }, .. }] if bytes == b"one two"),
        "{events:?}"
    );
}

#[test]
fn a_subscription_that_is_refused_takes_its_history_along() {
    let mut talk = Talk::new();
    talk.client.subscribe("j", Some(0), NOW).unwrap();
    assert!(talk.hears("job.event", at(1), json!({"kind": "log", "body": {}})).is_empty());
    let events =
        talk.hears("session.error", json!({}), json!({"code": "PERMISSION_DENIED", "message": "no"}));
    assert!(matches!(&events[..], [Event::Refused { .. }]), "{events:?}");
    // Nothing is held back for ever.
    let events = talk.hears("job.event", at(2), json!({"kind": "log", "body": {}}));
    assert!(matches!(&events[..], [Event::Job(_)]), "{events:?}");
}

#[test]
fn a_cancel_that_the_end_has_answered_is_answered_once() {
    let mut talk = Talk::new();
    talk.job(json!({}));
    talk.client.cancel("j", "", NOW).unwrap();
    let events = talk.hears("job.result", at(1), json!({"final_status": "cancelled"}));
    let [
        Event::Cancelled { already_terminal: false, .. },
        Event::Ended { outcome: Outcome::Failed(_, why), .. },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(why.code, Code::Cancelled);
    assert!(
        talk.hears("job.cancelled", json!({"job_id": "j"}), json!({})).is_empty(),
        "late, and no nonsense"
    );
    // A job that ended by itself while the cancel was on its way is another matter.
    let mut talk = Talk::new();
    talk.job(json!({}));
    talk.client.cancel("j", "", NOW).unwrap();
    let events = talk.hears("job.result", at(1), json!({"final_status": "success", "result": 1}));
    assert!(matches!(&events[..], [Event::Ended { outcome: Outcome::Result(_), .. }]));
    let events = talk.hears("job.cancelled", json!({"job_id": "j"}), json!({"already_terminal": true}));
    assert!(matches!(&events[..], [Event::Cancelled { already_terminal: true, .. }]));
}

#[test]
fn who_may_not_cancel_does_not_take_the_job_for_ended() {
    let denied =
        json!({"final_status": "error", "code": "PERMISSION_DENIED", "message": "no cancel authority"});
    let trace = json!({"trace_id": "c85b4e1e256d960d4b8d0736a95decb2"});
    let mut talk = Talk::new();
    talk.job(trace.clone());
    let request = talk.client.cancel("j", "", NOW).unwrap();
    let events = talk.hears("job.error", at(1), denied.clone());
    assert!(
        matches!(&events[..], [Event::Refused { request: refused, .. }] if *refused == request),
        "{events:?}"
    );
    assert!(matches!(
        &talk.hears("job.event", at(2), json!({"kind": "log", "body": {}}))[..],
        [Event::Job(_)]
    ));
    // What does name the trace is the job's own end, whatever waits.
    talk.client.cancel("j", "", NOW).unwrap();
    let mut head = at(3);
    head.as_object_mut().unwrap().extend(trace.as_object().unwrap().clone());
    assert!(matches!(&talk.hears("job.error", head, denied)[..], [Event::Ended { .. }]));
}

#[test]
fn acks_say_what_the_application_said() {
    let mut talk = Talk::new();
    talk.job(json!({}));
    for sequence in 1..=5 {
        talk.hears("job.event", at(sequence), json!({"kind": "log", "body": {}}));
    }
    let acked = |talk: &mut Talk| {
        talk.said().iter().map(|frame| frame["payload"]["last_processed_seq"].clone()).collect::<Vec<_>>()
    };
    talk.client.ack(3, NOW);
    assert_eq!(acked(&mut talk), [json!(3)], "and not all that has come");
    talk.client.ack(2, NOW);
    assert!(acked(&mut talk).is_empty(), "nor less than before");
    talk.client.ack(100, NOW);
    assert_eq!(acked(&mut talk), [json!(5)], "nor what has not come");
    talk.hears("job.event", at(6), json!({"kind": "log", "body": {}}));
    talk.client.close("", NOW);
    assert_eq!(talk.said().iter().map(|frame| frame["type"].clone()).collect::<Vec<_>>(), ["session.close"]);
}
