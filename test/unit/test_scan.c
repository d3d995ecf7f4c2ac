/* Property test of query/scan: random documents and random filters, the scan of files, overlay and
 * deletes against evaluating the filter on each document; counts, groups and sorts the same way.
 *
 *   test_scan [worlds] [seed]       a world is some files, a tail and a hundred filters
 *
 * Without arguments a few worlds, some seconds under ASan; 2000 worlds are hundreds of millions of
 * comparisons (document x filter).
 */
#include "expr/expression.h"
#include "query/scan_group.h"
#include "scan_world.h"
#include "value/compare.h"

static uint64_t slices, dropped; /* windows that were held, and let go in their midst */
static uint64_t comparisons, decided, refused_by_column, skipped_groups, skipped_pages, grouped,
    limited, by_order;

/* ---- scans ---- */

static int run_scan(world *w, pq_scan *s, pq_scan_sink sink, void *ud) {
  int rc = PQ_OK;
  pq_fetch_clear(&w->fetch);
  while (!s->is_done) {
    pq_scan before = *s;
    pq_arena_clear(&w->scratch);
    rc = pq_scan_next(s, &w->fetch, &w->scratch, w->builder, sink, ud);
    if (rc == PQ_NEED_IO) {
      CHECK(memcmp(&before, s, sizeof before) == 0); /* the restart rule */
      serve_all(w);
      continue;
    }
    if (rc != PQ_OK) break;
    pq_fetch_clear(&w->fetch);
    slices += s->held != NULL;
    if (s->held != NULL && chance(w, 10)) {
      CHECK(pq_scan_windows_drop(s->windows));
      CHECK(s->held == NULL);
      dropped++;
    }
  }
  CHECK(rc != PQ_OK || s->held == NULL);
  pq_scan_release(s);
  return rc;
}

static doc *doc_of(world *w, pq_slice id) {
  uint32_t number = 0;
  for (size_t i = 2; i < id.n; i++)
    number = number * 10 + id.p[i] - '0';
  return &w->docs[number];
}

static int see(void *ud, const pq_entity *e, uint64_t count) {
  world *w = ud;
  if (e == NULL) {
    w->counted += count;
    return PQ_OK;
  }
  w->counted++;
  doc_of(w, e->id)->seen++;
  return PQ_OK;
}

static bool matches(world *w, const pq_entity *e) {
  pq_eval eval = w->eval;
  pq_value system;
  CHECK(pq_entity_system(w->builder, &w->scratch, e, &system) == PQ_OK);
  eval.cx = &w->cx;
  eval.arena = &w->scratch;
  eval.builder = w->builder;
  comparisons++;
  return pq_filter_match(w->filter, &eval, e->data, system);
}

static void fail(world *w, const char *what, const pq_entity *e) {
  pq_buf text;
  unit_failed++;
  pq_buf_init(&text, &w->cx, 1 << 20);
  if (e != NULL && pq_json_print(&text, e->data, PQ_JSON_CANONICAL) == PQ_OK)
    fprintf(stderr, "%s: filter %.*s\n  %.*s %.*s\n", what, (int)w->len, w->text, (int)e->id.n,
            (const char *)e->id.p, (int)text.len, (const char *)text.p);
  else
    fprintf(stderr, "%s: filter %.*s\n", what, (int)w->len, w->text);
  pq_buf_release(&text);
}

/* The same scan in slices, some windows of it cut: each entity once, and the same said of it. */
static void check_slices(world *w, const pq_scan *whole, const bool *expected) {
  pq_scan_windows windows = {0};
  pq_scan s;
  if (w->doc_count >= LARGE && chance(w, 80)) return;
  windows.slice_len = chance(w, 30) ? 1 + below(w, 5000) : 20000 + below(w, 200000);
  if (chance(w, 50)) windows.window_len = 1 + below(w, chance(w, 20) ? 1000 : 100000);
  pq_scan_init(&s, &w->view, PQ_SLICE("t"), w->filter);
  s.eval = &w->eval;
  s.windows = &windows;
  if (chance(w, 50)) s.window = PQ_SCAN_WINDOW_MAX;
  CHECK(run_scan(w, &s, see, w) == PQ_OK);
  CHECK(windows.newest == NULL);
  for (uint32_t i = 0; i < w->doc_count; i++) {
    if (w->docs[i].seen == 2u * expected[i]) continue; /* by both scans */
    fail(w, "a slice", &w->docs[i].now);
    return;
  }
  if (memcmp(&s.stats, &whole->stats, offsetof(pq_scan_stats, is_metadata_only)) != 0 ||
      s.stats.is_metadata_only != whole->stats.is_metadata_only)
    fail(w, "numbers of slices", NULL);
}

