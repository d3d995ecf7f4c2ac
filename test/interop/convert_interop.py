#!/usr/bin/env python3
"""Parquet of other writers into the database and out again, compared value by value.

    pyarrow writes every flat type, DuckDB a table  ->  parquedb import  ->  find: the same values
    parquedb find --output x.parquet  ->  pyarrow and DuckDB read the same values
    pyarrow writes lists, structs and maps  ->  parquedb import, parquedb parquet cat

usage: convert_interop.py SCRATCH-FOLDER        (PARQUEDB names the program)
"""
import base64
import datetime
import decimal
import json
import math
import os
import subprocess
import sys
import uuid

import duckdb
import pyarrow
import pyarrow.parquet

PROGRAM = os.path.abspath(os.environ["PARQUEDB"])
UTC = datetime.timezone.utc
ROWS = 2500
results = {"passed": 0, "failed": 0}


def check(what, got, wanted):
    is_same = got == wanted
    results["passed" if is_same else "failed"] += 1
    if not is_same:
        print(f"FAIL {what}: got {str(got)[:400]}, wanted {str(wanted)[:400]}")


def run(*args):
    return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True)


def parquedb(*args):
    done = run(*args)
    if done.returncode != 0:
        sys.exit(f"parquedb {' '.join(map(str, args))}: status {done.returncode}: {done.stderr}")
    return done.stdout


def time_of(iso):
    return datetime.datetime.fromisoformat(iso.replace("Z", "+00:00"))


def plain(v):
    """Python's value of relaxed Extended JSON."""
    if not isinstance(v, dict) or len(v) != 1:
        return v
    key, inner = next(iter(v.items()))
    if key == "$date" and isinstance(inner, dict):
        ms = decimal.Decimal(inner["$numberLong"])
        epoch = datetime.datetime(1970, 1, 1, tzinfo=UTC)
        return epoch + datetime.timedelta(microseconds=int(ms * 1000))
    readers = {"$date": time_of, "$numberDecimal": decimal.Decimal, "$uuid": uuid.UUID,
               "$numberDouble": float, "$binary": lambda b: base64.b64decode(b["base64"])}
    return readers[key](inner) if key in readers else v


def wanted_of(v):
    """What a document holds for a value that pyarrow read."""
    if isinstance(v, datetime.datetime):
        return v if v.tzinfo else v.replace(tzinfo=UTC)
    if isinstance(v, datetime.date):
        return datetime.datetime(v.year, v.month, v.day, tzinfo=UTC)
    if isinstance(v, datetime.time):
        return v.isoformat()
    return v


def same(a, b):
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return a == b


