// test/interop/changes_client.mjs - npm `mongodb`: change streams against a server that is started
// and killed here:
//
//     node changes_client.mjs FOLDER-WITH-node_modules PROGRAM FOLDER
//
// One line for each check that fails; the last line is `N passed, N failed`.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(process.argv[2] + "/");
const { MongoClient, ObjectId, Timestamp } = require("mongodb");
const [, , , program, folder] = process.argv;
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
    check(false, `${what}: not refused`, await promise);
  } catch (e) {
    check(e.code === code, `${what}: code`, { code: e.code, message: e.message });
    return e;
  }
}

const sleep = ms => new Promise(done => setTimeout(done, ms));

let server, port = 0;

async function start() {
  server = spawn(program, ["-w", folder + "/w", "serve", "--listen", `127.0.0.1:${port}`],
    { stdio: ["ignore", "pipe", "pipe"] });
  server.stderr.on("data", text => { server.log = (server.log ?? "") + text; });
  const line = await new Promise((done, fail) => {
    server.stdout.once("data", data => done(String(data)));
    server.once("exit", code => fail(new Error(`the server ends with ${code}: ${server.log}`)));
  });
  port = Number(/:(\d+)\/?$/.exec(line.trim())[1]);
}

async function end(signal) {
  const code = new Promise(done => server.once("exit", (code, name) => done(name ?? code)));
  server.kill(signal);
  return code;
}

// The next n events of a stream, without its tokens and times.
async function take(stream, n) {
  const events = [];
  for (let i = 0; i < n; i++) events.push(await stream.next());
  return events;
}

// A stream that has begun; `raw_batches` and `stopped` look at longer waits.
async function watch(what, pipeline = [], options = {}) {
  const stream = what.watch(pipeline, { maxAwaitTimeMS: 100, ...options });
  check(await stream.tryNext() === null, "nothing yet");
  return stream;
}

const shape = e => [e.operationType, e.ns.coll, e.documentKey._id];

async function collection_stream(db) {
  const c = db.collection("things"), other = db.collection("others");
  await c.insertOne({ _id: 0 });
  const s = await watch(c, [], { fullDocument: "updateLookup",
    fullDocumentBeforeChange: "whenAvailable" });
  await c.insertOne({ _id: 1, a: 1, b: { c: 1, d: 2 }, t: [1, 2, 3, 4], x: 0 });
  await other.insertOne({ _id: 9 });
  await c.updateOne({ _id: 1 }, { $set: { a: 2, "b.c": 5, "t.1": 9 }, $unset: { x: 1 } });
  await c.updateOne({ _id: 1 }, { $pop: { t: 1 } });
  await c.replaceOne({ _id: 1 }, { z: 3 });
  await c.findOneAndReplace({ _id: 1 }, { z: 4 });
  await c.deleteOne({ _id: 1 });
  const [i, u, pop, r, fr, d] = await take(s, 6);
  same(i.fullDocument, { _id: 1, a: 1, b: { c: 1, d: 2 }, t: [1, 2, 3, 4], x: 0 }, "an insert");
  same([i.operationType, i.ns, i.documentKey], ["insert", { db: db.databaseName, coll: "things" },
    { _id: 1 }], "what it is about");
  check(i.clusterTime instanceof Timestamp && i.wallTime instanceof Date, "its times");
  check(!("fullDocumentBeforeChange" in i), "an insert has nothing before");
  same(u.updateDescription, { updatedFields: { a: 2, "b.c": 5, "t.1": 9 }, removedFields: ["x"],
    truncatedArrays: [] }, "an update");
  same([u.fullDocument.a, u.fullDocumentBeforeChange.a], [2, 1], "its images");
  same(pop.updateDescription, { updatedFields: {}, removedFields: [],
    truncatedArrays: [{ field: "t", newSize: 3 }] }, "a $pop");
  same([r.operationType, r.fullDocument, r.fullDocumentBeforeChange.a], ["replace",
    { _id: 1, z: 3 }, 2], "a replacement");
  same([fr.operationType, fr.fullDocument.z], ["replace", 4], "findOneAndReplace");
  same([d.operationType, d.documentKey, d.fullDocument, d.fullDocumentBeforeChange], ["delete",
    { _id: 1 }, undefined, { _id: 1, z: 4 }], "a delete");
  const datas = [i, u, pop, r, fr, d].map(e => e._id._data);
  same(datas, [...datas].sort(), "the order of tokens is that of events");
  check(u.clusterTime.greaterThan(i.clusterTime), "times rise");
  await s.close();
  const plain = await watch(c);
  await c.updateMany({ _id: 0 }, { $inc: { n: 1 } });
  const e = await plain.next();
  check(!("fullDocument" in e) && !("fullDocumentBeforeChange" in e), "no images unless asked");
  await plain.close();
}

