//! Events, results and errors: §8, §11, §12 and what §14 says of them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::check::checks;
use super::trial::{Trial, log};
use super::verdict::{Stop, Verdict, failed, holds};

checks! {
    "8.1" Says events_name_their_job seen "`job_id` on the envelope of each event";
    "8.1" Says events_have_kind_and_body seen "`kind` and an object as `body` in each event";
    "8.2" Says kinds_arrive tried "events of every kind, and of vendors' kinds, as the agent emitted them";
    "8.2.1" Must progress_is_not_negative seen "no progress with a negative `current`";
    "8.2.1" Must negative_progress_refused tried "a negative `current` of an agent does not reach the client";
    "8.2.1" Should progress_within_total ("it is about agents") "`current` of `total` at most";
    "8.3" Must sequence seen "numbers that rise by one in each session, over reconnects too";
    "8.3" Says sequence_is_of_the_session tried "one sequence for all jobs of a session";
    "8.3" Should clients_resume_on_gaps ("it is about clients") "a resume where a number is missing";
    "8.4" Says result_is_put_together tried "a streamed result whose parts give what the agent wrote, and job.result with its `result_id`";
    "8.4" Says chunks_are_whole seen "`result_id`, `chunk_seq`, `data`, `encoding` and `more` in each part";
    "8.4" Must chunks_come_in_order seen "`chunk_seq` from 0, by one";
    "8.4" Should text_is_utf8 tried "`encoding: utf8` for text";
    "8.4" Must no_result_beside_chunks tried "no inline result in a job.result with parts, and `result_id` in it";
    "11" Must trace_is_forwarded tried "the trace of a submit in its job and in what it delegates";
    "11" Must trace_reaches_tools ("it is between the runtime and tool servers") "the trace of a job in the requests to tool servers";
    "12" Says malformed_refused tried "INVALID_REQUEST for what is no frame";
    "12" Says unknown_type_refused tried "INVALID_REQUEST for a type that there is not";
    "12" Says wrong_fields_refused tried "INVALID_REQUEST for a payload whose fields are not what they are to be";
    "12" Says error_codes seen "none but the codes of §12";
    "12" Says errors_say_retryable seen "`retryable` in each error";
    "12" Says internal_is_retryable seen "`retryable: true` in INTERNAL_ERROR";
    "12" Must hopeless_is_not_retryable seen "`retryable: false` in LEASE_EXPIRED and BUDGET_EXHAUSTED";
    "14" Should chunks_are_capped tried "INTERNAL_ERROR for a part of a result that is far too large";
    "14" Should results_are_capped ("it would take as many bytes as a runtime allows, and more") "INTERNAL_ERROR for a streamed result that is far too large as a whole";
    "14" Should sessions_are_capped ("that many sessions would burden the runtime") "so many sessions of one principal and no more";
    "14" Should idle_sessions_may_end ("how long a runtime waits is its own matter") "an end of sessions that say nothing but heartbeats for long";
    "14" Should subscriptions_are_logged ("it is in the runtime's log") "subscriber, job, its principal and the decision in the log";
}

async fn kinds_arrive(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("progress")?;
    let events = [
        ("log", json!({"level": "info", "message": "a line"})),
        ("thought", json!({"text": "a thought"})),
        ("tool_call", json!({"tool": "t", "args": {"q": 1}, "call_id": "c1"})),
        ("tool_result", json!({"call_id": "c1", "result": {"ok": true}})),
        ("status", json!({"phase": "working", "message": "at it"})),
        ("metric", json!({"name": "rows", "value": 12.5, "unit": "rows"})),
        ("artifact_ref", json!({"uri": "s3://b/k", "content_type": "text/plain", "byte_size": 3})),
        ("progress", json!({"current": 1, "total": 2, "units": "steps"})),
        ("x-vendor.ixt.note", json!({"k": [1, "two"]})),
    ];
    let mut steps: Vec<Value> =
        events.iter().map(|(kind, body)| json!({"emit": {"kind": kind, "body": body}})).collect();
    steps.push(json!({"result": 1}));
    let job = trial.job(&mut peer, json!(steps), json!({})).await?;
    let ended = peer.ended(&job).await?;
    for (kind, body) in &events {
        let told = ended.bodies(kind);
        holds!(!told.is_empty(), "no event of kind {kind}");
        let is_there = told.iter().any(|told| holds_all(told, body));
        holds!(is_there, "the body of {kind} is not what was emitted");
    }
    Ok(())
}

