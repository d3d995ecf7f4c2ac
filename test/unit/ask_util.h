/* test/unit/ask_util.h - a command through the public interface, its answer as one text.
 *
 *   ask(db, "{\"find\": …}", text, cap)  ─►  item ⏎ item ⏎ summary ⏎   or, at its end, the status
 */
#ifndef PQ_TEST_ASK_UTIL_H
#define PQ_TEST_ASK_UTIL_H

#include <stdio.h>
#include <string.h>

#include "parquedb/parquedb.h"

/* A handle whose files nobody maintains but who is told to; NULL: there is none. */
static inline pqdb *ask_open(const char *dir, pqdb_mode mode) {
  pqdb_options options = {.size = sizeof options, .mode = mode, .maintain = PQDB_MAINTAIN_NEVER};
  pqdb *db = NULL;
  int rc = pqdb_open(dir, &options, &db);
  if (rc == PQDB_OK) return db;
  pqdb_close(db);
  return NULL;
}

/* All items and the summary, or the status of a failure, as text. PQDB_DONE or the failure. */
static inline int ask(pqdb *db, const char *command, char *out, size_t cap) {
  pqdb_replies *r = NULL;
  const char *json = "";
  size_t len, n = 0;
  int rc = pqdb_run(db, NULL, command, strlen(command), NULL, 0, &r);
  out[0] = '\0';
  while (rc == PQDB_OK || rc == PQDB_ROW) {
    rc = pqdb_next(r, &json, &len);
    if (rc < 0 || n + len + 2 > cap) break;
    memcpy(out + n, json, len);
    n += len;
    out[n++] = '\n';
    out[n] = '\0';
  }
  if (rc < 0) snprintf(out + n, cap - n, "%s", pqdb_status_name(rc));
  pqdb_replies_close(r);
  return rc;
}

#endif
