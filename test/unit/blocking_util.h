/* test/unit/blocking_util.h - one blocking stage on an array of documents, over a store in memory.
 */
#ifndef PQ_TEST_BLOCKING_UTIL_H
#define PQ_TEST_BLOCKING_UTIL_H

#include "port/drive_memory.h"
#include "query/blocking.h"
#include "unit.h"
#include "value/json.h"

typedef struct stage_bench {
  pq_cx cx;
  pq_arena arena, scratch;
  pq_builder *b;
  pq_buf text; /* the results, one after the other */
  pq_memory_store *store;
  pq_driver *driver;
  pq_spill *spill;
  pq_blocking *stage;
  pq_fetch fetch;
  pq_eval eval;
  uint64_t memory_max;
  uint64_t spilled;
  uint64_t left;     /* bytes in the store after dropping */
  long requests;     /* answered so far */
  long request_fail; /* the number of the request that fails; 0: none */
  int request_code;  /* how */
  bool has_spill, is_folded;
} stage_bench;

static inline void stage_bench_open(stage_bench *t) {
  stage_bench fresh = {.memory_max = t->memory_max,
                       .request_fail = t->request_fail,
                       .request_code = t->request_code,
                       .has_spill = t->has_spill,
                       .is_folded = t->is_folded};
  long fail_at = unit_fail_at;
  *t = fresh;
  unit_cx_init(&t->cx);
  unit_fail_at = fail_at;
  pq_arena_init(&t->arena, &t->cx, 1u << 28);
  pq_arena_init(&t->scratch, &t->cx, 1u << 28);
  pq_buf_init(&t->text, &t->cx, 1u << 28);
  pq_fetch_init(&t->fetch, &t->cx);
  t->store = pq_memory_store_new();
  CHECK(pq_memory_open(t->store, PQ_OPEN_READ, &t->driver) == PQ_OK);
}

/* Answer one of the requests, not always the oldest: the stage is called again with part of what it
 * asked for. */
static inline void stage_bench_serve(stage_bench *t) {
  uint32_t nth = (uint32_t)(t->requests * 7) % t->fetch.unfinished;
  pq_io_req r;
  if (!pq_fetch_take_nth(&t->fetch, nth, &r)) return;
  if (++t->requests == t->request_fail) {
    pq_fetch_done(&t->fetch, r.id, t->request_code, (pq_slice){0}, "planned");
  } else {
    t->driver->vt->serve(t->driver, &t->fetch, &r);
  }
}

static inline int stage_bench_make(stage_bench *t, const char *name, pq_value spec) {
  pq_env env = {.collation.is_folded = t->is_folded};
  pq_blocking_cx x = {&t->cx, t->spill, t->memory_max};
  if (strcmp(name, "$sort") == 0) {
    pq_sort *sort = pq_arena_calloc(&t->arena, 1, sizeof *sort);
    double limit = 0;
    if (sort == NULL) return t->cx.code;
    (void)pq_value_number(pq_object_get_str(spec, "limit"), &limit);
    PQ_TRY(pq_sort_parse(&t->arena, &env, pq_object_get_str(spec, "by"), sort));
    return pq_sort_new(&x, sort, (uint64_t)limit, &t->stage);
  }
  if (strcmp(name, "$bucketAuto") == 0) {
    pq_auto_spec *p;
    PQ_TRY(pq_bucket_auto_parse(&t->arena, &env, spec, &p));
    return pq_bucket_auto_new(&x, p, &t->stage);
  }
  if (strcmp(name, "$setWindowFields") == 0) {
    pq_window_spec *p;
    PQ_TRY(pq_set_window_parse(&t->arena, &env, spec, &p));
    return pq_set_window_new(&x, p, &t->stage);
  }
  if (strcmp(name, "$densify") == 0) {
    pq_densify_spec *p;
    PQ_TRY(pq_densify_parse(&t->arena, &env, spec, &p));
    return pq_densify_new(&x, p, &t->stage);
  }
  if (strcmp(name, "$fill") == 0) {
    pq_fill_spec *p;
    PQ_TRY(pq_fill_parse(&t->arena, &env, spec, &p));
    return pq_fill_new(&x, p, &t->stage);
  }
  {
    pq_group_spec *p;
    PQ_TRY(pq_group_parse(&t->arena, &env, name, spec, &p));
    return pq_group_new(&x, p, &t->stage);
  }
}

