/* test/spec/forecast.c - what `explain` predicts against what a counting store then sees.
 *
 *   a random warehouse: files of small row groups, deletes, blooms, a tail
 *     a random read ─► open anew, {"explain": "plan"}    ─► predicted, "exact" or "upper"
 *                  ─► open anew, the read itself         ─► counted: equal, or at most that
 *                  ─► open anew, {"explain": true}       ─► both in one item
 *                  ─► open anew, with a random budget    ─► refused, or within it
 *     values of _id and $id ─► answers by look-up equal those of ranges, which scan
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_text.h"
#include "spec_db.h"
#include "spec_suites.h"
#include "value/json.h"

enum { READS = 40 };

typedef struct forecast {
  spec_db db;
  random_text random;
  pq_buf command;
  uint64_t seed, exact, upper, refused, accepted;
  bool has_failed;
} forecast;

typedef struct numbers {
  uint64_t requests, bytes, rounds;
} numbers;

static void complain(forecast *t, const char *what, numbers told, numbers seen) {
  t->has_failed = true;
  fprintf(stderr,
          "forecast %llu: %s: told %llu requests %llu bytes %llu rounds, seen %llu %llu %llu\n"
          "  %.*s\n",
          (unsigned long long)t->seed, what, (unsigned long long)told.requests,
          (unsigned long long)told.bytes, (unsigned long long)told.rounds,
          (unsigned long long)seen.requests, (unsigned long long)seen.bytes,
          (unsigned long long)seen.rounds, (int)t->command.len, (const char *)t->command.p);
}

static uint64_t number_of(pq_value v, const char *name) {
  int64_t i = -1;
  if (pq_value_type(pq_object_get_str(v, name)) == PQ_TYPE_NULL) return UINT64_MAX;
  if (!pq_value_i64(pq_object_get_str(v, name), &i) || i < 0) spec_die("no number '%s'", name);
  return (uint64_t)i;
}

static numbers numbers_of(pq_value v) {
  return (numbers){number_of(v, "requests"), number_of(v, "bytes"), number_of(v, "rounds")};
}

/* ---- the warehouse ---- */

static void must_run(forecast *t, const char *command, pq_slice payload) {
  spec_reply r;
  t->db.now_us += 1000000;
  spec_run(&t->db, pq_str(command), payload, &r);
  if (r.rc != PQ_OK) spec_die("%s: %s", command, r.message);
  spec_reply_release(&r);
}

/* Which key an entity has: its id, an `_id` that gives it, one that does not (in some warehouses,
 * so that in others files are keyed). */
static void put_key(forecast *t, pq_buf *b, unsigned i) {
  unsigned n = random_below(&t->random, 40), kind = (unsigned)(t->seed / 2 % 3);
  if (kind == 0 || n == 0)
    random_put(b, "{\"$id\": \"k%05u\"", i);
  else if (kind == 2 && n == 1)
    random_put(b, "{\"$id\": \"k%05u\", \"_id\": \"k%05u\"", i, i / 2);
  else
    random_put(b, "{\"_id\": \"k%05u\"", i);
}

static void insert_batch(forecast *t, unsigned first, unsigned count, unsigned pad) {
  pq_buf b;
  pq_buf_init(&b, spec_cx(), SIZE_MAX / 2);
  for (unsigned i = first; i < first + count; i++) {
    put_key(t, &b, i);
    random_put(&b, ", \"n\": %u, \"even\": %s, \"word\": \"w%03u\"", i,
               i % 2 == 0 ? "true" : "false", random_below(&t->random, 200));
    if (random_chance(&t->random, 90)) random_put(&b, ", \"r\": %u", random_below(&t->random, 50));
    random_put(&b, ", \"pad\": \"");
    for (unsigned k = 0; k < pad; k++)
      random_put(&b, "%08x", random_below(&t->random, UINT32_MAX));
    random_put(&b, "\"}\n");
  }
  must_run(t, "{\"insert\": \"t\"}", (pq_slice){b.p, b.len});
  pq_buf_release(&b);
}

