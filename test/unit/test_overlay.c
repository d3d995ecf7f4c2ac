/* Unit tests of table/overlay.c: versions by seq, chains, what is found, batches. */
#include "log/batch.h"
#include "table/tail.h"
#include "unit.h"

#define ALL UINT64_MAX

static const uint8_t meta_empty[] = {1, 0, 0};
static const uint8_t object_empty[] = {2, 0, 0};

static pq_value empty_object(void) {
  return (pq_value){.meta = meta_empty,
                    .meta_len = sizeof meta_empty,
                    .p = object_empty,
                    .len = sizeof object_empty};
}

static pq_event entity(uint64_t seq, const char *id, uint64_t version) {
  return (pq_event){.seq = seq,
                    .ts = (int64_t)seq * 10,
                    .target = PQ_TARGET_ENTITY,
                    .op = version == 1 ? PQ_EVENT_CREATE : PQ_EVENT_UPDATE,
                    .id = pq_str(id),
                    .version = version,
                    .created_at = 10,
                    .after = empty_object()};
}

static pq_event edge(uint64_t seq, const char *from, const char *predicate, const char *to) {
  return (pq_event){.seq = seq,
                    .ts = (int64_t)seq * 10,
                    .target = PQ_TARGET_REL,
                    .op = PQ_EVENT_CREATE,
                    .id = pq_str(from),
                    .predicate = pq_str(predicate),
                    .reverse = PQ_SLICE("r"),
                    .to_id = pq_str(to),
                    .version = 1,
                    .created_at = (int64_t)seq * 10};
}

static uint64_t entity_seq(const pq_overlay *o, const char *id, uint64_t seq) {
  const pq_event *e = pq_overlay_entity(o, pq_str(id), seq);
  return e == NULL ? 0 : e->seq;
}

static uint64_t edge_seq(const pq_overlay *o, const char *from, const char *predicate,
                         const char *to, uint64_t seq) {
  const pq_event *e = pq_overlay_edge(o, pq_str(from), pq_str(predicate), pq_str(to), seq);
  return e == NULL ? 0 : e->seq;
}

static int add(pq_overlay *o, pq_event e) {
  return pq_overlay_add(o, &e);
}

/* Two posts, a user, edges among them; p1 changes twice. */
static int fill(pq_overlay *o) {
  PQ_TRY(add(o, entity(10, "posts/p1", 1)));
  PQ_TRY(add(o, entity(11, "posts/p2", 1)));
  PQ_TRY(add(o, entity(12, "users/u1", 1)));
  PQ_TRY(add(o, edge(13, "posts/p1", "author", "users/u1")));
  PQ_TRY(add(o, edge(14, "posts/p1", "editor", "users/u1")));
  PQ_TRY(add(o, entity(15, "posts/p1", 2)));
  PQ_TRY(add(o, edge(16, "posts/p2", "author", "users/u1")));
  PQ_TRY(add(o, edge(17, "users/u1", "knows", "users/u1")));
  return add(o, entity(20, "posts/p1", 3));
}

static void test_overlay_versions(void) {
  pq_cx cx;
  pq_overlay o;
  const pq_event *e;
  unit_cx_init(&cx);
  pq_overlay_init(&o, &cx);
  CHECK(entity_seq(&o, "posts/p1", ALL) == 0); /* empty */
  CHECK(fill(&o) == PQ_OK);
  CHECK(entity_seq(&o, "posts/p1", 9) == 0);
  CHECK(entity_seq(&o, "posts/p1", 10) == 10);
  CHECK(entity_seq(&o, "posts/p1", 14) == 10);
  CHECK(entity_seq(&o, "posts/p1", 15) == 15);
  CHECK(entity_seq(&o, "posts/p1", 19) == 15);
  CHECK(entity_seq(&o, "posts/p1", ALL) == 20);
  CHECK(entity_seq(&o, "posts/p2", ALL) == 11);
  CHECK(entity_seq(&o, "posts/p3", ALL) == 0);
  CHECK(entity_seq(&o, "posts/p", ALL) == 0);
  e = pq_overlay_entity(&o, PQ_SLICE("posts/p1"), ALL);
  CHECK(e->version == 3);
  e = pq_overlay_before(&o, e);
  CHECK(e != NULL && e->seq == 15);
  e = pq_overlay_before(&o, e);
  CHECK(e != NULL && e->seq == 10);
  CHECK(pq_overlay_before(&o, e) == NULL);
  CHECK(o.version_count == 9 && o.key_count == 7);
  for (uint32_t v = 1; v < o.version_count; v++)
    CHECK(o.versions[v - 1].event.seq < o.versions[v].event.seq);
  pq_overlay_release(&o);
  pq_overlay_release(&o);
  CHECK(unit_live_len == 0);
}

