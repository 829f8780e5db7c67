//! Leases, budgets, credentials, delegation: §9, §10 and what §14 says of them.

use serde_json::{Value, json};

use super::check::checks;
use super::clock::from_now;
use super::peer::{Ended, Job, Peer};
use super::session::entry;
use super::trial::Trial;
use super::verdict::{Stop, Verdict, failed, holds, skipped};

checks! {
    "9.1" Must delegation_needs_a_grant tried "PERMISSION_DENIED for a delegation in a job whose lease has no `agent.delegate`";
    "9.2" Says malformed_lease_refused tried "INVALID_REQUEST for a lease that is none";
    "9.3" Must lease_is_enforced tried "PERMISSION_DENIED for a tool that the lease does not cover";
    "9.3" Says lease_allows tried "what the lease covers goes through";
    "9.3" Must no_lease_allows_nothing tried "PERMISSION_DENIED for a tool in a job without a lease";
    "9.4" Must delegation_cannot_expand tried "LEASE_SUBSET_VIOLATION for a child with more than its parent has";
    "9.4" Must delegation_within_budget tried "LEASE_SUBSET_VIOLATION for a child with more than is left of the budget";
    "9.4" Must delegation_within_time tried "LEASE_SUBSET_VIOLATION for a child that would outlive its parent's lease";
    "9.4" Must delegation_within_models tried "LEASE_SUBSET_VIOLATION for a child with models that its parent has not";
    "9.4" Says child_inherits_expiry ("no frame says when a child's lease ends, and its parent's ends with it") "a child without `expires_at` has its parent's";
    "9.5" Must expiry_is_utc tried "INVALID_REQUEST for an `expires_at` that is not UTC, or no time";
    "9.5" Must expiry_is_ahead tried "INVALID_REQUEST for an `expires_at` that is past";
    "9.5" Must expired_lease_ends_job tried "job.error LEASE_EXPIRED with `final_status: error` when the lease has ended";
    "9.5" Must clients_resubmit ("it is about clients") "a cancel and another submit where a lease is to last longer";
    "9.6" Says malformed_budget_refused tried "INVALID_REQUEST for an amount that is none";
    "9.6" Must budget_is_enforced tried "BUDGET_EXHAUSTED for a call when nothing is left";
    "9.6" Should exhaustion_is_a_tool_result tried "the agent may go on: the refusal is a tool_result";
    "9.6" Says negative_cost_counts_nothing tried "a negative cost gives nothing back";
    "9.6" Says currencies_are_apart tried "what is spent of one currency leaves the other as it is";
    "9.6" Must any_exhausted_budget_stops tried "BUDGET_EXHAUSTED for a call when nothing is left of one currency, whatever is left of others";
    "9.6" Should upstream_errors_are_translated ("it is between the runtime and an upstream") "BUDGET_EXHAUSTED for the upstream's own error";
    "9.6" Should remaining_is_told ("it is about budgets that an upstream counts") "cost.budget.remaining, whichever side counts";
    "9.7" Must models_are_enforced tried "PERMISSION_DENIED for a model that the lease does not cover";
    "9.7" Must no_models_without_lease ("a setting of the runtime decides it") "no model at all where the lease names none, if the runtime is set so";
    "9.7" Should models_are_in_credentials ("it is between the runtime and an upstream") "the models of a lease in the credential as well";
    "9.8" Must credentials_are_whole seen "`id`, `scheme`, `value` and `endpoint` in each credential";
    "9.8" Must credentials_are_of_one_job seen "no `value` in two jobs";
    "9.8" Must credentials_are_not_told seen "no `value` in lists and to subscribers";
    "9.8" Must credentials_are_revoked ("it is between the runtime and an upstream") "each credential revoked at the end of its job, and again until that worked";
    "9.8" Must failed_revocations_are_logged ("it is in the runtime's log") "each credential that could not be revoked in the log";
    "9.8" Must rotated_values_are_revoked ("it is between the runtime and an upstream") "the value before a rotation revoked promptly";
    "9.8" Must child_credentials_are_bounded ("it is between the runtime and an upstream") "credentials of a child within its lease, and none that outlives it";
    "9.8" Must unknown_schemes_ignored ("it is about clients") "credentials of an unknown scheme left alone";
    "9.8" Must credentials_stay_at_their_endpoint ("it is about agents") "a credential presented at its `endpoint` alone";
    "9.8" Must clients_forget_credentials ("it is about clients") "no credential kept beyond its job, and nothing read from a constraint that is not there";
    "9.8" Must rotation_is_told tried "status `credential_rotated` with `id` and `value`";
    "9.8" Must rotation_is_told_to_the_submitter_alone tried "no `value` of a rotation for a subscriber";
    "9.8" Should credentials_are_constrained ("it is between the runtime and an upstream") "what the lease says, as far as the upstream can";
    "10" Says delegation_runs tried "the child runs, as a job with `parent_job_id`, and a `delegate` event tells of it";
    "10" Must delegation_is_bounded ("the checks of 9.4 are about it") "no more budget and no more time for a child than its parent has left";
    "14" Must expiry_on_a_steady_clock ("the runtime's clock would have to be set") "no lease ends sooner or later as the clock is set";
    "14" Should expiry_has_a_small_grace ("a client cannot tell a grace from the way of its frames") "about a second of grace when a lease ends";
    "14" Must strong_budgets_are_measured ("it is between the runtime and its tools") "costs measured where they arise, where a budget has to hold against its agent";
    "14" Must credentials_are_encrypted ("what encrypts may stand before the runtime, and a loopback needs nothing") "credentials over encrypted transports alone";
    "14" Must revocation_is_durable ("it is between the runtime, its disk and an upstream") "credentials revoked after a restart too, and told to operators where they cannot be";
    "14" Should expiries_are_logged ("it is in the runtime's log") "each expiry in the log";
}

