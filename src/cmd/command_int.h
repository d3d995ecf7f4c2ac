/* cmd/command_int.h - what the files of cmd/ share: the command object and its arguments.
 *
 * The stages of all commands live in this folder; each gets the command by pq_command_of(op).
 * `s` is the part that the step loop compares around a suspended stage.
 */
#ifndef PQ_CMD_COMMAND_INT_H
#define PQ_CMD_COMMAND_INT_H

#include "cmd/command.h"
#include "cmd/cursor_token.h"
#include "cmd/explain_plan.h"
#include "db/copy_parts.h"
#include "db/works.h"
#include "expr/filter.h"
#include "expr/project.h"
#include "expr/update.h"
#include "query/aggregate.h"
#include "query/collect.h"
#include "query/shown.h"
#include "graph/graph.h"
#include "rel/edge.h"
#include "schema/schema.h"

/* Options, as bits of what a command allows (parse_command.c has their names and types). Macros,
 * because an enumerator has only 31 of them. */
#define PQ_OPTION(n) (UINT64_C(1) << (n))
#define PQ_OPT_FILTER PQ_OPTION(0)
#define PQ_OPT_SORT PQ_OPTION(1)
#define PQ_OPT_SKIP PQ_OPTION(2)
#define PQ_OPT_LIMIT PQ_OPTION(3)
#define PQ_OPT_PROJECT PQ_OPTION(4)
#define PQ_OPT_AS_OF PQ_OPTION(5)
#define PQ_OPT_FLUSHED PQ_OPTION(6)
#define PQ_OPT_EXPLAIN PQ_OPTION(7)
#define PQ_OPT_INCLUDE_DELETED PQ_OPTION(8)
#define PQ_OPT_ACTOR PQ_OPTION(9)
#define PQ_OPT_METADATA PQ_OPTION(10)
#define PQ_OPT_DOCUMENTS PQ_OPTION(11)
#define PQ_OPT_LINE PQ_OPTION(12)
#define PQ_OPT_OPS PQ_OPTION(13)
#define PQ_OPT_EXPECTED_VERSION PQ_OPTION(14)
#define PQ_OPT_HARD PQ_OPTION(15)
#define PQ_OPT_PREDICATE PQ_OPTION(16)
#define PQ_OPT_DIRECTION PQ_OPTION(17)
#define PQ_OPT_EDGES PQ_OPTION(18)
#define PQ_OPT_PATH PQ_OPTION(19)
#define PQ_OPT_OP PQ_OPTION(20)
#define PQ_OPT_KIND PQ_OPTION(21)
#define PQ_OPT_SQL PQ_OPTION(22)
#define PQ_OPT_ROOT PQ_OPTION(23)
#define PQ_OPT_PIPELINE PQ_OPTION(24)
#define PQ_OPT_FROM PQ_OPTION(25)
#define PQ_OPT_COLLATION PQ_OPTION(26)
#define PQ_OPT_LET PQ_OPTION(27)
#define PQ_OPT_HINT PQ_OPTION(28)
#define PQ_OPT_COMMENT PQ_OPTION(29)
#define PQ_OPT_UPDATE PQ_OPTION(30)
#define PQ_OPT_REPLACEMENT PQ_OPTION(31)
#define PQ_OPT_DOCUMENT PQ_OPTION(32)
#define PQ_OPT_UPSERT PQ_OPTION(33)
#define PQ_OPT_ARRAY_FILTERS PQ_OPTION(34)
#define PQ_OPT_RETURN_DOCUMENT PQ_OPTION(35)
#define PQ_OPT_OPERATIONS PQ_OPTION(36)
#define PQ_OPT_ORDERED PQ_OPTION(37)
#define PQ_OPT_ALLOW_DISK_USE PQ_OPTION(38)
#define PQ_OPT_MAX_TIME PQ_OPTION(39)
#define PQ_OPT_BATCH_SIZE PQ_OPTION(40)
#define PQ_OPT_VALIDATE PQ_OPTION(41)
#define PQ_OPT_SET PQ_OPTION(42)
#define PQ_OPT_MODE PQ_OPTION(43)
#define PQ_OPT_FORCE PQ_OPTION(44)
#define PQ_OPT_DIFF PQ_OPTION(45)
#define PQ_OPT_INFER PQ_OPTION(46)
#define PQ_OPT_TO PQ_OPTION(47)
#define PQ_OPT_VERSION PQ_OPTION(48)
#define PQ_OPT_ENTITY PQ_OPTION(49)
#define PQ_OPT_CURSOR PQ_OPTION(50)
#define PQ_OPT_SNAPSHOT PQ_OPTION(51)
#define PQ_OPT_TOTAL PQ_OPTION(52)
#define PQ_OPT_PLAIN PQ_OPTION(53)
#define PQ_OPT_POPULATE PQ_OPTION(54)
#define PQ_OPT_MAX_INBOUND PQ_OPTION(55)
#define PQ_OPT_KEY PQ_OPTION(56)
#define PQ_OPT_TARGET PQ_OPTION(57)
#define PQ_OPT_DRY_RUN PQ_OPTION(58)
#define PQ_OPT_MIN_AGE PQ_OPTION(59)
#define PQ_OPT_QUICK PQ_OPTION(63)
#define PQ_OPT_PRICE PQ_OPTION(60)
#define PQ_OPT_BUDGET PQ_OPTION(61)
#define PQ_OPT_TXN PQ_OPTION(62)
/* What all reads and all writes take, and what every filter may have beside it. */
#define PQ_OPT_READS \
  (PQ_OPT_AS_OF | PQ_OPT_FLUSHED | PQ_OPT_EXPLAIN | PQ_OPT_PRICE | PQ_OPT_BUDGET | PQ_OPT_TXN)
#define PQ_OPT_WRITES (PQ_OPT_ACTOR | PQ_OPT_METADATA | PQ_OPT_COMMENT | PQ_OPT_TXN)
#define PQ_OPT_LANGUAGE (PQ_OPT_COLLATION | PQ_OPT_LET | PQ_OPT_HINT | PQ_OPT_PLAIN)
/* What chooses entities to be read, and how they are shown. */
#define PQ_OPT_SELECT                                                                         \
  (PQ_OPT_FILTER | PQ_OPT_INCLUDE_DELETED | PQ_OPT_MAX_TIME | PQ_OPT_COMMENT | PQ_OPT_READS | \
   PQ_OPT_LANGUAGE)
#define PQ_OPT_SHOW (PQ_OPT_PROJECT | PQ_OPT_POPULATE | PQ_OPT_MAX_INBOUND)
/* What chooses events. */
#define PQ_OPT_EVENT_CHOICE                                                            \
  (PQ_OPT_FROM | PQ_OPT_TO | PQ_OPT_LIMIT | PQ_OPT_CURSOR | PQ_OPT_OP | PQ_OPT_ACTOR | \
   PQ_OPT_FILTER | PQ_OPT_COLLATION | PQ_OPT_LET | PQ_OPT_AS_OF | PQ_OPT_FLUSHED |     \
   PQ_OPT_MAX_TIME | PQ_OPT_COMMENT)
