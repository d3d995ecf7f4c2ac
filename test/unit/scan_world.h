/* test/unit/scan_world.h - random documents in random places, and random filters, for test_scan and
 * test_scan_pipeline: files with misfits, delete files, an overlay with hints and without. Some
 * fields have columns of a schema's types, not the same in every file; their values are of these
 * types (a coerced world), or rounded, text or of another subtype there.
 */
#ifndef PQ_TEST_SCAN_WORLD_H
#define PQ_TEST_SCAN_WORLD_H

#include <stdarg.h>

#include "parquet_util.h"
#include "query/scan.h"
#include "value/json.h"

enum { FILES = 3, DOCS_MAX = 4000, FILTERS = 60, TEXT_CAP = 4096, LARGE = 3000 };

typedef struct doc {
  pq_entity e;
  uint64_t seq; /* of the schema in whose form it was written */
  int file;     /* -1: none */
  uint32_t row;
  bool is_live;  /* is it there now? */
  pq_entity now; /* as it is */
  uint32_t seen; /* by the scan */
} doc;

typedef struct world {
  pq_cx cx;
  pq_arena arena, scratch, keep;
  pq_builder *builder;
  uint64_t random;
  unsigned noise; /* per cent of values of any type */
  bool is_large, is_coerced;
  bool has_schemas; /* several, one after the other */
  doc *docs;
  uint32_t doc_count;
  pq_writer *writers[FILES];
  pq_manifest manifest;
  pq_file_cache files;
  pq_overlay overlay;
  pq_cached_file deletes, *delete_list[1];
  pq_view view;
  pq_fetch fetch;
  pq_filter *filter;
  pq_eval eval; /* of it: the collation */
  pq_env env;
  uint64_t counted;
  char text[TEXT_CAP];
  size_t len;
} world;

/* ---- random text ---- */

/* Xorshift. */
static inline uint32_t below(world *w, uint32_t n) {
  w->random ^= w->random << 13;
  w->random ^= w->random >> 7;
  w->random ^= w->random << 17;
  return (uint32_t)(w->random >> 33) % n;
}

static inline bool chance(world *w, unsigned per_cent) {
  return below(w, 100) < per_cent;
}

static inline void put(world *w, const char *format, ...) PQ_PRINTF(2, 3);
static inline void put(world *w, const char *format, ...) {
  va_list args;
  va_start(args, format);
  w->len += (size_t)vsnprintf(w->text + w->len, TEXT_CAP - w->len, format, args);
  va_end(args);
  if (w->len >= TEXT_CAP) abort();
}

static inline void put_number(world *w) {
  static const char *const numbers[] = {"0",
                                        "-0.0",
                                        "2.5",
                                        "{\"$numberDouble\": \"NaN\"}",
                                        "{\"$numberDouble\": \"Infinity\"}",
                                        "{\"$numberDouble\": \"-Infinity\"}",
                                        "{\"$numberLong\": \"9007199254740993\"}",
                                        "9007199254740992.0",
                                        "9007199254740994.0",
                                        "{\"$numberLong\": \"9223372036854775807\"}",
                                        "{\"$numberLong\": \"-9223372036854775808\"}",
                                        "9223372036854775808.0",
                                        "{\"$numberDecimal\": \"2.5\"}",
                                        "{\"$numberDecimal\": \"7\"}",
                                        "{\"$numberDecimal\": \"9007199254740993\"}",
                                        "{\"$numberLong\": \"7\"}",
                                        "7.0",
                                        "2147483648",
                                        "-2147483648"};
  if (chance(w, 40))
    put(w, "%d", (int)below(w, 40) - 10);
  else if (chance(w, 40))
    put(w, "%d.%u", (int)below(w, 30) - 10, below(w, 2) * 5);
  else
    put(w, "%s", numbers[below(w, sizeof numbers / sizeof *numbers)]);
}

static inline void put_string(world *w) {
  static const char *const starts[] = {"", "a", "ab", "Ab", "abc", "b", "\xc3\xa9", "z"};
  put(w, "\"%s", starts[below(w, 8)]);
  if (chance(w, 60)) put(w, "%u", below(w, 12));
  put(w, "\"");
}

