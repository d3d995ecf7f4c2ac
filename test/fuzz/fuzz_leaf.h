/* test/fuzz/fuzz_leaf.h - a file of one column and one row group whose footer was made by hand, so
 * that fuzzing begins behind it.
 *
 *   input: type | type_len | def_max:4 rep_max:4 | codec | sort | u16 rows | u16 entries | rest
 *   file:  PAR1 | the chunk, `chunk_len` bytes | what stands behind it | 8 bytes of tail
 */
#ifndef PQ_TEST_FUZZ_LEAF_H
#define PQ_TEST_FUZZ_LEAF_H

#include "read_all.h"

enum { LEAF_HEAD_LEN = 4 };

typedef struct leaf_file {
  pq_footer footer;
  pq_node nodes[2];
  pq_leaf leaf;
  pq_row_group group;
  pq_chunk chunk;
} leaf_file;

static inline uint32_t fuzz_u16(pq_slice *in) {
  uint32_t low = fuzz_byte(in);
  return low | (uint32_t)fuzz_byte(in) << 8;
}

/* Cut the description off *in. */
static inline void leaf_file_init(leaf_file *f, pq_slice *in) {
  uint32_t levels;
  *f = (leaf_file){0};
  f->leaf.phys = (pq_phys)(fuzz_byte(in) % 8);
  f->leaf.type_len = fuzz_byte(in);
  levels = fuzz_byte(in);
  f->leaf.def_max = levels & 15;
  f->leaf.rep_max = levels >> 4;
  if (f->leaf.rep_max > f->leaf.def_max) f->leaf.rep_max = f->leaf.def_max;
  f->chunk.codec = (pq_codec)(fuzz_byte(in) % 8);
  f->leaf.sort = (pq_leaf_sort)(fuzz_byte(in) % 2);
  f->leaf.has_known_order = f->leaf.is_ordered = f->leaf.sort != PQ_SORT_NONE;
  f->group.row_count = fuzz_u16(in);
  f->chunk.value_count = fuzz_u16(in);
  f->leaf.node = 1;
  f->leaf.field_id = -1;
  f->leaf.path = pq_str("c");
  if (f->leaf.phys == PQ_PHYS_INT96) f->leaf.type_len = 12;
  if (pq_phys_is_slice(f->leaf.phys)) f->leaf.sort = PQ_SORT_BYTES;
  if (f->leaf.phys == PQ_PHYS_FLOAT || f->leaf.phys == PQ_PHYS_DOUBLE) f->leaf.sort = PQ_SORT_FLOAT;
  f->nodes[0] = (pq_node){.child_count = 1, .leaf = PQ_NO_NODE, .leaf_count = 1};
  f->nodes[0].next = f->nodes[0].parent = f->nodes[1].next = PQ_NO_NODE;
  f->nodes[1].def = f->leaf.def_max;
  f->nodes[1].rep = f->leaf.rep_max;
  f->group.chunks = &f->chunk;
  f->footer = (pq_footer){.nodes = f->nodes,
                          .node_count = 2,
                          .leaves = &f->leaf,
                          .leaf_count = 1,
                          .row_groups = &f->group,
                          .row_group_count = 1,
                          .row_count = f->group.row_count};
}

/* The file's bytes: `chunk`, padded to `chunk_len`, then `behind`. Free with free(). */
static inline pq_slice leaf_file_bytes(leaf_file *f, pq_slice chunk, size_t chunk_len,
                                       pq_slice behind) {
  size_t n = LEAF_HEAD_LEN + chunk_len + behind.n + PQ_FOOTER_TAIL_LEN;
  uint8_t *p = calloc(n, 1);
  FUZZ_CHECK(p != NULL);
  if (chunk.n > 0) memcpy(p + LEAF_HEAD_LEN, chunk.p, chunk.n);
  if (behind.n > 0) memcpy(p + LEAF_HEAD_LEN + chunk_len, behind.p, behind.n);
  f->chunk.off = f->chunk.data_page_off = LEAF_HEAD_LEN;
  f->chunk.len = f->chunk.uncompressed_len = chunk_len;
  f->footer.file_len = n;
  return (pq_slice){p, n};
}

/* As read_all_open for a footer that is there already. */
static inline void leaf_file_open(read_all *r, pq_cx *cx, leaf_file *f, pq_slice bytes) {
  *r = (read_all){.cx = cx, .bytes = bytes, .random = (uint32_t)bytes.n};
  r->file = (pq_file){.key = "a.parquet", .footer = &f->footer};
  pq_fetch_init(&r->fetch, cx);
  pq_arena_init(&r->arena, cx, cx->limits.op_len_max);
  pq_arena_init(&r->scratch, cx, cx->limits.op_len_max);
}

#endif
