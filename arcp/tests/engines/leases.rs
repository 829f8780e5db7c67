//! Leases, budgets, credentials (ARCP §§9, 14).

use ixt_arcp::runtime::{Audit, Event, Issued, JobKey};
use ixt_arcp::{Code, Secret};
use serde_json::json;

use crate::world::{World, count, fields};

fn code(world: &mut World, job: JobKey, namespace: &str, target: &str) -> Option<Code> {
    let answer = world.runtime.authorize(job, namespace, target, world.now_us);
    world.pump();
    answer.err().map(|refusal| refusal.code)
}

/// ARCP §9.1, §9.3.
#[test]
fn what_the_lease_does_not_cover_is_denied() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let (job, _) = world.submit(
        peer,
        json!({"agent": "slow", "lease_request": {"fs.read": ["/workspace/**"], "tool.call": ["search.*"], "net.fetch": ["https://good.com/**"]}}),
    );
    for (namespace, target) in [
        ("fs.read", "/workspace/a/b"),
        ("fs.read", "/workspace/./a/../b"),
        ("tool.call", "search.web"),
        ("net.fetch", "HTTPS://GOOD.com:443/x"),
    ] {
        assert_eq!(code(&mut world, job, namespace, target), None, "{target}");
    }
    for (namespace, target) in [
        ("fs.read", "/workspace/../etc/passwd"),
        ("fs.read", "/workspace/%2e%2e/etc/passwd"),
        ("fs.read", "/workspace/%252e%252e/etc/passwd"),
        ("fs.read", "/workspace/a\0"),
        ("fs.write", "/workspace/a"),
        ("tool.call", "fetch.url"),
        ("net.fetch", "https://good.com.evil.com/x"),
        ("net.fetch", "https://evil.com/"),
    ] {
        assert_eq!(code(&mut world, job, namespace, target), Some(Code::PermissionDenied), "{target}");
    }
    let canonical = world.runtime.authorize(job, "fs.read", "/workspace/./a/../b", world.now_us);
    assert_eq!(canonical.unwrap(), "/workspace/b", "what was looked at is what is to be used");
}

/// ARCP §9.2.
#[test]
fn a_glob_that_would_never_end_ends() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let evil = format!("{}b", "*a".repeat(30));
    let (job, _) = world.submit(peer, json!({"agent": "slow", "lease_request": {"tool.call": [evil]}}));
    assert_eq!(code(&mut world, job, "tool.call", &"a".repeat(4000)), Some(Code::PermissionDenied));
}

/// ARCP §9.7.
#[test]
fn models_are_free_unless_the_lease_or_the_runtime_says_otherwise() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let (free, _) = world.submit(peer, json!({"agent": "slow"}));
    assert_eq!(code(&mut world, free, "model.use", "any/model"), None);
    let (held, _) =
        world.submit(peer, json!({"agent": "slow", "lease_request": {"model.use": ["tier-fast/*"]}}));
    assert_eq!(code(&mut world, held, "model.use", "tier-fast/small"), None);
    assert_eq!(code(&mut world, held, "model.use", "tier-slow/large"), Some(Code::PermissionDenied));
    let mut strict = World::with(|settings| settings.lease.any_model_by_default = false);
    let peer = strict.welcomed("tok-a");
    let (job, _) = strict.submit(peer, json!({"agent": "slow"}));
    assert_eq!(code(&mut strict, job, "model.use", "any/model"), Some(Code::PermissionDenied));
}

/// ARCP §9.6.
#[test]
fn costs_are_counted_exactly_and_an_exhausted_budget_stops_operations() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let (job, _) = world.submit(
        peer,
        json!({"agent": "slow", "lease_request": {"tool.call": ["*"], "cost.budget": ["USD:1.00"]}}),
    );
    for _ in 0..9 {
        world.emit(job, "metric", json!({"name": "cost.x", "value": 0.1, "unit": "USD"})).unwrap();
    }
    assert_eq!(code(&mut world, job, "tool.call", "t"), None);
    world.emit(job, "metric", json!({"name": "cost.x", "value": 0.1, "unit": "USD"})).unwrap();
    let left = fields(&world.take(peer), "job.event", "/payload/body/value");
    assert_eq!(left.last().unwrap().to_string(), "0", "ten tenths are one");
    assert_eq!(code(&mut world, job, "tool.call", "t"), Some(Code::BudgetExhausted));
    // Other currencies and other names are no matter.
    world.emit(job, "metric", json!({"name": "cost.x", "value": 5, "unit": "EUR"})).unwrap();
    world.emit(job, "metric", json!({"name": "tokens", "value": 5, "unit": "USD"})).unwrap();
    world.emit(job, "metric", json!({"name": "cost.x", "value": 0.12, "unit": "USD"})).unwrap();
    let frames = world.take(peer);
    assert_eq!(frames.len(), 4);
    assert_eq!(
        frames[3]["payload"]["body"],
        json!({"name": "cost.budget.remaining", "value": -0.12, "unit": "USD"})
    );
    assert!(
        world
            .runtime
            .emit(job, "metric", r#"{"name":"cost.x","value":1e-5,"unit":"USD"}"#, world.now_us)
            .is_ok()
    );
    world.pump();
    assert!(world.take(peer)[1].to_string().contains("-0.12001"), "small floats are what they say");

    let (empty, _) = world.submit(
        peer,
        json!({"agent": "slow", "lease_request": {"tool.call": ["*"], "cost.budget": ["USD:0"]}}),
    );
    assert_eq!(code(&mut world, empty, "tool.call", "t"), Some(Code::BudgetExhausted));
}

