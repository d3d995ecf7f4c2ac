#!/usr/bin/env python3
"""Libraries over MongoDB's drivers, used as their documentation shows, against `parquedb serve`:

    PARQUEDB=build/parquedb python3 test/interop/libraries.py FOLDER [NAME...]

Each has a script in test/interop/libraries and a database of its own. One that cannot be had is
told and left out.
"""
import os
import sys

import clients

HERE = os.path.join(clients.HERE, "libraries")
NODE = {
    "session": ["connect-mongo@6.0.0", "express@5.3.0", "express-session@1.19.0", "mongodb@7.9.0"],
    "agenda": ["agenda@6.2.6", "@agendajs/mongo-backend@4.0.3", "mongodb@7.9.0"],
    "typeorm": ["typeorm@1.1.1", "mongodb@7.9.0", "reflect-metadata@0.2.2"],
    "typegoose": ["@typegoose/typegoose@13.4.0", "mongoose@9.7.3", "reflect-metadata@0.2.2"],
    "mikro": ["@mikro-orm/core@6.6.16", "@mikro-orm/mongodb@6.6.16"],
    "monk": ["monk@7.3.4"],
    "migrate": ["migrate-mongo@14.0.7", "mongodb@7.9.0"],
    "schema": ["mongodb-schema@12.7.0", "mongodb@7.9.0"],
}
PYTHON = {
    "motor": ["motor==3.7.1", "pymongo==4.20.0"],
    "beanie": ["beanie==2.2.0", "pymongo==4.20.0"],
    "mongoengine": ["mongoengine==0.29.3", "pymongo==4.20.0"],
    "odmantic": ["odmantic==1.1.0", "motor==3.7.1", "pymongo==4.20.0"],
    "umongo": ["umongo==4.0.0", "motor==3.7.1", "pymongo==4.20.0"],
    "arrow": ["pymongoarrow==1.15.0", "pyarrow==25.0.1", "pymongo==4.20.0"],
    "django": ["django-mongodb-backend==5.2.4", "pymongo==4.20.0"],
}


def command(name, uri):
    """None where the library cannot be had."""
    try:
        if name in NODE:
            return ["node", os.path.join(HERE, name + ".mjs"), clients.npm_folder(*NODE[name]), uri]
        return [clients.pip_python(*PYTHON[name]), os.path.join(HERE, f"with_{name}.py"), uri]
    except clients.Missing as error:
        print(error)
        return None


def main():
    clients.node(20)
    os.environ.update(NODE_NO_WARNINGS="1", PYTHONWARNINGS="ignore")
    wanted = sys.argv[2:] or list(NODE) + list(PYTHON)
    runs = []
    with clients.Server("w") as server:
        for name in wanted:
            arguments = command(name, server.uri)
            if arguments is not None:
                runs.append((name, clients.run(arguments, 120)))
        if not runs:
            clients.skip("no library can be installed")
        is_fine = server.end()
        clients.judge([(name, done, is_fine) for name, done in runs])


main()
