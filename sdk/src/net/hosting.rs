//! The engine of a host behind a lock, a task that reads and one that writes for each connection, and one that
//! keeps the time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ixt_core::Result;
use ixt_host::{EndedStream, LinkId, Peer, Policy, Refusal, Settings};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

use super::clock::Clock;
use super::link::LINGER;
use super::pipe::Pipe;

/// What is read and written at once, at most.
const BUFFER: usize = 64 << 10;

/// A host at work.
pub(super) struct Hosting {
    engine: Mutex<Engine>,
    clock: Clock,
    /// The time of the next timeout may have changed.
    timer: Notify,
    stop: Notify,
    watchers: Watchers,
}

type Watcher<T> = Box<dyn Fn(&T) + Send + Sync>;

/// Who is told of what happens at a host, outside its lock.
#[derive(Default)]
pub(super) struct Watchers {
    pub(super) refusals: Vec<Watcher<Refusal>>,
    pub(super) ended: Vec<Watcher<EndedStream>>,
}

/// Streams that have ended since the last look, at most: what one turn of the engine may end.
const MAX_ENDED: usize = 65_536;

struct Engine {
    host: ixt_host::Host,
    /// Wakes the writer of each connection.
    writers: HashMap<LinkId, Arc<Notify>>,
}

impl Hosting {
    pub(super) fn new(mut settings: Settings, policy: Policy, watchers: Watchers) -> Result<Arc<Self>> {
        if !watchers.ended.is_empty() {
            settings.max_ended = settings.max_ended.max(MAX_ENDED);
        }
        let clock = Clock::new();
        let mut seed = [0; 32];
        let (first, second) = seed.split_at_mut(16);
        // Two halves of the operating system's randomness; six bits of each are fixed.
        first.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        second.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        let host = ixt_host::Host::new(settings, policy, seed, clock.now_us())?;
        let engine = Engine { host, writers: HashMap::new() };
        Ok(Arc::new(Self {
            engine: Mutex::new(engine),
            clock,
            timer: Notify::new(),
            stop: Notify::new(),
            watchers,
        }))
    }

    /// Waits until the host is to stop.
    pub(super) async fn stopped(&self) {
        self.stop.notified().await;
    }

    /// Tells every module that the host goes away, lets calls finish until the grace has passed, and stops.
    pub(super) async fn stop(&self, grace: Duration) {
        let grace_ms = u32::try_from(grace.as_millis()).unwrap_or(u32::MAX);
        let now_us = self.clock.now_us();
        self.with(|host| {
            // The grace begins now, and not when the engine was last told the time.
            host.handle_timeout(now_us);
            host.go_away(grace_ms, "the host stops");
        });
        let idle = async {
            while !self.look(|host| host.streams().is_empty()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(grace, idle).await;
        self.stop.notify_one();
        let writers = std::mem::take(&mut self.lock().writers);
        writers.values().for_each(|writer| writer.notify_one());
    }

    /// Looks at the engine, or changes what nobody waits for.
    pub(super) fn look<T>(&self, work: impl FnOnce(&mut ixt_host::Host) -> T) -> T {
        work(&mut self.lock().host)
    }

    fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the engine, and wakes who has to write.
    fn with<T>(&self, work: impl FnOnce(&mut ixt_host::Host) -> T) -> T {
        let (done, refusals, ended) = {
            let mut engine = self.lock();
            let done = work(&mut engine.host);
            while let Some(link) = engine.host.poll_writable() {
                if let Some(writer) = engine.writers.get(&link) {
                    writer.notify_one();
                }
            }
            let refusals: Vec<_> = std::iter::from_fn(|| engine.host.poll_refusal()).collect();
            let ended: Vec<_> = std::iter::from_fn(|| engine.host.poll_ended()).collect();
            (done, refusals, ended)
        };
        for refusal in &refusals {
            self.watchers.refusals.iter().for_each(|told| told(refusal));
        }
        for stream in &ended {
            self.watchers.ended.iter().for_each(|told| told(stream));
        }
        done
    }

    pub(super) fn connect(self: Arc<Self>, pipe: Pipe) {
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
        let reading = tokio::spawn(Arc::clone(&self).read(link, pipe.reader));
        tokio::spawn(async move {
            self.write(link, writer, pipe.writer).await;
            // Reading on lets the peer read the last word; one that does not hang up is not waited for.
            tokio::time::sleep(LINGER).await;
            reading.abort();
        });
    }

    async fn read(self: Arc<Self>, link: LinkId, mut reader: Box<dyn AsyncRead + Send + Unpin>) {
        let mut buffer = vec![0; BUFFER];
        let mut ended = false;
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            if ended {
                continue;
            }
            let now_us = self.clock.now_us();
            let bytes = buffer.get(..count).unwrap_or_default();
            ended = self.with(|host| {
                host.receive(link, bytes, now_us);
                host.has_ended(link)
            });
        }
        self.gone(link);
    }

    async fn write(
        self: Arc<Self>,
        link: LinkId,
        wake: Arc<Notify>,
        mut writer: Box<dyn AsyncWrite + Send + Unpin>,
    ) {
        let mut buffer = vec![0; BUFFER];
        loop {
            let (filled, ended) = self.with(|host| {
                let filled = host.poll_transmit(link, &mut buffer);
                (filled, host.has_ended(link))
            });
            let bytes = buffer.get(..filled).unwrap_or_default();
            let written = tokio::select! {
                biased;
                // A TLS writer keeps bytes until it is told.
                written = async {
                    writer.write_all(bytes).await?;
                    if filled == 0 { writer.flush().await } else { Ok(()) }
                } => written.is_ok(),
                () = self.lingered(link, &wake) => false,
            };
            if filled > 0 && written {
                continue;
            }
            if !written || ended || !self.lock().writers.contains_key(&link) {
                break;
            }
            wake.notified().await;
        }
        let _ = tokio::time::timeout(LINGER, writer.shutdown()).await;
        self.gone(link);
    }

    /// Waits until a connection has ended, and then as long as its peer may take to read the last word.
    async fn lingered(&self, link: LinkId, wake: &Notify) {
        while !self.lock().host.has_ended(link) {
            wake.notified().await;
        }
        tokio::time::sleep(LINGER).await;
    }

    fn gone(&self, link: LinkId) {
        self.with(|host| host.transport_ended(link));
        if let Some(writer) = self.lock().writers.remove(&link) {
            writer.notify_one();
        }
    }

    pub(super) async fn keep_time(self: Arc<Self>) {
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