def table():
    """Every flat type, nulls in each, the ends of their ranges in front."""
    def column(kind, first, make):
        values = [first[i] if i < len(first) else None if i % 7 == 3 else make(i)
                  for i in range(ROWS)]
        return pyarrow.array(values, type=kind)

    day, time = datetime.date(2026, 3, 1), datetime.datetime(2026, 3, 1, 12, 0, 0)
    later = [time + datetime.timedelta(microseconds=1001 * i) for i in range(ROWS)]
    milli = [time + datetime.timedelta(milliseconds=i) for i in range(ROWS)]
    old = datetime.datetime(1815, 12, 10, 1, 2, 3)
    dec = decimal.Decimal
    columns = {
        "id": pyarrow.array([f"r{i:05}" for i in range(ROWS)]),
        "s": column(pyarrow.string(), ["", "a\"b\\\n\t\x01", "Zoë №"], lambda i: f"text {i % 50}"),
        "ls": column(pyarrow.large_string(), ["x"], lambda i: "y" * (i % 9)),
        "dict": column(pyarrow.string(), [], lambda i: f"d{i % 3}").dictionary_encode(),
        "ok": column(pyarrow.bool_(), [True, False], lambda i: i % 2 == 0),
        "f16": column(pyarrow.float16(), [1.5, -0.25, 65504.0, 2.0 ** -14, 2.0 ** -24],
                      lambda i: float(i % 100)),
        "f32": column(pyarrow.float32(), [0.1, math.inf, -math.inf, math.nan], lambda i: i / 8),
        "f64": column(pyarrow.float64(), [0.1, math.inf, 1e300, math.nan, -0.0], lambda i: i / 3),
        "day": column(pyarrow.date32(), [datetime.date(1, 1, 1), datetime.date(9999, 12, 31)],
                      lambda i: day + datetime.timedelta(days=i)),
        "day64": column(pyarrow.date64(), [], lambda i: day),
        "t32": column(pyarrow.time32("ms"), [datetime.time(23, 59, 59, 999000)],
                      lambda i: datetime.time(i % 24, i % 60)),
        "t64": column(pyarrow.time64("us"), [datetime.time(23, 59, 59, 999999)],
                      lambda i: datetime.time(i % 24, i % 60)),
        "ts_s": column(pyarrow.timestamp("s"), [old], lambda i: time),
        "ts_ms": column(pyarrow.timestamp("ms", tz="UTC"), [old], lambda i: milli[i]),
        "ts_us": column(pyarrow.timestamp("us", tz="UTC"), [old], lambda i: later[i]),
        "ts_local": column(pyarrow.timestamp("us"), [old], lambda i: later[i]),
        "ts_ns": column(pyarrow.timestamp("ns", tz="Europe/Berlin"), [old], lambda i: later[i]),
        "d5": column(pyarrow.decimal128(5, 2), [dec("-999.99"), dec("0.00")],
                     lambda i: dec(i) / 100),
        "d15": column(pyarrow.decimal128(15, 3), [dec("-1.001")], lambda i: dec(i)),
        "d38": column(pyarrow.decimal128(38, 10), [dec("-9" * 1 + "1234567890123456789.0123456789"),
                                                    dec("9" * 28 + "." + "9" * 10)],
                      lambda i: dec(i)),
        "bin": column(pyarrow.binary(), [b"", b"\0\xff\x80"], lambda i: bytes([i % 256])),
        "fix": column(pyarrow.binary(3), [b"\0\0\0"], lambda i: bytes([i % 256] * 3)),
        "null": pyarrow.nulls(ROWS),
    }
    for bits in (8, 16, 32, 64):
        low, high = -2 ** (bits - 1), 2 ** (bits - 1) - 1
        columns[f"i{bits}"] = column(getattr(pyarrow, f"int{bits}")(), [low, high, 0],
                                     lambda i: i % 100)
        columns[f"u{bits}"] = column(getattr(pyarrow, f"uint{bits}")(), [0, 2 ** bits - 1],
                                     lambda i: i % 100)
    if hasattr(pyarrow, "uuid"):
        raw = [None if i % 5 == 4 else uuid.UUID(int=i * 7919).bytes for i in range(ROWS)]
        columns["uuid"] = pyarrow.ExtensionArray.from_storage(
            pyarrow.uuid(), pyarrow.array(raw, type=pyarrow.binary(16)))
    if hasattr(pyarrow, "json_"):
        text = [json.dumps({"n": i, "list": [i, {"deep": None}]}) for i in range(ROWS)]
        columns["json"] = pyarrow.ExtensionArray.from_storage(pyarrow.json_(), pyarrow.array(text))
    return pyarrow.table(columns)


def expected_rows(source):
    rows = []
    for row in source.to_pylist():
        row = {k: wanted_of(v) for k, v in row.items() if v is not None}
        if "json" in row and isinstance(row["json"], str):
            row["json"] = json.loads(row["json"])
        if "uuid" in row and isinstance(row["uuid"], bytes):
            row["uuid"] = uuid.UUID(bytes=row["uuid"])
        if "t32" in row:
            row["t32"] = row["t32"][:12]  # milliseconds
        if row.get("u64", 0) > 2 ** 63 - 1:
            row["u64"] = decimal.Decimal(row["u64"])
        rows.append(row)
    return rows


