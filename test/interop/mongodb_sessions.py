#!/usr/bin/env python3
"""Sessions, transactions and writes that are sent twice, by npm `mongodb` and by bare messages,
also across kill -9 of the server:

    PARQUEDB=build/parquedb python3 test/interop/mongodb_sessions.py FOLDER

The driver comes from the package registry into a cache; skipped where it cannot.
"""
import os
import subprocess
import sys

DRIVER = "mongodb@7.9.0"
HERE = os.path.dirname(os.path.abspath(__file__))


def skip(why):
    print(f"{why}: skipped\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def install():
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    folder = os.path.join(cache, "parquedb-tests", "npm-" + DRIVER)
    if os.path.exists(os.path.join(folder, "complete")):
        return folder
    os.makedirs(folder, exist_ok=True)
    try:
        done = subprocess.run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix",
                               folder, DRIVER], capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        skip(f"npm cannot be run ({error})")
    if done.returncode != 0:
        skip(f"{DRIVER} cannot be installed (no package registry?)")
    with open(os.path.join(folder, "complete"), "w", encoding="ascii"):
        pass
    return folder


def main():
    program = os.path.abspath(os.environ.get("PARQUEDB", "build/parquedb"))
    done = subprocess.run([program, "help", "serve"], capture_output=True, text=True)
    if done.returncode != 0:
        skip("this parquedb has no server")
    modules = install()
    os.makedirs(sys.argv[1], exist_ok=True)
    done = subprocess.run(["node", os.path.join(HERE, "mongodb_sessions.mjs"), modules, program,
                           os.path.join(os.path.abspath(sys.argv[1]), "w")],
                          capture_output=True, text=True, timeout=300)
    print((done.stdout + done.stderr).strip())
    return done.returncode


sys.exit(main())
