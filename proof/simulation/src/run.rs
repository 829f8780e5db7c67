//! Runs of seeds.

use crate::invariant::{Failure, Invariant};
use crate::world::{Outcome, World};

/// Runs the world of a seed; with `prints`, says what happens on standard output.
#[must_use]
pub fn run(seed: u64, prints: bool) -> Outcome {
    World::new(seed, prints).run()
}

/// Runs the world of a seed twice, and demands that the runs are the same.
#[must_use]
pub fn run_twice(seed: u64) -> Outcome {
    let (mut first, second) = (run(seed, false), run(seed, false));
    if first.failure.is_none() && (first.hash, first.events) != (second.hash, second.events) {
        let detail = format!("{} events, and {} in the second run", first.events, second.events);
        first.failure = Some(Failure { seed, invariant: Invariant::Same, at_us: 0, detail });
    }
    first
}
