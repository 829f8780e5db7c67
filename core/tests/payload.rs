//! `HandlePayload`: the vectors, places of refusals, and the bytes against the `capnp` crate's builder.

#![cfg(feature = "text")]

mod common;

use common::{in_two_segments, lines, members, string};
use ixt_core::invocation::{HandlePayload, HandlePayloadRef, InvocationContext, Target};
use ixt_core::text::from_hex;
use ixt_core::wire::generated::module_capnp::{handle_payload, invocation_context};
use ixt_core::wire::{MAX_CONTEXT, MAX_PAYLOAD};
use ixt_core::{ErrorKind, Limits};
use proptest::prelude::*;

#[test]
fn vectors() {
    let (mut values, mut refused) = (0, 0);
    for line in lines("payloads.jsonl") {
        let line = members(&line);
        let name = string(line["name"]);
        let bytes = |key: &str| from_hex(&string(line[key])).expect("hex");
        let limits = match line.get("max_payload") {
            Some(most) => Limits::with_max_payload(most.parse().expect("a number")),
            None => Limits::DEFAULT,
        };
        let value = || HandlePayload {
            context: InvocationContext::decode(&bytes("context")).expect("a context"),
            method: string(line["method"]),
            body: bytes("body"),
        };
        let encode = |payload: &HandlePayload| {
            let mut out = vec![7];
            payload.encode_into(&mut out, limits).map(|()| out.split_off(1))
        };
        match line.get("op").map(|op| string(op)).as_deref() {
            None => {
                values += 1;
                let (value, canonical) = (value(), bytes("hex"));
                assert_eq!(encode(&value).as_ref(), Ok(&canonical), "{name}");
                let also = line
                    .get("also")
                    .map_or(Vec::new(), |also| serde_json::from_str::<Vec<String>>(also).expect("a list"));
                let also = also.iter().map(|hex| from_hex(hex).expect("hex"));
                let two = (!line.contains_key("max_payload")).then(|| in_two_segments(&canonical));
                for encoded in also.chain(two).chain([canonical.clone()]) {
                    for offset in 0..8 {
                        let mut shifted = vec![0; offset];
                        shifted.extend_from_slice(&encoded);
                        let read = HandlePayloadRef::decode_within(&shifted[offset..], limits).expect(&name);
                        assert_eq!(read.clone().into_owned(), value, "{name}");
                        assert_eq!(encode(&read.into_owned()).as_ref(), Ok(&canonical), "{name}");
                    }
                }
            }
            Some(op) => {
                refused += 1;
                let result = match op {
                    "encode" => encode(&value()).map(drop),
                    _ => HandlePayloadRef::decode_within(&bytes("hex"), limits).map(drop),
                };
                let kind = result.expect_err(&name).kind();
                assert_eq!(kind.name(), string(line["kind"]), "{name}");
            }
        }
    }
    println!("payloads: {values} values, {refused} refused");
    assert!(values > 200 && refused > 20);
}

/// What a schema's user would write.
fn by_builder(context: &[u8], method: &str, body: &[u8]) -> Vec<u8> {
    let options = capnp::message::ReaderOptions::new();
    let read = capnp::serialize::read_message_from_flat_slice(&mut &context[..], options).unwrap();
    let context: invocation_context::Reader<'_> = read.get_root().unwrap();
    let mut message = capnp::message::Builder::new_default();
    let mut root: handle_payload::Builder<'_> = message.init_root();
    if context.total_size().unwrap().word_count > 0 {
        root.set_context(context).unwrap();
    }
    root.set_method(method);
    if !body.is_empty() {
        root.set_body(body);
    }
    let built = message.into_reader().canonicalize().unwrap();
    let mut out = vec![0, 0, 0, 0];
    out.extend(u32::try_from(built.len()).unwrap().to_le_bytes());
    out.extend(capnp::Word::words_to_bytes(&built));
    out
}

proptest! {
    #[test]
    fn bytes_are_the_builders(
        source in "[a-z]{0,20}",
        span in any::<[u8; 8]>(),
        capabilities in proptest::collection::btree_set("[a-z]{1,6}", 0..5),
        method in "[^\0]{1,60}",
        body in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let context = InvocationContext::builder()
            .source_module(source)
            .span_id(span)
            .capabilities(capabilities)
            .build()
            .unwrap();
        let payload = HandlePayload { context, method, body };
        let bytes = payload.encode().unwrap();
        prop_assert_eq!(&bytes, &by_builder(&payload.context.encode(), &payload.method, &payload.body));
        prop_assert_eq!(HandlePayload::decode(&bytes).unwrap(), payload);
    }

    #[test]
    fn no_input_panics(at in any::<prop::sample::Index>(), bit in 0..8u32, length in any::<prop::sample::Index>()) {
        let context = InvocationContext::builder().source_module("a").capability("b.c").metadata("k", "v");
        let payload = HandlePayload { context: context.build().unwrap(), method: "m".into(), body: vec![1; 9] };
        let mut bytes = payload.encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        bytes.truncate(length.index(bytes.len()) + 1);
        if let Ok(read) = HandlePayload::decode(&bytes) {
            let again = read.encode().unwrap();
            prop_assert_eq!(HandlePayload::decode(&again).unwrap(), read);
        }
    }
}

fn payload(context: InvocationContext) -> HandlePayload {
    HandlePayload { context, method: "method".into(), body: b"body".to_vec() }
}

