/* Property test of groups that columns make: random pipelines that begin with $group, over files,
 * overlay and deletes, against the same pipeline over the documents.
 *
 *   test_scan_pipeline [worlds] [seed]       as test_scan
 *
 * Keys and extremes may be of another type than the documents give (1 for 1.0): which of equal
 * values comes first depends on where they are stored. Sums have the same type.
 */
#include "port/drive_memory.h"
#include "query/flow.h"
#include "query/scan_group.h"
#include "scan_world.h"
#include "value/compare.h"

enum { PIPELINES = 60 };

typedef struct runner {
  world *w;
  pq_arena arena;
  pq_env env;
  pq_pipeline *pipeline;
  pq_value stages;
  bool has_spill;
  uint64_t memory_max;
  pq_memory_store *store;
  pq_driver *driver;
  pq_value *results;
  uint32_t count, cap;
} runner;

static uint64_t folded, rows_seen, group_count, spilled;

/* ---- pipelines ---- */

static const char *const key_paths[] = {
    "a",       "b",         "s",         "d",  "o",           "f",         "u",    "n.k", "name",
    "none",    "n",         "a",         "s",  "$ROOT.$type", "createdAt", "n.k",  "a",   "n.k.x",
    "version", "updatedAt", "createdBy", "fl", "day",         "ms",        "uuid", "bin", "dec"};
enum { KEY_PATHS = sizeof key_paths / sizeof *key_paths };

static void put_path(world *w) {
  put(w, "\"$%s\"", key_paths[below(w, KEY_PATHS)]);
}

static void put_id(world *w) {
  static const char *const constants[] = {"null", "1", "\"x\"", "2.5", "{}"};
  uint32_t kind = below(w, 10), n = 1 + below(w, 3);
  if (kind < 2) {
    put(w, "%s", constants[below(w, 5)]);
  } else if (kind < 6) {
    put_path(w);
  } else {
    put(w, "{");
    for (uint32_t i = 0; i < n; i++) {
      put(w, "%s\"k%u\": ", i > 0 ? ", " : "", i);
      put_path(w);
    }
    put(w, "}");
  }
}

static void put_accumulators(world *w) {
  static const char *const ops[] = {"$sum", "$avg", "$min", "$max"};
  uint32_t n = below(w, 4);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t kind = below(w, 12);
    put(w, ", \"r%u\": ", i);
    if (kind == 0) {
      put(w, "{\"$count\": {}}");
    } else if (kind == 1) {
      put(w, "{\"$sum\": %d}", (int)below(w, 5) - 2);
    } else if (kind == 2) {
      put(w, "{\"$sum\": {\"$numberLong\": \"3\"}}");
    } else {
      put(w, "{\"%s\": ", ops[below(w, 4)]);
      put_path(w);
      put(w, "}");
    }
  }
}

static void put_pipeline(world *w) {
  put(w, "[");
  if (chance(w, 10))
    put(w, "{\"$match\": {\"createdAt\": {\"$gte\": {\"$date\": {\"$numberLong\": \"%u\"}}}}}, ",
        below(w, 5));
  if (chance(w, 5)) put(w, "{\"$match\": {\"version\": %u}}, ", 1 + below(w, 2));
  if (chance(w, 70)) {
    put(w, "{\"$match\": "), put_filter(w, 2), put(w, "}, ");
  }
  if (chance(w, 10)) {
    put(w, "{\"$sortByCount\": "), put_path(w), put(w, "}");
  } else {
    put(w, "{\"$group\": {\"_id\": "), put_id(w), put_accumulators(w), put(w, "}}");
  }
  if (chance(w, 20)) put(w, ", {\"$sort\": {\"_id\": -1}}, {\"$limit\": 3}");
  put(w, "]");
}

/* ---- running ---- */

static int keep_batch(runner *r, const pq_doc_batch *b) {
  for (uint64_t i = 0; i < b->count; i++) {
    if (r->count == r->cap) {
      uint32_t cap = r->cap == 0 ? 64 : r->cap * 2;
      pq_value *more = pq_arena_calloc(&r->arena, cap, sizeof *more);
      if (more == NULL) return r->w->cx.code;
      if (r->count > 0) memcpy(more, r->results, r->count * sizeof *more);
      r->results = more;
      r->cap = cap;
    }
    PQ_TRY(pq_value_copy(&r->arena, b->docs[i], &r->results[r->count++]));
  }
  return PQ_OK;
}

