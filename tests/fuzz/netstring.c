/* Netstrings. */
#include "fuzz/harness.h"

void fuzz_netstring(const uint8_t *data, size_t len) {
  fuzz_check(FUZZ_NETSTRING, data, len);
}
