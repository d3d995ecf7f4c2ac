#!/usr/bin/env python3
"""`parquedb serve` and clients that mean harm: by what they may not do, and by what nobody does.

    PARQUEDB=build-asan/parquedb python3 test/cli/serve_access.py [NAME]

SCRAM is spoken here by Python itself: no driver is needed.
"""
import base64
import gzip
import hashlib
import hmac
import json
import os
import re
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import serve
from serve import Client, OP_MSG, Server, bson, check, element, message, msg, parse, sequence


class Binary(bytes):
    """Binary data for `element`, with a subtype."""
    subtype = 0


class Uuid(Binary):
    subtype = 4


class Long(int):
    pass


def plain_element(name, v, plain=serve.element):
    key = name.encode() + b"\0"
    if isinstance(v, Binary):
        return b"\x05" + key + struct.pack("<iB", len(v), v.subtype) + v
    if isinstance(v, Long):
        return b"\x12" + key + struct.pack("<q", v)
    return plain(name, v)


serve.element = plain_element  # serve.bson looks it up there


def add_user(folder, name, *roles, password=None):
    done = subprocess.run([serve.PROGRAM, "-w", folder, "user", "add", name, *roles], text=True,
                          input=(password or "pwd of " + name) + "\n", capture_output=True,
                          timeout=60)
    check(done.returncode == 0, f"user add {name}", done.stderr)


