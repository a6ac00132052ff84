/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
#include "utf8.h"

/* How many bytes follow the first one, and between which values its bits make
 * a code point; -1 if none can follow. */
static int follow(uint8_t first, uint32_t *ret_bits, uint32_t *ret_min) {
  if (first < 0x80) {
    *ret_bits = first;
    *ret_min = 0;
    return 0;
  }
  if (first >= 0xC2 && first < 0xE0) {
    *ret_bits = first & 0x1Fu;
    *ret_min = 0x80;
    return 1;
  }
  if (first >= 0xE0 && first < 0xF0) {
    *ret_bits = first & 0x0Fu;
    *ret_min = 0x800;
    return 2;
  }
  if (first >= 0xF0 && first < 0xF5) {
    *ret_bits = first & 0x07u;
    *ret_min = 0x10000;
    return 3;
  }
  return -1;
}

enum utf8_answer utf8_check(plait_slice text) {
  bool control = false;
  for (size_t i = 0; i < text.len;) {
    uint32_t point = 0, min = 0;
    int more = follow(text.data[i++], &point, &min);
    if (more < 0 || (size_t)more > text.len - i) {
      return UTF8_MALFORMED;
    }
    for (; more > 0; more--, i++) {
      if ((text.data[i] & 0xC0u) != 0x80u) {
        return UTF8_MALFORMED;
      }
      point = point << 6 | (text.data[i] & 0x3Fu);
    }
    if (point < min || point > 0x10FFFF ||
        (point >= 0xD800 && point <= 0xDFFF)) {
      return UTF8_MALFORMED;
    }
    control |= point < 0x20 || (point >= 0x7F && point < 0xA0);
  }
  return control ? UTF8_CONTROL : UTF8_TEXT;
}
