//! The host: connections in, frames from one to the other.

use std::collections::{HashMap, VecDeque};

use ixt_core::connection::{Config, Connection, Event, Key};
use ixt_core::stream::{
    CancelReason, Frame, FrameBody, FrameRef, InteractionKind, StreamErrorCode, StreamId,
};
use ixt_core::{Limits, Result};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::audit::Refusal;
use crate::link::{Both, Half, Link, LinkId, Links, Peer, Side};
use crate::policy::Policy;
use crate::registry::Registry;
use crate::routes::{RouteId, Routes};
use crate::tap::Tap;

/// The settings of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Of every connection. `relay` is set, and the queues of the host bound what waits.
    pub connection: Config,
    /// Data frames of one stream that may be under way through the host in one direction: allowed to its sender
    /// and not yet sent on. 256.
    pub under_way: u32,
    /// Bytes of one stream that may wait for one connection: 16 MiB. Beyond it the stream ends with
    /// `resourceExhausted`.
    pub max_queued_stream: usize,
    /// Bytes of all streams that may wait for one connection: 64 MiB. Beyond it its largest stream ends with
    /// `resourceExhausted`.
    pub max_queued_connection: usize,
    /// Connections at once: 1,000.
    pub max_connections: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let mut connection = Config::default();
        connection.relay = true;
        connection.remembered = 65_536;
        connection.max_queued = usize::MAX;
        connection.max_queued_stream = usize::MAX;
        Self {
            connection,
            under_way: 256,
            max_queued_stream: 16 << 20,
            max_queued_connection: 64 << 20,
            max_connections: 1000,
        }
    }
}

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
    writable: VecDeque<LinkId>,
    /// Commands for the connection that is being read.
    later: Vec<(Key, Later)>,
    /// The connection that is being read, its halves and who it is.
    reading: Option<Reading>,
    /// The bytes of the open that is being decided.
    opening: Vec<u8>,
    /// Kept for its memory.
    pumps: Vec<(RouteId, Side)>,
    pub(crate) taps: Vec<Tap>,
    pub(crate) next_tap: u64,
}

/// What of a connection is needed while it is being read.
#[derive(Debug)]
struct Reading {
    link: LinkId,
    halves: HashMap<Key, Half>,
    peer: Peer,
    module: Option<String>,
    /// Calls that it was answering and that have ended meanwhile.
    answered: usize,
    /// Senders whose reader this is, and who may be allowed more: by route.
    pumps: Vec<(RouteId, Side)>,
}

/// What a host wants of a stream on one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Command<'a> {
    /// A data frame, or the close behind them.
    Data(&'a [u8], bool),
    /// A frame that waits for nothing; the last one, or not.
    Control(&'a [u8], bool),
    Grant(u32),
    /// It has ended; what waits is dropped, or not.
    Done(bool),
}

/// The same, kept.
#[derive(Debug)]
enum Later {
    Data(Vec<u8>, bool),
    Control(Vec<u8>, bool),
    Grant(u32),
    Done(bool),
}

/// A module that is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModuleInfo {
    /// Its name.
    pub name: String,
    /// Its connection.
    pub link: LinkId,
    /// The services that it provides.
    pub services: Vec<crate::ServiceOffer>,
    /// The broadcasts that it wants.
    pub topics: Vec<String>,
    /// Streams that it is answering.
    pub busy: usize,
}

