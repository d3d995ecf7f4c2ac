// test/interop/mongodb_client.mjs - npm `mongodb` against a started server:
//
//     node mongodb_client.mjs FOLDER-WITH-node_modules URI
//
// One line for each check that fails; the last line is `N passed, N failed`.
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(process.argv[2] + "/");
const { MongoClient, ObjectId, Long, Double, Int32, Decimal128, Binary, BSONRegExp, Timestamp, MinKey,
  MaxKey, Code, UUID, BSON } = require("mongodb");
const uri = process.argv[3];
let passed = 0, failed = 0;

function check(condition, what, detail) {
  if (condition) passed++;
  else {
    failed++;
    console.log(`FAIL ${what}`, detail === undefined ? "" : JSON.stringify(detail));
  }
}

function same(got, wanted, what) {
  check(isDeepStrictEqual(got, wanted), what, { got, wanted });
}

async function refused(promise, code, what) {
  try {
    const got = await promise;
    check(false, `${what}: not refused`, got);
  } catch (e) {
    check(e.code === code, `${what}: code`, { code: e.code, message: e.message });
    return e;
  }
}

async function handshakes(client) {
  const admin = client.db("admin");
  same((await admin.command({ ping: 1 })).ok, 1, "ping");
  const hello = await admin.command({ hello: 1 });
  same([hello.setName, hello.isWritablePrimary, hello.maxWireVersion], ["rs0", true, 25], "hello");
  same((await admin.command({ isMaster: 1 })).ismaster, true, "isMaster");
  check(/^\d+\.\d+\.\d+$/.test((await admin.command({ buildInfo: 1 })).version), "buildInfo");
  check((await admin.command({ listCommands: 1 })).commands.find !== undefined, "listCommands");
  same((await admin.command({ getParameter: 1, featureCompatibilityVersion: 1 }))
    .featureCompatibilityVersion.version, "8.0", "getParameter");
  check((await admin.command({ whatsmyuri: 1 })).you.includes(":"), "whatsmyuri");
  same((await admin.command({ getLog: "startupWarnings" })).log, [], "getLog");
  same((await admin.command({ connectionStatus: 1 })).authInfo.authenticatedUsers, [],
    "connectionStatus");
  const e = await refused(admin.command({ noSuchThing: 1 }), 59, "an unknown command");
  same(e?.codeName, "CommandNotFound", "its name");
  same(e?.message, "no such command: 'noSuchThing'", "its text");
}

