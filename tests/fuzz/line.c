/* Lines. */
#include "fuzz/harness.h"

void fuzz_line(const uint8_t *data, size_t len) {
  fuzz_check(FUZZ_LINE, data, len);
}
