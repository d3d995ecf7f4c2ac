/* parquet/schema_text.c - see schema_text.h. Words and order are those of parquet-java's schema
 * parser, which other tools read too.
 */
#include "parquet/schema_text.h"

#include "base/text.h"

static const char *const phys_names[] = {"boolean", "int32",  "int64",  "int96",
                                         "float",   "double", "binary", "fixed_len_byte_array"};

int pq_phys_print(pq_buf *out, const pq_leaf *leaf) {
  PQ_TRY(pq_buf_put_str(out, phys_names[leaf->phys]));
  if (leaf->phys != PQ_PHYS_FIXED) return PQ_OK;
  return pq_buf_printf(out, "(%u)", leaf->type_len);
}

/* By member of the LogicalType union (parquet-format: parquet.thrift). */
static const char *name_of(const pq_note *note) {
  static const char *const names[] = {NULL,      "STRING",  "MAP",      "LIST",      "ENUM",
                                      "DECIMAL", "DATE",    "TIME",     "TIMESTAMP", NULL,
                                      "INTEGER", "UNKNOWN", "JSON",     "BSON",      "UUID",
                                      "FLOAT16", "VARIANT", "GEOMETRY", "GEOGRAPHY"};
  const char *name = note->id < sizeof names / sizeof names[0] ? names[note->id] : NULL;
  if (name != NULL) return name;
  switch (note->kind) {
    case PQ_NOTE_NONE: return NULL;
    case PQ_NOTE_INTERVAL: return "INTERVAL";
    case PQ_NOTE_MAP: return "MAP_KEY_VALUE";
    default: return "UNKNOWN";
  }
}

static const char *unit_of(const pq_note *note) {
  return note->digits == 3   ? "MILLIS"
         : note->digits == 6 ? "MICROS"
         : note->digits == 9 ? "NANOS"
                             : "?";
}

int pq_note_print(pq_buf *out, const pq_note *note) {
  const char *name = name_of(note);
  if (name == NULL) return PQ_OK;
  PQ_TRY(pq_buf_put_str(out, name));
  switch (note->kind) {
    case PQ_NOTE_DECIMAL: return pq_buf_printf(out, "(%d,%d)", note->precision, note->scale);
    case PQ_NOTE_TIME:
    case PQ_NOTE_TIMESTAMP:
      return pq_buf_printf(out, "(%s,%s)", unit_of(note), note->is_utc ? "true" : "false");
    case PQ_NOTE_INTEGER:
      return pq_buf_printf(out, "(%u,%s)", note->bits, note->is_unsigned ? "false" : "true");
    default: return PQ_OK;
  }
}

static bool is_word(pq_slice name) {
  for (size_t i = 0; i < name.n; i++) {
    uint8_t c = name.p[i];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '$' || c == '-' || c == '.' || c >= 0x80;
    if (!is_plain) return false;
  }
  return name.n > 0 && pq_utf8_is_valid(name);
}

static int put_name(pq_buf *out, pq_slice name) {
  if (is_word(name)) return pq_buf_put_slice(out, name);
  if (!pq_utf8_is_valid(name)) return pq_buf_put_str(out, "\"?\"");
  return pq_buf_put_json_str(out, name);
}

static int put_indent(pq_buf *out, uint32_t depth) {
  while (depth-- > 0)
    PQ_TRY(pq_buf_put_str(out, "  "));
  return PQ_OK;
}

static int put_node(pq_buf *out, const pq_footer *f, const pq_node *n, bool has_levels) {
  static const char *const repetitions[] = {"required ", "optional ", "repeated "};
  bool is_leaf = n->leaf != PQ_NO_NODE;
  PQ_TRY(pq_buf_put_str(out, repetitions[n->repetition]));
  PQ_TRY(is_leaf ? pq_phys_print(out, &f->leaves[n->leaf]) : pq_buf_put_str(out, "group"));
  PQ_TRY(pq_buf_put_byte(out, ' '));
  PQ_TRY(put_name(out, n->name));
  if (name_of(&n->note) != NULL) {
    PQ_TRY(pq_buf_put_str(out, " ("));
    PQ_TRY(pq_note_print(out, &n->note));
    PQ_TRY(pq_buf_put_byte(out, ')'));
  }
  if (n->field_id >= 0) PQ_TRY(pq_buf_printf(out, " = %d", n->field_id));
  PQ_TRY(pq_buf_put_str(out, is_leaf ? ";" : " {"));
  if (has_levels && is_leaf) PQ_TRY(pq_buf_printf(out, " // column %u,", n->leaf));
  if (has_levels) PQ_TRY(pq_buf_printf(out, "%s D %u R %u", is_leaf ? "" : " //", n->def, n->rep));
  return pq_buf_put_byte(out, '\n');
}

int pq_schema_text_print(pq_buf *out, const pq_footer *f, bool has_levels) {
  uint32_t depth = 1; /* groups that are open */
  PQ_TRY(pq_buf_put_str(out, "message "));
  PQ_TRY(put_name(out, f->nodes[0].name));
  PQ_TRY(pq_buf_put_str(out, " {\n"));
  for (uint32_t i = 1; i < f->node_count; i++) {
    uint32_t above = 0;
    for (uint32_t at = f->nodes[i].parent; at != PQ_NO_NODE; at = f->nodes[at].parent)
      above++;
    for (; depth > above; depth--) {
      PQ_TRY(put_indent(out, depth - 1));
      PQ_TRY(pq_buf_put_str(out, "}\n"));
    }
    PQ_TRY(put_indent(out, above));
    PQ_TRY(put_node(out, f, &f->nodes[i], has_levels));
    if (f->nodes[i].leaf == PQ_NO_NODE) depth = above + 1;
  }
  for (; depth > 0; depth--) {
    PQ_TRY(put_indent(out, depth - 1));
    PQ_TRY(pq_buf_put_str(out, "}\n"));
  }
  return PQ_OK;
}
