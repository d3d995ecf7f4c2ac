/* db/keep.c - what must be kept a while (pins), and what is not kept any more. See garbage.h. */
#include "base/text.h"
#include "db/garbage.h"

static char *pin_key(pq_space *s, pq_op *op, const char *reader) {
  return pq_arena_printf(&op->scratch, "%s/pins/%s", s->ns, reader);
}

int pq_space_pin(pq_space *s, pq_op *op, const char *reader, uint64_t entry, uint64_t seconds) {
  pq_pin pin = {.entry = entry, .seconds = seconds};
  const char *key = pin_key(s, op, reader);
  pq_buf text;
  int rc;
  if (key == NULL) return op->cx->code;
  pq_buf_init(&text, op->cx, PQ_BOUNDARY_LEN_MAX);
  rc = pq_pin_print(&pin, &text);
  if (rc == PQ_OK) rc = pq_fetch_put_if(&op->fetch, key, (pq_slice){0}, pq_buf_slice(&text));
  pq_buf_release(&text);
  if (rc == PQ_ECONFLICT) return pq_fail(op->cx, PQ_EIO, "%s: the pin exists already", key);
  return rc;
}

int pq_space_unpin(pq_space *s, pq_op *op, const char *reader) {
  const char *key = pin_key(s, op, reader);
  return key == NULL ? op->cx->code : pq_fetch_delete(&op->fetch, key);
}

int pq_space_check_instant(const pq_space *s, pq_as_of as_of) {
  const pq_history_start *h = &s->manifest.history;
  char time[PQ_TIME_CAP];
  if (!as_of.is_set || h->seq == 0) return PQ_OK;
  if (as_of.is_seq ? as_of.seq >= h->seq : as_of.ts >= h->ts) return PQ_OK;
  pq_time_print(h->ts, time);
  return pq_fail(s->db->cx, PQ_EHISTORY,
                 "history before %s (event %llu) was dropped: ask for a later instant", time,
                 (unsigned long long)h->seq);
}
