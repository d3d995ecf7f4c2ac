/* test/interop/random_writer.c - writes random Parquet files and the rows that they hold.
 *
 *     random_writer FOLDER SEED COUNT      files of SEED, SEED + 1 …
 *     random_writer FOLDER sweep           each type x encoding x codec x page version once
 *     random_writer FOLDER shredded SEED COUNT      an id and a shredded VARIANT each
 *
 *   NAME.parquet   through parquet/writer.h
 *   NAME.jsonl     the rows in canonical form, one JSON object each (canonical.py reads them)
 *   NAME.meta      what was asked of the writer: {"codec", "v2", "groups": [rows …],
 *                  "leaves": [{"path", "kind", "encoding"} …]}
 *
 * A schema is a tree of shapes. A row is made by one walk over it, which prints the row and puts
 * entries with their levels into the columns, so that text and levels say the same.
 */
#include "random_schema.h"
#include "shred/variant_split.h"
#include "value/builder.h"
#include "value/json.h"

enum { GROUPS_MAX = 3, PATH_CAP = 4096 };

/* ---- a row: printed, and put into the columns ---- */

static void push(column *c, uint32_t def, uint32_t rep, const void *slot) {
  if (c->count == c->cap) {
    c->cap = c->cap == 0 ? 256 : c->cap * 2;
    c->def = realloc(c->def, c->cap);
    c->rep = realloc(c->rep, c->cap);
    c->nulls = realloc(c->nulls, c->cap);
    c->slots = realloc(c->slots, c->cap * sizeof(pq_slice));
    if (c->def == NULL || c->rep == NULL || c->nulls == NULL || c->slots == NULL) abort();
  }
  c->def[c->count] = (uint8_t)def;
  c->rep[c->count] = (uint8_t)rep;
  c->nulls[c->count] = slot == NULL;
  memset(c->slots + c->count * sizeof(pq_slice), 0, sizeof(pq_slice));
  if (slot != NULL) memcpy(c->slots + c->count * sizeof(pq_slice), slot, sizeof(pq_slice));
  c->count++;
}

/* One entry without a value in each column below. */
static void push_nothing(maker *m, const node *n, uint32_t def, uint32_t rep) {
  if (n->child_count == 0) push(&m->columns[n->leaf], def, rep, NULL);
  if (n->shape == VARIANT) push(&m->columns[n->leaf + 1], def, rep, NULL);
  for (unsigned i = 0; i < n->child_count; i++)
    push_nothing(m, n->children[i], def, rep);
}

static void make_leaf(maker *m, column *c) {
  source s = {.arena = &m->arena, .place = c->place++};
  s.is_rising = c->spread == RISING;
  s.key = random_mix(c->seed + (c->spread == CONSTANT ? 0
                                : c->spread == FEW    ? random_below(&m->random, 7)
                                                      : c->place));
  make_value(c->kind, &s, &m->value);
}

static void put_leaf(maker *m, column *c, uint32_t rep) {
  make_leaf(m, c);
  push(c, c->def_max, rep, &m->value.slot);
  fputs(m->value.text, m->rows);
}

static void random_document(maker *m, pq_buf *text, unsigned depth) {
  random_bits *r = &m->random;
  uint32_t dice = random_below(r, depth >= 3 ? 6 : 9), n = random_below(r, 4);
  int rc = PQ_OK;
  switch (dice) {
    case 0: rc = pq_buf_put_str(text, "null"); break;
    case 1: rc = pq_buf_put_str(text, random_once(r, 2) ? "true" : "false"); break;
    case 2: rc = pq_buf_printf(text, "%d", (int)random_below(r, 300) - 150); break;
    case 3:
      rc = pq_buf_printf(text, "%lld", (long long)(random_next(r) >> random_below(r, 63)) / 2);
      break;
    case 4: rc = pq_buf_printf(text, "%d.%u25", (int)random_below(r, 900) - 450, n); break;
    case 5: rc = pq_buf_printf(text, "\"text %u\"", random_below(r, 500)); break;
    case 6:
      rc = pq_buf_put_str(text, "[");
      for (uint32_t i = 0; i < n && rc == PQ_OK; i++) {
        if (i > 0) rc = pq_buf_put_str(text, ",");
        random_document(m, text, depth + 1);
      }
      if (rc == PQ_OK) rc = pq_buf_put_str(text, "]");
      break;
    default:
      rc = pq_buf_put_str(text, "{");
      for (uint32_t i = 0; i < n && rc == PQ_OK; i++) {
        rc = pq_buf_printf(text, "%s\"%c%u\":", i > 0 ? "," : "", 'k', i + n * 10);
        random_document(m, text, depth + 1);
      }
      if (rc == PQ_OK) rc = pq_buf_put_str(text, "}");
  }
  if (rc != PQ_OK) fail(m, "document");
}

