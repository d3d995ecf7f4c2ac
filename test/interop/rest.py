#!/usr/bin/env python3
"""`parquedb serve --http` by Python's http.client, urllib and bare sockets:

    PARQUEDB=build/parquedb python3 test/interop/rest.py FOLDER

Entities, pages, conditions, streams of lines, events as they happen, logins, and what must be
refused. The description is validated by PyPI openapi-spec-validator, the metrics are read by PyPI
prometheus_client, if these can be had; every operation of the description is called.
"""
import base64
import contextlib
import gzip
import hashlib
import http.client
import io
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clients  # noqa: E402

PACKAGES = "openapi-spec-validator==0.9.0", "prometheus_client==0.26.0"
CORE = ("openapi-core==0.23.1",)
PROGRAM = os.path.abspath(os.environ.get("PARQUEDB", "build/parquedb"))
LINES = "application/x-ndjson"
passed = failed = skipped = 0
called = set()  # (method, path of the description)
exchanges = []


def check(condition, what, detail=""):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print("FAIL", what, str(detail)[:600])


def skip(why):
    global skipped
    skipped += 1
    print(f"{why}: skipped")


class Server:
    def __init__(self, folder, *options):
        self.folder = folder
        self.process = subprocess.Popen(
            [PROGRAM, "-w", folder, "serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0",
             *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.port = None
        while self.port is None:
            line = self.process.stdout.readline()
            if line == "":
                error = self.process.communicate()[1]
                if "built without the server" in error:
                    skip("this parquedb has no server")
                    print("0 passed, 0 failed, 1 skipped")
                    sys.exit(0)
                print(error, "\n0 passed, 1 failed")
                sys.exit(1)
            if "http://" in line:
                self.port = int(line.strip().rstrip("/").rsplit(":", 1)[1])

    def end(self, what):
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=60)
        check(self.process.returncode == 0 and out.endswith("stopped\n"), what, (out, err))
        check("ERROR: AddressSanitizer" not in err, what + ": sanitizer", err)


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    @property
    def lines(self):
        return [json.loads(line) for line in self.body.splitlines()]


def templates():
    """The paths of the description as patterns, the fixed ones first."""
    return [(path, re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"\Z"))
            for path in ("/healthz", "/readyz", "/metrics", "/rpc", "/v1/openapi.json", "/v1/run",
                         "/v1/{ns}/run", "/v1/{ns}/changes", "/v1/{ns}", "/v1/{ns}/{collection}",
                         "/v1/{ns}/{collection}/{id}", "/v1/{ns}/{collection}/{id}/history",
                         "/v1/{ns}/{collection}/{id}/related",
                         "/v1/{ns}/{collection}/{id}/related/{predicate}")]


def note_call(method, path):
    for name, pattern in templates():
        if pattern.match(path.split("?")[0]):
            called.add((method.lower(), name))
            return


def record(method, path, fields, body, answer):
    """An exchange for whoever holds it against the description."""
    packed = answer.headers["Content-Encoding"] or fields.get("Content-Encoding")
    if packed or method in ("HEAD", "OPTIONS") or len(answer.body) > 100000:
        return
    body = body.decode("latin-1") if isinstance(body, bytes) else body
    if body is not None and (not isinstance(body, str) or len(body) > 100000):
        return
    exchanges.append({"method": method, "url": path, "fields": fields, "body": body,
                      "status": answer.status, "type": answer.headers["Content-Type"],
                      "answer": answer.body.decode()})


