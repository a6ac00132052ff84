/* Length fields. */
#include "fuzz/harness.h"

void fuzz_prefixed(const uint8_t *data, size_t len) {
  fuzz_check(FUZZ_PREFIXED, data, len);
}
