#!/usr/bin/env python3
"""DuckDB and pyarrow read the files of a warehouse that the program made.

    import + links + flush  ->  plain globs are right           (data, edges, events)
    updates + deletes + flush  ->  the SELECT of `parquedb files --sql` is right
    always  ->  equal to `parquedb count|find --flushed`; every page checksum holds

usage: duckdb_reads.py SCRATCH-FOLDER        (PARQUEDB names the program)
"""
import decimal
import glob
import json
import os
import random
import subprocess
import sys

import duckdb
import pyarrow.parquet

PROGRAM = os.environ["PARQUEDB"]
PEOPLE = 3000
results = {"passed": 0, "failed": 0}


def check(what, got, wanted):
    is_same = got == wanted
    results["passed" if is_same else "failed"] += 1
    if not is_same:
        print(f"FAIL {what}: got {str(got)[:300]}, wanted {str(wanted)[:300]}")


def parquedb(*args, stdin=None):
    done = subprocess.run([PROGRAM, *args], input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"parquedb {' '.join(args)}: status {done.returncode}: {done.stderr}")
    return done.stdout


def find(filter_text="{}"):
    lines = parquedb("find", "people", filter_text, "--flushed", "--json").splitlines()
    return [json.loads(line) for line in lines]


def person(rng, i):
    doc = {"$id": f"p{i:05}", "name": f"Zoë №{i}", "age": rng.randrange(90), "city": f"city{i % 7}",
           "score": rng.randrange(10**6) / 64, "tags": [f"t{i % 3}", i], "address": {"zip": i}}
    if i % 5 == 0:
        doc["nothing"] = None
    if i % 11 == 0:
        doc["age"] = str(i)  # another type in the same field
    return doc


def compare(con, source, what):
    """All rows of `source` against find and count."""
    docs = find()
    count = int(parquedb("count", "people", "--flushed"))
    check(f"{what}: count", con.execute(f"SELECT count(*) FROM {source}").fetchone()[0], count)
    check(f"{what}: find", len(docs), count)
    rows = con.execute(f"""SELECT "$id", "$data"::JSON::VARCHAR FROM {source}""").fetchall()
    mine = {d["$id"]: d for d in docs}
    check(f"{what}: ids", sorted(r[0] for r in rows), sorted(mine))
    for key, text in rows:
        theirs, ours = json.loads(text), mine.get(key, {})
        theirs.pop("$id", None)
        if any(ours.get(k, "?") != v for k, v in theirs.items()):
            check(f"{what}: the document {key}", theirs, ours)
            break
    else:
        check(f"{what}: documents", True, True)
    total = con.execute(f"""SELECT sum("$data".address.zip::BIGINT) FROM {source}""").fetchone()[0]
    check(f"{what}: sum of a nested field", total, sum(d["address"]["zip"] for d in docs))
    total = con.execute(f"""SELECT sum("$data".score::DOUBLE) FROM {source}""").fetchone()[0]
    check(f"{what}: sum of a double", total, sum(d["score"] for d in docs))
    total = con.execute(f"SELECT sum(version) FROM {source}").fetchone()[0]
    check(f"{what}: sum of versions", total, sum(d["version"] for d in docs))
    kinds = con.execute(f"""SELECT DISTINCT variant_typeof("$data".age) FROM {source}""").fetchall()
    check(f"{what}: both types of age", len(kinds) >= 2, True)


def check_files(warehouse):
    count = 0
    for root, _, names in os.walk(warehouse):
        for name in names:
            if name.endswith(".parquet"):
                path = os.path.join(root, name)
                file = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)
                rows = file.read().num_rows
                check(f"pyarrow: rows of {path}", rows, file.metadata.num_rows)
                count += 1
    check("there are Parquet files", count > 0, True)


def load(warehouse):
    rng = random.Random(2)
    lines = [json.dumps(person(rng, i), ensure_ascii=False) for i in range(PEOPLE)]
    parquedb("import", "people", "-", stdin="\n".join(lines) + "\n")
    edges = [{"from": f"people/p{i:05}", "predicate": "knows", "to": f"people/p{(i * 7) % 500:05}",
              "reverse": "known_by", "data": {"since": 1900 + i % 100}} for i in range(500)]
    parquedb("run", json.dumps({"link": edges}))
    parquedb("flush")
    return edges


def change():
    rng = random.Random(3)
    for i in rng.sample(range(PEOPLE), 40):
        parquedb("update", f"people/p{i:05}", '{"$set": {"address.zip": 7}, "$inc": {"score": 2}}')
    for i in rng.sample(range(500, PEOPLE), 25):
        parquedb("delete", f"people/p{i:05}")
    parquedb("import", "people", "-", stdin='{"$id": "new", "age": 1, "score": 0.5, '
             '"address": {"zip": 1}}\n')


