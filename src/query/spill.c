/* query/spill.c - see spill.h.
 *
 *   block:   record record …       one object
 *   record:  u32 len (0: missing) | u32 meta_len | meta | value    for each of its values
 *
 * Scalars are written with the empty dictionary, so that a number out of a wide document does not
 * drag that document's names along. A run remembers the numbers of its blocks; the spill remembers
 * the hash of each block until it is deleted.
 */
#include "query/spill.h"

#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/text.h"
#include "query/trim.h"

enum {
  BLOCK_LEN = 1 << 20,
  OBJECT_COUNT_MAX = 1 << 24, /* 16 TB of blocks */
  DROP_COUNT_MAX = 1000,      /* deleted in one round */
  HEAD_LEN = 8,
  KEY_CAP = 64
};

static const char PREFIX[] = "~tmp/";

typedef struct object {
  uint64_t len; /* 0: deleted */
  uint64_t hash;
} object;

struct pq_spill {
  pq_cx *cx; /* borrowed */
  uint64_t name;
  object *objects; /* owned */
  uint32_t count, cap;
  uint32_t drop_at; /* objects before it are deleted */
  uint64_t bytes;
};

struct pq_spill_run {
  pq_spill *s;      /* borrowed */
  uint32_t *blocks; /* owned: numbers of objects in order */
  uint32_t count, cap;
  uint32_t at;      /* block that is being read */
  bool is_reading;  /* `block` holds that block */
  bool is_writing;  /* `block` is the body of the newest object, whose put is under way */
  pq_buf block;     /* being filled, or read */
  size_t block_off; /* of the next record */
};

int pq_spill_new(pq_cx *cx, uint64_t name, pq_spill **out) {
  pq_spill *s = pq_alloc(cx, NULL, 0, sizeof *s);
  *out = NULL;
  if (s == NULL) return pq_fail_nomem(cx);
  *s = (pq_spill){.cx = cx, .name = name};
  *out = s;
  return PQ_OK;
}

void pq_spill_free(pq_spill *s) {
  if (s == NULL) return;
  if (s->objects != NULL) pq_alloc(s->cx, s->objects, s->cap * sizeof *s->objects, 0);
  pq_alloc(s->cx, s, sizeof *s, 0);
}

static void key_of(const pq_spill *s, uint32_t number, char out[KEY_CAP]) {
  size_t n = sizeof PREFIX - 1;
  memcpy(out, PREFIX, n);
  n += pq_u64_print(s->name, out + n);
  out[n++] = '-';
  n += pq_u64_print(number, out + n);
  out[n] = '\0';
}

/* What was asked of the set since it counted `requests` and `bytes` is for temporary objects. */
static int count_aside(pq_fetch *f, uint64_t requests, uint64_t bytes, int rc) {
  f->stat_aside_requests += f->stat_requests - requests;
  f->stat_aside_bytes += f->stat_bytes - bytes;
  return rc;
}

static int delete_object(pq_spill *s, pq_fetch *f, uint32_t number) {
  uint64_t requests = f->stat_requests, bytes = f->stat_bytes;
  char key[KEY_CAP];
  if (s->objects[number].len == 0) return PQ_OK;
  key_of(s, number, key);
  PQ_TRY(count_aside(f, requests, bytes, pq_fetch_delete(f, key)));
  s->objects[number].len = 0;
  return PQ_OK;
}

int pq_spill_drop(pq_spill *s, pq_fetch *f) {
  while (s->drop_at < s->count) {
    uint32_t end = s->count - s->drop_at > DROP_COUNT_MAX ? s->drop_at + DROP_COUNT_MAX : s->count;
    bool is_waiting = false;
    for (uint32_t i = s->drop_at; i < end; i++) {
      int rc = delete_object(s, f, i);
      if (rc < 0) return rc;
      is_waiting |= rc == PQ_NEED_IO;
    }
    if (is_waiting) return PQ_NEED_IO;
    s->drop_at = end;
  }
  return PQ_OK;
}

