//! What waits to be sent: control frames first, then the data of the streams in turns.

use std::collections::{HashMap, VecDeque};

use super::lane::{Lane, Room, Spare};
use super::line::Line;
use super::table::{Entry, Place, Table};
use super::{Config, Key};
use crate::flow::Ticket;
use crate::stream::{FrameBody, FrameRef, StreamFrame, StreamId, data};
use crate::wire::{Limits, Result};

/// Bytes that a stream may send in its turn, beyond which a frame may go.
const TURN_BYTES: i64 = 16 << 10;
/// Frames that a stream may send in its turn.
const TURN_FRAMES: u32 = 64;
/// Control frames of fewer bytes leave before the end is told.
const FEW_BYTES: usize = 64 << 10;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// The rest of a frame of which a part has left.
    rest: Lane,
    /// Control frames as they are.
    control: Lane,
    /// Streams whose engines have control frames. These are asked when there is room, so that grants merge.
    controls: Line,
    /// Streams with data, the next one first.
    turns: Line,
    /// Relayed streams of which frames have left since the host asked.
    left: VecDeque<Place>,
    /// Bytes in the lanes of all streams.
    in_lanes: usize,
    /// Tickets that have credit and wait for room.
    held_back: HashMap<Key, HeldBack>,
    /// How many streams have begun to wait for room.
    held: u64,
    /// Among the control frames are some of streams that are over already.
    has_last_words: bool,
    /// The last control frame is there: no stream sends any more.
    is_closing: bool,
    spare: Spare,
}

/// Tickets of one stream that wait for room.
#[derive(Debug)]
struct HeldBack {
    /// Who came before whom.
    number: u64,
    tickets: VecDeque<Ticket>,
}

/// What became of a turn.
enum Turn {
    /// The room is full, after so many frames.
    Full(u64),
    /// The stream's turn is over, after so many frames.
    Over(u64),
    /// Nobody has data.
    Nobody,
}

impl Outbox {
    /// Where the next control frame is appended, whole.
    pub(super) fn control(&mut self) -> &mut Vec<u8> {
        self.control.end(&mut self.spare)
    }

    /// Bytes that wait.
    pub(super) fn queued(&self) -> usize {
        self.in_lanes + self.control.len() + self.rest.len()
    }

    pub(super) fn control_queued(&self) -> usize {
        self.control.len()
    }

    /// Whether there is something to transmit.
    pub(super) fn has_something(&self) -> bool {
        let of_streams = !self.controls.is_empty() || !self.turns.is_empty();
        (of_streams && !self.is_closing) || !self.rest.is_empty() || !self.control.is_empty()
    }

    /// Whether there is no room for another message of the stream with this lane.
    pub(super) fn is_full(&self, lane: &Lane, config: &Config) -> bool {
        self.queued() >= config.max_queued || lane.len() >= config.max_queued_stream
    }

    /// Queues a message whose credit is spent behind the others of its stream.
    #[inline]
    pub(super) fn queue_message(
        &mut self,
        key: Key,
        entry: &mut Entry,
        id: StreamId,
        sequence: u64,
        payload: &[u8],
        limits: Limits,
    ) -> Result<()> {
        if !data::fits(payload, limits) {
            return self.queue(key, entry, &FrameRef::data(id, sequence, payload), limits);
        }
        let before = entry.lane.len();
        data::write(id, sequence, payload, entry.lane.end(&mut self.spare))?;
        self.in_lanes += entry.lane.len() - before;
        self.waits(key, entry);
        Ok(())
    }

    /// Queues a frame behind the others of its stream.
    pub(super) fn queue(
        &mut self,
        key: Key,
        entry: &mut Entry,
        frame: &FrameRef<'_>,
        limits: Limits,
    ) -> Result<()> {
        let before = entry.lane.len();
        frame.encode_into(entry.lane.end(&mut self.spare), limits)?;
        self.in_lanes += entry.lane.len() - before;
        self.waits(key, entry);
        Ok(())
    }

    /// Queues an encoded frame behind the others of its stream.
    pub(super) fn queue_bytes(&mut self, key: Key, entry: &mut Entry, frame: &[u8]) {
        entry.lane.end(&mut self.spare).extend_from_slice(frame);
        self.in_lanes += frame.len();
        self.waits(key, entry);
    }

