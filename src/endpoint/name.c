/* See name.h.  A stop-gap without a resolver. */
#include "endpoint/name.h"

#include <plait/error.h>

int plait__name_new(plait_runtime *runtime, const plait__endpoint *e,
                    uint32_t timeout_ms, plait__finder **ret) {
  (void)runtime;
  (void)e;
  (void)timeout_ms;
  (void)ret;
  return PLAIT_ENOTSUP;
}
