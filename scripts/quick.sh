#!/usr/bin/env bash
# What a change needs before it is shown to anybody, in under three minutes where the debug build is warm. `make test` is the whole.
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

# Files that were changed and not committed; if there are none, those of the last commit.
changed() {
  local files
  files=$(git diff --name-only --diff-filter=d HEAD; git ls-files --others --exclude-standard)
  [ -n "$files" ] || files=$(git diff --name-only --diff-filter=d HEAD~1 HEAD)
  printf '%s\n' "$files"
}

lint() {
  local swift=() shell=() file
  while read -r file; do
    case $file in
      *.swift) swift+=("$file") ;;
      *.sh) shell+=("$file") ;;
    esac
  done < <(changed)
  [ ${#swift[@]} -eq 0 ] || swift format lint --strict "${swift[@]}" || return 1
  if [ ${#shell[@]} -gt 0 ] && command -v shellcheck >/dev/null 2>&1; then shellcheck "${shell[@]}" || return 1; fi
  python3 scripts/assets.py --check && python3 scripts/abi.py
}

build() {
  scripts/debug.sh || return 1
  local product
  for product in nexus OpenAICompat Ollama; do scripts/debug.sh --product "$product" || return 1; done
}

# The simulation, the parsers' fuzzing and the checks of adapters take minutes. They run if something of theirs was changed.
slow() {
  local skipped=SimulationTests\|FuzzTests
  changed | grep -qE '^(Sources/Host/(Conformance|AdapterHost)|Sources/(ABIRules|PluginAPI|AdapterKit)|Tests/Conformance)' ||
    skipped+=\|ConformanceTests
  printf '%s' "$skipped"
}

unit() {
  local told
  told=$(mktemp)
  NO_COLOR=1 "$(swift build --show-bin-path)/nexusPackageTests.xctest" --testing-library swift-testing --skip "$(slow)" >"$told" 2>&1
  local status=$?
  grep -aE '✘|Test run with' "$told"
  rm -f "$told"
  return "$status"
}

dashboard_scripts() {
  command -v node >/dev/null 2>&1 || { echo "node is not installed: left out"; return 0; }
  find Tests/DashboardJS -name '*.test.*' -print0 | xargs -0 node --test --test-reporter=dot
}

# One file of each kind of thing that breaks: the surface, a real client, a reload, the command line, the references.
end_to_end() {
  local file files=()
  for file in surface openai_client reload command_line reference openapi; do files+=("Tests/EndToEnd/test_$file.py"); done
  NEXUS_BUILD=$(swift build --show-bin-path) .venv/bin/python -m pytest -q --numprocesses 2 --dist loadfile "${files[@]}"
}

part "lint of what changed" lint
part "scripts and documents" .venv/bin/python -m pytest -q Tests/Scripts
if part "build, debug" build; then
  part "unit tests, without the slow" unit
  part "end to end, a few" end_to_end
fi
part "dashboard scripts" dashboard_scripts

printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
[ "$failed" -eq 0 ] || { echo "$failed part(s) failed."; exit 1; }
echo "Passed in $SECONDS s. Before it is merged: make test."
