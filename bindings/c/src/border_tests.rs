//! The exported functions as C calls them: declared a second time by the types of the header, with raw
//! pointers. `tests/api.c` says more of what they do; these are here for Miri, which sees what no sanitizer
//! does: `make prove` runs them under it.
//!
//! Outputs point at memory that was never written, and blocks end where their content ends.

#![allow(clippy::expect_used)]
// What one test calls is one program in C.
#![allow(clippy::multiple_unsafe_ops_per_block)]

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use ixt_core::ErrorKind;
use ixt_core::invocation::{InvocationContext, Subject, Target};
use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode, StreamFrame, StreamId};

use crate::context::{ixt_context_value_t, ixt_context_view_t, ixt_entry_t};
use crate::error::ixt_error_t;
use crate::event::{ixt_event_t, ixt_outcome_t, ixt_state_t};
use crate::frame::{IXT_MAX_PAYLOAD, ixt_frame_t};
use crate::span::{ixt_slice_t, ixt_span_t};
use crate::stream::{IXT_MAX_CONTROL, ixt_config_t};
use crate::traceparent::ixt_traceparent_t;

/// What a C program knows of a stream.
#[repr(C)]
struct Opaque {
    _private: [u8; 0],
}

#[rustfmt::skip]
unsafe extern "C" {
    fn ixt_capability_covers(granted: *const u8, granted_length: usize, wanted: *const u8, wanted_length: usize, covered: *mut bool) -> i32;
    fn ixt_capabilities_attenuate(parent: *const ixt_slice_t, parent_count: usize, child: *const ixt_slice_t, child_count: usize, attenuates: *mut bool) -> i32;
    fn ixt_context_has_capability(context: *const u8, length: usize, wanted: *const u8, wanted_length: usize, granted: *mut bool, error: *mut ixt_error_t) -> i32;
    fn ixt_context_decode(bytes: *const u8, length: usize, view: *mut ixt_context_view_t, error: *mut ixt_error_t) -> i32;
    fn ixt_context_encode(value: *const ixt_context_value_t, out: *mut u8, capacity: usize, written: *mut usize, error: *mut ixt_error_t) -> i32;
    fn ixt_context_view_encode(view: *const ixt_context_view_t, bytes: *const u8, length: usize, out: *mut u8, capacity: usize, written: *mut usize, error: *mut ixt_error_t) -> i32;
    fn ixt_context_anonymous(out: *mut u8, capacity: usize, written: *mut usize) -> i32;
    fn ixt_context_child(parent: *const u8, parent_length: usize, own: *const ixt_context_value_t, inherit: bool, out: *mut u8, capacity: usize, written: *mut usize, error: *mut ixt_error_t) -> i32;
    fn ixt_frame_split(bytes: *const u8, length: usize, max_message: usize, frame_length: *mut usize) -> i32;
    fn ixt_frame_decode(bytes: *const u8, length: usize, max_payload: usize, frame: *mut ixt_frame_t, error: *mut ixt_error_t) -> i32;
    fn ixt_frame_decode_canonical(bytes: *const u8, length: usize, max_payload: usize, frame: *mut ixt_frame_t, error: *mut ixt_error_t) -> i32;
    fn ixt_frame_decode_batch(bytes: *const u8, length: usize, max_payload: usize, frames: *mut ixt_frame_t, capacity: usize, count: *mut usize, consumed: *mut usize, error: *mut ixt_error_t) -> i32;
    fn ixt_frame_encode(frame: *const ixt_frame_t, bytes: *const u8, length: usize, max_payload: usize, out: *mut u8, capacity: usize, written: *mut usize, error: *mut ixt_error_t) -> i32;
    fn ixt_frame_encode_batch(frames: *const ixt_frame_t, count: usize, bytes: *const u8, length: usize, max_payload: usize, out: *mut u8, capacity: usize, encoded: *mut usize, written: *mut usize, error: *mut ixt_error_t) -> i32;
    fn ixt_data_encode(stream_id: *const u8, sequence: u64, payload: *const u8, length: usize, max_payload: usize, out: *mut u8, capacity: usize, written: *mut usize) -> i32;
    fn ixt_error_encode(stream_id: *const u8, code: u16, sequence: u64, message: *const u8, message_length: usize, details: *const u8, details_length: usize, out: *mut u8, capacity: usize, written: *mut usize) -> i32;
    fn ixt_stream_id_read(bytes: *const u8, length: usize, id: *mut u8, error: *mut ixt_error_t) -> i32;
    fn ixt_sender_new(stream_id: *const u8, credit: u32, config: *const ixt_config_t, sender: *mut *mut Opaque) -> i32;
    fn ixt_sender_try_send(sender: *mut Opaque, payload: *const u8, length: usize, out: *mut u8, capacity: usize, written: *mut usize) -> i32;
    fn ixt_sender_close(sender: *mut Opaque, reason: u16, out: *mut u8, capacity: usize, written: *mut usize) -> i32;
    fn ixt_status_name(status: i32) -> *const c_char;
    fn ixt_stream_new_opener(interaction: u16, config: *const ixt_config_t, stream: *mut *mut Opaque) -> i32;
    fn ixt_stream_new_responder(config: *const ixt_config_t, stream: *mut *mut Opaque) -> i32;
    fn ixt_stream_accept(config: *const ixt_config_t, bytes: *const u8, length: usize, stream: *mut *mut Opaque, received: *mut u16, frame: *mut ixt_frame_t, error: *mut ixt_error_t) -> i32;
    fn ixt_stream_free(stream: *mut Opaque);
    fn ixt_stream_open(stream: *mut Opaque, stream_id: *const u8, credit: u32, context: *const u8, context_length: usize, out: *mut u8, capacity: usize, written: *mut usize, error: *mut ixt_error_t) -> i32;
    fn ixt_stream_try_send(stream: *mut Opaque, payload: *const u8, length: usize, out: *mut u8, capacity: usize, written: *mut usize) -> i32;
    fn ixt_stream_wait(stream: *mut Opaque, ticket: *mut u64) -> i32;
    fn ixt_stream_consume(stream: *mut Opaque, frames: u32, granted: *mut bool) -> i32;
    fn ixt_stream_fail(stream: *mut Opaque, code: u16, message: *const u8, message_length: usize, details: *const u8, details_length: usize, already_ended: *mut bool) -> i32;
    fn ixt_stream_receive(stream: *mut Opaque, bytes: *const u8, length: usize, received: *mut u16, frame: *mut ixt_frame_t, error: *mut ixt_error_t) -> i32;
    fn ixt_stream_receive_batch(stream: *mut Opaque, bytes: *const u8, length: usize, consumed: *mut usize, out: *mut u8, capacity: usize, written: *mut usize, events: *mut ixt_event_t, event_capacity: usize, event_count: *mut usize, more: *mut bool, error: *mut ixt_error_t) -> i32;
    fn ixt_stream_drain(stream: *mut Opaque, out: *mut u8, capacity: usize, written: *mut usize, events: *mut ixt_event_t, event_capacity: usize, event_count: *mut usize, more: *mut bool) -> i32;
    fn ixt_stream_state(stream: *const Opaque, state: *mut ixt_state_t) -> i32;
    fn ixt_stream_outcome(stream: *const Opaque, outcome: *mut ixt_outcome_t) -> i32;
    fn ixt_stream_outcome_message(stream: *const Opaque, out: *mut u8, capacity: usize, written: *mut usize) -> i32;
    fn ixt_test_panic() -> i32;
    fn ixt_traceparent_read(header: *const u8, length: usize, traceparent: *mut ixt_traceparent_t, found: *mut bool) -> i32;
    fn ixt_traceparent_write(traceparent: *const ixt_traceparent_t, out: *mut c_char, capacity: usize, written: *mut usize) -> i32;
}

