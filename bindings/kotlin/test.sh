#!/bin/sh
# Compiles and tests the Kotlin SDK, and holds the report of the Reactive Streams suite against what it must hold.
set -eu
cd "$(dirname "$0")"
../../tools/toolchain.sh rust java maven

rm -rf target/surefire-reports
mvn --batch-mode --no-transfer-progress test
"${PYTHON:-python3}" reports.py target/surefire-reports
