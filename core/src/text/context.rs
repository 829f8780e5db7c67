//! Contexts in the text form.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::member::{is_default, some, some_object};
use super::{Hex, UnknownText, read};
use crate::invocation::{self, Context, InvocationContext, Subject, Target};
use crate::{Error, ErrorKind, Result};

/// A context as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextText {
    /// 16 bytes; left out when all are zero.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    pub correlation_id: Option<Hex>,
    /// 8 bytes; left out when all are zero.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    pub span_id: Option<Hex>,
    /// Milliseconds since the Unix epoch; 0 for none.
    #[serde(skip_serializing_if = "is_default")]
    pub deadline_ms: u64,
    /// W3C trace-flags.
    #[serde(skip_serializing_if = "is_default")]
    pub trace_flags: u8,
    /// The module that sent it.
    #[serde(skip_serializing_if = "is_default")]
    pub source_module: String,
    /// 8 bytes; left out when all are zero.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    pub parent_span_id: Option<Hex>,
    /// Where it goes; left out for the service with the empty name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    pub target: Option<TargetText>,
    /// Who invokes; left out when all of it is default.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "some_object")]
    pub actor: Option<ActorText>,
    /// An object from key to value.
    #[serde(skip_serializing_if = "is_default")]
    pub metadata: MetadataText,
}

/// See [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetText {
    /// Any module that provides this service.
    Service(String),
    /// This module.
    Module(String),
    /// Every module subscribed to this topic.
    Broadcast(String),
    /// One waiting call: 16 bytes.
    Reply(Hex),
    /// An endpoint handed out at run time.
    DynamicEndpoint(String),
    /// A target of a later schema.
    #[serde(skip_deserializing)]
    Unknown(UnknownText),
}

/// See [`ActorIdentity`](crate::invocation::ActorIdentity).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActorText {
    /// Who; left out for an external caller with an empty name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    pub subject: Option<SubjectText>,
    /// The handle of the presented token.
    #[serde(skip_serializing_if = "is_default")]
    pub token_ref: Hex,
    /// The granted patterns.
    #[serde(skip_serializing_if = "is_default")]
    pub capabilities: Vec<String>,
}

/// See [`Subject`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectText {
    /// A principal authenticated at an ingress.
    External(String),
    /// A person operating the deployment.
    Operator(String),
    /// A module acting on its own behalf.
    Module(String),
    /// The runtime itself; always `true`.
    System(bool),
    /// A subject of a later schema.
    #[serde(skip_deserializing)]
    Unknown(UnknownText),
}

/// Metadata in the order it was given; a key may stand twice, which building the context refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataText(pub Vec<(String, String)>);

