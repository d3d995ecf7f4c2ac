#!/usr/bin/env python3
"""./bench history: every past instant beside the present, and beside SQLite with a versions table.

    bench_history.py FOLDER [--entities N] [--versions N] [--rounds N] [--only TEXT] [--cpu]

      load     creations, then changes at random, in commits of 1,000; 10 instants on the way
      rounds   present without a tail; then the present with one and instants 1 to 10 in turns, so
               that a minute in which the machine is slow is one for all of them: each a job to a
               process that stays; then gets by a process that only reads
      cold     a new process each: open, one history (the files are in the system's cache)
      million  a warehouse of so many entities (--million), opened
      writes   changes by one and by 64 callers, each synced; bytes written per byte of input
      sizes    documents of one kind each, edges, and the events of all of them
      table    minima; the aim with a mark: `ok` or `MISSED`. --only: a part by its name, or `get`,
               `scan`, `group`. --cpu: processor time of user and kernel, all threads, in the place
               of elapsed time: on a machine that is busy otherwise
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
KINDS = ("text", "numbers", "times", "ids", "edges")


def progress(what, done, total):
    """A bar where somebody looks."""
    if sys.stderr.isatty():
        bar = "#" * (30 * done // total)
        end = "\r\x1b[K" if done == total else ""
        print(f"\r{what:<10} [{bar:<30}] {100 * done // total:3} %{end}", end="",
              file=sys.stderr, flush=True)


def folder_bytes(folder):
    return sum(os.path.getsize(os.path.join(at, name))
               for at, _, names in os.walk(folder) for name in names)


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

    def written(self):
        """Bytes that the process has sent to the disk so far."""
        with open(f"/proc/{self.process.pid}/io") as f:
            return int(dict(line.split(": ") for line in f)["write_bytes"])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = os.path.join(options.folder, "history")
        self.program = os.path.join(options.folder, "bench_history")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.missed = 0

    def start(self, side, *more):
        cpu = ["cpu"] if self.options.cpu else []
        return Worker(side, [self.program, side, self.folder, *more, *cpu])

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
            progress("load", k + 1, INSTANTS)
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

    def ask(self, job, worker, seq):
        if job == "get":
            took, answer = worker.run("get", GETS, seq, self.options.entities, 17)
            return took / GETS, answer
        return worker.run(job, seq)

    def times(self, job, worker, seqs):
        """{seq: (seconds, answer)}: minima over rounds in which each instant has its turn."""
        best = {}
        for i in range(self.options.rounds):
            for seq in seqs:
                self.ask(job, worker, seq)  # what is read is in memory from here on
                for _ in range(2):
                    took, answer = self.ask(job, worker, seq)
                    best[seq] = min(best.get(seq, (took, answer)), (took, answer))
            progress(job, i + 1, self.options.rounds)
        return best

    def questions(self):
        o = self.options
        jobs = [j for j in ("get", "scan", "group") if self.wanted(j)]
        flushed = {job: self.times(job, self.ours, [0])[0][0] for job in jobs}
        for w in (self.ours, self.lite):  # a present that is being written to
            w.run("change", o.versions, o.versions + SPACING // 2, o.entities)
        head = ("no tail", "present", "fastest", "slowest", "/present", "slow/fast", "SQLite then")
        print(f"\n{'as of an instant':<46}" + "".join(f"{h:>12}" for h in head))
        for job, name, limit in (("get", "get by id, us", 1.5), ("scan", "scan, filter, ms", 2.0),
                                 ("group", "group by lang, ms", 2.0)):
            if not self.wanted(name):
                continue
            unit = 1e6 if job == "get" else 1e3
            ours = self.times(job, self.ours, [0, *self.instants])
            now, past = ours[0][0], [ours[seq][0] for seq in self.instants]
            lite = []
            for seq in self.instants[::3]:  # SQLite takes its time
                took, theirs = self.ask(job, self.lite, seq)
                if ours[seq][1] != theirs:
                    sys.exit(f"bench history: {job} as of {seq}: {ours[seq][1]}, "
                             f"SQLite says {theirs}")
                lite.append(took)
            slow, fast = max(past), min(past)
            self.row(name, [*(f"{x * unit:.2f}" for x in (flushed[job], now, fast, slow)),
                            f"{statistics.mean(past) / now:.2f}", f"{slow / fast:.2f}",
                            f"{min(lite) * unit:.2f}"],
                     f"<= {limit} present", statistics.mean(past) <= limit * now)
            self.row("", [""] * 7, "slowest <= 1.5 fastest", slow <= 1.5 * fast)

    def reader(self):
        if not self.wanted("reader"):
            return
        w = self.start("ours", "read")
        took = min(w.run("get", 500, 0, self.options.entities, 17)[0] for _ in range(3)) / 500
        w.close()
        print("\na process that only reads" + " " * 30 + "ours")
        self.row(f"get by id, tail of {SPACING // 2}, us", [f"{took * 1e6:.0f}"])

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

    def million(self):
        n = self.options.million
        if not self.wanted("million") or n == 0:
            return
        folder, self.folder = self.folder, os.path.join(self.options.folder, "million")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        w = self.start("ours")
        for k in range(10):
            w.run("change", n * k // 10, n * (k + 1) // 10, n)
            progress("million", k + 1, 10)
        w.run("settle")
        w.close()
        took = []
        for i in range(10):
            w = self.start("ours", "read")
            took.append(w.opened + w.run("get", 1, 0, n, i)[0])
            w.close()
        print(f"\nopening {n} entities, ms" + " " * 30 + "ours")
        self.row("a new process: open and one get", [f"{min(took) * 1e3:.2f}"], "< 50 ms",
                 min(took) < 0.05)
        shutil.rmtree(self.folder)
        self.folder = folder

    # ---- writing ----

    def writes(self):
        if not self.wanted("writes"):
            return
        n, entities = self.options.versions + 2 * SPACING, self.options.entities
        print("\ndurable writes of one document" + " " * 24 + "ours      SQLite     /SQLite")
        for callers, count in ((1, 2000), (64, 6400)):
            took, amount = [], []
            for side in ("ours", "sqlite"):
                w = self.start(side)
                before = w.written()
                took.append(w.run("callers", callers, n, n + count, entities)[0] / count)
                amount.append((w.written() - before) / count)
                w.close()
            n += count
            name = "one caller" if callers == 1 else f"{callers} callers"
            self.row(f"{name}, a commit, us", [f"{took[0] * 1e6:.0f}", f"{took[1] * 1e6:.0f}",
                                               f"{took[0] / took[1]:.2f}"])
            self.row(f"{name}, bytes written a document",
                     [f"{amount[0]:.0f}", f"{amount[1]:.0f}",
                      f"{amount[0] / max(amount[1], 1):.2f}"])

    def sizes(self):
        if not self.wanted("sizes"):
            return
        folder, self.folder = self.folder, os.path.join(self.options.folder, "sizes")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        w, given = self.start("ours"), []
        for k, _ in enumerate(KINDS):
            given.append(w.run("kind", k, self.options.sizes)[1])
            progress("sizes", k + 1, len(KINDS))
        w.run("settle")
        w.run("compact")
        live = [w.run("live", k)[1] for k in range(len(KINDS) + 1)]
        w.close()
        head = ("as JSON", "as files", "times")
        title = f"sizes, {self.options.sizes} each, MB"
        print(f"\n{title:<46}" + "".join(f"{h:>12}" for h in head))
        for kind, size, stored in zip(KINDS, given, live):
            self.row(kind, [f"{size / 1e6:.2f}", f"{stored / 1e6:.2f}", f"{size / stored:.1f}"])
        data = sum(live[:4])
        self.row("edges per byte of data", ["", "", f"{live[4] / data:.2f}"])
        self.row("events per byte of data", ["", "", f"{live[5] / data:.2f}"])
        shutil.rmtree(self.folder)
        self.folder = folder


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--entities", type=int, default=50000)
    parser.add_argument("--versions", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--million", type=int, default=1000000)
    parser.add_argument("--sizes", type=int, default=100000)
    parser.add_argument("--only")
    parser.add_argument("--cpu", action="store_true")
    bench = Bench(parser.parse_args())
    bench.load()
    bench.questions()
    bench.reader()
    bench.cold()
    bench.million()
    bench.writes()
    bench.sizes()
    shutil.rmtree(bench.folder, ignore_errors=True)
    return bench.missed > 0


if __name__ == "__main__":
    sys.exit(main())