/// Whether a body has what was emitted, as the same values; it may have more.
fn holds_all(told: &Value, emitted: &Value) -> bool {
    match (told, emitted) {
        (Value::Object(told), Value::Object(emitted)) => {
            emitted.iter().all(|(field, value)| told.get(field).is_some_and(|told| holds_all(told, value)))
        }
        (told, emitted) => match (told.as_f64(), emitted.as_f64()) {
            (Some(told), Some(emitted)) => told == emitted,
            _ => told == emitted,
        },
    }
}

async fn negative_progress_refused(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("progress")?;
    let steps = json!([{"emit": {"kind": "progress", "body": {"current": -1}}}, {"result": 1}]);
    let job = trial.job(&mut peer, steps, json!({})).await?;
    let ended = peer.ended(&job).await?;
    holds!(ended.bodies("progress").is_empty(), "it came");
    Ok(())
}

async fn sequence_is_of_the_session(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let steps = json!([{"repeat": {"count": 20, "every_ms": 5, "emit": {"kind": "log", "body": {"level": "info", "message": "tick"}}}}]);
    let (one, other) = (
        trial.job(&mut peer, steps.clone(), json!({})).await?,
        trial.job(&mut peer, steps, json!({})).await?,
    );
    let (one, other) = (peer.ended(&one).await?, peer.ended(&other).await?);
    let mut numbers: Vec<u64> = one
        .events
        .iter()
        .chain(&other.events)
        .chain([&one.end, &other.end])
        .filter_map(|frame| frame["event_seq"].as_u64())
        .collect();
    numbers.sort_unstable();
    let expected: Vec<u64> = (numbers.first().copied().unwrap_or(0)..).take(numbers.len()).collect();
    holds!(numbers.len() >= 42 && numbers == expected, "the numbers of two jobs are {numbers:?}");
    Ok(())
}

/// What a streamed result was put together to.
fn put_together(chunks: &[&Value]) -> Result<Vec<u8>, Stop> {
    let mut whole = Vec::new();
    for chunk in chunks {
        let data = chunk["data"].as_str().unwrap_or_default();
        match chunk["encoding"].as_str() {
            Some("base64") => whole.extend(
                BASE64_STANDARD
                    .decode(data)
                    .map_err(|error| failed(format!("a part that is no base64: {error}")))?,
            ),
            _ => whole.extend(data.as_bytes()),
        }
    }
    Ok(whole)
}

async fn result_is_put_together(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("result_chunk")?;
    for parts in [json!(["hello ", "wörld ", "𝄞"]), json!([{"base64": "AP8="}, {"base64": "gIA="}])] {
        let parts = parts.as_array().cloned().unwrap_or_default();
        let steps: Vec<Value> = parts.iter().map(|part| json!({"chunk": part})).collect();
        let written: Vec<u8> = parts
            .iter()
            .flat_map(|part| match part.as_str() {
                Some(text) => text.as_bytes().to_vec(),
                None => {
                    BASE64_STANDARD.decode(part["base64"].as_str().unwrap_or_default()).unwrap_or_default()
                }
            })
            .collect();
        let job = trial.job(&mut peer, json!(steps), json!({})).await?;
        let ended = peer.ended(&job).await?;
        let chunks = ended.bodies("result_chunk");
        holds!(put_together(&chunks)? == written, "the parts give something else than the agent wrote");
        let (last, others) = chunks.split_last().ok_or_else(|| failed("no part of the result"))?;
        holds!(last["more"] == false, "`more` is not false in the last part");
        holds!(
            others.iter().all(|chunk| chunk["more"] == true),
            "`more` is not true in a part before the last"
        );
        let end = &ended.end["payload"];
        holds!(end["result_id"] == last["result_id"], "`result_id` of job.result is not that of the parts");
        if let Some(size) = end["result_size"].as_u64() {
            holds!(size == written.len() as u64, "`result_size` is {size} of {}", written.len());
        }
    }
    Ok(())
}

