/* server/http_route.c - the table of routes, and the commands that they make. See http_route.h. */
#include "server/http_route.h"

#include <stdio.h>

#include "base/text.h"

enum { SEGMENTS_MAX = 6, PAGE_LEN = 100 };

/* ---- parameters ---- */

static const pq_http_param of_reads[] = {
    {"asOf", PQ_HTTP_MOMENT, "a moment of the past: an instant, milliseconds, seq:N, now-2h"},
    {"flushed", PQ_HTTP_FLAG, "ignore what is not in files yet"},
    {"maxTimeMs", PQ_HTTP_NUMBER, "end it after that time"},
    {"comment", PQ_HTTP_TEXT, "for whoever reads the command"},
    {0}};
static const pq_http_param of_queries[] = {
    {"filter", PQ_HTTP_JSON, "which entities"},
    {"sort", PQ_HTTP_ORDER, "an object, or names, a '-' before those that fall: -date,title"},
    {"skip", PQ_HTTP_NUMBER, "leave out so many"},
    {"limit", PQ_HTTP_NUMBER, "at most so many; 0: all. Default 100, of NDJSON all"},
    {"cursor", PQ_HTTP_TEXT, "go on where nextCursor of another answer says"},
    {"total", PQ_HTTP_FLAG, "count all that match, too"},
    {"collation", PQ_HTTP_JSON, "how texts are compared"},
    {"let", PQ_HTTP_JSON, "values of $$name"},
    {0}};
static const pq_http_param of_entities[] = {
    {"project", PQ_HTTP_CHOICE, "which fields: an object, or names, a '-' before those left out"},
    {"populate", PQ_HTTP_NAMES, "embed related entities: JSON, or names of predicates"},
    {"maxInbound", PQ_HTTP_NUMBER, "at most so many of the edges that enter an entity"},
    {"plain", PQ_HTTP_FLAG, "documents as they were written, without system fields"},
    {0}};
static const pq_http_param of_all[] = {
    {"json", PQ_HTTP_TEXT, "relaxed (default) or canonical Extended JSON"}, {0}};
static const pq_http_param of_deleted[] = {
    {"includeDeleted", PQ_HTTP_FLAG, "soft-deleted ones, too"}, {0}};
static const pq_http_param of_ids[] = {{"after", PQ_HTTP_TEXT,
                                        "in the order of ids, what comes behind that one; empty: "
                                        "from the first. Of an answer in lines "
                                        "the last one has the id to go on with"},
                                       {0}};
static const pq_http_param of_snapshot[] = {{"snapshot", PQ_HTTP_FLAG, "all pages as of the first"},
                                            {0}};
static const pq_http_param of_explain[] = {
    {"explain", PQ_HTTP_LOOSE, "true: one item that says how it was done; plan: what it will cost"},
    {"price", PQ_HTTP_LOOSE, "with explain: in dollars, too"},
    {"budget", PQ_HTTP_JSON, "refuse what may cost more"},
    {0}};
static const pq_http_param of_events[] = {
    {"from", PQ_HTTP_MOMENT, "behind that moment"},
    {"to", PQ_HTTP_MOMENT, "up to that moment"},
    {"op", PQ_HTTP_TEXT, "CREATE, UPDATE or DELETE"},
    {"actor", PQ_HTTP_TEXT, "who did it"},
    {"filter", PQ_HTTP_JSON, "of the events as they are shown"},
    {"limit", PQ_HTTP_NUMBER, "at most so many; 0: all. Default 1000"},
    {"cursor", PQ_HTTP_TEXT, "go on where nextCursor of another answer says"},
    {0}};
static const pq_http_param of_related[] = {
    {"direction", PQ_HTTP_TEXT, "forward (default), reverse or both"},
    {"edges", PQ_HTTP_FLAG, "the edges instead of the entities"},
    {"edgeFilter", PQ_HTTP_JSON, "which edges"},
    {"minConfidence", PQ_HTTP_JSON, "of fuzzy links"},
    {0}};
static const pq_http_param of_writes[] = {
    {"actor", PQ_HTTP_TEXT, "who does it, if nobody has logged in"},
    {"metadata", PQ_HTTP_JSON, "stored with the event"},
    {0}};
static const pq_http_param of_ordered[] = {
    {"ordered", PQ_HTTP_FLAG, "given: documents that cannot be inserted are told in errors"}, {0}};
static const pq_http_param of_upserts[] = {{"upsert", PQ_HTTP_FLAG, "make it if it is not there"},
                                           {0}};
static const pq_http_param of_patches[] = {
    {"arrayFilters", PQ_HTTP_JSON, "which elements $[name] means"}, {0}};
static const pq_http_param of_deletes[] = {
    {"hard", PQ_HTTP_FLAG, "no trace but history"},
    {"edges", PQ_HTTP_TEXT, "with hard: what becomes of edges"},
    {0}};
static const pq_http_param of_runs[] = {
    {"command", PQ_HTTP_JSON, "the command; the body then is its payload, a document a line"}, {0}};
static const pq_http_param of_feeds[] = {
    {"collection", PQ_HTTP_TEXT, "of that collection only"},
    {"after", PQ_HTTP_TEXT, "behind the event with that id, or seq:N; default: from now on"},
    {"op", PQ_HTTP_TEXT, "CREATE, UPDATE or DELETE"},
    {"actor", PQ_HTTP_TEXT, "who did it"},
    {"entity", PQ_HTTP_TEXT, "of that entity, and of edges that leave it"},
    {"target", PQ_HTTP_TEXT, "entity, rel or collection"},
    {"predicate", PQ_HTTP_TEXT, "of edges"},
    {"filter", PQ_HTTP_JSON, "of the events as they are shown"},
    {0}};

