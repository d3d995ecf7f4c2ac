/* parquet/page.c - see page_int.h.
 *
 *   v1:  | rep | def | values |      all packed by the codec
 *   v2:  | rep | def |                never packed
 *                    | values |       packed, if is_compressed says so
 */
#include "parquet/page_int.h"

#include <string.h>

#include "parquet/kernels_int.h"
#include "parquet/levels_int.h"

static bool is_coded(pq_encoding e) {
  return e == PQ_ENC_RLE_DICTIONARY || e == PQ_ENC_PLAIN_DICTIONARY;
}

/* ---- the body ---- */

/* The part of a page that its codec applies to. */
typedef struct section {
  pq_slice in;
  size_t len;     /* unpacked */
  bool is_packed; /* else it is `len` bytes as it stands */
} section;

static int section_of(const pq_chunk_ref *r, const pq_page *p, section *out) {
  bool is_plain = r->chunk->codec == PQ_CODEC_NONE;
  *out = (section){.in = p->stored, .len = p->h.uncompressed_len};
  if (p->h.type == PQ_PAGE_DATA_V2) {
    size_t levels_len = (size_t)p->h.rep_len + p->h.def_len;
    out->in = (pq_slice){p->stored.p + levels_len, p->stored.n - levels_len};
    out->len -= levels_len;
    /* Arrow before 3.0 compressed pages that it called uncompressed (ARROW-17100). */
    is_plain = is_plain || (!p->h.is_compressed && out->in.n == out->len);
  }
  if (out->in.n == 0 && out->len == 0) return PQ_OK;
  out->is_packed = !is_plain;
  if (is_plain && out->in.n != out->len)
    return pq_place_corrupt(&p->at, "uncompressed page of another length");
  if (out->is_packed && out->len > pq_decompressed_len_max(r->chunk->codec, out->in))
    return pq_place_corrupt(&p->at, "page cannot unpack to its stated length");
  return PQ_OK;
}

int pq_page_measure(const pq_chunk_ref *r, const pq_page *p, pq_page_needs *out) {
  const pq_leaf *leaf = r->leaf;
  uint64_t levels_len =
      (leaf->def_max > 0) + (pq_leaf_is_flat(leaf) ? 0u : 1u + (leaf->rep_max > 0));
  section s;
  *out = (pq_page_needs){0};
  if (p->h.has_crc && !r->at.cx->is_forgiving &&
      pq_kernels_of(r->at.cx)->crc32(p->stored) != p->h.crc)
    return pq_place_corrupt(&p->at, "page CRC differs");
  PQ_TRY(section_of(r, p, &s));
  if (s.is_packed) out->body_len = s.len;
  out->has_slices = pq_phys_is_slice(leaf->phys) && !is_coded(p->h.encoding);
  if (!pq_page_is_data(&p->h)) return PQ_OK;
  if (!pq_to_size(levels_len * p->h.value_count, &out->levels_len))
    return pq_place_fail(&p->at, PQ_ELIMIT, "page of too many values");
  return PQ_OK;
}

static int unpack(const pq_chunk_ref *r, const pq_page *p, const pq_page_env *env, pq_slice *out) {
  section s;
  int rc;
  *out = (pq_slice){0};
  PQ_TRY(section_of(r, p, &s));
  if (!s.is_packed) {
    *out = s.in;
    return PQ_OK;
  }
  if (env->is_unpacked) {
    *out = (pq_slice){env->body, s.len};
    return PQ_OK;
  }
  PQ_TRY(pq_chunk_ref_codec(r));
  rc = pq_decompress(env->decompressor, r->chunk->codec, s.in, env->body, s.len);
  if (rc == PQ_ECORRUPT) return pq_place_corrupt(&p->at, r->at.cx->msg);
  PQ_TRY(rc);
  *out = (pq_slice){env->body, s.len};
  return PQ_OK;
}

