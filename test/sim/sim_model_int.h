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

#endif