uint64_t pq_spill_bytes(const pq_spill *s) {
  return s->bytes;
}

bool pq_spill_is_used(const pq_spill *s) {
  return s->drop_at < s->count;
}

/* ---- runs ---- */

int pq_spill_run_new(pq_spill *s, pq_spill_run **out) {
  pq_spill_run *r = pq_alloc(s->cx, NULL, 0, sizeof *r);
  *out = NULL;
  if (r == NULL) return pq_fail_nomem(s->cx);
  *r = (pq_spill_run){.s = s};
  pq_buf_init(&r->block, s->cx, SIZE_MAX / 4);
  *out = r;
  return PQ_OK;
}

void pq_spill_run_free(pq_spill_run *r) {
  pq_cx *cx;
  if (r == NULL) return;
  cx = r->s->cx;
  pq_buf_release(&r->block);
  if (r->blocks != NULL) pq_alloc(cx, r->blocks, r->cap * sizeof *r->blocks, 0);
  pq_alloc(cx, r, sizeof *r, 0);
}

/* Room for one more of `size` bytes; counts are bounded by OBJECT_COUNT_MAX. */
static int reserve(pq_cx *cx, void **items, uint32_t count, uint32_t *cap, size_t size) {
  uint32_t more = *cap == 0 ? 8 : *cap * 2;
  void *p;
  if (count < *cap) return PQ_OK;
  if (count >= OBJECT_COUNT_MAX) return pq_fail(cx, PQ_ELIMIT, "too many temporary objects");
  p = pq_alloc(cx, *items, *cap * size, more * size);
  if (p == NULL) return pq_fail_nomem(cx);
  *items = p;
  *cap = more;
  return PQ_OK;
}

/* Give the block a number; it counts as written from now on, as a put that fails may have. */
static int begin_write(pq_spill_run *r) {
  pq_spill *s = r->s;
  void *objects = s->objects, *blocks = r->blocks;
  int rc = reserve(s->cx, &objects, s->count, &s->cap, sizeof *s->objects);
  s->objects = objects;
  PQ_TRY(rc);
  rc = reserve(s->cx, &blocks, r->count, &r->cap, sizeof *r->blocks);
  r->blocks = blocks;
  PQ_TRY(rc);
  r->blocks[r->count++] = s->count;
  s->objects[s->count++] = (object){r->block.len, pq_hash(pq_buf_slice(&r->block), s->name)};
  s->bytes += r->block.len;
  r->is_writing = true;
  return PQ_OK;
}

/* Write the block. The buffer is left alone until the request is done. */
static int flush(pq_spill_run *r, pq_fetch *f) {
  uint64_t requests = f->stat_requests, bytes = f->stat_bytes;
  pq_spill *s = r->s;
  char key[KEY_CAP];
  int rc;
  if (r->block.len == 0) return PQ_OK;
  if (!r->is_writing) PQ_TRY(begin_write(r));
  key_of(s, r->blocks[r->count - 1], key);
  rc = count_aside(f, requests, bytes, pq_fetch_put_new(f, key, pq_buf_slice(&r->block)));
  if (rc == PQ_NEED_IO) return rc;
  if (rc == PQ_ECONFLICT) return pq_fail(s->cx, PQ_EIO, "temporary object %s exists", key);
  if (rc == PQ_EUNSUPPORTED)
    return pq_fail(s->cx, PQ_ELIMIT,
                   "the operation needs more than its memory, and there is no place for temporary "
                   "files: raise the limit of memory or make the input smaller");
  PQ_TRY(rc);
  r->is_writing = false;
  pq_buf_clear(&r->block);
  return PQ_OK;
}

int pq_spill_ready(pq_spill_run *r, pq_fetch *f) {
  pq_assert(!r->is_reading);
  return r->is_writing || r->block.len >= BLOCK_LEN ? flush(r, f) : PQ_OK;
}

