//! Calls to other modules.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ixt_core::connection::Config;
use ixt_core::invocation::{ChildSpec, InvocationContext, Subject, Target};
use ixt_core::stream::InteractionKind;
use ixt_core::{ErrorKind, Result};

use super::clock::Clock;
use super::interceptor::{Request, Trace};
use super::link::Link;
use super::pipe::Pipe;
use super::watch::Watch;
use super::{Call, CallContext, CallError, ClientTls, ConnectError, Interceptor};

/// Calls other modules through the host. Cheap to clone; it stays usable when the module connects again.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    interceptors: Arc<[Arc<dyn Interceptor>]>,
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
    trace: Option<Trace>,
}

impl Client {
    pub(crate) fn new(module: String, interceptors: &[Arc<dyn Interceptor>]) -> Self {
        let inner = Arc::new(Inner { link: Mutex::new(None), module, clock: Clock::new() });
        Self { inner, interceptors: interceptors.into() }
    }

    /// The same client, with one more interceptor around its calls: inside of those that it has.
    #[must_use]
    pub fn intercepted(&self, interceptor: impl Interceptor) -> Self {
        let all = self.interceptors.iter().cloned().chain([Arc::new(interceptor) as Arc<dyn Interceptor>]);
        Self { inner: Arc::clone(&self.inner), interceptors: all.collect() }
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
        let client = Self::new(module.into(), &[]);
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
            trace: None,
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

    /// The trace that the call belongs to, where it is no child: that of a request from outside, for one.
    pub fn trace(mut self, trace: Trace) -> Self {
        self.trace = Some(trace);
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
        self.open_saying(kind, closes, |_| Ok(payload.map(Cow::Borrowed)))
    }

    /// Opens a stream whose first message may be made of the context that the call has.
    pub(super) fn open_saying<'p>(
        self,
        kind: InteractionKind,
        closes: bool,
        say: impl FnOnce(&InvocationContext) -> Result<Option<Cow<'p, [u8]>>>,
    ) -> Result<Call, CallError> {
        let link = self.client.link().ok_or(ixt_core::Error::new(ErrorKind::NotEstablished))?;
        let Client { inner, interceptors } = self.client;
        let mut request = Request {
            target: self.target,
            kind,
            deadline_ms: self.deadline_ms,
            timeout: None,
            capabilities: self.capabilities,
            metadata: self.metadata,
            span_id: span_id(),
            trace: self.trace,
            parent: self.parent,
        };
        let mut overs = Vec::new();
        for interceptor in &*interceptors {
            overs.extend(interceptor.call(&mut request)?);
        }
        // An interceptor changes what is sent and not how.
        request.kind = kind;
        let context = inner.context(request, self.subject, self.token_ref)?;
        let payload = say(&context)?;
        let opened = link.open(kind, &context.encode(), payload.as_deref(), closes);
        let watch = (!overs.is_empty()).then(|| Watch { context, overs });
        match opened {
            Ok(key) => Ok(Call::watched(link, key, kind, watch)),
            Err(error) => {
                let error = CallError::from(error);
                if let Some(watch) = watch {
                    watch.tell(&Err(error.clone()));
                }
                Err(error)
            }
        }
    }
}

impl Inner {
    /// The context of a call: a child's, unless it has no parent or speaks for another subject.
    fn context(
        &self,
        request: Request,
        subject: Option<Subject>,
        token_ref: Option<Vec<u8>>,
    ) -> Result<InvocationContext> {
        let module = &self.module;
        let own = request.deadline_ms.into_iter().chain(request.timeout.map(|timeout| {
            let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            (self.clock.now_us() / 1000).saturating_add(ms)
        }));
        if let Some(parent) = &request.parent
            && subject.is_none()
            && token_ref.is_none()
        {
            let mut spec = ChildSpec::new(request.span_id, module.as_str(), request.target);
            spec = spec.deadline_ms(own.min().unwrap_or(0));
            if let Some(capabilities) = request.capabilities {
                spec = spec.capabilities(capabilities);
            }
            for (key, value) in request.metadata {
                spec = spec.metadata(key, value);
            }
            return parent.child(spec);
        }
        let mut builder = InvocationContext::builder()
            .span_id(request.span_id)
            .source_module(module.as_str())
            .target(request.target)
            .subject(subject.unwrap_or_else(|| Subject::Module(module.clone())))
            .capabilities(request.capabilities.unwrap_or_default())
            .metadata_entries(request.metadata);
        if let Some(handle) = token_ref {
            builder = builder.token_ref(handle);
        }
        builder = match (&request.parent, request.trace) {
            // It speaks for another subject, and is still caused by this call.
            (Some(parent), _) => builder
                .correlation_id(parent.correlation_id())
                .parent_span_id(parent.span_id())
                .trace_flags(parent.invocation().trace_flags())
                .deadline_ms(own.chain(parent.deadline_ms()).min().unwrap_or(0)),
            (None, Some(trace)) => builder
                .correlation_id(trace.correlation_id)
                .parent_span_id(trace.parent_span_id)
                .trace_flags(trace.trace_flags)
                .deadline_ms(own.min().unwrap_or(0)),
            (None, None) => {
                builder.correlation_id(uuid::Uuid::new_v4().into_bytes()).deadline_ms(own.min().unwrap_or(0))
            }
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
