#!/usr/bin/env bash
# Runs the tests of the ABI's host side under AddressSanitizer and ThreadSanitizer, the adapters in C instrumented as well. Packages that it
# uses are not (NEXUS_SANITIZE in Package.swift), so that they are compiled once. `build` or `test` does one half. A toolchain without a
# sanitizer's runtime leaves that one out, and says so.
set -euo pipefail
cd "$(dirname "$0")/.."
half=${1:-both}

toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swiftc)")")")
resources=$toolchain/lib/clang
# The compiler whose runtimes the host is linked with.
compiler=$toolchain/bin/clang
export NEXUS_TESTS=AdapterHostTests

there=()
for sanitizer in address thread; do
  short=${sanitizer:0:1}san
  if compgen -G "$resources/*/lib/*/libclang_rt.$short*" >/dev/null || compgen -G "$resources/*/lib/linux/*$short*" >/dev/null; then
    there+=("$sanitizer")
  else
    echo "sanitize: this toolchain has no runtime for the $sanitizer sanitizer: left out"
  fi
done
if [ "$half" != test ]; then
  for sanitizer in "${there[@]}"; do
    NEXUS_SANITIZE=$sanitizer CC=$PWD/scripts/cc-once.sh NEXUS_CLANG=$compiler NEXUS_RELEASE_BUILD=$PWD/.build/release \
      swift build --build-tests --scratch-path .build-san
    # The next sanitizer's takes its place.
    cp .build-san/debug/nexusPackageTests.xctest ".build-san/$sanitizer"
  done
fi
[ "$half" != build ] || exit 0

# Both at once: most of these tests wait, each for its own.
said=$(mktemp -d)
trap 'jobs -p | xargs -r kill 2>/dev/null; rm -rf "$said"' EXIT
for sanitizer in "${there[@]}"; do
  NO_COLOR=1 NEXUS_TEST_CC="$compiler" NEXUS_TEST_CFLAGS="-fsanitize=$sanitizer -g -Wno-unused-command-line-argument" \
    ASAN_OPTIONS="detect_leaks=0:abort_on_error=1" \
    TSAN_OPTIONS="suppressions=$PWD/Tests/Sanitizers/thread.suppressions:halt_on_error=1" \
    ".build-san/$sanitizer" --testing-library swift-testing >"$said/$sanitizer" 2>&1 &
  echo $! >"$said/$sanitizer.pid"
done
failed=0
for sanitizer in "${there[@]}"; do
  wait "$(cat "$said/$sanitizer.pid")" || failed=1
  printf '\nsanitize: %s\n' "$sanitizer"
  cat "$said/$sanitizer"
  grep -q 'Test run with [1-9][0-9]* test' "$said/$sanitizer" || { echo "no test was run to its end"; failed=1; }
done
exit "$failed"
