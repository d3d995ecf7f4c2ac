/* server/http_message.h - HTTP/1.1 without a socket: heads and bodies of requests in, heads and
 * chunks of answers out.
 *
 *   GET /v1/default/posts?limit=2 HTTP/1.1\r\n      request line
 *   Host: 127.0.0.1:8080\r\n                        header fields
 *   \r\n                                            ─── the head ends here
 *   … content …                                     Content-Length bytes, or chunks
 *
 *     PQ_TRY(pq_http_measure(cx, received, &limits, &len, &status));    0: more bytes are needed
 *     PQ_TRY(pq_http_read(cx, (pq_slice){received.p, len}, &head, &status));
 *     pq_http_body_begin(&body, &head, limits.body_len_max);
 *     while (!body.is_done) PQ_TRY(pq_http_body_next(cx, &body, &received, &data, &status));
 *
 * (RFC 9110: HTTP Semantics; RFC 9112: HTTP/1.1.)
 *
 * All bytes are hostile. What one server may read differently than another one is refused, so that
 * nobody hides a request in another: lines end with CR LF; no white space stands before a colon or
 * in front of a name (obs-fold); a message has a Content-Length or chunks, one of them once; a name
 * of a field is a token, its value has no control character. After a failure `status` is the answer
 * (400, 413, 414, 431, 501, 505) and the connection is of no use: nobody knows where the next
 * request begins.
 */
#ifndef PQ_SERVER_HTTP_MESSAGE_H
#define PQ_SERVER_HTTP_MESSAGE_H

#include "base/buf.h"

enum {
  PQ_HTTP_FIELDS_MAX = 100,
  /* Sizes and extensions of chunks: nobody needs more. */
  PQ_HTTP_CHUNK_LINE_MAX = 256,
  PQ_HTTP_TRAILER_MAX = 8 << 10
};

typedef struct pq_http_limits {
  size_t head_len_max;   /* bytes of request line and fields: 431 */
  size_t target_len_max; /* 414 */
  uint64_t body_len_max; /* 413 */
} pq_http_limits;

typedef struct pq_http_field {
  pq_slice name; /* as it came: compare without case */
  pq_slice value;
} pq_http_field;

typedef struct pq_http_head {
  pq_slice method;
  pq_slice path;  /* of the target, as it came: "/v1/a%20b" */
  pq_slice query; /* behind the '?', without it */
  pq_slice host;  /* of the field or of an absolute target; empty: none */
  pq_http_field fields[PQ_HTTP_FIELDS_MAX];
  uint32_t field_count;
  int minor;             /* HTTP/1.minor: 0 or 1 */
  bool is_chunked;       /* the body comes in chunks */
  uint64_t content_len;  /* else it has so many bytes */
  bool keeps_alive;      /* another request may follow */
  bool expects_continue; /* the client waits for "100 Continue" before it sends the body */
} pq_http_head;

/* The length of the head that `bytes` begin with, empty lines before it included; 0: they are too
 * few to know. PQ_ELIMIT: too long. */
int pq_http_measure(pq_cx *cx, pq_slice bytes, const pq_http_limits *limits, size_t *len,
                    int *status) PQ_MUST_CHECK;

/* Take a whole head apart; *out borrows from it. PQ_EINVALID, PQ_ELIMIT, PQ_EUNSUPPORTED (a version
 * or transfer coding). */
int pq_http_read(pq_cx *cx, pq_slice bytes, const pq_http_limits *limits, pq_http_head *out,
                 int *status) PQ_MUST_CHECK;

/* The value of the field of that name (in small letters); of several their first. False: none. */
bool pq_http_field_get(const pq_http_head *head, const char *name, pq_slice *out);
/* Is `token` in the list that the fields of that name hold ("a, b;q=1, c"), without case? */
bool pq_http_has_token(const pq_http_head *head, const char *name, const char *token);
/* How often is a field of that name there? */
uint32_t pq_http_field_count(const pq_http_head *head, const char *name);
/* What "token;q=0.5" says of the token in those lists, in thousandths: 1000 without q; -1: it is
 * not named. */
int pq_http_quality(const pq_http_head *head, const char *name, const char *token);
/* Is `a` the text `b`, without case? */
bool pq_http_is(pq_slice a, const char *b);

/* ---- bodies ---- */

typedef enum pq_http_body_state {
  PQ_HTTP_BYTES = 0,  /* so many bytes of data are left */
  PQ_HTTP_CHUNK_LINE, /* the size of a chunk follows */
  PQ_HTTP_CHUNK_END,  /* the CR LF behind a chunk */
  PQ_HTTP_TRAILER     /* fields behind the last chunk, which are dropped */
} pq_http_body_state;

typedef struct pq_http_body {
  pq_http_body_state state;
  bool is_chunked, is_done;
  uint64_t left;        /* of the bytes, or of the chunk */
  size_t run_max;       /* data is given in runs of so many bytes at most; 0: of any length */
  uint64_t len;         /* data so far */
  uint64_t len_max;     /* 413 */
  uint32_t trailer_len; /* bytes of it so far */
} pq_http_body;

void pq_http_body_begin(pq_http_body *b, const pq_http_head *head, uint64_t len_max);
/* Take what can be taken of *bytes: *data is the next run of the body, empty when more bytes are
 * needed or the body is done. */
int pq_http_body_next(pq_cx *cx, pq_http_body *b, pq_slice *bytes, pq_slice *data,
                      int *status) PQ_MUST_CHECK;

/* ---- targets ---- */

/* Undo percent-encoding into `out`, which has n bytes: '+' is a space in a query. False: malformed,
 * not UTF-8, or a zero byte. */
bool pq_http_unescape(pq_slice text, bool is_query, uint8_t *out, size_t *len);
/* Append `text` as one segment of a path. */
int pq_http_escape(pq_buf *out, pq_slice text) PQ_MUST_CHECK;
/* Take the next "name=value" off a query, both as they came. False: none is left. */
bool pq_http_next_pair(pq_slice *query, pq_slice *name, pq_slice *value);

/* ---- answers ---- */

/* "Not Found"; "" for a number without a name. */
const char *pq_http_reason(int status);
/* A chunk; an empty one is none. */
int pq_http_put_chunk(pq_buf *out, pq_slice data) PQ_MUST_CHECK;
int pq_http_put_last_chunk(pq_buf *out) PQ_MUST_CHECK;
/* "Sun, 06 Nov 1994 08:49:37 GMT" */
void pq_http_date(int64_t seconds, char out[32]);

#endif
