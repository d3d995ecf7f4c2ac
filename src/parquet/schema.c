/* parquet/schema.c - see schema_int.h.
 *
 *   list, depth first:   root(2) | a | v(2) | metadata | value          (number of children)
 *   nodes:                  0      1    2        3         4
 *   leaves:                       "a"       "v.metadata" "v.value"
 *
 * A stack holds the groups that still lack children. A leaf's definition level is the number of
 * optional or repeated elements above it and itself, its repetition level that of the repeated.
 * The root counts for neither, whatever repetition it states. A group may be empty.
 *
 * Sources: parquet-format: parquet.thrift (SchemaElement, LogicalType), LogicalTypes.md.
 */
#include "parquet/schema_int.h"

#include <string.h>

/* With the root above PQ_LEVEL_MAX groups that may all be optional. */
enum { DEPTH_MAX = PQ_LEVEL_MAX + 1, ELEMENT_LEN_MIN = 3, UUID_LEN = 16, FLOAT16_LEN = 2 };

/* Dotted paths repeat the names of groups for each leaf; each chunk repeats them as well, so a
 * real footer is far from this factor. */
enum { PATHS_FACTOR = 16, PATHS_BASE = 64 << 10 };

enum {
  LOGICAL_STRING = 1,
  LOGICAL_MAP = 2,
  LOGICAL_LIST = 3,
  LOGICAL_ENUM = 4,
  LOGICAL_DECIMAL = 5,
  LOGICAL_DATE = 6,
  LOGICAL_TIME = 7,
  LOGICAL_TIMESTAMP = 8,
  LOGICAL_INTEGER = 10,
  LOGICAL_JSON = 12,
  LOGICAL_BSON = 13,
  LOGICAL_UUID = 14,
  LOGICAL_FLOAT16 = 15,
  LOGICAL_VARIANT = 16,
  LOGICAL_GEOMETRY = 17,
  LOGICAL_GEOGRAPHY = 18
};

enum {
  CONVERTED_NONE = -1,
  CONVERTED_UTF8 = 0,
  CONVERTED_MAP = 1,
  CONVERTED_MAP_KEY_VALUE = 2,
  CONVERTED_LIST = 3,
  CONVERTED_ENUM = 4,
  CONVERTED_DECIMAL = 5,
  CONVERTED_DATE = 6,
  CONVERTED_TIME_MILLIS = 7,
  CONVERTED_TIME_MICROS = 8,
  CONVERTED_TIMESTAMP_MILLIS = 9,
  CONVERTED_TIMESTAMP_MICROS = 10,
  CONVERTED_UINT_8 = 11,
  CONVERTED_UINT_64 = 14,
  CONVERTED_INT_8 = 15,
  CONVERTED_INT_64 = 18,
  CONVERTED_JSON = 19,
  CONVERTED_BSON = 20,
  CONVERTED_INTERVAL = 21
};

enum { BITS_DEFAULT = 64 };

typedef struct element {
  int64_t type; /* -1: a group */
  int64_t type_len, repetition, child_count, field_id;
  int64_t scale, precision; /* beside a converted DECIMAL */
  pq_slice name;
  pq_logical logical;
  pq_note note;
  int64_t converted;
  bool has_logical;
} element;

typedef struct group {
  uint64_t child_count; /* still to come */
  size_t path_len;
  uint32_t node;
  uint32_t last_child; /* PQ_NO_NODE: none yet */
} group;

typedef struct schema {
  pq_thrift *t;
  pq_arena *arena;
  const pq_place *at;
  pq_footer *out;
  size_t paths_len, paths_max;
  unsigned depth; /* groups on the stack */
  group stack[DEPTH_MAX];
} schema;

/* TimeType and TimestampType{1: isAdjustedToUTC, 2: unit}, a unit being a union of empty structs.
 */
