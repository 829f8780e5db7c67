//! Slow readers, slow stores, memory (ARCP §§6.5, 13.2).

use ixt_arcp::runtime::{Emitted, Event, Frames, JobKey};
use serde_json::json;

use crate::world::World;

/// Emits until it is told to wait.
fn fill(world: &mut World, job: JobKey) -> usize {
    for count in 1..100_000 {
        let emitted =
            world.runtime.emit(job, "log", r#"{"level":"info","message":"flood"}"#, world.now_us).unwrap();
        if emitted == Emitted::Wait {
            return count;
        }
    }
    panic!("it never waits");
}

fn ready(world: &mut World, job: JobKey) -> bool {
    let found =
        world.wanted.iter().position(|event| matches!(event, Event::Ready { job: ready } if *ready == job));
    found.map(|place| world.wanted.remove(place)).is_some()
}

/// ARCP §6.5.
#[test]
fn an_agent_waits_for_a_reader_and_goes_on_when_it_has_read() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.peers[peer].sleeps = true;
    world.pump();
    assert_eq!(fill(&mut world, job), 1024);
    world.pump();
    assert!(!ready(&mut world, job));
    world.peers[peer].sleeps = false;
    let connection = world.peers[peer].connection.unwrap();
    let mut frames = Frames::default();
    assert!(world.runtime.poll_transmit(connection, &mut frames, 1000));
    world.pump();
    assert!(!ready(&mut world, job), "a little is not enough");
    while world.runtime.poll_transmit(connection, &mut frames, usize::MAX) {}
    world.pump();
    assert!(ready(&mut world, job));
    assert_eq!(frames.len(), 1024);
}

/// ARCP §6.5.
#[test]
fn a_sleeping_reader_holds_an_agent_up_for_a_while_and_memory_never() {
    let mut world = World::with(|settings| settings.max_log = 1 << 20);
    let (sleeper, other) = (world.welcomed("tok-a"), world.welcomed("tok-b"));
    let (job, _) = world.submit(sleeper, json!({"agent": "slow"}));
    let (lively, _) = world.submit(other, json!({"agent": "slow"}));
    world.peers[sleeper].sleeps = true;
    fill(&mut world, job);
    world.pump();
    // Nobody else is concerned.
    for _ in 0..10_000 {
        assert_eq!(world.runtime.emit(lively, "log", "{}", world.now_us).unwrap(), Emitted::Done);
        world.pump();
    }
    world.wait_ms(4_999);
    assert!(!ready(&mut world, job));
    world.wait_ms(1);
    assert!(ready(&mut world, job), "patience has an end");
    for _ in 0..200_000 {
        assert_eq!(
            world.runtime.emit(job, "log", r#"{"message":"flood"}"#, world.now_us).unwrap(),
            Emitted::Done
        );
    }
    // Without a store what was dropped is lost, and the reader hears it.
    world.peers[sleeper].sleeps = false;
    world.take(sleeper);
    world.say(sleeper, "session.ping", json!({"nonce": "n"}));
    let frames = world.take(sleeper);
    let last = frames.last().unwrap();
    assert_eq!(last["payload"]["code"], "RESUME_WINDOW_EXPIRED", "{last}");
    assert!(world.peers[sleeper].closed);
    assert!(!world.peers[other].closed);
}

/// ARCP §6.5.
#[test]
fn an_agent_waits_by_bytes_too_so_that_nothing_is_dropped_before_it_was_told() {
    let mut world = World::with(|settings| settings.max_log = 1 << 20);
    let peer = world.welcomed("tok-a");
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.take(peer);
    // All of it is emitted before the reader's turn comes, as long as that may be.
    let body = json!({"level": "info", "message": "x".repeat(50_000)}).to_string();
    let (mut emitted, mut told) = (0, 0);
    while emitted < 100 {
        loop {
            emitted += 1;
            let waits = world.runtime.emit(job, "log", &body, world.now_us).unwrap() == Emitted::Wait;
            if waits || emitted == 100 {
                break;
            }
        }
        world.pump();
        told += world.take(peer).len();
    }
    assert_eq!(told, 100, "4.8 MiB through a log of 1 MiB");
}

#[test]
fn what_waits_for_a_batch_is_told_by_it_also_when_one_of_before_is_stored_meanwhile() {
    let mut world = World::with(|settings| settings.store = true);
    world.stores = false;
    let (first, second) = (world.peer(), world.peer());
    let hello = json!({"auth": {"scheme": "bearer", "token": "tok-a"}, "capabilities": {"features": crate::world::ALL}});
    world.say(first, "session.hello", hello.clone());
    let before = world.runtime.poll_store().unwrap();
    world.say(second, "session.hello", hello);
    let after = world.runtime.poll_store().unwrap();
    world.runtime.stored(before.lsn);
    world.pump();
    assert_eq!((world.take(first).len(), world.take(second).len()), (1, 0));
    world.runtime.stored(after.lsn);
    world.pump();
    assert_eq!(world.take(second).len(), 1);
}

#[test]
fn nothing_is_told_before_it_is_stored() {
    let mut world = World::with(|settings| settings.store = true);
    world.stores = false;
    let peer = world.peer();
    let hello = json!({"auth": {"scheme": "bearer", "token": "tok-a"}, "capabilities": {"features": crate::world::ALL}});
    world.say(peer, "session.hello", hello);
    assert!(world.take(peer).is_empty(), "the token that comes back must be known");
    let stored = |world: &mut World| {
        let batch = world.runtime.poll_store().unwrap();
        world.runtime.stored(batch.lsn);
        world.pump();
    };
    stored(&mut world);
    assert_eq!(world.take(peer).len(), 1);
    world.say(peer, "job.submit", json!({"agent": "slow"}));
    assert!(world.take(peer).is_empty() && world.started.is_empty());
    stored(&mut world);
    assert_eq!((world.take(peer).len(), world.started.len()), (1, 1));
    let job = world.started[0].job;
    world.emit(job, "log", json!({"n": 1})).unwrap();
    let first = world.runtime.poll_store().unwrap();
    world.emit(job, "log", json!({"n": 2})).unwrap();
    let second = world.runtime.poll_store().unwrap();
    world.say(peer, "session.ping", json!({"nonce": "n"}));
    assert_eq!(world.take(peer).len(), 1, "what is not kept does not wait");
    world.runtime.stored(first.lsn);
    world.pump();
    assert_eq!(world.take(peer).len(), 1);
    world.runtime.stored(second.lsn);
    world.pump();
    assert_eq!(world.take(peer).len(), 1);
    assert!(world.runtime.poll_store().is_none());
}

#[test]
fn an_agent_waits_for_a_slow_store() {
    let mut world = World::with(|settings| (settings.store, settings.max_unstored) = (true, 10_000));
    let peer = world.welcomed("tok-a");
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.stores = false;
    let count = fill(&mut world, job);
    assert!((50..200).contains(&count), "{count}");
    world.stores = true;
    world.pump();
    assert!(ready(&mut world, job));
}

#[test]
fn memory_stays_flat_over_any_number_of_jobs() {
    let mut world = World::with(|settings| settings.max_ended = 100);
    let peer = world.welcomed("tok-a");
    for _ in 0..3000 {
        world.take(peer);
        world.say(peer, "job.submit", json!({"agent": "slow"}));
        let job = world.started.pop().unwrap().job;
        world.finish(job, json!("x"));
        world.say(peer, "session.ack", json!({"last_processed_seq": 1_000_000}));
    }
    assert_eq!(world.runtime.jobs(), 100);
}
