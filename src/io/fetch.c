/* io/fetch.c - see fetch.h.
 *
 * Items stand in the order of asking, and a request's id is its place in it. Two indexes find
 * them again, so that a stage with thousands of ranges stays far from quadratic:
 *
 *     items     [ READ a 0+8 | READ b 4+4 | GET c | READ a 100+50 | ... ]   id - 1 = place
 *     by_name   hash of (kind, key, off, len, body)  ->  place     the same request again
 *     ranges    places of READ items by (key, off)   ->  place     a range inside another
 *
 * Invariant of `ranges`: no range is inside another one of the same key (a larger one that comes
 * later takes the smaller one's place), so offsets and ends grow together and the last range that
 * starts at or before `off` is the only one that has to be looked at.
 *
 * The order of items depends only on the order of asking: the simulator needs that.
 */
#include "io/fetch.h"

#include <string.h>

/* A stage with more requests than this is a loop that forgot its bound. */
enum { ITEM_COUNT_MAX = 1 << 20, ITEM_CAP_MIN = 8, DETAIL_LEN_MAX = 300 };

/* NOTED: a plan's; nobody runs it, and only other notes find it. */
typedef enum item_state { ITEM_NEW, ITEM_TAKEN, ITEM_DONE, ITEM_NOTED } item_state;

typedef struct pq_fetch_item {
  pq_io_req req; /* key: owned; buf: owned, but borrowed for PUT_NEW, PUT_PART, PUT_END */
  item_state state;
  int rc;         /* of an ITEM_DONE */
  uint8_t *reply; /* owned, may be NULL */
  size_t reply_len;
  char *detail; /* owned, may be NULL */
} item;

/* What identifies a request. */
typedef struct identity {
  pq_io_kind kind;
  const char *key;
  uint64_t off;
  uint64_t len;
  pq_slice body; /* HOT only */
  uint64_t hash;
} identity;

void pq_fetch_init(pq_fetch *f, pq_cx *cx) {
  pq_assert(cx != NULL);
  *f = (pq_fetch){.cx = cx, .next_id = 1};
  pq_table_init(&f->by_name, cx);
  pq_arena_init(&f->kept, cx, cx->limits.op_len_max);
}

/* Does the request store bytes that somebody else holds? */
static bool is_put(pq_io_kind kind) {
  return kind == PQ_IO_PUT_NEW || kind == PQ_IO_PUT_PART || kind == PQ_IO_PUT_END;
}

static bool owns_buf(const item *it) {
  return it->req.buf != NULL && !is_put(it->req.kind);
}

static void free_str(pq_cx *cx, const char *s) {
  if (s != NULL) pq_alloc(cx, (void *)(uintptr_t)s, strlen(s) + 1, 0);
}

static void item_release(pq_cx *cx, item *it) {
  if (owns_buf(it)) pq_alloc(cx, it->req.buf, it->req.len, 0);
  if (it->reply != NULL) pq_alloc(cx, it->reply, it->reply_len, 0);
  free_str(cx, it->detail);
  free_str(cx, it->req.key);
}

void pq_fetch_settle(pq_fetch *f) {
  if (f->taken > 0 && f->settle != NULL) f->settle(f->settle_ud, f);
  pq_assert(f->taken == 0);
}

void pq_fetch_clear(pq_fetch *f) {
  pq_fetch_settle(f);
  for (size_t i = 0; i < f->count; i++) {
    pq_assert(f->items[i].state != ITEM_TAKEN);
    item_release(f->cx, &f->items[i]);
  }
  if (f->count > 0) pq_table_clear(&f->by_name);
  f->count = 0;
  f->range_count = 0;
  f->held_len = 0;
  f->next_id = 1;
  f->unfinished = 0;
  f->take_pos = 0;
  f->is_file_missing = false;
  f->bloom_checked = NULL;
  f->found = NULL;
  pq_arena_clear(&f->kept);
}

