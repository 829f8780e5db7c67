//! The peer's half: the `capnp` crate with the code that capnpc made of the same schemas, by the calls
//! of its documentation.

use std::hint::black_box;

use capnp::message::{Builder, ReaderOptions, ReaderSegments, ScratchSpaceHeapAllocator, SegmentArray};
use capnp::serialize;
use ixt_core::wire::generated::ipc_streaming_capnp::stream_frame;
use ixt_core::wire::generated::module_capnp::{actor_subject, invocation_context, message_target};

use tokio::sync::Semaphore;

use crate::samples;

fn words_of(id: [u8; 16]) -> (u64, u64) {
    let both = u128::from_be_bytes(id);
    ((both >> 64) as u64, both as u64)
}

fn build_frame(mut frame: stream_frame::Builder<'_>, payload: &[u8]) {
    let (high, low) = words_of(black_box(samples::STREAM_ID));
    frame.set_stream_id_high(high);
    frame.set_stream_id_low(low);
    let mut data = frame.init_data();
    data.set_sequence(black_box(samples::SEQUENCE));
    data.set_payload(payload);
}

fn build_context(mut context: invocation_context::Builder<'_>) {
    let (high, low) = words_of(black_box(samples::CORRELATION_ID));
    context.set_correlation_high(high);
    context.set_correlation_low(low);
    context.set_span_id(u64::from_be_bytes(black_box(samples::SPAN_ID)));
    context.set_parent_span_id(u64::from_be_bytes(black_box(samples::PARENT_SPAN_ID)));
    context.set_deadline_ms(black_box(samples::DEADLINE_MS));
    context.set_trace_flags(black_box(1));
    context.set_source_module(black_box(samples::SOURCE_MODULE));
    context.reborrow().init_target().set_service(black_box(samples::SERVICE));
    let mut actor = context.reborrow().init_actor();
    actor.reborrow().init_subject().set_operator(black_box(samples::OPERATOR));
    actor.set_token_ref(black_box(samples::TOKEN_REF));
    let mut capabilities = actor.init_capabilities(samples::CAPABILITIES.len() as u32);
    for (index, capability) in (0..).zip(samples::CAPABILITIES) {
        capabilities.set(index, black_box(capability));
    }
    let mut metadata = context.init_metadata(samples::METADATA.len() as u32);
    for (index, (key, value)) in (0..).zip(samples::METADATA) {
        let mut entry = metadata.reborrow().get(index);
        entry.set_key(black_box(key));
        entry.set_value(black_box(value));
    }
}

fn write(message: &Builder<impl capnp::message::Allocator>, out: &mut Vec<u8>) {
    out.clear();
    serialize::write_message(&mut *out, message).expect("a Vec takes all");
    black_box(&mut *out);
}

/// Writes canonical words behind a table of one segment.
fn write_canonical(words: &[capnp::Word], out: &mut Vec<u8>) {
    out.clear();
    let segments = [capnp::Word::words_to_bytes(words)];
    serialize::write_message_segments(&mut *out, &SegmentArray::new(&segments)).expect("a Vec takes all");
    black_box(&mut *out);
}

/// A new builder, written into a buffer that is used again.
pub fn frame_encode(payload: &[u8], out: &mut Vec<u8>) {
    let mut message = Builder::new_default();
    build_frame(message.init_root(), payload);
    write(&message, out);
}

/// A builder over memory that is used again and holds the whole message: its fastest way.
pub fn frame_encode_scratch(payload: &[u8], scratch: &mut ScratchSpaceHeapAllocator<'_>, out: &mut Vec<u8>) {
    let mut message = Builder::new(scratch);
    build_frame(message.init_root(), payload);
    write(&message, out);
}

/// A new builder whose message is made canonical and written.
pub fn frame_encode_canonical(payload: &[u8], out: &mut Vec<u8>) {
    let mut message = Builder::new_default();
    build_frame(message.init_root(), payload);
    write_canonical(&message.into_reader().canonicalize().expect("small"), out);
}

/// Reads every field of a frame.
pub fn frame_read<S: ReaderSegments>(message: &capnp::message::Reader<S>) {
    let frame: stream_frame::Reader<'_> = message.get_root().expect("valid");
    black_box(frame.get_stream_id_high());
    black_box(frame.get_stream_id_low());
    match frame.which() {
        Ok(stream_frame::Data(data)) => {
            black_box(data.get_sequence());
            black_box(data.get_payload().expect("valid"));
        }
        _ => unreachable!("a data frame"),
    }
}

/// Decodes a frame and reads it.
pub fn frame_decode(mut bytes: &[u8]) {
    let message = serialize::read_message_from_flat_slice(black_box(&mut bytes), ReaderOptions::new());
    frame_read(&message.expect("valid"));
}

/// The same without a table of segments on the heap: its fastest way.
pub fn frame_decode_no_alloc(mut bytes: &[u8]) {
    let message =
        serialize::read_message_from_flat_slice_no_alloc(black_box(&mut bytes), ReaderOptions::new());
    frame_read(&message.expect("valid"));
}

/// Decodes a frame, refuses what is not canonical, and reads it.
pub fn frame_decode_canonical(mut bytes: &[u8]) {
    let message =
        serialize::read_message_from_flat_slice_no_alloc(black_box(&mut bytes), ReaderOptions::new());
    let message = message.expect("valid");
    assert!(message.is_canonical().expect("valid"));
    frame_read(&message);
}

