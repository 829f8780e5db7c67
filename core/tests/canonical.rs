//! Random values and random bytes: what we write is what capnp-rust makes canonical, and both readers
//! give the same verdict on whatever comes.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use capnp::message::{Builder, HeapAllocator};
use capnp::traits::{Owned, SetterInput};
use capnp::{dynamic_struct, dynamic_value};
use common::in_two_segments;
use ixt_core::invocation::{ContextRef, InvocationContext, Subject, Target};
use ixt_core::stream::{
    CancelReason, CloseReason, FrameBody, FrameRef, InteractionKind, StreamErrorCode, StreamFrame, StreamId,
};
use ixt_core::wire::generated::{ipc_streaming_capnp as streaming, module_capnp as module};
use ixt_core::{ErrorKind, Limits, Result};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;

// ---- values ----

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z.]{1,17}", "[^\u{0}]{0,20}"]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

/// Numbers around the ends of their words' bytes, where trailing zeros matter.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>()]
}

fn frame() -> impl Strategy<Value = StreamFrame> {
    let id = any::<[u8; 16]>().prop_filter_map("nil", |id| StreamId::new(id).ok());
    let body = prop_oneof![
        (select(InteractionKind::ALL), any::<u32>(), bytes())
            .prop_map(|(kind, credit, context)| Body::Open(kind, credit, context)),
        (number(), bytes()).prop_map(|(sequence, payload)| Body::Data(sequence, payload)),
        (select(StreamErrorCode::ALL), number(), text(), bytes())
            .prop_map(|(code, sequence, message, details)| Body::Error(code, sequence, message, details)),
        (select(CloseReason::ALL), number()).prop_map(|(reason, last)| Body::Close(reason, last)),
        (select(CancelReason::ALL), text()).prop_map(|(reason, message)| Body::Cancel(reason, message)),
        any::<u32>().prop_map(Body::Credit),
    ];
    (id, body).prop_map(|(id, body)| match body {
        Body::Open(kind, credit, context) => StreamFrame::open(id, kind, credit, context),
        Body::Data(sequence, payload) => StreamFrame::data(id, sequence, payload),
        Body::Error(code, sequence, message, details) => {
            StreamFrame::error(id, code, sequence, message, details)
        }
        Body::Close(reason, last) => StreamFrame::close(id, reason, last),
        Body::Cancel(reason, message) => StreamFrame::cancel(id, reason, message),
        Body::Credit(frames) => StreamFrame::credit(id, frames),
    })
}

#[derive(Debug, Clone)]
enum Body {
    Open(InteractionKind, u32, Vec<u8>),
    Data(u64, Vec<u8>),
    Error(StreamErrorCode, u64, String, Vec<u8>),
    Close(CloseReason, u64),
    Cancel(CancelReason, String),
    Credit(u32),
}

/// What a context is made of.
#[derive(Debug, Clone)]
struct Parts {
    numbers: [u64; 5],
    flags: u8,
    source_module: String,
    target: Target,
    subject: Subject,
    token: Vec<u8>,
    capabilities: BTreeSet<String>,
    metadata: BTreeMap<String, String>,
}

fn parts() -> impl Strategy<Value = Parts> {
    let target = prop_oneof![
        text().prop_map(Target::Service),
        text().prop_map(Target::Module),
        text().prop_map(Target::Broadcast),
        any::<[u8; 16]>().prop_map(Target::Reply),
        text().prop_map(Target::DynamicEndpoint),
    ];
    let subject = prop_oneof![
        text().prop_map(Subject::External),
        text().prop_map(Subject::Operator),
        text().prop_map(Subject::Module),
        Just(Subject::System),
    ];
    let value = prop_oneof![Just(String::new()), text()];
    (
        [number(), number(), number(), number(), number()],
        prop_oneof![Just(0), any::<u8>()],
        text(),
        target,
        subject,
        bytes(),
        btree_set(text(), 0..12),
        btree_map("[a-z0-9_.-]{1,20}", value, 0..12),
    )
        .prop_map(|(numbers, flags, source_module, target, subject, token, capabilities, metadata)| {
            Parts { numbers, flags, source_module, target, subject, token, capabilities, metadata }
        })
}

