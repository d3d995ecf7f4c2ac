/* server/address.h - where to listen, and what the ends of a socket are called.
 *
 *   "127.0.0.1:27017"   "[::1]:0"   "localhost"   ":8080"   "unix:/tmp/mongodb-27017.sock"
 */
#ifndef PQ_SERVER_ADDRESS_H
#define PQ_SERVER_ADDRESS_H

#include <sys/socket.h>

#include "base/base.h"
#include "server/client.h"

typedef struct pq_address {
  struct sockaddr_storage ip;
  const char *path; /* of a socket in the file system, borrowed from the text; NULL: an ip */
  bool is_local;    /* nobody on another machine reaches it */
} pq_address;

/* Without a host: 127.0.0.1; without a port: `port`. PQ_EINVALID. */
int pq_address_parse(pq_cx *cx, const char *text, unsigned port, pq_address *out) PQ_MUST_CHECK;

/* As text. */
void pq_address_print(const struct sockaddr_storage *a, char out[PQ_ADDRESS_CAP]);
/* 127.0.0.0/8, ::1 */
bool pq_address_is_loopback(const struct sockaddr_storage *a);
/* The same machine, whatever the port? */
bool pq_address_is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

#endif
