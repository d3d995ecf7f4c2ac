/* test/server/test_http_route.c - URLs become commands, or are refused; the description of them;
 * what allocates with each allocation failing. */
#include "server/http_openapi.h"

#include "unit.h"

static const pq_http_limits limits = {
    .head_len_max = 4000, .target_len_max = 2000, .body_len_max = 10000};

static pq_cx cx;

/* The command of a request as canonical JSON in `out`, or its failure's status. */
static int make(const char *head, const char *body, char *out, size_t cap, int *status) {
  pq_http_head h;
  pq_builder *b = NULL;
  pq_arena arena;
  pq_buf text;
  pq_value command;
  char allow[64];
  pq_http_call c = {.cx = &cx, .head = &h, .arena = &arena, .command_arena = &arena};
  int rc = pq_http_read(&cx, pq_str(head), &limits, &h, status);
  *status = 0;
  out[0] = '\0';
  pq_arena_init(&arena, &cx, 1 << 24);
  pq_buf_init(&text, &cx, 1 << 20);
  if (rc == PQ_OK) rc = pq_builder_new(&cx, &b);
  c.builder = b;
  c.body = pq_str(body);
  if (rc == PQ_OK) rc = pq_http_route_find(&c, allow);
  if (rc == PQ_OK) rc = pq_http_call_read(&c);
  if (rc == PQ_OK && c.route->make != NULL) {
    rc = pq_http_call_command(&c, &command);
    if (rc == PQ_OK) rc = pq_json_print(&text, command, PQ_JSON_RELAXED);
    if (rc == PQ_OK) snprintf(out, cap, "%.*s", (int)text.len, (const char *)text.p);
  }
  if (rc != PQ_OK) *status = c.status;
  pq_buf_release(&text);
  pq_builder_free(b);
  pq_arena_release(&arena);
  return rc;
}

typedef struct request {
  const char *line, *fields, *body;
  const char *command; /* NULL: it is refused with */
  int status;
} request;

#define LINES_TYPE "Content-Type: application/x-ndjson\r\n"
#define MERGE_TYPE "Content-Type: application/merge-patch+json\r\n"

