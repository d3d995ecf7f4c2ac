#!/usr/bin/env python3
"""The unified test suites of MongoDB's driver specifications against `parquedb serve`, run by the
Node driver's own runner:

    PARQUEDB=build/parquedb python3 test/interop/mongodb_unified.py FOLDER [--write] [SUITE …]

The runner is a release of mongodb/node-mongodb-native, cloned into the cache, or taken from the git
directory that MONGODB_NODE_GIT names; its packages come from the package registry. Skipped with a
message where one of these is not to be had. The runner and the specifications are run, never
copied into the repository.

A suite runs against a replica set of one. What it skips there because it wants another server runs
again against that one: with users, as a mongos with two addresses, as a single server.

--write makes doc/mongodb-coverage.md. Without it the run must say what that file says: each suite
its counts, the known failures and no other ones.
"""
import collections
import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

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
SUITE_SECONDS = 900
TEST_MS = 30000  # the machine may have other work
AT_A_TIME = 2
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
    """In a mode of known.MODES, on a new warehouse."""

    def __init__(self, program, name, mode):
        warehouse = os.path.abspath(f"w-{name}-{mode.key}")
        self.log = warehouse + ".log"
        if mode.user:
            name, password = mode.user.split(":")
            run([program, "-w", warehouse, "user", "add", name, "root"], input=password)
        listen = ["--listen", ",".join(["127.0.0.1:0"] * mode.addresses)]
        self.process = subprocess.Popen(
            [program, "-w", warehouse, "serve", *listen, *known.OPTIONS, *mode.options],
            stdout=subprocess.PIPE, stderr=open(self.log, "w", encoding="utf-8"), text=True)
        hosts = []
        for _ in range(mode.addresses):
            hosts += self.process.stdout.readline().split()[-1:]
        if len(hosts) < mode.addresses:
            self.refused()
        hosts = ",".join(re.sub("^mongodb://|/$", "", host) for host in hosts)
        self.uri = f"mongodb://{mode.user + '@' if mode.user else ''}{hosts}/{mode.query}"

    def refused(self):
        with open(self.log, encoding="utf-8") as log:
            text = log.read()
        if "built without the server" in text:
            skip("this parquedb has no server")
        print(text + "\n0 passed, 1 failed")
        sys.exit(1)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out = self.process.communicate(timeout=60)[0]
        return self.process.returncode == 0 and out.endswith("stopped\n")


# ---- the suites ----

def files_of(folder, suite):
    """Its unified tests, without prose ones: those test the driver."""
    where = os.path.join("test", "integration", suite)
    return [os.path.join(where, name) for name in sorted(os.listdir(os.path.join(folder, where)))
            if name.endswith(".spec.test.ts")]


def failure(suite, what):
    return {"state": "failed", "suite": suite, "title": what, "wants": [], "file": "",
            "reason": None, "message": ""}