static pq_logical read_time(pq_thrift *t, const pq_thrift_field *field, pq_note *note) {
  pq_thrift_field f = {0}, u = {0};
  bool is_utc = false;
  int unit = 0;
  if (!pq_thrift_struct(t, field)) return PQ_LOGICAL_OTHER;
  while (pq_thrift_next(t, &f)) {
    if (f.id == 1) {
      is_utc = pq_thrift_bool(t, &f);
    } else if (f.id == 2 && pq_thrift_struct(t, &f)) {
      for (u = (pq_thrift_field){0}; pq_thrift_next(t, &u); pq_thrift_skip(t, &u))
        unit = u.id;
    } else {
      pq_thrift_skip(t, &f);
    }
  }
  if (unit >= 1 && unit <= 3) note->digits = (uint8_t)(unit * 3);
  note->is_utc = is_utc;
  if (note->kind == PQ_NOTE_TIME || !is_utc || unit == 0 || unit > 2) return PQ_LOGICAL_OTHER;
  return unit == 1 ? PQ_LOGICAL_TIMESTAMP_MS : PQ_LOGICAL_TIMESTAMP_US;
}

/* IntType{1: bitWidth, 2: isSigned}: a signed integer is what its physical type is. */
static pq_logical read_integer(pq_thrift *t, const pq_thrift_field *field, pq_note *note) {
  pq_thrift_field f = {0};
  bool is_signed = false;
  note->bits = BITS_DEFAULT;
  if (!pq_thrift_struct(t, field)) return PQ_LOGICAL_OTHER;
  while (pq_thrift_next(t, &f)) {
    if (f.id == 1)
      note->bits = (uint8_t)pq_thrift_int(t, &f, 8);
    else if (f.id == 2)
      is_signed = pq_thrift_bool(t, &f);
    else
      pq_thrift_skip(t, &f);
  }
  note->is_unsigned = !is_signed;
  return is_signed ? PQ_LOGICAL_NONE : PQ_LOGICAL_OTHER;
}

/* DecimalType{1: scale, 2: precision}. */
static pq_logical read_decimal(pq_thrift *t, const pq_thrift_field *field, pq_note *note) {
  pq_thrift_field f = {0};
  if (!pq_thrift_struct(t, field)) return PQ_LOGICAL_OTHER;
  while (pq_thrift_next(t, &f)) {
    if (f.id == 1)
      note->scale = (int32_t)pq_thrift_int(t, &f, 32);
    else if (f.id == 2)
      note->precision = (int32_t)pq_thrift_int(t, &f, 32);
    else
      pq_thrift_skip(t, &f);
  }
  return PQ_LOGICAL_OTHER;
}

static pq_note_kind kind_of_logical(int id) {
  switch (id) {
    case LOGICAL_STRING:
    case LOGICAL_ENUM: return PQ_NOTE_TEXT;
    case LOGICAL_MAP: return PQ_NOTE_MAP;
    case LOGICAL_LIST: return PQ_NOTE_LIST;
    case LOGICAL_VARIANT: return PQ_NOTE_VARIANT;
    case LOGICAL_DECIMAL: return PQ_NOTE_DECIMAL;
    case LOGICAL_DATE: return PQ_NOTE_DATE;
    case LOGICAL_TIME: return PQ_NOTE_TIME;
    case LOGICAL_TIMESTAMP: return PQ_NOTE_TIMESTAMP;
    case LOGICAL_INTEGER: return PQ_NOTE_INTEGER;
    case LOGICAL_JSON: return PQ_NOTE_JSON;
    case LOGICAL_UUID: return PQ_NOTE_UUID;
    case LOGICAL_FLOAT16: return PQ_NOTE_FLOAT16;
    case LOGICAL_BSON:
    case LOGICAL_GEOMETRY:
    case LOGICAL_GEOGRAPHY: return PQ_NOTE_BYTES;
    default: return PQ_NOTE_OTHER;
  }
}

