/* Links between namespaces where things go wrong: a process ends between the two commits, two
 * processes write, somebody writes nonsense to refs. The link is always there; what is told about
 * it is made right by {"refs": "rebuild"}.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/refs.h"
#include "drive_util.h"
#include "port/drive_memory.h"
#include "unit.h"
#include "value/json.h"

typedef struct process {
  pq_cx cx;
  pq_driver *driver;
  pq_db db;
  char summary[1 << 12];
  uint32_t items;
} process;

static void begin_process(process *p, pq_memory_store *store, uint8_t seed) {
  uint8_t seeds[16] = {seed};
  *p = (process){0};
  unit_cx_init(&p->cx);
  CHECK(pq_memory_open(store, PQ_OPEN_CREATE, &p->driver) == PQ_OK);
  CHECK(pq_db_init(&p->db, &p->cx, true, 0, seeds) == PQ_OK);
}

static void end_process(process *p) {
  pq_db_release(&p->db);
  pq_driver_close(p->driver);
}

static void serve(process *p, pq_fetch *f) {
  pq_io_req r;
  while (pq_fetch_take(f, &r))
    p->driver->vt->serve(p->driver, f, &r);
}

static int open_command(process *p, const char *ns, const char *text, bool is_inner,
                        pq_command **c) {
  int64_t now = pq_driver_now_us(p->driver);
  if (is_inner) return pq_command_open_inner(&p->db, pq_str(ns), pq_str(text), NULL, NULL, now, c);
  return pq_command_open(&p->db, pq_str(ns), pq_str(text), (pq_slice){0}, now, c);
}

static void keep_summary(process *p, const pq_command *c) {
  pq_buf b;
  pq_buf_init(&b, &p->cx, sizeof p->summary - 1);
  CHECK(pq_json_print(&b, pq_command_summary(c), PQ_JSON_RELAXED) == PQ_OK);
  memcpy(p->summary, b.p, b.len);
  p->summary[b.len] = '\0';
  pq_buf_release(&b);
}

/* As a user, or as a link does. */
static int run_as(process *p, const char *ns, const char *text, bool is_inner) {
  pq_command *c = NULL;
  pq_value v;
  int rc = open_command(p, ns, text, is_inner, &c);
  p->items = 0;
  p->summary[0] = '\0';
  while (rc >= 0 && !pq_command_is_done(c)) {
    rc = pq_command_step(c, pq_driver_now_us(p->driver));
    if (rc == PQ_NEED_IO) serve(p, pq_command_fetch(c));
    while (rc == PQ_OK && pq_command_next(c, &v))
      p->items++;
  }
  if (rc == PQ_OK) keep_summary(p, c);
  if (rc != PQ_OK) fprintf(stderr, "%s: %s\n", text, p->cx.msg);
  pq_command_close(c);
  return rc;
}

static int run(process *p, const char *ns, const char *text) {
  return run_as(p, ns, text, false);
}

static bool says(const process *p, const char *text) {
  if (strstr(p->summary, text) != NULL) return true;
  fprintf(stderr, "%s: not in %s\n", text, p->summary);
  return false;
}

static const char LINK[] =
    "{\"link\": {\"from\": \"posts/p1\", \"predicate\": \"author\", \"to\": \"far/users/u1\"}}";
static const char ENTERING[] = "{\"related\": \"users/u1\", \"direction\": \"reverse\"}";

static void make(process *p) {
  CHECK(run(p, "default", "{\"insert\": \"posts\", \"documents\": [{\"$id\": \"p1\"}]}") == PQ_OK);
  CHECK(run(p, "far", "{\"insert\": \"users\", \"documents\": [{\"$id\": \"u1\"}]}") == PQ_OK);
}

/* The process ends when so many requests of the second commit were served. */
static bool crash_at(pq_memory_store *store, unsigned at) {
  process p;
  pq_command *c = NULL;
  unsigned served = 0;
  int rc;
  begin_process(&p, store, 1);
  make(&p);
  rc = open_command(&p, "default", LINK, false, &c);
  while (rc >= 0 && !pq_command_is_done(c)) {
    rc = pq_command_step(c, pq_driver_now_us(p.driver));
    if (rc == PQ_NEED_IO && c->inner != NULL && served++ == at) break;
    if (rc == PQ_NEED_IO) serve(&p, pq_command_fetch(c));
  }
  CHECK(rc >= 0);
  pq_command_close(c);
  end_process(&p);
  return rc == PQ_NEED_IO;
}

