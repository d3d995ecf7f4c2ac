"""What the scripts of the libraries share; see libraries.py. python NAME.py URI: FAIL lines, then
N passed, N failed."""
import sys

URI = sys.argv[1]
COUNTS = {"passed": 0, "failed": 0}


def same(got, wanted, what):
    COUNTS["passed" if got == wanted else "failed"] += 1
    if got != wanted:
        print(f"FAIL {what}: got {got!r}, wanted {wanted!r}"[:700])


def refused(call, kind, what):
    try:
        got = call()
    except kind as error:
        COUNTS["passed"] += 1
        return error
    same(got, kind.__name__, what)
    return None


def end():
    print(f"{COUNTS['passed']} passed, {COUNTS['failed']} failed")
    sys.exit(1 if COUNTS["failed"] else 0)