/// Runs steps under a lease.
async fn under(trial: &Trial, peer: &mut Peer, lease: Value, steps: Value) -> Result<Ended, Stop> {
    let job = trial.job(peer, steps, json!({"lease_request": lease})).await?;
    peer.ended(&job).await
}

async fn delegation_needs_a_grant(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let child = json!({"agent": trial.agent(&peer)?, "input": {"steps": []}, "lease_request": {}});
    let lease = json!({"tool.call": ["*"]});
    let ended = under(trial, &mut peer, lease, json!([{"delegate": child}])).await?;
    refusal_of(&ended, "PERMISSION_DENIED")
}

async fn refused_lease(trial: &Trial, more: Value) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let wanted = trial.wanted(&peer, json!([{"result": 1}]), more.clone())?;
    match peer.ask("job.submit", wanted, "job.accepted").await? {
        Ok(_) => Err(failed(format!("{more} was accepted"))),
        Err(refused) => {
            holds!(refused == "INVALID_REQUEST", "the code is {} for {more}", refused);
            Ok(())
        }
    }
}

async fn malformed_lease_refused(trial: &Trial) -> Verdict {
    for lease in [json!({"fs.read": "/all"}), json!({"fs.read": [7]}), json!([]), json!("all")] {
        refused_lease(trial, json!({"lease_request": lease})).await?;
    }
    Ok(())
}

async fn lease_is_enforced(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let lease = json!({"tool.call": ["allowed.*"]});
    let ended = under(trial, &mut peer, lease, json!([{"call": "forbidden.tool"}])).await?;
    refusal_of(&ended, "PERMISSION_DENIED")
}

/// That its last call was refused so, or the job with it.
fn refusal_of(ended: &Ended, code: &str) -> Verdict {
    let calls = ended.calls();
    let told = calls.last().copied().flatten().unwrap_or(ended.code());
    holds!(told == code, "it came to {told:?}, not {code}");
    Ok(())
}

async fn lease_allows(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let lease = json!({"tool.call": ["allowed.*"]});
    let ended = under(trial, &mut peer, lease, json!([{"call": "allowed.tool"}, {"result": 1}])).await?;
    holds!(ended.calls() == [None], "the call came to {:?}", ended.calls());
    holds!(ended.is_success(), "it ended by {}", ended.code());
    Ok(())
}

async fn no_lease_allows_nothing(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let ended = under(trial, &mut peer, json!({}), json!([{"call": "any.tool"}])).await?;
    refusal_of(&ended, "PERMISSION_DENIED")
}

/// Delegates what is to be refused.
async fn refused_child(
    trial: &Trial,
    before: Value,
    lease: Value,
    constraints: Value,
    child: Value,
) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let mut child = child;
    child["agent"] = json!(trial.agent(&peer)?);
    child["input"] = json!({"steps": [{"result": 1}]});
    let mut steps = before.as_array().cloned().unwrap_or_default();
    steps.push(json!({"delegate": child}));
    let mut more = json!({"lease_request": lease});
    if !constraints.is_null() {
        more["lease_constraints"] = constraints;
    }
    let job = trial.job(&mut peer, json!(steps), more).await?;
    let ended = peer.ended(&job).await?;
    refusal_of(&ended, "LEASE_SUBSET_VIOLATION")
}

async fn delegation_cannot_expand(trial: &Trial) -> Verdict {
    let lease = json!({"agent.delegate": ["*"], "fs.read": ["/conform/a/**"]});
    let child = json!({"lease_request": {"fs.read": ["/conform/**"]}});
    refused_child(trial, json!([]), lease, Value::Null, child).await
}

