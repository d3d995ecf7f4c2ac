/* test/spec/spec_db.h - a warehouse for tests: any backend, a virtual clock, replies as values.
 *
 *      spec_db ── store (memory) or directory (disk)
 *         ├─ writer: pq_db + driver          ── spec_run() runs one command to its end
 *         └─ reader: pq_db + driver, or none ── a second handle that only reads
 *
 * Nothing here depends on time, randomness or memory addresses: a case gives the same replies each
 * time. All allocations of the engine go through a counting allocator that can be told to fail.
 */
#ifndef PQ_TEST_SPEC_DB_H
#define PQ_TEST_SPEC_DB_H

#include "cmd/command.h"
#include "port/drive_memory.h"
#include "port/drive_shuffle.h"
#include "spec_disk.h"

/* 2026-01-01T00:00:00Z, the time before the first command. */
#define SPEC_EPOCH_US 1767225600000000

typedef enum spec_store { SPEC_MEMORY, SPEC_SHUFFLE, SPEC_DISK } spec_store;

/* Allocations: the counter, and which one is to fail (0: none), alone or with all after it. */
typedef struct spec_memory {
  int64_t live_len;
  uint64_t calls, fail_at;
  bool is_once;
  uint64_t failed; /* how many were refused */
  uint64_t max;    /* bytes; 0: no limit */
  bool was_refused;
} spec_memory;

/* The limit of memory for the handles that are opened from now on; 0: none. */
extern uint64_t spec_memory_max;

/* New documents in a command that make it a bulk write, for those handles; 0: the default. */
extern uint32_t spec_bulk;

/* Units of work after which a step is over (pq_pace), for those handles; 0: none ever is. */
extern uint32_t spec_stride;

/* Requests: the counter, and which one is to fail (0: none). A failing write may still be done. */
typedef struct spec_faults {
  uint64_t requests, fail_at;
  bool only_writes; /* count only requests that change the store */
  bool only_hot;    /* count only calls of the hot tier */
  bool is_from;     /* all after it fail as well */
  bool does_it_anyway;
  uint64_t failed;
} spec_faults;

typedef struct spec_db {
  spec_store kind;
  uint64_t seed, opened;
  int64_t now_us;
  const char *ns;
  uint64_t tail_len_max; /* 0: the default */
  pq_meter meter;
  bool has_low_thresholds; /* work on files is due after a few events and files */
  pq_memory_store *store;  /* memory and shuffle */
  pq_memory_store *kept;   /* what spec_go_back goes back to; NULL: nothing */
  int64_t kept_us;         /* the time then */
  char dir[SPEC_DIR_CAP];  /* disk */
  spec_memory memory;
  spec_faults faults;
  pq_cx cx, reader_cx;
  pq_driver *driver, *reader_driver; /* NULL: not open */
  pq_db db, reader;
} spec_db;

/* What one command answered. */
typedef struct spec_reply {
  int rc;
  char message[PQ_MESSAGE_CAP];
  pq_arena arena;
  pq_value *items;
  uint32_t count, cap;
  pq_value summary; /* missing after a failure */
  uint64_t requests, bytes, rounds;
} spec_reply;

/* Start with an empty warehouse and open it; SPEC_DISK is SPEC_SHUFFLE where there is no disk. Ends
 * the program when that is impossible. */
void spec_start(spec_db *s, spec_store kind, uint64_t seed);
/* The same, with work on files due after three events and two files. */
void spec_start_low(spec_db *s, spec_store kind, uint64_t seed);
/* Close everything, remove the store. Returns the bytes that leaked. */
int64_t spec_end(spec_db *s);

/* Close the handles and open the warehouse again. A failure is returned (out of memory). */
int spec_reopen(spec_db *s);
/* Close the handles only, open them only. */
void spec_close(spec_db *s);
int spec_open(spec_db *s);
/* Open a second handle for reading, next to the first. */
int spec_open_reader(spec_db *s);

/* Keep the warehouse as it is, in memory; go back to that and open it, which is much quicker than
 * making it again. Returns the bytes that leaked until then. */
void spec_keep(spec_db *s);
int64_t spec_go_back(spec_db *s);

/* Run one command at s->now_us. The reply must be released; it does not use the counted memory. */
void spec_run(spec_db *s, pq_slice command, pq_slice payload, spec_reply *out);
/* The same through the reader. */
void spec_run_reader(spec_db *s, pq_slice command, pq_slice payload, spec_reply *out);
void spec_reply_release(spec_reply *r);

/* Run a command that must succeed; its items and summary as text, freed by the caller. Ends the
 * program on a failure. */
char *spec_text(spec_db *s, const char *command);

/* All replies of a command as one text, errors too; freed by the caller. */
char *spec_reply_text(const spec_reply *r);

/* A context that uses the plain allocator, for values of the tests themselves. */
pq_cx *spec_cx(void);
/* Parse JSON of the tests into `arena`; ends the program when it is malformed. */
pq_value spec_json(pq_arena *arena, pq_slice text);
/* The canonical text of a value, freed by the caller. */
char *spec_print(pq_value v);
/* snprintf into a new string, freed by the caller. */
char *spec_format(const char *format, ...) PQ_PRINTF(1, 2);
_Noreturn void spec_die(const char *format, ...) PQ_PRINTF(1, 2);

#endif
