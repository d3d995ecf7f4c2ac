/* test/unit/test_record.c - the meaning of schemas, and records walked: every rule for legacy lists
 * and maps, levels of each shape, contradictions between columns.
 *
 * A schema is an array of elements as a file has them; a column is its levels as text, an entry
 * "DR" for definition level D and repetition level R; values count from 0. What a walk found is
 * compared as text: {a:0,b:[1,null]}.
 */
#include "parquet/record.h"

#include "unit.h"

enum { NODES_MAX = 32, ENTRIES_MAX = 32 };

typedef struct element {
  const char *name;
  char repetition; /* ! required, ? optional, * repeated */
  uint32_t child_count;
  pq_note_kind note;
} element;

typedef struct fixture {
  pq_cx cx;
  pq_arena arena;
  pq_footer footer;
  pq_node nodes[NODES_MAX];
  pq_leaf leaves[NODES_MAX];
  pq_column data[NODES_MAX];
  const pq_column *columns[NODES_MAX];
  uint8_t def[NODES_MAX][ENTRIES_MAX], rep[NODES_MAX][ENTRIES_MAX];
  int32_t values[NODES_MAX][ENTRIES_MAX];
  pq_tree *tree;
  char text[1000];
} fixture;

/* ---- schemas ---- */

static uint32_t add_node(fixture *x, const element *elements, uint32_t at, uint32_t parent) {
  const element *e = &elements[at];
  pq_node *n = &x->nodes[at];
  uint32_t next = at + 1;
  *n = (pq_node){.name = pq_str(e->name),
                 .parent = parent,
                 .next = PQ_NO_NODE,
                 .child_count = e->child_count,
                 .leaf = PQ_NO_NODE,
                 .first_leaf = x->footer.leaf_count,
                 .repetition = e->repetition == '!'   ? PQ_REQUIRED
                               : e->repetition == '?' ? PQ_OPTIONAL
                                                      : PQ_REPEATED,
                 .field_id = -1,
                 .note = {.kind = e->note}};
  if (at > 0) {
    n->def = x->nodes[parent].def + (e->repetition != '!');
    n->rep = x->nodes[parent].rep + (e->repetition == '*');
  }
  if (e->child_count == 0) {
    pq_leaf *leaf = &x->leaves[x->footer.leaf_count];
    *leaf = (pq_leaf){.node = at, .path = n->name, .phys = PQ_PHYS_INT32, .note = n->note};
    leaf->def_max = n->def;
    leaf->rep_max = n->rep;
    n->leaf = x->footer.leaf_count++;
    n->leaf_count = 1;
    return next;
  }
  for (uint32_t i = 0; i < e->child_count; i++) {
    uint32_t child = next;
    next = add_node(x, elements, child, at);
    if (i + 1 < e->child_count) x->nodes[child].next = next;
  }
  n->leaf_count = x->footer.leaf_count - n->first_leaf;
  return next;
}

static int open_schema(fixture *x, const element *elements) {
  x->footer = (pq_footer){.nodes = x->nodes, .leaves = x->leaves};
  x->footer.node_count = add_node(x, elements, 0, PQ_NO_NODE);
  pq_arena_init(&x->arena, &x->cx, 1 << 20);
  return pq_tree_of(&x->arena, &x->footer, &x->tree);
}

static void put(fixture *x, const char *text) {
  strncat(x->text, text, sizeof x->text - strlen(x->text) - 1);
}

/* "{a:leaf,b:list?(leaf)}" */
static void describe(fixture *x, const pq_tree *s) {
  static const char *const names[] = {"leaf", "struct", "list", "map", "variant"};
  put(x, names[s->kind]);
  if (s->is_optional) put(x, "?");
  if (s->kind == PQ_TREE_LEAF) return;
  put(x, "(");
  for (uint32_t i = 0; i < s->child_count; i++) {
    char name[40];
    if (i > 0) put(x, ",");
    (void)snprintf(name, sizeof name, "%.*s:", (int)s->children[i].name.n,
                   (const char *)s->children[i].name.p);
    if (s->kind == PQ_TREE_STRUCT || s->kind == PQ_TREE_VARIANT) put(x, name);
    describe(x, &s->children[i]);
  }
  put(x, ")");
}

static void check_tree(const element *elements, const char *wanted) {
  fixture x = {0};
  unit_cx_init(&x.cx);
  CHECK(open_schema(&x, elements) == PQ_OK);
  describe(&x, x.tree);
  CHECK(strcmp(x.text, wanted) == 0);
  if (strcmp(x.text, wanted) != 0) fprintf(stderr, "  got %s\n", x.text);
  pq_arena_release(&x.arena);
}

