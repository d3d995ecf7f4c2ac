/* cmd/unique_check.h - telling of keys that stand twice; a whole collection held against new ones.
 */
#ifndef PQ_CMD_UNIQUE_CHECK_H
#define PQ_CMD_UNIQUE_CHECK_H

#include "base/hash.h"
#include "cmd/command_int.h"

/* An entity with a key that `other` has already. */
typedef struct pq_twin {
  pq_slice id, other;
  const pq_value *parts; /* of the key */
} pq_twin;

/* "users/u7: index 'email_1' {"email":1}: users/u3 has {"email":"x"} already", in the operation's
 * arena. */
int pq_unique_message(pq_command *c, const pq_unique_key *u, const pq_twin *twin,
                      char **out) PQ_MUST_CHECK;

typedef struct pq_seen_key {
  uint32_t key; /* of the build */
  pq_slice id;
  uint64_t own_hash;
  pq_key_list list; /* the one */
} pq_seen_key;

/* The keys of all documents so far. */
typedef struct pq_unique_build {
  const pq_unique_key *keys; /* borrowed */
  uint32_t key_count;
  pq_seen_key *seen; /* in the command's arena */
  uint32_t count, cap;
  pq_table by_hash; /* owned */
  pq_arena scratch; /* owned: of one document */
} pq_unique_build;

void pq_unique_build_init(pq_unique_build *b, pq_command *c, const pq_unique_key *keys,
                          uint32_t count);
void pq_unique_build_release(pq_unique_build *b);
/* One more document. PQ_EUNIQUE: another one has one of its keys. */
int pq_unique_build_add(pq_command *c, pq_unique_build *b, const pq_entity *e) PQ_MUST_CHECK;

#endif
