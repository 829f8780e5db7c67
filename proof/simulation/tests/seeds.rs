//! Some seeds, each twice; `make prove` runs many. `proof/planted.py` sees each invariant fail.

use std::collections::BTreeMap;

use ixt_simulation::run_twice;

const SEEDS: u64 = 140;

#[test]
fn every_invariant_holds_and_much_has_happened() {
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let (mut calls, mut faults) = (0, 0);
    for seed in 0..SEEDS {
        let outcome = run_twice(seed);
        assert!(outcome.failure.is_none(), "{}", outcome.failure.unwrap());
        (calls, faults) = (calls + outcome.calls, faults + outcome.faults);
        for (name, count) in outcome.ends {
            *ends.entry(name).or_default() += count;
        }
    }
    println!("simulation: {SEEDS} seeds, {calls} calls, {faults} faults; {ends:?}");
    // A world in which this does not happen shows nothing.
    for name in [
        "caller: completed",
        "provider: completed",
        "caller: limitReached",
        "caller: unavailable by peer",
        "caller: unavailable by local",
        "caller: notFound by peer",
        "caller: internal by peer",
        "caller: userRequested by local",
        "caller: deadlineExceeded by local",
        "caller: shutdown by peer",
        "provider: consumerGone by peer",
        "provider: unavailable by local",
        "provider: userRequested by peer",
        "provider: internal by local",
    ] {
        assert!(ends.get(name).is_some_and(|count| *count >= 5), "{name}: {ends:?}");
    }
}