/* ---- records ---- */

static void set_column(fixture *x, uint32_t leaf, const char *levels) {
  pq_column *c = &x->data[leaf];
  uint32_t n = 0;
  *c = (pq_column){.phys = PQ_PHYS_INT32, .def = x->def[leaf], .v.i32 = x->values[leaf]};
  if (x->leaves[leaf].rep_max > 0) c->rep = x->rep[leaf];
  for (; *levels != '\0'; levels += levels[2] == ' ' ? 3 : 2, n++) {
    x->def[leaf][n] = (uint8_t)(levels[0] - '0');
    x->rep[leaf][n] = (uint8_t)(levels[1] - '0');
    x->values[leaf][n] = (int32_t)n;
    c->row_count += levels[1] == '0';
  }
  c->entry_count = n;
  x->columns[leaf] = c;
}

static void walk(fixture *x, pq_record *r, const pq_tree *s);

static void walk_elements(fixture *x, pq_record *r, const pq_tree *s) {
  bool is_first = true;
  if (pq_record_is_empty(r, s)) {
    pq_record_skip(r, s);
    return;
  }
  do {
    if (!is_first) put(x, ",");
    is_first = false;
    for (uint32_t i = 0; i < s->child_count; i++) {
      if (i > 0) put(x, "=");
      walk(x, r, &s->children[i]);
    }
  } while (pq_record_has_more(r, s));
}

static void walk_leaf(fixture *x, pq_record *r, const pq_tree *s) {
  char text[20];
  uint32_t at;
  const pq_column *c = pq_record_leaf(r, s, &at);
  (void)snprintf(text, sizeof text, "%d", (int)c->v.i32[at]);
  put(x, text);
}

static void walk(fixture *x, pq_record *r, const pq_tree *s) {
  if (pq_record_is_null(r, s)) {
    put(x, "null");
    pq_record_skip(r, s);
    return;
  }
  if (s->kind == PQ_TREE_LEAF) {
    walk_leaf(x, r, s);
  } else if (s->kind == PQ_TREE_LIST || s->kind == PQ_TREE_MAP) {
    put(x, s->kind == PQ_TREE_MAP ? "<" : "[");
    walk_elements(x, r, s);
    put(x, s->kind == PQ_TREE_MAP ? ">" : "]");
  } else {
    put(x, "{");
    for (uint32_t i = 0; i < s->child_count; i++) {
      if (i > 0) put(x, ",");
      walk(x, r, &s->children[i]);
    }
    put(x, "}");
  }
}

/* Levels of up to four leaves, rows in order; `wanted` NULL: they contradict each other. */
static void check_rows(const element *elements, const char *const *levels, const char *wanted) {
  fixture x = {0};
  pq_record r;
  int rc;
  unit_cx_init(&x.cx);
  CHECK(open_schema(&x, elements) == PQ_OK);
  for (uint32_t i = 0; i < x.footer.leaf_count; i++)
    set_column(&x, i, levels[i]);
  rc = pq_record_init(&r, &x.arena, &x.footer, x.tree, x.columns);
  CHECK(rc == (wanted == NULL ? PQ_ECORRUPT : PQ_OK));
  for (uint32_t i = 0; rc == PQ_OK && i < x.data[0].row_count; i++) {
    if (i > 0) put(&x, " ");
    walk(&x, &r, x.tree);
  }
  CHECK(strcmp(x.text, wanted == NULL ? "" : wanted) == 0);
  if (strcmp(x.text, wanted == NULL ? "" : wanted) != 0) fprintf(stderr, "  got %s\n", x.text);
  pq_arena_release(&x.arena);
}

/* ---- the rules ---- */

static const element three_levels[] = {
    {"root", '!', 1, 0}, {"a", '?', 1, PQ_NOTE_LIST}, {"list", '*', 1, 0}, {"element", '?', 0, 0}};
static const element map_of_ints[] = {{"root", '!', 1, 0},
                                      {"m", '?', 1, PQ_NOTE_MAP},
                                      {"key_value", '*', 2, 0},
                                      {"key", '!', 0, 0},
                                      {"value", '?', 0, 0}};