/* What chooses the one entity of a write; an update of it. */
#define PQ_OPT_CHOOSE_ONE (PQ_OPT_FILTER | PQ_OPT_SORT | PQ_OPT_EXPECTED_VERSION | PQ_OPT_LANGUAGE)
#define PQ_OPT_CHANGE_ONE (PQ_OPT_CHOOSE_ONE | PQ_OPT_UPDATE | PQ_OPT_ARRAY_FILTERS)

typedef struct pq_command_spec {
  const char *name;
  uint64_t options;
  bool is_write;
  bool takes_payload;
  /* Check and keep the target (the command's first value) and parsed options; set the first
   * stage after the namespace is loaded. */
  int (*open)(pq_command *c, pq_value target);
  const char *const *own; /* options of this command alone, ended by NULL: it reads and checks them
                             itself (pq_own_option). NULL: none */
} pq_command_spec;

/* The options as given; absent ones are zero or missing. Values live in the command's arena. */
typedef struct pq_args {
  uint64_t given;
  pq_value filter, sort, project, documents, ops, path, metadata, pipeline;
  pq_value collation, let, hint, comment, replacement, document, array_filters, operations;
  pq_value set, diff;
  uint64_t skip, limit, line, max_time_ms, batch_size, version;
  int64_t expected_version;
  pq_as_of as_of, from, to; /* from: exclusive, to: inclusive */
  bool is_flushed, is_explain, includes_deleted, is_hard, is_reverse, is_edges, is_sql;
  bool is_upsert, is_ordered, returns_before, allows_disk_use, is_force, is_infer;
  bool is_dry_run;
  pq_slice edges; /* of a delete: "unlink", "restrict" or "cascade" */
  pq_slice min_age;
  pq_slice actor, predicate, op, kind, root, validate, mode, entity, target;
  pq_value cursor, populate;
  uint64_t max_inbound;
  bool is_quick, is_snapshot, wants_total;
  bool is_plain, shows_key; /* "keyed": both, see query/shown.h */
  pq_slice key;
  pq_value explain, price, budget;
  uint64_t txn;
} pq_args;

/* Which events history and events show (event_choice.c). */
typedef struct pq_event_choice {
  pq_event_op op;   /* 0: any */
  pq_target target; /* 0: any */
  uint64_t limit;   /* 0: all */
  pq_as_of after;   /* the cursor */
  uint64_t seq_lo, seq_hi;
  int64_t ts_after, ts_hi; /* ts_after < ts <= ts_hi */
  uint64_t last_seq;       /* of the last item */
  int64_t last_ts;
} pq_event_choice;

/* The pin of a command that copies (backup_command.c). */
typedef struct pq_command_pin {
  char reader[PQ_TOKEN_LEN + 1];
  bool is_held;
  uint64_t entry;
  int64_t since_us;
  uint32_t count; /* of pins before it */
} pq_command_pin;

/* One step of a traverse. */
typedef struct pq_hop {
  pq_slice predicate;
  bool is_reverse;
  uint64_t reached; /* distinct live entities after it */
} pq_hop;

/* An edge to make or to remove. */
typedef struct pq_edge_arg {
  pq_slice from, predicate, to; /* `to` empty: remove all of the predicate */
  pq_slice reverse;             /* empty: as the schema says, or the predicate and "_of" */
  pq_value data;
  const struct pq_edge_rule *rule; /* of the schemas (cmd/edge_rules.h); NULL: none counts */
  pq_slice match; /* p not NULL: its target is the entity whose name is most like this */
  pq_slice in;    /* of this collection; empty: of the field's type */
  double threshold;
  bool has_threshold;
  uint32_t index;     /* of the write that it belongs to */
  uint64_t line;      /* of the payload; 0: from elsewhere */
  bool is_of_text;    /* `match` is a field of the document of `from` */
  bool is_fuzzy_only; /* remove fuzzy ones alone */
  bool is_found;      /* that was done: an edge that is there and not fuzzy stays as it is */
  bool is_unlink;
  bool is_of_update;   /* $link: `from` is there, and an edge that exists stays as it is */
  bool is_only_change; /* the document of `from` was not changed */
  bool is_unchecked;   /* its ends are not looked at: an edge that was there once */
  pq_slice actor;      /* not empty: who, and with what metadata, instead of the command's */
  pq_value metadata;
} pq_edge_arg;

/* A text that no name was like enough. */
typedef struct pq_unmatched {
  pq_edge_arg edge;
  pq_slice best; /* empty: there was no entity */
  double confidence;
} pq_unmatched;

/* How an edge came about. */
typedef struct pq_edge_label {
  pq_slice mode; /* "exact" or "fuzzy" */
  double confidence;
  bool has_confidence;
} pq_edge_label;

/* ---- writes; the picture is in write_turn.c ---- */
typedef enum pq_write_kind {
  PQ_WRITE_INSERT,
  PQ_WRITE_UPDATE,
  PQ_WRITE_DELETE,
  PQ_WRITE_RESTORE
} pq_write_kind;

/* What an update, a delete or a restore does, and to which entities. */
typedef struct pq_change {
  pq_filter *filter;
  pq_update *update;
  pq_sort sort;
  bool is_many, is_upsert, is_hard, includes_deleted, has_version;
  bool is_plain, shows_key; /* pq_args */
  pq_on_delete edges;       /* of a hard delete: what becomes of edges that lead there */
  uint32_t take_max;        /* of many: so many of them in one turn; 0: all */
  bool is_id_derived; /* the write's id comes from an equality on "_id": others may have that too */
  int64_t expected_version;
} pq_change;

/* One operation of a bulk write, or one document of an insert, or the whole of another command. */
typedef struct pq_write {
  pq_write_kind kind;
  uint32_t index;          /* of the operation or document; for ids and errors */
  pq_slice id;             /* the one entity that it is about; empty: the filter chooses */
  pq_slice type;           /* of a new entity */
  pq_value data;           /* the document of a new entity */
  const pq_change *change; /* NULL: INSERT */
  uint64_t line;           /* INSERT from a payload: its line; 0: from elsewhere */
  bool is_id_made;         /* INSERT: the document does not say its id */
} pq_write;

/* What is told about one operation: an id, or an error. */
typedef struct pq_write_note {
  uint32_t index;
  int code;      /* of an error */
  pq_slice text; /* id or message */
} pq_write_note;

typedef struct pq_write_notes {
  pq_write_note *items; /* in the command's arena */
  uint32_t count, cap;
} pq_write_notes;

typedef struct pq_outcome {
  uint64_t inserted, matched, modified, upserted, deleted, restored;
  uint64_t cascaded; /* deleted with a target of theirs */
  pq_write_notes inserted_ids, upserted_ids, errors;
  uint32_t warnings; /* of a schema; the first of them are kept in the typing */
} pq_outcome;

