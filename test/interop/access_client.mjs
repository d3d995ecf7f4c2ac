// test/interop/access_client.mjs - npm `mongodb` logs in, and may do what its roles allow:
//
//     node access_client.mjs FOLDER-WITH-node_modules URI PART
//
// One line for each check that fails; the last line is `N passed, N failed`. The users of the part
// "roles" were made by access.py, with `parquedb user`.
import { createRequire } from "node:module";

const require = createRequire(process.argv[2] + "/");
const { MongoClient, Long } = require("mongodb");
const uri = process.argv[3], part = process.argv[4];
let passed = 0, failed = 0;

function check(condition, what, detail) {
  if (condition) passed++;
  else {
    failed++;
    console.log(`FAIL ${what}`, detail === undefined ? "" : JSON.stringify(detail));
  }
}

async function refused(promise, code, what, text) {
  try {
    const got = await promise;
    check(false, `${what}: not refused`, got);
  } catch (e) {
    check(e.code === code && (!text || text.test(e.message)), `${what}: code`,
      { code: e.code, message: e.message });
    return e;
  }
}

const clients = [];
async function connect(user, password, options = {}) {
  const auth = user === undefined ? {} : { auth: { username: user, password } };
  const client = new MongoClient(uri, { ...auth, maxPoolSize: 1, serverSelectionTimeoutMS: 5000,
    directConnection: true, ...options });
  clients.push(client);
  await client.connect();
  return client;
}
const login = (user, options) => connect(user, `pwd of ${user}`, options);

// ---- commands by what they need ----

const shop = {
  find: (db) => db.collection("posts").find({}).toArray(),
  aggregate: (db) => db.collection("posts").aggregate([{ $match: {} }]).toArray(),
  count: (db) => db.collection("posts").countDocuments({}),
  distinct: (db) => db.collection("posts").distinct("a"),
  insert: (db) => db.collection("posts").insertOne({ a: 1 }),
  update: (db) => db.collection("posts").updateMany({ a: 1 }, { $set: { b: 1 } }),
  delete: (db) => db.collection("posts").deleteMany({ a: 99 }),
  findAndModify: (db) => db.collection("posts").findOneAndUpdate({ a: 1 }, { $inc: { n: 1 } }),
  out: (db) => db.collection("posts").aggregate([{ $match: {} }, { $out: "copy" }]).toArray(),
  merge: (db) => db.collection("posts").aggregate([{ $match: {} }, { $merge: "copy" }]).toArray(),
  listCollections: (db) => db.listCollections().toArray(),
  dbStats: (db) => db.command({ dbStats: 1 }),
  explain: (db) => db.command({ explain: { find: "posts" } }),
  validate: (db) => db.command({ validate: "posts" }),
  createUser: (db) => db.command({ createUser: "t" + Math.random(), pwd: "x", roles: ["read"] }),
  usersInfo: (db) => db.command({ usersInfo: 1 }),
};
const reads = ["find", "aggregate", "count", "distinct", "explain"];
const writes = ["insert", "update", "delete"];
const both = ["findAndModify", "out", "merge"];
const allowed = {
  reader: [...reads, "listCollections", "dbStats", "usersInfo"],
  writer: [...reads, ...writes, ...both, "listCollections", "dbStats", "usersInfo"],
  keeper: ["listCollections", "dbStats", "validate", "usersInfo"],
  clerk: ["createUser", "usersInfo"],
  owner: Object.keys(shop),
  "grün": Object.keys(shop),
  "any reader": [...reads, "listCollections", "dbStats", "usersInfo"],
  "any,writer=": [...reads, ...writes, ...both, "listCollections", "dbStats", "usersInfo"],
};

