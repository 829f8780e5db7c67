//! What a module and its host tell each other (`schemas/host.capnp`): to bytes and back.

use capnp::message::{Builder, HeapAllocator, ReaderOptions};
use ixt_core::stream::InteractionKind;
use ixt_core::wire::generated::host_capnp::{from_host, to_host};
use ixt_core::wire::generated::ipc_streaming_capnp;
use ixt_core::{Error, ErrorKind, Result};

/// The largest message, in bytes: some thousand services.
pub(crate) const MAX_MESSAGE: usize = 256 << 10;

/// A service that a module provides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceOffer {
    /// `[a-z0-9][a-z0-9_.-]{0,127}`.
    pub name: String,
    /// The kinds that it answers; empty means all.
    pub kinds: Vec<InteractionKind>,
    /// The capability that a caller needs; empty means none.
    pub requires: String,
}

/// What a module tells its host, on its stream to `ixt.host`.
#[derive(Clone, PartialEq, Eq)]
pub enum ToHost {
    /// The first message: who it is and what it provides.
    Announce {
        /// `[a-z0-9][a-z0-9_.-]{0,127}`.
        module: String,
        /// What it provides.
        services: Vec<ServiceOffer>,
        /// Broadcasts that it wants.
        topics: Vec<String>,
        /// Proves the name, where the policy demands it; never shown.
        token: Vec<u8>,
    },
    /// Asks for an endpoint; the answer gives the number back.
    OpenEndpoint(u64),
    /// Gives an endpoint up.
    CloseEndpoint(String),
}

/// Shows no token.
impl std::fmt::Debug for ToHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Announce { module, services, topics, token } => f
                .debug_struct("Announce")
                .field("module", module)
                .field("services", services)
                .field("topics", topics)
                .field("token", &format_args!("{} bytes", token.len()))
                .finish(),
            Self::OpenEndpoint(number) => f.debug_tuple("OpenEndpoint").field(number).finish(),
            Self::CloseEndpoint(_) => f.debug_tuple("CloseEndpoint").finish_non_exhaustive(),
        }
    }
}

/// What a host tells a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromHost {
    /// The module is announced. A refusal fails the stream instead.
    Accepted,
    /// An endpoint, as it was asked for with this number.
    Endpoint {
        /// The number that the module gave.
        number: u64,
        /// What callers put into their target; a secret of those to whom the module gives it.
        name: String,
    },
}

impl ToHost {
    /// The bytes of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut message = Builder::new(HeapAllocator::new());
        let mut root: to_host::Builder<'_> = message.init_root();
        match self {
            Self::Announce { module, services, topics, token } => {
                let mut announce = root.init_announce();
                announce.set_module(module.as_str());
                announce.set_token(token);
                let mut offers = announce.reborrow().init_services(services.len() as u32);
                for (index, service) in services.iter().enumerate() {
                    let mut offer = offers.reborrow().get(index as u32);
                    offer.set_name(service.name.as_str());
                    offer.set_requires(service.requires.as_str());
                    let mut kinds = offer.init_kinds(service.kinds.len() as u32);
                    for (index, kind) in service.kinds.iter().enumerate() {
                        if let Ok(kind) = ipc_streaming_capnp::InteractionKind::try_from(kind.raw()) {
                            kinds.set(index as u32, kind);
                        }
                    }
                }
                let mut list = announce.init_topics(topics.len() as u32);
                topics.iter().enumerate().for_each(|(index, topic)| list.set(index as u32, topic.as_str()));
            }
            Self::OpenEndpoint(number) => root.set_open_endpoint(*number),
            Self::CloseEndpoint(name) => root.set_close_endpoint(name.as_str()),
        }
        capnp::serialize::write_message_to_words(&message)
    }

    /// Reads what a module said.
    ///
    /// # Errors
    /// `BadPointer` or `BadText` for what is no such message, `InvalidArgument` for a message of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let message = read(bytes)?;
        let root: to_host::Reader<'_> = message.get_root().map_err(bad)?;
        Ok(match root.which().map_err(|capnp::NotInSchema(_)| later())? {
            to_host::Announce(announce) => {
                let mut services = Vec::new();
                for offer in announce.get_services().map_err(bad)? {
                    let kinds = offer.get_kinds().map_err(bad)?.iter();
                    let raw = |kind: std::result::Result<
                        ipc_streaming_capnp::InteractionKind,
                        capnp::NotInSchema,
                    >| {
                        kind.map_or_else(|capnp::NotInSchema(raw)| raw, Into::into)
                    };
                    services.push(ServiceOffer {
                        name: text(offer.get_name())?,
                        kinds: kinds.map(|kind| InteractionKind::from_raw(raw(kind))).collect(),
                        requires: text(offer.get_requires())?,
                    });
                }
                let topics = announce.get_topics().map_err(bad)?.iter().map(text).collect::<Result<_>>()?;
                Self::Announce {
                    module: text(announce.get_module())?,
                    services,
                    topics,
                    token: announce.get_token().map_err(bad)?.to_vec(),
                }
            }
            to_host::OpenEndpoint(number) => Self::OpenEndpoint(number),
            to_host::CloseEndpoint(name) => Self::CloseEndpoint(text(name)?),
        })
    }
}