async function ids_and_upserts(db) {
  const c = db.collection("ids"), s = await watch(c);
  const oid = new ObjectId();
  await c.insertMany([{ _id: oid }, { _id: "text/with%signs" }, { _id: { a: 1 } }, { _id: 1.5 }]);
  await c.updateOne({ _id: "up" }, { $set: { a: 1 } }, { upsert: true });
  await c.deleteMany({});
  const events = await take(s, 10), keys = events.map(e => e.documentKey._id);
  same(keys.slice(0, 5), [oid, "text/with%signs", { a: 1 }, 1.5, "up"], "keys");
  same(events.map(e => e.operationType), [...Array(5).fill("insert"), ...Array(5).fill("delete")],
    "kinds");
  same(keys.slice(5).map(String).sort(), keys.slice(0, 5).map(String).sort(), "keys of deletes");
  await s.close();
}

async function wider_streams(client, name) {
  const db = client.db(name), other = client.db(name + "Other");
  const of_db = await watch(db), of_all = await watch(client);
  for (let i = 0; i < 5; i++) {
    await db.collection("a").insertOne({ _id: i });
    await other.collection("b").insertOne({ _id: i });
    await db.collection("c").insertOne({ _id: i });
  }
  same((await take(of_db, 10)).map(shape), [0, 1, 2, 3, 4].flatMap(i => [["insert", "a", i],
    ["insert", "c", i]]), "a stream of a database");
  const all = await take(of_all, 15);
  same(all.map(e => [e.ns.db, e.documentKey._id]), [0, 1, 2, 3, 4].flatMap(i => [[name, i],
    [name + "Other", i], [name, i]]), "a stream of everything");
  await of_db.close();
  await of_all.close();
  const again = client.watch([], { resumeAfter: all[6]._id });
  same((await take(again, 8)).map(e => e._id._data), all.slice(7).map(e => e._id._data),
    "everything, resumed");
  await again.close();
  const elsewhere = other.watch([], { resumeAfter: all[0]._id });
  same((await take(elsewhere, 5)).map(shape), [0, 1, 2, 3, 4].map(i => ["insert", "b", i]),
    "with the token of another database");
  await elsewhere.close();
}

async function pipelines(db) {
  const c = db.collection("piped");
  const s = await watch(c, [{ $match: { operationType: "insert", "fullDocument.n": { $gte: 2 } } },
    { $project: { n: "$fullDocument.n", twice: { $multiply: ["$fullDocument.n", 2] } } },
    { $addFields: { more: true } }]);
  await c.insertMany([{ n: 1 }, { n: 2 }, { n: 3 }]);
  await c.updateMany({}, { $inc: { n: 5 } });
  await c.insertOne({ n: 9 });
  same((await take(s, 3)).map(({ _id, ...e }) => e), [2, 3, 9].map(n => ({ n, twice: 2 * n,
    more: true })), "a pipeline");
  await s.close();
  const wrong = await watch(c, [{ $project: { _id: 0 } }]);
  await c.insertOne({});
  await refused(wrong.next(), 280, "a pipeline without _id");
  await wrong.close();
  const changed = await watch(c, [{ $addFields: { _id: { _data: "x" } } }]);
  await c.insertOne({});
  const lost = await refused(changed.next(), 280, "another _id");
  check(lost?.hasErrorLabel("NonResumableChangeStreamError"), "its label");
  await changed.close();
  await refused(c.watch([{ $group: { _id: 1 } }]).next(), 20, "$group");
  await refused(c.watch([{ $unsupported: 1 }]).next(), 40324, "an unknown stage");
}

