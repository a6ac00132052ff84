/* The pool of a runtime: its lanes. */
#ifndef PLAIT_POOL_POOL_H
#define PLAIT_POOL_POOL_H

#include <plait/pool.h>
#include <plait/strand.h>

#include "core/runtime.h"
#include "pool/lane.h"

struct plait_pool {
  plait__workers workers; /* what the runtime knows of it */
  plait_runtime *runtime;
  plait__lane tasks, strands;
  atomic_uint_least64_t cancelled; /* tasks */
};

#endif
