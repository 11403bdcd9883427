#!/usr/bin/env bash
# Makes dist/nexus-VERSION-linux-ARCH.tar.gz of what was built (NEXUS_BUILD, the release build): unpack it anywhere and run bin/nexus.
# `make tarball` builds first.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(scripts/version.sh)
name=nexus-$version-linux-$(uname -m)
out=${NEXUS_DIST:-dist}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
umask 022

PREFIX=/$name DESTDIR=$stage scripts/install.sh >/dev/null
root=$stage/$name

# What a machine may not have comes along. Not the C and C++ libraries: they go with the system, and every system has them.
ldd "$root/bin/nexus" | awk '$3 ~ /\/(libffi|libsqlite3)\.so/ { print $3 }' |
  while read -r library; do
    install -m 644 "$(realpath "$library")" "$root/lib/nexus/runtime/$(basename "$library")"
  done
install -d "$root/share/nexus/systemd"
install -m 644 contrib/systemd/nexus.service contrib/systemd/nexus.socket "$root/share/nexus/systemd/"

mkdir -p "$out"
tar --create --directory "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" "$name" |
  gzip --no-name >"$out/$name.tar.gz"
echo "made $out/$name.tar.gz"