class Client:
    """One connection that is kept."""

    def __init__(self, server, **headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.headers = headers

    def ask(self, method, path, body=None, query=None, **headers):
        fields = dict(self.headers)
        fields.update({k.replace("_", "-"): v for k, v in headers.items()})
        if query is not None:
            path += "?" + urllib.parse.urlencode(
                {k: v if isinstance(v, str) else json.dumps(v) for k, v in query.items()})
        if body is not None and not isinstance(body, (bytes, str)) and \
                not hasattr(body, "__next__"):
            body = json.dumps(body)
            fields.setdefault("Content-Type", "application/json")
        note_call(method, path)
        self.connection.request(method, path, body, fields,
                                encode_chunked=hasattr(body, "__next__"))
        response = self.connection.getresponse()
        answer = Answer(response, response.read())
        record(method, path, fields, body, answer)
        return answer

    def get(self, path, **kw):
        return self.ask("GET", path, **kw)

    def close(self):
        self.connection.close()


# ---- entities ----

def test_entities(c):
    a = c.ask("PUT", "/v1/default/posts/p1", {"title": "Hello", "n": 1})
    check(a.status == 201 and a.headers["Location"] == "/v1/default/posts/p1", "PUT makes", a.body)
    check(a.headers["ETag"] == '"1"' and a.json["title"] == "Hello", "PUT: ETag", a.body)
    a = c.get("/v1/default/posts/p1")
    check(a.status == 200 and a.json["$id"] == "posts/p1" and a.headers["ETag"] == '"1"', "GET",
          a.body)
    a = c.get("/v1/default/posts/p1", query={"plain": "1"})
    check(a.json == {"title": "Hello", "n": 1}, "GET plain", a.body)
    a = c.get("/v1/default/posts/p1", If_None_Match='"1"')
    check(a.status == 304 and a.body == b"" and a.headers["ETag"] == '"1"', "304", a.body)
    a = c.ask("HEAD", "/v1/default/posts/p1")
    check(a.status == 200 and a.body == b"" and int(a.headers["Content-Length"]) > 0, "HEAD")
    a = c.ask("PUT", "/v1/default/posts/p1", {"title": "Bye", "n": 2})
    check(a.status == 200 and a.headers["ETag"] == '"2"', "PUT replaces", a.body)
    a = c.get("/v1/default/posts/p1", If_None_Match='"1"')
    check(a.status == 200 and a.json["title"] == "Bye", "another version is no 304", a.body)
    a = c.ask("PUT", "/v1/default/posts/p1", {"title": "No"}, If_Match='"1"')
    check(a.status == 412 and a.json["code"] == "VERSION_CONFLICT", "If-Match of PUT", a.body)
    check(a.headers["Content-Type"] == "application/problem+json" and
          set(a.json) == {"type", "title", "status", "detail", "code"}, "a problem", a.body)
    a = c.ask("PUT", "/v1/default/posts/p1", {"title": "Yes", "n": 3}, If_Match='"2"')
    check(a.status == 200 and a.headers["ETag"] == '"3"', "If-Match fits", a.body)
    a = c.ask("PUT", "/v1/default/posts/none", {"a": 1}, If_Match="*")
    check(a.status == 412, "If-Match: * of what is not there", a.body)
    a = c.ask("PUT", "/v1/default/posts/p1", {"a": 1}, If_None_Match="*")
    check(a.status == 412 and a.json["code"] == "ALREADY_EXISTS", "If-None-Match: *", a.body)
    a = c.ask("PUT", "/v1/default/posts/p2", {"a": 1}, If_None_Match="*")
    check(a.status == 201 and a.headers["Location"] == "/v1/default/posts/p2", "create only",
          a.body)
    a = c.ask("PUT", "/v1/default/posts/p1", {"title": "x"}, If_Match='W/"3"')
    check(a.status == 412, "a weak tag is no If-Match", a.body)
    a = c.ask("PATCH", "/v1/default/posts/p1", {"$inc": {"n": 4}, "$set": {"deep.er": 1}})
    check(a.status == 200 and a.json["n"] == 7 and a.json["deep"] == {"er": 1}, "PATCH", a.body)
    a = c.ask("PATCH", "/v1/default/posts/p1", {"$inc": {"n": 1}}, If_Match='"1"')
    check(a.status == 412, "If-Match of PATCH", a.body)
    a = c.ask("PATCH", "/v1/default/posts/none", {"$inc": {"n": 1}})
    check(a.status == 404, "PATCH of nothing", a.body)
    a = c.ask("PATCH", "/v1/default/posts/up", {"$inc": {"n": 1}}, query={"upsert": "true"})
    check(a.status == 201 and a.json["n"] == 1, "PATCH upsert", a.body)
    a = c.ask("DELETE", "/v1/default/posts/p2", If_Match='"9"')
    check(a.status == 412, "If-Match of DELETE", a.body)
    a = c.ask("DELETE", "/v1/default/posts/p2")
    check(a.status == 204 and a.body == b"", "DELETE", a.body)
    check(c.ask("DELETE", "/v1/default/posts/p2").status == 404, "DELETE twice")
    check(c.get("/v1/default/posts/p2").status == 404, "GET of what was deleted")
    a = c.get("/v1/default/posts/p2", query={"includeDeleted": "1"})
    check(a.status == 200 and "deletedAt" in a.json, "includeDeleted", a.body)
    for local in ("a b", "a/b", "100%", "ä~", "%41", "x%2Fy"):
        path = "/v1/default/odd/" + urllib.parse.quote(local, safe="")
        a = c.ask("PUT", path, {"name": local})
        b = c.get(path)
        where = a.headers["Location"] or ""
        check(a.status == 201 and b.status == 200 and b.json["name"] == local, "id " + local,
              a.body)
        check(c.get(where).json == b.json, "Location of " + local, where)


def merge_patch(target, patch):
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merge_patch(target.get(name), value)
    return target


def test_merge_patch(c):
    cases = [({"a": "b"}, {"a": "c"}), ({"a": "b"}, {"b": "c"}), ({"a": "b"}, {"a": None}),
             ({"a": "b", "b": "c"}, {"a": None}), ({"a": ["b"]}, {"a": "c"}),
             ({"a": "c"}, {"a": ["b"]}), ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}),
             ({"a": [{"b": "c"}]}, {"a": [1]}), ({"e": None}, {"a": 1}),
             ({}, {"a": {"bb": {"ccc": None}}}), ({"a": 1}, {"a": {"b": {"c": 2}}}),
             ({"a": {"x": 1, "y": 2}}, {"a": {"x": None}, "z": [None, {"q": None}]}),
             ({"a": {"b": 1}}, {"a": {"b": {}}}), ({"k": 1}, {}), ({"k": "$v"}, {"l": "$$ROOT"})]
    for i, (target, patch) in enumerate(cases):
        path = f"/v1/default/merge/m{i}"
        c.ask("PUT", path, target)
        a = c.ask("PATCH", path, json.dumps(patch),
                  Content_Type="application/merge-patch+json")
        got = c.get(path, query={"plain": "1"}).json
        check(a.status == 200 and got == merge_patch(target, patch), f"merge patch {patch}",
              (a.body, got))


# ---- lists ----

def lines_of(a):
    """The items of an answer in lines, whatever it is packed by."""
    body = gzip.decompress(a.body) if a.headers["Content-Encoding"] == "gzip" else a.body
    return [json.loads(line) for line in body.splitlines()]


