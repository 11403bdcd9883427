#!/usr/bin/env python3
"""Counts what a request and an event of a stream cost, and fails if that is more than benchmarks/thresholds.json allows.

    benchmarks/cost.py            builds, counts and compares
    benchmarks/cost.py --record   writes what was counted down as the new thresholds

A fixed run on one thread (benchmarks/cost) is counted by callgrind: instructions, and blocks of memory asked for. The machine's speed
and what else it does have no part in it; the compiler, its libraries and the C library have, so thresholds are those of one toolchain.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
THRESHOLDS = TOP / "benchmarks/thresholds.json"
# By how much a count may exceed its threshold.
MARGIN = 0.03
# Two runs each, of which one does so much more: what differs is the cost of the difference.
RUNS = {
    "unary request": (("unary", "100"), ("unary", "400"), 300),
    "stream event": (("stream", "5", "20"), ("stream", "5", "120"), 500),
    "choice of 1": (("route", "1", "1", "100"), ("route", "1", "1", "1100"), 1000),
    "choice of 1000": (("route", "1000", "10000", "100"), ("route", "1000", "10000", "1100"), 1000),
}


def count(program, arguments):
    """Instructions and allocations of one run."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=nexus_counted", f"--callgrind-out-file={folder}/out",
             program, *arguments],
            capture_output=True, text=True, timeout=300,
            # What is hashed with another number each time costs something else each time.
            env=os.environ | {"SWIFT_DETERMINISTIC_HASHING": "1"})
    return read(done.returncode, done.stdout, done.stderr)


def read(status, output, messages):
    collected = re.search(r"Collected : (\d+)", messages)
    if status != 0 or not collected or int(collected[1]) == 0 or not output.strip().isdigit():
        raise SystemExit(f"The run cannot be counted (status {status}):\n{output}{messages}")
    return {"instructions": int(collected[1]), "allocations": int(output)}


def costs(counted):
    """From the counts of both runs of each kind."""
    return {
        kind: {what: round((more[what] - less[what]) / RUNS[kind][2], 2) for what in less}
        for kind, (less, more) in counted.items()
    }


def judge(found, allowed):
    """Lines about each count, and whether all are within what is allowed."""
    lines, good = [], True
    for kind, counts in found.items():
        for what, value in counts.items():
            limit = allowed.get(kind, {}).get(what)
            line = f"{kind:14} {value:12,.2f} {what}"
            if limit is None:
                lines.append(f"{line}: no threshold is recorded")
                good = False
            elif value > limit * (1 + MARGIN):
                lines.append(f"{line}: {value / limit - 1:.1%} more than the {limit:,.2f} of thresholds.json")
                good = False
            elif value < limit * (1 - MARGIN):
                lines.append(f"{line}: {1 - value / limit:.1%} less than thresholds.json has; record it")
            else:
                lines.append(line)
    return lines, good


def toolchain():
    version = subprocess.run(["swift", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Swift version (\S+)", version)
    return f"Swift {found[1] if found else '?'}, glibc {platform.libc_ver()[1]}, {platform.machine()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write the counts down as the new thresholds")
    options = parser.parse_args()

    build = ["swift", "build", "--configuration", "release"]
    subprocess.run([*build, "--product", "cost"], cwd=TOP, check=True)
    folder = subprocess.run([*build, "--show-bin-path"], cwd=TOP, check=True, capture_output=True, text=True).stdout
    program = Path(folder.strip()) / "cost"
    found = costs({kind: (count(program, less), count(program, more)) for kind, (less, more, _) in RUNS.items()})

    here = toolchain()
    if options.record:
        THRESHOLDS.write_text(json.dumps({"toolchain": here, "costs": found}, indent=2) + "\n")
        print(f"Recorded for {here}.")
    recorded = json.loads(THRESHOLDS.read_text())
    lines, good = judge(found, recorded["costs"])
    print("\n".join(lines))
    if recorded["toolchain"] != here:
        # Another compiler makes other code: nothing of it says that the program has become dearer.
        print(f"The thresholds are those of {recorded['toolchain']}; this is {here}. Nothing is compared.")
        return 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
