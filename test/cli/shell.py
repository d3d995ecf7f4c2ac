#!/usr/bin/env python3
"""Tests of `parquedb shell`: through a pseudo-terminal, and with standard input from a pipe.

    PARQUEDB=build/parquedb test/cli/shell.py [NAME...]    NAME: only tests whose name contains it
    test/cli/shell.py --write                              write doc/shell.md anew

doc/shell.md shows a session. It is made here: test_transcript types its statements and fails when
what comes back differs from the file; times and sizes are masked. A test that needs libedit is
skipped when the program was built without. The last line is 'N passed, N failed[, N skipped]'.
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
import termios
import time
import traceback

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PROGRAM = os.path.abspath(os.environ.get("PARQUEDB", os.path.join(ROOT, "build/parquedb")))
PAGE = os.path.join(ROOT, "doc", "shell.md")
TIMEOUT = 60
PROMPT = re.compile(r"(?:^|\n|\r)(?:parquedb(?::\S+?)?\*?> |      \.\.\. )$")
passed = failed = skipped = 0
current = ""


def check(condition, what, detail=""):
    global passed, failed
    if condition:
        passed += 1
        return
    failed += 1
    line = next((f.lineno for f in reversed(traceback.extract_stack()) if f.name == current), 0)
    print(f"FAIL {current} (line {line}): {what} {str(detail)[:1200]}")


class Base:
    def __init__(self):
        self.base = tempfile.mkdtemp(prefix="parquedb-shell-")
        self.dir = os.path.join(self.base, "w")

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items()
               if k not in ("NO_COLOR", "COLUMNS", "PAGER", "LESS", "PARQUEDB_HISTORY")}
        env.update(PARQUEDB_WAREHOUSE=self.dir, LC_ALL="C.UTF-8", HOME=self.base, TERM="xterm",
                   **more)
        return env

    def run(self, *args, stdin="", **env):
        done = subprocess.run([PROGRAM, *args], input=stdin.encode(), capture_output=True,
                              timeout=TIMEOUT, env=self.environment(**env), cwd=self.base)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def shell(self, text, *args, status=0):
        """Run statements from a pipe; returns (output, messages)."""
        got, out, err = self.run("shell", *args, stdin=text)
        check(got == status, f"status {status}", (text, got, out, err))
        check("\033" not in out + err and "> " not in out, "plain", (out, err))
        return out, err

    def file(self, name, text):
        path = os.path.join(self.base, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path


def plain(text):
    """What a terminal shows, roughly: without escape sequences, a lone CR starts the line anew."""
    text = re.sub(r"\r?\033\[\d+G", "", text)
    text = re.sub(r"\033(\[[0-9;?]*[A-Za-z]|[=>()][A-Z0-9]?)", "", text)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\a", "")


class NoTerminal(Exception):
    """This place has no pseudo-terminals."""


class Terminal:
    """The shell on a pseudo-terminal."""

    def __init__(self, base, *args, **env):
        self.text, self.at = "", 0
        settings = {"NO_COLOR": "1", "PAGER": "cat", **env}
        try:
            pid, fd = pty.fork()
        except OSError as error:
            raise NoTerminal(str(error)) from error
        if pid == 0:
            os.chdir(base.base)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
            os.execve(PROGRAM, [PROGRAM, "shell", *args], base.environment(**settings))
        self.pid, self.fd = pid, fd
        self.data = b""
        self.read_until(lambda text: PROMPT.search(text))
        self.is_edited = True
        self.is_edited = self.await_keys(1)

    def await_keys(self, seconds=10):
        """Wait until the prompt takes keys: libedit turns the terminal's own echo off."""
        end = time.time() + seconds
        while self.is_edited and time.time() < end:
            if termios.tcgetattr(self.fd)[3] & termios.ECHO == 0:
                return True
            time.sleep(0.002)
        return False

    def read_until(self, is_done, seconds=TIMEOUT):
        """Read until the text since the last call fits; returns it without escape sequences."""
        end = time.time() + seconds
        while time.time() < end:
            text = plain(self.data.decode(errors="replace"))[self.at:]
            if is_done(text):
                break
            ready, _, _ = select.select([self.fd], [], [], 0.1)
            if not ready:
                continue
            try:
                block = os.read(self.fd, 65536)
            except OSError:
                break
            if not block:
                break
            self.data += block
        whole = plain(self.data.decode(errors="replace"))
        text, self.at = whole[self.at:], len(whole)
        check(is_done(text), "the terminal shows what was awaited", repr(text))
        return text

    def send(self, keys):
        os.write(self.fd, keys.encode())

    def type(self, line):
        """Type a line; returns what is printed before the next prompt."""
        self.send(line + "\n")
        text = self.read_until(lambda t: "\n" in t and PROMPT.search(t))
        self.prompt = PROMPT.search(text).group(0).strip("\n")
        text = PROMPT.sub("\n", text, 1) if PROMPT.search(text) else text
        self.await_keys()
        return text.split("\n", 1)[1].rstrip("\n") + "\n" if "\n" in text else text

    def keys(self, keys, wanted):
        """Press keys; wait until the text then contains what is wanted."""
        self.send(keys)
        text = self.read_until(lambda t: wanted in t, 5)
        if wanted.endswith("> "):
            self.await_keys()
        return text

    def abandon(self):
        """Ctrl-C, and wait for the prompt that follows it."""
        self.keys("\x03", "^C\nparquedb> ")

    def close(self, keys="\x04"):
        self.send(keys)
        end = time.time() + TIMEOUT
        status = None
        while time.time() < end and status is None:
            ready, _, _ = select.select([self.fd], [], [], 0.05)
            try:
                if ready:
                    self.data += os.read(self.fd, 65536)
            except OSError:
                pass
            pid, code = os.waitpid(self.pid, os.WNOHANG)
            status = os.waitstatus_to_exitcode(code) if pid else None
        if status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
        return status


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


