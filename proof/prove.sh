#!/bin/bash
# The long rest of the proof: what takes too long for `make check`. Each item prints its result as one
# line, and its whole output stands in build/proof/ITEM.log; one that fails fails the whole, after all ran.
#
#   proof/prove.sh [ITEM...]    all of them unless named; `make prove` builds what they need first
#
#   PYTHON            the one with the wheel in it
#   IXT_PYTHON_FREE_THREADED   an interpreter without its lock, if there is one
#   SECONDS_EACH      how long each fuzz target runs (60)
#   MUTANTS           how many damaged messages a seed makes (50000)
#   SEEDS             how many worlds the simulation runs (10000)
#   IXT_SCHEDULES     how many schedules of each sort a scene has (100000)
#   KILLS             how many callers, providers and hosts are killed, of each (200)
#   CUTS              how many wires are cut, on each transport (80)
#   IXT_STRESS        how much longer the tests of threads and memory are than in `make test` (50)
#
# A new item is a function item_NAME that says on its last line of output what came of it, and its name in
# ITEMS.
set -u
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
PYTHON="${PYTHON:-$PWD/.venv/bin/python}"
make=(${MAKE:-make} --no-print-directory)
LOGS=build/proof

ITEMS=(model simulation schedules planted python python_free_threaded go go_debug differential sanitizers kills network miri fuzz)

# Every order of steps of both ends in the large bounds.
item_model() {
    cargo run --quiet --locked --release -p ixt-model -- large
}

# Hosts, modules and a network that fails, in so many worlds; a seed that fails is printed with how to have it again.
item_simulation() {
    cargo run --quiet --locked --release -p ixt-simulation -- --seeds "0..${SEEDS:-10000}"
}

# The Rust SDK's shared sender and handle, under so many schedules of each sort for each scene.
item_schedules() {
    IXT_SCHEDULES=${IXT_SCHEDULES:-100000} proof/schedules.sh || return 1
    awk '/^schedules of/ { scenes++ } END { print scenes " scenes, no schedule that fails" }' "$LOGS/schedules.log"
}

# Every property above fails when the bug is there that it is for.
item_planted() {
    python3 proof/planted.py
}

# A million cycles, threads, waiters that give up, fork, exit.
item_python() {
    (cd bindings/python && IXT_STRESS=${IXT_STRESS:-50} "$PYTHON" -m pytest tests/test_stress.py tests/test_process.py)
}

# The same without the interpreter's lock, where IXT_PYTHON_FREE_THREADED names such an interpreter.
item_python_free_threaded() {
    if [ -z "${IXT_PYTHON_FREE_THREADED:-}" ]; then
        echo "not run: set IXT_PYTHON_FREE_THREADED to a free-threaded interpreter"
        return 0
    fi
    proof/free_threaded.sh "$IXT_PYTHON_FREE_THREADED"
}

# A million cycles; and the whole suite under the race detector, with pointers checked.
item_go() {
    (cd bindings/go && IXT_STRESS=${IXT_STRESS:-50} go test -count=1 -v -run 'Million|GiveUp' . &&
        GODEBUG=cgocheck=1 go test -count=3 -short -race .) || return 1
    awk '/^--- PASS/ { tests++ } END { print tests " stress tests, then three times the suite under -race" }' "$LOGS/go.log"
}

# Every use of a handle collects garbage first, so that what is freed too early shows.
item_go_debug() {
    (cd bindings/go && GODEBUG=cgocheck=1 go test -count=1 -v -short -tags ixtdebug .) || return 1
    awk '/^--- PASS/ { tests++ } END { print tests " tests with a collection before every use of a handle" }' "$LOGS/go_debug.log"
}

# Damaged messages get the same verdict in every language; C under its sanitizers.
item_differential() {
    for seed in 2 3; do
        "$PYTHON" tests/differential/run.py --release "$CARGO_TARGET_DIR/release" --seed "$seed" \
            --count "${MUTANTS:-50000}" --sanitize || return 1
    done
    grep -a '^differential: ' "$LOGS/differential.log" | sed 's/^differential: //' | paste -sd';' | sed 's/;/; /g'
}

# The replays in C under AddressSanitizer, UndefinedBehaviorSanitizer and valgrind, each of which first finds a
# planted fault.
item_sanitizers() {
    bindings/c/test.sh
}

survival() {
    "$PYTHON" tests/survival/run.py --ixt "$CARGO_TARGET_DIR/release/ixt" --rust "$CARGO_TARGET_DIR/release/ixt-survival" \
        --go build/survival-go --c build/module-c "$@"
}

# `kill -9` of so many callers, providers and hosts, each at a moment of the seed's choice; and on NATS of so many in all,
# on one server and on a cluster.
item_kills() {
    survival --count $((3 * ${KILLS:-200})) kills &&
        survival --count "${KILLS:-200}" --ground nats kills &&
        survival --count "${KILLS:-200}" --ground cluster kills
}

# Wires that are cut for less and for more than the idle time.
item_network() {
    survival --cuts "${CUTS:-80}" network
}

# The C border as C calls it, and the core.
item_miri() {
    "${make[@]}" miri || return 1
    awk '/^test result: ok/ { tests += $4 } END { print tests " tests, no undefined behaviour" }' "$LOGS/miri.log"
}

# Every fuzz target, from the committed corpus.
item_fuzz() {
    "${make[@]}" fuzz SECONDS="${SECONDS_EACH:-60}" || return 1
    awk '/^fuzz .*runs/ { targets++; runs += $3; findings += $5 }
        END { print targets " targets, " runs " runs, " findings " findings" }' "$LOGS/fuzz.log"
}

mkdir -p "$LOGS"
if [ $# -gt 0 ]; then ITEMS=("$@"); fi
failed=0
for item in "${ITEMS[@]}"; do
    began=$SECONDS
    if "item_$item" >"$LOGS/$item.log" 2>&1; then verdict=ok; else verdict=FAILED failed=1; fi
    printf '%s: %s: %s (%s s)\n' "$item" "$verdict" "$(tail -n 1 "$LOGS/$item.log")" $((SECONDS - began))
    if [ $verdict = FAILED ]; then tail -n 40 "$LOGS/$item.log" | sed 's/^/    /'; fi
done
printf 'prove: %s in %s min, with a load of %s on %s cores; %s/ITEM.log has the rest\n' \
    "$([ $failed = 0 ] && echo all || echo 'NOT all')" $(((SECONDS + 30) / 60)) "$(cut -d' ' -f2 /proc/loadavg 2>/dev/null)" \
    "$(nproc 2>/dev/null)" "$LOGS"
exit "$failed"