async function crud(db) {
  const c = db.collection("things");
  const one = await c.insertOne({ a: 1, b: "x" });
  check(one.insertedId instanceof ObjectId, "insertOne gives an ObjectId");
  same(await c.findOne({ _id: one.insertedId }), { _id: one.insertedId, a: 1, b: "x" },
    "the document as it was, and nothing else");
  const many = await c.insertMany([{ _id: 1, a: 2 }, { _id: "two", a: 3 }, { _id: 3.5, a: 4 }]);
  same(many.insertedCount, 3, "insertMany");
  const e = await refused(c.insertOne({ _id: 1 }), 11000, "a key twice");
  same(e?.message, `E11000 duplicate key error collection: ${db.databaseName}.things index: _id_ ` +
    "dup key: { _id: 1 }", "E11000");
  same([e?.keyPattern, e?.keyValue], [{ _id: 1 }, { _id: 1 }], "keyPattern, keyValue");
  const bulk = await refused(
    c.insertMany([{ _id: 10 }, { _id: 1 }, { _id: 11 }], { ordered: false }), 11000, "unordered");
  same([bulk?.insertedCount, bulk?.writeErrors?.[0]?.index], [2, 1], "unordered goes on");
  const stops = await refused(c.insertMany([{ _id: 1 }, { _id: 12 }]), 11000, "ordered");
  same(stops?.insertedCount, 0, "ordered stops");
  same(await c.countDocuments({}), 6, "countDocuments");
  same(await c.estimatedDocumentCount(), 6, "estimatedDocumentCount");
  same((await c.find({ a: { $gte: 2 } }).sort({ a: -1 }).project({ a: 1, _id: 0 }).toArray()),
    [{ a: 4 }, { a: 3 }, { a: 2 }], "find, sort, project");
  same((await c.find({}).sort({ a: 1, _id: 1 }).skip(3).limit(2).project({ a: 1, _id: 0 })
    .toArray()), [{ a: 2 }, { a: 3 }], "skip, limit");
  same(await c.distinct("a"), [1, 2, 3, 4], "distinct");

  let r = await c.updateOne({ _id: 1 }, { $inc: { a: 5 }, $set: { n: { deep: [1, 2] } } });
  same([r.matchedCount, r.modifiedCount], [1, 1], "updateOne");
  same(await c.findOne({ _id: 1 }), { _id: 1, a: 7, n: { deep: [1, 2] } }, "what it left");
  r = await c.updateOne({ _id: 1 }, { $set: { a: 7 } });
  same([r.matchedCount, r.modifiedCount], [1, 0], "an update that changes nothing");
  r = await c.updateMany({ a: { $exists: true } }, { $set: { m: true } });
  same([r.matchedCount, r.modifiedCount], [4, 4], "updateMany");
  r = await c.replaceOne({ _id: "two" }, { z: 1 });
  same([r.matchedCount, await c.findOne({ _id: "two" })], [1, { _id: "two", z: 1 }], "replaceOne");
  r = await c.updateOne({ k: "new" }, { $set: { v: 1 } }, { upsert: true });
  check(r.upsertedId instanceof ObjectId, "upsert makes an ObjectId", r);
  same(await c.findOne({ k: "new" }), { _id: r.upsertedId, k: "new", v: 1 }, "upserted");
  r = await c.updateOne({ _id: "mine" }, { $set: { v: 1 } }, { upsert: true });
  same(r.upsertedId, "mine", "upsert with an _id");
  r = await c.replaceOne({ k: "other" }, { k: "other", w: 2 }, { upsert: true });
  check(r.upsertedId instanceof ObjectId, "replaceOne upserts", r);
  r = await c.updateOne({ _id: 1 }, { $push: { "n.deep": { $each: [3], $position: 0 } } });
  same((await c.findOne({ _id: 1 })).n.deep, [3, 1, 2], "$push");
  r = await c.updateOne({ _id: 1 }, { $set: { "n.deep.$[x]": 9 } }, { arrayFilters: [{ x: 1 }] });
  same((await c.findOne({ _id: 1 })).n.deep, [3, 9, 2], "arrayFilters");
  r = await c.updateOne({ _id: 1 }, [{ $set: { sum: { $add: ["$a", 1] } } }]);
  same((await c.findOne({ _id: 1 })).sum, 8, "a pipeline as update");
  await refused(c.updateOne({ _id: 1 }, { $nope: { a: 1 } }), 9, "an unknown operator");
  await refused(c.findOne({ a: { $nope: 1 } }), 2, "an unknown operator of a filter");

  same(await c.findOneAndUpdate({ _id: 1 }, { $set: { a: 0 } }, { projection: { a: 1 } }),
    { _id: 1, a: 7 }, "findOneAndUpdate, before");
  same(await c.findOneAndUpdate({ _id: 1 }, { $set: { a: 1 } },
    { projection: { a: 1 }, returnDocument: "after" }), { _id: 1, a: 1 }, "and after");
  same(await c.findOneAndUpdate({ _id: "none" }, { $set: { a: 1 } }), null, "none");
  same(await c.findOneAndReplace({ _id: 10 }, { q: 1 }, { returnDocument: "after" }),
    { _id: 10, q: 1 }, "findOneAndReplace");
  same(await c.findOneAndDelete({ _id: 10 }), { _id: 10, q: 1 }, "findOneAndDelete");
  same(await c.findOne({ _id: 10 }), null, "it is gone");
  same((await c.deleteOne({ _id: 11 })).deletedCount, 1, "deleteOne");
  await c.insertOne({ _id: 11, again: true });
  same(await c.findOne({ _id: 11 }), { _id: 11, again: true }, "deleted hard: it can come again");
  const b = await c.bulkWrite([{ insertOne: { document: { _id: "b1" } } },
    { updateOne: { filter: { _id: "b1" }, update: { $set: { x: 1 } } } },
    { deleteOne: { filter: { _id: 11 } } }]);
  same([b.insertedCount, b.modifiedCount, b.deletedCount], [1, 1, 1], "bulkWrite");
  same((await c.deleteMany({})).deletedCount > 0, true, "deleteMany");
  same(await c.countDocuments({}), 0, "nothing is left");
}

