#!/usr/bin/env python3
"""./bench serve: a server under mixed load, beside PostgreSQL.

    bench_serve.py FOLDER [--seconds N] [--connections N] [--writers N] [--turns N] [--without SIDE]

      turns    each side its turn of seconds / turns, so that a minute in which the machine is
               slow is for all; a side starts each turn with an empty database
      writers  insert 45, update 35, delete 5, read their own 15 of 100, as fast as they are
               answered
      readers  a document by its id, one in ten a list of 20; each about once a second
      end      every document is read and compared with what was acknowledged
      table    rates, p50 and p99 (medians of the turns), memory, errors, lost writes; ratios

Both sync each commit to the disk: ours as it always does, PostgreSQL with its defaults.
"""
import argparse
import os
import pwd
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

OPS = ("insert", "update", "delete", "read", "list")
TITLES = {"ours": "ours", "postgres": "PostgreSQL"}
MEMORY_MB = 256


def progress(what, done, total):
    """A bar where somebody looks."""
    if sys.stderr.isatty():
        bar = "#" * (30 * done // total)
        end = "\r\x1b[K" if done == total else ""
        print(f"\r{what:<12} [{bar:<30}] {100 * done // total:3} %{end}", end="",
              file=sys.stderr, flush=True)


def resident_kb(pid):
    """What a process has of its own and its share of what it shares."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    except OSError:
        return 0


class Ours:
    name = "mongodb"

    def __init__(self, folder):
        self.process = subprocess.Popen(
            ["build/parquedb", "-w", os.path.join(folder, "w"), "--memory", str(MEMORY_MB), "serve",
             "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on mongodb://"):
            sys.exit(f"bench serve: the server says: {line}")
        self.address = line.split("//")[1].split("/")[0]

    def memory_kb(self):
        return resident_kb(self.process.pid)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Postgres:
    """A cluster of its own; its programs refuse to be root, so they run as the packaged user."""
    name = "postgres"

    def __init__(self, folder):
        bins = subprocess.run(["pg_config", "--bindir"], capture_output=True,
                              text=True).stdout.strip()
        versions = "/usr/lib/postgresql"
        if not os.path.exists(os.path.join(bins, "initdb")):
            bins = os.path.join(versions, max(os.listdir(versions), key=int), "bin")
        self.user = "postgres" if os.getuid() == 0 else None
        self.folder = folder
        if self.user:
            os.chmod(folder, 0o755)
            shutil.chown(folder, self.user)
        data = os.path.join(folder, "data")
        self.control = [os.path.join(bins, "pg_ctl"), "-D", data, "-w", "-s"]
        self.run([os.path.join(bins, "initdb"), "-D", data, "-A", "trust", "-U", "bench"])
        self.run(self.control + ["-l", os.path.join(folder, "log"), "-o",
                                 f"-c max_connections=1200 -c listen_addresses= "
                                 f"-c unix_socket_directories={folder} "
                                 f"-c shared_buffers={MEMORY_MB // 2}MB", "start"])
        with open(os.path.join(data, "postmaster.pid"), encoding="ascii") as f:
            self.pid = int(f.readline())
        self.address = f"host={folder} user=bench dbname=postgres"

    def run(self, command):
        done = subprocess.run(command, user=self.user, cwd="/", stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"bench serve: {command[0]}: {done.stderr}")

    def memory_kb(self):
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid)],
                                  capture_output=True, text=True).stdout.split()
        return sum(resident_kb(pid) for pid in [self.pid, *children])

    def close(self):
        self.run(self.control + ["-m", "fast", "stop"])


SIDES = {"ours": Ours, "postgres": Postgres}


def turn(side, work, seconds, options):
    """One turn: {"rate": (writes, reads), "insert": (count, p50, p99, max), …, "memory": kB}"""
    folder = tempfile.mkdtemp(prefix="parquedb-serve.", dir="/tmp")
    server = SIDES[side](folder)
    found = {"memory": 0}
    try:
        load = subprocess.Popen(
            [os.path.join(work, "bench_serve"), server.name, server.address,
             str(options.connections), str(options.writers), str(seconds)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in load.stdout:
            words = line.split()
            if words[0] == "loaded":
                found["memory"] = server.memory_kb()
            elif words[0] == "op":
                found[words[1]] = tuple(map(int, words[2:]))
            else:
                found[words[0]] = tuple(map(int, words[1:]))
        complaints = [line for line in load.stderr.read().splitlines() if " of client " in line]
        if load.wait() not in (0, 1) or "documents" not in found:
            sys.exit(f"bench serve: {side}: the load ended with {load.returncode}: {complaints}")
        for line in complaints:
            print(f"{TITLES[side]}: {line}")
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
    return found


def median(turns, name, i):
    return statistics.median(t[name][i] for t in turns)


def row(title, values, unit, is_more_better):
    """A line of the table: ours, the others, ours to theirs."""
    cells = "".join(f"{value:>14,.2f}" if isinstance(value, float) else f"{value:>14,}"
                    for value in values.values())
    ratio = ""
    if len(values) == 2 and values["postgres"]:
        ratio = f"{values['ours'] / values['postgres']:>10.2f} x"
    print(f"{title:<26}{cells} {unit:<4}{ratio}{'  (more is better)' if is_more_better else ''}")


def table(results):
    sides = list(results)
    print(f"\n{'':<26}" + "".join(f"{TITLES[s]:>14}" for s in sides) +
          (f"{'':5}{'ours to it':>11}" if len(sides) == 2 else ""))
    for i, what in enumerate(("writes a second", "reads a second")):
        row(what, {s: int(median(results[s], "rate", i)) for s in sides}, "/s", i == 0)
    for op in OPS:
        for i, what in ((1, "p50"), (2, "p99")):
            row(f"{op} {what}", {s: median(results[s], op, i) / 1000 for s in sides}, "ms", False)
    row("memory at the end", {s: max(t["memory"] for t in results[s]) // 1024 for s in sides}, "MB",
        False)
    for name in ("documents", "errors", "lost"):
        row(name, {s: sum(t[name][0] for t in results[s]) for s in sides}, "", False)


def main():
    parser = argparse.ArgumentParser(prog="bench serve")
    parser.add_argument("folder")
    parser.add_argument("--seconds", type=int, default=300, help="of load for each side")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--writers", type=int, default=64)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--without", action="append", default=[], choices=list(SIDES))
    options = parser.parse_args()
    results = {s: [] for s in SIDES if s not in options.without}
    if "postgres" in results and os.getuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            del results["postgres"]
    for i in range(options.turns):
        for j, side in enumerate(results):
            progress(TITLES[side], i * len(results) + j, options.turns * len(results))
            results[side].append(turn(side, options.folder, options.seconds // options.turns,
                                      options))
    progress("", 1, 1)
    print(f"{options.connections} connections, {options.writers} of them writers, "
          f"{options.seconds} s of load in {options.turns} turns")
    table(results)
    bad = sum(t["errors"][0] + t["lost"][0] for t in results.get("ours", []))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
