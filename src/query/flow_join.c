/* query/flow_join.c - documents of a collection by the values at a path: the hash side of $lookup.
 *
 *   ask(3) ask("x") ask(null) …     values ─hash─► nodes: value, numbers of documents
 *   load                            one scan with {path: {$in: [3, "x", null]}}, pushed down as any
 *                                   filter; each document ─► its values at the path ─► their nodes
 *   find(3)                         ─► documents
 *
 * A path "$id" needs no scan: the entities are located by their ids. So are those of a path "_id",
 * if each value is one that ids are made of (shred/key_id.h). The filter of the scan may let too
 * much through (a regular expression among the values); the nodes decide.
 *
 * With a pipeline between (`through`) it runs anew for each load, and the filter is held against
 * what comes out of it.
 */
#include <string.h>

#include "base/hash.h"
#include "base/slices.h"
#include "query/flow_int.h"
#include "shred/key_id.h"

typedef struct join_node {
  pq_value value;
  uint64_t hash;
  uint32_t *numbers;
  uint32_t count, cap;
} join_node;

struct pq_hash_join {
  const pq_hash_join_spec *spec; /* borrowed */
  pq_cx *cx;
  pq_collation collation;
  pq_arena arena;       /* values, documents, numbers */
  pq_arena load_arena;  /* the filter of a load */
  pq_table nodes_table; /* hash of a value to its node */
  pq_table docs_table;  /* is_distinct: hash of an identity to its document */
  join_node *nodes;
  pq_value *docs;
  uint32_t node_count, node_cap, loaded; /* the nodes before `loaded` are complete */
  uint32_t doc_count, doc_cap;
  uint64_t len; /* bytes of the documents and of the values asked for */
  pq_operator *source;
  pq_filter *null_filter; /* {path: null}, when null was asked for in this load */
  pq_filter *filter;      /* for what comes through a pipeline; NULL: the source knows it */
};

/* ---- values at a path ---- */

static int values_from(pq_value v, const pq_path *path, uint32_t part, bool is_whole,
                       pq_take_value take, void *ud) {
  pq_type type = pq_value_type(v);
  const pq_path_part *p;
  if (type == PQ_TYPE_MISSING) return PQ_OK;
  if (part == path->count) {
    if (type != PQ_TYPE_ARRAY || is_whole) PQ_TRY(take(ud, v));
    for (uint32_t i = 0; type == PQ_TYPE_ARRAY && i < pq_value_count(v); i++)
      PQ_TRY(take(ud, pq_array_at(v, i)));
    return PQ_OK;
  }
  p = &path->parts[part];
  if (type == PQ_TYPE_OBJECT)
    return values_from(pq_object_get(v, p->name), path, part + 1, is_whole, take, ud);
  if (type != PQ_TYPE_ARRAY) return PQ_OK;
  if (p->index != PQ_PATH_NO_INDEX)
    PQ_TRY(values_from(pq_array_at(v, p->index), path, part + 1, is_whole, take, ud));
  for (uint32_t i = 0; i < pq_value_count(v); i++) {
    pq_value element = pq_array_at(v, i);
    if (pq_value_type(element) != PQ_TYPE_OBJECT) continue;
    PQ_TRY(values_from(pq_object_get(element, p->name), path, part + 1, is_whole, take, ud));
  }
  return PQ_OK;
}

int pq_values_at(pq_value doc, const pq_path *path, bool is_whole, pq_take_value take, void *ud) {
  return values_from(doc, path, 0, is_whole, take, ud);
}

/* ---- where documents come from ---- */

