//! A token's handle never shows: not in Debug, not in the text of an error.

use ixt_core::invocation::{ContextRef, InvocationContext, Subject, Target, TokenRef};
use ixt_core::stream::{FrameRef, InteractionKind, StreamFrame, StreamId};
use ixt_core::text::{ContextText, FrameText, Hex, context_from_json, context_to_json, to_hex};

const CANARY: &str = "canary-7f3a";

/// Neither as text, nor as hex, nor as a list of numbers.
fn is_silent(shown: &str) {
    let numbers: Vec<_> = CANARY.bytes().map(|byte| byte.to_string()).collect();
    for trace in [CANARY.to_owned(), to_hex(CANARY.as_bytes()), numbers.join(", "), "anary".to_owned()] {
        assert!(!shown.contains(&trace), "{shown}");
    }
}

#[test]
fn no_formatter_shows_it() {
    let builder = InvocationContext::builder()
        .subject(Subject::Operator("alice".into()))
        .target(Target::Service("echo".into()))
        .token_ref(CANARY);
    is_silent(&format!("{builder:?} {builder:#?}"));
    let context = builder.build().unwrap();
    let bytes = context.encode();
    let borrowed = ContextRef::decode(&bytes).unwrap();
    assert_eq!(borrowed.actor().token_ref().expose(), CANARY.as_bytes());
    assert!(context_to_json(&context).contains(&to_hex(CANARY.as_bytes())), "the text form is meant to");

    is_silent(&format!("{context:?} {context:#?} {:?} {:?}", context.actor(), context.actor().token_ref()));
    is_silent(&format!("{borrowed:?} {borrowed:#?} {:?}", borrowed.actor()));
    is_silent(&format!("{:?}", TokenRef::new(CANARY.as_bytes())));

    let id = StreamId::new([1; 16]).unwrap();
    let open = StreamFrame::open(id, InteractionKind::Unary, 0, bytes.clone());
    is_silent(&format!("{open:?} {open:#?}"));
    let text = ContextText::from(&context);
    is_silent(&format!("{text:?} {text:#?} {:?}", Hex(CANARY.into())));
    is_silent(&format!("{:?}", FrameText::from(open.as_ref())));
}

#[test]
fn a_context_of_a_later_schema_does_not_show_it() {
    let mut bytes = InvocationContext::builder()
        .target(Target::Broadcast("x".into()))
        .token_ref(CANARY)
        .build()
        .unwrap()
        .encode();
    // The only word that is a 2: the tag of the target.
    let tag = bytes.chunks_exact(8).position(|word| word == [2, 0, 0, 0, 0, 0, 0, 0]).unwrap() * 8;
    bytes[tag] = 77;
    let context = ContextRef::decode(&bytes).unwrap();
    assert_eq!(context.target(), Target::Unknown(77));
    assert_eq!(context.encode(), bytes);
    is_silent(&format!("{context:?} {context:#?} {:?}", context.to_owned()));
}

#[test]
fn no_error_shows_it() {
    let bytes = InvocationContext::builder().token_ref(CANARY).build().unwrap().encode();
    for length in 0..bytes.len() {
        if let Err(error) = ContextRef::decode(&bytes[..length]) {
            is_silent(&format!("{error} {error:?}"));
        }
    }
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0xff;
        if let Err(error) = ContextRef::decode(&bad) {
            is_silent(&format!("{error} {error:?}"));
        }
        if let Err(error) = FrameRef::decode(&bad) {
            is_silent(&format!("{error} {error:?}"));
        }
    }

    let long = InvocationContext::builder().token_ref(CANARY.repeat(200)).build().unwrap_err();
    is_silent(&format!("{long} {long:?}"));
    for bad in [
        format!(r#"{{"actor":{{"token_ref":"{CANARY}"}}}}"#),
        format!(r#"{{"actor":{{"token_ref":["{CANARY}"]}}}}"#),
        format!(r#"{{"actor":{{"{CANARY}":1}}}}"#),
        format!(r#"{{"actor":{{"subject":"{CANARY}"}}}}"#),
        format!(r#"{{"actor":"{CANARY}"}}"#),
        format!(r#"{{"deadline_ms":"{CANARY}"}}"#),
        format!(r#"{{"target":{{"{CANARY}":""}}}}"#),
        format!(r#"{{"metadata":{{"{CANARY}!":"{CANARY}"}}}}"#),
        CANARY.to_owned(),
    ] {
        let error = context_from_json(&bad).unwrap_err();
        is_silent(&format!("{error} {error:?}"));
    }
}
