#!/usr/bin/env bash
# Installs what authors of adapters and readers need, below the folder that is named.
#
#   include/nexus_plugin.h          the ABI
#   share/nexus/rust/, zig/         the same for Rust and Zig
#   share/nexus/examples/           each builds where it lies, or in a copy
#   share/doc/nexus/                the documentation
set -euo pipefail
cd "$(dirname "$0")/.."
root=$1
share=$root/share/nexus
doc=$root/share/doc/nexus

install -d "$root/include" "$share/rust" "$share/zig" "$share/examples"/{c,rust,parrot} "$doc"
install -m 644 Sources/PluginAPI/include/nexus_plugin.h "$root/include/"
install -m 644 Sources/PluginAPI/rust/nexus_plugin.rs "$share/rust/"
install -m 644 Sources/PluginAPI/zig/nexus_plugin.zig "$share/zig/"

# What an example takes from elsewhere in the sources lies beside it here.
install -m 644 examples/c/{Makefile,check.json,completion.c} Sources/PluginAPI/include/nexus_plugin.h "$share/examples/c/"
install -m 644 templates/adapter/c/{events.h,headers.h,json.c,json.h} "$share/examples/c/"
install -m 644 examples/rust/{Makefile,pretend.rs} Sources/PluginAPI/rust/nexus_plugin.rs "$share/examples/rust/"
install -m 644 examples/parrot/parrot.py "$share/examples/parrot/"

# With the links between them.
find ./*.md docs contrib -type f -print0 |
  while IFS= read -r -d '' file; do install -D -m 644 "$file" "$doc/$file"; done
ln -sfn ../../nexus/examples "$doc/examples"

# What the links to files that lie elsewhere here, or are not installed, become: a link to where it is, or words alone.
python3 - "$root" <<'END'
import os
import re
import sys
from pathlib import Path

root = Path(sys.argv[1])
doc = root / "share/doc/nexus"
elsewhere = {
    "Sources/PluginAPI/include/nexus_plugin.h": "include/nexus_plugin.h",
    "Sources/PluginAPI/rust/nexus_plugin.rs": "share/nexus/rust/nexus_plugin.rs",
    "Sources/PluginAPI/zig/nexus_plugin.zig": "share/nexus/zig/nexus_plugin.zig",
}
# Code that is no part of a link stays as it is.
parts = re.compile(
    r"^(?P<fence>```|~~~).*?^(?P=fence)|!?\[(?P<words>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)|`[^`\n]*`",
    re.MULTILINE | re.DOTALL,
)

for page in doc.rglob("*.md"):

    def led(found):
        path = (found["target"] or "").partition("#")[0]
        if not path or re.match(r"[a-z]+:", path) or (page.parent / path).exists():
            return found.group()
        source = os.path.normpath(page.parent.relative_to(doc) / path)
        if source not in elsewhere:
            return found["words"]
        words, target = found["words"], os.path.relpath(root / elsewhere[source], page.parent)
        return f"[{words}]({target})"

    text = page.read_text(encoding="utf-8")
    page.write_text(parts.sub(led, text), encoding="utf-8")
END