def differences(got, wanted):
    out = []
    for i, (g, w) in enumerate(zip(got, wanted)):
        for key in {**g, **w}:
            if key not in g or key not in w or not same(g[key], w[key]):
                out.append((i, key, g.get(key), w.get(key)))
    return out[:5] if len(got) == len(wanted) else [("rows", len(got), len(wanted))]


def documents(collection, *options):
    lines = parquedb("find", collection, "--json", "--sort", "id", *options).splitlines()
    system = {"$id", "$type", "name", "createdAt", "createdBy", "updatedAt", "updatedBy", "version"}
    return [{k: plain(v) for k, v in json.loads(line).items() if k not in system}
            for line in lines]


def test_types(source, options, name):
    path = f"{name}.parquet"
    pyarrow.parquet.write_table(source, path, **options)
    parquedb("import", name, path, "--id-field", "id")
    wanted = expected_rows(pyarrow.parquet.read_table(path))
    check(f"{name}: import", differences(documents(name), wanted), [])
    return wanted


def parquet_type(name, kind):
    """What the export's column must be; None: whatever holds it."""
    if pyarrow.types.is_integer(kind):
        return None if name == "u64" else pyarrow.int64()
    if pyarrow.types.is_floating(kind):
        return pyarrow.float64()
    if pyarrow.types.is_timestamp(kind) or pyarrow.types.is_date(kind):
        return pyarrow.timestamp("us", tz="UTC")
    return pyarrow.bool_() if pyarrow.types.is_boolean(kind) else None


def test_export(source, wanted, name):
    """Typed columns as pyarrow reads them; VARIANT columns (decimals, JSON) as DuckDB does."""
    columns = [f.name for f in source.schema]
    out = f"{name}-out.parquet"
    parquedb("find", name, "--sort", "id", "--project", ",".join(columns), "--output", out)
    exported = pyarrow.parquet.read_table(out)
    check(f"{name}: export: columns", exported.column_names, ["$id", *columns])
    for field in source.schema:
        kind = parquet_type(field.name, field.type)
        if kind is not None:
            check(f"{name}: export: type of {field.name}",
                  exported.schema.field(field.name).type, kind)
    is_variant = {f.name: pyarrow.types.is_struct(f.type) for f in exported.schema}
    typed = [f for f in columns if not is_variant[f] and f != "uuid"]
    got = [{k: wanted_of(v) for k, v in row.items() if v is not None}
           for row in exported.select(typed).to_pylist()]
    typed_wanted = [{k: v for k, v in row.items() if k in typed} for row in wanted]
    check(f"{name}: export: typed values", differences(got, typed_wanted), [])
    con = duckdb.connect()
    sums = "SELECT count(*), count(s), sum(i64 % 1000) FROM"
    check(f"{name}: export: DuckDB's sums", con.execute(f"{sums} '{out}'").fetchone(),
          con.execute(f"{sums} '{name}.parquet'").fetchone())
    decimal_text = "d15::VARIANT::DECIMAL(15,3)"
    decimals = con.execute(f"SELECT {decimal_text} FROM '{out}' ORDER BY id").fetchall()
    check(f"{name}: export: decimals in DuckDB", [d for d, in decimals],
          [row.get("d15") for row in wanted])
    if "uuid" in columns:
        ids = con.execute(f"SELECT uuid::VARCHAR FROM '{out}' ORDER BY id").fetchall()
        check(f"{name}: export: uuid in DuckDB", [u for u, in ids],
              [str(row["uuid"]) if "uuid" in row else None for row in wanted])
    again(name, out, wanted)


def again(name, path, wanted):
    """Our export imported into another warehouse: the same documents."""
    env = dict(os.environ, PARQUEDB_WAREHOUSE=os.path.abspath(f"{name}-again"))
    subprocess.run([PROGRAM, "import", name, path], env=env, check=True, capture_output=True)
    done = subprocess.run([PROGRAM, "find", name, "--json", "--sort", "id"], env=env, check=True,
                          capture_output=True, text=True)
    got = [{k: plain(v) for k, v in json.loads(line).items() if k in wanted[0] or k in ALL}
           for line in done.stdout.splitlines()]
    check(f"{name}: export imported again", differences(got, wanted), [])


