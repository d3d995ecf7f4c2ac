// test/interop/capnweb_client.mjs - npm `capnweb` against a started server:
//
//     node capnweb_client.mjs FOLDER FOLDER HOST:PORT PART
//
// The folders have the node_modules with `capnweb` and with `ws`. PART: `all`, or `access` against a
// server with the users of capnweb.py. One line for each check that fails; the last line is
// `N passed, N failed`.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(process.argv[2] + "/");
const { newWebSocketRpcSession, newHttpBatchRpcSession, RpcTarget } = require("capnweb");
const WebSocket = globalThis.WebSocket = createRequire(process.argv[3] + "/")("ws"); // not in Node 20
const at = process.argv[4], part = process.argv[5];
const doc = new URL("../../doc/rpc.md", import.meta.url);
let headers = {};
let passed = 0, failed = 0;

function check(condition, what, detail) {
  if (condition) passed++;
  else {
    failed++;
    console.log(`FAIL ${what}`, detail === undefined ? "" : detail);
  }
}

function same(got, wanted, what) {
  check(isDeepStrictEqual(got, wanted), what, { got, wanted });
}

async function refused(promise, code, what) {
  try {
    check(false, `${what}: not refused`, await promise);
  } catch (e) {
    check((e.code ?? e.name) === code, `${what}: code`, `${e.name} ${e.code} ${e.message}`);
    return e;
  }
}

async function until(condition, what) {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise(r => setTimeout(r, 10));
  check(condition(), what);
}

// A session, with the messages that went out and came in, as {out, in} in their order.
function connect() {
  const socket = new WebSocket(`ws://${at}/rpc`, { headers });
  const log = [];
  const send = socket.send.bind(socket);
  socket.send = (m, ...rest) => { log.push(["out", JSON.parse(m)]); return send(m, ...rest); };
  socket.addEventListener("message", m => log.push(["in", JSON.parse(m.data)]));
  return { api: newWebSocketRpcSession(socket), socket, log };
}

// How often the client had to wait before it could push again.
function trips(log) {
  let count = 0, has_pushed = false;
  for (const [way, message] of log) {
    if (way === "out" && message[0] === "push") has_pushed = true;
    else if (way === "in" && has_pushed) { count++; has_pushed = false; }
  }
  return count;
}

const plain = e => Object.fromEntries(Object.entries(e).filter(([name]) =>
  !/^(\$type|name|createdAt|createdBy|updatedAt|updatedBy|version)$/.test(name)));

