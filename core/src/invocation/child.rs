//! The context of an invocation that another one causes.

use super::capability::within;
use super::metadata::is_ingress_key;
use super::{Context, InvocationContext, Subject, Target};
use crate::{Error, ErrorKind, Result};

/// What a child has of its own; all else is its parent's.
///
/// ```
/// use ixt_core::invocation::{ChildSpec, InvocationContext, Target};
///
/// let parent = InvocationContext::builder().span_id([1; 8]).deadline_ms(5_000).capability("fs.*").build()?;
/// let child = parent.child(
///     ChildSpec::new([2; 8], "gateway", Target::Service("files".into()))
///         .deadline_ms(9_000)
///         .capabilities(["fs.read"]),
/// )?;
/// assert_eq!(child.parent_span_id(), [1; 8]);
/// assert_eq!(child.deadline_ms(), Some(5_000)); // the earlier of the two
/// # Ok::<(), ixt_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a specification does nothing until `child` takes it"]
pub struct ChildSpec {
    span_id: [u8; 8],
    source_module: String,
    target: Target,
    deadline_ms: u64,
    capabilities: Option<Vec<String>>,
    metadata: Vec<(String, String)>,
}

impl ChildSpec {
    /// A child with this new span, sent by this module to this target.
    pub fn new(span_id: [u8; 8], source_module: impl Into<String>, target: Target) -> Self {
        Self { span_id, source_module: source_module.into(), target, ..Self::default() }
    }

    /// Until when, in milliseconds since the Unix epoch; 0 for no deadline of its own. The child gets
    /// the earlier of this and its parent's.
    pub fn deadline_ms(mut self, deadline: u64) -> Self {
        self.deadline_ms = deadline;
        self
    }

    /// The patterns that the child shall have, each covered by one of its parent's; none at all is
    /// allowed. Without this call the child has its parent's.
    pub fn capabilities<C: Into<String>>(mut self, patterns: impl IntoIterator<Item = C>) -> Self {
        self.capabilities.get_or_insert_default().extend(patterns.into_iter().map(Into::into));
        self
    }

    /// A metadata entry beside its parent's, or in the place of one with the same key.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }
}

impl<B: AsRef<[u8]>, T: AsRef<str>, const N: usize> Context<B, T, N> {
    /// The context of an invocation that this one causes (specification 21, "Children").
    ///
    /// The correlation id, the trace flags, the subject and the token's handle are this context's; its
    /// span becomes the child's parent span. The deadline is the earlier of both. The metadata is
    /// this context's with the child's own over it. Of a subject of a later schema, which has no
    /// authority, the child is an anonymous external caller without capabilities.
    ///
    /// # Errors
    /// `InvalidArgument` for a requested capability that none here covers (`actor.capabilities[2]`)
    /// and for another value of an ingress key, `tenant`, `auth.strength` or `ingress.*`
    /// (`metadata[0].value`): authority never grows, and a child cannot change whose work it is. Places
    /// count in the order of the specification. Else as [`ContextBuilder::build`](super::ContextBuilder::build).
    pub fn child(&self, spec: ChildSpec) -> Result<InvocationContext> {
        let refuse = |field: String| Err(Error::new(ErrorKind::InvalidArgument).in_field(field));

        let known = !matches!(self.actor.subject, Subject::Unknown(_));
        let held = if known { self.actor.capabilities() } else { &[] };
        let capabilities = match spec.capabilities {
            None => held.iter().map(|capability| capability.as_ref().to_owned()).collect(),
            Some(requested) => match requested.iter().position(|pattern| !within(held, pattern)) {
                Some(index) => return refuse(format!("actor.capabilities[{index}]")),
                None => requested,
            },
        };

        for (index, (key, value)) in spec.metadata.iter().enumerate() {
            if is_ingress_key(key) && self.metadata_value(key) != Some(value) {
                return refuse(format!("metadata[{index}].value"));
            }
        }
        // The child's own come first, so that places in errors are the specification's.
        let own = |key: &str| spec.metadata.iter().any(|(taken, _)| taken == key);
        let inherited: Vec<_> = self
            .metadata()
            .iter()
            .map(|entry| (entry.key.as_ref(), entry.value.as_ref()))
            .filter(|(key, _)| !own(key))
            .collect();

        let mut builder = InvocationContext::builder()
            .correlation_id(self.correlation_id)
            .span_id(spec.span_id)
            .parent_span_id(self.span_id)
            .trace_flags(self.trace_flags)
            .deadline_ms(earlier(self.deadline_ms, spec.deadline_ms))
            .source_module(spec.source_module)
            .target(spec.target)
            .capabilities(capabilities);
        if known {
            builder = builder.subject(self.actor.subject.to_owned()).token_ref(self.actor.token_ref.expose());
        }
        for (key, value) in &spec.metadata {
            builder = builder.metadata(key, value);
        }
        for (key, value) in inherited {
            builder = builder.metadata(key, value);
        }
        builder.build()
    }
}

