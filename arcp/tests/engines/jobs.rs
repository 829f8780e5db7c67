//! Jobs: submit, events, ends, cancel, list, subscribe, idempotency (ARCP §§7, 8).

use ixt_arcp::runtime::{Audit, Event as Wanted};
use ixt_arcp::{Code, Refusal};
use serde_json::{Value, json};

use crate::world::{World, count, fields};

/// ARCP §7.1, §7.3, §8.1, §8.2.
#[test]
fn a_job_runs_from_submit_to_result() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let (job, id) = world.submit(peer, json!({"agent": "echo", "input": {"x": 1}}));
    let start = &world.started[0];
    assert_eq!((&*start.agent, &*start.input, start.attempt), ("echo@2.0.0", r#"{"x":1}"#, 1));
    let bodies = [
        ("log", json!({"level": "info", "message": "hello"})),
        ("thought", json!({"text": "hm"})),
        ("tool_call", json!({"tool": "search.web", "args": {"q": "x"}, "call_id": "c1"})),
        ("tool_result", json!({"call_id": "c1", "result": {"ok": true}})),
        ("status", json!({"phase": "working"})),
        ("metric", json!({"name": "files", "value": 3})),
        ("artifact_ref", json!({"uri": "s3://b/k", "content_type": "text/plain"})),
        ("progress", json!({"current": 1, "total": 2})),
        ("x-vendor.acme.note", json!({"k": [1, 2]})),
        ("a_later_kind", json!(null)),
    ];
    for (kind, body) in &bodies {
        world.emit(job, kind, body.clone()).unwrap();
    }
    world.finish(job, json!({"echoed": {"x": 1}}));
    let frames = world.take(peer);
    let kinds: Vec<Value> = bodies.iter().map(|(kind, _)| json!(kind)).collect();
    assert_eq!(fields(&frames, "job.event", "/payload/kind"), kinds);
    let sent: Vec<Value> = bodies.iter().map(|(_, body)| body.clone()).collect();
    assert_eq!(fields(&frames, "job.event", "/payload/body"), sent);
    assert!(frames.iter().all(|frame| frame["job_id"] == id.as_str()));
    let numbers: Vec<Value> = frames.iter().map(|frame| frame["event_seq"].clone()).collect();
    assert_eq!(numbers, (1..=11).map(|number| json!(number)).collect::<Vec<_>>());
    let end = &frames[10];
    assert_eq!(end["type"], "job.result");
    assert_eq!(end["payload"]["final_status"], "success");
    assert_eq!(end["payload"]["result"], json!({"echoed": {"x": 1}}));
    assert_eq!(end["payload"]["completed_at"], "2026-09-21T14:13:20.000Z");
    assert_eq!(world.emit(job, "log", json!({})).unwrap_err().code, Code::Cancelled, "it is over");
}

/// ARCP §7.1.
#[test]
fn what_is_accepted_is_told_whole() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let accepted = world.ask(
        peer,
        "job.submit",
        json!({"agent": "echo@1.0.0", "lease_request": {"fs.read": ["/w/**"], "cost.budget": ["USD:1.00", "USD:0.50"]},
               "lease_constraints": {"expires_at": "2026-09-22T00:00:00Z"}}),
    );
    let payload = &accepted["payload"];
    assert_eq!(payload["request_id"], "m2");
    assert_eq!(payload["agent"], "echo@1.0.0");
    assert_eq!(payload["lease"], json!({"fs.read": ["/w/**"], "cost.budget": ["USD:1.00", "USD:0.50"]}));
    assert_eq!(payload["lease_constraints"]["expires_at"], "2026-09-22T00:00:00.000Z");
    assert_eq!(payload["budget"], json!({"USD": 1.5}), "amounts of one currency add up");
    assert_eq!(payload["trace_id"].as_str().unwrap().len(), 32);
    assert_eq!(payload["job_id"], accepted["job_id"]);
    let plain = world.ask(peer, "job.submit", json!({"agent": "slow"}));
    assert_eq!(plain["payload"]["lease"], json!({}));
    assert!(plain["payload"].get("budget").is_none() && plain["payload"].get("lease_constraints").is_none());
    assert!(!plain.to_string().contains("null"), "null nowhere: {plain}");
}

