//! Streamed results, and what clients make of them (ARCP §8.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ixt_arcp::Code;
use ixt_arcp::client::{Event, Outcome, Submission};
use serde_json::json;

use crate::world::{World, fields};

/// ARCP §8.4.
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

/// ARCP §8.4.
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

/// How the parts of a stream went out, and the result as a client of ours puts it together.
fn mixed(parts: &[(bool, &[u8])]) -> (Vec<serde_json::Value>, Vec<Code>, Vec<u8>) {
    let mut world = World::new();
    let peer = world.welcomed("tok-a");
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.take(peer);
    let mut refused = Vec::new();
    for (as_text, part) in parts {
        let done = match as_text {
            true => world.runtime.chunk_text(job, std::str::from_utf8(part).unwrap(), true, world.now_us),
            false => world.runtime.chunk(job, part, true, world.now_us),
        };
        refused.extend(done.err().map(|why| why.code));
    }
    world.runtime.finish(job, None, None, world.now_us).unwrap();
    world.pump();
    let frames = world.take(peer);
    let encodings = fields(&frames, "job.event", "/payload/body/encoding");
    let data = fields(&frames, "job.event", "/payload/body/data");
    let bytes = encodings.iter().zip(&data).flat_map(|(encoding, data)| {
        let data = data.as_str().unwrap();
        match encoding.as_str().unwrap() {
            "utf8" => data.as_bytes().to_vec(),
            _ => STANDARD.decode(data).unwrap(),
        }
    });
    let bytes: Vec<u8> = bytes.collect();
    assert_eq!(frames.last().unwrap()["payload"]["result_size"], bytes.len());
    (encodings, refused, bytes)
}

/// ARCP §8.4.
#[test]
fn text_in_a_stream_of_bytes_is_bytes() {
    let (encodings, refused, bytes) = mixed(&[(false, b"plain "), (true, b"text "), (false, b"\xff")]);
    assert_eq!(encodings, vec![json!("base64"); 4], "by how it was given, not by what it is");
    assert_eq!((refused, bytes), (vec![], b"plain text \xff".to_vec()));
}

/// ARCP §8.4.
#[test]
fn bytes_in_a_stream_of_text_are_refused_and_it_goes_on() {
    let (encodings, refused, bytes) =
        mixed(&[(true, b"one "), (false, b"\x00\xff"), (false, b"text too"), (true, b"two")]);
    assert_eq!(encodings, vec![json!("utf8"); 3]);
    assert_eq!(refused, [Code::InvalidRequest, Code::InvalidRequest]);
    assert_eq!(bytes, b"one two");
}

/// ARCP §8.4, §14.
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

/// ARCP §6.2, §8.4.
#[test]
fn who_knows_no_parts_gets_the_result_in_one_piece() {
    let mut world = World::with(|settings| settings.max_body = 1000);
    let peer = world.welcomed_with("tok-a", &[]);
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.take(peer);
    for part in ["one ", "two"] {
        let _ = world.runtime.chunk_text(job, part, true, world.now_us).unwrap();
    }
    world.runtime.finish(job, None, None, world.now_us).unwrap();
    world.pump();
    let frames = world.take(peer);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0]["payload"]["result"], "one two");
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    world.take(peer);
    for part in [&b"one "[..], b"two"] {
        let _ = world.runtime.chunk(job, part, true, world.now_us).unwrap();
    }
    world.runtime.finish(job, None, None, world.now_us).unwrap();
    world.pump();
    let frames = world.take(peer);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0]["payload"]["result"], "b25lIHR3bw==", "bytes are base64, whatever they are");
    let (job, _) = world.submit(peer, json!({"agent": "slow"}));
    assert!(world.runtime.chunk(job, &[b'x'; 1001], true, world.now_us).is_err());
    world.pump();
    assert_eq!(fields(&world.take(peer), "job.error", "/payload/code"), [json!("INTERNAL_ERROR")]);
}
