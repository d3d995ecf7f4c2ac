#!/usr/bin/env python3
"""End-to-end tests of import and export: CSV, Parquet and NDJSON in, the same out.

    PARQUEDB=build/parquedb test/cli/convert.py [NAME...]    NAME: only tests whose name contains it
    PARQUEDB=build/parquedb test/cli/convert.py --speed      prints the speed of 1,000,000 rows

Parquet files of other writers are in test/interop/convert_interop.py. The last line is
'N passed, N failed'.
"""
import csv
import io
import json
import os
import pty
import random
import subprocess
import sys
import tempfile
import time

PROGRAM = os.path.abspath(os.environ.get("PARQUEDB", "build/parquedb"))
passed = failed = 0
current = ""


def check(condition, what, detail=""):
    global passed, failed
    if condition:
        passed += 1
        return
    failed += 1
    print(f"FAIL {current}: {what} {str(detail)[:600]}")


class Folder:
    """An empty directory with a warehouse in it; call it to run the program there."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="parquedb-convert-")
        self.dir = self.temporary.name
        self.env = dict(os.environ, PARQUEDB_WAREHOUSE=os.path.join(self.dir, "w"), NO_COLOR="1")

    def __call__(self, *args, stdin=b"", status=0):
        done = subprocess.run([PROGRAM, *map(str, args)], input=stdin, capture_output=True,
                              env=self.env, cwd=self.dir, timeout=300)
        check(done.returncode == status, f"status {status}", (args, done))
        return done.stdout.decode(), done.stderr.decode()

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        return name

    def read(self, name):
        with open(os.path.join(self.dir, name), "rb") as f:
            return f.read()

    def find(self, *args):
        out, _ = self("find", *args, "--json")
        return [json.loads(line) for line in out.splitlines()]

    def terminal(self, *args):
        """Run it with standard output and error on a terminal: (status, text)."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execve(PROGRAM, [PROGRAM, *args], {**self.env, "TERM": "xterm", "COLUMNS": "100"})
        text = b""
        while True:
            try:
                block = os.read(fd, 65536)
            except OSError:
                break
            if not block:
                break
            text += block
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


PEOPLE = """id,name,age,score,active,born,zip,note
1,Ada,36,1.5,true,1815-12-10,00123,"say ""hi"", twice"
2,"Zoë
X",,2,FALSE,2026-03-01 12:00:00,99999,""
3,Bob,41,3e2,true,,00007,
"""


def test_csv_import(f):
    f.write("people.csv", PEOPLE)
    out, err = f("import", "people", "people.csv", "--id-field", "id")
    check(out == "imported 3\n", "count", out)
    check(err == "", "no table, no bar, no note without a terminal", err)
    rows = f.find("people", "--project", "id,name,age,score,active,born,zip,note")
    check(rows[1] == {"$id": "people/2", "id": 2, "name": "Zoë\nX", "score": 2.0, "active": False,
                      "born": {"$date": "2026-03-01T12:00:00Z"}, "zip": "99999", "note": ""},
          "row", rows[1])
    check(rows[2] == {"$id": "people/3", "id": 3, "name": "Bob", "age": 41, "score": 300.0,
                      "active": True, "zip": "00007"}, "missing fields", rows[2])
    out, _ = f("import", "tabs", "-", "--format", "csv", "--json", stdin=b"a\tb\n1\tx\n")
    check(json.loads(out) == {"insertedCount": 1}, "standard input, JSON", out)
    out, _ = f("import", "acked", "people.csv", "--ack")
    check(out == "durable 3\n", "--ack", out)


def test_types_shown(f):
    f.write("people.csv", PEOPLE)
    status, text = f.terminal("import", "people", "people.csv")
    check(status == 0 and "imported 3" in text, "terminal", text)
    for line in ("name", "age", "int", "00123", "date", "100%", "3 rows"):
        check(line in text, f"shows {line}", text)
    out, err = f("import", "none", "people.csv", "--dry-run", "--types", "age:text,zip:int")
    check(out == "would import 3\n", "dry run", out)
    rows = [line.split()[:2] for line in err.splitlines()]
    check(["age", "text"] in rows and ["zip", "int"] in rows and ["born", "date"] in rows, "types",
          err)
    check("2 of zip" in err, "misfits are noted", err)
    out, _ = f("collections", "--json")
    check('"none"' not in out, "nothing is imported", out)


