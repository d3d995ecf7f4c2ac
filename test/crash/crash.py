#!/usr/bin/env python3
"""Kill the program at random moments; what it acknowledged must be there, once.

    import:  parquedb import items - --ack   ...durable 2000 ✂ kill -9
             then: the stored lines are a prefix of the input of at least 2000, each there once;
             the rest is imported, and all lines are there once, also after a flush
    bulk:    import of 6,000 lines, one bulk write   ✂ kill -9 when its first files appear
             then: all of it or nothing; what its files leave behind is no harm, and vacuum takes it
    update:  a loop of update, flush         ✂ kill -9 of the one that runs
             then: n = acknowledged updates (or one more, if an update was killed), version = n + 1,
             and the history has one event for each
    mixed:   a load of all kinds (mixed_load.c) with three readers beside it ✂ kill -9
             then: what was acknowledged is there, at most what was under way besides; a bulk of 400
             and a transaction whole or not at all, edges both ways; every fourth time and in the
             end verify finds nothing. Readers never fail. One never sees less than was acknowledged
             before it began; two (mixed_reader.c) live through all kills, and what they were
             answered once they are answered again as of then

usage: crash.py [--seed N] [--rounds N] [--kills N]
       (PARQUEDB names the program, crash/mixed_* beside it the rest; --kills: of the mixed load)
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM = os.environ.get("PARQUEDB", "build/parquedb")
LINES = 30000
BULK_LINES = 6000  # from 5,000 on they are a bulk write
results = {"passed": 0, "failed": 0}


def check(what, is_true):
    results["passed" if is_true else "failed"] += 1
    if not is_true:
        print(f"FAIL {what}", flush=True)


def parquedb(*args, stdin=None):
    done = subprocess.run([PROGRAM, *args], input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"parquedb {' '.join(args)}: status {done.returncode}: {done.stderr}")
    return done.stdout


def stored_ids(*options):
    lines = parquedb("find", "items", "{}", "--json", "--project", "i", *options).splitlines()
    return sorted(json.loads(line)["i"] for line in lines)


def import_killed(path, delay, acks=True):
    """Start the import, kill it after `delay` seconds (None: never); the last `durable N`.
    Without acknowledgements its batches are large: bulk writes."""
    with open(path) as source:
        command = [PROGRAM, "import", "items", "-"] + (["--ack"] if acks else [])
        process = subprocess.Popen(command, stdin=source,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    timer = threading.Timer(delay if delay is not None else 3600, process.kill)
    timer.daemon = True
    timer.start()
    out, err = process.communicate()
    timer.cancel()
    if process.returncode not in (0, -9):
        raise RuntimeError(f"import: status {process.returncode}: {err}")
    lines = [line for line in out.split("\n")[:-1] if line.startswith("durable ")]
    return int(lines[-1].split()[1]) if lines else 0


def round_import(name, path, lines, delay, rng):
    acked = import_killed(path, delay, rng.random() < 0.5)
    is_there = os.path.isfile(os.path.join(os.environ["PARQUEDB_WAREHOUSE"], "parquedb.json"))
    ids = stored_ids() if is_there else []
    check(f"{name}: {acked} lines acknowledged, {len(ids)} stored", len(ids) >= acked)
    check(f"{name}: the stored lines are a prefix, each once", ids == list(range(len(ids))))
    if rng.random() < 0.3 and is_there:
        parquedb("flush")
    rest = "".join(lines[len(ids):])
    if rest:
        parquedb("import", "items", "-", stdin=rest)
    check(f"{name}: all lines once", stored_ids() == list(range(len(lines))))
    if rng.random() < 0.3:
        parquedb("flush")
        check(f"{name}: all lines in the files", stored_ids("--flushed") == list(range(len(lines))))


def parquet_files():
    """Names of the Parquet files that stand in the warehouse, whoever knows of them."""
    top = os.environ["PARQUEDB_WAREHOUSE"]
    return {os.path.relpath(os.path.join(folder, name), top)
            for folder, _, names in os.walk(top) for name in names if name.endswith(".parquet")}


def bulk_killed(path, before, rng):
    """Import the file, kill it some moments after the first of its files appeared."""
    after = rng.choice([0, 0, rng.uniform(0, 0.003), rng.uniform(0, 0.02)])
    process = subprocess.Popen([PROGRAM, "import", "bulks", path], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if parquet_files() - before:
            time.sleep(after)
            process.kill()
            break
    _, err = process.communicate(timeout=60)
    if process.returncode not in (0, -9):
        raise RuntimeError(f"import: status {process.returncode}: {err}")
    return process.returncode == 0


def round_bulk(name, rng, path, state):
    """Between the files of a bulk write and its row: they are nobody's."""
    with open(path, "w") as out:
        out.writelines(f'{{"$id": "{name.replace(" ", "-")}-{i}", "n": {i}}}\n'
                       for i in range(BULK_LINES))
    before = parquet_files()
    is_acked = bulk_killed(path, before, rng)
    count = int(parquedb("count", "bulks"))
    left = parquet_files() - before
    check(f"{name}: {count} stored, {state['count']} before", count == state["count"] + BULK_LINES
          or count == state["count"] and not is_acked)
    is_between = count == state["count"] and len(left) > 0
    state["between"] += is_between
    state["count"] = count
    if rng.random() < 0.5:
        parquedb("insert", "ticks", "{}")
    if rng.random() < 0.3:
        parquedb("flush")
    if is_between and rng.random() < 0.6:
        parquedb("vacuum", "0")
        check(f"{name}: vacuum takes the files of nobody", not left & parquet_files())
    check(f"{name}: the same count", int(parquedb("count", "bulks")) == count)
    if rng.random() < 0.25:
        check_verify(name)


