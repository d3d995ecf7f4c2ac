/* test/unit/test_oracle_commands.c - the recorded answers asked through the public commands, in
 * every way in which a collection can be stored.
 *
 *   a case ─► plain evaluation (oracle_util.h): as recorded?
 *      └────► a collection, prepared in a mode ─► find, updateOne, aggregate ─► the same answer?
 *
 *   overlay   nothing flushed                    half     a part in files, the rest in the tail
 *   flushed   all in files                       changed  other content before; extra entities that
 *   as-of     asked as of before changes                  are deleted for good
 *   typed     all in files, with a schema that was inferred from the documents
 *
 * A warehouse in memory holds a batch of cases, a collection each. Each mode takes every third
 * case, so that every case is asked in two modes; with $PARQUEDB_ORACLE_ALL set (to anything) in
 * all.
 */
#include "oracle_util.h"
#include "warehouse_util.h"

enum { BATCH = 64, STEP = 3 };

typedef struct question {
  pq_value line, docs; /* docs: an array, also of an update's one document */
  oracle_kind kind;
  int id;
  bool is_unordered;
  oracle_answer answer;
} question;

typedef struct batch {
  warehouse w;
  oracle *t;
  question questions[BATCH];
  bool is_asked[BATCH]; /* in this mode */
  uint32_t count, number;
  uint64_t as_of; /* 0: now */
  const char *mode;
  uint32_t asked_count, error_count;
} batch;

/* ---- modes: how the documents get where they are ---- */

/* Documents [from, to) of a case. */
static void insert(batch *b, uint32_t i, uint32_t from, uint32_t to) {
  pq_value docs = b->questions[i].docs;
  if (from == to) return;
  begin(&b->w, "insert", i);
  put_text(&b->w, ",\"documents\":[");
  for (uint32_t k = from; k < to; k++) {
    if (k > from) put_text(&b->w, ",");
    put_value(&b->w, pq_array_at(docs, k));
  }
  put_text(&b->w, "]");
  must_run(&b->w);
}

/* {"_id": id, and what `doc` has beside its own}, and something more. */
static void put_other(batch *b, pq_value id, pq_value doc) {
  uint32_t count;
  pq_field *fields = pq_object_fields(&b->t->arena, doc, &count);
  put_text(&b->w, "{\"_id\":");
  put_value(&b->w, id);
  for (uint32_t i = 0; fields != NULL && i < count; i++) {
    if (pq_slice_is(fields[i].name, "_id")) continue;
    put_text(&b->w, ",");
    CHECK(pq_buf_put_json_str(&b->w.text, fields[i].name) == PQ_OK);
    put_text(&b->w, ":");
    put_value(&b->w, fields[i].value);
  }
  put_text(&b->w, ",\"before\":[1,\"x\"]}");
}

/* Each document's id with the content of its neighbour. */
static void put_others(batch *b, uint32_t i, const char *head, const char *tail) {
  pq_value docs = b->questions[i].docs;
  uint32_t count = pq_value_count(docs);
  for (uint32_t k = 0; k < count; k++) {
    pq_value id = get(pq_array_at(docs, k), "_id");
    put_text(&b->w, k == 0 ? "" : ",");
    if (*head != '\0') {
      put_text(&b->w, head);
      put_value(&b->w, id);
      put_text(&b->w, "},\"replacement\":");
    }
    put_other(b, id, pq_array_at(docs, (k + 1) % count));
    put_text(&b->w, tail);
  }
}

/* Copies under ids of their own: "x0", "x1" … */
static void put_extras(batch *b, uint32_t i) {
  pq_value docs = b->questions[i].docs, id;
  char text[16];
  for (uint32_t k = 0; k < pq_value_count(docs); k++) {
    snprintf(text, sizeof text, "\"x%u\"", k);
    id = parse_reply(&b->w, text, strlen(text));
    put_text(&b->w, k == 0 ? "" : ",");
    put_other(b, id, pq_array_at(docs, k));
  }
}

static void delete_for_good(batch *b, uint32_t i, const char *filter) {
  begin(&b->w, "deleteMany", i);
  put_text(&b->w, ",\"hard\":true,\"filter\":");
  put_text(&b->w, filter);
  must_run(&b->w);
}