/// ARCP §9.5, §14.
#[test]
fn a_lease_ends_on_time_and_takes_its_job_along() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let wanted = json!({"agent": "slow", "lease_request": {"tool.call": ["*"]}, "lease_constraints": {"expires_at": "2026-09-21T14:13:25Z"}});
    let (job, _) = world.submit(peer, wanted.clone());
    world.wait_ms(4999);
    assert_eq!(code(&mut world, job, "tool.call", "t"), None);
    world.take(peer);
    world.wait_ms(1);
    let frames = world.take(peer);
    assert_eq!(fields(&frames, "job.error", "/payload/code"), [json!("LEASE_EXPIRED")]);
    assert_eq!(frames[0]["payload"]["retryable"], false);
    assert_eq!(frames[0]["payload"]["final_status"], "error");
    assert!(matches!(world.audits.last(), Some(Audit::LeaseExpired { .. })));
    assert_eq!(world.refusal(peer, "job.submit", wanted), "INVALID_REQUEST", "it is over");
    // An operation at that very moment is too late, whoever looks first.
    let (job, _) = world.submit(peer, json!({"agent": "slow", "lease_request": {"tool.call": ["*"]}, "lease_constraints": {"expires_at": "2026-09-21T14:13:26Z"}}));
    world.now_us += 1_000_000;
    assert_eq!(code(&mut world, job, "tool.call", "t"), Some(Code::LeaseExpired));
    assert_eq!(fields(&world.take(peer), "job.error", "/payload/code"), [json!("LEASE_EXPIRED")]);
}

// ---- credentials ----

