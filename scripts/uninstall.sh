#!/usr/bin/env bash
# Removes what scripts/install.sh installed; other adapters in lib/nexus/adapters stay.
set -euo pipefail
root=${DESTDIR:-}${PREFIX:-/usr/local}
rm -f "$root/bin/nexus" "$root/lib/nexus/adapters/libOpenAICompat.so" "$root/lib/nexus/adapters/libOllama.so"
rm -rf "$root/lib/nexus/runtime"
rm -f "$root"/share/man/man1/nexus.1.gz "$root"/share/man/man1/nexus-*.1.gz "$root/share/bash-completion/completions/nexus" \
  "$root/share/zsh/site-functions/_nexus" "$root/share/fish/vendor_completions.d/nexus.fish"
rm -rf "$root/share/nexus" "$root/share/doc/nexus" "$root/include/nexus_plugin.h"
rmdir --ignore-fail-on-non-empty "$root/lib/nexus/adapters" "$root/lib/nexus" 2>/dev/null || true
echo "removed nexus from $root"