static inline void put_date(world *w) {
  put(w, "{\"$date\": {\"$numberLong\": \"%d\"}}", ((int)below(w, 60) - 20) * 1000);
}

static inline void put_oid(world *w) {
  put(w, "{\"$oid\": \"5f000000000000000000%04x\"}", below(w, 30));
}

/* Of the types that a schema's columns have. `is_exact`: as documents of a checked collection. */
static inline void put_float(world *w, bool is_exact) {
  static const char *const others[] = {"0.1",
                                       "0.10000000149011612",
                                       "16777217",
                                       "1e300",
                                       "-1e300",
                                       "1e-300",
                                       "3.5e38",
                                       "{\"$numberDecimal\": \"0.1\"}",
                                       "{\"$numberDecimal\": \"1e400\"}",
                                       "{\"$numberLong\": \"9007199254740993\"}"};
  static const char *const special[] = {"0.0",
                                        "-0.0",
                                        "{\"$numberDouble\": \"NaN\"}",
                                        "{\"$numberDouble\": \"Infinity\"}",
                                        "{\"$numberDouble\": \"-Infinity\"}",
                                        "16777216.0",
                                        "0.10000000149011612"};
  if (chance(w, 10))
    put(w, "%s", special[below(w, sizeof special / sizeof *special)]);
  else if (!is_exact && chance(w, 20))
    put(w, "%s", others[below(w, sizeof others / sizeof *others)]);
  else if (!is_exact && chance(w, 20))
    put(w, "%d", (int)below(w, 20) - 10);
  else
    put(w, "%d.%s", (int)below(w, 20) - 10, chance(w, 50) ? "5" : "25");
}

static inline void put_day(world *w, bool is_exact) {
  static const char *const borders[] = {"-62135596800000", "253402214400000", "-86400000", "0",
                                        "86400000"};
  int day = (int)below(w, 40) - 15;
  if (!is_exact && chance(w, 20))
    put(w, "\"1970-01-%02u\"", 1 + below(w, 31));
  else if (!is_exact && chance(w, 10))
    put(w, "{\"$date\": {\"$numberLong\": \"%d\"}}", day * 86400000 + 1);
  else if (chance(w, 10))
    put(w, "{\"$date\": {\"$numberLong\": \"%s\"}}", borders[below(w, 5)]);
  else
    put(w, "{\"$date\": {\"$numberLong\": \"%d\"}}", day * 86400000);
}

static inline void put_ms(world *w, bool is_exact) {
  int ms = (int)below(w, 60) - 20;
  if (!is_exact && chance(w, 20))
    put(w, "\"1970-01-01T00:00:00.%03u%s\"", below(w, 40), chance(w, 50) ? "Z" : "+00:00");
  else if (!is_exact && chance(w, 10))
    put(w, "{\"$date\": \"1970-01-01T00:00:00.%03u500Z\"}", below(w, 40));
  else if (chance(w, 5))
    put(w, "{\"$date\": {\"$numberLong\": \"%s\"}}",
        chance(w, 50) ? "-62135596800000" : "253402300799999");
  else
    put(w, "{\"$date\": {\"$numberLong\": \"%d\"}}", ms);
}

static inline void put_uuid(world *w, bool is_exact) {
  char text[40];
  snprintf(text, sizeof text, "%s0a%02x-4000-8000-9000-%012x", chance(w, 50) ? "0000" : "ffff",
           below(w, 3), below(w, 8));
  if (!is_exact && chance(w, 20)) {
    for (char *c = text; chance(w, 50) && *c != 0; c++)
      if (*c >= 'a' && *c <= 'f') *c = (char)(*c - 32);
    put(w, "\"%s\"", text);
  } else if (!is_exact && chance(w, 10)) {
    put(w, "{\"$binary\": {\"base64\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"%02x\"}}",
        3 + below(w, 2));
  } else {
    put(w, "{\"$uuid\": \"%s\"}", text);
  }
}

