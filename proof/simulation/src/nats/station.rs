//! A server of NATS, or a cluster of them, as a station: behind each module's pipe stands its node.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::rc::Rc;

use ixt_host::Policy;
use ixt_host::node::{Node, NodeSettings};

use super::client::{Comes, Conn, Happens, Lane, Member, Post, Said};
use super::server::Server;
use crate::pipe::Quality;
use crate::random::Random;
use crate::station::{Disturbance, Station};

/// Bytes of control frames that may wait in a node for one connection.
const MOST_CONTROL: usize = 8 << 20;

pub(crate) struct NatsStation {
    pub(super) settings: NodeSettings,
    pub(super) random: Random,
    pub(super) now_us: u64,
    pub(super) servers: Vec<Server>,
    /// How long a message is on its way between two servers, in microseconds, at least and at most.
    pub(super) route_us: (u64, u64),
    pub(super) members: BTreeMap<u64, Member>,
    pub(super) conns: BTreeMap<u64, Conn>,
    writable: VecDeque<u64>,
    heap: BinaryHeap<Reverse<Entry>>,
    put: u64,
    next_link: u64,
    next_conn: u64,
    /// When a module's machine reaches the servers again.
    reaches_us: BTreeMap<usize, u64>,
    qualities: Vec<Quality>,
    /// Each of so many messages is lost, or comes twice; 0 for none.
    pub(super) loses: u64,
    pub(super) doubles: u64,
    /// The node that was used last.
    looked_at: u64,
    /// Says which messages come to whom, for people.
    prints: bool,
}

struct Entry {
    at_us: u64,
    number: u64,
    what: Happens,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at_us, self.number) == (other.at_us, other.number)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at_us, self.number).cmp(&(other.at_us, other.number))
    }
}

impl NatsStation {
    pub(crate) fn new(
        settings: NodeSettings,
        servers: usize,
        qualities: Vec<Quality>,
        seed: u64,
        now_us: u64,
        prints: bool,
    ) -> Self {
        let mut random = Random::new(seed);
        let shortest = random.one_of(50, &[500, 5000]);
        Self {
            settings,
            now_us,
            servers: (0..servers).map(|_| Server::default()).collect(),
            route_us: (shortest, shortest * random.one_of(1, &[5, 20])),
            random,
            members: BTreeMap::new(),
            conns: BTreeMap::new(),
            writable: VecDeque::new(),
            heap: BinaryHeap::new(),
            put: 0,
            next_link: 0,
            next_conn: 0,
            reaches_us: BTreeMap::new(),
            qualities,
            loses: 0,
            doubles: 0,
            looked_at: 0,
            prints,
        }
    }

    pub(super) fn put(&mut self, at_us: u64, what: Happens) {
        self.put += 1;
        self.heap.push(Reverse(Entry { at_us: at_us.max(self.now_us), number: self.put, what }));
    }

    /// A client dials a server that is there.
    fn dial(&mut self, link: u64, module: usize, quality: Quality) -> Option<u64> {
        if self.reaches_us.get(&module).is_some_and(|at_us| *at_us > self.now_us) {
            return None;
        }
        let there: Vec<usize> = self
            .servers
            .iter()
            .enumerate()
            .filter(|(_, server)| server.is_there())
            .map(|(at, _)| at)
            .collect();
        let server = there.get(self.random.below(there.len())).copied()?;
        self.next_conn += 1;
        let mut conn = Conn {
            link,
            server,
            quality,
            is_open: true,
            up: Lane::default(),
            down: Lane::default(),
            listens: Vec::new(),
        };
        conn.up.held_us = self.servers.get(server).map_or(0, |server| server.held_us);
        self.conns.insert(self.next_conn, conn);
        Some(self.next_conn)
    }

    /// A client says something to its server.
    pub(super) fn say(&mut self, conn: u64, said: Said) {
        let bytes = if let Said::Publishes(post) = &said { post.payload.len() } else { 0 };
        let Some(found) = self.conns.get_mut(&conn) else { return };
        let (at_us, number) = found.up.put(found.quality, bytes, self.now_us, &mut self.random);
        self.put(at_us, Happens::Up(conn, number, said));
    }

    /// A server says something to a client of its.
    pub(super) fn tell(&mut self, conn: u64, comes: Comes) {
        let bytes = if let Comes::Post(post) = &comes { post.payload.len() } else { 0 };
        let Some(found) = self.conns.get_mut(&conn) else { return };
        let (at_us, number) = found.down.put(found.quality, bytes, self.now_us, &mut self.random);
        self.put(at_us, Happens::Down(conn, number, comes));
    }

