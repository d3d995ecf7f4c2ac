#!/usr/bin/env python3
"""Plants bugs in the engine, one at a time, and has the simulator look for each, or a test.

    python3 test/sim/mutants.py [--build build] [--seeds 3000] [--check] [NAME...]

test/sim/mutants/*.mutant: the first lines say what is wrong, then come changes:

    --- src/db/load.c
    <<<<
    the text as it is, which must stand there exactly once
    ====
    the text with the bug
    >>>>

A seed of seeds.txt that is kept for a mutant is tried first, then those from 1 on. Where a line
before the changes says

    found by: unit test_rivals            a program of test/unit
    found by: spec diff that ends         cases of test/spec with these words
    found by: graph 1 40                  seeds of test/spec's random graphs: the first, how many

that is what must fail: worlds meet such a bug too seldom. The changed file is compiled alone and
linked before the library, whose own copy is not taken then.
A change that does not apply, does not compile or is not found is a failed test. Prints a line each:
the seed and the tick that found it, and the seconds. Needs a release build.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MUTANTS = os.path.join(ROOT, "test/sim/mutants")
LIBRARIES = ["libzstd", "zlib", "snappy", "liblz4", "libbrotlidec", "libpcre2-8", "libsodium",
             "sqlite3"]
DEFINES = ["-DPQ_HAVE_ZSTD=1", "-DPQ_HAVE_ZLIB=1", "-DPQ_HAVE_SNAPPY=1", "-DPQ_HAVE_LZ4=1",
           "-DPQ_HAVE_BROTLI=1", "-DPQ_HAVE_PCRE2", "-DPQ_HAVE_SODIUM=1"]
SEEDS = os.path.join(ROOT, "test/sim/seeds.txt")
TIME_MAX = 300  # seconds of one mutant's seeds


class Broken(Exception):
    """The mutant cannot be made."""


def parse(path):
    """What is wrong, what finds it, and the changes: [(file, old, new)]."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    what, _, rest = text.partition("--- ")
    changes = []
    for part in ("--- " + rest).split("--- ")[1:]:
        name, _, body = part.partition("\n")
        for old, new in re.findall(r"^<<<<\n(.*?)^====\n(.*?)^>>>>\n", body, re.S | re.M):
            changes.append((name.strip(), old, new))
    if not what.strip() or not changes:
        raise Broken("has no description or no change")
    finder = re.search(r"^found by: (.+)$", what, re.M)
    what = re.sub(r"^found by: .+$", "", what, flags=re.M)
    return " ".join(what.split()), finder[1] if finder else "sim", changes


def apply(changes):
    """The texts of the changed files."""
    files = {}
    for name, old, new in changes:
        if not name.endswith(".c"):
            raise Broken(f"{name}: only .c files can be changed")
        if name not in files:
            with open(os.path.join(ROOT, name), encoding="utf-8") as f:
                files[name] = f.read()
        if files[name].count(old) != 1:
            raise Broken(f"{name}: the text stands there {files[name].count(old)} times:\n{old}")
        files[name] = files[name].replace(old, new)
    return files


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False, **options)


def must(command):
    done = run(command)
    if done.returncode != 0:
        raise Broken(" ".join(command) + "\n" + done.stdout[-3000:])


def compiler():
    cc = [os.environ.get("CC", "cc"), "-std=c11", "-O1", "-w", "-I" + os.path.join(ROOT, "src"),
          "-I" + ROOT, "-I" + os.path.join(ROOT, "include"),
          "-I" + os.path.join(ROOT, "test"), "-I" + os.path.join(ROOT, "test/unit"), *DEFINES]
    return cc


def sources_of(finder):
    """The sources of the program that is to find a mutant."""
    kind, _, words = finder.partition(" ")
    if kind == "unit":
        return [os.path.join(ROOT, "test/unit", words + ".c")]
    if kind in ("sim", "spec", "graph"):
        folders = ["naive", "sim" if kind == "sim" else "spec"]
        return sorted(s for f in folders for s in glob.glob(os.path.join(ROOT, f"test/{f}/*.c")))
    raise Broken(f"found by: {finder}: neither unit nor spec nor graph")


class Objects:
    """Those of the programs that find mutants, each compiled once."""

    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.made = {}

    def of(self, finder):
        with self.lock:
            for source in sources_of(finder):
                if source in self.made:
                    continue
                name = os.path.relpath(source, ROOT)[:-2].replace("/", "-")
                out = os.path.join(self.folder, name + ".o")
                must(compiler() + ["-c", source, "-o", out])
                self.made[source] = out
            return [self.made[source] for source in sources_of(finder)]


