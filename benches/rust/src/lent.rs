//! The Rust loops that the C benchmark compares itself with: one batch of one operation.

use std::hint::black_box;
use std::time::Instant;

use crate::{called, ours, samples};

/// Runs an operation so many times and gives the nanoseconds that all took; negative for a number that
/// is no operation. 0 encodes and 1 decodes a data frame of `size` bytes, 3 decodes the context, 5 is
/// `try_send` and encode, 6 builds and encodes the context. With 16 added the operation is [called];
/// else the compiler may put it into the loop.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_bench_rust(operation: u32, size: usize, iterations: u64) -> i64 {
    let payload = samples::payload(size);
    let payload = black_box(payload.as_slice());
    let mut out = Vec::with_capacity(size + 512);
    let mut room = vec![0; size + 1024];
    let mut stream = ours::sender();
    let mut encoded = Vec::new();
    match operation & 15 {
        1 => ours::frame_encode_into(payload, &mut encoded),
        3 => ours::context_encode_into(&samples::context(), &mut encoded),
        _ => {}
    }

    let start = Instant::now();
    match operation {
        0 => (0..iterations).for_each(|_| ours::frame_encode_into(payload, &mut out)),
        1 => (0..iterations).for_each(|_| ours::frame_decode(&encoded)),
        3 => (0..iterations).for_each(|_| ours::context_decode(&encoded)),
        5 => (0..iterations).for_each(|_| ours::send(&mut stream, payload, &mut out)),
        6 => (0..iterations).for_each(|_| ours::context_build_and_encode_into(&mut out)),
        16 => (0..iterations).for_each(|_| called::frame_encode(payload, &mut room)),
        17 => (0..iterations).for_each(|_| called::frame_decode(&encoded)),
        19 => (0..iterations).for_each(|_| called::context_decode(&encoded)),
        21 => (0..iterations).for_each(|_| called::send(&mut stream, payload, &mut room)),
        22 => (0..iterations).for_each(|_| called::context_build_and_encode(&mut room)),
        _ => return -1,
    }
    i64::try_from(start.elapsed().as_nanos()).unwrap_or(i64::MAX)
}
