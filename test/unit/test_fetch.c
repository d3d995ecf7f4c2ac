/* Unit tests of io/fetch.c: what is asked, what is shared, what a re-run sees, and failures. */
#include "io/fetch.h"
#include "unit.h"

static const pq_slice EMPTY = {NULL, 0};

/* Answer every pending request: READ bytes are the low bytes of their offsets, GET and LIST reply
 * with "reply", HOT echoes its body. Returns how many there were. */
static int answer_all(pq_fetch *f) {
  pq_io_req r;
  int n = 0;
  for (; pq_fetch_take(f, &r); n++) {
    pq_slice reply = EMPTY;
    if (r.kind == PQ_IO_READ)
      for (size_t i = 0; i < r.len; i++)
        r.buf[i] = (uint8_t)(r.off + i);
    if (r.kind == PQ_IO_GET || r.kind == PQ_IO_LIST) reply = PQ_SLICE("reply");
    if (r.kind == PQ_IO_HOT) reply = (pq_slice){r.buf, r.len};
    pq_fetch_done(f, r.id, PQ_OK, reply, NULL);
  }
  return n;
}

static void fail_next(pq_fetch *f, int rc, const char *detail) {
  pq_io_req r;
  CHECK(pq_fetch_take(f, &r));
  pq_fetch_done(f, r.id, rc, EMPTY, detail);
}

/* A replacement carries both bodies; a conflict and an absent object are answers. */
static void test_fetch_put_if(void) {
  pq_cx cx;
  pq_fetch f;
  pq_io_req r;
  pq_stat stat = {0};
  uint8_t bytes[PQ_STAT_LEN];
  unit_cx_init(&cx);
  pq_fetch_init(&f, &cx);
  cx.msg[0] = '\0';
  CHECK(pq_fetch_put_if(&f, "n/boundary", PQ_SLICE("old"), PQ_SLICE("newer")) == PQ_NEED_IO);
  CHECK(pq_fetch_stat(&f, "n/log/1", &stat) == PQ_NEED_IO);
  CHECK(pq_fetch_stat(&f, "n/log/2", &stat) == PQ_NEED_IO);
  CHECK(pq_fetch_take(&f, &r) && r.kind == PQ_IO_PUT_IF && r.off == 3 && r.len == 8);
  CHECK(memcmp(r.buf, "oldnewer", 8) == 0);
  pq_fetch_done(&f, r.id, PQ_ECONFLICT, EMPTY, NULL);
  CHECK(pq_fetch_take(&f, &r) && r.kind == PQ_IO_STAT);
  pq_stat_put(&(pq_stat){7, -5, INT64_MAX}, bytes);
  pq_fetch_done(&f, r.id, PQ_OK, (pq_slice){bytes, sizeof bytes}, NULL);
  fail_next(&f, PQ_ENOTFOUND, NULL);
  CHECK(pq_fetch_put_if(&f, "n/boundary", PQ_SLICE("old"), PQ_SLICE("newer")) == PQ_ECONFLICT);
  CHECK(pq_fetch_stat(&f, "n/log/1", &stat) == PQ_OK);
  CHECK(stat.len == 7 && stat.modified_us == -5 && stat.now_us == INT64_MAX);
  CHECK(pq_fetch_stat(&f, "n/log/2", &stat) == PQ_ENOTFOUND);
  CHECK(stat.len == 0 && cx.msg[0] == '\0');
  pq_fetch_clear(&f);
  CHECK(pq_fetch_put_if(&f, "n/boundary", EMPTY, PQ_SLICE("x")) == PQ_NEED_IO);
  fail_next(&f, PQ_EIO, "lost");
  CHECK(pq_fetch_put_if(&f, "n/boundary", EMPTY, PQ_SLICE("x")) == PQ_EIO);
  CHECK(strstr(cx.msg, "n/boundary: replace: lost") != NULL);
  pq_fetch_release(&f);
  CHECK(unit_live_len == 0);
}