static inline void put_binary(world *w, bool is_exact) {
  static const char *const texts[] = {"",     "AA==", "AAA=", "AAAA",
                                      "/w==", "//8=", "YWJj", "YWJjZGVmZ2hpamtsbW5vcA=="};
  static const char *const types[] = {"00", "05", "80", "03"};
  put(w, "{\"$binary\": {\"base64\": \"%s\", \"subType\": \"%s\"}}", texts[below(w, 8)],
      types[is_exact || chance(w, 60) ? 0 : below(w, 4)]);
}

/* Prices of two digits behind the point: as decimals, whole numbers, or what does not fit. */
static inline void put_decimal(world *w, bool is_exact) {
  static const char *const others[] = {"1.005",      "12345678901234567890.25",
                                       "NaN",        "Infinity",
                                       "-0",         "1e300",
                                       "9999999.99", "-9999999.99",
                                       "10000000"};
  int digits = (int)below(w, 400) - 200;
  if (!is_exact && chance(w, 15))
    put(w, "{\"$numberDecimal\": \"%s\"}", others[below(w, 9)]);
  else if (!is_exact && chance(w, 15))
    put_number(w);
  else if (chance(w, 30))
    put(w, "%d", digits / 100);
  else
    put(w, "{\"$numberDecimal\": \"%s%d.%02d\"}", digits < 0 ? "-" : "", abs(digits) / 100,
        abs(digits) % 100);
}

static inline void put_any(world *w, unsigned depth) {
  switch (below(w, 19)) {
    case 18: put_decimal(w, false); break;
    case 13: put_float(w, false); break;
    case 14: put_day(w, false); break;
    case 15: put_ms(w, false); break;
    case 16: put_uuid(w, false); break;
    case 17: put_binary(w, false); break;
    case 0: put(w, "null"); break;
    case 1:
    case 2: put_number(w); break;
    case 3:
    case 4: put_string(w); break;
    case 5: put_date(w); break;
    case 6: put_oid(w); break;
    case 7: put(w, chance(w, 50) ? "true" : "false"); break;
    case 8: put(w, chance(w, 50) ? "{\"$minKey\": 1}" : "{\"$maxKey\": 1}"); break;
    case 9: put(w, "{\"k\": "), put_number(w), put(w, "}"); break;
    case 10: put(w, "{\"$symbol\": \"ab\"}"); break;
    default:
      put(w, "[");
      for (uint32_t i = 0, n = below(w, 3); i < n && depth > 0; i++) {
        if (i > 0) put(w, ", ");
        if (chance(w, 30))
          put(w, "{\"k\": "), put_number(w), put(w, "}");
        else
          put_any(w, depth - 1);
      }
      put(w, "]");
  }
}

enum {
  FIELD_A,
  FIELD_B,
  FIELD_S,
  FIELD_D,
  FIELD_O,
  FIELD_F,
  FIELD_K,
  FIELD_U,
  FIELD_NAME,
  FIELD_FLOAT, /* from here on: columns of a schema's types */
  FIELD_DAY,
  FIELD_MS,
  FIELD_UUID,
  FIELD_BINARY,
  FIELD_DECIMAL,
  FIELDS
};
static const char *const paths[FIELDS] = {"a",    "b",  "s",   "d",  "o",    "f",   "n.k", "u",
                                          "name", "fl", "day", "ms", "uuid", "bin", "dec"};

static inline void put_home(world *w, int field, bool is_document) {
  switch (field) {
    case FIELD_A: put(w, "%d", (int)below(w, 50) - 10); break;
    case FIELD_B: put(w, "%d.5", (int)below(w, 50) - 10); break;
    case FIELD_S: put_string(w); break;
    case FIELD_D: put_date(w); break;
    case FIELD_O: put_oid(w); break;
    case FIELD_F: put(w, chance(w, 50) ? "true" : "false"); break;
    case FIELD_K: put_number(w); break;
    case FIELD_U:
      if (is_document)
        put(w, "\"u%05u-%08x%08x%08x%08x%08x%08x\"", w->doc_count, below(w, 1u << 31),
            below(w, 1u << 31), below(w, 1u << 31), below(w, 1u << 31), below(w, 1u << 31),
            below(w, 1u << 31));
      else
        put(w, "\"u%05u\"", below(w, DOCS_MAX));
      break;
    case FIELD_FLOAT: put_float(w, is_document && w->is_coerced); break;
    case FIELD_DAY: put_day(w, is_document && w->is_coerced); break;
    case FIELD_MS: put_ms(w, is_document && w->is_coerced); break;
    case FIELD_UUID: put_uuid(w, is_document && w->is_coerced); break;
    case FIELD_DECIMAL: put_decimal(w, is_document && w->is_coerced); break;
    case FIELD_BINARY: put_binary(w, is_document && w->is_coerced); break;
    default: put_string(w);
  }
}