typedef struct pq_command_state {
  const pq_command_spec *spec;
  pq_space *space;
  pq_stage_fn start; /* after the namespace is loaded */
  pq_args args;
  pq_slice collection, id; /* target */
  pq_snapshot snapshot;
  pq_work_kind driven; /* whose requests the driver runs; PQ_WORK_NONE: the command's own */
  pq_stage_fn after_work, after_flush;
  pq_work_result flushed; /* of all flushes of a command */
  pq_buf text;            /* owned: of a checkpoint */
  pq_commit commit;
  bool needs_slot;   /* the write slot, as soon as it is loaded */
  bool is_committed; /* the write is durable; what follows may fail without harm */
  pq_filter *filter;
  pq_projection *projection;
  pq_value hint;       /* of an index, to be found when the namespace is loaded; missing: none */
  pq_env *env;         /* NULL: no variables, the simple collation */
  pq_value *variables; /* values of env's */
  uint64_t random;     /* seed of $rand */
  pq_eval *eval;       /* of a reading command's filter */
  pq_explain_args explain;
  pq_forecast forecast;
  int64_t started_us;
  pq_pipeline *pipeline;
  struct pq_pipeline_run *run;    /* owned; cmd/pipeline_run.h */
  struct pq_derived_run *derived; /* of a view; cmd/derived.h. NULL: it is none */
  pq_collector collector;
  pq_scan scan;
  uint64_t count; /* count; rows given out */
  bool has_more;
  /* find: pages */
  pq_cursor_token cursor;       /* where the page begins */
  pq_filter *page_filter;       /* the filter, and behind the cursor */
  pq_slice next_cursor;         /* empty: none */
  uint64_t total;               /* with the option `total` */
  pq_scan_stats page_stats;     /* of the scan before that one */
  const char *explained;        /* how a get was done */
  struct pq_populate *populate; /* NULL: nothing to embed */
  struct pq_distinct *distinct; /* owned */
  struct pq_stats_run *stats;   /* owned */
  struct pq_match_run *match;   /* owned */
  struct pq_whole_run *whole;   /* owned; cmd/whole_run.h */
  struct pq_related *related;   /* cmd/related_command.c; what it owns is freed with the state */
  /* traverse */
  pq_slice *nodes;           /* sorted, distinct */
  uint32_t node_count, node; /* `node`: the next one to read */
  pq_hop *hops;
  uint32_t hop_count, hop;
  pq_graph *graph;             /* held; NULL: none (pq_read_graph) */
  struct pq_graph_run *search; /* in `arena`; cmd/graph_search.h */
  /* writes: of this turn */
  pq_write *writes;
  uint32_t write_count, write_cap;
  uint32_t expected_writes; /* an insert's; 0: unknown */
  pq_event **found;         /* events of an updateMany or deleteMany */
  uint32_t found_count, found_cap;
  pq_slice *gone; /* ids of hard-deleted entities, whose edges go too */
  uint32_t gone_count, gone_cap;
  pq_on_delete gone_policy; /* what the command says of edges that lead there */
  struct pq_gone *going;    /* cmd/edge_gone.c */
  bool has_best;            /* chosen so far among those that match, by sort */
  pq_entity best;
  pq_location best_at;
  pq_value *best_keys;
  bool *best_empties;
  /* writes: of the command */
  int (*take)(pq_command *c); /* fill `writes` for the next turn; NULL: there is one turn */
  int (*seal)(pq_command *c); /* all entities of a turn are decided: what goes with them; or NULL */
  bool makes_object_ids;      /* an upsert without _id gets one */
  bool is_bulk;               /* errors are told by index; what was done stays done */
  bool is_ordered;            /* and the first one ends it */
  bool is_stopped;            /* it did */
  uint32_t next_operation, operation_count, group_max;
  pq_outcome outcome, outcome_before; /* before this turn */
  pq_stage_fn turn;                   /* insert: after the schema was asked */
  pq_stage_fn finish;
  bool wants_reply, is_reply_after, has_reply;
  pq_entity reply;                  /* before the change, in the operation's arena */
  pq_value reply_item;              /* to be given out */
  struct pq_typing *typing;         /* the collection's schema; cmd/typed_write.c */
  struct pq_unique *unique;         /* the running check; cmd/unique_check.c */
  struct pq_schema_run *schema_run; /* cmd/schema_command.c */
  struct pq_catalog_run *catalog;   /* cmd/catalog_command.c */
  struct pq_sweep *sweep;           /* cmd/drop_command.c */
  struct pq_rename *rename;         /* cmd/rename_command.c */
  struct pq_collect *collect;       /* cmd/vacuum_command.c */
  pq_slice type;                    /* of new entities that have none */
  uint8_t rnd[10];                  /* of the last new ULID */
  bool has_rnd;
  /* edges to make or to remove */
  pq_edge_arg *edges;
  uint32_t edge_count, edge_cap;
  uint64_t line; /* of the payload, which is taken as an edge */
  uint64_t changed, unchanged, unlinked;
  bool replaces; /* link: the edges given are all that there are to be of their predicates */
  pq_stage_fn after_edges, after_match;
  struct pq_match *matching; /* cmd/edge_match.c; NULL: nothing is looked for */
  pq_unmatched *unmatched;
  uint32_t unmatched_count;
  /* transactions */
  pq_txn *txn;          /* that the command is part of; NULL: none */
  pq_txn *ending;       /* that it commits or aborts */
  uint32_t again_count; /* how often the write was overtaken */
  /* links to other namespaces (cmd/refs.h) */
  pq_stage_fn after_refs;
  uint32_t refs_next;       /* event of the commit */
  bool is_behind;           /* a link is stored, but not its record */
  bool needs_refs;          /* it shows what is linked from other namespaces: */
  bool has_refs;            /* are there any such links? */
  struct pq_refs_run *refs; /* cmd/refs_command.c; what it owns is freed with the state */
  /* history, events */
  pq_event_choice choice;
  pq_edge_arg edge;               /* history of an edge */
  pq_snapshot then;               /* diff, revert: of the earlier moment */
  struct pq_changed *changed_ids; /* owned */
  struct pq_revert *revert;       /* in the operation's arena */
  struct pq_replay *replay;       /* in `arena` */
  uint64_t event_seq;             /* the next one to look at */
  /* collections */
  uint32_t collection_at, collections_listed;
  struct pq_verify *verify; /* owned; db/verify.h */
  pq_backup backup;
  pq_command_pin pin;
} pq_command_state;

struct pq_command {
  pq_op op; /* first: pq_command_of() */
  pq_db *db;
  pq_arena arena;   /* the parsed command */
  pq_arena replies; /* items and summary, cleared when all items were taken */
  pq_arena best;    /* s.best and its sort keys */
  pq_arena turn;    /* parsed operations of a turn: matching takes memory, which op.arena may not */
  /* Temporary objects are no part of the warehouse: rounds for them alone, and what was asked for
   * at the end of the last round. */
  uint64_t aside_rounds, asked, asked_aside;
  pq_file_cache *plan_files; /* owned: what a plan with a cold cache fills; NULL: none */
  pq_arena embedded;         /* populate: what one batch of items needs */
  pq_slice payload;
  pq_value document;       /* the command, in `arena` */
  bool is_counted;         /* in db->command_count */
  bool is_waiting;         /* the last step ended because another command must go on first */
  bool is_fresh;           /* it has not been stepped yet */
  bool is_starved;         /* it waits for memory: make_room.c */
  uint32_t starved, alone; /* how often it did, and tried though nobody had ended */
  uint32_t idle;           /* steps since anybody else moved */
  uint64_t seen_moves;
  struct pq_line_part *line_parts; /* in `arena`; what they own: pq_lines_free */
  uint32_t line_part_count;
  pq_value *items;
  uint32_t item_count, item_cap, item_next;
  bool has_given;       /* an item was taken */
  uint32_t starts;      /* how often it began anew after a file was missing */
  bool is_loading;      /* it is at it: what others forget or drop it reads now */
  uint32_t forgotten;   /* of the space, when this one had loaded it; */
  uint64_t history_seq; /* where its history began then */
  pq_value summary;     /* in op.arena */
  /* Another namespace (cmd/far.h) */
  pq_command *inner;   /* owned: a command there, for which this one waits; NULL: none */
  bool inner_asks;     /* its requests are to be run */
  unsigned reach;      /* set of PQ_REACH_ bits */
  uint64_t owner;      /* db->txn_owner, when it was opened */
  bool is_inner;       /* this is such a command, */
  struct pq_far *far;  /* which reads that; NULL: it is any. Borrowed, as is */
  pq_arena *far_arena; /* where what it finds is put */
  pq_command_state s;
};

