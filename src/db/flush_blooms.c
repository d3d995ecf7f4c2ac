/* db/flush_blooms.c - what the log knows of a new file's ids and types without opening it.
 *
 *   writer ─► places and bounds of the filters of $id, from_id, to_id or key ─► the file's record
 *          └► the filters themselves, if they are few bytes
 *
 * A record is read by whoever opens the namespace: data files of up to some 13,000 rows, which is
 * more than a flush usually makes, are asked without any request, larger ones with one.
 */
#include <string.h>

#include "db/flush_int.h"
#include "log/event_index.h"

enum {
  DATA_BYTES_MAX = 16 << 10, /* of the filters of a file, in its record */
  OTHER_BYTES_MAX = 4 << 10, /* edges, events: not every look-up asks them */
  LEAF_DATA = 0,
  LEAF_TYPE = 1
};

/* The leaf that idMin and idMax are of; UINT32_MAX: none. */
static uint32_t id_leaf(pq_file_kind kind) {
  switch (kind) {
    case PQ_FILE_DATA: return LEAF_DATA;
    case PQ_FILE_FORWARD: return pq_edge_id_leaf(false);
    case PQ_FILE_REVERSE: return pq_edge_id_leaf(true);
    case PQ_FILE_EVENT_INDEX: return PQ_INDEX_LEAF_KEY;
    default: return UINT32_MAX;
  }
}

static int note_types(pq_arena *arena, const pq_writer *writer, pq_file_info *info) {
  pq_slice found[PQ_FILE_TYPES_MAX], *types;
  uint32_t n = pq_writer_constants(writer, LEAF_TYPE, found, PQ_FILE_TYPES_MAX);
  types = pq_arena_calloc(arena, n, sizeof *types);
  if (types == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < n; i++)
    PQ_TRY(pq_arena_copy(arena, found[i], &types[i]));
  info->types = types;
  info->type_count = n;
  return PQ_OK;
}

int pq_flush_note_blooms(pq_arena *arena, const pq_writer *writer, pq_file_info *info) {
  pq_bloom_place found[PQ_FILE_BLOOMS_MAX], *blooms;
  uint32_t leaf = id_leaf(info->kind), n;
  size_t len = 0, max = info->kind == PQ_FILE_DATA ? DATA_BYTES_MAX : OTHER_BYTES_MAX;
  if (leaf == UINT32_MAX) return PQ_OK;
  if (info->kind == PQ_FILE_DATA) PQ_TRY(note_types(arena, writer, info));
  n = pq_writer_blooms(writer, leaf, found, PQ_FILE_BLOOMS_MAX);
  blooms = pq_arena_calloc(arena, n, sizeof *blooms);
  if (blooms == NULL) return arena->cx->code;
  for (uint32_t i = 0; i < n; i++) {
    if (found[i].len > PQ_BLOOM_PLACE_LEN_MAX) return PQ_OK; /* such a one is read block by block */
    len += found[i].len;
  }
  for (uint32_t i = 0; i < n; i++) {
    pq_bloom_place *b = &blooms[i];
    *b = found[i];
    b->bytes = (pq_slice){0};
    PQ_TRY(pq_arena_copy(arena, found[i].min, &b->min));
    PQ_TRY(pq_arena_copy(arena, found[i].max, &b->max));
    if (len <= max) PQ_TRY(pq_arena_copy(arena, found[i].bytes, &b->bytes));
    if (n == 1) { /* the record says them once */
      b->min = info->id_min;
      b->max = info->id_max;
    }
  }
  info->blooms = blooms;
  info->bloom_count = n;
  return PQ_OK;
}
