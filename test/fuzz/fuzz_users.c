/* test/fuzz/fuzz_users.c - users as they are stored, a document a line, and the field Authorization
 * of HTTP on the last line. A user who is read is found by his name, and whoever gets in by the
 * field is one of them. */
#include "fuzz.h"

#include "server/access.h"
#include "value/json.h"

static pqdb *db;
static pq_access *access_of;

/* Once: a warehouse in memory, without users. */
static void begin(void) {
  if (db != NULL) return;
  FUZZ_CHECK(pqdb_open_memory(NULL, &db) == PQDB_OK);
  FUZZ_CHECK(pq_access_open(db, true, &access_of) == PQ_OK);
}

static void check_users(const pq_users *u) {
  for (uint32_t i = 0; i < u->count; i++) {
    const pq_user *who = u->users[i];
    FUZZ_CHECK(pq_users_find(u, pq_str(who->name)) != NULL);
    FUZZ_CHECK(strlen(who->name) < PQ_USER_NAME_CAP && who->role_count <= PQ_USER_ROLES_MAX);
    FUZZ_CHECK((pq_user_rights(who, "shop") & ~(unsigned)PQ_RIGHTS_ALL) == 0);
    FUZZ_CHECK((pq_user_rights_any(who) & ~(unsigned)PQ_RIGHTS_ALL) == 0);
  }
}

static bool has_line(pq_slice in) {
  return in.n > 0 && memchr(in.p, '\n', in.n) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size};
  pq_client client = {.number = 1, .peer = "127.0.0.1:1", .is_local = true};
  pq_users *u;
  pq_builder *b;
  pq_arena arena;
  pq_cx cx;
  int rc = PQ_OK;
  begin();
  fuzz_cx_init(&cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  FUZZ_CHECK(pq_builder_new(&cx, &b) == PQ_OK);
  FUZZ_CHECK(pq_access_new_users(access_of, &u) == PQ_OK);
  while (rc == PQ_OK && has_line(in)) {
    pq_value v;
    if (pq_json_value(b, fuzz_until(&in, '\n'), &arena, &v) == PQ_OK) rc = pq_users_add(u, v);
  }
  pq_users_end(u, 1);
  if (rc == PQ_OK) {
    check_users(u);
    pq_access_replace(access_of, u); /* taken */
    if (in.n < 1000 && pq_access_http(access_of, &cx, &client, in) == PQ_OK && in.n > 0)
      FUZZ_CHECK(pq_access_user(access_of, &client) != NULL);
  } else {
    pq_users_free(u);
  }
  pq_builder_free(b);
  pq_arena_release(&arena);
  return 0;
}
