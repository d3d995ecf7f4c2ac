#!/usr/bin/env python3
"""What goes wrong around a warehouse: other processes, full disks, newer formats, damaged files.

    readers   processes that read while others import, flush and compact: never fewer rows than
              were acknowledged before, never part of a commit; in a folder that cannot be written
    disk      writes that end early (RLIMIT_FSIZE, a small tmpfs): an error that names the file,
              nothing acknowledged is lost, the next command works
    newer     files of a later format: NOT_SUPPORTED, nothing is changed
    damage    one file of each kind cut or with one bit turned, at seeded places: every answer is
              the one from before or an error that names the file, and verify names it
    clock     the clock of the day jumps a year ahead, two back, and home: between commands and
              under a running shell; nothing is lost, the order of events is theirs, not the clock's
    writers   the second one is told who the first is; after kill -9 it works at once

usage: trouble.py [--seed N] [--places N] [SECTION...]      (PARQUEDB names the program)

The last line is `N passed, N failed[, N skipped]`.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zlib

PROGRAM = os.environ.get("PARQUEDB", "build/parquedb")
WORKERS = 2
results = {"passed": 0, "failed": 0, "skipped": 0}
OTHER_USER = 65534


def check(what, is_true, detail=""):
    results["passed" if is_true else "failed"] += 1
    if not is_true:
        print(f"FAIL {what}" + (f": {detail}" if detail else ""), flush=True)
    return is_true


def skip(what):
    results["skipped"] += 1
    print(f"skipped: {what}", flush=True)


def run(warehouse, *args, stdin=None, prefix=(), before=None, more=None):
    """Run the program; the finished process, with text output."""
    environment = dict(os.environ, PARQUEDB_WAREHOUSE=warehouse, **(more or {}))
    return subprocess.run([*prefix, PROGRAM, *args], input=stdin, capture_output=True, text=True,
                          env=environment, preexec_fn=before, errors="replace", timeout=120)


def must(warehouse, *args, stdin=None):
    done = run(warehouse, *args, stdin=stdin)
    if done.returncode != 0:
        raise RuntimeError(f"parquedb {' '.join(args)}: status {done.returncode}: {done.stderr}")
    return done.stdout


def command(warehouse, document, **more):
    return run(warehouse, "run", json.dumps(document), **more)


def lines_of(first, count):
    return "".join(json.dumps({"$id": f"i{i:06}", "i": i, "tag": f"t{i % 7}",
                               "text": "x" * (i % 61)}) + "\n"
                   for i in range(first, first + count))


def count_of(warehouse, *options):
    return int(must(warehouse, "count", "items", *options).replace(",", ""))


def numbers_of(text):
    return sorted(json.loads(line)["i"] for line in text.splitlines())


# ---- readers in other processes ----

class Progress:
    """What the writers have said to be durable so far."""

    def __init__(self):
        self.acked = 0
        self.bounds = {0}
        self.is_over = False
        self.seen = set()
        self.runs = 0
        self.failures = []

    def fail(self, what):
        if len(self.failures) < 20:
            self.failures.append(what)


def import_acked(warehouse, progress, first, count):
    """Import numbered lines; every acknowledgement is told to the readers."""
    environment = dict(os.environ, PARQUEDB_WAREHOUSE=warehouse)
    writer = subprocess.Popen([PROGRAM, "import", "items", "-", "--ack"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, env=environment)

    def feed():
        for i in range(first, first + count, 500):
            writer.stdin.write(lines_of(i, min(500, first + count - i)))
            writer.stdin.flush()
            time.sleep(0.01)
        writer.stdin.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    for line in writer.stdout:
        word, _, number = line.partition(" ")
        if word == "durable":
            progress.bounds.add(first + int(number))
            progress.acked = first + int(number)
    feeder.join()
    check("readers: the import ends well", writer.wait() == 0)


def read_once(warehouse, progress, kind, rng):
    acked = progress.acked
    if kind == "count":
        done = run(warehouse, "count", "items", "--json")
        if done.returncode == 0:
            n = json.loads(done.stdout)["count"]
            progress.seen.add(n)
            if n < acked:
                progress.fail(f"count {n}, acknowledged {acked}")
    elif kind == "find":
        done = run(warehouse, "find", "items", "{}", "--json", "--project", "i")
        if done.returncode == 0:
            numbers = numbers_of(done.stdout)
            progress.seen.add(len(numbers))
            if len(numbers) < acked or numbers != list(range(len(numbers))):
                progress.fail(f"find gives {len(numbers)} rows, acknowledged {acked}, not a prefix")
    elif kind == "limit":
        done = run(warehouse, "find", "items", '{"i": {"$gte": 0}}', "--limit", "50", "--json")
        if done.returncode == 0 and len(done.stdout.splitlines()) != min(50, max(acked, 50)):
            progress.fail(f"find --limit gives {len(done.stdout.splitlines())} rows")
    elif kind == "get":
        i = rng.randrange(acked)
        done = run(warehouse, "get", f"items/i{i:06}", "--json")
        if done.returncode == 0 and json.loads(done.stdout)["i"] != i:
            progress.fail(f"get of {i} gives {done.stdout}")
    else:
        seq = rng.randrange(1, acked + 1)
        done = command(warehouse, {"count": "items", "asOf": f"seq:{seq}"})
        if done.returncode == 0 and json.loads(done.stdout.splitlines()[-1])["count"] != seq:
            progress.fail(f"as of {seq}: {done.stdout}")
    progress.runs += 1
    if done.returncode != 0:
        progress.fail(f"{kind}: status {done.returncode}: {done.stderr}")


def read_loop(warehouse, progress, kinds, seed):
    rng = random.Random(seed)
    while not progress.is_over:
        if progress.acked > 50:
            read_once(warehouse, progress, rng.choice(kinds), rng)
        else:
            time.sleep(0.01)


def section_readers(scratch, options):
    warehouse = os.path.join(scratch, "readers")
    progress = Progress()
    must(warehouse, "insert", "other", '{"$id": "first"}')
    shutil.rmtree(warehouse)
    readers = [threading.Thread(target=read_loop,
                                args=(warehouse, progress, kinds, options.seed + i))
               for i, kinds in enumerate([["count", "limit"], ["find"], ["get", "as of"]])]
    for reader in readers:
        reader.start()
    try:
        at = 0
        for step, size in enumerate([3000, 4000, 2000, 5000, 3000, 1000]):
            import_acked(warehouse, progress, at, size)
            at += size
            for words in [{"flush": 1}], [{"compact": "items"}], [{"flush": 1}, {"checkpoint": 1}]:
                if step % 3 == (0 if "compact" in words[0] else 1 if len(words) > 1 else 2):
                    for document in words:
                        done = command(warehouse, document)
                        check(f"readers: {document} beside readers", done.returncode == 0,
                              done.stderr)
    finally:
        progress.is_over = True
        for reader in readers:
            reader.join()
    for what in progress.failures:
        check("readers", False, what)
    check(f"readers: {progress.runs} reads beside the writers", progress.runs > 20)
    # A compaction keeps the count; every count that was seen is the end of a commit.
    torn = progress.seen - progress.bounds
    check("readers: no commit was seen in part", not torn, f"{sorted(torn)[:5]}")
    check("readers: all rows are there at the end", count_of(warehouse) == at)
    read_only_folder(scratch)


def killed_with_tail(warehouse, first, count):
    """Import and kill -9 once all is durable: a write-ahead log with `count` rows stays behind."""
    environment = dict(os.environ, PARQUEDB_WAREHOUSE=warehouse)
    writer = subprocess.Popen([PROGRAM, "import", "items", "-", "--ack"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              env=environment)
    feeder = threading.Thread(target=feed_and_hold, args=(writer, lines_of(first, count)))
    feeder.start()
    acked = 0
    while acked < count:
        line = writer.stdout.readline()
        if not line:
            raise RuntimeError(f"the import ended after {acked} lines")
        acked = int(line.split()[1])
        if acked >= count - count % 1000:
            break
    writer.kill()
    writer.wait()
    feeder.join()
    return acked


def feed_and_hold(process, text):
    try:
        process.stdin.write(text)
        process.stdin.flush()
    except BrokenPipeError:
        pass


def other_user():
    """A prefix that runs a program as a user who may only read; None when it cannot be had."""
    if os.geteuid() != 0:
        return ()  # the permissions of the folder bind us, too
    if shutil.which("setpriv") is None:
        return None
    prefix = ("setpriv", f"--reuid={OTHER_USER}", "--clear-groups")
    can = subprocess.run([*prefix, PROGRAM, "--version"], capture_output=True)
    return prefix if can.returncode == 0 else None


def set_modes(top, folder_mode, file_mode):
    os.chmod(top, folder_mode)
    for folder, folders, files in os.walk(top):
        for name in folders:
            os.chmod(os.path.join(folder, name), folder_mode)
        for name in files:
            os.chmod(os.path.join(folder, name), file_mode)


def read_only_folder(scratch):
    prefix = other_user()
    if prefix is None:
        skip("a reader in a read-only folder: setpriv cannot run the program as another user")
        return
    warehouse = os.path.join(scratch, "readonly")
    must(warehouse, "import", "items", "-", stdin=lines_of(0, 1000))
    must(warehouse, "flush")
    for name in ["flushed", "tail", "killed", "unreadable", "no index", "bare"]:
        copy = os.path.join(scratch, f"readonly-{name}")
        shutil.copytree(warehouse, copy)
        if name == "tail":
            must(copy, "import", "items", "-", stdin=lines_of(1000, 100))
        is_killed = name in ("killed", "unreadable", "no index")
        acked = killed_with_tail(copy, 1000, 3000) if is_killed else 0
        if name == "bare":  # as if copied away without the hot tier
            os.remove(os.path.join(copy, "hot.sqlite"))
        if is_killed:
            check(f"read-only, {name}: a log is there",
                  os.path.getsize(os.path.join(copy, "hot.sqlite-wal")) > 0)
        if name == "no index":  # SQLite's index of the log, which a reader cannot make here
            os.remove(os.path.join(copy, "hot.sqlite-shm"))
        set_modes(copy, 0o555, 0o444)
        if name == "unreadable":
            os.chmod(os.path.join(copy, "hot.sqlite-wal"), 0)
            os.chmod(os.path.join(copy, "hot.sqlite-shm"), 0)
        check_read_only(name, copy, prefix, acked)
        set_modes(copy, 0o755, 0o644)
        if name in ("flushed", "tail", "killed", "no index"):
            read_only_mount(name, copy, acked)


def read_only_mount(name, warehouse, acked):
    """The same with a file system that nobody may write."""
    folder = warehouse + "-mount"
    os.mkdir(folder)
    done = subprocess.run(["mount", "--bind", warehouse, folder], capture_output=True)
    if done.returncode != 0:
        skip("a read-only file system: no permission to mount")
        return
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        check_read_only(f"{name} on a read-only mount", folder, (), acked)
    finally:
        subprocess.run(["umount", folder], check=False)


def check_read_only(name, warehouse, prefix, acked):
    expected = 1100 if name.startswith("tail") else 1000 + acked
    done = command(warehouse, {"count": "items"}, prefix=prefix)
    if not check(f"read-only, {name}: count works", done.returncode == 0, done.stderr):
        return
    summary = json.loads(done.stdout.splitlines()[-1])
    n = summary["count"]
    is_partial = summary.get("tailMissing", False)
    says_so = "unflushed tail" in done.stderr
    if is_partial:
        check(f"read-only, {name}: the files' rows without the tail", n == 1000, done.stdout)
        check(f"read-only, {name}: only where there is a tail", acked > 0)
    else:
        check(f"read-only, {name}: all rows", n == expected, done.stdout)
    check(f"read-only, {name}: says what is missing", says_so == is_partial, done.stderr)
    check(f"read-only, {name}: as of the newest entry",
          summary["seq"] == (1000 if is_partial else expected))
    done = run(warehouse, "get", "items/i000007", "--json", prefix=prefix)
    check(f"read-only, {name}: get", done.returncode == 0 and json.loads(done.stdout)["i"] == 7,
          done.stderr)
    check(f"read-only, {name}: get says so, too", ("unflushed tail" in done.stderr) == is_partial)
    done = command(warehouse, {"count": "items", "flushed": True}, prefix=prefix)
    check(f"read-only, {name}: --flushed needs no tail", done.returncode == 0 and
          "unflushed tail" not in done.stderr, done.stderr)
    done = run(warehouse, "insert", "items", '{"i": -1}', prefix=prefix)
    check(f"read-only, {name}: a write is refused", done.returncode == 1 and
          any(word in done.stderr for word in ["PERMISSION_DENIED", "STORAGE_ERROR"]), done.stderr)


# ---- full disk ----

def limit_files(size):
    def apply():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return apply


def file_in(text):
    return any(word in text for word in ["hot.sqlite", "hot.lock", "parquedb.json", ".parquet",
                                         "default/log/", "default/ckpt/"])


def check_refused(what, done):
    """Done, or an error that a user can act on. True when it was done."""
    if done.returncode == 0:
        return True
    check(f"{what}: an error, no crash", done.returncode == 1, f"{done.returncode} {done.stderr}")
    check(f"{what}: the error names the file",
          "STORAGE_ERROR" in done.stderr and file_in(done.stderr), done.stderr)
    return False


def try_full(base, warehouse, what, before, words, stdin, refused):
    """One write under a limit, then everything else as if nothing had been."""
    done = run(warehouse, *words, stdin=stdin, before=before)
    is_done = check_refused(what, done)
    refused.append(not is_done)
    acked = 0
    for line in done.stdout.splitlines():
        if line.startswith("durable "):
            acked = int(line.split()[1])
    try:
        n = count_of(warehouse) if os.path.exists(os.path.join(warehouse, "parquedb.json")) else 0
        low = base + acked
        if is_done and words[0] == "import":
            low = base + stdin.count("\n")
        check(f"{what}: {acked} acknowledged and {base} older rows are there", n >= low, str(n))
        check(f"{what}: each once", numbers_of(
            must(warehouse, "find", "items", "{}", "--json", "--project", "i")
            if n > 0 else "") == list(range(n)))
        counter = json.loads(must(warehouse, "get", "items/i000000", "--json")) if n > 0 else {}
        if words[0] == "update":
            check(f"{what}: the update is whole", counter["n"] in ([1] if is_done else [0, 1])
                  if "n" in counter else not is_done)
        must(warehouse, "import", "items", "-", stdin=lines_of(n, 10))
        must(warehouse, "flush")
        must(warehouse, "run", '{"compact": ""}')
        check(f"{what}: works afterwards", count_of(warehouse, "--flushed") == n + 10)
        check(f"{what}: verify", '"problems":0' in must(warehouse, "run", '{"verify":1}')
              .replace(" ", ""))
    except (RuntimeError, KeyError) as error:
        check(f"{what}: afterwards", False, str(error))


def section_disk(scratch, options):
    """Limits around the sizes that the files come to have, and some at random."""
    rng = random.Random(options.seed)
    base = os.path.join(scratch, "disk")
    must(base, "import", "items", "-", stdin=lines_of(0, 2000))
    must(base, "flush")
    must(base, "update", "items/i000001", '{"$set": {"i": 1, "u": 1}}')
    must(base, "import", "items", "-", stdin=lines_of(2000, 2500))
    fixed = [0, 1, 100, 512, 4096, 5000, 20000, 32768, 40000, 70000, 150000, 400000]
    jobs, refused = [], []
    for words, stdin in [(["import", "items", "-", "--ack"], lines_of(4500, 6000)),
                         (["update", "items/i000000", '{"$set": {"n": 1}}'], None),
                         (["flush"], None), (["run", '{"compact": "items"}'], None)]:
        for size in fixed + [rng.randrange(300000) for _ in range(options.places // 6)]:
            jobs.append((f"limit {size}, {words[0]} {words[-1] if words[0] == 'run' else ''}", size,
                         words, stdin, 4500, base))
    for size in fixed[:9]:
        jobs.append((f"limit {size}, first import", size, ["import", "items", "-", "--ack"],
                     lines_of(0, 3000), 0, None))

    def job(number):
        what, size, words, stdin, rows, source = jobs[number]
        warehouse = os.path.join(scratch, f"disk-{number}")
        if source is not None:
            shutil.copytree(source, warehouse)
        try_full(rows, warehouse, what, limit_files(size), words, stdin, refused)
        shutil.rmtree(warehouse, ignore_errors=True)

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(job, range(len(jobs))))
    check("disk: many limits were met", 2 * sum(refused) > len(refused), str(sum(refused)))
    small_disk(scratch, rng)


def fill_up(what, warehouse, copy):
    """Everything else that writes, on a file system that is full or nearly so."""
    if not os.path.exists(os.path.join(warehouse, "parquedb.json")):
        return
    for words in (["flush"], ["compact"], ["checkpoint"], ["vacuum", "0"], ["backup", copy],
                  ["insert", "other", "{}"], ["retention", "52w"]):
        check_refused(f"{what} {words[0]}", run(warehouse, *words))


def small_disk(scratch, rng):
    folder = os.path.join(scratch, "tmpfs")
    os.mkdir(folder)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder],
                          capture_output=True, text=True)
    if done.returncode != 0:
        skip("a full file system: no permission to mount a tmpfs")
        return
    try:
        warehouse, at = os.path.join(folder, "w"), 0
        for round_number in range(6):
            filler = os.path.join(folder, "filler")
            free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
            with open(filler, "wb") as out:
                out.write(bytes(max(0, free - rng.choice([0, 8192, 65536, 200000, 500000]))))
            what = f"tmpfs {round_number}"
            done = run(warehouse, "import", "items", "-", "--ack", stdin=lines_of(at, 3000))
            check_refused(f"{what} import", done)
            fill_up(what, warehouse, os.path.join(folder, "copy"))
            os.remove(filler)
            acked = [int(line.split()[1]) for line in done.stdout.splitlines()
                     if line.startswith("durable ")]
            must(warehouse, "insert", "other", "{}")
            n = count_of(warehouse)
            check(f"{what}: nothing acknowledged is lost", n >= at + max(acked, default=0), str(n))
            check(f"{what}: each once", numbers_of(must(
                warehouse, "find", "items", "{}", "--json", "--project", "i")) == list(range(n)))
            at = n
            must(warehouse, "flush")
            must(warehouse, "vacuum", "0")
            check(f"{what}: verify", "0 problems" in must(warehouse, "verify"))
            must(warehouse, "backup", os.path.join(folder, "copy"))
            check(f"{what}: the copy that was cut short is whole now",
                  count_of(os.path.join(folder, "copy")) == n)
            shutil.rmtree(os.path.join(folder, "copy"))
    except RuntimeError as error:
        check("tmpfs", False, str(error))
    finally:
        subprocess.run(["umount", folder], check=False)


# ---- newer formats ----

def tree_of(top):
    """Every file's bytes, and the rows of the hot tier (whose epoch grows when a writer opens)."""
    out = {}
    for folder, _, files in os.walk(top):
        for name in files:
            if not name.startswith("hot."):
                with open(os.path.join(folder, name), "rb") as source:
                    out[os.path.relpath(os.path.join(folder, name), top)] = source.read()
    db = sqlite3.connect(os.path.join(top, "hot.sqlite"))
    for query in ["SELECT * FROM batch", "SELECT ns, seq_hi, ts_hi FROM state",
                  "SELECT * FROM meta"]:
        out[query] = db.execute(query).fetchall()
    db.close()
    return out


