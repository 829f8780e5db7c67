//! Bytes: from the engines into the pipes, and out of them.

use ixt_core::wire::MESSAGE_OVERHEAD;

use crate::invariant::Invariant;
use crate::pipe::{Piece, PipeId, Way};
use crate::queue::Event;
use crate::session::Session;
use crate::world::World;

/// How long an end that is done waits for its peer to read the last word, in microseconds.
const LINGER_US: u64 = 1_000_000;
/// What a station keeps is looked at once in so many inputs.
const LOOKS: u64 = 32;

impl World {
    /// Something has come to the other side of a pipe.
    pub(crate) fn arrives(&mut self, id: PipeId, way: Way) {
        let now_us = self.now_us;
        let Some(pipe) = self.pipe_mut(id) else { return };
        let lane = pipe.lane_mut(way);
        if lane.expected_us.is_some_and(|expected| expected > now_us) {
            return;
        }
        lane.expected_us = None;
        let (module, session, station, life, link) =
            (pipe.module, pipe.session, pipe.station, pipe.life, pipe.link);
        while self.failure.is_none()
            && let Some(piece) = self.pipe_mut(id).and_then(|pipe| pipe.read(way, now_us))
        {
            let length = if let Piece::Bytes(bytes) = &piece { bytes.len() } else { 0 };
            self.trace.note(now_us, "arrive", &[id as u64, way as u64, length as u64]);
            if let Piece::Bytes(bytes) = &piece {
                self.trace.bytes(bytes);
            }
            match way {
                Way::ToModule => self.module_reads(module, session, &piece),
                Way::ToStation => self.station_reads(id, station, life, link, &piece),
            }
        }
        self.expect(id);
        match way {
            Way::ToStation => self.look_after_session(module, session),
            Way::ToModule => {
                self.write_link(station, life, link);
                self.asks_anew(station);
            }
        }
    }

    fn module_reads(&mut self, module: usize, number: u64, piece: &Piece) {
        if self.modules[module].number != number {
            return;
        }
        let Some(mut session) = self.modules[module].session.take() else { return };
        match piece {
            Piece::Bytes(bytes) => {
                let heard = session.receive(bytes, &mut self.ears(module));
                self.heed(heard);
            }
            Piece::End => session.engine.transport_ended(),
        }
        self.modules[module].session = Some(session);
        self.look_after(module);
    }

    fn station_reads(&mut self, id: PipeId, place: usize, life: u64, link: u64, piece: &Piece) {
        let now_us = self.now_us;
        if self.stations[place].life != life || !self.stations[place].links.contains_key(&link) {
            return;
        }
        let Some(station) = self.stations[place].station.as_mut() else { return };
        match piece {
            Piece::Bytes(bytes) => station.receive(link, bytes, now_us),
            Piece::End => {
                station.transport_ended(link);
                self.stations[place].links.remove(&link);
                if let Some(pipe) = self.pipe_mut(id) {
                    pipe.close(Way::ToModule, now_us);
                }
                self.expect(id);
            }
        }
        self.station_writes(place);
        if self.random.once_in(LOOKS) {
            self.look_at_bounds(place);
        }
        self.asks_anew(place);
    }

    fn asks_anew(&mut self, place: usize) {
        if self.stations[place].station.as_ref().is_some_and(|station| station.asks_anew()) {
            self.station_asks_for_time(place);
        }
    }

    fn look_at_bounds(&mut self, place: usize) {
        let station = self.stations[place].station.as_ref();
        if let Some(detail) = station.and_then(|station| station.beyond_bounds()) {
            self.fail(Invariant::Bounds, format!("station {place}: {detail}"));
        }
    }

    /// Writes all that a station has to write, as far as there is room.
    pub(crate) fn station_writes(&mut self, place: usize) {
        let life = self.stations[place].life;
        while let Some(link) =
            self.stations[place].station.as_mut().and_then(|station| station.poll_writable())
        {
            self.write_link(place, life, link);
        }
    }

