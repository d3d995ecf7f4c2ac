#!/usr/bin/env python3
"""Random files that we write are read back equal by pyarrow, by DuckDB and by ourselves.

    random_writer (C, seeded) ─► NAME.parquet ─► pyarrow, DuckDB, canonical_rows ─► rows ─┐
                              └► NAME.jsonl, the rows that were meant ────────────────────┴─ equal?

Schemas are flat and nested, of every type; every encoding, codec and page version that we write;
a sweep that has each combination once; and shredded VARIANTs, of which pyarrow reads the raw group.
Besides the rows: the encodings and null counts of the
metadata, minima and maxima against the data, and DuckDB's answers with a condition (which it pushes
down to our statistics and bloom filters) against those without. test_hostile_files then reads each
file in all our ways, scans with and without pruning among them, whole and damaged.

What a peer cannot read though it is right stands in DUCKDB_CANNOT and is expected to fail so.

usage: random_files.py FOLDER [COUNT [SEED]]
RANDOM_WRITER, CANONICAL_ROWS, HOSTILE_FILES name the programs; they are of the tests' build.
"""
import collections
import concurrent.futures
import decimal
import glob
import json
import os
import struct
import subprocess
import sys

import duckdb
import pyarrow
import pyarrow.parquet

sys.dont_write_bytecode = True  # nothing beside the sources
import canonical  # noqa: E402

FOLDER = os.path.join(sys.argv[1], "random", "parquet")
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 150
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 1
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build-asan")
WRITER = os.environ.get("RANDOM_WRITER", os.path.join(BUILD, "interop", "random_writer"))
READER = os.environ.get("CANONICAL_ROWS", os.path.join(BUILD, "interop", "canonical_rows"))
HOSTILE = os.environ.get("HOSTILE_FILES", os.path.join(BUILD, "unit", "test_hostile_files"))
CHUNK = 25  # files a run of the writer makes
SHOWN = 20
BOUND_LEN = 64  # of byte arrays; a prefix of 0xff has no greater one of that length

FIXED = {"fixed1", "fixed7", "fixed16", "uuid", "float16", "interval", "decimal4_fixed",
         "decimal20_fixed", "decimal38_fixed"}

# (kinds, encodings; None: any), the error of DuckDB 2.0, whether the whole file is refused, why it
# is right all the same.
DUCKDB_CANNOT = [
    ({"bson"}, None, "Unsupported converted type", True, "LogicalTypes.md has BSON"),
    (FIXED, {"BYTE_STREAM_SPLIT"}, "BYTE_STREAM_SPLIT encoding is only supported", False,
     "Encodings.md has it for FIXED_LEN_BYTE_ARRAY since 2.11"),
    ({"decimal30_bytes"}, {"DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"},
     "encoding is only supported for string/blob data", False, "it is a BYTE_ARRAY"),
]
# DuckDB's TIME and TIMESTAMPTZ count microseconds, and it reads INT96 so.
DUCKDB_LOSES_NS = {"time_ns", "stamp_ns", "int96"}
# It looks for a FLOAT in the bloom filter of a FLOAT16, whose values are hashed as 2 bytes.
DUCKDB_MISPRUNES = {"float16"}

passed, failed = 0, collections.Counter()


def check(name, what, problem):
    """Count one comparison; `problem` None: it held."""
    global passed
    if problem is None:
        passed += 1
        return
    failed[what] += 1
    if sum(failed.values()) <= SHOWN:
        print(f"{name}: {what}: {problem}")


# ---- reading ----

def leaf_encoding(chunk):
    names = [e for e in chunk.encodings if e not in ("RLE", "BIT_PACKED")]
    if chunk.physical_type == "BOOLEAN" and "PLAIN" not in names:
        return "RLE"
    return "RLE_DICTIONARY" if "RLE_DICTIONARY" in names else names[0]


def used_encodings(meta, leaf):
    return {leaf_encoding(meta.row_group(g).column(leaf)) for g in range(meta.num_row_groups)}


