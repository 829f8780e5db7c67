//! Sessions: §4 to §6.

use serde_json::{Value, json};

use super::check::checks;
use super::clock::{QUIET, now};
use super::trial::{Trial, features, inventory, log, resume, ticks};
use super::verdict::{Stop, Verdict, failed, holds, skipped};

checks! {
    "4" Must websocket tried "a connection by WebSocket, and a hello that is answered on it";
    "4" Must stdio ("a child process is not started for it; this endpoint is about WebSocket") "frames by lines on standard input and output";
    "5" Says envelope seen "`arcp` 1.x, `id`, `type` and an object as `payload` in every frame";
    "5" Must unknown_fields_ignored tried "unknown fields on an envelope change nothing";
    "5" Must session_id_everywhere seen "the session's id on every frame after the welcome";
    "6.1" Says wrong_token_refused tried "UNAUTHENTICATED for a hello with a wrong token";
    "6.1" Says no_token_refused tried "UNAUTHENTICATED for a hello without a token";
    "6.1" Says nothing_before_hello tried "nothing is served before a hello";
    "6.2" Says welcome_is_whole tried "a welcome with `session_id`, `resume_token`, `resume_window_sec`, `heartbeat_interval_sec` and features";
    "6.2" Says inventory_has_versions tried "each agent with `name`, `versions` and, where it has any, a `default` among them";
    "6.2" Must features_not_offered_are_not_used tried "no progress, no parts of a result for a client that did not offer them, and the result all the same";
    "6.2" Must no_credentials_unless_offered tried "no `credentials` for a client that did not offer `provisioned_credentials`";
    "6.2" Must no_ping_unless_offered tried "no session.ping for a client that did not offer `heartbeat`";
    "6.3" Says token_rotates tried "another resume token in every welcome";
    "6.3" Says old_token_refused tried "a resume token that was replaced does not work again";
    "6.3" Says wrong_resume_token_refused tried "no resume with a token that is none";
    "6.3" Must resume_is_of_its_principal tried "no resume of a session of another principal";
    "6.3" Says resume_replays tried "after a resume all events behind `last_event_seq`, without a gap, and those that follow";
    "6.3" Says resume_has_no_hole tried "for a resume from before what was acknowledged all events, or RESUME_WINDOW_EXPIRED";
    "6.3" Says unknown_session_refused tried "no resume of a session that never was";
    "6.4" Must ping_answered tried "session.pong with the nonce of the ping";
    "6.4" Should says_something_each_interval tried "a frame within each heartbeat interval, a session.ping where there is nothing else";
    "6.4" Must jobs_survive_lost_clients tried "a job goes on when its connection breaks, and its session can be gone on with";
    "6.4" Must jobs_survive_silence tried "a job goes on when its client falls silent, and its session can be gone on with";
    "6.4" Says control_is_not_counted seen "no `event_seq` on heartbeats and other control";
    "6.5" Says ack_taken tried "session.ack is taken without an answer, and changes nothing about events";
    "6.5" Must unacked_events_are_kept tried "events that were not acknowledged are there for a resume";
    "6.5" Should clients_ack_seldom ("it is about clients") "at most an ack every event or every few hundred milliseconds";
    "6.6" Says list_answered tried "session.jobs with `request_id` and, for each job, `job_id`, `agent`, `status`, `created_at` and `last_event_seq`";
    "6.6" Says list_filters tried "only jobs that the filter is about";
    "6.6" Says list_pages tried "no more jobs than `limit`, and the others behind `next_cursor`, each once";
    "6.6" Must list_hides_jobs_of_others tried "jobs of one principal are not listed to another";
    "6.6" Must existence_is_not_told tried "another principal is refused to cancel a job as one that never was";
    "6.6" Says list_does_not_subscribe tried "no event of a job in a session that only listed it";
    "6.7" Says close_acknowledged tried "session.closed for a session.close";
    "6.7" Says jobs_survive_close tried "jobs go on when their session is closed";
}

/// A job that there is not, of the form that ids have.
pub(super) const NEVER_WAS: &str = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV";

async fn websocket(trial: &Trial) -> Verdict {
    trial.welcomed().await.map(drop)
}