static void check_scan(world *w, bool *expected, uint64_t *count) {
  pq_scan s;
  pq_scan_init(&s, &w->view, PQ_SLICE("t"), w->filter);
  s.eval = &w->eval;
  w->counted = 0;
  for (uint32_t i = 0; i < w->doc_count; i++)
    w->docs[i].seen = 0;
  CHECK(run_scan(w, &s, see, w) == PQ_OK);
  *count = 0;
  for (uint32_t i = 0; i < w->doc_count; i++) {
    doc *d = &w->docs[i];
    pq_arena_clear(&w->scratch);
    expected[i] = d->is_live && !d->now.is_deleted && matches(w, &d->now);
    *count += expected[i];
    if (d->seen != expected[i]) {
      fail(w, expected[i] ? "missing from the scan" : "too much in the scan", &d->now);
      return;
    }
  }
  CHECK(s.stats.rows_matched == *count);
  check_slices(w, &s, expected);
  refused_by_column += s.stats.rows_by_column;
  skipped_groups += s.stats.row_groups_by_stats + s.stats.row_groups_by_bloom;
  skipped_pages += s.stats.pages_skipped;
  decided += s.stats.rows_read == 0 && *count == 0;
}

static void check_count(world *w, uint64_t expected) {
  pq_scan_windows windows = {0};
  pq_scan s;
  pq_scan_init(&s, &w->view, PQ_SLICE("t"), w->filter);
  s.eval = &w->eval;
  s.is_count = true;
  s.windows = chance(w, 50) ? &windows : NULL;
  windows.slice_len = 1 + below(w, 100000);
  w->counted = 0;
  CHECK(run_scan(w, &s, see, w) == PQ_OK);
  if (w->counted != expected) fail(w, "count", NULL);
}

/* A sort by one path with a limit: the first `keep` of what the scan gives are those of all. */
static int compare_keys(pq_value a, pq_value b) {
  return pq_value_compare(a, b);
}

/* By $id, which is the order of the documents here. */
static void check_id_order(world *w, const bool *expected) {
  uint32_t keep = 1 + below(w, 5), n = 0;
  bool is_descending = chance(w, 50);
  pq_scan s;
  pq_scan_init(&s, &w->view, PQ_SLICE("t"), w->filter);
  s.eval = &w->eval;
  s.order = (pq_scan_order){.path = PQ_SLICE("$id"), .is_descending = is_descending, .keep = keep};
  for (uint32_t i = 0; i < w->doc_count; i++)
    w->docs[i].seen = 0;
  CHECK(run_scan(w, &s, see, w) == PQ_OK);
  for (uint32_t i = 0; i < w->doc_count && n < keep; i++) {
    uint32_t at = is_descending ? w->doc_count - 1 - i : i;
    if (expected[at] && !w->docs[at].seen) fail(w, "a sort by $id lacks rows", NULL);
    n += expected[at];
  }
}

