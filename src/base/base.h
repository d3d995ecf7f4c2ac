/* base/base.h - status codes, context, allocator, checked arithmetic, loads and stores.
 *
 * Layer 0: every other file may include this one; it includes only C11 headers. Compiler
 * extensions stand here and nowhere else.
 *
 * The idea: one context (`pq_cx`) carries the allocator, the limits and the last error. A
 * function that can fail returns a status; the place that detects a failure calls pq_fail()
 * once, everyone else passes the status on with PQ_TRY().
 *
 *     detect:     return pq_fail(cx, PQ_ECORRUPT, "%s: bad magic", key);
 *     propagate:  PQ_TRY(read_footer(f, ...));
 *
 * Not thread-safe: one context belongs to one thread at a time.
 */
#ifndef PQ_BASE_BASE_H
#define PQ_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 is success, >0 is a status that is no failure, <0 is a failure. The comment says what the
 * CALLER should do. pq_status_name() gives the public name of each. */
enum {
  PQ_OK = 0,
  PQ_NEED_IO = 1,        /* run the pending requests, then call again */
  PQ_ENOMEM = -1,        /* the allocator returned NULL: free memory, try again */
  PQ_EIO = -2,           /* the store failed; the effect of a write is unknown: read back */
  PQ_ECORRUPT = -3,      /* stored bytes break the format: restore the named object */
  PQ_ELIMIT = -4,        /* valid but above a limit: make it smaller or raise the limit */
  PQ_ECONFLICT = -5,     /* a conditional put lost to another writer: read back */
  PQ_ENOTFOUND = -6,     /* no such object in the store */
  PQ_EINVALID = -7,      /* a command or document is malformed: fix the input */
  PQ_EFILTER = -8,       /* a filter is malformed: fix the input */
  PQ_EUPDATE = -9,       /* an update is malformed or cannot be applied: fix the input */
  PQ_EEXISTS = -10,      /* a live entity has this id */
  PQ_ENOENTITY = -11,    /* no live entity has this id */
  PQ_EVERSION = -12,     /* expectedVersion differs: read again */
  PQ_EUNSUPPORTED = -13, /* not built yet: do without */
  PQ_EFENCED = -14,      /* another writer owns the namespace: stop writing */
  PQ_EPATH = -15,        /* a name would leave the warehouse: fix the input */
  PQ_EPERM = -16,        /* the store refused access */
  PQ_EHISTORY = -17,     /* the asked time is older than what is kept */
  PQ_ETARGET = -18,      /* an edge end is a deleted entity */
  PQ_EBUSY = -19,        /* the warehouse is open for writing elsewhere: wait */
  PQ_ETIMEOUT = -20,     /* maxTimeMs passed */
  PQ_EINDEX = -21,       /* no such index */
  PQ_EUNIQUE = -22,      /* a unique field has this value already */
  PQ_EVIEW = -23         /* the collection is a view: ask for the one that it shows */
};

#if defined(__GNUC__)
#define PQ_MUST_CHECK __attribute__((warn_unused_result))
#define PQ_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define PQ_LIKELY(x) __builtin_expect(!!(x), 1)
/* Memory `n` bytes behind `p` will be read soon, if it is there: a hint, harmless anywhere. */
#define PQ_PREFETCH(p, n) __builtin_prefetch((const void *)((uintptr_t)(p) + (n)))
#else
#define PQ_MUST_CHECK
#define PQ_PRINTF(f, a)
#define PQ_LIKELY(x) (x)
#define PQ_PREFETCH(p, n) ((void)(p))
#endif

/* Return early when `expr` is not PQ_OK. The only control-flow macro we allow. */
#define PQ_TRY(expr)                            \
  do {                                          \
    int pq_try_rc_ = (expr);                    \
    if (pq_try_rc_ != PQ_OK) return pq_try_rc_; \
  } while (0)

_Noreturn void pq_assert_fail(const char *cond, const char *file, int line);
#define pq_assert(c) (PQ_LIKELY(c) ? (void)0 : pq_assert_fail(#c, __FILE__, __LINE__))
#define pq_unreachable(why) pq_assert_fail("unreachable: " why, __FILE__, __LINE__)

/* A borrowed view of bytes; never freed through this type. {NULL, 0} is the empty slice. */
typedef struct pq_slice {
  const uint8_t *p;
  size_t n;
} pq_slice;

#define PQ_SLICE(literal) ((pq_slice){(const uint8_t *)(literal), sizeof(literal) - 1})

/* One function does malloc, realloc and free; `old_size` is always exact; `new_size` 0 frees
 * and returns NULL. */
typedef void *(*pq_alloc_fn)(void *ud, void *ptr, size_t old_size, size_t new_size);

