/* crash/mixed_reader.c - reads a warehouse whose writers are killed, until its standard input ends.
 *
 *   ask now      ── answer, and the number of the event that it is as of ──► remembered
 *   ask again    ── a remembered question as of that event ──► the same answer, to the byte
 *   ask history  ── versions without a gap; a page of the past stays the same ──► remembered
 *
 * What a reader was given once is there for ever: no crash, flush, compaction or vacuum may change
 * it. A handle lives for some questions, across kills too; then it is opened again. In the end all
 * that is remembered is asked once more. The last line says how much was read and compared.
 *
 * usage: mixed_reader WAREHOUSE SEED
 */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parquedb/parquedb.h"

enum { REMEMBERED = 300, QUESTIONS_OF_A_HANDLE = 25, QUESTION_CAP = 400, SHOWN = 600 };

typedef struct answer {
  char *text; /* the items, a line each; owned */
  size_t len;
  unsigned long long seq;
} answer;

typedef struct memory {
  char question[QUESTION_CAP]; /* a command without its last brace */
  answer answer;
} memory;

typedef struct reader {
  const char *dir;
  unsigned long long rng;
  pqdb *db; /* NULL: to be opened */
  unsigned left;
  memory remembered[REMEMBERED];
  unsigned count;
  unsigned long reads, compared, histories, failures;
} reader;

static unsigned next_random(reader *r, unsigned below) {
  r->rng = r->rng * 6364136223846793005ull + 1442695040888963407ull;
  return (unsigned)((r->rng >> 33) % below);
}

static void fail(reader *r, const char *format, ...) {
  va_list args;
  if (r->failures++ >= 20) return;
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
  fflush(stdout);
}

static void release(answer *a) {
  free(a->text);
  *a = (answer){0};
}

static void append(answer *a, const char *json, size_t len) {
  a->text = realloc(a->text, a->len + len + 2);
  if (a->text == NULL) abort();
  memcpy(a->text + a->len, json, len);
  a->len += len;
  a->text[a->len++] = '\n';
  a->text[a->len] = '\0';
}

static int open_handle(reader *r) {
  pqdb_options options = {.size = sizeof options, .mode = PQDB_READ};
  int rc;
  if (r->left > 0) {
    r->left--;
    return 1;
  }
  pqdb_close(r->db);
  rc = pqdb_open(r->dir, &options, &r->db);
  if (rc != PQDB_OK) {
    fail(r, "open: %s: %s", pqdb_status_name(rc), pqdb_message(r->db));
    pqdb_close(r->db);
    r->db = NULL;
    return 0;
  }
  r->left = QUESTIONS_OF_A_HANDLE;
  return 1;
}

/* Run one command; its items, and the event that they are as of. 0: it failed, and that is told. */
static int ask(reader *r, const char *command, answer *out) {
  pqdb_replies *replies = NULL;
  const char *json, *seq;
  size_t len;
  int rc;
  *out = (answer){0};
  if (!open_handle(r)) return 0;
  r->reads++;
  rc = pqdb_run(r->db, NULL, command, strlen(command), NULL, 0, &replies);
  while (rc >= 0 && (rc = pqdb_next(replies, &json, &len)) == PQDB_ROW)
    append(out, json, len);
  if (rc == PQDB_DONE && (seq = strstr(json, "\"seq\":")) != NULL)
    out->seq = strtoull(seq + 6, NULL, 10);
  if (rc < 0) fail(r, "%s: %s: %s", command, pqdb_status_name(rc), pqdb_message(r->db));
  pqdb_replies_close(replies);
  if (rc < 0) release(out);
  return rc >= 0;
}