impl Serialize for MetadataText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for MetadataText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = MetadataText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MetadataText, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(MetadataText(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl<B: AsRef<[u8]>, T: AsRef<str>, const N: usize> From<&Context<B, T, N>> for ContextText {
    fn from(context: &Context<B, T, N>) -> Self {
        let id = |bytes: &[u8]| bytes.iter().any(|byte| *byte != 0).then(|| Hex::from(bytes));
        let target = match context.target() {
            Target::Service("") => None,
            Target::Service(name) => Some(TargetText::Service(name.into())),
            Target::Module(name) => Some(TargetText::Module(name.into())),
            Target::Broadcast(topic) => Some(TargetText::Broadcast(topic.into())),
            Target::Reply(id) => Some(TargetText::Reply(id.as_slice().into())),
            Target::DynamicEndpoint(name) => Some(TargetText::DynamicEndpoint(name.into())),
            Target::Unknown(tag) => Some(TargetText::Unknown(UnknownText { tag })),
        };
        let subject = match context.actor().subject() {
            Subject::External("") => None,
            Subject::External(name) => Some(SubjectText::External(name.into())),
            Subject::Operator(name) => Some(SubjectText::Operator(name.into())),
            Subject::Module(name) => Some(SubjectText::Module(name.into())),
            Subject::System => Some(SubjectText::System(true)),
            Subject::Unknown(tag) => Some(SubjectText::Unknown(UnknownText { tag })),
        };
        let actor = ActorText {
            subject,
            token_ref: context.actor().token_ref().expose().into(),
            capabilities: context.actor().capabilities().iter().map(|text| text.as_ref().into()).collect(),
        };
        let metadata = context.metadata().iter();
        let metadata = metadata.map(|entry| (entry.key.as_ref().into(), entry.value.as_ref().into()));
        Self {
            correlation_id: id(&context.correlation_id()),
            span_id: id(&context.span_id()),
            deadline_ms: context.deadline_ms().unwrap_or(0),
            trace_flags: context.trace_flags(),
            source_module: context.source_module().into(),
            parent_span_id: id(&context.parent_span_id()),
            target,
            actor: Some(actor).filter(|actor| !is_default(actor)),
            metadata: MetadataText(metadata.collect()),
        }
    }
}

/// As [`ContextBuilder::build`](crate::invocation::ContextBuilder::build), and `BadIdLength` for an id
/// of the wrong length.
impl TryFrom<ContextText> for InvocationContext {
    type Error = Error;

    fn try_from(text: ContextText) -> Result<Self> {
        let bad = |field: &'static str| Err(Error::new(ErrorKind::BadJson).in_field(field));
        let span = |id: &Option<Hex>| id.as_ref().map_or(Ok([0; 8]), |id| invocation::span_id(&id.0));

        let correlation = text.correlation_id.as_ref();
        let mut builder = Self::builder()
            .correlation_id(correlation.map_or(Ok([0; 16]), |id| invocation::correlation_id(&id.0))?)
            .span_id(span(&text.span_id)?)
            .parent_span_id(span(&text.parent_span_id)?)
            .deadline_ms(text.deadline_ms)
            .trace_flags(text.trace_flags)
            .source_module(text.source_module);
        if let Some(target) = text.target {
            builder = builder.target(match target {
                TargetText::Service(name) => Target::Service(name),
                TargetText::Module(name) => Target::Module(name),
                TargetText::Broadcast(topic) => Target::Broadcast(topic),
                TargetText::Reply(id) => Target::reply(&id.0)?,
                TargetText::DynamicEndpoint(name) => Target::DynamicEndpoint(name),
                TargetText::Unknown(_) => return bad("target"),
            });
        }
        if let Some(actor) = text.actor {
            builder = builder.token_ref(actor.token_ref.0).capabilities(actor.capabilities);
            builder = match actor.subject {
                None => builder,
                Some(subject) => builder.subject(match subject {
                    SubjectText::External(name) => Subject::External(name),
                    SubjectText::Operator(name) => Subject::Operator(name),
                    SubjectText::Module(name) => Subject::Module(name),
                    SubjectText::System(true) => Subject::System,
                    SubjectText::System(false) | SubjectText::Unknown(_) => return bad("actor.subject"),
                }),
            };
        }
        text.metadata
            .0
            .into_iter()
            .fold(builder, |builder, (key, value)| builder.metadata(key, value))
            .build()
    }
}

/// Reads a context from JSON.
///
/// ```
/// use ixt_core::text::{context_from_json, context_to_json};
///
/// let line = r#"{"target":{"service":"echo"},"actor":{"subject":{"system":true},"capabilities":["*"]}}"#;
/// assert_eq!(context_to_json(&context_from_json(line)?), line);
/// # Ok::<(), ixt_core::Error>(())
/// ```
///
/// # Errors
/// `BadJson` with the place in `text`, `BadIdLength`, and as
/// [`ContextBuilder::build`](crate::invocation::ContextBuilder::build).
pub fn context_from_json(text: &str) -> Result<InvocationContext> {
    read::<ContextText>(text)?.try_into()
}

/// Writes a context as compact JSON in the documented order, without what holds its default.
///
/// The handle of the token is among it: this is for the command line and the vectors, not for logs.
#[must_use]
pub fn context_to_json<B: AsRef<[u8]>, T: AsRef<str>, const N: usize>(context: &Context<B, T, N>) -> String {
    super::write(&ContextText::from(context))
}
