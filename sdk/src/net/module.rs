//! A module: what it provides, and its connection to the host.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use ixt_core::connection::{Config, EndReason};
use ixt_core::flow::Outcome;
use ixt_core::invocation::{InvocationContext, Target};
use ixt_core::stream::{InteractionKind, StreamErrorCode};
use ixt_host::{FromHost, SERVICE, ServiceOffer, ToHost};

use super::answer::{Parts, answer};
use super::call::Call;
use super::client::Client;
use super::interceptor::{Handler, Interceptor};
use super::link::{Link, Opened};
use super::pipe::{HANDSHAKE, Listener, Pipe};
use super::{Address, CallContext, CallError, ClientTls, ConnectError, ServerTls};

/// A service, as a module offers it.
#[derive(Debug, Clone)]
pub struct Service {
    offer: ServiceOffer,
}

impl Service {
    /// A service that anybody may call, in the kinds that its handler was given for.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { offer: ServiceOffer { name: name.into(), kinds: Vec::new(), requires: String::new() } }
    }

    /// The kinds of calls that it answers; without it all.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = InteractionKind>) -> Self {
        self.offer.kinds = kinds.into_iter().collect();
        self
    }

    /// The capability that a caller needs; the host refuses who has it not.
    #[must_use]
    pub fn requires(mut self, capability: impl Into<String>) -> Self {
        self.offer.requires = capability.into();
        self
    }
}

impl From<&str> for Service {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// Describes a module.
#[must_use = "a module does nothing before it is connected"]
pub struct ModuleBuilder {
    parts: Parts,
    token: Vec<u8>,
    tls: Option<ClientTls>,
    config: Config,
}

/// A module that is connected to a host and announced.
///
/// Dropping it ends the connection and every call.
#[derive(Debug)]
pub struct Module {
    shared: Arc<Shared>,
    client: Client,
}

struct Shared {
    parts: Parts,
    token: Vec<u8>,
    tls: Option<ClientTls>,
    config: Config,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("name", &self.parts.name).finish_non_exhaustive()
    }
}

/// The first wait before connecting again, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

impl Module {
    /// Describes a module of this name: `[a-z0-9][a-z0-9_.-]{0,127}`.
    pub fn builder(name: impl Into<String>) -> ModuleBuilder {
        ModuleBuilder {
            parts: Parts {
                name: name.into(),
                offers: Vec::new(),
                services: HashMap::new(),
                topics: HashMap::new(),
                other: None,
                interceptors: Vec::new(),
            },
            token: Vec::new(),
            tls: None,
            config: Config::default(),
        }
    }

    /// Calls other modules. It stays usable when the module connects again.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Whether the module is connected and can be called.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.client.link().is_some_and(|link| link.is_usable())
    }

    /// Answers calls until the connection ends, and gives how it ended.
    ///
    /// # Errors
    /// Why the connection ended, where that was not the own doing.
    pub async fn serve(&self) -> Result<(), ConnectError> {
        let Some(link) = self.client.link() else { return Ok(()) };
        link.ended().await;
        match link.end() {
            Some(end) if end.reason == EndReason::Shutdown => Ok(()),
            Some(end) => Err(ConnectError::Ended(end)),
            None => Ok(()),
        }
    }

    /// Answers calls for ever: connects again, ever more slowly, when the connection ends.
    ///
    /// # Errors
    /// What another attempt would not mend: the host refuses the module.
    pub async fn serve_again(&self, url: &str) -> Result<(), ConnectError> {
        let address: Address = url.parse()?;
        let mut wait = BACKOFF.0;
        loop {
            if let Some(link) = self.client.link() {
                tokio::select! {
                    () = link.ended() => {}
                    () = link.peer_goes_away() => {
                        idle(&link).await;
                        link.finish(EndReason::Transport, "the host goes away");
                    }
                }
                if link.end().is_some_and(|end| {
                    end.reason == EndReason::Shutdown && end.by == ixt_core::flow::By::Local
                }) {
                    return Ok(());
                }
            }
            // Between half of it and all, so that modules do not come back all at once.
            let part = u32::from(uuid::Uuid::new_v4().as_bytes().first().copied().unwrap_or(0));
            tokio::time::sleep(wait / 2 + wait / 512 * part).await;
            match connect(&self.shared, &self.client, &address).await {
                Ok(()) => wait = BACKOFF.0,
                Err(error) if error.is_retryable() => wait = (wait * 2).min(BACKOFF.1),
                Err(error) => return Err(error),
            }
        }
    }

    /// Stops in order: nothing new is accepted, calls may finish until the grace has passed, and then they are
    /// cancelled.
    pub async fn stop(&self, grace: Duration) {
        let Some(link) = self.client.link() else { return };
        let grace_ms = u32::try_from(grace.as_millis()).unwrap_or(u32::MAX);
        link.go_away(grace_ms, "the module stops");
        // The stream to the host lives as long as the module, so it is not waited for beyond the grace.
        let _ = tokio::time::timeout(grace, idle(&link)).await;
        link.finish(EndReason::Shutdown, "the module stops");
        link.ended().await;
    }
}