POSTS = """\
posts.insertMany([
  {$id: 'p1', title: "Hello", n: 3, tags: ['a', 'b',], in: {deep: 1}},
  {$id: "p2", title: 'It\\'s', n: 0xff},   // a comment
  {$id: "p3", title: `three`, n: .5},
])
users.insertOne({$id: "u1", name: "Ann"})
posts.link("p1", "author", "users/u1", {role: "editor"})
"""


# ---- from a pipe ----

def test_pipe(b):
    out, err = b.shell(POSTS)
    made = "posts/p1\nposts/p2\nposts/p3\nusers/u1\nlinked posts/p1 author users/u1\n"
    check(out == made, "made", out)
    check(err == "", "no messages", err)
    check(b.shell("show collections\n")[0] == "name   count\nposts      3\nusers      1\n", "show")
    check(b.shell("show collections")[0].endswith("users      1\n"), "no line end at the end")
    check(b.shell("\n\n  \n// comment\n# another\n;\n")[0] == "", "nothing to do")
    check(b.shell("")[0] == "", "no input")
    out, _ = b.shell(".mode table\nposts.find({}, {n: 1})\n")
    check(out.splitlines()[0].split() == ["$id", "n"], "a table when one asks", out)
    out, _ = b.shell(".mode pretty\nposts.find({n: 3}, {n: 1})\n")
    check(out == '{\n  "$id": "posts/p1",\n  "n": 3\n}\n', "pretty", out)
    out, _ = b.shell("posts.count()\n.mode json\nposts.count()\n.mode\n")
    check(out.splitlines()[0] == "3" and '"count":3' in out and out.endswith("mode json\n"), "json",
          out)
    check(json_lines(b.shell("posts.count()", "--json")[0])[0]["count"] == 3, "--json")
    out, _ = b.shell(".timer on\nposts.count()\n.timer off\nposts.count()\n")
    check(re.fullmatch(r"(\d+\.\d ms\n)?3\n\d+\.\d ms\n3\n", out), "timer", out)
    out, _ = b.shell(".hot on\nposts.insertOne({$id: 'h'})\nposts.deleteOne('h', {hard: true})\n")
    check("hot tier: 1 calls, 0 rows read, 1 rows written" in out, "rows", out)
    check(b.shell("posts.count()\nexit\nposts.count()\n")[0] == "3\n", "exit")
    check(b.shell("posts.count()\n.exit\nposts.count()\n")[0] == "3\n", ".exit")
    check("posts.find(" in b.shell(".help")[0] and "posts.find(" in b.shell("?")[0], ".help")
    check(b.shell("help find")[0] == b.run("help", "find")[1], "help find")
    check(b.shell("find --help")[0] == b.run("help", "find")[1], "find --help")


def test_transactions(b):
    b.shell(POSTS)
    out, _ = b.shell("begin\nposts.deleteMany({})\nposts.count()\nabort\nposts.count()\n")
    check(out == "deleted 3\n0\n3\n", "abort", out)
    out, _ = b.shell("begin\nposts.insertOne({$id: 'p9'})\nusers.insertOne({$id: 'u'})\ncommit\n")
    check(out.endswith("committed 2 events\n"), "commit", out)
    _, err = b.shell("begin\nposts.insertOne({$id: 'p8'})\n", status=1)
    check("not committed" in err, "the end of the shell aborts", err)
    check(b.shell("posts.count()\n")[0] == "4\n", "and nothing is there")
    check("no transaction" in b.shell("commit\n", status=1)[1], "commit without begin")
    check("is open" in b.shell("begin\nbegin\n", status=1)[1], "begin twice")


