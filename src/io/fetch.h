/* io/fetch.h - how the engine asks for bytes without doing I/O.
 *
 * The engine never reads a file. It asks a fetch set. If the answer is resident it gets a slice;
 * if not, the set records a request and returns PQ_NEED_IO. The engine unwinds to the driver,
 * which runs the requests in any order on any transport, and then calls the engine again:
 *
 *        engine step()                       driver (pread, libcurl, JS await)
 *     ---------------------                 ----------------------------------
 *     pq_fetch_read() -> NEED_IO  --take-->  request {id, kind, key, off, buf, len}
 *     return PQ_NEED_IO                      runs it
 *     step() runs again          <-done---  pq_fetch_done(id, PQ_OK, reply)
 *     pq_fetch_read() -> slice
 *
 * THE RESTART RULE. A stage (one function that calls pq_fetch_*) is re-run from its first line
 * after PQ_NEED_IO. So, until every fetch in it has returned PQ_OK, it must change nothing but
 * the fetch set and its stage arena. Filling a cache derived from an immutable file is the one
 * allowed side effect. A stage asks for everything it can know it needs before it returns
 * PQ_NEED_IO: a stage costs one round trip.
 *
 * A write request has an identity (kind, key): a re-run finds its outcome and never issues it
 * twice. Not thread-safe: one fetch set belongs to one operation.
 */
#ifndef PQ_IO_FETCH_H
#define PQ_IO_FETCH_H

#include "base/arena.h"
#include "base/hash.h"

typedef enum pq_io_kind {
  PQ_IO_READ = 1, /* bytes [off, off+len) of object `key` into buf; short is PQ_ECORRUPT */
  PQ_IO_GET,      /* the whole of a small object (at most len bytes); reply = its bytes */
  PQ_IO_LIST,     /* names under prefix `key` (one level), reply = names, each ended by '\n' */
  PQ_IO_PUT_NEW,  /* store buf[len] as object `key`; PQ_ECONFLICT if it exists */
  PQ_IO_DELETE,   /* remove object `key`; PQ_OK if absent */
  PQ_IO_HOT,      /* a hot-tier call: buf[len] = request bytes of io/hot.h, key = namespace */
  PQ_IO_PUT_IF,   /* replace object `key`, whose bytes are buf[0..off), by buf[off..len), at once;
                     off 0: make it. PQ_ECONFLICT if it is otherwise (S3: If-Match on its etag) */
  PQ_IO_STAT,     /* length and time of object `key`; reply = the three words of pq_stat */
  PQ_IO_PUT_PART, /* buf[len] are the bytes from `off` on of an object that is being made */
  PQ_IO_PUT_END,  /* the same, and its last ones: the object appears, whole; PQ_ECONFLICT if it
                     exists */
  PQ_IO_LAST = PQ_IO_PUT_END
} pq_io_kind;

typedef struct pq_io_req {
  uint32_t id; /* unique in its fetch set, never 0 */
  pq_io_kind kind;
  const char *key; /* NUL-terminated, relative to the warehouse; valid until pq_fetch_clear */
  uint64_t off;    /* READ, PUT_PART, PUT_END: where. PUT_IF: length of the bytes expected, which
                      stand first in buf */
  uint8_t *buf;    /* READ: the driver fills it. PUT_…, HOT: the body. Else NULL */
  size_t len;      /* READ: bytes wanted. GET, LIST: reply maximum. Else of buf */
} pq_io_req;