/* Its Variant, in the arena; prints it. */
static pq_value put_document(maker *m, const pq_buf *text) {
  pq_builder *b;
  pq_value v;
  size_t used;
  if (pq_builder_new(&m->cx, &b) != PQ_OK ||
      pq_json_parse(b, pq_buf_slice(text), (pq_json_options){0}, &used) != PQ_OK ||
      pq_builder_finish(b, &m->arena, &v) != PQ_OK)
    fail(m, "variant");
  pq_builder_free(b);
  set_string_text(&m->value, pq_buf_slice(text));
  fputs(m->value.text, m->rows);
  return v;
}

static void put_variant(maker *m, const node *n, uint32_t rep) {
  pq_value v;
  pq_buf text;
  pq_slice meta, bytes;
  pq_buf_init(&text, &m->cx, 1u << 20);
  random_document(m, &text, 0);
  v = put_document(m, &text);
  meta = pq_value_meta(v);
  bytes = (pq_slice){v.p, v.len};
  push(&m->columns[n->leaf], n->def, rep, &meta);
  push(&m->columns[n->leaf + 1], n->def, rep, &bytes);
  pq_buf_release(&text);
}

static void put_node(maker *m, node *n, uint32_t def, uint32_t rep);

/* A key that the map does not have yet is taken: peers differ in what they do with two of them. */
static bool put_key(maker *m, const node *key, uint32_t rep, char **seen, unsigned *count) {
  column *c = &m->columns[key->leaf];
  for (int tries = 0; tries < 20; tries++) {
    bool is_new = true;
    make_leaf(m, c);
    if (strstr(m->value.text, "nan") != NULL || strstr(m->value.text, "f:-0") != NULL) continue;
    for (unsigned i = 0; i < *count; i++)
      if (strcmp(seen[i], m->value.text) == 0) is_new = false;
    if (!is_new) continue;
    seen[(*count)++] = pq_arena_str(&m->arena, pq_str(m->value.text));
    push(c, c->def_max, rep, &m->value.slot);
    fprintf(m->rows, "%s[%s, ", *count > 1 ? ", " : "", m->value.text);
    return true;
  }
  return false;
}

static void put_map(maker *m, node *n, uint32_t rep) {
  uint32_t count = random_below(&m->random, LIST_MAX);
  char *seen[LIST_MAX];
  unsigned seen_count = 0;
  fputs("{\"$map\": [", m->rows);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t at = seen_count == 0 ? rep : n->rep;
    if (!put_key(m, n->children[0], at, seen, &seen_count)) continue;
    put_node(m, n->children[1], n->def + 1, at);
    fputs("]", m->rows);
  }
  if (seen_count == 0) push_nothing(m, n, n->def, rep);
  fputs("]}", m->rows);
}

static void put_list(maker *m, node *n, uint32_t rep) {
  uint32_t count = random_below(&m->random, random_once(&m->random, 20) ? 40 : LIST_MAX);
  fputs("[", m->rows);
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0) fputs(", ", m->rows);
    if (n->shape == LIST)
      put_node(m, n->children[0], n->def + 1, i == 0 ? rep : n->rep);
    else
      put_leaf(m, &m->columns[n->leaf], i == 0 ? rep : n->rep);
  }
  if (count == 0) push_nothing(m, n, n->def, rep);
  fputs("]", m->rows);
}

static void put_fields(maker *m, node *n, uint32_t def, uint32_t rep) {
  char name[128];
  fputs("{", m->rows);
  for (unsigned i = 0; i < n->child_count; i++) {
    put_escaped(name, sizeof name, pq_str(n->children[i]->name));
    fprintf(m->rows, "%s\"%s\": ", i > 0 ? ", " : "", name);
    put_node(m, n->children[i], def, rep);
  }
  fputs("}", m->rows);
}