static inline pq_command *pq_command_of(pq_op *op) {
  return (pq_command *)(void *)op;
}

/* ---- insert_lines.c: the lines of the payload ---- */

/* A line that is not blank. */
typedef struct pq_line {
  uint64_t number;
  pq_value document; /* as it is stored; any value */
  pq_value system;   /* an object of its fields that begin with '$'; missing: none */
  int rc;            /* of parsing it, */
  const char *message;
} pq_line;

typedef struct pq_line_place {
  uint32_t part, line;
} pq_line_place;

/* Parse all lines; the first one has number `first`. Lines that are wrong say so themselves. */
int pq_lines_parse(pq_command *c, uint64_t first) PQ_MUST_CHECK;
uint32_t pq_lines_count(const pq_command *c);
/* The next line, in order, or NULL. `at` begins zeroed. Where a command fails as a whole, lines
 * behind a wrong one may be left out. */
const pq_line *pq_lines_next(const pq_command *c, pq_line_place *at);
void pq_lines_free(pq_command *c);

/* ---- parse_command.c ---- */
extern const pq_command_spec pq_command_specs[];
/* The spec of a command that exists. */
const pq_command_spec *pq_command_spec_of(const char *name);
int pq_command_parse(pq_command *c, pq_value document) PQ_MUST_CHECK;
/* Options among `allowed` (PQ_OPT_…) into *args. */
int pq_parse_options(pq_command *c, uint64_t allowed, const pq_field *fields, uint32_t count,
                     pq_args *args) PQ_MUST_CHECK;
/* What the command says for one of its spec's own options; missing: nothing. In `arena`. */
pq_value pq_own_option(const pq_command *c, const char *name);
/* Checked names. */
int pq_check_collection(pq_cx *cx, pq_slice name) PQ_MUST_CHECK;
int pq_check_id(pq_cx *cx, pq_slice id) PQ_MUST_CHECK;
int pq_target_collection(pq_command *c, pq_value target) PQ_MUST_CHECK;
int pq_target_id(pq_command *c, pq_value target) PQ_MUST_CHECK;

/* ---- time_point.c ---- */
/* A moment: an instant, or the place behind an event. `is_place`: whole numbers are seqs, else
 * milliseconds. `name` is the option's. */
int pq_parse_time_point(pq_command *c, const char *name, bool is_place, pq_value v,
                        pq_as_of *out) PQ_MUST_CHECK;

/* ---- command.c: replies ---- */
/* Queue an item; it lives in c->replies. */
int pq_reply_item(pq_command *c, pq_value item) PQ_MUST_CHECK;
/* Queue a merged entity, projected if the command says so. */
int pq_reply_entity(pq_command *c, const pq_entity *e) PQ_MUST_CHECK;
/* The document as the option `plain` shows it, in `arena`. */
int pq_plain_document(pq_command *c, pq_arena *arena, const pq_entity *e,
                      pq_value *out) PQ_MUST_CHECK;
/* *entity, a merged one, becomes what the command's projection makes of it, in c->replies. `filter`
 * says what "$" stands for; NULL: nothing. */
int pq_reply_project(pq_command *c, const pq_filter *filter, pq_value *entity) PQ_MUST_CHECK;
/* Summary: begin, add fields with the builder, end (adds seq and finishes the command). */
int pq_summary_begin(pq_command *c) PQ_MUST_CHECK;
int pq_summary_count(pq_command *c, const char *name, uint64_t n) PQ_MUST_CHECK;
int pq_summary_end(pq_command *c, uint64_t seq) PQ_MUST_CHECK;
int pq_put_count(pq_builder *b, const char *name, uint64_t n) PQ_MUST_CHECK;
int pq_put_text(pq_builder *b, const char *name, pq_slice text) PQ_MUST_CHECK;

/* far.c: as pq_command_open, for a command of a command; `far` instead of text, or NULL. */
int pq_command_open_inner(pq_db *db, pq_slice ns, pq_slice json, struct pq_far *far,
                          pq_arena *arena, int64_t now_us, pq_command **out) PQ_MUST_CHECK;

/* What it did is not stored and rests on what has changed: begin it anew, from the load on. */
int pq_command_again(pq_command *c) PQ_MUST_CHECK;
/* make_room.c: `rc` is its failure. Out of memory while a compaction waits: that is dropped, and
 * the command, if it has given out and stored nothing, done again, once. While other commands run
 * it gives back its memory and waits for one of them to end: PQ_OK. Else `rc`. */
int pq_command_make_room(pq_command *c, int rc, int64_t now_us) PQ_MUST_CHECK;
/* make_room.c: something long is before it, for which it has to wait (pq_must_queue). It keeps no
 * snapshot meanwhile, but begins anew: PQ_OK; if it cannot, PQ_NEED_IO. */
int pq_command_queue(pq_command *c) PQ_MUST_CHECK;
/* Before a step: how long the windows of scans may be, and none where memory is short. */
void pq_windows_fit(pq_db *db, int64_t now_us);
/* Before a step: does it wait for memory until another command ends? */
bool pq_command_is_starved(pq_command *c);
/* It is over: one that waits for memory may try again. */
void pq_command_leave_room(pq_command *c);
/* Load the namespace; of commands side by side one does it. A stage call. */
int pq_command_load(pq_command *c) PQ_MUST_CHECK;

/* ---- explain.c ---- */
/* Replace the items by one that says how the scan went. */
int pq_explain_scan(pq_command *c, const pq_scan_stats *s) PQ_MUST_CHECK;
/* The same of a command without a scan. */
int pq_explain_other(pq_command *c, const char *plan) PQ_MUST_CHECK;
/* How a get that found its entity at `at` was done. */
const char *pq_explain_get(const pq_location *at);
/* Begin the item. */
int pq_explain_begin(pq_command *c, const char *plan) PQ_MUST_CHECK;
/* Behind the fields of that item: costs and time; it is the reply. */
int pq_explain_end(pq_command *c) PQ_MUST_CHECK;
#define PQ_GRAPH_PLAN "edges by page index of the sorted end, then entities by id"
#define PQ_WHOLE_PLAN "adjacency of the whole graph"
#define PQ_MATCH_PLAN "patterns over the graph of the view, one operator after the other"

