#!/usr/bin/env python3
"""Whose turn it is (doc/decisions/0056), with PyPI `pymongo` against `parquedb serve`: long
commands are killed, are late, lose their clients; short ones go before them.

    PARQUEDB=build/parquedb python3 test/interop/turns.py FOLDER
"""
import os

import clients


def main():
    python = clients.pip("pymongo==4.20.0")
    with clients.Server("w", "--http", "127.0.0.1:0", "--max-time-ms", "60000",
                        "--test-commands") as server:
        http = server.process.stdout.readline().split()[-1]
        script = os.path.join(clients.HERE, "turns", "turns_client.py")
        done = clients.run([python, script, server.uri, http, str(server.process.pid)], 280)
        clients.judge([("turns", done, server.end())])


main()
