/* expr/conversion_int.h - one conversion of $convert under way.
 *
 *   a function that fails because of the value says why in c->why and returns PQ_OK: onError may
 *   catch that. Codes other than PQ_OK are for what nobody catches: memory, limits.
 */
#ifndef PQ_EXPR_CONVERSION_INT_H
#define PQ_EXPR_CONVERSION_INT_H

#include "expr/expression_int.h"

typedef enum pq_format {
  PQ_FORMAT_NONE,
  PQ_FORMAT_BASE64,
  PQ_FORMAT_BASE64URL,
  PQ_FORMAT_HEX,
  PQ_FORMAT_UTF8,
  PQ_FORMAT_UUID,
  PQ_FORMAT_AUTO
} pq_format;

typedef struct pq_conversion {
  pq_eval *s;
  pq_value input;
  uint8_t subtype;
  pq_format format;
  bool is_short;      /* $toString and the like: no format can be given */
  bool is_big_endian; /* of numbers in binary data */
  pq_type to;
  const char *why;
} pq_conversion;

/* For c->why: no value of this type converts. */
#define PQ_CONVERT_NEVER "these types do not convert"

int pq_convert_fail(pq_conversion *c, const char *why) PQ_MUST_CHECK;

/* The number that the text c->input is. */
int pq_convert_whole(pq_conversion *c, int64_t *out) PQ_MUST_CHECK;
int pq_convert_real(pq_conversion *c, double *out) PQ_MUST_CHECK;
int pq_convert_number(pq_conversion *c, pq_number *out) PQ_MUST_CHECK;

int pq_convert_to_text(pq_conversion *c, pq_value *out) PQ_MUST_CHECK;
int pq_convert_to_binary(pq_conversion *c, pq_value *out) PQ_MUST_CHECK;

int pq_convert_number_to_bytes(pq_conversion *c, pq_value *out) PQ_MUST_CHECK;
int pq_convert_bytes_to_number(pq_conversion *c, pq_value *out) PQ_MUST_CHECK;

int pq_convert_hex_digit(uint8_t c); /* -1: none */

#endif