static const request requests[] = {
    {"GET /v1/a", "", "", "{\"collections\":1}", 0},
    {"GET /v1/a/b", "", "", "{\"find\":\"b\",\"limit\":100,\"cursor\":\"\"}", 0},
    {"GET /v1/a/b?limit=5&cursor=x&sort=-n,m", "", "",
     "{\"find\":\"b\",\"limit\":5,\"cursor\":\"x\",\"sort\":{\"n\":-1,\"m\":1}}", 0},
    {"GET /v1/a/b?project=a,-b&plain", "Accept: application/x-ndjson\r\n", "",
     "{\"find\":\"b\",\"project\":{\"a\":1,\"b\":0},\"plain\":true}", 0},
    {"GET /v1/a/b?after=&limit=2", "", "",
     "{\"find\":\"b\",\"filter\":{\"$and\":[{},{}]},\"sort\":{\"$id\":1},\"limit\":2}", 0},
    {"GET /v1/a/b?after=c%252Fd&filter={%22x%22:1}", "Accept: application/x-ndjson\r\n", "",
     "{\"find\":\"b\",\"filter\":{\"$and\":[{\"x\":1},{\"$id\":{\"$gt\":\"b/c%2Fd\"}}]},\"sort\":{"
     "\"$id\":1}}",
     0},
    {"GET /v1/a/b/c?asOf=17&populate=x,y", "", "",
     "{\"get\":\"b/c\",\"asOf\":17,\"populate\":[\"x\",\"y\"]}", 0},
    {"GET /v1/a/b/c?asOf=seq:3&explain=plan", "", "",
     "{\"get\":\"b/c\",\"asOf\":\"seq:3\",\"explain\":\"plan\"}", 0},
    {"GET /v1/a/b/x%2Fy%25", "", "", "{\"get\":\"b/x%2Fy%25\"}", 0},
    {"GET /v1/a/b/x%252Fy", "", "", "{\"get\":\"b/x%2Fy\"}", 0},
    {"GET /v1/a/b/c/related/d?edges=1", "", "",
     "{\"related\":\"b/c\",\"predicate\":\"d\",\"limit\":100,\"edges\":true}", 0},
    {"GET /v1/a/b/c/history?from=seq:1", "", "", "{\"history\":\"b/c\",\"from\":\"seq:1\"}", 0},
    {"GET /v1/a/changes?op=CREATE", "Last-Event-ID: z\r\n", "",
     "{\"after\":\"z\",\"op\":\"CREATE\"}", 0},
    {"PUT /v1/a/b/c", "If-Match: \"3\"\r\n", "{\"$id\":\"b/c\",\"x\":1}",
     "{\"replace\":\"b/c\",\"document\":{\"x\":1},\"upsert\":false,\"expectedVersion\":3}", 0},
    {"PUT /v1/a/b/c", "If-None-Match: *\r\n", "{\"x\":1}",
     "{\"insert\":\"b\",\"documents\":[{\"$id\":\"b/c\",\"x\":1}]}", 0},
    {"PATCH /v1/a/b/c?upsert", "", "{\"$inc\":{\"x\":1}}",
     "{\"update\":\"b/c\",\"ops\":{\"$inc\":{\"x\":1}},\"upsert\":true}", 0},
    {"PATCH /v1/a/b/c", MERGE_TYPE, "{}",
     "{\"update\":\"b/c\",\"ops\":[{\"$replaceWith\":{\"$mergeObjects\":[{\"$cond\":[{\"$eq\":[{"
     "\"$type\":\"$$ROOT\"},\"object\"]},\"$$ROOT\",{\"$literal\":{}}]},{\"$literal\":{}}]}}]}",
     0},
    {"DELETE /v1/a/b/c?hard=true", "", "", "{\"delete\":\"b/c\",\"hard\":true}", 0},
    {"POST /v1/a/b", LINES_TYPE, "", "{\"insert\":\"b\",\"line\":1}", 0},
    {"POST /v1/a/b", "", "{\"x\":1}", "{\"insert\":\"b\",\"documents\":[{\"x\":1}]}", 0},
    {"POST /v1/run", "", "{\"get\":\"a/b\"}", "{\"get\":\"a/b\"}", 0},
    {"POST /v1/a/run", "", "[{\"get\":\"a/b\"}]", "{\"get\":\"a/b\"}", 0},
    {"POST /v1/a/run", LINES_TYPE, "\n{\"get\":\"a/b\"}\n", "{\"get\":\"a/b\"}", 0},
    {"POST /v1/a/run?command={%22link%22:[],%22line%22:9}", LINES_TYPE, "{}",
     "{\"link\":[],\"line\":9}", 0},
    {"GET /", "", "", NULL, 404},
    {"GET /v1/a/", "", "", NULL, 404},
    {"GET /v1//b", "", "", NULL, 404},
    {"GET /v1/a/b/c/d", "", "", NULL, 404},
    {"GET /v1/a/b/c/d/e/f/g/h/i", "", "", NULL, 404},
    {"GET /v1/run/x/y/related/z/w", "", "", NULL, 404},
    {"DELETE /v1/a", "", "", NULL, 405},
    {"GET /v1/a/b", "Accept: text/html\r\n", "", NULL, 406},
    {"GET /v1/a/b/c", "Accept: application/x-ndjson\r\n", "", NULL, 406},
    {"GET /v1/a/changes", "Accept: application/json\r\n", "", NULL, 406},
    {"GET /v1/a/b?after=x&sort=n", "", "", NULL, 400},
    {"GET /v1/a/b?after=x&filter={", "", "", NULL, 400},
    {"HEAD /v1/a/changes", "", "", NULL, 405},
    {"GET /v1/a/b?limit=x", "", "", NULL, 400},
    {"GET /v1/a/b?limit=99999999999999999999", "", "", NULL, 400},
    {"GET /v1/a/b?filter=", "", "", NULL, 400},
    {"GET /v1/a/b?a%00=1", "", "", NULL, 400},
    {"GET /v1/a/b/%ff", "", "", NULL, 400},
    {"PUT /v1/a/b/c", "", "{\"$id\":\"other\"}", NULL, 400},
    {"PUT /v1/a/b/c", "", "[]", NULL, 400},
    {"PUT /v1/a/b/c", "If-None-Match: \"3\"\r\n", "{}", NULL, 400},
    {"PUT /v1/a/b/c", "If-Match: \"x\"\r\n", "{}", NULL, 412},
    {"PUT /v1/a/b/c", "Content-Type: text/html\r\n", "{}", NULL, 415},
    {"PUT /v1/a/b/c", LINES_TYPE, "{}", NULL, 415},
    {"PATCH /v1/a/b/c", MERGE_TYPE, "[]", NULL, 400},
    {"PATCH /v1/a/b/c", "If-None-Match: *\r\n", "{}", NULL, 400},
    {"POST /v1/run", "", "[]", NULL, 400},
    {"POST /v1/run", "", "7", NULL, 400},
    {"POST /v1/run?command=7", LINES_TYPE, "", NULL, 400}};

