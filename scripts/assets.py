#!/usr/bin/env python3
"""Writes Sources/Host/DashboardAssets/assets.c: every file of dashboard/, for the compiler to put into the binary.

To be run after a file was added to dashboard/ or taken away; --check only says whether that is needed."""

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
TARGET = TOP / "Sources/Host/DashboardAssets/assets.c"


def source() -> str:
    names = sorted(path.name for path in (TOP / "dashboard").iterdir() if path.is_file() and path.name[0] != ".")
    symbols = {name: re.sub(r"\W", "_", name) for name in names}
    parts = ["/* Written by scripts/assets.py. */\n", '#include "dashboard_assets.h"\n\n']
    for name in names:
        parts.append(f'static const unsigned char {symbols[name]}[] = {{\n#embed "../../../dashboard/{name}"\n}};\n')
    parts.append("\nstatic const nexus_asset assets[] = {\n")
    parts += [f'    {{"{name}", {symbols[name]}, sizeof {symbols[name]}}},\n' for name in names]
    parts.append("};\n\nsize_t nexus_asset_count(void) { return sizeof assets / sizeof *assets; }\n")
    parts.append("nexus_asset nexus_asset_at(size_t index) { return assets[index]; }\n")
    return "".join(parts)


def main() -> int:
    wanted = source()
    if TARGET.read_text() == wanted:
        return 0
    if "--check" in sys.argv[1:]:
        print("The list of the dashboard's files is out of date: run scripts/assets.py.", file=sys.stderr)
        return 1
    TARGET.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
