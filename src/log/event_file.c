/* log/event_file.c - writing events as Parquet columns. See event_file.h and doc/formats/events.md.
 *
 *   events ──► leaf 0 … 26, one array each, filled together ──► pq_writer_add, per 100,000 rows;
 *              row groups side by side, each in a writer that joins the first one's
 *
 * One table (`pq_event_leaves`) says what a leaf is called and how it is read; one (`specs`) how a
 * column is written; text_of() and number_of() say what of an event stands in it. Leaves that are
 * null in all rows share one array.
 */
#include "log/event_file.h"

#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "log/event_leaf_int.h"

enum {
  ROWS_MAX = 100000,      /* of a row group */
  PAGE_LEN = 1 << 20,     /* a page costs 30-60 bytes, most columns compress to nothing */
  VALUE_PAGE_LEN = 65536, /* documents are read in parts */
  ZSTD_LEVEL = 3,         /* 6: edge events 7 % smaller, 10 % slower */
  ZSTD_LEVEL_LONG = 2,    /* documents: 4 % larger than with 3, in a fifth less time */
  LONG_LEN = 64,          /* bytes of an event's document that make it long */
  COLUMN_ENTITY_ID = 7,   /* in `specs` */
  COLUMN_TO_ID = 11,
  COLUMN_COUNT = 24
};

const pq_event_leaf_info pq_event_leaves[LEAF_COUNT] = {
    [LEAF_ID] = {"id", PQ_PHYS_BYTES, false},
    [LEAF_SEQ] = {"seq", PQ_PHYS_INT64, false},
    [LEAF_TS] = {"ts", PQ_PHYS_INT64, false},
    [LEAF_TARGET] = {"target", PQ_PHYS_BYTES, false},
    [LEAF_OP] = {"op", PQ_PHYS_BYTES, false},
    [LEAF_NS] = {"ns", PQ_PHYS_BYTES, false},
    [LEAF_COLLECTION] = {"collection", PQ_PHYS_BYTES, false},
    [LEAF_ENTITY_ID] = {"entity_id", PQ_PHYS_BYTES, true},
    [LEAF_TYPE] = {"type", PQ_PHYS_BYTES, true},
    [LEAF_PREDICATE] = {"predicate", PQ_PHYS_BYTES, true},
    [LEAF_REVERSE] = {"reverse", PQ_PHYS_BYTES, true},
    [LEAF_TO_ID] = {"to_id", PQ_PHYS_BYTES, true},
    [LEAF_VERSION] = {"version", PQ_PHYS_INT64, true},
    [LEAF_CREATED_AT] = {"created_at", PQ_PHYS_INT64, false},
    [LEAF_CREATED_BY] = {"created_by", PQ_PHYS_BYTES, true},
    [LEAF_BEFORE_META] = {"before.metadata", PQ_PHYS_BYTES, true},
    [LEAF_BEFORE] = {"before.value", PQ_PHYS_BYTES, true},
    [LEAF_AFTER_META] = {"after.metadata", PQ_PHYS_BYTES, true},
    [LEAF_AFTER] = {"after.value", PQ_PHYS_BYTES, true},
    [LEAF_ACTOR] = {"actor", PQ_PHYS_BYTES, true},
    [LEAF_NOTE_META] = {"metadata.metadata", PQ_PHYS_BYTES, true},
    [LEAF_NOTE] = {"metadata.value", PQ_PHYS_BYTES, true},
    [LEAF_TXN] = {"txn", PQ_PHYS_INT64, true},
    [LEAF_PREV] = {"prev", PQ_PHYS_INT64, true},
    [LEAF_WHERE_FILE] = {"where_file", PQ_PHYS_BYTES, true},
    [LEAF_WHERE_ROW] = {"where_row", PQ_PHYS_INT64, true},
    [LEAF_HASH] = {"hash", PQ_PHYS_BYTES, true},
};

#define TEXT(n, opt, id, h, stats)                                                      \
  {                                                                                     \
    .name = n, .phys = PQ_PHYS_BYTES, .logical = PQ_LOGICAL_STRING, .is_optional = opt, \
    .field_id = id, .hint = h, .has_stats = stats, .page_len = PAGE_LEN                 \
  }
#define NUMBER(n, l, opt, id, h, stats)                                                            \
  {                                                                                                \
    .name = n, .phys = PQ_PHYS_INT64, .logical = l, .is_optional = opt, .field_id = id, .hint = h, \
    .has_stats = stats, .page_len = PAGE_LEN                                                       \
  }
