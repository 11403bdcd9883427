#!/usr/bin/env bash
# Compares the strategies in virtual time (docs/routing.md), and writes the table and the pictures there. Optimised, in a folder of
# its own, since the simulation reaches into the gateway as tests do: minutes to build, and minutes instead of hours to run.
set -euo pipefail
cd "$(dirname "$0")/.."
build=(--configuration release -Xswiftc -enable-testing --scratch-path .build-study)
swift build "${build[@]}" --product simulate >&2
exec "$(swift build "${build[@]}" --show-bin-path)/simulate" study --into docs "$@"
