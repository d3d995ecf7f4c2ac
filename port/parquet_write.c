/* port/parquet_write.c - writing Parquet files: the engine's writer into a new file or a sink.
 *
 *   create   PATH.tmp.<pid>.<n>      the file under a name of its own
 *   write    … row group by row group, appended as soon as it is encoded
 *   finish   footer, fsync, link() to PATH (fails if PATH exists), unlink, fsync of the folder
 *
 * So PATH is there with all its bytes or not at all, and memory holds one row group. What a caller
 * may get wrong in columns (types, lengths, codes) is checked here; levels by the engine.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parquet/writer.h"
#include "port/cpu.h"
#include "port/parquet_int.h"

_Static_assert((int)PQDB_LAYOUT_OPERATIONAL == (int)PQ_LAYOUT_OPERATIONAL,
               "public numbers are the engine's");

enum { TEMPORARY_TRIES = 1000, TEMPORARY_CAP = 48, IO_LEN_MAX = 1 << 30, DEPTH_MAX = 256 };

/* What is checked of each leaf's columns. */
typedef struct leaf_rule {
  const char *name;
  pq_phys phys;
  uint32_t type_len;
  uint32_t def_max, rep_max;
} leaf_rule;

struct pqdb_parquet_writer {
  pq_cx cx;
  pq_arena arena;
  pq_writer *writer;
  pqdb_parquet_sink sink; /* append NULL: the file */
  int fd;                 /* -1: none */
  char *path, *temporary; /* of the file; in the arena */
  leaf_rule *leaves;
  uint32_t leaf_count;
  pq_column *columns; /* of the row group being written */
  void **owned;       /* what was made for each of them, to free */
  pq_key_value *key_values;
  uint32_t key_value_count, key_value_cap;
  int rc; /* of a failure that cannot be mended */
  bool is_finished;
};

/* ---- bytes ---- */

static int append_file(pqdb_parquet_writer *w, pq_slice s) {
  while (s.n > 0) {
    ssize_t n = write(w->fd, s.p, s.n < IO_LEN_MAX ? s.n : IO_LEN_MAX);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return pq_fail_system(&w->cx, n < 0 ? errno : ENOSPC, "write", w->path);
    s = (pq_slice){s.p + n, s.n - (size_t)n};
  }
  return PQ_OK;
}

/* Pass on what the writer has made. A failure here loses bytes, so it is the end of the file. */
static int append_made(pqdb_parquet_writer *w) {
  pq_slice made = pq_writer_drain(w->writer);
  int rc = PQ_OK;
  if (made.n == 0) return PQ_OK;
  if (w->sink.append == NULL) {
    rc = append_file(w, made);
  } else {
    rc = w->sink.append(w->sink.ud, made.p, made.n);
    if (rc != PQ_OK) rc = pq_fail(&w->cx, rc < 0 ? rc : PQ_EIO, "the sink answers %d", rc);
  }
  w->rc = rc;
  return rc;
}

/* ---- the schema ---- */