/// A new builder, written into a buffer that is used again.
pub fn context_encode(out: &mut Vec<u8>) {
    let mut message = Builder::new_default();
    build_context(message.init_root());
    write(&message, out);
}

/// A builder over memory that is used again and holds the whole message: its fastest way.
pub fn context_encode_scratch(scratch: &mut ScratchSpaceHeapAllocator<'_>, out: &mut Vec<u8>) {
    let mut message = Builder::new(scratch);
    build_context(message.init_root());
    write(&message, out);
}

/// A new builder whose message is made canonical and written.
pub fn context_encode_canonical(out: &mut Vec<u8>) {
    let mut message = Builder::new_default();
    build_context(message.init_root());
    write_canonical(&message.into_reader().canonicalize().expect("small"), out);
}

/// Reads every field of a context; text is checked to be UTF-8, as ours is.
pub fn context_read<S: ReaderSegments>(message: &capnp::message::Reader<S>) {
    let text = |found: capnp::Result<capnp::text::Reader<'_>>| {
        black_box(found.expect("valid").to_str().expect("UTF-8"));
    };
    let context: invocation_context::Reader<'_> = message.get_root().expect("valid");
    black_box(context.get_correlation_high());
    black_box(context.get_correlation_low());
    black_box(context.get_span_id());
    black_box(context.get_parent_span_id());
    black_box(context.get_trace_flags());
    black_box(context.get_deadline_ms());
    text(context.get_source_module());
    match context.get_target().expect("valid").which() {
        Ok(message_target::Service(name)) => text(name),
        _ => unreachable!("a service"),
    }
    let actor = context.get_actor().expect("valid");
    match actor.get_subject().expect("valid").which() {
        Ok(actor_subject::Operator(name)) => text(name),
        _ => unreachable!("an operator"),
    }
    black_box(actor.get_token_ref().expect("valid"));
    for capability in actor.get_capabilities().expect("valid") {
        text(capability);
    }
    for entry in context.get_metadata().expect("valid") {
        text(entry.get_key());
        text(entry.get_value());
    }
}

/// Decodes a context and reads it.
pub fn context_decode(mut bytes: &[u8]) {
    let message = serialize::read_message_from_flat_slice(black_box(&mut bytes), ReaderOptions::new());
    context_read(&message.expect("valid"));
}

/// The same without a table of segments on the heap: its fastest way.
pub fn context_decode_no_alloc(mut bytes: &[u8]) {
    let message =
        serialize::read_message_from_flat_slice_no_alloc(black_box(&mut bytes), ReaderOptions::new());
    context_read(&message.expect("valid"));
}

/// Decodes a context, refuses what is not canonical, and reads it.
pub fn context_decode_canonical(mut bytes: &[u8]) {
    let message =
        serialize::read_message_from_flat_slice_no_alloc(black_box(&mut bytes), ReaderOptions::new());
    let message = message.expect("valid");
    assert!(message.is_canonical().expect("valid"));
    context_read(&message);
}

/// What [`context_decode_owned`] copies a context to: the same fields as ours, each of its own.
pub struct OwnedContext {
    /// Ids, deadline and trace flags.
    pub numbers: [u64; 6],
    /// Source module, target and subject.
    pub names: [String; 3],
    /// The token's handle.
    pub token_ref: Vec<u8>,
    /// The capabilities.
    pub capabilities: Vec<String>,
    /// The metadata.
    pub metadata: Vec<(String, String)>,
}

/// Decodes a context and copies its fields, so that the message need not be kept.
pub fn context_decode_owned(mut bytes: &[u8]) {
    let text =
        |found: capnp::Result<capnp::text::Reader<'_>>| found.expect("valid").to_string().expect("UTF-8");
    let message =
        serialize::read_message_from_flat_slice(black_box(&mut bytes), ReaderOptions::new()).expect("valid");
    let context: invocation_context::Reader<'_> = message.get_root().expect("valid");
    let actor = context.get_actor().expect("valid");
    let target = match context.get_target().expect("valid").which() {
        Ok(message_target::Service(name)) => text(name),
        _ => unreachable!("a service"),
    };
    let subject = match actor.get_subject().expect("valid").which() {
        Ok(actor_subject::Operator(name)) => text(name),
        _ => unreachable!("an operator"),
    };
    black_box(OwnedContext {
        numbers: [
            context.get_correlation_high(),
            context.get_correlation_low(),
            context.get_span_id(),
            context.get_parent_span_id(),
            u64::from(context.get_trace_flags()),
            context.get_deadline_ms(),
        ],
        names: [text(context.get_source_module()), target, subject],
        token_ref: actor.get_token_ref().expect("valid").to_vec(),
        capabilities: actor.get_capabilities().expect("valid").iter().map(text).collect(),
        metadata: context
            .get_metadata()
            .expect("valid")
            .iter()
            .map(|entry| (text(entry.get_key()), text(entry.get_value())))
            .collect(),
    });
}

/// Copies bytes into a buffer that is used again.
pub fn copy(bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(black_box(bytes));
    black_box(&mut *out);
}

/// Takes a permit and gives one: tokio's counterpart of a credit that is spent and granted.
pub fn acquire_and_add(semaphore: &Semaphore) {
    black_box(semaphore).try_acquire().expect("a permit").forget();
    black_box(semaphore).add_permits(black_box(1));
}