#define VARIANT(n, id)                                                             \
  {                                                                                \
    .name = n, .logical = PQ_LOGICAL_VARIANT, .is_optional = true, .field_id = id, \
    .hint = PQ_HINT_PLAIN, .page_len = VALUE_PAGE_LEN                              \
  }

static const pq_column_spec specs[COLUMN_COUNT] = {
    TEXT("id", false, 1, PQ_HINT_SORTED, false),
    NUMBER("seq", PQ_LOGICAL_NONE, false, 2, PQ_HINT_SORTED, true),
    NUMBER("ts", PQ_LOGICAL_TIMESTAMP_US, false, 3, PQ_HINT_AUTO, true),
    TEXT("target", false, 4, PQ_HINT_AUTO, false),
    TEXT("op", false, 5, PQ_HINT_AUTO, false),
    TEXT("ns", false, 6, PQ_HINT_AUTO, false),
    TEXT("collection", false, 7, PQ_HINT_AUTO, false),
    TEXT("entity_id", true, 8, PQ_HINT_AUTO, true),
    TEXT("type", true, 9, PQ_HINT_AUTO, false),
    TEXT("predicate", true, 10, PQ_HINT_AUTO, false),
    TEXT("reverse", true, 11, PQ_HINT_AUTO, false),
    TEXT("to_id", true, 12, PQ_HINT_AUTO, false),
    NUMBER("version", PQ_LOGICAL_NONE, true, 13, PQ_HINT_AUTO, false),
    NUMBER("created_at", PQ_LOGICAL_TIMESTAMP_US, false, 14, PQ_HINT_AUTO, false),
    TEXT("created_by", true, 15, PQ_HINT_AUTO, false),
    VARIANT("before", 16),
    VARIANT("after", 17),
    TEXT("actor", true, 18, PQ_HINT_AUTO, false),
    VARIANT("metadata", 19),
    NUMBER("txn", PQ_LOGICAL_NONE, true, 20, PQ_HINT_AUTO, false),
    NUMBER("prev", PQ_LOGICAL_NONE, true, 21, PQ_HINT_AUTO, false),
    TEXT("where_file", true, 22, PQ_HINT_AUTO, false),
    NUMBER("where_row", PQ_LOGICAL_NONE, true, 23, PQ_HINT_AUTO, false),
    {.name = "hash", .phys = PQ_PHYS_BYTES, .is_optional = true, .field_id = 24},
};

static pq_slice local_of(const pq_event *e) {
  pq_slice collection, local;
  pq_event_id_split(e->id, &collection, &local);
  return local;
}

static pq_slice collection_of(const pq_event *e) {
  pq_slice collection, local;
  pq_event_id_split(e->id, &collection, &local);
  return collection;
}

/* What stands in a BYTES leaf; empty: null where the leaf is optional. LEAF_ID is made apart. */
static pq_slice text_of(pq_event_leaf l, const pq_event *e, pq_slice ns) {
  switch (l) {
    case LEAF_TARGET: return pq_str(pq_target_name(e->target));
    case LEAF_OP: return pq_str(pq_event_op_name(e->op));
    case LEAF_NS: return ns;
    case LEAF_COLLECTION: return collection_of(e);
    case LEAF_ENTITY_ID: return local_of(e);
    case LEAF_TYPE: return e->type;
    case LEAF_PREDICATE: return e->predicate;
    case LEAF_REVERSE: return e->reverse;
    case LEAF_TO_ID: return e->to_id;
    case LEAF_CREATED_BY: return e->created_by;
    case LEAF_BEFORE_META: return pq_value_meta(e->before);
    case LEAF_BEFORE: return pq_value_bytes(e->before);
    case LEAF_AFTER_META: return pq_value_meta(e->after);
    case LEAF_AFTER: return pq_value_bytes(e->after);
    case LEAF_ACTOR: return e->actor;
    case LEAF_NOTE_META: return pq_value_meta(e->metadata);
    case LEAF_NOTE: return pq_value_bytes(e->metadata);
    case LEAF_WHERE_FILE: return e->where_file;
    case LEAF_HASH: return e->hash;
    default: return (pq_slice){0};
  }
}

static int64_t number_of(pq_event_leaf l, const pq_event *e) {
  switch (l) {
    case LEAF_SEQ: return (int64_t)e->seq;
    case LEAF_TS: return e->ts;
    case LEAF_VERSION: return (int64_t)e->version;
    case LEAF_CREATED_AT: return e->created_at;
    case LEAF_TXN: return (int64_t)e->txn;
    case LEAF_PREV: return (int64_t)e->prev;
    case LEAF_WHERE_ROW: return (int64_t)e->where_row;
    default: return 0;
  }
}

