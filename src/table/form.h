/* table/form.h - documents in the form of the schema that counts at a seq.
 *
 *   schema    v1 ────────── v2 {a is called x} ────────── v3 {c is gone} ──────────► seq
 *   written         file 1                    event 7                       view
 *                     └── in the form of v1     └── of v2                     └── reads both as v3
 *
 * Nothing is rewritten when a schema changes: what was written before is brought into the new form
 * (schema/schema_upgrade.h) where it comes out of a file or an event. An event has the form of its
 * own seq; a data file has the form that its record in the log names (pq_file_info.form_seq), older
 * records that of the events their entry covers. A flush and a compaction write the newest form.
 *
 * Plans are made once for each pair of versions and kept with the caches of files: a version never
 * changes. Where both are the same, as they mostly are, there is no plan and nothing is done.
 */
#ifndef PQ_TABLE_FORM_H
#define PQ_TABLE_FORM_H

#include "log/manifest.h"
#include "schema/schema_upgrade.h"
#include "table/overlay.h"

typedef struct pq_schema_at {
  uint64_t version; /* 0: there is none */
  uint64_t seq;
  pq_value document; /* as stored; borrowed from overlay or manifest */
} pq_schema_at;

/* What tells the versions of a collection's schema. Borrowed. */
typedef struct pq_form_source {
  const pq_manifest *manifest;
  const pq_overlay *overlay; /* NULL: none */
  pq_slice collection;
} pq_form_source;

/* The version that counts at `seq`. */
void pq_schema_at_seq(const pq_form_source *s, uint64_t seq, pq_schema_at *out);
/* The field that names its entities, "$name" of that version; empty: none. Borrowed like it. */
pq_slice pq_schema_name_field(const pq_schema_at *at);
/* Parse it; *out is NULL for version 0. What cannot be parsed is PQ_ECORRUPT. */
int pq_schema_open(pq_arena *arena, pq_slice collection, const pq_schema_at *at,
                   pq_schema **out) PQ_MUST_CHECK;

/* ---- plans ---- */

typedef struct pq_form_entry {
  uint64_t from, to; /* seqs of the events that set the versions: each sets one */
  const pq_upgrade *plan;
} pq_form_entry;

enum { PQ_FORMS_MAX = 256 };

/* Plans made so far. */
typedef struct pq_forms {
  pq_cx *cx;
  pq_arena arena;      /* of the plans */
  pq_builder *builder; /* owned; NULL until needed */
  pq_form_entry *plans;
  uint32_t count;
} pq_forms;

void pq_forms_init(pq_forms *f, pq_cx *cx);
void pq_forms_release(pq_forms *f);

/* The plan for what was written at seq `from`, to the form of seq `to`; NULL: none is needed. It
 * lives as long as `f`; when `f` is full, in `arena`. */
int pq_forms_plan(pq_forms *f, pq_arena *arena, const pq_form_source *s, uint64_t from, uint64_t to,
                  const pq_upgrade **out) PQ_MUST_CHECK;
/* Bring *doc (missing: stays so) into the form of a plan of `f` (NULL: it has it), in `arena`. */
int pq_forms_apply(pq_forms *f, const pq_upgrade *plan, pq_arena *arena,
                   pq_value *doc) PQ_MUST_CHECK;
/* Both. */
int pq_forms_bring(pq_forms *f, pq_arena *arena, const pq_form_source *s, uint64_t from,
                   uint64_t to, pq_value *doc) PQ_MUST_CHECK;

/* The seq of whose form a data file is. */
uint64_t pq_file_form_seq(const pq_manifest *m, const pq_file_info *info);

#endif