    fn happens(&mut self, number_put: u64, what: Happens) {
        match what {
            Happens::Up(conn, number, said) => {
                let Some(found) = self.conns.get_mut(&conn) else { return };
                if found.up.held_us > self.now_us {
                    let at_us = found.up.held_us;
                    return self.put_off(at_us, number_put, Happens::Up(conn, number, said));
                }
                if found.up.takes(number) && found.is_open {
                    self.heard(conn, said);
                }
            }
            Happens::Down(conn, number, comes) => {
                let Some(found) = self.conns.get_mut(&conn) else { return };
                if found.down.held_us > self.now_us {
                    let at_us = found.down.held_us;
                    return self.put_off(at_us, number_put, Happens::Down(conn, number, comes));
                }
                let link = found.link;
                if !found.down.takes(number) {
                    return;
                }
                let now_us = self.now_us;
                let Some(member) = self.members.get_mut(&link).filter(|member| member.conn == Some(conn))
                else {
                    return;
                };
                if self.prints {
                    let us = now_us - crate::world::START_US;
                    println!(
                        "{:>4}.{:06}   module {}: {comes}",
                        us / 1_000_000,
                        us % 1_000_000,
                        member.module
                    );
                }
                match comes {
                    Comes::Post(post) => member.node.receive(&post.subject, &post.payload, now_us),
                    Comes::NoResponders(reply) => member.node.no_responders(&reply, now_us),
                }
                self.drain(link);
            }
            Happens::Route(from, to, routed) => self.routed(from, to, routed),
            Happens::NodeTimer(link) => {
                let now_us = self.now_us;
                let Some(member) = self.members.get_mut(&link) else { return };
                if member.timer_us <= now_us {
                    member.timer_us = u64::MAX;
                    member.node.handle_timeout(now_us);
                    self.drain(link);
                }
            }
            Happens::Notices(link, conn) => self.notices(link, conn),
            Happens::Reconnects(link) => self.reconnects(link),
            Happens::GivesUp(link) => {
                if let Some(member) = self.members.get_mut(&link)
                    && member.conn.is_none()
                    && self.now_us >= member.lost_us + u64::from(self.settings.lease_ms) * 1000
                {
                    member.is_over = true;
                    self.list(link);
                }
            }
            Happens::Forgets(conn) => self.forgets(conn),
        }
    }

    /// What is held up keeps its number, and so its order.
    fn put_off(&mut self, at_us: u64, number: u64, what: Happens) {
        self.heap.push(Reverse(Entry { at_us, number, what }));
    }

    /// A client finds that its connection is gone, and dials again.
    fn notices(&mut self, link: u64, conn: u64) {
        let now_us = self.now_us;
        let Some(member) = self.members.get_mut(&link).filter(|member| member.conn == Some(conn)) else {
            return;
        };
        (member.conn, member.lost_us, member.attempts) = (None, now_us, 0);
        let gives_up_us = now_us + u64::from(self.settings.lease_ms) * 1000;
        self.put(gives_up_us, Happens::GivesUp(link));
        self.put(now_us + 20_000, Happens::Reconnects(link));
    }

    fn reconnects(&mut self, link: u64) {
        let Some(member) =
            self.members.get_mut(&link).filter(|member| member.conn.is_none() && !member.is_over)
        else {
            return;
        };
        member.attempts += 1;
        let (module, quality, attempts) = (member.module, member.quality, member.attempts);
        let Some(conn) = self.dial(link, module, quality) else {
            return self.put(self.now_us + (20_000 << attempts.min(4)), Happens::Reconnects(link));
        };
        let Some(member) = self.members.get_mut(&link) else { return };
        member.conn = Some(conn);
        for (subject, is_shared) in member.listens.clone() {
            self.say(conn, Said::Listens(subject, is_shared));
        }
        self.drain(link);
    }

    fn list(&mut self, link: u64) {
        if let Some(member) = self.members.get_mut(&link)
            && !std::mem::replace(&mut member.is_listed, true)
        {
            self.writable.push_back(link);
        }
    }

    /// Lets out what a node has to say, as its carrier does.
    fn drain(&mut self, link: u64) {
        self.looked_at = link;
        let mut said = Vec::new();
        let Some(member) = self.members.get_mut(&link) else { return };
        let mut is_new = false;
        while let Some(change) = member.node.poll_subscription() {
            let listens = (change.subject.clone(), change.is_shared);
            if change.is_wanted {
                is_new = true;
                member.listens.push(listens);
                said.push(Said::Listens(change.subject, change.is_shared));
            } else {
                member.listens.retain(|old| *old != listens);
                said.push(Said::ListensNoMore(change.subject, change.is_shared));
            }
        }
        if is_new {
            member.node.subscribed();
        }
        let conn = member.conn;
        while conn.is_some()
            && let Some(out) = member.node.poll_publish()
        {
            let (subject, reply) = (out.subject.to_owned(), out.reply.map(str::to_owned));
            said.push(Said::Publishes(Rc::new(Post { subject, reply, payload: out.payload.to_vec() })));
        }
        let next_us = member.node.next_timeout();
        if let Some(at_us) =
            next_us.map(|at_us| at_us.max(self.now_us)).filter(|at_us| *at_us < member.timer_us)
        {
            member.timer_us = at_us;
            self.put(at_us, Happens::NodeTimer(link));
        }
        if let Some(conn) = conn {
            for said in said {
                self.say(conn, said);
            }
        }
        self.list(link);
    }

