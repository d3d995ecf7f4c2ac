/* Unit tests of what happens where a writer, or a command, goes on with what it knew before: an
 * older writer that does not know that it was superseded, a command that waited for the write slot
 * of one that failed, a commit whose namespace cannot be loaded, a copy beside a collector.
 *
 * The simulator's worlds meet these so seldom that each has a story of its own here.
 */
#include "cmd/command_int.h"
#include "handle_util.h"

static const char insert_a[] = "{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\", \"n\": 1}]}";
static const char insert_b[] = "{\"insert\": \"t\", \"documents\": [{\"$id\": \"b\", \"n\": 1}]}";
static const char get_a[] = "{\"get\": \"t/a\"}";
static const char inc_a[] = "{\"update\": \"t/a\", \"ops\": {\"$inc\": {\"n\": 1}}}";
static const char inc_b[] = "{\"update\": \"t/b\", \"ops\": {\"$inc\": {\"n\": 1}}}";
static const char flush[] = "{\"flush\": 1}";
static const char vacuum[] = "{\"vacuum\": 1, \"minAge\": \"0\"}";
static const char verify[] = "{\"verify\": 1}";

static pq_memory_store *begin(handle *h) {
  pq_memory_store *store = pq_memory_store_new();
  hook.left = fault.left = 0;
  hook.other = NULL;
  open_handle(h, store, true);
  CHECK(run(h, insert_a, NULL, 0) == PQ_OK);
  return store;
}

static void must(handle *h, const char *command) {
  int rc = run(h, command, NULL, 0);
  if (rc != PQ_OK) fprintf(stderr, "%s: %s\n", command, message);
  CHECK(rc == PQ_OK);
}

static pq_command *open_command(handle *h, const char *text) {
  pq_command *c = NULL;
  CHECK(pq_command_open(&h->db, PQ_SLICE("n"), pq_str(text), (pq_slice){0}, now_us, &c) == PQ_OK);
  return c;
}

/* ---- two writers ---- */

/* The files of a bulk write rest on the columns and ids that it gave its collection: an older
 * writer must not give them to another one behind its back, so a fence comes first. */
static void test_bulk_before_older_writer(void) {
  handle old, new, reader;
  pq_memory_store *store = begin(&old);
  open_handle(&new, store, true);
  new.db.thresholds.bulk = 1;
  must(&new, "{\"insert\": \"v\", \"documents\": [{\"$id\": \"x\", \"m\": \"one\"}]}");
  CHECK(run(&old, flush, NULL, 0) == PQ_EFENCED);
  open_handle(&reader, store, false);
  CHECK(has(&reader, "{\"get\": \"v/x\"}", "\"m\":\"one\""));
  CHECK(has(&reader, get_a, "\"n\":1"));
  must(&new, flush);
  CHECK(has(&reader, "{\"find\": \"v\", \"filter\": {\"m\": \"one\"}}", "\"m\":\"one\""));
  CHECK(!has(&reader, verify, "problem"));
  close_handle(&reader);
  close_handle(&new);
  close_handle(&old);
  pq_memory_store_free(store);
}

/* An older writer's flush comes between the load of the new one and its fence, which takes the next
 * place then. */
static void test_flush_before_the_fence(void) {
  static const char bulk[] = "{\"insert\": \"v\", \"documents\": [{\"$id\": \"x\", \"m\": 1}]}";
  static const char *const firsts[] = {flush, bulk, "{\"retention\": {\"age\": \"1d\"}}"};
  for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
    handle old, new;
    pq_memory_store *store = begin(&old);
    open_handle(&new, store, true);
    new.db.thresholds.bulk = 1;
    must(&new, "{\"count\": \"nothing\"}");
    CHECK(run(&old, flush, NULL, 0) == PQ_EFENCED); /* its entries are there */
    must(&new, firsts[i]);
    CHECK(has(&new, get_a, "\"n\":1"));
    must(&new, flush);
    CHECK(!has(&new, verify, "problem"));
    close_handle(&new);
    close_handle(&old);
    pq_memory_store_free(store);
  }
}

/* An older writer compacts and collects behind what the new one has read: its files are gone, and
 * it looks at the log once more. */
static void test_files_gone_behind_a_writer(void) {
  handle old, new;
  pq_memory_store *store = begin(&old);
  must(&old, flush);
  must(&old, inc_a);
  must(&old, flush);
  open_handle(&new, store, true);
  must(&new, "{\"count\": \"nothing\"}"); /* it has loaded the log, and no file */
  must(&old, "{\"compact\": \"t\"}");
  must(&old, vacuum);
  CHECK(has(&new, get_a, "\"n\":2"));
  must(&new, inc_a);
  must(&new, flush);
  CHECK(has(&new, get_a, "\"n\":3"));
  CHECK(!has(&new, verify, "problem"));
  close_handle(&new);
  close_handle(&old);
  pq_memory_store_free(store);
}

