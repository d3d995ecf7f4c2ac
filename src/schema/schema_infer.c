/* schema/schema_infer.c - a schema that fits all documents that were shown.
 *
 *   documents ──► a tree: name, how often, how often null, kinds of values ──► a notation each
 *
 *     (root) 3 ─┬─ title 3  text                         "string!"
 *               ├─ likes 2  int, double                  "number"
 *               ├─ tags  3  lists ── items: text         "string[]!"
 *               └─ at    1  objects 1 ── city 1 text     {"city": "string!"}
 *
 * Memory does not grow with the number of documents, only with names: at most NODES_MAX of them
 * on top and as many below. An object with too many names, and what has several kinds, is json.
 */
#include <string.h>

#include "schema/notation_int.h"

enum {
  KIND_INT = 1 << 0,
  KIND_DOUBLE = 1 << 1,
  KIND_DECIMAL = 1 << 2,
  KIND_TEXT = 1 << 3,
  KIND_BOOL = 1 << 4,
  KIND_DATE = 1 << 5,
  KIND_UUID = 1 << 6,
  KIND_BINARY = 1 << 7,
  KIND_OBJECT = 1 << 8,
  KIND_LIST = 1 << 9,
  KIND_OTHER = 1 << 10,
  KIND_NUMBERS = KIND_INT | KIND_DOUBLE | KIND_DECIMAL,

  NODES_MAX = PQ_SCHEMA_TOP_FIELDS_MAX, /* of the top level; as many below */
  NAMES_MAX = 200,                      /* of a nested object: more is a map */
  MEMORY_MAX = 16 << 20
};

typedef struct node node;
struct node {
  pq_slice name;
  node *next;
  node *kids, *kids_end; /* fields of objects */
  node *at;              /* the field found last: the next one follows it in most documents */
  node *item;            /* of lists */
  uint64_t count;        /* values, nulls among them */
  uint64_t null_count, object_count;
  uint32_t kinds, kid_count;
  uint32_t whole_digits, scale; /* of decimals */
  bool is_map;                  /* objects whose names are no fields */
};

struct pq_inference {
  pq_cx *cx;
  pq_arena arena;
  node root;
  uint32_t nested_count;
};

int pq_inference_new(pq_cx *cx, pq_inference **out) {
  pq_inference *inf = pq_alloc(cx, NULL, 0, sizeof *inf);
  *out = NULL;
  if (inf == NULL) return pq_fail_nomem(cx);
  *inf = (pq_inference){.cx = cx};
  pq_arena_init(&inf->arena, cx, MEMORY_MAX);
  *out = inf;
  return PQ_OK;
}

void pq_inference_free(pq_inference *i) {
  if (i == NULL) return;
  pq_arena_release(&i->arena);
  pq_alloc(i->cx, i, sizeof *i, 0);
}

/* ---- looking at documents ---- */

/* The tests are those of schema_check.c, so that what is inferred is accepted. */
static uint32_t kind_of(pq_value v) {
  pq_binary binary;
  pq_slice text;
  int64_t ms;
  bool flag;
  int us;
  switch (pq_value_type(v)) {
    case PQ_TYPE_INT32:
    case PQ_TYPE_INT64: return KIND_INT;
    case PQ_TYPE_DOUBLE: return KIND_DOUBLE;
    case PQ_TYPE_DECIMAL: return KIND_DECIMAL;
    case PQ_TYPE_STRING: return pq_value_string(v, &text) ? KIND_TEXT : KIND_OTHER;
    case PQ_TYPE_BOOL: return pq_value_bool(v, &flag) ? KIND_BOOL : KIND_OTHER;
    case PQ_TYPE_DATE: return pq_value_date_parts(v, &ms, &us) ? KIND_DATE : KIND_OTHER;
    case PQ_TYPE_BINARY:
      if (!pq_value_any_binary(v, &binary)) return KIND_OTHER;
      return binary.subtype == 4 && binary.len == 16 ? KIND_UUID : KIND_BINARY;
    case PQ_TYPE_OBJECT: return KIND_OBJECT;
    case PQ_TYPE_ARRAY: return KIND_LIST;
    default: return KIND_OTHER;
  }
}

