//! Where a refusal of bytes says that it went wrong: the field, and the byte at which its pointer stands.

use ixt_core::ErrorKind;
use ixt_core::invocation::{ContextRef, InvocationContext, Subject, Target};
use ixt_core::stream::{CancelReason, FrameRef, InteractionKind, StreamErrorCode, StreamFrame, StreamId};

/// A pointer to a capability, which no field of ours may be.
const BAD: [u8; 8] = [3, 0, 0, 0, 0, 0, 0, 0];
/// Table and root pointer.
const HEAD: usize = 16;

fn id() -> StreamId {
    StreamId::new([7; 16]).unwrap()
}

fn with(message: &[u8], at: usize, word: [u8; 8]) -> Vec<u8> {
    let mut message = message.to_vec();
    message[at..at + 8].copy_from_slice(&word);
    message
}

#[test]
fn a_frame_names_the_pointer() {
    let frames = [
        // Pointers follow the data, of which canonical form keeps the words up to the last that is not 0.
        (StreamFrame::data(id(), 1, vec![1]), "data.payload", HEAD + 4 * 8),
        (
            StreamFrame::error(id(), StreamErrorCode::Internal, 3, "m".into(), vec![2]),
            "error.message",
            HEAD + 5 * 8,
        ),
        (
            StreamFrame::error(id(), StreamErrorCode::Internal, 3, "m".into(), vec![2]),
            "error.details",
            HEAD + 6 * 8,
        ),
        (
            StreamFrame::error(id(), StreamErrorCode::Internal, 0, "m".into(), vec![2]),
            "error.details",
            HEAD + 5 * 8,
        ),
        (StreamFrame::cancel(id(), CancelReason::Shutdown, "m".into()), "cancel.message", HEAD + 4 * 8),
        (StreamFrame::open(id(), InteractionKind::BidiStream, 1, vec![1]), "open.context", HEAD + 3 * 8),
    ];
    for (frame, field, at) in frames {
        let error = FrameRef::decode(&with(&frame.encode().unwrap(), at, BAD)).unwrap_err();
        assert_eq!((error.kind(), error.field(), error.offset()), (ErrorKind::BadPointer, field, Some(at)));
    }
}

#[test]
fn a_context_names_the_pointer() {
    let bytes = InvocationContext::builder()
        .correlation_id([1; 16])
        .source_module("m")
        .target(Target::Module("t".into()))
        .subject(Subject::Operator("o".into()))
        .token_ref([1])
        .capability("c")
        .metadata("k", "v")
        .build()
        .unwrap()
        .encode();
    // Two words of data, four pointers; then in preorder: the module's text, the target's tag, pointer and
    // text, the actor's three pointers, the subject's tag, pointer and text, token, list and text of the
    // capability, tag, pointers and texts of the entry.
    let root = HEAD + 2 * 8;
    let target = root + 5 * 8;
    let actor = target + 3 * 8;
    let subject = actor + 3 * 8;
    let list = subject + 4 * 8;
    let entry = list + 3 * 8;
    for (field, at) in [
        ("source_module", root),
        ("target", root + 8),
        ("target.module", target + 8),
        ("actor", root + 2 * 8),
        ("actor.subject", actor),
        ("actor.subject.operator", subject + 8),
        ("actor.token_ref", actor + 8),
        ("actor.capabilities", actor + 2 * 8),
        ("metadata", root + 3 * 8),
        ("metadata[0].key", entry),
        ("metadata[0].value", entry + 8),
    ] {
        let error = ContextRef::decode(&with(&bytes, at, BAD)).unwrap_err();
        assert_eq!((error.kind(), error.field(), error.offset()), (ErrorKind::BadPointer, field, Some(at)));
    }
    // The texts of a list have no place of their own.
    let error = ContextRef::decode(&with(&bytes, list, BAD)).unwrap_err();
    assert_eq!((error.field(), error.offset()), ("actor.capabilities[0]", None));
}

#[test]
fn a_text_names_its_first_byte() {
    let bytes = StreamFrame::cancel(id(), CancelReason::Shutdown, "abc".into()).encode().unwrap();
    let at = bytes.len() - 8;
    let error = FrameRef::decode(&with(&bytes, at, *b"a\0c\0\0\0\0\0")).unwrap_err();
    assert_eq!(
        (error.kind(), error.field(), error.offset()),
        (ErrorKind::BadText, "cancel.message", Some(at))
    );
    let error = FrameRef::decode(&with(&bytes, at, *b"a\xffc\0\0\0\0\0")).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::BadText, Some(at)));
}