async fn text_is_utf8(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("result_chunk")?;
    let job = trial.job(&mut peer, json!([{"chunk": "some "}, {"chunk": "text"}]), json!({})).await?;
    let ended = peer.ended(&job).await?;
    let chunks = ended.bodies("result_chunk");
    holds!(!chunks.is_empty(), "no part of the result");
    holds!(chunks.iter().all(|chunk| chunk["encoding"] == "utf8"), "a part of text with another encoding");
    Ok(())
}

async fn no_result_beside_chunks(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("result_chunk")?;
    let steps = json!([{"chunk": "streamed"}, {"result": "inline"}]);
    let job = trial.job(&mut peer, steps, json!({})).await?;
    let ended = peer.ended(&job).await?;
    if ended.is_success() {
        let end = &ended.end["payload"];
        holds!(end["result_id"].is_string(), "no `result_id`");
        let is_inline = ["result", "output", "value"].iter().any(|field| end[*field] == "inline");
        holds!(!is_inline, "an inline result beside the parts");
    }
    Ok(())
}

async fn trace_is_forwarded(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("list_jobs")?;
    let name = trial.agent(&peer)?.to_owned();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let child = json!({"agent": name, "input": {"steps": [{"result": 1}]}, "lease_request": {}});
    let wanted = trial.wanted(
        &peer,
        json!([{"delegate": child}, {"result": 1}]),
        json!({"lease_request": {"agent.delegate": ["*"]}}),
    )?;
    let job = peer.submit_in(trace, wanted).await?;
    let id = &job.id;
    peer.ended(&job).await?;
    let listed = peer.get("session.list_jobs", json!({"limit": 1000}), "session.jobs").await?;
    let jobs = listed["payload"]["jobs"].as_array().cloned().unwrap_or_default();
    let of = |job: &Value| job["trace_id"].as_str().unwrap_or_default().to_owned();
    let own = jobs
        .iter()
        .find(|job| job["job_id"] == id.as_str())
        .ok_or_else(|| failed("the job is not listed"))?;
    holds!(of(own).contains(trace), "the job's `trace_id` is {:?}", of(own));
    let child = jobs
        .iter()
        .find(|job| job["parent_job_id"] == id.as_str())
        .ok_or_else(|| failed("no job is listed with it as `parent_job_id`"))?;
    holds!(of(child).contains(trace), "the child's `trace_id` is {:?}", of(child));
    Ok(())
}

/// Something that is refused as a whole; the session may end with it.
async fn malformed(trial: &Trial, text: &str) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.raw(text).await?;
    let error = peer.until("session.error", |frame| frame["type"] == "session.error").await?;
    let code = error["payload"]["code"].as_str().unwrap_or_default();
    holds!(code == "INVALID_REQUEST", "the code is {code}, for {text}");
    Ok(())
}

async fn malformed_refused(trial: &Trial) -> Verdict {
    for text in ["{", "[]", "17", r#"{"arcp":"1.1"}"#, r#"{"arcp":"1.1","id":"x","type":7,"payload":{}}"#] {
        malformed(trial, text).await?;
    }
    Ok(())
}

async fn unknown_type_refused(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.denied("session.no_such_type", json!({}), "session.no_such_type", &["INVALID_REQUEST"]).await
}

async fn wrong_fields_refused(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    for payload in [json!({}), json!({"agent": 7}), json!({"agent": ""}), json!({"agent": "Not A Name!"})] {
        peer.denied("job.submit", payload, "job.accepted", &["INVALID_REQUEST"]).await?;
    }
    Ok(())
}

async fn chunks_are_capped(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("result_chunk")?;
    let job = trial.job(&mut peer, json!([log("now"), {"chunk_of": 8 << 20}]), json!({})).await?;
    let ended = peer.ended(&job).await?;
    holds!(ended.code() == "INTERNAL_ERROR", "8 MiB in one part: it ended by {:?}", ended.code());
    Ok(())
}
