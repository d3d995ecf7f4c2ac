/* Unit tests of db/garbage.h and of commits beside it: two writers and a reader on one store that
 * has no lock, and a store that loses replies and lets requests land late (handle_util.h).
 */
#include "handle_util.h"

static void start(handle *h, pq_memory_store **store) {
  *store = pq_memory_store_new();
  hook.left = 0;
  hook.other = NULL;
  open_handle(h, *store, true);
  CHECK(run(h, "{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\", \"n\": 1}]}", NULL, 0) ==
        PQ_OK);
  CHECK(run(h, "{\"flush\": 1}", NULL, 0) == PQ_OK);
}

static const char get_a[] = "{\"get\": \"t/a\"}";
static const char inc[] = "{\"update\": \"t/a\", \"ops\": {\"$inc\": {\"n\": 1}}}";
static const char flush[] = "{\"flush\": 1}";
static const char vacuum[] = "{\"vacuum\": 1, \"minAge\": \"0\"}";

/* A put whose reply is lost, that is refused, or lost itself: read back, tried again, done once. */
static void test_garbage_lost_replies(void) {
  static const what whats[] = {LOSE_REPLY, LOSE_IT, REFUSE};
  for (size_t i = 0; i < 3; i++) {
    pq_memory_store *store;
    handle a, reader;
    start(&a, &store);
    hook.part = "n/log/";
    hook.what = whats[i];
    hook.left = 2;
    CHECK(run(&a, inc, NULL, 0) == PQ_OK);
    CHECK(run(&a, flush, NULL, 0) == PQ_OK);
    CHECK(hook.left == (whats[i] == LOSE_REPLY ? 1 : 0));
    hook.left = 0;
    open_handle(&reader, store, false);
    CHECK(has(&reader, get_a, "\"n\":2"));
    CHECK(has(&reader, "{\"get\": \"t/a\", \"asOf\": \"seq:1\"}", "\"n\":1"));
    close_handle(&reader);
    close_handle(&a);
    pq_memory_store_free(store);
  }
}

/* Another writer takes over, and its collector frees the very place that the sleeper fills then:
 * the entry is stored, but it is below the boundary. */
static void test_garbage_sleeper(void) {
  pq_memory_store *store;
  handle a, b, reader;
  start(&a, &store);
  CHECK(run(&a, inc, NULL, 0) == PQ_OK);
  open_handle(&b, store, true);
  open_handle(&reader, store, false);
  CHECK(has(&reader, get_a, "\"n\":2")); /* loaded before the collector ran */
  hook.part = "n/log/";
  hook.what = DO_IT;
  hook.other = &b;
  hook.left = 1;
  CHECK(run(&a, flush, NULL, 0) == PQ_EFENCED);
  CHECK(strstr(message, "taken over") != NULL);
  CHECK(run(&a, inc, NULL, 0) == PQ_EFENCED);
  CHECK(has(&b, get_a, "\"n\":3"));
  CHECK(has(&reader, get_a, "\"n\":3"));
  CHECK(run(&b, inc, NULL, 0) == PQ_OK);
  CHECK(run(&b, flush, NULL, 0) == PQ_OK);
  CHECK(has(&reader, get_a, "\"n\":4"));
  CHECK(run(&b, vacuum, NULL, 0) == PQ_OK); /* takes what the sleeper left */
  CHECK(run(&b, vacuum, NULL, 0) == PQ_OK);
  CHECK(has(&reader, get_a, "\"n\":4"));
  close_handle(&reader);
  close_handle(&b);
  open_handle(&b, store, true);
  CHECK(has(&b, get_a, "\"n\":4"));
  CHECK(!has(&b, "{\"verify\": 1}", "problem"));
  close_handle(&a);
  close_handle(&b);
  pq_memory_store_free(store);
}