def make(name, folder, build, objects, libraries):
    what, finder, changes = parse(os.path.join(MUTANTS, name + ".mutant"))
    mutated = []
    for path, text in apply(changes).items():
        source = os.path.join(folder, name + "-" + os.path.basename(path))
        with open(source, "w", encoding="utf-8") as f:
            f.write(text)
        must(compiler() + ["-c", source, "-o", source[:-2] + ".o"])
        mutated.append(source[:-2] + ".o")
    program = os.path.join(folder, name)
    must([compiler()[0], "-o", program, *mutated, *objects.of(finder),
          os.path.join(build, "libparquedb.a"), *libraries, "-pthread", "-lm"])
    return what, finder, program


def kept_seeds():
    """The seeds that are kept for mutants, by their names."""
    with open(SEEDS, encoding="utf-8") as f:
        return {m[1]: m[0] for m in re.findall(r"^(\d+)\s+(\w+)$", f.read(), re.M)}


def search(program, finder, kept, count):
    """Run the test; or try the kept seed, then others."""
    kind, _, words = finder.partition(" ")
    if kind == "unit":
        return run([program], timeout=TIME_MAX, cwd=ROOT)
    if kind == "spec":
        return run([program, "test/spec", "cases", words], timeout=TIME_MAX, cwd=ROOT)
    if kind == "graph":
        return run([program, "test/spec", "graph", *words.split()], timeout=TIME_MAX, cwd=ROOT)
    if kept:
        done = run([program, "hunt", kept, "1"], timeout=TIME_MAX, cwd=ROOT)
        if done.returncode != 0:
            return done
    return run([program, "hunt", "1", str(count)], timeout=TIME_MAX, cwd=ROOT)


def hunt(name, options, folder, objects, libraries):
    """(found, the line of the table)"""
    try:
        what, finder, program = make(name, folder, options.build, objects, libraries)
    except (Broken, OSError) as e:
        return False, f"{name:<28} BROKEN  {e}"
    start = time.monotonic()
    try:
        done = search(program, finder, kept_seeds().get(name), options.seeds)
    except subprocess.TimeoutExpired:
        return False, f"{name:<28} not found within {TIME_MAX} s: {what}"
    seconds = time.monotonic() - start
    if done.returncode == 0:
        by = f"{options.seeds} seeds" if finder == "sim" else finder
        return False, f"{name:<28} NOT FOUND by {by}, {seconds:.1f} s: {what}"
    if options.verbose:
        print(done.stdout[-1500:])
    if finder != "sim":
        return True, f"{name:<28} {finder[:16]:>16} {seconds:8.1f}  {what}"
    seeds = re.findall(r"seed (\d+)", done.stdout)
    tick = re.search(r"tick (\d+)", done.stdout)
    seed = seeds[-1] if seeds else "?"
    how = tick.group(1) if tick else "assertion"
    return True, f"{name:<28} {seed:>6} {how:>9} {seconds:8.1f}  {what}"


def check(names):
    """Only whether the texts still stand there."""
    failed = 0
    for name in names:
        try:
            _, finder, changes = parse(os.path.join(MUTANTS, name + ".mutant"))
            apply(changes)
            if not all(map(os.path.exists, sources_of(finder))):
                raise Broken(f"found by: {finder}: there is no such test")
        except (Broken, OSError) as e:
            print(f"{name}: {e}")
            failed += 1
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--seeds", type=int, default=3000)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--check", action="store_true", help="only whether all of them apply")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    folder = os.path.join(options.build, "mutants")
    os.makedirs(folder, exist_ok=True)
    names = sorted(os.path.basename(p)[:-7] for p in glob.glob(MUTANTS + "/*.mutant"))
    if options.names:
        names = [n for n in names if any(word in n for word in options.names)]
    if options.check:
        return check(names)
    flags = run(["pkg-config", "--libs", *LIBRARIES]).stdout.split()
    objects = Objects(folder)
    passed = failed = 0
    print(f"{'mutant':<28} {'seed':>6} {'tick':>9} {'seconds':>8}  what is wrong")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for found, line in pool.map(lambda n: hunt(n, options, folder, objects, flags), names):
            print(line, flush=True)
            passed, failed = passed + found, failed + (not found)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