async function crud(api) {
  const posts = api.collection("posts");
  same(await posts.insert([{ $id: "p1", n: 1 }, { $id: "p2", n: 2 }, { $id: "p3", n: 3 }]),
    { insertedCount: 3, insertedIds: ["posts/p1", "posts/p2", "posts/p3"], seq: 3 }, "insert");
  same((await posts.insert({ n: 4 })).insertedCount, 1, "insert one");
  same(plain(await posts.get("p1")), { $id: "posts/p1", n: 1 }, "get");
  same(plain(await api.get("posts/p1")), { $id: "posts/p1", n: 1 }, "get at the root");
  same(await posts.get("none"), null, "get nothing");
  const page = await posts.find({ n: { $gt: 1 } }, { sort: { n: 1 }, limit: 2, cursor: null, total: true });
  same([page.items.map(p => p.n), page.hasMore, page.total], [[2, 3], true, 3], "find");
  same((await posts.find({ n: { $gt: 1 } }, { sort: { n: 1 }, cursor: page.nextCursor })).items.length,
    1, "the next page");
  same((await posts.findOne({ n: 2 })).n, 2, "findOne");
  same([await posts.count(), await posts.count({ n: 1 }), await posts.estimatedCount()], [4, 1, 4], "count");
  same([await posts.exists("p1"), await posts.exists("x"), await posts.exists({ n: 9 }),
    await api.exists("posts/p2"), await api.entity("posts/p3").exists()],
  [true, false, false, true, true], "exists");
  same(await posts.distinct("n", { n: { $lt: 3 } }), [1, 2], "distinct");
  same(await posts.aggregate([{ $group: { _id: null, sum: { $sum: "$n" } } }, { $project: { sum: 1, _id: 0 } }]),
    [{ sum: 10 }], "aggregate");
  same((await posts.update("p1", { $set: { n: 10 } })).n, 10, "update");
  same(await posts.update("none", { $set: { n: 10 } }), null, "update nothing");
  same((await posts.updateOne({ n: 10 }, { $inc: { n: 1 } })).modifiedCount, 1, "updateOne");
  same((await posts.updateMany({}, { $set: { x: 1 } })).modifiedCount, 4, "updateMany");
  same((await posts.replace("p1", { n: 1 })).x, undefined, "replace");
  same((await posts.upsert({ $id: "posts/p9" }, { $set: { n: 9 } })).n, 9, "upsert");
  same((await posts.findOneAndUpdate({ n: 9 }, { $inc: { n: 1 } }, { returnDocument: "after" })).n, 10,
    "findOneAndUpdate");
  same((await posts.bulkWrite([{ insertOne: { document: { $id: "b1" } } }, { deleteOne: { filter: { $id: "posts/b1" } } }]))
    .deletedCount, 1, "bulkWrite");
  same((await posts.delete("p9")).deletedCount, 1, "delete");
  same((await posts.restore("p9")).restoredCount, 1, "restore");
  same((await posts.deleteMany({ n: { $gte: 4 } }, { hard: true })).deletedCount, 2, "deleteMany");
  same((await api.run({ count: "posts" })).summary.count, 3, "run");
  same((await api.ns("other").collection("posts").count()), 0, "ns");
  same((await api.collections()).map(c => c.name), ["posts"], "collections");
  same((await posts.entity("p2").history()).items.map(e => e.op), ["CREATE", "UPDATE"], "history");
  same((await api.asOf("seq:2").collection("posts").count()), 2, "asOf");
  same((await posts.getAtVersion("p2", 1)).x, undefined, "getAtVersion");
}

async function values(api) {
  const docs = api.collection("values");
  const value = {
    null: null, yes: true, int: 5, neg: -7, long: 2 ** 40, exact: Number.MAX_SAFE_INTEGER,
    big: 2n ** 62n, double: 1.5, nan: NaN, inf: Infinity, minus: -Infinity, zero: 0,
    text: "grüße \u0000 \u2028 \"\\", empty: "", date: new Date(1749342170815), old: new Date(-1),
    list: [1, [2, [], [[3]]], { a: [] }], object: { a: { b: {} } },
    oid: { $oid: "0123456789abcdef01234567" }, decimal: { $numberDecimal: "1.10" },
    uuid: { $uuid: "01234567-89ab-cdef-0123-456789abcdef" }, "a.b c": 1,
  };
  await docs.insert({ $id: "v", ...value, undefined: undefined, bytes: new Uint8Array([0, 1, 255]) });
  const got = await docs.get("v");
  for (const [name, v] of Object.entries(value)) same(got[name], v, `value: ${name}`);
  check(!("undefined" in got), "undefined is no field");
  same([...got.bytes], [0, 1, 255], "bytes");
  same(await docs.count({ date: new Date(1749342170815), big: 2n ** 62n, bytes: new Uint8Array([0, 1, 255]) }),
    1, "values in a filter");
}

