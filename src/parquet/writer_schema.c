/* parquet/writer_schema.c - the schema of a file to be written: checked, and its leaves found.
 *
 *   nodes:    tags (LIST) ── list (REPEATED) ── element        depth first
 *   leaves:   element: path tags.list.element, def_max 3, rep_max 1, rep_defs {0, 2}
 *
 * What a reader would not know what to do with is refused here, with the column's name, so that
 * the functions behind need not ask again.
 *
 * Source: parquet-format: LogicalTypes.md.
 */
#include <string.h>

#include "base/hash.h"
#include "parquet/footer_write_int.h"

enum {
  DEPTH_MAX = 60, /* groups; readers take 64 with the root */
  NODES_MAX = 3 << 16,
  NAME_LEN_MAX = 1 << 16,
  UUID_LEN = 16,
  FLOAT16_LEN = 2,
  INTERVAL_LEN = 12,
  INT96_LEN = 12,
  BOUND_LEN_MAX = 256, /* of FIXED, whose bounds are never shortened */
  INT32_DIGITS = 9,
  INT64_DIGITS = 18
};

/* A group that may still have children to come. */
typedef struct group {
  uint32_t left;
  uint32_t def, rep;
} group;

typedef struct schema {
  pq_writer *w;
  pq_table names;    /* of nodes, by parent and name */
  uint32_t *parents; /* per node; PQ_NO_NODE: the root */
  uint32_t depth;    /* groups on the stack */
  group stack[DEPTH_MAX];
  uint32_t path[DEPTH_MAX + 1]; /* nodes from below the root to the current one */
  uint32_t last[DEPTH_MAX + 1]; /* the same of the leaf before; */
  uint32_t last_depth;          /* its depth */
  uint8_t rep_defs[DEPTH_MAX + 2];
} schema;

/* ---- annotations ---- */

uint8_t pq_note_member(const pq_note *note) {
  if (note->id != 0) return note->id;
  switch (note->kind) {
    case PQ_NOTE_TEXT: return PQ_MEMBER_STRING;
    case PQ_NOTE_JSON: return PQ_MEMBER_JSON;
    case PQ_NOTE_UUID: return PQ_MEMBER_UUID;
    case PQ_NOTE_DATE: return PQ_MEMBER_DATE;
    case PQ_NOTE_TIME: return PQ_MEMBER_TIME;
    case PQ_NOTE_TIMESTAMP: return PQ_MEMBER_TIMESTAMP;
    case PQ_NOTE_INTEGER: return PQ_MEMBER_INTEGER;
    case PQ_NOTE_DECIMAL: return PQ_MEMBER_DECIMAL;
    case PQ_NOTE_FLOAT16: return PQ_MEMBER_FLOAT16;
    case PQ_NOTE_BYTES: return PQ_MEMBER_BSON;
    case PQ_NOTE_LIST: return PQ_MEMBER_LIST;
    case PQ_NOTE_MAP: return PQ_MEMBER_MAP;
    case PQ_NOTE_VARIANT: return PQ_MEMBER_VARIANT;
    case PQ_NOTE_NONE:
    case PQ_NOTE_INTERVAL:
    case PQ_NOTE_OTHER: break;
  }
  return 0;
}

/* Is the stated member one of those of its kind? */
static bool is_member_known(const pq_note *note) {
  pq_note plain = *note;
  plain.id = 0;
  if (note->kind == PQ_NOTE_OTHER) return note->id == PQ_MEMBER_UNKNOWN;
  if (note->id == 0 || note->id == pq_note_member(&plain)) return true;
  if (note->kind == PQ_NOTE_TEXT) return note->id == PQ_MEMBER_ENUM;
  return note->kind == PQ_NOTE_BYTES &&
         (note->id == PQ_MEMBER_GEOMETRY || note->id == PQ_MEMBER_GEOGRAPHY);
}

static const char *decimal_problem(const pq_node_spec *n) {
  uint64_t digits = UINT32_MAX;
  if (n->phys == PQ_PHYS_INT32) digits = INT32_DIGITS;
  if (n->phys == PQ_PHYS_INT64) digits = INT64_DIGITS;
  if (n->phys == PQ_PHYS_FIXED) /* digits of 2^(bits - 1), which is never a power of ten */
    digits = ((uint64_t)n->type_len * 8 - 1) * 30103 / 100000;
  if (n->phys != PQ_PHYS_INT32 && n->phys != PQ_PHYS_INT64 && n->phys != PQ_PHYS_FIXED &&
      n->phys != PQ_PHYS_BYTES)
    return "a decimal must be INT32, INT64, FIXED or BYTES";
  if (n->note.precision < 1 || (uint64_t)n->note.precision > digits)
    return "a decimal's precision must be at least 1 and fit its type";
  if (n->note.scale < 0 || n->note.scale > n->note.precision)
    return "a decimal's scale must lie between 0 and its precision";
  return NULL;
}

