/* test/unit/test_spill.c - runs of values in temporary objects. */
#include "port/drive_disk.h"
#include "port/drive_memory.h"

#include "drive_dir.h"
#include "drive_util.h"
#include "query/spill.h"
#include "value/compare.h"
#include "value/json.h"

typedef struct spill_bench {
  pq_cx cx;
  pq_arena arena;
  pq_builder *b;
  pq_fetch fetch;
  pq_driver *driver;
  pq_spill *spill;
} spill_bench;

static void open_bench(spill_bench *t, pq_driver *driver) {
  *t = (spill_bench){.driver = driver};
  pq_cx_init(&t->cx, unit_alloc, NULL);
  pq_arena_init(&t->arena, &t->cx, 1u << 28);
  pq_fetch_init(&t->fetch, &t->cx);
  CHECK(pq_builder_new(&t->cx, &t->b) == PQ_OK);
  CHECK(pq_spill_new(&t->cx, 42, &t->spill) == PQ_OK);
}

static void close_bench(spill_bench *t) {
  pq_spill_free(t->spill);
  pq_builder_free(t->b);
  pq_fetch_release(&t->fetch);
  pq_arena_release(&t->arena);
}

static void serve(spill_bench *t) {
  pq_driver_run(t->driver, &t->fetch);
}

static pq_value value(spill_bench *t, const char *text) {
  pq_value v;
  CHECK(pq_json_value(t->b, pq_str(text), &t->arena, &v) == PQ_OK);
  return v;
}

/* A text of `len` letters. */
static pq_value long_text(spill_bench *t, size_t len) {
  pq_value v;
  uint8_t *p = pq_arena_alloc(&t->arena, len);
  memset(p, 'x', len);
  CHECK(pq_builder_string(t->b, (pq_slice){p, len}) == PQ_OK);
  CHECK(pq_builder_finish(t->b, &t->arena, &v) == PQ_OK);
  return v;
}

static int put(spill_bench *t, pq_spill_run *r, pq_value v) {
  int rc;
  while ((rc = pq_spill_put(r, &t->fetch, v)) == PQ_NEED_IO)
    serve(t);
  pq_fetch_clear(&t->fetch);
  return rc;
}

static int rewind_run(spill_bench *t, pq_spill_run *r) {
  int rc;
  while ((rc = pq_spill_rewind(r, &t->fetch)) == PQ_NEED_IO)
    serve(t);
  pq_fetch_clear(&t->fetch);
  return rc;
}

static int get(spill_bench *t, pq_spill_run *r, pq_value *out) {
  int rc;
  while ((rc = pq_spill_get(r, &t->fetch, out)) == PQ_NEED_IO)
    serve(t);
  pq_fetch_clear(&t->fetch); /* the value does not borrow from it */
  return rc;
}

static int drop(spill_bench *t) {
  int rc;
  pq_fetch_clear(&t->fetch);
  while ((rc = pq_spill_drop(t->spill, &t->fetch)) == PQ_NEED_IO)
    serve(t);
  return rc;
}

static void check_roundtrip(pq_driver *driver) {
  spill_bench t;
  pq_spill_run *r, *other;
  pq_value v, small, large;
  open_bench(&t, driver);
  small = value(&t, "{\"a\": 1, \"b\": [true, {\"c\": \"x\"}]}");
  large = long_text(&t, 3000000);
  CHECK(pq_spill_run_new(t.spill, &r) == PQ_OK);
  CHECK(pq_spill_run_new(t.spill, &other) == PQ_OK);
  for (int i = 0; i < 40000; i++) {
    CHECK(put(&t, r, small) == PQ_OK);
    if (i % 10000 == 0) CHECK(put(&t, r, large) == PQ_OK);
    if (i % 1000 == 0) CHECK(put(&t, other, pq_object_get_str(small, "a")) == PQ_OK);
  }
  CHECK(rewind_run(&t, r) == PQ_OK && rewind_run(&t, other) == PQ_OK);
  CHECK(pq_spill_bytes(t.spill) > 12000000);
  for (int i = 0; i < 40000; i++) {
    CHECK(get(&t, r, &v) == PQ_OK && pq_value_is_equal(v, small));
    if (i % 10000 == 0) CHECK(get(&t, r, &v) == PQ_OK && pq_value_is_equal(v, large));
  }
  CHECK(get(&t, r, &v) == PQ_OK && pq_value_is_missing(v));
  CHECK(get(&t, r, &v) == PQ_OK && pq_value_is_missing(v));
  CHECK(get(&t, other, &v) == PQ_OK && pq_value_type(v) == PQ_TYPE_INT32);
  CHECK(pq_spill_is_used(t.spill));
  pq_spill_run_free(r);
  pq_spill_run_free(other);
  CHECK(drop(&t) == PQ_OK && !pq_spill_is_used(t.spill));
  close_bench(&t);
}