def refusals(info, meta):
    """What DuckDB cannot read of a file: (error of the file or None, {top column: errors})."""
    whole, columns = None, collections.defaultdict(list)
    for i, leaf in enumerate(info["leaves"]):
        for kinds, encodings, error, is_file, _ in DUCKDB_CANNOT:
            if leaf["kind"] not in kinds or encodings and not encodings & used_encodings(meta, i):
                continue
            if is_file:
                whole = error
            else:
                columns[leaf["path"][0]].append(error)
    return whole, columns


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def ask(con, query, values=None):
    """All rows of a query, by a cursor of its own: one that failed does not block the next."""
    cursor = con.cursor()
    try:
        return cursor.execute(query, values).fetchall()
    finally:
        cursor.close()


def arrow_of(con, query):
    cursor = con.cursor()
    try:
        return cursor.sql(query).to_arrow_table()
    finally:
        cursor.close()


def refusal(con, query):
    """The message of a query that fails, None if it does not."""
    try:
        arrow_of(con, query)
    except Exception as e:  # its errors have no common class
        return str(e)
    return None


def check_duckdb(con, base, info, meta, want):
    name, path = os.path.basename(base), base + ".parquet"
    whole, refused = refusals(info, meta)
    if whole is not None:
        got = refusal(con, f"FROM '{path}'")
        check(name, "duckdb", None if got is not None and whole in got else f"{whole!r}: {got}")
        return None
    for column, errors in refused.items():
        got = refusal(con, f"SELECT {quoted(column)} FROM '{path}'")
        if got is not None:  # pages without values are read
            check(name, "duckdb", None if any(e in got for e in errors) else got)
    columns = [c for c in meta_columns(info) if c not in refused]
    if not columns:
        return None
    kinds = {leaf["kind"] for leaf in info["leaves"]}
    lax = {"variant null"} | ({"ns"} if kinds & DUCKDB_LOSES_NS else set())
    selection = ", ".join(quoted(c) for c in columns)
    table = arrow_of(con, f"SELECT {selection} FROM '{path}'")
    rows = [{c: row[c] for c in columns} for row in want]
    check(name, "duckdb", canonical.difference(rows, canonical.rows_of(table), lax))
    return columns


def meta_columns(info):
    return list(dict.fromkeys(leaf["path"][0] for leaf in info["leaves"]))


def check_ours(base, want):
    name = os.path.basename(base)
    done = subprocess.run([READER, base + ".parquet"], capture_output=True, text=True)
    if done.returncode != 0:
        check(name, "our reader", (done.stdout.splitlines() or [""])[-1] + done.stderr[-500:])
        return
    got = [json.loads(line) for line in done.stdout.splitlines()]
    check(name, "our reader", canonical.difference(want, got))


def check_hostile(bases):
    """Every way of reading; the last name printed is that of the file that breaks."""
    env = dict(os.environ, PARQUEDB_CORPORA=os.path.dirname(FOLDER))
    done = subprocess.run([HOSTILE, str(SEED), "2"], capture_output=True, text=True, env=env)
    said = done.stdout.splitlines()
    check(os.path.basename(bases[0]), "test_hostile_files", None if done.returncode == 0
          else f"{said[-1:]} {done.stderr[:2000]}")


# ---- metadata ----

def order_key(kind, v):
    """A canonical value as something that compares in the column's order; None: no order."""
    form, _, text = v.partition(":") if isinstance(v, str) else ("b", "", v)
    if form == "b":
        return v
    if form in ("i", "D", "T", "TS"):
        return int(text)
    if form == "d":
        return decimal.Decimal(text)
    if form == "f":
        return None if text == "nan" else float(text)
    if form == "s":
        return text.encode()
    return bytes.fromhex(text.replace("-", "")) if form in ("x", "u") else None


def bound_key(kind, v):
    """The same of a bound, from its PLAIN bytes."""
    if kind.startswith("decimal") and kind not in ("decimal9", "decimal18"):
        scale = {"decimal4_fixed": 4, "decimal38_fixed": 10, "decimal30_bytes": 7}.get(kind, 0)
        return decimal.Decimal(int.from_bytes(v, "big", signed=True)).scaleb(-scale)
    if kind in ("decimal9", "decimal18"):
        scale = 2 if kind == "decimal9" else 5
        return decimal.Decimal(int.from_bytes(v, "little", signed=True)).scaleb(-scale)
    if kind == "float16":
        return struct.unpack("<e", v)[0]
    if kind in ("float", "double"):
        return struct.unpack("<f" if kind == "float" else "<d", v)[0]
    if kind == "bool":
        return v != b"\0"
    if kind.startswith(("time", "stamp")):
        scale = 10 ** 6 if "_ms" in kind else 1000 if "_us" in kind else 1
        return int.from_bytes(v, "little", signed=True) * scale
    if kind.startswith(("int", "date", "uint")):
        return int.from_bytes(v, "little", signed=not kind.startswith("uint"))
    return v


