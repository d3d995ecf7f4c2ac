/* table/view.h - one instant of a namespace: a manifest and the events after it.
 *
 *      files live at entry k   −   position deletes up to k   −   rows hidden by the overlay
 *                              +   the overlay's newest versions with seq <= S
 *
 * The present is (newest entry, unflushed tail); the past is (newest entry at or before, events
 * between). Both are this struct, and every read goes through it.
 */
#ifndef PQ_TABLE_VIEW_H
#define PQ_TABLE_VIEW_H

#include "shred/entity.h"
#include "table/file_cache.h"
#include "table/overlay.h"

typedef struct pq_view {
  pq_cx *cx;
  const pq_manifest *manifest; /* borrowed */
  uint64_t entry;              /* files as of this entry; 0: none */
  uint64_t seq;                /* events up to this one */
  const pq_overlay *overlay;   /* borrowed; NULL: files only */
  pq_file_cache *files;        /* borrowed */
  pq_cached_file **deletes;    /* live delete files, in the operation's arena */
  uint32_t delete_count;
} pq_view;

/* Find the delete files of the view and load their positions. A stage's call; the array goes into
 * `arena` only when all is there. */
int pq_view_load(pq_view *v, pq_fetch *f, pq_arena *arena, pq_arena *scratch) PQ_MUST_CHECK;

/* Is the row deleted by a delete file of the view? */
bool pq_view_is_deleted(const pq_view *v, pq_slice file, uint64_t row);

/* Mark rows [first, first + count) of a file that the delete files hide: hidden[i] = 1. */
void pq_view_mark_deleted(const pq_view *v, pq_slice file, uint64_t first, uint32_t count,
                          uint8_t *hidden);

/* Mark rows of an entity file that the overlay hides by its `where` hints. */
void pq_view_mark_overlay(const pq_view *v, pq_slice collection, pq_slice file, uint64_t first,
                          uint32_t count, uint8_t *hidden);

/* True when some changed entity of the collection may stand in a file at a place that no hint
 * names: then a scan must compare $id with the overlay. */
bool pq_view_has_unresolved(const pq_view *v, pq_slice collection);

/* Is the event's `where` hint valid in this view's manifest? */
bool pq_view_hint_is_valid(const pq_view *v, const pq_event *e);

/* The entity after an event; false when it is gone (hard delete). */
bool pq_event_entity(const pq_event *e, pq_entity *out);

/* Where an entity is, as of the view. */
typedef struct pq_location {
  const pq_event *event;    /* its newest version in the overlay: decides alone */
  const pq_file_info *info; /* else the file that holds its row; NULL: nowhere */
  pq_cached_file *file;
  uint32_t row_group, row; /* row within the row group */
} pq_location;

/* Row number in the file. */
uint64_t pq_location_row(const pq_location *l);

/* Locate `count` ids (sorted, distinct). With `is_files_only` the overlay is not asked. A stage's
 * call: straight-line, PQ_NEED_IO until all is resident. At most 4 rounds cold, 1 warm. */
int pq_view_locate(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_slice *ids,
                   uint32_t count, bool is_files_only, pq_location *out) PQ_MUST_CHECK;

/* Rows of a row group among which an id may be. */
typedef struct pq_candidate {
  pq_cached_file *file;
  uint32_t row_group;
  const pq_row_range *ranges;
  uint32_t range_count;
  bool is_paged; /* the ranges are pages of $id, which are kept once decoded */
} pq_candidate;

/* Where pq_view_locate would look for one id, asking for what it asks for. None when the overlay
 * knows the id. With a plan's fetch set (io/fetch.h) no page is read. PQ_NEED_IO. */
int pq_view_candidates(const pq_view *v, pq_fetch *f, pq_arena *scratch, pq_slice id,
                       pq_candidate **out, uint32_t *count) PQ_MUST_CHECK;

/* The rest of what reading that id costs a plan, into its fetch set: of one candidate, as much as
 * the dearest of its rows. *is_upper unless there is none. PQ_NEED_IO for page indexes. */
int pq_view_point_cost(const pq_view *v, pq_fetch *f, pq_arena *scratch, pq_slice id, unsigned want,
                       bool *is_upper) PQ_MUST_CHECK;

/* Read the entities at locations (those nowhere are left zeroed: id.p == NULL). `want` are
 * PQ_WANT_… bits. Rows borrow from the fetch set, `scratch` and the overlay. `names` may be NULL;
 * with PQ_WANT_NAME it gets the display names. */
int pq_view_read(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_location *locations,
                 uint32_t count, unsigned want, pq_entity *out, pq_slice *names) PQ_MUST_CHECK;

#endif
