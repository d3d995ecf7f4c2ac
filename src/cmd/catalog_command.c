/* cmd/catalog_command.c - create, createIndexes, dropIndexes, alter, indexes: the record of a
 * collection, read and written.
 *
 *   open ─► the record that counts ─► [is there a document? does a new unique index hold?]
 *        ─► edited ─► an event of the collection
 */
#include "cmd/derived.h"

#include <string.h>

#include "cmd/own_options.h"
#include "cmd/unique_check.h"
#include "db/schema_of.h"
#include "value/compare.h"

#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

enum { RECORD_LEN_MAX = 1 << 20, UUID_LEN = 32 };

struct pq_catalog_run {
  pq_schema_at at;                /* what counts */
  pq_collection_record record;    /* the same */
  pq_value options;               /* as they are to be; missing: none */
  pq_value specs[PQ_INDEXES_MAX]; /* of indexes, as they are to be */
  uint32_t spec_count;
  pq_unique_key *keys; /* of new unique indexes */
  uint32_t key_count;
  pq_unique_build build;
  pq_filter *filter; /* {} */
  bool has_documents, is_scanned, is_changed;
  int (*then)(pq_command *c); /* when it is known whether there are documents */
};

void pq_catalog_run_free(pq_command *c) {
  struct pq_catalog_run *r = c->s.catalog;
  if (r == NULL) return;
  pq_unique_build_release(&r->build);
  c->s.catalog = NULL;
}

/* ---- the record as a value ---- */

int pq_put_fields_but(pq_command *c, pq_value v, const char *but) {
  pq_builder *b = c->db->builder;
  uint32_t count;
  pq_field *fields = pq_object_fields(&c->op.scratch, v, &count);
  if (fields == NULL && pq_value_count(v) > 0) return c->op.cx->code;
  for (uint32_t i = 0; fields != NULL && i < count; i++) {
    if (but != NULL && pq_slice_is(fields[i].name, but)) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  return PQ_OK;
}

static int put_indexes(pq_builder *b, const struct pq_catalog_run *r) {
  PQ_TRY(pq_builder_key_str(b, "indexes"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = 0; i < r->spec_count; i++)
    PQ_TRY(pq_builder_value(b, r->specs[i]));
  return pq_builder_end(b);
}

static int put_record(pq_command *c, pq_slice uuid) {
  const struct pq_catalog_run *r = c->s.catalog;
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, PQ_COLLECTION_DIRECTIVE));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "uuid", uuid));
  if (pq_value_count(r->options) > 0) {
    PQ_TRY(pq_builder_key_str(b, "options"));
    PQ_TRY(pq_builder_value(b, r->options));
  }
  if (r->spec_count > 0) PQ_TRY(put_indexes(b, r));
  return pq_builder_end(b);
}

/* The fields of the schema as they are. */
static int put_schema(pq_command *c) {
  const struct pq_catalog_run *r = c->s.catalog;
  pq_builder *b = c->db->builder;
  if (r->at.version == 0) {
    PQ_TRY(pq_builder_key_str(b, "$ids"));
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_builder_end(b));
    return pq_put_count(b, "$nextId", 1);
  }
  return pq_put_fields_but(c, r->at.document, PQ_COLLECTION_DIRECTIVE);
}

static int make_document(pq_command *c, pq_value *out) {
  const struct pq_catalog_run *r = c->s.catalog;
  char fresh[2 * PQ_TOKEN_LEN + 1];
  pq_slice uuid = r->record.uuid;
  _Static_assert(2 * PQ_TOKEN_LEN == UUID_LEN, "two tokens are a uuid");
  if (uuid.n == 0) {
    pq_db_token(c->db, fresh);
    pq_db_token(c->db, fresh + PQ_TOKEN_LEN);
    uuid = pq_str(fresh);
  }
  pq_builder_clear(c->db->builder);
  PQ_TRY(pq_builder_begin_object(c->db->builder));
  PQ_TRY(put_schema(c));
  PQ_TRY(put_record(c, uuid));
  PQ_TRY(pq_builder_end(c->db->builder));
  return pq_builder_finish(c->db->builder, &c->op.arena, out);
}

