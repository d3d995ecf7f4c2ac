/* table/locate.c - from ids to rows. See view.h.
 *
 *   ids ─► files by [id_min, id_max] ─► row groups by statistics ─► pages of $id by page index
 *       ─► all of them decoded already (page_cache.h)? ── no ─► bloom ─► one fetch round
 *       ─► binary search in the decoded pages
 *
 * Straight-line: a first pass gathers what must be read and asks for all of it; only when
 * everything is resident does the second pass decode. Many ids at once are no point read: their
 * pages are read, walked and forgotten.
 */
#include <string.h>

#include "base/slices.h"
#include "table/event_probe.h"
#include "table/file_bloom.h"
#include "table/tail.h"

enum {
  POINT_IDS_MAX = PQ_BLOOM_IDS_MAX, /* more ids than that: no bloom filters, no cached pages */
  SIFT_IDS_MAX = 4096,              /* so many may be kept apart for each file */
  ID_LEAF = 0                       /* $id is the first column of an entity file */
};

typedef struct locate_task {
  const pq_file_info *info;
  pq_cached_file *file;
  uint32_t row_group;
  const pq_slice *ids;    /* those that may be in the file, sorted */
  const uint32_t *places; /* in the locator's ids; NULL: the same */
  uint32_t id_lo, id_hi;  /* of them, those that may be in the row group */
  pq_chunk_pages *chunk;
  uint32_t *pages;      /* those that may hold ids */
  pq_row_range *ranges; /* theirs, or all rows when there is no page index */
  uint32_t range_count;
  bool is_whole; /* no page index */
  struct locate_task *next;
} locate_task;

typedef struct locator {
  const pq_view *v;
  pq_fetch *f;
  pq_arena *scratch;
  const pq_slice *ids;
  uint32_t id_count;
  locate_task *tasks;
  bool is_missing;
  pq_point_file *told; /* a plan's: of the file that is looked at; NULL: nobody asks */
} locator;

uint64_t pq_location_row(const pq_location *l) {
  return l->file->file.footer->row_groups[l->row_group].first_row + l->row;
}

/* Note PQ_NEED_IO and go on; pass failures up. */
static int note(locator *l, int rc) {
  if (rc != PQ_NEED_IO) return rc;
  l->is_missing = true;
  return PQ_OK;
}

/* May any of ids [lo, hi) be in the row group, by its bloom filter? */
static int ask_bloom(locator *l, const locate_task *t, bool *may) {
  *may = false;
  if (t->id_hi - t->id_lo > POINT_IDS_MAX) {
    *may = true;
    return PQ_OK;
  }
  for (uint32_t i = t->id_lo; i < t->id_hi && !*may; i++)
    PQ_TRY(pq_file_cache_bloom(l->v->files, l->f, &t->file->file, t->row_group, ID_LEAF,
                               pq_hash(t->ids[i], 0), may));
  return PQ_OK;
}

/* The pages that may hold ids of the task, and their rows. */
static int choose_pages(locator *l, locate_task *t) {
  uint32_t row_count = (uint32_t)t->file->file.footer->row_groups[t->row_group].row_count;
  const pq_page_index *index = &t->chunk->index;
  uint32_t n = index->page_count == 0 ? 1 : index->page_count;
  t->is_whole = index->page_count == 0;
  t->ranges = pq_arena_calloc(l->scratch, n, sizeof *t->ranges);
  t->pages = pq_arena_calloc(l->scratch, n, sizeof *t->pages);
  if (t->ranges == NULL || t->pages == NULL) return l->v->cx->code;
  if (t->is_whole) t->ranges[t->range_count++] = (pq_row_range){0, row_count};
  for (uint32_t p = 0; p < index->page_count; p++) {
    const pq_page_info *page = &index->pages[p];
    uint32_t lo = t->id_lo;
    if (page->is_null_page) continue;
    if (page->has_bounds) lo = pq_slices_lower(t->ids, t->id_lo, t->id_hi, page->min);
    if (lo == t->id_hi || (page->has_bounds && pq_slice_cmp(t->ids[lo], page->max) > 0)) continue;
    t->pages[t->range_count] = p;
    t->ranges[t->range_count++] =
        (pq_row_range){page->first_row, page->first_row + page->row_count};
  }
  return PQ_OK;
}

static bool is_point(const locate_task *t) {
  return t->id_hi - t->id_lo <= POINT_IDS_MAX && !t->is_whole;
}

static bool is_decoded(const locate_task *t) {
  for (uint32_t i = 0; i < t->range_count; i++)
    if (t->chunk->cached[t->pages[i]] == NULL) return false;
  return true;
}

