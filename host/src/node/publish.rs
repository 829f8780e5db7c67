//! Messages that leave.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;

use ixt_core::stream::StreamErrorCode;

use super::Node;
use super::envelope::{HEADER, Header, ID, Kind, NO_PIPE};
use super::subject;
use super::subscriptions::State;
use crate::ends::LinkId;
use crate::leaving::Destination;

/// A message that leaves: borrowed until the node is used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outgoing<'n> {
    /// Where to.
    pub subject: &'n str,
    /// What the server answers to where nobody listens, if it is to say so.
    pub reply: Option<&'n str>,
    /// The message.
    pub payload: &'n [u8],
}

/// What of it is kept between messages.
#[derive(Debug)]
pub(super) struct Publishing {
    /// Other nodes to which something is to be said.
    pub(super) ready: VecDeque<LinkId>,
    /// What is said beside the pipes: resets, and who this node is.
    beside: VecDeque<(String, Header, Vec<u8>)>,
    /// Where this node is reached: what replies begin with.
    pub(super) me: String,
    /// Subjects of services and modules, made once.
    subjects: HashMap<Destination, String>,
    subject: String,
    reply: String,
    /// The message is what stands at its beginning. It keeps its length, so that nothing is cleared for each.
    message: Vec<u8>,
    length: usize,
}

/// Bytes of a pipe in one message, at most: larger ones make no stream quicker, and hold up the others.
const CHUNK: usize = 64 << 10;
/// Ids of streams that were taken, in one message.
const MAX_TAKEN: usize = 256;
/// What waits to be said beside the pipes; a node that misses it loses patience.
const MAX_BESIDE: usize = 1024;
/// The number of no node.
const NO_INSTANCE: u64 = 0;
/// Subjects that are kept.
const MAX_SUBJECTS: usize = 1024;

impl Publishing {
    pub(super) fn new(max_message: usize) -> Self {
        Self {
            ready: VecDeque::new(),
            beside: VecDeque::new(),
            me: String::new(),
            subjects: HashMap::new(),
            subject: String::new(),
            reply: String::new(),
            message: vec![0; max_message.min(CHUNK)],
            length: 0,
        }
    }

    pub(super) fn say_beside(&mut self, subject: String, header: Header, rest: Vec<u8>) {
        if self.beside.len() < MAX_BESIDE {
            self.beside.push_back((subject, header, rest));
        }
    }

    /// Makes the message of parts.
    fn set_message(&mut self, parts: &[&[u8]]) {
        self.length = 0;
        for part in parts {
            self.put(part);
        }
    }

    fn put(&mut self, part: &[u8]) {
        let end = self.length + part.len();
        if self.message.len() < end {
            self.message.resize(end, 0);
        }
        if let Some(place) = self.message.get_mut(self.length..end) {
            place.copy_from_slice(part);
        }
        self.length = end;
    }

    fn set_reply(&mut self, what: impl std::fmt::Display) {
        self.reply.clear();
        // Writing into memory does not fail.
        let _ = write!(self.reply, "{}.{what}", self.me);
    }
}

