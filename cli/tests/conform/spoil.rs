//! For each check a runtime that breaks it: ours, with frames that are spoilt on their way.

use serde_json::{Value, json};

use crate::proxy::{Act, Rule, Side};

/// A check, others that have to be made for it to see anything, what it has to complain of, and how that comes about.
pub(crate) struct Spoiler {
    pub(crate) check: &'static str,
    pub(crate) with: &'static str,
    pub(crate) why: &'static str,
    pub(crate) rule: Rule,
}

const fn spoiler(check: &'static str, with: &'static str, why: &'static str, rule: Rule) -> Spoiler {
    Spoiler { check, with, why, rule }
}

/// Changes frames of one type that the runtime says.
macro_rules! runtime {
    ($type:pat, |$frame:ident, $seen:ident| $body:expr) => {
        |side, $frame, $seen| {
            if side == Side::Runtime && matches!($frame["type"].as_str(), Some($type)) {
                return act($body);
            }
            let _ = &$seen;
            Act::Pass
        }
    };
    ($type:pat, |$frame:ident| $body:expr) => {
        runtime!($type, |$frame, seen| $body)
    };
}

/// Changes frames of one type that the client says.
macro_rules! client {
    ($type:pat, |$frame:ident, $seen:ident| $body:expr) => {
        |side, $frame, $seen| {
            if side == Side::Client && matches!($frame["type"].as_str(), Some($type)) {
                return act($body);
            }
            let _ = &$seen;
            Act::Pass
        }
    };
    ($type:pat, |$frame:ident| $body:expr) => {
        client!($type, |$frame, seen| $body)
    };
}

/// Events of one kind.
macro_rules! event {
    ($kind:pat, |$frame:ident| $body:expr) => {
        runtime!("job.event", |$frame| {
            if matches!($frame["payload"]["kind"].as_str(), Some($kind)) {
                return act($body);
            }
        })
    };
}

/// A rule that only changes its frame lets it pass.
trait Acts {
    fn act(self) -> Act;
}

impl Acts for () {
    fn act(self) -> Act {
        Act::Pass
    }
}

impl Acts for Act {
    fn act(self) -> Act {
        self
    }
}

fn act(of: impl Acts) -> Act {
    of.act()
}

/// A runtime that keeps to everything.
pub(crate) const NOTHING: Rule = |_, _, _| Act::Pass;

fn frame(kind: &str, of: &Value, payload: Value) -> Value {
    json!({"arcp": "1.1", "id": "spoilt", "type": kind, "session_id": of["session_id"], "payload": payload})
}

fn error(of: &Value, code: &str) -> Value {
    frame("session.error", of, json!({"code": code, "message": "spoilt", "retryable": false}))
}

/// An event of a job that its agent never emitted.
fn event_of(job: &str, kind: &str, body: Value) -> Value {
    json!({"arcp": "1.1", "id": "spoilt", "type": "job.event", "job_id": job, "event_seq": 1,
        "payload": {"kind": kind, "body": body}})
}

fn remove(value: &mut Value, field: &str) {
    value.as_object_mut().unwrap().remove(field);
}

fn entries(frame: &mut Value) -> &mut Vec<Value> {
    frame["payload"]["jobs"].as_array_mut().unwrap()
}

/// Answers what the runtime refused, as if it had done it.
const NEVER_REFUSES: Rule = |side, refused, seen| {
    let is_refusal = matches!(refused["type"].as_str(), Some("session.error" | "job.error"));
    if side == Side::Client || !is_refusal || refused["event_seq"].is_u64() {
        return Act::Pass;
    }
    let said = &seen.said["payload"];
    let (kind, payload) = match seen.said["type"].as_str() {
        Some("session.hello") => ("session.welcome", json!({"resume_token": "rt", "capabilities": {}})),
        Some("job.submit") => ("job.accepted", json!({"job_id": "job_spoilt"})),
        Some("job.subscribe") => ("job.subscribed", json!({"job_id": said["job_id"]})),
        Some("job.cancel") => ("job.cancelled", json!({"job_id": said["job_id"]})),
        other => panic!("{other:?} was refused"),
    };
    let mut answer = frame(kind, refused, payload);
    if kind == "session.welcome" {
        answer["session_id"] = json!("sess_spoilt");
    }
    Act::Answer(answer)
};

/// Refuses with a code that says something else.
const OTHER_CODE: Rule =
    runtime!("session.error" | "job.error", |frame| frame["payload"]["code"] = json!("HEARTBEAT_LOST"));

