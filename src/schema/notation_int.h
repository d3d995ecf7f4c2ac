/* schema/notation_int.h - what the parts of the schema module share.
 *
 *   notation.c ──► a field of a text             schema_parse.c ──► fields of objects, directives
 *        └── default, limits, pattern ──► schema_check.c: one value against one field
 *                                              ▲
 *                                     schema_validate.c: a whole document
 */
#ifndef PQ_SCHEMA_NOTATION_INT_H
#define PQ_SCHEMA_NOTATION_INT_H

#include "base/text.h"
#include "expr/expression.h"
#include "schema/schema.h"

/* The arguments of "%.*s" for at most 40 bytes of user data. */
#define PQ_QUOTED(s) pq_quoted_len(s), pq_quoted_text(s)
static inline int pq_quoted_len(pq_slice s) {
  return s.p == NULL ? 0 : (int)pq_utf8_prefix(s, 40);
}
static inline const char *pq_quoted_text(pq_slice s) {
  return s.p == NULL ? "" : (const char *)s.p;
}

/* ---- names of types (notation.c) ---- */
typedef struct pq_type_word {
  const char *name;
  pq_field_type type;
  const char *format; /* of texts, and "number", "datetime" … where one type has several names */
} pq_type_word;

/* The word by which print() and messages call the type of a field, without parameters. */
const char *pq_schema_type_word(const pq_schema_field *f);
/* A type of text, with or without an allowed set. */
bool pq_schema_is_text(const pq_schema_field *f);
/* Is `name` a word: a letter or '_', then letters, digits, '_'? */
bool pq_schema_is_word(pq_slice name);

/* ---- parsing ---- */
typedef struct pq_schema_parser {
  pq_cx *cx;
  pq_arena *arena;
  pq_builder *builder; /* owned: for the values of notations */
  pq_eval eval;
  pq_regex_set *regexes;
  uint32_t field_count, value_count, depth, list_depth;
} pq_schema_parser;

/* Fill *f, zeroed but for its name, from a notation. `path` names the field in messages. Patterns,
 * dimensions and what else the object form says are not there yet; a default is: as it was read,
 * unchecked. */
int pq_notation_parse(pq_schema_parser *s, const char *path, pq_slice text,
                      pq_schema_field *f) PQ_MUST_CHECK;

/* The directives of the spec, with what they say of fields checked. */
int pq_schema_read_directives(pq_schema_parser *s, pq_value spec, pq_schema *out) PQ_MUST_CHECK;
/* Ids of all fields: those of `old` (NULL: "$ids") where names or $rename agree, else new ones. */
int pq_schema_give_ids(pq_schema_parser *s, pq_value spec, const pq_schema *old,
                       pq_schema *out) PQ_MUST_CHECK;
/* What is wrong with the name of a field; NULL: nothing. */
const char *pq_schema_name_mistake(pq_slice name);
/* PQ_EINVALID: "<where> '<word>', did you mean '<the nearest>'?" */
int pq_schema_fail_unknown(pq_cx *cx, const char *where, pq_slice word, const char *const *known);
/* PQ_ELIMIT when an enum of `count` values is one too many. */
int pq_schema_count_values(pq_schema_parser *s, const char *path, uint32_t count) PQ_MUST_CHECK;
pq_schema_field *pq_schema_field_of(const pq_schema_field *fields, uint32_t count, pq_slice name);

/* ---- checking ---- */
typedef struct pq_checker {
  pq_eval *eval;
  pq_arena *arena;
  const pq_regex_set *regexes; /* NULL: no patterns */
  const char *problem;         /* of the last check: "expects int, got string 'x'"; NULL: fine */
} pq_checker;

/* One value that is not null against the type and the limits of `f`, lists and objects aside.
 * *out is it as it is to be stored. */
int pq_check_scalar(pq_checker *c, const pq_schema_field *f, pq_value v,
                    pq_value *out) PQ_MUST_CHECK;
/* Sets c->problem: "expects <what>, got <type and value>". */
int pq_check_mismatch(pq_checker *c, const char *what, pq_value v) PQ_MUST_CHECK;
/* The value of a whole field, lists and objects with it: for defaults. */
int pq_check_field(pq_checker *c, const pq_schema_field *f, pq_value v,
                   pq_value *out) PQ_MUST_CHECK;

#endif
