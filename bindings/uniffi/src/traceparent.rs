//! The W3C header (specification 21, section 9).

/// What a `traceparent` header says.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TraceParent {
    /// The 16 bytes of the trace-id.
    pub correlation_id: Vec<u8>,
    /// The 8 bytes of the parent-id, which is the caller's span.
    pub span_id: Vec<u8>,
    /// The trace-flags.
    pub trace_flags: u8,
}

/// Reads a `traceparent` header; a malformed one counts as absent.
#[uniffi::export]
#[must_use]
pub fn from_traceparent(header: &str) -> Option<TraceParent> {
    ixt_core::invocation::from_traceparent(header).map(|found| TraceParent {
        correlation_id: found.correlation_id.to_vec(),
        span_id: found.span_id.to_vec(),
        trace_flags: found.trace_flags,
    })
}