/// Lets an agent do what its lease does not cover.
const ALLOWS: Rule = event!("tool_result", |frame| {
    let body = &mut frame["payload"]["body"];
    remove(body, "error");
    body["result"] = json!({"ok": true});
});

/// Lets an agent do nothing.
const FORBIDS: Rule = event!("tool_result", |frame| {
    let body = &mut frame["payload"]["body"];
    remove(body, "result");
    body["error"] = json!({"code": "PERMISSION_DENIED", "message": "spoilt", "retryable": false});
});

/// Jobs break.
const BREAKS: Rule = runtime!("job.result", |frame| {
    frame["type"] = json!("job.error");
    frame["payload"] =
        json!({"code": "INTERNAL_ERROR", "message": "spoilt", "retryable": true, "final_status": "error"});
});

/// Whatever resume token comes is the right one.
const ANY_TOKEN: Rule = |side, frame, seen| {
    if side == Side::Runtime && frame["type"] == "session.welcome" {
        seen.kept = frame["payload"]["resume_token"].clone();
    }
    if side == Side::Client && frame["payload"]["resume"].is_object() {
        frame["payload"]["resume"]["resume_token"] = seen.kept.clone();
    }
    Act::Pass
};

/// Loses one line of a log.
fn loses(side: Side, frame: &Value, line: &str) -> Act {
    let is_it = frame["type"] == "job.event" && frame["payload"]["body"]["message"] == line;
    if side == Side::Runtime && is_it { Act::Drop } else { Act::Pass }
}

const ANOTHER_AGENT: Rule =
    runtime!("job.accepted", |frame| frame["payload"]["agent"] = json!("conform@0.0.9"));