/* Hands out documents; missing behind the last. `doc` lives until the next call. */
typedef int (*stage_source)(void *ud, pq_builder *b, pq_arena *arena, uint32_t i, pq_value *doc);

/* The fetch set is cleared as the loop of an operation does it. */
static inline int stage_bench_flow(stage_bench *t, stage_source source, void *ud) {
  pq_blocking *s = t->stage;
  pq_value doc;
  int rc;
  for (uint32_t i = 0;; i++) {
    pq_arena_clear(&t->scratch);
    PQ_TRY(source(ud, t->b, &t->scratch, i, &doc));
    if (pq_value_is_missing(doc)) break;
    while ((rc = s->add(s, &t->fetch, &t->eval, doc)) == PQ_NEED_IO)
      stage_bench_serve(t);
    PQ_TRY(rc);
    pq_fetch_clear(&t->fetch);
  }
  while ((rc = s->end(s, &t->fetch, &t->eval)) == PQ_NEED_IO)
    stage_bench_serve(t);
  PQ_TRY(rc);
  for (;;) {
    pq_fetch_clear(&t->fetch);
    pq_arena_clear(&t->scratch);
    while ((rc = s->next(s, &t->fetch, &t->eval, &doc)) == PQ_NEED_IO)
      stage_bench_serve(t);
    PQ_TRY(rc);
    if (pq_value_is_missing(doc)) return PQ_OK;
    if (t->text.len > 0) PQ_TRY(pq_buf_put_str(&t->text, " "));
    PQ_TRY(pq_json_print(&t->text, doc, PQ_JSON_CANONICAL));
  }
}

static inline int stage_bench_run(stage_bench *t, const char *name, const char *spec_text,
                                  stage_source source, void *ud) {
  pq_value spec;
  int rc, dropped;
  if (t->has_spill) PQ_TRY(pq_spill_new(&t->cx, 7, &t->spill));
  PQ_TRY(pq_builder_new(&t->cx, &t->b));
  PQ_TRY(pq_json_value(t->b, pq_str(spec_text), &t->arena, &spec));
  PQ_TRY(stage_bench_make(t, name, spec));
  t->eval = (pq_eval){
      .cx = &t->cx, .arena = &t->scratch, .builder = t->b, .collation.is_folded = t->is_folded};
  rc = stage_bench_flow(t, source, ud);
  if (t->spill == NULL) return rc;
  t->spilled = pq_spill_bytes(t->spill);
  pq_fetch_clear(&t->fetch);
  if (unit_fail_at > 0 && rc != PQ_OK) return rc; /* memory stays lost: nothing can be dropped */
  t->request_fail = 0;
  while ((dropped = pq_spill_drop(t->spill, &t->fetch)) == PQ_NEED_IO)
    stage_bench_serve(t);
  t->left = pq_memory_store_len(t->store);
  return rc != PQ_OK ? rc : dropped;
}

static inline void stage_bench_close(stage_bench *t) {
  if (t->stage != NULL) t->stage->free(t->stage);
  pq_spill_free(t->spill);
  pq_builder_free(t->b);
  pq_fetch_release(&t->fetch);
  pq_arena_release(&t->arena);
  pq_arena_release(&t->scratch);
  pq_buf_release(&t->text);
  pq_driver_close(t->driver);
  pq_memory_store_free(t->store);
}

/* ---- documents written down ---- */

typedef struct stage_array {
  pq_value array;
  const char *text;
} stage_array;

static inline int stage_from_array(void *ud, pq_builder *b, pq_arena *arena, uint32_t i,
                                   pq_value *doc) {
  const stage_array *a = ud;
  pq_value array;
  PQ_TRY(pq_json_value(b, pq_str(a->text), arena, &array));
  *doc = pq_array_at(array, i);
  return PQ_OK;
}