static void flush(batch *b) {
  pq_buf_clear(&b->w.text);
  put_text(&b->w, "{\"flush\":1");
  must_run(&b->w);
}

static void insert_all(batch *b) {
  for (uint32_t i = 0; i < b->count; i++)
    if (b->is_asked[i]) insert(b, i, 0, pq_value_count(b->questions[i].docs));
}

static void prepare_overlay(batch *b) {
  insert_all(b);
}

static void prepare_flushed(batch *b) {
  insert_all(b);
  flush(b);
}

/* Of a single document: now in files, now in the tail. */
static uint32_t half_of(const batch *b, uint32_t i) {
  return (pq_value_count(b->questions[i].docs) + (i & 1)) / 2;
}

static void prepare_half(batch *b) {
  for (uint32_t i = 0; i < b->count; i++)
    if (b->is_asked[i]) insert(b, i, 0, half_of(b, i));
  flush(b);
  for (uint32_t i = 0; i < b->count; i++)
    if (b->is_asked[i]) insert(b, i, half_of(b, i), pq_value_count(b->questions[i].docs));
}

static void insert_others(batch *b, uint32_t i) {
  begin(&b->w, "insert", i);
  put_text(&b->w, ",\"documents\":[");
  put_others(b, i, "", "");
  put_text(&b->w, ",");
  put_extras(b, i);
  put_text(&b->w, "]");
  must_run(&b->w);
}

static void replace_by_own(batch *b, uint32_t i) {
  pq_value docs = b->questions[i].docs;
  begin(&b->w, "bulkWrite", i);
  put_text(&b->w, ",\"operations\":[");
  for (uint32_t k = 0; k < pq_value_count(docs); k++) {
    put_text(&b->w, k == 0 ? "" : ",");
    put_text(&b->w, "{\"replaceOne\":{\"filter\":{\"_id\":");
    put_value(&b->w, get(pq_array_at(docs, k), "_id"));
    put_text(&b->w, "},\"replacement\":");
    put_value(&b->w, pq_array_at(docs, k));
    put_text(&b->w, "}}");
  }
  put_text(&b->w, "]");
  must_run(&b->w);
}

static void prepare_changed(batch *b) {
  for (uint32_t i = 0; i < b->count; i++)
    if (b->is_asked[i]) insert_others(b, i);
  flush(b);
  for (uint32_t i = 0; i < b->count; i++) {
    if (!b->is_asked[i]) continue;
    replace_by_own(b, i);
    delete_for_good(b, i, "{\"_id\":{\"$type\":\"string\"}}");
  }
  if ((b->number & 1) != 0) flush(b);
}

static void prepare_as_of(batch *b) {
  insert_all(b);
  if ((b->number & 1) != 0) flush(b);
  b->as_of = b->w.seq;
  for (uint32_t i = 0; i < b->count; i++) {
    if (!b->is_asked[i]) continue;
    if ((i & 1) != 0) {
      delete_for_good(b, i, "{}");
      continue;
    }
    begin(&b->w, "bulkWrite", i);
    put_text(&b->w, ",\"operations\":[");
    put_others(b, i, "{\"replaceOne\":{\"filter\":{\"_id\":", "}}");
    put_text(&b->w, "]");
    must_run(&b->w);
  }
  if ((b->number & 2) != 0) flush(b);
}

/* The schema is what fits the documents. They were there before it, or come after it. */
static void prepare_typed(batch *b) {
  insert_all(b);
  for (uint32_t i = 0; i < b->count; i++) {
    reply r;
    if (!b->is_asked[i]) continue;
    begin(&b->w, "schema", i);
    put_text(&b->w, ",\"infer\":true");
    r = run(&b->w);
    CHECK(r.status == PQDB_OK && pq_value_count(r.docs) == 1);
    begin(&b->w, "schema", i);
    put_option(&b->w, "set", pq_array_at(r.docs, 0));
    must_run(&b->w);
    if ((b->number & 1) == 0) continue;
    delete_for_good(b, i, "{}");
    insert(b, i, 0, pq_value_count(b->questions[i].docs));
  }
  flush(b);
}

static const struct mode {
  const char *name;
  void (*prepare)(batch *b);
} modes[] = {{"overlay", prepare_overlay}, {"flushed", prepare_flushed}, {"half", prepare_half},
             {"changed", prepare_changed}, {"as-of", prepare_as_of},     {"typed", prepare_typed}};