static inline void put_value(world *w, int field, bool is_document) {
  if (chance(w, w->noise))
    put_any(w, 2);
  else
    put_home(w, field, is_document);
}

static inline pq_value parse(world *w, pq_arena *arena) {
  pq_value v = {0};
  pq_builder_clear(w->builder);
  if (pq_json_value(w->builder, (pq_slice){(const uint8_t *)w->text, w->len}, arena, &v) != PQ_OK) {
    fprintf(stderr, "%.*s: %s\n", (int)w->len, w->text, w->cx.msg);
    abort();
  }
  return v;
}

static inline pq_value random_doc(world *w) {
  bool is_first = true;
  w->len = 0;
  put(w, "{");
  for (int i = 0; i < FIELDS; i++) {
    if (chance(w, i == FIELD_NAME ? 80 : 12)) continue;
    put(w, is_first ? "" : ", ");
    is_first = false;
    if (i == FIELD_K) {
      put(w, "\"n\": ");
      if (chance(w, w->noise)) {
        put_any(w, 2);
        continue;
      }
      put(w, "{\"k\": "), put_value(w, i, true), put(w, "}");
      continue;
    }
    put(w, "\"%s\": ", paths[i]);
    put_value(w, i, true);
  }
  if (w->noise > 0 && chance(w, 10)) put(w, "%s\"createdAt\": 5", is_first ? "" : ", ");
  put(w, "}");
  return parse(w, &w->arena);
}

/* ---- filters ---- */

static inline void put_operand(world *w, int field) {
  if (chance(w, 25))
    put_any(w, 1);
  else if (chance(w, 30) &&
           (field == FIELD_A || field == FIELD_B || field == FIELD_K || field == FIELD_FLOAT))
    put_number(w);
  else
    put_home(w, field, false);
}

static inline void put_condition(world *w, int field, unsigned depth) {
  static const char *const orders[] = {"$eq", "$gt", "$gte", "$lt", "$lte", "$ne"};
  static const char *const regexes[] = {"^a",      "^ab", "b",     "^A",
                                        "^ab.*1$", "1$",  "^u000", "^\xc3\xa9"};
  uint32_t kind = below(w, 20);
  if (kind < 9) {
    put(w, "{\"%s\": ", orders[below(w, 6)]), put_operand(w, field), put(w, "}");
  } else if (kind < 11) {
    put(w, "{\"$gte\": "), put_operand(w, field), put(w, ", \"$lt\": "), put_operand(w, field);
    put(w, "}");
  } else if (kind < 14) {
    put(w, chance(w, 70) ? "{\"$in\": [" : "{\"$nin\": [");
    for (uint32_t i = 0, n = below(w, 5); i < n; i++) {
      put(w, i > 0 ? ", " : "");
      put_operand(w, field);
    }
    put(w, "]}");
  } else if (kind == 14) {
    put(w, "{\"$exists\": %s}", chance(w, 50) ? "true" : "false");
  } else if (kind == 15) {
    put(w, "{\"$regex\": \"%s\"%s}", regexes[below(w, 8)],
        chance(w, 20) ? ", \"$options\": \"i\"" : "");
  } else if (kind == 16) {
    put(w, "{\"$startsWith\": \"%s\"}", regexes[below(w, 3)] + 1);
  } else if (kind == 17 && depth > 0) {
    put(w, "{\"$not\": "), put_condition(w, field, depth - 1), put(w, "}");
  } else if (kind == 18) {
    put(w, "{\"$type\": \"%s\"}", chance(w, 50) ? "number" : "string");
  } else {
    put(w, "{\"$mod\": [%u, %u]}", 1 + below(w, 4), below(w, 2));
  }
}

