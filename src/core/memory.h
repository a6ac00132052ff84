/* Memory, always through the seam and always with the call site. */
#ifndef PLAIT_CORE_MEMORY_H
#define PLAIT_CORE_MEMORY_H

#include <string.h>

#include "core/driver.h"

#define PLAIT__TEXT_(x) #x
#define PLAIT__TEXT(x) PLAIT__TEXT_(x)
#define PLAIT__SITE __FILE__ ":" PLAIT__TEXT(__LINE__)

/* |size| bytes, or NULL. */
#define plait__alloc(os, size) ((os)->alloc(NULL, (size), PLAIT__SITE))
#define plait__realloc(os, old, size) ((os)->alloc((old), (size), PLAIT__SITE))
#define plait__zalloc(os, size) plait__zero(plait__alloc((os), (size)), (size))

static inline void *plait__zero(void *memory, size_t size) {
  return memory != NULL ? memset(memory, 0, size) : NULL;
}

static inline void plait__free(const plait__os *os, void *memory) {
  if (memory != NULL)
    os->alloc(memory, 0, "free");
}

#endif