static void test_spill_memory(void) {
  pq_memory_store *store = pq_memory_store_new();
  pq_driver *d;
  unit_cx_init(&drive_cx);
  CHECK(pq_memory_open(store, PQ_OPEN_READ, &d) == PQ_OK);
  check_roundtrip(d);
  CHECK(pq_memory_store_len(store) == 0);
  CHECK(drive_put(d, "~tmp/x", "abc") == PQ_OK);
  CHECK(drive_put(d, "~tmp/x", "abc") == PQ_ECONFLICT);
  CHECK(drive_list(d, "") == PQ_OK && drive_text[0] == '\0'); /* no part of the warehouse */
  CHECK(drive_get(d, "~tmp/x") == PQ_EPATH);
  CHECK(drive_put(d, "~tmp/x/y", "abc") == PQ_EPATH);
  CHECK(drive_put(d, "~tmp", "abc") == PQ_EPATH);
  CHECK(drive_delete(d, "~tmp/x") == PQ_OK);
  pq_driver_close(d);
  pq_memory_store_free(store);
  CHECK(unit_live_len == 0);
}

static void test_spill_disk(void) {
  char top[DRIVE_DIR_CAP], path[128];
  pq_driver *d, *r;
  unit_cx_init(&drive_cx);
  drive_make_dir(top);
  snprintf(path, sizeof path, "%s/w", top);
  CHECK(pq_disk_open(&drive_cx, path, PQ_OPEN_CREATE, &d) == PQ_OK);
  CHECK(pq_disk_open(&drive_cx, path, PQ_OPEN_READ, &r) == PQ_OK);
  setenv("TMPDIR", top, 1);
  check_roundtrip(r); /* who only reads may sort too */
  CHECK(drive_put(d, "~tmp/a", "0123456789") == PQ_OK);
  CHECK(drive_put(d, "~tmp/b", "abc") == PQ_OK);
  CHECK(drive_put(d, "~tmp/c", "xyz") == PQ_OK);
  CHECK(drive_put(d, "~tmp/b", "abc") == PQ_ECONFLICT);
  CHECK(drive_delete(d, "~tmp/a") == PQ_OK && drive_delete(d, "~tmp/a") == PQ_OK);
  CHECK(drive_put(d, "~tmp/d", "into gap") == PQ_OK);
  CHECK(drive_read(d, "~tmp/b", 1, 2) == PQ_OK && strcmp(drive_text, "bc") == 0);
  CHECK(drive_read(d, "~tmp/d", 0, 8) == PQ_OK && strcmp(drive_text, "into gap") == 0);
  CHECK(drive_read(d, "~tmp/c", 0, 3) == PQ_OK && strcmp(drive_text, "xyz") == 0);
  CHECK(drive_read(d, "~tmp/c", 2, 2) == PQ_ECORRUPT);
  CHECK(drive_read(d, "~tmp/a", 0, 1) == PQ_ENOTFOUND);
  CHECK(drive_read(r, "~tmp/b", 0, 1) == PQ_ENOTFOUND); /* nobody else sees them */
  CHECK(drive_list(d, "") == PQ_OK && drive_text[0] == '\0');
  CHECK(drive_list(d, "~tmp/") == PQ_EPATH);
  pq_driver_close(r);
  pq_driver_close(d);
  unsetenv("TMPDIR");
  drive_remove_dir(top, 0);
  CHECK(unit_live_len == 0);
}

/* What is read back is what was written, or PQ_ECORRUPT. */
static void test_spill_changed(void) {
  pq_memory_store *store = pq_memory_store_new();
  pq_driver *d;
  spill_bench t;
  pq_spill_run *r;
  pq_value v;
  unit_cx_init(&drive_cx);
  CHECK(pq_memory_open(store, PQ_OPEN_READ, &d) == PQ_OK);
  open_bench(&t, d);
  CHECK(pq_spill_run_new(t.spill, &r) == PQ_OK);
  CHECK(put(&t, r, value(&t, "1")) == PQ_OK);
  CHECK(rewind_run(&t, r) == PQ_OK);
  CHECK(drive_delete(d, "~tmp/42-0") == PQ_OK);
  CHECK(get(&t, r, &v) == PQ_ENOTFOUND);
  CHECK(drive_put(d, "~tmp/42-0", "0123456789012345") == PQ_OK);
  CHECK(get(&t, r, &v) == PQ_ECORRUPT);
  CHECK(strstr(t.cx.msg, "has changed") != NULL);
  pq_spill_run_free(r);
  CHECK(drop(&t) == PQ_OK);
  close_bench(&t);
  pq_driver_close(d);
  pq_memory_store_free(store);
}

int main(void) {
  RUN(test_spill_memory);
  RUN(test_spill_disk);
  RUN(test_spill_changed);
  return unit_end();
}
