#!/usr/bin/env python3
"""The unified test suites of MongoDB's driver specifications against `parquedb serve`, run by the
Node driver's own runner:

    PARQUEDB=build/parquedb python3 test/interop/mongodb_unified.py FOLDER [--write] [SUITE …]

The runner is a release of mongodb/node-mongodb-native, cloned into the cache, or taken from the git
directory that MONGODB_NODE_GIT names; its packages come from the package registry. Skipped with a
message where one of these is not to be had. --write makes doc/mongodb-coverage.md; without it the
suites of the run must say what the file says. The runner and the specifications are run, never
copied into the repository.
"""
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import mongodb_unified_known as known

REPOSITORY = "https://github.com/mongodb/node-mongodb-native"
RELEASE = "v7.5.0"
WANTED = ["package.json", "package-lock.json", "tsconfig.json", "tsdoc.json", "global.d.ts", "etc",
          "src", "test/spec", "test/tools", "test/integration", "test/mocha_mongodb.js",
          "test/mocha_root_hooks.ts", "test/mongodb.ts", "test/mongodb_all.ts",
          "test/mongodb_bundled.ts", "test/csfle-kms-providers.ts", "test/tsconfig.json"]
SUITES = ["crud", "transactions", "transactions-convenient-api", "retryable-reads",
          "retryable-writes", "sessions", "change-streams", "run-command", "versioned-api",
          "read-write-concern", "gridfs", "causal-consistency", "collection-management"]
SUITE_SECONDS = 240
HERE = os.path.dirname(os.path.abspath(__file__))
COVERAGE = os.path.join(HERE, "../../doc/mongodb-coverage.md")


