/* port/drive_memory.c - see drive_memory.h.
 *
 *     objects   sorted by key, found by binary search; a listing is a run of neighbours
 *     tiers     one a namespace: epoch, flush position, batches in order
 *
 * The store has its own context, so that a test that fails allocations of the engine does not
 * fail the store's: a store that loses memory is not what such a test is about.
 */
#include "port/drive_memory.h"

#include <string.h>

#include "io/hot.h"
#include "port/driver_int.h"
#include "port/probe_store.h"

enum { TICK_US = 1000 };
static const int64_t CLOCK_START_US = 1767225600000000; /* 2026-01-01T00:00:00Z */

typedef struct object {
  char *key;     /* owned */
  uint8_t *body; /* owned, NULL when empty */
  size_t len;
  int64_t modified_us;
} object;

typedef struct tier {
  char *ns; /* owned */
  uint64_t epoch, seq_hi;
  int64_t ts_hi;
  pq_hot_batch *batches; /* owned, bodies too */
  uint32_t batch_count;
  size_t batch_cap;
} tier;

enum { PARTS_MAX = 16 }; /* objects that are being put in parts */

struct pq_memory_store {
  pq_cx cx;
  object *objects; /* owned, sorted by key */
  size_t object_count, object_cap;
  object parts[PARTS_MAX]; /* what has come so far; modified_us counts the uses */
  int64_t parts_tick;
  tier *tiers; /* owned */
  size_t tier_count, tier_cap;
  pq_arena arena; /* of one hot call */
  pq_buf reply;   /* of one call */
  int64_t clock_us;
  bool is_virtual;
  bool is_unproven, ignores_new;
  uint64_t seed;
  uint32_t open_count;
};

struct pq_memory_hot { /* of a copy */
  tier *tiers;         /* owned */
  size_t count, cap;
};

typedef struct memory {
  pq_driver base;         /* first */
  pq_memory_store *store; /* borrowed */
  bool is_writer;
} memory;

/* ---- the store ---- */

pq_memory_store *pq_memory_store_new(void) {
  pq_cx cx;
  pq_memory_store *s;
  pq_cx_init(&cx, NULL, NULL);
  s = pq_alloc(&cx, NULL, 0, sizeof *s);
  if (s == NULL) return NULL;
  *s = (pq_memory_store){.cx = cx, .clock_us = CLOCK_START_US, .is_virtual = true};
  pq_arena_init(&s->arena, &s->cx, s->cx.limits.op_len_max);
  pq_buf_init(&s->reply, &s->cx, SIZE_MAX / 2);
  return s;
}

static void free_bytes(pq_memory_store *s, const uint8_t *p, size_t n) {
  if (p != NULL) pq_alloc(&s->cx, (void *)(uintptr_t)p, n, 0);
}

static void free_str(pq_memory_store *s, char *text) {
  pq_alloc(&s->cx, text, strlen(text) + 1, 0);
}

static void free_tiers(pq_memory_store *s, tier *tiers, size_t count, size_t cap) {
  for (size_t i = 0; i < count; i++) {
    tier *t = &tiers[i];
    for (uint32_t j = 0; j < t->batch_count; j++)
      free_bytes(s, t->batches[j].body.p, t->batches[j].body.n);
    if (t->batches != NULL) pq_alloc(&s->cx, t->batches, t->batch_cap * sizeof *t->batches, 0);
    if (t->ns != NULL) free_str(s, t->ns);
  }
  if (tiers != NULL) pq_alloc(&s->cx, tiers, cap * sizeof *tiers, 0);
}

static void drop_parts(pq_memory_store *s, object *p) {
  if (p->key == NULL) return;
  free_bytes(s, p->body, p->len);
  free_str(s, p->key);
  *p = (object){0};
}

