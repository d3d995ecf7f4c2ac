// test/interop/mongodb_catalog_client.mjs - what a server that is killed must keep of collections:
//
//     node mongodb_catalog_client.mjs FOLDER-WITH-node_modules URI work|check
//
// work: creates, indexes, fills, renames and drops collections until the server is gone, and prints
// a dot for each round. check: unique indexes hold, what has documents has its index, the database
// is listed. The last line of a check is `N passed, N failed`.
import { createRequire } from "node:module";

const require = createRequire(process.argv[2] + "/");
const { MongoClient } = require("mongodb");
const client = await MongoClient.connect(process.argv[3], { serverSelectionTimeoutMS: 20000 });
const db = client.db("killed");

async function but(codes, promise) {
  try {
    await promise;
  } catch (e) {
    if (!codes.includes(e.code)) throw e;
  }
}

async function work() {
  for (let i = 0; ; i++) {
    const c = db.collection("c" + i % 3);
    await c.createIndex({ k: 1 }, { unique: true });
    for (let n = 0; n < 20; n++) await but([11000], c.insertOne({ k: Math.floor(Math.random() * 30) }));
    if (i % 4 === 0) await c.drop();
    if (i % 5 === 0) await but([26, 48], c.rename("r"));
    if (i % 5 === 0) await db.dropCollection("r");
    process.stdout.write(".");
  }
}

async function check() {
  let passed = 0, failed = 0;
  const judge = (is_fine, what, detail) => {
    if (is_fine) passed++;
    else failed++;
    if (!is_fine) console.log(`FAIL ${what}`, JSON.stringify(detail));
  };
  const { databases } = await client.db().admin().listDatabases({ nameOnly: true });
  judge(databases.some((d) => d.name === "killed"), "the database is listed", databases);
  for (const { name } of await db.listCollections().toArray()) {
    const indexes = await db.collection(name).indexes();
    const keys = await db.collection(name).find().map((d) => d.k).toArray();
    judge(indexes.some((i) => i.name === "k_1" && i.unique) || keys.length === 0,
      `${name} has its index`, indexes);
    judge(new Set(keys).size === keys.length, `${name} has no twins`, keys);
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed;
}

if (process.argv[4] === "check") process.exit(await check() === 0 ? 0 : 1);
try {
  await work();
} catch {
  process.exit(0); // the server is gone
}