void pq_fetch_release(pq_fetch *f) {
  if (f->cx == NULL) return;
  pq_fetch_clear(f);
  if (f->items != NULL) pq_alloc(f->cx, f->items, f->cap * sizeof *f->items, 0);
  if (f->ranges != NULL) pq_alloc(f->cx, f->ranges, f->cap * sizeof *f->ranges, 0);
  pq_table_release(&f->by_name);
  pq_arena_release(&f->kept);
  *f = (pq_fetch){0};
}

void pq_fetch_move(pq_fetch *from, pq_fetch *to) {
  pq_fetch had = *from;
  pq_assert(from->unfinished == 0);
  pq_assert(to->count == 0 && to->items == NULL);
  pq_assert(to->found == NULL);
  from->items = NULL;
  from->ranges = NULL;
  from->count = from->cap = from->range_count = from->take_pos = 0;
  from->held_len = 0;
  from->next_id = 1;
  from->is_file_missing = false;
  from->bloom_checked = NULL;
  from->found = NULL;
  from->by_name = to->by_name;
  from->kept = to->kept;
  *to = (pq_fetch){.cx = had.cx,
                   .items = had.items,
                   .count = had.count,
                   .cap = had.cap,
                   .held_len = had.held_len,
                   .next_id = had.next_id,
                   .take_pos = had.take_pos,
                   .by_name = had.by_name,
                   .ranges = had.ranges,
                   .range_count = had.range_count,
                   .found = had.found,
                   .kept = had.kept,
                   .decompressor = had.decompressor,
                   .bloom_checked = had.bloom_checked,
                   .runner = had.runner,
                   .bodies = had.bodies};
}

/* Make room for one more item in both arrays, which have the same capacity. */
static int reserve_one(pq_fetch *f) {
  size_t cap, old_cap = f->cap;
  void *items, *ranges;
  if (f->count < f->cap) return PQ_OK;
  if (f->count >= ITEM_COUNT_MAX)
    return pq_fail(f->cx, PQ_ELIMIT, "more than %d requests in one stage", (int)ITEM_COUNT_MAX);
  cap = old_cap == 0 ? ITEM_CAP_MIN : old_cap * 2;
  /* At most ITEM_COUNT_MAX items: the products cannot overflow 32 bits. */
  items = pq_alloc(f->cx, NULL, 0, cap * sizeof *f->items);
  if (items == NULL) return pq_fail_nomem(f->cx);
  ranges = pq_alloc(f->cx, f->ranges, old_cap * sizeof *f->ranges, cap * sizeof *f->ranges);
  if (ranges == NULL) {
    pq_alloc(f->cx, items, cap * sizeof *f->items, 0);
    return pq_fail_nomem(f->cx);
  }
  if (f->count > 0) memcpy(items, f->items, f->count * sizeof *f->items);
  if (f->items != NULL) pq_alloc(f->cx, f->items, old_cap * sizeof *f->items, 0);
  f->items = items;
  f->ranges = ranges;
  f->cap = cap;
  return PQ_OK;
}

static uint64_t identity_hash(const identity *w) {
  uint64_t seed = w->off * 0x9e3779b97f4a7c15u + w->len * 0xc2b2ae3d27d4eb4fu + (uint64_t)w->kind;
  if (w->body.n > 0) seed = pq_hash(w->body, seed);
  return pq_hash(pq_str(w->key), seed);
}

static item *find(pq_fetch *f, const identity *w, bool is_note) {
  size_t pos;
  uint32_t i = pq_table_first(&f->by_name, w->hash, &pos);
  for (; i != PQ_TABLE_NONE; i = pq_table_next(&f->by_name, w->hash, &pos)) {
    item *it = &f->items[i];
    if (it->state == ITEM_NOTED && !is_note) continue;
    if (it->req.kind != w->kind || strcmp(it->req.key, w->key) != 0) continue;
    if (w->kind == PQ_IO_READ && (it->req.off != w->off || it->req.len != w->len)) continue;
    if (is_put(w->kind) && it->req.off != w->off) continue;
    if (w->kind == PQ_IO_HOT && !pq_slice_eq((pq_slice){it->req.buf, it->req.len}, w->body))
      continue;
    return it;
  }
  return NULL;
}

