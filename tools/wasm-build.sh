#!/usr/bin/env bash
# Builds the core and its tests as wasm32-wasi:  tools/wasm-build.sh [FOLDER [TARGET [OPTION...]]]
#                                                     (build-wasm; all, `core`: not the tests)
# OPTION is for CMake: -DPARQUEDB_BROTLI=OFF leaves the decoder of Brotli out.
#
#   source packages of zstd, zlib, lz4, ...    ──► ~/.cache/parquedb-wasm/<source>/
#   test/wasm/CMakeLists.txt                   ──► FOLDER/tests/*.wasm, FOLDER/programs.txt
#
# Needs clang, wasm-ld, llvm-ar, wasi-libc and clang's run-time library for wasm32; `--packages`
# prints the Debian packages. What has sources that cannot be fetched is left out:
# FOLDER/skipped.txt says so.
# PARQUEDB_WASM_OFFLINE=1 fetches nothing.
set -u
cd "$(dirname "$0")/.." || exit 1

if [ "${1:-}" = --packages ]; then
  version=$(clang -dumpversion 2>/dev/null ||
    apt-cache show clang 2>/dev/null | sed -n 's/^Version: 1://p' | head -n 1)
  echo "clang lld llvm wasi-libc libclang-rt-${version%%.*}-dev-wasm32 nodejs"
  exit 0
fi

BUILD=${1:-build-wasm}
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/parquedb-wasm
mkdir -p "$CACHE" "$BUILD" || exit 1

# The system's own mirrors, asked for the sources of the release; mirrors of security updates often
# hold none. The lists of the system stay as they are.
source_lists() {
  mkdir -p "$CACHE/lists/partial"
  apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' | sort -u |
    sed -n -E 's/^(Debian|Ubuntu) ([^ ]+ [^ -]+ [^ ]+)$/deb-src \2/p' >"$CACHE/sources.list"
  [ -s "$CACHE/sources.list" ]
}

apt_source() {
  apt-get -q -o Dir::Etc::sourcelist="$CACHE/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State::lists="$CACHE/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=1 -o Acquire::http::Timeout=20 "$@"
}

# fetch SOURCE: download and unpack the upstream part of a source package.
fetch() {
  local source=$1 folder
  folder=$(mktemp -d "$CACHE/tmp.XXXXXX") || return 1
  if (cd "$folder" && apt_source source --download-only --only-source "$source") &&
    mkdir "$folder/unpacked" &&
    tar -xf "$(find "$folder" -name '*.orig.tar.*' ! -name '*.asc')" -C "$folder/unpacked" \
      --strip-components=1; then
    rm -rf "${CACHE:?}/$source"
    mv "$folder/unpacked" "$CACHE/$source"
  fi
  rm -rf "$folder"
  [ -d "$CACHE/$source" ]
}

fetch_all() {
  local source is_updated=no
  for source in libzstd zlib lz4 brotli pcre2 libsodium; do
    [ -d "$CACHE/$source" ] && continue
    if [ "${PARQUEDB_WASM_OFFLINE:-}" = 1 ] || ! command -v apt-get >/dev/null; then
      continue
    fi
    if [ $is_updated = no ]; then
      source_lists && apt_source update || return
      is_updated=yes
    fi
    fetch "$source"
  done
}

fetch_all >"$CACHE/fetch.log" 2>&1
options=()
: >"$BUILD/skipped.txt"
for pair in ZSTD:libzstd ZLIB:zlib LZ4:lz4 BROTLI:brotli PCRE2:pcre2 SODIUM:libsodium; do
  folder=$CACHE/${pair#*:}
  if [ ! -d "$folder" ]; then
    echo "${pair%%:*}: its sources cannot be fetched: what needs it is skipped"
    folder=
  fi >>"$BUILD/skipped.txt"
  options+=("-D${pair%%:*}_SOURCE=$folder")
done
cmake -S test/wasm -B "$BUILD" -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/wasm32-wasi.cmake" \
  "${options[@]}" "${@:3}" && cmake --build "$BUILD" -j2 ${2:+--target "$2"}