/* ---- two commands of one process ---- */

/* The flush that has the write slot stores its entry and is not told. Who waited for the slot must
 * learn of that entry before it puts one of its own. */
static void test_slot_of_one_that_failed(void) {
  handle h;
  pq_memory_store *store = begin(&h);
  pq_command *flushing, *waiting;
  pq_io_req r;
  int rc;
  h.db.steps_all = true;
  must(&h, flush);
  must(&h, inc_a);
  flushing = open_command(&h, flush);
  CHECK(pq_command_step(flushing, now_us) == PQ_NEED_IO); /* it has the slot */
  waiting = open_command(&h, "{\"retention\": {\"age\": \"1d\"}}");
  CHECK(step(&h, waiting, NULL, 0) == PQ_OK);
  CHECK(pq_command_is_waiting(waiting));
  hook.part = "n/log/";
  hook.what = LOSE_REPLY;
  hook.left = 100;
  fault.kind = PQ_IO_GET;
  fault.part = "n/log/";
  fault.left = 100;
  do
    while (pq_fetch_take(pq_command_fetch(flushing), &r))
      serve(&h, pq_command_fetch(flushing), &r);
  while ((rc = step(&h, flushing, NULL, 0)) == PQ_NEED_IO);
  CHECK(rc == PQ_EIO);
  pq_command_close(flushing);
  hook.left = fault.left = 0;
  rc = step(&h, waiting, NULL, 0);
  if (rc != PQ_OK) fprintf(stderr, "%s\n", h.cx.msg);
  CHECK(rc == PQ_OK && pq_command_is_done(waiting));
  CHECK(waiting->starts == 0); /* it knew, and had not to be told by the log */
  pq_command_close(waiting);
  CHECK(has(&h, get_a, "\"n\":2"));
  CHECK(!has(&h, verify, "problem"));
  close_handle(&h);
  pq_memory_store_free(store);
}

/* However a commit ends, its transaction has ended with it, and holds nothing any more: here the
 * namespace cannot be loaded, so that the commit does not even begin. */
static void test_commit_that_cannot_begin(void) {
  handle h;
  pq_memory_store *store = begin(&h);
  must(&h, insert_b);
  must(&h, "{\"begin\": 1}");
  must(&h, "{\"update\": \"t/a\", \"ops\": {\"$inc\": {\"n\": 5}}, \"txn\": 1}");
  fault.kind = PQ_IO_HOT;
  fault.hot_op = PQ_HOT_APPEND;
  fault.part = "n";
  fault.left = 1;
  CHECK(run(&h, inc_b, NULL, 0) == PQ_EIO); /* unclear: the tail has to be read again */
  fault.hot_op = PQ_HOT_READ;
  fault.left = 1;
  CHECK(run(&h, "{\"commit\": 1}", NULL, 0) == PQ_EIO);
  CHECK(fault.left == 0);
  must(&h, inc_a);
  CHECK(has(&h, get_a, "\"n\":2"));
  close_handle(&h);
  pq_memory_store_free(store);
}

/* A load that has to forget what others are reading waits for them. */
static void test_load_waits_for_reads(void) {
  handle a, reader;
  pq_memory_store *store = begin(&a);
  pq_command *reading, *loading;
  char text[600];
  must(&a, flush);
  open_handle(&reader, store, false);
  reader.db.steps_all = true;
  reading = open_command(&reader, "{\"find\": \"t\"}");
  while (pq_command_step(reading, now_us) == PQ_NEED_IO && reader.db.spaces[0]->reader_count == 0)
    pq_driver_run(reader.driver, pq_command_fetch(reading));
  CHECK(reader.db.spaces[0]->reader_count == 1);
  pq_memory_store_set_clock(store, 1, true);
  must(&a, inc_a);
  must(&a, flush);
  must(&a, vacuum); /* the entries that the reader would go on with are gone */
  loading = open_command(&reader, get_a);
  CHECK(step(&reader, loading, NULL, 0) == PQ_OK);
  CHECK(pq_command_is_waiting(loading));
  for (int i = 0; i < 3; i++) { /* it asks for nothing meanwhile, so that a driver sees it wait */
    CHECK(pq_command_step(loading, now_us) == PQ_OK);
    CHECK(pq_command_is_waiting(loading));
  }
  pq_command_close(reading);
  CHECK(step(&reader, loading, text, sizeof text) == PQ_OK && pq_command_is_done(loading));
  CHECK(strstr(text, "\"n\":2") != NULL);
  pq_command_close(loading);
  close_handle(&reader);
  close_handle(&a);
  pq_memory_store_free(store);
}

