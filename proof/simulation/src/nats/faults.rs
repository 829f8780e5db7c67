//! What goes wrong where modules are on NATS, and how it is over again.

use crate::fault::{Fault, SLOW_US};
use crate::pipe::Way;
use crate::station::Disturbance;
use crate::world::World;

impl World {
    pub(crate) fn nats_fault_begins(&mut self, fault: Fault, touched: &[usize], until_us: u64) {
        match fault {
            Fault::Cut { module, told } => {
                self.disturb(Disturbance::Apart { module, until_us });
                self.cut_module(module, told);
            }
            Fault::ModuleDies { module, told: [told, _] } => {
                let pipe = self.modules[module].session.as_ref().map(|session| session.pipe);
                self.disturb_link(module, |link| Disturbance::Dies { link, told });
                self.module_dies(module);
                if let Some(pipe) = pipe.and_then(|pipe| self.pipe_mut(pipe)) {
                    let link = pipe.link;
                    pipe.lane_mut(Way::ToStation).is_unread = true;
                    self.stations[0].links.remove(&link);
                }
            }
            Fault::ModuleStalls { module } => {
                self.modules[module].reads_from_us = until_us;
                self.hold(|pipe, way| pipe.module == module && way == Way::ToModule, until_us);
                self.disturb_link(module, |link| Disturbance::Hold { link, until_us });
            }
            Fault::ModuleLeaves { module } => self.module_leaves(module, (until_us - self.now_us) / 1000),
            Fault::StationDies { station: server, told: [_, told] } => {
                self.disturb(Disturbance::ServerDies { server, told });
            }
            Fault::StationStalls { station: server } => {
                self.disturb(Disturbance::ServerStalls { server, until_us });
            }
            // Servers do not go away in order.
            Fault::StationLeaves { .. } => {}
            Fault::Partition { loses, .. } => {
                for &module in touched {
                    self.disturb(Disturbance::Apart { module, until_us });
                    if loses {
                        self.cut_module(module, [false, false]);
                    } else {
                        self.disturb_link(module, |link| Disturbance::Hold { link, until_us });
                    }
                }
            }
            Fault::Slow { module } => {
                self.disturb_link(module, |link| Disturbance::Quality { link, delay_us: SLOW_US });
            }
            Fault::Loses { share } => self.disturb(Disturbance::Loses(share)),
            Fault::Doubles { share } => self.disturb(Disturbance::Doubles(share)),
        }
    }

    pub(crate) fn nats_fault_ends(&mut self, fault: Fault) {
        match fault {
            Fault::ModuleDies { module, .. } => self.module_returns(module),
            Fault::StationDies { station: server, .. } => self.disturb(Disturbance::ServerReturns { server }),
            Fault::Slow { module } => {
                let delay_us = self.plan.modules[module].quality.delay_us;
                self.disturb_link(module, |link| Disturbance::Quality { link, delay_us });
            }
            Fault::Loses { .. } => self.disturb(Disturbance::Loses(0)),
            Fault::Doubles { .. } => self.disturb(Disturbance::Doubles(0)),
            _ => {}
        }
    }

    fn disturb(&mut self, what: Disturbance) {
        let now_us = self.now_us;
        if let Some(station) = self.stations[0].station.as_mut() {
            station.disturb(what, now_us);
        }
        self.station_writes(0);
        self.station_asks_for_time(0);
    }

    /// Disturbs what stands behind a module's pipe, if it has one.
    pub(crate) fn disturb_link(&mut self, module: usize, what: impl FnOnce(u64) -> Disturbance) {
        let pipe = self.modules[module].session.as_ref().map(|session| session.pipe);
        if let Some(link) = pipe.and_then(|pipe| self.pipe_mut(pipe)).map(|pipe| pipe.link) {
            self.disturb(what(link));
        }
    }
}
