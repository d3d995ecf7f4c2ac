#!/usr/bin/env python3
"""npm `mongodb`, MongoDB's own driver for Node, against `parquedb serve`:

    PARQUEDB=build/parquedb python3 test/interop/mongodb.py FOLDER

The driver comes from the package registry into a cache; skipped where it cannot.
"""
import os
import signal
import subprocess
import sys

DRIVER = "mongodb@7.9.0"
HERE = os.path.dirname(os.path.abspath(__file__))


def skip(why):
    print(f"{why}: skipped\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def install():
    """The folder with the driver's node_modules."""
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


def node_is_there():
    try:
        text = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    except OSError:
        return False
    return text.startswith("v") and int(text[1:].split(".")[0]) >= 20


def main():
    program = os.path.abspath(os.environ.get("PARQUEDB", "build/parquedb"))
    if not node_is_there():
        skip("Node 20 or newer is not installed")
    modules = install()
    server = subprocess.Popen([program, "-w", os.path.join(sys.argv[1], "w"), "serve", "--listen",
                               "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
    first = server.stdout.readline()
    if not first.startswith("listening on "):
        rest = server.communicate()[1]
        if "built without the server" in rest:
            skip("this parquedb has no server")
        print(first, rest, "\n0 passed, 1 failed")
        return 1
    done = subprocess.run(["node", os.path.join(HERE, "mongodb_client.mjs"), modules,
                           first.split()[-1]], capture_output=True, text=True, timeout=300)
    lines = (done.stdout + done.stderr).strip().split("\n")
    server.send_signal(signal.SIGTERM)
    out, err = server.communicate(timeout=60)
    is_fine = server.returncode == 0 and out == "stopped\n"
    if not is_fine:
        print("the server's end:", server.returncode, out, err)
    counts = lines[-1].split() if lines[-1].endswith(" failed") else ["0", "", "1"]
    print("\n".join(lines[:-1] if lines[-1].endswith(" failed") else lines))
    print(f"{int(counts[0]) + is_fine} passed, {int(counts[2]) + (not is_fine)} failed")
    return 0 if is_fine and counts[2] == "0" else 1


sys.exit(main())