def test_calls(b):
    b.shell(POSTS)

    def ids(statement):
        return [i["$id"] for i in json_lines(b.shell(statement)[0])]

    check(ids("posts.find({n: {$gt: 2}}).sort({n: -1})") == ["posts/p2", "posts/p1"], "sort")
    check(ids("db.posts.find().skip(1).limit(1);") == ["posts/p2"], "db, skip, limit")
    check(ids('db["posts"].find({title: "It\'s"})') == ["posts/p2"], "brackets")
    check(ids("db.getCollection('posts').find({'in.deep': 1})") == ["posts/p1"], "getCollection")
    check(ids("posts.find({\n n: 3\n})") ==
          ["posts/p1"], "several lines")
    check(json_lines(b.shell("posts.find({n: 3}, {title: 1})")[0]) ==
          [{"$id": "posts/p1", "title": "Hello"}], "fields")
    check(b.shell("posts.find({n: {$gt: 2}}).sort({n: 1}).count()")[0] == "2\n", "count of a find")
    check(b.shell("posts.countDocuments({})\nposts.count({n: 3})")[0] == "3\n1\n", "count")
    check(json.loads(b.shell("posts.findOne({n: 3})")[0])["title"] == "Hello", "findOne")
    check(b.shell("posts.findOne({n: 99})")[0] == "null\n", "findOne of nothing")
    check(json.loads(b.shell('posts.get("p1")')[0])["n"] == 3, "get")
    check(json.loads(b.shell('posts.get("posts/p1")')[0])["n"] == 3, "get with a whole id")
    for who in ('"p1"', '{$id: "p1"}', '{title: "Hello"}', '{$id: "posts/p1"}'):
        out, _ = b.shell("posts.updateOne(%s, {$inc: {n: 1}})" % who)
        check(out == "matched 1, modified 1\n", "updateOne", (who, out))
    check(json.loads(b.shell('posts.get("p1")')[0])["n"] == 7, "updated four times")
    check(json.loads(b.shell('posts.get("p1").asOf("seq:1")')[0])["n"] == 3, "asOf")
    check(ids('posts.find().asOf("2000-01-01")') == [], "asOf a day")
    check(len(json_lines(b.shell('posts.history("p1")')[0])) == 5, "history")
    check(ids('posts.related("p1", "author")') == ["users/u1"], "related")
    check(ids('users.related("u1", "author").reverse()') == ["posts/p1"], "reverse")
    check(ids('posts.traverse("p1", "author")') == ["users/u1"], "traverse")
    edge = json_lines(b.shell('posts.related("p1", "author").edges()')[0])[0]
    check(edge["data"] == {"role": "editor"}, "edges", edge)
    check(b.shell('posts.unlink("p1", "author", "users/u1")')[0].startswith("unlinked"), "unlink")
    check("plan" in b.shell("posts.find({n: 3}).explain()")[0], "explain")
    check("plan" in b.shell("posts.explain().find({n: 3})")[0], "explain first")
    check(b.shell('posts.deleteOne("p3")')[0] == "deleted 1\n", "deleteOne")
    out, _ = b.shell('posts.updateMany({n: {$gt: 0}}, {$set: {m: 1}}, {comment: "all"})')
    check(re.fullmatch(r"matched (\d), modified \1\n", out), "updateMany", out)
    out, _ = b.shell("posts.bulkWrite([{deleteMany: {filter: {none: 1}}}], {ordered: false})")
    check(out == "inserted 0, matched 0, modified 0, deleted 0\n", "bulkWrite", out)
    check("posts/p3" in ids("posts.find().includeDeleted()"), "includeDeleted")
    check(json_lines(b.shell('db.runCommand({count: "posts"})')[0])[0]["count"] == 2, "runCommand")
    check("default" in b.shell("db.stats()")[0], "db.stats")
    check(b.shell('posts.insertOne({$id: "posts/a%2Fb"})\nposts.get("a/b")')[0].count("a%2Fb") >= 2,
          "ids are encoded")