async function try_all(client, name) {
  for (const [what, run] of Object.entries(shop)) {
    const may = allowed[name].includes(what);
    try {
      await run(client.db("shop"));
      check(may, `${name} may ${what}`);
    } catch (e) {
      check(!may && e.code === 13 && /^not authorized on shop to execute command \{ \w+: /
        .test(e.message), `${name} may not ${what}`, { code: e.code, message: e.message });
    }
  }
  const elsewhere = name.startsWith("any");
  try {
    await client.db("other").collection("x").findOne({});
    check(elsewhere, `${name} reads elsewhere`);
  } catch (e) {
    check(!elsewhere && e.code === 13, `${name} reads not elsewhere`, e.message);
  }
}

// ---- the parts ----

async function nobody() {
  const client = await connect();
  const admin = client.db("admin");
  for (const command of [{ ping: 1 }, { hello: 1 }, { buildInfo: 1 }, { connectionStatus: 1 },
    { listCommands: 1 }, { whatsmyuri: 1 }])
    check((await admin.command(command)).ok === 1, `open: ${Object.keys(command)[0]}`);
  for (const command of [{ find: "x" }, { insert: "x", documents: [{}] }, { listDatabases: 1 },
    { getLog: "global" }, { getCmdLineOpts: 1 }, { createUser: "x", pwd: "x", roles: [] },
    { usersInfo: 1 }, { dropDatabase: 1 }, { serverStatus: 1 }, { getParameter: "*" }])
    await refused(admin.command(command), 13, `closed: ${Object.keys(command)[0]}`,
      /^Command \w+ requires authentication$/);
  await refused(admin.command({ noSuchThing: 1 }), 59, "unknown");
  check((await admin.command({ connectionStatus: 1 })).authInfo.authenticatedUsers.length === 0,
    "nobody");
  await refused(admin.command({ saslStart: 1, mechanism: "SCRAM-SHA-1", payload: Buffer.from("x") }),
    334, "SCRAM-SHA-1");
  await refused(admin.command({ saslStart: 1, mechanism: "PLAIN", payload: Buffer.from("x") }), 334,
    "PLAIN");
  await refused(client.db("$external").command({ authenticate: 1, mechanism: "MONGODB-X509" }), 334,
    "a certificate");
  await refused(admin.command({ saslContinue: 1, conversationId: 1, payload: Buffer.from("") }), 17,
    "saslContinue without saslStart");
  await refused(admin.command({ saslStart: 1, mechanism: "SCRAM-SHA-256", payload: Buffer.from("x") }),
    18, "no message of SCRAM");
  const started = await admin.command({ saslStart: 1, mechanism: "SCRAM-SHA-256",
    payload: Buffer.from("n,,n=ghost,r=12345678") });
  check(!started.done && /^r=12345678.*,s=.{40},i=15000$/.test(started.payload.toString("utf8")),
    "a ghost gets a salt", started.payload.toString("utf8"));
  const again = await admin.command({ saslStart: 1, mechanism: "SCRAM-SHA-256",
    payload: Buffer.from("n,,n=ghost,r=12345678") });
  const salt = (a) => /s=([^,]*)/.exec(a.payload.toString("utf8"))[1];
  check(salt(started) === salt(again), "the same one every time");
  await refused(admin.command({ saslContinue: 1, conversationId: 77, payload: Buffer.from("") }), 17,
    "another conversation");
  await refused(client.db("shop").collection("posts").findOne({}), 13, "still nobody");
}

async function roles() {
  const alice = await connect("alice", "a long secret");
  const status = await alice.db("admin").command({ connectionStatus: 1, showPrivileges: true });
  check(status.authInfo.authenticatedUsers[0]?.user === "alice" &&
    status.authInfo.authenticatedUsers[0]?.db === "admin", "who", status.authInfo);
  check(status.authInfo.authenticatedUserRoles.length === 2, "roles", status.authInfo);
  check(status.authInfo.authenticatedUserPrivileges.some((p) => p.actions.includes("insert")),
    "privileges");
  await alice.db("shop").collection("posts").insertMany([{ a: 1 }, { a: 2 }, { a: 3 }]);
  await alice.db("other").collection("x").insertOne({ a: 1 });
  await refused(connect("alice", "not the password"), 18, "wrong password",
    /^Authentication failed\.$/);
  await refused(connect("eve", "not the password"), 18, "unknown user", /^Authentication failed\.$/);
  await refused(connect("alice", "a long secret", { authSource: "shop" }), 18, "authSource");
  await nobody();
  for (const name of Object.keys(allowed)) await try_all(await login(name), name);

  // What one sees of databases and users.
  const reader = await login("reader");
  const seen = (await reader.db("admin").admin().listDatabases()).databases.map((d) => d.name);
  check(seen.includes("shop") && !seen.includes("other"), "listDatabases", seen);
  const all = (await alice.db("admin").admin().listDatabases()).databases.map((d) => d.name);
  check(all.includes("shop") && all.includes("other") && !all.includes("_system"), "all", all);
  const own = (await reader.db("admin").command({ usersInfo: "reader" })).users;
  check(own.length === 1 && own[0].roles[0].role === "read" && !own[0].credentials, "usersInfo", own);
  check((await reader.db("admin").command({ usersInfo: 1 })).users.length === 1, "of himself alone");
  const shown = (await alice.db("admin").command({ usersInfo: { forAllDBs: true },
    showCredentials: true })).users;
  const readers = (await alice.db("admin").command({ usersInfo: { forAllDBs: true },
    filter: { user: { $in: ["reader", "writer"] }, "roles.role": "read" } })).users;
  check(readers.length === 1 && readers[0].user === "reader", "a filter", readers);
  check((await reader.db("admin").command({ usersInfo: { forAllDBs: true }, filter: {} })).users
    .length === 1, "who may not see the others filters himself");
  check(shown.length >= 9 && shown[0].credentials["SCRAM-SHA-256"].iterationCount === 15000, "all");

  // Who did it stands in the history.
  const writer = await login("writer");
  await writer.db("shop").collection("signed").insertOne({ _id: 1 });
  await writer.db("shop").collection("signed").updateOne({ _id: 1 }, { $set: { a: 1 } });
  await writer.db("shop").collection("signed").aggregate([{ $match: {} }, { $out: "copied" }])
    .toArray();
  await writer.db("shop").collection("signed").createIndex({ a: 1 });
  await writer.db("shop").collection("signed").drop();

  // Cursors are their user's.
  const page = await reader.db("shop").command({ find: "posts", batchSize: 1 });
  const more = { getMore: Long.fromValue(page.cursor.id), collection: "posts" };
  await refused(alice.db("shop").command(more), 13, "a cursor of somebody else");
  const killed = await alice.db("shop").command({ killCursors: "posts",
    cursors: [Long.fromValue(page.cursor.id)] });
  check(killed.cursorsNotFound.length === 1 && killed.cursorsKilled.length === 0, "nor to kill");
  check((await reader.db("shop").command(more)).cursor.nextBatch.length > 0, "its own goes on");

  await changes(alice);
}

// By the wire, and what is open at the time notices.
async function changes(alice) {
  const db = alice.db("shop");
  await db.command({ createUser: "carl", pwd: "carl's", roles: ["read"], customData: { a: 1 } });
  await refused(db.command({ createUser: "carl", pwd: "x", roles: [] }), 51003, "twice",
    /^User "carl@shop" already exists$/);
  await refused(db.command({ createUser: "dan", pwd: "x", roles: ["king"] }), 31, "no such role");
  await refused(db.command({ createUser: "dan", roles: [] }), 40414, "without pwd");
  await refused(db.command({ createUser: "dan", pwd: "x" }), 40414, "without roles");
  await refused(db.command({ createUser: "dan", pwd: "", roles: [] }), 2, "empty pwd");
  await refused(db.command({ createUser: "dan", pwd: "x", roles: [], mechanisms: ["SCRAM-SHA-1"] }),
    2, "SCRAM-SHA-1 alone");
  await refused(db.command({ createUser: "dan", pwd: "x", roles: [], nope: 1 }), 40415, "unknown");
  const info = (await db.command({ usersInfo: "carl" })).users[0];
  check(info._id === "shop.carl" && info.customData.a === 1 && info.userId.sub_type === 4 &&
    info.mechanisms[0] === "SCRAM-SHA-256", "usersInfo", info);

  const carl = await connect("carl", "carl's", { authSource: "shop" });
  const posts = carl.db("shop").collection("posts");
  check(await posts.findOne({ a: 2 }), "carl reads");
  await refused(posts.insertOne({}), 13, "and does not write");
  await db.command({ grantRolesToUser: "carl", roles: [{ role: "readWrite", db: "shop" }] });
  check((await posts.insertOne({ by: "carl" })).acknowledged, "a role that is given counts at once");
  await db.command({ revokeRolesFromUser: "carl", roles: ["readWrite"] });
  await refused(posts.insertOne({}), 13, "and one that is taken");
  await db.command({ updateUser: "carl", pwd: "another", roles: ["dbOwner"] });
  check((await posts.insertOne({})).acknowledged, "updateUser: roles");
  await refused(connect("carl", "carl's", { authSource: "shop" }), 18, "updateUser: the old password");
  await connect("carl", "another", { authSource: "shop" });
  await refused(db.command({ updateUser: "carl" }), 2, "updateUser without anything");

  // An owner of one database gives no rights in others.
  const owner = await login("owner");
  await refused(owner.db("shop").command({ createUser: "mole", pwd: "x", roles: [{ role: "read",
    db: "other" }] }), 13, "roles of another database");
  await refused(owner.db("shop").command({ grantRolesToUser: "carl", roles: [{ role: "root",
    db: "admin" }] }), 13, "root");
  await refused(owner.db("admin").command({ createUser: "mole", pwd: "x", roles: [] }), 13,
    "users of another database");

  await db.command({ dropUser: "carl" });
  await refused(posts.findOne({}), 13, "dropped", /requires authentication/);
  await db.command({ createUser: "carl", pwd: "x", roles: ["dbOwner"] });
  await refused(posts.findOne({}), 13, "another one of the name is another");
  await refused(db.command({ dropUser: "nobody" }), 11, "dropUser", /not found/);
  await refused(db.command({ updateUser: "nobody", pwd: "x" }), 11, "updateUser");
  await refused(db.command({ grantRolesToUser: "nobody", roles: ["read"] }), 11, "grantRolesToUser");
  check((await db.command({ dropAllUsersFromDatabase: 1 })).n >= 1, "dropAllUsersFromDatabase");
  check((await db.command({ usersInfo: 1 })).users.length === 0, "all gone");
  const names = (await alice.db("shop").command({ rolesInfo: 1, showBuiltinRoles: true })).roles
    .map((r) => r.role);
  check(names.includes("readWrite") && !names.includes("root"), "rolesInfo", names);

  const wanderer = await login("writer");
  check((await wanderer.db("admin").command({ logout: 1 })).ok === 1, "logout");
  await refused(wanderer.db("shop").collection("posts").findOne({}), 13, "after logout");
}

// With --auth and without a user: only a first one can be made.
async function first() {
  const client = await connect();
  const admin = client.db("admin");
  await refused(client.db("shop").collection("x").findOne({}), 13, "--auth");
  await refused(client.db("shop").command({ createUser: "x", pwd: "x", roles: [] }), 13, "not here");
  await admin.command({ createUser: "root", pwd: "first", roles: ["root"] });
  await refused(admin.command({ createUser: "second", pwd: "x", roles: ["root"] }), 13, "once");
  const root = await connect("root", "first");
  check((await root.db("shop").collection("x").insertOne({ a: 1 })).acknowledged, "the first user");
  await root.db("MyApp").command({ createUser: "Mixed", pwd: "case", roles: ["readWrite"] });
}

// The next start finds them.
async function later() {
  const root = await connect("root", "first");
  check((await root.db("shop").collection("x").findOne({})).a === 1, "stored");
  const mixed = await connect("Mixed", "case", { authSource: "MyApp" });
  check((await mixed.db("MyApp").collection("x").insertOne({})).acknowledged, "a database in capitals");
  await refused(mixed.db("myapp").collection("x").insertOne({}), 13, "is another in small letters");
  await root.db("admin").command({ dropUser: "root" });
  await mixed.db("MyApp").command({ ping: 1 });
  await refused(root.db("admin").command({ usersInfo: 1 }), 13, "who dropped himself");
}

// Without users everything is allowed, until there is one.
async function open() {
  const client = await connect();
  await client.db("shop").collection("x").insertOne({ a: 1 });
  await refused(connect("ghost", "x"), 18, "no users");
  await client.db("admin").command({ createUser: "root", pwd: "first", roles: ["root"] });
  await refused(client.db("shop").collection("x").findOne({}), 13, "from the first user on");
  const root = await connect("root", "first");
  await root.db("admin").command({ dropUser: "root" });
  await refused(client.db("shop").collection("x").findOne({}), 13, "also when the last one has gone");
}

// Over TLS, with the same users.
async function tls() {
  const reader = await login("reader");
  check(await reader.db("shop").collection("posts").findOne({}), "over TLS");
  await refused(connect("reader", "x"), 18, "a wrong password over TLS");
}

// Somebody watches by HTTP, and is dropped.
async function feed() {
  const alice = await connect("alice", "a long secret");
  const c = alice.db("shop").collection("watched");
  await c.insertOne({ a: "seen" });
  await new Promise((done) => setTimeout(done, 500));
  await alice.db("admin").command({ dropUser: "reader" });
  await c.insertOne({ a: "unseen" });
}

await { roles, first, later, open, tls, feed }[part]();
for (const client of clients) await client.close().catch(() => {});
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