def test_dry_run(f):
    f.write("bad.csv", "a,b\n1,2\n3,4,5\n")
    out, err = f("import", "x", "bad.csv", "--dry-run", status=1)
    check(out == "" and "line 3, column 5" in err and "nothing was imported" in err, "CSV", err)
    f.write("bad.ndjson", '{"$id": "a", "n": 1}\n{"$id": "a"}\n')
    _, err = f("import", "x", "bad.ndjson", "--dry-run", status=1)
    check("ALREADY_EXISTS" in err and "nothing was imported" in err, "the engine judges", err)
    check(["n", "int", "1"] in [line.split() for line in err.splitlines()], "fields", err)
    check(not os.path.exists(os.path.join(f.dir, "w")), "no warehouse is made")
    f("import", "x", "bad.csv", "--dry-run", "--ack", status=2)


def test_errors(f):
    f.write("a.csv", "a,b\n1,2\n3,\"x\n")
    _, err = f("import", "x", "a.csv", status=1)
    check("a.csv: line 3, column 3: " in err and "1 rows of a.csv are durable" in err, "place", err)
    check(len(f.find("x")) == 1, "rows before stay")
    _, err = f("import", "x", "a.csv", "--format", "yaml", status=2)
    check("'yaml' is no format" in err, "format", err)
    f.write("a.ndjson", "{}\n")
    f("import", "x", "a.ndjson", "--types", "a:int", status=2)
    f("import", "x", "a.ndjson", "--strict", status=2)
    _, err = f("import", "x", "a.csv", "--types", "c:int", status=1)
    check("no column 'c'" in err, "types", err)
    f.write("a.parquet", "PAR1 this is not Parquet PAR1")
    _, err = f("import", "x", "a.parquet", status=1)
    check("CORRUPT" in err and "a.parquet" in err, "not Parquet", err)
    f.write("empty.parquet", "")
    _, err = f("import", "x", "empty.parquet", status=1)
    check("a.parquet" in err or "empty.parquet" in err, "empty Parquet", err)
    f("find", "x", "--format", "csv", "--explain", status=2)
    f("find", "x", "--format", "csv", "--json", status=2)
    status, text = f.terminal("find", "x", "--format", "parquet")
    check(status == 2 and "--output" in text, "no Parquet to a terminal", text)
    _, err = f("find", "x", "--output", "no/such/folder.csv", status=1)
    check("STORAGE_ERROR" in err and "no/such/folder.csv" in err, "folder", err)
    _, err = f("find", "x", '{"a": {"$what": 1}}', "--output", "left.csv", status=1)
    check("INVALID_FILTER" in err and not [n for n in os.listdir(f.dir) if "left" in n],
          "a failed export leaves no file", os.listdir(f.dir))


def test_id_field(f):
    f.write("a.ndjson", '{"slug": "x", "n": 1}\n{"slug": 5}\n')
    f("import", "docs", "a.ndjson", "--id-field", "slug")
    check({d["$id"] for d in f.find("docs")} == {"docs/5", "docs/x"}, "NDJSON", f.find("docs"))
    f.write("b.ndjson", '{"n": 1}\n')
    _, err = f("import", "docs", "b.ndjson", "--id-field", "slug", status=1)
    check("line 1" in err, "missing", err)


def edges(f, *args):
    out, _ = f("related", *args, "--edges", "--json")
    return [json.loads(line) for line in out.splitlines()]


