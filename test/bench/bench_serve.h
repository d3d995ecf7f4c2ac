/* test/bench/bench_serve.h - many clients of a server, in one thread, for any protocol.
 *
 *   client ─ op ─► side.send ─► socket … socket ─► client_done(client, answer) ─► the next op
 *
 * A side knows a protocol; bench_serve.c knows who asks for what, and what must come back.
 */
#ifndef PQ_BENCH_SERVE_H
#define PQ_BENCH_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

enum { BENCH_ID_CAP = 24, BENCH_NOTE_LEN = 200 };

typedef enum bench_kind {
  BENCH_CREATE, /* the collection and its index */
  BENCH_INSERT,
  BENCH_UPDATE, /* n := n + 1, another note */
  BENCH_DELETE,
  BENCH_READ, /* one by its id */
  BENCH_LIST, /* the 20 newest of a writer with a status */
  BENCH_ALL,  /* everything of a writer */
  BENCH_KINDS
} bench_kind;

typedef struct bench_op {
  bench_kind kind;
  uint32_t writer, local; /* the document is "wNN-NNNNNN" */
  uint32_t status;
  char note[BENCH_NOTE_LEN + 1];
} bench_op;

typedef struct bench_client {
  uint32_t number;
  bench_op op;
  uint64_t begun_ns;
  void *wire; /* the side's */
  uv_timer_t timer;
  uint64_t random;
} bench_client;

/* Of an answer. `error` NULL: it went well. */
typedef struct bench_answer {
  const char *error;
  uint32_t count; /* documents changed or found */
  int64_t n;      /* of the one that was read */
} bench_answer;

typedef struct bench_side {
  const char *name;
  /* Connect; client_ready is called, or the program ends. */
  void (*connect)(uv_loop_t *loop, const char *address, bench_client *c);
  void (*send)(bench_client *c);
  void (*close)(bench_client *c);
} bench_side;

extern const bench_side bench_mongodb;
extern const bench_side bench_postgres;

void client_ready(bench_client *c);
/* A document of a BENCH_ALL, before client_done. */
void client_row(bench_client *c, const char *id, size_t len, int64_t n);
void client_done(bench_client *c, const bench_answer *a);

void bench_id(const bench_op *op, char out[BENCH_ID_CAP]);
extern const char *const bench_statuses[4];
_Noreturn void bench_die(const char *format, ...);

#endif