static const char *time_problem(const pq_node_spec *n) {
  unsigned digits = n->note.digits;
  bool is_short = n->note.kind == PQ_NOTE_TIME && digits == 3;
  if (digits != 3 && digits != 6 && digits != 9) return "a time must have 3, 6 or 9 digits";
  if (n->phys == (is_short ? PQ_PHYS_INT32 : PQ_PHYS_INT64)) return NULL;
  return "a timestamp must be INT64; a time INT32 for milliseconds, else INT64";
}

static const char *integer_problem(const pq_node_spec *n) {
  unsigned bits = n->note.bits;
  if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
    return "an integer must have 8, 16, 32 or 64 bits";
  if (n->phys == (bits == 64 ? PQ_PHYS_INT64 : PQ_PHYS_INT32)) return NULL;
  return "an integer must be INT64 for 64 bits, else INT32";
}

static const char *fixed_problem(const pq_node_spec *n, uint32_t len, const char *what) {
  return n->phys == PQ_PHYS_FIXED && n->type_len == len ? NULL : what;
}

static const char *note_problem(const pq_node_spec *n) {
  if (!is_member_known(&n->note)) return "an annotation that is only read";
  switch (n->note.kind) {
    case PQ_NOTE_NONE: return NULL;
    case PQ_NOTE_TEXT:
    case PQ_NOTE_JSON:
    case PQ_NOTE_BYTES: return n->phys == PQ_PHYS_BYTES ? NULL : "text must be BYTES";
    case PQ_NOTE_UUID: return fixed_problem(n, UUID_LEN, "a UUID must be FIXED of 16");
    case PQ_NOTE_FLOAT16: return fixed_problem(n, FLOAT16_LEN, "a float16 must be FIXED of 2");
    case PQ_NOTE_INTERVAL: return fixed_problem(n, INTERVAL_LEN, "an interval must be FIXED of 12");
    case PQ_NOTE_DATE: return n->phys == PQ_PHYS_INT32 ? NULL : "a date must be INT32";
    case PQ_NOTE_TIME:
    case PQ_NOTE_TIMESTAMP: return time_problem(n);
    case PQ_NOTE_INTEGER: return integer_problem(n);
    case PQ_NOTE_DECIMAL: return decimal_problem(n);
    case PQ_NOTE_OTHER:
      return n->repetition == PQ_OPTIONAL ? NULL : "a column of nulls must be optional";
    case PQ_NOTE_LIST:
    case PQ_NOTE_MAP:
    case PQ_NOTE_VARIANT: break;
  }
  return "an annotation of groups";
}

static const char *leaf_problem(const pq_node_spec *n) {
  if (n->phys > PQ_PHYS_FIXED) return "an unknown physical type";
  if (n->phys == PQ_PHYS_FIXED && (n->type_len == 0 || n->type_len > INT32_MAX))
    return "FIXED needs a length";
  if (n->has_encoding && !pq_encoding_is_legal(n->encoding, n->phys))
    return "the encoding is not one of its type";
  return note_problem(n);
}

/* Children of node `i`: the next sibling of node `k` is behind all that is below it. */
static uint32_t sibling(const pq_writer *w, uint32_t k) {
  uint64_t open = 1;
  for (; open > 0 && k < w->node_count; k++)
    open += (uint64_t)w->nodes[k].child_count - 1;
  return k;
}

/* metadata must be there; value and typed_value may both be missing only in theory. */
static const char *variant_problem(const pq_writer *w, uint32_t i) {
  uint32_t k = i + 1;
  for (uint32_t n = 0; n < w->nodes[i].child_count && k < w->node_count; n++) {
    const pq_node_spec *c = &w->nodes[k];
    if (strcmp(c->name, "metadata") == 0 && c->child_count == 0 && c->phys == PQ_PHYS_BYTES &&
        c->repetition == PQ_REQUIRED)
      return NULL;
    k = sibling(w, k);
  }
  return "a variant needs a required metadata of BYTES";
}

static const char *group_problem(const pq_writer *w, uint32_t i) {
  const pq_node_spec *n = &w->nodes[i], *child = i + 1 < w->node_count ? n + 1 : NULL;
  if (n->note.kind == PQ_NOTE_NONE) return NULL;
  if (!is_member_known(&n->note)) return "an annotation that is only read";
  if (n->note.kind == PQ_NOTE_VARIANT) return variant_problem(w, i);
  if (n->note.kind != PQ_NOTE_LIST && n->note.kind != PQ_NOTE_MAP) return "an annotation of leaves";
  if (n->repetition == PQ_REPEATED) return "a list or map must not be repeated";
  if (child == NULL || n->child_count != 1 || child->repetition != PQ_REPEATED)
    return "a list or map needs one child, which is repeated";
  if (n->note.kind == PQ_NOTE_MAP && (child->child_count < 1 || child->child_count > 2))
    return "a map needs a key and may have a value";
  return NULL;
}

