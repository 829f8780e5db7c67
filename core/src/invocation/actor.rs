//! Who invokes, and with which authority.

use std::fmt;

use super::TokenRef;
use super::capability::covers;
use super::few::Few;

/// Who is calling (specification 21, "Actor"). It says who, and grants nothing: authority comes from
/// the capabilities alone.
///
/// `T` is `String` in an owned context and `&str` where it borrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject<T = String> {
    /// A principal authenticated at an ingress; empty: anonymous. The default.
    External(T),
    /// A person operating the deployment.
    Operator(T),
    /// A module acting on its own behalf.
    Module(T),
    /// The runtime itself.
    System,
    /// A kind of a later schema, by its union tag: without any authority. Decoding alone gives it.
    Unknown(u16),
}

impl<T> Subject<T> {
    /// The union tag in the schema.
    #[must_use]
    pub const fn tag(&self) -> u16 {
        match self {
            Self::External(_) => 0,
            Self::Operator(_) => 1,
            Self::Module(_) => 2,
            Self::System => 3,
            Self::Unknown(tag) => *tag,
        }
    }

    pub(crate) const fn field(&self) -> &'static str {
        match self {
            Self::External(_) => "actor.subject.external",
            Self::Operator(_) => "actor.subject.operator",
            Self::Module(_) => "actor.subject.module",
            Self::System => "actor.subject.system",
            Self::Unknown(_) => "actor.subject",
        }
    }
}

/// As policies write it, such as `operator:alice`.
impl<T: AsRef<str>> fmt::Display for Subject<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_ref() {
            Subject::External(name) => write!(f, "external:{name}"),
            Subject::Operator(name) => write!(f, "operator:{name}"),
            Subject::Module(name) => write!(f, "module:{name}"),
            Subject::System => f.write_str("system"),
            Subject::Unknown(_) => f.write_str("unknown"),
        }
    }
}

impl<T: AsRef<str>> Subject<T> {
    /// The same subject, borrowed.
    #[inline]
    pub fn as_ref(&self) -> Subject<&str> {
        match self {
            Self::External(name) => Subject::External(name.as_ref()),
            Self::Operator(name) => Subject::Operator(name.as_ref()),
            Self::Module(name) => Subject::Module(name.as_ref()),
            Self::System => Subject::System,
            Self::Unknown(tag) => Subject::Unknown(*tag),
        }
    }

    /// The same subject, owned.
    pub fn to_owned(&self) -> Subject {
        match self.as_ref() {
            Subject::External(name) => Subject::External(name.into()),
            Subject::Operator(name) => Subject::Operator(name.into()),
            Subject::Module(name) => Subject::Module(name.into()),
            Subject::System => Subject::System,
            Subject::Unknown(tag) => Subject::Unknown(tag),
        }
    }

    /// Its name; empty for the members without text.
    #[inline]
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::External(name) | Self::Operator(name) | Self::Module(name) => name.as_ref(),
            Self::System | Self::Unknown(_) => "",
        }
    }
}

/// An anonymous external caller.
impl<T: Default> Default for Subject<T> {
    #[inline]
    fn default() -> Self {
        Self::External(T::default())
    }
}

/// Who invokes, with the token's handle and the granted capabilities, over owned or borrowed storage.
///
/// `B` holds bytes and `T` text; up to `N` capabilities are held without allocating. See
/// [`ActorIdentity`] (owned) and [`ActorRef`] (borrowed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor<B: AsRef<[u8]>, T: AsRef<str>, const N: usize> {
    pub(crate) subject: Subject<T>,
    pub(crate) token_ref: TokenRef<B>,
    pub(crate) capabilities: Few<T, N>,
}

/// An actor that owns its bytes.
pub type ActorIdentity = Actor<Vec<u8>, String, 0>;

/// An actor that borrows its bytes.
pub type ActorRef<'a> = Actor<&'a [u8], &'a str, 8>;

impl<B: AsRef<[u8]>, T: AsRef<str>, const N: usize> Actor<B, T, N> {
    /// Who.
    #[must_use]
    #[inline]
    pub fn subject(&self) -> Subject<&str> {
        self.subject.as_ref()
    }

    /// The handle of the presented token; empty for none.
    #[must_use]
    #[inline]
    pub fn token_ref(&self) -> &TokenRef<B> {
        &self.token_ref
    }

    /// The granted patterns as they travel: at most 64 of at most 256 bytes each, sorted by bytes,
    /// without duplicates. Malformed ones are kept and cover nothing; to decide, ask
    /// [`has_capability`](Self::has_capability).
    #[must_use]
    #[inline]
    pub fn capabilities(&self) -> &[T] {
        self.capabilities.as_slice()
    }

    /// Whether one of the granted patterns covers `required`, a concrete capability.
    ///
    /// Always `false` for a subject of a later schema, which has no authority.
    ///
    /// ```
    /// use ixt_core::invocation::InvocationContext;
    ///
    /// let context = InvocationContext::builder().capability("fs.*").build()?;
    /// assert!(context.actor().has_capability("fs.read"));
    /// assert!(!context.actor().has_capability("fs"));
    /// # Ok::<(), ixt_core::Error>(())
    /// ```
    #[must_use]
    pub fn has_capability(&self, required: &str) -> bool {
        !matches!(self.subject, Subject::Unknown(_))
            && self.capabilities().iter().any(|granted| covers(granted.as_ref(), required))
    }
}

impl<B: AsRef<[u8]> + Default, T: AsRef<str> + Default, const N: usize> Default for Actor<B, T, N> {
    #[inline]
    fn default() -> Self {
        Self { subject: Subject::default(), token_ref: TokenRef::default(), capabilities: Few::new() }
    }
}
