#!/usr/bin/env python3
"""Reads every file of the Parquet corpora and compares the rows with those that others read.

    corpora/parquet/FILE ─► canonical_rows ─► rows ─┬─ equal to golden/… ?
                            (ASan and UBSan)        └─ or a clean error   ─► doc/parquet-coverage.md
                            by row groups, and by a scan: the same

A file whose golden rows are `verified` must give exactly those; the valid cases of shredded VARIANT
exactly their values, types included; the invalid ones, encrypted files and LZO a fitting error. Any
other file gives rows or a clean error. No file may make the reader crash, hang, or ask for more
memory than canonical_rows allows.

usage: corpora.py [--show FILE-PART]     CANONICAL_ROWS names the program
The corpora are searched in $PARQUEDB_CORPORA/parquet, else ../shared/corpora/parquet; without them
the suite is skipped.
"""
import collections
import concurrent.futures
import decimal
import gzip
import json
import math
import os
import struct
import subprocess
import sys
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORPORA = os.path.join(os.environ.get("PARQUEDB_CORPORA") or
                       os.path.join(ROOT, "..", "shared", "corpora"), "parquet")
PROGRAM = os.environ.get("CANONICAL_ROWS", "")
TABLE = os.path.join(ROOT, "doc", "parquet-coverage.md")
TIMEOUT_S = 120
BAD_CODES = {"INTERNAL", "OUT_OF_MEMORY"}

# Where the one reader that made the golden rows differs from us, and we looked: why it is wrong.
DIFFERENCES = {
    "duckdb/data/parquet-testing/bug13053-2.parquet":
        "two columns have one name, which it changes; the values are the same",
    "duckdb/data/parquet-testing/silly-names.parquet":
        "a column has an empty name, which it changes; the values are the same",
    "duckdb/data/parquet-testing/snowflake_variant.parquet":
        "a null column is shown as the Variant null",
    "parquet-testing/data/int96_from_spark.parquet":
        "an INT96 of the year 290000, beyond 64 bits of nanoseconds, which overflowed there",
    "parquet-dotnet/src/Parquet.Test/data/thrift/breaking-spec-2024.parquet":
        "two columns have one name, which it changes; the values are the same",
    "velox/velox/dwio/parquet/tests/examples/nested_array_struct.parquet":
        "a repeated group of one field without annotation is a list of structs (LogicalTypes.md), "
        "not of the field",
    "velox/velox/dwio/parquet/tests/examples/proto-struct-with-array.parquet":
        "a repeated group of one field without annotation is a list of structs (LogicalTypes.md), "
        "not of the field",
}


# ---- Variant bytes (parquet-format: VariantEncoding.md) ----

INTEGERS = {3: ("int8", "<b"), 4: ("int16", "<h"), 5: ("int32", "<i"), 6: ("int64", "<q"),
            11: ("date", "<i"), 12: ("timestamp", "<q"), 13: ("timestampntz", "<q"),
            17: ("time", "<q"), 18: ("timestamp_ns", "<q"), 19: ("timestampntz_ns", "<q")}
DECIMALS = {8: 4, 9: 8, 10: 16}


def little(data, at, size):
    return int.from_bytes(data[at:at + size], "little")


def variant_names(meta):
    """Names of a metadata dictionary, and its length."""
    size = (meta[0] >> 6) + 1
    count = little(meta, 1, size)
    start = 1 + size * (count + 2)
    offs = [little(meta, 1 + size * (i + 1), size) for i in range(count + 1)]
    return [meta[start + a:start + b].decode() for a, b in zip(offs, offs[1:])], start + offs[-1]


def variant_primitive(kind, data):
    if kind in INTEGERS:
        name, form = INTEGERS[kind]
        return name, struct.unpack_from(form, data, 1)[0]
    if kind in DECIMALS:
        number = int.from_bytes(data[2:2 + DECIMALS[kind]], "little", signed=True)
        return f"decimal{DECIMALS[kind]}", decimal.Decimal(number).scaleb(-data[1]), data[1]
    if kind == 7:
        return "double", data[1:9].hex(), struct.unpack_from("<d", data, 1)[0]
    if kind == 14:
        return "float", data[1:5].hex(), struct.unpack_from("<f", data, 1)[0]
    if kind == 15:
        return "binary", data[5:5 + little(data, 1, 4)].hex()
    if kind == 16:
        return "string", data[5:5 + little(data, 1, 4)].decode()
    if kind == 20:
        return "uuid", str(uuid.UUID(bytes=data[1:17]))
    return {0: ("null",), 1: ("bool", True), 2: ("bool", False)}[kind]


