/* parquet/record.c - see record.h.
 *
 * The tree is made from the schema by one rule a node:
 *
 *   repeated, not yet taken as such     LIST, required; its element is the node itself
 *   group LIST, one repeated child R    LIST: element R's only child (three levels), or R itself
 *                                       (two levels, rules 1 to 4)
 *   group MAP, one repeated group       MAP of that group's fields
 *   other group, leaf                   STRUCT, VARIANT, LEAF
 *
 * Levels fit together when, of each leaf, the entries of a row begin at 0 and an entry that
 * continues a list follows one in it; and when any two neighbours agree wherever their paths are
 * one: leaf order is depth first, so that neighbours agreeing means that all agree.
 */
#include "parquet/record.h"

#include <string.h>

/* A schema nests at most PQ_LEVEL_MAX deep; a node makes at most two levels of the tree. */
enum { DEPTH_MAX = 2 * PQ_LEVEL_MAX + 4 };

/* ---- the tree ---- */

typedef struct build {
  pq_arena *arena;
  const pq_footer *footer;
} build;

static int tree_of_value(const build *b, uint32_t at, bool is_taken, uint32_t depth, pq_tree *out);

static bool is_repeated(const pq_node *n) {
  return n->repetition == PQ_REPEATED;
}

static bool is_group(const pq_node *n) {
  return n->leaf == PQ_NO_NODE;
}

/* The only child of a group, when it is repeated; else PQ_NO_NODE. */
static uint32_t repeated_child(const build *b, uint32_t at) {
  if (b->footer->nodes[at].child_count != 1) return PQ_NO_NODE;
  return is_repeated(&b->footer->nodes[at + 1]) ? at + 1 : PQ_NO_NODE;
}

/* Is the repeated node of a LIST its element (two levels), not a wrapper of it? parquet-format:
 * LogicalTypes.md, backward-compatibility rules 1 to 4. */
static bool is_element(const build *b, const pq_node *list, uint32_t at) {
  static const char tuple[] = "_tuple";
  const pq_node *n = &b->footer->nodes[at];
  size_t len = list->name.n;
  if (!is_group(n) || n->child_count != 1) return true;
  if (is_repeated(&b->footer->nodes[at + 1])) return true;
  if (pq_slice_is(n->name, "array")) return true;
  if (n->name.n != len + sizeof tuple - 1) return false;
  return pq_slice_eq((pq_slice){n->name.p, len}, list->name) &&
         memcmp(n->name.p + len, tuple, sizeof tuple - 1) == 0;
}

static int children_new(const build *b, uint32_t count, pq_tree *out) {
  out->child_count = count;
  out->children = pq_arena_calloc(b->arena, count, sizeof *out->children);
  return out->children == NULL ? b->arena->cx->code : PQ_OK;
}

/* The fields of a group as children. */
static int tree_of_fields(const build *b, uint32_t at, uint32_t depth, pq_tree *out) {
  const pq_node *nodes = b->footer->nodes;
  uint32_t child = at + 1;
  PQ_TRY(children_new(b, nodes[at].child_count, out));
  for (uint32_t i = 0; i < out->child_count; i++, child = nodes[child].next)
    PQ_TRY(tree_of_value(b, child, false, depth + 1, &out->children[i]));
  return PQ_OK;
}

static int tree_of_list(const build *b, const pq_node *list, uint32_t repeated, uint32_t depth,
                        pq_tree *out) {
  const pq_node *n = &b->footer->nodes[repeated];
  bool is_direct = is_element(b, list, repeated);
  out->kind = PQ_TREE_LIST;
  out->element_def = n->def;
  out->rep = n->rep;
  PQ_TRY(children_new(b, 1, out));
  return tree_of_value(b, is_direct ? repeated : repeated + 1, is_direct, depth + 1, out->children);
}

/* A repeated node that no LIST or MAP stands around. */
static int tree_of_bare_list(const build *b, uint32_t at, uint32_t depth, pq_tree *out) {
  const pq_node *n = &b->footer->nodes[at];
  out->kind = PQ_TREE_LIST;
  out->is_optional = false;
  out->def = n->def - 1;
  out->element_def = n->def;
  out->rep = n->rep;
  PQ_TRY(children_new(b, 1, out));
  return tree_of_value(b, at, true, depth + 1, out->children);
}

static int tree_of_map(const build *b, uint32_t repeated, uint32_t depth, pq_tree *out) {
  out->kind = PQ_TREE_MAP;
  out->element_def = b->footer->nodes[repeated].def;
  out->rep = b->footer->nodes[repeated].rep;
  return tree_of_fields(b, repeated, depth + 1, out);
}