typedef struct pq_fetch {
  pq_cx *cx;                   /* borrowed */
  struct pq_fetch_item *items; /* owned array */
  size_t count, cap;
  uint64_t held_len; /* sum of buffer and reply lengths, at most limits.fetch_len_max */
  uint32_t next_id;
  uint32_t unfinished; /* requests not done yet */
  uint32_t taken;      /* of them: handed out, not done yet */
  size_t take_pos;     /* items before it have been handed out */
  pq_table by_name;    /* (kind, key, range or body) to item */
  uint32_t *ranges;    /* owned, `cap` long: READ items by (key, off), none inside another */
  size_t range_count;
  /* what this set asked for since init, for explain and golden numbers */
  uint64_t stat_requests, stat_bytes;
  uint64_t stat_kinds[PQ_IO_LAST + 1]; /* requests by kind */
  uint64_t stat_hot_bytes;             /* of the bytes: to and from the hot tier */
  /* of all: for temporary objects (query/spill.h), which are no part of the warehouse */
  uint64_t stat_aside_requests, stat_aside_bytes;
  bool is_file_missing; /* a READ since the last clear met an object that is not there */
  /* A plan: reads of data are noted (pq_fetch_note), all other requests are made as ever. */
  bool is_plan;
  bool may_be_fewer; /* the rows that are wanted next may turn out to be fewer */
  uint64_t noted_requests, noted_bytes, noted_rounds;
  uint64_t noted_before;              /* requests noted before this pass */
  uint64_t kept_requests, kept_bytes; /* a plan's own, whose answers stay in a cache */
  /* What the stage has found out from answers and need not find out again when it is re-run; it is
   * allocated in `kept`, which pq_fetch_clear empties. */
  const void *found;
  pq_arena kept;
  /* borrowed, may be NULL: state that Parquet's reader keeps between chunks; unknown here */
  struct pq_decompressor *decompressor;
  /* the same: resident bytes that it need not check again; NULL: none */
  const uint8_t *bloom_checked;
  /* the same: who decodes side by side what is resident; requests are never its business */
  const struct pq_task_runner *runner;
  struct pq_body_cache *bodies; /* the same: pages that were unpacked before */
  /* Set by a driver that leaves requests under way: wait until none of this set is. */
  void (*settle)(void *ud, struct pq_fetch *f);
  void *settle_ud; /* borrowed */
} pq_fetch;

/* Prepare an empty set. Allocates nothing, cannot fail. */
void pq_fetch_init(pq_fetch *f, pq_cx *cx);
/* Wait for the requests that were taken and are not done: before what they borrow is freed. */
void pq_fetch_settle(pq_fetch *f);
/* Free everything, after pq_fetch_settle. Safe on a zeroed set. */
void pq_fetch_release(pq_fetch *f);
/* Forget all requests and bytes, keeping the item array and the statistics, after
 * pq_fetch_settle. Slices become invalid. Call between stages. */
void pq_fetch_clear(pq_fetch *f);

/* What `from` has becomes what `to` has, which is initialised and empty, `found` and `kept` with
 * it: slices stay valid as long as `to` keeps it. All requests of `from` are done. `from` is empty
 * then, and its statistics stay its own; `to` reads as `from` does, with the same caches. */
void pq_fetch_move(pq_fetch *from, pq_fetch *to);

/* Get `len` bytes at `off` of `key`. PQ_OK sets *out, which borrows from the set until
 * pq_fetch_clear. A range inside one already asked for shares its bytes. PQ_NEED_IO, PQ_EIO,
 * PQ_ENOTFOUND, PQ_ECORRUPT (object shorter than the range), PQ_ENOMEM, PQ_ELIMIT. */
int pq_fetch_read(pq_fetch *f, const char *key, uint64_t off, uint64_t len,
                  pq_slice *out) PQ_MUST_CHECK;
/* A plan's pq_fetch_read: note that `len` bytes would be asked for, unless a request or a note has
 * them already. Nothing is read. Counts as `requests` of them. PQ_ENOMEM, PQ_ELIMIT. */
int pq_fetch_note(pq_fetch *f, const char *key, uint64_t off, uint64_t len,
                  uint64_t requests) PQ_MUST_CHECK;
/* A plan's pass over what a stage needs has ended. Notes that it added make a round of requests,
 * unless the pass `waits` for others anyway. */
void pq_fetch_note_round(pq_fetch *f, bool waits);
/* Get a whole object of at most `len_max` bytes. PQ_ENOTFOUND if absent: that failure is a plain
 * answer and does not overwrite cx->msg. */