/// A stream that goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Its id.
    pub id: StreamId,
    /// Its kind.
    pub kind: InteractionKind,
    /// The names of caller and provider.
    pub modules: [String; 2],
    /// As `service:thumbs`.
    pub target: String,
    /// Data frames that each may send, caller first.
    pub credit: [u32; 2],
    /// Data frames that wait in the host, by who sent them, caller first.
    pub waiting: [u32; 2],
    /// Data frames that have come, by who sent them, caller first.
    pub passed: [u64; 2],
    /// How long it has lived, in microseconds.
    pub age_us: u64,
    /// For how long each has had nothing to send with, in microseconds, caller first.
    pub blocked_us: [Option<u64>; 2],
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
            writable: VecDeque::new(),
            later: Vec::new(),
            reading: None,
            opening: Vec::new(),
            pumps: Vec::new(),
            taps: Vec::new(),
            next_tap: 0,
        })
    }

    /// A new connection; `None` when there are too many.
    pub fn connect(&mut self, peer: Peer, now_us: u64) -> Option<LinkId> {
        self.now_us = self.now_us.max(now_us);
        if self.links.len() >= self.settings.max_connections {
            return None;
        }
        let mut config = self.settings.connection.clone();
        config.seed = u64::from_le_bytes(self.random());
        let id = StreamId::new(self.random()).ok()?;
        let connection = Connection::new(config, id, self.now_us).ok()?;
        let link = self.links.insert(Link {
            connection,
            peer,
            module: None,
            halves: HashMap::new(),
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
        while let Some(opened) = self.read(link, read, &mut at) {
            let bytes = std::mem::take(&mut self.opening);
            self.opened(link, opened, &bytes);
            self.opening = bytes;
        }
        self.list(link);
    }

    /// Reads until a stream is opened, which is decided with no connection out of its place.
    fn read(&mut self, id: LinkId, read: &[u8], at: &mut usize) -> Option<Key> {
        let mut link = self.links.take(id)?;
        self.reading = Some(Reading {
            link: id,
            halves: std::mem::take(&mut link.halves),
            peer: link.peer,
            module: link.module.take(),
            answered: 0,
            pumps: std::mem::take(&mut self.pumps),
        });
        let mut opened = None;
        let mut ended = false;
        {
            let mut incoming = link.connection.receive(read.get(*at..).unwrap_or_default(), self.now_us);
            while let Some(event) = incoming.next() {
                match event {
                    Event::Relay { stream, bytes } if self.relay(id, stream, bytes) => {}
                    Event::Relay { stream, bytes } => {
                        self.opening.clear();
                        self.opening.extend_from_slice(bytes);
                        opened = Some(stream);
                        break;
                    }
                    Event::RelayFailed { stream, code, message } => self.broken(id, stream, code, &message),
                    Event::GoingAway { .. } => link.away = true,
                    Event::Ended(_) => ended = true,
                    _ => {}
                }
            }
            *at = read.len() - incoming.rest().len();
        }
        let mut pumps = Vec::new();
        if let Some(reading) = self.reading.take() {
            link.halves = reading.halves;
            link.module = reading.module;
            link.busy = link.busy.saturating_sub(reading.answered);
            pumps = reading.pumps;
        }
        for (key, later) in self.later.drain(..) {
            let command = match &later {
                Later::Data(bytes, is_close) => Command::Data(bytes, *is_close),
                Later::Control(bytes, is_last) => Command::Control(bytes, *is_last),
                Later::Grant(frames) => Command::Grant(*frames),
                Later::Done(drops) => Command::Done(*drops),
            };
            apply(&mut link.connection, key, command);
        }
        self.links.put(id, link);
        for (route, sender) in pumps.drain(..) {
            self.pump(route, sender);
        }
        self.pumps = pumps;
        if ended {
            self.withdraw(id);
        }
        opened
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

    /// The modules that are announced, by name.
    #[must_use]
    pub fn modules(&self) -> Vec<ModuleInfo> {
        let info = |(name, announced): (&String, &crate::registry::Announced)| ModuleInfo {
            name: name.clone(),
            link: announced.link,
            services: announced.services.clone(),
            topics: announced.topics.clone(),
            busy: self.links.get(announced.link).map_or(0, |link| link.busy),
        };
        self.registry.modules().map(info).collect()
    }

    /// The streams that go through, oldest first.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamInfo> {
        let mut streams: Vec<_> = self.routes.iter().map(|route| self.info(route)).collect();
        streams.sort_by_key(|stream| (std::cmp::Reverse(stream.age_us), stream.id));
        streams
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.links.len()
    }

    fn info(&self, route: &crate::routes::Route) -> StreamInfo {
        let state = |(link, key): (LinkId, Key)| self.links.get(link)?.connection.relay_state(key);
        let Both { caller, provider } = route.ends;
        let name = |link: LinkId| self.module_of(link).unwrap_or_default().to_owned();
        let of = |end, take: fn(ixt_core::connection::RelayState) -> u32| state(end).map_or(0, take);
        StreamInfo {
            id: route.id,
            kind: route.kind,
            modules: [name(caller.0), name(provider.0)],
            target: route.target.clone(),
            credit: [of(caller, |state| state.outstanding), of(provider, |state| state.outstanding)],
            waiting: [of(provider, |state| state.waiting), of(caller, |state| state.waiting)],
            passed: route.passed.into_array(),
            age_us: self.now_us.saturating_sub(route.opened_us),
            blocked_us: route
                .blocked_us
                .into_array()
                .map(|since| since.map(|since| self.now_us.saturating_sub(since))),
        }
    }

    /// Moves a frame on; false where its stream is not known, so that it is an open.
    fn relay(&mut self, link: LinkId, key: Key, bytes: &[u8]) -> bool {
        let Some(reading) = &mut self.reading else { return true };
        let (route, side) = match reading.halves.get(&key) {
            None => return false,
            Some(Half::Unread) => {
                self.unread(link, key, bytes);
                return true;
            }
            Some(Half::Local(_)) => {
                if let Some(Half::Local(local)) = reading.halves.remove(&key)
                    && let Ok(frame) = FrameRef::decode_within(bytes, ANY)
                {
                    self.receive_local(link, key, local, frame);
                }
                return true;
            }
            Some(Half::Route(route, side)) => (*route, *side),
        };
        // It has been decoded once, so it decodes.
        if let Ok(frame) = FrameRef::decode_within(bytes, ANY) {
            self.relay_frame(route, side, frame, bytes);
        }
        true
    }

    fn relay_frame(&mut self, id: RouteId, side: Side, frame: FrameRef<'_>, bytes: &[u8]) {
        self.tap_frame(id, bytes);
        let now_us = self.now_us;
        let Some(route) = self.routes.get_mut(id) else { return };
        let ((from, from_key), (to, to_key)) = (*route.ends.of(side), *route.ends.of(side.other()));
        match frame.body {
            FrameBody::Data(_) => {
                route.count(side, now_us);
                self.command(to, to_key, Command::Data(bytes, false));
                self.bound(id, to, to_key);
            }
            FrameBody::Close(_) => {
                *route.closed.of_mut(side) = true;
                let both = route.closed.caller && route.closed.provider;
                let ends = both || (side == Side::Provider && route.kind != InteractionKind::BidiStream);
                self.command(to, to_key, Command::Data(bytes, true));
                if ends {
                    // A responder's close ends the stream; what is still on the way to it is dropped.
                    self.end(id);
                    self.command(to, to_key, Command::Done(false));
                    self.command(from, from_key, Command::Done(!both));
                }
            }
            FrameBody::Credit(credit) => {
                *route.owed.of_mut(side.other()) += i64::from(credit.frames);
                self.pump(id, side.other());
            }
            FrameBody::Error(_) | FrameBody::Cancel(_) => {
                self.end(id);
                self.command(to, to_key, Command::Control(bytes, true));
                self.command(from, from_key, Command::Done(true));
            }
            _ => {
                self.command(to, to_key, Command::Control(bytes, false));
                // No credit bounds these.
                if self.links.get(to).is_some_and(|link| link.connection.queued_control() > MAX_CONTROL) {
                    self.fail_route(
                        id,
                        StreamErrorCode::ResourceExhausted,
                        "too many frames of an unknown kind",
                    );
                }
            }
        }
    }

    /// Lets a sender send what its reader has granted, as far as little enough is under way.
    pub(crate) fn pump(&mut self, id: RouteId, sender: Side) {
        if let Some(reading) = &mut self.reading {
            reading.pumps.push((id, sender));
            return;
        }
        let most = self.settings.under_way;
        let Some(route) = self.routes.get(id) else { return };
        let (link, key) = *route.ends.of(sender);
        let owed = u32::try_from((*route.owed.of(sender)).max(0)).unwrap_or(u32::MAX);
        let Some(at_sender) = self.state((link, key)) else { return };
        let Some(at_reader) = self.state(*route.ends.of(sender.other())) else { return };
        let under_way = at_sender.outstanding.saturating_add(at_reader.waiting);
        let give = owed.min(most.saturating_sub(under_way));
        // Few at a time would be a frame for each; while the sender has plenty it can wait.
        if give == 0 || (give < owed && give < most / 4 && at_sender.outstanding > most / 4) {
            return;
        }
        if let Some(route) = self.routes.get_mut(id) {
            route.allow(sender, give);
        }
        self.command(link, key, Command::Grant(give));
    }

    fn state(&self, (link, key): (LinkId, Key)) -> Option<ixt_core::connection::RelayState> {
        self.links.get(link)?.connection.relay_state(key)
    }

    /// Ends a stream of which too much waits for the connection, and then as `bound_link` says.
    fn bound(&mut self, id: RouteId, link: LinkId, key: Key) {
        let Some(found) = self.links.get(link) else { return };
        let of_stream = found.connection.relay_state(key).map_or(0, |state| state.queued);
        if of_stream > self.settings.max_queued_stream {
            self.fail_route(id, StreamErrorCode::ResourceExhausted, "too much of it waits in the host");
        }
        self.bound_link(link);
    }

    /// Ends the largest streams of a connection until what waits for it is within the bound.
    pub(crate) fn bound_link(&mut self, link: LinkId) {
        while let Some(found) = self.links.get(link)
            && found.connection.queued() > self.settings.max_queued_connection
            && let Some(largest) = found.connection.relay_largest()
        {
            match found.halves.get(&largest) {
                Some(&Half::Route(route, _)) => {
                    let message = "too much waits in the host for this module, most of it of this stream";
                    self.fail_route(route, StreamErrorCode::ResourceExhausted, message);
                }
                _ => {
                    self.forget(link, largest);
                    self.command(link, largest, Command::Done(true));
                }
            }
        }
    }

    /// Ends a stream at both ends.
    fn fail_route(&mut self, id: RouteId, code: StreamErrorCode, message: &str) {
        let Some(route) = self.routes.get(id) else { return };
        let (ends, stream) = (route.ends, route.id);
        self.end(id);
        let frame: FrameRef<'_> = Frame::error(stream, code, 0, message, &[]);
        for (link, key) in ends.into_array() {
            self.command_frame(link, key, &frame, |bytes| Command::Control(bytes, true));
        }
    }

    /// A stream cannot go on at one of its ends.
    fn broken(&mut self, link: LinkId, key: Key, code: StreamErrorCode, message: &str) {
        let half = match &mut self.reading {
            Some(reading) if reading.link == link => reading.halves.remove(&key),
            _ => None,
        };
        let Some(Half::Route(id, side)) = half else { return };
        let Some(route) = self.routes.get(id) else { return };
        let ((to, to_key), stream) = (*route.ends.of(side.other()), route.id);
        self.end(id);
        let frame: FrameRef<'_> = match side {
            // Who called is gone, so nobody wants an answer.
            Side::Caller if code == StreamErrorCode::Unavailable => {
                Frame::cancel(stream, CancelReason::ConsumerGone, "the caller is gone")
            }
            _ => Frame::error(stream, code, 0, message, &[]),
        };
        self.command_frame(to, to_key, &frame, |bytes| Command::Control(bytes, true));
    }

    /// Takes a route out, and both its halves.
    fn end(&mut self, id: RouteId) {
        let Some(route) = self.routes.remove(id) else { return };
        for (link, key) in route.ends.into_array() {
            self.forget(link, key);
        }
        let provider = route.ends.provider.0;
        match &mut self.reading {
            Some(reading) if reading.link == provider => reading.answered += 1,
            _ => {
                if let Some(provider) = self.links.get_mut(provider) {
                    provider.busy = provider.busy.saturating_sub(1);
                }
            }
        }
    }

    /// An answer that nobody reads.
    fn unread(&mut self, link: LinkId, key: Key, bytes: &[u8]) {
        let ends = FrameRef::decode_within(bytes, ANY).is_ok_and(|frame| {
            matches!(frame.body, FrameBody::Close(_) | FrameBody::Error(_) | FrameBody::Cancel(_))
        });
        if ends {
            self.forget(link, key);
            self.command(link, key, Command::Done(true));
        }
    }

    /// Commands a connection, at once or when it is back in its place.
    pub(crate) fn command(&mut self, link: LinkId, key: Key, command: Command<'_>) {
        if self.reading.as_ref().is_some_and(|reading| reading.link == link) {
            let later = match command {
                Command::Data(bytes, is_close) => Later::Data(bytes.to_vec(), is_close),
                Command::Control(bytes, is_last) => Later::Control(bytes.to_vec(), is_last),
                Command::Grant(frames) => Later::Grant(frames),
                Command::Done(drops) => Later::Done(drops),
            };
            self.later.push((key, later));
        } else if let Some(found) = self.links.get_mut(link) {
            apply(&mut found.connection, key, command);
            self.list(link);
        }
    }

    pub(crate) fn command_frame<'b>(
        &mut self,
        link: LinkId,
        key: Key,
        frame: &FrameRef<'_>,
        command: impl Fn(&'_ [u8]) -> Command<'_> + 'b,
    ) {
        let mut bytes = Vec::new();
        if frame.encode_into(&mut bytes, ANY).is_ok() {
            self.command(link, key, command(&bytes));
        }
    }

    pub(crate) fn remember(&mut self, link: LinkId, key: Key, half: Half) {
        match &mut self.reading {
            Some(reading) if reading.link == link => {
                reading.halves.insert(key, half);
            }
            _ => {
                if let Some(found) = self.links.get_mut(link) {
                    found.halves.insert(key, half);
                }
            }
        }
    }

    pub(crate) fn forget(&mut self, link: LinkId, key: Key) {
        match &mut self.reading {
            Some(reading) if reading.link == link => {
                reading.halves.remove(&key);
            }
            _ => {
                if let Some(found) = self.links.get_mut(link) {
                    found.halves.remove(&key);
                }
            }
        }
    }

    pub(crate) fn module_of(&self, link: LinkId) -> Option<&str> {
        match &self.reading {
            Some(reading) if reading.link == link => reading.module.as_deref(),
            _ => self.links.get(link)?.module.as_deref(),
        }
    }

    pub(crate) fn peer_of(&self, link: LinkId) -> Option<Peer> {
        match &self.reading {
            Some(reading) if reading.link == link => Some(reading.peer),
            _ => Some(self.links.get(link)?.peer),
        }
    }

    /// Sets who a connection is.
    pub(crate) fn name(&mut self, link: LinkId, module: Option<String>) {
        match &mut self.reading {
            Some(reading) if reading.link == link => reading.module = module,
            _ => {
                if let Some(found) = self.links.get_mut(link) {
                    found.module = module;
                }
            }
        }
    }

    /// A module is announced no more.
    pub(crate) fn withdraw(&mut self, link: LinkId) {
        if let Some(module) = self.module_of(link).map(str::to_owned) {
            self.registry.withdraw(&module);
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

/// Bytes of control frames for one connection beyond which frames of unknown kinds are too many.
const MAX_CONTROL: usize = 1 << 20;

/// Refusals that wait to be asked for; more are not kept.
const MAX_REFUSALS: usize = 10_000;

/// Frames that came within the limits of their connection go on.
pub(crate) const ANY: Limits = Limits::with_max_payload(usize::MAX);

fn apply(connection: &mut Connection, key: Key, command: Command<'_>) {
    match command {
        Command::Data(bytes, is_close) => connection.relay_data(key, bytes, is_close),
        Command::Control(bytes, is_last) => connection.relay_control(key, bytes, is_last),
        Command::Grant(frames) => connection.relay_grant(key, frames),
        Command::Done(drops) => connection.relay_done(key, drops),
    }
}
