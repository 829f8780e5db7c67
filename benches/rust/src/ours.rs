//! Our half. Each function is one operation; what it reads goes through `black_box`, field by field.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

use ixt_core::Limits;
use ixt_core::flow::{Config, Received, Stream};
use ixt_core::invocation::{ContextRef, InvocationContext, Subject, Target};
use ixt_core::stream::{FrameBody, FrameRef};

use crate::samples;

/// Encodes into a buffer that is used again.
#[inline]
pub fn frame_encode_into(payload: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let frame = FrameRef::data(black_box(samples::stream_id()), black_box(samples::SEQUENCE), payload);
    frame.encode_into(out, Limits::DEFAULT).expect("within the limits");
    black_box(&mut *out);
}

/// Encodes into a new buffer.
#[inline]
pub fn frame_encode(payload: &[u8]) {
    let frame = FrameRef::data(black_box(samples::stream_id()), black_box(samples::SEQUENCE), payload);
    black_box(frame.encode().expect("within the limits"));
}

/// Reads every field of a frame.
#[inline]
pub fn frame_read(frame: FrameRef<'_>) {
    black_box(frame.stream_id);
    match frame.body {
        FrameBody::Data(data) => {
            black_box(data.sequence);
            black_box(data.payload);
        }
        _ => unreachable!("a data frame"),
    }
}

/// Decodes a frame and reads it.
#[inline]
pub fn frame_decode(bytes: &[u8]) {
    frame_read(FrameRef::decode(black_box(bytes)).expect("valid"));
}

/// Decodes a frame, refuses what is not canonical, and reads it.
#[inline]
pub fn frame_decode_canonical(bytes: &[u8]) {
    frame_read(FrameRef::decode_canonical(black_box(bytes), Limits::DEFAULT).expect("canonical"));
}

/// Encodes into a buffer that is used again.
#[inline]
pub fn context_encode_into(context: &InvocationContext, out: &mut Vec<u8>) {
    out.clear();
    black_box(context).encode_into(out);
    black_box(&mut *out);
}

/// Encodes into a new buffer.
#[inline]
pub fn context_encode(context: &InvocationContext) {
    black_box(black_box(context).encode());
}

/// Makes a borrowed value out of its parts, which checks it, and encodes it into a buffer that is used
/// again.
#[inline]
pub fn context_build_and_encode_into(out: &mut Vec<u8>) {
    out.clear();
    ContextRef::builder()
        .correlation_id(black_box(samples::CORRELATION_ID))
        .span_id(black_box(samples::SPAN_ID))
        .parent_span_id(black_box(samples::PARENT_SPAN_ID))
        .trace_flags(black_box(1))
        .deadline_ms(black_box(samples::DEADLINE_MS))
        .source_module(black_box(samples::SOURCE_MODULE))
        .target(Target::Service(black_box(samples::SERVICE)))
        .subject(Subject::Operator(black_box(samples::OPERATOR)))
        .token_ref(black_box(samples::TOKEN_REF))
        .capabilities(samples::CAPABILITIES.into_iter().map(black_box))
        .metadata_entries(samples::METADATA.into_iter().map(black_box))
        .build()
        .expect("within the limits")
        .encode_into(out);
    black_box(&mut *out);
}

/// Reads every field of a context.
#[inline]
pub fn context_read(context: &ContextRef<'_>) {
    black_box(context.correlation_id());
    black_box(context.span_id());
    black_box(context.parent_span_id());
    black_box(context.trace_flags());
    black_box(context.deadline_ms());
    black_box(context.source_module());
    match context.target() {
        Target::Service(name) => black_box(name),
        _ => unreachable!("a service"),
    };
    match context.actor().subject() {
        Subject::Operator(name) => black_box(name),
        _ => unreachable!("an operator"),
    };
    black_box(context.actor().token_ref().expose());
    for capability in context.actor().capabilities() {
        black_box(*capability);
    }
    for entry in context.metadata() {
        black_box(entry.key);
        black_box(entry.value);
    }
}

/// Decodes a context and reads it.
#[inline]
pub fn context_decode(bytes: &[u8]) {
    context_read(&ContextRef::decode(black_box(bytes)).expect("valid"));
}

/// Decodes a context, refuses what is not canonical, and reads it.
#[inline]
pub fn context_decode_canonical(bytes: &[u8]) {
    context_read(&ContextRef::decode_canonical(black_box(bytes)).expect("canonical"));
}

/// Decodes a context into one that owns its bytes.
#[inline]
pub fn context_decode_owned(bytes: &[u8]) {
    black_box(InvocationContext::decode(black_box(bytes)).expect("valid"));
}

/// A sender with more credit than a run spends.
pub fn sender() -> Stream {
    Stream::sender(samples::stream_id(), u32::MAX, Config::default())
}

/// Spends a credit and takes the next sequence.
#[inline]
pub fn try_send(stream: &mut Stream, payload: &[u8]) {
    let frame = black_box(stream).try_send(black_box(payload)).expect("credit");
    black_box(frame);
}

/// Takes a credit frame of one from the peer, and drains what it causes.
#[inline]
fn grant(stream: &mut Stream) {
    let received = stream.receive(FrameRef::credit(samples::stream_id(), black_box(1)));
    assert!(matches!(received, Received::Done), "the credit counts");
    while let Some(event) = stream.poll_event() {
        black_box(event);
    }
}

/// Spends a credit, and is granted one.
#[inline]
pub fn try_send_and_grant(stream: &mut Stream, payload: &[u8]) {
    try_send(stream, payload);
    grant(black_box(stream));
}

/// The same with a lock around each, as who shares a stream between threads has it.
#[inline]
pub fn try_send_and_grant_locked(stream: &Mutex<Stream>, payload: &[u8]) {
    let lock = || black_box(stream).lock().unwrap_or_else(PoisonError::into_inner);
    try_send(&mut lock(), payload);
    grant(&mut lock());
}

/// A sender that has little credit and is granted more.
pub fn granted() -> Stream {
    Stream::sender(samples::stream_id(), 16, Config::default())
}

/// Spends a credit and encodes the frame, ready to write.
#[inline]
pub fn send(stream: &mut Stream, payload: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let frame = black_box(stream).try_send(black_box(payload)).expect("credit");
    frame.encode_into(out, Limits::DEFAULT).expect("within the limits");
    black_box(&mut *out);
}
