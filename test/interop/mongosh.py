#!/usr/bin/env python3
"""npm `mongosh`, MongoDB's shell, against `parquedb serve`:

    PARQUEDB=build/parquedb python3 test/interop/mongosh.py FOLDER
"""
import os

import clients

SHELL = "mongosh@2.12.0"


def main():
    clients.node(20)
    shell = os.path.join(clients.npm(SHELL), "node_modules", ".bin", "mongosh")
    with clients.Server("w") as server:
        done = clients.run([shell, "--quiet", "--norc", server.uri + "shell",
                            os.path.join(clients.HERE, "mongosh_script.js")], 120)
        clients.judge([("mongosh", done, server.end())])


main()
