/* shred/key_id.c - see key_id.h. */
#include "shred/key_id.h"

#include <math.h>
#include <string.h>

#include "shred/index_column.h"
#include "value/compare.h"

static const char hex_upper[] = "0123456789ABCDEF", hex_lower[] = "0123456789abcdef";

/* Is the byte at `i` of a local id percent-encoded? */
static bool is_encoded(uint8_t b, size_t i) {
  return b == '/' || b == '%' || (b == '~' && i == 0);
}

int pq_id_encode(pq_arena *arena, pq_slice collection, pq_slice local, pq_slice *out) {
  uint8_t *p = pq_arena_alloc(arena, collection.n + 1 + local.n * 3);
  size_t n = collection.n;
  *out = (pq_slice){0};
  if (p == NULL) return arena->cx->code;
  memcpy(p, collection.p, n);
  p[n++] = '/';
  for (size_t i = 0; i < local.n; i++) {
    uint8_t b = local.p[i];
    if (!is_encoded(b, i)) {
      p[n++] = b;
      continue;
    }
    p[n++] = '%';
    p[n++] = (uint8_t)hex_upper[b >> 4];
    p[n++] = (uint8_t)hex_upper[b & 15];
  }
  *out = (pq_slice){p, n};
  return PQ_OK;
}

/* The bytes that stand for a number: those of a long where it is whole, else of a double where that
 * is exact. False: neither. */
static bool number_bytes(pq_value v, pq_cell *cell, pq_slice *out) {
  double number;
  pq_value same;
  if (!pq_value_number(v, &number)) return false;
  if (number != number) number = (double)NAN; /* all are equal, whatever their bits are */
  same = pq_cell_i64(
      cell, number > -9.223372036854774e18 && number < 9.223372036854774e18 ? (int64_t)number : 0);
  *out = pq_value_bytes(same);
  if (pq_number_compare(same, v) == 0) return true;
  if (pq_value_type(v) == PQ_TYPE_INT64) return false;
  same = pq_cell_double(cell, number);
  *out = pq_value_bytes(same);
  return pq_number_compare(same, v) == 0;
}

int pq_id_of_key(pq_arena *arena, pq_slice collection, pq_value v, pq_slice *out) {
  bool is_object_id = false;
  uint8_t *p;
  size_t n;
  pq_cell cell;
  pq_slice text;
  *out = (pq_slice){0};
  if (pq_value_string(v, &text))
    return text.n == 0 ? PQ_OK : pq_id_encode(arena, collection, text, out);
  if (pq_value_object_id(v, &text))
    is_object_id = true;
  else if (!number_bytes(v, &cell, &text))
    return PQ_OK;
  p = pq_arena_alloc(arena, collection.n + 3 + text.n * 2);
  if (p == NULL) return arena->cx->code;
  memcpy(p, collection.p, collection.n);
  n = collection.n;
  p[n++] = '/';
  p[n++] = '~';
  p[n++] = is_object_id ? 'o' : 'x';
  for (size_t i = 0; i < text.n; i++) {
    if (!is_object_id) p[n++] = (uint8_t)hex_lower[text.p[i] >> 4];
    p[n++] = is_object_id ? text.p[i] : (uint8_t)hex_lower[text.p[i] & 15];
  }
  *out = (pq_slice){p, n};
  return PQ_OK;
}

static bool is_text_id(pq_slice local, pq_slice text) {
  size_t at = 0;
  for (size_t i = 0; i < text.n; i++) {
    uint8_t b = text.p[i];
    if (!is_encoded(b, i)) {
      if (at == local.n || local.p[at++] != b) return false;
      continue;
    }
    if (local.n - at < 3 || local.p[at] != '%' || local.p[at + 1] != hex_upper[b >> 4] ||
        local.p[at + 2] != hex_upper[b & 15])
      return false;
    at += 3;
  }
  return text.n > 0 && at == local.n;
}