static pq_note note_of(const pqdb_parquet_node *n) {
  static const struct {
    pq_note_kind kind;
    uint8_t id;
  } notes[] = {
      [PQDB_LOGICAL_NONE] = {PQ_NOTE_NONE, 0},
      [PQDB_LOGICAL_STRING] = {PQ_NOTE_TEXT, 1},
      [PQDB_LOGICAL_ENUM] = {PQ_NOTE_TEXT, 4},
      [PQDB_LOGICAL_JSON] = {PQ_NOTE_JSON, 12},
      [PQDB_LOGICAL_BSON] = {PQ_NOTE_BYTES, 13},
      [PQDB_LOGICAL_UUID] = {PQ_NOTE_UUID, 14},
      [PQDB_LOGICAL_DATE] = {PQ_NOTE_DATE, 6},
      [PQDB_LOGICAL_TIME] = {PQ_NOTE_TIME, 7},
      [PQDB_LOGICAL_TIMESTAMP] = {PQ_NOTE_TIMESTAMP, 8},
      [PQDB_LOGICAL_INTEGER] = {PQ_NOTE_INTEGER, 10},
      [PQDB_LOGICAL_DECIMAL] = {PQ_NOTE_DECIMAL, 5},
      [PQDB_LOGICAL_FLOAT16] = {PQ_NOTE_FLOAT16, 15},
      [PQDB_LOGICAL_INTERVAL] = {PQ_NOTE_INTERVAL, 0},
      [PQDB_LOGICAL_GEOMETRY] = {PQ_NOTE_BYTES, 17},
      [PQDB_LOGICAL_GEOGRAPHY] = {PQ_NOTE_BYTES, 18},
      [PQDB_LOGICAL_LIST] = {PQ_NOTE_LIST, 3},
      [PQDB_LOGICAL_MAP] = {PQ_NOTE_MAP, 2},
      [PQDB_LOGICAL_VARIANT] = {PQ_NOTE_VARIANT, 16},
      [PQDB_LOGICAL_NULL] = {PQ_NOTE_OTHER, 11},
      [PQDB_LOGICAL_UNKNOWN] = {PQ_NOTE_OTHER, 0},
  };
  unsigned i = (unsigned)n->logical;
  if (i >= sizeof notes / sizeof notes[0]) i = PQDB_LOGICAL_UNKNOWN;
  return (pq_note){.kind = notes[i].kind,
                   .id = notes[i].id,
                   .is_unsigned = n->is_unsigned,
                   .bits = n->bits,
                   .is_utc = n->is_utc,
                   .digits = n->digits,
                   .scale = n->scale,
                   .precision = n->precision};
}

static int copy_node(pqdb_parquet_writer *w, const pqdb_parquet_node *n, pq_node_spec *out) {
  if (n->name == NULL) return pq_fail(&w->cx, PQ_EINVALID, "a node of the schema has no name");
  if ((unsigned)n->repetition > PQDB_REPEATED || (unsigned)n->type > PQDB_FIXED_LEN_BYTE_ARRAY)
    return pq_fail(&w->cx, PQ_EINVALID, "%.200s: unknown repetition or type", n->name);
  *out = (pq_node_spec){.name = n->name,
                        .repetition = (pq_repetition)n->repetition,
                        .child_count = n->child_count,
                        .note = note_of(n),
                        .field_id = n->has_field_id ? n->field_id : -1,
                        .phys = (pq_phys)n->type,
                        .type_len = n->type_len,
                        .has_encoding = n->has_encoding,
                        .encoding = (pq_encoding)n->encoding,
                        .has_bloom = n->has_bloom,
                        .has_stats = !n->has_no_stats,
                        .page_len = n->page_len};
  return PQ_OK;
}

/* Leaves with their levels. The engine has accepted the nodes. */
static int find_leaves(pqdb_parquet_writer *w, const pqdb_parquet_node *nodes, uint32_t count) {
  struct {
    uint32_t left, def, rep;
  } stack[DEPTH_MAX + 1];
  uint32_t depth = 0;
  stack[0].left = UINT32_MAX;
  stack[0].def = stack[0].rep = 0;
  for (uint32_t i = 0; i < count; i++) {
    const pqdb_parquet_node *n = &nodes[i];
    uint32_t def = stack[depth].def + (n->repetition != PQDB_REQUIRED);
    uint32_t rep = stack[depth].rep + (n->repetition == PQDB_REPEATED);
    stack[depth].left--;
    if (n->child_count == 0) {
      char *name = pq_arena_str(&w->arena, pq_str(n->name));
      if (name == NULL) return w->cx.code;
      w->leaves[w->leaf_count++] = (leaf_rule){name, (pq_phys)n->type, n->type_len, def, rep};
    } else {
      pq_assert(depth < DEPTH_MAX);
      depth++;
      stack[depth].left = n->child_count;
      stack[depth].def = def;
      stack[depth].rep = rep;
    }
    while (depth > 0 && stack[depth].left == 0)
      depth--;
  }
  return PQ_OK;
}