/// ARCP §7.1, §7.5, §9.5, §12.
#[test]
fn a_submit_that_cannot_be_is_refused_by_its_code() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    for (payload, code) in [
        (json!({}), "INVALID_REQUEST"),
        (json!({"agent": 7}), "INVALID_REQUEST"),
        (json!({"agent": "No Such"}), "INVALID_REQUEST"),
        (json!({"agent": "nosuch"}), "AGENT_NOT_AVAILABLE"),
        (json!({"agent": "echo@9.9.9"}), "AGENT_VERSION_NOT_AVAILABLE"),
        (json!({"agent": "slow", "lease_request": []}), "INVALID_REQUEST"),
        (json!({"agent": "slow", "lease_request": {"cost.budget": ["USD:NaN"]}}), "INVALID_REQUEST"),
        (json!({"agent": "slow", "lease_request": {"cost.budget": ["USD:-1"]}}), "INVALID_REQUEST"),
        (json!({"agent": "slow", "lease_request": {"cost.budget": ["USD:1e3"]}}), "INVALID_REQUEST"),
        (json!({"agent": "slow", "lease_request": {"fs.read": ["/w/../**"]}}), "INVALID_REQUEST"),
        (
            json!({"agent": "slow", "lease_constraints": {"expires_at": "2020-01-01T00:00:00Z"}}),
            "INVALID_REQUEST",
        ),
        (
            json!({"agent": "slow", "lease_constraints": {"expires_at": "2027-01-01T00:00:00+00:00"}}),
            "INVALID_REQUEST",
        ),
        (json!({"agent": "slow", "lease_constraints": {"expires_at": "soon"}}), "INVALID_REQUEST"),
        (json!({"agent": "slow", "max_runtime_sec": 0}), "INVALID_REQUEST"),
        (json!({"agent": "slow", "max_runtime_sec": 1e12}), "INVALID_REQUEST"),
        (json!({"agent": "slow", "idempotency_key": ""}), "INVALID_REQUEST"),
    ] {
        assert_eq!(world.refusal(peer, "job.submit", payload.clone()), code, "{payload}");
    }
    assert!(world.started.is_empty());
    assert_eq!(world.runtime.jobs(), 0, "nothing is left of them");
}

/// ARCP §6.2.
#[test]
fn features_that_were_not_negotiated_are_not_used() {
    let mut world = World::new();
    let peer = world.welcomed_with("tok-a", &[]);
    for (kind, payload, feature) in [
        ("job.submit", json!({"agent": "echo@1.0.0"}), "agent_versions"),
        ("job.submit", json!({"agent": "slow", "lease_request": {"cost.budget": ["USD:1"]}}), "cost.budget"),
        ("job.submit", json!({"agent": "slow", "lease_request": {"model.use": ["m"]}}), "model.use"),
        (
            "job.submit",
            json!({"agent": "slow", "lease_constraints": {"expires_at": "2027-01-01T00:00:00Z"}}),
            "lease_expires_at",
        ),
        ("session.list_jobs", json!({}), "list_jobs"),
        ("job.subscribe", json!({"job_id": "j"}), "subscribe"),
        ("session.ack", json!({"last_processed_seq": 0}), "ack"),
    ] {
        let frame = world.ask(peer, kind, payload);
        assert_eq!(frame["payload"]["code"], "INVALID_REQUEST");
        assert!(frame["payload"]["message"].as_str().unwrap().contains(feature), "{frame}");
    }
    // Progress goes nowhere, and the numbers have no gap for it.
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.emit(job, "progress", json!({"current": 1})).unwrap();
    world.emit(job, "log", json!({"level": "info", "message": "x"})).unwrap();
    let frames = world.take(peer);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!((&frames[0]["payload"]["kind"], &frames[0]["event_seq"]), (&json!("log"), &json!(1)));
}

