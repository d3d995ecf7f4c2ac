/* parquedb.h - ParqueDB as a library: documents, edges and their whole history in Parquet files.
 *
 *     pqdb *db;
 *     if (pqdb_open("./warehouse", NULL, &db) != PQDB_OK) { puts(pqdb_message(db)); ... }
 *     pqdb_create(db, "posts", "{\"$id\": \"p1\", \"title\": \"Hello\"}");
 *     pqdb_replies *r;
 *     const char *json; size_t len;
 *     pqdb_find(db, "posts", "{\"title\": \"Hello\"}", NULL, &r);
 *     while (pqdb_next(r, &json, &len) == PQDB_ROW) printf("%.*s\n", (int)len, json);
 *     pqdb_replies_close(r);
 *     pqdb_close(db);
 *
 * One narrow waist: a command document goes in, reply documents come out (doc/commands.md lists
 * every command, option and reply). The typed helpers below only build commands. Documents are
 * JSON text, with MongoDB's Extended JSON for types that JSON lacks; everything is UTF-8.
 *
 * Replies: zero or more ITEMS (entities, edges, events …), then exactly one SUMMARY, an object
 * with "ok": 1, the counts, and "seq", the event that the answer is as of.
 *
 * Ownership: handles are freed by the close function named; text that a function returns belongs
 * to the handle and is valid until the next call on it. Threads: one thread at a time per pqdb.
 * Errors: a negative status; pqdb_message() says what and where; nothing was changed unless the
 * status is PQDB_STORAGE_ERROR ("outcome unknown": open again and look).
 */
#ifndef PARQUEDB_PARQUEDB_H
#define PARQUEDB_PARQUEDB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header: below 1.0.0 any minor version may change what is here. */
#define PQDB_VERSION_MAJOR 0
#define PQDB_VERSION_MINOR 1
#define PQDB_VERSION_PATCH 0
#define PQDB_VERSION            \
  PQDB_TEXT(PQDB_VERSION_MAJOR) \
  "." PQDB_TEXT(PQDB_VERSION_MINOR) "." PQDB_TEXT(PQDB_VERSION_PATCH)
#define PQDB_TEXT(number) PQDB_TEXT_OF(number)
#define PQDB_TEXT_OF(number) #number

/* Marks what the shared library exports. */
#if defined(__GNUC__)
#define PQDB_API __attribute__((visibility("default")))
#else
#define PQDB_API
#endif

/* Statuses. The names of the errors (pqdb_status_name) are the codes of the command interface. */
enum {
  PQDB_OK = 0,
  PQDB_ROW = 2,  /* pqdb_next: an item */
  PQDB_DONE = 3, /* pqdb_next: the summary; nothing follows */
  PQDB_OUT_OF_MEMORY = -1,
  PQDB_STORAGE_ERROR = -2,
  PQDB_CORRUPT = -3,
  PQDB_LIMIT_EXCEEDED = -4,
  PQDB_VALIDATION_FAILED = -7,
  PQDB_INVALID_FILTER = -8,
  PQDB_INVALID_UPDATE = -9,
  PQDB_ALREADY_EXISTS = -10,
  PQDB_ENTITY_NOT_FOUND = -11,
  PQDB_VERSION_CONFLICT = -12,
  PQDB_NOT_SUPPORTED = -13,
  PQDB_FENCED = -14,
  PQDB_PATH_TRAVERSAL = -15,
  PQDB_PERMISSION_DENIED = -16,
  PQDB_HISTORY_DROPPED = -17,
  PQDB_RELATIONSHIP_TARGET_DELETED = -18,
  PQDB_BUSY = -19
};

typedef struct pqdb pqdb;
typedef struct pqdb_replies pqdb_replies;

typedef enum pqdb_mode {
  PQDB_CREATE = 0, /* read and write; a missing or empty directory becomes a warehouse */
  PQDB_WRITE = 1,  /* read and write; the warehouse must exist */
  PQDB_READ = 2    /* read only; another process may be writing */
} pqdb_mode;

typedef enum pqdb_durability {
  PQDB_FULL = 0,   /* acknowledged means synced */
  PQDB_NORMAL = 1, /* survives a crash of the process */
  PQDB_OFF = 2
} pqdb_durability;

