/* parquet/scan_plan.c - see file_scan_int.h.
 *
 *   ranges:   all rows ──∩ pages that may match x──∩ pages that may match y──► [lo, hi) …
 *
 * Each stage first asks for all its bytes, near ones in one request, and changes the window only
 * when they are there. An index or filter that is damaged or of an unknown kind is done without:
 * then more rows are looked at, and the answer is the same.
 */
#include <string.h>

#include "parquet/bloom.h"
#include "parquet/file_scan_int.h"

enum {
  WINDOW_GROUPS_MAX = 64,
  SIDE_LEN_MAX = 4 << 20, /* of a window */
  GAP_LEN_MAX = 16 << 10, /* bytes read in vain rather than asked for separately */
  SPAN_LEN_MAX = 1 << 20,
  BLOOM_LEN_GUESS = 4 << 10, /* where the footer does not say */
  BLOOM_WHOLE_LEN_MAX = 256 << 10,
  BLOCK_ASKS_MAX = 16 /* values that a filter too long to read whole is asked for */
};

/* ---- life ---- */

/* Slots [lo, hi) in the order of their leaves, which is that of their indexes in most files. */
static void sort_slots(const pq_scan_target *t, uint32_t *slots, uint32_t lo, uint32_t hi,
                       uint32_t *slot_of_leaf) {
  uint32_t pos = lo;
  memset(slot_of_leaf, 0, t->file->footer->leaf_count * sizeof *slot_of_leaf);
  for (uint32_t i = lo; i < hi; i++)
    slot_of_leaf[t->leaves[i]] = i + 1;
  for (uint32_t leaf = 0; leaf < t->file->footer->leaf_count; leaf++)
    if (slot_of_leaf[leaf] != 0) slots[pos++] = slot_of_leaf[leaf] - 1;
  pq_assert(pos == hi);
}

int pq_scan_plan_init(pq_scan_plan *p, pq_scan_target target) {
  size_t leaves_len = (size_t)target.file->footer->leaf_count * sizeof(uint32_t);
  uint32_t *slot_of_leaf;
  *p = (pq_scan_plan){.t = target, .next = target.row_group_lo};
  pq_fetch_init(&p->fetch, target.cx);
  pq_arena_init(&p->arena, target.cx, target.memory_max / 2);
  p->side_len_max = target.memory_max / 16 < SIDE_LEN_MAX ? target.memory_max / 16 : SIDE_LEN_MAX;
  for (uint32_t i = 0; i < target.condition_count; i++)
    if (target.conditions[i].test == PQ_TEST_EQ || target.conditions[i].test == PQ_TEST_IN)
      p->is_point = true;
  if (target.slot_count == 0) return PQ_OK;
  p->by_leaf = pq_alloc(target.cx, NULL, 0, target.slot_count * sizeof *p->by_leaf);
  if (p->by_leaf == NULL) return pq_fail_nomem(target.cx);
  slot_of_leaf = pq_alloc(target.cx, NULL, 0, leaves_len);
  if (slot_of_leaf == NULL) return pq_fail_nomem(target.cx);
  sort_slots(&p->t, p->by_leaf, 0, target.filter_count, slot_of_leaf);
  sort_slots(&p->t, p->by_leaf, target.filter_count, target.slot_count, slot_of_leaf);
  pq_alloc(target.cx, slot_of_leaf, leaves_len, 0);
  return PQ_OK;
}

void pq_scan_plan_release(pq_scan_plan *p) {
  if (p->t.cx == NULL) return;
  if (p->by_leaf != NULL) pq_alloc(p->t.cx, p->by_leaf, p->t.slot_count * sizeof *p->by_leaf, 0);
  pq_fetch_release(&p->fetch);
  pq_arena_release(&p->arena);
  *p = (pq_scan_plan){0};
}

void pq_scan_plan_move(pq_scan_plan *p, uint32_t row_group_lo, uint32_t row_group_hi) {
  pq_assert(p->stage == PQ_PLAN_IDLE && p->group_pos == p->group_count);
  p->t.row_group_lo = p->next = row_group_lo;
  p->t.row_group_hi = row_group_hi;
}

static const pq_chunk *chunk_of(const pq_scan_plan *p, uint32_t row_group, uint32_t leaf) {
  return &p->t.file->footer->row_groups[row_group].chunks[leaf];
}

