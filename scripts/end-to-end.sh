#!/usr/bin/env bash
# Runs the end-to-end tests beside each other, and what failed once more by itself.
#
# Four at a time share the machine with each other and with builds. A test that fails there and passes alone is a
# defect of the test, or a fault that only a busy machine shows: it is named, so that somebody looks, but does not stop
# a change that has nothing to do with it. More than a few at once are no such thing: they fail.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

most=4
failures=.pytest_cache/v/cache/lastfailed
names() { [ ! -s "$failures" ] || .venv/bin/python -c 'import json, sys; print(*json.load(open(sys.argv[1])), sep="\n")' "$failures"; }

# Plugins that came with clients' packages take seconds to load, in each process.
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
rm -f "$failures"
# Most of them wait most of the time, each for processes of its own.
.venv/bin/python -m pytest -p xdist --numprocesses 4 --dist worksteal -rfE "$@" Tests/EndToEnd
status=$?
[ "$status" -eq 1 ] || exit "$status"
failed=$(names)
[ -n "$failed" ] && [ "$(wc -l <<<"$failed")" -le "$most" ] || exit 1
printf '\nOnce more, by themselves:\n%s\n' "$failed"
.venv/bin/python -m pytest --last-failed --last-failed-no-failures none -rfE "$@" Tests/EndToEnd || exit 1
# The summary of test.sh shows these lines.
while read -r name; do echo "ALONE $name passed only by itself"; done <<<"$failed"
