#!/usr/bin/env python3
"""./bench graph: Ladybug's or DuckDB's side as a process that stays.

    bench_graph_peers.py ladybug|duckdb FOLDER NODES EDGES [read]

Jobs and replies are those of bench_graph.c; the files that `bench_graph data` wrote are loaded. Of
several ways to ask each question the fastest stands here.
"""
import glob
import os
import statistics
import sys
import time
import warnings

ITERATIONS = 20
MASK = (1 << 64) - 1


def mix(seed, i):
    """bench_mix of bench_seeded.h"""
    x = ((i + 1) * 0x9e3779b97f4a7c15 ^ seed * 0xbf58476d1ce4e5b9) & MASK
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & MASK
    x = (x ^ x >> 27) * 0x94d049bb133111eb & MASK
    return x ^ x >> 31


class Side:
    def __init__(self, folder, nodes):
        self.folder, self.nodes = folder, nodes

    def csv(self, name):
        return f"'{os.path.join(self.folder, name)}.csv'"

    def median(self, ask, count, seed):
        took, total = [], 0
        for i in range(count):
            a, b = mix(seed, i) % self.nodes + 1, mix(seed + 1, i) % self.nodes + 1
            start = time.perf_counter()
            total += ask(a, b) or 0
            took.append(time.perf_counter() - start)
        return statistics.median(took), total

    def run(self, job, *arguments):
        """(seconds, answer)"""
        if job == "hops":
            k, count, seed, _ = arguments
            return self.median(lambda a, _: self.hops(k, a), count, seed)
        if job == "path":
            return self.median(self.path, *arguments)
        start = time.perf_counter()
        answer = {"load": self.load, "triangles": self.triangles, "pagerank": self.page_rank,
                  "bytes": self.bytes}[job](*arguments)
        return time.perf_counter() - start, answer or 0

    def bytes(self, part):
        return sum(map(os.path.getsize, glob.glob(self.file + "*"))) if part == 0 else 0


class Ladybug(Side):
    """Cypher. A walk of joins is faster than a recursive one; with a hint a cycle is made by
    intersection. PageRank is in an extension that would be downloaded: here it is updates."""
    HOPS = ["MATCH (a:people {id: $a})-[:knows]->(b) RETURN count(b)",
            "MATCH (a:people {id: $a})-[:knows]->()-[:knows]->(b) RETURN count(DISTINCT id(b))",
            "MATCH (a:people {id: $a})-[:knows]->()-[:knows]->()-[:knows]->(b) "
            "RETURN count(DISTINCT id(b))"]
    PATH = ("MATCH (a:people {id: $a})-[e:knows* SHORTEST 1..30]->(b:people {id: $b}) "
            "RETURN length(e)")
    TRIANGLES = ["MATCH (a:people)-[:knows]->(b:people)-[:knows]->(c:people), (a)-[:knows]->(c) "
                 "RETURN count(*)",
                 "MATCH (a:people)-[e:knows]->(b:people)-[f:knows]->(c:people)-[g:knows]->(a) "
                 "HINT (((a JOIN e) JOIN b) MULTI_JOIN f MULTI_JOIN g) JOIN c RETURN count(*)"]

    def __init__(self, folder, nodes, is_reader):
        import ladybug
        super().__init__(folder, nodes)
        self.file = os.path.join(folder, "graph.lbug")
        self.db = ladybug.Database(self.file, read_only=is_reader)
        self.c = ladybug.Connection(self.db)
        self.prepared = {}

    def ask(self, text, **parameters):
        if text not in self.prepared:
            self.prepared[text] = self.c.prepare(text)
        r = self.c.execute(self.prepared[text], parameters)
        return r.get_next()[0] if r.has_next() else 0

    def load(self):
        run = self.c.execute
        run("CREATE NODE TABLE people(id INT64, name STRING, city STRING, age INT64, "
            "PRIMARY KEY(id))")
        run("CREATE REL TABLE knows(FROM people TO people)")
        run(f"COPY people FROM {self.csv('people')} (header=false)")
        run(f"COPY knows FROM {self.csv('knows')} (header=false)")
        run("CHECKPOINT")

    def hops(self, k, a):
        return self.ask(self.HOPS[k - 1], a=a)

    def path(self, a, b):
        return self.ask(self.PATH, a=a, b=b)

    def triangles(self):
        one_way, round_trip = (self.ask(text) for text in self.TRIANGLES)
        return one_way + round_trip // 3  # of a round trip each of three begins

    def page_rank(self):
        run = self.c.execute
        lost = "MATCH (a:people) WHERE a.given = 0 AND a.got > 0 RETURN sum(a.rank)"
        run("ALTER TABLE people ADD rank DOUBLE DEFAULT 0.0")
        run("ALTER TABLE people ADD given DOUBLE DEFAULT 0.0")
        run("ALTER TABLE people ADD got DOUBLE DEFAULT 0.0")
        run("MATCH (a:people)-[:knows]->() WITH a, count(*) AS n SET a.given = n")
        run("MATCH ()-[:knows]->(a:people) WITH a, count(*) AS n SET a.got = n")
        count = self.ask("MATCH (a:people) WHERE a.given + a.got > 0 RETURN count(*)")
        run(f"MATCH (a:people) WHERE a.given + a.got > 0 SET a.rank = {1 / count}")
        for _ in range(ITERATIONS):
            base = (0.15 + 0.85 * (self.ask(lost) or 0)) / count
            self.ask("MATCH (a:people)<-[:knows]-(b:people) WITH a, sum(b.rank / b.given) AS s "
                     "SET a.rank = $base + 0.85 * s", base=base)
            self.ask("MATCH (a:people) WHERE a.got = 0 AND a.given > 0 SET a.rank = $base",
                     base=base)
        return self.ask("MATCH (a:people) RETURN a.id ORDER BY a.rank DESC, a.id LIMIT 1")