/* ---- explain_options.c ---- */
/* Parse `explain`, `price`, `budget` into c->s.explain. */
int pq_explain_options(pq_command *c) PQ_MUST_CHECK;
/* Is the command planned before it runs? */
bool pq_plan_is_wanted(const pq_command *c);
double pq_price_of(const pq_price *p, const pq_cost *cost);

/* ---- explain_plan.c ---- */
/* The stage after the load of a command that is planned. */
int pq_stage_plan(pq_op *op);
void pq_plan_free(pq_command *c);
/* What the command itself asked for so far, without planning and temporary objects. */
pq_cost pq_explain_actual(const pq_command *c);
pq_cost pq_explain_predicted(const pq_forecast *f);
/* PQ_ELIMIT when the requests so far are more than the budget. */
int pq_budget_check(pq_command *c) PQ_MUST_CHECK;

/* ---- explain_steps.c ---- */
typedef enum pq_plan_kind_of {
  PQ_PLAN_NONE,
  PQ_PLAN_SCAN,
  PQ_PLAN_POINT,
  PQ_PLAN_PIPELINE,
  PQ_PLAN_GRAPH
} pq_plan_kind_of;
pq_plan_kind_of pq_plan_kind(const pq_command *c);
/* Append the steps that follow those which are planned, perhaps none; *has_more is false at the
 * end. */
int pq_plan_more_steps(pq_command *c, bool *has_more) PQ_MUST_CHECK;
/* Append a step, zeroed but for `kind`; a scan of which `enough` rows are enough (0: all); entities
 * that edges tell, `ids` of them at most in `turns`; documents of edges that the graph tells; ends
 * that nobody knows to be entities, looked up file by file as the graph is loaded. */
int pq_plan_add(pq_command *c, pq_step_kind kind, pq_plan_step **out) PQ_MUST_CHECK;
int pq_plan_add_scan(pq_command *c, const pq_scan *scan, uint64_t enough,
                     pq_plan_step **out) PQ_MUST_CHECK;
int pq_plan_add_ids(pq_command *c, uint64_t ids, uint64_t turns, unsigned want) PQ_MUST_CHECK;
int pq_plan_add_judged(pq_command *c, uint64_t turns) PQ_MUST_CHECK;
int pq_plan_add_doubts(pq_command *c) PQ_MUST_CHECK;
/* Edges of the tail. */
uint64_t pq_tail_edges(const pq_command *c);
/* Entities of a collection in the tail, and the bytes of their documents. */
uint64_t pq_tail_rows(const pq_command *c, pq_slice collection);
uint64_t pq_tail_len(const pq_command *c, pq_slice collection);
/* Ends of edges that the tail deletes, or that nobody checked, at most. */
uint64_t pq_tail_dead(const pq_command *c);

/* ---- match_plan.c ---- */
int pq_match_plan_steps(pq_command *c, uint32_t phase, bool *has_more) PQ_MUST_CHECK;
/* Plan a match that does not run; its operators as a field. */
int pq_match_plan_guess(pq_command *c) PQ_MUST_CHECK;
int pq_match_plan_shown(pq_command *c) PQ_MUST_CHECK;

/* ---- explain_reply.c ---- */
/* The fields of the forecast, if there is one. */
int pq_explain_forecast(pq_command *c, bool has_run) PQ_MUST_CHECK;
/* The reply to "plan". */
int pq_explain_reply_plan(pq_command *c, bool is_within) PQ_MUST_CHECK;

/* ---- read_options.c: what the commands that read have in common ---- */
/* Parse the collection, hint, let, collation, filter, projection, populate. */
int pq_read_open(pq_command *c, pq_value target) PQ_MUST_CHECK;
/* The same without the collection. */
int pq_read_language(pq_command *c) PQ_MUST_CHECK;
int pq_read_snapshot(pq_command *c) PQ_MUST_CHECK;
/* The graph of the snapshot, c->s.graph, which the command holds until it is closed and walks in
 * these directions. A stage call, alone in its stage or with what asks for nothing. PQ_ELIMIT:
 * memory has no room for it. */
int pq_read_graph(pq_command *c, pq_direction directions) PQ_MUST_CHECK;
/* The same for reading single entities: of an instant no more than their own events are read.
 * What embeds others opens the whole instant. */
int pq_read_point_snapshot(pq_command *c) PQ_MUST_CHECK;
/* The same for reading the events of single entities. In a later stage pq_read_rows_of gives a view
 * that rows are read from: the stage's own, as the snapshot may not change before all is there. */
int pq_read_events_snapshot(pq_command *c) PQ_MUST_CHECK;
int pq_read_rows_of(pq_command *c, pq_view *v) PQ_MUST_CHECK;
/* A scan for `filter` as the options say. */
void pq_read_scan(pq_command *c, const pq_filter *filter);
/* Where its scans hold their windows; NULL: they hold none. */
pq_scan_windows *pq_read_windows(pq_command *c);
/* PQ_ETIMEOUT once maxTimeMs has passed; called at the beginning of a stage. */
int pq_read_in_time(pq_command *c) PQ_MUST_CHECK;
/* What a stage returns that is to run again: the caller brings the time if there is a limit. */
int pq_read_again(const pq_command *c) PQ_MUST_CHECK;
/* What a stage returns whose command has read everything; `end` makes the summary. For `explain`
 * the caller brings the time once more. */
int pq_read_end(pq_command *c, pq_stage_fn end) PQ_MUST_CHECK;
/* Forget the items that are queued: `explain` only counts them. */
void pq_read_drop(pq_command *c);
/* A pq_scan_sink that adds to a uint64_t. */
int pq_count_sink(void *ud, const pq_entity *entity, uint64_t count);

/* ---- populate_parse.c, populate.c, populate_embed.c: entities at the ends of edges, embedded ----
 */
/* Parse the option into c->s.populate. */
int pq_populate_open(pq_command *c) PQ_MUST_CHECK;
/* Fetch in stages what c->s.collector.items need, then go on with `after`. */
int pq_populate_begin(pq_command *c, pq_stage_fn after) PQ_MUST_CHECK;
/* *entity, that of `id`, with what it refers to, in c->replies. */
int pq_populate_embed(pq_command *c, pq_slice id, pq_value *entity) PQ_MUST_CHECK;

/* ---- result_page.c: the pages of find and related; they are in c->s.collector ---- */
/* An empty collector, whose results live in `arena`. */
void pq_results_init(pq_command *c, pq_arena *arena);
/* The option `cursor`, when the collector's sort is set. `seed`: what else a token belongs to. */
int pq_results_open(pq_command *c, uint64_t seed) PQ_MUST_CHECK;
/* Results become items; they are counted and forgotten. */
int pq_results_give(pq_command *c) PQ_MUST_CHECK;
/* The last part of it. */
void pq_results_given(pq_command *c);
/* The page is complete: the token for what comes behind it. */
int pq_results_next(pq_command *c) PQ_MUST_CHECK;
/* "n", "hasMore", "nextCursor", "total": the next fields of the summary. */
int pq_results_fields(pq_command *c) PQ_MUST_CHECK;

