//! A node: what it holds, the module's pipe, the time.

use std::collections::VecDeque;

use ixt_core::Result;
use ixt_core::stream::StreamErrorCode;

use super::envelope::{HEADER, Header, ID, Kind};
use super::peers::{Peer, Peers};
use super::publish::Publishing;
use super::subscriptions::{State, Subscription, Subscriptions};
use super::{NodeSettings, subject};
use crate::ends::LinkId;
use crate::leaving::Leaving;
use crate::{Held, Host, Peer as Behind, Policy, Refusal};

/// A node: see the [module](super) for the contract. Not shared: one thread at a time.
#[derive(Debug)]
pub struct Node {
    pub(super) settings: NodeSettings,
    pub(super) host: Host,
    /// The module's connection.
    pub(super) local: LinkId,
    /// Its name, once it is announced.
    pub(super) name: Option<String>,
    /// A number that no other node has.
    pub(super) instance: u64,
    pub(super) peers: Peers,
    pub(super) subscriptions: Subscriptions,
    pub(super) publishing: Publishing,
    /// Frames that leave by subject; kept for its memory.
    pub(super) departed: Vec<u8>,
    /// When opens that were taken are told to their callers, oldest first.
    pub(super) tellings: VecDeque<(u64, LinkId)>,
    /// Pipes that are over, of which the other node may not have heard: it may have been away.
    resets: Vec<Again>,
    next_look_us: u64,
    has_gone: bool,
    pub(super) stats: NodeStats,
}

/// A reset that is said again.
#[derive(Debug)]
struct Again {
    at_us: u64,
    again_us: u64,
    subject: String,
    header: Header,
}

/// What a node has seen, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStats {
    /// Other nodes with which there are pipes.
    pub peers: usize,
    /// Streams of the module that nobody has taken yet.
    pub leaving: usize,
    /// Streams that live.
    pub streams: usize,
    /// Messages that were missing or came twice, each the end of a pipe.
    pub gaps: u64,
    /// Nodes that were silent for too long, or of which the server said that nobody is there.
    pub lost: u64,
    /// Messages that were none, or did not come by the subject of what they want.
    pub malformed: u64,
}

impl Node {
    /// A node whose module has not spoken yet. `policy` holds for what other modules claim, and for its own; where
    /// the server's permissions decide alone it is [`Policy::open`]. `seed` is 32 random bytes that nobody else may
    /// know. `now_us` is the time in microseconds since the Unix epoch, here and in all that follows.
    ///
    /// # Errors
    /// `InvalidArgument` with the setting that makes no sense.
    pub fn new(settings: NodeSettings, policy: Policy, seed: [u8; 32], now_us: u64) -> Result<Self> {
        let mut settings = settings;
        settings.max_message = settings.max_message.max(MIN_MESSAGE);
        settings.host.max_connections = settings.max_peers.saturating_add(1);
        let mut host = Host::new(settings.host.clone(), policy, seed, now_us)?;
        let instance = u64::from_le_bytes(host.random()).max(1);
        host.leaving = Some(Leaving::new(
            u64::from(settings.patience_ms) * 1000,
            settings.max_message - HEADER - BROADCAST_OVERHEAD,
            format!("{instance:016x}"),
        ));
        // There is room for one.
        let local = host.connect(Behind::default(), now_us).unwrap_or(LinkId::from_raw(0));
        if let Some(leaving) = &mut host.leaving {
            leaving.local = local;
        }
        Ok(Self {
            publishing: Publishing::new(settings.max_message),
            settings,
            host,
            local,
            name: None,
            instance,
            peers: Peers::default(),
            subscriptions: Subscriptions::default(),
            tellings: VecDeque::new(),
            resets: Vec::new(),
            next_look_us: now_us,
            departed: Vec::new(),
            has_gone: false,
            stats: NodeStats::default(),
        })
    }

    /// Takes in what the module has written into its pipe.
    pub fn read_local(&mut self, bytes: &[u8], now_us: u64) {
        self.host.receive(self.local, bytes, now_us);
        let announced = self.host.module_of(self.local).map(str::to_owned);
        if self.name.is_none()
            && let Some(name) = announced
        {
            if let Some(announced) = self.host.registry.module(&name) {
                let (services, topics) = (&announced.services, &announced.topics);
                self.subscriptions.announce(&name, self.instance, services, topics);
            }
            self.publishing.me = subject::inbox(&name, &name, self.instance);
            self.name = Some(name);
        } else if self.host.links.get(self.local).is_none_or(|link| link.away || link.module.is_none()) {
            self.subscriptions.go_away();
        }
        self.collect();
    }

    /// Fills `out` with what is to be written into the module's pipe, and gives how many bytes that is; 0 when there
    /// is nothing. It says nothing before the server is known to have taken all subscriptions: a module that is announced
    /// can be called.
    pub fn poll_local(&mut self, out: &mut [u8]) -> usize {
        if self.subscriptions.state == State::Confirmed {
            self.host.poll_transmit(self.local, out)
        } else {
            0
        }
    }

