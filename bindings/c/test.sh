#!/bin/sh
# Every test of the C library, after build.sh: the header, the symbols, the interface, the vectors and
# traces, plain, under sanitizers and under valgrind, linked both ways; installation; the quick start.
#
#   CARGO_TARGET_DIR, IXT_PROFILE   as for build.sh
#   CC, CXX                         compilers (gcc or clang)
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
out=$target/${IXT_PROFILE:-release}
CC=${CC:-cc} CXX=${CXX:-c++} NM=${NM:-nm} PYTHON=${PYTHON:-python3}
tests=$here/tests
work=$out/ixt-c/tests
export CARGO_TARGET_DIR="$target"

"$here/build.sh"
rm -rf "$work"
mkdir -p "$work"

passed=0 failed=0
say() { printf '%s\n' "$*"; }
ok() { # what, command...
    what=$1
    shift
    if "$@" > "$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        say "FAILED: $what"
        sed 's/^/    /' "$work/log"
    fi
}
not() { ! "$@"; }

warnings="-Wall -Wextra -Werror -pedantic"
c11="-std=c11 -g -O1 $warnings -D_POSIX_C_SOURCE=200809L"
sanitized="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
export PKG_CONFIG_PATH="$out"
cflags=$(pkg-config --cflags ixt)
shared="$(pkg-config --libs ixt) -Wl,-rpath,$out"
private=$(pkg-config --libs --static ixt | sed 's/.*-lixt//')
static="$out/libixt.a $private"

# -- the header alone -----------------------------------------------------------------------------------

printf '#include "ixt.h"\nint main(void) { return ixt_abi_version() != IXT_ABI_VERSION; }\n' > "$work/alone.c"
cp "$work/alone.c" "$work/alone.cpp"
ok "the header as C11" $CC -std=c11 $warnings $cflags -c "$work/alone.c" -o "$work/alone.o"
ok "the header as C++17" $CXX -std=c++17 $warnings $cflags "$work/alone.cpp" -o "$work/alone-cxx" $shared
ok "a C++ program" "$work/alone-cxx"
ok "the header that is committed is the one beside the library" cmp "$here/include/ixt.h" "$out/include/ixt.h"

# -- what leaves the libraries ----------------------------------------------------------------------------

symbols() { # more options of nm
    "$NM" "$@" --defined-only | awk 'NF == 3 && $2 ~ /[A-Z]/ { print $3 }' | sort -u
}
symbols -D "$out/libixt.so" > "$work/shared.txt"
symbols -g "$out/libixt.a" > "$work/static.txt"
grep -o '^[a-z].*\bixt_[a-z_]*(' "$here/include/ixt.h" | grep -o 'ixt_[a-z_]*(' | tr -d '(' | sort -u > "$work/header.txt"
sort -u "$work/header.txt" - > "$work/wanted.txt" <<END
ixt_test_panic
END
ok "libixt.so exports the header's functions and nothing else" diff "$work/wanted.txt" "$work/shared.txt"
ok "libixt.a exports the header's functions and nothing else" diff "$work/wanted.txt" "$work/static.txt"
ok "the SONAME" sh -c 'readelf -d "$1" | grep -q "SONAME.*\[libixt\.so\.0\]"' - "$out/libixt.so"
ok "build.sh leaves alone what is done" sh -c 'before=$(ls -li "$1"); "$2" && test "$before" = "$(ls -li "$1")"' - \
    "$out/libixt.a" "$here/build.sh"

# Another Rust archive in the same program: the same one under other names.
cp "$out/libixt.a" "$work/libother.a"
sed 's/.*/& other_&/' "$work/static.txt" > "$work/renames.txt"
ok "renaming" "${OBJCOPY:-objcopy}" --redefine-syms="$work/renames.txt" "$work/libother.a"
cat > "$work/two.c" <<'END'
#include "ixt.h"
uint32_t other_ixt_abi_version(void);
int main(void) { return ixt_abi_version() != other_ixt_abi_version(); }
END
ok "two Rust archives in one program" $CC $c11 $cflags "$work/two.c" -o "$work/two" "$out/libixt.a" "$work/libother.a" $private
ok "two Rust archives in one program run" "$work/two"

# -- the tests themselves ---------------------------------------------------------------------------------