async fn unknown_fields_ignored(trial: &Trial) -> Verdict {
    let mut peer = trial.connected().await?;
    let payload = json!({
        "client": {"name": "ixt-conform", "version": "1", "x-vendor.ixt.more": 1},
        "auth": {"scheme": "bearer", "token": trial.token()},
        "capabilities": {"encodings": ["json"], "features": features()},
    });
    let more =
        json!({"x_unknown": {"deep": [1, 2, {"er": null}]}, "extensions": {"x-vendor.ixt.note": "as if"}});
    peer.say_with("session.hello", payload, more.clone()).await?;
    let welcome = match peer.answer("session.welcome").await? {
        Ok(welcome) => welcome,
        Err(refused) => return Err(failed(format!("hello was refused: {refused}"))),
    };
    let features = welcome["payload"]["capabilities"]["features"].as_array();
    if features.is_some_and(|all| all.iter().any(|one| one == "heartbeat")) {
        peer.say_with("session.ping", json!({"nonce": "n-more", "sent_at": now()}), more).await?;
        let told = peer.answer("session.pong").await?;
        holds!(told.is_ok(), "session.ping was refused: {}", told.err().unwrap_or_default());
    }
    Ok(())
}

async fn refused_hello(trial: &Trial, token: Option<&str>) -> Verdict {
    let mut peer = trial.connected().await?;
    match peer.hello(token, &features(), None).await? {
        Ok(()) => Err(failed("it was welcomed")),
        Err(refused) => {
            holds!(refused == "UNAUTHENTICATED", "the code is {}", refused);
            Ok(())
        }
    }
}

async fn wrong_token_refused(trial: &Trial) -> Verdict {
    refused_hello(trial, Some("no-such-token-of-anybody")).await
}

async fn no_token_refused(trial: &Trial) -> Verdict {
    refused_hello(trial, None).await
}

async fn nothing_before_hello(trial: &Trial) -> Verdict {
    let mut peer = trial.connected().await?;
    // Where the connection ends meanwhile, that is an answer too.
    let _ = peer.say("session.list_jobs", json!({})).await;
    let come = peer.quiet(QUIET).await?;
    let served = come.iter().find(|frame| frame["type"] != "session.error");
    holds!(
        served.is_none(),
        "it was answered by {}",
        served.map_or("", |frame| frame["type"].as_str().unwrap_or(""))
    );
    Ok(())
}

async fn welcome_is_whole(trial: &Trial) -> Verdict {
    let peer = trial.welcomed().await?;
    let payload = &peer.welcome["payload"];
    holds!(peer.welcome["session_id"].is_string(), "no `session_id` on the envelope");
    let token = payload["resume_token"].as_str().unwrap_or_default();
    holds!(!token.is_empty(), "no `resume_token`");
    for field in ["resume_window_sec", "heartbeat_interval_sec"] {
        holds!(payload[field].as_f64().is_some_and(|seconds| seconds > 0.0), "no `{field}`");
    }
    let features = &payload["capabilities"]["features"];
    holds!(
        features.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
        "no `capabilities.features`"
    );
    holds!(payload["runtime"]["name"].is_string(), "no `runtime.name`");
    Ok(())
}

async fn inventory_has_versions(trial: &Trial) -> Verdict {
    let peer = trial.welcomed().await?;
    peer.needs("agent_versions")?;
    let agents = &peer.welcome["payload"]["capabilities"]["agents"];
    holds!(agents.is_array(), "no `capabilities.agents`");
    for agent in inventory(&peer) {
        let name = agent["name"].as_str().unwrap_or_default();
        let is_name = name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && name.chars().all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '.' | '_' | '-'));
        holds!(is_name, "an agent's name is none: {name:?}");
        let versions =
            agent["versions"].as_array().ok_or_else(|| failed(format!("{name} has no `versions`")))?;
        if let Some(default) = agent["default"].as_str() {
            holds!(
                versions.iter().any(|version| version == default),
                "the default of {name} is none of its versions"
            );
        }
    }
    Ok(())
}

