/* expr/filter_bits.c - $bitsAllSet $bitsAnySet $bitsAllClear $bitsAnyClear (MONGO.md 1, rule 27).
 *
 *   50, [1, 4, 5] and BinData "Mg==" ask for the same bits:   0 0 1 1 0 0 1 0
 *                                                   position      5 4     1
 *
 * A whole number of 64 bits, of any number type, is a two's complement that goes on for ever: bit
 * 200 of -1 is set. In binary data bit 0 is the lowest of the first byte, and behind its end all
 * are clear. Other values do not match, whatever is asked.
 */
#include "expr/filter_int.h"

typedef pq_filter_parser parser;
typedef pq_filter_node node;

enum { POSITION_COUNT_MAX = 1000000 };

typedef struct bit_source {
  bool is_number;
  int64_t number;
  pq_binary binary;
} bit_source;

/* A number without fraction that fits 64 bits. */
static bool whole(pq_value v, int64_t *out) {
  double number;
  return pq_value_i64(v, out) ||
         (pq_value_truncate(v, out) && pq_value_number(v, &number) && (double)*out == number);
}

static bool is_set(const bit_source *s, uint64_t position) {
  if (s->is_number) return position < 63 ? (s->number >> position & 1) != 0 : s->number < 0;
  if (position / 8 >= s->binary.len) return false;
  return (pq_binary_at(&s->binary, (size_t)(position / 8)) >> (position % 8) & 1) != 0;
}

/* One bit more: is the answer known? */
static bool decides(const pq_bits *bits, const bit_source *s, uint64_t position) {
  return (is_set(s, position) == bits->wants_set) != bits->wants_all;
}

bool pq_bits_match(const pq_bits *bits, pq_value v) {
  bit_source s = {0};
  s.is_number = whole(v, &s.number);
  if (!s.is_number && !pq_value_any_binary(v, &s.binary)) return false;
  for (uint32_t i = 0; i < bits->count; i++)
    if (decides(bits, &s, bits->positions[i])) return !bits->wants_all;
  for (size_t i = 0; i < bits->mask.len; i++) {
    unsigned byte = pq_binary_at(&bits->mask, i);
    for (unsigned k = 0; byte >> k != 0; k++)
      if ((byte >> k & 1) != 0 && decides(bits, &s, (uint64_t)i * 8 + k)) return !bits->wants_all;
  }
  return bits->wants_all;
}

static int read_positions(parser *s, const char *operator, const pq_path * path, pq_value list,
                          pq_bits *bits) {
  uint32_t count = pq_value_count(list);
  uint32_t *positions;
  if (count > POSITION_COUNT_MAX)
    return pq_fail(s->cx, PQ_ELIMIT,
                   "operator '%s' at path '%.*s' has more than %d positions", operator,
                   PQ_SHOW(pq_filter_path_text(path)), POSITION_COUNT_MAX);
  positions = pq_arena_calloc(s->arena, count, sizeof *positions);
  if (positions == NULL) return s->cx->code;
  for (uint32_t i = 0; i < count; i++) {
    int64_t position;
    if (!whole(pq_array_at(list, i), &position) || position < 0 || position > INT32_MAX)
      return pq_fail_operand(s, operator, path, "needs positions of bits: whole numbers from 0 on");
    positions[i] = (uint32_t)position;
  }
  bits->positions = positions;
  bits->count = count;
  return PQ_OK;
}

/* A number is 8 bytes, lowest first. */
static int read_mask(parser *s, const char *operator, const pq_path * path, int64_t mask,
                     pq_bits *bits) {
  uint8_t *bytes;
  if (mask < 0) return pq_fail_operand(s, operator, path, "cannot take a negative mask");
  bytes = pq_arena_alloc(s->arena, sizeof mask);
  if (bytes == NULL) return s->cx->code;
  pq_wr64(bytes, (uint64_t)mask);
  bits->mask = (pq_binary){.bytes = {bytes, sizeof mask}, .len = sizeof mask};
  return PQ_OK;
}

static int add_bits(parser *s, const pq_path *path, const char *operator, pq_value operand,
                    node *out) {
  pq_bits *bits = pq_arena_calloc(s->arena, 1, sizeof *bits);
  int64_t mask;
  node *leaf;
  if (bits == NULL) return s->cx->code;
  /* "$bitsAllSet": the letters behind "$bits" and behind that word */
  bits->wants_all = operator[6] == 'l';
  bits->wants_set = operator[8] == 'S';
  if (pq_value_type(operand) == PQ_TYPE_ARRAY) {
    PQ_TRY(read_positions(s, operator, path, operand, bits));
  } else if (whole(operand, &mask)) {
    PQ_TRY(read_mask(s, operator, path, mask, bits));
  } else if (!pq_value_any_binary(operand, &bits->mask)) {
    return pq_fail_operand(s, operator, path,
                           "needs a whole number, an array of positions or binary data");
  }
  PQ_TRY(pq_filter_new_leaf(s, path, PQ_LEAF_BITS, out, &leaf));
  leaf->bits = bits;
  return PQ_OK;
}
static int parse_all_set(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_bits(s, path, "$bitsAllSet", operand, out);
}
static int parse_any_set(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_bits(s, path, "$bitsAnySet", operand, out);
}
static int parse_all_clear(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_bits(s, path, "$bitsAllClear", operand, out);
}
static int parse_any_clear(parser *s, const pq_path *path, pq_value operand, node *out) {
  return add_bits(s, path, "$bitsAnyClear", operand, out);
}

const pq_predicate pq_bits_predicates[] = {{"$bitsAllSet", parse_all_set},
                                           {"$bitsAnySet", parse_any_set},
                                           {"$bitsAllClear", parse_all_clear},
                                           {"$bitsAnyClear", parse_any_clear},
                                           {NULL, NULL}};