static inline void put_filter(world *w, unsigned depth) {
  static const char *const logic[] = {"$and", "$or", "$nor"};
  uint32_t n = 1 + below(w, 3);
  if (depth > 0 && chance(w, 45)) {
    put(w, "{\"%s\": [", logic[below(w, 3)]);
    for (uint32_t i = 0; i < n; i++) {
      put(w, i > 0 ? ", " : "");
      put_filter(w, depth - 1);
    }
    put(w, "]}");
    return;
  }
  if (chance(w, 8)) {
    uint32_t field = below(w, FIELDS);
    static const char *const orders[] = {"$eq", "$gt", "$gte", "$lt", "$lte", "$ne"};
    put(w, "{\"$expr\": {\"%s\": [\"$%s\", ", orders[below(w, 6)], paths[field]);
    put_home(w, (int)field, false);
    put(w, "]}}");
    return;
  }
  if (chance(w, 5)) {
    put(w, chance(w, 50) ? "{\"$type\": \"%c\"}" : "{\"$id\": {\"$gt\": \"t/000%c\"}}",
        'A' + (int)below(w, 2));
    return;
  }
  put(w, "{");
  for (uint32_t i = 0, from = below(w, FIELDS); i < n && i < 2; i++) {
    int field = (int)((from + i) % FIELDS);
    put(w, "%s\"%s\": ", i > 0 ? ", " : "", paths[field]);
    put_condition(w, field, 2);
  }
  put(w, "}");
}

/* ---- the world ---- */

static inline void make_docs(world *w) {
  uint32_t count = w->is_large || chance(w, 10) ? LARGE + below(w, 500) : 50 + below(w, 250);
  w->docs = pq_arena_calloc(&w->arena, DOCS_MAX, sizeof *w->docs);
  for (; w->doc_count < count; w->doc_count++) {
    doc *d = &w->docs[w->doc_count];
    *d = (doc){.file = chance(w, 90) ? (int)below(w, FILES) : -1};
    d->e = (pq_entity){.id = pq_str(pq_arena_printf(&w->arena, "t/%06u", w->doc_count)),
                       .type = chance(w, 80) ? PQ_SLICE("A") : PQ_SLICE("B"),
                       .created_at = 1000 + (int)w->doc_count,
                       .updated_at = 2000,
                       .created_by = PQ_SLICE("me"),
                       .updated_by = PQ_SLICE("me"),
                       .version = 1,
                       .is_deleted = d->file == 1 && chance(w, 5),
                       .data = random_doc(w)};
    d->is_live = d->file >= 0;
    d->now = d->e;
  }
}

static const char *file_name(int i) {
  static const char *const names[FILES] = {"data/t/0.parquet", "data/t/1.parquet",
                                           "data/t/2.parquet"};
  return names[i];
}

/* The columns of a schema: any type that fits the path's values somewhat. */
static const struct typed {
  const char *path;
  pq_index_type type;
} typed[] = {{"fl", PQ_INDEX_FLOAT},        {"day", PQ_INDEX_DATE},
             {"ms", PQ_INDEX_TIMESTAMP_MS}, {"uuid", PQ_INDEX_UUID},
             {"bin", PQ_INDEX_BINARY},      {"dec", PQ_INDEX_DECIMAL}, /* these are mostly there */
             {"a", PQ_INDEX_FLOAT},         {"a", PQ_INDEX_DECIMAL},
             {"b", PQ_INDEX_FLOAT},         {"d", PQ_INDEX_DATE},
             {"d", PQ_INDEX_TIMESTAMP_MS},  {"uuid", PQ_INDEX_BINARY},
             {"fl", PQ_INDEX_DOUBLE},       {"day", PQ_INDEX_TIMESTAMP_MS},
             {"s", PQ_INDEX_UUID},          {"ms", PQ_INDEX_DATE}};
enum { TYPED = sizeof typed / sizeof *typed };

