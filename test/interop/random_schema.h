/* test/interop/random_schema.h - random schemas: a tree of shapes, its node specs and its columns.
 *
 *   STRUCT ─┬─ LEAF            a tree of `node`, at most DEPTH_MAX deep
 *           ├─ LIST ── MAP …
 *           └─ VARIANT         add_node ─► specs (depth first) and columns (with their levels)
 *
 * Shapes are spelled out as the format has them, old lists of two levels and bare repeated leaves
 * included.
 */
#ifndef PQ_TEST_RANDOM_SCHEMA_H
#define PQ_TEST_RANDOM_SCHEMA_H

#include "parquet/writer.h"
#include "random_types.h"

enum { NODES_MAX = 1024, SPECS_MAX = 4096, DEPTH_MAX = 4, FIELDS_MAX = 6, LIST_MAX = 5 };

typedef enum shape {
  LEAF,
  STRUCT,
  LIST,       /* group (LIST) { repeated group list { element } } */
  SHORT_LIST, /* group (LIST) { repeated leaf }: how it was before the rule of three levels */
  BARE_LIST,  /* repeated leaf without any annotation */
  MAP,        /* group (MAP) { repeated group key_value { key; value } } */
  VARIANT     /* group (VARIANT) { metadata; value } */
} shape;

typedef struct node node;
struct node {
  shape shape;
  char name[40];
  bool is_optional;
  node **children; /* in the arena */
  unsigned child_count;
  unsigned null_one_in; /* optional: how often it is null; 1: always */
  uint32_t def, rep;    /* levels of the node itself when it is there */
  uint32_t leaf;        /* LEAF, lists of leaves: column; VARIANT: the first of two */
  const kind *kind;
};

/* How the values of a leaf are spread. */
typedef enum spread { CONSTANT, FEW, RISING, ANY } spread;

typedef struct column {
  pq_node_spec *spec; /* borrowed */
  const kind *kind;
  uint32_t def_max, rep_max;
  spread spread;
  uint64_t seed, place;
  uint8_t *def, *rep, *nulls; /* owned */
  uint8_t *slots;             /* owned: of pq_slice size each, then moved together */
  uint32_t count, cap;
} column;

typedef struct maker {
  random_bits random;
  pq_cx cx;
  pq_arena arena; /* of the file */
  node *root;
  unsigned node_count;
  pq_node_spec specs[SPECS_MAX];
  uint32_t spec_count;
  column *columns;
  uint32_t column_count;
  FILE *rows;
  value value;
  bool is_sweep;
} maker;

_Noreturn static inline void fail(const maker *m, const char *what) {
  fprintf(stderr, "random_writer: %s: %s\n", what, m->cx.msg);
  exit(1);
}

static inline void *zeroed(size_t n) {
  void *p = calloc(n, 1);
  if (p == NULL) abort();
  return p;
}

/* ---- encodings ---- */

static const struct {
  pq_encoding encoding;
  const char *name;
} encodings[] = {
    {PQ_ENC_PLAIN, "PLAIN"},
    {PQ_ENC_RLE, "RLE"},
    {PQ_ENC_DELTA_BINARY_PACKED, "DELTA_BINARY_PACKED"},
    {PQ_ENC_DELTA_LENGTH_BYTE_ARRAY, "DELTA_LENGTH_BYTE_ARRAY"},
    {PQ_ENC_DELTA_BYTE_ARRAY, "DELTA_BYTE_ARRAY"},
    {PQ_ENC_RLE_DICTIONARY, "RLE_DICTIONARY"},
    {PQ_ENC_BYTE_STREAM_SPLIT, "BYTE_STREAM_SPLIT"},
};

enum { ENCODING_COUNT = sizeof encodings / sizeof *encodings };