/// Waits until no stream but the one to the host is left.
async fn idle(link: &Arc<Link>) {
    while link.end().is_none() && link.command(|engine| engine.len()) > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A module that answers callers directly.
pub struct Listening {
    shared: Arc<Shared>,
    listener: Listener,
}

impl Listening {
    /// Where it listens; with the port that the system chose where 0 was asked for.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn address(&self) -> std::io::Result<Address> {
        self.listener.address()
    }

    /// Answers, until the future is dropped.
    pub async fn serve(self) {
        loop {
            match self.listener.accept().await {
                Ok(arrived) => {
                    let shared = Arc::clone(&self.shared);
                    tokio::spawn(async move {
                        if let Ok(Ok(pipe)) = tokio::time::timeout(HANDSHAKE, arrived.ready()).await {
                            // The tasks of the connection keep it, until it has ended.
                            let _ = serving(shared, pipe);
                        }
                    });
                }
                // Too many open files, or a connection that is gone again: the next one may go better.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").field("module", &self.shared.parts.name).finish_non_exhaustive()
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if let Some(link) = self.client.link() {
            link.finish(EndReason::Shutdown, "the module is gone");
        }
    }
}

impl ModuleBuilder {
    /// Answers calls to a service.
    ///
    /// The handler has the stream and the context. What it returns ends the stream: well, or as failed. A handler is
    /// stopped when its stream fails or is cancelled.
    pub fn service<H, F>(mut self, service: impl Into<Service>, handler: H) -> Self
    where
        H: Fn(CallContext, Arc<Call>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        let offer = service.into().offer;
        self.parts.services.insert(offer.name.clone(), boxed(handler));
        self.parts.offers.push(offer);
        self
    }

    /// Answers unary calls to a service: one message in, one message out.
    pub fn unary<H, F, A>(self, service: impl Into<Service>, handler: H) -> Self
    where
        H: Fn(CallContext, Bytes) -> F + Send + Sync + 'static,
        F: Future<Output = Result<A, CallError>> + Send + 'static,
        A: AsRef<[u8]> + Send,
    {
        let handler = Arc::new(handler);
        let service = service.into().kinds([InteractionKind::Unary]);
        self.service(service, move |context, call: Arc<Call>| {
            let handler = Arc::clone(&handler);
            async move {
                let request = call.recv_one().await?;
                let answer = handler(context, request).await?;
                call.finish(answer).await
            }
        })
    }

    /// Hears broadcasts of a topic.
    pub fn topic<H, F>(mut self, topic: impl Into<String>, handler: H) -> Self
    where
        H: Fn(CallContext, Bytes) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let heard = boxed(move |context, call: Arc<Call>| {
            let handler = Arc::clone(&handler);
            async move {
                let message = call.recv_one().await?;
                handler(context, message).await?;
                call.finish([]).await
            }
        });
        self.parts.topics.insert(topic.into(), heard);
        self
    }

    /// Answers what has no handler of its own: calls to the module by its name, replies, and its endpoints.
    pub fn other<H, F>(mut self, handler: H) -> Self
    where
        H: Fn(CallContext, Arc<Call>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        self.parts.other = Some(boxed(handler));
        self
    }

    /// Stands around every call that the module makes or answers; the first one added is outermost.
    pub fn interceptor(mut self, interceptor: impl Interceptor) -> Self {
        self.parts.interceptors.push(Arc::new(interceptor));
        self
    }

    /// Proves the module's name to a host whose policy demands it; never shown.
    pub fn token(mut self, token: impl Into<Vec<u8>>) -> Self {
        self.token = token.into();
        self
    }

    /// Whom to trust on a `tls://` address.
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The settings of the connection: windows, limits, keepalive.
    pub fn connection(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Connects to a host and announces the module.
    ///
    /// # Errors
    /// No connection, or the host refuses the module.
    pub async fn connect(self, url: &str) -> Result<Module, ConnectError> {
        let address: Address = url.parse()?;
        let module = self.unconnected();
        connect(&module.shared, &module.client, &address).await?;
        Ok(module)
    }

    /// Connects, and tries again as long as another attempt may go better.
    ///
    /// # Errors
    /// The host refuses the module, or the URL or the settings make no sense.
    pub async fn connect_patiently(self, url: &str) -> Result<Module, ConnectError> {
        let address: Address = url.parse()?;
        let module = self.unconnected();
        let mut wait = BACKOFF.0;
        loop {
            match connect(&module.shared, &module.client, &address).await {
                Err(error) if error.is_retryable() => tokio::time::sleep(wait).await,
                done => return done.map(|()| module),
            }
            wait = (wait * 2).min(BACKOFF.1);
        }
    }

    /// Answers callers that connect to it directly, without a host: for two processes that trust each other. Nothing
    /// checks what callers claim but the handlers.
    ///
    /// # Errors
    /// The address is none or taken, or the settings make no sense.
    pub async fn listen(self, url: &str, tls: Option<ServerTls>) -> Result<Listening, ConnectError> {
        self.config.check()?;
        let listener = Listener::bind(&url.parse()?, tls.as_ref()).await?;
        let Self { parts, token, tls, config } = self;
        Ok(Listening { shared: Arc::new(Shared { parts, token, tls, config }), listener })
    }

    fn unconnected(self) -> Module {
        let client = Client::new(self.parts.name.clone(), &self.parts.interceptors);
        let Self { parts, token, tls, config } = self;
        Module { shared: Arc::new(Shared { parts, token, tls, config }), client }
    }

    pub(crate) async fn over(self, pipe: Pipe) -> Result<Module, ConnectError> {
        let module = self.unconnected();
        begin(&module.shared, &module.client, pipe).await?;
        Ok(module)
    }
}

fn boxed<H, F>(handler: H) -> Handler
where
    H: Fn(CallContext, Arc<Call>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), CallError>> + Send + 'static,
{
    Arc::new(move |context, call| Box::pin(handler(context, call)))
}

async fn connect(shared: &Arc<Shared>, client: &Client, address: &Address) -> Result<(), ConnectError> {
    let pipe = Pipe::connect(address, shared.tls.as_ref()).await?;
    begin(shared, client, pipe).await
}

/// Starts a connection and announces the module on it.
async fn begin(shared: &Arc<Shared>, client: &Client, pipe: Pipe) -> Result<(), ConnectError> {
    let link = serving(Arc::clone(shared), pipe)?;
    link.established().await.map_err(ConnectError::Ended)?;
    let context = InvocationContext::builder().target(Target::Service(SERVICE.into())).build()?.encode();
    let announce = ToHost::Announce {
        module: shared.parts.name.clone(),
        services: shared.parts.offers.clone(),
        topics: shared.parts.topics.keys().cloned().collect(),
        token: shared.token.clone(),
    };
    let key = link.open(InteractionKind::BidiStream, &context, Some(&announce.encode()), false)?;
    let host = Call::new(Arc::clone(&link), key, InteractionKind::BidiStream);
    let accepted = host.recv_one().await.map_err(ConnectError::Refused)?;
    if FromHost::decode(&accepted)? != FromHost::Accepted {
        let code = StreamErrorCode::ProtocolViolation;
        return Err(ConnectError::Refused(CallError::failed(
            code,
            "the host's first word is not `accepted`",
        )));
    }
    client.set(Some(Arc::clone(&link)));
    // The module is announced as long as this stream lives.
    tokio::spawn(async move {
        tokio::select! {
            _ = host.ended() => {}
            () = link.ended() => {}
        }
        if let Some(Outcome::Failed(failure)) = host.outcome() {
            link.finish(EndReason::Refused, &failure.message);
        }
    });
    Ok(())
}

/// A connection on which the module's handlers answer.
fn serving(shared: Arc<Shared>, pipe: Pipe) -> Result<Arc<Link>, ConnectError> {
    let itself: Arc<OnceLock<std::sync::Weak<Link>>> = Arc::new(OnceLock::new());
    let of_handlers = Arc::clone(&itself);
    let config = shared.config.clone();
    let on_opened = move |opened: Opened| {
        let (shared, itself) = (Arc::clone(&shared), Arc::clone(&of_handlers));
        tokio::spawn(async move {
            if let Some(link) = itself.get().and_then(std::sync::Weak::upgrade) {
                answer(&shared.parts, link, opened).await;
            }
        });
    };
    let link = Link::start(pipe, config, Some(Box::new(on_opened)))?;
    let _ = itself.set(Arc::downgrade(&link));
    Ok(link)
}
