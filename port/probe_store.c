/* probe_store.c - see probe_store.h. The commit protocol needs one thing of a store: of two puts of
 * one name only the first may succeed (doc/formats/log.md). Some stores take `If-None-Match: *` and
 * ignore it.
 *
 *   put "1" ─► put "2" ─► refused? ─► get: "1"? ─► delete
 */
#include "port/probe_store.h"

#include <stdio.h>

#include "base/text.h"

enum { KEY_CAP = 40, NAME_LEN = 8 };

typedef enum step { STEP_PUT, STEP_AGAIN, STEP_GET, STEP_DELETE } step;

static int ask(pq_fetch *f, step s, const char *key, pq_slice *body) {
  switch (s) {
    case STEP_PUT: return pq_fetch_put_new(f, key, PQ_SLICE("1"));
    case STEP_AGAIN: return pq_fetch_put_new(f, key, PQ_SLICE("2"));
    case STEP_GET: return pq_fetch_get(f, key, 1, body);
    case STEP_DELETE: return pq_fetch_delete(f, key);
  }
  pq_unreachable("a step of the probe");
}

/* One request to its end; *is_first: the body read is that of the first put. */
static int run(pq_cx *cx, pq_driver *d, step s, const char *key, bool *is_first) {
  pq_slice body = {0};
  pq_fetch f;
  int rc;
  pq_fetch_init(&f, cx);
  while ((rc = ask(&f, s, key, &body)) == PQ_NEED_IO)
    pq_driver_run(d, &f);
  *is_first = pq_slice_is(body, "1");
  pq_fetch_release(&f);
  return rc;
}

int pq_store_probe(pq_cx *cx, pq_driver *d) {
  uint8_t bytes[NAME_LEN];
  char key[KEY_CAP];
  bool is_first, is_same = false;
  int rc, again;
  pq_driver_random(d, bytes, sizeof bytes);
  snprintf(key, sizeof key, "_system/probe/%016llx", (unsigned long long)pq_rd64(bytes));
  rc = run(cx, d, STEP_PUT, key, &is_first);
  if (rc != PQ_OK) return rc;
  again = run(cx, d, STEP_AGAIN, key, &is_first);
  rc = run(cx, d, STEP_GET, key, &is_same);
  PQ_TRY(run(cx, d, STEP_DELETE, key, &is_first));
  if (rc != PQ_OK) return rc;
  if (again == PQ_ECONFLICT && is_same) return PQ_OK;
  if (again != PQ_OK && again != PQ_ECONFLICT) return again;
  return pq_fail(cx, PQ_EUNSUPPORTED,
                 "the store replaces an object that is put create-only (it ignores "
                 "If-None-Match: *): two writers would overwrite each other, so it is not "
                 "written to. Use a store that honours it");
}