static bool is_null(pq_event_leaf l, const pq_event *e) {
  if (!pq_event_leaves[l].is_optional) return false;
  if (l == LEAF_WHERE_ROW) return e->where_file.n == 0;
  if (pq_event_leaves[l].phys == PQ_PHYS_INT64) return number_of(l, e) == 0;
  return text_of(l, e, (pq_slice){0}).n == 0;
}

static int make_id(pq_arena *arena, const pq_event *e, pq_slice *out) {
  char *text = pq_arena_alloc(arena, PQ_ULID_LEN + 1);
  *out = (pq_slice){0};
  if (text == NULL) return arena->cx->code;
  pq_event_ulid(e, text);
  *out = (pq_slice){(const uint8_t *)text, PQ_ULID_LEN};
  return PQ_OK;
}

/* Storage of all columns; those of nulls only share theirs. */
static int make_columns(pq_arena *arena, const pq_event *const *events, uint32_t count,
                        pq_column columns[LEAF_COUNT], bool is_filled[LEAF_COUNT]) {
  uint32_t nulls[LEAF_COUNT] = {0};
  uint8_t *all_null = pq_arena_alloc(arena, count);
  void *zeros = pq_arena_calloc(arena, count, sizeof(pq_slice));
  if (all_null == NULL || zeros == NULL) return arena->cx->code;
  memset(all_null, 1, count);
  for (uint32_t i = 0; i < count; i++)
    for (pq_event_leaf l = 0; l < LEAF_COUNT; l++)
      nulls[l] += is_null(l, events[i]);
  for (pq_event_leaf l = 0; l < LEAF_COUNT; l++) {
    pq_column *c = &columns[l];
    *c = (pq_column){.phys = pq_event_leaves[l].phys, .row_count = count};
    is_filled[l] = nulls[l] < count;
    if (!is_filled[l]) {
      c->nulls = all_null;
      c->v.any = zeros;
      continue;
    }
    c->v.any = pq_arena_array(arena, count, c->phys == PQ_PHYS_INT64 ? 8 : sizeof(pq_slice));
    if (nulls[l] > 0) c->nulls = pq_arena_alloc(arena, count);
    if (c->v.any == NULL || (nulls[l] > 0 && c->nulls == NULL)) return arena->cx->code;
  }
  return PQ_OK;
}

/* Event by event, because an event is larger than what a column takes of it. */
static int fill_columns(pq_arena *arena, pq_slice ns, const pq_event *const *events, uint32_t count,
                        pq_column columns[LEAF_COUNT]) {
  bool is_filled[LEAF_COUNT];
  PQ_TRY(make_columns(arena, events, count, columns, is_filled));
  for (uint32_t i = 0; i < count; i++) {
    const pq_event *e = events[i];
    for (pq_event_leaf l = 0; l < LEAF_COUNT; l++) {
      pq_column *c = &columns[l];
      if (!is_filled[l]) continue;
      if (c->nulls != NULL) c->nulls[i] = is_null(l, e);
      if (l == LEAF_ID)
        PQ_TRY(make_id(arena, e, &c->v.bytes[i]));
      else if (c->phys == PQ_PHYS_INT64)
        c->v.i64[i] = number_of(l, e);
      else
        c->v.bytes[i] = text_of(l, e, ns);
    }
  }
  return PQ_OK;
}

static int write_group(pq_arena *arena, pq_writer *w, pq_slice ns, const pq_event *const *events,
                       uint32_t count) {
  pq_column columns[LEAF_COUNT];
  PQ_TRY(fill_columns(arena, ns, events, count, columns));
  return pq_writer_add(w, columns, LEAF_COUNT);
}

static int64_t day_of(int64_t us) {
  const int64_t day = INT64_C(86400000000);
  return us / day - (us % day < 0);
}

static int check_events(pq_cx *cx, pq_slice ns, const pq_event *const *events, uint32_t count) {
  if (!pq_utf8_is_valid(ns)) return pq_fail(cx, PQ_EINVALID, "the namespace is not UTF-8");
  for (uint32_t i = 0; i < count; i++) {
    const pq_event *e = events[i];
    const char *defect = pq_event_defect(cx, e);
    if (defect == NULL) defect = pq_event_after_defect(e);
    if (defect == NULL && i > 0 && e->seq <= events[i - 1]->seq) defect = "seq does not rise";
    if (defect == NULL && i > 0 && e->ts < events[i - 1]->ts) defect = "ts falls";
    if (defect == NULL && day_of(e->ts) != day_of(events[0]->ts)) defect = "it is of another day";
    if (defect != NULL)
      return pq_fail(cx, PQ_EINVALID, "event %llu: %s", (unsigned long long)e->seq, defect);
  }
  return PQ_OK;
}

