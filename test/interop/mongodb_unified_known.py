"""What mongodb_unified.py knows: the server's options, why tests are skipped or fail, the words
around the tables of doc/mongodb-coverage.md."""

# The server's options and the version that it says it is.
OPTIONS = ["--test-commands"]
VERSION = "8.0.0"

# Reasons that the runner gives, by pattern, in our words.
SKIPS = [
    (r"NODE-(\d+|x+)", "the Node driver does not do it yet"),
]

# Failures that are known: suite, pattern of "suite | title", why.
NO_SECONDARY = "asks for a secondary, and a set of one has none: as with MongoDB's own set of one"
FAILURES = [
    ("crud", r"works correctly on views", "views are not supported"),
    ("change-streams", r"new fields on change stream events are handled appropriately",
     "a rename does not say whether it replaced a collection (operationDescription.dropTarget)"),
    ("transactions", r"readPreference inherited from client|"
     r"with secondary read preference in client option", NO_SECONDARY),
    ("run-command", r"does not close the cursor when receiving an empty batch",
     "capped collections, and so tailable cursors of them, are not supported"),
    ("collection-management", r"^clustered-indexes ", "clustered collections are not supported"),
    ("collection-management", r"^timeseries-collection ",
     "time series collections are not supported"),
    ("change-streams", r"create events on views", "there are no views"),
    ("change-streams", r"modify events are reported",
     "a collMod that changes nothing is no change here: the log has no event of it"),
]

HEAD = """
# What MongoDB's own tests say

The unified test suites of MongoDB's driver specifications, run by the runner of the Node driver
7.5.0 against `parquedb serve --test-commands` as a replica set of one.
`test/interop/mongodb_unified.py FOLDER --write` makes this file.
"""

TAIL = ""
