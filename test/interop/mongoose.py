#!/usr/bin/env python3
"""npm `mongoose`, documents with schemas over MongoDB's driver, against `parquedb serve`:

    PARQUEDB=build/parquedb python3 test/interop/mongoose.py FOLDER
"""
import os

import clients

PACKAGE = "mongoose@9.12.1"


def main():
    clients.node(20)
    modules = clients.npm(PACKAGE)
    with clients.Server("w") as server:
        done = clients.run(["node", os.path.join(clients.HERE, "mongoose_client.mjs"), modules,
                            server.uri], 240)
        clients.judge([(PACKAGE, done, server.end())])


main()
