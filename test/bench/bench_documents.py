#!/usr/bin/env python3
"""./bench documents: ours beside SQLite with JSON and DuckDB on our files, in the same rounds.

    bench_documents.py FOLDER [--posts N] [--rounds N] [--only TEXT]

      import   the same posts (bench_documents_data.c), the same batches, each synced
      rounds   ours, SQLite, DuckDB, ours, ...   each a process that stays; the answers must agree
      table    the minimum of each, the ratio, the aim with a mark: `ok` or `MISSED`
      calls    p50 and p99 of single calls against what is aimed at

SQLite keeps JSON text in a table with a primary key, and gets an expression index for every path
asked for that our files have a column of. DuckDB reads our data files as they lie there, of
documents only the ids. The TypeScript ParqueDB takes part, with few posts, when
PARQUEDB_TYPESCRIPT names a checkout of it with its packages (tsx among them) installed.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time

FEW = 1000  # posts for a side that cannot take more
HERE = os.path.dirname(os.path.abspath(__file__))
# p50 and p99 in ms: what a call may take
CALLS = [("get", "get by id", 5, 20, 500), ("author", "find, index column", 20, 100, 200),
         ("scan", "find by a scan, no column", 100, 500, 20),
         ("count", "count", 50, 200, 100), ("traverse", "traverse two hops", 50, 200, 300),
         ("create", "create", 10, 50, 200), ("update", "update", 15, 75, 200),
         ("delete", "delete", 15, 75, 200), ("bulk", "create 100", 100, 500, 50)]


class Worker:
    """A process that runs jobs, one at a time."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, *job):
        print(*job, file=self.process.stdin, flush=True)
        word, _, rest = self.process.stdout.readline().rstrip("\n").partition(" ")
        if word not in ("ok", "times"):
            sys.exit(f"bench documents: {self.name}: {' '.join(map(str, job))}: {rest or 'died'}")
        return rest.split()

    def run(self, *job):
        """(seconds, answer)"""
        seconds, answer = self.ask(*job)
        return float(seconds), int(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Duck:
    """DuckDB on our data files, in this process, one thread as the others."""

    QUERIES = {
        "author": "SELECT \"$id\" FROM {f} WHERE \"$index_author.id\" = 'u{n}'",
        "range": 'SELECT "$id" FROM {f} WHERE "$index_likes" >= {n} AND "$index_likes" < {m}',
        "page": "SELECT \"$id\" FROM {f} WHERE \"$index_lang\" = 'fr' "
                'ORDER BY "$index_likes" DESC LIMIT 20',
        "hot": 'SELECT "$index_lang", count(*), sum("$index_likes") FROM {f} GROUP BY 1',
        "count": "SELECT count(*) FROM {f} WHERE \"$index_lang\" = 'de'",
        "all": "SELECT count(*) FROM {f}",
        "extremes": 'SELECT min("$index_likes"), max("$index_likes") FROM {f}',
        "absent": "SELECT \"$id\" FROM {f} WHERE \"$index_author.id\" = 'nobody'"}

    def __init__(self, program, folder):
        import duckdb
        self.name = "DuckDB " + duckdb.__version__
        self.con = duckdb.connect()
        self.con.execute("SET threads=1")
        self.con.execute("SET parquet_metadata_cache=true")
        house = os.path.join(folder, "warehouse")  # has those that a compaction replaced, too
        listed = subprocess.run([program, "run", "--warehouse", house, '{"files": "posts"}'],
                                stdout=subprocess.PIPE, text=True, check=True)
        paths = [json.loads(line).get("path") for line in listed.stdout.splitlines()]
        files = ", ".join(f"'{os.path.join(house, path)}'" for path in paths if path)
        self.files = f"read_parquet([{files}])"

    def run(self, job, times, _seed):
        query = self.QUERIES.get(job)
        if query is None or "{n}" in query:
            return None  # the numbers are made by the other sides
        sql, start, seen = query.format(f=self.files), time.monotonic(), 0
        for _ in range(int(times)):
            rows = self.con.execute(sql).fetchall()
            seen += rows[0][0] if job in ("count", "all") else len(rows)
        return time.monotonic() - start, seen

    def close(self):
        self.con.close()


def folder_bytes(folder):
    return sum(os.path.getsize(os.path.join(at, name))
               for at, _, names in os.walk(folder) for name in names)


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = os.path.join(options.folder, "documents")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        program = os.path.join(options.folder, "bench_documents")
        self.ours = Worker("ParqueDB", [program, "ours", self.folder])
        self.lite = Worker("SQLite", [program, "sqlite", self.folder])
        self.duck = None
        self.met = self.missed = 0

    def is_wanted(self, title):
        return self.options.only in title

    def row(self, title, ours, lite, duck=None, aim=None):
        """aim: (factor, "SQLite" or "DuckDB"), a ratio that ours may have at most."""
        def cell(v):
            return f"{'-':>11}" if v is None else f"{v:>11.{3 if v < 10 else 1}f}"

        def ratio(v):
            return f"{'-':>9}" if not v else f"{ours / v:>9.3f}"
        print(f"{title:<46}{cell(ours)}{cell(lite)}{cell(duck)}{ratio(lite)}{ratio(duck)}"
              f"  {self.judge(aim, ours, lite, duck)}".rstrip(), flush=True)

    def judge(self, aim, ours, lite, duck):
        if aim is None:
            return ""
        factor, peer = aim
        over = lite if peer == "SQLite" else duck
        text = f"<= {factor:g} {peer}"
        if over is None:
            return text
        good = ours <= factor * over
        self.met += good
        self.missed += not good
        return f"{text}: {'ok' if good else 'MISSED'}"

    def heading(self, title):
        print(f"\n{title:<46}{'ours':>11}{'SQLite':>11}{'DuckDB':>11}{'/SQLite':>9}{'/DuckDB':>9}"
              "  aim")

    def sizes(self):
        house = os.path.join(self.folder, "warehouse")
        self.lite.run("finish")
        lite = os.path.getsize(os.path.join(self.folder, "posts.sqlite")) / 1e6
        data = folder_bytes(os.path.join(house, "default", "data")) / 1e6
        events = folder_bytes(os.path.join(house, "default", "events")) / 1e6
        self.heading("on disk, MB")
        self.row("  entity files", data, self.plain, aim=(0.3, "SQLite"))
        self.row("  entity files and events", data + events, self.plain, aim=(0.6, "SQLite"))
        self.row("  the same, SQLite with its indexes", data + events, lite)

    def imports(self):
        posts = str(self.options.posts)
        ours = self.ours.run("import", posts)[0]
        lite = self.lite.run("import", posts)[0]
        self.plain = os.path.getsize(os.path.join(self.folder, "posts.sqlite")) / 1e6
        index = self.lite.run("index")[0]
        print(f"{self.options.posts:,} posts; ms unless it says something else")
        self.heading("import, seconds")
        self.row("  in batches of 5,000, each synced", ours, lite, aim=(1 / 3, "SQLite"))
        self.row("  the same, SQLite with its indexes", ours, lite + index)
        self.row("  posts in a second, thousands", self.options.posts / ours / 1e3,
                 self.options.posts / lite / 1e3)

    def line(self, title, job, times, aim=None):
        if not self.is_wanted(title):
            return
        best = {}
        answers = {}
        for number in range(self.options.rounds):
            for side in filter(None, (self.ours, self.lite, self.duck)):
                got = side.run(job, times, 7 + number)
                if got is None:
                    continue
                seconds = got[0] / times * 1e3
                best[side] = min(best.get(side, seconds), seconds)
                answers.setdefault(number, {})[side.name] = got[1]
        for seen in answers.values():
            if len(set(seen.values())) > 1:
                sys.exit(f"bench documents: {title}: the answers differ: {seen}")
        self.row(f"  {title}", best[self.ours], best[self.lite], best.get(self.duck), aim)

    def questions(self):
        self.heading("questions, one thread, warm")
        self.line("get by id", "get", 5000, (1, "SQLite"))
        self.line("author.id = x (index column)", "author", 50)
        self.line("author.id = nobody", "absent", 200)
        self.line("likes in a range of 2 %", "range", 10)
        self.line("20 most liked of a language", "page", 20)
        self.line("count of a language", "count", 50)
        self.line("count of all", "all", 200)
        self.line("min and max of likes", "extremes", 100)
        self.line("group by lang, sum of likes (hot)", "hot", 20, (1, "DuckDB"))
        self.line("group by campaign.name (cold)", "cold", 3)
        self.line("text with three words (scan)", "scan", 3)

    def writes(self):
        if not self.is_wanted("durable"):
            return
        self.heading("writes, each synced")
        best = {}
        for number in range(self.options.rounds):
            for side in (self.ours, self.lite):
                seconds = side.run("create", 200, number)[0] / 200 * 1e3
                best[side] = min(best.get(side, seconds), seconds)
        self.row("  durable single insert", best[self.ours], best[self.lite], aim=(1.2, "SQLite"))

    def calls(self):
        print(f"\n{'single calls, ms':<46}{'p50':>11}{'p99':>11}{'SQLite p50':>12}"
              f"{'SQLite p99':>12}  aim")
        for side in (self.ours, self.lite):
            side.run("link", min(4000, self.options.posts))
        for job, title, p50, p99, times in CALLS:
            if not self.is_wanted(title):
                continue
            seen = []
            for side in (self.ours, self.lite):
                took = [float(t) / 1e3 for t in side.ask("each", job, times, 3)]
                seen += [took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]]
            good = seen[0] <= p50 and seen[1] <= p99
            self.met += good
            self.missed += not good
            print(f"  {title:<44}{seen[0]:>11.3f}{seen[1]:>11.3f}{seen[2]:>12.3f}{seen[3]:>12.3f}"
                  f"  <= {p50}/{p99}: {'ok' if good else 'MISSED'}", flush=True)

    def typescript(self):
        """Every write of it rewrites all data: a thousand posts, and ours beside it."""
        checkout = os.environ.get("PARQUEDB_TYPESCRIPT")
        if not checkout:
            print("\nThe TypeScript ParqueDB is left out: PARQUEDB_TYPESCRIPT names no checkout")
            return
        script = os.path.join(HERE, "bench_documents_typescript.mjs")
        program = os.path.join(checkout, "node_modules", ".bin", "tsx")
        folder = os.path.join(self.folder, "few")
        posts = os.path.join(self.folder, "few.ndjson")
        os.makedirs(folder)
        ours = Worker("ParqueDB", [os.path.join(self.options.folder, "bench_documents"), "ours",
                                   folder])
        theirs = Worker("TypeScript ParqueDB", [program, script, checkout, folder])
        ours.run("write", FEW + 50, posts)
        theirs.run("posts", posts)
        print(f"\n{f'beside the TypeScript ParqueDB, {FEW:,} posts, ms':<46}{'ours':>11}"
              f"{'TypeScript':>11}{'times':>11}")
        for job, title, times in (("import", "import, a post", FEW), ("get", "get by id", 100),
                                  ("author", "author.id = x", 20), ("range", "likes in range", 20),
                                  ("page", "20 most liked of a language", 20),
                                  ("count", "count of a language", 20), ("create", "create", 20)):
            seconds = [side.run(job, times)[0] / times * 1e3 for side in (ours, theirs)]
            print(f"  {title:<44}{seconds[0]:>11.4f}{seconds[1]:>11.3f}"
                  f"{seconds[1] / seconds[0]:>11.0f}", flush=True)
        ours.close()
        theirs.close()

    def run(self):
        self.imports()
        self.sizes()
        try:
            parquedb = os.path.join(self.options.folder, os.pardir, "parquedb")
            self.duck = Duck(parquedb, self.folder)
        except ImportError:
            print("DuckDB is not there: left out", file=sys.stderr)
        self.questions()
        self.duck = None
        self.writes()
        self.calls()
        self.typescript()
        self.ours.close()
        self.lite.close()
        print(f"\n{self.met} aims met, {self.missed} missed")
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--posts", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    Bench(parser.parse_args()).run()


if __name__ == "__main__":
    main()
