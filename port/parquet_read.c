/* port/parquet_read.c - reading Parquet files: the engine's scans over pread or the caller's
 * functions.
 *
 *   pqdb_parquet_next ─► pq_file_scan_next ─PQ_NEED_IO─► read each request ─► pq_file_scan_next …
 *
 * A file is its footer, which nobody changes, and a cache of page indexes and bloom filters with a
 * lock; so scans in several threads share it. Each scan has its own context and memory, which it
 * leaves to the next scan of the file. Columns are handed over as the engine has them: only their
 * description is written anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/cpu.h"
#include "port/parquet_int.h"

enum {
  IO_LEN_MAX = 1 << 30, /* of one system call */
  DETAIL_CAP = 160,
  CACHE_LEN_MAX = 32 << 20, /* page indexes and bloom filters of one file */
  POOLS_MAX = 4,            /* that a file keeps for its next scans, and their bytes */
  PATH_SHOWN_MAX = 200
};

/* Idle bytes of a pool: during a scan a quarter of what the scan may use, but at most this, and
 * between scans. */
#define POOL_LEN_MAX ((uint64_t)256 << 20)
#define POOL_LEN_DEFAULT ((uint64_t)16 << 20)
#define POOL_KEPT_LEN ((uint64_t)4 << 20)

int pq_fail_system(pq_cx *cx, int error, const char *doing, const char *path) {
  char text[128];
  int code = PQ_EIO;
  if (error == ENOMEM) return pq_fail_nomem(cx);
  if (strerror_r(error, text, sizeof text) != 0) snprintf(text, sizeof text, "error %d", error);
  if (error == EACCES || error == EPERM || error == EROFS) code = PQ_EPERM;
  if (error == EEXIST) code = PQ_EEXISTS;
  return pq_fail(cx, code, "%.*s: %s: %s", PATH_SHOWN_MAX, path, doing, text);
}

/* ---- bytes ---- */

static int read_descriptor(int fd, const pq_io_req *r, char detail[DETAIL_CAP]) {
  uint64_t off = r->off;
  uint8_t *to = r->buf;
  size_t left = r->len;
  while (left > 0) {
    ssize_t n = pread(fd, to, left < IO_LEN_MAX ? left : IO_LEN_MAX, (off_t)off);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && strerror_r(errno, detail, DETAIL_CAP) != 0)
      snprintf(detail, DETAIL_CAP, "read failed");
    if (n < 0) return PQ_EIO;
    if (n == 0) {
      snprintf(detail, DETAIL_CAP, "the file ends at %llu", (unsigned long long)off);
      return PQ_ECORRUPT;
    }
    to += n;
    left -= (size_t)n;
    off += (uint64_t)n;
  }
  return PQ_OK;
}

/* Answer one request. */
static int read_request(const pqdb_parquet *f, const pq_io_req *r, char detail[DETAIL_CAP]) {
  int rc;
  detail[0] = '\0';
  if (f->source.read == NULL) return read_descriptor(f->fd, r, detail);
  if (r->off > f->source.len || r->len > f->source.len - r->off) {
    snprintf(detail, DETAIL_CAP, "the file has %llu bytes", (unsigned long long)f->source.len);
    return PQ_ECORRUPT;
  }
  rc = f->source.read(f->source.ud, r->off, r->len, r->buf);
  if (rc == PQ_OK) return PQ_OK;
  snprintf(detail, DETAIL_CAP, "the source answers %d", rc);
  return rc < 0 ? rc : PQ_EIO;
}

/* ---- open ---- */

static int set_options(pqdb_parquet *f, const pqdb_parquet_options *options) {
  f->cpu = pq_cpu_features();
  if (options == NULL) return PQ_OK;
  if (options->size != sizeof *options)
    return pq_fail(&f->cx, PQ_EINVALID, "pqdb_parquet_options.size is %zu, expected %zu",
                   options->size, sizeof *options);
  if (options->has_plain_kernels) f->cpu = 0;
  f->cx.is_forgiving = options->is_forgiving;
  return PQ_OK;
}