async function types(db) {
  const c = db.collection("types");
  const doc = {
    _id: "all", double: new Double(1.5), whole: new Double(2), int: new Int32(-7),
    long: Long.fromString("9007199254740993"), small: Long.fromNumber(5), text: "é \u0000 x",
    yes: true, no: false, nil: null, date: new Date(-62135596800000), now: new Date(1700000000123),
    oid: new ObjectId("0123456789abcdef01234567"), dec: Decimal128.fromString("1.50"),
    huge: Decimal128.fromString("1E+6000"), bin: new Binary(Buffer.from([1, 2, 255])),
    user: new Binary(Buffer.from("x"), 0x80), uuid: new UUID("00112233-4455-6677-8899-aabbccddeeff"),
    regex: new BSONRegExp("^a.*", "im"), ts: new Timestamp({ t: 7, i: 9 }), min: new MinKey(),
    max: new MaxKey(), code: new Code("f()"), scope: new Code("f()", { a: 1 }), list: [1, [2, []], {}],
    object: { z: 1, a: { b: {} } },
  };
  await c.insertOne(doc);
  const raw = await c.findOne({ _id: "all" }, { raw: true });
  check(Buffer.compare(Buffer.from(raw), Buffer.from(BSON.serialize(doc))) === 0,
    "every type comes back byte by byte", { raw: BSON.EJSON.stringify(BSON.deserialize(raw)) });
  for (const id of [new ObjectId(), Long.fromString("9007199254740993"), new Date(5), true,
    { a: 1, b: "x" }, new UUID(), Decimal128.fromString("0.1"), "a/b%c", "~x", 0]) {
    await c.insertOne({ _id: id, v: 1 });
    same((await c.updateOne({ _id: id }, { $set: { v: 2 } })).matchedCount, 1, "an _id is found");
    same((await c.findOne({ _id: id }, { promoteLongs: false })).v.valueOf(), 2, "by its value");
    await refused(c.insertOne({ _id: id }), 11000, "the same _id");
    same((await c.deleteOne({ _id: id })).deletedCount, 1, "and deleted");
  }
}

async function cursors(db) {
  const c = db.collection("numbers");
  const all = Array.from({ length: 1000 }, (_, i) => ({ _id: i, n: i % 10 }));
  await c.insertMany(all);
  same((await c.find({}).toArray()).length, 1000, "more than a batch");
  same((await c.find({}).sort({ _id: 1 }).batchSize(7).toArray()).map((d) => d._id),
    all.map((d) => d._id), "batches in order");
  same((await c.find({}).limit(250).batchSize(100).toArray()).length, 250, "a limit over batches");
  const cursor = c.find({}, { batchSize: 2 });
  await cursor.next();
  const id = cursor.id;
  check(id && !id.isZero?.() && id.toString() !== "0", "a cursor is open", id);
  const r = await db.command({ killCursors: "numbers", cursors: [id] });
  same(r.cursorsKilled.map(String), [String(id)], "killCursors");
  await refused(db.command({ getMore: id, collection: "numbers" }), 43, "a killed cursor");
  await cursor.close();
  const empty = await db.command({ find: "numbers", batchSize: 0 });
  same(empty.cursor.firstBatch, [], "batchSize 0");
  const more = await db.command({ getMore: empty.cursor.id, collection: "numbers", batchSize: 3 });
  same(more.cursor.nextBatch.length, 3, "and then some");
  await refused(db.command({ find: "numbers", nope: 1 }), 40415, "an unknown field");
  const groups = await c.aggregate([{ $match: { n: { $lt: 3 } } },
    { $group: { _id: "$n", count: { $sum: 1 } } }, { $sort: { _id: 1 } }]).toArray();
  same(groups, [0, 1, 2].map((n) => ({ _id: n, count: 100 })), "aggregate");
  await c.aggregate([{ $match: { n: 3 } }, { $out: "threes" }]).toArray();
  same(await db.collection("threes").countDocuments({}), 100, "$out");
  same((await c.aggregate([{ $match: { _id: 3 } }, { $lookup: { from: "threes", localField: "n",
    foreignField: "n", as: "t" } }, { $project: { size: { $size: "$t" } } }]).toArray()),
    [{ _id: 3, size: 100 }], "$lookup");
  same(await db.aggregate([{ $documents: [{ a: 1 }] }]).toArray(), [{ a: 1 }], "$documents");
  same((await c.aggregate([]).batchSize(10).toArray()).length, 1000, "an empty pipeline");
}

