/* test/spec/faults.c - single faults: the n-th allocation, request, hot-tier call, for all n.
 *
 *   set-up ─► before ──command, fault at n──► right reply, or an error that says so
 *                    │                        same handle: state is before or after, never between
 *                    │                        reopened:    the same; nothing leaked
 *                    └──command, no fault──► after
 *
 * A failure other than STORAGE_ERROR ("outcome unknown") must have changed nothing. A bulk write of
 * two commits may leave the first of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_probes.h"
#include "spec_db.h"
#include "spec_suites.h"

enum { ROUNDS_MAX = 100000 };

/* What the state is made of, for comparison. */
static const char *const dump_commands[] = {
    "{\"find\": \"t\", \"includeDeleted\": true, \"sort\": {\"$id\": 1}}",
    "{\"find\": \"u\", \"sort\": {\"$id\": 1}}",
    "{\"find\": \"v\", \"sort\": {\"$id\": 1}}",
    "{\"schema\": \"t\"}",
    "{\"related\": \"t/a\", \"predicate\": \"p\", \"edges\": true}",
    "{\"related\": \"t/e\", \"predicate\": \"p\", \"direction\": \"reverse\", \"edges\": true}",
    "{\"related\": \"t/d\", \"predicate\": \"q\", \"edges\": true}",
    "{\"history\": \"t/a\"}",
    "{\"find\": \"t\", \"asOf\": \"seq:8\", \"sort\": {\"$id\": 1}}",
};

typedef enum fault_kind {
  FAULT_MEMORY_ONCE,
  FAULT_MEMORY_FROM, /* and all after it */
  FAULT_REQUEST,
  FAULT_REQUESTS_FROM, /* the store has gone */
  FAULT_HOT,           /* the n-th call of the hot tier */
  FAULT_HOT_FROM,      /* the hot tier has gone, the files are there */
  FAULT_WRITE,         /* the n-th request that changes the store; it is not done */
  FAULT_WRITE_DONE,    /* it is done, but the answer gets lost */
  FAULT_KINDS
} fault_kind;
static const char *const fault_names[] = {"allocation",
                                          "allocations from",
                                          "request",
                                          "requests from",
                                          "hot-tier call",
                                          "hot-tier calls from",
                                          "write request (not done)",
                                          "write request (done)"};

typedef struct faults {
  spec_db db;
  const fault_probe *probe;
  fault_kind kind;
  uint64_t n;
  char *before, *middle, *after, *reply, *seq; /* texts; middle: NULL if there is none */
  bool has_failed;
} faults;

static char *dump(spec_db *s) {
  char *text = spec_format("%s", "");
  for (size_t i = 0; i < sizeof dump_commands / sizeof *dump_commands; i++) {
    spec_reply r;
    char *part, *next;
    spec_run(s, pq_str(dump_commands[i]), (pq_slice){0}, &r);
    part = spec_reply_text(&r);
    next = spec_format("%s%s", text, part);
    spec_reply_release(&r);
    free(part);
    free(text);
    text = next;
  }
  return text;
}

/* A command, or "NAMESPACE COMMAND" for another namespace. */
static void set_up(faults *f, const char *text) {
  char ns[16] = {0};
  size_t n = strcspn(text, "{");
  if (n > 0) {
    snprintf(ns, sizeof ns, "%.*s", (int)n - 1, text);
    f->db.ns = ns;
  }
  free(spec_text(&f->db, text + n));
  f->db.ns = "default";
}

static void build(faults *f) {
  if (strstr(f->probe->command, "maintain") != NULL)
    spec_start_low(&f->db, SPEC_MEMORY, 5);
  else
    spec_start(&f->db, SPEC_MEMORY, 5);
  for (int i = 0; fault_setup[i] != NULL; i++) {
    f->db.now_us = SPEC_EPOCH_US + 1000000 * (i + 1);
    set_up(f, fault_setup[i]);
  }
  f->db.now_us = SPEC_EPOCH_US + 100000000;
}

