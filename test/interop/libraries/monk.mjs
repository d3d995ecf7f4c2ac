// npm `monk`, a small layer over an old driver (mongodb 3).
import { require, run, same, uri } from "./check.mjs";

const monk = require("monk");

run(async () => {
  const db = monk(uri.replace(/\/$/, "") + "/monk");
  const c = db.get("docs");
  await c.createIndex("n", { unique: true });
  const one = await c.insert({ n: 1, t: "a" });
  await c.insert([{ n: 2 }, { n: 3 }]);
  await same("by text", async () => (await c.findOne({ _id: String(one._id) })).t, "a");
  await same("find", async () => (await c.find({ n: { $gt: 1 } }, { sort: { n: -1 } }))
    .map((d) => d.n), [3, 2]);
  await same("update", async () => (await c.update({ n: 2 }, { $set: { t: "b" } })).nModified, 1);
  await same("findOneAndUpdate", async () => (await c.findOneAndUpdate({ n: 3 },
    { $inc: { n: 7 } })).n, 10);
  await same("count", () => c.count({ n: { $lt: 5 } }), 2);
  await same("distinct", () => c.distinct("n"), [1, 2, 10]);
  await same("aggregate", () => c.aggregate([{ $group: { _id: null, s: { $sum: "$n" } } }]),
    [{ _id: null, s: 13 }]);
  await same("bulkWrite", async () => (await c.bulkWrite([{ deleteOne: { filter: { n: 1 } } },
    { insertOne: { document: { n: 4 } } }])).deletedCount, 1);
  await same("unique", () => c.insert({ n: 4 }).catch((e) => e.code), 11000);
  await same("group, stats", async () => (await c.stats()).count, 3);
  await same("indexes", async () => Object.keys(await c.indexes()), ["_id_", "n_1"]);
  await same("remove", async () => (await c.remove({})).deletedCount, 3);
  await same("drop", () => c.drop(), true);
  await db.close();
});