/* Messages of several megabytes, one after the other, both ways. */
async function large(db) {
  const c = db.collection("large");
  for (let round = 0; round < 2; round++) {
    const docs = Array.from({ length: 10000 }, (_, i) => ({ round, i, text: "x".repeat(200) }));
    same((await c.insertMany(docs)).insertedCount, 10000, "a message of megabytes");
    same((await c.find({ round }).batchSize(10000).toArray()).length, 10000, "an answer of them");
  }
}

async function names(client) {
  const db = client.db("MyApp_X");
  await db.collection("_migrations").insertOne({ _id: 1 });
  await db.collection("a.b/c").insertOne({ _id: 1 });
  same((await db.listCollections().toArray()).map((x) => x.name).sort(), ["_migrations", "a.b/c"],
    "listCollections");
  same((await db.listCollections({ name: "a.b/c" }, { nameOnly: true }).toArray()),
    [{ name: "a.b/c", type: "collection" }], "one of them");
  check((await client.db().admin().listDatabases()).databases.some((d) => d.name === "MyApp_X"),
    "listDatabases");
  same((await db.collection("_migrations").indexes()).map((i) => i.name), ["_id_"], "listIndexes");
  await refused(db.createCollection("_migrations"), 48, "create what is there");
  await db.collection("Plain").insertOne({ _id: 1 });
  same(await db.collection("Plain").aggregate([
    { $lookup: { from: "_migrations", localField: "_id", foreignField: "_id", as: "x",
      pipeline: [{ $unionWith: "a.b/c" }] } },
    { $facet: { all: [{ $unionWith: { coll: "_migrations", pipeline: [] } }, { $count: "n" }],
      lists: [{ $project: { n: { $size: "$x" } } }] } },
  ]).toArray(), [{ all: [{ n: 2 }], lists: [{ _id: 1, n: 2 }] }], "names in pipelines");
  await db.collection("Plain").aggregate([{ $out: { db: "MyApp_X", coll: "_out" } }]).toArray();
  await db.collection("Plain").aggregate([{ $merge: { into: "_out" } }]).toArray();
  same(await db.collection("_out").countDocuments(), 1, "and of what they write");
  await db.collection("_out").drop();
  await db.collection("Plain").drop();
  await db.createCollection("fresh");
  same(await db.collection("a.b/c").drop(), true, "drop");
  same((await db.listCollections().toArray()).length, 2, "it is dropped");
  same(await db.dropDatabase(), true, "dropDatabase");
  check(!(await client.db().admin().listDatabases()).databases.some((d) => d.name === "MyApp_X"),
    "it is gone");
  await refused(db.collection("$x").insertOne({}), 73, "a name that is none");
}

