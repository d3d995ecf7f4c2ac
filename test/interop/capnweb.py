#!/usr/bin/env python3
"""npm `capnweb`, the client of Cap'n Web RPC, against `parquedb serve --http`, by WebSocket and by
batches of HTTP; the examples of doc/rpc.md:

    PARQUEDB=build/parquedb python3 test/interop/capnweb.py FOLDER
"""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
import clients  # noqa: E402

CAPNWEB, WS = "capnweb@0.12.0", "ws@8.23.0"
CLIENT = os.path.join(clients.HERE, "capnweb_client.mjs")


def add_users(folder):
    """Before the server starts."""
    program = os.path.abspath(os.environ.get("PARQUEDB", "build/parquedb"))
    for name, role in (("reader", "read@default"), ("writer", "readWrite@default")):
        done = subprocess.run([program, "-w", folder, "user", "add", name, role],
                              input=f"of {name}", text=True, capture_output=True)
        if done.returncode != 0:
            print(done.stderr)


def run(name, part, modules):
    with clients.Server(name, "--http", "127.0.0.1:0") as server:
        address = server.process.stdout.readline().split()[-1].split("/")[2]
        done = clients.run(["node", CLIENT, *modules, address, part], 400)
        return part, done, server.end()


def main():
    clients.node(20)
    modules = [clients.npm(CAPNWEB), clients.npm(WS)]
    add_users(os.path.join(sys.argv[1], "users"))
    clients.judge([run("w", "all", modules), run("users", "access", modules)])


main()