/* ---- entities without a key ---- */

static int hex_upper_of(uint8_t b) {
  const char *at = b == 0 ? NULL : strchr(hex_upper, b);
  return at == NULL ? -1 : (int)(at - hex_upper);
}

/* The text of which `local` is the encoding; false: it is none. */
static bool decode(pq_slice local, uint8_t *out, size_t *len) {
  *len = 0;
  for (size_t i = 0; i < local.n; i++) {
    uint8_t b = local.p[i];
    if (b == '%') {
      int high = local.n - i < 3 ? -1 : hex_upper_of(local.p[i + 1]);
      int low = high < 0 ? -1 : hex_upper_of(local.p[i + 2]);
      if (low < 0) return false;
      b = (uint8_t)(high << 4 | low);
      if (!is_encoded(b, *len)) return false;
      i += 2;
    } else if (is_encoded(b, *len)) {
      return false;
    }
    out[(*len)++] = b;
  }
  return *len > 0;
}

int pq_key_of_id(pq_arena *arena, pq_slice id, pq_slice *out) {
  const uint8_t *slash = id.n == 0 ? NULL : memchr(id.p, '/', id.n);
  pq_slice local = id;
  uint8_t *p;
  size_t len;
  if (slash != NULL) local = (pq_slice){slash + 1, id.n - (size_t)(slash + 1 - id.p)};
  *out = local;
  if (local.n == 0 || memchr(local.p, '%', local.n) == NULL) return PQ_OK;
  p = pq_arena_alloc(arena, local.n);
  if (p == NULL) return arena->cx->code;
  if (decode(local, p, &len)) *out = (pq_slice){p, len};
  return PQ_OK;
}

int pq_id_shown_as(pq_arena *arena, pq_slice collection, pq_value v, pq_slice *out) {
  bool is_other = false;
  pq_slice text;
  uint8_t *p;
  *out = (pq_slice){0};
  if (!pq_value_string(v, &text) || text.n == 0 || memchr(text.p, '/', text.n) != NULL)
    return PQ_OK;
  for (size_t i = 0; i < text.n && !is_other; i++)
    is_other = is_encoded(text.p[i], i);
  if (!is_other) return PQ_OK;
  p = pq_arena_alloc(arena, collection.n + 1 + text.n);
  if (p == NULL) return arena->cx->code;
  memcpy(p, collection.p, collection.n);
  p[collection.n] = '/';
  memcpy(p + collection.n + 1, text.p, text.n);
  *out = (pq_slice){p, collection.n + 1 + text.n};
  return PQ_OK;
}

/* ---- */

bool pq_id_is_of_key(pq_slice id, pq_value v) {
  const uint8_t *slash = memchr(id.p, '/', id.n);
  pq_slice local, text;
  pq_cell cell;
  if (slash == NULL) return false;
  local = (pq_slice){slash + 1, id.n - (size_t)(slash + 1 - id.p)};
  if (pq_value_string(v, &text)) return is_text_id(local, text);
  if (local.n < 2 || local.p[0] != '~') return false;
  if (pq_value_object_id(v, &text))
    return local.p[1] == 'o' && pq_slice_eq((pq_slice){local.p + 2, local.n - 2}, text);
  if (local.p[1] != 'x' || !number_bytes(v, &cell, &text) || local.n != 2 + 2 * text.n)
    return false;
  for (size_t i = 0; i < text.n; i++)
    if (local.p[2 + 2 * i] != hex_lower[text.p[i] >> 4] ||
        local.p[3 + 2 * i] != hex_lower[text.p[i] & 15])
      return false;
  return true;
}

bool pq_file_is_keyed(const pq_footer *footer) {
  return pq_slice_is(pq_footer_key(footer, "parquedb.keys"), "0");
}

bool pq_file_lacks_keys(const pq_footer *footer) {
  return !pq_slice_is(pq_footer_key(footer, "parquedb.keyless"), "0");
}
