//! Frames from one end of a route to the other, and how a route ends.

use ixt_core::connection::{Key, RelayState};
use ixt_core::stream::{CancelReason, Frame, FrameBody, FrameRef, InteractionKind, StreamErrorCode};

use crate::command::{ANY, Command};
use crate::ended::HowEnded;
use crate::ends::{LinkId, RouteId, Side};
use crate::host::Host;
use crate::link::Half;
use crate::local::{Local, Purpose};

/// Bytes of control frames for one connection beyond which frames of unknown kinds are too many.
const MAX_CONTROL: usize = 1 << 20;

impl Host {
    /// Moves a frame on; false where its stream is not known, so that it is an open.
    pub(crate) fn relay(&mut self, link: LinkId, key: Key, bytes: &[u8]) -> bool {
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
            Some(&Half::Leaving(id)) => {
                self.leaving_frame(id, bytes);
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

    pub(crate) fn relay_frame(&mut self, id: RouteId, side: Side, frame: FrameRef<'_>, bytes: &[u8]) {
        self.tap_frame(id, bytes);
        let now_us = self.now_us;
        let Some(route) = self.routes.get_mut(id) else { return };
        let ((from, from_key), (to, to_key)) = (*route.ends.of(side), *route.ends.of(side.other()));
        let takes = *route.takes.of(side.other());
        let payload = if let FrameBody::Data(data) = frame.body { data.payload.len() } else { 0 };
        if payload > takes.max_payload() || bytes.len() > takes.max_message() {
            // It would end the other connection.
            self.fail_route(id, StreamErrorCode::ResourceExhausted, "larger than the other module takes");
            return;
        }
        match frame.body {
            FrameBody::Data(data) => {
                let is_first = *route.largest.of(side) == 0;
                route.count(side, data.payload.len(), now_us);
                self.relayed.count(side, data.payload.len());
                self.command(to, to_key, Command::Data(bytes, false));
                self.bound(id, to, to_key);
                if is_first {
                    // Now it is known how large they are.
                    self.pump(id, side);
                }
            }
            FrameBody::Close(close) => {
                *route.closed.of_mut(side) = Some(close.reason);
                let (closed, route_kind) = (route.closed, route.kind);
                let both = closed.caller.is_some() && closed.provider.is_some();
                let ends = both || (side == Side::Provider && route_kind != InteractionKind::BidiStream);
                self.command(to, to_key, Command::Data(bytes, true));
                if ends {
                    // A responder's close ends the stream; what is still on the way to it is dropped.
                    self.end(id, HowEnded::closed(closed.into_array()));
                    self.command(to, to_key, Command::Done(false));
                    let reads_on = both && route_kind == InteractionKind::BidiStream;
                    self.command(from, from_key, Command::Done(!reads_on));
                }
            }
            FrameBody::Credit(credit) => {
                *route.owed.of_mut(side.other()) += i64::from(credit.frames);
                self.pump(id, side.other());
            }
            FrameBody::Error(error) => {
                self.end(id, HowEnded::Failed(error.code));
                self.command(to, to_key, Command::Control(bytes, true));
                self.command(from, from_key, Command::Done(true));
            }
            FrameBody::Cancel(cancel) => {
                self.end(id, HowEnded::Cancelled(cancel.reason));
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
        let Some(route) = self.routes.get(id) else { return };
        let most = self.settings.most_under_way(*route.largest.of(sender));
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
        let now_us = self.now_us;
        if let Some(route) = self.routes.get_mut(id) {
            route.allow(sender, give, now_us);
        }
        self.command(link, key, Command::Grant(give));
    }

    pub(crate) fn state(&self, (link, key): (LinkId, Key)) -> Option<RelayState> {
        self.links.get(link)?.connection.relay_state(key)
    }

    /// Ends a stream of which too much waits for the connection, and then as `bound_link` says.
    pub(crate) fn bound(&mut self, id: RouteId, link: LinkId, key: Key) {
        let Some(found) = self.links.get(link) else { return };
        let of_stream = found.connection.relay_state(key).map_or(0, |state| state.queued);
        if of_stream > self.settings.max_queued_stream {
            self.fail_route(id, StreamErrorCode::ResourceExhausted, "too much of it waits in the host");
        }
        self.bound_link(link);
    }

    /// The same of a stream that the host answers.
    pub(crate) fn bound_local(&mut self, link: LinkId, key: Key) {
        if self.state((link, key)).is_some_and(|state| state.queued > self.settings.max_queued_stream) {
            self.fail_local(link, key);
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
                // A broadcast too: its open has left, or will.
                _ => self.fail_local(link, largest),
            }
        }
    }

    /// Ends a stream of the host's own, which the module does not read: one that it answers, or a broadcast.
    fn fail_local(&mut self, link: LinkId, key: Key) {
        self.end_local(link, key, StreamErrorCode::ResourceExhausted, "too much of it waits in the host");
    }

    /// A module may not be what it has announced: with what it was told already, if that has not left.
    pub(crate) fn refuse_module(&mut self, link: LinkId, why: &str) {
        let Some(found) = self.links.get(link) else { return };
        let is_its =
            |half: &Half| matches!(half, Half::Local(local) if matches!(local.purpose, Purpose::Module));
        let key = found.halves.iter().find(|(_, half)| is_its(half)).map(|(key, _)| *key);
        if let Some(key) = key {
            self.refused(link, "announce", String::new(), None, StreamErrorCode::PermissionDenied, why);
            self.end_local(link, key, StreamErrorCode::PermissionDenied, why);
        }
    }

    fn end_local(&mut self, link: LinkId, key: Key, code: StreamErrorCode, message: &str) {
        let Some(found) = self.links.get_mut(link) else { return };
        let (half, state) = (found.halves.remove(&key), found.connection.relay_state(key));
        if let Some(state) = state {
            let frame: FrameRef<'_> = Frame::error(state.id, code, 0, message, &[]);
            self.command_frame(link, key, &frame, |bytes| Command::Control(bytes, true));
        }
        if let Some(Half::Local(local)) = half {
            self.local_ends(link, &local);
        }
    }

    /// A module is announced for as long as its stream to the host lives.
    fn local_ends(&mut self, link: LinkId, local: &Local) {
        if matches!(local.purpose, Purpose::Module) {
            self.withdraw(link);
        }
    }

    /// Ends a stream at both ends.
    pub(crate) fn fail_route(&mut self, id: RouteId, code: StreamErrorCode, message: &str) {
        let Some(route) = self.routes.get(id) else { return };
        let (ends, stream) = (route.ends, route.id);
        self.end(id, HowEnded::Failed(code));
        let frame: FrameRef<'_> = Frame::error(stream, code, 0, message, &[]);
        for (link, key) in ends.into_array() {
            self.command_frame(link, key, &frame, |bytes| Command::Control(bytes, true));
        }
    }

    /// A stream cannot go on at one of its ends.
    pub(crate) fn broken(&mut self, link: LinkId, key: Key, code: StreamErrorCode, message: &str) {
        let half = match &mut self.reading {
            Some(reading) if reading.link == link => reading.halves.remove(&key),
            _ => None,
        };
        let (id, side) = match half {
            Some(Half::Route(id, side)) => (id, side),
            Some(Half::Local(local)) => return self.local_ends(link, &local),
            Some(Half::Leaving(id)) => return self.leaving_unwanted(id),
            _ => return,
        };
        let Some(route) = self.routes.get(id) else { return };
        let ((to, to_key), stream) = (*route.ends.of(side.other()), route.id);
        // Who called is gone, so nobody wants an answer.
        let unwanted = side == Side::Caller && code == StreamErrorCode::Unavailable;
        let gone = CancelReason::ConsumerGone;
        self.end(id, if unwanted { HowEnded::Cancelled(gone) } else { HowEnded::Failed(code) });
        let frame: FrameRef<'_> = if unwanted {
            Frame::cancel(stream, gone, "the caller is gone")
        } else {
            Frame::error(stream, code, 0, message, &[])
        };
        self.command_frame(to, to_key, &frame, |bytes| Command::Control(bytes, true));
    }

    /// Takes a route out, and both its halves.
    pub(crate) fn end(&mut self, id: RouteId, how: HowEnded) {
        let Some(route) = self.routes.remove(id) else { return };
        self.tell_ended(&route, how);
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
    pub(crate) fn unread(&mut self, link: LinkId, key: Key, bytes: &[u8]) {
        let ends = FrameRef::decode_within(bytes, ANY).is_ok_and(|frame| {
            matches!(frame.body, FrameBody::Close(_) | FrameBody::Error(_) | FrameBody::Cancel(_))
        });
        if ends {
            self.forget(link, key);
            self.command(link, key, Command::Done(true));
        }
    }

    /// Copies a frame of a stream that goes through, its open included, for who looks for a fault.
    pub(crate) fn tap_frame(&mut self, id: RouteId, bytes: &[u8]) {
        if self.taps.is_empty() {
            return;
        }
        let Some(route) = self.routes.get(id) else { return };
        // A tap whose own frames were tapped would never come to rest.
        if self.peer_of(route.ends.provider.0).is_some_and(|peer| peer.is_host) {
            return;
        }
        let name = |side| self.module_of(route.ends.of(side).0).unwrap_or_default().to_owned();
        let modules = [Side::Caller, Side::Provider].map(name);
        self.taps.copy(&modules, &route.target, bytes);
    }
}
