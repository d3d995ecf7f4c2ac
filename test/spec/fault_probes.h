/* test/spec/fault_probes.h - the commands that faults.c lets fail, and what they are run on. */
#ifndef PQ_TEST_FAULT_PROBES_H
#define PQ_TEST_FAULT_PROBES_H

#include <stdbool.h>

typedef struct fault_probe {
  const char *command, *payload; /* payload: NULL for none */
  bool is_write;                 /* it changes answers */
} fault_probe;

/* Lists that end with an entry whose command (or text) is NULL. */
extern const fault_probe fault_probes[];
/* The same where every command that only makes entities is a bulk write. */
extern const fault_probe fault_bulk_probes[];
/* What is run before every probe, to make the warehouse; with the name of a namespace in front: in
 * that one. */
extern const char *const fault_setup[];
/* What is done in transaction 1 before a probe that ends, asks or changes it, without faults. */
extern const char *const fault_in_txn[];

/* Two commits, of which the second may fail, and the first of them alone. */
extern const char fault_bulk_of_two[], fault_bulk_of_one[], fault_first_of_two[];

#endif
