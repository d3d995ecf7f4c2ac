/* test/bench/bench_history_ours.c - ParqueDB's side of ./bench history: commands as a user would
 * send them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_history.h"
#include "parquedb/parquedb.h"

static void *open_db(const char *folder, bool is_reader) {
  pqdb_options options = {.size = sizeof options};
  char path[1024];
  pqdb *db;
  options.mode = is_reader ? PQDB_READ : PQDB_CREATE;
  snprintf(path, sizeof path, "%s/warehouse", folder);
  if (pqdb_open(path, &options, &db) != PQDB_OK) history_die("ParqueDB", pqdb_message(db));
  return db;
}

static void close_db(void *db) {
  pqdb_close(db);
}

/* The number behind `name` in the summary, summed with those in items; items when NULL. */
static uint64_t run(pqdb *db, const char *text, size_t len, const char *payload, size_t payload_len,
                    const char *name) {
  pqdb_replies *r = NULL;
  const char *json = "";
  uint64_t sum = 0;
  size_t n;
  int rc = pqdb_run(db, NULL, text, len, payload, payload_len, &r);
  if (rc == PQDB_OK)
    while ((rc = pqdb_next(r, &json, &n)) == PQDB_ROW) {
      const char *at = name == NULL ? NULL : strstr(json, name);
      sum += name == NULL ? 1 : at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
    }
  if (rc != PQDB_DONE) history_die(text, pqdb_message(db));
  if (name != NULL && strstr(json, name) != NULL)
    sum += strtoull(strstr(json, name) + strlen(name), NULL, 10);
  pqdb_replies_close(r);
  return sum;
}

static void create(pqdb *db, uint64_t from, uint64_t to) {
  char *lines = malloc((size_t)(to - from) * HISTORY_LINE_CAP + 1);
  size_t len = 0;
  if (lines == NULL) history_die("items", "out of memory");
  for (uint64_t i = from; i < to; i++) {
    len += history_item(i, 1, lines + len);
    lines[len++] = '\n';
  }
  (void)run(db, "{\"insert\": \"items\"}", 19, lines, len, NULL);
  free(lines);
}

/* Each change replaces the document by its next version; the version is the number of the change.
 */
static void replace(pqdb *db, uint64_t from, uint64_t to, uint64_t items) {
  size_t cap = (size_t)(to - from) * (HISTORY_LINE_CAP + 128) + 128, len;
  char *text = malloc(cap), line[HISTORY_LINE_CAP];
  if (text == NULL) history_die("changes", "out of memory");
  len = (size_t)snprintf(text, cap, "{\"bulkWrite\": \"items\", \"operations\": [");
  for (uint64_t n = from; n < to; n++) {
    uint64_t i = history_pick(n, items);
    (void)history_item(i, n, line);
    len += (size_t)snprintf(text + len, cap - len,
                            "%s{\"replaceOne\": {\"filter\": {\"$id\": \"items/i%07llu\"}, "
                            "\"replacement\": %s}}",
                            n == from ? "" : ", ", (unsigned long long)i, line);
  }
  len += (size_t)snprintf(text + len, cap - len, "]}");
  if (run(db, text, len, NULL, 0, "\"modifiedCount\":") != to - from)
    history_die("changes", "some did not change their item");
  free(text);
}

static void change(void *db, uint64_t from, uint64_t to, uint64_t items) {
  uint64_t created = to < items ? to : items;
  if (from < created) create(db, from, created);
  if (to > items) replace(db, from > items ? from : items, to, items);
}

enum { CALLERS_MAX = 256 };

/* A change of one item as a command. */
static int change_text(uint64_t n, uint64_t items, char *text, size_t cap) {
  char line[HISTORY_LINE_CAP];
  uint64_t i = history_pick(n, items);
  (void)history_item(i, n, line);
  return snprintf(text, cap, "{\"replace\": \"items/i%07llu\", \"document\": %s}",
                  (unsigned long long)i, line);
}

/* Each caller has one change under way; they go on together. */
static void callers(void *db, uint64_t count, uint64_t from, uint64_t to, uint64_t items) {
  static char texts[CALLERS_MAX][HISTORY_LINE_CAP + 128];
  pqdb_replies *open[CALLERS_MAX] = {NULL};
  for (uint64_t n = from; n < to;) {
    uint64_t begun = 0;
    for (; begun < count && begun < CALLERS_MAX && n < to; begun++, n++) {
      int len = change_text(n, items, texts[begun], sizeof texts[begun]);
      if (pqdb_submit(db, NULL, texts[begun], (size_t)len, NULL, 0, &open[begun]) != PQDB_OK)
        history_die("submit", pqdb_message(db));
    }
    while (pqdb_poll(db) > 0) {
    }
    for (uint64_t k = 0; k < begun; k++) {
      const char *json;
      size_t len;
      int rc = pqdb_next(open[k], &json, &len);
      if (rc != PQDB_ROW && rc != PQDB_DONE) history_die("change", pqdb_message(db));
      pqdb_replies_close(open[k]);
    }
  }
}