/* A union: its one member says the type. */
static pq_logical read_logical(pq_thrift *t, const pq_thrift_field *field, pq_note *note) {
  pq_logical logical = PQ_LOGICAL_OTHER;
  pq_thrift_field f = {0};
  if (!pq_thrift_struct(t, field)) return PQ_LOGICAL_OTHER;
  while (pq_thrift_next(t, &f)) {
    *note = (pq_note){.kind = kind_of_logical(f.id)};
    if (f.id > 0 && f.id <= UINT8_MAX) note->id = (uint8_t)f.id;
    switch (f.id) {
      case LOGICAL_TIME:
      case LOGICAL_TIMESTAMP: logical = read_time(t, &f, note); continue;
      case LOGICAL_INTEGER: logical = read_integer(t, &f, note); continue;
      case LOGICAL_DECIMAL: logical = read_decimal(t, &f, note); continue;
      case LOGICAL_STRING: logical = PQ_LOGICAL_STRING; break;
      case LOGICAL_DATE: logical = PQ_LOGICAL_DATE; break;
      case LOGICAL_UUID: logical = PQ_LOGICAL_UUID; break;
      case LOGICAL_VARIANT: logical = PQ_LOGICAL_VARIANT; break;
      default: logical = PQ_LOGICAL_OTHER; break;
    }
    pq_thrift_skip(t, &f);
  }
  return logical;
}

static pq_note_kind kind_of_converted(int64_t converted) {
  switch (converted) {
    case CONVERTED_NONE: return PQ_NOTE_NONE;
    case CONVERTED_UTF8:
    case CONVERTED_ENUM: return PQ_NOTE_TEXT;
    case CONVERTED_MAP:
    case CONVERTED_MAP_KEY_VALUE: return PQ_NOTE_MAP;
    case CONVERTED_LIST: return PQ_NOTE_LIST;
    case CONVERTED_DECIMAL: return PQ_NOTE_DECIMAL;
    case CONVERTED_DATE: return PQ_NOTE_DATE;
    case CONVERTED_TIME_MILLIS:
    case CONVERTED_TIME_MICROS: return PQ_NOTE_TIME;
    case CONVERTED_TIMESTAMP_MILLIS:
    case CONVERTED_TIMESTAMP_MICROS: return PQ_NOTE_TIMESTAMP;
    case CONVERTED_JSON: return PQ_NOTE_JSON;
    case CONVERTED_BSON: return PQ_NOTE_BYTES;
    case CONVERTED_INTERVAL: return PQ_NOTE_INTERVAL;
    default: break;
  }
  return converted >= CONVERTED_UINT_8 && converted <= CONVERTED_INT_64 ? PQ_NOTE_INTEGER
                                                                        : PQ_NOTE_OTHER;
}

/* The LogicalType union member that says the same; 0: none. */
static uint8_t logical_of_converted(int64_t converted) {
  switch (converted) {
    case CONVERTED_UTF8: return LOGICAL_STRING;
    case CONVERTED_MAP: return LOGICAL_MAP;
    case CONVERTED_LIST: return LOGICAL_LIST;
    case CONVERTED_ENUM: return LOGICAL_ENUM;
    case CONVERTED_DECIMAL: return LOGICAL_DECIMAL;
    case CONVERTED_DATE: return LOGICAL_DATE;
    case CONVERTED_TIME_MILLIS:
    case CONVERTED_TIME_MICROS: return LOGICAL_TIME;
    case CONVERTED_TIMESTAMP_MILLIS:
    case CONVERTED_TIMESTAMP_MICROS: return LOGICAL_TIMESTAMP;
    case CONVERTED_JSON: return LOGICAL_JSON;
    case CONVERTED_BSON: return LOGICAL_BSON;
    default: break;
  }
  return converted >= CONVERTED_UINT_8 && converted <= CONVERTED_INT_64 ? LOGICAL_INTEGER : 0;
}