def test_words(b):
    b.shell(POSTS)
    check(b.shell("count posts {n: {$gt: 2}}")[0] == "2\n", "relaxed JSON")
    check(b.shell("count posts '{\"n\": {\"$gt\": 2}}'")[0] == "2\n", "as for sh")
    check(b.shell('count posts "{\\"n\\": 3}"')[0] == "1\n", "double quotes")
    check(b.shell("parquedb count posts")[0] == "3\n", "own name")
    check(len(json_lines(b.shell("find posts --sort {n: -1} --limit 2")[0])) == 2, "options")
    check(json_lines(b.shell("find posts {n: 3} --project=title")[0])[0]["title"] == "Hello", "=")
    check(json.loads(b.shell("get posts/p1")[0])["n"] == 3, "get")
    check(json.loads(b.shell("update posts p1 {$set: {n: 4}}")[0])["n"] == 4, "update")
    b.shell("link posts/p2 author users/u1 --data={since: 2020}")
    check(b.shell("flush")[0].startswith("flushed "), "flush")
    check("tail" in b.shell("stats")[0] and "posts" in b.shell("files posts")[0], "stats, files")
    path = b.file("more.ndjson", '{"$id": "m1"}\n')
    check(b.shell(f"import posts '{path}'")[0] == "imported 1\n", "import of a file")
    b.shell("import posts -", status=1)
    b.shell("shell", status=1)
    b.shell("count posts -w elsewhere", status=1)


def test_values(b):
    statement = """v.insertOne({$id: "x",
      oid: ObjectId("507f1f77bcf86cd799439011"), day: ISODate("2026-03-01"),
      at: new Date("2026-03-01T12:30:00"), zone: new Date("2026-03-01T12:30:00+01:00"),
      ms: new Date(86400000), long: NumberLong(5), big: 7n, text: NumberLong("9007199254740993"),
      int: NumberInt(3), dec: NumberDecimal("1.10"),
      u: UUID("00112233-4455-6677-8899-aabbccddeeff"),
      'single \\'quotes\\'': "\\x41\\u00e9\\u{1F600}\\n", hex: 0x10, plus: +1, half: .5, exp: 1e3,
      inf: Infinity, minus: -Infinity, nan: NaN, no: null, yes: true, empty: {}, list: [1, [2,],],
      tick: `a "b"`, /* gone */ größe: 'ü'})"""
    b.shell(statement)
    got = json.loads(b.shell('v.get("x")')[0])
    wanted = {
        "oid": {"$oid": "507f1f77bcf86cd799439011"}, "day": {"$date": "2026-03-01T00:00:00Z"},
        "at": {"$date": "2026-03-01T12:30:00Z"}, "zone": {"$date": "2026-03-01T11:30:00Z"},
        "ms": {"$date": "1970-01-02T00:00:00Z"}, "single 'quotes'": "Aé😀\n", "hex": 16, "plus": 1,
        "half": 0.5, "no": None, "yes": True, "empty": {}, "list": [1, [2]], "tick": 'a "b"',
        "größe": "ü"}
    for name, value in wanted.items():
        check(got.get(name) == value, name, got.get(name))
    for name, value in (("long", 5), ("big", 7), ("text", 9007199254740993), ("int", 3)):
        inner = got[name]
        inner = inner.get("$numberLong", inner) if isinstance(inner, dict) else inner
        check(int(inner) == value, name, got[name])
    check(b.shell("v.count({day: ISODate('2026-03-01')})")[0] == "1\n", "a date in a filter")
    check(b.shell("v.count({text: {$gt: NumberLong('9007199254740992')}})")[0] == "1\n", "a long")


