/* base/base.c - see base.h. */
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

void pq_assert_fail(const char *cond, const char *file, int line) {
  fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, cond);
  abort();
}

static void *alloc_default(void *ud, void *ptr, size_t old_size, size_t new_size) {
  (void)ud;
  (void)old_size;
  if (new_size == 0) {
    free(ptr);
    return NULL;
  }
  return realloc(ptr, new_size);
}

void pq_cx_init(pq_cx *cx, pq_alloc_fn alloc, void *ud) {
  pq_assert(cx != NULL);
  *cx = (pq_cx){.alloc = alloc != NULL ? alloc : alloc_default, .alloc_ud = ud};
  cx->limits = (pq_limits){.depth_max = PQ_DEPTH_MAX,
                           .doc_len_max = PQ_DOC_LEN_MAX,
                           .command_len_max = PQ_COMMAND_LEN_MAX,
                           .field_count_max = PQ_FIELD_COUNT_MAX,
                           .filter_nodes_max = PQ_FILTER_NODES_MAX,
                           .key_len_max = PQ_KEY_LEN_MAX,
                           .id_len_max = PQ_ID_LEN_MAX,
                           .name_len_max = PQ_NAME_LEN_MAX,
                           .fetch_len_max = PQ_FETCH_LEN_MAX,
                           .op_len_max = PQ_OP_LEN_MAX,
                           .page_cache_len_max = PQ_PAGE_CACHE_LEN_MAX,
                           .sort_len_max = PQ_SORT_LEN_MAX,
                           .row_group_rows_max = PQ_ROW_GROUP_ROWS_MAX,
                           .row_group_len_max = PQ_ROW_GROUP_LEN_MAX,
                           .scan_len_max = PQ_SCAN_LEN_MAX,
                           .file_len_max = PQ_FILE_LEN_MAX,
                           .part_len = PQ_PART_LEN,
                           .tail_len_max = PQ_TAIL_LEN_MAX,
                           .scan_rows_short = PQ_SCAN_ROWS_SHORT,
                           .scan_rows_step = PQ_SCAN_ROWS_STEP,
                           .txn_len_max = PQ_TXN_LEN_MAX,
                           .txn_age_max = PQ_TXN_AGE_MAX,
                           .txn_count_max = PQ_TXN_COUNT_MAX};
}

static uint64_t at_most(uint64_t len, uint64_t max) {
  return len < max ? len : max;
}

void pq_limits_fit(pq_limits *l, uint64_t max) {
  l->doc_len_max = (uint32_t)at_most(l->doc_len_max, max / 16);
  l->fetch_len_max = at_most(l->fetch_len_max, max);
  l->op_len_max = at_most(l->op_len_max, max);
  l->sort_len_max = at_most(l->sort_len_max, max / 4);
  l->page_cache_len_max = at_most(l->page_cache_len_max, max / 2); /* it makes room for others */
  l->row_group_len_max = at_most(l->row_group_len_max, max / 16);
  l->scan_len_max = at_most(l->scan_len_max, max / 8);
  l->part_len = at_most(l->part_len, max / 16);
  l->tail_len_max = at_most(l->tail_len_max, max / 4);
}

uint64_t pq_memory_left(const pq_cx *cx) {
  uint64_t used;
  if (cx->meter == NULL) return UINT64_MAX;
  used = cx->meter->used(cx->alloc_ud);
  return used < cx->meter->max ? cx->meter->max - used : 0;
}

void *pq_alloc(pq_cx *cx, void *ptr, size_t old_size, size_t new_size) {
  if (new_size > PTRDIFF_MAX) return NULL; /* the difference of two pointers could not hold it */
  return cx->alloc(cx->alloc_ud, ptr, old_size, new_size);
}

int pq_spend_more(pq_cx *cx) {
  pq_pace *p = &cx->pace;
  int rc;
  p->left = p->ask == NULL ? UINT32_MAX : p->stride > 0 ? p->stride : PQ_WORK_STRIDE;
  if (p->ask == NULL) return PQ_OK;
  rc = p->ask(p->ud);
  if (rc > 0) p->is_over = true;
  return rc < 0 ? rc : PQ_OK;
}

int pq_fail(pq_cx *cx, int code, const char *fmt, ...) {
  char text[PQ_MESSAGE_CAP]; /* an argument may be cx->msg itself */
  va_list args;
  pq_assert(code < 0);
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  memcpy(cx->msg, text, sizeof text);
  cx->code = code;
  return code;
}

int pq_fail_nomem(pq_cx *cx) {
  return pq_fail(cx, PQ_ENOMEM, "out of memory");
}

const char *pq_status_name(int code) {
  switch (code) {
    case PQ_ENOMEM: return "OUT_OF_MEMORY";
    case PQ_EIO: return "STORAGE_ERROR";
    case PQ_ECORRUPT: return "CORRUPT";
    case PQ_ELIMIT: return "LIMIT_EXCEEDED";
    case PQ_ECONFLICT: return "STORAGE_ERROR";
    case PQ_ENOTFOUND: return "STORAGE_ERROR";
    case PQ_EINVALID: return "VALIDATION_FAILED";
    case PQ_EFILTER: return "INVALID_FILTER";
    case PQ_EUPDATE: return "INVALID_UPDATE";
    case PQ_EEXISTS: return "ALREADY_EXISTS";
    case PQ_ENOENTITY: return "ENTITY_NOT_FOUND";
    case PQ_EVERSION: return "VERSION_CONFLICT";
    case PQ_EUNSUPPORTED: return "NOT_SUPPORTED";
    case PQ_EFENCED: return "FENCED";
    case PQ_EPATH: return "PATH_TRAVERSAL";
    case PQ_EPERM: return "PERMISSION_DENIED";
    case PQ_EHISTORY: return "HISTORY_DROPPED";
    case PQ_ETARGET: return "RELATIONSHIP_TARGET_DELETED";
    case PQ_EBUSY: return "BUSY";
    case PQ_ETIMEOUT: return "QUERY_TIMEOUT";
    case PQ_EINDEX: return "INDEX_NOT_FOUND";
    case PQ_EUNIQUE: return "UNIQUE_CONSTRAINT";
    case PQ_EVIEW: return "IS_A_VIEW";
    default: return "INTERNAL";
  }
}

pq_slice pq_str(const char *text) {
  return (pq_slice){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

bool pq_slice_eq(pq_slice a, pq_slice b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool pq_slice_is(pq_slice a, const char *text) {
  return pq_slice_eq(a, pq_str(text));
}

int pq_slice_cmp(pq_slice a, pq_slice b) {
  size_t n = a.n < b.n ? a.n : b.n;
  int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
  if (c != 0) return c;
  return a.n < b.n ? -1 : a.n > b.n;
}
