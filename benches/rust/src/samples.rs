//! The values that every language's benchmark encodes. Each prints the bytes it gets from them, and
//! the report refuses to compare languages that do not agree.

use std::hint::black_box;

use ixt_core::invocation::{InvocationContext, Subject, Target};
use ixt_core::stream::StreamId;

/// Payload sizes in bytes.
pub const SIZES: [usize; 3] = [64, 1 << 10, 64 << 10];
/// The payload that is compared with a plain copy, in bytes: the largest that the limits allow.
pub const LARGEST: usize = 1 << 20;
/// The sequence of the data frame.
pub const SEQUENCE: u64 = 7;
/// Its stream id.
pub const STREAM_ID: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

/// The stream id.
pub fn stream_id() -> StreamId {
    StreamId::new(STREAM_ID).expect("not nil")
}

/// A payload: 0, 1, 2, … modulo 251.
pub fn payload(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index % 251) as u8).collect()
}

/// The ids of the context.
pub const CORRELATION_ID: [u8; 16] = *b"\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36";
/// The span of the context.
pub const SPAN_ID: [u8; 8] = *b"\x00\xf0\x67\xaa\x0b\xa9\x02\xb7";
/// The span of its parent.
pub const PARENT_SPAN_ID: [u8; 8] = *b"\x53\x99\x5c\x3f\x42\xcd\x8a\xd8";
/// Its deadline.
pub const DEADLINE_MS: u64 = 1_795_000_000_000;
/// Its source module.
pub const SOURCE_MODULE: &str = "gateway.http";
/// The service that it goes to.
pub const SERVICE: &str = "storage.documents";
/// The operator who calls.
pub const OPERATOR: &str = "alice@example.org";
/// The token's handle.
pub const TOKEN_REF: &[u8] = b"vault:7f3a91c2";
/// The capabilities, in order.
pub const CAPABILITIES: [&str; 2] = ["fs.read", "storage.documents.*"];
/// The metadata, in order.
pub const METADATA: [(&str, &str); 4] = [
    ("auth.strength", "mfa"),
    ("ingress.kind", "http"),
    ("ingress.source_ip", "192.0.2.17"),
    ("tenant", "example-tenant"),
];

/// The context: all fields, two capabilities, four metadata entries.
pub fn context() -> InvocationContext {
    METADATA
        .into_iter()
        .fold(InvocationContext::builder(), |builder, (key, value)| {
            builder.metadata(black_box(key), black_box(value))
        })
        .correlation_id(black_box(CORRELATION_ID))
        .span_id(black_box(SPAN_ID))
        .parent_span_id(black_box(PARENT_SPAN_ID))
        .trace_flags(black_box(1))
        .deadline_ms(black_box(DEADLINE_MS))
        .source_module(black_box(SOURCE_MODULE))
        .target(Target::Service(black_box(SERVICE).into()))
        .subject(Subject::Operator(black_box(OPERATOR).into()))
        .token_ref(black_box(TOKEN_REF))
        .capabilities(CAPABILITIES.map(black_box))
        .build()
        .expect("within the limits")
}
