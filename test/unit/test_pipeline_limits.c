/* Pipelines with little memory, and look-ups by `_id`, as commands over a store in memory.
 *
 *   each stage that keeps documents:  much memory ─┬─ the same results; temporary objects were used
 *                                     little ──────┘  or LIMIT_EXCEEDED that names the stage
 *
 *   random documents, files, changes: foreignField "_id" (ids are looked up) ─┬─ the same results
 *                                     foreignField "k", a copy of it (scans) ─┘
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "drive_util.h"
#include "port/drive_memory.h"
#include "value/json.h"

enum { TEXT_CAP = 1 << 20, DOCUMENTS = 1500, LITTLE = 1 << 16, WORLDS = 8, REFERENCES = 120 };

typedef struct bench {
  pq_cx cx;
  pq_memory_store *store;
  pq_driver *driver;
  pq_db db;
  pq_buf items; /* of the last command, one per line */
  uint32_t spilled;
  uint64_t requests, bytes, rounds; /* that it cost */
  uint64_t random;
  char text[TEXT_CAP];
  size_t len;
} bench;

static bench t;

static void bench_open(uint64_t random) {
  uint8_t seed[16] = {7};
  memset(&t, 0, sizeof t);
  unit_cx_init(&t.cx);
  pq_cx_init(&drive_cx, NULL, NULL);
  t.random = random;
  t.store = pq_memory_store_new();
  pq_buf_init(&t.items, &t.cx, 1u << 30);
  CHECK(pq_memory_open(t.store, PQ_OPEN_CREATE, &t.driver) == PQ_OK);
  CHECK(pq_db_init(&t.db, &t.cx, true, 0, seed) == PQ_OK);
}

static void bench_close(void) {
  pq_buf_release(&t.items);
  pq_db_release(&t.db);
  pq_driver_close(t.driver);
  pq_memory_store_free(t.store);
  CHECK(unit_live_len == 0);
}

static void serve(pq_fetch *f) {
  pq_io_req r;
  while (pq_fetch_take(f, &r)) {
    t.spilled += r.kind == PQ_IO_PUT_NEW && strncmp(r.key, "~tmp/", 5) == 0;
    t.driver->vt->serve(t.driver, f, &r);
  }
}

static int run(const char *text) {
  pq_command *c;
  pq_value v;
  int rc = pq_command_open(&t.db, PQ_SLICE("default"), pq_str(text), (pq_slice){0},
                           pq_driver_now_us(t.driver), &c);
  pq_buf_clear(&t.items);
  t.spilled = 0;
  while (rc >= 0 && !pq_command_is_done(c)) {
    rc = pq_command_step(c, pq_driver_now_us(t.driver));
    if (rc == PQ_NEED_IO) serve(pq_command_fetch(c));
    while (rc == PQ_OK && pq_command_next(c, &v)) {
      CHECK(pq_json_print(&t.items, v, PQ_JSON_CANONICAL) == PQ_OK);
      CHECK(pq_buf_put_str(&t.items, "\n") == PQ_OK);
    }
  }
  if (c != NULL) pq_command_cost(c, &t.requests, &t.bytes, &t.rounds);
  while (c != NULL && pq_command_abandon(c) == PQ_NEED_IO)
    serve(pq_command_fetch(c));
  pq_command_close(c);
  return rc;
}

/* ---- text ---- */

static void begin(const char *text) {
  t.len = 0;
  t.text[0] = 0;
  t.len = (size_t)snprintf(t.text, TEXT_CAP, "%s", text);
}

static void put(const char *format, ...) PQ_PRINTF(1, 2);
static void put(const char *format, ...) {
  va_list args;
  va_start(args, format);
  t.len += (size_t)vsnprintf(t.text + t.len, TEXT_CAP - t.len, format, args);
  va_end(args);
}

/* Xorshift. */
static uint32_t below(uint32_t n) {
  t.random ^= t.random << 13;
  t.random ^= t.random >> 7;
  t.random ^= t.random << 17;
  return (uint32_t)(t.random >> 33) % n;
}