TYPED = {"title": "string!", "n": "int#", "score": "number", "part": "float", "ok": "boolean",
         "day": "date", "at": "datetime", "key": "uuid", "raw": "binary", "lang": "enum(en,de)",
         "version": "int", "email": "email##"}
COLUMNS = {"title": "VARCHAR", "n": "BIGINT", "score": "DOUBLE", "part": "FLOAT", "ok": "BOOLEAN",
           "day": "DATE", "at": "TIMESTAMP WITH TIME ZONE", "key": "UUID", "raw": "BLOB",
           "lang": "VARCHAR", "$f_version": "BIGINT", "email": "VARCHAR"}


def check_typed(con, base):
    """A collection with a schema has plain typed columns; a widened one is read with both types."""
    parquedb("schema", "set", "typed", json.dumps(TYPED))
    docs = [{"$id": f"t{i:03}", "title": f"T{i}", "n": i, "score": i / 4, "part": 0.5,
             "ok": i % 2 == 0, "day": f"2026-01-{i % 28 + 1:02}",
             "at": f"2026-01-02T03:04:05.{i:03}Z",
             "key": f"01234567-89ab-cdef-0123-{i:012}", "lang": "en", "version": 7,
             "raw": {"$binary": {"base64": "AQID", "subType": "00"}}, "email": f"m{i}@x.org"}
            for i in range(100)]
    parquedb("import", "typed", "-", stdin="\n".join(map(json.dumps, docs)) + "\n")
    parquedb("flush")
    source = f"read_parquet('{base}/data/typed/*.parquet', union_by_name = true)"
    types = dict(con.execute(f"""SELECT column_name, column_type
                                 FROM (DESCRIBE SELECT * FROM {source})""").fetchall())
    check("typed columns", {k: types.get(k) for k in COLUMNS}, COLUMNS)
    row = con.execute(f"""SELECT title, n, score, part, ok, day::VARCHAR, epoch_ms("at"),
                          key::VARCHAR, hex(raw), lang, "$f_version", version, email
                          FROM {source} WHERE n = 29""").fetchone()
    check("typed values", row, ("T29", 29, 7.25, 0.5, False, "2026-01-02", 1767323045029,
                                "01234567-89ab-cdef-0123-000000000029", "010203", "en", 7, 1,
                                "m29@x.org"))
    parquedb("schema", "set", "typed", json.dumps({**TYPED, "n": "number"}))
    parquedb("insert", "typed", '{"title": "half", "n": 0.5, "email": "half@x.org"}')
    parquedb("flush")
    total = con.execute(f"SELECT sum(n) FROM {source}").fetchone()[0]
    check("a widened column", total, sum(range(100)) + 0.5)


NESTED = {"title": "string", "small": "decimal(9,2)", "price": "decimal(12,2)",
          "wide": "decimal(30,4)", "tags": "string[]", "costs": "decimal(10,1)[]",
          "v": "vector(2)", "o": {"a": "int", "b": {"c": "string[]"}},
          "lines": [{"k": "string", "n": "int"}], "any": "json"}
NESTED_COLUMNS = {"small": "DECIMAL(9,2)", "price": "DECIMAL(12,2)", "wide": "DECIMAL(30,4)",
                  "tags": "VARCHAR[]", "costs": "DECIMAL(10,1)[]"}
ONLY_COLUMNS = {**NESTED_COLUMNS, "v": "FLOAT[]",
                "o": "STRUCT(a BIGINT, b STRUCT(c VARCHAR[]))",
                "lines": "STRUCT(k VARCHAR, n BIGINT)[]", "any": "VARIANT", "$_id": "VARIANT"}


def nested(i):
    doc = {"_id": i, "title": f"T{i}", "small": -i / 4, "price": i / 4,
           "wide": {"$numberDecimal": f"{i}000000000000000000.1250"},
           "tags": [f"t{i % 3}", None], "costs": [], "v": [i, 0.5],
           "o": {"a": i, "b": {"c": ["x"] * (i % 4)}},
           "lines": [{"k": "l", "n": i}, {}], "any": {"n": [i, "x"]}}
    if i % 5 == 0:
        doc = {"_id": i, "title": f"T{i}"}
    return doc


