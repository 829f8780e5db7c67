//! Other nodes with which there is a pipe each way.

use std::collections::{HashMap, VecDeque};

use ixt_core::stream::StreamId;

use super::envelope::Kind;
use crate::ends::LinkId;

/// Another node, and the pipes between it and this one.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) module: String,
    pub(super) instance: u64,
    /// Its inbox, as this node writes to it.
    pub(super) subject: String,
    /// The pipe to it, and the one back; 0 until its first message.
    pub(super) pipe: u64,
    pub(super) back: u64,
    /// Messages of the pipe that have left, and of the one back that have come.
    pub(super) sent: u64,
    pub(super) heard: u64,
    pub(super) heard_us: u64,
    pub(super) asked_us: u64,
    /// What it is to be asked or told beside the pipe.
    pub(super) owes: Option<Kind>,
    /// Streams that were opened by subject, and of which it does not know yet that they were taken here.
    pub(super) taken: VecDeque<StreamId>,
    /// These are told although nothing else leaves.
    pub(super) tells_taken: bool,
    /// Opens of it by subject that came before its hello, or between the parts of a frame.
    pub(super) waiting: VecDeque<Vec<u8>>,
    pub(super) waiting_bytes: usize,
    /// Streams of this node's module to endpoints there, until its hello.
    pub(super) wanted: Vec<StreamId>,
    /// Of the messages that have left, those that it is known to have got; it is asked by how many there were.
    pub(super) settled: u64,
    pub(super) asked_sent: u64,
    /// Since when it has to be heard of now and then.
    pub(super) watched_since_us: Option<u64>,
    /// Since when no stream lives between the two.
    pub(super) idle_since_us: Option<u64>,
    pub(super) is_listed: bool,
    /// Nothing more goes or comes: the last words leave, and then a reset.
    pub(super) is_over: bool,
}

/// All of them, by the connection that runs on their pipes.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: HashMap<LinkId, Peer>,
    /// By module and instance.
    ids: HashMap<String, HashMap<u64, LinkId>>,
}

impl Peers {
    pub(super) fn find(&self, module: &str, instance: u64) -> Option<LinkId> {
        self.ids.get(module)?.get(&instance).copied()
    }

    /// The one to which this pipe leads.
    pub(super) fn by_pipe(&self, pipe: u64) -> Option<LinkId> {
        self.peers.iter().find(|(_, peer)| peer.pipe == pipe).map(|(link, _)| *link)
    }

    /// The one with this inbox.
    pub(super) fn by_subject(&self, subject: &str) -> Option<LinkId> {
        self.peers.iter().find(|(_, peer)| peer.subject == subject).map(|(link, _)| *link)
    }

    pub(super) fn get(&self, link: LinkId) -> Option<&Peer> {
        self.peers.get(&link)
    }

    pub(super) fn get_mut(&mut self, link: LinkId) -> Option<&mut Peer> {
        self.peers.get_mut(&link)
    }

    pub(super) fn insert(&mut self, link: LinkId, peer: Peer) {
        self.ids.entry(peer.module.clone()).or_default().insert(peer.instance, link);
        self.peers.insert(link, peer);
    }

    pub(super) fn remove(&mut self, link: LinkId) -> Option<Peer> {
        let peer = self.peers.remove(&link)?;
        if let Some(instances) = self.ids.get_mut(&peer.module) {
            if instances.get(&peer.instance) == Some(&link) {
                instances.remove(&peer.instance);
            }
            if instances.is_empty() {
                self.ids.remove(&peer.module);
            }
        }
        Some(peer)
    }

    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    /// How many nodes of a module.
    pub(super) fn of(&self, module: &str) -> usize {
        self.ids.get(module).map_or(0, HashMap::len)
    }

    /// By number, so that nothing depends on where they stand in memory.
    pub(super) fn links(&self) -> Vec<LinkId> {
        let mut links: Vec<_> = self.peers.keys().copied().collect();
        links.sort_unstable();
        links
    }
}
