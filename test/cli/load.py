#!/usr/bin/env python3
"""`parquedb serve` under load: hundreds of connections, some of them writers, in little memory,
for seconds (./bench serve: a thousand for minutes):

    PARQUEDB=build/parquedb SERVE_LOAD=build/interop/serve_load python3 test/cli/load.py \\
        [SECONDS [MEGABYTES]]

MEGABYTES leaves out servers with less memory. No command fails, each writer reads what it wrote,
and at the end everything that was acknowledged is there, once, and nothing else; the program finds
as much in the warehouse afterwards.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile

PROGRAM = os.environ.get("PARQUEDB", "build/parquedb")
LOAD = os.environ.get("SERVE_LOAD", "build/interop/serve_load")
RUNS = [("300", "32", "64"), ("40", "40", "32"), ("500", "4", "64"), ("600", "48", "64")]
passed = failed = 0


def check(is_right, what, detail=""):
    global passed, failed
    if is_right:
        passed += 1
    else:
        failed += 1
        print(f"FAIL {what}: {detail}")


def start(folder, memory):
    server = subprocess.Popen([PROGRAM, "-w", folder, "--memory", memory, "serve", "--listen",
                               "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
    line = server.stdout.readline()
    address = re.match(r"listening on mongodb://([^/]*)/", line)
    if address is None:
        sys.exit(f"the server says {line}{server.communicate()[1]}")
    return server, address.group(1)


def stop(server):
    server.send_signal(signal.SIGTERM)
    _, err = server.communicate(timeout=120)
    check(server.returncode == 0, "the server ends well", f"{server.returncode} {err}")
    check("ERROR" not in err and "Sanitizer" not in err, "and had nothing to complain of",
          err[-2000:])


def count(folder):
    done = subprocess.run([PROGRAM, "-w", folder, "-n", "load", "count", "docs"],
                          capture_output=True, text=True, timeout=120)
    return done.stdout.strip() + done.stderr.strip()


def run(connections, writers, memory, seconds):
    what = f"{connections} connections, {writers} writers, {memory} MB"
    with tempfile.TemporaryDirectory(prefix="parquedb-load.") as folder:
        server, address = start(folder, memory)
        load = subprocess.run([LOAD, "mongodb", address, connections, writers, seconds],
                              capture_output=True, text=True, timeout=600)
        found = dict(re.findall(r"^(errors|lost|documents) (\d+)$", load.stdout, re.M))
        stop(server)
        check(load.returncode == 0, what, load.stdout + load.stderr)
        check(found.get("errors") == "0", f"{what}: no command fails", load.stderr)
        check(found.get("lost") == "0", f"{what}: no write is lost", load.stdout)
        check(int(found.get("documents", 0)) > 0, f"{what}: something was written")
        check(count(folder) == found.get("documents"), f"{what}: and it stays",
              f"{count(folder)} of {found.get('documents')}")


def main():
    if not os.path.exists(LOAD):
        print("built without the server: skipped\n0 passed, 0 failed, 1 skipped")
        return 0
    seconds = sys.argv[1] if len(sys.argv) > 1 else "4"
    least = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for connections, writers, memory in RUNS:
        if int(memory) >= least:
            run(connections, writers, memory, seconds)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
