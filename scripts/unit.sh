#!/usr/bin/env bash
# Runs tests of the debug build as `swift test` would, which cannot while something is built; options go to the program.
set -euo pipefail
cd "$(dirname "$0")/.."
said=$(mktemp)
trap 'rm -f "$said"' EXIT
NO_COLOR=1 .build/debug/nexusPackageTests.xctest --testing-library swift-testing "$@" 2>&1 | tee "$said"
grep -q 'Test run with [1-9][0-9]* test' "$said" || { echo "no test was run"; exit 1; }