/* ---- graph_commands.c: c->s.nodes ---- */
/* The target is the only node. */
int pq_nodes_open(pq_command *c, pq_value target) PQ_MUST_CHECK;
/* The distinct far ends of edges, sorted, in the operation's arena. */
int pq_nodes_set(pq_command *c, const pq_edge *edges, uint32_t count,
                 bool is_reverse) PQ_MUST_CHECK;
/* The entities of nodes [from, from + count), in scratch; those not live have id.p == NULL. */
int pq_nodes_read(pq_command *c, uint32_t from, uint32_t count, unsigned want,
                  pq_entity **out) PQ_MUST_CHECK;
/* Of c->s.nodes those that are live stay. A stage call. */
int pq_nodes_keep_live(pq_command *c) PQ_MUST_CHECK;

/* ---- edge_value.c ---- */
/* {from, predicate, to, reverse, createdAt, createdBy, version, data?}, in `arena`. */
int pq_edge_value(pq_command *c, pq_arena *arena, const pq_edge *e, pq_value *out) PQ_MUST_CHECK;
/* Does that value match? NULL: every one does. */
int pq_edge_match(pq_command *c, const pq_filter *filter, const pq_edge *e,
                  bool *is_match) PQ_MUST_CHECK;
/* Copy what an edge borrows. */
int pq_edge_keep(pq_arena *arena, pq_edge *e) PQ_MUST_CHECK;

/* ---- related_command.c ---- */
void pq_related_free(pq_command *c);
/* How it asks for the edges of one direction first; *is_there: if it does. */
int pq_related_query(pq_command *c, bool is_reverse, pq_edge_query *out,
                     bool *is_there) PQ_MUST_CHECK;

/* ---- refs_command.c ---- */
void pq_refs_free(pq_command *c);

/* ---- count_commands.c ---- */
/* A count that opens all files at once, as their footers may be enough. */
bool pq_count_is_of_all(const pq_command *c);
/* How exists asks for its edge, c->s.edge. */
void pq_exists_query(const pq_command *c, pq_edge_query *out);

/* ---- distinct_command.c ---- */
void pq_distinct_free(pq_command *c);

/* ---- whole_graph.c ---- */
void pq_whole_free(pq_command *c);

/* ---- match_command.c ---- */
void pq_match_run_free(pq_command *c);

/* ---- stats_command.c ---- */
void pq_stats_free(pq_command *c);
/* "int64" … */
const char *pq_index_type_name(pq_index_type type);
/* stats of a collection. */
int pq_open_path_stats(pq_command *c, pq_value target);

/* ---- aggregate_command.c ---- */
/* Free c->s.run, if there is one. */
void pq_pipeline_run_free(pq_command *c);
/* Stop, and delete its temporary objects: PQ_NEED_IO. Fails where the store does. */
int pq_pipeline_run_abandon(pq_command *c) PQ_MUST_CHECK;

/* ---- payload_lines.c ---- */
/* What takes one value; the arena is for its own use. */
typedef int (*pq_line_taker)(pq_command *c, pq_arena *scratch, pq_value v);
/* Call it for each line of the payload that is not blank; messages name the line. */
int pq_payload_lines(pq_command *c, pq_line_taker take) PQ_MUST_CHECK;

/* ---- link_commands.c ---- */
/* Check the id of an edge's end, which may be foreign; one that names the command's own namespace
 * becomes COLLECTION/LOCAL-ID. */
int pq_check_end(pq_command *c, pq_slice *id) PQ_MUST_CHECK;
/* The edge that an object {from, predicate, to} names, checked. */
int pq_edge_of(pq_command *c, pq_value v, pq_edge_arg *out) PQ_MUST_CHECK;

/* ---- event_choice.c: which events history and events show ---- */
/* Parse the options into c->s.choice and c->s.filter. */
int pq_event_choice_open(pq_command *c) PQ_MUST_CHECK;
/* Ids in them must be of events that are here. A stage call. */
int pq_event_choice_check(pq_command *c) PQ_MUST_CHECK;
/* Their range, now that the snapshot is open. */
void pq_event_choice_range(pq_command *c);
/* Do range and options, but for the filter, choose the event? */
bool pq_event_is_chosen(const pq_command *c, const pq_event *e);
/* One event, in order of seq: it becomes an item if it is chosen, with what it is about when
 * `has_target`. PQ_YIELD: the page is full, and this event is behind it. */
int pq_event_take(pq_command *c, const pq_event *e, bool has_target) PQ_MUST_CHECK;
/* The summary. */
int pq_event_finish(pq_command *c) PQ_MUST_CHECK;

/* ---- history_floor.c: history that was dropped ---- */
/* Do the options of history and events ask for events before the floor? PQ_EHISTORY. The range
 * begins at the floor else. In the stage that opens the snapshot. */
int pq_history_floor(pq_command *c) PQ_MUST_CHECK;
/* Was event `seq` dropped? */
bool pq_history_lacks(const pq_command *c, uint64_t seq);
/* `historyFrom` and `historyFromSeq` into the summary, if some was dropped. */
int pq_history_put(pq_command *c) PQ_MUST_CHECK;
/* Where some was dropped: the entity c->s.id as the snapshot has it, whose newest event may be
 * gone. A stage call. */
int pq_history_row(pq_command *c, pq_entity *e, bool *is_there) PQ_MUST_CHECK;
/* Fail with PQ_EHISTORY: "history before T was dropped, and <what>". */
int pq_history_dropped(pq_command *c, const char *what) PQ_MUST_CHECK;

/* ---- changed_ids.c ---- */
/* Find in stages the ids of c->s.collection with events between c->s.then and c->s.snapshot, those
 * of its entities' edges too when `has_edges`; then go on with `after`: they are c->s.nodes,
 * sorted. PQ_ELIMIT. */
int pq_changed_begin(pq_command *c, bool has_edges, pq_stage_fn after) PQ_MUST_CHECK;
void pq_changed_free(pq_command *c);

/* ---- diff_command.c ---- */
/* An id, or the name of a collection: c->s.id is empty then. */
int pq_target_either(pq_command *c, pq_value target) PQ_MUST_CHECK;

/* ---- events_command.c ---- */
/* The first stage of a listing of c->s.collection, empty: of everything. */
int pq_stage_events(pq_op *op);

/* ---- command_env.c: `let` and `collation` ---- */
/* Parse them into c->s.env and c->s.variables, in `arena`. */
int pq_env_open(pq_command *c, const pq_args *args, pq_arena *arena) PQ_MUST_CHECK;
/* An evaluation with the command's variables and collation. */
void pq_env_eval(pq_command *c, pq_eval *out);
/* `hint`: "$id" or "$natural", as text or {"$natural": 1}, or the name or key of an index of the
 * collection, else PQ_EINDEX: which indexes there are is known when the namespace is loaded. */
int pq_parse_hint(pq_command *c, pq_value hint, bool *is_natural) PQ_MUST_CHECK;

/* Is there the index that the hint names? The namespace is loaded. */
int pq_check_hint(pq_command *c) PQ_MUST_CHECK;

