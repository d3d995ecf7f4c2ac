/* test/sim/sim_store.c - see sim_store.h. */
#include "sim_store.h"

#include <stdlib.h>
#include <string.h>

void sim_store_init(sim_store *s, sim_random *random) {
  *s = (sim_store){.random = random, .per_mille = 30};
  pq_cx_init(&s->cx, NULL, NULL);
  pq_fetch_init(&s->aside, &s->cx);
  s->memory = pq_memory_store_new();
  if (s->memory == NULL || pq_memory_open(s->memory, PQ_OPEN_CREATE, &s->writer) != PQ_OK ||
      pq_memory_open(s->memory, PQ_OPEN_READ, &s->reader) != PQ_OK)
    sim_die("out of memory");
}

static void forget_unsynced(sim_store *s, uint32_t from) {
  for (uint32_t i = from; i < s->unsynced_count; i++)
    pq_memory_hot_free(s->memory, s->unsynced[i]);
  if (from < s->unsynced_count) s->unsynced_count = from;
}

static void free_late(sim_late *late) {
  free(late->key);
  free(late->body);
}

void sim_store_release(sim_store *s) {
  for (uint32_t i = 0; i < s->late_count; i++)
    free_late(&s->late[i]);
  free(s->late);
  forget_unsynced(s, 0);
  pq_fetch_release(&s->aside);
  pq_driver_close(s->writer);
  pq_driver_close(s->reader);
  pq_memory_store_free(s->memory);
}

/* Does the fault happen to this request? The number is drawn in any case, so that the same seed
 * with fewer faults goes the same way as far as it can. */
bool sim_store_strikes(sim_store *s, sim_fault fault) {
  bool is_hit = sim_chance(s->random, s->per_mille);
  if (!s->is_on[fault] || !is_hit) return false;
  s->injected++;
  return true;
}

/* Ask for what `r` asks for, in the set of our own. */
static int ask(sim_store *s, const pq_io_req *r, pq_slice *reply) {
  pq_slice body = {r->buf, r->len};
  *reply = (pq_slice){0};
  switch (r->kind) {
    case PQ_IO_GET: return pq_fetch_get(&s->aside, r->key, r->len, reply);
    case PQ_IO_LIST: return pq_fetch_list(&s->aside, r->key, reply);
    case PQ_IO_PUT_NEW: return pq_fetch_put_new(&s->aside, r->key, body);
    case PQ_IO_DELETE: return pq_fetch_delete(&s->aside, r->key);
    case PQ_IO_PUT_IF:
      return pq_fetch_put_if(&s->aside, r->key, (pq_slice){r->buf, (size_t)r->off},
                             (pq_slice){r->buf + r->off, r->len - (size_t)r->off});
    case PQ_IO_HOT: return pq_fetch_hot(&s->aside, r->key, body, reply);
    case PQ_IO_PUT_PART:
    case PQ_IO_PUT_END:
      return pq_fetch_put_part(&s->aside, r->key, r->off, body, r->kind == PQ_IO_PUT_END);
    default: sim_die("request kind %d is not known to the simulator", (int)r->kind);
  }
}

/* Do a request without its process: the status and the reply. */
static int do_aside(sim_store *s, pq_driver *d, const pq_io_req *r, pq_slice *reply) {
  int rc;
  pq_fetch_clear(&s->aside);
  rc = ask(s, r, reply);
  if (rc != PQ_NEED_IO) return rc;
  pq_driver_run(d, &s->aside);
  return ask(s, r, reply);
}

int sim_store_hot(sim_store *s, pq_driver *d, const pq_io_req *r, bool is_synced, pq_slice *reply) {
  if (s->is_on[SIM_POWER_CUT] && is_synced) forget_unsynced(s, 0);
  if (s->is_on[SIM_POWER_CUT] && !is_synced && r->buf[0] != PQ_HOT_READ &&
      s->unsynced_count < SIM_UNSYNCED_MAX) {
    s->unsynced[s->unsynced_count] = pq_memory_hot_copy(s->memory);
    if (s->unsynced[s->unsynced_count++] == NULL) sim_die("out of memory");
  }
  return do_aside(s, d, r, reply);
}

void sim_store_cut_power(sim_store *s) {
  uint32_t n = sim_below(s->random, s->unsynced_count + 1);
  if (n < s->unsynced_count) {
    pq_memory_hot_restore(s->memory, s->unsynced[n]);
    s->unsynced[n] = NULL;
  }
  forget_unsynced(s, 0);
}

/* A listing without its last names, as if they had been put a moment ago. */
static pq_slice stale(sim_store *s, pq_slice names) {
  uint32_t drop = 1 + sim_below(s->random, 3);
  while (names.n > 0 && drop > 0) {
    names.n--;
    while (names.n > 0 && names.p[names.n - 1] != '\n')
      names.n--;
    drop--;
  }
  return names;
}