const OK: i32 = 0;
const ID: [u8; 16] = [7; 16];

fn code(kind: ErrorKind) -> i32 {
    kind.code()
}

/// Bytes in a block of their own that ends with them, `by` bytes from its beginning.
struct Block {
    room: Box<[u8]>,
    by: usize,
}

impl Block {
    fn of(bytes: &[u8], by: usize) -> Self {
        let mut room = vec![0; by];
        room.extend_from_slice(bytes);
        Self { room: room.into_boxed_slice(), by }
    }

    fn get(&self) -> (*const u8, usize) {
        let bytes = self.room.get(self.by..).unwrap_or_default();
        (bytes.as_ptr(), bytes.len())
    }
}

/// Memory for one output, never written until a function does.
struct Out<T>(Box<MaybeUninit<T>>);

impl<T> Out<T> {
    fn new() -> Self {
        Self(Box::new(MaybeUninit::uninit()))
    }

    fn at(&mut self) -> *mut T {
        self.0.as_mut_ptr()
    }

    /// After a function that said that it wrote it.
    fn get(&self) -> &T {
        // SAFETY: the function returned IXT_OK, and its comment says that it has written the output then.
        // Where it has not, Miri says so.
        unsafe { self.0.assume_init_ref() }
    }
}

/// So many members for an output, never written.
fn room<T>(capacity: usize) -> Box<[MaybeUninit<T>]> {
    (0..capacity).map(|_| MaybeUninit::uninit()).collect()
}

