/* server/http_openapi.c - see http_openapi.h. */
#include "server/http_openapi.h"

#include "base/text.h"
#include "parquedb/parquedb.h"

#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define CONTENT(type, schema) "\"content\":{\"" type "\":{\"schema\":" schema "}}"
#define JSON_OF(schema) CONTENT("application/json", schema)

static const char components[] =
    "\"components\":{\"schemas\":{"
    "\"Document\":{\"type\":\"object\",\"description\":\"A document as relaxed or canonical "
    "Extended JSON.\",\"additionalProperties\":true},"
    "\"Summary\":{\"type\":\"object\",\"description\":\"The end of a command: counts, nextCursor, "
    "and seq, the event that it is as of.\",\"properties\":{\"ok\":{},\"seq\":{}},"
    "\"additionalProperties\":true},"
    "\"List\":{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":"
    "\"array\",\"items\":" REF("Document") "},\"summary\":" REF("Summary") ",\"error\":" REF(
        "Problem") "}},"
    "\"Problem\":{\"type\":\"object\",\"description\":\"RFC 9457.\",\"required\":[\"type\","
    "\"title\",\"status\",\"code\",\"detail\"],\"properties\":{\"type\":{\"type\":\"string\"},"
    "\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"code\":{\"type\":"
    "\"string\"},\"detail\":{\"type\":\"string\"}}}},"
    "\"securitySchemes\":{\"basic\":{\"type\":\"http\",\"scheme\":\"basic\"},\"bearer\":{\"type\":"
    "\"http\",\"scheme\":\"bearer\"}}},"
    "\"security\":[{},{\"basic\":[]},{\"bearer\":[]}]}\n";

static int put_text(pq_buf *out, const char *text) {
  return pq_buf_put_json_str(out, pq_str(text));
}

/* The parameters of the path: what stands in braces. */
static int put_path_params(const char *path, bool *is_first, pq_buf *out) {
  for (const char *p = strchr(path, '{'); p != NULL; p = strchr(p + 1, '{')) {
    size_t n = strcspn(p + 1, "}");
    PQ_TRY(pq_buf_printf(out,
                         "%s{\"name\":\"%.*s\",\"in\":\"path\",\"required\":true,\"schema\":{"
                         "\"type\":\"string\"}}",
                         *is_first ? "" : ",", (int)n, p + 1));
    *is_first = false;
  }
  return PQ_OK;
}

static const char *schema_of(pq_http_param_kind kind) {
  switch (kind) {
    case PQ_HTTP_NUMBER: return "\"schema\":{\"type\":\"integer\"}";
    case PQ_HTTP_FLAG: return "\"schema\":{\"type\":\"boolean\"}";
    case PQ_HTTP_JSON: return JSON_OF("{}");
    default: return "\"schema\":{\"type\":\"string\"}";
  }
}

static int put_params(const pq_http_route *r, pq_buf *out) {
  bool is_first = true;
  PQ_TRY(pq_buf_put_str(out, ",\"parameters\":["));
  PQ_TRY(put_path_params(r->path, &is_first, out));
  for (const pq_http_param *const *list = r->params; *list != NULL; list++)
    for (const pq_http_param *p = *list; p->name != NULL; p++) {
      PQ_TRY(pq_buf_printf(out, "%s{\"name\":\"%s\",\"in\":\"query\",\"description\":",
                           is_first ? "" : ",", p->name));
      PQ_TRY(put_text(out, p->help));
      PQ_TRY(pq_buf_printf(out, ",%s}", schema_of(p->kind)));
      is_first = false;
    }
  if (r->shape == PQ_HTTP_FEED)
    PQ_TRY(pq_buf_put_str(out,
                          ",{\"name\":\"Last-Event-ID\",\"in\":\"header\",\"schema\":{"
                          "\"type\":\"string\"}}"));
  if (r->shape == PQ_HTTP_WRITTEN || r->shape == PQ_HTTP_DELETED)
    PQ_TRY(pq_buf_put_str(out,
                          ",{\"name\":\"If-Match\",\"in\":\"header\",\"schema\":{\"type\":"
                          "\"string\"}}"));
  if (r->shape == PQ_HTTP_ONE)
    PQ_TRY(pq_buf_put_str(out,
                          ",{\"name\":\"If-None-Match\",\"in\":\"header\",\"schema\":{"
                          "\"type\":\"string\"}}"));
  return pq_buf_put_byte(out, ']');
}

