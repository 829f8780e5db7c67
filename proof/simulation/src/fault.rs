//! What goes wrong, and how it is over again.

use crate::pipe::{PipeId, Way};
use crate::queue::Event;
use crate::world::World;

/// A fault, and when, from the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    pub(crate) at_us: u64,
    pub(crate) lasts_us: u64,
    pub(crate) fault: Fault,
}

/// What goes wrong. `told`: whether the station and the module read the end of their pipe; who does not hears nothing
/// any more.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// A module's pipe is cut. It may connect again at once.
    Cut { module: usize, told: [bool; 2] },
    /// A module's process ends, and comes back when the fault is over.
    ModuleDies { module: usize, told: [bool; 2] },
    /// A module reads nothing.
    ModuleStalls { module: usize },
    /// A module goes away in order, and comes back.
    ModuleLeaves { module: usize },
    /// A station's process ends, and comes back.
    StationDies { station: usize, told: [bool; 2] },
    /// A station reads nothing.
    StationStalls { station: usize },
    /// A station goes away in order, and comes back.
    StationLeaves { station: usize },
    /// One in `share` modules does not reach its station: nothing arrives until it is over, or what is under way is
    /// lost and nobody is told.
    Partition { share: u64, loses: bool, salt: u64 },
    /// A module's pipe is slow.
    Slow { module: usize },
    /// A server of NATS loses one message in so many.
    Loses { share: u64 },
    /// It delivers one message in so many twice.
    Doubles { share: u64 },
}

/// Microseconds for which a module is not held to what happens to it after a fault is over: what was held up arrives,
/// and who was silent for too long is found to be.
const AFTER_US: u64 = 12_000_000;
/// How long it takes until all servers of a cluster know of a module.
const SPREAD_US: u64 = 300_000;
/// How often a module that is not whole is looked at.
const LOOK_US: u64 = 300_000;
/// How long a slow pipe takes.
pub(crate) const SLOW_US: (u64, u64) = (300_000, 600_000);

impl World {
    pub(crate) fn fault_begins(&mut self, index: usize) {
        let Some(planned) = self.plan.faults.get(index).copied() else { return };
        let until_us = self.now_us + planned.lasts_us;
        self.trace.note(self.now_us, "fault", &[index as u64, planned.lasts_us]);
        self.trace.say(self.now_us, || format!("{:?}", planned.fault));
        self.queue.put(until_us, Event::Heal(index));
        let touched = self.touches(planned.fault);
        for module in &touched {
            self.trouble_begins(*module);
        }
        if self.plan.nats.is_some() {
            self.nats_fault_begins(planned.fault, &touched, until_us);
            self.touched[index] = touched;
            return;
        }
        match planned.fault {
            Fault::Loses { .. } | Fault::Doubles { .. } => {}
            Fault::Cut { module, told } => self.cut_module(module, told),
            Fault::ModuleDies { module, told } => {
                self.cut_module(module, told);
                self.module_dies(module);
            }
            Fault::ModuleStalls { module } => {
                self.modules[module].reads_from_us = until_us;
                self.hold(|pipe, way| pipe.module == module && way == Way::ToModule, until_us);
            }
            Fault::ModuleLeaves { module } => self.module_leaves(module, planned.lasts_us / 1000),
            Fault::StationDies { station, told } => self.station_dies(station, told),
            Fault::StationStalls { station } => {
                self.stations[station].reads_from_us = until_us;
                self.hold(|pipe, way| pipe.station == station && way == Way::ToStation, until_us);
            }
            Fault::StationLeaves { station } => self.station_leaves(station, planned.lasts_us / 1000),
            Fault::Partition { loses, .. } => {
                for &module in &touched {
                    let partition = &mut self.modules[module].apart_until_us;
                    *partition = (*partition).max(until_us);
                    if loses {
                        self.cut_module(module, [false, false]);
                    }
                }
                let apart: Vec<bool> =
                    self.modules.iter().map(|module| module.apart_until_us >= until_us).collect();
                self.hold(|pipe, _| apart.get(pipe.module) == Some(&true), until_us);
            }
            Fault::Slow { module } => {
                self.modules[module].slow_until_us = until_us;
                let pipes: Vec<PipeId> = self.pipes_of(|pipe| pipe.module == module);
                for id in pipes {
                    if let Some(pipe) = self.pipe_mut(id) {
                        pipe.quality.delay_us = SLOW_US;
                    }
                }
            }
        }
        self.touched[index] = touched;
    }

