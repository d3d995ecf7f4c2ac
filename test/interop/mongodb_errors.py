#!/usr/bin/env python3
"""Mistakes that people make, and what MongoDB's driver hears of them, against `parquedb serve`:

    PARQUEDB=build/parquedb python3 test/interop/mongodb_errors.py FOLDER
"""
import os

import clients

PACKAGE = "mongodb@7.9.0"


def main():
    clients.node(20)
    modules = clients.npm(PACKAGE)
    with clients.Server("w") as server:
        script = os.path.join(clients.HERE, "mongodb_errors_client.mjs")
        done = clients.run(["node", script, modules, server.uri], 120)
        clients.judge([(PACKAGE, done, server.end())])


main()