static void change_some(forecast *t, unsigned count) {
  for (unsigned i = random_below(&t->random, 8); i > 0; i--) {
    unsigned id = random_below(&t->random, count);
    bool is_hard = random_chance(&t->random, 50);
    char *command =
        random_chance(&t->random, 50)
            ? spec_format("{\"deleteMany\": \"t\", \"filter\": {\"$id\": \"t/k%05u\"}%s}", id,
                          is_hard ? ", \"hard\": true" : "")
            : spec_format(
                  "{\"updateMany\": \"t\", \"filter\": {\"$id\": \"t/k%05u\"}, "
                  "\"update\": {\"$set\": {\"r\": 7}}}",
                  id);
    must_run(t, command, (pq_slice){0});
    free(command);
  }
}

static void open_again(forecast *t) {
  static const uint32_t rows[] = {13, 100, 1000, 100000};
  if (spec_reopen(&t->db) != PQ_OK) spec_die("cannot open: %s", t->db.cx.msg);
  t->db.cx.limits.row_group_rows_max = rows[t->seed % 4];
  t->db.db.thresholds.segment_edges = t->seed / 4 % 2 == 0 ? 1 : 100000;
  t->db.faults = (spec_faults){.fail_at = UINT64_MAX}; /* serve one by one, and count */
}

/* Two groups of entities that edges lead to, a long tail of them from one; some edges are cut. */
static void make_edges(forecast *t, unsigned count) {
  spec_reply r;
  pq_buf b;
  pq_buf_init(&b, spec_cx(), SIZE_MAX / 2);
  for (unsigned i = 0; i < 30; i++)
    random_put(&b, "{\"$id\": \"u%02u\", \"n\": %u, \"kids\": [%u, %u]}\n", i, i, i + 1, 2 * i);
  must_run(t, "{\"insert\": \"u\"}", (pq_slice){b.p, b.len});
  pq_buf_clear(&b);
  random_put(&b, "{\"link\": [");
  for (unsigned i = 0; i < 150; i++)
    random_put(&b, "%s{\"from\": \"t/k%05u\", \"predicate\": \"%s\", \"to\": \"u/u%02u\"}",
               i == 0 ? "" : ", ",
               random_chance(&t->random, 20) ? 1 : random_below(&t->random, count),
               random_chance(&t->random, 50) ? "author" : "likes", random_below(&t->random, 30));
  random_put(&b, "]}%c", 0);
  spec_run(&t->db, pq_str((const char *)b.p), (pq_slice){0}, &r); /* an end may be deleted */
  spec_reply_release(&r);
  if (random_chance(&t->random, 80)) must_run(t, "{\"flush\": 1}", PQ_SLICE(""));
  must_run(t, "{\"deleteMany\": \"u\", \"filter\": {\"$id\": \"u/u07\"}}", PQ_SLICE(""));
  pq_buf_release(&b);
}

static unsigned make_warehouse(forecast *t) {
  static const unsigned pads[] = {1, 10, 60};
  unsigned batches = 1 + random_below(&t->random, 4), count = 0;
  spec_start(&t->db, SPEC_MEMORY, t->seed);
  open_again(t);
  for (unsigned i = 0; i < batches; i++) {
    unsigned n = 50 + random_below(&t->random, 500);
    insert_batch(t, count, n, pads[t->seed % 3]);
    count += n;
    if (i > 0) change_some(t, count);
    if (i + 1 < batches || random_chance(&t->random, 70))
      must_run(t, "{\"flush\": 1}", PQ_SLICE(""));
  }
  if (random_chance(&t->random, 40)) change_some(t, count);
  make_edges(t, count);
  if (random_chance(&t->random, 50)) must_run(t, "{\"flush\": 1}", PQ_SLICE(""));
  return count;
}

/* ---- reads ---- */

