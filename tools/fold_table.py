#!/usr/bin/env python3
"""Write src/value/fold_table.h: Unicode's simple case folding as runs of code points.

The pairs are those of CaseFolding.txt with status C and S. Python has full folding only; where that
is one code point it is the simple one too, and of the others the lower case is, if it is one code
point (the nine rows of Greek with iota below, and the capital sharp s). The Unicode version is that
of Python's tables and stands in the file.

A run: `count` code points from `first` on, each `stride` behind the one before, fold to themselves
plus `delta`.

Usage: python3 tools/fold_table.py | clang-format --style=file > src/value/fold_table.h
"""
import unicodedata

HEAD = """/* value/fold_table.h - Unicode's simple case folding, %s. Written by tools/fold_table.py.
 *
 * `count` code points from `first` on, each `stride` behind the one before, fold to themselves plus
 * `delta`. Sorted by `first`, no two overlap.
 */
#ifndef PQ_VALUE_FOLD_TABLE_H
#define PQ_VALUE_FOLD_TABLE_H

#include <stdint.h>

typedef struct fold_run {
  uint32_t first;
  uint16_t count;
  uint16_t stride;
  int32_t delta;
} fold_run;

static const fold_run fold_runs[] = {"""


def simple_fold(code):
    """The simple folding of a code point."""
    if 0xD800 <= code < 0xE000:
        return code
    for text in (chr(code).casefold(), chr(code).lower()):
        if len(text) == 1:
            return ord(text)
    return code


def run_length(pairs, at, stride):
    """How many pairs from `at` on lie `stride` apart and have one delta."""
    first, folded = pairs[at]
    count = 1
    while at + count < len(pairs):
        code = first + count * stride
        if pairs[at + count] != (code, code + folded - first):
            break
        count += 1
    return count


def main():
    pairs = [(c, simple_fold(c)) for c in range(0x110000) if simple_fold(c) != c]
    print(HEAD % f"Unicode {unicodedata.unidata_version}")
    at = 0
    while at < len(pairs):
        count, stride = max((run_length(pairs, at, s), -s) for s in (1, 2))
        first, folded = pairs[at]
        print(f"    {{{first}, {count}, {-stride}, {folded - first}}},")
        at += count
    print("};\n\n#endif")


main()
