#!/bin/sh
# Builds the Kotlin SDK and its benchmark, and runs it.
set -eu
cd "$(dirname "$0")"
../../tools/toolchain.sh rust java maven >&2
mvn --batch-mode --quiet -f ../../bindings/kotlin/pom.xml -DskipTests install >&2
mvn --batch-mode --quiet package >&2
exec java -cp "$(printf '%s:' target/ixt-bench-0.1.0.jar target/lib/*.jar)" ixt.bench.MainKt