static void add_decimal(node *n, pq_value v) {
  pq_number d;
  int whole;
  if (!pq_value_decimal_number(v, &d) || d.kind != PQ_NUMBER_FINITE) {
    n->kinds |= KIND_DOUBLE; /* NaN and Infinity: a number, no decimal(p,s) */
    return;
  }
  whole = pq_number_is_zero(d) ? 0 : pq_number_digits(d) + d.exponent;
  if (whole > (int)n->whole_digits) n->whole_digits = (uint32_t)whole;
  if (d.exponent < 0 && (uint32_t)-d.exponent > n->scale) n->scale = (uint32_t)-d.exponent;
}

static node *find_kid(node *n, pq_slice name) {
  node *kid = n->at == NULL ? NULL : n->at->next;
  if (kid == NULL || !pq_slice_eq(kid->name, name))
    for (kid = n->kids; kid != NULL && !pq_slice_eq(kid->name, name);)
      kid = kid->next;
  if (kid != NULL) n->at = kid;
  return kid;
}

/* A new field; *out is NULL when there are too many: then the object is a map. */
static int add_kid(pq_inference *inf, node *n, pq_slice name, node **out) {
  bool is_top = n == &inf->root;
  node *kid;
  *out = NULL;
  if (is_top && n->kid_count == NODES_MAX)
    return pq_fail(inf->cx, PQ_ELIMIT, "documents with more than %d names have no schema",
                   NODES_MAX);
  if (!is_top && (n->kid_count == NAMES_MAX || inf->nested_count == NODES_MAX)) return PQ_OK;
  kid = pq_arena_calloc(&inf->arena, 1, sizeof *kid);
  if (kid == NULL) return inf->cx->code;
  PQ_TRY(pq_arena_copy(&inf->arena, name, &kid->name));
  if (n->kids == NULL)
    n->kids = kid;
  else
    n->kids_end->next = kid;
  n->kids_end = n->at = kid;
  n->kid_count++;
  inf->nested_count += !is_top;
  *out = kid;
  return PQ_OK;
}

static int add_value(pq_inference *inf, node *n, pq_value v, uint32_t depth);

static int add_object(pq_inference *inf, node *n, pq_value v, uint32_t depth) {
  const uint32_t name_len_max = inf->cx->limits.name_len_max;
  pq_arena scratch;
  pq_field *fields;
  uint32_t count;
  int rc = PQ_OK;
  n->object_count++;
  n->is_map = n->is_map || depth >= PQ_SCHEMA_DEPTH_MAX;
  if (n->is_map) return PQ_OK;
  pq_arena_init(&scratch, inf->cx, inf->cx->limits.op_len_max);
  fields = pq_object_fields(&scratch, v, &count);
  if (fields == NULL && pq_value_count(v) > 0) rc = inf->cx->code;
  for (uint32_t i = 0; i < count && rc == PQ_OK && !n->is_map; i++) {
    pq_slice name = fields[i].name;
    bool is_name = pq_schema_name_mistake(name) == NULL && name.n <= name_len_max;
    node *kid;
    if (depth == 0 && (!is_name || pq_slice_is(name, "_id"))) continue;
    kid = is_name ? find_kid(n, name) : NULL;
    if (is_name && kid == NULL) rc = add_kid(inf, n, name, &kid);
    n->is_map = kid == NULL;
    if (kid != NULL) rc = add_value(inf, kid, fields[i].value, depth + 1);
  }
  pq_arena_release(&scratch);
  return rc;
}

static int add_list(pq_inference *inf, node *n, pq_value v, uint32_t depth) {
  uint32_t count = pq_value_count(v);
  if (n->item == NULL) n->item = pq_arena_calloc(&inf->arena, 1, sizeof *n->item);
  if (n->item == NULL) return inf->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    pq_value item = pq_array_at(v, i);
    /* A list of lists is json: its items are not looked at. */
    if (pq_value_type(item) == PQ_TYPE_ARRAY)
      n->item->kinds |= KIND_LIST;
    else
      PQ_TRY(add_value(inf, n->item, item, depth));
  }
  return PQ_OK;
}

static int add_value(pq_inference *inf, node *n, pq_value v, uint32_t depth) {
  uint32_t kind;
  n->count++;
  if (pq_value_type(v) == PQ_TYPE_NULL) {
    n->null_count++;
    return PQ_OK;
  }
  kind = kind_of(v);
  n->kinds |= kind;
  if (kind == KIND_DECIMAL) add_decimal(n, v);
  if (kind == KIND_OBJECT) return add_object(inf, n, v, depth);
  return kind == KIND_LIST ? add_list(inf, n, v, depth) : PQ_OK;
}

