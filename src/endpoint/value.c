/* Values are read strictly: no sign, no blank, no "0x", nothing after the
 * number.  What is refused here can be explained; what strtol() would have
 * made of it cannot.
 */
#include "endpoint/value.h"

#include <string.h>

#include "endpoint/spec.h"

static bool value_is_digit(char c, unsigned base) {
  return c >= '0' && (unsigned)(c - '0') < base;
}

bool plait__value_number(const char *text, unsigned base, unsigned min,
                         unsigned max, unsigned *ret) {
  uint64_t number = 0;

  if (*text == '\0')
    return false;
  for (; *text != '\0'; text++) {
    if (!value_is_digit(*text, base))
      return false;
    number = number * base + (uint64_t)(*text - '0');
    if (number > max)
      return false;
  }
  if (number < min)
    return false;
  *ret = (unsigned)number;
  return true;
}

/* The milliseconds in the decimals |text|; false unless all are digits and
 * there is one. */
static bool value_decimals(const char *text, uint32_t *ret_ms) {
  uint32_t ms = 0;
  uint32_t weight = 100;

  if (*text == '\0')
    return false;
  for (; *text != '\0'; text++) {
    if (!value_is_digit(*text, 10))
      return false;
    ms += weight * (uint32_t)(*text - '0');
    weight /= 10;
  }
  *ret_ms = ms;
  return true;
}

bool plait__value_seconds(const char *text, uint32_t max_ms, uint32_t *ret_ms) {
  const char *c = text;
  uint64_t total_ms = 0;
  uint32_t decimals_ms = 0;

  for (; value_is_digit(*c, 10); c++) {
    total_ms = total_ms * 10 + (uint64_t)(*c - '0') * 1000;
    if (total_ms > max_ms)
      return false;
  }
  if (c == text)
    return false;
  if (*c == '.' && !value_decimals(c + 1, &decimals_ms))
    return false;
  if (*c != '.' && *c != '\0')
    return false;
  total_ms += decimals_ms;
  if (total_ms == 0 || total_ms > max_ms)
    return false;
  *ret_ms = (uint32_t)total_ms;
  return true;
}

bool plait__value_ip(const char *text, uint16_t port, plait_address *ret) {
  char inner[PLAIT_ADDRESS_TEXT_MAX];
  plait_address address;
  size_t len = strlen(text);
  bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';

  if (bracketed) {
    text++;
    len -= 2;
  }
  if (len >= sizeof inner)
    return false;
  memcpy(inner, text, len);
  inner[len] = '\0';
  if (plait_address_parse(inner, port, &address) != 0)
    return false;
  if (bracketed && address.family != PLAIT_IPV6)
    return false;
  *ret = address;
  return true;
}

bool plait__value_is_name(const char *text) {
  bool letter = false;

  for (; *text != '\0'; text++) {
    if (*text == ':' || *text == '[' || *text == ']' || *text == '%')
      return false;
    if ((*text < '0' || *text > '9') && *text != '.')
      letter = true;
  }
  return letter;
}

static bool value_is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits, and the '-' and '_' that names have in practice. */
static bool value_is_word(char c) {
  return value_is_letter(c) || value_is_digit(c, 10) || c == '-' || c == '_';
}

const char *plait__value_host(const char *text) {
  size_t len = 0, label = 0;

  for (; text[len] != '\0'; len++) {
    if ((unsigned char)text[len] >= 0x80)
      return "is not ASCII; names in other letters are written as in "
             "xn--bcher-kva.example";
    if (text[len] == '.' && label == 0)
      return "has an empty part";
    if (text[len] != '.' && !value_is_word(text[len]))
      return "is neither an IP address nor a name: names are of letters, "
             "digits, '-', '_' and '.'";
    label = text[len] == '.' ? 0 : label + 1;
    if (label > PLAIT__LABEL_MAX)
      return "has more than 63 bytes between two dots";
  }
  if (len > 0 && text[len - 1] == '.')
    len--; /* the dot of the root */
  return len > PLAIT__HOST_MAX ? "is longer than 253 bytes" : NULL;
}

bool plait__value_is_service(const char *text) {
  size_t len = 0;

  if (!value_is_letter(text[0]))
    return false;
  for (; text[len] != '\0'; len++)
    if (len == PLAIT__SERVICE_MAX || !value_is_word(text[len]))
      return false;
  return true;
}