static int set_schema(pqdb_parquet_writer *w, const pqdb_parquet_node *nodes, uint32_t count,
                      pq_writer_options options) {
  pq_node_spec *specs = pq_arena_calloc(&w->arena, count, sizeof *specs);
  w->leaves = pq_arena_calloc(&w->arena, count, sizeof *w->leaves);
  w->columns = pq_arena_calloc(&w->arena, count, sizeof *w->columns);
  w->owned = pq_arena_calloc(&w->arena, count, sizeof *w->owned);
  if (specs == NULL || w->leaves == NULL || w->columns == NULL || w->owned == NULL)
    return w->cx.code;
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(copy_node(w, &nodes[i], &specs[i]));
  PQ_TRY(pq_writer_new_nested(&w->cx, specs, count, options, &w->writer));
  return find_leaves(w, nodes, count);
}

/* ---- create ---- */

static int read_options(pqdb_parquet_writer *w, const pqdb_parquet_writer_options *o,
                        pq_writer_options *out) {
  *out = (pq_writer_options){0};
  if (o == NULL) return PQ_OK;
  if (o->size != sizeof *o)
    return pq_fail(&w->cx, PQ_EINVALID, "pqdb_parquet_writer_options.size is %zu, expected %zu",
                   o->size, sizeof *o);
  if (o->codec != PQDB_CODEC_NONE && o->codec != PQDB_CODEC_SNAPPY && o->codec != PQDB_CODEC_GZIP &&
      o->codec != PQDB_CODEC_ZSTD && o->codec != PQDB_CODEC_LZ4_RAW)
    return pq_fail(&w->cx, PQ_EUNSUPPORTED, "codec %d is only read", (int)o->codec);
  if (o->layout != PQDB_LAYOUT_ANALYTIC && o->layout != PQDB_LAYOUT_OPERATIONAL)
    return pq_fail(&w->cx, PQ_EINVALID, "there is no layout %d", (int)o->layout);
  *out = (pq_writer_options){.codec = (pq_codec)o->codec,
                             .is_uncompressed = o->is_uncompressed,
                             .level = o->level,
                             .is_v2 = o->has_v2_pages,
                             .bloom_fpp = o->bloom_fpp,
                             .created_by = o->created_by,
                             .layout = (pq_layout)o->layout};
  return PQ_OK;
}

static int writer_new(const pqdb_parquet_node *nodes, uint32_t node_count,
                      const pqdb_parquet_writer_options *options, pqdb_parquet_writer **out) {
  pqdb_parquet_writer *w = calloc(1, sizeof *w);
  pq_writer_options to;
  *out = w;
  if (w == NULL) return PQ_ENOMEM;
  w->fd = -1;
  pq_cx_init(&w->cx, NULL, NULL);
  w->cx.cpu = pq_cpu_features();
  pq_arena_init(&w->arena, &w->cx, w->cx.limits.op_len_max);
  w->rc = read_options(w, options, &to);
  if (w->rc == PQ_OK && node_count == 0)
    w->rc = pq_fail(&w->cx, PQ_EINVALID, "a file without columns");
  if (w->rc == PQ_OK) w->rc = set_schema(w, nodes, node_count, to);
  return w->rc;
}

/* Make the file under a name that nobody has. */
static int create_temporary(pqdb_parquet_writer *w, const char *path) {
  size_t cap = strlen(path) + TEMPORARY_CAP;
  w->path = pq_arena_str(&w->arena, pq_str(path));
  w->temporary = pq_arena_alloc(&w->arena, cap);
  if (w->path == NULL || w->temporary == NULL) return w->cx.code;
  if (access(path, F_OK) == 0) return pq_fail_system(&w->cx, EEXIST, "create", path);
  for (int i = 0; i < TEMPORARY_TRIES; i++) {
    snprintf(w->temporary, cap, "%s.tmp.%ld.%d", path, (long)getpid(), i);
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (w->fd >= 0) return PQ_OK;
    if (errno != EEXIST && errno != EINTR) break;
  }
  w->temporary = NULL; /* not ours */
  return pq_fail_system(&w->cx, errno, "create", path);
}