class DuckDB(Side):
    """SQL over a table of edges in each order; a hop scans what zone maps and the index leave."""
    HOPS = ["select count(*) from edges where src = ?",
            "select count(distinct dst) from edges where src in "
            "(select dst from edges where src = ?)",
            "select count(distinct dst) from edges where src in (select dst from edges where "
            "src in (select dst from edges where src = ?))"]
    PATH = ("with recursive bfs (node, depth) using key (node) as (select $a::integer, 0 union "
            "select e.dst, min(b.depth) + 1 from bfs b join edges e on e.src = b.node "
            "left join recurring.bfs r on r.node = e.dst where r.node is null and not exists "
            "(select 1 from recurring.bfs where node = $b) group by e.dst) "
            "select depth from bfs where node = $b")
    PAIRS = ("create or replace temp table pair as with degree as (select node, count(*) n from "
             "(select src node from edges union all select dst from edges) group by node), "
             "place as (select node, row_number() over (order by n, node)::integer as place "
             "from degree) "
             "select least(x.place, y.place) a, greatest(x.place, y.place) b from edges "
             "join place x on x.node = src join place y on y.node = dst")

    def __init__(self, folder, nodes, is_reader):
        import duckdb
        super().__init__(folder, nodes)
        self.file = os.path.join(folder, "graph.duckdb")
        self.c = duckdb.connect(self.file, read_only=is_reader)

    def ask(self, text, parameters=None):
        row = self.c.execute(text, parameters).fetchone()
        return row[0] if row else 0

    def load(self):
        run = self.c.execute
        run("create table nodes (id integer primary key, name text, city text, age integer)")
        run(f"copy nodes from {self.csv('people')} (header false)")
        run("create temp table raw (src integer, dst integer)")
        run(f"copy raw from {self.csv('knows')} (header false)")
        run("create table edges as select src, dst from raw order by src, dst")
        run("create table reverse_edges as select dst, src from raw order by dst, src")
        run("drop table raw")
        run("create index forward_index on edges (src)")
        run("create index reverse_index on reverse_edges (dst)")
        run("checkpoint")

    def hops(self, k, a):
        return self.ask(self.HOPS[k - 1], [a])

    def path(self, a, b):
        return self.ask(self.PATH, {"a": a, "b": b})

    def triangles(self):
        self.c.execute(self.PAIRS)
        return self.ask("select count(*) from pair p join pair q on q.a = p.a and q.b > p.b "
                        "join pair r on r.a = p.b and r.b = q.b")

    def page_rank(self):
        run = self.c.execute
        run("create or replace temp table rank as with nodes as (select src node from edges union "
            "select dst from edges), degree as (select src node, count(*) n from edges group by "
            "src) select node, 1.0::double / (select count(*) from nodes) as value, n from nodes "
            "left join degree using (node)")
        count = self.ask("select count(*) from rank")
        for _ in range(ITERATIONS):
            lost = self.ask("select coalesce(sum(value), 0) from rank where n is null")
            base = (0.15 + 0.85 * lost) / count
            run(f"create or replace temp table next as select k.node, {base}::double + "
                "0.85 * coalesce(s.given, 0) as value, k.n from rank k left join "
                "(select dst, sum(value / n) as given from edges join rank on node = src "
                "group by dst) s on s.dst = k.node")
            run("create or replace temp table rank as from next")
        return self.ask("select node from rank order by value desc, node limit 1")


def main():
    warnings.simplefilter("ignore")  # of an interface that prepares
    side, folder, nodes = sys.argv[1], sys.argv[2], int(sys.argv[3])
    start = time.perf_counter()
    db = {"ladybug": Ladybug, "duckdb": DuckDB}[side](folder, nodes, len(sys.argv) > 5)
    print(f"ok {time.perf_counter() - start:.9f} 0", flush=True)
    for line in sys.stdin:
        job, *arguments = line.split()
        try:
            took, answer = db.run(job, *map(int, arguments))
        except Exception as e:  # whatever the peer throws
            print("error", str(e).replace("\n", " ")[:300], flush=True)
            return
        print(f"ok {took:.9f} {answer}", flush=True)


if __name__ == "__main__":
    main()
