/* server/http_answer.c - see http_answer.h. */
#include "server/http_answer.h"

#include <stdio.h>

#include "base/text.h"

enum {
  PACKED_LEN_MIN = 1 << 10, /* below it little is won */
  PACKED_LEN_MAX = 4 << 20  /* above it whoever waits for the network's thread would notice */
};

static const char json_type[] = "application/json";
static const char lines_type[] = "application/x-ndjson";

int pq_http_status_of(int rc) {
  switch (rc) {
    case PQ_EINVALID:
    case PQ_EFILTER:
    case PQ_EUPDATE:
    case PQ_EPATH:
    case PQ_EINDEX: return 400;
    case PQ_EPERM: return 403;
    case PQ_ENOENTITY:
    case PQ_ENOTFOUND: return 404;
    case PQ_EEXISTS:
    case PQ_EVERSION:
    case PQ_ETARGET:
    case PQ_EUNIQUE:
    case PQ_EVIEW:
    case PQ_ECONFLICT: return 409;
    case PQ_EHISTORY: return 410;
    case PQ_ELIMIT: return 422;
    case PQ_EUNSUPPORTED: return 501;
    case PQ_ENOMEM:
    case PQ_EBUSY:
    case PQ_EFENCED: return 503;
    case PQ_ETIMEOUT: return 504;
    default: return 500;
  }
}

int pq_http_put_problem(pq_buf *out, int status, const char *code, const char *detail) {
  pq_slice text = pq_str(detail);
  text.n = pq_utf8_prefix(text, text.n);
  if (!pq_utf8_is_valid(text)) text = PQ_SLICE("(a text that is not UTF-8)");
  PQ_TRY(pq_buf_printf(out, "{\"type\":\"urn:parquedb:%s\",\"title\":\"%s\",\"status\":%d,", code,
                       pq_http_reason(status), status));
  PQ_TRY(pq_buf_printf(out, "\"code\":\"%s\",\"detail\":", code));
  PQ_TRY(pq_buf_put_json_str(out, text));
  return pq_buf_put_byte(out, '}');
}

/* ---- heads ---- */

void pq_http_answer_release(pq_http_answer *a) {
  pq_http_packer_free(a->packer);
  a->packer = NULL;
}

/* Up to what says how long the body is. */
static int put_head(pq_http_answer *a, int status, const char *type, const char *fields,
                    pq_http_coding coding, pq_buf *out) {
  char date[32];
  a->status = status;
  a->was_begun = true;
  pq_http_date(a->now_s, date);
  PQ_TRY(
      pq_buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, pq_http_reason(status), date));
  if (type != NULL)
    PQ_TRY(pq_buf_printf(out, "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n", type));
  if (coding != PQ_HTTP_IDENTITY)
    PQ_TRY(pq_buf_printf(out, "Content-Encoding: %s\r\n", pq_http_coding_name(coding)));
  if (status == 200 || status == 304)
    PQ_TRY(pq_buf_printf(out, "Vary: Accept, Accept-Encoding%s\r\n",
                         a->origin[0] == '\0' ? "" : ", Origin"));
  if (fields != NULL) PQ_TRY(pq_buf_put_str(out, fields));
  if (a->origin[0] != '\0')
    PQ_TRY(pq_buf_printf(out,
                         "Access-Control-Allow-Origin: %s\r\n%s"
                         "Access-Control-Expose-Headers: ETag, Location, Link\r\n",
                         a->origin, status == 200 || status == 304 ? "" : "Vary: Origin\r\n"));
  if (!a->keeps_alive) return pq_buf_put_str(out, "Connection: close\r\n");
  return a->minor == 0 ? pq_buf_put_str(out, "Connection: keep-alive\r\n") : PQ_OK;
}

static int put_whole(pq_http_answer *a, int status, const char *type, pq_slice body,
                     const char *fields, pq_http_coding coding, pq_buf *out) {
  PQ_TRY(put_head(a, status, type, fields, coding, out));
  if (status != 204 && status != 304) PQ_TRY(pq_buf_printf(out, "Content-Length: %zu\r\n", body.n));
  PQ_TRY(pq_buf_put_str(out, "\r\n"));
  return a->is_head ? PQ_OK : pq_buf_put_slice(out, body);
}

