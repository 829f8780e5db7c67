//! Messages that came.

use ixt_core::invocation::{ContextRef, Target};
use ixt_core::stream::{FrameBody, FrameRef, InteractionKind, Open, StreamErrorCode, StreamId};
use ixt_core::wire::{Split, split};

use super::Node;
use super::envelope::{Header, Kind, NO_PIPE, Taken};
use super::subject::{self, To};
use super::subscriptions::State;
use crate::command::ANY;
use crate::ends::{LinkId, RouteId};
use crate::is_name;
use crate::looking::ADMIN;

/// Bytes of opens of one node that may wait for its hello; more are dropped, and their callers lose patience.
const MAX_WAITING: usize = 4 << 20;

impl Node {
    /// Takes in a message. One that is none of this protocol, or of which the subject does not bear out what it says,
    /// is counted and has no effect.
    pub fn receive(&mut self, subject: &str, message: &[u8], now_us: u64) {
        self.host.now_us = self.host.now_us.max(now_us);
        if self.take(subject, message).is_none() {
            self.stats.malformed += 1;
        }
        self.collect();
    }

    /// The server said that nobody listens to a message that this node has sent: `subject` is the reply subject that
    /// stood in it.
    pub fn no_responders(&mut self, subject: &str, now_us: u64) {
        self.host.now_us = self.host.now_us.max(now_us);
        let me = self.name.as_deref().unwrap_or_default();
        match subject::read(subject, me, self.instance) {
            Some((To::Unwanted(id), _)) => {
                if let Ok(id) = StreamId::new(id.to_be_bytes()) {
                    let target = self.host.leaving_target(id).unwrap_or_default();
                    let why = format!("nobody answers {target}");
                    self.host.fail_leaving(id, StreamErrorCode::NotFound, &why);
                }
            }
            Some((To::UnwantedPipe(NO_PIPE), _)) => self.subscriptions.state = State::Confirmed,
            Some((To::UnwantedPipe(pipe), _)) => {
                if let Some(link) = self.peers.by_pipe(pipe) {
                    self.stats.lost += 1;
                    // Its client may have lost the server for a moment.
                    self.lose(link, true);
                }
            }
            _ => self.stats.malformed += 1,
        }
        self.collect();
    }

    /// The server has refused something, as its words to the client say: `Permissions Violation for Publish to "x"`,
    /// or `… Subscription to "x"`. What waits for it fails as `permissionDenied`; words that say anything else have no
    /// effect.
    pub fn server_error(&mut self, words: &str, now_us: u64) {
        self.host.now_us = self.host.now_us.max(now_us);
        // The case of the words is that of the client's library.
        let lower = words.to_ascii_lowercase();
        let subject = words.split('"').nth(1).unwrap_or_default();
        if lower.contains("permissions violation for publish") {
            self.publish_denied(subject);
        } else if lower.contains("permissions violation for subscription")
            && subject.starts_with("ixt.")
            // It need not be found.
            && subject != subject::question()
        {
            let why = format!("the server does not let it listen to `{subject}`");
            self.host.refuse_module(self.local, &why);
            // There is nothing more to wait for, and nothing is to come.
            self.subscriptions.go_away();
            self.subscriptions.state = State::Confirmed;
        }
        self.collect();
    }

    fn publish_denied(&mut self, subject: &str) {
        let Some(kind) = subject.strip_prefix("ixt.").and_then(|rest| rest.get(..2)) else { return };
        if kind == "i-" {
            if let Some(link) = self.peers.by_subject(subject) {
                self.stats.lost += 1;
                self.lose(link, false);
            }
            return;
        }
        let me = self.name.as_deref().unwrap_or_default();
        let why = format!("the server does not let it publish to `{subject}`");
        let denied = self.host.leaving_to(|to| subject::of(to, me) == subject);
        for id in denied {
            self.host.fail_leaving(id, StreamErrorCode::PermissionDenied, &why);
        }
    }