for test in api connection node vectors traces; do
    ok "compile $test, shared" $CC $c11 $cflags "$tests/$test.c" -o "$work/$test-shared" $shared
    ok "compile $test, static" $CC $c11 $cflags "$tests/$test.c" -o "$work/$test-static" $static
    ok "compile $test, sanitized" $CC $c11 $sanitized $cflags "$tests/$test.c" -o "$work/$test-sanitized" $static
done
$PYTHON "$tests/flatten.py" vectors "$root/tests/vectors" > "$work/vectors.txt"
$PYTHON "$tests/flatten.py" traces "$root/tests/traces" > "$work/traces.txt"
: > "$work/api.txt"
: > "$work/connection.txt"
: > "$work/node.txt"

# Tools that find nothing may be off: each has to find what is planted.
cat > "$work/planted.c" <<'END'
#include <stdlib.h>
int main(int count, char **words) {
    char *volatile block = malloc(8);
    (void)words;
    block[7 + count] = 1; /* one past the end */
    free(block);
    return 0;
}
END
ok "compile the planted fault, sanitized" $CC -std=c11 -g $sanitized "$work/planted.c" -o "$work/planted-sanitized"
ok "compile the planted fault" $CC -std=c11 -g "$work/planted.c" -o "$work/planted"
ok "the sanitizer is on" not "$work/planted-sanitized"

for test in api connection node vectors traces; do
    for way in shared static sanitized; do
        ok "$test, $way" sh -c '"$1" < "$2"' - "$work/$test-$way" "$work/$test.txt"
        [ "$way" != static ] || cp "$work/log" "$work/$test.log"
    done
done
if command -v valgrind > "$work/log"; then
    check="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
    ok "valgrind is on" not $check "$work/planted"
    for test in api connection node vectors traces; do
        ok "$test, valgrind" sh -c 'input=$1; shift; "$@" < "$input"' - "$work/$test.txt" $check "$work/$test-static"
    done
else
    say "valgrind is not installed; skipped"
fi

# -- as a user has it -------------------------------------------------------------------------------------

ok "the quick start, from the build" "$tests/quickstart.sh" "$out" "$work/quickstart-build"
# The folder that it is installed for is not the one that it is put into, and is not there.
ok "make install" "${MAKE:-make}" --no-print-directory -C "$root" install PREFIX=/opt/ixt DESTDIR="$work/stage"
installed=$work/stage/opt/ixt/lib/pkgconfig
ok "the quick start, installed" "$tests/quickstart.sh" "$installed" "$work/quickstart-installed"
ok "the quick start, installed, static" "$tests/quickstart.sh" "$installed" "$work/quickstart-static" ixt-static
# Moved away, the installed libraries still are all that is needed: nothing points into the build.
ok "moving the installation" mv "$work/stage/opt/ixt" "$work/prefix"
ok "the quick start, moved" "$tests/quickstart.sh" "$work/prefix/lib/pkgconfig" "$work/quickstart-moved"

# -- the module ---------------------------------------------------------------------------------------------

module=$root/examples/module/c
ok "compile the module" "$module/build.sh" "$work/module"
ok "compile the module's test" "$module/build.sh" "$work/module-test" "$module/test.c"
ok "compile the module, sanitized" env CFLAGS="$sanitized" "$module/build.sh" "$work/module-sanitized"
ok "compile the module's test, sanitized" env CFLAGS="$sanitized" "$module/build.sh" "$work/module-test-sanitized" "$module/test.c"
ok "the module" "$work/module-test" "$work/module" "$work/module.sock"
ok "the module, sanitized" "$work/module-test-sanitized" "$work/module-sanitized" "$work/module.sock"
# The guide's first block is a whole program.
awk '/^```c$/ { on = 1; next } /^```$/ && on { exit } on' "$root/docs/guides/c.md" > "$work/guide.c"
ok "the guide's module" "$module/build.sh" "$work/guide" "$work/guide.c" "$module/loop.c"
if command -v valgrind > "$work/log"; then
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$check" "$work/module" > "$work/module-valgrind"
    chmod +x "$work/module-valgrind"
    ok "the module, valgrind" "$work/module-test" "$work/module-valgrind" "$work/module.sock"
fi

cat "$work/api.log" "$work/connection.log" "$work/node.log" "$work/vectors.log" "$work/traces.log"
say "C: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
