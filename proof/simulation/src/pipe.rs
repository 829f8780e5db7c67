//! The byte pipe between a module and its station: it keeps the order, and it takes time, and it can be cut.

use std::collections::VecDeque;

use crate::random::Random;

/// Names a pipe of a run; never used twice.
pub(crate) type PipeId = usize;

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToStation = 0,
    ToModule = 1,
}

impl Way {
    pub(crate) const BOTH: [Self; 2] = [Self::ToStation, Self::ToModule];
}

/// How quick and how wide a pipe is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quality {
    /// Microseconds that bytes are on the way, at least and at most.
    pub(crate) delay_us: (u64, u64),
    /// Bytes in a millisecond.
    pub(crate) bandwidth: u64,
    /// Bytes on the way beyond which nothing is written.
    pub(crate) capacity: usize,
    /// The largest piece in which bytes come.
    pub(crate) piece: usize,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) module: usize,
    /// The module's session that uses it.
    pub(crate) session: u64,
    pub(crate) station: usize,
    /// The station's life in which it was made.
    pub(crate) life: u64,
    pub(crate) link: u64,
    pub(crate) quality: Quality,
    pub(crate) is_cut: bool,
    lanes: [Lane; 2],
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pieces: VecDeque<(u64, Piece)>,
    under_way: usize,
    /// When the last piece arrives: nothing overtakes it.
    last_us: u64,
    /// When the last byte has left its sender.
    sent_us: u64,
    /// Nothing arrives before.
    held_us: u64,
    /// For when an arrival is in the queue.
    pub(crate) expected_us: Option<u64>,
    /// What is written goes nowhere, and the writer is not told.
    is_lost: bool,
    /// Nobody writes any more.
    pub(crate) is_closed: bool,
    /// Nobody reads any more, and the writer was told or has no need to.
    pub(crate) is_unread: bool,
}

#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    End,
}

impl Pipe {
    pub(crate) fn new(module: usize, session: u64, to: (usize, u64, u64), quality: Quality) -> Self {
        let (station, life, link) = to;
        let lanes = Default::default();
        Self { module, session, station, life, link, quality, is_cut: false, lanes }
    }

    pub(crate) fn lane(&self, way: Way) -> &Lane {
        &self.lanes[way as usize]
    }

    pub(crate) fn lane_mut(&mut self, way: Way) -> &mut Lane {
        &mut self.lanes[way as usize]
    }

    /// Whether more can be written.
    pub(crate) fn has_room(&self, way: Way) -> bool {
        let lane = self.lane(way);
        !lane.is_closed && (lane.is_unread || lane.under_way < self.quality.capacity)
    }

    /// Takes what was written, in pieces of any length.
    pub(crate) fn write(&mut self, way: Way, mut bytes: &[u8], now_us: u64, random: &mut Random) {
        let quality = self.quality;
        let lane = self.lane_mut(way);
        if lane.is_unread {
            return;
        }
        lane.under_way += bytes.len();
        if lane.is_lost {
            return;
        }
        while !bytes.is_empty() {
            let most = bytes.len().min(quality.piece);
            let length = if random.once_in(4) { random.between(1, most as u64) as usize } else { most };
            let (piece, rest) = bytes.split_at(length);
            bytes = rest;
            lane.sent_us = lane.sent_us.max(now_us) + length as u64 * 1000 / quality.bandwidth;
            let delay = random.between(quality.delay_us.0, quality.delay_us.1);
            lane.last_us = lane.last_us.max(lane.sent_us + delay);
            lane.pieces.push_back((lane.last_us, Piece::Bytes(piece.to_vec())));
        }
    }

    /// The writer is done: the reader learns it behind all bytes.
    pub(crate) fn close(&mut self, way: Way, now_us: u64) {
        let delay = self.quality.delay_us.0;
        let lane = self.lane_mut(way);
        if !lane.is_closed {
            lane.is_closed = true;
            lane.last_us = lane.last_us.max(now_us + delay);
            if !lane.is_lost {
                lane.pieces.push_back((lane.last_us, Piece::End));
            }
        }
    }

    /// Cuts it: of what is on the way, some arrives and the rest does not. Who is told reads the end behind it;
    /// who is not hears nothing any more.
    pub(crate) fn cut(&mut self, told: [bool; 2], now_us: u64, random: &mut Random) {
        self.is_cut = true;
        for way in Way::BOTH {
            let is_told = told[way as usize];
            let lane = self.lane_mut(way);
            let kept = random.below(lane.pieces.len() + 1);
            lane.pieces.truncate(kept);
            if let Some((_, Piece::Bytes(last))) = lane.pieces.back_mut()
                && random.once_in(2)
            {
                last.truncate(random.between(1, last.len() as u64) as usize);
            }
            let has_end = matches!(lane.pieces.back(), Some((_, Piece::End)));
            lane.last_us = lane.last_us.max(now_us);
            if is_told && !has_end {
                lane.pieces.push_back((lane.last_us, Piece::End));
            }
            lane.is_lost = true;
        }
    }

    /// Nothing arrives before.
    pub(crate) fn hold(&mut self, way: Way, until_us: u64) {
        let lane = self.lane_mut(way);
        lane.held_us = lane.held_us.max(until_us);
    }

    /// The next piece, if it has arrived.
    pub(crate) fn read(&mut self, way: Way, now_us: u64) -> Option<Piece> {
        let lane = self.lane_mut(way);
        let at_us = lane.pieces.front()?.0.max(lane.held_us);
        if at_us > now_us {
            return None;
        }
        let (_, piece) = lane.pieces.pop_front()?;
        if let Piece::Bytes(bytes) = &piece {
            lane.under_way = lane.under_way.saturating_sub(bytes.len());
        }
        Some(piece)
    }

    /// When the next piece arrives, where nothing is in the queue for it yet.
    pub(crate) fn expect(&mut self, way: Way) -> Option<u64> {
        let lane = self.lane_mut(way);
        let at_us = lane.pieces.front()?.0.max(lane.held_us);
        if lane.expected_us.is_some_and(|expected| expected <= at_us) {
            return None;
        }
        lane.expected_us = Some(at_us);
        Some(at_us)
    }
}
