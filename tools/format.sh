#!/bin/sh
# Check that clang-format 14 would change nothing; --fix formats the files instead.
cd "$(dirname "$0")/.." || exit 1
if ! command -v clang-format-14 >/dev/null; then
  echo "clang-format-14 is not installed: format not checked"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi
files=$(find src port include server cli examples test -name '*.[ch]' 2>/dev/null | sort)
if [ "$1" = --fix ]; then
  exec clang-format-14 -i $files
fi
passed=0 failed=0
for file in $files; do
  if clang-format-14 --dry-run -Werror "$file"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