void pq_memory_store_free(pq_memory_store *s) {
  pq_cx cx;
  if (s == NULL) return;
  pq_assert(s->open_count == 0);
  for (size_t i = 0; i < s->object_count; i++) {
    free_bytes(s, s->objects[i].body, s->objects[i].len);
    free_str(s, s->objects[i].key);
  }
  for (size_t i = 0; i < PARTS_MAX; i++)
    drop_parts(s, &s->parts[i]);
  free_tiers(s, s->tiers, s->tier_count, s->tier_cap);
  if (s->objects != NULL) pq_alloc(&s->cx, s->objects, s->object_cap * sizeof *s->objects, 0);
  pq_arena_release(&s->arena);
  pq_buf_release(&s->reply);
  cx = s->cx;
  pq_alloc(&cx, s, sizeof *s, 0);
}

void pq_memory_store_set_clock(pq_memory_store *s, int64_t clock_us, bool is_virtual) {
  s->clock_us = clock_us;
  s->is_virtual = is_virtual;
}

void pq_memory_store_set_seed(pq_memory_store *s, uint64_t seed) {
  s->seed = seed;
}

uint64_t pq_memory_store_len(const pq_memory_store *s) {
  uint64_t len = 0;
  for (size_t i = 0; i < s->object_count; i++)
    len += s->objects[i].len;
  for (size_t i = 0; i < s->tier_count; i++)
    for (uint32_t j = 0; j < s->tiers[i].batch_count; j++)
      len += s->tiers[i].batches[j].body.n;
  return len;
}

/* A copy of bytes; *out is NULL for none. */
static int copy_bytes(pq_memory_store *s, pq_slice in, uint8_t **out) {
  *out = NULL;
  if (in.n == 0) return PQ_OK;
  *out = pq_alloc(&s->cx, NULL, 0, in.n);
  if (*out == NULL) return pq_fail_nomem(&s->cx);
  memcpy(*out, in.p, in.n);
  return PQ_OK;
}

static char *copy_str(pq_memory_store *s, const char *text) {
  size_t n = strlen(text) + 1;
  char *p = pq_alloc(&s->cx, NULL, 0, n);
  if (p != NULL) memcpy(p, text, n);
  return p;
}

/* The array with room for one more element, or NULL after recording why; then it is as it was. */
static void *grow(pq_memory_store *s, void *array, size_t *cap, size_t count, size_t size) {
  size_t cap_new = *cap == 0 ? 8 : *cap * 2;
  void *p;
  if (count < *cap) return array;
  if (cap_new > UINT32_MAX / 2 / size) {
    pq_fail(&s->cx, PQ_ELIMIT, "the store is full");
    return NULL;
  }
  p = pq_alloc(&s->cx, array, *cap * size, cap_new * size);
  if (p == NULL) {
    pq_fail_nomem(&s->cx);
    return NULL;
  }
  *cap = cap_new;
  return p;
}

/* ---- copies of the hot tiers ---- */

static int copy_tier(pq_memory_store *s, const tier *from, tier *to) {
  *to = *from;
  to->batches = NULL;
  to->batch_count = 0;
  to->ns = copy_str(s, from->ns);
  if (from->batches != NULL)
    to->batches = pq_alloc(&s->cx, NULL, 0, from->batch_cap * sizeof *to->batches);
  if (to->ns == NULL || (from->batches != NULL && to->batches == NULL)) return PQ_ENOMEM;
  for (uint32_t i = 0; i < from->batch_count; i++) {
    uint8_t *body;
    PQ_TRY(copy_bytes(s, from->batches[i].body, &body));
    to->batches[i] = from->batches[i];
    to->batches[i].body.p = body;
    to->batch_count++;
  }
  return PQ_OK;
}

