#!/usr/bin/env python3
"""Logging in, users and roles, by npm `mongodb` against `parquedb serve`:

    PARQUEDB=build/parquedb python3 test/interop/access.py FOLDER

Users are made with `parquedb user`, and by the driver; skipped where the driver cannot be had.
"""
import base64
import http.client
import os
import re
import signal
import socket
import stringprep
import struct
import subprocess
import sys
import unicodedata
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clients  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.abspath(os.environ.get("PARQUEDB", "build/parquedb"))
passed = failed = 0


def check(condition, what, detail=""):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print("FAIL", what, str(detail)[:400])


def user(folder, *words, password=None):
    return subprocess.run([PROGRAM, "-w", folder, "user", *words], input=password, text=True,
                          capture_output=True)


class Server:
    def __init__(self, folder, *options, listen="127.0.0.1:0"):
        self.process = subprocess.Popen(
            [PROGRAM, "-w", folder, "serve", "--listen", listen, *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.uri = line.split()[-1] if line.startswith("listening on ") else ""
        line = self.process.stdout.readline() if "--http" in options else ""
        self.http = line.split("//")[-1].strip().rstrip("/")

    def end(self, what):
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=60)
        check(self.process.returncode == 0, what + ": the server's end", err)
        return err


def run(modules, server, part):
    """The checks of one part of access_client.mjs."""
    global passed, failed
    done = subprocess.run(["node", os.path.join(HERE, "access_client.mjs"), modules, server.uri,
                           part], capture_output=True, text=True, timeout=300)
    lines = (done.stdout + done.stderr).strip().split("\n")
    counts = lines[-1].split() if lines[-1].endswith(" failed") else None
    print("\n".join(f"{part}: {line}" for line in (lines[:-1] if counts else lines)), end="")
    passed += int(counts[0]) if counts else 0
    failed += int(counts[2]) if counts else 1


def program(folder):
    """`parquedb user` by itself."""
    made = user(folder, "add", "alice", "readWrite@shop", "root", password="a long secret\n")
    check(made.returncode == 0, "user add", made.stderr)
    for name, role in (("reader", "read@shop"), ("writer", "readWrite@shop"),
                       ("keeper", "dbAdmin@shop"), ("clerk", "userAdmin@shop"),
                       ("owner", "dbOwner@shop"), ("any reader", "readAnyDatabase"),
                       ("any,writer=", "readWriteAnyDatabase"), ("grün", "admin@shop")):
        made = user(folder, "add", name, role, password=f"pwd of {name}")
        check(made.returncode == 0, f"user add {name}", made.stderr)
    for words, password, what in (
            (("add", "alice"), "x", "ALREADY_EXISTS"), (("add", "eve"), "", "no password"),
            (("add", "eve", "king@shop"), "x", "Could not find role: king@shop"),
            (("add", "eve", "root@shop"), "x", "Could not find role: root@shop"),
            (("add", "eve"), "a\tb", "U+0009"), (("remove", "eve"), None, "no user 'eve'"),
            (("grant", "alice"), None, "give roles"), (("token", "alice", "x"), None, "days"),
            (("frobnicate", "alice"), None, "none of add")):
        got = user(folder, *words, password=password)
        check(got.returncode != 0 and what in got.stderr, f"user {words}", got.stderr)
    check('"readWrite@shop","root@admin"' in user(folder, "list").stdout, "user list")
    token = user(folder, "token", "alice", "30", "laptop").stdout.strip()
    check(token.startswith("pqt_") and len(token) == 47, "user token", token)
    with open(os.path.join(folder, "hot.sqlite"), "rb") as f:
        stored = f.read()
    wal = os.path.join(folder, "hot.sqlite-wal")
    if os.path.exists(wal):
        with open(wal, "rb") as f:
            stored += f.read()
    for secret in (b"a long secret", b"pwd of reader", token.encode()):
        check(secret not in stored, "a password or token is stored", secret)


def over_http(folder):
    """Basic and tokens: who may what is the same."""
    token = user(folder, "token", "reader", "30").stdout.strip()
    server = Server(folder, "--http", "127.0.0.1:0")
    basic = base64.b64encode(b"writer:pwd of writer").decode()
    wrong = base64.b64encode(b"writer:pwd").decode()
    document = '{"_id": "h1", "a": 1}'
    for method, authorization, status in (
            ("GET", None, 401), ("GET", "Bearer " + token, 200), ("POST", "Bearer " + token, 403),
            ("POST", "Basic " + basic, 201), ("GET", "Basic " + wrong, 401),
            ("GET", "Bearer pqt_x", 401), ("POST", None, 401)):
        connection = http.client.HTTPConnection(server.http, timeout=30)
        headers = {} if authorization is None else {"Authorization": authorization}
        if method == "POST":
            headers["Content-Type"] = "application/json"
        connection.request(method, "/v1/shop/posts", document if method == "POST" else None,
                           headers)
        response = connection.getresponse()
        body = response.read().decode()
        check(response.status == status, f"{method} with {str(authorization)[:12]}",
              (response.status, body))
        connection.close()
    server.end("http")
    events = subprocess.run([PROGRAM, "-w", folder, "-n", "shop", "history", "posts/h1"],
                            capture_output=True, text=True).stdout
    check('"actor":"admin.writer"' in events, "the actor of HTTP", events)


def feeds(folder, modules):
    """Events end with the user who watches."""
    server = Server(folder, "--http", "127.0.0.1:0")
    basic = base64.b64encode(b"reader:pwd of reader").decode()
    connection = http.client.HTTPConnection(server.http, timeout=30)
    connection.request("GET", "/v1/shop/changes", headers={"Authorization": "Basic " + basic})
    response = connection.getresponse()
    check(response.status == 200, "changes", response.status)
    run(modules, server, "feed")
    try:
        text = response.read().decode()
    except (http.client.HTTPException, OSError) as error:
        text = f"not ended: {error}"
    check("seen" in text and "unseen" not in text and "not ended" not in text, "events", text)
    connection.close()
    server.end("feed")


def strangers(folder):
    """Who has not logged in says nothing long, packed or not."""
    server = Server(folder)
    port = int(server.uri.split("/?")[0].rstrip("/").rsplit(":", 1)[1])
    text = b"x" * 100000
    body = struct.pack("<I", 0) + b"\0" + (lambda inner: struct.pack("<i", len(inner) + 5) + inner
                                           + b"\0")(b"\x02find\0" + struct.pack("<i", len(text) + 1)
                                                    + text + b"\0")
    packed = struct.pack("<iiB", 2013, len(body), 2) + zlib.compress(body)
    for what, opcode, content in (("plain", 2013, body), ("packed", 2012, packed)):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
            try:
                s.sendall(struct.pack("<iiii", len(content) + 16, 1, 0, opcode) + content)
                got = s.recv(1)
            except ConnectionError:
                got = b""
            check(got == b"", f"a long message, {what}", got)
    err = server.end("strangers")
    check(err.count("before logging in") == 2, "it is told", err)


def over_tls(folder, modules):
    """Certificates and passwords together; addresses that others reach."""
    cert, key = os.path.join(folder, "server.pem"), os.path.join(folder, "server.key")
    made = clients.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", cert], 60)
    if made is None or made.returncode != 0:
        print("the program openssl is missing: TLS is not tried")
        return
    server = Server(folder, "--tls-cert", cert, "--tls-key", key, listen="0.0.0.0:0")
    check(server.uri.startswith("mongodb://0.0.0.0:"), "with users it listens anywhere", server.uri)
    server.uri = server.uri.replace("0.0.0.0", "127.0.0.1") + "&tlsCAFile=" + cert
    run(modules, server, "tls")
    server.end("tls")


def is_left_alone(c, seconds):
    """Does SASLprep (RFC 4013) leave the character as it is, whatever stands beside it?"""
    ch, old = chr(c), unicodedata.ucd_3_2_0
    prohibited = (stringprep.in_table_a1, stringprep.in_table_b1, stringprep.in_table_c12,
                  stringprep.in_table_c21_c22, stringprep.in_table_c3, stringprep.in_table_c4,
                  stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7,
                  stringprep.in_table_c8, stringprep.in_table_c9, stringprep.in_table_d1)
    return (not any(table(ch) for table in prohibited) and c not in seconds
            and all(data.normalize("NFKC", ch) == ch and data.combining(ch) == 0
                    for data in (old, unicodedata)))


def saslprep():
    """The table in server/scram.c against Unicode's own."""
    seconds = set()  # what may join with the character before it
    for c in range(0x110000):
        parts = unicodedata.decomposition(chr(c)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            seconds.add(int(parts[1], 16))
    with open(os.path.join(HERE, "..", "..", "server", "scram.c"), encoding="utf-8") as f:
        table = re.search(r"} stable\[\] = {(.*?)};", f.read(), re.S).group(1)
    ranges = [(int(a, 16), int(b, 16)) for a, b in
              re.findall(r"{(0x[0-9a-f]+), (0x[0-9a-f]+)}", table)]
    wrong = [hex(c) for a, b in ranges for c in range(a, b + 1) if not is_left_alone(c, seconds)]
    check(len(ranges) > 30 and not wrong, "SASLprep changes what scram.c takes", wrong[:20])


def main():
    clients.node(20)
    modules = clients.npm("mongodb@7.9.0")
    folder = os.path.join(sys.argv[1], "access")
    probe = user(folder, "add", "x", password="x")
    if "built without the server" in probe.stderr:
        clients.skip("this parquedb has no server")
    user(folder, "remove", "x")

    saslprep()
    program(folder)
    server = Server(folder)
    run(modules, server, "roles")
    err = server.end("roles")
    check("login of 'admin.alice' from 127.0.0.1" in err and "wrong password" in err
          and "no such user" in err, "failed logins are told", err)
    check("not the password" not in err, "without the password")
    for name in ("signed", "copied"):
        events = subprocess.run([PROGRAM, "-w", folder, "-n", "shop", "events", name],
                                capture_output=True, text=True).stdout.strip().split("\n")
        check(len(events) >= 1 and all('"actor":"admin.writer"' in line for line in events),
              f"whoever wrote {name}", events)

    over_http(folder)
    over_tls(folder, modules)
    strangers(folder)
    feeds(folder, modules)
    nobody = os.path.join(sys.argv[1], "nobody")
    made = subprocess.run([PROGRAM, "-w", nobody, "serve", "--listen", "0.0.0.0:0"], text=True,
                          capture_output=True, timeout=60)
    check(made.returncode != 0 and "nobody has to log in" in made.stderr,
          "without users it listens here alone", made.stderr)

    folder = os.path.join(sys.argv[1], "first")
    server = Server(folder, "--auth")
    run(modules, server, "first")
    server.end("first")
    server = Server(folder)
    run(modules, server, "later")
    server.end("later")

    server = Server(os.path.join(sys.argv[1], "open"))
    run(modules, server, "open")
    server.end("open")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