/// The earlier of two deadlines, of which 0 is none.
fn earlier(a: u64, b: u64) -> u64 {
    match (a, b) {
        (0, only) | (only, 0) => only,
        _ => a.min(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::Subject;

    fn parent() -> InvocationContext {
        InvocationContext::builder()
            .correlation_id([7; 16])
            .span_id([1; 8])
            .parent_span_id([9; 8])
            .trace_flags(1)
            .deadline_ms(5_000)
            .source_module("ingress")
            .subject(Subject::Operator("alice".into()))
            .token_ref(b"handle")
            .capabilities(["fs.*", "net.dial"])
            .metadata("tenant", "acme")
            .metadata("ingress.kind", "http")
            .metadata("baggage", "a=1")
            .build()
            .unwrap()
    }

    fn spec() -> ChildSpec {
        ChildSpec::new([2; 8], "gateway", Target::Service("files".into()))
    }

    fn refusal(spec: ChildSpec) -> (ErrorKind, String) {
        let error = parent().child(spec).unwrap_err();
        (error.kind(), error.field().to_owned())
    }

    #[test]
    fn it_inherits_what_it_does_not_say() {
        let (parent, child) = (parent(), parent().child(spec()).unwrap());
        assert_eq!(child.correlation_id(), parent.correlation_id());
        assert_eq!(child.span_id(), [2; 8]);
        assert_eq!(child.parent_span_id(), parent.span_id());
        assert_eq!(child.trace_flags(), 1);
        assert_eq!(child.deadline_ms(), Some(5_000));
        assert_eq!(child.source_module(), "gateway");
        assert_eq!(child.target(), Target::Service("files"));
        assert_eq!(child.actor(), parent.actor());
        assert_eq!(child.metadata(), parent.metadata());
    }

    #[test]
    fn the_earlier_deadline_counts() {
        let deadline = |ms| parent().child(spec().deadline_ms(ms)).unwrap().deadline_ms();
        assert_eq!(deadline(0), Some(5_000));
        assert_eq!(deadline(4_999), Some(4_999));
        assert_eq!(deadline(5_001), Some(5_000));
        let free = InvocationContext::anonymous();
        assert_eq!(free.child(spec().deadline_ms(3)).unwrap().deadline_ms(), Some(3));
        assert_eq!(free.child(spec()).unwrap().deadline_ms(), None);
    }

    #[test]
    fn authority_shrinks_and_never_grows() {
        let child = parent().child(spec().capabilities(["fs.read"])).unwrap();
        assert_eq!(child.actor().capabilities(), ["fs.read"]);
        let none = parent().child(spec().capabilities(Vec::<String>::new())).unwrap();
        assert!(none.actor().capabilities().is_empty());
        for wider in ["*", "db.read", "fs", "net.*", "fs..x"] {
            let refused = refusal(spec().capabilities(["fs.read", wider]));
            assert_eq!(refused, (ErrorKind::InvalidArgument, "actor.capabilities[1]".into()), "{wider}");
        }
    }

    #[test]
    fn what_the_ingress_set_stays() {
        let child = parent().child(spec().metadata("baggage", "b=2").metadata("tenant", "acme")).unwrap();
        assert_eq!(child.metadata_value("baggage"), Some("b=2"));
        assert_eq!(child.metadata_value("tenant"), Some("acme"));
        for (key, value) in
            [("tenant", "other"), ("auth.strength", "mfa"), ("ingress.kind", ""), ("ingress.new", "x")]
        {
            let refused = refusal(spec().metadata("x", "y").metadata(key, value));
            assert_eq!(refused, (ErrorKind::InvalidArgument, "metadata[1].value".into()), "{key}");
        }
        let twice = refusal(spec().metadata("x", "1").metadata("x", "2"));
        assert_eq!(twice, (ErrorKind::DuplicateKey, "metadata[1].key".into()));
    }
}
