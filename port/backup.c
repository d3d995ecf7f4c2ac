/* port/backup.c - copies a warehouse from one driver to another. include/parquedb/backup.h says
 * what is promised, cmd/backup_command.c what a copy is made of.
 *
 *   source: {"backup": 1, "asOf": …} ─► object ─► in the copy? ─no─► read, CRC, put
 *                                    ─► checkpoint ─► joined with the copy's ─► put
 *                                    ─► batches ─► TRIM to the entry, APPEND what is missing
 *
 * Until the checkpoint stands, the copy is the one of before. What the copy has of history that the
 * source dropped since stays in it (log/manifest_join.h). It has no log entries: the boundary
 * stands above the checkpoint. Its hot tier follows the checkpoint,
 * as after any flush: batches that the checkpoint covers are ignored and trimmed.
 */
#define _XOPEN_SOURCE 700 /* realpath */
#include "parquedb/backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/command.h"
#include "codec/codec.h"
#include "io/hot.h"
#include "log/boundary.h"
#include "log/event.h"
#include "log/manifest_join.h"
#include "port/cpu.h"
#include "port/drive_disk.h"
#include "port/shared_pool.h"
#include "port/zoneinfo.h"

enum {
  NAMES_LEN_MAX = 64 << 20,
  CKPT_LEN_MAX = 256 << 20,
  TRIES_MAX = 5,
  COMMAND_CAP = 512,
  SEED_LEN = 16,
  PATH_LEN_MAX = 4096,
  NUMBER_LEN = 20
};

/* A namespace on its way. */
typedef struct backup {
  pq_cx *cx;
  pq_driver *from, *to;
  pq_db db; /* reads `from` */
  const pqdb_backup_options *options;
  pqdb_backup_report *report;
  pq_arena arena; /* of the namespace: batches and names */
  const char *ns;
  const char *folder; /* whose names are listed */
  pq_slice names;
  pq_hot_batch *batches;
  uint32_t batch_count, batch_cap;
  uint64_t done_len, total_len; /* of the files of all namespaces so far */
  uint64_t before_len;          /* of those before this one */
} backup;

/* ---- requests ---- */

/* Run a request to its end: call(f, ud) asks for it and gives its result. */
typedef int (*ask_fn)(pq_fetch *f, void *ud);

static int run(pq_driver *d, pq_fetch *f, ask_fn ask, void *ud) {
  int rc;
  while ((rc = ask(f, ud)) == PQ_NEED_IO)
    pq_driver_run(d, f);
  return rc;
}

typedef struct request {
  const char *key;
  uint64_t len; /* of what is read; of a GET at most */
  uint64_t off; /* of a part, in its object */
  bool is_end;  /* the part is the last one */
  pq_slice was, body, reply;
} request;

static int ask_list(pq_fetch *f, void *ud) {
  request *r = ud;
  return pq_fetch_list(f, r->key, &r->reply);
}

static int ask_read(pq_fetch *f, void *ud) {
  request *r = ud;
  return pq_fetch_read(f, r->key, r->off, r->len, &r->reply);
}

static int ask_put(pq_fetch *f, void *ud) {
  request *r = ud;
  return pq_fetch_put_new(f, r->key, r->body);
}

static int ask_put_part(pq_fetch *f, void *ud) {
  const request *r = ud;
  return pq_fetch_put_part(f, r->key, r->off, r->body, r->is_end);
}

static int ask_get(pq_fetch *f, void *ud) {
  request *r = ud;
  return pq_fetch_get(f, r->key, (size_t)r->len, &r->reply);
}

static int ask_put_if(pq_fetch *f, void *ud) {
  request *r = ud;
  return pq_fetch_put_if(f, r->key, r->was, r->body);
}

static int ask_hot(pq_fetch *f, void *ud) {
  request *r = ud;
  return pq_fetch_hot(f, r->key, r->body, &r->reply);
}

/* The names in a folder, copied into the arena. */
static int list(backup *b, pq_driver *d, const char *folder, pq_slice *out) {
  request r = {.key = folder};
  pq_fetch f;
  int rc;
  *out = (pq_slice){0};
  pq_fetch_init(&f, b->cx);
  rc = run(d, &f, ask_list, &r);
  if (rc == PQ_OK && r.reply.n > 0) rc = pq_arena_copy(&b->arena, r.reply, out);
  pq_fetch_release(&f);
  return rc;
}