/* What a collection has whose schema was another for each of these: chosen ones, typed ones. */
static inline void all_columns(world *w, const pq_value *examples, pq_collection_info *info) {
  pq_index_column *chosen, *all;
  uint32_t n;
  CHECK(pq_index_choose(&w->arena, examples, chance(w, 50) ? w->doc_count : w->doc_count / 4, NULL,
                        0, &chosen, &n) == PQ_OK);
  all = pq_arena_calloc(&w->arena, n + TYPED, sizeof *all);
  for (uint32_t i = 0; i < TYPED; i++)
    all[i] = (pq_index_column){.path = pq_str(typed[i].path),
                               .name = pq_str(typed[i].path),
                               .type = typed[i].type,
                               .field_id = PQ_SCHEMA_FIELD_ID_FIRST + (int)i,
                               .has_bloom = chance(w, 50)};
  if (n > 0) memcpy(all + TYPED, chosen, n * sizeof *all);
  info->index_columns = all;
  info->index_count = n + TYPED;
}

/* Those of one file: at most one for a path, mostly the first typed one or the chosen one. */
static inline uint32_t file_columns(world *w, const pq_collection_info *info,
                                    pq_index_column *out) {
  static const uint8_t precisions[] = {9, 18, 38, 20}, scales[] = {2, 4, 3, 0};
  uint32_t n = 0, digits = below(w, 4);
  for (uint32_t pass = 0; pass < 2; pass++) {
    for (uint32_t i = 0; i < info->index_count; i++) {
      const pq_index_column *c = &info->index_columns[i];
      bool is_there = false;
      if (pass == 0 && !chance(w, i < 6 ? 60 : i < TYPED ? 10 : 80)) continue;
      if (pass == 1 && (i < TYPED || chance(w, 10))) continue;
      for (uint32_t k = 0; k < n; k++)
        is_there |= pq_slice_eq(out[k].path, c->path);
      if (is_there) continue;
      out[n] = *c;
      out[n].precision = precisions[digits];
      out[n++].scale = scales[digits];
    }
  }
  return n;
}

/* Versions of a schema, set by the events 1, 2, 3 and, in the tail, a last one. Documents do not
 * care; what counts is which names of theirs are fields, and what becomes of those. */
enum { SCHEMAS = 3 };
static const char *const schemas[SCHEMAS + 1] = {
    "{\"a\": \"json\", \"b\": \"json\", \"s\": \"json\", \"d\": \"json\", \"f\": \"json\","
    " \"n\": {\"k\": \"json\"}, \"fl\": \"json\"}",
    "{\"b\": \"json\", \"a\": \"json\", \"d\": \"json\", \"f\": \"json\", \"n\": {\"m\": \"json\"},"
    " \"o\": \"json\", \"$rename\": {\"a\": \"b\", \"b\": \"a\", \"n.k\": \"n.m\", \"fl\": \"o\"}}",
    "{\"b\": \"json\", \"a\": \"json\", \"s\": \"string = 'ab'\", \"d\": \"json\","
    " \"n\": {\"k\": \"json\"}, \"u\": \"json\", \"$rename\": {\"n.m\": \"n.k\", \"o\": \"u\"}}",
    "{\"b\": \"json\", \"name\": \"json\", \"s\": \"string = 'x'\", \"f\": \"boolean = true\","
    " \"n\": {\"k\": \"json\"}, \"u\": \"json\", \"$rename\": {\"a\": \"name\"}}"};

static inline pq_value schema_text(world *w, int version) {
  const pq_schema *old = NULL;
  pq_schema *s = NULL;
  pq_value v = {0};
  for (int i = 0; i <= version; i++) {
    w->len = 0;
    put(w, "%s", schemas[i]);
    CHECK(pq_schema_parse(&w->arena, parse(w, &w->arena), old, &s) == PQ_OK);
    old = s;
  }
  CHECK(pq_schema_print(s, w->builder, &w->arena, &v) == PQ_OK);
  return v;
}

static inline void set_schemas(world *w, pq_collection_info *info) {
  if (!w->has_schemas) return;
  info->schema_count = SCHEMAS;
  info->schemas = pq_arena_calloc(&w->arena, SCHEMAS, sizeof *info->schemas);
  for (int i = 0; i < SCHEMAS; i++)
    info->schemas[i] = (pq_schema_record){(uint64_t)i + 1, (uint64_t)i + 1, schema_text(w, i)};
}

