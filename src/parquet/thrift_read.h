/* parquet/thrift_read.h - a pull reader of Thrift's compact protocol over hostile bytes.
 *
 *     pq_thrift_field f = {0};
 *     while (pq_thrift_next(&t, &f)) {
 *       switch (f.id) {
 *         case 1: out->size = pq_thrift_int(&t, &f, 32); break;
 *         default: pq_thrift_skip(&t, &f); break;
 *       }
 *     }
 *     if (t.error != NULL) return the failure;
 *
 * The first thing that is wrong sets `error` (a constant text) and stays: from then on every call
 * returns zero or false at once, so a caller looks at `error` only where it would act on a value.
 * Nothing is allocated. Containers are bounded by the bytes that are left.
 */
#ifndef PQ_PARQUET_THRIFT_READ_H
#define PQ_PARQUET_THRIFT_READ_H

#include "base/buf.h"
#include "parquet/thrift_int.h"

typedef struct pq_thrift {
  pq_reader in;         /* borrowed bytes */
  const uint8_t *start; /* for error offsets */
  const char *error;    /* NULL: all is well so far */
  bool is_cut;          /* the error is that the bytes end: more of them may help */
} pq_thrift;

/* A field being read; zeroed before the first pq_thrift_next of its struct. */
typedef struct pq_thrift_field {
  int16_t id;
  uint8_t type; /* pq_thrift_type; of a list's elements: their type */
} pq_thrift_field;

pq_thrift pq_thrift_of(pq_slice bytes);

/* Bytes consumed. */
size_t pq_thrift_pos(const pq_thrift *t);

/* Set the error, unless there is one. */
void pq_thrift_bad(pq_thrift *t, const char *what);

/* Step to the next field of the struct; false at its end or on an error. The caller must then
 * read or skip the value. Footers have millions of fields: the usual form is read in place. */
bool pq_thrift_next_any(pq_thrift *t, pq_thrift_field *f);
static inline bool pq_thrift_next(pq_thrift *t, pq_thrift_field *f) {
  if (t->error == NULL && t->in.p < t->in.end) {
    unsigned head = *t->in.p;
    int id = f->id + (int)(head >> 4);
    if (head >> 4 != 0 && (head & 15) != PQ_THRIFT_STOP && id <= INT16_MAX) {
      t->in.p++;
      f->id = (int16_t)id;
      f->type = (uint8_t)(head & 15);
      return true;
    }
  }
  return pq_thrift_next_any(t, f);
}

/* The value of a field or list element. A value of another type is an error; an integer beyond
 * `bits` (8, 16, 32, 64) too. */
int64_t pq_thrift_int(pq_thrift *t, const pq_thrift_field *f, unsigned bits);
bool pq_thrift_bool(pq_thrift *t, const pq_thrift_field *f);
bool pq_thrift_bool_item(pq_thrift *t); /* inside a list, where it is a byte */
pq_slice pq_thrift_binary(pq_thrift *t, const pq_thrift_field *f);

/* Begin the struct that a field or list element holds: an error if it is none. */
bool pq_thrift_struct(pq_thrift *t, const pq_thrift_field *f);

/* Begin a list of elements of `type` (PQ_THRIFT_TRUE for booleans) of at least `len_min` >= 1
 * bytes each: their count, which the bytes left can hold. *item is the field to read them with. */
uint32_t pq_thrift_list(pq_thrift *t, const pq_thrift_field *f, pq_thrift_type type,
                        unsigned len_min, pq_thrift_field *item);

/* Skip the value of a field, at most 64 levels deep. */
void pq_thrift_skip(pq_thrift *t, const pq_thrift_field *f);

#endif
