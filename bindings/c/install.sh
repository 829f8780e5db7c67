#!/bin/sh
# Installs what build.sh finished: install.sh PREFIX (DESTDIR is honoured).
set -eu

if [ $# -ne 1 ]; then
    echo "usage: [DESTDIR=...] install.sh PREFIX" >&2
    exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
out=${CARGO_TARGET_DIR:-$here/../../target}/${IXT_PROFILE:-release}
to=${DESTDIR:-}$1
version=$(sed -n 's/^#define IXT_VERSION "\(.*\)"$/\1/p' "$here/include/ixt.h")
soname=$(sed -n 's/^const SONAME: &str = "\(.*\)";$/\1/p' "$here/build.rs")

"$here/build.sh"
mkdir -p "$to/include" "$to/lib/pkgconfig"
install -m 644 "$out/include/ixt.h" "$to/include/ixt.h"
install -m 644 "$out/libixt.a" "$to/lib/libixt.a"
install -m 755 "$out/libixt.so" "$to/lib/libixt.so.$version"
ln -sf "libixt.so.$version" "$to/lib/$soname"
ln -sf "$soname" "$to/lib/libixt.so"
"$here/pc.sh" "$to/lib/pkgconfig" '${pcfiledir}/..' '${pcfiledir}/../../include'
