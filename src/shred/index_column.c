/* shred/index_column.c - see index_column.h. */
#include "shred/index_column.h"

#include <string.h>

#include "base/hash.h"

enum {
  SAMPLE_MAX = 4096,     /* documents looked at */
  PATHS_MAX = 512,       /* different paths counted */
  PATH_DEPTH_MAX = 4,    /* objects on the way */
  PATH_LEN_MAX = 120,    /* bytes of a path */
  TEXT_LEN_AVERAGE = 64, /* longer text is not chosen */
  KINDS = PQ_INDEX_OBJECT_ID + 1
};

typedef struct path_stat {
  pq_slice path;
  uint32_t count[KINDS]; /* values by type; [0]: anything that no column holds */
  uint64_t text_len;
} path_stat;

typedef struct chooser {
  pq_arena *arena;
  path_stat *stats; /* PATHS_MAX */
  uint32_t count;
  char text[PATH_LEN_MAX + 1]; /* the path of the walk */
} chooser;

static pq_index_type type_of(pq_value v) {
  switch (pq_value_type(v)) {
    case PQ_TYPE_INT32:
    case PQ_TYPE_INT64: return PQ_INDEX_INT64;
    case PQ_TYPE_DOUBLE: return PQ_INDEX_DOUBLE;
    case PQ_TYPE_STRING: return PQ_INDEX_STRING;
    case PQ_TYPE_BOOL: return PQ_INDEX_BOOL;
    case PQ_TYPE_DATE: return PQ_INDEX_TIMESTAMP;
    case PQ_TYPE_OBJECT_ID: return PQ_INDEX_OBJECT_ID;
    default: return 0;
  }
}

static path_stat *stat_of(chooser *c, pq_slice path) {
  for (uint32_t i = 0; i < c->count; i++)
    if (pq_slice_eq(c->stats[i].path, path)) return &c->stats[i];
  if (c->count == PATHS_MAX) return NULL;
  path_stat *s = &c->stats[c->count];
  *s = (path_stat){0};
  if (pq_arena_copy(c->arena, path, &s->path) != PQ_OK) return NULL;
  c->count++;
  return s;
}

bool pq_index_is_system(pq_slice name) {
  static const char *const system[] = {"name",      "version",   "createdAt", "createdBy",
                                       "updatedAt", "updatedBy", "deletedAt", "deletedBy"};
  for (size_t i = 0; i < sizeof system / sizeof *system; i++)
    if (pq_slice_is(name, system[i])) return true;
  return false;
}

/* Names that can stand in a dotted path. Not those of system fields: where a document lacks one, a
 * filter means the system field, which no index column knows. */
static bool is_name_usable(pq_slice name, size_t prefix_len) {
  if (name.n == 0 || name.p[0] == '$' || memchr(name.p, '.', name.n) != NULL) return false;
  if (prefix_len == 0 && pq_index_is_system(name)) return false;
  return prefix_len + 1 + name.n <= PATH_LEN_MAX;
}

static int walk(chooser *c, pq_value object, size_t prefix_len, unsigned depth) {
  uint32_t n;
  pq_field *fields = pq_object_fields(c->arena, object, &n);
  if (fields == NULL && pq_value_count(object) > 0) return c->arena->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    pq_slice name = fields[i].name;
    pq_value v = fields[i].value;
    size_t len = prefix_len;
    pq_slice string;
    path_stat *s;
    if (!is_name_usable(name, prefix_len)) continue;
    if (len > 0) c->text[len++] = '.';
    memcpy(c->text + len, name.p, name.n);
    len += name.n;
    if (pq_value_type(v) == PQ_TYPE_OBJECT) {
      if (depth + 1 < PATH_DEPTH_MAX) PQ_TRY(walk(c, v, len, depth + 1));
      continue;
    }
    s = stat_of(c, (pq_slice){(const uint8_t *)c->text, len});
    if (s == NULL) continue;
    s->count[type_of(v)]++;
    if (pq_value_string(v, &string)) s->text_len += string.n;
  }
  return PQ_OK;
}

/* The one type that fits a path, or 0. */
static pq_index_type fitting(const path_stat *s, uint32_t sample) {
  uint32_t total = 0;
  pq_index_type type = 0;
  for (int t = 1; t < KINDS; t++) {
    total += s->count[t];
    if (s->count[t] > 0)
      type = type == 0 || (type == PQ_INDEX_INT64 && t == PQ_INDEX_DOUBLE) ? (pq_index_type)t
                                                                           : PQ_INDEX_OBJECT_ID + 1;
  }
  if (type > PQ_INDEX_OBJECT_ID || s->count[0] > 0 || total * 2 < sample) return 0;
  if (type == PQ_INDEX_STRING && s->text_len > (uint64_t)TEXT_LEN_AVERAGE * total) return 0;
  return type;
}

