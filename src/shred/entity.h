/* shred/entity.h - entities <-> the columns of an entity file.
 *
 *   $id       $type name createdAt createdBy updatedAt updatedBy version deleted $data $index_pos
 *   posts/p1  Post  Hi   …         u         …         u         2       false   {…}   n
 *
 * Rows are sorted by $id. $data is the user's document and nothing else, as Parquet VARIANT.
 * $index_<path> columns hold scalar values found at a path, typed; the set belongs to the
 * collection (log/manifest.h's record of it is passed in) and every later file carries all of it.
 *
 * A file states per index column, in its key-value metadata, how many rows have something else at
 * the path (`other`: another type, an array on the way) and how many an explicit null. Where both
 * are 0 the column answers alone: null there means "missing". Else rows that are null there are
 * judged on $data, and statistics prune nothing.
 */
#ifndef PQ_SHRED_ENTITY_H
#define PQ_SHRED_ENTITY_H

#include "base/task_runner.h"
#include "parquet/reader.h"
#include "parquet/writer.h"
#include "shred/index_column.h"
#include "value/builder.h"

/* Everything about one entity at one instant. Borrowed. */
typedef struct pq_entity {
  pq_slice id; /* "collection/localId" */
  pq_slice type;
  int64_t created_at, updated_at; /* µs */
  pq_slice created_by, updated_by;
  uint64_t version;
  bool is_deleted;     /* soft-deleted: deletedAt = updated_at, deletedBy = updated_by */
  pq_value data;       /* an object */
  pq_slice name_field; /* $name of the schema that counts; empty: none */
} pq_entity;

/* The display name: text of the document's field `name_field` (empty: none), of its field name,
 * title or label, else the local id. */
pq_slice pq_entity_name(pq_slice id, pq_value data, pq_slice name_field);

/* The system fields as an object ($id, $type, name, …) for filters and sorting. */
int pq_entity_system(pq_builder *b, pq_arena *arena, const pq_entity *e,
                     pq_value *out) PQ_MUST_CHECK;

/* The merged entity: system fields first, without those the document has itself; then the
 * document's. The next value of `b`. */
int pq_entity_merge(pq_builder *b, pq_arena *scratch, const pq_entity *e) PQ_MUST_CHECK;

/* Columns of an entity file, as a set for reading. */
enum {
  PQ_WANT_ID = 1,
  PQ_WANT_SYSTEM = 2, /* $type, created*, updated*, version */
  PQ_WANT_DELETED = 4,
  PQ_WANT_DATA = 8,
  PQ_WANT_NAME = 16, /* into pq_entity_rows.names */
  PQ_WANT_ALL = 15,
  PQ_WANT_RAW = 32 /* documents as they are stored: pq_entity_check before they are used */
};

/* The collection that entities are of, and its index set. Borrowed. */
typedef struct pq_entity_table {
  pq_slice collection;
  const pq_index_column *columns;
  uint32_t column_count;
  const pq_schema *schema; /* NULL: none. What columns it brings besides: entity_fields.h */
} pq_entity_table;

/* How the schema's $options have files written; `schema` may be NULL. PQ_EUNSUPPORTED: a codec that
 * is not built in, an order of rows other than by $id. */
typedef struct pq_entity_storage {
  pq_codec codec;
  bool is_uncompressed;
  uint32_t rows;     /* of a row group, at most */
  double bloom_rate; /* of false positives; 0: 1 % */
} pq_entity_storage;
int pq_entity_storage_of(pq_cx *cx, const pq_schema *schema, pq_entity_storage *out) PQ_MUST_CHECK;

/* Write `count` entities (sorted by id) into a finished file; its row groups side by side. */
int pq_entity_file_write(pq_cx *cx, const pq_task_runner *runner, const pq_entity_table *table,
                         const pq_entity *entities, uint32_t count, pq_writer **out) PQ_MUST_CHECK;

/* ---- the same in steps, for whoever has the rows one after the other ----
 *
 *   put put put … full ─► step step … ─► put put … end ─► step … ─► finish: one file
 */
typedef struct pq_entity_stream pq_entity_stream;
enum { PQ_MISFIT = 4 };
/* `table` and what it borrows live as long as the stream. With `keeps_data` the file has $data;
 * without, it goes without where the schema says so, and put returns PQ_MISFIT for a document that
 * needs it: then begin anew with `keeps_data`. */
int pq_entity_stream_new(pq_cx *cx, const pq_entity_table *table, bool keeps_data,
                         pq_entity_stream **out) PQ_MUST_CHECK;
