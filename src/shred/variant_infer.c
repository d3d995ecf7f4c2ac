/* shred/variant_infer.c - which shape suits a sample of values.
 *
 *   path      there  null  types seen              10 % of parents? 90 % of one type?
 *   (root)    1000         object 1000             an object
 *   kind      1000      2  string 998              string
 *   price      700         decimal4(2) 690 …       decimal(9,2)
 *   note        40         string                  left in `value`: too rare
 *   ref        900         int32 500, string 400   left in `value`: no one type
 *
 * A field is judged against the objects that could have it, an array's element against the
 * elements. Nulls do not count against a type; they stay in `value`.
 */
#include <string.h>

#include "shred/variant_shape.h"

enum {
  SAMPLE_RUNS = 16, /* runs of values looked at, spread over all */
  SAMPLE_RUN_LEN = 256,
  CHILDREN_MAX = 512,    /* different fields of one path */
  STATS_MAX = 1 << 14,   /* different paths */
  ELEMENTS_MAX = 256,    /* looked at in one array */
  VALUES_MAX = 1 << 20,  /* looked at in all */
  PRESENCE_DEFAULT = 10, /* percent */
  AGREEMENT_DEFAULT = 90,
  DEPTH_DEFAULT = 8,
  LEAVES_DEFAULT = 300
};

typedef struct stat stat;
struct stat {
  pq_slice name; /* borrowed from the sample */
  stat *children, *last, *next;
  stat *hint; /* the child found last */
  uint32_t child_count;
  uint32_t count; /* values met, nulls too */
  uint32_t objects, arrays;
  uint32_t primitives[PQ_PRIM_COUNT]; /* [PQ_PRIM_TRUE]: both booleans */
  uint8_t scale;                      /* of the first decimal; those of others do not count */
};

typedef struct infer {
  pq_arena *arena;
  pq_variant_rule rule;
  uint32_t value_count, stat_count, leaf_count;
} infer;

/* The child of a name, made if there is room; NULL: none. Values mostly have their fields in the
 * order of the one before. */
static stat *child_of(infer *k, stat *s, pq_slice name) {
  stat *c = s->hint == NULL ? s->children : s->hint->next;
  if (c == NULL || !pq_slice_eq(c->name, name))
    for (c = s->children; c != NULL && !pq_slice_eq(c->name, name);)
      c = c->next;
  if (c == NULL) {
    bool is_usable = name.n == 0 || memchr(name.p, 0, name.n) == NULL;
    if (!is_usable || s->child_count == CHILDREN_MAX || k->stat_count == STATS_MAX) return NULL;
    c = pq_arena_calloc(k->arena, 1, sizeof *c);
    if (c == NULL) return NULL;
    c->name = name;
    if (s->last == NULL)
      s->children = c;
    else
      s->last->next = c;
    s->last = c;
    s->child_count++;
    k->stat_count++;
  }
  s->hint = c;
  return c;
}

static void count_primitive(stat *s, pq_value v) {
  int id = (v.p[0] & 3) == PQ_BASIC_SHORT ? PQ_PRIM_STRING : pq_primitive_id(v);
  bool is_decimal = id >= PQ_PRIM_DECIMAL4 && id <= PQ_PRIM_DECIMAL16;
  if (id < 0 || id >= PQ_PRIM_COUNT) return;
  if (id == PQ_PRIM_FALSE) id = PQ_PRIM_TRUE;
  if (is_decimal && s->primitives[PQ_PRIM_DECIMAL4] + s->primitives[PQ_PRIM_DECIMAL8] +
                            s->primitives[PQ_PRIM_DECIMAL16] ==
                        0)
    s->scale = v.p[1];
  if (!is_decimal || s->scale == v.p[1]) s->primitives[id]++;
}

static void count_value(infer *k, stat *s, pq_value v, uint32_t depth) {
  pq_container c;
  pq_names names;
  uint32_t n;
  if (k->value_count == VALUES_MAX) return;
  k->value_count++;
  s->count++;
  if (!pq_container_open(v, &c)) {
    count_primitive(s, v);
    return;
  }
  *(c.ids != NULL ? &s->objects : &s->arrays) += 1;
  if (depth == k->rule.depth_max) return;
  names = pq_names_of(v);
  n = c.ids == NULL && c.count > ELEMENTS_MAX ? ELEMENTS_MAX : c.count;
  s->hint = NULL;
  for (uint32_t i = 0; i < n; i++) {
    pq_slice name = {0};
    stat *child;
    if (c.ids != NULL) name = pq_names_at(&names, pq_container_id(&c, i));
    child = child_of(k, s, name);
    if (child != NULL) count_value(k, child, pq_container_value(&c, i), depth + 1);
  }
}

/* `part` of `all` is at least so many percent. */
static bool is_share(uint32_t part, uint32_t all, uint32_t percent) {
  return part > 0 && (uint64_t)part * 100 >= (uint64_t)all * percent;
}

