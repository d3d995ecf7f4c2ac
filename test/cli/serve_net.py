#!/usr/bin/env python3
"""`parquedb serve`, its network side: TLS, addresses, limits, answers that follow each other, logs,
signals, systemd, and clients that mean harm. Certificates are made by the program openssl.

    PARQUEDB=build-asan/parquedb python3 test/cli/serve_net.py [NAME]
"""
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

import serve
from serve import Client, OP_MSG, Server, bson, check, element, message, msg, parse, sequence

LORIS_SECONDS = 45  # a message that does not end is given up after 30


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


def make_certificates(folder):
    """Two authorities; a server's certificate of each, a client's of the first."""
    for name in ("ca", "other"):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key",
            "-out", f"{folder}/{name}.pem")
    with open(f"{folder}/names", "w", encoding="ascii") as out:
        out.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name, authority in (("server", "ca"), ("renewed", "other"), ("client", "ca")):
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key", "-out",
            f"{folder}/{name}.csr")
        run("openssl", "x509", "-req", "-in", f"{folder}/{name}.csr", "-CA",
            f"{folder}/{authority}.pem", "-CAkey", f"{folder}/{authority}.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{folder}/names", "-out",
            f"{folder}/{name}.pem")


def shake(server, ca, client=None, most=None):
    """A client with TLS, or why not."""
    context = ssl.create_default_context(cafile=ca)
    if client:
        context.load_cert_chain(client + ".pem", client + ".key")
    if most:
        context.minimum_version = context.maximum_version = most
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    try:
        c = Client(server, context.wrap_socket(plain, server_hostname="127.0.0.1"))
        return c if c.is_alive() else None
    except (ssl.SSLError, OSError):
        plain.close()
        return None


def wait_until(condition, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def test_tls(folder):
    make_certificates(folder)
    cert, key, ca = f"{folder}/cert.pem", f"{folder}/cert.key", f"{folder}/ca.pem"
    shutil.copy(f"{folder}/server.pem", cert)
    shutil.copy(f"{folder}/server.key", key)
    server = Server(f"{folder}/w", "--tls-cert", cert, "--tls-key", key, "--http", "127.0.0.1:0")
    http = server.process.stdout.readline()
    check(http.startswith("listening on https://"), "HTTP has it, too", http)
    c = shake(server, ca)
    check(c is not None, "a client that trusts the authority")
    many = [{"_id": i, "text": "x" * 20000} for i in range(200)]
    check(c.run({"insert": "big"}, more=sequence("documents", many))["n"] == 200, "4 MB in")
    got = c.run({"find": "big", "batchSize": 1000})
    check(len(got["cursor"]["firstBatch"]) == 200, "and out")
    check(shake(server, f"{folder}/other.pem") is None, "one that trusts another does not")
    check(shake(server, ca, most=ssl.TLSVersion.TLSv1_2) is not None, "TLS 1.2")
    old = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_1",
                          "-cipher", "ALL:@SECLEVEL=0"], input="", capture_output=True, text=True)
    check("BEGIN CERTIFICATE" not in old.stdout, "TLS 1.1 is refused", old.stdout)
    for what, data in {"no TLS": msg({"ping": 1}), "garbage": os.urandom(3000),
                       "half a record": b"\x16\x03\x01\x10\0" + b"\1" * 200 + b"\x17" * 5000,
                       "HTTP": b"GET / HTTP/1.1\r\n\r\n"}.items():
        bare = Client(server)
        bare.send(data)
        try:
            while bare.socket.recv(4096):
                pass
            is_closed = True
        except ConnectionError:
            is_closed = True
        except TimeoutError:
            is_closed = False
        check(is_closed, f"{what} closes the connection")
        bare.close()
    shutil.copy(f"{folder}/renewed.pem", cert)
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    check(shake(server, ca) is not None, "a key that is not the certificate's changes nothing")
    shutil.copy(f"{folder}/renewed.key", key)
    server.process.send_signal(signal.SIGHUP)
    check(wait_until(lambda: shake(server, f"{folder}/other.pem") is not None),
          "SIGHUP: the new certificate")
    check(c.is_alive(), "connections that are there go on")
    status, _, err = server.end()
    check(status == 0 and "stay as they are" in err and "Sanitizer" not in err, "its end", err)
    server = Server(f"{folder}/w", "--tls-cert", f"{folder}/server.pem", "--tls-key",
                    f"{folder}/server.key", "--tls-ca", ca)
    check(shake(server, ca) is None, "a client without a certificate")
    check(shake(server, ca, f"{folder}/client") is not None, "one with a certificate")
    check(shake(server, ca, f"{folder}/other") is None, "one of another authority")
    server.end()
    for options in (["--tls-cert", f"{folder}/nothing.pem"], ["--tls-cert", f"{folder}/names"],
                    ["--tls-cert", f"{folder}/server.pem", "--tls-key", f"{folder}/client.key"]):
        done = subprocess.run([serve.PROGRAM, "-w", f"{folder}/w", "serve", "--listen",
                               "127.0.0.1:0", *options], capture_output=True, text=True, timeout=60)
        check(done.returncode == 1 and "VALIDATION_FAILED" in done.stderr, options, done)