/* What the older ConvertedType says, with the scale and precision beside it. Its times are UTC. */
static void set_from_converted(element *e) {
  int64_t c = e->converted;
  pq_note *note = &e->note;
  *note = (pq_note){.kind = kind_of_converted(c), .id = logical_of_converted(c)};
  if (note->kind == PQ_NOTE_DECIMAL) {
    note->scale = (int32_t)e->scale;
    note->precision = (int32_t)e->precision;
  }
  if (note->kind == PQ_NOTE_TIME || note->kind == PQ_NOTE_TIMESTAMP) {
    note->digits = c == CONVERTED_TIME_MILLIS || c == CONVERTED_TIMESTAMP_MILLIS ? 3 : 6;
    note->is_utc = true;
  }
  if (note->kind == PQ_NOTE_INTEGER) {
    note->is_unsigned = c <= CONVERTED_UINT_64;
    note->bits = (uint8_t)(8u << (c - (note->is_unsigned ? CONVERTED_UINT_8 : CONVERTED_INT_8)));
  }
  switch (c) {
    case CONVERTED_NONE: e->logical = PQ_LOGICAL_NONE; return;
    case CONVERTED_UTF8: e->logical = PQ_LOGICAL_STRING; return;
    case CONVERTED_DATE: e->logical = PQ_LOGICAL_DATE; return;
    case CONVERTED_TIMESTAMP_MILLIS: e->logical = PQ_LOGICAL_TIMESTAMP_MS; return;
    case CONVERTED_TIMESTAMP_MICROS: e->logical = PQ_LOGICAL_TIMESTAMP_US; return;
    default: break;
  }
  e->logical = c >= CONVERTED_INT_8 && c <= CONVERTED_INT_64 ? PQ_LOGICAL_NONE : PQ_LOGICAL_OTHER;
}

static element read_element(pq_thrift *t) {
  element e = {.type = -1, .field_id = -1, .converted = CONVERTED_NONE};
  pq_thrift_field f = {0};
  while (pq_thrift_next(t, &f)) {
    switch (f.id) {
      case 1: e.type = pq_thrift_int(t, &f, 32); break;
      case 2: e.type_len = pq_thrift_int(t, &f, 32); break;
      case 3: e.repetition = pq_thrift_int(t, &f, 32); break;
      case 4: e.name = pq_thrift_binary(t, &f); break;
      case 5: e.child_count = pq_thrift_int(t, &f, 32); break;
      case 6: e.converted = pq_thrift_int(t, &f, 32); break;
      case 7: e.scale = pq_thrift_int(t, &f, 32); break;
      case 8: e.precision = pq_thrift_int(t, &f, 32); break;
      case 9: e.field_id = pq_thrift_int(t, &f, 32); break;
      case 10:
        e.has_logical = true;
        e.logical = read_logical(t, &f, &e.note);
        break;
      default: pq_thrift_skip(t, &f); break;
    }
  }
  if (!e.has_logical) set_from_converted(&e);
  return e;
}

/* An annotation on a type that it cannot have is one we do not know. */
static pq_logical check_logical(pq_logical logical, pq_phys phys, uint32_t type_len) {
  bool is_fit = true;
  switch (logical) {
    case PQ_LOGICAL_STRING: is_fit = phys == PQ_PHYS_BYTES; break;
    case PQ_LOGICAL_TIMESTAMP_MS:
    case PQ_LOGICAL_TIMESTAMP_US: is_fit = phys == PQ_PHYS_INT64; break;
    case PQ_LOGICAL_DATE: is_fit = phys == PQ_PHYS_INT32; break;
    case PQ_LOGICAL_UUID: is_fit = phys == PQ_PHYS_FIXED && type_len == UUID_LEN; break;
    case PQ_LOGICAL_VARIANT: is_fit = false; break; /* belongs on a group */
    default: break;
  }
  return is_fit ? logical : PQ_LOGICAL_OTHER;
}

