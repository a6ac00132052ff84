/* The text that says what is wrong: one for each thread. */
#include <plait/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kit.h"

enum { REPORT_BYTES = 4096 };

static _Thread_local struct {
  char text[REPORT_BYTES];
  size_t len;
} report;

const char *plait__report_text(void) {
  return report.text;
}

void plait__report(const char *format, ...) {
  size_t room = sizeof report.text - report.len;
  va_list arguments;

  va_start(arguments, format);
  int n = vsnprintf(report.text + report.len, room, format, arguments);
  va_end(arguments);
  if (n > 0)
    report.len += (size_t)n < room ? (size_t)n : room - 1;
}

void plait__report_clear(void) {
  report.len = 0;
  report.text[0] = '\0';
}

void plait__report_start(const plait__kit *kit) {
  const plait_codec *codec = kit->check.codec;
  const char *name = codec != NULL ? codec->name : NULL;

  plait__report_clear();
  plait__report("codec %s: %s", name != NULL ? name : "without a name",
                kit->stage);
}

/* Writes |byte| as it is shown, and returns its length. */
static int report_byte(uint8_t byte, char ret[5]) {
  static const char plain[] = "\n\r\t\"\\", letters[] = "nrt\"\\";
  const char *at = byte != 0 ? strchr(plain, byte) : NULL;

  if (at != NULL)
    return snprintf(ret, 5, "\\%c", letters[at - plain]);
  if (byte < 0x20 || byte > 0x7e)
    return snprintf(ret, 5, "\\x%02x", byte);
  return snprintf(ret, 5, "%c", byte);
}

size_t plait__report_width(const uint8_t *bytes, size_t len) {
  size_t width = 0;
  char text[5];

  for (size_t i = 0; i < len; i++)
    width += (size_t)report_byte(bytes[i], text);
  return width;
}

void plait__report_bytes(const uint8_t *bytes, size_t len) {
  plait__report("\"");
  for (size_t i = 0; i < len; i++) {
    char text[5];
    report_byte(bytes[i], text);
    plait__report("%s", text);
  }
  plait__report("\"");
}

void plait__report_answer(int answer) {
#define REPORT_NAME(name_, value_, text_) {value_, "PLAIT_" #name_},
  static const struct {
    int code;
    const char *name;
  } names[] = {{PLAIT_MORE, "PLAIT_MORE"},
               {PLAIT_FRAME, "PLAIT_FRAME"},
               PLAIT_ERROR_MAP(REPORT_NAME)};
#undef REPORT_NAME

  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].code == answer) {
      plait__report("%s", names[i].name);
      return;
    }
  plait__report("%d", answer);
}

bool plait__kit_no_memory(const plait__kit *kit) {
  plait__report_start(kit);
  plait__report(": out of memory");
  return false;
}
