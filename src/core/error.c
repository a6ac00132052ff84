/* Codes in words, and the thread's account of its last failure.
 *
 * The words come from the one list in <plait/error.h>; as they are the cases
 * of a switch, two names for one value do not compile.
 */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/context.h"

static const char *error_numbered(int code) {
  char *number = plait__context_here()->error_number;
  snprintf(number, PLAIT__ERROR_NUMBER_MAX, "error %d", code);
  return number;
}

const char *plait_strerror(int code) {
  switch (code) {
#define ERROR_TEXT(name, value, text)                                          \
  case PLAIT_##name:                                                           \
    return text;
    PLAIT_ERROR_MAP(ERROR_TEXT)
#undef ERROR_TEXT
  case PLAIT_OK:
    return "ok";
  default:
    return error_numbered(code);
  }
}

const char *plait_error_name(int code) {
  switch (code) {
#define ERROR_NAME(name, value, text)                                          \
  case PLAIT_##name:                                                           \
    return "PLAIT_" #name;
    PLAIT_ERROR_MAP(ERROR_NAME)
#undef ERROR_NAME
  case PLAIT_OK:
    return "PLAIT_OK";
  default:
    return "unknown error";
  }
}

const char *plait_error_detail(void) {
  return plait__context_here()->error_detail;
}

/* Ends the full |text| in "...", without leaving half a UTF-8 character in
 * front of the dots. */
static void error_cut(char *text) {
  size_t at = PLAIT__ERROR_DETAIL_MAX - sizeof "...";

  while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
    at--;
  memcpy(text + at, "...", sizeof "...");
}

const char *plait__clip(const char *text, size_t max, char *buffer) {
  size_t len = 0;

  while (len <= max && text[len] != '\0')
    len++;
  memcpy(buffer, text, len);
  buffer[len] = '\0';
  if (len <= max)
    return buffer;
  len = max;
  while (len > 0 && ((unsigned char)buffer[len] & 0xc0) == 0x80)
    len--;
  memcpy(buffer + len, "...", sizeof "...");
  return buffer;
}

int plait__fail(int code, const char *format, ...) {
  char text[PLAIT__ERROR_DETAIL_MAX]; /* the old detail may be an argument */
  va_list arguments;
  int length;

  va_start(arguments, format);
  length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (length < 0)
    text[0] = '\0';
  if (length >= (int)sizeof text)
    error_cut(text);
  for (char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c < 0x20 || *c == 0x7f)
      *c = '?';
  memcpy(plait__context_here()->error_detail, text, sizeof text);
  return code;
}

void plait__error_clear(void) {
  plait__context_here()->error_detail[0] = '\0';
}