def skip(why):
    print(f"{why}: skipped\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def run(words, **more):
    try:
        return subprocess.run(words, capture_output=True, text=True, **more)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(words, 1, "", str(error))


# ---- the runner ----

def take_from_git(git, folder):
    """The wanted files of a release (else of its newest commit), also of a partial clone."""
    env = dict(os.environ, GIT_INDEX_FILE=folder + ".index")
    for name in (RELEASE, "HEAD"):
        if run(["git", f"--git-dir={git}", "read-tree", name], env=env).returncode == 0:
            break
    names = run(["git", f"--git-dir={git}", "ls-files", "--", *WANTED], env=env).stdout
    run(["git", f"--git-dir={git}", f"--work-tree={folder}", "checkout-index", "--stdin"], env=env,
        input=names, cwd=folder)
    if os.path.exists(env["GIT_INDEX_FILE"]):
        os.remove(env["GIT_INDEX_FILE"])


def take_runner(folder):
    git = os.environ.get("MONGODB_NODE_GIT")
    if git is None:
        git = folder + ".git"
        done = run(["git", "clone", "--quiet", "--bare", "--depth", "1", "--branch", RELEASE,
                    REPOSITORY, git], timeout=300)
        if done.returncode != 0:
            skip(f"{REPOSITORY} cannot be cloned (no network?)")
    take_from_git(git, folder)
    if "MONGODB_NODE_GIT" not in os.environ:
        shutil.rmtree(git)


def install():
    """The folder of the runner, ready to be used."""
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    folder = os.path.join(cache, "parquedb-tests", "mongodb-node-" + RELEASE)
    complete = os.path.join(folder, "complete")
    if os.path.exists(complete):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    take_runner(folder)
    for words in (["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                  ["npm", "run", "build:runtime-barrel"], ["npm", "run", "bundle:driver"]):
        done = run(words, cwd=folder, timeout=600)
        if done.returncode != 0:
            skip(f"'{' '.join(words)}' failed for the driver's runner (no package registry?)")
    with open(complete, "w", encoding="ascii"):
        pass
    return folder


def node_is_there():
    text = run(["node", "--version"]).stdout
    return text.startswith("v") and int(text[1:].split(".")[0]) >= 20


# ---- the server ----

class Server:
    def __init__(self, program, warehouse):
        self.process = subprocess.Popen(
            [program, "-w", warehouse, "serve", "--listen", "127.0.0.1:0", *known.OPTIONS],
            stdout=subprocess.PIPE, stderr=open(warehouse + ".log", "w", encoding="utf-8"),
            text=True)
        self.address = self.process.stdout.readline().split()[-1:]
        if not self.address:
            with open(warehouse + ".log", encoding="utf-8") as log:
                text = log.read()
            if "built without the server" in text:
                skip("this parquedb has no server")
            print(text + "\n0 passed, 1 failed")
            sys.exit(1)
        self.address = self.address[0]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out = self.process.communicate(timeout=60)[0]
        return self.process.returncode == 0 and out == "stopped\n"


# ---- the suites ----

def files_of(folder, suite):
    """Its unified tests, without prose ones: those test the driver."""
    where = os.path.join("test", "integration", suite)
    return [os.path.join(where, name) for name in sorted(os.listdir(os.path.join(folder, where)))
            if name.endswith(".spec.test.ts")]


def run_suite(folder, address, suite):
    out = os.path.abspath(f"unified-{suite}.ndjson")
    words = ["node", "node_modules/mocha/bin/mocha.js", "--config", "test/mocha_mongodb.js",
             "--timeout", "8000", "--exit", "--reporter",
             os.path.join(HERE, "mongodb_unified_reporter.cjs"), *files_of(folder, suite)]
    env = dict(os.environ, AUTH="noauth", MONGODB_URI=f"{address}?replicaSet=rs0", UNIFIED_OUT=out,
               TS_NODE_TRANSPILE_ONLY="1", UNIFIED_SPECS=os.path.join(folder, "test/spec", suite))
    done = run(words, cwd=folder, env=env, timeout=SUITE_SECONDS)
    with open(f"unified-{suite}.log", "w", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
    try:
        with open(out, encoding="utf-8") as lines:
            tests = [json.loads(line) for line in lines]
    except OSError:
        tests = []
    if not tests or tests[-1]["state"] != "end":
        tests.append({"state": "failed", "suite": suite, "title": "the run", "wants": [],
                      "file": "", "reason": None, "message": "it did not come to its end"})
    return [t for t in tests if t["state"] != "end"]


# ---- why a test is skipped or fails ----

def version_of(text):
    return [int(x) for x in re.findall(r"\d+", text)] + [0] * 3


def obstacle(want):
    """What of a requirement our server is not; None: it is all of it."""
    if "topologies" in want and "replicaset" not in want["topologies"]:
        return "needs another topology: " + ", ".join(sorted(want["topologies"]))
    if version_of(want.get("minServerVersion", "0"))[:3] > version_of(known.VERSION)[:3]:
        return "needs MongoDB " + want["minServerVersion"] + " or newer"
    if version_of(want.get("maxServerVersion", "99.99.99"))[:3] < version_of(known.VERSION)[:3]:
        return "for MongoDB before " + known.VERSION
    if want.get("auth"):
        return "needs authentication: the server of this run has none"
    if want.get("serverless") == "require":
        return "for MongoDB Serverless"
    if "csfle" in want:
        return "needs client-side encryption (a library that is not free)"
    if "serverParameters" in want:
        return "needs parameters of the server: " + ", ".join(sorted(want["serverParameters"]))
    return None


def skip_reason(test):
    if test["reason"]:
        text = re.sub(r"\x1b\[[0-9;]*m", "", test["reason"])
        for pattern, reason in known.SKIPS:
            if re.search(pattern, text):
                return reason
        return "the driver's runner: " + re.sub(r"\s+", " ", text)[:100]
    obstacles = [obstacle(want) for want in test["wants"]]
    found = sorted({text for text in obstacles if text is not None})
    return found[0] if found else "the driver's runner leaves it out"


def explanation(suite, test):
    for name, pattern, reason in known.FAILURES:
        if name == suite and re.search(pattern, test["suite"] + " | " + test["title"]):
            return reason
    return None


# ---- the report ----

def table(results):
    lines = ["| suite | passed | failed | skipped |", "| --- | ---: | ---: | ---: |"]
    for suite, tests in results.items():
        states = collections.Counter(t["state"] for t in tests)
        lines.append(f"| {suite} | {states['passed']} | {states['failed']} | {states['skipped']} |")
    return lines


def report(results):
    lines = [known.HEAD.strip(), "", *table(results), "", "## Failures", ""]
    failures = [f"| {suite} | {t['suite']}: {t['title']} | {explanation(suite, t) or '?'} |"
                for suite, tests in results.items() for t in tests if t["state"] == "failed"]
    if failures:
        lines += ["| suite | test | why |", "| --- | --- | --- |", *failures]
    else:
        lines += ["None."]
    lines += ["", "## Skipped", "", "| why | tests | suites |", "| --- | ---: | --- |"]
    reasons = collections.defaultdict(collections.Counter)
    for suite, tests in results.items():
        for t in tests:
            if t["state"] == "skipped":
                reasons[skip_reason(t)][suite] += 1
    for reason, suites in sorted(reasons.items(), key=lambda r: (-sum(r[1].values()), r[0])):
        where = ", ".join(f"{name} {n}" for name, n in suites.items())
        lines.append(f"| {reason} | {sum(suites.values())} | {where} |")
    return "\n".join(lines + ["", known.TAIL.strip()]).rstrip() + "\n"


def main():
    words = sys.argv[2:]
    is_writing = "--write" in words
    suites = [word for word in words if word != "--write"] or SUITES
    program = os.path.abspath(os.environ.get("PARQUEDB", "build/parquedb"))
    if not node_is_there():
        skip("Node 20 or newer is not installed")
    folder = install()
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    results, unexplained = {}, 0
    for suite in suites:
        server = Server(program, os.path.abspath("w-" + suite))
        results[suite] = run_suite(folder, server.address, suite)
        if not server.stop():
            results[suite].append({"state": "failed", "suite": suite, "title": "the server's end",
                                   "wants": [], "file": "", "reason": None, "message": ""})
        for t in results[suite]:
            if t["state"] == "failed" and explanation(suite, t) is None:
                print(f"FAIL {suite}: {t['suite']}: {t['title']}: "
                      f"{' '.join((t['message'] or '').split())[:200]}")
                unexplained += 1
    print("\n".join(table(results)))
    states = collections.Counter(t["state"] for tests in results.values() for t in tests)
    text = report(results)
    if is_writing:
        with open(COVERAGE, "w", encoding="utf-8") as out:
            out.write(text)
    elif suites == SUITES:
        with open("mongodb-coverage.md", "w", encoding="utf-8") as out:
            out.write(text)
    explained = states["failed"] - unexplained
    print(f"{explained} failures are explained in doc/mongodb-coverage.md")
    print(f"{states['passed']} passed, {unexplained} failed, {states['skipped']} skipped")
    return 0 if unexplained == 0 else 1


sys.exit(main())