static void put_filter(forecast *t, unsigned count) {
  unsigned a = random_below(&t->random, count);
  static const char *const forms[] = {
      "{}",
      "{\"n\": %u}",
      "{\"n\": {\"$gt\": %u}}",
      "{\"n\": {\"$gte\": %u}, \"even\": true}",
      "{\"r\": {\"$lt\": %u}}",
      "{\"word\": \"w%03u\"}",
      "{\"word\": \"absent%u\"}",
      "{\"$or\": [{\"n\": %u}, {\"r\": 3}]}",
      "{\"n\": {\"$not\": {\"$gt\": %u}}}",
      "{\"pad\": {\"$exists\": true}, \"n\": {\"$lt\": %u}}",
      "{\"nothing\": %u}",
      "{\"$id\": {\"$gte\": \"t/k%05u\"}}",
      "{\"$id\": \"t/k%05u\"}",
      "{\"_id\": \"k%05u\"}",
      "{\"even\": true, \"_id\": {\"$in\": [\"k%05u\", \"k00007\", \"k00300\", \"absent\"]}}",
      "{\"$id\": {\"$in\": [\"t/k%05u\", \"t/k00010\", \"u/u01\", \"t/k00200\"]}}",
      "{\"$or\": [{\"_id\": \"k%05u\"}, {\"word\": \"w001\"}]}",
      "{\"_id\": {\"$ne\": \"k%05u\"}, \"n\": {\"$lt\": 20}}",
      "{\"word\": {\"$regex\": \"^w%u\"}}",
      "{\"n\": {\"$mod\": [%u, 1]}}",
  };
  const char *form = forms[random_below(&t->random, sizeof forms / sizeof *forms)];
  const char *at = strchr(form, '%');
  if (random_chance(&t->random, 15)) {
    random_put(&t->command, ", \"filter\": ");
    random_filter(&t->random, &t->command, 2);
    return;
  }
  if (at == NULL) return;
  random_put(&t->command, ", \"filter\": %.*s", (int)(at - form), form);
  if (at[1] == 'u')
    random_put(&t->command, "%u%s", a + 1, at + 2);
  else if (at[2] == '3')
    random_put(&t->command, "%03u%s", a % 200, at + 4);
  else
    random_put(&t->command, "%05u%s", a, at + 4);
}

static void put_options(forecast *t) {
  uint64_t last = t->db.db.spaces[0]->seq;
  if (random_chance(&t->random, 20)) random_put(&t->command, ", \"includeDeleted\": true");
  if (random_chance(&t->random, 10))
    random_put(&t->command, ", \"flushed\": true");
  else if (random_chance(&t->random, 10))
    random_put(&t->command, ", \"asOf\": \"seq:%u\"", 1 + random_below(&t->random, (uint32_t)last));
}

static void put_stage(forecast *t, unsigned count) {
  static const char *const stages[] = {
      "{\"$sort\": {\"n\": -1}}",
      "{\"$limit\": 7}",
      "{\"$skip\": 3}",
      "{\"$set\": {\"x\": {\"$add\": [\"$n\", 1]}}}",
      "{\"$project\": {\"n\": 1, \"r\": 1}}",
      "{\"$match\": {\"r\": {\"$gt\": 3}}}",
      "{\"$unwind\": \"$r\"}",
      "{\"$sample\": {\"size\": 5}}",
      "{\"$group\": {\"_id\": \"$r\", \"c\": {\"$sum\": 1}, \"m\": {\"$max\": \"$n\"}}}",
      "{\"$group\": {\"_id\": null, \"least\": {\"$min\": \"$n\"}, \"most\": {\"$max\": \"$n\"}}}",
      "{\"$sortByCount\": \"$even\"}",
      "{\"$count\": \"c\"}",
      "{\"$unionWith\": \"u\"}",
      "{\"$unionWith\": {\"coll\": \"t\", \"pipeline\": [{\"$match\": {\"n\": {\"$lt\": 50}}}]}}",
      "{\"$facet\": {\"a\": [{\"$count\": \"c\"}], \"b\": [{\"$limit\": 2}]}}",
      "{\"$lookup\": {\"from\": \"u\", \"localField\": \"n\", \"foreignField\": \"n\", \"as\": "
      "\"l\"}}",
      "{\"$lookup\": {\"from\": \"u\", \"pipeline\": [{\"$match\": {\"n\": 3}}], \"as\": \"l\"}}",
      "{\"$lookup\": {\"from\": \"u\", \"let\": {\"a\": \"$n\"}, \"pipeline\": [{\"$match\": "
      "{\"$expr\": "
      "{\"$eq\": [\"$n\", \"$$a\"]}}}], \"as\": \"l\"}}",
      "{\"$lookup\": {\"from\": \"t\", \"localField\": \"word\", \"foreignField\": \"$id\", "
      "\"as\": \"l\"}}",
      "{\"$graphLookup\": {\"from\": \"u\", \"startWith\": \"$n\", \"connectFromField\": \"kids\", "
      "\"connectToField\": \"n\", \"as\": \"g\", \"maxDepth\": 3}}",
  };
  (void)count;
  random_put(&t->command, ", %s", stages[random_below(&t->random, sizeof stages / sizeof *stages)]);
}