/* ---- entity_id.c: ids and types of new entities, in `arena` ---- */
/* A new ULID; those of one command share the random part and count up. */
int pq_id_new(pq_command *c, pq_arena *arena, pq_slice *out) PQ_MUST_CHECK;
/* From `_id`. */
int pq_id_of_value(pq_command *c, pq_arena *arena, pq_value v, pq_slice *out) PQ_MUST_CHECK;
/* From `$id`: a local id, or "collection/localId" of the command's collection. */
int pq_id_of_text(pq_command *c, pq_arena *arena, pq_value v, pq_slice *out) PQ_MUST_CHECK;
/* {_id: a new ObjectId, …fields of the object *data}, in `arena`. */
int pq_object_id_put(pq_command *c, pq_arena *arena, pq_value *data) PQ_MUST_CHECK;
/* "posts" -> "Post". */
int pq_type_of_collection(pq_arena *arena, pq_slice collection, pq_slice *out) PQ_MUST_CHECK;
/* c->s.type: that of the command's collection. */
int pq_type_default(pq_command *c) PQ_MUST_CHECK;

/* ---- insert_command.c ---- */
/* A document becomes an INSERT; `doc` borrows from anywhere, but not from the stage's arena, which
 * is emptied. */
int pq_write_of_document(pq_command *c, pq_arena *arena, pq_value doc, pq_write *out) PQ_MUST_CHECK;
/* The same without system fields: names that begin with '$' are fields as others. */
int pq_write_of_plain(pq_command *c, pq_arena *arena, pq_value doc, pq_write *out) PQ_MUST_CHECK;

/* ---- typed_write.c: writes to a collection with a schema ---- */
/* Parse the schema into c->s.typing, again if it has changed. No fetches. */
int pq_typing_open(pq_command *c) PQ_MUST_CHECK;
/* The seq at which the schema was looked at last; UINT64_MAX: never. */
uint64_t pq_typing_seq(const pq_command *c);
/* Check a document: *doc becomes it with defaults filled in, its values as they are stored. */
int pq_typed_document(pq_command *c, const pq_write *w, pq_value *doc) PQ_MUST_CHECK;
/* The same for what a document becomes; the collection's validator may depend on `before`. */
int pq_typed_update(pq_command *c, const pq_write *w, pq_value before, pq_value *doc) PQ_MUST_CHECK;
/* Does the schema say which field is the id? */
bool pq_typing_has_id(const pq_command *c);
/* *id from the field that `$id` names, if it does. */
int pq_typed_id(pq_command *c, pq_arena *arena, pq_value doc, pq_slice *id) PQ_MUST_CHECK;
/* May its documents have texts for which targets are looked for? */
bool pq_typing_has_texts(const pq_command *c);
/* Edges of `id` for the texts of a document, where they are others than `before` (missing: new). */
int pq_typed_links(pq_command *c, const pq_write *w, pq_slice id, pq_value before,
                   pq_value after) PQ_MUST_CHECK;
/* Both, for an INSERT. */
int pq_typed_insert(pq_command *c, pq_write *w) PQ_MUST_CHECK;
/* The `$type` of new entities: the schema's, else c->s.type. */
pq_slice pq_typing_type(const pq_command *c);
/* One more, of what a schema says of an edge. */
int pq_typing_warn(pq_command *c, uint32_t index, pq_slice path, const char *text) PQ_MUST_CHECK;
/* "warnings", if there are any: the next fields of the summary. */
int pq_summary_warnings(pq_command *c) PQ_MUST_CHECK;
/* A validation mode, from the option of that name. */
int pq_parse_mode(pq_command *c, const char *option, pq_slice text,
                  pq_schema_mode *out) PQ_MUST_CHECK;
const char *pq_mode_name(pq_schema_mode mode);
/* A field with '##', which no list is on the way to. */
typedef struct pq_unique_field {
  const pq_schema_field *field;
  pq_path path;
} pq_unique_field;
int pq_unique_fields(pq_arena *arena, const pq_schema *schema, pq_unique_field **out,
                     uint32_t *count) PQ_MUST_CHECK;
/* What no two documents of the collection may have. */
const pq_unique_key *pq_typing_unique(const pq_command *c, uint32_t *count);
/* The same as a key; borrows from the field. */
void pq_unique_of_field(const pq_unique_field *field, pq_unique_key *out);

/* ---- schema_command.c ---- */
void pq_schema_run_free(pq_command *c);

/* ---- catalog_command.c ---- */
void pq_catalog_run_free(pq_command *c);

/* ---- unique_check.c ---- */
/* Check the events of the commit in stages, then go on with `after`. The snapshot is open. */
int pq_unique_begin(pq_command *c, pq_stage_fn after) PQ_MUST_CHECK;

/* ---- write_commands.c ---- */
/* Options of the operation `name` of a bulk write ("updateOne"); 0: there is none. */
uint64_t pq_write_options(pq_slice name);
/* Parse the operation or command `name` with its options into *out, in `arena`. */
int pq_write_parse(pq_command *c, pq_arena *arena, pq_slice name, const pq_args *args,
                   pq_write *out) PQ_MUST_CHECK;

/* ---- write_apply.c: what a write does to an entity, as events ---- */
enum { PQ_NO_MATCH = 3 }; /* nothing to do, but a scan may find another of that `_id` */
/* A write that names its entity: `e` is what is there (zeroed: nothing). */
int pq_write_keyed(pq_command *c, const pq_write *w, const pq_location *at,
                   const pq_entity *e) PQ_MUST_CHECK;
/* The event that follows an entity's state at `at`, without op and document; texts are copied to
 * the operation's memory. */
int pq_event_next(pq_command *c, const pq_location *at, const pq_entity *e,
                  pq_event *out) PQ_MUST_CHECK;
/* A write on an entity that matches. */
int pq_write_match(pq_command *c, const pq_write *w, const pq_location *at,
                   const pq_entity *e) PQ_MUST_CHECK;
/* Nothing matched: make the new entity's id, type and document. */
int pq_write_upsert(pq_command *c, pq_write *w) PQ_MUST_CHECK;

/* ---- write_turn.c: the stages of every write ---- */
/* Begin with c->s.writes, whose ids are sorted by pq_turn_ids; `finish` makes the summary. */
void pq_turn_begin(pq_command *c, pq_stage_fn finish);
/* Room for one more write; for `expected` in all at least. */
int pq_turn_grow(pq_command *c, pq_arena *arena, uint32_t expected) PQ_MUST_CHECK;
/* The result of a stage: in a bulk write an operation's failure is noted and the next one begins.
 */
int pq_turn_result(pq_command *c, int rc) PQ_MUST_CHECK;
int pq_note_add(pq_command *c, pq_write_notes *notes, pq_write_note note) PQ_MUST_CHECK;
/* An operation's failure, noted if it may be: PQ_OK. */
int pq_note_error(pq_command *c, uint32_t index, int rc) PQ_MUST_CHECK;
/* Begin a transaction's commit again, which has stored nothing: load, check, prepare. */
int pq_commit_again(pq_command *c) PQ_MUST_CHECK;
/* Append the prepared commit, flush if the tail has grown, then `finish`. */
int pq_write_commit(pq_command *c, pq_stage_fn finish) PQ_MUST_CHECK;
pq_slice pq_actor_of(const pq_command *c);