/* An instant is made of a row and the events behind it. Another command of the process learns that
 * these were dropped, while the first one looks for them. */
static void test_history_dropped_beside_a_read(void) {
  handle a, reader;
  pq_memory_store *store = begin(&a);
  pq_command *reading;
  bool is_dropped = false;
  int rc;
  must(&a, flush);
  must(&a, inc_a);
  must(&a, inc_a);
  must(&a, flush);
  open_handle(&reader, store, false);
  CHECK(has(&reader, "{\"get\": \"t/a\", \"asOf\": \"seq:2\"}", "\"n\":2"));
  close_handle(&reader);
  open_handle(&reader, store, false);
  reading = open_command(&reader, "{\"get\": \"t/a\", \"asOf\": \"seq:2\"}");
  while ((rc = pq_command_step(reading, now_us)) == PQ_NEED_IO) {
    pq_io_req r;
    while (pq_fetch_take(pq_command_fetch(reading), &r)) {
      if (!is_dropped && r.kind == PQ_IO_READ && strstr(r.key, "/indexes/") != NULL) {
        is_dropped = true;
        must(&a, "{\"retention\": {\"bytes\": 1}}");
        must(&a, "{\"vacuum\": 1}");
        must(&reader, "{\"count\": \"t\"}");
        CHECK(reader.db.spaces[0]->manifest.history.seq == 3);
      }
      serve(&reader, pq_command_fetch(reading), &r);
    }
  }
  CHECK(is_dropped && rc == PQ_EHISTORY);
  pq_command_close(reading);
  close_handle(&reader);
  close_handle(&a);
  pq_memory_store_free(store);
}

/* ---- copies ---- */

enum { NAMES_MAX = 64, NAME_CAP = 120 };

static char names[NAMES_MAX][NAME_CAP]; /* of the files that a copy is made of */
static int name_count;
static char checkpoint[20000]; /* its text */

static void take_copy(pq_command *c) {
  pq_value item, body;
  pq_slice text;
  while (pq_command_next(c, &item)) {
    if (!pq_value_string(pq_object_get_str(item, "object"), &text)) continue;
    body = pq_object_get_str(item, "body");
    CHECK(name_count < NAMES_MAX && text.n < NAME_CAP);
    if (pq_value_is_missing(body))
      snprintf(names[name_count++], NAME_CAP, "%.*s", (int)text.n, (const char *)text.p);
    else if (pq_value_binary(body, &text))
      snprintf(checkpoint, sizeof checkpoint, "%.*s", (int)text.n, (const char *)text.p);
  }
}

/* The copy's next items. */
static int step_copy(handle *h, pq_command *c) {
  int rc;
  while ((rc = pq_command_step(c, now_us)) == PQ_NEED_IO)
    pq_driver_run(h->driver, pq_command_fetch(c));
  if (rc == PQ_OK) take_copy(c);
  return rc;
}

static int count_missing(handle *h) {
  int missing = 0;
  for (int i = 0; i < name_count; i++) {
    pq_fetch f;
    pq_stat stat;
    pq_fetch_init(&f, &h->cx);
    (void)!pq_fetch_stat(&f, names[i], &stat);
    pq_driver_run(h->driver, &f);
    missing += pq_fetch_stat(&f, names[i], &stat) != PQ_OK;
    pq_fetch_release(&f);
  }
  return missing;
}

/* A collector looks for pins, then a copy puts its own and finds the newest entry unchanged, then
 * the collector's entry lands, by which files go that the copy has still to read. */
static void test_pin_behind_the_survey(void) {
  handle a, b;
  pq_memory_store *store = begin(&a);
  pq_command *collecting, *copying = NULL;
  pq_io_req r;
  int rc;
  must(&a, flush);
  must(&a, inc_a);
  must(&a, flush);
  must(&a, "{\"compact\": \"\"}"); /* older instants have files of their own */
  open_handle(&b, store, false);
  name_count = 0;
  collecting = open_command(&a, vacuum);
  while ((rc = pq_command_step(collecting, now_us)) == PQ_NEED_IO)
    while (pq_fetch_take(pq_command_fetch(collecting), &r)) {
      if (copying == NULL && r.kind == PQ_IO_PUT_NEW && strstr(r.key, "n/log/") != NULL) {
        copying = open_command(&b, "{\"backup\": 1}");
        CHECK(step_copy(&b, copying) == PQ_OK);
        CHECK(name_count > 3);
      }
      serve(&a, pq_command_fetch(collecting), &r);
    }
  CHECK(rc == PQ_OK && copying != NULL);
  pq_command_close(collecting);
  CHECK(count_missing(&b) == 0);
  must(&a, vacuum); /* this one sees the pin */
  CHECK(count_missing(&b) == 0);
  while (rc == PQ_OK && !pq_command_is_done(copying))
    rc = step_copy(&b, copying);
  CHECK(rc == PQ_OK);
  pq_command_close(copying);
  must(&a, vacuum); /* it has been taken away */
  CHECK(count_missing(&b) > 0);
  CHECK(!has(&a, verify, "problem"));
  close_handle(&b);
  close_handle(&a);
  pq_memory_store_free(store);
}

