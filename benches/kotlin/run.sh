#!/bin/sh
# Builds the Kotlin SDK and its benchmark, and runs it.
set -eu
cd "$(dirname "$0")"
mvn -B -q -f ../../bindings/kotlin/pom.xml -DskipTests install >&2
mvn -B -q package >&2
exec java -cp 'target/ixt-bench-0.1.0.jar:target/lib/*' ixt.bench.MainKt