static void make_pipeline(forecast *t, unsigned count) {
  unsigned n = random_below(&t->random, 4);
  random_put(&t->command, "{\"aggregate\": \"t\", \"pipeline\": [{\"$match\": ");
  switch (random_below(&t->random, 4)) {
    case 0: random_put(&t->command, "{\"n\": {\"$lt\": %u}}}", random_below(&t->random, 60)); break;
    case 1: random_put(&t->command, "{\"even\": true}}"); break;
    case 2: random_filter(&t->random, &t->command, 2), random_put(&t->command, "}"); break;
    default: random_put(&t->command, "{}}"); break;
  }
  for (unsigned i = 0; i < n; i++)
    put_stage(t, count);
  random_put(&t->command, "]");
  put_options(t);
}

/* An id that edges may be at. */
static void put_end(forecast *t, unsigned count) {
  if (random_chance(&t->random, 40))
    random_put(&t->command, "\"u/u%02u\"", random_below(&t->random, 32));
  else
    random_put(&t->command, "\"t/k%05u\"",
               random_chance(&t->random, 50) ? 1 : random_below(&t->random, count + 20));
}

/* Which nodes and edges of a walk. */
static void put_walk(forecast *t) {
  if (random_chance(&t->random, 30)) random_put(&t->command, ", \"predicates\": [\"author\"]");
  if (random_chance(&t->random, 30)) random_put(&t->command, ", \"direction\": \"both\"");
  if (random_chance(&t->random, 30)) random_put(&t->command, ", \"filter\": {\"n\": {\"$gt\": 9}}");
  if (random_chance(&t->random, 30))
    random_put(&t->command, ", \"edgeFilter\": {\"version\": {\"$gt\": 0}}");
}

static void make_traverse(forecast *t, unsigned count) {
  static const char *const paths[] = {
      "[{\"predicate\": [\"likes\", \"author\"], \"min\": 1, \"max\": 3, \"direction\": \"both\"}]",
      "[{\"max\": 2, \"direction\": \"both\", \"filter\": {\"n\": {\"$lt\": 90}}}]",
      ("[\"likes\", {\"predicate\": \"likes\", \"direction\": \"reverse\", \"edgeFilter\": "
       "{\"version\": {\"$gt\": 0}}}]")};
  static const char *const returns[] = {"ends", "nodes", "edges", "paths", "ids", "count"};
  random_put(&t->command, "{\"traverse\": [");
  put_end(t, count);
  if (random_chance(&t->random, 40)) {
    random_put(&t->command, ", ");
    put_end(t, count);
  }
  random_put(&t->command, "], \"path\": %s", paths[random_below(&t->random, 3)]);
  if (random_chance(&t->random, 60))
    random_put(&t->command, ", \"return\": \"%s\"", returns[random_below(&t->random, 6)]);
  if (random_chance(&t->random, 20)) random_put(&t->command, ", \"limit\": 3");
  if (random_chance(&t->random, 20)) random_put(&t->command, ", \"filter\": {\"n\": {\"$gt\": 3}}");
}

static void make_path(forecast *t, unsigned count) {
  static const char *const more[] = {
      ", \"k\": 3", ", \"all\": true", ", \"return\": \"entities\"", ", \"weight\": \"version\"",
      ", \"weight\": \"version\", \"heuristic\": {\"property\": \"nothing\"}"};
  bool is_path = random_chance(&t->random, 60);
  random_put(&t->command, "{\"%s\": {\"from\": ", is_path ? "path" : "connected");
  put_end(t, count);
  random_put(&t->command, ", \"to\": ");
  put_end(t, count);
  random_put(&t->command, "}");
  put_walk(t);
  if (is_path && random_chance(&t->random, 60))
    random_put(&t->command, "%s", more[random_below(&t->random, 5)]);
}

