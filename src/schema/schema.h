/* schema/schema.h - what the documents of a typed collection look like.
 *
 *   {"title": "string!", "likes": "int = 0", "tags": "string[]", "price": "decimal(10,2)",
 *    "lang": "enum(en,de)#", "email": "email##", "author": "-> User.posts", "$id": "slug"}
 *
 *   text ─parse─► pq_schema: fields in order ─► validate(document) ─► accepted, with defaults
 *                     │                                └─► problems: path, what, what was there
 *                     ├─► print: the normalised notation, which parses to the same schema
 *                     ├─► diff(old, new): add, drop, rename, widen, …, each allowed or not
 *                     └─► infer(documents): a schema that all of them satisfy
 *
 * The notation is that of API.md ("Schema notation"). A schema is a value: no I/O, no names of
 * columns; shred/ and db/ turn its fields into columns. Errors of the notation point at the column
 * of the text: "field 'price': expects ')' at column 13 of 'decimal(10,2'".
 */
#ifndef PQ_SCHEMA_SCHEMA_H
#define PQ_SCHEMA_SCHEMA_H

#include "base/buf.h"
#include "expr/env.h"
#include "expr/regex.h"
#include "value/path.h"

typedef enum pq_field_type {
  PQ_FIELD_STRING = 1, /* string text markdown email url, varchar(n) char(n): see `format` */
  PQ_FIELD_INT,        /* int32 and int64 */
  PQ_FIELD_FLOAT,
  PQ_FIELD_DOUBLE, /* number double */
  PQ_FIELD_BOOL,
  PQ_FIELD_DATE,      /* a day: text YYYY-MM-DD or a date at midnight UTC */
  PQ_FIELD_TIMESTAMP, /* datetime timestamp */
  PQ_FIELD_UUID,
  PQ_FIELD_DECIMAL, /* precision, scale */
  PQ_FIELD_ENUM,    /* one of `values` */
  PQ_FIELD_JSON,    /* anything */
  PQ_FIELD_BINARY,
  PQ_FIELD_VECTOR, /* `length` numbers */
  PQ_FIELD_OBJECT, /* nested fields */
  PQ_FIELD_EDGE    /* a relationship: not in the document */
} pq_field_type;

/* What becomes of the entities that have an edge when its target is deleted hard. */
typedef enum pq_on_delete {
  PQ_ON_DELETE_NONE, /* it is not said */
  PQ_ON_DELETE_UNLINK,
  PQ_ON_DELETE_RESTRICT,
  PQ_ON_DELETE_CASCADE
} pq_on_delete;

/* "unlink", "restrict", "cascade"; PQ_ON_DELETE_NONE: another word. */
pq_on_delete pq_on_delete_of(pq_slice word);

typedef struct pq_schema pq_schema;
typedef struct pq_schema_field pq_schema_field;
struct pq_schema_field {
  pq_slice name;
  uint32_t id; /* stable across versions of the schema; renames keep it. From 1 */
  pq_field_type type;
  const char *format;              /* STRING: "text", "markdown", "email", "url", NULL */
  bool is_required;                /* 'string!', of a list 'string[]!': there and not null */
  bool is_list;                    /* 'string[]' */
  bool is_item_required;           /* 'string![]': no item of the list is null */
  bool is_indexed, is_unique;      /* #, ##; what is unique is indexed too */
  pq_slice index_kind;             /* "fts", "vec", "hash", or empty */
  pq_value default_value;          /* as validation would store it; missing: none */
  const char *default_call;        /* "now" or "uuid": a default made for each document; NULL */
  pq_slice pattern;                /* empty: none */
  pq_regex *regex;                 /* the pattern compiled; NULL: none */
  pq_value min, max;               /* of numbers and dates; missing: none */
  uint32_t length_min, length_max; /* of a text; max 0: none; VECTOR: both */
  uint32_t count_min, count_max;   /* of a list; max 0: none */
  uint32_t precision, scale;       /* DECIMAL */
  const pq_value *values;          /* ENUM: texts; of other types: the values allowed */
  uint32_t value_count;
  const pq_schema_field *fields; /* OBJECT */
  uint32_t field_count;
  /* EDGE: "-> Target.reverse[]" and its kin; is_list with "[]". Forward without a reverse name:
   * "<field>_of", as `link` has it. Backward: `reverse` is the field of the target. */
  bool is_backward, is_fuzzy, is_reverse_inferred;
  pq_on_delete on_delete; /* forward ones */
  pq_slice target, reverse;
  pq_value options; /* an object: description, metric, threshold, onDelete as given; missing */
};