async function raw_batches(db) {
  const c = db.collection("raw");
  const open = (stage, batch) => db.command({ aggregate: "raw", pipeline: [{ $changeStream: stage }],
    cursor: batch === undefined ? {} : { batchSize: batch } });
  const more = (id, extra) => db.command({ getMore: id, collection: "raw", ...extra });
  const { cursor } = await open({});
  check(cursor.firstBatch.length === 0 && typeof cursor.postBatchResumeToken._data === "string",
    "an empty first batch has a token", cursor);
  let began = Date.now();
  let next = (await more(cursor.id, { maxTimeMS: 300 })).cursor;
  check(Date.now() - began >= 290 && Date.now() - began < 900, "getMore waits as long as it may",
    Date.now() - began);
  check(next.nextBatch.length === 0 && next.postBatchResumeToken, "an empty batch has a token");
  began = Date.now();
  const late = more(cursor.id, { maxTimeMS: 20000 });
  await sleep(100);
  await c.insertOne({ _id: 1 });
  next = (await late).cursor;
  check(next.nextBatch.length === 1 && Date.now() - began < 2000, "a commit wakes it", next);
  same(next.postBatchResumeToken, next.nextBatch[0]._id, "the token of a batch is of its last");
  for (const _id of [2, 3, 4]) await c.insertOne({ _id });
  next = (await more(cursor.id, { batchSize: 2 })).cursor;
  same(next.nextBatch.map(e => e.documentKey._id), [2, 3], "batchSize");
  const at = (await open({ resumeAfter: next.postBatchResumeToken })).cursor;
  same(at.firstBatch.map(e => e.documentKey._id), [4], "the first batch has what is there");
  const from = (await open({ startAtOperationTime: next.nextBatch[1].clusterTime })).cursor;
  same(from.firstBatch.map(e => e.documentKey._id), [3, 4], "startAtOperationTime");
  const zero = (await open({ startAfter: next.nextBatch[0]._id }, 0)).cursor;
  same([zero.firstBatch, zero.postBatchResumeToken], [[], next.nextBatch[0]._id], "batchSize 0");
  const waits = more(zero.id, {}).then(() => more(zero.id, { maxTimeMS: 20000 }));
  await sleep(200);
  await db.command({ killCursors: "raw", cursors: [zero.id] });
  await refused(waits, 237, "killed while it waits");
  await refused(open({ resumeAfter: { _data: "zz" } }), 260, "nonsense as a token");
  await refused(open({ resumeAfter: next.nextBatch[0]._id, startAfter: next.nextBatch[0]._id }),
    40674, "two places");
  await refused(open({ nonsense: 1 }), 40415, "an unknown option");
  await refused(open({ fullDocument: "nonsense" }), 2, "an unknown choice");
  await refused(open({ allChangesForCluster: true }), 72, "everything, asked of a collection");
  await refused(db.command({ aggregate: "raw", cursor: {}, pipeline: [{ $match: {} },
    { $changeStream: {} }] }), 40602, "not the first stage");
}

async function drops(client) {
  const db = client.db("drops"), c = db.collection("plain"), made = db.collection("made");
  await c.insertMany([{ _id: 1 }, { _id: 2 }]);
  const s = await watch(c), of_db = await watch(db), of_all = await watch(client);
  const all = await watch(db, [], { showExpandedEvents: true });
  await c.drop();
  await db.createCollection("made");
  await made.createIndex({ x: 1 });
  await made.dropIndex("x_1");
  await made.insertOne({ _id: 3 });
  const [dropped, end] = await take(s, 2);
  same([dropped.operationType, dropped.ns], ["drop", { db: "drops", coll: "plain" }], "a drop");
  same([end.operationType, end.ns], ["invalidate", undefined], "ends a stream of the collection");
  check(s.closed || await s.tryNext().catch(() => null) === null, "and it is closed");
  same((await take(of_db, 2)).map(e => [e.operationType, e.ns.coll]), [["drop", "plain"],
    ["insert", "made"]], "a stream of its database goes on");
  same((await take(all, 5)).map(e => [e.operationType, e.ns.coll]), [["drop", "plain"],
    ["create", "made"], ["createIndexes", "made"], ["dropIndexes", "made"], ["insert", "made"]],
    "with showExpandedEvents");
  await refused(c.watch([], { resumeAfter: end._id }).next(), 260, "resumeAfter an invalidate");
  const again = c.watch([], { startAfter: end._id });
  await c.insertOne({ _id: 4 });
  same(shape(await again.next()), ["insert", "plain", 4], "startAfter it");
  await again.close();
  await db.dropDatabase();
  const rest = await take(of_db, 5);
  same(rest.map(e => [e.operationType, e.ns?.coll]).slice(-2), [["dropDatabase", undefined],
    ["invalidate", undefined]], "dropDatabase ends a stream of the database");
  same(rest.slice(0, 3).map(e => e.operationType), ["insert", "drop", "drop"], "after its drops");
  same((await take(of_all, 6)).map(e => e.operationType), ["drop", "insert", "insert", "drop",
    "drop", "dropDatabase"], "one of everything goes on");
  for (const one of [of_db, of_all, all]) await one.close();
}