static void answer(runner *r) {
  world *w = r->w;
  pq_io_req req;
  while (pq_fetch_take(&w->fetch, &req)) {
    static const char data[] = "ns/data/t/";
    if (strncmp(req.key, data, sizeof data - 1) != 0) {
      r->driver->vt->serve(r->driver, &w->fetch, &req);
      continue;
    }
    pq_slice bytes = pq_writer_bytes(w->writers[req.key[sizeof data - 1] - '0']);
    memcpy(req.buf, bytes.p + req.off, req.len);
    pq_fetch_done(&w->fetch, req.id, PQ_OK, (pq_slice){0}, NULL);
  }
}

static int pull(runner *r, pq_flow *f, pq_operator *root) {
  for (;;) {
    pq_doc_batch batch;
    int rc = pq_operator_next(root, f, &batch);
    if (rc == PQ_NEED_IO) {
      answer(r);
      continue;
    }
    if (rc != PQ_OK) return rc;
    if (batch.count == 0) return PQ_OK;
    PQ_TRY(keep_batch(r, &batch));
  }
}

static void runner_init(runner *r, world *w) {
  *r = (runner){.w = w, .env = w->env};
  pq_arena_init(&r->arena, &w->cx, 1u << 30);
  r->store = pq_memory_store_new();
  CHECK(pq_memory_open(r->store, PQ_OPEN_READ, &r->driver) == PQ_OK);
}

static void runner_release(runner *r) {
  r->driver->vt->close(r->driver);
  pq_memory_store_free(r->store);
  pq_arena_release(&r->arena);
}

/* `docs` NULL: over the view. */
static int run(runner *r, const pq_value *docs, uint32_t count) {
  world *w = r->w;
  pq_view_store views = {.view = &w->view};
  pq_store store = {&views, pq_view_open};
  pq_flow flow = {.cx = &w->cx, .fetch = &w->fetch, .store = &store, .memory_max = r->memory_max};
  pq_operator *root = NULL;
  int rc;
  pq_fetch_clear(&w->fetch);
  pq_builder_clear(w->builder);
  if (r->has_spill) CHECK(pq_spill_new(&w->cx, 7, &flow.spill) == PQ_OK);
  flow.eval = (pq_eval){.cx = &w->cx, .builder = w->builder, .collation = r->env.collation};
  rc = pq_pipeline_parse(&r->arena, &r->env, r->stages, &r->pipeline);
  if (rc == PQ_OK && docs == NULL) {
    rc = pq_flow_open_on(&flow, r->pipeline, PQ_SLICE("t"), &root);
  } else if (rc == PQ_OK) {
    pq_operator *input;
    rc = pq_list_source(&flow, docs, count, &input);
    if (rc == PQ_OK) rc = pq_flow_open(&flow, r->pipeline, input, &root);
  }
  if (rc == PQ_OK) rc = pull(r, &flow, root);
  pq_operator_free(root, &flow);
  pq_spill_free(flow.spill);
  pq_fetch_clear(&w->fetch);
  folded += views.stats.rows_grouped;
  rows_seen += views.stats.rows_matched;
  return rc;
}

/* ---- comparing ---- */

static bool is_sum(const runner *r, pq_slice name) {
  pq_value group, spec;
  uint32_t at = 0;
  do
    group = pq_array_at(r->stages, at++);
  while (pq_value_is_missing(pq_object_get_str(group, "$group")) && at < pq_value_count(r->stages));
  spec = pq_object_get(pq_object_get_str(group, "$group"), name);
  return !pq_value_is_missing(pq_object_get_str(spec, "$sum")) ||
         !pq_value_is_missing(pq_object_get_str(spec, "$avg"));
}

static bool is_same(runner *r, pq_value a, pq_value b) {
  uint32_t count;
  pq_field *fields = pq_object_fields(&r->arena, a, &count);
  if (pq_value_compare(a, b) != 0) return false;
  for (uint32_t i = 0; i < count; i++)
    if (is_sum(r, fields[i].name) &&
        pq_value_type(fields[i].value) != pq_value_type(pq_object_get(b, fields[i].name)))
      return false;
  return true;
}

