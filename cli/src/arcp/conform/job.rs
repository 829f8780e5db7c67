//! Jobs: §7.

use std::time::Duration;

use serde_json::{Value, json};

use super::check::checks;
use super::clock::{QUIET, from_now};
use super::peer::Job;
use super::session::{NEVER_WAS, entry};
use super::trial::{Trial, inventory, log, ticks};
use super::verdict::{Verdict, failed, holds, skipped};

checks! {
    "7.1" Says accepted_says_all tried "job.accepted with `job_id`, `lease` and `lease_constraints` as they hold, `budget`, `accepted_at` and `trace_id`";
    "7.1" Says unknown_agent_refused tried "AGENT_NOT_AVAILABLE for an agent that is not there";
    "7.2" Must same_key_is_same_job tried "the same job.accepted for the same key and parameters, and one job";
    "7.2" Says key_conflict_refused tried "DUPLICATE_KEY for the same key with other parameters";
    "7.3" Says success_is_told tried "job.result with `final_status: success` and the result";
    "7.3" Says failure_is_told tried "job.error with `final_status: error` for an agent that fails";
    "7.3" Says timeout_is_told tried "job.error TIMEOUT with `final_status: timed_out` behind `max_runtime_sec`";
    "7.3" Must one_end seen "one end of each job, and nothing behind it";
    "7.4" Says cancel_works tried "job.cancelled, and job.error CANCELLED with `final_status: cancelled`";
    "7.4" Says cancel_of_unknown_refused tried "JOB_NOT_FOUND for a job that is not there";
    "7.5" Says bare_name_is_the_default tried "the advertised default version for a name without one";
    "7.5" Says version_is_exact tried "the very version that was asked for";
    "7.5" Says unknown_version_refused tried "AGENT_VERSION_NOT_AVAILABLE for a version that is not there";
    "7.5" Must version_stays tried "the same `agent` where the job is accepted, listed and subscribed to";
    "7.5" Must clients_pin_versions ("it is about clients") "a version in every submit that needs a stable one";
    "7.6" Says subscribed_says_all tried "job.subscribed with `job_id`, `current_status`, `agent` and `replayed`";
    "7.6" Says subscriber_hears_live tried "the events that follow, in the subscriber's own numbers";
    "7.6" Says history_is_replayed tried "with `history` the events behind `from_event_seq` first";
    "7.6" Says no_history_unless_asked tried "without `history` nothing that came before";
    "7.6" Says unsubscribe_works tried "no event behind job.unsubscribe";
    "7.6" Must subscription_is_checked tried "PERMISSION_DENIED, or that there is no such job, for another principal";
    "7.6" Must subscriber_cannot_cancel tried "no cancel by a session that only subscribed";
    "7.6" Says subscriber_outlives_submitter tried "a subscriber hears the end of a job whose submitter is gone";
    "7.7" Should dashboards_subscribe ("it is about clients") "dashboards subscribe, clients that lost their connection resume";
}

async fn accepted_says_all(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("cost.budget")?;
    peer.needs("lease_expires_at")?;
    let expires_at = from_now(3600.0);
    let more = json!({
        "lease_request": {"fs.read": ["/conform/**"], "cost.budget": ["USD:5.00"]},
        "lease_constraints": {"expires_at": expires_at},
    });
    let wanted = trial.wanted(&peer, json!([{"result": 1}]), more)?;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let accepted = &peer.submit_in(trace, wanted).await?.opened["payload"];
    holds!(accepted["job_id"].is_string(), "no `job_id`");
    holds!(accepted["lease"]["fs.read"] == json!(["/conform/**"]), "the `lease` is not what was asked for");
    let echoed = accepted["lease_constraints"]["expires_at"].as_str().unwrap_or_default();
    let same = ixt::arcp::engine::Timestamp::parse(echoed).ok()
        == ixt::arcp::engine::Timestamp::parse(&expires_at).ok();
    holds!(same, "`lease_constraints.expires_at` is not what was asked for");
    let budget = &accepted["budget"]["USD"];
    let amount = budget.as_f64().or_else(|| budget.as_str()?.rsplit(':').next()?.parse().ok());
    holds!(amount == Some(5.0), "`budget` is not 5 USD");
    holds!(accepted["accepted_at"].is_string(), "no `accepted_at`");
    let told = accepted["trace_id"].as_str().unwrap_or_default();
    holds!(told.contains(trace), "`trace_id` is not that of the submit");
    Ok(())
}

