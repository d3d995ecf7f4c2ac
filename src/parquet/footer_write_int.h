/* parquet/footer_write_int.h - the writer's state, and the footer made from it.
 *
 *   specs ──► leaves (a VARIANT has two)        pq_writer_new
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
  pq_arena arena; /* everything below */
  pq_column_spec *specs;
  uint32_t spec_count;
  pq_leaf_spec *leaves;
  uint32_t leaf_count;
  const char *created_by;
  const pq_sort_column *sorting; /* of groups to come, in leaf ordinals */
  uint32_t sorting_count;
  pq_written_group *first, *last;
  uint32_t group_count;
  uint64_t row_count;
  uint64_t footer_len;
  bool is_finished;
};

/* Where the side buffers start in the file. */
typedef struct pq_side_places {
  uint64_t bloom_off, column_index_off, offset_index_off;
} pq_side_places;

/* Append FileMetaData to the file. */
int pq_footer_put(pq_writer *w, const pq_side_places *places, const pq_key_value *key_values,
                  uint32_t key_value_count) PQ_MUST_CHECK;

#endif
