#!/usr/bin/env bash
# Installs the release build so that it runs without the Swift toolchain: the runtime libraries it needs come along.
#
#   PREFIX/bin/nexus
#   PREFIX/lib/nexus/adapters/*.so    found by nexus relative to its own place
#   PREFIX/lib/nexus/runtime/*.so     Swift's runtime
#   PREFIX/share                      manual pages and completions (scripts/extras.sh)
#
# NEXUS_BUILD names another directory with what was built.
set -euo pipefail
cd "$(dirname "$0")/.."
root=${DESTDIR:-}${PREFIX:-/usr/local}
build=${NEXUS_BUILD:-.build/release}
adapters=("$build/libOpenAICompat.so" "$build/libOllama.so")

install -d "$root/bin" "$root/lib/nexus/adapters" "$root/lib/nexus/runtime"
install -m 755 "$build/nexus" "$root/bin/nexus"
install -m 755 "${adapters[@]}" "$root/lib/nexus/adapters/"

# What the linker resolves inside the toolchain is not on other machines, so it is installed too.
ldd "$build/nexus" "${adapters[@]}" | awk '$3 ~ /\/lib\/swift\// { print $3 }' | sort -u |
  while read -r library; do install -m 644 "$library" "$root/lib/nexus/runtime/"; done

# An RPATH, unlike a RUNPATH, holds for what is loaded later as well: the adapters are mapped from private copies and
# have no place of their own from which a relative path could start.
# shellcheck disable=SC2016
patchelf --force-rpath --set-rpath '$ORIGIN/../lib/nexus/runtime' "$root/bin/nexus"
for adapter in "$root"/lib/nexus/adapters/*.so; do patchelf --remove-rpath "$adapter"; done
# shellcheck disable=SC2016
for library in "$root"/lib/nexus/runtime/*.so; do patchelf --set-rpath '$ORIGIN' "$library"; done

scripts/extras.sh "$root/bin/nexus" "$root/share"
# The header, documentation and examples.
scripts/install-share.sh "$root"

echo "installed $root/bin/nexus"
