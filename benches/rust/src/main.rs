//! Rust against the `capnp` crate. One JSON object a line; `benches/report.py` reads them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use capnp::message::ScratchSpaceHeapAllocator;
use ixt_bench::{measure, ours, peer, samples};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// The system's allocator, counting.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// One thread allocates, so this need not be the one atomic step that would cost as much as what is
/// counted.
fn count() {
    ALLOCATIONS.store(ALLOCATIONS.load(Relaxed) + 1, Relaxed);
}

// SAFETY: every call goes to the system's allocator with the arguments that came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(memory, layout, size) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of one iteration.
fn allocations(mut operation: impl FnMut()) -> f64 {
    const ITERATIONS: u64 = 64;
    operation();
    let before = ALLOCATIONS.load(Relaxed);
    for _ in 0..ITERATIONS {
        operation();
    }
    (ALLOCATIONS.load(Relaxed) - before) as f64 / ITERATIONS as f64
}

/// Measures a pair and prints its line.
fn compare(operation: &str, size: usize, mut ours: impl FnMut(), name: &str, mut peer: impl FnMut()) {
    let pair = measure::pair(&mut ours, &mut peer);
    print(json!({
        "language": "Rust", "operation": operation, "size": size,
        "ours_ns": pair.ours, "peer": name, "peer_ns": pair.peer, "ratio": pair.ratio,
        "ours_allocs": allocations(ours), "peer_allocs": allocations(peer),
    }));
}

/// Measures what has no peer and prints its line.
fn tell(operation: &str, size: usize, mut ours: impl FnMut()) {
    print(json!({
        "language": "Rust", "operation": operation, "size": size,
        "ours_ns": measure::alone(&mut ours), "peer": null, "peer_ns": null, "ratio": null,
        "ours_allocs": allocations(ours), "peer_allocs": null,
    }));
}

/// Puts the body of a message into a second segment, behind a far pointer: only the general reader
/// takes that.
fn in_two_segments(message: &mut Vec<u8>) {
    let words = (message.len() / 8 - 1) as u32;
    let far: u64 = 2 | 1 << 32;
    let table = [1u32, 1, words, 0].map(u32::to_le_bytes).concat();
    let body = message.split_off(8);
    *message = [table, far.to_le_bytes().to_vec(), body].concat();
}

fn print(line: Value) {
    println!("{line}");
}