/* ---- memory ---- */

static void insert_many(void) {
  begin("{\"insert\": \"t\", \"documents\": [");
  for (int i = 0; i < DOCUMENTS; i++)
    put("%s{\"_id\": %d, \"n\": %d, \"g\": %d, \"z\": %d, \"pad\": \"%0100d\"}", i > 0 ? "," : "",
        i, i * 7919 % DOCUMENTS, i % 40, i / 40, i);
  put("]}");
  CHECK(run(t.text) == PQ_OK);
  CHECK(run("{\"flush\": 1}") == PQ_OK);
}

/* The results with much memory and with little are the same, and something was spilled. */
static const char *const spilling[] = {
    "[{\"$sort\": {\"n\": 1}}]",
    "[{\"$group\": {\"_id\": \"$n\", \"p\": {\"$first\": \"$pad\"}, \"all\": {\"$push\": "
    "\"$g\"}}}]",
    "[{\"$bucket\": {\"groupBy\": \"$n\", \"boundaries\": [0, 10, 20], \"default\": -1, "
    "\"output\": "
    "{\"c\": {\"$sum\": 1}, \"p\": {\"$max\": \"$pad\"}}}}, {\"$unionWith\": {\"coll\": \"t\", "
    "\"pipeline\": [{\"$sort\": {\"pad\": -1}}]}}]",
    "[{\"$sortByCount\": {\"$concat\": [\"$pad\", \"x\"]}}]",
    "[{\"$bucketAuto\": {\"groupBy\": \"$n\", \"buckets\": 100, \"output\": {\"p\": {\"$push\": "
    "\"$pad\"}}}}]",
    "[{\"$setWindowFields\": {\"partitionBy\": \"$g\", \"sortBy\": {\"n\": 1}, \"output\": {\"s\": "
    "{\"$sum\": \"$z\", \"window\": {\"documents\": [\"unbounded\", \"current\"]}}}}}]",
    "[{\"$densify\": {\"field\": \"n\", \"range\": {\"step\": 0.5, \"bounds\": [0, 100]}}}]",
    "[{\"$fill\": {\"partitionBy\": \"$g\", \"sortBy\": {\"n\": 1}, \"output\": {\"q\": "
    "{\"method\": "
    "\"locf\"}, \"z\": {\"method\": \"linear\"}}}}]",
    "[{\"$facet\": {\"first\": [{\"$sort\": {\"n\": 1}}, {\"$limit\": 20}], \"sum\": [{\"$group\": "
    "{\"_id\": \"$g\", \"s\": {\"$sum\": \"$n\"}}}], \"few\": [{\"$skip\": 7}, {\"$limit\": 3}], "
    "\"none\": [{\"$match\": {\"n\": -1}}], \"count\": [{\"$count\": \"n\"}]}}]",
    "[{\"$match\": {\"g\": 0}}, {\"$lookup\": {\"from\": \"t\", \"localField\": \"g\", "
    "\"foreignField\": \"g\", \"as\": \"x\", \"pipeline\": [{\"$sort\": {\"n\": 1}}]}}, "
    "{\"$limit\": "
    "3}, {\"$unionWith\": {\"coll\": \"t\", \"pipeline\": [{\"$sort\": {\"pad\": -1}}]}}]"};