#define LISTS(name, ...) static const pq_http_param *const name[] = {__VA_ARGS__, of_all, NULL}
LISTS(collections_params, of_reads);
LISTS(find_params, of_queries, of_ids, of_entities, of_deleted, of_snapshot, of_explain, of_reads);
LISTS(get_params, of_entities, of_deleted, of_explain, of_reads);
LISTS(insert_params, of_ordered, of_writes);
LISTS(replace_params, of_writes);
LISTS(update_params, of_upserts, of_patches, of_writes);
LISTS(delete_params, of_deletes, of_writes);
LISTS(history_params, of_events, of_reads);
LISTS(related_params, of_related, of_queries, of_entities, of_snapshot, of_explain, of_reads);
LISTS(run_params, of_runs);
LISTS(feed_params, of_feeds);
static const pq_http_param *const no_params[] = {NULL};

static int make_collections(pq_http_call *c);
static int make_find(pq_http_call *c);
static int make_get(pq_http_call *c);
static int make_insert(pq_http_call *c);
static int make_replace(pq_http_call *c);
static int make_update(pq_http_call *c);
static int make_delete(pq_http_call *c);
static int make_history(pq_http_call *c);
static int make_related(pq_http_call *c);
static int make_run(pq_http_call *c);
static int make_feed(pq_http_call *c);

#define ENTITY "/v1/{ns}/{collection}/{id}"

static const pq_http_route routes[] = {
    {"GET", "/healthz", "health", "Is the server alive?", PQ_HTTP_HEALTH, 0, no_params, NULL},
    {"GET", "/readyz", "ready", "Does the engine answer?", PQ_HTTP_READY, 0, no_params, NULL},
    {"GET", "/metrics", "metrics", "Numbers for Prometheus", PQ_HTTP_METRICS, 0, no_params, NULL},
    {"GET", "/v1/openapi.json", "openapi", "This description", PQ_HTTP_OPENAPI, 0, no_params, NULL},
    {"POST", "/rpc", "rpcBatch", "A batch of Cap'n Web RPC", PQ_HTTP_RPC, PQ_HTTP_MESSAGES,
     no_params, NULL},
    {"GET", "/rpc", "rpcSocket", "Cap'n Web RPC over a WebSocket", PQ_HTTP_RPC, 0, no_params, NULL},
    {"POST", "/v1/run", "run", "Run commands in the namespace default", PQ_HTTP_RUN,
     PQ_HTTP_COMMANDS, run_params, make_run},
    {"POST", "/v1/{ns}/run", "runIn", "Run commands", PQ_HTTP_RUN, PQ_HTTP_COMMANDS, run_params,
     make_run},
    {"GET", "/v1/{ns}/changes", "changes", "Events as they happen", PQ_HTTP_FEED, 0, feed_params,
     make_feed},
    {"GET", "/v1/{ns}", "collections", "The collections of a namespace", PQ_HTTP_LIST, 0,
     collections_params, make_collections},
    {"GET", "/v1/{ns}/{collection}", "find", "Entities that match", PQ_HTTP_LIST, 0, find_params,
     make_find},
    {"POST", "/v1/{ns}/{collection}", "insert", "Add one document, or many", PQ_HTTP_INSERTED,
     PQ_HTTP_DOCUMENTS, insert_params, make_insert},
    {"GET", ENTITY, "get", "An entity", PQ_HTTP_ONE, 0, get_params, make_get},
    {"PUT", ENTITY, "replace", "Make or replace an entity", PQ_HTTP_WRITTEN, PQ_HTTP_DOCUMENT,
     replace_params, make_replace},
    {"PATCH", ENTITY, "update", "Change an entity", PQ_HTTP_WRITTEN, PQ_HTTP_CHANGE, update_params,
     make_update},
    {"DELETE", ENTITY, "delete", "Delete an entity", PQ_HTTP_DELETED, 0, delete_params,
     make_delete},
    {"GET", ENTITY "/history", "history", "The events of an entity", PQ_HTTP_LIST, 0,
     history_params, make_history},
    {"GET", ENTITY "/related", "relatedAll", "Entities that any edge leads to", PQ_HTTP_LIST, 0,
     related_params, make_related},
    {"GET", ENTITY "/related/{predicate}", "related", "Entities that edges of one kind lead to",
     PQ_HTTP_LIST, 0, related_params, make_related}};
enum { ROUTE_COUNT = sizeof routes / sizeof *routes };

const pq_http_route *pq_http_route_at(uint32_t i) {
  return i < ROUTE_COUNT ? &routes[i] : NULL;
}

static int refuse(pq_http_call *c, int status) {
  c->status = status;
  return c->cx->code;
}

/* ---- which route ---- */

typedef struct segments {
  pq_slice at[SEGMENTS_MAX + 1];
  uint32_t count; /* more than SEGMENTS_MAX: too many */
} segments;

static segments split(pq_slice path) {
  segments s = {.count = 0};
  while (path.n > 0 && s.count <= SEGMENTS_MAX) {
    const uint8_t *end;
    path.p++; /* '/' */
    path.n--;
    end = path.n == 0 ? NULL : memchr(path.p, '/', path.n);
    s.at[s.count++] = (pq_slice){path.p, end == NULL ? path.n : (size_t)(end - path.p)};
    path.p += s.at[s.count - 1].n;
    path.n -= s.at[s.count - 1].n;
  }
  return s;
}