enum { MODE_COUNT = sizeof modes / sizeof *modes };

/* ---- questions ---- */

static void put_reading(batch *b) {
  put_text(&b->w, ",\"plain\":true");
  if (b->as_of > 0)
    CHECK(pq_buf_printf(&b->w.text, ",\"asOf\":{\"seq\":%llu}", (unsigned long long)b->as_of) ==
          PQ_OK);
}

static reply ask_find(batch *b, uint32_t i) {
  pq_value line = b->questions[i].line;
  begin(&b->w, "find", i);
  put_option(&b->w, "filter", get(line, "filter"));
  put_option(&b->w, "sort", get(line, "sort"));
  put_option(&b->w, "limit", get(line, "limit"));
  put_option(&b->w, "project", get(line, "projection"));
  put_reading(b);
  return run(&b->w);
}

/* `count` has ways of its own to answer. */
static void check_count(batch *b, uint32_t i, uint32_t expected) {
  int64_t count = -1;
  reply r;
  begin(&b->w, "count", i);
  put_option(&b->w, "filter", get(b->questions[i].line, "filter"));
  put_reading(b);
  r = run(&b->w);
  if (r.status == PQDB_OK) (void)pq_value_i64(get(r.summary, "count"), &count);
  if (count != expected) oracle_fail(b->t, "count", r.summary, b->questions[i].answer.docs);
}

static reply ask_aggregate(batch *b, uint32_t i) {
  begin(&b->w, "aggregate", i);
  put_option(&b->w, "pipeline", get(b->questions[i].line, "pipeline"));
  put_reading(b);
  return run(&b->w);
}

static reply look(batch *b, uint32_t i) {
  begin(&b->w, "find", i);
  put_reading(b);
  return run(&b->w);
}

/* Change the one document and look; as of before nothing is changed. */
static reply ask_update(batch *b, uint32_t i) {
  question *q = &b->questions[i];
  int64_t matched = 0, modified = 0;
  reply r;
  if (b->as_of == 0) {
    pq_value filters = get(q->line, "arrayFilters");
    begin(&b->w, "updateOne", i);
    put_text(&b->w, ",\"filter\":{},\"validate\":\"off\"");
    put_option(&b->w, "update", get(q->line, "update"));
    if (pq_value_type(filters) == PQ_TYPE_ARRAY) put_option(&b->w, "arrayFilters", filters);
    r = run(&b->w);
    if (r.status != PQDB_OK) return r;
    (void)pq_value_i64(get(r.summary, "matchedCount"), &matched);
    (void)pq_value_i64(get(r.summary, "modifiedCount"), &modified);
    if (matched != 1 || modified != q->answer.is_changed)
      oracle_fail(b->t, "matchedCount or modifiedCount", r.summary, q->answer.docs);
  }
  return look(b, i);
}

/* An error is one of the question's: it names an operator or a path. */
static bool is_good_error(const batch *b, int status) {
  const char *message = pqdb_message(b->w.db);
  bool is_code = status == PQDB_INVALID_FILTER || status == PQDB_INVALID_UPDATE ||
                 status == PQDB_VALIDATION_FAILED || status == PQDB_LIMIT_EXCEEDED;
  return is_code && (strchr(message, '\'') != NULL || strchr(message, '$') != NULL);
}

static void fail(batch *b, const char *why, pq_value ours, pq_value theirs) {
  char text[600];
  snprintf(text, sizeof text, "%s, %s: %s", b->mode, why, pqdb_message(b->w.db));
  oracle_fail(b->t, text, ours, theirs);
}

static void turn_to(oracle *t, const question *q) {
  t->line = q->line;
  t->id = q->id;
  t->is_unordered = q->is_unordered;
}

