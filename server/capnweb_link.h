/* server/capnweb_link.h - Cap'n Web as what HTTP hands /rpc to. */
#ifndef PQ_SERVER_CAPNWEB_LINK_H
#define PQ_SERVER_CAPNWEB_LINK_H

#include "server/http_rpc.h"

extern const pq_rpc_side pq_capnweb_side;

#endif
