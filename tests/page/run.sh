#!/bin/sh
# Runs the journeys against a built fenicia: tests/page/run.sh [pattern]
# Needs node, `npm ci` in this folder, and a Chromium (CHROMIUM=/path, else /usr/bin/chromium).
set -eu
cd "$(dirname "$0")"
: "${FENICIA:=$(pwd)/../../target/debug/fenicia}"
export FENICIA
if [ $# -gt 0 ]; then
  exec node --test --test-reporter=spec --test-name-pattern="$1" journeys.mjs
fi
exec node --test --test-reporter=spec journeys.mjs
