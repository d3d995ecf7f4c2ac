/* db/load.c - bringing a namespace up to date from the hot tier and the log. See db.h.
 *
 *   hot OPEN (writer) ─► hot READ ─► [LIST ckpt/, log/ ─► newest checkpoint] ─► entries after it
 *   ─► GET entry+1 until absent ─► boundary ─► batches after seq_hi become the overlay
 *
 * The boundary is read last: it rises before entries are removed, so when it does not stand above
 * the first entry that was asked for, each of them was what it seemed: there, or not yet made. Else
 * all is forgotten and begun anew at the checkpoint that the boundary names. A refresh that found
 * nothing new, and all that the hot tier has given away, need not ask.
 */
#include <string.h>

#include "db/space_int.h"
#include "log/boundary.h"
#include "db/works.h"

enum {
  ENTRY_LEN_MAX = 8 << 20,
  CKPT_LEN_MAX = 256 << 20,
  ENTRIES_AHEAD_MAX = 4096,
  STARTS_MAX = 8,
  LOOK_AGAIN_US = 1000000
};

/* Object key of a log name in the namespace, in scratch. */
static const char *full_key(pq_space *s, pq_op *op, const char *key) {
  return pq_arena_printf(&op->scratch, "%s/%s", s->ns, key);
}

static int hot_call(pq_space *s, pq_op *op, const pq_hot_request *request, pq_hot_state *state) {
  pq_buf body;
  pq_slice reply;
  int rc;
  pq_buf_init(&body, op->cx, PQ_HOT_CHUNK_LEN_MAX);
  rc = pq_hot_put_request(&body, request);
  if (rc == PQ_OK) rc = pq_fetch_hot(&op->fetch, s->ns, pq_buf_slice(&body), &reply);
  pq_buf_release(&body);
  PQ_TRY(rc);
  return pq_hot_parse_state(&op->scratch, reply, state);
}

/* Number of the last name in a listing of fixed-width decimal names; 0 if none. Foreign names are
 * ignored: a listing never decides what is live, it only says where to start. */
static uint64_t last_number(pq_slice names) {
  uint64_t best = 0;
  size_t from = 0;
  for (size_t i = 0; i < names.n; i++) {
    uint64_t v = 0;
    bool is_number = i - from == 20;
    if (names.p[i] != '\n') continue;
    for (size_t j = from; is_number && j < i; j++) {
      is_number = names.p[j] >= '0' && names.p[j] <= '9' && v <= UINT64_MAX / 10 - 1;
      v = v * 10 + (uint64_t)(names.p[j] - '0');
    }
    if (is_number && v > best) best = v;
    from = i + 1;
  }
  return best;
}

/* Text of log entry `n`: PQ_ENOTFOUND when it is not there. */
static int get_entry(pq_space *s, pq_op *op, uint64_t n, const char **key, pq_slice *text) {
  char name[PQ_LOG_KEY_CAP];
  pq_log_key(n, name);
  *key = full_key(s, op, name);
  if (*key == NULL) return op->cx->code;
  return pq_fetch_get(&op->fetch, *key, ENTRY_LEN_MAX, text);
}

/* Ask for entries (first, last] at once. */
static int ask_entries(pq_space *s, pq_op *op, uint64_t first, uint64_t last) {
  bool is_missing = false;
  if (last > first + ENTRIES_AHEAD_MAX) last = first + ENTRIES_AHEAD_MAX;
  for (uint64_t n = first + 1; n <= last; n++) {
    const char *key;
    pq_slice text;
    int rc = get_entry(s, op, n, &key, &text);
    if (rc < 0 && rc != PQ_ENOTFOUND) return rc;
    is_missing |= rc == PQ_NEED_IO;
  }
  return is_missing ? PQ_NEED_IO : PQ_OK;
}

