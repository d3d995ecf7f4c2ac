/* log/event_index.c - writing by-entity indexes of event files. See event_index.h.
 *
 *   events ──► one item per role and key ──► sorted by (role, key, seq) ──► row groups of one role
 *
 * Pages are short, because one key is looked for at a time: about 500 rows. Columns that say the
 * same of all rows of a page are answered by the page's bounds and cost a reader nothing.
 */
#include "log/event_index.h"

#include <string.h>

#include "base/key_sort.h"
#include "log/log_int.h"

/* A key that is wrongly thought to be there costs a page, and there is an index for each event
 * file: at 1 % the filters would be a sixth of it. */
#define BLOOM_FPP 0.05

enum {
  ROWS_MAX = 100000,      /* of a row group */
  KEY_PAGE_LEN = 4 << 10, /* encoded: some 2,000 keys, which share most of their bytes */
  PAGE_LEN = 8 << 10,
  ZSTD_LEVEL = 3
};

#define TEXT(n, id, h, bloom, len)                                                             \
  {                                                                                            \
    .name = n, .phys = PQ_PHYS_BYTES, .logical = PQ_LOGICAL_STRING, .field_id = id, .hint = h, \
    .has_bloom = bloom, .has_stats = true, .page_len = len                                     \
  }
#define NUMBER(n, l, id)                                                               \
  {                                                                                    \
    .name = n, .phys = PQ_PHYS_INT64, .logical = l, .field_id = id, .has_stats = true, \
    .page_len = PAGE_LEN                                                               \
  }

static const pq_column_spec specs[PQ_INDEX_LEAVES] = {
    [PQ_INDEX_LEAF_KEY] = TEXT("key", 1, PQ_HINT_SORTED, true, KEY_PAGE_LEN),
    [PQ_INDEX_LEAF_ROLE] = TEXT("role", 2, PQ_HINT_AUTO, false, PAGE_LEN),
    [PQ_INDEX_LEAF_SEQ] = NUMBER("seq", PQ_LOGICAL_NONE, 3),
    [PQ_INDEX_LEAF_TS] = NUMBER("ts", PQ_LOGICAL_TIMESTAMP_US, 4),
    [PQ_INDEX_LEAF_OP] = TEXT("op", 5, PQ_HINT_AUTO, false, PAGE_LEN),
    [PQ_INDEX_LEAF_VERSION] = NUMBER("version", PQ_LOGICAL_NONE, 6),
    [PQ_INDEX_LEAF_TYPE] = TEXT("type", 7, PQ_HINT_AUTO, false, PAGE_LEN),
    [PQ_INDEX_LEAF_AGE] = NUMBER("age", PQ_LOGICAL_NONE, 8),
    [PQ_INDEX_LEAF_CREATED_BY] = TEXT("created_by", 9, PQ_HINT_AUTO, false, PAGE_LEN),
    [PQ_INDEX_LEAF_ACTOR] = TEXT("actor", 10, PQ_HINT_AUTO, false, PAGE_LEN),
    [PQ_INDEX_LEAF_TXN] = NUMBER("txn", PQ_LOGICAL_NONE, 11),
};

const char *pq_event_role_name(pq_event_role role) {
  static const char *const names[] = {"", "entity", "from", "to", "collection"};
  return names[role];
}

/* A row before it is written: of which event, under which key. */
typedef struct index_item {
  pq_slice key;
  const pq_event *event;
  pq_event_role role;
} index_item;

enum { ROLES = PQ_ROLE_COLLECTION + 1 };

/* Items of one role. They came in the order of seq, and the sort is stable. */
static int compare_keys(const void *a, const void *b, const void *ud) {
  (void)ud;
  return pq_slice_cmp(((const index_item *)a)->key, ((const index_item *)b)->key);
}

static pq_slice key_of(const void *item, const void *ud) {
  (void)ud;
  return ((const index_item *)item)->key;
}

/* An event of an entity or a collection is one item, one of a link is two. Where the items of a
 * role begin: ends[role - 1]. */
static void count_items(const pq_event *const *events, uint32_t count, uint32_t ends[ROLES]) {
  uint32_t counts[ROLES] = {0}, n = 0;
  for (uint32_t i = 0; i < count; i++) {
    switch (events[i]->target) {
      case PQ_TARGET_ENTITY: counts[PQ_ROLE_ENTITY]++; break;
      case PQ_TARGET_COLLECTION: counts[PQ_ROLE_COLLECTION]++; break;
      case PQ_TARGET_REL:
        counts[PQ_ROLE_FROM]++;
        counts[PQ_ROLE_TO]++;
        break;
    }
  }
  for (int role = 0; role < ROLES; role++)
    ends[role] = n += counts[role];
}

