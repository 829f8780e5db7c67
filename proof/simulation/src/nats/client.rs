//! A module's process, as far as it is not the module itself: its node, and the node's client of the servers.

use std::fmt;
use std::rc::Rc;

use ixt_host::node::Node;

use crate::pipe::Quality;

/// A module's process.
pub(crate) struct Member {
    pub(crate) node: Node,
    pub(crate) module: usize,
    pub(crate) quality: Quality,
    /// The client's connection, as long as it believes in it.
    pub(crate) conn: Option<u64>,
    /// How often it has tried to connect since it was last connected.
    pub(crate) attempts: u32,
    /// When it lost its server.
    pub(crate) lost_us: u64,
    /// What it listens to, and whether in the queue group.
    pub(crate) listens: Vec<(String, bool)>,
    /// No server was there for too long, or its module's connection is over.
    pub(crate) is_over: bool,
    /// For when its timer is in the queue.
    pub(crate) timer_us: u64,
    pub(crate) is_listed: bool,
}

/// A client's connection to a server.
pub(crate) struct Conn {
    pub(crate) link: u64,
    pub(crate) server: usize,
    pub(crate) quality: Quality,
    /// The server knows it. After its client's end that may be so for a while.
    pub(crate) is_open: bool,
    pub(crate) up: Lane,
    pub(crate) down: Lane,
    /// What the server has taken.
    pub(crate) listens: Vec<(String, bool)>,
}

/// One direction of it.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// When the last piece arrives: nothing overtakes it.
    pub(crate) last_us: u64,
    /// Pieces that were put in, and that have come out.
    pub(crate) put: u64,
    pub(crate) taken: u64,
    /// Pieces behind this one are lost.
    pub(crate) until: Option<u64>,
    /// Nothing arrives before.
    pub(crate) held_us: u64,
}

/// What a client says.
#[derive(Debug)]
pub(crate) enum Said {
    Listens(String, bool),
    ListensNoMore(String, bool),
    Publishes(Rc<Post>),
    /// It closes its connection.
    Bye,
}

/// A message.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) subject: String,
    pub(crate) reply: Option<String>,
    pub(crate) payload: Vec<u8>,
}

/// What comes to a client.
#[derive(Debug)]
pub(crate) enum Comes {
    Post(Rc<Post>),
    /// Nobody listens to what had this reply subject.
    NoResponders(String),
}

impl fmt::Display for Comes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Post(post) => {
                write!(f, "{}, {} bytes", post.subject, post.payload.len())?;
                let Some((header, _)) = post.payload.split_at_checked(40) else { return Ok(()) };
                write!(f, ", kind {}", header[1])?;
                for (at, name) in [(8, "of"), (16, "pipe"), (24, "back"), (32, "number")] {
                    let mut word = [0; 8];
                    word.copy_from_slice(&header[at..at + 8]);
                    write!(f, " {name} {:x}", u64::from_le_bytes(word))?;
                }
                Ok(())
            }
            Self::NoResponders(reply) => write!(f, "nobody listens: {reply}"),
        }
    }
}

/// What a server says to another one.
#[derive(Debug)]
pub(crate) enum Routed {
    Listens(String, bool, u64),
    ListensNoMore(String, bool, u64),
    /// A message; to one of the queue group, or to all outside of it.
    Post(Rc<Post>, bool),
}

/// What happens at a moment.
#[derive(Debug)]
pub(crate) enum Happens {
    /// It comes to a server, by this connection, as the piece of this number.
    Up(u64, u64, Said),
    Down(u64, u64, Comes),
    /// From one server to another one, in these lives of theirs.
    Route((usize, u64), (usize, u64), Routed),
    /// The time that a node asked for.
    NodeTimer(u64),
    /// A client finds that its connection is gone.
    Notices(u64, u64),
    /// A client without a server tries to connect, or gives up.
    Reconnects(u64),
    GivesUp(u64),
    /// A server finds that a connection is gone.
    Forgets(u64),
}
