/* log/boundary.c - text of the boundary and of pins. See boundary.h and doc/formats/log.md. */
#include "log/boundary.h"

#include "log/log_int.h"

static const char boundary_word[] = "parquedb-boundary", pin_word[] = "parquedb-pin";

int pq_boundary_print(uint64_t entry, pq_buf *out) {
  size_t line;
  pq_assert(entry > 1);
  PQ_TRY(pq_log_text_begin(out, boundary_word, PQ_LOG_VERSION_PLAIN, &line));
  PQ_TRY(pq_buf_printf(out, "{\"entry\":%llu}", (unsigned long long)entry));
  return pq_log_text_end(out, line);
}

int pq_boundary_parse(pq_arena *scratch, const char *key, pq_slice text, uint64_t *entry) {
  pq_log_doc d = {.cx = scratch->cx, .arena = scratch, .key = key};
  *entry = 0;
  PQ_TRY(pq_log_text_parse(&d, boundary_word, text));
  PQ_TRY(pq_log_doc_u64(&d, "entry", entry));
  return *entry > 1 ? PQ_OK : pq_log_doc_fail(&d, "entry", "is too small");
}

int pq_pin_print(const pq_pin *pin, pq_buf *out) {
  size_t line;
  PQ_TRY(pq_log_text_begin(out, pin_word, PQ_LOG_VERSION_PLAIN, &line));
  PQ_TRY(pq_buf_printf(out, "{\"entry\":%llu,\"seconds\":%llu}", (unsigned long long)pin->entry,
                       (unsigned long long)pin->seconds));
  return pq_log_text_end(out, line);
}

int pq_pin_parse(pq_arena *scratch, const char *key, pq_slice text, pq_pin *out) {
  pq_log_doc d = {.cx = scratch->cx, .arena = scratch, .key = key};
  *out = (pq_pin){0};
  PQ_TRY(pq_log_text_parse(&d, pin_word, text));
  PQ_TRY(pq_log_doc_u64(&d, "entry", &out->entry));
  return pq_log_doc_u64(&d, "seconds", &out->seconds);
}
