/* test/unit/test_prune_corpora.c - the same rows with and without pruning, on files of many
 * writers.
 *
 * For each small file of the corpora and each flat column: a few of its values, each test of a
 * predicate, once believing statistics, bloom filters and indexes and once not. Wrong statistics
 * of real writers are found here. Files that cannot be read are no matter of this test.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "parquedb/parquet.h"
#include "unit.h"

enum { FILE_LEN_MAX = 24 << 10, DEPTH_MAX = 12, VALUES = 3, VALUE_LEN_MAX = 256, NODES_MAX = 60 };

static unsigned files, scans;
static uint64_t tested, tested_unpruned;

/* Numbers of the rows that match, as a hash; false if the scan fails. */
static bool find_rows(pqdb_parquet *f, const pqdb_parquet_predicate *p, bool is_unpruned,
                      uint64_t *hash) {
  pqdb_parquet_scan_options o = {.size = sizeof o,
                                 .leaves = &p->leaf,
                                 .predicates = p,
                                 .predicate_count = 1,
                                 .is_unpruned = is_unpruned};
  pqdb_parquet_scan *s;
  pqdb_parquet_batch b;
  int rc = pqdb_parquet_scan_open(f, &o, &s);
  *hash = 1;
  while (rc == PQDB_OK || rc == PQDB_ROW) {
    rc = pqdb_parquet_next(s, &b);
    for (uint32_t i = 0; rc == PQDB_ROW && i < b.row_count; i++)
      *hash = *hash * 31 + (b.rows != NULL ? b.rows[i] : b.first_row + i);
  }
  *(is_unpruned ? &tested_unpruned : &tested) += pqdb_parquet_scan_so_far(s).rows_tested;
  pqdb_parquet_scan_close(s);
  return rc == PQDB_DONE;
}

static void compare(const char *path, pqdb_parquet *f, const pqdb_parquet_predicate *p) {
  uint64_t pruned, all;
  bool is_same;
  if (!find_rows(f, p, true, &all)) return;
  is_same = find_rows(f, p, false, &pruned) && pruned == all;
  CHECK(is_same);
  if (!is_same) fprintf(stderr, "%s: leaf %u, test %d\n", path, (unsigned)p->leaf, (int)p->test);
  scans++;
}

/* Some values of a column that are not null; how many. */
static uint32_t gather(pqdb_parquet *f, const pqdb_parquet_node *n, pqdb_bytes values[VALUES]) {
  static uint8_t room[VALUES][VALUE_LEN_MAX];
  static const size_t sizes[] = {1, 4, 8, 0, 4, 8, 0, 0};
  uint32_t leaf = (uint32_t)n->leaf, count = 0;
  pqdb_parquet_scan_options o = {
      .size = sizeof o, .leaves = &leaf, .leaf_count = 1, .batch_rows = 5};
  pqdb_parquet_scan *s;
  pqdb_parquet_batch b;
  int rc = pqdb_parquet_scan_open(f, &o, &s);
  while ((rc == PQDB_OK || rc == PQDB_ROW) && count < VALUES) {
    const pqdb_parquet_column *c;
    size_t len = sizes[n->type];
    const uint8_t *from;
    rc = pqdb_parquet_next(s, &b);
    if (rc != PQDB_ROW) break;
    c = &b.columns[0];
    if (c->nulls != NULL && c->nulls[b.row_count / 2]) continue;
    from = len > 0 ? (const uint8_t *)c->values.any + len * (b.row_count / 2)
                   : c->values.bytes[b.row_count / 2].p;
    if (len == 0) len = c->values.bytes[b.row_count / 2].n;
    if (len > VALUE_LEN_MAX) continue;
    if (len > 0) memcpy(room[count], from, len);
    values[count] = (pqdb_bytes){room[count], len};
    count++;
  }
  pqdb_parquet_scan_close(s);
  return count;
}

static void compare_column(const char *path, pqdb_parquet *f, const pqdb_parquet_node *n) {
  pqdb_bytes values[VALUES];
  uint32_t count = gather(f, n, values);
  pqdb_parquet_predicate p = {.leaf = (uint32_t)n->leaf};
  for (unsigned test = PQDB_TEST_EQ; test <= PQDB_TEST_NOT_NULL; test++) {
    p.test = (pqdb_parquet_test)test;
    p.values = values;
    p.value_count = test < PQDB_TEST_IN ? 1 : test == PQDB_TEST_IN ? count : 0;
    for (uint32_t i = 0; i < (test < PQDB_TEST_IN ? count : 1); i++) {
      if (test < PQDB_TEST_IN) p.values = &values[i];
      compare(path, f, &p);
    }
  }
}

static void compare_file(const char *path) {
  const pqdb_parquet_node *nodes;
  pqdb_parquet *f;
  uint32_t count;
  if (pqdb_parquet_open(path, NULL, &f) == PQDB_OK) {
    files++;
    nodes = pqdb_parquet_schema(f, &count);
    for (uint32_t i = 0; i < count && i < NODES_MAX; i++)
      if (nodes[i].leaf >= 0 && nodes[i].rep == 0 && nodes[i].def <= 1)
        compare_column(path, f, &nodes[i]);
  }
  pqdb_parquet_close(f);
}

static void compare_folder(const char *path, unsigned depth) {
  DIR *dir = depth == 0 ? NULL : opendir(path);
  struct dirent *entry;
  while (dir != NULL && (entry = readdir(dir)) != NULL) {
    char inner[2048];
    struct stat st;
    if (entry->d_name[0] == '.') continue;
    if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) >= (int)sizeof inner) continue;
    if (lstat(inner, &st) != 0) continue;
    if (S_ISDIR(st.st_mode)) compare_folder(inner, depth - 1);
    if (S_ISREG(st.st_mode) && st.st_size <= FILE_LEN_MAX) compare_file(inner);
  }
  if (dir != NULL) closedir(dir);
}

int main(void) {
  const char *root = getenv("PARQUEDB_CORPORA");
  char path[1024];
  snprintf(path, sizeof path, "%s/parquet", root != NULL ? root : "../shared/corpora");
  compare_folder(path, DEPTH_MAX);
  printf("%u files, %u scans, %llu of %llu rows tested\n", files, scans, (unsigned long long)tested,
         (unsigned long long)tested_unpruned);
  if (files == 0) {
    printf("skipped: corpora not found\n0 passed, 0 failed, 1 skipped\n");
    return 0;
  }
  CHECK(files > 300 && scans > 10000 && tested < tested_unpruned);
  return unit_end();
}
