#include "spec_suites.h"
void spec_faults_run(const char *only, uint64_t *passed, uint64_t *failed) {
  (void)only; (void)passed; (void)failed;
}
