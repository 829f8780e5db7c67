//! How modules and stations come, go away and die.

use ixt_core::connection::{Connection, EndReason};
use ixt_core::invocation::{InvocationContext, Target};
use ixt_core::stream::{CloseReason, InteractionKind};
use ixt_host::{SERVICE, ServiceOffer, ToHost};

use crate::calling::{module_name, service_name, topic_name};
use crate::host::HostStation;
use crate::invariant::Invariant;
use crate::nats::NatsStation;
use crate::pipe::{Pipe, Way};
use crate::queue::Event;
use crate::session::{Ears, Session};
use crate::station::{Disturbance, Station};
use crate::world::World;

/// The longest back-off, in microseconds.
const MOST_BACK_OFF_US: u64 = 2_000_000;

impl World {
    pub(crate) fn ears(&mut self, module: usize) -> Ears<'_> {
        Ears {
            module,
            session: self.modules[module].number,
            now_us: self.now_us,
            window: self.plan.modules[module].config.window,
            ledger: &mut self.ledger,
            random: &mut self.random,
            trace: &mut self.trace,
        }
    }

    pub(crate) fn connect_later(&mut self, module: usize, at_least_us: u64) {
        let attempts = self.modules[module].attempts.min(8);
        self.modules[module].attempts += 1;
        let most = (20_000 << attempts).min(MOST_BACK_OFF_US);
        let at_us = self.now_us + at_least_us + self.random.between(100, most);
        self.queue.put(at_us, Event::Connect(module));
    }

    /// A module tries to connect.
    pub(crate) fn connects(&mut self, module: usize) {
        let found = &self.modules[module];
        if found.session.is_some() || found.deaths > 0 || self.stage != crate::world::Stage::Running {
            return;
        }
        if self.plan.modules[module].roams && found.attempts > 0 {
            self.modules[module].station = self.random.below(self.stations.len());
        }
        let place = self.modules[module].station;
        let now_us = self.now_us;
        let is_apart = self.modules[module].apart_until_us > now_us;
        let is_refusing = self.stations[place].is_leaving || is_apart;
        let station = self.stations[place].station.as_mut().filter(|_| !is_refusing);
        let Some(link) = station.and_then(|station| station.connect(module, now_us)) else {
            self.connect_later(module, 0);
            return;
        };
        let id = self.random.id();
        let mut config = self.plan.modules[module].config.clone();
        config.seed = self.random.number();
        let engine = match Connection::new(config, id, now_us) {
            Ok(engine) => engine,
            Err(error) => return self.fail(Invariant::Commands, format!("to begin: {error}")),
        };
        self.modules[module].number += 1;
        let (number, life) = (self.modules[module].number, self.stations[place].life);
        let pipe_id = self.pipes.len();
        let quality = self.quality(module);
        let mut pipe = Pipe::new(module, number, (place, life, link), quality);
        pipe.hold(Way::ToModule, self.modules[module].reads_from_us);
        pipe.hold(Way::ToStation, self.stations[place].reads_from_us);
        self.pipes.push(Some(pipe));
        self.stations[place].links.insert(link, pipe_id);
        self.trace.note(now_us, "connect", &[module as u64, place as u64, pipe_id as u64]);
        self.modules[module].session = Some(Session::new(engine, pipe_id));
        self.look_after(module);
        self.station_writes(place);
        self.station_asks_for_time(place);
    }

    /// Drives a session's engine until it wants nothing more, as after every input.
    pub(crate) fn look_after(&mut self, module: usize) {
        let Some(mut session) = self.modules[module].session.take() else { return };
        let was_announced = session.mind.is_announced;
        while self.failure.is_none() {
            self.announce(module, &mut session);
            self.talk(&mut session);
            go_on_leaving(&mut session);
            let stepped = self.step_parts(module, &mut session);
            let heard = match session.poll(&mut self.ears(module)) {
                Ok(any) => any,
                Err((invariant, detail)) => return self.fail(invariant, detail),
            };
            let wrote = self.module_writes(&mut session);
            if !stepped && !heard && !wrote && session.mind.dirty.is_empty() {
                break;
            }
        }
        self.look_at_queue(module, &session);
        if session.engine.stats().violations > 0 {
            self.fail(Invariant::Outcome, format!("module {module} accuses its station of breaking rules"));
        }
        let over = std::mem::take(&mut session.mind.over);
        if session.mind.is_announced && !was_announced {
            self.announced(module, &mut session);
        }
        let next_us = session.engine.next_timeout().map(|at_us| at_us.max(self.now_us));
        if let Some(at_us) = next_us.filter(|at_us| *at_us < session.timer_us) {
            session.timer_us = at_us;
            self.queue.put(at_us, Event::ModuleTimer(module, self.modules[module].number));
        }
        let is_over = session.engine.has_ended() || session.mind.is_drained;
        let is_silent = !session.engine.has_transmit();
        let pipe = session.pipe;
        self.modules[module].session = Some(session);
        for (call, side) in over {
            self.trace.note(self.now_us, "over", &[call as u64, side as u64]);
            self.trace.say(self.now_us, || {
                format!("call {call}, side {side}: {:?}", self.ledger.end(call, side).outcome)
            });
            let verdict = self.judge(call, side);
            self.heed(verdict);
        }
        if is_over {
            self.look_at_end(module);
            if is_silent { self.session_over(module) } else { self.linger(pipe, Way::ToStation) }
        }
    }

    pub(crate) fn look_after_session(&mut self, module: usize, number: u64) {
        if self.modules[module].number == number {
            self.look_after(module);
        }
    }

    /// Why a connection ended, where it did.
    fn look_at_end(&mut self, module: usize) {
        let Some(session) = &self.modules[module].session else { return };
        let Some(end) = session.engine.end_reason() else { return };
        let is_calm = self.modules[module].trouble_until_us < self.now_us;
        let may = match end.reason {
            EndReason::Shutdown => session.mind.is_leaving || session.mind.is_refused || !is_calm,
            EndReason::Idle | EndReason::Transport | EndReason::TornFrame => {
                !is_calm || session.mind.is_leaving
            }
            _ => false,
        };
        if !may {
            let detail = format!("module {module}: {end:?}");
            self.fail(Invariant::Connections, detail);
        }
    }

    /// Lets the applications of a session do what they want to do. True where one did something.
    fn step_parts(&mut self, module: usize, session: &mut Session) -> bool {
        let mut dirty = std::mem::take(&mut session.mind.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        let any = !dirty.is_empty();
        for key in dirty {
            let Some(part) = session.mind.parts.get_mut(&key) else { continue };
            let (call, side) = (part.call, part.side);
            let end = self.ledger.end_mut(call, side);
            let next = part.step(&mut session.engine, key, end, self.now_us, &mut self.message);
            match next {
                Ok(Some(at_us)) if at_us < part.expected_us => {
                    part.expected_us = at_us.max(self.now_us + 1);
                    self.queue.put(part.expected_us, Event::Step(module, self.modules[module].number, key));
                }
                Ok(_) => {}
                Err(detail) => self.fail(Invariant::Commands, format!("call {call}, side {side}: {detail}")),
            }
            self.look_at_credit(call, side);
        }
        any
    }

    /// What an end has sent and its reader is not done with is at most what the reader takes, or what the station
    /// takes for it at once.
    fn look_at_credit(&mut self, call: usize, side: usize) {
        let found = &self.ledger.calls[call];
        let (sender, reader) = (&found.ends[side], &found.ends[1 - side]);
        if !reader.has_begun || self.ledger.twins.contains_key(&call) {
            return;
        }
        let at_once = self.plan.stations[found.station].connection.initial_credit;
        let most = u64::from(reader.window.max(at_once)).max(1);
        let under_way = sender.sent.saturating_sub(reader.consumed);
        if under_way > most {
            self.fail(
                Invariant::Credit,
                format!("call {call}: {under_way} messages are under way, of {most}"),
            );
        }
    }

    fn announce(&mut self, module: usize, session: &mut Session) {
        let mind = &mut session.mind;
        if !mind.is_established || mind.has_asked || mind.is_leaving || session.engine.has_ended() {
            return;
        }
        mind.has_asked = true;
        let plan = &self.plan.modules[module];
        let mut services: Vec<usize> = plan.services.clone();
        services.sort_unstable();
        services.dedup();
        let offer = |service: &usize| ServiceOffer {
            name: service_name(*service),
            kinds: Vec::new(),
            requires: String::new(),
        };
        let told = ToHost::Announce {
            module: module_name(module),
            services: services.iter().map(offer).collect(),
            topics: plan.topics.iter().map(|topic| topic_name(*topic)).collect(),
            token: Vec::new(),
        };
        let target = Target::Service(SERVICE.to_owned());
        let Ok(context) = InvocationContext::builder().target(target).build() else { return };
        let id = self.random.id();
        let opened = session.engine.open(id, InteractionKind::BidiStream, &context.encode());
        let told = opened.map(|key| {
            session.mind.control = Some(key);
            session.mind.wanted.push_back(told.encode());
            session.mind.wanted.push_back(ToHost::OpenEndpoint(1).encode());
        });
        if let Err(error) = told {
            self.fail(Invariant::Commands, format!("to announce module {module}: {error}"));
        }
    }

    /// Says on the stream to the station what is to be said, as far as there is credit.
    fn talk(&mut self, session: &mut Session) {
        let Some(control) = session.mind.control else { return };
        while let Some(message) = session.mind.wanted.front()
            && session.engine.try_send(control, message).is_ok()
        {
            session.mind.wanted.pop_front();
        }
    }

    fn announced(&mut self, module: usize, session: &mut Session) {
        self.trace.note(self.now_us, "announced", &[module as u64]);
        let found = &mut self.modules[module];
        found.attempts = 0;
        found.sessions += 1;
        let _ = session;
        self.trouble_may_end(module);
    }

    /// A module goes away in order.
    pub(crate) fn module_leaves(&mut self, module: usize, grace_ms: u64) {
        if let Some(session) = self.modules[module].session.as_mut() {
            session.engine.go_away(grace_ms as u32, "going away");
            session.mind.is_leaving = true;
            session.mind.has_gone_away = true;
            self.look_after(module);
        }
    }

    /// A session's engine has nothing more to say, or nobody hears it: its pipe is closed.
    pub(crate) fn session_over(&mut self, module: usize) {
        let now_us = self.now_us;
        let Some(mut session) = self.modules[module].session.take() else { return };
        session.engine.transport_ended();
        let heard = session.poll(&mut self.ears(module)).map(|_| ());
        self.heed(heard);
        let id = session.pipe;
        self.trace.note(now_us, "disconnect", &[module as u64]);
        self.trace.say(now_us, || format!("module {module}: {:?}", session.engine.end_reason()));
        self.modules[module].number += 1;
        self.modules[module].trouble_until_us = u64::MAX;
        for (call, side) in session.mind.over {
            let verdict = self.judge(call, side);
            self.heed(verdict);
        }
        if !session.mind.parts.is_empty() {
            self.fail(Invariant::Ends, format!("module {module}: streams outlive their connection"));
        }
        if let Some(pipe) = self.pipe_mut(id) {
            pipe.close(Way::ToStation, now_us);
            pipe.lane_mut(Way::ToModule).is_unread = true;
        }
        self.expect(id);
        self.connect_later(module, 0);
    }

    /// Cuts the pipe of a module, if it has one.
    pub(crate) fn cut_module(&mut self, module: usize, told: [bool; 2]) {
        if self.plan.nats.is_some() {
            return self.disturb_link(module, |link| Disturbance::Cut { link, told });
        }
        let Some(id) = self.modules[module].session.as_ref().map(|session| session.pipe) else { return };
        if let Some(pipe) = self.pipes.get_mut(id).and_then(Option::as_mut) {
            pipe.cut(told, self.now_us, &mut self.random);
        }
        self.expect(id);
    }

    /// A module's process ends, and all that it knew.
    pub(crate) fn module_dies(&mut self, module: usize) {
        self.modules[module].deaths += 1;
        let Some(session) = self.modules[module].session.take() else { return };
        self.modules[module].number += 1;
        self.modules[module].trouble_until_us = u64::MAX;
        for part in session.mind.parts.values() {
            self.ledger.end_mut(part.call, part.side).is_gone = true;
            self.ledger.open_ends -= 1;
        }
        if let Some(pipe) = self.pipe_mut(session.pipe) {
            pipe.lane_mut(Way::ToModule).is_unread = true;
        }
    }

    pub(crate) fn module_returns(&mut self, module: usize) {
        self.modules[module].deaths -= 1;
        self.connect_later(module, 0);
    }

    pub(crate) fn module_timer(&mut self, module: usize, number: u64) {
        if self.modules[module].number != number {
            return;
        }
        if let Some(session) = self.modules[module].session.as_mut() {
            session.timer_us = u64::MAX;
            session.engine.handle_timeout(self.now_us);
            self.look_after(module);
        }
    }

    pub(crate) fn station_begins(&mut self, place: usize) {
        let station: ixt_core::Result<Box<dyn Station>> = match self.plan.nats {
            Some(ref nats) => {
                let qualities = self.plan.modules.iter().map(|module| module.quality).collect();
                let seed = self.random.number();
                let station = NatsStation::new(
                    nats.node.clone(),
                    nats.servers,
                    qualities,
                    seed,
                    self.now_us,
                    self.trace.prints(),
                );
                Ok(Box::new(station))
            }
            None => {
                let seed = self.random.seed();
                HostStation::new(self.plan.stations[place].clone(), seed, self.now_us)
                    .map(|station| Box::new(station) as Box<dyn Station>)
            }
        };
        match station {
            Ok(station) => {
                let found = &mut self.stations[place];
                found.station = Some(station);
                (found.is_leaving, found.timer_us) = (false, u64::MAX);
                found.life += 1;
            }
            Err(error) => self.fail(Invariant::Commands, format!("to begin a host: {error}")),
        }
    }

    pub(crate) fn station_dies(&mut self, place: usize, told: [bool; 2]) {
        let life = self.stations[place].life;
        for id in self.pipes_of(|pipe| pipe.station == place && pipe.life == life) {
            if let Some(pipe) = self.pipes.get_mut(id).and_then(Option::as_mut) {
                pipe.cut(told, self.now_us, &mut self.random);
                pipe.lane_mut(Way::ToStation).is_unread = true;
            }
            self.expect(id);
        }
        let found = &mut self.stations[place];
        found.deaths += 1;
        found.station = None;
        found.links.clear();
    }

    pub(crate) fn station_returns(&mut self, place: usize) {
        self.stations[place].deaths -= 1;
        if self.stations[place].deaths == 0 {
            self.station_begins(place);
        }
    }

    pub(crate) fn station_leaves(&mut self, place: usize, grace_ms: u64) {
        let found = &mut self.stations[place];
        found.is_leaving = true;
        if let Some(station) = found.station.as_mut() {
            station.go_away(grace_ms as u32);
        }
        self.station_writes(place);
        self.station_asks_for_time(place);
    }

    pub(crate) fn station_timer(&mut self, place: usize, life: u64) {
        let now_us = self.now_us;
        let found = &mut self.stations[place];
        if found.life != life || found.timer_us > now_us {
            return;
        }
        found.timer_us = u64::MAX;
        if let Some(station) = found.station.as_mut() {
            station.handle_timeout(now_us);
        }
        self.station_writes(place);
        self.station_asks_for_time(place);
    }

    /// Asked where a station's next time may have come nearer: a connection, or going away. Everything else that
    /// happens to a host puts it off.
    pub(crate) fn station_asks_for_time(&mut self, place: usize) {
        let now_us = self.now_us;
        let found = &mut self.stations[place];
        let next_us = found.station.as_mut().and_then(|station| station.next_timeout());
        if let Some(at_us) = next_us.map(|at_us| at_us.max(now_us)).filter(|at_us| *at_us < found.timer_us) {
            found.timer_us = at_us;
            let life = found.life;
            self.queue.put(at_us, Event::StationTimer(place, life));
        }
    }

    fn quality(&self, module: usize) -> crate::pipe::Quality {
        if self.plan.nats.is_some() {
            return crate::plan::WITHIN;
        }
        let mut quality = self.plan.modules[module].quality;
        if self.modules[module].slow_until_us > self.now_us {
            quality.delay_us = crate::fault::SLOW_US;
        }
        quality
    }
}

/// A module that is not taken, or that goes away, ends its stream to the station.
fn go_on_leaving(session: &mut Session) {
    if session.mind.is_refused && !session.mind.is_leaving && !session.engine.has_ended() {
        session.engine.end(EndReason::Shutdown, "not announced");
    } else if session.mind.is_leaving
        && let Some(control) = session.mind.control
    {
        // None is refused: it is a bidi stream.
        let _ = session.engine.close(control, CloseReason::Completed);
    }
}
