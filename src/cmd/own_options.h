/* cmd/own_options.h - options that one command alone knows (pq_command_spec.own), read and checked.
 *
 * Absent ones leave *out as it is; what is of the wrong type is PQ_EINVALID and says what it must
 * be. `v` is the value, `name` the option for messages.
 */
#ifndef PQ_CMD_OWN_OPTIONS_H
#define PQ_CMD_OWN_OPTIONS_H

#include "cmd/command_int.h"
#include "graph/graph.h"

/* A whole number, at most `max`. */
int pq_own_count(pq_command *c, const char *name, pq_value v, uint64_t max,
                 uint64_t *out) PQ_MUST_CHECK;
int pq_own_flag(pq_command *c, const char *name, pq_value v, bool *out) PQ_MUST_CHECK;
int pq_own_text(pq_command *c, const char *name, pq_value v, pq_slice *out) PQ_MUST_CHECK;
/* One of some words, ended by NULL: its place. */
int pq_own_word(pq_command *c, const char *name, pq_value v, const char *const *words,
                uint32_t *out) PQ_MUST_CHECK;
/* "forward", "reverse", "both". */
int pq_own_direction(pq_command *c, const char *name, pq_value v, pq_direction *out) PQ_MUST_CHECK;
/* A filter; NULL: absent, or it matches everything. */
int pq_own_filter(pq_command *c, const char *name, pq_value v, pq_filter **out) PQ_MUST_CHECK;

/* Any number as a double; false: it is none. */
bool pq_own_number(pq_value v, double *out);
/* A count as an item of an array. */
int pq_own_put_number(pq_builder *b, uint64_t n) PQ_MUST_CHECK;

/* Names of predicates: a text or an array of them; absent: any. In c->arena. */
typedef struct pq_names {
  pq_slice *items;
  uint32_t count;
  bool is_any;
} pq_names;
int pq_own_predicates(pq_command *c, const char *name, pq_value v, pq_names *out) PQ_MUST_CHECK;

#endif