/* Number of entries of `ranges` that start at or before (key, off). */
static size_t range_upper(const pq_fetch *f, const char *key, uint64_t off) {
  size_t low = 0, high = f->range_count;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    const pq_io_req *r = &f->items[f->ranges[mid]].req;
    int c = strcmp(r->key, key);
    if (c < 0 || (c == 0 && r->off <= off)) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  return low;
}

/* The READ item that covers a range, or NULL. */
static item *find_cover(pq_fetch *f, const identity *w, bool is_note) {
  size_t i = range_upper(f, w->key, w->off);
  uint64_t skipped;
  item *it;
  if (i == 0) return NULL;
  it = &f->items[f->ranges[i - 1]];
  if (strcmp(it->req.key, w->key) != 0) return NULL;
  if (it->state == ITEM_NOTED && !is_note) return NULL;
  skipped = w->off - it->req.off;
  return skipped <= it->req.len && w->len <= it->req.len - skipped ? it : NULL;
}

/* Put READ item `idx`, which no other covers, into `ranges`; those that it covers leave. */
static void range_insert(pq_fetch *f, uint32_t idx) {
  const pq_io_req *r = &f->items[idx].req;
  size_t at = range_upper(f, r->key, r->off), last;
  uint64_t end = r->off + r->len; /* checked by pq_fetch_read */
  if (at > 0) {                   /* the same start, shorter */
    const pq_io_req *before = &f->items[f->ranges[at - 1]].req;
    if (before->off == r->off && strcmp(before->key, r->key) == 0) at--;
  }
  for (last = at; last < f->range_count; last++) {
    const pq_io_req *next = &f->items[f->ranges[last]].req;
    if (strcmp(next->key, r->key) != 0 || next->off + next->len > end) break;
  }
  memmove(f->ranges + at + 1, f->ranges + last, (f->range_count - last) * sizeof *f->ranges);
  f->ranges[at] = idx;
  f->range_count = f->range_count - (last - at) + 1;
}

/* Append an item with a copy of the key and, if `buf_len` > 0, a buffer. On failure *out is
 * NULL and nothing has changed. */
static int add(pq_fetch *f, const identity *w, size_t buf_len, item **out) {
  size_t key_len = strlen(w->key);
  char *key;
  uint8_t *buf = NULL;
  *out = NULL;
  if (key_len > f->cx->limits.key_len_max)
    return pq_fail(f->cx, PQ_ELIMIT, "key of %zu bytes: at most %u", key_len,
                   (unsigned)f->cx->limits.key_len_max);
  if (f->held_len > f->cx->limits.fetch_len_max ||
      buf_len > f->cx->limits.fetch_len_max - f->held_len)
    return pq_fail(f->cx, PQ_ELIMIT, "%s: the stage needs more than %llu bytes at once", w->key,
                   (unsigned long long)f->cx->limits.fetch_len_max);
  PQ_TRY(reserve_one(f));
  key = pq_alloc(f->cx, NULL, 0, key_len + 1);
  if (key == NULL) return pq_fail_nomem(f->cx);
  if (buf_len > 0) buf = pq_alloc(f->cx, NULL, 0, buf_len);
  if ((buf_len > 0 && buf == NULL) ||
      pq_table_add(&f->by_name, w->hash, (uint32_t)f->count) != PQ_OK) {
    if (buf != NULL) pq_alloc(f->cx, buf, buf_len, 0);
    pq_alloc(f->cx, key, key_len + 1, 0);
    return pq_fail_nomem(f->cx);
  }
  memcpy(key, w->key, key_len + 1);
  *out = &f->items[f->count++];
  **out = (item){.req = {.id = f->next_id++,
                         .kind = w->kind,
                         .key = key,
                         .off = w->off,
                         .buf = buf,
                         .len = buf_len}};
  f->held_len += buf_len;
  f->unfinished++;
  f->stat_requests++;
  f->stat_kinds[w->kind]++;
  return PQ_OK;
}