/// The first members of a room, which a function said that it wrote.
fn written<T: Copy>(room: &[MaybeUninit<T>], count: usize) -> Vec<T> {
    // SAFETY: as for `Out::get`.
    room.iter().take(count).map(|member| unsafe { member.assume_init() }).collect()
}

/// Calls with room of each size from none to enough: too little asks for just `needed` and writes nothing.
fn with_any_room(needed: usize, mut call: impl FnMut(*mut u8, usize, *mut usize) -> i32) -> Vec<u8> {
    let sizes = [0, 1, 8, needed / 2, needed - 1, needed, needed + 1];
    let mut last = Vec::new();
    for capacity in sizes {
        let mut out = room::<u8>(capacity);
        let mut length = Out::<usize>::new();
        let place = if capacity == 0 { null_mut() } else { out.as_mut_ptr().cast() };
        let status = call(place, capacity, length.at());
        assert_eq!(*length.get(), needed, "room for {capacity}");
        if capacity < needed {
            assert_eq!(status, code(ErrorKind::BufferTooSmall), "room for {capacity}");
        } else {
            assert_eq!(status, OK, "room for {capacity}");
            last = written(&out, needed);
        }
    }
    last
}

fn id() -> StreamId {
    StreamId::new(ID).expect("not nil")
}

fn frames() -> Vec<StreamFrame> {
    vec![
        StreamFrame::open(id(), InteractionKind::BidiStream, 3, context().encode()),
        StreamFrame::data(id(), 0, b"hello, miri".to_vec()),
        StreamFrame::data(id(), 1, vec![]),
        StreamFrame::error(id(), StreamErrorCode::NotFound, 2, "nicht da: ä".into(), vec![1, 2, 3]),
        StreamFrame::close(id(), CloseReason::Completed, 2),
        StreamFrame::cancel(id(), CancelReason::Shutdown, "so long".into()),
        StreamFrame::credit(id(), 9),
    ]
}

fn context() -> InvocationContext {
    InvocationContext::builder()
        .correlation_id([1; 16])
        .span_id([2; 8])
        .deadline_ms(1_000)
        .source_module("gateway")
        .target(Target::Service("echo".into()))
        .subject(Subject::Operator("alice".into()))
        .token_ref(b"handle")
        .capabilities(["fs.*", "net.dial"])
        .metadata("tenant", "acme")
        .metadata("empty", "")
        .build()
        .expect("within the limits")
}

/// The same words behind a table of two segments, which only the general reader takes.
fn in_two_segments(message: &[u8]) -> Vec<u8> {
    let (table, words) = message.split_at(8);
    let sizes = table.iter().skip(4).copied();
    [1, 0, 0, 0].into_iter().chain(sizes).chain([0; 8]).chain(words.iter().copied()).collect()
}

fn decode(bytes: &[u8], by: usize, frame: *mut ixt_frame_t) -> (i32, i32) {
    let block = Block::of(bytes, by);
    let (at, length) = block.get();
    let mut error = Out::<ixt_error_t>::new();
    // SAFETY: all pointers lead to memory of the size that is said.
    unsafe {
        (
            ixt_frame_decode(at, length, IXT_MAX_PAYLOAD, frame, error.at()),
            ixt_frame_decode_canonical(at, length, IXT_MAX_PAYLOAD, frame, null_mut()),
        )
    }
}

#[test]
fn frames_cross_at_every_alignment_and_with_any_room() {
    for frame in frames() {
        let bytes = frame.encode().expect("within the limits");
        for by in 0..8 {
            for bytes in [bytes.clone(), in_two_segments(&bytes)] {
                let block = Block::of(&bytes, by);
                let (at, length) = block.get();
                let mut decoded = Out::<ixt_frame_t>::new();
                // SAFETY: all pointers lead to memory of the size that is said.
                let status =
                    unsafe { ixt_frame_decode(at, length, IXT_MAX_PAYLOAD, decoded.at(), null_mut()) };
                assert_eq!(status, OK);
                let decoded = decoded.get();
                assert_eq!(decoded.stream_id, ID);
                assert_eq!(decoded.frame, ixt_span_t { offset: 0, length: length as u32 });
            }
        }
        let block = Block::of(&bytes, 3);
        let (at, length) = block.get();
        let mut decoded = Out::<ixt_frame_t>::new();
        // SAFETY: all pointers lead to memory of the size that is said.
        let again = unsafe {
            assert_eq!(ixt_frame_decode(at, length, IXT_MAX_PAYLOAD, decoded.at(), null_mut()), OK);
            with_any_room(bytes.len(), |out, capacity, size| {
                ixt_frame_encode(decoded.at(), at, length, IXT_MAX_PAYLOAD, out, capacity, size, null_mut())
            })
        };
        assert_eq!(again, bytes);
    }
}

