#!/usr/bin/env bash
# The builds that test.sh has done beside the tests that mostly wait, at the lowest priority. Of each part the folder gets NAME.output
# and then NAME: its status and the seconds that it took. Runs in a session of its own.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
results=$1
renice -n 19 $$ >/dev/null
# Where the kernel shares by session, the priority of a process counts within its session alone.
[ ! -w /proc/self/autogroup ] || echo 19 2>/dev/null >/proc/self/autogroup || true

part() { # name, command...
  local began=$SECONDS status=0 name=$1
  shift
  "$@" >"$results/$name.output" 2>&1 || status=$?
  echo "$status $((SECONDS - began))" >"$results/$name.new"
  mv "$results/$name.new" "$results/$name"
}

part release scripts/build.sh
part sanitized scripts/sanitize.sh build
