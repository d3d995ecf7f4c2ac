"""PyPI pymongoarrow: collections as tables of Arrow."""
import datetime

import pyarrow
from pymongo import MongoClient
from pymongoarrow.api import Schema, aggregate_arrow_all, find_arrow_all, write

import check

c = MongoClient(check.URI).arrow.docs
at = datetime.datetime(2026, 1, 2)
c.database.client.drop_database("arrow")
c.insert_many([{"_id": i, "n": i * 1.5, "t": f"x{i}", "at": at, "l": [i]} for i in range(1000)])
schema = Schema({"_id": int, "n": float, "t": str, "at": datetime.datetime})
table = find_arrow_all(c, {"_id": {"$lt": 10}}, schema=schema, sort=[("_id", -1)])
check.same(table.column("_id").to_pylist(), list(range(9, -1, -1)), "find_arrow_all")
check.same(table.column("at")[0].as_py(), at, "dates")
check.same(find_arrow_all(c, {}).num_rows, 1000, "types are found out")
check.same(aggregate_arrow_all(c, [{"$group": {"_id": None, "s": {"$sum": "$n"}}}]).to_pylist(),
           [{"_id": None, "s": 749250.0}], "aggregate_arrow_all")
check.same(write(c.database.other, pyarrow.table({"a": list(range(5000)), "b": ["y"] * 5000}))
           .raw_result["insertedCount"], 5000, "write")
check.same(c.database.other.count_documents({"b": "y"}), 5000, "written")
c.database.client.drop_database("arrow")
check.end()