pq_memory_hot *pq_memory_hot_copy(pq_memory_store *s) {
  pq_memory_hot *copy = pq_alloc(&s->cx, NULL, 0, sizeof *copy);
  int rc = PQ_OK;
  if (copy == NULL) return NULL;
  *copy = (pq_memory_hot){.cap = s->tier_cap};
  if (s->tier_cap > 0) copy->tiers = pq_alloc(&s->cx, NULL, 0, copy->cap * sizeof *copy->tiers);
  if (s->tier_cap > 0 && copy->tiers == NULL) rc = PQ_ENOMEM;
  for (size_t i = 0; rc == PQ_OK && i < s->tier_count; i++) {
    rc = copy_tier(s, &s->tiers[i], &copy->tiers[i]);
    copy->count++;
  }
  if (rc == PQ_OK) return copy;
  pq_memory_hot_free(s, copy);
  return NULL;
}

void pq_memory_hot_restore(pq_memory_store *s, pq_memory_hot *copy) {
  if (copy == NULL) return;
  free_tiers(s, s->tiers, s->tier_count, s->tier_cap);
  s->tiers = copy->tiers;
  s->tier_count = copy->count;
  s->tier_cap = copy->cap;
  pq_alloc(&s->cx, copy, sizeof *copy, 0);
}

void pq_memory_hot_free(pq_memory_store *s, pq_memory_hot *copy) {
  if (copy == NULL) return;
  free_tiers(s, copy->tiers, copy->count, copy->cap);
  pq_alloc(&s->cx, copy, sizeof *copy, 0);
}

/* ---- copies of a store ---- */

static int copy_objects(pq_memory_store *s, const pq_memory_store *from) {
  if (from->object_count == 0) return PQ_OK;
  s->objects = pq_alloc(&s->cx, NULL, 0, from->object_cap * sizeof *s->objects);
  if (s->objects == NULL) return PQ_ENOMEM;
  s->object_cap = from->object_cap;
  for (size_t i = 0; i < from->object_count; i++) {
    const object *o = &from->objects[i];
    object fresh = {.len = o->len, .modified_us = o->modified_us};
    PQ_TRY(copy_bytes(s, (pq_slice){o->body, o->len}, &fresh.body));
    fresh.key = copy_str(s, o->key);
    if (fresh.key == NULL) {
      free_bytes(s, fresh.body, fresh.len);
      return PQ_ENOMEM;
    }
    s->objects[s->object_count++] = fresh;
  }
  return PQ_OK;
}

pq_memory_store *pq_memory_store_copy(pq_memory_store *s) {
  pq_memory_store *copy = pq_memory_store_new();
  pq_memory_hot *hot = copy == NULL ? NULL : pq_memory_hot_copy(s);
  if (hot == NULL || copy_objects(copy, s) != PQ_OK) {
    pq_memory_hot_free(s, hot);
    pq_memory_store_free(copy);
    return NULL;
  }
  pq_memory_hot_restore(copy, hot);
  copy->clock_us = s->clock_us;
  copy->is_virtual = s->is_virtual;
  copy->is_unproven = s->is_unproven;
  copy->ignores_new = s->ignores_new;
  copy->seed = s->seed;
  return copy;
}

/* ---- objects ---- */

/* Index of the first object whose key is not below `key`. */
static size_t lower(const pq_memory_store *s, const char *key) {
  size_t low = 0, high = s->object_count;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (strcmp(s->objects[mid].key, key) < 0) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  return low;
}

static object *find(pq_memory_store *s, const char *key) {
  size_t i = lower(s, key);
  return i < s->object_count && strcmp(s->objects[i].key, key) == 0 ? &s->objects[i] : NULL;
}

static int serve_read(pq_memory_store *s, const pq_io_req *r) {
  const object *o = find(s, r->key);
  if (o == NULL) return pq_fail(&s->cx, PQ_ENOTFOUND, "no such object");
  if (r->off > o->len || r->len > o->len - r->off)
    return pq_fail(&s->cx, PQ_ECORRUPT, "object is shorter: it has %zu bytes", o->len);
  memcpy(r->buf, o->body + (size_t)r->off, r->len);
  return PQ_OK;
}

