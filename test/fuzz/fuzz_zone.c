/* test/fuzz/fuzz_zone.c - a TZif file. One that is accepted answers for any instant, with offsets
 * that a clock can have, and finds its way back from local time where the offset had not changed.
 */
#include "base/zone.h"

#include "fuzz.h"

static const int64_t instants[] = {0,
                                   -62135596800,
                                   1710054000,
                                   1710054000 + 86400 * 180,
                                   253402300799,
                                   (int64_t)1 << 59,
                                   -((int64_t)1 << 59)};

static void check(const pq_zone *z, int64_t instant) {
  int32_t offset = pq_zone_at(z, instant);
  int64_t again;
  FUZZ_CHECK(offset >= -100 * 3600 && offset <= 100 * 3600);
  again = pq_zone_instant(z, instant + offset);
  FUZZ_CHECK(again == instant || pq_zone_at(z, instant + offset - 26 * 3600) != offset);
  FUZZ_CHECK(instant - again <= 60 * 3600 && again - instant <= 60 * 3600);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice file = fuzz_copy((pq_slice){data, size});
  pq_zone z;
  if (pq_zone_read(file, &z)) {
    for (size_t i = 0; i < sizeof instants / sizeof *instants; i++)
      check(&z, instants[i]);
    for (uint32_t i = 0; i < z.time_count && i < 4; i++)
      for (int64_t d = -1; d <= 1; d++)
        check(&z, (int64_t)(size + i) * 86400 * 30 + d);
  }
  (void)pq_zone_of_offset(file, &z);
  (void)pq_zone_name_is_valid(file);
  free((void *)(uintptr_t)file.p);
  return 0;
}