def test_packed(c):
    """Content codings, both ways, and what kinds of answers are wanted."""
    lines = "".join(json.dumps({"$id": f"z{i:05}", "i": i, "t": "x" * 300}) + "\n"
                    for i in range(30000)).encode()
    a = c.ask("POST", "/v1/default/packed", gzip.compress(lines), Content_Type=LINES,
              Content_Encoding="gzip")
    check(a.status == 201 and a.json["insertedCount"] == 30000 and a.json["batches"] > 1,
          "10 MB of lines, packed", a.body)
    half = len(lines) // 2
    a = c.ask("POST", "/v1/twice/packed", gzip.compress(lines[:half]) + gzip.compress(lines[half:]),
              Content_Type=LINES, Content_Encoding="x-gzip")
    check(a.json.get("insertedCount") == 30000, "two members", a.body)
    a = c.get("/v1/default/packed", Accept=LINES, Accept_Encoding="gzip")
    check(a.headers["Content-Encoding"] == "gzip" and len(a.body) < 1e6 and
          len(lines_of(a)) == 30000, "10 MB of lines out, packed", len(a.body))
    check("Accept-Encoding" in a.headers["Vary"], "Vary", a.headers)
    a = c.get("/v1/default/packed", query={"limit": "50"}, Accept_Encoding="br, gzip;q=0.5")
    check(len(json.loads(gzip.decompress(a.body))["items"]) == 50, "a whole answer, packed")
    length = a.headers["Content-Length"]
    a = c.ask("HEAD", "/v1/default/packed", query={"limit": "50"}, Accept_Encoding="gzip;q=1")
    check(a.headers["Content-Length"] == length and a.body == b"", "HEAD says the same", a.headers)
    for wanted, coding in (("zstd, gzip", "zstd"), ("gzip, zstd;q=0.9", "gzip"), ("br", None),
                           ("gzip;q=0", None), ("identity, gzip;q=0.2", None), ("", None),
                           ("GZIP", "gzip"), ("*", None)):
        a = c.get("/v1/default/packed", query={"limit": "50"}, Accept_Encoding=wanted)
        check(a.status == 200 and a.headers["Content-Encoding"] == coding, f"wanted: {wanted}",
              a.headers)
    a = c.get("/v1/default/packed/z00001", Accept_Encoding="gzip")
    check(a.headers["Content-Encoding"] is None, "what is short is not packed", a.headers)
    a = c.ask("POST", "/v1/default/packed", b"xx", Content_Encoding="br")
    check(a.status == 415 and a.headers["Accept-Encoding"] == "gzip, zstd", "br", a.headers)
    a = c.ask("POST", "/v1/default/packed", b"xx", Content_Encoding="gzip, gzip")
    check(a.status == 415, "packed twice", a.body)
    for what, body in (("no gzip", b"xx"), ("half of one", gzip.compress(lines[:5000])[:-9]),
                       ("more behind it", gzip.compress(b'{"a": 1}') + b"more")):
        a = c.ask("POST", "/v1/default/packed", body, Content_Encoding="gzip")
        check(a.status == 400 and "no " in a.json["detail"], what, a.body)
        c.close()
    a = c.ask("POST", "/v1/default/packed", gzip.compress(b"[" + b" " * 60000000 + b"]"),
              Content_Encoding="gzip")
    check(a.status == 413, "60 MB in 60 KB", a.body)
    c.close()
    long = json.dumps({"$id": "long", "t": "x" * 9000000}) + "\n"
    a = c.ask("POST", "/v1/default/long", long + '{"a": 1}\n', Content_Type=LINES)
    check(a.status == 201 and a.json["insertedCount"] == 2, "a line of 9 MB", a.body)
    for accept, status, kind in (("text/html", 406, None), ("text/html, */*;q=0.1", 200, "json"),
                                 ("application/*", 200, "json"), (LINES, 200, "ndjson"),
                                 (LINES + ";q=0.5, application/json", 200, "json"),
                                 ("application/json;q=0.5, " + LINES, 200, "ndjson"),
                                 ("application/json;q=0", 406, None)):
        a = c.get("/v1/default/packed", query={"limit": "1"}, Accept=accept)
        check(a.status == status and (kind is None or kind in a.headers["Content-Type"]),
              f"Accept: {accept}", (a.status, a.headers["Content-Type"]))
    seen, after = [], ""
    while True:
        a = c.get("/v1/default/packed", query={"after": after, "limit": "7000", "project": "i",
                                               "filter": {"i": {"$gte": 9}}}, Accept=LINES)
        if not a.lines:
            break
        seen += [x["i"] for x in a.lines]
        after = a.lines[-1]["$id"]
    check(seen == list(range(9, 30000)), "lines in ranges, by the last id", len(seen))
    a = c.get("/v1/default/packed", query={"after": "z29998"})
    check([x["i"] for x in a.json["items"]] == [29999] and a.headers["Link"] is None,
          "after a local id", a.body)
    check(c.get("/v1/default/packed", query={"after": "x", "sort": "i"}).status == 400,
          "after goes by ids alone")