int pq_inference_add(pq_inference *i, pq_value doc) {
  if (pq_value_type(doc) != PQ_TYPE_OBJECT)
    return pq_fail(i->cx, PQ_EINVALID, "a document is an object, got %s",
                   pq_type_name(pq_value_type(doc)));
  i->root.count++;
  return add_object(i, &i->root, doc, 0);
}

/* ---- the schema ---- */

typedef struct writer {
  pq_builder *b;
  pq_arena *arena;
} writer;

static bool is_object(const node *n) {
  return n->kinds == KIND_OBJECT && !n->is_map && n->kids != NULL;
}

/* The notation of what is neither object nor list; NULL when out of memory. */
static const char *word_of(const writer *w, const node *n) {
  uint32_t digits = n->whole_digits + n->scale;
  switch (n->kinds) {
    case KIND_INT: return "int";
    case KIND_TEXT: return "string";
    case KIND_BOOL: return "boolean";
    case KIND_DATE: return "datetime";
    case KIND_UUID: return "uuid";
    case KIND_BINARY:
    case KIND_BINARY | KIND_UUID: return "binary";
    case KIND_DECIMAL:
      if (digits > PQ_DECIMAL_DIGITS_MAX) return "number";
      return pq_arena_printf(w->arena, "decimal(%u,%u)", digits == 0 ? 1 : digits, n->scale);
    default: break;
  }
  return n->kinds != 0 && (n->kinds & ~(uint32_t)KIND_NUMBERS) == 0 ? "number" : "json";
}

static int write_kids(writer *w, const node *n);

/* Nested fields, in a list or not. {"type": …} where {…} or [{…}] does not say it. */
static int write_object(writer *w, const node *n, bool is_list, bool is_required) {
  bool is_long = is_required;
  for (const node *kid = n->kids; kid != NULL && !is_list; kid = kid->next)
    is_long = is_long || pq_slice_is(kid->name, "type");
  if (is_long) {
    PQ_TRY(pq_builder_begin_object(w->b));
    PQ_TRY(pq_builder_key_str(w->b, "type"));
  } else if (is_list) {
    PQ_TRY(pq_builder_begin_array(w->b));
  }
  PQ_TRY(pq_builder_begin_object(w->b));
  PQ_TRY(write_kids(w, n));
  PQ_TRY(pq_builder_end(w->b));
  if (!is_long) return is_list ? pq_builder_end(w->b) : PQ_OK;
  if (is_list) PQ_TRY(pq_builder_key_str(w->b, "list"));
  if (is_list) PQ_TRY(pq_builder_bool(w->b, true));
  if (is_required) PQ_TRY(pq_builder_key_str(w->b, "required"));
  if (is_required) PQ_TRY(pq_builder_bool(w->b, true));
  return pq_builder_end(w->b);
}

static int write_field(writer *w, const node *n, bool is_required) {
  bool is_list = n->kinds == KIND_LIST;
  const node *value = is_list ? n->item : n;
  const char *word;
  if (is_object(value)) return write_object(w, value, is_list, is_required);
  word = word_of(w, value);
  if (word == NULL) return w->arena->cx->code;
  word = pq_arena_printf(w->arena, "%s%s%s", word, is_list ? "[]" : "", is_required ? "!" : "");
  return word == NULL ? w->arena->cx->code : pq_builder_str(w->b, word);
}

static int write_kids(writer *w, const node *n) {
  for (const node *kid = n->kids; kid != NULL; kid = kid->next) {
    PQ_TRY(pq_builder_key(w->b, kid->name));
    PQ_TRY(write_field(w, kid, kid->count == n->object_count && kid->null_count == 0));
  }
  return PQ_OK;
}

int pq_inference_schema(const pq_inference *i, pq_builder *b, pq_arena *arena, pq_value *out) {
  writer w = {b, arena};
  *out = (pq_value){0};
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(write_kids(&w, &i->root));
  PQ_TRY(pq_builder_end(b));
  return pq_builder_finish(b, arena, out);
}