def test_writes(b):
    """The calls of mongosh that change things, by filter."""
    def out(statement):
        return b.shell(statement)[0]
    check(out('t.insertMany([{$id: "a", n: 1, s: "x"}, {$id: "b", n: 2, s: "y"}, '
              '{$id: "c", n: 3, s: "x"}])') == "t/a\nt/b\nt/c\n", "insertMany")
    check(out("t.updateOne({n: {$gt: 1}}, {$set: {k: 1}}, {sort: {n: -1}})") ==
          "matched 1, modified 1\n", "updateOne with options")
    check(json.loads(out('t.get("c")'))["k"] == 1, "the one that the sort says")
    check(out("t.updateOne({n: 9}, {$set: {k: 1}}, {upsert: true})").startswith(
        "matched 0, modified 0, upserted 1\nt/"), "upsert")
    check(out('t.replaceOne("b", {n: 20})') == "matched 1, modified 1\n", "replaceOne")
    check("s" not in json.loads(out('t.get("b")')), "the whole document")
    got = out('t.findOneAndUpdate({n: 1}, {$inc: {n: 10}}, {returnDocument: "after", '
              "projection: {n: 1}})")
    check(json.loads(got) == {"$id": "t/a", "n": 11}, "findOneAndUpdate", got)
    got = out("t.findOneAndReplace({n: 11}, {n: 12}, {projection: {n: 1, $id: 0}})")
    check(json.loads(got) == {"n": 11}, "findOneAndReplace", got)
    check(json.loads(out("t.findOneAndDelete({n: 12})"))["$id"] == "t/a", "findOneAndDelete")
    check(out("t.findOneAndDelete({n: 12})") == "null\n", "nothing matches")
    check(out("t.deleteOne({n: 77})\nt.deleteMany({n: 9})") == "deleted 0\ndeleted 1\n", "delete")
    check(out('t.distinct("n")\nt.distinct("s", {n: 3})') == '3\n20\n"x"\n', "distinct")
    check(out("t.estimatedDocumentCount()\nt.countDocuments({}, {limit: 1})\nt.exists({n: 4})") ==
          "2\n1\nfalse\n", "counts")
    check(out("t.upsertMany([{filter: {n: 3}, update: {$set: {z: 1}}}, "
              '{filter: {$id: "t/q"}, replacement: {n: 5}}])') ==
          "inserted 0, matched 1, modified 1, upserted 1, deleted 0\nt/q\n", "upsertMany")
    check(out("t.find({}, {n: 1, $id: 0}, {sort: {n: 1}, limit: 1})") == '{"n":3}\n', "options")
    check(out("t.aggregate([{$match: {n: 5}}, {$project: {$id: 0, n: 1}}], {allowDiskUse: false})")
          == '{"n":5}\n', "aggregate")
    got, err = b.shell('t.insertMany([{$id: "b"}, {$id: "new"}], {ordered: false})', status=1)
    check(got == "t/new\n" and "ALREADY_EXISTS: document 0" in err, "insertMany, unordered", err)
    got, err = b.shell("t.bulkWrite([{deleteOne: {filter: {n: 5}}}, {updateOne: {filter: {n: 3}, "
                       'update: {$inc: {n: "x"}}}}])', status=1)
    check(got.endswith("deleted 1\n") and "operation 1: " in err, "bulkWrite", (got, err))
    for who in ("a", "b"):
        b.shell('t.link("b", "p%s", "t/c")' % who)
    check(json_lines(out('t.related("b", "pa").filter({n: 3}).sort({n: 1}).project({n: 1})')) ==
          [{"$id": "t/c", "n": 3}], "related")
    check(out("t.stats()").startswith("path"), "stats of a collection")


def test_errors(b):
    b.shell(POSTS)

    def fails(statement, *says, column=None):
        out, err = b.shell(statement, status=1)
        for text in says:
            check(text in err, f"says {text!r}", (statement, err))
        check("in line 1 of standard input" in err, "the line of the input", err)
        if column is not None:
            check(f"column {column}:" in err, f"column {column}", (statement, err))
            mark = err.splitlines()[2]
            check(mark.index("^") == column + 1, "the mark", err)

    fails("posts.find({a: })", "expected a value", column=16)
    fails("posts.find({a 1})", "expected ':'", column=15)
    fails("posts.find({a: 1 b: 2})", "expected ',' or '}'", column=18)
    fails("posts.find({a: foo})", "'foo'", "quotes", column=16)
    fails("posts.find({a.b: 1})", "needs quotes", column=13)
    fails("posts.find({a: 'x})", "no closing quote", column=16)
    fails("posts.find({a: 1", "missing '}'", column=12)
    fails("posts.find({a: 01})", "malformed number", column=16)
    fails("posts.find({a: undefined})", "null", column=16)
    fails("posts.find({a: ObjectId()})", "ObjectId takes 1 argument", column=16)
    fails("posts.find({}) x", "expected '.'", column=16)
    fails("posts.find({}}", "expected ',' or ')'", column=14)
    fails("count posts {a: }", "expected a value", column=17)
    fails("count posts '{a: }'", "expected a value", column=18)
    fails("größe.find({ü: })", "expected a value", column=16)
    fails("posts.fnd({})", "'fnd'", "'find'", column=7)
    fails("posts.find().limt(1)", "'limt'", "'limit'", column=14)
    fails("posts.find().limit('x')", "whole number", column=14)
    fails("posts.get({n: 3})", "goes by id", column=7)
    fails("posts.updateOne(3, {$set: {n: 4}})", "takes a filter, or an id", column=7)
    fails("posts.updateOne('p1')", "updateOne(filter or id", column=7)
    fails("posts.updateOne({n: 3}, {$set: {n: 4}}, 7)", "updateOne(filter or id", column=7)
    fails("posts.updateOne({n: 3}, {$set: {n: 4}}, {upsrt: true})", "'upsrt'", "'upsert'")
    fails("posts.explain()", "expected '.find(", column=16)
    fails("find({})", "collection", column=1)
    fails("db.fnd({})", "'fnd'", column=4)
    fails("posts.count({}).sort({n: 1})", "count", "--sort")
    fails("posts.get('none')", "ENTITY_NOT_FOUND")
    fails("posts.find({n: {$gtee: 1}})", "$gtee", "$gte")
    fails("fnd posts", "'fnd'", "'find'")
    fails(".mod json", "'.mod'", "'.mode'")
    fails(".mode xml", ".mode")
    fails(".read /none", "/none")
    fails("show me", "show collections")
    fails("posts.find({a: " + "[" * 500 + "]" * 500 + "})", "nested too deeply")
    out, err = b.shell("posts.count()\nposts.find({a: })\n\nposts.find({\n  a: b})\n"
                       "posts.count()\n", status=1)
    check(out == "3\n3\n", "it goes on after a failure", out)
    check("in line 2 of" in err and "in line 4 of" in err and "line 2, column 6" in err, "line",
          err)
    b.shell("posts.find({a: 1,}, {b: 1,})")