#[test]
fn bytes_cut_or_changed_are_refused_or_read_and_nothing_else() {
    // Under Miri not every place: it takes a thousand times as long.
    let step = if cfg!(miri) { 13 } else { 1 };
    let mut frame = Out::<ixt_frame_t>::new();
    for sound in frames() {
        let bytes = sound.encode().expect("within the limits");
        for length in (0..bytes.len()).step_by(step) {
            let cut = bytes.get(..length).unwrap_or_default();
            let (status, canonical) = decode(cut, length % 8, frame.at());
            assert_eq!((status, canonical), (code(ErrorKind::Truncated), code(ErrorKind::Truncated)));
        }
        for place in (0..bytes.len()).step_by(step) {
            for bits in [1, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= bits);
                for changed in [in_two_segments(&changed), changed] {
                    let (status, canonical) = decode(&changed, place % 8, frame.at());
                    assert!(status == canonical || canonical == code(ErrorKind::NotCanonical));
                }
            }
        }
    }
}

#[test]
fn batches_cross_both_ways() {
    let (mut all, mut lengths) = (Vec::new(), Vec::new());
    for frame in frames() {
        let bytes = frame.encode().expect("within the limits");
        lengths.push(bytes.len());
        all.extend(bytes);
    }
    let total = lengths.len();
    for capacity in [0, 1, 3, total, total + 2] {
        let block = Block::of(&all, 5);
        let (at, length) = block.get();
        let mut decoded = room::<ixt_frame_t>(capacity);
        let (mut count, mut consumed) = (Out::<usize>::new(), Out::<usize>::new());
        let place = if capacity == 0 { null_mut() } else { decoded.as_mut_ptr().cast() };
        // SAFETY: all pointers lead to memory of the size that is said.
        let status = unsafe {
            ixt_frame_decode_batch(
                at,
                length,
                IXT_MAX_PAYLOAD,
                place,
                capacity,
                count.at(),
                consumed.at(),
                null_mut(),
            )
        };
        let (count, consumed) = (*count.get(), *consumed.get());
        assert_eq!((status, count), (OK, capacity.min(total)));
        assert_eq!(consumed, lengths.iter().take(count).sum::<usize>());

        let decoded = written(&decoded, count);
        let mut out = room::<u8>(consumed);
        let (mut encoded, mut size) = (Out::<usize>::new(), Out::<usize>::new());
        // SAFETY: all pointers lead to memory of the size that is said.
        let status = unsafe {
            let (frames, room) = (decoded.as_ptr(), out.as_mut_ptr().cast());
            ixt_frame_encode_batch(
                frames,
                count,
                at,
                length,
                IXT_MAX_PAYLOAD,
                room,
                consumed,
                encoded.at(),
                size.at(),
                null_mut(),
            )
        };
        assert_eq!((status, *encoded.get(), *size.get()), (OK, count, consumed));
        assert_eq!(written(&out, consumed), all.get(..consumed).unwrap_or_default());
    }
}

