#!/usr/bin/env python3
"""./bench history: every past instant beside the present, and beside SQLite with a versions table.

    bench_history.py FOLDER [--entities N] [--versions N] [--rounds N] [--only TEXT]

      load     creations, then changes at random, in commits of 1,000; 10 instants on the way
      rounds   present, instant 1, ... instant 10: each a job to a process that stays
      cold     a new process each: open, one history (the files are in the system's cache)
      single   writes of one change, each synced
      table    minima; the aim with a mark: `ok` or `MISSED`
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys

INSTANTS = 10
GETS = 2000
SPACING = 10000  # changes between two flushes


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
            sys.exit(f"bench history: {self.name}: {' '.join(map(str, job))}: {rest or 'died'}")
        seconds, answer = rest.split()
        return float(seconds), int(answer)

    def run(self, *job):
        """(seconds, answer)"""
        print(*job, file=self.process.stdin, flush=True)
        return self.reply(job)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def folder_bytes(folder):
    return sum(os.path.getsize(os.path.join(at, name))
               for at, _, names in os.walk(folder) for name in names)


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = os.path.join(options.folder, "history")
        self.program = os.path.join(options.folder, "bench_history")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.missed = 0

    def start(self, side, *more):
        return Worker(side, [self.program, side, self.folder, *more])

    def row(self, name, values, aim=None, met=None):
        cells = "".join(f"{v:>12}" for v in values)
        mark = "" if aim is None else f"  {aim}: {'ok' if met else 'MISSED'}"
        self.missed += aim is not None and not met
        print(f"  {name:<44}{cells}{mark}", flush=True)

    def wanted(self, name):
        return self.options.only is None or self.options.only in name

    # ---- the data ----

    def load(self):
        o = self.options
        self.ours, self.lite = self.start("ours"), self.start("sqlite")
        self.instants = []
        took = {w.name: 0.0 for w in (self.ours, self.lite)}
        for k in range(INSTANTS):
            a, b = (o.versions * i // INSTANTS for i in (k, k + 1))
            for w in (self.ours, self.lite):
                took[w.name] += w.run("change", a, b, o.entities)[0]
            if b >= o.entities:
                self.instants.append(b - SPACING // 2)  # half of an interval to replay
        for w in (self.ours, self.lite):
            took[w.name] += w.run("settle")[0]
        self.written = folder_bytes(os.path.join(self.folder, "warehouse"))
        lite = folder_bytes(self.folder) - self.written
        print(f"\nload, {o.entities} entities, {o.versions} versions" + " " * 10 +
              "ours      SQLite     /SQLite")
        a, b = took["ours"], took["sqlite"]
        self.row("thousand changes a second",
                 [f"{o.versions / a / 1e3:.1f}", f"{o.versions / b / 1e3:.1f}", f"{b / a:.2f}"])
        self.row("on disk, MB", [f"{self.written / 1e6:.1f}", f"{lite / 1e6:.1f}",
                                 f"{self.written / lite:.2f}"])

    # ---- instants ----

    def times(self, job, worker, seq, rounds):
        o, best, answer = self.options, None, None
        for i in range(rounds):
            if job == "get":
                took, answer = worker.run("get", GETS, seq, o.entities, 17)
            else:
                took, answer = worker.run(job, seq)
            if i == 0 and rounds > 1:
                continue  # what is read is in memory from here on
            best = took if best is None else min(best, took)
        return (best / GETS if job == "get" else best), answer

    def questions(self):
        o = self.options
        for w in (self.ours, self.lite):  # a present that is being written to
            w.run("change", o.versions, o.versions + SPACING // 2, o.entities)
        print("\nas of an instant" + " " * 30 + "   present     fastest     slowest    /present"
              "   slow/fast  SQLite then")
        for job, name, limit in (("get", "get by id, us", 1.5), ("scan", "scan, filter, ms", 2.0),
                                 ("group", "group by lang, ms", 2.0)):
            if not self.wanted(name):
                continue
            unit = 1e6 if job == "get" else 1e3
            now, answer = self.times(job, self.ours, 0, o.rounds)
            past, lite = [], []
            for i, seq in enumerate(self.instants):
                took, mine = self.times(job, self.ours, seq, o.rounds)
                past.append(took)
                if i % 3 > 0:
                    continue  # SQLite takes its time
                other_took, other = self.times(job, self.lite, seq, 1)
                if mine != other:
                    sys.exit(f"bench history: {job} as of {seq}: {mine}, SQLite says {other}")
                lite.append(other_took)
            slow, fast = max(past), min(past)
            self.row(name, [f"{now * unit:.2f}", f"{fast * unit:.2f}", f"{slow * unit:.2f}",
                            f"{statistics.mean(past) / now:.2f}", f"{slow / fast:.2f}",
                            f"{min(lite) * unit:.2f}"],
                     f"<= {limit} present", statistics.mean(past) <= limit * now)
            self.row("", ["", "", "", "", "", ""], "slowest <= 1.5 fastest", slow <= 1.5 * fast)

    def cold(self):
        o = self.options
        if not self.wanted("history"):
            return
        for w in (self.ours, self.lite):  # the tail: all but one flush threshold
            w.run("change", o.versions + SPACING // 2, o.versions + SPACING - 1000, o.entities)
        self.ours.close()
        self.lite.close()
        rows = {}
        for side in ("ours", "sqlite"):
            opened, asked = [], []
            for i in range(10):
                w = self.start(side, "read")
                took, _ = w.run("history", 4242 + i)
                opened.append(w.opened)
                asked.append(took)
                w.close()
            rows[side] = (min(opened) * 1e3, min(asked) * 1e3)
        print("\na new process, ms" + " " * 37 + "ours      SQLite")
        self.row("open", [f"{rows[s][0]:.2f}" for s in ("ours", "sqlite")])
        total = sum(rows["ours"])
        self.row("history of one entity, with opening",
                 [f"{sum(rows[s]):.2f}" for s in ("ours", "sqlite")], "< 5 ms", total < 5)

    # ---- writing ----

    def single(self):
        if not self.wanted("single"):
            return
        ours, lite = self.start("ours"), self.start("sqlite")
        n = self.options.versions + 2 * SPACING
        took = [w.run("single", n, n + 2000, self.options.entities)[0] / 2000 for w in (ours, lite)]
        ours.close()
        lite.close()
        print("\ndurable writes" + " " * 40 + "ours      SQLite     /SQLite")
        self.row("one caller, a commit, us",
                 [f"{took[0] * 1e6:.0f}", f"{took[1] * 1e6:.0f}", f"{took[0] / took[1]:.2f}"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--entities", type=int, default=50000)
    parser.add_argument("--versions", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only")
    bench = Bench(parser.parse_args())
    bench.load()
    bench.questions()
    bench.cold()
    bench.single()
    shutil.rmtree(bench.folder, ignore_errors=True)
    return bench.missed > 0


if __name__ == "__main__":
    sys.exit(main())
