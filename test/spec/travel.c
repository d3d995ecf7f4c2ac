/* test/spec/travel.c - random histories, then revert, diff and replay held against reads as of
 * then.
 *
 *   random commands, flushes, compactions ─► a random event S
 *     revert t to S   ─► find and related now = find and related as of S; diff since S: nothing
 *     replay all      ─► into another namespace, in pages of a few events: the same now, entity by
 *                        entity the same versions' documents; again: nothing happens
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec_db.h"
#include "spec_suites.h"
#include "value/json.h"

enum { COMMANDS = 60, IDS = 6, PAGE = 7, PAGES_MAX = 1000 };

typedef struct travel {
  spec_db db;
  uint64_t seed, random;
  bool has_failed;
} travel;

static uint32_t below(travel *t, uint32_t n) {
  t->random = t->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(t->random >> 33) % n;
}

static void expect(travel *t, bool is_so, const char *what, const char *a, const char *b) {
  if (is_so) return;
  t->has_failed = true;
  fprintf(stderr, "travel, seed %llu: %s\n  %s\n  %s\n", (unsigned long long)t->seed, what, a, b);
}

/* Run a command; one that is refused is fine, as random ones are. */
static void try(travel *t, char *command) {
  spec_reply r;
  t->db.now_us += 1000000;
  spec_run(&t->db, pq_str(command), (pq_slice){0}, &r);
  if (r.rc == PQ_ECORRUPT || r.rc == PQ_EIO)
    expect(t, false, "a command failed", command, r.message);
  spec_reply_release(&r);
  free(command);
}

/* The items of a command that must succeed, without the summary. */
static char *items(travel *t, char *command) {
  char *text = spec_text(&t->db, command), *summary = strstr(text, "= {");
  if (summary != NULL) *summary = '\0';
  free(command);
  return text;
}

static uint64_t summary_number(travel *t, char *command, const char *payload, const char *name) {
  spec_reply r;
  int64_t n = 0;
  spec_run(&t->db, pq_str(command), pq_str(payload), &r);
  if (r.rc != PQ_OK) expect(t, false, "a command failed", command, r.message);
  (void)pq_value_i64(pq_object_get_str(r.summary, name), &n);
  spec_reply_release(&r);
  free(command);
  return (uint64_t)n;
}

/* ---- a history ---- */

static char *random_edge(travel *t, const char *verb) {
  return spec_format("{\"%s\": {\"from\": \"t/%u\", \"predicate\": \"p\", \"to\": \"%s/%u\"}}",
                     verb, below(t, IDS), below(t, 4) == 0 ? "u" : "t", below(t, IDS));
}

static char *random_command(travel *t) {
  uint32_t id = below(t, IDS), n = below(t, 1000);
  const char *coll = below(t, 4) == 0 ? "u" : "t";
  switch (below(t, 12)) {
    case 0:
    case 1:
    case 2:
      return spec_format("{\"insert\": \"%s\", \"documents\": [{\"$id\": \"%u\", \"n\": %u}]}",
                         coll, id, n);
    case 3:
    case 4:
      return spec_format("{\"update\": \"%s/%u\", \"ops\": {\"$set\": {\"n\": %u}}}", coll, id, n);
    case 5: return spec_format("{\"replace\": \"%s/%u\", \"document\": {\"m\": %u}}", coll, id, n);
    case 6: return spec_format("{\"delete\": \"%s/%u\"}", coll, id);
    case 7: return spec_format("{\"delete\": \"%s/%u\", \"hard\": true}", coll, id);
    case 8: return spec_format("{\"restore\": \"%s/%u\"}", coll, id);
    case 9: return random_edge(t, "link");
    case 10: return random_edge(t, below(t, 2) == 0 ? "unlink" : "link");
    default: return spec_format("%s", below(t, 4) == 0 ? "{\"compact\": \"\"}" : "{\"flush\": 1}");
  }
}

static uint64_t newest(travel *t) {
  return summary_number(t, spec_format("{\"count\": \"t\"}"), "", "seq");
}

/* ---- revert ---- */

/* What t is like as of `when`: its entities, and who is related to whom in it. */
static char *picture(travel *t, const char *when) {
  char *all =
      items(t, spec_format("{\"find\": \"t\", \"sort\": {\"$id\": 1}, \"project\": {\"$id\": 1, "
                           "\"$type\": 1, \"n\": 1, \"m\": 1}%s}",
                           when));
  for (uint32_t i = 0; i < IDS; i++) {
    char *ends =
        items(t, spec_format("{\"related\": \"t/%u\", \"predicate\": \"p\", \"filter\": "
                             "{\"$id\": {\"$regex\": \"^t/\"}}, \"project\": {\"$id\": 1}%s}",
                             i, when));
    char *more = spec_format("%s%u:\n%s", all, i, ends);
    free(all);
    free(ends);
    all = more;
  }
  return all;
}