def test_link_file(f):
    f("import", "t", "-", stdin=b"".join(b'{"$id":"%d"}\n' % i for i in range(9)))
    f.write("e.ndjson", '{"from": "t/0", "predicate": "p", "to": "t/1", "data": {"w": 1.5}}\n\n'
                        '{"from": "t/0", "predicate": "p", "to": "t/2", "reverse": "back"}\n')
    out, err = f("link", "--file", "e.ndjson")
    check(out == "linked 2\n" and err == "", "NDJSON", (out, err))
    out, _ = f("link", "--file", "-", stdin=f.read("e.ndjson"))
    check(out == "linked 0, unchanged 2\n", "again", out)
    out, _ = f("link", "--file", "-", "--json", stdin=f.read("e.ndjson"))
    check(json.loads(out) == {"linkedCount": 0, "unchangedCount": 2}, "again, as JSON", out)
    found = edges(f, "t/0", "p")
    check([(e["to"], e["reverse"], e.get("data")) for e in found] ==
          [("t/1", "p_of", {"w": 1.5}), ("t/2", "back", None)], "edges", found)
    f.write("e.csv", "from,predicate,to,reverse,km,note\nt/3,7,t/4,,90,\"a \"\"b\"\"\"\n"
                     "t/3,8,t/5,back,,\n")
    out, _ = f("link", "--file", "e.csv")
    check(out == "linked 2\n", "CSV", out)
    found = edges(f, "t/3")
    check([(e["predicate"], e["to"], e["reverse"], e.get("data")) for e in found] ==
          [("7", "t/4", "7_of", {"km": 90, "note": 'a "b"'}), ("8", "t/5", "back", None)],
          "predicates like numbers; other columns are data", found)
    f("import", "rows", "e.csv")
    f("find", "rows", "--output", "e.parquet", "--project",
      '{"$id": 0, "from": 1, "predicate": 1, "to": 1, "reverse": 1, "km": 1, "note": 1}')
    out, _ = f("link", "--file", "e.parquet", "--ack")
    check(out == "durable 2\n" and edges(f, "t/3") == found, "Parquet", out)
    f.write("d.csv", 'from,predicate,to,data,n\nt/6,p,t/7,"{""x"": [1]}",2\n')
    f("link", "--file", "d.csv", "--types", "data:json")
    check(edges(f, "t/6", "p")[0]["data"] == {"x": [1], "n": 2}, "a column data", edges(f, "t/6"))
    out, _ = f("exists", "t/6", "p", "t/7")
    check(out == "true\n", "exists", out)
    out, _ = f("exists", "t/6", "p", "t/8", status=1)
    check(out == "false\n", "exists not", out)
    out, _ = f("related", "t/3", "--predicates", "7,9", "--edge-filter", '{"data.km": {"$gt": 1}}',
               "--direction", "both", "--project", "_")
    check(json.loads(out) == {"$id": "t/4"}, "predicates, edge filter", out)


def test_link_file_errors(f):
    f("import", "t", "-", stdin=b'{"$id":"a"}\n{"$id":"b"}\n')
    f.write("e.ndjson", '{"from": "t/a", "predicate": "p", "to": "t/b"}\n'
                        '{"from": "t/a", "predicate": "p", "to": "t/c"}\n')
    _, err = f("link", "--file", "e.ndjson", status=1)
    check("line 2: there is no entity t/c" in err and "0 lines of e.ndjson are durable" in err and
          "line 1 and all after it were not linked" in err, "an end that is not there", err)
    f.write("e.csv", "from,to\nt/a,t/b\n")
    _, err = f("link", "--file", "e.csv", status=1)
    check("line 1: " in err and "'predicate'" in err, "no predicate", err)
    _, err = f("link", "--file", "-", "--ack", status=1,
               stdin=b'{"from": "t/a", "predicate": "p", "to": "t/b"}\n' * 1000 + b'{"x": 1}\n')
    check("line 1001: " in err and "1000 lines" in err, "what was before stays", err)
    check(len(edges(f, "t/a")) == 1, "it does")
    for args in (("t/a", "p"), ("--file", "e.csv", "t/a"), ("t/a", "p", "t/b", "--ack"),
                 ("--file", "e.csv", "--data", "{}"), ("--file", "none.csv"), (),
                 ("--file", "e.ndjson", "--types", "a:int")):
        f("link", *args, status=2)
    f("related", "t/a", "p", "--predicates", "q", status=2)
    f("related", "t/a", "--reverse", "--direction", "both", status=2)
    _, err = f("shell", stdin=b"link --file -\nlink --file e.ndjson\n", status=1)
    check("needs a FILE" in err and "line 2: there is no" in err, "in the shell", err)