#[test]
fn null_is_refused_where_it_may_not_be_and_taken_where_it_may() {
    const NULL: ErrorKind = ErrorKind::NullPointer;
    let mut size = Out::<usize>::new();
    // SAFETY: NULL is what the functions say that they refuse or take; no length is said to be behind it.
    unsafe {
        assert_eq!(ixt_frame_decode(null(), 0, 0, null_mut(), null_mut()), code(NULL));
        assert_eq!(ixt_frame_decode(null(), 1, 0, Out::new().at(), null_mut()), code(NULL));
        assert_eq!(ixt_frame_decode(null(), 0, 0, Out::new().at(), null_mut()), code(ErrorKind::Truncated));
        assert_eq!(ixt_frame_encode(null(), null(), 0, 0, null_mut(), 0, size.at(), null_mut()), code(NULL));
        assert_eq!(ixt_data_encode(null(), 0, null(), 0, 0, null_mut(), 0, size.at()), code(NULL));
        assert_eq!(ixt_data_encode(ID.as_ptr(), 0, null(), 0, 0, null_mut(), 0, null_mut()), code(NULL));
        let needed = ixt_data_encode(ID.as_ptr(), 0, null(), 0, 0, null_mut(), 0, size.at());
        assert_eq!((needed, *size.get()), (code(ErrorKind::BufferTooSmall), 48));
        let long = ixt_data_encode(ID.as_ptr(), 0, ID.as_ptr(), usize::MAX, 0, null_mut(), 0, size.at());
        assert_eq!(long, code(ErrorKind::InvalidArgument));
        assert_eq!(ixt_frame_split(null(), 0, 0, null_mut()), code(NULL));
        assert_eq!(ixt_context_decode(null(), 0, null_mut(), null_mut()), code(NULL));
        assert_eq!(ixt_context_encode(null(), null_mut(), 0, size.at(), null_mut()), code(NULL));
        assert_eq!(ixt_stream_new_opener(0, null(), null_mut()), code(NULL));
        assert_eq!(ixt_stream_wait(null_mut(), Out::new().at()), code(NULL));
        assert_eq!(ixt_stream_state(null(), Out::new().at()), code(NULL));
        assert_eq!(ixt_capability_covers(null(), 0, null(), 0, null_mut()), code(NULL));
        assert_eq!(ixt_stream_id_read(ID.as_ptr(), 16, null_mut(), null_mut()), code(NULL));
        ixt_stream_free(null_mut());
    }
}

fn slice(text: &[u8]) -> ixt_slice_t {
    ixt_slice_t { data: if text.is_empty() { null() } else { text.as_ptr() }, length: text.len() }
}

#[test]
fn contexts_cross_by_pointers_and_by_places() {
    let capabilities = [slice(b"net.dial"), slice(b"fs.*")];
    let metadata = [
        ixt_entry_t { key: slice(b"tenant"), value: slice(b"acme") },
        ixt_entry_t { key: slice(b"empty"), value: slice(b"") },
    ];
    let value = ixt_context_value_t {
        correlation_id: [1; 16],
        span_id: [2; 8],
        parent_span_id: [0; 8],
        deadline_ms: 1_000,
        subject_kind: 1,
        target_kind: 0,
        trace_flags: 0,
        reserved: [0; 3],
        source_module: slice(b"gateway"),
        subject: slice(b"alice"),
        target: slice(b"echo"),
        token_ref: slice(b"handle"),
        capabilities: capabilities.as_ptr(),
        capability_count: capabilities.len(),
        metadata: metadata.as_ptr(),
        metadata_count: metadata.len(),
    };
    let expected = context().encode();
    // SAFETY: all pointers lead to memory of the size that is said.
    let bytes = with_any_room(expected.len(), |out, capacity, size| unsafe {
        ixt_context_encode(&raw const value, out, capacity, size, null_mut())
    });
    assert_eq!(bytes, expected);

    for by in 0..8 {
        for bytes in [bytes.clone(), in_two_segments(&bytes)] {
            let block = Block::of(&bytes, by);
            let (at, length) = block.get();
            // Only what is used of the arrays is written, so that the view is never whole.
            let mut view = Out::<ixt_context_view_t>::new();
            let view = view.at();
            // SAFETY: all pointers lead to memory of the size that is said.
            unsafe {
                assert_eq!(ixt_context_decode(at, length, view, null_mut()), OK);
                let counts = ((&raw const (*view).capability_count), (&raw const (*view).metadata_count));
                assert_eq!((counts.0.read(), counts.1.read()), (2, 2));
                let again = with_any_room(expected.len(), |out, capacity, size| {
                    ixt_context_view_encode(view, at, length, out, capacity, size, null_mut())
                });
                assert_eq!(again, expected);
                let mut has = Out::<bool>::new();
                let (wanted, long) = (b"fs.read".as_slice(), b"fsx".as_slice());
                let granted = |wanted: &[u8], has: *mut bool| {
                    ixt_context_has_capability(at, length, wanted.as_ptr(), wanted.len(), has, null_mut())
                };
                assert_eq!((granted(wanted, has.at()), *has.get()), (OK, true));
                assert_eq!((granted(long, has.at()), *has.get()), (OK, false));
            }
        }
    }

    let mut error = Out::<ixt_error_t>::new();
    let mut size = Out::<usize>::new();
    let twice = [slice(b"a"), slice(b"a")];
    let missing = ixt_context_value_t { capabilities: null(), ..value };
    let many = ixt_context_value_t { capability_count: usize::MAX, ..value };
    let double = ixt_context_value_t { capabilities: twice.as_ptr(), ..value };
    let text = ixt_context_value_t { subject: slice(&[0xff]), ..value };
    for (value, kind) in [
        (missing, ErrorKind::NullPointer),
        (many, ErrorKind::TooManyCapabilities),
        (double, ErrorKind::DuplicateCapability),
        (text, ErrorKind::BadText),
    ] {
        // SAFETY: all pointers lead to memory of the size that is said, or the function refuses before it looks.
        let status = unsafe { ixt_context_encode(&raw const value, null_mut(), 0, size.at(), error.at()) };
        assert_eq!((status, error.get().status), (code(kind), code(kind)));
    }

    let own = ixt_context_value_t {
        correlation_id: [0; 16],
        span_id: [3; 8],
        subject_kind: 0,
        subject: slice(b""),
        token_ref: slice(b""),
        capability_count: 1,
        metadata_count: 0,
        ..value
    };
    let child = |out, capacity, size| {
        // SAFETY: all pointers lead to memory of the size that is said.
        unsafe {
            let (at, length) = (bytes.as_ptr(), bytes.len());
            ixt_context_child(at, length, &raw const own, false, out, capacity, size, null_mut())
        }
    };
    let _ = child(null_mut(), 0, size.at());
    let made = InvocationContext::decode(&with_any_room(*size.get(), child)).expect("a context");
    assert_eq!(made.actor().capabilities(), ["net.dial"]);
}

