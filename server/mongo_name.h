/* server/mongo_name.h - names of databases and collections as ours, and back.
 *
 *   database "MyApp"     ─► namespace  "%4dy%41pp"       a-z 0-9 '-' and '_' stay, but not in front
 *   collection "_a/b"    ─► collection "%5fa%2fb"        '/', '%' and a leading '_' or '$'
 *   _id of "posts/~o64…" ◄─ the id of an entity
 */
#ifndef PQ_SERVER_MONGO_NAME_H
#define PQ_SERVER_MONGO_NAME_H

#include "server/bson_value.h"

enum { PQ_MONGO_NAME_CAP = 400 };

/* PQ_EPATH: no name of a database or collection ('$', zero bytes, too long). NUL-terminated. */
int pq_mongo_namespace(pq_cx *cx, pq_slice db, char out[PQ_MONGO_NAME_CAP]) PQ_MUST_CHECK;
int pq_mongo_collection(pq_cx *cx, pq_slice name, char out[PQ_MONGO_NAME_CAP]) PQ_MUST_CHECK;
/* The name that one of ours stands for; at most PQ_MONGO_NAME_CAP - 1 bytes of it. */
void pq_mongo_name_back(pq_slice ours, char out[PQ_MONGO_NAME_CAP]);

/* The `_id` that gave an entity the id "collection/local", as a field. Numbers come back as a long
 * or double of the same value, objects not at all: then it is the id's text. */
void pq_mongo_put_id(pq_bson_out *o, const char *name, pq_slice id);

#endif
