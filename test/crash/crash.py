#!/usr/bin/env python3
"""Kill the program at random moments; what it acknowledged must be there, once.

    import:  parquedb import items - --ack   ...durable 2000 ✂ kill -9
             then: the stored lines are a prefix of the input of at least 2000, each there once;
             the rest is imported, and all lines are there once, also after a flush
    update:  a loop of update, flush         ✂ kill -9 of the one that runs
             then: n = acknowledged updates (or one more, if an update was killed), version = n + 1,
             and the history has one event for each

usage: crash.py [--seed N] [--rounds N]        (PARQUEDB names the program)
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


def import_killed(path, delay):
    """Start the import, kill it after `delay` seconds (None: never); the last `durable N`."""
    with open(path) as source:
        process = subprocess.Popen([PROGRAM, "import", "items", "-", "--ack"], stdin=source,
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
    acked = import_killed(path, delay)
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--rounds", type=int, default=50)
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