def test_lists(c):
    a = c.ask("POST", "/v1/default/nums", [{"$id": f"n{i:04}", "i": i} for i in range(250)])
    check(a.status == 201 and a.json["insertedCount"] == 250, "POST of an array", a.body[:200])
    a = c.ask("POST", "/v1/default/nums", {"$id": "extra", "i": -1})
    check(a.status == 201 and a.headers["Location"] == "/v1/default/nums/extra", "POST of one",
          a.body)
    a = c.ask("POST", "/v1/default/nums", {"$id": "extra"})
    check(a.status == 409 and a.json["code"] == "ALREADY_EXISTS", "POST twice", a.body)
    a = c.get("/v1/default/nums", query={"filter": {"i": {"$gte": 240}}, "sort": "-i", "limit": "3",
                                         "project": "i"})
    check([x["i"] for x in a.json["items"]] == [249, 248, 247], "filter, sort, limit", a.body)
    seen, path, pages = [], "/v1/default/nums?project=i", 0
    while path is not None:
        a = c.get(path)
        seen += [x["i"] for x in a.json["items"]]
        link = a.headers["Link"]
        check((link is not None) == a.json["summary"]["hasMore"], "Link", link)
        path = re.match(r'<(.*)>; rel="next"', link).group(1) if link else None
        pages += 1
    check(sorted(seen) == list(range(-1, 250)) and pages == 3, "pages by Link", (len(seen), pages))
    a = c.get("/v1/default/nums", Accept=LINES)
    check(a.headers["Content-Type"] == LINES and len(a.lines) == 251, "lines have all", len(a.body))
    a = c.get("/v1/default/nums", query={"total": "true", "limit": "1"})
    check(a.json["summary"]["total"] == 251, "total", a.body)
    a = c.get("/v1/default/nums", query={"filter": {"i": 5}, "json": "canonical"})
    check(a.json["items"][0]["i"] == {"$numberInt": "5"}, "canonical", a.body)
    a = c.get("/v1/default/nums", query={"explain": "plan"})
    check(a.status == 200 and len(a.json["items"]) == 1, "explain", a.body)
    a = c.get("/v1/default")
    check({"name": "nums", "count": 251} in a.json["items"], "collections", a.body)
    seq = c.get("/readyz").json["seq"]
    c.ask("DELETE", "/v1/default/nums/extra")
    a = c.get("/v1/default/nums", query={"asOf": f"seq:{seq}", "limit": "0"})
    check(len(a.json["items"]) == 251, "asOf", len(a.json.get("items", [])))
    a = c.get("/v1/other/nums")
    check(a.json["items"] == [], "another namespace", a.body)


def test_graph(c):
    for name in ("ann", "bob", "cat"):
        c.ask("PUT", f"/v1/default/people/{name}", {"name": name})
    link = [{"from": "people/ann", "predicate": "knows", "to": f"people/{x}"}
            for x in ("bob", "cat")]
    a = c.ask("POST", "/v1/run", {"link": link})
    check(a.json["summary"]["linkedCount"] == 2, "link", a.body)
    a = c.get("/v1/default/people/ann/related/knows", query={"project": "name"})
    check([x["name"] for x in a.json["items"]] == ["bob", "cat"], "related", a.body)
    a = c.get("/v1/default/people/bob/related", query={"direction": "reverse", "edges": "1"})
    check(a.json["items"][0]["from"] == "people/ann", "related, all, reverse", a.body)
    a = c.get("/v1/default/people/ann", query={"populate": "knows", "maxInbound": "5"})
    check([x["$id"] for x in a.json["knows"]] == ["people/bob", "people/cat"], "populate", a.body)
    c.ask("PATCH", "/v1/default/people/ann", {"$set": {"age": 5}}, query={"actor": "me",
                                                                          "metadata": {"why": 1}})
    a = c.get("/v1/default/people/ann/history", query={"limit": "0"})
    last = a.json["items"][-1]
    check(last["op"] == "UPDATE" and last["actor"] == "me" and last["metadata"] == {"why": 1},
          "history", a.body)


# ---- commands ----

def test_run(c):
    a = c.ask("POST", "/v1/default/run", {"count": "nums"})
    check(a.status == 200 and a.json["summary"]["count"] == 250, "run", a.body)
    a = c.ask("POST", "/v1/run", [{"count": "nums"}, {"find": "nums", "limit": 2}])
    check(len(a.json) == 2 and len(a.json[1]["items"]) == 2, "an array of commands", a.body)
    a = c.ask("POST", "/v1/run", [{"count": "nums"}, {"nope": 1}, {"count": "nums"}])
    check(len(a.json) == 2 and a.json[1]["error"]["status"] == 400, "it ends at a failure", a.body)
    a = c.ask("POST", "/v1/run", {"nope": 1})
    check(a.status == 400 and "unknown command" in a.json["detail"], "an unknown command", a.body)
    body = '{"find": "nums", "limit": 2}\n\n{"count": "nums"}\n{"nope": 1}'
    a = c.ask("POST", "/v1/run", body, Content_Type=LINES)
    check([list(x)[0] for x in a.lines] == ["item", "item", "summary", "summary", "error"],
          "lines of commands", a.body)
    body = "".join(json.dumps({"from": "people/bob", "predicate": "likes", "to": f"nums/n{i:04}"}) +
                   "\n" for i in range(50))
    a = c.ask("POST", "/v1/run", body, query={"command": {"link": []}}, Content_Type=LINES)
    check(a.json["summary"]["linkedCount"] == 50, "a payload", a.body)
    a = c.ask("POST", "/v1/run", body + "{nope\n", query={"command": {"link": []}},
              Content_Type=LINES)
    check(a.status == 400 and "line 51" in a.json["detail"], "a payload's line", a.body)
    a = c.ask("POST", "/v1/run", {"begin": 1})
    txn = a.json["summary"]["txn"]
    c.ask("POST", "/v1/run", {"insert": "nums", "documents": [{"$id": "t"}], "txn": txn})
    check(c.get("/v1/default/nums/t").status == 404, "a transaction hides")
    c.ask("POST", "/v1/run", {"commit": txn})
    check(c.get("/v1/default/nums/t").status == 200, "and shows")


