#!/usr/bin/env python3
"""`make install` into a folder, and the C example of README.md built against what is there.

    test/install/installed.py FOLDER      an empty folder to work in; $BUILD: the build folder

The example is compiled exactly as README.md has it, as C and as C++, with each way that a project
may find the library: pkg-config (shared, static) and CMake's find_package (shared, static).
"""
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
FIND_PACKAGE = """cmake_minimum_required(VERSION 3.18)
project(hello C)
find_package(parquedb %(version)s REQUIRED %(components)s)
add_executable(hello hello.c)
target_link_libraries(hello PRIVATE parquedb::%(target)s)
"""
passed = failed = skipped = 0


def check(what, is_good, detail=""):
    global passed, failed
    passed += bool(is_good)
    failed += not is_good
    if not is_good:
        print(f"FAIL {what}\n{detail}")


def run(words, folder=None, env=None):
    """Status and output."""
    done = subprocess.run(words, cwd=folder, env={**os.environ, **(env or {})}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def example():
    text = open(os.path.join(ROOT, "README.md"), encoding="utf-8").read()
    return re.search(r"^```c\n(/\* hello\.c\b.*?)^```$", text, re.S | re.M).group(1)


def check_says_hello(what, program, folder, libraries):
    shutil.rmtree(os.path.join(folder, "hello-warehouse"), ignore_errors=True)
    env = {"LD_LIBRARY_PATH": libraries} if libraries else {"LD_LIBRARY_PATH": ""}
    status, output = run([program], folder, env)
    check(f"{what} runs", status == 0 and '"title":"Hello"' in output, output)


def has_server(prefix):
    program = os.path.join(prefix, "bin/parquedb")
    done = run([program, "-w", prefix + "/none", "serve", "--listen", "nowhere"])
    return "without the server" not in done[1]


def check_files(prefix):
    wanted = ["bin/parquedb", "include/parquedb/parquedb.h", "include/parquedb/parquet.h",
              "lib/libparquedb.a", "lib/libparquedb.so", "lib/libparquedb.so.0",
              "lib/pkgconfig/parquedb.pc",
              "lib/cmake/parquedb/parquedb-config.cmake", "share/man/man1/parquedb.1",
              "share/man/man1/parquedb-find.1", "share/doc/parquedb/copyright",
              "share/bash-completion/completions/parquedb"]
    if has_server(prefix):
        wanted += ["lib/systemd/system/parquedb.service", "lib/systemd/system/parquedb.socket"]
    for name in wanted:
        check(f"{name} is installed", os.path.exists(os.path.join(prefix, name)))
    soname = run(["readelf", "-d", os.path.join(prefix, "lib/libparquedb.so")])[1]
    check("the soname is libparquedb.so.0", "[libparquedb.so.0]" in soname, soname)


def check_exports(prefix):
    """The shared library exports what the headers declare with PQDB_API, and nothing else."""
    declared, bare = set(), []
    folder = os.path.join(prefix, "include", "parquedb")
    for name in sorted(os.listdir(folder)):
        text = re.sub(r"/\*.*?\*/", "", open(os.path.join(folder, name)).read(), flags=re.S)
        for api, function in re.findall(r"^(PQDB_API )?[a-z][\w \*]*?\**(pqdb_\w+)\(", text, re.M):
            declared.add(function)
            if not api:
                bare.append(function)
    check("every function of the headers has PQDB_API", not bare, " ".join(bare))
    status, text = run(["nm", "-D", "--defined-only", "--format=posix",
                        os.path.join(prefix, "lib/libparquedb.so")])
    exported = {line.split()[0] for line in text.splitlines()}
    check("nm reads the library", status == 0, text)
    check("exports and headers agree", exported == declared,
          f"only exported: {sorted(exported - declared)}\n"
          f"only declared: {sorted(declared - exported)}")


def check_version(prefix, version):
    header = open(os.path.join(prefix, "include/parquedb/parquedb.h")).read()
    parts = re.findall(r"#define PQDB_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header)
    check("header and pkg-config have one version", ".".join(parts) == version, version)
    output = run([os.path.join(prefix, "bin/parquedb"), "--version"])[1]
    check("the program says it too", output.strip() == "parquedb " + version, output)


def check_man(prefix):
    """A page for every command, of which man complains about nothing."""
    program = os.path.join(prefix, "bin/parquedb")
    commands = re.findall(r"^  ([a-z-]+)  ", run([program, "help"])[1], re.M)
    folder = os.path.join(prefix, "share/man/man1")
    check("the help lists commands", len(commands) > 10)
    commands.remove("help")
    for command in commands:
        path = os.path.join(folder, f"parquedb-{command}.1")
        text = open(path).read() if os.path.exists(path) else ""
        check(f"parquedb-{command}.1 has its parts",
              all(f".SH {part}" in text for part in ("NAME", "SYNOPSIS", "OPTIONS", "EXAMPLES")))
    if shutil.which("man"):
        for name in sorted(os.listdir(folder)):
            status, text = run(["man", "--warnings", "-l", os.path.join(folder, name)],
                               env={"MANPAGER": "cat", "LC_ALL": "C.UTF-8"})
            check(f"man shows {name}", status == 0 and "warning" not in text, text[:400])


def complete(prefix, *words):
    """What bash would offer for the last word."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              '_parquedb "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    source = os.path.join(prefix, "share/bash-completion/completions/parquedb")
    program = os.path.join(prefix, "bin/parquedb")
    status, text = run(["bash", "-uc", script, "bash", source, program, *words])
    check(f"completion of {words} ends well", status == 0, text)
    return text.split()


def check_completion(prefix, folder):
    program, place = os.path.join(prefix, "bin/parquedb"), os.path.join(folder, "completed")
    check("commands", complete(prefix, "file") == ["files"], complete(prefix, "file"))
    check("help takes commands", "traverse" in complete(prefix, "help", "tr"))
    check("options of a command", complete(prefix, "find", "posts", "--pro") == ["--project"])
    run([program, "insert", "posts", "{}", "-w", place])
    check("collections", complete(prefix, "-w", place, "find", "") == ["posts"])
    check("folders", complete(prefix, "-w", place[:-2]) == [place])


def with_pkg_config(prefix, folder, env):
    libraries = os.path.join(prefix, "lib")
    for compiler, source in (("gcc", ["hello.c"]), ("g++", ["-x", "c++", "hello.c", "-x", "none"]),
                             ("clang", ["hello.c"])):
        if not shutil.which(compiler):
            global skipped
            skipped += 1
            print(f"{compiler} is not installed: its example is skipped")
            continue
        for way in ([], ["--static"]):
            status, flags = run(["pkg-config", "--cflags", "--libs", *way, "parquedb"], env=env)
            flags = flags.split()
            if way:  # the archive itself; what it needs stays shared
                flags = [os.path.join(libraries, "libparquedb.a") if flag == "-lparquedb" else flag
                         for flag in flags]
            what = f"{compiler} {''.join(way)} through pkg-config"
            status, output = run([compiler, *STRICT, *source, "-o", "hello", *flags], folder)
            check(f"{what} compiles", status == 0, output)
            if status == 0:
                check_says_hello(what, "./hello", folder, None if way else libraries)


def check_example(prefix, folder, env, name, program, argument):
    """examples/NAME prints what its README shows."""
    source = os.path.join(ROOT, "examples", name)
    libraries = os.path.join(prefix, "lib")
    flags = run(["pkg-config", "--cflags", "--libs", "parquedb"], env=env)[1].split()
    status, output = run(["gcc", *STRICT, os.path.join(source, program + ".c"), "-o", program,
                          *flags], folder)
    check(f"examples/{name} compiles", status == 0, output)
    status, output = run(["./" + program, argument], folder, {"LD_LIBRARY_PATH": libraries})
    text = open(os.path.join(source, "README.md"), encoding="utf-8").read()
    shown = re.findall(r"^```\n(.*?)^```$", text, re.S | re.M)[-1]
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    check(f"examples/{name} prints what its README shows",
          status == 0 and re.fullmatch(pattern, output), output)


def with_cmake(prefix, folder, version):
    for target, components in (("parquedb", ""), ("static", "COMPONENTS static")):
        place = os.path.join(folder, "cmake-" + target)
        os.makedirs(place)
        shutil.copy(os.path.join(folder, "hello.c"), place)
        with open(os.path.join(place, "CMakeLists.txt"), "w") as out:
            out.write(FIND_PACKAGE % dict(version=version, target=target, components=components))
        what = f"find_package, {target}"
        status, output = run(["cmake", "-S", place, "-B", place + "/build",
                              f"-DCMAKE_PREFIX_PATH={prefix}"])
        check(f"{what}: configures", status == 0, output)
        status, output = run(["cmake", "--build", place + "/build"])
        check(f"{what}: builds", status == 0, output)
        if status != 0:
            continue
        check_says_hello(what, place + "/build/hello", place, "")


def main():
    folder = os.path.abspath(sys.argv[1])
    prefix = os.path.join(folder, "tree", "opt", "parquedb")
    status, output = run(["make", "install", f"DESTDIR={folder}/tree", "PREFIX=/opt/parquedb",
                          "BUILD=" + os.environ.get("BUILD", "build")], ROOT)
    check("make install", status == 0, output)
    env = {"PKG_CONFIG_PATH": os.path.join(prefix, "lib", "pkgconfig")}
    version = run(["pkg-config", "--modversion", "parquedb"], env=env)[1].strip()
    check_files(prefix)
    check_exports(prefix)
    check_version(prefix, version)
    check_man(prefix)
    check_completion(prefix, folder)
    text = example()
    check("the example has under 40 lines", text.count("\n") < 40)
    with open(os.path.join(folder, "hello.c"), "w", encoding="utf-8") as out:
        out.write(text)
    with_pkg_config(prefix, folder, env)
    check_example(prefix, folder, env, "parquet", "trips", "trips.parquet")
    os.makedirs(os.path.join(folder, "bank"))
    check_example(prefix, folder, env, "ledger", "ledger", "bank")
    with_cmake(prefix, folder, version)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


sys.exit(main())