void sim_store_read(sim_store *s, pq_fetch *f, const pq_io_req *r) {
  pq_slice reply;
  int rc;
  if (sim_store_strikes(s, SIM_READ_FAILS)) {
    pq_fetch_done(f, r->id, PQ_EIO, (pq_slice){0}, "the store does not answer");
    return;
  }
  if (r->kind == PQ_IO_READ && sim_store_strikes(s, SIM_SHORT_BODY)) {
    pq_fetch_done(f, r->id, PQ_ECORRUPT, (pq_slice){0}, "object is shorter");
    return;
  }
  if (r->kind == PQ_IO_READ || r->kind == PQ_IO_STAT) {
    s->reader->vt->serve(s->reader, f, r);
    return;
  }
  rc = do_aside(s, s->reader, r, &reply);
  if (rc == PQ_OK && r->kind == PQ_IO_GET && sim_store_strikes(s, SIM_SHORT_BODY))
    reply.n = sim_below(s->random, (uint32_t)reply.n + 1);
  if (rc == PQ_OK && r->kind == PQ_IO_LIST && sim_store_strikes(s, SIM_STALE_LIST))
    reply = stale(s, reply);
  pq_fetch_done(f, r->id, rc, reply, rc == PQ_OK ? NULL : s->cx.msg);
}

/* ---- writes ---- */

static int store_now(sim_store *s, pq_driver *d, const pq_io_req *r) {
  pq_slice reply;
  int rc = do_aside(s, d, r, &reply);
  s->deletes += r->kind == PQ_IO_DELETE;
  s->has_collected |= r->kind == PQ_IO_DELETE || strstr(r->key, "/boundary") != NULL;
  if (rc == PQ_OK && r->kind == PQ_IO_PUT_NEW && s->stored != NULL) s->stored(s->ud, r);
  return rc;
}

static void keep_late(sim_store *s, const pq_io_req *r) {
  size_t key_len = strlen(r->key) + 1;
  sim_late late = {.kind = r->kind, .key = sim_grow(NULL, key_len), .off = r->off};
  memcpy(late.key, r->key, key_len);
  if (r->kind != PQ_IO_DELETE) {
    late.body = sim_grow(NULL, r->len + 1);
    if (r->len > 0) memcpy(late.body, r->buf, r->len);
    late.len = r->len;
  }
  if (s->late_count == s->late_cap) {
    s->late_cap = s->late_cap * 2 + 8;
    s->late = sim_grow(s->late, s->late_cap * sizeof *s->late);
  }
  s->late[s->late_count++] = late;
  s->late_total++;
}

void sim_store_land(sim_store *s, uint32_t n, bool is_done) {
  sim_late late = s->late[n];
  pq_io_req r = {
      .kind = late.kind, .key = late.key, .buf = late.body, .len = late.len, .off = late.off};
  s->late[n] = s->late[--s->late_count];
  if (is_done) (void)store_now(s, s->writer, &r);
  free_late(&late);
}

void sim_store_write(sim_store *s, pq_driver *d, pq_fetch *f, const pq_io_req *r) {
  int rc;
  if (sim_store_strikes(s, SIM_PUT_LOST)) {
    pq_fetch_done(f, r->id, PQ_EIO, (pq_slice){0}, "the store does not answer");
  } else if (sim_store_strikes(s, SIM_PUT_UNHEARD)) {
    (void)store_now(s, d, r);
    pq_fetch_done(f, r->id, PQ_EIO, (pq_slice){0}, "the reply was lost");
  } else if (sim_store_strikes(s, SIM_PUT_LATE)) {
    keep_late(s, r);
    pq_fetch_done(f, r->id, PQ_EIO, (pq_slice){0}, "the store does not answer yet");
  } else {
    rc = store_now(s, d, r);
    pq_fetch_done(f, r->id, rc, (pq_slice){0}, rc == PQ_OK ? NULL : s->cx.msg);
  }
}

/* Is the object one that its name promises to be whole? */
static bool is_whole(const char *key) {
  return strstr(key, "/data/") == NULL && strstr(key, "/rels/") == NULL &&
         strstr(key, "/events/") == NULL && strstr(key, "/deletes/") == NULL &&
         strstr(key, "/indexes/") == NULL;
}

void sim_store_orphan(sim_store *s, const pq_io_req *r) {
  switch (sim_below(s->random, s->is_on[SIM_CRASH_PUTS] ? 4 : 2)) {
    case 0: break;
    case 1: (void)store_now(s, s->writer, r); break;
    case 2: keep_late(s, r); break;
    default:
      if (r->kind == PQ_IO_PUT_NEW && !is_whole(r->key)) {
        static const uint8_t garbage[] = "PAR1 and nothing that follows from it";
        pq_io_req bad = *r;
        bad.buf = (uint8_t *)(uintptr_t)garbage;
        bad.len = sizeof garbage;
        (void)store_now(s, s->writer, &bad);
      }
  }
}
