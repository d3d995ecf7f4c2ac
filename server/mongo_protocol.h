/* server/mongo_protocol.h - MongoDB's wire protocol on a connection of net.h.
 *
 *   a whole message ─► request ─ handshake.h answers? ─► the engine ─► answered ─► message
 *
 * A connection has one command at a time; what its client sends meanwhile waits.
 */
#ifndef PQ_SERVER_MONGO_PROTOCOL_H
#define PQ_SERVER_MONGO_PROTOCOL_H

#include "server/net.h"

extern const pq_protocol pq_mongo_protocol;

#endif