static void test_fetch_restart(void) {
  pq_cx cx;
  pq_fetch f;
  pq_slice a, b;
  unit_cx_init(&cx);
  pq_fetch_init(&f, &cx);
  CHECK(pq_fetch_read(&f, "n/a", 10, 20, &a) == PQ_NEED_IO);
  CHECK(a.p == NULL && a.n == 0);
  CHECK(pq_fetch_read(&f, "n/b", 10, 20, &b) == PQ_NEED_IO);
  CHECK(f.unfinished == 2);
  CHECK(pq_fetch_read(&f, "n/a", 10, 20, &a) == PQ_NEED_IO);
  CHECK(f.unfinished == 2);
  CHECK(answer_all(&f) == 2);
  CHECK(f.unfinished == 0);
  CHECK(pq_fetch_read(&f, "n/a", 10, 20, &a) == PQ_OK);
  CHECK(a.n == 20 && a.p[0] == 10 && a.p[19] == 29);
  CHECK(answer_all(&f) == 0);
  CHECK(f.stat_requests == 2 && f.stat_bytes == 40 && f.held_len == 40);
  pq_fetch_clear(&f);
  CHECK(f.held_len == 0 && f.stat_requests == 2);
  CHECK(pq_fetch_read(&f, "n/a", 10, 20, &a) == PQ_NEED_IO);
  CHECK(answer_all(&f) == 1);
  pq_fetch_release(&f);
  pq_fetch_release(&f);
  CHECK(unit_live_len == 0);
}

static void test_fetch_share(void) {
  pq_cx cx;
  pq_fetch f;
  pq_slice a, b;
  unit_cx_init(&cx);
  pq_fetch_init(&f, &cx);
  CHECK(pq_fetch_read(&f, "k", 100, 50, &a) == PQ_NEED_IO);
  CHECK(pq_fetch_read(&f, "k", 110, 40, &a) == PQ_NEED_IO);
  CHECK(pq_fetch_read(&f, "k", 110, 41, &a) == PQ_NEED_IO); /* sticks out: its own request */
  CHECK(pq_fetch_read(&f, "k", 100, 50, &a) == PQ_NEED_IO);
  CHECK(f.unfinished == 2);
  CHECK(answer_all(&f) == 2);
  CHECK(pq_fetch_read(&f, "k", 120, 5, &b) == PQ_OK);
  CHECK(b.n == 5 && b.p[0] == 120);
  /* A larger range takes the place of those inside it, which keep their own answers. */
  CHECK(pq_fetch_read(&f, "k", 0, 1000, &a) == PQ_NEED_IO);
  CHECK(pq_fetch_read(&f, "k", 100, 50, &b) == PQ_OK);
  CHECK(pq_fetch_read(&f, "k", 130, 100, &b) == PQ_NEED_IO);
  CHECK(f.unfinished == 1);
  CHECK(answer_all(&f) == 1);
  CHECK(pq_fetch_read(&f, "k", 130, 100, &b) == PQ_OK);
  CHECK(b.p[0] == 130 && b.p[99] == 229);
  /* The same start but longer; another key; nothing at all. */
  CHECK(pq_fetch_read(&f, "k", 0, 1001, &a) == PQ_NEED_IO);
  CHECK(pq_fetch_read(&f, "k2", 0, 10, &a) == PQ_NEED_IO);
  CHECK(pq_fetch_read(&f, "k", 0, 0, &a) == PQ_OK);
  CHECK(f.unfinished == 2);
  CHECK(answer_all(&f) == 2);
  pq_fetch_release(&f);
  CHECK(unit_live_len == 0);
}

