// Classes of npm `@typegoose/typegoose` over mongoose.
import { require, run, same, uri } from "./check.mjs";

require("reflect-metadata");
const { prop, getModelForClass, index, pre, modelOptions, mongoose } =
  require("@typegoose/typegoose");
const decorate = (list, target, key, type) => list.forEach((d) => {
  Reflect.defineMetadata("design:type", type, target, key);
  d(target, key);
});
class Cat {
  static named(name) { return this.findOne({ name }); }
  get loud() { return this.name.toUpperCase(); }
}
decorate([prop({ required: true, unique: true })], Cat.prototype, "name", String);
decorate([prop({ default: 1, min: 0 })], Cat.prototype, "age", Number);
decorate([prop({ ref: () => Cat })], Cat.prototype, "mother", mongoose.Types.ObjectId);
decorate([prop({ type: () => [String] })], Cat.prototype, "likes", Array);
for (const d of [index({ age: 1 }), modelOptions({ schemaOptions: { timestamps: true } }),
  pre("save", function () { this.likes.push("milk"); })]) d(Cat);

run(async () => {
  await mongoose.connect(uri + "typegoose");
  const Cats = getModelForClass(Cat);
  await Cats.init();
  const mia = await Cats.create({ name: "Mia" });
  await Cats.create({ name: "Tom", age: 2, mother: mia });
  await same("hooks, defaults", async () => {
    const { age, likes } = await Cats.findById(mia._id).lean();
    return { age, likes };
  }, { age: 1, likes: ["milk"] });
  await same("methods", async () => (await Cats.named("Tom")).loud, "TOM");
  await same("populate", async () => (await Cats.findOne({ age: 2 }).populate("mother"))
    .mother.name, "Mia");
  await same("unique", () => Cats.create({ name: "Mia" }).catch((e) => e.code), 11000);
  await same("validation", () => Cats.create({ name: "x", age: -1 }).catch((e) => e.name),
    "ValidationError");
  await same("indexes", async () => (await Cats.collection.indexes()).map((i) => i.name),
    ["_id_", "name_1", "age_1"]);
  await same("a bad id", () => Cats.findById("zz").catch((e) => e.name), "CastError");
  await mongoose.disconnect();
});