static void test_spill(void) {
  static char command[4096];
  bench_open(1);
  insert_many();
  for (size_t i = 0; i < sizeof spilling / sizeof *spilling; i++) {
    uint64_t much = t.cx.limits.sort_len_max;
    pq_slice expected, copy;
    bool is_good;
    snprintf(command, sizeof command, "{\"aggregate\": \"t\", \"pipeline\": %s}", spilling[i]);
    CHECK(run(command) == PQ_OK && t.items.len > 0 && t.spilled == 0);
    expected = pq_buf_slice(&t.items);
    copy = (pq_slice){malloc(expected.n), expected.n};
    memcpy((uint8_t *)(uintptr_t)copy.p, expected.p, expected.n);
    t.cx.limits.sort_len_max = LITTLE;
    is_good = run(command) == PQ_OK && t.spilled > 0 && pq_slice_eq(copy, pq_buf_slice(&t.items));
    CHECK(is_good);
    if (!is_good) fprintf(stderr, "  %s: %u spilled, %s\n", command, t.spilled, t.cx.msg);
    snprintf(command, sizeof command,
             "{\"aggregate\": \"t\", \"allowDiskUse\": false, \"pipeline\": %s}", spilling[i]);
    CHECK(run(command) == PQ_ELIMIT && strstr(t.cx.msg, "stage '$") != NULL);
    t.cx.limits.sort_len_max = much;
    free((void *)(uintptr_t)copy.p);
  }
  bench_close();
}

/* What must be in memory at once is bounded, and says so. */
static const struct bounded {
  const char *stage, *pipeline;
} bounded[] = {
    {"$group", "[{\"$group\": {\"_id\": null, \"all\": {\"$push\": \"$pad\"}}}]"},
    {"$bucketAuto",
     "[{\"$bucketAuto\": {\"groupBy\": \"$n\", \"buckets\": 1, \"output\": {\"p\": "
     "{\"$push\": \"$pad\"}}}}]"},
    {"$setWindowFields",
     "[{\"$setWindowFields\": {\"sortBy\": {\"n\": 1}, \"output\": {\"s\": "
     "{\"$sum\": \"$z\"}}}}]"},
    {"$facet", "[{\"$facet\": {\"all\": [{\"$match\": {}}]}}]"},
    {"$sample", "[{\"$sample\": {\"size\": 1400}}]"},
    {"$lookup",
     "[{\"$match\": {\"n\": 5}}, {\"$lookup\": {\"from\": \"t\", \"localField\": \"none\", "
     "\"foreignField\": \"none\", \"as\": \"x\"}}]"},
    {"$lookup",
     "[{\"$match\": {\"n\": 5}}, {\"$lookup\": {\"from\": \"t\", \"pipeline\": [], \"as\": "
     "\"x\"}}]"},
    {"$graphLookup",
     "[{\"$match\": {\"n\": 5}}, {\"$graphLookup\": {\"from\": \"t\", \"startWith\": "
     "null, \"connectFromField\": \"none\", \"connectToField\": \"none\", \"as\": "
     "\"x\"}}]"}};

static void test_bounded(void) {
  static char command[4096];
  bench_open(1);
  insert_many();
  t.cx.limits.sort_len_max = LITTLE;
  for (size_t i = 0; i < sizeof bounded / sizeof *bounded; i++) {
    int rc;
    snprintf(command, sizeof command, "{\"aggregate\": \"t\", \"pipeline\": %s}",
             bounded[i].pipeline);
    rc = run(command);
    CHECK(rc == PQ_ELIMIT && strstr(t.cx.msg, bounded[i].stage) != NULL);
    if (rc != PQ_ELIMIT) fprintf(stderr, "  %s: %d %s\n", command, rc, t.cx.msg);
  }
  bench_close();
}

/* What a search asked for is forgotten before it is too much. */
static void test_many_searches(void) {
  bench_open(1);
  insert_many();
  t.cx.limits.sort_len_max = LITTLE;
  CHECK(run("{\"aggregate\": \"t\", \"pipeline\": [{\"$project\": {\"n\": 1}}, {\"$graphLookup\": "
            "{\"from\": \"t\", \"startWith\": {\"$add\": [\"$n\", 0.5]}, \"connectFromField\": "
            "\"n\", \"connectToField\": \"_id\", \"as\": \"x\"}}, {\"$group\": {\"_id\": "
            "{\"$size\": \"$x\"}, \"c\": {\"$sum\": 1}}}]}") == PQ_OK);
  CHECK(strstr((const char *)t.items.p, "1500") != NULL);
  bench_close();
}

/* ---- by id ---- */

