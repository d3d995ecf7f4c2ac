/* cmd/parse_command.c - command documents: which commands and options there are, checked. */
#include <string.h>

#include "base/text.h"
#include "cmd/command_int.h"

const pq_command_spec pq_command_specs[] = {
    {"insert", PQ_OPT_DOCUMENTS | PQ_OPT_LINE | PQ_OPT_WRITES, true, true, pq_open_insert},
    {"get", PQ_OPT_INCLUDE_DELETED | PQ_OPT_PROJECT | PQ_OPT_READS, false, false, pq_open_get},
    {"find",
     PQ_OPT_FILTER | PQ_OPT_SORT | PQ_OPT_SKIP | PQ_OPT_LIMIT | PQ_OPT_PROJECT |
         PQ_OPT_INCLUDE_DELETED | PQ_OPT_READS,
     false, false, pq_open_find},
    {"count", PQ_OPT_FILTER | PQ_OPT_INCLUDE_DELETED | PQ_OPT_READS, false, false, pq_open_count},
    {"update", PQ_OPT_OPS | PQ_OPT_EXPECTED_VERSION | PQ_OPT_WRITES, true, false, pq_open_update},
    {"delete", PQ_OPT_HARD | PQ_OPT_EXPECTED_VERSION | PQ_OPT_WRITES, true, false, pq_open_delete},
    {"link", PQ_OPT_LINE | PQ_OPT_WRITES, true, true, pq_open_link},
    {"unlink", PQ_OPT_WRITES, true, false, pq_open_unlink},
    {"related",
     PQ_OPT_PREDICATE | PQ_OPT_DIRECTION | PQ_OPT_SKIP | PQ_OPT_LIMIT | PQ_OPT_PROJECT |
         PQ_OPT_EDGES | PQ_OPT_READS,
     false, false, pq_open_related},
    {"traverse", PQ_OPT_PATH | PQ_OPT_DIRECTION | PQ_OPT_LIMIT | PQ_OPT_PROJECT | PQ_OPT_READS,
     false, false, pq_open_traverse},
    {"history", PQ_OPT_LIMIT | PQ_OPT_OP | PQ_OPT_AS_OF | PQ_OPT_FLUSHED, false, false,
     pq_open_history},
    {"aggregate", PQ_OPT_PIPELINE | PQ_OPT_INCLUDE_DELETED | PQ_OPT_READS, false, false,
     pq_open_aggregate},
    {"restore", PQ_OPT_EXPECTED_VERSION | PQ_OPT_WRITES, true, false, pq_open_restore},
    {"events", PQ_OPT_FROM | PQ_OPT_LIMIT | PQ_OPT_OP | PQ_OPT_AS_OF | PQ_OPT_FLUSHED, false, false,
     pq_open_events},
    {"flush", 0, true, false, pq_open_flush},
    {"files", PQ_OPT_KIND | PQ_OPT_SQL | PQ_OPT_ROOT, false, false, pq_open_files},
    {"stats", 0, false, false, pq_open_stats},
    {"collections", PQ_OPT_AS_OF | PQ_OPT_FLUSHED, false, false, pq_open_collections},
    {"compact", 0, true, false, pq_open_compact},
    {"checkpoint", 0, true, false, pq_open_checkpoint},
    {"verify", 0, false, false, pq_open_verify},
};
enum { SPEC_COUNT = sizeof pq_command_specs / sizeof *pq_command_specs };

typedef enum option_type {
  TYPE_OBJECT,
  TYPE_ARRAY,
  TYPE_COUNT,
  TYPE_BOOL,
  TYPE_TEXT,
  TYPE_TIME
} option_type;

