/* Delimiters on the command line: bytes, with the escapes of C. */
#include <string.h>

#include "cli.h"

static int hex_digit(char c) {
  static const char digits[] = "0123456789abcdef0123456789ABCDEF";
  const char *at = c != '\0' ? strchr(digits, c) : NULL;
  return at != NULL ? (int)((at - digits) % 16) : -1;
}

/* \xHH: one or two digits.  Moves |text| behind them. */
static int read_hex(const char **text) {
  int value = hex_digit(**text);
  if (value < 0) {
    return -1;
  }
  int low = hex_digit(*++*text);
  if (low >= 0) {
    value = value * 16 + low;
    ++*text;
  }
  return value;
}

/* \N to \NNN: octal digits, as \0. */
static int read_octal(const char **text) {
  int value = 0;
  for (int i = 0; i < 3 && **text >= '0' && **text <= '7'; i++) {
    value = value * 8 + (*(*text)++ - '0');
  }
  return value <= 255 ? value : -1;
}

/* The byte behind a backslash, or a negative number. */
static int read_escape(const char **text) {
  static const char names[] = "abefnrtv\\'\"?",
                    bytes[] = "\a\b\033\f\n\r\t\v\\'\"?";
  const char *at = **text != '\0' ? strchr(names, **text) : NULL;
  if (at != NULL) {
    ++*text;
    return (unsigned char)bytes[at - names];
  }
  if (**text == 'x') {
    ++*text;
    return read_hex(text);
  }
  return **text >= '0' && **text <= '7' ? read_octal(text) : -1;
}

const char *option_delimiter(const char *text, void *delimiters_field) {
  static const char wanted[] =
      "1 to 16 bytes, with C escapes such as \\0, \\r\\n or \\x1e";
  struct delimiters *d = delimiters_field;
  size_t len = 0;
  if (d->count == PLAIT_DELIMITERS_MAX) {
    return "1 to 16 bytes, and stands 8 times at most";
  }
  while (*text != '\0') {
    int byte = (unsigned char)*text++;
    if (byte == '\\') {
      byte = read_escape(&text);
    }
    if (byte < 0 || len == PLAIT_DELIMITER_BYTES_MAX) {
      return wanted;
    }
    d->bytes[d->count][len++] = (uint8_t)byte;
  }
  if (len == 0) {
    return wanted;
  }
  d->len[d->count++] = len;
  return NULL;
}