    fn take(&mut self, subject: &str, message: &[u8]) -> Option<()> {
        let me = self.name.as_deref()?;
        let (to, from) = subject::read(subject, me, self.instance)?;
        let (header, taken, frames) = Header::decode(message)?;
        if !is_name(&from) {
            return None;
        }
        match (to, header.kind) {
            (To::Service(name), Kind::Open) => self.opened(&from, header, Target::Service(&name), frames),
            (To::Module(name), Kind::Open) => self.opened(&from, header, Target::Module(&name), frames),
            (To::Topic(topic), Kind::Broadcast) => self.host.hear_broadcast(&from, &topic, frames).ok(),
            (To::Topic(topic), Kind::Who) if topic == ADMIN => self.tell_who(&from, header.instance),
            (To::Inbox(_), Kind::Here) => {
                // What is no JSON of a module is not shown as one.
                serde_json::from_slice::<serde::de::IgnoredAny>(frames).ok()?;
                self.host.found(frames);
                Some(())
            }
            (To::Inbox(_), Kind::Pipe) => self.piped(&from, header, taken, frames),
            (To::Inbox(_), Kind::Ask | Kind::Tell) => self.asked(&from, header),
            (To::Inbox(_), Kind::Reset) => {
                let link = self.peers.find(&from, header.instance)?;
                let peer = self.peers.get(link)?;
                let is_of_its_own = header.back == NO_PIPE && peer.back == header.pipe;
                if peer.pipe == header.back || is_of_its_own {
                    self.lose(link, false);
                }
                Some(())
            }
            _ => None,
        }
    }

    /// Says who is here, to who may know.
    fn tell_who(&mut self, from: &str, instance: u64) -> Option<()> {
        self.host.policy.module(from).filter(|policy| policy.may_call(ADMIN))?;
        let subject = subject::inbox(from, self.name.as_deref()?, instance);
        let here =
            Header { kind: Kind::Here, taken: 0, instance: self.instance, pipe: 0, back: 0, number: 0 };
        for module in self.host.modules() {
            self.publishing.say_beside(subject.clone(), here, module.to_json().into_bytes());
        }
        Some(())
    }

    /// A stream was opened by subject, with what was said at once.
    fn opened(&mut self, from: &str, header: Header, target: Target<&str>, frames: &[u8]) -> Option<()> {
        opening(frames, target)?;
        let link = self.peer(from, header.instance)?;
        let peer = self.peers.get_mut(link)?;
        let connection = &self.host.links.get(link)?.connection;
        if connection.peer().is_some() && connection.is_between_frames() && peer.waiting.is_empty() {
            self.admit(link, frames);
        } else if peer.waiting_bytes < MAX_WAITING {
            peer.waiting_bytes += frames.len();
            peer.waiting.push_back(frames.to_vec());
            self.list(link);
        }
        Some(())
    }

    /// Takes a stream that was opened by subject.
    fn admit(&mut self, link: LinkId, frames: &[u8]) {
        let now_us = self.host.now_us;
        let Some((open, _)) = first(frames) else { return };
        let id = open.stream_id;
        let waits = matches!(open.body, FrameBody::Open(Open { interaction, .. })
            if matches!(interaction, InteractionKind::ClientStream | InteractionKind::BidiStream));
        if self.host.links.get(link).is_some_and(|found| found.connection.knows(id)) {
            // The message was doubled, so nobody knows what was.
            self.stats.gaps += 1;
            let is_its = |route: &RouteId| {
                self.host.routes.get(*route).is_some_and(|route| route.ends.caller.0 == link)
            };
            let route = self.host.routes.to(self.local, id).filter(is_its);
            if let Some(route) = route {
                self.host.fail_route(route, StreamErrorCode::Unavailable, "the open came twice");
            }
            return;
        }
        self.host.admits(true);
        self.host.receive(link, frames, now_us);
        self.host.admits(false);
        if let Some(peer) = self.peers.get_mut(link) {
            if peer.taken.is_empty() {
                let at = now_us + u64::from(self.settings.taken_ms) * 1000;
                self.tellings.push_back((at, link));
            }
            peer.taken.push_back(id);
            // Who waits for credit waits for this.
            peer.tells_taken |= waits;
            if waits {
                self.list(link);
            }
        }
    }