async function catalog(client) {
  const db = client.db("catalog_db");
  await db.createCollection("empty", { comment: "kept" });
  const all = await db.listCollections({ type: "collection", name: { $in: ["empty", "x"] } }).toArray();
  same(all.map((c) => [c.name, c.type, c.options.comment]), [["empty", "collection", undefined]],
    "an empty collection, by a filter");
  check(all[0].info.uuid instanceof UUID && all[0].info.uuid.toString() ===
    (await db.listCollections().toArray())[0].info.uuid.toString(), "its uuid stays");
  await refused(db.createCollection("empty"), 48, "create it again");
  await refused(db.createCollection("capped", { capped: true, size: 1000 }), 238, "capped");
  await refused(db.createCollection("v", { timeseries: { timeField: "t" } }), 238, "a time series");
  same((await db.collection("empty").indexes()).length, 1, "listIndexes of an empty one");
  await refused(db.collection("nowhere").indexes(), 26, "listIndexes of none");
  same(await db.dropCollection("nowhere"), true, "drop of none");
  const raw = await db.command({ createIndexes: "users", indexes: [
    { key: { email: 1 }, name: "email_1", unique: true }, { key: { a: 1, b: -1 }, name: "a_1_b_-1" }] });
  same([raw.numIndexesBefore, raw.numIndexesAfter, raw.createdCollectionAutomatically], [1, 3, true],
    "createIndexes");
  const again = await db.command({ createIndexes: "users", indexes: [{ key: { email: 1 }, name: "email_1",
    unique: true }] });
  same([again.numIndexesBefore, again.numIndexesAfter, again.note], [3, 3, "all indexes already exist"],
    "createIndexes again");
  const users = db.collection("users");
  same((await users.indexes()).map((i) => [i.v, i.name, i.key, i.unique]),
    [[2, "_id_", { _id: 1 }, undefined], [2, "email_1", { email: 1 }, true],
      [2, "a_1_b_-1", { a: 1, b: -1 }, undefined]], "listIndexes");
  await refused(users.createIndex({ other: 1 }, { name: "email_1" }), 86, "same name, other key");
  await refused(users.createIndex({ email: 1 }, { name: "mail", unique: true }), 85, "other name");
  await refused(users.createIndex({ t: "text" }), 67, "text");
  await refused(users.createIndex({ t: "2dsphere" }), 67, "2dsphere");
  await refused(users.createIndex({ t: "hashed" }), 67, "hashed");
  await refused(users.createIndex({ "$**": 1 }), 67, "wildcard");
  await refused(users.createIndex({ t: 0 }), 67, "a direction that is none");
  await users.insertOne({ _id: 1, email: "x", n: 1 });
  const e = await refused(users.insertOne({ _id: 2, email: "x" }), 11000, "a twin");
  same(e?.message, 'E11000 duplicate key error collection: catalog_db.users index: email_1 dup key: { email: "x" }',
    "its text");
  same([e?.keyPattern ?? e?.errorResponse?.keyPattern, e?.keyValue ?? e?.errorResponse?.keyValue],
    [{ email: 1 }, { email: "x" }], "its key");
  await users.insertOne({ _id: 3 });
  await refused(users.insertOne({ _id: 4 }), 11000, "missing is null");
  await refused(users.updateOne({ _id: 3 }, { $set: { email: "x" } }), 11000, "by update");
  await refused(users.findOneAndUpdate({ _id: 9 }, { $set: { email: "x" } }, { upsert: true }), 11000, "by upsert");
  await refused(users.replaceOne({ _id: 3 }, { email: "x" }), 11000, "by replace");
  const bulk = await refused(users.insertMany([{ _id: 10, email: "y" }, { _id: 11, email: "y" }, { _id: 12, email: "z" }],
    { ordered: false }), 11000, "insertMany");
  same(bulk?.result?.insertedCount, 2, "insertMany: the others are in");
  same(await users.find({ email: "y" }).hint("email_1").toArray(), [{ _id: 10, email: "y" }], "hint by name");
  same(await users.find({ email: "y" }).hint({ email: 1 }).toArray(), [{ _id: 10, email: "y" }], "hint by key");
  const h = await refused(users.find({}).hint("nope").toArray(), 2, "a hint that is none");
  check(h?.message.includes("hint provided does not correspond to an existing index"), "its text", h?.message);
  await refused(users.createIndex({ n2: 1 }, { unique: true }), 11000, "unique over twins (missing)");
  same(await users.createIndex({ n2: 1 }, { unique: true, sparse: true }), "n2_1", "sparse has none of them");
  same(await users.createIndex({ p: 1 }, { unique: true, partialFilterExpression: { live: true } }), "p_1", "partial");
  await users.insertMany([{ _id: 20, email: 20, p: 1 }, { _id: 21, email: 21, p: 1 }, { _id: 22, email: 22, p: 1, live: true }]);
  await refused(users.insertOne({ email: 23, p: 1, live: true }), 11000, "partial: a twin");
  await users.createIndex({ "tags.k": 1 }, { unique: true, sparse: true });
  await users.insertOne({ _id: 30, email: 30, tags: [{ k: 1 }, { k: 2 }] });
  await refused(users.insertOne({ _id: 31, email: 31, tags: [{ k: 3 }, { k: 2 }] }), 11000, "an element of an array");
  await users.dropIndex("email_1");
  await users.insertOne({ _id: 40, email: "x" });
  await refused(users.dropIndex("email_1"), 27, "dropIndex of none");
  await refused(users.dropIndex("_id_"), 72, "the index of _id stays");
  await users.dropIndexes();
  same((await users.indexes()).map((i) => i.name), ["_id_"], "dropIndexes");
  await db.createCollection("checked", { validator: { $jsonSchema: { required: ["name"],
    properties: { name: { bsonType: "string" } } } } });
  const checked = db.collection("checked");
  await checked.insertOne({ _id: 1, name: "a" });
  const v = await refused(checked.insertOne({ _id: 2 }), 121, "a validator");
  same([v?.message, v?.errInfo?.failingDocumentId], ["Document failed validation", 2], "its text");
  await refused(checked.updateOne({ _id: 1 }, { $unset: { name: 1 } }), 121, "a validator, by update");
  await checked.insertOne({ _id: 3 }, { bypassDocumentValidation: true });
  await db.command({ collMod: "checked", validationAction: "warn" });
  await checked.insertOne({ _id: 4 });
  same((await db.listCollections({ name: "checked" }).toArray())[0].options.validationAction, "warn", "collMod");
  await refused(db.command({ collMod: "nowhere", validationAction: "warn" }), 26, "collMod of none");
  await checked.createIndex({ at: 1 }, { expireAfterSeconds: 3600 });
  await refused(checked.createIndex({ at: 1 }, { expireAfterSeconds: 60 }), 85, "another time");
  const mod = await db.command({ collMod: "checked", index: { keyPattern: { at: 1 }, expireAfterSeconds: 60 } });
  same([mod.expireAfterSeconds_old, mod.expireAfterSeconds_new], [3600, 60], "collMod of a TTL");
  same((await checked.indexes())[1], { v: 2, key: { at: 1 }, name: "at_1", expireAfterSeconds: 60 }, "it is kept");
  same(await db.dropCollection("checked"), true, "drop");
  await client.db("admin").command({ setParameter: 1, ttlMonitorSleepSecs: 1 });
  const sessions = db.collection("sessions");
  await sessions.createIndex({ expires: 1 }, { expireAfterSeconds: 0 });
  await sessions.insertMany([{ _id: "old", expires: new Date(Date.now() - 1000) },
    { _id: "young", expires: new Date(Date.now() + 3600000) }]);
  for (let i = 0; i < 50 && await sessions.countDocuments({}) > 1; i++)
    await new Promise((done) => setTimeout(done, 100));
  same(await sessions.distinct("_id"), ["young"], "a TTL index");
  await sessions.rename("sessions2");
  same([await db.collection("sessions2").distinct("_id"), (await db.collection("sessions2").indexes()).length,
    await sessions.countDocuments({})], [["young"], 2, 0], "rename");
  await refused(db.collection("sessions2").rename("users"), 48, "rename onto another");
  await db.collection("sessions2").rename("users", { dropTarget: true });
  same(await users.distinct("_id"), ["young"], "rename with dropTarget");
  await refused(sessions.rename("other"), 26, "rename of none");
  same((await client.db().admin().listDatabases({ filter: { name: /^catalog_/ }, nameOnly: true })).databases,
    [{ name: "catalog_db" }], "listDatabases by a filter");
  await db.dropDatabase();
  same((await db.listCollections().toArray()).length, 0, "dropDatabase leaves nothing");
}

