/* server/http_message.c - see http_message.h. */
#include "server/http_message.h"

#include <stdio.h>

#include "base/civil.h"
#include "base/text.h"

/* ---- bytes ---- */

/* tchar of RFC 9110: what names and methods are made of. */
static bool is_token_byte(uint8_t c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(pq_slice s) {
  for (size_t i = 0; i < s.n; i++)
    if (!is_token_byte(s.p[i])) return false;
  return s.n > 0;
}

static uint8_t lower(uint8_t c) {
  return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static int hex_of(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static pq_slice trim(pq_slice s) {
  while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
    s.p++;
    s.n--;
  }
  while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
    s.n--;
  return s;
}

bool pq_http_is(pq_slice a, const char *b) {
  size_t n = strlen(b);
  if (a.n != n) return false;
  for (size_t i = 0; i < n; i++)
    if (lower(a.p[i]) != lower((uint8_t)b[i])) return false;
  return true;
}

static int refuse(pq_cx *cx, int *status, int number, const char *why) {
  int rc = number == 501 || number == 505                    ? PQ_EUNSUPPORTED
           : number == 413 || number == 414 || number == 431 ? PQ_ELIMIT
                                                             : PQ_EINVALID;
  *status = number;
  return pq_fail(cx, rc, "%s", why);
}

/* ---- heads ---- */

/* Take a line off, without its CR LF. False: none is whole. */
static bool take_line(pq_slice *s, pq_slice *line) {
  const uint8_t *end = s->n == 0 ? NULL : memchr(s->p, '\n', s->n);
  size_t n;
  if (end == NULL) return false;
  n = (size_t)(end - s->p);
  *line = (pq_slice){s->p, n};
  s->p += n + 1;
  s->n -= n + 1;
  return true;
}

int pq_http_measure(pq_cx *cx, pq_slice bytes, const pq_http_limits *limits, size_t *len,
                    int *status) {
  pq_slice rest = bytes, line;
  size_t line_count = 0;
  *len = 0;
  while (take_line(&rest, &line)) {
    if (line.n == 0 || line.p[line.n - 1] != '\r')
      return refuse(cx, status, 400, "a line does not end with CR LF");
    if (line.n > 1)
      line_count++;
    else if (line_count > 0) {
      *len = bytes.n - rest.n;
      break;
    } else if (bytes.n - rest.n > 4)
      return refuse(cx, status, 400, "empty lines instead of a request");
    if (line_count == 1 && line.n > limits->target_len_max + 32)
      return refuse(cx, status, 414, "the target of the request is too long");
  }
  if (*len == 0 && line_count == 0 && rest.n > limits->target_len_max + 32)
    return refuse(cx, status, 414, "the target of the request is too long");
  if ((*len == 0 ? bytes.n : *len) > limits->head_len_max)
    return refuse(cx, status, 431, "the header fields are too long");
  return PQ_OK;
}

/* "/path?query", "http://host/path", "*" */
static int read_target(pq_cx *cx, pq_slice target, pq_http_head *h, int *status) {
  const uint8_t *mark;
  for (size_t i = 0; i < target.n; i++)
    if (target.p[i] <= ' ' || target.p[i] >= 127 || target.p[i] == '#')
      return refuse(cx, status, 400, "the target of the request has a byte that must be encoded");
  if (target.n > 7 && pq_http_is((pq_slice){target.p, 7}, "http://")) {
    target.p += 7;
    target.n -= 7;
    mark = memchr(target.p, '/', target.n);
    h->host = (pq_slice){target.p, mark == NULL ? target.n : (size_t)(mark - target.p)};
    target.p += h->host.n;
    target.n -= h->host.n;
    if (h->host.n == 0) return refuse(cx, status, 400, "the target of the request names no host");
    if (target.n == 0) target = PQ_SLICE("/");
  }
  if (target.n == 0 || (target.p[0] != '/' && !pq_slice_is(target, "*")))
    return refuse(cx, status, 400, "the target of the request is no path");
  mark = memchr(target.p, '?', target.n);
  h->path = (pq_slice){target.p, mark == NULL ? target.n : (size_t)(mark - target.p)};
  if (mark != NULL) h->query = (pq_slice){mark + 1, target.n - h->path.n - 1};
  return PQ_OK;
}

static int read_request_line(pq_cx *cx, pq_slice line, const pq_http_limits *limits,
                             pq_http_head *h, int *status) {
  const uint8_t *first = memchr(line.p, ' ', line.n);
  const uint8_t *second;
  pq_slice version, target;
  if (first == NULL) return refuse(cx, status, 400, "the request line has no target");
  h->method = (pq_slice){line.p, (size_t)(first - line.p)};
  second = memchr(first + 1, ' ', line.n - h->method.n - 1);
  if (second == NULL) return refuse(cx, status, 400, "the request line has no version");
  target = (pq_slice){first + 1, (size_t)(second - first - 1)};
  version = (pq_slice){second + 1, line.n - h->method.n - target.n - 2};
  if (!is_token(h->method)) return refuse(cx, status, 400, "the method is no token");
  if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || version.p[6] != '.')
    return refuse(cx, status, 400, "the request line has no version");
  if (version.p[5] != '1' || (version.p[7] != '0' && version.p[7] != '1'))
    return refuse(cx, status, 505, "HTTP/1.1 is spoken here");
  h->minor = version.p[7] - '0';
  if (target.n > limits->target_len_max)
    return refuse(cx, status, 414, "the target of the request is too long");
  return read_target(cx, target, h, status);
}

static int read_field(pq_cx *cx, pq_slice line, pq_http_head *h, int *status) {
  const uint8_t *colon = memchr(line.p, ':', line.n);
  pq_http_field f;
  if (line.p[0] == ' ' || line.p[0] == '\t')
    return refuse(cx, status, 400, "a header field is continued on the next line");
  if (colon == NULL) return refuse(cx, status, 400, "a header field has no colon");
  f.name = (pq_slice){line.p, (size_t)(colon - line.p)};
  f.value = trim((pq_slice){colon + 1, line.n - f.name.n - 1});
  if (!is_token(f.name)) return refuse(cx, status, 400, "the name of a header field is no token");
  for (size_t i = 0; i < f.value.n; i++)
    if ((f.value.p[i] < ' ' && f.value.p[i] != '\t') || f.value.p[i] == 127)
      return refuse(cx, status, 400, "the value of a header field has a control character");
  if (h->field_count == PQ_HTTP_FIELDS_MAX)
    return refuse(cx, status, 431, "there are too many header fields");
  h->fields[h->field_count++] = f;
  return PQ_OK;
}

uint32_t pq_http_field_count(const pq_http_head *h, const char *name) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < h->field_count; i++)
    if (pq_http_is(h->fields[i].name, name)) count++;
  return count;
}

