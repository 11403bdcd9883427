#!/usr/bin/env bash
# Checks the formatting of Swift sources, and the shell scripts where shellcheck is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
swift format lint --strict --recursive --parallel Package.swift Sources Plugins Tests templates
if command -v shellcheck >/dev/null 2>&1; then
  shellcheck scripts/*.sh .ci/run contrib/debian/p*
else
  echo "shellcheck is not installed: shell scripts were not checked"
fi
python3 scripts/assets.py --check
python3 scripts/zig_bindings.py --check
