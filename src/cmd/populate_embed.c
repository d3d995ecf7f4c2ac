/* cmd/populate_embed.c - putting together what populate.c fetched.
 *
 *   fields of the document, without those named like a kid
 *   a kid's name: [ the same of each target that is linked ], …
 *   $counts: {a kid's name: how many, …}
 *
 * Recursion follows the tree of nodes, so it is as deep as the option is nested; circles of edges
 * do not matter. The size is that of a document at most.
 */
#include "base/slices.h"
#include "cmd/populate.h"

/* The links of a source, or none. */
static uint32_t links_of(const pq_populate_node *n, pq_slice id, uint32_t *source, uint32_t *end) {
  uint32_t lo = 0, hi = n->link_count;
  *source = pq_slices_find(n->sources, n->source_count, id);
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (n->links[mid].source < *source)
      lo = mid + 1;
    else
      hi = mid;
  }
  *end = lo;
  while (*end < n->link_count && n->links[*end].source == *source)
    ++*end;
  return lo;
}

static bool is_kid(const pq_populate *p, uint32_t parent, pq_slice name) {
  for (uint32_t i = 0; i < p->node_count; i++)
    if (p->nodes[i].parent == parent && pq_slice_eq(p->nodes[i].name, name)) return true;
  return false;
}

static int put_counts(pq_command *c, uint32_t parent, pq_slice id) {
  const pq_populate *p = c->s.populate;
  pq_builder *b = c->db->builder;
  PQ_TRY(pq_builder_key_str(b, "$counts"));
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < p->node_count; i++) {
    const pq_populate_node *n = &p->nodes[i];
    uint32_t source, end;
    if (n->parent != parent) continue;
    (void)links_of(n, id, &source, &end);
    PQ_TRY(pq_builder_key(b, n->name));
    PQ_TRY(pq_builder_i32(
        b, n->counts == NULL || source == n->source_count ? 0 : (int32_t)n->counts[source]));
  }
  return pq_builder_end(b);
}

/* As deep as the tree of nodes: PQ_POPULATE_DEPTH_MAX. */
static int put_entity(pq_command *c, uint32_t parent, pq_slice id, pq_value doc) {
  const pq_populate *p = c->s.populate;
  pq_builder *b = c->db->builder;
  uint32_t count;
  pq_field *fields = pq_object_fields(&c->op.scratch, doc, &count);
  bool has_kids = false;
  if (fields == NULL && pq_value_count(doc) > 0) return c->op.cx->code;
  PQ_TRY(pq_builder_begin_object(b));
  for (uint32_t i = 0; i < count; i++) {
    if (is_kid(p, parent, fields[i].name)) continue;
    PQ_TRY(pq_builder_key(b, fields[i].name));
    PQ_TRY(pq_builder_value(b, fields[i].value));
  }
  for (uint32_t i = 0; i < p->node_count; i++) {
    const pq_populate_node *n = &p->nodes[i];
    uint32_t source, at, end;
    if (n->parent != parent) continue;
    has_kids = true;
    PQ_TRY(pq_builder_key(b, n->name));
    PQ_TRY(pq_builder_begin_array(b));
    for (at = links_of(n, id, &source, &end); at < end; at++)
      PQ_TRY(put_entity(c, i, n->targets[n->links[at].target], n->docs[n->links[at].target]));
    PQ_TRY(pq_builder_end(b));
  }
  if (has_kids) PQ_TRY(put_counts(c, parent, id));
  return pq_builder_end(b);
}

int pq_populate_embed(pq_command *c, pq_slice id, pq_value *entity) {
  pq_builder_clear(c->db->builder);
  PQ_TRY(put_entity(c, PQ_POPULATE_ROOT, id, *entity));
  return pq_builder_finish(c->db->builder, &c->replies, entity);
}