def test_namespaces_and_reading(b):
    b.shell("posts.insertOne({$id: 'p1'})\nuse other\nposts.insertOne({$id: 'p2'})")
    get = "posts.find({}, {n: 1})"
    check("p1" in b.shell(get)[0] and "p2" in b.shell(get, "-n", "other")[0], "use")
    out, _ = b.shell(f".ns other\n{get}\n.ns default\n{get}\n.ns")
    check(out == 'namespace other\n{"$id":"posts/p2"}\nnamespace default\n{"$id":"posts/p1"}\n'
          "namespace default\n", ".ns", out)
    check(b.shell("count posts -n other")[0] == "1\n", "-n on a line")
    out, err = b.shell("posts.count()\nposts.insertOne({})\nposts.count()", "--read", status=1)
    check(out == "1\n1\n" and "PERMISSION_DENIED" in err, "--read", (out, err))
    out, _ = b.shell("posts.insertOne({$id: 'p3'})", "--actor", "users/me")
    check(json.loads(b.shell("posts.get('p3')")[0])["createdBy"] == "users/me", "--actor")
    outer = b.file("outer.txt", "posts.count()\n.read inner.txt\nposts.count()\n")
    b.file("inner.txt", "posts.insertOne({\n  $id: 'p4'})\n")
    check(b.shell(f".read {outer}")[0] == "2\nposts/p4\n3\n", ".read")
    b.file("bad.txt", "posts.count()\n\nposts.fnd()\n")
    out, err = b.shell(".read bad.txt\nposts.count()", status=1)
    check(out == "3\n3\n" and "in line 3 of bad.txt" in err, ".read fails", (out, err))
    b.file("loop.txt", ".read loop.txt\n")
    check("LIMIT_EXCEEDED" in b.shell(".read loop.txt", status=1)[1], ".read reads itself")