int pq_collection_event(pq_command *c, const pq_schema_at *at, pq_value after, pq_event *out) {
  const pq_overlay *own = pq_txn_own(c);
  const pq_event *before =
      own == NULL ? NULL : pq_overlay_collection(own, c->s.collection, UINT64_MAX);
  if (before == NULL)
    before = pq_overlay_collection(c->s.space->overlay, c->s.collection, UINT64_MAX);
  *out = (pq_event){.target = PQ_TARGET_COLLECTION,
                    .op = PQ_EVENT_UPDATE,
                    .id = c->s.collection,
                    .version = at->version + 1,
                    .created_by = pq_actor_of(c),
                    .actor = pq_actor_of(c),
                    .after = after,
                    .metadata = c->s.args.metadata,
                    .prev = before == NULL ? 0 : before->seq};
  if (after.len + after.meta_len > RECORD_LEN_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT, "%s: schema and record of '%.*s' have more than %d bytes",
                   c->s.spec->name, TEXT_ARGS(c->s.collection), RECORD_LEN_MAX);
  if (out->version > PQ_SCHEMA_VERSIONS_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT, "%s: schema and record of '%.*s' have had %d versions",
                   c->s.spec->name, TEXT_ARGS(c->s.collection), PQ_SCHEMA_VERSIONS_MAX);
  return PQ_OK;
}

/* ---- the end of those that write ---- */

static int stage_end(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const struct pq_catalog_run *r = c->s.catalog;
  pq_builder *b = c->db->builder;
  bool was_there = r->record.is_there || r->has_documents;
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_builder_key_str(b, "created"));
  PQ_TRY(pq_builder_bool(b, !was_there));
  PQ_TRY(pq_builder_key_str(b, "changed"));
  PQ_TRY(pq_builder_bool(b, r->is_changed));
  PQ_TRY(pq_summary_count(c, "indexesBefore", r->record.index_count));
  PQ_TRY(pq_summary_count(c, "indexesAfter", r->spec_count));
  return pq_summary_end(c, c->s.space->seq);
}

static int commit(pq_command *c) {
  struct pq_catalog_run *r = c->s.catalog;
  pq_value after;
  pq_event e;
  if (!r->is_changed) return pq_write_commit(c, stage_end);
  PQ_TRY(make_document(c, &after));
  PQ_TRY(pq_collection_event(c, &r->at, after, &e));
  PQ_TRY(pq_commit_add(&c->s.commit, &c->op.arena, &e));
  return pq_write_commit(c, stage_end);
}

/* ---- looking at documents ---- */

/* A pq_scan_sink. */
static int look_at(void *ud, const pq_entity *e, uint64_t count) {
  pq_command *c = ud;
  struct pq_catalog_run *r = c->s.catalog;
  (void)count;
  r->has_documents = true;
  if (r->key_count == 0) return PQ_YIELD;
  return pq_unique_build_add(c, &r->build, e);
}

static int stage_look(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, c->db->builder, look_at, c));
  return c->s.scan.is_done ? c->s.catalog->then(c) : PQ_OK;
}

/* Is there a document, and do all obey the new unique indexes? Then go on with `then`. */
static int look(pq_command *c, int (*then)(pq_command *c)) {
  struct pq_catalog_run *r = c->s.catalog;
  r->then = then;
  if (r->record.is_there && r->key_count == 0) return then(c);
  PQ_TRY(pq_filter_parse(&c->arena, NULL, (pq_value){0}, &r->filter));
  pq_unique_build_init(&r->build, c, r->keys, r->key_count);
  pq_scan_init(&c->s.scan, &c->s.snapshot.view, c->s.collection, r->filter);
  c->op.stage = stage_look;
  return PQ_OK;
}