def variant(names, data):
    """A value as a tuple that begins with its type; fields of objects in no order."""
    basic, header = data[0] & 3, data[0] >> 2
    if basic == 0:
        return variant_primitive(header, data)
    if basic == 1:
        return "string", data[1:1 + header].decode()
    size, id_size = (header & 3) + 1, (header >> 2 & 3) + 1
    count_size = 4 if header >> (4 if basic == 2 else 2) & 1 else 1
    count = little(data, 1, count_size)
    at = 1 + count_size
    ids = []
    if basic == 2:
        ids = [little(data, at + i * id_size, id_size) for i in range(count)]
        at += count * id_size
    values = at + (count + 1) * size
    items = [variant(names, data[values + little(data, at + i * size, size):])
             for i in range(count)]
    return ("object", {names[i]: v for i, v in zip(ids, items)}) if basic == 2 else ("array", items)


def variant_of(text):
    """The value of "v:<hex>:<hex>"."""
    _, meta, value = text.split(":")
    return variant(variant_names(bytes.fromhex(meta))[0], bytes.fromhex(value))


def variant_plain(v):
    """As JSON shows it, types forgotten; times and bytes become a Text, which matches any text."""
    if v[0] == "object":
        return {k: variant_plain(f) for k, f in v[1].items()}
    if v[0] == "array":
        return [variant_plain(e) for e in v[1]]
    if v[0] == "null":
        return None
    if v[0] in ("double", "float"):
        return v[2]
    if v[0] in ("bool", "string", "uuid") or v[0].startswith(("int", "decimal")):
        return v[1]
    return Text()


class Text:
    """A value whose text is a matter of taste."""


def same_json(ours, golden):
    if isinstance(ours, Text):
        return isinstance(golden, str)
    if isinstance(ours, dict) and isinstance(golden, dict):
        return ours.keys() == golden.keys() and all(same_json(ours[k], golden[k]) for k in ours)
    if isinstance(ours, list) and isinstance(golden, list):
        return len(ours) == len(golden) and all(map(same_json, ours, golden))
    if isinstance(ours, bool) or isinstance(golden, bool) or ours is None or golden is None:
        return ours is golden
    if isinstance(ours, float) and isinstance(golden, (int, float, decimal.Decimal)):
        return ours == float(golden) or struct.pack("<f", ours) == struct.pack("<f", float(golden))
    if isinstance(ours, (int, decimal.Decimal)) and isinstance(golden, (int, decimal.Decimal)):
        return ours == golden
    return ours == golden


# ---- rows ----

def same_scalar(ours, golden):
    if ours == golden:
        return True
    if not isinstance(ours, str) or not isinstance(golden, str):
        return False
    kind, _, text = ours.partition(":")
    golden_kind, _, golden_text = golden.partition(":")
    if kind == "v" and golden_kind == "s":
        return same_json(variant_plain(variant_of(ours)),
                         json.loads(golden_text, parse_float=decimal.Decimal))
    if kind == "d" and golden_kind == "f":  # of more digits than that reader's decimals have
        return float(text) == float(golden_text)
    if kind != golden_kind:
        return False
    if kind == "f":
        a, b = float(text), float(golden_text)
        return math.isnan(a) and math.isnan(b) or \
            a == b and math.copysign(1, a) == math.copysign(1, b)
    return kind == "d" and decimal.Decimal(text) == decimal.Decimal(golden_text)


def same(ours, golden):
    if isinstance(ours, dict) and isinstance(golden, dict):
        return ours.keys() == golden.keys() and all(same(ours[k], golden[k]) for k in ours)
    if isinstance(ours, list) and isinstance(golden, list):
        return len(ours) == len(golden) and all(map(same, ours, golden))
    return same_scalar(ours, golden)


def difference(ours, golden_path):
    """None, or what differs first."""
    number = 0
    with gzip.open(golden_path, "rt", encoding="utf-8") as golden:
        for line in golden:
            if line == "\n":
                continue
            number += 1
            if number > len(ours):
                return f"{len(ours)} rows, golden has more"
            if ours[number - 1] + "\n" != line:
                a, b = json.loads(ours[number - 1]), json.loads(line)
                if not same(a, b):
                    return f"row {number}: {str(a)[:700]} | golden {str(b)[:700]}"
    return None if number == len(ours) else f"{len(ours)} rows, golden {number}"


# ---- running ----

