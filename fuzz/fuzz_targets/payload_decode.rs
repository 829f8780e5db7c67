//! Calls in one message from arbitrary bytes: nothing panics, whatever is accepted encodes and decodes again to the
//! same, its context is one that decodes by itself, and it is accepted for that context alone.
#![no_main]

use ixt_core::invocation::{HandlePayload, HandlePayloadRef, InvocationContext};
use ixt_core::wire::{MAX_CONTEXT, MAX_METHOD};
use ixt_core::{ErrorKind, Limits};
use ixt_fuzz::shape::{in_two_segments, message, shifted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = message(data) else { return };
    shifted(&bytes, usize::from(choice), check);
});

fn check(bytes: &[u8]) {
    let payload = match HandlePayloadRef::decode(bytes) {
        Ok(payload) => payload,
        Err(error) => {
            assert_eq!(HandlePayload::decode(bytes), Err(error.clone()));
            assert!(error.offset().is_none_or(|offset| offset <= bytes.len()), "{error} of {}", bytes.len());
            return;
        }
    };
    assert!(
        !payload.method.is_empty() && payload.method.len() <= MAX_METHOD && !payload.method.contains('\0')
    );

    let context = payload.context.encode();
    assert!(context.len() <= MAX_CONTEXT);
    let alone = InvocationContext::decode(&context).expect("a context decodes by itself");
    assert_eq!(alone, payload.context);
    assert!(HandlePayloadRef::accept(bytes, &alone, Limits::DEFAULT).is_ok());
    let other =
        InvocationContext::builder().source_module("another").span_id([0xa5; 8]).build().expect("small");
    if other != alone {
        let refused = HandlePayloadRef::accept(bytes, &other, Limits::DEFAULT).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(ErrorKind::InvalidArgument));
    }

    let again = payload.encode().expect("what is accepted of so few bytes encodes");
    assert_eq!(HandlePayloadRef::decode(&again).as_ref(), Ok(&payload));
    assert_eq!(payload.clone().into_owned().encode().as_ref(), Ok(&again));
    if let Some(two) = in_two_segments(bytes) {
        assert_eq!(HandlePayloadRef::decode(&two).expect("the same message in two segments"), payload);
    }
}