static int serve_get(pq_memory_store *s, const pq_io_req *r) {
  const object *o = find(s, r->key);
  if (o == NULL) return pq_fail(&s->cx, PQ_ENOTFOUND, "no such object");
  if (o->len > r->len)
    return pq_fail(&s->cx, PQ_ELIMIT, "object has %zu bytes, at most %zu are expected", o->len,
                   r->len);
  return pq_buf_put(&s->reply, o->body, o->len);
}

static int serve_list(pq_memory_store *s, const pq_io_req *r) {
  size_t prefix_len = strlen(r->key), last_len = 0;
  const char *last = "";
  for (size_t i = lower(s, r->key); i < s->object_count; i++) {
    const char *key = s->objects[i].key, *name = key + prefix_len, *slash;
    size_t n;
    if (strncmp(key, r->key, prefix_len) != 0) break;
    if (pq_key_is_temporary(key)) continue;
    slash = strchr(name, '/');
    n = slash != NULL ? (size_t)(slash - name) + 1 : strlen(name);
    if (n == last_len && memcmp(name, last, n) == 0) continue; /* the same folder again */
    PQ_TRY(pq_buf_put(&s->reply, name, n));
    PQ_TRY(pq_buf_put_byte(&s->reply, '\n'));
    last = name;
    last_len = n;
  }
  if (s->reply.len <= r->len) return PQ_OK;
  return pq_fail(&s->cx, PQ_ELIMIT, "the listing is longer than %zu bytes", r->len);
}

/* The object, whose memory is taken, appears. */
static int appear(pq_memory_store *s, object fresh) {
  size_t i = lower(s, fresh.key);
  object *objects = grow(s, s->objects, &s->object_cap, s->object_count, sizeof fresh);
  if (objects == NULL) {
    drop_parts(s, &fresh);
    return s->cx.code;
  }
  s->objects = objects;
  fresh.modified_us = s->clock_us;
  memmove(s->objects + i + 1, s->objects + i, (s->object_count - i) * sizeof fresh);
  s->objects[i] = fresh;
  s->object_count++;
  return PQ_OK;
}

static void remove_object(pq_memory_store *s, const char *key) {
  size_t i = lower(s, key);
  object *o = find(s, key);
  if (o == NULL) return;
  free_bytes(s, o->body, o->len);
  free_str(s, o->key);
  s->object_count--;
  memmove(o, o + 1, (s->object_count - i) * sizeof *o);
}

static int serve_put_new(pq_memory_store *s, const pq_io_req *r) {
  object fresh = {.len = r->len};
  if (s->ignores_new) remove_object(s, r->key);
  if (find(s, r->key) != NULL) return pq_fail(&s->cx, PQ_ECONFLICT, "it exists");
  PQ_TRY(copy_bytes(s, (pq_slice){r->buf, r->len}, &fresh.body));
  fresh.key = copy_str(s, r->key);
  if (fresh.key != NULL) return appear(s, fresh);
  free_bytes(s, fresh.body, fresh.len);
  return pq_fail_nomem(&s->cx);
}

/* ---- objects in parts ---- */

static object *find_parts(pq_memory_store *s, const char *key) {
  for (size_t i = 0; i < PARTS_MAX; i++)
    if (s->parts[i].key != NULL && strcmp(s->parts[i].key, key) == 0) return &s->parts[i];
  return NULL;
}

/* Begin; what was not touched for longest makes room, as its writer has gone away. */
static int begin_parts(pq_memory_store *s, const char *key, object **out) {
  object *p = find_parts(s, key);
  if (p != NULL) drop_parts(s, p);
  p = &s->parts[0];
  for (size_t i = 1; i < PARTS_MAX; i++)
    if (s->parts[i].modified_us < p->modified_us) p = &s->parts[i];
  drop_parts(s, p);
  p->key = copy_str(s, key);
  *out = p;
  return p->key != NULL ? PQ_OK : pq_fail_nomem(&s->cx);
}

