//! What leaves an engine, as its peer reads it.

use std::collections::BTreeMap;

use ixt_core::Limits;
use ixt_core::stream::{FrameBody, FrameRef, StreamId};
use ixt_core::wire::{Split, split};

/// Reads the output of one end of a connection. It panics where that is no run of whole frames, or where a stream's
/// frames do not follow each other as specification 23 has it: sequences without a gap, a close that counts
/// them, nothing behind a close but credit, nothing behind an error or a cancel.
#[derive(Debug, Default)]
pub struct Watch {
    held: Vec<u8>,
    streams: BTreeMap<StreamId, Seen>,
    first: Option<StreamId>,
}

#[derive(Debug, Default)]
struct Seen {
    begun: bool,
    next: u64,
    closed: bool,
    ended: bool,
}

impl Watch {
    /// Takes what left, and shows each frame that is whole by now, with its length.
    pub fn read(&mut self, bytes: &[u8], mut each: impl FnMut(&FrameRef<'_>, usize)) {
        self.held.extend_from_slice(bytes);
        let held = std::mem::take(&mut self.held);
        let mut rest = &held[..];
        let limits = Limits::with_max_payload(1 << 20);
        while let Split::Message(length) = split(rest, limits.max_message()).expect("frames back to back") {
            let (frame, behind) = rest.split_at(length);
            let frame = FrameRef::decode_within(frame, limits).expect("a frame that decodes");
            self.check(&frame);
            each(&frame, length);
            rest = behind;
        }
        self.held = rest.to_vec();
    }

    /// Whether the last frame is whole.
    pub fn is_whole(&self) -> bool {
        self.held.is_empty()
    }

    /// The id of the control stream, with whose open the end began.
    pub fn control(&self) -> Option<StreamId> {
        self.first
    }

    fn check(&mut self, frame: &FrameRef<'_>) {
        if self.first.is_none() {
            assert!(matches!(frame.body, FrameBody::Open(_)), "the first frame is {frame:?}");
            self.first = Some(frame.stream_id);
        }
        if let FrameBody::Error(_) = frame.body {
            // Of a stream of which nothing left before it may be the refusal of an open, of which nothing is kept.
            if let Some(seen) = self.streams.get_mut(&frame.stream_id) {
                seen.ended = true;
            }
            return;
        }
        let seen = self.streams.entry(frame.stream_id).or_default();
        assert!(!seen.ended, "behind the end of its stream: {frame:?}");
        match frame.body {
            FrameBody::Open(_) => assert!(!seen.begun, "an id used twice: {frame:?}"),
            FrameBody::Data(data) => {
                assert!(!seen.closed && data.sequence == seen.next, "{seen:?}: {frame:?}");
                seen.next += 1;
            }
            FrameBody::Close(close) => {
                assert!(!seen.closed && close.final_sequence == seen.next, "{seen:?}: {frame:?}");
                seen.closed = true;
            }
            FrameBody::Cancel(_) => seen.ended = true,
            _ => {}
        }
        seen.begun = true;
    }
}
