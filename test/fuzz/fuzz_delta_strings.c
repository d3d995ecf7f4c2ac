/* test/fuzz/fuzz_delta_strings.c - pages of DELTA_BYTE_ARRAY strings, also of a fixed length. */
#include "fuzz_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return fuzz_values(data, size, PQ_ENC_DELTA_BYTE_ARRAY,
                     1u << PQ_PHYS_BYTES | 1u << PQ_PHYS_FIXED);
}
