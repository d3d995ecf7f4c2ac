/* test/fuzz/fuzz_thrift.c - Thrift's compact protocol, read by what the fields say they are, next
 * to skipping all of it: both end at the same place. */
#include "fuzz.h"
#include "parquet/thrift_read.h"

enum { DEPTH_MAX = 20 };

static void read_struct(pq_thrift *t, unsigned depth);

static void read_value(pq_thrift *t, const pq_thrift_field *f, bool is_item, unsigned depth) {
  pq_thrift_field item;
  uint32_t count;
  switch (f->type) {
    case PQ_THRIFT_TRUE:
    case PQ_THRIFT_FALSE: (void)(is_item ? pq_thrift_bool_item(t) : pq_thrift_bool(t, f)); break;
    case PQ_THRIFT_I16:
    case PQ_THRIFT_I32:
    case PQ_THRIFT_I64: (void)pq_thrift_int(t, f, 64); break;
    case PQ_THRIFT_BINARY: (void)pq_thrift_binary(t, f); break;
    case PQ_THRIFT_STRUCT:
      if (depth == DEPTH_MAX || !pq_thrift_struct(t, f))
        pq_thrift_bad(t, "too deep");
      else
        read_struct(t, depth + 1);
      break;
    case PQ_THRIFT_LIST:
      /* a list whose elements are other than asked for is an error; ask for structs */
      count = pq_thrift_list(t, f, PQ_THRIFT_STRUCT, 1, &item);
      for (uint32_t i = 0; i < count && t->error == NULL; i++)
        read_value(t, &item, true, depth);
      break;
    default: pq_thrift_skip(t, f); break;
  }
}

static void read_struct(pq_thrift *t, unsigned depth) {
  pq_thrift_field f = {0};
  while (pq_thrift_next(t, &f))
    read_value(t, &f, false, depth);
}

static void skip_struct(pq_thrift *t) {
  pq_thrift_field f = {0};
  while (pq_thrift_next(t, &f))
    pq_thrift_skip(t, &f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pq_slice bytes = fuzz_copy((pq_slice){data, size});
  pq_thrift read = pq_thrift_of(bytes), skip = pq_thrift_of(bytes);
  read_struct(&read, 0);
  skip_struct(&skip);
  FUZZ_CHECK(pq_thrift_pos(&read) <= size && pq_thrift_pos(&skip) <= size);
  /* What is skipped inside of a struct that was read may go as deep again. */
  if (read.error == NULL && (skip.error == NULL || strstr(skip.error, "too deep") == NULL)) {
    FUZZ_CHECK(skip.error == NULL);
    FUZZ_CHECK(pq_thrift_pos(&read) == pq_thrift_pos(&skip));
  }
  free((void *)(uintptr_t)bytes.p);
  return 0;
}
