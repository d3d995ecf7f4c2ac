// test/interop/mongoose_client.mjs - npm `mongoose` against a started server; see mongoose.py.
// FAIL lines, then `N passed, N failed`.
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(process.argv[2] + "/");
const mongoose = require("mongoose");
const { Schema } = mongoose;
let passed = 0, failed = 0;

async function same(name, f, wanted) {
  let got;
  try {
    got = await f();
  } catch (e) {
    got = `${e.name} ${e.code ?? ""}: ${e.message}`;
  }
  if (isDeepStrictEqual(got, wanted)) passed++;
  else {
    failed++;
    console.log(`FAIL ${name}:`, JSON.stringify({ got, wanted })?.slice(0, 500));
  }
}

const failure = (promise) => promise.then(() => "no failure", (e) => e.name);

async function documents() {
  const Author = mongoose.model("Author", new Schema({ name: { type: String, required: true },
    age: { type: Number, min: 0 }, email: { type: String, unique: true, sparse: true } },
  { timestamps: true }));
  const Post = mongoose.model("Post", new Schema({ title: { type: String, index: true },
    tags: [String], author: { type: Schema.Types.ObjectId, ref: "Author" }, meta: { views: Number },
    comments: [{ by: String, text: String }] }, { optimisticConcurrency: true }));
  await same("indexes are made", async () => {
    await Promise.all([Author.init(), Post.init()]);
    return (await Post.collection.indexes()).map((i) => i.name).sort();
  }, ["_id_", "title_1"]);
  const ann = new Author({ name: "Ann", age: 3, email: "a@x" });
  await same("save", async () => (await ann.save()).createdAt instanceof Date, true);
  await same("required", () => failure(new Author({ age: 1 }).save()), "ValidationError");
  await same("min", () => failure(new Author({ name: "x", age: -1 }).save()), "ValidationError");
  await same("unique", () => Author.create({ name: "Eve", email: "a@x" }).catch((e) =>
    [e.code, e.keyPattern, e.keyValue]), [11000, { email: 1 }, { email: "a@x" }]);
  await same("sparse", async () => (await Author.create([{ name: "n1" }, { name: "n2" }])).length, 2);
  const post = await Post.create({ title: "T", tags: ["a", "b"], author: ann._id,
    meta: { views: 1 }, comments: [{ by: "x", text: "y" }] });
  await same("populate", async () => (await Post.findOne({ title: "T" }).populate("author"))
    .author.name, "Ann");
  post.tags.push("c");
  post.comments[0].text = "z";
  post.meta.views = 7;
  await same("save of changes", async () => {
    await post.save();
    const p = await Post.findById(post._id).lean();
    return [p.tags, p.comments[0].text, p.meta, p.__v];
  }, [["a", "b", "c"], "z", { views: 7 }, 1]);
  await same("versions", async () => {
    const p = await Post.findById(post._id), q = await Post.findById(post._id);
    p.title = "1";
    await p.save();
    q.title = "2";
    return failure(q.save());
  }, "VersionError");
  await same("find", async () => (await Post.find({ tags: { $in: ["c"] } }).lean()).length, 1);
  await same("findOneAndUpdate, upsert", async () => (await Author.findOneAndUpdate({ name: "Bob" },
    { age: 5 }, { upsert: true, returnDocument: "after" })).age, 5);
  await same("$lookup", async () => (await Post.aggregate([{ $lookup: { from: "authors",
    localField: "author", foreignField: "_id", as: "a" } }, { $project: { n: "$a.name", _id: 0 } }])),
  [{ n: ["Ann"] }]);
  await same("countDocuments", () => Post.countDocuments(), 1);
  await same("bulkSave", async () => (await Author.bulkSave([new Author({ name: "c1" }),
    new Author({ name: "c2" })])).insertedCount, 2);
  await same("cursor", async () => {
    let n = 0;
    for await (const d of Author.find().cursor({ batchSize: 2 })) n += d.name !== "";
    return n;
  }, 6);
  await same("distinct", async () => (await Author.distinct("name")).length, 6);
  await same("exists", async () => (await Author.exists({ name: "c1" })) !== null, true);
  await same("deleteMany", async () => (await Post.deleteMany({})).deletedCount, 1);
  await same("syncIndexes", () => Post.syncIndexes(), []);
}

async function kinds() {
  const Event = mongoose.model("Event", new Schema({ at: Date }, { discriminatorKey: "kind" }));
  const Click = Event.discriminator("Click", new Schema({ x: Number }));
  await same("discriminators", async () => {
    await Event.create({ at: new Date() });
    await Click.create({ at: new Date(), x: 4 });
    return [await Event.countDocuments(), await Click.countDocuments(),
      (await Event.findOne({ x: 4 })) instanceof Click];
  }, [2, 1, true]);
  const Kinds = mongoose.model("Kinds", new Schema({ m: { type: Map, of: String },
    d: Schema.Types.Decimal128, b: BigInt, u: Schema.Types.UUID, f: Buffer, any: {} }));
  await same("types", async () => {
    await Kinds.create({ m: { a: "1" }, d: "1.5", b: 5n, u: "00112233-4455-6677-8899-aabbccddeeff",
      f: Buffer.from("x"), any: { $x: 1 } });
    const k = await Kinds.findOne();
    return [k.m.get("a"), String(k.d), String(k.b), String(k.u), String(k.f), k.any];
  }, ["1", "1.5", "5", "00112233-4455-6677-8899-aabbccddeeff", "x", { $x: 1 }]);
}

/* Where the server has sessions. */
async function transactions() {
  const hello = await mongoose.connection.db.admin().command({ hello: 1 });
  if (hello.logicalSessionTimeoutMinutes === undefined) return;
  const Money = mongoose.model("Money", new Schema({ _id: String, n: Number }));
  await Money.createCollection();
  await Money.create([{ _id: "a", n: 10 }, { _id: "b", n: 0 }]);
  const move = (n, end) => mongoose.connection.transaction(async (session) => {
    await Money.updateOne({ _id: "a" }, { $inc: { n: -n } }, { session });
    await Money.updateOne({ _id: "b" }, { $inc: { n } }, { session });
    if (end) throw new Error(end);
  });
  await same("a transaction", async () => {
    await move(3);
    return (await Money.find().sort({ _id: 1 }).lean()).map((m) => m.n);
  }, [7, 3]);
  await same("one that fails", async () => [await move(3, "no").catch((e) => e.message),
    ...(await Money.find().sort({ _id: 1 }).lean()).map((m) => m.n)], ["no", 7, 3]);
}

await mongoose.connect(process.argv[3] + "mongoose");
for (const part of [documents, kinds, transactions]) {
  try {
    await part();
  } catch (e) {
    failed++;
    console.log("FAIL", e.stack);
  }
}
await mongoose.connection.dropDatabase();
await mongoose.disconnect();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
