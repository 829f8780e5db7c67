//! The context of an invocation.

use std::fmt;
use std::sync::Arc;

use ixt_core::invocation as core;

use crate::parts::{ContextParts, MetadataEntry, Target};
use crate::refusal::Result;

/// Who invokes what, with which authority, until when (specification 21). It never changes, and is equal to
/// another one that says the same.
#[derive(Debug, PartialEq, Eq, uniffi::Object)]
#[uniffi::export(Debug, Display, Eq)]
pub struct InvocationContext(core::InvocationContext);

/// What a child has of its own; all else is its parent's.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ChildSpec {
    /// The new span, 8 bytes.
    pub span_id: Vec<u8>,
    /// The module that sends it.
    pub source_module: String,
    /// Where it goes.
    pub target: Target,
    /// A deadline of its own; the child gets the earlier of this and its parent's.
    #[uniffi(default = None)]
    pub deadline_ms: Option<u64>,
    /// The patterns that the child shall have, each within one of its parent's; none given: its parent's.
    #[uniffi(default = None)]
    pub capabilities: Option<Vec<String>>,
    /// Entries beside its parent's, or in the place of one with the same key.
    #[uniffi(default = [])]
    pub metadata: Vec<MetadataEntry>,
}

#[uniffi::export]
impl InvocationContext {
    /// The context that says this.
    ///
    /// # Errors
    /// A refusal of specification 20; `InvalidArgument` for an unknown target or subject.
    #[uniffi::constructor]
    pub fn new(parts: &ContextParts) -> Result<Arc<Self>> {
        parts.to_core().map(Self::of)
    }

    /// An external caller without a name, without authority, without anything.
    #[uniffi::constructor]
    #[must_use]
    pub fn anonymous() -> Arc<Self> {
        Self::of(core::InvocationContext::anonymous())
    }

    /// The runtime itself, with the capability `*`.
    #[uniffi::constructor]
    #[must_use]
    pub fn system() -> Arc<Self> {
        Self::of(core::InvocationContext::system())
    }

    /// The context of these bytes; no bytes are `anonymous`.
    ///
    /// # Errors
    /// A refusal of specification 20.
    #[uniffi::constructor]
    pub fn decode(bytes: Vec<u8>) -> Result<Arc<Self>> {
        Ok(Self::of(core::InvocationContext::decode(&bytes)?))
    }

    /// The context of these bytes, which must be canonical: for who compares, hashes or signs them.
    ///
    /// # Errors
    /// A refusal of specification 20, `NotCanonical` among them.
    #[uniffi::constructor]
    pub fn decode_canonical(bytes: Vec<u8>) -> Result<Arc<Self>> {
        Ok(Self::of(core::InvocationContext::decode_canonical(&bytes)?))
    }

    /// The canonical bytes; of a context with an unknown union member the bytes as they came.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.0.encode()
    }

    /// All that it says, in one record.
    #[must_use]
    pub fn parts(&self) -> ContextParts {
        (&self.0).into()
    }

    /// Whether a granted pattern covers `required`, a concrete capability. An unknown subject has none.
    #[must_use]
    pub fn has_capability(&self, required: &str) -> bool {
        self.0.actor().has_capability(required)
    }

    /// The context of an invocation that this one causes.
    ///
    /// # Errors
    /// `InvalidArgument` for authority that the parent has not and for another value of an ingress key; else
    /// as the constructor.
    pub fn child(&self, spec: &ChildSpec) -> Result<Arc<Self>> {
        let mut own = core::ChildSpec::new(
            core::span_id(&spec.span_id)?,
            spec.source_module.as_str(),
            spec.target.to_core()?,
        )
        .deadline_ms(spec.deadline_ms.unwrap_or(0));
        if let Some(capabilities) = &spec.capabilities {
            own = own.capabilities(capabilities.iter().map(String::as_str));
        }
        for MetadataEntry { key, value } in &spec.metadata {
            own = own.metadata(key, value);
        }
        Ok(Self::of(self.0.child(own)?))
    }

    /// Whether there is a deadline and it has passed at `now_ms`, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn deadline_elapsed(&self, now_ms: u64) -> bool {
        self.0.deadline_elapsed(now_ms)
    }

    /// Milliseconds to the deadline, believing the two clocks to be up to `max_skew_ms` apart; none without one.
    #[must_use]
    pub fn remaining(&self, now_ms: u64, max_skew_ms: u64) -> Option<u64> {
        self.0.remaining(now_ms, max_skew_ms)
    }

    /// The W3C header, where there are a correlation id and a span id.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.0.traceparent()
    }
}

impl InvocationContext {
    fn of(context: core::InvocationContext) -> Arc<Self> {
        Arc::new(Self(context))
    }
}

impl fmt::Display for InvocationContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
