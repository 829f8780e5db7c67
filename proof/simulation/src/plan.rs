//! What a seed means: how large the world is, its settings, what its applications want, and its faults.

use ixt_core::connection::Config;
use ixt_host::Settings;
use ixt_host::node::NodeSettings;

use crate::fault::{Fault, Planned};
use crate::payload::Sizes;
use crate::pipe::Quality;
use crate::random::Random;

/// A world before it begins.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) stations: Vec<Settings>,
    pub(crate) modules: Vec<ModulePlan>,
    pub(crate) services: usize,
    /// Microseconds from the start after which nobody makes calls.
    pub(crate) calls_until_us: u64,
    pub(crate) faults: Vec<Planned>,
    pub(crate) sizes: Sizes,
    /// Where streams may end because settings are too narrow for them.
    pub(crate) is_tight: bool,
    /// The modules are on NATS, and the one station is its servers.
    pub(crate) nats: Option<NatsPlan>,
}

#[derive(Debug)]
pub(crate) struct NatsPlan {
    pub(crate) servers: usize,
    pub(crate) node: NodeSettings,
    /// Messages may come twice.
    pub(crate) doubles: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct ModulePlan {
    pub(crate) config: Config,
    pub(crate) home: usize,
    /// It takes another station when it connects again.
    pub(crate) roams: bool,
    pub(crate) services: Vec<usize>,
    pub(crate) topics: Vec<usize>,
    pub(crate) calls: usize,
    pub(crate) quality: Quality,
}

pub(crate) const TOPICS: usize = 3;

const SECOND: u64 = 1_000_000;

/// How quick a pipe within a process is.
pub(crate) const WITHIN: Quality =
    Quality { delay_us: (1, 3), bandwidth: 1_000_000, capacity: 64 << 10, piece: 64 << 10 };

impl Plan {
    /// Of the seeds, one in three is a world on NATS.
    pub(crate) fn new(seed: u64, random: &mut Random) -> Self {
        let is_nats = seed % 3 == 2;
        let is_large = random.once_in(50);
        let modules = if is_large { random.between(100, 300) } else { random.between(3, 36) } as usize;
        let places = if is_large { random.between(3, 6) } else { random.between(1, 3) } as usize;
        let stations = if is_nats { 1 } else { places };
        let services = (modules / random.between(2, 6) as usize).max(1);
        let is_tight = random.once_in(6);
        let sizes = if random.once_in(12) {
            Sizes { smallest: 1000, largest: 200_000 }
        } else {
            let largest = random.one_of(0, &[100, 100, 2000, 9000]);
            Sizes { smallest: 0, largest }
        };
        let calls_until_us = random.between(2, 12) * SECOND;
        let host_idle_ms = random.between(2000, 10_000) as u32;
        let settings = (0..stations).map(|_| host(random, is_tight, host_idle_ms)).collect();
        let settings: Vec<Settings> = settings;
        let mut nats = settings.first().filter(|_| is_nats).map(|host| {
            let mut node = NodeSettings::default();
            node.host = host.clone();
            node.max_message = random.one_of(1 << 20, &[300_000, 8 << 20]);
            NatsPlan { servers: random.one_of(1, &[3]), node, doubles: false }
        });
        let calls = if is_large { 4 } else { random.between(3, 20) as usize };
        let modules: Vec<_> = (0..modules)
            .map(|number| ModulePlan {
                config: config(random, is_tight),
                home: random.below(stations),
                roams: random.once_in(5),
                services: vec![number % services, random.below(services)],
                topics: (0..TOPICS).filter(|_| random.once_in(3)).collect(),
                calls: random.below(2 * calls),
                quality: quality(random),
            })
            .collect();
        let faults = if random.once_in(10) {
            Vec::new()
        } else {
            let most = if is_large { 30 } else { 8 };
            (0..random.between(1, most))
                .map(|_| match &nats {
                    Some(nats) => nats_fault(random, modules.len(), nats.servers, calls_until_us),
                    None => fault(random, modules.len(), stations, calls_until_us),
                })
                .collect()
        };
        if let Some(nats) = &mut nats {
            nats.doubles = faults.iter().any(|planned| matches!(planned.fault, Fault::Doubles { .. }));
        }
        Self { nats, stations: settings, modules, services, calls_until_us, faults, sizes, is_tight }
    }
}

fn host(random: &mut Random, is_tight: bool, idle_ms: u32) -> Settings {
    let mut settings = Settings::default();
    let connection = &mut settings.connection;
    (connection.idle_ms, connection.keepalive_ms) = (idle_ms, idle_ms / random.between(3, 6) as u32);
    connection.initial_credit = random.one_of(15, &[15, 1, 4, 0]);
    if random.once_in(4) {
        settings.under_way = random.one_of(1, &[2, 4, 16]);
    }
    if is_tight {
        settings.max_queued_stream = random.one_of(1 << 20, &[100_000, 4 << 20]);
        settings.max_queued_connection = settings.max_queued_stream * random.between(1, 4) as usize;
        settings.connection.max_streams = random.one_of(10_000, &[4, 10]);
        settings.connection.remembered = random.one_of(65_536, &[64]);
    }
    settings
}

fn config(random: &mut Random, is_tight: bool) -> Config {
    let mut config = Config::default();
    config.window = random.one_of(64, &[1, 2, 3, 8, 64, 300]);
    config.initial_credit = config.window.min(random.one_of(64, &[64, 0, 1, 7]));
    config.idle_ms = random.between(2000, 10_000) as u32;
    config.keepalive_ms = config.idle_ms / random.between(3, 6) as u32;
    config.max_queued_stream = random.one_of(1 << 20, &[1, 3000, 100_000]);
    config.max_queued = random.one_of(16 << 20, &[1, 10_000, 1 << 20]).max(config.max_queued_stream);
    config.seed = random.number();
    if is_tight {
        config.max_streams = random.one_of(10_000, &[2, 6, 20]);
        config.remembered = random.one_of(4096, &[16]);
    }
    config
}

fn quality(random: &mut Random) -> Quality {
    let shortest = random.one_of(20, &[50, 200, 2000]);
    let longest = shortest * random.one_of(1, &[2, 20]);
    Quality {
        delay_us: (shortest, longest),
        bandwidth: random.one_of(1_000_000, &[100_000, 10_000, 2000]),
        capacity: random.one_of(64 << 10, &[4 << 10, 256 << 10, 600]),
        piece: random.one_of(64 << 10, &[16 << 10, 1000, 8000]),
    }
}

fn fault(random: &mut Random, modules: usize, stations: usize, until_us: u64) -> Planned {
    let module = random.below(modules);
    let station = random.below(stations);
    let told = random.one_of([true, true], &[[true, false], [false, true], [false, false]]);
    let fault = match random.below(20) {
        0..=4 => Fault::Cut { module, told },
        5..=6 => Fault::ModuleDies { module, told },
        7..=8 => Fault::ModuleStalls { module },
        9..=10 => Fault::ModuleLeaves { module },
        11..=12 => Fault::StationDies { station, told },
        13 => Fault::StationStalls { station },
        14..=15 => Fault::StationLeaves { station },
        16..=17 => {
            Fault::Partition { share: random.between(2, 4), loses: random.once_in(2), salt: random.number() }
        }
        _ => Fault::Slow { module },
    };
    let at_us = random.between(SECOND / 10, until_us);
    let longest = random.one_of(SECOND / 100, &[SECOND, 4 * SECOND, 12 * SECOND]);
    Planned { at_us, lasts_us: random.between(1000, longest), fault }
}

/// As [`fault`], where the modules are on NATS.
fn nats_fault(random: &mut Random, modules: usize, servers: usize, until_us: u64) -> Planned {
    let planned = fault(random, modules, servers, until_us);
    let share = random.between(2, 200);
    let fault = match (planned.fault, random.below(8)) {
        (_, 0) => Fault::Loses { share },
        (_, 1) => Fault::Doubles { share },
        (Fault::StationLeaves { station }, _) => Fault::StationDies { station, told: [true, true] },
        (fault, _) => fault,
    };
    Planned { fault, ..planned }
}
