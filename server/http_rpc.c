/* server/http_rpc.c - see http_rpc.h. */
#include "server/http_rpc.h"

const pq_rpc_side *pq_http_rpc_side(void) {
  return NULL;
}
