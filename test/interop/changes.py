#!/usr/bin/env python3
"""npm `mongodb`: change streams against `parquedb serve`, which is killed and stopped meanwhile:

    PARQUEDB=build/parquedb python3 test/interop/changes.py FOLDER

The driver comes from the package registry into a cache; skipped where it cannot.
"""
import os
import sys

import clients

DRIVERS = ["mongodb@7.9.0", "mongodb@6.22.0"]


def main():
    program = os.path.abspath(os.environ.get("PARQUEDB", "build/parquedb"))
    clients.node(20)
    passed = failed = 0
    for driver in DRIVERS:
        folder = os.path.join(sys.argv[1], driver)
        os.makedirs(folder, exist_ok=True)
        done = clients.run(["node", os.path.join(clients.HERE, "changes_client.mjs"),
                            clients.npm(driver), program, folder], 300)
        text = "" if done is None else done.stdout + done.stderr
        if "built without the server" in text:
            clients.skip("this parquedb has no server")
        lines = text.strip().split("\n")
        counts = lines[-1].split() if lines[-1].endswith(" failed") else ["0", "", "1"]
        for line in lines[:-1] if lines[-1].endswith(" failed") else lines:
            print(f"{driver}: {line}")
        passed += int(counts[0])
        failed += int(counts[2])
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


sys.exit(main())
