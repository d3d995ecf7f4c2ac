// test/interop/mongosh_script.js - what people type into mongosh; see mongosh.py. Each check that
// fails is a line; the last line is `N passed, N failed`.
let passed = 0, failed = 0;

function text(v) {
  return EJSON.stringify(v);
}

function check(name, f, wanted) {
  let got;
  try {
    got = f();
  } catch (e) {
    got = `error ${e.code}: ${e.message}`;
  }
  const is_right = typeof wanted === "function" ? wanted(got) === true : text(got) === text(wanted);
  if (is_right) passed++;
  else {
    failed++;
    print(`FAIL ${name}: ${text(got).slice(0, 400)}`);
  }
}

function refused(name, f, code) {
  try {
    f();
  } catch (e) {
    if (e.code === code) passed++;
    else {
      failed++;
      print(`FAIL ${name}: ${e.code} ${e.message}`);
    }
    return;
  }
  failed++;
  print(`FAIL ${name}: not refused`);
}

use("shell");
check("insertMany", () => db.c.insertMany([{ _id: 1, a: 1 }, { _id: 2, a: 2 }, { _id: 3, a: 3 }])
  .insertedIds, { 0: 1, 1: 2, 2: 3 });
check("find", () => db.c.find({ a: { $gt: 1 } }).sort({ a: -1 }).toArray(),
  [{ _id: 3, a: 3 }, { _id: 2, a: 2 }]);
check("show dbs", () => db.adminCommand({ listDatabases: 1 }).databases.map((d) => d.name),
  (n) => n.includes("shell"));
check("show collections", () => db.getCollectionNames(), ["c"]);
check("aggregate", () => db.c.aggregate([{ $group: { _id: null, s: { $sum: "$a" } } }]).toArray(),
  [{ _id: null, s: 6 }]);
check("updateOne", () => db.c.updateOne({ _id: 1 }, { $inc: { a: 10 } }).modifiedCount, 1);
check("replaceOne", () => db.c.replaceOne({ _id: 2 }, { b: 1 }).modifiedCount, 1);
check("deleteOne", () => db.c.deleteOne({ _id: 3 }).deletedCount, 1);
check("findAndModify", () => db.c.findAndModify({ query: { _id: 1 }, update: { $inc: { a: 1 } },
  new: true }), { _id: 1, a: 12 });
check("bulkWrite", () => db.c.bulkWrite([{ insertOne: { document: { _id: 9 } } },
  { deleteOne: { filter: { _id: 9 } } }]).deletedCount, 1);
check("countDocuments", () => db.c.countDocuments(), 2);
check("distinct", () => db.c.distinct("a"), [12]);

// views
check("createView", () => db.createView("seen", "c", [{ $match: { a: { $exists: true } } }]).ok, 1);
check("find in a view", () => db.seen.find({ a: 12 }).toArray(), [{ _id: 1, a: 12 }]);
check("count of a view", () => [db.seen.countDocuments(), db.seen.estimatedDocumentCount()], [1, 1]);
check("getCollectionInfos of a view", () => db.getCollectionInfos({ name: "seen" })[0].type, "view");
refused("insert into a view", () => db.seen.insertOne({ a: 1 }), 166);
check("drop of a view", () => db.seen.drop(), true);

// explain
const plan = (x) => x.queryPlanner.winningPlan.stage;
check("explain", () => plan(db.c.find({ a: 12 }).explain()), "COLLSCAN");
check("explain, _id", () => plan(db.c.find({ _id: 1 }).explain()), (s) => typeof s === "string");
check("executionStats", () => db.c.find({ a: 12 }).explain("executionStats").executionStats.nReturned,
  1);
