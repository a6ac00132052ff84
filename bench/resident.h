/* Memory that is resident: what a fork() would have to copy the tables of. */
#ifndef PLAIT_BENCH_RESIDENT_H
#define PLAIT_BENCH_RESIDENT_H

#include <stdlib.h>
#include <string.h>

/* Lives as long as the program. */
static inline void resident(size_t mib) {
  char *memory = malloc(mib << 20);
  if (memory == NULL)
    abort();
  memset(memory, 1, mib << 20);
  __asm__ volatile("" : : "r"(memory) : "memory");
}

#endif