def bulks(scratch, rng, rounds):
    os.environ["PARQUEDB_WAREHOUSE"] = os.path.join(scratch, "bulk")
    parquedb("insert", "ticks", "{}")
    state = {"count": 0, "between": 0}
    for i in range(rounds):
        round_bulk(f"bulk {i}", rng, os.path.join(scratch, "bulk.ndjson"), state)
    parquedb("vacuum", "0")
    check_verify("bulk, in the end")
    check("bulk: a kill between the files and their row", state["between"] > 0 or rounds < 20)
    print(f"{rounds} kills of bulk writes: {state['between']} between the files and their row, "
          f"{state['count'] // BULK_LINES} stored", flush=True)


def round_update(name, rng, state):
    """Run updates and flushes for a random time, kill the last; then look."""
    deadline = time.monotonic() + rng.uniform(0.02, 0.4)
    while True:
        is_update = rng.random() < 0.85
        args = ["update", "items/counter", '{"$inc": {"n": 1}}'] if is_update else ["flush"]
        process = subprocess.Popen([PROGRAM, *args], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        try:
            _, err = process.communicate(timeout=max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            break
        if process.returncode != 0:
            raise RuntimeError(f"{args[0]}: status {process.returncode}: {err}")
        state["acked"] += is_update
    doc = json.loads(parquedb("get", "items/counter", "--json"))
    allowed = [state["acked"], state["acked"] + 1] if is_update else [state["acked"]]
    check(f"{name}: n is {doc['n']}, acknowledged {state['acked']}", doc["n"] in allowed)
    check(f"{name}: version is {doc['version']}, n is {doc['n']}", doc["version"] == doc["n"] + 1)
    found = parquedb("find", "items", '{"n": {"$gte": 0}}', "--json").splitlines()
    check(f"{name}: found once", len(found) == 1)
    state["acked"] = doc["n"]


class Model:
    """What the load said, and so what must be there."""

    def __init__(self):
        self.next, self.deleted, self.bulks, self.count = 0, 0, 0, 0
        self.pairs, self.many, self.many_rows = 0, 0, 0
        self.linked = set()
        self.under_way = None

    def take(self, lines):
        for line in lines:
            mark, what, n = line.split()
            self.under_way = (what, int(n)) if mark == ">" else None
            if mark == "+":
                self.apply(what, int(n))

    def apply(self, what, n):
        if what == "insert":
            self.next = n + 1
        elif what == "delete":
            self.deleted = n + 1
        elif what == "bulk":
            self.bulks = n + 1
        elif what == "pair":
            self.pairs = n + 1
        elif what == "many":
            self.many, self.many_rows = n + 1, self.many_rows + 16
        elif what == "update":
            self.count += 1
        elif what == "link":
            self.linked.add(n)

    def state(self):
        return (self.next, self.deleted, self.bulks, self.count, self.pairs, self.many_rows,
                frozenset(n for n in self.linked if n > self.deleted))


def seen_state(name):
    """What a reader sees: the numbers of Model.state() without the links."""
    ids = json.loads(parquedb("run", json.dumps({"aggregate": "items", "pipeline": [
        {"$match": {"text": {"$exists": True}}},
        {"$group": {"_id": None, "n": {"$sum": 1}, "lo": {"$min": "$n"}, "hi": {"$max": "$n"}}},
    ]})).splitlines()[0])
    counter = json.loads(parquedb("get", "items/counter", "--json"))["n"]
    bulk, pairs, right, many = (int(parquedb("count", collection).split()[0])
                                for collection in ("bulk", "pairs", "right", "many"))
    check(f"{name}: items without a gap", ids["n"] == ids["hi"] - ids["lo"] + 1)
    check(f"{name}: bulks are whole", bulk % 400 == 0)
    check(f"{name}: pairs are whole: {pairs} and {right}", pairs == right)
    return (ids["hi"] + 1, ids["lo"], bulk // 400, counter, pairs, many)


def read_beside(stop, model, faults):
    """A reader: bulks are whole, and none that was acknowledged is missing."""
    while not stop.is_set():
        before = model.bulks
        done = subprocess.run([PROGRAM, "count", "bulk"], capture_output=True, text=True)
        if done.returncode != 0:
            faults.append(f"count: status {done.returncode}: {done.stderr}")
            return
        n = int(done.stdout.split()[0])
        if n % 400 != 0 or n < before * 400:
            faults.append(f"{n} of bulk, {before} times 400 were acknowledged")
        results["reads"] = results.get("reads", 0) + 1


def round_mixed(name, rng, model, load):
    """Kill a load after a random time; then look."""
    faults, stop = [], threading.Event()
    process = subprocess.Popen([load, os.environ["PARQUEDB_WAREHOUSE"], str(rng.randrange(10**9)),
                                *map(str, [model.next, model.deleted, model.bulks, model.pairs,
                                           model.many])],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    reader = threading.Thread(target=read_beside, args=(stop, model, faults))
    reader.start()
    timer = threading.Timer(rng.uniform(0.005, 0.4), process.kill)
    timer.start()
    for line in process.stdout:
        if line.endswith("\n"):
            model.take([line])
    error = process.stderr.read()
    process.wait()
    timer.cancel()
    stop.set()
    reader.join()
    check(f"{name}: the load was killed, not stopped: {error}", process.returncode == -9)
    check(f"{name}: readers: {faults[:2]}", not faults)
    check_mixed(name, rng, model)


def check_mixed(name, rng, model):
    """What was under way is there or not. Readers beside it may keep SQLite's index of its log as
    the killed one left it, without the last commit; the next writer's commit decides."""
    way, model.under_way = model.under_way, None
    first = seen_state(name)
    parquedb("insert", "ticks", "{}")
    seen = seen_state(name)
    if way and way[0] == "many":  # each caller of the sixteen for itself
        check(f"{name}: {first[5]}, then {seen[5]} by many callers",
              model.many_rows <= first[5] <= seen[5] <= model.many_rows + 16)
        model.many, model.many_rows, way = way[1] + 1, seen[5], None
        first = seen
    now = model.state()[:6]
    if way and (seen != now or way[0] == "link" and
                parquedb("related", f"items/i{way[1]:06}", "next", "--json").strip()):
        model.apply(*way)
    check(f"{name}: {seen}, acknowledged {now}, under way {way}", seen == model.state()[:6])
    check(f"{name}: before the next commit {first}, then {seen}", first in (seen, now))
    for n in rng.sample(sorted(model.state()[6]), min(3, len(model.state()[6]))):
        there = parquedb("related", f"items/i{n:06}", "next", "--json")
        back = parquedb("related", f"items/i{n - 1:06}", "next", "--reverse", "--json")
        check(f"{name}: the edge of {n}, both ways", f"i{n - 1:06}" in there and f"i{n:06}" in back)
    if rng.random() < 0.25:
        check_verify(name)


def check_verify(name):
    done = subprocess.run([PROGRAM, "verify"], capture_output=True, text=True)
    check(f"{name}: verify: {done.stdout[-300:]}{done.stderr}", done.returncode == 0)


def end_readers(readers):
    """Tell them to stop; what they say."""
    for reader in readers:
        out, err = reader.communicate(timeout=600)
        check(f"mixed: a reader beside all kills: status {reader.returncode}: {out[-3000:]}"
              f"{err[-3000:]}", reader.returncode == 0)
        print(f"a reader beside all kills: {out.strip().splitlines()[-1]}", flush=True)


def mixed(scratch, rng, kills):
    load, reader = (os.path.join(os.path.dirname(PROGRAM), "crash", f"mixed_{name}")
                    for name in ("load", "reader"))
    if not os.path.exists(load) or not os.path.exists(reader):
        check(f"mixed: {load} or {reader} was not built", False)
        return
    os.environ["PARQUEDB_WAREHOUSE"] = os.path.join(scratch, "mixed")
    parquedb("insert", "items", '{"$id": "counter", "n": 0}')
    parquedb("insert", "items", '{"$id": "i000000", "n": 0, "text": "item 0"}')
    model = Model()
    model.next = 1
    readers = [subprocess.Popen([reader, os.environ["PARQUEDB_WAREHOUSE"], str(rng.randrange(99))],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for i in range(kills):
            round_mixed(f"mixed {i}", rng, model, load)
            if i % 100 == 99:
                print(f"{i + 1} kills: {results['failed']} failed", flush=True)
    finally:
        end_readers(readers)
    check_verify("mixed, in the end")
    print(f"{kills} kills of the mixed load: {model.next} inserts, {model.count} updates, "
          f"{model.deleted} deletes, {len(model.linked)} links, {model.bulks} times 400 in bulk, "
          f"{model.pairs} transactions, {model.many} times 16 callers, "
          f"{results.pop('reads', 0)} counts beside it", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--kills", type=int, default=20)
    args = parser.parse_args()
    print(f"seed {args.seed} (crash.py --seed {args.seed} repeats the choices)", flush=True)
    rng = random.Random(args.seed)
    scratch = tempfile.mkdtemp(prefix="parquedb-crash-")
    try:
        lines = [json.dumps({"$id": f"i{i:06}", "i": i, "text": f"line {i} " + "x" * (i % 97)})
                 + "\n" for i in range(LINES)]
        path = os.path.join(scratch, "items.ndjson")
        with open(path, "w") as out:
            out.writelines(lines)
        os.environ["PARQUEDB_WAREHOUSE"] = os.path.join(scratch, "calibrate")
        start = time.monotonic()
        check("an import that is left alone", import_killed(path, None) == LINES)
        duration = time.monotonic() - start
        print(f"an import takes {duration:.2f} s", flush=True)
        for i in range(args.rounds):
            os.environ["PARQUEDB_WAREHOUSE"] = os.path.join(scratch, "import")
            round_import(f"import {i}", path, lines, rng.uniform(0, duration), rng)
            shutil.rmtree(os.environ["PARQUEDB_WAREHOUSE"])
        os.environ["PARQUEDB_WAREHOUSE"] = os.path.join(scratch, "update")
        parquedb("insert", "items", '{"$id": "counter", "n": 0}')
        state = {"acked": 0}
        for i in range(args.rounds):
            round_update(f"update {i}", rng, state)
        events = parquedb("history", "items/counter", "--json", "--limit", "1000000").splitlines()
        check("update: one event for each", len(events) == state["acked"] + 1)
        bulks(scratch, rng, args.rounds // 2)
        mixed(scratch, rng, args.kills)
    except (RuntimeError, KeyError, ValueError) as error:
        check(f"{type(error).__name__}: {error}", False)
    finally:
        if results["failed"]:
            print(f"the warehouses are kept in {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    print(f"{results['passed']} passed, {results['failed']} failed")
    return 1 if results["failed"] else 0


sys.exit(main())
