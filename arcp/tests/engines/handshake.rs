//! Hello, welcome, resume, heartbeats, close (ARCP §§5, 6).

use ixt_arcp::client::{Client, Event, Settings, Submission};
use serde_json::{Value, json};

use crate::world::{ALL, World, count, fields};

fn hello(token: &str) -> serde_json::Value {
    json!({"auth": {"scheme": "bearer", "token": token}, "capabilities": {"features": ALL}})
}

/// ARCP §6.2.
#[test]
fn a_welcome_says_what_the_session_can() {
    let mut world = World::new();
    let peer = world.welcomed_with("tok-a", &["ack", "list_jobs", "telepathy"]);
    let welcome = world.take(peer).remove(0);
    assert_eq!(welcome["arcp"], "1.1");
    let session = welcome["session_id"].as_str().unwrap();
    assert!(session.starts_with("sess_"));
    let payload = &welcome["payload"];
    assert_eq!(payload["session_id"], session);
    assert_eq!(payload["accepted_at"], "2026-09-21T14:13:20.000Z");
    assert_eq!(payload["capabilities"]["features"], json!(["ack", "list_jobs"]), "what both know");
    assert_eq!(
        payload["capabilities"]["agents"],
        json!([
            {"name": "echo", "versions": ["1.0.0", "2.0.0"], "default": "2.0.0"},
            {"name": "slow", "versions": []},
            {"name": "again", "versions": []},
        ])
    );
    assert_eq!(
        (&payload["resume_window_sec"], &payload["heartbeat_interval_sec"]),
        (&json!(600), &json!(30)),
        "whole, as some peers read integers alone"
    );
    assert!(payload["resume_token"].as_str().unwrap().len() >= 64);
}

/// ARCP §6.1, §12.
#[test]
fn who_is_nobody_is_told_so_and_gets_no_second_try() {
    let mut world = World::new();
    for payload in [
        hello("wrong"),
        json!({}),
        json!({"auth": {"scheme": "basic", "token": "tok-a"}}),
        json!({"auth": {"scheme": "bearer"}}),
        json!({"auth": null}),
    ] {
        let peer = world.peer();
        world.say(peer, "session.hello", payload);
        let frames = world.take(peer);
        assert_eq!(fields(&frames, "session.error", "/payload/code"), [json!("UNAUTHENTICATED")]);
        assert!(frames[0]["session_id"].as_str().unwrap().starts_with("sess_"), "some read no frame without");
        assert!(world.peers[peer].closed);
    }
    assert_eq!(world.runtime.sessions(), 0);
}

/// ARCP §6.1.
#[test]
fn what_comes_first_must_be_a_hello_and_soon() {
    let mut world = World::new();
    for frame in [
        "",
        "nonsense",
        "[]",
        r#"{"type":"job.submit","payload":{"agent":"echo"}}"#,
        r#"{"type":"session.hello","arcp":"2"}"#,
    ] {
        let peer = world.peer();
        world.raw(peer, frame);
        let frames = world.take(peer);
        assert_eq!(fields(&frames, "session.error", "/payload/code"), [json!("INVALID_REQUEST")], "{frame}");
        assert!(world.peers[peer].closed, "{frame}");
    }
    let peer = world.peer();
    world.wait_ms(9_999);
    assert!(!world.peers[peer].closed);
    world.wait_ms(1);
    assert!(world.peers[peer].closed);
    assert_eq!(fields(&world.take(peer), "session.error", "/payload/code"), [json!("UNAUTHENTICATED")]);
}

