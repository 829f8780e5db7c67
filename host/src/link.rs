//! The connections of a host, and what each is used for.

use foldhash::HashMap;
use ixt_core::connection::{Connection, Key};
use ixt_core::stream::StreamId;

use crate::ends::{LinkId, RouteId, Side};
use crate::local::Local;

/// What the transport tells of who is behind a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The user id of the process, where the transport is a Unix socket.
    pub uid: Option<u32>,
    /// The host's own: it may provide what begins with `ixt.`, and no policy holds for it.
    pub is_host: bool,
    /// Another host: what it calls here came to it from the module of this name, and it is asked for what nobody
    /// here answers.
    pub(crate) is_remote: bool,
}

impl Peer {
    /// The host itself.
    #[must_use]
    pub const fn host() -> Self {
        Self { uid: None, is_host: true, is_remote: false }
    }

    /// A process of this user.
    #[must_use]
    pub const fn with_uid(uid: u32) -> Self {
        Self { uid: Some(uid), is_host: false, is_remote: false }
    }

    pub(crate) const fn remote() -> Self {
        Self { uid: None, is_host: false, is_remote: true }
    }
}

/// A connection, and what its streams are.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) connection: Connection,
    pub(crate) peer: Peer,
    /// The module's name, while it is announced.
    pub(crate) module: Option<String>,
    pub(crate) halves: HashMap<Key, Half>,
    /// Streams that it is answering.
    pub(crate) busy: usize,
    /// It goes away, so it gets no new streams.
    pub(crate) away: bool,
    pub(crate) is_listed: bool,
}

/// What a stream of one connection is to the host.
#[derive(Debug)]
pub(crate) enum Half {
    /// It goes through.
    Route(RouteId, Side),
    /// The host answers it itself.
    Local(Box<Local>),
    /// A broadcast on its way to a subscriber, whose answer nobody reads.
    Unread,
    /// It leaves, and it is not known yet who answers it.
    Leaving(StreamId),
}

/// All connections. One may be out for a while, when it is being read.
#[derive(Debug, Default)]
pub(crate) struct Links {
    links: HashMap<LinkId, Option<Link>>,
    next: u64,
}

impl Links {
    pub(crate) fn insert(&mut self, link: Link) -> LinkId {
        self.next += 1;
        let id = LinkId::from_raw(self.next);
        self.links.insert(id, Some(link));
        id
    }

    pub(crate) fn get(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(&id)?.as_mut()
    }

    pub(crate) fn take(&mut self, id: LinkId) -> Option<Link> {
        self.links.get_mut(&id)?.take()
    }

    pub(crate) fn put(&mut self, id: LinkId, link: Link) {
        self.links.insert(id, Some(link));
    }

    pub(crate) fn remove(&mut self, id: LinkId) -> Option<Link> {
        self.links.remove(&id)?
    }

    /// By number, so that nothing depends on where they stand in memory.
    pub(crate) fn ids(&self) -> Vec<LinkId> {
        let mut ids: Vec<_> = self.links.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.links.values().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }
}