/* ---- bulk_command.c ---- */
/* Fill c->s.writes with the next operations that one commit can hold. */
int pq_bulk_take(pq_command *c) PQ_MUST_CHECK;
/* "errors": [{index, code, message}], the next field of the summary. */
int pq_summary_errors(pq_command *c) PQ_MUST_CHECK;

/* ---- edge_write.c: edges become events of the commit ---- */
int pq_check_predicate(pq_command *c, pq_slice name) PQ_MUST_CHECK;
/* "author" -> "author_of". */
int pq_reverse_default(pq_arena *arena, pq_slice predicate, pq_slice *out) PQ_MUST_CHECK;
/* Into c->s.edges. */
int pq_edges_add(pq_command *c, pq_arena *arena, const pq_edge_arg *e) PQ_MUST_CHECK;
/* By `from`, otherwise in the order they have. */
int pq_edges_sort(pq_command *c) PQ_MUST_CHECK;
/* Check and decide c->s.edges in stages, then go on with `after`. The snapshot is open. */
void pq_edges_write(pq_command *c, pq_stage_fn after);
/* The event that ends the edge, without seq. */
int pq_edge_unlink_event(pq_command *c, const pq_edge *e, pq_event *out) PQ_MUST_CHECK;

/* The fields of an edge as it is shown that say how it came about, and its data. */
int pq_put_edge_data(pq_builder *b, const pq_edge *e) PQ_MUST_CHECK;

/* ---- edge_match.c ---- */
/* Find targets in stages for those of c->s.edges that have none, then go on with `after`; edges
 * without one are left out, and in c->s.unmatched. The snapshot is open. */
int pq_edges_match(pq_command *c, pq_stage_fn after) PQ_MUST_CHECK;
/* Those of documents that an insert has left out go. */
int pq_edges_drop_left_out(pq_command *c) PQ_MUST_CHECK;
/* "unmatched": the next field of the summary. */
int pq_edges_put_unmatched(pq_command *c) PQ_MUST_CHECK;
/* The data of an edge with its label. */
int pq_edge_data(pq_command *c, pq_arena *arena, pq_arena *scratch, const pq_edge_label *label,
                 pq_value data, pq_value *out) PQ_MUST_CHECK;

/* The options `minConfidence` and `mode` of a command that has them, as part of a filter of edges
 * as they are shown (missing: none), in c->arena. */
int pq_edge_choice(pq_command *c, pq_value *filter) PQ_MUST_CHECK;

/* ---- edge_gone.c ---- */
/* All edges of the hard-deleted c->s.gone, and what goes with them, then commit and go on with
 * `after`. */
int pq_edges_unlink_gone(pq_command *c, pq_stage_fn after) PQ_MUST_CHECK;

/* ---- work_stats.c: what `stats` tells of work on files ---- */
/* Seconds since the oldest event of the tail. */
uint64_t pq_tail_age(const pq_space *s, int64_t now_us);
/* "rows", "amplification", "work": fields of the object that is being built. */
int pq_put_work_stats(pq_command *c) PQ_MUST_CHECK;

/* ---- work_commands.c ---- */
/* Flush the whole tail, then go on with `after`. */
void pq_command_flush(pq_command *c, pq_stage_fn after);
/* The same for a write whose tail has grown too long: a failure is noted, but not the write's. */
void pq_command_relieve(pq_command *c, pq_stage_fn after);
/* Have the work that puts an entry, and a flush that runs, end first. A failure is only noted. */
void pq_command_settle(pq_command *c, pq_stage_fn after);

/* ---- distinct_command.c ---- */
/* Of documents that come from elsewhere: the collation is known; one of them; the summary. */
void pq_distinct_begin(pq_command *c);
int pq_distinct_give(pq_command *c, pq_value doc) PQ_MUST_CHECK;
int pq_distinct_finish(pq_command *c) PQ_MUST_CHECK;

/* ---- the commands ---- */
int pq_open_insert(pq_command *c, pq_value target);
int pq_open_get(pq_command *c, pq_value target);
int pq_open_find(pq_command *c, pq_value target);
int pq_open_find_one(pq_command *c, pq_value target);
int pq_open_count(pq_command *c, pq_value target);
int pq_open_estimated_count(pq_command *c, pq_value target);
int pq_open_exists(pq_command *c, pq_value target);
int pq_open_distinct(pq_command *c, pq_value target);
/* All that change entities: update, updateOne, deleteMany, findOneAndUpdate, restore … */
int pq_open_change(pq_command *c, pq_value target);
int pq_open_bulk(pq_command *c, pq_value target);
int pq_open_link(pq_command *c, pq_value target);
int pq_open_unlink(pq_command *c, pq_value target);
int pq_open_related(pq_command *c, pq_value target);
int pq_open_traverse(pq_command *c, pq_value target);
int pq_open_match_text(pq_command *c, pq_value target);
int pq_open_subgraph(pq_command *c, pq_value target);
/* degree, pageRank, components, triangles, communities, kCore. */
int pq_open_whole(pq_command *c, pq_value target);
int pq_open_path(pq_command *c, pq_value target);
int pq_open_connected(pq_command *c, pq_value target);
int pq_open_neighbourhood(pq_command *c, pq_value target);
int pq_open_history(pq_command *c, pq_value target);
int pq_open_events(pq_command *c, pq_value target);
int pq_open_get_at_version(pq_command *c, pq_value target);
int pq_open_append_event(pq_command *c, pq_value target);
int pq_open_reconstruct(pq_command *c, pq_value target);
int pq_open_diff(pq_command *c, pq_value target);
int pq_open_revert(pq_command *c, pq_value target);
int pq_open_replay(pq_command *c, pq_value target);
int pq_open_aggregate(pq_command *c, pq_value target);
int pq_open_begin(pq_command *c, pq_value target);
int pq_open_commit(pq_command *c, pq_value target);
int pq_open_abort(pq_command *c, pq_value target);
int pq_open_flush(pq_command *c, pq_value target);
int pq_open_files(pq_command *c, pq_value target);
int pq_open_stats(pq_command *c, pq_value target);
int pq_open_collections(pq_command *c, pq_value target);
int pq_open_schema(pq_command *c, pq_value target);
/* create, createIndexes, dropIndexes, alter, indexes. */
int pq_open_catalog(pq_command *c, pq_value target);
int pq_open_drop(pq_command *c, pq_value target);
int pq_open_expire(pq_command *c, pq_value target);
int pq_open_rename(pq_command *c, pq_value target);
int pq_open_compact(pq_command *c, pq_value target);
int pq_open_maintain(pq_command *c, pq_value target);
int pq_open_vacuum(pq_command *c, pq_value target);
int pq_open_retention(pq_command *c, pq_value target);
int pq_open_checkpoint(pq_command *c, pq_value target);
int pq_open_verify(pq_command *c, pq_value target);
int pq_open_refs(pq_command *c, pq_value target);
int pq_open_backup(pq_command *c, pq_value target); /* backup_command.c */

/* ---- txn_commands.c ---- */

/* What the command's transaction did; NULL: it is in none. Borrowed from the transaction. */
const pq_overlay *pq_txn_own(const pq_command *c);

/* A commit or abort that could not even begin has ended its transaction, too. */
void pq_txn_command_failed(pq_command *c);

#endif