static void test_overlay_edges(void) {
  pq_cx cx;
  pq_overlay o;
  unit_cx_init(&cx);
  pq_overlay_init(&o, &cx);
  CHECK(fill(&o) == PQ_OK);
  CHECK(edge_seq(&o, "posts/p1", "author", "users/u1", ALL) == 13);
  CHECK(edge_seq(&o, "posts/p1", "author", "users/u1", 12) == 0);
  CHECK(edge_seq(&o, "posts/p1", "editor", "users/u1", ALL) == 14);
  CHECK(edge_seq(&o, "users/u1", "author", "posts/p1", ALL) == 0); /* it has a direction */
  CHECK(edge_seq(&o, "posts/p1", "authore", "users/u1", ALL) == 0);
  CHECK(edge_seq(&o, "users/u1", "knows", "users/u1", ALL) == 17);
  /* An edge is no entity of its from end's name, and the reverse. */
  CHECK(edge_seq(&o, "posts/p1", "", "", ALL) == 0);
  pq_overlay_release(&o);
}

/* The ids or predicates of a chain, joined, in order. */
static const char *walk(const pq_overlay *o, const pq_chains *chains, const char *name,
                        char out[200]) {
  uint32_t k = pq_chain_first(chains, pq_str(name));
  size_t n = 0;
  while (k != PQ_NONE && n < 150) {
    const pq_event *e = pq_overlay_at(o, k, ALL);
    pq_slice word = e->target == PQ_TARGET_REL ? e->predicate : e->id;
    memcpy(out + n, word.p, word.n);
    n += word.n;
    out[n++] = ' ';
    k = chains == &o->to ? o->keys[k].next_to : o->keys[k].next;
  }
  out[n] = '\0';
  return out;
}

static void test_overlay_chains(void) {
  pq_cx cx;
  pq_overlay o;
  char text[200];
  unit_cx_init(&cx);
  pq_overlay_init(&o, &cx);
  CHECK(pq_chain_first(&o.collections, PQ_SLICE("posts")) == PQ_NONE);
  CHECK(fill(&o) == PQ_OK);
  CHECK(strcmp(walk(&o, &o.collections, "posts", text), "posts/p1 posts/p2 ") == 0);
  CHECK(strcmp(walk(&o, &o.collections, "users", text), "users/u1 ") == 0);
  CHECK(strcmp(walk(&o, &o.collections, "tags", text), "") == 0);
  CHECK(strcmp(walk(&o, &o.from, "posts/p1", text), "author editor ") == 0);
  CHECK(strcmp(walk(&o, &o.from, "posts/p2", text), "author ") == 0);
  CHECK(strcmp(walk(&o, &o.from, "users/u1", text), "knows ") == 0);
  CHECK(strcmp(walk(&o, &o.to, "users/u1", text), "author editor author knows ") == 0);
  CHECK(strcmp(walk(&o, &o.to, "posts/p1", text), "") == 0);
  CHECK(o.collections.items[0].count == 2);
  pq_overlay_release(&o);
}

static void test_overlay_refuses(void) {
  pq_cx cx;
  pq_overlay o;
  pq_event e = {
      .seq = 1, .target = PQ_TARGET_COLLECTION, .op = PQ_EVENT_DELETE, .id = PQ_SLICE("posts")};
  unit_cx_init(&cx);
  pq_overlay_init(&o, &cx);
  CHECK(pq_overlay_add(&o, &e) == PQ_EUNSUPPORTED);
  e.target = PQ_TARGET_ENTITY;
  CHECK(pq_overlay_add(&o, &e) == PQ_ECORRUPT);
  CHECK(o.version_count == 0 && o.key_count == 0);
  CHECK(fill(&o) == PQ_OK);
  pq_overlay_release(&o);
  CHECK(unit_live_len == 0);
}

