//! Frames and contexts in the text form: nothing panics, and what is read is printed so that it reads as
//! the same value, whose bytes decode to it.
#![no_main]

use ixt_core::invocation::InvocationContext;
use ixt_core::stream::StreamFrame;
use ixt_core::text::{
    context_from_json, context_to_json, error_to_json, frame_from_json, frame_to_json, from_hex, to_hex,
};
use ixt_core::wire::MAX_CONTEXT;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match frame_from_json(text) {
        Ok(frame) => {
            let printed = frame_to_json(&frame.as_ref());
            assert_eq!(frame_from_json(&printed), Ok(frame.clone()));
            // The limits are the encoder's to check.
            if let Ok(bytes) = frame.encode() {
                let decoded = StreamFrame::decode(&bytes);
                assert_eq!(decoded, Ok(frame));
            }
        }
        Err(error) => refused(text, &error),
    }
    match context_from_json(text) {
        Ok(context) => {
            let printed = context_to_json(&context);
            assert_eq!(context_from_json(&printed), Ok(context.clone()));
            let bytes = context.encode();
            assert!(bytes.len() <= MAX_CONTEXT);
            assert_eq!(InvocationContext::decode_canonical(&bytes), Ok(context));
        }
        Err(error) => refused(text, &error),
    }
    if let Some(bytes) = from_hex(text) {
        assert_eq!(to_hex(&bytes), text);
    }
});

/// A refusal names a place of the text, and reads as JSON itself.
fn refused(text: &str, error: &ixt_core::Error) {
    assert!(error.offset().is_none_or(|offset| offset <= text.len()), "{error} of {}", text.len());
    let line = error_to_json(error);
    assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
}