def newest(warehouse, pattern):
    return sorted(glob.glob(os.path.join(warehouse, pattern)))[-1]


def rewrite(path, change):
    with open(path, "rb") as source:
        data = source.read()
    with open(path, "wb") as out:
        out.write(change(data))


def make_newer(warehouse, kind):
    """Turn one file into that of a later version; the name that the error must have."""
    if kind == "parquedb.json":
        rewrite(os.path.join(warehouse, kind), lambda b: b.replace(b'"version":1', b'"version":9'))
        return kind
    if kind == "hot.sqlite":
        db = sqlite3.connect(os.path.join(warehouse, kind))
        db.execute("UPDATE meta SET value = 9 WHERE key = 'format'")
        db.commit()
        db.close()
        return kind
    folder, word = ("log", b"parquedb-log") if kind == "log entry" else ("ckpt", b"parquedb-ckpt")
    path = newest(warehouse, f"default/{folder}/*")
    rewrite(path, lambda b: re.sub(word + rb" \d+ ", word + b" 9 ", b, count=1))
    return os.path.relpath(path, warehouse)


def section_newer(scratch, options):
    base = os.path.join(scratch, "newer")
    must(base, "import", "items", "-", stdin=lines_of(0, 300))
    must(base, "run", '{"checkpoint": 1}')
    must(base, "insert", "items", '{"$id": "tail"}')
    for kind in ["parquedb.json", "log entry", "checkpoint", "hot.sqlite"]:
        warehouse = os.path.join(scratch, "newer-" + kind.replace(" ", "-"))
        shutil.copytree(base, warehouse)
        if kind == "log entry":  # newer than the checkpoint, so that it is read
            must(warehouse, "flush")
            must(warehouse, "insert", "items", '{"$id": "tail 2"}')
        name = make_newer(warehouse, kind)
        before = tree_of(warehouse)
        for words in [["count", "items"], ["get", "items/i000001"], ["stats"],
                      ["insert", "items", "{}"], ["flush"], ["run", '{"compact": ""}']]:
            done = run(warehouse, *words)
            check(f"newer {kind}, {words[0]}: NOT_SUPPORTED", done.returncode == 1 and
                  "NOT_SUPPORTED" in done.stderr, f"{done.returncode} {done.stderr}")
            check(f"newer {kind}, {words[0]}: names {name} and both versions", name in done.stderr
                  and re.search(r"version 9,.* (version|up to) [1-8]\b", done.stderr), done.stderr)
        check(f"newer {kind}: nothing has changed", tree_of(warehouse) == before)