/* In one process: the instants that the copy's checkpoint names are forgotten while it is made. */
static void test_marks_forgotten_beside_a_copy(void) {
  handle a;
  pq_memory_store *store = begin(&a);
  pq_command *copying;
  pq_manifest copy;
  pq_slice text;
  int rc;
  a.db.steps_all = true;
  must(&a, flush);
  must(&a, inc_a);
  must(&a, flush);
  must(&a, inc_a);
  must(&a, flush);
  must(&a, "{\"compact\": \"t\"}");
  name_count = 0;
  fault.kind = PQ_IO_PUT_IF; /* it gets no pin */
  copying = open_command(&a, "{\"backup\": 1, \"asOf\": \"seq:1\"}");
  fault.part = "n/pins/";
  fault.left = 100;
  checkpoint[0] = '\0';
  while ((rc = pq_command_step(copying, now_us)) == PQ_NEED_IO) {
    pq_io_req r;
    while (pq_fetch_take(pq_command_fetch(copying), &r)) {
      if (r.kind == PQ_IO_READ && strstr(r.key, "/events/") != NULL && fault.left > 0) {
        fault.left = 0;
        must(&a, vacuum); /* while it looks for the link of its chain */
        CHECK(a.db.spaces[0]->manifest.marks[0].entry > 2);
      }
      serve(&a, pq_command_fetch(copying), &r);
    }
  }
  CHECK(rc == PQ_OK && fault.left == 0);
  take_copy(copying);
  while (rc == PQ_OK && !pq_command_is_done(copying))
    rc = step_copy(&a, copying);
  CHECK(rc == PQ_OK);
  pq_command_close(copying);
  pq_manifest_init(&copy, &a.cx);
  text = pq_str(checkpoint);
  CHECK(pq_manifest_parse(&copy, "n/ckpt/00000000000000000002", text) == PQ_OK);
  CHECK(copy.mark_count == 2 && copy.seq_hi == 1);
  pq_manifest_release(&copy);
  close_handle(&a);
  pq_memory_store_free(store);
}

/* A copy that begins where history was dropped goes on with the link of the chain that the log
 * kept, as the event that had it is gone. */
static void test_copy_from_where_history_begins(void) {
  handle a;
  pq_memory_store *store = begin(&a);
  pq_command *copying;
  const char *own, *kept;
  char text[80];
  int rc = PQ_OK;
  must(&a, flush);
  must(&a, inc_a);
  must(&a, flush);
  must(&a, "{\"retention\": {\"bytes\": 1}}");
  must(&a, vacuum);
  must(&a, inc_a);
  must(&a, flush);
  CHECK(a.db.spaces[0]->manifest.history.seq == 2);
  name_count = 0;
  checkpoint[0] = '\0';
  copying = open_command(&a, "{\"backup\": 1, \"asOf\": \"seq:2\"}");
  while (rc == PQ_OK && !pq_command_is_done(copying))
    rc = step_copy(&a, copying);
  CHECK(rc == PQ_OK);
  pq_command_close(copying);
  own = strstr(checkpoint, "\"hash\":");
  kept = strstr(checkpoint, "\"history\":");
  CHECK(own != NULL && kept != NULL && own < kept);
  if (own != NULL && kept != NULL && pq_digest_is_there()) {
    snprintf(text, sizeof text, "%.73s", own); /* "hash":" and 64 digits */
    CHECK(strncmp(text, "\"hash\":\"", 8) == 0 && strstr(kept, text) != NULL);
  }
  close_handle(&a);
  pq_memory_store_free(store);
}

int main(void) {
  RUN(test_bulk_before_older_writer);
  RUN(test_flush_before_the_fence);
  RUN(test_files_gone_behind_a_writer);
  RUN(test_slot_of_one_that_failed);
  RUN(test_commit_that_cannot_begin);
  RUN(test_load_waits_for_reads);
  RUN(test_history_dropped_beside_a_read);
  RUN(test_pin_behind_the_survey);
  RUN(test_marks_forgotten_beside_a_copy);
  RUN(test_copy_from_where_history_begins);
  return unit_end();
}
