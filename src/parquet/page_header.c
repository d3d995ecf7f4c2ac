/* parquet/page_header.c - see chunk_int.h. Page headers, and chunks looked up.
 *
 *   | PageHeader (Thrift compact, any length) | stored_len bytes | PageHeader | …
 *
 * Source: parquet-format: parquet.thrift (PageHeader, DataPageHeader, DataPageHeaderV2).
 */
#include "parquet/chunk_int.h"
#include "parquet/decode_int.h"
#include "parquet/thrift_read.h"

pq_chunk_ref pq_chunk_ref_of(pq_cx *cx, const pq_file *file, uint32_t row_group, uint32_t leaf) {
  const pq_footer *f = file->footer;
  pq_chunk_ref r = {0};
  pq_assert(row_group < f->row_group_count);
  pq_assert(leaf < f->leaf_count);
  r.leaf = &f->leaves[leaf];
  r.group = &f->row_groups[row_group];
  r.chunk = &r.group->chunks[leaf];
  r.file_end = f->file_len - f->footer_len - 8; /* the footer's length and magic */
  r.at = (pq_place){.cx = cx, .key = file->key, .column = r.leaf->path, .off = r.chunk->off};
  return r;
}

int pq_chunk_ref_check(pq_chunk_ref *r) {
  uint64_t rows = r->group->row_count, entries = r->chunk->value_count;
  bool has_lists = r->leaf->rep_max > 0;
  if (has_lists ? entries < rows : r->chunk->has_crc && entries != rows)
    return pq_place_corrupt(&r->at, "number of values differs from the rows");
  if (!has_lists) entries = rows; /* some writers count only what is not null */
  if (rows > UINT32_MAX || entries > UINT32_MAX)
    return pq_place_fail(&r->at, PQ_ELIMIT, "row group of more than 2^32 - 1 rows or values");
  r->row_count = (uint32_t)rows;
  r->entry_count = (uint32_t)entries;
  return PQ_OK;
}

int pq_chunk_ref_codec(const pq_chunk_ref *r) {
  pq_codec codec = r->chunk->codec;
  if (pq_codec_is_readable(codec)) return PQ_OK;
  pq_fail(r->at.cx, PQ_EUNSUPPORTED, "codec %s (%d) is not built in", pq_codec_name(codec),
          (int)codec);
  return pq_place_fail(&r->at, PQ_EUNSUPPORTED, r->at.cx->msg);
}

/* A count that must not be negative. */
static uint32_t read_count(pq_thrift *t, const pq_thrift_field *f) {
  int64_t v = pq_thrift_int(t, f, 32);
  if (v < 0) pq_thrift_bad(t, "negative count in a page header");
  return v < 0 ? 0 : (uint32_t)v;
}

/* DataPageHeader and DictionaryPageHeader agree in their first two fields. */
static void read_v1(pq_thrift *t, const pq_thrift_field *field, pq_page_header *h) {
  pq_thrift_field f = {0};
  if (!pq_thrift_struct(t, field)) return;
  while (pq_thrift_next(t, &f)) {
    if (f.id == 1) {
      h->value_count = read_count(t, &f);
    } else if (f.id == 2) {
      h->encoding = (pq_encoding)read_count(t, &f);
    } else if (f.id == 3 && h->type == PQ_PAGE_DATA) {
      h->def_encoding = (pq_encoding)read_count(t, &f);
    } else if (f.id == 4 && h->type == PQ_PAGE_DATA) {
      h->rep_encoding = (pq_encoding)read_count(t, &f);
    } else {
      pq_thrift_skip(t, &f);
    }
  }
}

static void read_v2(pq_thrift *t, const pq_thrift_field *field, pq_page_header *h) {
  pq_thrift_field f = {0};
  if (!pq_thrift_struct(t, field)) return;
  while (pq_thrift_next(t, &f)) {
    switch (f.id) {
      case 1: h->value_count = read_count(t, &f); break;
      case 2: h->null_count = read_count(t, &f); break;
      case 3: h->row_count = read_count(t, &f); break;
      case 4: h->encoding = (pq_encoding)read_count(t, &f); break;
      case 5: h->def_len = read_count(t, &f); break;
      case 6: h->rep_len = read_count(t, &f); break;
      case 7: h->is_compressed = pq_thrift_bool(t, &f); break;
      default: pq_thrift_skip(t, &f); break;
    }
  }
}