static void test_requests(void) {
  char head[1000], out[2000];
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    const request *r = &requests[i];
    int status, rc;
    snprintf(head, sizeof head, "%s HTTP/1.1\r\nHost: a\r\n%s\r\n", r->line, r->fields);
    unit_cx_init(&cx);
    rc = make(head, r->body, out, sizeof out, &status);
    CHECK(unit_live_len == 0);
    CHECK((rc == PQ_OK) == (r->command != NULL) && status == r->status);
    CHECK(r->command == NULL || strcmp(out, r->command) == 0);
    if (status != r->status || (r->command != NULL && strcmp(out, r->command) != 0))
      fprintf(stderr, "%s: %d %s %s\n", r->line, status, out, cx.msg);
  }
}

static void test_memory(void) {
  char head[1000], out[2000];
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    const request *r = &requests[i];
    if (r->command == NULL) continue;
    snprintf(head, sizeof head, "%s HTTP/1.1\r\nHost: a\r\n%s\r\n", r->line, r->fields);
    for (long n = 1, rc, status; n > 0; n = unit_oom_next(n, (int)rc)) {
      int got;
      unit_cx_init(&cx);
      unit_fail_at = n;
      rc = make(head, r->body, out, sizeof out, &got);
      status = got;
      (void)status;
    }
  }
}

/* Nested names with every kind of value: as deep as it goes, and no deeper. */
static void test_deep_patch(void) {
  char head[200], body[400], out[60000];
  int status;
  snprintf(head, sizeof head, "PATCH /v1/a/b/c HTTP/1.1\r\nHost: a\r\n" MERGE_TYPE "\r\n");
  for (int depth = 2; depth < 20; depth++) {
    size_t n = 0;
    unit_cx_init(&cx);
    for (int i = 0; i < depth; i++)
      n += (size_t)snprintf(body + n, sizeof body - n, "{\"k\":");
    n += (size_t)snprintf(body + n, sizeof body - n, "null");
    for (int i = 0; i < depth; i++)
      n += (size_t)snprintf(body + n, sizeof body - n, "}");
    CHECK((make(head, body, out, sizeof out, &status) == PQ_OK) == (depth <= 11));
    CHECK(unit_live_len == 0);
  }
}

static void test_description(void) {
  pq_buf text;
  for (long n = 1, rc; n > 0; n = unit_oom_next(n, (int)rc)) {
    unit_cx_init(&cx);
    unit_fail_at = n;
    pq_buf_init(&text, &cx, 1 << 20);
    rc = pq_http_openapi_put(&text);
    pq_buf_release(&text);
  }
}

int main(void) {
  RUN(test_requests);
  RUN(test_memory);
  RUN(test_deep_patch);
  RUN(test_description);
  return unit_end();
}
