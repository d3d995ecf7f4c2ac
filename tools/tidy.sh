#!/bin/sh
# clang-tidy 14 over src, port, server, cli and examples, with the checks of .clang-tidy:
#
#     tools/tidy.sh [FILE...]
cd "$(dirname "$0")/.." || exit 1
if ! command -v clang-tidy-14 >/dev/null; then
  echo "clang-tidy-14 is not installed: clang-tidy skipped"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi
log=$(mktemp -d) || exit 1
trap 'rm -rf "$log"' EXIT
[ $# -gt 0 ] || set -- $(find src port server cli examples -name '*.c' | sort)
cmake -S . -B build-tidy -DCMAKE_BUILD_TYPE=Release >/dev/null || exit 1
# A file that is clean leaves nothing but an empty log.
printf '%s\n' "$@" | LOG=$log xargs -P "$(nproc)" -n 1 sh -c '
  clang-tidy-14 -p build-tidy --quiet "$0" >"$LOG/$(echo "$0" | tr / -)" 2>/dev/null ||
    touch "$LOG/$(echo "$0" | tr / -).failed"'
cat "$log"/* | sed "s|$PWD/||"
failed=$(find "$log" -name '*.failed' | wc -l)
echo "$(($# - failed)) passed, $((failed + 0)) failed"
[ "$failed" = 0 ]