/* Every maximum of the engine, with its reason in base/limits.h, where the defaults stand. */
typedef struct pq_limits {
  uint32_t depth_max;          /* nesting of documents, filters, commands */
  uint32_t doc_len_max;        /* bytes of one document as Variant */
  uint32_t command_len_max;    /* bytes of one command as JSON text */
  uint32_t field_count_max;    /* distinct field names in one document */
  uint32_t filter_nodes_max;   /* predicates in one filter */
  uint32_t key_len_max;        /* bytes of an object key */
  uint32_t id_len_max;         /* bytes of a local id, encoded */
  uint32_t name_len_max;       /* bytes of a namespace, collection or predicate name */
  uint64_t fetch_len_max;      /* bytes resident in one fetch set */
  uint64_t op_len_max;         /* bytes of memory of one operation */
  uint64_t sort_len_max;       /* bytes of documents in memory of one stage that sorts or groups */
  uint64_t page_cache_len_max; /* bytes of pages kept between operations, decoded or unpacked */
  uint32_t row_group_rows_max; /* rows of a row group of an entity file that we write */
  uint64_t row_group_len_max;  /* bytes of documents or edges in it, before encoding */
  uint64_t scan_len_max;       /* bytes, unpacked, that a scan of files reads in one step */
  uint64_t file_len_max;       /* bytes of one Parquet file that we write */
  uint64_t part_len;           /* bytes of a part of a file that is larger */
  uint64_t tail_len_max;       /* bytes of events in memory before a flush is forced */
  uint64_t scan_rows_short;    /* with fewer rows before it a scan is as short as a look-up */
  uint64_t scan_rows_step;     /* judged by columns in a step before it may end in a window */
  uint64_t txn_len_max;        /* bytes of memory of one transaction */
  uint32_t txn_age_max;        /* seconds that a transaction may be open */
  uint32_t txn_count_max;      /* open transactions */
} pq_limits;

enum { PQ_MESSAGE_CAP = 512 };

/* What the machine can do beyond plain C, as the driver found out: bits of pq_cx.cpu. AVX2 is that
 * with PCLMULQDQ, which all such processors have. */
enum { PQ_CPU_AVX2 = 1, PQ_CPU_SIMD128 = 2 };

/* A limit of memory that an allocator keeps: beyond it gives NULL. */
typedef struct pq_meter {
  uint64_t max;     /* bytes */
  uint64_t allowed; /* what whoever set the limit calls it: with what the allocator itself needs */
  /* How many are in use; has a call been refused since the last question? */
  uint64_t (*used)(void *alloc_ud);
  bool (*was_refused)(void *alloc_ud);
} pq_meter;

/* Who is asked, in the midst of a computation, whether it may go on (doc/decisions/0056). Loops
 * count what they do (pq_spend); each time that a stride of units is done `ask` is called. 0: go
 * on; more: it goes on, but where it can stop and lose nothing (pq_step_is_over) it lets others
 * have a turn; less: a status, its message recorded, with which it fails. `ask` sees neither memory
 * nor state. */
typedef struct pq_pace {
  uint32_t left;        /* units until it is asked */
  uint32_t stride;      /* between two questions; 0: PQ_WORK_STRIDE */
  bool is_over;         /* this step has done its share; whoever begins a step resets it */
  bool is_short;        /* set by the driver: this step is not one for what may take long, */
  bool is_queued;       /* and that was before it (pq_must_queue) */
  int (*ask)(void *ud); /* borrowed, set by the driver after pq_cx_init; NULL: nobody is asked */
  void *ud;
} pq_pace;

/* A unit is about a tenth of a microsecond: a node of an expression, a comparison; a document is
 * some ten. */
enum { PQ_WORK_STRIDE = 1024 };

typedef struct pq_cx {
  pq_alloc_fn alloc; /* borrowed for the life of the context */
  void *alloc_ud;    /* borrowed */
  pq_limits limits;
  bool is_forgiving;     /* damaged Parquet files: see parquet/reader.h */
  const pq_meter *meter; /* borrowed; set by the driver after pq_cx_init; NULL: no limit */
  unsigned cpu;          /* set by the driver after pq_cx_init; 0: plain C */
  /* The TZif file of a time zone, set by the driver after pq_cx_init; NULL: zones are not known by
   * name. The bytes stay valid as long as the context. PQ_ENOTFOUND, PQ_ENOMEM; no message. */
  int (*zone)(void *ud, pq_slice name, pq_slice *tzif);
  void *zone_ud;
  pq_pace pace;
  int code;                 /* status of the last pq_fail() */
  char msg[PQ_MESSAGE_CAP]; /* its text: English, lower case, for humans only */
} pq_cx;

/* Prepare a context with the default limits. `alloc` NULL means malloc. Cannot fail. */
void pq_cx_init(pq_cx *cx, pq_alloc_fn alloc, void *ud);

/* Make limits fit into `max` bytes of memory: caches, sorts, the tail and row groups together leave
 * room for what an operation needs. */
void pq_limits_fit(pq_limits *l, uint64_t max);

/* Bytes that are still to be had under the meter; UINT64_MAX without one. */
uint64_t pq_memory_left(const pq_cx *cx);

/* Allocate, resize or free. Returns NULL when out of memory or when `new_size` is 0. */
void *pq_alloc(pq_cx *cx, void *ptr, size_t old_size, size_t new_size);

/* The stride is done: the next one begins. */
int pq_spend_more(pq_cx *cx) PQ_MUST_CHECK;

