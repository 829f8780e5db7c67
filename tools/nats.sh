#!/bin/sh
# Puts nats-server, of the version below and by `go install`, where it is told; one of that version that is there stays.
# usage: tools/nats.sh FOLDER
# The one place that says which: it is run by the recipes and linked with nothing.
version=2.15.2

folder=${1:?usage: tools/nats.sh FOLDER}
mkdir -p "$folder" || exit 1
folder=$(cd "$folder" && pwd)

found() {
    "$folder/nats-server" --version 2>/dev/null | sed -n 's/.*v\([0-9][0-9.]*\).*/\1/p'
}

[ "$(found)" = "$version" ] && exit 0
# Its own folder first: what stops half way leaves nothing that looks like a server.
new=$(mktemp -d) || exit 1
trap 'rm -rf "$new"' EXIT
if GOBIN="$new" GOOS='' GOARCH='' GOFLAGS='' go install "github.com/nats-io/nats-server/v2@v$version" &&
    mv "$new/nats-server" "$folder/nats-server" && [ "$(found)" = "$version" ]; then
    exit 0
fi
{
    printf 'missing: nats-server %s, which could not be built\n' "$version"
    printf '    it needs Go 1.26 (an older one fetches it) and https://proxy.golang.org; or put that version at %s\n' \
        "$folder/nats-server"
} >&2
exit 1
