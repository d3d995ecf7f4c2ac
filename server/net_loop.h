/* server/net_loop.h - the loop of net.h, for what watches something else in the same thread. */
#ifndef PQ_SERVER_NET_LOOP_H
#define PQ_SERVER_NET_LOOP_H

#include <uv.h>

#include "server/net.h"

uv_loop_t *pq_net_loop(pq_net *net);

#endif