/* What is there now, as the schema of now has it. */
static inline void bring_docs(world *w) {
  pq_form_source s = {&w->manifest, &w->overlay, PQ_SLICE("t")};
  for (uint32_t i = 0; w->has_schemas && i < w->doc_count; i++) {
    doc *d = &w->docs[i];
    if (d->is_live)
      CHECK(pq_forms_bring(&w->files.forms, &w->arena, &s, d->seq, w->view.seq, &d->now.data) ==
            PQ_OK);
  }
}

static inline void write_files(world *w) {
  pq_value *examples = pq_arena_calloc(&w->arena, w->doc_count, sizeof *examples);
  pq_entity *rows = pq_arena_calloc(&w->arena, w->doc_count, sizeof *rows);
  pq_collection_info info = {.name = PQ_SLICE("t"), .internal_id = 1};
  pq_index_column *columns;
  pq_entity_table table;
  pq_file_info added[FILES] = {0};
  pq_log_entry entry = {.entry = 1,
                        .seq_hi = SCHEMAS,
                        .ts_hi = 1,
                        .epoch = 1,
                        .writer = PQ_SLICE("0123456789abcdef"),
                        .commit = PQ_SLICE("fedcba9876543210"),
                        .add = added,
                        .collections = &info,
                        .collection_count = 1};
  for (uint32_t i = 0; i < w->doc_count; i++)
    examples[i] = w->docs[i].e.data;
  all_columns(w, examples, &info);
  set_schemas(w, &info);
  columns = pq_arena_calloc(&w->arena, info.index_count, sizeof *columns);
  w->cx.limits.row_group_rows_max = chance(w, w->is_large             ? 100
                                              : w->doc_count >= LARGE ? 80
                                                                      : 30)
                                        ? 50000
                                        : 1 + below(w, chance(w, 50) ? 20 : 400);
  for (int f = 0; f < FILES; f++) {
    uint32_t n = 0, form = below(w, SCHEMAS + 1);
    for (uint32_t i = 0; i < w->doc_count; i++) {
      if (w->docs[i].file != f) continue;
      w->docs[i].seq = form;
      w->docs[i].row = n;
      rows[n++] = w->docs[i].e;
    }
    if (n == 0) continue;
    table = (pq_entity_table){info.name, columns, file_columns(w, &info, columns), NULL};
    CHECK(pq_entity_file_write(&w->cx, NULL, &table, rows, n, &w->writers[f]) == PQ_OK);
    added[entry.add_count++] = (pq_file_info){.kind = PQ_FILE_DATA,
                                              .name = file_name(f),
                                              .collection = info.name,
                                              .len = pq_writer_bytes(w->writers[f]).n,
                                              .footer_len = pq_writer_footer_len(w->writers[f]),
                                              .row_count = n,
                                              .has_form = true,
                                              .form_seq = form,
                                              .id_min = rows[0].id,
                                              .id_max = rows[n - 1].id};
  }
  CHECK(pq_manifest_apply(&w->manifest, &entry) == PQ_OK);
}