static void lock_cache(void *ud) {
  pthread_mutex_lock(ud);
}

static void unlock_cache(void *ud) {
  pthread_mutex_unlock(ud);
}

static int handle_new(const char *name, const pqdb_parquet_options *options, pqdb_parquet **out) {
  pqdb_parquet *f = calloc(1, sizeof *f);
  *out = f;
  if (f == NULL) return PQ_ENOMEM;
  if (pthread_mutex_init(&f->mutex, NULL) != 0) {
    free(f);
    *out = NULL;
    return PQ_ENOMEM;
  }
  f->fd = -1;
  pq_cx_init(&f->cx, NULL, NULL);
  pq_cx_init(&f->cache_cx, NULL, NULL);
  pq_arena_init(&f->arena, &f->cx, f->cx.limits.op_len_max);
  pq_side_cache_init(&f->cache, &f->cache_cx, CACHE_LEN_MAX);
  f->cache.lock = lock_cache;
  f->cache.unlock = unlock_cache;
  f->cache.lock_ud = &f->mutex;
  f->file.key = pq_arena_str(&f->arena, pq_str(name == NULL ? "" : name));
  if (f->file.key == NULL) return f->cx.code;
  return set_options(f, options);
}

pqdb_parquet_logical pq_logical_of(const pq_note *note) {
  switch (note->kind) {
    case PQ_NOTE_NONE: return PQDB_LOGICAL_NONE;
    case PQ_NOTE_TEXT: return note->id == 4 ? PQDB_LOGICAL_ENUM : PQDB_LOGICAL_STRING;
    case PQ_NOTE_JSON: return PQDB_LOGICAL_JSON;
    case PQ_NOTE_UUID: return PQDB_LOGICAL_UUID;
    case PQ_NOTE_DATE: return PQDB_LOGICAL_DATE;
    case PQ_NOTE_TIME: return PQDB_LOGICAL_TIME;
    case PQ_NOTE_TIMESTAMP: return PQDB_LOGICAL_TIMESTAMP;
    case PQ_NOTE_INTEGER: return PQDB_LOGICAL_INTEGER;
    case PQ_NOTE_DECIMAL: return PQDB_LOGICAL_DECIMAL;
    case PQ_NOTE_FLOAT16: return PQDB_LOGICAL_FLOAT16;
    case PQ_NOTE_INTERVAL: return PQDB_LOGICAL_INTERVAL;
    case PQ_NOTE_BYTES:
      if (note->id == 17) return PQDB_LOGICAL_GEOMETRY;
      return note->id == 18 ? PQDB_LOGICAL_GEOGRAPHY : PQDB_LOGICAL_BSON;
    case PQ_NOTE_LIST: return PQDB_LOGICAL_LIST;
    case PQ_NOTE_MAP: return PQDB_LOGICAL_MAP;
    case PQ_NOTE_VARIANT: return PQDB_LOGICAL_VARIANT;
    case PQ_NOTE_OTHER: return note->id == 11 ? PQDB_LOGICAL_NULL : PQDB_LOGICAL_UNKNOWN;
  }
  return PQDB_LOGICAL_UNKNOWN;
}

