/* test/fuzz/fuzz_schema.c - a schema as JSON on the first line, documents on the lines after it.
 * What must hold:
 *
 *   print(parse(x)) parses to the same;  a schema does not differ from itself;
 *   what is accepted strictly is accepted as it is stored, unchanged, and has no problems to warn
 * of; a schema that was inferred from the documents parses and accepts each of them.
 */
#include "fuzz.h"

#include "schema/schema.h"
#include "value/compare.h"
#include "value/json.h"

enum { DOCUMENTS_MAX = 16 };

typedef struct work {
  pq_builder *b;
  pq_arena *arena;
  pq_eval eval;
  pq_value docs[DOCUMENTS_MAX];
  uint32_t doc_count;
} work;

static int validate(work *w, const pq_schema *s, pq_schema_mode mode, pq_value doc, pq_value *out,
                    uint32_t *problem_count) {
  const pq_problem *problems;
  return pq_schema_validate(s, mode, &w->eval, w->arena, doc, out, &problems, problem_count);
}

static void check_document(work *w, const pq_schema *s, pq_value doc) {
  pq_value stored, again;
  uint32_t count;
  int rc = validate(w, s, PQ_VALIDATE_STRICT, doc, &stored, &count);
  FUZZ_CHECK(rc == PQ_OK || rc == PQ_EINVALID);
  FUZZ_CHECK(count == 0);
  if (rc == PQ_OK) {
    FUZZ_CHECK(validate(w, s, PQ_VALIDATE_STRICT, stored, &again, &count) == PQ_OK);
    FUZZ_CHECK(again.p == stored.p);
  }
  FUZZ_CHECK(validate(w, s, PQ_VALIDATE_WARN, doc, &again, &count) == PQ_OK);
  FUZZ_CHECK((count == 0) == (rc == PQ_OK));
}

static void check_schema(work *w, pq_value spec) {
  const pq_schema_change *changes;
  pq_schema *s, *again;
  pq_value printed, reprinted;
  uint32_t count;
  if (pq_schema_parse(w->arena, spec, NULL, &s) != PQ_OK) return;
  FUZZ_CHECK(pq_schema_print(s, w->b, w->arena, &printed) == PQ_OK);
  FUZZ_CHECK(pq_schema_parse(w->arena, printed, NULL, &again) == PQ_OK);
  FUZZ_CHECK(pq_schema_print(again, w->b, w->arena, &reprinted) == PQ_OK);
  FUZZ_CHECK(pq_value_compare(printed, reprinted) == 0);
  FUZZ_CHECK(pq_schema_parse(w->arena, printed, s, &again) == PQ_OK);
  FUZZ_CHECK(again->next_id == s->next_id);
  FUZZ_CHECK(pq_schema_diff(w->arena, s, again, &changes, &count) == PQ_OK);
  FUZZ_CHECK(count == 0);
  for (uint32_t i = 0; i < w->doc_count; i++)
    check_document(w, s, w->docs[i]);
}

/* Has the document names on top that no field can have? */
static bool is_odd(pq_value doc) {
  pq_field f;
  for (uint32_t i = 0; pq_object_at(doc, i, &f); i++) {
    if (f.name.n == 0 || f.name.n > 128 || memchr(f.name.p, 0, f.name.n) != NULL) return true;
    if (f.name.p[0] != '$' && memchr(f.name.p, '.', f.name.n) != NULL) return true;
  }
  return false;
}

static void check_inference(work *w) {
  pq_inference *inf;
  pq_schema *s;
  pq_value spec, stored;
  uint32_t count;
  int rc = PQ_OK;
  FUZZ_CHECK(pq_inference_new(w->arena->cx, &inf) == PQ_OK);
  for (uint32_t i = 0; i < w->doc_count && rc == PQ_OK; i++)
    rc = pq_inference_add(inf, w->docs[i]);
  if (rc == PQ_OK) rc = pq_inference_schema(inf, w->b, w->arena, &spec);
  pq_inference_free(inf);
  FUZZ_CHECK(rc == PQ_OK || rc == PQ_ELIMIT);
  if (rc != PQ_OK) return;
  FUZZ_CHECK(pq_schema_parse(w->arena, spec, NULL, &s) == PQ_OK);
  for (uint32_t i = 0; i < w->doc_count; i++)
    if (!is_odd(w->docs[i]))
      FUZZ_CHECK(validate(w, s, PQ_VALIDATE_STRICT, w->docs[i], &stored, &count) == PQ_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size};
  pq_value spec = {0};
  work w = {0};
  pq_cx cx;
  pq_arena arena;
  fuzz_cx_init(&cx);
  pq_arena_init(&arena, &cx, cx.limits.op_len_max);
  FUZZ_CHECK(pq_builder_new(&cx, &w.b) == PQ_OK);
  w.arena = &arena;
  w.eval = (pq_eval){.cx = &cx, .arena = &arena, .builder = w.b, .random = 1};
  if (pq_json_value(w.b, fuzz_until(&in, '\n'), &arena, &spec) != PQ_OK) spec = (pq_value){0};
  while (in.n > 0 && w.doc_count < DOCUMENTS_MAX) {
    pq_value *doc = &w.docs[w.doc_count];
    pq_builder_clear(w.b);
    if (pq_json_value(w.b, fuzz_until(&in, '\n'), &arena, doc) != PQ_OK) continue;
    w.doc_count += pq_value_type(*doc) == PQ_TYPE_OBJECT;
  }
  if (!pq_value_is_missing(spec)) check_schema(&w, spec);
  check_inference(&w);
  pq_builder_free(w.b);
  pq_arena_release(&arena);
  return 0;
}
