/* test/bench/bench_serve.c - a server under mixed load: many connections, some of them writers.
 *
 *     bench_serve (mongodb HOST:PORT | postgres CONNINFO) CONNECTIONS WRITERS SECONDS
 *
 *   writer   insert, update, delete, read its own: one after the other, as fast as it is answered
 *   reader   one document by its id, now and then a list of 20; then it thinks for a second
 *   end      everything of each writer is read and compared with what was acknowledged
 *
 * Prints `op NAME COUNT P50 P99 MAX` (microseconds), `rate WRITES READS` (a second), `errors N`,
 * `lost N` (acknowledged writes that are not there, or others that are), `documents N`.
 */
#include "bench_serve.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  WRITERS_MAX = 256,
  LOCALS_MAX = 200000,
  BUCKETS = 2048,
  THINK_MS = 1000,
  CONNECTING_MAX = 32,
  GONE = -1
};

const char *const bench_statuses[4] = {"new", "open", "done", "kept"};
static const char *const kind_names[BENCH_KINDS] = {"create", "insert", "update", "delete",
                                                    "read",   "list",   "all"};

/* Latencies: 64 buckets for each power of two, so 1.6 % wide. */
typedef struct histogram {
  uint64_t buckets[BUCKETS], count, max_us;
} histogram;

/* What a writer was told: n of each of its documents, or GONE. */
typedef struct writing {
  int32_t *n;
  bool *was_seen;
  uint32_t count;
} writing;

static const bench_side *side;
static uv_loop_t *loop;
static const char *address;
static bench_client *clients;
static uint32_t client_count, writer_count, connected, running, verified;
static uint64_t started_ns, seconds, ended_ns;
static writing writings[WRITERS_MAX];
static histogram histograms[BENCH_KINDS];
static uint64_t errors, lost, documents;
static bool is_over;

void bench_die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("bench_serve: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  exit(1);
}

void bench_id(const bench_op *op, char out[BENCH_ID_CAP]) {
  snprintf(out, BENCH_ID_CAP, "w%02u-%06u", (unsigned)op->writer, (unsigned)op->local);
}

/* ---- latencies ---- */

static uint32_t bucket_of(uint64_t us) {
  uint32_t power = 0;
  if (us < 64) return (uint32_t)us;
  while (us >> power >= 128)
    power++;
  return (power + 1) * 64 + (uint32_t)(us >> power) - 64;
}

static uint64_t bucket_us(uint32_t i) {
  return i < 64 ? i : (uint64_t)(i % 64 + 64) << (i / 64 - 1);
}

static void note(histogram *h, uint64_t us) {
  uint32_t i = bucket_of(us);
  h->buckets[i < BUCKETS ? i : BUCKETS - 1]++;
  h->count++;
  if (us > h->max_us) h->max_us = us;
}

static uint64_t percentile(const histogram *h, double share) {
  uint64_t wanted = (uint64_t)((double)h->count * share), seen = 0;
  for (uint32_t i = 0; i < BUCKETS; i++) {
    seen += h->buckets[i];
    if (seen > wanted) return bucket_us(i);
  }
  return h->max_us;
}

/* ---- who asks for what ---- */

static uint32_t below(bench_client *c, uint32_t n) {
  c->random ^= c->random << 13;
  c->random ^= c->random >> 7;
  c->random ^= c->random << 17;
  return (uint32_t)((c->random >> 16) % n);
}

static void write_note(bench_client *c) {
  static const char *const words[] = {"parcel", "river",   "copper",  "window", "orchard",
                                      "signal", "harbour", "lantern", "meadow", "thread"};
  size_t len = 0;
  while (len < BENCH_NOTE_LEN - 12)
    len += (size_t)snprintf(c->op.note + len, sizeof c->op.note - len, "%s%u ", words[below(c, 10)],
                            (unsigned)below(c, 100));
}

static void send_op(bench_client *c) {
  c->begun_ns = uv_hrtime();
  side->send(c);
}

/* A document that a writer has, or had. */
static uint32_t any_local(bench_client *c, const writing *w) {
  return w->count == 0 ? 0 : below(c, w->count);
}