/* After the restart the link is there, and perhaps nobody beyond knows: a rebuild tells. */
static void test_crash(void) {
  bool has_crashed = true;
  unsigned at = 0, behind = 0;
  for (; has_crashed; at++) {
    pq_memory_store *store = pq_memory_store_new();
    process p;
    has_crashed = crash_at(store, at);
    begin_process(&p, store, 2);
    CHECK(run(&p, "default", "{\"related\": \"posts/p1\"}") == PQ_OK && p.items == 1);
    CHECK(run(&p, "far", ENTERING) == PQ_OK);
    behind += p.items == 0;
    CHECK(run(&p, "default", "{\"refs\": \"check\"}") == PQ_OK);
    CHECK(p.items > 0 || says(&p, "\"links\":1"));
    CHECK(run(&p, "default", "{\"refs\": \"rebuild\"}") == PQ_OK && says(&p, "\"stale\":0"));
    CHECK(run(&p, "far", ENTERING) == PQ_OK && p.items == 1);
    CHECK(run(&p, "default", "{\"refs\": \"check\"}") == PQ_OK);
    CHECK(says(&p, "\"links\":1") && says(&p, "\"missing\":0"));
    end_process(&p);
    pq_memory_store_free(store);
  }
  CHECK(at > 2 && behind > 0 && behind < at);
  CHECK(unit_live_len == 0);
}

/* Another process has become the writer of '_system'. */
static void test_two_writers(void) {
  pq_memory_store *store = pq_memory_store_new();
  process p, q;
  begin_process(&p, store, 1);
  begin_process(&q, store, 2);
  make(&p);
  CHECK(run(&p, "default", LINK) == PQ_OK && strstr(p.summary, "refs") == NULL);
  CHECK(run(&q, "other", "{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\"}]}") == PQ_OK);
  CHECK(
      run(&q, "other",
          "{\"link\": {\"from\": \"t/a\", \"predicate\": \"likes\", \"to\": \"far/users/u1\"}}") ==
      PQ_OK);
  CHECK(strstr(q.summary, "refs") == NULL);
  CHECK(run(&p, "default", "{\"unlink\": {\"from\": \"posts/p1\", \"predicate\": \"author\"}}") ==
        PQ_OK);
  CHECK(says(&p, "\"unlinkedCount\":1") && says(&p, "\"refs\":\"behind\""));
  CHECK(run(&p, "default", "{\"related\": \"posts/p1\"}") == PQ_OK && p.items == 0);
  end_process(&p);
  CHECK(run(&q, "default", "{\"refs\": \"check\"}") == PQ_OK && says(&q, "\"stale\":1"));
  CHECK(run(&q, "far", ENTERING) == PQ_OK && q.items == 1); /* what is stale is not shown */
  CHECK(run(&q, "default", "{\"refs\": \"rebuild\"}") == PQ_OK && says(&q, "\"stale\":1"));
  CHECK(run(&q, "default", "{\"refs\": \"check\"}") == PQ_OK && says(&q, "\"stale\":0"));
  end_process(&q);
  pq_memory_store_free(store);
}

/* Whoever wrote there: nothing is shown that is not so, and a rebuild removes it. */
static void test_hostile(void) {
  static const char NONSENSE[] =
      "{\"insert\": \"refs\", \"documents\": ["
      "{\"$id\": \"x\", \"fromNs\": \"default\", \"deleted\": false},"
      "{\"$id\": \"\\\"y\\\\\", \"fromNs\": \"default\", \"from\": \"posts/p1\", \"predicate\": "
      "\"p\", \"toNs\": \"far\", \"to\": \"users/u1\", \"reverse\": \"q\", \"seq\": 1, "
      "\"deleted\": "
      "false},"
      "{\"$id\": \"z\", \"fromNs\": \"default\", \"from\": 5, \"seq\": {\"$numberLong\": "
      "\"9223372036854775807\"}, \"deleted\": 1}]}";
  pq_memory_store *store = pq_memory_store_new();
  char text[1024], id[PQ_REF_ID_LEN + 1];
  pq_ref target = {.to = PQ_SLICE("far/users/u1")};
  const char *names[] = {"\"../x\"", "\"_system\"", "\"\"", "\"far\"", "\"nobody\"", "7"};
  process p;
  begin_process(&p, store, 1);
  make(&p);
  CHECK(run(&p, "default", LINK) == PQ_OK);
  CHECK(run(&p, "_system", NONSENSE) == PQ_EPERM);
  CHECK(run_as(&p, "_system", NONSENSE, true) == PQ_OK);
  pq_ref_id(&target, id);
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(text, sizeof text,
             "{\"insert\": \"refs\", \"documents\": [{\"$id\": \"%.32s%u\", \"fromNs\": %s, "
             "\"toNs\": \"far\", \"to\": \"users/u1\", \"deleted\": false}]}",
             id, i, names[i]);
    CHECK(run_as(&p, "_system", text, true) == PQ_OK);
  }
  CHECK(run(&p, "far", ENTERING) == PQ_OK && p.items == 1);
  CHECK(says(&p, "\"unreachable\":"));
  CHECK(run(&p, "default", "{\"refs\": \"check\"}") == PQ_OK);
  CHECK(says(&p, "\"links\":1,\"missing\":0,\"stale\":3"));
  CHECK(run(&p, "default", "{\"refs\": \"rebuild\"}") == PQ_OK && says(&p, "\"stale\":3"));
  CHECK(run(&p, "default", "{\"refs\": \"check\"}") == PQ_OK);
  CHECK(says(&p, "\"links\":1,\"missing\":0,\"stale\":0"));
  end_process(&p);
  pq_memory_store_free(store);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_crash);
  RUN(test_two_writers);
  RUN(test_hostile);
  return unit_end();
}