class Run:
    """One file read: rows, or the code and message of a clean error, or what went wrong."""

    def __init__(self, path, *options):
        self.path, self.rows, self.code, self.message, self.fault = path, [], None, "", None
        try:
            done = subprocess.run([PROGRAM, *options, path], capture_output=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.fault = f"no end after {TIMEOUT_S} s"
            return
        self.rows = done.stdout.decode("utf-8", "replace").splitlines() if b"\r" not in \
            done.stdout else done.stdout.decode("utf-8", "replace").rstrip("\n").split("\n")
        if done.returncode == 1 and self.rows and self.rows[-1].startswith("error: "):
            self.code, self.message = self.rows.pop()[len("error: "):].split(" ", 1)
        if done.stderr or done.returncode != (1 if self.code else 0):
            self.fault = f"status {done.returncode}: " + done.stderr.decode("utf-8", "replace")
        elif self.code in BAD_CODES:
            self.fault = f"{self.code}: {self.message}"


def load_cases():
    """What each case file of shredded VARIANT says: by file name, (is_valid, [values])."""
    folder = os.path.join(CORPORA, "parquet-testing", "shredded_variant")
    cases = {}
    with open(os.path.join(folder, "cases.json"), encoding="utf-8") as file:
        for case in json.load(file):
            name = case.get("parquet_file")
            if name is None:
                continue
            names = case.get("variant_files") or [case.get("variant_file")]
            values = []
            for part in names if "error_message" not in case else []:
                data = open(os.path.join(folder, part), "rb").read() \
                    if part and os.path.exists(os.path.join(folder, part)) else None
                if data is None:
                    values.append(None)
                    continue
                known, length = variant_names(data)
                values.append(variant(known, data[length:]))
            cases[name] = ("error_message" not in case and "INVALID" not in name, values)
    return cases


def check_case(run, case):
    """A problem with a case file, or None."""
    is_valid, values = case
    if not is_valid:
        return None if run.code == "CORRUPT" or run.code == "NOT_SUPPORTED" else \
            f"an invalid VARIANT was accepted: {run.rows[:1]} {run.code}"
    if run.code:
        return f"{run.code}: {run.message}"
    got = [json.loads(row)["var"] for row in run.rows]
    got = [None if g is None else variant_of(g) for g in got]
    return None if got == values else f"got {got}, wanted {values}"


def verdict(record, run, cases):
    """(outcome for the table, problem or None)."""
    features, status = record.get("feat") or [], record["status"]
    golden = record.get("golden")
    name = os.path.basename(record["file"])
    if run.fault:
        return "FAULT", run.fault
    if "shredded_variant" in record["file"] and name in cases:
        problem = check_case(run, cases[name])
        if problem:
            return "FAILED", problem
        if not cases[name][0]:
            return f"invalid, refused: {run.code}", None
    if run.code:
        if status == "encrypted" and "encrypt" not in run.message:
            return "FAILED", f"an error that does not say encrypted: {run.message}"
        if "codec:LZO" in features and "LZO" not in run.message.upper():
            return "FAILED", f"an error that does not say LZO: {run.message}"
        if status == "verified":
            # Damage that readers without checks do not see: the same rows when forgiven.
            forgiven = Run(run.path, "--forgive")
            if forgiven.fault or forgiven.code:
                return "FAILED", f"{run.code}: {run.message}"
            outcome, problem = verdict(record, forgiven, cases)
            return f"refused: {run.message.split(': ')[-1]}; forgiven: {outcome}", problem
        return f"refused: {run.code}", None
    if not golden:
        return "rows, nothing to compare with", None
    differs = difference(run.rows, os.path.join(CORPORA, "golden", golden))
    if not differs:
        return "equal" if status == "verified" else "equal to the one reader", None
    if status == "verified":
        return "FAILED", differs
    return "differs from the one reader", None if SHOW is None else differs


# ---- the table ----

def short(feature):
    return feature.replace("type:", "").replace("codec:", "").replace("log:", "") \
        .replace("conv:", "").replace("enc:", "").replace("page:", "page ")


def is_shown(feature):
    plain = ("rep:", "order:", "version", "stats", "kv_meta", "chunk_kv", "type:")
    return not feature.startswith(plain) and feature not in ("enc:PLAIN", "page:v1", "codec:NONE",
                                                             "multi_page", "page:dict")


def kind_of(outcome):
    return "refused" if "refused" in outcome else \
        "equal" if outcome.startswith("equal") else \
        "differs" if outcome.startswith("differs") else "rows"


def cell(text):
    return str(text).replace("|", "\\|")


INTRODUCTION = """\
Written by `test/interop/corpora.py`, which reads every file of the corpora through the library
under ASan and UBSan and compares the rows with those of other readers.

- equal: exactly the rows of the reference readers (two of them, or the one that could).
- refused: a clean error. These files are damaged, encrypted, fuzzed, or of a codec that does not
  exist any more; or they hold a VARIANT that the format forbids.
- rows: read, with nothing to compare with.
- differs: only one reference reader could read it, and we disagree; see the end.""".splitlines()


def write_table(results):
    by_feature = collections.defaultdict(collections.Counter)
    total = collections.Counter()
    for record, outcome in results:
        total[kind_of(outcome)] += 1
        for feature in record.get("feat") or ["(nothing could be read)"]:
            by_feature[feature][kind_of(outcome)] += 1
    out = ["# Parquet files of other implementations", "", *INTRODUCTION, "",
           "| files | equal | refused | rows | differs |", "| ---: | ---: | ---: | ---: | ---: |",
           f"| {len(results)} | " + " | ".join(
               str(total[k]) for k in ("equal", "refused", "rows", "differs")) + " |", "",
           "## By feature", "", "| feature | files | equal | refused | rows | differs |",
           "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for feature in sorted(by_feature):
        count = by_feature[feature]
        out.append(f"| {cell(feature)} | {sum(count.values())} | " + " | ".join(
            str(count[k]) for k in ("equal", "refused", "rows", "differs")) + " |")
    out += ["", "## By file", "", "| file | rows | columns | features | outcome |",
            "| --- | ---: | ---: | --- | --- |"]
    for record, outcome in results:
        shown = ", ".join(short(f) for f in record.get("feat") or [] if is_shown(f))
        out.append(f"| {cell(record['file'])} | {record.get('rows', '')} | "
                   f"{record.get('cols', '')} | {cell(shown)} | {cell(outcome)} |")
    reasons = [(r["file"], DIFFERENCES.get(r["file"], "not looked at yet"))
               for r, outcome in results if outcome.startswith("differs")]
    if reasons:
        out += ["", "## Where we differ, and why", "", "| file | why |", "| --- | --- |"]
        out += [f"| {cell(name)} | {cell(why)} |" for name, why in reasons]
    with open(TABLE, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


def load_manifest():
    with open(os.path.join(CORPORA, "manifest.json"), encoding="utf-8") as file:
        records = json.load(file)
    by_name = {r["file"]: r for r in records}
    for record in records:
        original = by_name.get(record.get("dup_of"))
        if original:
            record["status"], record["golden"] = original.get("status"), original.get("golden")
        record.setdefault("status", None)
    return sorted(records, key=lambda r: r["file"])


def other_files(known):
    """Everything else below the corpora that is no golden file: no Parquet, most of it."""
    for folder, folders, names in os.walk(CORPORA):
        folders[:] = sorted(f for f in folders if f != "golden")
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), CORPORA)
            if path not in known:
                yield path


SHOW = sys.argv[2] if len(sys.argv) > 2 and sys.argv[1] == "--show" else None


def main():
    if not os.path.isdir(CORPORA):
        print("the corpora are not there: skipped")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    records, cases = load_manifest(), load_cases()
    others = list(other_files({r["file"] for r in records}))
    if SHOW is not None:
        records, others = [r for r in records if SHOW in r["file"]], []
    passed = failed = 0
    results = []

    def read(path):
        run = Run(os.path.join(CORPORA, path))
        scan = Run(os.path.join(CORPORA, path), "--scan")
        is_same = bool(run.code) == bool(scan.code) and (run.code or run.rows == scan.rows)
        if not run.fault and (scan.fault or not is_same):
            run.fault = f"--scan: {scan.fault or scan.code or 'other rows'} {scan.message} " \
                        f"(by row groups: {run.code or len(run.rows)})"
        return run

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for record, run in zip(records, pool.map(read, (r["file"] for r in records))):
            outcome, problem = verdict(record, run, cases)
            results.append((record, outcome))
            passed, failed = passed + (not problem), failed + bool(problem)
            if problem:
                print(f"FAIL {record['file']} ({record['status']}): {problem[:2500]}")
            elif SHOW is not None:
                print(f"{record['file']} ({record['status']}): {outcome} {run.message}")
        for path, run in zip(others, pool.map(read, others)):
            passed, failed = passed + (not run.fault), failed + bool(run.fault)
            if run.fault:
                print(f"FAIL {path}: {run.fault[:2500]}")
    if SHOW is None and failed == 0:
        write_table(results)
    count = collections.Counter(outcome for _, outcome in results)
    for outcome in sorted(count):
        print(f"{count[outcome]:6} {outcome}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
