#!/usr/bin/env python3
"""A hundred cursors at once over a hundred thousand documents, in 256 MB, with MongoDB's protocol:

    PARQUEDB=build/parquedb python3 test/cli/cursors.py [CURSORS] [DOCUMENTS]

All are opened, then read to their ends in turns, some by find and some by aggregate. Nothing is
refused, every one has every document, and none gives way although each waits long for its turn.
"""
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile

PROGRAM = os.environ.get("PARQUEDB", "build/parquedb")
MEMORY = 256
BATCH = 5000
passed = failed = 0


def check(is_right, what, detail=""):
    global passed, failed
    if is_right:
        passed += 1
    else:
        failed += 1
        print(f"FAIL {what}: {detail}")


# ---- as much of BSON as this asks for ----

def element(name, value):
    name = name.encode() + b"\0"
    if isinstance(value, bool):
        return b"\x08" + name + bytes([value])
    if isinstance(value, int):
        small = abs(value) < 1 << 31
        return (b"\x10" if small else b"\x12") + name + struct.pack("<i" if small else "<q", value)
    if isinstance(value, str):
        text = value.encode() + b"\0"
        return b"\x02" + name + struct.pack("<i", len(text)) + text
    if isinstance(value, list):
        return b"\x04" + name + bson({str(i): v for i, v in enumerate(value)})
    return b"\x03" + name + bson(value)


def bson(document):
    body = b"".join(element(k, v) for k, v in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def fields(data, at=0):
    """Names, types and places of values of a document."""
    end = at + struct.unpack_from("<i", data, at)[0] - 1
    at += 4
    while at < end:
        kind = data[at]
        stop = data.index(0, at)
        name = data[at + 1:stop].decode()
        at = stop + 1
        yield name, kind, at
        if kind in (3, 4):
            at += struct.unpack_from("<i", data, at)[0]
        elif kind in (2, 13, 14):
            at += 4 + struct.unpack_from("<i", data, at)[0]
        else:
            at += {1: 8, 7: 12, 8: 1, 9: 8, 10: 0, 16: 4, 17: 8, 18: 8}[kind]


class Client:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=300)
        self.number = 0

    def read(self, n):
        parts = bytearray()
        while len(parts) < n:
            part = self.socket.recv(min(n - len(parts), 1 << 20))
            if not part:
                raise OSError("the server has closed the connection")
            parts += part
        return bytes(parts)

    def run(self, command):
        """The answer's bytes."""
        self.number += 1
        body = struct.pack("<I", 0) + b"\0" + bson(command)
        self.socket.sendall(struct.pack("<iiii", 16 + len(body), self.number, 0, 2013) + body)
        length = struct.unpack("<i", self.read(4))[0]
        return self.read(length - 4)[12 + 5:]


def first(data, name):
    for found, kind, at in fields(data):
        if found == name:
            return kind, at
    return None, None


def batch(answer):
    """Of an answer with a cursor: its id, how many documents, the sum of their ids. None: refused,
    and why."""
    kind, at = first(answer, "cursor")
    if kind is None:
        kind, at = first(answer, "errmsg")
        return None, answer[at + 4:at + 200].split(b"\0")[0].decode() if at else "no answer", 0
    cursor, count, total = 0, 0, 0
    for name, kind, place in fields(answer, at):
        if name == "id":
            cursor = struct.unpack_from("<q", answer, place)[0]
        if name not in ("firstBatch", "nextBatch"):
            continue
        end = place + struct.unpack_from("<i", answer, place)[0] - 1
        place += 4
        unpack = struct.Struct("<i").unpack_from
        while place < end:
            place = answer.index(0, place) + 1
            total += unpack(answer, place + 9)[0]  # {_id: int …}
            count += 1
            place += unpack(answer, place)[0]
    return cursor, count, total


# ---- the test ----

def start(folder):
    server = subprocess.Popen([PROGRAM, "-w", folder, "--memory", str(MEMORY), "serve", "--listen",
                               "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
    line = server.stdout.readline()
    address = re.match(r"listening on mongodb://([^/]*)/", line)
    if address is None:
        err = server.communicate()[1]
        if "built without the server" in err:
            print("this parquedb has no server: skipped\n0 passed, 0 failed, 1 skipped")
            sys.exit(0)
        sys.exit(f"the server says {line}{err}")
    return server, address.group(1)


def fill(client, documents):
    for begin in range(0, documents, BATCH):
        answer = client.run({"insert": "docs", "$db": "many", "documents": [
            {"_id": i, "n": i % 100, "tags": ["a", "b", f"t{i % 50}"],
             "text": f"document {i} of many, with some words {i * 7919 % 10007}"}
            for i in range(begin, min(begin + BATCH, documents))]})
        kind, at = first(answer, "n")
        if kind != 16 or struct.unpack_from("<i", answer, at)[0] == 0:
            sys.exit(f"insert: {answer!r}")


def open_one(client, number):
    if number % 3 == 2:
        return client.run({"aggregate": "docs", "pipeline": [{"$match": {"n": {"$gte": 0}}}],
                           "cursor": {}, "$db": "many"})
    return client.run({"find": "docs", "filter": {}, "$db": "many"})


def read_all(client, cursors, documents):
    """Batches of all in turns; each one's count and sum."""
    ids, counts, totals = {}, [0] * cursors, [0] * cursors
    for i in range(cursors):
        ids[i], count, total = batch(open_one(client, i))
        if ids[i] is None:
            return f"cursor {i} is refused: {count}"
        counts[i], totals[i] = count, total
    check(all(counts[i] == min(101, documents) for i in range(cursors)), "the first batches",
          counts)
    while ids:
        for i in list(ids):
            answer = client.run({"getMore": ids[i], "collection": "docs", "batchSize": BATCH,
                                 "$db": "many"})
            cursor, count, total = batch(answer)
            if cursor is None:
                return f"cursor {i} after {counts[i]} documents: {count}"
            counts[i] += count
            totals[i] += total
            if cursor == 0:
                del ids[i]
    if counts != [documents] * cursors:
        return f"numbers of documents: {sorted(set(counts))}"
    if totals != [documents * (documents - 1) // 2] * cursors:
        return "other documents than there are"
    return ""


def peak_mb(server):
    with open(f"/proc/{server.pid}/status") as status:
        return int(re.search(r"VmHWM:\s*(\d+)", status.read()).group(1)) // 1024


def main():
    cursors = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    documents = int(sys.argv[2]) if len(sys.argv) > 2 else 100000
    with tempfile.TemporaryDirectory(prefix="parquedb-cursors.") as folder:
        server, address = start(folder)
        client = Client(address)
        fill(client, documents)
        problem = read_all(client, cursors, documents)
        check(problem == "", f"{cursors} cursors over {documents} documents", problem)
        if "asan" not in PROGRAM:
            print(f"{peak_mb(server)} MB at most")
        server.send_signal(signal.SIGTERM)
        _, err = server.communicate(timeout=120)
        check(server.returncode == 0, "the server ends well", f"{server.returncode} {err[-2000:]}")
        check("ERROR" not in err and "Sanitizer" not in err, "and had nothing to complain of",
              err[-2000:])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
