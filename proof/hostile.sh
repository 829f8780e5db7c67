#!/bin/sh
# Hostile input, the long way: what `make prove` runs of it, one line each. About a quarter of an hour.
#
#   MAKE; SECONDS_EACH, of a fuzz target (60); MUTANTS, of a differential run (50000)
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
log=$root/build/prove
python=$root/.venv/bin/python
make=${MAKE:-make}
mkdir -p "$log"
failed=0

run() { # name, what its line is found by, command...
    name=$1 line=$2
    shift 2
    if "$@" > "$log/$name.log" 2>&1; then
        grep -aE "$line" "$log/$name.log" || { echo "$name: says nothing" && failed=1; }
    else
        failed=1
        echo "$name: FAILED"
        tail -n 40 "$log/$name.log" | sed 's/^/    /'
    fi
}

miri() {
    "$make" --no-print-directory miri > "$log/miri-tests.log" 2>&1 || { cat "$log/miri-tests.log" && return 1; }
    tests=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' "$log/miri-tests.log" | paste -sd+ - | bc)
    echo "miri: $tests tests of the C border and the core, no undefined behaviour"
}

"$make" --no-print-directory build > "$log/build.log" 2>&1 || { tail -n 40 "$log/build.log" && exit 1; }
run fuzz '^fuzz ' "$make" --no-print-directory fuzz SECONDS="${SECONDS_EACH:-60}"
run miri '^miri: ' miri
for seed in 2 3; do
    run "differential-$seed" '^differential: ' "$python" tests/differential/run.py --release "$target/release" \
        --seed $seed --count "${MUTANTS:-50000}" --sanitize
done
# Replays under AddressSanitizer, UndefinedBehaviorSanitizer and valgrind, and planted faults that each must find.
run sanitizers '^C: ' bindings/c/test.sh
exit $failed
