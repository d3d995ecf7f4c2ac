#!/usr/bin/env python3
"""Makes the Debian package of build/ and looks into it with dpkg-deb.

    test/install/package.py FOLDER      an empty folder to work in; $BUILD: the build folder
"""
import glob
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
passed = failed = 0


def check(what, is_good, detail=""):
    global passed, failed
    passed += bool(is_good)
    failed += not is_good
    if not is_good:
        print(f"FAIL {what}\n{detail}")


def run(*words, **more):
    done = subprocess.run(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **more)
    return done.returncode, done.stdout


def check_control(path):
    fields = dict(re.findall(r"^(\S+): (.*)$", run("dpkg-deb", "-f", path)[1], re.M))
    check("its name", fields.get("Package") == "parquedb", fields)
    check("its version", re.fullmatch(r"\d+\.\d+\.\d+", fields.get("Version", "")), fields)
    for need in ("libc6", "libsqlite3-0", "libsodium23", "libzstd1", "zlib1g"):
        check(f"it depends on {need}", need in fields.get("Depends", ""), fields)
    if shutil.which("dpkg-shlibdeps"):
        check("the least version of libc6 is known",
              re.search(r"libc6 \(>= ", fields.get("Depends", "")), fields)
    check("a description", "Parquet" in fields.get("Description", ""), fields)


def check_content(path, folder):
    listing = run("dpkg-deb", "-c", path)[1]
    owners = {line.split()[1] for line in listing.splitlines()}
    check("all belongs to root", owners == {"root/root"}, owners)
    status, output = run("dpkg-deb", "-x", path, folder + "/tree")
    check("it unpacks", status == 0, output)
    usr = folder + "/tree/usr"
    check("nothing outside of /usr", os.listdir(folder + "/tree") == ["usr"])
    for name in ("include/parquedb/parquedb.h", "lib/libparquedb.so.0", "lib/libparquedb.a",
                 "share/man/man1/parquedb.1", "share/doc/parquedb/copyright"):
        check(f"{name} is inside", os.path.exists(f"{usr}/{name}"), listing)
    status, output = run(usr + "/bin/parquedb", "insert", "posts", '{"$id": "p1"}', "-w",
                         folder + "/warehouse")
    check("the program works", status == 0 and output.strip() == "posts/p1", output)


def main():
    folder = os.path.abspath(sys.argv[1])
    if not shutil.which("dpkg-deb"):
        print("dpkg-deb is not there: the package is skipped\n0 passed, 0 failed, 1 skipped")
        return 0
    status, output = run("cpack", "-G", "DEB", "-B", folder,
                         cwd=os.path.join(ROOT, os.environ.get("BUILD", "build")))
    check("cpack makes the package", status == 0, output)
    paths = glob.glob(folder + "/parquedb_*.deb")
    check("one package, named as Debian does", len(paths) == 1, output)
    if paths:
        check_control(paths[0])
        check_content(paths[0], folder)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
