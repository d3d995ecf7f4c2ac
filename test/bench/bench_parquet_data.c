/* test/bench/bench_parquet_data.c - the tables of the Parquet benchmark, from a seed.
 *
 *   lineitem    16 columns of the shape of TPC-H's largest table, about 132 bytes a row as PLAIN
 *   documents   8 columns: ids that sort by time, a type, versions, times, an author, and a
 *               document as JSON text of about 396 bytes; about 480 bytes a row
 *
 * As TPC-H's own generator does, comments are cut out of one long text at random places. Nothing
 * depends on the machine, the clock or the size of the row groups.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_parquet.h"

enum { TEXT_LEN = 16 << 20, WORD_LEN_MAX = 16, JSON_LEN_MAX = 1200, ID_LEN = 26, AUTHOR_LEN = 11 };

static const char *const words[128] = {
    "the",          "carefully", "final",      "deposits",     "sleep",    "quickly",
    "above",        "regular",   "accounts",   "furiously",    "pending",  "requests",
    "across",       "ironic",    "packages",   "haggle",       "blithely", "even",
    "instructions", "along",     "express",    "theodolites",  "special",  "foxes",
    "slyly",        "bold",      "pinto",      "beans",        "among",    "unusual",
    "platelets",    "nag",       "silent",     "dependencies", "daringly", "ideas",
    "wake",         "according", "to",         "asymptotes",   "are",      "against",
    "close",        "excuses",   "cajole",     "fluffily",     "courts",   "after",
    "dolphins",     "boost",     "sauternes",  "integrate",    "about",    "warthogs",
    "affix",        "frets",     "detect",     "dinos",        "use",      "between",
    "attainments",  "print",     "somas",      "x-ray",        "beneath",  "Tiresias",
    "breach",       "patterns",  "hang",       "inside",       "forges",   "doze",
    "braids",       "engage",    "hockey",     "players",      "impress",  "during",
    "frays",        "kindle",    "despite",    "warhorses",    "lose",     "except",
    "dugouts",      "maintain",  "notornis",   "mold",         "for",      "epitaphs",
    "nod",          "pearls",    "play",       "into",         "tithes",   "poach",
    "near",         "waters",    "promise",    "orbits",       "rouse",    "of",
    "gifts",        "serve",     "without",    "sheaves",      "snooze",   "depths",
    "solve",        "through",   "sentiments", "thrash",       "under",    "decoys",
    "unwind",       "realms",    "use,",       "within",       "pains",    "was",
    "grouches",     "were",      "escapades",  "wake.",        "sly",      "careful",
    "ruthless",     "thin"};

#define LEAF(title, kind, ...) \
  { .name = title, .repetition = PQDB_REQUIRED, .type = kind, __VA_ARGS__ }
#define TEXT(title) LEAF(title, PQDB_BYTE_ARRAY, .logical = PQDB_LOGICAL_STRING)
#define DECIMAL(title) \
  LEAF(title, PQDB_INT64, .logical = PQDB_LOGICAL_DECIMAL, .precision = 15, .scale = 2)
#define DATE(title) LEAF(title, PQDB_INT32, .logical = PQDB_LOGICAL_DATE)
#define TIME(title) \
  LEAF(title, PQDB_INT64, .logical = PQDB_LOGICAL_TIMESTAMP, .digits = 6, .is_utc = true)

static const pqdb_parquet_node lineitem_nodes[] = {
    LEAF("l_orderkey", PQDB_INT64, .has_bloom = false),
    LEAF("l_partkey", PQDB_INT64, .has_bloom = false),
    LEAF("l_suppkey", PQDB_INT32, .has_bloom = false),
    LEAF("l_linenumber", PQDB_INT32, .has_bloom = false),
    DECIMAL("l_quantity"),
    DECIMAL("l_extendedprice"),
    DECIMAL("l_discount"),
    DECIMAL("l_tax"),
    TEXT("l_returnflag"),
    TEXT("l_linestatus"),
    DATE("l_shipdate"),
    DATE("l_commitdate"),
    DATE("l_receiptdate"),
    TEXT("l_shipinstruct"),
    TEXT("l_shipmode"),
    TEXT("l_comment"),
};

static const pqdb_parquet_node document_nodes[] = {
    LEAF("$id", PQDB_BYTE_ARRAY, .logical = PQDB_LOGICAL_STRING, .has_bloom = true),
    TEXT("$type"),
    LEAF("$version", PQDB_INT32, .has_bloom = false),
    TIME("$createdAt"),
    TIME("$updatedAt"),
    TEXT("author"),
    LEAF("score", PQDB_DOUBLE, .has_bloom = false),
    LEAF("data", PQDB_BYTE_ARRAY, .logical = PQDB_LOGICAL_STRING),
};

static const bench_table tables[] = {{"lineitem", lineitem_nodes, 16, 0},
                                     {"documents", document_nodes, 8, 0}};

const bench_table *bench_table_of(const char *name) {
  for (size_t i = 0; i < 2; i++)
    if (strcmp(tables[i].name, name) == 0) return &tables[i];
  bench_die("no such table", name);
}

struct bench_data {
  const bench_table *table;
  uint64_t rows, done;
  uint64_t seed;
  char *text; /* TEXT_LEN and the longest comment more */
  int64_t order_key;
  uint32_t line, line_count, order_date; /* of the order */
  uint64_t time_us;
};

