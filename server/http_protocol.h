/* server/http_protocol.h - HTTP/1.1 as a protocol of net.h: REST, commands, Server-Sent Events, and
 * the way to RPC.
 *
 *   ┌► head ─ body ─► a command of ours ─► engine ─► a part is written ─► the next part ─┐
 *   └──────────────── keep-alive ◄──────────────────────────────────── the last part ◄───┘
 *
 *   head with Upgrade ─► a WebSocket, until its end            POST /rpc ─► a batch
 *
 * A connection has one request at a time: those that are pipelined wait in order.
 */
#ifndef PQ_SERVER_HTTP_PROTOCOL_H
#define PQ_SERVER_HTTP_PROTOCOL_H

#include "server/net.h"

extern const pq_protocol pq_http_protocol;

#endif