/* How to encode ids. Ascending ones share prefixes. Where few repeat, zstd finds more in the plain
 * text than in a dictionary and the indexes into it (measured on WordNet: 3.4 against 3.8 bytes).
 * The distinct ones are counted as bits set in a hash bitmap of 8 bits per row. */
static int choose_hint(pq_arena *arena, pq_event_leaf l, const pq_event *const *events,
                       uint32_t count, pq_hint *out) {
  uint32_t n = count < ROWS_MAX ? count : ROWS_MAX, ascending = 0, distinct = 0, present = 0;
  uint8_t *bits = pq_arena_calloc(arena, n, 1);
  pq_slice before = {0};
  *out = PQ_HINT_AUTO;
  if (bits == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    pq_slice id = text_of(l, events[i], (pq_slice){0});
    uint32_t hash;
    if (id.n == 0) continue;
    hash = (uint32_t)(pq_hash(id, 0) % ((uint64_t)n * 8));
    present++;
    ascending += pq_slice_cmp(before, id) <= 0;
    distinct += (bits[hash / 8] >> hash % 8 & 1) == 0;
    bits[hash / 8] |= (uint8_t)(1u << hash % 8);
    before = id;
  }
  if (distinct > present / 3) *out = PQ_HINT_PLAIN;
  if (ascending > present - present / 8) *out = PQ_HINT_SORTED;
  return PQ_OK;
}

/* The columns of a file. */
static int choose_columns(pq_arena *arena, const pq_event *const *events, uint32_t count,
                          pq_column_spec out[COLUMN_COUNT]) {
  memcpy(out, specs, sizeof specs);
  PQ_TRY(choose_hint(arena, LEAF_ENTITY_ID, events, count, &out[COLUMN_ENTITY_ID].hint));
  return choose_hint(arena, LEAF_TO_ID, events, count, &out[COLUMN_TO_ID].hint);
}

static int level_of(const pq_event *const *events, uint32_t count) {
  uint64_t len = 0;
  for (uint32_t i = 0; i < count; i++)
    len += (uint64_t)events[i]->after.len + events[i]->before.len;
  return len / LONG_LEN > count ? ZSTD_LEVEL_LONG : ZSTD_LEVEL;
}

static int make_writer(pq_cx *cx, const pq_column_spec *columns, int level, pq_writer **out) {
  const pq_sort_column by_seq = {.spec = 1};
  PQ_TRY(pq_writer_new(cx, columns, COLUMN_COUNT, (pq_writer_options){.level = level}, out));
  return pq_writer_sorting(*out, &by_seq, 1);
}

/* A row group on its way: the first one in the file's own writer, the others in one of theirs that
 * then joins it. */
typedef struct part {
  const pq_column_spec *columns;
  int level; /* of zstd, of the whole file */
  pq_slice ns;
  const pq_event *const *events;
  uint32_t count;
  pq_cx *cx; /* the file's, or `own` */
  pq_cx own;
  pq_writer *writer; /* owned */
  int rc;
} part;

static void run_part(void *ctx, uint32_t i) {
  part *p = &((part *)ctx)[i];
  pq_arena arena;
  pq_arena_init(&arena, p->cx, p->cx->limits.op_len_max);
  if (p->writer == NULL) p->rc = make_writer(p->cx, p->columns, p->level, &p->writer);
  if (p->rc == PQ_OK) p->rc = write_group(&arena, p->writer, p->ns, p->events, p->count);
  pq_arena_release(&arena);
}

static int write_parts(pq_writer *w, const pq_task_runner *runner, pq_arena *arena,
                       const part *all) {
  uint32_t count = all->count / ROWS_MAX + (all->count % ROWS_MAX > 0);
  part *parts = pq_arena_calloc(arena, count, sizeof *parts);
  int rc = PQ_OK;
  if (parts == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    parts[i] = *all;
    parts[i].events += (size_t)i * ROWS_MAX;
    parts[i].count = i + 1 < count ? ROWS_MAX : all->count - i * ROWS_MAX;
    parts[i].writer = i == 0 ? w : NULL;
    parts[i].cx = i == 0 ? arena->cx : &parts[i].own;
    pq_task_cx(&parts[i].own, arena->cx);
  }
  pq_tasks_run(runner, run_part, parts, count);
  for (uint32_t i = 0; i < count; i++) {
    if (rc == PQ_OK) rc = parts[i].rc;
    if (i == 0) continue;
    if (rc == PQ_OK)
      rc = pq_writer_join(w, parts[i].writer);
    else if (rc == parts[i].rc)
      rc = pq_fail(arena->cx, rc, "%s", parts[i].own.msg);
    pq_writer_free(parts[i].writer);
  }
  return rc;
}

