/* server/http_coding.h - content codings of HTTP: bodies of requests unpacked, those of answers
 * packed, piece by piece.
 *
 *     pq_http_coding_of(&head, &coding)            Content-Encoding: gzip
 *     PQ_TRY(pq_http_unpacker_new(cx, coding, &u));
 *     PQ_TRY(pq_http_unpack(u, bytes, &content));  … any number of times
 *     pq_http_unpack_is_whole(u)                   else the body was cut off
 *
 *     coding = pq_http_coding_wanted(&head)        Accept-Encoding: gzip, zstd
 *     PQ_TRY(pq_http_packer_new(cx, coding, &p));
 *     PQ_TRY(pq_http_pack(p, part, is_last, &out));
 *
 * (RFC 9110, 8.4; gzip: RFC 1952; zstd: RFC 8878, its window at most 8 MB: RFC 9659.)
 *
 * What is unpacked may be 1,000 times longer (gzip) or 32,000 times (zstd): whoever unpacks hands
 * over PQ_HTTP_UNPACK_LEN bytes at a time, and looks at what became of them before the next.
 * zlib and libzstd take their memory from malloc.
 */
#ifndef PQ_SERVER_HTTP_CODING_H
#define PQ_SERVER_HTTP_CODING_H

#include "server/http_message.h"

enum { PQ_HTTP_UNPACK_LEN = 512 };

typedef enum pq_http_coding { PQ_HTTP_IDENTITY = 0, PQ_HTTP_GZIP, PQ_HTTP_ZSTD } pq_http_coding;

/* "gzip"; "identity". */
const char *pq_http_coding_name(pq_http_coding coding);
/* That of the request's body. False: another one, or one upon another. */
bool pq_http_coding_of(const pq_http_head *head, pq_http_coding *out);
/* The one that the client likes best, of two that it likes as well zstd. */
pq_http_coding pq_http_coding_wanted(const pq_http_head *head);

typedef struct pq_http_packer pq_http_packer;
/* PQ_ENOMEM. */
int pq_http_packer_new(pq_cx *cx, pq_http_coding coding, pq_http_packer **out) PQ_MUST_CHECK;
void pq_http_packer_free(pq_http_packer *p); /* NULL is allowed */
/* Append `part` so that the client can unpack all of it; is_last: nothing follows. */
int pq_http_pack(pq_http_packer *p, pq_slice part, bool is_last, pq_buf *out) PQ_MUST_CHECK;

typedef struct pq_http_unpacker pq_http_unpacker;
int pq_http_unpacker_new(pq_cx *cx, pq_http_coding coding, pq_http_unpacker **out) PQ_MUST_CHECK;
void pq_http_unpacker_free(pq_http_unpacker *u); /* NULL is allowed */
/* Append what `bytes` become. PQ_EINVALID: they are not of that coding; PQ_ELIMIT: more than `out`
 * may hold; PQ_ENOMEM. */
int pq_http_unpack(pq_http_unpacker *u, pq_slice bytes, pq_buf *out) PQ_MUST_CHECK;
/* Does the body end here? */
bool pq_http_unpack_is_whole(const pq_http_unpacker *u);

#endif