/// ARCP §8.2, §9.6.
#[test]
fn bodies_that_make_no_sense_are_the_agents_own_fault_and_emit_nothing() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let (job, _) = world.submit(peer, json!({"agent": "slow", "lease_request": {"cost.budget": ["USD:1"]}}));
    for (kind, body) in [
        ("progress", r#"{"current":-1}"#),
        ("progress", r#"{"total":1}"#),
        ("metric", r#"{"name":"cost.x","value":-0.1,"unit":"USD"}"#),
        ("metric", r#"{"name":"cost.x","value":"Infinity","unit":"USD"}"#),
        ("metric", r#"{"name":"cost.x","value":1e400,"unit":"USD"}"#),
        ("metric", r#"{"name":"cost.budget.remaining","value":100,"unit":"USD"}"#),
        ("metric", r#"{"value":1}"#),
        ("result_chunk", "{}"),
        ("delegate", "{}"),
        ("", "{}"),
        ("log", "{"),
        ("log", r#"{"x":NaN}"#),
    ] {
        let refusal = world.runtime.emit(job, kind, body, world.now_us).unwrap_err();
        assert_eq!(refusal.code, Code::InvalidRequest, "{kind} {body}");
        world.pump();
    }
    assert_eq!(world.take(peer), Vec::<Value>::new());
    assert_eq!(world.runtime.budget(job), r#"{"USD":1}"#);
}

/// ARCP §7.3, §7.4.
#[test]
fn jobs_fail_time_out_and_are_cancelled() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let end = |world: &mut World| {
        let frames = world.take(peer);
        let payload = &frames.iter().find(|frame| frame["type"] == "job.error").unwrap()["payload"];
        (payload["code"].clone(), payload["final_status"].clone(), payload["retryable"].clone())
    };
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.runtime.fail(job, &Refusal::new(Code::InternalError, "boom"), world.now_us).unwrap();
    world.pump();
    assert_eq!(end(&mut world), (json!("INTERNAL_ERROR"), json!("error"), json!(true)));

    let (job, _) = world.submit(peer, json!({"agent": "slow", "max_runtime_sec": 1.5}));
    world.wait_ms(1499);
    assert!(world.runtime.emit(job, "log", "{}", world.now_us).is_ok());
    world.wait_ms(1);
    assert_eq!(end(&mut world), (json!("TIMEOUT"), json!("timed_out"), json!(false)));
    assert_eq!(world.runtime.emit(job, "log", "{}", world.now_us).unwrap_err().code, Code::Timeout);

    let (job, id) = world.submit(peer, json!({"agent": "slow"}));
    world.wanted.clear();
    world.take(peer);
    world.say(peer, "job.cancel", json!({"job_id": id, "reason": "no more"}));
    let frames = world.take(peer);
    assert_eq!(frames[0]["type"], "job.cancelled");
    assert_eq!(
        frames[0]["payload"],
        json!({"job_id": id, "request_id": frames[0]["payload"]["request_id"], "reason": "no more"})
    );
    assert!(frames[0].get("event_seq").is_none());
    assert_eq!(frames[1]["type"], "job.error");
    assert_eq!(frames[1]["payload"]["code"], "CANCELLED");
    assert_eq!(frames[1]["payload"]["final_status"], "cancelled");
    assert!(matches!(&world.wanted[..], [Wanted::Stop { job: stopped, .. }] if *stopped == job));
    let again = world.ask(peer, "job.cancel", json!({"job_id": id}));
    assert_eq!(again["payload"]["already_terminal"], true, "and no second end");
    assert_eq!(world.refusal(peer, "job.cancel", json!({"job_id": "job_none"})), "JOB_NOT_FOUND");
    assert_eq!(world.refusal(peer, "job.cancel", json!({})), "INVALID_REQUEST");
}

#[test]
fn far_deadlines_are_far() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    // 25 days are more milliseconds than 31 bits hold.
    let (job, _) = world.submit(
        peer,
        json!({"agent": "slow", "max_runtime_sec": 25 * 86_400, "lease_constraints": {"expires_at": "2099-01-01T00:00:00Z"}}),
    );
    for _ in 0..24 {
        world.wait_ms(86_400_000);
    }
    assert!(world.runtime.emit(job, "log", "{}", world.now_us).is_ok());
    world.wait_ms(86_400_000);
    assert_eq!(world.runtime.emit(job, "log", "{}", world.now_us).unwrap_err().code, Code::Timeout);
}

/// ARCP §6.6, §7.4, §7.6.
#[test]
fn cancelling_is_for_the_submitting_session_and_who_may_not_see_a_job_knows_of_none() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let (_, id) = world.submit(peer, json!({"agent": "slow"}));
    let (same, other, root) = (world.welcomed("tok-a"), world.welcomed("tok-b"), world.welcomed("tok-root"));
    assert_eq!(world.refusal(same, "job.cancel", json!({"job_id": id})), "PERMISSION_DENIED");
    assert_eq!(world.refusal(other, "job.cancel", json!({"job_id": id})), "JOB_NOT_FOUND");
    world.take(root);
    world.say(root, "job.cancel", json!({"job_id": id}));
    assert_eq!(fields(&world.take(peer), "job.error", "/payload/code"), [json!("CANCELLED")]);
    assert!(count(&world.take(root)).contains_key("job.cancelled"));
}

/// ARCP §6.6.
#[test]
fn lists_show_ones_own_jobs_page_by_page_while_jobs_come_and_go() {
    let mut world = World::new();
    let (a, b) = (world.welcomed("tok-a"), world.welcomed("tok-b"));
    let mut ids = Vec::new();
    for number in 0..10 {
        let (job, id) =
            world.submit(a, json!({"agent": if number % 2 == 0 { "slow" } else { "echo@1.0.0" }}));
        if number < 3 {
            world.finish(job, json!(number));
        }
        ids.push(id);
        world.wait_ms(1000);
    }
    let (_, foreign) = world.submit(b, json!({"agent": "slow"}));
    let list = |world: &mut World, peer: usize, payload: Value| {
        let answer = world.ask(peer, "session.list_jobs", payload);
        assert_eq!(answer["type"], "session.jobs", "{answer}");
        assert!(answer["payload"]["request_id"].is_string());
        answer["payload"].clone()
    };
    let names = |listed: &Value| -> Vec<String> {
        listed["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job["job_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = list(&mut world, a, json!({}));
    assert_eq!(names(&all), ids);
    assert_eq!(all["next_cursor"], Value::Null, "it is always there");
    let first = &all["jobs"][0];
    assert_eq!(
        (&first["status"], &first["agent"], &first["last_event_seq"]),
        (&json!("success"), &json!("slow"), &json!(1))
    );
    for field in ["created_at", "submitted_at", "lease", "trace_id"] {
        assert!(!first[field].is_null(), "{field}");
    }
    let running = list(&mut world, a, json!({"filter": {"status": ["running", "pending"], "agent": "echo"}}));
    assert_eq!(names(&running), [&ids[3], &ids[5], &ids[7], &ids[9]].map(Clone::clone));
    let since = list(&mut world, a, json!({"filter": {"created_after": "2026-09-21T14:13:27Z"}}));
    assert_eq!(names(&since), ids[8..]);

    let mut paged = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = list(&mut world, a, json!({"limit": 3, "cursor": cursor}));
        paged.extend(names(&page));
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
        let (_, id) = world.submit(a, json!({"agent": "slow"}));
        ids.push(id);
    }
    assert_eq!(paged, ids[..paged.len()], "no job twice and none left out");
    assert!(paged.len() >= 10);

    assert_eq!(names(&list(&mut world, b, json!({}))), [foreign]);
    let root = world.welcomed("tok-root");
    assert_eq!(names(&list(&mut world, root, json!({"limit": 1_000_000_000}))).len(), ids.len() + 1);
    for payload in [
        json!({"limit": 0}),
        json!({"limit": -1}),
        json!({"cursor": "nonsense"}),
        json!({"filter": {"status": ["happy"]}}),
        json!({"filter": {"created_after": "yesterday"}}),
    ] {
        assert_eq!(world.refusal(a, "session.list_jobs", payload), "INVALID_REQUEST");
    }
}

/// ARCP §7.6, §7.7, §8.3.
#[test]
fn a_subscriber_sees_what_was_and_what_comes_in_its_own_numbers() {
    let mut world = World::new();
    let (owner, watcher) = (world.welcomed("tok-a"), world.welcomed("tok-a"));
    let (job, id) =
        world.submit(owner, json!({"agent": "slow", "lease_request": {"cost.budget": ["USD:1"]}}));
    let (mine, _) = world.submit(watcher, json!({"agent": "slow"}));
    for number in 0..5 {
        world.emit(job, "log", json!({"n": number})).unwrap();
    }
    world.emit(mine, "log", json!({"n": "mine"})).unwrap();
    world.take(watcher);
    world.say(watcher, "job.subscribe", json!({"job_id": id, "history": true, "from_event_seq": 2}));
    world.emit(job, "log", json!({"n": 5})).unwrap();
    world.emit(mine, "log", json!({"n": "mine"})).unwrap();
    world.finish(job, json!("end"));
    let frames = world.take(watcher);
    let subscribed = &frames[0]["payload"];
    assert_eq!(frames[0]["type"], "job.subscribed");
    assert_eq!((&subscribed["subscribed_from"], &subscribed["replayed"]), (&json!(5), &json!(true)));
    assert_eq!(
        (&subscribed["current_status"], &subscribed["budget"]),
        (&json!("running"), &json!({"USD": 1}))
    );
    assert!(subscribed.get("credentials").is_none());
    let numbers: Vec<u64> = frames[1..].iter().map(|frame| frame["event_seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (2..=7).collect::<Vec<_>>(), "one sequence, without a gap");
    assert_eq!(
        fields(&frames, "job.event", "/payload/body/n"),
        [json!(2), json!(3), json!(4), json!(5), json!("mine")]
    );
    assert_eq!(frames[6]["type"], "job.result");

    // After its end a job can be looked at as long as it is kept, and without history there is nothing to see.
    let late = world.welcomed("tok-a");
    world.take(late);
    world.say(late, "job.subscribe", json!({"job_id": id, "history": true}));
    assert_eq!(
        count(&world.take(late)),
        [("job.subscribed".into(), 1), ("job.event".into(), 6), ("job.result".into(), 1)].into()
    );
    assert_eq!(world.ask(late, "job.subscribe", json!({"job_id": id}))["payload"]["replayed"], false);
}

/// ARCP §7.6, §14.
#[test]
fn subscribing_is_for_ones_own_jobs_and_is_audited() {
    let mut world = World::with(|settings| settings.conceal_existence = false);
    let (owner, other) = (world.welcomed("tok-a"), world.welcomed("tok-b"));
    let (job, id) = world.submit(owner, json!({"agent": "slow"}));
    assert_eq!(world.refusal(other, "job.subscribe", json!({"job_id": id})), "PERMISSION_DENIED");
    assert_eq!(world.refusal(other, "job.subscribe", json!({"job_id": "job_none"})), "JOB_NOT_FOUND");
    let root = world.welcomed("tok-root");
    world.ask(root, "job.subscribe", json!({"job_id": id}));
    let allowed: Vec<_> = world
        .audits
        .iter()
        .map(|audit| match audit {
            Audit::Subscribe { subscriber, owner, allowed, .. } => {
                (&**subscriber, owner.as_deref(), *allowed)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(allowed, [("b", Some("a"), false), ("b", None, false), ("root", Some("a"), true)]);
    world.take(root);
    world.emit(job, "log", json!({})).unwrap();
    assert_eq!(world.take(root).len(), 1);
    world.say(root, "job.unsubscribe", json!({"job_id": id}));
    world.emit(job, "log", json!({})).unwrap();
    assert!(world.take(root).is_empty());

    let mut world = World::with(|settings| settings.conceal_existence = true);
    let (owner, other) = (world.welcomed("tok-a"), world.welcomed("tok-b"));
    let (_, id) = world.submit(owner, json!({"agent": "slow"}));
    assert_eq!(world.refusal(other, "job.subscribe", json!({"job_id": id})), "JOB_NOT_FOUND");
}

/// ARCP §7.2.
#[test]
fn a_key_stands_for_one_job_of_one_principal() {
    let mut world = World::new();
    let peer = world.welcomed_with("tok-a", &["list_jobs"]);
    let wanted = json!({"agent": "slow", "input": {"a": 1, "b": 2}, "idempotency_key": "k"});
    let first = world.ask(peer, "job.submit", wanted.clone());
    let mut same = world.ask(
        peer,
        "job.submit",
        json!({"idempotency_key": "k", "input": {"b": 2.0, "a": 1}, "agent": "slow"}),
    );
    same["payload"]["request_id"] = first["payload"]["request_id"].clone();
    assert_eq!(same["payload"], first["payload"], "the same job, however it is written");
    assert_eq!(world.started.len(), 1);
    for (field, value) in
        [("input", json!({"a": 1})), ("agent", json!("echo")), ("max_runtime_sec", json!(7))]
    {
        let mut other = wanted.clone();
        other[field] = value;
        assert_eq!(world.refusal(peer, "job.submit", other), "DUPLICATE_KEY", "{field}");
    }
    let foreign = world.welcomed("tok-b");
    let theirs = world.ask(foreign, "job.submit", wanted.clone());
    assert_ne!(theirs["payload"]["job_id"], first["payload"]["job_id"], "keys are each principal's own");

    // A client that lost its session is told all of the job, and may cancel it.
    let job = world.started[0].job;
    world.emit(job, "log", json!({"n": 1})).unwrap();
    world.cut(world.peers[peer].connection.unwrap());
    let again = world.welcomed("tok-a");
    world.take(again);
    world.say(again, "job.submit", wanted.clone());
    let frames = world.take(again);
    assert_eq!(count(&frames), [("job.accepted".into(), 1), ("job.event".into(), 1)].into());
    world.say(again, "job.cancel", json!({"job_id": first["payload"]["job_id"]}));
    assert!(count(&world.take(again)).contains_key("job.error"));
    // And after its end, that again.
    world.say(again, "job.submit", wanted.clone());
    assert_eq!(count(&world.take(again)), [("job.accepted".into(), 1), ("job.error".into(), 1)].into());
    // Even when the job is forgotten, until the key is.
    world.say(again, "session.ack", json!({"last_processed_seq": 9}));
    for peer in [again, foreign] {
        world.cut(world.peers[peer].connection.unwrap());
    }
    world.wait_ms(1_300_000);
    world.wait_ms(1_300_000);
    let late = world.welcomed("tok-a");
    world.take(late);
    world.say(late, "job.submit", wanted.clone());
    assert_eq!(count(&world.take(late)), [("job.accepted".into(), 1), ("job.error".into(), 1)].into());
    assert_eq!(world.started.len(), 2);
    world.wait_ms(86_400_000);
    let fresh = world.welcomed("tok-a");
    world.ask(fresh, "job.submit", wanted);
    assert_eq!(world.started.len(), 3);
}

/// ARCP §6.5.
#[test]
fn acks_free_what_is_kept_and_never_more() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let welcome = world.take(peer).remove(0);
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    for number in 0..10 {
        world.emit(job, "log", json!({"n": number})).unwrap();
    }
    world.say(peer, "session.ack", json!({"last_processed_seq": 4}));
    world.say(peer, "session.ack", json!({"last_processed_seq": 3}));
    assert!(!count(&world.take(peer)).contains_key("session.error"));
    world.cut(world.peers[peer].connection.unwrap());
    let back = |world: &mut World, last: u64| {
        let peer = world.peer();
        world.say(peer, "session.hello", json!({"auth": {"scheme": "bearer", "token": "tok-a"},
            "resume": {"session_id": welcome["session_id"], "resume_token": welcome["payload"]["resume_token"], "last_event_seq": last}}));
        world.take(peer)
    };
    assert_eq!(
        fields(&back(&mut world, 3), "session.error", "/payload/code"),
        [json!("RESUME_WINDOW_EXPIRED")]
    );
    assert_eq!(count(&back(&mut world, 4)), [("session.welcome".into(), 1), ("job.event".into(), 6)].into());

    let other = world.welcomed("tok-b");
    world.say(other, "session.ack", json!({"last_processed_seq": 99}));
    assert!(matches!(world.audits.last(), Some(Audit::AckAhead { said: 99, told: 0, .. })));
}

#[test]
fn jobs_of_a_session_and_ended_jobs_are_bounded() {
    let mut world = World::with(|settings| (settings.max_jobs, settings.max_ended) = (3, 5));
    let peer = world.welcomed("tok-a");
    let jobs: Vec<_> = (0..3).map(|_| world.submit(peer, json!({"agent": "slow"})).0).collect();
    assert_eq!(world.refusal(peer, "job.submit", json!({"agent": "slow"})), "PERMISSION_DENIED");
    for job in jobs {
        world.finish(job, json!(1));
    }
    for _ in 0..20 {
        let (job, _) = world.submit(peer, json!({"agent": "slow"}));
        world.finish(job, json!(1));
    }
    assert_eq!(world.runtime.jobs(), 5);
}

/// ARCP §11.
#[test]
fn the_trace_goes_to_the_agent_whole_and_to_others_as_its_id() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for frame in [
        json!({"type": "job.submit", "trace_id": parent, "payload": {"agent": "slow"}}),
        json!({"type": "job.submit", "extensions": {"x-vendor.opentelemetry.tracecontext": parent}, "payload": {"agent": "slow"}}),
        json!({"type": "job.submit", "extensions": {"x-vendor.opentelemetry.tracecontext": {"traceparent": parent}}, "payload": {"agent": "slow"}}),
    ] {
        world.take(peer);
        world.raw(peer, &frame.to_string());
        let start = world.started.last().unwrap();
        assert_eq!(start.trace.traceparent(), Some(parent));
        assert_eq!(world.take(peer)[0]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    }
    world.raw(peer, r#"{"type":"job.submit","trace_id":"nonsense","payload":{"agent":"slow"}}"#);
    assert_eq!(fields(&world.take(peer), "session.error", "/payload/code"), [json!("INVALID_REQUEST")]);
}
