//! Contexts by the public calls: where a refusal says it is, and what a later schema's members may do.

use ixt_core::ErrorKind;
use ixt_core::invocation::{ChildSpec, ContextBuilder, ContextRef, InvocationContext, Subject, Target};

fn builder() -> ContextBuilder {
    InvocationContext::builder()
}

fn refusal(builder: ContextBuilder) -> (ErrorKind, String) {
    let error = builder.build().unwrap_err();
    (error.kind(), error.field().to_owned())
}

#[test]
fn a_refusal_names_the_field_in_the_order_given() {
    use ErrorKind::*;
    let full = || builder().capabilities(["b", "a"]).metadata("b", "").metadata("a", "");
    let many = (0..65).map(|at| at.to_string());
    let cases = [
        (full().capability("b"), DuplicateCapability, "actor.capabilities[2]"),
        (full().capability("x".repeat(257)), CapabilityTooLong, "actor.capabilities[2]"),
        (full().capability("x\0"), BadText, "actor.capabilities[2]"),
        (builder().capabilities(many.clone()), TooManyCapabilities, "actor.capabilities"),
        (full().metadata("b", "x"), DuplicateKey, "metadata[2].key"),
        (full().metadata("B", "x"), BadMetadataKey, "metadata[2].key"),
        (full().metadata("", "x"), BadMetadataKey, "metadata[2].key"),
        (full().metadata("c", "\0"), BadText, "metadata[2].value"),
        (full().metadata("c", "x".repeat(4097)), MetadataTooLarge, "metadata[2].value"),
        (many.fold(builder(), |builder, key| builder.metadata(key, "")), TooManyMetadata, "metadata"),
        (
            full().metadata("c", "x".repeat(4096)).metadata("d", "x".repeat(4096)),
            MetadataTooLarge,
            "metadata",
        ),
        (full().token_ref([0; 1025]), TokenTooLong, "actor.token_ref"),
        (full().source_module("\0"), BadText, "source_module"),
        (full().target(Target::Broadcast("\0".into())), BadText, "target.broadcast"),
        (full().subject(Subject::Operator("\0".into())), BadText, "actor.subject.operator"),
        (full().target(Target::Unknown(9)), InvalidArgument, "target"),
        (full().subject(Subject::Unknown(9)), InvalidArgument, "actor.subject"),
        (full().source_module("x".repeat(17_000)), ContextTooLarge, ""),
    ];
    for (builder, kind, field) in cases {
        assert_eq!(refusal(builder), (kind, field.to_owned()));
    }
}

#[test]
fn the_largest_of_everything_is_taken() {
    let capabilities = (0..40).map(|at| format!("{at:0256}"));
    let context = builder()
        .token_ref([1; 1024])
        .capabilities(capabilities)
        .metadata("k".repeat(128), "v".repeat(4096))
        .build()
        .unwrap();
    assert_eq!(InvocationContext::decode(&context.encode()), Ok(context));
}

#[test]
fn a_refusal_of_bytes_says_where() {
    let mut bytes = builder().source_module("gateway").build().unwrap().encode();
    let text = bytes.windows(7).position(|seven| seven == b"gateway").unwrap();
    bytes[text + 3] = 0xff;
    let error = ContextRef::decode(&bytes).unwrap_err();
    assert_eq!(error.to_string(), format!("BadText: text is not valid (source_module) at byte {text}"));
}

/// A context whose subject is one of a later schema.
fn of_an_unknown_subject() -> Vec<u8> {
    let mut bytes = builder()
        .span_id([1; 8])
        .subject(Subject::Module("m".into()))
        .token_ref(b"handle")
        .capability("*")
        .metadata("tenant", "acme")
        .build()
        .unwrap()
        .encode();
    let tag = bytes.chunks_exact(8).position(|word| word == [2, 0, 0, 0, 0, 0, 0, 0]).unwrap() * 8;
    bytes[tag] = 9;
    bytes
}

#[test]
fn an_unknown_subject_has_no_authority_and_hands_none_on() {
    let bytes = of_an_unknown_subject();
    let context = ContextRef::decode(&bytes).unwrap();
    assert_eq!(context.actor().subject(), Subject::Unknown(9));
    assert_eq!(context.actor().capabilities(), ["*"]);
    assert!(!context.actor().has_capability("fs.read"));
    assert_eq!(context.encode(), bytes);

    let spec = ChildSpec::new([2; 8], "gateway", Target::default());
    let child = context.child(spec.clone()).unwrap();
    assert_eq!(child.actor().subject(), Subject::External(""));
    assert!(child.actor().capabilities().is_empty() && child.actor().token_ref().is_empty());
    assert_eq!(child.metadata_value("tenant"), Some("acme"));
    let refused = context.child(spec.capabilities(["fs.read"])).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn zero_bytes_are_anonymous() {
    let anonymous = InvocationContext::anonymous();
    assert_eq!(InvocationContext::decode(&[]), Ok(anonymous.clone()));
    assert_eq!(InvocationContext::decode(&anonymous.encode()), Ok(anonymous));
    assert_eq!(InvocationContext::decode_canonical(&[]).unwrap_err().kind(), ErrorKind::NotCanonical);
    let system = InvocationContext::system();
    assert_eq!(InvocationContext::decode_canonical(&system.encode()), Ok(system.clone()));
    assert!(system.actor().has_capability("any.thing"));
}

#[test]
fn time_saturates() {
    let context = builder().deadline_ms(u64::MAX).build().unwrap();
    assert_eq!(context.remaining(0, u64::MAX), Some(u64::MAX));
    assert!(context.deadline_elapsed(u64::MAX) && !context.deadline_elapsed(u64::MAX - 1));
    assert!(!InvocationContext::anonymous().deadline_elapsed(u64::MAX));
}

#[test]
fn a_traceparent_needs_both_ids() {
    let ids =
        |correlation, span| builder().correlation_id([correlation; 16]).span_id([span; 8]).trace_flags(1);
    let header = |correlation, span| ids(correlation, span).build().unwrap().traceparent();
    assert_eq!(header(0, 1), None);
    assert_eq!(header(1, 0), None);
    let expected = "00-01010101010101010101010101010101-0202020202020202-01";
    assert_eq!(header(1, 2).as_deref(), Some(expected));
}