int pq_hash_join_from(pq_pipe_parser *s, const pq_pipe_stage *g, pq_value from,
                      pq_hash_join_spec *out) {
  static const char *const known[] = {"collection", "pipeline", NULL};
  pq_field *fields;
  uint32_t count;
  if (pq_value_type(from) != PQ_TYPE_OBJECT)
    return pq_stage_collection(s, g, PQ_SLICE("from"), from, &out->collection);
  PQ_TRY(pq_pipe_fields(s, from, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, known[0]))
      PQ_TRY(pq_stage_collection(s, g, fields[i].name, fields[i].value, &out->collection));
    else if (pq_slice_is(fields[i].name, known[1]))
      PQ_TRY(pq_sub_pipeline(s, s->env, PQ_IN_LOOKUP, fields[i].value, &out->through));
    else
      return pq_stage_fail_unknown(s, g, fields[i].name, known);
  }
  if (out->collection.n == 0 || out->through == NULL || pq_pipeline_has_documents(out->through))
    return pq_stage_fail_option(s, g, PQ_SLICE("from"),
                                "must be a collection, or {collection, pipeline}");
  return PQ_OK;
}

/* ---- life ---- */

int pq_hash_join_new(pq_flow *f, const pq_hash_join_spec *spec, pq_hash_join **out) {
  pq_hash_join *j = pq_alloc(f->cx, NULL, 0, sizeof *j);
  *out = j;
  if (j == NULL) return pq_fail_nomem(f->cx);
  *j = (pq_hash_join){.spec = spec, .cx = f->cx, .collation = f->eval.collation};
  pq_arena_init(&j->arena, f->cx, f->cx->limits.op_len_max);
  pq_arena_init(&j->load_arena, f->cx, f->cx->limits.op_len_max);
  pq_table_init(&j->nodes_table, f->cx);
  pq_table_init(&j->docs_table, f->cx);
  return PQ_OK;
}

void pq_hash_join_free(pq_hash_join *j, pq_flow *f) {
  if (j == NULL) return;
  pq_operator_free(j->source, f);
  pq_table_release(&j->nodes_table);
  pq_table_release(&j->docs_table);
  pq_arena_release(&j->arena);
  pq_arena_release(&j->load_arena);
  pq_alloc(j->cx, j, sizeof *j, 0);
}

void pq_hash_join_clear(pq_hash_join *j) {
  pq_assert(j->source == NULL);
  pq_table_clear(&j->nodes_table);
  pq_table_clear(&j->docs_table);
  pq_arena_clear(&j->arena);
  j->nodes = NULL;
  j->docs = NULL;
  j->node_count = j->node_cap = j->loaded = j->doc_count = j->doc_cap = 0;
  j->len = 0;
}

/* Room for one more in an array of the arena. */
static int reserve(pq_hash_join *j, void **items, uint32_t count, uint32_t *cap, size_t size) {
  uint32_t more = *cap == 0 ? 16 : *cap * 2;
  void *bigger;
  if (count < *cap) return PQ_OK;
  if (more > (1u << 30)) return pq_fail(j->cx, PQ_ELIMIT, "too many documents to join");
  bigger = pq_arena_calloc(&j->arena, more, size);
  if (bigger == NULL) return j->cx->code;
  if (count > 0) memcpy(bigger, *items, count * size);
  *items = bigger;
  *cap = more;
  return PQ_OK;
}

/* ---- values ---- */

static uint32_t find_node(const pq_hash_join *j, pq_value v, uint64_t hash) {
  size_t pos = 0;
  uint32_t i = pq_table_first(&j->nodes_table, hash, &pos);
  while (i != PQ_TABLE_NONE && pq_value_collate(j->nodes[i].value, v, j->collation) != 0)
    i = pq_table_next(&j->nodes_table, hash, &pos);
  return i;
}

int pq_hash_join_ask(pq_hash_join *j, pq_value v) {
  uint64_t hash = pq_value_hash_collated(v, j->collation);
  void *nodes = j->nodes;
  if (find_node(j, v, hash) != PQ_TABLE_NONE) return PQ_OK;
  PQ_TRY(reserve(j, &nodes, j->node_count, &j->node_cap, sizeof *j->nodes));
  j->nodes = nodes;
  j->nodes[j->node_count] = (join_node){.hash = hash};
  PQ_TRY(pq_value_copy(&j->arena, v, &j->nodes[j->node_count].value));
  j->len += sizeof *j->nodes + pq_doc_len(j->nodes[j->node_count].value);
  PQ_TRY(pq_table_add(&j->nodes_table, hash, j->node_count));
  j->node_count++;
  return PQ_OK;
}