async fn unknown_agent_refused(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let wanted = json!({"agent": "no-such-agent-as-this-one", "input": {}});
    peer.denied("job.submit", wanted, "job.accepted", &["AGENT_NOT_AVAILABLE"]).await
}

/// A key that nobody had before.
fn key() -> String {
    format!("conform-{}", from_now(0.0))
}

async fn same_key_is_same_job(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let more = json!({"idempotency_key": key()});
    let wanted = trial.wanted(&peer, json!([log("1"), {"wait": 400}, {"result": 1}]), more)?;
    let first = peer.submit(wanted.clone()).await?;
    let again = peer.submit(wanted.clone()).await?;
    holds!(first.id == again.id, "it is another job");
    let payload = |job: &Job| {
        let mut payload = job.opened["payload"].clone();
        // That one names the request that it answers.
        if let Some(payload) = payload.as_object_mut() {
            payload.remove("request_id");
        }
        payload
    };
    holds!(payload(&first) == payload(&again), "the payload is another one");
    peer.ended(&first).await?;
    // Behind its end credentials may be gone, which open nothing any more.
    let late = peer.submit(wanted).await?;
    holds!(first.id == late.id, "it is another job once the first has ended");
    Ok(())
}

async fn key_conflict_refused(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let key = key();
    let wanted = trial.wanted(&peer, json!([{"result": 1}]), json!({"idempotency_key": key}))?;
    let job = peer.submit(wanted).await?;
    peer.ended(&job).await?;
    let other = trial.wanted(&peer, json!([{"result": 2}]), json!({"idempotency_key": key}))?;
    peer.denied("job.submit", other, "job.accepted", &["DUPLICATE_KEY"]).await
}