    /// The connection of a client breaks. Who is told reads the end behind what still comes; who is not finds out
    /// when its pings are not answered.
    fn cut(&mut self, conn: u64, told: [bool; 2]) {
        let now_us = self.now_us;
        let Some(found) = self.conns.get_mut(&conn) else { return };
        let link = found.link;
        found.up.cut(&mut self.random);
        found.down.cut(&mut self.random);
        let ends = [found.up.last_us, found.down.last_us];
        let mut at_us = [0; 2];
        for side in [0, 1] {
            let silence_us = self.random.between(500_000, 9_000_000);
            at_us[side] =
                if told[side] { ends[side].clamp(now_us, now_us + silence_us) } else { now_us + silence_us };
        }
        self.put(at_us[0], Happens::Forgets(conn));
        self.put(at_us[1], Happens::Notices(link, conn));
    }

    fn conn_of(&self, link: u64) -> Option<u64> {
        self.members.get(&link)?.conn
    }

    /// The connections of a server's clients.
    fn conns_at(&self, server: usize) -> Vec<u64> {
        self.conns
            .iter()
            .filter(|(_, conn)| conn.server == server && conn.is_open)
            .map(|(id, _)| *id)
            .collect()
    }
}

impl Lane {
    /// When something that is put in now comes out, and its number.
    fn put(&mut self, quality: Quality, bytes: usize, now_us: u64, random: &mut Random) -> (u64, u64) {
        let delay_us = random.between(quality.delay_us.0, quality.delay_us.1);
        let takes_us = delay_us + bytes as u64 * 1000 / quality.bandwidth;
        self.last_us = self.last_us.max(now_us + takes_us).max(self.held_us);
        self.put += 1;
        (self.last_us, self.put)
    }

    /// Takes the piece of this number out; false where it was lost.
    fn takes(&mut self, number: u64) -> bool {
        self.taken = number;
        self.until.is_none_or(|until| number <= until)
    }

    /// Of what is on the way, some arrives and the rest does not.
    fn cut(&mut self, random: &mut Random) {
        let arrives = random.between(self.taken, self.put);
        self.until = Some(self.until.map_or(arrives, |until| until.min(arrives)));
    }
}

impl Station for NatsStation {
    fn connect(&mut self, module: usize, now_us: u64) -> Option<u64> {
        self.now_us = now_us;
        let quality = *self.qualities.get(module)?;
        let link = self.next_link + 1;
        let conn = self.dial(link, module, quality)?;
        let node = Node::new(self.settings.clone(), Policy::open(), self.random.seed(), now_us).ok()?;
        self.next_link = link;
        let member = Member {
            node,
            module,
            quality,
            conn: Some(conn),
            attempts: 0,
            lost_us: 0,
            listens: Vec::new(),
            is_over: false,
            timer_us: u64::MAX,
            is_listed: false,
        };
        self.members.insert(link, member);
        self.drain(link);
        Some(link)
    }

    fn receive(&mut self, link: u64, bytes: &[u8], now_us: u64) {
        self.now_us = now_us;
        if let Some(member) = self.members.get_mut(&link) {
            member.node.read_local(bytes, now_us);
            self.drain(link);
        }
    }

    fn transport_ended(&mut self, link: u64) {
        let now_us = self.now_us;
        if let Some(member) = self.members.get_mut(&link) {
            member.node.local_ended(now_us);
            self.drain(link);
        }
        if let Some(conn) = self.conn_of(link) {
            self.say(conn, Said::Bye);
        }
        self.members.remove(&link);
    }

    fn has_ended(&self, link: u64) -> bool {
        self.members.get(&link).is_none_or(|member| member.is_over || member.node.has_ended())
    }

    fn poll_writable(&mut self) -> Option<u64> {
        let link = self.writable.pop_front()?;
        if let Some(member) = self.members.get_mut(&link) {
            member.is_listed = false;
        }
        Some(link)
    }