/* bulkWrite of the client: several collections. The driver of version 6 has it, too. */
async function client_bulk(client) {
  const ns = (name) => `bulk.${name}`;
  const models = [{ name: "insertOne", namespace: ns("a"), document: { _id: 1, n: 1 } },
    { name: "insertOne", namespace: ns("b"), document: { _id: 1 } },
    { name: "updateOne", namespace: ns("a"), filter: { _id: 1 }, update: { $inc: { n: 1 } } },
    { name: "replaceOne", namespace: ns("a"), filter: { _id: 9 }, replacement: { r: 1 }, upsert: true },
    { name: "deleteOne", namespace: ns("b"), filter: { _id: 1 } }];
  const r = await client.bulkWrite(models, { verboseResults: true });
  same([r.insertedCount, r.modifiedCount, r.upsertedCount, r.deletedCount], [2, 1, 1, 1],
    "client.bulkWrite");
  same([r.updateResults.get(2).modifiedCount, r.updateResults.get(3).upsertedId,
    r.deleteResults.get(4).deletedCount], [1, 9, 1], "its results");
  const e = await client.bulkWrite([models[0], models[1]], { ordered: false }).catch((x) => x);
  same([e.writeErrors?.get(0)?.code, e.partialResult?.insertedCount], [11000, 1], "unordered");
  same(await client.db("bulk").collection("a").countDocuments(), 2, "and they are there");
  const many = Array.from({ length: 3000 }, (_, i) => ({ name: "insertOne", namespace: ns("c"),
    document: { _id: i } }));
  same((await client.bulkWrite(many)).insertedCount, 3000, "many");
  await client.db("bulk").dropDatabase();
}

