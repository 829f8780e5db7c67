//! What probes of other implementations fell into (ARCP §14 and common sense): each trap by name.
//!
//! | trap | test |
//! |---|---|
//! | a lease glob that never ends | `engines::leases::a_glob_that_would_never_end_ends`, `glob` |
//! | `..` and `%2e%2e` out of a lease | `engines::leases::what_the_lease_does_not_cover_is_denied` |
//! | a resume token of another principal | `engines::handshake::a_session_is_gone_on_with_by_its_own_principal_and_its_last_token_alone` |
//! | an infinite or negative cost; an agent that tells `cost.budget.remaining` | `engines::jobs::bodies_that_make_no_sense_are_the_agents_own_fault_and_emit_nothing` |
//! | ten tenths that are not one | `engines::leases::costs_are_counted_exactly_and_an_exhausted_budget_stops_operations` |
//! | a child without a budget that spends without end; `agent.delegate` that nobody checks | `engines::delegation::a_child_without_a_budget_spends_its_parents`, `a_child_never_has_more_than_its_parent` |
//! | a list of 1e9 jobs | [`a_list_of_a_billion_jobs_is_a_page`] |
//! | an expiry 25 days ahead that comes at once | `engines::jobs::far_deadlines_are_far` |
//! | 10,000 frames that kill a session | [`tens_of_thousands_of_frames_kill_no_session`] |
//! | memory behind a sleeping reader | `engines::pace::a_sleeping_reader_holds_an_agent_up_for_a_while_and_memory_never`, [`who_asks_and_does_not_read_is_cut_off_and_may_come_back`] |
//! | memory of finished jobs | `engines::pace::memory_stays_flat_over_any_number_of_jobs` |
//! | a hello that never comes | `engines::handshake::what_comes_first_must_be_a_hello_and_soon`, [`a_token_whose_check_never_ends_holds_no_connection`] |
//! | malformed inputs that are `INTERNAL_ERROR`, and to be tried again | [`what_is_malformed_is_the_clients_fault_and_never_to_be_tried_again`] |
//! | a ping that waits behind a flood | [`a_ping_waits_for_no_flood`] |
//! | two sequences mixed by a subscription | [`many_subscriptions_are_one_sequence`], `engines::jobs::a_subscriber_sees_what_was_and_what_comes_in_its_own_numbers` |
//! | a job that is lost with its transport | `engines::handshake::a_client_goes_on_without_a_gap_over_any_number_of_connections` |
//! | a session that is another's | [`an_envelope_that_names_another_session_moves_nothing`] |
//! | numbers that come out otherwise | [`an_input_is_the_agents_digit_by_digit`] |
//! | 44 ms for lack of `TCP_NODELAY` | is the transports' |

#[path = "engines/world.rs"]
#[allow(dead_code)]
mod world;

use ixt_arcp::runtime::{Emitted, Frames, Runtime, Settings};
use serde_json::{Value, json};
use world::{START_US, World, count, fields};

/// ARCP §6.6.
#[test]
fn a_list_of_a_billion_jobs_is_a_page() {
    let mut world = World::with(|settings| settings.max_list = 5);
    let peer = world.welcomed("tok-a");
    for _ in 0..12 {
        world.submit(peer, json!({"agent": "slow"}));
    }
    for limit in [json!(1_000_000_000), json!(u64::MAX)] {
        let listed = world.ask(peer, "session.list_jobs", json!({"limit": limit}));
        assert_eq!(listed["payload"]["jobs"].as_array().unwrap().len(), 5);
        assert!(listed["payload"]["next_cursor"].is_string(), "the rest is there to be asked for");
    }
}

