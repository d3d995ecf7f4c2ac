/* cmd/far.h - what a command asks of other namespaces (doc/decisions/0042).
 *
 *   command in 'default' ─► pq_inner_… ─► a command in 'tenant-7', with a snapshot of its own
 *     its stage: pq_inner_step ─► NEED_IO   the driver runs the inner one's requests
 *                              ─► YIELD     the inner one waits for others, or has items
 *                              ─► OK        it is done ─► what was found ─► pq_inner_close
 *
 * An inner command is a whole one: it loads its namespace, waits for others, begins anew. It has
 * none itself, and holds nothing of the outer one's namespace: so nobody waits in a circle.
 *
 * Ids of here become ids of there and back: tenant-7/users/u1 is users/u1 in 'tenant-7'.
 */
#ifndef PQ_CMD_FAR_H
#define PQ_CMD_FAR_H

#include "cmd/command_int.h"

/* What is to be read in another namespace: entities by id, or the edges that enter one of ours. */
typedef struct pq_far {
  pq_slice ns;
  const pq_slice *ids; /* foreign ids of that namespace, sorted, distinct; borrowed */
  uint32_t id_count;
  unsigned want;   /* PQ_WANT_…, of entities */
  pq_slice target; /* not empty: edges that lead to this foreign id, as it is called there */
  const pq_slice *predicates; /* of these; none: any */
  uint32_t predicate_count;
  pq_as_of as_of; /* not the number of an event: those mean nothing there */
  bool is_flushed;
  /* found, in `arena` */
  pq_entity *entities; /* by id: with the foreign id; those not live have id.p == NULL */
  pq_edge *edges;      /* `from_id` is foreign, `to_id` is that of the entity here */
  uint32_t edge_count;
} pq_far;

/* Open the inner command that reads that, which is filled when it is done; `far` outlives it, what
 * it finds is in `arena`. PQ_EPERM: `c` is confined to its namespace. */
int pq_inner_read(pq_command *c, pq_far *far, pq_arena *arena) PQ_MUST_CHECK;
/* Open any command, as text, in the namespace, which may be ours (PQ_SYSTEM_NS). */
int pq_inner_open(pq_command *c, pq_slice ns, pq_slice json) PQ_MUST_CHECK;
/* A stage's call, alone in its stage. */
int pq_inner_step(pq_command *c) PQ_MUST_CHECK;
/* Takes none. What it cost becomes the outer one's. */
void pq_inner_close(pq_command *c);

/* Does that failure of an inner command say that the other namespace cannot tell, as it is not
 * readable, or not at that instant? The other failures are the outer command's. */
bool pq_far_is_unreachable(int rc);
/* The instant for other namespaces. PQ_EINVALID where it is the number of an event of here; `id` is
 * what is to be shown. */
int pq_far_as_of(pq_command *c, pq_slice id, pq_as_of *out) PQ_MUST_CHECK;

/* ---- for command.c ---- */
int pq_far_parse(pq_command *c) PQ_MUST_CHECK;

#endif
