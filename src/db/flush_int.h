/* db/flush_int.h - the stages of a flush, in order, and what its files share. */
#ifndef PQ_DB_FLUSH_INT_H
#define PQ_DB_FLUSH_INT_H

#include "db/flush.h"
#include "db/space_int.h"
#include "table/form.h"

/* flush_gather.c: which rows are replaced; after those of entities, those of edges. */
int pq_flush_stage_open(pq_op *op);
int pq_flush_stage_edges(pq_op *op);
/* Copy a document into the operation's arena. */
int pq_flush_keep(pq_op *op, pq_value *v) PQ_MUST_CHECK;
/* flush_before.c: where the old rows of entities are and what they said. */
int pq_flush_stage_before(pq_op *op);
/* flush_encode.c: the files, in memory. Follows the gathering. */
int pq_flush_stage_encode(pq_op *op);
void pq_flush_release_tasks(pq_flush *f);
/* flush_store.c: fence, files, entry, trim, new tail. */
int pq_flush_stage_fence(pq_op *op);
int pq_flush_stage_put_files(pq_op *op);
/* Store one of its files. */
int pq_flush_put_file(pq_flush *f, pq_op *op, const pq_flush_file *file) PQ_MUST_CHECK;
/* compact.c */
void pq_compact_release(pq_flush *f);
/* compact_entry.c: the entry is in the log: events of the tail that replace rows of its inputs get
 * the places of the outputs as their hints. */
int pq_compact_move_hints(pq_flush *f, pq_op *op) PQ_MUST_CHECK;

static inline pq_flush *pq_flush_of(pq_op *op) {
  return op->sub;
}

/* The schema of a collection as of the last event of the flush, and its field of names. */
void pq_flush_schema(const pq_flush *f, pq_slice collection, pq_schema_at *out);
pq_slice pq_flush_name_field(const pq_flush *f, pq_slice collection);

/* flush_files.c: the folder of a collection's files, "data/<name>", percent-encoded. */
int pq_flush_folder(pq_arena *arena, pq_slice collection, const char **out) PQ_MUST_CHECK;
/* Name a new file and add it to the flush; the writer is taken. A segment follows its forward
 * file, from which it has its name. */
int pq_flush_add_file(pq_flush *f, pq_op *op, const char *folder, pq_file_info info,
                      pq_writer *writer) PQ_MUST_CHECK;

/* The key of a new file. */
int pq_flush_name(pq_flush *f, pq_op *op, const char *folder, const char **key) PQ_MUST_CHECK;

/* put_parts.c: store what the unfinished `writer`, between two row groups, holds in whole parts,
 * then go on with `after`. The file has its name from the first part on. */
int pq_flush_put_parts(pq_flush *f, pq_op *op, const char *folder, pq_writer *writer,
                       pq_stage_fn after) PQ_MUST_CHECK;
/* Parts of the file are stored (f->put.key), its writer is finished, the file is added: store the
 * rest. */
void pq_flush_put_rest(pq_flush *f, pq_op *op, pq_stage_fn after);

/* flush_blooms.c: what the record of a finished file says of its bloom filters and types, copied
 * into `arena`; kind and bounds are set. */
int pq_flush_note_blooms(pq_arena *arena, const pq_writer *writer,
                         pq_file_info *info) PQ_MUST_CHECK;

/* Note that a row is replaced. */
int pq_flush_delete(pq_flush *f, pq_op *op, pq_slice file, uint64_t row) PQ_MUST_CHECK;

#endif
