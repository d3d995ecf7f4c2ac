/* test/spec/faults.c - single faults: the n-th allocation, then the n-th request, for all n.
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

#include "spec_db.h"
#include "spec_suites.h"

enum { ROUNDS_MAX = 100000 };

static const char *const setup[] = {
    "{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\", \"n\": 1, \"s\": \"x\"}, {\"$id\": "
    "\"b\", "
    "\"n\": 2, \"s\": \"y\"}, {\"$id\": \"c\", \"n\": 3}, {\"$id\": \"d\", \"n\": 4, \"o\": "
    "{\"p\": [1, 2]}}]}",
    "{\"link\": [{\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/b\", \"data\": {\"w\": 1}}, "
    "{\"from\": \"t/b\", \"predicate\": \"p\", \"to\": \"t/c\"}, {\"from\": \"t/d\", "
    "\"predicate\": "
    "\"q\", \"to\": \"t/a\"}]}",
    "{\"schema\": \"v\", \"set\": {\"k\": \"int##\", \"s\": \"string = 'x'\"}}",
    "{\"insert\": \"v\", \"documents\": [{\"$id\": \"a\", \"k\": 1}]}",
    "{\"flush\": 1}",
    "{\"update\": \"t/b\", \"ops\": {\"$set\": {\"n\": 20}}}",
    "{\"delete\": \"t/c\"}",
    "{\"schema\": \"w\", \"set\": {\"k\": \"int\", \"l\": \"string[]\", \"o\": {\"x\": "
    "\"decimal(5,2)\"}, "
    "\"$mode\": \"strict\", \"$options\": {\"includeDataVariant\": false}}}",
    "{\"insert\": \"w\", \"documents\": [{\"$id\": \"a\", \"l\": [\"x\"]}, {\"o\": {\"x\": 1.5}}]}",
    "{\"flush\": 1}",
    "{\"insert\": \"t\", \"documents\": [{\"$id\": \"e\", \"n\": 5}]}",
    "{\"update\": \"t/a\", \"ops\": {\"$inc\": {\"n\": 1}}}",
    "{\"link\": {\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/e\"}}",
};

/* Two commits, of which the second may fail: a state in the middle. */
static const char bulk_of_two[] =
    "{\"bulkWrite\": \"t\", \"ordered\": false, \"operations\": [{\"insertOne\": {\"document\": "
    "{\"$id\": \"f\"}}}, {\"insertOne\": {\"document\": {\"$id\": \"a\"}}}, {\"deleteMany\": "
    "{\"filter\": {\"n\": {\"$gt\": 2}}}}]}";
static const char first_of_two[] = "{\"insert\": \"t\", \"documents\": [{\"$id\": \"f\"}]}";

/* What is done in transaction 1 before a probe that ends or asks it, without faults. */
static const char *const in_txn[] = {
    "{\"begin\": 1}",
    "{\"update\": \"t/d\", \"ops\": {\"$set\": {\"n\": 44}}, \"txn\": 1}",
    "{\"insert\": \"t\", \"documents\": [{\"$id\": \"f\"}, {\"$id\": \"g\"}], \"txn\": 1}",
    "{\"link\": {\"from\": \"t/f\", \"predicate\": \"p\", \"to\": \"t/a\"}, \"txn\": 1}",
    "{\"delete\": \"t/a\", \"hard\": true, \"txn\": 1}",
    "{\"flush\": 1}",
};