/* ---- asking for several structures in few requests ---- */

typedef struct span {
  uint64_t off, end; /* end 0: nothing yet */
  bool is_waiting;   /* for bytes of a span asked for */
} span;

static int span_ask(pq_scan_plan *p, span *s) {
  pq_slice bytes;
  int rc;
  if (s->end == 0) return PQ_OK;
  rc = pq_fetch_read(&p->fetch, p->t.file->key, s->off, s->end - s->off, &bytes);
  s->end = 0;
  if (rc == PQ_NEED_IO) s->is_waiting = true;
  return rc < 0 ? rc : PQ_OK;
}

/* Add a structure. One outside of the file is left to its reader to complain about. */
static int span_add(pq_scan_plan *p, span *s, uint64_t off, uint64_t len) {
  const pq_footer *f = p->t.file->footer;
  uint64_t file_end = f->file_len - PQ_FOOTER_TAIL_LEN - f->footer_len;
  if (off == 0 || len == 0 || off > file_end || len > file_end - off) return PQ_OK;
  if (s->end != 0 && off >= s->off && off <= s->end + GAP_LEN_MAX &&
      off + len - s->off <= SPAN_LEN_MAX) {
    if (off + len > s->end) s->end = off + len;
    return PQ_OK;
  }
  PQ_TRY(span_ask(p, s));
  s->off = off;
  s->end = off + len;
  return PQ_OK;
}

static int span_finish(pq_scan_plan *p, span *s) {
  PQ_TRY(span_ask(p, s));
  return s->is_waiting ? PQ_NEED_IO : PQ_OK;
}

/* Is this failure one of a structure that the answer does not depend on? */
static bool can_do_without(pq_scan_plan *p, int rc) {
  if (rc != PQ_ECORRUPT && rc != PQ_EUNSUPPORTED) return false;
  p->t.cx->code = PQ_OK;
  p->t.cx->msg[0] = '\0';
  return true;
}

/* ---- row groups by statistics ---- */

static bool is_bloom_whole(const pq_chunk *c) {
  return c->bloom_off != 0 && c->bloom_len <= BLOOM_WHOLE_LEN_MAX;
}

/* An index that would take too much memory is done without. */
static bool has_index(const pq_scan_plan *p, const pq_chunk *c) {
  uint64_t len = c->offset_index_len;
  return c->offset_index_off != 0 && len > 0 && len <= p->side_len_max / 2 &&
         c->column_index_len <= p->side_len_max / 2;
}

/* What planning a row group may read. */
static uint64_t side_len(const pq_scan_plan *p, uint32_t row_group) {
  uint64_t len = 0;
  for (uint32_t i = 0; i < p->t.slot_count; i++) {
    const pq_chunk *c = chunk_of(p, row_group, p->t.leaves[i]);
    if (has_index(p, c)) len += c->offset_index_len + c->column_index_len;
    if (i < p->t.filter_count && is_bloom_whole(c))
      len += c->bloom_len == 0 ? BLOOM_LEN_GUESS : c->bloom_len;
  }
  return len;
}

static bool may_match_chunk(const pq_scan_plan *p, uint32_t row_group) {
  for (uint32_t i = 0; i < p->t.condition_count && !p->t.is_unpruned; i++) {
    const pq_condition *c = &p->t.conditions[i];
    pq_bounds b =
        pq_bounds_of_chunk(&p->t.file->footer->leaves[c->leaf], chunk_of(p, row_group, c->leaf));
    if (!pq_condition_may_match(c, &b)) return false;
  }
  return true;
}

static int add_group(pq_scan_plan *p, uint32_t row_group, uint64_t row_count) {
  pq_scan_group *g = &p->groups[p->group_count];
  pq_row_range *all = pq_arena_alloc(&p->arena, sizeof *all);
  const pq_page_index **indexes = pq_arena_calloc(&p->arena, p->t.slot_count, sizeof *indexes);
  if (all == NULL || indexes == NULL) return p->t.cx->code;
  if (row_count > UINT32_MAX)
    return pq_fail(p->t.cx, PQ_ELIMIT, "%s: row group %u has more than 2^32 rows", p->t.file->key,
                   (unsigned)row_group);
  *all = (pq_row_range){0, (uint32_t)row_count};
  *g = (pq_scan_group){.row_group = row_group,
                       .row_count = (uint32_t)row_count,
                       .ranges = all,
                       .range_count = 1,
                       .indexes = indexes};
  p->group_count++;
  return PQ_OK;
}

