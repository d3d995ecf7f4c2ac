/* test/fuzz/fuzz_event_index.c - a by-entity index and its event file, both hostile, asked for the
 * events of an id, for one version of it, and for the seq of an instant (table/event_probe.h).
 *
 *   input:  u32 length of the index | index file | event file
 *
 * What is found keeps the promises of the probe: the id asked for, seqs that rise and lie between
 * the bounds; the newest one is the last of all.
 */
#include "fuzz.h"

#include "table/event_probe.h"

#define ID "posts/p1"
enum { ROUNDS_MAX = 64 };

typedef struct world {
  pq_cx cx;
  pq_fetch fetch;
  pq_arena arena;
  pq_file_cache files;
  pq_manifest manifest;
  pq_file_info infos[2]; /* events, index */
  pq_slice bytes[2];     /* owned */
} world;

static void serve(world *w) {
  pq_io_req r;
  while (pq_fetch_take(&w->fetch, &r)) {
    pq_slice file = w->bytes[strcmp(r.key, "ns/x") == 0 ? 1 : 0];
    bool is_inside = r.kind == PQ_IO_READ && r.off <= file.n && r.len <= file.n - r.off;
    if (is_inside && r.len > 0) memcpy(r.buf, file.p + (size_t)r.off, r.len);
    pq_fetch_done(&w->fetch, r.id, is_inside ? PQ_OK : PQ_ECORRUPT, (pq_slice){0}, NULL);
  }
}

/* What the log would say of a file: the rows that its footer tells. */
static bool note_file(world *w, int i) {
  pq_file_info *info = &w->infos[i];
  pq_footer *footer;
  int rc, rounds = 0;
  *info = (pq_file_info){.kind = i == 1 ? PQ_FILE_EVENT_INDEX : PQ_FILE_EVENTS,
                         .name = i == 1 ? "x" : "e",
                         .len = w->bytes[i].n,
                         .seq_lo = 1,
                         .ts_hi = INT64_MAX,
                         .id_min = PQ_SLICE("a/a"),
                         .id_max = PQ_SLICE("z/z"),
                         .added = 1,
                         .removed = PQ_ENTRY_NONE};
  do {
    rc = pq_footer_fetch(&w->fetch, &w->arena, i == 1 ? "ns/x" : "ns/e", info->len, 0, &footer);
    if (rc == PQ_NEED_IO) serve(w);
  } while (rc == PQ_NEED_IO && ++rounds < ROUNDS_MAX);
  if (rc != PQ_OK || footer->row_count == 0 || footer->row_count > 1000) return false;
  info->row_count = footer->row_count;
  return true;
}

static uint32_t probe(world *w, const pq_event_probe *p, uint64_t *last) {
  pq_event *events = NULL;
  uint32_t count = 0;
  int rc, rounds = 0;
  *last = 0;
  do {
    rc = pq_event_probe_run(p, &w->fetch, &w->arena, &events, &count);
    if (rc == PQ_NEED_IO) serve(w);
    FUZZ_CHECK(++rounds < ROUNDS_MAX);
  } while (rc == PQ_NEED_IO);
  if (rc != PQ_OK) return 0;
  for (uint32_t i = 0; i < count; i++) {
    FUZZ_CHECK(pq_slice_eq(events[i].id, p->id));
    FUZZ_CHECK(events[i].seq >= p->seq_lo && events[i].seq <= p->seq_hi);
    FUZZ_CHECK(p->version == 0 || events[i].version == p->version);
    FUZZ_CHECK(i == 0 || events[i].seq >= events[i - 1].seq);
    *last = events[i].seq;
  }
  return count;
}

static void ask(world *w) {
  pq_event_probe p = {.manifest = &w->manifest,
                      .files = &w->files,
                      .id = PQ_SLICE(ID),
                      .seq_lo = 1,
                      .seq_hi = w->infos[0].seq_hi,
                      .needs_values = true,
                      .needs_before = true};
  uint64_t last, newest, seq;
  uint32_t all = probe(w, &p, &last);
  int rc, rounds = 0;
  p.version = 2;
  FUZZ_CHECK(all == 0 || probe(w, &p, &newest) <= all);
  p.version = 0;
  p.is_newest = true;
  FUZZ_CHECK(probe(w, &p, &newest) <= 1);
  do {
    rc = pq_event_seq_at(&w->manifest, &w->files, &w->fetch, &w->arena, 1000, 0, &seq);
    if (rc == PQ_NEED_IO) serve(w);
  } while (rc == PQ_NEED_IO && ++rounds < ROUNDS_MAX);
  FUZZ_CHECK(rc != PQ_NEED_IO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice in = {data, size}, head = fuzz_cut(&in, 4);
  world w = {.infos = {{0}}};
  if (head.n < 4) return 0;
  fuzz_cx_init(&w.cx);
  w.bytes[1] = fuzz_copy(fuzz_cut(&in, pq_rd32(head.p)));
  w.bytes[0] = fuzz_copy(in);
  pq_fetch_init(&w.fetch, &w.cx);
  pq_arena_init(&w.arena, &w.cx, w.cx.limits.op_len_max);
  pq_file_cache_init(&w.files, &w.cx, "ns");
  if (note_file(&w, 0) && note_file(&w, 1)) {
    w.infos[0].seq_hi = w.infos[1].seq_hi = w.infos[0].row_count;
    w.manifest = (pq_manifest){
        .cx = &w.cx, .entry = 1, .seq_hi = w.infos[0].seq_hi, .files = w.infos, .file_count = 2};
    ask(&w);
  }
  pq_file_cache_release(&w.files);
  pq_fetch_release(&w.fetch);
  pq_arena_release(&w.arena);
  free((void *)w.bytes[0].p);
  free((void *)w.bytes[1].p);
  return 0;
}