static void test_record_lists(void) {
  static const element rule_1[] = {
      {"root", '!', 1, 0}, {"a", '?', 1, PQ_NOTE_LIST}, {"element", '*', 0, 0}};
  static const element rule_2[] = {{"root", '!', 1, 0},
                                   {"a", '?', 1, PQ_NOTE_LIST},
                                   {"element", '*', 2, 0},
                                   {"x", '!', 0, 0},
                                   {"y", '?', 0, 0}};
  static const element rule_3[] = {
      {"root", '!', 1, 0}, {"a", '?', 1, PQ_NOTE_LIST}, {"element", '*', 1, 0}, {"x", '*', 0, 0}};
  static const element rule_4[] = {
      {"root", '!', 1, 0}, {"a", '?', 1, PQ_NOTE_LIST}, {"array", '*', 1, 0}, {"x", '!', 0, 0}};
  static const element tuple[] = {
      {"root", '!', 1, 0}, {"a", '?', 1, PQ_NOTE_LIST}, {"a_tuple", '*', 1, 0}, {"x", '!', 0, 0}};
  static const element other_tuple[] = {
      {"root", '!', 1, 0}, {"a", '?', 1, PQ_NOTE_LIST}, {"b_tuple", '*', 1, 0}, {"x", '!', 0, 0}};
  static const element nested[] = {{"root", '!', 1, 0},
                                   {"a", '?', 1, PQ_NOTE_LIST},
                                   {"array", '*', 1, PQ_NOTE_LIST},
                                   {"array", '*', 0, 0}};
  static const element bare[] = {
      {"root", '!', 2, 0}, {"a", '*', 0, 0}, {"b", '*', 1, 0}, {"x", '?', 0, 0}};
  static const element no_list[] = {
      {"root", '!', 1, 0}, {"a", '?', 1, PQ_NOTE_LIST}, {"element", '?', 0, 0}};
  check_tree(three_levels, "struct(a:list?(leaf?))");
  check_tree(rule_1, "struct(a:list?(leaf))");
  check_tree(rule_2, "struct(a:list?(struct(x:leaf,y:leaf?)))");
  check_tree(rule_3, "struct(a:list?(struct(x:list(leaf))))");
  check_tree(rule_4, "struct(a:list?(struct(x:leaf)))");
  check_tree(tuple, "struct(a:list?(struct(x:leaf)))");
  check_tree(other_tuple, "struct(a:list?(leaf))");
  check_tree(nested, "struct(a:list?(list(leaf)))");
  check_tree(bare, "struct(a:list(leaf),b:list(struct(x:leaf?)))");
  check_tree(no_list, "struct(a:struct?(element:leaf?))");
}

static void test_record_maps(void) {
  static const element keys[] = {
      {"root", '!', 1, 0}, {"m", '!', 1, PQ_NOTE_MAP}, {"map", '*', 1, 0}, {"key", '!', 0, 0}};
  static const element three[] = {{"root", '!', 1, 0}, {"m", '?', 1, PQ_NOTE_MAP},
                                  {"map", '*', 3, 0},  {"a", '!', 0, 0},
                                  {"b", '!', 0, 0},    {"c", '!', 0, 0}};
  static const element variant[] = {{"root", '!', 1, 0},
                                    {"v", '?', 2, PQ_NOTE_VARIANT},
                                    {"metadata", '!', 0, 0},
                                    {"value", '?', 0, 0}};
  check_tree(map_of_ints, "struct(m:map?(leaf,leaf?))");
  check_tree(keys, "struct(m:map(leaf))");
  check_tree(three, "struct(m:struct?(map:list(struct(a:leaf,b:leaf,c:leaf))))");
  check_tree(variant, "struct(v:variant?(metadata:leaf,value:leaf?))");
}

/* ---- walking ---- */

static void test_record_walk_lists(void) {
  static const element nested[] = {{"root", '!', 2, 0}, {"a", '?', 1, PQ_NOTE_LIST},
                                   {"list", '*', 1, 0}, {"element", '?', 1, PQ_NOTE_LIST},
                                   {"list", '*', 1, 0}, {"element", '?', 0, 0},
                                   {"b", '!', 0, 0}};
  check_rows(three_levels, (const char *[]){"00 10 20 30 31 21 30"},
             "{null} {[]} {[null]} {[3,4,null]} {[6]}");
  check_rows(nested, (const char *[]){"00 10 20 30 40 50 52 41 31 21", "00 00 00 00 00 00"},
             "{null,0} {[],1} {[null],2} {[[]],3} {[[null]],4} {[[5,6],[null],[],null],5}");
}