/* Which field holds the header of a page of this type? 0: none. */
static int16_t detail_field(pq_page_type type) {
  switch (type) {
    case PQ_PAGE_DATA: return 5;
    case PQ_PAGE_DICTIONARY: return 7;
    case PQ_PAGE_DATA_V2: return 8;
    default: return 0;
  }
}

static bool read_header(pq_thrift *t, pq_page_header *h) {
  pq_thrift_field f = {0};
  bool has_type = false, has_detail = false, has_lens[2] = {false, false};
  while (pq_thrift_next(t, &f)) {
    if (f.id == 1) {
      h->type = (pq_page_type)read_count(t, &f);
      has_type = true;
    } else if (f.id == 2) {
      h->uncompressed_len = read_count(t, &f);
      has_lens[0] = true;
    } else if (f.id == 3) {
      h->stored_len = read_count(t, &f);
      has_lens[1] = true;
    } else if (f.id == 4) {
      h->crc = (uint32_t)(uint64_t)pq_thrift_int(t, &f, 32);
      h->has_crc = true;
    } else if (has_type && f.id == detail_field(h->type)) {
      has_detail = true;
      if (h->type == PQ_PAGE_DATA_V2)
        read_v2(t, &f, h);
      else
        read_v1(t, &f, h);
    } else {
      pq_thrift_skip(t, &f);
    }
  }
  return has_type && has_lens[0] && has_lens[1] && (has_detail || detail_field(h->type) == 0);
}

bool pq_page_rows(const pq_leaf *leaf, const pq_page_header *h, uint32_t *rows) {
  *rows = h->value_count;
  if (leaf->rep_max == 0) return true;
  *rows = h->row_count;
  return h->type == PQ_PAGE_DATA_V2 && h->row_count < h->value_count;
}

/* Do the numbers of a header fit together, and into the `left` bytes of the chunk? */
static int check_header(const pq_place *at, const pq_page_header *h, uint64_t left) {
  if (h->header_len > left || h->stored_len > left - h->header_len)
    return pq_place_corrupt(at, "page ends too early");
  if (h->uncompressed_len > PQ_PAGE_LEN_MAX)
    return pq_place_fail(at, PQ_ELIMIT, "page of more than 256 MiB");
  if (h->type == PQ_PAGE_DATA_V2 &&
      (h->rep_len > h->stored_len || h->def_len > h->stored_len - h->rep_len ||
       h->rep_len + h->def_len > h->uncompressed_len || h->row_count > h->value_count ||
       h->null_count > h->value_count))
    return pq_place_corrupt(at, "page header contradicts itself");
  return PQ_OK;
}

int pq_page_header_parse(const pq_place *at, pq_slice bytes, uint64_t left, pq_page_header *out,
                         bool *is_cut) {
  pq_thrift t = pq_thrift_of(bytes);
  pq_page_header h = {.is_compressed = true};
  bool is_complete = read_header(&t, &h);
  *out = (pq_page_header){0};
  *is_cut = t.is_cut && bytes.n < left;
  if ((*is_cut ? bytes.n : pq_thrift_pos(&t)) > PQ_PAGE_HEADER_LEN_MAX)
    return pq_place_fail(at, PQ_ELIMIT, "page header of more than 16 MiB");
  if (*is_cut) return PQ_OK;
  if (t.error != NULL) return pq_place_corrupt(at, t.error);
  if (!is_complete) return pq_place_corrupt(at, "page header lacks a field");
  h.header_len = (uint32_t)pq_thrift_pos(&t);
  PQ_TRY(check_header(at, &h, left));
  *out = h;
  return PQ_OK;
}
