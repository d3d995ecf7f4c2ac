#!/bin/sh
# Builds test/fuzz with clang's libFuzzer, ASan and UBSan, and lets each target search:
#
#     tools/fuzz.sh [SECONDS [TARGET...]]      10 seconds each, all targets
#
# What it finds to be new goes to build-fuzz/found/TARGET, what breaks the target to
# build-fuzz/TARGET-crash-…; fix it and put that file into test/fuzz/corpus/TARGET.
cd "$(dirname "$0")/.." || exit 1
seconds=${1:-10}
[ $# -gt 0 ] && shift
if ! command -v clang >/dev/null; then
  echo "clang is not installed: fuzzing skipped (on Debian or Ubuntu: apt install clang)"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi
if [ $# = 0 ]; then
  set -- $(ls test/fuzz/fuzz_*.c | sed 's/.*fuzz_\(.*\)\.c/\1/')
fi
cmake -S . -B build-fuzz -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug -DPARQUEDB_TESTS=ON \
  -DPARQUEDB_FUZZ=ON -DPARQUEDB_SANITIZE=ON -DPARQUEDB_SHARED=OFF >/dev/null || exit 1
cmake --build build-fuzz -j"$(nproc)" --target $(printf 'fuzz_%s ' "$@") >build-fuzz/log || {
  cat build-fuzz/log
  exit 1
}
passed=0 failed=0
for target in "$@"; do
  mkdir -p "build-fuzz/found/$target"
  if build-fuzz/fuzz/fuzz_"$target" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
    -rss_limit_mb=2048 -artifact_prefix="build-fuzz/$target-" "build-fuzz/found/$target" \
    "test/fuzz/corpus/$target" >"build-fuzz/$target.log" 2>&1; then
    echo "$target: $(sed -n 's/^Done \(.*\)/\1/p' "build-fuzz/$target.log")"
    passed=$((passed + 1))
  else
    grep -E 'ERROR|broken:|runtime error|    #[0-9]+ .* in pq|Test unit written' \
      "build-fuzz/$target.log" | head -n 20
    echo "$target: failed (build-fuzz/$target.log)"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