def test_streams(c, server):
    def documents(count):
        for i in range(count):
            yield (json.dumps({"$id": f"b{i}", "i": i, "text": "x" * 900}) + "\n").encode()
    a = c.ask("POST", "/v1/default/big", documents(20000), Content_Type=LINES)
    check(a.status == 201 and a.json["insertedCount"] == 20000 and a.json["batches"] > 3,
          "18 MB of lines in chunks", a.body[:300])
    a = c.get("/v1/default/big", Accept=LINES)
    check(len(a.lines) == 20000, "18 MB of lines out", len(a.body))
    a = c.get("/v1/default/big", query={"limit": "0"})
    check(len(a.json["items"]) == 20000 and a.json["summary"]["n"] == 20000, "18 MB of JSON out")
    body = b"".join(documents(6000)) + b"{broken\n" + b"".join(documents(6000))
    a = c.ask("POST", "/v1/default/broken", body, Content_Type=LINES)
    check(a.status == 400 and "line 6001" in a.json["detail"] and "stored before" in
          a.json["detail"], "a broken line far inside", a.body)
    check(c.get("/healthz").status == 200, "the connection goes on")
    # A client that does not read: nobody's memory is filled, and others are served.
    slow = socket.create_connection(("127.0.0.1", server.port))
    slow.sendall(f"GET /v1/default/big?limit=0 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    time.sleep(0.3)
    check(c.get("/v1/default/posts/p1").status == 200, "others beside a slow reader")
    got = b""
    while not got.endswith(b"0\r\n\r\n"):
        part = slow.recv(1 << 16)
        if part == b"":
            break
        got += part
    check(got.endswith(b"0\r\n\r\n") and len(got) > 18e6, "the slow reader gets all", len(got))
    slow.close()
    gone = socket.create_connection(("127.0.0.1", server.port))
    gone.sendall(b"GET /v1/default/big?limit=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    gone.recv(100)
    gone.close()
    check(c.get("/healthz").status == 200, "a client that goes in the middle")


# ---- events as they happen ----

class Events:
    def __init__(self, server, path, **headers):
        note_call("GET", path)
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers={
            k.replace("_", "-"): v for k, v in headers.items()})
        self.response = urllib.request.urlopen(request, timeout=30)
        self.fields = {}

    def next(self):
        fields = {}
        while True:
            line = self.response.readline().decode()
            if line == "":
                return None
            line = line.rstrip("\n")
            if line == "" and fields:
                return fields
            if line == "" or line.startswith(":"):
                continue
            name, value = line.split(": ", 1)
            fields[name] = value

    def close(self):
        self.response.close()


def test_events(c, server):
    e = Events(server, "/v1/default/changes?collection=live")
    check(e.response.headers["Content-Type"] == "text/event-stream", "events: type")
    threading.Timer(0.3, lambda: Client(server).ask("PUT", "/v1/default/live/a", {"x": 1})).start()
    first = e.next()
    data = json.loads(first["data"])
    check(data["entityId"] == "live/a" and data["id"] == first["id"], "an event", first)
    e.close()
    for i in range(20):
        c.ask("PATCH", "/v1/default/live/a", {"$inc": {"x": 1}})
        c.ask("PUT", f"/v1/default/noise/{i}", {"x": 1})
    e = Events(server, "/v1/default/changes?collection=live", Last_Event_ID=first["id"])
    got = [json.loads(e.next()["data"])["after"]["x"] for _ in range(20)]
    check(got == list(range(2, 22)), "Last-Event-ID: each once, in order", got)
    e.close()
    e = Events(server, "/v1/default/changes?after=seq:0&filter=" +
               urllib.parse.quote(json.dumps({"entityId": "noise/3"})))
    check(json.loads(e.next()["data"])["entityId"] == "noise/3", "a filter")
    e.close()
    try:
        Events(server, "/v1/default/changes?after=nonsense")
        check(False, "a place that is none")
    except urllib.error.HTTPError as error:
        check(error.code == 400, "a place that is none", error.code)
    many = [Events(server, "/v1/default/changes?collection=many") for _ in range(40)]
    c.ask("PUT", "/v1/default/many/a", {"x": 1})
    check(all(json.loads(e.next()["data"])["entityId"] == "many/a" for e in many), "40 listeners")
    text = c.get("/metrics").body.decode()
    check("parquedb_feeds 40" in text, "they are counted",
          [x for x in text.split("\n") if "feeds" in x])
    for e in many:
        e.close()


# ---- what is refused ----

def raw(server, data, is_whole=True):
    """What comes back for these bytes, until the end of the connection."""
    s = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    s.sendall(data)
    if is_whole:
        s.shutdown(socket.SHUT_WR)
    got = b""
    try:
        while True:
            part = s.recv(1 << 16)
            if part == b"":
                break
            got += part
    except (ConnectionResetError, socket.timeout):
        pass
    s.close()
    return got


def statuses(data):
    return [int(x) for x in re.findall(rb"HTTP/1\.1 (\d+) ", data)]


def test_refused(c, server):
    cases = [
        (b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n"
         b"\r\n", [400], "Content-Length and chunks"),
        (b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n"
         b"\r\n{}", [400], "two lengths"),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", [400],
         "a folded field"),
        (b"GET /healthz HTTP/1.1\nHost: localhost\n\n", [400], "bare LF"),
        (b"GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n", [400], "white space before a colon"),
        (b"GET /healthz HTTP/1.1\r\n\r\n", [400], "no Host"),
        (b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n", [505], "HTTP/2"),
        (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", [414], "a long URL"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40000 + b"\r\n\r\n", [431],
         "long fields"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 200 + b"\r\n", [431],
         "many fields"),
        (b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", [501],
         "another coding"),
        (b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", [413],
         "a body without end"),
        (b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
         [400], "no chunk"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [], "TLS"),
        (b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", [421], "another Host"),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost:1\r\n"
         b"Origin: http://evil.example\r\n\r\n", [403],
         "another Origin"),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://localhost:1\r\n\r\n", [200],
         "the same Origin"),
        (b"GET /healthz HTTP/1.1\r\nHost: [::1]:1\r\n\r\n", [200], "Host [::1]"),
        (b"GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", [200], "a whole URL"),
        (b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
         b"Content-Length: 17\r\n\r\n{\"count\": \"nums\"}", [100, 200], "Expect"),
        (b"POST /nope HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
         b"Content-Length: 17\r\n\r\n", [404], "Expect of what is not there"),
        (b"POST /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
         b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", [404, 200],
         "a refused body is skipped"),
        (b"GET /healthz HTTP/1.0\r\n\r\n", [200], "HTTP/1.0"),
        (b"GET /v1/default/posts/p1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
         b"GET /nope HTTP/1.1\r\nHost: localhost\r\n\r\n"
         b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
         b"Connection: close\r\n\r\nGET /never HTTP/1.1\r\nHost: localhost\r\n\r\n",
         [200, 404, 200],
         "pipelined, in order, until close")]
    for data, want, what in cases:
        got = raw(server, data, is_whole=False) if want not in ([200], [100, 200], [404, 200]) \
            else raw(server, data)
        check(statuses(got) == want, what, got)
    one = b"GET /v1/default/posts/p1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    s = socket.create_connection(("127.0.0.1", server.port))
    for i in range(len(one)):
        s.sendall(one[i:i + 1])
    check(s.recv(100).startswith(b"HTTP/1.1 200"), "byte by byte")
    s.close()
    a = c.ask("POST", "/v1/default/posts", "{}", Content_Type="text/plain")
    check(a.status == 415, "another type", a.body)
    a = c.ask("POST", "/v1/default/posts", "[1]", Content_Type="application/json")
    check(a.status == 400, "a document that is none", a.body)
    a = c.ask("POST", "/v1/default/posts", "", Content_Type="application/json")
    check(a.status == 400, "nothing", a.body)
    for query, words in ({"filtr": "1"}, "filter"), ({"filter": "{"}, "filter: line 1"), \
            ({"limit": "x"}, "whole number"), ({"sort": "a,,b"}, "empty"), \
            ({"plain": "maybe"}, "true or false"), ({"json": "odd"}, "relaxed"), \
            ({"filter": {"$nope": 1}}, "$nope"):
        a = c.get("/v1/default/posts", query=query)
        check(a.status == 400 and words in a.json["detail"], f"parameter {query}", a.body)
    check(c.get("/v1/default/posts?limit=1&limit=2").status == 400, "a parameter twice")
    check(c.get("/v1/default/posts/%zz").status == 400, "bad encoding")
    check(c.get("/v1/de%20fault/posts").status == 400, "no namespace")
    check(c.get("/v1/%2e%2e/posts").status == 400, "no way out")
    a = c.ask("POST", "/v1/default")
    check(a.status == 405 and a.headers["Allow"] == "GET, HEAD", "405", a.headers)
    a = c.ask("OPTIONS", "/v1/default/posts")
    check(a.status == 204 and "POST" in a.headers["Allow"], "OPTIONS", a.headers)
    check(c.get("/v1/default/posts/p1", query={"budget": {"requests": 0}}).status in (200, 422),
          "a budget")