async function pipelining() {
  const { api, log, socket } = connect();
  const posts = api.collection("posts");
  const title = posts.insert({ $id: "a", next: "posts/b", title: "A" });
  posts.insert({ $id: "b", next: "posts/c", title: "B" });
  posts.insert({ $id: "c", next: "posts/a", title: "C" });
  const end = posts.get(posts.get(posts.get("a").next).next);
  same(await end.title, "C", "a chain of gets");
  same(trips(log), 1, "a chain is one round trip");
  same(log.filter(([way, m]) => way === "in" && m[0] === "resolve").length, 1, "and one answer");
  await title;
  log.length = 0;
  const list = await posts.find({ next: { $exists: true } }, { sort: { title: 1 } }).items
    .map(p => ({ title: p.title, next: posts.get(p.next).title, deep: [p.next, { also: api.get(p.next).next }] }));
  same(list, [{ title: "A", next: "B", deep: ["posts/b", { also: "posts/c" }] },
    { title: "B", next: "C", deep: ["posts/c", { also: "posts/a" }] },
    { title: "C", next: "A", deep: ["posts/a", { also: "posts/b" }] }], "map");
  same(trips(log), 1, "a map is one round trip");
  same(await posts.get("a").map(p => posts.get(p.next)).title, "B", "map of one");
  same(await posts.get("none").map(p => posts.get(p.next)), null, "map of nothing");
  same(await api.collection("posts").aggregate([{ $match: { title: "A" } }, { $project: { list: ["posts/b", "posts/c"] } }])
    .map(d => d.list.map(id => api.get(id).title)), [["B", "C"]], "map in a map");
  same((await posts.find({ next: { $exists: true } }).items.map(p => posts.update(p.$id, { $set: { seen: p.title } }))).length, 3,
    "writes in a map");
  const stubs = await posts.find({ seen: { $exists: true } }, { sort: { title: 1 } }).items.map(p => api.entity(p.$id));
  same(await stubs[1].get().seen, "B", "stubs from a map");
  await refused(posts.find({ next: { $exists: true } }).items.map(p => api.get(p.title, { nope: 1 })), "VALIDATION_FAILED",
    "a map that fails");
  socket.close();
}

async function order(api) {
  const c = api.collection("order");
  const done = [];
  for (let i = 0; i < 20; i++) {
    done.push(c.insert({ $id: `d${i}`, n: i }));
    done.push(c.count());
    done.push(c.update(`d${i}`, { $inc: { n: 100 } }).n);
    done.push(c.get(`d${i}`).n);
  }
  const got = await Promise.all(done);
  check(got.every((v, i) => i % 4 === 0 || v === (i % 4 === 1 ? (i + 3) / 4 : 100 + Math.floor(i / 4))),
    "calls see what was called before", got);
  const all = await Promise.all(Array.from({ length: 2000 }, (_, i) => c.get(`d${i % 20}`).n));
  check(all.every((v, i) => v === 100 + i % 20), "2000 calls at a time");
  for (let i = 0; i < 12; i++) await Promise.all(Array.from({ length: 1000 }, () => c.get("d1").n));
  check(true, "12000 calls of one session, none disposed of");
}

async function errors(api) {
  const c = api.collection("posts");
  const e = await refused(c.find({}, { limmit: 1 }), "VALIDATION_FAILED", "an unknown option");
  check(e instanceof Error && e.message.includes("limmit"), "which names it", e?.message);
  await refused(c.find({ a: { $nope: 1 } }), "INVALID_FILTER", "a filter");
  await refused(c.update("a", { $nope: 1 }), "INVALID_UPDATE", "an update");
  await refused(c.insert({ $id: "a" }), "ALREADY_EXISTS", "an id that is there");
  await refused(c.update("a", { $set: { a: 1 } }, { expectedVersion: 99 }), "VERSION_CONFLICT", "a version");
  await refused(c.noSuchThing(), "TypeError", "an unknown method");
  await refused(api.posts.find(), "TypeError", "a collection as a property");
  await refused(c.get("a").title.big(), "TypeError", "a field is no function");
  await refused(c.get("none").title, "VALIDATION_FAILED", "a field of null");
  await refused(c.get("a", { txn: 1 }), "VALIDATION_FAILED", "txn");
  await refused(api.run({ begin: 1 }), "NOT_SUPPORTED", "begin by run");
  await refused(c.insert({ f: () => 1 }), "VALIDATION_FAILED", "a function in a document");
  await refused(c.get(c.find({}, { nope: 1 }).items[0].$id), "VALIDATION_FAILED", "what hangs on a failure");
  await refused(c.insert({ b: new Blob(["x"]) }), "NOT_SUPPORTED", "a Blob");
  await refused(c.insert({ s: new ReadableStream() }), "NOT_SUPPORTED", "a stream");
  same(await c.count({ title: "A" }), 1, "the session goes on");
}

