"""What mongodb_unified.py knows: the server's options, why tests are skipped or fail, the words
around the tables of doc/mongodb-coverage.md."""

# The server's options and the version that it says it is.
OPTIONS = ["--test-commands"]
VERSION = "8.0.0"

# Reasons that the runner gives, by pattern, in our words.
SKIPS = [
    (r"NODE-\d+", "the Node driver does not do it yet"),
]

# Failures that are known: suite, pattern of "suite | title", why. CRUD has none.
FAILURES = [
    ("change-streams", r"create events on views", "there are no views"),
    ("change-streams", r"modify events are reported",
     "a collMod that changes nothing is no change here: the log has no event of it"),
]

HEAD = """
# What MongoDB's own tests say

The unified test suites of MongoDB's driver specifications, run by the runner of the Node driver
7.5.0 against `parquedb serve --test-commands` as a replica set of one.
`test/interop/mongodb_unified.py --write` makes this file; CRUD has no failure, those of the others
are explained.
"""

TAIL = ""
