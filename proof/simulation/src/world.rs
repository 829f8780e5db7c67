//! A world: stations, modules, pipes, and what happens next.

use std::collections::BTreeMap;

use ixt_core::connection::Key;

use crate::calling::module_name;
use crate::fault::Planned;
use crate::invariant::{Failure, Invariant};
use crate::ledger::{Ledger, OPENER, RESPONDER};
use crate::pipe::{Pipe, PipeId};
use crate::plan::Plan;
use crate::queue::{Event, Queue};
use crate::random::Random;
use crate::session::Session;
use crate::station::Station;
use crate::trace::Trace;
use crate::verdict::name;

/// When a run begins, in microseconds since the Unix epoch.
pub(crate) const START_US: u64 = 1_790_000_000_000_000;
/// How long all may take to come to rest after the last fault and the last call, in microseconds: a silent peer is
/// found after 10 s at both ends, a module that was refused comes back within 5 s, and what applications sleep.
const BOUND_US: u64 = 90_000_000;
/// How long after the last fault modules on NATS make their last calls, in microseconds: by then all are held to the
/// rules again.
const LAST_CALLS_US: u64 = 60_000_000;
/// A run that goes on beyond so many events goes round in circles.
const MOST_EVENTS: u64 = 10_000_000;

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) now_us: u64,
    pub(crate) queue: Queue,
    pub(crate) random: Random,
    pub(crate) trace: Trace,
    pub(crate) ledger: Ledger,
    pub(crate) modules: Vec<Module>,
    pub(crate) stations: Vec<Place>,
    pub(crate) pipes: Vec<Option<Pipe>>,
    pub(crate) failure: Option<Failure>,
    /// Modules that each fault has touched, while it lasts.
    pub(crate) touched: Vec<Vec<usize>>,
    /// When the last fault is over and nobody makes calls any more.
    calm_us: u64,
    /// When all must have come to rest.
    bound_us: u64,
    pub(crate) stage: Stage,
    /// Kept for their memory.
    pub(crate) buffer: Vec<u8>,
    pub(crate) message: Vec<u8>,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Running,
    /// All has come to rest, and everybody goes home.
    Leaving,
    Over,
}

/// A module's process.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) session: Option<Session>,
    /// The number of its session, and how many there were that were announced.
    pub(crate) number: u64,
    pub(crate) sessions: u64,
    pub(crate) station: usize,
    /// Above 0, it does not run.
    pub(crate) deaths: u32,
    pub(crate) attempts: u32,
    pub(crate) reads_from_us: u64,
    pub(crate) apart_until_us: u64,
    pub(crate) slow_until_us: u64,
    /// Faults that touch it now.
    pub(crate) faults: u32,
    /// Until then it is not held to what happens to it.
    pub(crate) trouble_until_us: u64,
}

/// Where a station runs.
pub(crate) struct Place {
    pub(crate) station: Option<Box<dyn Station>>,
    /// Counts its lives.
    pub(crate) life: u64,
    /// Above 0, it does not run.
    pub(crate) deaths: u32,
    pub(crate) is_leaving: bool,
    pub(crate) reads_from_us: u64,
    pub(crate) timer_us: u64,
    /// The pipe of each link.
    pub(crate) links: BTreeMap<u64, PipeId>,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The same for every run of the seed.
    pub hash: u64,
    /// Things that happened.
    pub events: u64,
    /// Calls that were made.
    pub calls: u64,
    /// Of which both ends have completed.
    pub completed: u64,
    /// Messages that came.
    pub messages: u64,
    /// Faults.
    pub faults: u64,
    /// How many ends came to which outcome, such as `caller: unavailable by peer`.
    pub ends: BTreeMap<String, u64>,
    /// What does not hold, if anything.
    pub failure: Option<Failure>,
}