async fn features_not_offered_are_not_used(trial: &Trial) -> Verdict {
    let mut peer = trial.session(&[]).await?;
    let steps = json!([
        log("before"),
        {"emit": {"kind": "progress", "body": {"current": 1}}},
        {"chunk": "one "},
        {"chunk": "two"},
    ]);
    let job = trial.job(&mut peer, steps, json!({})).await?;
    let ended = peer.ended(&job).await?;
    for kind in ["progress", "result_chunk"] {
        holds!(ended.bodies(kind).is_empty(), "an event of kind {kind}");
    }
    holds!(!ended.bodies("log").is_empty(), "no other event either");
    holds!(ended.is_success(), "it ended by {}", ended.code());
    holds!(ended.end["payload"].to_string().contains("one two"), "the result is not there");
    Ok(())
}

async fn no_credentials_unless_offered(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("provisioned_credentials")?;
    let job = trial.job(&mut peer, json!([{"result": 1}]), json!({})).await?;
    peer.ended(&job).await?;
    if job.opened["payload"]["credentials"].is_null() {
        return Err(skipped("the job has no credentials"));
    }
    let mut peer = trial.session(&["ack"]).await?;
    let job = trial.job(&mut peer, json!([{"result": 1}]), json!({})).await?;
    peer.ended(&job).await?;
    holds!(job.opened["payload"]["credentials"].is_null(), "`credentials` in job.accepted");
    Ok(())
}

async fn no_ping_unless_offered(trial: &Trial) -> Verdict {
    // Who cannot hear of heartbeats need not be told how often they come.
    let beats = trial.welcomed().await?;
    beats.needs("heartbeat")?;
    let interval = interval(trial, &beats.welcome)?;
    let mut peer = trial.session(&["ack"]).await?;
    let come = peer.quiet(interval.mul_f64(1.5)).await?;
    holds!(!come.iter().any(|frame| frame["type"] == "session.ping"), "a session.ping");
    Ok(())
}

/// The heartbeat interval of a runtime, where that is not too long to wait.
fn interval(trial: &Trial, welcome: &Value) -> Result<std::time::Duration, Stop> {
    let seconds = welcome["payload"]["heartbeat_interval_sec"].as_f64().unwrap_or(0.0);
    if seconds <= 0.0 {
        return Err(failed("no `heartbeat_interval_sec`"));
    }
    if 1.5 * seconds > trial.patience().as_secs_f64() {
        return Err(skipped(format!("the interval is {seconds} s; --patience allows for less")));
    }
    Ok(std::time::Duration::from_secs_f64(seconds))
}

async fn token_rotates(trial: &Trial) -> Verdict {
    let peer = trial.welcomed().await?;
    let (first, session) = (peer.resume_token.clone(), peer.session.clone());
    let peer = trial.resumed(peer, 0).await?;
    holds!(peer.session == session, "the resume has given another session");
    holds!(!peer.resume_token.is_empty() && peer.resume_token != first, "the token is the same");
    Ok(())
}

async fn refused_resume(trial: &Trial, token: &str, resume: Value) -> Verdict {
    let session = resume["session_id"].clone();
    let mut peer = trial.connected().await?;
    match peer.hello(Some(token), &features(), Some(resume)).await? {
        Ok(()) => {
            // A new session in place of that one gives nothing away.
            holds!(peer.welcome["session_id"] != session, "the session was gone on with");
            Ok(())
        }
        Err(_) => Ok(()),
    }
}

async fn old_token_refused(trial: &Trial) -> Verdict {
    let peer = trial.welcomed().await?;
    let old = resume(&peer, 0);
    let mut peer = trial.resumed(peer, 0).await?;
    // The first frame on the new connection says that its welcome has come.
    peer.say("session.ping", json!({"nonce": "n-old", "sent_at": now()})).await?;
    let _ = peer.quiet(QUIET).await?;
    drop(peer);
    refused_resume(trial, trial.token(), old).await
}

async fn wrong_resume_token_refused(trial: &Trial) -> Verdict {
    let peer = trial.welcomed().await?;
    let mut wrong = resume(&peer, 0);
    drop(peer);
    wrong["resume_token"] = json!("rt_0000000000000000000000000000000000000000000");
    refused_resume(trial, trial.token(), wrong).await
}