/* A question about the present: what can be asked again as of then. */
static void make_question(reader *r, char *out) {
  unsigned n = next_random(r, 400);
  switch (next_random(r, 7)) {
    case 0: snprintf(out, QUESTION_CAP, "{\"get\":\"items/counter\""); break;
    case 1:
      snprintf(out, QUESTION_CAP, "{\"count\":\"bulk\",\"filter\":{\"n\":{\"$gte\":%u}}", n);
      break;
    case 2:
      snprintf(out, QUESTION_CAP, "{\"find\":\"items\",\"sort\":{\"n\":-1},\"limit\":5");
      break;
    case 3:
      snprintf(out, QUESTION_CAP,
               "{\"related\":\"items/i%06u\",\"predicate\":\"next\",\"edges\":true", n);
      break;
    case 4:
      snprintf(out, QUESTION_CAP, "{\"find\":\"pairs\",\"sort\":{\"n\":-1},\"limit\":4");
      break;
    case 5:
      snprintf(
          out, QUESTION_CAP,
          "{\"aggregate\":\"bulk\",\"pipeline\":[{\"$group\":{\"_id\":\"$n\",\"all\":{\"$sum\":"
          "1}}},{\"$sort\":{\"_id\":1}},{\"$limit\":20}]");
      break;
    default:
      snprintf(
          out, QUESTION_CAP,
          "{\"aggregate\":\"items\",\"pipeline\":[{\"$group\":{\"_id\":null,\"n\":{\"$sum\":1},"
          "\"sum\":{\"$sum\":\"$n\"},\"low\":{\"$min\":\"$n\"},\"versions\":{\"$sum\":"
          "\"$version\"}}}]");
  }
}

static memory *place(reader *r) {
  memory *m;
  if (r->count < REMEMBERED) return &r->remembered[r->count++];
  m = &r->remembered[next_random(r, REMEMBERED)];
  release(&m->answer);
  return m;
}

static void ask_now(reader *r) {
  char question[QUESTION_CAP], command[QUESTION_CAP + 40];
  answer a;
  memory *m;
  make_question(r, question);
  snprintf(command, sizeof command, "%s}", question);
  if (!ask(r, command, &a)) return;
  m = place(r);
  memcpy(m->question, question, sizeof question);
  m->answer = a;
}

static void ask_again(reader *r, const memory *m) {
  char command[QUESTION_CAP + 40];
  answer a;
  snprintf(command, sizeof command, "%s,\"asOf\":{\"seq\":%llu}}", m->question, m->answer.seq);
  if (!ask(r, command, &a)) return;
  r->compared++;
  if (a.len != m->answer.len || (a.len > 0 && memcmp(a.text, m->answer.text, a.len) != 0))
    fail(r, "%s\n  was  %.*s\n  is   %.*s", command, SHOWN,
         m->answer.text == NULL ? "nothing" : m->answer.text, SHOWN,
         a.text == NULL ? "nothing" : a.text);
  release(&a);
}

/* All versions of the counter up to now: 1, 2, 3 …, each once. */
static void ask_history(reader *r) {
  unsigned long long expected = 1;
  const char *at;
  answer a;
  if (!ask(r, "{\"history\":\"items/counter\",\"limit\":0}", &a)) return;
  r->histories++;
  for (at = a.text; at != NULL && (at = strstr(at, "\"version\":")) != NULL; expected++) {
    unsigned long long version = strtoull(at + 10, NULL, 10);
    const char *line_end = strchr(at, '\n');
    if (version != expected) {
      fail(r, "history of the counter: version %llu at place %llu", version, expected);
      break;
    }
    at = line_end;
  }
  release(&a);
}

/* Has standard input ended? */
static int is_over(void) {
  struct pollfd in = {.fd = 0, .events = POLLIN};
  char byte;
  return poll(&in, 1, 0) > 0 && read(0, &byte, 1) <= 0;
}

int main(int argc, char **argv) {
  static reader r;
  if (argc != 3) return 2;
  r.dir = argv[1];
  r.rng = strtoull(argv[2], NULL, 10);
  while (!is_over()) {
    unsigned what = next_random(&r, 100);
    if (what < 45 || r.count == 0)
      ask_now(&r);
    else if (what < 95)
      ask_again(&r, &r.remembered[next_random(&r, r.count)]);
    else
      ask_history(&r);
  }
  for (unsigned i = 0; i < r.count; i++) {
    ask_again(&r, &r.remembered[i]);
    release(&r.remembered[i].answer);
  }
  pqdb_close(r.db);
  printf("%lu reads, %lu compared with what they were, %lu histories, %lu failures\n", r.reads,
         r.compared, r.histories, r.failures);
  return r.failures != 0;
}
