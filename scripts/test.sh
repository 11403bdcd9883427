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

part "formatting" scripts/lint.sh
part "ABI layout" python3 scripts/abi.py
part "scripts" .venv/bin/python -m pytest Tests/Scripts
if part "build, debug" swift build --build-tests; then
  # Apart: the simulation keeps all processors busy for a minute, and some of the others watch the time.
  part "unit tests" swift test --skip-build --skip SimulationTests
  part "simulation" swift test --skip-build --filter SimulationTests
fi
part "sanitizers" scripts/sanitize.sh
part "dashboard scripts" dashboard_scripts
if part "build, release" scripts/build.sh; then
  part "costs" benchmarks/cost.py
  # Most of them wait most of the time, each for processes of its own.
  part "end to end" .venv/bin/python -m pytest --numprocesses 4 --dist worksteal Tests/EndToEnd
fi

printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
[ "$failed" -eq 0 ] || { echo "$failed part(s) failed."; exit 1; }
echo "Everything passed."