static void check_order(world *w, const bool *expected) {
  static const int sortable[] = {FIELD_A,  FIELD_B,    FIELD_S,      FIELD_D,
                                 FIELD_O,  FIELD_F,    FIELD_FLOAT,  FIELD_DAY,
                                 FIELD_MS, FIELD_UUID, FIELD_BINARY, FIELD_DECIMAL};
  const char *name = paths[sortable[below(w, sizeof sortable / sizeof *sortable)]];
  uint32_t keep = 1 + below(w, 5), needed = 0;
  bool is_descending = chance(w, 50);
  pq_scan s;
  pq_scan_init(&s, &w->view, PQ_SLICE("t"), w->filter);
  s.eval = &w->eval;
  s.order = (pq_scan_order){.path = pq_str(name), .is_descending = is_descending, .keep = keep};
  for (uint32_t i = 0; i < w->doc_count; i++)
    w->docs[i].seen = 0;
  CHECK(run_scan(w, &s, see, w) == PQ_OK);
  by_order += s.stats.rows_by_order;
  if (w->noise > 0) return; /* arrays sort by their elements: no plain comparison */
  for (uint32_t i = 0; i < w->doc_count; i++) {
    pq_value mine = pq_object_get_str(w->docs[i].now.data, name);
    uint32_t better = 0;
    if (!expected[i] || w->docs[i].seen) continue;
    for (uint32_t k = 0; k < w->doc_count && better < keep; k++) {
      int c;
      if (!w->docs[k].seen) continue;
      c = compare_keys(pq_object_get_str(w->docs[k].now.data, name), mine);
      better += is_descending ? c > 0 : c < 0;
    }
    needed += better < keep;
  }
  if (needed > 0) fail(w, "a sort lacks rows", NULL);
}

/* ---- groups ---- */

typedef struct naive {
  pq_value keys[2];
  uint64_t rows, numbers;
  int64_t integer;
  double real;
  pq_value min, max;
} naive;

typedef struct grouping {
  world *w;
  pq_slice keys[2];
  uint32_t key_count;
  pq_slice path; /* of the values */
  naive *groups;
  uint32_t count;
} grouping;

static pq_value at_path(world *w, const pq_entity *e, pq_slice path) {
  pq_value system;
  if (pq_slice_is(path, "name") && pq_value_is_missing(pq_object_get(e->data, path))) {
    CHECK(pq_entity_system(w->builder, &w->keep, e, &system) == PQ_OK);
    return pq_object_get(system, path);
  }
  if (pq_slice_is(path, "n.k")) return pq_object_get_str(pq_object_get_str(e->data, "n"), "k");
  return pq_object_get(e->data, path);
}

static bool same_key(pq_value a, pq_value b) {
  if (pq_value_is_missing(a) || pq_value_is_missing(b))
    return pq_value_is_missing(a) == pq_value_is_missing(b);
  return pq_value_compare(a, b) == 0;
}

static naive *group_for(grouping *g, const pq_value *keys) {
  for (uint32_t i = 0; i < g->count; i++) {
    bool is_same = true;
    for (uint32_t k = 0; k < g->key_count; k++)
      is_same &= same_key(g->groups[i].keys[k], keys[k]);
    if (is_same) return &g->groups[i];
  }
  g->groups[g->count] = (naive){0};
  for (uint32_t k = 0; k < g->key_count; k++)
    g->groups[g->count].keys[k] = keys[k];
  return &g->groups[g->count++];
}

static void better(pq_value v, pq_value *best, int direction) {
  if (pq_value_is_missing(v) || pq_value_type(v) == PQ_TYPE_NULL) return;
  if (pq_value_is_missing(*best) || pq_value_compare(v, *best) * direction > 0) *best = v;
}

static void add_naive(grouping *g, const pq_entity *e) {
  pq_value keys[2] = {{0}}, v = at_path(g->w, e, g->path);
  naive *n;
  double d;
  int64_t i;
  for (uint32_t k = 0; k < g->key_count; k++)
    keys[k] = at_path(g->w, e, g->keys[k]);
  n = group_for(g, keys);
  n->rows++;
  if (pq_value_i64(v, &i)) {
    n->numbers++;
    n->integer = (int64_t)((uint64_t)n->integer + (uint64_t)i);
  } else if (pq_value_double(v, &d)) {
    n->numbers++;
    if (d == d && d > -1e17 && d < 1e17) n->real += d;
  }
  better(v, &n->min, -1);
  better(v, &n->max, 1);
}