int pq_page_unpack(const pq_chunk_ref *r, const pq_page *p, const pq_page_env *env) {
  pq_slice ignored;
  return unpack(r, p, env, &ignored);
}

int pq_page_dictionary(const pq_chunk_ref *r, const pq_page *p, pq_page_env env,
                       pq_dictionary *out) {
  pq_values_spec spec = {.phys = r->leaf->phys,
                         .type_len = r->leaf->type_len,
                         .encoding = PQ_ENC_PLAIN,
                         .count = p->h.value_count};
  pq_values v;
  pq_slice body;
  *out = (pq_dictionary){0};
  if (p->h.encoding != PQ_ENC_PLAIN && p->h.encoding != PQ_ENC_PLAIN_DICTIONARY)
    return pq_place_fail(&p->at, PQ_EUNSUPPORTED, "dictionary page is not PLAIN");
  PQ_TRY(unpack(r, p, &env, &body));
  PQ_TRY(pq_values_init(&v, &p->at, env.arena, spec, body)); /* the bytes can hold `count` */
  out->values = pq_arena_calloc(env.arena, spec.count, pq_phys_size(spec.phys));
  if (out->values == NULL) return env.arena->cx->code;
  PQ_TRY(pq_values_read(&v, spec.count, out->values));
  out->count = spec.count;
  return PQ_OK;
}

/* ---- levels ---- */

typedef struct level_bytes {
  pq_slice def, rep, values;
} level_bytes;

/* Where the levels of a page stand. */
static int split(const pq_page *p, const pq_leaf *leaf, pq_slice body, level_bytes *out) {
  const pq_page_header *h = &p->h;
  *out = (level_bytes){.values = body};
  if (h->type == PQ_PAGE_DATA_V2) {
    out->rep = (pq_slice){p->stored.p, h->rep_len};
    out->def = (pq_slice){p->stored.p + h->rep_len, h->def_len};
    return PQ_OK;
  }
  PQ_TRY(pq_levels_take(&p->at, h->rep_encoding, leaf->rep_max, h->value_count, &out->values,
                        &out->rep));
  return pq_levels_take(&p->at, h->def_encoding, leaf->def_max, h->value_count, &out->values,
                        &out->def);
}

static uint32_t count_rows(const uint8_t *rep, uint32_t n) {
  uint32_t rows = 0;
  for (uint32_t i = 0; i < n; i++)
    rows += rep[i] == 0;
  return rows;
}

/* Levels into `room`, as measured: nulls, then for leaves that are not flat def and rep. */
static int read_levels(pq_page_reader *out, const pq_page *p, const level_bytes *in, uint8_t *room,
                       uint32_t *null_count) {
  const pq_leaf *leaf = out->leaf;
  bool is_v2 = p->h.type == PQ_PAGE_DATA_V2, is_flat = pq_leaf_is_flat(leaf), is_all_max;
  pq_encoding encoding = is_v2 ? PQ_ENC_RLE : p->h.def_encoding;
  uint32_t n = out->entry_count;
  uint8_t *def = is_flat ? room : room + n;
  *null_count = 0;
  out->row_count = n;
  if (leaf->rep_max > 0) {
    uint8_t *rep = room + (size_t)n * 2;
    pq_encoding rep_encoding = is_v2 ? PQ_ENC_RLE : p->h.rep_encoding;
    PQ_TRY(pq_levels_read(&p->at, rep_encoding, leaf->rep_max, in->rep, n, rep, &is_all_max));
    if (is_all_max) memset(rep, (int)leaf->rep_max, n);
    out->rep = rep;
    out->row_count = count_rows(rep, n);
  }
  if (leaf->def_max == 0) return PQ_OK;
  PQ_TRY(pq_levels_read(&p->at, encoding, leaf->def_max, in->def, n, def, &is_all_max));
  if (is_all_max) return PQ_OK;
  *null_count = out->kernels->mark_nulls(def, n, (uint8_t)leaf->def_max, room);
  if (!is_flat) out->def = def;
  if (*null_count > 0) out->nulls = room;
  return PQ_OK;
}

