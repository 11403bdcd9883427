#!/usr/bin/env bash
# Puts what the program tells of itself where the system looks for it: manual pages and completions. `extras.sh PROGRAM SHARE`
set -euo pipefail
program=$(realpath "$1")
share=$2
cd "$(dirname "$0")/.."

install -d "$share/man/man1" "$share/bash-completion/completions" "$share/zsh/site-functions" \
  "$share/fish/vendor_completions.d"
python3 scripts/manpages.py "$program" "$share/man/man1" >/dev/null
# Without a time in it: the same pages make the same files.
gzip --best --no-name --force "$share"/man/man1/nexus*.1
"$program" --generate-completion-script bash >"$share/bash-completion/completions/nexus"
"$program" --generate-completion-script zsh >"$share/zsh/site-functions/_nexus"
"$program" --generate-completion-script fish >"$share/fish/vendor_completions.d/nexus.fish"