static void test_overlay_many(void) {
  enum { IDS = 700, EVENTS = 5000 };
  static char ids[IDS][16];
  pq_cx cx;
  pq_overlay o;
  int wrong = 0;
  unit_cx_init(&cx);
  pq_overlay_init(&o, &cx);
  for (int i = 0; i < IDS; i++)
    snprintf(ids[i], sizeof ids[i], "c%d/%d", i % 7, i);
  for (uint64_t n = 0; n < EVENTS; n++)
    wrong += add(&o, entity(n + 1, ids[n % IDS], n / IDS + 1)) != PQ_OK;
  CHECK(wrong == 0 && o.key_count == IDS && o.collections.count == 7);
  for (uint64_t n = 0; n < IDS; n++) {
    wrong += entity_seq(&o, ids[n], 4 * IDS) != 3 * IDS + n + 1;
    wrong += entity_seq(&o, ids[n], n) != 0;
    wrong += o.versions[o.keys[n].first].event.version != 1;
  }
  CHECK(wrong == 0);
  CHECK(o.held_len > 0);
  pq_overlay_release(&o);
  CHECK(unit_live_len == 0);
}

/* ---- the order of a collection ---- */

/* A hard delete, or what makes the entity (again). */
static pq_event life(uint64_t seq, const char *id, bool is_end) {
  pq_event e = entity(seq, id, 1);
  if (!is_end) return e;
  e.op = PQ_EVENT_DELETE;
  e.after = (pq_value){0};
  return e;
}

/* The local ids of what is in "t" at `seq`, in the order of a view's walk. */
static const char *order(pq_overlay *o, uint64_t seq, char out[64]) {
  pq_view v = {.overlay = o, .seq = seq};
  pq_tail_walk w = pq_tail_begin(&v, PQ_TAIL_ENTITIES, PQ_SLICE("t"));
  const pq_event *e;
  size_t n = 0;
  while (n < 63 && (e = pq_tail_next(&w)) != NULL)
    if (!pq_value_is_missing(e->after)) out[n++] = (char)e->id.p[2];
  out[n] = '\0';
  return out;
}

static int fill_lives(pq_overlay *o) {
  PQ_TRY(add(o, life(1, "t/a", false)));
  PQ_TRY(add(o, life(2, "t/b", false)));
  PQ_TRY(add(o, life(3, "t/c", false)));
  PQ_TRY(add(o, life(4, "t/a", true)));
  PQ_TRY(add(o, life(5, "t/a", true))); /* a replay may say so */
  PQ_TRY(add(o, life(6, "t/b", true)));
  PQ_TRY(add(o, life(7, "t/b", false)));
  PQ_TRY(add(o, life(8, "t/a", false)));
  PQ_TRY(add(o, entity(9, "t/c", 2)));
  PQ_TRY(add(o, life(10, "t/b", true)));
  return add(o, life(11, "t/b", false));
}

static void test_overlay_order(void) {
  static const char *const at[] = {"",  "a",  "ab",  "abc", "bc", "bc",
                                   "c", "cb", "cba", "cba", "ca", "cab"};
  pq_cx cx;
  pq_overlay o;
  char text[64];
  unit_cx_init(&cx);
  pq_overlay_init(&o, &cx);
  CHECK(fill_lives(&o) == PQ_OK);
  for (uint64_t seq = 0; seq < sizeof at / sizeof *at; seq++)
    CHECK(strcmp(order(&o, seq, text), at[seq]) == 0);
  CHECK(strcmp(order(&o, ALL, text), "cab") == 0);
  CHECK(o.key_count == 3 && o.place_count == 3 && entity_seq(&o, "t/b", 9) == 7);
  CHECK(pq_tail_count(&(pq_view){.overlay = &o, .seq = ALL}, PQ_TAIL_ENTITIES, PQ_SLICE("t")) == 3);
  pq_overlay_release(&o);
  CHECK(unit_live_len == 0);
}

