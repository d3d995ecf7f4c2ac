/* cmd/collections_command.c - collections: the names that the manifest and the tail know, with
 * their counts.
 */
#include "cmd/command_int.h"

/* The i-th collection name: those of the manifest, then those only in the tail. False: no more. */
static bool collection_name(const pq_command *c, uint32_t i, pq_slice *out) {
  const pq_view *v = &c->s.snapshot.view;
  uint32_t known = v->manifest->collection_count;
  if (i < known) {
    *out = v->manifest->collections[i].name;
    return true;
  }
  if (v->overlay == NULL || i - known >= v->overlay->collections.count) return false;
  *out = v->overlay->collections.items[i - known].name;
  return true;
}

static int stage_collections_next(pq_op *op);

static int stage_collections_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_builder *b = c->db->builder;
  pq_value item;
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, b, pq_count_sink, &c->s.count));
  if (!c->s.scan.is_done) return PQ_OK;
  op->stage = stage_collections_next;
  if (c->s.count == 0) return PQ_OK;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "name", c->s.scan.collection));
  PQ_TRY(pq_put_count(b, "count", c->s.count));
  PQ_TRY(pq_builder_end(b));
  PQ_TRY(pq_builder_finish(b, &c->replies, &item));
  c->s.collections_listed++;
  PQ_TRY(pq_reply_item(c, item));
  return PQ_YIELD; /* the next collection may have to wait for its files */
}

static int stage_collections_next(pq_op *op) {
  pq_command *c = pq_command_of(op);
  const pq_view *v = &c->s.snapshot.view;
  pq_slice name;
  bool is_known;
  do {
    if (!collection_name(c, c->s.collection_at++, &name)) {
      PQ_TRY(pq_summary_begin(c));
      PQ_TRY(pq_summary_count(c, "n", c->s.collections_listed));
      return pq_summary_end(c, v->seq);
    }
    is_known = c->s.collection_at > v->manifest->collection_count &&
               pq_manifest_collection(v->manifest, name) != NULL;
  } while (is_known);
  c->s.count = 0;
  pq_scan_init(&c->s.scan, v, name, c->s.filter);
  c->s.scan.is_count = true;
  op->stage = stage_collections_scan;
  return PQ_OK;
}

static int stage_collections(pq_op *op) {
  pq_command *c = pq_command_of(op);
  PQ_TRY(pq_read_snapshot(c));
  op->stage = stage_collections_next;
  return PQ_OK;
}

int pq_open_collections(pq_command *c, pq_value target) {
  (void)target;
  c->s.start = stage_collections;
  return pq_filter_parse(&c->arena, NULL, (pq_value){0}, &c->s.filter);
}
