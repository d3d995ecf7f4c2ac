/* Unit tests of an expire beside which its indexes change: what an index that is no more says of
 * documents counts no more.
 */
#include "cmd/command_int.h"
#include "handle_util.h"

static const char make[] =
    "{\"createIndexes\": \"t\", \"indexes\": [{\"name\": \"d\", \"key\": {\"d\": 1}, "
    "\"expireAfterSeconds\": 0}]}";
static const char insert[] =
    "{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\", \"d\": "
    "{\"$date\": \"1960-01-01T00:00:00Z\"}}]}";
static const char flush[] = "{\"flush\": 1}";
static const char expire[] = "{\"expire\": 1}";
static const char find[] = "{\"find\": \"t\"}";

/* False: it has to wait. (A commit lets others join for some steps.) */
static bool is_done(handle *h, const char *command) {
  pq_command *c;
  bool is_done;
  CHECK(pq_command_open(&h->db, PQ_SLICE("n"), pq_str(command), (pq_slice){0}, now_us, &c) ==
        PQ_OK);
  for (int i = 0; i < 20 && !pq_command_is_done(c); i++)
    CHECK(step(h, c, NULL, 0) == PQ_OK);
  is_done = pq_command_is_done(c);
  pq_command_close(c);
  return is_done;
}

/* Commands that come when an expire has done `steps` of its steps: it deletes nothing, unless its
 * commit was on its way, for which they have to wait. True: that was so. */
static bool is_too_late(int steps, const char *const *commands) {
  pq_memory_store *store = pq_memory_store_new();
  pq_command *c;
  int64_t deleted = -1;
  bool was_first = false;
  int rc = PQ_OK;
  handle h;
  hook.left = fault.left = 0;
  open_handle(&h, store, true);
  h.db.steps_all = true;
  CHECK(is_done(&h, make));
  CHECK(is_done(&h, insert));
  CHECK(is_done(&h, flush));
  close_handle(&h);
  open_handle(&h, store, true); /* so that it has to read, */
  h.db.steps_all = true;
  CHECK(is_done(&h, "{\"delete\": \"t/none\", \"hard\": true}")); /* but not to load */
  CHECK(pq_command_open(&h.db, PQ_SLICE("n"), pq_str(expire), (pq_slice){0}, now_us, &c) == PQ_OK);
  for (int i = 0; i < steps && (rc == PQ_OK || rc == PQ_NEED_IO) && !pq_command_is_done(c); i++) {
    if (rc == PQ_NEED_IO) pq_driver_run(h.driver, pq_command_fetch(c));
    rc = pq_command_step(c, now_us);
  }
  if (rc == PQ_NEED_IO) pq_driver_run(h.driver, pq_command_fetch(c));
  if (!pq_command_is_done(c)) {
    while (*commands != NULL && is_done(&h, *commands))
      commands++;
    was_first = *commands == NULL;
    for (int i = 0; i < 20 && !pq_command_is_done(c); i++)
      CHECK(step(&h, c, NULL, 0) == PQ_OK);
    CHECK(pq_command_is_done(c));
    (void)pq_value_i64(pq_object_get_str(pq_command_summary(c), "deletedCount"), &deleted);
    CHECK(deleted == !was_first && has(&h, find, "t/a") == was_first);
  }
  pq_command_close(c);
  close_handle(&h);
  pq_memory_store_free(store);
  return !was_first;
}

static void check(const char *const *commands) {
  int steps = 1;
  while (steps < 100 && !is_too_late(steps, commands))
    steps++;
  CHECK(steps > 3 && steps < 100);
}

static void test_expire_beside_another_index(void) {
  static const char *const dropped[] = {"{\"dropIndexes\": \"t\", \"index\": \"d\"}", NULL};
  static const char *const altered[] = {
      "{\"alter\": \"t\", \"index\": {\"name\": \"d\", \"expireAfterSeconds\": 2147483647}}", NULL};
  check(dropped);
  check(altered);
}

/* The collection is another one by then. */
static void test_expire_beside_a_drop(void) {
  static const char *const commands[] = {"{\"drop\": \"t\"}", insert, NULL};
  check(commands);
}

int main(void) {
  RUN(test_expire_beside_another_index);
  RUN(test_expire_beside_a_drop);
  return unit_end();
}
