/* test/spec/spec_case.h - the text cases: reading a file, running one case on one backend.
 *
 * README.md describes the lines. A case is read once and run on every backend.
 */
#ifndef PQ_TEST_SPEC_CASE_H
#define PQ_TEST_SPEC_CASE_H

#include "spec_db.h"

typedef struct spec_line {
  int number;
  char mark[4]; /* "case", then ">", "|", "<", "<+", "<*", "<~", "=", "!", "-" (directive) */
  pq_slice text;
} spec_line;

typedef struct spec_file {
  const char *path;
  char *bytes;      /* owned */
  spec_line *lines; /* owned */
  size_t count;
} spec_file;

/* What is done between the commands of a case; it must not change an answer. */
typedef struct spec_variant {
  const char *name; /* in `only` and `not` */
  spec_store store;
  uint64_t seed;
  bool flushes, compacts, reopens, has_reader, checks_cost;
  bool bulks;      /* every command that only makes entities is a bulk write */
  bool maintains;  /* a step of what is due after every command, and much is due */
  uint32_t stride; /* units of work after which a step is over (pq_pace); 0: none ever is */
} spec_variant;

extern const spec_variant spec_variants[];
extern const size_t spec_variant_count;

/* Read a file; ends the program when it is malformed. */
void spec_file_read(const char *path, spec_file *out);
void spec_file_release(spec_file *f);

/* Run all cases of a file on all variants; adds to the counters. `only` (may be NULL): names of
 * cases that contain it. */
void spec_file_run(const spec_file *f, const char *only, uint64_t *passed, uint64_t *failed);

#endif
