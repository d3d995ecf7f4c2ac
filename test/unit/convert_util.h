/* test/unit/convert_util.h - texts and files for the converter's tests.
 *
 *     check_csv("a,b\n1,x\n", NULL, "{\"a\":1,\"b\":\"x\"}\n");
 */
#ifndef PQ_TEST_CONVERT_UTIL_H
#define PQ_TEST_CONVERT_UTIL_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "port/convert_int.h"
#include "unit.h"

enum { CONVERT_TEXT_CAP = 1 << 16 };

/* A temporary file that holds the bytes, at its beginning. */
static inline FILE *file_of(const void *bytes, size_t len) {
  FILE *f = tmpfile();
  if (f == NULL) return NULL;
  if (len > 0 && fwrite(bytes, 1, len, f) != len) return NULL;
  (void)fflush(f);
  (void)lseek(fileno(f), 0, SEEK_SET);
  return f;
}

/* Read everything: the NDJSON in `text` (cut to its size), the status that ended it, the message.
 */
typedef struct conversion {
  char text[CONVERT_TEXT_CAP];
  size_t len;
  char message[PQ_MESSAGE_CAP];
  char description[4096];
  uint64_t rows;
  int rc;
} conversion;

static inline void read_blocks(pqdb_reader *r, conversion *c) {
  const char *text;
  size_t len;
  uint64_t rows;
  while ((c->rc = pqdb_reader_next(r, &text, &len, &rows)) == PQDB_ROW) {
    size_t room = sizeof c->text - 1 - c->len;
    memcpy(c->text + c->len, text, len < room ? len : room);
    c->len += len < room ? len : room;
    c->rows += rows;
  }
  c->text[c->len] = '\0';
}

static inline void convert(FILE *f, pqdb_format format, pqdb_reader_options options,
                           conversion *c) {
  pqdb_reader *r;
  const char *json;
  size_t len;
  memset(c, 0, sizeof *c);
  options.size = sizeof options;
  options.format = format;
  c->rc = pq_reader_open(unit_alloc, NULL, fileno(f), "t", &options, &r);
  if (c->rc == PQDB_OK) read_blocks(r, c);
  if (c->rc == PQDB_DONE) {
    int rc = pqdb_reader_describe(r, &json, &len);
    if (rc == PQDB_OK) (void)snprintf(c->description, sizeof c->description, "%s", json);
    if (rc != PQDB_OK) c->rc = rc;
  }
  (void)snprintf(c->message, sizeof c->message, "%s", c->rc < 0 ? pqdb_reader_message(r) : "");
  pqdb_reader_close(r);
}

static inline void convert_bytes(const void *bytes, size_t len, pqdb_format format,
                                 pqdb_reader_options options, conversion *c) {
  FILE *f = file_of(bytes, len);
  CHECK(f != NULL);
  if (f == NULL) return;
  convert(f, format, options, c);
  (void)fclose(f);
}

static inline bool is_text(const char *got, const char *wanted) {
  if (strcmp(got, wanted) == 0) return true;
  fprintf(stderr, "  got    %s\n  wanted %s\n", got, wanted);
  return false;
}

/* Is every line of the text one JSON object? */
static inline bool are_objects(const conversion *c) {
  pq_cx cx;
  pq_builder *b = NULL;
  const char *p = c->text;
  bool is_good = true;
  pq_cx_init(&cx, NULL, NULL);
  if (pq_builder_new(&cx, &b) != PQ_OK) return false;
  while (is_good && *p != '\0') {
    size_t len = strcspn(p, "\n"), used;
    pq_value v;
    pq_builder_clear(b);
    is_good = p[len] == '\n' &&
              pq_json_parse(b, (pq_slice){(const uint8_t *)p, len},
                            (pq_json_options){.is_exact = true}, &used) == PQ_OK &&
              pq_builder_view(b, &v) == PQ_OK && pq_value_is_raw_object(v);
    if (!is_good) fprintf(stderr, "  %.*s: %s\n", (int)len, p, cx.msg);
    p += len + 1;
  }
  pq_builder_free(b);
  return is_good;
}

#endif