/* ---- create ---- */

static int create_if_new(pq_command *c) {
  if (c->s.catalog->has_documents || c->s.catalog->record.is_there)
    return pq_fail(c->op.cx, PQ_EEXISTS, "create: collection '%.*s' exists already",
                   TEXT_ARGS(c->s.collection));
  c->s.catalog->is_changed = true;
  return commit(c);
}

static int create(pq_command *c) {
  pq_collection_record parsed = {0};
  struct pq_catalog_run *r = c->s.catalog;
  r->options = pq_own_option(c, "options");
  PQ_TRY(pq_collection_options_parse(&c->arena, r->options, &parsed));
  PQ_TRY(pq_derived_check(c, c->s.collection, &parsed));
  return look(c, create_if_new);
}

/* ---- createIndexes ---- */

static bool is_id_pattern(pq_value key) {
  pq_field field;
  double direction;
  return pq_value_count(key) == 1 && pq_object_at(key, 0, &field) &&
         pq_slice_is(field.name, "_id") && pq_value_number(field.value, &direction) &&
         direction > 0;
}

/* The same fields in the same order and directions? */
static bool is_same_pattern(pq_value a, pq_value b) {
  return pq_value_type(a) == PQ_TYPE_OBJECT && pq_value_type(b) == PQ_TYPE_OBJECT &&
         pq_value_is_equal(a, b);
}

static bool is_same_index(const pq_index_record *a, const pq_index_record *b) {
  return pq_unique_is_same(&a->key, &b->key) && is_same_pattern(a->key.pattern, b->key.pattern) &&
         a->is_unique == b->is_unique && a->has_expiry == b->has_expiry &&
         a->expire_after == b->expire_after;
}

static int conflict(pq_command *c, const pq_index_record *fresh, const pq_index_record *old) {
  return pq_fail(
      c->op.cx, PQ_EINVALID,
      "createIndexes: index '%.*s': the index '%.*s' that is there has %s: drop it first",
      TEXT_ARGS(fresh->key.name), TEXT_ARGS(old->key.name),
      pq_slice_eq(fresh->key.name, old->key.name) ? "the same name" : "the same key");
}

/* Is it there already? PQ_EINVALID: another one stands against it. */
static int find_twin(pq_command *c, const pq_index_record *fresh, bool *is_there) {
  const struct pq_catalog_run *r = c->s.catalog;
  *is_there = is_id_pattern(fresh->key.pattern);
  for (uint32_t i = 0; i < r->spec_count; i++) {
    pq_index_record old;
    PQ_TRY(pq_index_record_parse(&c->arena, r->specs[i], &old));
    if (is_same_index(&old, fresh)) {
      *is_there = true;
      return PQ_OK;
    }
    if (pq_slice_eq(old.key.name, fresh->key.name) ||
        (is_same_pattern(old.key.pattern, fresh->key.pattern) &&
         old.key.is_sparse == fresh->key.is_sparse && old.is_unique == fresh->is_unique &&
         old.key.partial == NULL && fresh->key.partial == NULL))
      return conflict(c, fresh, &old);
  }
  return PQ_OK;
}

static int add_index(pq_command *c, pq_value spec) {
  struct pq_catalog_run *r = c->s.catalog;
  pq_index_record fresh;
  bool is_there;
  PQ_TRY(pq_index_record_parse(&c->arena, spec, &fresh));
  PQ_TRY(find_twin(c, &fresh, &is_there));
  if (is_there) return PQ_OK;
  if (r->spec_count == PQ_INDEXES_MAX)
    return pq_fail(c->op.cx, PQ_ELIMIT, "createIndexes: a collection has at most %d indexes",
                   PQ_INDEXES_MAX + 1);
  r->specs[r->spec_count++] = spec;
  if (fresh.is_unique) r->keys[r->key_count++] = fresh.key;
  r->is_changed = true;
  return PQ_OK;
}