static bool next_name(pq_slice *names, pq_slice *out) {
  const uint8_t *end = names->n == 0 ? NULL : memchr(names->p, '\n', names->n);
  *out = (pq_slice){0};
  if (end == NULL) return false;
  *out = (pq_slice){names->p, (size_t)(end - names->p)};
  *names = (pq_slice){end + 1, names->n - out->n - 1};
  return true;
}

/* ---- objects ---- */

/* Is the object in the copy? Its folder is listed once as long as its objects follow each other. */
static int is_copied(backup *b, const char *key, bool *is_there) {
  const char *slash = strrchr(key, '/');
  size_t n = slash == NULL ? 0 : (size_t)(slash + 1 - key);
  pq_slice names, name;
  *is_there = false;
  if (b->folder == NULL || strlen(b->folder) != n || memcmp(b->folder, key, n) != 0) {
    char *folder = pq_arena_str(&b->arena, (pq_slice){(const uint8_t *)key, n});
    if (folder == NULL) return b->cx->code;
    PQ_TRY(list(b, b->to, folder, &b->names));
    b->folder = folder;
  }
  names = b->names;
  while (!*is_there && next_name(&names, &name))
    *is_there = pq_slice_is(name, key + n);
  return PQ_OK;
}

/* What became of a put. */
static int note_put(backup *b, const char *key, uint64_t len, int rc) {
  if (rc == PQ_ECONFLICT) return PQ_OK; /* meanwhile, by nobody else: the copy is locked */
  PQ_TRY(rc);
  b->report->objects++;
  b->report->bytes += len;
  if (b->options->copied != NULL) b->options->copied(b->options->ud, key, len);
  return PQ_OK;
}

static int put(backup *b, const char *key, pq_slice body) {
  request r = {.key = key, .body = body};
  pq_fetch f;
  int rc;
  pq_fetch_init(&f, b->cx);
  rc = run(b->to, &f, ask_put, &r);
  pq_fetch_release(&f);
  return note_put(b, key, body.n, rc);
}

/* The next part of an object, whose CRC so far is *crc. With the last one the copy appears, if the
 * CRC of the whole is `want` (NULL: it is not known). */
static int copy_part(backup *b, request *r, uint32_t *crc, const uint32_t *want) {
  pq_fetch from, to;
  int rc;
  pq_fetch_init(&from, b->cx);
  pq_fetch_init(&to, b->cx);
  rc = run(b->from, &from, ask_read, r);
  *crc = pq_crc32_more(*crc, r->reply);
  if (rc == PQ_OK && r->is_end && want != NULL && *crc != *want)
    rc = pq_fail(b->cx, PQ_ECORRUPT, "%s: CRC mismatch: it is not copied", r->key);
  r->body = r->reply;
  if (rc == PQ_OK) rc = run(b->to, &to, ask_put_part, r);
  pq_fetch_release(&to);
  pq_fetch_release(&from);
  return rc;
}

static void tell_progress(backup *b, uint64_t more) {
  b->done_len += more;
  if (b->options->progress != NULL) b->options->progress(b->options->ud, b->done_len, b->total_len);
}

static int copy_object(backup *b, pq_value item, const char *key) {
  request r = {.key = key};
  int64_t len = 0, crc = 0;
  bool has_crc = pq_value_i64(pq_object_get_str(item, "crc"), &crc), is_there;
  uint64_t part_len = b->cx->limits.part_len;
  uint32_t sum = 0, want = (uint32_t)crc;
  int rc;
  PQ_TRY(is_copied(b, key, &is_there));
  (void)pq_value_i64(pq_object_get_str(item, "length"), &len);
  b->report->kept += is_there;
  if (is_there) {
    tell_progress(b, (uint64_t)len);
    return PQ_OK;
  }
  do {
    r.len = (uint64_t)len - r.off < part_len ? (uint64_t)len - r.off : part_len;
    r.is_end = r.off + r.len == (uint64_t)len;
    rc = copy_part(b, &r, &sum, has_crc ? &want : NULL);
    r.off += r.len;
    if (rc == PQ_OK) tell_progress(b, r.len);
  } while (rc == PQ_OK && !r.is_end);
  return note_put(b, key, (uint64_t)len, rc);
}