static const struct {
  const char *command, *payload;
  bool is_write;
} probes[] = {
    {"{\"commit\": 1}", NULL, true},
    {"{\"abort\": 1}", NULL, true},
    {"{\"find\": \"t\", \"txn\": 1}", NULL, false},
    {"{\"insert\": \"t\", \"documents\": [{\"$id\": \"f\", \"n\": 6}, {\"$id\": \"c\", \"n\": 7}]}",
     NULL, true},
    {"{\"insert\": \"u\"}", "{\"$id\": \"a\", \"l\": [1, {\"x\": \"y\"}]}\n\n{\"$id\": \"b\"}\n",
     true},
    {"{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\"}]}", NULL, false}, /* exists */
    {"{\"update\": \"t/d\", \"ops\": {\"$set\": {\"o.q\": 5}, \"$unset\": {\"n\": \"\"}}}", NULL,
     true},
    {"{\"update\": \"t/a\", \"ops\": {\"z\": 1}}", NULL, true},
    {"{\"delete\": \"t/d\"}", NULL, true},
    {"{\"delete\": \"t/a\", \"hard\": true}", NULL, true},
    {"{\"link\": [{\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/b\", \"data\": {\"w\": "
     "2}}, "
     "{\"from\": \"t/d\", \"predicate\": \"p\", \"to\": \"t/e\"}]}",
     NULL, true},
    {"{\"link\": []}", "{\"from\": \"t/e\", \"predicate\": \"p\", \"to\": \"t/e\"}\n", true},
    {"{\"unlink\": [{\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/b\"}, {\"from\": "
     "\"t/a\", "
     "\"predicate\": \"p\", \"to\": \"t/e\"}]}",
     NULL, true},
    {"{\"revert\": \"t/a\", \"to\": \"seq:4\"}", NULL, true},
    {"{\"revert\": \"t\", \"to\": \"seq:7\", \"metadata\": {\"k\": 1}}", NULL, true},
    {"{\"replay\": 1}",
     "{\"id\": \"01kdvdnaz80000000000000001\", \"op\": \"UPDATE\", \"target\": \"entity\", "
     "\"entityId\": \"t/d\", \"after\": {\"n\": 9}, \"metadata\": {\"k\": 1}}\n"
     "{\"id\": \"01kdvdnaz80000000000000002\", \"op\": \"DELETE\", \"target\": \"rel\", "
     "\"entityId\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/b\"}\n",
     true},
    {"{\"history\": {\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/b\"}}", NULL, false},
    {"{\"history\": \"t/b\", \"from\": \"seq:9\", \"filter\": {\"after.n\": 20}}", NULL, false},
    {"{\"history\": \"t\", \"limit\": 3}", NULL, false},
    {"{\"getAtVersion\": \"t/b\", \"version\": 1}", NULL, false},
    {"{\"diff\": \"t/b\", \"from\": \"seq:4\"}", NULL, false},
    {"{\"diff\": \"t\", \"from\": \"seq:4\", \"to\": \"now\"}", NULL, false},
    {"{\"flush\": 1}", NULL, false}, /* changes no answer */
    {"{\"maintain\": 0}", NULL, false},
    {"{\"compact\": \"\"}", NULL, false},
    {"{\"checkpoint\": 1}", NULL, false},
    {"{\"vacuum\": 1, \"minAge\": \"0\"}", NULL, false},
    {"{\"vacuum\": 1, \"dryRun\": true}", NULL, false},
    {"{\"retention\": {\"age\": \"9w\"}}", NULL, false},
    {"{\"verify\": 1}", NULL, false},
    {"{\"backup\": 1}", NULL, false},
    {"{\"backup\": 1, \"asOf\": \"seq:9\"}", NULL, false},
    {"{\"get\": \"t/d\"}", NULL, false},
    {"{\"get\": \"w/a\"}", NULL, false},
    {"{\"find\": \"w\", \"filter\": {\"l\": {\"$ne\": \"y\"}}}", NULL, false},
    {"{\"update\": \"w/a\", \"ops\": {\"$push\": {\"l\": \"z\"}}}", NULL, true},
    {"{\"get\": \"t/b\", \"asOf\": \"seq:2\", \"project\": {\"n\": 1}}", NULL, false},
    {"{\"find\": \"t\", \"filter\": {\"n\": {\"$gt\": 1}, \"$or\": [{\"s\": \"x\"}, {\"n\": 4}]}, "
     "\"sort\": "
     "{\"n\": -1}, \"limit\": 3}",
     NULL, false},
    {"{\"find\": \"t\", \"includeDeleted\": true, \"project\": {\"o.p\": 1}, \"asOf\": \"seq:8\"}",
     NULL, false},
    {"{\"find\": \"t\", \"filter\": {\"$id\": \"t/b\"}, \"explain\": true}", NULL, false},
    {"{\"count\": \"t\", \"filter\": {\"n\": 2}, \"asOf\": \"seq:5\"}", NULL, false},
    {"{\"find\": \"t\", \"cursor\": \"\", \"limit\": 2, \"total\": true, \"snapshot\": true}", NULL,
     false},
    {"{\"find\": \"t\", \"sort\": {\"n\": -1}, \"limit\": 2, \"plain\": true}", NULL, false},
    {"{\"find\": \"t\", \"sort\": {\"$id\": 1}, \"populate\": {\"p\": {\"limit\": 1, \"populate\": "
     "[\"p_of\"]}, \"q\": {\"sort\": {\"n\": 1}}}}",
     NULL, false},
    {"{\"distinct\": \"t\", \"key\": \"n\", \"filter\": {\"n\": {\"$gt\": 1}}}", NULL, false},
    {"{\"exists\": \"t\", \"filter\": {\"n\": 2}}", NULL, false},
    {"{\"exists\": \"t/d\"}", NULL, false},
    {"{\"estimatedCount\": \"t\"}", NULL, false},
    {"{\"related\": \"t/a\", \"predicate\": \"p\"}", NULL, false},
    {"{\"related\": \"t/a\", \"predicate\": \"p\", \"filter\": {\"n\": {\"$gt\": 0}}, \"sort\": "
     "{\"n\": -1}, \"limit\": 1, \"cursor\": \"\", \"total\": true, \"populate\": [\"p_of\"]}",
     NULL, false},
    {"{\"stats\": \"t\"}", NULL, false},
    {"{\"count\": \"t\"}", NULL, false},
    {"{\"related\": \"t/a\", \"predicate\": \"q\", \"direction\": \"reverse\", \"edges\": true}",
     NULL, false},
    {"{\"traverse\": \"t/d\", \"path\": [\"q\", \"p\", {\"predicate\": \"p\", \"direction\": "
     "\"reverse\"}]}",
     NULL, false},
    {"{\"history\": \"t/b\"}", NULL, false},
    {"{\"history\": \"t/a\", \"asOf\": \"seq:4\"}", NULL, false},
    {"{\"aggregate\": \"t\", \"pipeline\": [{\"$match\": {\"$id\": {\"$regex\": \"^t/\"}}}, "
     "{\"$set\": "
     "{\"m\": {\"$add\": [\"$n\", 1]}}}, {\"$group\": {\"_id\": \"$s\", \"all\": {\"$push\": "
     "\"$m\"}}}]}",
     NULL, false},
    {"{\"aggregate\": \"t\", \"pipeline\": [{\"$lookup\": {\"from\": \"t\", \"localField\": "
     "\"n\", \"foreignField\": \"n\", \"as\": \"r\"}}, {\"$lookup\": {\"from\": \"t\", \"let\": "
     "{\"x\": \"$n\"}, \"pipeline\": [{\"$match\": {\"$expr\": {\"$lt\": [\"$n\", "
     "\"$$x\"]}}}], \"as\": \"q\"}}, {\"$unionWith\": \"t\"}, {\"$facet\": {\"f\": [{\"$sort\": "
     "{\"n\": 1}}]}}]}",
     NULL, false},
    {"{\"aggregate\": \"t\", \"pipeline\": [{\"$set\": {\"m\": 1}}, {\"$merge\": \"u\"}]}", NULL,
     true},
    {"{\"aggregate\": 1, \"pipeline\": [{\"$documents\": [{\"k\": 1, \"s\": \"z\"}, {\"_id\": "
     "\"n\", \"k\": 2}, "
     "{\"k\": 2, \"s\": \"w\"}]}, {\"$lookup\": {\"from\": \"t\", \"localField\": \"s\", "
     "\"foreignField\": \"_id\", \"as\": \"none\"}}, {\"$unset\": \"none\"}, {\"$merge\": "
     "{\"into\": "
     "\"v\", \"on\": \"k\"}}]}",
     NULL, true},
    {"{\"aggregate\": 1, \"pipeline\": [{\"$documents\": [{\"r\": \"a\"}, {\"r\": \"d\"}]}, "
     "{\"$graphLookup\": {\"from\": \"t\", \"startWith\": \"$r\", \"connectFromField\": \"n\", "
     "\"connectToField\": \"_id\", \"as\": \"x\"}}]}",
     NULL, false},
    {"{\"aggregate\": \"t\", \"pipeline\": [{\"$match\": {\"n\": {\"$gt\": 2}}}, {\"$out\": "
     "\"t\"}]}",
     NULL, true},
    {"{\"restore\": \"t/c\"}", NULL, true},
    {"{\"updateOne\": \"t\", \"filter\": {\"$id\": \"t/d\", \"n\": 4}, \"update\": {\"$inc\": "
     "{\"n\": "
     "1}}}",
     NULL, true},
    {"{\"updateMany\": \"t\", \"filter\": {\"n\": {\"$gt\": 1}}, \"update\": {\"$set\": {\"o.q\": "
     "1}, "
     "\"$link\": {\"p\": \"t/e\"}}}",
     NULL, true},
    {"{\"findOneAndUpdate\": \"t\", \"filter\": {\"n\": {\"$gt\": 1}}, \"sort\": {\"n\": -1}, "
     "\"update\": [{\"$set\": {\"m\": {\"$add\": [\"$n\", \"$$k\"]}}}], \"let\": {\"k\": 1}, "
     "\"returnDocument\": \"after\"}",
     NULL, true},
    {"{\"updateOne\": \"u\", \"filter\": {\"_id\": 5, \"n\": 1}, \"update\": {\"$set\": {\"m\": "
     "1}}, "
     "\"upsert\": true}",
     NULL, true},
    {"{\"updateOne\": \"u\", \"filter\": {\"n\": 1}, \"update\": {\"$set\": {\"_id\": 5}}, "
     "\"upsert\": true, \"collation\": {\"locale\": \"en\", \"strength\": 2}}",
     NULL, true},
    {"{\"deleteMany\": \"t\", \"filter\": {\"n\": {\"$gt\": 1}}, \"hard\": true}", NULL, true},
    {"{\"bulkWrite\": \"t\", \"operations\": [{\"insertOne\": {\"document\": {\"$id\": \"f\"}}}, "
     "{\"updateOne\": {\"filter\": {\"$id\": \"t/a\"}, \"update\": {\"$set\": {\"n\": 7}}}}, "
     "{\"deleteOne\": {\"filter\": {\"$id\": \"t/d\"}}}]}",
     NULL, true},
    {bulk_of_two, NULL, true},
    {"{\"upsertMany\": \"t\", \"operations\": [{\"filter\": {\"$id\": \"t/a\"}, \"update\": "
     "{\"$set\": "
     "{\"n\": 7}}}]}",
     NULL, true},
    {"{\"insert\": \"t\", \"ordered\": false, \"documents\": [{\"$id\": \"f\"}, {\"$id\": \"a\"}, "
     "{\"$id\": 5}]}",
     NULL, true},
    {"{\"schema\": \"t\", \"set\": {\"n\": \"number!##\", \"s\": \"string\"}}", NULL, true},
    {"{\"schema\": \"v\", \"set\": {\"k\": \"string\"}}", NULL, false}, /* does not fit */
    {"{\"insert\": \"v\", \"documents\": [{\"$id\": \"b\", \"k\": 2}, {\"$id\": \"c\"}]}", NULL,
     true},
    {"{\"insert\": \"v\", \"ordered\": false, \"documents\": [{\"$id\": \"b\", \"k\": 1}, {\"k\": "
     "\"x\"}, "
     "{\"$id\": \"c\", \"k\": 3}]}",
     NULL, true},
    {"{\"schema\": \"v\", \"asOf\": \"seq:9\"}", NULL, false},
    {"{\"schema\": \"t\", \"infer\": true}", NULL, false},
    {"{\"schema\": \"v\", \"diff\": {\"k\": \"number\", \"z\": \"date\"}}", NULL, false},
    {"{\"events\": \"\", \"from\": 2, \"limit\": 5}", NULL, false},
    {"{\"events\": \"t\", \"asOf\": \"seq:9\"}", NULL, false},
    {"{\"collections\": 1}", NULL, false},
    {"{\"stats\": 1}", NULL, false},
    {"{\"files\": \"t\"}", NULL, false},
    {"{\"files\": \"\", \"kind\": \"edges\", \"sql\": true}", NULL, false},
};
enum { PROBE_COUNT = sizeof probes / sizeof *probes, SETUP_COUNT = sizeof setup / sizeof *setup };

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
  FAULT_WRITE,      /* the n-th request that changes the store; it is not done */
  FAULT_WRITE_DONE, /* it is done, but the answer gets lost */
  FAULT_KINDS
} fault_kind;
static const char *const fault_names[] = {"allocation", "allocations from", "request",
                                          "write request (not done)", "write request (done)"};

