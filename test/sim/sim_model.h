/* test/sim/sim_model.h - the naive database: an array of events, looked through from its end.
 *
 *     events[0] CREATE cats/k1   events[1] CREATE dogs/k2   events[2] k1 ─p→ k2   …
 *         seq 1                      seq 2                      seq 3
 *
 *     state at seq S: the newest event of the thing among the first S
 *
 * It shares nothing with the engine: documents are a few small fields, replies are expected as
 * text. A world is three collections of up to eight ids each, so that everything meets everything.
 */
#ifndef PQ_TEST_SIM_MODEL_H
#define PQ_TEST_SIM_MODEL_H

#include "sim_text.h"

enum {
  SIM_COLLECTIONS = 3,
  SIM_DOGS = 1,   /* the collection that may have a schema */
  SIM_LOCALS = 8, /* ids of a collection */
  SIM_ENTITIES = SIM_COLLECTIONS * SIM_LOCALS,
  SIM_PREDICATES = 2,
  SIM_FIELDS = 4, /* a and b hold numbers, s and t texts; d a date, where there is a catalog */
  SIM_ITEMS = 3,  /* documents or edges of a command */
  SIM_ACTORS = 3,
  SIM_NAMES = 6,
  SIM_INDEXES = 5, /* that a collection may have */
  SIM_TTL = 3,     /* the one by which documents are over */
  SIM_D_HOURS = 6  /* between two values of d */
};

/* 2026-01-01T00:00:00Z */
#define SIM_EPOCH_US 1767225600000000

typedef struct sim_field {
  char name;
  int32_t value; /* of a text: "v" and this number */
} sim_field;

typedef struct sim_document {
  uint32_t count;
  sim_field fields[SIM_FIELDS + 1]; /* in the order of the document */
} sim_document;

/* What is recorded of a collection: its validator (0: none) and indexes, in the order in which they
 * were made. */
typedef struct sim_record {
  bool is_there, ttl_is_altered;
  uint32_t validator, count, ttl_hours;
  uint32_t indexes[SIM_INDEXES];
} sim_record;

typedef struct sim_edge {
  uint32_t from, predicate, to; /* entities by number: collection * SIM_LOCALS + local */
} sim_edge;

typedef enum sim_event_op { SIM_CREATE = 1, SIM_CHANGE, SIM_REMOVE } sim_event_op;

/* What the engine adds to the metadata of an event. */
typedef enum sim_note_kind {
  SIM_PLAIN = 0,
  SIM_OF_REVERT,
  SIM_OF_REPLAY,
  SIM_OF_DROP,
  SIM_END_OF_DROP,
  SIM_OF_RENAME,
  SIM_END_OF_RENAME
} sim_note_kind;

typedef struct sim_event {
  sim_event_op op;
  bool is_edge, has_document; /* a hard delete and an edge without data have none */
  bool is_schema, is_unique;  /* a schema takes effect; field b of dogs may be there once */
  sim_record record;          /* of a schema */
  sim_note_kind note;
  uint32_t note_seq; /* reverted to; of the event that is replayed; collection of a rename */
  uint32_t entity;   /* of an entity; of a schema any of its collection */
  uint32_t type;     /* of an entity: the collection whose type it has */
  sim_edge edge;
  uint32_t actor, created_by;
  uint32_t version;
  int64_t ts, created_at;
  int64_t stored_us; /* when the hot tier took it, by the store's clock */
  sim_document document;
  uint32_t tag; /* of the command, in its metadata; 0: none */
  uint32_t txn; /* seq of the first event of its transaction; 0: of none */
} sim_event;

/* What a command does, as its maker chose it; the text of the command says the same. */
typedef enum sim_kind {
  SIM_INSERT = 0,
  SIM_UPDATE,
  SIM_REPLACE,
  SIM_DELETE,
  SIM_RESTORE,
  SIM_UPDATE_MANY,
  SIM_DELETE_MANY,
  SIM_LINK,
  SIM_UNLINK,
  SIM_REVERT,
  SIM_REPLAY,
  SIM_SCHEMA,
  SIM_MAKE, /* these are of the catalog */
  SIM_INDEX,
  SIM_UNINDEX,
  SIM_ALTER,
  SIM_DROP,
  SIM_RENAME,
  SIM_EXPIRE,
  SIM_WRITE_KINDS, /* those before change documents */
  SIM_GET = SIM_WRITE_KINDS,
  SIM_FIND,
  SIM_COUNT,
  SIM_RELATED,
  SIM_TRAVERSE,
  SIM_GRAPH, /* the question is in the session */
  SIM_HISTORY,
  SIM_EVENTS,
  SIM_DIFF,
  SIM_RECONSTRUCT,
  SIM_AT_VERSION,
  SIM_GROUP,
  SIM_PAGE,     /* the next page of a find */
  SIM_RECORD,   /* indexes */
  SIM_READ_END, /* those before read */
  SIM_FLUSH = SIM_READ_END,
  SIM_COMPACT,
  SIM_CHECKPOINT,
  SIM_MAINTAIN, /* some steps of what is due */
  SIM_VACUUM,
  SIM_RETENTION,
  SIM_BACKUP,
  SIM_BEGIN,
  SIM_COMMIT,
  SIM_ABORT,
  SIM_VERIFY,
  SIM_KINDS
} sim_kind;

