/* test/spec/spec_disk.h - the backend that needs POSIX: a warehouse in a temporary directory.
 *
 * spec_disk.c has it; test/wasm/spec_no_disk.c stands in for it where there is none.
 */
#ifndef PQ_TEST_SPEC_DISK_H
#define PQ_TEST_SPEC_DISK_H

#include "port/driver.h"

enum { SPEC_DIR_CAP = 64 };

/* False: the functions below end the program. */
bool spec_has_disk(void);

/* Make an empty directory. Ends the program when that is impossible. */
void spec_disk_make(char dir[SPEC_DIR_CAP]);
int spec_disk_open(pq_cx *cx, const char *dir, pq_open_mode mode, pq_driver **out);
/* Remove it with all that is in it. */
void spec_disk_remove(const char *dir);

#endif
