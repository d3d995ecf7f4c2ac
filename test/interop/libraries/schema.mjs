// npm `mongodb-schema`, what Compass shows of a collection, and the commands that Compass sends.
import { require, run, same, uri } from "./check.mjs";

const { parseSchema } = require("mongodb-schema"), { MongoClient, ObjectId } = require("mongodb");

run(async () => {
  const client = await MongoClient.connect(uri), db = client.db("compass"), c = db.collection("docs");
  await c.insertMany(Array.from({ length: 200 }, (_, i) => ({ n: i, t: i % 2 ? "x" : i, o: { p: [i] } })));
  await c.createIndex({ n: 1 });
  const admin = client.db("admin");
  await same("databases", async () => (await admin.command({ listDatabases: 1, nameOnly: true,
    authorizedDatabases: true })).databases.some((d) => d.name === "compass"), true);
  await same("collections", async () => (await db.listCollections({}, { nameOnly: true }).toArray())
    .map((x) => x.name), ["docs"]);
  await same("what the server is", async () => [
    (await admin.command({ buildInfo: 1 })).ok, (await admin.command({ hostInfo: 1 })).ok,
    (await admin.command({ connectionStatus: 1, showPrivileges: true })).ok,
    (await admin.command({ getParameter: 1, featureCompatibilityVersion: 1 })).ok,
    (await admin.command({ getCmdLineOpts: 1 })).ok], [1, 1, 1, 1, 1]);
  await same("not Atlas", () => db.command({ atlasVersion: 1 }).catch((e) => e.code), 59);
  await same("$collStats", async () => (await c.aggregate([{ $collStats: { storageStats: {} } }])
    .next()).storageStats.count, 200);
  await same("collStats", async () => (await db.command({ collStats: "docs" })).count, 200);
  await same("dbStats", async () => (await db.command({ dbStats: 1 })).collections, 1);
  await same("$indexStats", async () => (await c.aggregate([{ $indexStats: {} }]).toArray())
    .map((i) => i.name).sort(), ["_id_", "n_1"]);
  await same("an analysis", async () => {
    const s = await parseSchema(c.aggregate([{ $sample: { size: 100 } }], { allowDiskUse: true }));
    return [s.count, s.fields.map((f) => f.name).sort(), s.fields.find((f) => f.name === "t").types.length];
  }, [100, ["_id", "n", "o", "t"], 2]);
  await same("a plan", async () => {
    const plan = await c.find({ n: { $gt: 5 } }).sort({ n: -1 }).explain("allPlansExecution");
    return [typeof plan.queryPlanner.winningPlan.stage, plan.executionStats.nReturned];
  }, ["string", 194]);
  await same("of a pipeline", async () => {
    const plan = await c.aggregate([{ $match: { n: 3 } }]).explain("executionStats");
    return (plan.queryPlanner ?? plan.stages[0].$cursor.queryPlanner).namespace;
  }, "compass.docs");
  await same("a page", async () => (await c.find({}, { sort: { _id: -1 }, skip: 20, limit: 20,
    maxTimeMS: 60000, promoteValues: false, bsonRegExp: true }).toArray()).length, 20);
  await same("a count", () => c.countDocuments({}, { hint: "_id_", maxTimeMS: 5000 }), 200);
  await same("what runs", async () => (await admin.aggregate([{ $currentOp: { allUsers: true,
    idleConnections: false } }]).toArray()).length > 0, true);
  await same("top, serverStatus", async () => (await admin.command({ serverStatus: 1 })).host !== undefined,
    true);
  await same("validation rules", async () => {
    await db.command({ collMod: "docs", validator: { $jsonSchema: { required: ["n"] } },
      validationLevel: "moderate", validationAction: "error" });
    return c.insertOne({ m: 1 }).catch((e) => [e.code, e.errInfo?.failingDocumentId instanceof ObjectId]);
  }, [121, true]);
  await db.dropDatabase();
  await client.close();
});