async fn resume_is_of_its_principal(trial: &Trial) -> Verdict {
    let peer = trial.welcomed().await?;
    let stolen = resume(&peer, 0);
    drop(peer);
    refused_resume(trial, trial.other_token()?, stolen).await
}

async fn unknown_session_refused(trial: &Trial) -> Verdict {
    let peer = trial.welcomed().await?;
    let mut unknown = resume(&peer, 0);
    unknown["session_id"] = json!("sess_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    refused_resume(trial, trial.token(), unknown).await
}

async fn resume_replays(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let steps = json!([log("1"), log("2"), log("3"), {"wait": 600}, log("4"), log("5"), {"result": "done"}]);
    let job = trial.job(&mut peer, steps, json!({})).await?;
    // The third has come; of these, two are said to.
    peer.event(&job, |payload| payload["body"]["message"] == "3").await?;
    let last = peer.last.saturating_sub(1);
    let mut peer = trial.resumed(peer, last).await?;
    let ended = peer.ended(&job).await?;
    let told = ended.messages();
    holds!(told == ["3", "4", "5"], "it told {told:?}, not 3, 4 and 5");
    holds!(ended.is_success(), "it ended by {}", ended.code());
    Ok(())
}

async fn resume_has_no_hole(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("ack")?;
    let job = trial.job(&mut peer, json!([log("1"), log("2"), log("3"), {"result": 1}]), json!({})).await?;
    let first = peer.event(&job, |payload| payload["body"]["message"] == "1").await?;
    let first = first["event_seq"].as_u64().unwrap_or(0);
    peer.ended(&job).await?;
    // It may have let go of them, and has to say so then.
    peer.say("session.ack", json!({"last_processed_seq": peer.last})).await?;
    let _ = peer.quiet(QUIET).await?;
    let resume = resume(&peer, first);
    drop(peer);
    let mut peer = trial.connected().await?;
    match peer.hello(Some(trial.token()), &features(), Some(resume)).await? {
        Ok(()) => {
            let ended = peer.ended(&job).await?;
            holds!(ended.messages() == ["2", "3"], "it told {:?}, not 2 and 3", ended.messages());
            Ok(())
        }
        Err(refused) => {
            holds!(refused == "RESUME_WINDOW_EXPIRED", "the code is {refused}");
            Ok(())
        }
    }
}

async fn ping_answered(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("heartbeat")?;
    peer.say("session.ping", json!({"nonce": "n-conform-1", "sent_at": now()})).await?;
    let pong = peer.until("session.pong", |frame| frame["type"] == "session.pong").await?;
    holds!(pong["payload"]["ping_nonce"] == "n-conform-1", "another `ping_nonce`, or none");
    Ok(())
}

async fn says_something_each_interval(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("heartbeat")?;
    let interval = interval(trial, &peer.welcome)?;
    peer.until("frame within the heartbeat interval", |_| true).await.map(drop)?;
    // By the next one a runtime that waits for the whole interval each time has shown itself.
    let began = tokio::time::Instant::now();
    peer.until("frame within the heartbeat interval", |_| true).await.map(drop)?;
    let took = began.elapsed();
    holds!(took <= interval.mul_f64(1.25), "the next one took {:.1} s", took.as_secs_f64());
    Ok(())
}

async fn jobs_survive_lost_clients(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let job = trial.job(&mut peer, json!([{"wait": 500}, log("later"), {"result": 1}]), json!({})).await?;
    let last = peer.last;
    let mut peer = trial.resumed(peer, last).await?;
    let ended = peer.ended(&job).await?;
    holds!(ended.is_success(), "the job ended by {}", ended.code());
    Ok(())
}

async fn jobs_survive_silence(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("heartbeat")?;
    let interval = interval(trial, &peer.welcome)?;
    let mut steps = vec![json!({"wait": (interval.mul_f64(3.0)).as_millis() as u64})];
    steps.extend([log("later"), json!({"result": 1})]);
    let job = trial.job(&mut peer, json!(steps), json!({})).await?;
    peer.fall_silent();
    let last = peer.last;
    // After two intervals it may be held for dead.
    tokio::time::sleep(interval.mul_f64(2.5)).await;
    let mut peer = trial.resumed(peer, last).await?;
    let ended = peer.ended(&job).await?;
    holds!(ended.messages() == ["later"], "it told {:?}", ended.messages());
    holds!(ended.is_success(), "the job ended by {}", ended.code());
    Ok(())
}

async fn ack_taken(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("ack")?;
    let job = trial.job(&mut peer, json!([log("1"), {"wait": 300}, log("2")]), json!({})).await?;
    peer.event(&job, |payload| payload["body"]["message"] == "1").await?;
    let last = peer.last;
    peer.say("session.ack", json!({"last_processed_seq": last})).await?;
    peer.ended(&job).await?;
    let come = peer.quiet(QUIET).await?;
    let answer = come.iter().find(|frame| frame["type"] == "session.error" || frame["type"] == "session.ack");
    holds!(answer.is_none() && !peer.is_over(), "it was answered, or the connection ended");
    Ok(())
}

async fn unacked_events_are_kept(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("ack")?;
    let job = trial.job(&mut peer, json!([log("1"), log("2"), log("3"), {"result": 1}]), json!({})).await?;
    let first = peer.event(&job, |payload| payload["body"]["message"] == "1").await?;
    let first = first["event_seq"].as_u64().unwrap_or(0);
    peer.say("session.ack", json!({"last_processed_seq": first})).await?;
    peer.ended(&job).await?;
    let mut peer = trial.resumed(peer, first).await?;
    let ended = peer.ended(&job).await?;
    let told = ended.messages();
    holds!(told == ["2", "3"], "it told {told:?} again, not 2 and 3");
    Ok(())
}

async fn list_answered(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("list_jobs")?;
    let id = peer.say("session.list_jobs", json!({"limit": 10})).await?;
    let listed = match peer.answer("session.jobs").await? {
        Ok(listed) => listed,
        Err(refused) => return Err(failed(format!("it was refused: {refused}"))),
    };
    holds!(listed["payload"]["request_id"] == id.as_str(), "another `request_id`, or none");
    holds!(listed["payload"]["jobs"].is_array(), "no `jobs`");
    if trial.agent(&peer).is_err() {
        // An empty list is all that can be asked for where no job can be started.
        return Ok(());
    }
    let job = trial.job(&mut peer, json!([log("1")]), json!({})).await?;
    peer.ended(&job).await?;
    let listed = peer.get("session.list_jobs", json!({"limit": 100}), "session.jobs").await?;
    let entry = entry(&listed, &job.id).ok_or_else(|| failed("the job is not listed"))?;
    for field in ["agent", "status", "created_at"] {
        holds!(entry[field].is_string(), "the job has no `{field}`");
    }
    holds!(entry["last_event_seq"].is_u64(), "the job has no `last_event_seq`");
    Ok(())
}

/// A job in a list.
pub(super) fn entry<'a>(listed: &'a Value, job: &str) -> Option<&'a Value> {
    listed["payload"]["jobs"].as_array()?.iter().find(|entry| entry["job_id"] == job)
}