/* May a document have texts in the field, for which targets are looked for? "~>". */
static inline bool pq_field_has_texts(const pq_schema_field *f) {
  return f->type == PQ_FIELD_EDGE && f->is_fuzzy && !f->is_backward;
}

typedef enum pq_schema_mode { /* of a validation */
                              PQ_VALIDATE_STRICT =
                                  1, /* a problem or a field that the schema lacks is an error */
                              PQ_VALIDATE_PERMISSIVE, /* a problem is an error, other fields are
                                                         allowed */
                              PQ_VALIDATE_WARN, /* problems are reported, nothing is refused */
                              PQ_VALIDATE_OFF
} pq_schema_mode;

/* "strict", "permissive", "warn", "off". */
const char *pq_schema_mode_name(pq_schema_mode mode);
/* The mode of a name; PQ_EINVALID begins with `where`, which says what needs it. */
int pq_schema_mode_parse(pq_cx *cx, const char *where, pq_slice name,
                         pq_schema_mode *out) PQ_MUST_CHECK;

struct pq_schema {
  pq_schema_field *fields;
  uint32_t field_count;
  uint32_t next_id;     /* for the next new field */
  pq_slice id_field;    /* "$id": 'slug' */
  pq_slice name_field;  /* "$name" */
  pq_slice type_name;   /* "$type" */
  pq_slice description; /* "$description" */
  pq_schema_mode mode;  /* "$mode", default permissive */
  bool has_data;        /* $options.includeDataVariant, default true; false needs strict */
  pq_value options; /* an object: $ns $shred $options $layout $sidebar $studio, as given; missing */
  pq_regex_set *regexes; /* of the patterns; NULL: none */
};

enum {
  PQ_SCHEMA_FIELDS_MAX = 2000,      /* with those of nested objects: each becomes a column */
  PQ_SCHEMA_TOP_FIELDS_MAX = 500,   /* of the top level, of one that is set or inferred */
  PQ_SCHEMA_DEPTH_MAX = 16,         /* of nested objects */
  PQ_SCHEMA_VALUES_MAX = 1000,      /* of one enum */
  PQ_SCHEMA_ALL_VALUES_MAX = 10000, /* of all of them: looked through one by one */
  PQ_SCHEMA_PROBLEMS_MAX = 100,     /* that one validation reports */
  PQ_SCHEMA_VECTOR_MAX = 65536,     /* dimensions */
  PQ_SCHEMA_NOTATION_MAX = 65536    /* bytes of one notation */
};

/* Parse a schema object. With `old` (may be NULL) fields of the same name keep their ids, and
 * {"$rename": {"old": "new"}} is a rename; "$ids" and "$nextId" are what pq_schema_print() wrote.
 * Everything lives in `arena`, and in the context of it. PQ_EINVALID naming field and column,
 * PQ_EUNSUPPORTED, PQ_ELIMIT. */
int pq_schema_parse(pq_arena *arena, pq_value spec, const pq_schema *old,
                    pq_schema **out) PQ_MUST_CHECK;

/* The normalised object (ids as "$ids": {path: id}): what is stored; parses to the same schema. The
 * builder is not in use. */
int pq_schema_print(const pq_schema *s, pq_builder *b, pq_arena *arena,
                    pq_value *out) PQ_MUST_CHECK;