/* splitmix64 */
static uint64_t next(bench_data *d) {
  uint64_t z = (d->seed += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* 0 <= value < below */
static uint32_t pick(bench_data *d, uint32_t below) {
  return (uint32_t)((next(d) >> 32) * below >> 32);
}

/* Words of the front come more often. */
static const char *word(bench_data *d) {
  uint64_t r = next(d);
  return words[(r & 127) * (r >> 8 & 127) >> 7];
}

bench_data *bench_data_new(const bench_table *table, uint64_t rows) {
  bench_data *d = bench_alloc(1, sizeof *d);
  *d = (bench_data){.table = table, .rows = rows, .seed = 42, .time_us = 1767225600000000u};
  d->text = bench_alloc(TEXT_LEN + 64, 1);
  for (size_t len = 0; len < TEXT_LEN + 64;) {
    const char *w = word(d);
    size_t n = strlen(w), room = TEXT_LEN + 64 - len;
    memcpy(d->text + len, w, n < room ? n : room);
    len += n + 1;
    if (len <= TEXT_LEN + 64) d->text[len - 1] = ' ';
  }
  return d;
}

void bench_data_free(bench_data *d) {
  free(d->text);
  free(d);
}

static pqdb_bytes constant(const char *text) {
  return (pqdb_bytes){(const uint8_t *)text, strlen(text)};
}

/* The arrays of a group, written to by position. */
typedef struct arrays {
  void *at[BENCH_COLUMNS_MAX];
} arrays;

static void put_i64(arrays *a, size_t column, uint32_t row, int64_t v) {
  ((int64_t *)a->at[column])[row] = v;
}
static void put_i32(arrays *a, size_t column, uint32_t row, uint32_t v) {
  ((int32_t *)a->at[column])[row] = (int32_t)v;
}
static void put_text(arrays *a, size_t column, uint32_t row, pqdb_bytes v) {
  ((pqdb_bytes *)a->at[column])[row] = v;
}

static void lineitem_keys(bench_data *d, arrays *a, uint32_t i) {
  if (d->line == d->line_count) {
    d->order_key += 1 + (int64_t)(pick(d, 8) == 0) * 24; /* TPC-H's orders have gaps */
    d->line = 0;
    d->line_count = 1 + pick(d, 7);
    d->order_date = 8035 + pick(d, 2405); /* 1992-01-01 … 1998-08-02 */
  }
  uint32_t part = 1 + pick(d, 1000000);
  put_i64(a, 0, i, d->order_key);
  put_i64(a, 1, i, part);
  put_i32(a, 2, i, 1 + (part + pick(d, 4) * 12501) % 50000);
  put_i32(a, 3, i, ++d->line);
  uint32_t quantity = 1 + pick(d, 50);
  uint32_t price = 90000 + (part / 10) % 20001 + 100 * (part % 1000); /* in cents */
  put_i64(a, 4, i, quantity * 100);
  put_i64(a, 5, i, (int64_t)quantity * price);
  put_i64(a, 6, i, pick(d, 11));
  put_i64(a, 7, i, pick(d, 9));
}

static void lineitem_row(bench_data *d, arrays *a, uint32_t i) {
  static const char *const instructions[] = {"DELIVER IN PERSON", "COLLECT COD", "NONE",
                                             "TAKE BACK RETURN"};
  static const char *const modes[] = {"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"};
  lineitem_keys(d, a, i);
  uint32_t ship = d->order_date + 1 + pick(d, 121), receipt = ship + 1 + pick(d, 30);
  uint32_t today = 9298; /* 1995-06-17 */
  const char *flag = receipt > today ? "N" : pick(d, 2) == 0 ? "R" : "A";
  put_text(a, 8, i, constant(flag));
  put_text(a, 9, i, constant(ship > today ? "O" : "F"));
  put_i32(a, 10, i, ship);
  put_i32(a, 11, i, d->order_date + 30 + pick(d, 61));
  put_i32(a, 12, i, receipt);
  put_text(a, 13, i, constant(instructions[pick(d, 4)]));
  put_text(a, 14, i, constant(modes[pick(d, 7)]));
  const char *comment = d->text + pick(d, TEXT_LEN);
  put_text(a, 15, i, (pqdb_bytes){(const uint8_t *)comment, 10 + pick(d, 34)});
}

/* ---- documents ---- */

/* As a ULID: milliseconds, then random bits, in Crockford's base 32. */
static pqdb_bytes put_id(bench_data *d, char **to) {
  static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  char *id = *to;
  uint64_t ms = d->time_us / 1000, lo = next(d), hi = next(d);
  for (int i = 9; i >= 0; i--, ms >>= 5)
    id[i] = digits[ms & 31];
  for (int i = 10; i < 18; i++, lo >>= 5)
    id[i] = digits[lo & 31];
  for (int i = 18; i < ID_LEN; i++, hi >>= 5)
    id[i] = digits[hi & 31];
  *to += ID_LEN;
  return (pqdb_bytes){(const uint8_t *)id, ID_LEN};
}

static char *put_words(bench_data *d, char *to, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    const char *w = word(d);
    size_t n = strlen(w);
    if (i > 0) *to++ = ' ';
    memcpy(to, w, n);
    to += n;
  }
  return to;
}

static char *put_format(char *to, const char *format, uint64_t number) {
  return to + snprintf(to, 64, format, (unsigned long long)number);
}

static pqdb_bytes put_json(bench_data *d, char **to) {
  char *start = *to, *p = start;
  p = put_words(d, put_format(p, "{\"number\":%llu,\"title\":\"", d->done), 3 + pick(d, 5));
  p = put_words(d, put_format(p, "\",\"body\":\"", 0), 12 + pick(d, 19));
  p = put_format(p, "\",\"tags\":[\"", 0);
  for (uint32_t i = 0, n = 1 + pick(d, 4); i < n; i++)
    p = put_words(d, i == 0 ? p : put_format(p, "\",\"", 0), 1);
  p = put_format(p, "\"],\"owner\":{\"name\":\"user %llu\",", pick(d, 5000));
  p = put_format(p, "\"karma\":%llu},", pick(d, 100000));
  p = put_format(p, "\"views\":%llu,", pick(d, 1000000));
  p = put_format(p, "\"price\":%llu.", pick(d, 500));
  p = put_format(p, "%llu,\"active\":", 1 + pick(d, 98));
  p = put_format(p, pick(d, 4) == 0 ? "false" : "true", 0);
  p = put_format(p, ",\"url\":\"https://example.org/posts/%016llx\"}", next(d));
  *to = p;
  return (pqdb_bytes){(const uint8_t *)start, (size_t)(p - start)};
}

static void document_row(bench_data *d, arrays *a, uint32_t i, char **text) {
  static const char *const types[] = {"Post", "Comment", "Question", "Answer", "Event", "Article"};
  d->time_us += 1000 + pick(d, 2600000);
  put_text(a, 0, i, put_id(d, text));
  put_text(a, 1, i, constant(types[pick(d, 6)]));
  uint32_t version = pick(d, 3) == 0 ? 2 + pick(d, 9) : 1;
  put_i32(a, 2, i, version);
  put_i64(a, 3, i, (int64_t)d->time_us);
  uint64_t later = version == 1 ? 0 : next(d) % 86400000000u;
  put_i64(a, 4, i, (int64_t)(d->time_us + later));
  char *author = *text;
  *text = put_format(author, "user_%06llu", pick(d, 20000));
  put_text(a, 5, i, (pqdb_bytes){(const uint8_t *)author, AUTHOR_LEN});
  ((double *)a->at[6])[i] = (double)pick(d, 1 << 30) / (1 << 30);
  put_text(a, 7, i, put_json(d, text));
}

/* ---- groups ---- */

bool bench_data_next(bench_data *d, uint32_t rows_max, bench_group *out) {
  *out = (bench_group){0};
  uint64_t left = d->rows - d->done;
  uint32_t n = left < rows_max ? (uint32_t)left : rows_max;
  if (n == 0) return false;
  bool is_lineitem = d->table == &tables[0];
  arrays a = {0};
  for (uint32_t c = 0; c < d->table->column_count; c++) {
    pqdb_parquet_type type = d->table->nodes[c].type;
    size_t size = type == PQDB_BYTE_ARRAY ? sizeof(pqdb_bytes) : type == PQDB_INT32 ? 4 : 8;
    a.at[c] = bench_alloc(n, size);
    out->columns[c] = (pqdb_parquet_column){.type = type, .row_count = n, .entry_count = n};
    out->columns[c].values.any = a.at[c];
  }
  out->row_count = n;
  if (!is_lineitem) out->text = bench_alloc(n, JSON_LEN_MAX);
  char *text = out->text;
  for (uint32_t i = 0; i < n; i++, d->done++) {
    if (is_lineitem)
      lineitem_row(d, &a, i);
    else
      document_row(d, &a, i, &text);
  }
  return true;
}

void bench_group_release(bench_group *g, const bench_table *table) {
  for (uint32_t c = 0; c < table->column_count; c++)
    free((void *)(uintptr_t)g->columns[c].values.any);
  free(g->text);
}