static const char *kind_name(pq_io_kind kind) {
  switch (kind) {
    case PQ_IO_READ: return "read";
    case PQ_IO_GET: return "get";
    case PQ_IO_LIST: return "list";
    case PQ_IO_PUT_NEW: return "put";
    case PQ_IO_DELETE: return "delete";
    case PQ_IO_HOT: return "hot tier";
    case PQ_IO_PUT_IF: return "replace";
    case PQ_IO_STAT: return "stat";
    case PQ_IO_PUT_PART: return "put of a part";
    case PQ_IO_PUT_END: return "put of the last part";
  }
  pq_unreachable("unknown request kind");
}

/* Record the failure of a done item in the context. */
static int fail_item(pq_fetch *f, const item *it) {
  const char *what = kind_name(it->req.kind);
  const char *detail = it->detail != NULL ? it->detail : pq_status_name(it->rc);
  if (it->rc == PQ_ENOMEM && it->detail == NULL) return pq_fail_nomem(f->cx);
  if (it->req.kind == PQ_IO_READ)
    return pq_fail(f->cx, it->rc, "%s: read of %zu bytes at %llu: %s", it->req.key, it->req.len,
                   (unsigned long long)it->req.off, detail);
  return pq_fail(f->cx, it->rc, "%s: %s: %s", it->req.key, what, detail);
}

/* Can [off, off + len) be a range of an object, and be read at once? */
static int check_range(pq_fetch *f, const char *key, uint64_t off, uint64_t len, size_t *n) {
  uint64_t end;
  if (!pq_add_u64(off, len, &end) || end > INT64_MAX)
    return pq_fail(f->cx, PQ_ECORRUPT, "%s: range of %llu bytes at %llu is impossible", key,
                   (unsigned long long)len, (unsigned long long)off);
  if (len > f->cx->limits.fetch_len_max || !pq_to_size(len, n))
    return pq_fail(f->cx, PQ_ELIMIT, "%s: range of %llu bytes at %llu is too long", key,
                   (unsigned long long)len, (unsigned long long)off);
  return PQ_OK;
}

int pq_fetch_read(pq_fetch *f, const char *key, uint64_t off, uint64_t len, pq_slice *out) {
  identity w = {.kind = PQ_IO_READ, .key = key, .off = off, .len = len};
  size_t n = 0;
  item *it;

  *out = (pq_slice){0};
  PQ_TRY(check_range(f, key, off, len, &n));
  if (n == 0) return PQ_OK;
  w.hash = identity_hash(&w);
  it = find(f, &w, false);
  if (it == NULL) it = find_cover(f, &w, false);
  if (it == NULL) {
    bool is_inside = find_cover(f, &w, true) != NULL; /* a note's, which has no bytes */
    PQ_TRY(add(f, &w, n, &it));
    if (!is_inside) range_insert(f, (uint32_t)(f->count - 1));
    f->stat_bytes += n;
    return PQ_NEED_IO;
  }
  if (it->state != ITEM_DONE) return PQ_NEED_IO;
  if (it->rc != PQ_OK) return fail_item(f, it);
  *out = (pq_slice){it->req.buf + (size_t)(off - it->req.off), n};
  return PQ_OK;
}