/* `def` is the level of the parent. */
static void put_node(maker *m, node *n, uint32_t def, uint32_t rep) {
  if (n->is_optional && random_once(&m->random, n->null_one_in)) {
    push_nothing(m, n, def, rep);
    fputs("null", m->rows);
    return;
  }
  switch (n->shape) {
    case LEAF: put_leaf(m, &m->columns[n->leaf], rep); return;
    case STRUCT: put_fields(m, n, n->def, rep); return;
    case MAP: put_map(m, n, rep); return;
    case VARIANT: put_variant(m, n, rep); return;
    case LIST:
    case SHORT_LIST:
    case BARE_LIST: put_list(m, n, rep); return;
  }
}

/* ---- a file ---- */

static size_t slot_size(pq_phys phys) {
  switch (phys) {
    case PQ_PHYS_BOOL: return 1;
    case PQ_PHYS_INT32:
    case PQ_PHYS_FLOAT: return 4;
    case PQ_PHYS_INT64:
    case PQ_PHYS_DOUBLE: return 8;
    default: return sizeof(pq_slice);
  }
}

/* What was gathered, as the writer wants it. */
static pq_column column_of(column *c, uint32_t row_count) {
  size_t size = slot_size(c->kind->phys);
  bool is_flat = c->def_max <= 1 && c->rep_max == 0;
  pq_column out = {.phys = c->kind->phys, .row_count = row_count, .entry_count = c->count};
  for (uint32_t i = 0; i < c->count; i++)
    memmove(c->slots + i * size, c->slots + i * sizeof(pq_slice), size);
  out.v.any = c->slots;
  if (c->def_max > 0) out.nulls = c->nulls;
  if (!is_flat) {
    out.def = c->def;
    if (c->rep_max > 0) out.rep = c->rep;
  }
  return out;
}

static void write_group(maker *m, pq_writer *w, uint32_t row_count) {
  pq_column *columns = zeroed((m->column_count + 1) * sizeof *columns);
  for (uint32_t i = 0; i < m->column_count; i++)
    m->columns[i].count = 0;
  for (uint32_t i = 0; i < row_count; i++) {
    put_fields(m, m->root, 0, 0);
    fputs("\n", m->rows);
  }
  for (uint32_t i = 0; i < m->column_count; i++)
    columns[i] = column_of(&m->columns[i], row_count);
  if (pq_writer_add(w, columns, m->column_count) != PQ_OK) fail(m, "pq_writer_add");
  free(columns);
}

typedef struct plan {
  char base[PATH_CAP]; /* path without extension */
  pq_writer_options options;
  uint32_t group_rows[GROUPS_MAX];
  uint32_t group_count;
} plan;

static FILE *create(const plan *p, const char *ext) {
  char path[PATH_CAP + 16];
  FILE *file;
  (void)snprintf(path, sizeof path, "%s.%s", p->base, ext);
  file = fopen(path, "wb");
  if (file == NULL) {
    perror(path);
    exit(1);
  }
  return file;
}

/* The dotted paths come from the specs: a stack of how many children are left. */
static void write_leaves(const maker *m, FILE *out) {
  const char *names[64];
  uint32_t left[64], depth = 0, leaf = 0;
  char name[128];
  for (uint32_t i = 0; i < m->spec_count; i++) {
    const pq_node_spec *s = &m->specs[i];
    while (depth > 0 && left[depth - 1] == 0)
      depth--;
    if (depth > 0) left[depth - 1]--;
    names[depth] = s->name;
    left[depth] = s->child_count;
    if (s->child_count > 0) {
      depth++;
      continue;
    }
    fprintf(out, "%s{\"path\": [", leaf > 0 ? ", " : "");
    for (uint32_t k = 0; k <= depth; k++) {
      put_escaped(name, sizeof name, pq_str(names[k]));
      fprintf(out, "%s\"%s\"", k > 0 ? ", " : "", name);
    }
    fprintf(out, "], \"kind\": \"%s\", \"stats\": %s, \"bloom\": %s, \"encoding\": ",
            m->columns[leaf].kind->name, s->has_stats ? "true" : "false",
            s->has_bloom ? "true" : "false");
    fprintf(out, s->has_encoding ? "\"%s\"}" : "null}", encoding_name(s->encoding));
    leaf++;
  }
}

