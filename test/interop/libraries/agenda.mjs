// Jobs of npm `agenda`, locked by findAndModify.
import { require, run, same, until, uri } from "./check.mjs";

const { Agenda } = require("agenda"), { MongoBackend } = require("@agendajs/mongo-backend");
const { MongoClient } = require("mongodb");

run(async () => {
  const client = await MongoClient.connect(uri), db = client.db("agenda");
  const agenda = new Agenda({ backend: new MongoBackend({ mongo: db }), processEvery: 100 });
  const done = [];
  agenda.define("greet", async (job) => void done.push(job.attrs.data.to));
  agenda.define("tick", async () => void done.push("tick"));
  agenda.define("fail", async () => { throw new Error("no"); });
  await agenda.start();
  await agenda.now("greet", { to: "Ann" });
  await agenda.schedule("in 1 second", "greet", { to: "Bob" });
  await agenda.every("1 second", "tick");
  await agenda.now("fail");
  await same("now", () => until(() => done.includes("Ann")), true);
  await same("later", () => until(() => done.includes("Bob")), true);
  await same("again and again", () => until(() => done.filter((d) => d === "tick").length > 1), true);
  await same("failures are kept", () => until(async () => (await db.collection("agendaJobs")
    .findOne({ name: "fail", failCount: 1 }))?.failReason), "no");
  const query = (name) => agenda.queryJobs({ name });
  await same("found", async () => (await query("greet")).jobs.length, 2);
  await same("cancelled", () => agenda.cancel({ name: "greet" }), 2);
  await same("gone", async () => (await query("greet")).jobs.length, 0);
  await agenda.stop();
  await client.close();
});