def chunk_statistics(path):
    """[row group][leaf]: {3: null count, 5: max, 6: min, 7: max is exact, 8: min is exact}"""
    with open(path, "rb") as f:
        footer = canonical.footer_of(f.read())
    return [[chunk[3].get(12, {}) for chunk in group[1]] for group in footer.get(4, [])]


def bounds_problem(kind, stats, values):
    """Do minimum and maximum hold for the values, and reach them where they are said to?"""
    keys = [k for k in (order_key(kind, v) for v in values) if k is not None]
    if "f:nan" in values:  # DuckDB takes NaN for the greatest value and bounds for the whole truth
        return None if 5 not in stats and 6 not in stats else "bounds beside a NaN"
    if 5 not in stats or 6 not in stats:
        is_over = keys and isinstance(keys[0], bytes) and max(keys).startswith(b"\xff" * BOUND_LEN)
        return None if not keys or is_over else "none though there are values"
    if not keys:
        return "though there are no values"
    low, high = bound_key(kind, stats[6]), bound_key(kind, stats[5])
    if low > min(keys) or high < max(keys):
        return f"[{low}, {high}] of [{min(keys)}, {max(keys)}]"
    if stats.get(8) and low != min(keys) or stats.get(7) and high != max(keys):
        return f"[{low}, {high}] is not exactly [{min(keys)}, {max(keys)}]"
    return None


def check_metadata(base, info, meta, want):
    name = os.path.basename(base)
    check(name, "row groups", None if [meta.row_group(g).num_rows for g in
                                       range(meta.num_row_groups)] == info["groups"] else "differ")
    first, all_stats = 0, chunk_statistics(base + ".parquet")
    for g, count in enumerate(info["groups"]):
        rows = want[first:first + count]
        first += count
        for i, leaf in enumerate(info["leaves"]):
            chunk, stats = meta.row_group(g).column(i), all_stats[g][i]
            where = f"{name} group {g} {'.'.join(leaf['path'])}"
            if leaf["encoding"] is not None:
                check(where, "encoding", None if leaf["encoding"] == leaf_encoding(chunk)
                      else f"{leaf['encoding']} wanted, {chunk.encodings}")
            if len(leaf["path"]) > 1 or rows and isinstance(rows[0][leaf["path"][0]], list):
                continue
            values = [row[leaf["path"][0]] for row in rows]
            nulls = values.count(None)
            check(where, "null count", None if stats.get(3) == nulls else f"{stats.get(3)}")
            check(where, "bounds", bounds_problem(leaf["kind"], stats,
                                                  [v for v in values if v is not None])
                  if leaf["stats"] and has_bounds(leaf["kind"]) else
                  None if 5 not in stats else "though none were wanted")


def has_bounds(kind):
    return kind not in ("interval", "int96", "nothing")


# ---- conditions ----

def check_conditions(con, base, info, columns, want):
    """DuckDB with a condition that it pushes down against the same on a copy in memory."""
    name, path = os.path.basename(base), base + ".parquet"
    tops = [leaf for leaf in info["leaves"]
            if len(leaf["path"]) == 1 and leaf["path"][0] in columns]
    tops = [leaf for leaf in tops if want and not isinstance(want[0][leaf["path"][0]], list)
            and leaf["kind"] != "nothing"
            and not (leaf["bloom"] and leaf["kind"] in DUCKDB_MISPRUNES)]
    if not tops:
        return
    selection = ", ".join(quoted(leaf["path"][0]) for leaf in tops)
    ask(con, f"CREATE OR REPLACE TABLE copy AS SELECT {selection} FROM '{path}'")
    types = dict(ask(con, "SELECT column_name, column_type FROM (DESCRIBE copy)"))
    for leaf in tops[:6]:
        column, kind = quoted(leaf["path"][0]), types[leaf["path"][0]]
        values = ask(con, f"SELECT DISTINCT {column}::VARCHAR AS v FROM copy "
                          f"WHERE {column} IS NOT NULL ORDER BY hash(v) LIMIT 3")
        for value, in values:
            for test in ("=", "<", ">="):
                where = f"WHERE {column} {test} CAST(? AS {kind})"
                counts = [ask(con, f"SELECT count(*) FROM {source} {where}", [value])
                          for source in ("copy", f"'{path}'")]
                check(name, "condition", None if counts[0] == counts[1]
                      else f"{where} with {value[:80]}: {counts}")


