"""Long commands and short ones at the same time; see turns.py. FAIL lines, then N passed, N failed.

Times are generous: the machine may have much else to do.
"""
import http.client
import json
import socket
import sys
import threading
import time

import bson
import pymongo
from pymongo.errors import ExecutionTimeout, OperationFailure, PyMongoError

COUNTS = {"passed": 0, "failed": 0}
ROWS, DEADLINE = 3000, 60
LOOKUP = [{"$lookup": {"from": "r", "let": {"x": "$x"}, "as": "m",
                       "pipeline": [{"$match": {"$expr": {"$eq": ["$y", "$$x"]}}}]}},
          {"$count": "n"}]
SUM = {"$reduce": {"input": {"$range": [0, 3000]}, "initialValue": 0,
                   "in": {"$add": ["$$value", "$$this"]}}}
LONG = {  # each takes many seconds
    "lookup": LOOKUP,
    "project": [{"$project": {"n": SUM}}, {"$count": "n"}],
    "match": [{"$match": {"$expr": {"$lt": [SUM, 0]}}}],
    "group": [{"$group": {"_id": {"$mod": [SUM, 7]}, "n": {"$sum": 1}}}],
    "sort": [{"$addFields": {"n": SUM}}, {"$sort": {"n": 1, "x": -1}}],
    "facet": [{"$facet": {"a": [{"$project": {"n": SUM}}], "b": LOOKUP}}],
    "unwind": [{"$addFields": {"n": {"$range": [0, 300]}}}, {"$unwind": "$n"},
               {"$match": {"$expr": {"$lt": [{"$multiply": ["$n", "$x", -1, 3]}, -9000000]}}}],
    "one expression": [{"$limit": 1}, {"$project": {"n": {"$reduce": {
        "input": {"$range": [0, 3000]}, "initialValue": 0, "in": {"$add": ["$$value", SUM]}}}}}],
}


def check(condition, what):
    COUNTS["passed" if condition else "failed"] += 1
    if not condition:
        print(f"FAIL {what}"[:600])


def op_of(client, comment):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        for op in client.admin.command("currentOp")["inprog"]:
            if op["command"].get("comment") == comment:
                return op["opid"]
        time.sleep(0.02)
    return None