    /// Whether the module's connection has ended, and its pipe is to be closed once nothing is left to write.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.host.has_ended(self.local)
    }

    /// The next subject to listen to, or to give up.
    pub fn poll_subscription(&mut self) -> Option<Subscription> {
        self.subscriptions.poll()
    }

    /// All that [`poll_subscription`](Self::poll_subscription) gave was handed to the client, so that it goes to the
    /// server before what is published from now on. Whether the server has taken it the node finds out itself.
    pub fn subscribed(&mut self) {
        if self.subscriptions.state == State::Unsent {
            self.subscriptions.state = State::Sent;
        }
    }

    /// The module's pipe has ended. What still leaves tells the others; then the client can be closed.
    pub fn local_ended(&mut self, now_us: u64) {
        if std::mem::replace(&mut self.has_gone, true) {
            return;
        }
        self.host.now_us = self.host.now_us.max(now_us);
        self.subscriptions.go_away();
        self.host.transport_ended(self.local);
        for link in self.peers.links() {
            self.ends(link);
        }
        self.collect();
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do, in microseconds since the Unix epoch.
    pub fn next_timeout(&mut self) -> Option<u64> {
        let local = self.host.links.get_mut(self.local).and_then(|link| link.connection.next_timeout());
        let look = (self.peers.len() > 0 || !self.resets.is_empty()).then_some(self.next_look_us);
        let expiry = self.host.leaving.as_mut().and_then(Leaving::next_expiry);
        let telling = self.tellings.front().map(|(at, _)| *at);
        let asking = match self.subscriptions.state {
            State::Asked(at) => Some(at + u64::from(self.settings.keepalive_ms) * 1000),
            _ => None,
        };
        let looking = self.host.leaving.as_ref().and_then(Leaving::next_look);
        [local, look, expiry, telling, asking, looking].into_iter().flatten().min()
    }

    /// Tells the time.
    pub fn handle_timeout(&mut self, now_us: u64) {
        self.host.now_us = self.host.now_us.max(now_us);
        let now_us = self.host.now_us;
        if let Some(link) = self.host.links.get_mut(self.local) {
            link.connection.handle_timeout(now_us);
        }
        self.host.receive(self.local, &[], now_us);
        self.host.expire_leaving();
        self.host.end_looks();
        while let Some(&(at, link)) = self.tellings.front()
            && at <= now_us
        {
            self.tellings.pop_front();
            if let Some(peer) = self.peers.get_mut(link)
                && !peer.taken.is_empty()
            {
                peer.tells_taken = true;
                self.list(link);
            }
        }
        if matches!(self.subscriptions.state, State::Asked(at)
            if now_us >= at + u64::from(self.settings.keepalive_ms) * 1000)
        {
            // The question or the answer was lost.
            self.subscriptions.state = State::Sent;
        }
        if now_us >= self.next_look_us {
            self.next_look_us = now_us + u64::from(self.settings.keepalive_ms.max(4)) * 250;
            for link in self.peers.links() {
                self.look_at(link);
            }
            self.reset_again();
        }
        self.collect();
    }

    /// Sees whether another node lives, and whether it still matters.
    fn look_at(&mut self, link: LinkId) {
        let now_us = self.host.now_us;
        let streams = self.host.links.get(link).map_or(0, |found| found.halves.len());
        let ms = |ms: u32| u64::from(ms) * 1000;
        let (keepalive_us, lease_us, idle_us) =
            (ms(self.settings.keepalive_ms), ms(self.settings.lease_ms), ms(self.settings.idle_ms));
        // What is on its way to be taken may be taken there, and on these pipes.
        let is_calling = self.host.leaving.as_ref().is_some_and(|leaving| leaving.len() > 0);
        let Some(peer) = self.peers.get_mut(link) else { return };
        if streams + peer.wanted.len() + peer.waiting.len() + peer.taken.len() == 0 {
            let since = *peer.idle_since_us.get_or_insert(now_us);
            // What was lost last would be missed by the next stream, which has nothing to do with it.
            if peer.settled == peer.sent {
                peer.watched_since_us = None;
                let idle_for_us = now_us - since;
                if idle_for_us >= idle_us && (!is_calling || idle_for_us >= idle_us.saturating_mul(LONG)) {
                    self.ends(link);
                }
                return;
            }
        } else {
            peer.idle_since_us = None;
        }
        // Before, it had nothing to say.
        let watched_us = *peer.watched_since_us.get_or_insert(now_us);
        let silent_us = now_us.saturating_sub(peer.heard_us.max(watched_us));
        if silent_us >= lease_us {
            self.stats.lost += 1;
            self.lose(link, true);
        } else if silent_us >= keepalive_us && now_us.saturating_sub(peer.asked_us) >= keepalive_us {
            peer.asked_us = now_us;
            peer.owes = Some(Kind::Ask);
            self.list(link);
        }
    }

    /// The next refusal, for the audit.
    pub fn poll_refusal(&mut self) -> Option<Refusal> {
        self.host.poll_refusal()
    }

    /// What the node has seen.
    #[must_use]
    pub fn stats(&self) -> NodeStats {
        NodeStats {
            peers: self.peers.len(),
            leaving: self.host.leaving.as_ref().map_or(0, Leaving::len),
            streams: self.host.routes.len(),
            ..self.stats
        }
    }

    /// Counts what is kept, as of a host: its module's connection is one, and each other node's another one.
    #[must_use]
    pub fn held(&self) -> Held {
        self.host.held()
    }

    /// The node of this module and number, which is new unless it is known; `None` when there are too many.
    pub(super) fn peer(&mut self, module: &str, instance: u64) -> Option<LinkId> {
        if let Some(link) = self.peers.find(module, instance) {
            return Some(link);
        }
        // As with streams: however many nodes one module has, there is room for those of others.
        let left = self.settings.max_peers.saturating_sub(self.peers.len());
        if self.peers.of(module) >= left.saturating_mul(SHARE) {
            return None;
        }
        let me = self.name.as_deref()?;
        let subject = subject::inbox(module, me, instance);
        let now_us = self.host.now_us;
        let link = self.host.connect(Behind::remote(), now_us)?;
        self.host.name(link, Some(module.to_owned()));
        let pipe = u64::from_le_bytes(self.host.random()).max(1);
        self.peers.insert(
            link,
            Peer {
                module: module.to_owned(),
                instance,
                subject,
                pipe,
                back: 0,
                sent: 0,
                heard: 0,
                heard_us: now_us,
                asked_us: now_us,
                owes: None,
                taken: VecDeque::new(),
                tells_taken: false,
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                wanted: Vec::new(),
                settled: 0,
                asked_sent: 0,
                watched_since_us: None,
                idle_since_us: None,
                is_listed: false,
                is_over: false,
            },
        );
        Some(link)
    }

    /// Nothing more comes of another node: its streams end. It is told so where it may be there.
    pub(super) fn lose(&mut self, link: LinkId, resets: bool) {
        let Some(peer) = self.peers.remove(link) else { return };
        if resets {
            let header = self.header(&peer, Kind::Reset, 0);
            if self.resets.len() < MAX_RESETS {
                let again_us = u64::from(self.settings.keepalive_ms) * 1000;
                let subject = peer.subject.clone();
                self.resets.push(Again { at_us: self.host.now_us + again_us, again_us, subject, header });
            }
            self.publishing.say_beside(peer.subject, header, Vec::new());
        }
        for id in peer.wanted {
            self.host.fail_leaving(id, StreamErrorCode::Unavailable, "the module is gone");
        }
        self.host.transport_ended(link);
        self.collect();
    }

    /// Tells of pipes that are over again, ever more rarely, until whoever was away for longer than a lease is another
    /// node.
    fn reset_again(&mut self) {
        let now_us = self.host.now_us;
        let most_us = u64::from(self.settings.lease_ms) * 2000;
        for again in self.resets.iter_mut().filter(|again| again.at_us <= now_us) {
            again.again_us *= 2;
            again.at_us = now_us + again.again_us;
            self.publishing.say_beside(again.subject.clone(), again.header, Vec::new());
        }
        self.resets.retain(|again| again.again_us <= most_us);
    }

    /// Nothing more goes to another node but last words.
    pub(super) fn ends(&mut self, link: LinkId) {
        if let Some(peer) = self.peers.get_mut(link) {
            peer.is_over = true;
            self.list(link);
        }
    }

    pub(super) fn header(&self, peer: &Peer, kind: Kind, taken: u16) -> Header {
        Header { kind, taken, instance: self.instance, pipe: peer.pipe, back: peer.back, number: peer.sent }
    }

    /// Something is to be said to another node.
    pub(super) fn list(&mut self, link: LinkId) {
        if let Some(peer) = self.peers.get_mut(link)
            && !std::mem::replace(&mut peer.is_listed, true)
        {
            self.publishing.ready.push_back(link);
        }
    }

    /// Sees to what the host has to say.
    pub(super) fn collect(&mut self) {
        while let Some(link) = self.host.poll_writable() {
            if link != self.local {
                self.list(link);
            }
        }
    }
}

/// What a message has beside the payload of a broadcast: the ids, the open with its context, the close.
const BROADCAST_OVERHEAD: usize = 20 << 10;

/// The smallest message that a server may be set to: an open with the largest context has to fit.
const MIN_MESSAGE: usize = 64 << 10;
const _: () = assert!(HEADER + BROADCAST_OVERHEAD + ID < MIN_MESSAGE);

/// Pipes of which it is told again that they are over.
const MAX_RESETS: usize = 1024;

/// However much a node calls, what it does not need is given up after so many times that time.
const LONG: u64 = 10;

/// As many nodes as are left, and nine times as many, may be of one module.
const SHARE: usize = 9;