/* Begin a window: the next row groups that their statistics do not rule out. */
static int begin_window(pq_scan_plan *p) {
  uint64_t len = 0;
  p->group_count = p->group_pos = 0;
  pq_arena_clear(&p->arena);
  p->groups = pq_arena_calloc(&p->arena, WINDOW_GROUPS_MAX, sizeof *p->groups);
  if (p->groups == NULL) return p->t.cx->code;
  while (p->next < p->t.row_group_hi && p->group_count < WINDOW_GROUPS_MAX) {
    uint64_t rows = p->t.file->footer->row_groups[p->next].row_count;
    if (rows > 0 && may_match_chunk(p, p->next)) {
      len += side_len(p, p->next);
      if (len > p->side_len_max && p->group_count > 0) break;
      PQ_TRY(add_group(p, p->next, rows));
    }
    p->row_groups++;
    p->next++;
  }
  if (p->t.condition_count > 0 && !p->t.is_unpruned) p->stage = PQ_PLAN_BLOOM;
  return PQ_OK;
}

/* ---- bloom filters ---- */

static int ask_blooms(pq_scan_plan *p) {
  span s = {0};
  for (uint32_t i = 0; i < p->group_count; i++) {
    for (uint32_t k = 0; k < p->t.condition_count; k++) {
      const pq_condition *c = &p->t.conditions[k];
      uint32_t row_group = p->groups[i].row_group;
      const pq_chunk *chunk = chunk_of(p, row_group, c->leaf);
      if (c->hashes == NULL || !is_bloom_whole(chunk)) continue;
      if (p->t.cache != NULL && pq_side_cache_bloom(p->t.cache, row_group, c->leaf).n > 0) continue;
      PQ_TRY(span_add(p, &s, chunk->bloom_off, chunk->bloom_len));
    }
  }
  return span_finish(p, &s);
}

static bool bits_may_match(const pq_condition *c, pq_slice bits) {
  for (uint32_t i = 0; i < c->value_count; i++)
    if (pq_bloom_contains(bits.p, bits.n, c->hashes[i])) return true;
  return false;
}

/* Ask a filter that is too long to be read whole, block by block. */
static int blocks_may_match(pq_scan_plan *p, uint32_t row_group, const pq_condition *c, bool *may) {
  bool is_waiting = false, is_in = false;
  *may = true;
  if (c->value_count > BLOCK_ASKS_MAX) return PQ_OK;
  for (uint32_t i = 0; i < c->value_count; i++) {
    bool one = true;
    int rc = pq_bloom_check(&p->fetch, p->t.file, row_group, c->leaf, c->hashes[i], &one);
    if (rc < 0) return rc;
    is_waiting = is_waiting || rc == PQ_NEED_IO;
    is_in = is_in || one;
  }
  if (is_waiting) return PQ_NEED_IO;
  *may = is_in;
  return PQ_OK;
}

static int bloom_may_match(pq_scan_plan *p, uint32_t row_group, const pq_condition *c, bool *may) {
  pq_slice bits = {0};
  *may = true;
  if (c->hashes == NULL || chunk_of(p, row_group, c->leaf)->bloom_off == 0) return PQ_OK;
  if (p->t.cache != NULL) bits = pq_side_cache_bloom(p->t.cache, row_group, c->leaf);
  if (bits.n == 0) {
    PQ_TRY(pq_bloom_fetch(&p->fetch, p->t.file, row_group, c->leaf, &bits));
    if (bits.n == 0) return blocks_may_match(p, row_group, c, may);
    if (p->t.cache != NULL) pq_side_cache_put_bloom(p->t.cache, row_group, c->leaf, bits);
  }
  *may = bits_may_match(c, bits);
  return PQ_OK;
}

