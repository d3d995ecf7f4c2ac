#!/usr/bin/env python3
"""The nine counts of LSQB (Labelled Subgraph Query Benchmark, Linked Data Benchmark Council) at
scale factor 0.003, through `parquedb match`.

    CSV of a label  ->  import into a collection of that name     Person, Post, Comment …
    CSV of edges    ->  link, the predicate in the middle         Person_knows_Person
    nine patterns   ->  counts, in the tail, flushed, compacted, and of the instant before that

usage: lsqb.py SCRATCH-FOLDER        (PARQUEDB names the program)
The data is not part of the repository: $LSQB, else ../shared/corpora/lsqb beside it; without it
the test says that it is skipped.
"""
import json
import os
import subprocess
import sys
import time

PROGRAM = os.environ["PARQUEDB"]
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = "social-network-sf0.003-projected-fk"
BATCH = 800
results = {"passed": 0, "failed": 0}

# What is asked, in our own words: the patterns are the benchmark's.
QUERIES = [
    (20608, "MATCH (land:Country)<-[:isPartOf]-(town:City)<-[:isLocatedIn]-(who:Person)"
            "<-[:hasMember]-(forum:Forum)-[:containerOf]->(post:Post)<-[:replyOf]-(c:Comment)"
            "-[:hasTag]->(tag:Tag)-[:hasType]->(kind:TagClass) RETURN count(*) AS n"),
    (281, "MATCH (a:Person)-[:knows]-(b:Person), "
          "(a)<-[:hasCreator]-(c:Comment)-[:replyOf]->(p:Post)-[:hasCreator]->(b) "
          "RETURN count(*) AS n"),
    (0, "MATCH (land:Country) "
        "MATCH (a:Person)-[:isLocatedIn]->(x:City)-[:isPartOf]->(land) "
        "MATCH (b:Person)-[:isLocatedIn]->(y:City)-[:isPartOf]->(land) "
        "MATCH (c:Person)-[:isLocatedIn]->(z:City)-[:isPartOf]->(land) "
        "MATCH (a)-[:knows]-(b)-[:knows]-(c)-[:knows]-(a) RETURN count(*) AS n"),
    (3047, "MATCH (t:Tag)<-[:hasTag]-(m:Post|Comment)-[:hasCreator]->(who:Person), "
           "(m)<-[:likes]-(fan:Person), (m)<-[:replyOf]-(c:Comment) RETURN count(*) AS n"),
    (4973, "MATCH (s:Tag)<-[:hasTag]-(m:Post|Comment)<-[:replyOf]-(c:Comment)-[:hasTag]->(t:Tag) "
           "WHERE s <> t RETURN count(*) AS n"),
    (33201, "MATCH (a:Person)-[:knows]-(b:Person)-[:knows]-(c:Person)-[:hasInterest]->(t:Tag) "
            "WHERE a <> c RETURN count(*) AS n"),
    (7188, "MATCH (t:Tag)<-[:hasTag]-(m:Post|Comment)-[:hasCreator]->(who:Person) "
           "OPTIONAL MATCH (m)<-[:likes]-(fan:Person) "
           "OPTIONAL MATCH (m)<-[:replyOf]-(c:Comment) RETURN count(*) AS n"),
    (2436, "MATCH (s:Tag)<-[:hasTag]-(m:Post|Comment)<-[:replyOf]-(c:Comment)-[:hasTag]->(t:Tag) "
           "WHERE NOT (c)-[:hasTag]->(s) AND s <> t RETURN count(*) AS n"),
    (23669, "MATCH (a:Person)-[:knows]-(b:Person)-[:knows]-(c:Person)-[:hasInterest]->(t:Tag) "
            "WHERE NOT (a)-[:knows]-(c) AND a <> c RETURN count(*) AS n"),
]


def parquedb(*args, stdin=None):
    done = subprocess.run([PROGRAM, *args], input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"parquedb {args[0]}: status {done.returncode}: {done.stderr[:500]}")
    return done.stdout


def run(command):
    return [json.loads(line) for line in parquedb("run", json.dumps(command)).splitlines()]


def rows(path):
    with open(path, encoding="utf-8") as lines:
        next(lines)
        return [line.rstrip("\n").split("|") for line in lines]


def load(folder):
    nodes = edges = 0
    names = sorted(name[:-4] for name in os.listdir(folder) if name.endswith(".csv"))
    for name in (n for n in names if "_" not in n):
        ids = [row[0] for row in rows(f"{folder}/{name}.csv")]
        parquedb("import", name, "-", stdin="".join('{"$id": "%s"}\n' % i for i in ids))
        nodes += len(ids)
    for name in (n for n in names if "_" in n):
        source, predicate, target = name.split("_")
        pairs = rows(f"{folder}/{name}.csv")
        edges += len(pairs)
        for i in range(0, len(pairs), BATCH):
            run({"link": [{"from": f"{source}/{a}", "predicate": predicate, "to": f"{target}/{b}"}
                          for a, b in pairs[i:i + BATCH]]})
    return nodes, edges


def check_all(what, **options):
    began = time.monotonic()
    for number, (wanted, text) in enumerate(QUERIES, 1):
        got = run({"match": text, **options})[0].get("n")
        results["passed" if got == wanted else "failed"] += 1
        if got != wanted:
            print(f"FAIL q{number} {what}: got {got}, wanted {wanted}")
            print(json.dumps(run({"match": text, **options, "explain": True})[0], indent=1))
    print(f"  {what}: nine queries, a program each, in {time.monotonic() - began:.2f} s")


def main():
    corpus = os.environ.get("LSQB", os.path.join(ROOT, "../shared/corpora/lsqb"))
    folder = os.path.join(corpus, FOLDER)
    if not os.path.isdir(folder):
        print(f"{folder} is not there: skipped")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    nodes, edges = load(folder)
    print(f"  {nodes} nodes, {edges} edges")
    check_all("as loaded")
    parquedb("flush")
    check_all("flushed", flushed=True)
    seq = run({"match": QUERIES[2][1]})[-1]["seq"]
    run({"link": [{"from": "Tag/0", "predicate": "isLike", "to": "Tag/1"}]})
    check_all("with a tail")
    parquedb("flush")
    parquedb("compact")
    check_all("compacted")
    check_all("as of before", asOf=f"seq:{seq}")
    print(f"{results['passed']} passed, {results['failed']} failed")
    return results["failed"] != 0


if __name__ == "__main__":
    sys.exit(main())