/* Random ranges against a plain linear search. */
static void test_fetch_share_random(void) {
  enum { N = 3000 };
  static uint64_t offs[N], lens[N];
  static char keys[N];
  size_t count = 0;
  uint64_t rnd = 12345;
  pq_cx cx;
  pq_fetch f;
  pq_slice s;
  int bad = 0;
  unit_cx_init(&cx);
  pq_fetch_init(&f, &cx);
  for (int i = 0; i < N; i++) {
    uint64_t off, len, before = f.stat_requests;
    char key[2] = {0};
    bool is_covered = false;
    rnd = rnd * 6364136223846793005u + 1442695040888963407u;
    off = (rnd >> 40) % 5000;
    len = (rnd >> 20) % 60 + 1;
    key[0] = (char)('a' + (rnd >> 60) % 3);
    for (size_t j = 0; j < count && !is_covered; j++)
      is_covered = keys[j] == key[0] && offs[j] <= off && off + len <= offs[j] + lens[j];
    if (pq_fetch_read(&f, key, off, len, &s) < 0) bad++;
    if ((f.stat_requests == before) != is_covered) bad++;
    offs[count] = off, lens[count] = len, keys[count++] = key[0];
    if (i % 97 == 0) answer_all(&f);
  }
  answer_all(&f);
  for (size_t j = 0; j < count; j++) {
    char key[2] = {keys[j], '\0'};
    if (pq_fetch_read(&f, key, offs[j], lens[j], &s) != PQ_OK || s.n != lens[j] ||
        s.p[0] != (uint8_t)offs[j] || s.p[s.n - 1] != (uint8_t)(offs[j] + s.n - 1))
      bad++;
  }
  CHECK(bad == 0);
  pq_fetch_release(&f);
  CHECK(unit_live_len == 0);
}

static void test_fetch_writes(void) {
  pq_cx cx;
  pq_fetch f;
  pq_io_req r;
  pq_slice reply;
  uint8_t first[] = "body", second[] = "body", hot[] = "hot";
  unit_cx_init(&cx);
  pq_fetch_init(&f, &cx);
  CHECK(pq_fetch_put_new(&f, "n/x", (pq_slice){first, 4}) == PQ_NEED_IO);
  CHECK(pq_fetch_put_new(&f, "n/x", (pq_slice){second, 4}) == PQ_NEED_IO);
  CHECK(pq_fetch_delete(&f, "n/x") == PQ_NEED_IO);
  CHECK(pq_fetch_delete(&f, "n/x") == PQ_NEED_IO);
  CHECK(pq_fetch_hot(&f, "n", (pq_slice){hot, 3}, &reply) == PQ_NEED_IO);
  hot[0] = 'H'; /* it was copied; another body is another request */
  CHECK(pq_fetch_hot(&f, "n", PQ_SLICE("hot"), &reply) == PQ_NEED_IO);
  CHECK(pq_fetch_hot(&f, "n", PQ_SLICE("hat"), &reply) == PQ_NEED_IO);
  CHECK(pq_fetch_hot(&f, "m", PQ_SLICE("hot"), &reply) == PQ_NEED_IO);
  CHECK(f.unfinished == 5);
  CHECK(pq_fetch_put_part(&f, "n/p", 0, (pq_slice){first, 4}, false) == PQ_NEED_IO);
  CHECK(pq_fetch_put_part(&f, "n/p", 4, (pq_slice){first, 4}, false) == PQ_NEED_IO);
  CHECK(pq_fetch_put_part(&f, "n/p", 4, (pq_slice){first, 4}, false) == PQ_NEED_IO);
  CHECK(pq_fetch_put_part(&f, "n/p", 8, (pq_slice){first, 4}, true) == PQ_NEED_IO);
  CHECK(pq_fetch_put_part(&f, "n/p", UINT64_MAX, (pq_slice){first, 4}, true) == PQ_ELIMIT);
  CHECK(f.unfinished == 8);
  CHECK(pq_fetch_take(&f, &r));
  CHECK(r.kind == PQ_IO_PUT_NEW && r.buf == second && r.len == 4);
  CHECK(pq_fetch_put_new(&f, "n/x", (pq_slice){first, 4}) == PQ_NEED_IO);
  pq_fetch_done(&f, r.id, PQ_OK, EMPTY, NULL);
  CHECK(pq_fetch_put_new(&f, "n/x", (pq_slice){first, 4}) == PQ_OK);
  CHECK(answer_all(&f) == 7);
  CHECK(pq_fetch_put_part(&f, "n/p", 4, (pq_slice){second, 4}, false) == PQ_OK);
  CHECK(pq_fetch_delete(&f, "n/x") == PQ_OK);
  CHECK(pq_fetch_hot(&f, "n", PQ_SLICE("hot"), &reply) == PQ_OK && pq_slice_is(reply, "hot"));
  CHECK(pq_fetch_hot(&f, "n", PQ_SLICE("hat"), &reply) == PQ_OK && pq_slice_is(reply, "hat"));
  CHECK(answer_all(&f) == 0);
  pq_fetch_release(&f);
  CHECK(unit_live_len == 0);
}