/* What the wire has of ours. */
async function ours(client) {
  const db = client.db("graph"), people = db.collection("people");
  const id = new ObjectId();
  await people.insertMany([{ _id: "ann", n: 1 }, { _id: "bob", n: 2 }, { _id: id, n: 3 }]);
  await new Promise((go) => setTimeout(go, 20));
  const before = new Date(); /* of the server's machine */
  await new Promise((go) => setTimeout(go, 20));
  const ref = (x) => ({ $ref: "people", $id: x });
  const list = (command) => db.runCursorCommand(command).toArray();
  same((await db.command({ link: [{ from: "people/ann", predicate: "knows", to: ref("bob") },
    { from: ref("bob"), predicate: "knows", to: ref(id) }] })).linkedCount, 2, "link");
  same(await list({ related: ref("ann"), predicate: "knows" }), [{ _id: "bob", n: 2 }], "related");
  same(await list({ traverse: ref("ann"), path: ["knows", "knows"] }), [{ _id: id, n: 3 }],
    "traverse");
  same((await list({ path: { from: ref("ann"), to: ref(id) } })).map((p) => p.length), [2], "path");
  same((await list({ subgraph: ref("ann"), cursor: { batchSize: 1 } })).length, 5, "subgraph");
  same(await list({ match: "MATCH (a:people)-[:knows]->(b) RETURN a.n AS a, b.n AS b ORDER BY a" }),
    [{ a: 1, b: 2 }, { a: 2, b: 3 }], "match");
  same((await db.command({ connected: { from: ref("ann"), to: ref(id) } })).distance, 2, "connected");
  await people.updateOne({ _id: "ann" }, { $set: { n: 100 } });
  same((await list({ history: ref("ann") })).map((e) => [e.op, e.after?.n]),
    [["CREATE", 1], ["UPDATE", 100]], "history");
  same(await list({ asOf: before, find: "people", filter: { _id: "ann" } }), [{ _id: "ann", n: 1 }],
    "asOf");
  same((await db.command({ count: "people", query: { n: 100 }, asOf: before })).n, 0,
    "asOf as an option");
  await refused(db.command({ asOf: before, insert: "people", documents: [{}] }), 2, "no writes then");
  same(await db.aggregate([{ $related: { target: ref("ann") } }, { $project: { n: 1, _id: 0 } }])
    .toArray(), [{ n: 2 }], "$related");
  same(await db.aggregate([{ $cypher: { target: "MATCH (a:people) RETURN a.n AS n" } },
    { $group: { _id: null, s: { $sum: "$n" } } }]).toArray(), [{ _id: null, s: 105 }], "$cypher");
  same((await db.command({ unlink: { from: ref("ann"), predicate: "knows" } })).unlinkedCount, 1,
    "unlink");
  await refused(db.command({ related: ref("ann"), nope: 1 }), 2, "an option that is none");
  await db.dropDatabase();
}