const uint32_t *pq_hash_join_find(const pq_hash_join *j, pq_value v, uint32_t *count) {
  uint32_t i = find_node(j, v, pq_value_hash_collated(v, j->collation));
  *count = i == PQ_TABLE_NONE ? 0 : j->nodes[i].count;
  return i == PQ_TABLE_NONE ? NULL : j->nodes[i].numbers;
}

uint32_t pq_hash_join_count(const pq_hash_join *j) {
  return j->doc_count;
}

uint64_t pq_hash_join_len(const pq_hash_join *j) {
  return j->len;
}

pq_value pq_hash_join_doc(const pq_hash_join *j, uint32_t number) {
  return j->docs[number];
}

/* ---- the filter of a load ---- */

/* An element of $in that is an object with an operator's name would not parse.
 */
static bool is_operator_like(pq_arena *arena, pq_value v) {
  uint32_t count;
  pq_field *fields;
  if (pq_value_type(v) != PQ_TYPE_OBJECT) return false;
  fields = pq_object_fields(arena, v, &count);
  return count > 0 && fields[0].name.n > 0 && fields[0].name.p[0] == '$';
}

/* {path: {"$in": [values]}} */
static int put_in(pq_hash_join *j, pq_builder *b) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key(b, j->spec->path.text));
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$in"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t i = j->loaded; i < j->node_count; i++)
    PQ_TRY(pq_builder_value(b, j->nodes[i].value));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

/* {path: null} */
static int put_null(pq_hash_join *j, pq_builder *b) {
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key(b, j->spec->path.text));
  PQ_TRY(pq_builder_null(b));
  return pq_builder_end(b);
}

/* {"$and": [{"$or": [{path: {"$in": …}}, {path: null}]}, also]} without what is
 * not needed. */
static int put_filter(pq_hash_join *j, pq_builder *b, bool has_in, bool has_null) {
  bool has_also = !pq_value_is_missing(j->spec->also);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, "$and"));
  PQ_TRY(pq_builder_begin_array(b));
  if (has_in && has_null) {
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_builder_key_str(b, "$or"));
    PQ_TRY(pq_builder_begin_array(b));
    PQ_TRY(put_in(j, b));
    PQ_TRY(put_null(j, b));
    PQ_TRY(pq_builder_end(b));
    PQ_TRY(pq_builder_end(b));
  } else if (has_in) {
    PQ_TRY(put_in(j, b));
  }
  if (has_also) PQ_TRY(pq_builder_value(b, j->spec->also));
  if (!has_in && !has_also) {
    PQ_TRY(pq_builder_begin_object(b));
    PQ_TRY(pq_builder_end(b));
  }
  PQ_TRY(pq_builder_end(b));
  return pq_builder_end(b);
}

static int parse_filter(pq_hash_join *j, pq_flow *f, pq_filter **out) {
  pq_env env = {.collation = j->collation};
  bool has_in = true, has_null = false;
  pq_builder *b = f->eval.builder;
  pq_value spec;
  for (uint32_t i = j->loaded; i < j->node_count; i++) {
    has_null |= pq_value_type(j->nodes[i].value) == PQ_TYPE_NULL;
    has_in &= !is_operator_like(&j->load_arena, j->nodes[i].value);
  }
  j->null_filter = NULL;
  if (has_null) {
    pq_builder_clear(b);
    PQ_TRY(put_null(j, b));
    PQ_TRY(pq_builder_finish(b, &j->load_arena, &spec));
    PQ_TRY(pq_filter_parse(&j->load_arena, &env, spec, &j->null_filter));
  }
  pq_builder_clear(b);
  PQ_TRY(put_filter(j, b, has_in, has_null));
  PQ_TRY(pq_builder_finish(b, &j->load_arena, &spec));
  return pq_filter_parse(&j->load_arena, &env, spec, out);
}

