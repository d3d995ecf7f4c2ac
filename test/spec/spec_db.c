/* test/spec/spec_db.c - see spec_db.h. */
#include "spec_db.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value/json.h"

/* ---- small things ---- */

void spec_die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  exit(2);
}

char *spec_format(const char *format, ...) {
  va_list args, again;
  int n;
  char *p;
  va_start(args, format);
  va_copy(again, args);
  n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  p = malloc((size_t)n + 1);
  if (p == NULL) spec_die("out of memory");
  vsnprintf(p, (size_t)n + 1, format, again);
  va_end(again);
  return p;
}

pq_cx *spec_cx(void) {
  static pq_cx cx;
  if (cx.alloc == NULL) pq_cx_init(&cx, NULL, NULL);
  return &cx;
}

pq_value spec_json(pq_arena *arena, pq_slice text) {
  pq_builder *b;
  pq_value v;
  if (pq_builder_new(spec_cx(), &b) != PQ_OK) spec_die("out of memory");
  if (pq_json_value(b, text, arena, &v) != PQ_OK)
    spec_die("%s: in %.*s", spec_cx()->msg, (int)text.n, (const char *)text.p);
  pq_builder_free(b);
  return v;
}

char *spec_print(pq_value v) {
  pq_buf b;
  char *p;
  pq_buf_init(&b, spec_cx(), SIZE_MAX / 2);
  if (pq_json_print(&b, v, PQ_JSON_CANONICAL) != PQ_OK) spec_die("%s", spec_cx()->msg);
  p = spec_format("%.*s", (int)b.len, (const char *)b.p);
  pq_buf_release(&b);
  return p;
}

/* The counting allocator: the fail_at-th call gets nothing, and perhaps none after it. */
static void *count_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
  spec_memory *m = ud;
  void *p;
  if (new_size == 0) {
    m->live_len -= (int64_t)old_size;
    free(ptr);
    return NULL;
  }
  m->calls++;
  if (m->fail_at > 0 && (m->is_once ? m->calls == m->fail_at : m->calls >= m->fail_at)) {
    m->failed++;
    return NULL;
  }
  if (m->max > 0 && new_size > old_size && (uint64_t)m->live_len + (new_size - old_size) > m->max) {
    m->was_refused = true;
    return NULL;
  }
  p = realloc(ptr, new_size);
  if (p == NULL) spec_die("out of memory");
  m->live_len += (int64_t)new_size - (int64_t)old_size;
  return p;
}

uint64_t spec_memory_max = 64 << 20;
uint32_t spec_bulk;
uint32_t spec_stride;

static uint64_t used_memory(void *ud) {
  const spec_memory *m = ud;
  return (uint64_t)m->live_len;
}

static bool was_refused(void *ud) {
  spec_memory *m = ud;
  bool is = m->was_refused;
  m->was_refused = false;
  return is;
}

/* ---- opening and closing ---- */

static int open_driver(spec_db *s, bool is_writer, pq_cx *cx, pq_driver **out) {
  pq_open_mode mode = is_writer ? PQ_OPEN_CREATE : PQ_OPEN_READ;
  pq_driver *inner;
  int rc;
  if (s->kind == SPEC_DISK) return spec_disk_open(cx, s->dir, mode, out);
  rc = pq_memory_open(s->store, mode, &inner);
  if (rc != PQ_OK || s->kind == SPEC_MEMORY) {
    *out = inner;
    return rc;
  }
  rc = pq_shuffle_open(cx, inner, s->seed * 1000 + s->opened, out);
  if (rc != PQ_OK) pq_driver_close(inner);
  return rc;
}

/* A pq_pace.ask: others want their turn, always. */
static int is_over(void *ud) {
  (void)ud;
  return 1;
}

static int open_db(spec_db *s, bool is_writer, pq_cx *cx, pq_driver **driver, pq_db *db) {
  uint8_t seed[16];
  int rc;
  s->opened++;
  pq_wr64(seed, s->seed * 77 + s->opened);
  pq_wr64(seed + 8, s->opened * 0x9e3779b97f4a7c15u);
  pq_cx_init(cx, count_alloc, &s->memory);
  s->memory.max = spec_memory_max;
  s->meter = (pq_meter){spec_memory_max, spec_memory_max, used_memory, was_refused};
  if (spec_memory_max > 0) cx->meter = &s->meter;
  if (spec_memory_max > 0) pq_limits_fit(&cx->limits, spec_memory_max);
  if (spec_stride > 0) cx->pace = (pq_pace){.stride = spec_stride, .ask = is_over};
  if (spec_stride > 0) cx->limits.scan_rows_short = 1;
  if (spec_stride > 0) cx->limits.scan_rows_step = 0;
  if (s->tail_len_max > 0) cx->limits.tail_len_max = s->tail_len_max;
  rc = open_driver(s, is_writer, cx, driver);
  if (rc != PQ_OK) {
    *driver = NULL;
    return rc;
  }
  rc = pq_db_init(db, cx, is_writer, 2, seed);
  if (s->has_low_thresholds)
    db->thresholds = (pq_thresholds){
        .flush_events = 3, .files = 2, .dead_percent = 20, .segment_edges = 1 + (s->seed & 1)};
  if (spec_bulk > 0) db->thresholds.bulk = spec_bulk;
  if (rc == PQ_OK) return rc;
  pq_db_release(db);
  pq_driver_close(*driver);
  *driver = NULL;
  return rc;
}