static void fail(faults *f, const char *what, const char *detail) {
  if (f->has_failed) return;
  f->has_failed = true;
  fprintf(stderr, "fault: %s, %s %llu: %s\n%s\n", f->probe->command, fault_names[f->kind],
          (unsigned long long)f->n, what, detail);
}

static void check_leaks(faults *f, int64_t leaked) {
  char text[32];
  snprintf(text, sizeof text, "%lld", (long long)leaked);
  if (leaked != 0) fail(f, "bytes leaked", text);
}

static void tear_down(faults *f) {
  check_leaks(f, spec_end(&f->db));
}

/* Do what a probe of a transaction needs, unless it is done. Where the second turn of a bulk write
 * is about the first, that one is to find no memory for what it has stored: the tail is empty. */
static void prepare(faults *f) {
  const char *command = f->probe->command;
  bool is_of_txn = strstr(command, "\"txn\": 1") != NULL ||
                   strncmp(command, "{\"commit\"", 9) == 0 ||
                   strncmp(command, "{\"abort\"", 8) == 0;
  if (command == fault_bulk_of_one) free(spec_text(&f->db, "{\"flush\": 1}"));
  if (!is_of_txn || f->db.db.txn_count > 0) return;
  for (size_t i = 0; fault_in_txn[i] != NULL; i++)
    free(spec_text(&f->db, fault_in_txn[i]));
}

static void run_probe(faults *f, spec_reply *r) {
  const char *payload = f->probe->payload;
  spec_run(&f->db, pq_str(f->probe->command), payload == NULL ? (pq_slice){0} : pq_str(payload), r);
}

/* Arm the fault, run the command, disarm. True when the fault happened. */
static bool run_with_fault(faults *f, spec_reply *r) {
  spec_memory *m = &f->db.memory;
  spec_faults *q = &f->db.faults;
  prepare(f);
  m->calls = m->failed = q->requests = q->failed = 0;
  m->is_once = f->kind == FAULT_MEMORY_ONCE;
  q->only_writes = f->kind >= FAULT_WRITE;
  q->only_hot = f->kind == FAULT_HOT || f->kind == FAULT_HOT_FROM;
  q->is_from = f->kind == FAULT_REQUESTS_FROM || f->kind == FAULT_HOT_FROM;
  q->does_it_anyway = f->kind == FAULT_WRITE_DONE;
  if (f->kind <= FAULT_MEMORY_FROM)
    m->fail_at = f->n;
  else
    q->fail_at = f->n;
  run_probe(f, r);
  m->fail_at = q->fail_at = 0;
  return m->failed + q->failed > 0;
}

/* The first line in which two texts differ. */
static char *first_difference(const char *got, const char *want) {
  size_t from = 0, i = 0;
  while (got[i] != '\0' && got[i] == want[i]) {
    if (got[i] == '\n') from = i + 1;
    i++;
  }
  return spec_format("  got  %.*s\n  want %.*s\n", (int)strcspn(got + from, "\n"), got + from,
                     (int)strcspn(want + from, "\n"), want + from);
}

enum { BEFORE = 1, MIDDLE = 2, AFTER = 4 };

/* The state must be one of the allowed ones; returns which it is. */
static unsigned check_state(faults *f, unsigned allowed, const char *where) {
  char *state = dump(&f->db);
  unsigned is = 0;
  if (strcmp(state, f->before) == 0) is |= BEFORE;
  if (f->middle != NULL && strcmp(state, f->middle) == 0) is |= MIDDLE;
  if (strcmp(state, f->after) == 0) is |= AFTER;
  if ((is & allowed) == 0) {
    char *first = first_difference(state, f->before);
    char *second = first_difference(state, f->after);
    char *detail = spec_format("%s: the state is %s\nbefore:\n%safter:\n%s", where,
                               is & BEFORE   ? "before"
                               : is & AFTER  ? "after"
                               : is & MIDDLE ? "in the middle"
                                             : "none of them",
                               first, second);
    fail(f, "a wrong state", detail);
    free(first);
    free(second);
    free(detail);
  }
  free(state);
  return is;
}

