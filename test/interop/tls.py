#!/usr/bin/env python3
"""npm `mongodb` over TLS, as a router's client and over a socket in the file system, against
`parquedb serve`:

    PARQUEDB=build/parquedb python3 test/interop/tls.py FOLDER

The program openssl makes the certificates.
"""
import os
import sys

import clients

DRIVER = "mongodb@7.9.0"


def certificates(folder):
    """A server's certificate that is its own authority."""
    cert, key = os.path.join(folder, "server.pem"), os.path.join(folder, "server.key")
    done = clients.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                        "-keyout", key, "-out", cert], 60)
    if done is None or done.returncode != 0:
        clients.skip("the program openssl is missing")
    return cert, key


def main():
    clients.node(20)
    modules = clients.npm(DRIVER)
    folder = sys.argv[1]
    cert, key = certificates(folder)
    path = f"/tmp/parquedb-tls-{os.getpid()}.sock"  # the driver writes hosts in small letters
    script = os.path.join(clients.HERE, "tls_client.mjs")
    runs = []
    for name, options, make in (
            ("tls", ["--tls-cert", cert, "--tls-key", key],
             lambda uri: [uri + "&tlsCAFile=" + cert, "good"]),
            ("tls-untrusted", ["--tls-cert", cert, "--tls-key", key], lambda uri: [uri, "bad"]),
            ("tls-client", ["--tls-cert", cert, "--tls-key", key, "--tls-ca", cert],
             lambda uri: [uri + "&tlsCAFile=" + cert, "bad"]),
            ("mongos", ["--topology", "mongos"], lambda uri: [uri, "Sharded"]),
            ("standalone", ["--topology", "standalone"], lambda uri: [uri, "Single"]),
            ("socket", ["--listen", "unix:" + path],
             lambda _: ["mongodb://" + path.replace("/", "%2F") + "/", "good"])):
        with clients.Server(name, *options) as server:
            done = clients.run(["node", script, modules, *make(server.uri)], 120)
            runs.append((name, done, server.end()))
    clients.judge(runs)


main()