int pq_space_read_boundary(pq_space *s, pq_op *op, uint64_t *entry) {
  const char *key = full_key(s, op, "boundary");
  pq_slice text;
  int rc;
  *entry = 1;
  if (key == NULL) return op->cx->code;
  rc = pq_fetch_get(&op->fetch, key, PQ_BOUNDARY_LEN_MAX, &text);
  if (rc == PQ_ENOTFOUND) return PQ_OK;
  PQ_TRY(rc);
  return pq_boundary_parse(&op->scratch, key, text, entry);
}

/* Where a load begins. */
typedef struct log_start {
  uint64_t ckpt;   /* 0: at the first entry */
  uint64_t listed; /* the newest entry that a listing shows */
  const char *key; /* of the checkpoint */
  pq_slice text;   /* empty: it is not there */
} log_start;

/* The newest checkpoint, as a listing or the boundary says, and its text. */
static int find_start(pq_space *s, pq_op *op, log_start *start) {
  char name[PQ_LOG_KEY_CAP];
  const char *log_prefix = full_key(s, op, "log/"), *ckpt_prefix = full_key(s, op, "ckpt/");
  pq_slice logs, ckpts;
  int rc, rc2;
  if (log_prefix == NULL || ckpt_prefix == NULL) return op->cx->code;
  rc = pq_fetch_list(&op->fetch, log_prefix, &logs);
  rc2 = pq_fetch_list(&op->fetch, ckpt_prefix, &ckpts);
  if (rc < 0 || rc2 < 0) return rc < 0 ? rc : rc2;
  if (rc == PQ_NEED_IO || rc2 == PQ_NEED_IO) return PQ_NEED_IO;
  start->listed = last_number(logs);
  start->ckpt = last_number(ckpts);
  /* A listing that lags behind shows checkpoints too old to go on from. */
  if (s->boundary > 1 && start->ckpt < s->boundary - 1) start->ckpt = s->boundary - 1;
  if (start->ckpt == 0) return PQ_OK;
  pq_ckpt_key(start->ckpt, name);
  start->key = full_key(s, op, name);
  if (start->key == NULL) return op->cx->code;
  rc = pq_fetch_get(&op->fetch, start->key, CKPT_LEN_MAX, &start->text);
  return rc == PQ_ENOTFOUND ? PQ_OK : rc;
}

/* The last entry of those behind `first` that are there one after the other. */
static int walk(pq_space *s, pq_op *op, uint64_t first, uint64_t *last) {
  for (uint64_t n = first + 1;; n++) {
    const char *key;
    pq_slice text;
    int rc = get_entry(s, op, n, &key, &text);
    *last = n - 1;
    if (rc == PQ_ENOTFOUND) return PQ_OK;
    PQ_TRY(rc);
  }
}

/* All of what a load needs of the log; *last: the newest entry. It is as it seems when *boundary is
 * at most start->ckpt + 1. Nothing is changed. */
static int read_log(pq_space *s, pq_op *op, const pq_hot_state *hot, log_start *start,
                    uint64_t *last, uint64_t *boundary) {
  const pq_manifest *m = &s->manifest;
  *boundary = 1;
  *start = (log_start){.ckpt = m->entry, .listed = m->entry};
  if (m->entry == 0) {
    PQ_TRY(find_start(s, op, start));
    PQ_TRY(ask_entries(s, op, start->ckpt, start->listed + 1)); /* one that is not there, too */
  }
  PQ_TRY(walk(s, op, start->ckpt, last));
  if (m->entry > 0 && *last == m->entry && !s->is_tail_missing && hot->seq_hi <= m->seq_hi)
    return PQ_OK;
  return pq_space_read_boundary(s, op, boundary);
}

/* All is to be forgotten, but others hold a view of it or write: until they are done. Who comes
 * after them loads too, and so waits as well. */
static int wait_for_others(pq_space *s, pq_op *op) {
  pq_works_drop_idle(s->works);
  if (s->reader_count == 0 && s->write_owner == NULL && s->group.first == NULL) return PQ_OK;
  if (s->db->steps_all) return pq_space_wait(s);
  return pq_fail(op->cx, PQ_EBUSY,
                 "namespace '%s': entries and files that running commands rest on were removed: "
                 "finish those, then try again",
                 s->ns);
}

