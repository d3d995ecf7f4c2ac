/* expr/json_schema.h - $jsonSchema: draft 4 of JSON Schema as MongoDB has it.
 *
 *   {"required": ["a"], "properties": {"a": {"bsonType": "int", "minimum": 0}}}
 *
 *   schema ─ required a
 *          └ properties a ─► schema ─ types int
 *                                   └ minimum 0
 *
 * Keywords: type bsonType enum allOf anyOf oneOf not title description; of numbers: minimum maximum
 * exclusiveMinimum exclusiveMaximum multipleOf; of strings: minLength maxLength pattern; of
 * objects: required properties patternProperties additionalProperties minProperties maxProperties
 * dependencies; of arrays: items additionalItems minItems maxItems uniqueItems. A keyword says
 * nothing about values of other types. Any other keyword is an error that names it.
 */
#ifndef PQ_EXPR_JSON_SCHEMA_H
#define PQ_EXPR_JSON_SCHEMA_H

#include "expr/filter_int.h"

typedef struct pq_json_schema pq_json_schema;

typedef struct pq_schema_list {
  const pq_json_schema **at;
  uint32_t count;
} pq_schema_list;

/* One name of properties, patternProperties or dependencies. */
typedef struct pq_schema_entry {
  pq_slice name;
  pq_regex *pattern;            /* patternProperties */
  const pq_json_schema *schema; /* NULL: dependencies that are names */
  const pq_slice *names;
  uint32_t name_count;
} pq_schema_entry;

typedef struct pq_schema_entries {
  pq_schema_entry *at; /* sorted by name */
  uint32_t count;
} pq_schema_entries;

/* How long or how many. */
typedef struct pq_schema_range {
  uint64_t min, max;
} pq_schema_range;

struct pq_json_schema {
  bool has_types, has_enum;
  bool is_above_minimum, is_below_maximum; /* exclusive */
  bool forbids_properties, forbids_items;  /* additional…: false */
  bool is_unique;
  pq_type_set types;
  pq_value values; /* enum: an array */
  const pq_value *sorted_values;
  pq_value minimum, maximum, divisor; /* missing: any */
  pq_schema_range length, properties_range, items_range;
  pq_regex *pattern;
  const pq_slice *required;
  uint32_t required_count;
  pq_schema_entries properties, patterns, dependencies;
  const pq_json_schema *more_properties, *items, *more_items, *negated;
  pq_schema_list item_list, all, any, one;
};

/* PQ_EFILTER, PQ_EUNSUPPORTED, PQ_ELIMIT. Lives in the parser's arena. */
int pq_json_schema_parse(pq_filter_parser *s, pq_value spec,
                         const pq_json_schema **out) PQ_MUST_CHECK;

/* PQ_ENOMEM when elements cannot be compared with each other for uniqueItems. A pattern that cannot
 * be finished is told by the filter's regular expressions. */
int pq_json_schema_match(const pq_json_schema *schema, pq_cx *cx, pq_value v,
                         bool *out) PQ_MUST_CHECK;

#endif