static const struct option {
  const char *name;
  pq_option bit;
  option_type type;
  size_t off; /* of the member of pq_args */
} options[] = {
    {"filter", PQ_OPT_FILTER, TYPE_OBJECT, offsetof(pq_args, filter)},
    {"sort", PQ_OPT_SORT, TYPE_OBJECT, offsetof(pq_args, sort)},
    {"skip", PQ_OPT_SKIP, TYPE_COUNT, offsetof(pq_args, skip)},
    {"limit", PQ_OPT_LIMIT, TYPE_COUNT, offsetof(pq_args, limit)},
    {"project", PQ_OPT_PROJECT, TYPE_OBJECT, offsetof(pq_args, project)},
    {"asOf", PQ_OPT_AS_OF, TYPE_TIME, offsetof(pq_args, as_of)},
    {"flushed", PQ_OPT_FLUSHED, TYPE_BOOL, offsetof(pq_args, is_flushed)},
    {"explain", PQ_OPT_EXPLAIN, TYPE_BOOL, offsetof(pq_args, is_explain)},
    {"includeDeleted", PQ_OPT_INCLUDE_DELETED, TYPE_BOOL, offsetof(pq_args, includes_deleted)},
    {"actor", PQ_OPT_ACTOR, TYPE_TEXT, offsetof(pq_args, actor)},
    {"metadata", PQ_OPT_METADATA, TYPE_OBJECT, offsetof(pq_args, metadata)},
    {"documents", PQ_OPT_DOCUMENTS, TYPE_ARRAY, offsetof(pq_args, documents)},
    {"line", PQ_OPT_LINE, TYPE_COUNT, offsetof(pq_args, line)},
    {"ops", PQ_OPT_OPS, TYPE_OBJECT, offsetof(pq_args, ops)},
    {"expectedVersion", PQ_OPT_EXPECTED_VERSION, TYPE_COUNT, offsetof(pq_args, expected_version)},
    {"hard", PQ_OPT_HARD, TYPE_BOOL, offsetof(pq_args, is_hard)},
    {"predicate", PQ_OPT_PREDICATE, TYPE_TEXT, offsetof(pq_args, predicate)},
    {"direction", PQ_OPT_DIRECTION, TYPE_TEXT, offsetof(pq_args, is_reverse)},
    {"edges", PQ_OPT_EDGES, TYPE_BOOL, offsetof(pq_args, is_edges)},
    {"path", PQ_OPT_PATH, TYPE_ARRAY, offsetof(pq_args, path)},
    {"op", PQ_OPT_OP, TYPE_TEXT, offsetof(pq_args, op)},
    {"kind", PQ_OPT_KIND, TYPE_TEXT, offsetof(pq_args, kind)},
    {"sql", PQ_OPT_SQL, TYPE_BOOL, offsetof(pq_args, is_sql)},
    {"root", PQ_OPT_ROOT, TYPE_TEXT, offsetof(pq_args, root)},
    {"pipeline", PQ_OPT_PIPELINE, TYPE_ARRAY, offsetof(pq_args, pipeline)},
    {"from", PQ_OPT_FROM, TYPE_COUNT, offsetof(pq_args, from)},
};
enum { OPTION_COUNT = sizeof options / sizeof *options };

#define TEXT_ARGS(s) (int)((s).n > 40 ? 40 : (s).n), (s).n == 0 ? "" : (const char *)(s).p

/* ---- names ---- */

int pq_check_collection(pq_cx *cx, pq_slice name) {
  if (name.n == 0 || name.n > cx->limits.name_len_max)
    return pq_fail(cx, PQ_EINVALID, "a collection name has 1 to %u bytes, this one %zu",
                   cx->limits.name_len_max, name.n);
  if (name.p[0] == '_' || name.p[0] == '$')
    return pq_fail(cx, PQ_EINVALID, "collection '%.*s': a leading '%c' is reserved",
                   TEXT_ARGS(name), name.p[0]);
  for (size_t i = 0; i < name.n; i++)
    if (name.p[i] == '/' || name.p[i] < 0x20 || name.p[i] == 0x7f)
      return pq_fail(cx, PQ_EINVALID,
                     "collection '%.*s': '/' and control characters are not allowed",
                     TEXT_ARGS(name));
  return PQ_OK;
}

