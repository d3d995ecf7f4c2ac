/* test/fuzz/fuzz_delta_length.c - pages of DELTA_LENGTH_BYTE_ARRAY strings. */
#include "fuzz_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return fuzz_values(data, size, PQ_ENC_DELTA_LENGTH_BYTE_ARRAY, 1u << PQ_PHYS_BYTES);
}
