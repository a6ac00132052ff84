/* The clock, random bytes, memory, and the way out. */
#include "uv/backend.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

/* The clock that uv_now() is cut from; uv_hrtime() takes two calls more. */
uint64_t plait__uv_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t plait__uv_wall_s(void) {
  return (int64_t)time(NULL);
}

/* Up to 256 bytes come whole or not at all; only before the system has gathered
 * entropy at its start could a signal interrupt the wait for it. */
int plait__uv_entropy(void *buffer, size_t len) {
  uint8_t bytes[256];
  if (len > sizeof bytes)
    return PLAIT_EINVAL;
  ssize_t n;
  do
    n = getrandom(bytes, len, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return -errno;
  memcpy(buffer, bytes, len);
  return 0;
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
