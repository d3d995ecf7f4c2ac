// npm `migrate-mongo`: migrations with a changelog and a lock.
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, same, uri } from "./check.mjs";

const tool = await import(process.argv[2] + "/node_modules/migrate-mongo/lib/migrate-mongo.js");

run(async () => {
  const folder = mkdtempSync(join(tmpdir(), "parquedb-migrate-"));
  mkdirSync(join(folder, "migrations"));
  writeFileSync(join(folder, "migrations", "20260101000000-first.js"), `module.exports = {
    async up(db, client) {
      const session = client.startSession();
      await db.createCollection("albums");
      await session.withTransaction(async () => {
        await db.collection("albums").insertOne({ artist: "A", stars: 0 }, { session });
        await db.collection("albums").updateOne({ artist: "A" }, { $set: { stars: 5 } }, { session });
      });
      await session.endSession();
    },
    async down(db) { await db.collection("albums").updateOne({ artist: "A" }, { $set: { stars: 0 } }); } };`);
  process.chdir(folder);
  tool.config.set({ mongodb: { url: uri, databaseName: "migrate", options: {} },
    migrationsDir: "migrations", changelogCollectionName: "changelog", lockCollectionName: "lock",
    lockTtl: 60, migrationFileExtension: ".js", useFileHash: false, moduleSystem: "commonjs" });
  const { db, client } = await tool.database.connect();
  const stars = async () => (await db.collection("albums").findOne({ artist: "A" })).stars;
  await same("pending", async () => (await tool.status(db))[0].appliedAt, "PENDING");
  await same("up", () => tool.up(db, client), ["20260101000000-first.js"]);
  await same("done", stars, 5);
  await same("once", () => tool.up(db, client), []);
  await same("down", () => tool.down(db, client), ["20260101000000-first.js"]);
  await same("undone", stars, 0);
  await client.close();
  rmSync(folder, { recursive: true });
});
