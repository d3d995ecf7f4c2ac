# Sourced by quickstart and run-tests: installs the Debian packages that are missing.
#
#     need_packages cmake libzstd-dev ...   what is there already, packaged or not, is left alone

need_is_there() {
  case $1 in
    gcc) command -v cc ;;
    libc6-dev) echo '#include <stdio.h>' | cc -E - ;;
    libzstd-dev) pkg-config --exists libzstd ;;
    zlib1g-dev) pkg-config --exists zlib ;;
    libsnappy-dev) pkg-config --exists snappy ;;
    liblz4-dev) pkg-config --exists liblz4 ;;
    libbrotli-dev) pkg-config --exists libbrotlidec ;;
    libbson-dev) pkg-config --exists libbson-1.0 ;;
    libmongoc-dev) pkg-config --exists libmongoc-1.0 ;;
    libuv1-dev) pkg-config --exists libuv ;;
    libssl-dev) pkg-config --exists openssl ;;
    libwslay-dev) echo '#include <wslay/wslay.h>' | cc -E - ;;
    libsimdjson-dev) pkg-config --exists simdjson ;;
    libsqlite3-dev) pkg-config --exists sqlite3 ;;
    libpcre2-dev) pkg-config --exists libpcre2-8 ;;
    libsodium-dev) pkg-config --exists libsodium ;;
    libxxhash-dev) pkg-config --exists libxxhash ;;
    libedit-dev) pkg-config --exists libedit ;;
    wordnet-base) test -r /usr/share/wordnet/data.noun ;;
    tzdata) test -r /usr/share/zoneinfo/Europe/Berlin ;;
    nodejs) command -v node ;;
    llvm) command -v llvm-ar ;;
    binaryen) command -v wasm-opt ;;
    wasi-libc) test -r /usr/include/wasm32-wasi/stdio.h ;;
    libclang-rt-*-wasm32)
      test -r "$(clang --target=wasm32-wasi -rtlib=compiler-rt -print-libgcc-file-name)"
      ;;
    dpkg-dev) command -v dpkg-shlibdeps ;;
    python3-venv) python3 -c 'import ensurepip, venv' ;;
    *) command -v "$1" ;;
  esac >/dev/null 2>&1
}

need_missing() {
  for need_name in "$@"; do
    need_is_there "$need_name" || printf '%s ' "$need_name"
  done
}

need_packages() {
  need_list=$(need_missing "$@")
  [ -n "$need_list" ] || return 0
  if ! command -v apt-get >/dev/null; then
    echo "Not a Debian or Ubuntu system: please install what these packages contain:" >&2
    echo "  $need_list" >&2
    return 1
  fi
  need_sudo=
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Please install, as root:  apt-get install $need_list" >&2
      return 1
    fi
    need_sudo=sudo
  fi
  echo "Installing: $need_list" >&2
  need_log=$(mktemp)
  # shellcheck disable=SC2086
  if ! { $need_sudo apt-get update &&
    $need_sudo env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y --no-install-recommends $need_list; } >"$need_log" 2>&1; then
    tail -n 20 "$need_log" >&2
    rm -f "$need_log"
    echo "apt-get could not install: $need_list" >&2
    return 1
  fi
  rm -f "$need_log"
}
