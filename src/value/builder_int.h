/* value/builder_int.h - the builder's insides, for the JSON reader's fast paths.
 *
 * Names outlive documents: `names` keeps every name met (until it grows too large), and each
 * remembers which names followed it. A name belongs to the current document when its `stamp` is
 * the document's; `doc_id` is then its place in the document's dictionary.
 *
 *     names:    [0] start -> [1] "_id" -> [2] "name" -> [3] "tags" ...      guess = followers
 *     doc_names: dictionary of this document, doc_id -> index in names
 */
#ifndef PQ_VALUE_BUILDER_INT_H
#define PQ_VALUE_BUILDER_INT_H

#include "value/builder.h"
#include "value/variant_int.h"

typedef struct pq_name {
  uint64_t prefix; /* first 8 bytes, big-endian, zero-padded: compares like the name */
  uint32_t off, len;
  uint32_t stamp;
  uint32_t doc_id;
  uint32_t followers[2]; /* names that followed this one, the last first; 0: none yet */
  bool is_plain;         /* stands in JSON text as it is, without escapes */
} pq_name;

typedef struct pq_frame {
  uint32_t start;       /* of the container in `values` */
  uint32_t entry_start; /* of its entries */
  uint32_t height;      /* of the tallest container inside */
  bool is_object;
  bool is_raw; /* not to be hidden under $literal */
} pq_frame;

struct pq_builder {
  pq_cx *cx;         /* borrowed */
  int rc;            /* sticky */
  pq_buf values;     /* finished containers and values in order */
  uint64_t *entries; /* owned; of open containers: name index << 32 | offset in the container */
  uint32_t entry_count, entry_cap;
  pq_frame *frames; /* owned */
  uint32_t depth, depth_cap, depth_max;
  uint32_t key; /* name of the next value, 0: none */
  bool has_root;

  pq_name *names; /* owned; [0] is the start of a document */
  uint32_t name_count, name_cap;
  pq_buf name_text;
  pq_table table;
  uint32_t stamp;
  uint32_t last; /* name used last */

  uint32_t *doc_names; /* owned */
  uint32_t doc_name_count, doc_name_cap;
  uint64_t doc_text_len; /* bytes of them */
  uint32_t *meta_names;  /* owned; the dictionary that `meta` was written for */
  uint32_t meta_name_count, meta_name_cap;
  bool has_meta;
  pq_buf meta;

  pq_buf scratch[2]; /* for the JSON reader: strings with escapes */
};

/* Make `rc` sticky and return it. */
int pq_builder_fail(pq_builder *b, int rc);
/* Containers of extended types: never hidden under $literal, a little deeper than others. */
int pq_builder_begin_raw(pq_builder *b) PQ_MUST_CHECK;
/* A string known to be UTF-8. */
int pq_builder_string_valid(pq_builder *b, pq_slice v) PQ_MUST_CHECK;
int pq_builder_key_index(pq_builder *b, uint32_t name) PQ_MUST_CHECK;

static inline const uint8_t *pq_name_text(const pq_builder *b, uint32_t name) {
  /* No buffer yet: so far only the empty name was met. */
  return b->name_text.p == NULL ? (const uint8_t *)"" : b->name_text.p + b->names[name].off;
}

/* The name that followed the last one before, if the JSON text at p (behind the opening quote)
 * is that name and a quote; 0 if not. */
static inline uint32_t pq_builder_guess(const pq_builder *b, const uint8_t *p, size_t left) {
  for (int i = 0; i < 2; i++) {
    uint32_t guess = b->names[b->last].followers[i];
    const pq_name *n = &b->names[guess];
    if (!n->is_plain || n->len >= left || p[n->len] != '"') continue;
    if (memcmp(p, pq_name_text(b, guess), n->len) == 0) return guess;
  }
  return 0;
}

#endif