/* Lives and ends at random; at every seq what is there stands as it was made last. */
static void test_overlay_order_random(void) {
  enum { EVENTS = 3000, IDS = 40 };
  static char ids[IDS][4], now[IDS + 1], then[EVENTS + 1][IDS + 1];
  uint64_t random = 88172645463325252u;
  int wrong = 0;
  pq_cx cx;
  pq_overlay o;
  unit_cx_init(&cx);
  pq_overlay_init(&o, &cx);
  for (int i = 0; i < IDS; i++)
    snprintf(ids[i], sizeof ids[i], "t/%c", '0' + i);
  for (uint64_t seq = 1; seq <= EVENTS; seq++) {
    char *id, *found;
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    id = ids[random % IDS];
    found = strchr(now, id[2]);
    if (found != NULL)
      memmove(found, found + 1, strlen(found));
    else
      strncat(now, id + 2, 1);
    memcpy(then[seq], now, sizeof now);
    wrong += add(&o, life(seq, id, found != NULL)) != PQ_OK;
  }
  for (uint64_t seq = 1; seq <= EVENTS; seq++) {
    char text[64];
    wrong += strcmp(order(&o, seq, text), then[seq]) != 0;
  }
  CHECK(wrong == 0);
  CHECK(o.key_count == IDS && o.place_count > EVENTS / 3);
  pq_overlay_release(&o);
  CHECK(unit_live_len == 0);
}

/* ---- batches ---- */

/* A batch of three events, seq 5 to 7; its raw bytes. */
static int make_batch(pq_cx *cx, pq_buf *raw) {
  pq_event events[] = {entity(5, "posts/p1", 1), edge(6, "posts/p1", "author", "users/u1"),
                       entity(7, "posts/p1", 2)};
  pq_batch_writer w;
  pq_compressor compressor;
  pq_buf body;
  int rc = PQ_OK;
  *raw = (pq_buf){0};
  pq_compressor_init(&compressor, cx);
  pq_batch_writer_init(&w, cx);
  pq_buf_init(&body, cx, 1 << 20);
  for (int i = 0; i < 3 && rc == PQ_OK; i++)
    rc = pq_batch_add(&w, &events[i]);
  if (rc == PQ_OK) rc = pq_batch_finish(&w, &compressor, &body, raw);
  pq_buf_release(&body);
  pq_batch_writer_release(&w);
  pq_compressor_release(&compressor);
  return rc;
}

static int load(pq_cx *cx, pq_overlay *o, uint64_t seq_after) {
  pq_buf raw;
  int rc = make_batch(cx, &raw);
  if (rc == PQ_OK) return pq_overlay_add_batch(o, &raw, 5, 3, seq_after);
  pq_buf_release(&raw);
  return rc;
}

static void test_overlay_batch(void) {
  pq_cx cx;
  pq_overlay o;
  unit_cx_init(&cx);
  pq_overlay_init(&o, &cx);
  CHECK(load(&cx, &o, 0) == PQ_OK);
  CHECK(o.version_count == 3 && entity_seq(&o, "posts/p1", ALL) == 7);
  CHECK(edge_seq(&o, "posts/p1", "author", "users/u1", ALL) == 6);
  pq_overlay_release(&o);
  pq_overlay_init(&o, &cx);
  CHECK(load(&cx, &o, 6) == PQ_OK); /* flushed up to 6 */
  CHECK(o.version_count == 1 && entity_seq(&o, "posts/p1", ALL) == 7);
  CHECK(entity_seq(&o, "posts/p1", 6) == 0);
  pq_overlay_release(&o);
  CHECK(unit_live_len == 0);
}

static void test_overlay_own_batch(void) {
  pq_cx cx;
  pq_overlay o;
  pq_buf raw;
  unit_cx_init(&cx);
  pq_overlay_init(&o, &cx);
  CHECK(make_batch(&cx, &raw) == PQ_OK);
  CHECK(pq_overlay_add_own(&o, &raw, 5, 3) == PQ_OK && raw.p == NULL);
  CHECK(o.version_count == 3 && entity_seq(&o, "posts/p1", ALL) == 7);
  CHECK(edge_seq(&o, "posts/p1", "author", "users/u1", ALL) == 6);
  pq_overlay_release(&o);
  CHECK(unit_live_len == 0);
}

static void test_overlay_damaged_batch(void) {
  pq_cx cx;
  pq_overlay o;
  pq_buf raw;
  unit_cx_init(&cx);
  pq_overlay_init(&o, &cx);
  CHECK(make_batch(&cx, &raw) == PQ_OK);
  raw.len--; /* the last event is cut */
  CHECK(pq_overlay_add_batch(&o, &raw, 5, 3, 0) == PQ_ECORRUPT);
  CHECK(raw.p == NULL); /* taken either way */
  pq_overlay_release(&o);
  CHECK(unit_live_len == 0);
}

