//! A host on sockets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ixt_host::{LinkId, ModuleInfo, Peer, Policy, Refusal, Settings, StreamInfo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::clock::Clock;
use super::pipe::{HANDSHAKE, Listener, Pipe};
use super::{Address, ConnectError, ServerTls};

/// What is read and written at once, at most.
const BUFFER: usize = 64 << 10;

/// Describes a host.
#[must_use = "a host does nothing before it is bound"]
pub struct HostBuilder {
    settings: Settings,
    policy: Policy,
    tls: Option<ServerTls>,
    on_refusal: Box<dyn Fn(&Refusal) + Send + Sync>,
}

/// A host that listens.
pub struct Host {
    inner: Arc<Inner>,
    listener: Listener,
}

/// Looks at a host and stops it, from anywhere. Cheap to clone.
#[derive(Clone)]
pub struct HostHandle {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    engine: Mutex<Engine>,
    clock: Clock,
    /// The time of the next timeout may have changed.
    timer: Notify,
    stop: Notify,
    on_refusal: Box<dyn Fn(&Refusal) + Send + Sync>,
}

struct Engine {
    host: ixt_host::Host,
    /// Wakes the writer of each connection.
    writers: std::collections::HashMap<LinkId, Arc<Notify>>,
}

impl Host {
    /// Describes a host on which one user's modules may do everything.
    pub fn builder() -> HostBuilder {
        HostBuilder {
            settings: Settings::default(),
            policy: Policy::open(),
            tls: None,
            on_refusal: Box::new(|_| {}),
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
        HostHandle { inner: Arc::clone(&self.inner) }
    }

    /// Accepts connections until it is stopped.
    pub async fn serve(self) {
        let timer = tokio::spawn(Arc::clone(&self.inner).keep_time());
        let _admin = administer(&self.inner).await;
        loop {
            tokio::select! {
                arrived = self.listener.accept() => match arrived {
                    Ok(arrived) => {
                        let inner = Arc::clone(&self.inner);
                        tokio::spawn(async move {
                            if let Ok(Ok(pipe)) = tokio::time::timeout(HANDSHAKE, arrived.ready()).await {
                                inner.connect(pipe);
                            }
                        });
                    }
                    // Too many open files, or a connection that is gone again: the next one may go better.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
                () = self.inner.stop.notified() => break,
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
        self.on_refusal = Box::new(audit);
        self
    }

    /// Listens.
    ///
    /// # Errors
    /// The address is none or taken, or the settings make no sense.
    pub async fn bind(mut self, url: &str) -> Result<Host, ConnectError> {
        let address: Address = url.parse()?;
        let listener = Listener::bind(&address, self.tls.take().as_ref()).await?;
        Ok(Host { inner: self.engine()?, listener })
    }

    fn engine(self) -> Result<Arc<Inner>, ConnectError> {
        let clock = Clock::new();
        let mut seed = [0; 32];
        let (first, second) = seed.split_at_mut(16);
        // Two halves of the operating system's randomness; six bits of each are fixed.
        first.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        second.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        let host = ixt_host::Host::new(self.settings, self.policy, seed, clock.now_us())?;
        let engine = Engine { host, writers: std::collections::HashMap::new() };
        Ok(Arc::new(Inner {
            engine: Mutex::new(engine),
            clock,
            timer: Notify::new(),
            stop: Notify::new(),
            on_refusal: self.on_refusal,
        }))
    }

    /// A host without a socket, for tests: modules connect to it within the process.
    pub(crate) fn unbound(self) -> Result<HostHandle, ConnectError> {
        let inner = self.engine()?;
        tokio::spawn(Arc::clone(&inner).keep_time());
        Ok(HostHandle { inner })
    }
}

/// Connects the host's own module; without it the host works all the same.
async fn administer(inner: &Arc<Inner>) -> Option<super::Module> {
    let (here, there) = Pipe::pair(None);
    Arc::clone(inner).connect(Pipe { is_host: true, ..there });
    super::admin::module(Arc::downgrade(inner)).over(here).await.ok()
}

impl HostHandle {
    /// The modules that are announced, by name.
    #[must_use]
    pub fn modules(&self) -> Vec<ModuleInfo> {
        self.inner.lock().host.modules()
    }

    /// The streams that go through, oldest first.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamInfo> {
        self.inner.lock().host.streams()
    }

    /// Tells every module that the host goes away, lets calls finish until the grace has passed, and stops.
    pub async fn stop(&self, grace: Duration) {
        let grace_ms = u32::try_from(grace.as_millis()).unwrap_or(u32::MAX);
        let now_us = self.inner.clock.now_us();
        self.inner.with(|host| {
            // The grace begins now, and not when the engine was last told the time.
            host.handle_timeout(now_us);
            host.go_away(grace_ms, "the host stops");
        });
        let idle = async {
            while !self.inner.lock().host.streams().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(grace, idle).await;
        let stopped: Vec<_> = self.inner.lock().writers.values().cloned().collect();
        self.inner.stop.notify_one();
        self.inner.lock().writers.clear();
        stopped.iter().for_each(|writer| writer.notify_one());
    }

    pub(crate) fn attach(&self, pipe: Pipe) {
        Arc::clone(&self.inner).connect(pipe);
    }
}

impl Inner {
    /// Looks at the engine, or changes what nobody waits for.
    pub(super) fn look<T>(&self, work: impl FnOnce(&mut ixt_host::Host) -> T) -> T {
        work(&mut self.lock().host)
    }

    fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the engine, and wakes who has to write.
    fn with<T>(&self, work: impl FnOnce(&mut ixt_host::Host) -> T) -> T {
        let (done, refusals) = {
            let mut engine = self.lock();
            let done = work(&mut engine.host);
            while let Some(link) = engine.host.poll_writable() {
                if let Some(writer) = engine.writers.get(&link) {
                    writer.notify_one();
                }
            }
            (done, std::iter::from_fn(|| engine.host.poll_refusal()).collect::<Vec<_>>())
        };
        refusals.iter().for_each(|refusal| (self.on_refusal)(refusal));
        done
    }

    fn connect(self: Arc<Self>, pipe: Pipe) {
        let now_us = self.clock.now_us();
        let peer =
            if pipe.is_host { Peer::host() } else { pipe.uid.map_or_else(Peer::default, Peer::with_uid) };
        let writer = Arc::new(Notify::new());
        let link = {
            let mut engine = self.lock();
            let Some(link) = engine.host.connect(peer, now_us) else { return };
            engine.writers.insert(link, Arc::clone(&writer));
            link
        };
        writer.notify_one();
        self.timer.notify_one();
        tokio::spawn(Arc::clone(&self).write(link, writer, pipe.writer));
        tokio::spawn(self.read(link, pipe.reader));
    }

    async fn read(self: Arc<Self>, link: LinkId, mut reader: Box<dyn tokio::io::AsyncRead + Send + Unpin>) {
        let mut buffer = vec![0; BUFFER];
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            let now_us = self.clock.now_us();
            let bytes = buffer.get(..count).unwrap_or_default();
            let ended = self.with(|host| {
                host.receive(link, bytes, now_us);
                host.has_ended(link)
            });
            if ended {
                return;
            }
        }
        self.gone(link);
    }

    async fn write(
        self: Arc<Self>,
        link: LinkId,
        wake: Arc<Notify>,
        mut writer: Box<dyn tokio::io::AsyncWrite + Send + Unpin>,
    ) {
        let mut buffer = vec![0; BUFFER];
        loop {
            let (filled, ended) = self.with(|host| {
                let filled = host.poll_transmit(link, &mut buffer);
                (filled, host.has_ended(link))
            });
            if filled > 0 {
                if writer.write_all(buffer.get(..filled).unwrap_or_default()).await.is_err() {
                    break;
                }
                continue;
            }
            if writer.flush().await.is_err() || ended || !self.lock().writers.contains_key(&link) {
                break;
            }
            wake.notified().await;
        }
        let _ = writer.shutdown().await;
        self.gone(link);
    }

    fn gone(&self, link: LinkId) {
        self.with(|host| host.transport_ended(link));
        if let Some(writer) = self.lock().writers.remove(&link) {
            writer.notify_one();
        }
    }

    async fn keep_time(self: Arc<Self>) {
        loop {
            let next = self.lock().host.next_timeout();
            let at = self.clock.at(next.unwrap_or(u64::MAX));
            tokio::select! {
                () = self.timer.notified() => {}
                () = tokio::time::sleep_until(at) => {
                    let now_us = self.clock.now_us();
                    self.with(|host| host.handle_timeout(now_us));
                }
            }
        }
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
