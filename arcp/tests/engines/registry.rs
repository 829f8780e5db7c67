//! Agents that come while the runtime runs (ARCP §7.5).

use ixt_arcp::{AgentRef, Code};
use serde_json::json;

use crate::world::World;

#[test]
fn an_agent_that_comes_later_is_there_at_once_and_listed_by_the_next_welcome() {
    let mut world = World::new();
    let early = world.welcomed("tok-a");
    assert_eq!(world.refusal(early, "job.submit", json!({"agent": "late"})), "AGENT_NOT_AVAILABLE");
    let before = world.peers[early].frames.clone();
    world.runtime.register(AgentRef::parse("late@1.0.0").unwrap()).unwrap();
    world.runtime.register(AgentRef::parse("late@2.0.0").unwrap()).unwrap();
    world.pump();
    assert_eq!(world.peers[early].frames, before, "who is welcomed is told nothing more");

    let (job, _) = world.submit(early, json!({"agent": "late"}));
    assert_eq!(world.runtime.job_agent(job).as_deref(), Some("late@2.0.0"));
    let next = world.welcomed("tok-a");
    let agents = &world.peers[next].frames[0]["payload"]["capabilities"]["agents"];
    assert_eq!(agents[3]["default"], "2.0.0");
    world.runtime.set_default("late", "1.0.0").unwrap();
    let (other, _) = world.submit(early, json!({"agent": "late"}));
    assert_eq!(world.runtime.job_agent(other).as_deref(), Some("late@1.0.0"));
    assert_eq!(world.runtime.job_agent(job).as_deref(), Some("late@2.0.0"), "a job stays with its version");

    let late = world.welcomed("tok-a");
    let agents = &world.peers[late].frames[0]["payload"]["capabilities"]["agents"];
    assert_eq!(agents[3], json!({"name": "late", "versions": ["1.0.0", "2.0.0"], "default": "1.0.0"}));
}

#[test]
fn what_an_inventory_refuses_a_runtime_refuses_and_stays_as_it_was() {
    let mut world = World::new();
    for text in ["slow", "slow@1.0.0", "echo", "echo@1.0.0"] {
        let refused = world.runtime.register(AgentRef::parse(text).unwrap()).unwrap_err();
        assert_eq!(refused.code, Code::InvalidRequest, "{text}");
    }
    for (name, version, code) in [
        ("nobody", "1.0.0", Code::AgentNotAvailable),
        ("echo", "3.0.0", Code::AgentVersionNotAvailable),
        ("slow", "1.0.0", Code::AgentVersionNotAvailable),
        ("echo@1.0.0", "1.0.0", Code::InvalidRequest),
        ("echo", "", Code::InvalidRequest),
    ] {
        assert_eq!(world.runtime.set_default(name, version).unwrap_err().code, code, "{name} {version}");
    }
    let peer = world.welcomed("tok-a");
    let agents = &world.peers[peer].frames[0]["payload"]["capabilities"]["agents"];
    assert_eq!(agents.as_array().unwrap().len(), 3);
    assert_eq!(agents[0], json!({"name": "echo", "versions": ["1.0.0", "2.0.0"], "default": "2.0.0"}));
}
