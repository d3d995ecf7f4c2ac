// test/interop/mongodb_errors_client.mjs - what usual mistakes are told: numbers, their names and
// texts, beside MongoDB's; see mongodb_errors.py. FAIL lines, then `N passed, N failed`.
import { createRequire } from "node:module";

const require = createRequire(process.argv[2] + "/");
const { MongoClient } = require("mongodb");
const client = await MongoClient.connect(process.argv[3]), db = client.db("errors"), c = db.collection("c");
let passed = 0, failed = 0;

/** [what, call, number, name or null for errors of single writes, text] */
const mistakes = [
  ["an operator", () => c.find({ a: { $foo: 1 } }).toArray(), 2, "BadValue", /unknown operator: \$foo/],
  ["one at the top", () => c.find({ $foo: 1 }).toArray(), 2, "BadValue", /unknown top level operator: \$foo/],
  ["$in", () => c.find({ a: { $in: 1 } }).toArray(), 2, "BadValue", /\$in needs an array/],
  ["$or", () => c.find({ $or: [] }).toArray(), 2, "BadValue", /\$or.* must be a nonempty array/],
  ["a pattern", () => c.find({ s: { $regex: "(" } }).toArray(), 51091, "Location51091", /Regular expression is invalid/],
  ["a type", () => c.find({ s: { $type: "foo" } }).toArray(), 2, "BadValue", /Unknown type name alias: foo/],
  ["a divisor", () => c.find({ a: { $mod: [0, 1] } }).toArray(), 2, "BadValue", /divisor cannot be 0/],
  ["a projection", () => c.find().project({ a: 1, b: 0 }).toArray(), 31254, "Location31254", /exclusion on field b/],
  ["a sort", () => db.command({ find: "c", sort: { a: 0 } }), 15975, "Location15975", /ordering must be 1/],
  ["skip", () => db.command({ find: "c", skip: -1 }), 51024, "Location51024", /'skip' value must be >= 0/],
  ["a filter", () => db.command({ find: "c", filter: 5 }), 14, "TypeMismatch", /expected type 'object'/],
  ["an option", () => db.command({ find: "c", foo: 1 }), 40415, "Location40415", /'find.foo' is an unknown field/],
  ["a command", () => db.command({ foo: 1 }), 59, "CommandNotFound", /no such command: 'foo'/],
  ["a hint", () => c.find().hint("no").toArray(), 2, "BadValue", /hint provided does not correspond/],
  ["_id twice", () => c.insertOne({ _id: 1 }), 11000, null, /E11000 .* index: _id_ dup key: \{ _id: 1 \}/],
  ["a unique key", () => c.insertOne({ a: 1 }), 11000, null, /index: a_1 dup key: \{ a: 1 \}/],
  ["an _id", () => c.insertOne({ _id: [1] }), 53, null, /'_id' value cannot be of type array/],
  ["no operators", () => db.command({ update: "c", updates: [{ q: {}, u: { a: 1 }, multi: true }] }), 9, "FailedToParse", /multi update is not supported/],
  ["an update operator", () => c.updateOne({}, { $foo: { a: 1 } }), 9, null, /Unknown modifier: \$foo/],
  ["$set of _id", () => c.updateOne({ _id: 1 }, { $set: { _id: 5 } }), 66, null, /modify the immutable field '_id'/],
  ["another _id", () => c.replaceOne({ _id: 1 }, { _id: 5 }), 66, null, /immutable.* field '_id'/],
  ["$inc of text", () => c.updateOne({ _id: 1 }, { $inc: { s: 1 } }), 14, null, /Cannot apply \$inc to a value of non-numeric type/],
  ["$push to text", () => c.updateOne({ _id: 1 }, { $push: { s: 1 } }), 2, null, /'s' must be an array but is of type string/],
  ["two operators", () => c.updateOne({ _id: 1 }, { $set: { b: 1 }, $inc: { b: 1 } }), 40, null, /Updating the path 'b' would create a conflict at 'b'/],
  ["a path", () => c.updateOne({ _id: 1 }, { $set: { "s.x": 1 } }), 28, null, /Cannot create field/],
  ["$", () => c.updateOne({ _id: 1 }, { $set: { "l.$": 1 } }), 2, null, /positional operator did not find the match/],
  ["an array filter", () => c.updateOne({ _id: 1 }, { $set: { "l.$[x]": 1 } }), 2, null, /No array filter found for identifier 'x'/],
  ["one too many", () => c.updateOne({ _id: 1 }, { $set: { "l.0": 1 } }, { arrayFilters: [{ x: 1 }] }), 9, null, /array filter for identifier 'x' was not used/],
  ["findAndModify", () => c.findOneAndUpdate({ _id: 1 }, { $inc: { s: 1 } }), 14, "TypeMismatch", /Cannot apply \$inc/],
  ["a stage", () => c.aggregate([{ $foo: 1 }]).toArray(), 40324, "Location40324", /Unrecognized pipeline stage name: '\$foo'/],
  ["two stages", () => c.aggregate([{ $match: {}, $limit: 1 }]).toArray(), 40323, "Location40323", /exactly one field/],
  ["an expression", () => c.aggregate([{ $set: { x: { $foo: 1 } } }]).toArray(), 168, "InvalidPipelineOperator", /Unrecognized expression '\$foo'/],
  ["$group", () => c.aggregate([{ $group: { n: { $sum: 1 } } }]).toArray(), 15955, "Location15955", /must include an _id/],
  ["an accumulator", () => c.aggregate([{ $group: { _id: 1, n: "$a" } }]).toArray(), 40234, "Location40234", /'n' must be an accumulator object/],
  ["$limit", () => c.aggregate([{ $limit: 0 }]).toArray(), 15958, "Location15958", /limit must be positive/],
  ["$add", () => c.aggregate([{ $set: { x: { $add: ["$s", 1] } } }]).toArray(), 14, "TypeMismatch", /only supports numeric or date types, not string/],
  ["a zero", () => c.aggregate([{ $set: { x: { $divide: ["$a", 0] } } }]).toArray(), 2, "BadValue", /can't \$divide by zero/],
  ["a variable", () => c.aggregate([{ $set: { x: "$$foo" } }]).toArray(), 17276, "Location17276", /Use of undefined variable: foo/],
  ["an ObjectId", () => c.aggregate([{ $set: { x: { $toObjectId: "zz" } } }]).toArray(), 241, "ConversionFailure", /Failed to parse objectId 'zz'/],
  ["no cursor", () => db.command({ aggregate: "c", pipeline: [] }), 9, "FailedToParse", /'cursor' option is required/],
  ["a cursor", () => db.command({ getMore: 77n, collection: "c" }), 43, "CursorNotFound", /cursor id 77 not found/],
  ["no key", () => db.command({ distinct: "c" }), 40414, "Location40414", /'distinct.key' is missing but a required field/],
  ["no limit", () => db.command({ delete: "c", deletes: [{ q: {} }] }), 40414, "Location40414", /'delete.deletes.limit' is missing/],
  ["create", () => db.command({ create: "c", validator: { a: 1 } }), 48, "NamespaceExists", /already exists/],
  ["an index's name", () => c.createIndex({ b: 1 }, { name: "a_1" }), 86, "IndexKeySpecsConflict", /same name/],
  ["an index's key", () => c.createIndex({ a: 1 }, { name: "zz", unique: true }), 85, "IndexOptionsConflict", /different name/],
  ["no index", () => c.dropIndex("no"), 27, "IndexNotFound", /index not found with name \[no\]/],
  ["no collection", () => client.db("admin").command({ renameCollection: "errors.no", to: "errors.x" }), 26, "NamespaceNotFound", /does not exist/],
  ["a name", () => db.collection("a$b").insertOne({}), 73, "InvalidNamespace", /Invalid namespace/],
];

await c.insertMany([{ _id: 1, a: 1, s: "x", l: [1, 2] }, { _id: 2, a: 2 }]);
await c.createIndex({ a: 1 }, { unique: true });
for (const [what, call, code, name, text] of mistakes) {
  const e = await call().then((got) => ({ message: `not refused: ${JSON.stringify(got)}` }), (e) => e);
  const message = e.errorResponse?.errmsg ?? e.message;
  if (e.code === code && (name === null || e.codeName === name) && text.test(message)) passed++;
  else {
    failed++;
    console.log(`FAIL ${what}: ${e.code} ${e.codeName} ${message}`.slice(0, 300));
  }
}
await client.close();
console.log(`${passed} passed, ${failed} failed`);
