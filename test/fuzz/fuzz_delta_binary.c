/* test/fuzz/fuzz_delta_binary.c - pages of DELTA_BINARY_PACKED integers. */
#include "fuzz_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return fuzz_values(data, size, PQ_ENC_DELTA_BINARY_PACKED,
                     1u << PQ_PHYS_INT32 | 1u << PQ_PHYS_INT64);
}
