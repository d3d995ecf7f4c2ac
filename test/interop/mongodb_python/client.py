"""pymongo against a started server; see mongodb_python.py. FAIL lines, then N passed, N failed."""
import datetime
import re
import sys
import uuid

import gridfs
import pymongo
from bson import Binary, Code, Decimal128, Int64, ObjectId, Regex, Timestamp
from pymongo import DeleteOne, InsertOne, MongoClient, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

COUNTS = {"passed": 0, "failed": 0}


def same(got, wanted, what):
    COUNTS["passed" if got == wanted else "failed"] += 1
    if got != wanted:
        print(f"FAIL {what}: got {got!r}, wanted {wanted!r}"[:600])


def refused(call, kind, code, what):
    try:
        got = call()
    except kind as error:
        same(error.code, code, f"{what}: code of {error}")
        return error
    same(got, f"{kind.__name__} {code}", what)
    return None


def crud(db):
    c = db.crud
    same(c.insert_many([{"_id": i, "a": i % 3, "t": f"x{i}"} for i in range(500)]).inserted_ids[:2],
         [0, 1], "insert_many")
    same(c.find_one({"_id": 7}), {"_id": 7, "a": 1, "t": "x7"}, "find_one")
    same(len(list(c.find().batch_size(50))), 500, "batches")
    same([d["_id"] for d in c.find({"a": 1}).sort("_id", -1).skip(1).limit(2)], [496, 493],
         "sort, skip, limit")
    same(list(c.find({"_id": 1}, {"a": 1, "_id": 0})), [{"a": 1}], "projection")
    same(len(list(c.find(cursor_type=pymongo.CursorType.EXHAUST, batch_size=100))), 500, "exhaust")
    same(sum(len(b) > 0 for b in c.find_raw_batches(batch_size=200)), 3, "raw batches")
    refused(lambda: c.insert_one({"_id": 1}), DuplicateKeyError, 11000, "a key twice")
    r = c.update_many({"a": 1}, {"$set": {"z": 1}})
    same((r.matched_count, r.modified_count), (167, 167), "update_many")
    same(c.update_one({"_id": "u"}, {"$set": {"z": 1}}, upsert=True).upserted_id, "u", "upsert")
    same(c.replace_one({"_id": "u"}, {"q": 1}).modified_count, 1, "replace_one")
    same(c.find_one_and_update({"_id": 1}, {"$inc": {"a": 1}}, return_document=True)["a"], 2,
         "find_one_and_update")
    same(c.find_one_and_delete({"_id": "u"}), {"_id": "u", "q": 1}, "find_one_and_delete")
    same(c.delete_many({"_id": {"$gte": 490}}).deleted_count, 10, "delete_many")
    same((c.count_documents({}), c.estimated_document_count()), (490, 490), "counts")
    same(sorted(c.distinct("a")), [0, 1, 2], "distinct")
    same(list(c.aggregate([{"$match": {"_id": {"$lt": 9}}},
                           {"$group": {"_id": "$a", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}])),
         [{"_id": 0, "n": 3}, {"_id": 1, "n": 2}, {"_id": 2, "n": 4}], "aggregate")
    same([d["_id"] for d in c.find({"t": "X7"}).collation({"locale": "en", "strength": 2})], [7],
         "collation")
    refused(lambda: list(c.find({"a": {"$nope": 1}})), OperationFailure, 2, "an unknown operator")
    c.drop()


def bulk(client, db):
    c = db.bulk
    r = c.bulk_write([InsertOne({"_id": 1}), UpdateOne({"_id": 1}, {"$set": {"q": 1}}),
                      ReplaceOne({"_id": 2}, {"r": 1}, upsert=True), DeleteOne({"_id": 1}),
                      UpdateMany({}, {"$inc": {"n": 1}})])
    same((r.inserted_count, r.matched_count, r.upserted_ids, r.deleted_count),
         (1, 2, {2: 2}, 1), "bulk_write")
    try:
        c.bulk_write([InsertOne({"_id": 5}), InsertOne({"_id": 5}), InsertOne({"_id": 6})],
                     ordered=False)
        same("", "refused", "unordered")
    except BulkWriteError as error:
        same((error.details["nInserted"], [e["index"] for e in error.details["writeErrors"]]),
             (2, [1]), "unordered goes on")
    r = client.bulk_write([
        InsertOne(namespace=f"{db.name}.one", document={"_id": 1}),
        InsertOne(namespace=f"{db.name}.two", document={"_id": 2}),
        UpdateOne(namespace=f"{db.name}.one", filter={"_id": 1}, update={"$set": {"a": 1}}),
        InsertOne(namespace="py_other.three", document={"_id": 3})], verbose_results=True)
    same((r.inserted_count, r.modified_count, r.update_results[2].modified_count), (3, 1, 1),
         "the client's bulk_write, several databases")
    same(client.py_other.three.find_one(), {"_id": 3}, "the other database")
    client.drop_database("py_other")


def types(db):
    doc = {"_id": ObjectId(), "date": datetime.datetime(2020, 1, 2, 3, 4, 5, 678000),
           "bytes": b"a\x00\xff", "uuid": Binary.from_uuid(uuid.UUID(int=7)),
           "regex": Regex.from_native(re.compile("^a", re.I)), "dec": Decimal128("1.50"),
           "long": Int64(5), "none": None, "ts": Timestamp(7, 9), "code": Code("f()"),
           "scope": Code("f()", {"a": 1}), "like": {"$code": "x", "$scope": {}},
           "dollar": {"$oid": 5}, "text": "é\u0000", "list": [1, [2.0, {}], True]}
    db.types.insert_one(doc)
    same(db.types.find_one(), doc, "every type")
    db.types.insert_one({"_id": 1, "$a": 1, "a.b": 2})
    same(db.types.find_one({"_id": 1}), {"_id": 1, "$a": 1, "a.b": 2}, "dollars and dots")


def others(client, db):
    db.admin_things.insert_one({"_id": 1, "a": 1})
    same(db.command("collstats", "admin_things")["count"], 1, "collstats")
    same(db.command("dbstats")["objects"] > 0, True, "dbstats")
    same(db.validate_collection("admin_things")["valid"], True, "validate_collection")
    same("admin_things" in db.list_collection_names(), True, "list_collection_names")
    same(db.name in client.list_database_names(), True, "list_database_names")
    same("queryPlanner" in db.admin_things.find({"a": 1}).explain(), True, "explain")
    same(client.server_info()["version"].split(".")[0], "8", "server_info")
    same(db.admin_things.create_index([("a", 1)], unique=True), "a_1", "create_index")
    refused(lambda: db.admin_things.insert_one({"a": 1}), DuplicateKeyError, 11000, "unique")
    same(sorted(db.admin_things.index_information()), ["_id_", "a_1"], "index_information")
    db.admin_things.drop_indexes()
    fs = gridfs.GridFS(db)
    name = fs.put(b"0123456789" * 100000, filename="x", chunk_size=100000)
    same(len(fs.get(name).read()), 1000000, "GridFS")
    fs.delete(name)
    same(fs.exists(name), False, "GridFS, deleted")
    quiet = db.get_collection("quiet", write_concern=pymongo.WriteConcern(w=0))
    same(quiet.insert_one({"_id": 1}).acknowledged, False, "w: 0")


def compressed(uri):
    for name in ("zlib", "snappy"):
        with MongoClient(uri, compressors=name) as client:
            c = client.packed[name]
            c.insert_many([{"_id": i, "t": "x" * 200} for i in range(300)])
            same(c.count_documents({}), 300, f"compressed: {name}")


def ours(db):
    db.people.insert_many([{"_id": "a", "n": 1}, {"_id": "b", "n": 2}])
    db.command("link", {"from": "people/a", "predicate": "knows", "to": "people/b"})
    r = db.command("related", {"$ref": "people", "$id": "a"}, predicate="knows")
    same(r["cursor"]["firstBatch"], [{"_id": "b", "n": 2}], "related")
    r = db.command("match", "MATCH (x:people)-[:knows]->(y) RETURN y.n AS n")
    same(r["cursor"]["firstBatch"], [{"n": 2}], "match")


def main():
    uri = sys.argv[1]
    with MongoClient(uri) as client:
        db = client.pymongo
        for part in (lambda: crud(db), lambda: bulk(client, db), lambda: types(db),
                     lambda: others(client, db), lambda: compressed(uri), lambda: ours(db)):
            try:
                part()
            except Exception as error:  # whatever it is, the others are tried
                same(f"{type(error).__name__}: {error}", "no failure", "a part")
        client.drop_database("pymongo")
    print(f"{COUNTS['passed']} passed, {COUNTS['failed']} failed")


main()