static int drop_by_blooms(pq_scan_plan *p) {
  uint8_t is_dropped[WINDOW_GROUPS_MAX] = {0};
  bool is_waiting = false;
  uint32_t kept = 0;
  PQ_TRY(ask_blooms(p));
  for (uint32_t i = 0; i < p->group_count; i++) {
    for (uint32_t k = 0; k < p->t.condition_count; k++) {
      bool may;
      int rc = bloom_may_match(p, p->groups[i].row_group, &p->t.conditions[k], &may);
      if (rc < 0 && !can_do_without(p, rc)) return rc;
      is_waiting = is_waiting || rc == PQ_NEED_IO;
      if (rc == PQ_OK && !may) is_dropped[i] = 1;
    }
  }
  if (is_waiting) return PQ_NEED_IO;
  for (uint32_t i = 0; i < p->group_count; i++)
    if (!is_dropped[i]) p->groups[kept++] = p->groups[i];
  p->group_count = kept;
  return PQ_OK;
}

/* ---- page indexes ---- */

static bool is_part(const pq_scan_group *g) {
  return g->range_count != 1 || g->ranges[0].hi - g->ranges[0].lo != g->row_count;
}

static bool is_index_wanted(const pq_scan_plan *p, const pq_scan_group *g, uint32_t slot) {
  return g->indexes[slot] == NULL && has_index(p, chunk_of(p, g->row_group, p->t.leaves[slot]));
}

/* Ask for offset and column indexes of slots [lo, hi). */
static int ask_indexes(pq_scan_plan *p, uint32_t lo, uint32_t hi, bool parts_only) {
  span s = {0};
  for (unsigned kind = 0; kind < 2; kind++) {
    for (uint32_t i = 0; i < p->group_count; i++) {
      const pq_scan_group *g = &p->groups[i];
      if (parts_only && !is_part(g)) continue;
      for (uint32_t k = lo; k < hi; k++) {
        const pq_chunk *c = chunk_of(p, g->row_group, p->t.leaves[p->by_leaf[k]]);
        if (!is_index_wanted(p, g, p->by_leaf[k])) continue;
        if (kind == 0)
          PQ_TRY(span_add(p, &s, c->column_index_off, c->column_index_len));
        else
          PQ_TRY(span_add(p, &s, c->offset_index_off, c->offset_index_len));
      }
    }
  }
  return span_finish(p, &s);
}

/* Take from the cache what is there. */
static void recall_indexes(pq_scan_plan *p, uint32_t lo, uint32_t hi) {
  for (uint32_t i = 0; i < p->group_count && p->t.cache != NULL; i++) {
    pq_scan_group *g = &p->groups[i];
    for (uint32_t k = lo; k < hi; k++)
      if (g->indexes[k] == NULL)
        g->indexes[k] = pq_side_cache_index(p->t.cache, g->row_group, p->t.leaves[k]);
  }
}

static int read_index(pq_scan_plan *p, pq_scan_group *g, uint32_t slot) {
  uint32_t leaf = p->t.leaves[slot];
  pq_page_index *index = pq_arena_calloc(&p->arena, 1, sizeof *index);
  int rc;
  if (index == NULL) return p->t.cx->code;
  rc = pq_page_index_fetch(&p->fetch, &p->arena, p->t.file, g->row_group, leaf, index);
  if (rc != PQ_OK && !can_do_without(p, rc)) return rc;
  g->indexes[slot] = index;
  if (p->t.cache != NULL) pq_side_cache_put_index(p->t.cache, g->row_group, leaf, index);
  return PQ_OK;
}

static int read_indexes(pq_scan_plan *p, uint32_t lo, uint32_t hi, bool parts_only) {
  recall_indexes(p, lo, hi);
  PQ_TRY(ask_indexes(p, lo, hi, parts_only));
  for (uint32_t i = 0; i < p->group_count; i++) {
    pq_scan_group *g = &p->groups[i];
    if (parts_only && !is_part(g)) continue;
    for (uint32_t k = lo; k < hi; k++)
      if (is_index_wanted(p, g, p->by_leaf[k])) PQ_TRY(read_index(p, g, p->by_leaf[k]));
  }
  return PQ_OK;
}

