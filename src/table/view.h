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
  uint64_t pending_to;   /* also files of bulk writes up to this event, before an entry adds them */
  pq_overlay *overlay;   /* borrowed; NULL: files only */
  const pq_overlay *own; /* borrowed: what the reader's transaction did; NULL: none (tail.h) */
  uint64_t own_seq;      /* its events up to this one; they are numbered from seq + 1 */
  uint64_t probe_lo; /* not 0: the events from here to seq are in no overlay, but in event files */
  pq_file_cache *files;     /* borrowed */
  pq_cached_file **deletes; /* live delete files, in the operation's arena */
  uint32_t delete_count;
} pq_view;

/* Is the file part of the view? */
static inline bool pq_view_has_file(const pq_view *v, const pq_file_info *f) {
  if (pq_file_is_live(f, v->entry)) return true;
  return f->pending_seq > 0 && f->pending_seq <= v->pending_to && v->entry < f->added &&
         v->entry < f->removed;
}

/* Find the delete files of the view and load their positions. A stage's call; the array goes into
 * `arena` only when all is there. */
int pq_view_load(pq_view *v, pq_fetch *f, pq_arena *arena, pq_arena *scratch) PQ_MUST_CHECK;

/* Is the row deleted by a delete file of the view? */
bool pq_view_is_deleted(const pq_view *v, pq_slice file, uint64_t row);

/* Mark rows [first, first + count) of a file that the delete files hide: hidden[i] = 1. */
void pq_view_mark_deleted(const pq_view *v, pq_slice file, uint64_t first, uint32_t count,
                          uint8_t *hidden);

/* Mark rows of an entity file that the overlay hides by its `where` hints. */
void pq_view_mark_overlay(const pq_view *v, pq_slice file, uint64_t first, uint32_t count,
                          uint8_t *hidden);

/* Do delete files or the overlay hide any row of the file? */
bool pq_view_hides_rows(const pq_view *v, pq_slice file);

/* True when some changed entity of the collection may stand in a file at a place that no hint
 * names: then a scan must compare $id with the overlay. */
bool pq_view_has_unresolved(const pq_view *v, pq_slice collection);

/* Is the event's `where` hint valid in this view's manifest? */
bool pq_view_hint_is_valid(const pq_view *v, const pq_event *e);

/* The entity after an event, its document as it was written; false when it is gone (hard delete).
 * Readers take pq_view_entity(). */
bool pq_event_entity(const pq_event *e, pq_entity *out);

/* ---- documents in the form of the view's schema (table/form.h) ---- */

/* The plan for the documents of a data file; NULL: none is needed. */
int pq_view_file_form(const pq_view *v, pq_arena *arena, const pq_file_info *info,
                      const pq_upgrade **out) PQ_MUST_CHECK;
/* The field that names the entities of a collection, as of the view; empty: none. */
pq_slice pq_view_name_field(const pq_view *v, pq_slice collection);
/* Does the column of names of a data file go by another field than the view? */
bool pq_view_has_other_names(const pq_view *v, const pq_file_info *info);
/* Bring a document of a file (missing: stays so) into the form of the file's plan. */
int pq_view_bring(const pq_view *v, pq_arena *arena, const pq_upgrade *plan,
                  pq_value *doc) PQ_MUST_CHECK;
/* What the entities of a collection have in common in a view. */
typedef struct pq_view_form {
  pq_slice collection; /* borrowed */
  bool has_schema;
  uint64_t seq; /* of the schema's event: what is written from then on has its form */
  pq_slice name_field;
} pq_view_form;

void pq_view_form_of(const pq_view *v, pq_slice collection, pq_view_form *out);
/* The same as pq_view_entity, of many events of one collection. */
int pq_view_entity_of(const pq_view *v, const pq_view_form *form, pq_arena *arena,
                      const pq_event *e, pq_entity *out, bool *is_there) PQ_MUST_CHECK;

/* The entity after an event; *is_there is false when it is gone. */
int pq_view_entity(const pq_view *v, pq_arena *arena, const pq_event *e, pq_entity *out,
                   bool *is_there) PQ_MUST_CHECK;

/* ---- places ---- */

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

/* What excluded a file, or nothing did. */
typedef enum pq_file_level {
  PQ_LEVEL_READ,
  PQ_LEVEL_ID_RANGE,  /* of the log's record */
  PQ_LEVEL_TYPES,     /* the same: scans */
  PQ_LEVEL_NAMESPACE, /* the bloom filters of all files say no, and the log has them all */
  PQ_LEVEL_FILE,      /* the file's bloom filter, asked without its footer */
  PQ_LEVEL_STATISTICS,
  PQ_LEVEL_BLOOM, /* of row groups */
  PQ_LEVEL_INDEX,
  PQ_LEVEL_DELETES, /* scans */
  PQ_LEVEL_LAST = PQ_LEVEL_DELETES
} pq_file_level;

typedef struct pq_point_file {
  uint32_t file; /* of the manifest's */
  pq_file_level level;
  uint32_t row_groups, by_statistics, by_bloom, by_index;
} pq_point_file;

/* Of a look-up: the files of the id's collection. */
typedef struct pq_point_plan {
  bool is_in_tail; /* the overlay has it, live or deleted */
  bool is_live;    /* and it is live */
  bool is_upper;   /* pages of $id tell where it is, and whether */
  pq_point_file *files;
  uint32_t file_count;
} pq_point_plan;

/* Where pq_view_locate would look for one id, asking for what it asks for. None when the overlay
 * knows the id. With a plan's fetch set (io/fetch.h) no page is read. PQ_NEED_IO. *plan may be
 * NULL; its files are in `scratch`. */
int pq_view_candidates(const pq_view *v, pq_fetch *f, pq_arena *scratch, pq_slice id,
                       pq_candidate **out, uint32_t *count, pq_point_plan *plan) PQ_MUST_CHECK;

/* What locating and reading `count` ids of a collection costs a plan, into its fetch set: of the
 * candidates of each, as much as the dearest of their rows. PQ_NEED_IO. */
int pq_view_point_cost(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_slice *ids,
                       uint32_t count, unsigned want, pq_point_plan *plan) PQ_MUST_CHECK;

/* Read the entities at locations (those nowhere are left zeroed: id.p == NULL). `want` are
 * PQ_WANT_… bits. Rows borrow from the fetch set, `scratch` and the overlay; documents have the
 * form of the view's schema (table/form.h), display names that of their files. `names` may be NULL;
 * with PQ_WANT_NAME it gets the display names. */
int pq_view_read(const pq_view *v, pq_fetch *f, pq_arena *scratch, const pq_location *locations,
                 uint32_t count, unsigned want, pq_entity *out, pq_slice *names) PQ_MUST_CHECK;

#endif
