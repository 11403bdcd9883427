#!/usr/bin/env bash
# Makes dist/nexus_VERSION_ARCH.deb of what was built (NEXUS_BUILD, the release build). `make deb` builds first.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(scripts/version.sh)
architecture=$(dpkg --print-architecture)
out=${NEXUS_DIST:-dist}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
# Files have the time of the sources, so that the same sources make the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
umask 022

root=$stage/root
install -d "$root"
PREFIX=/usr DESTDIR=$root scripts/install.sh >/dev/null
# Where Debian's zsh looks.
install -d "$root/usr/share/zsh/vendor-completions"
mv "$root/usr/share/zsh/site-functions/_nexus" "$root/usr/share/zsh/vendor-completions/"
rmdir "$root/usr/share/zsh/site-functions"

install -d "$root/usr/lib/systemd/system" "$root/etc/nexus"
install -m 644 contrib/systemd/nexus.service contrib/systemd/nexus.socket "$root/usr/lib/systemd/system/"
"$root/usr/bin/nexus" config init --config "$root/etc/nexus/nexus.toml" >/dev/null
chmod 640 "$root/etc/nexus/nexus.toml"
gzip --best --no-name --stdout CHANGELOG.md >"$root/usr/share/doc/nexus/changelog.gz"

# Which packages the programs need is read from them; dpkg-shlibdeps wants a source package around it for that.
install -d "$stage/source/debian"
printf 'Source: nexus\nPackage: nexus\nArchitecture: any\n' >"$stage/source/debian/control"
programs=("$root/usr/bin/nexus" "$root"/usr/lib/nexus/adapters/*.so "$root"/usr/lib/nexus/runtime/*.so)
depends=$(cd "$stage/source" && dpkg-shlibdeps -O --ignore-missing-info -l"$root/usr/lib/nexus/runtime" \
  "${programs[@]/#/-e}" 2>"$stage/shlibdeps" | sed -n 's/^shlibs:Depends=//p') || {
  cat "$stage/shlibdeps" >&2
  exit 1
}
[ -n "$depends" ] || { cat "$stage/shlibdeps" >&2; exit 1; }

install -d "$root/DEBIAN"
size=$(du --summarize --block-size=1024 --apparent-size "$root" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" -e "s/@DEPENDS@/$depends/" \
  contrib/debian/control >"$root/DEBIAN/control"
install -m 644 contrib/debian/conffiles "$root/DEBIAN/conffiles"
install -m 755 contrib/debian/postinst contrib/debian/prerm contrib/debian/postrm "$root/DEBIAN/"
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)

mkdir -p "$out"
package=$out/nexus_${version}_$architecture.deb
dpkg-deb --root-owner-group -Z"${NEXUS_DEB_COMPRESSION:-xz}" --build "$root" "$package" >/dev/null
echo "made $package"