/* Takes NULL. */
void pq_entity_stream_free(pq_entity_stream *s);
/* The next entity, by $id; copied. The stream must not be full. */
int pq_entity_stream_put(pq_entity_stream *s, const pq_entity *e) PQ_MUST_CHECK;
/* No more entities: what is there is the last row group. */
void pq_entity_stream_end(pq_entity_stream *s);
/* Is a row group complete, to be written in steps? */
bool pq_entity_stream_is_full(const pq_entity_stream *s);
/* Write about *len_left bytes of it, which are taken off. */
int pq_entity_stream_step(pq_entity_stream *s, uint64_t *len_left) PQ_MUST_CHECK;
/* Bytes of the file so far, about; its rows, and the first and last $id. */
uint64_t pq_entity_stream_len(const pq_entity_stream *s);
/* Of the file, between two row groups: to give away what has been made. */
pq_writer *pq_entity_stream_writer(pq_entity_stream *s);
uint64_t pq_entity_stream_rows(const pq_entity_stream *s, pq_slice *id_min, pq_slice *id_max);
/* The finished file, which is the caller's. After the end, when it is not full. */
int pq_entity_stream_finish(pq_entity_stream *s, pq_writer **out) PQ_MUST_CHECK;

/* How many of `count` entities fit into one file: 4 Mi rows or 192 MiB of documents. */
uint32_t pq_entity_file_rows(const pq_entity *entities, uint32_t count);

/* Are documents made of the columns of fields, there being no $data? */
bool pq_entity_is_columnar(const pq_footer *footer);
/* Is the leaf, by its number, one of those that `want` needs? */
bool pq_entity_reads_leaf(const pq_footer *footer, uint32_t leaf, unsigned want);

/* Ask for the columns of `want` for rows `ranges` (zero: all) of a row group. PQ_NEED_IO. */
int pq_entity_rows_want(pq_fetch *f, const pq_file *file, uint32_t row_group, unsigned want,
                        const pq_row_range *ranges, uint32_t range_count,
                        pq_arena *scratch) PQ_MUST_CHECK;

typedef struct pq_entity_rows {
  pq_entity *rows; /* fields outside `want` are empty */
  pq_slice *names; /* PQ_WANT_NAME */
  uint32_t count;
  bool is_raw; /* documents were not validated: only with PQ_WANT_RAW */
} pq_entity_rows;

/* Decode them, after the same `want` returned PQ_OK. Documents are validated. */
int pq_entity_rows_read(pq_fetch *f, pq_arena *arena, const pq_file *file, uint32_t row_group,
                        unsigned want, const pq_row_range *ranges, uint32_t range_count,
                        pq_entity_rows *out) PQ_MUST_CHECK;

/* Validate the document of a row that was read raw; `before`: of the row checked last, NULL: none,
 * whose names need no second look. PQ_ECORRUPT. */
int pq_entity_check(pq_cx *cx, const pq_file *file, const pq_entity *e,
                    const pq_entity *before) PQ_MUST_CHECK;

/* ---- single rows, for whoever keeps decoded pages ---- */

enum { PQ_ENTITY_LEAVES = 11, PQ_ENTITY_META = 9, PQ_ENTITY_VALUE = 10 };

/* The leaf number of each column of an entity file, checked; PQ_NO_NODE for both of $data in a file
 * without it: its rows are read by pq_entity_rows_read. PQ_ECORRUPT. */
int pq_entity_leaves(pq_cx *cx, const pq_file *file, uint32_t out[PQ_ENTITY_LEAVES]) PQ_MUST_CHECK;
bool pq_entity_leaf_is_wanted(uint32_t column, unsigned want);
/* Put what column `column` holds at `row` into *e (into *name: the display name; may be NULL).
 * Nothing for PQ_ENTITY_META and _VALUE. */
void pq_entity_set(pq_entity *e, pq_slice *name, uint32_t column, const pq_column *c, uint32_t row);
/* Where the bounds of a page say what every row of it holds, min and max being equal: put that into
 * *e as above, borrowed from the page index. False: they do not, the page must be read. */
bool pq_entity_set_told(pq_entity *e, pq_slice *name, uint32_t column, const pq_page_info *page);
/* Put the document into *e. *is_checked: it was validated before; else that is done and noted. */
int pq_entity_set_data(pq_cx *cx, const pq_file *file, const pq_column *meta, uint32_t meta_row,
                       const pq_column *value, uint32_t value_row, uint8_t *is_checked,
                       pq_entity *e) PQ_MUST_CHECK;

#endif