def test_addresses(folder):
    path = f"{folder}/mongodb-27017.sock"
    server = Server(f"{folder}/w", listen=f"127.0.0.1:0,unix:{path},[::1]:0")
    lines = [server.process.stdout.readline() for _ in range(2)]
    check("%2Fmongodb-27017.sock/" in lines[0] and "[::1]:" in lines[1], "three addresses", lines)

    def connect():
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(30)
        s.connect(path)
        return Client(server, s)

    c = connect()
    check(c.run({"hello": 1})["me"] == path, "a socket in the file system")
    check(os.stat(path).st_mode & 0o777 == 0o600, "for the owner alone")
    other = subprocess.run([serve.PROGRAM, "-w", f"{folder}/w2", "serve", "--listen",
                            "unix:" + path], capture_output=True, text=True, timeout=60)
    check(other.returncode == 1 and "in use" in other.stderr, "one server alone", other)
    server.end(signal.SIGKILL)
    check(os.path.exists(path), "left behind by a crash")
    server = Server(f"{folder}/w", listen=f"unix:{path}")
    check(connect().is_alive(), "and taken over")
    server.end()
    check(not os.path.exists(path), "gone at its end")


def test_remote(folder):
    """An address that others reach: with users, or --auth."""
    refused = subprocess.run([serve.PROGRAM, "-w", f"{folder}/w", "serve", "--listen",
                              "0.0.0.0:0"], capture_output=True, text=True, timeout=60)
    check(refused.returncode == 1 and "nobody has to log in" in refused.stderr, "nobody", refused)
    for options in ([], ["--auth"]):
        if not options:
            subprocess.run([serve.PROGRAM, "-w", f"{folder}/w", "user", "add", "ann", "root"],
                           input="a long secret\n", text=True, check=True, capture_output=True,
                           timeout=60)
        server = Server(f"{folder}/{len(options) or 'w'}", *options, listen="0.0.0.0:0")
        check(server.port > 0 and Client(server).run({"find": "x"})["code"] == 13,
              "everybody has to log in", server.line)
        server.end()


def test_topology(folder):
    for options, expected in (
            (["--advertise", "db.example:1234"], {"me": "db.example:1234", "setName": "rs0",
                                                  "hosts": ["db.example:1234"]}),
            (["--topology", "mongos"], {"msg": "isdbgrid", "setName": None, "hosts": None}),
            (["--topology", "standalone"], {"msg": None, "setName": None, "hosts": None})):
        server = Server(f"{folder}/w", *options)
        got = Client(server).run({"hello": 1})
        check(got["isWritablePrimary"] and
              {k: got.get(k) for k in expected} == expected, options, got)
        server.end()


def exhaust(c, command, number=1):
    c.send(message(OP_MSG, struct.pack("<I", 1 << 16) + b"\0" + bson({**command, "$db": "test"}),
                   number))


