// Entities of npm `typeorm`.
import { require, run, same, uri } from "./check.mjs";

require("reflect-metadata");
const { DataSource, EntitySchema } = require("typeorm"), { ObjectId } = require("mongodb");
class User {}
const users = new EntitySchema({ name: "User", target: User, columns: {
  id: { type: "ObjectId", objectId: true, primary: true, generated: true, name: "_id" },
  name: { type: String }, age: { type: Number }, tags: { type: "array", nullable: true },
  createdAt: { type: Date, createDate: true }, deletedAt: { type: Date,
    deleteDate: true, nullable: true } },
  indices: [{ columns: ["name"], unique: true }] });

run(async () => {
  const source = new DataSource({ type: "mongodb", url: uri + "typeorm", entities: [users],
    synchronize: true });
  await source.initialize();
  const repo = source.getMongoRepository(User);
  const make = (name, age) => Object.assign(new User(), { name, age, tags: [name] });
  const ann = await repo.save(make("Ann", 3));
  await repo.save([make("Bob", 5), make("Cy", 7)]);
  await same("an id", async () => ann.id instanceof ObjectId, true);
  await same("findOneBy", async () => (await repo.findOneBy({ name: "Ann" })).age, 3);
  await same("by id", async () => (await repo.findOneBy({ _id: ann.id })).name, "Ann");
  await same("find", async () => (await repo.find({ where: { age: { $gt: 3 } },
    order: { age: "DESC" }, take: 1 })).map((u) => u.name), ["Cy"]);
  await same("findAndCount", async () => (await repo.findAndCount({ where: { age: { $gt: 1 } },
    take: 2 }))[1], 3);
  await same("unique", () => repo.save(make("Ann", 1)).catch((e) => e.code), 11000);
  ann.age = 4;
  await same("save", async () => {
    await repo.save(ann);
    return (await repo.findOneBy({ name: "Ann" })).age;
  }, 4);
  await same("update", async () => (await repo.updateOne({ name: "Bob" }, { $inc: { age: 1 } }))
    .modifiedCount, 1);
  await same("aggregate", () => repo.aggregate([{ $group: { _id: null, n: { $sum: "$age" } } },
    { $project: { _id: 0 } }]).toArray(), [{ n: 17 }]);
  await same("soft removal", async () => {
    await repo.softRemove(await repo.findOneBy({ name: "Cy" }));
    return repo.countDocuments({ deletedAt: { $eq: null } });
  }, 2);
  await same("deleteMany", async () => (await repo.deleteMany({})).deletedCount, 3);
  await same("distinct", () => repo.distinct("name", {}), []);
  await same("indexes", async () => (await repo.collectionIndexes()).length, 2);
  await source.dropDatabase();
  await source.destroy();
});