    pub(crate) fn fault_ends(&mut self, index: usize) {
        let Some(planned) = self.plan.faults.get(index).copied() else { return };
        self.trace.note(self.now_us, "heals", &[index as u64]);
        if self.plan.nats.is_some() {
            self.nats_fault_ends(planned.fault);
            for module in std::mem::take(&mut self.touched[index]) {
                self.trouble_ends(module);
            }
            return;
        }
        match planned.fault {
            Fault::ModuleDies { module, .. } => {
                self.module_returns(module);
            }
            Fault::StationDies { station, .. } => self.station_returns(station),
            Fault::StationLeaves { station } => {
                self.station_dies(station, [true, true]);
                self.station_returns(station);
            }
            Fault::Slow { module } => {
                let quality = self.plan.modules[module].quality;
                for id in self.pipes_of(|pipe| pipe.module == module) {
                    if let Some(pipe) = self.pipe_mut(id) {
                        pipe.quality = quality;
                    }
                }
            }
            _ => {}
        }
        for module in std::mem::take(&mut self.touched[index]) {
            self.trouble_ends(module);
        }
    }

    /// The modules that cannot be held to what they would do otherwise.
    fn touches(&self, fault: Fault) -> Vec<usize> {
        let all = 0..self.modules.len();
        let is_nats = self.plan.nats.is_some();
        match fault {
            Fault::Loses { .. } | Fault::Doubles { .. } => all.collect(),
            // The others lose the way to its clients.
            Fault::StationDies { .. } | Fault::StationStalls { .. } if is_nats => all.collect(),
            Fault::Cut { module, .. }
            | Fault::ModuleDies { module, .. }
            | Fault::ModuleStalls { module }
            | Fault::ModuleLeaves { module }
            | Fault::Slow { module } => vec![module],
            Fault::StationDies { station, .. }
            | Fault::StationStalls { station }
            | Fault::StationLeaves { station } => {
                all.filter(|module| self.modules[*module].station == station).collect()
            }
            Fault::Partition { share, salt, .. } => all
                .filter(|module| (salt >> (module % 60)).wrapping_add(*module as u64).is_multiple_of(share))
                .collect(),
        }
    }

    fn trouble_begins(&mut self, module: usize) {
        let module = &mut self.modules[module];
        module.faults += 1;
        module.trouble_until_us = u64::MAX;
    }

    pub(crate) fn trouble_ends(&mut self, module: usize) {
        self.modules[module].faults -= 1;
        self.look_whether_whole(module);
    }

    /// A module that is whole again is held to the rules in a while.
    pub(crate) fn look_whether_whole(&mut self, module: usize) {
        let now_us = self.now_us;
        let is_whole = self.is_announced(module) && !self.is_cut(module);
        if !is_whole && self.plan.nats.is_some() && self.modules[module].faults == 0 {
            // Its client comes back by itself.
            self.queue.put(now_us + LOOK_US, Event::Look(module));
        }
        let module = &mut self.modules[module];
        if module.faults == 0 && is_whole {
            module.trouble_until_us = now_us + AFTER_US;
        }
    }

    /// A module has been taken by its station: from now on it is held to the rules, unless something is wrong still.
    pub(crate) fn trouble_may_end(&mut self, module: usize) {
        let now_us = self.now_us;
        let module = &mut self.modules[module];
        if module.faults == 0 {
            // Before the first fault nothing of an earlier connection is about.
            // A cluster needs a moment to know of it everywhere.
            let first_us = if self.plan.nats.is_some() { SPREAD_US } else { 0 };
            let after_us = if module.sessions == 1 { first_us } else { AFTER_US };
            module.trouble_until_us = now_us + after_us;
        }
    }
}