#[test]
fn tens_of_thousands_of_frames_kill_no_session() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.take(peer);
    // Without an ack at all.
    for number in 0..25_000 {
        let emitted =
            world.runtime.emit(job, "log", r#"{"level":"info","message":"x"}"#, world.now_us).unwrap();
        if emitted == Emitted::Wait || number % 500 == 0 {
            world.pump();
        }
    }
    world.pump();
    let frames = world.take(peer);
    assert_eq!(frames.len(), 25_000);
    assert_eq!(frames.last().unwrap()["event_seq"], 25_000);
    for _ in 0..25_000 {
        world.say(peer, "session.ping", json!({"nonce": "n"}));
    }
    assert_eq!(count(&world.take(peer)), [("session.pong".to_owned(), 25_000)].into());
    assert!(!world.peers[peer].closed);
}

#[test]
fn who_asks_and_does_not_read_is_cut_off_and_may_come_back() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let welcome = world.take(peer).remove(0);
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.peers[peer].sleeps = true;
    for _ in 0..20_000 {
        world.say(peer, "session.ping", json!({"nonce": "n"}));
    }
    assert!(world.peers[peer].closed, "memory has an end");
    assert!(world.peers[peer].frames.len() < 11_000);
    // The session is there, and its job.
    world.emit(job, "log", json!({})).unwrap();
    let back = world.peer();
    let resume =
        json!({"session_id": welcome["session_id"], "resume_token": welcome["payload"]["resume_token"]});
    let mut hello =
        json!({"auth": {"scheme": "bearer", "token": "tok-a"}, "capabilities": {"features": world::ALL}});
    hello["resume"] = resume;
    world.say(back, "session.hello", hello);
    assert_eq!(count(&world.take(back)), [("session.welcome".into(), 1), ("job.event".into(), 1)].into());
}

#[test]
fn a_token_whose_check_never_ends_holds_no_connection() {
    let mut runtime = Runtime::new(Settings::default(), world::inventory(), [1; 32], START_US);
    let connection = runtime.connect(START_US);
    let hello = r#"{"type":"session.hello","id":"h","payload":{"auth":{"scheme":"bearer","token":"t"}}}"#;
    runtime.receive(connection, hello.as_bytes(), START_US);
    assert!(matches!(runtime.poll_event(), Some(ixt_arcp::runtime::Event::Authenticate { .. })));
    // Nor does it go on by asking meanwhile: before the welcome nothing counts.
    runtime.handle_timeout(START_US + 9_999_999);
    assert!(runtime.poll_event().is_none());
    runtime.handle_timeout(START_US + 10_000_000);
    assert!(matches!(runtime.poll_event(), Some(ixt_arcp::runtime::Event::Close { .. })));
    let late = Ok(ixt_arcp::runtime::Principal::new("a"));
    runtime.authenticated(connection, late, START_US + 10_000_001);
    assert_eq!(runtime.sessions(), 0, "an answer that comes too late opens nothing");
}

