/* cmd/make_room.c - a command that runs out of memory goes before a compaction that waits, and
 * before graphs that are kept for the next.
 *
 *   memory  |tail|caches|compaction, between two of its steps|command ....... x   no room
 *           |tail|caches|command .......................................|         once more
 *
 * A compaction holds windows, a row group and places from step to step. It can begin anew, so it
 * makes way for a command that would fail; a flush has it make way likewise (db/works.c).
 */
#include "cmd/command_int.h"

/* Has it told nobody of anything, stored nothing, and is nobody else at work in the namespace? */
static bool may_be_done_again(const pq_command *c) {
  const pq_space *s = c->s.space;
  if (s == NULL || c->has_given || c->starts > 0 || c->s.driven != PQ_WORK_NONE) return false;
  if (c->s.is_committed || c->s.txn != NULL || c->s.ending != NULL) return false;
  return (s->write_owner == NULL || s->write_owner == c) && s->group.first == NULL;
}

int pq_command_make_room(pq_command *c, int rc, int64_t now_us) {
  const pq_cx *cx = c->db->cx;
  bool has_room;
  if (rc != PQ_ENOMEM || cx->meter == NULL || !may_be_done_again(c)) return rc;
  has_room = pq_works_make_room(c->s.space->works);
  if (!pq_graphs_drop(c->s.space->graphs) && !has_room) return rc;
  (void)cx->meter->was_refused(cx->alloc_ud); /* that is mended */
  pq_fetch_clear(&c->op.fetch);
  c->starts++;
  PQ_TRY(pq_command_again(c));
  return pq_op_step(&c->op, now_us);
}
