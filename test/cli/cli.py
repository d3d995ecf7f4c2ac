#!/usr/bin/env python3
"""End-to-end tests of the program `parquedb`: every command, options, exit statuses, messages.

    PARQUEDB=build/parquedb test/cli/cli.py [NAME...]     NAME: only tests whose name contains it

Each test gets an empty directory and a warehouse path in it. What it may rely on is doc/commands.md
and the text of `parquedb help`; wording of the engine's messages only as far as these must name
something (a line, an operator, an id). The last line is 'N passed, N failed'.
"""
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback

PROGRAM = os.path.abspath(os.environ.get("PARQUEDB", "build/parquedb"))
TIMEOUT = 120
passed = failed = 0
current = ""


def check(condition, what, detail=""):
    global passed, failed
    if condition:
        passed += 1
        return
    failed += 1
    line = next((f.lineno for f in reversed(traceback.extract_stack()) if f.name == current), 0)
    print(f"FAIL {current} (line {line}): {what} {str(detail)[:600]}")


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    @property
    def items(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return f"[status {self.status}, out {self.out[:300]!r}, err {self.err[:300]!r}]"


class Warehouse:
    """A fresh directory; call it to run the program on the warehouse in it."""

    def __init__(self):
        self.base = tempfile.mkdtemp(prefix="parquedb-cli-")
        self.dir = os.path.join(self.base, "w")

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
        env.update(PARQUEDB_WAREHOUSE=self.dir, LC_ALL="C.UTF-8", **more)
        return env

    def __call__(self, *args, stdin=b"", env=None):
        done = subprocess.run(
            [PROGRAM, *map(str, args)], input=stdin, capture_output=True, timeout=TIMEOUT,
            env=env or self.environment(), cwd=self.base)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *args):
        return subprocess.Popen(
            [PROGRAM, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=self.environment(), cwd=self.base)

    def on_terminal(self, *args, **env):
        """Standard output and error are a terminal; returns (status, text)."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.base)
            variables = {"TERM": "xterm", **self.environment(), **env}
            os.execve(PROGRAM, [PROGRAM, *map(str, args)], variables)
        data = b""
        while True:
            try:
                block = os.read(fd, 65536)
            except OSError:
                break
            if not block:
                break
            data += block
        os.close(fd)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), data.decode().replace("\r\n", "\n")

    def ok(self, *args, **more):
        result = self(*args, **more)
        check(result.status == 0, f"{args[0]} is done", (args, result))
        return result

    def refused(self, *args, code=None, says=(), **more):
        """The database says no: status 1, nothing on standard output, 'parquedb: CODE: …'."""
        result = self(*args, **more)
        check(result.status == 1, "status 1", (args, result))
        check(result.out == "", "nothing on standard output", (args, result))
        check(re.match(r"parquedb: [A-Z_]+: \S", result.err), "message has a code", result)
        codes = (code,) if isinstance(code, str) else code
        if codes:
            check(any(f"parquedb: {c}: " in result.err for c in codes), f"code {codes}", result)
        for text in says:
            check(text in result.err, f"message says {text!r}", result)
        return result

    def usage(self, *args, says=()):
        result = self(*args)
        check(result.status == 2, "status 2", (args, result))
        check(result.out == "", "nothing on standard output", (args, result))
        check(result.err.startswith("parquedb: "), "message", (args, result))
        check("try 'parquedb help" in result.err, "hint", (args, result))
        for text in says:
            check(text in result.err, f"message says {text!r}", result)
        return result

    def count(self, *args):
        result = self.ok("count", *args)
        return int(result.out) if re.fullmatch(r"\d+\n", result.out) else result.out

    def summary(self, command):
        return self.ok("run", json.dumps(command)).items[-1]

    def file(self, name, data):
        path = os.path.join(self.base, name)
        with open(path, "wb") as f:
            f.write(data.encode() if isinstance(data, str) else data)
        return path


def lines(first, count, bad=None):
    """NDJSON with ids first…; line number `bad` (from 1) is malformed."""
    out = []
    for i in range(count):
        good = f'{{"$id": "d{first + i}", "n": {first + i}}}'
        out.append('{"$id": "bad", "n": }' if bad == i + 1 else good)
    return "\n".join(out) + "\n"


def ids(result):
    return [item["$id"] for item in result.items]


def posts(w):
    """Four posts."""
    w.ok("import", "posts", "-", stdin="\n".join([
        '{"$id": "p1", "title": "Grüße", "n": 3, "tags": ["a", "b"], "in": {"deep": 1}}',
        '{"$id": "p2", "title": "Hello", "n": 1}',
        '{"$id": "p3", "title": "World", "n": 4}',
        '{"$id": "p4", "title": "Again", "n": 1}']).encode())


def test_borders(w):
    """Links to another namespace."""
    w.ok("insert", "users", '{"$id": "u7", "name": "Ada"}', "-n", "tenant-7")
    w.ok("insert", "posts", '{"$id": "p1"}')
    result = w.ok("link", "posts/p1", "editor", "tenant-7/users/u7")
    check(result.out == "linked posts/p1 editor tenant-7/users/u7\n", "link across", result)
    check(ids(w.ok("related", "posts/p1", "editor")) == ["tenant-7/users/u7"], "its far end", "")
    back = w.ok("related", "users/u7", "editor", "--reverse", "-n", "tenant-7")
    check(ids(back) == ["default/posts/p1"], "and back", back)
    check("missing:  0" in w.ok("refs", "check").out, "refs", "")
    check(w.ok("refs", "rebuild", "--json").items[0]["links"] == 1, "refs rebuild", "")
    w.refused("insert", "refs", '{"a": 1}', "-n", "_system", code="PERMISSION_DENIED")
    w.refused("link", "tenant-7/users/u7", "wrote", "posts/p1", code="VALIDATION_FAILED",
              says=["tenant-7"])
    w.ok("unlink", "posts/p1", "editor", "tenant-7/users/u7")


# ---- help and usage ----

COMMANDS = ("import insert get find count exists distinct aggregate update replace delete "
            "update-one update-many replace-one delete-one delete-many find-one-and-update "
            "find-one-and-replace find-one-and-delete upsert upsert-many bulk-write "
            "link unlink related traverse path connected neighbourhood subgraph "
            "degree pagerank components triangles communities kcore match "
            "history events get-at-version reconstruct append-event diff revert replay restore "
            "collections "
            "schema stats files flush compact maintain checkpoint vacuum retention verify refs "
            "backup parquet run transaction shell serve user help").split()


def test_help(w):
    result = w.ok("--version")
    check(re.fullmatch(r"parquedb \d+\.\d+\.\d+\n", result.out), "version", result)
    for args in (["help"], ["--help"], ["-h"]):
        result = w.ok(*args)
        check(result.err == "", "nothing on standard error", result)
        for name in COMMANDS:
            check(f"\n  {name} " in result.out, f"help lists {name}")
    for name in COMMANDS:
        result = w.ok("help", name)
        headings = re.findall(r"(?m)^\S.*", result.out)
        check(headings == ["NAME", "USAGE", "DESCRIPTION", "OPTIONS", "EXAMPLE"], "headings", name)
        check(f"NAME\n    {name} - " in result.out, f"name of {name}", result)
        check(f"USAGE\n    parquedb {name}" in result.out, f"usage of {name}", result)
        check(w.ok(name, "--help").out == result.out, f"{name} --help")
    listed = re.findall(r"(?m)^  ([a-z-]+) ", w.ok("help").out)
    check(sorted(listed) == sorted(COMMANDS), "all commands are tested", listed)
    check(not os.path.exists(w.dir), "help creates nothing")


def example_data(w):
    """What the examples of the help pages are about. All but the last two events are flushed."""
    w.ok("import", "posts", "-", stdin="\n".join([
        '{"$id": "p1", "title": "Hello", "n": 2}', '{"$id": "p2", "title": "World", "n": 5}',
        '{"$id": "p3", "title": "Again", "n": 1}', '{"$id": "p9", "title": "Gone"}']).encode())
    w.ok("import", "users", "-", stdin=b'{"$id": "u1", "name": "Ann"}\n'
         b'{"$id": "u2", "name": "Bob"}\n{"$id": "u3", "name": "Cid"}\n')
    w.ok("link", "posts/p1", "author", "users/u1")
    w.ok("link", "users/u1", "knows", "users/u2")
    w.ok("link", "users/u2", "knows", "users/u3")
    w.ok("flush")
    w.ok("update", "posts/p1", '{"$inc": {"n": 1}}')
    w.ok("delete", "posts/p9")
    w.file("places.ndjson", '{"name": "Aachen"}\n{"name": "Zürich"}\n')


def agrees(wanted, got):
    """Is it what the page shows? Spaces as they are, "…" stands for anything."""
    pattern = r"[\s\S]*?".join(re.escape(part) for part in wanted.strip().split("…"))
    return re.fullmatch(pattern, got.strip()) is not None


def test_help_examples(w):
    """Every page of the help has an example; it prints what the page says."""
    example_data(w)
    os.mkdir(os.path.join(w.base, "bin"))
    os.symlink(PROGRAM, os.path.join(w.base, "bin", "parquedb"))
    os.rename(w.dir, os.path.join(w.base, "original"))
    env = w.environment()
    env["PATH"] = os.path.join(w.base, "bin") + os.pathsep + env["PATH"]
    for name in COMMANDS:
        page = w.ok("help", name).out
        example = [line[4:] for line in page.split("\nEXAMPLE\n")[1].splitlines()]
        check(example[0].startswith("$ ") and f"parquedb {name}" in example[0], "command", example)
        shutil.rmtree(w.dir, ignore_errors=True)
        shutil.copytree(os.path.join(w.base, "original"), w.dir)
        done = subprocess.run(["sh", "-c", example[0][2:]], capture_output=True, text=True, env=env,
                              cwd=w.base, timeout=TIMEOUT)
        check(done.returncode == 0, "done", (example, done.stdout, done.stderr))
        check(agrees("\n".join(example[1:]), done.stdout), "prints what the page shows",
              (example, done.stdout))


def test_usage(w):
    result = w()
    check(result.status == 2 and "usage:" in result.err and result.out == "", "no command", result)
    w.usage("fnd", "posts", says=["'fnd'", "'find'"])
    w.usage("help", "colections", says=["'collections'"])
    w.usage("xyzzy", says=["unknown command 'xyzzy'"])
    w.usage("find", "posts", "--limt", "3", says=["'--limt'", "'--limit'"])
    w.usage("find", "posts", "--limt=3", says=["'--limt'", "'--limit'"])
    w.usage("find", "posts", "-q", says=["'-q'"])
    w.usage("find", "posts", "--limit", says=["'--limit' needs a value"])
    w.usage("find", "posts", "--limit", "--json", says=["'--limit' needs a value"])
    for bad in ("x", "-1", "1.5", "", "99999999999999999999"):
        w.usage("find", "posts", f"--limit={bad}", says=["whole number"])
    w.usage("find", "posts", "--json=yes", says=["takes no value"])
    w.usage("count", "posts", "--sort", "n", says=["count", "'--sort'"])
    w.usage("flush", "--as-of", "seq:1", says=["'--as-of'"])
    w.usage("get", "posts/p1", "--ack", says=["'--ack'"])
    w.usage("find", says=["missing", "COLL [FILTER]"])
    w.usage("find", "posts", "{}", "{}", says=["too many"])
    w.usage("get", "posts", says=["'posts'", "COLL/ID"])
    w.usage("get", "posts/p1", "p2", says=["'posts/p1'"])
    w.usage("update", "posts/p1", says=["missing"])
    w.usage("link", "posts/p1", "author", "u1", says=["TO 'u1'"])
    w.usage("related", "p1", "author", says=["FROM 'p1'"])
    w.usage("traverse", "posts/p1", says=["missing"])
    w.usage("files", says=["--edges"])
    w.usage("files", "posts", "--edges", says=["one of"])
    w.usage("find", "posts", "--sort", "a,,b", says=["empty name"])
    w.usage("import", "posts", "no-such-file", says=["no-such-file", "No such file"])
    w.usage("import", "posts", w.base, says=["directory"])
    check(not os.path.exists(w.dir), "wrong usage creates nothing")


def test_options(w):
    posts(w)
    other = os.path.join(w.base, "other")
    env = {k: v for k, v in w.environment().items() if k != "PARQUEDB_WAREHOUSE"}
    for args in (["-w", other], ["-w" + other], ["--warehouse", other], [f"--warehouse={other}"]):
        w.refused(*args, "count", "posts", says=["other"])
        w.refused("count", "posts", *args, says=["other"])
    result = w("count", "posts", "-w", w.dir, env=env)
    check(result.out == "4\n", "-w without the environment", result)
    os.rename(w.dir, os.path.join(w.base, "warehouse"))
    check(w("count", "posts", env=env).out == "4\n", "./warehouse is the default")
    check(w("count", "posts", env={**env, "PARQUEDB_WAREHOUSE": ""}).out == "4\n", "empty is unset")
    os.rename(os.path.join(w.base, "warehouse"), w.dir)
    check(ids(w.ok("--limit", "2", "find", "posts")) == ["posts/p1", "posts/p2"], "option first")
    check(len(w.ok("find", "--limit=1", "posts", "{}").items) == 1, "option between")
    check(len(w.ok("find", "--limit=1", "posts", "--limit=3").items) == 3, "the last one counts")
    check(ids(w.ok("find", "--limit=1", "--", "posts", '{"n": 4}')) == ["posts/p3"], "--")
    w.usage("find", "--", "posts", "{}", "--limit=1", says=["too many"])


# ---- documents ----

def test_insert_get(w):
    result = w.ok("insert", "posts", '{"$id": "p1", "title": "Grüße",\n "n": 1}')
    check(result.out == "posts/p1\n", "prints the id", result)
    result = w.ok("insert", "posts", '{"title": "no id"}')
    check(re.fullmatch(r"posts/[0-9a-z]{26}\n", result.out), "a ULID", result)
    made = result.out.strip()
    summary = w.ok("insert", "posts", '{"$id": "posts/p2"}', "--json").items
    check(len(summary) == 1 and summary[0]["ok"] == 1, "summary", summary)
    check(summary[0].get("insertedCount") == 1, "count", summary)
    check(summary[0].get("insertedIds") == ["posts/p2"], "ids", summary)
    check(isinstance(summary[0].get("seq"), int), "seq", summary)
    for args in (["posts/p1"], ["posts", "p1"]):
        result = w.ok("get", *args)
        entity = result.items[0]
        check(len(result.items) == 1, "one line", result)
        check(entity["$id"] == "posts/p1" and entity["title"] == "Grüße", "entity", entity)
        check(entity["version"] == 1, "version", entity)
        check(entity["createdBy"] == "system/anonymous", "creator", entity)
        check(entity["$type"] == "Post" and entity["name"] == "Grüße", "type and name", entity)
        check("Grüße" in result.out, "UTF-8 as it is", result)
    check(w.ok("get", made).items[0]["title"] == "no id", "by the made id")
    w.refused("get", "posts/none", code="ENTITY_NOT_FOUND", says=["no entity posts/none"])
    w.refused("get", "posts", "none", "--json", says=["no entity posts/none"])
    w.refused("insert", "posts", '{"$id": "p1"}', code="ALREADY_EXISTS", says=["p1"])
    check(w.count("posts") == 3, "nothing more")
    entity = w.ok("get", "posts/p1", "--project", "title").items[0]
    check(set(entity) == {"$id", "title"}, "project", entity)


def test_two_words(w):
    w.ok("insert", "posts", '{"$id": "posts/a%2Fb%25", "n": 1}')
    for args in (["posts/a%2Fb%25"], ["posts", "a/b%"]):
        check(w.ok("get", *args).items[0]["n"] == 1, "get", args)
    check(w.ok("update", "posts", "a/b%", '{"$set": {"n": 2}}').items[0]["n"] == 2, "update")
    check(len(w.ok("history", "posts", "a/b%").items) == 2, "history")
    w.refused("get", "posts", "../../etc/passwd", code="ENTITY_NOT_FOUND")
    w.ok("delete", "posts", "a/b%")
    check(w.count("posts") == 0, "delete")


def test_find_count(w):
    posts(w)
    check(ids(w.ok("find", "posts")) == ["posts/p1", "posts/p2", "posts/p3", "posts/p4"], "all")
    check(ids(w.ok("find", "posts", '{"n": {"$gt": 1}}')) == ["posts/p1", "posts/p3"], "filter")
    check(ids(w.ok("find", "posts", '{"in.deep": 1}')) == ["posts/p1"], "path")
    check(ids(w.ok("find", "posts", '{"tags": "b"}')) == ["posts/p1"], "array element")
    down = ["posts/p3", "posts/p1"]
    for sort in ("-n", '{"n": -1}', "-n,title"):
        check(ids(w.ok("find", "posts", "--sort", sort, "--limit", 2)) == down, "sort", sort)
    check(ids(w.ok("find", "posts", "--sort=n,title")) ==
          ["posts/p4", "posts/p2", "posts/p1", "posts/p3"], "two keys")
    check(ids(w.ok("find", "posts", "--skip", 1, "--limit", 2)) == ["posts/p2", "posts/p3"], "skip")
    for fields in ("title,n", '{"title": 1, "n": 1}'):
        first = w.ok("find", "posts", "--project", fields).items[0]
        check(set(first) == {"$id", "title", "n"}, "project", first)
    first = w.ok("find", "posts", "--project", "-title,-tags").items[0]
    check("title" not in first and "tags" not in first and first["n"] == 3, "leave out", first)
    result = w.ok("find", "posts", "--limit", 1)
    check(result.err == "", "a limit that was asked for is no news", result)
    check(w.ok("find", "none").out == "", "an empty collection")
    check(w.count("posts") == 4 and w.count("posts", '{"n": 1}') == 2, "count")
    result = w.ok("find", "posts", "--sort", "n", "--limit", 3, "--cursor", "", "--total")
    check("4 in all" in result.err and "--cursor " in result.err, "page", result)
    token = result.err.split("--cursor ")[1].strip()
    rest = w.ok("find", "posts", "--sort", "n", "--cursor", token)
    check(len(rest.items) == 1 and rest.err == "", "the next page", rest)
    check("$id" not in w.ok("get", "posts/p1", "--plain").items[0], "plain")
    check(w.count("posts", "--skip", 1, "--limit", 2) == 2, "count some")
    check(w.count("posts", "--collation", '{"locale": "en", "strength": 2}') == 4, "collation")
    w.refused("find", "posts", "--hint", "n_1", code="INDEX_NOT_FOUND")
    w.refused("find", "posts", "--cursor", "x", code="VALIDATION_FAILED")
    w.usage("get", "posts/p1", "--cursor", "", says=["'--cursor'"])
    result = w.ok("find", "posts", "--populate", "author", "--limit", 1)
    check(result.items[0]["author"] == [] and result.items[0]["$counts"] == {"author": 0},
          "populate", result)
    check(w.ok("count", "posts", "--json").items[0]["count"] == 4, "count --json")
    for name in ("find", "count"):
        result = w.ok(name, "posts", '{"n": 1}', "--explain")
        check(result.out.strip() != "" and '"title"' not in result.out, "explain", result)
        result = w.ok(name, "posts", '{"n": 1}', "--explain", "--json")
        check(len(result.items) == 1 and isinstance(result.items[0], dict), "explain", result)


def test_update_delete(w):
    posts(w)
    result = w.ok("update", "posts/p1", '{"$set": {"title": "T"}, "$inc": {"n": 2}}',
                  "--actor", "users/me")
    entity = result.items[0]
    check(len(result.items) == 1 and entity["title"] == "T" and entity["n"] == 5, "after", result)
    check(entity["version"] == 2 and entity["updatedBy"] == "users/me", "version, actor", entity)
    check(entity["createdBy"] == "system/anonymous", "creator", entity)
    result = w.ok("update", "posts", "p1", '{"$unset": {"title": ""}}', "--expected-version", 2)
    check("title" not in result.items[0], "unset", result)
    w.refused("update", "posts/p1", '{"$set": {"n": 0}}', "--expected-version", 2,
              code="VERSION_CONFLICT", says=["2", "3"])
    check(w.ok("get", "posts/p1").items[0]["n"] == 5, "unchanged")
    w.refused("update", "posts/none", '{"$set": {"n": 0}}', code="ENTITY_NOT_FOUND",
              says=["no entity posts/none"])
    w.refused("delete", "posts/none", code="ENTITY_NOT_FOUND", says=["no entity posts/none"])
    w.refused("delete", "posts/p1", "--expected-version", 1, code="VERSION_CONFLICT")
    w.ok("delete", "posts/p1", "--expected-version", 3)
    w.refused("get", "posts/p1", code="ENTITY_NOT_FOUND")
    w.refused("delete", "posts/p1", code="ENTITY_NOT_FOUND")
    w.refused("update", "posts/p1", '{"$set": {"n": 0}}', code="ENTITY_NOT_FOUND")
    entity = w.ok("get", "posts/p1", "--include-deleted").items[0]
    check("deletedAt" in entity and entity["version"] == 4, "deleted", entity)
    check(w.count("posts") == 3 and w.count("posts", "--include-deleted") == 4, "counts")
    check("posts/p1" in ids(w.ok("find", "posts", "--include-deleted")), "find the deleted")
    summary = w.ok("delete", "posts", "p2", "--hard", "--json").items[0]
    check(summary["deletedCount"] == 1, "summary", summary)
    w.refused("get", "posts/p2", "--include-deleted", code="ENTITY_NOT_FOUND")
    w.ok("insert", "posts", '{"$id": "p1", "n": 9}')
    check(w.ok("get", "posts/p1").items[0]["version"] == 5, "versions go on")


def test_history(w):
    posts(w)
    for n in range(3):
        w.ok("update", "posts/p1", json.dumps({"$set": {"n": 10 + n}}), "--actor", f"users/u{n}")
    events = w.ok("history", "posts/p1", "--json").items
    check(w.ok("history", "posts", "p1").items == events, "two words")
    check(len(events) == 4, "four events", events)
    check([e["version"] for e in events] == [1, 2, 3, 4], "versions", events)
    check([e["seq"] for e in events] == sorted(e["seq"] for e in events), "in order", events)
    check(all(e["entityId"] == "posts/p1" and e["op"] for e in events), "id and op", events)
    check(events[0]["before"] is None and events[0]["after"]["n"] == 3, "first", events[0])
    check(events[3]["before"]["n"] == 11 and events[3]["after"]["n"] == 12, "last", events[3])
    check(events[3]["actor"] == "users/u2" and events[3]["ns"] == "default", "actor, ns", events)
    result = w.ok("history", "posts/p1", "--limit", 2)
    check(result.items == events[:2] and result.err == "", "limit", result)
    check(w.ok("history", "posts/none").out == "", "none")
    w.ok("delete", "posts/p1")
    check(len(w.ok("history", "posts/p1").items) == 5, "of the deleted")


def instant(value):
    return value["$date"] if isinstance(value, dict) else value


def test_as_of(w):
    first = w.ok("insert", "posts", '{"$id": "p1", "n": 1}', "--json").items[0]["seq"]
    created = instant(w.ok("get", "posts/p1").items[0]["createdAt"])
    w.ok("update", "posts/p1", '{"$set": {"n": 2}}')
    w.ok("insert", "posts", '{"$id": "p2", "n": 1}')
    for when in (f"seq:{first}", created):
        check(ids(w.ok("find", "posts", '{"n": 1}', "--as-of", when)) == ["posts/p1"], "find", when)
        check(w.count("posts", "--as-of", when) == 1, "count", when)
        check(w.ok("get", "posts/p1", "--as-of", when).items[0]["version"] == 1, "get", when)
        w.refused("get", "posts/p2", "--as-of", when, says=["no entity posts/p2"])
    for when in ("seq:0", "2000-01-01", "2000-01-01T12:00:00Z", "946684800000"):
        check(w.ok("find", "posts", "--as-of", when).out == "", "nothing before", when)
        check(w.count("posts", "--as-of", when) == 0, "0 before", when)
        check(w.ok("related", "posts/p1", "x", "--as-of", when).out == "", "no edges before", when)
        w.refused("get", "posts/p1", "--as-of", when, code="ENTITY_NOT_FOUND")
    check(w.count("posts", "--as-of", "2999-12-31") == 2, "later")
    w.refused("find", "posts", "--as-of", "yesterday", says=["yesterday"])


def test_flushed(w):
    w.ok("insert", "posts", '{"$id": "p1", "n": 1}')
    check(w.count("posts") == 1 and w.count("posts", "--flushed") == 0, "before the flush")
    result = w.ok("flush")
    check(result.out.startswith("flushed 1 events"), "flush", result)
    check(w.ok("flush").out == "nothing to flush\n", "flush again")
    summary = w.ok("flush", "--json").items
    check(len(summary) == 1 and summary[0]["entry"] == 0, "flush --json", summary)
    w.ok("insert", "posts", '{"$id": "p2"}')
    w.ok("update", "posts/p1", '{"$set": {"n": 2}}')
    check(w.count("posts") == 2 and w.count("posts", "--flushed") == 1, "after the flush")
    check(w.ok("get", "posts/p1", "--flushed").items[0]["n"] == 1, "get --flushed")
    check(ids(w.ok("find", "posts", "--flushed")) == ["posts/p1"], "find --flushed")
    w.refused("get", "posts/p2", "--flushed", code="ENTITY_NOT_FOUND")


def test_namespaces(w):
    for ns in ("tenant-a", "tenant-b"):
        w.ok("insert", "posts", json.dumps({"$id": "p1", "from": ns}), "-n", ns)
    w.ok("insert", "posts", '{"$id": "p2"}', "--namespace=tenant-b")
    check(w.count("posts") == 0, "the default one is empty")
    check(w.count("posts", "-n", "tenant-a") == 1, "a")
    check(w.count("posts", "-n", "tenant-b") == 2, "b")
    check(w.ok("get", "posts/p1", "-n", "tenant-a").items[0]["from"] == "tenant-a", "get")
    w.ok("delete", "posts/p1", "-n", "tenant-b")
    check(w.count("posts", "-n", "tenant-a") == 1, "a is untouched")
    for bad in ("../x", "_system", "A B", ""):
        w.refused("insert", "posts", '{"$id": "p9"}', "-n", bad)
    check(not os.path.exists(os.path.join(w.base, "x")), "nothing outside")


# ---- edges ----

def test_edges(w):
    posts(w)
    w.ok("insert", "users", '{"$id": "u1"}')
    w.ok("insert", "users", '{"$id": "u2"}')
    result = w.ok("link", "posts/p1", "author", "users/u1", "--reverse-name", "posts",
                  "--data", '{"role": "editor"}')
    check(result.out == "linked posts/p1 author users/u1\n", "linked", result)
    result = w.ok("link", "posts/p1", "author", "users/u1", "--reverse-name=posts",
                  "--data", '{"role": "editor"}')
    check(result.out == "unchanged posts/p1 author users/u1\n", "unchanged", result)
    summary = w.ok("link", "posts/p2", "author", "users/u1", "--json").items[0]
    check(summary["linkedCount"] == 1 and summary["unchangedCount"] == 0, "summary", summary)
    w.ok("link", "users/u1", "knows", "users/u2")
    check(ids(w.ok("related", "posts/p1", "author")) == ["users/u1"], "related")
    back = w.ok("related", "users/u1", "author", "--reverse")
    check(ids(back) == ["posts/p1", "posts/p2"], "reverse", back)
    back = ["related", "users/u1", "author", "--reverse"]
    check(ids(w.ok(*back, "--skip=1")) == ["posts/p2"], "skip")
    check(len(w.ok(*back, "--limit=1").items) == 1, "limit")
    check(w.ok("related", "users/u1", "author").out == "", "none forward")
    first = w.ok("related", "users/u1", "author", "--reverse", "--project", "n").items[0]
    check(set(first) == {"$id", "n"}, "project", first)
    edges = w.ok("related", "posts/p1", "author", "--edges")
    check(len(edges.items) == 1, "edges", edges)
    check("users/u1" in edges.out and "editor" in edges.out, "target and data", edges)
    check(ids(w.ok("traverse", "posts/p1", "author", "knows")) == ["users/u2"], "traverse")
    check(ids(w.ok("traverse", "users/u2", "knows", "author", "--reverse")) ==
          ["posts/p1", "posts/p2"], "traverse back")
    limited = w.ok("traverse", "users/u2", "knows", "author", "--reverse", "--limit", 1)
    check(len(limited.items) == 1, "traverse --limit", limited)
    for args in (["related", "posts/p1", "author"], ["traverse", "posts/p1", "author"]):
        check(w.ok(*args, "--explain").out.strip() != "", "explain", args)
    w.refused("link", "posts/p1", "author", "users/none", code="ENTITY_NOT_FOUND",
              says=["users/none"])
    w.refused("link", "posts/p1", "author", "users/u1", "--data", "{x}", says=["--data", "line 1"])
    w.ok("delete", "users/u2")
    w.refused("link", "posts/p1", "author", "users/u2", code="RELATIONSHIP_TARGET_DELETED",
              says=["users/u2"])
    check(w.ok("related", "users/u1", "knows").out == "", "a deleted entity hides its edges")
    result = w.ok("unlink", "posts/p1", "author", "users/u1")
    check(result.out == "unlinked posts/p1 author users/u1\n", "unlinked", result)
    w.refused("unlink", "posts/p1", "author", "users/u1", says=["no edge posts/p1 author users/u1"])
    check(ids(w.ok("related", "users/u1", "author", "--reverse")) == ["posts/p2"], "one is left")


# ---- the warehouse ----

def test_files(w):
    posts(w)
    check(w.ok("files", "posts", "--json").out == "", "no files before the flush")
    w.ok("insert", "users", '{"$id": "u1"}')
    w.ok("link", "posts/p1", "author", "users/u1")
    w.ok("flush")
    for args, kind in ((["posts"], "data"), (["--edges"], "edges"),
                       (["--edges-reverse"], "edges-reverse"), (["--events"], "events")):
        items = w.ok("files", *args, "--json").items
        check(len(items) > 0, "files", args)
        for item in items:
            path = os.path.join(w.dir, item["path"])
            check(os.path.isfile(path), "is there", item)
            check(os.path.isfile(path) and os.path.getsize(path) == item["bytes"], "bytes", item)
            check(item["kind"] == kind and item["rows"] > 0, "kind and rows", item)
        text = w.ok("files", *args).out.splitlines()
        check(re.fullmatch(r"path +kind +rows +bytes", text[0]), "header", text)
        check(text[-1].startswith(f"total of {len(items)} files "), "total", text)
        check(text[-1].split()[-1] == str(sum(i["bytes"] for i in items)), "total bytes", text)
        check(len({len(line) for line in text}) == 1, "aligned", text)
        check("SELECT" in w.ok("files", *args, "--sql").out.upper(), "sql", args)
    rows = sum(i["rows"] for i in w.ok("files", "posts", "--json").items)
    check(rows == 4, "four posts", rows)
    sql = w.ok("files", "posts", "--sql", "--json").items
    check(len(sql) == 1 and sql[0]["sql"] + "\n" == w.ok("files", "posts", "--sql").out, "sql", sql)


def test_stats(w):
    posts(w)
    w.ok("insert", "users", '{"$id": "u1"}')
    stats = w.ok("stats", "--json").items
    check(len(stats) == 1, "one item", stats)
    check(stats[0]["ns"] == "default" and stats[0]["edges"] == 0, "ns, edges", stats)
    check({c["name"]: c["rows"] for c in stats[0]["collections"]} == {"posts": 4, "users": 1},
          "collections", stats)
    check(stats[0]["tail"]["events"] == 5 and stats[0]["flushedSeq"] == 0, "tail", stats)
    text = w.ok("stats").out
    check(re.search(r"(?m)^ns: +default$", text), "report", text)
    check(re.search(r"(?m)^posts +4 ", text), "table", text)
    check(re.search(r"(?m)^name +rows +files +bytes", text), "header", text)
    items = w.ok("collections", "--json").items
    check(items == [{"name": "posts", "count": 4}, {"name": "users", "count": 1}], "json", items)
    check(w.ok("collections").out == "name   count\nposts      4\nusers      1\n", "table")


def test_schema(w):
    posts(w)
    check(w("schema", "show", "posts").status == 1, "none yet")
    inferred = w.ok("schema", "infer", "posts", "--json").items[0]
    check(inferred["title"] == "string!" and inferred["n"] == "int!", "infer", inferred)
    check(w.ok("schema", "set", "posts", json.dumps(inferred)).out ==
          "version 1, 4 documents checked\n", "set", inferred)
    check(w.ok("schema", "show", "posts").items[0]["n"] == "int!", "show")
    check(w("insert", "posts", '{"n": "x"}').status == 1, "checked")
    changes = w.ok("schema", "diff", "posts", '{"title": "string!", "n": "number!"}').items
    check({"path": "n", "kind": "widen"}.items() <= changes[-1].items() or
          any(c["path"] == "n" and c["kind"] == "widen" for c in changes), "diff", changes)
    check(w("schema", "set", "posts", '{"title": "int"}').status == 1, "does not fit")
    w.ok("schema", "set", "posts", '{"title": "int"}', "--force", "--mode", "warn")
    item = w.ok("schema", "show", "posts", "--json").items[0]
    check(item["version"] == 2 and item["mode"] == "warn", "show --json", item)
    check(w("schema", "get", "posts").status == 2, "verb")


def test_run(w):
    summary = w.ok("run", '{"insert": "posts", "documents": [{"$id": "p1"}, {"$id": "p2"}]}',
                   "--actor", "users/me").items
    check(len(summary) == 1 and summary[0]["insertedCount"] == 2, "insert creates", summary)
    items = w.ok("run", ' {"find": "posts", "limit": 1} ').items
    check(len(items) == 2 and items[0]["$id"] == "posts/p1", "item", items)
    check(items[0]["createdBy"] == "users/me", "actor", items)
    check(items[1]["ok"] == 1 and items[1]["n"] == 1, "summary", items)
    check(items[1]["hasMore"] is True, "hasMore", items)
    summary = w.summary({"update": "posts/p1", "ops": {"$set": {"a": 1}}})
    check(summary["modifiedCount"] == 1, "write", summary)
    check(w.summary({"get": "posts/none"})["n"] == 0, "a get of nothing is no failure here")
    hops = w.summary({"traverse": "posts/p1", "path": [{"predicate": "x", "direction": "reverse"}]})
    check(hops["hops"] == [0], "hops", hops)
    w.refused("run", '{"fnid": "posts"}', says=["fnid", "find"])
    w.refused("run", '{"find": "posts", "limt": 3}', code="VALIDATION_FAILED",
              says=["limt", "limit"])
    w.refused("run", '{"find": "posts", "limit": "x"}', code="VALIDATION_FAILED", says=["limit"])
    w.refused("run", '{"find": "posts",}', code="VALIDATION_FAILED", says=["line 1, column 18"])
    w.refused("run", "[]", code="VALIDATION_FAILED")


def test_aggregate(w):
    posts(w)
    stages = '[{"$match": {"n": {"$gt": 1}}}, {"$sort": {"n": -1}}, {"$limit": 1}]'
    check(ids(w.ok("aggregate", "posts", stages)) == ["posts/p3"], "stages")
    w.ok("aggregate", "posts", '[{"$match": {"_id": null}}, {"$out": "copies"}]')
    w.ok("run", '{"aggregate": "posts", "pipeline": [{"$merge": "copies"}]}')
    counts = [w.summary({"count": c})["count"] for c in ("posts", "copies")]
    check(counts[0] == counts[1] > 0, "$out and $merge store all", counts)
    w.refused("aggregate", "posts", "[", says=["PIPELINE", "line 1, column 2"])
    w.refused("aggregate", "posts", '[{"$mach": {}}]', says=["$mach"])
    w.refused("aggregate", "posts", "{}")
    w.usage("aggregate", "posts", says=["missing"])


def test_events_restore(w):
    posts(w)
    w.ok("insert", "users", '{"$id": "u1"}')
    w.ok("delete", "posts/p2")
    events = w.ok("events").items
    check([e["op"] for e in events] == ["CREATE"] * 5 + ["DELETE"], "all", events)
    check(len(w.ok("events", "users").items) == 1, "of one collection")
    check(w.ok("events", "--from", events[4]["seq"]).items == events[5:], "from")
    check(w.ok("events", "--limit", 2).items == events[:2], "limit")
    check(len(w.ok("events", "posts", "--op", "DELETE").items) == 1, "op")
    w.refused("events", "--op", "X")
    check(w.ok("restore", "posts/p2").out == "restored posts/p2\n", "restored")
    check(w.ok("get", "posts", "p2").items[0]["title"] == "Hello", "it is there")
    w.ok("delete", "posts", "p2")
    check(w.ok("restore", "posts", "p2", "--json").items[0]["restoredCount"] == 1, "--json")
    w.refused("restore", "posts/none", code="ENTITY_NOT_FOUND", says=["posts/none"])
    w.usage("restore", "posts", says=["COLL/ID"])


def moments_that_are_not_there(w, event):
    """The last event is number 6; `event` is the id of number 5."""
    says = ["event 7 is not there yet", "the last one of namespace 'default' is 6"]
    for words in (["get", "posts/p1"], ["find", "posts"], ["count", "posts"], ["collections"],
                  ["history", "posts/p1"], ["events"], ["reconstruct", "posts/p1"]):
        w.refused(*words, "--as-of", "seq:7", code="VALIDATION_FAILED", says=["asOf:", *says])
    w.refused("diff", "posts", "--from", "seq:7", code="VALIDATION_FAILED", says=["from:", *says])
    w.refused("revert", "posts", "--to", 7, code="VALIDATION_FAILED", says=["to:", *says])
    w.refused("count", "posts", "--as-of", 5, code="VALIDATION_FAILED", says=['write "seq:5"'])
    w.refused("history", "posts", "--from", 1772366400000, code="VALIDATION_FAILED",
              says=["looks like milliseconds"])
    other = event[:9] + ("0" if event[9] != "0" else "1") + event[10:]
    for words in (["find", "posts", "--as-of"], ["events", "--cursor"],
                  ["history", "posts", "--to"], ["diff", "posts", "--from"],
                  ["replay", "--into-namespace", "far", "--cursor"]):
        w.refused(*words, other, code="VALIDATION_FAILED", says=[other, "event 5 has another time"])
    check(w.ok("events", "--from", "seq:7").out == "", "a number may lie ahead")


def test_time(w):
    posts(w)
    w.ok("update", "posts/p1", '{"$set": {"n": 9}}', "--actor", "users/ann", "--metadata",
         '{"ticket": 7}')
    w.ok("delete", "posts/p2", "--metadata", '{"ticket": 8}')
    changed = w.ok("history", "posts/p1", "--from", "seq:4").items
    check([e["metadata"] for e in changed] == [{"ticket": 7}], "metadata", changed)
    check(w.ok("history", "posts/p1", "--from", 4).items == changed, "a number is an event's")
    check(w.ok("history", "posts", "--actor", "users/ann").items[0]["seq"] == 5, "by actor")
    check(len(w.ok("history", "posts", "--filter", '{"metadata.ticket": 8}').items) == 1, "filter")
    check(len(w.ok("history", "posts", "--to", "now-1d").items) == 0, "before it")
    event = changed[0]["id"]
    check(w.ok("get", "posts/p2", "--as-of", event).items[0]["title"] == "Hello", "as of an event")
    check(w.ok("get-at-version", "posts/p1", 1).items[0]["n"] == 3, "version")
    w.refused("get-at-version", "posts/p1", 7, code="ENTITY_NOT_FOUND",
              says=["no version 7 of posts/p1"])
    w.usage("get-at-version", "posts/p1", "one", says=["'one'"])
    check(w.ok("reconstruct", "posts/p1", "--as-of", "seq:4").items[0]["n"] == 3, "reconstruct")
    moments_that_are_not_there(w, event)
    w.refused("reconstruct", "posts/p77", code="ENTITY_NOT_FOUND")
    difference = w.ok("diff", "posts/p1", "--from", "seq:4").items
    check(difference[0]["values"] == {"n": {"before": 3, "after": 9}}, "diff", difference)
    changes = [d["change"] for d in w.ok("diff", "posts", "--from", "seq:4").items]
    check(changes == ["changed", "deleted"], "diff of a collection", changes)
    w.usage("diff", "posts", says=["--from"])
    w.usage("revert", "posts", says=["--to"])
    w.refused("revert", "posts", "--to", "yesterday", code="VALIDATION_FAILED", says=["yesterday"])
    result = w.ok("revert", "posts", "--to", "seq:4", "--metadata", '{"ticket": 9}')
    check(result.out == "reverted 2, created 0, deleted 0, edges 0\n", "revert", result)
    check(w.ok("diff", "posts", "--from", "seq:4").out == "", "as it was")
    last = w.ok("history", "posts/p1").items[-1]["metadata"]
    check(last == {"ticket": 9, "revert": {"seq": 4}}, "said so", last)
    w.refused("insert", "posts", "{}", "--metadata", "{", code="VALIDATION_FAILED",
              says=["--metadata"])
    w.usage("find", "posts", "--metadata", "{}", says=["--metadata"])
    w.ok("link", "posts/p1", "next", "posts/p2", "--metadata", '{"k": 1}')
    edge = w.ok("history", "posts/p1", "next", "posts/p2").items
    check([e["metadata"] for e in edge] == [{"k": 1}], "history of an edge", edge)
    w.ok("import", "posts", "-", "--metadata", '{"k": 2}', stdin=b'{"$id": "i1"}\n')
    check(w.ok("history", "posts/i1").items[0]["metadata"] == {"k": 2}, "of an import")


def test_follow(w):
    posts(w)
    first = w.ok("events", "--follow", "--limit", 2).items
    check([e["seq"] for e in first] == [1, 2], "no more than the limit", first)
    follower = w.start("events", "posts", "--cursor", first[-1]["id"], "--follow")
    seen = [json.loads(follower.stdout.readline()) for _ in range(2)]
    check([e["seq"] for e in seen] == [3, 4], "those that were there", seen)
    w.ok("insert", "users", '{"$id": "u1"}')
    w.ok("delete", "posts/p1")
    come = json.loads(follower.stdout.readline())
    check((come["seq"], come["op"]) == (6, "DELETE"), "the one that came", come)
    follower.send_signal(signal.SIGINT)
    out, err = follower.communicate(timeout=TIMEOUT)
    check(follower.returncode == 0 and out == b"" and err == b"", "Ctrl-C ends it", (out, err))
    ended = w.ok("events", "--follow", "--to", "seq:3").items
    check(len(ended) == 3, "the range has an end", ended)


def test_replay(w):
    posts(w)
    w.ok("link", "posts/p1", "next", "posts/p2", "--data", '{"w": 1}')
    result = w.ok("replay", "--into-namespace", "copy")
    check(result.out.startswith("replayed 5 events, skipped 0; what comes later: --cursor "),
          "all", result)
    w.usage("replay", "--into", w.dir, says=["into itself"])
    w.usage("replay", "--into-namespace", "default", says=["into itself"])
    cursor = result.out.split()[-1]
    here, there = (w.ok("find", "posts", "--plain", "-n", ns).out for ns in ("default", "copy"))
    check(here == there, "the same documents", there)
    w.ok("update", "posts/p1", '{"$set": {"n": 9}}', "--actor", "users/ann")
    other = os.path.join(w.base, "other")
    again = w.ok("replay", "posts", "--into-namespace", "copy", "--cursor", cursor, "--json").items
    check(again[0]["replayedCount"] == 1, "what came since", again)
    check(w.ok("replay", "--into-namespace", "copy", "--resume", "--json").items[0][
        "replayedCount"] == 0, "nothing twice")
    w.ok("replay", "posts", "--into", other, "--to", "seq:4")
    check(w.ok("count", "posts", "-w", other).out == "4\n", "another warehouse")
    note = w.ok("history", "posts/p1", "-n", "copy").items[-1]
    check(note["actor"] == "users/ann" and note["metadata"]["replay"]["ns"] == "default", "by whom",
          note)
    w.usage("replay", says=["--into"])
    w.usage("replay", "--into", other, "--resume", "--cursor", "x", says=["--resume"])
    w.refused("replay", "--into", other, "--cursor", "x", code="VALIDATION_FAILED", says=["cursor"])
    w.refused("replay", "--into-namespace", "../x", code=("PATH_TRAVERSAL", "VALIDATION_FAILED"))


def check_kinds(text, has_pages):
    """The table of verify: kinds, then numbers that add up to those of the line below it."""
    *rows, last = text.splitlines()
    check(rows[0].split() == ["kind", "files", *(["pages"] if has_pages else []), "bytes"],
          "its columns", text)
    kinds = [row.split()[0] for row in rows[1:]]
    check(kinds[:1] == ["data"] and {"events", "eventIndex", "entry"} <= set(kinds), "kinds", text)
    sums = [sum(int(row.split()[k]) for row in rows[1:]) for k in (1, -1)]
    check(last.startswith(f"checked {sums[0]} files, {sums[1]} bytes"), "its sums", text)
    return last


def test_options_of_the_past(w):
    w.ok("insert", "posts", '[{"$id": "p1", "n": 1}, {"$id": "p2", "n": 2}]')
    check(len(w.ok("files", "posts", "--json").items) == 0, "nothing is flushed")
    w.ok("update", "posts/p1", '{"$set": {"n": 3}}', "--snapshot-events", "2")
    check(len(w.ok("files", "posts", "--json").items) == 1, "an instant every two changes")
    count = w.ok("count", "posts", "--as-of", "seq:2", "--cached-entities", "1")
    check(count.out.strip() == "2", "--cached-entities")
    w.usage("flush", "--snapshot-events", "few", says=["--snapshot-events"])
    w.usage("flush", "--snapshot-event", "5", says=["--snapshot-events"])


def test_names_of_edges(w):
    """Names and types in edge files are those of the last rewrite."""
    def names(direction, columns):
        folder = os.path.join(w.dir, "default", "rels", direction)
        path = max((os.path.join(folder, name) for name in os.listdir(folder)),
                   key=lambda path: os.stat(path).st_mtime_ns)
        rows = w.ok("parquet", "cat", path, "--columns", columns).out
        return [json.loads(row) for row in rows.splitlines()]

    w.ok("insert", "users", '[{"$id": "a", "name": "Ann"}, {"$id": "b", "name": "Bob"}]')
    w.ok("link", "users/a", "knows", "users/b")
    w.ok("flush")
    check(names("forward", "from_name,to_name,to_type") ==
          [{"from_name": "Ann", "to_type": "User"}], "forward, at first")
    check(names("reverse", "from_name,to_name") == [{"to_name": "Bob"}],
          "reverse, at first")
    w.ok("update", "users/b", '{"$set": {"name": "Bert"}}')
    w.ok("link", "users/b", "knows", "users/a")
    w.ok("flush")
    w.ok("compact")
    check(names("forward", "from_name") == [{"from_name": "Ann"}, {"from_name": "Bert"}],
          "forward, after a compaction")
    check(names("reverse", "to_name") == [{"to_name": "Ann"}, {"to_name": "Bert"}],
          "reverse, after a compaction")


def test_maintenance(w):
    w.ok("insert", "posts", '{"$id": "p0"}')
    check(w.ok("verify").out.startswith("checked 0 files, 0 bytes, 1 event,"), "nothing is flushed")
    w.ok("delete", "posts/p0", "--hard")
    for n in range(3):
        w.ok("insert", "posts", json.dumps({"$id": f"p{n}", "n": n}))
        w.ok("flush")
    before = w.ok("find", "posts", "--sort", "n").out
    check(len(w.ok("files", "posts", "--json").items) == 3, "three files")
    check(re.search(r"(?m)^files: +\d+$", w.ok("compact", "posts").out), "compact")
    check(len(w.ok("files", "posts", "--json").items) == 1, "one file")
    check(w.ok("compact", "--json").items[0]["ok"] == 1, "compact --json")
    check(re.search(r"(?m)^steps: +\d+$", w.ok("maintain", "--memory", "64").out), "maintain")
    check(w.ok("maintain", "1", "--json").items[0]["due"] is None, "maintain --json")
    w.usage("maintain", "soon", says=["soon"])
    w.usage("maintain", "--memory", "little", says=["--memory"])
    w.refused("maintain", "--memory", "1", code="VALIDATION_FAILED", says=["memory", "32 MB"])
    check(re.search(r"(?m)^entry: +\d+$", w.ok("checkpoint").out), "checkpoint")
    check(w.ok("find", "posts", "--sort", "n").out == before, "the same answers")
    whole = w.ok("verify").out
    rest = check_kinds(whole, True)
    check(re.fullmatch(r"checked \d+ files, \d+ bytes, 5 events, 3 entities, 0 edges, 5 links of "
                       r"the hash chain in \d+\.\d\d s \(\d+\.\d MB/s\): 0 problems", rest),
          "verify", whole)
    quick = w.ok("verify", "--quick").out
    check(re.fullmatch(r"checked \d+ files, \d+ bytes in \d+\.\d\d s \(\d+\.\d MB/s\): "
                       r"0 problems", check_kinds(quick, False)), "quick", quick)
    told = w.ok("verify", "--json").items[-1]
    check(told["problems"] == 0, "verify --json")
    kinds = {k["kind"]: k for k in told["kinds"]}
    check(sum(k["bytes"] for k in kinds.values()) == told["bytesChecked"], "bytes by kind", told)
    check(sum(k["pages"] for k in kinds.values()) == told["pages"], "pages by kind", told)
    name = w.ok("files", "posts", "--json").items[0]["path"]
    path = os.path.join(w.dir, name)
    data = bytearray(open(path, "rb").read())
    data[len(data) // 3] ^= 0x55
    with open(path, "wb") as f:
        f.write(data)
    result = w("verify")
    check(result.status == 1 and f"{name}: " in result.out, "it names the file", result)
    check(re.search(r": \d+ problems?\n$", result.out), "and counts", result)
    result = w("verify", "--quick")
    check(result.status == 1 and f"{name}: " in result.out, "--quick names it too", result)
    result = w("verify", "--json")
    check(result.status == 1 and result.items[0]["file"] == name, "--json", result)


def test_archive(w):
    cold = os.path.join(w.base, "cold")
    w.ok("insert", "posts", '{"$id": "p1", "n": 0}')
    for n in range(2):
        w.ok("update", "posts/p1", '{"$inc": {"n": 1}}')
        w.ok("flush")
    shown = w.ok("retention", "30d", "1", "--into", cold, "--json").items[0]
    check(shown["archive"] == cold, "set", shown)
    for n in range(2): # dropped from the manifest, and later with its files: the archive has all
        w.ok("vacuum")
        check(w.ok("history", "posts/p1", "--json").items == [], "history has gone")
        w.ok("update", "posts/p1", '{"$inc": {"n": 1}}')
        w.ok("flush")
    w.ok("vacuum", "0")
    check(len(w.ok("history", "posts/p1", "--json", "-w", cold).items) == 5, "the archive keeps it")
    was = w.ok("get", "posts/p1", "--as-of", "seq:2", "--json", "-w", cold).items[0]
    check(was["n"] == 1, "any instant of it", was)
    check(w.ok("verify", "--json", "-w", cold).items[-1]["links"] >= 4, "one chain")
    w.refused("history", "posts/p1", "--from", "seq:1", code="HISTORY_DROPPED")
    for words in (["history", "posts/p1"], ["history", "posts"], ["events"]):
        note = w.ok(*words).err
        check(re.fullmatch(r"parquedb: note: history begins behind event \d+ \(20[-0-9T:.]+Z\); "
                           r"what was before was dropped\n", note), "where history begins", note)
    last = w.ok("events", "-w", cold)
    check(last.err == "", "the archive has all of it", last)
    check(w.ok("history", "posts", "--from", f"seq:{last.items[-1]['seq']}").err == "",
          "who asks for a moment knows")
    w.refused("retention", "30d", "--into", "s3://bucket/cold", code="NOT_SUPPORTED")
    for inside in (w.dir, os.path.join(w.dir, "cold"), "w/default"):
        w.refused("retention", "30d", "--into", inside, code="VALIDATION_FAILED", says=[inside])
    check(not os.path.exists(os.path.join(w.dir, "cold")), "and no folder is made")
    check(w.ok("retention", "--json").items[0]["archive"] == cold, "the setting is as it was")


def test_backup(w):
    copy, old = os.path.join(w.base, "copy"), os.path.join(w.base, "old")
    for n in range(3):
        w.ok("insert", "posts", json.dumps({"$id": f"p{n}", "n": n}))
    w.ok("flush")
    w.ok("link", "posts/p1", "next", "posts/p2")
    out = w.ok("backup", copy).out
    check(re.search(r"(?m)^default/data/posts/\S+  \d+ bytes$", out), "it names objects", out)
    check("; 0 were there; 1 event in the log" in out, "and counts", out)
    head = w.ok("verify", "--json").items[-1]["head"]
    def there(folder, *words):
        return w.ok(*words, "-w", folder)
    check(there(copy, "verify", "--json").items[-1]["head"] == head, "the same history")
    far = there(copy, "related", "posts/p1", "next", "--json").items[0]
    check(far["$id"] == "posts/p2", "a link", far)
    w.ok("update", "posts/p0", '{"$set": {"n": 10}}')
    w.ok("flush")
    w.ok("delete", "posts/p2", "--hard")
    again = w.ok("backup", copy, "--json").items[-1]
    check(again["kept"] > 0 and again["events"] == 2, "only what is new", again)
    again = w.ok("backup", copy, "--json").items[-1]
    check(again["copied"] == 0 and again["bytes"] == 0, "nothing is new", again)
    check(there(copy, "count", "posts").out == "2\n", "the copy's present")
    check(there(copy, "count", "posts", "--as-of", "seq:4").out == "3\n", "and its past")
    result = w.ok("restore", "--into", old, "--as-of", "seq:4", "-w", copy)
    check(": 0 problems\n" in result.out, "a restored warehouse is verified", result)
    check(there(old, "get", "posts/p0", "--json").items[0]["n"] == 0, "as it was")
    there(old, "insert", "posts", '{"$id": "new"}')
    there(old, "flush")
    check(there(old, "verify").out.endswith(": 0 problems\n"), "it goes on from there")
    w.refused("restore", "--into", old, "--as-of", "seq:2", code="VALIDATION_FAILED",
              says=["empty"])
    w.refused("backup", old, code="VALIDATION_FAILED", says=["no older copy"])
    w.refused("backup", copy, "-w", os.path.join(w.base, "none"), code="VALIDATION_FAILED")
    below = sorted(os.listdir(os.path.join(w.dir, "default")))
    for inside in (w.dir, os.path.join(w.dir, "copy"), os.path.join(w.dir, "default", "a", "b"),
                   "w/../w//copy/", os.path.join(copy, "..", "w")):
        w.refused("backup", inside, code="VALIDATION_FAILED", says=[inside, "choose a folder"])
    check(sorted(os.listdir(os.path.join(w.dir, "default"))) == below, "no folder was made", below)
    w.ok("backup", w.dir + "-2")  # begins with the same letters, and is elsewhere
    several_namespaces(w)
    w.usage("restore", "posts/p0", "--into", old)
    w.usage("restore")


def several_namespaces(w):
    """Those of which nothing was flushed are copied, too; all are verified."""
    both = os.path.join(w.base, "both")
    w.ok("insert", "cats", '{"$id": "tom"}', "-n", "far")
    told = w.ok("restore", "--into", both).out
    check(told.count(": 0 problems\n") == 2 and "\nnamespace far\n" in told, "both verified", told)
    check(w.ok("count", "cats", "-n", "far", "-w", both).out == "1\n", "the tail of another")
    w.refused("restore", "--into", os.path.join(w.base, "one"), "--as-of", "seq:1",
              code="VALIDATION_FAILED", says=["of one namespace", "--namespace"])
    w.ok("restore", "--into", os.path.join(w.base, "one"), "--as-of", "seq:1", "-n", "far")


# ---- import ----

def test_import(w):
    path = w.file("d.ndjson", lines(0, 12345)[:-1])  # the last line has no line end
    result = w.ok("import", "d", path)
    check(result.out == "imported 12345\n" and result.err == "", "from a file", result)
    check(w.count("d") == 12345 and w.count("d", '{"n": 12344}') == 1, "all there")
    result = w.ok("import", "e", stdin=b'\n{"$id": "a"}\r\n \n\n{"$id": "b"}\n\n')
    check(result.out == "imported 2\n", "standard input, blank lines", result)
    check(w.ok("import", "e", "-", "--json", stdin=b'{"$id": "c"}').items == [{"insertedCount": 1}],
          "--json")
    check(w.ok("import", "e", "-", stdin=b"").out == "imported 0\n", "empty")
    long = json.dumps({"$id": "long", "text": "x" * (5 << 20)}).encode()
    w.ok("import", "e", "-", stdin=b'{"$id": "d"}\n' + long + b'\n{"$id": "f"}\n')
    check(w.count("e") == 6, "a line longer than a batch")
    check(len(w.ok("get", "e/long").items[0]["text"]) == 5 << 20, "whole")


def test_import_in_little_memory(w):
    """The compaction that is under way has to make way, batches have to be smaller."""
    path = w.file("d.ndjson", lines(0, 60000))
    check(w.ok("import", "d", path, "--memory", "32").out == "imported 60000\n", "in 32 MB")
    check(w.ok("import", "e", path, "--memory", "32", "--ack").out.endswith("durable 60000\n"),
          "with --ack")
    check(w.count("d") == 60000 and w.count("e") == 60000, "all there")


def test_import_ack(w):
    path = w.file("d.ndjson", lines(0, 2500))
    out = w.ok("import", "d", path, "--ack").out.splitlines()
    numbers = [int(line.split()[1]) for line in out]
    check(all(re.fullmatch(r"durable \d+", line) for line in out), "format", out)
    check(numbers == sorted(set(numbers)) and numbers[-1] == 2500, "rising", out)
    check(len(numbers) >= 3, "in small batches", out)
    process = w.start("import", "e", "--ack")
    for n in (1, 2):
        process.stdin.write(lines(n, 1).encode())
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], 30)
        line = process.stdout.readline() if ready else b"(nothing)"
        check(line == b"durable %d\n" % n, "acknowledged while the input is open", line)
    process.kill()
    process.communicate()
    check(w.count("e") == 2, "what was acknowledged is there after a kill")
    result = w.ok("import", "e", "-", "--ack", stdin=b'\n{"$id": "x"}\n\n')
    check(result.out.splitlines()[-1] == "durable 3", "N counts lines of the file", result)


def durable(result):
    found = re.search(r"(\d+) lines of .* are durable", result.err)
    return int(found.group(1)) if found else -1


def test_import_bad(w):
    path = w.file("a.ndjson", lines(0, 60000, bad=55000))
    result = w.refused("import", "a", path, code="VALIDATION_FAILED", says=["line 55000, column "])
    check(0 < durable(result) < 55000, "earlier batches stay", result)
    check(w.count("a") == durable(result), "as many as it says", result)
    w.refused("import", "b", "-", code="VALIDATION_FAILED", says=["line 3, column "],
              stdin=b'{"$id": "x"}\n\n{"$id": "y" "z"}\n{"$id": "u"}\n')
    check(w.count("b") == 0, "nothing of the batch")
    for bad in (b'{"a": 1', b'{"a": 01}', b'{"a": 1, "a": 2}', b'{"a": "\xff"}', b"[1]",
                b"{'a': 1}", b'{"a": "\\ud800"}', b'{"a": NaN}', b'{"a": 1} x',
                b'{"a": "\x01"}', b"[" * 5000):
        w.refused("import", "b", "-", stdin=b'{"$id": "x"}\n' + bad + b"\n", says=["line 2"])
    check(w.count("b") == 0, "nothing of these")
    path = w.file("c.ndjson", lines(0, 2500, bad=2345))
    result = w("import", "c", path, "--ack")
    check(result.status == 1 and "line 2345, column " in result.err, "--ack", result)
    numbers = [int(line.split()[1]) for line in result.out.splitlines()]
    check(numbers and numbers[-1] == durable(result) == w.count("c"), "--ack", result)
    result = w.refused("import", "a", "-", code="ALREADY_EXISTS", says=["d5"],
                       stdin=b'{"$id": "new"}\n{"$id": "d5"}\n')
    w.refused("get", "a/new", code="ENTITY_NOT_FOUND")


def test_limits(w):
    over = b'{"$id": "big", "text": "' + b"x" * (17 << 20) + b'"}\n'
    result = w.refused("import", "d", "-", code="LIMIT_EXCEEDED", stdin=b'{"$id": "a"}\n' + over)
    check(w.count("d") <= 1 and durable(result) == w.count("d"), "as many as it says", result)
    w.refused("get", "d/big", code="ENTITY_NOT_FOUND")
    endless = b'{"$id": "b"}\n{"text": "' + b"x" * (66 << 20)
    result = w.refused("import", "e", "-", code="LIMIT_EXCEEDED", stdin=endless, says=["line 2"])
    check(durable(result) == w.count("e") == 1, "the line before stays", result)
    w.refused("insert", "d", '{"$id": "%s"}' % ("i" * 2000))
    w.refused("insert", "c" * 129, '{"$id": "a"}')
    deep = '{"a":' * 150 + "1" + "}" * 150
    w.refused("insert", "d", deep)
    check(w.count("d") <= 1, "nothing changed")


# ---- bad input ----

def test_bad_input(w):
    posts(w)
    before = w.ok("find", "posts").out
    w.refused("insert", "posts", '{"$id": "x",\n "a": tru}', code="VALIDATION_FAILED",
              says=["line 2, column 7"])
    w.refused("insert", "posts", '{"a": 1}, {"b": 2}', says=["line 1, column 9"])
    w.refused("insert", "posts", "", says=["line 1, column 1"])
    w.refused("insert", "posts", "5", code="VALIDATION_FAILED")
    w.refused("insert", "posts", '{"a": 1, "a": 2}', code="VALIDATION_FAILED")
    w.refused("find", "posts", '{"a": }', says=["FILTER", "line 1, column 7"])
    w.refused("find", "posts", '{}, "limit": 1', says=["line 1, column 3"])
    w.refused("find", "posts", "--sort", '{"a": 1', says=["sort", "line 1, column 8"])
    w.refused("find", "posts", "--sort", '{"a": 2}')
    w.refused("find", "posts", "[]")
    w.refused("find", "posts", '{"n": {"$gtee": 1}}', code="INVALID_FILTER", says=["$gtee", "$gte"])
    w.refused("count", "posts", '{"n": {"$exist": true}}', code="INVALID_FILTER",
              says=["$exist", "$exists"])
    w.refused("update", "posts/p1", '{"$sett": {"n": 1}}', code="INVALID_UPDATE",
              says=["$sett", "$set"])
    w.refused("update", "posts/p1", '{"$inc": {"title": 1}}', code="INVALID_UPDATE", says=["title"])
    w.refused("update", "posts/p1", '{"$set" {"n": 1}}', says=["OPS", "line 1, column 9"])
    for bad in ("posts/", "/p1", "_private/p1", "$x/p1", "posts/a\nb/c"):
        w.refused("get", bad)
        w.refused("update", bad, '{"$set": {"n": 1}}')
        w.refused("delete", bad)
        w.refused("history", bad)
    for bad in ("", "_private", "$x", "a/b"):
        w.refused("insert", bad, '{"$id": "x"}')
        w.refused("find", bad)
    w.refused("insert", "posts", '{"$id": "users/u1"}')
    w.refused("insert", "posts", '{"$id": ""}')
    check(w.ok("find", "posts").out == before, "nothing changed")
    check(len(w.ok("collections", "--json").items) == 1, "no collection was made")


def test_no_warehouse(w):
    for args in (["get", "posts/p1"], ["find", "posts"], ["count", "posts"], ["stats"], ["flush"],
                 ["update", "posts/p1", '{"$set": {"n": 1}}'], ["delete", "posts/p1"],
                 ["link", "a/b", "c", "d/e"], ["run", '{"stats": 1}'], ["run", '{"flush": 1}'],
                 ["collections"], ["files", "posts"], ["history", "posts/p1"]):
        w.refused(*args, says=[w.dir])
    check(not os.path.exists(w.dir), "nothing was created")
    os.mkdir(w.dir)
    w.file("w/notes.txt", "mine")
    for args in (["insert", "posts", "{}"], ["import", "posts", "-"], ["find", "posts"]):
        w.refused(*args, says=[w.dir])
    check(os.listdir(w.dir) == ["notes.txt"], "a folder of somebody else is untouched")
    path = w.file("plain", "x")
    w.refused("insert", "posts", "{}", "-w", path, says=[path])
    w.refused("find", "posts", "-w", path, says=[path])
    os.remove(os.path.join(w.dir, "notes.txt"))
    w.ok("insert", "posts", '{"$id": "p1"}')
    check(w.count("posts") == 1, "an empty folder becomes a warehouse")


def test_busy(w):
    process = w.start("import", "posts", "-", "--ack")
    process.stdin.write(b'{"$id": "p1"}\n')
    process.stdin.flush()
    check(process.stdout.readline() == b"durable 1\n", "the first writer is at work")
    w.refused("insert", "posts", '{"$id": "p2"}', code="BUSY", says=[w.dir])
    w.refused("update", "posts/p1", '{"$set": {"n": 1}}', code="BUSY")
    w.refused("import", "posts", "-", code="BUSY", stdin=b'{"$id": "p3"}\n')
    w.refused("flush", code="BUSY")
    check(ids(w.ok("find", "posts")) == ["posts/p1"], "readers are welcome")
    out, err = process.communicate(timeout=TIMEOUT)
    check(process.returncode == 0 and err == b"", "the first writer ends well", (out, err))
    w.ok("insert", "posts", '{"$id": "p2"}')
    check(w.count("posts") == 2, "then the next may write")


# ---- output ----

def test_output_fails(w):
    w.ok("import", "d", "-", stdin=lines(0, 5000).encode())
    for args in (["find", "d"], ["count", "d"], ["help"], ["stats"], ["get", "d/d1"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, *args], stdout=full, stderr=subprocess.PIPE,
                                  env=w.environment(), timeout=TIMEOUT)
        err = done.stderr.decode()
        check(done.returncode == 1 and "standard output" in err, "a full disk", (args, err))
        check("no entity" not in err, "and nothing else", (args, err))
    done = subprocess.run(["sh", "-c", f'"{PROGRAM}" find d >&-'], stderr=subprocess.PIPE,
                          env=w.environment(), timeout=TIMEOUT)
    check(done.returncode == 1, "standard output is closed", done)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROGRAM, "import", "e", "-", "--ack"], input=lines(0, 10).encode(),
                              stdout=full, stderr=subprocess.PIPE, env=w.environment())
    check(done.returncode == 1, "an acknowledgement that cannot be given", done)


def test_pipe(w):
    w.ok("import", "d", "-", stdin=lines(0, 5000).encode())
    process = w.start("find", "d")
    process.stdin.close()
    first = process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    status = process.wait(timeout=TIMEOUT)
    check(json.loads(first)["$id"] == "d/d0", "the first line", first)
    check(err == b"" and status in (0, -signal.SIGPIPE), "no word about it",
          (status, err))


def test_terminal(w):
    posts(w)
    status, text = w.on_terminal("find", "posts", "--sort", "n,title", NO_COLOR="1", COLUMNS="80")
    rows = text.splitlines()
    check(status == 0 and "\033" not in text, "no colours", text)
    check(re.match(r"\$id +.*title +n", rows[0]), "header", text)
    check(len(rows) == 5 and len({row.rstrip()[-1] for row in rows[1:]}) == 3, "rows", text)
    at = rows[0].index("title")
    titles = [row[at:at + 5] for row in rows[1:]]
    check(titles == ["Again", "Hello", "Grüße", "World"], "aligned", text)
    w.ok("insert", "posts", json.dumps({"$id": "p5", "title": "ü" * 300, "n": 5}))
    _, text = w.on_terminal("find", "posts", NO_COLOR="1", COLUMNS="60")
    widest = max(len(row) for row in text.splitlines())
    check(widest <= 60 and "…" in text, "cut to the width", text)
    _, text = w.on_terminal("find", "posts", "--json", NO_COLOR="1")
    check(len([json.loads(row) for row in text.splitlines()]) == 5, "--json on a terminal", text)
    _, text = w.on_terminal("get", "posts/p1", NO_COLOR="1")
    check(json.loads(text)["title"] == "Grüße" and '\n  "n": 3' in text, "pretty", text)
    _, coloured = w.on_terminal("get", "posts/p1")
    check("\033[" in coloured, "colours", coloured)
    check(re.sub(r"\033\[\d+m", "", coloured) == text, "the same text in colour", coloured)
    _, dumb = w.on_terminal("get", "posts/p1", TERM="dumb")
    check(dumb == text, "no colours for a dumb terminal", dumb)
    w.ok("insert", "x", json.dumps({"$id": "c", "t": "a\u009b31mb\u007f\u001b[31mc"}))
    for args in (["find", "x"], ["get", "x/c"], ["find", "x", "--json"]):
        _, text = w.on_terminal(*args, NO_COLOR="1")
        check(not re.search("[\u0080-\u009f\u007f\u001b]", text), "no control characters", text)
    status, text = w.on_terminal("history", "posts/p1", NO_COLOR="1", COLUMNS="120")
    check(status == 0 and re.match(r"seq +ts +op +version", text), "history", text)
    w.ok("update", "posts/p1", '{"$set": {"n": 9, "o": {"x": 1}}, "$unset": {"title": 1}}')
    w.ok("insert", "posts", '{"$id": "q1"}')
    status, text = w.on_terminal("diff", "posts", "--from", "seq:6", NO_COLOR="1", COLUMNS="80")
    rows = [row.split() for row in text.splitlines()]
    check(rows == [["$id", "change", "path", "before", "after"],
                   ["posts/p1", "changed", "n", "3", "9"],
                   ["posts/p1", "changed", "title", "Grüße"],
                   ["posts/p1", "changed", "o", '{"x":1}'],
                   ["posts/q1", "created"]], "diff shows the values", text)
    check(text.splitlines()[2].index("Grüße") < text.splitlines()[3].index("{"),
          "before stands before after", text)
    status, text = w.on_terminal("import", "y", w.file("y.ndjson", lines(0, 6000)))
    check(status == 0 and "100%" in text and "imported 6000" in text, "progress", text)
    status, text = w.on_terminal("import", "z", w.file("z.ndjson", lines(0, 6000, bad=5500)))
    check(status == 1 and re.search(r"(?m)^parquedb: VALIDATION_FAILED: .*line 5500", text),
          "a message on its own line", text)


def test_progress(w):
    """Bars of long commands: on a terminal only, gone before the result, never in what is piped."""
    w.ok("import", "d", w.file("d.ndjson", lines(0, 6000)))
    w.ok("flush")
    bar = r"\r{} \[#* *\] +\d+%  \d+ of \d+ (bytes|kB)"
    for words in (["verify"], ["backup", "copy"], ["restore", "--into", "other"]):
        status, text = w.on_terminal(*words, NO_COLOR="1")
        check(status == 0 and re.search(bar.format(words[0]), text), f"{words[0]}: a bar", text)
        shown = text.split("\r")
        check(shown[-2].strip(" ") == "" and "[" not in shown[-1], "it is gone at the end", text)
    check(re.search(bar.format("restore"), text) and re.search(r"(?m)^checked \d+ files", text),
          "restore verifies what it made", text)
    check(not re.search(r"parquet  \d+ bytes", text), "no line for each object beside it", text)
    status, text = w.on_terminal("replay", "--into", "third")
    check(status == 0 and re.search(r"\rreplay \[#* *\] +\d+%  \d000 events", text), "replay", text)
    with open(os.path.join(w.dir, w.ok("files", "d", "--json").items[0]["path"]), "r+b") as f:
        f.write(b"nonsense")
    status, text = w.on_terminal("verify", NO_COLOR="1")
    check(status == 1 and re.search(r"(?m)(^|\r)default/data/d/\S+: ", text), "a problem", text)
    for words in (["verify", "-w", "copy"], ["backup", "fourth"], ["replay", "--into", "fifth"]):
        result = w(*words)
        check(result.err.count("\r") == 0 and "%" not in result.err, "no bar in a pipe", result)


def main():
    global current, failed
    if not os.access(PROGRAM, os.X_OK):
        print(f"no program {PROGRAM}; set PARQUEDB")
        print("0 passed, 1 failed")
        return 1
    for name, test in list(globals().items()):
        if not name.startswith("test_") or not callable(test):
            continue
        if len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:]):
            continue
        current = name
        warehouse = Warehouse()
        try:
            test(warehouse)
        except Exception:
            failed += 1
            print(f"FAIL {name}: it broke off\n{traceback.format_exc()}")
        finally:
            shutil.rmtree(warehouse.base, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