/* Flush and the like: they write to the store, but change no answer. */
static bool is_upkeep(const faults *f) {
  const char *command = f->probe->command;
  return strstr(command, "flush") != NULL || strstr(command, "compact") != NULL ||
         strstr(command, "maintain") != NULL || strstr(command, "checkpoint") != NULL ||
         strstr(command, "vacuum") != NULL || strstr(command, "retention") != NULL;
}

/* Numbers of files and bytes may differ after a fault. */
static bool has_loose_reply(const faults *f) {
  return strstr(f->probe->command, "explain") != NULL ||
         strstr(f->probe->command, "stats") != NULL ||
         strstr(f->probe->command, "verify") != NULL || is_upkeep(f);
}

/* A link to another namespace is stored, but not its record there. */
static bool is_behind(const spec_reply *r) {
  return r->rc == PQ_OK && !pq_value_is_missing(pq_object_get_str(r->summary, "refs"));
}

/* The reply: the right one, or a failure that the fault explains. */
static void check_reply(faults *f, const spec_reply *r, bool has_fault) {
  char *text = spec_reply_text(r);
  bool is_right = strcmp(text, f->reply) == 0 || (r->rc == PQ_OK && has_loose_reply(f));
  bool is_allowed = has_fault && (is_behind(r) || r->rc == PQ_EIO ||
                                  (r->rc == PQ_ENOMEM && f->kind <= FAULT_MEMORY_FROM));
  if (!is_right && !is_allowed) {
    char *detail = first_difference(text, f->reply);
    fail(f, "a wrong reply", detail);
    free(detail);
  }
  free(text);
}

/* The handle still writes and flushes. */
static void check_writable(faults *f) {
  static const char *const commands[] = {
      "{\"insert\": \"z\", \"documents\": [{\"$id\": \"z\"}]}", "{\"flush\": 1}",
      "{\"update\": \"z/z\", \"ops\": {\"$set\": {\"a\": 1}}}", "{\"get\": \"z/z\"}"};
  for (int i = 0; i < 4; i++) {
    spec_reply r;
    spec_run(&f->db, pq_str(commands[i]), (pq_slice){0}, &r);
    if (r.rc != PQ_OK) fail(f, commands[i], r.message);
    if (r.rc == PQ_OK && i == 3 && r.count != 1) fail(f, commands[i], "not there");
    spec_reply_release(&r);
  }
}

/* The number of the last event, which no failed command may change. */
static void check_seq(faults *f) {
  char *text = spec_text(&f->db, "{\"count\": \"t\"}");
  if (strcmp(text, f->seq) != 0) fail(f, "the number of events has changed", text);
  free(text);
}

/* After a fault: the same command again, without one. */
static void check_again(faults *f) {
  spec_reply r;
  run_probe(f, &r);
  check_reply(f, &r, false);
  spec_reply_release(&r);
}

static void build_again(faults *f) {
  check_leaks(f, spec_go_back(&f->db));
}

/* A write's n-th fault; with `tests_writing` the handle goes on writing, else the warehouse is
 * opened again. Returns false when nothing failed. */
static bool run_write(faults *f, bool tests_writing) {
  bool may_after, is_written, has_fault;
  unsigned is = BEFORE;
  spec_reply r;
  has_fault = run_with_fault(f, &r);
  check_reply(f, &r, has_fault);
  is_written = r.rc == PQ_OK && f->probe->is_write;
  may_after = is_written || r.rc == PQ_EIO;
  if (may_after || f->n % 16 == 0)
    is = check_state(f,
                     is_written  ? AFTER
                     : may_after ? BEFORE | MIDDLE | AFTER
                                 : BEFORE,
                     "same handle");
  else
    check_seq(f);
  if (tests_writing) check_writable(f);
  if (spec_reopen(&f->db) != PQ_OK) spec_die("cannot open again");
  if (!tests_writing && (may_after || f->n % 16 == 0))
    (void)check_state(f, is, "reopened");
  else if (!tests_writing)
    check_seq(f);
  if (may_after || tests_writing || r.rc == PQ_OK) build_again(f);
  spec_reply_release(&r);
  return has_fault;
}