fn issued(value: &str) -> Issued {
    Issued {
        id: "cred_1".into(),
        scheme: "bearer".into(),
        value: Secret::new(value),
        endpoint: "https://gateway.example.com/v1".into(),
        profile: Some("openai".into()),
        constraints: Some(r#"{"cost.budget":["USD:5.00"]}"#.into()),
    }
}

/// A runtime with credentials, a job that has one, and who submitted it.
fn with_credential(change: impl FnOnce(&mut ixt_arcp::runtime::Settings)) -> (World, usize, JobKey, String) {
    let mut world = World::with(|settings| {
        settings.credentials = true;
        change(settings);
    });
    let peer = world.welcomed("tok-a");
    world.take(peer);
    let wanted =
        json!({"agent": "slow", "idempotency_key": "k", "lease_request": {"cost.budget": ["USD:5.00"]}});
    world.say(peer, "job.submit", wanted);
    assert!(world.take(peer).is_empty() && world.started.is_empty(), "nothing before the credentials");
    let Some(Event::Provision { job, budget, .. }) = world.wanted.pop() else { panic!() };
    assert_eq!(budget, [("USD".to_owned(), "5".to_owned())]);
    world.runtime.provisioned(job, Ok(vec![issued("sk-secret")]), world.now_us);
    world.pump();
    let frames = world.take(peer);
    assert_eq!(
        frames[0]["payload"]["credentials"],
        json!([{"id": "cred_1", "scheme": "bearer", "value": "sk-secret",
        "endpoint": "https://gateway.example.com/v1", "profile": "openai", "constraints": {"cost.budget": ["USD:5.00"]}}])
    );
    let id = frames[0]["payload"]["job_id"].as_str().unwrap().to_owned();
    (world, peer, job, id)
}

/// ARCP §9.8, §14.
#[test]
fn credentials_are_the_submitters_alone() {
    let (mut world, peer, job, id) = with_credential(|_| {});
    let watcher = world.welcomed("tok-root");
    world.take(watcher);
    world.say(watcher, "job.subscribe", json!({"job_id": id, "history": true}));
    world.say(watcher, "session.list_jobs", json!({}));
    world.runtime.rotate(job, "cred_1", Secret::new("sk-second"), world.now_us).unwrap();
    world.pump();
    let seen = world.take(watcher);
    assert!(!format!("{seen:?}").contains("sk-"), "{seen:?}");
    assert_eq!(fields(&seen, "job.event", "/payload/body/phase"), [json!("credential_rotated")]);
    let own = world.take(peer);
    assert_eq!(
        own[0]["payload"]["body"],
        json!({"phase": "credential_rotated", "id": "cred_1", "value": "sk-second"})
    );
    assert!(!format!("{:?} {:?}", world.started, world.runtime).contains("sk-"), "no secret in a log");
    // The same key gives the same again, with the value that holds now.
    world.say(
        peer,
        "job.submit",
        json!({"agent": "slow", "idempotency_key": "k", "lease_request": {"cost.budget": ["USD:5.00"]}}),
    );
    assert_eq!(world.take(peer)[0]["payload"]["credentials"][0]["value"], "sk-second");
    assert!(world.runtime.rotate(job, "cred_2", Secret::new("x"), world.now_us).is_err());
}

/// ARCP §9.8.
#[test]
fn every_end_revokes_and_what_fails_is_tried_again() {
    let (mut world, peer, job, id) = with_credential(|_| {});
    world.say(peer, "job.cancel", json!({"job_id": id}));
    let revoke = |world: &mut World| {
        let found = world
            .wanted
            .iter()
            .position(|event| matches!(event, Event::Revoke { credential, .. } if credential == "cred_1"));
        found.map(|place| world.wanted.remove(place)).is_some()
    };
    assert!(revoke(&mut world));
    for _ in 0..5 {
        world.runtime.revoked(job, "cred_1", false, world.now_us);
        world.wait_ms(300_000);
        assert!(revoke(&mut world), "again");
    }
    world.runtime.revoked(job, "cred_1", true, world.now_us);
    for _ in 0..100 {
        world.wait_ms(300_000);
    }
    assert!(!revoke(&mut world));
}

/// ARCP §9.8, §14.
#[test]
fn what_cannot_be_revoked_is_told_to_the_audit() {
    let (mut world, _, job, _) = with_credential(|_| {});
    world.finish(job, json!(1));
    for _ in 0..400 {
        world.runtime.revoked(job, "cred_1", false, world.now_us);
        world.wait_ms(300_000);
    }
    let found: Vec<_> =
        world.audits.iter().filter(|audit| matches!(audit, Audit::NotRevoked { .. })).collect();
    assert_eq!(found.len(), 1);
}

/// ARCP §9.8.
#[test]
fn a_job_without_its_credentials_is_none() {
    let mut world = World::with(|settings| settings.credentials = true);
    let peer = world.welcomed("tok-a");
    world.take(peer);
    world.say(peer, "job.submit", json!({"agent": "slow", "lease_request": {"cost.budget": ["USD:5.00"]}}));
    let Some(Event::Provision { job, .. }) = world.wanted.pop() else { panic!() };
    world.runtime.provisioned(
        job,
        Err(ixt_arcp::Refusal::new(Code::InternalError, "the gateway is down")),
        world.now_us,
    );
    world.pump();
    assert_eq!(fields(&world.take(peer), "session.error", "/payload/code"), [json!("INTERNAL_ERROR")]);
    assert_eq!((world.runtime.jobs(), world.started.len()), (0, 0));
    // A key that is used again while they are made is the same job.
    let wanted =
        json!({"agent": "slow", "idempotency_key": "twice", "lease_request": {"cost.budget": ["USD:5.00"]}});
    let (one, other) =
        (world.say(peer, "job.submit", wanted.clone()), world.say(peer, "job.submit", wanted.clone()));
    let mut different = wanted;
    different["input"] = json!(1);
    assert_eq!(world.refusal(peer, "job.submit", different), "DUPLICATE_KEY");
    let Some(Event::Provision { job, .. }) = world.wanted.pop() else { panic!() };
    assert!(!world.wanted.iter().any(|event| matches!(event, Event::Provision { .. })), "once");
    world.runtime.provisioned(job, Ok(vec![issued("sk-once")]), world.now_us);
    world.pump();
    let accepted = fields(&world.take(peer), "job.accepted", "/payload/request_id");
    assert_eq!(accepted, [json!(one), json!(other)]);
    world.finish(job, json!(1));
    world.take(peer);
    // Who did not say that it knows credentials gets none, and its jobs run at once.
    let plain = world.welcomed_with("tok-a", &[]);
    world.submit(plain, json!({"agent": "slow"}));
    assert_eq!(count(&world.take(peer)), [].into());
}
