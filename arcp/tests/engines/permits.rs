//! A policy of the application for jobs of others (ARCP §§6.6, 7.4, 7.6).

use ixt_arcp::runtime::{Audit, Event, JobKey, Operation, PermitId};
use serde_json::{Value, json};

use crate::world::{World, count, fields};

/// What the application was asked, in order.
fn asked(world: &mut World) -> Vec<(PermitId, String, Operation, Vec<JobKey>)> {
    let events = std::mem::take(&mut world.wanted).into_iter();
    events
        .filter_map(|event| match event {
            Event::Permit { ticket, principal, operation, jobs } => {
                Some((ticket, principal.to_string(), operation, jobs))
            }
            _ => None,
        })
        .collect()
}

fn ticket(world: &mut World) -> PermitId {
    let asked = asked(world);
    assert_eq!(asked.len(), 1, "{asked:?}");
    asked[0].0
}

fn permit(world: &mut World, ticket: PermitId, allowed: &[JobKey]) {
    world.runtime.permitted(ticket, allowed, world.now_us);
    world.pump();
}

/// A runtime with a policy, a job of `a`, and `b`, who has none.
fn world() -> (World, usize, usize, JobKey, String) {
    let mut world = World::with(|settings| settings.policy = true);
    let (owner, other) = (world.welcomed("tok-a"), world.welcomed("tok-b"));
    let (job, id) = world.submit(owner, json!({"agent": "slow"}));
    world.take(other);
    (world, owner, other, job, id)
}

fn listed(answer: &Value) -> Vec<&str> {
    let jobs = answer["payload"]["jobs"].as_array().unwrap();
    jobs.iter().map(|job| job["job_id"].as_str().unwrap()).collect()
}

#[test]
fn without_a_policy_nobody_is_asked() {
    let mut world = World::new();
    let (owner, other) = (world.welcomed("tok-a"), world.welcomed("tok-b"));
    let (_, id) = world.submit(owner, json!({"agent": "slow"}));
    assert_eq!(world.refusal(other, "job.subscribe", json!({"job_id": id})), "PERMISSION_DENIED");
    assert_eq!(world.refusal(other, "job.cancel", json!({"job_id": id})), "JOB_NOT_FOUND");
    assert!(listed(&world.ask(other, "session.list_jobs", json!({}))).is_empty());
    assert!(asked(&mut world).is_empty());
}

#[test]
fn what_is_ones_own_or_in_ones_scope_is_not_asked_about() {
    let (mut world, owner, other, job, id) = world();
    world.ask(owner, "job.subscribe", json!({"job_id": id}));
    assert_eq!(listed(&world.ask(owner, "session.list_jobs", json!({}))), [&id]);
    let root = world.welcomed("tok-root");
    world.ask(root, "job.subscribe", json!({"job_id": id}));
    assert_eq!(listed(&world.ask(root, "session.list_jobs", json!({}))), [&id]);
    // What is not there, or matches no filter, is nobody's to allow.
    assert_eq!(world.refusal(other, "job.subscribe", json!({"job_id": "job_none"})), "JOB_NOT_FOUND");
    assert_eq!(world.refusal(other, "job.cancel", json!({"job_id": "job_none"})), "JOB_NOT_FOUND");
    let ended = json!({"filter": {"status": ["success"]}});
    assert!(listed(&world.ask(other, "session.list_jobs", ended)).is_empty());
    world.say(root, "job.cancel", json!({"job_id": id}));
    assert_eq!(world.runtime.job_state(job), Some("cancelled"));
    assert!(asked(&mut world).is_empty());
}

