/* test/fuzz/fuzz_plain.c - pages of PLAIN values of every type. */
#include "fuzz_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return fuzz_values(data, size, PQ_ENC_PLAIN, 0xffu);
}