/* The value at a node. `is_taken`: its being repeated has been dealt with. */
static int tree_of_value(const build *b, uint32_t at, bool is_taken, uint32_t depth, pq_tree *out) {
  const pq_node *n = &b->footer->nodes[at];
  uint32_t repeated;
  if (depth > DEPTH_MAX) return pq_fail(b->arena->cx, PQ_ELIMIT, "schema nested too deep");
  *out = (pq_tree){.kind = PQ_TREE_STRUCT,
                   .node = at,
                   .name = n->name,
                   .is_optional = n->repetition == PQ_OPTIONAL,
                   .def = n->def,
                   .first_leaf = is_group(n) ? n->first_leaf : n->leaf,
                   .leaf_count = is_group(n) ? n->leaf_count : 1};
  if (is_repeated(n) && !is_taken) return tree_of_bare_list(b, at, depth, out);
  if (!is_group(n)) {
    out->kind = PQ_TREE_LEAF;
    return PQ_OK;
  }
  repeated = repeated_child(b, at);
  if (n->note.kind == PQ_NOTE_LIST && repeated != PQ_NO_NODE)
    return tree_of_list(b, n, repeated, depth, out);
  if (n->note.kind == PQ_NOTE_MAP && repeated != PQ_NO_NODE &&
      is_group(&b->footer->nodes[repeated]) && b->footer->nodes[repeated].child_count <= 2 &&
      b->footer->nodes[repeated].child_count > 0)
    return tree_of_map(b, repeated, depth, out);
  if (n->note.kind == PQ_NOTE_VARIANT) out->kind = PQ_TREE_VARIANT;
  return tree_of_fields(b, at, depth, out);
}

int pq_tree_of(pq_arena *arena, const pq_footer *footer, pq_tree **out) {
  build b = {arena, footer};
  *out = pq_arena_calloc(arena, 1, sizeof **out);
  if (*out == NULL) return arena->cx->code;
  (*out)->kind = PQ_TREE_STRUCT;
  (*out)->leaf_count = footer->leaf_count;
  return tree_of_fields(&b, 0, 0, *out);
}

/* ---- do the levels fit together? ---- */

/* The definition level of an entry. */
static uint32_t level_at(const pq_column *c, uint32_t def_max, uint32_t entry) {
  if (c->def != NULL) return c->def[entry];
  return pq_column_is_null(c, entry) ? 0 : def_max;
}

static uint32_t rep_at(const pq_column *c, uint32_t entry) {
  return c->rep == NULL ? 0 : c->rep[entry];
}

static int contradiction(pq_cx *cx, const pq_leaf *leaf, const char *what) {
  pq_slice path = leaf->path;
  return pq_fail(cx, PQ_ECORRUPT, "column %.*s: %s", (int)(path.n > 80 ? 80 : path.n),
                 path.n == 0 ? "" : (const char *)path.p, what);
}

int pq_record_check_leaf(pq_cx *cx, const pq_footer *footer, uint32_t leaf, const pq_column *c) {
  const pq_node *nodes = footer->nodes;
  const pq_leaf *l = &footer->leaves[leaf];
  uint8_t need[PQ_LEVEL_MAX + 1] = {0}; /* by repetition level: the definition level of its list */
  uint32_t rows = 0;
  if (c->rep == NULL && pq_column_entries(c) == c->row_count) return PQ_OK;
  if (c->rep == NULL || c->def == NULL)
    return contradiction(cx, l, "repetition levels are missing");
  for (uint32_t at = l->node; at != 0; at = nodes[at].parent)
    if (is_repeated(&nodes[at])) need[nodes[at].rep] = (uint8_t)nodes[at].def;
  for (uint32_t i = 0; i < c->entry_count; i++) {
    uint8_t rep = c->rep[i];
    rows += rep == 0;
    if (rep == 0) continue;
    if (i == 0 || rep > l->rep_max || c->def[i] < need[rep] || c->def[i - 1] < need[rep])
      return contradiction(cx, l, "a repetition level outside of a list");
  }
  return rows == c->row_count ? PQ_OK : contradiction(cx, l, "levels of another number of rows");
}

static uint32_t common_ancestor(const pq_footer *f, uint32_t a, uint32_t b) {
  while (a != b) { /* a parent's number is smaller than its children's */
    if (a < b)
      b = f->nodes[b].parent;
    else
      a = f->nodes[a].parent;
  }
  return a;
}

