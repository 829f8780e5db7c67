//! Where an invocation goes.

use std::fmt;

use crate::{Error, ErrorKind, Result};

/// Where an invocation goes (specification 21, "Target").
///
/// `T` is `String` in an owned context and `&str` where it borrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target<T = String> {
    /// Any module that provides this service. The empty name is the default.
    Service(T),
    /// This module.
    Module(T),
    /// Every module subscribed to this topic; empty: all.
    Broadcast(T),
    /// One waiting call, by an id minted for it alone; never the trace id.
    Reply([u8; 16]),
    /// An endpoint handed out at run time.
    DynamicEndpoint(T),
    /// A kind of a later schema, by its union tag: unroutable. Decoding alone gives it.
    Unknown(u16),
}

impl<T> Target<T> {
    /// The waiting call with this id.
    ///
    /// # Errors
    /// `BadIdLength` unless there are 16 bytes.
    pub fn reply(id: &[u8]) -> Result<Self> {
        let refused = |_| Error::new(ErrorKind::BadIdLength).in_field("target.reply");
        id.try_into().map(Self::Reply).map_err(refused)
    }

    /// The union tag in the schema.
    #[must_use]
    pub const fn tag(&self) -> u16 {
        match self {
            Self::Service(_) => 0,
            Self::Module(_) => 1,
            Self::Broadcast(_) => 2,
            Self::Reply(_) => 3,
            Self::DynamicEndpoint(_) => 4,
            Self::Unknown(tag) => *tag,
        }
    }

    pub(crate) const fn field(&self) -> &'static str {
        match self {
            Self::Service(_) => "target.service",
            Self::Module(_) => "target.module",
            Self::Broadcast(_) => "target.broadcast",
            Self::Reply(_) => "target.reply",
            Self::DynamicEndpoint(_) => "target.dynamic_endpoint",
            Self::Unknown(_) => "target",
        }
    }
}

impl<T: AsRef<str>> Target<T> {
    /// The same target, borrowed.
    #[inline]
    pub fn as_ref(&self) -> Target<&str> {
        match self {
            Self::Service(name) => Target::Service(name.as_ref()),
            Self::Module(name) => Target::Module(name.as_ref()),
            Self::Broadcast(topic) => Target::Broadcast(topic.as_ref()),
            Self::Reply(id) => Target::Reply(*id),
            Self::DynamicEndpoint(name) => Target::DynamicEndpoint(name.as_ref()),
            Self::Unknown(tag) => Target::Unknown(*tag),
        }
    }

    /// The same target, owned.
    pub fn to_owned(&self) -> Target {
        match self.as_ref() {
            Target::Service(name) => Target::Service(name.into()),
            Target::Module(name) => Target::Module(name.into()),
            Target::Broadcast(topic) => Target::Broadcast(topic.into()),
            Target::Reply(id) => Target::Reply(id),
            Target::DynamicEndpoint(name) => Target::DynamicEndpoint(name.into()),
            Target::Unknown(tag) => Target::Unknown(tag),
        }
    }

    /// Its name or topic; empty for the members without text.
    #[inline]
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Service(text)
            | Self::Module(text)
            | Self::Broadcast(text)
            | Self::DynamicEndpoint(text) => text.as_ref(),
            Self::Reply(_) | Self::Unknown(_) => "",
        }
    }
}

/// As `service:thumbs`. What names a reply or an endpoint is a secret and is left out, so that it may stand in logs.
impl<T: AsRef<str>> fmt::Display for Target<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_ref() {
            Target::Service(name) => write!(f, "service:{name}"),
            Target::Module(name) => write!(f, "module:{name}"),
            Target::Broadcast(topic) => write!(f, "broadcast:{topic}"),
            Target::Reply(_) => f.write_str("reply"),
            Target::DynamicEndpoint(_) => f.write_str("endpoint"),
            Target::Unknown(_) => f.write_str("unknown"),
        }
    }
}

/// The service with the empty name.
impl<T: Default> Default for Target<T> {
    #[inline]
    fn default() -> Self {
        Self::Service(T::default())
    }
}