static void write_meta(const maker *m, const plan *p) {
  FILE *out = create(p, "meta");
  fprintf(out, "{\"codec\": \"%s\", \"v2\": %s, \"groups\": [",
          p->options.is_uncompressed ? "none" : pq_codec_name(p->options.codec),
          p->options.is_v2 ? "true" : "false");
  for (uint32_t i = 0; i < p->group_count; i++)
    fprintf(out, "%s%u", i > 0 ? ", " : "", p->group_rows[i]);
  fputs("], \"leaves\": [", out);
  write_leaves(m, out);
  fputs("]}\n", out);
  (void)fclose(out);
}

static void write_file(maker *m, const plan *p) {
  pq_writer *w;
  pq_slice bytes;
  FILE *file = create(p, "parquet");
  m->rows = create(p, "jsonl");
  write_meta(m, p);
  if (pq_writer_new_nested(&m->cx, m->specs, m->spec_count, p->options, &w) != PQ_OK)
    fail(m, "pq_writer_new_nested");
  for (uint32_t g = 0; g < p->group_count; g++)
    write_group(m, w, p->group_rows[g]);
  if (pq_writer_finish(w, NULL, 0) != PQ_OK) fail(m, "pq_writer_finish");
  bytes = pq_writer_bytes(w);
  if (fwrite(bytes.p, 1, bytes.n, file) != bytes.n) fail(m, "fwrite");
  pq_writer_free(w);
  (void)fclose(file);
  (void)fclose(m->rows);
}

/* ---- a maker per file ---- */

static maker *new_maker(uint64_t seed) {
  maker *m = zeroed(sizeof *m);
  m->random.state = random_mix(seed);
  pq_cx_init(&m->cx, NULL, NULL);
  pq_arena_init(&m->arena, &m->cx, 1u << 30);
  m->columns = zeroed(SPECS_MAX * sizeof *m->columns);
  m->root = new_node(m, STRUCT);
  return m;
}

static void free_maker(maker *m) {
  for (uint32_t i = 0; i < m->column_count; i++) {
    free(m->columns[i].def);
    free(m->columns[i].rep);
    free(m->columns[i].nulls);
    free(m->columns[i].slots);
  }
  free(m->columns);
  pq_arena_release(&m->arena);
  free(m);
}

static const pq_codec codecs[] = {PQ_CODEC_ZSTD, PQ_CODEC_NONE, PQ_CODEC_SNAPPY, PQ_CODEC_GZIP,
                                  PQ_CODEC_LZ4_RAW};

enum { CODEC_COUNT = sizeof codecs / sizeof *codecs };

static void set_codec(plan *p, pq_codec codec) {
  p->options.codec = codec;
  p->options.is_uncompressed = codec == PQ_CODEC_NONE;
}

static void random_file(const char *folder, uint64_t seed) {
  maker *m = new_maker(seed);
  plan p = {.options = {.created_by = "parquedb random_writer"}};
  random_bits *r = &m->random;
  unsigned fields = 1 + random_below(r, FIELDS_MAX);
  (void)snprintf(p.base, sizeof p.base, "%s/r%llu", folder, (long long unsigned)seed);
  set_codec(&p, codecs[random_below(r, CODEC_COUNT)]);
  p.options.is_v2 = random_once(r, 2);
  p.options.level = random_once(r, 2) ? 0 : 1 + (int)random_below(r, 5);
  p.group_count = random_below(r, 10) == 0 ? 0 : 1 + random_below(r, GROUPS_MAX);
  for (uint32_t i = 0; i < p.group_count; i++)
    p.group_rows[i] = 1 + random_below(r, random_once(r, 12) ? 3000 : 150);
  set_children(m, m->root, fields);
  for (unsigned i = 0; i < fields; i++)
    m->root->children[i] = random_node(m, 0, true);
  name_children(m->root);
  for (unsigned i = 0; i < fields; i++)
    add_node(m, m->root->children[i], 0, 0);
  write_file(m, &p);
  free_maker(m);
}

/* One file of a codec and page version, of one physical type: kinds x encodings x {required,
 * optional, in a list}. */
