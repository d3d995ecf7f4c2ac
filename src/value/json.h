/* value/json.h - JSON text to Variant and back, losslessly, with MongoDB's Extended JSON v2.
 *
 * In: one pass, no tree: text is validated and handed to a pq_builder as it is read.
 *   5 -> int32, 5000000000 -> int64, 5.0 and 1e3 and integers beyond int64 -> double.
 *   {"$numberInt"|"$numberLong"|"$numberDouble"|"$numberDecimal"|"$date"|"$oid"|"$uuid"|
 *    "$binary"|"$timestamp"|"$regularExpression"|"$code"|"$symbol"|"$minKey"|"$maxKey"|
 *    "$undefined"|"$dbPointer": …} with exactly that shape become that type; objects that merely
 *   start with another "$" name (filters, updates) stay objects.
 *   One field with such a name and another shape is PQ_EINVALID; with more fields it is an object.
 *   Beyond v2, so that nothing is lost: dates take microseconds (six digits of the ISO time, or
 *   "milliseconds.123" in $numberLong).
 * Out: relaxed (numbers plain, dates as {"$date": "ISO"}) or canonical Extended JSON.
 */
#ifndef PQ_VALUE_JSON_H
#define PQ_VALUE_JSON_H

#include "value/builder.h"

typedef struct pq_json_options {
  bool is_exact;       /* fail when anything but white space follows the value */
  uint64_t line_first; /* number of the first line in messages; 0 counts as 1 */
  pq_builder *system;  /* an empty one: fields of the root object whose names begin with '$' become
                          its object instead (one without fields when there are none); or NULL */
} pq_json_options;

/* Read one JSON value from `text` into `b` as the next value (as the root, when b is empty).
 * *used gets the bytes consumed. PQ_EINVALID with "line L, column C: what" (column in bytes,
 * from 1), PQ_ELIMIT, PQ_ENOMEM. Invalid UTF-8, lone surrogates, duplicate keys, trailing
 * commas, NaN and control characters in strings are errors. */
int pq_json_parse(pq_builder *b, pq_slice text, pq_json_options options,
                  size_t *used) PQ_MUST_CHECK;

/* Parse exactly one value into `arena`. */
int pq_json_value(pq_builder *b, pq_slice text, pq_arena *arena, pq_value *out) PQ_MUST_CHECK;

typedef enum pq_json_form {
  PQ_JSON_RELAXED = 0,   /* one line, {"a":1,"b":"x"} without spaces */
  PQ_JSON_CANONICAL = 1, /* one line, every number typed */
  PQ_JSON_PRETTY = 2     /* relaxed, two spaces of indent */
} pq_json_form;

/* Append the text of a checked value. Missing prints as null. */
int pq_json_print(pq_buf *out, pq_value v, pq_json_form form) PQ_MUST_CHECK;

#endif
