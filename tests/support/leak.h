/* Nothing outlives a runtime: no descriptor, no thread, no byte of memory.
 *
 * Memory is counted by wrapping the os->alloc of a driver; one wrapped driver
 * at a time. */
#ifndef PLAIT_TESTS_LEAK_H
#define PLAIT_TESTS_LEAK_H

#include <stddef.h>

#include "core/driver.h"

struct leak {
  unsigned descriptors, threads;
  size_t bytes;
};

/* |driver| with an allocator that counts, and that fails the allocation with
 * the number leak_fail_at() was told. */
const plait_backend *leak_driver(const plait_backend *driver);

/* Makes allocation |n| from now on fail, once (0: none), and starts to count.
 * Frees do not count. */
void leak_fail_at(size_t n);
/* The allocations since leak_fail_at(). */
size_t leak_allocations(void);
/* Whether the allocation that was to fail came. */
bool leak_failed(void);
/* Who asked for it. */
const char *leak_failed_site(void);
/* Bytes that are allocated now. */
size_t leak_bytes(void);

/* Before tests are forked that may have a report which is suppressed
 * (tests/tsan.supp): to name functions in it clang's TSan starts a program and
 * keeps it, with two pipes, which are no leak then. */
void leak_start_symbolizer(void);
/* Counts what there is. */
void leak_begin(struct leak *l);
/* Aborts, naming what there is more than at leak_begin(). */
void leak_end(const struct leak *l);

/* Descriptors and threads of this process. */
unsigned leak_count_descriptors(void);
unsigned leak_count_threads(void);

#endif