async function renames(client) {
  const db = client.db("renames"), c = db.collection("old");
  await db.createCollection("old");
  await c.insertMany([{ _id: 1 }, { _id: 2 }]);
  const s = await watch(c), of_db = await watch(db, [], { showExpandedEvents: true });
  await c.insertOne({ _id: 3 });
  await c.rename("fresh");
  await db.collection("fresh").insertOne({ _id: 4 });
  const [, renamed, end] = await take(s, 3);
  same([renamed.operationType, renamed.ns, renamed.to], ["rename", { db: "renames", coll: "old" },
    { db: "renames", coll: "fresh" }], "a rename");
  same(end.operationType, "invalidate", "ends a stream of the collection");
  const [three, to, four] = await take(of_db, 3);
  same([three, to, four].map(e => e.operationType), ["insert", "rename", "insert"],
    "one of its database goes on");
  check(three.collectionUUID?.sub_type === 4 && four.collectionUUID, "collectionUUID",
    three.collectionUUID);
  same(to.operationDescription, { to: { db: "renames", coll: "fresh" } }, "operationDescription");
  await of_db.close();
}

async function hundreds(client, db) {
  const c = db.collection("many"), wanted = [];
  let streams = [];
  for (let i = 0; i < 200; i++)
    streams.push(watch(c, i % 2 ? [{ $match: { "fullDocument.n": { $lt: 20 } } }] : []));
  streams = await Promise.all(streams);
  for (let i = 0; i < 20; i++) wanted.push(i);
  await Promise.all(wanted.map(n => c.insertOne({ n })));
  const got = await Promise.all(streams.map(s => take(s, 20)));
  const texts = new Set(got.map(events => JSON.stringify(events.map(e => e._id._data))));
  check(texts.size === 1, "200 watchers see the same, in the same order", texts.size);
  same(got[0].map(e => e.fullDocument.n).sort((a, b) => a - b), wanted, "and all of it");
  await Promise.all(streams.map(s => s.close()));
}

// The driver resumes by itself; nothing is lost and nothing comes twice.
async function killed(client, db) {
  const c = db.collection("crash"), s = await watch(c), all = await watch(client);
  const seen = [], everywhere = [];
  const read = (async () => { while (seen.length < 300) seen.push((await s.next()).documentKey._id); })();
  const read_all = (async () => {
    while (everywhere.length < 300) {
      const e = await all.next();
      if (e.ns.coll === "crash") everywhere.push(e.documentKey._id);
    }
  })();
  const stored = [];
  for (let i = 0; i < 300; i++) {
    if (i === 100 || i === 200) {
      await end("SIGKILL");
      await start();
    }
    for (;;) {
      try {
        await c.insertOne({ _id: i });
        break;
      } catch (e) {
        if (e.code === 11000) break; /* it was stored before the connection was lost */
        await sleep(20);
      }
    }
    stored.push(i);
  }
  await Promise.race([Promise.all([read, read_all]), sleep(20000)]);
  same(seen, stored, "a stream over two kills");
  same(everywhere, stored, "one of everything");
  await s.close();
  await all.close();
}

async function stopped(client, db) {
  const waiting = db.collection("crash").watch([], { maxAwaitTimeMS: 60000 });
  waiting.next().catch(() => {});
  await sleep(300);
  const began = Date.now();
  same(await end("SIGTERM"), 0, "the server ends while streams wait");
  check(Date.now() - began < 5000, "at once", Date.now() - began);
  waiting.close().catch(() => {}); /* it has nobody to tell */
}

async function timed(name, part) {
  const began = Date.now();
  await part.catch(e => check(false, name, e.stack));
  if (process.env.SHOW_TIMES) console.log(`${name}: ${Date.now() - began} ms`);
}

await start();
const client = new MongoClient(`mongodb://127.0.0.1:${port}/`, { serverSelectionTimeoutMS: 10000,
  maxPoolSize: 500 });
const parts = { collection_stream, ids_and_upserts, pipelines, raw_batches };
for (const [name, part] of Object.entries(parts))
  await timed(name, part(client.db("parts")));
await timed("wider_streams", wider_streams(client, "wide"));
await timed("drops", drops(client));
await timed("renames", renames(client));
await timed("hundreds", hundreds(client, client.db("parts")));
await timed("killed", killed(client, client.db("crash")));
await timed("stopped", stopped(client, client.db("crash")));
await client.close(true);
if (server.exitCode === null && server.signalCode === null) await end("SIGKILL");
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