async function transactions(api) {
  const c = api.collection("accounts");
  await c.insert([{ $id: "ann", cents: 500 }, { $id: "bob", cents: 100 }]);
  const t = api.begin();
  t.update("accounts/ann", { $inc: { cents: -50 } });
  const bob = t.collection("accounts").update("bob", { $inc: { cents: 50 } });
  t.collection("transfers").insert({ $id: "t1", left: t.get("accounts/ann").cents, right: bob.cents });
  same((await t.commit()).events, 3, "commit");
  same(plain(await api.get("transfers/t1")), { $id: "transfers/t1", left: 450, right: 150 }, "what it stored");
  await refused(t.get("accounts/ann"), "VALIDATION_FAILED", "after its end");
  const u = await api.begin();
  await u.collection("accounts").update("ann", { $set: { cents: 0 } });
  same([await u.get("accounts/ann").cents, await api.get("accounts/ann").cents], [0, 450], "isolation");
  await refused(c.update("ann", { $set: { cents: 1 } }), "VERSION_CONFLICT", "a claimed entity");
  u[Symbol.dispose]();
  same((await c.update("ann", { $inc: { cents: 1 } })).cents, 451, "disposed is aborted");
  const v = await api.begin();
  await v.entity("accounts/ann").update({ $set: { cents: 0 } });
  same((await v.abort()).events, 1, "abort");
  same(await c.get("ann").cents, 451, "aborted");
  const other = connect();
  const w = await other.api.begin();
  await w.entity("accounts/ann").update({ $set: { cents: 0 } });
  other.socket.terminate();
  let free = false;
  for (let i = 0; i < 200 && !free; i++)
    free = await c.update("ann", { $inc: { cents: 1 } }).then(() => true, () => new Promise(r => setTimeout(r, 10)));
  check(free, "the connection is gone: aborted");
}

async function graph(api) {
  const c = api.collection("nodes");
  await c.insert(["a", "b", "c", "d"].map(id => ({ $id: id, name: id })));
  const a = api.entity("nodes/a");
  same((await a.link("to", "nodes/b", { data: { w: 2 } })).linkedCount, 1, "link");
  await api.link([{ from: "nodes/b", predicate: "to", to: "nodes/c" }, { from: "nodes/c", predicate: "to", to: "nodes/d" }]);
  same((await a.related("to")).items.map(e => e.name), ["b"], "related");
  same((await a.related("to", { edges: true })).items[0].data, { w: 2 }, "edges");
  same(await a.related("to").items[0].$id, "nodes/b", "a field of related");
  same((await a.traverse([{ predicate: "to", min: 1, max: 3 }])).items.map(e => e.name), ["b", "c", "d"], "traverse");
  same((await api.traverse(["nodes/b"], ["to"])).items.map(e => e.name), ["c"], "traverse at the root");
  same((await api.path("nodes/a", "nodes/d"))[0].length, 3, "path");
  same((await api.connected("nodes/a", "nodes/d")).distance, 3, "connected");
  same((await api.match("MATCH (x {name: $n})-[:to]->(y) RETURN y.name AS y", { n: "b" })).items, [{ y: "c" }], "match");
  same((await a.subgraph({ maxHops: 1 })).items.filter(i => i.node).length, 2, "subgraph");
  same((await a.neighbourhood()).n, 3, "neighbourhood");
  same((await a.unlink("to", "nodes/b")).unlinkedCount, 1, "unlink");
  same(await api.entity("nodes/b").related("to").items.map(e => api.entity(e.$id).related("to").items[0].name), ["d"],
    "a walk by map");
}

