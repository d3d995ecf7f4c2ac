/* test/sim/sim_model_int.h - what the model's two files share: states, and replies as text. */
#ifndef PQ_TEST_SIM_MODEL_INT_H
#define PQ_TEST_SIM_MODEL_INT_H

#include "sim_model.h"

/* The event that an entity is in after the first `count` ones, soft-deleted ones too, or NULL. */
const sim_event *sim_model_entity(const sim_model *m, uint32_t entity, uint32_t count);
bool sim_model_is_live(const sim_model *m, uint32_t entity, uint32_t count);
/* The same of an edge; NULL: it is not there. */
const sim_event *sim_model_edge(const sim_model *m, sim_edge edge, uint32_t count);
bool sim_model_matches(const sim_op *op, const sim_document *d);

/* The line of an entity as commands reply it. */
void sim_put_entity(sim_text *out, const sim_event *e);

void sim_answer_number(sim_answer *out, const char *name, int64_t n);

/* ---- writes ---- */

typedef struct sim_writing {
  sim_model *m;
  const sim_op *op;
  sim_answer *out;
  int64_t ts;
} sim_writing;

sim_event *sim_model_add(sim_model *m, sim_event e);
/* A new life of an entity, or of one that was soft-deleted. */
sim_event *sim_model_create(sim_writing *w, uint32_t entity, sim_document d);
/* The next version of what is there. */
sim_event *sim_model_next(sim_writing *w, const sim_event *old, sim_event_op op);
bool sim_document_is_same(const sim_document *a, const sim_document *b);
/* The edge gets this data, NULL: none. False: it is so already. */
bool sim_model_link(sim_writing *w, sim_edge edge, const sim_document *data);
bool sim_model_unlink(sim_writing *w, sim_edge edge);

/* sim_model_time.c */
void sim_model_revert(sim_writing *w);
void sim_model_replay(sim_writing *w);

/* sim_model_catalog.c */

/* The event that says what is recorded of a collection, NULL: there never was one. */
const sim_event *sim_model_schema(const sim_model *m, uint32_t collection, uint32_t count);
void sim_model_catalog(sim_writing *w);
/* Do two live entities of a collection share a key of a unique index? */
bool sim_model_has_twins(const sim_model *m, uint32_t collection);
/* Does the validator of its collection refuse the document? */
bool sim_model_refuses(const sim_model *m, uint32_t collection, const sim_document *d);
/* The edges of an entity go: those that leave it; those that enter. */
void sim_model_unlink_all(sim_writing *w, uint32_t entity, bool is_entering);

/* ---- reads ---- */

typedef struct sim_reading {
  const sim_model *m;
  const sim_op *op;
  uint32_t count, dropped;
  sim_answer *out;
} sim_reading;

/* sim_model_time.c */
void sim_model_history(sim_reading *r);
void sim_model_events(sim_reading *r);
void sim_model_diff(sim_reading *r);
void sim_model_at_version(sim_reading *r);
/* sim_model_catalog.c */
void sim_model_indexes(sim_reading *r);

#endif