static inline bool stage_print(const char *docs, pq_buf *out, pq_cx *cx) {
  pq_arena arena;
  pq_builder *b;
  pq_value array;
  bool ok = false;
  pq_arena_init(&arena, cx, 1u << 26);
  if (pq_builder_new(cx, &b) != PQ_OK) return false;
  if (pq_json_value(b, pq_str(docs), &arena, &array) == PQ_OK) {
    ok = true;
    for (uint32_t i = 0; ok && i < pq_value_count(array); i++) {
      ok = i == 0 || pq_buf_put_str(out, " ") == PQ_OK;
      ok = ok && pq_json_print(out, pq_array_at(array, i), PQ_JSON_CANONICAL) == PQ_OK;
    }
  }
  pq_builder_free(b);
  pq_arena_release(&arena);
  return ok;
}

/* Does the stage give exactly the documents of `want`? In memory, and with so little memory that
 * it spills. */
static inline bool stage_gives(const char *name, const char *spec, const char *docs,
                               const char *want) {
  bool is_right = true;
  for (int round = 0; round < 2; round++) {
    stage_bench t = {.memory_max = round == 0 ? 0 : 1 << 16, .has_spill = round > 0};
    stage_array a = {.text = docs};
    pq_buf text;
    int rc;
    stage_bench_open(&t);
    pq_buf_init(&text, &t.cx, 1u << 20);
    if (!stage_print(want, &text, &t.cx)) fprintf(stderr, "bad JSON: %s\n", want);
    rc = stage_bench_run(&t, name, spec, stage_from_array, &a);
    if (rc != PQ_OK || !pq_slice_eq(pq_buf_slice(&t.text), pq_buf_slice(&text))) {
      fprintf(stderr, "%s %s: %d %s\n  ours %.*s\n  want %.*s\n", name, spec, rc,
              rc == PQ_OK ? "" : t.cx.msg, (int)t.text.len, (const char *)t.text.p, (int)text.len,
              (const char *)text.p);
      is_right = false;
    }
    is_right = is_right && t.left == 0;
    pq_buf_release(&text);
    stage_bench_close(&t);
    if (unit_live_len != 0) is_right = false;
  }
  return is_right;
}

static inline bool stage_fails(const char *name, const char *spec, const char *docs, int code,
                               const char *part) {
  stage_bench t = {.memory_max = 1 << 16, .has_spill = true};
  stage_array a = {.text = docs};
  bool is_right;
  int rc;
  stage_bench_open(&t);
  rc = stage_bench_run(&t, name, spec, stage_from_array, &a);
  is_right = rc == code && strstr(t.cx.msg, part) != NULL && t.left == 0;
  if (!is_right) fprintf(stderr, "%s %s: %d %s\n", name, spec, rc, rc == PQ_OK ? "" : t.cx.msg);
  stage_bench_close(&t);
  return is_right && unit_live_len == 0;
}

/* ---- random documents: the same seed, the same ones ---- */

typedef struct stage_random {
  uint64_t seed;
  uint32_t count, key_count;
} stage_random;

static inline uint64_t stage_random_at(const stage_random *r, uint32_t i, uint32_t salt) {
  uint64_t z = r->seed + i * 0x9e3779b97f4a7c15u + salt * 0xd1342543de82ef95u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static inline int stage_put_random(pq_builder *b, uint64_t n) {
  switch (n % 9) {
    case 0: return pq_builder_null(b);
    case 1: return pq_builder_i64(b, (int64_t)(n >> 8 & 15));
    case 2: return pq_builder_double(b, (double)(n >> 8 & 255) / 10);
    case 3: return pq_builder_decimal(b, (pq_decimal){.lo = n >> 8 & 63, .scale = 1});
    case 4: return pq_builder_string(b, (pq_slice){(const uint8_t *)"abcdefgh", n >> 8 & 7});
    case 5: return pq_builder_bool(b, n >> 8 & 1);
    default: return pq_builder_i32(b, (int32_t)(n >> 8 & 15));
  }
}

static inline int stage_put_fields(const stage_random *r, pq_builder *b, uint32_t i) {
  PQ_TRY(pq_builder_key_str(b, "i"));
  PQ_TRY(pq_builder_i32(b, (int32_t)i));
  if (stage_random_at(r, i, 1) % 10 > 0) {
    PQ_TRY(pq_builder_key_str(b, "k"));
    PQ_TRY(stage_random_at(r, i, 2) % 4 == 0
               ? stage_put_random(b, stage_random_at(r, i, 3))
               : pq_builder_i32(b, (int32_t)(stage_random_at(r, i, 3) % r->key_count)));
  }
  PQ_TRY(pq_builder_key_str(b, "a"));
  PQ_TRY(pq_builder_begin_array(b));
  for (uint32_t j = 0; j < stage_random_at(r, i, 4) % 4; j++)
    PQ_TRY(stage_put_random(b, stage_random_at(r, i, 10 + j)));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_key_str(b, "v"));
  return stage_put_random(b, stage_random_at(r, i, 5));
}

