#!/usr/bin/env bash
# Compares the strategies in virtual time (docs/routing.md), and writes the table and the pictures there.
set -euo pipefail
cd "$(dirname "$0")/.."
swift build --product simulate >&2
exec "$(swift build --show-bin-path)/simulate" study --into docs "$@"