def test_link_file_flushes(f):
    """What one batch leaves in memory is there for the flush behind it: the tail stays short."""
    f("import", "t", "-", stdin=b"".join(b'{"$id":"%d"}\n' % i for i in range(5000)))
    lines = b"".join(b'{"from":"t/%d","predicate":"p","to":"t/%d"}\n' % (i % 4999, i % 4993)
                     for i in range(40000))
    out, _ = f("link", "--file", "-", "--memory", "128", stdin=lines)
    check(out == "linked 40000\n", "linked", out)
    out, _ = f("stats", "--json")
    check(json.loads(out.splitlines()[0])["tail"]["events"] < 20000, "the tail", out[:400])


def test_export(f):
    f("import", "t", "-", stdin=b"".join(
        json.dumps({"$id": f"k{i:03}", "n": i, "half": i / 2, "tags": ["a", i],
                    **({"s": f'q"{i}'} if i % 2 else {})}).encode() + b"\n" for i in range(100)))
    out, _ = f("find", "t", '{"n": {"$gte": 97}}', "--format", "csv", "--project", "s,n,tags",
               "--sort", "-n")
    check(out == '$id,s,n,tags\r\nt/k099,"q""99",99,"[""a"",99]"\r\n'
                 't/k098,,98,"[""a"",98]"\r\nt/k097,"q""97",97,"[""a"",97]"\r\n', "CSV", out)
    out, _ = f("find", "t", "--format", "csv", "--project", '{"n": 1, "$id": 0}', "--limit", "1")
    check(out == "n\r\n0\r\n", "without $id", out)
    out, _ = f("find", "t", "--format", "csv", "--limit", "1", "--project", "-createdAt,-updatedAt")
    check(out.splitlines()[0] == "$id,$type,name,createdBy,updatedBy,version,n,half,tags", "union",
          out)
    out, _ = f("find", "t", '{"n": -1}', "--format", "csv", "--project", "n")
    check(out == "$id,n\r\n", "no rows", out)
    out, _ = f("find", "t", "--output", "t.parquet")
    check(out == "exported 100\n" and f.read("t.parquet")[:4] == b"PAR1", "Parquet", out)
    out, _ = f("find", "t", "--output", "t.ndjson", "--json")
    check(json.loads(out) == {"n": 100}, "NDJSON", out)
    check([json.loads(line) for line in f.read("t.ndjson").splitlines()] == f.find("t"), "same")
    out, _ = f("find", "t", "--format", "ndjson", "--limit", "2")
    check(len(out.splitlines()) == 2, "NDJSON to standard output", out)
    done = subprocess.run([PROGRAM, "find", "t", "--format", "parquet"], env=f.env, cwd=f.dir,
                          capture_output=True)
    check(done.stdout[:4] == b"PAR1" and done.stdout[-4:] == b"PAR1", "Parquet into a pipe")
    f("update", "t/k001", '{"$set": {"n": -1}}')
    seq = json.loads(f("run", '{"stats": 1}')[0].splitlines()[0])["seq"]
    out, _ = f("find", "t", '{"$id": "t/k001"}', "--as-of", f"seq:{seq - 1}", "--format", "csv",
               "--project", "n")
    check(out == "$id,n\r\nt/k001,1\r\n", "as of", out)
    f("find", "t", "--limit", "1", "--output", "t.ndjson")
    check(len(f.read("t.ndjson").splitlines()) == 1, "a file is replaced")