impl World {
    pub(crate) fn new(seed: u64, prints: bool) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::new(seed, &mut random);
        let faults_over = |planned: &Planned| planned.at_us + planned.lasts_us;
        let calm_us = plan.faults.iter().map(faults_over).max().unwrap_or(0).max(plan.calls_until_us);
        let calm_us = calm_us + if plan.nats.is_some() { LAST_CALLS_US } else { 0 };
        let modules = plan.modules.iter().map(|module| Module {
            session: None,
            number: 0,
            sessions: 0,
            station: module.home,
            deaths: 0,
            attempts: 0,
            reads_from_us: 0,
            apart_until_us: 0,
            slow_until_us: 0,
            faults: 0,
            trouble_until_us: u64::MAX,
        });
        let place = |_: &_| Place {
            station: None,
            life: 0,
            deaths: 0,
            is_leaving: false,
            reads_from_us: 0,
            timer_us: u64::MAX,
            links: BTreeMap::new(),
        };
        let modules = modules.collect();
        let stations = plan.stations.iter().map(place).collect();
        Self {
            seed,
            now_us: START_US,
            queue: Queue::default(),
            random,
            trace: Trace::new(prints, START_US),
            ledger: Ledger::new(plan.nats.as_ref().is_some_and(|nats| nats.doubles)),
            modules,
            stations,
            pipes: Vec::new(),
            failure: None,
            touched: vec![Vec::new(); plan.faults.len()],
            calm_us: START_US + calm_us,
            bound_us: START_US + calm_us + BOUND_US,
            stage: Stage::Running,
            plan,
            buffer: vec![0; 64 << 10],
            message: Vec::new(),
        }
    }

    /// Runs to the end.
    pub(crate) fn run(mut self) -> Outcome {
        let calm_us = self.calm_us;
        for station in 0..self.stations.len() {
            self.station_begins(station);
        }
        for module in 0..self.modules.len() {
            let at_us = self.now_us + self.random.between(0, 5000);
            self.queue.put(at_us, Event::Connect(module));
        }
        self.plan_calls();
        for (index, planned) in self.plan.faults.iter().enumerate() {
            self.queue.put(START_US + planned.at_us, Event::Fault(index));
        }
        if self.plan.nats.is_some() {
            // When all is healed, calls work again.
            for module in 0..self.modules.len() {
                let at_us = calm_us - self.random.between(0, LAST_CALLS_US / 2);
                self.queue.put(at_us, Event::Call(module));
            }
        }
        self.queue.put(self.bound_us, Event::Bound);
        while self.failure.is_none()
            && self.stage != Stage::Over
            && let Some((at_us, event)) = self.queue.take()
        {
            self.now_us = at_us;
            self.happens(event);
            if self.trace.events() > MOST_EVENTS {
                self.fail(Invariant::Ends, format!("it goes on after {MOST_EVENTS} events"));
            }
            if self.now_us >= calm_us && self.ledger.open_ends == 0 {
                self.look_whether_quiet();
            }
        }
        self.outcome()
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrive(pipe, way) => self.arrives(pipe, way),
            Event::ModuleTimer(module, number) => self.module_timer(module, number),
            Event::StationTimer(station, life) => self.station_timer(station, life),
            Event::Step(module, number, key) => self.steps(module, number, key),
            Event::Call(module) => self.call(module),
            Event::Connect(module) => self.connects(module),
            Event::Linger(pipe, way) => self.lingered(pipe, way),
            Event::Fault(index) => self.fault_begins(index),
            Event::Heal(index) => self.fault_ends(index),
            Event::Look(module) => {
                if self.modules[module].faults == 0 && self.modules[module].trouble_until_us == u64::MAX {
                    self.look_whether_whole(module);
                }
            }
            Event::Bound => self.bound_passed(),
        }
    }

    pub(crate) fn fail(&mut self, invariant: Invariant, detail: String) {
        if self.failure.is_none() {
            let at_us = self.now_us - START_US;
            self.failure = Some(Failure { seed: self.seed, invariant, at_us, detail });
        }
    }

    /// Takes what does not hold.
    pub(crate) fn heed(&mut self, verdict: Result<(), (Invariant, String)>) {
        if let Err((invariant, detail)) = verdict {
            self.fail(invariant, detail);
        }
    }

    pub(crate) fn steps(&mut self, module: usize, number: u64, key: Key) {
        let now_us = self.now_us;
        let found = &mut self.modules[module];
        if found.number == number
            && let Some(session) = found.session.as_mut()
            && let Some(part) = session.mind.parts.get_mut(&key)
        {
            if part.expected_us <= now_us {
                part.expected_us = u64::MAX;
            }
            session.mind.dirty.push(key);
            self.look_after(module);
        }
    }

    pub(crate) fn is_announced(&self, module: usize) -> bool {
        self.modules[module].session.as_ref().is_some_and(|session| session.mind.is_announced)
    }

    pub(crate) fn is_cut(&self, module: usize) -> bool {
        let pipe = self.modules[module].session.as_ref().map(|session| session.pipe);
        pipe.and_then(|pipe| self.pipes.get(pipe)?.as_ref()).is_none_or(|pipe| {
            let station = self.stations[pipe.station].station.as_ref();
            pipe.is_cut || station.is_none_or(|station| !station.is_whole(pipe.link))
        })
    }

    /// Whether this session of a module has ended.
    pub(crate) fn session_ends(&self, module: usize, number: u64) -> bool {
        let module = &self.modules[module];
        module.number != number || module.session.as_ref().is_none_or(|session| session.engine.has_ended())
    }

    /// Whether this session of a module has gone away in order.
    pub(crate) fn has_gone_away(&self, module: usize, number: u64) -> bool {
        let module = &self.modules[module];
        module.number != number || module.session.as_ref().is_none_or(|session| session.mind.has_gone_away)
    }

    pub(crate) fn pipe_mut(&mut self, id: PipeId) -> Option<&mut Pipe> {
        self.pipes.get_mut(id)?.as_mut()
    }

    pub(crate) fn pipes_of(&self, which: impl Fn(&Pipe) -> bool) -> Vec<PipeId> {
        let all = self.pipes.iter().enumerate();
        all.filter(|(_, pipe)| pipe.as_ref().is_some_and(&which)).map(|(id, _)| id).collect()
    }

    /// Nothing is called and nothing is wrong any more: is anything left?
    fn look_whether_quiet(&mut self) {
        if self.unquiet().is_some() {
            return;
        }
        match self.stage {
            Stage::Running => {
                self.trace.note(self.now_us, "quiet", &[]);
                self.stage = Stage::Leaving;
                self.bound_us = self.now_us + BOUND_US;
                self.queue.put(self.bound_us, Event::Bound);
                for module in 0..self.modules.len() {
                    self.module_leaves(module, 1000);
                }
            }
            _ => {
                self.trace.note(self.now_us, "over", &[]);
                self.stage = Stage::Over;
            }
        }
    }

    /// What has not come to rest, if anything.
    fn unquiet(&self) -> Option<(Invariant, String)> {
        for (number, call) in self.ledger.calls.iter().enumerate().filter(|_| self.ledger.open_ends > 0) {
            for side in [OPENER, RESPONDER] {
                if !call.ends[side].is_over() {
                    return Some((Invariant::Ends, format!("call {number}, side {side}: {call:?}")));
                }
            }
        }
        let wanted = usize::from(self.stage == Stage::Running);
        for (number, module) in self.modules.iter().enumerate() {
            let is_announced = self.is_announced(number) && !self.is_cut(number);
            if wanted == 1 && !is_announced {
                let detail = format!("{} is not announced", module_name(number));
                return Some((Invariant::Return, detail));
            }
            if let Some(session) = &module.session
                && session.engine.len() != wanted
            {
                let detail = format!("{} has {} streams", module_name(number), session.engine.len());
                return Some((Invariant::Left, detail));
            }
            if wanted == 0 && module.session.is_some() {
                return Some((Invariant::Left, format!("{} is still connected", module_name(number))));
            }
        }
        for (number, place) in self.stations.iter().enumerate() {
            let here = |module: &&Module| module.station == number && module.session.is_some();
            let modules = self.modules.iter().filter(here).count();
            if let Some(left) = place.station.as_ref().and_then(|station| station.left(modules)) {
                return Some((Invariant::Left, format!("station {number}: {left}")));
            }
        }
        None
    }

    fn bound_passed(&mut self) {
        if self.now_us < self.bound_us {
            return;
        }
        if let Some((invariant, detail)) = self.unquiet() {
            self.fail(invariant, format!("{} s after all was healed: {detail}", BOUND_US / 1_000_000));
        }
    }

    fn outcome(self) -> Outcome {
        let completed = self.ledger.calls.iter().filter(|call| {
            call.ends.iter().all(|end| end.outcome.as_ref().is_some_and(ixt_core::flow::Outcome::is_success))
        });
        let mut ends = BTreeMap::new();
        for call in &self.ledger.calls {
            for (side, end) in call.ends.iter().enumerate() {
                if let Some(outcome) = &end.outcome {
                    *ends.entry(name(side, outcome)).or_default() += 1;
                }
            }
        }
        Outcome {
            ends,
            seed: self.seed,
            hash: self.trace.hash(),
            events: self.trace.events(),
            calls: self.ledger.calls.len() as u64,
            completed: completed.count() as u64,
            messages: self.ledger.messages,
            faults: self.plan.faults.len() as u64,
            failure: self.failure,
        }
    }
}