static int create_indexes(pq_command *c) {
  struct pq_catalog_run *r = c->s.catalog;
  pq_value list = pq_own_option(c, "indexes");
  uint32_t count = pq_value_count(list);
  if (pq_value_type(list) != PQ_TYPE_ARRAY || count == 0)
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "createIndexes: option 'indexes' must be a list of {name, key, …}");
  r->keys = pq_arena_calloc(&c->arena, count, sizeof *r->keys);
  if (r->keys == NULL) return c->op.cx->code;
  r->is_changed = !r->record.is_there;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(add_index(c, pq_array_at(list, i)));
  return look(c, commit);
}

/* ---- dropIndexes ---- */

static int no_index(pq_command *c, pq_slice name) {
  return pq_fail(c->op.cx, PQ_EINDEX, "%s: index not found with name [%.*s]", c->s.spec->name,
                 TEXT_ARGS(name));
}

static void remove_spec(struct pq_catalog_run *r, uint32_t i) {
  memmove(&r->specs[i], &r->specs[i + 1], (r->spec_count - i - 1) * sizeof *r->specs);
  r->spec_count--;
  r->is_changed = true;
}

static bool has_name(pq_value spec, pq_slice name) {
  pq_slice own;
  return pq_value_string(pq_object_get_str(spec, "name"), &own) && pq_slice_eq(own, name);
}

static int refuse_id(pq_command *c) {
  return pq_fail(c->op.cx, PQ_EINVALID, "dropIndexes: cannot drop _id index");
}

static int drop_by_name(pq_command *c, pq_slice name) {
  struct pq_catalog_run *r = c->s.catalog;
  uint32_t i = 0;
  if (pq_slice_is(name, "_id_")) return refuse_id(c);
  while (i < r->spec_count && !has_name(r->specs[i], name))
    i++;
  if (i == r->spec_count) return no_index(c, name);
  remove_spec(r, i);
  return PQ_OK;
}

static int drop_by_key(pq_command *c, pq_value key) {
  struct pq_catalog_run *r = c->s.catalog;
  uint32_t found = 0;
  if (is_id_pattern(key)) return refuse_id(c);
  for (uint32_t i = 0; i < r->spec_count;) {
    if (is_same_pattern(pq_object_get_str(r->specs[i], "key"), key)) {
      remove_spec(r, i);
      found++;
    } else {
      i++;
    }
  }
  return found > 0 ? PQ_OK
                   : pq_fail(c->op.cx, PQ_EINDEX, "dropIndexes: can't find index with that key");
}

static int drop_indexes(pq_command *c) {
  struct pq_catalog_run *r = c->s.catalog;
  pq_value what = pq_own_option(c, "index");
  pq_slice name;
  if (pq_value_string(what, &name)) {
    if (pq_slice_is(name, "*")) {
      r->is_changed = r->spec_count > 0;
      r->spec_count = 0;
    } else {
      PQ_TRY(drop_by_name(c, name));
    }
  } else if (pq_value_type(what) == PQ_TYPE_OBJECT) {
    PQ_TRY(drop_by_key(c, what));
  } else if (pq_value_type(what) == PQ_TYPE_ARRAY) {
    for (uint32_t i = 0; i < pq_value_count(what); i++) {
      if (!pq_value_string(pq_array_at(what, i), &name))
        return pq_fail(c->op.cx, PQ_EINVALID, "dropIndexes: option 'index': names are texts");
      PQ_TRY(drop_by_name(c, name));
    }
  } else {
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "dropIndexes: option 'index' must be \"*\", a name, a list of names or a key");
  }
  return look(c, commit);
}

/* ---- alter ---- */

