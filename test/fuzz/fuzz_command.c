/* test/fuzz/fuzz_command.c - whole commands on a warehouse in memory, through the public library.
 *
 *   input: lines, each COMMAND or COMMAND \f PAYLOAD
 *
 * Every command ends in items and a summary or in a failure with a message; every reply is JSON.
 */
#include "fuzz.h"

#include "parquedb/parquedb.h"

enum { COMMAND_COUNT_MAX = 16 };

static void read_replies(pqdb *db, pqdb_replies *replies) {
  const char *json;
  size_t len;
  int rc = PQDB_ROW;
  while (rc == PQDB_ROW) {
    rc = pqdb_next(replies, &json, &len);
    FUZZ_CHECK(rc == PQDB_ROW || rc == PQDB_DONE || rc < 0);
    if (rc < 0) {
      FUZZ_CHECK(pqdb_message(db)[0] != '\0');
    } else {
      FUZZ_CHECK(strlen(json) == len && json[0] == '{');
    }
  }
}

static void run(pqdb *db, pq_slice line) {
  pqdb_replies *replies;
  pq_slice command = fuzz_copy(fuzz_until(&line, '\f'));
  pq_slice payload = fuzz_copy(line);
  int rc = pqdb_run(db, NULL, (const char *)command.p, command.n, (const char *)payload.p,
                    payload.n, &replies);
  if (rc == PQDB_OK) {
    read_replies(db, replies);
    pqdb_replies_close(replies);
  } else {
    FUZZ_CHECK(rc < 0 && replies == NULL);
    FUZZ_CHECK(pqdb_message(db)[0] != '\0');
  }
  free((void *)(uintptr_t)command.p);
  free((void *)(uintptr_t)payload.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size};
  pqdb *db;
  FUZZ_CHECK(pqdb_open_memory(NULL, &db) == PQDB_OK);
  for (int i = 0; i < COMMAND_COUNT_MAX && in.n > 0; i++)
    run(db, fuzz_until(&in, '\n'));
  pqdb_close(db);
  return 0;
}