# ---- WebSocket ----

def websocket(server, **headers):
    key = base64.b64encode(os.urandom(16)).decode()
    fields = {"Host": f"localhost:{server.port}", "Upgrade": "websocket", "Connection": "Upgrade",
              "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13", **headers}
    s = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    s.sendall(("GET /rpc HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items() if v) +
               "\r\n").encode())
    head = b""
    while b"\r\n\r\n" not in head:
        part = s.recv(4096)
        if part == b"":
            break
        head += part
    guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key.encode() + guid).digest())
    return s, head, accept in head


def frame(kind, data, is_masked=True):
    length = bytes([len(data) | (128 if is_masked else 0)]) if len(data) < 126 else \
        bytes([126 | (128 if is_masked else 0)]) + struct.pack(">H", len(data))
    mask = os.urandom(4) if is_masked else b""
    body = bytes(x ^ mask[i % 4] for i, x in enumerate(data)) if is_masked else data
    return bytes([kind]) + length + mask + body


def test_websocket(c, server):
    s, head, is_right = websocket(server)
    note_call("GET", "/rpc")
    note_call("POST", "/rpc")
    if statuses(head) == [501]:
        skip("this server has no RPC")
        return
    check(statuses(head) == [101] and is_right, "the handshake", head)
    s.sendall(frame(0x89, b"hi"))
    check(s.recv(100) == b"\x8a\x02hi", "ping")
    s.sendall(frame(0x88, b"\x03\xe8"))
    check(s.recv(100)[:2] == b"\x88\x02" and s.recv(1) == b"", "close")
    s.close()
    s, head, _ = websocket(server)
    s.sendall(frame(0x81, b"bare", is_masked=False))
    check(s.recv(100)[:1] == b"\x88", "a frame that is not masked")
    s.close()
    for headers, status in ({"Origin": "http://evil.example"}, 403), \
            ({"Sec-WebSocket-Version": "12"}, 426), ({"Upgrade": None}, 426), \
            ({"Sec-WebSocket-Key": "short"}, 400), ({"Host": "evil.example"}, 421):
        s, head, _ = websocket(server, **headers)
        check(statuses(head) == [status], f"a handshake with {headers}", head)
        s.close()


