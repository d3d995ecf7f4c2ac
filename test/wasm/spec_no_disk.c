/* test/wasm/spec_no_disk.c - spec_disk.h where there is no POSIX. */
#include "spec_db.h"

bool spec_has_disk(void) {
  return false;
}

void spec_disk_make(char dir[SPEC_DIR_CAP]) {
  spec_die("no disk for %.1s", dir);
}

int spec_disk_open(pq_cx *cx, const char *dir, pq_open_mode mode, pq_driver **out) {
  (void)mode;
  *out = NULL;
  return pq_fail(cx, PQ_EUNSUPPORTED, "no disk for %s", dir);
}

void spec_disk_remove(const char *dir) {
  spec_die("no disk for %s", dir);
}