def run_mode(folder, program, suite, mode, only):
    """The suite's tests in a mode, all or those of which `only` has the titles."""
    out = os.path.abspath(f"unified-{suite}-{mode.key}.ndjson")
    choice = os.path.abspath(f"unified-{suite}-{mode.key}.json")
    with open(choice, "w", encoding="utf-8") as file:
        json.dump({"only": only, "out": [[pattern, why] for name, where, pattern, why in
                                         known.LEFT_OUT if (name, where) == (suite, mode.name)]},
                  file)
    server = Server(program, suite, mode)
    words = ["node", "node_modules/mocha/bin/mocha.js", "--config", "test/mocha_mongodb.js",
             "--timeout", str(TEST_MS), "--exit", "--require",
             os.path.join(HERE, "mongodb_unified_choice.cjs"), "--reporter",
             os.path.join(HERE, "mongodb_unified_reporter.cjs"), *files_of(folder, suite)]
    env = dict(os.environ, AUTH="auth" if mode.user else "noauth", MONGODB_URI=server.uri,
               UNIFIED_OUT=out, UNIFIED_CHOICE=choice, TS_NODE_TRANSPILE_ONLY="1",
               UNIFIED_SPECS=os.path.join(folder, "test/spec", suite))
    done = run(words, cwd=folder, env=env, timeout=SUITE_SECONDS)
    with open(f"unified-{suite}-{mode.key}.log", "w", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
    try:
        with open(out, encoding="utf-8") as lines:
            tests = [json.loads(line) for line in lines]
    except OSError:
        tests = []
    if not tests or tests[-1]["state"] != "end":
        tests.append(failure(suite, f"the run as {mode.name} did not come to its end"))
    if not server.stop():
        tests.append(failure(suite, f"the server's end as {mode.name}"))
    return [dict(t, mode=mode.name) for t in tests if t["state"] != "end"]


def is_left_out(test):
    return (test["reason"] or "").startswith("left out: ")


def name_of(test):
    return test["suite"] + "\n" + test["title"]


def run_suite(folder, program, suite):
    started = time.monotonic()
    first, *others = known.MODES
    tests = run_mode(folder, program, suite, first, None)
    for mode in others:
        wanted = {name_of(t) for t in tests if t["state"] == "skipped" and
                  re.search(mode.wanted, without_colours(t["reason"] or ""))}
        if not wanted:
            continue
        again = run_mode(folder, program, suite, mode, sorted(wanted))
        reasons = {name_of(t): t["reason"] for t in again if t["state"] == "skipped"}
        for t in tests:
            if t["state"] == "skipped":
                t["reason"] = reasons.get(name_of(t), t["reason"])
        again = [t for t in again if t["state"] != "skipped" or is_left_out(t)]
        done = {name_of(t) for t in again}
        tests = [t for t in tests if name_of(t) not in done or t["state"] != "skipped"]
        tests += again
    print(f"{suite}: {time.monotonic() - started:.0f} s", flush=True)
    return tests


# ---- why a test is skipped or fails ----

def without_colours(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


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
        text = without_colours(test["reason"])
        if text.startswith("left out: "):
            return text.removeprefix("left out: ")
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

def count(tests):
    states = collections.Counter(t["state"] for t in tests)
    return (states["passed"], states["failed"], states["skipped"])


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def title(test):
    """As the table of failures has it."""
    text = f"{test['suite']}: {test['title']}"
    if test["mode"] != known.MODES[0].name:
        text += f" ({test['mode']})"
    return text.replace("|", "/")


def table(results):
    return ["| suite | passed | failed | skipped |", "| --- | ---: | ---: | ---: |",
            *(row(suite, *count(tests)) for suite, tests in results.items())]


def report(results):
    lines = [known.HEAD.strip(), "", *table(results), "", "## Failures", ""]
    failures = [row(suite, title(t), explanation(suite, t) or "?")
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
        lines.append(row(reason, sum(suites.values()), where))
    return "\n".join(lines + ["", known.TAIL.strip()]).rstrip() + "\n"


# ---- what the file says ----

def cells(line):
    return [cell.strip() for cell in line.strip("| \n").split(" | ")]


def expectation():
    """The counts of each suite, and its failures."""
    counts, failures = {}, collections.defaultdict(collections.Counter)
    try:
        with open(COVERAGE, encoding="utf-8") as file:
            lines = [cells(line) for line in file if line.startswith("| ")]
    except OSError:
        return counts, failures
    for line in lines:
        if len(line) == 4 and line[1].isdigit():
            counts[line[0]] = tuple(int(cell) for cell in line[1:])
        elif len(line) == 3 and line[0] in SUITES:
            failures[line[0]][line[1]] += 1
    return counts, failures


def compare(suite, tests):
    """What differs from the file; how many failures it knows."""
    counts, failures = expectation()
    got = collections.Counter(title(t) for t in tests if t["state"] == "failed")
    messages = {title(t): " ".join((t["message"] or "").split())[:300] for t in tests}
    wrong = [f"{what}: {messages[what]}" for what in got - failures[suite]]
    wrong += [f"{what}: a known failure that fails no more" for what in failures[suite] - got]
    if not wrong and counts.get(suite) != count(tests):
        wrong.append("passed, failed and skipped are {}, and were {}".format(
            count(tests), counts.get(suite)))
    return wrong, sum((got & failures[suite]).values())


def main():
    words = sys.argv[2:]
    is_writing = "--write" in words
    suites = [word for word in words if word != "--write"] or SUITES
    program = os.path.abspath(os.environ.get("PARQUEDB", "build/parquedb"))
    unknown = [suite for suite in suites if suite not in SUITES]
    if unknown or (is_writing and suites != SUITES):
        sys.exit(f"there is no suite {unknown[0]}" if unknown else "--write is for all suites")
    if not node_is_there():
        skip("Node 20 or newer is not installed")
    folder = install()
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        runs = [pool.submit(run_suite, folder, program, suite) for suite in suites]
        results = {suite: run.result() for suite, run in zip(suites, runs)}
    print("\n".join(table(results)))
    wrong, known_failures = [], 0
    for suite, tests in results.items():
        differences, n = compare(suite, tests)
        if is_writing:
            n = count(tests)[1]
            differences = [f"{title(t)}: nobody says why" for t in tests
                           if t["state"] == "failed" and explanation(suite, t) is None]
        known_failures += n
        wrong += [f"FAIL {suite}: {text}" for text in differences]
    if is_writing:
        with open(COVERAGE, "w", encoding="utf-8") as out:
            out.write(report(results))
    for text in wrong:
        print(text)
    if wrong and not is_writing:
        print("where that is as it should be, --write makes doc/mongodb-coverage.md anew")
    passed, _, skipped = count(t for tests in results.values() for t in tests)
    print(f"{known_failures} failures are known and explained in doc/mongodb-coverage.md")
    print(f"{passed} passed, {len(wrong)} failed, {skipped} skipped")
    return 0 if not wrong else 1


sys.exit(main())
