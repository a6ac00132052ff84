/* What plait keeps per thread: all of it, so that a backend whose threads are
 * not the system's can change it with them. */
#ifndef PLAIT_CORE_CONTEXT_H
#define PLAIT_CORE_CONTEXT_H

#include "core/driver.h"
#include "core/error.h"

enum { PLAIT__ERROR_NUMBER_MAX = sizeof "error -2147483648" };

/* All zero is a thread that plait knows nothing of. */
typedef struct plait__context {
  plait_reactor *here;         /* whose loop it runs */
  plait_reactor *current;      /* whose connection's callback it runs */
  struct plait__away *running; /* whose strand it runs */
  const char *job;             /* that it runs, for messages */
  const plait__os *os;         /* whose thread it is; NULL: the system's */
  char error_detail[PLAIT__ERROR_DETAIL_MAX];
  char error_number[PLAIT__ERROR_NUMBER_MAX];
} plait__context;

/* The calling thread's. */
plait__context *plait__context_here(void);

/* For a backend outside the library: |context| is the calling thread's from now
 * on, NULL is the one that it began with.  Returns what was before. */
PLAIT_EXTERN plait__context *plait__context_swap(plait__context *context);

#endif
