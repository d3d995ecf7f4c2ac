/* server/tls.h - TLS 1.2 and 1.3 between bytes and bytes; OpenSSL without its sockets.
 *
 *     PQ_TRY(pq_tls_new(cx, "server.pem", "server.key", NULL, &tls));
 *     PQ_TRY(pq_tls_link_new(tls, cx, &link));             for each connection
 *     PQ_TRY(pq_tls_receive(link, from_socket, &plain, &to_socket));
 *     PQ_TRY(pq_tls_send(link, answer, &to_socket));
 *
 * Whatever arrives is hostile: a failure closes the connection, after `to_socket` (an alert) has
 * been written if there is something in it. A link may outlive its pq_tls.
 */
#ifndef PQ_SERVER_TLS_H
#define PQ_SERVER_TLS_H

#include "base/buf.h"

typedef struct pq_tls pq_tls;
typedef struct pq_tls_link pq_tls_link;

/* PEM files: our certificate with those up to its root, its key (NULL: in the same file), and the
 * authorities whose certificate a client has to have (NULL: it needs none). PQ_EINVALID names the
 * file. */
int pq_tls_new(pq_cx *cx, const char *cert, const char *key, const char *ca,
               pq_tls **out) PQ_MUST_CHECK;
void pq_tls_free(pq_tls *tls); /* NULL is allowed */

int pq_tls_link_new(pq_tls *tls, pq_cx *cx, pq_tls_link **out) PQ_MUST_CHECK;
void pq_tls_link_free(pq_tls_link *l); /* NULL is allowed */

/* Bytes of the socket: append what they say to `plain`, and what TLS itself has to say to
 * `to_socket`. PQ_EINVALID: no TLS, or nobody we trust; *is_end: the other end has said its last.
 */
int pq_tls_receive(pq_tls_link *l, pq_slice bytes, pq_buf *plain, pq_buf *to_socket,
                   bool *is_end) PQ_MUST_CHECK;
/* After the handshake. */
int pq_tls_send(pq_tls_link *l, pq_slice plain, pq_buf *to_socket) PQ_MUST_CHECK;
/* Have both ends agreed? */
bool pq_tls_is_open(const pq_tls_link *l);
/* Say that nothing follows, if it can be said. */
void pq_tls_end(pq_tls_link *l, pq_buf *to_socket);

#endif