#[test]
fn a_subscription_waits_for_the_policy_and_goes_on_as_it_says() {
    let (mut world, _, other, job, id) = world();
    let request = world.say(other, "job.subscribe", json!({"job_id": id, "history": true}));
    let asked = asked(&mut world);
    let [(ticket, who, operation, jobs)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((&**who, *operation, &**jobs), ("b", Operation::Subscribe, &[job][..]));
    assert_eq!(world.runtime.job_principal(jobs[0]).as_deref(), Some("a"));
    assert!(world.take(other).is_empty() && world.audits.is_empty(), "nothing is decided yet");
    // What happens meanwhile is seen too, and who waits is not waited for.
    world.emit(job, "log", json!({"n": 1})).unwrap();
    assert_eq!(world.ask(other, "session.ping", json!({"ping_nonce": "n"}))["type"], "session.pong");

    permit(&mut world, *ticket, &[job]);
    let frames = world.take(other);
    assert_eq!(frames[0]["type"], "job.subscribed");
    assert_eq!(frames[0]["payload"]["request_id"], json!(request));
    assert_eq!(fields(&frames, "job.event", "/payload/body/n"), [json!(1)]);
    let audit = |allowed| Audit::Subscribe {
        subscriber: "b".into(),
        job_id: id.clone(),
        owner: Some("a".into()),
        allowed,
    };
    assert_eq!(world.audits, [audit(true)]);

    // An answer counts once.
    permit(&mut world, *ticket, &[job]);
    assert!(world.take(other).is_empty());
    world.say(other, "job.unsubscribe", json!({"job_id": id}));
    world.say(other, "job.subscribe", json!({"job_id": id}));
    let again = self::ticket(&mut world);
    permit(&mut world, again, &[]);
    let frames = world.take(other);
    assert_eq!(fields(&frames, "session.error", "/payload/code"), [json!("PERMISSION_DENIED")]);
    assert_eq!(world.audits, [audit(true), audit(false)]);
    world.emit(job, "log", json!({"n": 2})).unwrap();
    assert!(world.take(other).is_empty());
}

#[test]
fn an_answer_about_other_jobs_is_none() {
    let (mut world, owner, other, _, id) = world();
    let (another, _) = world.submit(owner, json!({"agent": "slow"}));
    world.say(other, "job.subscribe", json!({"job_id": id}));
    let ticket = ticket(&mut world);
    permit(&mut world, ticket, &[another]);
    let frames = world.take(other);
    assert_eq!(fields(&frames, "session.error", "/payload/code"), [json!("PERMISSION_DENIED")]);
}

#[test]
fn a_hidden_job_that_is_not_permitted_is_answered_as_none() {
    let mut world = World::with(|settings| {
        settings.policy = true;
        settings.conceal_existence = true;
    });
    let (owner, other) = (world.welcomed("tok-a"), world.welcomed("tok-b"));
    let (_, id) = world.submit(owner, json!({"agent": "slow"}));
    world.take(other);
    world.say(other, "job.subscribe", json!({"job_id": id}));
    let ticket = ticket(&mut world);
    permit(&mut world, ticket, &[]);
    assert_eq!(fields(&world.take(other), "session.error", "/payload/code"), [json!("JOB_NOT_FOUND")]);
}

#[test]
fn a_cancel_is_permitted_to_other_sessions_and_other_principals() {
    let (mut world, owner, other, job, id) = world();
    let colleague = world.welcomed("tok-a");
    world.take(colleague);
    for (peer, refused) in [(other, "JOB_NOT_FOUND"), (colleague, "PERMISSION_DENIED")] {
        world.say(peer, "job.cancel", json!({"job_id": id}));
        let asked = asked(&mut world);
        assert_eq!((asked[0].2, &*asked[0].3), (Operation::Cancel, &[job][..]));
        assert_eq!(world.runtime.job_state(job), Some("running"));
        permit(&mut world, asked[0].0, &[]);
        assert_eq!(fields(&world.take(peer), "session.error", "/payload/code"), [json!(refused)]);
    }
    assert_eq!(world.runtime.job_state(job), Some("running"));
    world.take(owner);
    world.say(other, "job.cancel", json!({"job_id": id, "reason": "enough"}));
    let ticket = ticket(&mut world);
    permit(&mut world, ticket, &[job]);
    assert_eq!(world.runtime.job_state(job), Some("cancelled"));
    let told = world.take(other);
    assert_eq!(fields(&told, "job.cancelled", "/payload/reason"), [json!("enough")]);
    assert_eq!(fields(&world.take(owner), "job.error", "/payload/code"), [json!("CANCELLED")]);
}

#[test]
fn a_job_that_is_gone_when_the_answer_comes_is_not_there() {
    let mut world = World::with(|settings| {
        settings.policy = true;
        settings.max_ended = 0;
    });
    let (owner, other) = (world.welcomed("tok-a"), world.welcomed("tok-b"));
    let (job, id) = world.submit(owner, json!({"agent": "slow"}));
    world.take(other);
    world.say(other, "job.subscribe", json!({"job_id": id}));
    let ticket = ticket(&mut world);
    world.finish(job, json!(null));
    assert_eq!((world.runtime.job_state(job), world.runtime.job_agent(job)), (None, None));
    permit(&mut world, ticket, &[job]);
    assert_eq!(fields(&world.take(other), "session.error", "/payload/code"), [json!("JOB_NOT_FOUND")]);
}

#[test]
fn a_list_shows_of_others_what_is_permitted_and_asks_about_what_it_could_show() {
    let (mut world, owner, other, job, id) = world();
    let (hidden, _) = world.submit(owner, json!({"agent": "echo"}));
    let (_, mine) = world.submit(other, json!({"agent": "slow"}));
    let (last, last_id) = world.submit(owner, json!({"agent": "slow"}));
    world.take(other);

    let request = world.say(other, "session.list_jobs", json!({}));
    let all = asked(&mut world);
    assert_eq!((&*all[0].1, all[0].2), ("b", Operation::List));
    assert_eq!(all[0].3, [job, hidden, last]);
    // A job that comes meanwhile was not asked about, and its owner's name is no leave.
    world.submit(owner, json!({"agent": "slow"}));
    permit(&mut world, all[0].0, &[last, job]);
    let frames = world.take(other);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0]["payload"]["request_id"], json!(request));
    assert_eq!(listed(&frames[0]), [&id, &mine, &last_id]);

    // The filter counts before anybody is asked, and so does the page: one's own job fills it here, and what comes
    // before and behind it decides what is shown and whether there is more.
    world.say(other, "session.list_jobs", json!({"filter": {"agent": "echo"}}));
    assert_eq!(asked(&mut world)[0].3, [hidden]);
    world.submit(other, json!({"agent": "slow"}));
    world.take(other);
    world.say(other, "session.list_jobs", json!({"limit": 1, "filter": {"agent": "slow"}}));
    let page = asked(&mut world);
    assert_eq!(page[0].3.len(), 3, "up to the second of its own: {page:?}");
    permit(&mut world, page[0].0, &[]);
    let frames = world.take(other);
    assert_eq!(listed(&frames[0]), [&mine]);
    let cursor = frames[0]["payload"]["next_cursor"].clone();
    assert!(cursor.is_string(), "{frames:?}");
    world.say(other, "session.list_jobs", json!({"limit": 1, "cursor": cursor}));
    let behind = asked(&mut world);
    assert_eq!(behind[0].3[0], last, "what comes before the cursor is not asked about again");
    permit(&mut world, behind[0].0, &[last]);
    assert_eq!(listed(&world.take(other)[0]), [&last_id]);
}