# ---- damaged files ----

READS = [
    {"count": "posts"},
    {"find": "posts"},
    {"find": "posts", "filter": {"n": 77}},
    {"find": "posts", "filter": {"title": "post 131"}},
    {"find": "posts", "filter": {"n": {"$gte": 100, "$lt": 120}}, "sort": {"n": -1}},
    {"get": "posts/p0042"},
    {"get": "posts/p0007"},
    {"get": "posts/tail5"},
    {"get": "posts/p0399"},
    {"get": "posts/missing"},
    {"related": "posts/p0010", "predicate": "author"},
    {"related": "users/u3", "predicate": "author", "direction": "reverse"},
    {"traverse": "posts/p0011",
     "path": ["author", {"predicate": "author", "direction": "reverse"}]},
    {"history": "posts/p0007"},
    {"history": "posts/p0021"},
    {"count": "posts", "asOf": "seq:250"},
    {"find": "posts", "asOf": "seq:470", "filter": {"n": {"$lt": 40}}},
    {"collections": 1},
    {"stats": 1},
    {"find": "posts", "flushed": True, "filter": {"tag": "t3"}},
]


def make_damage_base(scratch):
    """Files of every kind, a checkpoint that is older than the newest entry, and a tail."""
    base = os.path.join(scratch, "base")
    posts = "".join(json.dumps({"$id": f"p{i:04}", "n": i, "title": f"post {i}", "tag": f"t{i % 9}",
                                "score": i / 8, "deep": {"a": [i, str(i)]}}) + "\n"
                    for i in range(400))
    must(base, "import", "posts", "-", stdin=posts)
    must(base, "import", "users", "-", stdin="".join(
        json.dumps({"$id": f"u{i}", "name": f"user {i}"}) + "\n" for i in range(20)))
    edges = [{"from": f"posts/p{i:04}", "predicate": "author", "to": f"users/u{i % 20}",
              "data": {"w": i}} for i in range(0, 300)]
    must(base, "run", json.dumps({"link": edges}))
    must(base, "flush")
    for i in range(0, 60, 7):
        must(base, "update", f"posts/p{i:04}", '{"$set": {"changed": true}}')
    must(base, "delete", "posts/p0021")
    must(base, "run", json.dumps(
        {"unlink": [{name: edges[33][name] for name in ("from", "predicate", "to")}]}))
    must(base, "run", '{"checkpoint": 1}')
    must(base, "insert", "posts", '{"$id": "p0400", "n": 400, "title": "late"}')
    must(base, "update", "posts/p0028", '{"$set": {"changed": 2}}')
    must(base, "flush")
    for i in range(12):
        must(base, "insert", "posts", json.dumps({"$id": f"tail{i}", "n": 1000 + i,
                                                  "text": "y" * (i * 90)}))
    return base


