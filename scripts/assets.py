#!/usr/bin/env python3
"""Writes what the compiler puts into the binary: Sources/Host/DashboardAssets/assets.c, every file of dashboard/, and
Sources/Host/AuthorAssets/assets.c, every file that `nexus adapter new` makes projects of.

To be run after a file was added to one of these folders or taken away; --check only says whether that is needed."""

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
AUTHORS = ["Sources/PluginAPI/include", "Sources/PluginAPI/rust", "Sources/PluginAPI/zig", "Sources/AdapterKit", "Sources/EventStream", "Sources/JSON"]


def dashboard() -> str:
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


def authors() -> str:
    folders = [TOP / folder for folder in AUTHORS] + sorted((TOP / "templates/adapter").iterdir())
    files = [TOP / "Sources/PluginAPI/header.c"]
    files += [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file() and path.name[0] != "."]
    names = [path.relative_to(TOP).as_posix() for path in files]
    parts = ["/* Written by scripts/assets.py. A text ends with the NUL that `suffix` adds. */\n"]
    parts.append('#include "author_assets.h"\n\nstatic const nexus_author_file files[] = {\n')
    for name in names:
        parts.append(f'    {{"{name}",\n     (const char[]){{\n#embed "../../../{name}" suffix(, 0)\n     }}}},\n')
    parts.append("};\n\nsize_t nexus_author_file_count(void) { return sizeof files / sizeof *files; }\n")
    parts.append("nexus_author_file nexus_author_file_at(size_t index) { return files[index]; }\n")
    return "".join(parts)


TARGETS = {
    TOP / "Sources/Host/DashboardAssets/assets.c": dashboard,
    TOP / "Sources/Host/AuthorAssets/assets.c": authors,
}


def main() -> int:
    is_old = False
    for target, source in TARGETS.items():
        wanted = source()
        if target.read_text() == wanted:
            continue
        is_old = True
        if "--check" not in sys.argv[1:]:
            target.write_text(wanted)
    if is_old and "--check" in sys.argv[1:]:
        print("The list of files that are built in is out of date: run scripts/assets.py.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
