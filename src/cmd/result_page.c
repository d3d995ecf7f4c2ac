/* cmd/result_page.c - the pages of find and related: where one begins, its items, where the next
 * one goes on.
 *
 *   option `cursor` ─ token (cursor_token.h) ─► collector.after, [the instant]
 *   collector.items ─► [projection] ─► [populate] ─► replies
 *   collector's last item ─► token ─► "nextCursor"
 *
 * A token belongs to what was asked: the command, its target, filter, sort and language are hashed
 * into it, and another question refuses it.
 */
#include "base/hash.h"
#include "cmd/command_int.h"

void pq_results_init(pq_command *c, pq_arena *arena) {
  pq_collector_init(&c->s.collector, arena, &c->op.scratch, c->db->builder, c->db->merger);
  c->s.collector.is_plain = c->s.args.is_plain;
  c->s.collector.shows_key = c->s.args.shows_key;
}

int pq_results_give(pq_command *c) {
  pq_collector *k = &c->s.collector;
  for (uint32_t i = 0; i < k->count; i++) {
    pq_value entity = k->items[i].entity;
    if (c->s.projection != NULL) PQ_TRY(pq_reply_project(c, c->s.filter, &entity));
    if (c->s.populate != NULL) PQ_TRY(pq_populate_embed(c, k->items[i].place.id, &entity));
    PQ_TRY(pq_reply_item(c, entity));
  }
  pq_results_given(c);
  return PQ_OK;
}

void pq_results_given(pq_command *c) {
  pq_collector *k = &c->s.collector;
  c->s.count += k->count;
  k->emitted += k->count;
  k->count = k->cap = 0;
  k->items = NULL;
}

/* ---- cursors ---- */

/* What must be the same on every page. */
static uint64_t query_hash(const pq_command *c, uint64_t seed) {
  const pq_args *args = &c->s.args;
  uint64_t h = pq_hash(c->s.collection,
                       seed + args->is_plain + 2u * args->includes_deleted + 4u * args->shows_key);
  const pq_value parts[] = {args->filter, args->let, args->collation};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    h = h * 31 + (pq_value_is_missing(parts[i]) ? 0 : pq_value_hash(parts[i]));
  for (uint32_t i = 0; i < c->s.collector.sort.count; i++)
    h = pq_hash(c->s.collector.sort.fields[i].path.text,
                h + c->s.collector.sort.fields[i].is_descending);
  return h;
}

static int bad_cursor(pq_command *c, const char *why) {
  return pq_fail(c->op.cx, PQ_EINVALID, "%s: option 'cursor': %s", c->s.spec->name, why);
}

static int read_token(pq_command *c, pq_slice text) {
  pq_args *args = &c->s.args;
  uint64_t query = c->s.cursor.query;
  PQ_TRY(pq_cursor_token_read(&c->arena, text, &c->s.cursor));
  if (c->s.cursor.query != query || c->s.cursor.key_count != c->s.collector.sort.count)
    return bad_cursor(c, "the token belongs to another collection, filter, sort or collation");
  if (args->skip > 0) return bad_cursor(c, "'skip' is for the first page");
  c->s.collector.after = &c->s.cursor.place;
  if (!c->s.cursor.is_pinned) return PQ_OK;
  if (args->as_of.is_set)
    return bad_cursor(c, "the token has an instant of its own, leave out 'asOf'");
  args->as_of =
      (pq_as_of){.is_set = true, .is_seq = true, .seq = c->s.cursor.seq, .name = "cursor"};
  return PQ_OK;
}

int pq_results_open(pq_command *c, uint64_t seed) {
  pq_value cursor = c->s.args.cursor;
  pq_slice text = {0};
  c->s.cursor.query = query_hash(c, seed);
  if (!pq_value_is_missing(cursor) && pq_value_type(cursor) != PQ_TYPE_NULL &&
      !pq_value_string(cursor, &text))
    return bad_cursor(c, "it is text, or null for the first page");
  return text.n > 0 ? read_token(c, text) : PQ_OK;
}

int pq_results_next(pq_command *c) {
  const pq_collector *k = &c->s.collector;
  pq_cursor_token next = {.key_count = k->sort.count,
                          .query = c->s.cursor.query,
                          .is_pinned = c->s.args.is_snapshot || c->s.cursor.is_pinned,
                          .seq = c->s.snapshot.view.seq};
  if (!k->has_more || k->ends_at_limit || k->count == 0) return PQ_OK;
  next.place = k->items[k->count - 1].place;
  return pq_cursor_token_write(c->db->builder, &c->op.arena, &next, &c->s.next_cursor);
}

int pq_results_fields(pq_command *c) {
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_summary_count(c, "n", c->s.count));
  if (!c->s.collector.ends_at_limit) {
    PQ_TRY(pq_builder_key_str(b, "hasMore"));
    PQ_TRY(pq_builder_bool(b, c->s.collector.has_more));
  }
  if (c->s.next_cursor.n > 0) PQ_TRY(pq_put_text(b, "nextCursor", c->s.next_cursor));
  return c->s.args.wants_total ? pq_summary_count(c, "total", c->s.total) : PQ_OK;
}