/* Is there a column that a filter on the path can use? */
static bool is_chosen(const pq_index_column *columns, uint32_t count, pq_slice path) {
  for (uint32_t i = 0; i < count; i++)
    if (pq_index_is_pushed(columns[i].type) && pq_slice_eq(columns[i].path, path)) return true;
  return false;
}

int pq_index_choose(pq_arena *arena, const pq_value *docs, uint32_t count,
                    const pq_index_column *old, uint32_t old_count, pq_index_column **out,
                    uint32_t *out_count) {
  uint32_t step = count / SAMPLE_MAX + 1, sample = 0, chosen = 0;
  chooser c = {.arena = arena};
  *out = NULL;
  *out_count = 0;
  for (uint32_t i = 0; i < old_count; i++)
    chosen += old[i].name.n == 0;
  c.stats = pq_arena_calloc(arena, PATHS_MAX, sizeof *c.stats);
  *out = pq_arena_calloc(arena, (size_t)old_count + PQ_INDEX_COLUMNS_MAX, sizeof **out);
  if (c.stats == NULL || *out == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i += step, sample++)
    PQ_TRY(walk(&c, docs[i], 0, 0));
  if (old_count > 0) memcpy(*out, old, old_count * sizeof *old);
  *out_count = old_count;
  for (uint32_t i = 0; i < c.count && chosen < PQ_INDEX_COLUMNS_MAX; i++) {
    pq_index_type type = fitting(&c.stats[i], sample);
    if (type == 0 || is_chosen(*out, *out_count, c.stats[i].path)) continue;
    (*out)[(*out_count)++] =
        (pq_index_column){.path = c.stats[i].path,
                          .type = type,
                          .field_id = PQ_INDEX_FIELD_ID_FIRST + (int32_t)chosen++};
  }
  return PQ_OK;
}

/* An integer that a double holds exactly. */
static bool is_exact_double(int64_t v) {
  return v >= -((int64_t)1 << 53) && v <= ((int64_t)1 << 53);
}

pq_index_hit pq_index_fit(pq_value v, pq_index_type type) {
  pq_index_type has;
  int64_t i;
  if (pq_value_type(v) == PQ_TYPE_NULL) return (pq_index_hit){.found = PQ_FOUND_NULL};
  if (!pq_index_is_pushed(type) && pq_typed_fits(v, type)) return (pq_index_hit){PQ_FOUND_VALUE, v};
  has = type_of(v);
  if (has == PQ_INDEX_INT64 && type == PQ_INDEX_DOUBLE && pq_value_i64(v, &i) && is_exact_double(i))
    has = PQ_INDEX_DOUBLE;
  if (has != type) return (pq_index_hit){.found = PQ_FOUND_OTHER};
  return (pq_index_hit){PQ_FOUND_VALUE, v};
}

/* ---- cells: Variant scalars made on the spot (parquet-format: VariantEncoding.md) ---- */

static const uint8_t meta_empty[] = {0x01, 0x00, 0x00};
static const uint8_t meta_oid[] = {0x11, 0x01, 0x00, 0x04, '$', 'o', 'i', 'd'};

enum {
  HEAD_TRUE = 1 << 2,
  HEAD_FALSE = 2 << 2,
  HEAD_INT32 = 5 << 2,
  HEAD_INT64 = 6 << 2,
  HEAD_DOUBLE = 7 << 2,
  HEAD_TIMESTAMP = 12 << 2,
  HEAD_STRING = 16 << 2,
  SHORT_LEN_MAX = 63,
  OID_LEN = 24
};

static pq_value scalar(const uint8_t *p, size_t len) {
  return (pq_value){
      .meta = meta_empty, .meta_len = sizeof meta_empty, .p = p, .len = (uint32_t)len};
}

static pq_value cell_word(pq_cell *cell, uint8_t head, uint64_t word) {
  cell->bytes[0] = head;
  pq_wr64(cell->bytes + 1, word);
  return scalar(cell->bytes, 9);
}

static pq_value cell_bool(pq_cell *cell, bool v) {
  cell->bytes[0] = v ? HEAD_TRUE : HEAD_FALSE;
  return scalar(cell->bytes, 1);
}

pq_value pq_cell_i64(pq_cell *cell, int64_t v) {
  return cell_word(cell, HEAD_INT64, (uint64_t)v);
}

pq_value pq_cell_double(pq_cell *cell, double v) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  return cell_word(cell, HEAD_DOUBLE, bits);
}

pq_value pq_cell_date(pq_cell *cell, int64_t us) {
  return cell_word(cell, HEAD_TIMESTAMP, (uint64_t)us);
}