typedef enum pqdb_json {
  PQDB_RELAXED = 0,  /* numbers are plain: 5, 2.5; a long that is small reads back as an int */
  PQDB_CANONICAL = 1 /* numbers and dates with their types: {"$numberInt": "5"}; nothing is lost */
} pqdb_json;

typedef enum pqdb_maintenance {
  PQDB_MAINTAIN_AFTER_WRITES = 0, /* pqdb_run does a step of what is due when a write is done, and
                                     more after thousands of changes */
  PQDB_MAINTAIN_NEVER = 1         /* only pqdb_maintain and the commands do; and a flush when the
                                     changes take a quarter of the memory */
} pqdb_maintenance;

/* Zeroed means the defaults. `size` is sizeof of this struct, so that it can grow. */
typedef struct pqdb_options {
  size_t size;
  pqdb_mode mode;
  pqdb_durability durability;
  const char *ns;    /* namespace of commands that name none; NULL: "default" */
  const char *actor; /* who changes things; NULL: "system/anonymous" */
  pqdb_json json;    /* the form of replies; commands may have either, mixed too */
  uint64_t memory;   /* bytes that the handle may use, 32 MB at least; 0: 256 MB. What needs
                        more is PQDB_LIMIT_EXCEEDED */
  pqdb_maintenance maintain;
  /* When a flush is due, by the unflushed changes: their memory, 0: 8 MB, or a sixteenth of
     `memory` if that is less; their number, 0: 10,000; the age of the oldest, 0: 600. */
  uint64_t flush_bytes, flush_events;
  uint32_t flush_seconds;
  uint32_t compact_files; /* of a collection, of like size, when they become one; 0: 8 */
  uint64_t vacuum_bytes; /* of files that nothing needs any more, when they are deleted, and history
                            beyond the retention with them; 0: 16 MB, UINT64_MAX: only by the
                            command `vacuum` */
  uint64_t file_bytes;   /* of a file that compaction writes, about; 0: 256 MB, at most 1 GB */
  uint32_t bulk; /* new documents in one command, from which on they are written as Parquet files
                    at once; 0: what was measured for the store: 5,000 on a disk, 5 where each write
                    is a request */
  /* Changes between two instants whose files are kept ("autoSnapshotThreshold"): the fewer, the
     faster is the past and the more there is to keep. A flush is due as early. 0: 10,000, or a
     quarter of what is live. */
  uint64_t snapshot_events;
  /* Entities and edges of the past that are kept in memory between reads ("maxCachedEntities"). 0:
     any number, in a part of `memory`. */
  uint64_t cached_entities;
  /* How alike a text and the name of an entity are, 0 to 1, for links that look for their target
     (`match`): both are UTF-8, without a NUL at the end. Called in whatever thread runs the
     command, with the same answer for the same texts; anything but 0 to 1 counts as 0. NULL:
     Jaro-Winkler on folded text. */
  double (*similarity)(void *context, const char *text, size_t text_len, const char *name,
                       size_t name_len);
  void *similarity_context;
} pqdb_options;

/* The version of the library that runs, as PQDB_VERSION is that of the header. */
PQDB_API const char *pqdb_version(void);

/* Open the warehouse in directory `dir`. One process at a time may have it open for writing
 * (PQDB_BUSY names the other). On failure *out is a handle that only pqdb_message() and
 * pqdb_close() accept, or NULL when out of memory. */
PQDB_API int pqdb_open(const char *dir, const pqdb_options *options, pqdb **out);

/* A warehouse in memory, gone with the handle. */
PQDB_API int pqdb_open_memory(const pqdb_options *options, pqdb **out);

/* Close it. What was acknowledged stays; nothing is flushed here. NULL is allowed. All replies
 * must be closed before. */
PQDB_API void pqdb_close(pqdb *db);

/* What the hot tier, the small store of recent changes, has done since the handle was opened. Where
 * it is a service, its rows are what costs money. Zeroed but for `size`: the size of this struct.
 */
typedef struct pqdb_hot_stats {
  size_t size;
  uint64_t calls;     /* transactions: one for each append or flush, two for opening a namespace */
  uint64_t rows_read; /* none by writes or by reads that follow them */
  uint64_t rows_written; /* inserted, changed, removed */
} pqdb_hot_stats;
/* PQDB_NOT_SUPPORTED for a warehouse in memory. */
PQDB_API int pqdb_get_hot_stats(pqdb *db, pqdb_hot_stats *out);

