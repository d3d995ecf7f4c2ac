/* cmd/make_room.c - a command that runs out of memory goes before a compaction that waits, and
 * before graphs that are kept for the next.
 *
 *   memory  |tail|caches|compaction, between two of its steps|command ....... x   no room
 *           |tail|caches|command .......................................|         once more
 *
 * A compaction holds windows, a row group and places from step to step. It can begin anew, so it
 * makes way for a command that would fail; a flush has it make way likewise (db/works.c).
 *
 * Many commands at a time may need more together than each of them does. One for which there is no
 * memory and that has told nobody of anything is starved: it gives back what it has and waits.
 * Each command that ends lets one of them begin anew; reads that come meanwhile stand behind them.
 *
 *   |read A ......|read B ....|read C x     C gives back its part, and waits
 *   |read A ......|read B ....|             A ends
 *   |read C ......|read B ....|
 */
#include "cmd/command_int.h"

/* Has it told nobody of anything, stored nothing, and is nobody else at work in the namespace? */
static bool may_be_done_again(const pq_command *c) {
  const pq_space *s = c->s.space;
  if (s == NULL || c->has_given || c->starts > 0 || c->s.driven != PQ_WORK_NONE) return false;
  if (c->s.is_committed || c->s.txn != NULL || c->s.ending != NULL) return false;
  return (s->write_owner == NULL || s->write_owner == c) && s->group.first == NULL;
}

/* ---- windows of scans ---- */

enum {
  WINDOWS_SHARE = 4, /* of the memory: all windows together, and what is left for who steps */
  SLICES_SHARE = 8,  /* the documents that were not taken yet, twice with their copies */
  WINDOW_LEN_MIN = 512 << 10,
  SLICE_LEN_MIN = 64 << 10
};

/* Each command may have a scan that holds a window while others are stepped. The windows of scans
 * that were not stepped for the longest time go first, when caches have gone before. */
void pq_windows_fit(pq_db *db, int64_t now_us) {
  const pq_meter *meter = db->cx->meter;
  pq_scan_windows *w = &db->windows;
  w->now_us = now_us;
  if (meter == NULL || db->command_count == 0) return;
  w->window_len = meter->max / WINDOWS_SHARE / db->command_count;
  w->slice_len = meter->max / SLICES_SHARE / db->command_count;
  if (w->window_len < WINDOW_LEN_MIN) w->window_len = WINDOW_LEN_MIN;
  if (w->slice_len < SLICE_LEN_MIN) w->slice_len = SLICE_LEN_MIN;
  while (pq_memory_left(db->cx) < meter->max / WINDOWS_SHARE && pq_scan_windows_drop(w))
    ;
}

/* ---- waiting for others to end ---- */

enum {
  STARVED_MAX = 1000, /* how often a command tries, */
  ALONE_MAX = 100,    /* and how often where nobody else moves: who holds memory may let go */
  IDLE_STEPS = 2      /* nobody else has moved for so many steps: it tries */
};

static bool has_company(const pq_db *db) {
  return db->command_count > db->starved_count + 1;
}

/* Can it give back all that it has, and begin anew later? */
static bool may_begin_later(const pq_command *c) {
  const pq_space *s = c->s.space;
  if (!c->db->steps_all || s == NULL || c->has_given || c->is_loading || c->is_inner) return false;
  if (c->s.driven != PQ_WORK_NONE || c->s.txn != NULL || c->s.ending != NULL) return false;
  return !c->s.is_committed && s->write_owner != c && c->s.commit.space == NULL &&
         !c->s.commit.is_over;
}

static void starve(pq_command *c) {
  c->is_starved = true;
  c->starved++;
  c->idle = 0;
  c->seen_moves = c->db->move_count;
  c->db->starved_count++;
}

static void end_starving(pq_command *c) {
  c->is_starved = false;
  c->db->starved_count--;
}

void pq_command_leave_room(pq_command *c) {
  if (c->is_starved) end_starving(c);
  c->db->room_count = c->db->starved_count == 0 ? 0 : c->db->room_count + c->is_counted;
}

bool pq_command_is_starved(pq_command *c) {
  pq_db *db = c->db;
  bool is_new_read = c->op.stage != NULL && c->starved == 0 && c->is_fresh && !c->s.spec->is_write;
  c->is_fresh = false;
  if (is_new_read && db->starved_count > 0 && has_company(db) && may_begin_later(c)) starve(c);
  if (!c->is_starved) return false;
  c->idle = db->move_count == c->seen_moves ? c->idle + 1 : 0;
  c->seen_moves = db->move_count;
  if (db->room_count == 0 && c->idle < IDLE_STEPS) return true;
  if (db->room_count > 0)
    db->room_count--;
  else
    c->alone++;
  end_starving(c);
  return false;
}

/* There was no memory: it will begin anew. */
static int wait_for_room(pq_command *c) {
  pq_fetch_clear(&c->op.fetch);
  PQ_TRY(pq_command_again(c));
  starve(c);
  c->db->is_waiting = true;
  return PQ_OK;
}

int pq_command_make_room(pq_command *c, int rc, int64_t now_us) {
  const pq_cx *cx = c->db->cx;
  bool has_room;
  if (rc != PQ_ENOMEM || cx->meter == NULL) return rc;
  has_room = pq_db_drop_kept(c->db); /* the step is over: nothing is borrowed */
  if (may_be_done_again(c)) {
    has_room |= pq_works_make_room(c->s.space->works);
    if (pq_graphs_drop(c->s.space->graphs) || has_room) {
      (void)cx->meter->was_refused(cx->alloc_ud); /* that is mended */
      pq_fetch_clear(&c->op.fetch);
      c->starts++;
      PQ_TRY(pq_command_again(c));
      rc = pq_op_step(&c->op, now_us);
    }
  }
  if (rc != PQ_ENOMEM || c->starved == STARVED_MAX || c->alone == ALONE_MAX) return rc;
  if (!has_company(c->db) || !may_begin_later(c)) return rc;
  return cx->meter->was_refused(cx->alloc_ud) ? wait_for_room(c) : rc;
}

/* ---- waiting for a turn ---- */

int pq_command_queue(pq_command *c) {
  if (!may_begin_later(c)) return PQ_NEED_IO;
  pq_fetch_clear(&c->op.fetch);
  return pq_command_again(c);
}
