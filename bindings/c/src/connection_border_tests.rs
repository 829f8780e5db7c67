//! The functions of connections and of the host as C calls them, for Miri, as `border_tests` has those of
//! streams: `tests/connection.c` says more of what they do.

#![allow(clippy::expect_used, clippy::indexing_slicing)]
// What one test calls is one program in C.
#![allow(clippy::multiple_unsafe_ops_per_block)]

use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use ixt_core::invocation::{InvocationContext, Target};

use crate::connection::{
    ixt_connection_config_t, ixt_connection_event_t, ixt_connection_stats_t, ixt_consumed_t,
};
use crate::event::ixt_event_kind;
use crate::host::{ixt_announce_t, ixt_host_answer_t, ixt_host_counts_t, ixt_service_offer_t};
use crate::span::ixt_slice_t;

/// What a C program knows of a handle.
#[repr(C)]
struct Opaque {
    _private: [u8; 0],
}

#[rustfmt::skip]
unsafe extern "C" {
    fn ixt_connection_config_init(config: *mut ixt_connection_config_t) -> i32;
    fn ixt_connection_new(config: *const ixt_connection_config_t, id: *const u8, now_us: u64, connection: *mut *mut Opaque, error: *mut Opaque) -> i32;
    fn ixt_connection_free(connection: *mut Opaque);
    fn ixt_connection_receive(connection: *mut Opaque, bytes: *const u8, length: usize, now_us: u64, events: *mut ixt_connection_event_t, capacity: usize, count: *mut usize, consumed: *mut usize, more: *mut bool) -> i32;
    fn ixt_connection_drain(connection: *mut Opaque, out: *mut u8, capacity: usize, filled: *mut usize, events: *mut ixt_connection_event_t, event_capacity: usize, event_count: *mut usize, more: *mut bool) -> i32;
    fn ixt_connection_open_send_close(connection: *mut Opaque, id: *const u8, interaction: u16, context: *const u8, context_length: usize, payload: *const u8, payload_length: usize, stream: *mut u64, error: *mut Opaque) -> i32;
    fn ixt_connection_open(connection: *mut Opaque, id: *const u8, interaction: u16, context: *const u8, context_length: usize, stream: *mut u64, error: *mut Opaque) -> i32;
    fn ixt_connection_try_send(connection: *mut Opaque, stream: u64, payload: *const u8, length: usize) -> i32;
    fn ixt_connection_send_close(connection: *mut Opaque, stream: u64, payload: *const u8, length: usize, reason: u16) -> i32;
    fn ixt_connection_consume_batch(connection: *mut Opaque, consumed: *const ixt_consumed_t, count: usize) -> i32;
    fn ixt_connection_fail(connection: *mut Opaque, stream: u64, code: u16, message: *const u8, message_length: usize, details: *const u8, details_length: usize, already: *mut bool) -> i32;
    fn ixt_connection_stats(connection: *const Opaque, stats: *mut ixt_connection_stats_t) -> i32;
    fn ixt_host_new(policy: *const u8, length: usize, seed: *const u8, now_us: u64, host: *mut *mut Opaque) -> i32;
    fn ixt_host_free(host: *mut Opaque);
    fn ixt_host_connect(host: *mut Opaque, uid: u32, now_us: u64, link: *mut u64) -> i32;
    fn ixt_host_receive(host: *mut Opaque, link: u64, bytes: *const u8, length: usize, now_us: u64) -> i32;
    fn ixt_host_poll_transmit(host: *mut Opaque, link: u64, out: *mut u8, capacity: usize, filled: *mut usize) -> i32;
    fn ixt_host_counts(host: *mut Opaque, counts: *mut ixt_host_counts_t) -> i32;
    fn ixt_host_announce_encode(announce: *const ixt_announce_t, out: *mut u8, capacity: usize, written: *mut usize, error: *mut Opaque) -> i32;
    fn ixt_host_answer_decode(bytes: *const u8, length: usize, answer: *mut ixt_host_answer_t, name: *mut u8, capacity: usize) -> i32;
}

const OK: i32 = 0;
const NOW_US: u64 = 1_790_000_000_000_000;

/// What an event said, copied as a program must.
#[derive(Debug, PartialEq)]
struct Told(u16, u64, Vec<u8>, Vec<u8>);

struct End(*mut Opaque);

impl Drop for End {
    fn drop(&mut self) {
        // SAFETY: it was made by ixt_connection_new() and is freed once.
        unsafe { ixt_connection_free(self.0) }
    }
}

