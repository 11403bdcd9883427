#!/usr/bin/env bash
# Builds that test.sh has done beside other parts: `first` the debug build, while what only tests need is installed; `rest` the release
# build and those under sanitizers, at the lowest priority, beside tests that mostly wait. Of each the folder gets NAME.output and then
# NAME: its status and the seconds that it took. Runs in a session of its own.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
results=$1
which=$2

part() { # name, command...
  local began=$SECONDS status=0 name=$1
  shift
  "$@" >"$results/$name.output" 2>&1 || status=$?
  echo "$status $((SECONDS - began))" >"$results/$name.new"
  mv "$results/$name.new" "$results/$name"
}

if [ "$which" = first ]; then
  part debug scripts/debug.sh
else
  renice -n 19 $$ >/dev/null
  # Where the kernel shares by session, the priority of a process counts within its session alone.
  [ ! -w /proc/self/autogroup ] || echo 19 2>/dev/null >/proc/self/autogroup || true
  part release scripts/build.sh
  part sanitized scripts/sanitize.sh build
fi
