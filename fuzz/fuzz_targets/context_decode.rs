//! Contexts from arbitrary bytes: nothing panics, whatever is accepted keeps the limits, encodes, decodes
//! again to the same, and a child of it holds no more authority than it.
#![no_main]

use ixt_core::ErrorKind;
use ixt_core::invocation::capability::attenuates;
use ixt_core::invocation::{ChildSpec, ContextRef, InvocationContext, Subject, Target, from_traceparent};
use ixt_core::text::{context_from_json, context_to_json};
use ixt_core::wire::{
    MAX_CAPABILITIES, MAX_CAPABILITY, MAX_CONTEXT, MAX_METADATA, MAX_METADATA_KEY, MAX_METADATA_TOTAL,
    MAX_METADATA_VALUE, MAX_TOKEN, METADATA_ENTRY_OVERHEAD,
};
use ixt_fuzz::shape::{in_two_segments, message, shifted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = message(data) else { return };
    shifted(&bytes, usize::from(choice), check);
});

fn check(bytes: &[u8]) {
    let decoded = ContextRef::decode(bytes);
    let canonical = ContextRef::decode_canonical(bytes);
    assert_eq!(InvocationContext::decode(bytes), decoded.clone().map(|context| context.to_owned()));
    let context = match decoded {
        Ok(context) => context,
        Err(error) => {
            assert_eq!(canonical, Err(error.clone()));
            assert!(error.offset().is_none_or(|offset| offset <= bytes.len()), "{error} of {}", bytes.len());
            return;
        }
    };
    limits(&context);

    let again = context.encode();
    assert_eq!(context.encoded_len(), again.len());
    assert_eq!(context.to_owned().encode(), again);
    match canonical {
        Ok(found) => assert!(found == context && again == bytes),
        Err(error) => assert!(error.kind() == ErrorKind::NotCanonical && again != bytes),
    }
    let mut room = vec![0xaa; again.len() + 1];
    assert_eq!(context.encode_to_slice(&mut room), Ok(again.len()));
    assert!(room.starts_with(&again) && room.ends_with(&[0xaa]));
    let short = context.encode_to_slice(&mut room[..again.len() - 1]).map_err(|error| error.kind());
    assert_eq!(short, Err(ErrorKind::BufferTooSmall));

    let text = context_to_json(&context);
    let later = matches!(context.target(), Target::Unknown(_))
        || matches!(context.actor().subject(), Subject::Unknown(_));
    if later {
        assert_eq!(again, bytes);
        assert_eq!(context_from_json(&text).map_err(|error| error.kind()), Err(ErrorKind::BadJson));
        if matches!(context.actor().subject(), Subject::Unknown(_)) {
            assert!(!context.actor().has_capability("fs.read"), "a later subject has no authority");
        }
    } else {
        assert_eq!(ContextRef::decode(&again).as_ref(), Ok(&context));
        // Decoding gives what no encoder writes: a value whose canonical form is larger than the limit.
        match context_from_json(&text) {
            Ok(read) => assert_eq!(read, context.to_owned()),
            Err(error) => assert!(again.len() > MAX_CONTEXT, "{error}"),
        }
    }

    if let Some(two) = in_two_segments(bytes)
        && two.len() <= MAX_CONTEXT
    {
        let other = ContextRef::decode(&two).expect("the same message in two segments");
        assert_eq!(context_to_json(&other), text);
    }
    if let Some(header) = context.traceparent() {
        let read = from_traceparent(&header).expect("our own header");
        assert_eq!((read.correlation_id, read.span_id), (context.correlation_id(), context.span_id()));
    }
    child(&context);
}

fn limits(context: &ContextRef<'_>) {
    let actor = context.actor();
    assert!(actor.token_ref().expose().len() <= MAX_TOKEN);
    assert!(actor.capabilities().len() <= MAX_CAPABILITIES);
    assert!(actor.capabilities().iter().all(|capability| capability.len() <= MAX_CAPABILITY));
    assert!(actor.capabilities().is_sorted_by(|a, b| a < b));
    let metadata = context.metadata();
    assert!(metadata.len() <= MAX_METADATA);
    assert!(metadata.is_sorted_by(|a, b| a.key < b.key));
    let mut total = 0;
    for entry in metadata {
        let legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
        assert!(!entry.key.is_empty() && entry.key.len() <= MAX_METADATA_KEY && entry.key.bytes().all(legal));
        assert!(entry.value.len() <= MAX_METADATA_VALUE && !entry.value.contains('\0'));
        total += entry.key.len() + entry.value.len() + METADATA_ENTRY_OVERHEAD;
        assert_eq!(context.metadata_value(entry.key), Some(entry.value));
    }
    assert!(total <= MAX_METADATA_TOTAL);
    assert!(!context.source_module().contains('\0'));
}

fn child(context: &ContextRef<'_>) {
    let spec = ChildSpec::new([7; 8], "child", Target::Service("echo".into()));
    let Ok(child) = context.child(spec) else { return };
    let (own, parent) = (child.actor().capabilities(), context.actor().capabilities());
    let own: Vec<&str> =
        own.iter().map(|capability| capability.as_str()).filter(|c| well_formed(c)).collect();
    assert!(attenuates(parent, &own));
    assert_eq!(child.correlation_id(), context.correlation_id());
    assert_eq!(child.deadline_ms(), context.deadline_ms());
    assert_eq!(child.metadata_value("tenant"), context.metadata_value("tenant"));
    let bytes = child.encode();
    assert!(bytes.len() <= MAX_CONTEXT);
    assert_eq!(InvocationContext::decode_canonical(&bytes), Ok(child));
}

/// What attenuates itself; a malformed pattern covers nothing, itself included.
fn well_formed(capability: &str) -> bool {
    attenuates(&[capability], &[capability])
}