/* *base with the fields of `more` in the place of its own; null removes, `keyPattern` is none. */
static int merge(pq_command *c, pq_value more, pq_value *base) {
  pq_builder *b = c->db->builder;
  uint32_t old_count, new_count;
  pq_field *old = pq_object_fields(&c->arena, *base, &old_count);
  pq_field *fresh = pq_object_fields(&c->arena, more, &new_count);
  if ((old == NULL && pq_value_count(*base) > 0) || (fresh == NULL && pq_value_count(more) > 0))
    return c->op.cx->code;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; old != NULL && i < old_count; i++) {
    if (!pq_value_is_missing(pq_object_get(more, old[i].name))) continue;
    PQ_TRY(pq_builder_key(b, old[i].name));
    PQ_TRY(pq_builder_value(b, old[i].value));
  }
  for (uint32_t i = 0; fresh != NULL && i < new_count; i++) {
    if (pq_value_type(fresh[i].value) == PQ_TYPE_NULL) continue;
    if (pq_slice_is(fresh[i].name, "keyPattern")) continue;
    PQ_TRY(pq_builder_key(b, fresh[i].name));
    PQ_TRY(pq_builder_value(b, fresh[i].value));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, &c->arena, base);
}

/* {name or keyPattern, expireAfterSeconds, hidden} */
static int alter_index(pq_command *c, pq_value what) {
  struct pq_catalog_run *r = c->s.catalog;
  pq_value pattern = pq_object_get_str(what, "keyPattern");
  pq_index_record parsed;
  pq_slice name = {0};
  pq_field f;
  uint32_t i = 0;
  bool has_own_name = pq_value_string(pq_object_get_str(what, "name"), &name);
  while (i < r->spec_count &&
         !(has_own_name ? has_name(r->specs[i], name)
                        : is_same_pattern(pq_object_get_str(r->specs[i], "key"), pattern)))
    i++;
  if (i == r->spec_count) return no_index(c, name);
  for (uint32_t k = 0; pq_object_at(what, k, &f); k++)
    if (!pq_slice_is(f.name, "name") && !pq_slice_is(f.name, "keyPattern") &&
        !pq_slice_is(f.name, "expireAfterSeconds") && !pq_slice_is(f.name, "hidden"))
      return pq_fail(c->op.cx, PQ_EUNSUPPORTED, "alter: option 'index': '%.*s' cannot be changed",
                     TEXT_ARGS(f.name));
  PQ_TRY(merge(c, what, &r->specs[i]));
  r->is_changed = true;
  return pq_index_record_parse(&c->arena, r->specs[i], &parsed);
}

static int alter_if_there(pq_command *c) {
  if (!c->s.catalog->has_documents && !c->s.catalog->record.is_there)
    return pq_fail(c->op.cx, PQ_ENOENTITY, "alter: collection '%.*s' does not exist",
                   TEXT_ARGS(c->s.collection));
  return commit(c);
}

/* A view stays one, and a collection a collection. */
static int check_kind(pq_command *c, pq_value options) {
  bool is_view = c->s.catalog->record.view_on.n > 0;
  pq_value on = pq_object_get_str(options, "viewOn");
  if (!is_view && !pq_value_is_missing(on))
    return pq_fail(c->op.cx, PQ_EINVALID, "alter: '%.*s' is a collection: 'viewOn' is of a view",
                   TEXT_ARGS(c->s.collection));
  if (is_view && (pq_value_type(on) == PQ_TYPE_NULL ||
                  !pq_value_is_missing(pq_object_get_str(options, "collation"))))
    return pq_fail(c->op.cx, PQ_EINVALID,
                   "alter: '%.*s' is a view, and stays one of its collation: 'viewOn' and "
                   "'pipeline' can be altered",
                   TEXT_ARGS(c->s.collection));
  return PQ_OK;
}