static int keep_batch(backup *b, pq_value item) {
  int64_t lo = 0, hi = 0;
  pq_hot_batch *batch;
  pq_slice body = {0};
  if (b->batch_count == b->batch_cap) {
    uint32_t cap = b->batch_cap == 0 ? 64 : b->batch_cap * 2;
    pq_hot_batch *batches = pq_arena_array(&b->arena, cap, sizeof *batches);
    if (batches == NULL) return b->cx->code;
    if (b->batch_count > 0) memcpy(batches, b->batches, b->batch_count * sizeof *batches);
    b->batches = batches;
    b->batch_cap = cap;
  }
  (void)pq_value_i64(pq_object_get_str(item, "batch"), &lo);
  (void)pq_value_i64(pq_object_get_str(item, "last"), &hi);
  (void)pq_value_binary(pq_object_get_str(item, "body"), &body);
  batch = &b->batches[b->batch_count++];
  *batch = (pq_hot_batch){.seq_lo = (uint64_t)lo, .seq_hi = (uint64_t)hi};
  b->report->events += batch->seq_hi - batch->seq_lo + 1;
  return pq_arena_copy(&b->arena, body, &batch->body);
}

/* ---- the checkpoint of the copy ---- */

/* The newest checkpoint that the copy has; *key is NULL: none. */
static int newest_checkpoint(backup *b, const char **key) {
  char folder[COMMAND_CAP];
  pq_slice names, name, last = {0};
  *key = NULL;
  snprintf(folder, sizeof folder, "%s/ckpt/", b->ns);
  PQ_TRY(list(b, b->to, folder, &names));
  while (next_name(&names, &name)) /* numbers of one width: in the order of text */
    if (name.n == NUMBER_LEN && pq_slice_cmp(name, last) > 0) last = name;
  if (last.n == 0) return PQ_OK;
  *key = pq_arena_printf(&b->arena, "%s%.*s", folder, (int)last.n, (const char *)last.p);
  return *key == NULL ? b->cx->code : PQ_OK;
}

/* `body` and what the copy's checkpoint `old_key` has of history that is gone from the source. */
static int join_checkpoints(backup *b, const char *old_key, pq_slice old_body, const char *key,
                            pq_slice body) {
  pq_manifest older, newer;
  pq_buf text;
  int rc;
  pq_buf_init(&text, b->cx, CKPT_LEN_MAX);
  pq_manifest_init(&older, b->cx);
  pq_manifest_init(&newer, b->cx);
  rc = pq_manifest_parse(&older, old_key, old_body);
  if (rc == PQ_OK) rc = pq_manifest_parse(&newer, key, body);
  if (rc == PQ_OK) rc = pq_manifest_join(&older, &newer, old_key, &b->arena, &text);
  if (rc == PQ_OK && older.entry < newer.entry) rc = put(b, key, pq_buf_slice(&text));
  pq_manifest_release(&newer);
  pq_manifest_release(&older);
  pq_buf_release(&text);
  return rc;
}

static int put_checkpoint(backup *b, const char *key, pq_slice body) {
  request r = {.len = CKPT_LEN_MAX};
  pq_fetch f;
  int rc;
  PQ_TRY(newest_checkpoint(b, &r.key));
  if (r.key == NULL) return put(b, key, body);
  pq_fetch_init(&f, b->cx);
  rc = run(b->to, &f, ask_get, &r);
  if (rc == PQ_OK) rc = join_checkpoints(b, r.key, r.reply, key, body);
  pq_fetch_release(&f);
  return rc;
}

static int take_item(backup *b, pq_value item) {
  pq_slice name, body;
  char *key;
  if (!pq_value_string(pq_object_get_str(item, "object"), &name)) return keep_batch(b, item);
  key = pq_arena_str(&b->arena, name);
  if (key == NULL) return b->cx->code;
  if (!pq_value_binary(pq_object_get_str(item, "body"), &body)) return copy_object(b, item, key);
  return put_checkpoint(b, key, body);
}

/* ---- the boundary of the copy ---- */

static int put_boundary(backup *b, const char *key, pq_slice was, uint64_t entry) {
  request r = {.key = key, .was = was};
  pq_fetch f;
  pq_buf text;
  int rc;
  pq_buf_init(&text, b->cx, PQ_BOUNDARY_LEN_MAX);
  pq_fetch_init(&f, b->cx);
  rc = pq_boundary_print(entry, &text);
  r.body = pq_buf_slice(&text);
  if (rc == PQ_OK) rc = run(b->to, &f, ask_put_if, &r);
  pq_fetch_release(&f);
  pq_buf_release(&text);
  return rc;
}