static void make_whole(forecast *t) {
  static const char *const names[] = {"degree",    "pageRank",    "components",
                                      "triangles", "communities", "kCore"};
  static const char *const targets[] = {"", "t", "u"};
  random_put(&t->command, "{\"%s\": \"%s\"", names[random_below(&t->random, 6)],
             targets[random_below(&t->random, 3)]);
  if (random_chance(&t->random, 30)) random_put(&t->command, ", \"predicates\": [\"likes\"]");
  if (random_chance(&t->random, 30)) random_put(&t->command, ", \"limit\": 5");
}

static void make_match(forecast *t, unsigned count) {
  static const char *const forms[] = {
      "MATCH (a:t)-[:likes]->(b) RETURN count(*) AS n",
      "MATCH (a)-[:author]->(b)<-[:likes]-(c) RETURN count(*) AS n",
      "MATCH (a:u) WHERE a.n > %u RETURN a.n AS n",
      "MATCH (a:T) WHERE a.n > %u RETURN a.word, a.n",
      "MATCH (a:T {n: %u})-[:likes]->(b) RETURN a.word, b.n",
      "MATCH (a)-[:likes|author*1..2]->(b:u) WHERE b.n < 7 RETURN id(a), b.n ORDER BY b.n LIMIT 5",
      "MATCH (a)-[r:likes]->(b) WHERE r.version > 0 RETURN b.n, count(*) AS c",
      "MATCH (a)-[r:likes]->(b) RETURN r LIMIT 3",
      "MATCH (a:u) OPTIONAL MATCH (a)<-[:likes]-(b {even: true}) RETURN a.n, count(b) AS c",
      "MATCH (a) WHERE id(a) IN ['t/k%05u', 'u/u03', 'u/u07'] RETURN a.n",
      "MATCH (a)-->(b) WHERE id(a) = 't/k%05u' RETURN b",
      "MATCH (a:u) WHERE NOT (a)<-[:author]-({even: true}) RETURN id(a)",
      "MATCH p = (a:Nobody)-[*1..2]-(b) RETURN p",
      "MATCH (a:U)-[:likes]-(b:t|u) WHERE a.n < b.n RETURN count(*) AS n",
      "MATCH (a:u), (b:Nothing) RETURN a, b"};
  const char *form = forms[random_below(&t->random, sizeof forms / sizeof *forms)];
  const char *at = strchr(form, '%');
  random_put(&t->command, "{\"match\": \"");
  if (at == NULL)
    random_put(&t->command, "%s", form);
  else if (at[1] == 'u')
    random_put(&t->command, "%.*s%u%s", (int)(at - form), form, random_below(&t->random, count),
               at + 2);
  else
    random_put(&t->command, "%.*s%05u%s", (int)(at - form), form, random_below(&t->random, count),
               at + 4);
  random_put(&t->command, "\"");
}

/* Commands that go over the graph. */
static void make_walk(forecast *t, unsigned count) {
  uint64_t last = t->db.db.spaces[0]->seq;
  switch (random_below(&t->random, 8)) {
    case 5:
    case 6:
    case 7: make_match(t, count); break;
    case 0: make_traverse(t, count); break;
    case 1: make_path(t, count); break;
    case 2: make_whole(t); break;
    default:
      random_put(&t->command,
                 random_chance(&t->random, 50) ? "{\"subgraph\": " : "{\"neighbourhood\": ");
      put_end(t, count);
      put_walk(t);
      if (random_chance(&t->random, 50)) random_put(&t->command, ", \"maxHops\": 1");
  }
  if (random_chance(&t->random, 10))
    random_put(&t->command, ", \"flushed\": true");
  else if (random_chance(&t->random, 10))
    random_put(&t->command, ", \"asOf\": \"seq:%u\"", 1 + random_below(&t->random, (uint32_t)last));
}