/* Does the path have the form of the row? */
static bool fits(const pq_http_route *r, const segments *path) {
  segments row = split(pq_str(r->path));
  if (row.count != path->count) return false;
  for (uint32_t i = 0; i < row.count; i++) {
    bool is_name = row.at[i].n > 0 && row.at[i].p[0] == '{';
    if (is_name ? path->at[i].n == 0 : !pq_slice_eq(row.at[i], path->at[i])) return false;
  }
  return true;
}

static bool allows(const pq_http_route *r, pq_slice method) {
  return pq_slice_is(method, r->method) ||
         (pq_slice_is(method, "HEAD") && strcmp(r->method, "GET") == 0 &&
          r->shape != PQ_HTTP_FEED && r->shape != PQ_HTTP_RPC);
}

int pq_http_route_find(pq_http_call *c, char allow[64]) {
  segments path = split(c->head->path);
  const char *form = NULL;
  size_t n = 0;
  allow[0] = '\0';
  c->route = NULL;
  for (uint32_t i = 0; i < ROUTE_COUNT && c->route == NULL; i++) {
    if (!fits(&routes[i], &path)) continue;
    /* The first form that fits is the path's: POST /v1/run is no insert into "run". */
    if (form != NULL && strcmp(form, routes[i].path) != 0) continue;
    form = routes[i].path;
    n += (size_t)snprintf(allow + n, 64 - n, "%s%s", n == 0 ? "" : ", ", routes[i].method);
    if (strcmp(routes[i].method, "GET") == 0 && routes[i].shape != PQ_HTTP_FEED &&
        routes[i].shape != PQ_HTTP_RPC)
      n += (size_t)snprintf(allow + n, 64 - n, ", HEAD");
    if (allows(&routes[i], c->head->method)) c->route = &routes[i];
  }
  if (c->route != NULL) return PQ_OK;
  if (form == NULL) {
    (void)pq_fail(c->cx, PQ_ENOTFOUND, "no such path: /v1/openapi.json has those that there are");
    return refuse(c, 404);
  }
  (void)pq_fail(c->cx, PQ_EUNSUPPORTED, "%s allows %s", form, allow);
  return refuse(c, 405);
}

/* ---- the head ---- */

static int unescape(pq_http_call *c, pq_slice text, bool is_query, pq_slice *out) {
  uint8_t *p = pq_arena_alloc(c->arena, text.n + 1);
  size_t len;
  *out = (pq_slice){NULL, 0};
  if (p == NULL) return refuse(c, 503);
  if (!pq_http_unescape(text, is_query, p, &len)) {
    (void)pq_fail(c->cx, PQ_EINVALID, "the URL is not well encoded: '%.*s'",
                  (int)(text.n > 40 ? 40 : text.n), (const char *)text.p);
    return refuse(c, 400);
  }
  *out = (pq_slice){p, len};
  return PQ_OK;
}