/* ---- order ---- */

static pq_bounds_order order_of(const pq_node_spec *n) {
  bool is_unsigned = n->note.kind == PQ_NOTE_INTEGER && n->note.is_unsigned;
  uint8_t member = pq_note_member(&n->note);
  switch (n->phys) {
    case PQ_PHYS_BOOL: return PQ_BOUNDS_BOOL;
    case PQ_PHYS_INT32: return is_unsigned ? PQ_BOUNDS_UINT32 : PQ_BOUNDS_INT32;
    case PQ_PHYS_INT64: return is_unsigned ? PQ_BOUNDS_UINT64 : PQ_BOUNDS_INT64;
    case PQ_PHYS_FLOAT: return PQ_BOUNDS_FLOAT;
    case PQ_PHYS_DOUBLE: return PQ_BOUNDS_DOUBLE;
    case PQ_PHYS_INT96: return PQ_BOUNDS_NONE;
    case PQ_PHYS_BYTES:
    case PQ_PHYS_FIXED: break;
  }
  if (n->note.kind == PQ_NOTE_DECIMAL) return PQ_BOUNDS_DECIMAL;
  if (n->note.kind == PQ_NOTE_FLOAT16) return PQ_BOUNDS_FLOAT16;
  if (n->note.kind == PQ_NOTE_INTERVAL) return PQ_BOUNDS_NONE;
  if (member == PQ_MEMBER_GEOMETRY || member == PQ_MEMBER_GEOGRAPHY) return PQ_BOUNDS_NONE;
  return n->phys == PQ_PHYS_BYTES ? PQ_BOUNDS_BYTES : PQ_BOUNDS_FIXED;
}

/* ---- leaves ---- */

static int set_path(schema *s, pq_leaf_spec *leaf) {
  uint32_t count = s->depth + 1;
  pq_slice *path = pq_arena_calloc(&s->w->arena, count, sizeof *path);
  size_t len = 0;
  char *name;
  if (path == NULL) return s->w->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    path[i] = pq_str(s->w->nodes[s->path[i]].name);
    len += path[i].n + 1;
  }
  leaf->path = path;
  leaf->path_count = count;
  name = pq_arena_alloc(&s->w->arena, len);
  if (name == NULL) return s->w->cx->code;
  leaf->name = name;
  for (uint32_t i = 0; i < count; i++) {
    memcpy(name, path[i].p, path[i].n + 1); /* the NUL becomes a dot */
    name += path[i].n + 1;
    if (i + 1 < count) name[-1] = '.';
  }
  return PQ_OK;
}

static int set_rep_defs(schema *s, pq_leaf_spec *leaf) {
  uint8_t *copy = pq_arena_alloc(&s->w->arena, leaf->rep_max + 1);
  if (copy == NULL) return s->w->cx->code;
  memcpy(copy, s->rep_defs, leaf->rep_max + 1);
  leaf->rep_defs = copy;
  return PQ_OK;
}

/* Levels of the deepest group above both this leaf and the one before it. */
static void set_shared(schema *s, pq_leaf_spec *leaf) {
  bool is_first = s->w->leaf_count == 0;
  for (uint32_t i = 0; !is_first && i < s->depth && i < s->last_depth; i++) {
    pq_repetition repetition = s->w->nodes[s->path[i]].repetition;
    if (s->path[i] != s->last[i]) break;
    leaf->shared_def += repetition != PQ_REQUIRED;
    leaf->shared_rep += repetition == PQ_REPEATED;
  }
  memcpy(s->last, s->path, sizeof s->last);
  s->last_depth = s->depth;
}

