// test/interop/mongodb_views_client.mjs - views and renames as an application uses them, with npm
// `mongodb`:
//
//     node mongodb_views_client.mjs FOLDER-WITH-node_modules URI
//
// The last line is `N passed, N failed`.
import { createRequire } from "node:module";
import { deepStrictEqual } from "node:assert";

const require = createRequire(process.argv[2] + "/");
const { MongoClient } = require("mongodb");
const client = await MongoClient.connect(process.argv[3], { serverSelectionTimeoutMS: 20000 });
const db = client.db("Views");
let passed = 0, failed = 0;

async function check(what, f) {
  try {
    await f();
    passed++;
  } catch (e) {
    failed++;
    console.log(`FAIL ${what}: ${e.message}`);
  }
}

async function refuse(code, promise) {
  try {
    await promise;
  } catch (e) {
    deepStrictEqual(e.code, code, `${e.code} ${e.message}`);
    return;
  }
  throw new Error(`${code} was expected`);
}

const paid = [{ $match: { paid: true } }, { $project: { customer: 1, sum: { $multiply: ["$n", "$price"] } } }];
const orders = db.collection("orders");
await orders.insertMany([
  { _id: 1, customer: "ann", n: 2, price: 10, paid: true },
  { _id: 2, customer: "bob", n: 1, price: 5, paid: false },
  { _id: 3, customer: "ann", n: 3, price: 7, paid: true },
  { _id: 4, customer: "cid", n: 1, price: 100, paid: true }]);
await db.createCollection("customers");
await db.collection("customers").insertMany([{ _id: "ann" }, { _id: "bob" }, { _id: "cid" }]);