async fn delegation_within_budget(trial: &Trial) -> Verdict {
    let lease = json!({"agent.delegate": ["*"], "cost.budget": ["USD:5.00"]});
    let child = json!({"lease_request": {"cost.budget": ["USD:2.01"]}});
    let spent = json!([{"cost": {"value": 3, "unit": "USD"}}]);
    refused_child(trial, spent, lease, Value::Null, child).await
}

async fn delegation_within_time(trial: &Trial) -> Verdict {
    let lease = json!({"agent.delegate": ["*"]});
    let child = json!({"lease_request": {}, "lease_constraints": {"expires_at": from_now(7200.0)}});
    refused_child(trial, json!([]), lease, json!({"expires_at": from_now(3600.0)}), child).await
}

async fn delegation_within_models(trial: &Trial) -> Verdict {
    let lease = json!({"agent.delegate": ["*"], "model.use": ["tier-fast/*"]});
    let child = json!({"lease_request": {"model.use": ["tier-slow/*"]}});
    refused_child(trial, json!([]), lease, Value::Null, child).await
}

async fn expiry_is_utc(trial: &Trial) -> Verdict {
    trial.welcomed().await?.needs("lease_expires_at")?;
    let ahead = from_now(3600.0);
    let offset = ahead.replace('Z', "+00:00");
    for time in [offset.as_str(), ahead.trim_end_matches('Z'), "tomorrow", ""] {
        refused_lease(trial, json!({"lease_constraints": {"expires_at": time}})).await?;
    }
    Ok(())
}

async fn expiry_is_ahead(trial: &Trial) -> Verdict {
    trial.welcomed().await?.needs("lease_expires_at")?;
    for seconds in [-1.0, -86_400.0] {
        refused_lease(trial, json!({"lease_constraints": {"expires_at": from_now(seconds)}})).await?;
    }
    Ok(())
}

async fn expired_lease_ends_job(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("lease_expires_at")?;
    let more = json!({
        "lease_request": {"tool.call": ["*"]},
        "lease_constraints": {"expires_at": from_now(0.7)},
    });
    let steps = json!([{"call": "a.tool"}, {"wait": 2500}, {"call": "a.tool"}, {"call": "a.tool"}]);
    let job = trial.job(&mut peer, steps, more).await?;
    let ended = peer.ended(&job).await?;
    holds!(ended.calls().first() == Some(&None), "the call before it ended came to {:?}", ended.calls());
    holds!(ended.code() == "LEASE_EXPIRED", "it ended by {:?}", ended.code());
    holds!(ended.status() == "error", "`final_status` is {:?}", ended.status());
    Ok(())
}

async fn malformed_budget_refused(trial: &Trial) -> Verdict {
    trial.welcomed().await?.needs("cost.budget")?;
    for amount in ["USD:-1", "USD:", "USD", ":5", "USD:1e3", "USD:NaN", "USD:Infinity", "USD:5,00", "USD:+5"]
    {
        refused_lease(trial, json!({"lease_request": {"cost.budget": [amount]}})).await?;
    }
    Ok(())
}

fn cost(value: f64, unit: &str) -> Value {
    json!({"cost": {"value": value, "unit": unit}})
}

async fn budget_is_enforced(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("cost.budget")?;
    let lease = json!({"tool.call": ["*"], "cost.budget": ["USD:1.00"]});
    // Ten times a tenth is one, whatever a computer's fractions say.
    let mut steps: Vec<Value> = (0..9).map(|_| cost(0.1, "USD")).collect();
    steps.extend([json!({"call": "a.tool"}), cost(0.1, "USD"), json!({"call": "a.tool"})]);
    let ended = under(trial, &mut peer, lease, json!(steps)).await?;
    holds!(ended.calls().first() == Some(&None), "with 0.10 left the call came to {:?}", ended.calls());
    refusal_of(&ended, "BUDGET_EXHAUSTED")
}

async fn exhaustion_is_a_tool_result(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("cost.budget")?;
    let lease = json!({"tool.call": ["*"], "cost.budget": ["USD:1.00"]});
    let steps = json!([cost(1.0, "USD"), {"call": "a.tool"}, {"result": "partial"}]);
    let ended = under(trial, &mut peer, lease, steps).await?;
    holds!(ended.calls() == [Some("BUDGET_EXHAUSTED")], "the call came to {:?}", ended.calls());
    holds!(ended.is_success(), "the job ended by {}", ended.code());
    Ok(())
}

async fn negative_cost_counts_nothing(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("cost.budget")?;
    let lease = json!({"tool.call": ["*"], "cost.budget": ["USD:1.00"]});
    let steps = json!([cost(-5.0, "USD"), cost(1.0, "USD"), {"call": "a.tool"}]);
    let ended = under(trial, &mut peer, lease, steps).await?;
    refusal_of(&ended, "BUDGET_EXHAUSTED")
}