/* The primitive type that nearly all of `all` values have; false: none. */
static bool primitive_of(const infer *k, const stat *s, uint32_t all, pq_pair *out) {
  const uint32_t *n = s->primitives;
  uint32_t best = PQ_PRIM_TRUE, integers = 0, widest = 0;
  for (uint32_t i = PQ_PRIM_TRUE; i < PQ_PRIM_COUNT; i++) {
    if (n[i] > n[best]) best = i;
    if (i < PQ_PRIM_INT8 || i > PQ_PRIM_INT64 || n[i] == 0) continue;
    integers += n[i];
    widest = i;
  }
  out->kind = PQ_PAIR_PRIMITIVE;
  if (k->rule.is_wide && widest > PQ_PRIM_INT8 && is_share(integers, all, k->rule.agreement)) {
    out->primitive = (uint8_t)widest;
    out->is_wide = true;
    return true;
  }
  out->primitive = (uint8_t)best;
  out->scale = s->scale;
  out->precision = best == PQ_PRIM_DECIMAL4 ? 9 : best == PQ_PRIM_DECIMAL8 ? 18 : 38;
  if (best == PQ_PRIM_DECIMAL4 && s->scale > 9) return false;
  if (best == PQ_PRIM_DECIMAL8 && s->scale > 18) return false;
  return is_share(n[best], all, k->rule.agreement);
}

static int shape_of(infer *k, const stat *s, pq_pair *out);

static int fields_of(infer *k, const stat *s, pq_pair *out) {
  pq_pair *fields = pq_arena_calloc(k->arena, s->child_count, sizeof *fields);
  uint32_t n = 0;
  if (fields == NULL) return k->arena->cx->code;
  for (const stat *c = s->children; c != NULL; c = c->next) {
    if (c->name.p == NULL || !is_share(c->count, s->objects, k->rule.presence_min)) continue;
    PQ_TRY(shape_of(k, c, &fields[n]));
    if (fields[n].kind == PQ_PAIR_ANY) continue;
    PQ_TRY(pq_arena_copy(k->arena, c->name, &fields[n].name));
    n++;
  }
  if (n == 0) return PQ_OK; /* all fields are rare: ANY */
  out->kind = PQ_PAIR_OBJECT;
  out->children = fields;
  out->child_count = n;
  return PQ_OK;
}

/* An array is shredded if its elements are of one type. */
static int element_of(infer *k, const stat *s, pq_pair *out) {
  const stat *c = s->children;
  pq_pair *element = pq_arena_calloc(k->arena, 1, sizeof *element);
  if (element == NULL) return k->arena->cx->code;
  while (c != NULL && c->name.p != NULL)
    c = c->next;
  if (c == NULL) return PQ_OK;
  PQ_TRY(shape_of(k, c, element));
  if (element->kind == PQ_PAIR_ANY) return PQ_OK;
  out->kind = PQ_PAIR_ARRAY;
  out->children = element;
  out->child_count = 1;
  return PQ_OK;
}

/* ANY: not worth columns. */
static int shape_of(infer *k, const stat *s, pq_pair *out) {
  uint32_t all = s->count - s->primitives[PQ_PRIM_NULL];
  *out = (pq_pair){0};
  if (k->leaf_count >= k->rule.leaves_max) return PQ_OK;
  if (is_share(s->objects, all, k->rule.agreement)) return fields_of(k, s, out);
  if (is_share(s->arrays, all, k->rule.agreement)) return element_of(k, s, out);
  if (primitive_of(k, s, all, out))
    k->leaf_count++;
  else
    *out = (pq_pair){0};
  return PQ_OK;
}

int pq_variant_shape_infer(pq_arena *arena, const pq_value *sample, uint32_t count,
                           pq_variant_rule rule, pq_variant_levels at, pq_variant_shape **out) {
  infer k = {.arena = arena, .rule = rule};
  uint32_t step = count / SAMPLE_RUNS, run = SAMPLE_RUN_LEN;
  stat *top = pq_arena_calloc(arena, 1, sizeof *top);
  pq_pair root;
  *out = NULL;
  if (top == NULL) return arena->cx->code;
  if (rule.presence_min == 0) k.rule.presence_min = PRESENCE_DEFAULT;
  if (rule.agreement == 0) k.rule.agreement = AGREEMENT_DEFAULT;
  if (rule.depth_max == 0) k.rule.depth_max = DEPTH_DEFAULT;
  if (rule.leaves_max == 0) k.rule.leaves_max = LEAVES_DEFAULT;
  if (k.rule.depth_max > arena->cx->limits.depth_max)
    k.rule.depth_max = arena->cx->limits.depth_max;
  if (step <= run) step = run = count == 0 ? 1 : count / SAMPLE_RUNS + 1;
  for (uint32_t from = 0; from < count; from += step) {
    uint32_t to = count - from < run ? count : from + run;
    for (uint32_t i = from; i < to; i++)
      if (sample[i].p != NULL) count_value(&k, top, sample[i], 0);
    if (count - from <= step) break;
  }
  PQ_TRY(shape_of(&k, top, &root));
  return pq_variant_shape_number(arena, root, at, out);
}