static void next_write(bench_client *c) {
  uint32_t chance = below(c, 100);
  writing *w = &writings[c->number];
  c->op.writer = c->number;
  c->op.local = any_local(c, w);
  c->op.kind = chance < 45   ? BENCH_INSERT
               : chance < 80 ? BENCH_UPDATE
               : chance < 85 ? BENCH_DELETE
                             : BENCH_READ;
  if (c->op.kind != BENCH_READ && (w->count == 0 || w->n[c->op.local] == GONE))
    c->op.kind = BENCH_INSERT;
  if (c->op.kind == BENCH_INSERT) {
    if (w->count == LOCALS_MAX) bench_die("a writer has more than %d documents", LOCALS_MAX);
    c->op.local = w->count;
    c->op.status = below(c, 4);
  }
  if (c->op.kind <= BENCH_UPDATE) write_note(c);
  send_op(c);
}

static void read_next(uv_timer_t *timer) {
  bench_client *c = timer->data;
  if (is_over) {
    running--;
    return;
  }
  c->op.writer = below(c, writer_count);
  c->op.local = any_local(c, &writings[c->op.writer]);
  c->op.status = below(c, 4);
  c->op.kind = below(c, 100) < 90 ? BENCH_READ : BENCH_LIST;
  send_op(c);
}

static void think(bench_client *c) {
  uv_timer_start(&c->timer, read_next, THINK_MS / 2 + below(c, THINK_MS), 0);
}

/* ---- answers ---- */

static void tell_error(const bench_client *c, const char *what) {
  if (errors++ < 5)
    fprintf(stderr, "%s of client %u: %s\n", kind_names[c->op.kind], (unsigned)c->number, what);
}

/* A writer is told what it wrote: from now on it must be there. */
static void take_write(bench_client *c, const bench_answer *a) {
  writing *w = &writings[c->number];
  if (c->op.kind == BENCH_READ) {
    bool is_there = w->count > c->op.local && w->n[c->op.local] != GONE;
    if (a->count != is_there || (is_there && a->n != w->n[c->op.local])) {
      tell_error(c, "it does not read what it wrote");
      lost++;
    }
    return;
  }
  if (a->count != 1) tell_error(c, "nothing was changed");
  if (c->op.kind == BENCH_INSERT)
    w->n[w->count++] = 0;
  else
    w->n[c->op.local] = c->op.kind == BENCH_DELETE ? GONE : w->n[c->op.local] + 1;
}

static void verify_next(bench_client *c) {
  if (verified == writer_count) return;
  c->op.kind = BENCH_ALL;
  c->op.writer = verified++;
  send_op(c);
}

void client_row(bench_client *c, const char *id, size_t len, int64_t n) {
  writing *w = &writings[c->op.writer];
  unsigned local = len > 4 && len < BENCH_ID_CAP ? (unsigned)strtoul(id + 4, NULL, 10) : UINT32_MAX;
  documents++;
  if (local >= w->count || w->was_seen[local] || n != w->n[local]) {
    lost++;
    return;
  }
  w->was_seen[local] = true;
}

static void take_all(bench_client *c) {
  const writing *w = &writings[c->op.writer];
  for (uint32_t i = 0; i < w->count; i++)
    if (w->n[i] != GONE && !w->was_seen[i]) lost++;
  verify_next(c);
}

static void begin(void);

void client_done(bench_client *c, const bench_answer *a) {
  uint64_t now = uv_hrtime();
  bool is_writer = c->number < writer_count;
  note(&histograms[c->op.kind], (now - c->begun_ns) / 1000);
  if (a->error != NULL) tell_error(c, a->error);
  if (c->op.kind == BENCH_CREATE) {
    if (a->error != NULL) bench_die("create: %s", a->error);
    begin();
    return;
  }
  if (c->op.kind == BENCH_ALL) {
    take_all(c);
    return;
  }
  if (is_writer && a->error == NULL) take_write(c, a);
  if (now - started_ns >= seconds * 1000000000u) is_over = true;
  if (is_over) {
    ended_ns = now;
    running--;
  } else if (is_writer) {
    next_write(c);
  } else {
    think(c);
  }
}