/* Forget all when nobody needs it any more. Who has to wait begins with this when it is run again,
 * before it asks for anything. */
static int forget(pq_space *s, pq_op *op) {
  s->is_outdated = true;
  PQ_TRY(wait_for_others(s, op));
  pq_space_forget(s);
  s->is_outdated = false;
  return PQ_OK;
}

/* Forget what is known and begin at the boundary. */
static int start_anew(pq_space *s, pq_op *op, uint64_t boundary) {
  if (++s->starts > STARTS_MAX)
    return pq_fail(op->cx, PQ_EIO, "%s/boundary: rises faster than the log can be read", s->ns);
  s->boundary = boundary;
  return forget(s, op);
}

void pq_space_forget(pq_space *s) {
  pq_assert(s->reader_count == 0);
  pq_works_void(s->works); /* they rest on it */
  pq_manifest_release(&s->manifest);
  pq_manifest_init(&s->manifest, s->db->cx);
  pq_live_files_clear(&s->files.live, s->db->cx);
  s->is_loaded = false;
  s->forgotten++;
}

/* The manifest becomes the checkpoint and the entries behind it. */
static int apply_log(pq_space *s, pq_op *op, const log_start *start, uint64_t last) {
  pq_manifest *m = &s->manifest;
  if (start->listed > last) {
    char name[PQ_LOG_KEY_CAP];
    pq_log_key(last + 1, name);
    return pq_fail(op->cx, PQ_ECORRUPT, "%s/%s: the log entry is missing", s->ns, name);
  }
  if (m->entry == 0 && start->ckpt > 0) {
    /* It knows bulk writes and no entry: the checkpoint is to be its beginning. */
    if (m->file_count > 0) PQ_TRY(forget(s, op));
    if (start->text.n == 0)
      return pq_fail(op->cx, PQ_ECORRUPT, "%s: the checkpoint is missing", start->key);
    PQ_TRY(pq_manifest_parse(m, start->key, start->text));
    if (m->entry != start->ckpt)
      return pq_fail(op->cx, PQ_ECORRUPT, "%s: the checkpoint is of entry %llu", start->key,
                     (unsigned long long)m->entry);
  }
  while (m->entry < last) {
    pq_log_entry entry;
    const char *key;
    pq_slice text;
    PQ_TRY(get_entry(s, op, m->entry + 1, &key, &text));
    PQ_TRY(pq_log_entry_parse(&op->scratch, key, text, &entry));
    PQ_TRY(pq_manifest_apply(m, &entry));
    m->delta_len += text.n;
  }
  return PQ_OK;
}

#define HOT "hot tier (hot.sqlite) of '%s': "

/* What is wrong with a batch is so of the hot tier. */
static int blame(const pq_space *s, pq_op *op, int rc) {
  char msg[PQ_MESSAGE_CAP];
  if (rc != PQ_ECORRUPT && rc != PQ_EUNSUPPORTED) return rc;
  memcpy(msg, op->cx->msg, sizeof msg);
  return pq_fail(op->cx, rc, HOT "%s", s->ns, msg);
}

/* The batch of a hot tier's row, which must say the same about it. */
static int open_batch(const pq_space *s, pq_op *op, const pq_hot_batch *batch, pq_buf *raw,
                      uint64_t *seq_lo, uint32_t *count) {
  int rc = blame(s, op, pq_batch_open(op->cx, batch->body, raw, seq_lo, count));
  if (rc == PQ_OK && (*seq_lo != batch->seq_lo || *count != batch->seq_hi - batch->seq_lo + 1))
    return pq_fail(op->cx, PQ_ECORRUPT, HOT "batch from event %llu holds others", s->ns,
                   (unsigned long long)batch->seq_lo);
  return rc;
}