async function callbacks(api) {
  const c = api.collection("feed"), seen = [];
  const s = await c.subscribe({}, e => { seen.push([e.op, e.entityId, e.after?.n]); });
  await c.insert({ $id: "x", n: 1 });
  await api.collection("elsewhere").insert({ n: 1 });
  await c.update("x", { $set: { n: 2 } });
  await until(() => seen.length >= 2, "two events");
  same(seen, [["CREATE", "feed/x", 1], ["UPDATE", "feed/x", 2]], "events");
  s[Symbol.dispose]();
  await c.update("x", { $set: { n: 3 } });
  const again = [];
  const r = await c.subscribe({ cursor: "seq:0", op: "UPDATE" }, async e => {
    again.push(e.after.n);
    await new Promise(resolve => setTimeout(resolve, 1));
  });
  await until(() => again.length >= 2, "from the beginning");
  same([again, seen.length], [[2, 3], 2], "from a cursor; and no more for who has left");
  const closed = r.closed();
  await r.cancel();
  await closed;
  check(true, "closed");
  const bad = await c.subscribe({}, () => { throw new Error("enough"); });
  const ended = refused(bad.closed(), "Error", "a callback that throws");
  await c.update("x", { $set: { n: 4 } });
  await ended;
  class Listener extends RpcTarget { hear(e) { seen.push(e.op); } }
  await refused(c.subscribe({ nope: 1 }, () => 1), "VALIDATION_FAILED", "an unknown option of subscribe");
  await refused(c.subscribe({ cursor: "nonsense" }, () => 1), "VALIDATION_FAILED", "a cursor that is none");
  await refused(c.subscribe({}), "VALIDATION_FAILED", "no callback");
  check(new Listener() instanceof RpcTarget, "a class");
  const many = [];
  const m = await api.subscribe({ filter: { ns: "default" } }, e => { many.push(e.seq); });
  await c.insert(Array.from({ length: 3000 }, (_, i) => ({ i })));
  await until(() => many.length >= 3000, "3000 events");
  check(many.every((v, i) => i === 0 || v === many[i - 1] + 1), "in order, once each");
  m[Symbol.dispose]();
  const entity = [];
  const e = await api.entity("feed/x").subscribe({}, x => { entity.push(x.op); });
  await c.insert({ n: 0 });
  await c.delete("x");
  await until(() => entity.length > 0, "an entity's events");
  same(entity, ["DELETE"], "of one entity");
  e[Symbol.dispose]();
}

async function large(api) {
  const c = api.collection("large"), text = "x".repeat(1000);
  for (let i = 0; i < 40; i++) await c.insert(Array.from({ length: 1000 }, (_, j) => ({ i: i * 1000 + j, text })));
  same((await c.find({ i: { $lt: 20000 } })).items.length, 20000, "an answer of 20 MB");
  await refused(c.find({}), "LIMIT_EXCEEDED", "one that is too large");
  same((await c.find({}).items[39999].text).length, 1000, "a field of it");
  let count = 0, sum = 0;
  for await (const e of await c.stream({}, { project: { i: 1 } })) { count++; sum += e.i; }
  same([count, sum], [40000, 40000 * 39999 / 2], "a stream");
  count = 0;
  for await (const e of await c.stream({})) if (++count === 10 && e) break;
  same(count, 10, "a stream that is left");
  const reader = (await c.stream({ i: { $lt: 1000 } })).getReader();
  await reader.read();
  await c.update(`${(await c.findOne({ i: 5 })).$id}`, { $set: { text: "" } });
  check(true, "writes while a stream is open");
  await reader.cancel();
  await refused(c.stream({ a: { $nope: 1 } }), "INVALID_FILTER", "a stream's filter");
  const other = connect();
  const s = (await other.api.collection("large").stream({})).getReader();
  await s.read();
  other.socket.terminate();
  same((await c.get("none")), null, "a client that is gone in the middle of a stream");
}