static int alter(pq_command *c) {
  struct pq_catalog_run *r = c->s.catalog;
  pq_value options = pq_own_option(c, "options"), index = pq_own_option(c, "index");
  pq_collection_record parsed = {0};
  if (!pq_value_is_missing(options)) {
    if (pq_value_type(options) != PQ_TYPE_OBJECT)
      return pq_fail(c->op.cx, PQ_EINVALID, "alter: option 'options' must be an object");
    PQ_TRY(check_kind(c, options));
    PQ_TRY(merge(c, options, &r->options));
    PQ_TRY(pq_collection_options_parse(&c->arena, r->options, &parsed));
    PQ_TRY(pq_derived_check(c, c->s.collection, &parsed));
    r->is_changed = true;
  }
  if (!pq_value_is_missing(index)) {
    PQ_TRY(pq_derived_refuse(c, c->s.collection));
    PQ_TRY(alter_index(c, index));
  }
  return look(c, alter_if_there);
}

/* ---- indexes ---- */

static int reply_indexes(pq_command *c) {
  const struct pq_catalog_run *r = c->s.catalog;
  pq_builder *b = c->db->builder;
  bool is_there = r->record.is_there || r->has_documents;
  pq_value item;
  for (uint32_t i = 0; i < r->spec_count; i++) {
    pq_builder_clear(b);
    PQ_TRY(pq_builder_value(b, r->specs[i]));
    PQ_TRY(pq_builder_finish(b, &c->replies, &item));
    PQ_TRY(pq_reply_item(c, item));
  }
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", r->spec_count));
  PQ_TRY(pq_builder_key_str(b, "exists"));
  PQ_TRY(pq_builder_bool(b, is_there));
  if (r->record.is_there) {
    PQ_TRY(pq_put_text(b, "uuid", r->record.uuid));
    if (pq_value_count(r->options) > 0) {
      PQ_TRY(pq_builder_key_str(b, "options"));
      PQ_TRY(pq_builder_value(b, r->options));
    }
  }
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int indexes(pq_command *c) {
  return look(c, reply_indexes);
}

/* ---- the commands ---- */

static const struct row {
  const char *name;
  int (*run)(pq_command *c);
  bool is_read, is_of_documents; /* not of a view */
} rows[] = {{"create", create, false, false},
            {"createIndexes", create_indexes, false, true},
            {"dropIndexes", drop_indexes, false, true},
            {"alter", alter, false, false},
            {"indexes", indexes, true, false}};

static const struct row *row_of(const pq_command *c) {
  size_t i = 0;
  while (!pq_slice_is(pq_str(c->s.spec->name), rows[i].name)) {
    i++;
    pq_assert(i < sizeof rows / sizeof *rows);
  }
  return &rows[i];
}

static int stage_opened(pq_op *op) {
  pq_command *c = pq_command_of(op);
  struct pq_catalog_run *r = pq_arena_calloc(&c->arena, 1, sizeof *r);
  if (r == NULL) return op->cx->code;
  c->s.catalog = r;
  pq_schema_of(&c->s.snapshot.view, c->s.collection, &r->at);
  if (r->at.version > 0) PQ_TRY(pq_value_copy(&c->arena, r->at.document, &r->at.document));
  PQ_TRY(pq_collection_record_of(&c->arena, r->at.document, &r->record));
  if (row_of(c)->is_of_documents) PQ_TRY(pq_derived_refuse(c, c->s.collection));
  r->options = r->record.options;
  for (uint32_t i = 0; i < r->record.index_count; i++)
    r->specs[r->spec_count++] = r->record.indexes[i].spec;
  return row_of(c)->run(c);
}

static int stage_open(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_snapshot(c));
  op->stage = stage_opened;
  return PQ_OK;
}

int pq_open_catalog(pq_command *c, pq_value target) {
  PQ_TRY(pq_target_collection(c, target));
  c->s.start = stage_open;
  c->s.needs_slot = !row_of(c)->is_read && c->s.txn == NULL; /* a transaction stores nothing yet */
  return PQ_OK;
}
