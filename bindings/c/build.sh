#!/bin/sh
# Finishes what `cargo build --release -p ixt-c` made: the static library with ixt_ symbols alone, the
# names of the shared library, the header and ixt.pc beside them. May be run again at any time.
#
#   CARGO_TARGET_DIR   where cargo built (target)
#   IXT_PROFILE        the folder of the profile in it (release)
#   LD, OBJCOPY, STRIP, NM   binutils for the target
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
out=$target/${IXT_PROFILE:-release}
LD=${LD:-ld} OBJCOPY=${OBJCOPY:-objcopy} STRIP=${STRIP:-strip} NM=${NM:-nm} AR=${AR:-ar}

raw=$out/libixt.a
keep=$out/ixt-c
for file in "$raw" "$out/libixt.so"; do
    if [ ! -f "$file" ]; then
        echo "build.sh: $file is not there; run cargo build --release -p ixt-c first" >&2
        exit 1
    fi
done
mkdir -p "$keep" "$out/include"

# cargo puts its own archive back whenever it runs, as a hard link to one that it keeps: so the file is
# never written in place, and what was made of it is remembered by its checksum.
sum() { cksum < "$1"; }
put() { # file, place
    cp -f "$1" "$2.new"
    mv -f "$2.new" "$2"
}
if ! cmp -s "$raw" "$keep/libixt.a"; then
    if [ ! -f "$keep/libixt.a" ] || [ "$(sum "$raw")" != "$(cat "$keep/raw.sum" 2>/dev/null)" ]; then
        rm -f "$keep/libixt.a" "$keep/ixt.o"
        "$LD" -r --whole-archive "$raw" -o "$keep/ixt.o"
        # One object, in which nothing but the interface is global: two Rust archives otherwise collide.
        "$OBJCOPY" -w --keep-global-symbol='ixt_*' -R .llvmbc -R .llvmcmd "$keep/ixt.o"
        "$STRIP" -g "$keep/ixt.o"
        "$AR" rcsD "$keep/libixt.a.new" "$keep/ixt.o"
        mv -f "$keep/libixt.a.new" "$keep/libixt.a"
        rm -f "$keep/ixt.o"
        sum "$raw" > "$keep/raw.sum"
    fi
    put "$keep/libixt.a" "$raw"
fi

# What the loader looks for, by the SONAME.
soname=$(sed -n 's/^const SONAME: &str = "\(.*\)";$/\1/p' "$here/build.rs")
ln -sf libixt.so "$out/$soname"

put "$here/include/ixt.h" "$out/include/ixt.h"
"$here/pc.sh" "$out" '${pcfiledir}' '${pcfiledir}/include'
