//! Streamed results, and what clients make of them (ARCP §8.4).

use ixt_arcp::Code;
use ixt_arcp::client::{Event, Outcome, Submission};
use serde_json::json;

use crate::world::{World, fields};

#[test]
fn parts_come_in_order_and_are_put_together() {
    let mut world = World::new();
    let end = world.client("tok-a");
    world.ends[end].engine.submit(&Submission::new("slow"), world.now_us).unwrap();
    world.pump();
    let job = world.started[0].job;
    for (part, more) in [(&b"hello "[..], true), (b"w\xc3\xb6rld", true), (b"\x00\xff", false)] {
        let _ = world.runtime.chunk(job, part, more, world.now_us).unwrap();
    }
    assert_eq!(world.runtime.chunk(job, b"x", false, world.now_us).unwrap_err().code, Code::InvalidRequest);
    assert!(world.runtime.finish(job, Some("1"), None, world.now_us).is_err(), "no inline result beside it");
    let (job2, _) = (job, ());
    let finished = world.runtime.finish(job2, None, Some("3 parts"), world.now_us);
    assert!(finished.is_ok(), "{finished:?}");
    world.pump();
    let events = world.events(end);
    let chunks = events.iter().filter(|event| matches!(event, Event::Chunk { .. })).count();
    assert_eq!(chunks, 3);
    let Some(Event::Ended { outcome: Outcome::Streamed { bytes: Some(bytes), .. }, summary, .. }) =
        events.last()
    else {
        panic!("{events:?}")
    };
    assert_eq!(bytes, b"hello w\xc3\xb6rld\x00\xff");
    assert_eq!(summary.as_deref(), Some("3 parts"));
}

#[test]
fn on_the_wire_a_stream_keeps_its_encoding() {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.take(peer);
    for part in [&b"\xff\xfe"[..], b"plain text"] {
        let _ = world.runtime.chunk(job, part, true, world.now_us).unwrap();
    }
    world.runtime.finish(job, None, None, world.now_us).unwrap();
    world.pump();
    let frames = world.take(peer);
    let of = |path: &str| fields(&frames, "job.event", path);
    assert_eq!(of("/payload/body/encoding"), [json!("base64"), json!("base64"), json!("base64")]);
    assert_eq!(of("/payload/body/chunk_seq"), [json!(0), json!(1), json!(2)]);
    assert_eq!(of("/payload/body/more"), [json!(true), json!(true), json!(false)], "the runtime ends it");
    let result = &frames[3]["payload"];
    assert_eq!(
        (&result["result_size"], &result["result_id"]),
        (&json!(12), &frames[0]["payload"]["body"]["result_id"])
    );
    assert!(result.get("result").is_none());
}

#[test]
fn too_large_a_part_or_result_ends_the_job() {
    for (parts, size) in [(1, 600 << 10), (5, 500)] {
        let mut world = World::with(|settings| {
            if parts == 5 {
                settings.max_result = 2000;
            }
        });
        let peer = world.welcomed("tok-a");
        let (job, _) = world.submit(peer, json!({"agent": "slow"}));
        world.take(peer);
        let mut last = Ok(ixt_arcp::runtime::Emitted::Done);
        for _ in 0..parts {
            last = world.runtime.chunk(job, &vec![b'x'; size], true, world.now_us);
        }
        assert_eq!(last.unwrap_err().code, Code::InternalError);
        world.pump();
        let frames = world.take(peer);
        assert_eq!(fields(&frames, "job.error", "/payload/code"), [json!("INTERNAL_ERROR")]);
        assert_eq!(fields(&frames, "job.error", "/payload/retryable"), [json!(true)]);
    }
}

#[test]
fn who_knows_no_parts_gets_the_result_in_one_piece() {
    let mut world = World::with(|settings| settings.max_body = 1000);
    let peer = world.welcomed_with("tok-a", &[]);
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.take(peer);
    for part in [&b"one "[..], b"two"] {
        let _ = world.runtime.chunk(job, part, true, world.now_us).unwrap();
    }
    world.runtime.finish(job, None, None, world.now_us).unwrap();
    world.pump();
    let frames = world.take(peer);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0]["payload"]["result"], "one two");
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    assert!(world.runtime.chunk(job, &[b'x'; 1001], true, world.now_us).is_err());
    world.pump();
    assert_eq!(fields(&world.take(peer), "job.error", "/payload/code"), [json!("INTERNAL_ERROR")]);
}
