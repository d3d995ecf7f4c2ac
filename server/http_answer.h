/* server/http_answer.h - what a client is told: parts of a job's answer as the bytes of an HTTP
 * answer.
 *
 *     pq_http_answer_begin(&a, cx, &call, …);
 *     PQ_TRY(pq_http_answer_part(&a, r, is_last, &out));       for each part
 *     PQ_TRY(pq_http_answer_problem(&a, 404, "…", "…", &out));      or instead of all
 *     if (a.must_close) …                                      the connection ends with these bytes
 *
 * The head waits for the first part: what fails at once has its own status (RFC 9457: problem
 * details), what is whole at once its length. A failure further on: of commands that were run, it
 * is an item named `error`; of everything else the connection ends without the last chunk, so that
 * nobody takes a half for the whole.
 */
#ifndef PQ_SERVER_HTTP_ANSWER_H
#define PQ_SERVER_HTTP_ANSWER_H

#include "server/http_coding.h"
#include "server/http_route.h"
#include "server/native.h"

enum { PQ_HTTP_ANSWER_MAX = 128 << 20 };

/* What a 401 says: how to log in. */
#define PQ_HTTP_CHALLENGE                                             \
  "WWW-Authenticate: Basic realm=\"parquedb\", charset=\"UTF-8\"\r\n" \
  "WWW-Authenticate: Bearer realm=\"parquedb\"\r\n"

typedef struct pq_http_answer {
  pq_cx *cx;                /* borrowed, as the next */
  const pq_http_call *call; /* NULL: none was understood */
  char origin[256];         /* whose pages may read it (CORS); empty: nobody's */
  int minor;                /* HTTP/1.minor of the request */
  bool is_head;             /* HEAD: no body goes out */
  bool keeps_alive;         /* cleared when the connection must end */
  bool must_close;
  bool was_begun;         /* the head has gone out */
  bool is_chunked;        /* what follows are chunks */
  bool has_items;         /* in the list that is open */
  bool is_open;           /* a list is */
  pq_http_coding coding;  /* what the client would like bodies packed by */
  pq_http_packer *packer; /* owned: of a stream; NULL: it is not packed */
  int64_t now_s;
  int status; /* that went out; 0: none yet */
} pq_http_answer;

/* NULL is not allowed; a zeroed one is. */
void pq_http_answer_release(pq_http_answer *a);
/* Append the bytes of a part of r; is_last: no other command follows. */
int pq_http_answer_part(pq_http_answer *a, const pq_request *r, bool is_last,
                        pq_buf *out) PQ_MUST_CHECK;
/* A whole answer that is a failure. `fields`: more header lines, each with its CR LF. */
int pq_http_answer_problem(pq_http_answer *a, int status, const char *code, const char *detail,
                           const char *fields, pq_buf *out) PQ_MUST_CHECK;
/* A whole answer. `type` NULL: no body. */
int pq_http_answer_whole(pq_http_answer *a, int status, const char *type, pq_slice body,
                         const char *fields, pq_buf *out) PQ_MUST_CHECK;
/* The head of an answer that comes in chunks, and one of these. `is_live`: the client wants each
 * part as soon as it is there, and nothing packed. */
int pq_http_answer_stream(pq_http_answer *a, const char *type, bool is_live,
                          pq_buf *out) PQ_MUST_CHECK;
int pq_http_answer_chunk(pq_http_answer *a, pq_slice data, bool is_last, pq_buf *out) PQ_MUST_CHECK;

/* The status of a failure of the engine. */
int pq_http_status_of(int rc);
/* {"type": …, "title": …, "status": …, "detail": …, "code": …} */
int pq_http_put_problem(pq_buf *out, int status, const char *code,
                        const char *detail) PQ_MUST_CHECK;

#endif