/* All parts are there. Whatever happens, they are gone afterwards. */
static int end_parts(pq_memory_store *s, object *p, size_t len) {
  object whole = *p;
  size_t more = whole.len - len;
  *p = (object){0};
  if (more == 0 && find(s, whole.key) == NULL) return appear(s, whole);
  drop_parts(s, &whole);
  if (more == 0) return pq_fail(&s->cx, PQ_ECONFLICT, "it exists");
  return pq_fail(&s->cx, PQ_EIO, "%zu bytes were put behind the end", more);
}

static int serve_put_part(pq_memory_store *s, const pq_io_req *r) {
  object *p = find_parts(s, r->key);
  size_t end;
  if (r->off == 0) PQ_TRY(begin_parts(s, r->key, &p));
  if (p == NULL || r->off > p->len)
    return pq_fail(&s->cx, PQ_EIO, "the parts before it are not there");
  p->modified_us = ++s->parts_tick;
  end = (size_t)r->off + r->len;
  if (end > p->len) {
    uint8_t *body = pq_alloc(&s->cx, p->body, p->len, end);
    if (body == NULL) return pq_fail_nomem(&s->cx);
    p->body = body;
    p->len = end;
  }
  if (r->len > 0) memcpy(p->body + (size_t)r->off, r->buf, r->len);
  return r->kind == PQ_IO_PUT_END ? end_parts(s, p, end) : PQ_OK;
}

static int serve_put_if(pq_memory_store *s, const pq_io_req *r) {
  size_t was_len = (size_t)r->off;
  pq_io_req put = {.key = r->key, .buf = r->buf + was_len, .len = r->len - was_len};
  object *o = find(s, r->key);
  uint8_t *body;
  if (o == NULL && was_len == 0) return serve_put_new(s, &put);
  if (o == NULL || o->len != was_len || memcmp(o->body, r->buf, was_len) != 0)
    return pq_fail(&s->cx, PQ_ECONFLICT, "it is another one by now");
  PQ_TRY(copy_bytes(s, (pq_slice){put.buf, put.len}, &body));
  free_bytes(s, o->body, o->len);
  o->body = body;
  o->len = put.len;
  o->modified_us = s->clock_us;
  return PQ_OK;
}

static int serve_stat(pq_memory_store *s, const pq_io_req *r) {
  const object *o = find(s, r->key);
  uint8_t bytes[PQ_STAT_LEN];
  if (o == NULL) return pq_fail(&s->cx, PQ_ENOTFOUND, "no such object");
  pq_stat_put(&(pq_stat){o->len, o->modified_us, s->clock_us}, bytes);
  return pq_buf_put(&s->reply, bytes, sizeof bytes);
}

static int serve_delete(pq_memory_store *s, const pq_io_req *r) {
  object *parts = find_parts(s, r->key);
  if (parts != NULL) drop_parts(s, parts);
  remove_object(s, r->key);
  return PQ_OK;
}

/* ---- the hot tier ---- */

/* The tier of `ns`, or NULL. */
static tier *find_tier(pq_memory_store *s, const char *ns) {
  for (size_t i = 0; i < s->tier_count; i++)
    if (strcmp(s->tiers[i].ns, ns) == 0) return &s->tiers[i];
  return NULL;
}

static int add_tier(pq_memory_store *s, const char *ns, tier **out) {
  tier fresh = {0}, *tiers = grow(s, s->tiers, &s->tier_cap, s->tier_count, sizeof fresh);
  *out = NULL;
  if (tiers == NULL) return s->cx.code;
  s->tiers = tiers;
  fresh.ns = copy_str(s, ns);
  if (fresh.ns == NULL) return pq_fail_nomem(&s->cx);
  s->tiers[s->tier_count] = fresh;
  *out = &s->tiers[s->tier_count++];
  return PQ_OK;
}

static uint64_t last_seq(const tier *t) {
  uint64_t last = t->batch_count > 0 ? t->batches[t->batch_count - 1].seq_hi : 0;
  return last > t->seq_hi ? last : t->seq_hi;
}

