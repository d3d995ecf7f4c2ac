#!/usr/bin/env python3
"""Run what README.md and some pages of doc/ show: every block marked ```sh must end with status 0.

The blocks run one after the other in a copy of the repository as a fresh clone has it: nothing is
built, nothing ignored is there. The README comes first and builds. A block marked ```c with a file
name as its first comment (`/* hello.c ... */`) is written there. A fenced block without a mark
right after an ```sh block is what it prints; it must agree, "…" standing for anything. (Blocks
marked ```console are suites of their own: ./quickstart and ./run-tests.)
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

DOCUMENTS = ["README.md", "doc/parquet.md", "doc/explain.md", "doc/time.md", "doc/transactions.md",
             "doc/whole-graph.md", "doc/match.md", "doc/graph.md", "doc/server.md", "doc/access.md",
             "doc/http.md"]
ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def copy_clone(folder):
    """The files that git knows or would add; without git, all but what is built."""
    done = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                          cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if done.returncode != 0:
        ignored = shutil.ignore_patterns("build", "build-*", "warehouse", ".git")
        shutil.copytree(ROOT, folder, dirs_exist_ok=True, ignore=ignored)
        return
    for name in filter(None, done.stdout.split("\0")):
        source, target = os.path.join(ROOT, name), os.path.join(folder, name)
        if os.path.exists(source):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(source, target)


def agrees(wanted, got):
    pattern = r"[\s\S]*?".join(re.escape(part) for part in wanted.strip().split("…"))
    return re.fullmatch(pattern, got.strip()) is not None


def run_block(folder, where, text, wanted):
    done = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", text], cwd=folder,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(f"{where}: status {done.returncode}:\n{text}{done.stdout}")
        return False
    if wanted is not None and not agrees(wanted, done.stdout):
        print(f"{where}: it prints:\n{done.stdout}\nbut the text shows:\n{wanted}")
        return False
    return True


def run_document(folder, document):
    """How many blocks passed and failed."""
    text = open(os.path.join(ROOT, document), encoding="utf-8").read()
    blocks = [(text[:m.start()].count("\n") + 2, m.group(1), m.group(2), m)
              for m in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M)]
    passed = failed = 0
    for i, (num, mark, body, match) in enumerate(blocks):
        name = re.match(r"/\* (\w+\.c)\b", body)
        if mark == "c" and name:
            with open(os.path.join(folder, name.group(1)), "w", encoding="utf-8") as out:
                out.write(body)
        if mark != "sh":
            continue
        shown = None
        if i + 1 < len(blocks) and blocks[i + 1][1] == "":
            if not text[match.end():blocks[i + 1][3].start()].strip():
                shown = blocks[i + 1][2]
        if run_block(folder, f"{document}:{num}", body, shown):
            passed += 1
        else:
            failed += 1
    return passed, failed


def main():
    counts = []
    with tempfile.TemporaryDirectory(prefix="parquedb-docs-") as folder:
        copy_clone(folder)
        os.environ.pop("PARQUEDB_WAREHOUSE", None)
        for document in DOCUMENTS:
            counts.append(run_document(folder, document))
    passed, failed = sum(p for p, _ in counts), sum(f for _, f in counts)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not all(p for p, _ in counts) else 0


sys.exit(main())