def check_nested(con, base, name, columns, only):
    """Decimals and lists beside $data; without it every field, and the document is not there."""
    options = {"$mode": "strict", "$options": {"includeDataVariant": False}} if only else {}
    parquedb("schema", "set", name, json.dumps({**NESTED, **options}))
    docs = [nested(i) for i in range(1, 201)]
    parquedb("import", name, "-", stdin="\n".join(map(json.dumps, docs)) + "\n")
    parquedb("flush")
    source = f"read_parquet('{base}/data/{name}/*.parquet')"
    types = dict(con.execute(f"""SELECT column_name, column_type
                                 FROM (DESCRIBE SELECT * FROM {source})""").fetchall())
    check(f"{name}: columns", {k: types.get(k) for k in columns}, columns)
    check(f"{name}: $data", "$data" in types, not only)
    row = con.execute(f"""SELECT sum(small)::VARCHAR, sum(price)::VARCHAR, max(wide)::VARCHAR,
                          count(tags), sum(len(tags)), sum(len(costs)) FROM {source}""").fetchone()
    kept = [i for i in range(1, 201) if i % 5 != 0]
    total = sum(25 * i for i in kept)
    check(f"{name}: values", row, (f"-{total // 100}.{total % 100:02}",
                                   f"{total // 100}.{total % 100:02}",
                                   "199000000000000000000.1250", 160, 320, 0))
    table = pyarrow.parquet.read_table(glob.glob(f"{base}/data/{name}/*.parquet")[0],
                                       columns=["title", "price", "tags"])
    rows = {r["title"]: r for r in table.to_pylist()}
    check(f"{name}: pyarrow", rows["T7"], {"title": "T7", "price": decimal.Decimal("1.75"),
                                           "tags": ["t1", None]})
    check(f"{name}: pyarrow, nothing", rows["T10"], {"title": "T10", "price": None, "tags": None})
    if only:
        row = con.execute(f"""SELECT v, o.a, o.b.c, lines, "any".n::JSON::VARCHAR, "$_id"::INT
                              FROM {source} WHERE title = 'T7'""").fetchone()
        check(f"{name}: nested values", row, ([7.0, 0.5], 7, ["x"] * 3,
              [{"k": "l", "n": 7}, {"k": None, "n": None}], '[7,"x"]', 7))
    found = [json.loads(line) for line in
             parquedb("find", name, '{"title": "T7"}', "--flushed", "--json").splitlines()]
    check(f"{name}: find", [found[0][k] for k in ("_id", "lines", "any", "tags")],
          [7, [{"k": "l", "n": 7}, {}], {"n": [7, "x"]}, ["t1", None]])


def main():
    warehouse = os.path.join(sys.argv[1], "warehouse")
    os.environ["PARQUEDB_WAREHOUSE"] = warehouse
    edges = load(warehouse)
    os.chdir(warehouse)
    con = duckdb.connect()
    base = f"{warehouse}/default"
    compare(con, f"read_parquet('{base}/data/people/*.parquet')", "glob after import")
    for direction in ("forward", "reverse"):
        source = f"read_parquet('{base}/rels/{direction}/*.parquet')"
        rows = con.execute(f"""SELECT from_id, predicate, to_id, reverse, data.since::BIGINT
                               FROM {source} ORDER BY from_id, to_id""").fetchall()
        rows = sorted((f"people/{r[0].split('/')[-1]}", r[1], f"people/{r[2].split('/')[-1]}",
                       *r[3:]) for r in rows)
        wanted = sorted((e["from"], e["predicate"], e["to"], e["reverse"], e["data"]["since"])
                        for e in edges)
        check(f"{direction} edges", rows, wanted)
    events = f"read_parquet('{base}/events/*/*.parquet')"
    rows = con.execute(f"""SELECT target, op, count(*), count(DISTINCT seq) FROM {events}
                           GROUP BY ALL ORDER BY ALL""").fetchall()
    check("events", rows, [("entity", "CREATE", PEOPLE, PEOPLE), ("rel", "CREATE", 500, 500)])
    total = con.execute(f"""SELECT sum("after".address.zip::BIGINT) FROM {events}
                            WHERE target = 'entity'""").fetchone()[0]
    check("events: sum over after", total, sum(range(PEOPLE)))

    change()
    compare(con, f"({parquedb('files', 'people', '--sql').strip().rstrip(';')})",
            "--sql before the flush")
    parquedb("flush")
    compare(con, f"({parquedb('files', 'people', '--sql').strip().rstrip(';')})",
            "--sql after updates and deletes")
    rows = con.execute(f"""SELECT op, count(*) FROM {events} WHERE target = 'entity'
                           GROUP BY op ORDER BY op""").fetchall()
    check("events after", rows, [("CREATE", PEOPLE + 1), ("DELETE", 25), ("UPDATE", 40)])
    check_typed(con, base)
    check_nested(con, base, "nested", NESTED_COLUMNS, False)
    check_nested(con, base, "only", ONLY_COLUMNS, True)
    check_files(warehouse)
    print(f"{results['passed']} passed, {results['failed']} failed")
    return 1 if results["failed"] else 0


sys.exit(main())
