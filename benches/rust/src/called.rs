//! Our half once more, for C to be compared with: every operation is a call that the compiler does not
//! put into the loop, with arguments and a result that it does not know. So is a function of another
//! crate that is not marked to be inlined, and so is all that a C program can call.

use std::hint::black_box;

use ixt_core::flow::Stream;
use ixt_core::invocation::{ContextRef, Subject, Target};
use ixt_core::stream::FrameRef;
use ixt_core::{Limits, Result};

use crate::{ours, samples};

#[inline(never)]
fn encode(frame: &FrameRef<'_>, limits: Limits, out: &mut [u8]) -> Result<usize> {
    frame.encode_to_slice(out, limits)
}

#[inline(never)]
fn decode(bytes: &[u8], limits: Limits) -> Result<FrameRef<'_>> {
    FrameRef::decode_within(bytes, limits)
}

#[inline(never)]
fn decode_context(bytes: &[u8]) -> Result<ContextRef<'_>> {
    ContextRef::decode(bytes)
}

#[inline(never)]
fn try_send(stream: &mut Stream, payload: &[u8], limits: Limits, out: &mut [u8]) -> Result<usize> {
    stream.try_send(payload)?.encode_to_slice(out, limits)
}

/// What a context is built of.
struct Parts<'a> {
    correlation_id: [u8; 16],
    span_id: [u8; 8],
    parent_span_id: [u8; 8],
    trace_flags: u8,
    deadline_ms: u64,
    source_module: &'a str,
    target: Target<&'a str>,
    subject: Subject<&'a str>,
    token_ref: &'a [u8],
    capabilities: &'a [&'a str],
    metadata: &'a [(&'a str, &'a str)],
}

#[inline(never)]
fn build_and_encode(parts: &Parts<'_>, out: &mut [u8]) -> Result<usize> {
    ContextRef::builder()
        .correlation_id(parts.correlation_id)
        .span_id(parts.span_id)
        .parent_span_id(parts.parent_span_id)
        .trace_flags(parts.trace_flags)
        .deadline_ms(parts.deadline_ms)
        .source_module(parts.source_module)
        .target(parts.target)
        .subject(parts.subject)
        .token_ref(parts.token_ref)
        .capabilities(parts.capabilities.iter().copied())
        .metadata_entries(parts.metadata.iter().copied())
        .build()?
        .encode_to_slice(out)
}

/// Encodes into a caller's slice.
#[inline]
pub fn frame_encode(payload: &[u8], out: &mut [u8]) {
    let frame = FrameRef::data(samples::stream_id(), black_box(samples::SEQUENCE), payload);
    let written = encode(black_box(&frame), black_box(Limits::DEFAULT), out).expect("within the limits");
    black_box((&mut *out, written));
}

/// Decodes a frame and reads it.
#[inline]
pub fn frame_decode(bytes: &[u8]) {
    ours::frame_read(decode(black_box(bytes), black_box(Limits::DEFAULT)).expect("valid"));
}

/// Decodes a context and reads it.
#[inline]
pub fn context_decode(bytes: &[u8]) {
    ours::context_read(&decode_context(black_box(bytes)).expect("valid"));
}

/// Makes a borrowed value out of its parts, which checks it, and encodes it into a caller's slice.
#[inline]
pub fn context_build_and_encode(out: &mut [u8]) {
    let parts = Parts {
        correlation_id: samples::CORRELATION_ID,
        span_id: samples::SPAN_ID,
        parent_span_id: samples::PARENT_SPAN_ID,
        trace_flags: 1,
        deadline_ms: samples::DEADLINE_MS,
        source_module: samples::SOURCE_MODULE,
        target: Target::Service(samples::SERVICE),
        subject: Subject::Operator(samples::OPERATOR),
        token_ref: samples::TOKEN_REF,
        capabilities: &samples::CAPABILITIES,
        metadata: &samples::METADATA,
    };
    let written = build_and_encode(black_box(&parts), out).expect("within the limits");
    black_box((&mut *out, written));
}

/// Spends a credit and encodes the frame into a caller's slice.
#[inline]
pub fn send(stream: &mut Stream, payload: &[u8], out: &mut [u8]) {
    let written = try_send(black_box(stream), black_box(payload), black_box(Limits::DEFAULT), out);
    black_box((&mut *out, written.expect("credit")));
}
