/* parquet/footer_write_int.h - the writer's state, and the footer made from it.
 *
 *   nodes ──► leaves, with their levels         pq_writer_new, writer_schema.c
 *   groups: chunks per leaf, in a list          pq_writer_add
 *   footer: schema, groups, key-values, orders  pq_writer_finish
 */
#ifndef PQ_PARQUET_FOOTER_WRITE_INT_H
#define PQ_PARQUET_FOOTER_WRITE_INT_H

#include "parquet/chunk_write_int.h"

typedef struct pq_written_group {
  struct pq_written_group *next;
  uint32_t row_count;
  pq_written_chunk *chunks;      /* one per leaf */
  const pq_sort_column *sorting; /* in leaf ordinals */
  uint32_t sorting_count;
} pq_written_group;

struct pq_writer {
  pq_cx *cx; /* borrowed */
  pq_chunk_writer chunk;
  pq_arena arena;      /* everything below */
  pq_node_spec *nodes; /* depth first, without the root */
  uint32_t node_count;
  uint32_t root_count; /* of them are children of the root */
  pq_leaf_spec *leaves;
  uint32_t leaf_count;
  const uint32_t *sort_leaves; /* of pq_writer_new's specs: their first leaf; NULL: as given */
  uint32_t sort_leaf_count;
  bool has_sizes; /* size statistics are written */
  const char *created_by;
  const pq_sort_column *sorting; /* of groups to come, in leaf ordinals */
  uint32_t sorting_count;
  pq_written_group *first, *last;
  uint32_t group_count;
  uint64_t row_count;
  uint64_t page_count; /* of data */
  uint64_t footer_len;
  uint64_t bloom_off; /* in the finished file: where the filters begin */
  size_t given;       /* bytes at the start of the file buffer that were drained */
  bool is_drained;
  bool is_finished;
  /* a row group that is being written in steps; NULL: none */
  pq_written_group *group;
  const pq_column *columns; /* borrowed */
  uint32_t leaf;            /* the next one, or the one of `job` */
  bool is_in_chunk;
  pq_chunk_job job;
  size_t file_len, bloom_len, column_len; /* before it */
};

/* Where the side buffers start in the file. */
typedef struct pq_side_places {
  uint64_t bloom_off, column_index_off, offset_index_off;
} pq_side_places;

/* LogicalType's members (parquet.thrift). */
enum {
  PQ_MEMBER_STRING = 1,
  PQ_MEMBER_MAP = 2,
  PQ_MEMBER_LIST = 3,
  PQ_MEMBER_ENUM = 4,
  PQ_MEMBER_DECIMAL = 5,
  PQ_MEMBER_DATE = 6,
  PQ_MEMBER_TIME = 7,
  PQ_MEMBER_TIMESTAMP = 8,
  PQ_MEMBER_INTEGER = 10,
  PQ_MEMBER_UNKNOWN = 11,
  PQ_MEMBER_JSON = 12,
  PQ_MEMBER_BSON = 13,
  PQ_MEMBER_UUID = 14,
  PQ_MEMBER_FLOAT16 = 15,
  PQ_MEMBER_VARIANT = 16,
  PQ_MEMBER_GEOMETRY = 17,
  PQ_MEMBER_GEOGRAPHY = 18
};

/* The member to write for a note; 0: none. */
uint8_t pq_note_member(const pq_note *note);

/* Copy the nodes, check them, find the leaves: writer_schema.c. PQ_EINVALID, PQ_ELIMIT. */
int pq_writer_set_schema(pq_writer *w, const pq_node_spec *nodes, uint32_t count) PQ_MUST_CHECK;

/* Append the schema's elements as field 2 of FileMetaData: footer_write_schema.c. */
void pq_footer_put_schema(pq_thrift_out *t, const pq_writer *w);

/* Append FileMetaData to the file. */
int pq_footer_put(pq_writer *w, const pq_side_places *places, const pq_key_value *key_values,
                  uint32_t key_value_count) PQ_MUST_CHECK;

#endif