/* No entry below `entry` is to be looked for. */
static int raise_boundary(backup *b, uint64_t entry) {
  char key[COMMAND_CAP];
  request r = {.key = key, .len = PQ_BOUNDARY_LEN_MAX};
  uint64_t is = 1;
  pq_fetch f;
  int rc;
  snprintf(key, sizeof key, "%s/boundary", b->ns);
  pq_fetch_init(&f, b->cx);
  rc = run(b->to, &f, ask_get, &r);
  if (rc == PQ_OK) rc = pq_boundary_parse(&b->arena, key, r.reply, &is);
  if (rc == PQ_ENOTFOUND) rc = PQ_OK;
  if (rc == PQ_OK && is < entry) rc = put_boundary(b, key, r.reply, entry);
  pq_fetch_release(&f);
  return rc;
}

/* ---- the hot tier of the copy ---- */

static int hot(backup *b, const pq_hot_request *q, pq_hot_state *state) {
  request r = {.key = b->ns};
  pq_buf body;
  pq_fetch f;
  int rc;
  pq_buf_init(&body, b->cx, SIZE_MAX / 2);
  pq_fetch_init(&f, b->cx);
  rc = pq_hot_put_request(&body, q);
  r.body = pq_buf_slice(&body);
  if (rc == PQ_OK) rc = run(b->to, &f, ask_hot, &r);
  if (rc == PQ_OK && (q->op == PQ_HOT_OPEN || q->op == PQ_HOT_READ)) {
    pq_slice kept;
    rc = pq_arena_copy(&b->arena, r.reply, &kept);
    if (rc == PQ_OK) rc = pq_hot_parse_state(&b->arena, kept, state);
  }
  pq_fetch_release(&f);
  pq_buf_release(&body);
  return rc;
}

static int fail_other(backup *b) {
  return pq_fail(b->cx, PQ_EINVALID,
                 "namespace '%s' of the copy holds changes that the warehouse does not have: it is "
                 "no older copy. Choose another folder",
                 b->ns);
}

static uint64_t summary_u64(pq_value summary, const char *name) {
  int64_t n = 0;
  (void)pq_value_i64(pq_object_get_str(summary, name), &n);
  return (uint64_t)n;
}

/* Of the batches those that the copy lacks; what it has behind the entry must be the same. */
static int missing_batches(backup *b, const pq_hot_state *have, uint64_t flushed,
                           pq_hot_request *append) {
  uint32_t from = 0;
  for (uint32_t i = 0; i < have->batch_count; i++) {
    const pq_hot_batch *h = &have->batches[i];
    if (h->seq_hi <= flushed) continue;
    if (from == b->batch_count || b->batches[from].seq_lo != h->seq_lo ||
        !pq_slice_eq(b->batches[from].body, h->body))
      return fail_other(b);
    from++;
  }
  append->batches = b->batches + from;
  append->batch_count = b->batch_count - from;
  return PQ_OK;
}

static int fill_hot(backup *b, pq_value summary) {
  uint64_t flushed = summary_u64(summary, "flushedSeq"), last = flushed;
  pq_hot_request open = {.op = PQ_HOT_OPEN, .epoch = summary_u64(summary, "epoch") + 1};
  pq_hot_request read = {.op = PQ_HOT_READ}, trim = {.op = PQ_HOT_TRIM, .seq_hi = flushed};
  pq_hot_request append = {.op = PQ_HOT_APPEND};
  pq_hot_state state = {0}, have = {0};
  PQ_TRY(hot(b, &read, &have));
  if (have.batch_count > 0) last = have.batches[have.batch_count - 1].seq_hi;
  if (have.seq_hi > flushed) return fail_other(b);
  PQ_TRY(missing_batches(b, &have, flushed, &append));
  if (b->batch_count == 0 && last > flushed) return fail_other(b);
  PQ_TRY(hot(b, &open, &state));
  (void)pq_value_i64(pq_object_get_str(summary, "flushedTs"), &trim.ts_hi);
  trim.epoch = append.epoch = state.epoch;
  if (flushed > have.seq_hi) PQ_TRY(hot(b, &trim, &state));
  return append.batch_count > 0 ? hot(b, &append, &state) : PQ_OK;
}