fn copied(events: &[MaybeUninit<ixt_connection_event_t>], count: usize) -> Vec<Told> {
    let events = events.iter().take(count);
    let bytes = |data: *const u8, length: usize| {
        // SAFETY: the header promises so many bytes until the next call.
        if length == 0 { Vec::new() } else { unsafe { std::slice::from_raw_parts(data, length) }.to_vec() }
    };
    events
        .map(|event| {
            // SAFETY: the function said that it wrote so many.
            let event = unsafe { event.assume_init_ref() };
            let (data, details) =
                (bytes(event.data, event.length), bytes(event.details, event.details_length));
            Told(event.kind, event.stream, data, details)
        })
        .collect()
}

impl End {
    fn new(id: u8) -> Self {
        let (mut config, mut made) = (MaybeUninit::uninit(), null_mut());
        // SAFETY: all pointers lead to memory of the size that is said.
        unsafe {
            assert_eq!(ixt_connection_config_init(config.as_mut_ptr()), OK);
            let id = [id; 16];
            assert_eq!(ixt_connection_new(config.as_ptr(), id.as_ptr(), NOW_US, &mut made, null_mut()), OK);
        }
        Self(made)
    }

    /// One event a call, the input in a block of its own that is gone afterwards.
    fn receive(&self, mut bytes: &[u8]) -> Vec<Told> {
        let mut told = Vec::new();
        loop {
            let block = bytes.to_vec().into_boxed_slice();
            let mut events = [const { MaybeUninit::uninit() }; 1];
            let (mut count, mut consumed, mut more) = (0, 0, false);
            let room = events.as_mut_ptr().cast();
            // SAFETY: all pointers lead to memory of the size that is said.
            let status = unsafe {
                ixt_connection_receive(
                    self.0,
                    block.as_ptr(),
                    block.len(),
                    NOW_US,
                    room,
                    1,
                    &mut count,
                    &mut consumed,
                    &mut more,
                )
            };
            assert_eq!(status, OK);
            told.extend(copied(&events, count));
            bytes = &bytes[consumed..];
            if !more {
                return told;
            }
        }
    }

    fn drain(&self) -> (Vec<u8>, Vec<Told>) {
        let (mut bytes, mut told) = (Vec::new(), Vec::new());
        loop {
            let mut out = [const { MaybeUninit::<u8>::uninit() }; 100];
            let mut events = [const { MaybeUninit::uninit() }; 2];
            let (mut filled, mut count, mut more) = (0, 0, false);
            let (to, room) = (out.as_mut_ptr().cast(), events.as_mut_ptr().cast());
            // SAFETY: all pointers lead to memory of the size that is said.
            unsafe {
                assert_eq!(
                    ixt_connection_drain(self.0, to, 100, &mut filled, room, 2, &mut count, &mut more),
                    OK
                );
                bytes.extend(out.iter().take(filled).map(|byte| byte.assume_init()));
            }
            told.extend(copied(&events, count));
            if !more {
                return (bytes, told);
            }
        }
    }
}

/// Passes all bytes, in pieces that tear frames, and gives what each was told.
fn pass(a: &End, b: &End) -> [Vec<Told>; 2] {
    let mut told = [Vec::new(), Vec::new()];
    loop {
        let mut quiet = true;
        for (from, to, index) in [(a, b, 0), (b, a, 1)] {
            let (bytes, events) = from.drain();
            told[index].extend(events);
            for piece in bytes.chunks(61) {
                quiet = false;
                told[1 - index].extend(to.receive(piece));
            }
        }
        if quiet {
            return told;
        }
    }
}

fn context(target: &str) -> Vec<u8> {
    let context = InvocationContext::builder().source_module("caller").target(Target::Service(target.into()));
    context.build().expect("valid").encode()
}