static const char *content_of(pq_http_content content) {
  switch (content) {
    case PQ_HTTP_DOCUMENT:
      return ",\"requestBody\":{\"required\":true," JSON_OF(REF("Document")) "}";
    case PQ_HTTP_DOCUMENTS:
    case PQ_HTTP_COMMANDS:
      return ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{"
             "\"oneOf\":[" REF("Document") ",{\"type\":\"array\",\"items\":" REF(
                 "Document") "}]}},\"application/x-ndjson\":{\"schema\":{\"type\":\"string\"}}}}";
    case PQ_HTTP_CHANGE:
      return ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{"
             "\"oneOf\":[" REF("Document") ",{\"type\":\"array\",\"items\":" REF(
                 "Document") "}]}},\"application/merge-patch+json\":{\"schema\":" REF(
                 "Document") "}}}";
    case PQ_HTTP_MESSAGES:
      return ",\"requestBody\":{\"required\":true," CONTENT("text/plain",
                                                            "{\"type\":\"string\"}") "}";
    default: return "";
  }
}

#define TEXT_OF(type) CONTENT(type, "{\"type\":\"string\"}")

/* The answers beside problems. */
static const char *answers_of(pq_http_shape shape) {
  switch (shape) {
    case PQ_HTTP_LIST:
    case PQ_HTTP_RUN:
      return "\"200\":{\"description\":\"Items and their summary.\",\"content\":{"
             "\"application/json\":{\"schema\":{\"oneOf\":[" REF("List") ",{\"type\":\"array\","
             "\"items\":" REF("List") "}]}},\"application/x-ndjson\":{\"schema\":{\"type\":"
             "\"string\"}}}}";
    case PQ_HTTP_ONE:
      return "\"200\":{\"description\":\"The entity; ETag is its version.\"," JSON_OF(
          REF("Document")) "},\"304\":{\"description\":\"It has the version of If-None-Match.\"}";
    case PQ_HTTP_WRITTEN:
      return "\"200\":{\"description\":\"The entity as it is now.\"," JSON_OF(
          REF("Document")) "},\"201\":{\"description\":\"It is new.\"," JSON_OF(
          REF("Document")) "},\"412\":{\"description\":\"If-Match or If-None-Match is not so.\","
          CONTENT("application/problem+json", REF("Problem")) "}";
    case PQ_HTTP_INSERTED:
      return "\"201\":{\"description\":\"What was inserted.\"," JSON_OF(REF("Summary")) "}";
    case PQ_HTTP_DELETED:
      return "\"204\":{\"description\":\"It is deleted.\"},\"412\":{\"description\":\"If-Match is "
             "not so.\"," CONTENT("application/problem+json", REF("Problem")) "}";
    case PQ_HTTP_FEED:
      return "\"200\":{\"description\":\"Server-Sent Events: id is an event's, data the "
             "event.\"," TEXT_OF("text/event-stream") "}";
    case PQ_HTTP_METRICS:
      return "\"200\":{\"description\":\"Prometheus' text format.\"," TEXT_OF("text/plain") "}";
    case PQ_HTTP_RPC:
      return "\"101\":{\"description\":\"A WebSocket.\"},\"200\":{\"description\":\"The messages "
             "of "
             "the server.\"," TEXT_OF("text/plain") "}";
    default: return "\"200\":{\"description\":\"It is.\"," JSON_OF("{\"type\":\"object\"}") "}";
  }
}

static int put_operation(const pq_http_route *r, pq_buf *out) {
  char method[8];
  size_t n = strlen(r->method);
  for (size_t i = 0; i <= n; i++)
    method[i] = (char)(i < n ? r->method[i] + 32 : 0);
  PQ_TRY(pq_buf_printf(out, "\"%s\":{\"operationId\":\"%s\",\"summary\":", method, r->name));
  PQ_TRY(put_text(out, r->help));
  PQ_TRY(put_params(r, out));
  PQ_TRY(pq_buf_put_str(out, content_of(r->content)));
  PQ_TRY(pq_buf_put_str(out, ",\"responses\":{"));
  PQ_TRY(pq_buf_put_str(out, answers_of(r->shape)));
  return pq_buf_put_str(out, ",\"default\":{\"description\":\"It failed.\"," CONTENT(
                                 "application/problem+json", REF("Problem")) "}}}");
}

/* Is this the first row of its path? */
static bool is_first_of_path(uint32_t at) {
  for (uint32_t i = 0; i < at; i++)
    if (strcmp(pq_http_route_at(i)->path, pq_http_route_at(at)->path) == 0) return false;
  return true;
}

static int put_path(uint32_t at, pq_buf *out) {
  const pq_http_route *first = pq_http_route_at(at), *r;
  bool has_one = false;
  PQ_TRY(pq_buf_printf(out, "%s\"%s\":{", at == 0 ? "" : ",", first->path));
  for (uint32_t i = at; (r = pq_http_route_at(i)) != NULL; i++) {
    if (strcmp(r->path, first->path) != 0) continue;
    if (has_one) PQ_TRY(pq_buf_put_byte(out, ','));
    PQ_TRY(put_operation(r, out));
    has_one = true;
  }
  return pq_buf_put_byte(out, '}');
}

int pq_http_openapi_put(pq_buf *out) {
  PQ_TRY(pq_buf_put_str(
      out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"ParqueDB\",\"version\":\"" PQDB_VERSION
           "\",\"description\":\"Documents, edges and their history. "
           "Commands: doc/commands.md.\",\"license\":{\"name\":\"MIT\",\"identifier\":"
           "\"MIT\"}},\"servers\":[{\"url\":\"/\"}],\"paths\":{"));
  for (uint32_t i = 0; pq_http_route_at(i) != NULL; i++)
    if (is_first_of_path(i)) PQ_TRY(put_path(i, out));
  PQ_TRY(pq_buf_put_str(out, "},"));
  return pq_buf_put_str(out, components);
}
