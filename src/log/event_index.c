/* log/event_index.c - writing by-entity indexes of event files. See event_index.h.
 *
 *   events ──► one item per role and key ──► sorted by (role, key, seq) ──► row groups of one role
 *
 * Pages are short, because one key is looked for at a time: about 500 rows. Columns that say the
 * same of all rows of a page are answered by the page's bounds and cost a reader nothing.
 */
#include "log/event_index.h"

#include <string.h>

#include "base/merge_sort.h"
#include "log/log_int.h"

enum {
  ROWS_MAX = 100000,       /* of a row group */
  KEY_PAGE_LEN = 16 << 10, /* about 500 keys */
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
    [PQ_INDEX_LEAF_CREATED_AT] = NUMBER("created_at", PQ_LOGICAL_TIMESTAMP_US, 8),
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

static int compare_items(const void *a, const void *b, const void *ud) {
  const index_item *x = a, *y = b;
  int order;
  (void)ud;
  if (x->role != y->role) return x->role < y->role ? -1 : 1;
  order = pq_slice_cmp(x->key, y->key);
  if (order != 0) return order;
  return x->event->seq < y->event->seq ? -1 : x->event->seq > y->event->seq;
}

/* An event of an entity or a collection is one item, one of a link is two. */
static uint32_t list_items(const pq_event *const *events, uint32_t count, index_item *items) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; i++) {
    const pq_event *e = events[i];
    switch (e->target) {
      case PQ_TARGET_ENTITY: items[n++] = (index_item){e->id, e, PQ_ROLE_ENTITY}; break;
      case PQ_TARGET_COLLECTION: items[n++] = (index_item){e->id, e, PQ_ROLE_COLLECTION}; break;
      case PQ_TARGET_REL:
        items[n++] = (index_item){e->id, e, PQ_ROLE_FROM};
        items[n++] = (index_item){e->to_id, e, PQ_ROLE_TO};
        break;
    }
  }
  return n;
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
    default: return item->event->created_at;
  }
}

static int write_group(pq_arena *arena, pq_writer *w, const index_item *items, uint32_t count) {
  pq_column columns[PQ_INDEX_LEAVES];
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
  return pq_writer_add(w, columns, PQ_INDEX_LEAVES);
}

/* Rows that one row group takes: of one role. */
static uint32_t group_len(const index_item *items, uint32_t left) {
  uint32_t n = 1;
  while (n < left && n < ROWS_MAX && items[n].role == items[0].role)
    n++;
  return n;
}

static int write_items(pq_cx *cx, pq_writer *w, const index_item *items, uint32_t count) {
  const pq_key_value version = {PQ_SLICE("parquedb.eventIndex"), PQ_SLICE("1")};
  const pq_sort_column order[2] = {{.spec = PQ_INDEX_LEAF_KEY}, {.spec = PQ_INDEX_LEAF_SEQ}};
  pq_arena arena;
  int rc = pq_writer_sorting(w, order, 2);
  pq_arena_init(&arena, cx, cx->limits.op_len_max);
  for (uint32_t from = 0, n; from < count && rc == PQ_OK; from += n) {
    n = group_len(items + from, count - from);
    rc = write_group(&arena, w, items + from, n);
    pq_arena_clear(&arena);
  }
  pq_arena_release(&arena);
  return rc == PQ_OK ? pq_writer_finish(w, &version, 1) : rc;
}

static int write_all(pq_arena *arena, const pq_event *const *events, uint32_t count,
                     pq_event_index *out) {
  pq_cx *cx = arena->cx;
  index_item *items;
  uint32_t n;
  for (uint32_t i = 1; i < count; i++)
    if (events[i]->seq != events[0]->seq + i)
      return pq_fail(cx, PQ_EINVALID, "event %llu: a seq before it is missing",
                     (unsigned long long)events[i]->seq);
  items = pq_arena_array(arena, count, 2 * sizeof *items);
  if (items == NULL) return cx->code;
  n = list_items(events, count, items);
  PQ_TRY(pq_sort_items(cx, items, n, sizeof *items, compare_items, NULL));
  out->rows = n;
  for (uint32_t i = 0; i < n; i++) {
    if (i == 0 || pq_slice_cmp(items[i].key, out->key_min) < 0) out->key_min = items[i].key;
    if (i == 0 || pq_slice_cmp(items[i].key, out->key_max) > 0) out->key_max = items[i].key;
  }
  PQ_TRY(pq_writer_new(cx, specs, PQ_INDEX_LEAVES, (pq_writer_options){.level = ZSTD_LEVEL},
                       &out->writer));
  return write_items(cx, out->writer, items, n);
}

int pq_event_index_write(pq_cx *cx, const pq_event *const *events, uint32_t count,
                         pq_event_index *out) {
  pq_arena arena;
  int rc;
  *out = (pq_event_index){0};
  pq_arena_init(&arena, cx, cx->limits.op_len_max);
  rc = write_all(&arena, events, count, out);
  pq_arena_release(&arena);
  if (rc == PQ_OK) return PQ_OK;
  pq_writer_free(out->writer);
  *out = (pq_event_index){0};
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