/* Of the group's ranges, what lies in pages that may match. */
static int cut_ranges(pq_scan_plan *p, pq_scan_group *g, const pq_condition *c,
                      const pq_page_index *index) {
  const pq_leaf *leaf = &p->t.file->footer->leaves[c->leaf];
  pq_row_range *out =
      pq_arena_calloc(&p->arena, (size_t)index->page_count + g->range_count, sizeof *out);
  uint32_t count = 0, r = 0;
  if (out == NULL) return p->t.cx->code;
  for (uint32_t i = 0; i < index->page_count; i++) {
    const pq_page_info *page = &index->pages[i];
    uint32_t lo = page->first_row, end = page->first_row + page->row_count;
    pq_bounds b = pq_bounds_of_page(leaf, page);
    if (!pq_condition_may_match(c, &b)) continue;
    while (r < g->range_count && g->ranges[r].hi <= lo)
      r++;
    for (uint32_t k = r; k < g->range_count && g->ranges[k].lo < end; k++) {
      pq_row_range cut = {g->ranges[k].lo > lo ? g->ranges[k].lo : lo,
                          g->ranges[k].hi < end ? g->ranges[k].hi : end};
      if (count > 0 && out[count - 1].hi == cut.lo)
        out[count - 1].hi = cut.hi;
      else
        out[count++] = cut;
    }
  }
  g->ranges = out;
  g->range_count = count;
  return PQ_OK;
}

static void count_pages(pq_scan_plan *p, const pq_scan_group *g) {
  for (uint32_t i = 0; i < p->t.filter_count; i++) {
    const pq_page_index *index = g->indexes[i];
    uint32_t r = 0;
    for (uint32_t k = 0; index != NULL && k < index->page_count; k++) {
      const pq_page_info *page = &index->pages[k];
      while (r < g->range_count && g->ranges[r].hi <= page->first_row)
        r++;
      p->pages++;
      p->pages_kept += r < g->range_count && g->ranges[r].lo < page->first_row + page->row_count;
    }
  }
}

/* A look-up of single values most likely leaves few pages: then the other columns' indexes are
 * asked for in the same round. */
static int cut_by_indexes(pq_scan_plan *p) {
  uint32_t hi = p->is_point ? p->t.slot_count : p->t.filter_count, kept = 0;
  PQ_TRY(read_indexes(p, 0, hi, false));
  for (uint32_t i = 0; i < p->group_count; i++) {
    pq_scan_group *g = &p->groups[i];
    for (uint32_t k = 0; k < p->t.condition_count; k++) {
      uint32_t slot = 0;
      while (p->t.leaves[slot] != p->t.conditions[k].leaf)
        slot++;
      if (g->indexes[slot] != NULL && g->indexes[slot]->page_count > 0)
        PQ_TRY(cut_ranges(p, g, &p->t.conditions[k], g->indexes[slot]));
    }
    count_pages(p, g);
    if (g->range_count > 0) p->groups[kept++] = *g;
  }
  p->group_count = kept;
  return PQ_OK;
}

/* ---- the order of stages ---- */

static int plan_window(pq_scan_plan *p) {
  switch (p->stage) {
    case PQ_PLAN_IDLE: PQ_TRY(begin_window(p)); break;
    case PQ_PLAN_BLOOM:
      PQ_TRY(drop_by_blooms(p));
      pq_fetch_clear(&p->fetch);
      p->stage = PQ_PLAN_FILTER_INDEX;
      break;
    case PQ_PLAN_FILTER_INDEX:
      PQ_TRY(cut_by_indexes(p));
      pq_fetch_clear(&p->fetch);
      p->stage = PQ_PLAN_INDEX;
      break;
    case PQ_PLAN_INDEX:
      PQ_TRY(read_indexes(p, p->t.filter_count, p->t.slot_count, true));
      pq_fetch_clear(&p->fetch);
      p->stage = PQ_PLAN_IDLE;
      break;
  }
  if (p->stage == PQ_PLAN_IDLE) p->row_groups_kept += p->group_count;
  return PQ_OK;
}

int pq_scan_plan_next(pq_scan_plan *p, const pq_scan_group **out) {
  *out = NULL;
  while (p->stage != PQ_PLAN_IDLE || p->group_pos == p->group_count) {
    if (p->stage == PQ_PLAN_IDLE && p->next == p->t.row_group_hi) return PQ_OK;
    PQ_TRY(plan_window(p));
  }
  *out = &p->groups[p->group_pos++];
  return PQ_OK;
}
