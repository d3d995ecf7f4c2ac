/* server/job.c - see job.h. */
#include "server/job.h"

void pq_job_set_deadline(pq_job *j, const pq_server *server, pq_value command, int64_t now_us) {
  int64_t ms = 0;
  (void)pq_value_i64(pq_object_get_str(command, "maxTimeMs"), &ms);
  if (ms <= 0) ms = server->options->max_time_ms;
  j->deadline_us = ms <= 0 || ms > INT32_MAX ? 0 : now_us + ms * 1000;
}

bool pq_job_is_late(const pq_job *j, int64_t now_us) {
  return j->deadline_us != 0 && now_us > j->deadline_us;
}