static inline bool is_legal(pq_phys phys, pq_encoding encoding) {
  switch (encoding) {
    case PQ_ENC_PLAIN: return true;
    case PQ_ENC_RLE: return phys == PQ_PHYS_BOOL;
    case PQ_ENC_DELTA_BINARY_PACKED: return phys == PQ_PHYS_INT32 || phys == PQ_PHYS_INT64;
    case PQ_ENC_DELTA_LENGTH_BYTE_ARRAY: return phys == PQ_PHYS_BYTES;
    case PQ_ENC_DELTA_BYTE_ARRAY: return phys == PQ_PHYS_BYTES || phys == PQ_PHYS_FIXED;
    case PQ_ENC_RLE_DICTIONARY: return phys != PQ_PHYS_BOOL;
    case PQ_ENC_BYTE_STREAM_SPLIT:
      return phys != PQ_PHYS_BOOL && phys != PQ_PHYS_BYTES && phys != PQ_PHYS_INT96;
    default: return false;
  }
}

static inline const char *encoding_name(pq_encoding encoding) {
  for (unsigned i = 0; i < ENCODING_COUNT; i++)
    if (encodings[i].encoding == encoding) return encodings[i].name;
  return "?";
}

/* ---- the tree ---- */

static inline node *new_node(maker *m, shape s) {
  static const char *const odd[] = {"a b", "ü", "x.y", "q\"", "", "Ab"};
  node *n = pq_arena_calloc(&m->arena, 1, sizeof *n);
  if (n == NULL) fail(m, "schema");
  n->shape = s;
  n->is_optional = random_once(&m->random, 2);
  n->null_one_in = 1 + random_below(&m->random, 12);
  if (n->null_one_in == 1 && !random_once(&m->random, 4)) n->null_one_in = 3;
  (void)snprintf(n->name, sizeof n->name, "c%u%s", m->node_count++,
                 random_once(&m->random, 12) ? odd[random_below(&m->random, 6)] : "");
  return n;
}

static inline void set_children(maker *m, node *n, unsigned count) {
  n->child_count = count;
  n->children = pq_arena_calloc(&m->arena, count, sizeof(node *));
  if (n->children == NULL) fail(m, "schema");
}

static inline const kind *random_kind(maker *m) {
  return &kinds[random_below(&m->random, KIND_COUNT)];
}

static inline node *random_leaf(maker *m, shape s) {
  node *n = new_node(m, s);
  n->kind = random_kind(m);
  if (n->kind->note.kind == PQ_NOTE_OTHER) {
    n->shape = LEAF; /* of nulls only, so it must be optional */
    n->is_optional = true;
    n->null_one_in = 1;
  }
  return n;
}

/* Not of nulls, and nothing that a peer rounds: different keys would become the same. */
static inline bool is_key(const kind *k) {
  return k->note.kind != PQ_NOTE_OTHER && k->note.kind != PQ_NOTE_INTERVAL && k->note.digits != 9 &&
         k->phys != PQ_PHYS_INT96;
}

/* `can_repeat`: may the node be repeated itself? Right below a list it would mean something else
 * (LogicalTypes.md, backward-compatibility rules). */
static inline node *random_node(maker *m, unsigned depth, bool can_repeat) {
  random_bits *r = &m->random;
  uint32_t dice = random_below(&m->random, depth >= DEPTH_MAX ? 9 : 16);
  node *n;
  if (m->node_count > NODES_MAX / 8 || dice < 7) return random_leaf(m, LEAF);
  if (dice == 7) return random_leaf(m, can_repeat && random_once(r, 3) ? BARE_LIST : SHORT_LIST);
  if (dice == 8) return new_node(m, VARIANT);
  n = new_node(m, dice < 11 ? STRUCT : dice < 14 ? LIST : MAP);
  set_children(m, n,
               n->shape == STRUCT ? 1 + random_below(&m->random, FIELDS_MAX - 2)
               : n->shape == LIST ? 1
                                  : 2);
  for (unsigned i = 0; i < n->child_count; i++)
    n->children[i] = random_node(m, depth + 1, n->shape == STRUCT);
  if (n->shape == MAP) { /* peers want keys that are never null and not nested */
    n->children[0] = random_leaf(m, LEAF);
    while (!is_key(n->children[0]->kind))
      n->children[0]->kind = random_kind(m);
    n->children[0]->is_optional = false;
  }
  return n;
}

/* ---- the tree as node specs; levels and columns are found on the way ---- */

static inline pq_node_spec *add_spec(maker *m, const char *name, pq_repetition repetition,
                                     uint32_t child_count) {
  pq_node_spec *spec;
  if (m->spec_count == SPECS_MAX) fail(m, "too many nodes");
  spec = &m->specs[m->spec_count++];
  *spec = (pq_node_spec){
      .name = name, .repetition = repetition, .child_count = child_count, .field_id = -1};
  return spec;
}

