#!/usr/bin/env bash
# The debug build with all tests; options go to `swift build`. BoringSSL, which takes longest and no test looks into, is compiled
# once, for the release build, and its objects serve here and under the sanitizers too (cc-once.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swiftc)")")")
swift build --configuration release --target CNIOBoringSSL
CC=$PWD/scripts/cc-once.sh NEXUS_CLANG=$toolchain/bin/clang NEXUS_RELEASE_BUILD=$PWD/.build/release \
  exec swift build --build-tests "$@"