static void make_graph_read(forecast *t, unsigned count) {
  static const char *const paths[] = {"[\"author\"]",
                                      "[\"likes\", {\"predicate\": \"author\", "
                                      "\"direction\": \"reverse\"}]"};
  unsigned id = random_chance(&t->random, 50) ? 1 : random_below(&t->random, count + 20);
  if (random_chance(&t->random, 10)) {
    random_put(
        &t->command,
        "{\"exists\": {\"from\": \"t/k%05u\", \"predicate\": \"likes\", \"to\": \"u/u%02u\"}", id,
        random_below(&t->random, 31));
    return;
  }
  if (random_chance(&t->random, 10)) {
    random_put(&t->command, "{\"related\": \"t/k%05u\"%s%s", id,
               random_chance(&t->random, 50) ? ", \"direction\": \"both\"" : "",
               random_chance(&t->random, 50) ? ", \"edges\": true" : "");
    return;
  }
  if (random_chance(&t->random, 30)) {
    random_put(&t->command, "{\"traverse\": \"t/k%05u\", \"path\": %s", id,
               paths[random_below(&t->random, 2)]);
    return;
  }
  if (random_chance(&t->random, 40))
    random_put(&t->command,
               "{\"related\": \"u/u%02u\", \"predicate\": \"author\", \"direction\": \"reverse\"",
               random_below(&t->random, 31));
  else
    random_put(&t->command, "{\"related\": \"t/k%05u\", \"predicate\": \"%s\"", id,
               random_chance(&t->random, 80) ? "likes" : "nothing");
  if (random_chance(&t->random, 20))
    random_put(&t->command, ", \"edgeFilter\": {\"version\": {\"$gt\": %u}}",
               random_below(&t->random, 2));
  if (random_chance(&t->random, 30)) random_put(&t->command, ", \"limit\": 2");
  if (random_chance(&t->random, 30)) random_put(&t->command, ", \"sort\": {\"n\": 1}");
  if (random_chance(&t->random, 30)) random_put(&t->command, ", \"total\": true");
  if (random_chance(&t->random, 30)) random_put(&t->command, ", \"filter\": {\"n\": {\"$gt\": 4}}");
  if (random_chance(&t->random, 20))
    random_put(&t->command, ", \"edges\": true");
  else if (random_chance(&t->random, 30))
    random_put(&t->command, ", \"populate\": [\"author\"]");
}

/* Of get and find. */
static void put_shown(forecast *t, bool is_find) {
  static const char *const trees[] = {
      "[\"author\"]", "{\"likes\": {\"limit\": 2}, \"author\": {}}",
      "{\"author\": {\"populate\": {\"likes\": {\"direction\": \"reverse\"}}}}"};
  if (random_chance(&t->random, 20))
    random_put(&t->command, ", \"populate\": %s", trees[random_below(&t->random, 3)]);
  if (is_find && random_chance(&t->random, 20)) random_put(&t->command, ", \"total\": true");
}

static void make_read(forecast *t, unsigned count) {
  static const char *const sorts[] = {"\"n\": 1",    "\"n\": -1",  "\"$id\": 1",
                                      "\"$id\": -1", "\"pad\": 1", "\"word\": 1, \"n\": 1"};
  pq_buf_clear(&t->command);
  switch (random_below(&t->random, 14)) {
    case 11:
    case 12:
    case 13: make_walk(t, count); return;
    case 7:
    case 8: make_pipeline(t, count); return;
    case 9: make_graph_read(t, count); return;
    case 0: random_put(&t->command, "{\"count\": \"t\""); break;
    case 1: random_put(&t->command, "{\"exists\": \"t\""); break;
    case 2: random_put(&t->command, "{\"distinct\": \"t\", \"key\": \"r\""); break;
    case 3:
      random_put(&t->command, "{\"get\": \"t/k%05u\"", random_below(&t->random, count + 50));
      put_options(t);
      put_shown(t, false);
      return;
    case 4:
      random_put(&t->command, "{\"count\": \"t\", \"limit\": %u, \"skip\": %u",
                 random_below(&t->random, 100), random_below(&t->random, 30));
      break;
    default:
      random_put(&t->command, "{\"find\": \"t\"");
      if (random_chance(&t->random, 60))
        random_put(&t->command, ", \"limit\": %u, \"skip\": %u", 1 + random_below(&t->random, 60),
                   random_chance(&t->random, 30) ? random_below(&t->random, 200) : 0);
      if (random_chance(&t->random, 40))
        random_put(&t->command, ", \"sort\": {%s}", sorts[random_below(&t->random, 6)]);
      put_shown(t, true);
  }
  put_filter(t, count);
  put_options(t);
}