#[test]
fn a_conversation_in_pieces() {
    let (a, b) = (End::new(1), End::new(2));
    pass(&a, &b);
    let (context, id, mut call) = (context("echo"), [3; 16], 0);
    // SAFETY: all pointers lead to memory of the size that is said.
    let status = unsafe {
        ixt_connection_open_send_close(
            a.0,
            id.as_ptr(),
            0,
            context.as_ptr(),
            context.len(),
            b"question".as_ptr(),
            8,
            &mut call,
            null_mut(),
        )
    };
    assert_eq!(status, OK);
    let [_, told] = pass(&a, &b);
    assert_eq!((told[0].0, &told[0].2), (ixt_event_kind::IXT_EVENT_OPENED as u16, &context));
    assert_eq!((told[1].0, &*told[1].2), (ixt_event_kind::IXT_EVENT_DATA as u16, &b"question"[..]));
    let theirs = told[0].1;
    // SAFETY: as above.
    unsafe { assert_eq!(ixt_connection_send_close(b.0, theirs, b"answer".as_ptr(), 6, 1), OK) };
    let [told, _] = pass(&a, &b);
    assert_eq!((told[0].0, &*told[0].2), (ixt_event_kind::IXT_EVENT_DATA as u16, &b"answer"[..]));
    assert_eq!(told.last().map(|told| told.0), Some(ixt_event_kind::IXT_EVENT_OVER as u16));

    let (id, mut stream) = ([4; 16], 0);
    // SAFETY: as above.
    unsafe {
        assert_eq!(ixt_connection_open(a.0, id.as_ptr(), 3, null(), 0, &mut stream, null_mut()), OK);
        assert_eq!(ixt_connection_try_send(a.0, stream, null(), 0), OK);
    }
    let [_, told] = pass(&a, &b);
    let consumed = ixt_consumed_t { stream: told[0].1, frames: 1 };
    let mut stats = MaybeUninit::uninit();
    // SAFETY: as above.
    unsafe {
        assert_eq!(ixt_connection_consume_batch(b.0, &consumed, 1), OK);
        assert_eq!(
            ixt_connection_fail(
                b.0,
                consumed.stream,
                7,
                b"full".as_ptr(),
                4,
                b"disk".as_ptr(),
                4,
                null_mut()
            ),
            OK
        );
    }
    let [told, _] = pass(&a, &b);
    let failed = Told(ixt_event_kind::IXT_EVENT_FAILED as u16, stream, b"full".to_vec(), b"disk".to_vec());
    assert!(told.contains(&failed), "{told:?}");
    // SAFETY: as above.
    let stats = unsafe {
        assert_eq!(ixt_connection_stats(a.0, stats.as_mut_ptr()), OK);
        stats.assume_init()
    };
    assert_eq!((stats.opened, stats.streams), (2, 0));
}

#[test]
fn a_module_announces_itself_to_a_host() {
    let (seed, mut host, mut link) = ([9; 32], null_mut(), 0);
    // SAFETY: all pointers lead to memory of the size that is said.
    unsafe {
        assert_eq!(ixt_host_new(null(), 0, seed.as_ptr(), NOW_US, &mut host), OK);
        assert_eq!(ixt_host_connect(host, 7, NOW_US, &mut link), OK);
    }
    let module = End::new(1);
    let exchange = || {
        let mut told = Vec::new();
        loop {
            let (bytes, events) = module.drain();
            told.extend(events);
            let mut out = vec![0; 4096];
            let mut filled = 0;
            // SAFETY: as above.
            unsafe {
                assert_eq!(ixt_host_receive(host, link, bytes.as_ptr(), bytes.len(), NOW_US), OK);
                assert_eq!(ixt_host_poll_transmit(host, link, out.as_mut_ptr(), out.len(), &mut filled), OK);
            }
            if bytes.is_empty() && filled == 0 {
                return told;
            }
            told.extend(module.receive(&out[..filled]));
        }
    };
    exchange();
    let slice = |text: &[u8]| ixt_slice_t { data: text.as_ptr(), length: text.len() };
    let services = [ixt_service_offer_t { name: slice(b"echo"), requires: slice(b""), interactions: 1 }];
    let topics = [slice(b"news")];
    let announce = ixt_announce_t {
        module: slice(b"echo"),
        token: slice(b""),
        services: services.as_ptr(),
        service_count: 1,
        topics: topics.as_ptr(),
        topic_count: 1,
    };
    let (mut message, mut length, mut stream) = (vec![0; 512], 0, 0);
    let (context, id) = (context("ixt.host"), [5; 16]);
    // SAFETY: as above.
    unsafe {
        assert_eq!(
            ixt_host_announce_encode(&announce, message.as_mut_ptr(), 512, &mut length, null_mut()),
            OK
        );
        let (at, size) = (context.as_ptr(), context.len());
        assert_eq!(ixt_connection_open(module.0, id.as_ptr(), 3, at, size, &mut stream, null_mut()), OK);
        assert_eq!(ixt_connection_try_send(module.0, stream, message.as_ptr(), length), OK);
    }
    let told = exchange();
    let answer = told.iter().find(|told| told.0 == ixt_event_kind::IXT_EVENT_DATA as u16).expect("an answer");
    let (mut decoded, mut counts) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: as above.
    unsafe {
        let (at, size) = (answer.2.as_ptr(), answer.2.len());
        assert_eq!(ixt_host_answer_decode(at, size, decoded.as_mut_ptr(), null_mut(), 0), OK);
        assert_eq!(decoded.assume_init().kind, 1);
        assert_eq!(ixt_host_counts(host, counts.as_mut_ptr()), OK);
        assert_eq!(counts.assume_init().modules, 1);
        ixt_host_free(host);
    }
}
