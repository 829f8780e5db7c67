//! The host: connections in, bytes out, the time.

use std::collections::VecDeque;

use ixt_core::Result;
use ixt_core::connection::{Connection, Event, Key};
use ixt_core::stream::{StreamErrorCode, StreamId};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::audit::Refusal;
use crate::command::{Later, Reading, apply};
use crate::ended::EndedStream;
use crate::ends::{LinkId, RouteId, Side};
use crate::leaving::Leaving;
use crate::link::{Half, Link, Links, Peer};
use crate::policy::Policy;
use crate::registry::Registry;
use crate::routes::Routes;
use crate::settings::Settings;
use crate::stats::Relayed;
use crate::tap::{TapFilter, TapId, Taps};

/// The host of modules: see the [crate](crate) for the contract. Not shared: one thread at a time.
#[derive(Debug)]
pub struct Host {
    pub(crate) settings: Settings,
    pub(crate) policy: Policy,
    pub(crate) links: Links,
    pub(crate) registry: Registry,
    pub(crate) routes: Routes,
    pub(crate) now_us: u64,
    random: ChaCha20Rng,
    refusals: VecDeque<Refusal>,
    pub(crate) ended: VecDeque<EndedStream>,
    pub(crate) relayed: Relayed,
    writable: VecDeque<LinkId>,
    /// Commands for the connection that is being read.
    pub(crate) later: Vec<(Key, Later)>,
    /// The connection that is being read, its halves and who it is.
    pub(crate) reading: Option<Reading>,
    /// The bytes of the open that is being decided.
    opening: Vec<u8>,
    /// Kept for its memory.
    pumps: Vec<(RouteId, Side)>,
    pub(crate) taps: Taps,
    /// Streams that are answered elsewhere, where there is an elsewhere.
    pub(crate) leaving: Option<Leaving>,
}

impl Host {
    /// A host without connections. `seed` is 32 random bytes: names of endpoints and ids of streams are made of
    /// it, and whoever knows it can guess them. `now_us` is the time in microseconds since the Unix epoch, here
    /// and in all that follows.
    ///
    /// # Errors
    /// `InvalidArgument` with the setting that makes no sense.
    pub fn new(mut settings: Settings, policy: Policy, seed: [u8; 32], now_us: u64) -> Result<Self> {
        settings.connection.relay = true;
        settings.connection.check()?;
        Ok(Self {
            settings,
            policy,
            links: Links::default(),
            registry: Registry::default(),
            routes: Routes::default(),
            now_us,
            random: ChaCha20Rng::from_seed(seed),
            refusals: VecDeque::new(),
            ended: VecDeque::new(),
            relayed: Relayed::default(),
            writable: VecDeque::new(),
            later: Vec::new(),
            reading: None,
            opening: Vec::new(),
            pumps: Vec::new(),
            taps: Taps::default(),
            leaving: None,
        })
    }

    /// A new connection; `None` when there are too many.
    pub fn connect(&mut self, peer: Peer, now_us: u64) -> Option<LinkId> {
        self.now_us = self.now_us.max(now_us);
        if self.links.len() >= self.settings.max_connections {
            return None;
        }
        let mut config = self.settings.connection.clone();
        if peer.is_remote {
            // Whoever carries its bytes knows whether it lives.
            (config.idle_ms, config.keepalive_ms) = (0, 0);
            // There may be many.
            config.remembered = config.remembered.min(REMEMBERED);
        }
        config.seed = u64::from_le_bytes(self.random());
        let id = StreamId::new(self.random()).ok()?;
        let connection = Connection::new(config, id, self.now_us).ok()?;
        let link = self.links.insert(Link {
            connection,
            peer,
            module: None,
            halves: foldhash::HashMap::default(),
            busy: 0,
            away: false,
            is_listed: false,
        });
        self.list(link);
        Some(link)
    }