static void test_fetch_failures(void) {
  pq_cx cx;
  pq_fetch f;
  pq_slice s;
  unit_cx_init(&cx);
  pq_fetch_init(&f, &cx);
  snprintf(cx.msg, sizeof cx.msg, "before");
  CHECK(pq_fetch_get(&f, "n/boundary", 100, &s) == PQ_NEED_IO);
  fail_next(&f, PQ_ENOTFOUND, "no such object");
  CHECK(pq_fetch_get(&f, "n/boundary", 100, &s) == PQ_ENOTFOUND);
  CHECK(pq_fetch_put_new(&f, "n/log/1", PQ_SLICE("x")) == PQ_NEED_IO);
  fail_next(&f, PQ_ECONFLICT, "it exists");
  CHECK(pq_fetch_put_new(&f, "n/log/1", PQ_SLICE("x")) == PQ_ECONFLICT);
  CHECK(pq_fetch_delete(&f, "n/gone") == PQ_NEED_IO);
  fail_next(&f, PQ_ENOTFOUND, NULL);
  CHECK(pq_fetch_delete(&f, "n/gone") == PQ_OK);
  CHECK(strcmp(cx.msg, "before") == 0);
  CHECK(pq_fetch_read(&f, "n/a", 7, 3, &s) == PQ_NEED_IO);
  fail_next(&f, PQ_ECORRUPT, "object is shorter");
  CHECK(pq_fetch_read(&f, "n/a", 7, 3, &s) == PQ_ECORRUPT);
  CHECK(strcmp(cx.msg, "n/a: read of 3 bytes at 7: object is shorter") == 0);
  CHECK(pq_fetch_read(&f, "n/b", 7, 3, &s) == PQ_NEED_IO);
  fail_next(&f, PQ_EIO, NULL);
  CHECK(pq_fetch_read(&f, "n/b", 7, 3, &s) == PQ_EIO);
  CHECK(strstr(cx.msg, "STORAGE_ERROR") != NULL);
  CHECK(pq_fetch_put_new(&f, "n/log/2", PQ_SLICE("x")) == PQ_NEED_IO);
  fail_next(&f, PQ_EIO, "disk full");
  CHECK(pq_fetch_put_new(&f, "n/log/2", PQ_SLICE("x")) == PQ_EIO);
  CHECK(strcmp(cx.msg, "n/log/2: put: disk full") == 0);
  pq_fetch_release(&f);
  CHECK(unit_live_len == 0);
}

static void test_fetch_limits(void) {
  pq_cx cx;
  pq_fetch f;
  pq_slice s;
  char key[40];
  unit_cx_init(&cx);
  cx.limits.fetch_len_max = 100;
  cx.limits.key_len_max = 32;
  pq_fetch_init(&f, &cx);
  CHECK(pq_fetch_read(&f, "k", UINT64_MAX, 2, &s) == PQ_ECORRUPT);
  CHECK(pq_fetch_read(&f, "k", 2, UINT64_MAX - 3, &s) == PQ_ECORRUPT);
  CHECK(pq_fetch_read(&f, "k", 0, 101, &s) == PQ_ELIMIT);
  CHECK(pq_fetch_read(&f, "k", 0, 90, &s) == PQ_NEED_IO);
  CHECK(pq_fetch_read(&f, "k", 100, 11, &s) == PQ_ELIMIT);
  CHECK(pq_fetch_read(&f, "k", 100, 6, &s) == PQ_NEED_IO);
  memset(key, 'k', sizeof key);
  key[33] = '\0';
  CHECK(pq_fetch_delete(&f, key) == PQ_ELIMIT);
  CHECK(pq_fetch_get(&f, "small", 4, &s) == PQ_NEED_IO);
  CHECK(pq_fetch_list(&f, "dir/", &s) == PQ_NEED_IO); /* 4 bytes of room, the reply has 5 */
  CHECK(answer_all(&f) == 4);
  CHECK(pq_fetch_get(&f, "small", 4, &s) == PQ_ELIMIT);
  CHECK(strstr(cx.msg, "small") != NULL);
  CHECK(pq_fetch_list(&f, "dir/", &s) == PQ_ELIMIT);
  pq_fetch_clear(&f);
  CHECK(pq_fetch_list(&f, "dir/", &s) == PQ_NEED_IO);
  CHECK(pq_fetch_get(&f, "small", 40, &s) == PQ_NEED_IO);
  CHECK(answer_all(&f) == 2);
  CHECK(pq_fetch_get(&f, "small", 40, &s) == PQ_OK && pq_slice_is(s, "reply"));
  CHECK(pq_fetch_get(&f, "small", 4, &s) == PQ_ELIMIT);
  CHECK(pq_fetch_list(&f, "dir/", &s) == PQ_OK && pq_slice_is(s, "reply"));
  pq_fetch_release(&f);
  CHECK(unit_live_len == 0);
}

