/* backup.h - copies of a warehouse that are warehouses: now, or as of an instant.
 *
 *     pqdb_backup_options options = {.size = sizeof options};
 *     pqdb_backup_report report;
 *     int status = pqdb_backup("warehouse", "/mnt/backup", &options, &report);
 *     if (status != PQDB_OK) puts(report.message);
 *
 * The source is only read, while others may write to it. What the copy has already is not copied
 * again, so a backup into the same folder is quick: files never change. Each one's CRC is checked
 * as it is copied. One that was cut short is taken up by the next. What the source drops of its
 * history stays in the copy. So a copy can be the archive of a warehouse: what was copied may be
 * dropped, by the command {"vacuum": 1, "to": report.flushed_seq}.
 */
#ifndef PARQUEDB_BACKUP_H
#define PARQUEDB_BACKUP_H

#include "parquedb/parquedb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zeroed but for `size` means: all namespaces, now. */
typedef struct pqdb_backup_options {
  size_t size;       /* sizeof of this struct */
  const char *ns;    /* only this namespace; NULL: all */
  const char *as_of; /* an instant ("2026-03-01T12:00:00Z"; of one namespace also "seq:17" or an
                        event's id) that becomes the copy's present; the folder must be empty then.
                        NULL: now */
  /* Called for each object that is copied; NULL: nobody is. */
  void (*copied)(void *ud, const char *object, uint64_t len);
  /* Called now and then with the bytes of files that the copy has, and of all that it will have; of
   * several namespaces one after the other. NULL: nobody is. */
  void (*progress)(void *ud, uint64_t done, uint64_t total);
  void *ud;
} pqdb_backup_options;

typedef struct pqdb_backup_report {
  uint64_t namespaces, objects, bytes; /* copied */
  uint64_t kept;                       /* objects that were there */
  uint64_t events;                     /* put into the copy's hot tier */
  uint64_t flushed_seq;                /* the last event that the copy has in files, of the last
                                          namespace */
  char message[1024];                  /* of a failure */
} pqdb_backup_report;

/* Copy the warehouse in folder `from` into folder `to`, which is made if it is missing. *report is
 * set in any case. PQDB_VALIDATION_FAILED: no warehouse, or `to` holds something else than an older
 * copy, or stands inside of the warehouse; PQDB_CORRUPT, PQDB_BUSY, PQDB_STORAGE_ERROR … */
PQDB_API int pqdb_backup(const char *from, const char *to, const pqdb_backup_options *options,
                         pqdb_backup_report *report);

#ifdef __cplusplus
}
#endif

#endif
