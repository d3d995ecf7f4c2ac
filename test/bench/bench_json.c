/* test/bench/bench_json.c - JSON in and out: ours beside libbson and simdjson, on the same lines in
 * the same run.
 *
 *     bench_json WORDNET.ndjson      rates in MB of JSON text per second, the best of the rounds
 *
 * Three shapes: WordNet as it is; posts of a social network (nested, with escapes and other
 * scripts); measurements (mostly numbers: whole, short decimals, coordinates of 16 or 17 digits).
 * In each round every library does every job once. Below, what the engine does with a Variant
 * afterwards: check untrusted bytes, copy into another document.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/text.h"
#include "bench_peers.h"
#include "value/json.h"

enum { ROUNDS = 7, TEXT_MAX = 64 << 20, GENERATED_LEN = 12 << 20, DOC_CAP = 1 << 16 };

typedef struct shape {
  const char *name;
  char *text; /* owned, with BENCH_PADDING bytes behind */
  size_t len, cap;
  bench_line *lines; /* owned */
  size_t count;
} shape;

static void die(const char *what) {
  fprintf(stderr, "bench_json: %s\n", what);
  exit(1);
}

static void *need(void *p) {
  if (p == NULL) die("out of memory");
  return p;
}

/* ---- documents ---- */

static uint64_t seed = 42;

static uint32_t pick(uint32_t below) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(seed >> 33) % below;
}

static void put(shape *s, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  s->len += (size_t)vsnprintf(s->text + s->len, DOC_CAP, fmt, args);
  va_end(args);
}

static void put_words(shape *s, uint32_t count) {
  static const char *const words[] = {"the",
                                      "quick",
                                      "coffee",
                                      "on",
                                      "morning",
                                      "release",
                                      "and",
                                      "of",
                                      "graph",
                                      "column",
                                      "to",
                                      "train",
                                      "photo",
                                      "we",
                                      "caf\u00e9",
                                      "Z\u00fcrich",
                                      "\u6771\u4eac",
                                      "\U0001f389",
                                      "sunset",
                                      "music",
                                      "document",
                                      "index",
                                      "said \\\"yes\\\"",
                                      "because",
                                      "friend",
                                      "store",
                                      "a",
                                      "in"};
  for (uint32_t i = 0; i < count; i++)
    put(s, "%s%s", i > 0 ? " " : "", words[pick(sizeof words / sizeof *words)]);
}

static void put_post(shape *s, uint32_t i) {
  put(s, "{\"$id\":\"p%08u\",\"$type\":\"Post\",\"name\":\"", i);
  put_words(s, 4);
  put(s, "\",\"author\":{\"handle\":\"user_%u\",\"verified\":%s,\"followers\":%u},", pick(100000),
      pick(5) == 0 ? "true" : "false", pick(2000000));
  put(s, "\"createdAt\":\"2026-%02u-%02uT%02u:%02u:%02uZ\",\"text\":\"", 1 + pick(12), 1 + pick(28),
      pick(24), pick(60), pick(60));
  put_words(s, 20 + pick(40));
  put(s, "\",\"tags\":[");
  for (uint32_t n = 1 + pick(5), k = 0; k < n; k++)
    put(s, "%s\"tag%u\"", k > 0 ? "," : "", pick(500));
  put(s, "],\"counts\":{\"likes\":%u,\"reposts\":%u,\"replies\":%u},\"lang\":\"en\",\"geo\":null,",
      pick(9000), pick(500), pick(90));
  put(s, "\"comments\":[");
  for (uint32_t n = pick(4), k = 0; k < n; k++) {
    put(s, "%s{\"by\":\"user_%u\",\"at\":%u,\"text\":\"", k > 0 ? "," : "", pick(100000),
        1700000000 + pick(90000000));
    put_words(s, 6 + pick(12));
    put(s, "\",\"likes\":%u}", pick(50));
  }
  put(s, "]}\n");
}

static void put_measurement(shape *s, uint32_t i) {
  put(s, "{\"sensor\":%u,\"at\":%llu,\"seq\":%u,\"temperature\":%u.%u,\"pressure\":%u.%02u,",
      pick(4000), 1767225600000ull + i * 250ull, i, pick(40), 1 + pick(9), 900 + pick(200),
      1 + 10 * pick(9));
  put(s, "\"samples\":[");
  for (int k = 0; k < 16; k++)
    put(s, "%s%s%u.%03u", k > 0 ? "," : "", pick(3) == 0 ? "-" : "", pick(500), 1 + 10 * pick(99));
  put(s, "],\"counts\":[");
  for (int k = 0; k < 12; k++)
    put(s, "%s%u", k > 0 ? "," : "", pick(pick(2) == 0 ? 100 : 1000000));
  put(s, "],\"path\":[");
  for (int k = 0; k < 6; k++) {
    char x[PQ_DOUBLE_CAP], y[PQ_DOUBLE_CAP];
    pq_double_print(-65.0 - pick(1000000) / 999983.0, x);
    pq_double_print(43.0 + pick(1000000) / 999979.0, y);
    put(s, "%s[%s,%s]", k > 0 ? "," : "", x, y);
  }
  put(s, "]}\n");
}