static void close_db(pq_driver **driver, pq_db *db) {
  if (*driver == NULL) return;
  pq_db_release(db);
  pq_driver_close(*driver);
  *driver = NULL;
}

int spec_open(spec_db *s) {
  return open_db(s, true, &s->cx, &s->driver, &s->db);
}

int spec_open_reader(spec_db *s) {
  return open_db(s, false, &s->reader_cx, &s->reader_driver, &s->reader);
}

void spec_close(spec_db *s) {
  close_db(&s->driver, &s->db);
  close_db(&s->reader_driver, &s->reader);
}

int spec_reopen(spec_db *s) {
  bool has_reader = s->reader_driver != NULL;
  spec_close(s);
  PQ_TRY(spec_open(s));
  return has_reader ? spec_open_reader(s) : PQ_OK;
}

static void start(spec_db *s, spec_store kind, uint64_t seed, bool has_low_thresholds) {
  if (kind == SPEC_DISK && !spec_has_disk()) kind = SPEC_SHUFFLE;
  *s = (spec_db){.kind = kind,
                 .seed = seed,
                 .now_us = SPEC_EPOCH_US,
                 .ns = "default",
                 .has_low_thresholds = has_low_thresholds};
  if (s->kind == SPEC_DISK) {
    spec_disk_make(s->dir);
  } else {
    s->store = pq_memory_store_new();
    if (s->store == NULL) spec_die("out of memory");
  }
  if (spec_open(s) != PQ_OK) spec_die("cannot open the warehouse: %s", s->cx.msg);
}

void spec_start(spec_db *s, spec_store kind, uint64_t seed) {
  start(s, kind, seed, false);
}

void spec_start_low(spec_db *s, spec_store kind, uint64_t seed) {
  start(s, kind, seed, true);
}

int64_t spec_end(spec_db *s) {
  spec_close(s);
  pq_memory_store_free(s->store);
  pq_memory_store_free(s->kept);
  if (s->kind == SPEC_DISK) spec_disk_remove(s->dir);
  return s->memory.live_len;
}

void spec_keep(spec_db *s) {
  if (s->kind == SPEC_DISK) spec_die("a disk is not kept");
  spec_close(s);
  pq_memory_store_free(s->kept);
  s->kept = pq_memory_store_copy(s->store);
  s->kept_us = s->now_us;
  if (s->kept == NULL || spec_open(s) != PQ_OK) spec_die("out of memory");
}

int64_t spec_go_back(spec_db *s) {
  int64_t leaked;
  spec_close(s);
  leaked = s->memory.live_len;
  s->memory.live_len = 0;
  pq_memory_store_free(s->store);
  s->store = pq_memory_store_copy(s->kept);
  s->now_us = s->kept_us;
  if (s->store == NULL || spec_open(s) != PQ_OK) spec_die("out of memory");
  return leaked;
}

/* ---- running ---- */

/* Is the request one that changes the store? */
static bool is_write(const pq_io_req *r) {
  return r->kind == PQ_IO_PUT_NEW || r->kind == PQ_IO_PUT_IF || r->kind == PQ_IO_DELETE ||
         r->kind == PQ_IO_PUT_PART || r->kind == PQ_IO_PUT_END ||
         (r->kind == PQ_IO_HOT && r->len > 0 && r->buf[0] != PQ_HOT_READ);
}

/* Count the request. Is it to fail? */
static bool is_its_turn(spec_faults *t, const pq_io_req *r) {
  if (t->only_writes && !is_write(r)) return false;
  if (t->only_hot && r->kind != PQ_IO_HOT) return false;
  t->requests++;
  return t->requests == t->fail_at || (t->is_from && t->requests > t->fail_at);
}