/* `units` of work were done, or will be at once. What pace.ask says: PQ_OK or a failure. */
static inline PQ_MUST_CHECK int pq_spend(pq_cx *cx, uint32_t units) {
  if (PQ_LIKELY(cx->pace.left > units)) {
    cx->pace.left -= units;
    return PQ_OK;
  }
  return pq_spend_more(cx);
}

/* Has this step done its share? */
static inline bool pq_step_is_over(const pq_cx *cx) {
  return cx->pace.is_over;
}

/* Before what may take long and hold much: true if this step is not one for that. It is over then,
 * and the caller comes again (PQ_NEED_IO without a request) when its turn has come. */
static inline bool pq_must_queue(pq_cx *cx) {
  if (!cx->pace.is_short) return false;
  cx->pace.is_over = cx->pace.is_queued = true;
  return true;
}

/* Record `code` and the message, return `code`. The breakpoint for every failure. */
int pq_fail(pq_cx *cx, int code, const char *fmt, ...) PQ_PRINTF(3, 4);

/* Record and return PQ_ENOMEM. */
int pq_fail_nomem(pq_cx *cx);

/* The public name of a failure code, as "VERSION_CONFLICT"; "INTERNAL" for an unknown one. */
const char *pq_status_name(int code);

static inline PQ_MUST_CHECK bool pq_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
  *out = a + b;
  return *out >= a;
}
static inline PQ_MUST_CHECK bool pq_add_size(size_t a, size_t b, size_t *out) {
  *out = a + b;
  return *out >= a;
}
static inline PQ_MUST_CHECK bool pq_mul_size(size_t a, size_t b, size_t *out) {
  *out = 0;
  if (b != 0 && a > SIZE_MAX / b) return false;
  *out = a * b;
  return true;
}
static inline PQ_MUST_CHECK bool pq_add_i64(int64_t a, int64_t b, int64_t *out) {
  *out = (int64_t)((uint64_t)a + (uint64_t)b);
  return !((b > 0 && a > INT64_MAX - b) || (b < 0 && a < INT64_MIN - b));
}
static inline PQ_MUST_CHECK bool pq_sub_i64(int64_t a, int64_t b, int64_t *out) {
  *out = (int64_t)((uint64_t)a - (uint64_t)b);
  return !((b < 0 && a > INT64_MAX + b) || (b > 0 && a < INT64_MIN + b));
}
static inline PQ_MUST_CHECK bool pq_mul_i64(int64_t a, int64_t b, int64_t *out) {
  *out = (int64_t)((uint64_t)a * (uint64_t)b);
  if (a == 0 || b == 0) return true;
  if ((a == -1 && b == INT64_MIN) || (b == -1 && a == INT64_MIN)) return false;
  return a == -1 || b == -1 || *out / b == a;
}
/* Offsets in storage are 64 bits everywhere; memory sizes are 32 bits in WebAssembly. */
static inline PQ_MUST_CHECK bool pq_to_size(uint64_t v, size_t *out) {
  *out = (size_t)v;
  return v <= SIZE_MAX;
}

/* Zero bits above the highest set bit; v is not 0. */
static inline unsigned pq_leading_zeros(uint64_t v) {
#if defined(__GNUC__)
  return (unsigned)__builtin_clzll(v);
#else
  unsigned n = 0;
  for (; v >> 63 == 0; v <<= 1)
    n++;
  return n;
#endif
}

/* Zero bits below the lowest set bit; v is not 0. */
static inline unsigned pq_trailing_zeros(uint64_t v) {
#if defined(__GNUC__)
  return (unsigned)__builtin_ctzll(v);
#else
  return 63 - pq_leading_zeros(v & (~v + 1));
#endif
}

static inline uint16_t pq_rd16(const uint8_t *p) {
  return (uint16_t)(p[0] | (unsigned)p[1] << 8);
}
static inline uint32_t pq_rd32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t pq_rd64(const uint8_t *p) {
  return (uint64_t)pq_rd32(p) | (uint64_t)pq_rd32(p + 4) << 32;
}
/* Little-endian load of `n` bytes, 1 <= n <= 8. */
static inline uint64_t pq_rdn(const uint8_t *p, unsigned n) {
  uint64_t v = 0;
  for (unsigned i = 0; i < n; i++)
    v |= (uint64_t)p[i] << (8 * i);
  return v;
}
static inline void pq_wr32(uint8_t *p, uint32_t v) {
  for (int i = 0; i < 4; i++)
    p[i] = (uint8_t)(v >> (8 * i));
}
static inline void pq_wr64(uint8_t *p, uint64_t v) { /* compilers merge a loop of four bytes */
  pq_wr32(p, (uint32_t)v);
  pq_wr32(p + 4, (uint32_t)(v >> 32));
}

/* ---- slices ---- */
pq_slice pq_str(const char *text); /* borrows a NUL-terminated string, without the NUL */
bool pq_slice_eq(pq_slice a, pq_slice b);
bool pq_slice_is(pq_slice a, const char *text);
/* memcmp order, a prefix first: <0, 0, >0. */
int pq_slice_cmp(pq_slice a, pq_slice b);

#endif
