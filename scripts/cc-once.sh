#!/usr/bin/env bash
# The C compiler of the builds for tests (scripts/debug.sh, scripts/sanitize.sh). BoringSSL is not what they look into, and takes
# longer to compile than everything else: its objects are those of the release build, NEXUS_RELEASE_BUILD.
set -euo pipefail
output=
dependencies=
for ((index = 1; index < $#; index++)); do
  next=$((index + 1))
  case ${!index} in
    -o) output=${!next} ;;
    -MF) dependencies=${!next} ;;
  esac
done
case $output in
  */CNIOBoringSSL.build/*.o)
    made=$NEXUS_RELEASE_BUILD/CNIOBoringSSL.build/${output##*/CNIOBoringSSL.build/}
    if [ -s "$made" ]; then
      cp "$made" "$output"
      [ -z "$dependencies" ] || printf 'dependencies:\n' >"$dependencies"
      exit 0
    fi
    ;;
esac
exec "$NEXUS_CLANG" "$@"
