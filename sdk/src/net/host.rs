//! A host on sockets.

use std::sync::Arc;
use std::time::Duration;

use ixt_host::{EndedStream, ModuleInfo, Policy, Refusal, Settings, Stats, StreamInfo};

use super::hosting::{Hosting, Watchers};
use super::pipe::{HANDSHAKE, Listener, Pipe};
use super::{Address, ConnectError, ServerTls};

/// Describes a host.
#[must_use = "a host does nothing before it is bound"]
pub struct HostBuilder {
    settings: Settings,
    policy: Policy,
    tls: Option<ServerTls>,
    watchers: Watchers,
    #[cfg(feature = "otel")]
    telemetry: Option<crate::otel::HostTelemetry>,
}

/// A host that listens.
pub struct Host {
    hosting: Arc<Hosting>,
    listener: Listener,
}

/// Looks at a host and stops it, from anywhere. Cheap to clone.
#[derive(Clone)]
pub struct HostHandle {
    hosting: Arc<Hosting>,
}

impl Host {
    /// Describes a host on which one user's modules may do everything.
    pub fn builder() -> HostBuilder {
        HostBuilder {
            settings: Settings::default(),
            policy: Policy::open(),
            tls: None,
            watchers: Watchers::default(),
            #[cfg(feature = "otel")]
            telemetry: None,
        }
    }

    /// Where it listens; with the port that the system chose where 0 was asked for.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn address(&self) -> std::io::Result<Address> {
        self.listener.address()
    }

    /// Looks at the host and stops it.
    #[must_use]
    pub fn handle(&self) -> HostHandle {
        HostHandle { hosting: Arc::clone(&self.hosting) }
    }

    /// Accepts connections until it is stopped.
    pub async fn serve(self) {
        let timer = tokio::spawn(Arc::clone(&self.hosting).keep_time());
        let _admin = administer(&self.hosting).await;
        loop {
            tokio::select! {
                arrived = self.listener.accept() => match arrived {
                    Ok(arrived) => {
                        let hosting = Arc::clone(&self.hosting);
                        tokio::spawn(async move {
                            if let Ok(Ok(pipe)) = tokio::time::timeout(HANDSHAKE, arrived.ready()).await {
                                hosting.connect(pipe);
                            }
                        });
                    }
                    // Too many open files, or a connection that is gone again: the next one may go better.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
                () = self.hosting.stopped() => break,
            }
        }
        timer.abort();
    }
}

impl HostBuilder {
    /// Who may do what.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Limits.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The certificate, for a `tls://` address.
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Called for each refusal, for the audit. It must not block.
    pub fn on_refusal(mut self, audit: impl Fn(&Refusal) + Send + Sync + 'static) -> Self {
        self.watchers.refusals.push(Box::new(audit));
        self
    }

    /// Called for each stream that has ended, an open that was refused among them. It must not block.
    pub fn on_ended(mut self, told: impl Fn(&EndedStream) + Send + Sync + 'static) -> Self {
        self.watchers.ended.push(Box::new(told));
        self
    }

    /// Traces and metrics for OpenTelemetry.
    #[cfg(feature = "otel")]
    pub fn telemetry(mut self, telemetry: &crate::otel::HostTelemetry) -> Self {
        self.telemetry = Some(telemetry.clone());
        self
    }

    /// Listens.
    ///
    /// # Errors
    /// The address is none or taken, or the settings make no sense.
    pub async fn bind(mut self, url: &str) -> Result<Host, ConnectError> {
        let address: Address = url.parse()?;
        let listener = Listener::bind(&address, self.tls.take().as_ref()).await?;
        Ok(Host { hosting: self.hosting()?, listener })
    }

    #[cfg(not(feature = "otel"))]
    fn hosting(self) -> Result<Arc<Hosting>, ConnectError> {
        Ok(Hosting::new(self.settings, self.policy, self.watchers)?)
    }

    #[cfg(feature = "otel")]
    fn hosting(mut self) -> Result<Arc<Hosting>, ConnectError> {
        let Some(telemetry) = self.telemetry else {
            return Ok(Hosting::new(self.settings, self.policy, self.watchers)?);
        };
        let (ended, refused) = (telemetry.clone(), telemetry.clone());
        self.watchers.ended.push(Box::new(move |stream| ended.ended(stream)));
        self.watchers.refusals.push(Box::new(move |refusal| refused.refused(refusal)));
        let hosting = Hosting::new(self.settings, self.policy, self.watchers)?;
        let observed = Arc::downgrade(&hosting);
        telemetry.observe(move || Some(observed.upgrade()?.look(|host| host.stats())));
        Ok(hosting)
    }

    /// A host without a socket, for tests: modules connect to it within the process.
    pub(crate) fn unbound(self) -> Result<HostHandle, ConnectError> {
        let hosting = self.hosting()?;
        tokio::spawn(Arc::clone(&hosting).keep_time());
        Ok(HostHandle { hosting })
    }
}

/// Connects the host's own module; without it the host works all the same.
async fn administer(hosting: &Arc<Hosting>) -> Option<super::Module> {
    let (here, there) = Pipe::pair(None);
    Arc::clone(hosting).connect(Pipe { is_host: true, ..there });
    super::admin::module(Arc::downgrade(hosting)).over(here).await.ok()
}

impl HostHandle {
    /// The modules that are announced, by name.
    #[must_use]
    pub fn modules(&self) -> Vec<ModuleInfo> {
        self.hosting.look(|host| host.modules())
    }

    /// The streams that go through, oldest first.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamInfo> {
        self.hosting.look(|host| host.streams())
    }

    /// The figures of the moment: connections, streams, what waits and what went through.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.hosting.look(|host| host.stats())
    }

    /// Tells every module that the host goes away, lets calls finish until the grace has passed, and stops.
    pub async fn stop(&self, grace: Duration) {
        self.hosting.stop(grace).await;
    }

    pub(crate) fn attach(&self, pipe: Pipe) {
        Arc::clone(&self.hosting).connect(pipe);
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("address", &self.address().ok()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for HostHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostHandle").finish_non_exhaustive()
    }
}