static int finish_copy(backup *b, pq_value summary) {
  uint64_t entry = summary_u64(summary, "entry");
  if (entry > 0) PQ_TRY(raise_boundary(b, entry + 1));
  b->report->flushed_seq = summary_u64(summary, "flushedSeq");
  return fill_hot(b, summary);
}

/* ---- namespaces ---- */

/* A copy is never written to: then its log would have entries. */
static int check_target(backup *b) {
  char folder[COMMAND_CAP];
  pq_slice names;
  snprintf(folder, sizeof folder, "%s/log/", b->ns);
  PQ_TRY(list(b, b->to, folder, &names));
  return names.n > 0 ? fail_other(b) : PQ_OK;
}

static int run_command(backup *b, pq_command *c) {
  pq_value item;
  uint64_t named, total;
  int rc;
  b->done_len = b->before_len;
  do {
    while ((rc = pq_command_step(c, pq_driver_now_us(b->from))) == PQ_NEED_IO)
      pq_driver_run(b->from, pq_command_fetch(c));
    pq_command_progress(c, &named, &total);
    b->total_len = b->before_len + total;
    while (rc >= 0 && pq_command_next(c, &item))
      PQ_TRY(take_item(b, item));
  } while (rc >= 0 && !pq_command_is_done(c));
  return rc < 0 ? rc : finish_copy(b, pq_command_summary(c));
}

static int copy_once(backup *b) {
  const char *as_of = b->options->as_of;
  pq_command *c = NULL;
  pq_buf text;
  int rc;
  pq_buf_init(&text, b->cx, 1 << 16);
  rc = pq_buf_put_str(&text, "{\"backup\":1");
  if (rc == PQ_OK && as_of != NULL) rc = pq_buf_put_str(&text, ",\"asOf\":");
  if (rc == PQ_OK && as_of != NULL) rc = pq_buf_put_json_str(&text, pq_str(as_of));
  if (rc == PQ_OK) rc = pq_buf_put_byte(&text, '}');
  if (rc == PQ_OK)
    rc = pq_command_open(&b->db, pq_str(b->ns), pq_buf_slice(&text), (pq_slice){0},
                         pq_driver_now_us(b->from), &c);
  if (rc == PQ_OK) rc = run_command(b, c);
  pq_command_close(c);
  pq_buf_release(&text);
  return rc;
}

/* A file that is gone was collected meanwhile: once more, from a newer entry. */
static int copy_space(backup *b) {
  int rc = check_target(b);
  for (int i = 0; rc == PQ_OK && i < TRIES_MAX; i++) {
    b->batch_count = 0;
    b->report->events = 0;
    rc = copy_once(b);
    if (rc != PQ_ENOTFOUND) break;
    rc = i + 1 < TRIES_MAX ? PQ_OK : PQ_ENOTFOUND;
  }
  b->report->namespaces += rc == PQ_OK;
  b->before_len = b->done_len;
  b->batches = NULL;
  b->batch_count = b->batch_cap = 0;
  b->folder = NULL;
  pq_arena_clear(&b->arena);
  return rc;
}

/* Events are numbered by namespace: one of them says nothing about the others. Told before any is
 * copied. */
static int check_moment(backup *b, pq_slice names) {
  pq_slice as_of = pq_str(b->options->as_of == NULL ? "" : b->options->as_of), name;
  bool is_event = as_of.n > 4 && memcmp(as_of.p, "seq:", 4) == 0;
  uint32_t count = 0;
  uint64_t seq;
  if (!is_event && !pq_event_seq_of_ulid(as_of, &seq)) return PQ_OK;
  while (next_name(&names, &name))
    count += name.p[name.n - 1] == '/';
  if (count < 2) return PQ_OK;
  return pq_fail(b->cx, PQ_EINVALID,
                 "an event is of one namespace, and here are %u: choose one (--namespace), or "
                 "give an instant",
                 (unsigned)count);
}

