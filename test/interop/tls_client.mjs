// node tls_client.mjs MODULES URI good|bad|TOPOLOGY - MongoDB's driver against `parquedb serve`: the
// connection itself, and the heartbeats that the server streams.
import { createRequire } from "node:module";

const require = createRequire(process.argv[2] + "/");
const { MongoClient } = require("mongodb");
const [uri, expected] = process.argv.slice(3);
let passed = 0, failed = 0;

function check(condition, what) {
  if (condition) passed++;
  else failed++;
  if (!condition) console.log("FAIL", what);
}

const client = new MongoClient(uri, { serverSelectionTimeoutMS: 5000, heartbeatFrequencyMS: 500 });
const awaited = [], lost = [];
client.on("serverHeartbeatSucceeded", (e) => awaited.push(e.awaited));
client.on("serverHeartbeatFailed", (e) => lost.push(e.failure));
try {
  await client.connect();
  const things = client.db("shop").collection("things");
  await things.insertMany(Array.from({ length: 500 }, (_, i) => ({ _id: i, text: "x".repeat(4000) })));
  check((await things.find({}, { batchSize: 50 }).toArray()).length === 500, "batches");
  check((await Promise.all(Array.from({ length: 50 }, (_, i) => things.findOne({ _id: i })))).every(
    (d, i) => d._id === i), "side by side");
  check(expected !== "bad", "it must not connect");
  await new Promise((r) => setTimeout(r, 1800));
  check(lost.length === 0, `heartbeats get lost: ${lost}`);
  check(awaited.filter((a) => a).length >= 2, `heartbeats are streamed: ${awaited}`);
  const type = client.topology.description.type;
  check(expected === "good" ? type === "ReplicaSetWithPrimary" : type === expected, type);
} catch (error) {
  check(expected === "bad", error);
}
await client.close();
console.log(`${passed} passed, ${failed} failed`);
