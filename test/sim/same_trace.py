#!/usr/bin/env python3
"""The same seeds must give the same trace: twice, with and without sanitizers, and as wasm32.

    python3 test/sim/same_trace.py [COUNT]

Runs what is built of build-asan/sim, build/sim and build-wasm/tests/sim.wasm (under Node).
"""
import os
import re
import subprocess
import sys

PROGRAMS = [["build-asan/sim"], ["build-asan/sim"], ["build/sim"],
            ["node", "--no-warnings", "--single-threaded-gc", "test/wasm/run.mjs", "--one",
             "build-wasm/tests/sim.wasm"]]


def main():
    os.chdir(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    count = sys.argv[1] if len(sys.argv) > 1 else "20"
    traces, skipped = [], 0
    for program in PROGRAMS:
        if not os.path.exists(program[-1]):
            print(f"{program[-1]} is not built: skipped")
            skipped += 1
            continue
        done = subprocess.run(program + ["seeds", "1", count], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, check=False)
        trace = re.search(r"^trace (\w+)$", done.stdout, re.M)
        traces.append(trace.group(1) if trace else done.stdout[-2000:])
        print(f"{program[-1]:<28} {traces[-1]}")
    passed = sum(t == traces[0] for t in traces)
    print(f"{passed} passed, {len(traces) - passed} failed" +
          (f", {skipped} skipped" if skipped else ""))
    return passed != len(traces) or not traces


if __name__ == "__main__":
    sys.exit(main())