/* Delete files, updates with and without a hint where the row is, new documents, deletes. */
static inline void change_docs(world *w) {
  uint32_t seq = SCHEMAS, schema_at = below(w, w->doc_count), gone = 0;
  pq_position *positions = pq_arena_calloc(&w->arena, w->doc_count, sizeof *positions);
  for (int f = 0; f < FILES; f++) {
    for (uint32_t i = 0; i < w->doc_count; i++) {
      doc *d = &w->docs[i];
      if (d->file != f || !chance(w, f == 0 ? 10 : 2)) continue;
      positions[gone++] = (pq_position){pq_str(file_name(f)), d->row};
      d->is_live = false;
    }
  }
  CHECK(pq_cached_file_set_positions(&w->arena, &w->deletes, positions, gone) == PQ_OK);
  w->delete_list[0] = &w->deletes;
  if (chance(w, 30)) return;
  for (uint32_t i = 0; i < w->doc_count; i++) {
    doc *d = &w->docs[i];
    bool is_new = d->file < 0, has_hint = chance(w, w->noise < 5 ? 100 : 70);
    pq_event e = {.target = PQ_TARGET_ENTITY, .id = d->e.id, .type = d->e.type};
    if (w->has_schemas && i == schema_at) {
      pq_event set = {.target = PQ_TARGET_COLLECTION, .op = PQ_EVENT_UPDATE, .id = PQ_SLICE("t")};
      set.seq = ++seq;
      set.version = SCHEMAS + 1;
      set.after = schema_text(w, SCHEMAS);
      CHECK(pq_overlay_add(&w->overlay, &set) == PQ_OK);
    }
    if ((!is_new && !d->is_live) || !chance(w, is_new ? 100 : 10)) continue;
    e.seq = ++seq;
    e.ts = e.created_at = 3000;
    e.created_by = e.actor = PQ_SLICE("me");
    e.op = is_new ? PQ_EVENT_CREATE : chance(w, 70) ? PQ_EVENT_UPDATE : PQ_EVENT_DELETE;
    e.version = is_new ? 1 : 2;
    if (e.op != PQ_EVENT_DELETE || chance(w, 50)) e.after = random_doc(w);
    if (!is_new && has_hint) {
      e.where_file = pq_str(file_name(d->file));
      e.where_row = d->row;
    }
    CHECK(pq_overlay_add(&w->overlay, &e) == PQ_OK);
    d->is_live = pq_event_entity(&e, &d->now);
    d->seq = e.seq;
  }
  w->view.seq = seq;
}

static inline void world_init(world *w, uint64_t seed) {
  *w = (world){.random = seed * 0x9e3779b97f4a7c15u + 1};
  unit_cx_init(&w->cx);
  pq_arena_init(&w->arena, &w->cx, 1u << 30);
  pq_arena_init(&w->scratch, &w->cx, 1u << 30);
  pq_arena_init(&w->keep, &w->cx, 1u << 30);
  CHECK(pq_builder_new(&w->cx, &w->builder) == PQ_OK);
  pq_manifest_init(&w->manifest, &w->cx);
  pq_file_cache_init(&w->files, &w->cx, "ns");
  pq_overlay_init(&w->overlay, &w->cx);
  pq_fetch_init(&w->fetch, &w->cx);
  for (int i = 0; i < 20; i++)
    (void)below(w, 2);
  w->is_large = seed % 12 == 1; /* at least one of a dozen has chunks of several pages */
  w->noise = w->is_large || chance(w, 40) ? 0 : chance(w, 50) ? 1 : 20;
  w->is_coerced = chance(w, 50);
  w->has_schemas = chance(w, 50);
  w->view = (pq_view){.cx = &w->cx,
                      .manifest = &w->manifest,
                      .entry = 1,
                      .seq = SCHEMAS,
                      .files = &w->files,
                      .overlay = &w->overlay,
                      .deletes = w->delete_list,
                      .delete_count = 1};
  make_docs(w);
  write_files(w);
  change_docs(w);
  bring_docs(w);
}

static inline void world_release(world *w) {
  for (int f = 0; f < FILES; f++)
    if (w->writers[f] != NULL) pq_writer_free(w->writers[f]);
  pq_fetch_release(&w->fetch);
  pq_overlay_release(&w->overlay);
  pq_file_cache_release(&w->files);
  pq_manifest_release(&w->manifest);
  pq_builder_free(w->builder);
  pq_arena_release(&w->keep);
  pq_arena_release(&w->scratch);
  pq_arena_release(&w->arena);
  CHECK(unit_live_len == 0);
}

/* ---- requests ---- */

static inline void serve_all(world *w) {
  pq_io_req req;
  while (pq_fetch_take(&w->fetch, &req)) {
    int f = req.key[strlen("ns/data/t/")] - '0';
    pq_slice bytes = pq_writer_bytes(w->writers[f]);
    CHECK(req.kind == PQ_IO_READ && req.off + req.len <= bytes.n);
    memcpy(req.buf, bytes.p + req.off, req.len);
    pq_fetch_done(&w->fetch, req.id, PQ_OK, (pq_slice){0}, NULL);
  }
}

#endif
