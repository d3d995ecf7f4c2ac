/* examples/parquet/trips.c - a year of bicycle trips: written as Parquet, then asked two questions.
 *
 *     trips FILE       FILE must not exist
 *
 * Each row is a trip: when it began, where, how far, and the stations that it passed (a list):
 *
 *     start (timestamp) | city (text) | km (double, may be missing) | stops.list.element (text)
 *
 * The rows are sorted by start, so a question about one day looks at few pages; the program prints
 * how many rows they have.
 */
#include <parquedb/parquet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAYS = 365, TRIPS_A_DAY = 1000, GROUP_DAYS = 73, GROUP = GROUP_DAYS * TRIPS_A_DAY };

static const int64_t NEW_YEAR = 1767225600000000; /* 2026-01-01, in microseconds */
static const int64_t DAY = 86400000000;

static const pqdb_parquet_node schema[] = {
    {.name = "start",
     .type = PQDB_INT64,
     .logical = PQDB_LOGICAL_TIMESTAMP,
     .digits = 6,
     .is_utc = true},
    {.name = "city", .type = PQDB_BYTE_ARRAY, .logical = PQDB_LOGICAL_STRING},
    {.name = "km", .repetition = PQDB_OPTIONAL, .type = PQDB_DOUBLE},
    {.name = "stops", .child_count = 1, .logical = PQDB_LOGICAL_LIST},
    {.name = "list", .repetition = PQDB_REPEATED, .child_count = 1},
    {.name = "element", .type = PQDB_BYTE_ARRAY, .logical = PQDB_LOGICAL_STRING},
};

enum { START, CITY, KM, STOPS, COLUMNS };

static const char *const cities[] = {"Bern", "Delft", "Ghent"};
static const char *const stations[] = {"North", "East", "South", "West"};

static pqdb_bytes text(const char *s) {
  return (pqdb_bytes){(const uint8_t *)s, strlen(s)};
}

static void fail(const char *what, const char *message) {
  fprintf(stderr, "%s: %s\n", what, message);
  exit(1);
}

/* ---- writing ---- */

typedef struct group {
  int64_t start[GROUP];
  pqdb_bytes city[GROUP];
  double km[GROUP];
  uint8_t km_nulls[GROUP];
  pqdb_bytes stops[GROUP * 3]; /* one entry for each stop, and one for no stop */
  uint8_t stop_def[GROUP * 3], stop_rep[GROUP * 3];
} group;

static void write_group(pqdb_parquet_writer *w, group *g, int first) {
  pqdb_parquet_column columns[COLUMNS] = {
      [START] = {.type = PQDB_INT64, .values.i64 = g->start},
      [CITY] = {.type = PQDB_BYTE_ARRAY, .values.bytes = g->city},
      [KM] = {.type = PQDB_DOUBLE, .nulls = g->km_nulls, .values.f64 = g->km},
      [STOPS] = {.type = PQDB_BYTE_ARRAY,
                 .def = g->stop_def,
                 .rep = g->stop_rep,
                 .values.bytes = g->stops},
  };
  uint32_t entries = 0;
  for (int i = 0; i < GROUP; i++) {
    int trip = first + i, stops = trip % 4;
    g->start[i] = NEW_YEAR + trip * (DAY / TRIPS_A_DAY);
    g->city[i] = text(cities[trip % 3]);
    g->km[i] = trip % 100 / 10.0;
    g->km_nulls[i] = trip % 50 == 0;
    for (int k = 0; k < (stops == 0 ? 1 : stops); k++, entries++) {
      g->stop_rep[entries] = k > 0;     /* 0: a new row; 1: the list goes on */
      g->stop_def[entries] = stops > 0; /* 0: the list is empty; 1: there is a stop */
      g->stops[entries] = text(stations[(trip + k) % 4]);
    }
  }
  for (int i = 0; i < COLUMNS; i++)
    columns[i].row_count = columns[i].entry_count = GROUP;
  columns[STOPS].entry_count = entries;
  if (pqdb_parquet_write(w, columns, COLUMNS) != PQDB_OK)
    fail("write", pqdb_parquet_writer_message(w));
}