async fn currencies_are_apart(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("cost.budget")?;
    let lease = json!({"tool.call": ["*"], "cost.budget": ["USD:1.00", "credits:1000"]});
    let steps = json!([cost(999.0, "credits"), {"call": "a.tool"}, cost(0.5, "USD"), {"call": "a.tool"}]);
    let ended = under(trial, &mut peer, lease, steps).await?;
    holds!(ended.calls() == [None, None], "the calls came to {:?}", ended.calls());
    Ok(())
}

async fn any_exhausted_budget_stops(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("cost.budget")?;
    let lease = json!({"tool.call": ["*"], "cost.budget": ["USD:1.00", "credits:10"]});
    let steps = json!([cost(10.0, "credits"), {"call": "a.tool"}]);
    let ended = under(trial, &mut peer, lease, steps).await?;
    refusal_of(&ended, "BUDGET_EXHAUSTED")
}

async fn models_are_enforced(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("model.use")?;
    let lease = json!({"model.use": ["tier-fast/*"]});
    let allowed = under(trial, &mut peer, lease.clone(), json!([{"model": "tier-fast/small"}])).await?;
    holds!(allowed.calls() == [None], "a model of the lease came to {:?}", allowed.calls());
    let ended = under(trial, &mut peer, lease, json!([{"model": "tier-slow/large"}])).await?;
    refusal_of(&ended, "PERMISSION_DENIED")
}

async fn delegation_runs(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("list_jobs")?;
    let child = json!({
        "agent": trial.agent(&peer)?,
        "input": {"steps": [{"result": 1}]},
        "lease_request": {"fs.read": ["/conform/a/**"]},
    });
    let more = json!({"lease_request": {"agent.delegate": ["*"], "fs.read": ["/conform/**"]}});
    let job = trial.job(&mut peer, json!([{"delegate": child}, {"result": 1}]), more).await?;
    let ended = peer.ended(&job).await?;
    holds!(!ended.bodies("delegate").is_empty(), "no `delegate` event");
    let listed = peer.get("session.list_jobs", json!({"limit": 1000}), "session.jobs").await?;
    entry(&listed, &job.id).ok_or_else(|| skipped("the job is not listed"))?;
    let jobs = listed["payload"]["jobs"].as_array().cloned().unwrap_or_default();
    let is_there = jobs.iter().any(|listed| listed["parent_job_id"] == job.id.as_str());
    holds!(is_there, "no job with it as `parent_job_id`");
    Ok(())
}

/// A job whose agent has another value made of a credential, where it has any.
async fn rotates(trial: &Trial, peer: &mut Peer) -> Result<Job, Stop> {
    peer.needs("provisioned_credentials")?;
    let steps = json!([{"wait": 300}, {"rotate": true}, {"wait": 100}, {"result": 1}]);
    let job = trial.job(peer, steps, json!({})).await?;
    match job.opened["payload"]["credentials"].as_array() {
        Some(credentials) if !credentials.is_empty() => Ok(job),
        _ => Err(skipped("the job has no credentials")),
    }
}

/// The bodies of its rotations.
fn rotations(ended: &Ended) -> Vec<&Value> {
    ended.bodies("status").into_iter().filter(|body| body["phase"] == "credential_rotated").collect()
}

async fn rotation_is_told(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let job = rotates(trial, &mut peer).await?;
    let ended = peer.ended(&job).await?;
    let told = rotations(&ended);
    let told = told.first().ok_or_else(|| failed("no status of it"))?;
    let before = job.opened["payload"]["credentials"].as_array().cloned().unwrap_or_default();
    let old = before.iter().find(|credential| credential["id"] == told["id"]);
    let old = old.ok_or_else(|| failed("`id` is none of the job's credentials"))?;
    holds!(told["value"].is_string(), "no `value`");
    holds!(told["value"] != old["value"], "the `value` is the same");
    Ok(())
}

async fn rotation_is_told_to_the_submitter_alone(trial: &Trial) -> Verdict {
    let (mut peer, mut watcher) = (trial.welcomed().await?, trial.welcomed().await?);
    watcher.needs("subscribe")?;
    let job = rotates(trial, &mut peer).await?;
    let followed = watcher.subscribe(&job.id, json!({})).await?;
    let (ended, watched) = (peer.ended(&job).await?, watcher.ended(&followed).await?);
    let value = rotations(&ended).first().and_then(|body| body["value"].as_str().map(str::to_owned));
    let value = value.ok_or_else(|| skipped("no rotation was told"))?;
    let is_told = watched.events.iter().any(|event| event.to_string().contains(&value));
    holds!(!is_told, "the `value` came to the subscriber");
    Ok(())
}