def test_parquet_round_trip(f):
    rng = random.Random(3)
    docs = [{"$id": f"r{i:04}", "n": rng.randrange(-9, 2 ** 40), "x": rng.random(),
             "s": "é" * (i % 5),
             "ok": i % 3 == 0, "at": {"$date": f"2026-03-{1 + i % 28:02}T00:00:00.123456Z"},
             "mixed": rng.choice([1, "1", None, [1], {"a": 1}]),
             "dec": {"$numberDecimal": f"{i}.50"}} for i in range(500)]
    f("import", "a", "-", stdin="\n".join(map(json.dumps, docs)).encode())
    fields = "n,x,s,ok,at,mixed,dec"
    f("find", "a", "--project", '{"$id": 0, "createdAt": 0, "createdBy": 0, "updatedAt": 0,'
      '"updatedBy": 0, "version": 0, "$type": 0, "name": 0}', "--output", "a.parquet")
    f("import", "b", "a.parquet")
    once = f.find("a", "--project", fields + ",-$id", "--sort", "n,x")
    again = f.find("b", "--project", fields + ",-$id", "--sort", "n,x")
    check(once == again and len(again) == 500, "db -> Parquet -> db", (once[:1], again[:1]))
    for name, collection in (("1.parquet", "a"), ("2.parquet", "b")):
        f("find", collection, "--project", fields + ",-$id", "--sort", "n,x", "--output", name)
    check(f.read("1.parquet") == f.read("2.parquet"), "and the same file again")


def test_csv_round_trip(f):
    """What Python's csv module reads is what it wrote, whatever the text holds."""
    rng = random.Random(5)
    pieces = ["a", ",", '"', "\n", "\r\n", ";", "é", " ", "\t", "1", "-", "|", "true", "x"]
    rows = [[f"{i:04}", *("".join(rng.choices(pieces, k=rng.randrange(1, 9))) for _ in range(4))]
            for i in range(400)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["id", "a", "b,\"c\"", "d", "e"])
    writer.writerows(rows)
    f.write("in.csv", text.getvalue())
    f("import", "t", "in.csv", "--id-field", "id", "--types", "id:text,a:text,d:text,e:text")
    f("find", "t", "--sort", "id", "--format", "csv", "--project",
      '{"$id": 0, "id": 1, "a": 1, "b,\\"c\\"": 1, "d": 1, "e": 1}', "--output", "out.csv")
    got = list(csv.reader(io.StringIO(f.read("out.csv").decode(), newline="")))
    check(got[0] == ["id", "a", "b,\"c\"", "d", "e"], "header", got[0])
    check(got[1:] == rows, "rows", next(((g, r) for g, r in zip(got[1:], rows) if g != r), None))


def test_own_files(f):
    f("insert", "own", '{"$id": "own/a%2Fb", "z": {"$numberLong": "1"}, "a": [1.0]}')
    f("flush")
    path = [json.loads(line)["path"] for line in f("files", "own", "--json")[0].splitlines()][0]
    f("import", "copy", os.path.join("w", path))
    wanted = f.find("own", "--project", "z,a")
    got = f.find("copy", "--project", "z,a")
    check(got == [{**wanted[0], "$id": wanted[0]["$id"].replace("own/", "copy/")}], "copy", got)
    check(f("count", "copy", '{"z": {"$type": "long"}}')[0] == "1\n", "types stay")


def speed():
    """Seconds and rows a second for 1,000,000 rows of CSV, in and out."""
    f, count, rng = Folder(), 1000000, random.Random(1)
    with open(os.path.join(f.dir, "big.csv"), "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow("id name age score active created city comment".split())
        for i in range(count):
            writer.writerow([i, f"User {i}", rng.randrange(90), round(rng.random() * 1000, 3),
                             "true" if i % 3 else "false", f"2026-{1 + i % 12:02}-01T12:00:00Z",
                             rng.choice(["Berlin", "Oslo, NO"]), "plain text here"])
    fields = "id,name,age,score,active,created,city,comment,-$id"
    for args in (["import", "big", "big.csv", "--id-field", "id"], ["flush"],
                 ["find", "big", "--project", fields, "--output", "out.csv"],
                 ["find", "big", "--project", fields, "--output", "out.parquet"],
                 ["import", "again", "out.parquet"]):
        start = time.time()
        f(*args)
        seconds = time.time() - start
        print(f"{' '.join(args[:3]):34} {seconds:6.1f} s  {count / seconds:10,.0f} rows/s")


def main():
    global current
    if sys.argv[1:] == ["--speed"]:
        speed()
        return 0
    for name, function in sorted(globals().items()):
        if name.startswith("test_") and (not sys.argv[1:] or any(a in name for a in sys.argv[1:])):
            current = name
            function(Folder())
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
