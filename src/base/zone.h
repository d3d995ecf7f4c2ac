/* base/zone.h - time zones: how far local time is from UTC, by fixed offsets and by TZif files.
 *
 *   TZif (RFC 8536):  header, block of 32-bit times │ header, block of 64-bit times │ \n TZ string
 * \n
 *
 *      ─────┬──────────┬──────────┬────────────────────────────────►  instants
 *      type 0  type 3     type 1     type 3 …  the TZ string's rule, for ever
 *
 * The bytes are untrusted: pq_zone_read() checks everything that the other functions rely on. A
 * zone borrows them. Leap seconds are refused; "right/" files have them. Pure functions.
 */
#ifndef PQ_BASE_ZONE_H
#define PQ_BASE_ZONE_H

#include "base/base.h"

/* When a year's change takes place, in local time as it is before: POSIX, "TZ". */
typedef struct pq_zone_rule {
  char kind; /* 'M': day `day` of week `week` of `month`; 'J': day 1..365, never Feb 29;
                'D': day 0..365 */
  int month, week, day;
  int32_t time; /* seconds of that day; may be negative or above a day */
} pq_zone_rule;

typedef struct pq_zone {
  int32_t offset;     /* seconds east of UTC, after the last change when there is no rule */
  int32_t dst_offset; /* by rule */
  bool has_rule;
  pq_zone_rule dst_start, dst_end;
  const uint8_t *times;   /* of changes, big-endian; NULL: a fixed offset */
  const uint8_t *indexes; /* of types, one a change */
  const uint8_t *types;   /* six bytes each: seconds east, is_dst, name */
  uint32_t time_count, time_len;
} pq_zone;

/* "Z", "UTC", "GMT", "+05", "-0530", "+05:30". False for anything else. */
bool pq_zone_of_offset(pq_slice text, pq_zone *out);

/* A TZif file. False when it is malformed. */
bool pq_zone_read(pq_slice tzif, pq_zone *out);

/* May `name` be asked for? Letters, digits, "_+-", parts between single '/'. */
bool pq_zone_name_is_valid(pq_slice name);

/* Seconds east of UTC at an instant, given in seconds since 1970. */
int32_t pq_zone_at(const pq_zone *z, int64_t instant);

/* The instant of a local time. Of two (clocks went back) the first; one that clocks skipped is as
 * much later as they went forward. |local| must be below 2^60. */
int64_t pq_zone_instant(const pq_zone *z, int64_t local);

#endif