static void show(world *w, const char *what, pq_value v) {
  pq_buf text;
  pq_buf_init(&text, &w->cx, 1 << 20);
  if (pq_json_print(&text, v, PQ_JSON_CANONICAL) == PQ_OK)
    fprintf(stderr, "  %s %.*s\n", what, (int)text.len, (const char *)text.p);
  pq_buf_release(&text);
}

static void compare(runner *a, runner *b) {
  group_count += a->count;
  if (a->count == b->count) {
    uint32_t i = 0;
    while (i < a->count && is_same(a, a->results[i], b->results[i]))
      i++;
    if (i == a->count) return;
    show(a->w, "pipeline", a->stages);
    show(a->w, "columns", a->results[i]);
    show(a->w, "documents", b->results[i]);
  } else {
    show(a->w, "pipeline", a->stages);
    fprintf(stderr, "  %u results and %u\n", a->count, b->count);
    for (uint32_t i = 0; i < a->count && i < b->count; i++) {
      if (is_same(a, a->results[i], b->results[i])) continue;
      show(a->w, "columns", a->results[i]);
      show(a->w, "documents", b->results[i]);
      break;
    }
  }
  unit_failed++;
}

/* The documents as a scan gives them: those of the files, then the overlay's. */
static uint32_t all_documents(world *w, pq_value *out) {
  uint32_t n = 0;
  for (int pass = 0; pass <= FILES; pass++) {
    for (uint32_t i = 0; i < w->doc_count; i++) {
      const doc *d = &w->docs[i];
      bool is_in_overlay = d->now.version != d->e.version || d->file < 0;
      if (!d->is_live || d->now.is_deleted) continue;
      if (pass < FILES ? is_in_overlay || d->file != pass : !is_in_overlay) continue;
      pq_builder_clear(w->builder);
      CHECK(pq_entity_merge(w->builder, &w->scratch, &d->now) == PQ_OK);
      CHECK(pq_builder_finish(w->builder, &w->keep, &out[n++]) == PQ_OK);
    }
  }
  return n;
}

static void run_world(uint64_t seed) {
  world w;
  pq_value *docs;
  uint32_t count;
  world_init(&w, seed);
  docs = pq_arena_calloc(&w.keep, w.doc_count, sizeof *docs);
  count = all_documents(&w, docs);
  for (int i = 0; i < PIPELINES && unit_failed == 0; i++) {
    runner columns, documents;
    int rc, other;
    w.env = (pq_env){.collation.is_folded = chance(&w, 10)};
    runner_init(&columns, &w);
    runner_init(&documents, &w);
    w.len = 0;
    put_pipeline(&w);
    columns.stages = parse(&w, &columns.arena);
    documents.stages = columns.stages;
    columns.has_spill = chance(&w, 50);
    if (columns.has_spill && chance(&w, 60)) columns.memory_max = 1u << (13 + below(&w, 5));
    rc = run(&columns, NULL, 0);
    other = run(&documents, docs, count);
    spilled += columns.memory_max > 0 && columns.count > 100;
    if (rc != other && !(rc == PQ_ELIMIT && columns.memory_max > 0)) {
      show(&w, "pipeline", columns.stages);
      fprintf(stderr, "  %d and %d: %s\n", rc, other, w.cx.msg);
      unit_failed++;
    }
    if (rc == PQ_OK && other == PQ_OK) compare(&columns, &documents);
    runner_release(&columns);
    runner_release(&documents);
  }
  if (unit_failed > 0) fprintf(stderr, "world of seed %llu\n", (unsigned long long)seed);
  world_release(&w);
}

int main(int argc, char **argv) {
  unsigned long worlds = argc > 1 ? strtoul(argv[1], NULL, 10) : 12;
  unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
  for (unsigned long i = 0; i < worlds && unit_failed == 0; i++)
    run_world(seed + i);
  if (argc <= 1) {
    CHECK(folded > 0);
    CHECK(folded < rows_seen);
    CHECK(spilled > 0);
  }
  fprintf(stderr, "%llu rows, %llu by columns, %llu groups, %llu pipelines with little memory\n",
          (unsigned long long)rows_seen, (unsigned long long)folded,
          (unsigned long long)group_count, (unsigned long long)spilled);
  return unit_end();
}