/* The row of a bulk write: `raw` is its record, and behind it the link. */
static int take_bulk(pq_space *s, pq_op *op, const pq_hot_batch *batch, const pq_buf *raw,
                     pq_pendings *pendings) {
  size_t len = raw->len - (pq_batch_has_link(batch->body) ? PQ_DIGEST_LEN : 0);
  uint8_t link[PQ_DIGEST_LEN] = {0};
  pq_bulk_record record;
  if (len < raw->len) memcpy(link, raw->p + len, PQ_DIGEST_LEN);
  PQ_TRY(pq_bulk_record_parse(&op->scratch, (pq_slice){raw->p, len}, batch->seq_lo, batch->seq_hi,
                              &record));
  return pq_space_take_pending(s, pendings, &record, link);
}

/* A row of the hot tier: its events go into the overlay, or its files into the manifest. */
static int take_batch(pq_space *s, pq_op *op, const pq_hot_batch *batch, uint64_t seq,
                      pq_overlay *o, pq_pendings *pendings) {
  uint64_t seq_lo;
  uint32_t count;
  bool may = true;
  pq_buf raw;
  int rc;
  if (batch->seq_lo > seq + 1)
    return pq_fail(op->cx, PQ_ECORRUPT, HOT "events %llu to %llu are missing", s->ns,
                   (unsigned long long)seq + 1, (unsigned long long)batch->seq_lo - 1);
  PQ_TRY(blame(s, op, pq_tail_may_take(s, o, batch, &may)));
  if (!may) return PQ_OK;
  pq_buf_init(&raw, op->cx, SIZE_MAX / 2);
  rc = open_batch(s, op, batch, &raw, &seq_lo, &count);
  if (rc == PQ_OK)
    rc = pq_batch_has_files(batch->body) ? take_bulk(s, op, batch, &raw, pendings)
                                         : pq_tail_take(s, o, batch, &raw);
  pq_buf_release(&raw);
  return rc;
}

/* The last event that a row told, and its time. */
static void find_last(const pq_overlay *o, const pq_pendings *p, uint64_t *seq, int64_t *ts) {
  const pq_event *last = o->version_count == 0 ? NULL : &o->versions[o->version_count - 1].event;
  if (last != NULL && !o->is_partial) {
    *seq = last->seq;
    *ts = last->ts;
  }
  if (p->count > 0 && p->items[p->count - 1].seq_hi >= *seq) {
    *seq = p->items[p->count - 1].seq_hi;
    *ts = p->items[p->count - 1].ts;
  }
}

static int new_overlay(pq_space *s, pq_op *op, const pq_hot_state *hot) {
  pq_overlay *o = pq_alloc(op->cx, NULL, 0, sizeof *o);
  pq_pendings pendings = {0};
  uint64_t seq = s->manifest.seq_hi;
  int64_t ts = s->manifest.ts_hi;
  int rc = PQ_OK;
  if (o == NULL) return pq_fail_nomem(op->cx);
  pq_overlay_init(o, op->cx);
  o->base_seq = seq;
  for (uint32_t i = 0; i < hot->batch_count && rc == PQ_OK; i++) {
    if (hot->batches[i].seq_hi <= s->manifest.seq_hi) continue;
    rc = take_batch(s, op, &hot->batches[i], seq, o, &pendings);
    seq = hot->batches[i].seq_hi;
  }
  find_last(o, &pendings, &seq, &ts);
  if (rc == PQ_OK) rc = pq_space_replace_overlay(s, o);
  if (rc != PQ_OK) {
    pq_pendings_release(op->cx, &pendings);
    pq_overlay_release(o);
    pq_alloc(op->cx, o, sizeof *o, 0);
    return rc;
  }
  pq_pendings_release(op->cx, &s->pendings);
  s->pendings = pendings;
  pq_space_forget_pending(s);
  s->seq = seq;
  s->ts = ts;
  pq_space_link_at(s, seq, s->link);
  return PQ_OK;
}