async function batches() {
  const batch = () => newHttpBatchRpcSession(new Request(`http://${at}/rpc`, { method: "POST", headers }));
  const real = globalThis.fetch;
  let requests = 0;
  globalThis.fetch = (...a) => { requests++; return real(...a); };
  let api = batch();
  api.collection("batch").insert({ $id: "a", next: "batch/b" });
  api.collection("batch").insert({ $id: "b", title: "B" });
  const [title, list] = await Promise.all([api.get(api.get("batch/a").next).title,
    api.collection("batch").find({}, { sort: { $id: 1 } }).items.map(e => api.get(e.$id).$id)]);
  same([title, list, requests], ["B", ["batch/a", "batch/b"], 1], "a batch is one request");
  api = batch();
  api.collection("batch").insert({ $id: "c" });   /* not awaited */
  same(await api.collection("batch").count(), 3, "what is not awaited is done");
  api = batch();
  await refused(api.collection("batch").subscribe({}, () => 1), "NOT_SUPPORTED", "subscribe in a batch");
  api = batch();
  await refused(api.collection("batch").stream(), "NOT_SUPPORTED", "a stream in a batch");
  api = batch();
  const t = api.begin();
  t.collection("batch").insert({ $id: "d" });
  await t.commit();
  api = batch();
  api.begin().collection("batch").insert({ $id: "e" });
  same(await api.collection("batch").count(), 4, "a transaction in a batch");
  api = batch();
  same(await api.collection("batch").exists("e"), false, "one that was left open is aborted");
  globalThis.fetch = real;
  const post = body => fetch(`http://${at}/rpc`, { method: "POST", headers, body }).then(r => r.text());
  same(await post(""), "", "an empty batch");
  same(await post('["push",1]\n["pull",1]'), '["resolve",1,1]', "lines");
  check((await post('["push",1]\nnonsense\n["pull",1]')).startsWith('["abort",'), "nonsense");
  check((await post('["push",["pipeline",0,["get"],["a/b"]]]\n["pull",1]\n')).startsWith('["resolve",1,null]'), "a get");
}

async function hostile() {
  const talk = messages => new Promise(resolve => {
    const socket = new WebSocket(`ws://${at}/rpc`, { headers });
    const heard = [];
    socket.on("open", () => messages.forEach(m => socket.send(m)));
    socket.on("message", m => heard.push(String(m)));
    socket.on("close", () => resolve(heard));
    socket.on("error", () => resolve(heard));
  });
  const say = (...messages) => talk(messages);
  check((await say("nonsense")).join().includes('["abort",["error"'), "nonsense is told, and closed");
  check((await say('["pull",7]')).join().includes("abort"), "a pull of nothing");
  check((await say('["release",0,1]', '["release",0,1]')).join().includes("abort"), "a release too many");
  // What the server said last is lost where its end of the connection is gone before all was sent.
  const many = (await talk(Array.from({ length: 200001 }, () => '["push",1]'))).join();
  check(many === "" || many.match(/LIMIT_EXCEEDED|OUT_OF_MEMORY/), "too many calls", many);
  check((await say(Buffer.from([1, 2, 3]))).length <= 1, "bytes instead of text");
  for (let i = 0; i < 50; i++) {
    const { api, socket } = connect();
    api.collection("large").find({}).items.map(e => api.get(e.$id)).catch(() => 0);
    await new Promise(resolve => socket.once("open", resolve));
    if (i % 2 === 0) socket.terminate();
    else setTimeout(() => socket.terminate(), i);
  }
  const since = Date.now();
  await connect().api.collection("large").exists({ i: 1 });
  check(Date.now() - since < 15000, "what clients that are gone asked for is not done", Date.now() - since);
}

// The blocks of the manual, one after the other, as they stand there.
async function manual() {
  const Run = Object.getPrototypeOf(async function () {}).constructor;
  const blocks = [...readFileSync(doc, "utf8").matchAll(/^```js\n([^]*?)^```$/gm)].map(m => m[1]);
  const web = () => newWebSocketRpcSession(new WebSocket(`ws://${at}/rpc`, { headers }));
  const http = () => newHttpBatchRpcSession(new Request(`http://${at}/rpc`, { method: "POST", headers }));
  const printed = [], api = web().ns("manual"), posts = api.collection("posts");
  const log = { log: (...values) => printed.push(values) };
  for (const [i, block] of blocks.entries()) {
    const text = block.replace(/^import .*$/gm, "").replace(/^…$/gm, "").replace(/ …$/gm, " { }");
    try {
      await new Run("newWebSocketRpcSession", "newHttpBatchRpcSession", "api", "posts", "console", `{${text}}`)(
        () => web().ns("manual"), () => http().ns("manual"), api, posts, log);
      passed++;
    } catch (e) {
      check(false, `the manual's block ${i + 1}`, e);
    }
  }
  check(blocks.length >= 5, "blocks");
  same(printed.slice(0, 3), [[[{ title: "One", author: "Ann" }, { title: "Two", author: "Bob" }]], ["One", "Ann"], [450]],
    "what they print");
}

