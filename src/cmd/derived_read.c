/* cmd/derived_read.c - find, findOne, count, exists, distinct, estimatedCount of a view: which
 * stages they stand for, and what becomes of the documents. See derived.h.
 *
 *   find              $match $sort $skip $limit(n + 1) $project   ─► items, hasMore
 *   count, estimated  $match $skip $limit $count                  ─► a number
 *   exists            $match $limit(1) $count                     ─► a number
 *   distinct          $match                                      ─► its set of values
 */
#include "cmd/derived.h"

/* ---- what comes out ---- */

static int give_item(pq_command *c, pq_value doc) {
  pq_derived_run *r = c->s.derived;
  if (r->limit > 0 && c->s.count == r->limit) {
    r->has_more = true;
    return PQ_OK;
  }
  c->s.count++;
  if (c->s.args.is_explain) return PQ_OK;
  PQ_TRY(pq_value_copy(&c->replies, doc, &doc));
  return pq_reply_item(c, doc);
}

static int end_find(pq_command *c) {
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  if (!c->s.collector.ends_at_limit) {
    PQ_TRY(pq_builder_key_str(c->db->builder, "hasMore"));
    PQ_TRY(pq_builder_bool(c->db->builder, c->s.derived->has_more));
  }
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int give_number(pq_command *c, pq_value doc) {
  int64_t n = 0;
  (void)pq_value_i64(pq_object_get_str(doc, "n"), &n);
  c->s.count = (uint64_t)n;
  return PQ_OK;
}

static int end_count(pq_command *c) {
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "count", c->s.count));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int end_estimate(pq_command *c) {
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_summary_count(c, "count", c->s.count));
  PQ_TRY(pq_builder_key_str(c->db->builder, "isExact"));
  PQ_TRY(pq_builder_bool(c->db->builder, true));
  PQ_TRY(pq_put_text(c->db->builder, "from", PQ_SLICE("the view's pipeline")));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

static int end_exists(pq_command *c) {
  PQ_TRY(pq_summary_begin(c));
  PQ_TRY(pq_builder_key_str(c->db->builder, "exists"));
  PQ_TRY(pq_builder_bool(c->db->builder, c->s.count > 0));
  return pq_summary_end(c, c->s.snapshot.view.seq);
}

/* ---- stages ---- */

/* {name: v}, if there is something in v. */
static int put_object(pq_command *c, const char *name, pq_value v) {
  pq_builder *b = c->db->builder;
  if (pq_value_count(v) == 0) return PQ_OK;
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_builder_key_str(b, name));
  PQ_TRY(pq_builder_value(b, v));
  return pq_builder_end(b);
}

static int put_number(pq_command *c, const char *name, uint64_t n) {
  pq_builder *b = c->db->builder;
  if (n == 0) return PQ_OK;
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_count(b, name, n));
  return pq_builder_end(b);
}

static int put_count(pq_command *c) {
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "$count", PQ_SLICE("n")));
  return pq_builder_end(b);
}

static int put_window(pq_command *c, uint64_t limit) {
  PQ_TRY(put_object(c, "$match", c->s.args.filter));
  PQ_TRY(put_object(c, "$sort", c->s.args.sort));
  PQ_TRY(put_number(c, "$skip", c->s.args.skip));
  return put_number(c, "$limit", limit);
}

static int put_find(pq_command *c) {
  uint64_t limit = c->s.args.limit, more = limit;
  *c->s.derived = (pq_derived_run){.give = give_item, .end = end_find, .limit = limit};
  if (limit > 0 && !c->s.collector.ends_at_limit && limit < INT64_MAX) more++;
  PQ_TRY(put_window(c, more));
  return put_object(c, "$project", c->s.args.project);
}

static int put_counting(pq_command *c) {
  *c->s.derived = (pq_derived_run){.give = give_number, .end = end_count};
  PQ_TRY(put_window(c, c->s.args.limit));
  return put_count(c);
}

static int put_estimate(pq_command *c) {
  *c->s.derived = (pq_derived_run){.give = give_number, .end = end_estimate};
  return put_count(c);
}

static int put_exists(pq_command *c) {
  *c->s.derived = (pq_derived_run){.give = give_number, .end = end_exists};
  PQ_TRY(put_window(c, 1));
  return put_count(c);
}

static int put_distinct(pq_command *c) {
  *c->s.derived = (pq_derived_run){.give = pq_distinct_give, .end = pq_distinct_finish};
  pq_distinct_begin(c);
  return put_object(c, "$match", c->s.args.filter);
}

int pq_derived_put_command(pq_command *c) {
  static const struct {
    int (*open)(pq_command *c, pq_value target);
    int (*put)(pq_command *c);
  } known[] = {{pq_open_find, put_find},         {pq_open_find_one, put_find},
               {pq_open_count, put_counting},    {pq_open_estimated_count, put_estimate},
               {pq_open_distinct, put_distinct}, {pq_open_exists, put_exists}};
  size_t i = 0;
  while (c->s.spec->open != known[i].open) {
    i++;
    pq_assert(i < sizeof known / sizeof *known);
  }
  return known[i].put(c);
}

/* ---- options ---- */

int pq_derived_options(pq_command *c) {
  static const struct {
    uint64_t bit;
    const char *name;
  } no[] = {{PQ_OPT_POPULATE, "populate"},
            {PQ_OPT_MAX_INBOUND, "maxInbound"},
            {PQ_OPT_CURSOR, "cursor"},
            {PQ_OPT_SNAPSHOT, "snapshot"},
            {PQ_OPT_TOTAL, "total"}};
  for (size_t i = 0; i < sizeof no / sizeof *no; i++)
    if (c->s.args.given & no[i].bit)
      return pq_fail(c->op.cx, PQ_EVIEW,
                     "%s: option '%s' needs entities, which a view does not have", c->s.spec->name,
                     no[i].name);
  return PQ_OK;
}