/* ---- by id ---- */

/* Sorted, each once. */
static int set_ids(pq_hash_join *j, pq_source_want *want, pq_slice *ids, uint32_t n) {
  PQ_TRY(pq_slices_sort(j->cx, ids, &n));
  want->ids = ids;
  want->id_count = n;
  return PQ_OK;
}

/* The values that are ids of the collection. */
static int list_ids(pq_hash_join *j, pq_source_want *want) {
  pq_slice collection = j->spec->collection, *ids;
  uint32_t n = 0;
  ids = pq_arena_calloc(&j->load_arena, (size_t)(j->node_count - j->loaded) + 1, sizeof *ids);
  if (ids == NULL) return j->cx->code;
  for (uint32_t i = j->loaded; i < j->node_count; i++) {
    pq_slice id;
    if (!pq_value_string(j->nodes[i].value, &id) || id.n <= collection.n + 1) continue;
    if (memcmp(id.p, collection.p, collection.n) != 0 || id.p[collection.n] != '/') continue;
    ids[n++] = id;
  }
  return set_ids(j, want, ids, n);
}

/* The ids that the values make; none at all when a value makes none: then it may be that of any
 * entity. */
static int list_keys(pq_hash_join *j, pq_source_want *want) {
  pq_arena *arena = &j->load_arena;
  uint32_t n = 0;
  pq_slice *ids = pq_arena_calloc(arena, 2 * (size_t)(j->node_count - j->loaded) + 1, sizeof *ids);
  if (ids == NULL) return j->cx->code;
  for (uint32_t i = j->loaded; i < j->node_count; i++) {
    PQ_TRY(pq_id_of_key(arena, j->spec->collection, j->nodes[i].value, &ids[n]));
    if (ids[n++].n == 0) return PQ_OK;
    PQ_TRY(pq_id_shown_as(arena, j->spec->collection, j->nodes[i].value, &ids[n]));
    n += ids[n].n > 0;
  }
  want->is_by_key = true;
  return set_ids(j, want, ids, n);
}

void pq_hash_join_kind(const pq_hash_join_spec *spec, const pq_flow *f, bool *is_by_id,
                       bool *is_by_key) {
  bool is_direct = spec->through == NULL && !f->eval.collation.is_folded;
  *is_by_id = is_direct && pq_slice_is(spec->path.text, "$id");
  *is_by_key = is_direct && pq_slice_is(spec->path.text, "_id");
}

static int begin(pq_hash_join *j, pq_flow *f) {
  bool is_by_id, is_by_key;
  pq_source_want want = {.collection = j->spec->collection};
  pq_filter *filter = NULL;
  pq_arena_clear(&j->load_arena);
  pq_hash_join_kind(j->spec, f, &is_by_id, &is_by_key);
  if (is_by_id) {
    PQ_TRY(list_ids(j, &want));
    if (!pq_value_is_missing(j->spec->also))
      PQ_TRY(pq_filter_parse(&j->load_arena, NULL, j->spec->also, &filter));
    j->null_filter = NULL;
  } else {
    PQ_TRY(parse_filter(j, f, &filter));
    if (is_by_key) PQ_TRY(list_keys(j, &want));
  }
  want.filter = filter;
  j->filter = NULL;
  if (j->spec->through != NULL) {
    j->filter = filter;
    return pq_flow_open_on(f, j->spec->through, j->spec->collection, &j->source);
  }
  if (f->store == NULL)
    return pq_fail(f->cx, PQ_EUNSUPPORTED, "collection '%.*s': no collections can be read here",
                   PQ_SHOW(want.collection));
  return f->store->open(f->store->ud, f, &want, &j->source);
}

