#!/usr/bin/env python3
"""pyarrow reads the segment of a forward file, and a second implementation of its bits, written
from doc/formats/adjacency.md alone, finds the edges that the file has, in its order.

usage: segments.py SCRATCH-FOLDER        (PARQUEDB names the program)
"""
import glob
import json
import os
import random
import subprocess
import sys

import pyarrow.parquet

PROGRAM = os.environ["PARQUEDB"]
NODES = 400
EDGES = 6000
results = {"passed": 0, "failed": 0}


def check(what, is_right):
    results["passed" if is_right else "failed"] += 1
    if not is_right:
        print(f"FAIL {what}")


def parquedb(*args, stdin=None):
    done = subprocess.run([PROGRAM, *args], input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"parquedb {' '.join(args)[:80]}: status {done.returncode}: {done.stderr}")
    return done.stdout


class Bits:
    def __init__(self, value):
        self.number, self.left = int.from_bytes(value, "little"), len(value) * 8

    def low(self, count):
        bits = self.number & ((1 << count) - 1)
        self.number >>= count
        self.left -= count
        return bits

    def unary(self):
        n = 0
        while self.left > 0 and self.low(1) == 0:
            n += 1
        return n

    def gamma(self):
        b = self.unary()
        return 1 << b | self.low(b)

    def rice(self, k):
        q = self.unary()
        return self.low(32) if q == 20 else q << k | self.low(k)


def runs(value, node_count, predicate_count):
    """(predicate, far ends) of a node."""
    bits = Bits(value)
    for _ in range(bits.gamma() if value else 0):
        predicate = bits.low((predicate_count - 1).bit_length())
        count, z = bits.gamma(), bits.gamma()
        k = (node_count // count).bit_length() - 1 + (z // 2 if z % 2 else -(z // 2))
        ends, first = [], 0
        for _ in range(count):
            ends.append(first + bits.rice(k))
            first = ends[-1] + 1
        yield predicate, ends
    check("rest of the bits", bits.left < 8 and bits.number == 0)


def edges_of(path):
    file = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)
    keys = file.metadata.metadata
    note = json.loads(keys[b"parquedb.adjacency"])
    rows = file.read()
    ids, names = rows["id"].to_pylist(), note["predicates"]
    check("kind", keys[b"parquedb.kind"] == b"adjacency 1")
    check("ids", ids == sorted(ids) and len(set(ids)) == len(ids))
    edges = [(ids[node], names[predicate], ids[end])
             for node, value in enumerate(rows["edges"].to_pylist())
             for predicate, ends in runs(value, len(ids), len(names)) for end in ends]
    check("count", len(edges) == note["edges"])
    check("data", note["hasData"] is False)
    check("doubts", not any(rows["doubt"].to_pylist()))
    return edges


def compare(what):
    segments = glob.glob("default/indexes/adjacency/*.parquet")
    check(f"{what}: a segment", len(segments) > 0)
    for path in segments:
        rows = pyarrow.parquet.read_table(f"default/rels/forward/{os.path.basename(path)}",
                                          columns=["from_id", "predicate", "to_id"]).to_pydict()
        check(f"{what}: edges", edges_of(path) == list(zip(*rows.values())))


def main():
    rng = random.Random(3)
    os.chdir(sys.argv[1])
    os.environ["PARQUEDB_WAREHOUSE"] = os.path.join(os.getcwd(), "segments")
    people = "".join(f'{{"$id": "p{i}"}}\n' for i in range(NODES))
    parquedb("import", "people", "-", stdin=people)
    os.chdir("segments")
    edges = [{"from": f"people/p{int(NODES * rng.random() ** 3)}",
              "predicate": rng.choice(["knows", "likes", "sees"]),
              "to": f"people/p{rng.randrange(NODES)}"} for _ in range(EDGES)]
    for i in range(0, EDGES, 1000):
        parquedb("run", json.dumps({"link": edges[i:i + 1000]}))
    parquedb("flush")
    compare("flush")
    parquedb("run", json.dumps({"unlink": edges[:200]}))
    parquedb("run", json.dumps({"compact": ""}))
    compare("compaction")
    check("verify", '"problems":0' in parquedb("run", '{"verify": 1}').replace(" ", ""))
    print(f"{results['passed']} passed, {results['failed']} failed")
    return 1 if results["failed"] else 0


sys.exit(main())
