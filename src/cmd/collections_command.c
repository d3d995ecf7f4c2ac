/* cmd/collections_command.c - collections: those with documents, and those that are recorded
 * (catalog.h), with their counts, options and indexes.
 */
#include "cmd/catalog.h"
#include "db/schema_of.h"

/* The i-th name: those of the manifest, those with documents in the tail, those of which the tail
 * has a schema or a record. Some twice. False: no more. */
static bool collection_name(const pq_command *c, uint32_t i, pq_slice *out) {
  const pq_view *v = &c->s.snapshot.view;
  uint32_t known = v->manifest->collection_count, chains, k;
  *out = (pq_slice){0};
  if (i < known) {
    *out = v->manifest->collections[i].name;
    return true;
  }
  if (v->overlay == NULL) return false;
  chains = v->overlay->collections.count;
  if (i - known < chains) {
    *out = v->overlay->collections.items[i - known].name;
    return true;
  }
  k = i - known - chains;
  if (k >= v->overlay->key_count) return false;
  if (v->overlay->keys[k].target == PQ_TARGET_COLLECTION)
    *out = v->overlay->versions[v->overlay->keys[k].newest].event.id;
  return true;
}

/* Was the i-th name there before? Empty ones are none. */
static bool is_listed(const pq_command *c, uint32_t i, pq_slice name) {
  const pq_view *v = &c->s.snapshot.view;
  uint32_t known = v->manifest->collection_count;
  if (name.n == 0) return true;
  if (i < known) return false;
  if (pq_manifest_collection(v->manifest, name) != NULL) return true;
  return i - known >= v->overlay->collections.count &&
         pq_chain_first(&v->overlay->collections, name) != PQ_NONE;
}

static int stage_collections_next(pq_op *op);

static int stage_collections_scan(pq_op *op) {
  pq_command *c = pq_command_of(op);
  pq_builder *b = c->db->builder;
  pq_value item, record;
  pq_schema_at at;
  PQ_TRY(pq_scan_next(&c->s.scan, &op->fetch, &op->scratch, b, pq_count_sink, &c->s.count));
  if (!c->s.scan.is_done) return PQ_OK;
  op->stage = stage_collections_next;
  pq_schema_of(&c->s.snapshot.view, c->s.scan.collection, &at);
  record = pq_object_get_str(at.document, PQ_COLLECTION_DIRECTIVE);
  if (c->s.count == 0 && pq_value_is_missing(record)) return PQ_OK;
  pq_builder_clear(b);
  PQ_TRY(pq_builder_begin_object(b));
  PQ_TRY(pq_put_text(b, "name", c->s.scan.collection));
  if (!pq_value_is_missing(pq_object_get_str(pq_object_get_str(record, "options"), "viewOn")))
    PQ_TRY(pq_put_text(b, "type", PQ_SLICE("view")));
  PQ_TRY(pq_put_count(b, "count", c->s.count));
  PQ_TRY(pq_put_fields_but(c, record, NULL)); /* uuid, options, indexes */
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
  do {
    if (!collection_name(c, c->s.collection_at++, &name)) {
      PQ_TRY(pq_summary_begin(c));
      PQ_TRY(pq_summary_count(c, "n", c->s.collections_listed));
      return pq_summary_end(c, v->seq);
    }
  } while (is_listed(c, c->s.collection_at - 1, name));
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
