/* port/pool.c - see pool.h.
 *
 *   size        4K   5K   6K   7K   8K   10K  12K  14K  16K …     four classes for each doubling
 *   idle blocks  │         │                         │
 *                b ─► b    b                         b            linked through their first bytes
 *
 * A block is as long as its class, so that whoever frees it needs to know no more than what it
 * asked for. Blocks below the first class are the C library's. Large ones are the system's: the C
 * library keeps what is freed between others, and a program that may use 64 MB would have 90. Those
 * of huge pages and more are aligned to them, and the system is asked to use them: a large block is
 * then at hand after one fault for 512 pages, and walking through it does not miss the processor's
 * table of pages.
 */
#include "port/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
  CLASS_BITS_MIN = 12, /* 4 KiB */
  PARTS_LOG2 = 2,      /* classes for each doubling */
  HUGE_LEN = 2 << 20,
  MALLOC_WORD = 8 /* that the C library has in front of a block, whose length is of two of them */
};

#if defined(__SANITIZE_ADDRESS__)
#define MAPPED_LEN_MIN SIZE_MAX /* it does not watch others */
#else
#define MAPPED_LEN_MIN ((size_t)256 << 10) /* a multiple of all lengths of pages */
#endif

typedef struct pq_pool_block {
  struct pq_pool_block *next;
} block;

/* The class of blocks that hold `size` bytes and their length; PQ_POOL_CLASS_COUNT: none. */
static unsigned class_of(size_t size, size_t *len) {
  unsigned bits = CLASS_BITS_MIN, part;
  size_t step;
  *len = size;
  if (size < (size_t)1 << CLASS_BITS_MIN) return PQ_POOL_CLASS_COUNT;
  while (bits < 8 * sizeof size - 1 && (size - 1) >> bits > 1)
    bits++;
  step = (size_t)1 << (bits - PARTS_LOG2);
  part = (unsigned)((size - ((size_t)1 << bits) + step - 1) / step);
  if (((bits - CLASS_BITS_MIN) << PARTS_LOG2) + part >= PQ_POOL_CLASS_COUNT)
    return PQ_POOL_CLASS_COUNT;
  *len = ((size_t)1 << bits) + part * step;
  return ((bits - CLASS_BITS_MIN) << PARTS_LOG2) + part;
}

void pq_pool_init(pq_pool *p, uint64_t idle_len_max) {
  *p = (pq_pool){.idle_len_max = idle_len_max};
}

static size_t class_len(unsigned class) {
  size_t base = (size_t)1 << (CLASS_BITS_MIN + (class >> PARTS_LOG2));
  return base + (base >> PARTS_LOG2) * (class & ((1u << PARTS_LOG2) - 1));
}

uint64_t pq_pool_len(size_t size) {
  size_t len;
  if (size == 0) return 0;
  if (class_of(size, &len) < PQ_POOL_CLASS_COUNT || size > SIZE_MAX / 2) return len;
  return (size + MALLOC_WORD + 2 * MALLOC_WORD - 1) / (2 * MALLOC_WORD) * (2 * MALLOC_WORD);
}

/* `len` is a class's: a multiple of a quarter of the smallest mapped block. */
static void *map(size_t len) {
  size_t more = len < HUGE_LEN ? 0 : HUGE_LEN, before;
  uint8_t *p = mmap(NULL, len + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  if (more == 0) return p;
  before = (HUGE_LEN - (uintptr_t)p % HUGE_LEN) % HUGE_LEN;
  if (before > 0) munmap(p, before);
  if (more > before) munmap(p + before + len, more - before);
#ifdef MADV_HUGEPAGE
  madvise(p + before, len, MADV_HUGEPAGE); /* a hint: it works without */
#endif
  return p + before;
}

/* A block of a class. */
static void *block_new(size_t len) {
  return len < MAPPED_LEN_MIN ? malloc(len) : map(len);
}

static void block_free(void *ptr, size_t len) {
  if (len < MAPPED_LEN_MIN)
    free(ptr);
  else
    munmap(ptr, len);
}

void pq_pool_trim(pq_pool *p, uint64_t len) {
  for (unsigned class = PQ_POOL_CLASS_COUNT; class -- > 0 && p->idle_len > len;) {
    while (p->idle[class] != NULL && p->idle_len > len) {
      block *b = p->idle[class];
      p->idle[class] = b->next;
      p->idle_len -= class_len(class);
      block_free(b, class_len(class));
    }
  }
}

static void *take(pq_pool *p, size_t size) {
  size_t len;
  unsigned class = class_of(size, &len);
  block *b;
  if (class == PQ_POOL_CLASS_COUNT) return malloc(len);
  b = p->idle[class];
  if (b != NULL) {
    p->idle[class] = b->next;
    p->idle_len -= len;
    return b;
  }
  return block_new(len);
}

static void give_back(pq_pool *p, void *ptr, size_t size) {
  size_t len;
  unsigned class = class_of(size, &len);
  block *b = ptr;
  if (class == PQ_POOL_CLASS_COUNT || len > p->idle_len_max) {
    if (class == PQ_POOL_CLASS_COUNT)
      free(ptr);
    else
      block_free(ptr, len);
    return;
  }
  b->next = p->idle[class];
  p->idle[class] = b;
  p->idle_len += len;
  pq_pool_trim(p, p->idle_len_max);
}

void *pq_pool_alloc(void *ud, void *ptr, size_t old_size, size_t new_size) {
  pq_pool *p = ud;
  size_t old_len, new_len;
  unsigned old_class, new_class;
  void *grown;
  if (new_size == 0) {
    if (ptr != NULL) give_back(p, ptr, old_size);
    return NULL;
  }
  if (ptr == NULL) return take(p, new_size);
  old_class = class_of(old_size, &old_len);
  new_class = class_of(new_size, &new_len);
  if (old_class == new_class) return old_class < PQ_POOL_CLASS_COUNT ? ptr : realloc(ptr, new_size);
  grown = take(p, new_size);
  if (grown == NULL) return NULL;
  memcpy(grown, ptr, old_size < new_size ? old_size : new_size);
  give_back(p, ptr, old_size);
  return grown;
}