function log_in(name, password) {
  headers = name ? { authorization: "Basic " + Buffer.from(`${name}:${password}`).toString("base64") } : {};
}

// Users of capnweb.py: reader may read, writer write, other is of another namespace.
async function access() {
  log_in();
  const nobody = connect();
  same(await nobody.api.user(), null, "nobody");
  await refused(nobody.api.get("posts/a"), "PERMISSION_DENIED", "without a login");
  await refused(nobody.api.collection("posts").subscribe(() => 1), "PERMISSION_DENIED", "subscribe without one");
  for (const [name, password] of [["writer", "wrong"], ["nobody", "x"], ["writer", ""]]) {
    log_in(name, password);
    const e = await refused(connect().api.get("posts/a"), "PERMISSION_DENIED", "a wrong password");
    check(e?.message === "Authentication failed.", "which says no more", e?.message);
  }
  headers = { authorization: "Negotiate x" };
  await refused(connect().api.get("posts/a"), "PERMISSION_DENIED", "another scheme");
  log_in("writer", "of writer");
  const writer = connect();
  same(await writer.api.user(), "admin.writer", "user");
  same((await writer.api.collection("posts").insert({ $id: "a", n: 1 })).insertedCount, 1, "a writer writes");
  same(await writer.api.get("posts/a").createdBy, "admin.writer", "and is the actor");
  await refused(writer.api.collection("posts").insert({ $id: "b" }, { actor: "x" }), "PERMISSION_DENIED", "another actor");
  await refused(writer.api.ns("elsewhere").collection("posts").count(), "PERMISSION_DENIED", "another namespace");
  await refused(writer.api.ns("_system").collection("users").find(), "PERMISSION_DENIED", "_system");
  log_in("reader", "of reader");
  const reader = connect();
  same(await reader.api.get("posts/a").n, 1, "a reader reads");
  const events = [];
  const s = await reader.api.collection("posts").subscribe(e => { events.push(e.actor); });
  await refused(reader.api.collection("posts").insert({}), "PERMISSION_DENIED", "and does not write");
  await refused(reader.api.collection("posts").aggregate([{ $match: {} }, { $out: "x" }]), "PERMISSION_DENIED", "by $out");
  await refused(reader.api.run({ schema: "posts", set: { n: "int" } }), "PERMISSION_DENIED", "a schema");
  await writer.api.collection("posts").insert({ $id: "c" });
  await until(() => events.length > 0, "a reader's events");
  same(events, ["admin.writer"], "with their actor");
  s[Symbol.dispose]();
  const t = reader.api.begin();
  await refused(t.collection("posts").insert({}), "PERMISSION_DENIED", "in a transaction");
  const request = () => new Request(`http://${at}/rpc`, { method: "POST", headers });
  same(await newHttpBatchRpcSession(request()).get("posts/a").n, 1, "a batch");
  log_in("reader", "of writer");
  await refused(newHttpBatchRpcSession(request()).get("posts/a"), "PERMISSION_DENIED", "a batch with a wrong password");
  log_in();
  await refused(newHttpBatchRpcSession(request()).get("posts/a"), "PERMISSION_DENIED", "a batch without a login");
  for (const c of [nobody, writer, reader]) c.socket.close();
}

async function main() {
  if (part === "access") return access();
  const { api, socket } = connect();
  same(await api.user(), null, "user");
  await crud(api);
  await values(api);
  await pipelining();
  await order(api);
  await errors(api);
  await transactions(api);
  await graph(api);
  await callbacks(api);
  await large(api);
  await batches();
  await hostile();
  await manual();
  same(await api.collection("posts").count({ title: "A" }), 1, "the first session is still there");
  socket.close();
}

process.on("unhandledRejection", e => check(false, "a rejection that nobody handles", e));
main().catch(e => check(false, "the end", e)).finally(() => {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
});