async fn success_is_told(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let job = trial.job(&mut peer, json!([{"result": {"answer": 42}}]), json!({})).await?;
    let ended = peer.ended(&job).await?;
    holds!(ended.is_success(), "it ended by {}", ended.code());
    holds!(ended.status() == "success", "`final_status` is {:?}", ended.status());
    holds!(ended.end["payload"].to_string().contains(r#"{"answer":42}"#), "the result is not there");
    Ok(())
}

async fn failure_is_told(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let job = trial.job(&mut peer, json!([{"fail": "as it was told to"}]), json!({})).await?;
    let ended = peer.ended(&job).await?;
    holds!(!ended.is_success(), "it ended with a result");
    holds!(ended.status() == "error", "`final_status` is {:?}", ended.status());
    Ok(())
}

async fn timeout_is_told(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let job = trial.job(&mut peer, json!([{"wait": 30_000}]), json!({"max_runtime_sec": 1})).await?;
    let ended = peer.ended(&job).await?;
    holds!(ended.code() == "TIMEOUT", "the code is {:?}", ended.code());
    holds!(ended.status() == "timed_out", "`final_status` is {:?}", ended.status());
    Ok(())
}

async fn cancel_works(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let job = trial.job(&mut peer, json!([ticks(400, 25)]), json!({})).await?;
    peer.event(&job, |_| true).await?;
    peer.get("job.cancel", json!({"job_id": job.id, "reason": "not wanted"}), "job.cancelled").await?;
    let ended = peer.ended(&job).await?;
    holds!(ended.code() == "CANCELLED", "the code is {:?}", ended.code());
    holds!(ended.status() == "cancelled", "`final_status` is {:?}", ended.status());
    let behind = peer.quiet(QUIET).await?;
    holds!(!behind.iter().any(|frame| frame["job_id"] == job.id), "more comes behind its end");
    Ok(())
}

async fn cancel_of_unknown_refused(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let unknown = json!({"job_id": NEVER_WAS, "reason": "not wanted"});
    peer.denied("job.cancel", unknown, "job.cancelled", &["JOB_NOT_FOUND"]).await
}

async fn bare_name_is_the_default(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("agent_versions")?;
    let name = trial.agent(&peer)?.split('@').next().unwrap_or_default().to_owned();
    let listed = inventory(&peer).into_iter().find(|agent| agent["name"] == name.as_str());
    let default = listed.and_then(|agent| agent["default"].as_str().map(str::to_owned));
    let default = default.ok_or_else(|| skipped("the agent has no default version"))?;
    let job = trial.job(&mut peer, json!([{"result": 1}]), json!({"agent": name})).await?;
    peer.ended(&job).await?;
    let told = &job.opened["payload"]["agent"];
    holds!(*told == format!("{name}@{default}"), "`agent` is {told}, and the default {default}");
    Ok(())
}

async fn version_is_exact(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("agent_versions")?;
    let name = trial.agent(&peer)?.split('@').next().unwrap_or_default().to_owned();
    let listed = inventory(&peer).into_iter().find(|agent| agent["name"] == name.as_str());
    let versions = listed.and_then(|agent| agent["versions"].as_array().cloned()).unwrap_or_default();
    if versions.len() < 2 {
        return Err(skipped("the agent has less than two versions"));
    }
    for version in versions.iter().filter_map(Value::as_str) {
        let exact = format!("{name}@{version}");
        let job = trial.job(&mut peer, json!([{"result": 1}]), json!({"agent": exact})).await?;
        peer.ended(&job).await?;
        let told = &job.opened["payload"]["agent"];
        holds!(*told == exact, "`agent` is {told} for {exact}");
    }
    Ok(())
}

async fn unknown_version_refused(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("agent_versions")?;
    // None but that one: a runtime that cares for no version would start a job of a stranger's agent.
    let name = trial.agent(&peer)?.split('@').next().unwrap_or_default();
    let wanted = json!({"agent": format!("{name}@0.0.0-never"), "input": {}});
    peer.denied("job.submit", wanted, "job.accepted", &["AGENT_VERSION_NOT_AVAILABLE"]).await
}

async fn version_stays(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    for feature in ["agent_versions", "list_jobs", "subscribe"] {
        peer.needs(feature)?;
    }
    let mut watcher = trial.welcomed().await?;
    let job = trial.job(&mut peer, json!([log("1"), {"wait": 500}, {"result": 1}]), json!({})).await?;
    peer.event(&job, |_| true).await?;
    let accepted = &job.opened["payload"]["agent"];
    holds!(accepted.is_string(), "no `agent` in job.accepted");
    let listed = peer.get("session.list_jobs", json!({"limit": 1000}), "session.jobs").await?;
    let told = &entry(&listed, &job.id).ok_or_else(|| failed("the job is not listed"))?["agent"];
    holds!(told == accepted, "it is listed as {told}, and accepted as {accepted}");
    let followed = watcher.subscribe(&job.id, json!({})).await?;
    let told = &followed.opened["payload"]["agent"];
    holds!(told == accepted, "it is subscribed to as {told}, and accepted as {accepted}");
    Ok(())
}

async fn subscribed_says_all(trial: &Trial) -> Verdict {
    let (mut peer, mut watcher) = (trial.welcomed().await?, trial.welcomed().await?);
    watcher.needs("subscribe")?;
    let job = trial.job(&mut peer, json!([log("1"), {"wait": 500}, {"result": 1}]), json!({})).await?;
    peer.event(&job, |_| true).await?;
    let followed = watcher.subscribe(&job.id, json!({})).await?;
    let payload = &followed.opened["payload"];
    holds!(payload["current_status"] == "running", "`current_status` is {}", payload["current_status"]);
    holds!(payload["agent"].is_string(), "no `agent`");
    holds!(!payload["replayed"].is_null(), "no `replayed`");
    Ok(())
}

async fn subscriber_hears_live(trial: &Trial) -> Verdict {
    let (mut peer, mut watcher) = (trial.welcomed().await?, trial.welcomed().await?);
    watcher.needs("subscribe")?;
    // It has numbers of its own before.
    let own = trial.job(&mut watcher, json!([log("own")]), json!({})).await?;
    watcher.ended(&own).await?;
    let last = watcher.last;
    let job =
        trial.job(&mut peer, json!([log("1"), {"wait": 500}, log("2"), {"result": 1}]), json!({})).await?;
    peer.event(&job, |_| true).await?;
    let followed = watcher.subscribe(&job.id, json!({})).await?;
    let ended = watcher.ended(&followed).await?;
    let told = ended.messages();
    holds!(told.contains(&"2"), "the event that followed did not come");
    holds!(ended.is_success(), "it ended by {}", ended.code());
    let numbers: Vec<u64> = ended.events.iter().filter_map(|event| event["event_seq"].as_u64()).collect();
    let expected: Vec<u64> = (last + 1..).take(ended.events.len()).collect();
    holds!(numbers == expected, "the numbers are {numbers:?} behind {last} of its own");
    Ok(())
}

async fn history(trial: &Trial, more: Value, expected: &[&str]) -> Verdict {
    let (mut peer, mut watcher) = (trial.welcomed().await?, trial.welcomed().await?);
    watcher.needs("subscribe")?;
    let steps = json!([log("1"), log("2"), log("3"), {"wait": 700}, log("4"), {"result": 1}]);
    let job = trial.job(&mut peer, steps, json!({})).await?;
    peer.event(&job, |payload| payload["body"]["message"] == "3").await?;
    let followed = watcher.subscribe(&job.id, more).await?;
    let ended = watcher.ended(&followed).await?;
    let told = ended.messages();
    holds!(told == expected, "it told {told:?}, not {expected:?}");
    Ok(())
}

async fn history_is_replayed(trial: &Trial) -> Verdict {
    history(trial, json!({"history": true, "from_event_seq": 0}), &["1", "2", "3", "4"]).await
}

async fn no_history_unless_asked(trial: &Trial) -> Verdict {
    history(trial, json!({}), &["4"]).await
}

async fn unsubscribe_works(trial: &Trial) -> Verdict {
    let (mut peer, mut watcher) = (trial.welcomed().await?, trial.welcomed().await?);
    watcher.needs("subscribe")?;
    let job = trial.job(&mut peer, json!([ticks(400, 25)]), json!({})).await?;
    let followed = watcher.subscribe(&job.id, json!({})).await?;
    watcher.event(&followed, |_| true).await?;
    watcher.say("job.unsubscribe", json!({"job_id": job.id})).await?;
    // What was under way may come still.
    tokio::time::sleep(QUIET).await;
    let _ = watcher.quiet(Duration::from_millis(1)).await?;
    let come = watcher.quiet(QUIET).await?;
    holds!(!come.iter().any(|frame| frame["job_id"] == job.id), "events go on");
    peer.say("job.cancel", json!({"job_id": job.id, "reason": "done"})).await?;
    Ok(())
}

async fn subscription_is_checked(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("subscribe")?;
    let mut other = trial.other().await?;
    let job = trial.job(&mut peer, json!([log("1"), {"wait": 500}]), json!({})).await?;
    peer.event(&job, |_| true).await?;
    let asked = json!({"job_id": job.id, "history": true, "from_event_seq": 0});
    // Who may not know of a job may be told that there is none (§6.6).
    other.denied("job.subscribe", asked, "job.subscribed", &["PERMISSION_DENIED", "JOB_NOT_FOUND"]).await
}

async fn subscriber_cannot_cancel(trial: &Trial) -> Verdict {
    let (mut peer, mut watcher) = (trial.welcomed().await?, trial.welcomed().await?);
    watcher.needs("subscribe")?;
    let job = trial.job(&mut peer, json!([log("1"), {"wait": 800}, {"result": 1}]), json!({})).await?;
    peer.event(&job, |_| true).await?;
    watcher.subscribe(&job.id, json!({})).await?;
    let code = watcher.refused_cancel(&job.id).await?;
    let ended = peer.ended(&job).await?;
    holds!(ended.is_success() && ended.status() == "success", "the job ended as {:?}", ended.status());
    let is_known = matches!(code.as_str(), "" | "PERMISSION_DENIED" | "JOB_NOT_FOUND");
    holds!(is_known, "the code is {code}, not PERMISSION_DENIED or JOB_NOT_FOUND");
    Ok(())
}

async fn subscriber_outlives_submitter(trial: &Trial) -> Verdict {
    let (mut peer, mut watcher) = (trial.welcomed().await?, trial.welcomed().await?);
    watcher.needs("subscribe")?;
    let job =
        trial.job(&mut peer, json!([log("1"), {"wait": 700}, log("2"), {"result": 1}]), json!({})).await?;
    peer.event(&job, |_| true).await?;
    let followed = watcher.subscribe(&job.id, json!({})).await?;
    drop(peer);
    let ended = watcher.ended(&followed).await?;
    holds!(ended.is_success(), "it ended by {}", ended.code());
    Ok(())
}