/* The last failure on this handle, in English: what, where, what to do. "" if none. */
PQDB_API const char *pqdb_message(const pqdb *db);

/* "VERSION_CONFLICT" for PQDB_VERSION_CONFLICT, and so on. */
PQDB_API const char *pqdb_status_name(int status);

/* Run one command document. `ns` NULL: the handle's namespace. `payload` (NULL: none) is newline-
 * delimited JSON for commands that take many documents (insert, link). On PQDB_OK *out must be
 * closed; on failure it is NULL. Writes are done and durable when this returns. */
PQDB_API int pqdb_run(pqdb *db, const char *ns, const char *command, size_t command_len,
                      const char *payload, size_t payload_len, pqdb_replies **out);

/* ---- many commands at a time, in one thread ---- */

/* Begin a command, as pqdb_run, without waiting for it; it goes on when its handle is polled.
 * `payload` is borrowed until the replies are closed. Commands side by side see what was stored
 * before them; writes that are ready at the same time share one sync, and those that are about the
 * same entities come one after the other. */
PQDB_API int pqdb_submit(pqdb *db, const char *ns, const char *command, size_t command_len,
                         const char *payload, size_t payload_len, pqdb_replies **out);
/* Go on with all commands that run: one step of each, then their requests. The number of those that
 * still run; never fails, as failures are those of the commands. */
PQDB_API int pqdb_poll(pqdb *db);
/* 1: pqdb_next gives something without waiting. 0: not yet. */
PQDB_API int pqdb_is_ready(const pqdb_replies *r);

/* How far a long command is, for who shows that while it is polled: verify, in bytes. *total 0: not
 * known. */
PQDB_API void pqdb_progress(const pqdb_replies *r, uint64_t *done, uint64_t *total);

/* The next reply: PQDB_ROW with an item, PQDB_DONE with the summary (again and again), or a
 * failure. The text is NUL-terminated and valid until the next call on `r`; `len` may be NULL. */
PQDB_API int pqdb_next(pqdb_replies *r, const char **json, size_t *len);

/* Free the replies, read or not. NULL is allowed. Until then they may hold a view of the files,
 * even when all is read, and a command that has to look at the log anew waits for them: close them
 * soon. */
PQDB_API void pqdb_replies_close(pqdb_replies *r);

/* ---- transactions: several commands, stored together or not at all ---- */

/* Begin one in namespace `ns` (NULL: the handle's). All commands that follow on this handle are
 * part of it until pqdb_commit or pqdb_abort: they see one instant and what they did themselves;
 * nobody else sees that. Those that know no option `txn` (history, stats, flush …) stand outside.
 * Several at a time: the commands begin, commit and abort, and the option. Closing the handle
 * aborts. */
PQDB_API int pqdb_begin(pqdb *db, const char *ns);
/* Store it. PQDB_VERSION_CONFLICT when others have changed what it rests on: begin again. It has
 * ended whatever this returns, but for PQDB_BUSY: some of its commands have not ended. `events`
 * (NULL allowed): how many changes it was. */
PQDB_API int pqdb_commit(pqdb *db, uint64_t *events);
/* Forget it. */
PQDB_API int pqdb_abort(pqdb *db);
/* 1: the handle has a transaction. It may have ended by its age; the next command says so. */
PQDB_API int pqdb_in_transaction(const pqdb *db);

/* ---- the everyday calls. `options` is a JSON object of further options of the command, or NULL;
 * they go to the handle's namespace. Those without `out` drop the replies. ---- */

/* Create one entity; its "$id" is taken from the document or made. */
PQDB_API int pqdb_create(pqdb *db, const char *collection, const char *document);
/* Create many, as NDJSON: one command, one sync. */
PQDB_API int pqdb_create_many(pqdb *db, const char *collection, const char *ndjson, size_t len);
/* Get by "collection/id": one item or none. */
PQDB_API int pqdb_get(pqdb *db, const char *id, const char *options, pqdb_replies **out);
/* The entities that match a filter; NULL: all. `options`: {"sort": …, "limit": …, "asOf": …}. */
PQDB_API int pqdb_find(pqdb *db, const char *collection, const char *filter, const char *options,
                       pqdb_replies **out);