/* The boundary's own put: lost with and without effect. Nothing is deleted before it stands. */
static void test_garbage_boundary_lost(void) {
  static const what whats[] = {LOSE_REPLY, LOSE_IT, REFUSE};
  for (size_t i = 0; i < 3; i++) {
    pq_memory_store *store;
    handle a, reader;
    int rc;
    start(&a, &store);
    hook.part = "n/boundary";
    hook.what = whats[i];
    hook.left = 1;
    rc = run(&a, vacuum, NULL, 0);
    CHECK(rc == (whats[i] == LOSE_REPLY ? PQ_OK : PQ_EIO));
    open_handle(&reader, store, false);
    CHECK(has(&reader, get_a, "\"n\":1"));
    CHECK(!has(&reader, "{\"verify\": 1}", "problem"));
    CHECK(run(&a, vacuum, NULL, 0) == PQ_OK);
    CHECK(has(&reader, get_a, "\"n\":1"));
    close_handle(&reader);
    close_handle(&a);
    pq_memory_store_free(store);
  }
}

/* Files of an entry that was never made: left alone by their own epoch, taken by the next. */
static void test_garbage_orphans(void) {
  pq_memory_store *store;
  handle a;
  start(&a, &store);
  CHECK(run(&a, inc, NULL, 0) == PQ_OK);
  hook.part = "n/log/";
  hook.what = LOSE_IT;
  hook.left = 100;
  CHECK(run(&a, flush, NULL, 0) == PQ_EIO);
  hook.left = 0;
  CHECK(!has(&a, "{\"vacuum\": 1, \"dryRun\": true, \"minAge\": \"0\"}", "unknown file"));
  close_handle(&a);
  open_handle(&a, store, true);
  CHECK(has(&a, "{\"vacuum\": 1, \"dryRun\": true, \"minAge\": \"0\"}", "unknown file"));
  CHECK(!has(&a, "{\"vacuum\": 1, \"dryRun\": true, \"minAge\": \"1h\"}", "unknown file"));
  CHECK(run(&a, vacuum, NULL, 0) == PQ_OK);
  CHECK(!has(&a, "{\"vacuum\": 1, \"dryRun\": true, \"minAge\": \"0\"}", "unknown file"));
  CHECK(has(&a, get_a, "\"n\":2"));
  CHECK(run(&a, flush, NULL, 0) == PQ_OK);
  CHECK(has(&a, get_a, "\"n\":2"));
  CHECK(!has(&a, "{\"verify\": 1}", "problem"));
  close_handle(&a);
  pq_memory_store_free(store);
}

static void put_pin(handle *h, const char *key, pq_pin pin) {
  pq_fetch f;
  pq_buf text;
  pq_fetch_init(&f, &h->cx);
  pq_buf_init(&text, &h->cx, PQ_BOUNDARY_LEN_MAX);
  CHECK(pq_pin_print(&pin, &text) == PQ_OK);
  CHECK(pq_fetch_put_if(&f, key, (pq_slice){0}, pq_buf_slice(&text)) == PQ_NEED_IO);
  pq_driver_run(h->driver, &f);
  pq_buf_release(&text);
  pq_fetch_release(&f);
}

/* A pin keeps the files of its entry and of all instants before it, and the checkpoint and entries
 * that lead to it, until it is over. */
static void test_garbage_pins(void) {
  pq_memory_store *store;
  handle a;
  start(&a, &store);
  CHECK(run(&a, inc, NULL, 0) == PQ_OK);
  CHECK(run(&a, flush, NULL, 0) == PQ_OK); /* entry 3 */
  put_pin(&a, "n/pins/00000000000000a1", (pq_pin){3, 1000});
  put_pin(&a, "n/pins/00000000000000a2", (pq_pin){1, 0});
  CHECK(run(&a, "{\"compact\": \"t\"}", NULL, 0) == PQ_OK);
  CHECK(has(&a, vacuum, "held by")); /* the last item */
  CHECK(strstr(last_summary, "\"instantsForgotten\":0") != NULL);
  CHECK(strstr(last_summary, "\"objects\":1,") != NULL); /* the other pin, which is over */
  CHECK(run(&a, vacuum, NULL, 0) == PQ_OK);
  CHECK(strstr(last_summary, "\"objects\":0,") != NULL);
  pq_memory_store_set_clock(store, INT64_C(1767225600000000) + 2000 * INT64_C(1000000), true);
  CHECK(run(&a, vacuum, NULL, 0) == PQ_OK);
  CHECK(strstr(last_summary, "\"inUse\":0") != NULL);
  CHECK(strstr(last_summary, "\"objects\":0,") == NULL);
  CHECK(has(&a, get_a, "\"n\":2"));
  CHECK(!has(&a, "{\"verify\": 1}", "problem"));
  close_handle(&a);
  pq_memory_store_free(store);
}

