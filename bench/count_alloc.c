/* Counts allocation calls of a program it is preloaded into.
 *
 *   COUNT_ALLOC_FILE=/dev/shm/counts LD_PRELOAD=./count_alloc.so server
 *
 * Every call goes on to glibc's own allocator, by the names glibc keeps for
 * this; dlsym() would itself allocate.  The counters lie in a file mapped
 * shared, so the generator reads them at the two ends of its window without
 * the server taking part: no signal, no message, nothing that would itself
 * allocate.  Without the variable it counts for nobody, and does no harm. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "count_alloc.h"
#include "shared_file.h"

#include <errno.h>
#include <stdint.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *p);

static struct count_alloc count_private;
static struct count_alloc *count = &count_private;

static void count_call(int kind) {
  atomic_fetch_add_explicit(&count->calls[kind], 1, memory_order_relaxed);
}

/* Runs before main; what was allocated earlier still is counted, in private
 * memory that nobody reads. */
__attribute__((constructor)) static void count_open(void) {
  count = shared_file(COUNT_ALLOC_FILE, sizeof *count, count);
}

void *malloc(size_t size) {
  count_call(COUNT_MALLOC);
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  count_call(COUNT_CALLOC);
  return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size) {
  count_call(COUNT_REALLOC);
  return __libc_realloc(p, size);
}

void *reallocarray(void *p, size_t n, size_t size) {
  size_t bytes;
  count_call(COUNT_REALLOC);
  if (__builtin_mul_overflow(n, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return __libc_realloc(p, bytes);
}

void free(void *p) {
  count_call(COUNT_FREE);
  __libc_free(p);
}

void *memalign(size_t alignment, size_t size) {
  count_call(COUNT_ALIGNED);
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count_call(COUNT_ALIGNED);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **ret_p, size_t alignment, size_t size) {
  count_call(COUNT_ALIGNED);
  void *p = __libc_memalign(alignment, size);
  if (!p)
    return ENOMEM;
  *ret_p = p;
  return 0;
}