int pq_cell_string(pq_arena *arena, pq_slice text, pq_cell *cell, pq_value *out) {
  uint8_t *p = cell->bytes;
  *out = (pq_value){0};
  if (text.n <= SHORT_LEN_MAX) {
    p[0] = (uint8_t)(text.n << 2 | 1);
    if (text.n > 0) memcpy(p + 1, text.p, text.n);
    *out = scalar(p, text.n + 1);
    return PQ_OK;
  }
  if (text.n > UINT32_MAX - 5) return pq_fail(arena->cx, PQ_ELIMIT, "text of %zu bytes", text.n);
  if (text.n + 5 > PQ_CELL_CAP) p = pq_arena_alloc(arena, text.n + 5);
  if (p == NULL) return arena->cx->code;
  p[0] = HEAD_STRING;
  pq_wr32(p + 1, (uint32_t)text.n);
  memcpy(p + 5, text.p, text.n);
  *out = scalar(p, text.n + 5);
  return PQ_OK;
}

static pq_value cell_oid(pq_cell *cell, pq_slice hex) {
  static const uint8_t head[] = {0x02, 0x01, 0x00, 0x00, OID_LEN + 1, OID_LEN << 2 | 1};
  if (hex.n != OID_LEN) return (pq_value){0};
  memcpy(cell->bytes, head, sizeof head);
  memcpy(cell->bytes + sizeof head, hex.p, OID_LEN);
  return (pq_value){.meta = meta_oid,
                    .meta_len = sizeof meta_oid,
                    .p = cell->bytes,
                    .len = sizeof head + OID_LEN};
}

int pq_index_value(pq_arena *arena, const pq_column *column, uint32_t row, pq_index_type type,
                   pq_cell *cell, pq_value *out) {
  *out = (pq_value){0};
  if (pq_column_is_null(column, row)) return PQ_OK;
  switch (type) {
    case PQ_INDEX_INT64: *out = pq_cell_i64(cell, column->v.i64[row]); break;
    case PQ_INDEX_DOUBLE: *out = pq_cell_double(cell, column->v.f64[row]); break;
    case PQ_INDEX_BOOL: *out = cell_bool(cell, column->v.b[row] != 0); break;
    case PQ_INDEX_TIMESTAMP:
      *out = cell_word(cell, HEAD_TIMESTAMP, (uint64_t)column->v.i64[row]);
      break;
    case PQ_INDEX_STRING: return pq_cell_string(arena, column->v.bytes[row], cell, out);
    case PQ_INDEX_OBJECT_ID: *out = cell_oid(cell, column->v.bytes[row]); break;
    default: pq_unreachable("index type");
  }
  return PQ_OK;
}

int pq_index_bound(pq_arena *arena, pq_slice plain, pq_index_type type, pq_cell *cell,
                   pq_value *out) {
  *out = (pq_value){0};
  switch (type) {
    case PQ_INDEX_STRING: return pq_cell_string(arena, plain, cell, out);
    case PQ_INDEX_OBJECT_ID: *out = cell_oid(cell, plain); break;
    case PQ_INDEX_BOOL:
      if (plain.n == 1) *out = cell_bool(cell, plain.p[0] != 0);
      break;
    case PQ_INDEX_INT64:
      if (plain.n == 8) *out = cell_word(cell, HEAD_INT64, pq_rd64(plain.p));
      break;
    case PQ_INDEX_DOUBLE:
      if (plain.n == 8) *out = cell_word(cell, HEAD_DOUBLE, pq_rd64(plain.p));
      break;
    case PQ_INDEX_TIMESTAMP:
      if (plain.n == 8) *out = cell_word(cell, HEAD_TIMESTAMP, pq_rd64(plain.p));
      break;
    default: pq_unreachable("index type");
  }
  return PQ_OK;
}

void pq_index_narrow(pq_cell *cell, pq_index_type type, pq_value *v) {
  int64_t i;
  if (type != PQ_INDEX_INT64 || !pq_value_i64(*v, &i) || i != (int32_t)i) return;
  cell->bytes[0] = HEAD_INT32;
  pq_wr32(cell->bytes + 1, (uint32_t)(int32_t)i);
  *v = scalar(cell->bytes, 5);
}

bool pq_index_is_kept(pq_value v, pq_index_type type) {
  pq_type t = pq_value_type(v);
  int64_t i;
  switch (type) {
    case PQ_INDEX_INT64:
      if (t == PQ_TYPE_INT32) return true;
      return v.p[0] == HEAD_INT64 && pq_value_i64(v, &i) && i != (int32_t)i;
    case PQ_INDEX_DOUBLE: return v.p[0] == HEAD_DOUBLE;
    case PQ_INDEX_TIMESTAMP: return v.p[0] == HEAD_TIMESTAMP;
    case PQ_INDEX_STRING: return !pq_value_is_raw_object(v);
    default: return true;
  }
}
