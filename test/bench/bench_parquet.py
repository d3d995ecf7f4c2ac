#!/usr/bin/env python3
"""./bench parquet: ours beside DuckDB, pyarrow and Polars, on the same files, in the same rounds.

    bench_parquet.py FOLDER [--rows N] [--rounds N] [--only TEXT]

      files   generator (bench_parquet_data.c) --> plain file --> DuckDB's zstd and snappy files
                                               --> ours
      rounds  ours, floor, DuckDB, pyarrow, Polars, ours, ...     each a process that stays, with
                                                                  one and with two threads
      table   the minimum of each, ratios, and the aim with a mark: `ok` or `MISSED`

FOLDER holds the programs (bench_parquet, scan, scan.wasm, core.wasm) and gets the files. Those of
peers stay for the next run; ours are always written anew.
"""
import argparse
import gzip
import hashlib
import math
import os
import platform
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ("duckdb", "pyarrow", "polars")
TITLES = {"floor": "floor", "ours": "ours", "codes": "codes", "duckdb": "DuckDB",
          "pyarrow": "pyarrow", "polars": "Polars"}
# Whose file a line is about; every reader reads that one. Ours are in the analytic layout, for
# lookups in the operational one. DuckDB writes no page index and no bloom filter of ids, so aims of
# lines that need them are for our files.
FILES = {"ours": "our file", "duckdb": "DuckDB's file", "pyarrow": "pyarrow's file",
         "ours.op": "our lookup file", "ours.10k": "ours of 10K groups",
         "duckdb.10k": "DuckDB's of 10K groups"}
GROUP_ROWS, LOOKUP_GROUP_ROWS = "122880", "50000"
ROUNDS_MIN, LINE_SECONDS_MAX = 3, 45
VIEWS = "v.typed_value.views.typed_value"