int pq_fetch_note(pq_fetch *f, const char *key, uint64_t off, uint64_t len, uint64_t requests) {
  identity w = {.kind = PQ_IO_READ, .key = key, .off = off, .len = len};
  size_t n = 0;
  item *it;
  PQ_TRY(check_range(f, key, off, len, &n));
  if (n == 0) return PQ_OK;
  w.hash = identity_hash(&w);
  if (find(f, &w, true) != NULL || find_cover(f, &w, true) != NULL) return PQ_OK;
  PQ_TRY(add(f, &w, 0, &it));
  it->state = ITEM_NOTED;
  it->req.len = n;
  range_insert(f, (uint32_t)(f->count - 1));
  f->unfinished--;
  f->stat_requests--;
  f->stat_kinds[PQ_IO_READ]--;
  f->noted_requests += requests;
  f->noted_bytes += n;
  return PQ_OK;
}

void pq_fetch_note_round(pq_fetch *f, bool waits) {
  f->noted_rounds += f->noted_requests > f->noted_before && !waits;
  f->noted_before = f->noted_requests;
}

int pq_fetch_get(pq_fetch *f, const char *key, size_t len_max, pq_slice *out) {
  identity w = {.kind = PQ_IO_GET, .key = key};
  item *it;
  *out = (pq_slice){0};
  w.hash = identity_hash(&w);
  it = find(f, &w, false);
  if (it == NULL) {
    PQ_TRY(add(f, &w, 0, &it));
    it->req.len = len_max;
    return PQ_NEED_IO;
  }
  if (it->state != ITEM_DONE) return PQ_NEED_IO;
  if (it->rc == PQ_ENOTFOUND) return PQ_ENOTFOUND;
  if (it->rc != PQ_OK) return fail_item(f, it);
  if (it->reply_len > len_max)
    return pq_fail(f->cx, PQ_ELIMIT, "%s: has %zu bytes, at most %zu are expected", key,
                   it->reply_len, len_max);
  *out = (pq_slice){it->reply, it->reply_len};
  return PQ_OK;
}

int pq_fetch_list(pq_fetch *f, const char *prefix, pq_slice *out) {
  identity w = {.kind = PQ_IO_LIST, .key = prefix};
  size_t prefix_len = strlen(prefix);
  uint64_t room;
  item *it;
  *out = (pq_slice){0};
  pq_assert(prefix_len == 0 || prefix[prefix_len - 1] == '/');
  w.hash = identity_hash(&w);
  it = find(f, &w, false);
  if (it == NULL) {
    PQ_TRY(add(f, &w, 0, &it));
    room = f->cx->limits.fetch_len_max - f->held_len;
    it->req.len = room > SIZE_MAX ? SIZE_MAX : (size_t)room;
    return PQ_NEED_IO;
  }
  if (it->state != ITEM_DONE) return PQ_NEED_IO;
  if (it->rc != PQ_OK) return fail_item(f, it);
  *out = (pq_slice){it->reply, it->reply_len};
  return PQ_OK;
}

static int put(pq_fetch *f, pq_io_kind kind, const char *key, uint64_t off, pq_slice body) {
  identity w = {.kind = kind, .key = key, .off = off};
  item *it;
  w.hash = identity_hash(&w);
  it = find(f, &w, false);
  if (it == NULL) {
    PQ_TRY(add(f, &w, 0, &it));
    it->req.buf = (uint8_t *)(uintptr_t)body.p;
    it->req.len = body.n;
    f->stat_bytes += body.n;
    return PQ_NEED_IO;
  }
  pq_assert(it->req.len == body.n); /* the restart rule: a re-run asks the same */
  if (it->state == ITEM_NEW) it->req.buf = (uint8_t *)(uintptr_t)body.p;
  if (it->state != ITEM_DONE) return PQ_NEED_IO;
  if (it->rc == PQ_ECONFLICT) return PQ_ECONFLICT;
  return it->rc == PQ_OK ? PQ_OK : fail_item(f, it);
}

int pq_fetch_put_new(pq_fetch *f, const char *key, pq_slice body) {
  return put(f, PQ_IO_PUT_NEW, key, 0, body);
}

