#!/bin/sh
# Puts a static library of bindings/c where the Go packages look for it:
#
#   lib/place.sh [ARCHIVE [PLATFORM]]
#
# ARCHIVE is libixt.a in cargo's target folder, and PLATFORM this machine's (linux_amd64), by default; `source` is
# for -tags ixt_source.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
archive=${1:-${CARGO_TARGET_DIR:-$here/../../../target}/release/libixt.a}
platform=${2:-$(go env GOOS)_$(go env GOARCH)}
to=$here/$platform
if [ ! -f "$archive" ]; then
    echo "place.sh: $archive is not there; build it by bindings/c/build.sh" >&2
    exit 1
fi
# Cargo's own archive has hundreds of members, and collides with every other Rust archive.
if [ "$(${AR:-ar} t "$archive" | wc -l)" -ne 1 ]; then
    echo "place.sh: $archive is as cargo made it; finish it by bindings/c/build.sh" >&2
    exit 1
fi
if [ ! -d "$to" ]; then
    echo "place.sh: no package for $platform; build with -tags ixt_system or -tags ixt_source there" >&2
    exit 1
fi

# The go command does not look into archives: without this header, whose content it does see, it would
# not link again, nor test again, when the archive changes.
digest=$(sha256sum <"$archive" 2>/dev/null || shasum -a 256 <"$archive")
digest=${digest%% *}
header=$to/libixt_digest.h
line="#define IXT_ARCHIVE \"$digest\""
if [ ! -f "$to/libixt.a" ] || [ ! -f "$header" ] || [ "$(cat "$header")" != "$line" ] || ! cmp -s "$archive" "$to/libixt.a"; then
    cp -f "$archive" "$to/libixt.a.new"
    mv -f "$to/libixt.a.new" "$to/libixt.a"
    printf '%s\n' "$line" >"$header"
fi
