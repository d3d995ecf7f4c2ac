/* server/http_openapi.h - the description of the HTTP interface: OpenAPI 3.1, made of the table of
 * routes, so that it has all of them and nothing else.
 */
#ifndef PQ_SERVER_HTTP_OPENAPI_H
#define PQ_SERVER_HTTP_OPENAPI_H

#include "server/http_route.h"

/* Append it as JSON. */
int pq_http_openapi_put(pq_buf *out) PQ_MUST_CHECK;

#endif