async fn list_filters(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("list_jobs")?;
    let over = trial.job(&mut peer, json!([{"result": 1}]), json!({})).await?;
    peer.ended(&over).await?;
    let runs = trial.job(&mut peer, json!([log("1"), ticks(200, 50)]), json!({})).await?;
    peer.event(&runs, |_| true).await?;
    let agent = trial.agent(&peer)?.split('@').next().unwrap_or_default().to_owned();
    let later = super::clock::from_now(3600.0);
    for (filter, has_over, has_runs) in [
        (json!({}), true, true),
        (json!({"status": ["running"]}), false, true),
        (json!({"status": ["success", "running"]}), true, true),
        (json!({"agent": agent}), true, true),
        (json!({"agent": "no-agent-of-that-name"}), false, false),
        (json!({"created_after": later}), false, false),
    ] {
        let asked = json!({"filter": filter, "limit": 1000});
        let listed = peer.get("session.list_jobs", asked, "session.jobs").await?;
        let has = (entry(&listed, &over.id).is_some(), entry(&listed, &runs.id).is_some());
        holds!(
            has == (has_over, has_runs),
            "for the filter {filter} the ended job is {}listed, the running one is {}listed",
            if has.0 { "" } else { "not " },
            if has.1 { "" } else { "not " }
        );
    }
    peer.say("job.cancel", json!({"job_id": runs.id, "reason": "done"})).await?;
    Ok(())
}

