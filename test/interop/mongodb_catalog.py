#!/usr/bin/env python3
"""Views, renames and clustered collections with npm `mongodb`; and a server that is killed while it
creates, indexes, renames, drops collections keeps what was acknowledged, and unique indexes hold:

    PARQUEDB=build/parquedb python3 test/interop/mongodb_catalog.py FOLDER
"""
import os
import random
import subprocess
import time

import clients

KILLS = 4
SEED = 49


def client(modules, uri, what):
    return ["node", os.path.join(clients.HERE, "mongodb_catalog_client.mjs"), modules, uri, what]


def main():
    clients.node(20)
    modules = clients.npm("mongodb@7.9.0")
    rng = random.Random(SEED)
    runs = []
    with clients.Server("views") as server:
        done = clients.run(["node", os.path.join(clients.HERE, "mongodb_views_client.mjs"), modules,
                            server.uri], 120)
        runs.append(("views", done, server.end()))
    for kill in range(KILLS + 1):
        with clients.Server("killed") as server:
            if kill > 0:
                done = clients.run(client(modules, server.uri, "check"), 60)
                runs.append((f"after kill {kill}", done, True))
            if kill == KILLS:
                break
            worker = subprocess.Popen(client(modules, server.uri, "work"), stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL)
            worker.stdout.read(1)
            time.sleep(rng.random() * 0.5)
            server.process.kill()
            server.process.communicate()
            worker.communicate(timeout=60)
    clients.judge(runs)


main()