/* What a hard delete does with the edges that lead to the entity. */
typedef enum sim_policy {
  SIM_POLICY_NONE = 0, /* not said: they are unlinked */
  SIM_POLICY_UNLINK,
  SIM_POLICY_RESTRICT,
  SIM_POLICY_CASCADE
} sim_policy;

typedef enum sim_compare {
  SIM_ALL = 0,
  SIM_EQUAL,
  SIM_AT_LEAST,
  SIM_BELOW,
  SIM_DIFFERS
} sim_comparison;

typedef struct sim_op {
  sim_kind kind;
  uint32_t tag; /* of a write: tells its events from those of others */
  bool in_txn;
  uint32_t collection, entity, actor;
  uint32_t count; /* items; steps of a path */
  uint32_t ids[SIM_ITEMS];
  sim_document documents[SIM_ITEMS]; /* documents, data of edges */
  sim_edge edges[SIM_ITEMS];
  bool has_data[SIM_ITEMS];
  sim_event_op ops[SIM_ITEMS]; /* of events that are replayed */
  bool is_edge[SIM_ITEMS];
  bool is_append; /* said as appendEvent */
  bool is_one;    /* revert, diff: an entity, not its collection; history: an edge */
  bool is_unique; /* a schema */
  char change;    /* '=' $set, '+' $inc, '-' $unset */
  sim_field field;
  bool is_upsert, is_hard, has_version;
  sim_policy policy;         /* of a hard delete */
  bool has_link, has_unlink; /* an update: $link of edges[0], $unlink of edges[1] */
  uint32_t version;
  sim_comparison compare; /* the filter: field `by` against `than` */
  char by;
  int32_t than;
  bool includes_deleted, is_edges, is_flushed;
  bool is_reverse[SIM_ITEMS];
  char sort; /* field, 0: none */
  bool is_descending;
  uint32_t skip, limit;
  char instant; /* 0: now, 's': as of seq, 't': as of a time */
  uint64_t as_of_seq;
  bool is_id;             /* 's': said as an event's id, of which as_of_ms is the time */
  int64_t as_of_ms;       /* 't', and of an id */
  uint32_t from;          /* events behind it; a diff's first moment; what is reverted to */
  sim_event_op event_op;  /* only such events, 0: all */
  char target;            /* 'e' entities, 'r' edges, 0: all */
  bool is_tail;           /* goes on where the session's last one ended */
  bool is_first;          /* of a page: the first one */
  bool is_snapshot;       /* of a page: all pages as of the first one's seq */
  uint32_t index;         /* SIM_INDEXES: all */
  uint32_t hours;         /* after which documents are over */
  uint32_t validator, to; /* to: the collection of a rename */
  int64_t now_us;         /* by which expire goes */
  uint32_t behind;        /* of a page: items before it; without a snapshot: the last entity + 1 */
} sim_op;

/* What a command must answer. */
typedef struct sim_answer {
  int rc;         /* PQ_OK or the failure */
  int rc_too;     /* another failure that may be found first; 0: none */
  sim_text items; /* a line each */
  bool is_unordered;
  bool tells_more, has_more; /* is there more than the items? */
  uint32_t number_count;
  const char *names[SIM_NAMES]; /* of the summary */
  int64_t numbers[SIM_NAMES];
} sim_answer;

typedef struct sim_model {
  sim_event *events; /* owned; events[i] has seq i + 1 */
  uint32_t count, cap;
} sim_model;

void sim_model_release(sim_model *m);
/* Make `m` the first `count` events of another. */
void sim_model_copy(sim_model *m, const sim_model *other, uint32_t count);
/* Time of the last event, 0: none. */
int64_t sim_model_ts(const sim_model *m);
/* Events at or before an instant. */
uint32_t sim_model_at(const sim_model *m, int64_t ts);

/* Is field b of dogs unique? Its schema's version, 0: none. */
bool sim_model_is_unique(const sim_model *m, uint32_t *version);

/* Do a write: adds its events, of time `ts`, says what it answers. */
void sim_model_write(sim_model *m, const sim_op *op, int64_t ts, sim_answer *out);
/* What a read answers as of the first `count` events; events up to `dropped` are not shown. */
void sim_model_read(const sim_model *m, const sim_op *op, uint32_t count, uint32_t dropped,
                    sim_answer *out);

void sim_answer_clear(sim_answer *a);
void sim_answer_release(sim_answer *a);

/* Names as text. */
const char *sim_collection_name(uint32_t collection);
const char *sim_actor_name(uint32_t actor);
const char *sim_predicate_name(uint32_t predicate);
const char *sim_type_name(uint32_t collection);
extern const char sim_field_names[]; /* "abst": a, b hold numbers, s, t texts */
/* The id of the event with a small seq, as replay takes it. */
void sim_put_source(sim_text *out, uint32_t seq);
/* {"$date":"2026-01-01T00:00:00Z"} */
void sim_put_date(sim_text *out, int64_t us);
/* "cats/k3" */
void sim_put_id(sim_text *out, uint32_t entity);
/* The line of an edge as commands reply it. */
void sim_put_edge(sim_text *out, const sim_event *e);
/* A value of field d as time. */
int64_t sim_d_us(int32_t value);
/* An index as createIndexes takes it and indexes shows it. */
void sim_put_index(sim_text *out, uint32_t index, const sim_record *r);
/* {"a":1,"s":"v2"}, and without the braces. */
void sim_put_document(sim_text *out, const sim_document *d);
void sim_put_fields(sim_text *out, const sim_document *d);

#endif
