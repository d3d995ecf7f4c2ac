/* wordnet.c - loads WordNet into a ParqueDB warehouse: an example of the public C API.
 *
 *     wordnet [--dict DIR] [--warehouse DIR] [--ndjson FILE]
 *
 *     data.adj/noun/adv/verb ──> {"insert":"synsets"} + 5,000 lines ──┐
 *                            ──> {"link":[]}          + 5,000 lines ──┴─> flush ──> warehouse
 *
 * Synsets first, because both ends of an edge must be there. What the same data would be as
 * NDJSON with the pointers inline is measured before the clock starts (and kept with --ndjson).
 */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "parquedb/parquedb.h"
#include "wndb.h"
#include "wnjson.h"

enum { BATCH_LINES = 5000, BAR_CELLS = 30 };

typedef struct load {
  wn_dict dict;
  wn_synset synset; /* the current one */
  wn_lines lines;   /* the current batch */
  pqdb *db;
  size_t synset_count, pointer_count, edge_count;
  uint64_t ndjson_len;
} load;

static const char USAGE[] =
    "usage: wordnet [--dict DIR] [--warehouse DIR] [--ndjson FILE]\n"
    "Loads WordNet 3.0 into a ParqueDB warehouse: a collection `synsets` and its edges.\n"
    "  --dict DIR       the folder of data.noun and so on (default /usr/share/wordnet)\n"
    "  --warehouse DIR  where to load it (default ./warehouse)\n"
    "  --ndjson FILE    write the same data there as NDJSON, with pointers inline\n";

static _Noreturn void die(const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  fputs("wordnet: ", stderr);
  vfprintf(stderr, fmt, args);
  fputs("\n", stderr);
  va_end(args);
  exit(1);
}