async fn list_pages(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("list_jobs")?;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        let job = trial.job(&mut peer, json!([{"result": 1}]), json!({})).await?;
        peer.ended(&job).await?;
        jobs.push(job.id);
    }
    let (mut found, mut cursor) = (Vec::new(), Value::Null);
    for _ in 0..1000 {
        let mut asked = json!({"limit": 2});
        if !cursor.is_null() {
            asked["cursor"] = cursor;
        }
        let listed = peer.get("session.list_jobs", asked, "session.jobs").await?;
        let page = listed["payload"]["jobs"].as_array().cloned().unwrap_or_default();
        holds!(page.len() <= 2, "{} jobs where 2 were asked for", page.len());
        found.extend(page.iter().filter_map(|entry| entry["job_id"].as_str().map(str::to_owned)));
        cursor = listed["payload"]["next_cursor"].clone();
        if cursor.is_null() || jobs.iter().all(|job| found.contains(job)) {
            break;
        }
    }
    for job in &jobs {
        let times = found.iter().filter(|found| *found == job).count();
        holds!(times == 1, "a job was listed {times} times");
    }
    Ok(())
}

async fn list_hides_jobs_of_others(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("list_jobs")?;
    let mut other = trial.other().await?;
    let job = trial.job(&mut peer, json!([{"result": 1}]), json!({})).await?;
    peer.ended(&job).await?;
    let listed = other.get("session.list_jobs", json!({"limit": 1000}), "session.jobs").await?;
    holds!(entry(&listed, &job.id).is_none(), "the other principal is told of the job");
    Ok(())
}

async fn existence_is_not_told(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    let mut other = trial.other().await?;
    let job = trial.job(&mut peer, json!([log("1"), {"wait": 1000}, {"result": 1}]), json!({})).await?;
    peer.event(&job, |_| true).await?;
    // Of a subscription §7.6 has a code of its own.
    let mut codes = Vec::new();
    for id in [job.id.as_str(), NEVER_WAS] {
        codes.push(other.refused_cancel(id).await?);
    }
    holds!(codes.first() == codes.last(), "the codes are {}", codes.join(" and "));
    let ended = peer.ended(&job).await?;
    holds!(ended.is_success() && ended.status() == "success", "the job ended all the same");
    Ok(())
}

async fn list_does_not_subscribe(trial: &Trial) -> Verdict {
    let (mut peer, mut watcher) = (trial.welcomed().await?, trial.welcomed().await?);
    peer.needs("list_jobs")?;
    let job = trial.job(&mut peer, json!([log("1"), {"wait": 300}, log("2")]), json!({})).await?;
    peer.event(&job, |_| true).await?;
    watcher.get("session.list_jobs", json!({"limit": 1000}), "session.jobs").await?;
    peer.ended(&job).await?;
    let come = watcher.quiet(QUIET).await?;
    holds!(!come.iter().any(|frame| frame["job_id"] == job.id), "it is told of the job's events");
    Ok(())
}

async fn close_acknowledged(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.get("session.close", json!({"reason": "done"}), "session.closed").await.map(drop)
}

async fn jobs_survive_close(trial: &Trial) -> Verdict {
    let mut peer = trial.welcomed().await?;
    peer.needs("list_jobs")?;
    let job = trial.job(&mut peer, json!([{"wait": 400}, {"result": 1}]), json!({})).await?;
    peer.get("session.close", json!({"reason": "done"}), "session.closed").await?;
    drop(peer);
    let mut peer = trial.welcomed().await?;
    let mut status = String::new();
    for _ in 0..20 {
        let listed = peer.get("session.list_jobs", json!({"limit": 1000}), "session.jobs").await?;
        let entry = entry(&listed, &job.id).ok_or_else(|| failed("the job is not listed any more"))?;
        status = entry["status"].as_str().unwrap_or_default().to_owned();
        if !matches!(status.as_str(), "running" | "pending") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    holds!(status == "success", "the job's status is {status:?}");
    Ok(())
}
