#!/usr/bin/env bash
# Runs libFuzzer on one parser of bytes from outside, or on each for so long: scripts/fuzz.sh PARSER|all SECONDS [options of libFuzzer].
# Inputs that fail are kept in .build-fuzz/found; put those into Tests/Fuzz/Corpus/PARSER, where every test run looks at them.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -lt 2 ]; then
  echo "usage: scripts/fuzz.sh PARSER|all SECONDS [options of libFuzzer]; parsers: $(cd Tests/Fuzz/Corpus && echo *)" >&2
  exit 2
fi
parser=$1 seconds=$2
shift 2
if [ "$parser" = all ]; then parsers=$(cd Tests/Fuzz/Corpus && echo *); else parsers=$parser; fi
for parser in $parsers; do
  [ -d "Tests/Fuzz/Corpus/$parser" ] || { echo "fuzz: there is no parser $parser" >&2; exit 2; }
done

folder=.build-fuzz
export NEXUS_TESTS=fuzz-one
# Checks of overflows and bounds stay with -O; AddressSanitizer sees reads beyond what was lent.
build=(--scratch-path "$folder" -Xswiftc -O -Xswiftc "-sanitize=fuzzer,address" -Xswiftc -enable-testing)
scripts/debug.sh --product fuzz-one "${build[@]}" >&2 || {
  echo "fuzz: the build failed. A toolchain without libFuzzer's runtime (-sanitize=fuzzer) cannot do this." >&2
  exit 1
}
program=$(swift build --product fuzz-one "${build[@]}" --show-bin-path)/fuzz-one

failed=0
for parser in $parsers; do
  mkdir -p "$folder/corpus/$parser" "$folder/found"
  log=$folder/$parser.log
  # What is still held at the end is nobody's fault; backtraces are AddressSanitizer's.
  if SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0 NEXUS_FUZZ=$parser "$program" -max_total_time="$seconds" -timeout=20 \
    -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 -artifact_prefix="$folder/found/$parser-" "$@" \
    "$folder/corpus/$parser" "Tests/Fuzz/Corpus/$parser" >"$log" 2>&1; then
    result=held
  else
    result="FAILED ($log)"
    failed=$((failed + 1))
  fi
  runs=$(grep -a 'stat::number_of_executed_units' "$log" | awk '{ print $2 }')
  edges=$(grep -ao 'cov: [0-9]*' "$log" | tail -n 1)
  printf '%-14s %10s executions, %s s, %s: %s\n' "$parser" "${runs:-?}" "$seconds" "${edges:-cov: ?}" "$result"
done
[ "$failed" -eq 0 ]
