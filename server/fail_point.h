/* server/fail_point.h - failures to order, for the tests of drivers: configureFailPoint with
 * failCommand. Only where the server was started with --test-commands.
 *
 *   {configureFailPoint: "failCommand", mode: {times: 1} | {skip: n} | "alwaysOn" | "off",
 *    data: {failCommands: ["insert"], errorCode | closeConnection | writeConcernError,
 *           errorLabels, blockConnection, blockTimeMS, appName}}
 *
 *   {configureFailPoint: "onPrimaryTransactionalWrite", mode,
 *    data: {failBeforeCommitExceptionCode, closeConnection}}
 *           a write with a txnNumber gets no answer (closeConnection: false: it gets one); with a
 *           code it is not done either
 *
 *   {configureFailPoint: "failGetMoreAfterCursorCheckout", mode, data: {errorCode,
 * closeConnection}} getMore fails, with the label that change streams have for such errors
 *
 * The network's thread has it, and decides for each command as it comes; what shall happen goes
 * with the request. (MongoDB: src/mongo/db/commands/fail_command.)
 */
#ifndef PQ_SERVER_FAIL_POINT_H
#define PQ_SERVER_FAIL_POINT_H

#include "server/bson_value.h"
#include "server/request.h"

typedef struct pq_fail_point pq_fail_point;

/* NULL: out of memory. `cx` lives longer. */
pq_fail_point *pq_fail_point_new(pq_cx *cx);
/* NULL is allowed. */
void pq_fail_point_free(pq_fail_point *f);

/* What shall happen to the command, into r->fail; nothing is the rule. */
int pq_fail_point_check(pq_fail_point *f, pq_request *r) PQ_MUST_CHECK;
/* A write that it was about had been done before: it does not count. */
void pq_fail_point_give_back(pq_fail_point *f);
/* The command that sets it. PQ_EINVALID: it is wrong. */
int pq_fail_point_set(pq_fail_point *f, const pq_request *r, pq_bson_out *o) PQ_MUST_CHECK;

#endif