pub(crate) const SPOILERS: &[Spoiler] = &[
    spoiler("websocket", "", "no session.welcome", runtime!("session.welcome", |_frame| Act::Drop)),
    spoiler("envelope", "websocket", "no `id`", runtime!("session.welcome", |frame| remove(frame, "id"))),
    spoiler("unknown-fields-ignored", "", "hello was refused", |side, frame, _| {
        if side == Side::Client && frame["x_unknown"].is_object() {
            return Act::Answer(error(frame, "INVALID_REQUEST"));
        }
        Act::Pass
    }),
    spoiler(
        "session-id-everywhere",
        "close-acknowledged",
        "another `session_id`",
        runtime!("session.closed", |frame| frame["session_id"] = json!("sess_other")),
    ),
    spoiler("wrong-token-refused", "", "it was welcomed", NEVER_REFUSES),
    spoiler("no-token-refused", "", "it was welcomed", NEVER_REFUSES),
    spoiler(
        "nothing-before-hello",
        "",
        "answered by session.jobs",
        client!("session.list_jobs", |asked| Act::Answer(frame("session.jobs", asked, json!({"jobs": []})))),
    ),
    spoiler(
        "welcome-is-whole",
        "",
        "no `resume_window_sec`",
        runtime!("session.welcome", |frame| remove(&mut frame["payload"], "resume_window_sec")),
    ),
    spoiler(
        "inventory-has-versions",
        "",
        "none of its versions",
        runtime!("session.welcome", |frame| {
            frame["payload"]["capabilities"]["agents"][0]["default"] = json!("9.9.9");
        }),
    ),
    spoiler(
        "features-not-offered-are-not-used",
        "",
        "an event of kind progress",
        event!("log", |frame| {
            Act::Then(event_of(frame["job_id"].as_str().unwrap(), "progress", json!({"current": 1})))
        }),
    ),
    spoiler(
        "no-credentials-unless-offered",
        "",
        "`credentials` in job.accepted",
        runtime!("job.accepted", |frame| frame["payload"]["credentials"] = json!([{"id": "c"}])),
    ),
    spoiler(
        "no-ping-unless-offered",
        "",
        "a session.ping",
        runtime!("session.welcome", |welcome| {
            Act::Then(frame("session.ping", welcome, json!({"nonce": "n"})))
        }),
    ),
    spoiler("token-rotates", "", "the token is the same", |side, frame, seen| {
        ANY_TOKEN(side, frame, seen);
        if side == Side::Runtime && frame["type"] == "session.welcome" {
            frame["payload"]["resume_token"] = json!("rt_always");
        }
        Act::Pass
    }),
    spoiler("old-token-refused", "", "gone on with", ANY_TOKEN),
    spoiler("wrong-resume-token-refused", "", "gone on with", ANY_TOKEN),
    spoiler(
        "resume-is-of-its-principal",
        "",
        "gone on with",
        client!("session.hello", |frame| frame["payload"]["auth"]["token"] = json!(crate::TOKEN)),
    ),
    spoiler("resume-replays", "", r#"it told ["3", "5"]"#, |side, frame, _| loses(side, frame, "4")),
    // Ours has let go of what was acknowledged.
    spoiler("resume-has-no-hole", "", "the code is HEARTBEAT_LOST", OTHER_CODE),
    spoiler("unknown-session-refused", "", "gone on with", |side, frame, seen| {
        if side == Side::Client && frame["type"] == "session.hello" {
            remove(&mut frame["payload"], "resume");
        }
        let resume = &seen.said["payload"]["resume"];
        if side == Side::Runtime && frame["type"] == "session.welcome" && resume.is_object() {
            frame["session_id"] = resume["session_id"].clone();
        }
        Act::Pass
    }),
    spoiler(
        "ping-answered",
        "",
        "another `ping_nonce`",
        runtime!("session.pong", |frame| frame["payload"]["ping_nonce"] = json!("other")),
    ),
    spoiler(
        "says-something-each-interval",
        "",
        "no frame within the heartbeat interval",
        runtime!("session.ping", |_frame| Act::Drop),
    ),
    spoiler("jobs-survive-lost-clients", "", "the job ended by INTERNAL_ERROR", BREAKS),
    spoiler("jobs-survive-silence", "", "the job ended by INTERNAL_ERROR", BREAKS),
    spoiler(
        "control-is-not-counted",
        "ping-answered",
        "an `event_seq` on what is no event",
        runtime!("session.pong", |frame| frame["event_seq"] = json!(1)),
    ),
    spoiler(
        "ack-taken",
        "",
        "it was answered",
        client!("session.ack", |frame| Act::Answer(error(frame, "INVALID_REQUEST"))),
    ),
    spoiler("unacked-events-are-kept", "", r#"it told ["2"]"#, |side, frame, _| loses(side, frame, "3")),
    spoiler(
        "list-answered",
        "",
        "another `request_id`",
        runtime!("session.jobs", |frame| frame["payload"]["request_id"] = json!("other")),
    ),
    spoiler(
        "list-filters",
        "",
        "the ended job is listed",
        client!("session.list_jobs", |frame| remove(&mut frame["payload"], "filter")),
    ),
    spoiler(
        "list-pages",
        "",
        "3 jobs where 2 were asked for",
        client!("session.list_jobs", |frame| remove(&mut frame["payload"], "limit")),
    ),
    spoiler(
        "list-hides-jobs-of-others",
        "",
        "the other principal is told",
        runtime!("session.jobs", |frame, seen| entries(frame).push(json!({"job_id": seen.job}))),
    ),
    spoiler(
        "existence-is-not-told",
        "",
        "the codes are PERMISSION_DENIED and JOB_NOT_FOUND",
        runtime!("session.error", |frame, seen| {
            if seen.said["payload"]["job_id"] == seen.job.as_str() {
                frame["payload"]["code"] = json!("PERMISSION_DENIED");
            }
        }),
    ),
    spoiler(
        "list-does-not-subscribe",
        "",
        "told of the job's events",
        runtime!("session.jobs", |_frame, seen| Act::Then(event_of(&seen.job, "log", json!({})))),
    ),
    spoiler("close-acknowledged", "", "no session.closed", runtime!("session.closed", |_frame| Act::Drop)),
    spoiler(
        "jobs-survive-close",
        "",
        r#"status is "cancelled""#,
        runtime!("session.jobs", |frame| {
            entries(frame).iter_mut().for_each(|entry| entry["status"] = json!("cancelled"));
        }),
    ),
    spoiler(
        "accepted-says-all",
        "",
        "`budget` is not 5 USD",
        runtime!("job.accepted", |frame| remove(&mut frame["payload"], "budget")),
    ),
    spoiler("unknown-agent-refused", "", "was not refused", NEVER_REFUSES),
    spoiler(
        "same-key-is-same-job",
        "",
        "it is another job",
        runtime!("job.accepted", |frame, seen| {
            frame["payload"]["job_id"] = json!(format!("job_{}", seen.accepted));
        }),
    ),
    spoiler("key-conflict-refused", "", "was not refused", NEVER_REFUSES),
    spoiler(
        "success-is-told",
        "",
        r#"`final_status` is "error""#,
        runtime!("job.result", |frame| frame["payload"]["final_status"] = json!("error")),
    ),
    spoiler(
        "failure-is-told",
        "",
        r#"`final_status` is "success""#,
        runtime!("job.error", |frame| frame["payload"]["final_status"] = json!("success")),
    ),
    spoiler("timeout-is-told", "", r#"the code is "HEARTBEAT_LOST""#, OTHER_CODE),
    spoiler(
        "one-end",
        "cancel-works",
        "behind the end of its job",
        runtime!("job.error", |frame| Act::Then(frame.clone())),
    ),
    spoiler("cancel-works", "", r#"the code is "HEARTBEAT_LOST""#, OTHER_CODE),
    spoiler("cancel-of-unknown-refused", "", "was not refused", NEVER_REFUSES),
    spoiler("bare-name-is-the-default", "", "and the default", ANOTHER_AGENT),
    spoiler("version-is-exact", "", "conform@0.0.9", ANOTHER_AGENT),
    spoiler("unknown-version-refused", "", "was not refused", NEVER_REFUSES),
    spoiler("version-stays", "", "and accepted as", ANOTHER_AGENT),
    spoiler(
        "subscribed-says-all",
        "",
        "no `replayed`",
        runtime!("job.subscribed", |frame| remove(&mut frame["payload"], "replayed")),
    ),
    spoiler("subscriber-hears-live", "", "did not come", |side, frame, _| loses(side, frame, "2")),
    spoiler("history-is-replayed", "", r#"it told ["1", "3", "4"]"#, |side, frame, _| {
        loses(side, frame, "2")
    }),
    spoiler(
        "no-history-unless-asked",
        "",
        r#"it told ["1", "2", "3", "4"]"#,
        client!("job.subscribe", |frame| frame["payload"]["history"] = json!(true)),
    ),
    spoiler("unsubscribe-works", "", "events go on", client!("job.unsubscribe", |_frame| Act::Drop)),
    spoiler("subscription-is-checked", "", "was not refused", NEVER_REFUSES),
    spoiler("subscriber-cannot-cancel", "", "was not refused", NEVER_REFUSES),
    spoiler("subscriber-outlives-submitter", "", "it ended by INTERNAL_ERROR", BREAKS),
    spoiler(
        "events-name-their-job",
        "kinds-arrive",
        "no `job_id`",
        event!("thought", |frame| remove(frame, "job_id")),
    ),
    spoiler(
        "events-have-kind-and-body",
        "kinds-arrive",
        "no `body`",
        event!("thought", |frame| frame["payload"]["body"] = json!("a thought")),
    ),
    spoiler("kinds-arrive", "", "no event of kind thought", event!("thought", |_frame| Act::Drop)),
    spoiler(
        "progress-is-not-negative",
        "kinds-arrive",
        "no number of 0 or more",
        event!("progress", |frame| frame["payload"]["body"]["current"] = json!(-1)),
    ),
    spoiler(
        "negative-progress-refused",
        "",
        "it came",
        runtime!("job.accepted", |_frame, seen| {
            Act::Then(event_of(&seen.job, "progress", json!({"current": -1})))
        }),
    ),
    spoiler("sequence", "kinds-arrive", "neither lost nor twice", event!("thought", |_frame| Act::Drop)),
    spoiler(
        "sequence-is-of-the-session",
        "",
        "the numbers of two jobs",
        runtime!("job.result", |frame| frame["event_seq"] = json!(1)),
    ),
    spoiler(
        "result-is-put-together",
        "",
        "something else than the agent wrote",
        event!("result_chunk", |frame| frame["payload"]["body"]["data"] = json!("")),
    ),
    spoiler(
        "chunks-are-whole",
        "result-is-put-together",
        "no `more`",
        event!("result_chunk", |frame| remove(&mut frame["payload"]["body"], "more")),
    ),
    spoiler(
        "chunks-come-in-order",
        "result-is-put-together",
        "`chunk_seq` is not 0",
        event!("result_chunk", |frame| frame["payload"]["body"]["chunk_seq"] = json!(7)),
    ),
    spoiler(
        "text-is-utf8",
        "",
        "another encoding",
        event!("result_chunk", |frame| frame["payload"]["body"]["encoding"] = json!("base64")),
    ),
    spoiler(
        "no-result-beside-chunks",
        "",
        "an inline result",
        runtime!("job.result", |frame| frame["payload"]["result"] = json!("inline")),
    ),
    spoiler(
        "trace-is-forwarded",
        "",
        "the child's `trace_id`",
        runtime!("session.jobs", |frame| {
            let children = entries(frame).iter_mut().filter(|entry| entry["parent_job_id"].is_string());
            children.for_each(|child| child["trace_id"] = json!("00000000000000000000000000000001"));
        }),
    ),
    spoiler("malformed-refused", "", "the code is HEARTBEAT_LOST", OTHER_CODE),
    spoiler("unknown-type-refused", "", "the code is HEARTBEAT_LOST", OTHER_CODE),
    spoiler("wrong-fields-refused", "", "was not refused", NEVER_REFUSES),
    spoiler(
        "error-codes",
        "unknown-agent-refused",
        "a code that §12 does not have",
        runtime!("session.error" | "job.error", |frame| frame["payload"]["code"] = json!("NO_SUCH_AGENT")),
    ),
    spoiler(
        "errors-say-retryable",
        "unknown-agent-refused",
        "no `retryable`",
        runtime!("session.error" | "job.error", |frame| remove(&mut frame["payload"], "retryable")),
    ),
    spoiler(
        "internal-is-retryable",
        "failure-is-told",
        "`retryable` is not true",
        runtime!("job.error", |frame| frame["payload"]["retryable"] = json!(false)),
    ),
    spoiler(
        "hopeless-is-not-retryable",
        "expired-lease-ends-job",
        "`retryable` is not false",
        runtime!("job.error", |frame| frame["payload"]["retryable"] = json!(true)),
    ),
    spoiler("chunks-are-capped", "", r#"it ended by "HEARTBEAT_LOST""#, OTHER_CODE),
    spoiler("delegation-needs-a-grant", "", "not PERMISSION_DENIED", ALLOWS),
    spoiler("malformed-lease-refused", "", "was accepted", NEVER_REFUSES),
    spoiler("lease-is-enforced", "", "not PERMISSION_DENIED", ALLOWS),
    spoiler("lease-allows", "", "the call came to", FORBIDS),
    spoiler("no-lease-allows-nothing", "", "not PERMISSION_DENIED", ALLOWS),
    spoiler("delegation-cannot-expand", "", "not LEASE_SUBSET_VIOLATION", ALLOWS),
    spoiler("delegation-within-budget", "", "not LEASE_SUBSET_VIOLATION", ALLOWS),
    spoiler("delegation-within-time", "", "not LEASE_SUBSET_VIOLATION", ALLOWS),
    spoiler("delegation-within-models", "", "not LEASE_SUBSET_VIOLATION", ALLOWS),
    spoiler("expiry-is-utc", "", "was accepted", NEVER_REFUSES),
    spoiler("expiry-is-ahead", "", "was accepted", NEVER_REFUSES),
    spoiler("expired-lease-ends-job", "", r#"it ended by "HEARTBEAT_LOST""#, OTHER_CODE),
    spoiler("malformed-budget-refused", "", "was accepted", NEVER_REFUSES),
    spoiler("budget-is-enforced", "", "not BUDGET_EXHAUSTED", ALLOWS),
    spoiler("exhaustion-is-a-tool-result", "", "the call came to", ALLOWS),
    spoiler("negative-cost-counts-nothing", "", "not BUDGET_EXHAUSTED", ALLOWS),
    spoiler("currencies-are-apart", "", "the calls came to", FORBIDS),
    spoiler("any-exhausted-budget-stops", "", "not BUDGET_EXHAUSTED", ALLOWS),
    spoiler("models-are-enforced", "", "not PERMISSION_DENIED", ALLOWS),
    spoiler(
        "credentials-are-whole",
        "success-is-told",
        "one lacks",
        runtime!("job.accepted", |frame| remove(&mut frame["payload"]["credentials"][0], "endpoint")),
    ),
    spoiler(
        "credentials-are-of-one-job",
        "version-is-exact",
        "two jobs have the same `value`",
        runtime!("job.accepted", |frame| frame["payload"]["credentials"][0]["value"] = json!("for-all")),
    ),
    spoiler(
        "credentials-are-not-told",
        "version-stays",
        "the `value` of a credential",
        |side, frame, seen| {
            match frame["type"].as_str() {
                Some("job.accepted") => seen.kept = frame["payload"]["credentials"].clone(),
                Some("session.jobs") if side == Side::Runtime => {
                    frame["payload"]["jobs"][0]["credentials"] = seen.kept.clone();
                }
                _ => {}
            }
            Act::Pass
        },
    ),
    spoiler(
        "rotation-is-told",
        "",
        "no `value`",
        event!("status", |frame| remove(&mut frame["payload"]["body"], "value")),
    ),
    spoiler(
        "rotation-is-told-to-the-submitter-alone",
        "",
        "came to the subscriber",
        event!("status", |frame| frame["payload"]["body"]["value"] = json!("of-nobody")),
    ),
    spoiler("delegation-runs", "", "no `delegate` event", event!("delegate", |_frame| Act::Drop)),
];