int pqdb_parquet_create(const char *path, const pqdb_parquet_node *nodes, uint32_t node_count,
                        const pqdb_parquet_writer_options *options, pqdb_parquet_writer **out) {
  PQ_TRY(writer_new(nodes, node_count, options, out));
  (*out)->rc = create_temporary(*out, path);
  return (*out)->rc;
}

int pqdb_parquet_create_sink(const pqdb_parquet_sink *sink, const pqdb_parquet_node *nodes,
                             uint32_t node_count, const pqdb_parquet_writer_options *options,
                             pqdb_parquet_writer **out) {
  PQ_TRY(writer_new(nodes, node_count, options, out));
  (*out)->sink = *sink;
  if (sink->append == NULL)
    (*out)->rc = pq_fail(&(*out)->cx, PQ_EINVALID, "a sink needs a function to append");
  return (*out)->rc;
}

/* ---- writing ---- */

static int usable(pqdb_parquet_writer *w) {
  if (w->rc != PQ_OK) return w->rc;
  if (w->is_finished) return pq_fail(&w->cx, PQ_EINVALID, "the file is finished");
  return PQ_OK;
}

int pqdb_parquet_sorting_columns(pqdb_parquet_writer *w, const pqdb_parquet_sorting *columns,
                                 uint32_t count) {
  pq_sort_column *copy;
  PQ_TRY(usable(w));
  copy = pq_arena_calloc(&w->arena, count, sizeof *copy);
  if (copy == NULL) return w->cx.code;
  for (uint32_t i = 0; i < count; i++) {
    if (columns[i].leaf >= w->leaf_count)
      return pq_fail(&w->cx, PQ_EINVALID, "sorted by column %u, but there are %u",
                     (unsigned)columns[i].leaf, (unsigned)w->leaf_count);
    copy[i] = (pq_sort_column){columns[i].leaf, columns[i].is_descending, columns[i].nulls_first};
  }
  return pq_writer_sorting(w->writer, copy, count);
}

static int bad_column(pqdb_parquet_writer *w, const leaf_rule *leaf, const char *what) {
  return pq_fail(&w->cx, PQ_EINVALID, "column %.200s: %s", leaf->name, what);
}

static bool is_absent(const leaf_rule *leaf, const pqdb_parquet_column *c, uint32_t i) {
  return c->def != NULL ? c->def[i] < leaf->def_max : c->nulls != NULL && c->nulls[i] != 0;
}

static int check_shape(pqdb_parquet_writer *w, const leaf_rule *leaf, const pqdb_parquet_column *c,
                       uint32_t row_count) {
  bool is_flat = leaf->rep_max == 0 && leaf->def_max <= 1;
  if ((pq_phys)c->type != leaf->phys) return bad_column(w, leaf, "another type than the schema's");
  if (c->row_count != row_count) return bad_column(w, leaf, "another number of rows");
  if (is_flat && (c->def != NULL || c->rep != NULL))
    return bad_column(w, leaf, "levels for a flat column");
  if (!is_flat && c->def == NULL) return bad_column(w, leaf, "no definition levels");
  if (leaf->rep_max > 0 && c->rep == NULL && c->entry_count != row_count)
    return bad_column(w, leaf, "no repetition levels");
  if (c->values.any == NULL) return bad_column(w, leaf, "no values");
  for (uint32_t i = 0; is_flat && leaf->def_max == 0 && c->nulls != NULL && i < row_count; i++)
    if (c->nulls[i] != 0) return bad_column(w, leaf, "a null in a required column");
  return PQ_OK;
}