/* How values of the type compare. An annotation on a type that it cannot have leaves no order. */
static pq_leaf_sort sort_of(const pq_leaf *leaf) {
  bool is_int = leaf->phys == PQ_PHYS_INT32 || leaf->phys == PQ_PHYS_INT64;
  bool is_bytes = leaf->phys == PQ_PHYS_BYTES || leaf->phys == PQ_PHYS_FIXED;
  switch (leaf->note.kind) {
    case PQ_NOTE_NONE:
      if (leaf->phys == PQ_PHYS_FLOAT || leaf->phys == PQ_PHYS_DOUBLE) return PQ_SORT_FLOAT;
      if (is_bytes) return PQ_SORT_BYTES;
      return leaf->phys == PQ_PHYS_INT96 ? PQ_SORT_NONE : PQ_SORT_SIGNED;
    case PQ_NOTE_TEXT:
    case PQ_NOTE_JSON:
    case PQ_NOTE_UUID: return is_bytes ? PQ_SORT_BYTES : PQ_SORT_NONE;
    case PQ_NOTE_BYTES:
      return is_bytes && leaf->note.id == LOGICAL_BSON ? PQ_SORT_BYTES : PQ_SORT_NONE;
    case PQ_NOTE_DATE:
    case PQ_NOTE_TIME:
    case PQ_NOTE_TIMESTAMP: return is_int ? PQ_SORT_SIGNED : PQ_SORT_NONE;
    case PQ_NOTE_INTEGER:
      if (!is_int) return PQ_SORT_NONE;
      return leaf->note.is_unsigned ? PQ_SORT_UNSIGNED : PQ_SORT_SIGNED;
    case PQ_NOTE_DECIMAL:
      if (is_bytes) return PQ_SORT_DECIMAL;
      return is_int ? PQ_SORT_SIGNED : PQ_SORT_NONE;
    case PQ_NOTE_FLOAT16:
      return leaf->phys == PQ_PHYS_FIXED && leaf->type_len == FLOAT16_LEN ? PQ_SORT_FLOAT16
                                                                          : PQ_SORT_NONE;
    default: return PQ_SORT_NONE;
  }
}

/* The dotted path of a leaf below the groups on the stack, the root left out. */
static int leaf_path(schema *s, pq_slice name, pq_slice *out) {
  size_t len = s->stack[s->depth - 1].path_len + name.n; /* both bounded by the footer */
  uint8_t *p;
  *out = (pq_slice){0};
  if (len > s->paths_max - s->paths_len)
    return pq_place_fail(s->at, PQ_ELIMIT, "schema paths are too long");
  s->paths_len += len;
  p = pq_arena_alloc(s->arena, len);
  if (p == NULL) return s->arena->cx->code;
  *out = (pq_slice){p, len};
  for (unsigned i = 1; i < s->depth; i++) {
    pq_slice group_name = s->out->nodes[s->stack[i].node].name;
    if (group_name.n > 0) memcpy(p, group_name.p, group_name.n);
    p += group_name.n;
    *p++ = '.';
  }
  if (name.n > 0) memcpy(p, name.p, name.n);
  return PQ_OK;
}

static int add_leaf(schema *s, const element *e, pq_node *node) {
  const pq_node *parent = &s->out->nodes[node->parent];
  pq_leaf *leaf = &s->out->leaves[s->out->leaf_count];
  if (e->type < 0 || e->type > PQ_PHYS_FIXED)
    return pq_place_corrupt(s->at, "unknown physical type in the schema");
  if (e->type == PQ_PHYS_FIXED && e->type_len < 0)
    return pq_place_corrupt(s->at, "negative type length in the schema");
  if (node->note.kind >= PQ_NOTE_LIST) node->note.kind = PQ_NOTE_OTHER; /* belongs on a group */
  *leaf = (pq_leaf){.node = (uint32_t)(node - s->out->nodes),
                    .depth = s->depth - 1,
                    .note = node->note,
                    .phys = (pq_phys)e->type,
                    .def_max = node->def,
                    .rep_max = node->rep,
                    .field_id = node->field_id};
  if (leaf->phys == PQ_PHYS_FIXED) leaf->type_len = (uint32_t)e->type_len;
  leaf->logical = check_logical(e->logical, leaf->phys, leaf->type_len);
  if (parent->note.kind == PQ_NOTE_VARIANT && leaf->phys == PQ_PHYS_BYTES &&
      (pq_slice_is(e->name, "metadata") || pq_slice_is(e->name, "value"))) {
    leaf->logical = PQ_LOGICAL_VARIANT;
    leaf->field_id = parent->field_id;
  } else {
    leaf->sort = sort_of(leaf);
  }
  PQ_TRY(leaf_path(s, e->name, &leaf->path));
  node->leaf = s->out->leaf_count++;
  node->leaf_count = 1;
  return PQ_OK;
}

