#!/usr/bin/env bash
# Runs the gateway inside a simulation (docs/simulation.md). SEED=n replays one run and prints what happens in it; HOURS=h runs
# seed after seed, from FIRST on, until so many virtual hours are through; without either it is the 2000 runs of `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
# The debug build: what the code asserts is checked too.
scripts/debug.sh --product simulate >&2
arguments=()
if [ -n "${SEED:-}" ]; then arguments+=(--seed "$SEED"); fi
if [ -n "${HOURS:-}" ]; then arguments+=(--hours "$HOURS"); fi
if [ -n "${FIRST:-}" ]; then arguments+=(--first "$FIRST"); fi
exec "$(swift build --show-bin-path)/simulate" ${arguments[@]+"${arguments[@]}"}
