/* server/http_rpc.c - see http_rpc.h. */
#include "server/capnweb_link.h"

const pq_rpc_side *pq_http_rpc_side(void) {
  return &pq_capnweb_side;
}