static int pack_whole(pq_http_answer *a, pq_slice body, pq_buf *packed) {
  pq_http_packer *p;
  int rc;
  PQ_TRY(pq_http_packer_new(a->cx, a->coding, &p));
  rc = pq_http_pack(p, body, true, packed);
  pq_http_packer_free(p);
  return rc;
}

int pq_http_answer_whole(pq_http_answer *a, int status, const char *type, pq_slice body,
                         const char *fields, pq_buf *out) {
  pq_buf packed;
  int rc;
  if (a->coding == PQ_HTTP_IDENTITY || body.n < PACKED_LEN_MIN || body.n > PACKED_LEN_MAX)
    return put_whole(a, status, type, body, fields, PQ_HTTP_IDENTITY, out);
  pq_buf_init(&packed, a->cx, PACKED_LEN_MAX * 2);
  rc = pack_whole(a, body, &packed);
  if (rc == PQ_OK && packed.len < body.n)
    rc = put_whole(a, status, type, pq_buf_slice(&packed), fields, a->coding, out);
  else if (rc == PQ_OK)
    rc = put_whole(a, status, type, body, fields, PQ_HTTP_IDENTITY, out);
  pq_buf_release(&packed);
  return rc;
}

int pq_http_answer_problem(pq_http_answer *a, int status, const char *code, const char *detail,
                           const char *fields, pq_buf *out) {
  pq_buf body;
  int rc;
  pq_buf_init(&body, a->cx, 1 << 16);
  rc = pq_http_put_problem(&body, status, code, detail);
  if (rc == PQ_OK) rc = pq_buf_put_byte(&body, '\n');
  if (rc == PQ_OK)
    rc = pq_http_answer_whole(a, status, "application/problem+json", pq_buf_slice(&body), fields,
                              out);
  pq_buf_release(&body);
  return rc;
}