impl Node {
    /// The next message that leaves; `None` when there is none. Whoever carries them asks for no more than the server
    /// takes: what is not asked for waits here within bounds, and whoever sends too quickly waits with it.
    pub fn poll_publish(&mut self) -> Option<Outgoing<'_>> {
        let replies = self.prepare()?;
        let Publishing { subject, reply, message, length, .. } = &self.publishing;
        let payload = message.get(..*length).unwrap_or_default();
        Some(Outgoing { subject, reply: replies.then_some(reply.as_str()), payload })
    }

    /// Makes the next message; with it, whether the server is to say that nobody listens.
    fn prepare(&mut self) -> Option<bool> {
        if self.subscriptions.state == State::Sent {
            return Some(self.ask_server());
        }
        loop {
            // What has left, here or to the module, makes room for others.
            self.collect();
            if let Some((subject, header, rest)) = self.publishing.beside.pop_front() {
                self.publishing.subject = subject;
                self.publishing.set_message(&[&header.encode(), &rest]);
                return Some(false);
            }
            if self.host.has_departures() {
                if let Some(replies) = self.poll_departure() {
                    return Some(replies);
                }
                continue;
            }
            let link = self.publishing.ready.front().copied()?;
            if let Some(replies) = self.say(link) {
                return Some(replies);
            }
            self.publishing.ready.pop_front();
            if let Some(peer) = self.peers.get_mut(link) {
                peer.is_listed = false;
                if peer.is_over || self.host.has_ended(link) {
                    self.lose(link, true);
                }
            }
        }
    }

    /// Asks the server whether it has come so far: nobody listens to this, so it says so, behind all that it was sent
    /// before.
    fn ask_server(&mut self) -> bool {
        self.subscriptions.state = State::Asked(self.host.now_us);
        let me = self.name.as_deref().unwrap_or_default();
        self.publishing.subject = subject::inbox(me, me, NO_INSTANCE);
        self.publishing.set_reply(format_args!("{NO_PIPE:016x}"));
        self.publishing.length = 0;
        true
    }

    /// The next stream or broadcast that leaves by subject; `None` where there was none.
    fn poll_departure(&mut self) -> Option<bool> {
        self.departed.clear();
        let most = self.settings.max_message - HEADER;
        let (to, id) = self.host.poll_departure(most, &mut self.departed)?;
        if let (Destination::Endpoint(name), Some(id)) = (&to, id) {
            match self.owner_of(name) {
                Some(link) => {
                    if let Some(peer) = self.peers.get_mut(link) {
                        peer.wanted.push(id);
                    }
                    self.list(link);
                    if self.host.links.get(link).is_some_and(|found| found.connection.peer().is_some()) {
                        let wanted = self.peers.get_mut(link).map(|peer| std::mem::take(&mut peer.wanted));
                        for id in wanted.unwrap_or_default() {
                            self.host.bind(id, link, true);
                        }
                    }
                    self.collect();
                }
                None => self.host.fail_leaving(id, StreamErrorCode::NotFound, "there is no such endpoint"),
            }
            return None;
        }
        let me = self.name.as_deref().unwrap_or_default();
        let publishing = &mut self.publishing;
        let kind = match id {
            Some(_) => Kind::Open,
            None if self.departed.is_empty() => Kind::Who,
            None => Kind::Broadcast,
        };
        let header = Header { kind, taken: 0, instance: self.instance, pipe: 0, back: 0, number: 0 };
        publishing.set_message(&[&header.encode(), &self.departed]);
        if publishing.subjects.len() >= MAX_SUBJECTS {
            publishing.subjects.clear();
        }
        let subject = publishing.subjects.entry(to).or_insert_with_key(|to| subject::of(to, me));
        publishing.subject.clear();
        publishing.subject.push_str(subject);
        if let Some(id) = id {
            publishing.set_reply(id);
        }
        Some(id.is_some())
    }

    /// The node that has opened an endpoint, whose name tells it.
    fn owner_of(&mut self, name: &str) -> Option<LinkId> {
        let (_, rest) = name.split_once('.')?;
        let (instance, module) = rest.split_once('.')?;
        if instance.len() != 16 || !crate::is_name(module) {
            return None;
        }
        let instance =
            u64::from_str_radix(instance, 16).ok().filter(|instance| *instance != self.instance)?;
        self.peer(module, instance)
    }

    /// The next message to another node; `None` where there is nothing to say to it.
    fn say(&mut self, link: LinkId) -> Option<bool> {
        let peer = self.peers.get_mut(link)?;
        let publishing = &mut self.publishing;
        let count = peer.taken.len().min(MAX_TAKEN);
        let ids = count * ID;
        let frames = publishing.message.get_mut(HEADER + ids..CHUNK.min(self.settings.max_message))?;
        // A stream is told of before its first frame.
        let filled = if count < peer.taken.len() { 0 } else { self.host.poll_transmit(link, frames) };
        let kind = if filled > 0 || (count > 0 && (peer.tells_taken || count == MAX_TAKEN)) {
            peer.sent += 1;
            Kind::Pipe
        } else {
            peer.owes?
        };
        match kind {
            Kind::Ask => peer.asked_sent = peer.sent,
            // Who asks goes on until it knows.
            Kind::Tell => peer.settled = peer.sent,
            _ => {}
        }
        peer.owes = None;
        let taken = if kind == Kind::Pipe { count } else { 0 };
        let header = Header {
            kind,
            taken: u16::try_from(taken).unwrap_or(0),
            instance: self.instance,
            pipe: peer.pipe,
            back: peer.back,
            number: peer.sent,
        };
        publishing.set_message(&[&header.encode()]);
        for id in peer.taken.drain(..taken) {
            publishing.put(id.as_bytes());
        }
        peer.tells_taken &= !peer.taken.is_empty();
        publishing.length += filled;
        publishing.subject.clear();
        publishing.subject.push_str(&peer.subject);
        // Whether anybody is there is worth an answer at the beginning, and when nothing was heard.
        let replies = peer.sent == 1 || kind == Kind::Ask;
        if replies {
            let pipe = peer.pipe;
            publishing.set_reply(format_args!("{pipe:016x}"));
        }
        Some(replies)
    }
}
