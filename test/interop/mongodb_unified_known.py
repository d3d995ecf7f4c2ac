"""What mongodb_unified.py knows: the server's options, why tests are skipped or fail, the words
around the tables of doc/mongodb-coverage.md."""

import dataclasses

# The server's options and the version that it says it is.
OPTIONS = ["--test-commands"]
VERSION = "8.0.0"


@dataclasses.dataclass
class Mode:
    """How the server is started and asked."""
    name: str
    wanted: str  # pattern of the reasons of skipped tests that want it
    query: str = ""
    options: tuple = ()
    addresses: int = 1
    user: str = ""

    @property
    def key(self):
        """In names of files."""
        return self.name.replace(" ", "-")


# The first is for all tests; the others are for those that it skips.
MODES = [
    Mode("replica set", "", query="?replicaSet=rs0"),
    Mode("with users", "^requires auth but", query="?replicaSet=rs0", user="bob:pwd123"),
    Mode("mongos", r"^requires [a-z,-]*\bsharded\b(?!-)", options=("--topology", "mongos"),
         addresses=2),
    Mode("single", r"^requires [a-z,-]*\bsingle\b", options=("--topology", "standalone")),
]

# Reasons that the runner gives, by pattern, in our words.
SKIPS = [
    (r"NODE-(\d+|x+)", "the Node driver does not do it yet"),
    (r"^The Node.js Driver does not support|does not implement|does not have",
     "the Node driver has no such helper: names and objects of listings, mapReduce, collMod"),
    (r"DRIVERS-\d+", "the runner leaves it out until its specification is clear"),
    (r"requires mongodb version less than", "of servers before MongoDB " + VERSION),
    (r"requires mongodb version greater than", "of servers after MongoDB " + VERSION),
    (r"requires load-balanced", "wants a load balancer before several mongoses"),
]

# What nobody runs: suite, mode, pattern of "suite | title", why.
ONE_SERVER = "wants two servers of which one knows nothing of the other's transactions"
LEFT_OUT = [
    ("transactions", "mongos", r"unpin after transient error within a transaction and commit|"
     r"commitTransaction retry fails on new mongos", ONE_SERVER),
    ("transactions", "replica set", r"readPreference inherited from client|"
     r"with secondary read preference in client option",
     "wants a secondary to read from: a set of one has none, MongoDB's neither"),
]

# Failures that are known: suite, pattern of "suite | title", why.
FAILURES = [
    ("run-command", r"does not close the cursor when receiving an empty batch",
     "capped collections, and so tailable cursors of them, are not supported"),
    ("run-command", r"checkMetadataConsistency",
     "there are no shards whose metadata could differ: checkMetadataConsistency is unknown"),
    ("collection-management", r"^timeseries-collection ",
     "time series collections are not supported (they may have an _id twice, ours never)"),
]

HEAD = """
# What MongoDB's own tests say

The unified test suites of MongoDB's driver specifications, run by the runner of the Node driver
7.5.0 against `parquedb serve --test-commands`: as a replica set of one, and what that skips as a
server with users, as a mongos with two addresses, as a single server.
`test/interop/mongodb_unified.py FOLDER --write` makes this file, and `./run-tests mongodb_unified`
holds each run against it.
"""

TAIL = ""
