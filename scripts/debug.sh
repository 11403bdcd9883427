#!/usr/bin/env bash
# A debug build: of all tests, or of what options of `swift build` say. BoringSSL, which takes longest and no test looks into, is
# compiled once, for the release build, and its objects serve here and under the sanitizers too (cc-once.sh). A build without this
# script compiles it anew.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- --build-tests
toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swiftc)")")")
if ! compgen -G '.build/release/CNIOBoringSSL.build/ssl/*.o' >/dev/null; then
  swift build --configuration release --target CNIOBoringSSL
fi
CC=$PWD/scripts/cc-once.sh NEXUS_CLANG=$toolchain/bin/clang NEXUS_RELEASE_BUILD=$PWD/.build/release exec swift build "$@"
