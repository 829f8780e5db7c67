//! What is done for peers that are known to differ, and for nobody else.

use serde_json::{Value, json};

use crate::world::{ALL, World, fields};

const ULID: &str = "01M7VGTMZ5H8V5WGBBW2JZV7A4";

/// A peer whose hello has this id and says this of agents.
fn peer(world: &mut World, id: &str, agents: Option<Value>) -> usize {
    let peer = world.peer();
    let mut capabilities = json!({"encodings": ["json"], "features": ALL});
    if let Some(agents) = agents {
        capabilities["agents"] = agents;
    }
    let hello = json!({"arcp": "1.1", "id": id, "type": "session.hello",
        "payload": {"auth": {"scheme": "bearer", "token": "tok-a"}, "capabilities": capabilities}});
    world.raw(peer, &hello.to_string());
    assert_eq!(world.take(peer)[0]["type"], "session.welcome");
    peer
}

#[test]
fn each_peer_gets_what_it_needs_and_a_plain_one_nothing() {
    for dialects in [true, false] {
        let mut world = World::with(|settings| settings.dialects = dialects);
        let typescript = peer(&mut world, &format!("msg_{ULID}"), None);
        let python = peer(&mut world, ULID, Some(json!([])));
        let go = peer(&mut world, "01a1f729-c322-7d60-a002-bf606f2ed363", None);
        let plain = peer(&mut world, ULID, None);

        world.say(typescript, "job.submit", json!({"agent": "nosuch"}));
        let refused = world.take(typescript).remove(0);
        if dialects {
            assert_eq!(
                (&refused["type"], &refused["payload"]["final_status"]),
                (&json!("job.error"), &json!("error"))
            );
            assert_eq!(refused["payload"]["code"], "AGENT_NOT_AVAILABLE");
            assert_eq!((refused["job_id"].is_string(), &refused["event_seq"]), (true, &json!(1)));
            let listed = world.ask(typescript, "session.list_jobs", json!({}));
            assert_eq!(listed["payload"]["jobs"], json!([]), "a job that never was is in no list");
        } else {
            assert_eq!(refused["type"], "session.error");
        }
        for other in [python, go, plain] {
            assert_eq!(world.ask(other, "job.submit", json!({"agent": "nosuch"}))["type"], "session.error");
        }

        let budget = json!({"agent": "slow", "lease_request": {"cost.budget": ["USD:1.00"]}});
        for other in [typescript, go, plain] {
            assert_eq!(
                world.ask(other, "job.submit", budget.clone())["payload"]["budget"],
                json!({"USD": 1})
            );
        }
        let amounts = world.ask(python, "job.submit", budget.clone());
        let expected = if dialects { json!({"USD": "USD:1"}) } else { json!({"USD": 1}) };
        assert_eq!(amounts["payload"]["budget"], expected);

        for one in [typescript, python, go, plain] {
            let (job, _) = world.submit(one, json!({"agent": "slow"}));
            world.finish(job, json!({"x": [1]}));
            let frames = world.take(one);
            assert_eq!(fields(&frames, "job.result", "/payload/result"), [json!({"x": [1]})]);
            let output = fields(&frames, "job.result", "/payload/output");
            let expected = if one == go && dialects { json!({"x": [1]}) } else { Value::Null };
            assert_eq!(output, [expected]);
        }
        for one in [typescript, python, go, plain] {
            let (_, id) = world.submit(one, json!({"agent": "slow"}));
            world.say(one, "job.cancel", json!({"job_id": id}));
            let frames = world.take(one);
            assert_eq!(fields(&frames, "job.error", "/payload/code"), [json!("CANCELLED")]);
            let expected = if one == python && dialects { "error" } else { "cancelled" };
            assert_eq!(fields(&frames, "job.error", "/payload/final_status"), [json!(expected)]);
        }
    }
}
