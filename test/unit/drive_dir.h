/* test/unit/drive_dir.h - a temporary directory; apart from drive_util.h, as it needs POSIX. */
#ifndef PQ_TEST_DRIVE_DIR_H
#define PQ_TEST_DRIVE_DIR_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DRIVE_DIR_CAP = 64 };

/* Make a directory for one test program; `drive_remove_dir` removes it with all in it. */
static inline void drive_make_dir(char path[DRIVE_DIR_CAP]) {
  snprintf(path, DRIVE_DIR_CAP, "/tmp/pqtest.XXXXXX");
  if (mkdtemp(path) == NULL) {
    perror("mkdtemp");
    exit(1);
  }
}

static inline void drive_remove_dir(const char *path, int depth) {
  DIR *dir = opendir(path);
  struct dirent *e;
  while (dir != NULL && (e = readdir(dir)) != NULL) {
    char name[1024];
    struct stat st;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (snprintf(name, sizeof name, "%s/%s", path, e->d_name) >= (int)sizeof name) continue;
    if (lstat(name, &st) == 0 && S_ISDIR(st.st_mode) && depth < 10) {
      drive_remove_dir(name, depth + 1);
    } else {
      unlink(name);
    }
  }
  if (dir != NULL) closedir(dir);
  rmdir(path);
}

#endif