/* Free files are deleted by `maintain`, once they are old and large enough; a flush that is begun
 * meanwhile comes first. */
static void test_garbage_by_itself(void) {
  static const char maintain[] = "{\"maintain\": 0}";
  pq_memory_store *store;
  handle a;
  start(&a, &store);
  a.db.thresholds = (pq_thresholds){.garbage_len = 1};
  CHECK(run(&a, inc, NULL, 0) == PQ_OK);
  CHECK(run(&a, flush, NULL, 0) == PQ_OK);
  CHECK(run(&a, "{\"compact\": \"\"}", NULL, 0) == PQ_OK); /* event files become one */
  CHECK(run(&a, inc, NULL, 0) == PQ_OK);
  CHECK(run(&a, flush, NULL, 0) == PQ_OK);
  CHECK(run(&a, maintain, NULL, 0) == PQ_OK);
  CHECK(has(&a, "{\"stats\": 1}", "\"vacuumedBytes\":0,")); /* too young */
  now_us = INT64_C(1767225600000000) + 9000 * INT64_C(1000000);
  pq_memory_store_set_clock(store, now_us, true);
  CHECK(run(&a, maintain, NULL, 0) == PQ_OK);
  CHECK(has(&a, "{\"stats\": 1}", "\"vacuums\":1,"));
  CHECK(!has(&a, "{\"stats\": 1}", "\"vacuumedBytes\":0,"));
  CHECK(has(&a, get_a, "\"n\":3"));
  CHECK(has(&a, "{\"get\": \"t/a\", \"asOf\": \"seq:1\"}", "\"n\":1"));
  CHECK(!has(&a, "{\"verify\": 1}", "problem"));
  CHECK(run(&a, maintain, NULL, 0) == PQ_OK);
  CHECK(has(&a, "{\"stats\": 1}", "\"vacuums\":1,")); /* nothing is left */
  now_us = 1;
  close_handle(&a);
  pq_memory_store_free(store);
}

/* A copy that is under way holds what it copies; when it is done, or its pin over, that goes. */
static void test_garbage_backup(void) {
  pq_memory_store *store;
  pq_command *c;
  pq_value item;
  handle a, b;
  int rc;
  start(&a, &store);
  CHECK(run(&a, inc, NULL, 0) == PQ_OK);
  CHECK(run(&a, flush, NULL, 0) == PQ_OK);
  CHECK(run(&a, "{\"compact\": \"\"}", NULL, 0) == PQ_OK);
  open_handle(&b, store, false);
  rc = pq_command_open(&b.db, PQ_SLICE("n"), PQ_SLICE("{\"backup\": 1}"), (pq_slice){0}, 1, &c);
  while (rc == PQ_OK && !pq_command_next(c, &item))
    while ((rc = pq_command_step(c, 1)) == PQ_NEED_IO)
      pq_driver_run(b.driver, pq_command_fetch(c));
  CHECK(rc == PQ_OK);
  CHECK(has(&a, vacuum, "held by"));
  CHECK(strstr(last_summary, "\"instantsForgotten\":0") != NULL);
  while (rc == PQ_OK && !pq_command_is_done(c)) {
    while ((rc = pq_command_step(c, 1)) == PQ_NEED_IO)
      pq_driver_run(b.driver, pq_command_fetch(c));
    while (rc == PQ_OK && pq_command_next(c, &item))
      continue;
  }
  CHECK(rc == PQ_OK);
  pq_command_close(c);
  CHECK(!has(&a, vacuum, "held by"));
  CHECK(strstr(last_summary, "\"instantsForgotten\":0") == NULL);
  close_handle(&b);
  close_handle(&a);
  pq_memory_store_free(store);
}

int main(void) {
  RUN(test_garbage_lost_replies);
  RUN(test_garbage_sleeper);
  RUN(test_garbage_boundary_lost);
  RUN(test_garbage_orphans);
  RUN(test_garbage_pins);
  RUN(test_garbage_by_itself);
  RUN(test_garbage_backup);
  return unit_end();
}