bool pq_http_field_get(const pq_http_head *head, const char *name, pq_slice *out) {
  *out = (pq_slice){NULL, 0};
  for (uint32_t i = 0; i < head->field_count; i++)
    if (pq_http_is(head->fields[i].name, name)) {
      *out = head->fields[i].value;
      return true;
    }
  return false;
}

/* Take the next of the comma's parts off, and what follows its semicolon. False: none is left. */
static bool next_of_list(pq_slice *list, pq_slice *token, pq_slice *params) {
  const uint8_t *comma, *semicolon;
  size_t used;
  if (list->n == 0) return false;
  comma = memchr(list->p, ',', list->n);
  *token = (pq_slice){list->p, comma == NULL ? list->n : (size_t)(comma - list->p)};
  used = token->n + (comma != NULL);
  semicolon = token->n == 0 ? NULL : memchr(token->p, ';', token->n);
  *params = (pq_slice){NULL, 0};
  if (semicolon != NULL) {
    size_t n = (size_t)(semicolon - token->p);
    *params = (pq_slice){semicolon + 1, token->n - n - 1};
    token->n = n;
  }
  *token = trim(*token);
  *list = (pq_slice){list->p + used, list->n - used};
  return true;
}

/* Is it among the comma's parts, whatever follows a semicolon? */
static bool list_has(pq_slice list, const char *token) {
  pq_slice part, params;
  while (next_of_list(&list, &part, &params))
    if (pq_http_is(part, token)) return true;
  return false;
}

/* "0.5" of "level=1;q=0.5" in thousandths; what is no number is nothing. */
static int quality_of(pq_slice params) {
  pq_slice part = {NULL, 0};
  while (params.n > 0) {
    const uint8_t *end = memchr(params.p, ';', params.n);
    size_t n = end == NULL ? params.n : (size_t)(end - params.p);
    part = trim((pq_slice){params.p, n});
    if (part.n > 2 && lower(part.p[0]) == 'q' && part.p[1] == '=') break;
    params = (pq_slice){params.p + n + (end != NULL), params.n - n - (end != NULL)};
  }
  if (params.n == 0) return 1000;
  part = (pq_slice){part.p + 2, part.n - 2};
  if (part.p[0] == '1') return 1000;
  if (part.p[0] != '0' || part.n < 3 || part.p[1] != '.') return 0;
  for (size_t i = 2, unit = 100, sum = 0;; i++, unit /= 10) {
    if (i == part.n || unit == 0) return (int)sum;
    if (part.p[i] < '0' || part.p[i] > '9') return 0;
    sum += unit * (size_t)(part.p[i] - '0');
  }
}