    /// Gives a stream its turns while it has something that may leave.
    pub(super) fn waits(&mut self, key: Key, entry: &mut Entry) {
        if !entry.flags.in_turn && !entry.lane.is_empty() && entry.may_leave() {
            entry.flags.in_turn = true;
            self.turns.push(key);
        }
    }

    /// Relayed streams of which frames have left.
    pub(super) fn pop_left(&mut self) -> Option<Place> {
        self.left.pop_front()
    }

    pub(super) fn control_waits(&mut self, key: Key) {
        self.controls.push(key);
    }

    /// Keeps a ticket that has its credit until there is room for its message.
    pub(super) fn hold_back(&mut self, key: Key, ticket: Ticket) {
        self.held += 1;
        let new = || HeldBack { number: self.held, tickets: VecDeque::new() };
        self.held_back.entry(key).or_insert_with(new).tickets.push_back(ticket);
    }

    pub(super) fn forget(&mut self, key: Key, ticket: Ticket) {
        if let Some(held_back) = self.held_back.get_mut(&key) {
            held_back.tickets.retain(|held| *held != ticket);
            if held_back.tickets.is_empty() {
                self.held_back.remove(&key);
            }
        }
    }

    /// The tickets for whose messages there is room now, in the order in which their streams began to wait.
    pub(super) fn let_go(&mut self, table: &Table, config: &Config) -> Vec<(Key, VecDeque<Ticket>)> {
        // Half, so that the limit is not touched again by the first message.
        if self.held_back.is_empty() || self.queued() > config.max_queued / 2 {
            return Vec::new();
        }
        let have_room = self.held_back.extract_if(|key, _| {
            let entry = table.resolve(*key).and_then(|place| table.get(place));
            entry.is_none_or(|entry| entry.lane.len() <= config.max_queued_stream / 2)
        });
        // The map gives them in another order in every run.
        let mut have_room: Vec<_> = have_room.collect();
        have_room.sort_unstable_by_key(|(_, held_back)| held_back.number);
        have_room.into_iter().map(|(key, held_back)| (key, held_back.tickets)).collect()
    }

    /// Drops what a stream has queued that has left the table, and gives the tickets that were held back.
    pub(super) fn release(&mut self, key: Key, entry: &mut Entry, table: &Table) -> VecDeque<Ticket> {
        self.drop_lane(entry);
        if entry.flags.in_turn {
            self.turns.goes(table);
        }
        if entry.flags.has_control {
            self.controls.goes(table);
        }
        self.held_back.remove(&key).map(|held_back| held_back.tickets).unwrap_or_default()
    }

    pub(super) fn drop_lane(&mut self, entry: &mut Entry) {
        self.in_lanes -= entry.lane.len();
        entry.lane.clear(&mut self.spare);
    }

    /// Drops everything: nobody reads any more.
    pub(super) fn drop_all(&mut self) {
        self.drop_data();
        self.control.clear(&mut self.spare);
        self.rest.clear(&mut self.spare);
    }

    /// Drops the data, and control frames where they are many: the peer is to be told why the connection ends,
    /// soon, and behind the hello. The frame that has begun to leave goes on.
    pub(super) fn drop_data(&mut self) {
        if self.control.len() > FEW_BYTES {
            self.control.clear(&mut self.spare);
        }
        self.controls.clear();
        self.turns.clear();
        self.is_closing = true;
    }

    /// Fills the room. Gives the number of frames that left; streams that may be over now go to `settled`.
    pub(super) fn transmit(
        &mut self,
        table: &mut Table,
        limits: Limits,
        room: &mut Room<'_>,
        settled: &mut Vec<Place>,
    ) -> u64 {
        let mut frames = 0;
        self.transmit_rest(room);
        if !self.rest.is_empty() {
            return frames;
        }
        loop {
            while let Some(frame) = self.control.front() {
                let length = frame.len();
                if !room.takes(length) {
                    return frames;
                }
                let put = room.put(frame);
                if let Some(rest) = frame.get(put..).filter(|rest| !rest.is_empty()) {
                    self.rest.end(&mut self.spare).extend_from_slice(rest);
                }
                self.control.pop(length, &mut self.spare);
                frames += 1;
            }
            self.has_last_words = false;
            if self.is_closing {
                return frames;
            }
            let Some(key) = self.controls.pop() else { break };
            settled.extend(self.collect_control(key, table, limits));
        }
        loop {
            match self.take_turn(table, room, settled) {
                Turn::Over(sent) => frames += sent,
                Turn::Full(sent) => return frames + sent,
                Turn::Nobody => return frames,
            }
        }
    }

