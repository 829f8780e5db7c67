//! Two operations side by side: short batches of one and the other take turns, so that whatever else
//! the machine does meets both, and the median over the rounds leaves out what met one alone.
//!
//! criterion measures one function after the other, seconds apart; on a busy machine their quotient
//! then says more about the machine than about the functions. Hence this loop.

use std::time::{Duration, Instant};

/// How long one batch shall take: a fraction of what the system lets a program run before the next has its
/// turn, so that few batches are interrupted.
const BATCH: Duration = Duration::from_micros(250);
/// Rounds of one batch each.
const ROUNDS: usize = 601;

/// What a pair of operations takes.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// Nanoseconds of the first.
    pub ours: f64,
    /// Nanoseconds of the second.
    pub peer: f64,
    /// The median over the rounds of `peer` by `ours`.
    pub ratio: f64,
}

/// Nanoseconds of one iteration, over a batch.
#[inline]
fn time(iterations: u64, mut operation: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..iterations {
        operation();
    }
    start.elapsed().as_nanos() as f64 / iterations as f64
}

/// As many iterations as make a batch; warms up meanwhile.
fn calibrate(mut operation: impl FnMut()) -> u64 {
    let mut iterations = 1;
    loop {
        // The fastest of some, for one that is interrupted would make the batches too short.
        let took = (0..5).map(|_| time(iterations, &mut operation)).fold(f64::INFINITY, f64::min);
        let took = took * iterations as f64;
        if took >= BATCH.as_nanos() as f64 / 4.0 {
            return ((iterations as f64 * BATCH.as_nanos() as f64 / took) as u64).max(1);
        }
        iterations *= 2;
    }
}

/// Measures both in turns.
pub fn pair(mut ours: impl FnMut(), mut peer: impl FnMut()) -> Pair {
    let (ours_count, peer_count) = (calibrate(&mut ours), calibrate(&mut peer));
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        rounds.push(if round % 2 == 0 {
            let first = time(ours_count, &mut ours);
            (first, time(peer_count, &mut peer))
        } else {
            let first = time(peer_count, &mut peer);
            (time(ours_count, &mut ours), first)
        });
    }
    Pair {
        ours: median(rounds.iter().map(|round| round.0)),
        peer: median(rounds.iter().map(|round| round.1)),
        ratio: median(rounds.iter().map(|round| round.1 / round.0)),
    }
}

/// Measures one alone.
pub fn alone(mut ours: impl FnMut()) -> f64 {
    let count = calibrate(&mut ours);
    median((0..ROUNDS).map(|_| time(count, &mut ours)))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