int pq_http_quality(const pq_http_head *head, const char *name, const char *token) {
  for (uint32_t i = 0; i < head->field_count; i++) {
    pq_slice list = head->fields[i].value, part, params;
    if (!pq_http_is(head->fields[i].name, name)) continue;
    while (next_of_list(&list, &part, &params))
      if (pq_http_is(part, token)) return quality_of(params);
  }
  return -1;
}

bool pq_http_has_token(const pq_http_head *head, const char *name, const char *token) {
  for (uint32_t i = 0; i < head->field_count; i++)
    if (pq_http_is(head->fields[i].name, name) && list_has(head->fields[i].value, token))
      return true;
  return false;
}

/* How long is the body? RFC 9112, 6.3, less everything that two servers could take differently. */
static int read_framing(pq_cx *cx, pq_http_head *h, int *status) {
  uint32_t length_count = pq_http_field_count(h, "content-length");
  uint32_t coding_count = pq_http_field_count(h, "transfer-encoding");
  pq_slice value;
  if (length_count > 1) return refuse(cx, status, 400, "Content-Length is there more than once");
  if (length_count == 1 && coding_count > 0)
    return refuse(cx, status, 400, "both Content-Length and Transfer-Encoding are there");
  if (coding_count > 0) {
    if (h->minor == 0) return refuse(cx, status, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (coding_count > 1 || !pq_http_field_get(h, "transfer-encoding", &value) ||
        !pq_http_is(value, "chunked"))
      return refuse(cx, status, 501, "the only transfer coding that is known is chunked, once");
    h->is_chunked = true;
    return PQ_OK;
  }
  if (!pq_http_field_get(h, "content-length", &value)) return PQ_OK;
  if (value.n == 0 || value.n > 18)
    return refuse(cx, status, 400, "Content-Length is no number of bytes");
  for (size_t i = 0; i < value.n; i++) {
    if (value.p[i] < '0' || value.p[i] > '9')
      return refuse(cx, status, 400, "Content-Length is no number of bytes");
    h->content_len = h->content_len * 10 + (value.p[i] - '0');
  }
  return PQ_OK;
}

static int read_rest(pq_cx *cx, pq_http_head *h, int *status) {
  uint32_t host_count = pq_http_field_count(h, "host");
  pq_slice host;
  if (host_count > 1 || (host_count == 0 && h->minor == 1))
    return refuse(cx, status, 400, "a request has one field Host");
  if (pq_http_field_get(h, "host", &host) && h->host.n == 0) h->host = host;
  h->keeps_alive = h->minor == 1 ? !pq_http_has_token(h, "connection", "close")
                                 : pq_http_has_token(h, "connection", "keep-alive");
  PQ_TRY(read_framing(cx, h, status));
  if (pq_http_field_count(h, "expect") > 0 && h->minor == 1) {
    if (!pq_http_has_token(h, "expect", "100-continue"))
      return refuse(cx, status, 417, "the only expectation that is known is 100-continue");
    h->expects_continue = h->is_chunked || h->content_len > 0;
  }
  return PQ_OK;
}

int pq_http_read(pq_cx *cx, pq_slice bytes, const pq_http_limits *limits, pq_http_head *out,
                 int *status) {
  pq_slice line;
  bool is_first = true;
  memset(out, 0, sizeof *out);
  *status = 400;
  while (take_line(&bytes, &line)) {
    if (line.n == 0 || line.p[line.n - 1] != '\r')
      return refuse(cx, status, 400, "a line does not end with CR LF");
    line.n--;
    if (line.n == 0 && is_first) continue;
    if (line.n == 0) break;
    if (is_first)
      PQ_TRY(read_request_line(cx, line, limits, out, status));
    else
      PQ_TRY(read_field(cx, line, out, status));
    is_first = false;
  }
  if (is_first) return refuse(cx, status, 400, "there is no request line");
  return read_rest(cx, out, status);
}

/* ---- bodies ---- */

void pq_http_body_begin(pq_http_body *b, const pq_http_head *head, uint64_t len_max) {
  *b = (pq_http_body){.is_chunked = head->is_chunked, .len_max = len_max};
  b->state = head->is_chunked ? PQ_HTTP_CHUNK_LINE : PQ_HTTP_BYTES;
  b->left = head->is_chunked ? 0 : head->content_len;
  b->is_done = !head->is_chunked && head->content_len == 0;
}

static void skip(pq_slice *s, size_t n) {
  s->p += n;
  s->n -= n;
}

/* "1a3;name=value": the extension is dropped. */
static int read_chunk_line(pq_cx *cx, pq_http_body *b, pq_slice line, int *status) {
  uint64_t len = 0;
  size_t i = 0;
  for (; i < line.n && hex_of(line.p[i]) >= 0; i++) {
    if (i == 15) return refuse(cx, status, 413, "a chunk is too large");
    len = len << 4 | (uint64_t)hex_of(line.p[i]);
  }
  if (i == 0) return refuse(cx, status, 400, "a chunk has no size");
  if (i < line.n && line.p[i] != ';')
    return refuse(cx, status, 400, "something stands behind the size of a chunk");
  for (; i < line.n; i++)
    if ((line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] == 127)
      return refuse(cx, status, 400, "a chunk's extension has a control character");
  b->left = len;
  b->state = len == 0 ? PQ_HTTP_TRAILER : PQ_HTTP_BYTES;
  return PQ_OK;
}

static int take_chunk_line(pq_cx *cx, pq_http_body *b, pq_slice *bytes, bool *needs_more,
                           int *status) {
  pq_slice rest = *bytes, line;
  if (!take_line(&rest, &line)) {
    *needs_more = true;
    if (bytes->n > PQ_HTTP_CHUNK_LINE_MAX)
      return refuse(cx, status, 400, "the line of a chunk is too long");
    return PQ_OK;
  }
  if (line.n == 0 || line.p[line.n - 1] != '\r')
    return refuse(cx, status, 400, "a line does not end with CR LF");
  if (line.n > PQ_HTTP_CHUNK_LINE_MAX)
    return refuse(cx, status, 400, "the line of a chunk is too long");
  *bytes = rest;
  return read_chunk_line(cx, b, (pq_slice){line.p, line.n - 1}, status);
}

/* The fields behind the last chunk say nothing that anybody here asks for. */
static int take_trailer(pq_cx *cx, pq_http_body *b, pq_slice *bytes, bool *needs_more,
                        int *status) {
  pq_slice rest = *bytes, line;
  if (!take_line(&rest, &line)) {
    *needs_more = true;
    if (bytes->n > PQ_HTTP_TRAILER_MAX)
      return refuse(cx, status, 431, "the fields behind the body are too long");
    return PQ_OK;
  }
  if (line.n == 0 || line.p[line.n - 1] != '\r')
    return refuse(cx, status, 400, "a line does not end with CR LF");
  b->trailer_len += (uint32_t)line.n;
  if (line.n > PQ_HTTP_TRAILER_MAX || b->trailer_len > PQ_HTTP_TRAILER_MAX)
    return refuse(cx, status, 431, "the fields behind the body are too long");
  b->is_done = line.n == 1;
  *bytes = rest;
  return PQ_OK;
}

static int take_chunk_end(pq_cx *cx, pq_http_body *b, pq_slice *bytes, bool *needs_more,
                          int *status) {
  if (bytes->n < 2) {
    *needs_more = true;
    return PQ_OK;
  }
  if (memcmp(bytes->p, "\r\n", 2) != 0)
    return refuse(cx, status, 400, "a chunk is longer than it says");
  skip(bytes, 2);
  b->state = PQ_HTTP_CHUNK_LINE;
  return PQ_OK;
}

static void take_data(pq_http_body *b, pq_slice *bytes, pq_slice *data) {
  size_t n = bytes->n > b->left ? (size_t)b->left : bytes->n;
  if (b->run_max > 0 && n > b->run_max) n = b->run_max;
  *data = (pq_slice){bytes->p, n};
  skip(bytes, n);
  b->left -= n;
  b->len += n;
  if (b->left > 0) return;
  if (b->is_chunked)
    b->state = PQ_HTTP_CHUNK_END;
  else
    b->is_done = true;
}

int pq_http_body_next(pq_cx *cx, pq_http_body *b, pq_slice *bytes, pq_slice *data, int *status) {
  bool needs_more = false;
  *data = (pq_slice){NULL, 0};
  while (!b->is_done && !needs_more && bytes->n > 0) {
    if (b->state == PQ_HTTP_CHUNK_LINE) {
      PQ_TRY(take_chunk_line(cx, b, bytes, &needs_more, status));
    } else if (b->state == PQ_HTTP_CHUNK_END) {
      PQ_TRY(take_chunk_end(cx, b, bytes, &needs_more, status));
    } else if (b->state == PQ_HTTP_TRAILER) {
      PQ_TRY(take_trailer(cx, b, bytes, &needs_more, status));
    } else {
      if (b->left > b->len_max - b->len) return refuse(cx, status, 413, "the body is too long");
      take_data(b, bytes, data);
      return PQ_OK;
    }
  }
  return PQ_OK;
}

/* ---- targets ---- */

bool pq_http_unescape(pq_slice text, bool is_query, uint8_t *out, size_t *len) {
  size_t n = 0;
  *len = 0;
  for (size_t i = 0; i < text.n; i++) {
    uint8_t c = text.p[i];
    if (c == '%') {
      int high = text.n - i > 2 ? hex_of(text.p[i + 1]) : -1;
      int low = text.n - i > 2 ? hex_of(text.p[i + 2]) : -1;
      if (high < 0 || low < 0) return false;
      c = (uint8_t)(high << 4 | low);
      i += 2;
    } else if (c == '+' && is_query) {
      c = ' ';
    }
    if (c == 0) return false;
    out[n++] = c;
  }
  *len = n;
  return pq_utf8_is_valid((pq_slice){out, n});
}

int pq_http_escape(pq_buf *out, pq_slice text) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < text.n; i++) {
    uint8_t c = text.p[i];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c != 0 && strchr("-._~:@", c) != NULL);
    char hex[3] = {'%', digits[c >> 4], digits[c & 15]};
    if (is_plain)
      PQ_TRY(pq_buf_put_byte(out, c));
    else
      PQ_TRY(pq_buf_put(out, hex, sizeof hex));
  }
  return PQ_OK;
}