static int add_rest(void *ud, const pq_entity *e, uint64_t count) {
  grouping *g = ud;
  pq_entity copy;
  (void)count;
  copy = *e;
  if (pq_value_copy(&g->w->keep, e->data, &copy.data) != PQ_OK) return g->w->cx.code;
  add_naive(g, &copy);
  return PQ_OK;
}

static bool same_value(pq_value a, pq_value b) {
  if (!same_key(a, b)) return false;
  return pq_value_is_missing(a) || pq_value_type(a) == pq_value_type(b) ||
         pq_value_compare(a, b) == 0;
}

/* Rows that were folded into groups and the rest, added up, against all of them one by one. */
static void check_groups(world *w, const bool *expected) {
  static const int keyed[] = {FIELD_A,  FIELD_B,    FIELD_S,      FIELD_D,
                              FIELD_F,  FIELD_NAME, FIELD_FLOAT,  FIELD_DAY,
                              FIELD_MS, FIELD_UUID, FIELD_BINARY, FIELD_DECIMAL};
  static const int valued[] = {FIELD_A,    FIELD_B,      FIELD_S,      FIELD_K,
                               FIELD_D,    FIELD_FLOAT,  FIELD_DAY,    FIELD_MS,
                               FIELD_UUID, FIELD_BINARY, FIELD_DECIMAL};
  grouping all = {.w = w, .key_count = below(w, 3)}, rest;
  pq_fold_item items[4];
  pq_grouping fold;
  pq_scan s;
  bool is_typed = true;
  pq_arena_clear(&w->keep);
  for (uint32_t k = 0; k < all.key_count; k++)
    all.keys[k] = pq_str(paths[keyed[below(w, sizeof keyed / sizeof *keyed)]]);
  all.path = pq_str(paths[valued[below(w, sizeof valued / sizeof *valued)]]);
  all.groups = pq_arena_calloc(&w->keep, w->doc_count + 1, sizeof *all.groups);
  rest = all;
  rest.groups = pq_arena_calloc(&w->keep, 2 * w->doc_count + 1, sizeof *rest.groups);
  items[0] = (pq_fold_item){.op = PQ_FOLD_COUNT};
  items[1] = (pq_fold_item){PQ_FOLD_SUM, all.path};
  items[2] = (pq_fold_item){PQ_FOLD_MIN, all.path};
  items[3] = (pq_fold_item){PQ_FOLD_MAX, all.path};
  if (all.key_count == 0 && chance(w, 50)) { /* what statistics can answer */
    items[1].op = PQ_FOLD_MAX;
    is_typed = false;
  }
  pq_grouping_init(&fold, &w->keep, all.keys, all.key_count, items, 4);
  if (chance(w, 20)) fold.group_max = below(w, 100);
  pq_scan_init(&s, &w->view, PQ_SLICE("t"), w->filter);
  s.eval = &w->eval;
  s.fold = &fold;
  CHECK(run_scan(w, &s, add_rest, &rest) == PQ_OK);
  grouped += s.stats.rows_grouped;
  for (uint32_t i = 0; i < w->doc_count; i++)
    if (expected[i]) add_naive(&all, &w->docs[i].now);
  for (uint32_t i = 0; i < fold.group_count; i++) {
    const pq_fold_state *state = fold.states + i * 4;
    naive *n = group_for(&rest, fold.values + i * all.key_count);
    pq_total total;
    n->rows += state[0].count;
    total = pq_fold_total(&state[1]);
    n->numbers += pq_total_count(&total);
    if (!total.is_wide) n->integer = (int64_t)((uint64_t)n->integer + (uint64_t)total.integer);
    better(state[2].extreme, &n->min, -1);
    better(state[3].extreme, &n->max, 1);
  }
  if (rest.count != all.count) fail(w, "groups", NULL);
  for (uint32_t i = 0; i < all.count; i++) {
    const naive *x = &all.groups[i], *y = group_for(&rest, x->keys);
    if (x->rows != y->rows || (is_typed && x->numbers != y->numbers) ||
        !same_value(x->min, y->min) || !same_value(x->max, y->max))
      fail(w, "a group", NULL);
    if (is_typed && pq_slice_is(all.path, "a") && w->noise == 0 && x->integer != y->integer)
      fail(w, "a sum", NULL);
  }
}

