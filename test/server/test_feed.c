/* test/server/test_feed.c - feeds: from now, from a place, over a flush, what is not about them;
 * retention; options that are wrong; out of memory. */
#include "server/feed.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "value/json.h"

static pq_cx cx;
static pq_builder *builder;
static pqdb *db;
static pq_feed feed;

static void run(const char *text) {
  pqdb_replies *r;
  const char *json;
  size_t len;
  int rc = pqdb_run(db, NULL, text, strlen(text), NULL, 0, &r);
  while (rc == PQDB_OK && (rc = pqdb_next(r, &json, &len)) == PQDB_ROW)
    rc = PQDB_OK;
  if (rc != PQDB_DONE) fprintf(stderr, "%s: %s\n", text, pqdb_message(db));
  CHECK(rc == PQDB_DONE);
  if (rc == PQDB_DONE) pqdb_replies_close(r);
}

static void begin(void) {
  pqdb_options options = {.size = sizeof options, .maintain = PQDB_MAINTAIN_NEVER};
  unit_cx_init(&cx);
  CHECK(pqdb_open_memory(&options, &db) == PQDB_OK);
  CHECK(pq_builder_new(&cx, &builder) == PQ_OK);
  feed = (pq_feed){0};
}

static void end(void) {
  pq_feed_close(&feed);
  pq_builder_free(builder);
  pqdb_close(db);
  CHECK(unit_live_len == 0);
}

/* The ids of the events that are there, "posts/a posts/b"; an error's name. */
static const char *rest(void) {
  static char text[400];
  pq_feed_state state;
  pq_value event;
  pq_slice id;
  int rc;
  size_t n = 0;
  text[0] = '\0';
  while ((rc = pq_feed_next(&feed, &state, &event)) == PQ_OK && state != PQ_FEED_WAITS) {
    if (state == PQ_FEED_READS) {
      (void)pqdb_poll(db);
    } else if (pq_value_string(pq_object_get_str(event, "entityId"), &id)) {
      n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", n > 0 ? " " : "", (int)id.n,
                            (const char *)id.p);
    }
  }
  return rc == PQ_OK ? text : pq_status_name(rc);
}

static bool is(const char *wanted) {
  const char *got = rest();
  if (strcmp(got, wanted) != 0) fprintf(stderr, "got %s, wanted %s\n", got, wanted);
  return strcmp(got, wanted) == 0;
}

static int open_on(pq_feed_want want) {
  want.ns = "default";
  return pq_feed_open(&feed, db, &cx, builder, &want);
}

static void test_from_now(void) {
  begin();
  run("{\"insert\":\"posts\",\"documents\":[{\"$id\":\"a\"}]}");
  CHECK(open_on((pq_feed_want){.collection = "posts"}) == PQ_OK);
  CHECK(is("")); /* "now" is when it is first asked */
  CHECK(!pq_feed_has_news(&feed));
  run("{\"insert\":\"users\",\"documents\":[{\"$id\":\"u\"}]}");
  CHECK(!pq_feed_has_news(&feed) && feed.seq == 2);
  run("{\"insert\":\"posts\",\"documents\":[{\"$id\":\"b\"},{\"$id\":\"c\"}]}");
  CHECK(pq_feed_has_news(&feed));
  CHECK(is("posts/b posts/c"));
  run("{\"insert\":\"posts\",\"documents\":[{\"$id\":\"d\"}]}");
  run("{\"flush\":1}");
  run("{\"insert\":\"posts\",\"documents\":[{\"$id\":\"e\"}]}");
  CHECK(pq_feed_has_news(&feed));
  CHECK(is("posts/d posts/e"));
  CHECK(!pq_feed_has_news(&feed) && is(""));
  end();
}