static void test_overlay_oom(void) {
  int rc = PQ_OK;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    pq_cx cx;
    pq_overlay o;
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_overlay_init(&o, &cx);
    rc = load(&cx, &o, 0);
    if (rc == PQ_OK) rc = add(&o, life(8, "posts/p1", true));
    if (rc == PQ_OK) rc = add(&o, life(9, "posts/p1", false));
    if (rc == PQ_OK) rc = fill(&o);
    pq_overlay_release(&o);
  }
}

static pq_event replacing(uint64_t seq, const char *id, const char *file, uint64_t row) {
  pq_event e = entity(seq, id, 2);
  e.where_file = pq_str(file);
  e.where_row = row;
  return e;
}

/* Which of rows 10 to 17 of a file the view hides, as digits. */
static const char *hidden_rows(pq_overlay *o, uint64_t seq, const char *file) {
  static char text[9];
  uint8_t hidden[8] = {0};
  pq_view v = {.overlay = o, .seq = seq};
  pq_view_mark_overlay(&v, pq_str(file), 10, 8, hidden);
  for (int i = 0; i < 8; i++)
    text[i] = (char)('0' + hidden[i]);
  return text;
}

static void place(void *ud, pq_event *e) {
  *(int *)ud += 1;
  e->where_file = PQ_SLICE("d");
  e->where_row = 17;
}

/* Rows that first events replace, by file; later events of the same entity name none. */
static void test_overlay_files(void) {
  pq_cx cx;
  pq_overlay o;
  int placed = 0;
  unit_cx_init(&cx);
  pq_overlay_init(&o, &cx);
  CHECK(add(&o, replacing(1, "t/a", "d", 10)) == PQ_OK);
  CHECK(add(&o, replacing(2, "t/b", "e", 11)) == PQ_OK);
  CHECK(add(&o, replacing(3, "t/c", "d", 12)) == PQ_OK);
  CHECK(add(&o, replacing(4, "t/a", "e", 13)) == PQ_OK); /* not its first */
  CHECK(add(&o, entity(5, "t/new", 1)) == PQ_OK);
  CHECK(add(&o, edge(6, "t/a", "p", "t/b")) == PQ_OK);
  CHECK(add(&o, replacing(7, "t/d", "d", 9)) == PQ_OK);
  CHECK(add(&o, replacing(8, "t/e", "d", 18)) == PQ_OK);
  CHECK(o.files.count == 2);
  CHECK(strcmp(hidden_rows(&o, ALL, "d"), "10100000") == 0);
  CHECK(strcmp(hidden_rows(&o, 2, "d"), "10000000") == 0);
  CHECK(strcmp(hidden_rows(&o, ALL, "e"), "01000000") == 0);
  CHECK(strcmp(hidden_rows(&o, 1, "e"), "00000000") == 0);
  CHECK(strcmp(hidden_rows(&o, ALL, "f"), "00000000") == 0);
  CHECK(add(&o, entity(9, "t/f", 2)) == PQ_OK); /* has a row, nobody knows where */
  CHECK(o.files.count == 3 && pq_chain_first(&o.files, (pq_slice){0}) != PQ_NONE);
  o.place = place;
  o.place_ud = &placed;
  CHECK(add(&o, entity(10, "t/g", 2)) == PQ_OK && add(&o, entity(11, "t/g", 3)) == PQ_OK);
  CHECK(add(&o, entity(12, "t/h", 1)) == PQ_OK && placed == 1);
  CHECK(strcmp(hidden_rows(&o, ALL, "d"), "10100001") == 0);
  pq_overlay_release(&o);
  CHECK(unit_live_len == 0);
}

int main(void) {
  RUN(test_overlay_versions);
  RUN(test_overlay_edges);
  RUN(test_overlay_chains);
  RUN(test_overlay_files);
  RUN(test_overlay_refuses);
  RUN(test_overlay_many);
  RUN(test_overlay_order);
  RUN(test_overlay_order_random);
  RUN(test_overlay_batch);
  RUN(test_overlay_own_batch);
  RUN(test_overlay_damaged_batch);
  RUN(test_overlay_oom);
  return unit_end();
}