/* The field `path` names through objects and lists of objects ("address.street"), or NULL. */
const pq_schema_field *pq_schema_find(const pq_schema *s, pq_slice path);
/* The notation of a field as a person writes it: "decimal(10,2)!#", or the JSON of its object. */
int pq_schema_notation(pq_arena *arena, const pq_schema_field *f, pq_slice *out) PQ_MUST_CHECK;

typedef struct pq_problem {
  pq_slice path;
  const char *text; /* "expects int, got string 'x'" */
} pq_problem;

/* Check a document. *out is it with defaults filled in and values in the form that their columns
 * have (in `arena`; `doc` itself when nothing was to do): texts of dates become dates, of uuids
 * uuids; decimals get the scale of the field, floats 32 bits. Other numbers stay as they are.
 * With mode WARN problems are returned and what is wrong stays as it is; else the first one is
 * PQ_EINVALID naming field, expectation and what was there. OFF does nothing. `_id` and top-level
 * names that begin with "$" are passed over. eval: now_us, random, builder, which is not in use.
 * A pattern that takes too long is a problem, too. Without $data (has_data) *out is normal, too. */
int pq_schema_validate(const pq_schema *s, pq_schema_mode mode, pq_eval *eval, pq_arena *arena,
                       pq_value doc, pq_value *out, const pq_problem **problems,
                       uint32_t *problem_count) PQ_MUST_CHECK;

/* The form in which the columns of the fields give a document back (schema_normal.c): `doc` itself
 * when it has it. What cannot have it stays as it is. eval->arena is `arena`. */
int pq_schema_normalise(const pq_schema *s, pq_eval *eval, pq_arena *arena, pq_value doc,
                        pq_value *out) PQ_MUST_CHECK;
/* Has it that form? */
int pq_schema_is_normal(const pq_schema *s, pq_arena *scratch, pq_value doc,
                        bool *out) PQ_MUST_CHECK;

typedef enum pq_change_kind {
  PQ_CHANGE_ADD = 1,
  PQ_CHANGE_DROP,
  PQ_CHANGE_RENAME,
  PQ_CHANGE_WIDEN,  /* int to double, required to optional, longer text, more enum values … */
  PQ_CHANGE_NARROW, /* existing documents may break it: refused unless forced */
  PQ_CHANGE_OTHER   /* descriptions, indexes, defaults */
} pq_change_kind;
const char *pq_change_kind_name(pq_change_kind kind); /* "add", "drop", "rename", … */

typedef struct pq_schema_change {
  pq_change_kind kind;
  pq_slice path, before, after; /* before, after: notations, or names of a rename */
  const char *reason;           /* NARROW: why it is refused */
} pq_schema_change;
/* `new_schema` was parsed with `old`, so that ids tell renames. NULL `old`: everything is added.
 * In the order of the new fields, then what was dropped. */
int pq_schema_diff(pq_arena *arena, const pq_schema *old, const pq_schema *new_schema,
                   const pq_schema_change **out, uint32_t *count) PQ_MUST_CHECK;

/* Infer: add documents, then ask. Fields in all documents and never null are required, those with
 * several types json, whole numbers with doubles number. Texts stay string, whatever they say;
 * ObjectIds are json, because no text is one. Memory is bounded: objects with too many names,
 * and what lies too deep, are json. The documents validate against the result in mode STRICT; top-
 * level names that no field can have (empty, with a dot or "$" in front) are passed over. */
typedef struct pq_inference pq_inference;
int pq_inference_new(pq_cx *cx, pq_inference **out) PQ_MUST_CHECK;
void pq_inference_free(pq_inference *i);
int pq_inference_add(pq_inference *i, pq_value doc) PQ_MUST_CHECK;
int pq_inference_schema(const pq_inference *i, pq_builder *b, pq_arena *arena,
                        pq_value *out) PQ_MUST_CHECK;

#endif