static void test_places(void) {
  begin();
  for (int i = 0; i < 5; i++)
    run("{\"insert\":\"posts\",\"documents\":[{}]}");
  run("{\"insert\":\"posts\",\"documents\":[{\"$id\":\"z\"}]}");
  CHECK(open_on((pq_feed_want){.start = PQ_FEED_AFTER, .after = PQ_SLICE("seq:5")}) == PQ_OK);
  CHECK(is("posts/z") && feed.seq == 6);
  pq_feed_close(&feed);
  CHECK(open_on((pq_feed_want){.start = PQ_FEED_BEHIND_SEQ, .seq = 5}) == PQ_OK);
  CHECK(is("posts/z"));
  int64_t ts = feed.ts;
  pq_feed_close(&feed);
  CHECK(open_on((pq_feed_want){.start = PQ_FEED_BEHIND_TS, .ts = ts - 1}) == PQ_OK);
  CHECK(is("posts/z"));
  pq_feed_close(&feed);
  CHECK(open_on((pq_feed_want){.start = PQ_FEED_BEHIND_TS, .ts = ts}) == PQ_OK);
  CHECK(is(""));
  run("{\"insert\":\"posts\",\"documents\":[{\"$id\":\"y\"}]}");
  CHECK(is("posts/y"));
  pq_feed_close(&feed);
  CHECK(open_on((pq_feed_want){.start = PQ_FEED_AFTER, .after = PQ_SLICE("nonsense")}) == PQ_OK);
  CHECK(is("VALIDATION_FAILED"));
  end();
}

static void test_empty_namespace(void) {
  begin();
  CHECK(open_on((pq_feed_want){.collection = "posts"}) == PQ_OK);
  CHECK(is(""));
  run("{\"insert\":\"posts\",\"documents\":[{\"$id\":\"a\"}]}");
  CHECK(is("posts/a"));
  end();
}

static void test_options(void) {
  pq_arena arena;
  pq_value options, wrong;
  begin();
  pq_arena_init(&arena, &cx, 1 << 20);
  CHECK(pq_json_value(builder, PQ_SLICE("{\"filter\":{\"after.n\":{\"$gt\":1}},\"op\":\"CREATE\"}"),
                      &arena, &options) == PQ_OK);
  CHECK(pq_json_value(builder, PQ_SLICE("{\"limit\":1}"), &arena, &wrong) == PQ_OK);
  CHECK(open_on((pq_feed_want){.options = options}) == PQ_OK);
  CHECK(is(""));
  run("{\"insert\":\"posts\",\"documents\":[{\"$id\":\"a\",\"n\":1},{\"$id\":\"b\",\"n\":2}]}");
  run("{\"update\":\"posts/b\",\"ops\":{\"$set\":{\"n\":3}}}");
  CHECK(is("posts/b"));
  CHECK(!pq_feed_has_news(&feed));
  pq_feed_close(&feed);
  CHECK(open_on((pq_feed_want){.options = wrong}) == PQ_EINVALID);
  pq_arena_release(&arena);
  end();
}

/* More than a read gives, which is 500. */
static void test_many(void) {
  pq_feed_state state;
  pq_value event;
  uint32_t n = 0;
  begin();
  CHECK(open_on((pq_feed_want){.start = PQ_FEED_BEHIND_SEQ}) == PQ_OK);
  for (int i = 0; i < 1203; i++)
    run("{\"insert\":\"posts\",\"documents\":[{}]}");
  while (pq_feed_next(&feed, &state, &event) == PQ_OK && state != PQ_FEED_WAITS) {
    n += state == PQ_FEED_EVENT;
    if (state == PQ_FEED_READS) (void)pqdb_poll(db);
  }
  CHECK(n == 1203 && feed.seq == 1203);
  end();
}

static void test_no_memory(void) {
  begin();
  run("{\"insert\":\"posts\",\"documents\":[{\"$id\":\"a\"}]}");
  for (long n = 1, is_done = 0; !is_done; n++) {
    const char *got = "OUT_OF_MEMORY";
    unit_calls = 0;
    unit_fail_at = n;
    if (open_on((pq_feed_want){.start = PQ_FEED_AFTER, .after = PQ_SLICE("seq:0")}) == PQ_OK)
      got = rest();
    unit_fail_at = 0;
    pq_feed_close(&feed);
    is_done = strcmp(got, "posts/a") == 0;
    CHECK(is_done || strcmp(got, "OUT_OF_MEMORY") == 0);
    CHECK(n < 1000);
    if (n >= 1000) break;
  }
  end();
}

int main(void) {
  RUN(test_from_now);
  RUN(test_places);
  RUN(test_empty_namespace);
  RUN(test_options);
  RUN(test_many);
  RUN(test_no_memory);
  return unit_end();
}