static bool is_hex(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* "collection/local" as ids are written: a '/' in the local part is encoded, and a '%' that is not
 * the beginning of an encoded byte already; so both the id as it is shown and its text are found.
 */
static int make_id(pq_http_call *c) {
  pq_buf id;
  int rc;
  pq_buf_init(&id, c->cx, 1 << 16);
  rc = pq_buf_put_slice(&id, c->collection);
  if (rc == PQ_OK) rc = pq_buf_put_byte(&id, '/');
  for (size_t i = 0; rc == PQ_OK && i < c->local.n; i++) {
    uint8_t b = c->local.p[i];
    bool is_encoded =
        b == '%' && c->local.n - i > 2 && is_hex(c->local.p[i + 1]) && is_hex(c->local.p[i + 2]);
    rc = b == '/' || (b == '%' && !is_encoded) ? pq_buf_printf(&id, "%%%02X", (unsigned)b)
                                               : pq_buf_put_byte(&id, b);
  }
  if (rc == PQ_OK) rc = pq_arena_copy(c->arena, pq_buf_slice(&id), &c->id);
  pq_buf_release(&id);
  return rc == PQ_OK ? PQ_OK : refuse(c, 400);
}

static int read_names(pq_http_call *c) {
  segments path = split(c->head->path), row = split(pq_str(c->route->path));
  c->ns = PQ_SLICE("default");
  for (uint32_t i = 0; i < row.count; i++) {
    pq_slice *into = pq_slice_is(row.at[i], "{ns}")           ? &c->ns
                     : pq_slice_is(row.at[i], "{collection}") ? &c->collection
                     : pq_slice_is(row.at[i], "{id}")         ? &c->local
                     : pq_slice_is(row.at[i], "{predicate}")  ? &c->predicate
                                                              : NULL;
    if (into != NULL) PQ_TRY(unescape(c, path.at[i], false, into));
  }
  return c->local.n == 0 ? PQ_OK : make_id(c);
}

bool pq_http_is_media(pq_slice type, const char *name) {
  const uint8_t *end = type.n == 0 ? NULL : memchr(type.p, ';', type.n);
  if (end != NULL) type.n = (size_t)(end - type.p);
  while (type.n > 0 && (type.p[type.n - 1] == ' ' || type.p[type.n - 1] == '\t'))
    type.n--;
  return pq_http_is(type, name);
}

static bool is_lines(pq_slice type) {
  return pq_http_is_media(type, "application/x-ndjson") ||
         pq_http_is_media(type, "application/jsonl") ||
         pq_http_is_media(type, "application/ndjson");
}

static int read_content_type(pq_http_call *c) {
  pq_http_content content = c->route->content;
  pq_slice type;
  if (content == PQ_HTTP_NOTHING || content == PQ_HTTP_MESSAGES) return PQ_OK;
  if (!pq_http_field_get(c->head, "content-type", &type)) return PQ_OK;
  c->has_lines = is_lines(type);
  c->is_merge = pq_http_is_media(type, "application/merge-patch+json");
  if ((c->has_lines && (content == PQ_HTTP_DOCUMENTS || content == PQ_HTTP_COMMANDS)) ||
      (c->is_merge && content == PQ_HTTP_CHANGE) || pq_http_is_media(type, "application/json"))
    return PQ_OK;
  (void)pq_fail(c->cx, PQ_EUNSUPPORTED,
                "Content-Type %.*s is not taken here: send %s (curl: --json, or -H 'Content-Type: "
                "application/json')",
                (int)(type.n > 40 ? 40 : type.n), (const char *)type.p,
                content == PQ_HTTP_CHANGE     ? "application/json or application/merge-patch+json"
                : content == PQ_HTTP_DOCUMENT ? "application/json"
                                              : "application/json or application/x-ndjson");
  return refuse(c, 415);
}

/* "\"3\"" is the version 3. */
static bool read_tag(pq_slice v, int64_t *out) {
  *out = 0;
  if (v.n < 3 || v.n > 20 || v.p[0] != '"' || v.p[v.n - 1] != '"') return false;
  for (size_t i = 1; i < v.n - 1; i++) {
    if (v.p[i] < '0' || v.p[i] > '9') return false;
    *out = *out * 10 + (v.p[i] - '0');
  }
  return true;
}

static int read_conditions(pq_http_call *c) {
  pq_slice v;
  if (c->route->shape != PQ_HTTP_ONE && c->route->shape != PQ_HTTP_WRITTEN &&
      c->route->shape != PQ_HTTP_DELETED)
    return PQ_OK;
  if (pq_http_field_get(c->head, "if-match", &v)) {
    c->must_exist = true;
    c->has_version = !pq_slice_is(v, "*");
    if (c->has_version && !read_tag(v, &c->version)) {
      (void)pq_fail(c->cx, PQ_EVERSION,
                    "If-Match: %.*s is not the tag of any version: \"3\" is one",
                    (int)(v.n > 40 ? 40 : v.n), (const char *)v.p);
      return refuse(c, 412);
    }
  }
  if (!pq_http_field_get(c->head, "if-none-match", &v)) return PQ_OK;
  if (v.n > 2 && memcmp(v.p, "W/", 2) == 0) v = (pq_slice){v.p + 2, v.n - 2};
  c->must_be_new = pq_slice_is(v, "*");
  c->has_seen = read_tag(v, &c->seen);
  if (c->route->shape == PQ_HTTP_ONE || c->must_be_new) return PQ_OK;
  (void)pq_fail(c->cx, PQ_EUNSUPPORTED,
                "If-None-Match of a write is * (make it, if it is not "
                "there) and nothing else");
  return refuse(c, 400);
}

static const pq_http_param *find_param(const pq_http_route *r, pq_slice name) {
  for (const pq_http_param *const *list = r->params; *list != NULL; list++)
    for (const pq_http_param *p = *list; p->name != NULL; p++)
      if (pq_slice_is(name, p->name)) return p;
  return NULL;
}

static int unknown_param(pq_http_call *c, pq_slice name) {
  const char *words[80];
  size_t n = 0;
  const char *near;
  for (const pq_http_param *const *list = c->route->params; *list != NULL; list++)
    for (const pq_http_param *p = *list; p->name != NULL && n < 79; p++)
      words[n++] = p->name;
  words[n] = NULL;
  near = pq_nearest(name, words);
  (void)pq_fail(c->cx, PQ_EINVALID, "unknown parameter '%.*s'%s%s%s",
                (int)(name.n > 40 ? 40 : name.n), (const char *)name.p,
                near == NULL ? "" : ": did you mean '", near == NULL ? "" : near,
                near == NULL ? "" : "'?");
  return refuse(c, 400);
}

bool pq_http_call_param(pq_http_call *c, const char *name, pq_slice *out) {
  pq_slice query = c->head->query, key, value;
  while (pq_http_next_pair(&query, &key, &value)) {
    pq_slice text;
    if (unescape(c, key, true, &text) != PQ_OK) return false;
    if (pq_slice_is(text, name)) return unescape(c, value, true, out) == PQ_OK;
  }
  *out = (pq_slice){NULL, 0};
  return false;
}

/* The same, and no memory for it is a failure. */
static int take_param(pq_http_call *c, const char *name, bool *is_there, pq_slice *out) {
  pq_slice query = c->head->query, key, value, text;
  *is_there = false;
  *out = (pq_slice){NULL, 0};
  while (!*is_there && pq_http_next_pair(&query, &key, &value)) {
    PQ_TRY(unescape(c, key, true, &text));
    *is_there = pq_slice_is(text, name);
    if (*is_there) PQ_TRY(unescape(c, value, true, out));
  }
  return PQ_OK;
}

static int check_params(pq_http_call *c) {
  pq_slice query = c->head->query, key, value, text;
  const pq_http_param *seen[80];
  size_t count = 0;
  while (pq_http_next_pair(&query, &key, &value)) {
    const pq_http_param *p;
    PQ_TRY(unescape(c, key, true, &text));
    p = find_param(c->route, text);
    if (p == NULL) return unknown_param(c, text);
    for (size_t i = 0; i < count; i++)
      if (seen[i] == p) {
        (void)pq_fail(c->cx, PQ_EINVALID, "the parameter '%s' is there twice", p->name);
        return refuse(c, 400);
      }
    seen[count++] = p;
    PQ_TRY(unescape(c, value, true, &text));
    if (strcmp(p->name, "json") == 0) {
      c->form = pq_slice_is(text, "canonical") ? PQ_JSON_CANONICAL : PQ_JSON_RELAXED;
      if (c->form == PQ_JSON_RELAXED && !pq_slice_is(text, "relaxed")) {
        (void)pq_fail(c->cx, PQ_EINVALID, "json is relaxed or canonical");
        return refuse(c, 400);
      }
    }
  }
  return PQ_OK;
}

/* ---- what the client wants to get ---- */

static const char *const line_types[] = {"application/x-ndjson", "application/jsonl",
                                         "application/ndjson"};

/* How much the client wants answers of this type: 0 not at all. */
static int wish(const pq_http_head *h, const char *type) {
  char range[40];
  int q = pq_http_quality(h, "accept", type);
  (void)snprintf(range, sizeof range, "%.*s/*", (int)strcspn(type, "/"), type);
  if (q < 0) q = pq_http_quality(h, "accept", range);
  if (q < 0) q = pq_http_quality(h, "accept", "*/*");
  return q < 0 ? 0 : q;
}

static const char *type_of(pq_http_shape shape) {
  switch (shape) {
    case PQ_HTTP_FEED: return "text/event-stream";
    case PQ_HTTP_METRICS:
    case PQ_HTTP_RPC: return "text/plain";
    default: return "application/json";
  }
}

/* Lines, where there are lines, if they are named and nothing is wanted more. Of the types that
 * there are one has to be wanted; failures come as problems to everybody. */
static int read_accept(pq_http_call *c) {
  pq_http_shape shape = c->route->shape;
  const char *type = type_of(shape);
  bool has_lines = shape == PQ_HTTP_LIST || shape == PQ_HTTP_RUN;
  int plain;
  if (pq_http_field_count(c->head, "accept") == 0) {
    c->gives_lines = shape == PQ_HTTP_RUN && c->has_lines;
    return PQ_OK;
  }
  plain = wish(c->head, type);
  for (size_t i = 0; has_lines && i < sizeof line_types / sizeof *line_types; i++) {
    int q = pq_http_quality(c->head, "accept", line_types[i]);
    c->gives_lines = c->gives_lines || (q > 0 && q >= plain);
  }
  if (c->gives_lines || plain > 0 || shape == PQ_HTTP_DELETED || shape == PQ_HTTP_RPC) return PQ_OK;
  (void)pq_fail(c->cx, PQ_EUNSUPPORTED, "Accept: answers are %s%s", type,
                has_lines ? " or application/x-ndjson" : "");
  return refuse(c, 406);
}

int pq_http_call_read(pq_http_call *c) {
  c->status = 400;
  c->line = 1;
  PQ_TRY(read_names(c));
  PQ_TRY(check_params(c));
  PQ_TRY(read_content_type(c));
  PQ_TRY(read_conditions(c));
  PQ_TRY(read_accept(c));
  if (c->has_lines && c->route->shape == PQ_HTTP_RUN) {
    pq_slice command;
    c->is_sequence = !pq_http_call_param(c, "command", &command);
    c->gives_lines = c->gives_lines || c->is_sequence;
  }
  return PQ_OK;
}

/* ---- building ---- */

static int put_text(pq_http_call *c, const char *name, pq_slice v) {
  PQ_TRY(pq_builder_key_str(c->builder, name));
  return pq_builder_string(c->builder, v);
}

static int put_flag(pq_http_call *c, const char *name, bool v) {
  PQ_TRY(pq_builder_key_str(c->builder, name));
  return pq_builder_bool(c->builder, v);
}

static int put_number(pq_http_call *c, const char *name, int64_t v) {
  PQ_TRY(pq_builder_key_str(c->builder, name));
  return pq_builder_i64(c->builder, v);
}

/* The failure gets the parameter's name. */
static int put_json(pq_http_call *c, const char *what, pq_slice text) {
  char message[PQ_MESSAGE_CAP];
  size_t used;
  int rc = pq_json_parse(c->builder, text, (pq_json_options){.is_exact = true}, &used);
  if (rc == PQ_OK) return PQ_OK;
  memcpy(message, c->cx->msg, sizeof message);
  return pq_fail(c->cx, rc, "%s: %.400s", what, message);
}

static bool is_json(pq_slice v) {
  return v.n > 0 && (v.p[0] == '{' || v.p[0] == '[');
}

/* "-a,b" as {"a": minus, "b": 1}, or, minus 9, as ["-a", "b"]. */
static int put_words(pq_http_call *c, pq_slice text, int minus) {
  PQ_TRY(minus == 9 ? pq_builder_begin_array(c->builder) : pq_builder_begin_object(c->builder));
  while (text.n > 0) {
    const uint8_t *comma = memchr(text.p, ',', text.n);
    pq_slice word = {text.p, comma == NULL ? text.n : (size_t)(comma - text.p)};
    bool is_minus = minus != 9 && word.n > 0 && word.p[0] == '-';
    text.p += comma == NULL ? text.n : word.n + 1;
    text.n -= comma == NULL ? text.n : word.n + 1;
    if (is_minus) word = (pq_slice){word.p + 1, word.n - 1};
    if (word.n == 0) return pq_fail(c->cx, PQ_EINVALID, "a name in a list is empty");
    if (minus == 9) {
      PQ_TRY(pq_builder_string(c->builder, word));
    } else {
      PQ_TRY(pq_builder_key(c->builder, word));
      PQ_TRY(pq_builder_i32(c->builder, is_minus ? minus : 1));
    }
  }
  return pq_builder_end(c->builder);
}

static bool is_digits(pq_slice v) {
  size_t i = v.n > 1 && v.p[0] == '-' ? 1 : 0;
  if (v.n == 0 || v.n - i > 18) return false;
  for (; i < v.n; i++)
    if (v.p[i] < '0' || v.p[i] > '9') return false;
  return true;
}

static int put_flag_text(pq_http_call *c, const char *name, pq_slice v) {
  bool is_true = v.n == 0 || pq_slice_is(v, "true") || pq_slice_is(v, "1");
  if (!is_true && !pq_slice_is(v, "false") && !pq_slice_is(v, "0"))
    return pq_fail(c->cx, PQ_EINVALID, "%s is true or false", name);
  return pq_builder_bool(c->builder, is_true);
}

static int put_param(pq_http_call *c, const pq_http_param *p, pq_slice v) {
  PQ_TRY(pq_builder_key_str(c->builder, p->name));
  switch (p->kind) {
    case PQ_HTTP_TEXT: return pq_builder_string(c->builder, v);
    case PQ_HTTP_FLAG: return put_flag_text(c, p->name, v);
    case PQ_HTTP_ORDER: return is_json(v) ? put_json(c, p->name, v) : put_words(c, v, -1);
    case PQ_HTTP_CHOICE: return is_json(v) ? put_json(c, p->name, v) : put_words(c, v, 0);
    case PQ_HTTP_NAMES: return is_json(v) ? put_json(c, p->name, v) : put_words(c, v, 9);
    case PQ_HTTP_NUMBER:
      if (!is_digits(v)) return pq_fail(c->cx, PQ_EINVALID, "%s is a whole number", p->name);
      return put_json(c, p->name, v);
    case PQ_HTTP_MOMENT:
      return is_json(v) || is_digits(v) ? put_json(c, p->name, v)
                                        : pq_builder_string(c->builder, v);
    case PQ_HTTP_LOOSE:
      if (pq_slice_is(v, "true") || v.n == 0) return pq_builder_bool(c->builder, true);
      return is_json(v) ? put_json(c, p->name, v) : pq_builder_string(c->builder, v);
    default: return put_json(c, p->name, v);
  }
}

static bool has_param(pq_http_call *c, const char *name) {
  pq_slice v;
  return pq_http_call_param(c, name, &v);
}

/* "after" of lists has become filter and sort: put_after. */
static bool is_of_after(pq_http_call *c, const pq_http_param *p) {
  return c->route->shape == PQ_HTTP_LIST && has_param(c, "after") &&
         (strcmp(p->name, "after") == 0 || strcmp(p->name, "filter") == 0);
}

/* All parameters of the query, as options. */
static int put_params(pq_http_call *c) {
  pq_slice query = c->head->query, key, value, text;
  while (pq_http_next_pair(&query, &key, &value)) {
    const pq_http_param *p;
    PQ_TRY(unescape(c, key, true, &text));
    p = find_param(c->route, text);
    if (p == NULL || strcmp(p->name, "json") == 0 || strcmp(p->name, "command") == 0) continue;
    if (is_of_after(c, p)) continue;
    PQ_TRY(unescape(c, value, true, &text));
    PQ_TRY(put_param(c, p, text));
  }
  return PQ_OK;
}

/* The body as a value of its own, in the arena. */
static int read_body(pq_http_call *c, pq_value *out) {
  char message[PQ_MESSAGE_CAP];
  int rc = pq_json_value(c->builder, c->body, c->arena, out);
  if (rc == PQ_OK) return PQ_OK;
  memcpy(message, c->cx->msg, sizeof message);
  return pq_fail(c->cx, rc, "body: %.400s", c->body.n == 0 ? "it is empty" : message);
}

static int must_be_object(pq_http_call *c, pq_value v) {
  if (pq_value_type(v) == PQ_TYPE_OBJECT) return PQ_OK;
  return pq_fail(
      c->cx, PQ_EINVALID, "body: an object is expected, not %s %s",
      pq_value_type(v) == PQ_TYPE_ARRAY || pq_value_type(v) == PQ_TYPE_INT32 ? "an" : "a",
      pq_type_name(pq_value_type(v)));
}

static int begin(pq_http_call *c, const char *verb, pq_slice target) {
  pq_builder_clear(c->builder);
  PQ_TRY(pq_builder_begin_object(c->builder));
  return put_text(c, verb, target);
}

static int put_version(pq_http_call *c) {
  return c->has_version ? put_number(c, "expectedVersion", c->version) : PQ_OK;
}

/* ---- the commands ---- */

static int make_collections(pq_http_call *c) {
  pq_builder_clear(c->builder);
  PQ_TRY(pq_builder_begin_object(c->builder));
  PQ_TRY(put_number(c, "collections", 1));
  return put_params(c);
}

static int put_nothing(pq_http_call *c) {
  PQ_TRY(pq_builder_begin_object(c->builder));
  return pq_builder_end(c->builder);
}

/* A page, unless lines are wanted: then all. */
static int put_page(pq_http_call *c) {
  if (!has_param(c, "limit") && !c->gives_lines) PQ_TRY(put_number(c, "limit", PAGE_LEN));
  if (!has_param(c, "cursor") && !has_param(c, "after") && !c->gives_lines &&
      !has_param(c, "explain"))
    PQ_TRY(put_text(c, "cursor", PQ_SLICE("")));
  return PQ_OK;
}

/* {"$gt": "collection/local"}: of an id as it is shown, or as its local part. */
static int put_behind(pq_http_call *c, pq_slice id) {
  pq_buf whole;
  int rc = PQ_OK;
  PQ_TRY(pq_builder_begin_object(c->builder));
  PQ_TRY(pq_builder_key_str(c->builder, "$gt"));
  pq_buf_init(&whole, c->cx, 1 << 16);
  if (memchr(id.p, '/', id.n) == NULL) {
    rc = pq_buf_put_slice(&whole, c->collection);
    if (rc == PQ_OK) rc = pq_buf_put_byte(&whole, '/');
  }
  if (rc == PQ_OK) rc = pq_buf_put_slice(&whole, id);
  if (rc == PQ_OK) rc = pq_builder_string(c->builder, pq_buf_slice(&whole));
  pq_buf_release(&whole);
  PQ_TRY(rc);
  return pq_builder_end(c->builder);
}

/* {"filter": {"$and": [filter, {"$id": {"$gt": after}}]}, "sort": {"$id": 1}} */
static int put_after(pq_http_call *c) {
  pq_slice after, filter;
  bool is_there, has_filter;
  PQ_TRY(take_param(c, "after", &is_there, &after));
  PQ_TRY(take_param(c, "filter", &has_filter, &filter));
  if (!is_there) return PQ_OK;
  if (has_param(c, "sort") || has_param(c, "cursor"))
    return pq_fail(c->cx, PQ_EINVALID, "after goes by ids: without sort and cursor");
  PQ_TRY(pq_builder_key_str(c->builder, "filter"));
  PQ_TRY(pq_builder_begin_object(c->builder));
  PQ_TRY(pq_builder_key_str(c->builder, "$and"));
  PQ_TRY(pq_builder_begin_array(c->builder));
  PQ_TRY(has_filter ? put_json(c, "filter", filter) : put_nothing(c));
  PQ_TRY(pq_builder_begin_object(c->builder));
  if (after.n > 0) PQ_TRY(pq_builder_key_str(c->builder, "$id"));
  if (after.n > 0) PQ_TRY(put_behind(c, after));
  PQ_TRY(pq_builder_end(c->builder));
  PQ_TRY(pq_builder_end(c->builder));
  PQ_TRY(pq_builder_end(c->builder));
  PQ_TRY(pq_builder_key_str(c->builder, "sort"));
  PQ_TRY(pq_builder_begin_object(c->builder));
  PQ_TRY(put_number(c, "$id", 1));
  return pq_builder_end(c->builder);
}

static int make_find(pq_http_call *c) {
  PQ_TRY(begin(c, "find", c->collection));
  PQ_TRY(put_page(c));
  PQ_TRY(put_after(c));
  return put_params(c);
}

static int make_get(pq_http_call *c) {
  PQ_TRY(begin(c, "get", c->id));
  return put_params(c);
}

static int make_history(pq_http_call *c) {
  PQ_TRY(begin(c, "history", c->id));
  return put_params(c);
}

static int make_related(pq_http_call *c) {
  PQ_TRY(begin(c, "related", c->id));
  if (c->predicate.n > 0) PQ_TRY(put_text(c, "predicate", c->predicate));
  if (!has_param(c, "limit") && !c->gives_lines) PQ_TRY(put_number(c, "limit", PAGE_LEN));
  return put_params(c);
}

static int make_delete(pq_http_call *c) {
  PQ_TRY(begin(c, "delete", c->id));
  PQ_TRY(put_version(c));
  return put_params(c);
}

/* The document, whose id is that of the URL, if it says it. */
static int put_document(pq_http_call *c, pq_value document, bool with_id) {
  pq_slice said;
  uint32_t count;
  pq_field *fields = pq_object_fields(c->arena, document, &count);
  if (fields == NULL && pq_value_count(document) > 0) return c->cx->code;
  PQ_TRY(pq_builder_begin_object(c->builder));
  if (with_id) PQ_TRY(put_text(c, "$id", c->id));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "$id")) {
      if (!pq_value_string(fields[i].value, &said) ||
          (!pq_slice_eq(said, c->id) && !pq_slice_eq(said, c->local)))
        return pq_fail(c->cx, PQ_EINVALID, "the document's $id is another than the URL's");
      continue;
    }
    PQ_TRY(pq_builder_key(c->builder, fields[i].name));
    PQ_TRY(pq_builder_value(c->builder, fields[i].value));
  }
  return pq_builder_end(c->builder);
}

