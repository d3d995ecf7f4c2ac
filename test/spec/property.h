/* test/spec/property.h - what the two halves of the property test share. */
#ifndef PQ_TEST_PROPERTY_H
#define PQ_TEST_PROPERTY_H

#include "model.h"
#include "random_text.h"
#include "spec_db.h"

typedef struct property {
  const char *name; /* of the suite */
  uint64_t seed;
  uint32_t step;
  random_text random;
  spec_db db;
  model model;
  pq_buf command, payload;
  spec_reply reply;
  bool has_failed;
  bool knows_flushed; /* flushes happen only when asked for */
  uint64_t flushed;   /* seq */
} property;

/* Run the command in p->command; reads may go through the reader. */
void property_run(property *p, bool is_read);
/* Report what went wrong, once. */
void property_fail(property *p, const char *format, ...) PQ_PRINTF(2, 3);
/* The reply failed with `rc`, or succeeded and `rc` is PQ_OK. False after reporting. */
bool property_expect(property *p, int rc);
/* A number of the summary. */
int64_t property_number(const property *p, const char *name);

/* The edges of an entity that is deleted for ever, in the model. */
void property_remove_edges(property *p, pq_slice id, pq_slice actor);

/* One random update or delete by filter, on both. */
void property_write_filtered(property *p);

/* One random read, compared with the model. */
void property_read(property *p);
/* Every entity's history and the present, all of it. */
void property_read_all(property *p);

#endif