int pq_check_id(pq_cx *cx, pq_slice id) {
  pq_slice collection, local;
  if (!pq_id_split(id, &collection, &local) || local.n == 0)
    return pq_fail(cx, PQ_EINVALID, "id '%.*s': an id is COLLECTION/LOCAL-ID", TEXT_ARGS(id));
  PQ_TRY(pq_check_collection(cx, collection));
  if (local.n > cx->limits.id_len_max)
    return pq_fail(cx, PQ_ELIMIT, "id '%.*s…': a local id has at most %u bytes, this one %zu",
                   TEXT_ARGS(id), cx->limits.id_len_max, local.n);
  for (size_t i = 0; i < local.n; i++)
    if (local.p[i] == '/' || local.p[i] < 0x20 || local.p[i] == 0x7f)
      return pq_fail(cx, PQ_EINVALID,
                     "id '%.*s': '/' in a local id is written %%2F, control characters are not "
                     "allowed",
                     TEXT_ARGS(id));
  return PQ_OK;
}

int pq_target_collection(pq_command *c, pq_value target) {
  if (!pq_value_string(target, &c->s.collection))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: expects a collection name", c->s.spec->name);
  return pq_check_collection(c->op.cx, c->s.collection);
}

int pq_target_id(pq_command *c, pq_value target) {
  pq_slice local;
  if (!pq_value_string(target, &c->s.id))
    return pq_fail(c->op.cx, PQ_EINVALID, "%s: expects an id, COLLECTION/LOCAL-ID",
                   c->s.spec->name);
  PQ_TRY(pq_check_id(c->op.cx, c->s.id));
  (void)pq_id_split(c->s.id, &c->s.collection, &local);
  return PQ_OK;
}

/* ---- options ---- */

static int wrong_type(pq_command *c, const char *name, const char *expected) {
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: option '%s' must be %s", c->s.spec->name, name,
                 expected);
}

static int parse_count(pq_command *c, const char *name, pq_value v, uint64_t *out) {
  int64_t i;
  double d;
  if (pq_value_double(v, &d) && d >= 0 && d < 9e15 && d == (double)(int64_t)d)
    i = (int64_t)d;
  else if (!pq_value_i64(v, &i) || i < 0)
    return wrong_type(c, name, "a whole number, 0 or more");
  *out = (uint64_t)i;
  return PQ_OK;
}

static bool parse_seq_text(pq_slice text, uint64_t *seq) {
  *seq = 0;
  if (text.n < 5 || text.n > 22 || memcmp(text.p, "seq:", 4) != 0) return false;
  for (size_t i = 4; i < text.n; i++) {
    if (text.p[i] < '0' || text.p[i] > '9' || *seq > (UINT64_MAX - 9) / 10) return false;
    *seq = *seq * 10 + (uint64_t)(text.p[i] - '0');
  }
  return true;
}

static int parse_as_of(pq_command *c, pq_value v, pq_as_of *out) {
  pq_slice text;
  int64_t i;
  *out = (pq_as_of){.is_set = true};
  if (pq_value_date_us(v, &out->ts)) return PQ_OK;
  if (pq_value_i64(v, &i) && i > INT64_MIN / 1000 && i < INT64_MAX / 1000) {
    out->ts = i * 1000;
    return PQ_OK;
  }
  if (pq_value_type(v) == PQ_TYPE_OBJECT && pq_value_count(v) == 1 &&
      pq_value_i64(pq_object_get_str(v, "seq"), &i) && i >= 0) {
    out->is_seq = true;
    out->seq = (uint64_t)i;
    return PQ_OK;
  }
  if (pq_value_string(v, &text)) {
    if (pq_time_parse(text, &out->ts)) return PQ_OK;
    out->is_seq = parse_seq_text(text, &out->seq);
    if (out->is_seq) return PQ_OK;
  }
  text = pq_value_string(v, &text) ? text : (pq_slice){0};
  return pq_fail(c->op.cx, PQ_EINVALID,
                 "%s: option 'asOf' must be an ISO 8601 instant, milliseconds since 1970, or "
                 "\"seq:N\"%s%.*s",
                 c->s.spec->name, text.n > 0 ? ", not " : "", TEXT_ARGS(text));
}

static int parse_direction(pq_command *c, pq_slice text, bool *is_reverse) {
  *is_reverse = pq_slice_is(text, "reverse");
  if (*is_reverse || pq_slice_is(text, "forward")) return PQ_OK;
  return wrong_type(c, "direction", "\"forward\" or \"reverse\"");
}