int pq_http_answer_stream(pq_http_answer *a, const char *type, bool is_live, pq_buf *out) {
  pq_http_coding coding = is_live ? PQ_HTTP_IDENTITY : a->coding;
  a->is_chunked = a->minor > 0;
  if (!a->is_chunked) a->keeps_alive = false; /* HTTP/1.0: the body ends with the connection */
  if (coding != PQ_HTTP_IDENTITY) PQ_TRY(pq_http_packer_new(a->cx, coding, &a->packer));
  PQ_TRY(put_head(a, 200, type, "Cache-Control: no-cache\r\n", coding, out));
  return pq_buf_put_str(out, a->is_chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
}

static int put_chunk(const pq_http_answer *a, pq_slice data, bool is_last, pq_buf *out) {
  PQ_TRY(a->is_chunked ? pq_http_put_chunk(out, data) : pq_buf_put_slice(out, data));
  return is_last && a->is_chunked ? pq_http_put_last_chunk(out) : PQ_OK;
}

int pq_http_answer_chunk(pq_http_answer *a, pq_slice data, bool is_last, pq_buf *out) {
  pq_buf packed;
  int rc;
  if (a->is_head) return PQ_OK;
  if (a->packer == NULL) return put_chunk(a, data, is_last, out);
  pq_buf_init(&packed, a->cx, PQ_HTTP_ANSWER_MAX);
  rc = pq_http_pack(a->packer, data, is_last, &packed);
  if (rc == PQ_OK) rc = put_chunk(a, pq_buf_slice(&packed), is_last, out);
  pq_buf_release(&packed);
  return rc;
}

/* ---- items ---- */

/* The lines of a part, as they are shown. */
static int put_items(pq_http_answer *a, pq_slice lines, pq_buf *body) {
  bool is_run = a->call->route->shape == PQ_HTTP_RUN, gives_lines = a->call->gives_lines;
  if (gives_lines && !is_run) return pq_buf_put_slice(body, lines);
  while (lines.n > 0) {
    const uint8_t *end = memchr(lines.p, '\n', lines.n);
    size_t n = end == NULL ? lines.n : (size_t)(end - lines.p);
    if (gives_lines)
      PQ_TRY(pq_buf_put_str(body, "{\"item\":"));
    else if (a->has_items)
      PQ_TRY(pq_buf_put_byte(body, ','));
    a->has_items = true;
    PQ_TRY(pq_buf_put(body, lines.p, n));
    if (gives_lines) PQ_TRY(pq_buf_put_str(body, "}\n"));
    lines.p += n + (end != NULL);
    lines.n -= n + (end != NULL);
  }
  return PQ_OK;
}

static int open_list(pq_http_answer *a, pq_buf *body) {
  const pq_http_call *c = a->call;
  if (a->is_open || c->gives_lines) return PQ_OK;
  a->is_open = true;
  a->has_items = false;
  if (c->is_sequence) PQ_TRY(pq_buf_put_byte(body, c->at == 1 ? '[' : ','));
  return pq_buf_put_str(body, "{\"items\":[");
}

static int close_list(pq_http_answer *a, const pq_native *n, bool is_last, pq_buf *body) {
  const pq_http_call *c = a->call;
  const char *name = n->rc == PQ_OK ? "summary" : "error";
  if (c->gives_lines && c->route->shape != PQ_HTTP_RUN) return PQ_OK;
  PQ_TRY(pq_buf_printf(body, c->gives_lines ? "{\"%s\":" : "],\"%s\":", name));
  if (n->rc == PQ_OK)
    PQ_TRY(pq_buf_put_slice(body, pq_buf_slice(&n->summary)));
  else
    PQ_TRY(pq_http_put_problem(body, pq_http_status_of(n->rc), pq_status_name(n->rc), n->message));
  PQ_TRY(pq_buf_put_byte(body, '}'));
  a->is_open = false;
  if (c->gives_lines) return pq_buf_put_byte(body, '\n');
  if (c->is_sequence && is_last) PQ_TRY(pq_buf_put_byte(body, ']'));
  return is_last ? pq_buf_put_byte(body, '\n') : PQ_OK;
}

/* "Link: <…>; rel="next"", when there is more. */
static int put_link(pq_http_answer *a, const pq_native *n, pq_buf *fields) {
  pq_slice cursor, query = a->call->head->query, name, value;
  char mark = '?';
  if (!pq_value_string(pq_object_get_str(n->values, "nextCursor"), &cursor) ||
      a->call->route->shape != PQ_HTTP_LIST)
    return PQ_OK;
  while (pq_http_next_pair(&query, &name, &value)) /* who goes by ids has the next one himself */
    if (pq_slice_is(name, "after")) return PQ_OK;
  query = a->call->head->query;
  PQ_TRY(pq_buf_put_str(fields, "Link: <"));
  PQ_TRY(pq_buf_put_slice(fields, a->call->head->path));
  while (pq_http_next_pair(&query, &name, &value)) {
    if (pq_slice_is(name, "cursor") || pq_slice_is(name, "skip")) continue;
    PQ_TRY(pq_buf_put_byte(fields, (uint8_t)mark));
    PQ_TRY(pq_buf_put_slice(fields, name));
    PQ_TRY(pq_buf_put_byte(fields, '='));
    PQ_TRY(pq_buf_put_slice(fields, value));
    mark = '&';
  }
  PQ_TRY(pq_buf_put_byte(fields, (uint8_t)mark));
  PQ_TRY(pq_buf_put_str(fields, "cursor="));
  PQ_TRY(pq_http_escape(fields, cursor));
  return pq_buf_put_str(fields, ">; rel=\"next\"\r\n");
}

static int whole_list(pq_http_answer *a, const pq_native *n, pq_slice body, pq_buf *out) {
  pq_buf fields;
  int rc;
  pq_buf_init(&fields, a->cx, 1 << 20);
  rc = pq_buf_put_str(&fields, "Cache-Control: no-cache\r\n");
  if (rc == PQ_OK) rc = put_link(a, n, &fields);
  if (rc == PQ_OK) rc = pq_buf_put_byte(&fields, 0);
  if (rc == PQ_OK)
    rc = pq_http_answer_whole(a, 200, a->call->gives_lines ? lines_type : json_type, body,
                              (const char *)fields.p, out);
  pq_buf_release(&fields);
  return rc;
}

/* A part of a list, behind its failure or not. */
static int list_part(pq_http_answer *a, const pq_request *r, bool is_last, pq_buf *body,
                     pq_buf *out) {
  const pq_native *n = r->native;
  bool is_end = n->is_end && is_last;
  PQ_TRY(open_list(a, body));
  PQ_TRY(put_items(a, pq_buf_slice(&r->answer), body));
  if (n->is_end && n->rc != PQ_OK && a->call->route->shape != PQ_HTTP_RUN) {
    a->must_close = true; /* without the last chunk */
    a->keeps_alive = false;
    return pq_http_answer_chunk(a, pq_buf_slice(body), false, out);
  }
  if (n->is_end) PQ_TRY(close_list(a, n, is_last, body));
  if (!a->was_begun && is_end) return whole_list(a, n, pq_buf_slice(body), out);
  if (!a->was_begun)
    PQ_TRY(pq_http_answer_stream(a, a->call->gives_lines ? lines_type : json_type, false, out));
  return pq_http_answer_chunk(a, pq_buf_slice(body), is_end, out);
}

/* ---- one entity ---- */

static int64_t count_of(const pq_native *n, const char *name) {
  int64_t v = 0;
  (void)pq_value_i64(pq_object_get_str(n->values, name), &v);
  return v;
}

static int absent(pq_http_answer *a, pq_buf *out) {
  const pq_http_call *c = a->call;
  char text[200];
  snprintf(text, sizeof text, "there is no entity %.*s", (int)pq_utf8_prefix(c->id, 150),
           (const char *)c->id.p);
  return pq_http_answer_problem(a, c->must_exist ? 412 : 404, "ENTITY_NOT_FOUND", text, NULL, out);
}

/* "Location: /v1/ns/collection/local" of "collection/local". */
static int put_location(pq_http_answer *a, pq_slice id, pq_buf *fields) {
  const uint8_t *slash = id.n == 0 ? NULL : memchr(id.p, '/', id.n);
  size_t n = slash == NULL ? 0 : (size_t)(slash - id.p);
  if (slash == NULL) return PQ_OK;
  PQ_TRY(pq_buf_put_str(fields, "Location: /v1/"));
  PQ_TRY(pq_http_escape(fields, a->call->ns));
  PQ_TRY(pq_buf_put_byte(fields, '/'));
  PQ_TRY(pq_http_escape(fields, (pq_slice){id.p, n}));
  PQ_TRY(pq_buf_put_byte(fields, '/'));
  PQ_TRY(pq_http_escape(fields, (pq_slice){slash + 1, id.n - n - 1}));
  return pq_buf_put_str(fields, "\r\n");
}

static int put_tag(const pq_native *n, pq_buf *fields) {
  PQ_TRY(pq_buf_put_str(fields, "Cache-Control: no-cache\r\n"));
  if (n->version <= 0) return PQ_OK;
  return pq_buf_printf(fields, "ETag: \"%lld\"\r\n", (long long)n->version);
}

static int entity(pq_http_answer *a, const pq_request *r, pq_buf *fields, pq_buf *out) {
  const pq_native *n = r->native;
  const pq_http_call *c = a->call;
  bool is_known = c->has_seen && c->seen == n->version && n->version > 0;
  if (n->item_count == 0) return absent(a, out);
  if (c->has_version && c->version != n->version)
    return pq_http_answer_problem(a, 412, "VERSION_CONFLICT", "it has another version now", NULL,
                                  out);
  PQ_TRY(put_tag(n, fields));
  PQ_TRY(pq_buf_put_byte(fields, 0));
  return pq_http_answer_whole(a, is_known ? 304 : 200, is_known ? NULL : json_type,
                              is_known ? (pq_slice){NULL, 0} : pq_buf_slice(&r->answer),
                              (const char *)fields->p, out);
}

/* The first of the ids that were inserted. */
static pq_slice inserted_id(const pq_native *n) {
  pq_slice id = {NULL, 0};
  (void)pq_value_string(pq_array_at(pq_object_get_str(n->values, "insertedIds"), 0), &id);
  return id;
}

static int written(pq_http_answer *a, const pq_request *r, pq_buf *fields, pq_buf *body,
                   pq_buf *out) {
  const pq_native *n = r->native;
  const pq_http_call *c = a->call;
  bool is_new = c->must_be_new || count_of(n, "upsertedCount") > 0;
  if (!c->must_be_new && n->item_count == 0) return absent(a, out);
  if (is_new) PQ_TRY(put_location(a, c->id, fields));
  if (!c->must_be_new) PQ_TRY(put_tag(n, fields));
  PQ_TRY(pq_buf_put_byte(fields, 0));
  PQ_TRY(pq_buf_put_slice(body, pq_buf_slice(c->must_be_new ? &n->summary : &r->answer)));
  if (c->must_be_new) PQ_TRY(pq_buf_put_byte(body, '\n'));
  return pq_http_answer_whole(a, is_new ? 201 : 200, json_type, pq_buf_slice(body),
                              (const char *)fields->p, out);
}

static int inserted(pq_http_answer *a, const pq_request *r, pq_buf *fields, pq_buf *body,
                    pq_buf *out) {
  const pq_native *n = r->native;
  int64_t count = count_of(n, "insertedCount");
  if (count == 1) PQ_TRY(put_location(a, inserted_id(n), fields));
  PQ_TRY(pq_buf_put_byte(fields, 0));
  PQ_TRY(pq_buf_put_slice(body, pq_buf_slice(&n->summary)));
  PQ_TRY(pq_buf_put_byte(body, '\n'));
  return pq_http_answer_whole(a, count > 0 ? 201 : 200, json_type, pq_buf_slice(body),
                              (const char *)fields->p, out);
}

static int deleted(pq_http_answer *a, const pq_request *r, pq_buf *out) {
  if (count_of(r->native, "deletedCount") == 0) return absent(a, out);
  return pq_http_answer_whole(a, 204, NULL, (pq_slice){NULL, 0}, NULL, out);
}

/* ---- parts ---- */

/* What failed before anything went out. */
static int failed(pq_http_answer *a, const pq_native *n, pq_buf *out) {
  const pq_http_call *c = a->call;
  int status = pq_http_status_of(n->rc);
  if (n->rc == PQ_EVERSION && c->has_version) status = 412;
  if (n->rc == PQ_EEXISTS && c->must_be_new) status = 412;
  if (n->is_forbidden) status = n->is_nobody ? 401 : 403;
  return pq_http_answer_problem(a, status, pq_status_name(n->rc), n->message,
                                status == 401 ? PQ_HTTP_CHALLENGE : NULL, out);
}

int pq_http_answer_part(pq_http_answer *a, const pq_request *r, bool is_last, pq_buf *out) {
  const pq_native *n = r->native;
  pq_buf body, fields;
  int rc;
  if (n->is_end && n->rc != PQ_OK && !a->was_begun && r->answer.len == 0) return failed(a, n, out);
  pq_buf_init(&body, a->cx, PQ_HTTP_ANSWER_MAX);
  pq_buf_init(&fields, a->cx, 1 << 20);
  switch (a->call->route->shape) {
    case PQ_HTTP_ONE: rc = entity(a, r, &fields, out); break;
    case PQ_HTTP_WRITTEN: rc = written(a, r, &fields, &body, out); break;
    case PQ_HTTP_INSERTED: rc = inserted(a, r, &fields, &body, out); break;
    case PQ_HTTP_DELETED: rc = deleted(a, r, out); break;
    default: rc = list_part(a, r, is_last, &body, out);
  }
  pq_buf_release(&fields);
  pq_buf_release(&body);
  return rc;
}