/// ARCP §5.
#[test]
fn frames_too_large_or_too_deep_are_refused_and_the_session_goes_on() {
    let mut world = World::with(|settings| settings.frame.max_frame = 10_000);
    let peer = world.welcomed("tok-a");
    let deep = format!(r#"{{"type":"job.submit","payload":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    let long = format!(r#"{{"type":"job.submit","x":"{}"}}"#, "x".repeat(10_000));
    let deepest = format!(r#"{{"type":"job.submit","payload":{}"#, "[".repeat(9_000));
    for frame in
        [deep, long, deepest, "{".into(), r#"{"type":"job.submit"}"#.into(), "{\"type\":\"a\u{0}b\"}".into()]
    {
        world.take(peer);
        world.raw(peer, &frame);
        let frames = world.take(peer);
        assert_eq!(fields(&frames, "session.error", "/payload/code"), [json!("INVALID_REQUEST")]);
        assert!(frames[0]["payload"]["message"].as_str().unwrap().len() < 500);
        assert_eq!(
            frames[0]["payload"]["retryable"], false,
            "a malformed request is never to be tried again"
        );
    }
    assert!(!world.peers[peer].closed);
}

/// ARCP §5, §12.
#[test]
fn unknown_messages_are_refused_and_those_of_vendors_read_over() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    assert_eq!(world.refusal(peer, "job.levitate", json!({})), "INVALID_REQUEST");
    world.take(peer);
    world.say(peer, "x-vendor.acme.wink", json!({}));
    assert!(world.take(peer).is_empty());
    assert_eq!(world.runtime.stats().ignored, 1);
    world.raw(peer, r#"{"id":"x","type":"session.ping","session_id":"sess_other","payload":{"nonce":"n"}}"#);
    assert_eq!(
        fields(&world.take(peer), "session.error", "/payload/request_id"),
        [json!("x")],
        "another's session"
    );
    world.raw(peer, r#"{"id":"y","type":"session.ping","later":1,"payload":{"nonce":"n","later":2}}"#);
    assert_eq!(fields(&world.take(peer), "session.pong", "/payload/ping_nonce"), [json!("n")]);
}

/// ARCP §6.3, §8.3.
#[test]
fn a_client_goes_on_without_a_gap_over_any_number_of_connections() {
    let mut world = World::new();
    let end = world.client("tok-a");
    let submission = ixt_arcp::client::Submission::new("slow");
    world.ends[end].engine.submit(&submission, world.now_us).unwrap();
    world.pump();
    let job = world.started[0].job;
    let mut expected = 0;
    for round in 0..5 {
        for _ in 0..3 {
            world.emit(job, "log", json!({"level": "info", "message": "x"})).unwrap();
        }
        let connection = world.ends[end].connection.unwrap();
        // Some of it is on its way when the connection breaks.
        world.cut(connection);
        for _ in 0..2 {
            world.emit(job, "log", json!({"level": "info", "message": "unseen"})).unwrap();
        }
        world.wait_ms(1000);
        world.reconnect(end, "tok-a");
        expected += 5;
        let events = world.events(end);
        let resumed =
            events.iter().filter(|event| matches!(event, Event::Welcome { resumed: true, .. })).count();
        assert_eq!(resumed, 1, "round {round}: {events:?}");
        assert!(!events.iter().any(|event| matches!(event, Event::Gap { .. })), "{events:?}");
        let numbers: Vec<_> = events
            .iter()
            .filter_map(|event| if let Event::Job(event) = event { event.event_seq } else { None })
            .collect();
        assert_eq!(numbers, (expected - 4..=expected).collect::<Vec<_>>());
    }
    world.finish(job, json!("done"));
    assert!(matches!(&world.events(end)[..], [Event::Ended { event_seq: Some(26), .. }]));
}

/// A peer's resume, by hand.
fn resume(world: &mut World, token: &str, session: &str, resume_token: &str, last: u64) -> usize {
    let peer = world.peer();
    let mut payload = hello(token);
    payload["resume"] = json!({"session_id": session, "resume_token": resume_token, "last_event_seq": last});
    world.say(peer, "session.hello", payload);
    peer
}

/// ARCP §6.3.
#[test]
fn a_session_is_gone_on_with_by_its_own_principal_and_its_last_token_alone() {
    let mut world = World::new();
    let first = world.welcomed("tok-a");
    let welcome = world.take(first).remove(0);
    let session = welcome["session_id"].as_str().unwrap().to_owned();
    let token = welcome["payload"]["resume_token"].as_str().unwrap().to_owned();
    let code = |world: &mut World, peer: usize| fields(&world.take(peer), "session.error", "/payload/code");

    let thief = resume(&mut world, "tok-b", &session, &token, 0);
    assert_eq!(code(&mut world, thief), [json!("UNAUTHENTICATED")], "a stolen token");
    let stranger = resume(&mut world, "nobody", &session, &token, 0);
    assert_eq!(code(&mut world, stranger), [json!("UNAUTHENTICATED")], "a resume is authenticated again");
    let wrong = resume(&mut world, "tok-a", &session, "rt_00", 0);
    assert_eq!(code(&mut world, wrong), [json!("UNAUTHENTICATED")]);
    let unknown = resume(&mut world, "tok-a", "sess_unknown", &token, 0);
    assert_eq!(code(&mut world, unknown), [json!("RESUME_WINDOW_EXPIRED")]);
    let ahead = resume(&mut world, "tok-a", &session, &token, 7);
    assert_eq!(code(&mut world, ahead), [json!("INVALID_REQUEST")], "of what was never told");
    assert!(!world.peers[first].closed, "none of them moved anything");

    // The old connection may be up, as half of a TCP connection is: the client is here now.
    let second = resume(&mut world, "tok-a", &session, &token, 0);
    let again = world.take(second).remove(0);
    assert_eq!((&again["type"], &again["session_id"]), (&json!("session.welcome"), &json!(session)));
    assert!(world.peers[first].closed);
    let rotated = again["payload"]["resume_token"].as_str().unwrap();
    assert_ne!(rotated, token, "the token rotates");
    world.say(second, "session.ping", json!({"nonce": "n1"}));
    world.take(second);
    let late = resume(&mut world, "tok-a", &session, &token, 0);
    assert_eq!(code(&mut world, late), [json!("UNAUTHENTICATED")], "the one before is worth nothing");
    assert_eq!(world.runtime.sessions(), 1);
}

/// ARCP §6.3.
#[test]
fn a_welcome_that_is_lost_on_its_way_does_not_take_the_session_along() {
    let mut world = World::new();
    let first = world.welcomed("tok-a");
    let welcome = world.take(first).remove(0);
    let session = welcome["session_id"].as_str().unwrap().to_owned();
    let token = welcome["payload"]["resume_token"].as_str().unwrap().to_owned();
    // Twice: the welcomes go out, and nobody hears them.
    let mut unheard = String::new();
    for _ in 0..2 {
        let peer = resume(&mut world, "tok-a", &session, &token, 0);
        let again = world.take(peer).remove(0);
        assert_eq!(again["type"], "session.welcome");
        unheard = again["payload"]["resume_token"].as_str().unwrap().to_owned();
    }
    let thief = resume(&mut world, "tok-b", &session, &token, 0);
    let refused = fields(&world.take(thief), "session.error", "/payload/code");
    assert_eq!(refused, [json!("UNAUTHENTICATED")], "it is its principal's alone all the same");
    // The last one has arrived, and its token is as good.
    let third = resume(&mut world, "tok-a", &session, &unheard, 0);
    assert_eq!(world.take(third).remove(0)["type"], "session.welcome");
    // Whoever speaks has the welcome, and then one token is left.
    world.say(third, "session.ping", json!({"nonce": "n1"}));
    for old in [&token, &unheard] {
        let late = resume(&mut world, "tok-a", &session, old, 0);
        assert_eq!(fields(&world.take(late), "session.error", "/payload/code"), [json!("UNAUTHENTICATED")]);
    }
}

/// ARCP §6.3.
#[test]
fn session_resume_does_the_same_and_keeps_the_features() {
    let mut world = World::new();
    let first = world.welcomed_with("tok-a", &["ack"]);
    let welcome = world.take(first).remove(0);
    world.cut(world.peers[first].connection.unwrap());
    let second = world.peer();
    world.say(
        second,
        "session.resume",
        json!({"session_id": welcome["session_id"], "resume_token": welcome["payload"]["resume_token"],
               "last_event_seq": 0, "auth": {"scheme": "bearer", "token": "tok-a"}}),
    );
    let again = world.take(second).remove(0);
    assert_eq!(again["session_id"], welcome["session_id"]);
    assert_eq!(again["payload"]["capabilities"]["features"], json!(["ack"]));
}

/// ARCP §6.3, §6.5.
#[test]
fn a_session_waits_for_its_window_and_longer_for_what_was_not_acknowledged() {
    let mut world = World::new();
    let (idle, owed) = (world.welcomed("tok-a"), world.welcomed("tok-b"));
    let (job, _) = world.submit(owed, json!({"agent": "slow"}));
    world.finish(job, json!(1));
    for peer in [idle, owed] {
        world.cut(world.peers[peer].connection.unwrap());
    }
    world.wait_ms(599_999);
    assert_eq!(world.runtime.sessions(), 2);
    world.wait_ms(1);
    assert_eq!(world.runtime.sessions(), 1, "the one that is owed nothing is over");
    for _ in 0..200 {
        world.wait_ms(600_000);
    }
    assert_eq!(world.runtime.sessions(), 0, "nor for ever");
    assert_eq!(world.runtime.jobs(), 0);
}

/// ARCP §6.4.
#[test]
fn silence_is_broken_by_pings_and_ends_the_connection_but_no_job() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.take(peer);
    world.wait_ms(15_000);
    assert!(world.take(peer).is_empty());
    world.wait_ms(15_000);
    assert_eq!(count(&world.take(peer)).get("session.ping"), Some(&1));
    world.wait_ms(15_000);
    world.wait_ms(15_000);
    let frames = world.take(peer);
    assert_eq!(fields(&frames, "session.error", "/payload/code"), [json!("HEARTBEAT_LOST")]);
    assert!(world.peers[peer].closed);
    world.emit(job, "log", json!({"level": "info", "message": "still here"})).unwrap();

    // Two engines keep each other awake, and without the feature nobody is disturbed.
    let end = world.client("tok-a");
    let quiet = world.welcomed_with("tok-b", &[]);
    world.take(quiet);
    for _ in 0..100 {
        world.wait_ms(10_000);
    }
    assert!(world.ends[end].connection.is_some());
    assert!(!world.events(end).iter().any(|event| matches!(event, Event::Lost(_))));
    assert!(world.take(quiet).is_empty() && !world.peers[quiet].closed);
}

/// ARCP §6.7.
#[test]
fn closing_is_answered_and_jobs_go_on() {
    let mut world = World::new();
    let (peer, other) = (world.welcomed("tok-a"), world.welcomed("tok-a"));
    let (job, id) = world.submit(peer, json!({"agent": "slow"}));
    world.take(peer);
    world.say(peer, "session.close", json!({"reason": "done"}));
    assert_eq!(count(&world.take(peer)), [("session.closed".to_owned(), 1)].into());
    assert!(world.peers[peer].closed);
    world.take(other);
    world.say(other, "session.bye", json!({}));
    assert!(world.take(other).is_empty(), "a bye is not answered");
    assert!(world.peers[other].closed);
    world.emit(job, "log", json!({"level": "info", "message": "on"})).unwrap();
    let back = world.welcomed("tok-a");
    let listed = world.ask(back, "session.list_jobs", json!({}));
    assert_eq!(listed["payload"]["jobs"][0]["job_id"], id);
    assert_eq!(listed["payload"]["jobs"][0]["status"], "running");

    let end = world.client("tok-a");
    world.ends[end].engine.close("", world.now_us);
    world.pump();
    assert!(matches!(world.events(end).last(), Some(Event::Closed)));
}

/// ARCP §14.
#[test]
fn sessions_of_a_principal_are_bounded_and_the_one_left_longest_ago_gives_way() {
    let mut world = World::with(|settings| settings.max_sessions = 3);
    let peers: Vec<_> = (0..3).map(|_| world.welcomed("tok-a")).collect();
    let fourth = world.peer();
    world.say(fourth, "session.hello", hello("tok-a"));
    assert_eq!(fields(&world.take(fourth), "session.error", "/payload/code"), [json!("PERMISSION_DENIED")]);
    world.welcomed("tok-b");
    world.cut(world.peers[peers[1]].connection.unwrap());
    world.welcomed("tok-a");
    assert_eq!(world.runtime.sessions(), 4);
}

/// ARCP §6.3.
#[test]
fn another_client_goes_on_with_a_session_that_it_is_told_of() {
    let mut world = World::new();
    let first = world.client("tok-a");
    let job = {
        world.ends[first].engine.submit(&Submission::new("slow"), world.now_us).unwrap();
        world.pump();
        world.started[0].job
    };
    world.emit(job, "log", json!({"n": 1})).unwrap();
    world.pump();
    let events = world.events(first);
    let welcome = events.iter().find_map(|event| match event {
        Event::Welcome { payload, .. } => Some(payload.reveal().to_owned()),
        _ => None,
    });
    // As it came, so that the application has the token.
    let welcome: Value = serde_json::from_str(&welcome.unwrap()).unwrap();
    let session = world.ends[first].engine.session_id().unwrap();
    world.cut(world.ends[first].connection.unwrap());
    world.emit(job, "log", json!({"n": 2})).unwrap();
    world.pump();

    let second = world.ends.len();
    let mut engine = Client::new(Settings::default(), [9; 32], world.now_us);
    engine.go_on_with(&session, welcome["resume_token"].as_str().unwrap(), 1);
    world.ends.push(crate::world::End { engine, connection: None, events: Vec::new() });
    world.reconnect(second, "tok-a");
    let events = world.events(second);
    assert!(events.iter().any(|event| matches!(event, Event::Welcome { resumed: true, .. })), "{events:?}");
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Job(event) => Some((event.event_seq, event.body.get().to_owned())),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(Some(2), r#"{"n":2}"#.to_owned())], "from where the other one stopped");
}
