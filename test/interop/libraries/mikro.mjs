// Entities of npm `@mikro-orm/mongodb`: unit of work, transactions.
import { require, run, same, uri } from "./check.mjs";

const { MikroORM, EntitySchema, ObjectId } = require("@mikro-orm/mongodb");
const author = new EntitySchema({ name: "Author", properties: {
  _id: { type: "ObjectId", primary: true }, id: { type: "string", serializedPrimaryKey: true },
  name: { type: "string", unique: true }, age: { type: "number", nullable: true },
  books: { kind: "1:m", entity: "Book", mappedBy: "author" } } });
const book = new EntitySchema({ name: "Book", properties: {
  _id: { type: "ObjectId", primary: true }, id: { type: "string", serializedPrimaryKey: true },
  title: { type: "string", index: true }, author: { kind: "m:1", entity: "Author" } } });

run(async () => {
  const orm = await MikroORM.init({ entities: [author, book], clientUrl: uri, dbName: "mikro",
    ensureIndexes: true, implicitTransactions: true });
  const em = orm.em.fork();
  const ann = em.create("Author", { name: "Ann", age: 3 });
  em.create("Book", { title: "T1", author: ann });
  em.create("Book", { title: "T2", author: ann });
  await em.flush();
  await same("an id", async () => ann._id instanceof ObjectId, true);
  await same("populate", async () => {
    const got = await orm.em.fork().findOneOrFail("Author", { name: "Ann" }, { populate: ["books"] });
    return got.books.getItems().map((b) => b.title).sort();
  }, ["T1", "T2"]);
  await same("by id as text", async () => (await orm.em.fork().findOne("Author", ann.id)).name, "Ann");
  await same("transaction", async () => {
    await orm.em.fork().transactional(async (t) => {
      (await t.findOneOrFail("Author", { name: "Ann" })).age = 9;
    });
    return (await orm.em.fork().findOne("Author", ann.id)).age;
  }, 9);
  await same("undone", async () => {
    await orm.em.fork().transactional(async (t) => {
      t.create("Author", { name: "Bob" });
      await t.flush();
      throw new Error("x");
    }).catch(() => {});
    return orm.em.fork().count("Author");
  }, 1);
  await same("unique", async () => {
    const other = orm.em.fork();
    other.create("Author", { name: "Ann" });
    return other.flush().then(() => "no", (e) => e.name);
  }, "UniqueConstraintViolationException");
  await same("findAndCount", async () => (await orm.em.fork().findAndCount("Book", {},
    { limit: 1, orderBy: { title: "desc" } }))[0].map((b) => b.title), ["T2"]);
  await same("nativeDelete", () => orm.em.fork().nativeDelete("Book", { title: /^T/ }), 2);
  await same("upsert", async () => (await orm.em.fork().upsert("Author", { name: "Cy", age: 1 })).age, 1);
  await orm.schema.dropSchema();
  await orm.close();
});