check("explain of a sort and a limit", () => {
  const w = db.c.find().sort({ a: 1 }).limit(1).explain().queryPlanner.winningPlan;
  return [w.stage, w.inputStage.stage, w.inputStage.inputStage.stage];
}, ["LIMIT", "SORT", "COLLSCAN"]);
check("explain of a pipeline", () => {
  const x = db.c.explain().aggregate([{ $match: { a: 12 } }, { $group: { _id: "$a" } }]);
  return [plan(x.stages[0].$cursor), x.stages[1]];
}, ["COLLSCAN", { $group: { _id: "$a" } }]);
check("explain of a count", () => plan(db.c.explain().count({ a: 12 })), "COUNT");
check("explain of a distinct", () => plan(db.c.explain().distinct("a")), "COLLSCAN");
check("explain of an update", () => {
  const x = db.c.explain("executionStats").update({ _id: 1 }, { $set: { a: 99 } });
  return [plan(x), x.executionStats.executionStages.nWouldModify, db.c.findOne({ _id: 1 }).a];
}, ["UPDATE", 1, 12]);
check("explain of a remove", () => [plan(db.c.explain("executionStats").remove({ a: 12 })),
  db.c.countDocuments()], ["DELETE", 2]);
check("explain of findAndModify", () => plan(db.c.explain().findAndModify(
  { query: { a: 12 }, remove: true })), "DELETE");
check("our own explanation", () => db.c.find({ a: 12 }).explain().parquedb.command, "find");
refused("explain of nonsense", () => db.runCommand({ explain: { nope: 1 } }), 59);
refused("a verbosity", () => db.runCommand({ explain: { find: "c" }, verbosity: "x" }), 2);

// figures
check("stats", () => [db.c.stats().count, db.c.stats().size > 0], [2, true]);
check("dataSize", () => db.c.dataSize() > 0, true);
check("db.stats", () => [db.stats().collections, db.stats().objects], [1, 2]);
check("$collStats", () => db.c.aggregate([{ $collStats: { count: {} } },
  { $project: { count: 1, ns: 1 } }]).toArray(), [{ ns: "shell.c", count: 2 }]);
check("$indexStats", () => db.c.aggregate([{ $indexStats: {} }]).toArray()[0].name, "_id_");
check("validate", () => [db.c.validate().valid, db.c.validate().nrecords], [true, 2]);
refused("validate nothing", () => db.nothing.validate(), 26);
check("serverStatus", () => db.serverStatus().opcounters.insert >= 3, true);
check("hostInfo", () => db.hostInfo().system.numCores > 0, true);
check("version", () => /^\d+\.\d+\.\d+$/.test(db.version()), true);
check("profile", () => db.getProfilingStatus().was, 0);
refused("no profiler", () => db.setProfilingLevel(1), 238);
check("fsync", () => db.adminCommand({ fsync: 1 }).ok, 1);
check("compact", () => db.runCommand({ compact: "c" }).ok, 1);
refused("reIndex", () => db.runCommand({ reIndex: "c" }), 20);
check("getDefaultRWConcern", () => db.adminCommand({ getDefaultRWConcern: 1 }).defaultReadConcern,
  { level: "local" });
check("getParameter", () => db.adminCommand({ getParameter: "*" }).featureCompatibilityVersion.version,
  (v) => /^\d\.\d$/.test(v));
refused("getParameter of nothing", () => db.adminCommand({ getParameter: 1, foo: 1 }), 72);
refused("setParameter of nothing", () => db.adminCommand({ setParameter: 1, foo: 1 }), 72);
check("setParameter to what it is", () => db.adminCommand({ setParameter: 1, quiet: false }).was,
  false);
refused("admin alone", () => db.runCommand({ getParameter: "*" }), 13);
check("listCommands", () => db.runCommand({ listCommands: 1 }).commands.explain !== undefined, true);
refused("search indexes", () => db.c.getSearchIndexes(), 31082);
refused("atlasVersion", () => db.adminCommand({ atlasVersion: 1 }), 59);

// what runs
check("currentOp", () => db.currentOp().inprog.length, 1);
check("currentOp, filtered", () => db.adminCommand({ currentOp: 1, op: "query" }).inprog, []);
check("killOp of nothing", () => db.killOp(123456).ok, 1);
refused("maxTimeMS", () => db.c.find({}).maxTimeMS(-1).toArray(), 2);

check("dropDatabase", () => db.dropDatabase().ok, 1);
print(`${passed} passed, ${failed} failed`);