static int make_replace(pq_http_call *c) {
  pq_value document;
  PQ_TRY(read_body(c, &document));
  PQ_TRY(must_be_object(c, document));
  if (c->must_be_new) {
    PQ_TRY(begin(c, "insert", c->collection));
    PQ_TRY(pq_builder_key_str(c->builder, "documents"));
    PQ_TRY(pq_builder_begin_array(c->builder));
    PQ_TRY(put_document(c, document, true));
    PQ_TRY(pq_builder_end(c->builder));
    return put_params(c);
  }
  PQ_TRY(begin(c, "replace", c->id));
  PQ_TRY(pq_builder_key_str(c->builder, "document"));
  PQ_TRY(put_document(c, document, false));
  PQ_TRY(put_flag(c, "upsert", !c->must_exist));
  PQ_TRY(put_version(c));
  return put_params(c);
}

static int make_update(pq_http_call *c) {
  pq_value change;
  PQ_TRY(read_body(c, &change));
  if (c->must_be_new)
    return pq_fail(c->cx, PQ_EUNSUPPORTED, "If-None-Match: * and PATCH exclude each other");
  PQ_TRY(begin(c, "update", c->id));
  PQ_TRY(pq_builder_key_str(c->builder, "ops"));
  if (c->is_merge)
    PQ_TRY(must_be_object(c, change));
  else if (pq_value_type(change) != PQ_TYPE_ARRAY)
    PQ_TRY(must_be_object(c, change));
  PQ_TRY(c->is_merge ? pq_http_put_merge(c->cx, c->builder, c->arena, change)
                     : pq_builder_value(c->builder, change));
  PQ_TRY(put_version(c));
  return put_params(c);
}

