/* test/fuzz/fuzz_stream_split.c - pages of BYTE_STREAM_SPLIT values. */
#include "fuzz_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return fuzz_values(data, size, PQ_ENC_BYTE_STREAM_SPLIT,
                     1u << PQ_PHYS_INT32 | 1u << PQ_PHYS_INT64 | 1u << PQ_PHYS_FLOAT |
                         1u << PQ_PHYS_DOUBLE | 1u << PQ_PHYS_FIXED);
}