/* A value for `_id`; equal ones in several spellings. */
static void put_key(bool may_be_other) {
  uint32_t n = below(40);
  switch (below(may_be_other ? 12 : 8)) {
    case 0:
    case 1: put("%u", n); break;
    case 2: put("{\"$numberLong\": \"%u\"}", n); break;
    case 3: put("%u.0", n); break;
    case 4: put("%u.5", n); break;
    case 5: put("\"s%u\"", n); break;
    case 6: put("\"%s%u\"", n % 3 == 0 ? "~" : n % 3 == 1 ? "a/" : "p%", n); break;
    case 7: put("{\"$oid\": \"0123456789abcdef012345%02x\"}", n); break;
    case 8: put("{\"$date\": {\"$numberLong\": \"%u\"}}", n); break;
    case 9: put("{\"x\": %u}", n % 4); break;
    case 10: put("{\"$numberDecimal\": \"%u.25\"}", n % 4); break;
    default: put("%s", n % 2 ? "true" : "{\"$numberDecimal\": \"7\"}"); break;
  }
}

/* `_id` and `k` are the same value; `u` is in one document only. */
static void insert_foreign(uint32_t u, bool may_be_other) {
  char key[200];
  size_t from;
  begin("{\"insert\": \"f\", \"documents\": [{");
  from = t.len;
  put_key(may_be_other);
  snprintf(key, sizeof key, "%s", t.text + from);
  t.len = from;
  if (may_be_other && below(4) == 0) put("\"$id\": \"own%u\", ", u);
  if (below(20) > 0) put("\"_id\": %s, \"k\": %s, ", key, key);
  put("\"u\": %u, \"next\": [", u);
  for (uint32_t i = below(3); i > 0; i--)
    put_key(may_be_other), put("%s", i > 1 ? ", " : "");
  put("]}]}");
  (void)run(t.text); /* the id may be taken */
}

static void change_foreign(uint32_t u) {
  begin("{\"");
  put("%s\": \"f\", \"filter\": {\"u\": %u}", below(3) ? "updateOne" : "deleteOne", below(u + 1));
  if (strncmp(t.text + 2, "update", 6) == 0) put(", \"update\": {\"$inc\": {\"v\": 1}}");
  put("}");
  CHECK(run(t.text) == PQ_OK);
}

static void make_world(bool may_be_other) {
  uint32_t n = 20 + below(150);
  for (uint32_t u = 0; u < n; u++) {
    insert_foreign(u, may_be_other);
    if (below(4) == 0) change_foreign(u);
    if (below(50) == 0) CHECK(run("{\"flush\": 1}") == PQ_OK);
    if (below(150) == 0) CHECK(run("{\"compact\": \"f\"}") == PQ_OK);
  }
  begin("{\"insert\": \"t\", \"documents\": [");
  for (uint32_t i = 0; i < REFERENCES; i++) {
    uint32_t count = below(5);
    put("%s{\"_id\": %u", i > 0 ? ", " : "", i);
    if (count < 3) {
      put(", \"r\": "), put_key(below(9) == 0);
    } else if (count == 3) {
      put(", \"r\": ["), put_key(false), put(", "), put_key(below(9) == 0), put("]");
    } else if (below(3) == 0) {
      put(", \"r\": null");
    }
    put("}");
  }
  put("]}");
  CHECK(run(t.text) == PQ_OK);
  if (below(2)) CHECK(run("{\"flush\": 1}") == PQ_OK);
}

static const char *const joins[] = {
    "{\"$lookup\": {\"from\": \"f\", \"localField\": \"r\", \"foreignField\": \"%s\", \"as\": "
    "\"x\"}}",
    "{\"$lookup\": {\"from\": \"f\", \"localField\": \"r\", \"foreignField\": \"%s\", \"as\": "
    "\"x\", "
    "\"pipeline\": [{\"$match\": {\"u\": {\"$gt\": 9}}}]}}",
    "{\"$graphLookup\": {\"from\": \"f\", \"startWith\": \"$r\", \"connectFromField\": \"next\", "
    "\"connectToField\": \"%s\", \"as\": \"x\", \"depthField\": \"d\"}}",
    "{\"$graphLookup\": {\"from\": \"f\", \"startWith\": \"$r\", \"connectFromField\": \"next\", "
    "\"connectToField\": \"%s\", \"as\": \"x\", \"maxDepth\": 1, \"restrictSearchWithMatch\": "
    "{\"version\": 1}}}"};