/// Payloads that are wrong, by type of message.
const MALFORMED: [(&str, &str); 49] = [
    ("job.submit", r#"{}"#),
    ("job.submit", r#"[]"#),
    ("job.submit", r#"["slow"]"#),
    ("job.submit", r#""echo""#),
    ("job.submit", r#"{"agent":null}"#),
    ("job.submit", r#"{"agent":7}"#),
    ("job.submit", r#"{"agent":""}"#),
    ("job.submit", r#"{"agent":"a b"}"#),
    ("job.submit", r#"{"agent":"echo@"}"#),
    ("job.submit", r#"{"agent":"@1.0.0"}"#),
    ("job.submit", r#"{"agent":"echo@1@2"}"#),
    ("job.submit", r#"{"agent":"slow","lease_request":7}"#),
    ("job.submit", r#"{"agent":"slow","lease_request":[]}"#),
    ("job.submit", r#"{"agent":"slow","lease_request":{"fs.read":"/a"}}"#),
    ("job.submit", r#"{"agent":"slow","lease_request":{"fs.read":[7]}}"#),
    ("job.submit", r#"{"agent":"slow","lease_request":{"fs.read":[null]}}"#),
    ("job.submit", r#"{"agent":"slow","lease_request":{"cost.budget":["USD"]}}"#),
    ("job.submit", r#"{"agent":"slow","lease_request":{"cost.budget":["USD:-1"]}}"#),
    ("job.submit", r#"{"agent":"slow","lease_request":{"cost.budget":["USD:NaN"]}}"#),
    ("job.submit", r#"{"agent":"slow","lease_request":{"cost.budget":["USD:inf"]}}"#),
    ("job.submit", r#"{"agent":"slow","lease_request":{"cost.budget":["USD:1e9"]}}"#),
    ("job.submit", r#"{"agent":"slow","lease_request":{"cost.budget":["1.00"]}}"#),
    ("job.submit", r#"{"agent":"slow","lease_request":{"cost.budget":{"USD":1}}}"#),
    ("job.submit", r#"{"agent":"slow","lease_constraints":7}"#),
    ("job.submit", r#"{"agent":"slow","lease_constraints":["2099-01-01T00:00:00Z"]}"#),
    ("job.submit", r#"{"agent":"slow","lease_constraints":{"expires_at":7}}"#),
    ("job.submit", r#"{"agent":"slow","lease_constraints":{"expires_at":"tomorrow"}}"#),
    ("job.submit", r#"{"agent":"slow","lease_constraints":{"expires_at":"2020-01-01T00:00:00Z"}}"#),
    ("job.submit", r#"{"agent":"slow","lease_constraints":{"expires_at":"2099-01-01T00:00:00+00:00"}}"#),
    ("job.submit", r#"{"agent":"slow","max_runtime_sec":"10"}"#),
    ("job.submit", r#"{"agent":"slow","max_runtime_sec":0}"#),
    ("job.submit", r#"{"agent":"slow","max_runtime_sec":-1}"#),
    ("job.submit", r#"{"agent":"slow","max_runtime_sec":1e300}"#),
    ("job.submit", r#"{"agent":"slow","idempotency_key":7}"#),
    ("job.submit", r#"{"agent":"slow","idempotency_key":""}"#),
    ("job.cancel", r#"{}"#),
    ("job.cancel", r#"{"job_id":7}"#),
    ("job.subscribe", r#"{}"#),
    ("job.subscribe", r#"{"job_id":"j","from_event_seq":-1}"#),
    ("job.subscribe", r#"{"job_id":"j","history":"yes"}"#),
    ("job.unsubscribe", r#"{"job_id":[]}"#),
    ("session.ack", r#"{}"#),
    ("session.ack", r#"{"last_processed_seq":-1}"#),
    ("session.ack", r#"{"last_processed_seq":"7"}"#),
    ("session.list_jobs", r#"{"limit":0}"#),
    ("session.list_jobs", r#"{"limit":1.5}"#),
    ("session.list_jobs", r#"{"filter":7}"#),
    ("session.list_jobs", r#"{"filter":[["running"]]}"#),
    ("session.ping", r#"{"nonce":{}}"#),
];

/// Frames that are none.
const BROKEN: [&str; 16] = [
    "",
    "{",
    "nonsense",
    "[]",
    "null",
    "7",
    "{}",
    r#"{"type":7}"#,
    r#"{"type":null}"#,
    r#"{"type":"session.ping","payload":{"nonce":NaN}}"#,
    r#"{"type":"session.ping","payload":{"nonce":"a}"#,
    r#"{"type":"session.ping","id":7}"#,
    r#"{"type":"session.ping","type":"job.submit"}"#,
    r#"{"type":"session.ping","session_id":[]}"#,
    r#"{"type":"session.ping","event_seq":"one"}"#,
    "{\"type\":\"session.ping\",\"payload\":{\"nonce\":\"\u{1}\"}}",
];

/// ARCP §12.
#[test]
fn what_is_malformed_is_the_clients_fault_and_never_to_be_tried_again() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let invalid = |frames: &[Value], of: &str| {
        assert_eq!(frames.len(), 1, "{of}: {frames:?}");
        let payload = &frames[0]["payload"];
        assert_eq!(
            (&payload["code"], &payload["retryable"]),
            (&json!("INVALID_REQUEST"), &json!(false)),
            "{of}: {payload}"
        );
        assert!(payload["message"].as_str().unwrap().len() < 300, "{of}: {payload}");
    };
    for (place, (kind, payload)) in MALFORMED.iter().enumerate() {
        world.take(peer);
        world.raw(peer, &format!(r#"{{"arcp":"1.1","id":"r{place}","type":"{kind}","payload":{payload}}}"#));
        let frames = world.take(peer);
        invalid(&frames, payload);
        assert_eq!(
            fields(&frames, "session.error", "/payload/request_id"),
            [json!(format!("r{place}"))],
            "{payload}"
        );
    }
    for frame in BROKEN {
        world.raw(peer, frame);
        let frames = world.take(peer);
        invalid(&frames, frame);
        assert!(frames[0]["payload"].get("request_id").is_none(), "{frame}");
    }
    assert!(!world.peers[peer].closed && world.started.is_empty());
    assert_eq!(world.ask(peer, "session.ping", json!({"nonce": "n"}))["type"], "session.pong");

    // Where a submit is refused otherwise, it is so with the same words.
    let typescript = world.peer();
    let hello = json!({"id": "msg_01M7VGTMZ5H8V5WGBBW2JZV7A4", "type": "session.hello",
        "payload": {"auth": {"token": "tok-a"}, "capabilities": {"features": world::ALL}}});
    world.raw(typescript, &hello.to_string());
    for (_, payload) in MALFORMED.iter().filter(|(kind, _)| *kind == "job.submit") {
        world.take(typescript);
        world.raw(typescript, &format!(r#"{{"id":"r","type":"job.submit","payload":{payload}}}"#));
        let frames = world.take(typescript);
        invalid(&frames, payload);
        assert_eq!(frames[0]["type"], "job.error");
    }

    // The first frame too: but there is no second one then.
    for payload in [
        r#"[]"#,
        r#"{"auth":7}"#,
        r#"{"auth":["bearer","tok-a"]}"#,
        r#"{"auth":{"token":"tok-a"},"resume":["s","t",0]}"#,
        r#"{"auth":{"scheme":"bearer","token":7}}"#,
        r#"{"auth":{"token":"tok-a"},"capabilities":7}"#,
        r#"{"auth":{"token":"tok-a"},"capabilities":{"features":"ack"}}"#,
        r#"{"auth":{"token":"tok-a"},"capabilities":{"encodings":["cbor"]}}"#,
        r#"{"auth":{"token":"tok-a"},"resume":{}}"#,
        r#"{"auth":{"token":"tok-a"},"resume":{"session_id":"s","resume_token":"t","last_event_seq":-1}}"#,
    ] {
        let fresh = world.peer();
        world.raw(fresh, &format!(r#"{{"id":"h","type":"session.hello","payload":{payload}}}"#));
        invalid(&world.take(fresh), payload);
        assert!(world.peers[fresh].closed, "{payload}");
    }
}

/// ARCP §6.4.
#[test]
fn a_ping_waits_for_no_flood() {
    let mut world = World::new();
    let (flooded, other) = (world.welcomed("tok-a"), world.welcomed("tok-b"));
    let (job, _) = world.submit(flooded, json!({"agent": "slow"}));
    for peer in [flooded, other] {
        world.take(peer);
        world.peers[peer].sleeps = true;
    }
    world.pump();
    let message = json!({"level": "info", "message": "x".repeat(1000)}).to_string();
    while world.runtime.emit(job, "log", &message, world.now_us).unwrap() == Emitted::Done {}
    let ids = [flooded, other].map(|peer| world.peers[peer].connection.unwrap());
    for id in ids {
        world.runtime.receive(
            id,
            br#"{"id":"p","type":"session.ping","payload":{"nonce":"n"}}"#,
            world.now_us,
        );
    }
    // Each connection in its turn, and none with more than it is given at once.
    let mut written: Vec<(_, Vec<Value>)> = Vec::new();
    while let Some(id) = world.runtime.poll_writable() {
        let mut frames = Frames::default();
        assert!(world.runtime.poll_transmit(id, &mut frames, 16 << 10));
        assert!(frames.bytes() < 18 << 10, "{}", frames.bytes());
        written.push((id, frames.iter().map(|frame| serde_json::from_slice(frame).unwrap()).collect()));
    }
    let order: Vec<_> = written.iter().map(|(id, _)| *id).collect();
    assert_eq!(order, ids, "the second one waits for one turn of the first");
    for (_, frames) in &written {
        assert_eq!(frames[0]["type"], "session.pong", "an answer overtakes the events that wait");
    }
    assert!(written[0].1.len() > 5 && written[1].1.len() == 1);
}

/// ARCP §8.3.
#[test]
fn many_subscriptions_are_one_sequence() {
    let mut world = World::new();
    let (owner, watcher) = (world.welcomed("tok-a"), world.welcomed("tok-a"));
    let jobs: Vec<_> = (0..4).map(|_| world.submit(owner, json!({"agent": "slow"}))).collect();
    let (own, own_id) = world.submit(watcher, json!({"agent": "slow"}));
    world.take(watcher);
    for (round, (_, id)) in jobs.iter().enumerate() {
        for (job, _) in &jobs {
            world.emit(*job, "log", json!({"round": round})).unwrap();
        }
        world.emit(own, "log", json!({"round": round})).unwrap();
        world.say(watcher, "job.subscribe", json!({"job_id": id, "history": round % 2 == 0}));
    }
    // Once more, and one's own.
    for id in [&jobs[0].1, &own_id] {
        world.say(watcher, "job.subscribe", json!({"job_id": id, "history": true}));
    }
    for (job, _) in &jobs {
        world.finish(*job, json!(1));
    }
    world.finish(own, json!(1));
    let frames = world.take(watcher);
    let numbers: Vec<_> = frames.iter().filter_map(|frame| frame["event_seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(count(&frames)["job.result"], 5, "each end once");
    for (_, id) in jobs.iter().chain([&(own, own_id)]) {
        let last = frames.iter().rfind(|frame| frame["job_id"] == **id).unwrap();
        assert_eq!(last["type"], "job.result", "and nothing behind it");
    }
}

#[test]
fn an_envelope_that_names_another_session_moves_nothing() {
    let mut world = World::new();
    let (victim, thief) = (world.welcomed("tok-a"), world.welcomed("tok-b"));
    let session = world.take(victim)[0]["session_id"].as_str().unwrap().to_owned();
    let (_, job) = world.submit(victim, json!({"agent": "slow"}));
    for peer in [victim, thief] {
        world.take(peer);
    }
    for (kind, payload) in [
        ("job.submit", json!({"agent": "slow"})),
        ("job.cancel", json!({"job_id": job})),
        ("job.subscribe", json!({"job_id": job})),
        ("session.list_jobs", json!({})),
        ("session.ack", json!({"last_processed_seq": 1})),
        ("session.close", json!({})),
        ("session.bye", json!({})),
    ] {
        let frame = json!({"id": "x", "type": kind, "session_id": session, "payload": payload});
        world.raw(thief, &frame.to_string());
        let frames = world.take(thief);
        assert_eq!(fields(&frames, "session.error", "/payload/code"), [json!("INVALID_REQUEST")], "{kind}");
        assert_eq!(frames.len(), 1);
    }
    assert_eq!(world.started.len(), 1);
    assert!(world.take(victim).is_empty() && !world.peers[victim].closed && !world.peers[thief].closed);
}

#[test]
fn an_input_is_the_agents_digit_by_digit() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let input = r#"{"a":9007199254740993,"b":1e400,"c":0.10,"d":-0,"e":"\u00e9\ud83d\ude00","a":1}"#;
    world.raw(
        peer,
        &format!(r#"{{"id":"s","type":"job.submit","payload":{{"agent":"slow","input":{input}}}}}"#),
    );
    assert_eq!(&*world.started[0].input, input);
}