static void ask(batch *b, uint32_t i) {
  const question *q = &b->questions[i];
  oracle *t = b->t;
  bool is_past_update = q->kind == ORACLE_UPDATE && b->as_of > 0;
  pq_value expected = is_past_update ? q->docs : q->answer.docs;
  reply r = {0};
  turn_to(t, q);
  if (q->kind == ORACLE_FIND) r = ask_find(b, i);
  if (q->kind == ORACLE_UPDATE) r = ask_update(b, i);
  if (q->kind == ORACLE_AGGREGATE) r = ask_aggregate(b, i);
  b->asked_count++;
  if (q->answer.rc != PQ_OK && !is_past_update) {
    b->error_count++;
    if (r.status == PQDB_OK) {
      fail(b, "an error is expected", r.docs, q->answer.docs);
    } else if (!is_good_error(b, r.status)) {
      fail(b, pqdb_status_name(r.status), r.docs, q->answer.docs);
    } else {
      unit_passed++;
    }
  } else if (r.status != PQDB_OK) {
    fail(b, pqdb_status_name(r.status), r.docs, expected);
  } else if (!oracle_is_same(t, r.docs, expected)) {
    fail(b, "another answer", r.docs, expected);
  } else {
    unit_passed++;
    if (q->kind == ORACLE_FIND && pq_value_is_missing(get(q->line, "limit")))
      check_count(b, i, pq_value_count(expected));
  }
}

/* What updates made, or left as it was, in files. */
static void look_again(batch *b) {
  flush(b);
  for (uint32_t i = 0; i < b->count; i++) {
    const question *q = &b->questions[i];
    pq_value expected = q->answer.rc == PQ_OK ? q->answer.docs : q->docs;
    reply r;
    if (!b->is_asked[i] || q->kind != ORACLE_UPDATE) continue;
    turn_to(b->t, q);
    r = look(b, i);
    if (r.status != PQDB_OK || !oracle_is_same(b->t, r.docs, expected))
      fail(b, "after a flush", r.docs, expected);
  }
}

static void run_mode(batch *b, uint32_t mode, uint32_t step) {
  b->mode = modes[mode].name;
  b->as_of = 0;
  for (uint32_t i = 0; i < b->count; i++)
    b->is_asked[i] = (i + mode + b->number) % step == 0;
  if (warehouse_open(&b->w, &b->t->arena, b->t->b)) {
    modes[mode].prepare(b);
    for (uint32_t i = 0; i < b->count; i++)
      if (b->is_asked[i]) ask(b, i);
    if (b->as_of == 0) look_again(b);
  }
  warehouse_close(&b->w);
}

/* ---- files of cases ---- */

/* Add the line that was read, unless plain evaluation is wrong already. */
static void add(batch *b) {
  oracle *t = b->t;
  question *q = &b->questions[b->count];
  oracle_verdict verdict;
  pq_value doc = get(t->line, "doc");
  pq_eval eval = {.cx = &t->cx, .arena = &t->arena, .builder = t->b};
  *q = (question){.line = t->line, .kind = t->kind, .id = t->id, .is_unordered = t->is_unordered};
  q->answer = oracle_answer_of(t);
  verdict = oracle_judge(t, &q->answer);
  if (verdict == ORACLE_UNSUPPORTED || verdict == ORACLE_WRONG) return;
  q->docs = get(t->line, "docs");
  if (t->kind == ORACLE_UPDATE) CHECK(pq_make_array(&eval, &doc, 1, &q->docs) == PQ_OK);
  b->count++;
}

static void finish(batch *b, uint32_t step) {
  for (uint32_t mode = 0; mode < MODE_COUNT && b->count > 0; mode++)
    run_mode(b, mode, step);
  b->count = 0;
  b->number++;
  pq_arena_clear(&b->t->arena);
}

static bool run_file(const char *name, uint32_t step) {
  static char line[ORACLE_LINE_CAP];
  static batch b;
  oracle t;
  FILE *f = oracle_open(&t, name);
  if (f == NULL) return false;
  memset(&b, 0, sizeof b);
  b.t = &t;
  while (t.b != NULL && fgets(line, sizeof line, f) != NULL) {
    if (!oracle_read(&t, line)) continue;
    add(&b);
    if (b.count == BATCH) finish(&b, step);
  }
  finish(&b, step);
  printf("%s: %u asked in %d modes (%u of them errors), %d wrong\n", name, b.asked_count,
         MODE_COUNT, b.error_count, t.shown_count);
  oracle_close(&t, f);
  return true;
}

int main(void) {
  uint32_t step = getenv("PARQUEDB_ORACLE_ALL") != NULL ? 1 : STEP;
  if (!run_file("cases_json.jsonl", step) || !run_file("cases_full.jsonl", step))
    printf("skipped: oracle not found\n");
  return unit_end();
}