static int finish_file(pq_writer *w) {
  const pq_key_value version = {PQ_SLICE("parquedb.events"), PQ_SLICE("1")};
  return pq_writer_finish(w, &version, 1);
}

static int write_all(pq_arena *arena, const pq_task_runner *runner, const part *all,
                     pq_writer **out) {
  pq_column_spec columns[COLUMN_COUNT];
  part mine = *all;
  PQ_TRY(choose_columns(arena, all->events, all->count, columns));
  mine.columns = columns;
  mine.level = level_of(all->events, all->count);
  PQ_TRY(make_writer(arena->cx, columns, mine.level, out));
  pq_arena_clear(arena);
  PQ_TRY(write_parts(*out, runner, arena, &mine));
  return finish_file(*out);
}

int pq_event_file_write(pq_cx *cx, const pq_task_runner *runner, pq_slice ns,
                        const pq_event *const *events, uint32_t count, pq_writer **out) {
  part all = {.ns = ns, .events = events, .count = count};
  pq_arena arena;
  int rc;
  *out = NULL;
  PQ_TRY(check_events(cx, ns, events, count));
  pq_arena_init(&arena, cx, cx->limits.op_len_max);
  rc = write_all(&arena, runner, &all, out);
  pq_arena_release(&arena);
  if (rc != PQ_OK) {
    pq_writer_free(*out);
    *out = NULL;
  }
  return rc;
}

/* ---- in steps ---- */

struct pq_event_stream {
  pq_cx *cx;
  pq_arena arena; /* columns of a row group */
  pq_slice ns;
  const pq_event *const *events;
  uint32_t count, at, n; /* the row group is [at, at + n) */
  bool is_writing;
  pq_column columns[LEAF_COUNT];
  pq_writer *writer; /* owned */
};

static int open_stream(pq_event_stream *s) {
  pq_column_spec columns[COLUMN_COUNT];
  PQ_TRY(check_events(s->cx, s->ns, s->events, s->count));
  PQ_TRY(choose_columns(&s->arena, s->events, s->count, columns));
  return make_writer(s->cx, columns, level_of(s->events, s->count), &s->writer);
}

int pq_event_stream_new(pq_cx *cx, pq_slice ns, const pq_event *const *events, uint32_t count,
                        pq_event_stream **out) {
  pq_event_stream *s = pq_alloc(cx, NULL, 0, sizeof *s);
  int rc;
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(cx);
  *s = (pq_event_stream){.cx = cx, .ns = ns, .events = events, .count = count};
  pq_arena_init(&s->arena, cx, cx->limits.op_len_max);
  rc = open_stream(s);
  if (rc == PQ_OK)
    *out = s;
  else
    pq_event_stream_free(s);
  return rc;
}

void pq_event_stream_free(pq_event_stream *s) {
  if (s == NULL) return;
  pq_writer_free(s->writer);
  pq_arena_release(&s->arena);
  pq_alloc(s->cx, s, sizeof *s, 0);
}

uint64_t pq_event_stream_len(const pq_event_stream *s) {
  return pq_writer_len(s->writer);
}

int pq_event_stream_step(pq_event_stream *s, uint64_t *len_left, bool *is_done) {
  bool is_group_done = false;
  *is_done = false;
  if (!s->is_writing) {
    pq_arena_clear(&s->arena);
    s->n = s->count - s->at < ROWS_MAX ? s->count - s->at : ROWS_MAX;
    PQ_TRY(fill_columns(&s->arena, s->ns, s->events + s->at, s->n, s->columns));
    PQ_TRY(pq_writer_begin(s->writer, s->columns, LEAF_COUNT));
    s->is_writing = true;
  }
  PQ_TRY(pq_writer_step(s->writer, len_left, &is_group_done));
  if (!is_group_done) return PQ_OK;
  s->is_writing = false;
  s->at += s->n;
  *is_done = s->at == s->count;
  return PQ_OK;
}

int pq_event_stream_finish(pq_event_stream *s, pq_writer **out) {
  *out = NULL;
  PQ_TRY(finish_file(s->writer));
  *out = s->writer;
  s->writer = NULL;
  return PQ_OK;
}
