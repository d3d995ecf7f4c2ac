/* server/http_route.h - what a method and a URL ask for: a table, and a command document of ours
 * for each of its rows.
 *
 *   GET /v1/shop/posts?filter={"a":1}&limit=2
 *      │ pq_http_route_find      the row; 404, 405
 *      │ pq_http_call_read       names, parameters, conditions of the head; 400, 415
 *      ▼ pq_http_call_command    {"find": "posts", "filter": {"a": 1}, "limit": 2, "cursor": ""}
 *   in namespace "shop"; the row's shape says how the replies are shown
 *
 * The description of the interface (http_openapi.h) is made of the same table: a path that is not
 * in it does not exist.
 */
#ifndef PQ_SERVER_HTTP_ROUTE_H
#define PQ_SERVER_HTTP_ROUTE_H

#include "server/http_message.h"
#include "value/json.h"

typedef enum pq_http_param_kind {
  PQ_HTTP_JSON = 0, /* any JSON */
  PQ_HTTP_TEXT,
  PQ_HTTP_NUMBER, /* a whole one */
  PQ_HTTP_FLAG,   /* "", "true", "1"; "false", "0" */
  PQ_HTTP_MOMENT, /* text, milliseconds, JSON */
  PQ_HTTP_ORDER,  /* JSON, or "-a,b": {"a": -1, "b": 1} */
  PQ_HTTP_CHOICE, /* JSON, or "a,-b": {"a": 1, "b": 0} */
  PQ_HTTP_NAMES,  /* JSON, or "a,b": ["a", "b"] */
  PQ_HTTP_LOOSE   /* JSON if it is some, else text */
} pq_http_param_kind;

typedef struct pq_http_param {
  const char *name; /* NULL ends a list */
  pq_http_param_kind kind;
  const char *help;
} pq_http_param;

typedef enum pq_http_shape {
  PQ_HTTP_LIST,     /* {"items": […], "summary": {…}}, or the items as lines */
  PQ_HTTP_ONE,      /* the entity, or 404 */
  PQ_HTTP_WRITTEN,  /* the entity as it is now; 201 if it is new */
  PQ_HTTP_INSERTED, /* the summary; 201 */
  PQ_HTTP_DELETED,  /* 204, or 404 */
  PQ_HTTP_RUN,      /* as LIST, of several commands one after the other */
  PQ_HTTP_FEED,     /* Server-Sent Events */
  PQ_HTTP_OPENAPI,
  PQ_HTTP_HEALTH,
  PQ_HTTP_READY,
  PQ_HTTP_METRICS,
  PQ_HTTP_RPC
} pq_http_shape;

typedef enum pq_http_content {
  PQ_HTTP_NOTHING = 0,
  PQ_HTTP_DOCUMENT,  /* application/json: an object */
  PQ_HTTP_DOCUMENTS, /* an object, an array of them, or lines of them (application/x-ndjson) */
  PQ_HTTP_CHANGE,    /* an update, or application/merge-patch+json */
  PQ_HTTP_COMMANDS,  /* as DOCUMENTS; with the parameter `command` the lines are its payload */
  PQ_HTTP_MESSAGES   /* whatever RPC takes */
} pq_http_content;

typedef struct pq_http_call pq_http_call;

typedef struct pq_http_route {
  const char *method, *path; /* "/v1/{ns}/{collection}" */
  const char *name, *help;   /* operationId, summary */
  pq_http_shape shape;
  pq_http_content content;
  const pq_http_param *const *params; /* lists, ended by NULL */
  int (*make)(pq_http_call *c);       /* NULL: it needs no command */
} pq_http_route;

/* The i-th row; NULL: there are no more. */
const pq_http_route *pq_http_route_at(uint32_t i);

/* A request on its way to being a command. */
struct pq_http_call {
  pq_cx *cx; /* borrowed, as the next four; failures are recorded here */
  pq_builder *builder;
  pq_arena *arena;         /* what follows lives there, */
  pq_arena *command_arena; /* and the command here */
  const pq_http_head *head;
  const pq_http_route *route;
  int status;                                    /* of a failure: 400 … */
  pq_slice ns, collection, local, predicate, id; /* of the path; id: "collection/local" */
  pq_slice query;                                /* its parameters, as they came */
  pq_slice body;                                 /* borrowed: all of it, or some lines */
  bool has_lines;                                /* the body is NDJSON, */
  bool is_merge;                                 /* or a merge patch */
  bool gives_lines;                              /* the answer is NDJSON */
  pq_json_form form;
  bool has_version, must_exist, must_be_new; /* If-Match: "3", *; If-None-Match: * */
  int64_t version;
  bool has_seen; /* If-None-Match: "3" */
  int64_t seen;
  uint64_t line;     /* number of the body's first line */
  bool is_sequence;  /* commands: an array or lines of them, */
  uint32_t at;       /* of which this is next */
  pq_value sequence; /* the array */
};

/* The row of a path and method into c->route. PQ_ENOTFOUND (404), PQ_EUNSUPPORTED (405: `allow` has
 * the methods that there are); `allow` is filled for OPTIONS, too. */
int pq_http_route_find(pq_http_call *c, char allow[64]) PQ_MUST_CHECK;
/* Everything of the head. */
int pq_http_call_read(pq_http_call *c) PQ_MUST_CHECK;
/* The command of c->body. */
int pq_http_call_command(pq_http_call *c, pq_value *command) PQ_MUST_CHECK;
/* Of a sequence: is there another command? */
bool pq_http_call_has_next(const pq_http_call *c);
/* Does `type` name this media type, whatever its parameters? */
bool pq_http_is_media(pq_slice type, const char *name);

/* "V1 as a query's parameter of that name, decoded into the arena; false: it is not there." */
bool pq_http_call_param(pq_http_call *c, const char *name, pq_slice *out);

/* http_merge.c: append RFC 7396's merge patch as an update pipeline, the builder's next value. */
int pq_http_put_merge(pq_cx *cx, pq_builder *b, pq_arena *arena, pq_value patch) PQ_MUST_CHECK;

#endif