static void sweep_file(const char *folder, pq_codec codec, bool is_v2, unsigned shape_count) {
  maker *m = new_maker(shape_count * 100u + (unsigned)codec * 2 + is_v2);
  plan p = {.options = {.is_v2 = is_v2, .created_by = "parquedb random_writer"},
            .group_rows = {40, 13},
            .group_count = 2};
  unsigned count = 0;
  set_children(m, m->root, KIND_COUNT * ENCODING_COUNT);
  (void)snprintf(p.base, sizeof p.base, "%s/sweep-%s-v%d-%u", folder, pq_codec_name(codec),
                 is_v2 ? 2 : 1, shape_count);
  set_codec(&p, codec);
  for (unsigned k = 0; k < KIND_COUNT; k++) {
    for (unsigned e = 0; e < ENCODING_COUNT; e++) {
      bool is_null = kinds[k].note.kind == PQ_NOTE_OTHER;
      node *n;
      if (!is_legal(kinds[k].phys, encodings[e].encoding) || (is_null && shape_count != 1))
        continue;
      n = new_node(m, shape_count == 2 ? SHORT_LIST : LEAF);
      (void)snprintf(n->name, sizeof n->name, "%s_%u", kinds[k].name,
                     (unsigned)encodings[e].encoding);
      n->kind = &kinds[k];
      n->is_optional = shape_count == 1;
      n->null_one_in = is_null ? 1 : 5;
      add_node(m, n, 0, 0);
      m->columns[n->leaf].spec->has_encoding = true;
      m->columns[n->leaf].spec->encoding = encodings[e].encoding;
      m->columns[n->leaf].spec->has_stats = true;
      m->root->children[count++] = n;
    }
  }
  m->root->child_count = count;
  write_file(m, &p);
  free_maker(m);
}

/* ---- shredded VARIANT ---- */

enum { SHREDDED_ROWS_MAX = 400 };

/* A document of the usual fields, each of its usual type most of the time; or any at all. */
static void usual_document(maker *m, pq_buf *text) {
  static const char *const names[] = {"age", "name", "tags", "at", "more"};
  random_bits *r = &m->random;
  const char *comma = "";
  int rc;
  if (random_once(r, 8)) {
    random_document(m, text, 0);
    return;
  }
  rc = pq_buf_put_str(text, "{");
  for (unsigned i = 0; i < sizeof names / sizeof *names && rc == PQ_OK; i++) {
    if (random_once(r, 4)) continue;
    rc = pq_buf_printf(text, "%s\"%s\":", comma, names[i]);
    comma = ",";
    if (rc != PQ_OK) break;
    if (i == 4 || random_once(r, 9))
      random_document(m, text, 1);
    else if (i == 0)
      rc = pq_buf_printf(text, "%u", random_below(r, 90));
    else if (i == 1)
      rc = pq_buf_printf(text, "\"name %u\"", random_below(r, 50));
    else if (i == 2)
      rc = pq_buf_put_str(text, random_once(r, 3) ? "[]" : "[\"a\",\"b\"]");
    else
      rc = pq_buf_printf(text, "{\"x\":%u.5,\"ok\":%s}", random_below(r, 50),
                         random_once(r, 2) ? "true" : "false");
  }
  if (rc != PQ_OK || pq_buf_put_str(text, "}") != PQ_OK) fail(m, "document");
}

/* A shape guessed from some rows, or one that hardly fits. */
static pq_variant_shape *shredded_shape(maker *m, const pq_value *rows, uint32_t count,
                                        bool is_optional) {
  static const char *const texts[] = {"{age: int32, name: string}",
                                      "{age: int32*, tags: [string], at: {x: double*, y: date}}",
                                      "{more: {k10: int64*}, name: variant}",
                                      "[string]",
                                      "int32",
                                      "variant"};
  pq_variant_levels at = {is_optional, 0};
  pq_variant_shape *s;
  uint32_t dice = random_below(&m->random, 2 * sizeof texts / sizeof *texts);
  int rc = dice < sizeof texts / sizeof *texts
               ? pq_variant_shape_parse(&m->arena, pq_str(texts[dice]), at, &s)
               : pq_variant_shape_infer(&m->arena, rows, count, (pq_variant_rule){0}, at, &s);
  if (rc != PQ_OK) fail(m, "shape");
  return s;
}

static void shredded_group(maker *m, pq_writer *w, const pq_value *rows, pq_split *split,
                           uint32_t leaf_count) {
  pq_column *columns = zeroed((leaf_count + 1) * sizeof *columns);
  int32_t ids[SHREDDED_ROWS_MAX];
  pq_split_clear(split);
  for (uint32_t i = 0; i < SHREDDED_ROWS_MAX; i++) {
    int rc = rows[i].p == NULL ? pq_split_skip(split, 0, 0) : pq_split_put(split, rows[i], 0);
    if (rc != PQ_OK) fail(m, "split");
    ids[i] = (int32_t)i;
  }
  columns[0] =
      (pq_column){.phys = PQ_PHYS_INT32, .row_count = SHREDDED_ROWS_MAX, .v = {.i32 = ids}};
  memcpy(columns + 1, pq_split_columns(split), leaf_count * sizeof *columns);
  if (pq_writer_add(w, columns, leaf_count + 1) != PQ_OK) fail(m, "pq_writer_add");
  free(columns);
}

