/* Finders: how the addresses of a name are found, which the layer above knows.
 */
#ifndef PLAIT_CORE_FINDER_H
#define PLAIT_CORE_FINDER_H

#include <plait/address.h>

#include "core/driver.h"

typedef struct plait__finder plait__finder;

typedef struct plait__finder_ops {
  /* On the reactor of who asks.  0: plait__finder_found() follows, once, there
   * and inside neither of these, unless the runtime is freed first.  A code: it
   * does not. */
  int (*start)(plait__finder *finder);
  /* After start() and before found: it follows soon, whatever it says. */
  void (*cancel)(plait__finder *finder);
  void (*free)(plait__finder *finder, const plait__os *os);
} plait__finder_ops;

struct plait__finder {
  const plait__finder_ops *ops;
  const char *step; /* what it does, for messages: "resolve" */
  /* Filled in by who asks, which is |owner|. */
  void (*found)(plait__finder *finder, int code, const plait_address *addresses,
                size_t count);
  void *owner;
};

/* |count| is at least 1 if |code| is 0. */
static inline void plait__finder_found(plait__finder *finder, int code,
                                       const plait_address *addresses,
                                       size_t count) {
  finder->found(finder, code, addresses, count);
}

#endif