/* The values behind codes, in memory of their own. */
static int expand_codes(pqdb_parquet_writer *w, uint32_t leaf_idx, const pqdb_parquet_column *c,
                        uint32_t count) {
  static const size_t sizes[] = {
      1, 4, 8, sizeof(pq_slice), 4, 8, sizeof(pq_slice), sizeof(pq_slice)};
  const leaf_rule *leaf = &w->leaves[leaf_idx];
  size_t size = sizes[leaf->phys];
  uint8_t *to = calloc((size_t)count + 1, size);
  if (to == NULL) return pq_fail_nomem(&w->cx);
  w->owned[leaf_idx] = to;
  w->columns[leaf_idx].v.any = to;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t code = c->values.codes[i];
    if (is_absent(leaf, c, i)) continue;
    if (code >= c->dictionary_count) return bad_column(w, leaf, "a code beyond the dictionary");
    memcpy(to + i * size, (const uint8_t *)c->dictionary + code * size, size);
  }
  return PQ_OK;
}

static int check_values(pqdb_parquet_writer *w, const leaf_rule *leaf, const pqdb_parquet_column *c,
                        const pq_column *values) {
  uint32_t count = pq_column_entries(values);
  size_t len = leaf->phys == PQ_PHYS_INT96 ? 12 : leaf->type_len;
  for (uint32_t i = 0; i < count; i++) {
    if (is_absent(leaf, c, i)) continue;
    if (leaf->phys == PQ_PHYS_BOOL && values->v.b[i] > 1)
      return bad_column(w, leaf, "a boolean is 0 or 1");
    if (leaf->phys < PQ_PHYS_BYTES && leaf->phys != PQ_PHYS_INT96) continue;
    if (values->v.bytes[i].n > INT32_MAX) return bad_column(w, leaf, "a value of 2 GiB");
    if (leaf->phys != PQ_PHYS_BYTES && values->v.bytes[i].n != len)
      return bad_column(w, leaf, "a value of another length than the type's");
  }
  return PQ_OK;
}

static int convert_column(pqdb_parquet_writer *w, uint32_t i, const pqdb_parquet_column *c,
                          uint32_t row_count) {
  const leaf_rule *leaf = &w->leaves[i];
  pq_column *out = &w->columns[i];
  uint32_t count;
  PQ_TRY(check_shape(w, leaf, c, row_count));
  count = c->def != NULL ? c->entry_count : row_count;
  /* The engine only reads columns that it is given to write. */
  *out = (pq_column){.phys = leaf->phys,
                     .row_count = row_count,
                     .entry_count = c->def != NULL ? c->entry_count : 0,
                     .nulls = (uint8_t *)(uintptr_t)(c->def == NULL ? c->nulls : NULL),
                     .def = (uint8_t *)(uintptr_t)c->def,
                     .rep = (uint8_t *)(uintptr_t)c->rep,
                     .v.any = (void *)(uintptr_t)c->values.any};
  if (c->dictionary != NULL) PQ_TRY(expand_codes(w, i, c, count));
  return check_values(w, leaf, c, out);
}

static int convert_columns(pqdb_parquet_writer *w, const pqdb_parquet_column *columns) {
  for (uint32_t i = 0; i < w->leaf_count; i++)
    PQ_TRY(convert_column(w, i, &columns[i], columns[0].row_count));
  return PQ_OK;
}

int pqdb_parquet_write(pqdb_parquet_writer *w, const pqdb_parquet_column *columns,
                       uint32_t column_count) {
  int rc;
  PQ_TRY(usable(w));
  if (column_count != w->leaf_count)
    return pq_fail(&w->cx, PQ_EINVALID, "%u columns are given, the schema has %u",
                   (unsigned)column_count, (unsigned)w->leaf_count);
  if (columns[0].row_count == 0) return PQDB_OK;
  rc = convert_columns(w, columns);
  if (rc == PQ_OK) rc = pq_writer_add(w->writer, w->columns, w->leaf_count);
  for (uint32_t i = 0; i < w->leaf_count; i++) {
    free(w->owned[i]);
    w->owned[i] = NULL;
  }
  return rc == PQ_OK ? append_made(w) : rc;
}

