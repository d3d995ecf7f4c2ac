/* test/unit/test_similarity_api.c - links that look for their target with the caller's own idea of
 * likeness.
 */
#include <string.h>

#include "parquedb/parquedb.h"
#include "unit.h"

typedef struct own {
  uint32_t calls;
  double answer;
} own;

/* The same first letter. */
static double first_letter(void *context, const char *text, size_t text_len, const char *name,
                           size_t name_len) {
  own *o = context;
  o->calls++;
  return text_len > 0 && name_len > 0 && text[0] == name[0] ? o->answer : 0.1;
}

static const char *run(pqdb *db, const char *command, char *out, size_t cap) {
  const char *json = "";
  pqdb_replies *r;
  size_t len = 0;
  int rc = pqdb_run(db, NULL, command, strlen(command), NULL, 0, &r);
  CHECK(rc == PQDB_OK);
  out[0] = '\0';
  if (rc == PQDB_OK && (rc = pqdb_next(r, &json, &len)) >= 0 && len < cap)
    memcpy(out, json, len + 1);
  pqdb_replies_close(r);
  return out;
}

static void test_similarity_own(void) {
  own o = {.answer = 0.75};
  pqdb_options options = {
      .size = sizeof options, .similarity = first_letter, .similarity_context = &o};
  char text[2000];
  pqdb *db;
  CHECK(pqdb_open_memory(&options, &db) == PQDB_OK);
  run(db, "{\"insert\":\"t\",\"documents\":[{\"$id\":\"a\"},{\"$id\":\"b\"},{\"$id\":\"c\"}]}",
      text, sizeof text);
  run(db, "{\"link\":{\"from\":\"t/a\",\"predicate\":\"p\",\"match\":\"cold\",\"in\":\"t\"}}", text,
      sizeof text);
  CHECK(strstr(text, "\"linkedCount\":1") != NULL && o.calls == 2); /* not itself */
  run(db, "{\"related\":\"t/a\",\"predicate\":\"p\",\"edges\":true}", text, sizeof text);
  CHECK(strstr(text, "\"to\":\"t/c\"") != NULL && strstr(text, "\"confidence\":0.75") != NULL);
  o.answer = 17;
  run(db, "{\"link\":{\"from\":\"t/a\",\"predicate\":\"q\",\"match\":\"cold\",\"in\":\"t\"}}", text,
      sizeof text);
  CHECK(strstr(text, "\"linkedCount\":0") != NULL && strstr(text, "\"best\":\"t/b\"") != NULL);
  pqdb_close(db);
}

int main(void) {
  RUN(test_similarity_own);
  return unit_end();
}