def take(c):
    """(request id, response to, flags, document)"""
    head = struct.unpack("<iiii", c.take(16))
    body = c.take(head[0] - 16)
    return head[1], head[2], struct.unpack_from("<I", body)[0], parse(body[5:])


def version_of(reply, counter=None):
    """A topologyVersion, which needs types that serve.bson does not write."""
    v = reply["topologyVersion"]
    counter = v["counter"] if counter is None else counter
    inner = (b"\x07processId\0" + v["processId"] + b"\x12counter\0" + struct.pack("<q", counter) +
             b"\0")
    return b"\x03topologyVersion\0" + struct.pack("<i", len(inner) + 4) + inner


def hello_that_waits(reply, ms, flags, counter=None):
    body = (element("hello", 1) + version_of(reply, counter) + element("maxAwaitTimeMS", ms) +
            element("$db", "admin") + b"\0")
    return message(OP_MSG, struct.pack("<I", flags) + b"\0" + struct.pack("<i", len(body) + 4) +
                   body, 77)


def test_streams(folder):
    server = Server(f"{folder}/w")
    c = Client(server)
    first = c.run({"hello": 1})
    begun = time.time()
    c.send(hello_that_waits(first, 300, 0))
    got = take(c)
    check(0.25 < time.time() - begun < 5 and got[1:3] == (77, 0) and got[3]["ok"] == 1,
          "a hello waits for its time", got)
    c.send(hello_that_waits(first, 60000, 0, counter=5))
    check(take(c)[1] == 77, "another topology is news, told at once")
    check(c.run({"hello": 1, "maxAwaitTimeMS": 5})["code"] == 2, "both fields or none")
    c.send(hello_that_waits(first, 100, 1 << 16))
    answers = [take(c) for _ in range(4)]
    check(all(a[2] == 2 for a in answers) and
          [a[1] for a in answers] == [77] + [a[0] for a in answers[:3]],
          "answers follow each other", [a[:3] for a in answers])
    c.close()
    c = Client(server)
    check(c.run({"insert": "n"}, more=sequence("documents", [{"_id": i} for i in range(1000)]))
          ["n"] == 1000, "documents")
    cursor = c.run({"find": "n", "batchSize": 100})["cursor"]["id"]
    body = (b"\x12getMore\0" + struct.pack("<q", cursor) + element("collection", "n") +
            element("batchSize", 100) + element("$db", "test") + b"\0")
    c.send(message(OP_MSG, struct.pack("<I", 1 << 16) + b"\0" + struct.pack("<i", len(body) + 4) +
                   body, 9))
    batches = [take(c)]
    while batches[-1][2] & 2:
        batches.append(take(c))
    count = sum(len(b[3]["cursor"]["nextBatch"]) for b in batches)
    check(count == 900 and batches[-1][3]["cursor"]["id"] == 0 and len(batches) >= 9,
          "batches follow each other", (count, len(batches)))
    check(c.is_alive(), "and the connection goes on")
    plain = msg({"ping": 1}, flags=1)
    plain = struct.pack("<i", len(plain) + 4) + plain[4:]
    c.send(plain + struct.pack("<I", crc32c(plain)))
    head = c.take(16)
    body = c.take(struct.unpack("<i", head[:4])[0] - 16)
    check(body[0] == 1 and struct.unpack("<I", body[-4:])[0] == crc32c(head + body[:-4]),
          "a checksum is answered by one")
    waiting = Client(server)
    waiting.send(hello_that_waits(first, 600000, 1 << 16))
    time.sleep(0.2)
    status, _, err = server.end()
    check(status == 0, "it ends although one waits", err)
    check(take(waiting)[2] == 0, "which is answered")


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def test_limits(folder):
    server = Server(f"{folder}/w", "--max-connections", "5", "--max-request-bytes", "20000",
                    "--max-cursors", "3", "--max-time-ms", "5000")
    clients = [Client(server) for _ in range(5)]
    check(all(c.is_alive() for c in clients), "five connections")
    check(Client(server).run({"ping": 1}) is None, "a sixth is refused")
    clients[4].send(msg({"insert": "x"}, more=sequence("documents", [{"a": "y" * 30000}])))
    check(clients[4].receive() is None, "a message that is too long")
    c = clients[0]
    check(c.run({"hello": 1})["maxMessageSizeBytes"] == 20000, "hello says how long one may be")
    c.run({"insert": "n"}, more=sequence("documents", [{"_id": i} for i in range(10)]))
    got = [c.run({"find": "n", "batchSize": 2}).get("code") for _ in range(4)]
    check(got == [None, None, None, 146], "cursors", got)
    _, _, err = server.end()
    check("too many connections" in err and "at most 20000" in err, "both are told of", err)
    for options in (["--max-connections", "0"], ["--slow-ms", "x"], ["--topology", "ring"],
                    ["--tls-key", "x"], ["--log", "xml"], ["--listen", ","]):
        done = subprocess.run([serve.PROGRAM, "-w", f"{folder}/w", "serve", *options],
                              capture_output=True, text=True, timeout=60)
        check(done.returncode == 2, options, done)


