/* A stream whose bytes follow from their offsets. */
#include "support/pattern.h"

static uint8_t pattern_byte(uint64_t offset) {
  uint64_t mixed = (offset + 1) * UINT64_C(0x9e3779b97f4a7c15);
  return (uint8_t)(mixed >> 56);
}

void pattern_fill(uint8_t *ret, uint64_t offset, size_t len) {
  for (size_t i = 0; i < len; i++)
    ret[i] = pattern_byte(offset + i);
}

size_t pattern_match(const uint8_t *data, uint64_t offset, size_t len) {
  size_t i = 0;
  while (i < len && data[i] == pattern_byte(offset + i))
    i++;
  return i;
}
