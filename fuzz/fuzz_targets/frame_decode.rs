//! Frames from arbitrary bytes: nothing panics, and whatever is accepted encodes, decodes again to the same
//! and is canonical just when it encodes to what came.
#![no_main]

use ixt_core::stream::{FrameBody, FrameRef, frames};
use ixt_core::text::{frame_from_json, frame_to_json};
use ixt_core::wire::{Split, split};
use ixt_core::{ErrorKind, Limits};
use ixt_fuzz::shape::{in_two_segments, message, shifted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = message(data) else { return };
    let limits = [Limits::DEFAULT, Limits::with_max_payload(8)][usize::from(choice & 1)];
    shifted(&bytes, usize::from(choice), |bytes| check(bytes, limits));
});

fn check(bytes: &[u8], limits: Limits) {
    let decoded = FrameRef::decode_within(bytes, limits);
    let canonical = FrameRef::decode_canonical(bytes, limits);
    batch(bytes, limits);
    let frame = match decoded {
        Ok(frame) => frame,
        Err(error) => {
            assert_eq!(canonical, Err(error.clone()));
            assert!(error.offset().is_none_or(|offset| offset <= bytes.len()), "{error} of {}", bytes.len());
            return;
        }
    };

    let mut again = Vec::new();
    frame.encode_into(&mut again, limits).expect("what was decoded encodes");
    assert_eq!(frame.encoded_len(), again.len());
    assert_eq!(FrameRef::decode_within(&again, limits), Ok(again_as(frame, &again)));
    match canonical {
        Ok(found) => assert!(found == frame && again == bytes),
        Err(error) => assert!(error.kind() == ErrorKind::NotCanonical && again != bytes),
    }

    let mut room = vec![0xaa; again.len() + 1];
    assert_eq!(frame.encode_to_slice(&mut room, limits), Ok(again.len()));
    assert!(room.starts_with(&again) && room.ends_with(&[0xaa]));
    let short = frame.encode_to_slice(&mut room[..again.len() - 1], limits).map_err(|error| error.kind());
    assert_eq!(short, Err(ErrorKind::BufferTooSmall));

    let text = frame_to_json(&frame);
    if matches!(frame.body, FrameBody::Unknown(_)) {
        assert_eq!(again, bytes);
        assert_eq!(frame_from_json(&text).map_err(|error| error.kind()), Err(ErrorKind::BadJson));
    } else {
        assert_eq!(frame_from_json(&text).as_ref().map(|frame| frame.as_ref()), Ok(frame));
        assert_eq!(FrameRef::decode_canonical(&again, limits), Ok(frame));
    }

    // The general reader alone says the same.
    if let Some(two) = in_two_segments(bytes)
        && two.len() <= limits.max_message()
    {
        let other = FrameRef::decode_within(&two, limits).expect("the same message in two segments");
        assert_eq!(frame_to_json(&other), text);
    }
}

/// The frame as it is in other bytes: one of a later schema holds them.
fn again_as<'a>(frame: FrameRef<'a>, again: &'a [u8]) -> FrameRef<'a> {
    match frame.body {
        FrameBody::Unknown(mut unknown) => {
            unknown.message = again;
            FrameRef { body: FrameBody::Unknown(unknown), ..frame }
        }
        _ => frame,
    }
}

/// As a byte stream: frames back to back, each of them what it is alone.
fn batch(bytes: &[u8], limits: Limits) {
    let mut found = frames(bytes, limits);
    let mut at = 0;
    while let Some(next) = found.next() {
        let rest = &bytes[at..];
        let alone = match split(rest, limits.max_message()) {
            Ok(Split::Message(length)) => FrameRef::decode_within(&rest[..length], limits),
            Ok(Split::Incomplete(_)) => panic!("a frame that is not whole"),
            Err(error) => Err(error),
        };
        assert_eq!(next, alone.map(|frame| (at, frame)));
        if next.is_err() {
            assert!(found.consumed() == at && found.next().is_none());
            return;
        }
        at = found.consumed();
    }
    if let Ok(split) = split(&bytes[at..], limits.max_message()) {
        assert!(matches!(split, Split::Incomplete(needed) if needed > bytes.len() - at), "{split:?}");
    }
}