/* ---- the run ---- */

static void begin(void) {
  running = client_count;
  started_ns = uv_hrtime();
  for (uint32_t i = 0; i < client_count; i++) {
    bench_client *c = &clients[i];
    if (i < writer_count)
      next_write(c);
    else
      think(c);
  }
}

static void connect_next(void) {
  static uint32_t asked;
  while (asked < client_count && asked - connected < CONNECTING_MAX)
    side->connect(loop, address, &clients[asked++]);
}

void client_ready(bench_client *c) {
  (void)c;
  connected++;
  connect_next();
  if (connected < client_count) return;
  clients[0].op.kind = BENCH_CREATE;
  send_op(&clients[0]);
}

static void print(void) {
  double took = (double)(ended_ns - started_ns) / 1e9;
  uint64_t writes = 0, reads = 0;
  for (int k = BENCH_INSERT; k <= BENCH_ALL; k++) {
    const histogram *h = &histograms[k];
    printf("op %s %llu %llu %llu %llu\n", kind_names[k], (unsigned long long)h->count,
           (unsigned long long)percentile(h, 0.5), (unsigned long long)percentile(h, 0.99),
           (unsigned long long)h->max_us);
    if (k <= BENCH_DELETE)
      writes += h->count;
    else if (k != BENCH_ALL)
      reads += h->count;
  }
  printf("rate %.0f %.0f\n", (double)writes / took, (double)reads / took);
  printf("errors %llu\nlost %llu\ndocuments %llu\n", (unsigned long long)errors,
         (unsigned long long)lost, (unsigned long long)documents);
}

static const bench_side *other_side(void) {
#ifdef BENCH_NO_POSTGRES
  bench_die("built without libpq");
#else
  return &bench_postgres;
#endif
}

static void set_up(int argc, char **argv) {
  if (argc != 6) bench_die("usage: bench_serve SIDE ADDRESS CONNECTIONS WRITERS SECONDS");
  side = strcmp(argv[1], "mongodb") == 0 ? &bench_mongodb : other_side();
  address = argv[2];
  client_count = (uint32_t)strtoul(argv[3], NULL, 10);
  writer_count = (uint32_t)strtoul(argv[4], NULL, 10);
  seconds = strtoul(argv[5], NULL, 10);
  if (writer_count == 0 || writer_count > WRITERS_MAX || writer_count > client_count)
    bench_die("1 to %d writers, no more than connections", WRITERS_MAX);
  clients = calloc(client_count, sizeof *clients);
  if (clients == NULL) bench_die("out of memory");
  for (uint32_t i = 0; i < writer_count; i++) {
    writings[i].n = malloc(LOCALS_MAX * sizeof *writings[i].n);
    writings[i].was_seen = calloc(LOCALS_MAX, 1);
    if (writings[i].n == NULL || writings[i].was_seen == NULL) bench_die("out of memory");
  }
  loop = uv_default_loop();
  for (uint32_t i = 0; i < client_count; i++) {
    clients[i].number = i;
    clients[i].random = 0x9e3779b97f4a7c15u * (i + 1);
    uv_timer_init(loop, &clients[i].timer);
    clients[i].timer.data = &clients[i];
  }
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  set_up(argc, argv);
  connect_next();
  while (running > 0 || started_ns == 0)
    if (uv_run(loop, UV_RUN_ONCE) == 0) bench_die("nothing is left to wait for");
  fprintf(stderr, "load has ended: reading everything\n");
  printf("loaded\n"); /* whoever watches the server's memory looks now */
  verify_next(&clients[0]);
  while (verified < writer_count || histograms[BENCH_ALL].count < writer_count)
    uv_run(loop, UV_RUN_ONCE);
  print();
  for (uint32_t i = 0; i < client_count; i++)
    side->close(&clients[i]);
  for (uint32_t i = 0; i < writer_count; i++) {
    free(writings[i].n);
    free(writings[i].was_seen);
  }
  return errors + lost == 0 ? 0 : 1;
}