static int make_node(pqdb_parquet *f, const pq_node *in, pqdb_parquet_node *out) {
  const pq_leaf *leaf = in->leaf == PQ_NO_NODE ? NULL : &f->file.footer->leaves[in->leaf];
  *out = (pqdb_parquet_node){
      .name = pq_arena_str(&f->arena, in->name),
      .repetition = (pqdb_parquet_repetition)in->repetition,
      .child_count = in->child_count,
      .logical = pq_logical_of(&in->note),
      .is_unsigned = in->note.is_unsigned,
      .bits = in->note.bits,
      .digits = in->note.digits,
      .is_utc = in->note.is_utc,
      .precision = in->note.precision,
      .scale = in->note.scale,
      .has_field_id = in->field_id >= 0,
      .field_id = in->field_id,
      .parent = in->parent == PQ_NO_NODE ? -1 : (int32_t)in->parent,
      .leaf = leaf == NULL ? -1 : (int32_t)in->leaf,
      .def = (uint8_t)in->def,
      .rep = (uint8_t)in->rep,
  };
  if (out->name == NULL) return f->cx.code;
  if (leaf == NULL) return PQ_OK;
  out->type = (pqdb_parquet_type)leaf->phys;
  out->type_len = leaf->type_len;
  out->path = pq_arena_str(&f->arena, leaf->path);
  return out->path == NULL ? f->cx.code : PQ_OK;
}

static int make_schema(pqdb_parquet *f) {
  const pq_footer *footer = f->file.footer;
  f->nodes = pq_arena_calloc(&f->arena, footer->node_count, sizeof *f->nodes);
  f->created_by = pq_arena_str(&f->arena, footer->created_by);
  if (f->nodes == NULL || f->created_by == NULL) return f->cx.code;
  for (uint32_t i = 0; i < footer->node_count; i++)
    PQ_TRY(make_node(f, &footer->nodes[i], &f->nodes[i]));
  if (footer->node_count > 0) f->nodes[0].parent = -1;
  return PQ_OK;
}

static int read_footer(pqdb_parquet *f) {
  char detail[DETAIL_CAP];
  pq_fetch fetch;
  pq_io_req r;
  int rc;
  pq_fetch_init(&fetch, &f->cx);
  while ((rc = pq_footer_fetch(&fetch, &f->arena, f->file.key, f->source.len, 0,
                               &f->file.footer)) == PQ_NEED_IO) {
    while (pq_fetch_take(&fetch, &r)) {
      int read_rc = read_request(f, &r, detail);
      pq_fetch_done(&fetch, r.id, read_rc, (pq_slice){0}, detail);
    }
  }
  pq_fetch_release(&fetch);
  return rc == PQ_OK ? make_schema(f) : rc;
}