static pq_page_ref page_ref(const locate_task *t, uint32_t i) {
  return (pq_page_ref){.file = &t->file->file,
                       .row_group = t->row_group,
                       .leaf = ID_LEAF,
                       .page = t->pages[i],
                       .pages = t->chunk};
}

static int want_pages(locator *l, const locate_task *t) {
  bool is_missing = false;
  if (!is_point(t))
    return pq_chunk_want(l->f, &t->file->file, t->row_group, ID_LEAF, &t->chunk->index, t->ranges,
                         t->range_count);
  for (uint32_t i = 0; i < t->range_count; i++) {
    pq_page_ref ref = page_ref(t, i);
    int rc = pq_page_cache_want(&ref, l->f);
    if (rc < 0) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

static int add_task(locator *l, const locate_task *proto) {
  locate_task *t = pq_arena_alloc(l->scratch, sizeof *t);
  if (t == NULL) return l->v->cx->code;
  *t = *proto;
  t->next = l->tasks;
  l->tasks = t;
  return note(l, want_pages(l, t));
}

/* A level excluded the row group. */
static int exclude(const locator *l, pq_file_level level) {
  if (l->told == NULL) return PQ_OK;
  l->told->by_statistics += level == PQ_LEVEL_STATISTICS;
  l->told->by_bloom += level == PQ_LEVEL_BLOOM;
  l->told->by_index += level == PQ_LEVEL_INDEX;
  if (l->told->level != PQ_LEVEL_READ && level > l->told->level) l->told->level = level;
  return PQ_OK;
}

static int plan_row_group(locator *l, locate_task proto) {
  const pq_footer *footer = proto.file->file.footer;
  const pq_stats *s = &footer->row_groups[proto.row_group].chunks[ID_LEAF].stats;
  bool may = false;
  int rc;
  if (s->has_min) proto.id_lo = pq_slices_lower(proto.ids, proto.id_lo, proto.id_hi, s->min);
  if (s->has_max) proto.id_hi = pq_slices_upper(proto.ids, proto.id_lo, proto.id_hi, s->max);
  if (proto.id_lo >= proto.id_hi) return exclude(l, PQ_LEVEL_STATISTICS);
  proto.chunk = &proto.file->chunks[(size_t)proto.row_group * footer->leaf_count + ID_LEAF];
  if (proto.chunk->cached != NULL) {
    PQ_TRY(choose_pages(l, &proto));
    if (proto.range_count == 0) return exclude(l, PQ_LEVEL_INDEX);
    if (is_point(&proto) && is_decoded(&proto)) {
      if (l->told != NULL) l->told->level = PQ_LEVEL_READ;
      return add_task(l, &proto);
    }
  }
  rc = ask_bloom(l, &proto, &may);
  if (rc != PQ_OK) return note(l, rc);
  if (!may) return exclude(l, PQ_LEVEL_BLOOM);
  if (proto.ranges == NULL) {
    rc = pq_file_cache_chunk(l->v->files, l->f, proto.file, proto.row_group, ID_LEAF, &proto.chunk);
    if (rc != PQ_OK) return note(l, rc);
    PQ_TRY(choose_pages(l, &proto));
    if (proto.range_count == 0) return exclude(l, PQ_LEVEL_INDEX);
  }
  if (l->told != NULL) l->told->level = PQ_LEVEL_READ;
  return add_task(l, &proto);
}

/* Keep the ids that the file's bloom filter lets through. */
static int sift(locator *l, locate_task *t) {
  uint32_t n = t->id_hi - t->id_lo, count = 0;
  uint32_t *places;
  pq_slice *ids;
  if (n > SIFT_IDS_MAX || t->info->bloom_count == 0) return PQ_OK;
  places = pq_arena_calloc(l->scratch, n, sizeof *places);
  if (places == NULL) return l->v->cx->code;
  PQ_TRY(pq_file_sift(l->v->files, l->f, t->info, l->ids + t->id_lo, n, places, &count));
  if (count == n) return PQ_OK;
  ids = pq_arena_calloc(l->scratch, count, sizeof *ids);
  if (ids == NULL) return l->v->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    places[i] += t->id_lo;
    ids[i] = l->ids[places[i]];
  }
  t->ids = ids;
  t->places = places;
  t->id_lo = 0;
  t->id_hi = count;
  return PQ_OK;
}

static int plan_file(locator *l, const pq_file_info *info) {
  locate_task proto = {.info = info, .ids = l->ids};
  int rc;
  proto.id_lo = pq_slices_lower(l->ids, 0, l->id_count, info->id_min);
  proto.id_hi = pq_slices_upper(l->ids, proto.id_lo, l->id_count, info->id_max);
  if (proto.id_lo >= proto.id_hi) return PQ_OK;
  rc = sift(l, &proto);
  if (rc != PQ_OK) return note(l, rc);
  if (proto.id_lo == proto.id_hi) {
    if (l->told != NULL) l->told->row_groups = info->bloom_count;
    return exclude(l, PQ_LEVEL_FILE);
  }
  rc = pq_file_cache_open(l->v->files, l->f, info, &proto.file);
  if (rc != PQ_OK) return note(l, rc);
  if (pq_footer_leaf(proto.file->file.footer, "$id") != ID_LEAF)
    return pq_fail(l->v->cx, PQ_ECORRUPT, "%s: $id is not the first column", proto.file->file.key);
  if (l->told != NULL) {
    l->told->level = PQ_LEVEL_STATISTICS;
    l->told->row_groups = proto.file->file.footer->row_group_count;
  }
  for (uint32_t g = 0; g < proto.file->file.footer->row_group_count; g++) {
    proto.row_group = g;
    PQ_TRY(plan_row_group(l, proto));
  }
  return PQ_OK;
}

/* Note a row that holds the task's id `i`, unless it is deleted or the overlay has decided. */
static void found(const locator *l, const locate_task *t, uint32_t i, uint32_t row,
                  pq_location *all) {
  pq_location *out = &all[t->places == NULL ? i : t->places[i]];
  pq_location at = {.info = t->info, .file = t->file, .row_group = t->row_group, .row = row};
  if (out->event != NULL) return;
  if (!pq_view_is_deleted(l->v, t->file->name, pq_location_row(&at))) *out = at;
}

/* Walk the decoded ids of a task and the wanted ones side by side; both are sorted. */
static int walk_rows(locator *l, const locate_task *t, pq_location *out) {
  pq_column c;
  uint32_t at = 0, i = t->id_lo;
  PQ_TRY(pq_chunk_decode(l->f, l->scratch, &t->file->file, t->row_group, ID_LEAF, &t->chunk->index,
                         t->ranges, t->range_count, &c));
  for (uint32_t r = 0; r < t->range_count; r++) {
    for (uint32_t row = t->ranges[r].lo; row < t->ranges[r].hi; row++, at++) {
      int order = 1;
      if (pq_column_is_null(&c, at))
        return pq_fail(l->v->cx, PQ_ECORRUPT, "%s: null $id", t->file->file.key);
      while (i < t->id_hi && (order = pq_slice_cmp(t->ids[i], c.v.bytes[at])) < 0)
        i++;
      if (i < t->id_hi && order == 0) found(l, t, i, row, out);
    }
  }
  return PQ_OK;
}

/* Look every id up in the decoded pages. */
static int search(locator *l, const locate_task *t, pq_location *out) {
  if (!is_point(t)) return walk_rows(l, t, out);
  for (uint32_t r = 0; r < t->range_count; r++) {
    pq_page_ref ref = page_ref(t, r);
    pq_cached_page *page;
    PQ_TRY(pq_page_cache_get(&l->v->files->pages, &ref, l->f, &page));
    if (page->column.nulls != NULL || page->column.def != NULL)
      return pq_fail(l->v->cx, PQ_ECORRUPT, "%s: null $id", t->file->file.key);
    for (uint32_t i = t->id_lo; i < t->id_hi; i++) {
      uint32_t row = pq_slices_lower(page->column.v.bytes, 0, page->column.row_count, t->ids[i]);
      if (row < page->column.row_count && pq_slice_eq(page->column.v.bytes[row], t->ids[i]))
        found(l, t, i, page->first_row + row, out);
    }
  }
  return PQ_OK;
}

/* Find and ask for the pages that may hold the ids. */
static int plan_files(locator *l, pq_slice collection, pq_point_plan *plan) {
  const pq_view *v = l->v;
  const pq_live_list *live;
  PQ_TRY(pq_live_files_of(&v->files->live, v->manifest, v->entry, &live));
  for (uint32_t at = 0; at < live->data_count; at++) {
    uint32_t i = live->data[at];
    const pq_file_info *info = &v->manifest->files[i];
    if (!pq_view_has_file(v, info)) continue;
    l->told = NULL;
    if (plan != NULL && pq_slice_eq(info->collection, collection)) {
      l->told = &plan->files[plan->file_count++];
      *l->told = (pq_point_file){.file = i, .level = PQ_LEVEL_ID_RANGE};
    }
    PQ_TRY(plan_file(l, info));
  }
  return l->is_missing ? PQ_NEED_IO : PQ_OK;
}

/* What event files say of the ids that nothing in memory knows: their newest events up to the
 * view's instant. A plan reads them, too: what is asked for next depends on it. */
static int probe(const pq_view *v, pq_fetch *f, pq_arena *scratch, pq_slice id,
                 const pq_event **out) {
  const pq_event_probe p = {.manifest = v->manifest,
                            .files = v->files,
                            .id = id,
                            .seq_lo = v->probe_lo,
                            .seq_hi = v->seq,
                            .is_newest = true,
                            .needs_values = true};
  bool is_plan = f->is_plan;
  pq_event *events;
  uint32_t count = 0;
  int rc;
  *out = NULL;
  f->is_plan = false;
  rc = pq_event_probe_run(&p, f, scratch, &events, &count);
  f->is_plan = is_plan;
  if (count > 0) *out = &events[0];
  return rc;
}

static int probe_all(locator *l, pq_location *out) {
  for (uint32_t i = 0; i < l->id_count; i++)
    if (out[i].event == NULL)
      PQ_TRY(note(l, probe(l->v, l->f, l->scratch, l->ids[i], &out[i].event)));
  return l->is_missing ? PQ_NEED_IO : PQ_OK;
}

/* No file was opened, none but those that the log has the filters of was asked: the id is nowhere
 * in the namespace. */
static void raise_level(const pq_view *v, pq_point_plan *plan) {
  for (uint32_t i = 0; i < plan->file_count; i++) {
    const pq_file_info *info = &v->manifest->files[plan->files[i].file];
    if (plan->files[i].level == PQ_LEVEL_ID_RANGE) continue;
    if (plan->files[i].level != PQ_LEVEL_FILE || info->blooms[0].bytes.n == 0) return;
  }
  for (uint32_t i = 0; i < plan->file_count; i++)
    if (plan->files[i].level == PQ_LEVEL_FILE) plan->files[i].level = PQ_LEVEL_NAMESPACE;
}

int pq_view_candidates(const pq_view *v, pq_fetch *f, pq_arena *scratch, pq_slice id,
                       pq_candidate **out, uint32_t *count, pq_point_plan *plan) {
  locator l = {.v = v, .f = f, .scratch = scratch, .ids = &id, .id_count = 1};
  const pq_event *event = pq_tail_entity(v, id);
  pq_slice collection = {0}, local;
  *out = NULL;
  *count = 0;
  if (plan != NULL) {
    *plan = (pq_point_plan){0};
    plan->files = pq_arena_calloc(scratch, v->manifest->file_count, sizeof *plan->files);
    if (plan->files == NULL) return v->cx->code;
    (void)pq_id_split(id, &collection, &local);
  }
  if (event == NULL && v->probe_lo > 0) PQ_TRY(probe(v, f, scratch, id, &event));
  if (plan != NULL && event != NULL) {
    pq_entity e;
    plan->is_in_tail = true;
    plan->is_live = pq_event_entity(event, &e) && !e.is_deleted;
  }
  if (event != NULL) return PQ_OK;
  PQ_TRY(plan_files(&l, collection, plan));
  if (plan != NULL) raise_level(v, plan);
  for (const locate_task *t = l.tasks; t != NULL; t = t->next)
    ++*count;
  *out = pq_arena_calloc(scratch, *count, sizeof **out);
  if (*out == NULL) return v->cx->code;
  *count = 0;
  for (const locate_task *t = l.tasks; t != NULL; t = t->next)
    (*out)[(*count)++] = (pq_candidate){.file = t->file,
                                        .row_group = t->row_group,
                                        .ranges = t->ranges,
                                        .range_count = t->range_count,
                                        .is_paged = is_point(t)};
  return PQ_OK;
}

/* Does an event decide about each of them? */
static bool are_decided(const pq_location *out, uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    if (out[i].event == NULL) return false;
  return true;
}

int pq_view_locate(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_slice *ids,
                   uint32_t count, bool is_files_only, pq_location *out) {
  locator l = {.v = v, .f = f, .scratch = scratch, .ids = ids, .id_count = count};
  memset(out, 0, count * sizeof *out);
  for (uint32_t i = 0; i < count; i++) {
    pq_assert(i == 0 || pq_slice_cmp(ids[i - 1], ids[i]) < 0);
    if (!is_files_only) out[i].event = pq_tail_entity(v, ids[i]);
  }
  if (are_decided(out, count)) return PQ_OK;
  if (v->probe_lo > 0 && !is_files_only) PQ_TRY(probe_all(&l, out));
  if (are_decided(out, count)) return PQ_OK;
  PQ_TRY(plan_files(&l, (pq_slice){0}, NULL));
  for (const locate_task *t = l.tasks; t != NULL; t = t->next)
    PQ_TRY(search(&l, t, out));
  return PQ_OK;
}
