/* The counters that count_alloc.so keeps in a shared file and loadgen reads:
 * calls since the server started, by all its threads. */
#ifndef COUNT_ALLOC_H
#define COUNT_ALLOC_H

#include <stdatomic.h>

/* The environment variable that names the file. */
#define COUNT_ALLOC_FILE "COUNT_ALLOC_FILE"

enum {
  COUNT_MALLOC,
  COUNT_CALLOC,
  COUNT_REALLOC,
  COUNT_FREE,
  COUNT_ALIGNED,
  COUNT_KINDS
};

struct count_alloc {
  atomic_ullong calls[COUNT_KINDS];
};

#endif