def test_csv(wanted, name):
    """CSV out and in again: what text can tell."""
    env = dict(os.environ, PARQUEDB_WAREHOUSE=os.path.abspath(f"{name}-csv"))
    fields = "id,s,i32,i64,f64,ok,ts_us,day"
    parquedb("find", name, "--sort", "id", "--project", fields, "--output", "out.csv")
    subprocess.run([PROGRAM, "import", name, "out.csv"], env=env, check=True, capture_output=True)
    subprocess.run([PROGRAM, "find", name, "--sort", "id", "--project", fields, "--output",
                    "again.csv"], env=env, check=True, capture_output=True)
    check("csv -> db -> csv", open("again.csv", "rb").read(), open("out.csv", "rb").read())


def test_codecs(source):
    """Each codec that the program was built with."""
    few = source.select(["id", "s", "i64", "f64"])
    for codec in ("snappy", "gzip", "brotli", "lz4"):
        pyarrow.parquet.write_table(few, f"{codec}.parquet", compression=codec)
        done = run("import", codec, f"{codec}.parquet", "--id-field", "id")
        if "NOT_SUPPORTED" in done.stderr and codec in done.stderr:
            print(f"{codec} is not built in: not checked")
            continue
        check(f"{codec}: status", (done.returncode, done.stderr), (0, ""))
        check(f"{codec}: values", differences(documents(codec), expected_rows(few)), [])


def test_nested():
    """Lists, structs and maps of any depth become arrays and objects."""
    day = datetime.datetime(2026, 3, 1, tzinfo=UTC)
    strings, numbers = pyarrow.string(), pyarrow.int64()
    source = pyarrow.table({
        "id": ["a", "b", "c", "d"],
        "tags": pyarrow.array([["x", None], [], None, ["y"]], pyarrow.list_(strings)),
        "deep": pyarrow.array([[[1], []], None, [None, [2, None]], []],
                              pyarrow.list_(pyarrow.list_(numbers))),
        "p": pyarrow.array([{"x": 1, "q": {"t": day}}, {"x": None, "q": None}, None,
                            {"x": 2, "q": {"t": None}}],
                           pyarrow.struct([("x", numbers), ("q", pyarrow.struct([
                               ("t", pyarrow.timestamp("us", tz="UTC"))]))])),
        "m": pyarrow.array([[("k", [1]), ("l", None)], [], None, [("k", [])]],
                           pyarrow.map_(strings, pyarrow.list_(numbers))),
        "twice": pyarrow.array([[("k", 1), ("k", 2)], [("k", 1)], None, []],
                               pyarrow.map_(strings, numbers)),
        "by_number": pyarrow.array([[(1, "x"), (2, None)], None, [], []],
                                   pyarrow.map_(numbers, strings)),
        "points": pyarrow.array([[{"x": 1}, None, {"x": None}], None, [], []],
                                pyarrow.list_(pyarrow.struct([("x", numbers)])))})
    wanted = [
        {"id": "a", "tags": ["x", None], "deep": [[1], []],
         "p": {"x": 1, "q": {"t": {"$date": "2026-03-01T00:00:00Z"}}}, "m": {"k": [1], "l": None},
         "twice": [{"key": "k", "value": 1}, {"key": "k", "value": 2}],
         "by_number": [{"key": 1, "value": "x"}, {"key": 2, "value": None}],
         "points": [{"x": 1}, None, {}]},
        {"id": "b", "tags": [], "p": {}, "m": {}, "twice": {"k": 1}},
        {"id": "c", "deep": [None, [2, None]], "by_number": [], "points": []},
        {"id": "d", "tags": ["y"], "deep": [], "p": {"x": 2, "q": {}}, "m": {"k": []}, "twice": {},
         "by_number": [], "points": []}]
    for name, options in (("nested", {}), ("nested2", {"data_page_version": "2.0",
                                                       "use_compliant_nested_type": False})):
        pyarrow.parquet.write_table(source, f"{name}.parquet", **options)
        parquedb("import", name, f"{name}.parquet", "--id-field", "id")
        check(f"{name}: import", documents(name), wanted)
        lines = parquedb("parquet", "cat", f"{name}.parquet").splitlines()
        check(f"{name}: cat", [json.loads(line) for line in lines], wanted)
        check(f"{name}: verify", run("parquet", "verify", f"{name}.parquet").returncode, 0)


