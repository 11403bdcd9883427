#!/usr/bin/env bash
# Runs every test and says at the end which parts passed. Exit status 0 only if all did.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

scripts/setup.sh build || exit 1

# What the parts said, and the builds that go on beside them (beside.sh).
besides=$(mktemp -d)
besides_pid=

summary=()
failed=0
told() { # title, status, seconds, file with what it said
  local word=passed
  [ "$2" -eq 0 ] || { word=FAILED; failed=$((failed + 1)); }
  summary+=("$(printf '%-8s %-28s %4d s' "$word" "$1" "$3")")
  # The tests that failed, by name: the end of a long output is all that many places keep.
  local which='^ALONE '
  [ "$2" -eq 0 ] || which='^(FAILED|ERROR) |^✘ Test .* failed after'
  summary+=("$(grep -aE "$which" "$4" 2>/dev/null | cut -c 1-200 | head -20 | sed 's/^/         /')")
  [ "$2" -eq 0 ]
}
part() { # title, command...
  local title=$1 began=$SECONDS status
  shift
  printf '\n== %s\n' "$title"
  "$@" 2>&1 | tee "$besides/part.output"
  status=${PIPESTATUS[0]}
  told "$title" "$status" $((SECONDS - began)) "$besides/part.output"
}

trap '[ -z "$besides_pid" ] || kill -- "-$besides_pid" 2>/dev/null; rm -rf "$besides"' EXIT
beside() { # which
  setsid scripts/beside.sh "$besides" "$1" &
  besides_pid=$!
}
end_of() { # title, name
  local status seconds
  printf '\n== %s\n' "$1"
  [ -s "$besides/$2" ] || echo "It goes on beside the other parts; what it says comes at its end."
  until [ -s "$besides/$2" ]; do
    # Ended without a word: killed, or never begun.
    kill -0 "$besides_pid" 2>/dev/null || [ -s "$besides/$2" ] || echo "1 0" >"$besides/$2"
    sleep 1
  done
  cat "$besides/$2.output" 2>/dev/null
  read -r status seconds <"$besides/$2"
  told "$1" "$status" "$seconds" "$besides/$2.output"
}

dashboard_scripts() {
  # Node is for tests of the page's modules only; a machine without it still tests them through the browser.
  command -v node >/dev/null 2>&1 || { echo "node is not installed: left out"; return 0; }
  compgen -G 'Tests/DashboardJS/*.mjs' >/dev/null || compgen -G 'Tests/DashboardJS/*.js' >/dev/null || return 0
  find Tests/DashboardJS -name '*.test.*' -print0 | xargs -0 node --test
}

beside first
scripts/setup.sh test || exit 1
part "formatting" scripts/lint.sh
part "ABI layout" python3 scripts/abi.py
part "scripts" .venv/bin/python -m pytest Tests/Scripts
end_of "build, debug" debug
built=$?
beside rest

[ "$built" -ne 0 ] || part "unit tests" env ONCE_MORE=1 scripts/unit.sh --skip '^(SimulationTests|ConformanceTests)\.'
part "dashboard scripts" dashboard_scripts
if end_of "build, release" release; then
  # The release build's `adapter check`, as authors run it: a hundred adapters take a third of the time of the debug build's.
  [ "$built" -ne 0 ] ||
    part "checks of adapters" env ONCE_MORE=1 NEXUS_BUILD="$PWD/.build/release" scripts/unit.sh --filter '^ConformanceTests\.'
  part "costs" benchmarks/cost.py
  part "end to end" scripts/end-to-end.sh
fi
# By itself: it keeps all processors busy for minutes, and some of the others watch the time.
[ "$built" -ne 0 ] || part "simulation" scripts/unit.sh --filter SimulationTests
end_of "build, sanitizers" sanitized && part "sanitizers" scripts/sanitize.sh test

printf '\n== summary\n'
printf '%s\n' "${summary[@]}" | sed '/^$/d'
[ "$failed" -eq 0 ] || { echo "$failed part(s) failed."; exit 1; }
echo "Everything passed."