static void make_rows(maker *m, bool is_optional, pq_value *rows) {
  pq_buf text;
  pq_buf_init(&text, &m->cx, 1u << 20);
  for (uint32_t i = 0; i < SHREDDED_ROWS_MAX; i++) {
    fprintf(m->rows, "{\"id\": \"i:%u\", \"v\": ", i);
    rows[i] = (pq_value){0};
    pq_buf_clear(&text);
    if (is_optional && random_once(&m->random, 10)) {
      fputs("null", m->rows);
    } else {
      usual_document(m, &text);
      rows[i] = put_document(m, &text);
    }
    fputs("}\n", m->rows);
  }
  pq_buf_release(&text);
}

static void shredded_file(const char *folder, uint64_t seed) {
  maker *m = new_maker(seed);
  plan p = {.options = {.created_by = "parquedb random_writer"}};
  bool is_optional = random_once(&m->random, 2);
  pq_value rows[SHREDDED_ROWS_MAX], sample[SHREDDED_ROWS_MAX];
  uint32_t sample_count = 0, node_count;
  pq_variant_shape *typed;
  pq_node_spec *variant, *specs;
  pq_split *split;
  pq_writer *w;
  pq_slice bytes;
  FILE *file;
  (void)snprintf(p.base, sizeof p.base, "%s/v%llu", folder, (long long unsigned)seed);
  p.options.is_v2 = random_once(&m->random, 2);
  file = create(&p, "parquet");
  m->rows = create(&p, "jsonl");
  make_rows(m, is_optional, rows);
  for (uint32_t i = 0; i < SHREDDED_ROWS_MAX; i++)
    if (rows[i].p != NULL) sample[sample_count++] = rows[i];
  typed = shredded_shape(m, sample, sample_count, is_optional);
  if (pq_variant_shape_nodes(&m->arena, typed, "v", is_optional, &variant, &node_count) != PQ_OK ||
      pq_split_new(&m->cx, typed, &split) != PQ_OK)
    fail(m, "shape");
  specs = zeroed((node_count + 1) * sizeof *specs);
  specs[0] = (pq_node_spec){.name = "id", .field_id = -1, .phys = PQ_PHYS_INT32};
  memcpy(specs + 1, variant, node_count * sizeof *specs);
  if (pq_writer_new_nested(&m->cx, specs, node_count + 1, p.options, &w) != PQ_OK)
    fail(m, "pq_writer_new_nested");
  shredded_group(m, w, rows, split, typed->leaf_count);
  if (pq_writer_finish(w, NULL, 0) != PQ_OK) fail(m, "pq_writer_finish");
  bytes = pq_writer_bytes(w);
  if (fwrite(bytes.p, 1, bytes.n, file) != bytes.n) fail(m, "fwrite");
  pq_writer_free(w);
  pq_split_free(split);
  free(specs);
  (void)fclose(file);
  (void)fclose(m->rows);
  free_maker(m);
}

static void make_files(char **numbers, const char *folder, void (*make)(const char *, uint64_t)) {
  uint64_t seed = strtoull(numbers[0], NULL, 10), end = seed + strtoull(numbers[1], NULL, 10);
  for (; seed < end; seed++)
    make(folder, seed);
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[2], "sweep") == 0) {
    for (unsigned c = 0; c < CODEC_COUNT; c++)
      for (unsigned v = 0; v < 2; v++)
        for (unsigned s = 0; s < 3; s++)
          sweep_file(argv[1], codecs[c], v == 1, s);
    return 0;
  }
  if (argc == 4) {
    make_files(argv + 2, argv[1], random_file);
    return 0;
  }
  if (argc == 5 && strcmp(argv[2], "shredded") == 0) {
    make_files(argv + 3, argv[1], shredded_file);
    return 0;
  }
  fprintf(stderr,
          "usage: random_writer FOLDER [shredded] SEED COUNT | random_writer FOLDER sweep\n");
  return 2;
}
