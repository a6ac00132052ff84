/* Delimiters. */
#include "fuzz/harness.h"

void fuzz_delimited(const uint8_t *data, size_t len) {
  fuzz_check(FUZZ_DELIMITED, data, len);
}