static shape shape_new(const char *name, size_t cap) {
  return (shape){.name = name, .cap = cap, .text = need(calloc(1, cap + DOC_CAP + BENCH_PADDING))};
}

static shape generate(const char *name, void (*put_doc)(shape *, uint32_t)) {
  shape s = shape_new(name, GENERATED_LEN);
  for (uint32_t i = 0; s.len < s.cap; i++)
    put_doc(&s, i);
  return s;
}

static shape load(const char *name, const char *path) {
  shape s = shape_new(name, TEXT_MAX);
  FILE *in = fopen(path, "rb");
  if (in == NULL) die("cannot open the NDJSON file");
  s.len = fread(s.text, 1, s.cap, in);
  fclose(in);
  return s;
}

static void split(shape *s) {
  size_t cap = 1;
  for (size_t i = 0; i < s->len; i++)
    cap += s->text[i] == '\n';
  s->lines = need(malloc(cap * sizeof *s->lines));
  for (size_t from = 0, i = 0; i < s->len; i++) {
    if (s->text[i] != '\n') continue;
    s->lines[s->count++] = (bench_line){s->text + from, i - from};
    from = i + 1;
  }
}

/* ---- ours ---- */

typedef struct ours {
  pq_cx cx;
  pq_builder *builder;
  pq_arena arena;
  pq_buf out;
  pq_value *docs; /* owned */
} ours;

static pq_slice line_slice(bench_line line) {
  return (pq_slice){(const uint8_t *)line.p, line.n};
}

static void ours_check(ours *o, int rc) {
  if (rc != PQ_OK) die(o->cx.msg);
}

static void ours_parse_line(ours *o, bench_line line) {
  size_t used;
  pq_builder_clear(o->builder);
  ours_check(
      o, pq_json_parse(o->builder, line_slice(line), (pq_json_options){.is_exact = true}, &used));
}

static void ours_parse(ours *o, const shape *s) {
  pq_value v;
  for (size_t i = 0; i < s->count; i++) {
    ours_parse_line(o, s->lines[i]);
    ours_check(o, pq_builder_view(o->builder, &v));
  }
}

/* Keep all documents; every one must print as it was. */
static void ours_keep(ours *o, const shape *s) {
  o->docs = need(malloc(s->count * sizeof *o->docs));
  for (size_t i = 0; i < s->count; i++) {
    ours_parse_line(o, s->lines[i]);
    ours_check(o, pq_builder_finish(o->builder, &o->arena, &o->docs[i]));
    pq_buf_clear(&o->out);
    ours_check(o, pq_json_print(&o->out, o->docs[i], PQ_JSON_RELAXED));
    if (!pq_slice_eq(pq_buf_slice(&o->out), line_slice(s->lines[i]))) {
      fprintf(stderr, "%s, document %zu\nin:  %.*s\nout: %.*s\n", s->name, i, (int)s->lines[i].n,
              s->lines[i].p, (int)o->out.len, (const char *)o->out.p);
      die("a document prints differently");
    }
  }
}

static void ours_print(ours *o, const shape *s) {
  for (size_t i = 0; i < s->count; i++) {
    pq_buf_clear(&o->out);
    ours_check(o, pq_json_print(&o->out, o->docs[i], PQ_JSON_RELAXED));
  }
}

static void ours_validate(ours *o, const shape *s) {
  for (size_t i = 0; i < s->count; i++) {
    pq_value v = o->docs[i], out;
    ours_check(
        o, pq_value_check(&o->cx, (pq_slice){v.meta, v.meta_len}, (pq_slice){v.p, v.len}, &out));
  }
}

static void ours_copy(ours *o, const shape *s) {
  for (size_t i = 0; i < s->count; i++) {
    pq_value out;
    pq_builder_clear(o->builder);
    ours_check(o, pq_builder_value(o->builder, o->docs[i]));
    ours_check(o, pq_builder_view(o->builder, &out));
  }
}