fn main() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let context = samples::context();
    let mut scratch = vec![0; 80 << 10];
    let mut scratch = ScratchSpaceHeapAllocator::new(&mut scratch);
    // Peers of one operation run in turns with it, so that none needs the other's buffers.
    let (mut out, mut theirs) = (Vec::new(), Vec::new());

    ours::frame_encode_into(&samples::payload(64), &mut out);
    print(json!({
        "language": "Rust", "context": hex(&context.encode()), "frame": hex(&out),
        "versions": {"capnp crate": "0.27.3"},
    }));

    for size in samples::SIZES {
        let payload = samples::payload(size);
        let payload = black_box(payload.as_slice());
        ours::frame_encode_into(payload, &mut out);
        let encoded = out.clone();
        peer::frame_encode_canonical(payload, &mut theirs);
        assert_eq!(encoded, theirs, "the peer's canonical form is ours");

        let (buffer, theirs) = (&mut out, &mut theirs);
        let again = |out: &mut Vec<u8>| ours::frame_encode_into(payload, out);
        compare("frame encode", size, || again(buffer), "capnp", || peer::frame_encode(payload, theirs));
        compare(
            "frame encode",
            size,
            || again(buffer),
            "capnp, scratch space",
            || {
                peer::frame_encode_scratch(payload, &mut scratch, theirs);
            },
        );
        compare(
            "frame encode",
            size,
            || again(buffer),
            "capnp, canonicalised",
            || {
                peer::frame_encode_canonical(payload, theirs);
            },
        );
        compare(
            "frame encode, new buffer",
            size,
            || ours::frame_encode(payload),
            "capnp",
            || {
                peer::frame_encode(payload, theirs);
            },
        );

        let decode = || ours::frame_decode(&encoded);
        compare("frame decode", size, decode, "capnp", || peer::frame_decode(&encoded));
        compare("frame decode", size, decode, "capnp, no allocation", || {
            peer::frame_decode_no_alloc(&encoded);
        });
        let canonical = || ours::frame_decode_canonical(&encoded);
        compare("frame decode, canonical alone", size, canonical, "capnp, is_canonical", || {
            peer::frame_decode_canonical(&encoded);
        });

        // What others write has another shape: full sections, and their own order.
        peer::frame_encode(payload, theirs);
        let foreign = theirs.clone();
        compare(
            "frame decode, capnp's bytes",
            size,
            || ours::frame_decode(&foreign),
            "capnp",
            || peer::frame_decode(&foreign),
        );
    }

    let payload = samples::payload(samples::LARGEST);
    let payload = black_box(payload.as_slice());
    compare(
        "frame encode",
        samples::LARGEST,
        || ours::frame_encode_into(payload, &mut out),
        "memcpy",
        || peer::copy(payload, &mut theirs),
    );

    let encoded = context.encode();
    let size = encoded.len();
    peer::context_encode_canonical(&mut theirs);
    assert_eq!(encoded, theirs, "the peer's canonical form is ours");
    let (buffer, theirs) = (&mut out, &mut theirs);
    let again = |out: &mut Vec<u8>| ours::context_encode_into(&context, out);
    compare("context encode", size, || again(buffer), "capnp", || peer::context_encode(theirs));
    compare(
        "context encode",
        size,
        || again(buffer),
        "capnp, scratch space",
        || {
            peer::context_encode_scratch(&mut scratch, theirs);
        },
    );
    compare(
        "context encode",
        size,
        || again(buffer),
        "capnp, canonicalised",
        || {
            peer::context_encode_canonical(theirs);
        },
    );
    compare(
        "context build and encode",
        size,
        || ours::context_build_and_encode_into(buffer),
        "capnp",
        || peer::context_encode(theirs),
    );
    compare(
        "context encode, new buffer",
        size,
        || ours::context_encode(&context),
        "capnp",
        || {
            peer::context_encode(theirs);
        },
    );
    let decode = || ours::context_decode(&encoded);
    compare("context decode", size, decode, "capnp", || peer::context_decode(&encoded));
    compare("context decode", size, decode, "capnp, no allocation", || {
        peer::context_decode_no_alloc(&encoded);
    });
    compare("context decode", size, decode, "capnp, owned", || peer::context_decode_owned(&encoded));
    let owned = || ours::context_decode_owned(&encoded);
    compare("context decode, owned", size, owned, "capnp, owned", || peer::context_decode_owned(&encoded));
    let canonical = || ours::context_decode_canonical(&encoded);
    compare("context decode, canonical alone", size, canonical, "capnp, is_canonical", || {
        peer::context_decode_canonical(&encoded);
    });

    peer::context_encode(theirs);
    let foreign = theirs.clone();
    compare(
        "context decode, capnp's bytes",
        size,
        || ours::context_decode(&foreign),
        "capnp",
        || peer::context_decode(&foreign),
    );
    let mut segments = foreign.clone();
    in_two_segments(&mut segments);
    compare(
        "context decode, two segments",
        size,
        || ours::context_decode(&segments),
        "capnp",
        || peer::context_decode(&segments),
    );

    let payload = samples::payload(64);
    let payload = black_box(payload.as_slice());
    let mut stream = ours::sender();
    tell("try_send", 64, || ours::try_send(&mut stream, payload));
    let mut stream = ours::granted();
    let semaphore = Semaphore::new(16);
    compare(
        "try_send and grant",
        64,
        || ours::try_send_and_grant(&mut stream, payload),
        "tokio Semaphore",
        || peer::acquire_and_add(&semaphore),
    );
    let stream = Mutex::new(ours::granted());
    compare(
        "try_send and grant, in a Mutex",
        64,
        || ours::try_send_and_grant_locked(&stream, payload),
        "tokio Semaphore",
        || peer::acquire_and_add(&semaphore),
    );
    let mut stream = ours::sender();
    compare(
        "try_send and encode",
        64,
        || ours::send(&mut stream, payload, buffer),
        "capnp, encode alone",
        || {
            peer::frame_encode(payload, theirs);
        },
    );
}
