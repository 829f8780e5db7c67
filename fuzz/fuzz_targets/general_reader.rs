//! The core's decoders, fast and general path, against the `capnp` crate read directly: the same verdict,
//! the same kind of refusal, the same value.
#![no_main]

use ixt_core::ErrorKind;
use ixt_core::invocation::{ContextRef, Subject, Target};
use ixt_core::stream::{FrameBody, FrameRef};
use ixt_fuzz::reference::{self, Value};
use ixt_fuzz::shape::message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = message(data) else { return };
    if choice & 1 == 0 {
        same(FrameRef::decode(&bytes).map(|found| frame(&found)), reference::frame(&bytes));
    } else {
        same(ContextRef::decode(&bytes).map(|found| context(&found)), reference::context(&bytes));
    }
});

fn same(ours: ixt_core::Result<Value>, theirs: Result<Value, ErrorKind>) {
    assert_eq!(ours.map_err(|error| error.kind()), theirs);
}

fn frame(frame: &FrameRef<'_>) -> Value {
    let id = u128::from_be_bytes(*frame.stream_id.as_bytes());
    let mut numbers = vec![(id >> 64) as u64, id as u64, frame.body.tag().into()];
    let parts: Vec<&[u8]> = match &frame.body {
        FrameBody::Open(open) => {
            numbers.extend([u64::from(open.interaction.raw()), open.initial_credit.into()]);
            vec![open.context]
        }
        FrameBody::Data(data) => {
            numbers.push(data.sequence);
            vec![data.payload]
        }
        FrameBody::Error(error) => {
            numbers.extend([u64::from(error.code.raw()), error.sequence]);
            vec![error.message.as_bytes(), error.details]
        }
        FrameBody::Close(close) => {
            numbers.extend([close.reason.raw().into(), close.final_sequence]);
            vec![]
        }
        FrameBody::Cancel(cancel) => {
            numbers.push(cancel.reason.raw().into());
            vec![cancel.message.as_bytes()]
        }
        FrameBody::Credit(credit) => {
            numbers.push(credit.frames.into());
            vec![]
        }
        FrameBody::Unknown(unknown) => vec![unknown.message],
        _ => panic!("a kind of frame that this target does not know"),
    };
    Value { numbers, parts: parts.into_iter().map(<[u8]>::to_vec).collect() }
}

fn context(context: &ContextRef<'_>) -> Value {
    let correlation = u128::from_be_bytes(context.correlation_id());
    let actor = context.actor();
    let numbers = vec![
        (correlation >> 64) as u64,
        correlation as u64,
        u64::from_be_bytes(context.span_id()),
        u64::from_be_bytes(context.parent_span_id()),
        context.deadline_ms().unwrap_or(0),
        context.trace_flags().into(),
        context.target().tag().into(),
        actor.subject().tag().into(),
    ];
    let target = match context.target() {
        Target::Service(name)
        | Target::Module(name)
        | Target::Broadcast(name)
        | Target::DynamicEndpoint(name) => name.into(),
        Target::Reply(id) => id.to_vec(),
        _ => vec![],
    };
    let subject = match actor.subject() {
        Subject::External(name) | Subject::Operator(name) | Subject::Module(name) => name.to_string().into(),
        _ => vec![],
    };
    let mut parts =
        vec![context.source_module().into(), target, subject, actor.token_ref().expose().to_vec()];
    parts.extend(actor.capabilities().iter().map(|capability| capability.as_bytes().to_vec()));
    parts.extend(context.metadata().iter().flat_map(|entry| [entry.key.into(), entry.value.into()]));
    Value { numbers, parts }
}
