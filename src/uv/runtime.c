/* plait_runtime_new(): a runtime on this backend. */
#include "core/runtime.h"

int plait_runtime_new(const plait_runtime_options *options,
                      plait_runtime **ret) {
  return plait__runtime_new(&plait__uv_driver, options, ret);
}
