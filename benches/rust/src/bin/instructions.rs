//! One operation, so many times, and nothing else: `ixt-instructions OPERATION COUNT`. What it executes is
//! counted by `benches/instructions.py`; the start drops out of the difference between two counts.

use std::hint::black_box;
use std::process::ExitCode;

use ixt_bench::{ours, samples};
use ixt_core::flow::{Config, Received, Stream};
use ixt_core::stream::{Frame, FrameRef, InteractionKind};

const PAYLOAD: usize = 64;
const WINDOW: u32 = 16;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, operation, count] = &arguments[..] else { return usage() };
    let Ok(count) = count.parse() else { return usage() };
    let payload = samples::payload(PAYLOAD);
    let frame = FrameRef::data(samples::stream_id(), samples::SEQUENCE, &payload).encode().expect("encodes");
    let context = samples::context().encode();
    match operation.as_str() {
        "frame encode" => {
            let mut out = Vec::with_capacity(256);
            repeat(count, |_| ours::frame_encode_into(black_box(&payload), &mut out));
        }
        "frame decode" => repeat(count, |_| ours::frame_decode(&frame)),
        "context decode" => repeat(count, |_| ours::context_decode(&context)),
        "try_send" => {
            let mut stream = ours::sender();
            repeat(count, |_| ours::try_send(&mut stream, &payload));
        }
        "receive and consume" => {
            let mut stream = receiver();
            repeat(count, |sequence| receive_and_consume(&mut stream, sequence, &payload));
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: ixt-instructions OPERATION COUNT");
    ExitCode::FAILURE
}

fn repeat(count: u64, mut operation: impl FnMut(u64)) {
    for number in 0..count {
        operation(number);
    }
}

/// A responder that grants by its window.
fn receiver() -> Stream {
    let mut stream = Stream::responder(Config::default().with_window(WINDOW));
    let open: FrameRef<'_> = Frame::open(samples::stream_id(), InteractionKind::BidiStream, 0, &[][..]);
    assert!(matches!(stream.receive(open), Received::Opened(_)));
    let _ = stream.poll_transmit();
    stream
}

/// Takes a message and gives its credit back; every eighth time a grant leaves.
fn receive_and_consume(stream: &mut Stream, sequence: u64, payload: &[u8]) {
    let frame: FrameRef<'_> = Frame::data(samples::stream_id(), black_box(sequence), black_box(payload));
    let received = black_box(&mut *stream).receive(frame);
    assert!(matches!(received, Received::Data(_)));
    let _ = black_box(received);
    stream.consume(1).expect("delivered");
    while let Some(grant) = stream.poll_transmit() {
        black_box(grant);
    }
}