def test_logs(folder):
    path = f"{folder}/log"
    server = Server(f"{folder}/w", "--log", "json", "--log-level", "debug", "--log-file", path,
                    "--slow-ms", "0")
    c = Client(server)
    c.run({"insert": "n"}, more=sequence("documents", [{"_id": i, "secret": "abc"}
                                                       for i in range(10)]))
    c.run({"find": "n", "filter": {"secret": "abc", "a\n\"b": {"$in": ["abc", "abd"]}}})
    os.rename(path, path + ".1")
    server.process.send_signal(signal.SIGHUP)
    check(wait_until(lambda: os.path.exists(path)), "opened again on SIGHUP")
    got = c.run({"getLog": "global"}, db="admin")
    kept = [json.loads(line) for line in got["log"]]
    check(got["totalLinesWritten"] >= 3 and any(k["msg"] == "connection begun" for k in kept),
          "getLog has the last lines", got)
    check(c.run({"getLog": "*"}, db="admin")["names"] == ["global", "startupWarnings"], "names")
    c.close()
    server.end()
    text = open(path + ".1", encoding="utf-8").read() + open(path, encoding="utf-8").read()
    lines = [json.loads(line) for line in text.splitlines()]
    slow = [s for s in lines if s["msg"] == "slow command"]
    find = [s for s in slow if s["command"] == "find"]
    check(len(find) == 1 and find[0]["collection"] == "n" and find[0]["db"] == "test" and
          "$in: [?]" in find[0]["shape"] and "ms" in find[0], "a slow command", slow)
    check("abc" not in text, "no values")
    check(any(s["msg"] == "connection ended" for s in lines) and lines[-1]["level"] in
          ("info", "debug"), "connections", lines[-1])
    done = subprocess.run([serve.PROGRAM, "-w", f"{folder}/w", "serve", "--listen", "127.0.0.1:0",
                           "--log-file", f"{folder}/no/log"], capture_output=True, text=True,
                          timeout=60)
    check(done.returncode == 1 and "cannot write the log" in done.stderr, "a file that cannot be")


