/* cmd/command_int.h - what the files of cmd/ share: the command object and its arguments.
 *
 * The stages of all commands live in this folder; each gets the command by pq_command_of(op).
 * `s` is the part that the step loop compares around a suspended stage.
 */
#ifndef PQ_CMD_COMMAND_INT_H
#define PQ_CMD_COMMAND_INT_H

#include "cmd/command.h"
#include "db/flush.h"
#include "expr/filter.h"
#include "expr/project.h"
#include "expr/update.h"
#include "query/aggregate.h"
#include "query/collect.h"
#include "rel/edge.h"

/* Options, as bits of what a command allows (parse_command.c has their names and types). */
typedef enum pq_option {
  PQ_OPT_FILTER = 1 << 0,
  PQ_OPT_SORT = 1 << 1,
  PQ_OPT_SKIP = 1 << 2,
  PQ_OPT_LIMIT = 1 << 3,
  PQ_OPT_PROJECT = 1 << 4,
  PQ_OPT_AS_OF = 1 << 5,
  PQ_OPT_FLUSHED = 1 << 6,
  PQ_OPT_EXPLAIN = 1 << 7,
  PQ_OPT_INCLUDE_DELETED = 1 << 8,
  PQ_OPT_ACTOR = 1 << 9,
  PQ_OPT_METADATA = 1 << 10,
  PQ_OPT_DOCUMENTS = 1 << 11,
  PQ_OPT_LINE = 1 << 12,
  PQ_OPT_OPS = 1 << 13,
  PQ_OPT_EXPECTED_VERSION = 1 << 14,
  PQ_OPT_HARD = 1 << 15,
  PQ_OPT_PREDICATE = 1 << 16,
  PQ_OPT_DIRECTION = 1 << 17,
  PQ_OPT_EDGES = 1 << 18,
  PQ_OPT_PATH = 1 << 19,
  PQ_OPT_OP = 1 << 20,
  PQ_OPT_KIND = 1 << 21,
  PQ_OPT_SQL = 1 << 22,
  PQ_OPT_ROOT = 1 << 23,
  PQ_OPT_PIPELINE = 1 << 24,
  PQ_OPT_FROM = 1 << 25,
  PQ_OPT_READS = PQ_OPT_AS_OF | PQ_OPT_FLUSHED | PQ_OPT_EXPLAIN,
  PQ_OPT_WRITES = PQ_OPT_ACTOR | PQ_OPT_METADATA
} pq_option;

typedef struct pq_command_spec {
  const char *name;
  unsigned options;
  bool is_write;
  bool takes_payload;
  /* Check and keep the target (the command's first value) and parsed options; set the first
   * stage after the namespace is loaded. */
  int (*open)(pq_command *c, pq_value target);
} pq_command_spec;

/* The options as given; absent ones are zero or missing. Values live in the command's arena. */
typedef struct pq_args {
  unsigned given;
  pq_value filter, sort, project, documents, ops, path, metadata, pipeline;
  uint64_t skip, limit, line, from;
  int64_t expected_version;
  pq_as_of as_of;
  bool is_flushed, is_explain, includes_deleted, is_hard, is_reverse, is_edges, is_sql;
  pq_slice actor, predicate, op, kind, root;
} pq_args;

/* One step of a traverse. */
typedef struct pq_hop {
  pq_slice predicate;
  bool is_reverse;
  uint64_t reached; /* distinct live entities after it */
} pq_hop;

/* An edge that link or unlink was given. */
typedef struct pq_edge_arg {
  pq_slice from, predicate, to, reverse;
  pq_value data;
} pq_edge_arg;

typedef struct pq_command_state {
  const pq_command_spec *spec;
  pq_space *space;
  pq_stage_fn start; /* after the namespace is loaded */
  pq_args args;
  pq_slice collection, id; /* target */
  pq_snapshot snapshot;
  pq_flush flush;
  pq_commit commit;
  bool is_committed; /* the write is durable; what follows may fail without harm */
  bool is_unflushed; /* and did */
  pq_filter *filter;
  pq_projection *projection;
  pq_update *update;
  pq_pipeline *pipeline;
  pq_collector collector;
  pq_scan scan;
  uint64_t count; /* count; rows given out */
  bool has_more;
  /* related, traverse */
  pq_slice *nodes; /* sorted, distinct */
  uint32_t node_count;
  pq_hop *hops;
  uint32_t hop_count, hop;
  /* insert */
  pq_entity *inserts;
  uint32_t insert_count;
  pq_slice *ids;   /* sorted, distinct */
  uint32_t *order; /* ids[i] is of inserts[order[i]] */
  /* link, unlink */
  pq_edge_arg *edges;
  uint32_t edge_count, edge_cap;
  uint64_t changed, unchanged;
  /* events */
  uint64_t event_seq;   /* the next one to look at */
  uint64_t flushed_seq; /* the last one that files have */
  /* collections */
  uint32_t collection_at, collections_listed;
  /* verify */
  uint64_t verify_entry;
  uint32_t verify_file, verify_row_group;
} pq_command_state;

