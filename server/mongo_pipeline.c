/* server/mongo_pipeline.c - see mongo_pipeline.h. Nested as deep as documents of the wire are. */
#include "server/mongo_pipeline.h"

#include <string.h>

enum { DEPTH_MAX = 100 };

typedef enum name_kind {
  KIND_SPEC,       /* an object whose fields rows tell */
  KIND_COLLECTION, /* a name, or {db, coll} */
  KIND_DATABASE,
  KIND_PIPELINE,
  KIND_PIPELINES /* of each field */
} name_kind;

/* Where names of collections and pipelines stand. */
static const struct row {
  const char *owner, *name; /* the stage, or the object in it; the field */
  name_kind kind;
} rows[] = {{"", "$lookup", KIND_SPEC},
            {"", "$graphLookup", KIND_SPEC},
            {"", "$unionWith", KIND_COLLECTION},
            {"", "$facet", KIND_PIPELINES},
            {"", "$out", KIND_COLLECTION},
            {"", "$merge", KIND_COLLECTION},
            {"$lookup", "from", KIND_COLLECTION},
            {"$lookup", "pipeline", KIND_PIPELINE},
            {"$graphLookup", "from", KIND_COLLECTION},
            {"$unionWith", "coll", KIND_COLLECTION},
            {"$unionWith", "pipeline", KIND_PIPELINE},
            {"$out", "db", KIND_DATABASE},
            {"$out", "coll", KIND_COLLECTION},
            {"$merge", "into", KIND_COLLECTION},
            {"$merge", "db", KIND_DATABASE},
            {"$merge", "coll", KIND_COLLECTION}};

static const struct row *find(const char *owner, pq_slice name) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp(rows[i].owner, owner) == 0 && pq_slice_is(name, rows[i].name)) return &rows[i];
  return NULL;
}

static int put_pipeline(pq_task *t, pq_value list, int depth);

static int put_name(pq_task *t, name_kind kind, pq_slice name) {
  pq_cx *cx = t->mongo->cx;
  char ours[PQ_MONGO_NAME_CAP];
  PQ_TRY(kind == KIND_DATABASE ? pq_mongo_namespace(cx, name, ours)
                               : pq_mongo_collection(cx, name, ours));
  return pq_builder_str(t->mongo->builder, ours);
}

/* The fields of `v`, of the stage `owner`; those of a stage itself, of "". */
static int put_fields(pq_task *t, const char *owner, name_kind of, pq_value v, int depth) {
  pq_builder *b = t->mongo->builder;
  uint32_t count;
  pq_field *fields = pq_object_fields(&t->arena, v, &count);
  if (fields == NULL && pq_value_count(v) > 0) return t->arena.cx->code;
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    const struct row *row = of == KIND_PIPELINES ? NULL : find(owner, fields[i].name);
    pq_value x = fields[i].value;
    pq_type type = pq_value_type(x);
    name_kind kind = of == KIND_PIPELINES ? KIND_PIPELINE : row == NULL ? KIND_SPEC : row->kind;
    pq_slice text;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    if (kind == KIND_PIPELINE && type == PQ_TYPE_ARRAY)
      PQ_TRY(put_pipeline(t, x, depth + 1));
    else if ((kind == KIND_COLLECTION || kind == KIND_DATABASE) && pq_value_string(x, &text))
      PQ_TRY(put_name(t, kind, text));
    else if (row != NULL && type == PQ_TYPE_OBJECT && depth < DEPTH_MAX)
      PQ_TRY(put_fields(t, *owner == '\0' ? row->name : owner, kind, x, depth + 1));
    else
      PQ_TRY(pq_builder_value(b, x));
  }
  return pq_builder_end(b);
}

static int put_pipeline(pq_task *t, pq_value list, int depth) {
  pq_builder *b = t->mongo->builder;
  if (depth >= DEPTH_MAX) return pq_builder_value(b, list);
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < pq_value_count(list); i++) {
    pq_value stage = pq_array_at(list, i);
    PQ_TRY(pq_value_type(stage) == PQ_TYPE_OBJECT ? put_fields(t, "", KIND_SPEC, stage, depth + 1)
                                                  : pq_builder_value(b, stage));
  }
  return pq_builder_end(b);
}

int pq_pipeline_put(pq_task *t, pq_value pipeline) {
  if (pq_value_type(pipeline) != PQ_TYPE_ARRAY) {
    pq_task_put(t, "pipeline", pipeline);
    return PQ_OK;
  }
  PQ_TRY(t->rc);
  PQ_TRY(pq_builder_key_str(t->mongo->builder, "pipeline"));
  return put_pipeline(t, pipeline, 0);
}
