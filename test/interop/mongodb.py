#!/usr/bin/env python3
"""npm `mongodb`, MongoDB's own driver for Node, in two versions, against `parquedb serve`:

    PARQUEDB=build/parquedb python3 test/interop/mongodb.py FOLDER
"""
import os

import clients

DRIVERS = ["mongodb@7.9.0", "mongodb@6.22.0"]


def main():
    clients.node(20)
    runs = []
    for driver in DRIVERS:
        modules = clients.npm(driver)
        with clients.Server("w-" + driver) as server:
            done = clients.run(["node", os.path.join(clients.HERE, "mongodb_client.mjs"), modules,
                                server.uri], 300)
            runs.append((driver, done, server.end()))
    clients.judge(runs)


main()
