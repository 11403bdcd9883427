#!/usr/bin/env bash
# Times what crosses the ABI: a callback bound with libffi, a call of the host's table, a piece of an answer on its way through
# an adapter. Nanoseconds; the smallest of five runs, since everything that disturbs a run makes it slower. Fails if one of them
# takes longer than it may.
set -euo pipefail
cd "$(dirname "$0")/.."

swift build --configuration release --product abi-benchmark
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cc -std=c11 -O2 -Wall -Wextra -Werror -shared -fPIC -I Sources/PluginAPI/include benchmarks/abi/adapter.c -o "$folder/thin.so"
for _ in 1 2 3 4 5; do .build/release/abi-benchmark "$folder/thin.so" 2>/dev/null; done | python3 -c '
import json, sys

least = {}
for line in sys.stdin:
    kind, rest = line.split(" ", 1)
    found = json.loads(rest) if kind == "calls" else {f"chunk of {rest.split()[0]} bytes": float(rest.split()[1])}
    for name, value in found.items():
        least[name] = min(value, least.get(name, value))
names = {"callback": "bound callback (post)", "report": "bound callback (report_health)", "table": "call of the host table"}
limit = 150
for name, value in least.items():
    print(f"{names.get(name, name):32} {value:8.1f} ns" + (f"   above the {limit} ns it may take" if value > limit else ""))
sys.exit(1 if not least or max(least.values()) > limit else 0)
'