struct pq_command {
  pq_op op; /* first: pq_command_of() */
  pq_db *db;
  pq_arena arena;   /* the parsed command */
  pq_arena replies; /* items and summary, cleared when all items were taken */
  pq_slice payload;
  pq_value *items;
  uint32_t item_count, item_cap, item_next;
  pq_value summary; /* in op.arena */
  pq_command_state s;
};

static inline pq_command *pq_command_of(pq_op *op) {
  return (pq_command *)(void *)op;
}

/* ---- parse_command.c ---- */
extern const pq_command_spec pq_command_specs[];
int pq_command_parse(pq_command *c, pq_value document) PQ_MUST_CHECK;
/* Checked names. */
int pq_check_collection(pq_cx *cx, pq_slice name) PQ_MUST_CHECK;
int pq_check_id(pq_cx *cx, pq_slice id) PQ_MUST_CHECK;
int pq_target_collection(pq_command *c, pq_value target) PQ_MUST_CHECK;
int pq_target_id(pq_command *c, pq_value target) PQ_MUST_CHECK;

/* ---- command.c: replies ---- */
/* Queue an item; it lives in c->replies. */
int pq_reply_item(pq_command *c, pq_value item) PQ_MUST_CHECK;
/* Queue a merged entity, projected if the command says so. */
int pq_reply_entity(pq_command *c, const pq_entity *e) PQ_MUST_CHECK;
/* Summary: begin, add fields with the builder, end (adds seq and finishes the command). */
int pq_summary_begin(pq_command *c) PQ_MUST_CHECK;
int pq_summary_count(pq_command *c, const char *name, uint64_t n) PQ_MUST_CHECK;
int pq_summary_end(pq_command *c, uint64_t seq) PQ_MUST_CHECK;
int pq_put_count(pq_builder *b, const char *name, uint64_t n) PQ_MUST_CHECK;
int pq_put_text(pq_builder *b, const char *name, pq_slice text) PQ_MUST_CHECK;

/* ---- find_commands.c ---- */
/* Replace the items by one that says how the scan went. */
int pq_explain_scan(pq_command *c) PQ_MUST_CHECK;

/* ---- history_command.c ---- */
/* Queue an event as an item; with its target (and ends) when `has_target`. */
int pq_reply_event(pq_command *c, const pq_event *e, bool has_target) PQ_MUST_CHECK;
/* The option `op`: PQ_OK, 0 in *out when it is not given. */
int pq_parse_event_op(pq_command *c, pq_event_op *out) PQ_MUST_CHECK;

/* ---- write_commands.c: shared end of every write ---- */
/* Append the prepared commit, flush if the tail has grown, then `finish`. */
int pq_write_commit(pq_command *c, pq_stage_fn finish) PQ_MUST_CHECK;
pq_slice pq_actor_of(const pq_command *c);

/* ---- the commands ---- */
int pq_open_insert(pq_command *c, pq_value target);
int pq_open_get(pq_command *c, pq_value target);
int pq_open_find(pq_command *c, pq_value target);
int pq_open_count(pq_command *c, pq_value target);
int pq_open_update(pq_command *c, pq_value target);
int pq_open_delete(pq_command *c, pq_value target);
int pq_open_link(pq_command *c, pq_value target);
int pq_open_unlink(pq_command *c, pq_value target);
int pq_open_related(pq_command *c, pq_value target);
int pq_open_traverse(pq_command *c, pq_value target);
int pq_open_history(pq_command *c, pq_value target);
int pq_open_events(pq_command *c, pq_value target);
int pq_open_aggregate(pq_command *c, pq_value target);
int pq_open_restore(pq_command *c, pq_value target);
int pq_open_flush(pq_command *c, pq_value target);
int pq_open_files(pq_command *c, pq_value target);
int pq_open_stats(pq_command *c, pq_value target);
int pq_open_collections(pq_command *c, pq_value target);
int pq_open_compact(pq_command *c, pq_value target);
int pq_open_checkpoint(pq_command *c, pq_value target);
int pq_open_verify(pq_command *c, pq_value target);

#endif
