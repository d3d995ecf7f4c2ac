#!/usr/bin/env python3
"""End-to-end tests of `parquedb parquet`: schema, inspect, cat and verify of files that the program
wrote itself, whole and damaged.

    PARQUEDB=build/parquedb test/cli/parquet.py [NAME...]    NAME: only tests whose name contains it

Files of other writers are read by test/interop/corpora.py and convert_interop.py. The last line is
'N passed, N failed'.
"""
import json
import os
import pty
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(os.environ.get("PARQUEDB", "build/parquedb"))
passed = failed = 0
current = ""
ROWS = 3000


def check(condition, what, detail=""):
    global passed, failed
    if condition:
        passed += 1
        return
    failed += 1
    print(f"FAIL {current}: {what} {str(detail)[:800]}")


class Folder:
    """A directory with a.parquet in it: typed columns, a VARIANT, nulls. No warehouse is needed."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="parquedb-parquet-")
        self.dir = self.temporary.name
        self.env = dict(os.environ, NO_COLOR="1")
        self.env.pop("PARQUEDB_WAREHOUSE", None)
        lines = []
        for i in range(ROWS):
            row = {"$id": f"r{i:05}", "n": i, "text": f"word {i % 7}", "any": [i, {"x": None}]}
            if i % 3 == 0:
                row["ratio"] = i / 4
            lines.append(json.dumps(row))
        warehouse = ("-w", os.path.join(self.dir, "w"))
        self("import", "t", "-", *warehouse, stdin="\n".join(lines).encode())
        self("find", "t", "--project", "n,text,any,ratio", "--sort", "n", "-o", "a.parquet",
             *warehouse)

    def run(self, *args, stdin=b""):
        return subprocess.run([PROGRAM, *map(str, args)], input=stdin, capture_output=True,
                              env=self.env, cwd=self.dir, timeout=300)

    def __call__(self, *args, status=0, stdin=b""):
        done = self.run(*args, stdin=stdin)
        check(done.returncode == status, f"status {status}", (args, done))
        return done.stdout.decode()

    def error(self, *args, status=1):
        done = self.run(*args)
        check(done.returncode == status, f"status {status}", (args, done))
        return done.stderr.decode()

    def path(self, name):
        return os.path.join(self.dir, name)

    def bytes(self, name="a.parquet"):
        with open(self.path(name), "rb") as f:
            return bytearray(f.read())

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return name

    def terminal(self, *args):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execve(PROGRAM, [PROGRAM, *args], {**self.env, "TERM": "xterm", "COLUMNS": "80"})
        text = b""
        while True:
            try:
                more = os.read(fd, 65536)
            except OSError:
                break
            if not more:
                break
            text += more
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


def test_schema(f):
    out = f("parquet", "schema", "a.parquet")
    check(out.startswith("message ") and out.endswith("}\n"), "a message", out)
    check("  required int64 n" in out and "binary text (STRING)" in out, "types", out)
    check("optional double ratio" in out and "group any (VARIANT) {" in out, "annotations", out)
    check("    required binary metadata" in out, "indent", out)
    levels = f("parquet", "schema", "a.parquet", "--levels")
    check("// column 1, D 0 R 0" in levels and "//" not in out, "levels on request", levels)


def test_inspect(f):
    out = f("parquet", "inspect", "a.parquet")
    check(f"rows:         {ROWS}" in out and "createdBy:    ParqueDB" in out, "report", out)
    table = out.split("\n\n")[1].splitlines()
    check(table[0].split()[:3] == ["column", "type", "codec"], "header", table)
    check(table[-1].startswith("total "), "totals", table)
    at = table[0].index("type")
    check(all(line[at - 1] == " " and line[at] != " " for line in table[:-1]), "lines up", table)
    lines = list(map(json.loads, f("parquet", "inspect", "a.parquet", "--json").splitlines()))
    check(lines[0]["rows"] == ROWS and lines[0]["bytes"] == len(f.bytes()), "JSON", lines[0])
    columns = {c["column"]: c for c in lines[1:] if "column" in c}
    encodings = {e["encoding"]: e for e in lines[1:] if "encoding" in e}
    check(encodings["DELTA_BINARY_PACKED"]["values"] >= ROWS, "by encoding", encodings)
    check(sum(e["bytes"] for e in encodings.values()) == columns["total"]["bytes"]
          and sum(e["pages"] for e in encodings.values()) == columns["total"]["pages"],
          "the encodings add up", (encodings, columns["total"]))
    shown = out.split("\n\n")[2].splitlines()
    check(shown[0].split()[:2] == ["encoding", "pages"] and len(shown) == len(encodings) + 1,
          "a table of encodings", shown)
    check(columns["n"]["values"] == ROWS and columns["n"]["nulls"] == 0, "values", columns["n"])
    check(columns["ratio"]["nulls"] == ROWS - ROWS // 3, "nulls", columns["ratio"])
    check("DELTA_BINARY_PACKED" in columns["n"]["encodings"], "encodings", columns["n"])
    check(columns["n"]["has"] == "stats,index,crc", "what it has", columns["n"])
    sizes = [c["bytes"] for name, c in columns.items() if name != "total"]
    check(columns["total"]["bytes"] == sum(sizes), "the total is the sum", columns["total"])
    groups = f("parquet", "inspect", "a.parquet", "--row-groups", "--json").splitlines()
    check(json.loads(groups[1])["rowGroup"] == 0, "row groups", groups[1])


def test_cat(f):
    rows = [json.loads(line) for line in f("parquet", "cat", "a.parquet").splitlines()]
    check(len(rows) == ROWS and rows[3]["n"] == 3 and rows[3]["ratio"] == 0.75, "rows", rows[3])
    check("ratio" not in rows[1], "nulls are left out", rows[1])
    check(rows[2]["any"] == [{"$numberInt": "2"}, {"x": None}], "VARIANT", rows[2])
    some = f("parquet", "cat", "a.parquet", "--limit", 2, "--skip", 5, "--columns", "text,n")
    check(some == '{"text":"word 5","n":5}\n{"text":"word 6","n":6}\n', "a part", some)
    check(f("parquet", "cat", "a.parquet", "--skip", ROWS) == "", "beyond the end")
    last = f("parquet", "cat", "a.parquet", "--skip", ROWS - 1, "--columns", "n")
    check(last == f'{{"n":{ROWS - 1}}}\n', "the last", last)
    err = f.error("parquet", "cat", "a.parquet", "--columns", "txt")
    check("no column 'txt'" in err and "'text'" in err, "the nearest column", err)
    f("flush", "-w", "w")
    data = [os.path.join(folder, name) for folder, _, names in os.walk(f.path("w"))
            for name in names if name.endswith(".parquet") and "data" in folder]
    raw = json.loads(f("parquet", "cat", data[0], "--limit", 1))
    check("$data" in raw and raw["$id"] == "t/r00000", "a file of a warehouse as it is", raw)


def test_verify(f):
    out = f("parquet", "verify", "a.parquet")
    check(out.startswith("checked 1 row groups, ") and out.endswith(": 0 problems\n"), "whole", out)
    summary = json.loads(f("parquet", "verify", "a.parquet", "--json"))
    check(summary["problems"] == 0 and summary["bytes"] == len(f.bytes()), "JSON", summary)


def test_verify_damage(f):
    """A flipped byte in each part of the pages is found, and every one of several."""
    whole = f.bytes()
    end = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    found = 0
    for at in range(4, end, max(1, end // 60)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x20
        done = f.run("parquet", "verify", f.write("b.parquet", damaged))
        check(done.returncode in (0, 1), "a clean end", (at, done))
        found += done.returncode == 1
    check(found >= 55, "damage is found", found)
    forgiven = 0
    for at in range(4, end, max(1, end // 60)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x20
        f.write("b.parquet", damaged)
        if b"CRC differs" in f.run("parquet", "cat", "b.parquet").stderr:
            forgiven += f.run("parquet", "cat", "b.parquet", "--forgive").returncode == 0
    check(forgiven > 0, "with --forgive some damaged pages are read", forgiven)
    twice = bytearray(whole)
    columns = [json.loads(line) for line in
               f("parquet", "inspect", "a.parquet", "--json").splitlines()[1:]]
    columns = [c for c in columns if "column" in c and c["column"] != "total"]
    at = 4
    for column in columns:
        twice[at + column["bytes"] - 1] ^= 0xff  # the last byte of each chunk's last page
        at += column["bytes"]
    out = f("parquet", "verify", f.write("c.parquet", twice), status=1)
    check(out.count("page CRC differs") == len(columns), "all of them", out)
    lines = [json.loads(line) for line in
             f("parquet", "verify", "c.parquet", "--json", status=1).splitlines()]
    check("problem" in lines[0] and lines[-1]["problems"] >= len(columns), "as JSON", lines)


def test_no_parquet(f):
    f.write("x.parquet", b"PAR1 this is not Parquet PAR1")
    f.write("empty.parquet", b"")
    for verb in ("schema", "inspect", "cat", "verify"):
        check("CORRUPT" in f.error("parquet", verb, "x.parquet"), verb)
        check("CORRUPT" in f.error("parquet", verb, "empty.parquet"), verb)
        check("cannot open" in f.error("parquet", verb, "absent.parquet"), verb)


def test_usage(f):
    err = f.error("parquet", "inspct", "a.parquet", status=2)
    check("'inspect'" in err, "the nearest word", err)
    err = f.error("parquet", "schema", "a.parquet", "--limit", "1", status=2)
    check("parquet schema: takes no option '--limit'" in err, "an option of another word", err)
    check("--columns" in f.error("parquet", "cat", "a.parquet", "--colums", "n", status=2), "near")
    check("usage" in f.error("parquet", "cat", status=2), "no file")
    page = f("parquet", "--help")
    check("--row-groups" in page and "verify    reads everything" in page, "its page", page)


def test_terminal(f):
    status, text = f.terminal("parquet", "inspect", "a.parquet")
    check(status == 0 and "total" in text and "\x1b" not in text, "inspect", text)
    status, text = f.terminal("parquet", "verify", "a.parquet")
    check(status == 0 and ": 0 problems" in text, "verify", text)


def main():
    global current
    for name, test in sorted(globals().items()):
        if not name.startswith("test_"):
            continue
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        current = name
        test(Folder())
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
