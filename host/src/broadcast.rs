//! One message to all who want it.

use ixt_core::connection::Key;
use ixt_core::invocation::{ContextRef, Target};
use ixt_core::stream::{CloseReason, Frame, FrameBody, FrameRef, InteractionKind, StreamErrorCode, StreamId};

use crate::authority;
use crate::command::{ANY, Command};
use crate::ends::{LinkId, Side};
use crate::host::Host;
use crate::leaving::Destination;
use crate::link::Half;
use crate::node::first;
use crate::open::{No, no};

impl Host {
    /// Opens a unary stream with an id of its own to every subscriber. What they answer is dropped, and one who
    /// cannot be reached is passed over: a broadcast promises nothing beyond that it was accepted.
    pub(crate) fn broadcast(&mut self, from: Option<LinkId>, topic: &str, context: &[u8], payload: &[u8]) {
        if from.is_some() && self.leaving.is_some() {
            self.broadcast_elsewhere(topic, context, payload);
        }
        for to in self.registry.subscribers(topic) {
            if Some(to) == from {
                continue;
            }
            let Ok(id) = StreamId::new(self.random()) else { continue };
            let open: FrameRef<'_> = Frame::open(id, InteractionKind::Unary, 0, context);
            let Ok(open) = open.encode() else { continue };
            let Some(link) = self.links.get_mut(to).filter(|link| !link.away) else { continue };
            if payload.len() > link.connection.limits().max_payload() {
                continue;
            }
            let Ok(key) = link.connection.relay_open(&open) else { continue };
            link.halves.insert(key, Half::Unread);
            self.send_whole(to, key, id, payload);
            self.bound_link(to);
        }
    }

    /// As one message for all other hosts, with an id that nobody looks at.
    fn broadcast_elsewhere(&mut self, topic: &str, context: &[u8], payload: &[u8]) {
        let Ok(id) = StreamId::new(self.random()) else { return };
        let frames: [FrameRef<'_>; 3] = [
            Frame::open(id, InteractionKind::Unary, 0, context),
            Frame::data(id, 0, payload),
            Frame::close(id, CloseReason::Completed, 1),
        ];
        let mut bytes = Vec::new();
        // It came within the limits, so it goes within them.
        if frames.iter().all(|frame| frame.encode_into(&mut bytes, ANY).is_ok()) {
            self.depart_whole(Destination::Topic(topic.to_owned()), bytes);
        }
    }

    /// A broadcast of a module of another host: `frames` are those that left there.
    ///
    /// # Errors
    /// It is none of this topic, or the module may not say it.
    pub(crate) fn hear_broadcast(&mut self, from: &str, topic: &str, frames: &[u8]) -> Result<(), No> {
        use StreamErrorCode::{InvalidArgument, PermissionDenied};
        let (open, rest) = first(frames).ok_or_else(broken)?;
        let (data, _) = first(rest).ok_or_else(broken)?;
        let (FrameBody::Open(open), FrameBody::Data(data)) = (open.body, data.body) else {
            return Err(broken());
        };
        let context =
            ContextRef::decode(open.context).map_err(|error| No(InvalidArgument, error.to_string()))?;
        if context.target() != Target::Broadcast(topic) {
            return no(PermissionDenied, "it did not come by the subject of its target");
        }
        let policy =
            self.policy.module(from).ok_or_else(|| No(PermissionDenied, "it may not call".into()))?;
        authority::check(from, policy, &context, None).map_err(|why| No(PermissionDenied, why))?;
        if !policy.may_call(topic) {
            return no(PermissionDenied, format!("it may not call `{topic}`"));
        }
        self.broadcast(None, topic, open.context, data.payload);
        Ok(())
    }

    fn send_whole(&mut self, to: LinkId, key: Key, id: StreamId, payload: &[u8]) {
        let message: FrameRef<'_> = Frame::data(id, 0, payload);
        let close: FrameRef<'_> = Frame::close(id, CloseReason::Completed, 1);
        let mut bytes = Vec::new();
        for (frame, is_close) in [(message, false), (close, true)] {
            bytes.clear();
            // It came within the limits, so it goes within them.
            if frame.encode_into(&mut bytes, ANY).is_ok() {
                self.command(to, key, Command::Data(&bytes, is_close));
            }
        }
        self.relayed.count(Side::Caller, payload.len());
    }
}

fn broken() -> No {
    No(StreamErrorCode::InvalidArgument, "it is no broadcast".into())
}