static int append_one(pq_memory_store *s, tier *t, pq_hot_batch b) {
  pq_hot_batch *batches = grow(s, t->batches, &t->batch_cap, t->batch_count, sizeof b);
  uint8_t *body;
  if (batches == NULL) return s->cx.code;
  t->batches = batches;
  PQ_TRY(copy_bytes(s, b.body, &body));
  b.body.p = body;
  t->batches[t->batch_count++] = b;
  return PQ_OK;
}

/* All batches or none. */
static int append(pq_memory_store *s, tier *t, const pq_hot_request *q) {
  uint32_t before = t->batch_count;
  int rc = PQ_OK;
  if (q->batches[0].seq_lo != last_seq(t) + 1)
    return pq_fail(&s->cx, PQ_ECORRUPT, "namespace %s: events from %llu cannot follow event %llu",
                   t->ns, (unsigned long long)q->batches[0].seq_lo,
                   (unsigned long long)last_seq(t));
  for (uint32_t i = 0; rc == PQ_OK && i < q->batch_count; i++)
    rc = append_one(s, t, q->batches[i]);
  while (rc != PQ_OK && t->batch_count > before) {
    t->batch_count--;
    free_bytes(s, t->batches[t->batch_count].body.p, t->batches[t->batch_count].body.n);
  }
  return rc;
}

static void trim(pq_memory_store *s, tier *t, const pq_hot_request *q) {
  uint32_t n = 0;
  if (q->seq_hi < t->seq_hi) return; /* the flush position never falls */
  t->seq_hi = q->seq_hi;
  t->ts_hi = q->ts_hi;
  while (n < t->batch_count && t->batches[n].seq_hi <= q->seq_hi) {
    free_bytes(s, t->batches[n].body.p, t->batches[n].body.n);
    n++;
  }
  t->batch_count -= n;
  if (n > 0 && t->batch_count > 0)
    memmove(t->batches, t->batches + n, t->batch_count * sizeof *t->batches);
}

static int put_state(pq_memory_store *s, const tier *t, bool has_batches) {
  pq_hot_state state = {0};
  if (t != NULL) state = (pq_hot_state){.epoch = t->epoch, .seq_hi = t->seq_hi, .ts_hi = t->ts_hi};
  if (t != NULL && has_batches) {
    state.batches = t->batches;
    state.batch_count = t->batch_count;
  }
  return pq_hot_put_state(&s->reply, &state);
}

static int serve_hot(pq_memory_store *s, const pq_io_req *r, bool is_writer) {
  tier *t = find_tier(s, r->key);
  pq_hot_request q;
  pq_arena_clear(&s->arena);
  PQ_TRY(pq_hot_parse_request(&s->arena, (pq_slice){r->buf, r->len}, &q));
  if (q.op == PQ_HOT_READ) return put_state(s, t, true);
  if (!is_writer) return pq_fail(&s->cx, PQ_EPERM, "the warehouse is open for reading only");
  if (q.op == PQ_HOT_OPEN) {
    if (t == NULL) PQ_TRY(add_tier(s, r->key, &t));
    t->epoch = t->epoch + 1 > q.epoch ? t->epoch + 1 : q.epoch;
    return put_state(s, t, false);
  }
  if (t == NULL || t->epoch != q.epoch)
    return pq_fail(&s->cx, PQ_EFENCED,
                   "namespace %s: another writer owns it (epoch %llu, this one is %llu)", r->key,
                   (unsigned long long)(t == NULL ? 0 : t->epoch), (unsigned long long)q.epoch);
  if (q.op == PQ_HOT_APPEND) return append(s, t, &q);
  trim(s, t, &q);
  return PQ_OK;
}

/* ---- the driver ---- */