static int put_value(pq_spill_run *r, pq_value v) {
  v = pq_value_trim(v);
  PQ_TRY(pq_buf_put_u32(&r->block, v.len));
  PQ_TRY(pq_buf_put_u32(&r->block, v.meta_len));
  PQ_TRY(pq_buf_put(&r->block, v.meta, v.meta_len));
  return pq_buf_put(&r->block, v.p, v.len);
}

int pq_spill_put_record(pq_spill_run *r, pq_fetch *f, const pq_value *values, uint32_t count) {
  PQ_TRY(pq_spill_ready(r, f));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(put_value(r, values[i]));
  return PQ_OK;
}

int pq_spill_put(pq_spill_run *r, pq_fetch *f, pq_value v) {
  return pq_spill_put_record(r, f, &v, 1);
}

/* A run that waits to be read holds no buffer. */
int pq_spill_rewind(pq_spill_run *r, pq_fetch *f) {
  PQ_TRY(flush(r, f));
  pq_buf_release(&r->block);
  pq_buf_init(&r->block, r->s->cx, SIZE_MAX / 4);
  r->is_reading = true;
  return PQ_OK;
}

/* Make the block at `at` the one that is read; the one before is deleted in the same round. */
static int next_block(pq_spill_run *r, pq_fetch *f, uint32_t at) {
  pq_spill *s = r->s;
  int before = at > 0 ? delete_object(s, f, r->blocks[at - 1]) : PQ_OK, rc = PQ_OK;
  pq_slice body = {0};
  if (before < 0) return before;
  if (at < r->count) {
    const object *o = &s->objects[r->blocks[at]];
    uint64_t requests = f->stat_requests, bytes = f->stat_bytes;
    char key[KEY_CAP];
    key_of(s, r->blocks[at], key);
    rc = count_aside(f, requests, bytes, pq_fetch_read(f, key, 0, o->len, &body));
    if (rc == PQ_OK && pq_hash(body, s->name) != o->hash)
      return pq_fail(s->cx, PQ_ECORRUPT, "temporary object %s has changed", key);
  }
  if (rc < 0) return rc;
  if (rc == PQ_NEED_IO || before == PQ_NEED_IO) return PQ_NEED_IO;
  pq_buf_clear(&r->block);
  r->block_off = 0;
  PQ_TRY(pq_buf_put_slice(&r->block, body));
  r->at = at;
  return PQ_OK;
}

/* The hash was right, so the bytes are those of put_value(). */
static pq_value get_value(pq_spill_run *r) {
  const uint8_t *p = r->block.p + r->block_off;
  pq_value v = {0};
  uint32_t len = pq_rd32(p), meta_len = pq_rd32(p + 4);
  pq_assert(r->block.len - r->block_off >= HEAD_LEN);
  r->block_off += HEAD_LEN;
  if (len == 0) return v;
  pq_assert(r->block.len - r->block_off >= (size_t)len + meta_len);
  v = (pq_value){p + HEAD_LEN, p + HEAD_LEN + meta_len, meta_len, len};
  r->block_off += (size_t)meta_len + len;
  return v;
}

int pq_spill_get_record(pq_spill_run *r, pq_fetch *f, pq_value *out, uint32_t count, bool *is_end) {
  pq_assert(r->is_reading);
  *is_end = false;
  for (uint32_t i = 0; i < count; i++)
    out[i] = (pq_value){0};
  if (r->block_off == r->block.len && r->at < r->count) {
    bool is_first = r->block.len == 0 && r->at == 0;
    PQ_TRY(next_block(r, f, is_first ? 0 : r->at + 1));
  }
  *is_end = r->block_off == r->block.len;
  if (*is_end) return PQ_OK;
  for (uint32_t i = 0; i < count; i++)
    out[i] = get_value(r);
  return PQ_OK;
}

int pq_spill_get(pq_spill_run *r, pq_fetch *f, pq_value *out) {
  bool is_end;
  return pq_spill_get_record(r, f, out, 1, &is_end);
}
