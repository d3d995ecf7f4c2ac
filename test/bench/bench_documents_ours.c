/* test/bench/bench_documents_ours.c - ParqueDB's side of ./bench documents: commands as a user
 * would send them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_documents.h"
#include "parquedb/parquedb.h"

static void *open_db(const char *folder) {
  char path[1024];
  pqdb *db;
  snprintf(path, sizeof path, "%s/warehouse", folder);
  if (pqdb_open(path, NULL, &db) != PQDB_OK) bench_die("ParqueDB", pqdb_message(db));
  return db;
}

static void close_db(void *db) {
  pqdb_close(db);
}

/* Read all replies; the items, or with `number` the number of that name in the summary. */
static size_t replies(pqdb *db, int rc, pqdb_replies *r, const char *number) {
  const char *json = "", *at;
  size_t len, count = 0;
  if (rc == PQDB_OK)
    while ((rc = pqdb_next(r, &json, &len)) == PQDB_ROW)
      count += len > 0;
  if (rc != PQDB_DONE) bench_die("ParqueDB", pqdb_message(db));
  at = number == NULL ? NULL : strstr(json, number);
  if (at != NULL) count = (size_t)strtoull(at + strlen(number), NULL, 10);
  pqdb_replies_close(r);
  return count;
}

static size_t command(pqdb *db, const char *text, const char *lines, size_t len,
                      const char *number) {
  pqdb_replies *r = NULL;
  int rc = pqdb_run(db, NULL, text, strlen(text), lines, len, &r);
  return replies(db, rc, r, number);
}

static void put(void *db, const char *lines, size_t len) {
  (void)command(db, "{\"insert\": \"posts\"}", lines, len, NULL);
}

static void finish(void *db) {
  if (pqdb_flush(db) != PQDB_OK) bench_die("ParqueDB", pqdb_message(db));
}

static void make_index(void *db) {
  (void)db; /* flexible collections choose their columns themselves */
}

static size_t get(void *db, const char *id) {
  char full[64];
  pqdb_replies *r = NULL;
  int rc;
  snprintf(full, sizeof full, "posts/%s", id);
  rc = pqdb_get(db, full, NULL, &r);
  return replies(db, rc, r, NULL);
}

static size_t ask(void *db, bench_question which, unsigned number) {
  static const char *const texts[ASK_QUESTIONS] = {
      "{\"find\": \"posts\", \"filter\": {\"author.id\": \"u%u\"}}",
      "{\"find\": \"posts\", \"filter\": {\"likes\": {\"$gte\": %u, \"$lt\": %u}}}",
      "{\"find\": \"posts\", \"filter\": {\"lang\": \"fr\"}, \"sort\": {\"likes\": -1}, "
      "\"limit\": 20}",
      "{\"aggregate\": \"posts\", \"pipeline\": [{\"$group\": {\"_id\": \"$lang\", \"n\": "
      "{\"$sum\": 1}, \"likes\": {\"$sum\": \"$likes\"}}}]}",
      "{\"aggregate\": \"posts\", \"pipeline\": [{\"$group\": {\"_id\": \"$campaign.name\", "
      "\"n\": {\"$sum\": 1}, \"likes\": {\"$sum\": \"$likes\"}}}]}",
      "{\"count\": \"posts\", \"filter\": {\"lang\": \"de\"}}",
      "{\"count\": \"posts\"}",
      "{\"aggregate\": \"posts\", \"pipeline\": [{\"$group\": {\"_id\": null, \"min\": {\"$min\": "
      "\"$likes\"}, \"max\": {\"$max\": \"$likes\"}}}]}",
      "{\"find\": \"posts\", \"filter\": {\"author.id\": \"nobody\"}}",
      "{\"find\": \"posts\", \"filter\": {\"text\": {\"$contains\": \"harbour quiet river\"}}}"};
  char text[512];
  bool is_count = which == ASK_COUNT || which == ASK_COUNT_ALL;
  snprintf(text, sizeof text, texts[which], number, number + number / 50 + 1);
  return command(db, text, NULL, 0, is_count ? "\"count\":" : NULL);
}

static void create(void *db, const char *line, size_t len) {
  (void)command(db, "{\"insert\": \"posts\"}", line, len, NULL);
}

static void update(void *db, const char *id, unsigned likes) {
  char full[64], ops[64];
  snprintf(full, sizeof full, "posts/%s", id);
  snprintf(ops, sizeof ops, "{\"$set\": {\"likes\": %u}}", likes);
  if (pqdb_update(db, full, ops, NULL) != PQDB_OK) bench_die("ParqueDB", pqdb_message(db));
}

static void remove_post(void *db, const char *id) {
  char full[64];
  snprintf(full, sizeof full, "posts/%s", id);
  if (pqdb_delete(db, full, "{\"hard\": true}") != PQDB_OK) bench_die("ParqueDB", pqdb_message(db));
}

static void link_posts(void *db, const char *lines, size_t len) {
  (void)command(db, "{\"link\": []}", lines, len, NULL);
}

static size_t traverse(void *db, const char *id) {
  char text[128];
  snprintf(text, sizeof text, "{\"traverse\": \"posts/%s\", \"path\": [\"reply\", \"reply\"]}", id);
  return command(db, text, NULL, 0, NULL);
}

const bench_side bench_side_ours = {open_db, close_db, put,    finish,      make_index, get,
                                    ask,     create,   update, remove_post, link_posts, traverse};
