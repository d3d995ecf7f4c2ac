#!/usr/bin/env python3
"""Debian's libmongoc, MongoDB's driver for C, against `parquedb serve`:

    PARQUEDB=build/parquedb python3 test/interop/libmongoc.py FOLDER
"""
import os
import shutil
import sys

import clients


def main():
    flags = clients.run(["pkg-config", "--cflags", "--libs", "libmongoc-1.0"], 20)
    compiler = shutil.which("cc") or shutil.which("gcc")
    if flags is None or flags.returncode != 0 or compiler is None:
        clients.skip("libmongoc (libmongoc-dev) or a C compiler is not installed")
    program = os.path.join(sys.argv[1], "client")
    source = os.path.join(clients.HERE, "libmongoc", "client.c")
    done = clients.run([compiler, "-Wall", "-o", program, source] + flags.stdout.split(), 120)
    if done is None or done.returncode != 0:
        print(done and done.stderr, "\n0 passed, 1 failed")
        sys.exit(1)
    with clients.Server("w") as server:
        clients.judge([("libmongoc", clients.run([program, server.uri], 120), server.end())])


main()