#[test]
fn a_list_of_ones_own_alone_that_fills_the_page_is_answered_at_once() {
    let mut world = World::with(|settings| settings.policy = true);
    let (owner, other) = (world.welcomed("tok-a"), world.welcomed("tok-b"));
    for _ in 0..3 {
        world.submit(other, json!({"agent": "slow"}));
    }
    world.submit(owner, json!({"agent": "slow"}));
    assert_eq!(listed(&world.ask(other, "session.list_jobs", json!({"limit": 2}))).len(), 2);
    assert!(asked(&mut world).is_empty());
}

#[test]
fn answers_come_in_any_order() {
    let (mut world, _, other, job, id) = world();
    let first = world.say(other, "job.subscribe", json!({"job_id": id}));
    let second = world.say(other, "session.list_jobs", json!({}));
    let asked = asked(&mut world);
    permit(&mut world, asked[1].0, &[job]);
    assert_eq!(world.take(other)[0]["payload"]["request_id"], json!(second));
    permit(&mut world, asked[0].0, &[job]);
    assert_eq!(world.take(other)[0]["payload"]["request_id"], json!(first));
}

#[test]
fn a_connection_that_ends_takes_its_requests_along() {
    let (mut world, _, other, job, id) = world();
    let ask = |world: &mut World, peer: usize| {
        world.say(peer, "job.cancel", json!({"job_id": id}));
        ticket(world)
    };
    // The transport breaks.
    let broken = ask(&mut world, other);
    let connection = world.peers[other].connection.unwrap();
    world.cut(connection);
    // It says goodbye.
    let polite = world.welcomed("tok-b");
    let closed = ask(&mut world, polite);
    world.say(polite, "session.close", json!({}));
    // Its session goes on at another connection.
    let moved = world.welcomed("tok-b");
    let left = ask(&mut world, moved);
    let welcome = world.peers[moved].frames[0]["payload"].clone();
    let resume = json!({
        "session_id": welcome["session_id"],
        "resume_token": welcome["resume_token"],
        "last_event_seq": 0,
    });
    let back = world.peer();
    world.say(
        back,
        "session.hello",
        json!({"auth": {"scheme": "bearer", "token": "tok-b"}, "capabilities": {}, "resume": resume}),
    );
    assert_eq!(world.take(back)[0]["type"], "session.welcome");
    for ticket in [broken, closed, left] {
        permit(&mut world, ticket, &[job]);
    }
    assert_eq!(world.runtime.job_state(job), Some("running"));
    assert!(world.take(back).is_empty());
    // It asks again where it is now.
    let again = ask(&mut world, back);
    permit(&mut world, again, &[job]);
    assert_eq!(world.runtime.job_state(job), Some("cancelled"));
}

