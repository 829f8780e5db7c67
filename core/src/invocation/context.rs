//! The context, over owned or borrowed storage.

use std::fmt;

use super::few::Few;
use super::{Actor, ContextBuilder, MetadataEntry, Subject, Target, TokenRef, TraceParent};

/// Who invokes what, with which authority, until when, over owned or borrowed storage.
///
/// `B` holds bytes and `T` text; up to `N` capabilities and `N` metadata entries are held without
/// allocating. See [`InvocationContext`] (owned) and [`ContextRef`] (borrowed). There is no way to one
/// that breaks a limit, so encoding cannot fail.
#[derive(Clone, PartialEq, Eq)]
pub struct Context<B: AsRef<[u8]>, T: AsRef<str>, const N: usize> {
    pub(super) correlation_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) parent_span_id: [u8; 8],
    pub(super) trace_flags: u8,
    /// 0 for none, as on the wire.
    pub(super) deadline_ms: u64,
    pub(super) source_module: T,
    pub(super) target: Target<T>,
    pub(super) actor: Actor<B, T, N>,
    pub(super) metadata: Few<MetadataEntry<T>, N>,
    /// The message as it came, where it has a target or a subject of a later schema.
    pub(super) message: Option<B>,
}

/// A context that owns its bytes.
pub type InvocationContext = Context<Vec<u8>, String, 0>;

/// A context that borrows its bytes, as decoding gives it: nothing is copied, and nothing allocated
/// for up to 8 capabilities and 8 metadata entries.
pub type ContextRef<'a> = Context<&'a [u8], &'a str, 8>;

impl InvocationContext {
    /// Begins an anonymous context.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    /// An external caller with an empty name and no capability: what zero bytes decode to.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// The runtime itself, with the capability `*`. Ids are zeros, and there is no deadline.
    ///
    /// The authority is the capability's; the subject grants none.
    #[must_use]
    pub fn system() -> Self {
        let capabilities = vec!["*".to_owned()].into();
        Self {
            actor: Actor { subject: Subject::System, capabilities, ..Actor::default() },
            ..Self::default()
        }
    }
}

impl<'a> ContextRef<'a> {
    /// Begins an anonymous context that borrows what it is given: to encode it once, say.
    ///
    /// ```
    /// # use ixt_core::invocation::{ContextRef, InvocationContext};
    /// let borrowed = ContextRef::builder().source_module("gateway").capability("fs.read").build()?;
    /// let owned = InvocationContext::builder().source_module("gateway").capability("fs.read").build()?;
    /// assert_eq!(borrowed.encode(), owned.encode());
    /// # Ok::<(), ixt_core::Error>(())
    /// ```
    #[inline]
    pub fn builder() -> ContextBuilder<&'a [u8], &'a str, 8> {
        ContextBuilder::default()
    }
}

impl<B: AsRef<[u8]>, T: AsRef<str>, const N: usize> Context<B, T, N> {
    /// The 16 bytes that all invocations of one piece of work share: a W3C trace-id. Zeros for none.
    #[must_use]
    #[inline]
    pub fn correlation_id(&self) -> [u8; 16] {
        self.correlation_id
    }

    /// The 8 bytes that name this invocation: a W3C parent-id. Zeros for none.
    #[must_use]
    #[inline]
    pub fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// The span of the invocation that caused this one. Zeros for none.
    #[must_use]
    #[inline]
    pub fn parent_span_id(&self) -> [u8; 8] {
        self.parent_span_id
    }

    /// The W3C trace-flags; bit 0 says sampled.
    #[must_use]
    #[inline]
    pub fn trace_flags(&self) -> u8 {
        self.trace_flags
    }

    /// Until when, in milliseconds since the Unix epoch; `None` for no deadline (0 on the wire).
    #[must_use]
    #[inline]
    pub fn deadline_ms(&self) -> Option<u64> {
        (self.deadline_ms != 0).then_some(self.deadline_ms)
    }

    /// The module that sent it; empty for none.
    #[must_use]
    #[inline]
    pub fn source_module(&self) -> &str {
        self.source_module.as_ref()
    }

    /// Where it goes.
    #[must_use]
    #[inline]
    pub fn target(&self) -> Target<&str> {
        self.target.as_ref()
    }

    /// Who invokes, and with which authority.
    #[must_use]
    #[inline]
    pub fn actor(&self) -> &Actor<B, T, N> {
        &self.actor
    }

    /// The metadata, sorted by the bytes of the keys: at most 64 entries, of which keys, values and 32
    /// bytes each make at most 8 KiB.
    #[must_use]
    #[inline]
    pub fn metadata(&self) -> &[MetadataEntry<T>] {
        self.metadata.as_slice()
    }

