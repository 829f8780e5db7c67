//! What servers do with what their clients, and other servers, say.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::client::{Comes, Happens, Post, Routed, Said};
use super::station::NatsStation;
use super::trie::Trie;

/// One server.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) listeners: Trie,
    /// Above 0, it does not run.
    deaths: u32,
    /// Counts its lives.
    pub(crate) life: u64,
    /// It reads nothing before.
    pub(crate) held_us: u64,
    /// When the last word to each other server arrives.
    routes_us: Vec<u64>,
}

impl Server {
    pub(crate) fn is_there(&self) -> bool {
        self.deaths == 0
    }
}

impl NatsStation {
    /// A client has said something.
    pub(super) fn heard(&mut self, conn: u64, said: Said) {
        let Some(found) = self.conns.get_mut(&conn) else { return };
        let server = found.server;
        match said {
            Said::Listens(subject, is_shared) => {
                found.listens.push((subject.clone(), is_shared));
                if let Some(server) = self.servers.get_mut(server) {
                    server.listeners.add(&subject, (is_shared, found.server, conn));
                }
                self.spread(server, Routed::Listens, conn, &[(subject, is_shared)]);
            }
            Said::ListensNoMore(subject, is_shared) => {
                found.listens.retain(|(old, _)| *old != subject);
                if let Some(server) = self.servers.get_mut(server) {
                    server.listeners.remove(&subject, (is_shared, found.server, conn));
                }
                self.spread(server, Routed::ListensNoMore, conn, &[(subject, is_shared)]);
            }
            Said::Publishes(post) => {
                let is_lost = self.loses > 0 && self.random.once_in(self.loses);
                let is_doubled = self.doubles > 0 && self.random.once_in(self.doubles);
                for _ in 0..if is_lost { 0 } else { 1 + u8::from(is_doubled) } {
                    self.published(server, conn, &post);
                }
            }
            Said::Bye => self.forgets(conn),
        }
    }

    fn published(&mut self, at: usize, from: u64, post: &Rc<Post>) {
        let Some(server) = self.servers.get(at) else { return };
        let mut listeners = server.listeners.find(&post.subject);
        // Without echo.
        listeners.retain(|(_, _, conn)| *conn != from);
        let shared: Vec<(usize, u64)> = listeners
            .iter()
            .filter(|listener| listener.0)
            .map(|(_, server, conn)| (*server, *conn))
            .collect();
        let chosen = shared.get(self.random.below(shared.len())).copied();
        let mut others = BTreeSet::new();
        for (is_shared, server, conn) in &listeners {
            if !is_shared && *server == at {
                self.tell(*conn, Comes::Post(post.clone()));
            } else if !is_shared && others.insert(*server) {
                self.route(at, *server, Routed::Post(post.clone(), false));
            }
        }
        match chosen {
            Some((server, conn)) if server == at => self.tell(conn, Comes::Post(post.clone())),
            Some((server, _)) => self.route(at, server, Routed::Post(post.clone(), true)),
            None => {}
        }
        if listeners.is_empty()
            && let Some(reply) = &post.reply
            && self
                .servers
                .get(at)
                .is_some_and(|server| server.listeners.find(reply).iter().any(|(_, _, conn)| *conn == from))
        {
            self.tell(from, Comes::NoResponders(reply.clone()));
        }
    }

    /// Another server has said something.
    pub(super) fn routed(&mut self, from: (usize, u64), to: (usize, u64), routed: Routed) {
        let is_alive = |(server, life): (usize, u64)| {
            self.servers.get(server).is_some_and(|server| server.life == life && server.is_there())
        };
        if !is_alive(from) || !is_alive(to) {
            return;
        }
        let Some(server) = self.servers.get_mut(to.0) else { return };
        match routed {
            Routed::Listens(subject, is_shared, conn) => {
                server.listeners.add(&subject, (is_shared, from.0, conn))
            }
            Routed::ListensNoMore(subject, is_shared, conn) => {
                server.listeners.remove(&subject, (is_shared, from.0, conn));
            }
            Routed::Post(post, is_shared) => {
                let mut here: Vec<u64> = server
                    .listeners
                    .find(&post.subject)
                    .into_iter()
                    .filter(|listener| listener.0 == is_shared && listener.1 == to.0)
                    .map(|(_, _, conn)| conn)
                    .collect();
                if is_shared && !here.is_empty() {
                    here = vec![here.swap_remove(self.random.below(here.len()))];
                }
                for conn in here {
                    self.tell(conn, Comes::Post(post.clone()));
                }
            }
        }
    }

    /// What one server says to another one takes time, and comes in order.
    fn route(&mut self, from: usize, to: usize, routed: Routed) {
        let delay_us = self.random.between(self.route_us.0, self.route_us.1);
        let (now_us, held_us) = (self.now_us, self.servers.get(to).map_or(0, |server| server.held_us));
        let lives = |server: usize| (server, self.servers.get(server).map_or(0, |server| server.life));
        let (from, to) = (lives(from), lives(to));
        let Some(server) = self.servers.get_mut(from.0) else { return };
        if server.routes_us.len() <= to.0 {
            server.routes_us.resize(to.0 + 1, 0);
        }
        let Some(last_us) = server.routes_us.get_mut(to.0) else { return };
        *last_us = (*last_us).max(now_us + delay_us).max(held_us);
        let at_us = *last_us;
        self.put(at_us, Happens::Route(from, to, routed));
    }

    /// Tells all other servers of what a client listens to.
    fn spread(
        &mut self,
        from: usize,
        routed: impl Fn(String, bool, u64) -> Routed,
        conn: u64,
        listens: &[(String, bool)],
    ) {
        for other in (0..self.servers.len()).filter(|other| *other != from) {
            for (subject, is_shared) in listens {
                self.route(from, other, routed(subject.clone(), *is_shared, conn));
            }
        }
    }

    /// A connection is over for its server.
    pub(super) fn forgets(&mut self, conn: u64) {
        let Some(found) = self.conns.get_mut(&conn).filter(|found| found.is_open) else { return };
        found.is_open = false;
        let (at, listens) = (found.server, std::mem::take(&mut found.listens));
        if let Some(server) = self.servers.get_mut(at) {
            for (subject, is_shared) in &listens {
                server.listeners.remove(subject, (*is_shared, at, conn));
            }
        }
        self.spread(at, Routed::ListensNoMore, conn, &listens);
    }

    /// What it knew, and what was under way to it and from it, is lost.
    pub(super) fn server_dies(&mut self, at: usize) {
        for (other, server) in self.servers.iter_mut().enumerate() {
            if other == at {
                server.deaths += 1;
                server.life += 1;
                server.listeners = Trie::default();
            } else {
                server.listeners.retain(&|(_, server, _)| *server != at);
            }
        }
    }

    /// It comes back, and the others tell it of their clients.
    pub(super) fn server_returns(&mut self, at: usize) {
        let Some(server) = self.servers.get_mut(at) else { return };
        server.deaths -= 1;
        if server.deaths > 0 {
            return;
        }
        let told: Vec<_> = self
            .conns
            .iter()
            .filter(|(_, conn)| conn.is_open && conn.server != at)
            .map(|(id, conn)| (conn.server, *id, conn.listens.clone()))
            .collect();
        for (server, conn, listens) in told {
            for (subject, is_shared) in listens {
                self.route(server, at, Routed::Listens(subject, is_shared, conn));
            }
        }
    }
}
