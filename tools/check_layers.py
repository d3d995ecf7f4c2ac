#!/usr/bin/env python3
"""Fail when src/ breaks the layer rules written in src/LAYERS.

1. A module includes only modules that its line lists; a line may name only modules of earlier
   lines, so that no cycle can be written.
2. *_int.h is included only from inside its own module.
3. src/ includes no header of an operating system: I/O, clocks and threads live in port/. Headers
   of intrinsics are included only in src/parquet/kernels_*.c.
4. With --nm LIB (the built core): it needs only the symbols of an allow-list, those of malloc
   and stdio only in base/; it exports only pq_* and pqdb_*; it has no mutable global.

Prints `file:line: what` for each offence, then `N passed, N failed`.
"""
import os
import re
import subprocess
import sys

C11 = set("""assert.h errno.h float.h inttypes.h limits.h math.h stdarg.h stdbool.h stddef.h
    stdint.h stdio.h stdlib.h string.h""".split())
LIBRARIES = {"zstd.h": "codec", "zstd_errors.h": "codec", "zlib.h": "codec",
             "snappy-c.h": "codec", "lz4.h": "codec", "brotli/decode.h": "codec",
             "sodium/crypto_generichash.h": "codec",
             "pcre2.h": "expr",
             "xxhash.h": "base"}  # header: its one module
INTRINSICS = {"immintrin.h", "wasm_simd128.h"}  # of compilers; only in src/parquet/kernels_*.c
BASE_HEADERS = {"stdio.h", "stdlib.h", "errno.h"}

SYMBOLS = set("""memcpy memmove memset memcmp memchr memrchr bcmp strlen strcmp strncmp strchr
    strrchr strstr strnlen strspn strcspn strpbrk __stack_chk_fail _GLOBAL_OFFSET_TABLE_
    crc32 crc32_z deflateInit2_ deflate deflateBound deflateEnd
    inflateInit2_ inflate inflateReset inflateEnd
    snappy_compress snappy_max_compressed_length snappy_uncompress snappy_uncompressed_length
    floor ceil trunc round rint nearbyint lround llround fabs fmod pow sqrt exp log log2 log10
    ldexp frexp modf scalbn nextafter isnan isinf exp2
    sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh""".split())
BASE_SYMBOLS = set("""malloc calloc realloc free abort vsnprintf snprintf fprintf vfprintf fputs
    fputc fwrite stderr strtod qsort""".split())


def read_layers(path):
    allowed = {}
    for num, line in enumerate(open(path), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        name, deps = line.split(":")
        deps = deps.split()
        for dep in deps:
            if dep not in allowed:
                sys.exit(f"{path}:{num}: {name} names {dep}, which no earlier line defines")
        allowed[name.strip()] = set(deps) | {name.strip()}
    return allowed


def check_include(where, module, kind, header, allowed):
    if kind == "<":
        if header in INTRINSICS and where.startswith("src/parquet/kernels_"):
            return None
        if header in LIBRARIES:
            if module != LIBRARIES[header]:
                return f"{where}: <{header}> belongs to src/{LIBRARIES[header]} alone"
        elif header not in C11 or (header in BASE_HEADERS and module != "base"):
            return f"{where}: <{header}> is not allowed in src/{module}"
        return None
    dep = header.split("/")[0]
    if dep == "parquedb":  # the public header, which the top module implements
        return None if module == "cmd" else f"{where}: only src/cmd includes {header}"
    if "/" not in header:
        return f"{where}: write the module: \"{module}/{header}\""
    if dep not in allowed[module]:
        return f"{where}: {module} may not include {header} (src/LAYERS)"
    if header.endswith("_int.h") and dep != module:
        return f"{where}: {header} is private to {dep}"
    return None


def check_includes(allowed):
    bad, count = [], 0
    for root, dirs, files in os.walk("src"):
        dirs.sort()
        for name in sorted(files):
            if not name.endswith((".c", ".h")):
                continue
            path = os.path.join(root, name)
            module = path.split(os.sep)[1]
            if module not in allowed:
                bad.append(f"{path}:1: module {module} is not in src/LAYERS")
                continue
            count += 1
            for num, line in enumerate(open(path), 1):
                m = re.match(r'\s*#\s*include\s+([<"])([^>"]+)', line)
                what = m and check_include(f"{path}:{num}", module, *m.groups(), allowed)
                if what:
                    bad.append(what)
    return count, bad


def owners():
    """Object file name -> path of its source (file names are unique)."""
    out = {}
    for root, _, files in os.walk("src"):
        for name in files:
            if name.endswith(".c"):
                out[name + ".o"] = os.path.join(root, name)
    return out


def plain(symbol):
    """memcpy for __memcpy_chk (fortified builds) and memcpy@GLIBC_2.14."""
    symbol = symbol.split("@")[0]
    m = re.match(r"__(\w+)_chk$", symbol)
    return m.group(1) if m and symbol != "__stack_chk_fail" else symbol


def is_allowed(symbol, path, defined):
    if symbol in defined or symbol in SYMBOLS:
        return True
    if symbol.startswith(("ZSTD_", "LZ4_", "BrotliDecoder", "XXH", "pcre2_",
                               "crypto_generichash")):
        return True
    return symbol in BASE_SYMBOLS and path.startswith("src/base/")


def check_symbols(library):
    text = subprocess.check_output(["nm", "-A", "--format=sysv", library], text=True)
    rows, bad = [], []
    for line in text.splitlines():
        cells = [c.strip() for c in line.split("|")]
        if len(cells) == 7 and cells[2] in set("ABCDGRSTUVWbdgs"):
            head = cells[0].split(":")
            rows.append((head[-2], head[-1].strip(), cells[2], cells[6]))
    defined = {symbol for _, symbol, kind, _ in rows if kind in "TDBRVW"}
    source = owners()
    for obj, symbol, kind, section in rows:
        path = source.get(obj, obj)
        if kind == "U":
            if not is_allowed(plain(symbol), path, defined):
                bad.append(f"{path}:1: needs the symbol {plain(symbol)}")
        elif kind in "TDBRVW" and not symbol.startswith(("pq_", "pqdb_")):
            bad.append(f"{path}:1: exports {symbol}, which starts with neither pq_ nor pqdb_")
        if kind in "BbDdCGgs" and not section.startswith(".data.rel.ro"):
            bad.append(f"{path}:1: mutable global {symbol}")
    return len(source), sorted(set(bad))


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    if len(sys.argv) == 3 and sys.argv[1] == "--nm":
        count, bad = check_symbols(sys.argv[2])
    else:
        count, bad = check_includes(read_layers("src/LAYERS"))
    for line in bad:
        print(line)
    files_bad = len({line.split(":")[0] for line in bad})
    print(f"{max(count - files_bad, 0)} passed, {files_bad} failed")
    return 1 if bad else 0


sys.exit(main())
