#!/usr/bin/env python3
"""./bench graph: a graph beside SQLite, Ladybug and DuckDB.

    bench_graph.py FOLDER [--nodes N] [--edges N] [--rounds N] [--only TEXT] [--without SIDE]

      load     people and edges, what finds them, and what is done in the background after it; bytes
      rounds   1, 2 and 3 hops from 200 nodes, a shortest path of 50 pairs: medians; every side has
               its turn in each round, so that a minute in which the machine is slow is for all
      whole    triangles, PageRank of 20 iterations
      cold     a new process each: open, 3 hops from one node (the files are in the system's cache)
      past     10,000 links and unlinks, then 3 hops now and as of before them
      table    minima of the rounds; answers must agree; ratios of ours to the others; the aim with
               a mark: `ok` or `MISSED`. --only: a part by its name; --without: a peer, or `ours`
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys

SIDES = ("ours", "sqlite", "ladybug", "duckdb")
TITLES = {"ours": "ours", "sqlite": "SQLite", "ladybug": "Ladybug", "duckdb": "DuckDB"}
STARTS, PAIRS, COLD = 200, 50, 7
SLOW = 4.0  # seconds, after which a question has been asked often enough


def progress(what, done, total):
    """A bar where somebody looks."""
    if sys.stderr.isatty():
        bar = "#" * (30 * done // total)
        end = "\r\x1b[K" if done == total else ""
        print(f"\r{what:<10} [{bar:<30}] {100 * done // total:3} %{end}", end="",
              file=sys.stderr, flush=True)


class Worker:
    """A process that runs jobs, one at a time."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.opened = self.reply(["open"])[0]

    def reply(self, job):
        word, _, rest = self.process.stdout.readline().rstrip("\n").partition(" ")
        if word != "ok":
            sys.exit(f"bench graph: {self.name}: {' '.join(map(str, job))}: {rest or 'died'}")
        seconds, answer = rest.split()
        return float(seconds), int(answer)

    def run(self, *job):
        """(seconds, answer)"""
        print(*job, file=self.process.stdin, flush=True)
        return self.reply(job)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = os.path.join(options.folder, "graph")
        self.program = os.path.join(options.folder, "bench_graph")
        self.peers = os.path.join(os.path.dirname(__file__), "bench_graph_peers.py")
        self.sides = [s for s in SIDES if s not in options.without and self.is_there(s)]
        self.missed = 0
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    @staticmethod
    def is_there(side):
        if side in ("ladybug", "duckdb"):
            try:
                __import__(side)
            except ImportError:
                print(f"{TITLES[side]} is not there: left out", file=sys.stderr)
                return False
        return True

    def arguments(self, side):
        return [side, self.folder, str(self.options.nodes), str(self.options.edges)]

    def start(self, side, *more):
        program = [self.program] if side in ("ours", "sqlite") else [sys.executable, self.peers]
        return Worker(TITLES[side], [*program, *self.arguments(side), *more])

    # ---- the table ----

    def head(self, title):
        ratios = ["/" + TITLES[s] for s in SIDES[1:]]
        print(f"\n{title:<36}" + "".join(f"{h:>10}" for h in [*TITLES.values(), *ratios]))

    def row(self, name, values, unit=1.0, peer=None, limit=None):
        """`values`: by side, as many as there are. The aim: ours <= limit x peer's."""
        cells = [f"{values[s] * unit:.4g}" if s in values else "-" for s in SIDES]
        ours = values.get("ours")
        cells += [f"{ours / values[s]:.3f}" if s in values and ours is not None and values[s] > 0
                  else "-" for s in SIDES[1:]]
        mark = ""
        if peer in values and ours is not None:
            met = ours <= limit * values[peer]
            mark = f"  <= {limit} {TITLES.get(peer, peer)}: {'ok' if met else 'MISSED'}"
            self.missed += not met
        print(f"  {name:<34}" + "".join(f"{c:>10}" for c in cells) + mark, flush=True)

    def wanted(self, *names):
        return self.options.only is None or any(self.options.only in n for n in names)

    def agree(self, what, answers):
        if len(set(answers.values())) > 1:
            sys.exit(f"bench graph: {what}: the answers differ: " +
                     ", ".join(f"{TITLES[s]} {a}" for s, a in answers.items()))

    # ---- the parts ----

    def load(self):
        o = self.options
        subprocess.run([self.program, *self.arguments("data")], check=True)
        self.workers = {side: self.start(side) for side in self.sides}
        took, live = {}, {}
        for i, (side, w) in enumerate(self.workers.items()):
            took[side] = w.run("load")[0]
            progress("load", i + 1, len(self.workers))
        for side, w in self.workers.items():
            live[side] = w.run("bytes", 0)[1]
        self.head(f"load, {o.nodes} nodes, {o.edges} edges")
        self.row("everything, s", took)
        self.row("nodes, edges both ways, MB", live, 1e-6, "ladybug", 0.5)
        if "ours" in self.workers:
            index, events = (self.workers["ours"].run("bytes", part)[1] for part in (1, 2))
            self.row("the same with segments, MB", {**live, "ours": live["ours"] + index}, 1e-6)
            self.row("events, MB", {"ours": events}, 1e-6)

    def rounds(self, what, job, count, workers=None):
        """{side: seconds}: minima over rounds in which each side has its turn."""
        workers, best, spent, answers = workers or self.workers, {}, {}, {}
        for i in range(count):
            for side, w in workers.items():
                if spent.get(side, 0) >= SLOW:
                    continue
                took, answers[side] = w.run(*job)
                asked = STARTS if job[0] == "hops" else PAIRS if job[0] == "path" else 1
                spent[side] = spent.get(side, 0) + took * asked
                best[side] = min(best.get(side, took), took)
            progress(what, i + 1, count)
        self.agree(what, answers)
        return best

    def questions(self):
        rounds = self.options.rounds
        self.head("from one node")
        for hops, limit in ((1, None), (2, 0.5), (3, 0.5)):
            name = f"{hops} hop{'s' * (hops > 1)}, distinct ends, us"
            if self.wanted(name):
                best = self.rounds(name, ("hops", hops, STARTS, 31, 0), rounds)
                self.row(name, best, 1e6, limit and "sqlite", limit)
        if self.wanted("shortest path"):
            best = self.rounds("path", ("path", PAIRS, 41), rounds)
            self.row("shortest path, ms", best, 1e3, "ladybug", 0.1)

    def whole(self):
        if not self.wanted("triangles", "PageRank"):
            return
        self.head("the whole graph")
        if self.wanted("triangles"):
            best = self.rounds("triangles", ("triangles",), self.options.rounds)
            self.row("triangles, ms", best, 1e3, "ladybug", 0.3)
        if self.wanted("PageRank"):
            best = self.rounds("PageRank", ("pagerank",), 1)
            self.row("PageRank, 20 iterations, ms", best, 1e3)

    def cold(self):
        if not self.wanted("cold"):
            return
        for w in self.workers.values():
            w.close()
        opened, asked = {}, {}
        for i in range(COLD):
            answers = {}
            for side in self.sides:
                w = self.start(side, "read")
                took, answers[side] = w.run("hops", 3, 1, 51 + i, 0)
                opened.setdefault(side, []).append(w.opened)
                asked.setdefault(side, []).append(w.opened + took)
                w.close()
            self.agree("cold", answers)
            progress("cold", i + 1, COLD)
        self.head("cold, a new process")
        self.row("open, ms", {s: statistics.median(t) for s, t in opened.items()}, 1e3)
        self.row("open and 3 hops, ms", {s: statistics.median(t) for s, t in asked.items()}, 1e3,
                 "ladybug", 0.25)
        self.workers = {side: self.start(side) for side in self.sides}

    def past(self):
        if not self.wanted("past") or "ours" not in self.workers:
            return
        ours, job = self.workers["ours"], ("hops", 3, STARTS, 31)
        then, seq = ours.run(*job, 0)[1], ours.run("seq")[1]
        changed = {s: self.workers[s] for s in ("ours", "sqlite") if s in self.workers}
        for w in changed.values():
            w.run("change")
        self.head("the past, 10,000 changes later")
        best = self.rounds("now", (*job, 0), self.options.rounds, changed)
        self.row("3 hops now, us", best, 1e6)
        before = self.rounds("then", (*job, seq), self.options.rounds, {"ours": ours})
        if ours.run(*job, seq)[1] != then:
            sys.exit("bench graph: the past has changed")
        self.row("3 hops as of before, us", {**before, "the present": best["ours"]}, 1e6,
                 "the present", 2.0)

    def close(self):
        for w in self.workers.values():
            w.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--nodes", type=int, default=100000)
    parser.add_argument("--edges", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only")
    parser.add_argument("--without", action="append", default=[], choices=SIDES)
    bench = Bench(parser.parse_args())
    bench.load()
    bench.questions()
    bench.whole()
    bench.cold()
    bench.past()
    bench.close()
    return bench.missed > 0


if __name__ == "__main__":
    sys.exit(main())