int pqdb_parquet_put_key_value(pqdb_parquet_writer *w, pqdb_bytes key, pqdb_bytes value) {
  pq_key_value *kv;
  PQ_TRY(usable(w));
  if (w->key_value_count == w->key_value_cap) {
    uint32_t cap = w->key_value_cap == 0 ? 8 : w->key_value_cap * 2;
    kv = realloc(w->key_values, cap * sizeof *kv);
    if (kv == NULL) return pq_fail_nomem(&w->cx);
    w->key_values = kv;
    w->key_value_cap = cap;
  }
  kv = &w->key_values[w->key_value_count];
  PQ_TRY(pq_arena_copy(&w->arena, (pq_slice){key.p, key.n}, &kv->key));
  PQ_TRY(pq_arena_copy(&w->arena, (pq_slice){value.p, value.n}, &kv->value));
  w->key_value_count++;
  return PQDB_OK;
}

/* ---- finish ---- */

/* Sync the folder, so that the name survives a power cut. */
static int sync_folder(pqdb_parquet_writer *w) {
  const char *slash = strrchr(w->path, '/');
  char *folder = pq_arena_str(
      &w->arena, slash == NULL ? pq_str(".")
                 : slash == w->path
                     ? pq_str("/")
                     : (pq_slice){(const uint8_t *)w->path, (size_t)(slash - w->path)});
  int fd, rc;
  if (folder == NULL) return w->cx.code;
  fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return pq_fail_system(&w->cx, errno, "open the folder", w->path);
  rc = fsync(fd) == 0 ? PQ_OK : pq_fail_system(&w->cx, errno, "fsync the folder", w->path);
  close(fd);
  return rc;
}

/* Give the file its name. */
static int publish(pqdb_parquet_writer *w) {
  int fd = w->fd;
  if (fsync(fd) != 0) return pq_fail_system(&w->cx, errno, "fsync", w->path);
  w->fd = -1;
  if (close(fd) != 0) return pq_fail_system(&w->cx, errno, "close", w->path);
  if (link(w->temporary, w->path) != 0) {
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
      return pq_fail_system(&w->cx, errno, "link", w->path);
    /* No hard links here: a name that appears just now would be replaced. */
    if (access(w->path, F_OK) == 0) return pq_fail_system(&w->cx, EEXIST, "create", w->path);
    if (rename(w->temporary, w->path) != 0) return pq_fail_system(&w->cx, errno, "rename", w->path);
  } else {
    (void)unlink(w->temporary);
  }
  w->temporary = NULL;
  return sync_folder(w);
}

int pqdb_parquet_finish(pqdb_parquet_writer *w) {
  PQ_TRY(usable(w));
  w->rc = pq_writer_finish(w->writer, w->key_values, w->key_value_count);
  if (w->rc == PQ_OK) w->rc = append_made(w);
  if (w->rc == PQ_OK && w->sink.append == NULL) w->rc = publish(w);
  w->is_finished = w->rc == PQ_OK;
  return w->rc;
}

void pqdb_parquet_writer_close(pqdb_parquet_writer *w) {
  if (w == NULL) return;
  if (w->fd >= 0) close(w->fd);
  if (w->temporary != NULL) (void)unlink(w->temporary);
  pq_writer_free(w->writer);
  free(w->key_values);
  pq_arena_release(&w->arena);
  free(w);
}

const char *pqdb_parquet_writer_message(const pqdb_parquet_writer *w) {
  return w == NULL ? "out of memory" : w->cx.msg;
}
