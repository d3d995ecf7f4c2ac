#!/usr/bin/env python3
"""Build with gcov's counters, run the unit and spec tests, print how many lines ran.

    tools/coverage.py [--lines MODULE]     with --lines the lines of MODULE that did not run

A line that is compiled into several programs ran when it ran in any of them. Lines of test/ and of
system headers do not count.
"""
import collections
import glob
import json
import os
import subprocess
import sys

BUILD = "build-cov"


def build():
    options = ["-DCMAKE_BUILD_TYPE=Debug", "-DPARQUEDB_TESTS=ON", "-DPARQUEDB_COVERAGE=ON",
               "-DPARQUEDB_SHARED=OFF"]
    subprocess.run(["cmake", "-S", ".", "-B", BUILD] + options, check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", BUILD, f"-j{os.cpu_count()}"], check=True,
                   stdout=subprocess.DEVNULL)
    for path in glob.glob(BUILD + "/**/*.gcda", recursive=True):
        os.remove(path)


def run_tests():
    """The counters of a program that fails count as well; its name is printed."""
    for program in sorted(glob.glob(BUILD + "/unit/test_*")) + [BUILD + "/spec"]:
        done = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            print(f"{program}: status {done.returncode}")


def counts():
    """(file, line) -> how often it ran."""
    root = os.getcwd() + os.sep
    out = collections.Counter()
    paths = [os.path.abspath(p) for p in glob.glob(BUILD + "/**/*.gcda", recursive=True)]
    for path in paths:
        text = subprocess.check_output(["gcov", "--json-format", "--stdout", path],
                                       stderr=subprocess.DEVNULL, text=True, cwd=BUILD)
        for unit in text.splitlines():
            for file in json.loads(unit)["files"]:
                name = os.path.normpath(os.path.join(root, file["file"]))
                if not name.startswith((root + "src", root + "port", root + "cli")):
                    continue
                for line in file["lines"]:
                    out[name[len(root):], line["line_number"]] += line["count"]
    return out


def module_of(name):
    parts = name.split(os.sep)
    return os.sep.join(parts[:2]) if parts[0] == "src" else parts[0]


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    build()
    run_tests()
    lines, ran = collections.Counter(), collections.Counter()
    wanted = sys.argv[2] if len(sys.argv) == 3 and sys.argv[1] == "--lines" else None
    for (name, line), count in sorted(counts().items()):
        module = module_of(name)
        lines[module] += 1
        ran[module] += count > 0
        if wanted in (module, module.split(os.sep)[-1]) and count == 0:
            print(f"{name}:{line}")
    for module in sorted(lines):
        print(f"{module:16} {ran[module]:7} of {lines[module]:7} lines "
              f"{100 * ran[module] / lines[module]:6.1f} %")
    total, hit = sum(lines.values()), sum(ran.values())
    print(f"{'total':16} {hit:7} of {total:7} lines {100 * hit / max(total, 1):6.1f} %")


main()