static int make_insert(pq_http_call *c) {
  pq_value documents = {0};
  bool is_array;
  if (!c->has_lines) PQ_TRY(read_body(c, &documents));
  PQ_TRY(begin(c, "insert", c->collection));
  if (c->has_lines) {
    PQ_TRY(put_number(c, "line", (int64_t)c->line));
    return put_params(c);
  }
  is_array = pq_value_type(documents) == PQ_TYPE_ARRAY;
  if (!is_array) PQ_TRY(must_be_object(c, documents));
  PQ_TRY(pq_builder_key_str(c->builder, "documents"));
  if (!is_array) PQ_TRY(pq_builder_begin_array(c->builder));
  PQ_TRY(pq_builder_value(c->builder, documents));
  if (!is_array) PQ_TRY(pq_builder_end(c->builder));
  return put_params(c);
}

/* The command of the parameter, whose payload the body is. */
static int make_with_payload(pq_http_call *c, pq_slice text) {
  pq_value command;
  uint32_t count;
  pq_field *fields;
  int64_t line = 1;
  PQ_TRY(pq_json_value(c->builder, text, c->arena, &command));
  PQ_TRY(must_be_object(c, command));
  fields = pq_object_fields(c->arena, command, &count);
  if (fields == NULL && pq_value_count(command) > 0) return c->cx->code;
  (void)pq_value_i64(pq_object_get_str(command, "line"), &line);
  pq_builder_clear(c->builder);
  PQ_TRY(pq_builder_begin_object(c->builder));
  for (uint32_t i = 0; i < count; i++) {
    if (pq_slice_is(fields[i].name, "line")) continue;
    PQ_TRY(pq_builder_key(c->builder, fields[i].name));
    PQ_TRY(pq_builder_value(c->builder, fields[i].value));
  }
  return c->body.n > 0 ? put_number(c, "line", line - 1 + (int64_t)c->line) : PQ_OK;
}