# ---- all ----

def check_file(con, base):
    name = os.path.basename(base)
    want = canonical.expected_rows(base + ".jsonl")
    with open(base + ".meta", encoding="utf-8") as f:
        info = json.load(f)
    try:
        meta = pyarrow.parquet.read_metadata(base + ".parquet")
        table = pyarrow.parquet.read_table(base + ".parquet")
        check(name, "pyarrow", canonical.difference(want, canonical.rows_of(table)))
        check_metadata(base, info, meta, want)
        columns = check_duckdb(con, base, info, meta, want)
        if columns:
            check_conditions(con, base, info, columns, want)
    except Exception as e:
        check(name, "reading", f"{type(e).__name__}: {e}")


def check_shredded(con, base):
    """DuckDB puts the values together; pyarrow has the group of metadata, value, typed_value."""
    name, path = os.path.basename(base), base + ".parquet"
    want = canonical.expected_rows(base + ".jsonl")
    try:
        raw = pyarrow.parquet.ParquetFile(path).read().to_pydict()
        check(name, "pyarrow", None if raw["id"] == list(range(len(want))) else "other ids")
        check(name, "pyarrow's nulls", None if [v is None for v in raw["v"]] ==
              [row["v"] is None for row in want] else "other rows are null")
        check(name, "duckdb", canonical.difference(
            want, canonical.rows_of(arrow_of(con, f"SELECT id, v FROM '{path}'")),
            {"variant null"}))
        count, = ask(con, f"SELECT count(*) FROM '{path}' WHERE v.age::VARCHAR = '7'")
        check(name, "condition", None if count[0] == sum(age_of(row) == 7 for row in want)
              else f"age 7: {count[0]}")
    except Exception as e:
        check(name, "reading", f"{type(e).__name__}: {e}")


def age_of(row):
    document = json.loads(row["v"][2:]) if row["v"] is not None else None
    return document.get("age") if isinstance(document, dict) else None


def write(folder, *arguments):
    done = subprocess.run([WRITER, folder, *arguments], capture_output=True, text=True)
    check(" ".join(arguments), "random_writer",
          None if done.returncode == 0 else done.stdout[-500:] + done.stderr[-2000:])


def bases_in(folder):
    return sorted(p[:-len(".parquet")] for p in glob.glob(f"{folder}/*.parquet"))


def check_all(con, bases, check_one=check_file):
    for base in bases:
        check_one(con, base)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda b: check_ours(b, canonical.expected_rows(b + ".jsonl")), bases))
    check_hostile(bases)
    if not failed:
        for base in bases:
            for ext in (".parquet", ".jsonl", ".meta"):
                if os.path.exists(base + ext):
                    os.remove(base + ext)


def main():
    con = duckdb.connect()
    con.execute("SET threads = 1")
    os.makedirs(FOLDER, exist_ok=True)
    write(FOLDER, "sweep")
    check_all(con, bases_in(FOLDER))
    for seed in range(SEED, SEED + COUNT, CHUNK):
        if failed:
            break
        write(FOLDER, str(seed), str(min(CHUNK, SEED + COUNT - seed)))
        check_all(con, bases_in(FOLDER))
    if not failed:
        write(FOLDER, "shredded", str(SEED), str(max(COUNT // 3, 1)))
        check_all(con, bases_in(FOLDER), check_shredded)
    print(f"seeds {SEED} to {SEED + COUNT - 1}; " + (str(dict(failed)) if failed else "all equal"))
    print(f"{passed} passed, {sum(failed.values())} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