# ---- the description, the numbers ----

def with_peers(text, what, program, packages=PACKAGES):
    """Let a Python that has the packages look at it."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            python = clients.pip(*packages)
    except SystemExit:
        skip(what + ": " + " and ".join(packages) + " cannot be installed")
        return
    done = subprocess.run([python, "-c", program], input=text, capture_output=True, timeout=120)
    check(done.returncode == 0, what, done.stderr.decode()[-500:])


def test_description(c):
    a = c.get("/v1/openapi.json")
    text = a.json
    check(a.status == 200 and text.get("openapi") == "3.1.0", "the description", a.body[:200])
    with_peers(a.body, "the description is valid", """
import json, sys, openapi_spec_validator
openapi_spec_validator.validate(json.load(sys.stdin))""")
    there = {(method, path) for path, item in text["paths"].items() for method in item}
    check(there <= called, "every operation was called", there - called)
    check({path for _, path in there} == {path for path, _ in templates()}, "every path is in it",
          {path for _, path in there} ^ {path for path, _ in templates()})


def test_exchanges(c):
    """Every answer so far is one that the description allows, and what it took, too."""
    text = json.dumps({"spec": c.get("/v1/openapi.json").json, "exchanges": exchanges})
    with_peers(text.encode(), f"{len(exchanges)} exchanges are as described", """
import json, sys, urllib.parse
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from openapi_core.templating.paths.exceptions import PathError
given = json.load(sys.stdin)
kinds = {k: json.loads for k in ("application/merge-patch+json", "application/problem+json")}
kinds.update({k: bytes.decode for k in ("application/x-ndjson", "text/event-stream")})
api = OpenAPI.from_dict(given["spec"], config=Config(extra_media_type_deserializers=kinds))
wrong = []
for e in given["exchanges"]:
    url = urllib.parse.urlsplit(e["url"])
    fields = {k: v for k, v in e["fields"].items() if k.lower() != "authorization"}
    kind = fields.get("Content-Type", "application/json")
    request = MockRequest("http://localhost", e["method"].lower(), url.path,
                          args=dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True)),
                          headers=fields, data=(e["body"] or "").encode() or None,
                          content_type=kind)
    response = MockResponse(e["answer"].encode(), status_code=e["status"],
                            content_type=(e["type"] or "application/json").split(";")[0])
    try:
        if e["status"] not in (404, 405) and e["answer"] != "":  # no lines are no data to it
            api.validate_response(request, response)
        if e["status"] < 300:
            api.validate_request(request)
    except PathError as error:
        wrong.append((e["method"], e["url"], e["status"], "no such path"))
    except Exception as error:
        wrong.append((e["method"], e["url"], e["status"], e["type"], repr(error),
                      repr(error.__cause__)[:300], e["answer"][:100]))
for w in wrong[:8]:
    print(w, file=sys.stderr)
sys.exit(len(wrong) != 0)""", CORE)


def test_metrics(c):
    with_peers(c.get("/metrics").body, "the metrics", """
import sys
from prometheus_client.parser import text_string_to_metric_families
families = {f.name: f for f in text_string_to_metric_families(sys.stdin.read())}
assert families["parquedb_commands"].type == "counter"
found = {s.labels["outcome"]: s.value for s in families["parquedb_commands"].samples
         if s.labels["command"] == "find"}
assert found["ok"] > 5 and found["INVALID_FILTER"] > 0, found
times = families["parquedb_command_seconds"]
of_find = [s for s in times.samples if s.labels.get("command") == "find"]
buckets = [s.value for s in of_find if s.name.endswith("_bucket")]
total = [s.value for s in of_find if s.name.endswith("_count")]
assert times.type == "histogram" and buckets == sorted(buckets) and buckets[-1] == total[0]
routes = {s.labels["route"]: s.value for s in families["parquedb_http_requests"].samples
          if s.labels["outcome"] == "ok"}
