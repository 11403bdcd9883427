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