def test_systemd(folder):
    listener = socket.create_server(("127.0.0.1", 0))
    web = socket.create_server(("127.0.0.1", 0))
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(f"{folder}/notify")
    told.settimeout(60)
    script = (f"exec 3<&{listener.fileno()} 4<&{web.fileno()}; LISTEN_PID=$$ LISTEN_FDS=2 "
              f"LISTEN_FDNAMES=mongodb:http NOTIFY_SOCKET={folder}/notify exec {serve.PROGRAM} "
              f"-w {folder}/w serve")
    process = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True,
                               pass_fds=[listener.fileno(), web.fileno()])
    port = listener.getsockname()[1]
    early = Client(None, socket.create_connection(("127.0.0.1", port), timeout=60))
    check(early.is_alive(), "a client that came before the server")
    check(told.recv(100) == b"READY=1", "systemd is told")
    lines = [process.stdout.readline() for _ in range(2)]
    check(lines[0] == f"listening on mongodb://127.0.0.1:{port}/\n" and
          f":{web.getsockname()[1]}/" in lines[1], "the sockets that were passed", lines)
    process.send_signal(signal.SIGTERM)
    check(told.recv(100) == b"STOPPING=1", "and of the end")
    _, err = process.communicate(timeout=60)
    check(process.returncode == 0, "ended", err)
    done = subprocess.run(["bash", "-c", f"LISTEN_PID=$$ LISTEN_FDS=3 exec {serve.PROGRAM} -w "
                           f"{folder}/w serve"], capture_output=True, text=True, timeout=60)
    check(done.returncode == 1 and "descriptor" in done.stderr, "descriptors that are not there",
          done)


def resident_kb(pid):
    for line in open(f"/proc/{pid}/status", encoding="ascii"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def attack(server, i):
    """Connections that mean harm, all at once."""
    half = msg({"ping": 1})
    data = [b"", half[:7], half[:20], os.urandom(200), b"\x16\x03\x01\x02\0" + os.urandom(100),
            struct.pack("<iiii", 47000000, 1, 0, OP_MSG) + b"x" * 5000, half * 50,
            message(2012, struct.pack("<iiB", OP_MSG, 48000000, 2) + b"\x78\x9c" + b"a" * 90)]
    sockets = []
    for k in range(300):
        s = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        try:
            s.sendall(data[(i + k) % len(data)])
            if k % 5 == 0:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if k % 7 == 0:
                s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        sockets.append(s)
    for s in sockets:
        s.close()


def test_hostile(folder):
    env = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
           ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}
    server = Server(f"{folder}/w", "--max-connections", "400", env=env)
    errors = []
    reader = threading.Thread(target=lambda: errors.extend(server.process.stderr))
    reader.start()
    loris = Client(server)
    loris.send(msg({"ping": 1})[:9])
    lazy = Client(server)  # asks, and never reads
    witness = Client(server)
    pid = server.process.pid
    attack(server, 0)
    check(wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) < 40), "descriptors come back")
    files, memory = len(os.listdir(f"/proc/{pid}/fd")), resident_kb(pid)
    for i in range(1, 7):
        attack(server, i)
    check(wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= files), "all of them",
          os.listdir(f"/proc/{pid}/fd"))
    check(resident_kb(pid) < memory + 30000, "and the memory", (memory, resident_kb(pid)))
    witness.run({"insert": "big"}, more=sequence("documents", [{"_id": i, "t": "x" * 100000}
                                                               for i in range(100)]))
    before = resident_kb(pid)
    lazy.socket.settimeout(1)
    try:
        for i in range(200):
            lazy.send(msg({"find": "big", "batchSize": 1000}, number=i))
    except OSError:
        pass
    time.sleep(1)
    check(resident_kb(pid) < before + 150000, "who does not read gets no more than he can hold",
          (before, resident_kb(pid)))
    check(witness.is_alive(), "others go on")
    begun = time.time()
    for byte in msg({"ping": 1})[9:]:  # a byte a second: the message is given up all the same
        try:
            loris.send(bytes([byte]))
        except OSError:
            break
        if any("does not end" in line for line in errors) or time.time() - begun > LORIS_SECONDS:
            break
        time.sleep(1)
    check(any("a message has begun that does not end" in line for line in errors), "slow loris",
          errors[-3:])
    lazy.close()
    server.process.send_signal(signal.SIGTERM)
    status = server.process.wait(60)
    reader.join()
    check(status == 0 and not any("Sanitizer" in line for line in errors), "its end", errors[-30:])


def main():
    tests = [test_tls, test_addresses, test_remote, test_topology, test_streams, test_limits,
             test_logs, test_systemd, test_hostile]
    if shutil.which("openssl") is None:
        print("the program openssl is missing: TLS is skipped")
        tests.remove(test_tls)
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