int pq_fetch_put_part(pq_fetch *f, const char *key, uint64_t off, pq_slice body, bool is_end) {
  uint64_t end;
  if (!pq_add_u64(off, body.n, &end) || end > INT64_MAX)
    return pq_fail(f->cx, PQ_ELIMIT, "%s: a part at %llu", key, (unsigned long long)off);
  return put(f, is_end ? PQ_IO_PUT_END : PQ_IO_PUT_PART, key, off, body);
}

int pq_fetch_delete(pq_fetch *f, const char *key) {
  identity w = {.kind = PQ_IO_DELETE, .key = key};
  item *it;
  w.hash = identity_hash(&w);
  it = find(f, &w, false);
  if (it == NULL) {
    PQ_TRY(add(f, &w, 0, &it));
    return PQ_NEED_IO;
  }
  if (it->state != ITEM_DONE) return PQ_NEED_IO;
  return it->rc == PQ_OK || it->rc == PQ_ENOTFOUND ? PQ_OK : fail_item(f, it);
}

int pq_fetch_put_if(pq_fetch *f, const char *key, pq_slice was, pq_slice body) {
  identity w = {.kind = PQ_IO_PUT_IF, .key = key};
  size_t n;
  item *it;
  w.hash = identity_hash(&w);
  it = find(f, &w, false);
  if (it == NULL) {
    if (!pq_add_size(was.n, body.n, &n))
      return pq_fail(f->cx, PQ_ELIMIT, "%s: a body of %zu bytes", key, body.n);
    PQ_TRY(add(f, &w, n, &it));
    it->req.off = was.n;
    if (was.n > 0) memcpy(it->req.buf, was.p, was.n);
    if (body.n > 0) memcpy(it->req.buf + was.n, body.p, body.n);
    f->stat_bytes += n;
    return PQ_NEED_IO;
  }
  pq_assert(it->req.off == was.n); /* the restart rule: a re-run asks the same */
  pq_assert(it->req.len - was.n == body.n);
  if (it->state != ITEM_DONE) return PQ_NEED_IO;
  if (it->rc == PQ_ECONFLICT) return PQ_ECONFLICT;
  return it->rc == PQ_OK ? PQ_OK : fail_item(f, it);
}

void pq_stat_put(const pq_stat *s, uint8_t out[PQ_STAT_LEN]) {
  pq_wr64(out, s->len);
  pq_wr64(out + 8, (uint64_t)s->modified_us);
  pq_wr64(out + 16, (uint64_t)s->now_us);
}

int pq_fetch_stat(pq_fetch *f, const char *key, pq_stat *out) {
  identity w = {.kind = PQ_IO_STAT, .key = key};
  item *it;
  *out = (pq_stat){0};
  w.hash = identity_hash(&w);
  it = find(f, &w, false);
  if (it == NULL) {
    PQ_TRY(add(f, &w, 0, &it));
    it->req.len = PQ_STAT_LEN;
    return PQ_NEED_IO;
  }
  if (it->state != ITEM_DONE) return PQ_NEED_IO;
  if (it->rc == PQ_ENOTFOUND) return PQ_ENOTFOUND;
  if (it->rc != PQ_OK) return fail_item(f, it);
  if (it->reply_len != PQ_STAT_LEN)
    return pq_fail(f->cx, PQ_ECORRUPT, "%s: stat: an answer of %zu bytes", key, it->reply_len);
  *out = (pq_stat){.len = pq_rd64(it->reply),
                   .modified_us = (int64_t)pq_rd64(it->reply + 8),
                   .now_us = (int64_t)pq_rd64(it->reply + 16)};
  return PQ_OK;
}

int pq_fetch_hot(pq_fetch *f, const char *ns, pq_slice body, pq_slice *reply) {
  identity w = {.kind = PQ_IO_HOT, .key = ns, .body = body};
  item *it;
  *reply = (pq_slice){0};
  w.hash = identity_hash(&w);
  it = find(f, &w, false);
  if (it == NULL) {
    PQ_TRY(add(f, &w, body.n, &it));
    if (body.n > 0) memcpy(it->req.buf, body.p, body.n);
    f->stat_bytes += body.n;
    f->stat_hot_bytes += body.n;
    return PQ_NEED_IO;
  }
  if (it->state != ITEM_DONE) return PQ_NEED_IO;
  if (it->rc != PQ_OK) return fail_item(f, it);
  *reply = (pq_slice){it->reply, it->reply_len};
  return PQ_OK;
}