int pqdb_parquet_open(const char *path, const pqdb_parquet_options *options, pqdb_parquet **out) {
  struct stat st;
  int rc = handle_new(path, options, out);
  pqdb_parquet *f = *out;
  if (rc != PQ_OK) return rc;
  do {
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (f->fd < 0 && errno == EINTR);
  if (f->fd < 0) return pq_fail_system(&f->cx, errno, "open", path);
  if (fstat(f->fd, &st) != 0) return pq_fail_system(&f->cx, errno, "fstat", path);
  if (!S_ISREG(st.st_mode) || st.st_size < 0)
    return pq_fail(&f->cx, PQ_EINVALID, "%.*s: not a plain file", PATH_SHOWN_MAX, path);
  f->source.len = (uint64_t)st.st_size;
  return read_footer(f);
}

int pqdb_parquet_open_source(const char *name, const pqdb_parquet_source *source,
                             const pqdb_parquet_options *options, pqdb_parquet **out) {
  int rc = handle_new(name, options, out);
  if (rc != PQ_OK) return rc;
  (*out)->source = *source;
  if (source->read == NULL)
    return pq_fail(&(*out)->cx, PQ_EINVALID, "a source needs a function to read");
  return read_footer(*out);
}

void pqdb_parquet_close(pqdb_parquet *f) {
  if (f == NULL) return;
  while (f->pools != NULL) {
    pq_pool *pool = f->pools;
    f->pools = pool->next;
    pq_pool_trim(pool, 0);
    free(pool);
  }
  pq_side_cache_release(&f->cache);
  pq_arena_release(&f->arena);
  if (f->fd >= 0) close(f->fd);
  pthread_mutex_destroy(&f->mutex);
  free(f);
}

/* ---- what the footer says ---- */

const char *pqdb_parquet_message(const pqdb_parquet *f) {
  return f == NULL ? "out of memory" : f->cx.msg;
}

/* A handle that could not be opened answers as an empty file would. */
static const pq_footer *footer_of(const pqdb_parquet *f) {
  static const pq_footer none = {0};
  return f == NULL || f->nodes == NULL ? &none : f->file.footer;
}

const pq_file *pq_parquet_file(const pqdb_parquet *f) {
  return f == NULL || f->nodes == NULL ? NULL : &f->file;
}

uint64_t pqdb_parquet_row_count(const pqdb_parquet *f) {
  return footer_of(f)->row_count;
}

const char *pqdb_parquet_created_by(const pqdb_parquet *f) {
  return f == NULL || f->created_by == NULL ? "" : f->created_by;
}

const pqdb_parquet_node *pqdb_parquet_schema(const pqdb_parquet *f, uint32_t *count) {
  *count = footer_of(f)->node_count;
  return f == NULL ? NULL : f->nodes;
}

int32_t pqdb_parquet_leaf(const pqdb_parquet *f, const char *path) {
  return pq_footer_leaf(footer_of(f), path);
}

uint32_t pqdb_parquet_leaf_count(const pqdb_parquet *f) {
  return footer_of(f)->leaf_count;
}

static pqdb_bytes bytes_of(pq_slice s) {
  return (pqdb_bytes){s.p, s.n};
}

bool pqdb_parquet_key_value(const pqdb_parquet *f, uint32_t i, pqdb_bytes *key, pqdb_bytes *value) {
  const pq_footer *footer = footer_of(f);
  *key = *value = (pqdb_bytes){0};
  if (i >= footer->key_value_count) return false;
  *key = bytes_of(footer->key_values[i].key);
  *value = bytes_of(footer->key_values[i].value);
  return true;
}

uint32_t pqdb_parquet_row_group_count(const pqdb_parquet *f) {
  return footer_of(f)->row_group_count;
}

uint64_t pqdb_parquet_row_group_rows(const pqdb_parquet *f, uint32_t row_group) {
  const pq_footer *footer = footer_of(f);
  return row_group < footer->row_group_count ? footer->row_groups[row_group].row_count : 0;
}

int pqdb_parquet_chunk_of(const pqdb_parquet *f, uint32_t row_group, uint32_t leaf,
                          pqdb_parquet_chunk *out) {
  const pq_footer *footer = footer_of(f);
  const pq_chunk *c;
  *out = (pqdb_parquet_chunk){0};
  if (row_group >= footer->row_group_count || leaf >= footer->leaf_count) return PQ_EINVALID;
  c = &footer->row_groups[row_group].chunks[leaf];
  *out = (pqdb_parquet_chunk){.codec = (pqdb_parquet_codec)c->codec,
                              .value_count = c->value_count,
                              .off = c->off,
                              .len = c->len,
                              .uncompressed_len = c->uncompressed_len,
                              .has_null_count = c->stats.has_null_count,
                              .has_min = c->stats.has_min,
                              .has_max = c->stats.has_max,
                              .min_is_exact = c->stats.min_is_exact,
                              .max_is_exact = c->stats.max_is_exact,
                              .null_count = c->stats.null_count,
                              .min = bytes_of(c->stats.min),
                              .max = bytes_of(c->stats.max),
                              .has_bloom = c->bloom_off != 0,
                              .has_column_index = c->column_index_off != 0,
                              .has_offset_index = c->offset_index_off != 0};
  return PQ_OK;
}

/* ---- scans ---- */

/* A pool that a scan before this one left, or a new one. */
static int take_pool(pqdb_parquet_scan *s, uint64_t memory_max) {
  pqdb_parquet *f = s->file;
  uint64_t len = memory_max == 0 ? POOL_LEN_DEFAULT : memory_max / 4;
  pthread_mutex_lock(&f->mutex);
  s->pool = f->pools;
  if (s->pool != NULL) {
    f->pools = s->pool->next;
    f->pool_count--;
  }
  pthread_mutex_unlock(&f->mutex);
  if (s->pool == NULL) {
    s->pool = malloc(sizeof *s->pool);
    if (s->pool == NULL) return pq_fail_nomem(&s->cx);
    pq_pool_init(s->pool, 0);
  }
  s->pool->idle_len_max = len < POOL_LEN_MAX ? len : POOL_LEN_MAX;
  s->cx.alloc = pq_pool_alloc;
  s->cx.alloc_ud = s->pool;
  return PQ_OK;
}

/* Leave the pool to the next scan. */
static void leave_pool(pqdb_parquet_scan *s) {
  pqdb_parquet *f = s->file;
  pq_pool *pool = s->pool;
  if (pool == NULL) return;
  pq_pool_trim(pool, POOL_KEPT_LEN);
  pthread_mutex_lock(&f->mutex);
  if (f->pool_count < POOLS_MAX) {
    pool->next = f->pools;
    f->pools = pool;
    f->pool_count++;
    pool = NULL;
  }
  pthread_mutex_unlock(&f->mutex);
  if (pool == NULL) return;
  pq_pool_trim(pool, 0);
  free(pool);
}

/* All leaves, or those asked for. */
static int choose_leaves(pqdb_parquet_scan *s, const pqdb_parquet_scan_options *o,
                         pq_file_scan_options *to, uint32_t **all) {
  uint32_t count = footer_of(s->file)->leaf_count;
  *all = NULL;
  to->leaves = o->leaves;
  to->leaf_count = o->leaf_count;
  if (o->leaves != NULL) return PQ_OK;
  *all = malloc((count + (size_t)1) * sizeof **all);
  if (*all == NULL) return pq_fail_nomem(&s->cx);
  for (uint32_t i = 0; i < count; i++)
    (*all)[i] = i;
  to->leaves = *all;
  to->leaf_count = count;
  return PQ_OK;
}

static int copy_predicates(pqdb_parquet_scan *s, const pqdb_parquet_scan_options *o,
                           pq_predicate **out) {
  *out = calloc((size_t)o->predicate_count + 1, sizeof **out);
  if (*out == NULL) return pq_fail_nomem(&s->cx);
  for (uint32_t i = 0; i < o->predicate_count; i++) {
    const pqdb_parquet_predicate *p = &o->predicates[i];
    (*out)[i] = (pq_predicate){.leaf = p->leaf,
                               .test = (pq_test)p->test,
                               .values = (const void *)p->values,
                               .value_count = p->value_count};
  }
  return PQ_OK;
}

static int scan_start(pqdb_parquet_scan *s, const pqdb_parquet_scan_options *o) {
  pq_file_scan_options to = {.predicate_count = o->predicate_count,
                             .row_group_lo = o->row_group_lo,
                             .row_group_hi = o->row_group_hi,
                             .batch_rows = o->batch_rows,
                             .memory_max = o->memory_max,
                             .has_codes = o->has_codes,
                             .is_unpruned = o->is_unpruned,
                             .cache = &s->file->cache};
  pq_predicate *predicates = NULL;
  uint32_t *all = NULL;
  int rc = take_pool(s, o->memory_max);
  if (rc == PQ_OK) rc = copy_predicates(s, o, &predicates);
  to.predicates = predicates;
  if (rc == PQ_OK) rc = choose_leaves(s, o, &to, &all);
  if (rc == PQ_OK) s->columns = calloc((size_t)to.leaf_count + 1, sizeof *s->columns);
  if (rc == PQ_OK && s->columns == NULL) rc = pq_fail_nomem(&s->cx);
  if (rc == PQ_OK) rc = pq_file_scan_new(&s->cx, &s->file->file, to, &s->scan);
  s->column_count = to.leaf_count;
  free(predicates);
  free(all);
  return rc;
}

int pqdb_parquet_scan_open(pqdb_parquet *file, const pqdb_parquet_scan_options *options,
                           pqdb_parquet_scan **out) {
  static const pqdb_parquet_scan_options defaults = {.size = sizeof defaults};
  pqdb_parquet_scan *s = calloc(1, sizeof *s);
  *out = s;
  if (s == NULL) return PQ_ENOMEM;
  pq_cx_init(&s->cx, NULL, NULL);
  s->file = file;
  s->cx.cpu = file->cpu;
  s->cx.is_forgiving = file->cx.is_forgiving;
  if (options == NULL) options = &defaults;
  if (file->nodes == NULL)
    s->rc = pq_fail(&s->cx, PQ_EINVALID, "the file is not open");
  else if (options->size != sizeof *options)
    s->rc = pq_fail(&s->cx, PQ_EINVALID, "pqdb_parquet_scan_options.size is %zu, expected %zu",
                    options->size, sizeof *options);
  else
    s->rc = scan_start(s, options);
  return s->rc;
}

void pqdb_parquet_scan_close(pqdb_parquet_scan *s) {
  if (s == NULL) return;
  pq_file_scan_free(s->scan);
  leave_pool(s);
  free(s->columns);
  free(s);
}

const char *pqdb_parquet_scan_message(const pqdb_parquet_scan *s) {
  return s == NULL ? "out of memory" : s->cx.msg;
}

pqdb_parquet_scan_stats pqdb_parquet_scan_so_far(const pqdb_parquet_scan *s) {
  pq_file_scan_stats in = {0};
  if (s->scan != NULL) in = pq_file_scan_so_far(s->scan);
  return (pqdb_parquet_scan_stats){.requests = in.requests,
                                   .bytes = in.bytes,
                                   .rounds = in.rounds,
                                   .row_groups = in.row_groups,
                                   .row_groups_kept = in.row_groups_kept,
                                   .pages = in.pages,
                                   .pages_kept = in.pages_kept,
                                   .rows = in.rows,
                                   .rows_tested = in.rows_tested,
                                   .rows_kept = in.rows_kept};
}

static void describe_column(const pq_column *in, pqdb_parquet_column *out) {
  *out = (pqdb_parquet_column){.type = (pqdb_parquet_type)in->phys,
                               .row_count = in->row_count,
                               .entry_count = pq_column_entries(in),
                               .nulls = in->nulls,
                               .def = in->def,
                               .rep = in->rep,
                               .values.any = in->v.any};
  if (in->dictionary == NULL) return;
  out->dictionary = in->dictionary->values;
  out->dictionary_count = in->dictionary->count;
}

static void serve(pqdb_parquet_scan *s) {
  char detail[DETAIL_CAP];
  pq_io_req r;
  uint32_t set;
  while (pq_file_scan_take(s->scan, &r, &set)) {
    int rc = read_request(s->file, &r, detail);
    pq_file_scan_done(s->scan, set, r.id, rc, detail);
  }
}

int pqdb_parquet_next(pqdb_parquet_scan *s, pqdb_parquet_batch *out) {
  pq_row_batch in;
  int rc;
  *out = (pqdb_parquet_batch){0};
  if (s->rc != PQ_OK) return s->rc;
  while ((rc = pq_file_scan_next(s->scan, &in)) == PQ_NEED_IO)
    serve(s);
  s->rc = rc;
  if (rc != PQ_OK) return rc;
  if (in.row_count == 0) return PQDB_DONE;
  for (uint32_t i = 0; i < in.column_count; i++)
    describe_column(&in.columns[i], &s->columns[i]);
  *out = (pqdb_parquet_batch){.row_count = in.row_count,
                              .row_group = in.row_group,
                              .first_row = in.first_row,
                              .rows = in.rows,
                              .columns = s->columns,
                              .column_count = in.column_count};
  return PQDB_ROW;
}