/* The next line of a body of lines that is not empty. */
static bool next_line(pq_slice *rest, pq_slice *line) {
  while (rest->n > 0) {
    const uint8_t *end = memchr(rest->p, '\n', rest->n);
    size_t used = end == NULL ? rest->n : (size_t)(end - rest->p) + 1;
    *line = (pq_slice){rest->p, end == NULL ? rest->n : used - 1};
    rest->p += used;
    rest->n -= used;
    for (size_t i = 0; i < line->n; i++)
      if (line->p[i] != ' ' && line->p[i] != '\t' && line->p[i] != '\r') return true;
  }
  return false;
}

/* One of several commands: c->sequence or the lines of the body, from c->at on. */
static int make_run(pq_http_call *c) {
  pq_slice text, line = {NULL, 0};
  pq_value command;
  if (pq_http_call_param(c, "command", &text)) return make_with_payload(c, text);
  if (c->has_lines) {
    if (!next_line(&c->body, &line)) return pq_fail(c->cx, PQ_EINVALID, "body: it is empty");
    c->at++;
    PQ_TRY(pq_json_value(c->builder, line, c->arena, &command));
  } else {
    if (c->at == 0) PQ_TRY(read_body(c, &c->sequence));
    c->is_sequence = pq_value_type(c->sequence) == PQ_TYPE_ARRAY;
    command = c->is_sequence ? pq_array_at(c->sequence, c->at) : c->sequence;
    c->at++;
    if (pq_value_is_missing(command))
      return pq_fail(c->cx, PQ_EINVALID, "body: an array of commands is empty");
  }
  PQ_TRY(must_be_object(c, command));
  pq_builder_clear(c->builder);
  return pq_builder_value(c->builder, command);
}

bool pq_http_call_has_next(const pq_http_call *c) {
  pq_slice rest = c->body, line;
  if (!c->is_sequence) return false;
  if (c->has_lines) return next_line(&rest, &line);
  return c->at < pq_value_count(c->sequence);
}

static int make_feed(pq_http_call *c) {
  pq_slice last;
  pq_builder_clear(c->builder);
  PQ_TRY(pq_builder_begin_object(c->builder));
  if (pq_http_field_get(c->head, "last-event-id", &last) && last.n > 0 && !has_param(c, "after")) {
    if (!pq_utf8_is_valid(last))
      return pq_fail(c->cx, PQ_EINVALID, "Last-Event-ID is no id of an event");
    PQ_TRY(put_text(c, "after", last));
  }
  return put_params(c);
}

int pq_http_call_command(pq_http_call *c, pq_value *command) {
  bool is_whole;
  c->status = 400;
  PQ_TRY(c->route->make(c));
  /* A command as it came is whole already. */
  is_whole = c->route->shape == PQ_HTTP_RUN && !has_param(c, "command");
  if (!is_whole) PQ_TRY(pq_builder_end(c->builder));
  return pq_builder_finish(c->builder, c->command_arena, command);
}
