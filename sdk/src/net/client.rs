//! Calls to other modules.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ixt_core::connection::Config;
use ixt_core::invocation::{ChildSpec, InvocationContext, Subject, Target};
use ixt_core::stream::InteractionKind;
use ixt_core::{ErrorKind, Result};

use super::clock::Clock;
use super::link::Link;
use super::pipe::Pipe;
use super::{Call, CallContext, CallError, ClientTls, ConnectError};

/// Calls other modules through the host. Cheap to clone; it stays usable when the module connects again.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    /// The connection of the moment.
    link: Mutex<Option<Arc<Link>>>,
    module: String,
    clock: Clock,
}

/// A call that is being described.
///
/// Inside a handler it is a child of the handler's call: same correlation and metadata, same actor unless fewer
/// capabilities are asked for, the earlier deadline.
#[derive(Clone)]
#[must_use = "nothing is called before the kind is chosen"]
pub struct CallBuilder {
    client: Client,
    target: Target,
    parent: Option<CallContext>,
    deadline_ms: Option<u64>,
    subject: Option<Subject>,
    token_ref: Option<Vec<u8>>,
    capabilities: Option<Vec<String>>,
    metadata: Vec<(String, String)>,
}

impl Client {
    pub(crate) fn new(module: String) -> Self {
        Self { inner: Arc::new(Inner { link: Mutex::new(None), module, clock: Clock::new() }) }
    }

    pub(crate) fn set(&self, link: Option<Arc<Link>>) {
        *self.inner.link.lock().unwrap_or_else(PoisonError::into_inner) = link;
    }

    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        self.inner.link.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connects to a module that listens, without a host, and calls it under this name.
    ///
    /// # Errors
    /// No connection.
    pub async fn direct(
        module: impl Into<String>,
        url: &str,
        config: Config,
        tls: Option<&ClientTls>,
    ) -> Result<Self, ConnectError> {
        let link = Link::start(Pipe::connect(&url.parse()?, tls).await?, config, None)?;
        link.established().await.map_err(ConnectError::Ended)?;
        let client = Self::new(module.into());
        client.set(Some(link));
        Ok(client)
    }

    /// A call to a service, whoever provides it.
    pub fn service(&self, name: impl Into<String>) -> CallBuilder {
        self.target(Target::Service(name.into()))
    }

    /// A call to anything.
    pub fn target(&self, target: Target) -> CallBuilder {
        CallBuilder {
            client: self.clone(),
            target,
            parent: CallContext::current(),
            deadline_ms: None,
            subject: None,
            token_ref: None,
            capabilities: None,
            metadata: Vec::new(),
        }
    }

    /// A message to every module that wants the topic. It ends well once the host has accepted it.
    ///
    /// # Errors
    /// As every call.
    pub async fn broadcast(
        &self,
        topic: impl Into<String>,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), CallError> {
        self.target(Target::Broadcast(topic.into())).unary(payload).await.map(|_| ())
    }
}

impl CallBuilder {
    /// The call is cancelled when it takes longer than this. The earlier of this and the parent's deadline holds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.deadline_ms = Some((self.client.inner.clock.now_us() / 1000).saturating_add(ms));
        self
    }

    /// On whose behalf; without it, inside a handler its parent's subject, else the module itself.
    pub fn subject(mut self, subject: Subject) -> Self {
        self.subject = Some(subject);
        self
    }

    /// A handle of the token that was presented, never the token itself.
    pub fn token_ref(mut self, handle: impl Into<Vec<u8>>) -> Self {
        self.token_ref = Some(handle.into());
        self
    }

    /// The capabilities that the call has; inside a handler those of the parent's that are handed on.
    pub fn capabilities<C: Into<String>>(mut self, patterns: impl IntoIterator<Item = C>) -> Self {
        self.capabilities.get_or_insert_default().extend(patterns.into_iter().map(Into::into));
        self
    }

    /// A metadata entry.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// No parent, although it is made inside a handler.
    pub fn root(mut self) -> Self {
        self.parent = None;
        self
    }

    /// One message there, one back.
    ///
    /// # Errors
    /// How the call ended, where it did not end well.
    pub async fn unary(self, payload: impl AsRef<[u8]>) -> Result<Bytes, CallError> {
        self.open(InteractionKind::Unary, Some(payload.as_ref()), true)?.recv_one().await
    }

    /// One message there, any number back.
    ///
    /// # Errors
    /// What the engine refuses.
    pub fn server_stream(self, payload: impl AsRef<[u8]>) -> Result<Call, CallError> {
        self.open(InteractionKind::ServerStream, Some(payload.as_ref()), true)
    }

    /// Any number of messages there, one back.
    ///
    /// # Errors
    /// What the engine refuses.
    pub fn client_stream(self) -> Result<Call, CallError> {
        self.open(InteractionKind::ClientStream, None, false)
    }

    /// Any number of messages each way.
    ///
    /// # Errors
    /// What the engine refuses.
    pub fn bidi_stream(self) -> Result<Call, CallError> {
        self.open(InteractionKind::BidiStream, None, false)
    }

    pub(crate) fn open(
        self,
        kind: InteractionKind,
        payload: Option<&[u8]>,
        closes: bool,
    ) -> Result<Call, CallError> {
        let (link, context) = self.begin()?;
        let key = link.open(kind, &context.encode(), payload, closes)?;
        Ok(Call::new(link, key, kind))
    }

    /// The connection and the context of the call.
    pub(super) fn begin(self) -> Result<(Arc<Link>, InvocationContext)> {
        let link = self.client.link().ok_or(ixt_core::Error::new(ErrorKind::NotEstablished))?;
        Ok((link, self.context()?))
    }

    fn context(self) -> Result<InvocationContext> {
        let module = &self.client.inner.module;
        let span = span_id();
        if let Some(parent) = &self.parent
            && self.subject.is_none()
            && self.token_ref.is_none()
        {
            let mut spec = ChildSpec::new(span, module.as_str(), self.target);
            spec = spec.deadline_ms(self.deadline_ms.unwrap_or(0));
            if let Some(capabilities) = self.capabilities {
                spec = spec.capabilities(capabilities);
            }
            for (key, value) in self.metadata {
                spec = spec.metadata(key, value);
            }
            return parent.child(spec);
        }
        let mut builder = InvocationContext::builder()
            .span_id(span)
            .source_module(module.as_str())
            .target(self.target)
            .subject(self.subject.unwrap_or_else(|| Subject::Module(module.clone())))
            .capabilities(self.capabilities.unwrap_or_default())
            .metadata_entries(self.metadata);
        if let Some(handle) = self.token_ref {
            builder = builder.token_ref(handle);
        }
        let own = self.deadline_ms;
        builder = match &self.parent {
            // It speaks for another subject, and is still caused by this call.
            Some(parent) => builder
                .correlation_id(parent.correlation_id())
                .parent_span_id(parent.span_id())
                .trace_flags(parent.invocation().trace_flags())
                .deadline_ms(own.into_iter().chain(parent.deadline_ms()).min().unwrap_or(0)),
            None => builder.correlation_id(uuid::Uuid::new_v4().into_bytes()).deadline_ms(own.unwrap_or(0)),
        };
        builder.build()
    }
}

/// A fresh span: eight random bytes, never all zero.
fn span_id() -> [u8; 8] {
    // Version and variant stand in the other half.
    let bytes = uuid::Uuid::new_v4().as_u64_pair();
    (bytes.0 ^ bytes.1.rotate_left(8)).max(1).to_be_bytes()
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("module", &self.inner.module).finish_non_exhaustive()
    }
}