static inline void add_column(maker *m, pq_node_spec *spec, const kind *k, uint32_t def,
                              uint32_t rep) {
  column *c = &m->columns[m->column_count++];
  spec->phys = k->phys;
  spec->type_len = k->type_len;
  spec->note = k->note;
  spec->has_stats = !random_once(&m->random, 5);
  spec->has_bloom = k->phys != PQ_PHYS_BOOL && random_once(&m->random, 4);
  spec->page_len = random_once(&m->random, 2) ? 0 : 50u << random_below(&m->random, 8);
  spec->hint = (pq_hint)random_below(&m->random, 3);
  spec->has_encoding = !random_once(&m->random, 3);
  do {
    spec->encoding = encodings[random_below(&m->random, ENCODING_COUNT)].encoding;
  } while (!is_legal(spec->phys, spec->encoding));
  *c = (column){.spec = spec,
                .kind = k,
                .def_max = def,
                .rep_max = rep,
                .spread = (spread)random_below(&m->random, 4),
                .seed = random_next(&m->random)};
}

static inline void add_node(maker *m, node *n, uint32_t def, uint32_t rep);

static inline void add_list(maker *m, node *n, const char *inner) {
  n->rep++;
  add_spec(m, inner, PQ_REPEATED, n->child_count);
  for (unsigned i = 0; i < n->child_count; i++)
    add_node(m, n->children[i], n->def + 1, n->rep);
}

static inline void add_variant(maker *m, node *n) {
  static const kind bytes = {"variant", PQ_PHYS_BYTES, 0, {0}};
  add_column(m, add_spec(m, "metadata", PQ_REQUIRED, 0), &bytes, n->def, n->rep);
  add_column(m, add_spec(m, "value", PQ_REQUIRED, 0), &bytes, n->def, n->rep);
}

/* `def` and `rep` are those of the parent. */
static inline void add_node(maker *m, node *n, uint32_t def, uint32_t rep) {
  pq_repetition repetition = n->is_optional ? PQ_OPTIONAL : PQ_REQUIRED;
  pq_node_spec *spec;
  n->def = def + n->is_optional;
  n->rep = rep;
  n->leaf = m->column_count;
  if (n->shape == LEAF) {
    add_column(m, add_spec(m, n->name, repetition, 0), n->kind, n->def, n->rep);
    return;
  }
  if (n->shape == BARE_LIST) {
    n->is_optional = false;
    n->def = def;
    n->rep++;
    add_column(m, add_spec(m, n->name, PQ_REPEATED, 0), n->kind, def + 1, n->rep);
    return;
  }
  spec = add_spec(m, n->name, repetition, n->shape == STRUCT ? n->child_count : 1);
  if (random_once(&m->random, 3)) spec->field_id = (int32_t)random_below(&m->random, 1000);
  switch (n->shape) {
    case LIST:
      spec->note.kind = PQ_NOTE_LIST;
      add_list(m, n, "list");
      return;
    case MAP:
      spec->note.kind = PQ_NOTE_MAP;
      add_list(m, n, "key_value");
      return;
    case SHORT_LIST:
      spec->note.kind = PQ_NOTE_LIST;
      n->rep++;
      add_column(m, add_spec(m, "array", PQ_REPEATED, 0), n->kind, n->def + 1, n->rep);
      return;
    case VARIANT:
      spec->note.kind = PQ_NOTE_VARIANT;
      spec->child_count = 2;
      add_variant(m, n);
      return;
    default:
      for (unsigned i = 0; i < n->child_count; i++)
        add_node(m, n->children[i], n->def, n->rep);
  }
}

/* Fixed names where the format has them. */
static inline void name_children(node *n) {
  if (n->shape == LIST) memcpy(n->children[0]->name, "element", sizeof "element");
  if (n->shape == MAP) {
    memcpy(n->children[0]->name, "key", sizeof "key");
    memcpy(n->children[1]->name, "value", sizeof "value");
  }
  for (unsigned i = 0; i < n->child_count; i++)
    name_children(n->children[i]);
}

#endif