bool pq_fetch_take_nth(pq_fetch *f, uint32_t nth, pq_io_req *out) {
  *out = (pq_io_req){0};
  while (f->take_pos < f->count && f->items[f->take_pos].state != ITEM_NEW)
    f->take_pos++;
  for (size_t i = f->take_pos; i < f->count; i++) {
    item *it = &f->items[i];
    if (it->state != ITEM_NEW || nth-- > 0) continue;
    it->state = ITEM_TAKEN;
    f->taken++;
    *out = it->req;
    return true;
  }
  return false;
}

bool pq_fetch_take(pq_fetch *f, pq_io_req *out) {
  return pq_fetch_take_nth(f, 0, out);
}

/* Keep a copy of the reply; the status that the request gets by it. */
static int keep_reply(pq_fetch *f, item *it, pq_slice reply) {
  uint64_t room = f->cx->limits.fetch_len_max - f->held_len;
  bool has_max = it->req.kind == PQ_IO_GET || it->req.kind == PQ_IO_LIST;
  pq_assert(it->req.kind != PQ_IO_READ && !is_put(it->req.kind));
  pq_assert(it->req.kind != PQ_IO_PUT_IF);
  if ((has_max && reply.n > it->req.len) || reply.n > room) return PQ_ELIMIT;
  it->reply = pq_alloc(f->cx, NULL, 0, reply.n);
  if (it->reply == NULL) return PQ_ENOMEM;
  memcpy(it->reply, reply.p, reply.n);
  it->reply_len = reply.n;
  f->held_len += reply.n;
  f->stat_bytes += reply.n;
  if (it->req.kind == PQ_IO_HOT) f->stat_hot_bytes += reply.n;
  return PQ_OK;
}

/* Keep the driver's words; without memory the failure goes without them. */
static void keep_detail(pq_fetch *f, item *it, const char *detail) {
  size_t n = 0;
  while (n < DETAIL_LEN_MAX && detail[n] != '\0')
    n++;
  it->detail = pq_alloc(f->cx, NULL, 0, n + 1);
  if (it->detail == NULL) return;
  memcpy(it->detail, detail, n);
  it->detail[n] = '\0';
}

void pq_fetch_done(pq_fetch *f, uint32_t id, int rc, pq_slice reply, const char *detail) {
  item *it;
  pq_assert(id > 0);
  pq_assert(id <= f->count);
  pq_assert(rc <= 0);
  it = &f->items[id - 1];
  pq_assert(it->req.id == id);
  pq_assert(it->state == ITEM_TAKEN);
  it->state = ITEM_DONE;
  it->rc = rc;
  if (rc == PQ_OK && reply.n > 0) it->rc = keep_reply(f, it, reply);
  if (rc == PQ_ENOTFOUND && it->req.kind == PQ_IO_READ) f->is_file_missing = true;
  if (it->rc == PQ_ELIMIT && rc == PQ_OK) detail = "the answer is longer than its limit";
  if (it->rc != PQ_OK && it->rc != PQ_ENOMEM && detail != NULL) keep_detail(f, it, detail);
  f->unfinished--;
  f->taken--;
}

void pq_fetch_pass(const pq_fetch *from, uint32_t from_id, pq_fetch *f, uint32_t id) {
  const item *it;
  pq_assert(from_id > 0);
  pq_assert(from_id <= from->count);
  it = &from->items[from_id - 1];
  pq_assert(it->state == ITEM_DONE);
  pq_fetch_done(f, id, it->rc, (pq_slice){it->reply, it->reply_len}, it->detail);
}