impl Parts {
    /// By our builder, with the lists the wrong way round.
    fn context(&self) -> InvocationContext {
        let [high, low, span, deadline, parent] = self.numbers;
        let correlation = u128::from(high) << 64 | u128::from(low);
        let builder = InvocationContext::builder()
            .correlation_id(correlation.to_be_bytes())
            .span_id(span.to_be_bytes())
            .deadline_ms(deadline)
            .trace_flags(self.flags)
            .source_module(&self.source_module)
            .target(self.target.clone())
            .subject(self.subject.clone())
            .token_ref(self.token.clone())
            .parent_span_id(parent.to_be_bytes())
            .capabilities(self.capabilities.iter().rev());
        let builder =
            self.metadata.iter().rev().fold(builder, |builder, (key, value)| builder.metadata(key, value));
        builder.build().expect("within the limits")
    }
}

// ---- the other implementation ----

/// The canonical form that capnp-rust makes, behind its table.
fn canonical<T: Owned>(value: impl SetterInput<T>) -> Vec<u8> {
    let mut message = Builder::new(HeapAllocator::new());
    message.set_root_canonical(value).expect("canonical form");
    capnp::serialize::write_message_to_words(&message)
}

/// The frame by the generated code. Nothing that is empty is set (specification 20, rule 1).
fn frame_elsewhere(frame: &FrameRef<'_>) -> Vec<u8> {
    let mut message = Builder::new_default();
    let mut root: streaming::stream_frame::Builder<'_> = message.init_root();
    let id = u128::from_be_bytes(*frame.stream_id.as_bytes());
    root.set_stream_id_high((id >> 64) as u64);
    root.set_stream_id_low(id as u64);
    match frame.body {
        FrameBody::Open(open) => {
            let mut to = root.init_open();
            to.set_interaction(open.interaction.raw().try_into().expect("known"));
            to.set_initial_credit(open.initial_credit);
            if !open.context.is_empty() {
                to.set_context(open.context);
            }
        }
        FrameBody::Data(data) => {
            let mut to = root.init_data();
            to.set_sequence(data.sequence);
            if !data.payload.is_empty() {
                to.set_payload(data.payload);
            }
        }
        FrameBody::Error(error) => {
            let mut to = root.init_error();
            to.set_code(error.code.raw().try_into().expect("known"));
            to.set_sequence(error.sequence);
            if !error.message.is_empty() {
                to.set_message(error.message);
            }
            if !error.details.is_empty() {
                to.set_details(error.details);
            }
        }
        FrameBody::Close(close) => {
            let mut to = root.init_close();
            to.set_reason(close.reason.raw().try_into().expect("known"));
            to.set_final_sequence(close.final_sequence);
        }
        FrameBody::Cancel(cancel) => {
            let mut to = root.init_cancel();
            to.set_reason(cancel.reason.raw().try_into().expect("known"));
            if !cancel.message.is_empty() {
                to.set_message(cancel.message);
            }
        }
        FrameBody::Credit(credit) => root.init_credit().set_frames(credit.frames),
        _ => panic!("no such frame is made here"),
    }
    canonical(message.get_root_as_reader::<streaming::stream_frame::Reader<'_>>().expect("a root"))
}

/// Sets a union member that is text; the setters of the generated code have no way to an empty one that
/// is a null pointer.
fn set_member<'a>(union: impl Into<dynamic_value::Builder<'a>>, member: &str, text: &str) {
    let mut union: dynamic_struct::Builder<'_> = union.into().downcast();
    let done = if text.is_empty() { union.clear_named(member) } else { union.set_named(member, text.into()) };
    done.expect("a member of the schema");
}