/* Run the requests of a step, one of them failing if its turn has come. */
static void run_requests(spec_db *s, pq_driver *driver, pq_fetch *f) {
  spec_faults *t = &s->faults;
  uint64_t waiting = f->unfinished;
  pq_io_req r;
  if (t->fail_at == 0) {
    t->requests += waiting;
    pq_driver_run(driver, f);
    t->requests -= f->unfinished;
    return;
  }
  while (pq_fetch_take(f, &r)) {
    if (!is_its_turn(t, &r)) {
      driver->vt->serve(driver, f, &r);
      continue;
    }
    t->failed++;
    if (t->does_it_anyway) { /* done, but nobody hears of it */
      pq_fetch shadow;
      pq_slice reply;
      pq_fetch_init(&shadow, spec_cx());
      if (r.kind == PQ_IO_HOT)
        (void)!pq_fetch_hot(&shadow, r.key, (pq_slice){r.buf, r.len}, &reply);
      if (r.kind == PQ_IO_PUT_NEW)
        (void)!pq_fetch_put_new(&shadow, r.key, (pq_slice){r.buf, r.len});
      if (r.kind == PQ_IO_PUT_IF)
        (void)!pq_fetch_put_if(&shadow, r.key, (pq_slice){r.buf, (size_t)r.off},
                               (pq_slice){r.buf + (size_t)r.off, r.len - (size_t)r.off});
      if (r.kind == PQ_IO_DELETE) (void)!pq_fetch_delete(&shadow, r.key);
      if (r.kind == PQ_IO_PUT_PART || r.kind == PQ_IO_PUT_END)
        (void)!pq_fetch_put_part(&shadow, r.key, r.off, (pq_slice){r.buf, r.len},
                                 r.kind == PQ_IO_PUT_END);
      while (shadow.unfinished > 0)
        pq_driver_run(driver, &shadow);
      pq_fetch_release(&shadow);
    }
    pq_fetch_done(f, r.id, PQ_EIO, (pq_slice){0}, "injected failure");
  }
}

static pq_value keep(spec_reply *r, pq_value v) {
  pq_slice meta, bytes;
  if (pq_value_is_missing(v)) return v;
  if (pq_arena_copy(&r->arena, pq_value_meta(v), &meta) != PQ_OK ||
      pq_arena_copy(&r->arena, pq_value_bytes(v), &bytes) != PQ_OK)
    spec_die("out of memory");
  v.meta = meta.p;
  v.p = bytes.p;
  return v;
}

static void take_items(spec_reply *r, pq_command *c) {
  pq_value v;
  while (pq_command_next(c, &v)) {
    if (r->count == r->cap) {
      r->cap = r->cap == 0 ? 64 : r->cap * 2;
      r->items = realloc(r->items, r->cap * sizeof *r->items);
      if (r->items == NULL) spec_die("out of memory");
    }
    r->items[r->count++] = keep(r, v);
  }
}

static void run(spec_db *s, pq_driver *driver, pq_db *db, pq_slice command, pq_slice payload,
                spec_reply *out) {
  pq_command *c;
  pq_pace *pace = &db->cx->pace;
  bool is_long = false;
  *out = (spec_reply){0};
  pq_arena_init(&out->arena, spec_cx(), SIZE_MAX / 2);
  db->cx->msg[0] = '\0';
  out->rc = pq_command_open(db, pq_str(s->ns), command, payload, s->now_us, &c);
  while (out->rc == PQ_OK && !pq_command_is_done(c)) {
    pace->is_short = pace->ask != NULL && !is_long;
    out->rc = pq_command_step(c, s->now_us);
    is_long |= pace->is_over;
    if (out->rc == PQ_NEED_IO) {
      run_requests(s, driver, pq_command_fetch(c));
      out->rc = PQ_OK;
    } else if (out->rc == PQ_OK) {
      take_items(out, c);
    }
  }
  pace->is_short = false;
  if (out->rc == PQ_OK) {
    out->summary = keep(out, pq_command_summary(c));
    pq_command_cost(c, &out->requests, &out->bytes, &out->rounds);
  } else {
    memcpy(out->message, db->cx->msg, sizeof out->message);
  }
  while (pq_command_abandon(c) == PQ_NEED_IO)
    pq_driver_run(driver, pq_command_fetch(c));
  pq_command_close(c);
}

void spec_run(spec_db *s, pq_slice command, pq_slice payload, spec_reply *out) {
  run(s, s->driver, &s->db, command, payload, out);
}

void spec_run_reader(spec_db *s, pq_slice command, pq_slice payload, spec_reply *out) {
  run(s, s->reader_driver, &s->reader, command, payload, out);
}

void spec_reply_release(spec_reply *r) {
  free(r->items);
  pq_arena_release(&r->arena);
  *r = (spec_reply){0};
}

char *spec_reply_text(const spec_reply *r) {
  char *text = spec_format("%s", ""), *next, *part;
  if (r->rc < 0) {
    free(text);
    return spec_format("! %s %s\n", pq_status_name(r->rc), r->message);
  }
  for (uint32_t i = 0; i <= r->count; i++) {
    part = spec_print(i < r->count ? r->items[i] : r->summary);
    next = spec_format("%s%s %s\n", text, i < r->count ? "<" : "=", part);
    free(text);
    free(part);
    text = next;
  }
  return text;
}

char *spec_text(spec_db *s, const char *command) {
  spec_reply r;
  char *text;
  spec_run(s, pq_str(command), (pq_slice){0}, &r);
  if (r.rc != PQ_OK) spec_die("%s: %s: %s", command, pq_status_name(r.rc), r.message);
  text = spec_reply_text(&r);
  spec_reply_release(&r);
  return text;
}