static int add_leaf(schema *s, const pq_node_spec *n, const group *levels) {
  pq_leaf_spec *leaf = &s->w->leaves[s->w->leaf_count];
  *leaf = (pq_leaf_spec){.phys = n->phys,
                         .def_max = levels->def,
                         .rep_max = levels->rep,
                         .order = order_of(n),
                         .is_text = n->note.kind == PQ_NOTE_TEXT || n->note.kind == PQ_NOTE_JSON,
                         .has_bloom = n->has_bloom && n->phys != PQ_PHYS_BOOL,
                         .has_sizes = s->w->has_sizes,
                         .has_encoding = n->has_encoding,
                         .encoding = n->encoding,
                         .hint = n->hint,
                         .page_len = n->page_len};
  if (n->phys == PQ_PHYS_FIXED) leaf->type_len = n->type_len;
  if (n->phys == PQ_PHYS_INT96) leaf->type_len = INT96_LEN;
  leaf->has_stats =
      n->has_stats && leaf->order != PQ_BOUNDS_NONE && leaf->type_len <= BOUND_LEN_MAX;
  PQ_TRY(set_path(s, leaf));
  PQ_TRY(set_rep_defs(s, leaf));
  set_shared(s, leaf);
  s->w->leaf_count++;
  return PQ_OK;
}

/* ---- the walk ---- */

static int bad_node(const schema *s, uint32_t i, const char *what) {
  return pq_fail(s->w->cx, PQ_EINVALID, "column %.40s: %s", s->w->nodes[i].name, what);
}

static int check_name(schema *s, uint32_t i, uint32_t parent) {
  const pq_node_spec *nodes = s->w->nodes;
  uint64_t hash = pq_hash(pq_str(nodes[i].name), parent);
  size_t pos;
  uint32_t k = pq_table_first(&s->names, hash, &pos);
  s->parents[i] = parent;
  for (; k != PQ_TABLE_NONE; k = pq_table_next(&s->names, hash, &pos))
    if (s->parents[k] == parent && strcmp(nodes[k].name, nodes[i].name) == 0)
      return bad_node(s, i, "there are two of that name");
  return pq_table_add(&s->names, hash, i);
}

static int add_node(schema *s, uint32_t i) {
  const pq_node_spec *n = &s->w->nodes[i];
  const char *what = n->child_count == 0 ? leaf_problem(n) : group_problem(s->w, i);
  group levels = {.left = n->child_count};
  while (s->depth > 0 && s->stack[s->depth - 1].left == 0)
    s->depth--;
  PQ_TRY(check_name(s, i, s->depth == 0 ? PQ_NO_NODE : s->path[s->depth - 1]));
  if (what == NULL && n->repetition > PQ_REPEATED) what = "an unknown repetition";
  if (what != NULL) return bad_node(s, i, what);
  if (s->depth > 0) {
    group *up = &s->stack[s->depth - 1];
    up->left--;
    levels.def = up->def;
    levels.rep = up->rep;
  } else {
    s->w->root_count++;
  }
  levels.def += n->repetition != PQ_REQUIRED;
  levels.rep += n->repetition == PQ_REPEATED;
  if (n->repetition == PQ_REPEATED) s->rep_defs[levels.rep] = (uint8_t)levels.def;
  s->path[s->depth] = i;
  if (n->child_count == 0) return add_leaf(s, n, &levels);
  if (s->depth == DEPTH_MAX) return bad_node(s, i, "nested too deep");
  s->stack[s->depth++] = levels;
  return PQ_OK;
}

static int walk(schema *s) {
  uint32_t count = s->w->node_count;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(add_node(s, i));
  for (uint32_t i = 0; i < s->depth; i++)
    if (s->stack[i].left > 0) return bad_node(s, s->path[i], "a group lacks children");
  return PQ_OK;
}

/* The nodes with names of our own. */
static int copy_nodes(pq_writer *w, const pq_node_spec *nodes, uint32_t count) {
  w->nodes = pq_arena_calloc(&w->arena, count, sizeof *w->nodes);
  if (w->nodes == NULL) return w->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    w->nodes[i] = nodes[i];
    w->nodes[i].name = pq_arena_str(&w->arena, pq_str(nodes[i].name));
    if (w->nodes[i].name == NULL) return w->cx->code;
    if (strlen(nodes[i].name) > NAME_LEN_MAX)
      return pq_fail(w->cx, PQ_EINVALID, "column %.40s…: a name of more than %d bytes",
                     nodes[i].name, (int)NAME_LEN_MAX);
  }
  w->node_count = count;
  return PQ_OK;
}

int pq_writer_set_schema(pq_writer *w, const pq_node_spec *nodes, uint32_t count) {
  schema s = {.w = w};
  int rc;
  if (count > NODES_MAX) return pq_fail(w->cx, PQ_ELIMIT, "a file with %u columns", count);
  PQ_TRY(copy_nodes(w, nodes, count));
  w->leaves = pq_arena_calloc(&w->arena, count, sizeof *w->leaves);
  s.parents = pq_arena_calloc(&w->arena, count, sizeof *s.parents);
  if (w->leaves == NULL || s.parents == NULL) return w->cx->code;
  pq_table_init(&s.names, w->cx);
  rc = walk(&s);
  pq_table_release(&s.names);
  return rc;
}
