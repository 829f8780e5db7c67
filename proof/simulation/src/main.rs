//! Runs seeds, each a world of its own, on all cores; prints those that fail and how to have them again.
//!
//! `ixt-simulation [--seed N] [--seeds FROM..TO] [--trace]`; without a seed, 0..1000.

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ixt_simulation::{Outcome, run, run_twice};

const USAGE: &str = "ixt-simulation [--seed N] [--seeds FROM..TO] [--trace]";

fn main() -> ExitCode {
    let Some((seeds, prints)) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let threads = if prints { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    let work = || {
        let mut sum = Sum::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return sum;
            }
            sum.add(&if prints { run(seed, true) } else { run_twice(seed) });
        }
    };
    let sum = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut sum = Sum::default();
        for worker in workers {
            match worker.join() {
                Ok(part) => sum.join(part),
                Err(_) => sum.failed += 1,
            }
        }
        sum
    });
    for (name, count) in &sum.ends {
        println!("{count:>10} {name}");
    }
    let Sum { seeds, events, calls, completed, messages, faults, failed, .. } = sum;
    println!(
        "simulation: {seeds} seeds, {calls} calls of which {completed} completed, {messages} messages, {faults} \
         faults, {events} events, {failed} seeds that fail ({:.0} seeds a second)",
        seeds as f64 / began.elapsed().as_secs_f64()
    );
    ExitCode::from(u8::from(failed > 0))
}

/// What many runs came to.
#[derive(Default)]
struct Sum {
    seeds: u64,
    events: u64,
    calls: u64,
    completed: u64,
    messages: u64,
    faults: u64,
    failed: u64,
    ends: BTreeMap<String, u64>,
}

impl Sum {
    fn add(&mut self, outcome: &Outcome) {
        if let Some(failure) = &outcome.failure {
            println!("{failure}");
        }
        let Outcome { events, calls, completed, messages, faults, .. } = *outcome;
        let (failed, ends) = (u64::from(outcome.failure.is_some()), outcome.ends.clone());
        self.join(Self { seeds: 1, events, calls, completed, messages, faults, failed, ends });
    }

    fn join(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.calls += other.calls;
        self.completed += other.completed;
        self.messages += other.messages;
        self.faults += other.faults;
        self.failed += other.failed;
        for (name, count) in other.ends {
            *self.ends.entry(name).or_default() += count;
        }
    }
}

/// The seeds, and whether to print what happens; `None` for what is no argument.
fn arguments() -> Option<(Range<u64>, bool)> {
    let (mut seeds, mut prints) = (0..1000, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seed" => {
                let seed: u64 = arguments.next()?.parse().ok()?;
                seeds = seed..seed.checked_add(1)?;
            }
            "--seeds" => {
                let range = arguments.next()?;
                let (from, to) = range.split_once("..")?;
                seeds = from.parse().ok()?..to.parse().ok()?;
            }
            "--trace" => prints = true,
            _ => return None,
        }
    }
    Some((seeds, prints))
}