assert routes["find"] > 10 and routes["insert"] > 5 and routes["none"] > 5, routes
assert {s.labels["route"] for s in families["parquedb_http_request_seconds"].samples} <= set(routes)
states = {s.labels["state"] for s in families["parquedb_transactions"].samples}
assert states == {"started", "committed", "aborted"}
for name in ("engine_passes", "engine_jobs", "transactions_open", "memory_bytes", "cursors",
             "sessions", "mongodb_commands", "mongodb_command_seconds", "connections", "bytes_in",
             "seq", "tail_bytes", "memory_max_bytes"):
    assert "parquedb_" + name in families, name""")


# ---- logins ----

def user(folder, *words, password=None):
    return subprocess.run([PROGRAM, "-w", folder, "user", *words], input=password, text=True,
                          capture_output=True)


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def send_until_answered(server, head, most):
    """How many bytes of a body were sent until the answer came, and the answer."""
    s = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    s.sendall(head)
    sent, got, piece = 0, b"", b"x" * 65536
    while sent < most and not select.select([s], [], [], 0.001)[0]:
        try:
            s.sendall(piece)
        except OSError:
            break
        sent += len(piece)
    try:
        while b"\r\n\r\n" not in got:
            part = s.recv(65536)
            if part == b"":
                break
            got += part
    except OSError:
        pass
    s.close()
    return sent, got


def test_strangers(server, reader, writer):
    """Who may not write is told so before he has sent what he would write."""
    def head(fields, path="/v1/default/big", length=40000000):
        size = f"Content-Length: {length}" if length else "Transfer-Encoding: chunked"
        return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {LINES}\r\n"
                f"{size}\r\n{fields}\r\n").encode()
    for what, fields, status in (("nobody", "", 401), ("a reader", reader, 403),
                                 ("a wrong password", basic("ann", "no"), 401)):
        fields = f"Authorization: {fields}\r\n" if fields else ""
        sent, got = send_until_answered(server, head(fields), 40000000)
        check(statuses(got) == [status] and sent < 20e6, f"{what} is not heard out", (sent, got))
        check((b"WWW-Authenticate" in got) == (status == 401), f"{what}: how to log in", got)
        s = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        s.sendall(head(fields + "Expect: 100-continue\r\n", length=20))
        check(statuses(s.recv(1000)) == [status], f"{what} is not told to go on")
        s.close()
    for path in ("/v1/run", "/rpc"):
        sent, got = send_until_answered(server, head("", path), 40000000)
        check(statuses(got) == [401] and sent < 20e6, f"nobody at {path}", (sent, got))
    s = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    s.sendall(head(f"Authorization: {writer}\r\nExpect: 100-continue\r\n", length=0))
    check(statuses(s.recv(1000)) == [100], "a writer is told to go on")
    s.sendall(b"9\r\n{\"a\": 1}\n\r\n0\r\n\r\n")
    check(statuses(s.recv(1000)) == [201], "and his chunks are taken")
    s.close()


def test_access(folder):
    user(folder, "add", "ann", "readWrite@default", password="a long secret\n")
    user(folder, "add", "rob", "read@default", password="another secret\n")
    done = user(folder, "token", "ann")
    token = re.search(r"pqt_\S+", done.stdout)
    server = Server(folder)
    c = Client(server)
    a = c.get("/v1/default/posts")
    check(a.status == 401 and "Basic" in a.headers["WWW-Authenticate"], "nobody", a.body)
    check(c.get("/healthz").status == 200 and c.get("/readyz").status == 200, "health is open")
    check(c.get("/metrics").status == 401, "metrics are not")
    ann = Client(server, Authorization=basic("ann", "a long secret"))
    rob = Client(server, Authorization=basic("rob", "another secret"))
    a = ann.ask("PUT", "/v1/default/posts/x", {"a": 1}, query={"actor": "liar"})
    check(a.status == 201 and "ann" in a.json["createdBy"], "who wrote it", a.body)
    a = ann.ask("POST", "/v1/run", {"insert": "posts", "documents": [{"$id": "y"}],
                                    "actor": "liar"})
    a = ann.get("/v1/default/posts/y")
    check("ann" in a.json["createdBy"], "who ran it", a.body)
    check(rob.get("/v1/default/posts/x").status == 200, "a reader reads")
    a = rob.ask("PUT", "/v1/default/posts/x", {"a": 2})
    check(a.status == 403, "a reader does not write", a.body)
    check(ann.get("/v1/other/posts").status == 403, "nor one elsewhere")
    begun = time.time()
    wrong = Client(server, Authorization=basic("ann", "wrong"))
    check(wrong.get("/v1/default/posts").status == 401,
          "a wrong password")
    check(time.time() - begun > 0.05, "is answered slowly", time.time() - begun)
    check(Client(server, Authorization="Digest x").get("/v1/default/posts").status in (401, 501),
          "another scheme")
    if token is None:
        check(False, "a token", done.stdout + done.stderr)
    else:
        a = Client(server, Authorization="Bearer " + token.group(0)).get("/v1/default/posts/x")
        check(a.status == 200, "a token", a.body)
    a = Client(server, Authorization="Bearer pqt_wrong").get("/v1/default/posts/x")
    check(a.status == 401, "a wrong token", a.body)
    a = Client(server, Host="db.example", Authorization=basic("ann", "a long secret")).get(
        "/v1/default/posts/x")
    check(a.status == 200, "with logins any Host will do", a.body)
    test_strangers(server, basic("rob", "another secret"), basic("ann", "a long secret"))
    try:
        Events(server, "/v1/default/changes")
        check(False, "events for nobody")
    except urllib.error.HTTPError as error:
        check(error.code == 401, "events for nobody", error.code)
    server.end("with users: the end")


def test_origins(folder):
    server = Server(folder, "--http-origin", "https://a.example,http://b.example")
    c = Client(server)
    a = c.get("/healthz", Origin="https://a.example")
    check(a.headers["Access-Control-Allow-Origin"] == "https://a.example", "an allowed origin")
    a = c.ask("OPTIONS", "/v1/default/posts/x", Origin="http://b.example",
              Access_Control_Request_Method="PUT")
    check(a.status == 204 and "PUT" in a.headers["Access-Control-Allow-Methods"], "preflight",
          a.headers)
    check(c.get("/healthz", Origin="https://c.example").status == 403, "another origin")
    server.end("with origins: the end")


def main():
    folder = os.path.join(sys.argv[1], "w")
    server = Server(folder)
    c = Client(server)
    check(c.get("/healthz").json == {"status": "alive"}, "health")
    check(c.get("/readyz").json["status"] == "ready", "ready")
    test_entities(c)
    test_merge_patch(c)
    test_lists(c)
    test_packed(c)
    test_graph(c)
    test_run(c)
    test_streams(c, server)
    test_events(c, server)
    test_refused(c, server)
    test_websocket(c, server)
    test_description(c)
    test_exchanges(c)
    test_metrics(c)
    waiting = Events(server, "/v1/default/changes")
    server.end("the end")
    check(waiting.next() is None, "it ends feeds, too")
    test_origins(os.path.join(sys.argv[1], "o"))
    test_access(os.path.join(sys.argv[1], "u"))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return failed != 0


sys.exit(main())
