/* The clock, memory, and the way out. */
#include "uv/backend.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

uint64_t plait__uv_now_ns(void) {
  return uv_hrtime(); /* CLOCK_MONOTONIC, which uv_now() is cut from */
}

int64_t plait__uv_wall_s(void) {
  return (int64_t)time(NULL);
}

void *plait__uv_alloc(void *old, size_t size, const char *site) {
  (void)site; /* for backends that make an allocation fail */
  if (size)
    return realloc(old, size);
  free(old);
  return NULL;
}

void plait__uv_fatal(const char *text) {
  fprintf(stderr, "plait: %s\n", text);
  abort();
}

unsigned plait__uv_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > UINT_MAX)
    return UINT_MAX;
  return (unsigned)limit.rlim_cur;
}