/* The next entry that begins something at or above a repetition level. */
static uint32_t next_entry(const pq_column *c, uint32_t rep, uint32_t i) {
  uint32_t count = pq_column_entries(c);
  if (c->rep == NULL) return i;
  while (i < count && c->rep[i] > rep)
    i++;
  return i;
}

int pq_record_check_pair(pq_cx *cx, const pq_footer *f, const uint32_t leaves[2],
                         const pq_column *const columns[2]) {
  const pq_leaf *a_leaf = &f->leaves[leaves[0]], *b_leaf = &f->leaves[leaves[1]];
  const pq_node *common = &f->nodes[common_ancestor(f, a_leaf->node, b_leaf->node)];
  const pq_column *a = columns[0], *b = columns[1];
  uint32_t i = 0, j = 0, a_count = pq_column_entries(a), b_count = pq_column_entries(b);
  if (a->row_count != b->row_count)
    return contradiction(cx, b_leaf, "another number of rows than in its neighbours");
  if (common->def == 0) return PQ_OK; /* only rows are in common, and those were counted */
  while (i < a_count && j < b_count) {
    uint32_t a_def = level_at(a, a_leaf->def_max, i), b_def = level_at(b, b_leaf->def_max, j);
    bool is_same = a_def >= common->def ? b_def >= common->def : a_def == b_def;
    if (!is_same || rep_at(a, i) != rep_at(b, j)) break;
    i = next_entry(a, common->rep, i + 1);
    j = next_entry(b, common->rep, j + 1);
  }
  if (i == a_count && j == b_count) return PQ_OK;
  return contradiction(cx, b_leaf, "its levels contradict those of its neighbours");
}

int pq_record_init(pq_record *r, pq_arena *arena, const pq_footer *footer, const pq_tree *root,
                   const pq_column **columns) {
  uint32_t left = PQ_NO_NODE;
  *r = (pq_record){.footer = footer, .columns = columns};
  r->pos = pq_arena_calloc(arena, footer->leaf_count, sizeof *r->pos);
  if (r->pos == NULL) return arena->cx->code;
  for (uint32_t i = root->first_leaf; i < root->first_leaf + root->leaf_count; i++) {
    if (columns[i] == NULL) continue;
    PQ_TRY(pq_record_check_leaf(arena->cx, footer, i, columns[i]));
    if (left != PQ_NO_NODE) {
      uint32_t pair[2] = {left, i};
      const pq_column *both[2] = {columns[left], columns[i]};
      PQ_TRY(pq_record_check_pair(arena->cx, footer, pair, both));
    }
    left = i;
  }
  return PQ_OK;
}

/* ---- walking ---- */

/* The first leaf below that was read; PQ_NO_NODE: there is none. */
static uint32_t lead_leaf(const pq_record *r, const pq_tree *s) {
  for (uint32_t i = s->first_leaf; i < s->first_leaf + s->leaf_count; i++)
    if (r->columns[i] != NULL) return i;
  return PQ_NO_NODE;
}

static bool is_below(const pq_record *r, const pq_tree *s, uint32_t def) {
  uint32_t leaf = lead_leaf(r, s);
  if (leaf == PQ_NO_NODE) return true; /* a group without columns: nothing says that it is there */
  return level_at(r->columns[leaf], r->footer->leaves[leaf].def_max, r->pos[leaf]) < def;
}

bool pq_record_is_null(const pq_record *r, const pq_tree *s) {
  return s->is_optional && is_below(r, s, s->def);
}

bool pq_record_is_empty(const pq_record *r, const pq_tree *s) {
  return is_below(r, s, s->element_def);
}

bool pq_record_has_more(const pq_record *r, const pq_tree *s) {
  uint32_t leaf = lead_leaf(r, s);
  const pq_column *c = leaf == PQ_NO_NODE ? NULL : r->columns[leaf];
  return c != NULL && r->pos[leaf] < pq_column_entries(c) && rep_at(c, r->pos[leaf]) >= s->rep;
}

void pq_record_skip(pq_record *r, const pq_tree *s) {
  for (uint32_t i = s->first_leaf; i < s->first_leaf + s->leaf_count; i++)
    r->pos[i]++;
}

const pq_column *pq_record_leaf(pq_record *r, const pq_tree *s, uint32_t *entry) {
  *entry = r->pos[s->first_leaf]++;
  return r->columns[s->first_leaf];
}
