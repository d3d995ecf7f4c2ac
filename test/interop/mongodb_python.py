#!/usr/bin/env python3
"""PyPI `pymongo` against `parquedb serve`:

    PARQUEDB=build/parquedb python3 test/interop/mongodb_python.py FOLDER
"""
import os

import clients

PACKAGES = ["pymongo==4.20.0", "python-snappy==0.7.3"]


def main():
    python = clients.pip(*PACKAGES)
    with clients.Server("w") as server:
        script = os.path.join(clients.HERE, "mongodb_python", "client.py")
        done = clients.run([python, script, server.uri], 240)
        clients.judge([("pymongo", done, server.end())])


main()