static int ignore_rest(void *ud, const pq_entity *e, uint64_t count) {
  (void)ud;
  (void)e;
  (void)count;
  return PQ_OK;
}

/* How many rows columns group when there may be so many groups (0: the default), and how many
 * groups they make. */
static uint64_t rows_grouped(world *w, uint32_t group_max, uint32_t *groups) {
  static const pq_slice key = PQ_SLICE("b");
  static const pq_fold_item item = {.op = PQ_FOLD_COUNT};
  pq_grouping fold;
  pq_scan s;
  pq_arena_clear(&w->keep);
  pq_grouping_init(&fold, &w->keep, &key, 1, &item, 1);
  if (group_max > 0) fold.group_max = group_max;
  pq_scan_init(&s, &w->view, PQ_SLICE("t"), w->filter);
  s.eval = &w->eval;
  s.fold = &fold;
  CHECK(run_scan(w, &s, ignore_rest, NULL) == PQ_OK);
  *groups = fold.group_count;
  return s.stats.rows_grouped;
}

/* Few groups are made by columns however many rows there are. */
static void check_group_limit(world *w) {
  uint32_t groups, again, rows_max = w->cx.limits.row_group_rows_max;
  uint64_t rows = rows_grouped(w, 0, &groups);
  if (rows == 0) return;
  limited++;
  if (rows_grouped(w, 2 * (groups + rows_max) + 2, &again) != rows || again != groups)
    fail(w, "rows that columns group", NULL);
}

static void run_world(uint64_t seed) {
  world w;
  bool *expected;
  world_init(&w, seed);
  expected = pq_arena_calloc(&w.arena, w.doc_count, sizeof *expected);
  for (int i = 0; i < FILTERS && unit_failed == 0; i++) {
    pq_env env = {.collation.is_folded = chance(&w, 10)};
    pq_arena arena;
    uint64_t count;
    pq_value spec;
    w.eval = (pq_eval){.collation = env.collation};
    pq_arena_init(&arena, &w.cx, 1u << 30);
    w.len = 0;
    put_filter(&w, 2);
    spec = parse(&w, &arena);
    if (pq_filter_parse(&arena, &env, spec, &w.filter) != PQ_OK) {
      pq_arena_release(&arena);
      continue; /* an operand that the operator does not take */
    }
    check_scan(&w, expected, &count);
    check_count(&w, count);
    if (w.doc_count < LARGE || chance(&w, 10)) check_groups(&w, expected);
    if (chance(&w, 20)) check_group_limit(&w);
    if (w.doc_count < LARGE || chance(&w, 10)) check_order(&w, expected);
    check_id_order(&w, expected);
    pq_arena_release(&arena);
  }
  if (unit_failed > 0) fprintf(stderr, "world of seed %llu\n", (unsigned long long)seed);
  world_release(&w);
}

int main(int argc, char **argv) {
  unsigned long worlds = argc > 1 ? strtoul(argv[1], NULL, 10) : 12;
  unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
  for (unsigned long i = 0; i < worlds && unit_failed == 0; i++)
    run_world(seed + i);
  CHECK(comparisons > 0);
  if (argc <= 1) { /* every way of not reading was used */
    CHECK(refused_by_column > 0);
    CHECK(skipped_groups > 0);
    CHECK(skipped_pages > 0);
    CHECK(grouped > 0);
    CHECK(limited > 0);
    CHECK(by_order > 0);
    CHECK(slices > 0);
    CHECK(dropped > 0);
  }
  fprintf(stderr,
          "%llu comparisons; by columns %llu rows, skipped %llu groups %llu pages, grouped %llu, "
          "by order %llu, decided %llu, slices %llu, dropped %llu\n",
          (unsigned long long)comparisons, (unsigned long long)refused_by_column,
          (unsigned long long)skipped_groups, (unsigned long long)skipped_pages,
          (unsigned long long)grouped, (unsigned long long)by_order, (unsigned long long)decided,
          (unsigned long long)slices, (unsigned long long)dropped);
  return unit_end();
}
