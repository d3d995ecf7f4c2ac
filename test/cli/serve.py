#!/usr/bin/env python3
"""`parquedb serve` by bare sockets: framing, order, hostile bytes, the end, a crash.

    PARQUEDB=build-asan/parquedb python3 test/cli/serve.py
"""
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

PROGRAM = os.path.abspath(os.environ.get("PARQUEDB", "build-asan/parquedb"))
OP_REPLY, OP_QUERY, OP_COMPRESSED, OP_MSG = 1, 2004, 2012, 2013
passed = failed = 0


def check(condition, what, detail=""):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print("FAIL", what, str(detail)[:300])


# ---- BSON and messages, as little as is needed ----

def element(name, v):
    key = name.encode() + b"\0"
    if isinstance(v, bool):
        return b"\x08" + key + bytes([v])
    if isinstance(v, int):
        return b"\x10" + key + struct.pack("<i", v)
    if isinstance(v, str):
        text = v.encode() + b"\0"
        return b"\x02" + key + struct.pack("<i", len(text)) + text
    if isinstance(v, list):
        return b"\x04" + key + bson({str(i): x for i, x in enumerate(v)})
    return b"\x03" + key + bson(v)


def bson(fields):
    body = b"".join(element(k, v) for k, v in fields.items()) + b"\0"
    return struct.pack("<i", len(body) + 4) + body


def parse(data):
    out, at = {}, 4
    while data[at] != 0:
        kind, end = data[at], data.index(0, at + 1)
        name, at = data[at + 1:end].decode(), end + 1
        if kind == 1:
            v, at = struct.unpack_from("<d", data, at)[0], at + 8
        elif kind == 2:
            n = struct.unpack_from("<i", data, at)[0]
            v, at = data[at + 4:at + 3 + n].decode(), at + 4 + n
        elif kind in (3, 4):
            n = struct.unpack_from("<i", data, at)[0]
            v = parse(data[at:at + n])
            v, at = list(v.values()) if kind == 4 else v, at + n
        elif kind == 8:
            v, at = data[at] == 1, at + 1
        elif kind in (9, 0x11, 0x12):
            v, at = struct.unpack_from("<q", data, at)[0], at + 8
        elif kind == 0x10:
            v, at = struct.unpack_from("<i", data, at)[0], at + 4
        elif kind == 5:
            n = struct.unpack_from("<i", data, at)[0]
            v, at = data[at + 5:at + 5 + n], at + 5 + n
        elif kind == 7:
            v, at = data[at:at + 12], at + 12
        else:
            raise ValueError(f"type {kind}")
        out[name] = v
    return out


def message(opcode, body, number=1):
    return struct.pack("<iiii", len(body) + 16, number, 0, opcode) + body


def msg(command, number=1, flags=0, db="test", more=b""):
    body = struct.pack("<I", flags) + b"\0" + bson({**command, "$db": db}) + more
    return message(OP_MSG, body, number)


def sequence(name, documents):
    body = name.encode() + b"\0" + b"".join(bson(d) for d in documents)
    return b"\1" + struct.pack("<i", len(body) + 4) + body


# ---- a server and its clients ----

class Server:
    def __init__(self, folder, *options, listen="127.0.0.1:0", **more):
        command = [PROGRAM, "-w", folder, "serve", *(["--listen", listen] if listen else []),
                   *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, **more)
        line = self.line = self.process.stdout.readline().replace("?tls=true", "")
        port = line.strip().rstrip("/").rsplit(":", 1)[-1]
        self.port = int(port) if port.isdigit() else 0

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


