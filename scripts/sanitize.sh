#!/usr/bin/env bash
# Runs the tests of the ABI's host side under AddressSanitizer and ThreadSanitizer, the adapters in C instrumented as well. `build` or
# `test` does one half. A toolchain without a sanitizer's runtime leaves that one out, and says so.
set -euo pipefail
cd "$(dirname "$0")/.."
half=${1:-both}

toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swiftc)")")")
resources=$toolchain/lib/clang
# The compiler whose runtimes the host is linked with.
compiler=$toolchain/bin/clang
export NEXUS_TESTS=AdapterHostTests
for sanitizer in address thread; do
  short=${sanitizer:0:1}san
  if ! compgen -G "$resources/*/lib/*/libclang_rt.$short*" >/dev/null && ! compgen -G "$resources/*/lib/linux/*$short*" >/dev/null; then
    echo "sanitize: this toolchain has no runtime for the $sanitizer sanitizer: left out"
    continue
  fi
  build=(--sanitize="$sanitizer" --scratch-path ".build-$short")
  [ "$half" = test ] || CC=$PWD/scripts/cc-once.sh NEXUS_CLANG=$compiler NEXUS_RELEASE_BUILD=$PWD/.build/release \
    swift build --build-tests "${build[@]}"
  [ "$half" = build ] || NEXUS_TEST_CC="$compiler" NEXUS_TEST_CFLAGS="-fsanitize=$sanitizer -g -Wno-unused-command-line-argument" \
    ASAN_OPTIONS="detect_leaks=0:abort_on_error=1" \
    TSAN_OPTIONS="suppressions=$PWD/Tests/Sanitizers/thread.suppressions:halt_on_error=1" \
    swift test --skip-build "${build[@]}"
done