def test_duckdb():
    """A table that DuckDB wrote, with types that pyarrow does not have."""
    con = duckdb.connect()
    con.execute("""COPY (SELECT i AS id, i::HUGEINT::DOUBLE AS h, 'x' || i AS s,
        TIMESTAMP '2026-03-01 12:00:00' + INTERVAL (i) SECOND AS t, uuid() AS u,
        [i, NULL]::JSON AS j, (i / 4)::DECIMAL(12,4) AS d, i::UTINYINT AS small,
        TIME '01:02:03.5' AS clock, 'blob'::BLOB AS b
        FROM range(200) r(i)) TO 'duck.parquet' (FORMAT parquet, COMPRESSION zstd)""")
    parquedb("import", "duck", "duck.parquet", "--id-field", "id")
    rows = con.execute("SELECT * FROM 'duck.parquet' ORDER BY id").fetchall()
    names = [d[0] for d in con.description]
    wanted = []
    for row in rows:
        row = {k: wanted_of(v) for k, v in zip(names, row)}
        row["j"] = json.loads(row["j"])
        row["clock"] = "01:02:03.500000"
        wanted.append(row)
    check("DuckDB's table", differences(documents("duck"), wanted), [])


def test_ours():
    """A data file of the warehouse brings its documents back: ids, types and order of fields."""
    parquedb("insert", "own", """{"$id": "a", "z": {"$numberLong": "1"}, "b": [1.0, {"x": null}],
        "a": {"$oid": "0123456789abcdef01234567"}}""")
    parquedb("insert", "own", '{"_id": {"$oid": "0123456789abcdef01234567"}, "n": 1}')
    parquedb("insert", "own", '{"$id": "gone", "n": 1}')
    parquedb("flush")
    parquedb("delete", "own/gone")
    parquedb("flush")
    files = [json.loads(line) for line in parquedb("files", "own", "--json").splitlines()]
    data = sorted((f for f in files if f["kind"] == "data"), key=lambda f: -f["rows"])
    warehouse = os.environ["PARQUEDB_WAREHOUSE"]
    parquedb("import", "own2", os.path.join(warehouse, data[0]["path"]))
    shown = parquedb("find", "own2", '{"$id": "own2/a"}', "--project", "z,b,a")
    check("own file", json.loads(shown),
          json.loads(parquedb("find", "own", '{"$id": "own/a"}', "--project", "z,b,a")
                     .replace("own/a", "own2/a")))
    check("own file: long stays long", parquedb("count", "own2", '{"z": {"$type": "long"}}'), "1\n")
    check("own file: ids of _id", parquedb("count", "own2", json.dumps(
        {"$id": "own2/~o0123456789abcdef01234567"})), "1\n")


def main():
    global ALL
    os.chdir(sys.argv[1])
    os.environ["PARQUEDB_WAREHOUSE"] = os.path.abspath("convert-warehouse")
    source = table()
    ALL = set(source.column_names)
    wanted = test_types(source, {"compression": "zstd", "row_group_size": 1000}, "everything")
    test_types(source, {"compression": "none", "data_page_version": "2.0", "use_dictionary": False,
                        "version": "2.6", "store_schema": False}, "pages2")
    coarse = {"compression": "zstd", "version": "1.0", "use_deprecated_int96_timestamps": True}
    test_types(source.drop(["ts_ns", "ts_s"]), coarse, "old")
    test_export(source, wanted, "everything")
    test_csv(wanted, "everything")
    test_codecs(source)
    test_nested()
    test_duckdb()
    test_ours()
    print(f"{results['passed']} passed, {results['failed']} failed")
    return results["failed"] != 0


sys.exit(main())
