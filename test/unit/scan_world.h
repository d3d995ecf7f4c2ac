/* test/unit/scan_world.h - random documents in random places, and random filters, for test_scan and
 * test_scan_pipeline: files with misfits, delete files, an overlay with hints and without.
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
  int file; /* -1: none */
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
  bool is_large;
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

static inline void put_any(world *w, unsigned depth) {
  switch (below(w, 13)) {
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

enum { FIELD_A, FIELD_B, FIELD_S, FIELD_D, FIELD_O, FIELD_F, FIELD_K, FIELD_U, FIELD_NAME, FIELDS };
static const char *const paths[FIELDS] = {"a", "b", "s", "d", "o", "f", "n.k", "u", "name"};

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
  else if (chance(w, 30) && (field == FIELD_A || field == FIELD_B || field == FIELD_K))
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

static inline void write_files(world *w) {
  pq_value *examples = pq_arena_calloc(&w->arena, w->doc_count, sizeof *examples);
  pq_entity *rows = pq_arena_calloc(&w->arena, w->doc_count, sizeof *rows);
  pq_collection_info info = {.name = PQ_SLICE("t"), .internal_id = 1};
  pq_file_info added[FILES] = {0};
  pq_log_entry entry = {.entry = 1,
                        .seq_hi = 1,
                        .ts_hi = 1,
                        .epoch = 1,
                        .writer = PQ_SLICE("0123456789abcdef"),
                        .commit = PQ_SLICE("fedcba9876543210"),
                        .add = added,
                        .collections = &info,
                        .collection_count = 1};
  for (uint32_t i = 0; i < w->doc_count; i++)
    examples[i] = w->docs[i].e.data;
  CHECK(pq_index_choose(&w->arena, examples, chance(w, 50) ? w->doc_count : w->doc_count / 4, NULL,
                        0, &info.index_columns, &info.index_count) == PQ_OK);
  w->cx.limits.row_group_rows_max = chance(w, w->is_large             ? 100
                                              : w->doc_count >= LARGE ? 80
                                                                      : 30)
                                        ? 50000
                                        : 1 + below(w, 400);
  for (int f = 0; f < FILES; f++) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->doc_count; i++) {
      if (w->docs[i].file != f) continue;
      w->docs[i].row = n;
      rows[n++] = w->docs[i].e;
    }
    if (n == 0) continue;
    CHECK(pq_entity_file_write(&w->cx, info.name, info.index_columns, info.index_count, rows, n,
                               &w->writers[f]) == PQ_OK);
    added[entry.add_count++] = (pq_file_info){.kind = PQ_FILE_DATA,
                                              .name = file_name(f),
                                              .collection = info.name,
                                              .len = pq_writer_bytes(w->writers[f]).n,
                                              .footer_len = pq_writer_footer_len(w->writers[f]),
                                              .row_count = n,
                                              .id_min = rows[0].id,
                                              .id_max = rows[n - 1].id};
  }
  CHECK(pq_manifest_apply(&w->manifest, &entry) == PQ_OK);
}

/* Delete files, updates with and without a hint where the row is, new documents, deletes. */
static inline void change_docs(world *w) {
  uint32_t cap = w->doc_count, seq = 1;
  w->deletes.positions = pq_arena_calloc(&w->arena, cap, sizeof *w->deletes.positions);
  for (int f = 0; f < FILES; f++) {
    for (uint32_t i = 0; i < w->doc_count; i++) {
      doc *d = &w->docs[i];
      if (d->file != f || !chance(w, f == 0 ? 10 : 2)) continue;
      w->deletes.positions[w->deletes.position_count++] =
          (pq_position){pq_str(file_name(f)), d->row};
      d->is_live = false;
    }
  }
  w->delete_list[0] = &w->deletes;
  if (chance(w, 30)) return;
  for (uint32_t i = 0; i < w->doc_count; i++) {
    doc *d = &w->docs[i];
    bool is_new = d->file < 0, has_hint = chance(w, w->noise < 5 ? 100 : 70);
    pq_event e = {.target = PQ_TARGET_ENTITY, .id = d->e.id, .type = d->e.type};
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
  w->view = (pq_view){.cx = &w->cx,
                      .manifest = &w->manifest,
                      .entry = 1,
                      .seq = 1,
                      .files = &w->files,
                      .overlay = &w->overlay,
                      .deletes = w->delete_list,
                      .delete_count = 1};
  make_docs(w);
  write_files(w);
  change_docs(w);
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