int pq_page_open(const pq_chunk_ref *r, const pq_page *p, pq_page_env env, pq_page_reader *out) {
  pq_values_spec spec = {.phys = r->leaf->phys,
                         .type_len = r->leaf->type_len,
                         .encoding = p->h.encoding,
                         .count = p->h.value_count,
                         .dictionary = env.dictionary};
  level_bytes in;
  uint32_t null_count = 0, rows;
  pq_slice body;
  *out = (pq_page_reader){.leaf = r->leaf,
                          .at = p->at,
                          .entry_count = p->h.value_count,
                          .is_coded = is_coded(p->h.encoding),
                          .kernels = pq_kernels_of(r->at.cx)};
  PQ_TRY(unpack(r, p, &env, &body));
  if (out->entry_count > 0) { /* an empty page may lack even the lengths of its levels */
    PQ_TRY(split(p, r->leaf, body, &in));
    PQ_TRY(read_levels(out, p, &in, env.levels, &null_count));
    body = in.values;
  }
  if (pq_page_rows(r->leaf, &p->h, &rows) && rows != out->row_count)
    return pq_place_corrupt(&p->at, "number of rows differs from the page header");
  spec.count -= null_count;
  out->is_coded = out->is_coded || spec.count == 0; /* suits codes as well */
  return pq_values_init(&out->values, &out->at, env.arena, spec, body);
}

/* ---- entries ---- */

uint32_t pq_page_span(const pq_page_reader *p, uint32_t rows, uint32_t *begun) {
  uint32_t i = p->pos, left = p->entry_count - p->pos;
  *begun = 0;
  if (p->rep == NULL) return *begun = rows < left ? rows : left;
  for (; i < p->entry_count; i++) {
    if (p->rep[i] != 0) continue;
    if (*begun == rows) break;
    ++*begun;
  }
  return i - p->pos;
}

int pq_page_skip(pq_page_reader *p, uint32_t n) {
  uint32_t values = n;
  if (p->nulls != NULL) values -= p->kernels->count_ones(p->nulls + p->pos, n);
  p->pos += n;
  return pq_values_skip(&p->values, values);
}

/* The levels of the next `n` entries. */
static void read_entry_levels(const pq_page_reader *p, uint32_t n, pq_sink *to) {
  if (to->def == NULL) return;
  if (p->def != NULL)
    memcpy(to->def + to->count, p->def + p->pos, n);
  else
    memset(to->def + to->count, (int)p->leaf->def_max, n);
  if (p->rep != NULL) memcpy(to->rep + to->count, p->rep + p->pos, n);
}

int pq_page_read(pq_page_reader *p, uint32_t n, pq_sink *to) {
  size_t size = to->is_coded ? sizeof(uint32_t) : pq_phys_size(p->leaf->phys);
  uint8_t *slots = (uint8_t *)to->values + (size_t)to->count * size;
  const uint8_t *nulls = p->nulls == NULL ? NULL : p->nulls + p->pos;
  uint32_t null_count = nulls == NULL ? 0 : p->kernels->count_ones(nulls, n);
  pq_assert(n <= p->entry_count - p->pos);
  if (n == 0) return PQ_OK;
  if (n == null_count)
    ; /* no values */
  else if (to->is_coded)
    PQ_TRY(pq_values_codes(&p->values, n - null_count, (void *)slots));
  else
    PQ_TRY(pq_values_read(&p->values, n - null_count, slots));
  if (null_count > 0) {
    if (!to->has_nulls) memset(to->nulls, 0, to->count);
    to->has_nulls = true;
    memcpy(to->nulls + to->count, nulls, n);
    p->kernels->spread(slots, size, nulls, n, n - null_count);
  } else if (to->has_nulls) {
    memset(to->nulls + to->count, 0, n);
  }
  read_entry_levels(p, n, to);
  to->count += n;
  p->pos += n;
  return PQ_OK;
}