/* What takes too long ends, by itself or by another's hand. */
async function interrupted(client) {
  const db = client.db("slow"), c = db.collection("c");
  await c.insertMany(Array.from({ length: 3000 }, (_, i) => ({ _id: i })));
  const slow = [{ $lookup: { from: "c", pipeline: [{ $match: { $expr: { $lt: ["$_id", 0] } } }],
    let: { x: "$_id" }, as: "a" } }, { $lookup: { from: "c", let: { x: "$_id" },
    pipeline: [{ $match: { $expr: { $eq: ["$_id", "$$x"] } } }], as: "b" } }, { $count: "n" }];
  await refused(c.aggregate(slow, { maxTimeMS: 20 }).toArray(), 50, "maxTimeMS");
  const stream = await db.command({ aggregate: "c", pipeline: [{ $changeStream: {} }], cursor: {} });
  const long = refused(db.command({ getMore: stream.cursor.id, collection: "c", maxTimeMS: 60000,
    comment: "kill me" }), 11601, "killOp");
  let op;
  for (let i = 0; i < 100 && op === undefined; i++)
    op = (await client.db("admin").command({ currentOp: 1, "command.comment": "kill me" })).inprog[0];
  check(op !== undefined && op.op === "getmore", "currentOp shows it", op);
  await client.db("admin").command({ killOp: 1, op: op?.opid ?? 0 });
  await long;
  await db.dropDatabase();
}

async function side_by_side(client) {
  const c = client.db("load").collection("c");
  const writers = Array.from({ length: 64 }, async (_, w) => {
    for (let i = 0; i < 20; i++) await c.insertOne({ _id: `${w}-${i}`, w, i });
  });
  await Promise.all(writers);
  same(await c.countDocuments({}), 64 * 20, "64 writers: nothing is lost");
  const sums = await c.aggregate([{ $group: { _id: null, s: { $sum: "$i" } } }]).toArray();
  same(sums[0].s, 64 * 190, "and nothing is wrong");
}

async function compressed() {
  for (const compressors of [["zlib"], ["zlib", "none"]]) {
    const client = await MongoClient.connect(uri, { compressors });
    const c = client.db("packed").collection(compressors.join(""));
    await c.insertMany(Array.from({ length: 500 }, (_, i) => ({ _id: i, text: "x".repeat(200) })));
    same((await c.find({}).toArray()).length, 500, `compressed: ${compressors}`);
    await client.close();
  }
}

const client = await MongoClient.connect(uri);
const db = client.db("test");
for (const [name, part] of Object.entries({
  handshakes: () => handshakes(client), crud: () => crud(db), types: () => types(db),
  cursors: () => cursors(db), large: () => large(db), names: () => names(client), catalog: () => catalog(client),
  client_bulk: () => client_bulk(client), ours: () => ours(client),
  interrupted: () => interrupted(client), side_by_side: () => side_by_side(client),
  compressed,
})) {
  try {
    await part();
  } catch (e) {
    failed++;
    console.log(`FAIL ${name}:`, e.stack);
  }
}
await client.close();
const set = await MongoClient.connect(uri + (uri.includes("?") ? "&" : "?") + "replicaSet=rs0");
same((await set.db("test").command({ ping: 1 })).ok, 1, "with replicaSet=rs0");
await set.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