def is_gone(client, comment, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ops = client.admin.command("currentOp")["inprog"]
        if all(op["command"].get("comment") != comment for op in ops):
            return True
        time.sleep(0.05)
    return False


class Running(threading.Thread):
    """A command in a thread: its error's code, or 0."""

    def __init__(self, uri, call):
        super().__init__(daemon=True)
        self.uri, self.call, self.code, self.ended = uri, call, None, 0
        self.start()

    def run(self):
        with pymongo.MongoClient(self.uri) as own:
            try:
                self.call(own.turns)
                self.code = 0
            except OperationFailure as error:
                self.code = error.code
            except PyMongoError as error:
                self.code = str(error)
        self.ended = time.monotonic()


def killed(uri, client):
    """By its number, which is shown between two steps: not of what is one step."""
    for name, stages in LONG.items():
        if name in ("match", "one expression"):
            continue
        run = Running(uri, lambda db, s=stages, n=name: list(db.l.aggregate(s, comment=n)))
        op = op_of(client, name)
        begun = time.monotonic()
        if op is not None:
            client.admin.command("killOp", op=op)
        run.join(DEADLINE)
        check(run.code == 11601, f"killOp of {name}: {run.code}")
        check(run.ended - begun < 5, f"killOp of {name} took {run.ended - begun:.1f} s")


def late(db):
    for name, stages in LONG.items():
        begun = time.monotonic()
        try:
            list(db.l.aggregate(stages, maxTimeMS=300))
            code = 0
        except ExecutionTimeout as error:
            code = error.code
        took = time.monotonic() - begun
        check(code == 50 and took < 6, f"maxTimeMS of {name}: {code} after {took:.1f} s")
    rare = {"$expr": {"$lt": [SUM, 0]}}
    change = {"q": rare, "u": {"$set": {"z": 1}}, "multi": True}
    others = [lambda: db.command({"update": "l", "updates": [change], "maxTimeMS": 300}),
              lambda: db.l.count_documents(rare, maxTimeMS=300),
              lambda: db.command({"distinct": "l", "key": "x", "query": rare, "maxTimeMS": 300})]
    for i, call in enumerate(others):
        begun = time.monotonic()
        try:
            call()
            code = 0
        except OperationFailure as error:
            code = error.code
        took = time.monotonic() - begun
        check(code == 50 and took < 6, f"maxTimeMS of command {i}: {code} after {took:.1f} s")


def gone(uri, client):
    """A client that closes its socket."""
    host, port = uri.split("//")[1].rstrip("/").split(":")
    for name in ("lookup", "one expression"):
        body = bson.encode({"aggregate": "l", "pipeline": LONG[name], "cursor": {}, "$db": "turns",
                            "comment": "gone " + name})
        s = socket.create_connection((host, int(port)))
        s.sendall((21 + len(body)).to_bytes(4, "little") + (1).to_bytes(4, "little") +
                  bytes(4) + (2013).to_bytes(4, "little") + bytes(5) + body)
        if name == "one expression":
            time.sleep(0.2)  # within its one step nobody is told what runs
        else:
            runs = op_of(client, "gone " + name) is not None
            check(runs, f"{name} of a client that will go runs")
        s.close()
        check(is_gone(client, "gone " + name, 8), f"{name} of a client that has gone ends")


def fair(uri, db):
    """Short commands beside six long ones, which all come to their end."""
    stop, times = threading.Event(), []
    some = [{"$limit": 400}] + LOOKUP
    runs = [Running(uri, lambda d: list(d.l.aggregate(some))) for _ in range(6)]
    time.sleep(0.3)
    while any(run.is_alive() for run in runs) and not stop.is_set():
        begun = time.monotonic()
        check(db.l.find_one({"_id": len(times) % ROWS}) is not None, "a short command")
        times.append(time.monotonic() - begun)
        time.sleep(0.01)
    times.sort()
    check(all(run.code == 0 for run in runs), f"long ones: {[run.code for run in runs]}")
    check(len(times) > 10, f"short ones: {len(times)}")
    check(times[len(times) // 2] < 0.5, f"the median of short ones: {times[len(times) // 2]:.3f} s")
    print(f"short beside long: {len(times)}, median {times[len(times) // 2] * 1000:.1f} ms, "
          f"p99 {times[len(times) * 99 // 100] * 1000:.1f} ms")


def by_http(address, path):
    host, port = address.split("//")[1].rstrip("/").split(":")
    c = http.client.HTTPConnection(host, int(port), timeout=DEADLINE)
    c.request("POST", "/v1/turns/run", json.dumps(path), {"Content-Type": "application/json"})
    answer = c.getresponse()
    answer.read()
    return answer.status


def limited(address):
    begun = time.monotonic()
    status = by_http(address, {"aggregate": "l", "pipeline": LONG["one expression"],
                               "maxTimeMs": 300})
    check(status == 504, f"maxTimeMs by HTTP: {status}")
    check(time.monotonic() - begun < 6, "maxTimeMs by HTTP is kept")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def idle(uri, client, pid):
    """Connections, change streams and commands that wait for a session cost nothing."""
    others = [pymongo.MongoClient(uri, maxPoolSize=1) for _ in range(20)]
    streams = [c.turns.watch(max_await_time_ms=20000) for c in others[:5]]
    waiting = [Running(uri, lambda db, n=i: db[f"w{n}"].watch(max_await_time_ms=4000).try_next())
               for i in range(5)]
    block = {"configureFailPoint": "failCommand", "mode": {"times": 1},
             "data": {"failCommands": ["find"], "blockConnection": True, "blockTimeMS": 6000}}
    with client.start_session() as session:
        session.start_transaction()
        client.turns.l.find_one({"_id": 1}, session=session)
        client.admin.command(block)
        blocked = Running(uri, lambda db: db.l.find_one({"_id": 2}))
        time.sleep(1)
        before = cpu_seconds(pid)
        time.sleep(2)
        used = (cpu_seconds(pid) - before) / 2
        check(used < 0.2, f"an idle server uses {used * 100:.0f} %")
        print(f"idle: {used * 100:.1f} %")
        session.abort_transaction()
    blocked.join(DEADLINE)
    check(blocked.code == 0, f"what was blocked: {blocked.code}")
    for run in waiting:
        run.join(DEADLINE)
    for stream in streams:
        stream.close()
    for c in others:
        c.close()


def main():
    uri, address, pid = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with pymongo.MongoClient(uri) as client:
        db = client.turns
        db.l.insert_many([{"_id": i, "x": i * 31 % ROWS} for i in range(ROWS)])
        db.r.insert_many([{"_id": i, "y": i * 17 % ROWS} for i in range(ROWS)])
        for part in (lambda: killed(uri, client), lambda: late(db), lambda: gone(uri, client),
                     lambda: fair(uri, db), lambda: limited(address),
                     lambda: idle(uri, client, pid)):
            try:
                part()
            except Exception as error:  # whatever it is, the others are tried
                check(False, f"{type(error).__name__}: {error}")
    print(f"{COUNTS['passed']} passed, {COUNTS['failed']} failed")


main()