static int parse_option(pq_command *c, const struct option *o, pq_value v) {
  uint8_t *member = (uint8_t *)&c->s.args + o->off;
  pq_type type = pq_value_type(v);
  pq_slice text;
  switch (o->type) {
    case TYPE_OBJECT:
      if (type != PQ_TYPE_OBJECT) return wrong_type(c, o->name, "an object");
      memcpy(member, &v, sizeof v);
      return PQ_OK;
    case TYPE_ARRAY:
      if (type != PQ_TYPE_ARRAY) return wrong_type(c, o->name, "an array");
      memcpy(member, &v, sizeof v);
      return PQ_OK;
    case TYPE_COUNT: return parse_count(c, o->name, v, (uint64_t *)(void *)member);
    case TYPE_BOOL:
      if (!pq_value_bool(v, (bool *)member)) return wrong_type(c, o->name, "true or false");
      return PQ_OK;
    case TYPE_TEXT:
      if (!pq_value_string(v, &text)) return wrong_type(c, o->name, "text");
      if (o->bit == PQ_OPT_DIRECTION) return parse_direction(c, text, (bool *)member);
      memcpy(member, &text, sizeof text);
      return PQ_OK;
    case TYPE_TIME: return parse_as_of(c, v, (pq_as_of *)(void *)member);
  }
  pq_unreachable("option type");
}

static int unknown_option(pq_command *c, pq_slice name) {
  const char *allowed[OPTION_COUNT + 1];
  uint32_t n = 0;
  const char *near;
  for (uint32_t i = 0; i < OPTION_COUNT; i++)
    if (options[i].bit & c->s.spec->options) allowed[n++] = options[i].name;
  allowed[n] = NULL;
  near = pq_nearest(name, allowed);
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: unknown option '%.*s'%s%s%s", c->s.spec->name,
                 TEXT_ARGS(name), near ? ": did you mean '" : "", near ? near : "",
                 near ? "'?" : "");
}

static int parse_options(pq_command *c, const pq_field *fields, uint32_t count) {
  for (uint32_t f = 1; f < count; f++) {
    uint32_t i = 0;
    while (i < OPTION_COUNT &&
           !(pq_slice_is(fields[f].name, options[i].name) && (options[i].bit & c->s.spec->options)))
      i++;
    if (i == OPTION_COUNT) return unknown_option(c, fields[f].name);
    PQ_TRY(parse_option(c, &options[i], fields[f].value));
    c->s.args.given |= options[i].bit;
  }
  return PQ_OK;
}

static int unknown_command(pq_command *c, pq_slice name) {
  const char *names[SPEC_COUNT + 1];
  const char *near;
  for (uint32_t i = 0; i < SPEC_COUNT; i++)
    names[i] = pq_command_specs[i].name;
  names[SPEC_COUNT] = NULL;
  near = pq_nearest(name, names);
  return pq_fail(c->op.cx, PQ_EINVALID, "unknown command '%.*s'%s%s%s", TEXT_ARGS(name),
                 near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

int pq_command_parse(pq_command *c, pq_value document) {
  uint32_t count, i = 0;
  pq_field *fields;
  if (pq_value_type(document) != PQ_TYPE_OBJECT || pq_value_count(document) == 0)
    return pq_fail(c->op.cx, PQ_EINVALID, "a command is an object whose first field names it");
  fields = pq_object_fields(&c->arena, document, &count);
  if (fields == NULL) return c->op.cx->code;
  while (i < SPEC_COUNT && !pq_slice_is(fields[0].name, pq_command_specs[i].name))
    i++;
  if (i == SPEC_COUNT) return unknown_command(c, fields[0].name);
  c->s.spec = &pq_command_specs[i];
  PQ_TRY(parse_options(c, fields, count));
  if (c->payload.n > 0 && !c->s.spec->takes_payload)
    return pq_fail(c->op.cx, PQ_EINVALID, "%s takes no payload", c->s.spec->name);
  return c->s.spec->open(c, fields[0].value);
}