class Worker:
    """A process that runs jobs, one at a time."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.notes = {}

    def line(self):
        line = self.process.stdout.readline().rstrip("\n")
        word, _, rest = line.partition(" ")
        if word not in ("ok", "no"):
            self.notes[word or "error"] = rest
        return word, rest

    def run(self, repeat, job, *arguments):
        """(seconds, processor seconds, answer), or None: it cannot."""
        print(repeat, job, *arguments, file=self.process.stdin, flush=True)
        while True:
            word, rest = self.line()
            if word == "ok":
                seconds, cpu, answer = rest.split()
                return float(seconds), float(cpu), float(answer)
            if word == "no":
                self.notes["no"] = rest
                return None
            if word in ("error", ""):
                sys.exit(f"bench parquet: {job} {' '.join(arguments)[:200]}: {rest or 'died'}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    def __init__(self, options):
        self.options = options
        self.rows = {"lineitem": options.rows, "documents": max(options.rows // 5, 1000)}
        with open(os.path.join(HERE, "bench_parquet_data.c"), "rb") as f:
            stamp = hashlib.sha256(f.read()).hexdigest()[:8]
        files = os.path.join(options.folder, "parquet")
        self.folder = os.path.join(files, f"{stamp}-{options.rows}")
        os.makedirs(self.folder, exist_ok=True)
        for old in os.listdir(files):  # of another generator
            if not old.startswith(stamp):
                shutil.rmtree(os.path.join(files, old), ignore_errors=True)
        self.workers = {}
        for threads in (1, 2):
            program = os.path.join(options.folder, "bench_parquet")
            self.workers["ours", threads] = Worker([program, str(threads)])
        self.peers = [p for p in PEERS if self.start_peer(p)]
        self.rates, self.missed, self.met, self.title = [], 0, 0, ""

    def start_peer(self, peer):
        for threads in (1, 2):
            worker = Worker([sys.executable, os.path.join(HERE, "bench_parquet_peers.py"), peer,
                             str(threads)])
            word, name = worker.line()
            if word != "name":
                print(f"{TITLES[peer]} is not there: left out", file=sys.stderr)
                return False
            self.workers[peer, threads] = worker
        TITLES[peer + " name"] = name
        return True

    def path(self, *parts):
        return os.path.join(self.folder, ".".join(parts) + ".parquet")

    def ours(self, *job):
        return self.workers["ours", 1].run(1, *job)

    def hint(self, text):
        print(f"... {text}", file=sys.stderr)

    # ---- files ----

    def make_once(self, path, peer, *job):
        """A file of a peer, unless it is there. It gets its name when it is whole."""
        if os.path.exists(path) or peer not in self.peers:
            return
        if self.workers[peer, 1].run(1, *job, path + ".new") is None:
            self.hint(f"{path}: {self.workers[peer, 1].notes['no']}")
        else:
            os.rename(path + ".new", path)

    def make_table(self, table):
        plain, rows = self.path(table, "none", "ours"), str(self.rows[table])
        duckdb = [self.path(table, codec, "duckdb") for codec in ("zstd", "snappy")]
        self.hint(f"{table}: {rows} rows")
        self.ours("load", table, rows, GROUP_ROWS)
        self.ours("write", "none", plain)
        for codec in ("zstd", "snappy"):
            self.ours("write", codec, self.path(table, codec, "ours"))
        self.ours("load", table, rows, LOOKUP_GROUP_ROWS)
        self.ours("write_operational", "zstd", self.path(table, "zstd", "ours.op"))
        if table == "documents":
            self.ours("load", table, rows, "10000")
            self.ours("write_operational", "zstd", self.path(table, "zstd", "ours.10k"))
            duckdb.append(self.path(table, "zstd", "duckdb.10k"))
        self.ours("drop")
        if "duckdb" not in self.peers or all(os.path.exists(p) for p in duckdb):
            return
        self.workers["duckdb", 1].run(1, "load", plain)
        for codec in ("zstd", "snappy"):
            self.make_once(self.path(table, codec, "duckdb"), "duckdb", "write", codec)
        if table == "documents":  # DuckDB's groups are multiples of its vectors
            self.make_once(duckdb[2], "duckdb", "write_groups", "zstd", "10240")
        self.workers["duckdb", 1].run(1, "drop")

    def make_files(self):
        for table in self.rows:
            self.make_table(table)
        self.hint("variants and wide files")
        variant = self.path("variant", "duckdb")
        self.make_once(variant, "duckdb", "shred", self.path("documents", "none", "ours"))
        if os.path.exists(variant):
            self.ours("copy", variant, "zstd", self.path("variant", "ours"))
        self.ours("wide", "10000", "10", self.path("wide", "ours"))
        self.make_once(self.path("wide", "pyarrow"), "pyarrow", "wide", "10000", "10")
        self.check_files()

    def check_files(self):
        """No figure for wrong values: sums over all columns, ours and DuckDB's, must agree."""
        for table in self.rows if "duckdb" in self.peers else ():
            seen = set()
            for path in (self.path(table, "none", "ours"), self.path(table, "zstd", "ours"),
                         self.path(table, "zstd", "ours.op"), self.path(table, "zstd", "duckdb")):
                for worker in ("ours", 1), ("duckdb", 1):
                    # Both are sums of doubles in another order.
                    seen.add(f"{self.workers[worker].run(1, 'check', path)[2]:.10e}")
            if len(seen) != 1:
                sys.exit(f"bench parquet: {table}: the readers see other values: {seen}")

    # ---- rounds ----

    def measure(self, jobs, repeat=1):
        """{reader: (seconds, cpu, answer) of each round} for {reader: (worker, job...)}."""
        results = {reader: [] for reader in jobs}
        start = time.monotonic()
        for number in range(self.options.rounds):
            if number >= ROUNDS_MIN and time.monotonic() - start > LINE_SECONDS_MAX:
                break
            for reader, (worker, *job) in jobs.items():
                if results[reader] is None:
                    continue
                got = self.workers[worker].run(repeat, *job)
                if got is None:
                    results[reader] = None
                else:
                    results[reader].append(got)
        return results

    def best(self, rounds, what=None):
        what = int(self.options.cpu) if what is None else what
        return min(r[what] for r in rounds) if rounds else None

    def check_answers(self, title, results):
        answers = {reader: rounds[0][2] for reader, rounds in results.items()
                   if rounds and not math.isnan(rounds[0][2])}
        if len(set(answers.values())) > 1:
            sys.exit(f"bench parquet: {title}: the answers differ: {answers}")

    # ---- the table ----

    def heading(self, title):
        unit = "ms of processor time" if self.options.cpu else "ms"
        columns = "".join(f"{TITLES[c]:>9}" for c in ("floor", "ours", *PEERS))
        self.title = f"\n{title + ', ' + unit:<52}{columns}  /floor /DuckDB /best  aim"

    def row(self, title, best, scale, aim=None):
        cells = "".join(self.number(best.get(c), scale) for c in ("floor", "ours", *PEERS))
        ours, duck = best.get("ours"), best.get("duckdb")
        others = [best[p] for p in PEERS if best.get(p)]
        ratios = "".join(self.ratio(ours, over, width) for over, width in
                         ((best.get("floor"), 8), (duck, 8),
                          (min(others) if others else None, 6)))
        if self.title:  # no heading over nothing
            print(self.title)
            self.title = ""
        print(f"{title:<52}{cells}{ratios}  {self.judge(aim, best)}".rstrip())

    @staticmethod
    def number(value, scale):
        if value is None:
            return f"{'-':>9}"
        value *= scale
        return f"{value:>9.{3 if value < 1 else 2 if value < 10 else 1}f}"

    @staticmethod
    def ratio(value, over, width):
        return f"{'-':>{width}}" if not value or not over else f"{value / over:>{width}.2f}"

    def judge(self, aim, best):
        """aim: (factor, reader) or (milliseconds, None)."""
        if aim is None:
            return ""
        factor, reader = aim
        text = f"<= {factor:g} {TITLES[reader] if reader else 'ms'}"
        bound = (best.get(reader) or 0) * factor if reader else factor / 1000
        if not best.get("ours") or not bound:
            return text
        return f"{text}: {self.mark(best['ours'] <= bound)}"

    def mark(self, is_met):
        self.met += is_met
        self.missed += not is_met
        return "ok" if is_met else "MISSED"

    def is_wanted(self, title):
        return self.options.only in title

    def readers(self, threads, *job):
        jobs = {"ours": (("ours", threads), *job)}
        jobs.update({p: ((p, threads), *job) for p in self.peers})
        return jobs

    def line(self, title, job, aim=None, repeat=1, skip=()):
        """One thread; the answers must agree."""
        if not self.is_wanted(title) or not os.path.exists(job[1]):
            return
        jobs = {r: j for r, j in self.readers(1, *job).items() if r not in skip}
        results = self.measure(jobs, repeat)
        self.check_answers(title, results)
        self.row(title, {r: self.best(v) for r, v in results.items()}, 1000, aim)

    # ---- the lines ----

    def full_scan(self, table, codec, writer, aim):
        title, path = f"{table} {codec}, {FILES[writer]}", self.path(table, codec, writer)
        if not self.is_wanted(f"full scan {title}") or not os.path.exists(path):
            return
        jobs = {}
        for threads in (1, 2):
            for reader, job in self.readers(threads, "scan", path, "*").items():
                jobs[reader, threads] = job
        jobs["floor", 1] = (("ours", 1), "floor", path)
        jobs["codes", 1] = (("ours", 1), "scan_codes", path, "*")
        results = self.measure(jobs)
        self.check_answers(title, {r: v for r, v in results.items() if r[0] != "floor"})
        for threads in (1, 2):
            best = {r: self.best(v) for (r, t), v in results.items() if t == threads}
            best.setdefault("floor", self.best(results["floor", 1]) if threads == 1 else None)
            name = f"  {title}, {threads} thread{'s' if threads > 1 else ''}"
            self.row(name, best, 1000, (aim, "floor") if threads == 1 else None)
        codes = {"floor": self.best(results["floor", 1]), "ours": self.best(results["codes", 1]),
                 "duckdb": self.best(results.get(("duckdb", 1)))}
        self.row("    dictionary columns as codes", codes, 1000)
        self.rates.append((f"  {title}", results))

    def full_scans(self):
        self.heading("full scan")
        for table, aim in (("lineitem", 1.5), ("documents", 1.3)):
            for codec in ("zstd", "snappy"):
                for writer in ("duckdb", "ours"):
                    self.full_scan(table, codec, writer, aim)

    def two_threads(self):
        if not self.rates:
            return
        print(f"\n{'2 threads against 1: times as fast, CPU':<52}{'':>9}", end="")
        print("".join(f"{TITLES[c]:>14}" for c in ("ours", *PEERS)) + "  aim")
        for title, results in self.rates:
            cells, gain, cpu = "", 0, 0
            for reader in ("ours", *PEERS):
                one, two = results.get((reader, 1)), results.get((reader, 2))
                if not one or not two:
                    cells += f"{'-':>14}"
                    continue
                best = max(a[0] / b[0] for a, b in zip(one, two))
                more = self.best(two, 1) / self.best(one, 1)
                cells += f"{f'{best:.2f}x {more:.2f}':>14}"
                if reader == "ours":
                    gain, cpu = best, more
            # With --cpu the machine is said to be busy: then elapsed time is no measure.
            first = "" if self.options.cpu else f">= 1.6x: {self.mark(gain >= 1.6)}, "
            verdict = f"{first}CPU <= 1.15: {self.mark(cpu <= 1.15)}" if gain else ""
            print(f"{title:<52}{'':>9}{cells}  {verdict}")

    def columns_and_filters(self):
        self.heading("some columns, some rows; 1 thread")
        width = str(max(self.options.rows // 1000, 1))
        top = str(500000 + 999)  # of 1,000,000 different values
        start = self.options.rows // 2
        for codec in ("zstd", "snappy"):
            for writer in ("duckdb", "ours"):
                path = self.path("lineitem", codec, writer)
                label = f"{codec}, {FILES[writer]}"
                self.line(f"  2 of 16 columns, {label}",
                          ("scan", path, "l_extendedprice,l_discount"), (0.8, "duckdb"))
                self.line(f"  0.1 %, unsorted, {label}",
                          ("range", path, "l_partkey", "500000", top), (0.7, "duckdb"))
        for writer, aim in (("duckdb", None), ("ours", None), ("ours.op", (0.2, "duckdb"))):
            self.line(f"  0.1 %, sorted, zstd, {FILES[writer]}",
                      ("range", self.path("lineitem", "zstd", writer), "l_orderkey", str(start),
                       str(start + int(width))), aim, repeat=5)

    def lookups(self):
        self.heading("point lookup by id; 1 thread")
        count = 20
        self.ours("keys", "documents", str(self.rows["documents"]), str(count))
        hits = self.workers["ours", 1].notes["keys"].split(",")
        misses = [key[:-1] + "U" for key in hits]  # no digit of an id
        for writer in ("duckdb", "duckdb.10k", "ours", "ours.op", "ours.10k"):
            path = self.path("documents", "zstd", writer)
            has_aim = writer in ("ours.op", "ours.10k")
            for verb, keys, aim in (("hit", hits, 0.5), ("miss", misses, 0.05)):
                self.lookup(f"{verb}, {FILES[writer]}", path, keys,
                            (aim, None) if has_aim else None)

    def lookup(self, title, path, keys, aim):
        """Each with the file opened anew, then with the file open and its footer known: the aim."""
        if not self.is_wanted(title) or not os.path.exists(path):
            return
        for job, what in (("get", ", opened each time"), ("get_open", ", kept open")):
            jobs = self.readers(1, job, path, "$id", ",".join(keys))
            if job == "get_open":
                jobs = {r: j for r, j in jobs.items() if r in ("ours", "duckdb")}
                for worker in jobs:
                    self.workers[worker, 1].run(1, "open", path)
            results = self.measure(jobs)
            self.check_answers(title, results)
            best = {r: self.best(v) / len(keys) if v else None for r, v in results.items()}
            self.row(f"  {title}{what}", best, 1000, aim if job == "get_open" else None)

    def sums(self):
        self.heading("one field, one column; 1 thread")
        for writer in ("duckdb", "ours"):
            self.line(f"  sum of a shredded field, {FILES[writer]}",
                      ("sum", self.path("variant", writer), VIEWS), (25, None))
        for writer in ("pyarrow", "ours"):
            self.line(f"  1 column of 10,000 in 10 groups, {FILES[writer]}",
                      ("sum", self.path("wide", writer), "c5000"), (40, None))

    def writes(self):
        for table, aim in (("lineitem", 0.8), ("documents", 0.75)):
            if self.is_wanted(f"write {table}"):
                self.write(table, aim)

    def write(self, table, aim):
        plain, to, jobs = self.path(table, "none", "ours"), {}, {}
        for reader in ("ours", *self.peers):
            to[reader] = self.path("scratch", reader)
            jobs[reader] = ((reader, 1), "write", "zstd", to[reader])
            load = [table, str(self.rows[table]), GROUP_ROWS] if reader == "ours" else [plain]
            self.workers[reader, 1].run(1, "load", *load)
        results = self.measure(jobs)
        self.heading(f"write {table}, zstd; 1 thread")
        self.row("  time", {r: self.best(v) for r, v in results.items()}, 1000, (aim, "duckdb"))
        sizes = {}
        for reader in jobs:
            self.workers[reader, 1].run(1, "drop")
            if results[reader]:
                sizes[reader] = os.path.getsize(to[reader])
                os.remove(to[reader])
        self.row("  size, MB", sizes, 1e-6, (1, "duckdb"))

    # ---- WebAssembly ----

    def module(self, name):
        return os.path.join(self.options.folder, name)

    def wasm(self):
        """The same scan of a file in memory by a program of this machine and by one under Node."""
        if not self.is_wanted("WebAssembly") or not os.path.exists(self.module("scan.wasm")):
            return
        path = self.path("lineitem-small", "zstd", "ours")
        self.ours("load", "lineitem", str(max(self.options.rows // 5, 1000)), GROUP_ROWS)
        self.ours("write", "zstd", path)
        self.ours("drop")
        node = ["node", "--no-warnings", os.path.join(HERE, "../wasm/run.mjs"), "--one"]
        commands = {"native": [self.module("scan")], "wasm": [*node, self.module("scan.wasm")]}
        best = {}
        for _ in range(ROUNDS_MIN):
            for name, command in commands.items():
                done = subprocess.run([*command, os.path.relpath(path), "12"],
                                      capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    print(f"\nWebAssembly: {name}: {done.stdout}{done.stderr}"[:400])
                    return
                best[name] = min(best.get(name, 1e9), float(done.stdout.split()[0]))
        ratio = best["wasm"] / best["native"]
        print(f"\nWebAssembly (SIMD128, Node), full scan of "
              f"{os.path.basename(path)} in memory, 1 thread, ms")
        print(f"  native {best['native'] * 1000:.1f}, wasm {best['wasm'] * 1000:.1f}: "
              f"{ratio:.2f}x  <= 2: {self.mark(ratio <= 2)}")
        for name, what in (("scan.wasm", "module that reads and writes Parquet"),
                           ("core.wasm", "module that runs all commands")):
            with open(self.module(name), "rb") as f:
                size = len(gzip.compress(f.read(), 9)) / 1000
            print(f"  {what}: {size:.0f} KB gzipped  <= 600: {self.mark(size <= 600)}")

    def about(self):
        names = [TITLES[p + " name"] for p in self.peers]
        print(f"Parquet: {processor()}, {os.cpu_count()} cores; Linux {platform.release()}; "
              f"load {os.getloadavg()[0]:.1f}")
        print(f"ParqueDB beside {', '.join(names) or 'no peer'}; minima of up to "
              f"{self.options.rounds} interleaved rounds, files in the page cache")
        for table, rows in self.rows.items():
            files = (("zstd", "duckdb"), ("zstd", "ours"), ("zstd", "ours.op"),
                     ("snappy", "duckdb"), ("snappy", "ours"))
            sizes = (f"{c} {FILES[w]} {size_text(self.path(table, c, w))}" for c, w in files)
            print(f"{table}: {rows} rows, MB: {', '.join(sizes)}")
        print(f"Row groups of {GROUP_ROWS} rows; the lookup file: {LOOKUP_GROUP_ROWS}, in the "
              "operational layout, as the file of 10K groups. A line's file is read by all.")

    def run(self):
        start = time.monotonic()
        self.make_files()
        self.about()
        self.full_scans()
        self.two_threads()
        self.columns_and_filters()
        self.lookups()
        self.sums()
        self.writes()
        self.wasm()
        for worker in self.workers.values():
            worker.close()
        print(f"\n{self.met} aims met, {self.missed} missed; {time.monotonic() - start:.0f} s; "
              f"load {os.getloadavg()[0]:.1f}")


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def size_text(path):
    return f"{os.path.getsize(path) / 1e6:.1f}" if os.path.exists(path) else "-"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--rows", type=int, default=5000000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu", action="store_true",
                        help="processor time instead of elapsed time, for a machine that is busy")
    parser.add_argument("--only", default="", help="lines whose name contains this")
    sys.stdout.reconfigure(line_buffering=True)
    Bench(parser.parse_args()).run()


if __name__ == "__main__":
    main()
