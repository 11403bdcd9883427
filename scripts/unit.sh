#!/usr/bin/env bash
# Runs tests of the debug build as `swift test` would, which cannot while something is built; options go to the program.
# With ONCE_MORE=1 a few that failed run again by themselves, as those of end-to-end.sh do, and for its reasons.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
most=3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

run() {
  rm -f "$folder/events"
  NO_COLOR=1 .build/debug/nexusPackageTests.xctest --testing-library swift-testing \
    --event-stream-output-path "$folder/events" --event-stream-version 0 "$@" 2>&1 | tee "$folder/said"
  local status=${PIPESTATUS[0]}
  grep -q 'Test run with [1-9][0-9]* test' "$folder/said" || { echo "no test was run to its end"; return 2; }
  return "$status"
}

# The IDs of the tests of which an issue was recorded; with `pattern`, a regular expression that matches these alone.
failures() {
  python3 - "$folder/events" "${1:-}" <<'PYTHON'
import json, re, sys
events = [json.loads(line)["payload"] for line in open(sys.argv[1], encoding="utf-8")]
names = sorted({each["testID"] for each in events if each.get("kind") == "issueRecorded" and "testID" in each})
print("^(" + "|".join(map(re.escape, names)) + ")" if sys.argv[2] else "\n".join(names))
PYTHON
}

run "$@"
status=$?
[ "$status" -eq 1 ] && [ "${ONCE_MORE:-}" = 1 ] || exit "$status"
failed=$(failures)
[ -n "$failed" ] && [ "$(wc -l <<<"$failed")" -le "$most" ] || exit "$status"
printf '\nOnce more, by themselves:\n%s\n' "$failed"
run --filter "$(failures pattern)" || exit 1
# The summary of test.sh shows these lines.
while read -r name; do echo "ALONE $name passed only by itself"; done <<<"$failed"