    fn poll_transmit(&mut self, link: u64, out: &mut [u8]) -> usize {
        let Some(member) = self.members.get_mut(&link) else { return 0 };
        let filled = member.node.poll_local(out);
        if filled > 0 {
            // What has left makes room for others.
            self.drain(link);
        }
        filled
    }

    fn next_timeout(&mut self) -> Option<u64> {
        self.heap.peek().map(|Reverse(entry)| entry.at_us)
    }

    fn handle_timeout(&mut self, now_us: u64) {
        self.now_us = now_us;
        while let Some(Reverse(entry)) = self.heap.peek()
            && entry.at_us <= now_us
            && let Some(Reverse(entry)) = self.heap.pop()
        {
            self.happens(entry.number, entry.what);
        }
    }

    /// Servers do not ask their clients to go.
    fn go_away(&mut self, _: u32) {}

    fn asks_anew(&self) -> bool {
        true
    }

    fn is_whole(&self, link: u64) -> bool {
        self.members.get(&link).is_some_and(|member| {
            let conn = member.conn.and_then(|conn| self.conns.get(&conn));
            !member.is_over && conn.is_some_and(|conn| conn.is_open && conn.up.until.is_none())
        })
    }

    fn disturb(&mut self, what: Disturbance, now_us: u64) {
        self.now_us = now_us;
        match what {
            Disturbance::Cut { link, told } => {
                if let Some(conn) = self.conn_of(link) {
                    self.cut(conn, told);
                }
            }
            Disturbance::Apart { module, until_us } => {
                let reaches_us = self.reaches_us.entry(module).or_default();
                *reaches_us = (*reaches_us).max(until_us);
            }
            Disturbance::Dies { link, told } => {
                if let Some(conn) = self.conn_of(link) {
                    self.cut(conn, [told, true]);
                }
                self.members.remove(&link);
            }
            Disturbance::Hold { link, until_us } => {
                if let Some(conn) = self.conn_of(link).and_then(|conn| self.conns.get_mut(&conn)) {
                    conn.up.held_us = conn.up.held_us.max(until_us);
                    conn.down.held_us = conn.down.held_us.max(until_us);
                }
            }
            Disturbance::Quality { link, delay_us } => {
                let conn = self.conn_of(link);
                if let Some(member) = self.members.get_mut(&link) {
                    member.quality.delay_us = delay_us;
                }
                if let Some(conn) = conn.and_then(|conn| self.conns.get_mut(&conn)) {
                    conn.quality.delay_us = delay_us;
                }
            }
            Disturbance::ServerDies { server, told } => {
                for conn in self.conns_at(server) {
                    self.cut(conn, [true, told]);
                    self.forgets(conn);
                }
                self.server_dies(server);
            }
            Disturbance::ServerReturns { server } => self.server_returns(server),
            Disturbance::ServerStalls { server, until_us } => {
                if let Some(server) = self.servers.get_mut(server) {
                    server.held_us = server.held_us.max(until_us);
                }
                for conn in self.conns_at(server) {
                    if let Some(conn) = self.conns.get_mut(&conn) {
                        conn.up.held_us = conn.up.held_us.max(until_us);
                    }
                }
            }
            Disturbance::Loses(share) => self.loses = share,
            Disturbance::Doubles(share) => self.doubles = share,
        }
    }

    fn left(&self, modules: usize) -> Option<String> {
        if self.members.len() != modules {
            return Some(format!("{} nodes of {modules} modules", self.members.len()));
        }
        for member in self.members.values() {
            let (stats, held) = (member.node.stats(), member.node.held());
            let is_clean = (stats.streams, stats.leaving) == (0, 0)
                && held.connections == 1 + stats.peers
                && (held.streams, held.halves) == (1, 1)
                && (held.routes, held.indexed, held.busy) == (0, 0, 0);
            if !is_clean {
                return Some(format!("the node of module {}: {stats:?}, {held:?}", member.module));
            }
        }
        let is_known = |conn: &Conn| conn.is_open && !self.members.contains_key(&conn.link);
        if let Some(conn) = self.conns.values().find(|conn| is_known(conn)) {
            return Some(format!("the connection of the client {} that is gone", conn.link));
        }
        let listens = self.servers.iter().position(|server| modules == 0 && !server.listeners.is_empty());
        listens.map(|server| format!("subscriptions of nobody at server {server}"))
    }

    fn beyond_bounds(&self) -> Option<String> {
        let held = self.members.get(&self.looked_at)?.node.held();
        let host = &self.settings.host;
        let frames = 2 * (host.connection.max_payload as usize + ixt_core::wire::MESSAGE_OVERHEAD);
        let is_beyond =
            held.largest_queue > host.max_queued_connection + frames || held.largest_control > MOST_CONTROL;
        is_beyond.then(|| format!("{held:?}"))
    }
}