    /// Takes in what was read of a connection.
    pub fn receive(&mut self, link: LinkId, read: &[u8], now_us: u64) {
        self.now_us = self.now_us.max(now_us);
        let mut at = 0;
        loop {
            match self.read(link, read, &mut at) {
                Read::Opened(stream) => {
                    let bytes = std::mem::take(&mut self.opening);
                    self.opened(link, stream, &bytes);
                    self.opening = bytes;
                }
                Read::Answered(stream) => self.bound_local(link, stream),
                Read::All => break,
            }
        }
        self.list(link);
    }

    /// Reads until something is to be done with no connection out of its place.
    fn read(&mut self, id: LinkId, read: &[u8], at: &mut usize) -> Read {
        let Some(mut link) = self.links.take(id) else { return Read::All };
        self.reading = Some(Reading {
            link: id,
            halves: std::mem::take(&mut link.halves),
            peer: link.peer,
            module: link.module.take(),
            answered: 0,
            pumps: std::mem::take(&mut self.pumps),
        });
        let mut come_to = Read::All;
        let mut ended = false;
        loop {
            let mut again = false;
            let mut incoming = link.connection.receive(read.get(*at..).unwrap_or_default(), self.now_us);
            while let Some(event) = incoming.next() {
                match event {
                    Event::Relay { stream, bytes } if self.relay(id, stream, bytes) => {
                        // A stream that it has ended makes room for the next one that it opens.
                        again = self.later.iter().any(|(_, later)| later.is_end());
                        let answer = self.later.iter().find(|(_, later)| matches!(later, Later::Data(..)));
                        if let Some((key, _)) = answer {
                            come_to = Read::Answered(*key);
                        }
                        if again || answer.is_some() {
                            break;
                        }
                    }
                    Event::Relay { stream, bytes } => {
                        self.opening.clear();
                        self.opening.extend_from_slice(bytes);
                        come_to = Read::Opened(stream);
                        break;
                    }
                    Event::RelayFailed { stream, code, message } => self.broken(id, stream, code, &message),
                    Event::GoingAway { .. } => link.away = true,
                    Event::Ended(_) => ended = true,
                    _ => {}
                }
            }
            *at = read.len() - incoming.rest().len();
            for (key, later) in self.later.drain(..) {
                apply(&mut link.connection, key, later.as_command());
            }
            if !again || !matches!(come_to, Read::All) {
                break;
            }
        }
        let mut pumps = Vec::new();
        if let Some(reading) = self.reading.take() {
            link.halves = reading.halves;
            link.module = reading.module;
            link.busy = link.busy.saturating_sub(reading.answered);
            pumps = reading.pumps;
        }
        self.links.put(id, link);
        for (route, sender) in pumps.drain(..) {
            self.pump(route, sender);
        }
        self.pumps = pumps;
        if ended {
            self.withdraw(id);
        }
        come_to
    }

    /// The byte stream of a connection has ended. It is forgotten once
    /// [`poll_transmit`](Self::poll_transmit) has been asked for it again.
    pub fn transport_ended(&mut self, link: LinkId) {
        if let Some(found) = self.links.get_mut(link) {
            found.connection.transport_ended();
        }
        self.receive(link, &[], self.now_us);
        self.links.remove(link);
    }

    /// Fills `out` with what is to be written to a connection and gives how many bytes that is; 0 when there is
    /// nothing.
    pub fn poll_transmit(&mut self, link: LinkId, out: &mut [u8]) -> usize {
        let Some(found) = self.links.get_mut(link) else { return 0 };
        let filled = found.connection.poll_transmit(out);
        // What has left makes room for what its sender may send.
        while let Some((key, frames)) =
            self.links.get_mut(link).and_then(|found| found.connection.relay_left())
        {
            if frames > 0
                && let Some(&Half::Route(route, side)) =
                    self.links.get(link).and_then(|found| found.halves.get(&key))
            {
                self.pump(route, side.other());
            }
        }
        filled
    }

    /// Whether the connection has ended by itself, and its transport is to be closed once nothing is left to write.
    #[must_use]
    pub fn has_ended(&self, link: LinkId) -> bool {
        self.links.get(link).is_none_or(|found| found.connection.has_ended())
    }

