#!/bin/sh
# Plants faults in the core, one at a time, and lists those that no test sees: mutants.sh FOLDER [PART...]
#
# Each part is tested by what is nearest to it and quickest, not by all tests, so that a mutant takes seconds. What
# survives here is looked at in docs/mutants.md.
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
out=$1
shift
[ $# -gt 0 ] || set -- flow wire codec
mkdir -p "$out"
out=$(CDPATH= cd -- "$out" && pwd)
cd "$root"
# Mutants are built one after another in a copy of the sources; what the core depends on is built once. Without debug
# information that is quicker. A property that fails need not be made small.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}/mutants"
export PROPTEST_MAX_SHRINK_ITERS=0
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0

# Two passes. Most mutants fall at once, so the first builds little and runs what sees the most of that part. Those that
# are left meet every test of the core, with some optimisation, because there the running takes longer than the building.
part() { # name, globs..., --, tests of the first pass, which alone are built
    name=$1
    shift
    files=
    while [ "$1" != -- ]; do
        files="$files -f $1"
        shift
    done
    shift
    rm -rf "$out/$name" "$out/$name.log"
    pass 60 "$name" "$files" "$@"
    CARGO_PROFILE_DEV_OPT_LEVEL=1 pass 60 "$name" "$files" --iterate
    cd "$out/$name"
    lines() { cat "$@" | wc -l | tr -d ' '; }
    unviable=$(lines mutants.out.old/unviable.txt)
    # What the second pass calls caught before is all that it need not try again.
    caught=$(($(lines mutants.out/previously_caught.txt mutants.out/caught.txt) - unviable))
    echo "mutants $name: $caught caught, $(lines mutants.out/timeout.txt) timed out," \
        "$(lines mutants.out/missed.txt) missed, $unviable do not compile"
    sed 's/^/  missed /' mutants.out/missed.txt
    cd "$root"
}

pass() { # seconds for a test run, name, files, arguments of cargo-mutants
    seconds=$1 name=$2 files=$3
    shift 3
    status=0
    # 2 says that some were missed, 3 that some ran into the time limit, which is a test that saw them too.
    (
        set -f
        nice -n 10 cargo mutants --no-shuffle -o "$out/$name" -p ixt-core --all-features $files \
            -e 'core/src/wire/generated/*' --timeout "$seconds" --cargo-arg=--locked "$@"
    ) >> "$out/$name.log" 2>&1 || status=$?
    case $status in 0 | 2 | 3) ;; *) cat "$out/$name.log" >&2 && exit 1 ;; esac
}

for name; do
    case $name in
    flow) part flow 'core/src/flow/*.rs' -- -C=--test=flow -C=--test=traces ;;
    wire) part wire 'core/src/wire/*.rs' -- -C=--lib -C=--test=places -C=--test=vectors ;;
    codec) part codec core/src/stream/data.rs core/src/stream/codec.rs core/src/invocation/codec.rs -- -C=--lib -C=--test=places -C=--test=vectors ;;
    *) echo "no part $name" >&2 && exit 2 ;;
    esac
done