static int push(schema *s, const element *e, pq_node *node) {
  size_t parent_len = s->depth == 0 ? 0 : s->stack[s->depth - 1].path_len;
  if (s->depth == DEPTH_MAX) return pq_place_fail(s->at, PQ_ELIMIT, "schema nested too deep");
  if (e->child_count < 0) return pq_place_corrupt(s->at, "negative number of children");
  if (node->note.kind != PQ_NOTE_NONE && node->note.kind < PQ_NOTE_LIST)
    node->note.kind = PQ_NOTE_OTHER; /* belongs on a leaf */
  node->child_count = (uint32_t)e->child_count;
  s->stack[s->depth] = (group){.child_count = node->child_count,
                               .path_len = s->depth == 0 ? 0 : parent_len + e->name.n + 1,
                               .node = (uint32_t)(node - s->out->nodes),
                               .last_child = PQ_NO_NODE};
  s->depth++;
  return PQ_OK;
}

/* Leave the groups whose children have all come. */
static void pop_full(schema *s) {
  while (s->depth > 0 && s->stack[s->depth - 1].child_count == 0) {
    pq_node *node = &s->out->nodes[s->stack[--s->depth].node];
    node->leaf_count = s->out->leaf_count - node->first_leaf;
  }
}

/* The next element, whose number is the node's. */
static int add_element(schema *s, const element *e) {
  pq_footer *out = s->out;
  uint32_t number = out->node_count++;
  pq_node *node = &out->nodes[number];
  *node = (pq_node){.name = e->name,
                    .parent = PQ_NO_NODE,
                    .next = PQ_NO_NODE,
                    .leaf = PQ_NO_NODE,
                    .first_leaf = out->leaf_count,
                    .field_id = (int32_t)e->field_id,
                    .note = e->note};
  if (number > 0) {
    group *parent;
    if (s->depth == 0) return pq_place_corrupt(s->at, "schema has elements outside the root");
    parent = &s->stack[s->depth - 1];
    if (e->repetition < PQ_REQUIRED || e->repetition > PQ_REPEATED)
      return pq_place_corrupt(s->at, "unknown repetition in the schema");
    parent->child_count--;
    if (parent->last_child != PQ_NO_NODE) out->nodes[parent->last_child].next = number;
    parent->last_child = number;
    node->parent = parent->node;
    node->repetition = (pq_repetition)e->repetition;
    node->def = out->nodes[parent->node].def + (node->repetition != PQ_REQUIRED);
    node->rep = out->nodes[parent->node].rep + (node->repetition == PQ_REPEATED);
    if (node->def > PQ_LEVEL_MAX) return pq_place_fail(s->at, PQ_ELIMIT, "schema nested too deep");
  }
  if (number == 0 || e->child_count != 0 || e->type < 0)
    PQ_TRY(push(s, e, node));
  else
    PQ_TRY(add_leaf(s, e, node));
  pop_full(s);
  return PQ_OK;
}

int pq_schema_read(pq_thrift *t, const pq_thrift_field *f, pq_arena *arena, const pq_place *at,
                   pq_footer *out) {
  schema s = {.t = t, .arena = arena, .at = at, .out = out};
  pq_thrift_field item;
  uint32_t count = pq_thrift_list(t, f, PQ_THRIFT_STRUCT, ELEMENT_LEN_MIN, &item);
  if (t->error != NULL) return PQ_OK; /* the caller reports it */
  if (count == 0 || out->leaves != NULL)
    return pq_place_corrupt(at, count == 0 ? "empty schema" : "two schemas");
  if (!pq_mul_size((size_t)(t->in.end - t->start), PATHS_FACTOR, &s.paths_max) ||
      !pq_add_size(s.paths_max, PATHS_BASE, &s.paths_max))
    return pq_place_fail(at, PQ_ELIMIT, "footer too long");
  out->nodes = pq_arena_calloc(arena, count, sizeof *out->nodes);
  out->leaves = pq_arena_calloc(arena, count, sizeof *out->leaves);
  if (out->nodes == NULL || out->leaves == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    element e = read_element(t);
    if (t->error != NULL) return PQ_OK;
    PQ_TRY(add_element(&s, &e));
  }
  return s.depth == 0 ? PQ_OK : pq_place_corrupt(at, "schema lacks elements of a group");
}
