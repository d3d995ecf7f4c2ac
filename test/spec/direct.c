#include "spec_suites.h"
void spec_direct_run(const char *only, uint64_t *passed, uint64_t *failed) {
  (void)only; (void)passed; (void)failed;
}
