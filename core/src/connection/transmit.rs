//! What leaves, what has happened, and what time does.

use super::engine::Connection;
use super::lane::Room;
use super::table::{Body, Place};
use super::{End, EndReason, Event};
use crate::flow::{self, By};
use crate::stream::{CancelReason, Frame, FrameRef, StreamErrorCode};
use crate::wire::Limits;

impl Connection {
    /// Fills `out` with as many frames as fit and gives how many bytes these are; 0 when there is nothing to
    /// send. A frame that would not fit an empty `out` either is cut, and goes on in the next call.
    ///
    /// Control frames come first. Streams with data take turns, of so many bytes and frames.
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> usize {
        let mut room = Room::new(out);
        let mut settled = std::mem::take(&mut self.settled);
        let frames = self.outbox.transmit(&mut self.table, self.limits, &mut room, &mut settled);
        self.stats.frames_out += frames;
        self.stats.bytes_out += room.filled() as u64;
        for place in settled.drain(..) {
            self.settle(place);
        }
        self.settled = settled;
        self.look_drained();
        for (key, tickets) in self.outbox.let_go(&self.table, &self.config) {
            let ready = tickets.into_iter().map(|ticket| Event::Stream(key, flow::Event::Ready(ticket)));
            self.events.extend(ready);
        }
        room.filled()
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something.
    #[must_use]
    pub fn has_transmit(&self) -> bool {
        self.outbox.has_something()
    }

    /// The next event that comes from no frame: of a command, the time, or room that was made. `None` when
    /// there are none.
    pub fn poll_event(&mut self) -> Option<Event<'static>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if let Some(&place) = self.eventful.front() {
                if let Some(event) = self.event_of(place) {
                    return Some(event);
                }
                continue;
            }
            if !self.sweep() {
                return None;
            }
        }
    }

    /// The next event of a stream; `None` when it has none left, or when that has to wait.
    fn event_of(&mut self, place: Place) -> Option<Event<'static>> {
        while let Some((key, entry)) = self.table.keyed_mut(place) {
            let full = self.outbox.is_full(&entry.lane, &self.config);
            let silent = entry.flags.silent;
            match entry.stream().and_then(|stream| stream.poll_event()) {
                Some(_) if silent => {}
                Some(flow::Event::Ready(ticket)) if full => self.outbox.hold_back(key, ticket),
                Some(event) => return Some(Event::Stream(key, event)),
                None => {
                    entry.flags.has_events = false;
                    break;
                }
            }
        }
        self.eventful.pop_front();
        self.settle(place);
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do, in microseconds since the Unix epoch.
    pub fn next_timeout(&mut self) -> Option<u64> {
        if self.end.is_some() {
            return None;
        }
        let table = &self.table;
        let after = |from: u64, ms: u32| (ms != 0).then(|| from + u64::from(ms) * 1000);
        [
            self.deadlines.next(|key| table.resolve(key).is_some()),
            self.away.until_us,
            self.hello_by_us,
            after(self.heard_us, self.config.idle_ms),
            after(self.heard_us.max(self.pinged_us), self.config.keepalive_ms),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Tells the time, in microseconds since the Unix epoch: deadlines of streams, pings, a peer that has gone
    /// silent, the end of going away.
    pub fn handle_timeout(&mut self, now_us: u64) {
        self.now_us = self.now_us.max(now_us);
        let now_us = self.now_us;
        if self.end.is_some() {
            return;
        }
        while let Some(key) = self.deadlines.due(now_us) {
            if let Some(place) = self.table.resolve(key)
                && let Some(stream) = self.table.get_mut(place).and_then(|entry| entry.stream())
            {
                stream.handle_timeout(now_us / 1000);
                self.touch(place);
            }
        }
        if self.away.until_us.is_some_and(|until| now_us >= until) {
            self.away.until_us = None;
            self.cancel_all();
        }
        let silent_us = now_us.saturating_sub(self.heard_us);
        let passed = |ms: u32, us: u64| ms != 0 && us >= u64::from(ms) * 1000;
        if passed(self.config.idle_ms, silent_us) {
            self.finish(EndReason::Idle, "the peer was silent for too long".to_owned(), By::Local);
        } else if self.hello_by_us.is_some_and(|by| now_us >= by) {
            self.finish(EndReason::Idle, "the peer said no hello".to_owned(), By::Local);
        } else if passed(self.config.keepalive_ms, now_us.saturating_sub(self.heard_us.max(self.pinged_us))) {
            self.ping();
        }
    }

    /// Sends a ping, unless one is under way; [`Event::Pong`] follows.
    pub fn ping(&mut self) {
        if self.end.is_some() {
            return;
        }
        self.pinged_us = self.now_us;
        self.control.ping(self.now_us, self.outbox.control());
    }

    /// Goes away in order: no stream can be opened any more, here or by the peer. Those that run may finish
    /// until `grace_ms` have passed; then they are cancelled (`shutdown`). [`Event::Drained`] says when none is
    /// left.
    pub fn go_away(&mut self, grace_ms: u32, message: &str) {
        if self.end.is_some() || self.away.here {
            return;
        }
        self.away.here = true;
        let until = self.now_us.saturating_add(u64::from(grace_ms) * 1000);
        self.away.until_us = Some(self.away.until_us.map_or(until, |other| other.min(until)));
        self.say_going_away(EndReason::Shutdown, grace_ms, message);
        self.look_drained();
    }

    /// Ends the connection at once: every stream fails as `unavailable`, and the peer is told why as the last
    /// thing that leaves.
    pub fn end(&mut self, reason: EndReason, message: &str) {
        self.finish(reason, message.to_owned(), By::Local);
    }

    /// Whether the connection has ended. Once nothing is left to transmit, close the transport.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    pub(super) fn peer_goes_away(&mut self, reason: EndReason, grace_ms: u32, message: String) {
        if reason == EndReason::Shutdown {
            self.away.there = true;
            self.events.push_back(Event::GoingAway { reason, grace_ms, message });
            self.look_drained();
        } else {
            // It has ended the connection already: it reads nothing more.
            self.finish(reason, message, By::Peer);
            self.outbox.drop_all();
        }
    }

    /// The first end decides.
    pub(super) fn finish(&mut self, reason: EndReason, message: String, by: By) {
        if self.end.is_some() {
            return;
        }
        self.outbox.drop_data();
        self.say_going_away(reason, 0, &message);
        self.end = Some(End { reason, message, by });
    }

    fn say_going_away(&mut self, reason: EndReason, grace_ms: u32, message: &str) {
        let message = message.chars().filter(|c| *c != '\0').take(200).collect();
        let away = super::message::Message::GoingAway { reason, grace_ms, message };
        self.control.say(&away, self.outbox.control());
    }

    fn cancel_all(&mut self) {
        const WHY: &str = "going away";
        let mut from = 0;
        while let Some(place) = self.table.next_live(from) {
            from = place + 1;
            match self.table.get_mut(place).map(|entry| &mut entry.body) {
                Some(Body::Stream(stream)) => stream.break_away(CancelReason::Shutdown, WHY),
                Some(Body::Relay(relay)) => {
                    let cancel: FrameRef<'_> = Frame::cancel(relay.id, CancelReason::Shutdown, WHY);
                    // It is within every limit, so it encodes.
                    let _ = cancel.encode_into(self.outbox.control(), Limits::DEFAULT);
                    self.relay_ends(place, StreamErrorCode::Unavailable, WHY);
                }
                None => {}
            }
            self.touch(place);
        }
    }

    /// Ends the next stream under an ended connection; at last, says that it ended. False when all is done.
    fn sweep(&mut self) -> bool {
        let Some(end) = &self.end else { return false };
        let Some(place) = self.table.next_live(self.swept) else {
            if self.told_end {
                return false;
            }
            self.told_end = true;
            self.events.push_back(Event::Ended(end.clone()));
            return true;
        };
        let message = format!("the connection ended: {end}");
        self.swept = place;
        let key = self.table.key(place);
        let Some(entry) = self.table.get_mut(place) else { return false };
        let silent = entry.flags.silent;
        match &mut entry.body {
            Body::Stream(stream) => {
                if !stream.has_ended() {
                    let _ = stream.break_off(StreamErrorCode::Unavailable, message);
                }
                if let Some(key) = key.filter(|_| !silent) {
                    let told = std::iter::from_fn(|| stream.poll_event());
                    self.events.extend(told.map(|event| Event::Stream(key, event)));
                }
            }
            Body::Relay(relay) if !relay.done => {
                let code = StreamErrorCode::Unavailable;
                self.events.extend(key.map(|stream| Event::RelayFailed { stream, code, message }));
            }
            Body::Relay(_) => {}
        }
        self.release(place);
        true
    }
}