def login(server, name, password=None, db="admin"):
    """A client that has logged in; None: it may not."""
    c = Client(server)
    password = (password or "pwd of " + name).encode()
    nonce = base64.b64encode(os.urandom(18)).decode()
    bare = f"n={name},r={nonce}"
    first = c.run({"saslStart": 1, "mechanism": "SCRAM-SHA-256",
                   "payload": Binary(b"n,," + bare.encode()),
                   "options": {"skipEmptyExchange": True}}, db=db)
    challenge = first["payload"].decode()
    fields = dict(part.split("=", 1) for part in challenge.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(fields["s"]),
                                 int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    last = "c=biws,r=" + fields["r"]
    signature = hmac.digest(hashlib.sha256(key).digest(),
                            f"{bare},{challenge},{last}".encode(), "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
    done = c.run({"saslContinue": 1, "conversationId": first["conversationId"],
                  "payload": Binary(f"{last},p={proof}".encode())}, db=db)
    if done["ok"] != 1:
        c.close()
        return None
    return c


def with_http(folder, *options, **more):
    server = Server(folder, "--http", "127.0.0.1:0", *options, **more)
    server.http = int(server.process.stdout.readline().strip().rstrip("/").rsplit(":", 1)[1])
    return server


def http(server, data, more=b"", timeout=30):
    """What comes back, up to the end of an answer or of the connection."""
    with socket.create_connection(("127.0.0.1", server.http), timeout=timeout) as s:
        got = b""
        try:
            s.sendall(data)
            if more:
                s.sendall(more)
            while True:
                part = s.recv(65536)
                if not part:
                    return got
                got += part
                head, _, body = got.partition(b"\r\n\r\n")
                length = re.search(rb"Content-Length: (\d+)", head)
                if length and len(body) >= int(length.group(1)):
                    return got
        except (OSError, ConnectionError):
            return got


def request(method, path, body=b"", *fields, host="localhost"):
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields]
    if body or method in ("POST", "PUT", "PATCH"):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def status_of(answer):
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def end(server, what):
    status, _, err = server.end()
    check(status == 0 and "Sanitizer" not in err, what + ": its end", err[-2000:])
    return err


# ---- life ----

def test_pieces(folder):
    """A long body whose first piece can become no command."""
    server = with_http(f"{folder}/w")
    body = b'{"a": 1}\n' * 600000
    for path, what in ((f"/v1/{'n' * 300}/c", "a name that is too long"),
                       ("/v1/x/run?command=%7B%22insert%22%3A%22c%22%2C", "half a command")):
        got = http(server, request("POST", path, body, "Content-Type: application/x-ndjson"))
        check(status_of(got) == 400, what, got[:300])
    check(status_of(http(server, request("GET", "/healthz"))) == 200, "the server is there")
    end(server, "pieces")


def test_sessions(folder):
    """Sessions that end again and again while commands wait for their turn."""
    server = Server(f"{folder}/w")
    clients, enders = [Client(server) for _ in range(4)], [Client(server) for _ in range(6)]
    slow = Client(server)  # so that there is time for something to come between two steps
    clients[0].run({"insert": "c"}, more=sequence("documents", [{"_id": i} for i in range(2000)]))
    busy = {"aggregate": "c", "cursor": {}, "pipeline": [
        {"$group": {"_id": {"$mod": ["$_id", 70]}, "n": {"$sum": 1}}}, {"$sort": {"n": 1}}]}
    slow.send(msg(busy, number=0) * 300)
    for i in range(25):
        lsid = {"id": Uuid(os.urandom(16))}
        more = {"lsid": lsid, "txnNumber": Long(1), "autocommit": False}
        clients[0].send(msg({**busy, **more, "startTransaction": True}))
        for c in clients[1:]:
            c.send(msg({"find": "c", "limit": 1, **more}))
        for c in enders * 5:
            how = ("endSessions", "killSessions")[i % 2]
            c.send(msg({how: [lsid]}, flags=2))
            time.sleep(0.0003)
        for c in enders:
            c.send(msg({"ping": 1}))
        answers = [c.receive() for c in clients + enders]
        check(all(a is not None for a in answers), "all are answered", answers)
        if None in answers:
            break
        if i % 10 == 0:
            enders[0].run({"killAllSessions": []}, db="admin")
    slow.close()
    end(server, "sessions")


def slow_socket(server):
    """It takes little before it is read from."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(30)
    s.connect(("127.0.0.1", server.http))
    return s


def test_unread(folder):
    """Who listens and does not read is given up; who reads slowly is not."""
    server = with_http(f"{folder}/w", "--slow-ms", "0")
    errors, c = [], Client(server)
    reader = threading.Thread(target=lambda: errors.extend(server.process.stderr))
    reader.start()
    feed, slow = slow_socket(server), slow_socket(server)
    feed.sendall(request("GET", "/v1/test/changes"))
    check(feed.recv(12) == b"HTTP/1.1 200", "a feed")
    many = [{"_id": i, "text": "x" * 100000} for i in range(150)]
    for i in range(0, 150, 50):
        c.run({"insert": "big"}, more=sequence("documents", many[i:i + 50]))
    slow.sendall(request("GET", "/v1/test/big?limit=0"))
    begun = time.time()
    while time.time() - begun < 75 and not any("is not read" in line for line in errors):
        slow.recv(4096)
        time.sleep(0.25)
    check(any("its answer is not read" in line for line in errors), "a feed that nobody reads",
          errors[-3:])
    for _ in range(40):  # the slow one is there, and has the rest
        slow.recv(4096)
    got, data = 0, slow.recv(1 << 20)
    while data:
        got += len(data)
        slow.settimeout(5)
        try:
            data = slow.recv(1 << 20)
        except (TimeoutError, ConnectionError):
            data = b""
    check(got > 10000000, "slow is not dead", got)
    server.process.terminate()
    server.process.wait(60)
    reader.join()
    check(server.process.returncode == 0 and not any("Sanitizer" in e for e in errors),
          "unread: its end", errors[-5:])
    told = [e for e in errors if "slow command" in e and "command=find" in e]
    check(len(told) == 1, "a slow command is told of once", told)


def test_descriptors(folder):
    """Connections leave descriptors to files."""
    server = with_http(f"{folder}/w", preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (64, 64)))
    first, others = Client(server), []
    for _ in range(100):
        others.append(Client(server))
        others[-1].send(msg({"ping": 1}))
    got = first.run({"insert": "c"}, more=sequence("documents", [{"_id": 1}]))
    check(got["ok"] == 1, "who is there goes on", got)
    got = first.run({"serverStatus": 1}, db="admin")["connections"]
    check(got["current"] == 32 and got["rejected"] == 69 and "available" not in got, "it tells",
          got)
    for c in others:
        c.close()
    time.sleep(0.5)
    check(Client(server).is_alive(), "others have their turn")
    check("at most 32 connections instead of 1000" in end(server, "descriptors"), "in the log")


def resident_mb(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) >> 10


def frame(text, length=None):
    """A message of a WebSocket's client; `length`: what it says that it has."""
    n = len(text) if length is None else length
    head = bytes([0x81, 0x80 | n]) if n < 126 else b"\x81\xff" + struct.pack(">Q", n)
    return head + b"\0\0\0\0" + text


def upgrade(server, *fields):
    s = socket.create_connection(("127.0.0.1", server.http), timeout=30)
    s.sendall(request("GET", "/rpc", b"", "Upgrade: websocket", "Connection: Upgrade",
                      "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                      *fields))
    check(s.recv(12) == b"HTTP/1.1 101", "a WebSocket")
    return s


def test_strangers(folder):
    """Who has not logged in has no memory here: packed bodies, messages of WebSockets."""
    add_user(f"{folder}/w", "root", "root")
    env = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
           ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}
    server = with_http(f"{folder}/w", env=env)
    before, sockets = resident_mb(server), []
    packed = gzip.compress(b" " * (47 << 20), 9)
    data = request("POST", "/v1/shop/c", packed, "Content-Type: application/json",
                   "Content-Encoding: gzip")
    check(len(packed) < 60000, "few bytes", len(packed))
    for _ in range(10):
        s = socket.create_connection(("127.0.0.1", server.http), timeout=30)
        s.sendall(data[:-1])
        sockets.append(s)
    time.sleep(2)
    check(resident_mb(server) < before + 100, "packed bodies", (before, resident_mb(server)))
    for s in sockets:
        s.close()
    for _ in range(10):
        s = upgrade(server)
        sockets.append(s)
        try:
            s.sendall(frame(b"[" * (20 << 20), 30 << 20))
        except OSError:
            pass
    check(resident_mb(server) < before + 100, "long messages", (before, resident_mb(server)))
    key = base64.b64encode(b"root:pwd of root").decode()
    s = upgrade(server, "Authorization: Basic " + key)
    text = json.dumps(["push", ["pipeline", 0, ["collection"], ["c" * 20]]]) + " " * 200000
    s.sendall(frame(text.encode()) + frame(b'["push",["pipeline",1,["count"],[{}]]]') +
              frame(b'["pull",2]'))
    got = b""
    while b'["resolve",2,0]' not in got:
        part = s.recv(4096)
        if not part:
            break
        got += part
    check(b'["resolve",2,0]' in got, "who has logged in says long things", got[-200:])
    end(server, "strangers")


# ---- rights ----

def run_http(server, user, command, ns="shop"):
    """The answer of a command of ours, as JSON."""
    key = base64.b64encode(f"{user}:pwd of {user}".encode()).decode()
    got = http(server, request("POST", f"/v1/{ns}/run", json.dumps(command).encode(),
                               "Content-Type: application/json", "Authorization: Basic " + key))
    return json.loads(got.partition(b"\r\n\r\n")[2] or b"{}")


def code_of(answer):
    return answer.get("code") or answer.get("error", {}).get("code")


def test_borders(folder):
    """What one may do is no way to what one may not."""
    for name, *roles in (("root", "root"), ("reader", "read@shop"), ("writer", "readWrite@shop"),
                         ("monitor", "clusterMonitor")):
        add_user(f"{folder}/w", name, *roles)
    server = with_http(f"{folder}/w")
    root, writer, monitor = (login(server, n) for n in ("root", "writer", "monitor"))
    check(login(server, "root", "wrong") is None, "a wrong password")
    for db in ("admin", "shop"):
        root.run({"insert": "secrets"}, db=db, more=sequence("documents", [{"_id": 1, "x": "top"}]))

    ops = {"aggregate": 1, "cursor": {}}
    plain = [{"$currentOp": {}}, {"$match": {"op": "command"}}, {"$limit": 1}]
    check(monitor.run({**ops, "pipeline": plain}, db="admin")["ok"] == 1, "currentOp")
    look = {"$lookup": {"from": "secrets", "pipeline": [], "as": "x"}}
    for stage in (look, {"$unionWith": "secrets"}, {"$facet": {"a": [look]}},
                  {"$graphLookup": {"from": "secrets", "startWith": 1, "connectFromField": "a",
                                    "connectToField": "_id", "as": "x"}}):
        got = monitor.run({**ops, "pipeline": [{"$currentOp": {}}, stage]}, db="admin")
        check(got.get("code") == 13, f"currentOp, then {stage}", got)
        got = root.run({**ops, "pipeline": [{"$currentOp": {}}, stage]}, db="admin")
        check(got["ok"] == 1, f"of root: {stage}", got)

    number = run_http(server, "writer", {"begin": 1})["summary"]["txn"]
    insert = {"insert": "c", "documents": [{"_id": "t"}], "txn": number}
    check(run_http(server, "writer", insert)["summary"]["insertedCount"] == 1, "in a transaction")
    for command in ({"find": "c", "txn": number}, {"commit": number}, {"abort": number}):
        for name in ("reader", "root"):
            got = run_http(server, name, command)
            check(code_of(got) == "VALIDATION_FAILED", f"{command} of {name}", got)
    got = writer.run({"link": {"from": "c/a", "predicate": "p", "to": "c/b"}, "txn": number},
                     db="shop")
    check(got.get("code") == 2 and "lsid" in got["errmsg"], "by the wire", got)
    got = run_http(server, "writer", {"commit": number})
    check(got["summary"]["events"] == 1, "it is still there", got)

    writer.run({"insert": "c"}, db="shop", more=sequence("documents", [{"_id": "a"}, {"_id": "b"}]))
    edge = {"from": "c/a", "predicate": "p", "to": "c/b"}
    for more in ({}, {"actor": "admin.root"}):
        for verb in ("link", "unlink"):
            got = writer.run({verb: edge, **more}, db="shop")
            check(got["ok"] == 1, verb, got)
    for command in ({"create": "made", "actor": "admin.root"}, {"create": "made2"},
                    {"drop": "made2", "actor": "admin.root"}):
        got = run_http(server, "writer", command)
        check("summary" in got, command, got)
    events = run_http(server, "root", {"events": ""})["items"]
    wrong = [e for e in events if e.get("actor") != "admin.writer" and "secrets" not in str(e)]
    check(len(events) > 6 and not wrong, "who did it", wrong[:2])
    end(server, "borders")


def test_lost_roles(folder):
    """A cursor ends with the roles of its user, a login with its user."""
    for name, *roles in (("root", "root"), ("both", "read@shop", "read@other")):
        add_user(f"{folder}/w", name, *roles)
    server = with_http(f"{folder}/w")
    root, both = login(server, "root"), login(server, "both")
    root.run({"insert": "c"}, db="shop", more=sequence("documents", [{"_id": i} for i in range(9)]))

    def cursor():
        return both.run({"find": "c", "batchSize": 2}, db="shop")["cursor"]["id"]

    def more(number):
        return both.run({"getMore": Long(number), "collection": "c", "batchSize": 2}, db="shop")

    kept = cursor()
    grant = {"roles": [{"role": "read", "db": "third"}]}
    check(root.run({"grantRolesToUser": "both", **grant}, db="admin")["ok"] == 1, "one more")
    check(more(kept)["ok"] == 1, "a cursor of a user with more roles goes on")
    check(root.run({"revokeRolesFromUser": "both", **grant}, db="admin")["ok"] == 1, "one less")
    got = more(kept)
    check(got.get("code") == 43 and "role" in got["errmsg"], "and ends with a role", got)
    other = cursor()
    check(more(other)["ok"] == 1, "a new one")
    root.run({"dropUser": "both"}, db="admin")
    check(more(other).get("code") == 13, "without its user")
    root.run({"createUser": "both", "pwd": "x", "roles": ["root"]}, db="admin")
    check(both.run({"find": "c"}, db="shop").get("code") == 13, "another user of the same name")
    end(server, "roles")


def test_guesses(folder):
    """Wrong passwords by HTTP do not keep the engine busy; who is known is let in."""
    add_user(f"{folder}/w", "root", "root")
    server = with_http(f"{folder}/w")
    check(run_http(server, "root", {"find": "c"}).get("items") == [], "the right one")
    statuses, lock = [], threading.Lock()

    def guess(i):
        key = base64.b64encode(f"root:guess {i}".encode()).decode()
        got = http(server, request("GET", "/v1/shop/c", b"", "Authorization: Basic " + key))
        with lock:
            statuses.append(status_of(got))

    threads = [threading.Thread(target=guess, args=(i,)) for i in range(60)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check(set(statuses) == {401, 503} and statuses.count(503) >= 20, "guesses", statuses)
    check(run_http(server, "root", {"find": "c"}).get("items") == [], "the right one, again")
    end(server, "guesses")


def main():
    tests = [test_pieces, test_sessions, test_borders, test_lost_roles, test_guesses,
             test_descriptors, test_strangers, test_unread]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([serve.PROGRAM, "-w", folder, "serve", "--listen", "nowhere:0"],
                              capture_output=True, text=True, timeout=60)
        if "built without the server" in done.stderr:
            print("this parquedb has no server: skipped\n0 passed, 0 failed, 1 skipped")
            return 0
    for test in tests:
        if len(sys.argv) > 1 and sys.argv[1] not in test.__name__:
            continue
        with tempfile.TemporaryDirectory() as folder:
            test(folder)
    print(f"{serve.passed} passed, {serve.failed} failed")
    return 1 if serve.failed else 0


sys.exit(main())
