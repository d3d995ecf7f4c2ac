/* db/space_int.h - what the files of db/ share. */
#ifndef PQ_DB_SPACE_INT_H
#define PQ_DB_SPACE_INT_H

#include "db/db.h"
#include "log/batch.h"

/* Install another overlay (taken). The old one is freed, or kept until its readers are gone.
 * PQ_ENOMEM leaves everything as it was. */
int pq_space_replace_overlay(pq_space *s, pq_overlay *overlay) PQ_MUST_CHECK;

/* Copy everything that an event borrows into `arena`. */
int pq_event_keep(pq_arena *arena, pq_event *e) PQ_MUST_CHECK;

#endif
