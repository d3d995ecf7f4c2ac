/* test/fuzz/fuzz_dictionary.c - pages of dictionary codes, of every type but BOOLEAN. */
#include "fuzz_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return fuzz_values(data, size, PQ_ENC_RLE_DICTIONARY, 0xffu & ~(1u << PQ_PHYS_BOOL));
}