static void write_trips(const char *path) {
  pqdb_parquet_sorting by_start = {.leaf = START};
  group *g = malloc(sizeof *g);
  pqdb_parquet_writer *w;
  if (g == NULL) fail("write", "out of memory");
  if (pqdb_parquet_create(path, schema, sizeof schema / sizeof schema[0], NULL, &w) != PQDB_OK ||
      pqdb_parquet_sorting_columns(w, &by_start, 1) != PQDB_OK)
    fail("create", pqdb_parquet_writer_message(w));
  for (int day = 0; day < DAYS; day += GROUP_DAYS)
    write_group(w, g, day * TRIPS_A_DAY);
  if (pqdb_parquet_finish(w) != PQDB_OK) fail("finish", pqdb_parquet_writer_message(w));
  pqdb_parquet_writer_close(w);
  free(g);
}

/* ---- asking ---- */

/* How far did people ride in Delft on the first of March? */
static void ask_distance(pqdb_parquet *file) {
  int64_t from = NEW_YEAR + 59 * DAY, to = from + DAY;
  pqdb_bytes low = {(const uint8_t *)&from, sizeof from}, high = {(const uint8_t *)&to, sizeof to};
  pqdb_bytes delft = text("Delft");
  pqdb_parquet_predicate where[] = {
      {.leaf = START, .test = PQDB_TEST_GE, .values = &low, .value_count = 1},
      {.leaf = START, .test = PQDB_TEST_LT, .values = &high, .value_count = 1},
      {.leaf = CITY, .test = PQDB_TEST_EQ, .values = &delft, .value_count = 1}};
  uint32_t columns[] = {KM};
  pqdb_parquet_scan_options options = {.size = sizeof options,
                                       .leaves = columns,
                                       .leaf_count = 1,
                                       .predicates = where,
                                       .predicate_count = 3};
  pqdb_parquet_scan_stats stats;
  pqdb_parquet_scan *scan;
  pqdb_parquet_batch batch;
  double sum = 0;
  unsigned trips = 0;
  if (pqdb_parquet_scan_open(file, &options, &scan) != PQDB_OK)
    fail("scan", pqdb_parquet_scan_message(scan));
  while (pqdb_parquet_next(scan, &batch) == PQDB_ROW) {
    const pqdb_parquet_column *km = &batch.columns[0];
    trips += batch.row_count;
    for (uint32_t i = 0; i < batch.row_count; i++)
      if (km->nulls == NULL || !km->nulls[i]) sum += km->values.f64[i];
  }
  stats = pqdb_parquet_scan_so_far(scan);
  pqdb_parquet_scan_close(scan);
  printf("Delft, March 1: %u trips, %.1f km\n", trips, sum);
  printf("rows looked at: %llu of %llu\n", (unsigned long long)stats.rows_tested,
         (unsigned long long)pqdb_parquet_row_count(file));
}

/* Count stops by row group, on all processors. */
typedef struct tally {
  unsigned south[DAYS / GROUP_DAYS]; /* each row group has its own: no lock */
} tally;

static int count_stops(void *ud, const pqdb_parquet_batch *batch) {
  tally *t = (tally *)ud;
  const pqdb_parquet_column *stops = &batch->columns[0];
  for (uint32_t i = 0; i < stops->entry_count; i++)
    if (stops->def[i] == 1 && stops->values.bytes[i].n == 5 &&
        memcmp(stops->values.bytes[i].p, "South", 5) == 0)
      t->south[batch->row_group]++;
  return 0;
}

/* How many stops in the south were there in each part of the year? */
static void ask_stops(pqdb_parquet *file) {
  uint32_t columns[] = {STOPS};
  pqdb_parquet_scan_options options = {.size = sizeof options, .leaves = columns, .leaf_count = 1};
  tally t;
  memset(&t, 0, sizeof t);
  if (pqdb_parquet_scan_parallel(file, &options, count_stops, &t, NULL) != PQDB_OK)
    fail("scan", pqdb_parquet_message(file));
  printf("stops in the south:");
  for (int i = 0; i < DAYS / GROUP_DAYS; i++)
    printf(" %u", t.south[i]);
  printf("\n");
}

int main(int argc, char **argv) {
  pqdb_parquet *file;
  if (argc != 2) fail("usage", "trips FILE");
  write_trips(argv[1]);
  if (pqdb_parquet_open(argv[1], NULL, &file) != PQDB_OK) fail("open", pqdb_parquet_message(file));
  printf("%llu trips\n", (unsigned long long)pqdb_parquet_row_count(file));
  ask_distance(file);
  ask_stops(file);
  pqdb_parquet_close(file);
  return 0;
}
