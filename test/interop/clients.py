"""A module: programs of others as clients of `parquedb serve`; what the suites beside it share.

Packages come from their registries into a cache; a suite whose client cannot be had is skipped.
"""
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
                     "parquedb-tests")


def skip(why):
    print(f"{why}: skipped\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def run(arguments, seconds):
    """None where it cannot be run or does not end."""
    try:
        return subprocess.run(arguments, capture_output=True, text=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired):
        return None


def node(least):
    done = run(["node", "--version"], 20)
    text = "" if done is None else done.stdout
    if not text.startswith("v") or int(text[1:].split(".")[0]) < least:
        skip(f"Node {least} or newer is not installed")


class Missing(Exception):
    """A package that cannot be had."""


def complete(folder, package, arguments):
    """Install once."""
    mark = os.path.join(folder, "complete")
    if os.path.exists(mark):
        return folder
    os.makedirs(folder, exist_ok=True)
    for command in arguments:
        done = run(command, 300)
        if done is None or done.returncode != 0:
            raise Missing(f"{package} cannot be installed (no package registry?)")
    with open(mark, "w", encoding="ascii"):
        pass
    return folder


def npm_folder(*packages):
    """The folder with the packages' node_modules; Missing."""
    folder = os.path.join(CACHE, "npm-" + "-".join(packages).replace("/", "-"))
    return complete(folder, " ".join(packages), [
        ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", folder, *packages]])


def npm(package):
    """The same; without it the suite is skipped."""
    try:
        return npm_folder(package)
    except Missing as error:
        return skip(str(error))


def pip_python(*packages):
    """A Python that has them; Missing."""
    folder = os.path.join(CACHE, "venv-" + "-".join(packages))
    complete(folder, " ".join(packages), [
        [sys.executable, "-m", "venv", folder],
        [os.path.join(folder, "bin", "pip"), "install", "-q", "--timeout", "20", "--retries", "1",
         "--disable-pip-version-check", *packages]])
    return os.path.join(folder, "bin", "python")


def pip(*packages):
    """The same; without it the suite is skipped."""
    try:
        return pip_python(*packages)
    except Missing as error:
        return skip(str(error))


class Server:
    """A started server on a new warehouse in the suite's folder; `with` ends it."""

    def __init__(self, name, *options):
        program = os.path.abspath(os.environ.get("PARQUEDB", "build/parquedb"))
        folder = sys.argv[1] if len(sys.argv) > 1 else "."
        self.process = subprocess.Popen(
            [program, "-w", os.path.join(folder, name), "serve", "--listen", "127.0.0.1:0",
             *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first = self.process.stdout.readline()
        if not first.startswith("listening on "):
            rest = self.process.communicate()[1]
            if "built without the server" in rest:
                skip("this parquedb has no server")
            print(first, rest, "\n0 passed, 1 failed")
            sys.exit(1)
        self.uri = first.split()[-1]

    def end(self):
        """Did it end as it should?"""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=60)
        is_fine = self.process.returncode == 0 and out.endswith("stopped\n")
        if not is_fine:
            print("the server's end:", self.process.returncode, out[-500:], err[-2000:])
        return is_fine

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def judge(runs):
    """Print what the clients printed (FAIL lines, "N passed, N failed" at the end of each), and one
    sum of it. `runs`: (name, finished process or None, did the server end as it should)."""
    passed = failed = 0
    for name, done, is_fine in runs:
        lines = [] if done is None else (done.stdout + done.stderr).strip().split("\n")
        last = lines[-1].split() if lines else []
        if len(last) == 4 and last[1] == "passed," and last[3] == "failed":
            passed, failed = passed + int(last[0]), failed + int(last[2])
            lines = lines[:-1]
        else:
            failed += 1
            lines.append("it did not come to its end")
        if lines and lines != [""]:
            print(f"{name}:\n" + "\n".join(lines[-60:]))
        passed, failed = passed + is_fine, failed + (not is_fine)
    print(f"{passed} passed, {failed} failed")
    sys.exit(0 if failed == 0 else 1)
