//! Jobs of jobs (ARCP §§9.4, 10).

use ixt_arcp::Code;
use ixt_arcp::runtime::{Delegate, Event, JobKey};
use serde_json::json;

use crate::world::{World, fields};

/// A job with a budget that may delegate to `echo`.
fn parent(world: &mut World) -> (usize, JobKey) {
    let peer = world.welcomed("tok-a");
    let (job, _) = world.submit(
        peer,
        json!({"agent": "slow", "lease_request": {"agent.delegate": ["echo", "again"], "tool.call": ["search.*"], "cost.budget": ["USD:5.00"]},
               "lease_constraints": {"expires_at": "2026-09-21T15:00:00Z"}}),
    );
    world.take(peer);
    (peer, job)
}

fn delegate(world: &mut World, job: JobKey, wanted: &Delegate<'_>) -> Result<JobKey, Code> {
    let made = world.runtime.delegate(job, wanted, world.now_us);
    world.pump();
    made.map_err(|refusal| refusal.code)
}

/// ARCP §9.4, §10.
#[test]
fn a_child_runs_within_its_parents_authority_and_tells_it_the_end() {
    let mut world = World::new();
    let (peer, job) = parent(&mut world);
    let wanted = Delegate::new("d1", "echo", r#"{"n":1}"#)
        .with_lease(r#"{"tool.call":["search.web"],"cost.budget":["USD:2.00"]}"#);
    let child = delegate(&mut world, job, &wanted).unwrap();
    let start = world.started.last().unwrap().clone();
    assert_eq!(
        (start.job, start.parent, &*start.agent, &*start.input),
        (child, Some(job), "echo@2.0.0", r#"{"n":1}"#)
    );
    assert_eq!(
        start.expires_at.unwrap().to_string(),
        "2026-09-21T15:00:00.000Z",
        "no later than its parent's"
    );
    assert_eq!(start.trace, world.started[0].trace);
    assert_eq!(world.runtime.budget(job), r#"{"USD":3}"#, "what it may spend is reserved");
    world.emit(child, "metric", json!({"name": "cost.x", "value": 0.5, "unit": "USD"})).unwrap();
    world.finish(child, json!({"found": 1}));
    assert_eq!(world.runtime.budget(job), r#"{"USD":4.5}"#, "the rest comes back");
    let frames = world.take(peer);
    assert_eq!(fields(&frames, "job.event", "/payload/kind"), [json!("delegate"), json!("tool_result")]);
    let body = &frames[0]["payload"]["body"];
    assert_eq!((&body["delegate_id"], &body["child_job_id"]), (&json!("d1"), &json!(&*start.job_id)));
    assert_eq!(frames[1]["payload"]["body"], json!({"call_id": "d1", "result": {"found": 1}}));
    assert!(
        matches!(world.wanted.last(), Some(Event::ChildEnded { delegate_id, result: Ok(_), .. }) if delegate_id == "d1")
    );
}

/// ARCP §9.4.
#[test]
fn a_child_never_has_more_than_its_parent() {
    let mut world = World::new();
    let (peer, job) = parent(&mut world);
    for (agent, lease, constraints, code) in [
        ("slow", None, None, Code::PermissionDenied),
        ("echo@9", None, None, Code::AgentVersionNotAvailable),
        ("echo", Some(r#"{"fs.read":["/"]}"#), None, Code::LeaseSubsetViolation),
        ("echo", Some(r#"{"tool.call":["*"]}"#), None, Code::LeaseSubsetViolation),
        ("echo", Some(r#"{"cost.budget":["USD:5.01"]}"#), None, Code::LeaseSubsetViolation),
        ("echo", Some(r#"{"cost.budget":["EUR:1"]}"#), None, Code::LeaseSubsetViolation),
        ("echo", None, Some(r#"{"expires_at":"2026-09-21T15:00:01Z"}"#), Code::LeaseSubsetViolation),
        ("echo", Some("["), None, Code::InvalidRequest),
    ] {
        let mut wanted = Delegate::new("d", agent, "{}");
        (wanted.lease_request, wanted.lease_constraints) = (lease, constraints);
        assert_eq!(delegate(&mut world, job, &wanted), Err(code.clone()), "{agent} {lease:?}");
        let frames = world.take(peer);
        assert_eq!(
            fields(&frames, "job.event", "/payload/kind"),
            [json!("tool_result")],
            "the agent may go on"
        );
        assert_eq!(frames[0]["payload"]["body"]["error"]["code"], code.as_str());
    }
    assert_eq!(world.started.len(), 1);
    assert_eq!(world.runtime.budget(job), r#"{"USD":5}"#);
}

/// ARCP §9.4, §9.6.
#[test]
fn a_child_without_a_budget_spends_its_parents() {
    let mut world = World::new();
    let (_, job) = parent(&mut world);
    let child = delegate(&mut world, job, &Delegate::new("d", "again", "1")).unwrap();
    world.emit(child, "metric", json!({"name": "cost.x", "value": 5, "unit": "USD"})).unwrap();
    assert_eq!(world.runtime.budget(job), r#"{"USD":0}"#);
    let denied = world.runtime.authorize(job, "tool.call", "search.web", world.now_us);
    assert_eq!(denied.unwrap_err().code, Code::BudgetExhausted);
    // Both at once never have more than there is.
    let mut world = World::new();
    let (_, job) = parent(&mut world);
    let lease = r#"{"cost.budget":["USD:3"]}"#;
    delegate(&mut world, job, &Delegate::new("a", "again", "1").with_lease(lease)).unwrap();
    assert_eq!(
        delegate(&mut world, job, &Delegate::new("b", "again", "1").with_lease(lease)),
        Err(Code::LeaseSubsetViolation)
    );
}

/// ARCP §10.
#[test]
fn children_end_with_their_parent_and_a_failed_one_is_told_as_an_error() {
    let mut world = World::new();
    let (peer, job) = parent(&mut world);
    let first = delegate(&mut world, job, &Delegate::new("a", "again", "1")).unwrap();
    let second = delegate(&mut world, job, &Delegate::new("b", "again", "1")).unwrap();
    world.runtime.fail(first, &ixt_arcp::Refusal::new(Code::InternalError, "boom"), world.now_us).unwrap();
    world.pump();
    let frames = world.take(peer);
    assert_eq!(frames.last().unwrap()["payload"]["body"]["error"]["code"], "INTERNAL_ERROR");
    world.finish(job, json!(1));
    assert!(world.wanted.iter().any(|event| matches!(event, Event::Stop { job, .. } if *job == second)));
    assert_eq!(world.emit(second, "log", json!({})).unwrap_err().code, Code::Cancelled);
}

/// ARCP §10.
#[test]
fn delegation_has_an_end() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let (mut job, _) =
        world.submit(peer, json!({"agent": "again", "lease_request": {"agent.delegate": ["again"]}}));
    let mut depth = 0;
    loop {
        let wanted = Delegate::new("d", "again", "1").with_lease(r#"{"agent.delegate":["again"]}"#);
        match delegate(&mut world, job, &wanted) {
            Ok(child) => (job, depth) = (child, depth + 1),
            Err(code) => {
                assert_eq!(code, Code::PermissionDenied);
                break;
            }
        }
    }
    assert_eq!(depth, 16);
}