bool pq_http_next_pair(pq_slice *query, pq_slice *name, pq_slice *value) {
  while (query->n > 0) {
    const uint8_t *end = memchr(query->p, '&', query->n);
    pq_slice pair = {query->p, end == NULL ? query->n : (size_t)(end - query->p)};
    const uint8_t *mark = pair.n == 0 ? NULL : memchr(pair.p, '=', pair.n);
    skip(query, end == NULL ? pair.n : pair.n + 1);
    if (pair.n == 0) continue;
    *name = (pq_slice){pair.p, mark == NULL ? pair.n : (size_t)(mark - pair.p)};
    *value = mark == NULL ? (pq_slice){NULL, 0} : (pq_slice){mark + 1, pair.n - name->n - 1};
    return true;
  }
  return false;
}

/* ---- answers ---- */

const char *pq_http_reason(int status) {
  static const struct {
    int status;
    const char *text;
  } reasons[] = {{100, "Continue"},
                 {101, "Switching Protocols"},
                 {200, "OK"},
                 {201, "Created"},
                 {204, "No Content"},
                 {304, "Not Modified"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {406, "Not Acceptable"},
                 {408, "Request Timeout"},
                 {409, "Conflict"},
                 {410, "Gone"},
                 {412, "Precondition Failed"},
                 {413, "Content Too Large"},
                 {414, "URI Too Long"},
                 {415, "Unsupported Media Type"},
                 {417, "Expectation Failed"},
                 {421, "Misdirected Request"},
                 {422, "Unprocessable Content"},
                 {426, "Upgrade Required"},
                 {429, "Too Many Requests"},
                 {431, "Request Header Fields Too Large"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"},
                 {505, "HTTP Version Not Supported"}};
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (reasons[i].status == status) return reasons[i].text;
  return "";
}

int pq_http_put_chunk(pq_buf *out, pq_slice data) {
  size_t before = out->len;
  int rc;
  if (data.n == 0) return PQ_OK;
  rc = pq_buf_printf(out, "%zx\r\n", data.n);
  if (rc == PQ_OK) rc = pq_buf_put_slice(out, data);
  if (rc == PQ_OK) rc = pq_buf_put_str(out, "\r\n");
  if (rc != PQ_OK) out->len = before;
  return rc;
}

int pq_http_put_last_chunk(pq_buf *out) {
  return pq_buf_put_str(out, "0\r\n\r\n");
}

void pq_http_date(int64_t seconds, char out[32]) {
  static const char days[] = "SunMonTueWedThuFriSat";
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int64_t day = pq_floor_div(seconds, 86400);
  int left = (int)pq_floor_mod(seconds, 86400);
  pq_civil c;
  pq_civil_of(day, &c);
  (void)snprintf(out, 32, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + c.week_day * 3, c.day,
                 months + (c.month - 1) * 3, (int)(c.year % 10000), left / 3600, left / 60 % 60,
                 left % 60);
}