static inline int stage_from_random(void *ud, pq_builder *b, pq_arena *arena, uint32_t i,
                                    pq_value *doc) {
  const stage_random *r = ud;
  *doc = (pq_value){0};
  if (i >= r->count) return PQ_OK;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(stage_put_fields(r, b, i));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, doc);
}

/* Spilled and in memory: the same answers in the same order; nothing is left behind. */
static inline bool stage_spills_alike(const char *name, const char *spec, stage_random r,
                                      uint64_t memory_max) {
  stage_bench whole = {.memory_max = 0}, t = {.memory_max = memory_max, .has_spill = true};
  bool is_right;
  long live;
  int rc;
  stage_bench_open(&whole);
  rc = stage_bench_run(&whole, name, spec, stage_from_random, &r);
  CHECK(rc == PQ_OK);
  if (rc != PQ_OK) fprintf(stderr, "%s\n", whole.cx.msg);
  live = unit_live_len;
  stage_bench_open(&t);
  rc = stage_bench_run(&t, name, spec, stage_from_random, &r);
  is_right = rc == PQ_OK && pq_slice_eq(pq_buf_slice(&t.text), pq_buf_slice(&whole.text));
  if (!is_right) {
    size_t at = 0;
    while (at < t.text.len && at < whole.text.len && t.text.p[at] == whole.text.p[at])
      at++;
    at = at > 200 ? at - 200 : 0;
    fprintf(stderr, "%s %s: %d %s, %zu and %zu bytes\n  %.400s\n  %.400s\n", name, spec, rc,
            rc == PQ_OK ? "" : t.cx.msg, t.text.len, whole.text.len,
            t.text.len == 0 ? "" : (const char *)t.text.p + at,
            whole.text.len == 0 ? "" : (const char *)whole.text.p + at);
  }
  is_right = is_right && t.spilled > 0 && t.left == 0;
  if (t.spilled == 0) fprintf(stderr, "%s: nothing was spilled\n", spec);
  stage_bench_close(&t);
  if (unit_live_len != 0) is_right = false;
  unit_live_len = live;
  stage_bench_close(&whole);
  return is_right && unit_live_len == 0;
}

/* The n-th request fails, for all n: the failure comes out, and nothing is left behind. */
static inline void stage_fail_requests(const char *name, const char *spec, stage_random r,
                                       uint64_t memory_max, int step) {
  bool was_hit = true;
  for (long n = 1; was_hit && n < 100000; n += step) {
    stage_bench t = {.memory_max = memory_max, .has_spill = true};
    int rc;
    t.request_fail = n;
    t.request_code = PQ_EIO;
    stage_bench_open(&t);
    rc = stage_bench_run(&t, name, spec, stage_from_random, &r);
    was_hit = rc != PQ_OK;
    CHECK(rc == PQ_OK || rc == PQ_EIO);
    CHECK(t.left == 0);
    stage_bench_close(&t);
    CHECK(unit_live_len == 0);
  }
}

/* The n-th allocation fails, every `step`-th n. */
static inline void stage_fail_memory(const char *name, const char *spec, stage_random r,
                                     uint64_t memory_max, long step) {
  bool was_hit = true;
  for (long n = 1; was_hit && n < 10000000; n += step) {
    stage_bench t = {.memory_max = memory_max, .has_spill = true};
    int rc;
    unit_fail_at = n;
    stage_bench_open(&t);
    rc = stage_bench_run(&t, name, spec, stage_from_random, &r);
    was_hit = unit_calls >= n;
    unit_fail_at = 0;
    CHECK(was_hit ? rc == PQ_ENOMEM : rc == PQ_OK);
    stage_bench_close(&t);
    CHECK(unit_live_len == 0);
  }
}

#endif