static void test_fetch_take_nth(void) {
  pq_cx cx;
  pq_fetch f;
  pq_slice s;
  pq_io_req r;
  unit_cx_init(&cx);
  pq_fetch_init(&f, &cx);
  for (uint64_t i = 0; i < 4; i++)
    CHECK(pq_fetch_read(&f, "k", i * 10, 1, &s) == PQ_NEED_IO);
  CHECK(pq_fetch_take_nth(&f, 2, &r) && r.off == 20);
  pq_fetch_done(&f, r.id, PQ_EIO, EMPTY, NULL);
  CHECK(pq_fetch_take_nth(&f, 2, &r) && r.off == 30);
  pq_fetch_done(&f, r.id, PQ_EIO, EMPTY, NULL);
  CHECK(!pq_fetch_take_nth(&f, 2, &r));
  CHECK(pq_fetch_take(&f, &r) && r.off == 0);
  pq_fetch_done(&f, r.id, PQ_EIO, EMPTY, NULL);
  CHECK(f.unfinished == 1);
  pq_fetch_release(&f); /* a request that nobody took is forgotten */
  CHECK(unit_live_len == 0);
}

/* One stage that asks for everything, driven to its end. */
static int stage(pq_fetch *f) {
  pq_slice s;
  int need = 0, rc;
  for (uint64_t i = 0; i < 20; i++) {
    rc = pq_fetch_read(f, "n/data/file", i * 100, 10, &s);
    if (rc < 0) return rc;
    need |= rc;
  }
  rc = pq_fetch_get(f, "n/boundary", 100, &s);
  if (rc < 0) return rc;
  need |= rc;
  rc = pq_fetch_hot(f, "n", PQ_SLICE("hot"), &s);
  if (rc < 0) return rc;
  need |= rc;
  rc = pq_fetch_put_new(f, "n/log/1", PQ_SLICE("x"));
  if (rc < 0) return rc;
  return need | rc;
}

/* A plan's notes: counted once, shared as requests are, never handed out, and no bytes for anybody.
 */