def test_one_handle(b):
    b.shell("posts.insertOne({$id: 'p1'})")
    reader = subprocess.Popen([PROGRAM, "shell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=b.environment(), cwd=b.base)

    def ask(statement):
        reader.stdin.write(statement.encode() + b"\n")
        reader.stdin.flush()
        return reader.stdout.readline().decode()

    check(ask("posts.count()") == "1\n", "it reads")
    check(b.shell("posts.insertOne({$id: 'p2'})")[0] == "posts/p2\n", "another may write meanwhile")
    check(ask("posts.count()") == "2\n", "and is seen")
    check(ask("posts.insertOne({$id: 'p3'})") == "posts/p3\n", "now it writes")
    check("BUSY" in b.shell("posts.insertOne({$id: 'p4'})", status=1)[1], "so others may not")
    check(ask("posts.count()") == "3\n", "and reads on")
    out, err = reader.communicate(timeout=TIMEOUT)
    check(reader.returncode == 0 and err == b"", "the end", (out, err))
    other = Base()
    try:
        check("no warehouse" in other.shell("show collections", status=1)[1], "no warehouse")
        check(not os.path.exists(other.dir), "reading makes none")
        check(other.shell("a.insertOne({$id: 'b'})\na.count()")[0] == "a/b\n1\n", "writing does")
    finally:
        shutil.rmtree(other.base, ignore_errors=True)


# ---- on a terminal ----

def test_terminal(b):
    b.shell(POSTS)
    t = Terminal(b)
    out = t.type("posts.find({n: {$gt: 2}}, {title: 1, n: 1})")
    check(out.split() == "$id title n posts/p1 Hello 3 posts/p2 It's 255".split(), "a table", out)
    out = t.type('posts.get("p1")')
    check('  "title": "Hello"' in out, "one entity is indented", out)
    t.type("posts.find({")
    check(t.prompt == "      ... ", "it waits for more", t.prompt)
    out = t.type("n: 3}, {n: 1})")
    check("posts/p1" in out and t.prompt == "parquedb> ", "and then answers", out)
    t.send("posts.find({")
    t.abandon()
    check(t.type("posts.count()") == "3\n", "Ctrl-C gives up a line")
    t.type("posts.find({")
    t.abandon()
    check(t.type("posts.count()") == "3\n", "and a statement of several")
    check("column 16" in t.type("posts.find({a: })"), "a message")
    t.type("use other")
    check(t.prompt == "parquedb:other> ", "the prompt says the namespace", t.prompt)
    check("namespace default" in t.type("use default"), "back")
    check("ms" in t.type(".timer on") + t.type("posts.count()"), "timer")
    check(t.close() == 0, "Ctrl-D leaves")
    check(Terminal(b).close(".exit\n") == 0, ".exit leaves")
    t = Terminal(b, NO_COLOR="")
    t.type('posts.get("p1")')
    check(b"\033[34m" in t.data, "colours")
    t.close()


def test_pager(b):
    b.shell("\n".join("a.insertOne({$id: 'x%03d'})" % i for i in range(100)))
    pager = b.file("pager", '#!/bin/sh\necho "<<$LESS"; cat; echo ">>"\n')
    os.chmod(pager, 0o755)
    t = Terminal(b, PAGER=pager)
    out = t.type("a.find()")
    check(out.startswith("<<FRX\n") and out.endswith(">>\n") and "x099" in out, "through it", out)
    check(t.type("a.insertOne({$id: 'y'})") == "a/y\n", "not for one line")
    t.close()
    quits = b.file("quits", "#!/bin/sh\nhead -n 2\n")
    os.chmod(quits, 0o755)
    b.run("import", "b", "-", stdin="".join('{"n": %d}\n' % i for i in range(20000)))
    t = Terminal(b, PAGER=quits)
    out = t.type("b.find()")
    check(len(out.splitlines()) == 2, "one may leave the pager early", out)
    check(t.type("a.count()") == "101\n", "and go on", t.data[-500:])
    check(t.close() == 0, "leave")


def test_completion(b):
    b.shell(POSTS)
    t = Terminal(b)
    if not t.is_edited:
        t.close()
        skip("no libedit: completion")
        return

    def completes(typed, addition):
        t.keys(typed, typed)
        t.keys("\t", addition)
        t.abandon()

    completes("aggr", "egate ")
    completes("coll", "ections ")
    completes("po", "sts.")
    completes("posts.updateM", "any(")
    completes("db.us", "ers.")
    completes("db.runC", "ommand(")
    completes("posts.find({}).so", "rt(")
    completes("posts.find({ti", "tle")
    completes('posts.find({"in.d', "eep")
    completes("posts.find({n: {$startsW", "ith")
    completes("get us", "ers/")
    completes("find posts --lim", "it ")
    completes("find posts {ta", "gs")
    completes("help trav", "erse ")
    completes("show co", "llections")
    completes(".ti", "mer ")
    completes(".mode pr", "etty")
    t.keys("posts.find", "posts.find")
    t.keys("\t", "findOne")
    t.abandon()
    check("posts/p1" in t.type("find posts {n: 3}"), "and the line runs")
    t.type("posts.find({")
    t.keys("ti\t", "title")
    t.abandon()
    t.close()


def test_history(b):
    b.shell(POSTS)
    t = Terminal(b)
    if not t.is_edited:
        t.close()
        skip("no libedit: history")
        return
    t.type("posts.count({n: 3})")
    check(t.type("\x1b[A") == "1\n", "the line again", t.data[-300:])
    t.type("posts.count(")
    t.type("{n: 255})")
    t.close()
    path = os.path.join(b.base, ".parquedb_history")
    check(os.path.exists(path) and "posts.count" in open(path).read(), "the file")
    check(os.stat(path).st_mode & 0o077 == 0, "is private", oct(os.stat(path).st_mode))
    t = Terminal(b)
    check(t.type("\x1b[A") == "1\n", "the statement of two lines, in the next session")
    t.close()
    own = os.path.join(b.base, "own")
    t = Terminal(b, PARQUEDB_HISTORY=own)
    t.type("posts.count()")
    t.close()
    check(os.path.exists(own), "$PARQUEDB_HISTORY")


# ---- the page ----

STATEMENTS = [
    "First some documents. Keys need no quotes, and a statement goes on while a bracket is open.",
    ["posts.insertMany([",
     '  {$id: "p1", title: "Hello", n: 3, at: ISODate("2026-03-01")},',
     "  {$id: 'p2', title: 'World', n: 5, tags: ['a', 'b',]},",
     "])"],
    'users.insertOne({$id: "u1", name: "Ann"})',
    'posts.link("p1", "author", "users/u1", {role: "editor"})',
    "show collections",
    "Many entities are a table, one is indented JSON; `.mode json` and `.mode pretty` change that.",
    "posts.find({n: {$gt: 2}}, {title: 1, n: 1}).sort({n: -1}).limit(5)",
    'posts.findOne({title: "Hello"}, {title: 1, at: 1})',
    "posts.countDocuments({n: {$gt: 3}})",
    "What is behind `parquedb` on the command line works here as well.",
    "find posts {n: 5} --project title,tags --json",
    'posts.updateOne({title: "Hello"}, {$set: {title: "Hi"}, $inc: {n: 1}})',
    'posts.findOneAndUpdate("p2", {$inc: {n: 1}}, {returnDocument: "after", projection: {n: 1}})',
    'posts.distinct("n")',
    'posts.history("p1")',
    'posts.diff("p1", {from: "seq:1"})',
    'posts.get("p1").asOf("seq:2")',
    'users.related("u1", "author").reverse()',
    "All between `begin` and `commit` is stored, or nothing; the star says that one is open.",
    "begin",
    'posts.updateOne({title: "Hi"}, {$inc: {n: 10}})',
    'users.insertOne({$id: "u2", name: "Bob"})',
    "users.countDocuments({})",
    "abort",
    "users.countDocuments({})",
    "A mistake is shown where it is.",
    "posts.find({n: {$gt: }})",
    "posts.find({n: {$gtt: 3}})",
    ".timer on",
    "flush",
]


def mask(text):
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "2026-03-01T12:00:00.000000Z", text)
    text = re.sub(r"(?m)^\d+\.\d ms$", "… ms", text)
    text = re.sub(r"into \d+ files, \d+ bytes \(", "into … files, … bytes (", text)
    text = re.sub(r"(00Z) {2,}", r"\1  ", text)  # a time that ends in zeros is shorter
    return re.sub(r"(?m) +$", "", text)


def transcript(b):
    """The session as a page of Markdown."""
    head = ("# parquedb shell\n\nA session on a terminal, as `test/cli/shell.py` types it and "
            "checks it (times and sizes are\nmasked). `.help` lists what can be typed; Tab "
            "completes commands, collections, fields and operators.\n")
    parts = [head]
    is_open = False
    t = Terminal(b, PARQUEDB_HISTORY="", COLUMNS="100")
    prompt = "parquedb> "
    for step in STATEMENTS:
        is_prose = isinstance(step, str) and re.match(r"[A-Z].*\.$", step)
        if is_prose:
            parts.append(("```\n" if is_open else "") + f"\n{step}\n")
            is_open = False
            continue
        if not is_open:
            parts.append("\n```\n")
            is_open = True
        for line in [step] if isinstance(step, str) else step:
            out = t.type(line)
            parts.append(prompt + line + "\n" + (out if out.strip() else ""))
            prompt = t.prompt
    t.close()
    return mask("".join(parts) + "```\n")


def test_transcript(b):
    made = transcript(b)
    shown = open(PAGE, encoding="utf-8").read() if os.path.exists(PAGE) else ""
    if made != shown:
        with open(os.path.join(tempfile.gettempdir(), "shell.md"), "w", encoding="utf-8") as f:
            f.write(made)
        done = subprocess.run(["diff", "-u", PAGE, f.name], capture_output=True, text=True)
        print(done.stdout[:3000])
    check(made == shown, "doc/shell.md is what the shell shows; test/cli/shell.py --write makes it")


def skip(why):
    global skipped
    skipped += 1
    print(f"skipped: {why}")


def main():
    global current, failed
    if not os.access(PROGRAM, os.X_OK):
        print(f"no program {PROGRAM}; set PARQUEDB")
        print("0 passed, 1 failed")
        return 1
    wanted = sys.argv[1:]
    if wanted == ["--write"]:
        base = Base()
        page = transcript(base)
        shutil.rmtree(base.base, ignore_errors=True)
        with open(PAGE, "w", encoding="utf-8") as f:
            f.write(page)
        return 0
    for name, test in list(globals().items()):
        if not name.startswith("test_") or not callable(test):
            continue
        if wanted and not any(word in name for word in wanted):
            continue
        current = name
        base = Base()
        try:
            test(base)
        except NoTerminal as why:
            skip(f"no pseudo-terminal: {name}: {why}")
        except Exception:
            failed += 1
            print(f"FAIL {name}: it broke off\n{traceback.format_exc()}")
        finally:
            shutil.rmtree(base.base, ignore_errors=True)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
