//! One message to all who want it.

use ixt_core::Limits;
use ixt_core::connection::Key;
use ixt_core::stream::{CloseReason, Frame, FrameRef, InteractionKind, StreamId};

use crate::command::Command;
use crate::ends::{LinkId, Side};
use crate::host::Host;
use crate::link::Half;

impl Host {
    /// Opens a unary stream with an id of its own to every subscriber. What they answer is dropped, and one who
    /// cannot be reached is passed over: a broadcast promises nothing beyond that it was accepted.
    pub(crate) fn broadcast(&mut self, from: LinkId, topic: &str, context: &[u8], payload: &[u8]) {
        for to in self.registry.subscribers(topic) {
            if to == from {
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

    fn send_whole(&mut self, to: LinkId, key: Key, id: StreamId, payload: &[u8]) {
        let message: FrameRef<'_> = Frame::data(id, 0, payload);
        let close: FrameRef<'_> = Frame::close(id, CloseReason::Completed, 1);
        let mut bytes = Vec::new();
        for (frame, is_close) in [(message, false), (close, true)] {
            bytes.clear();
            // It came within the limits, so it goes within them.
            if frame.encode_into(&mut bytes, Limits::with_max_payload(usize::MAX)).is_ok() {
                self.command(to, key, Command::Data(&bytes, is_close));
            }
        }
        self.relayed.count(Side::Caller, payload.len());
    }
}