/* The overlay becomes the tail: made anew, or, where it holds the first of the batches already, by
 * the others. */
static int update_overlay(pq_space *s, pq_op *op, const pq_hot_state *hot) {
  uint32_t known;
  if (hot->seq_hi > s->manifest.seq_hi) /* an entry comes before its batches leave the hot tier */
    return pq_fail(op->cx, PQ_ECORRUPT,
                   HOT "%llu events were flushed, but %s/log ends at event %llu", s->ns,
                   (unsigned long long)hot->seq_hi, s->ns, (unsigned long long)s->manifest.seq_hi);
  if (!pq_tail_is_known(s, hot, &known)) return new_overlay(s, op, hot);
  s->overlay->base_seq = UINT64_MAX; /* until all of them are in */
  for (uint32_t i = known; i < hot->batch_count; i++) {
    PQ_TRY(take_batch(s, op, &hot->batches[i], s->seq, s->overlay, NULL));
    find_last(s->overlay, &s->pendings, &s->seq, &s->ts);
  }
  s->overlay->base_seq = s->manifest.seq_hi;
  pq_space_link_at(s, s->seq, s->link);
  return PQ_OK;
}

int pq_space_replace_overlay(pq_space *s, pq_overlay *overlay) {
  pq_cx *cx = s->db->cx;
  if (s->overlay->reader_count == 0) {
    pq_overlay_release(s->overlay);
    pq_alloc(cx, s->overlay, sizeof *s->overlay, 0);
    s->overlay = overlay;
    return PQ_OK;
  }
  if (s->retired_count == s->retired_cap) {
    uint32_t cap = s->retired_cap == 0 ? 4 : s->retired_cap * 2;
    pq_overlay **retired =
        pq_alloc(cx, s->retired, s->retired_cap * sizeof *retired, cap * sizeof *retired);
    if (retired == NULL) return pq_fail_nomem(cx);
    s->retired = retired;
    s->retired_cap = cap;
  }
  s->retired[s->retired_count++] = s->overlay;
  s->overlay = overlay;
  return PQ_OK;
}

/* The hot tier's part: raise the epoch (writers), then read the tail. A reader that may not open it
 * (PQ_EPERM: a folder that it cannot write) goes on without and says so. */
static int read_hot(pq_space *s, pq_op *op, uint64_t *epoch, pq_hot_state *tail) {
  pq_hot_state opened = {.epoch = s->epoch};
  int rc;
  if (s->db->is_writer && s->epoch == 0)
    PQ_TRY(hot_call(s, op, &(pq_hot_request){.op = PQ_HOT_OPEN}, &opened));
  *epoch = opened.epoch;
  rc = hot_call(s, op, &(pq_hot_request){.op = PQ_HOT_READ}, tail);
  s->is_tail_missing = rc == PQ_EPERM && !s->db->is_writer;
  if (!s->is_tail_missing) return rc;
  *tail = (pq_hot_state){0};
  return PQ_OK;
}

/* The hot tier was lost and made anew: its epochs must go on above those in the log. */
static int raise_epoch(pq_space *s, pq_op *op, uint64_t *epoch) {
  pq_hot_request open = {.op = PQ_HOT_OPEN, .epoch = s->manifest.epoch + 1};
  pq_hot_state state;
  PQ_TRY(hot_call(s, op, &open, &state));
  *epoch = state.epoch;
  return PQ_OK;
}

/* A hot tier that is behind the log was lost and made anew: what it held was not flushed and is
 * gone, but its counters must not fall behind what the files hold. */
