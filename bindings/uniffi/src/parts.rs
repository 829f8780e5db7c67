//! The parts of a context, as records.

use std::sync::Arc;

use ixt_core::invocation as core;

use crate::refusal::Result;
use crate::token::TokenRef;

/// Where an invocation goes.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Target {
    /// Any module that provides this service. The empty name is the default, no target.
    Service {
        /// The service.
        name: String,
    },
    /// This module.
    Module {
        /// The module.
        name: String,
    },
    /// Every module subscribed to this topic; empty: all.
    Broadcast {
        /// The topic.
        topic: String,
    },
    /// One waiting call, by an id of 16 bytes minted for it alone; never the trace id.
    Reply {
        /// The id.
        id: Vec<u8>,
    },
    /// An endpoint that was handed out at run time.
    DynamicEndpoint {
        /// The endpoint.
        name: String,
    },
    /// A kind of a later schema: unroutable. Decoding alone gives it.
    Unknown {
        /// Its union tag.
        tag: u16,
    },
}

impl Target {
    pub(crate) fn to_core(&self) -> Result<core::Target> {
        Ok(match self {
            Self::Service { name } => core::Target::Service(name.clone()),
            Self::Module { name } => core::Target::Module(name.clone()),
            Self::Broadcast { topic } => core::Target::Broadcast(topic.clone()),
            Self::Reply { id } => core::Target::reply(id)?,
            Self::DynamicEndpoint { name } => core::Target::DynamicEndpoint(name.clone()),
            Self::Unknown { tag } => core::Target::Unknown(*tag),
        })
    }
}

impl From<core::Target<&str>> for Target {
    fn from(target: core::Target<&str>) -> Self {
        match target {
            core::Target::Service(name) => Self::Service { name: name.into() },
            core::Target::Module(name) => Self::Module { name: name.into() },
            core::Target::Broadcast(topic) => Self::Broadcast { topic: topic.into() },
            core::Target::Reply(id) => Self::Reply { id: id.to_vec() },
            core::Target::DynamicEndpoint(name) => Self::DynamicEndpoint { name: name.into() },
            other => Self::Unknown { tag: other.tag() },
        }
    }
}

/// Who is calling. It says who, and grants nothing.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Subject {
    /// A principal authenticated at an ingress; empty: anonymous. The default.
    External {
        /// The principal.
        principal: String,
    },
    /// A person operating the deployment.
    Operator {
        /// The person.
        name: String,
    },
    /// A module acting on its own behalf.
    Module {
        /// The module.
        name: String,
    },
    /// The runtime itself.
    System,
    /// A kind of a later schema: without any authority. Decoding alone gives it.
    Unknown {
        /// Its union tag.
        tag: u16,
    },
}

impl Subject {
    fn to_core(&self) -> core::Subject {
        match self {
            Self::External { principal } => core::Subject::External(principal.clone()),
            Self::Operator { name } => core::Subject::Operator(name.clone()),
            Self::Module { name } => core::Subject::Module(name.clone()),
            Self::System => core::Subject::System,
            Self::Unknown { tag } => core::Subject::Unknown(*tag),
        }
    }
}

impl From<core::Subject<&str>> for Subject {
    fn from(subject: core::Subject<&str>) -> Self {
        match subject {
            core::Subject::External(principal) => Self::External { principal: principal.into() },
            core::Subject::Operator(name) => Self::Operator { name: name.into() },
            core::Subject::Module(name) => Self::Module { name: name.into() },
            core::Subject::System => Self::System,
            other => Self::Unknown { tag: other.tag() },
        }
    }
}

/// One entry of the metadata.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct MetadataEntry {
    /// 1 to 128 bytes of `[a-z0-9_.-]`.
    pub key: String,
    /// At most 4 KiB.
    pub value: String,
}

