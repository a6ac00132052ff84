/* Every codec, and changes from one to another. */
#include "fuzz/harness.h"

void fuzz_differential(const uint8_t *data, size_t len) {
  fuzz_check(FUZZ_KINDS, data, len);
}