static bool run_read(faults *f) {
  spec_reply r;
  bool has_fault = run_with_fault(f, &r);
  check_reply(f, &r, has_fault);
  if (has_fault) check_again(f);
  spec_reply_release(&r);
  return has_fault;
}

/* All n, each on a handle that was just opened (cold) or on one that knows the files already. */
static void run_all(faults *f, bool is_cold) {
  bool changes = f->probe->is_write || is_upkeep(f);
  bool has_fault = true;
  for (f->n = 1; f->n < ROUNDS_MAX && has_fault && !f->has_failed; f->n++) {
    if (f->kind == FAULT_MEMORY_ONCE && f->n > 40) f->n += 2; /* the other kind tries them all */
    if (is_cold && spec_reopen(&f->db) != PQ_OK) spec_die("cannot open again");
    if (!is_cold && changes) free(dump(&f->db)); /* warm it */
    has_fault = changes ? run_write(f, f->kind < FAULT_WRITE && f->n % 7 == 0) : run_read(f);
    if (changes && f->kind >= FAULT_WRITE && has_fault) (void)run_write(f, true);
  }
  if (getenv("SPEC_TRACE") != NULL)
    fprintf(stderr, "%s: %s %s: %llu\n", f->probe->command, is_cold ? "cold" : "warm",
            fault_names[f->kind], (unsigned long long)f->n);
}

/* What the command answers and leaves when nothing fails. */
static void learn(faults *f) {
  spec_reply r;
  build(f);
  f->seq = spec_text(&f->db, "{\"count\": \"t\"}");
  f->before = dump(&f->db);
  prepare(f);
  run_probe(f, &r);
  f->reply = spec_reply_text(&r);
  spec_reply_release(&r);
  f->after = dump(&f->db);
  tear_down(f);
  if (f->probe->command != fault_bulk_of_two && f->probe->command != fault_bulk_of_one) return;
  build(f);
  free(spec_text(&f->db, fault_first_of_two));
  f->middle = dump(&f->db);
  tear_down(f);
}

static bool run_kind(faults *f, fault_kind kind) {
  f->kind = kind;
  f->has_failed = false;
  build(f);
  spec_keep(&f->db);
  run_all(f, true);
  if (!f->has_failed && kind != FAULT_MEMORY_ONCE) run_all(f, false);
  tear_down(f);
  return !f->has_failed;
}

static void run_one(const fault_probe *probe, uint64_t *passed, uint64_t *failed) {
  faults f = {.probe = probe};
  learn(&f);
  for (int k = 0; k < FAULT_KINDS; k++)
    *(run_kind(&f, (fault_kind)k) ? passed : failed) += 1;
  free(f.before);
  free(f.middle);
  free(f.after);
  free(f.reply);
  free(f.seq);
}

static void run_list(const fault_probe *probes, const char *only, uint64_t *passed,
                     uint64_t *failed) {
  for (const fault_probe *p = probes; p->command != NULL; p++) {
    if (only != NULL && strstr(p->command, only) == NULL) continue;
    if ((uint32_t)(p - probes) % spec_shares != spec_share - 1) continue;
    run_one(p, passed, failed);
  }
}

uint32_t spec_share = 1, spec_shares = 1;

void spec_faults_run(const char *only, uint64_t *passed, uint64_t *failed) {
  uint32_t bulk = spec_bulk;
  run_list(fault_probes, only, passed, failed);
  spec_bulk = 1;
  run_list(fault_bulk_probes, only, passed, failed);
  spec_bulk = bulk;
}
