/* expr/update_edge.c - $link and $unlink: edges that an update asks for. See update.h.
 *
 *   {"$unlink": {"author": "$all"}, "$link": {"author": "users/u1", "tags": ["tags/a", "tags/b"]}}
 *     ──►  unlink author *  |  link author users/u1  |  link tags tags/a  |  link tags tags/b
 *
 * Here only the form of an id is checked; whether its entity is there is the caller's business.
 */
#include <string.h>

#include "expr/update_int.h"

/* "collection/local", or with a namespace before that: parts that are not empty. */
static bool is_id(pq_slice id) {
  uint32_t slashes = 0;
  size_t from = 0;
  for (size_t i = 0; i < id.n; i++) {
    if (id.p[i] != '/') continue;
    if (i == from) return false;
    from = i + 1;
    slashes++;
  }
  return (slashes == 1 || slashes == 2) && from < id.n;
}

static int add_edge(pq_update_parser *s, const char *name, pq_update_edge edge, pq_value v) {
  if (!pq_value_string(v, &edge.to))
    return pq_fail(s->cx, PQ_EUPDATE,
                   "operator '%s' of '%.*s' needs an id or an array of ids, not %s", name,
                   PQ_SHOW(edge.predicate), pq_type_name(pq_value_type(v)));
  if (edge.is_unlink && pq_slice_is(edge.to, "$all")) {
    edge.to = (pq_slice){0};
  } else if (!is_id(edge.to)) {
    return pq_fail(s->cx, PQ_EUPDATE,
                   "operator '%s' of '%.*s': '%.*s' is no id of the form collection/local or "
                   "namespace/collection/local",
                   name, PQ_SHOW(edge.predicate), PQ_SHOW(edge.to));
  }
  s->u->edges[s->u->edge_count++] = edge;
  return PQ_OK;
}

static int parse_predicate(pq_update_parser *s, const char *name, bool is_unlink,
                           const pq_field *field) {
  pq_update_edge edge = {.is_unlink = is_unlink, .predicate = field->name};
  uint32_t count = pq_value_count(field->value);
  if (field->name.n == 0 || pq_is_dollar(field->name))
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%s': '%.*s' is no name of a predicate", name,
                   PQ_SHOW(field->name));
  if (pq_value_type(field->value) != PQ_TYPE_ARRAY) return add_edge(s, name, edge, field->value);
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(add_edge(s, name, edge, pq_array_at(field->value, i)));
  return PQ_OK;
}

static int parse_operator(pq_update_parser *s, const char *name, bool is_unlink, pq_value v) {
  pq_field *fields;
  uint32_t count;
  if (pq_value_is_missing(v)) return PQ_OK;
  PQ_TRY(pq_update_read_fields(s, v, &fields, &count));
  for (uint32_t i = 0; i < count; i++)
    PQ_TRY(parse_predicate(s, name, is_unlink, &fields[i]));
  return PQ_OK;
}

static int count_edges(pq_update_parser *s, const char *name, pq_value v, size_t *total) {
  pq_field *fields;
  uint32_t count;
  if (pq_value_is_missing(v)) return PQ_OK;
  if (pq_value_type(v) != PQ_TYPE_OBJECT)
    return pq_fail(s->cx, PQ_EUPDATE, "operator '%s' needs an object of predicates, not %s", name,
                   pq_type_name(pq_value_type(v)));
  PQ_TRY(pq_update_read_fields(s, v, &fields, &count));
  for (uint32_t i = 0; i < count; i++) {
    bool is_array = pq_value_type(fields[i].value) == PQ_TYPE_ARRAY;
    size_t more = is_array ? pq_value_count(fields[i].value) : 1;
    if (!pq_add_size(*total, more, total) || *total > UINT32_MAX)
      return pq_fail(s->cx, PQ_ELIMIT, "operator '%s' has too many ids", name);
  }
  return PQ_OK;
}

int pq_update_parse_edges(pq_update_parser *s, const pq_field *fields, uint32_t count) {
  pq_value link = {0}, unlink = {0};
  size_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "$link")) link = fields[i].value;
    if (pq_slice_is(fields[i].name, "$unlink")) unlink = fields[i].value;
  }
  PQ_TRY(count_edges(s, "$link", link, &total));
  PQ_TRY(count_edges(s, "$unlink", unlink, &total));
  if (total == 0) return PQ_OK;
  s->u->edges = pq_arena_calloc(s->arena, total, sizeof *s->u->edges);
  if (s->u->edges == NULL) return s->cx->code;
  PQ_TRY(parse_operator(s, "$unlink", true, unlink));
  return parse_operator(s, "$link", false, link);
}