    /// The next connection that has something to be written.
    pub fn poll_writable(&mut self) -> Option<LinkId> {
        while let Some(id) = self.writable.pop_front() {
            if let Some(link) = self.links.get_mut(id) {
                link.is_listed = false;
                return Some(id);
            }
        }
        None
    }

    /// The next refusal, for the audit.
    pub fn poll_refusal(&mut self) -> Option<Refusal> {
        self.refusals.pop_front()
    }

    /// The next stream that has ended, where [`Settings::max_ended`] is not 0. An open that was refused is one too.
    pub fn poll_ended(&mut self) -> Option<EndedStream> {
        self.ended.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do, in microseconds since the Unix epoch.
    pub fn next_timeout(&mut self) -> Option<u64> {
        let ids = self.links.ids();
        ids.into_iter().filter_map(|id| self.links.get_mut(id)?.connection.next_timeout()).min()
    }

    /// Tells the time.
    pub fn handle_timeout(&mut self, now_us: u64) {
        self.now_us = self.now_us.max(now_us);
        for id in self.links.ids() {
            if let Some(link) = self.links.get_mut(id) {
                link.connection.handle_timeout(now_us);
            }
            self.receive(id, &[], now_us);
        }
    }

    /// Begins to copy the frames of streams, from their open on.
    pub fn open_tap(&mut self, filter: TapFilter) -> TapId {
        self.taps.open(filter)
    }

    /// Ends a tap.
    pub fn close_tap(&mut self, id: TapId) {
        self.taps.close(id);
    }

    /// The next frame of a tap, as it came.
    pub fn poll_tap(&mut self, id: TapId) -> Option<Vec<u8>> {
        self.taps.poll(id)
    }

    /// How many frames of a tap were left out because nobody took those before them. With the first of these the tap
    /// is over: what was copied before can still be taken.
    #[must_use]
    pub fn missed(&self, id: TapId) -> u64 {
        self.taps.missed(id)
    }

    /// Tells every module that the host goes away: nothing new is accepted, and what runs may finish until
    /// `grace_ms` have passed.
    pub fn go_away(&mut self, grace_ms: u32, message: &str) {
        for id in self.links.ids() {
            if let Some(link) = self.links.get_mut(id) {
                link.connection.go_away(grace_ms, message);
            }
            self.list(id);
        }
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.links.len()
    }

    /// A module is announced no more.
    pub(crate) fn withdraw(&mut self, link: LinkId) {
        if let Some(module) = self.module_of(link).map(str::to_owned) {
            // The name may be that of a module of another host, too.
            if self.registry.module(&module).is_some_and(|announced| announced.link == link) {
                self.registry.withdraw(&module);
            }
            self.name(link, None);
        }
    }

    pub(crate) fn refused(
        &mut self,
        link: LinkId,
        wanted: &'static str,
        target: String,
        correlation: Option<[u8; 16]>,
        code: StreamErrorCode,
        reason: &str,
    ) {
        self.relayed.refused += 1;
        let refusal = Refusal {
            time_ms: self.now_us / 1000,
            link: link.raw(),
            module: self.module_of(link).map(str::to_owned),
            uid: self.peer_of(link).and_then(|peer| peer.uid),
            wanted,
            target,
            correlation_id: correlation.map(|id| crate::policy::hex(&id)).unwrap_or_default(),
            code: code.to_string(),
            reason: reason.to_owned(),
        };
        if self.refusals.len() < MAX_REFUSALS {
            self.refusals.push_back(refusal);
        }
    }

    /// Random bytes for names and ids.
    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    pub(crate) fn list(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(id)
            && !link.is_listed
            && (link.connection.has_transmit() || link.connection.has_ended())
        {
            link.is_listed = true;
            self.writable.push_back(id);
        }
    }
}

/// What reading has come to.
enum Read {
    /// The connection has opened a stream.
    Opened(Key),
    /// The host has answered on a stream of its own.
    Answered(Key),
    /// All has been read.
    All,
}

/// Ids of ended streams that are remembered of another host.
const REMEMBERED: u32 = 4096;

/// Refusals that wait to be asked for; more are not kept.
const MAX_REFUSALS: usize = 10_000;