static int copy_all(backup *b) {
  pq_arena arena;
  pq_slice names, name;
  int rc;
  if (b->options->ns != NULL) {
    b->ns = b->options->ns;
    return copy_space(b);
  }
  PQ_TRY(list(b, b->from, "", &names));
  pq_arena_init(&arena, b->cx, NAMES_LEN_MAX);
  rc = names.n == 0 ? PQ_OK : pq_arena_copy(&arena, names, &names);
  pq_arena_clear(&b->arena);
  if (rc == PQ_OK) rc = check_moment(b, names);
  while (rc == PQ_OK && next_name(&names, &name)) {
    if (name.p[name.n - 1] != '/') continue;
    b->ns = pq_arena_str(&arena, (pq_slice){name.p, name.n - 1});
    rc = b->ns == NULL ? b->cx->code : copy_space(b);
  }
  if (rc == PQ_OK && b->report->namespaces == 0) { /* nothing was flushed yet */
    b->ns = "default";
    rc = copy_space(b);
  }
  pq_arena_release(&arena);
  return rc;
}

/* An instant becomes the present of a new warehouse only. */
static int check_empty(backup *b) {
  pq_slice names;
  if (b->options->as_of == NULL) return PQ_OK;
  PQ_TRY(list(b, b->to, "", &names));
  return names.n == 0 ? PQ_OK
                      : pq_fail(b->cx, PQ_EINVALID,
                                "a copy as of an instant needs an empty folder, and this one holds "
                                "a warehouse");
}

/* The real path of a folder, or of the nearest one above it that there is; the caller's to free.
 * NULL: there is none. */
static char *real_folder(const char *dir) {
  char path[PATH_LEN_MAX];
  size_t n = strlen(dir);
  char *real = NULL;
  if (n == 0 || n >= sizeof path) return NULL;
  memcpy(path, dir, n + 1);
  while ((real = realpath(path, NULL)) == NULL && n > 0) {
    while (n > 0 && path[n - 1] == '/')
      n--;
    while (n > 0 && path[n - 1] != '/')
      n--;
    path[n] = '\0';
  }
  return real != NULL || dir[0] == '/' ? real : realpath(".", NULL);
}

/* A copy inside of the warehouse would be a namespace of it, and copy itself the next time. */
static int check_place(backup *b, const char *from, const char *to) {
  char *warehouse = real_folder(from), *copy = real_folder(to);
  size_t n = warehouse == NULL ? 0 : strlen(warehouse);
  bool is_inside = copy != NULL && n > 0 && strncmp(copy, warehouse, n) == 0 &&
                   (copy[n] == '\0' || copy[n] == '/');
  free(copy);
  free(warehouse);
  if (!is_inside) return PQ_OK;
  return pq_fail(b->cx, PQ_EINVALID,
                 "'%s' is the warehouse that is to be copied, or inside of it: choose a folder "
                 "elsewhere",
                 to);
}

static int copy(backup *b, const char *from, const char *to) {
  uint8_t seed[SEED_LEN];
  int rc;
  PQ_TRY(pq_disk_open(b->cx, from, PQ_OPEN_READ, &b->from));
  PQ_TRY(check_place(b, from, to));
  PQ_TRY(pq_disk_open(b->cx, to, PQ_OPEN_CREATE, &b->to));
  pq_driver_random(b->from, seed, sizeof seed);
  rc = pq_db_init(&b->db, b->cx, false, 0, seed);
  if (rc == PQ_OK) rc = check_empty(b);
  if (rc == PQ_OK) rc = copy_all(b);
  pq_db_release(&b->db);
  return rc;
}

int pqdb_backup(const char *from, const char *to, const pqdb_backup_options *options,
                pqdb_backup_report *report) {
  static const pqdb_backup_options none = {.size = sizeof none};
  pq_shared_pool pool;
  pq_cx cx;
  backup b = {.cx = &cx, .options = options == NULL ? &none : options, .report = report};
  int rc;
  *report = (pqdb_backup_report){0};
  if (!pq_shared_pool_init(&pool, 0)) return PQDB_OUT_OF_MEMORY;
  pq_cx_init(&cx, pq_shared_pool_alloc, &pool);
  cx.cpu = pq_cpu_features();
  pq_zone_set(&cx);
  pq_arena_init(&b.arena, &cx, cx.limits.op_len_max);
  if (b.options->size != sizeof none)
    rc = pq_fail(&cx, PQ_EINVALID, "pqdb_backup_options.size is %zu, expected %zu", b.options->size,
                 sizeof none);
  else
    rc = copy(&b, from, to);
  if (rc != PQ_OK) snprintf(report->message, sizeof report->message, "%s", cx.msg);
  pq_arena_release(&b.arena);
  pq_driver_close(b.to);
  pq_driver_close(b.from);
  pq_shared_pool_release(&pool);
  return rc;
}