await check("createView", async () => {
  await db.createCollection("paid", { viewOn: "orders", pipeline: paid });
  await db.createCollection("large", { viewOn: "paid", pipeline: [{ $match: { sum: { $gt: 20 } } }] });
  await refuse(48, db.createCollection("paid", { viewOn: "customers", pipeline: [] }));
});
await check("find", async () => {
  deepStrictEqual(await db.collection("paid").find({ customer: "ann" }).sort({ sum: -1 }).toArray(),
    [{ _id: 3, customer: "ann", sum: 21 }, { _id: 1, customer: "ann", sum: 20 }]);
  deepStrictEqual(await db.collection("large").find({}, { projection: { sum: 1 } }).sort({ _id: 1 })
    .skip(1).limit(1).toArray(), [{ _id: 4, sum: 100 }]);
  deepStrictEqual(await db.collection("large").findOne({ _id: 1 }), null);
  deepStrictEqual((await db.collection("paid").find().batchSize(1).toArray()).length, 3);
});
await check("count, distinct", async () => {
  deepStrictEqual(await db.collection("paid").estimatedDocumentCount(), 3);
  deepStrictEqual(await db.collection("paid").countDocuments({ sum: { $lt: 50 } }), 2);
  deepStrictEqual(await db.collection("paid").distinct("customer"), ["ann", "cid"]);
});
await check("aggregate, $lookup, $unionWith, $graphLookup", async () => {
  deepStrictEqual(await db.collection("customers").aggregate([
    { $lookup: { from: "large", localField: "_id", foreignField: "customer", as: "orders" } },
    { $project: { n: { $size: "$orders" } } }, { $sort: { _id: 1 } }]).toArray(),
  [{ _id: "ann", n: 1 }, { _id: "bob", n: 0 }, { _id: "cid", n: 1 }]);
  deepStrictEqual(await db.collection("customers").aggregate([
    { $unionWith: { coll: "paid", pipeline: [{ $match: { customer: "cid" } }] } }, { $count: "n" }])
    .toArray(), [{ n: 4 }]);
  deepStrictEqual(await db.collection("paid").aggregate([
    { $match: { _id: 1 } },
    { $graphLookup: { from: "paid", startWith: "$customer", connectFromField: "none",
      connectToField: "customer", as: "all" } },
    { $project: { n: { $size: "$all" } } }]).toArray(), [{ _id: 1, n: 2 }]);
});
await check("explain", async () => {
  const plan = await db.collection("paid").find({ customer: "ann" }).explain();
  deepStrictEqual(typeof plan.queryPlanner, "object");
});
await check("listCollections", async () => {
  const [view] = await db.listCollections({ name: "paid" }).toArray();
  deepStrictEqual(view, { name: "paid", type: "view", options: { viewOn: "orders", pipeline: paid },
    info: { readOnly: true } });
  const names = await db.listCollections({ type: "view" }, { nameOnly: true }).toArray();
  deepStrictEqual(names.map((c) => c.name).sort(), ["large", "paid"]);
});
await check("writes and indexes are refused", async () => {
  const view = db.collection("paid");
  await refuse(166, view.insertOne({ _id: 9 }));
  await refuse(166, view.updateMany({}, { $set: { x: 1 } }));
  await refuse(166, view.deleteOne({}));
  await refuse(166, view.findOneAndUpdate({}, { $set: { x: 1 } }));
  await refuse(166, view.bulkWrite([{ insertOne: { document: { x: 1 } } }]));
  await refuse(166, view.createIndex({ x: 1 }));
  await refuse(166, view.indexes());
  await refuse(166, view.dropIndexes());
  await refuse(166, view.rename("other"));
  await refuse(166, orders.aggregate([{ $out: "paid" }]).toArray());
  await refuse(166, orders.aggregate([{ $merge: "paid" }]).toArray());
  await refuse(166, view.watch().next());
  await refuse(166, db.command({ collStats: "paid" }));
  await refuse(166, db.command({ validate: "paid" }));
});
await check("what no view may be", async () => {
  await refuse(5, db.createCollection("self", { viewOn: "self", pipeline: [] }));
  await refuse(5, db.command({ collMod: "paid", viewOn: "large", pipeline: [] }));
  await refuse(72, db.createCollection("v", { pipeline: [] }));
  await refuse(72, db.createCollection("v", { viewOn: "orders", pipeline: [], capped: true, size: 9 }));
  await refuse(2, db.createCollection("v", { viewOn: "" }));
  await refuse(14, db.createCollection("v", { viewOn: 1 }));
  await refuse(167, db.createCollection("v", { viewOn: "orders", pipeline: [{ $out: "x" }] }));
  await refuse(72, db.command({ collMod: "orders", viewOn: "customers", pipeline: [] }));
  await refuse(72, db.command({ collMod: "paid", validator: {} }));
  for (let i = 1; i <= 20; i++)
    await db.createCollection(`d${i}`, { viewOn: i === 1 ? "orders" : `d${i - 1}`, pipeline: [] });
  await refuse(165, db.createCollection("d21", { viewOn: "d20", pipeline: [] }));
  deepStrictEqual(await db.collection("d20").countDocuments(), 4);
});
await check("collation", async () => {
  await db.createCollection("folded", { viewOn: "orders", pipeline: [],
    collation: { locale: "en", strength: 2 } });
  deepStrictEqual(await db.collection("folded").countDocuments({ customer: "ANN" }), 2);
  await refuse(167, db.collection("folded").find({}, { collation: { locale: "simple" } }).toArray());
});
await check("collMod", async () => {
  await db.command({ collMod: "paid", viewOn: "orders", pipeline: [{ $match: { paid: false } }] });
  deepStrictEqual(await db.collection("paid").distinct("_id"), [2]);
  deepStrictEqual(await db.collection("large").countDocuments(), 0);
});
await check("names that are encoded", async () => {
  await db.collection("_a/b").insertOne({ _id: 1 });
  await db.createCollection("of", { viewOn: "_a/b", pipeline: [] });
  deepStrictEqual(await db.collection("of").find().toArray(), [{ _id: 1 }]);
  const [view] = await db.listCollections({ name: "of" }).toArray();
  deepStrictEqual(view.options.viewOn, "_a/b");
  await db.createCollection("with", { viewOn: "of", pipeline: [
    { $lookup: { from: "_a/b", localField: "_id", foreignField: "_id", as: "same" } }] });
  deepStrictEqual(await db.collection("with").find().toArray(), [{ _id: 1, same: [{ _id: 1 }] }]);
});
await check("drop", async () => {
  deepStrictEqual(await db.collection("large").drop(), true);
  deepStrictEqual(await db.command({ drop: "paid" }).then((r) => r.nIndexesWas), undefined);
  deepStrictEqual(await orders.countDocuments(), 4);
  deepStrictEqual((await db.listCollections({ name: /paid|large/ }).toArray()).length, 0);
});
await check("rename over a collection, in a change stream", async () => {
  const stream = db.watch([], { showExpandedEvents: true });
  const next = stream.next();
  await new Promise((go) => setTimeout(go, 200));
  await orders.rename("customers", { dropTarget: true });
  const change = await next;
  deepStrictEqual([change.operationType, change.to.coll, typeof change.operationDescription.dropTarget],
    ["rename", "customers", "object"]);
  await db.command({ collMod: "customers" });
  deepStrictEqual((await stream.next()).operationType, "modify");
  await stream.close();
  deepStrictEqual(await db.collection("customers").countDocuments(), 4);
  deepStrictEqual(await db.collection("customers").findOne({ _id: "ann" }), null);
  await refuse(48, db.collection("customers").rename("_a/b"));
});
await check("clustered", async () => {
  await db.createCollection("clustered", { clusteredIndex: { key: { _id: 1 }, unique: true, name: "c" } });
  const [index] = await db.collection("clustered").indexes();
  deepStrictEqual(index, { v: 2, key: { _id: 1 }, name: "c", unique: true, clustered: true });
  await refuse(2, db.createCollection("no", { clusteredIndex: { key: { x: 1 }, unique: true } }));
});
await check("a whole database", async () => {
  deepStrictEqual(await db.dropDatabase(), true);
  deepStrictEqual(await db.listCollections().toArray(), []);
});
await client.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
