// Sessions of npm `express-session` in npm `connect-mongo`.
import { require, run, same, until, uri } from "./check.mjs";

const express = require("express"), session = require("express-session");
const connect = require("connect-mongo"), { MongoClient } = require("mongodb");
const MongoStore = connect.MongoStore ?? connect.default ?? connect;

run(async () => {
  const client = await MongoClient.connect(uri);
  const store = MongoStore.create({ client, dbName: "session", ttl: 60, touchAfter: 0 });
  const app = express();
  app.use(session({ secret: "s", resave: false, saveUninitialized: false, store }));
  app.get("/", (q, r) => {
    q.session.views = (q.session.views ?? 0) + 1;
    r.json(q.session.views);
  });
  app.get("/out", (q, r) => q.session.destroy(() => r.json(0)));
  const server = app.listen(0, "127.0.0.1");
  await new Promise((go) => server.on("listening", go));
  const url = `http://127.0.0.1:${server.address().port}/`;
  const first = await fetch(url), cookie = first.headers.get("set-cookie").split(";")[0];
  const get = async (path) => (await fetch(url + path, { headers: { cookie } })).json();
  const sessions = client.db("session").collection("sessions");
  await same("a session begins", () => first.json(), 1);
  await same("and goes on", () => get(""), 2);
  await same("once in the database", () => sessions.countDocuments(), 1);
  await same("it expires", async () => {
    const [one] = await sessions.find().toArray();
    return one.expires instanceof Date;
  }, true);
  await same("by a TTL index", () => until(async () => (await sessions.indexes())
    .find((i) => i.expireAfterSeconds === 0)?.key), { expires: 1 });
  const call = (name, ...a) => new Promise((go, no) =>
    store[name](...a, (e, v) => e ? no(e) : go(v)));
  await same("length", () => call("length"), 1);
  await same("all", async () => (await call("all")).length, 1);
  await same("touch", async () => {
    const before = (await sessions.findOne()).expires;
    await call("touch", (await sessions.findOne())._id, { cookie: {
      expires: new Date(Date.now() + 3600e3) } });
    return (await sessions.findOne()).expires > before;
  }, true);
  await same("destroyed", async () => [await get("out"), await sessions.countDocuments()], [0, 0]);
  await same("clear", () => call("clear"), undefined);
  server.close();
  await store.close();
});