typedef struct faults {
  spec_db db;
  int probe;
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

static void build(faults *f) {
  if (strstr(probes[f->probe].command, "maintain") != NULL)
    spec_start_low(&f->db, SPEC_MEMORY, 5);
  else
    spec_start(&f->db, SPEC_MEMORY, 5);
  for (int i = 0; i < SETUP_COUNT; i++) {
    f->db.now_us = SPEC_EPOCH_US + 1000000 * (i + 1);
    free(spec_text(&f->db, setup[i]));
  }
  f->db.now_us = SPEC_EPOCH_US + 100000000;
}

static void fail(faults *f, const char *what, const char *detail) {
  if (f->has_failed) return;
  f->has_failed = true;
  fprintf(stderr, "fault: %s, %s %llu: %s\n%s\n", probes[f->probe].command, fault_names[f->kind],
          (unsigned long long)f->n, what, detail);
}

static void tear_down(faults *f) {
  int64_t leaked = spec_end(&f->db);
  char text[32];
  snprintf(text, sizeof text, "%lld", (long long)leaked);
  if (leaked != 0) fail(f, "bytes leaked", text);
}

/* Do what a probe of a transaction needs, unless it is done. */
static void begin_txn(faults *f) {
  const char *command = probes[f->probe].command;
  bool is_of_txn = strstr(command, "\"txn\": 1") != NULL ||
                   strncmp(command, "{\"commit\"", 9) == 0 ||
                   strncmp(command, "{\"abort\"", 8) == 0;
  if (!is_of_txn || f->db.db.txn_count > 0) return;
  for (size_t i = 0; i < sizeof in_txn / sizeof *in_txn; i++)
    free(spec_text(&f->db, in_txn[i]));
}

static void run_probe(faults *f, spec_reply *r) {
  const char *payload = probes[f->probe].payload;
  spec_run(&f->db, pq_str(probes[f->probe].command),
           payload == NULL ? (pq_slice){0} : pq_str(payload), r);
}

/* Arm the fault, run the command, disarm. True when the fault happened. */
static bool run_with_fault(faults *f, spec_reply *r) {
  spec_memory *m = &f->db.memory;
  spec_faults *q = &f->db.faults;
  begin_txn(f);
  m->calls = m->failed = q->requests = q->failed = 0;
  m->is_once = f->kind == FAULT_MEMORY_ONCE;
  q->only_writes = f->kind >= FAULT_WRITE;
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
  const char *command = probes[f->probe].command;
  return strstr(command, "flush") != NULL || strstr(command, "compact") != NULL ||
         strstr(command, "maintain") != NULL || strstr(command, "checkpoint") != NULL ||
         strstr(command, "vacuum") != NULL || strstr(command, "retention") != NULL;
}

/* Numbers of files and bytes may differ after a fault. */
static bool has_loose_reply(const faults *f) {
  return strstr(probes[f->probe].command, "explain") != NULL ||
         strstr(probes[f->probe].command, "stats") != NULL ||
         strstr(probes[f->probe].command, "verify") != NULL || is_upkeep(f);
}

/* The reply: the right one, or a failure that the fault explains. */
static void check_reply(faults *f, const spec_reply *r, bool has_fault) {
  char *text = spec_reply_text(r);
  bool is_right = strcmp(text, f->reply) == 0 || (r->rc == PQ_OK && has_loose_reply(f));
  bool is_allowed =
      has_fault && (r->rc == PQ_EIO || (r->rc == PQ_ENOMEM && f->kind <= FAULT_MEMORY_FROM));
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
  tear_down(f);
  build(f);
}

/* A write's n-th fault; with `tests_writing` the handle goes on writing, else the warehouse is
 * opened again. Returns false when nothing failed. */
static bool run_write(faults *f, bool tests_writing) {
  bool may_after, is_written, has_fault;
  unsigned is = BEFORE;
  spec_reply r;
  has_fault = run_with_fault(f, &r);
  check_reply(f, &r, has_fault);
  is_written = r.rc == PQ_OK && probes[f->probe].is_write;
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
  bool changes = probes[f->probe].is_write || is_upkeep(f);
  bool has_fault = true;
  for (f->n = 1; f->n < ROUNDS_MAX && has_fault && !f->has_failed; f->n++) {
    if (f->kind == FAULT_MEMORY_ONCE && f->n > 40) f->n += 2; /* the other kind tries them all */
    if (is_cold && spec_reopen(&f->db) != PQ_OK) spec_die("cannot open again");
    if (!is_cold && changes) free(dump(&f->db)); /* warm it */
    has_fault = changes ? run_write(f, f->kind < FAULT_WRITE && f->n % 7 == 0) : run_read(f);
    if (changes && f->kind >= FAULT_WRITE && has_fault) (void)run_write(f, true);
  }
  if (getenv("SPEC_TRACE") != NULL)
    fprintf(stderr, "%s: %s %s: %llu\n", probes[f->probe].command, is_cold ? "cold" : "warm",
            fault_names[f->kind], (unsigned long long)f->n);
}

/* What the command answers and leaves when nothing fails. */
static void learn(faults *f) {
  spec_reply r;
  build(f);
  f->seq = spec_text(&f->db, "{\"count\": \"t\"}");
  f->before = dump(&f->db);
  begin_txn(f);
  run_probe(f, &r);
  f->reply = spec_reply_text(&r);
  spec_reply_release(&r);
  f->after = dump(&f->db);
  tear_down(f);
  if (probes[f->probe].command != bulk_of_two) return;
  build(f);
  free(spec_text(&f->db, first_of_two));
  f->middle = dump(&f->db);
  tear_down(f);
}

static bool run_kind(int probe, fault_kind kind) {
  faults f = {.probe = probe, .kind = kind};
  learn(&f);
  build(&f);
  run_all(&f, true);
  if (!f.has_failed && kind != FAULT_MEMORY_ONCE) run_all(&f, false);
  tear_down(&f);
  free(f.before);
  free(f.middle);
  free(f.after);
  free(f.reply);
  free(f.seq);
  return !f.has_failed;
}

void spec_faults_run(const char *only, uint64_t *passed, uint64_t *failed) {
  for (int i = 0; i < PROBE_COUNT; i++) {
    if (only != NULL && strstr(probes[i].command, only) == NULL) continue;
    for (int k = 0; k < FAULT_KINDS; k++)
      *(run_kind(i, (fault_kind)k) ? passed : failed) += 1;
  }
}