static void check_revert(travel *t) {
  uint64_t seq = below(t, (uint32_t)newest(t) + 1);
  char *when = spec_format(", \"asOf\": \"seq:%llu\"", (unsigned long long)seq);
  char *then = picture(t, when), *now, *rest;
  t->db.now_us += 1000000;
  (void)summary_number(
      t, spec_format("{\"revert\": \"t\", \"to\": \"seq:%llu\"}", (unsigned long long)seq), "",
      "ok");
  now = picture(t, "");
  expect(t, strcmp(then, now) == 0, "a revert gives another state", then, now);
  rest =
      items(t, spec_format("{\"diff\": \"t\", \"from\": \"seq:%llu\"}", (unsigned long long)seq));
  expect(t, rest[0] == '\0', "a diff after a revert", rest, "");
  free(rest);
  free(when);
  free(then);
  free(now);
}

/* ---- replay ---- */

/* All events of the namespace into another one. */
static uint64_t replay(travel *t, const char *from, const char *into) {
  char *cursor = spec_format("seq:0");
  uint64_t count = 0;
  for (int page = 0; page < PAGES_MAX; page++) {
    char *command =
        spec_format("{\"events\": \"\", \"limit\": %d, \"cursor\": \"%s\"}", PAGE, cursor);
    spec_reply r;
    pq_slice next = {0};
    pq_buf lines;
    bool has_more = false;
    t->db.ns = from;
    spec_run(&t->db, pq_str(command), (pq_slice){0}, &r);
    free(command);
    pq_buf_init(&lines, spec_cx(), SIZE_MAX / 2);
    for (uint32_t i = 0; i < r.count; i++) {
      if (pq_json_print(&lines, r.items[i], PQ_JSON_CANONICAL) != PQ_OK ||
          pq_buf_put_byte(&lines, '\n') != PQ_OK)
        spec_die("out of memory");
    }
    (void)pq_value_string(pq_object_get_str(r.summary, "nextCursor"), &next);
    (void)pq_value_bool(pq_object_get_str(r.summary, "hasMore"), &has_more);
    free(cursor);
    cursor = spec_format("%.*s", (int)next.n, (const char *)next.p);
    if (pq_buf_put_byte(&lines, '\0') != PQ_OK) spec_die("out of memory");
    t->db.ns = into;
    t->db.now_us += 1000000;
    if (r.count > 0)
      count +=
          summary_number(t, spec_format("{\"replay\": 1}"), (const char *)lines.p, "replayedCount");
    pq_buf_release(&lines);
    spec_reply_release(&r);
    if (!has_more) break;
  }
  free(cursor);
  return count;
}

/* The documents that an entity had, one after the other. */
static char *documents(travel *t, uint32_t id) {
  return items(
      t, spec_format("{\"history\": \"t/%u\", \"filter\": {\"op\": {\"$ne\": \"DELETE\"}}}", id));
}

static void check_replay(travel *t) {
  char *there, *here = picture(t, "");
  uint64_t count = replay(t, "default", "copy");
  there = picture(t, "");
  expect(t, strcmp(here, there) == 0, "a replay gives another state", here, there);
  expect(t, count == newest(t), "not all events are of the replay", "", "");
  for (uint32_t i = 0; i < IDS; i++) {
    char *copied = documents(t, i), *own;
    uint64_t copies = 0, owns = 0;
    t->db.ns = "default";
    own = documents(t, i);
    t->db.ns = "copy";
    for (const char *p = copied; (p = strstr(p, "\"after\":")) != NULL; p++)
      copies++;
    for (const char *p = own; (p = strstr(p, "\"after\":")) != NULL; p++)
      owns++;
    expect(t, copies == owns, "a replay makes other versions", copied, own);
    free(copied);
    free(own);
  }
  t->db.ns = "default";
  free(here);
  free(there);
}

static void run_one(travel *t) {
  spec_start(&t->db, below(t, 2) == 0 ? SPEC_MEMORY : SPEC_SHUFFLE, t->seed);
  for (int i = 0; i < COMMANDS; i++)
    try(t, random_command(t));
  check_revert(t);
  for (int i = 0; i < COMMANDS / 4; i++)
    try(t, random_command(t));
  check_revert(t);
  check_replay(t);
  expect(t, summary_number(t, spec_format("{\"verify\": 1}"), "", "problems") == 0, "verify", "",
         "");
  if (spec_end(&t->db) != 0) expect(t, false, "memory leaked", "", "");
}

void spec_travel_run(uint64_t first, uint64_t count, uint64_t *passed, uint64_t *failed) {
  for (uint64_t seed = first; seed < first + count; seed++) {
    travel t = {.seed = seed, .random = seed * UINT64_C(0x9e3779b97f4a7c15)};
    run_one(&t);
    ++*(t.has_failed ? failed : passed);
  }
}