static void ours_init(ours *o) {
  *o = (ours){0};
  pq_cx_init(&o->cx, NULL, NULL);
  pq_arena_init(&o->arena, &o->cx, UINT64_MAX);
  pq_buf_init(&o->out, &o->cx, SIZE_MAX / 2);
  ours_check(o, pq_builder_new(&o->cx, &o->builder));
}

static void ours_release(ours *o) {
  pq_builder_free(o->builder);
  pq_buf_release(&o->out);
  pq_arena_release(&o->arena);
  free(o->docs);
}

/* ---- rounds ---- */

enum { IN_OURS, IN_BSON, IN_SIMD, OUT_OURS, OUT_BSON, OUT_SIMD, CHECK, COPY, JOBS };

typedef struct run {
  ours o;
  const shape *s;
  void *bson, *simd; /* kept documents, NULL: not built in */
  double best[JOBS]; /* seconds, 0: not done */
} run;

/* Processor time: all jobs are one thread's work, and other programs shall not count. */
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void do_job(run *r, int job) {
  const shape *s = r->s;
  bool is_good = true;
  switch (job) {
    case IN_OURS: ours_parse(&r->o, s); break;
    case IN_BSON: is_good = bench_bson_parse(s->lines, s->count); break;
    case IN_SIMD: is_good = bench_simdjson_parse(s->lines, s->count); break;
    case OUT_OURS: ours_print(&r->o, s); break;
    case OUT_BSON: is_good = bench_bson_print(r->bson) > 0; break;
    case OUT_SIMD: is_good = bench_simdjson_print(r->simd) > 0; break;
    case CHECK: ours_validate(&r->o, s); break;
    default: ours_copy(&r->o, s); break;
  }
  if (!is_good) die("a peer failed");
}

static bool is_there(const run *r, int job) {
  if (job == IN_BSON || job == OUT_BSON) return r->bson != NULL;
  return (job != IN_SIMD && job != OUT_SIMD) || r->simd != NULL;
}

static void measure(run *r) {
  for (int round = 0; round < ROUNDS; round++) {
    for (int job = 0; job < JOBS; job++) {
      double start = now(), took;
      if (!is_there(r, job)) continue;
      do_job(r, job);
      took = now() - start;
      if (r->best[job] == 0 || took < r->best[job]) r->best[job] = took;
    }
  }
}

/* ---- the table ---- */

static double rate(const run *r, int job) {
  return (double)r->s->len / 1e6 / r->best[job];
}

static void print_cell(const run *r, int job, int own) {
  if (r->best[job] == 0)
    printf("%10s %6s", "-", "");
  else if (job == own)
    printf("%10.0f %6s", rate(r, job), "");
  else
    printf("%10.0f %5.2fx", rate(r, job), rate(r, own) / rate(r, job));
}

static void print_row(const run *r, const char *what, int own) {
  printf("%-14s %-18s", r->s->name, what);
  for (int i = 0; i < 3; i++)
    print_cell(r, own + i, own);
  printf("\n");
}

static void bench(const shape *s) {
  run r = {.s = s};
  ours_init(&r.o);
  ours_keep(&r.o, s);
  r.bson = bench_bson_keep(s->lines, s->count);
  r.simd = bench_simdjson_keep(s->lines, s->count);
  measure(&r);
  print_row(&r, "text to document", IN_OURS);
  print_row(&r, "document to text", OUT_OURS);
  printf("%-14s %-18s%10.0f\n", s->name, "check Variant", rate(&r, CHECK));
  printf("%-14s %-18s%10.0f\n", s->name, "copy Variant", rate(&r, COPY));
  fflush(stdout);
  if (r.bson != NULL) bench_bson_drop(r.bson);
  if (r.simd != NULL) bench_simdjson_drop(r.simd);
  ours_release(&r.o);
}

int main(int argc, char **argv) {
  shape shapes[3];
  if (argc != 2) die("usage: bench_json WORDNET.ndjson");
  shapes[0] = load("wordnet", argv[1]);
  shapes[1] = generate("posts", put_post);
  shapes[2] = generate("measurements", put_measurement);
  printf("MB of JSON text per second; x: how many times as fast ParqueDB is\n\n");
  printf("%-14s %-18s%10s %6s%10s %6s%10s\n", "shape", "job", "ParqueDB", "", "libbson", "",
         "simdjson");
  for (int i = 0; i < 3; i++) {
    split(&shapes[i]);
    bench(&shapes[i]);
    free(shapes[i].lines);
    free(shapes[i].text);
  }
  return 0;
}