#[test]
fn a_refusal_says_where() {
    let context = InvocationContext::builder().target(Target::Service("echo".into())).build().unwrap();
    let bytes = payload(context).encode().unwrap();
    // Table, root pointer, three pointers; the context's data word and two of pointers, its target's pointer, text.
    let text = bytes.windows(4).position(|four| four == b"echo").unwrap();
    let mut nul = bytes.clone();
    nul[text + 1] = 0;
    let error = HandlePayload::decode(&nul).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::BadText, "context.target.service"));
    assert!(error.offset().is_some());

    let mut method = bytes.clone();
    method[24..32].fill(0);
    let error = HandlePayload::decode(&method).unwrap_err();
    assert_eq!((error.kind(), error.field(), error.offset()), (ErrorKind::BadMethod, "method", Some(24)));

    let mut body = bytes.clone();
    body[32..40].fill(0xff);
    let error = HandlePayload::decode(&body).unwrap_err();
    assert_eq!((error.kind(), error.field(), error.offset()), (ErrorKind::BadPointer, "body", Some(32)));

    let mut context = bytes;
    context[16..24].fill(0xff);
    let error = HandlePayload::decode(&context).unwrap_err();
    assert_eq!((error.kind(), error.field(), error.offset()), (ErrorKind::BadPointer, "context", Some(16)));

    let long = HandlePayload { method: "m".repeat(257), ..payload(InvocationContext::anonymous()) };
    let error = long.encode().unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::BadMethod, "method"));
}

#[test]
fn a_message_must_say_the_context_of_its_open() {
    let open = InvocationContext::builder().source_module("gateway").token_ref(*b"t").capability("a.b");
    let build = |builder: ixt_core::invocation::ContextBuilder| builder.build().unwrap();
    let same = build(open.clone());
    let bytes = payload(same.clone()).encode().unwrap();
    let accept = |open: &InvocationContext| HandlePayloadRef::accept(&bytes, open, Limits::DEFAULT).map(drop);
    assert_eq!(accept(&same), Ok(()));
    for other in [
        InvocationContext::anonymous(),
        build(open.clone().capability("c.d")),
        build(open.clone().token_ref(*b"u")),
        build(open.clone().span_id([1; 8])),
        build(open.clone().deadline_ms(1)),
        build(open.target(Target::Module("m".into()))),
    ] {
        let error = accept(&other).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidArgument, "context"));
    }
}

/// A context of a later schema, in whichever form it came.
#[test]
fn a_later_context_is_compared_by_what_it_says() {
    let canonical = payload(InvocationContext::anonymous()).encode().unwrap();
    assert!(HandlePayloadRef::accept(&canonical, &InvocationContext::anonymous(), Limits::DEFAULT).is_ok());
    let mut seen = 0;
    for line in lines("payloads.jsonl") {
        let line = members(&line);
        if !line.contains_key("unknown") {
            continue;
        }
        seen += 1;
        let context = from_hex(&string(line["context"])).unwrap();
        let bytes = from_hex(&string(line["hex"])).unwrap();
        for form in [in_two_segments(&context), context] {
            let open = InvocationContext::decode(&form).unwrap();
            assert!(HandlePayloadRef::accept(&bytes, &open, Limits::DEFAULT).is_ok());
            assert!(HandlePayloadRef::accept(&canonical, &open, Limits::DEFAULT).is_err());
        }
    }
    assert!(seen > 0);
}

#[test]
fn the_largest_body_fills_a_payload() {
    let overhead = payload(InvocationContext::anonymous()).encode().unwrap().len() - 8;
    let mut largest = payload(InvocationContext::anonymous());
    largest.body = vec![7; MAX_PAYLOAD - overhead];
    let bytes = largest.encode().unwrap();
    assert_eq!(bytes.len(), MAX_PAYLOAD);
    assert_eq!(HandlePayload::decode(&bytes).unwrap(), largest);
    largest.body.push(7);
    let error = largest.encode().unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::FrameTooLarge, "body"));
}

#[test]
fn the_largest_context_is_one_that_is_as_large_by_itself() {
    let context = |length| InvocationContext::builder().source_module("s".repeat(length)).build();
    let length = (1..).find(|length| context(MAX_CONTEXT - length).is_ok()).unwrap();
    let largest = context(MAX_CONTEXT - length).unwrap();
    assert_eq!(largest.encode().len(), MAX_CONTEXT);
    let bytes = payload(largest.clone()).encode().unwrap();
    assert_eq!(HandlePayload::decode(&bytes).unwrap().context, largest);
}

#[test]
fn printing_shows_no_body() {
    let mut secret = payload(InvocationContext::builder().token_ref(*b"hidden").build().unwrap());
    secret.body = b"canary".to_vec();
    let shown = format!("{secret:?}");
    assert!(shown.contains("6 bytes") && !shown.contains("canary") && !shown.contains("hidden"), "{shown}");
}

#[test]
fn a_context_without_a_canonical_form_is_another_one() {
    // Of a later schema, with pointers that share so many words that it cannot be copied within the limits.
    let hex = concat!(
        "020000000c000000090000000a0000000000000000000300360000000200000046000000020000003600000000000000",
        "0001020000000000616c6963650000002200000002000000010000006200000002000000020000000000000001000100",
        "120000000200000000000000010001000000000000000000460000000000000000000000000001005600000000000000",
        "726573697a6500002200000000000000010000001a0000002a00000000000000010000003800000006000c0000000000",
        "2e0000000100000005000000020000003e000000010000007b227769647468223a36347d000000000200000001000000",
        "00000000000003002200000001000000010000003a000000",
    );
    let bytes = from_hex(hex).unwrap();
    let payload = HandlePayload::decode(&bytes).unwrap();
    assert!(HandlePayloadRef::accept(&bytes, &payload.context, Limits::DEFAULT).is_ok());
    let other = InvocationContext::builder().source_module("another").build().unwrap();
    let refused = HandlePayloadRef::accept(&bytes, &other, Limits::DEFAULT).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
}
