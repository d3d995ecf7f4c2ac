/* query/scan_group.h - $group over the columns of files, without documents.
 *
 *   files    rows whose columns say everything ──► groups with partial states   (here)
 *            all other rows, and the overlay   ──► the scan's sink, as documents (ordinary $group)
 *   end      the ordinary $group takes the partial states over (query/group_fold.h)
 *
 * A group is made of the values of some paths; what is folded are counts, sums and extremes of
 * paths. A row group of a file is folded when columns decide the filter for every row of it, and
 * hold the values, with their types, at every path that is named here (doc/formats/data.md); else
 * its rows go to the sink. Without keys, counts and extremes of a whole row group come from its
 * statistics, and no page is read.
 *
 * Values of a key are numbered, equal ones alike (1 and 1.0); a group is a tuple of numbers:
 *
 *   key 0   "en" 1  "de" 2         (1, 1) ─► group 0        missing: number 0
 *   key 1    7   1   8   2         (2, 1) ─► group 1
 */
#ifndef PQ_QUERY_SCAN_GROUP_H
#define PQ_QUERY_SCAN_GROUP_H

#include "expr/total.h"
#include "query/scan.h"

typedef enum pq_fold_op {
  PQ_FOLD_COUNT, /* rows; no path */
  PQ_FOLD_SUM,   /* of numbers, for $sum and $avg */
  PQ_FOLD_MIN,
  PQ_FOLD_MAX
} pq_fold_op;

typedef struct pq_fold_item {
  pq_fold_op op;
  pq_slice path;
} pq_fold_item;

/* What the rows of a group gave to one item. */
typedef struct pq_fold_state {
  uint64_t count;   /* COUNT: rows. SUM: integers */
  int64_t integer;  /* SUM: of the integers … */
  pq_total *total;  /* … but those that overflowed, and of the doubles; NULL: none */
  pq_value extreme; /* MIN, MAX; missing: none */
  bool has_long;    /* some integer was a long */
} pq_fold_state;

/* An open hash table of numbers. */
typedef struct pq_number_slot {
  uint64_t bits;
  uint32_t number; /* + 1; 0: empty */
} pq_number_slot;
typedef struct pq_number_table {
  pq_number_slot *slots;
  uint32_t slot_count, count;
} pq_number_table;

/* The values of one key that came so far, by number. */
typedef struct pq_fold_key {
  pq_number_table table;
  pq_number_table pairs; /* (number of the keys before, number of this one); not of the first */
  pq_value *values;
  pq_slice *texts; /* of text */
  uint8_t *kinds;
  uint32_t count, cap;
} pq_fold_key;

typedef struct pq_grouping {
  pq_arena *keep;            /* borrowed: groups live here, that is as long as the operation */
  const pq_slice *keys;      /* paths; borrowed */
  uint32_t key_count;        /* 0: one group of all rows */
  const pq_fold_item *items; /* borrowed */
  uint32_t item_count;
  /* With more groups rows go to the sink; at first 1 Mi. A row counts as a group until it is read:
   * a window has half as many rows, or one row group. */
  uint32_t group_max;
  uint64_t len_max; /* the same with more bytes in `keep`; 0: no limit */
  bool keeps_types; /* 1 and 1.0 are two keys, and so are 0.0 and -0.0 */
  /* the result: group i has keys values[i * key_count …] and states[i * item_count …] */
  pq_value *values; /* missing: the path was not there */
  pq_fold_state *states;
  uint32_t group_count, group_cap;
  pq_fold_key *numbers; /* by key */
} pq_grouping;

#define PQ_FOLD_PATHS_MAX 32u

/* `keep` lives as long as the scan and the groups. Set scan.fold to it before the first window. */
void pq_grouping_init(pq_grouping *fold, pq_arena *keep, const pq_slice *keys, uint32_t key_count,
                      const pq_fold_item *items, uint32_t item_count);

/* The sum of an item's numbers. */
pq_total pq_fold_total(const pq_fold_state *state);

#endif