class Client:
    def __init__(self, server, connected=None):
        self.socket = connected or socket.create_connection(("127.0.0.1", server.port), timeout=30)

    def send(self, data):
        self.socket.sendall(data)

    def take(self, n):
        data = b""
        while len(data) < n:
            part = self.socket.recv(n - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def receive(self):
        """(response to, opcode, document) of the next message; None when the other end closed."""
        try:
            head = struct.unpack("<iiii", self.take(16))
            body = self.take(head[0] - 16)
        except (EOFError, ConnectionError):
            return None
        opcode = head[3]
        if opcode == OP_COMPRESSED:
            opcode = struct.unpack_from("<i", body)[0] + 10000
            body = zlib.decompress(body[9:])
            return head[2], opcode, parse(body[5:])
        return head[2], opcode, parse(body[20:] if opcode == OP_REPLY else body[5:])

    def run(self, command, **more):
        self.send(msg(command, **more))
        got = self.receive()
        return got and got[2]

    def is_alive(self):
        return (self.run({"ping": 1}) or {}).get("ok") == 1

    def close(self):
        self.socket.close()


def hello():
    return message(OP_QUERY, struct.pack("<i", 0) + b"admin.$cmd\0" + struct.pack("<ii", 0, -1) +
                   bson({"ismaster": 1, "helloOk": True, "compression": ["zlib", "none", "lz9"]}))


def test_handshake(server):
    c = Client(server)
    for byte in hello():
        c.send(bytes([byte]))
    got = c.receive()
    check(got[:2] == (1, OP_REPLY), "an OP_QUERY gets an OP_REPLY", got)
    reply = got[2]
    check(reply["ismaster"] is True and isinstance(reply["ok"], float), "ok is a double", reply)
    check(reply["hosts"] == [f"127.0.0.1:{server.port}"] and reply["setName"] == "rs0", "hosts")
    check(reply["compression"] == ["zlib"], "the compressors that we know", reply["compression"])
    inside = struct.pack("<I", 0) + b"\0" + bson({"ping": 1, "$db": "test"})
    c.send(message(OP_COMPRESSED, struct.pack("<iiB", OP_MSG, len(inside), 2) +
                   zlib.compress(inside), 5))
    got = c.receive()
    check(got is not None and got[:2] == (5, OP_MSG + 10000) and got[2]["ok"] == 1,
          "compressed as it was asked", got)
    c.close()


def test_order(server):
    c = Client(server)
    c.send(b"".join(msg({"ping": 1}, number=i) for i in range(20)) +
           msg({"count": "none"}, number=20) + msg({"ping": 1}, number=21))
    got = [c.receive()[0] for _ in range(22)]
    check(got == list(range(22)), "answers come in the order of the questions", got)
    c.send(msg({"insert": "quiet"}, number=1, flags=2, more=sequence("documents", [{"_id": 1}])) +
           msg({"endSessions": []}, number=2, flags=2) + msg({"count": "quiet"}, number=3))
    got = c.receive()
    check(got[0] == 3 and got[2]["n"] == 1, "moreToCome is not answered, but done", got)
    c.close()


def test_hostile(server):
    """What cannot be understood closes its own connection and no other."""
    witness = Client(server)
    long = struct.pack("<iiii", 48000001, 1, 0, OP_MSG)
    unpacked = struct.pack("<iiB", OP_MSG, 47000000, 2) + zlib.compress(b"x")
    nested = struct.pack("<iiB", OP_COMPRESSED, 100, 0) + b"x" * 100
    for what, data in {
            "a length of 0": struct.pack("<iiii", 0, 1, 0, OP_MSG),
            "a negative length": struct.pack("<iiii", -5, 1, 0, OP_MSG), "too long": long,
            "an opcode of before": message(2005, b"x" * 40), "HTTP": b"GET / HTTP/1.1\r\n\r\n",
            "unknown flags": message(OP_MSG, struct.pack("<I", 4) + b"\0" + bson({"ping": 1})),
            "no section": message(OP_MSG, struct.pack("<I", 0)),
            "a wrong checksum": message(OP_MSG, struct.pack("<I", 1) + b"\0" + bson({"ping": 1}) +
                                        b"abcd"),
            "a bomb": message(OP_COMPRESSED, unpacked), "nested": message(OP_COMPRESSED, nested),
            "zeros": b"\0" * 1000,
            "TLS": bytes.fromhex("16030100f8010000f4030300000000000000")}.items():
        c = Client(server)
        c.send(data)
        check(c.receive() is None, f"{what} closes the connection")
        c.close()
    half = Client(server)
    half.send(msg({"ping": 1})[:20])
    half.close()
    gone = Client(server)
    gone.send(msg({"count": "gone"}))
    gone.close()
    check(witness.is_alive(), "others go on")
    witness.close()


def test_malformed(server):
    """A command that is wrong is answered, and the connection goes on."""
    c = Client(server)
    for what, body, code in [
            ("a text cut off", b"\x02a\0\xff\0\0\0x\0", 2), ("an unknown type", b"\x30a\0", 2),
            ("a field twice", element("ping", 1) + element("ping", 1), 2),
            ("no command", b"", 2), ("text that is no UTF-8", b"\x02a\0\2\0\0\0\xff\0", 2),
            ("deep", element("a", 1), 59)]:
        document = struct.pack("<i", len(body) + 5) + body + b"\0"
        c.send(message(OP_MSG, struct.pack("<I", 0) + b"\0" + document))
        got = c.receive()
        check(got is not None and got[2]["ok"] == 0 and got[2]["code"] == code, what, got)
    deep = {"ping": 1}
    for _ in range(150):
        deep = {"a": deep}
    check(c.run({"find": "x", "filter": deep})["code"] == 146, "nesting has a limit")
    for command, code in [({"find": 5}, 73), ({"find": "x", "limit": "a"}, 2),
                          ({"insert": "x", "documents": []}, 2), ({"insert": "x"}, 2),
                          ({"insert": "x", "documents": 1}, 2),
                          ({"update": "x",
                            "updates": [{"q": {}, "u": {"a": 1}, "multi": True}]}, 9),
                          ({"delete": "x", "deletes": [{"q": {}, "limit": 2}]}, 9),
                          ({"getMore": 5, "collection": "x"}, 43), ({"aggregate": "x"}, 9),
                          ({"find": "system.users"}, 73), ({"find": "x", "tailable": True}, 238),
                          ({"find": "x", "txnNumber": 1}, 72)]:
        got = c.run(command)
        check(got["ok"] == 0 and got["code"] == code and got["codeName"] and got["errmsg"], command,
              got)
    check(c.run({"ping": 1}, db="")["ok"] == 1 and c.run({"count": "x"}, db="a.b")["code"] == 73,
          "names of databases")
    check(c.is_alive(), "the connection goes on")
    c.close()


def test_addresses():
    with tempfile.TemporaryDirectory() as folder:
        for address, status, says in [("0.0.0.0:0", 1, "NOT_SUPPORTED"),
                                      ("[::]:0", 1, "NOT_SUPPORTED"),
                                      ("nowhere:0", 1, "VALIDATION_FAILED"), (":x", 2, "no port"),
                                      (":99999", 2, "no port")]:
            done = subprocess.run([PROGRAM, "-w", folder, "serve", "--listen", address],
                                  capture_output=True, text=True, timeout=60)
            check(done.returncode == status and says in done.stderr, address, done)


def test_crash(folder):
    """What was acknowledged is there after a kill -9, once."""
    server = Server(folder)
    acknowledged, lock = [], threading.Lock()

    def write(w):
        c = Client(server)
        for i in range(10000):
            reply = None
            try:
                reply = c.run({"insert": "kept", "documents": [{"_id": f"{w}-{i}", "i": i}]})
            except (OSError, EOFError):
                pass
            if reply is None:
                return
            with lock:
                acknowledged.append(f"{w}-{i}")

    writers = [threading.Thread(target=write, args=(w,)) for w in range(16)]
    for writer in writers:
        writer.start()
    while len(acknowledged) < 300:
        time.sleep(0.01)
    server.end(signal.SIGKILL)
    for writer in writers:
        writer.join()
    server = Server(folder)
    c = Client(server)
    reply = c.run({"find": "kept", "batchSize": 1000000, "projection": {"_id": 1}})
    there = [d["_id"] for d in reply["cursor"]["firstBatch"]]
    check(len(there) == len(set(there)), "nothing is there twice")
    check(set(acknowledged) <= set(there), "what was acknowledged is there",
          set(acknowledged) - set(there))
    check(len(there) <= len(acknowledged) + 16, "and hardly more", (len(there), len(acknowledged)))
    c.close()
    status, out, err = server.end()
    check(status == 0 and out == "stopped\n", "it ends on a signal", (status, out, err))


def test_stop(folder):
    """On SIGTERM what was asked is answered; then the files have everything."""
    server = Server(folder)
    clients = [Client(server) for _ in range(8)]
    for i, c in enumerate(clients):
        c.send(msg({"insert": "late"}, more=sequence("documents", [{"_id": i}])))
    idle = Client(server)
    check(idle.is_alive(), "an idle one")
    answers = [c.receive() for c in clients]
    status, out, err = server.end()
    check(status == 0 and out == "stopped\n", "ended", (status, out, err))
    check(idle.receive() is None, "the idle one was closed")
    check(all(a is not None and a[2]["n"] == 1 for a in answers), "all were answered", answers)
    done = subprocess.run([PROGRAM, "-w", folder, "-n", "test", "count", "late"],
                          capture_output=True, text=True, timeout=60)
    check(done.stdout == "8\n", "and stored", done)


def test_figures(folder):
    """serverStatus: what was counted, command by command."""
    server = Server(folder)
    c = Client(server)
    c.run({"insert": "n"}, more=sequence("documents", [{"_id": i} for i in range(50)]))
    for _ in range(3):
        c.run({"find": "n", "batchSize": 5})
    c.run({"find": "n", "nope": 1})
    c.run({"ismaster": 1})
    c.run({"nope": 1})
    got = c.run({"serverStatus": 1}, db="admin")
    commands = got["metrics"]["commands"]
    check(commands["find"] == {"failed": 1, "total": 4}, "find is counted", commands)
    check(commands["insert"] == {"failed": 0, "total": 1}, "and insert", commands)
    check(commands["isMaster"]["total"] == 1, "what needs no engine, too", commands)
    check(commands["other"] == {"failed": 1, "total": 1}, "and what there is not", commands)
    check(got["metrics"]["cursor"]["open"]["total"] == 3, "cursors", got["metrics"]["cursor"])
    check(got["opcounters"]["insert"] == 50 and got["opcounters"]["query"] == 4, "operations",
          got["opcounters"])
    check(got["transactions"]["currentOpen"] == 0, "transactions", got["transactions"])
    latencies = got["opLatencies"]
    check(latencies["reads"]["ops"] == 4 and latencies["reads"]["latency"] > 0 and
          latencies["writes"]["ops"] == 1, "times", latencies)
    check(got["mem"]["resident"] > 1 and got["network"]["numRequests"] >= 5, "memory, network", got)
    check("metrics" not in c.run({"serverStatus": 1, "metrics": 0}, db="admin"), "a section less")
    c.run({"create": "empty"})
    c.run({"createIndexes": "n", "indexes": [{"key": {"a": 1}, "name": "a_1"},
                                             {"key": {"b": 1}, "name": "b_1", "sparse": True}]})
    got = c.run({"collStats": "n"})
    check(got["nindexes"] == 3 and got["indexSizes"] == {"_id_": 0, "a_1": 0, "b_1": 0}, "indexes",
          got)
    check(c.run({"collStats": "empty"})["nindexes"] == 1, "of what is empty")
    got = c.run({"dbStats": 1})
    check(got["indexes"] == 4 and got["collections"] == 2, "of a database", got)
    got = c.run({"aggregate": "n", "pipeline": [{"$indexStats": {}}], "cursor": {}})["cursor"]
    check([x["spec"].get("sparse") for x in got["firstBatch"]] == [None, None, True] and
          got["firstBatch"][1]["key"] == {"a": 1}, "$indexStats", got)
    server.end()


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(os.path.join(folder, "a"))
        if server.port == 0:
            err = server.process.communicate()[1]
            if "built without the server" in err:
                print("this parquedb has no server: skipped\n0 passed, 0 failed, 1 skipped")
                return 0
            print(err)
        for test in (test_handshake, test_order, test_hostile, test_malformed):
            test(server)
        status, out, err = server.end()
        check(status == 0 and out == "stopped\n" and "Sanitizer" not in err, "its end", err)
        check(err.count("is closed") >= 10, "refused connections are told of", err)
        test_figures(os.path.join(folder, "f"))
        test_addresses()
        test_crash(os.path.join(folder, "b"))
        test_stop(os.path.join(folder, "c"))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
