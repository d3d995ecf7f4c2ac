/* Unit tests of db/verify_state.c, verify_index.c and verify_segment.c: files that are whole, with
 * CRCs that the log confirms, and that say something else than the events or the edges.
 *
 *   store a   the warehouse            entry 2 ── data, events, index
 *   store b   the same command, other document: its file of one kind takes the place of a's, and
 *             a's entry says so
 */
#include "cmd/command.h"
#include "log/manifest.h"
#include "port/drive_memory.h"
#include "unit.h"
#include "value/json.h"

typedef struct handle {
  pq_cx cx;
  pq_memory_store *store;
  pq_driver *driver;
  pq_db db;
} handle;

static char problem[2000];

static void open_handle(handle *h) {
  static uint8_t seed[16] = {1};
  CHECK(pq_memory_open(h->store, PQ_OPEN_CREATE, &h->driver) == PQ_OK);
  CHECK(pq_db_init(&h->db, &h->cx, true, 0, seed) == PQ_OK);
  h->db.thresholds.segment_edges = 1;
}

static void close_handle(handle *h) {
  pq_db_release(&h->db);
  pq_driver_close(h->driver);
}

/* Run a command; the last item's text into `problem`. */
static void run(handle *h, const char *command) {
  pq_command *c = NULL;
  pq_value item;
  int rc = pq_command_open(&h->db, PQ_SLICE("n"), pq_str(command), (pq_slice){0}, 1, &c);
  problem[0] = '\0';
  while (rc == PQ_OK && !pq_command_is_done(c)) {
    while ((rc = pq_command_step(c, 1)) == PQ_NEED_IO)
      pq_driver_run(h->driver, pq_command_fetch(c));
    while (rc == PQ_OK && pq_command_next(c, &item)) {
      pq_buf text;
      pq_buf_init(&text, &h->cx, 1 << 20);
      CHECK(pq_json_print(&text, item, PQ_JSON_RELAXED) == PQ_OK);
      snprintf(problem, sizeof problem, "%.*s", (int)text.len, (const char *)text.p);
      pq_buf_release(&text);
    }
  }
  CHECK(rc == PQ_OK);
  pq_command_close(c);
}

static void get(handle *h, pq_arena *arena, const char *key, pq_slice *out) {
  pq_slice body;
  pq_fetch f;
  int rc;
  pq_fetch_init(&f, &h->cx);
  while ((rc = pq_fetch_get(&f, key, 1 << 20, &body)) == PQ_NEED_IO)
    pq_driver_run(h->driver, &f);
  CHECK(rc == PQ_OK && pq_arena_copy(arena, body, out) == PQ_OK);
  pq_fetch_release(&f);
}

static void replace(handle *h, const char *key, pq_slice body) {
  pq_fetch f;
  int rc;
  pq_fetch_init(&f, &h->cx);
  while ((rc = pq_fetch_delete(&f, key)) == PQ_NEED_IO)
    pq_driver_run(h->driver, &f);
  CHECK(rc == PQ_OK);
  pq_fetch_clear(&f);
  while ((rc = pq_fetch_put_new(&f, key, body)) == PQ_NEED_IO)
    pq_driver_run(h->driver, &f);
  CHECK(rc == PQ_OK);
  pq_fetch_release(&f);
}

static void make(handle *h, const char *insert, const char *link) {
  *h = (handle){.store = pq_memory_store_new()};
  unit_cx_init(&h->cx);
  open_handle(h);
  run(h, insert);
  if (link != NULL) run(h, link);
  run(h, "{\"flush\": 1}");
}

static void read_entry(handle *h, pq_arena *arena, pq_log_entry *entry) {
  static const char key[] = "n/log/00000000000000000002";
  pq_slice text;
  get(h, arena, key, &text);
  CHECK(pq_log_entry_parse(arena, key, text, entry) == PQ_OK);
}

/* b's file of the kind takes the place of a's. */
static void forge(handle *a, handle *b, pq_file_kind kind) {
  pq_log_entry mine, other;
  pq_arena arena;
  pq_buf text;
  pq_arena_init(&arena, &a->cx, 16 << 20);
  read_entry(a, &arena, &mine);
  read_entry(b, &arena, &other);
  for (uint32_t i = 0; i < mine.add_count; i++)
    for (uint32_t k = 0; k < other.add_count; k++) {
      const char *name = mine.add[i].name;
      pq_slice body;
      if (mine.add[i].kind != kind || other.add[k].kind != kind) continue;
      get(b, &arena, pq_arena_printf(&arena, "n/%s", other.add[k].name), &body);
      replace(a, pq_arena_printf(&arena, "n/%s", name), body);
      mine.add[i] = other.add[k];
      mine.add[i].name = name;
    }
  pq_buf_init(&text, &a->cx, 1 << 20);
  CHECK(pq_log_entry_print(&mine, &text) == PQ_OK);
  replace(a, "n/log/00000000000000000002", pq_buf_slice(&text));
  pq_buf_release(&text);
  pq_arena_release(&arena);
  close_handle(a);
  open_handle(a);
}

static const char right[] =
    "{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\", \"n\": 1}, {\"$id\": \"b\"}]}";

static void check_links(const char *forged, const char *link, const char *forged_link,
                        pq_file_kind kind, const char *folder, const char *what) {
  handle a, b;
  make(&a, right, link);
  make(&b, forged, forged_link);
  run(&a, "{\"verify\": 1}");
  CHECK(problem[0] == '\0');
  forge(&a, &b, kind);
  run(&a, "{\"verify\": 1}");
  CHECK(strstr(problem, folder) != NULL);
  CHECK(strstr(problem, what) != NULL);
  close_handle(&a);
  close_handle(&b);
  pq_memory_store_free(a.store);
  pq_memory_store_free(b.store);
}

static void check(const char *forged, pq_file_kind kind, const char *folder, const char *what) {
  check_links(forged, NULL, NULL, kind, folder, what);
}

static void test_verify_forged_rows(void) {
  check("{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\", \"n\": 2}, {\"$id\": \"b\"}]}",
        PQ_FILE_DATA, "n/data/t/", "is not as its last event left it");
}

/* An index that leaves out the event of b. */
static void test_verify_forged_index(void) {
  check("{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\", \"n\": 1}, {\"$id\": \"c\"}]}",
        PQ_FILE_EVENT_INDEX, "n/indexes/events/", "are not those of the events of events/");
}

/* Events that say something else break the chain. */
static void test_verify_forged_events(void) {
  check("{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\", \"n\": 9}, {\"$id\": \"b\"}]}",
        PQ_FILE_EVENTS, "n/", "its");
}

/* The segment of an edge to another entity. */
static void test_verify_forged_segment(void) {
  check_links(right, "{\"link\": {\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/b\"}}",
              "{\"link\": {\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/a\"}}",
              PQ_FILE_ADJACENCY, "n/indexes/adjacency/", "does not say what the rows of");
}

int main(void) {
  RUN(test_verify_forged_rows);
  RUN(test_verify_forged_index);
  RUN(test_verify_forged_events);
  RUN(test_verify_forged_segment);
  return unit_end();
}