    fn write_link(&mut self, place: usize, life: u64, link: u64) {
        let now_us = self.now_us;
        let Place { station: Some(station), life: lives, links, .. } = &mut self.stations[place] else {
            return;
        };
        let Some(id) = links.get(&link).copied().filter(|_| *lives == life) else { return };
        let Some(pipe) = self.pipes.get_mut(id).and_then(Option::as_mut) else { return };
        let mut is_all = false;
        while pipe.has_room(Way::ToModule) {
            let room = self.random.between(64, self.buffer.len() as u64) as usize;
            let Some(buffer) = self.buffer.get_mut(..room) else { break };
            let filled = station.poll_transmit(link, buffer);
            if filled == 0 {
                is_all = true;
                break;
            }
            pipe.write(Way::ToModule, &buffer[..filled], now_us, &mut self.random);
        }
        if station.has_ended(link) {
            if is_all {
                self.station_closes(place, link);
            } else {
                self.queue.put(now_us + LINGER_US, Event::Linger(id, Way::ToModule));
            }
        }
        self.expect(id);
        // What has left makes room for others.
        self.station_writes(place);
    }

    fn station_closes(&mut self, place: usize, link: u64) {
        let now_us = self.now_us;
        let Some(id) = self.stations[place].links.remove(&link) else { return };
        if let Some(station) = self.stations[place].station.as_mut() {
            station.transport_ended(link);
        }
        if let Some(pipe) = self.pipe_mut(id) {
            pipe.close(Way::ToModule, now_us);
            pipe.lane_mut(Way::ToStation).is_unread = true;
        }
        self.expect(id);
    }

    /// Writes all that a module has to write, as far as there is room. True where something left.
    pub(crate) fn module_writes(&mut self, session: &mut Session) -> bool {
        let Some(pipe) = self.pipes.get_mut(session.pipe).and_then(Option::as_mut) else { return false };
        let mut any = false;
        while pipe.has_room(Way::ToStation) {
            let room = self.random.between(64, self.buffer.len() as u64) as usize;
            let Some(buffer) = self.buffer.get_mut(..room) else { break };
            let filled = session.engine.poll_transmit(buffer);
            if filled == 0 {
                break;
            }
            any = true;
            pipe.write(Way::ToStation, &buffer[..filled], self.now_us, &mut self.random);
        }
        self.expect(session.pipe);
        any
    }

    /// What waits in a module stays within its settings, but for one message, and a close for each stream.
    pub(crate) fn look_at_queue(&mut self, module: usize, session: &Session) {
        let engine = &session.engine;
        let data = engine.queued() - engine.queued_control();
        let message = self.plan.sizes.largest as usize + MESSAGE_OVERHEAD;
        let most = self.plan.modules[module].config.max_queued + 2 * message + 64 * engine.len();
        if data > most {
            self.fail(Invariant::Bounds, format!("module {module}: {data} bytes wait, of {most}"));
        }
    }

    /// Puts the next arrivals of a pipe into the queue.
    pub(crate) fn expect(&mut self, id: PipeId) {
        let Some(pipe) = self.pipes.get_mut(id).and_then(Option::as_mut) else { return };
        for way in Way::BOTH {
            if let Some(at_us) = pipe.expect(way) {
                self.queue.put(at_us.max(self.now_us), Event::Arrive(id, way));
            }
        }
    }

    /// An end has waited long enough for its peer to read.
    pub(crate) fn lingered(&mut self, id: PipeId, way: Way) {
        let Some(pipe) = self.pipe_mut(id) else { return };
        let (module, session, station, life, link) =
            (pipe.module, pipe.session, pipe.station, pipe.life, pipe.link);
        match way {
            Way::ToModule if self.stations[station].life == life => {
                self.station_closes(station, link);
                self.station_writes(station);
                self.asks_anew(station);
            }
            Way::ToStation if self.modules[module].number == session => self.session_over(module),
            _ => {}
        }
    }

    /// Nothing arrives in these pipes before.
    pub(crate) fn hold(&mut self, which: impl Fn(&crate::pipe::Pipe, Way) -> bool, until_us: u64) {
        for pipe in self.pipes.iter_mut().flatten() {
            for way in Way::BOTH {
                if which(pipe, way) {
                    pipe.hold(way, until_us);
                }
            }
        }
    }

    pub(crate) fn linger(&mut self, id: PipeId, way: Way) {
        self.queue.put(self.now_us + LINGER_US, Event::Linger(id, way));
    }
}

use crate::world::Place;