#[test]
fn anonymous_is_zero_bytes_too() {
    let mut view = Out::<ixt_context_view_t>::new();
    // SAFETY: all pointers lead to memory of the size that is said.
    unsafe {
        assert_eq!(ixt_context_decode(null(), 0, view.at(), null_mut()), OK);
        assert_eq!((&raw const (*view.at()).capability_count).read(), 0);
        let bytes = with_any_room(16, |out, capacity, size| ixt_context_anonymous(out, capacity, size));
        assert_eq!(bytes, InvocationContext::anonymous().encode());
    }
}

/// A stream of C's, given back at the end.
struct Handle(*mut Opaque);

impl Handle {
    fn new(make: impl FnOnce(*mut *mut Opaque) -> i32) -> Self {
        let mut handle = Out::new();
        assert_eq!(make(handle.at()), OK);
        Self(*handle.get())
    }

    /// All frames and events, with so much room at a time.
    fn drain(&self, capacity: usize, events: usize) -> (Vec<u8>, Vec<u16>) {
        let (mut frames, mut kinds) = (Vec::new(), Vec::new());
        loop {
            let (mut out, mut told) = (room::<u8>(capacity), room::<ixt_event_t>(events));
            let (mut size, mut count, mut more) =
                (Out::<usize>::new(), Out::<usize>::new(), Out::<bool>::new());
            // SAFETY: all pointers lead to memory of the size that is said.
            let status = unsafe {
                let (out, told) = (out.as_mut_ptr().cast(), told.as_mut_ptr().cast());
                ixt_stream_drain(self.0, out, capacity, size.at(), told, events, count.at(), more.at())
            };
            assert_eq!(status, OK);
            frames.extend(written(&out, *size.get()));
            kinds.extend(written(&told, *count.get()).iter().map(|event| event.kind));
            if !more.get() {
                return (frames, kinds);
            }
        }
    }

    fn receive(&self, bytes: &[u8]) -> (i32, u16) {
        let block = Block::of(bytes, 1);
        let (at, length) = block.get();
        let (mut received, mut frame) = (Out::<u16>::new(), Out::<ixt_frame_t>::new());
        // SAFETY: all pointers lead to memory of the size that is said.
        let status = unsafe { ixt_stream_receive(self.0, at, length, received.at(), frame.at(), null_mut()) };
        (status, if status == OK { *received.get() } else { u16::MAX })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it was given by a function that says to give it back here, and is not used again.
        unsafe { ixt_stream_free(self.0) };
    }
}