def make_killed_base(scratch, base):
    """The same with an unfinished write-ahead log: its commits, and the base without it."""
    killed = os.path.join(scratch, "killed")
    shutil.copytree(base, killed)
    environment = dict(os.environ, PARQUEDB_WAREHOUSE=killed)
    writer = subprocess.Popen([PROGRAM, "import", "posts", "-", "--ack"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, env=environment)
    feeder = threading.Thread(target=feed_and_hold, args=(writer, "".join(
        json.dumps({"$id": f"w{i:05}", "n": 5000 + i}) + "\n" for i in range(5000))))
    feeder.start()
    for line in writer.stdout:
        if int(line.split()[1]) >= 4000:
            break
    writer.kill()
    writer.wait()
    feeder.join()
    return killed


def answers_of(warehouse, reads):
    return [command(warehouse, document) for document in reads]


def damage_one(path, rng, length):
    """Cut the file or turn one bit, in place. What was done."""
    if rng.random() < 0.15:
        keep = rng.choice([0, 1, length // 2, length - 1, rng.randrange(length)])
        os.truncate(path, keep)
        return f"cut to {keep} of {length}"
    off, bit = rng.randrange(length), rng.randrange(8)
    with open(path, "r+b") as f:
        f.seek(off)
        byte = f.read(1)[0]
        f.seek(off)
        f.write(bytes([byte ^ (1 << bit)]))
    return f"bit {bit} of byte {off} of {length}"


def answer_of(done):
    """What a command printed, without the age of the tail, which grows while the test runs."""
    return re.sub(r'"ageSeconds":\d+', '"ageSeconds":0', done.stdout)


def check_damaged(what, warehouse, name, before):
    """Every answer as before, or an error that names the file."""
    wrong = []
    for document, good in zip(READS, before):
        done = command(warehouse, document)
        if done.returncode == 0 and answer_of(done) == answer_of(good):
            continue
        if done.returncode != 1:
            wrong.append(f"{document}: status {done.returncode}: {done.stderr[-900:]}"
                         if done.returncode != 0 else f"{document}: wrong answer "
                         f"{done.stdout[-150:]}, not {good.stdout[-150:]}")
        elif name not in done.stderr:
            wrong.append(f"{document}: {name} is not named: {done.stderr}")
    check(what, not wrong, "; ".join(wrong[:3]))


def check_verify(what, warehouse, name):
    done = command(warehouse, {"verify": 1})
    text = done.stdout + done.stderr
    check(f"{what}: verify names the file", done.returncode in (0, 1) and name in text and
          '"problems":0' not in text.replace(" ", ""), text[-300:])


def check_writes(what, warehouse, path, original, before):
    """Writers refuse or work, and once the file is whole again nothing is lost."""
    for words in [["flush"], ["insert", "posts", '{"$id": "new"}'], ["run", '{"compact": ""}']]:
        done = run(warehouse, *words)
        check(f"{what}: {words[0]}: no crash", done.returncode in (0, 1),
              f"{done.returncode} {done.stderr[-900:]}")
    with open(path, "wb") as out:
        out.write(original)
    run(warehouse, "delete", "posts/new")
    for document, good in list(zip(READS, before))[1:17]:
        done = command(warehouse, document)
        items = done.stdout.splitlines()[:-1], good.stdout.splitlines()[:-1]
        check(f"{what}: after repair {document}", done.returncode == 0 and
              ("flushed" in document or sorted(items[0]) == sorted(items[1])),
              done.stderr + done.stdout[-200:])


def damage_kinds(base):
    def find(pattern):
        return [os.path.relpath(p, base) for p in sorted(glob.glob(os.path.join(base, pattern)))]
    return {"data": find("default/data/*/*"), "forward": find("default/rels/forward/*"),
            "reverse": find("default/rels/reverse/*"), "deletes": find("default/deletes/*"),
            "events": find("default/events/*/*"), "log": find("default/log/*"),
            "ckpt": find("default/ckpt/*"), "hot": ["hot.sqlite"], "marker": ["parquedb.json"]}


def section_damage(scratch, options):
    base = make_damage_base(scratch)
    before = answers_of(base, READS)
    for document, done in zip(READS, before):
        check(f"before: {document}", done.returncode == 0, done.stderr)
    kinds = damage_kinds(base)
    for kind, names in kinds.items():
        check(f"the base has files of kind {kind}", len(names) > 0)
    jobs = [(kind, place) for kind in kinds if not options.kinds or kind in options.kinds
            for place in range(options.places)]

    def job(number):
        kind, place = jobs[number]
        rng = random.Random(f"{options.seed} {kind} {place}")
        name = rng.choice(kinds[kind])
        warehouse = os.path.join(scratch, f"damage-{number}")
        shutil.copytree(base, warehouse)
        path = os.path.join(warehouse, name)
        with open(path, "rb") as source:
            original = source.read()
        how = damage_one(path, rng, len(original))
        what = f"{name} ({kind} {place}), {how}"
        try:
            check_damaged(what, warehouse, name, before)
            if kind not in ("hot", "marker"):
                check_verify(what, warehouse, name)
            if kind not in ("hot", "marker") and place % 4 == 0:
                check_writes(what, warehouse, path, original, before)
        except (subprocess.TimeoutExpired, ValueError) as error:
            check(what, False, str(error)[:300])
        shutil.rmtree(warehouse)

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(job, range(len(jobs))))
    if not options.kinds or "wal" in options.kinds:
        damaged_log(scratch, options, make_killed_base(scratch, base))


def damaged_log(scratch, options, killed):
    """SQLite's write-ahead log: what is behind a bad frame cannot be told from what a power cut
    tore, so the answer may be that of an earlier commit; never anything else."""
    name = "hot.sqlite-wal"
    count = {"count": "posts"}
    full = json.loads(command(killed, count).stdout.splitlines()[-1])["count"]
    rows = [json.loads(line)["$id"] for line in
            command(killed, {"find": "posts"}).stdout.splitlines()[:-1]]
    check("damage: the killed import left its rows", full > 4000 and full == len(rows))

    def job(place):
        rng = random.Random(f"{options.seed} wal {place}")
        warehouse = os.path.join(scratch, f"wal-{place}")
        shutil.copytree(killed, warehouse)
        for shm in glob.glob(os.path.join(warehouse, "*-shm")):
            os.remove(shm)
        path = os.path.join(warehouse, name)
        length = os.path.getsize(path)
        how = damage_one(path, rng, 32 if place % 5 == 0 else length)
        what = f"{name}, {how}"
        done = command(warehouse, {"find": "posts"})
        if done.returncode == 0:
            found = [json.loads(line)["$id"] for line in done.stdout.splitlines()[:-1]]
            new = [i for i in found if "/w" in i]
            check(f"{what}: an earlier commit", sorted(new) == sorted(
                i for i in rows if "/w" in i)[:len(new)] and
                [i for i in found if "/w" not in i] == [i for i in rows if "/w" not in i])
            check(f"{what}: a header that is damaged is seen", place % 5 != 0 or "cut" in how or
                  found == rows, f"{len(found)} of {len(rows)} rows")
        else:
            check(f"{what}: names the file", done.returncode == 1 and "hot.sqlite" in done.stderr,
                  f"{done.returncode} {done.stderr}")
        shutil.rmtree(warehouse)

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(job, range(options.places)))


# ---- a clock that jumps ----

HOUR, YEAR = 3600, 365 * 86400


class Clock:
    """A clock for processes that are started with its variables; it can be set while they run."""

    def __init__(self, scratch):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clock_shift.c")
        library = os.path.join(scratch, "clock_shift.so")
        self.file = os.path.join(scratch, "clock_shift")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        # The sanitizer's own library wants to be the first.
        options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        self.variables = {"LD_PRELOAD": library, "CLOCK_SHIFT_FILE": self.file,
                          "ASAN_OPTIONS": options}
        self.set(0)

    def set(self, seconds):
        with open(self.file + ".new", "w") as out:
            out.write(str(seconds))
        os.rename(self.file + ".new", self.file)


def clock_between_commands(warehouse, clock):
    """One write at each setting, with upkeep between; then the past is asked at each of them."""
    def at(seconds, *words):
        clock.set(seconds)
        done = run(warehouse, *words, more=clock.variables)
        check(f"clock {seconds:+}: {words[0]}", done.returncode == 0, done.stderr)
        return done.stdout

    at(0, "insert", "items", '{"$id": "a", "n": 0}')
    settings = [YEAR, YEAR + HOUR, -YEAR, -YEAR + HOUR, 0, 2 * YEAR, 0]
    for n, seconds in enumerate(settings):
        at(seconds, "update", "items/a", json.dumps({"$set": {"n": n + 1}}))
        at(seconds, "link", "items/a", "next", "items/a", "--data", json.dumps({"n": n + 1}))
        at(seconds, *[["flush"], ["compact"], ["checkpoint"], ["vacuum"]][n % 4])
    events = [json.loads(line)
              for line in at(0, "history", "items/a", "--json").splitlines()]
    check("clock: the versions are there, in order",
          [e["version"] for e in events] == list(range(1, len(settings) + 2)), str(events))
    times = [e["ts"]["$date"] for e in events]
    in_order = sorted(times, key=lambda t: t.rstrip("Z"))  # zeros at the end are left out
    check("clock: no event is older than the one before it", times == in_order, str(times))
    for seconds in (0, -2 * YEAR, 3 * YEAR):
        doc = json.loads(at(seconds, "get", "items/a", "--json"))
        check(f"clock {seconds:+}: the present is the last write", doc["n"] == len(settings), doc)
        for event in events:
            asked = at(seconds, "get", "items/a", "--json", "--as-of", f"seq:{event['seq']}")
            check(f"clock {seconds:+}: as of event {event['seq']}",
                  json.loads(asked)["n"] == event["after"]["n"], asked)
            last = max(e["version"] for e in events if e["ts"] == event["ts"])
            asked = at(seconds, "get", "items/a", "--json", "--as-of", event["ts"]["$date"])
            check(f"clock {seconds:+}: as of {event['ts']['$date']}",
                  json.loads(asked)["version"] == last, asked)
    check("clock: verify", "0 problems" in at(0, "verify"))
    at(0, "vacuum", "0")
    check("clock: verify after vacuum", "0 problems" in at(0, "verify"))
    copy = warehouse + "-copy"
    at(-YEAR, "backup", copy)
    check("clock: the copy", "0 problems" in run(copy, "verify").stdout)


class Shell:
    """A shell in a pipe whose clock can be set between two lines."""

    def __init__(self, warehouse, clock):
        environment = dict(os.environ, PARQUEDB_WAREHOUSE=warehouse, **clock.variables)
        self.clock = clock
        self.process = subprocess.Popen([PROGRAM, "shell"], stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env=environment)

    def say(self, seconds, line, is_answered=True):
        self.clock.set(seconds)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip() if is_answered else ""

    def end(self):
        """What it still says, and how it ends."""
        out, _ = self.process.communicate(timeout=60)
        return out, self.process.returncode


def clock_under_a_shell(warehouse, clock):
    """The clock jumps while a writer has the warehouse open."""
    shell = Shell(warehouse, clock)
    for n, seconds in enumerate([0, 10 * YEAR, -10 * YEAR, HOUR, -HOUR, 0]):
        said = shell.say(seconds, f"insert ticks '{{\"$id\": \"t{n}\"}}'")
        check(f"clock {seconds:+} in a shell: insert", said == f"ticks/t{n}", said)
        said = shell.say(seconds, "count ticks")
        check(f"clock {seconds:+} in a shell: count", said == str(n + 1), said)
    check("clock: the shell ends well", shell.end() == ("", 0))
    # A transaction is given up by its age.
    for jump, word in ((HOUR, "older than 300 s"), (-HOUR, "committed 1 event")):
        shell = Shell(warehouse, clock)
        shell.say(0, "begin", is_answered=False)
        said = shell.say(0, f"insert ticks '{{\"$id\": \"in{jump}\"}}'")
        check("clock: a write in a transaction", said == f"ticks/in{jump}", said)
        said = shell.say(jump, "commit")
        check(f"clock {jump:+} in a transaction", word in said, said)
        shell.end()
    clock.set(0)
    done = run(warehouse, "count", "ticks", more=clock.variables)
    check("clock: what was committed is there", done.stdout == "7\n", done.stdout)
    check("clock: verify after the shell", "0 problems" in must(warehouse, "verify"))


def section_clock(scratch, options):
    clock = Clock(scratch)
    clock_between_commands(os.path.join(scratch, "clock"), clock)
    clock_under_a_shell(os.path.join(scratch, "clock-shell"), clock)


# ---- two writers ----

def section_writers(scratch, options):
    warehouse = os.path.join(scratch, "writers")
    environment = dict(os.environ, PARQUEDB_WAREHOUSE=warehouse)
    writer = subprocess.Popen([PROGRAM, "import", "items", "-", "--ack"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, env=environment)
    writer.stdin.write(lines_of(0, 2500))
    writer.stdin.flush()
    acked = int(writer.stdout.readline().split()[1])
    for how in ["running", "stopped"]:
        if how == "stopped":
            writer.send_signal(signal.SIGSTOP)
        for words in [["insert", "items", "{}"], ["flush"], ["update", "items/i000000", "{}"]]:
            done = run(warehouse, *words)
            check(f"writers: {words[0]} beside a {how} writer is BUSY", done.returncode == 1 and
                  "BUSY" in done.stderr and f"process {writer.pid}" in done.stderr, done.stderr)
        check(f"writers: reading beside a {how} writer", count_of(warehouse) >= acked)
    writer.kill()
    writer.wait()
    done = run(warehouse, "insert", "items", '{"$id": "next"}')
    check("writers: after kill -9 the next one works at once", done.returncode == 0, done.stderr)
    n = count_of(warehouse)
    check("writers: nothing acknowledged is lost", n >= acked + 1, f"{n} of {acked}")
    done = run(warehouse, "flush")
    check("writers: and flushes", done.returncode == 0 and count_of(warehouse) == n, done.stderr)


SECTIONS = {"readers": section_readers, "disk": section_disk, "newer": section_newer,
            "damage": section_damage, "clock": section_clock, "writers": section_writers}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--places", type=int, default=10, help="of damage, for each kind of file")
    parser.add_argument("--kind", dest="kinds", action="append", help="of file, for damage")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    options = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix="parquedb-trouble-")
    os.chmod(scratch, 0o755)
    for name in options.sections or SECTIONS:
        start = time.monotonic()
        try:
            SECTIONS[name](scratch, options)
        except (RuntimeError, KeyError, ValueError, OSError, subprocess.SubprocessError) as error:
            check(f"{name}: {type(error).__name__}: {error}", False)
        print(f"{name}: {time.monotonic() - start:.1f} s", flush=True)
    if results["failed"]:
        print(f"the warehouses are kept in {scratch}")
    else:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{results['passed']} passed, {results['failed']} failed"
          + (f", {results['skipped']} skipped" if results["skipped"] else ""))
    return 1 if results["failed"] else 0


sys.exit(main())
