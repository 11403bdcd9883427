#!/usr/bin/env bash
# Runs every test and says at the end which parts passed. Exit status 0 only if all did.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

scripts/setup.sh test || exit 1

summary=()
failed=0
part() { # title, command...
  local title=$1 began=$SECONDS word=passed
  shift
  printf '\n== %s\n' "$title"
  "$@" || { word=FAILED; failed=$((failed + 1)); }
  summary+=("$(printf '%-8s %-28s %4d s' "$word" "$title" $((SECONDS - began)))")
  [ "$word" = passed ]
}

dashboard_scripts() {
  # Node is for tests of the page's modules only; a machine without it still tests them through the browser.
  command -v node >/dev/null 2>&1 || { echo "node is not installed: left out"; return 0; }
  compgen -G 'Tests/DashboardJS/*.mjs' >/dev/null || compgen -G 'Tests/DashboardJS/*.js' >/dev/null || return 0
  find Tests/DashboardJS -name '*.test.*' -print0 | xargs -0 node --test
}

# The build for users, at the lowest priority beside what mostly waits.
release=$(mktemp)
release_pid=
begin_release() {
  nice -n 19 scripts/build.sh >"$release" 2>&1 &
  release_pid=$!
}
end_release() {
  wait "$release_pid"
  local status=$?
  cat "$release"
  return "$status"
}
told=$(mktemp)
trap 'kill "$release_pid" 2>/dev/null; rm -f "$release" "$told"' EXIT

# Runs the tests as `swift test` would, which cannot while something is built.
tests() { # options of the program
  NO_COLOR=1 "$programs/nexusPackageTests.xctest" --testing-library swift-testing "$@" 2>&1 | tee "$told" || return 1
  grep -q 'Test run with [1-9][0-9]* test' "$told" || { echo "no test was run"; return 1; }
}

part "formatting" scripts/lint.sh
part "ABI layout" python3 scripts/abi.py
part "scripts" .venv/bin/python -m pytest Tests/Scripts
if part "build, debug" swift build --build-tests; then
  programs=$(swift build --show-bin-path)
  begin_release
  # Apart: the simulation keeps all processors busy for minutes, and some of the others watch the time.
  part "unit tests" tests --skip SimulationTests
  part "simulation" tests --filter SimulationTests
else
  begin_release
fi
part "dashboard scripts" dashboard_scripts
part "build, release" end_release
built=$?
part "sanitizers" scripts/sanitize.sh
if [ "$built" -eq 0 ]; then
  part "costs" benchmarks/cost.py
  # Most of them wait most of the time, each for processes of its own.
  part "end to end" .venv/bin/python -m pytest --numprocesses 4 --dist worksteal Tests/EndToEnd
fi

printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
[ "$failed" -eq 0 ] || { echo "$failed part(s) failed."; exit 1; }
echo "Everything passed."