/* By role; in a role as they came. */
static void list_items(const pq_event *const *events, uint32_t count, const uint32_t ends[ROLES],
                       index_item *items) {
  uint32_t at[ROLES] = {0};
  for (int role = 1; role < ROLES; role++)
    at[role] = ends[role - 1];
  for (uint32_t i = 0; i < count; i++) {
    const pq_event *e = events[i];
    pq_event_role role = e->target == PQ_TARGET_ENTITY ? PQ_ROLE_ENTITY
                         : e->target == PQ_TARGET_REL  ? PQ_ROLE_FROM
                                                       : PQ_ROLE_COLLECTION;
    items[at[role]++] = (index_item){e->id, e, role};
    if (role == PQ_ROLE_FROM) items[at[PQ_ROLE_TO]++] = (index_item){e->to_id, e, PQ_ROLE_TO};
  }
}

/* *items sorted by role, key and seq. */
static int sort_items(pq_arena *arena, const pq_event *const *events, uint32_t count,
                      index_item **items, uint32_t *item_count) {
  uint32_t ends[ROLES];
  count_items(events, count, ends);
  *item_count = ends[ROLES - 1];
  *items = pq_arena_array(arena, *item_count, sizeof **items);
  if (*items == NULL) return arena->cx->code;
  list_items(events, count, ends, *items);
  for (int role = 1; role < ROLES; role++)
    PQ_TRY(pq_sort_by_key(arena->cx, *items + ends[role - 1], ends[role] - ends[role - 1],
                          sizeof **items, key_of, compare_keys, NULL));
  return PQ_OK;
}

static pq_slice text_of(pq_index_leaf l, const index_item *item) {
  switch (l) {
    case PQ_INDEX_LEAF_KEY: return item->key;
    case PQ_INDEX_LEAF_ROLE: return pq_str(pq_event_role_name(item->role));
    case PQ_INDEX_LEAF_OP: return pq_str(pq_event_op_name(item->event->op));
    case PQ_INDEX_LEAF_TYPE: return item->event->type;
    case PQ_INDEX_LEAF_CREATED_BY: return item->event->created_by;
    default: return item->event->actor;
  }
}

static int64_t number_of(pq_index_leaf l, const index_item *item) {
  switch (l) {
    case PQ_INDEX_LEAF_SEQ: return (int64_t)item->event->seq;
    case PQ_INDEX_LEAF_TS: return item->event->ts;
    case PQ_INDEX_LEAF_VERSION: return (int64_t)item->event->version;
    case PQ_INDEX_LEAF_TXN: return (int64_t)item->event->txn;
    default: return pq_event_age(item->event);
  }
}

struct pq_event_index_stream {
  pq_cx *cx;
  pq_arena arena, group; /* items; columns of a row group */
  index_item *items;
  uint32_t count, at, n; /* the row group is [at, at + n) */
  bool is_writing;
  pq_column columns[PQ_INDEX_LEAVES];
  pq_event_index index; /* its writer is owned */
};

static int fill_columns(pq_arena *arena, const index_item *items, uint32_t count,
                        pq_column columns[PQ_INDEX_LEAVES]) {
  for (pq_index_leaf l = 0; l < PQ_INDEX_LEAVES; l++) {
    pq_column *c = &columns[l];
    *c = (pq_column){.phys = specs[l].phys, .row_count = count};
    c->v.any = pq_arena_array(arena, count, c->phys == PQ_PHYS_INT64 ? 8 : sizeof(pq_slice));
    if (c->v.any == NULL) return arena->cx->code;
    for (uint32_t i = 0; i < count; i++) {
      if (c->phys == PQ_PHYS_INT64)
        c->v.i64[i] = number_of(l, &items[i]);
      else
        c->v.bytes[i] = text_of(l, &items[i]);
    }
  }
  return PQ_OK;
}

/* Rows that one row group takes: of one role. */
static uint32_t group_len(const index_item *items, uint32_t left) {
  uint32_t n = 1;
  while (n < left && n < ROWS_MAX && items[n].role == items[0].role)
    n++;
  return n;
}