static void test_record_walk_structs(void) {
  static const element pairs[] = {{"root", '!', 2, 0}, {"s", '?', 2, 0}, {"x", '!', 0, 0},
                                  {"y", '?', 0, 0},    {"l", '*', 2, 0}, {"p", '!', 0, 0},
                                  {"q", '?', 0, 0}};
  check_rows(pairs, (const char *[]){"00 10 10", "00 10 20", "00 10 11 10", "00 20 11 10"},
             "{null,[]} {{1,null},[{1,1},{2,null}]} {{2,2},[{3,null}]}");
}

static void test_record_walk_maps(void) {
  check_rows(map_of_ints, (const char *[]){"00 10 20 21", "00 10 30 21"},
             "{null} {<>} {<2=2,3=null>}");
}

/* Flat columns have no levels: nulls say all. */
static void test_record_walk_flat(void) {
  static const element flat[] = {
      {"root", '!', 2, 0}, {"s", '?', 1, 0}, {"x", '!', 0, 0}, {"y", '!', 0, 0}};
  static uint8_t nulls[] = {0, 1, 0};
  static int32_t values[] = {7, 8, 9};
  fixture x = {0};
  pq_record r;
  unit_cx_init(&x.cx);
  CHECK(open_schema(&x, flat) == PQ_OK);
  x.data[0] = (pq_column){.phys = PQ_PHYS_INT32, .row_count = 3, .nulls = nulls, .v.i32 = values};
  x.data[1] = (pq_column){.phys = PQ_PHYS_INT32, .row_count = 3, .v.i32 = values};
  x.columns[0] = &x.data[0];
  x.columns[1] = &x.data[1];
  CHECK(pq_record_init(&r, &x.arena, &x.footer, x.tree, x.columns) == PQ_OK);
  for (int i = 0; i < 3; i++)
    walk(&x, &r, x.tree);
  CHECK(strcmp(x.text, "{{7},7}{null,8}{{9},9}") == 0);
  x.data[1].row_count = 2;
  CHECK(pq_record_init(&r, &x.arena, &x.footer, x.tree, x.columns) == PQ_ECORRUPT);
  x.columns[1] = NULL; /* not read: nothing to compare with */
  CHECK(pq_record_init(&r, &x.arena, &x.footer, x.tree, x.columns) == PQ_OK);
  pq_arena_release(&x.arena);
}

/* ---- what cannot be ---- */

static void test_record_contradictions(void) {
  static const element two[] = {
      {"root", '!', 1, 0}, {"l", '*', 2, 0}, {"p", '!', 0, 0}, {"q", '?', 0, 0}};
  static const element pair[] = {
      {"root", '!', 1, 0}, {"s", '?', 2, 0}, {"x", '!', 0, 0}, {"y", '?', 0, 0}};
  check_rows(three_levels, (const char *[]){"31"}, NULL);     /* begins inside a row */
  check_rows(three_levels, (const char *[]){"30 11"}, NULL);  /* goes on without an element */
  check_rows(three_levels, (const char *[]){"10 31"}, NULL);  /* goes on in an empty list */
  check_rows(three_levels, (const char *[]){"30 32"}, NULL);  /* no such repetition level */
  check_rows(two, (const char *[]){"10 11", "10"}, NULL);     /* lists of different length */
  check_rows(two, (const char *[]){"10 10", "10 11"}, NULL);  /* and of other rows */
  check_rows(two, (const char *[]){"00", "10"}, NULL);        /* empty here, not there */
  check_rows(pair, (const char *[]){"10 00", "00 20"}, NULL); /* null here, not there */
  check_rows(pair, (const char *[]){"10 00", "10"}, NULL);    /* a row less */
  check_rows(pair, (const char *[]){"10 00", "10 00"}, "{{0,null}} {null}");
}

static void test_record_no_memory(void) {
  fixture x = {0};
  for (long n = 1; n > 0;) {
    int rc;
    unit_cx_init(&x.cx);
    unit_fail_at = n;
    rc = open_schema(&x, map_of_ints);
    pq_arena_release(&x.arena);
    n = unit_oom_next(n, rc);
  }
}

int main(void) {
  RUN(test_record_lists);
  RUN(test_record_maps);
  RUN(test_record_walk_lists);
  RUN(test_record_walk_structs);
  RUN(test_record_walk_maps);
  RUN(test_record_walk_flat);
  RUN(test_record_contradictions);
  RUN(test_record_no_memory);
  return unit_end();
}