/// ARCP §14.
#[test]
fn a_session_has_so_many_requests_that_wait_and_no_more() {
    let (mut world, _, other, job, id) = world();
    for _ in 0..64 {
        world.say(other, "job.subscribe", json!({"job_id": id}));
    }
    assert!(world.take(other).is_empty());
    assert_eq!(world.refusal(other, "job.subscribe", json!({"job_id": id})), "PERMISSION_DENIED");
    assert_eq!(world.refusal(other, "session.list_jobs", json!({})), "PERMISSION_DENIED");
    assert_eq!(world.audits.len(), 1, "an attempt is audited, a list is not: {:?}", world.audits);
    // Another session is not held up, and one that is answered makes room.
    let third = world.welcomed("tok-c");
    world.take(third);
    world.say(third, "job.subscribe", json!({"job_id": id}));
    assert!(world.take(third).is_empty());
    let waiting = asked(&mut world);
    assert_eq!(waiting.len(), 65);
    permit(&mut world, waiting[0].0, &[]);
    world.take(other);
    world.say(other, "job.subscribe", json!({"job_id": id}));
    assert!(world.take(other).is_empty());
    for (ticket, ..) in waiting.into_iter().skip(1).chain(asked(&mut world)) {
        permit(&mut world, ticket, &[job]);
    }
    assert_eq!(count(&world.take(other))["job.subscribed"], 64);

    // Few that are large are as many.
    let large = "x".repeat(500_000);
    for _ in 0..2 {
        world.say(third, "job.cancel", json!({"job_id": id, "reason": large}));
    }
    world.take(third);
    assert_eq!(
        world.refusal(third, "job.cancel", json!({"job_id": id, "reason": large})),
        "PERMISSION_DENIED"
    );
}