#[test]
fn two_streams_talk_through_bytes() {
    static WINDOW: ixt_config_t = ixt_config_t { max_payload: 64, window: 2, agreed_credit: 0 };
    let context = context().encode();
    // SAFETY: all pointers lead to memory of the size that is said.
    unsafe {
        let opener = Handle::new(|handle| ixt_stream_new_opener(3, null(), handle));
        let needed = StreamFrame::open(id(), InteractionKind::BidiStream, 4, context.clone()).encoded_len();
        let mut room_for_open = room::<u8>(needed);
        let (mut size, mut error) = (Out::<usize>::new(), Out::<ixt_error_t>::new());
        let mut open = |room: *mut u8, capacity| {
            let (at, length) = (context.as_ptr(), context.len());
            ixt_stream_open(opener.0, ID.as_ptr(), 4, at, length, room, capacity, size.at(), error.at())
        };
        assert_eq!(open(null_mut(), 0), code(ErrorKind::BufferTooSmall));
        assert_eq!(open(room_for_open.as_mut_ptr().cast(), needed), OK);
        let open = written(&room_for_open, needed);

        let (mut received, mut frame) = (Out::<u16>::new(), Out::<ixt_frame_t>::new());
        let responder = Handle::new(|handle| {
            let (at, length) = (open.as_ptr(), open.len());
            let window = &raw const WINDOW;
            ixt_stream_accept(window, at, length, handle, received.at(), frame.at(), null_mut())
        });
        assert_eq!((*received.get(), frame.get().credit), (1, 4));
        let (credit, events) = responder.drain(IXT_MAX_CONTROL, 1);
        assert!(events.is_empty());
        assert_eq!(opener.receive(&credit), (OK, 0));
        assert_eq!(opener.drain(IXT_MAX_CONTROL, 1), (vec![], vec![3]));

        let payload = Block::of(b"payload", 3);
        let (at, length) = payload.get();
        let mut all = Vec::new();
        for _ in 0..2 {
            all.extend(with_any_room_once(64, |out, capacity, size| {
                ixt_stream_try_send(opener.0, at, length, out, capacity, size)
            }));
        }
        let mut size = Out::<usize>::new();
        let mut out = room::<u8>(256);
        let place = out.as_mut_ptr().cast();
        let spent = ixt_stream_try_send(opener.0, at, length, place, 256, size.at());
        assert_eq!(spent, code(ErrorKind::CreditExhausted));

        // One crossing for all frames, with room for one event at a time.
        let mut kinds = Vec::new();
        let mut rest = all.as_slice();
        while !rest.is_empty() {
            let mut told = room::<ixt_event_t>(1);
            let mut out = room::<u8>(IXT_MAX_CONTROL);
            let (mut consumed, mut size) = (Out::<usize>::new(), Out::<usize>::new());
            let (mut count, mut more) = (Out::<usize>::new(), Out::<bool>::new());
            let status = ixt_stream_receive_batch(
                responder.0,
                rest.as_ptr(),
                rest.len(),
                consumed.at(),
                out.as_mut_ptr().cast(),
                IXT_MAX_CONTROL,
                size.at(),
                told.as_mut_ptr().cast(),
                1,
                count.at(),
                more.at(),
                null_mut(),
            );
            assert_eq!(status, OK);
            kinds.extend(written(&told, *count.get()).iter().map(|event| event.kind));
            rest = rest.get(*consumed.get()..).unwrap_or_default();
        }
        assert_eq!(kinds, [2, 2]);
        let mut granted = Out::<bool>::new();
        assert_eq!(ixt_stream_consume(responder.0, 2, granted.at()), OK);
        assert!(*granted.get());

        let mut ticket = Out::<u64>::new();
        assert_eq!(ixt_stream_wait(opener.0, ticket.at()), OK);
        let (message, details) = (Block::of("zu viel: ü".as_bytes(), 0), Block::of(&[1, 2], 0));
        let ((message, message_length), (details, details_length)) = (message.get(), details.get());
        let failed =
            ixt_stream_fail(responder.0, 9, message, message_length, details, details_length, null_mut());
        assert_eq!(failed, OK);
        let (error, _) = responder.drain(IXT_MAX_CONTROL, 1);
        assert_eq!(opener.receive(&error).0, OK);
        // Failed, and the ticket that still waited ended; one event at a time.
        assert_eq!(opener.drain(IXT_MAX_CONTROL, 1), (vec![], vec![8, 5]));
        let mut outcome = Out::<ixt_outcome_t>::new();
        assert_eq!(ixt_stream_outcome(opener.0, outcome.at()), OK);
        assert_eq!((outcome.get().kind, outcome.get().code), (2, 9));
        let text = with_any_room(outcome.get().message_length, |out, capacity, size| {
            ixt_stream_outcome_message(opener.0, out, capacity, size)
        });
        assert_eq!(text, "zu viel: ü".as_bytes());
        let mut state = Out::<ixt_state_t>::new();
        assert_eq!(ixt_stream_state(opener.0, state.at()), OK);
        assert_eq!((state.get().ended, state.get().sent), (1, 2));
    }
}