    fn transmit_rest(&mut self, room: &mut Room<'_>) {
        // What is left of a frame is not a frame, so it is taken as bytes.
        let put = room.put(self.rest.bytes());
        if put > 0 {
            self.rest.pop(put, &mut self.spare);
        }
    }

    /// Takes a stream's control frames out of its engine. A close goes behind its data.
    fn collect_control(&mut self, key: Key, table: &mut Table, limits: Limits) -> Option<Place> {
        let Some((place, entry)) = table.live_mut(key) else {
            self.controls.was_gone();
            return None;
        };
        entry.flags.has_control = false;
        self.collect(key, entry, limits);
        Some(place)
    }

    /// The same of a stream that is over with it, and need not wait for room.
    pub(super) fn collect_last(&mut self, key: Key, entry: &mut Entry, limits: Limits) {
        let before = self.control.len();
        self.collect(key, entry, limits);
        self.has_last_words |= self.control.len() > before;
    }

    /// Whether something waits of streams that are over.
    pub(super) fn has_last_words(&self) -> bool {
        self.has_last_words
    }

    fn collect(&mut self, key: Key, entry: &mut Entry, limits: Limits) {
        if self.is_closing {
            return;
        }
        while let Some(frame) = entry.poll_transmit() {
            if matches!(frame.body, FrameBody::Close(_)) {
                let _ = self.queue(key, entry, &frame.as_ref(), limits);
                continue;
            }
            self.put_control(&frame, limits);
        }
    }

    fn put_control(&mut self, frame: &StreamFrame, limits: Limits) {
        // The engine makes no frame beyond the limits.
        let _ = frame.encode_into(self.control.end(&mut self.spare), limits);
    }

    /// Lets the next stream send: at most so many bytes and frames, and at least one frame in the long run.
    fn take_turn(&mut self, table: &mut Table, room: &mut Room<'_>, settled: &mut Vec<Place>) -> Turn {
        let Some(key) = self.turns.front() else { return Turn::Nobody };
        let Some((place, entry)) = table.live_mut(key) else {
            self.turns.pop();
            self.turns.was_gone();
            return Turn::Over(0);
        };
        if entry.deficit <= 0 {
            entry.deficit += TURN_BYTES;
        }
        // Whole frames that fit leave as one piece.
        let (mut sent, mut length, mut is_full) = (0, 0, false);
        while entry.deficit > 0
            && sent < TURN_FRAMES
            && entry.may_leave()
            && let Some(frame) = entry.lane.length_at(length)
        {
            // A frame that has to be cut goes by itself.
            if !(room.fits(length + frame) || (length == 0 && room.takes(frame))) {
                is_full = true;
                break;
            }
            length += frame;
            entry.deficit -= frame as i64;
            sent += 1;
            if let Some(relay) = entry.relay() {
                relay.left();
                if !entry.flags.has_left {
                    entry.flags.has_left = true;
                    self.left.push_back(place);
                }
            }
        }
        let leaves = entry.lane.bytes().get(..length).unwrap_or_default();
        let put = room.put(leaves);
        if let Some(rest) = leaves.get(put..).filter(|rest| !rest.is_empty()) {
            self.rest.end(&mut self.spare).extend_from_slice(rest);
        }
        if length > 0 {
            entry.lane.pop(length, &mut self.spare);
            self.in_lanes -= length;
        }
        if is_full {
            return Turn::Full(sent.into());
        }
        self.turns.pop();
        if entry.lane.is_empty() || !entry.may_leave() {
            // Credit for bytes is not saved up; what was sent too much is not forgotten.
            entry.deficit = entry.deficit.min(0);
            entry.flags.in_turn = false;
            settled.push(place);
        } else {
            self.turns.push(key);
        }
        Turn::Over(sent.into())
    }
}