    /// The next message of a pipe, or the first one.
    fn piped(&mut self, from: &str, header: Header, taken: Taken<'_>, frames: &[u8]) -> Option<()> {
        let link = self.pipe_of(from, header)?;
        let now_us = self.host.now_us;
        let peer = self.peers.get_mut(link)?;
        if header.number != peer.heard + 1 {
            self.stats.gaps += 1;
            self.lose(link, true);
            return Some(());
        }
        (peer.heard, peer.heard_us) = (header.number, now_us);
        for id in taken.ids() {
            self.host.bind(id, link, false);
        }
        self.host.receive(link, frames, now_us);
        self.go_on(link);
        Some(())
    }

    /// The node behind a pipe. What stands in it tells of which pipes it knows, so that nothing old is taken for new.
    fn pipe_of(&mut self, from: &str, header: Header) -> Option<LinkId> {
        let is_first = header.number == 1 && header.kind == Kind::Pipe;
        let known = self.peers.find(from, header.instance);
        if let Some(link) = known {
            let peer = self.peers.get_mut(link)?;
            let is_ours = header.back == peer.pipe || header.back == 0;
            if peer.back == header.pipe && is_ours {
                return Some(link);
            }
            if peer.back == 0 && is_first && is_ours {
                peer.back = header.pipe;
                return Some(link);
            }
            if is_first && header.back == 0 {
                // It has given the old pipes up.
                self.lose(link, false);
            }
        }
        if is_first && header.back == 0 {
            let link = self.peer(from, header.instance)?;
            self.peers.get_mut(link)?.back = header.pipe;
            return Some(link);
        }
        // Of a pipe that is over, or was never known here: its writer is told so.
        let subject = subject::inbox(from, self.name.as_deref()?, header.instance);
        let instance = self.instance;
        let reset =
            Header { kind: Kind::Reset, taken: 0, instance, pipe: header.back, back: header.pipe, number: 0 };
        self.publishing.say_beside(subject, reset, Vec::new());
        None
    }

    /// Another node says how many messages of its pipe have left.
    fn asked(&mut self, from: &str, header: Header) -> Option<()> {
        let link = self.pipe_of(from, header)?;
        let now_us = self.host.now_us;
        let peer = self.peers.get_mut(link)?;
        if header.number != peer.heard {
            self.stats.gaps += 1;
            self.lose(link, true);
            return Some(());
        }
        peer.heard_us = now_us;
        if header.kind == Kind::Ask {
            peer.owes = Some(Kind::Tell);
            self.list(link);
        } else {
            // It has compared what it was asked by.
            peer.settled = peer.asked_sent;
        }
        Some(())
    }

    /// What waited for a hello, or for the rest of a frame.
    fn go_on(&mut self, link: LinkId) {
        let Some(found) = self.host.links.get(link) else { return };
        if found.connection.has_ended() {
            return self.ends(link);
        }
        if found.connection.peer().is_none() || !found.connection.is_between_frames() {
            return;
        }
        let Some(peer) = self.peers.get_mut(link) else { return };
        let (wanted, waiting) = (std::mem::take(&mut peer.wanted), std::mem::take(&mut peer.waiting));
        peer.waiting_bytes = 0;
        for id in wanted {
            self.host.bind(id, link, true);
        }
        for frames in waiting {
            self.admit(link, &frames);
        }
    }
}

/// Whether frames are those with which a stream is opened to this target: its open, and what is said on it.
fn opening(frames: &[u8], target: Target<&str>) -> Option<()> {
    let (open, mut rest) = first(frames)?;
    let FrameBody::Open(body) = open.body else { return None };
    if ContextRef::decode(body.context).ok()?.target() != target {
        return None;
    }
    while !rest.is_empty() {
        let (frame, after) = first(rest)?;
        if frame.stream_id != open.stream_id || matches!(frame.body, FrameBody::Open(_)) {
            return None;
        }
        rest = after;
    }
    Some(())
}

/// The first of frames that stand back to back, and the others.
pub(crate) fn first(bytes: &[u8]) -> Option<(FrameRef<'_>, &[u8])> {
    let Ok(Split::Message(length)) = split(bytes, usize::MAX) else { return None };
    let (first, rest) = bytes.split_at_checked(length)?;
    Some((FrameRef::decode_within(first, ANY).ok()?, rest))
}
