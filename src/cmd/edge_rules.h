/* cmd/edge_rules.h - what the schemas of both ends say of an edge.
 *
 *   posts: {"author": "-> User.posts"}            users: {"posts": "<- Post.author[]"}
 *          └ field: to one, to a User, called             └ back: a User has many such edges;
 *            `posts` from there                             without "[]" one at most
 *
 * A rule is that of all edges of one predicate between two collections. The schemas are those of
 * the snapshot: one that is set later is a conflict (db/conflict.h).
 */
#ifndef PQ_CMD_EDGE_RULES_H
#define PQ_CMD_EDGE_RULES_H

#include "base/hash.h"
#include "cmd/command_int.h"

/* What is known of a collection. */
typedef struct pq_edge_form {
  pq_slice collection;
  pq_slice type;           /* of its entities, if they have no other */
  const pq_schema *schema; /* NULL: none */
  pq_schema_mode mode;
} pq_edge_form;

typedef struct pq_edge_rule {
  pq_slice predicate;
  pq_slice reverse; /* what the edge is called from its to end */
  const pq_edge_form *from, *to;
  const pq_schema_field *field; /* of the from end's schema; NULL: it says nothing */
  const pq_schema_field *back;  /* of the to end's */
  const pq_schema_field *wrong; /* of the from end's schema: an edge that comes here, "<-" */
  bool is_one;                  /* its from end has one such edge */
  bool is_one_source;           /* its to end has one */
  bool is_fitting; /* the collection of the to end is one of the field's target, or of another
                      namespace: whose types nobody knows here */
} pq_edge_rule;

/* Rules looked up so far, in `arena`. */
typedef struct pq_edge_rules {
  pq_command *c;
  pq_arena *arena;
  pq_edge_form **forms;
  pq_edge_rule **rules;
  uint32_t form_count, form_cap, rule_count, rule_cap;
  pq_table forms_by_name, rules_by_key;
} pq_edge_rules;

void pq_edge_rules_init(pq_edge_rules *r, pq_command *c, pq_arena *arena);
void pq_edge_rules_release(pq_edge_rules *r);
/* The rule of edges `predicate` from the collection of `from` to that of `to`, which lives as long
 * as the arena. The snapshot is open. No fetches. */
int pq_edge_rule_of(pq_edge_rules *r, pq_slice from, pq_slice predicate, pq_slice to,
                    const pq_edge_rule **out) PQ_MUST_CHECK;
/* What is known of the collection of that name. */
int pq_edge_form_of(pq_edge_rules *r, pq_slice collection, const pq_edge_form **out) PQ_MUST_CHECK;

/* Are the entities of the collection what a schema calls `target`: its name, or their type? */
bool pq_edge_is_target(const pq_edge_form *f, pq_slice target);
/* The relationship of that name in the collection's schema, or NULL. */
const pq_schema_field *pq_edge_field_of(const pq_edge_form *f, pq_slice name);

/* Rules and reverse names for c->s.edges, in the operation's arena; what a schema does not know as
 * an edge from here is refused. */
int pq_edges_rule(pq_command *c) PQ_MUST_CHECK;
/* Edge `e` leads to an entity of that type: does the schema say so? Empty: that of its collection.
 */
int pq_edge_check_type(pq_command *c, const pq_edge_arg *e, pq_slice type) PQ_MUST_CHECK;
/* What `mode` makes of a violation: PQ_EINVALID, or a warning for the summary, or nothing. */
int pq_edge_refuse(pq_command *c, pq_schema_mode mode, const pq_edge_arg *e,
                   const char *text) PQ_MUST_CHECK;

#endif