/// All that a context says. An id of zeros alone is none.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ContextParts {
    /// 16 bytes that all invocations of one piece of work share: a W3C trace-id.
    #[uniffi(default = None)]
    pub correlation_id: Option<Vec<u8>>,
    /// 8 bytes that name this invocation: a W3C parent-id.
    #[uniffi(default = None)]
    pub span_id: Option<Vec<u8>>,
    /// The span of the invocation that caused this one, 8 bytes.
    #[uniffi(default = None)]
    pub parent_span_id: Option<Vec<u8>>,
    /// The W3C trace-flags; bit 0 says sampled.
    #[uniffi(default = 0)]
    pub trace_flags: u8,
    /// Until when, in milliseconds since the Unix epoch.
    #[uniffi(default = None)]
    pub deadline_ms: Option<u64>,
    /// The module that sends it.
    #[uniffi(default = "")]
    pub source_module: String,
    /// Where it goes; none is the service without a name.
    #[uniffi(default = None)]
    pub target: Option<Target>,
    /// Who invokes; none is an anonymous external caller.
    #[uniffi(default = None)]
    pub subject: Option<Subject>,
    /// The handle of the presented token.
    #[uniffi(default = None)]
    pub token_ref: Option<Arc<TokenRef>>,
    /// The granted patterns: at most 64 of at most 256 bytes, in any order; a decoded context has them sorted.
    #[uniffi(default = [])]
    pub capabilities: Vec<String>,
    /// At most 64 entries, in any order; a decoded context has them sorted by key.
    #[uniffi(default = [])]
    pub metadata: Vec<MetadataEntry>,
}

impl ContextParts {
    pub(crate) fn to_core(&self) -> Result<core::InvocationContext> {
        let mut builder = core::InvocationContext::builder()
            .trace_flags(self.trace_flags)
            .deadline_ms(self.deadline_ms.unwrap_or(0))
            .source_module(self.source_module.as_str())
            .capabilities(self.capabilities.iter().map(String::as_str))
            .metadata_entries(self.metadata.iter().map(|entry| (entry.key.as_str(), entry.value.as_str())));
        if let Some(id) = &self.correlation_id {
            builder = builder.correlation_id(core::correlation_id(id)?);
        }
        if let Some(id) = &self.span_id {
            builder = builder.span_id(core::span_id(id)?);
        }
        if let Some(id) = &self.parent_span_id {
            let id = core::span_id(id)
                .map_err(|error| ixt_core::Error::new(error.kind()).in_field("parent_span_id"))?;
            builder = builder.parent_span_id(id);
        }
        if let Some(target) = &self.target {
            builder = builder.target(target.to_core()?);
        }
        if let Some(subject) = &self.subject {
            builder = builder.subject(subject.to_core());
        }
        if let Some(token) = &self.token_ref {
            builder = builder.token_ref(token.0.expose());
        }
        Ok(builder.build()?)
    }
}

impl From<&core::InvocationContext> for ContextParts {
    fn from(context: &core::InvocationContext) -> Self {
        /// The bytes of an id; none of an id of zeros.
        fn id(bytes: &[u8]) -> Option<Vec<u8>> {
            bytes.iter().any(|byte| *byte != 0).then(|| bytes.to_vec())
        }
        let actor = context.actor();
        let token = actor.token_ref();
        Self {
            correlation_id: id(&context.correlation_id()),
            span_id: id(&context.span_id()),
            parent_span_id: id(&context.parent_span_id()),
            trace_flags: context.trace_flags(),
            deadline_ms: context.deadline_ms(),
            source_module: context.source_module().to_owned(),
            target: Some(context.target().into()),
            subject: Some(actor.subject().into()),
            token_ref: (!token.is_empty()).then(|| Arc::new(TokenRef(token.clone()))),
            capabilities: actor.capabilities().to_vec(),
            metadata: context
                .metadata()
                .iter()
                .map(|entry| MetadataEntry { key: entry.key.clone(), value: entry.value.clone() })
                .collect(),
        }
    }
}