/* Run the command with something behind it, on a handle just opened. */
static numbers run_anew(forecast *t, const char *more, spec_reply *r) {
  char *command = spec_format("%.*s%s}", (int)t->command.len, (const char *)t->command.p, more);
  numbers seen;
  open_again(t);
  t->db.now_us += 1000000;
  spec_run(&t->db, pq_str(command), (pq_slice){0}, r);
  seen = (numbers){t->db.faults.requests, r->bytes, r->rounds};
  free(command);
  return seen;
}

static bool is_text(pq_value v, const char *name, const char *text) {
  pq_slice s;
  return pq_value_string(pq_object_get_str(v, name), &s) && pq_slice_is(s, text);
}

static bool is_within(numbers seen, numbers told) {
  return seen.requests <= told.requests && seen.bytes <= told.bytes && seen.rounds <= told.rounds;
}

static bool is_same(numbers a, numbers b) {
  return a.requests == b.requests && a.bytes == b.bytes && a.rounds == b.rounds;
}

static void check_budget(forecast *t, numbers told) {
  uint64_t most = told.requests < 1000000 ? 2 * told.requests + 2 : 1000000;
  uint64_t allowed = random_below(&t->random, (uint32_t)most);
  char *more = spec_format(", \"budget\": {\"requests\": %llu}", (unsigned long long)allowed);
  spec_reply r;
  numbers seen = run_anew(t, more, &r), limit = {allowed, UINT64_MAX, UINT64_MAX};
  if (r.rc == PQ_OK)
    t->accepted++;
  else
    t->refused++;
  if (r.rc != PQ_OK && r.rc != PQ_ELIMIT) complain(t, r.message, limit, seen);
  if (seen.requests > allowed) complain(t, "more than the budget", limit, seen);
  if (strstr(r.message, "used up") != NULL && strstr(r.message, "planning") == NULL)
    complain(t, "stopped in the middle", limit, seen);
  spec_reply_release(&r);
  free(more);
}

static void show(const spec_reply *plan) {
  pq_buf b;
  pq_buf_init(&b, spec_cx(), SIZE_MAX / 2);
  if (pq_json_print(&b, plan->items[0], PQ_JSON_RELAXED) == PQ_OK)
    fprintf(stderr, "  the plan: %.*s\n", (int)b.len, (const char *)b.p);
  pq_buf_release(&b);
}

/* `$sample` takes other documents each time, and so asks for others behind it. */
static bool is_by_chance(const forecast *t) {
  char *command = spec_format("%.*s", (int)t->command.len, (const char *)t->command.p);
  bool is = strstr(command, "$sample") != NULL;
  free(command);
  return is;
}

static void check_read(forecast *t) {
  spec_reply plan, run, both;
  numbers told, seen, cost, counted;
  cost = run_anew(t, ", \"explain\": \"plan\"", &plan);
  seen = run_anew(t, "", &run);
  (void)run_anew(t, ", \"explain\": true", &both);
  if (run.rc != PQ_OK || plan.rc != PQ_OK || both.rc != PQ_OK) {
    if (run.rc != plan.rc) complain(t, plan.message, (numbers){0}, seen);
  } else {
    bool is_exact = is_text(plan.items[0], "bound", "exact");
    told = numbers_of(pq_object_get_str(plan.items[0], "predicted"));
    *(is_exact ? &t->exact : &t->upper) += 1;
    if (is_exact ? !is_same(told, seen) : !is_within(seen, told))
      complain(t, is_exact ? "not exact" : "above the bound", told, seen);
    if (t->has_failed) show(&plan);
    if (cost.requests > told.requests) complain(t, "planning costs more", told, cost);
    counted = both.count == 1 ? numbers_of(both.items[0]) : (numbers){0};
    if (is_by_chance(t) ? !is_within(counted, told) : !is_same(counted, seen))
      complain(t, "explain with another cost", counted, seen);
    else if (!is_same(numbers_of(pq_object_get_str(both.items[0], "predicted")), told))
      complain(t, "another prediction", told, seen);
    check_budget(t, told);
  }
  spec_reply_release(&plan);
  spec_reply_release(&run);
  spec_reply_release(&both);
}

/* ---- equalities on _id against ranges, which no look-up answers ---- */