int pq_fetch_get(pq_fetch *f, const char *key, size_t len_max, pq_slice *out) PQ_MUST_CHECK;
/* List the names under a prefix that ends with '/', sorted by bytes, each ended by '\n';
 * sub-folders carry a trailing '/'. An absent prefix gives the empty slice. */
int pq_fetch_list(pq_fetch *f, const char *prefix, pq_slice *out) PQ_MUST_CHECK;
/* Store `body` as a new object; PQ_ECONFLICT (no message) if `key` exists. `body` is BORROWED
 * until the request is done, so it outlives the stage arena; a re-run that passes the same bytes
 * at another address before the driver took the request moves the borrow there. PQ_EIO means
 * "perhaps stored": read the key back to know. */
int pq_fetch_put_new(pq_fetch *f, const char *key, pq_slice body) PQ_MUST_CHECK;
/* Store a large object in parts, one after the other; `off` is where the part begins, 0 for the
 * first. Nobody sees anything of it before the end (`is_end`), which may be the first one too. All
 * but the end have the same length. `body` as above. PQ_EIO: perhaps stored; a part may be sent
 * again, an end is read back (pq_fetch_stat) first. What was begun and is not wanted any more is
 * forgotten with pq_fetch_delete. PQ_ECONFLICT (no message), of an end: `key` exists. */
int pq_fetch_put_part(pq_fetch *f, const char *key, uint64_t off, pq_slice body,
                      bool is_end) PQ_MUST_CHECK;
int pq_fetch_delete(pq_fetch *f, const char *key) PQ_MUST_CHECK;
/* Replace the small object `key`, whose bytes are `was` (empty: it is not there), by `body`.
 * PQ_ECONFLICT (no message) if it is otherwise; PQ_EIO means "perhaps done". Both are copied. A
 * writer never makes the same bytes twice, so a request that lands late finds others and fails. */
int pq_fetch_put_if(pq_fetch *f, const char *key, pq_slice was, pq_slice body) PQ_MUST_CHECK;

/* What the store says about an object; both times by the store's own clock, in µs since 1970. */
typedef struct pq_stat {
  uint64_t len;
  int64_t modified_us; /* when it was stored */
  int64_t now_us;      /* when it answered */
} pq_stat;
enum { PQ_STAT_LEN = 24 };
/* PQ_ENOTFOUND (no message) if absent. */
int pq_fetch_stat(pq_fetch *f, const char *key, pq_stat *out) PQ_MUST_CHECK;
/* The bytes of a reply. */
void pq_stat_put(const pq_stat *s, uint8_t out[PQ_STAT_LEN]);
/* A hot-tier call for namespace `ns` (io/hot.h makes and reads the bytes). Identity is (ns,
 * body). `body` is copied. */
int pq_fetch_hot(pq_fetch *f, const char *ns, pq_slice body, pq_slice *reply) PQ_MUST_CHECK;

/* ---- driver side ---- */
/* Copy the next request not handed out yet into *out; false when there is none. */
bool pq_fetch_take(pq_fetch *f, pq_io_req *out);
/* The same for the `nth` (from 0) of the requests not handed out yet: for a driver that answers
 * out of order. */
bool pq_fetch_take_nth(pq_fetch *f, uint32_t nth, pq_io_req *out);
/* Report that request `id` ended with `rc`. GET, LIST, HOT: `reply` is copied (an allocation
 * failure becomes the request's PQ_ENOMEM); others pass {0}. `detail` (may be NULL) is put
 * into the message of the failure that the engine then sees. */
void pq_fetch_done(pq_fetch *f, uint32_t id, int rc, pq_slice reply, const char *detail);
/* The same with the outcome of `from_id` in another set, for a driver that had it served there. */
void pq_fetch_pass(const pq_fetch *from, uint32_t from_id, pq_fetch *f, uint32_t id);

#endif
