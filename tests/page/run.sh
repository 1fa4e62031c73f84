#!/bin/sh
# Runs the journeys against a built fenicia: tests/page/run.sh [pattern]
# Needs node, `npm ci` in this folder, and a Chromium (CHROMIUM=/path, else /usr/bin/chromium).
# Each file has a world of its own; two are walked at a time, since journeys wait more than they work.
set -eu
cd "$(dirname "$0")"
: "${FENICIA:=$(pwd)/../../target/debug/fenicia}"
export FENICIA
exec node --test --test-force-exit --test-concurrency="${FENICIA_JOURNEYS_AT_ONCE:-2}" --test-reporter=spec ${1:+--test-name-pattern="$1"} ./*.test.mjs
