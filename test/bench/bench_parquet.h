/* test/bench/bench_parquet.h - what the programs of the Parquet benchmark share.
 *
 *   bench_parquet_data.c   rows of two tables, from a seed, as columns in memory
 *   bench_parquet_ours.c   reading and writing through include/parquedb/parquet.h
 *   bench_parquet_floor.c  unpacks every page of a file and does nothing else
 *   bench_parquet.c        takes one of these jobs per line of standard input, says how long
 *
 * Everything ends the program on a failure, with a message: there is no figure for wrong output.
 */
#ifndef PQ_BENCH_PARQUET_H
#define PQ_BENCH_PARQUET_H

#include "parquedb/parquet.h"

enum { BENCH_COLUMNS_MAX = 16, BENCH_GROUP_ROWS = 122880, BENCH_SMALL_GROUP_ROWS = 10000 };

_Noreturn void bench_die(const char *what, const char *why);
void *bench_alloc(size_t count, size_t size);

/* ---- generated tables ---- */

typedef struct bench_table {
  const char *name;
  const pqdb_parquet_node *nodes; /* one flat leaf each */
  uint32_t column_count;
  uint32_t sorted_leaf;
} bench_table;

/* "lineitem" or "documents". */
const bench_table *bench_table_of(const char *name);

/* The next rows of a table; the same whatever the size of the groups. */
typedef struct bench_data bench_data;
bench_data *bench_data_new(const bench_table *table, uint64_t rows);
void bench_data_free(bench_data *d); /* strings of its groups borrow from it */

typedef struct bench_group {
  uint32_t row_count;
  pqdb_parquet_column columns[BENCH_COLUMNS_MAX];
  char *text; /* owned: strings that were made for this group */
} bench_group;

/* At most `rows_max` further rows; false at the end. */
bool bench_data_next(bench_data *d, uint32_t rows_max, bench_group *out);
void bench_group_release(bench_group *g, const bench_table *table);

/* ---- jobs; each gives a number by which the answers of all readers are compared ---- */

/* Every value of the columns "a,b,c", or of all ("*"): rows seen. */
double bench_scan(const char *path, const char *columns, unsigned threads, bool has_codes);
/* All columns of the rows with lo <= column <= hi: how many. */
double bench_range(const char *path, const char *column, const char *lo, const char *hi);
/* All columns of the row that has each key of "a,b,c": rows found. `file` NULL: open and close the
 * file for each. */
double bench_get(const char *path, pqdb_parquet *file, const char *column, const char *keys);
/* The sum of an integer column, perhaps a shredded field; no other is read. */
double bench_sum(const char *path, const char *column);
/* Bytes of all strings and the sum of all integers: has every reader seen the same? */
double bench_check(const char *path);
pqdb_parquet *bench_open(const char *path);

/* Keep a table in memory, as row groups; write it; forget it. */
void bench_load(const char *table, const char *rows, const char *group_rows);
double bench_write(const char *codec, pqdb_parquet_layout layout, const char *path); /* rows */
void bench_drop(void);
/* Print "keys a,b,c": some values of the first column, a text, spread over the table. */
void bench_keys(const char *table, const char *rows, const char *count);
/* The columns of a file as they are, written by us. */
double bench_copy(const char *from, const char *codec, const char *path);
/* A file of many columns and little in them. */
double bench_write_wide(const char *columns, const char *row_groups, const char *path);

double bench_floor(const char *path); /* bytes unpacked */

#endif