static int open_stream(pq_event_index_stream *s, const pq_event *const *events, uint32_t count) {
  const pq_sort_column order[2] = {{.spec = PQ_INDEX_LEAF_KEY}, {.spec = PQ_INDEX_LEAF_SEQ}};
  pq_event_index *out = &s->index;
  for (uint32_t i = 1; i < count; i++)
    if (events[i]->seq != events[0]->seq + i)
      return pq_fail(s->cx, PQ_EINVALID, "event %llu: a seq before it is missing",
                     (unsigned long long)events[i]->seq);
  PQ_TRY(sort_items(&s->arena, events, count, &s->items, &s->count));
  out->rows = s->count;
  for (uint32_t i = 0; i < s->count; i++) {
    pq_slice key = s->items[i].key;
    if (i == 0 || pq_slice_cmp(key, out->key_min) < 0) out->key_min = key;
    if (i == 0 || pq_slice_cmp(key, out->key_max) > 0) out->key_max = key;
  }
  PQ_TRY(pq_writer_new(s->cx, specs, PQ_INDEX_LEAVES,
                       (pq_writer_options){.level = ZSTD_LEVEL, .bloom_fpp = BLOOM_FPP},
                       &out->writer));
  return pq_writer_sorting(out->writer, order, 2);
}

int pq_event_index_stream_new(pq_cx *cx, const pq_event *const *events, uint32_t count,
                              pq_event_index_stream **out) {
  pq_event_index_stream *s = pq_alloc(cx, NULL, 0, sizeof *s);
  int rc;
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(cx);
  *s = (pq_event_index_stream){.cx = cx};
  pq_arena_init(&s->arena, cx, cx->limits.op_len_max);
  pq_arena_init(&s->group, cx, cx->limits.op_len_max);
  rc = open_stream(s, events, count);
  if (rc == PQ_OK)
    *out = s;
  else
    pq_event_index_stream_free(s);
  return rc;
}

void pq_event_index_stream_free(pq_event_index_stream *s) {
  if (s == NULL) return;
  pq_writer_free(s->index.writer);
  pq_arena_release(&s->arena);
  pq_arena_release(&s->group);
  pq_alloc(s->cx, s, sizeof *s, 0);
}

uint64_t pq_event_index_stream_len(const pq_event_index_stream *s) {
  return pq_writer_len(s->index.writer);
}

int pq_event_index_stream_step(pq_event_index_stream *s, uint64_t *len_left, bool *is_done) {
  bool is_group_done = false;
  *is_done = s->at == s->count;
  if (*is_done) return PQ_OK;
  if (!s->is_writing) {
    pq_arena_clear(&s->group);
    s->n = group_len(s->items + s->at, s->count - s->at);
    PQ_TRY(fill_columns(&s->group, s->items + s->at, s->n, s->columns));
    PQ_TRY(pq_writer_begin(s->index.writer, s->columns, PQ_INDEX_LEAVES));
    s->is_writing = true;
  }
  PQ_TRY(pq_writer_step(s->index.writer, len_left, &is_group_done));
  if (!is_group_done) return PQ_OK;
  s->is_writing = false;
  s->at += s->n;
  *is_done = s->at == s->count;
  return PQ_OK;
}

int pq_event_index_stream_finish(pq_event_index_stream *s, pq_event_index *out) {
  const pq_key_value version = {PQ_SLICE("parquedb.eventIndex"), PQ_SLICE("1")};
  *out = (pq_event_index){0};
  pq_assert(s->at == s->count);
  PQ_TRY(pq_writer_finish(s->index.writer, &version, 1));
  *out = s->index;
  s->index.writer = NULL;
  return PQ_OK;
}

int pq_event_index_write(pq_cx *cx, const pq_event *const *events, uint32_t count,
                         pq_event_index *out) {
  pq_event_index_stream *s;
  bool is_done = false;
  int rc;
  *out = (pq_event_index){0};
  PQ_TRY(pq_event_index_stream_new(cx, events, count, &s));
  do {
    uint64_t len_left = UINT64_MAX;
    rc = pq_event_index_stream_step(s, &len_left, &is_done);
  } while (rc == PQ_OK && !is_done);
  if (rc == PQ_OK) rc = pq_event_index_stream_finish(s, out);
  pq_event_index_stream_free(s);
  return rc;
}

int pq_event_index_check(pq_cx *cx, const pq_file *file) {
  const pq_footer *footer = file->footer;
  pq_slice version = pq_footer_key(footer, "parquedb.eventIndex");
  if (version.p != NULL && !pq_slice_is(version, "1"))
    return pq_fail(cx, PQ_EUNSUPPORTED, "%s: its layout is newer than this program", file->key);
  for (pq_index_leaf l = 0; l < PQ_INDEX_LEAVES; l++) {
    int i = pq_footer_leaf(footer, specs[l].name);
    if (i != (int)l || footer->leaves[i].phys != specs[l].phys || footer->leaves[i].rep_max != 0 ||
        footer->leaves[i].def_max != 0)
      return pq_fail(cx, PQ_ECORRUPT, "%s: column '%s' is missing or of another type", file->key,
                     specs[l].name);
  }
  return PQ_OK;
}