/// For a call that changes something: too little room first, which changes nothing, and then just enough.
fn with_any_room_once(needed: usize, mut call: impl FnMut(*mut u8, usize, *mut usize) -> i32) -> Vec<u8> {
    let mut size = Out::<usize>::new();
    assert_eq!(call(null_mut(), 0, size.at()), code(ErrorKind::BufferTooSmall));
    assert_eq!(*size.get(), needed);
    let mut out = room::<u8>(needed);
    assert_eq!(call(out.as_mut_ptr().cast(), needed, size.at()), OK);
    written(&out, *size.get())
}

#[test]
fn a_sender_writes_its_frames_into_the_callers_room() {
    // SAFETY: all pointers lead to memory of the size that is said.
    unsafe {
        let sender = Handle::new(|handle| ixt_sender_new(ID.as_ptr(), 1, null(), handle));
        let data = with_any_room_once(72, |out, capacity, size| {
            ixt_sender_try_send(sender.0, b"0123456789".as_ptr(), 10, out, capacity, size)
        });
        assert_eq!(data, StreamFrame::data(id(), 0, b"0123456789".to_vec()).encode().expect("small"));
        let close = StreamFrame::close(id(), CloseReason::Completed, 1).encode().expect("small");
        let closed = with_any_room_once(close.len(), |out, capacity, size| {
            ixt_sender_close(sender.0, 1, out, capacity, size)
        });
        assert_eq!(closed, close);
    }
}

#[test]
fn a_responder_without_an_open_knows_no_stream() {
    // SAFETY: all pointers lead to memory of the size that is said.
    let responder = unsafe { Handle::new(|handle| ixt_stream_new_responder(null(), handle)) };
    let credit = StreamFrame::credit(id(), 1).encode().expect("small");
    assert_eq!(responder.receive(&credit), (OK, 0));
    assert_eq!(responder.drain(1, 4).1, [10]);
    assert_eq!(responder.receive(&[]).0, code(ErrorKind::Truncated));
}

#[test]
fn small_things_cross_too() {
    // SAFETY: all pointers lead to memory of the size that is said.
    unsafe {
        assert_eq!(ixt_test_panic(), code(ErrorKind::Panic));
        assert_eq!(CStr::from_ptr(ixt_status_name(1)).to_bytes(), b"Truncated");
        assert!(!ixt_status_name(i32::MIN).is_null());

        let (mut read, mut error) = (room::<u8>(16), Out::<ixt_error_t>::new());
        let place: *mut u8 = read.as_mut_ptr().cast();
        assert_eq!(ixt_stream_id_read(ID.as_ptr(), 15, place, error.at()), code(ErrorKind::BadIdLength));
        assert_eq!(CStr::from_ptr(error.get().field.as_ptr()).to_bytes(), b"stream_id");
        assert_eq!(ixt_stream_id_read(ID.as_ptr(), 16, place, null_mut()), OK);
        assert_eq!(written(&read, 16), ID);

        let mut size = Out::<usize>::new();
        let message = Block::of(b"a\0b", 0);
        let (at, length) = message.get();
        let bad = ixt_error_encode(ID.as_ptr(), 1, 0, at, length, null(), 0, null_mut(), 0, size.at());
        assert_eq!(bad, code(ErrorKind::BadText));

        let (parents, children) = ([slice(b"fs.*"), slice(b"")], [slice(b"fs.read")]);
        let mut within = Out::<bool>::new();
        let mut ask = |children: *const ixt_slice_t, count| {
            let status = ixt_capabilities_attenuate(parents.as_ptr(), 2, children, count, within.at());
            (status, *within.get())
        };
        assert_eq!(ask(children.as_ptr(), 1), (OK, true));
        assert_eq!(ask(null(), 0), (OK, true));

        let header = Block::of(b"00-01010101010101010101010101010101-0202020202020202-01", 1);
        let (at, length) = header.get();
        let (mut read, mut found) = (Out::<ixt_traceparent_t>::new(), Out::<bool>::new());
        assert_eq!(ixt_traceparent_read(at, length, read.at(), found.at()), OK);
        assert!(*found.get());
        let mut text = room::<c_char>(56);
        for capacity in [0, 55, 56] {
            let status = ixt_traceparent_write(read.at(), text.as_mut_ptr().cast(), capacity, size.at());
            assert_eq!(status == OK, capacity == 56);
        }
        assert_eq!(CStr::from_ptr(text.as_ptr().cast()).to_bytes(), header.room.get(1..).unwrap_or_default());
    }
}