static double now_seconds(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool next_synset(load *l) {
  int rc = wn_next(&l->dict, &l->synset);
  if (rc < 0) die("%s", l->dict.message);
  if (rc > 0) wn_sort_pointers(&l->synset);
  return rc > 0;
}

/* ---- progress: a bar on a terminal, else one line when a phase ends ---- */

typedef struct progress {
  const char *label;
  size_t total;
  double start, drawn;
  bool is_terminal;
} progress;

static progress progress_start(const char *label, size_t total) {
  return (progress){label, total, now_seconds(), 0, isatty(STDERR_FILENO) == 1};
}

static void progress_draw(progress *p, size_t done) {
  double now = now_seconds();
  if (!p->is_terminal || now - p->drawn < 0.05) return;
  p->drawn = now;
  char bar[BAR_CELLS + 1] = "";
  size_t filled = p->total == 0 ? 0 : done * BAR_CELLS / p->total;
  memset(bar, '.', BAR_CELLS);
  memset(bar, '#', filled < BAR_CELLS ? filled : BAR_CELLS);
  fprintf(stderr, "\r%-9s [%s] %7zu of %zu ", p->label, bar, done, p->total);
}

static void progress_end(progress *p, size_t done) {
  if (p->is_terminal) fprintf(stderr, "\r\033[K");
  fprintf(stderr, "%-9s %7zu in %.2f s\n", p->label, done, now_seconds() - p->start);
}

/* ---- loading ---- */

/* The number after "name": in a summary; 0 when it is not there. */
static size_t summary_number(const char *json, const char *name) {
  const char *p = strstr(json, name);
  if (p == NULL) return 0;
  p += strlen(name);
  p += strspn(p, "\": ");
  return (size_t)strtoull(p, NULL, 10);
}

/* Run a command with the batch as its payload; returns the number `counted` of its summary. */
static size_t run(load *l, const char *command, const char *counted) {
  pqdb_replies *replies = NULL;
  const char *json = "", *payload = l->lines.len == 0 ? NULL : l->lines.p;
  size_t len;
  int rc = pqdb_run(l->db, NULL, command, strlen(command), payload, l->lines.len, &replies);
  if (rc == PQDB_OK) {
    do
      rc = pqdb_next(replies, &json, &len);
    while (rc == PQDB_ROW);
  }
  if (rc == PQDB_ALREADY_EXISTS) {
    die("%s\nThe warehouse holds synsets already: remove it, or name another one.",
        pqdb_message(l->db));
  }
  if (rc != PQDB_DONE) die("%s: %s: %s", command, pqdb_status_name(rc), pqdb_message(l->db));
  size_t count = summary_number(json, counted);
  pqdb_replies_close(replies);
  wn_lines_clear(&l->lines);
  return count;
}

/* Measure the data as NDJSON, and count it; write it to `path` unless that is NULL. */
static void measure(load *l, const char *path) {
  FILE *file = path == NULL ? NULL : fopen(path, "wb");
  if (path != NULL && file == NULL) die("cannot create %s: %s", path, strerror(errno));
  for (wn_rewind(&l->dict); next_synset(l);) {
    wn_put_synset(&l->lines, &l->dict, &l->synset, true);
    l->ndjson_len += l->lines.len;
    if (file != NULL && fwrite(l->lines.p, 1, l->lines.len, file) < l->lines.len) {
      die("cannot write %s: %s", path, strerror(errno));
    }
    wn_lines_clear(&l->lines);
    l->synset_count++;
    l->pointer_count += l->synset.pointer_count;
    l->edge_count += wn_put_edges(&l->lines, &l->dict, &l->synset);
    wn_lines_clear(&l->lines);
  }
  if (file != NULL && fclose(file) != 0) die("cannot write %s: %s", path, strerror(errno));
}

static void load_synsets(load *l) {
  progress bar = progress_start("synsets", l->synset_count);
  size_t done = 0;
  bool is_more = true;
  for (wn_rewind(&l->dict); is_more;) {
    is_more = next_synset(l);
    if (is_more) wn_put_synset(&l->lines, &l->dict, &l->synset, false);
    if (l->lines.line_count < BATCH_LINES && (is_more || l->lines.line_count == 0)) continue;
    done += run(l, "{\"insert\": \"synsets\"}", "insertedCount");
    progress_draw(&bar, done);
  }
  progress_end(&bar, done);
  if (done != l->synset_count) die("%zu of %zu synsets were stored", done, l->synset_count);
}

static void load_edges(load *l) {
  progress bar = progress_start("edges", l->edge_count);
  size_t done = 0;
  bool is_more = true;
  for (wn_rewind(&l->dict); is_more;) {
    is_more = next_synset(l);
    if (is_more) wn_put_edges(&l->lines, &l->dict, &l->synset);
    if (l->lines.line_count < BATCH_LINES && (is_more || l->lines.line_count == 0)) continue;
    done += run(l, "{\"link\": []}", "linkedCount");
    progress_draw(&bar, done);
  }
  progress_end(&bar, done);
  if (done != l->edge_count) die("%zu of %zu edges were stored", done, l->edge_count);
}

/* ---- the end ---- */

static uint64_t tree_len; /* nftw() gives its callback no argument of ours */

static int add_file(const char *path, const struct stat *info, int kind, struct FTW *ftw) {
  (void)path;
  (void)ftw;
  if (kind == FTW_F) tree_len += (uint64_t)info->st_size;
  return 0;
}

static void print_summary(const load *l, const char *warehouse, double seconds) {
  tree_len = 0;
  if (nftw(warehouse, add_file, 16, FTW_PHYS) != 0) die("cannot read the folder %s", warehouse);
  printf(
      "%zu synsets, %zu pointers, %zu edges, %.2f seconds, %.0f events/s, "
      "warehouse %llu bytes, NDJSON %llu bytes, ratio %.3f\n",
      l->synset_count, l->pointer_count, l->edge_count, seconds,
      (double)(l->synset_count + l->edge_count) / seconds, (unsigned long long)tree_len,
      (unsigned long long)l->ndjson_len, (double)tree_len / (double)l->ndjson_len);
}

int main(int argc, char **argv) {
  static load l; /* wn_synset is large */
  const char *dict = "/usr/share/wordnet", *warehouse = "warehouse", *ndjson = NULL;
  for (int i = 1; i < argc; i++) {
    bool has_value = i + 1 < argc;
    if (strcmp(argv[i], "--help") == 0) {
      fputs(USAGE, stdout);
      return 0;
    }
    if (has_value && strcmp(argv[i], "--dict") == 0) {
      dict = argv[++i];
    } else if (has_value && strcmp(argv[i], "--warehouse") == 0) {
      warehouse = argv[++i];
    } else if (has_value && strcmp(argv[i], "--ndjson") == 0) {
      ndjson = argv[++i];
    } else {
      fputs(USAGE, stderr);
      return 2;
    }
  }
  if (!wn_open(&l.dict, dict)) die("%s (Debian package wordnet-base)", l.dict.message);
  measure(&l, ndjson);

  double start = now_seconds();
  /* A load with an end: few large files at once instead of small ones that are merged later. */
  pqdb_options options = {.size = sizeof options,
                          .memory = (uint64_t)1 << 30,
                          .maintain = PQDB_MAINTAIN_NEVER,
                          .bulk = UINT32_MAX};
  if (pqdb_open(warehouse, &options, &l.db) != PQDB_OK) {
    die("cannot open the warehouse %s: %s", warehouse,
        l.db == NULL ? "out of memory" : pqdb_message(l.db));
  }
  load_synsets(&l);
  load_edges(&l);
  progress bar = progress_start("flush", 0);
  progress_end(&bar, run(&l, "{\"flush\": 1}", "files"));
  double seconds = now_seconds() - start;
  pqdb_close(l.db);

  print_summary(&l, warehouse, seconds);
  wn_lines_free(&l.lines);
  wn_close(&l.dict);
  return 0;
}