static uint64_t kind(void *db, history_kind which, uint64_t count) {
  static const char *const names[HISTORY_KINDS] = {"text", "numbers", "times", "ids", NULL};
  enum { STEP = 5000 };
  char *lines = malloc((size_t)STEP * HISTORY_LINE_CAP), text[64];
  uint64_t bytes = 0;
  if (lines == NULL) history_die("documents", "out of memory");
  for (uint64_t i = 0; i < count;) {
    size_t len = 0;
    int n = names[which] == NULL
                ? snprintf(text, sizeof text, "{\"link\": []}")
                : snprintf(text, sizeof text, "{\"insert\": \"%s\"}", names[which]);
    for (uint64_t k = 0; k < STEP && i < count; k++, i++) {
      len += history_kind_line(which, i, count, lines + len);
      lines[len++] = '\n';
    }
    bytes += len;
    (void)run(db, text, (size_t)n, lines, len, NULL);
  }
  free(lines);
  return bytes;
}

static uint64_t live(void *db, history_kind which) {
  static const char *const asks[HISTORY_KINDS + 1] = {"{\"files\": \"text\"}",
                                                      "{\"files\": \"numbers\"}",
                                                      "{\"files\": \"times\"}",
                                                      "{\"files\": \"ids\"}",
                                                      "{\"files\": \"\", \"kind\": \"edges\"}",
                                                      "{\"files\": \"\", \"kind\": \"events\"}"};
  static const char reverse[] = "{\"files\": \"\", \"kind\": \"edges-reverse\"}";
  uint64_t sum = run(db, asks[which], strlen(asks[which]), NULL, 0, "\"bytes\":");
  if (which == HISTORY_EDGES) sum += run(db, reverse, strlen(reverse), NULL, 0, "\"bytes\":");
  return sum;
}

static void settle(void *db) {
  if (pqdb_flush(db) != PQDB_OK) history_die("flush", pqdb_message(db));
}

static void compact(void *db) {
  (void)run(db, "{\"compact\": \"\"}", 15, NULL, 0, NULL);
}

static uint64_t seq(void *db) {
  return run(db, "{\"stats\": 1}", 12, NULL, 0, "\"seq\":");
}

static uint64_t ask(void *db, history_question which, uint64_t number, uint64_t at) {
  static const char *const names[HISTORY_QUESTIONS] = {NULL, "\"sum\":", "\"items\":"};
  char text[512], as_of[64] = "";
  int len;
  if (at > 0) snprintf(as_of, sizeof as_of, ", \"asOf\": \"seq:%llu\"", (unsigned long long)at);
  switch (which) {
    case HISTORY_GET:
      len = snprintf(text, sizeof text, "{\"get\": \"items/i%07llu\"%s}",
                     (unsigned long long)number, as_of);
      break;
    case HISTORY_SCAN:
      len = snprintf(text, sizeof text,
                     "{\"aggregate\": \"items\", \"pipeline\": [{\"$match\": {\"rank\": {\"$lt\": "
                     "1000}}}, {\"$group\": {\"_id\": null, \"sum\": {\"$sum\": \"$rank\"}}}]%s}",
                     as_of);
      break;
    default:
      len = snprintf(text, sizeof text,
                     "{\"aggregate\": \"items\", \"pipeline\": [{\"$group\": {\"_id\": \"$lang\", "
                     "\"items\": {\"$sum\": 1}, \"rank\": {\"$sum\": \"$rank\"}}}]%s}",
                     as_of);
      break;
  }
  return run(db, text, (size_t)len, NULL, 0, names[which]);
}

static uint64_t versions(void *db, uint64_t item) {
  char text[128];
  int len =
      snprintf(text, sizeof text, "{\"history\": \"items/i%07llu\"}", (unsigned long long)item);
  return run(db, text, (size_t)len, NULL, 0, NULL);
}

const history_side history_ours = {"ours", open_db, close_db, change,  settle, compact,
                                   seq,    ask,     versions, callers, kind,   live};