static void put_keys(forecast *t, pq_buf *fast, pq_buf *plain, unsigned count) {
  static const unsigned many[] = {1, 1, 2, 5, 70};
  unsigned n = many[random_below(&t->random, 5)];
  const char *rest = random_chance(&t->random, 30) ? ", \"even\": true" : "";
  bool is_id = random_chance(&t->random, 25);
  const char *name = is_id ? "$id" : "_id", *prefix = is_id ? "t/" : "";
  random_put(fast, "{\"%s\": {\"$in\": [", name);
  random_put(plain, "{\"$or\": [");
  for (unsigned i = 0; i < n; i++) {
    unsigned k = random_below(&t->random, count + 20);
    random_put(fast, "%s\"%sk%05u\"", i == 0 ? "" : ", ", prefix, k);
    random_put(plain, "%s{\"%s\": {\"$gte\": \"%sk%05u\", \"$lte\": \"%sk%05u\"}}",
               i == 0 ? "" : ", ", name, prefix, k, prefix, k);
  }
  random_put(fast, "]}%s}", rest);
  random_put(plain, "]%s}", rest);
}

static char *answer(forecast *t, const char *command) {
  spec_reply r;
  char *text;
  t->db.now_us += 1000000;
  spec_run(&t->db, pq_str(command), (pq_slice){0}, &r);
  if (r.count > 0 && r.rc == PQ_OK) r.summary = (pq_value){0}; /* items say it all */
  text = spec_reply_text(&r);
  spec_reply_release(&r);
  return text;
}

static void check_keys(forecast *t, unsigned count) {
  static const char *const forms[] = {
      "{\"find\": \"t\", \"sort\": {\"$id\": 1}, \"filter\": %.*s}",
      "{\"find\": \"t\", \"sort\": {\"n\": -1}, \"limit\": 2, \"filter\": %.*s}",
      "{\"count\": \"t\", \"filter\": %.*s}",
      "{\"count\": \"t\", \"includeDeleted\": true, \"asOf\": \"seq:700\", \"filter\": %.*s}",
      "{\"exists\": \"t\", \"filter\": %.*s}",
      "{\"distinct\": \"t\", \"key\": \"n\", \"plain\": true, \"filter\": %.*s}",
      ("{\"aggregate\": \"t\", \"pipeline\": [{\"$match\": %.*s}, {\"$group\": "
       "{\"_id\": \"$even\", \"n\": {\"$sum\": \"$n\"}}}, {\"$sort\": {\"_id\": 1}}]}")};
  pq_buf fast, plain;
  pq_buf_init(&fast, spec_cx(), SIZE_MAX / 2);
  pq_buf_init(&plain, spec_cx(), SIZE_MAX / 2);
  put_keys(t, &fast, &plain, count);
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    char *a = spec_format(forms[i], (int)fast.len, (const char *)fast.p);
    char *b = spec_format(forms[i], (int)plain.len, (const char *)plain.p);
    char *x = answer(t, a), *y = answer(t, b);
    if (strcmp(x, y) != 0) {
      t->has_failed = true;
      fprintf(stderr, "forecast %llu: %s\n  by id: %s\n  plain: %s\n", (unsigned long long)t->seed,
              a, x, y);
    }
    free(a);
    free(b);
    free(x);
    free(y);
  }
  pq_buf_release(&fast);
  pq_buf_release(&plain);
}

static bool run_seed(uint64_t seed) {
  forecast t = {.seed = seed, .random = {.state = seed * 7919 + 1, .noise = 10, .ids = 40}};
  unsigned count;
  pq_buf_init(&t.command, spec_cx(), SIZE_MAX / 2);
  count = make_warehouse(&t);
  for (int i = 0; i < READS && !t.has_failed; i++) {
    make_read(&t, count);
    check_read(&t);
    check_keys(&t, count);
  }
  pq_buf_release(&t.command);
  if (spec_end(&t.db) != 0) t.has_failed = true;
  if (getenv("SPEC_TRACE") != NULL)
    printf("forecast %llu: %llu exact, %llu upper; budgets: %llu refused, %llu kept\n",
           (unsigned long long)seed, (unsigned long long)t.exact, (unsigned long long)t.upper,
           (unsigned long long)t.refused, (unsigned long long)t.accepted);
  return !t.has_failed;
}

void spec_forecast_run(uint64_t first, uint64_t count, uint64_t *passed, uint64_t *failed) {
  for (uint64_t seed = first; seed < first + count; seed++)
    *(run_seed(seed) ? passed : failed) += 1;
}