    /// The metadata value under this key.
    #[must_use]
    pub fn metadata_value(&self, key: &str) -> Option<&str> {
        let entries = self.metadata();
        let found = entries.binary_search_by(|entry| entry.key.as_ref().cmp(key)).ok()?;
        entries.get(found).map(|entry| entry.value.as_ref())
    }

    /// Whether the deadline has passed at `now_ms`, in milliseconds since the Unix epoch: it has from
    /// that millisecond on. Never without a deadline.
    ///
    /// ```
    /// # use ixt_core::invocation::InvocationContext;
    /// let context = InvocationContext::builder().deadline_ms(1_000).build()?;
    /// assert!(!context.deadline_elapsed(999));
    /// assert!(context.deadline_elapsed(1_000));
    /// # Ok::<(), ixt_core::Error>(())
    /// ```
    #[must_use]
    pub fn deadline_elapsed(&self, now_ms: u64) -> bool {
        self.deadline_ms().is_some_and(|deadline| now_ms >= deadline)
    }

    /// Milliseconds from `now_ms` until the deadline has passed on every clock that differs from the
    /// caller's by at most `max_skew_ms`: `deadline + max_skew_ms - now_ms`, and 0 when that is past.
    /// `None` without a deadline.
    ///
    /// The deadline was set by another clock. If that one runs behind ours, the deadline is later than
    /// it looks here; who does not want to give up early allows for that. With a skew of 0 it is the
    /// plain difference, and 0 just when [`deadline_elapsed`](Self::deadline_elapsed). Nothing wraps.
    ///
    /// ```
    /// # use ixt_core::invocation::InvocationContext;
    /// let context = InvocationContext::builder().deadline_ms(1_000).build()?;
    /// assert_eq!(context.remaining(900, 0), Some(100));
    /// assert_eq!(context.remaining(1_030, 50), Some(20));
    /// assert_eq!(context.remaining(2_000, 50), Some(0));
    /// assert_eq!(InvocationContext::anonymous().remaining(900, 50), None);
    /// # Ok::<(), ixt_core::Error>(())
    /// ```
    #[must_use]
    pub fn remaining(&self, now_ms: u64, max_skew_ms: u64) -> Option<u64> {
        self.deadline_ms().map(|deadline| deadline.saturating_add(max_skew_ms).saturating_sub(now_ms))
    }

    /// The W3C `traceparent` header of this invocation; `None` when the correlation id or the span id
    /// is all zeros, which W3C forbids. [`from_traceparent`](super::from_traceparent) reads it.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        let Self { correlation_id, span_id, trace_flags, .. } = *self;
        let valid = correlation_id != [0; 16] && span_id != [0; 8];
        valid.then(|| TraceParent { correlation_id, span_id, trace_flags }.to_string())
    }

    /// The same context, owned.
    #[must_use]
    pub fn to_owned(&self) -> InvocationContext {
        let text = |text: &T| text.as_ref().to_owned();
        let entry =
            |entry: &MetadataEntry<T>| MetadataEntry { key: text(&entry.key), value: text(&entry.value) };
        Context {
            correlation_id: self.correlation_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            trace_flags: self.trace_flags,
            deadline_ms: self.deadline_ms,
            source_module: text(&self.source_module),
            target: self.target.to_owned(),
            actor: Actor {
                subject: self.actor.subject.to_owned(),
                token_ref: TokenRef::new(self.actor.token_ref.expose().to_vec()),
                capabilities: self.actor.capabilities().iter().map(text).collect::<Vec<_>>().into(),
            },
            metadata: self.metadata().iter().map(entry).collect::<Vec<_>>().into(),
            message: self.message.as_ref().map(|message| message.as_ref().to_vec()),
        }
    }
}

/// An anonymous external caller, with nothing set.
impl<B: AsRef<[u8]> + Default, T: AsRef<str> + Default, const N: usize> Default for Context<B, T, N> {
    #[inline]
    fn default() -> Self {
        Self {
            correlation_id: [0; 16],
            span_id: [0; 8],
            parent_span_id: [0; 8],
            trace_flags: 0,
            deadline_ms: 0,
            source_module: T::default(),
            target: Target::default(),
            actor: Actor::default(),
            metadata: Few::new(),
            message: None,
        }
    }
}

/// Everything but the token and the message of a later schema, which holds one too.
impl<B: AsRef<[u8]> + fmt::Debug, T: AsRef<str> + fmt::Debug, const N: usize> fmt::Debug
    for Context<B, T, N>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        f.debug_struct("Context")
            .field("correlation_id", &id(&self.correlation_id))
            .field("span_id", &id(&self.span_id))
            .field("parent_span_id", &id(&self.parent_span_id))
            .field("trace_flags", &self.trace_flags)
            .field("deadline_ms", &self.deadline_ms)
            .field("source_module", &self.source_module)
            .field("target", &self.target)
            .field("actor", &self.actor)
            .field("metadata", &self.metadata)
            .finish()
    }
}