static int mend_hot(pq_space *s, pq_op *op, uint64_t epoch, const pq_hot_state *hot) {
  pq_hot_request trim = {.op = PQ_HOT_TRIM, .epoch = epoch};
  uint64_t last = hot->seq_hi;
  pq_buf body;
  pq_slice reply;
  int rc;
  if (hot->batch_count > 0) last = hot->batches[hot->batch_count - 1].seq_hi;
  if (!s->db->is_writer || s->is_fenced || last >= s->manifest.seq_hi) return PQ_OK;
  trim.seq_hi = s->manifest.seq_hi;
  trim.ts_hi = s->manifest.ts_hi;
  pq_buf_init(&body, op->cx, PQ_HOT_CHUNK_LEN_MAX);
  rc = pq_hot_put_request(&body, &trim);
  if (rc == PQ_OK) rc = pq_fetch_hot(&op->fetch, s->ns, pq_buf_slice(&body), &reply);
  pq_buf_release(&body);
  return rc;
}

/* Has another reader of this process seen more of the tail than this one's answer shows? */
static bool is_behind(const pq_space *s, const pq_hot_state *hot) {
  uint64_t last = hot->seq_hi;
  if (hot->batch_count > 0) last = hot->batches[hot->batch_count - 1].seq_hi;
  return !s->db->is_writer && s->is_loaded && !s->is_tail_missing && last < s->seq;
}

int pq_space_look(pq_space *s, pq_op *op, bool *is_there) {
  const char *prefix = pq_arena_printf(&op->scratch, "%s/log/", s->ns);
  pq_hot_state hot = {0};
  pq_slice logs = {0};
  int rc, rc2;
  *is_there = s->is_loaded && s->seq > 0;
  if (*is_there || (s->db->is_writer && s->is_loaded)) return PQ_OK;
  if (s->is_looked_at && (s->db->is_writer || op->now_us - s->looked_at < LOOK_AGAIN_US))
    return PQ_OK;
  if (prefix == NULL) return op->cx->code;
  rc = hot_call(s, op, &(pq_hot_request){.op = PQ_HOT_READ}, &hot);
  if (rc == PQ_EPERM) rc = PQ_OK; /* a tail that cannot be opened; the load would say so */
  if (rc < 0) return rc;
  rc2 = pq_fetch_list(&op->fetch, prefix, &logs);
  if (rc2 < 0) return rc2;
  if (rc == PQ_NEED_IO || rc2 == PQ_NEED_IO) return PQ_NEED_IO;
  *is_there = hot.seq_hi > 0 || hot.batch_count > 0 || logs.n > 0;
  s->is_looked_at = !*is_there;
  s->looked_at = op->now_us;
  return PQ_OK;
}

int pq_space_load(pq_space *s, pq_op *op) {
  uint64_t epoch, last, boundary;
  log_start start;
  pq_hot_state hot;
  s->manifest.spacing = s->db->thresholds.snapshot_events;
  if (s->is_outdated) PQ_TRY(forget(s, op));
  if (s->db->is_writer && s->is_loaded && !s->is_stale) return PQ_OK;
  PQ_TRY(read_hot(s, op, &epoch, &hot));
  PQ_TRY(read_log(s, op, &hot, &start, &last, &boundary));
  if (is_behind(s, &hot) && s->starts++ < STARTS_MAX) return PQ_OVERTAKEN;
  if (boundary > start.ckpt + 1) return start_anew(s, op, boundary);
  PQ_TRY(apply_log(s, op, &start, last));
  if (boundary > 1) s->boundary = boundary;
  /* The manifest is up to date; what follows is re-run safely, because all of it is repeatable. */
  if (s->db->is_writer && s->epoch == 0 && epoch <= s->manifest.epoch) {
    /* Until now somebody else was the writer: what was read may be old already. */
    PQ_TRY(raise_epoch(s, op, &s->epoch));
    return PQ_OK;
  }
  /* An entry of a later writer: one more of mine behind it would break the log for everybody. */
  if (s->db->is_writer && epoch < s->manifest.epoch) s->is_fenced = true;
  PQ_TRY(mend_hot(s, op, epoch, &hot));
  PQ_TRY(update_overlay(s, op, &hot));
  pq_works_void(s->works);
  s->epoch = epoch;
  s->starts = 0;
  s->unread = 0;
  s->is_loaded = true;
  s->is_stale = false;
  return PQ_OK;
}