/* `match`: which documents are joined. */
static bool is_same(const char *join, const char *match, const char *options) {
  static const char *const paths[] = {"_id", "k"};
  static char *texts[2];
  bool is_good;
  for (int i = 0; i < 2; i++) {
    begin("{\"aggregate\": \"t\"");
    put("%s, \"pipeline\": [{\"$match\": %s}, ", options, match);
    t.len += (size_t)snprintf(t.text + t.len, 600, join, paths[i]);
    put(", {\"$set\": {\"x\": {\"$sortArray\": {\"input\": \"$x\", \"sortBy\": {\"u\": 1}}}}}]}");
    CHECK(run(t.text) == PQ_OK);
    CHECK(pq_buf_put(&t.items, "", 1) == PQ_OK);
    texts[i] = malloc(t.items.len);
    memcpy(texts[i], t.items.p, t.items.len);
  }
  is_good = strcmp(texts[0], texts[1]) == 0;
  if (!is_good) fprintf(stderr, "  %s\n%s\n---\n%s\n", t.text, texts[0], texts[1]);
  free(texts[0]);
  free(texts[1]);
  return is_good;
}

static void test_by_id(void) {
  static const char *const options[] = {"", ", \"includeDeleted\": true", ", \"flushed\": true",
                                        ", \"collation\": {\"locale\": \"en\", \"strength\": 2}",
                                        ", \"plain\": true"};
  for (uint64_t world = 1; world <= WORLDS && unit_failed == 0; world++) {
    bench_open(world * 0x9e3779b97f4a7c15u);
    make_world(world % 2 == 0);
    for (size_t j = 0; j < sizeof joins / sizeof *joins; j++)
      for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        char match[40];
        CHECK(is_same(joins[j], "{}", options[k]));
        snprintf(match, sizeof match, "{\"_id\": %u}", below(REFERENCES));
        CHECK(is_same(joins[j], match, options[k]));
      }
    bench_close();
  }
}

/* What a look-up by `_id` reads of a large collection: pages of the ids and of their rows, which
 * are kept. A look-up by another path reads the column each time. */
static void test_by_id_cost(void) {
  static const char *const paths[] = {"_id", "n"};
  static char command[300];
  uint64_t first[2], again[2], bytes[2];
  bench_open(1);
  insert_many();
  for (int i = 0; i < 2; i++) {
    snprintf(command, sizeof command,
             "{\"aggregate\": 1, \"pipeline\": [{\"$documents\": [{\"r\": 77}]}, {\"$lookup\": "
             "{\"from\": \"t\", \"localField\": \"r\", \"foreignField\": \"%s\", \"as\": \"x\"}}]}",
             paths[i]);
    CHECK(run(command) == PQ_OK && strstr((const char *)t.items.p, "pad") != NULL);
    first[i] = t.requests;
    bytes[i] = t.bytes;
    CHECK(run(command) == PQ_OK);
    again[i] = t.requests;
  }
  CHECK(first[0] > 0 && again[0] == 0 && again[1] > 0);
  printf(
      "one look-up: by _id %llu requests, %llu bytes, then %llu; by another path %llu, %llu, "
      "then %llu\n",
      (unsigned long long)first[0], (unsigned long long)bytes[0], (unsigned long long)again[0],
      (unsigned long long)first[1], (unsigned long long)bytes[1], (unsigned long long)again[1]);
  bench_close();
}

int main(void) {
  RUN(test_spill);
  RUN(test_bounded);
  RUN(test_many_searches);
  RUN(test_by_id);
  RUN(test_by_id_cost);
  return unit_end();
}