/* ---- documents ---- */

typedef struct taker {
  pq_hash_join *j;
  uint32_t number;
} taker;

static int take_value(void *ud, pq_value v) {
  const taker *t = ud;
  pq_hash_join *j = t->j;
  uint32_t i = find_node(j, v, pq_value_hash_collated(v, j->collation));
  join_node *n;
  void *numbers;
  if (i == PQ_TABLE_NONE || i < j->loaded) return PQ_OK;
  n = &j->nodes[i];
  if (n->count > 0 && n->numbers[n->count - 1] == t->number) return PQ_OK;
  numbers = n->numbers;
  PQ_TRY(reserve(j, &numbers, n->count, &n->cap, sizeof *n->numbers));
  n->numbers = numbers;
  n->numbers[n->count++] = t->number;
  return PQ_OK;
}

static pq_value identity(pq_value doc) {
  pq_value id = pq_object_get_str(doc, "$id");
  if (pq_value_is_missing(id)) id = pq_object_get_str(doc, "_id");
  return pq_value_is_missing(id) ? doc : id;
}

/* The number of the document, copied when it is new. */
static int add_doc(pq_hash_join *j, pq_value doc, uint32_t *number) {
  uint64_t hash = 0;
  void *docs = j->docs;
  if (j->spec->is_distinct) {
    size_t pos = 0;
    hash = pq_value_hash(identity(doc));
    *number = pq_table_first(&j->docs_table, hash, &pos);
    while (*number != PQ_TABLE_NONE &&
           !pq_value_is_equal(identity(j->docs[*number]), identity(doc)))
      *number = pq_table_next(&j->docs_table, hash, &pos);
    if (*number != PQ_TABLE_NONE) return PQ_OK;
  }
  PQ_TRY(reserve(j, &docs, j->doc_count, &j->doc_cap, sizeof *j->docs));
  j->docs = docs;
  PQ_TRY(pq_value_copy(&j->arena, doc, &j->docs[j->doc_count]));
  if (j->spec->is_distinct) PQ_TRY(pq_table_add(&j->docs_table, hash, j->doc_count));
  *number = j->doc_count++;
  j->len += pq_doc_len(doc);
  return PQ_OK;
}

static int take_doc(pq_hash_join *j, pq_flow *f, pq_value doc) {
  taker t = {.j = j};
  if (j->filter != NULL && !pq_filter_match(j->filter, &f->eval, doc, (pq_value){0}))
    return pq_filter_status(j->filter);
  PQ_TRY(add_doc(j, doc, &t.number));
  doc = j->docs[t.number];
  PQ_TRY(pq_values_at(doc, &j->spec->path, true, take_value, &t));
  if (j->null_filter == NULL) return PQ_OK;
  if (pq_filter_match(j->null_filter, &f->eval, doc, (pq_value){0})) {
    pq_value null;
    f->eval.arena = &j->load_arena;
    PQ_TRY(pq_make_null(&f->eval, &null));
    return take_value(&t, null);
  }
  return PQ_OK;
}

int pq_hash_join_load(pq_hash_join *j, pq_flow *f, bool *is_full) {
  pq_doc_batch in;
  *is_full = false;
  if (j->source == NULL && j->loaded == j->node_count) return PQ_OK;
  if (j->source == NULL) PQ_TRY(begin(j, f));
  for (;;) {
    PQ_TRY(pq_operator_next(j->source, f, &in));
    for (uint64_t i = 0; i < in.count && !*is_full; i++) {
      PQ_TRY(pq_spend(f->cx, PQ_WORK_DOC));
      PQ_TRY(take_doc(j, f, in.docs[i]));
      *is_full = j->len > pq_flow_memory(f);
    }
    if (in.count == 0 || *is_full) break;
  }
  pq_operator_free(j->source, f);
  j->source = NULL;
  j->loaded = j->node_count;
  return PQ_OK;
}
