/* port/temporary.h - temporary objects ("~tmp/…") of a driver, in one file that nobody else sees.
 *
 *   $TMPDIR or /tmp, made at the first put and unlinked at once, so that it ends with the process
 *
 *      0        1 MB     2 MB          4 MB
 *      [ run-0 ]         [ run-7      ]           a put takes the first gap that is long enough;
 *                ^ gap of run-3, deleted          a delete at the end makes the file shorter
 *
 * The table of extents stands in memory, sorted by offset. Not thread-safe.
 */
#ifndef PQ_PORT_TEMPORARY_H
#define PQ_PORT_TEMPORARY_H

#include "io/fetch.h"

typedef struct pq_temporary {
  pq_cx *cx; /* borrowed */
  int fd;    /* -1: none yet */
  struct pq_extent *extents;
  size_t count, cap;
} pq_temporary;

void pq_temporary_init(pq_temporary *t, pq_cx *cx);
/* Close the file, forget all objects. Safe on a zeroed one. */
void pq_temporary_release(pq_temporary *t);

/* Serve a PUT_NEW, READ or DELETE. PQ_EUNSUPPORTED: no file can be made; for another kind too. */
int pq_temporary_serve(pq_temporary *t, const pq_io_req *r) PQ_MUST_CHECK;

#endif