impl FromHost {
    /// The bytes of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut message = Builder::new(HeapAllocator::new());
        let mut root: from_host::Builder<'_> = message.init_root();
        match self {
            Self::Accepted => root.set_accepted(()),
            Self::Endpoint { number, name } => {
                let mut endpoint = root.init_endpoint();
                endpoint.set_number(*number);
                endpoint.set_name(name.as_str());
            }
        }
        capnp::serialize::write_message_to_words(&message)
    }

    /// Reads what the host said.
    ///
    /// # Errors
    /// As [`ToHost::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let message = read(bytes)?;
        let root: from_host::Reader<'_> = message.get_root().map_err(bad)?;
        Ok(match root.which().map_err(|capnp::NotInSchema(_)| later())? {
            from_host::Accepted(()) => Self::Accepted,
            from_host::Endpoint(endpoint) => {
                Self::Endpoint { number: endpoint.get_number(), name: text(endpoint.get_name())? }
            }
        })
    }
}

fn read(bytes: &[u8]) -> Result<capnp::message::Reader<capnp::serialize::NoAllocSliceSegments<'_>>> {
    if bytes.len() > MAX_MESSAGE {
        return Err(ErrorKind::MessageTooLarge.into());
    }
    let options = ReaderOptions { traversal_limit_in_words: Some(2 * (bytes.len() / 8)), nesting_limit: 8 };
    let mut rest = bytes;
    capnp::serialize::read_message_from_flat_slice_no_alloc(&mut rest, options).map_err(bad)
}

fn text(found: capnp::Result<capnp::text::Reader<'_>>) -> Result<String> {
    let text = found.map_err(bad)?;
    text.to_str().map(str::to_owned).map_err(|_| ErrorKind::BadText.into())
}

fn bad(_: capnp::Error) -> Error {
    ErrorKind::BadPointer.into()
}

fn later() -> Error {
    Error::new(ErrorKind::InvalidArgument).in_field("union")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_the_token_is_not_shown() {
        let announce = ToHost::Announce {
            module: "media".into(),
            services: vec![
                ServiceOffer {
                    name: "thumbs".into(),
                    kinds: vec![InteractionKind::Unary],
                    requires: "media.thumbs".into(),
                },
                ServiceOffer { name: "all".into(), kinds: vec![], requires: String::new() },
            ],
            topics: vec!["news".into()],
            token: b"secret".to_vec(),
        };
        for message in [announce.clone(), ToHost::OpenEndpoint(7), ToHost::CloseEndpoint("abc".into())] {
            assert_eq!(ToHost::decode(&message.encode()).unwrap(), message);
        }
        assert!(!format!("{announce:?}").contains("secret") && !format!("{announce:?}").contains("115"));
        for message in [FromHost::Accepted, FromHost::Endpoint { number: 7, name: "abc".into() }] {
            assert_eq!(FromHost::decode(&message.encode()).unwrap(), message);
        }
        assert!(ToHost::decode(b"").is_err());
        assert!(ToHost::decode(&[0xff; 64]).is_err());
    }
}