static int dispatch(memory *m, const pq_io_req *r) {
  pq_memory_store *s = m->store;
  bool is_read = r->kind == PQ_IO_READ || r->kind == PQ_IO_GET || r->kind == PQ_IO_LIST ||
                 r->kind == PQ_IO_STAT || r->kind == PQ_IO_HOT;
  bool is_temporary =
      pq_key_is_temporary(r->key) &&
      (r->kind == PQ_IO_PUT_NEW || r->kind == PQ_IO_DELETE || r->kind == PQ_IO_READ);
  if (!is_temporary) PQ_TRY(pq_key_check(&s->cx, r->key, r->kind == PQ_IO_LIST));
  if (!is_read && !is_temporary && !m->is_writer && !pq_key_is_pin(r->key))
    return pq_fail(&s->cx, PQ_EPERM, "the warehouse is open for reading only");
  switch (r->kind) {
    case PQ_IO_READ: return serve_read(s, r);
    case PQ_IO_GET: return serve_get(s, r);
    case PQ_IO_LIST: return serve_list(s, r);
    case PQ_IO_PUT_NEW: return serve_put_new(s, r);
    case PQ_IO_DELETE: return serve_delete(s, r);
    case PQ_IO_HOT: return serve_hot(s, r, m->is_writer);
    case PQ_IO_PUT_IF: return serve_put_if(s, r);
    case PQ_IO_STAT: return serve_stat(s, r);
    case PQ_IO_PUT_PART:
    case PQ_IO_PUT_END: return serve_put_part(s, r);
  }
  return pq_fail(&s->cx, PQ_EUNSUPPORTED, "unknown request kind %d", (int)r->kind);
}

static void memory_serve(pq_driver *d, pq_fetch *f, const pq_io_req *r) {
  memory *m = (memory *)d;
  pq_memory_store *s = m->store;
  int rc;
  pq_buf_clear(&s->reply);
  rc = dispatch(m, r);
  pq_fetch_done(f, r->id, rc, rc == PQ_OK ? pq_buf_slice(&s->reply) : (pq_slice){0},
                rc == PQ_OK ? NULL : s->cx.msg);
}

static int64_t memory_now_us(pq_driver *d) {
  pq_memory_store *s = ((memory *)d)->store;
  int64_t now = s->clock_us;
  if (s->is_virtual) s->clock_us += TICK_US;
  return now;
}

static void memory_random(pq_driver *d, uint8_t *out, size_t n) {
  pq_random_fill(&((memory *)d)->store->seed, out, n);
}

static void memory_close(pq_driver *d) {
  memory *m = (memory *)d;
  pq_memory_store *s = m->store;
  s->open_count--;
  pq_alloc(&s->cx, m, sizeof *m, 0);
}

static const pq_driver_vtable memory_vtable = {.run = pq_driver_serve_all,
                                               .serve = memory_serve,
                                               .now_us = memory_now_us,
                                               .random = memory_random,
                                               .close = memory_close};

void pq_memory_store_set_unproven(pq_memory_store *s, bool ignores_new) {
  s->is_unproven = true;
  s->ignores_new = ignores_new;
}

/* Close the driver of a store that fails. */
static int probe(pq_memory_store *s, pq_driver *d) {
  pq_cx cx;
  int rc;
  pq_cx_init(&cx, s->cx.alloc, s->cx.alloc_ud);
  rc = pq_store_probe(&cx, d);
  if (rc != PQ_OK) pq_driver_close(d);
  return rc;
}

int pq_memory_open(pq_memory_store *s, pq_open_mode mode, pq_driver **out) {
  memory *m = pq_alloc(&s->cx, NULL, 0, sizeof *m);
  *out = NULL;
  if (m == NULL) return PQ_ENOMEM;
  *m = (memory){.base = {&memory_vtable}, .store = s, .is_writer = mode != PQ_OPEN_READ};
  s->open_count++;
  if (s->is_unproven && m->is_writer) PQ_TRY(probe(s, &m->base));
  *out = &m->base;
  return PQ_OK;
}