static void test_fetch_notes(void) {
  pq_cx cx;
  pq_fetch f;
  pq_slice a;
  unit_cx_init(&cx);
  pq_fetch_init(&f, &cx);
  f.is_plan = true;
  CHECK(pq_fetch_note(&f, "n/a", 100, 50, 1) == PQ_OK);
  CHECK(pq_fetch_note(&f, "n/a", 100, 50, 1) == PQ_OK); /* the same */
  CHECK(pq_fetch_note(&f, "n/a", 110, 20, 1) == PQ_OK); /* inside */
  CHECK(pq_fetch_note(&f, "n/a", 5, 0, 1) == PQ_OK);    /* nothing */
  CHECK(f.noted_requests == 1 && f.noted_bytes == 50);
  CHECK(pq_fetch_note(&f, "n/b", 100, 50, 3) == PQ_OK); /* as many as a part may need */
  CHECK(f.noted_requests == 4 && f.noted_bytes == 100);
  CHECK(f.stat_requests == 0 && f.stat_bytes == 0 && f.unfinished == 0 && answer_all(&f) == 0);
  /* A pass that added notes is a round, unless it waits anyway; one that added none is not. */
  pq_fetch_note_round(&f, true);
  CHECK(f.noted_rounds == 0);
  pq_fetch_note_round(&f, false);
  CHECK(f.noted_rounds == 0);
  CHECK(pq_fetch_note(&f, "n/b", 0, 10, 1) == PQ_OK);
  pq_fetch_note_round(&f, false);
  CHECK(f.noted_rounds == 1);
  /* A note has no bytes: a read of them is a request. A request covers notes. */
  CHECK(pq_fetch_read(&f, "n/a", 110, 20, &a) == PQ_NEED_IO);
  CHECK(f.stat_requests == 1 && answer_all(&f) == 1);
  CHECK(pq_fetch_read(&f, "n/a", 110, 20, &a) == PQ_OK && a.n == 20 && a.p[0] == 110);
  CHECK(pq_fetch_read(&f, "n/c", 0, 100, &a) == PQ_NEED_IO);
  CHECK(pq_fetch_note(&f, "n/c", 10, 20, 1) == PQ_OK);
  CHECK(f.noted_requests == 5 && f.noted_bytes == 110);
  CHECK(answer_all(&f) == 1);
  CHECK(pq_fetch_note(&f, "n/a", UINT64_MAX, 2, 1) == PQ_ECORRUPT);
  /* Sums outlive a stage, notes do not. */
  pq_fetch_clear(&f);
  CHECK(f.noted_requests == 5);
  CHECK(pq_fetch_note(&f, "n/a", 100, 50, 1) == PQ_OK);
  CHECK(f.noted_requests == 6 && f.noted_bytes == 160);
  pq_fetch_release(&f);
}

/* What a set has goes to another one: slices stay, and the first begins anew. */
static void test_fetch_move(void) {
  pq_cx cx;
  pq_fetch f, g;
  pq_slice a, b;
  unit_cx_init(&cx);
  pq_fetch_init(&f, &cx);
  pq_fetch_init(&g, &cx);
  CHECK(pq_fetch_read(&f, "n/a", 10, 50, &a) == PQ_NEED_IO);
  CHECK(answer_all(&f) == 1);
  CHECK(pq_fetch_read(&f, "n/a", 10, 50, &a) == PQ_OK);
  f.found = pq_arena_alloc(&f.kept, 10);
  pq_fetch_move(&f, &g);
  CHECK(f.count == 0 && f.held_len == 0 && f.found == NULL && f.stat_requests == 1);
  CHECK(g.held_len == 50 && g.found != NULL && g.stat_requests == 0);
  CHECK(pq_fetch_read(&g, "n/a", 20, 10, &b) == PQ_OK && b.p == a.p + 10 && b.p[0] == 20);
  CHECK(pq_fetch_read(&f, "n/a", 20, 10, &b) == PQ_NEED_IO);
  CHECK(f.stat_requests == 2 && answer_all(&f) == 1);
  pq_fetch_release(&g);
  CHECK(pq_fetch_read(&f, "n/a", 20, 10, &b) == PQ_OK && b.p[0] == 20);
  pq_fetch_release(&f);
}

static void test_fetch_out_of_memory(void) {
  pq_cx cx;
  pq_fetch f;
  int rc;
  for (long n = 1; n > 0; n = unit_oom_next(n, rc)) {
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_fetch_init(&f, &cx);
    while ((rc = stage(&f)) == PQ_NEED_IO)
      answer_all(&f);
    pq_fetch_release(&f);
  }
}

int main(void) {
  RUN(test_fetch_put_if);
  RUN(test_fetch_restart);
  RUN(test_fetch_share);
  RUN(test_fetch_share_random);
  RUN(test_fetch_writes);
  RUN(test_fetch_failures);
  RUN(test_fetch_limits);
  RUN(test_fetch_take_nth);
  RUN(test_fetch_notes);
  RUN(test_fetch_move);
  RUN(test_fetch_out_of_memory);
  return unit_end();
}
