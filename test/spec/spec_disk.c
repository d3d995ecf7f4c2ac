/* test/spec/spec_disk.c - see spec_disk.h. */
#include "spec_disk.h"

#include "drive_dir.h"
#include "port/drive_disk.h"

_Static_assert((int)SPEC_DIR_CAP >= (int)DRIVE_DIR_CAP, "the name fits");

bool spec_has_disk(void) {
  return true;
}

void spec_disk_make(char dir[SPEC_DIR_CAP]) {
  drive_make_dir(dir);
}

int spec_disk_open(pq_cx *cx, const char *dir, pq_open_mode mode, pq_driver **out) {
  return pq_disk_open(cx, dir, mode, out);
}

void spec_disk_remove(const char *dir) {
  drive_remove_dir(dir, 0);
}
