#!/bin/bash
# The long rest of the proof: what takes too long for `make check`. Each item prints its result as one
# line, and its whole output stands in build/proof/ITEM.log; one that fails fails the whole, after all ran.
#
#   proof/prove.sh [ITEM...]    all of them unless named; `make prove` builds what they need first
#
# A new item is a function item_NAME that says on its last line of output what came of it, and its name in
# ITEMS. Two cores take about 20 minutes for those that stand here.
set -u
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
PYTHON="${PYTHON:-$PWD/.venv/bin/python}"
LOGS=build/proof

ITEMS=(model schedules planted python python_free_threaded go go_debug)

# Every order of steps of both ends in the large bounds.
item_model() {
    cargo run --quiet --locked --release -p ixt-model -- large
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
    (cd bindings/python && IXT_STRESS=50 "$PYTHON" -m pytest tests/test_stress.py tests/test_process.py)
}

# The same without the interpreter's lock, where IXT_PYTHON_FREE_THREADED names such an interpreter.
item_python_free_threaded() {
    if [ -z "${IXT_PYTHON_FREE_THREADED:-}" ]; then
        echo "not run: set IXT_PYTHON_FREE_THREADED to a free-threaded interpreter"
        return 0
    fi
    proof/free_threaded.sh "$IXT_PYTHON_FREE_THREADED"
}

# A million cycles; and the whole suite under the race detector.
item_go() {
    (cd bindings/go && IXT_STRESS=50 go test -count=1 -run 'Million|GiveUp' . &&
        GODEBUG=cgocheck=1 go test -count=3 -short -race .)
}

# Every use of a handle collects garbage first, so that what is freed too early shows.
item_go_debug() {
    (cd bindings/go && GODEBUG=cgocheck=1 go test -count=1 -short -tags ixtdebug .)
}

mkdir -p "$LOGS"
if [ $# -gt 0 ]; then ITEMS=("$@"); fi
failed=0
for item in "${ITEMS[@]}"; do
    began=$SECONDS
    if "item_$item" >"$LOGS/$item.log" 2>&1; then verdict=ok; else verdict=FAILED failed=1; fi
    printf '%s: %s: %s (%s s)\n' "$item" "$verdict" "$(tail -n 1 "$LOGS/$item.log")" $((SECONDS - began))
done
exit "$failed"