/* How many match. */
PQDB_API int pqdb_count(pqdb *db, const char *collection, const char *filter, uint64_t *count);
/* Apply update operators. PQDB_ENTITY_NOT_FOUND when there is no such live entity. */
PQDB_API int pqdb_update(pqdb *db, const char *id, const char *operators, const char *options);
/* Soft delete. PQDB_ENTITY_NOT_FOUND when there is no such live entity. */
PQDB_API int pqdb_delete(pqdb *db, const char *id, const char *options);
/* Make or change an edge; options are its own members "reverse" (name) and "data" (object). */
PQDB_API int pqdb_link(pqdb *db, const char *from, const char *predicate, const char *to,
                       const char *options);
/* Entities at the other end; options {"direction": "reverse"} follows edges backwards. */
PQDB_API int pqdb_related(pqdb *db, const char *id, const char *predicate, const char *options,
                          pqdb_replies **out);
/* The events of an entity or a collection, oldest first: who changed what, when and why. `options`:
 * {"from": …, "to": …, "limit": …, "actor": …}; "nextCursor" of the summary goes on. */
PQDB_API int pqdb_history(pqdb *db, const char *id, const char *options, pqdb_replies **out);
/* The entity as its event with that version left it: one item or none. */
PQDB_API int pqdb_get_at_version(pqdb *db, const char *id, uint64_t version, const char *options,
                                 pqdb_replies **out);
/* The entity as its newest event up to a moment left it, read from that event alone; `at` NULL:
 * now. One item or none. */
PQDB_API int pqdb_reconstruct(pqdb *db, const char *id, const char *at, const char *options,
                              pqdb_replies **out);
/* Let an event happen that the caller wrote: {"op": "UPDATE", "entityId": "posts/p1", "after": …}.
 * It is checked as the write is that makes such events. PQDB_ENTITY_NOT_FOUND when it changes an
 * entity that is not there. */
PQDB_API int pqdb_append_event(pqdb *db, const char *event, const char *options);
/* What differs between two moments, of an entity or of a collection. A moment is text such as
 * "2026-03-01", "now-2h", "seq:17" or the id of an event; `to` NULL: now. */
PQDB_API int pqdb_diff(pqdb *db, const char *target, const char *from, const char *to,
                       const char *options, pqdb_replies **out);
/* Make an entity or a whole collection what it was at a moment, by new events in one commit. */
PQDB_API int pqdb_revert(pqdb *db, const char *target, const char *to, const char *options);

/* Where a replay stands. */
typedef struct pqdb_replay_state {
  char cursor[32];            /* behind the last event that was replayed; "": before the first */
  uint64_t replayed, skipped; /* events so far */
  uint64_t seq, last_seq;     /* of the source: the last event of the page, and of all; 0: not known
                               */
  int has_source_failed; /* whose message tells of a failure: 1: the source's, else the other */
} pqdb_replay_state;

/* Replay the next page of the events of `from`, of a collection ("" or NULL: all), into another
 * handle, which may be of another namespace or warehouse: one commit, with the events' own ids and
 * times in the metadata. `options`: those of the command `events` that choose, or NULL. Both
 * handles should speak PQDB_CANONICAL, which keeps the types of numbers. PQDB_ROW: there is more,
 * call again. PQDB_DONE: that was all; a later call goes on with what came since. `state` begins
 * zeroed; its cursor moves only when the page is stored. */
PQDB_API int pqdb_replay(pqdb *from, const char *collection, const char *options, pqdb *into,
                         pqdb_replay_state *state);
/* Go on behind the last event that was ever replayed into a handle: sets the cursor. */
PQDB_API int pqdb_replay_resume(pqdb *into, pqdb_replay_state *state);
/* Write the unflushed tail to Parquet files. */
PQDB_API int pqdb_flush(pqdb *db);

/* Do work on files that is due: flushes and compactions, in all namespaces that were used.
 * `steps` is how many at most, 0: all; a step encodes about a megabyte. For times when there is
 * nothing else to do; no replies may be open. A work that fails is tried again later, and `stats`
 * tells it. */
PQDB_API int pqdb_maintain(pqdb *db, unsigned steps);

#ifdef __cplusplus
}
#endif

#endif