/// The context by the generated code. Nothing that is empty or only defaults is set (rules 1 and 5).
fn context_elsewhere(parts: &Parts) -> Vec<u8> {
    let mut message = Builder::new_default();
    let mut root: module::invocation_context::Builder<'_> = message.init_root();
    let [high, low, span, deadline, parent] = parts.numbers;
    root.set_correlation_high(high);
    root.set_correlation_low(low);
    root.set_span_id(span);
    root.set_deadline_ms(deadline);
    root.set_trace_flags(parts.flags);
    root.set_parent_span_id(parent);
    if !parts.source_module.is_empty() {
        root.set_source_module(&parts.source_module);
    }

    if parts.target != Target::default() {
        let mut target = root.reborrow().init_target();
        match &parts.target {
            Target::Service(name) => set_member(target, "service", name),
            Target::Module(name) => set_member(target, "module", name),
            Target::Broadcast(topic) => set_member(target, "broadcast", topic),
            Target::Reply(id) => target.set_reply(id),
            Target::DynamicEndpoint(name) => set_member(target, "dynamicEndpoint", name),
            _ => panic!("no such target is made here"),
        }
    }

    let subject_is_set = parts.subject != Subject::default();
    if subject_is_set || !parts.token.is_empty() || !parts.capabilities.is_empty() {
        let mut actor = root.reborrow().init_actor();
        if subject_is_set {
            let mut subject = actor.reborrow().init_subject();
            match &parts.subject {
                Subject::External(name) => set_member(subject, "external", name),
                Subject::Operator(name) => set_member(subject, "operator", name),
                Subject::Module(name) => set_member(subject, "module", name),
                Subject::System => subject.set_system(()),
                _ => panic!("no such subject is made here"),
            }
        }
        if !parts.token.is_empty() {
            actor.set_token_ref(&parts.token);
        }
        if !parts.capabilities.is_empty() {
            let mut list = actor.init_capabilities(parts.capabilities.len() as u32);
            for (index, capability) in parts.capabilities.iter().enumerate() {
                if !capability.is_empty() {
                    list.set(index as u32, capability);
                }
            }
        }
    }

    if !parts.metadata.is_empty() {
        let mut list = root.init_metadata(parts.metadata.len() as u32);
        for (index, (key, value)) in parts.metadata.iter().enumerate() {
            let mut entry = list.reborrow().get(index as u32);
            entry.set_key(key);
            if !value.is_empty() {
                entry.set_value(value);
            }
        }
    }
    canonical(message.get_root_as_reader::<module::invocation_context::Reader<'_>>().expect("a root"))
}

// ---- what both readers make of bytes ----

/// A verdict that can be compared although the tables differ, which an unknown member keeps whole.
fn frame_verdict(bytes: &[u8]) -> Result<String, ErrorKind> {
    let frame = FrameRef::decode(bytes).map_err(|error| error.kind())?;
    let known = !matches!(frame.body, FrameBody::Unknown(_));
    if known {
        let again = frame.encode().expect("what was decoded encodes");
        assert_eq!(FrameRef::decode(&again).as_ref(), Ok(&frame));
        assert_eq!(FrameRef::decode_canonical(bytes, Limits::DEFAULT).is_ok(), again == bytes);
    }
    Ok(if known { ixt_core::text::frame_to_json(&frame) } else { format!("unknown {}", frame.body.tag()) })
}

fn context_verdict(bytes: &[u8]) -> Result<String, ErrorKind> {
    let context = ContextRef::decode(bytes).map_err(|error| error.kind())?;
    let again = context.encode();
    assert_eq!(context.encoded_len(), again.len());
    assert_eq!(ContextRef::decode(&again).as_ref(), Ok(&context));
    assert_eq!(ContextRef::decode_canonical(bytes).is_ok(), again == bytes);
    assert_eq!(InvocationContext::decode(bytes), Ok(context.to_owned()));
    Ok(ixt_core::text::context_to_json(&context))
}

/// The general reader alone must say what both together do.
fn readers_agree(bytes: &[u8], verdict: impl Fn(&[u8]) -> Result<String, ErrorKind>) {
    let both = verdict(bytes);
    if bytes.len() < 8 || bytes[..4] != [0; 4] {
        return;
    }
    match (both, verdict(&in_two_segments(bytes))) {
        // A longer table is a little more to read before the traversal limit.
        (Err(ErrorKind::TraversalLimit), _) => {}
        (both, general) => assert_eq!(both, general),
    }
}

/// A message with each of its bits changed, one at a time, behind its table.
fn readers_agree_on_each_bit(message: &[u8], verdict: impl Fn(&[u8]) -> Result<String, ErrorKind>) {
    for bit in 8 * 8..message.len() * 8 {
        let mut changed = message.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        readers_agree(&changed, &verdict);
    }
}

#[test]
fn readers_agree_on_each_bit_of_a_frame() {
    let id = StreamId::new([7; 16]).expect("an id");
    for frame in [
        StreamFrame::open(id, InteractionKind::BidiStream, 3, vec![0; 9]),
        StreamFrame::data(id, 1, vec![5; 9]),
        StreamFrame::error(id, StreamErrorCode::Internal, 3, "eight by".into(), vec![0; 9]),
        StreamFrame::close(id, CloseReason::Idle, 4),
        StreamFrame::cancel(id, CancelReason::Shutdown, "seven b".into()),
        StreamFrame::credit(id, 5),
    ] {
        readers_agree_on_each_bit(&frame.encode().expect("within the limits"), frame_verdict);
    }
}

#[test]
fn readers_agree_on_each_bit_of_a_context() {
    for target in [Target::Module("t".into()), Target::Reply([1; 16])] {
        let context = InvocationContext::builder()
            .correlation_id([1; 16])
            .source_module("seven b")
            .target(target)
            .subject(Subject::Operator("eight by".into()))
            .token_ref([0; 9])
            .capabilities(["a", "b.*", "eight by"])
            .metadata("a", "")
            .metadata("eight-by", "v")
            .build()
            .expect("within the limits");
        readers_agree_on_each_bit(&context.encode(), context_verdict);
    }
}

/// Changes to a valid message: bytes, whole words that look like pointers, and the length.
#[derive(Debug, Clone)]
enum Change {
    Byte(usize, u8),
    Pointer(usize, u64),
    Swap(usize, usize),
    Cut(usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let place = || any::<usize>();
    // Kind and offset in the low half, sizes or counts in the high one, all of them small.
    let pointer = (0_u64..4, -4_i64..12, 0_u64..8, 0_u64..40).prop_map(|(kind, offset, size, count)| {
        kind | (offset as u64 & 0x3fff_ffff) << 2 | size << 32 | count << 35
    });
    let change = prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        4 => (place(), pointer).prop_map(|(at, word)| Change::Pointer(at, word)),
        2 => (place(), place()).prop_map(|(a, b)| Change::Swap(a, b)),
        1 => place().prop_map(Change::Cut),
    ];
    vec(change, 1..4)
}

/// The message with these changes behind its table. After a cut the table says the new length.
fn changed(message: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut body = message[8..].to_vec();
    for change in changes {
        let words = body.len() / 8;
        match *change {
            _ if words == 0 => {}
            Change::Byte(at, byte) => body[at % (words * 8)] = byte,
            Change::Pointer(at, word) => {
                let at = at % words * 8;
                body[at..at + 8].copy_from_slice(&word.to_le_bytes());
            }
            Change::Swap(a, b) => {
                (0..8).for_each(|byte| body.swap(a % words * 8 + byte, b % words * 8 + byte))
            }
            Change::Cut(at) => body.truncate(at % words * 8),
        }
    }
    let mut out = vec![0; 4];
    out.extend(((body.len() / 8) as u32).to_le_bytes());
    out.extend(body);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_frame_is_what_capnp_rust_makes_canonical(frame in frame()) {
        let bytes = frame.encode().expect("within the limits");
        prop_assert_eq!(&bytes, &frame_elsewhere(&frame.as_ref()));
        prop_assert_eq!(FrameRef::decode(&bytes), Ok(frame.as_ref()));
        readers_agree(&bytes, frame_verdict);
    }

    #[test]
    fn a_context_is_what_capnp_rust_makes_canonical(parts in parts()) {
        let context = parts.context();
        let bytes = context.encode();
        prop_assert_eq!(&bytes, &context_elsewhere(&parts));
        prop_assert_eq!(InvocationContext::decode_canonical(&bytes), Ok(context));
        readers_agree(&bytes, context_verdict);
    }

    #[test]
    fn readers_agree_on_a_changed_frame(frame in frame(), changes in changes()) {
        readers_agree(&changed(&frame.encode().expect("within the limits"), &changes), frame_verdict);
    }

    #[test]
    fn readers_agree_on_a_changed_context(parts in parts(), changes in changes()) {
        readers_agree(&changed(&parts.context().encode(), &changes), context_verdict);
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200), one_segment in any::<bool>()) {
        let mut bytes = bytes;
        if one_segment && bytes.len() >= 8 {
            bytes.truncate(bytes.len() / 8 * 8);
            let words = (bytes.len() / 8 - 1) as u8;
            bytes[..8].copy_from_slice(&[0, 0, 0, 0, words, 0, 0, 0]);
        }
        readers_agree(&bytes, frame_verdict);
        readers_agree(&bytes, context_verdict);
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(ixt_core::text::frame_from_json(&text).is_err());
        prop_assert!(ixt_core::text::context_from_json(&text).is_err());
    }
}
