/* Records of one size. */
#include "fuzz/harness.h"

void fuzz_fixed(const uint8_t *data, size_t len) {
  fuzz_check(FUZZ_FIXED, data, len);
}
